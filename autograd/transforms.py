"""Derivatives of plain functions: `grad`, `jacobian`, `hessian` and their relatives.

Each takes a function and returns a function. They compose to any order, and with each other: a
derivative taken while another is being taken is recorded like any other computation.

The numbers in the arguments decide the kind of the results: plain floats and models give plain
floats; Values give Values that stay connected to the graph they come from. Where a function that is
being differentiated takes a derivative itself, whatever depends on its own variables stays
connected to them. Other Values that a function uses are constants to it: to differentiate with
respect to a model whose loss contains a derivative, differentiate the loss, `grad(loss)(model)`.

Every call differentiates with respect to new nodes that stand for the arguments. So the inner and
the outer variable of nested derivatives cannot be confused, the classic bug of nested automatic
differentiation (J. M. Siskind and B. A. Pearlmutter, *Perturbation confusion and referential
transparency*, IFL 2005).
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count, islice, repeat
from types import MethodType
from typing import TYPE_CHECKING, Any, TypeAlias

from autograd import grad_mode, structure
from autograd.calls import is_call, is_result
from autograd.chain_rule import ChainRule, added, recorded_gradient
from autograd.choices import leaves_out
from autograd.errors import counted, shown
from autograd.foreign import with_advice
from autograd.grad_mode import as_before, paused, resume, resumed
from autograd.graph import adjoints, dependents, interior, topological_order
from autograd.linear_nodes import linear, linked
from autograd.loops import ITEM, LoopName, Moved, pushed, tangent_item
from autograd.masks import is_zero
from autograd.merging import merged
from autograd.off_domain import has_domain, nan_outside, showing_nan, within_domain
from autograd.partials import partials
from autograd.rule import LINEAR, VALUES
from autograd.sparsity.values import SparseValues
from autograd.structure import number_of
from autograd.sums import MANY
from autograd.tracing import active, is_traced
from autograd.value import Value, as_value, new_node

if TYPE_CHECKING:
    from autograd.sparsity.pattern import Pattern
    from autograd.sparsity.recovery import Plan

__all__ = [
    "differentiable_variables",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "value_and_grad",
    "vjp",
]

Number: TypeAlias = "Value | float"

# The variables of all functions that are being differentiated, in any thread: no two calls share
# one, and each call removes its own.
_live: set[Value] = set()


# --- recording -----------------------------------------------------------------------------------


@contextmanager
def differentiable_variables(variables: Sequence[Value]) -> Iterator[None]:
    """Keep derivatives that are taken within the block connected to some variables.

    Args:
        variables: Nodes that belong to no other call.
    """
    _live.update(variables)
    try:
        yield
    finally:
        _live.difference_update(variables)


OF_FLOATS = {float}
OF_VALUES = {Value}
OF_NUMBERS = {Value, float}


class _Function:
    """A function that a transform differentiates, and what all calls of it share.

    Attributes:
        transform: The name of the transform, for errors.
        f: The function.
        called: What is called: the function itself, or a function made from it.
    """

    __slots__ = ("_names", "called", "f", "transform")

    def __init__(
        self, transform: str, f: Callable[..., Any], called: Callable[..., Any] | None = None
    ) -> None:
        self.transform = transform
        self.f = f
        self.called = f if called is None else called
        self._names: structure.ParameterNames | None = None

    @property
    def name(self) -> str:
        """The transform and the function, for errors."""
        return f"{self.transform}({getattr(self.f, '__name__', type(self.f).__name__)})"

    def argument(self, place: int) -> str:
        """Name an argument as the function does; the names are looked up once."""
        names = self._names
        if names is None:
            names = self._names = structure.parameter_names(self.f)
        return names.first[place] if place < len(names.first) else names.of(place)


class _Nodes(list[Value]):
    """The nodes that stand for the numbers in an argument, in order.

    Attributes:
        connected: Whether one of them is connected to a graph outside the function.
        names: The names of its parameters, if it is a model and they are known.
        tracing: Whether a function is being traced.
    """

    __slots__ = ("connected", "names", "tracing")

    def __init__(self) -> None:
        self.connected = False
        self.names: list[str] = []
        self.tracing = active.get() is not None

    def standing_for(self, argument: Any, path: str) -> Any:
        """Copy an argument, with nodes in place of its numbers."""
        # Most are lists of floats, or modules: both have a fast path.
        if type(argument) is list and {*map(type, argument)} == OF_FLOATS:
            self += [_leaf(number, f"{path}[{i}]") for i, number in enumerate(argument)]
            return [*self]
        if _is_module(argument):
            found = argument._replica(self.for_parameters)
            if found is not None:
                self.names, copied = found
                return copied
        return structure.rebuilt(argument, path, self.node)

    def for_parameters(self, parameters: list[Value]) -> list[Value]:
        """Make the nodes for some parameters of a model."""
        if self.tracing or grad_mode.open_blocks or not _live.isdisjoint(parameters):
            return [self.node("", parameter, True) for parameter in parameters]
        made = []
        for parameter in parameters:
            if parameter.parents:
                self.connected = True
                made.append(linked(parameter))
                continue
            node = _new(Value)  # as in `_leaf`: there are many
            node._number = parameter._number
            node._grad = 0.0
            node.parents = ()
            node.local_derivatives = ()
            node.op = parameter.op
            node._label = parameter._label
            made.append(node)
        self += made
        return made

    def node(self, path: str, stands_for: Number, parameter: bool) -> Value:
        """Make the node for a number, which may be a model's parameter."""
        if not isinstance(stands_for, Value):
            node = _leaf(stands_for, path)
        elif parameter and not (self.tracing or stands_for.parents or stands_for in _live):
            node = _leaf(stands_for._number, stands_for._label)  # a number like any other
            node.op = stands_for.op
        else:
            self.connected = True
            node = linked(stands_for)
        self.append(node)
        return node


_new = object.__new__


def _leaf(number: float, label: str | None) -> Value:
    """Make a leaf from a number and a label that need no check."""
    if grad_mode.open_blocks:
        return Value(number, label)
    leaf = _new(Value)
    leaf._number = number
    leaf._grad = 0.0
    leaf.parents = ()
    leaf.local_derivatives = ()
    leaf.op = ""
    leaf._label = label
    return leaf


