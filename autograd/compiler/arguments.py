"""The arguments of compiled functions: nested structures, and arrays of the numbers in them.

A program depends on the structure of the arguments, on their shapes, and on those that are not
numbers: two calls that agree in all of this, in their `key`, run the same program.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count, islice, repeat
from numbers import Integral, Number, Real
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy

from autograd import structure, tree
from autograd.cluster.collections import is_collection
from autograd.cluster.rows import Rows
from autograd.compiler.layout import Group, Layout
from autograd.errors import counted, refuse_mask, shown
from autograd.reals import as_float
from autograd.transforms import _live
from autograd.tree import CONTAINERS, Opened, TreeDef, flatten
from autograd.value import Value

__all__ = [
    "Arguments", "HoldsRows", "HoldsValues", "Nested", "Part", "Static", "children", "is_number",
    "is_stacked", "kind_of", "rebuilt", "taken",
]  # fmt: skip

_DOUBLE = numpy.dtype(float)

Axes = Any  # int | None | a structure of such


class HoldsRows(Exception):  # noqa: N818 (as below)
    """There are rows among the arguments that are read chunk by chunk."""


class HoldsValues(Exception):  # noqa: N818 (it tells the caller what there is; nothing is wrong)
    """There are Values among the arguments, so a graph must be recorded."""


class Static:
    """An argument that is not a number, as a part of the key.

    Plain immutable values are compared by type and value: numbers, texts, None, and tuples and
    frozen sets of these. Everything else is compared by identity: that two objects are equal does
    not mean that a function reads the same from both.

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
    """Return a key that two values share if a function cannot distinguish them."""
    kind = type(value)
    if kind in _PLAIN:
        return kind, value
    if kind is range:  # two that hold the same numbers may end in different places
        return kind, value.start, value.stop, value.step
    if kind is float:
        return kind, value.hex()  # which distinguishes the two zeros
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
        rows: The number of rows; None if nothing varies.
        keeps: Whether there may be Values among the numbers, in arrays of objects.
        is_live: Whether a model among them is being differentiated: it is a copy, and a program
            belongs to one model.
    """

    key: Hashable = ()
    arrays: list[Any] = field(default_factory=list)
    rows: int | None = None
    keeps: bool = False
    is_live: bool = False

    def layout(self) -> Layout:
        """Describe the arrays."""
        groups = tuple([Group(array.shape[-1], array.ndim == 2) for array in self.arrays])
        return Layout(groups, self.rows is not None)


# --- taking arguments apart ----------------------------------------------------------------------


def taken(
    name: str, arguments: Sequence[Any], axes: Sequence[Axes], keep: bool = False
) -> Arguments:
    """Take the numbers out of arguments.

    Args:
        name: The function, for errors.
        arguments: Its arguments.
        axes: For each, the axis along which it varies from row to row, None if it does not; or a
            structure of these.
        keep: Whether to keep Values among the numbers, in arrays of objects.

    Returns:
        The numbers, and everything else that the program depends on.

    Raises:
        HoldsValues: There is a Value among the numbers, and they are not to be kept.
        TypeError: There is something that cannot vary from row to row.
        ValueError: Arrays have different numbers of rows, or no such axis.

    Example:
        >>> taken("f", [2.0, numpy.ones((3, 2))], [None, 0]).key
        ('number', ('rows', (2,)))
    """
    found = Arguments(keeps=keep)
    loose: list[float] = []
    keys: list[Hashable] = []
    for argument, axis in zip(arguments, axes, strict=True):
        if type(argument) is float and axis is None:
            loose.append(argument)
            keys.append("number")
        elif type(argument) is numpy.ndarray and (key := _as_it_lies(argument, axis, found)):
            keys.append(key)
        elif isinstance(argument, (Integral, str)) and axis is None:
            keys.append(Static(argument))
        else:
            keys.append(_taken(f"{name}: argument {len(keys)}", argument, axis, found, loose))
    if loose:
        found.arrays.insert(0, _of_objects(loose) if keep else numpy.array(loose))
    found.key = tuple(keys)
    return found


class Nested(NamedTuple):
    """The parts of a nested argument that a program depends on.

    Attributes:
        tree: Its structure.
        told: What equal structures may still differ in: keys that are not texts, and defaults.
        leaves: For each leaf, what the program depends on.
    """

    tree: TreeDef
    told: tuple[Static, ...]
    leaves: tuple[Hashable, ...]

    @classmethod
    def of(cls, tree: TreeDef, leaves: tuple[Hashable, ...]) -> Hashable:
        """Join a structure and its leaves; a leaf alone stays as it is."""
        if not tree.depth:
            return leaves[0]
        told = [
            Static(key)
            for _, keys in tree.containers()
            if type(keys) is tuple  # a mapping
            for key in keys
            if type(key) is not str
        ]
        if tree.mappings:
            factories = [getattr(mapping, "default_factory", None) for mapping in tree.mappings]
            told += [Static(factory) for factory in factories if factory is not None]
        return cls(tree, tuple(told), leaves)


class Part(NamedTuple):
    """A part of an argument.

    Attributes:
        value: The part.
        axis: The axis along which it varies, or a structure of these.
        path: Its path, for errors.
    """

    value: Any
    axis: Axes
    path: str


def children(part: Part) -> Opened | None:
    """Open a part that is a container; a list of numbers that varies from row to row is an array.

    Raises:
        ValueError: There is no axis for a part of it.
    """
    value, axis, path = part
    if type(value) in _LEAVES or not isinstance(value, CONTAINERS) or is_stacked(value, axis):
        return None
    opened = tree.children(value)
    if opened is None:
        return None
    kind, keys, parts, mapping = opened
    pairs = zip(keys, parts, strict=True)
    inner = [Part(item, _within(axis, key, path), f"{path}[{key!r}]") for key, item in pairs]
    return kind, keys, inner, mapping


_LEAVES = {float, numpy.ndarray}  # which are common


def is_stacked(part: Any, axis: Axes) -> bool:
    """Whether a part of an argument is an array of rows, in lists."""
    return (
        isinstance(part, (list, tuple))
        and isinstance(axis, Integral)
        and all(
            isinstance(x, Value) or is_number(x) for x in flatten(part, children_of=_sequences)[0]
        )
    )


def _sequences(part: Any) -> Opened | None:
    return tree.children(part) if isinstance(part, (list, tuple)) else None


def _of_objects(numbers: Sequence[Any]) -> Any:
    """Make an array of floats, or of objects if there are Values among the numbers."""
    if not any(isinstance(x, Value) for x in numbers):
        return numpy.array(numbers, dtype=float)
    array = numpy.empty(len(numbers), dtype=object)
    for place, x in enumerate(numbers):
        array[place] = x
    return array


def _taken(path: str, argument: Any, axis: Axes, found: Arguments, loose: list[float]) -> Hashable:
    if type(argument) in _LEAVES or not isinstance(argument, CONTAINERS):
        return _leaf(kind_of(argument), Part(argument, axis, path), found, loose)
    if axis is None and type(argument) is list and {*map(type, argument)} == {float}:
        loose.extend(argument)
        return _of_numbers(len(argument))
    try:
        leaves, each, shape = _flattened(argument, axis, path)
    except RecursionError:
        raise ValueError(f"{path} is nested too deeply") from None
    keys: list[Hashable] = []
    paths, passed = None, 0
    for place, (leaf, axis) in enumerate(zip(leaves, each, strict=False)):
        if type(leaf) is float and axis is None:  # which is most
            loose.append(leaf)
            keys.append("number")
        else:
            kind = kind_of(leaf)
            if kind == "static":
                keys.append(Static(leaf))
                continue
            paths = paths or shape.paths(path)
            leaf_path = next(islice(paths, place - passed, None))
            passed = place + 1
            keys.append(_leaf(kind, Part(leaf, axis, leaf_path), found, loose))
    return Nested.of(shape, tuple(keys))


def _flattened(argument: Any, axis: Axes, path: str) -> tuple[list[Any], Iterable[Axes], TreeDef]:
    """Flatten a nested argument; return its leaves, the axis of each, and the structure."""
    if axis is None:
        leaves, shape = flatten(argument, is_leaf=_is_none)
        return leaves, repeat(None), shape
    parts, shape = flatten(Part(argument, axis, path), children_of=children)
    return [part.value for part in parts], [part.axis for part in parts], shape


def _is_none(part: Any) -> bool:
    return part is None


@lru_cache(maxsize=64)
def _of_numbers(count: int) -> Hashable:
    """Do the same for a list of numbers, the common case."""
    return Nested.of(flatten([0.0] * count)[1], ("number",) * count)


def _leaf(kind: Kind, part: Part, found: Arguments, loose: list[float]) -> Hashable:
    """Take a part that is not a container; return what the program depends on."""
    value, axis, path = part
    if kind == "number":
        if axis is not None:
            raise TypeError(
                f"{path} is a single number, {shown(value)}, but in_axes gives it the axis "
                f"{shown(axis)}: pass an array or list with one item for each row, or None as its "
                "axis"
            )
        if isinstance(value, Value):
            if not found.keeps:
                raise HoldsValues
            loose.append(value)  # type: ignore[arg-type]
        else:
            loose.append(value if type(value) is float else as_float(value, path))
        return kind
    if kind == "static":
        return Static(value)
    if kind == "stacked" and any(
        isinstance(x, Value) for x in flatten(value, children_of=_sequences)[0]
    ):
        return kind, type(value), _array(path, numpy.array(value, dtype=object), axis, found)
    if kind == "stacked":  # which is not a list of arrays, though it may hold the same numbers
        return kind, type(value), _array(path, _as_array(path, value), axis, found)
    if kind == "array":
        if type(value) is not numpy.ndarray:
            refuse_mask(path, value)
            value = numpy.asarray(value)
        return _array(path, value, axis, found)
    if axis is not None:
        raise TypeError(
            f"{path}: a model does not vary from row to row: in_axes must have None for it, but "
            f"has {shown(axis)}"
        )
    parameters = value.parameters()
    if any(parameter.parents or parameter in _live for parameter in parameters):
        if not found.keeps:
            raise HoldsValues  # a model that is being differentiated, or traced
        found.is_live = True
    if found.keeps:
        found.arrays.append(_of_objects(parameters))
    else:
        numbers = [parameter._number for parameter in parameters]
        found.arrays.append(numpy.array(numbers, dtype=float))
    return Static(value), tuple(map(id, parameters))  # which may be replaced


Kind: TypeAlias = Literal["number", "array", "stacked", "model", "static"]


def kind_of(leaf: Any) -> Kind:
    """Classify a part of an argument that is not a container.

    Raises:
        HoldsRows: It is rows that are read chunk by chunk.
    """
    if type(leaf) is float:
        return "number"
    if type(leaf) is numpy.ndarray and leaf.ndim:
        return "array"
    if isinstance(leaf, (list, tuple)):
        return "stacked"
    if isinstance(leaf, Value):
        return "number"
    if callable(getattr(leaf, "parameters", None)) and hasattr(leaf, "named_parameters"):
        return "model"
    if isinstance(leaf, Rows) or is_collection(leaf):
        raise HoldsRows
    if hasattr(leaf, "__array__") and getattr(leaf, "shape", None):
        return "array"
    return "number" if is_number(leaf) and not isinstance(leaf, bool) else "static"


def is_number(argument: Any) -> bool:
    """Whether something is a number, a boolean or an array without dimensions."""
    if type(argument) is float:
        return True
    if isinstance(argument, (Real, Number)):
        return not isinstance(argument, Value)
    if getattr(argument, "shape", None) == () and not isinstance(argument, Rows):
        refuse_mask("compile: an argument", argument)
        return True
    return False


def _as_array(path: str, argument: Any) -> Any:
    try:
        return numpy.array(argument, dtype=float)
    except (
        TypeError,
        ValueError,
    ) as error:  # something in it is not a number, or lists differ in length
        raise type(error)(
            f"{path} is not an array of real numbers: its rows differ in length, or something in "
            f"it is not a number ({error})"
        ) from None


def _as_it_lies(array: Any, axis: Axes, found: Arguments) -> Hashable:
    """Take an array of doubles, the common case; None if it is not rows of numbers already."""
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
            if not found.keeps:
                raise HoldsValues
        elif all(map(is_number, array.flat)):
            array = _as_array(path, array.tolist())
    dtype = object if array.dtype == object and found.keeps else float
    if array.dtype.kind not in "fiub" and dtype is float:
        raise TypeError(
            f"{path}: expected an array of real numbers, got one of the dtype {array.dtype}"
        )
    if axis is None:
        found.arrays.append(numpy.ascontiguousarray(array, dtype=dtype).reshape(-1))
        return "array", array.shape
    if not isinstance(axis, Integral):
        raise TypeError(
            f"{path}: in_axes has {shown(axis)} for an array: an axis must be an int or None"
        )
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(
            f"{path} has {counted(array.ndim, 'dimension')}, but in_axes asks for its axis "
            f"{shown(axis)}"
        )
    if axis:
        array = numpy.moveaxis(array, axis, 0)
    rows = array.shape[0]
    if found.rows is None:
        found.rows = rows
    elif found.rows != rows:
        raise ValueError(
            f"{path} has {counted(rows, 'row')}, but an argument before it has {found.rows:,}: all "
            "must have the same number of rows"
        )
    shape = array.shape[1:]
    width = 1
    for size in shape:
        width *= size
    found.arrays.append(numpy.ascontiguousarray(array, dtype=dtype).reshape(rows, width))
    return "rows", shape


def _within(axis: Axes, key: Any, path: str) -> Axes:
    """Return the axis of a part of a structure."""
    if axis is None or type(axis) is int or isinstance(axis, Integral):
        return axis
    if not isinstance(axis, CONTAINERS):
        raise TypeError(
            f"{path}: in_axes has {shown(axis)}: an axis must be an int, None, or a list or "
            "dictionary of axes for the parts of the argument"
        )
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
    """Make the arguments of one row, with a Value in place of each number.

    Args:
        names: The names of the arguments.
        arguments: The arguments.
        axes: As for `taken`, which numbers the arrays in the same way.
        number: Makes the Value, given the number of its array, its place there, and its path.

    Returns:
        The arguments of one row.
    """
    flat = [
        flatten(Part(argument, axis, name), children_of=children)
        for name, argument, axis in zip(names, arguments, axes, strict=True)
        if not (isinstance(argument, (Integral, str)) and axis is None)
    ]
    parts = [part for parts, _ in flat for part in parts]
    kinds = [kind_of(part.value) for part in parts]
    rebuilding = _Rebuilding(number, int("number" in kinds))
    made = iter([rebuilding.made(*pair) for pair in zip(parts, kinds, strict=True)])
    whole = iter([shape.unflatten(made) for _, shape in flat])
    return [
        argument if isinstance(argument, (Integral, str)) and axis is None else next(whole)
        for argument, axis in zip(arguments, axes, strict=True)
    ]


class _Rebuilding:
    """Makes what stands for the parts of arguments, in the order of `taken`.

    Args:
        number: As for `rebuilt`.
        arrays: How many arrays come before the first: that of the loose numbers, if there are any.
    """

    def __init__(self, number: Callable[[int, int, str], Value], arrays: int) -> None:
        self.number = number
        self.loose = 0
        self.arrays = arrays

    def made(self, part: Part, kind: Kind) -> Any:
        """Make what stands for a part of one row."""
        value, axis, path = part
        if kind == "static":
            return value
        if kind == "number":
            self.loose += 1
            return self.number(0, self.loose - 1, path)
        group = self.arrays
        self.arrays += 1
        if kind == "model":
            return self._model(group, path, value)
        row = self._row(group, path, numpy.asarray(value), axis)
        return row.tolist() if kind == "stacked" and isinstance(row, numpy.ndarray) else row

    def _model(self, group: int, path: str, model: Any) -> Any:
        places = count()

        def node(path: str, stands_for: Any, parameter: bool) -> Value:
            value = self.number(group, next(places), path)
            if not value.parents:
                value.op = stands_for.op
            return value

        return structure.rebuilt(model, path, node)

    def _row(self, group: int, path: str, array: Any, axis: Axes) -> Any:
        shape = array.shape if axis is None else numpy.moveaxis(array, axis, 0).shape[1:]
        if not shape:
            return self.number(group, 0, path)
        values = numpy.empty(shape, dtype=object)
        flat, number = values.reshape(-1), self.number
        for place, name in enumerate(structure.paths_into(shape, path)):
            flat[place] = number(group, place, name)
        return values
