"""Nested arguments: the numbers in lists, tuples, dictionaries, arrays and models, and their paths.

For differentiation, a function of a nested argument is a function of the numbers in it.
`numbers` lists these with the path to each; `rebuilt` makes the argument again with a node in place
of each number; `restored` makes a result of the same structure.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, product
from numbers import Integral
from types import FunctionType, MethodType
from typing import Any, NamedTuple, TypeAlias

from autograd.copying import NodesKept
from autograd.errors import refuse_mask, shown
from autograd.reals import as_float
from autograd.sparsity.values import SparseValues
from autograd.tree import flatten
from autograd.value import Value

__all__ = [
    "ParameterNames",
    "Visit",
    "argument_names",
    "errors_of",
    "filled",
    "function_name",
    "number_of",
    "numbers",
    "output_numbers",
    "outputs",
    "parameter_names",
    "paths_into",
    "rebuilt",
    "restored",
    "visited",
]

Visitor: TypeAlias = Callable[[str, Any], Any]
MakeNode: TypeAlias = "Callable[[str, float | Value, bool], Value]"


def _refuse_sparse(path: str, part: SparseValues) -> Any:
    raise TypeError(
        f"{path or 'the result'} is a sparse array of Values, which is not possible here: make it "
        "dense, .toarray(), or take its .nonzeros"
    )


class Visit(NamedTuple):
    """What to put in place of a part, given its path and the part itself.

    Attributes:
        number: For a number, or anything that is none of the following.
        array: For a NumPy array with at least one dimension.
        model: For a model: anything that has `named_parameters()`.
        sparse: For a sparse array of Values; by default an error.
    """

    number: Visitor
    array: Visitor
    model: Visitor
    sparse: Visitor = _refuse_sparse


def visited(structure: Any, path: str, visit: Visit) -> Any:
    """Visit a structure in order, and make a new one of the same structure.

    Args:
        structure: Numbers, arrays and models in lists, tuples and dictionaries, nested in any way;
            None remains None.
        path: The name of the structure.
        visit: What to put in place of each part.

    Returns:
        The new structure.

    Raises:
        RecursionError: It is nested too deeply.

    Example:
        >>> negative = Visit(lambda path, x: -x, lambda path, x: -x, lambda path, x: x)
        >>> visited({"a": [1.0, (2.0, None)]}, "x", negative)
        {'a': [-1.0, (-2.0, None)]}
    """
    leaves, tree = flatten(structure, path)
    if tree.count == 1 and leaves[0] is structure:
        return _visit(visit, path, structure)
    places = tree.paths(path)
    return tree.unflatten([_visit(visit, *pair) for pair in zip(places, leaves, strict=True)])


def _visit(visit: Visit, path: str, leaf: Any) -> Any:
    kind = type(leaf)
    if kind is float or issubclass(kind, Value):  # most leaves
        return visit.number(path, leaf)
    if kind is SparseValues:
        return visit.sparse(path, leaf)
    if callable(getattr(leaf, "named_parameters", None)):
        return visit.model(path, leaf)
    if hasattr(leaf, "shape"):
        refuse_mask(path or "an array", leaf)
        if leaf.shape and hasattr(leaf, "flat"):
            return visit.array(path, leaf)
    return visit.number(path, leaf)


def numbers(argument: Any, path: str) -> list[tuple[str, float]]:
    """List the numbers of a nested argument.

    Args:
        argument: A float or Value, or a list, tuple or dictionary of these, NumPy arrays of floats,
            and models, nested in any way; None holds no number.
        path: The name of the argument.

    Returns:
        For each number its path, and the float.

    Raises:
        TypeError: The argument contains something else: an integer, a boolean, a text. The message
            names its path.

    Example:
        >>> numbers({"weights": [0.5, -1.0], "bias": Value(2.0)}, "p")
        [("p['weights'][0]", 0.5), ("p['weights'][1]", -1.0), ("p['bias']", 2.0)]
    """
    return [(place, number_of(leaf)) for place, leaf in _leaves(argument, path, _differentiable)]


def rebuilt(argument: Any, path: str, node: MakeNode) -> Any:
    """Make a nested argument again, with a node in place of each number.

    Args:
        argument: As for `numbers`. It is not changed; a model is copied.
        path: The name of the argument.
        node: Makes the node, given the path, the float or Value that the node stands for, and
            whether that is a parameter of a model.

    Returns:
        The argument with nodes.

    Example:
        >>> rebuilt([1.0, (2.0,)], "x", lambda path, x, parameter: Value(x, path))
        [Value(1.0, grad=0.0, label='x[0]'), (Value(2.0, grad=0.0, label='x[1][0]'),)]
    """

    def array(path: str, structure: Any) -> Any:
        nodes = structure.astype(object)
        flat = nodes.flat
        for place, (name, number) in enumerate(_elements(structure, path)):
            flat[place] = node(name, _differentiable(name, number), False)
        return nodes

    def model(path: str, structure: Any) -> Any:
        # What the copy is to contain in place of each parameter, wherever it occurs. Other nodes in
        # the model may be on a graph that is being differentiated: they are kept.
        replaced = NodesKept(
            (id(parameter), node(f"{path}.{name}", parameter, True))
            for name, parameter in structure.named_parameters()
        )
        return copy.deepcopy(structure, replaced)

    number = Visit(lambda path, x: node(path, _differentiable(path, x), False), array, model)
    return visited(argument, path, number)


def restored(argument: Any, results: Iterator[Any]) -> Any:
    """Put results in place of the numbers of a nested argument.

    Args:
        argument: As for `numbers`.
        results: One for each number, in order; surplus ones are not consumed.

    Returns:
        The same structure: in place of an array an array, of floats if the results are; in place of
        a model a dictionary from the names of its parameters.

    Example:
        >>> restored({"a": [1.0, 2.0]}, iter([3.0, 4.0]))
        {'a': [3.0, 4.0]}
    """

    def array(path: str, structure: Any) -> Any:
        return filled(structure, list(islice(results, structure.size)))

    def model(path: str, structure: Any) -> dict[str, Any]:
        return {name: next(results) for name, _ in structure.named_parameters()}

    return visited(argument, "", Visit(lambda path, x: next(results), array, model))


def filled(array: Any, numbers: Sequence[Any], shape: tuple[int, ...] | None = None) -> Any:
    """Make an array of numbers: of floats if all of them are floats, otherwise of objects.

    Args:
        array: Any NumPy array.
        numbers: The numbers, the last index counting fastest.
        shape: The shape; by default the array's.

    Returns:
        The new array.

    Example:
        >>> import numpy as np
        >>> filled(np.ones(2), [3.0, 4.0])
        array([3., 4.])
    """
    flat = array.astype(object).ravel()[:0].copy()
    flat.resize(len(numbers), refcheck=False)
    for place, number in enumerate(numbers):  # of a list NumPy would examine each Value
        flat[place] = number
    shaped = flat.reshape(array.shape if shape is None else shape)
    return shaped.astype(float) if {*map(type, numbers)} <= {float} else shaped


def outputs(
    result: Any, function: str, nested: bool = False, verb: str = " returned"
) -> list[tuple[str, Value | float]]:
    """List the numbers that a function has returned.

    Args:
        result: A Value or number, or a list, tuple, dictionary or array of these.
        function: The name of the function, for the error.
        nested: Whether paths into an array are written as paths into nested lists.
        verb: What the function did, for the error.

    Returns:
        For each number its path, and the Value or float.

    Raises:
        TypeError: The result contains something else.

    Example:
        >>> outputs([1, Value(2.0)], "f")
        [('[0]', 1.0), ('[1]', Value(2.0, grad=0.0))]
    """

    def number(path: str, leaf: Any) -> Value | float:
        if isinstance(leaf, Value):
            return leaf
        if getattr(leaf, "shape", None) == () and hasattr(leaf, "item"):
            leaf = leaf.item()  # from a 0-dimensional array
        place = f", at {path}" if path else ""
        return leaf if isinstance(leaf, Value) else as_float(leaf, f"{function}{verb}{place}")

    return _leaves(result, "", number, "][" if nested else ", ")


def output_numbers(result: Any, function: str) -> list[Value | float]:
    """List the numbers that a function has returned, as `outputs` does, without their paths.

    Args:
        result: As for `outputs`.
        function: Likewise.

    Returns:
        The Values and floats.

    Raises:
        TypeError: The result contains something else.

    Example:
        >>> output_numbers([1.0, Value(2.0)], "f")
        [1.0, Value(2.0, grad=0.0)]
    """
    found: list[Any] = []
    for leaf in flatten(result)[0]:
        kind = type(leaf)
        if kind is float or issubclass(kind, Value):
            found.append(leaf)
            continue
        if kind is SparseValues:
            found += leaf.nonzeros
            continue
        # A large array of numbers, where nothing needs a name.
        is_array = (kind.__module__, kind.__name__) == ("numpy", "ndarray") and leaf.shape
        elements = [*leaf.astype(object).flat] if is_array else [leaf]
        if not all(of is float or issubclass(of, Value) for of in {*map(type, elements)}):
            return [number for _, number in outputs(result, function)]
        found += elements
    return found


@contextmanager
def errors_of(function: str) -> Iterator[None]:
    """Add the name of the function to errors about its arguments.

    Args:
        function: The function.

    Raises:
        TypeError, OverflowError: The error that was raised within the block.
        ValueError: An argument is nested too deeply.

    Example:
        >>> with errors_of("gradcheck"):
        ...     numbers("1.0", "x")
        Traceback (most recent call last):
        ...
        TypeError: gradcheck: x: expected a float, a Value, or ... of them, got str: '1.0'
    """
    try:
        yield
    except RecursionError as error:
        where = (
            str(error).partition(" is nested")[0] if " is nested" in str(error) else "an argument"
        )
        raise ValueError(f"{function}: {where} is nested too deeply") from None
    except (TypeError, OverflowError) as error:
        words = str(error)
        raise type(error)(
            words if words.startswith(f"{function}: ") else f"{function}: {words}"
        ) from None


class ParameterNames(NamedTuple):
    """The names of a function's positional parameters.

    Attributes:
        first: The names of those that take one argument each.
        others: The name of the variadic parameter; empty if there is none.
    """

    first: Sequence[str]
    others: str = ""

    def of(self, place: int) -> str:
        """Name the argument at a position, whether or not the signature has a parameter for it.

        Example:
            >>> [ParameterNames(["x"], "ys").of(place) for place in range(3)]
            ['x', 'ys[0]', 'ys[1]']
        """
        if place < len(self.first):
            return self.first[place]
        # A decorator may take more arguments than the function whose signature it shows.
        return f"{self.others}[{place - len(self.first)}]" if self.others else f"argument {place}"


def parameter_names(f: Callable[..., Any]) -> ParameterNames:
    """Read the names of a function's positional parameters from its signature.

    Args:
        f: The function.

    Returns:
        The names; empty if there is no signature.

    Example:
        >>> parameter_names(lambda x, *ys: x)
        ParameterNames(first=('x',), others='ys')
    """
    if type(f) is FunctionType and not f.__dict__:  # `signature` takes 10 µs for the same
        code = f.__code__
        known, count = code.co_varnames, code.co_argcount
        takes_others = code.co_flags & inspect.CO_VARARGS
        return ParameterNames(
            known[:count], known[count + code.co_kwonlyargcount] if takes_others else ""
        )
    if type(f) is MethodType:
        first, rest = parameter_names(f.__func__)
        return ParameterNames(first[1:], rest)
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):  # some functions in C
        return ParameterNames(())
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = tuple([each.name for each in parameters if each.kind in positional])
    others = [each.name for each in parameters if each.kind is each.VAR_POSITIONAL]
    return ParameterNames(names, *others)


def argument_names(f: Callable[..., Any], positional: Sequence[Any]) -> list[str]:
    """Name the arguments of a function as its signature does.

    Args:
        f: The function.
        positional: Its arguments.

    Returns:
        For each the name of the parameter, `name[0]` and so on for a variadic parameter; or
        `argument 0` and so on, if there is no signature.

    Example:
        >>> argument_names(lambda x, *ys: x, [1.0, 2.0, 3.0])
        ['x', 'ys[0]', 'ys[1]']
    """
    names = parameter_names(f)
    return [names.of(place) for place in range(len(positional))]


def function_name(f: Callable[..., Any]) -> str:
    """Return the name of a function; f if it has none.

    Example:
        >>> function_name(len), function_name(lambda x: x)
        ('len', 'f')
    """
    return str(getattr(f, "__name__", type(f).__name__)).replace("<lambda>", "f")


def number_of(number: Any) -> Any:
    """Return the data of a Value, and anything else unchanged.

    Example:
        >>> number_of(Value(2.0)), number_of(3.0)
        (2.0, 3.0)
    """
    return number.data if isinstance(number, Value) else number


def _leaves(
    structure: Any, path: str, number: Visitor, separator: str = ", "
) -> list[tuple[str, Any]]:
    """List the numbers in a structure, each with its path."""
    found: list[tuple[str, Any]] = []

    def array(path: str, part: Any) -> None:
        elements = _elements(part, path, separator)
        found.extend([(name, number(name, element)) for name, element in elements])

    def model(path: str, part: Any) -> None:
        found.extend((f"{path}.{name}", value) for name, value in part.named_parameters())

    def leaf(path: str, part: Any) -> None:
        found.append((path, number(path, part)))

    def sparse(path: str, part: SparseValues) -> None:
        found.extend((f"{path}.nonzeros[{i}]", value) for i, value in enumerate(part.nonzeros))

    visited(structure, path, Visit(leaf, array, model, sparse))
    return found


def _elements(array: Any, path: str, separator: str = ", ") -> Iterator[tuple[str, Any]]:
    """List an array's elements, the last index counting fastest, each with its path."""
    return zip(paths_into(array.shape, path, separator), array.astype(object).flat, strict=True)