class _Recording:
    """One call of a function whose derivative is taken.

    Attributes:
        function: The function.
        arguments: The arguments with respect to which it is differentiated; for a model whose
            parameter names are known, a dictionary by these names.
        variables: The nodes that stand for their numbers.
        result: What the function returned, without the auxiliary output.
        auxiliary: The auxiliary output, with `has_aux`.
        connected: Whether results are Values, connected to a graph outside the function.
    """

    __slots__ = ("arguments", "auxiliary", "connected", "function", "result", "variables")

    def __init__(
        self,
        function: _Function,
        arguments: Sequence[Any],
        variables: Sequence[Value],
        result: Any,
        auxiliary: Any,
    ) -> None:
        self.function = function
        self.arguments = arguments
        self.variables = variables
        self.result = result
        self.auxiliary = auxiliary
        self.connected = False

    def scalar(self) -> Value:
        """Return the result, which must be one number, as a node."""
        if type(self.result) is Value:
            return self.result
        name = self.function.name
        with suppress(TypeError):
            found = structure.outputs(self.result, name)
            if [path for path, _ in found] == [""]:
                return as_value(found[0][1])
        advice = (
            "is a return missing?" if self.result is None else "use jacobian, or return the sum"
        )
        raise TypeError(
            f"{name}: the function must return one number, but returned "
            f"{type(self.result).__name__}; {advice}"
        )

    def outputs(self) -> list[Value]:
        """List the numbers in the result as nodes."""
        found = _flat_values(self.result)
        if found is not None:
            return found
        return [as_value(y) for _, y in structure.outputs(self.result, self.function.name)]

    def reaches_live_variables(self) -> bool:
        """Whether the outputs depend on a variable of an enclosing function."""
        found: list[Value] = []

        def number(path: str, part: Any) -> None:
            if isinstance(part, Value):
                found.append(part)

        def array(path: str, part: Any) -> None:
            if _holds_objects(part):
                found.extend(x for x in part.flat if isinstance(x, Value))

        def sparse(path: str, part: SparseValues) -> None:
            found.extend(part.nonzeros)

        visit = structure.Visit(number, array, lambda path, model: None, sparse)
        structure.visited((self.result, self.auxiliary), "", visit)
        trace = active.get()
        if any(map(is_traced, found)):
            return True
        return any(
            node in _live or is_traced(node) or (trace is not None and trace.is_outside(node))
            for node in topological_order(*found)
        )

    def shown(self, result: Any) -> Any:
        """Return a result, or an auxiliary output, as the caller is to see it."""
        if self.connected:
            return result
        if type(result) is Value:
            return result._number
        if (found := _flat_values(result)) is not None:
            numbers = [value._number for value in found]
            return dict(zip(result, numbers, strict=True)) if type(result) is dict else numbers

        def array(path: str, part: Any) -> Any:
            if not _holds_objects(part):
                return part
            return structure.filled(part, list(map(number_of, part.flat)))

        visit = structure.Visit(lambda path, x: number_of(x), array, lambda path, model: model)
        return structure.visited(result, "", visit)

    def adjoints(self, root: Value, connected: bool = False, seed: float = 1.0) -> list[Number]:
        """Differentiate a node with respect to each variable; the seed applies to plain numbers."""
        return self.value_and_adjoints(root, connected, seed)[1]

    def value_and_adjoints(
        self, root: Value, connected: bool = False, seed: float = 1.0
    ) -> tuple[Value, list[Number]]:
        """As `adjoints`; and give a node of the same value, the shortest to compute."""
        if not (connected or self.connected):
            found = adjoints(root, seed, variables=self.variables)
            return root, [*map(found.__getitem__, self.variables)]
        again = _is_differentiated_again()
        one, order = merged(root, interior(root, stop=self.variables), again)
        recorded = recorded_gradient(one, order, self.variables, again=again)
        return root if again else one, [*map(as_value, recorded)]

    def tangents(
        self, roots: Sequence[Value], directions: Sequence[Sequence[Number]]
    ) -> list[list[Number]]:
        """Propagate tangents of the variables forward to some nodes.

        Args:
            roots: The nodes.
            directions: One or more sets of tangents of the variables.

        Returns:
            For each direction, the tangents of the nodes.
        """
        order = interior(*roots, stop=self.variables)
        if len(directions) == 1 and not self.connected:
            moved = {v: t for v, t in zip(self.variables, directions[0], strict=True) if t}
            return [tangents_along(roots, order, moved)]
        # A node that depends on no moving variable has no tangent, rather than a tangent of 0.
        moving: list[dict[Value, Number]] = [
            {
                variable: tangent
                for variable, tangent in zip(self.variables, direction, strict=True)
                if not is_zero(tangent)
            }
            for direction in directions
        ]
        if self.connected:
            within = dependents(order, self.variables)
            showing = showing_nan(roots, order)
            for found in moving:
                _record_tangents(roots, order, within, showing, found)
            return [[as_value(found.get(root, 0.0)) for root in roots] for found in moving]
        at_once = max(1, CARRIED // max(1, len(order)))
        rows: list[list[Number]] = []
        for start in range(0, len(moving), at_once):
            rows += _propagated_together(roots, order, moving[start : start + at_once])
        for place, row in enumerate(rows):
            if any(map(_is_nan, row)):
                rows[place] = _without_branches(roots, order, moving[place])
        return rows


CARRIED = 1 << 18
"""How many tangents are carried through a graph at once: it bounds their memory."""


def tangents_along(
    roots: Sequence[Value], order: Sequence[Value], given: dict[Value, Number]
) -> list[Number]:
    """Propagate tangents of floats along one direction.

    Args:
        roots: The nodes whose tangents are asked for.
        order: The interior nodes that they depend on, parents first.
        given: The tangents of the variables that move.

    Returns:
        The tangents of the nodes.
    """
    moved: dict[Value, Any] = dict(given)
    _propagate_tangents(order, moved)
    row = [moved.get(root, 0.0) for root in roots]
    return _without_branches(roots, order, given) if any(map(_is_nan, row)) else row


def _propagate_tangents(order: Sequence[Value], found: dict[Value, Any]) -> None:
    """Propagate the tangents of some variables to the nodes that depend on them."""
    for node in order:
        parents, derivatives = node.parents, node.local_derivatives
        if len(parents) > MANY:
            links = zip(parents, derivatives, strict=True)
            terms = [d * found[parent] if d else 0.0 for parent, d in links if parent in found]
            if terms:
                found[node] = added(terms)
            continue
        tangent, i = None, 0  # counted by hand, as in `Value.backward`
        for parent in parents:
            if parent in found:
                derivative = derivatives[i]
                term = derivative * found[parent] if derivative else 0.0
                tangent = term if tangent is None else tangent + term
            i += 1  # noqa: SIM113
        if tangent is not None:
            found[node] = tangent


def _is_nan(number: Number) -> bool:
    return not isinstance(number, Value) and number != number


def _without_branches(
    roots: Sequence[Value], order: Sequence[Value], moved: dict[Value, Any]
) -> list[Number]:
    """Propagate tangents so that a branch not taken has none, instead of a tangent of 0.

    Times an infinite derivative a tangent of 0 is nan.
    """
    found = dict(moved)
    for node in order:
        terms: list[Number] = []
        for place, (parent, d) in enumerate(zip(node.parents, node.local_derivatives, strict=True)):
            if parent in found and (d or not leaves_out(node, place, math.nan)):
                terms.append(d * found[parent] if d else 0.0)
        if terms:
            found[node] = added(terms)
    return [found.get(root, 0.0) for root in roots]


def _propagated_together(
    roots: Sequence[Value], order: Sequence[Value], moving: Sequence[dict[Value, Any]]
) -> list[list[Number]]:
    """Propagate tangents along several directions in one walk of the graph, each as if alone."""
    # For each node that moves, its tangents by the number of the direction.
    found: dict[Value, dict[int, Any]] = {}
    for place, direction in enumerate(moving):
        for variable, tangent in direction.items():
            found.setdefault(variable, {})[place] = tangent
    for node in order:
        parents, derivatives = node.parents, node.local_derivatives
        moved: dict[int, Any] | None = None
        if len(parents) > MANY:
            terms: dict[int, list[Any]] = {}
            for parent, d in zip(parents, derivatives, strict=True):
                for place, tangent in found.get(parent, {}).items():
                    terms.setdefault(place, []).append(d * tangent if d else 0.0)
            moved = {place: added(of_place) for place, of_place in terms.items()} or None
        else:
            i = 0
            for parent in parents:
                if parent in found:
                    derivative, tangents = derivatives[i], found[parent]
                    if moved is None:
                        moved = (
                            {place: derivative * tangent for place, tangent in tangents.items()}
                            if derivative
                            else dict.fromkeys(tangents, 0.0)
                        )
                    else:
                        for place, tangent in tangents.items():
                            term = derivative * tangent if derivative else 0.0
                            moved[place] = moved[place] + term if place in moved else term
                i += 1  # noqa: SIM113
        if moved is not None:
            found[node] = moved
    of_roots = [found.get(root, {}) for root in roots]
    return [[tangents.get(place, 0.0) for tangents in of_roots] for place in range(len(moving))]


def _record_tangents(
    roots: Sequence[Value],
    order: Sequence[Value],
    within: Container[Value],
    showing: dict[int, int],
    found: dict[Value, Number],
) -> None:
    """Propagate the tangents of some variables, and record the operations that this takes."""
    chain = ChainRule(order, _is_differentiated_again(), forwards=True)
    everywhere = (1 << len(roots)) - 1
    moved: dict[Value, Moved] = {}
    of_calls: dict[Value, dict[int, Number]] = {}
    for node in order:
        if node not in within or node in found:
            continue
        if type(node.op) is LoopName:
            pair = pushed(node, found, moved, _pushforward)
            if pair is not None:
                moved[node] = pair
            continue
        if node.op == ITEM:
            loop, place = node.parents
            tangent = tangent_item(loop, int(place._number), moved.get(loop))
            if tangent is not None:
                found[node] = tangent
            continue
        if is_call(node):
            of_calls[node] = chain.forwards_through_call(node, found)
            continue
        if is_result(node):
            of_call = of_calls[node.parents[0]].get(node.op.place, 0.0)  # type: ignore[attr-defined]
            if not is_zero(of_call):
                found[node] = of_call
                chain.result_of_call(node)
            continue
        terms: list[Number] = []
        factor = 1.0 if showing.get(id(node)) == everywhere else within_domain(node, 1.0)
        for parent, derivative in zip(
            node.parents, partials(node, undefined=chain.again), strict=True
        ):
            if isinstance(factor, Value):
                derivative = derivative * factor
            if parent in found:
                term = chain.product(found[parent], derivative, parent, node)
                if not is_zero(term):
                    terms.append(term)
        if terms:
            found[node] = added(terms)
    for node in order:
        if showing.get(id(node)) and has_domain(node) and not found.keys().isdisjoint(node.parents):
            bits = showing[id(node)]
            while bits:
                root = roots[bits.bit_length() - 1]
                bits ^= 1 << (bits.bit_length() - 1)
                found[root] = nan_outside(node, found.get(root, 0.0))


def _pushforward(
    results: Sequence[Number], tangents: Sequence[tuple[Value, Number]]
) -> list[Number]:
    """Give the tangents of results, given those of leaves, and record the operations this takes."""
    roots = [result for result in results if isinstance(result, Value)]
    order = interior(*roots)
    found = dict(tangents)
    _record_tangents(roots, order, {*order}, showing_nan(roots, order), found)
    return [found.get(y, 0.0) if isinstance(y, Value) else 0.0 for y in results]


def _is_differentiated_again() -> bool:
    """Tell whether this derivative is taken inside another one.

    In a program that is being traced, only the derivatives within it count: what it computes must
    not depend on what other threads do. The inputs of the program are not variables of one.
    """
    trace = active.get()
    if trace is not None:
        return trace.derivatives > 0  # type: ignore[no-any-return]
    return any(node.parents or not is_traced(node) for node in tuple(_live))


def _record(
    function: _Function,
    positional: Sequence[Any],
    keywords: dict[str, Any],
    places: Sequence[int],
    has_aux: bool = False,
) -> _Recording:
    """Call a function with new nodes in place of the numbers in some of its arguments."""
    before = resume()
    try:
        variables: list[Value] = []
        connected = False
        arguments = [*positional]
        patterns = [*map(positional.__getitem__, places)]
        for place in places:
            argument = positional[place]
            path = function.argument(place)
            if type(argument) is float:
                arguments[place] = leaf = _leaf(argument, path)
                variables.append(leaf)
                continue
            nodes = _Nodes()
            try:
                arguments[place] = nodes.standing_for(argument, path)
            except (TypeError, OverflowError) as error:
                raise type(error)(f"{function.name}: {error}") from None
            except RecursionError:
                raise ValueError(f"{function.name}: {path} is nested too deeply") from None
            if not nodes and hasattr(argument, "named_parameters"):
                raise TypeError(
                    f"{function.name}: {path} is a model without parameters; if they have been "
                    "replaced by results of operations, pass a dictionary of these instead"
                )
            variables += nodes
            connected = connected or nodes.connected
            if nodes.names:
                patterns[places.index(place)] = dict.fromkeys(nodes.names, 0.0)
        trace = active.get()
        if trace is not None:
            trace.derivatives += 1
        _live.update(variables)
        try:
            result = function.called(*arguments, **keywords)
        finally:
            _live.difference_update(variables)
            if trace is not None:
                trace.derivatives -= 1
    finally:
        as_before(before)
    return _recording_of(function, patterns, variables, result, has_aux, connected)


def _recording_of(
    function: _Function,
    arguments: Sequence[Any],
    variables: Sequence[Value],
    result: Any,
    has_aux: bool,
    connected: bool = False,
) -> _Recording:
    """Split what a function returned, and find out whether it is connected to an outer graph."""
    auxiliary = None
    if has_aux:
        if not (isinstance(result, tuple) and len(result) == 2):
            raise TypeError(
                f"{function.name}: with has_aux=True the function must return a pair, (result, "
                f"anything else), but returned {type(result).__name__}"
            )
        result, auxiliary = result
    recording = _Recording(function, arguments, variables, result, auxiliary)
    if (connected or _live or active.get() is not None) and not paused():
        recording.connected = connected or recording.reaches_live_variables()
    return recording


_of_positions = with_advice(
    argnum="use argnums=, by position: 0 is the first argument",
    wrt="use argnums=, by position: 0 is the first argument",
    create_graph="derivatives are recorded where they are differentiated again: grad(grad(f))",
    allow_int="an int is not a float: write 1.0 for 1",
)


def _argnums(transform: str, argnums: int | Iterable[int]) -> int | tuple[int, ...]:
    """Check that `argnums` is an int or several ints, and return it."""
    if isinstance(argnums, (str, bytes, bytearray)):
        numbers: tuple[Any, ...] = (argnums,)
    else:
        numbers = tuple(argnums) if isinstance(argnums, Iterable) else (argnums,)
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int):
            raise TypeError(
                f"{transform}: argnums must be an int, the position of an argument, or a tuple of "
                f"ints, got {type(number).__name__}: {shown(number)}"
            )
    return numbers if isinstance(argnums, Iterable) else argnums


