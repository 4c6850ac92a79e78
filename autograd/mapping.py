"""`vmap`: a function of one row, as a function of many."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from autograd import structure, tree
from autograd.errors import counted, shown
from autograd.foreign import with_advice
from autograd.reals import as_float
from autograd.value import Value

__all__ = ["vmap"]


@with_advice(
    out_axes="in results the rows are the first axis",
    axis_size="the arguments that vary say how many rows there are",
)
def vmap(f: Callable[..., Any], in_axes: Any = 0) -> Callable[..., Any]:
    """Make a function of many rows from a function of one, as `jax.vmap` does.

    Recorded, it is a loop over the rows. It may be part of any function, and is differentiated with
    it: `sum(vmap(term, in_axes=(None, 0))(shared(p), X))` is a sum over the rows of X of terms that
    share what depends on p.

    Args:
        f: The function. It must return numbers, or arrays of them, in the same structure for each
            row.
        in_axes: The axis of the arguments that runs over the rows: an int for all arguments, or a
            tuple with an int for each, or None for an argument that is the same for all rows; for a
            list or dictionary, it may be a list or dictionary of axes. A list of numbers, or of
            such lists, is an array of rows. Keyword arguments are the same for all rows.

    Returns:
        A function of the same arguments. Its result has the structure of that of `f`, with a list
        of the numbers of all rows in place of each number; an array, if an argument that varies is
        one. It raises a ValueError if no argument has rows, or their numbers differ, and a
        TypeError if `in_axes` does not fit the arguments.

    Raises:
        TypeError: `f` is not a function, or `in_axes` is malformed.

    Example:
        >>> from autograd import grad, sum
        >>> line = lambda p, x: p[0] * x + p[1]
        >>> vmap(line, in_axes=(None, 0))([2.0, 1.0], [0.0, 1.0, 2.0])
        [1.0, 3.0, 5.0]
        >>> grad(lambda p: sum(vmap(line, in_axes=(None, 0))(p, [0.0, 1.0, 2.0])))([2.0, 1.0])
        [3.0, 3.0]
    """
    if not callable(f):
        raise TypeError(f"vmap: expected a function, got {type(f).__name__}: {shown(f)}")
    name = f"vmap({structure.function_name(f)})"
    if not (in_axes is None or _is_axis(in_axes) or isinstance(in_axes, (tuple, list))):
        raise TypeError(
            f"{name}: in_axes must be an int, None, or a tuple with one of these for each "
            f"argument, got {shown(in_axes)}"
        )

    @functools.wraps(f, updated=())
    def mapped(*args: Any, **kwargs: Any) -> Any:
        axes = [*in_axes] if isinstance(in_axes, (tuple, list)) else [in_axes] * len(args)
        if len(axes) != len(args):
            raise ValueError(
                f"{name}: in_axes has {counted(len(axes), 'entry', 'entries')} for "
                f"{counted(len(args), 'positional argument')}: give one for each"
            )
        named = structure.argument_names(f, args)
        rows = _Rows(name)
        parts = [
            tree.flatten(_Part(argument, axis, path), path, children_of=_children)
            for argument, axis, path in zip(args, axes, named, strict=True)
        ]
        for leaves, _ in parts:
            for part in leaves:
                rows.note(part)
        if rows.count is None:
            raise ValueError(
                f"{name}: no argument has rows, as in_axes is {shown(in_axes)}: give one of them "
                "an axis, such as 0"
            )
        if not rows.count:
            raise ValueError(f"{name}: there are no rows, so it is not known what {name} returns")
        results = []
        for row in range(rows.count):
            given = [
                shape.unflatten(_in_row(part, row) for part in leaves) for leaves, shape in parts
            ]
            results.append(f(*given, **kwargs))
        return _joined(name, results, rows.array)

    return mapped


class _Part(NamedTuple):
    """A part of an argument, the axis along which it varies, and its path."""

    value: Any
    axis: Any
    path: str


def _is_axis(axis: Any) -> bool:
    return isinstance(axis, int) and not isinstance(axis, bool)


def _children(part: _Part) -> tree.Opened | None:
    """Open a container whose parts vary; a list of numbers that varies is an array."""
    value, axis, path = part
    if axis is None or (_is_axis(axis) and _is_stacked(value)):
        return None
    opened = tree.children(value)
    if opened is None or value is None:
        return None
    kind, keys, items, mapping = opened
    pairs = zip(keys, items, strict=True)
    inner = [_Part(item, _within(axis, key, path), f"{path}[{key!r}]") for key, item in pairs]
    return kind, keys, inner, mapping


def _within(axis: Any, key: Any, path: str) -> Any:
    if _is_axis(axis) or axis is None:
        return axis
    if not isinstance(axis, (list, tuple, Mapping)):
        raise TypeError(
            f"vmap: {path}: in_axes has {shown(axis)}: an axis must be an int, None, or a list or "
            "dictionary of axes for the parts of the argument"
        )
    try:
        return axis[key]
    except (LookupError, TypeError):
        raise ValueError(
            f"vmap: {path}: in_axes has no axis for its part {shown(key)}: {shown(axis)}"
        ) from None


def _is_stacked(value: Any) -> bool:
    """Tell whether something is a list of numbers, or of such lists."""
    if not isinstance(value, (list, tuple)):
        return False
    leaves, shape = tree.flatten(value)
    kinds = {kind for kind, _ in shape.containers()}
    return all(issubclass(kind, (list, tuple)) for kind in kinds) and not any(
        getattr(leaf, "shape", ()) or hasattr(leaf, "named_parameters") for leaf in leaves
    )


class _Rows:
    """How many rows there are.

    Attributes:
        count: Their number; None if nothing varies.
        array: An array that varies, if there is one.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.count: int | None = None
        self.array: Any = None

    def note(self, part: _Part) -> None:
        """Note how many rows a part has."""
        value, axis, path = part
        if axis is None:
            return
        if not _is_axis(axis):
            raise TypeError(
                f"{self.name}: {path}: in_axes has {shown(axis)} for a {type(value).__name__}: an "
                "axis must be an int or None"
            )
        sizes = _sizes(value)
        if not sizes:
            raise TypeError(
                f"{self.name}: {path} does not vary from row to row, as it is "
                f"{shown(value)}, but in_axes gives it the axis {axis}: pass a list or array with "
                "one item for each row, or None as its axis"
            )
        if not -len(sizes) <= axis < len(sizes):
            raise ValueError(
                f"{self.name}: {path} has {counted(len(sizes), 'dimension')}, but in_axes asks for "
                f"its axis {axis}"
            )
        if axis % len(sizes) and not _is_regular(value, axis % len(sizes) + 1):
            raise ValueError(
                f"{self.name}: {path} has lists of different lengths, where in_axes asks for its "
                f"axis {axis}: they are no rows of an array"
            )
        count = sizes[axis]
        if self.count not in (None, count):
            raise ValueError(
                f"{self.name}: {path} has {counted(count, 'row')}, but an argument before it has "
                f"{self.count:,}: all must have the same number of rows"
            )
        self.count = count
        if hasattr(value, "shape"):
            self.array = value


