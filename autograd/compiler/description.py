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

from autograd.compiler.arguments import ArrayPlace, NumbersPlace, Static
from autograd.compiler.layout import Group, Layout
from autograd.errors import shown

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


def _require_depth(depth: int, what: str) -> None:
    if depth > MOST_NESTED:
        raise ValueError(f"{what}: nested more than {MOST_NESTED} deep")


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


def _described_value(value: Any, depth: int) -> Any:
    """Describe a value that is not an input; NotImplemented if a file cannot hold it.

    A model, say, is known by its identity, which differs between processes.
    """
    kind = type(value)
    if value is None or kind in (bool, str) or (kind is int and abs(value) < EXACT):
        return value
    if kind is int:
        return ["int", hex(value)]
    if kind is float:
        return ["float", value.hex()]
    if kind is tuple:
        parts = [_described_value(part, depth + 1) for part in value]
        if depth < MOST_NESTED and not any(part is NotImplemented for part in parts):
            return ["tuple", parts]
    return NotImplemented


def _value(data: Any, what: str, depth: int) -> Any:
    if data is None or type(data) in (bool, int, str):
        return data
    kind, content = _pair(data, what)
    if kind == "int" and type(content) is str and _HEXADECIMAL.fullmatch(content):
        return int(content, 16)
    if kind == "float":
        return number(content, what)
    if kind == "tuple" and depth < MOST_NESTED:
        return tuple([_value(part, what, depth + 1) for part in _parts(content, what)])
    raise wrong(what, "a value", data)


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


def _described_items(pairs: Sequence[tuple[Any, Any]], depth: int) -> list[Any] | None:
    """Describe the items of a dictionary; None if a file cannot hold its keys."""
    items = [[_described_value(key, depth), part] for key, part in pairs]
    if any(key is NotImplemented for key, _ in items):
        return None
    return None if sum(type(key) is list for key, _ in items) > MOST_KEYS else items


def _keys(items: Any, what: str, depth: int) -> list[tuple[Any, Any]]:
    """Read the keys of a dictionary, which must all differ."""
    pairs = [_pair(item, what) for item in _parts(items, what)]
    # Keys that may all have the same hash make a dictionary slow.
    if sum(type(key) is list for key, _ in pairs) > MOST_KEYS:
        raise ValueError(
            f"{what}: a dictionary of more than {MOST_KEYS:,} keys that are tuples or floats"
        )
    found = [(_value(key, what, depth), part) for key, part in pairs]
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
    return {"arguments": [_described(part, 0) for part in key], "keywords": list(keywords)}


def _is_argument(part: Any) -> bool:
    return isinstance(part[0], type) or part[0] in ("array", "rows", "stacked")


