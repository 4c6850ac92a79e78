"""The results of compiled functions: the places of the outputs in a structure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from autograd import structure, tree
from autograd.formatting import derivative_of
from autograd.sparsity.pattern import Pattern
from autograd.sparsity.recovery import csr_maker
from autograd.sparsity.values import SparseValues
from autograd.transforms import grad, value_and_grad
from autograd.tree import Opened, TreeDef, flatten
from autograd.value import Value

__all__ = ["ArrayPlace", "NumbersPlace", "Place", "Result", "SparsePlace", "output_names"]


@dataclass(frozen=True)
class ArrayPlace:
    """The place of an array among the numbers of a result."""

    start: int
    stop: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class NumbersPlace:
    """The place of a list or tuple of numbers, which is often long."""

    start: int
    stop: int
    kind: type


class SparsePlace:
    """The place of the nonzeros of a sparse array among the numbers of a result.

    Args:
        start: The place of the first.
        stop: The place after the last.
        pattern: Where they are in the array.
    """

    def __init__(self, start: int, stop: int, pattern: Pattern) -> None:
        self.start, self.stop, self.pattern = start, stop, pattern
        self._made: Callable[[Any], Any] | None = None  # when it is first needed, as SciPy is

    def filled(self, block: Any, rows: bool) -> Any:
        """Give the array; a list of them if there are rows."""
        made = self._made
        if made is None:
            made = self._made = csr_maker(self.pattern)
        return [*map(made, block.T.copy())] if rows else made(block)


Place: TypeAlias = slice | ArrayPlace | NumbersPlace | SparsePlace
"""Where a leaf is among the numbers of a result; a slice of one for a number."""


class Result:
    """The structure of what a function returned.

    Attributes:
        numbers: The numbers in it, Values or floats, in order.
        tree: Its containers, in which lists and tuples of numbers are leaves.
        places: The place of each leaf.

    Args:
        result: The result of the function.
        name: The function, for errors.

    Raises:
        TypeError: Something in it is not a number.

    Example:
        >>> import numpy
        >>> result = Result({"a": Value(1.0), "b": [2.0, Value(3.0)]}, "f")
        >>> result.filled(numpy.array([4.0, 5.0, 6.0]))
        {'a': 4.0, 'b': [5.0, 6.0]}
    """

    numbers: Sequence[Value | float]

    def __init__(self, result: Any, name: str) -> None:
        self.numbers = structure.output_numbers(result, name)
        leaves, self.tree = flatten(result, children_of=_children)
        self.places: list[Place] = []
        count = 0
        for leaf in leaves:
            start = count
            if isinstance(leaf, (list, tuple)):
                count += len(leaf)
                self.places.append(NumbersPlace(start, count, type(leaf)))
            elif isinstance(leaf, SparseValues):
                count += len(leaf.nonzeros)
                self.places.append(SparsePlace(start, count, leaf.pattern))
            elif _is_array(leaf):
                count += leaf.size
                self.places.append(ArrayPlace(start, count, leaf.shape))
            else:
                count += 1
                self.places.append(slice(start, count))
        self._are_numbers = _are_numbers(self.places)

    def filled(self, numbers: Any, rows: bool = False) -> Any:
        """Put numbers into the structure.

        Args:
            numbers: An array: a number for each number in the result, or an array of rows for each.
            rows: Whether there are rows.

        Returns:
            The result: floats and arrays, or arrays with a first dimension of rows.
        """
        if not self.tree.depth:
            return _filled(self.places[0], numbers, rows)
        if self._are_numbers and not rows:
            numbers = numbers.tolist()  # all at once, which is faster
            parts = [
                numbers[place.start]
                if type(place) is slice
                else place.kind(numbers[place.start : place.stop])  # type: ignore[union-attr]
                for place in self.places
            ]
        else:
            parts = [_filled(place, numbers, rows) for place in self.places]
        return self.tree.unflatten(parts)

    def paths(self, root: str) -> list[str]:
        """Write the path to each number of the result, in Python's notation.

        Args:
            root: What the result is called.

        Returns:
            The paths, in the order of the numbers.

        Example:
            >>> Result({"a": Value(1.0), "b": [2.0, Value(3.0)]}, "f").paths("y")
            ["y['a']", "y['b'][0]", "y['b'][1]"]
        """
        found: list[str] = []
        for path, place in zip(self.tree.paths(root), self.places, strict=True):
            if isinstance(place, ArrayPlace):
                found += structure.paths_into(place.shape, path)
            elif isinstance(place, NumbersPlace):
                found += structure.paths_into((place.stop - place.start,), path)
            elif isinstance(place, SparsePlace):
                found += structure.paths_into((place.stop - place.start,), f"{path}.nonzeros")
            else:
                found.append(path)
        return found

    @classmethod
    def of(cls, tree: TreeDef, places: Sequence[Place]) -> Result:
        """Make a result from the structure of another."""
        result = cls.__new__(cls)
        result.tree, result.places, result.numbers = tree, [*places], []
        result._are_numbers = _are_numbers(places)
        return result


def output_names(f: Callable[..., Any], result: Result, positional: Sequence[Any]) -> list[str]:
    """Name the numbers that a function returns by what they are.

    Args:
        f: The function.
        result: The structure of its result.
        positional: Its arguments by position.

    Returns:
        For the one number that a function returns, the function's name; for an entry of a gradient,
        the partial derivative; for anything else, its key, or the path to it.

    Example:
        >>> from autograd import value_and_grad
        >>> def loss(w):
        ...     return w[0] * w[1]
        >>> result = Result(value_and_grad(loss)([Value(1.0), Value(2.0)]), "loss")
        >>> output_names(value_and_grad(loss), result, [[1.0, 2.0]])
        ['loss', '∂loss/∂w[0]', '∂loss/∂w[1]']
    """
    name = str(getattr(f, "__name__", ""))
    name = name if name.isidentifier() else ""
    transform, (_, *options) = getattr(f, "_made_by", (None, (f,)))
    # Of a derivative of a derivative, or with what else f returns, only the structure is known.
    again = hasattr(getattr(f, "__wrapped__", None), "_made_by")
    if transform not in (grad, value_and_grad) or options[1] or again:
        root = "output" if transform else name or "output"
        return [_KEY.sub(r"\2", path) for path in result.paths(root)]
    arguments = structure.argument_names(f, positional)
    argnums = options[0]
    places = [argnums] if isinstance(argnums, int) else argnums
    found: list[str] = []
    for path in result.paths(""):
        if transform is value_and_grad and path == "[0]":
            found.append(name or "output")
            continue
        rest = path.removeprefix("[1]") if transform is value_and_grad else path
        which = places[0]
        if not isinstance(argnums, int):
            index, _, rest = rest.removeprefix("[").partition("]")
            which = places[int(index)]
        if callable(getattr(positional[which], "named_parameters", None)):
            rest = _KEY.sub(r".\2", rest)
        found.append(derivative_of(name, f"{arguments[which]}{rest}"))
    return found


_KEY = re.compile(r"^(\w*)\['([^']+)'\]")
"""The path to an entry of a dictionary: a root, and a key that is a string."""


def _are_numbers(places: Sequence[Place]) -> bool:
    return all(isinstance(place, (slice, NumbersPlace)) for place in places)


def _children(part: Any) -> Opened | None:
    """Open a container of a result, and a model, in whose place there is a dictionary."""
    if isinstance(part, (float, Value)):
        return None
    if callable(getattr(part, "named_parameters", None)):
        named = dict(part.named_parameters())
        return dict, tuple(named), named.values(), None
    if type(part) in (list, tuple) and part and all(map(_is_number, part)):
        return None
    return tree.children(part)


def _is_number(part: Any) -> bool:
    if isinstance(part, (float, Value)):
        return True
    is_model = callable(getattr(part, "named_parameters", None))
    is_sparse = isinstance(part, SparseValues)
    return not (is_model or is_sparse or tree.children(part) or _is_array(part))


def _is_array(part: Any) -> bool:
    return bool(getattr(part, "shape", None)) and hasattr(part, "flat")


def _filled(place: Place, numbers: Any, rows: bool) -> Any:
    if type(place) is slice:
        return numbers[place.start] if rows else numbers.item(place.start)
    block = numbers[place.start : place.stop]
    if isinstance(place, ArrayPlace):
        return (
            block.T.reshape(numbers.shape[1], *place.shape) if rows else block.reshape(place.shape)
        )
    if isinstance(place, SparsePlace):
        return place.filled(block, rows)
    return place.kind(block if rows else block.tolist())
