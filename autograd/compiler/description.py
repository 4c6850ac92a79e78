"""Structures of arguments and results to and from JSON; every part that is read is checked.

Anybody may have written a file. So nothing is read that can be derived: the arrays of inputs and
their widths follow from the structure of the arguments, and the places of a result's numbers from
their order.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from autograd.compiler.arguments import Nested, Static
from autograd.compiler.layout import Group, Layout
from autograd.compiler.results import ArrayPlace, NumbersPlace, Place, Result, SparsePlace
from autograd.errors import shown
from autograd.sparsity.pattern import Pattern
from autograd.tree import Keys, Opened, TreeDef, flatten

__all__ = [
    "Arguments", "arguments", "axes", "brief", "described_arguments", "described_axes",
    "described_result", "number", "require_fit", "result", "wrong",
]  # fmt: skip

LONGEST = 120
"""How many characters an error shows of a part of a file."""
MOST_NESTED = 100
"""How deeply structures may be nested."""
MOST_DIMENSIONS = 64
MOST_KEYS = 4096
"""How many keys of a dictionary may be tuples, floats or large integers."""
MOST_ELEMENTS = 2**60
EXACT = 2**53
"""Integers of this size and above are written as text, in hexadecimal digits."""
_HEXADECIMAL = re.compile(r"-?0x[0-9a-f]+")
_SEQUENCES: dict[str, type] = {"list": list, "tuple": tuple}
_MAPPINGS: dict[str, type] = {"dict": dict, "OrderedDict": OrderedDict}
_NAMES = {kind: name for name, kind in (_SEQUENCES | _MAPPINGS).items()}
_CONTAINERS: dict[Any, type] = {**_SEQUENCES, **_MAPPINGS}


def wrong(what: str, expected: str, data: Any) -> ValueError:
    """Make an error for a part of a file that is not what it should be."""
    return ValueError(f"{what}: expected {expected}, got {brief(data)}")


def brief(data: object) -> str:
    """Write any part of a file in one line, for an error."""
    text = shown(data)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _pair(data: Any, what: str) -> tuple[Any, Any]:
    if type(data) is not list or len(data) != 2:
        raise wrong(what, "a list of two parts", data)
    return data[0], data[1]


def _parts(data: Any, what: str) -> list[Any]:
    if type(data) is not list:
        raise wrong(what, "a list", data)
    return data


def _read(data: Any, what: str, kinds: Mapping[Any, type]) -> tuple[list[Any], TreeDef]:
    """Read the containers of a structure, down to the descriptions of its leaves."""
    leaves, tree = flatten(data, children_of=lambda data: _opened(data, kinds, what))
    if tree.depth > MOST_NESTED:
        raise ValueError(f"{what}: nested more than {MOST_NESTED} deep")
    return leaves, tree


# --- numbers and other values --------------------------------------------------------------------


def number(data: Any, what: str) -> float:
    """Read a float in the format of `float.hex`.

    Args:
        data: The text.
        what: Which number it is, for errors.

    Returns:
        The number.

    Raises:
        ValueError: The text is not in this format.

    Example:
        >>> number("0x1.8000000000000p+0", "a constant")
        1.5
    """
    if type(data) is str and len(data) < 32:
        try:
            found = float.fromhex(data)
        except (OverflowError, ValueError):
            pass
        else:
            if found.hex() == data:
                return found
    raise wrong(what, "a number as float.hex writes it", data)


def _described_value(value: Any) -> Any:
    """Describe a value that is not an input; NotImplemented if a file cannot hold it.

    A model, say, is known by its identity, which differs between processes.
    """
    leaves, tree = flatten(value, children_of=_tuples)
    described = list(map(_described_plain, leaves))
    if tree.depth > MOST_NESTED or NotImplemented in described:
        return NotImplemented
    return tree.fold(described, lambda kind, keys, parts: ["tuple", parts])


def _described_plain(value: Any) -> Any:
    kind = type(value)
    if value is None or kind in (bool, str) or (kind is int and abs(value) < EXACT):
        return value
    if kind is int:
        return ["int", hex(value)]
    return ["float", value.hex()] if kind is float else NotImplemented


def _tuples(part: Any) -> Opened | None:
    return (tuple, range(len(part)), part, None) if type(part) is tuple else None


def _value(data: Any, what: str) -> Any:
    leaves, tree = flatten(data, children_of=lambda data: _opened(data, _TUPLES, what))
    if tree.depth > MOST_NESTED:
        raise wrong(what, "a value", data)
    return tree.unflatten([_plain(leaf, what) for leaf in leaves])


_TUPLES: dict[Any, type] = {"tuple": tuple}


def _plain(data: Any, what: str) -> Any:
    if data is None or type(data) in (bool, int, str):
        return data
    kind, content = _pair(data, what)
    if kind == "int" and type(content) is str and _HEXADECIMAL.fullmatch(content):
        return int(content, 16)
    if kind == "float":
        return number(content, what)
    raise wrong(what, "a value", data)


def _opened(data: Any, kinds: Mapping[Any, type], what: str) -> Opened | None:
    """Open the description of a container."""
    if data is None and None in kinds:
        return type(None), (), (), None
    if type(data) is not list or len(data) != 2:
        return None
    kind = kinds.get(data[0]) if type(data[0]) is str else None
    if kind is None:
        return None
    if kind in _SEQUENCES.values():
        parts = _parts(data[1], what)
        return kind, range(len(parts)), parts, None
    items = _keys(data[1], what)
    keys = tuple([key for key, _ in items])
    return kind, keys, [part for _, part in items], None if kind is dict else kind()


def _described_container(kind: type, keys: Keys, parts: list[Any]) -> Any:
    """Describe a container, given its described parts; None if a file cannot hold it."""
    if kind in _SEQUENCES.values():
        return [_NAMES[kind], parts]
    if kind not in _MAPPINGS.values():
        return None
    items = _described_items([*zip(keys, parts, strict=True)])
    return None if items is None else [_NAMES[kind], items]


def _shape(data: Any, what: str) -> tuple[int, ...]:
    sizes = _parts(data, what)
    if len(sizes) > MOST_DIMENSIONS:
        raise ValueError(f"{what}: an array of {len(sizes)} dimensions")
    for size in sizes:
        if type(size) is not int or size < 0:
            raise wrong(what, "the sizes of an array", data)
    if math.prod(size for size in sizes if size) > MOST_ELEMENTS:
        raise ValueError(f"{what}: an array of the shape {brief(sizes)} is larger than any memory")
    return tuple(sizes)


def _pattern(data: Any, what: str) -> Pattern:
    width, rows = _pair(data, what)
    if type(width) is not int or not 0 <= width < MOST_ELEMENTS:
        raise wrong(what, "the width of a sparse array", width)
    for row in _parts(rows, what):
        before = -1
        for column in _parts(row, what):
            if type(column) is not int or not before < column < width:
                raise wrong(what, "ascending columns of a sparse array", row)
            before = column
    return Pattern(rows, width)


def _described_items(pairs: Sequence[tuple[Any, Any]]) -> list[Any] | None:
    """Describe the items of a dictionary; None if a file cannot hold its keys."""
    items = [[_described_value(key), part] for key, part in pairs]
    if any(key is NotImplemented for key, _ in items):
        return None
    return None if sum(type(key) is list for key, _ in items) > MOST_KEYS else items


def _keys(items: Any, what: str) -> list[tuple[Any, Any]]:
    """Read the keys of a dictionary, which must all differ."""
    pairs = [_pair(item, what) for item in _parts(items, what)]
    # Keys that may all have the same hash make a dictionary slow.
    if sum(type(key) is list for key, _ in pairs) > MOST_KEYS:
        raise ValueError(
            f"{what}: a dictionary of more than {MOST_KEYS:,} keys that are tuples or floats"
        )
    found = [(_value(key, what), part) for key, part in pairs]
    if len({key for key, _ in found}) < len(found):
        raise ValueError(f"{what}: a dictionary has the same key twice")
    return found


# --- arguments -----------------------------------------------------------------------------------


class Arguments(NamedTuple):
    """A structure of arguments.

    Attributes:
        positional: The key that `arguments.taken` gives for them, with keyword arguments last.
        keywords: The names of the keyword arguments.
        layout: The arrays into which such arguments are gathered.
    """

    positional: tuple[Any, ...]
    keywords: tuple[str, ...]
    layout: Layout

    @property
    def key(self) -> Hashable:
        """The key under which a compiled function keeps the program."""
        return (self.positional, *self.keywords) if self.keywords else self.positional


def described_arguments(key: Any) -> dict[str, Any]:
    """Describe a structure of arguments.

    Args:
        key: The key under which a compiled function keeps the program.

    Returns:
        A description that JSON can hold.

    Raises:
        TypeError: The arguments contain something that a file cannot hold: a model, or an object of
            a user's class.
    """
    keywords: tuple[str, ...] = ()
    # With keywords, the key is a tuple of arguments followed by their names; without, a tuple of
    # arguments, each of which, if it is a tuple, begins with its kind.
    if len(key) > 1 and type(key[0]) is tuple and not _is_argument(key[0]):
        key, *names = key
        keywords = tuple(names)
    return {"arguments": list(map(_described, key)), "keywords": list(keywords)}


def _is_argument(part: tuple[Any, ...]) -> bool:
    return isinstance(part, Nested) or part[0] in ("array", "rows", "stacked")


def _described(part: Any) -> Any:
    if not isinstance(part, Nested):
        return _described_leaf(part)
    if part.tree.depth > MOST_NESTED:
        raise TypeError(f"save: an argument is nested more than {MOST_NESTED} deep")

    def container(kind: type, keys: Keys, parts: list[Any]) -> Any:
        return _described_container(kind, keys, parts) or _refuse(kind.__name__)

    return part.tree.fold(map(_described_leaf, part.leaves), container)


def _described_leaf(part: Any) -> Any:
    if type(part) is str:
        return part
    if isinstance(part, Static):
        value = _described_value(part.value)
        if value is not NotImplemented:
            return ["value", value]
    elif part[0] in ("array", "rows"):
        return [part[0], list(part[1])]
    elif part[0] == "stacked" and part[1] in _SEQUENCES.values():
        return ["stacked", [_NAMES[part[1]], list(part[2][1])]]
    return _refuse(brief(part))


def _refuse(part: str) -> Any:
    raise TypeError(
        f"save: an argument is or holds {part}, which a file cannot: only functions of numbers, "
        "arrays, and lists and dictionaries of them can be saved"
    )


def arguments(data: Any, keywords: Any) -> Arguments:
    """Read a structure of arguments.

    Args:
        data: The description of each argument.
        keywords: The names of the last arguments, which are passed by keyword.

    Returns:
        The structure, and the arrays into which such arguments are gathered.

    Raises:
        ValueError: The data do not have the form that `described_arguments` gives.

    Example:
        >>> arguments(["number", ["rows", [2]]], []).layout.groups
        (Group(width=1, varies=False), Group(width=2, varies=True))
    """
    reading = _Reading()
    what = "arguments"
    key = tuple(
        [reading.argument(part, f"argument {i}") for i, part in enumerate(_parts(data, what))]
    )
    names = _parts(keywords, "keywords")
    if not all(type(name) is str for name in names):
        raise wrong("keywords", "names", keywords)
    if len(set(names)) < len(names) or len(names) > len(key):
        raise ValueError(f"keywords: {brief(names)} of {len(key)} arguments")
    loose = [Group(reading.numbers, False)] if reading.numbers else []
    groups = (*loose, *reading.arrays)
    batched = any(group.varies for group in groups)
    return Arguments(key, tuple(names), Layout(groups, batched))


class _Reading:
    """Reads arguments in the order of `arguments.taken`, so that arrays get the same numbers."""

    def __init__(self) -> None:
        self.numbers = 0
        self.arrays: list[Group] = []

    def argument(self, data: Any, what: str) -> Hashable:
        found, tree = _read(data, what, _CONTAINERS)
        leaves = tuple([self.leaf(leaf, what) for leaf in found])
        return Nested.of(tree, leaves)

    def leaf(self, data: Any, what: str) -> Hashable:
        if data == "number":
            self.numbers += 1
            return "number"
        kind, content = _pair(data, what)
        if kind == "value":
            return Static(_value(content, what))
        if kind == "array" or kind == "rows":
            shape = _shape(content, what)
            self.arrays.append(Group(math.prod(shape), kind == "rows"))
            return kind, shape
        if kind == "stacked":
            name, sizes = _pair(content, what)
            if type(name) is not str or name not in _SEQUENCES:
                raise wrong(what, "a list or a tuple of rows", data)
            shape = _shape(sizes, what)
            self.arrays.append(Group(math.prod(shape), True))
            return kind, _SEQUENCES[name], ("rows", shape)
        raise wrong(what, "a number, an array, a list, a dictionary or a value", data)


# --- axes ----------------------------------------------------------------------------------------


def described_axes(axes: Any) -> Any:
    """Describe which axes of the arguments run over the rows.

    Args:
        axes: As for `compile`.

    Returns:
        A description that JSON can hold.

    Raises:
        TypeError: The keys of a dictionary are of a user's class.
    """

    def container(kind: type, keys: Keys, parts: list[Any]) -> Any:
        plain = dict if issubclass(kind, Mapping) else list
        if (described := _described_container(plain, keys, parts)) is None:
            raise TypeError(f"save: in_axes has keys which a file cannot hold: {brief(axes)}")
        return described

    leaves, tree = flatten(axes, is_leaf=_is_none)
    return tree.fold([None if axis is None else int(axis) for axis in leaves], container)


def _is_none(axis: Any) -> bool:
    return axis is None


def axes(data: Any) -> Any:
    """Read which axes run over the rows.

    Args:
        data: The description.

    Returns:
        Axes as for `compile`.

    Raises:
        ValueError: The data do not have the form that `described_axes` gives.

    Example:
        >>> axes(["list", [None, 0]])
        [None, 0]
    """
    what = "in_axes"
    found, tree = _read(data, what, {"list": list, "dict": dict})
    for axis in found:
        if axis is not None and type(axis) is not int:
            raise wrong(what, "an axis, None, or a structure of them", axis)
    each = tree.unflatten(found)
    if isinstance(each, dict):
        raise wrong(what, "an axis, None, or a list of them", data)
    return each


def require_fit(axes: Any, given: Arguments) -> None:
    """Require that the arguments can have these axes: otherwise no call would find the program.

    Args:
        axes: The axes, as `axes` returns them.
        given: The arguments.

    Raises:
        ValueError: The arguments cannot have them.
    """
    positional = len(given.positional) - len(given.keywords)
    each = axes if isinstance(axes, list) else [axes] * positional
    if len(each) != positional:
        raise ValueError(f"in_axes has {len(each)} entries for {positional} arguments")
    if given.layout.batched != (axes is not None):
        raise ValueError(f"in_axes is {brief(axes)}, and the arguments have other rows")
    each = [*each, *[None] * len(given.keywords)]
    for place, (part, axis) in enumerate(zip(given.positional, each, strict=True)):
        if not _fits(part, axis):
            raise ValueError(f"argument {place}: in_axes has {brief(axis)} for {brief(part)}")


def _fits(part: Any, axis: Any) -> bool:
    leaves: list[tuple[tuple[Any, ...], Any]] = [((), part)]
    if isinstance(part, Nested):
        leaves = [*zip(part.tree.key_paths(), part.leaves, strict=True)]
    for keys, leaf in leaves:
        within = axis
        for key in keys:
            if isinstance(within, (list, dict)):
                try:
                    within = within[key]
                except (LookupError, TypeError):
                    return False
        if isinstance(leaf, Static):
            continue
        varies = leaf[0] in ("rows", "stacked")
        if type(within) is not int if varies else within is not None:
            return False
    return True


# --- results -------------------------------------------------------------------------------------


def described_result(given: Result) -> Any:
    """Describe the structure of a result.

    Args:
        given: The result.

    Returns:
        A description that JSON can hold.

    Raises:
        TypeError: It holds an object of a user's class, such as a named tuple.
    """
    if given.tree.depth > MOST_NESTED:
        raise TypeError(f"save: the result is nested more than {MOST_NESTED} deep")

    def container(kind: type, keys: Keys, parts: list[Any]) -> Any:
        if kind is type(None):
            return None
        if (described := _described_container(kind, keys, parts)) is None:
            raise TypeError(f"save: the result holds a {kind.__name__}, which a file cannot")
        return described

    return given.tree.fold(map(_described_place, given.places), container)


def _described_place(place: Place) -> Any:
    if isinstance(place, ArrayPlace):
        return ["array", list(place.shape)]
    if isinstance(place, SparsePlace):
        return ["sparse", [place.pattern.width, list(map(list, place.pattern.rows))]]
    if isinstance(place, NumbersPlace):
        return ["numbers", [_NAMES[place.kind], place.stop - place.start]]
    return "number"


def result(data: Any) -> tuple[Result, int]:
    """Read the structure of a result.

    Args:
        data: The description.

    Returns:
        The result, and how many numbers there are in it.

    Raises:
        ValueError: The data do not have the form that `described_result` gives.

    Example:
        >>> result(["list", ["number", ["array", [2, 3]]]])[1]
        7
    """
    what = "the result"
    leaves, tree = _read(data, what, {**_CONTAINERS, None: type(None)})
    places: list[Place] = []
    count = 0
    for leaf in leaves:
        start = count
        if leaf == "number":
            count += 1
            places.append(slice(start, count))
            continue
        kind, content = _pair(leaf, what)
        if kind == "array":
            shape = _shape(content, what)
            count += math.prod(shape)
            places.append(ArrayPlace(start, count, shape))
        elif kind == "numbers":
            name, size = _pair(content, what)
            if type(size) is not int or size < 1 or name not in ("list", "tuple"):
                raise wrong(what, "a list or a tuple of numbers", leaf)
            count += size
            places.append(NumbersPlace(start, count, _SEQUENCES[name]))
        elif kind == "sparse":
            pattern = _pattern(content, what)
            count += pattern.count
            places.append(SparsePlace(start, count, pattern))
        else:
            raise wrong(what, "a number, an array, a list or a dictionary", leaf)
    return Result.of(tree, places), count
