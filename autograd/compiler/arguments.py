"""The arguments and results of compiled functions: nested structures, and arrays of their numbers.

A program depends on the structure of the arguments, on their shapes, and on those that are no
numbers: two calls that agree in all of this, in their `key`, run the same program.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Number, Real
from typing import Any

import numpy

from autograd import structure
from autograd.compiler.layout import Group, Layout
from autograd.errors import counted, refuse_mask, shown
from autograd.reals import as_float
from autograd.transforms import _live
from autograd.tree import mapping_like
from autograd.value import Value

__all__ = [
    "Arguments",
    "ArrayPlace",
    "HoldsValues",
    "NumbersPlace",
    "Result",
    "Static",
    "rebuilt",
    "taken",
]

_DOUBLE = numpy.dtype(float)

Axes = Any  # int | None | a structure of such


class HoldsValues(Exception):  # noqa: N818 (it tells the caller what there is; nothing is wrong)
    """Among the arguments are Values, which a graph is to be recorded for."""


class Static:
    """An argument that is no number: a program is made for it.

    Plain values that cannot change are told by type and value: numbers, texts, None, and tuples and
    frozen sets of such. Whatever else there is, is told by identity: that two objects are equal
    does not mean that a function reads the same from both.

    Raises:
        TypeError: It cannot be hashed: it may change, and the program would not.
    """

    __slots__ = ("hash", "told_by", "value")

    def __init__(self, value: Any) -> None:
        self.value = value  # and kept, so that no other object has its identity
        try:
            hash(value)
        except TypeError:
            raise TypeError(
                f"compile: an argument is a {type(value).__name__}, which may change while the "
                f"program stays the same: {shown(value)}; pass a tuple, or read it from a closure"
            ) from None
        self.told_by = _told_by(value)
        self.hash = hash(self.told_by)

    def __hash__(self) -> int:
        return self.hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Static):
            return NotImplemented
        return self.told_by == other.told_by

    def __repr__(self) -> str:
        return shown(self.value)


_PLAIN = (int, str, bool, type(None), bytes)


def _told_by(value: Any) -> Hashable:
    """Give what two values share if a function cannot tell them from each other."""
    kind = type(value)
    if kind in _PLAIN:
        return kind, value
    if kind is range:  # two that hold the same numbers may end in different places
        return kind, value.start, value.stop, value.step
    if kind is float:
        return kind, value.hex()  # which tells the zeros apart
    if kind is tuple or kind is frozenset:
        return kind, kind(map(_told_by, value))
    if isinstance(value, (Real, numpy.generic)) and not hasattr(value, "__dict__"):
        return kind, value
    return id(value)


@dataclass(slots=True)
class Arguments:
    """The arguments of one call, as arrays of numbers.

    Attributes:
        key: What the program depends on.
        arrays: One for each array and model, and the first for all other numbers, if there are any.
            Those that vary have a row of numbers for each row.
        rows: The number of rows, None where nothing varies.
    """

    key: Hashable = ()
    arrays: list[Any] = field(default_factory=list)
    rows: int | None = None

    def layout(self) -> Layout:
        """Describe the arrays."""
        groups = tuple([Group(array.shape[-1], array.ndim == 2) for array in self.arrays])
        return Layout(groups, self.rows is not None)


# --- taking arguments apart ----------------------------------------------------------------------


def taken(name: str, arguments: Sequence[Any], axes: Sequence[Axes]) -> Arguments:
    """Take the numbers out of arguments.

    Args:
        name: The function, for errors.
        arguments: Its arguments.
        axes: For each the axis along which it varies from row to row, None if it does not; or a
            structure of such.

    Returns:
        The numbers, and what the program depends on besides.

    Raises:
        HoldsValues: There is a Value among the numbers.
        TypeError: There is something that cannot vary from row to row.
        ValueError: Arrays have different numbers of rows, or no such axis.

    Example:
        >>> taken("f", [2.0, numpy.ones((3, 2))], [None, 0]).key
        ('number', ('rows', (2,)))
    """
    found = Arguments()
    loose: list[float] = []
    keys: list[Hashable] = []
    for argument, axis in zip(arguments, axes, strict=True):
        if type(argument) is numpy.ndarray and (key := _as_it_lies(argument, axis, found)):
            keys.append(key)
        elif isinstance(argument, (Integral, str)) and axis is None:
            keys.append(Static(argument))
        else:
            place = len(keys)
            try:
                keys.append(_taken(f"{name}: argument {place}", argument, axis, found, loose))
            except RecursionError:
                raise ValueError(f"{name}: argument {place} is nested too deeply") from None
    if loose:
        found.arrays.insert(0, numpy.array(loose))
    found.key = tuple(keys)
    return found


def _taken(path: str, argument: Any, axis: Axes, found: Arguments, loose: list[float]) -> Hashable:
    if type(argument) is float and axis is None:
        loose.append(argument)
        return "number"
    if type(argument) is numpy.ndarray and argument.ndim:
        return _array(path, argument, axis, found)
    if isinstance(argument, Value):
        raise HoldsValues
    if isinstance(argument, Mapping):
        factory = None if type(argument) is dict else getattr(argument, "default_factory", None)
        if factory is not None:
            inner = _taken(path, {**argument}, axis, found, loose)
            return type(argument), Static(factory), inner
        return (
            type(argument),
            *[
                (
                    key if type(key) is str else Static(key),
                    _taken(f"{path}[{key!r}]", part, _within(axis, key, path), found, loose),
                )
                for key, part in argument.items()
            ],
        )
    if isinstance(argument, (list, tuple)):
        if isinstance(axis, Integral) and _is_plain(argument):
            # Which is not a list of arrays, though it may hold the same numbers.
            return "stacked", type(argument), _array(path, _as_array(path, argument), axis, found)
        return (
            type(argument),
            *[
                _taken(f"{path}[{i}]", part, _within(axis, i, path), found, loose)
                for i, part in enumerate(argument)
            ],
        )
    if callable(getattr(argument, "parameters", None)) and hasattr(argument, "named_parameters"):
        if axis is not None:
            raise TypeError(
                f"{path}: a model does not vary from row to row: in_axes must have None for it, "
                f"and has {shown(axis)}"
            )
        parameters = argument.parameters()
        if any(parameter.parents or parameter in _live for parameter in parameters):
            raise HoldsValues  # a model that is being differentiated, or traced
        found.arrays.append(
            numpy.array([parameter._number for parameter in parameters], dtype=float)
        )
        return Static(argument), tuple(map(id, parameters))  # which may be replaced
    if hasattr(argument, "__array__") and getattr(argument, "shape", None):
        refuse_mask(path, argument)
        return _array(path, numpy.asarray(argument), axis, found)
    if isinstance(argument, bool) or not _is_number(argument):
        return Static(argument)
    if axis is not None:
        raise TypeError(
            f"{path} is a single number, {shown(argument)}, and in_axes gives it the axis "
            f"{shown(axis)}: pass an array or list with one item for each row, or None as its axis"
        )
    loose.append(as_float(argument, path))
    return "number"


def _is_number(argument: Any) -> bool:
    if isinstance(argument, (Real, Number)):
        return True
    if getattr(argument, "shape", None) == ():
        refuse_mask("compile: an argument", argument)
        return True
    return False


def _is_plain(argument: Any) -> bool:
    """Whether there are only numbers in nested lists."""
    if isinstance(argument, (list, tuple)):
        return all(map(_is_plain, argument))
    return _is_number(argument) and not isinstance(argument, Value)


def _as_array(path: str, argument: Any) -> Any:
    try:
        return numpy.array(argument, dtype=float)
    except (
        TypeError,
        ValueError,
    ) as error:  # something in it is no number, or lists differ in length
        raise type(error)(
            f"{path} is not an array of real numbers: its rows differ in length, or something in "
            f"it is not a number ({error})"
        ) from None


def _as_it_lies(array: Any, axis: Axes, found: Arguments) -> Hashable:
    """Take an array of doubles, the hot case; None where it is not rows of numbers already."""
    if not (array.dtype is _DOUBLE and axis == 0 and array.ndim in (1, 2)):
        return None
    rows = len(array)
    if not array.flags.c_contiguous or rows != (rows if found.rows is None else found.rows):
        return None
    found.rows = rows
    found.arrays.append(array if array.ndim == 2 else array.reshape(rows, 1))
    return "rows", array.shape[1:]


def _array(path: str, array: Any, axis: Axes, found: Arguments) -> Hashable:
    """Take an array: flat, or as rows."""
    if array.dtype == object:
        if any(isinstance(x, Value) for x in array.flat):
            raise HoldsValues
        if all(map(_is_number, array.flat)):
            array = _as_array(path, array.tolist())
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{path}: expected an array of real numbers, got one of the dtype {array.dtype}"
        )
    if axis is None:
        found.arrays.append(numpy.ascontiguousarray(array, dtype=float).reshape(-1))
        return "array", array.shape
    if not isinstance(axis, Integral):
        raise TypeError(
            f"{path}: in_axes has {shown(axis)} for an array: an axis must be an int or None"
        )
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(
            f"{path} has {counted(array.ndim, 'dimension')}, and in_axes asks for its axis "
            f"{shown(axis)}"
        )
    if axis:
        array = numpy.moveaxis(array, axis, 0)
    rows = array.shape[0]
    if found.rows is None:
        found.rows = rows
    elif found.rows != rows:
        raise ValueError(
            f"{path} has {counted(rows, 'row')}, and an argument before it has {found.rows:,}: all "
            "must have the same number of rows"
        )
    shape = array.shape[1:]
    width = 1
    for size in shape:
        width *= size
    found.arrays.append(numpy.ascontiguousarray(array, dtype=float).reshape(rows, width))
    return "rows", shape


def _within(axis: Axes, key: Any, path: str) -> Axes:
    """Give the axis of a part of a structure."""
    if axis is None or isinstance(axis, Integral):
        return axis
    try:
        return axis[key]
    except (LookupError, TypeError):
        raise ValueError(
            f"{path}: in_axes has no axis for its part {shown(key)}: {shown(axis)}"
        ) from None


# --- putting them together again -----------------------------------------------------------------


def rebuilt(
    names: Sequence[str],
    arguments: Sequence[Any],
    axes: Sequence[Axes],
    number: Callable[[int, int, str], Value],
) -> list[Any]:
    """Make the arguments of one row, with a Value in the place of each number.

    Args:
        names: What the arguments are called.
        arguments: The arguments.
        axes: As for `taken`, which numbers the arrays alike.
        number: Makes the Value, of the number of its array, its place there, and the path to it.

    Returns:
        The arguments of one row.
    """
    rebuilding = _Rebuilding(number)
    rebuilding.array = int(any(_has_loose(*pair) for pair in zip(arguments, axes, strict=True)))
    return [
        argument
        if isinstance(argument, (Integral, str)) and axis is None
        else rebuilding.part(name, argument, axis)
        for name, argument, axis in zip(names, arguments, axes, strict=True)
    ]


def _has_loose(argument: Any, axis: Axes) -> bool:
    if isinstance(argument, (Integral, str)) and axis is None:
        return False
    found = Arguments()
    loose: list[float] = []
    _taken("", argument, axis, found, loose)
    return bool(loose)


class _Rebuilding:
    """Goes through arguments in the order of `_taken`."""

    def __init__(self, number: Callable[[int, int, str], Value]) -> None:
        self.number = number
        self.loose = 0
        self.array = 0

    def part(self, path: str, argument: Any, axis: Axes) -> Any:
        if isinstance(argument, Mapping):
            items = {
                key: self.part(f"{path}[{key!r}]", part, _within(axis, key, path))
                for key, part in argument.items()
            }
            return items if type(argument) is dict else mapping_like(argument, items)
        if isinstance(argument, (list, tuple)):
            if isinstance(axis, Integral) and _is_plain(argument):
                row = self._of_array(path, numpy.array(argument, dtype=float), axis)
                return row.tolist() if isinstance(row, numpy.ndarray) else row
            parts = [
                self.part(f"{path}[{i}]", part, _within(axis, i, path))
                for i, part in enumerate(argument)
            ]
            if hasattr(argument, "_fields"):  # a named tuple
                return type(argument)(*parts)
            return parts if isinstance(argument, list) else tuple(parts)
        if callable(getattr(argument, "parameters", None)) and hasattr(
            argument, "named_parameters"
        ):
            group, place = self.array, -1
            self.array += 1

            def node(path: str, stands_for: Any, parameter: bool) -> Value:
                nonlocal place
                place += 1
                value = self.number(group, place, path)
                value.op = stands_for.op
                return value

            return structure.rebuilt(argument, path, node)
        if getattr(argument, "shape", None):
            return self._of_array(path, numpy.asarray(argument), axis)
        if isinstance(argument, bool) or not _is_number(argument):
            return argument
        self.loose += 1
        return self.number(0, self.loose - 1, path)

    def _of_array(self, path: str, array: Any, axis: Axes) -> Any:
        shape = array.shape if axis is None else numpy.moveaxis(array, axis, 0).shape[1:]
        group = self.array
        self.array += 1
        if not shape:
            return self.number(group, 0, path)
        values = numpy.empty(shape, dtype=object)
        for place, index in enumerate(numpy.ndindex(*shape)):
            values[index] = self.number(group, place, f"{path}[{', '.join(map(str, index))}]")
        return values


# --- results -------------------------------------------------------------------------------------


class Result:
    """The structure of what a function returned.

    Attributes:
        numbers: The numbers in it, Values or floats, in order.

    Args:
        result: What it returned.
        name: The function, for errors.

    Raises:
        TypeError: There is something in it that is no number.

    Example:
        >>> result = Result({"a": Value(1.0), "b": [2.0, Value(3.0)]}, "f")
        >>> result.filled(numpy.array([4.0, 5.0, 6.0]))
        {'a': 4.0, 'b': [5.0, 6.0]}
    """

    def __init__(self, result: Any, name: str) -> None:
        self.numbers = [number for _, number in structure.outputs(result, name)]
        count = 0

        def number(path: str, part: Any) -> slice:
            nonlocal count
            count += 1
            return slice(count - 1, count)

        def array(path: str, part: Any) -> ArrayPlace:
            nonlocal count
            count += part.size
            return ArrayPlace(count - part.size, count, part.shape)

        def model(path: str, part: Any) -> dict[str, slice]:
            return {name: number("", None) for name, _ in part.named_parameters()}

        visit = structure.Visit(number, array, model)
        self.structure = _gathered(structure.visited(result, "", visit))

    def filled(self, numbers: Any, rows: bool = False) -> Any:
        """Put numbers into the structure.

        Args:
            numbers: An array: a number for each number in the result, or an array of rows for each.
            rows: Whether there are rows.

        Returns:
            The result: floats and arrays, or arrays with a first dimension of rows.
        """
        return _filled(self.structure, numbers, rows)

    @classmethod
    def of_structure(cls, structure: Any) -> Result:
        """Make one of the structure of another."""
        result = cls.__new__(cls)
        result.structure, result.numbers = structure, []
        return result


@dataclass(frozen=True)
class ArrayPlace:
    """The place of an array among the numbers of a result."""

    start: int
    stop: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class NumbersPlace:
    """The place of a list or tuple of numbers."""

    start: int
    stop: int
    kind: type


def _gathered(part: Any) -> Any:
    """Put one place where there is a list of places of numbers, which is often long."""
    if isinstance(part, Mapping):
        items = {key: _gathered(inner) for key, inner in part.items()}
        return items if type(part) is dict else mapping_like(part, items)
    if not isinstance(part, (list, tuple)):
        return part
    if type(part) in (list, tuple) and part and all(type(inner) is slice for inner in part):
        return NumbersPlace(part[0].start, part[-1].stop, type(part))
    parts = [_gathered(inner) for inner in part]
    return type(part)(*parts) if hasattr(part, "_fields") else type(part)(parts)


def _filled(part: Any, numbers: Any, rows: bool) -> Any:
    kind = type(part)
    if kind is slice:
        return numbers[part.start] if rows else numbers.item(part.start)
    if kind is ArrayPlace:
        block = numbers[part.start : part.stop]
        if rows:
            return block.T.reshape(numbers.shape[1], *part.shape)
        return block.reshape(part.shape)
    if kind is NumbersPlace:
        block = numbers[part.start : part.stop]
        return part.kind(block if rows else block.tolist())
    if kind is dict:
        return {key: _filled(inner, numbers, rows) for key, inner in part.items()}
    if kind is list or kind is tuple:
        return kind([_filled(inner, numbers, rows) for inner in part])
    if isinstance(part, Mapping):
        items = {key: _filled(inner, numbers, rows) for key, inner in part.items()}
        return mapping_like(part, items)
    if isinstance(part, tuple):
        return kind(*[_filled(inner, numbers, rows) for inner in part])
    return part