def _sizes(value: Any) -> tuple[int, ...]:
    """Return the size of each dimension of an array, or of lists of lists."""
    if isinstance(value, (list, tuple)):
        return (len(value), *(_sizes(value[0]) if value else ()))
    return tuple(getattr(value, "shape", ()))


def _is_regular(value: Any, dimensions: int) -> bool:
    """Tell whether lists of lists have the sizes of an array in so many dimensions."""
    parts = [value]
    for _ in range(dimensions):
        if len({_sizes(part)[:1] for part in parts}) > 1:
            return False
        if not isinstance(parts[0], (list, tuple)):
            return True
        parts = [x for part in parts for x in part]
    return True


def _in_row(part: _Part, row: int) -> Any:
    """Take one row of a part."""
    value, axis, _ = part
    if axis is None:
        return value
    dimensions = len(_sizes(value))
    axis %= dimensions
    if isinstance(value, (list, tuple)):
        return _along(value, axis, row)
    found = value[(slice(None),) * axis + (row,)]
    return found if getattr(found, "shape", ()) or isinstance(found, Value) else as_float(found, "")


def _along(value: Any, axis: int, row: int) -> Any:
    if axis == 0:
        return value[row]
    return [_along(each, axis - 1, row) for each in value]


def _joined(name: str, results: Sequence[Any], array: Any) -> Any:
    """Join the results of the rows: lists, or arrays, in place of the numbers."""
    flat = [tree.flatten(result) for result in results]
    first = flat[0][1]
    for row, (_, shape) in enumerate(flat):
        if shape != first:
            raise TypeError(
                f"{name}: the function must return the same structure for each row, but returned "
                f"{shown(results[0])} in row 0 and {shown(results[row])} in row {row}"
            )
    joined = []
    for place in range(first.count):
        column = [leaves[place] for leaves, _ in flat]
        dimensions = {tuple(getattr(x, "shape", ())) for x in column}
        if len(dimensions) > 1:
            raise TypeError(f"{name}: the function returned arrays of different shapes")
        (sizes,) = dimensions
        if sizes:
            numbers = [x for each in column for x in each.astype(object).flat]
            joined.append(structure.filled(column[0], numbers, (len(column), *sizes)))
            continue
        numbers = [
            x if isinstance(x, Value) else as_float(x, f"{name}: the function returned")
            for x in column
        ]
        whole = array is not None
        joined.append(structure.filled(array, numbers, (len(column),)) if whole else numbers)
    return first.unflatten(joined)
