"""A call as machine code can follow it: what the arguments must be, and what the result is made of.

A pattern is written as words, integers that are read one after the other, so that one piece of code
follows all of them. It describes the common structures; for a call that does not fit exactly, and a
function that has no pattern, `Compiled` does in Python what it always does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from numbers import Integral
from typing import Any, NamedTuple

import numpy

from autograd.compiler.arguments import (
    ArrayPlace,
    NumbersPlace,
    Result,
    _is_number,
    _is_plain,
    _within,
)
from autograd.value import Value

__all__ = ["Callee", "Limits", "Op", "Pattern", "pattern"]

DEPTH = 16
"""How deeply structures may be nested: they are followed by recursion."""
WORDS = 20_000
"""How many words a pattern may have."""


class Op(IntEnum):
    """What a word asks for, and the words after it.

    An argument is a NUMBER (its place, whether an int is one), an ARRAY (its group, the number of
    dimensions, and these), ROWS (likewise; the first dimension may be any), NUMBERS (LIST or TUPLE,
    their number, the place of the first), SAME (the address of an object: it is that one), or a
    LIST, TUPLE or DICTIONARY (the number of items, and their words; each after the address of its
    key).

    The words of all arguments begin with their number. A result likewise, where an ARRAY and ROWS
    have the place of the first number, the number of numbers, and dimensions, and a NUMBER its
    place; WHOLE is an array of all numbers.
    """

    NUMBER = 0
    ARRAY = 1
    ROWS = 2
    LIST = 3
    TUPLE = 4
    DICTIONARY = 5
    SAME = 6
    NUMBERS = 7
    WHOLE = 8


@dataclass(frozen=True)
class Pattern:
    """What a call must be like, and what its result is.

    Attributes:
        takes: The words of the arguments.
        gives: The words of the result.
        kept: The objects whose addresses are among the words.
        has_arrays: Whether the result has an array, but for those of rows.
        whole: The shape of the array that holds all numbers of the result, if there is one.
        loose: How many numbers do not lie in arrays: they are the first group of inputs.
        arrays: How many arrays there are.
        links: For each number of the result that is an output, its place, and which; empty where
            the numbers are the outputs.
        numbers: What the numbers of the result are that are constants; likewise.
        captured: Values, whose numbers are the last group of inputs.
    """

    takes: tuple[int, ...]
    gives: tuple[int, ...]
    kept: tuple[Any, ...]
    has_arrays: bool
    whole: tuple[int, ...]
    loose: int
    arrays: int
    links: tuple[tuple[int, int], ...] = ()
    numbers: tuple[float, ...] = ()
    captured: tuple[Value, ...] = ()


class Limits(NamedTuple):
    """What is the same in all calls by a pattern.

    Attributes:
        most: The most rows.
        long: From how many rows on other threads may run meanwhile.
        is_mean: Whether sums are divided by the number of rows.
        guards: Whether a nan among the outputs is a reason to compute them in another way.
        rows: Whether each row has outputs.
        stride: How far apart these lie; else 1.
    """

    most: int
    long: int
    is_mean: bool
    guards: bool
    rows: bool
    stride: int


class Callee:
    """What has a place, `_last`, for the function that called it last, where machine code finds it.

    That is a function of a tuple of arguments, which gives a result or NotImplemented; or None.
    """

    __slots__ = ("_last",)

    _last: Callable[[tuple[Any, ...]], Any] | None


class _Rare(Exception):  # noqa: N818 (nothing is wrong)
    """There is something that a pattern does not describe."""


def pattern(
    arguments: Sequence[Any], axes: Sequence[Any], result: Result, *, rows: bool
) -> Pattern | None:
    """Describe the calls that run the same program as a call with these arguments.

    Args:
        arguments: Arguments without a Value, which `arguments.taken` takes.
        axes: As for `taken`.
        result: The structure of the result.
        rows: Whether the result has rows.

    Returns:
        The pattern; None for what is too rare.

    Example:
        >>> square = Result(2.0, "square")
        >>> pattern([3.0], [None], square, rows=False).takes  # one: a number, no int
        (1, 0, 0, 0)
        >>> pattern(["a"], [None], square, rows=False).takes[:2]  # or this text
        (1, 6)
    """
    taking, giving = _Taking(), _Giving(rows)
    try:
        taking.words.append(len(arguments))
        for argument, axis in zip(arguments, axes, strict=True):
            if isinstance(argument, (Integral, str)) and axis is None:
                taking.same(argument)
            else:
                taking.part(argument, axis, 1)
        giving.part(result.structure, 0)
        whole = giving.only_array(result.structure)
    except _Rare:
        return None
    if len(taking.words) + len(giving.words) > WORDS:
        return None
    for place in taking.groups if taking.loose else ():
        taking.words[place] += 1  # the loose numbers are the first group
    return Pattern(
        tuple(map(int, taking.words)),
        tuple(map(int, giving.words)),
        (*taking.kept, *giving.kept),
        giving.has_arrays,
        whole,
        taking.loose,
        len(taking.groups),
    )


class _Taking:
    """Goes through arguments in the order of `arguments.taken`."""

    def __init__(self) -> None:
        self.words: list[int] = []
        self.kept: list[Any] = []
        self.loose = 0
        self.groups: list[int] = []  # where the words of the arrays' groups are

    def same(self, argument: Any) -> None:
        self.words += [Op.SAME, id(argument)]
        self.kept.append(argument)

    def part(self, argument: Any, axis: Any, depth: int) -> None:
        kind = type(argument)
        if depth > DEPTH or len(self.words) > WORDS:
            raise _Rare
        if kind in (float, numpy.float64, int) and axis is None:
            # An int that is an argument itself is a constant, and has been dealt with.
            self.words += [Op.NUMBER, self.loose, depth > 1]
            self.loose += 1
        elif kind is numpy.ndarray and argument.ndim:
            self._array(argument, axis)
        elif kind is list or kind is tuple:
            if isinstance(axis, Integral) and _is_plain(argument):
                raise _Rare  # rows of numbers in lists
            op = Op.LIST if kind is list else Op.TUPLE
            if axis is None and {*map(type, argument)} == {float}:
                self.words += [Op.NUMBERS, op, len(argument), self.loose]
                self.loose += len(argument)
                return
            self.words += [op, len(argument)]
            for place, item in enumerate(argument):
                self.part(item, _within(axis, place, ""), depth + 1)
        elif kind is dict:
            self.words += [Op.DICTIONARY, len(argument)]
            for key, item in argument.items():
                self.words.append(id(key))
                self.kept.append(key)
                self.part(item, _within(axis, key, ""), depth + 1)
        elif kind in _NO_NUMBERS or not _may_hold_numbers(argument):
            self.same(argument)
        else:
            raise _Rare

    def _array(self, array: Any, axis: Any) -> None:
        if axis is not None and (type(axis) is not int or axis != 0):
            raise _Rare
        self.groups.append(len(self.words) + 1)
        op = Op.ARRAY if axis is None else Op.ROWS
        self.words += [op, len(self.groups) - 1, array.ndim, *array.shape]


_NO_NUMBERS = (bool, str, bytes, type(None))


def _may_hold_numbers(argument: Any) -> bool:
    """Whether `arguments.taken` may find numbers in an object: if not, it is told by itself."""
    return (
        isinstance(argument, (list, tuple))
        or hasattr(argument, "keys")
        or hasattr(argument, "named_parameters")
        or hasattr(argument, "__array__")
        or _is_number(argument)
    )


class _Giving:
    """Goes through the structure of a result."""

    def __init__(self, rows: bool) -> None:
        self.rows = rows
        self.has_arrays = False
        self.words: list[int] = []
        self.kept: list[Any] = []

    def part(self, part: Any, depth: int) -> None:
        kind = type(part)
        if depth > DEPTH or len(self.words) > WORDS:
            raise _Rare
        if kind is slice:
            self._number(part.start)
        elif kind is ArrayPlace:
            shape = (0, *part.shape) if self.rows else part.shape
            op = Op.ROWS if self.rows else Op.ARRAY
            self.has_arrays |= not self.rows
            self.words += [op, part.start, part.stop - part.start, len(shape), *shape]
        elif kind is NumbersPlace:
            op = Op.LIST if part.kind is list else Op.TUPLE
            if self.rows:
                self.words += [op, part.stop - part.start]
                for place in range(part.start, part.stop):
                    self._number(place)
            else:
                self.words += [Op.NUMBERS, op, part.stop - part.start, part.start]
        elif kind is list or kind is tuple:
            self.words += [Op.LIST if kind is list else Op.TUPLE, len(part)]
            for item in part:
                self.part(item, depth + 1)
        elif kind is dict:
            self.words += [Op.DICTIONARY, len(part)]
            for key, item in part.items():
                self.words.append(id(key))
                self.kept.append(key)
                self.part(item, depth + 1)
        elif part is None:
            self.words += [Op.SAME, id(None)]
        else:
            raise _Rare  # a named tuple, a mapping of another type

    def only_array(self, structure: Any) -> tuple[int, ...]:
        """Take the result as it is made, where it is one array."""
        if type(structure) is not ArrayPlace or self.rows or 0 in structure.shape:
            return ()
        self.words = [Op.WHOLE]
        return structure.shape

    def _number(self, place: int) -> None:
        if self.rows:
            self.words += [Op.ROWS, place, 1, 1, 0]
        else:
            self.words += [Op.NUMBER, place]
