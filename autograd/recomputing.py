"""`checkpoint`: a function whose operations are not kept, but recorded again when they are needed.

Recording a function keeps a node for each operation until its derivative has been taken. Of a
function that is checkpointed, only the call is kept, with its operands; the backward pass calls the
function again, goes through what this records, and forgets it. So a chain of segments takes the
memory of its links, and of one segment (A. Griewank and A. Walther, *Algorithm 799: revolve*, ACM
Transactions on Mathematical Software 26, 2000; T. Chen et al., *Training deep nets with sublinear
memory cost*, 2016).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from numbers import Number
from typing import Any

from autograd import structure, tree
from autograd.calls import Call, recorded_call
from autograd.chain_rule import at_kink_of, bent_nodes, recorded_gradient
from autograd.errors import shown
from autograd.foreign import with_advice
from autograd.grad_mode import paused, resumed
from autograd.graph import adjoints, interior
from autograd.kinds import CONSTANT
from autograd.reals import bits
from autograd.rule import LINEAR, VALUES
from autograd.sparsity.values import SparseValues
from autograd.structure import Visit, visited
from autograd.tracing import active
from autograd.transforms import _live, _Recording, differentiable_variables, tangents_along
from autograd.value import Value, as_value, new_node

__all__ = ["checkpoint", "filled", "opened", "read_from_outside", "replaced"]

Body = Callable[[Sequence[Value]], "list[Value | float]"]


@with_advice(
    use_reentrant="there is one way of recomputing, and it takes any function",
    preserve_rng_state="a function that draws random numbers is refused when it is recomputed: "
    "draw them outside, and pass them as arguments",
)
def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function that is recomputed for its derivatives, instead of being kept.

    Recording it keeps only the Values that it takes, reads from outside and returns; `backward()`,
    and whatever else differentiates it, calls it again. So the memory for a long computation can be
    that of a short one: of a thousand steps of ten thousand operations, each step checkpointed, no
    more than one step is recorded at a time, at the price of one more evaluation. It may be nested,
    and differentiated to any order, in both modes. Derivatives are those without it, except that
    what a function contributes to the derivative in one Value is added up first; and second
    derivatives may be nan behind a kink that would not matter there. What it reads from outside
    counts as the leaves that this was computed from: `backward()` adds to their `grad`, and not to
    that of the nodes between.

    Compiled, it is the function itself, as `compile` plans memory in its own way.

    Args:
        f: The function. It may take anything, and returns numbers, texts and None in lists, tuples,
            dictionaries and arrays. It is differentiated with respect to the Values in such
            structures among its arguments, and to those that it reads from outside: a model's
            parameters, or a closure's. It must compute the same when it is called again.

    Returns:
        A function of the same arguments. Where no Value is involved, it does what `f` does. It
        raises a TypeError if `f` returns something else.
        Differentiating its results raises a RuntimeError if `f`, called again, returns something
        else: it draws random numbers, or reads what has changed.

    Raises:
        TypeError: `f` is not a function.

    Example:
        >>> from autograd import Value, sin
        >>> from autograd.graph import interior
        >>> @checkpoint
        ... def step(x):
        ...     for _ in range(100):
        ...         x = x + 0.01 * sin(x)
        ...     return x
        >>> x = Value(1.0)
        >>> y = step(step(x))
        >>> len(interior(y))
        4
        >>> y.backward()
        >>> print(f"{x.grad:.6f}")
        0.557274
    """
    if not callable(f):
        raise TypeError(f"checkpoint: expected a function, got {type(f).__name__}: {shown(f)}")

    @functools.wraps(f, updated=())
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        if active.get() is not None or paused():
            return f(*args, **kwargs)
        name = f"checkpoint({structure.function_name(f)})"
        pattern, operands = opened((args, kwargs))
        shape: Any = None
        is_first = True

        def body(nodes: Sequence[Value]) -> list[Value | float]:
            nonlocal shape
            args, kwargs = filled(pattern, nodes)
            returned, found = opened(f(*args, **kwargs))
            if is_first:
                _require_plain(name, returned)
                shape = returned
            return [*found]

        results = _recomputed(name, body, operands)
        is_first = False
        returned, shape = shape, None  # which holds what has been recorded
        return filled(returned, results)

    return checkpointed