def _places(transform: str, argnums: int | tuple[int, ...], count: int) -> list[int]:
    """Make positions non-negative, and check that they are in range and different."""
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)
    hint = "" if count else ": pass the arguments to differentiate with respect to by position"
    for number in numbers:
        if not -count <= number < count:
            raise ValueError(
                f"{transform}: argnums={shown(number)} is out of range: the function was called "
                f"with {counted(count, 'positional argument')}{hint}"
            )
    places = [number % count for number in numbers]
    if len({*places}) < len(places):
        raise ValueError(f"{transform}: argnums={shown(argnums)} names an argument twice")
    return places


class _Derivative:
    """What a transform returns: a function of the same arguments as the original.

    It has the function's name and signature, and a docstring that says what it is. If the function
    can be pickled, so can it: either as the transform, to be applied to the function again, or, if
    it decorates a function of a module, by that function's name.

    Args:
        what: What it is, in words.
        compute: Computes it, given the positional and the keyword arguments.
        transform: The transform.
        f: The function.
        *options: The other arguments of the transform.
    """

    def __init__(
        self,
        what: str,
        compute: Callable[[Sequence[Any], dict[str, Any]], Any],
        transform: Callable[..., Any],
        f: Callable[..., Any],
        *options: Any,
    ) -> None:
        self.__name__ = getattr(f, "__name__", type(f).__name__)
        self.__qualname__ = self.__name__
        functools.update_wrapper(self, f, updated=())
        self.__doc__ = f"The {what} of {self.__name__}; the arguments are those of {self.__name__}."
        self._compute = compute
        self._made_by = transform, (f, *options)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self._compute(args, kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<{self._made_by[0].__name__}({self.__name__})>"

    def __reduce__(self) -> str | tuple[Any, ...]:
        found: Any = sys.modules.get(self.__module__)
        for name in self.__qualname__.split("."):
            found = getattr(found, name, None)
        return self.__qualname__ if found is self else self._made_by


# --- first derivatives ---------------------------------------------------------------------------


@_of_positions
def grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Make the gradient of a function.

    Args:
        f: The function; it must return one number. The arguments that it is differentiated with
            respect to are floats and Values, NumPy arrays of floats, models, and lists, tuples and
            dictionaries of them; the others may be anything.
        argnums: The position of the argument to differentiate with respect to, or several.
        has_aux: Whether `f` returns a pair (result, auxiliary output), of which only the result is
            differentiated.

    Returns:
        A function of the same arguments. It returns the gradient in the structure of the argument
        (for a model, a dictionary by the names of its parameters), or a tuple of gradients if
        `argnums` are several; with `has_aux`, a pair of that and the auxiliary output. Where `f`
        does not depend on a number, its derivative is 0. The function raises a TypeError if an
        argument holds an integer, a boolean, or anything that is not a real number, or if `f` does
        not return one number, and a ValueError if `argnums` is out of range.

    Raises:
        TypeError: `f` is not a function, or `argnums` is neither an int nor several ints.

    Example:
        >>> from autograd import sin
        >>> grad(lambda x: sin(x) * x)(0.5)
        0.9182168195...
        >>> grad(grad(grad(lambda x: x**4)))(2.0)
        48.0
        >>> grad(lambda x, p: p["slope"] * x + p["bias"], 1)(3.0, {"slope": 2.0, "bias": 1.0})
        {'slope': 3.0, 'bias': 1.0}
    """
    _require_function("grad", f)
    argnums = _argnums("grad", argnums)
    return _gradient("grad", f, argnums, has_aux)


@_of_positions
def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Make a function that returns the value of a function and its gradient.

    With NumPy arrays, `scipy.optimize.minimize` takes the result with `jac=True`.

    Args:
        f: The function, as for `grad`.
        argnums: As for `grad`.
        has_aux: As for `grad`.

    Returns:
        A function of the same arguments, which returns a pair of the value and the gradient; with
        `has_aux`, the value is itself the pair that `f` returned.

    Raises:
        TypeError: `f` is not a function, or `argnums` is neither an int nor several ints.

    Example:
        >>> value_and_grad(lambda x: x[0] * x[1])([2.0, 3.0])
        (6.0, [3.0, 2.0])
    """
    _require_function("value_and_grad", f)
    argnums = _argnums("value_and_grad", argnums)
    both = _value_and_grad("value_and_grad", f, argnums, has_aux)
    return _Derivative("value and gradient", both, value_and_grad, f, argnums, has_aux)


def _gradient(
    transform: str, f: Callable[..., Any], argnums: int | tuple[int, ...], has_aux: bool = False
) -> _Derivative:
    """Make the gradient of a function; its errors name the transform that asked for it."""
    gradient = _value_and_grad(transform, f, argnums, has_aux, with_value=False)
    return _Derivative("gradient", gradient, grad, f, argnums, has_aux)


def _value_and_grad(
    transform: str,
    f: Callable[..., Any],
    argnums: int | tuple[int, ...],
    has_aux: bool,
    with_value: bool = True,
) -> Callable[[Sequence[Any], dict[str, Any]], Any]:
    """Make what `grad` and `value_and_grad` share: it computes the value and the gradient."""
    function = _Function(transform, f)
    is_one = isinstance(argnums, int)
    places_of: dict[int, list[int]] = {}  # by the number of arguments

    def both(args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        slope: Any
        places = places_of.get(len(args))
        if places is None:
            places = places_of[len(args)] = _places(transform, argnums, len(args))
        arguments = [*args]
        leaves: list[Value] = []
        for place in places:
            if type(args[place]) is not float:
                recording = _record(function, args, kwargs, places, has_aux)
                break
            arguments[place] = leaf = _leaf(args[place], function.argument(place))
            leaves.append(leaf)
        else:
            # Only floats, as in most calls: these are short, so the overhead of a call shows.
            before, trace = resume(), active.get()
            if trace is not None:
                trace.derivatives += 1
            _live.update(leaves)
            try:
                result = f(*arguments, **kwargs)
            finally:
                _live.difference_update(leaves)
                if trace is not None:
                    trace.derivatives -= 1
                as_before(before)
            if type(result) is Value and not (has_aux or _live or trace):
                found = adjoints(result, variables=leaves)
                slope = found[leaf] if is_one else tuple([found[leaf] for leaf in leaves])
                return (result._number, slope) if with_value else slope
            given = [args[place] for place in places]
            recording = _recording_of(function, given, leaves, result, has_aux)
        root = recording.scalar()
        root, derivatives = recording.value_and_adjoints(root)
        slopes = _all_restored(recording.arguments, derivatives)
        slope = slopes[0] if is_one else tuple(slopes)
        auxiliary = recording.shown(recording.auxiliary) if has_aux else None
        if not with_value:
            return (slope, auxiliary) if has_aux else slope
        value = root if recording.connected else root._number
        return ((value, auxiliary) if has_aux else value), slope

    return both


def jvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False
) -> tuple[Any, ...]:
    """Compute a function and its derivative along a direction, in forward mode.

    Tangents are propagated from the inputs along the graph, by the same partial derivatives by
    which `backward()` propagates adjoints (a Jacobian-vector product).

    Args:
        f: The function; it may return any structure of numbers.
        primals: Its arguments.
        tangents: The direction: for each argument, a tangent of the same structure.
        has_aux: Whether `f` returns a pair (result, auxiliary output), of which only the result is
            differentiated.

    Returns:
        The value and its derivative along the direction, of the same structure; with `has_aux`,
        the auxiliary output as a third.

    Raises:
        TypeError: Something in the arguments is not a real number, or a tangent does not have the
            structure of its argument; `primals` or `tangents` is neither a tuple nor a list; or `f`
            is not a function.
        ValueError: There are more or fewer tangents than arguments.

    Example:
        >>> jvp(lambda x, y: [x * y, x + y], (2.0, 3.0), (1.0, 0.0))
        ([6.0, 5.0], [3.0, 1.0])
    """
    _require_function("jvp", f)
    _require_sequences("jvp", primals, tangents)
    return _jvp(_Function("jvp", f), primals, tangents, has_aux)


def _jvp(
    function: _Function,
    primals: Sequence[Any],
    tangents: Sequence[Any],
    has_aux: bool = False,
) -> tuple[Any, ...]:
    transform = function.transform
    if len(primals) != len(tangents):
        raise _not_paired(transform, primals, tangents)
    directions: list[Number] = []
    for primal, tangent in zip(primals, tangents, strict=True):
        directions += _matching(f"{transform}: a tangent", primal, tangent)
    recording = _record(function, primals, {}, range(len(primals)), has_aux)
    if _has_values(directions):
        if paused():
            directions = [number_of(number) for number in directions]
        else:
            recording.connected = True
    (slopes,) = recording.tangents(recording.outputs(), [directions])
    slope = _restored(recording.result, iter(slopes))
    value = recording.shown(recording.result)
    return (value, slope, recording.shown(recording.auxiliary)) if has_aux else (value, slope)


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Compute a function, and a function that propagates adjoints from its outputs to its inputs.

    Reverse mode (a vector-Jacobian product): the function is called once, and its graph is walked
    once for each adjoint.

    Args:
        f: The function; it may return any structure of numbers.
        *primals: Its arguments.
        has_aux: Whether `f` returns a pair (result, auxiliary output), of which only the result is
            differentiated.

    Returns:
        The value, and a function that takes an adjoint of the structure of the value and returns a
        tuple of the adjoints of the arguments; with `has_aux`, the auxiliary output as a third.

    Raises:
        TypeError: Something in the arguments is not a real number; or `f` is not a function.

    Example:
        >>> value, pull_back = vjp(lambda x, y: [x * y, x + y], 2.0, 3.0)
        >>> value, pull_back([1.0, 0.0]), pull_back([0.0, 1.0])
        ([6.0, 5.0], (3.0, 2.0), (1.0, 1.0))
    """
    _require_function("vjp", f)
    recording = _record(_Function("vjp", f), primals, {}, range(len(primals)), has_aux)
    outputs = recording.outputs()

    def pull_back(adjoint: Any) -> tuple[Any, ...]:
        seeds = _matching("vjp: an adjoint", recording.result, adjoint)
        connected = _has_values(seeds) and not paused()
        if len(outputs) == 1 and not (connected or recording.connected or active.get()):
            found = recording.adjoints(outputs[0], seed=0.0 + number_of(seeds[0]))  # -0.0 is 0.0
        else:
            with resumed():
                if connected:
                    root = VALUES.dot(outputs, seeds)
                else:
                    root = linear(tuple(map(number_of, seeds)), tuple(outputs))
                found = recording.adjoints(root, connected)
        return tuple(_all_restored(recording.arguments, found))

    value = recording.shown(recording.result)
    if has_aux:
        return value, pull_back, recording.shown(recording.auxiliary)
    return value, pull_back


# --- Jacobians and second derivatives ------------------------------------------------------------


@_of_positions
def jacobian(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, sparse: bool = False
) -> Callable[..., Any]:
    """Make the Jacobian of a function: the derivative of each output with respect to each input.

    The function is called once. Its graph is then walked once for each output or, if there are
    fewer inputs than outputs, once for all inputs together. With `sparse`, the graph tells which
    entries may be nonzero, and one walk computes many columns, or rows, that do not overlap.

    Args:
        f: The function, as for `grad`; it may return any structure of numbers.
        argnums: As for `grad`.
        sparse: Whether the result is a `scipy.sparse.csr_array` of the entries that may be nonzero.
            `f` then takes and returns lists, tuples or arrays of one dimension, or single numbers.
            Entries that are 0 at this point only, such as those of the branch of `where` that is
            not taken, are among them. SciPy is needed (extra `special`).

    Returns:
        A function of the same arguments. Its result has the structure of what `f` returns, with
        the structure of the argument in place of each number; if both are arrays, it is one array,
        whose first dimensions are those of the result of `f`. With `sparse`, it is one sparse
        array of a row for each output, or a tuple of them if `argnums` are several; of Values, it
        is a `SparseValues` with the attributes `nonzeros` and `pattern`. Compiled, it computes the
        nonzeros only; with `in_axes`, it gives a list of sparse arrays, one for each row.

    Raises:
        TypeError: `f` is not a function, or `argnums` is neither an int nor several ints, or
            `sparse` is not a bool.
        ModuleNotFoundError: SciPy is missing.

    Example:
        >>> jacobian(lambda x: [x[0] * x[1], x[0] + x[1]])([2.0, 3.0])
        [[3.0, 2.0], [1.0, 1.0]]
        >>> found = jacobian(lambda x: [x[0] * x[1], x[1] ** 2], sparse=True)([2.0, 3.0])
        >>> found.nnz, found.toarray().tolist()
        (3, [[3.0, 2.0], [0.0, 6.0]])
    """
    _require_function("jacobian", f)
    argnums = _argnums("jacobian", argnums)
    function = _Function("jacobian", f)
    if _is_sparse("jacobian", sparse):
        computed = _sparse_jacobian(function, argnums)
        return _Derivative("sparse Jacobian", computed, jacobian, f, argnums, sparse)

    def derivative(args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        places = _places("jacobian", argnums, len(args))
        recording = _record(function, args, kwargs, places)
        rows = _rows(recording)
        inputs = recording.arguments[0] if isinstance(argnums, int) else tuple(recording.arguments)
        return _nested(recording.result, inputs, iter(rows))

    return _Derivative("Jacobian", derivative, jacobian, f, argnums)


@_of_positions
def hessian(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, sparse: bool = False
) -> Callable[..., Any]:
    """Make the Hessian of a function: its second derivatives.

    The Jacobian of the gradient. If you need only its product with a vector, `hvp` costs a small
    multiple of a gradient, however many inputs there are.

    Args:
        f: The function, as for `grad`.
        argnums: As for `grad`.
        sparse: As for `jacobian`. `scipy.optimize.minimize` takes the result as `hess=` for the
            methods that use sparse Hessians.

    Returns:
        A function of the same arguments, which returns the structure of the argument with the same
        structure in place of each number; for an array of n numbers, an array of n by n. With
        `sparse`, it returns a symmetric sparse array, as `jacobian` does, or a tuple of tuples of
        them if `argnums` are several.

    Raises:
        TypeError: As for `jacobian`.
        ModuleNotFoundError: SciPy is missing.

    Example:
        >>> hessian(lambda x: x[0] ** 2 * x[1])([2.0, 3.0])
        [[6.0, 4.0], [4.0, 0.0]]
        >>> hessian(lambda x: x[0] ** 2 * x[1], sparse=True)([2.0, 3.0]).nnz
        3
    """
    _require_function("hessian", f)
    argnums = _argnums("hessian", argnums)
    if _is_sparse("hessian", sparse):
        computed = _sparse_hessian(_Function("hessian", f), argnums)
        return _Derivative("sparse Hessian", computed, hessian, f, argnums, sparse)
    second = jacobian(_gradient("hessian", f, argnums), argnums)

    def derivative(args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        _places("hessian", argnums, len(args))
        return second(*args, **kwargs)

    return _Derivative("Hessian", derivative, hessian, f, argnums)


def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Multiply the Hessian of a function by a vector, without computing the Hessian.

    The derivative of the gradient along a direction, forward over reverse (B. A. Pearlmutter,
    *Fast exact multiplication by the Hessian*, Neural Computation 6, 1994).

    Args:
        f: The function; it must return one number.
        primals: Its arguments.
        tangents: The vector: for each argument, a tangent of the same structure.

    Returns:
        The product: in the structure of the argument if there is only one, else a tuple.

    Raises:
        TypeError: As for `jvp` and `grad`.
        ValueError: There are more or fewer tangents than arguments.

    Example:
        >>> hvp(lambda x: x[0] ** 2 * x[1], ([2.0, 3.0],), ([1.0, 0.0],))
        [6.0, 4.0]
    """
    _require_function("hvp", f)
    _require_sequences("hvp", primals, tangents)
    argnums = 0 if len(primals) == 1 else tuple(range(len(primals)))
    gradient = _value_and_grad("hvp", f, argnums, has_aux=False, with_value=False)
    slope = _Function("hvp", f, lambda *args: gradient(args, {}))
    return _jvp(slope, primals, tangents)[1]


def _rows(recording: _Recording) -> list[list[Number]]:
    """Differentiate each output with respect to each variable, row by row or column by column."""
    outputs, n = recording.outputs(), len(recording.variables)
    if len(outputs) <= n or not n:
        return [recording.adjoints(output) for output in outputs]
    units = [[0.0] * place + [1.0] + [0.0] * (n - place - 1) for place in range(n)]
    return [[*row] for row in zip(*recording.tangents(outputs, units), strict=True)]


def _nested(outputs: Any, inputs: Any, rows: Iterator[list[Number]]) -> Any:
    """Replace each output by its derivative with respect to the inputs."""

    def number(path: str, output: Any) -> Any:
        return _restored(inputs, iter(next(rows)))

    def array(path: str, output: Any) -> Any:
        block = [next(rows) for _ in range(output.size)]
        columns = ([row[place] for row in block] for place in count())

        def column(path: str, part: Any) -> Any:
            return structure.restored(output, iter(next(columns)))

        def matrix(path: str, part: Any) -> Any:
            numbers = [x for _ in range(part.size) for x in next(columns)]
            transposed = structure.filled(part, numbers, (part.size, output.size)).T
            return transposed.reshape((*output.shape, *part.shape))

        def model(path: str, part: Any) -> Any:
            return {name: column(path, None) for name, _ in part.named_parameters()}

        return structure.visited(inputs, "", structure.Visit(column, matrix, model))

    def of_model(path: str, output: Any) -> Any:
        return {name: number(path, value) for name, value in output.named_parameters()}

    return structure.visited(outputs, "", structure.Visit(number, array, of_model))


# --- sparse derivatives --------------------------------------------------------------------------


def _is_sparse(transform: str, sparse: Any) -> bool:
    """Check the option, and that SciPy is there if it is needed."""
    if not isinstance(sparse, bool):
        raise TypeError(f"{transform}: sparse must be True or False, got {shown(sparse)}")
    if sparse:
        from autograd.sparsity.recovery import require_scipy

        require_scipy(transform)
    return sparse


def _sparse_jacobian(
    function: _Function, argnums: int | tuple[int, ...]
) -> Callable[[Sequence[Any], dict[str, Any]], Any]:
    from autograd.sparsity.pattern import jacobian_pattern
    from autograd.sparsity.recovery import Planner, jacobian_plan

    planner = Planner(jacobian_plan)

    def derivative(args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        places = _places(function.transform, argnums, len(args))
        widths = [_width(function, args[place], function.argument(place)) for place in places]
        recording = _record(function, args, kwargs, places)
        _width(function, recording.result, "what the function returns")
        outputs = recording.outputs()
        plan = planner(jacobian_pattern(outputs, recording.variables))
        (blocks,) = _recovered(recording, outputs, plan, [len(outputs)], widths)
        return blocks[0] if isinstance(argnums, int) else tuple(blocks)

    return derivative


def _sparse_hessian(
    function: _Function, argnums: int | tuple[int, ...]
) -> Callable[[Sequence[Any], dict[str, Any]], Any]:
    from autograd.sparsity.pattern import hessian_pattern
    from autograd.sparsity.recovery import Planner, hessian_plan

    planner = Planner(hessian_plan)

    def derivative(args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        places = _places(function.transform, argnums, len(args))
        widths = [_width(function, args[place], function.argument(place)) for place in places]
        patterns: list[Pattern] = []

        def gradient(*args: Any, **kwargs: Any) -> list[Value]:
            inner = _record(function, args, kwargs, places)
            root = inner.scalar()
            patterns.append(hessian_pattern(root, inner.variables))
            return [as_value(slope) for slope in inner.adjoints(root)]

        outer = _Function(function.transform, function.f, gradient)
        recording = _record(outer, args, kwargs, places)
        plan = planner(*patterns)
        blocks = _recovered(recording, recording.result, plan, widths, widths)
        return blocks[0][0] if isinstance(argnums, int) else tuple(map(tuple, blocks))

    return derivative


def _recovered(
    recording: _Recording,
    outputs: Sequence[Value],
    plan: Plan,
    heights: Sequence[int],
    widths: Sequence[int],
) -> list[list[Any]]:
    """Compute what a plan asks for, and put the nonzeros into sparse arrays."""
    from autograd.sparsity.recovery import csr_maker

    numbers: list[Number] = []
    if plan.columns:
        directions = [[0.0] * len(recording.variables) for _ in plan.columns]
        for direction, group in zip(directions, plan.columns, strict=True):
            for column in group:
                direction[column] = 1.0
        for slopes in recording.tangents(outputs, directions):
            numbers += slopes
    for group in plan.rows:
        root = outputs[group[0]]
        if len(group) > 1:  # rows that have no column in common: each as if alone
            added_up = tuple([outputs[row] for row in group])
            with resumed():
                root = new_node(0.0, added_up, (1.0,) * len(group), LINEAR)
        numbers += recording.adjoints(root)
    connected = recording.connected
    found: list[list[Any]] = []
    for line in plan.blocks(heights, widths):
        found.append([])
        for pattern, places in line:
            nonzeros = [numbers[place] for place in places]
            if connected:
                found[-1].append(SparseValues(list(map(as_value, nonzeros)), pattern))
            else:
                found[-1].append(csr_maker(pattern)(_floats(nonzeros)))
    return found


def _floats(numbers: Sequence[Any]) -> Any:
    import numpy

    return numpy.array(numbers, dtype=float)


def _width(function: _Function, part: Any, name: str) -> int:
    """Count the numbers of an argument or result, which must be in one row."""
    shape = getattr(part, "shape", None)
    if isinstance(part, (list, tuple)):
        deep = next((x for x in part if type(x) not in OF_NUMBERS and _is_container(x)), None)
        if deep is None:
            return len(part)
        what = f"holds a {type(deep).__name__}"
    elif shape is not None and not isinstance(part, SparseValues):
        if len(shape) <= 1:
            return int(shape[0]) if shape else 1
        what = f"is an array of {len(shape)} dimensions: pass .ravel()"
    elif not _is_container(part):
        return 1
    else:
        what = f"is a {type(part).__name__}"
    raise TypeError(
        f"{function.name}: with sparse=True, {name} must be a list, tuple or array of one "
        f"dimension, or a number, but {what}; without it, any structure is possible"
    )


def _is_container(part: Any) -> bool:
    return (
        isinstance(part, (list, tuple, Mapping, SparseValues))
        or part is None
        or bool(getattr(part, "shape", ()))
        or hasattr(part, "named_parameters")
    )


# --- arguments -----------------------------------------------------------------------------------


def _all_restored(arguments: Sequence[Any], results: list[Number]) -> list[Any]:
    """Put results in place of the numbers of several arguments."""
    if {*map(type, arguments)} == OF_FLOATS:
        return results
    remaining = iter(results)
    return [_restored(argument, remaining) for argument in arguments]


def _restored(argument: Any, results: Iterator[Any]) -> Any:
    """Do what `structure.restored` does, with a fast path for most arguments."""
    kind = type(argument)
    if kind is float or kind is Value:
        return next(results)
    if kind is list and {*map(type, argument)} <= OF_NUMBERS:
        return [*islice(results, len(argument))]
    if kind is dict and {*map(type, argument.values())} <= OF_NUMBERS:
        return dict(zip(argument, results, strict=False))
    return structure.restored(argument, results)


def _require_function(transform: str, f: Any) -> None:
    if not callable(f):
        raise TypeError(f"{transform}: expected a function, got {type(f).__name__}: {shown(f)}")


def _require_sequences(transform: str, *given: Any) -> None:
    for sequence in given:
        if not isinstance(sequence, (tuple, list)):
            raise TypeError(
                f"{transform}: primals and tangents must be tuples with one item for each argument "
                f"of the function, such as (x,), got {type(sequence).__name__}: {shown(sequence)}"
            )


def _not_paired(transform: str, primals: Sequence[Any], tangents: Sequence[Any]) -> ValueError:
    return ValueError(
        f"{transform}: got {counted(len(primals), 'argument')} but "
        f"{counted(len(tangents), 'tangent')}: pass one tangent for each argument"
    )


def _matching(what: str, pattern: Any, given: Any) -> list[Number]:
    """List the numbers of something that must have the structure of another.

    An array and nested lists of its numbers count as the same structure; so do lists and tuples.
    """
    if (paired := _paired(pattern, given)) is not None:
        return paired
    try:
        shape = structure.restored(pattern, repeat(0.0))
        expected = [path for path, _ in structure.outputs(shape, what, nested=True, verb="")]
        by_path = dict(structure.outputs(given, what, nested=True, verb=""))
    except RecursionError:
        raise ValueError(f"{what}, or what it belongs to, is nested too deeply") from None
    if by_path.keys() != {*expected}:
        # Each path as users write it, with commas for the indices of an array.
        own: dict[str, str] = {}
        for paths, side in ((by_path, given), (expected, shape)):
            names = [name for name, _ in structure.outputs(side, what, verb="")]
            own.update(zip(paths, names, strict=True))
        different = min(by_path.keys() ^ {*expected}, key=lambda path: own[path])
        if expected == [""]:
            wanted = "be a single number, as what it belongs to is"
        elif by_path.keys() == {""}:
            numbers = counted(len(expected), "number")
            wanted = f"have the structure of what it belongs to, which holds {numbers}"
        else:
            which = "has an extra number at" if different in by_path else "lacks a number at"
            wanted = f"have the structure of what it belongs to: it {which} {own[different]}"
        raise TypeError(f"{what} must {wanted}; got {type(given).__name__}: {shown(given)}")
    return [by_path[path] for path in expected]


def _paired(pattern: Any, given: Any) -> list[Number] | None:
    """List the numbers if a quick check shows that the structures match; else None."""
    kind = type(given)
    if kind is float or kind is Value:
        return [given] if type(pattern) in OF_NUMBERS else None
    if kind is list and type(pattern) is list and len(given) == len(pattern):
        if {*map(type, given)} <= OF_NUMBERS >= {*map(type, pattern)}:
            return [*given]
    elif kind is dict and {*map(type, given.values())} <= OF_NUMBERS:
        names: Iterable[Any] = ()
        if _is_module(pattern):
            names = [name for name, _ in pattern.named_parameters()]
        elif type(pattern) is dict and {*map(type, pattern.values())} <= OF_NUMBERS:
            names = pattern
        if {*map(type, names)} == {str} and given.keys() == {*names}:
            return [given[name] for name in names]
    return None


def _is_module(argument: Any) -> bool:
    """Tell whether an argument is a module of `nn` that is not also a container."""
    return hasattr(type(argument), "_replica") and not isinstance(argument, (Mapping, list, tuple))


def _flat_values(result: Any) -> list[Value] | None:
    """List the Values of one, or of a list or dictionary of nothing else; None of all others."""
    kind = type(result)
    if kind is Value:
        return [result]
    if kind is list and {*map(type, result)} == OF_VALUES:
        return [*result]
    if kind is dict and {*map(type, result.values())} == OF_VALUES:
        return [*result.values()]
    return None


def _has_values(numbers: Iterable[Any]) -> bool:
    return {*map(type, numbers)} != OF_FLOATS and any(isinstance(x, Value) for x in numbers)


def _holds_objects(array: Any) -> bool:
    return getattr(getattr(array, "dtype", None), "kind", "") == "O"
