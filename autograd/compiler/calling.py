"""Patterns of calls for machine code: what the arguments must be, and what the result is made of.

A pattern is written as words: integers that are read one after the other, so that the same code
interprets all patterns. Patterns describe the common structures. If a call does not match exactly,
or a function has no pattern, `Compiled` handles the call in Python as usual.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain
from numbers import Integral
from typing import Any, NamedTuple

import numpy

from autograd.compiler.arguments import Part, children, is_number
from autograd.compiler.results import ArrayPlace, NumbersPlace, Place, Result, SparsePlace
from autograd.tree import Keys, Opened, TreeDef, flatten
from autograd.value import Value

__all__ = ["Callee", "Limits", "Op", "Pattern", "pattern"]

DEPTH = 16
"""How deeply structures may be nested, because they are walked by recursion."""
WORDS = 20_000
"""The maximum number of words in a pattern."""


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
        loose: How many numbers lie outside arrays; they are the first group of inputs.
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
    """What all calls by a pattern have in common.

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
        takes = taking.arguments(arguments, axes)
        gives = giving.result(result)
    except _Rare:
        return None
    if len(takes) + len(gives) > WORDS:
        return None
    return Pattern(
        tuple(map(int, takes)),
        tuple(map(int, gives)),
        (*taking.kept, *giving.kept),
        giving.has_arrays,
        giving.shape,
        taking.loose,
        len(taking.arrays),
    )


class _Writing:
    """Writes the words of structures, and keeps the objects whose addresses are among them."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def same(self, constant: Any) -> list[int]:
        self.kept.append(constant)
        return [Op.SAME, id(constant)]

    def whole(self, tree: TreeDef, leaves: list[list[int]]) -> list[int]:
        words: list[int] = tree.fold(leaves, self.container)
        return words

    def container(self, kind: type, keys: Keys, parts: list[list[int]]) -> list[int]:
        if kind is list or kind is tuple:
            return [Op.LIST if kind is list else Op.TUPLE, len(parts), *chain.from_iterable(parts)]
        if kind is dict:
            self.kept += keys
            pairs = zip(keys, parts, strict=True)
            items = [word for key, part in pairs for word in (id(key), *part)]
            return [Op.DICTIONARY, len(keys), *items]
        if kind is type(None):
            return self.same(None)
        raise _Rare  # a named tuple, a mapping of another type


class _Taking(_Writing):
    """Walks the arguments in the order of `arguments.taken`."""

    def __init__(self) -> None:
        super().__init__()
        self.loose = 0
        self.arrays: list[list[int]] = []  # the words of each

    def arguments(self, arguments: Sequence[Any], axes: Sequence[Any]) -> list[int]:
        trees, leaves = [], []
        for argument, axis in zip(arguments, axes, strict=True):
            parts, tree = flatten(Part(argument, axis, ""), children_of=_children)
            if tree.depth >= DEPTH or tree.count > WORDS:
                raise _Rare
            trees.append(tree)
            leaves.append([self.leaf(part, is_whole=not tree.depth) for part in parts])
        if self.loose:  # which are the first group
            for array in self.arrays:
                array[1] += 1
        each = [self.whole(*pair) for pair in zip(trees, leaves, strict=True)]
        return [len(arguments), *chain.from_iterable(each)]

    def leaf(self, part: Part, is_whole: bool) -> list[int]:
        value, axis, _ = part
        kind = type(value)
        if kind is list or kind is tuple:
            if axis is not None:
                raise _Rare  # rows of numbers in lists
            self.loose += len(value)
            op = Op.LIST if kind is list else Op.TUPLE
            return [Op.NUMBERS, op, len(value), self.loose - len(value)]
        if is_whole and isinstance(value, (Integral, str)) and axis is None:
            return self.same(value)
        if kind in (float, numpy.float64, int) and axis is None:
            self.loose += 1
            return [Op.NUMBER, self.loose - 1, not is_whole]
        if kind is numpy.ndarray and value.ndim:
            if axis is not None and (type(axis) is not int or axis != 0):
                raise _Rare
            op = Op.ARRAY if axis is None else Op.ROWS
            self.arrays.append([op, len(self.arrays), value.ndim, *value.shape])
            return self.arrays[-1]
        if kind in _NO_NUMBERS or not _may_hold_numbers(value):
            return self.same(value)
        raise _Rare


def _children(part: Part) -> Opened | None:
    value, axis, _ = part
    if type(value) not in (list, tuple, dict):
        return None
    is_numbers = axis is None and type(value) is not dict and {*map(type, value)} == {float}
    return None if is_numbers else children(part)


_NO_NUMBERS = (bool, str, bytes, type(None))


def _may_hold_numbers(argument: Any) -> bool:
    """Whether `arguments.taken` may find numbers in an object; if not, its identity counts."""
    return (
        isinstance(argument, (list, tuple))
        or hasattr(argument, "keys")
        or hasattr(argument, "named_parameters")
        or hasattr(argument, "__array__")
        or is_number(argument)
    )


class _Giving(_Writing):
    """Walks the structure of a result."""

    def __init__(self, rows: bool) -> None:
        super().__init__()
        self.rows = rows
        self.has_arrays = False
        self.shape: tuple[int, ...] = ()  # of the array that is the whole result

    def result(self, result: Result) -> list[int]:
        if result.tree.depth > DEPTH or result.tree.count > WORDS:
            raise _Rare
        words = self.whole(result.tree, [self.leaf(place) for place in result.places])
        only = result.places[0] if not result.tree.depth else None
        if not isinstance(only, ArrayPlace) or self.rows or 0 in only.shape:
            return words
        self.shape = only.shape  # taken as it is made
        return [Op.WHOLE]

    def leaf(self, place: Place) -> list[int]:
        if isinstance(place, ArrayPlace):
            shape = (0, *place.shape) if self.rows else place.shape
            self.has_arrays |= not self.rows
            op = Op.ROWS if self.rows else Op.ARRAY
            return [op, place.start, place.stop - place.start, len(shape), *shape]
        if isinstance(place, NumbersPlace):
            if not self.rows:
                op = Op.LIST if place.kind is list else Op.TUPLE
                return [Op.NUMBERS, op, place.stop - place.start, place.start]
            numbers = [self._number(start) for start in range(place.start, place.stop)]
            return self.container(place.kind, range(len(numbers)), numbers)
        if isinstance(place, SparsePlace):
            raise _Rare
        return self._number(place.start)

    def _number(self, place: int) -> list[int]:
        return [Op.ROWS, place, 1, 1, 0] if self.rows else [Op.NUMBER, place]