def _require_plain(name: str, returned: Any) -> None:
    """Refuse a result that may hold Values where they cannot be found: they would be cut off."""
    for leaf in tree.flatten(returned, name)[0]:
        known = isinstance(leaf, (Value, Number, str, bytes, SparseValues))
        if not known and (not hasattr(leaf, "shape") or hasattr(leaf, "named_parameters")):
            raise TypeError(
                f"{name}: the function must return numbers and texts, in lists, tuples, "
                f"dictionaries or arrays, but returned {type(leaf).__name__}: {shown(leaf)}"
            )


def opened(part: Any) -> tuple[Any, list[Value]]:
    """List the Values in a structure."""
    found: list[Value] = []

    def noted(value: Value) -> Value:
        found.append(value)
        return value

    return replaced(part, noted), found


def filled(pattern: Any, nodes: Sequence[Value | float]) -> Any:
    """Put nodes in place of the Values in a structure."""
    given = iter(nodes)
    return replaced(pattern, lambda value: next(given))


def replaced(part: Any, make: Callable[[Value], Any]) -> Any:
    """Put something in place of each Value in a structure, in order; models stay as they are."""

    def number(path: str, x: Any) -> Any:
        return make(x) if isinstance(x, Value) else x

    def array(path: str, part: Any) -> Any:
        if part.dtype != object:
            return part
        return structure.filled(part, [number("", x) for x in part.flat])

    def sparse(path: str, part: SparseValues) -> SparseValues:
        return SparseValues([number("", x) for x in part.nonzeros], part.pattern)

    return visited(part, "", Visit(number, array, lambda path, model: model, sparse))


def _recomputed(
    name: str,
    body: Body,
    operands: Sequence[Value],
    known: Sequence[Value] = (),
    live: Sequence[Value] | None = None,
) -> Sequence[Value | float]:
    """Evaluate a function of nodes, forget what it records, and record the call.

    Args:
        name: Its name.
        body: The function.
        operands: Its operands.
        known: Nodes that it is known to read from outside.
        live: Those that are variables of derivatives; None if no derivative was being taken.

    Returns:
        Its results.
    """
    if live is None and _live:
        live = ()
    inputs = [Value(operand._number, operand._label) for operand in operands]
    results = _evaluated(body, inputs, live)
    nodes = [result for result in results if isinstance(result, Value)]
    read, order = read_from_outside(nodes, inputs, known)
    if not (operands or read):
        return results
    numbers = [result._number if isinstance(result, Value) else result for result in results]
    count = len(operands)
    operands = [*operands, *read]
    call = _Recomputed(name, body, [operand._number for operand in operands], numbers, count)
    call.outside = read
    call.live = None if live is None else [x for x in read if x in live or x in _live]
    call.at_kink = any(at_kink_of(node) is not None for node in bent_nodes(order))
    return recorded_call(call, operands, numbers)


def _evaluated(
    body: Body, inputs: Sequence[Value], live: Sequence[Value] | None
) -> list[Value | float]:
    """Call the function, and record what it does; derivatives in it stay connected if they did.

    What they were connected to is so again, though its own derivative may be past that point:
    calls in the function must find the same Values outside.
    """
    variables = [] if live is None else [*inputs, *live]
    with resumed(), differentiable_variables([x for x in variables if x not in _live]):
        return body(inputs)


def read_from_outside(
    results: Sequence[Value], inputs: Sequence[Value], known: Sequence[Value] = ()
) -> tuple[list[Value], list[Value]]:
    """Find what the results of a function depend on besides its inputs.

    Args:
        results: The results.
        inputs: The inputs.
        known: Nodes that it is known to read.

    Returns:
        The Values from outside that it reads, leaves and variables of derivatives that are being
        taken; and the interior nodes between.
    """
    stop = {*inputs, *known, *_live}
    order = interior(*results, stop=stop)
    found = dict.fromkeys(known)
    for reached in (results, *(node.parents for node in order)):
        found.update(dict.fromkeys(x for x in reached if x in stop or not x.parents))
    for node in inputs:
        found.pop(node, None)
    return [node for node in found if node.op is not CONSTANT], order