def _described(part: Any, depth: int) -> Any:
    if depth > MOST_NESTED:
        raise TypeError(f"save: an argument is nested more than {MOST_NESTED} deep")
    if type(part) is str:
        return part
    if isinstance(part, Static):
        value = _described_value(part.value, depth)
        if value is not NotImplemented:
            return ["value", value]
    elif part[0] in ("array", "rows"):
        return [part[0], list(part[1])]
    elif part[0] == "stacked" and part[1] in _SEQUENCES.values():
        return ["stacked", [_NAMES[part[1]], list(part[2][1])]]
    elif part[0] in _SEQUENCES.values():
        return [_NAMES[part[0]], [_described(inner, depth + 1) for inner in part[1:]]]
    elif part[0] in _MAPPINGS.values() and all(type(item) is tuple for item in part[1:]):
        pairs = [
            (key.value if isinstance(key, Static) else key, _described(inner, depth + 1))
            for key, inner in part[1:]
        ]
        if (items := _described_items(pairs, depth)) is not None:
            return [_NAMES[part[0]], items]
    raise TypeError(
        f"save: an argument is or holds {brief(part)}, which a file cannot: only functions of "
        "numbers, arrays, and lists and dictionaries of them can be saved"
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
        [reading.part(part, f"argument {i}", 0) for i, part in enumerate(_parts(data, what))]
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

    def part(self, data: Any, what: str, depth: int) -> Hashable:
        _require_depth(depth, what)
        if data == "number":
            self.numbers += 1
            return "number"
        kind, content = _pair(data, what)
        if kind == "value":
            return Static(_value(content, what, depth))
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
        if type(kind) is str and kind in _SEQUENCES:
            parts = [self.part(part, what, depth + 1) for part in _parts(content, what)]
            return _SEQUENCES[kind], *parts
        if type(kind) is str and kind in _MAPPINGS:
            items = [
                (key if type(key) is str else Static(key), self.part(part, what, depth + 1))
                for key, part in _keys(content, what, depth)
            ]
            return _MAPPINGS[kind], *items
        raise wrong(what, "a number, an array, a list, a dictionary or a value", data)


# --- axes ----------------------------------------------------------------------------------------


def described_axes(axes: Any, depth: int = 0) -> Any:
    """Describe which axes of the arguments run over the rows.

    Args:
        axes: As for `compile`.
        depth: How deeply they are nested.

    Returns:
        A description that JSON can hold.

    Raises:
        TypeError: The keys of a dictionary are of a user's class.
    """
    if isinstance(axes, Mapping):
        pairs = [(key, described_axes(axis, depth + 1)) for key, axis in axes.items()]
        if (items := _described_items(pairs, depth)) is None:
            raise TypeError(f"save: in_axes has keys which a file cannot hold: {brief(axes)}")
        return ["dict", items]
    if isinstance(axes, (list, tuple)):
        return ["list", [described_axes(axis, depth + 1) for axis in axes]]
    return None if axes is None else int(axes)


def axes(data: Any, what: str = "in_axes", depth: int = 0) -> Any:
    """Read which axes run over the rows.

    Args:
        data: The description.
        what: What is read, for errors.
        depth: How deeply it is nested.

    Returns:
        Axes as for `compile`.

    Raises:
        ValueError: The data do not have the form that `described_axes` gives.

    Example:
        >>> axes(["list", [None, 0]])
        [None, 0]
    """
    _require_depth(depth, what)
    if data is None or type(data) is int:
        return data
    kind, content = _pair(data, what)
    if kind == "list":
        return [axes(part, what, depth + 1) for part in _parts(content, what)]
    if kind == "dict" and depth:
        return {key: axes(part, what, depth + 1) for key, part in _keys(content, what, depth)}
    raise wrong(what, "an axis, None, or a structure of them", data)


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
    if isinstance(part, Static):
        return True
    if part == "number" or part[0] == "array":
        return axis is None
    if part[0] in ("rows", "stacked"):
        return type(axis) is int
    items: Sequence[tuple[Any, Any]] = part[1:]
    if part[0] in _SEQUENCES.values():
        items = [*enumerate(part[1:])]
    for key, inner in items:
        within = axis
        if isinstance(axis, (list, dict)):
            try:
                within = axis[key.value if isinstance(key, Static) else key]
            except (LookupError, TypeError):
                return False
        if not _fits(inner, within):
            return False
    return True


# --- results -------------------------------------------------------------------------------------


def described_result(part: Any, depth: int = 0) -> Any:
    """Describe the structure of a result.

    Args:
        part: The structure.
        depth: How deeply it is nested.

    Returns:
        A description that JSON can hold.

    Raises:
        TypeError: It holds an object of a user's class, such as a named tuple.
    """
    kind = type(part)
    if depth > MOST_NESTED:
        raise TypeError(f"save: the result is nested more than {MOST_NESTED} deep")
    if part is None:
        return None
    if kind is slice:
        return "number"
    if kind is ArrayPlace:
        return ["array", list(part.shape)]
    if kind is NumbersPlace:
        return ["numbers", [_NAMES[part.kind], part.stop - part.start]]
    if kind in _MAPPINGS.values():
        pairs = [(key, described_result(inner, depth + 1)) for key, inner in part.items()]
        if (items := _described_items(pairs, depth)) is not None:
            return [_NAMES[kind], items]
    elif kind in _SEQUENCES.values():
        return [_NAMES[kind], [described_result(inner, depth + 1) for inner in part]]
    raise TypeError(f"save: the result holds {brief(part)}, which a file cannot")


def result(data: Any) -> tuple[Any, int]:
    """Read the structure of a result.

    Args:
        data: The description.

    Returns:
        The structure, and how many numbers there are in it.

    Raises:
        ValueError: The data do not have the form that `described_result` gives.

    Example:
        >>> result(["list", ["number", ["array", [2, 3]]]])[1]
        7
    """
    count = 0

    def taken(numbers: int) -> tuple[int, int]:
        nonlocal count
        count += numbers
        return count - numbers, count

    def read(data: Any, depth: int) -> Any:
        what = "the result"
        _require_depth(depth, what)
        if data is None:
            return None
        if data == "number":
            return slice(*taken(1))
        kind, content = _pair(data, what)
        if kind == "array":
            shape = _shape(content, what)
            return ArrayPlace(*taken(math.prod(shape)), shape)
        if kind == "numbers":
            name, numbers = _pair(content, what)
            if type(numbers) is int and numbers > 0 and name in ("list", "tuple"):
                return NumbersPlace(*taken(numbers), _SEQUENCES[name])
        if type(kind) is str and kind in _SEQUENCES:
            return _SEQUENCES[kind]([read(part, depth + 1) for part in _parts(content, what)])
        if type(kind) is str and kind in _MAPPINGS:
            items = [(key, read(part, depth + 1)) for key, part in _keys(content, what, depth)]
            return _MAPPINGS[kind](items)
        raise wrong(what, "a number, an array, a list or a dictionary", data)

    return read(data, 0), count
