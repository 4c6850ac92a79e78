"""Nested arguments: the numbers in lists, tuples, dictionaries, arrays and models, and their paths.

A function of a nested argument is, to whoever differentiates it, a function of the numbers in it.
`numbers` lists these with the path to each; `rebuilt` makes the argument again, with a node in the
place of each number.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from numbers import Integral
from typing import Any, TypeAlias

from autograd.value import Value, as_float

__all__ = ["numbers", "outputs", "rebuilt"]

Leaf: TypeAlias = Callable[[str, Any], Any]


def numbers(argument: Any, path: str) -> list[tuple[str, float]]:
    """List the numbers of a nested argument.

    Args:
        argument: A float or Value, or a list, tuple or dictionary of such, NumPy's arrays of
            floats, and models (whatever has `named_parameters()`), nested in any way; None holds
            no number.
        path: What the argument is called.

    Returns:
        For each number the path to it, and the float.

    Raises:
        TypeError: There is something else in it: an integer, a boolean, a text. The message names
            the path to it.

    Example:
        >>> numbers({"weights": [0.5, -1.0], "bias": Value(2.0)}, "p")
        [("p['weights'][0]", 0.5), ("p['weights'][1]", -1.0), ("p['bias']", 2.0)]
    """
    found: list[tuple[str, float]] = []

    def collect(path: str, leaf: Any) -> Any:
        found.append((path, _number(path, leaf)))
        return leaf

    _mapped(argument, path, collect, collect)
    return found


def rebuilt(argument: Any, path: str, data: Iterator[float]) -> tuple[Any, list[Value]]:
    """Make a nested argument again, with a new node in the place of each number.

    Args:
        argument: As for `numbers`. It stays as it is; of a model a copy is made.
        path: What the argument is called.
        data: The numbers to put into it, in the order of `numbers`; no more are taken than needed.

    Returns:
        The argument with nodes, and the nodes. A node has the label of the Value that it stands
        for, and else the path to it.

    Example:
        >>> rebuilt([1.0, (2.0,)], "x", iter([3.0, 4.0]))[0]
        [Value(3.0, grad=0.0, label='x[0]'), (Value(4.0, grad=0.0, label='x[1][0]'),)]
    """
    nodes: list[Value] = []

    def node(path: str, leaf: Any) -> Value:
        label = leaf.label if isinstance(leaf, Value) and leaf.label else path
        nodes.append(Value(next(data), label))
        return nodes[-1]

    def parameter(path: str, leaf: Value) -> None:  # of a copy of the model
        leaf.data, leaf.grad = next(data), 0.0
        nodes.append(leaf)

    return _mapped(argument, path, node, parameter), nodes


def outputs(result: Any, path: str, function: str) -> list[tuple[str, Any]]:
    """List the numbers that a function has returned.

    Args:
        result: A Value or number, or a list, tuple, dictionary or array of such.
        path: What the result is called; may be empty.
        function: Who returned it, for the error.

    Returns:
        For each the path to it, and the Value or float.

    Raises:
        TypeError: There is something else in it.

    Example:
        >>> outputs([1, Value(2.0)], "", "f")
        [('[0]', 1.0), ('[1]', Value(2.0, grad=0.0))]
    """
    found: list[tuple[str, Any]] = []

    def collect(path: str, leaf: Any) -> Any:
        if not isinstance(leaf, Value):
            what = f"{function} returned, at {path}" if path else f"{function} returned"
            leaf = as_float(leaf, what)
        found.append((path, leaf))
        return leaf

    _mapped(result, path, collect, collect)
    return found


def _number(path: str, leaf: Any) -> float:
    """Take a float, or say what is wrong with something that is none."""
    if isinstance(leaf, Value):
        return leaf.data
    if isinstance(leaf, Integral):
        raise TypeError(
            f"{path}: {leaf!r} is no float: write {float(leaf)!r} to differentiate with respect to "
            f"it, or keep it out of the arguments: lambda x: f(x, {leaf!r})"
        )
    return as_float(leaf, path, "floats, Values, or lists, tuples, dictionaries, models of them")


def _mapped(structure: Any, path: str, leaf: Leaf, parameter: Leaf) -> Any:
    """Apply a function to each leaf of a structure, in order, and put the results in its place.

    Models are copied, and their parameters stay in place.
    """

    def mapped(part: Any, path: str) -> Any:
        return _mapped(part, path, leaf, parameter)

    if structure is None:
        return None
    if isinstance(structure, Mapping):
        return {key: mapped(part, f"{path}[{key!r}]") for key, part in structure.items()}
    if isinstance(structure, (list, tuple)):
        parts = [mapped(part, f"{path}[{i}]") for i, part in enumerate(structure)]
        if hasattr(structure, "_fields"):  # a named tuple
            return type(structure)(*parts)
        return parts if isinstance(structure, list) else tuple(parts)
    if callable(getattr(structure, "named_parameters", None)):
        model = copy.deepcopy(structure)
        for name, value in list(model.named_parameters()):
            parameter(f"{path}.{name}", value)
        return model
    if getattr(structure, "shape", None):  # an array with dimensions
        array = structure.astype(object)
        for place in product(*map(range, structure.shape)):
            array[place] = leaf(f"{path}[{', '.join(map(str, place))}]", array[place])
        return array
    return leaf(path, structure)
