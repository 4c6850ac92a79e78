"""Signatures of the functions made from the table, for type checkers.

Given plain numbers a function returns a float; given a Value among its operands, a Value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, overload

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autograd.reals import Plain
    from autograd.value import Operand, Value

__all__ = ["Binary", "Choice", "OfSequence", "Parametric", "Unary"]


class Unary(Protocol):
    """A function of one operand."""

    @overload
    def __call__(self, x: Value, /) -> Value: ...
    @overload
    def __call__(self, x: Plain, /) -> float: ...


class Binary(Protocol):
    """A function of two operands."""

    @overload
    def __call__(self, x1: Value, x2: Operand, /) -> Value: ...
    @overload
    def __call__(self, x1: Plain, x2: Value, /) -> Value: ...
    @overload
    def __call__(self, x1: Plain, x2: Plain, /) -> float: ...


class Parametric(Protocol):
    """A function of one operand and parameters."""

    @overload
    def __call__(self, x: Value, /, *parameters: Operand, **named: Operand) -> Value: ...
    @overload
    def __call__(self, x: Plain, /, *parameters: Plain, **named: Plain) -> float: ...
    @overload
    def __call__(self, x: Plain, /, *parameters: Operand, **named: Operand) -> Value | float: ...


class Choice(Protocol):
    """A choice between two operands."""

    @overload
    def __call__(self, condition: Operand | bool, x1: Value, x2: Operand, /) -> Value: ...
    @overload
    def __call__(self, condition: Operand | bool, x1: Plain, x2: Value, /) -> Value: ...
    @overload
    def __call__(self, condition: Operand | bool, x1: Plain, x2: Plain, /) -> Value | float: ...


class OfSequence(Protocol):
    """A function of the operands in one iterable."""

    @overload
    def __call__(self, xs: Iterable[Value], /) -> Value: ...
    @overload
    def __call__(self, xs: Iterable[Plain], /) -> float: ...
    @overload
    def __call__(self, xs: Iterable[Operand], /) -> Value | float: ...
