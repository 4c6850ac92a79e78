"""Patterns of calls for machine code: what the arguments must be, and what the result is made of.

A pattern is written as words: integers that are read one after the other, so that the same code
interprets all patterns. Patterns describe the common structures. If a call does not match exactly,
or a function has no pattern, `Compiled` handles the call in Python as usual.
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
"""How deeply structures may be nested, as they are walked by recursion."""
WORDS = 20_000
"""The most words that a pattern may have."""


class Op(IntEnum):
    """What a word means, and which words follow it.

    An argument is one of these, followed by the words in parentheses: a NUMBER (its place, and
    whether it may be an int), an ARRAY (its group, the number of dimensions, and these), ROWS (the
    same; the first dimension may have any size), NUMBERS (LIST or TUPLE, how many they are, and the
    place of the first), SAME (the address of the object that it must be), or a LIST, TUPLE or
    DICTIONARY (the number of items, and their words; in a dictionary, the address of the key is in
    front of each).

    The words of the arguments begin with the number of arguments. In a result, ARRAY and ROWS are
    followed by the place of the first number, the number of numbers, and the dimensions, and NUMBER
    by its place; WHOLE is an array of all numbers.
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
    """What a call must look like, and what its result is.

    Attributes:
        takes: The words of the arguments.
        gives: The words of the result.
        kept: The objects whose addresses are among the words; they are kept alive.
        has_arrays: Whether the result has an array, other than of rows.
        whole: The shape of the array that holds all numbers of the result, if there is one.
        loose: How many numbers do not lie in arrays: they are the first group of inputs.
        arrays: How many arrays there are.
        links: For each number of the result that is an output, its place, and the output; empty if
            the numbers are the outputs in their order.
        numbers: The constants among the numbers of the result; empty in the same case.
        captured: Values from outside, whose numbers are the last group of inputs.
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
        most: The largest number of rows.
        long: From how many rows on the GIL is released.
        is_mean: Whether sums are divided by the number of rows.
        guards: Whether the outputs must be computed again, with guards, if one of them is nan.
        rows: Whether each row has outputs.
        stride: If so, how far apart the outputs lie; otherwise 1.
    """

    most: int
    long: int
    is_mean: bool
    guards: bool
    rows: bool
    stride: int


class Callee:
    """Has a slot, `_last`, in which machine code finds the function that made the last call.

    It is a function of a tuple of arguments, which returns a result or NotImplemented; or None.
    """

    __slots__ = ("_last",)

    _last: Callable[[tuple[Any, ...]], Any] | None


class _Rare(Exception):  # noqa: N818 (it is not an error)
    """A structure is too rare for patterns."""


def pattern(
    arguments: Sequence[Any], axes: Sequence[Any], result: Result, *, rows: bool
) -> Pattern | None:
    """Describe the calls that run the same program as a call with these arguments.

    Args:
        arguments: Arguments without Values, in a form that `arguments.taken` accepts.
        axes: As for `taken`.
        result: The structure of the result.
        rows: Whether the result has rows.

    Returns:
        The pattern; None if a structure is too rare.

    Example:
        >>> square = Result(2.0, "square")
        >>> pattern([3.0], [None], square, rows=False).takes  # one argument: a float
        (1, 0, 0, 0)
        >>> pattern(["a"], [None], square, rows=False).takes[:2]  # one argument: this very string
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
    """Walks the arguments in the order of `arguments.taken`."""

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
            # An int passed directly is a constant, and has been handled already.
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
    """Whether `arguments.taken` may find numbers in an object; if not, its identity counts."""
    return (
        isinstance(argument, (list, tuple))
        or hasattr(argument, "keys")
        or hasattr(argument, "named_parameters")
        or hasattr(argument, "__array__")
        or _is_number(argument)
    )


class _Giving:
    """Walks the structure of a result."""

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
        """Return the shape of the result, if it is a single array; it is returned as it is."""
        if type(structure) is not ArrayPlace or self.rows or 0 in structure.shape:
            return ()
        self.words = [Op.WHOLE]
        return structure.shape

    def _number(self, place: int) -> None:
        if self.rows:
            self.words += [Op.ROWS, place, 1, 1, 0]
        else:
            self.words += [Op.NUMBER, place]
