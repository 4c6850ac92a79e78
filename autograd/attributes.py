"""What users read and assign on a `Value`: `data`, `grad` and `label`, with their checks.

The engine, which has checked or computed what it writes, uses `_number`, `_grad` and `_label`
directly.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from autograd import grad_mode, tracing
from autograd.errors import shown
from autograd.reals import as_float
from autograd.tracing import UNKNOWN, is_library

if TYPE_CHECKING:
    from typing_extensions import Self  # type checkers know it; it need not be installed

    from autograd.reals import Plain

__all__ = ["Attributes"]


class Attributes:
    """The attributes of a node, and its text."""

    __slots__ = ("_grad", "_label", "_number")

    _number: float
    _grad: float
    _label: str | None
    op: str

    @property
    def data(self) -> float:
        """The number.

        Assign any real number; it is stored as a float. Assigning a Value is a TypeError: assign
        the Value's own `data` instead. While a function is being traced, the number of a Value from
        outside cannot be read: it is an input of the program, read at each call.
        """
        if grad_mode.open_blocks and not is_library(sys._getframe(1)):
            return tracing.known(self)
        return self._number

    @data.setter
    def data(self, number: Plain) -> None:
        if type(number) is float:
            self._number = number
        elif isinstance(number, Attributes):
            raise TypeError(
                f"Value.data: expected a real number, got a Value: {shown(number)}; its number is "
                "its .data: w.data -= rate * w.grad, where rate and w.grad are numbers"
            )
        else:
            self._number = as_float(number, "Value.data", "a real number")

    @property
    def grad(self) -> float:
        """The derivative of the last output with respect to this node; see the class.

        Assign any real number; None is the same as 0. Gradients of a recorded pass are Values, and
        remain so. While a function is being traced, the gradient of a Value from outside cannot be
        read, unless the function itself has recorded it.
        """
        if grad_mode.open_blocks and not is_library(sys._getframe(1)):
            gradient: float = tracing.known_gradient(self)
            return gradient
        return self._grad

    @grad.setter
    def grad(self, number: Plain | Self | None) -> None:
        if type(number) is float or isinstance(number, Attributes):
            self._grad = number  # type: ignore[assignment]
        else:
            self._grad = 0.0 if number is None else as_float(number, "Value.grad", "a real number")

    @property
    def label(self) -> str | None:
        """A name for errors and drawings, or None."""
        return self._label

    @label.setter
    def label(self, text: str | None) -> None:
        if text is not None and not isinstance(text, str):
            raise TypeError(
                f"Value: a label must be a str or None, got {type(text).__name__}: {shown(text)}"
            )
        self._label = text

    def __repr__(self) -> str:
        op = f", op={self.op!r}" if self.op else ""
        label = f", label={self._label!r}" if self._label is not None else ""
        grad: Any = self._grad  # may be a node whose graph this node is on
        number = grad._number if isinstance(grad, Attributes) else grad
        data = self._number
        if tracing.is_outside(self):
            data = number = UNKNOWN
        return f"Value({data!r}, grad={number!r}{op}{label})"

    def __str__(self) -> str:
        if grad_mode.open_blocks and not is_library(sys._getframe(1)):
            tracing.known(self)
        return repr(self)

    def __format__(self, specification: str) -> str:
        if grad_mode.open_blocks and not is_library(sys._getframe(1)):
            tracing.known(self)
        return format(self._number, specification) if specification else repr(self)