class _Recomputed(Call):
    """A call that is evaluated again whenever it is differentiated."""

    __slots__ = ("body", "count", "live", "numbers", "outside", "results")

    def __init__(
        self,
        name: str,
        body: Body,
        numbers: Sequence[float],
        results: Sequence[float],
        count: int,
    ) -> None:
        self.name, self.body = name, body
        self.numbers, self.results, self.count = numbers, results, count
        self.outside: Sequence[Value] = ()
        self.live: Sequence[Value] | None = None

    def _again(self) -> tuple[list[Value], list[Value]]:
        """Record the function again: the variables, and the results."""
        inputs = [Value(number) for number in self.numbers[: self.count]]
        found = [as_value(y) for y in _evaluated(self.body, inputs, self.live)]
        if [*map(bits, self.results)] != [bits(node._number) for node in found]:
            raise RuntimeError(
                f"{self.name}: called again for its derivative, the function returned other "
                "numbers than before. It draws random numbers, or reads something that has changed "
                "since: pass that as an argument, and take derivatives before parameters are "
                "updated"
            )
        return [*inputs, *self.outside], found

    def pulled(self, seeds: dict[int, float]) -> Sequence[float]:
        """Compute the adjoints of the operands."""
        variables, results = self._again()
        with resumed():
            nodes = tuple([results[place] for place in seeds])
            root = new_node(0.0, nodes, tuple(seeds.values()), LINEAR)
        found = adjoints(root, variables=variables)
        return [found[variable] for variable in variables]

    def pushed(self, tangents: dict[int, float]) -> Sequence[float]:
        """Compute the tangents of the results."""
        variables, results = self._again()
        order = interior(*results, stop=variables)
        # (A tangent of 0 is one: behind a kink it is not nothing.)
        given: Any = {variables[place]: tangent for place, tangent in tangents.items()}
        found: Any = tangents_along(results, order, given)
        return found  # type: ignore[no-any-return]

    def recorded_pull(
        self, operands: Sequence[Value], seeds: dict[int, Value | float]
    ) -> Sequence[Value | float]:
        """Compute the adjoints of the operands, and record that as a call of its own."""
        places, body, outside, count = [*seeds], self.body, self.outside, self.count

        def pull(nodes: Sequence[Value]) -> list[Value | float]:
            inputs = nodes[:count]
            found = body(inputs)
            results = [as_value(found[place]) for place in places]
            root = VALUES.dot(results, nodes[count:])
            variables = [*inputs, *outside]
            return recorded_gradient(root, interior(root, stop=variables), variables)

        with resumed():
            given = [*operands[:count], *map(as_value, seeds.values())]
            return _recomputed(f"{self.name}'s derivative", pull, given, outside, self.live)

    def recorded_push(
        self, operands: Sequence[Value], tangents: dict[int, Value | float]
    ) -> Sequence[Value | float]:
        """Compute the tangents of the results, and record that as a call of its own."""
        places, body, outside, count = [*tangents], self.body, self.outside, self.count

        def push(nodes: Sequence[Value]) -> list[Value | float]:
            inputs = nodes[:count]
            results = [*map(as_value, body(inputs))]
            variables = [*inputs, *outside]
            direction: list[Value | float] = [0.0] * len(variables)
            for place, tangent in zip(places, nodes[count:], strict=True):
                direction[place] = tangent
            recording = _Recording(None, (), variables, results, None)  # type: ignore[arg-type]
            recording.connected = True
            return recording.tangents(results, [direction])[0]

        with resumed():
            given = [*operands[:count], *map(as_value, tangents.values())]
            return _recomputed(f"{self.name}'s derivative", push, given, outside, self.live)

    def written_out(self, operands: Sequence[Value]) -> Sequence[Value | float]:
        """Record the operations of the function."""
        return self.body(operands[: self.count])