def paths_into(shape: tuple[int, ...], path: str, separator: str = ", ") -> list[str]:
    """List the paths to the elements of an array, the last index counting fastest.

    Example:
        >>> paths_into((1, 2), "x")
        ['x[0, 0]', 'x[0, 1]']
    """
    if len(shape) == 1:
        return [f"{path}[{place}]" for place in range(shape[0])]
    return [f"{path}[{separator.join(map(str, index))}]" for index in product(*map(range, shape))]


def _differentiable(path: str, leaf: Any) -> float | Value:
    """Return a float or Value unchanged, or raise an error that says what is wrong."""
    if type(leaf) is float or isinstance(leaf, Value):
        return leaf
    if isinstance(leaf, Integral) or getattr(getattr(leaf, "dtype", None), "kind", "") in {*"biu"}:
        raise TypeError(
            f"{path}: {shown(leaf)} is not a float: write {_as_written(leaf)} to differentiate "
            f"with respect to it, or keep it out of the arguments: lambda x: f(x, {shown(leaf)})"
        )
    return as_float(
        leaf, path, "a float, a Value, or a list, tuple, dictionary, array or model of them"
    )


def _as_written(integer: Any) -> str:
    try:
        return repr(float(integer))
    except OverflowError:
        return "a number that a float can hold"
