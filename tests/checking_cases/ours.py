"""The faults, planted in this library: those of `faults`, and those of its engine.

Whatever is planted is taken out again at the end of its context; only functions named `planted_…`
and `healthy_…` stay in the table.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import autograd
from autograd import Value, custom_function, functions
from autograd.graph import interior
from autograd.rule import FLOATS, Rule
from autograd.rules import RULES
from tests.checking_cases.faults import PROGRAMS, ROWS, Program, Row

__all__ = ["FAULTS", "NAMESPACE", "Fault", "row_function"]


def detach(x: Any) -> Any:
    """Cut off: the number alone, of a Value or of a number."""
    return x.data if isinstance(x, Value) else x


NAMESPACE = SimpleNamespace(
    **{name: getattr(autograd, name) for name in functions.__all__ if hasattr(autograd, name)},
    detach=detach,
)
"""What the functions of `faults` and `correct` take for `m`."""


@dataclass(frozen=True)
class Fault:
    """A fault, planted in this library.

    Attributes:
        name: An identifier.
        kind: The kind of fault.
        description: What is wrong, in a line.
        planted: A context in which the fault is there, and the function to check.
        healthy: A context without the fault, and the same function.
        inputs: The point to check at.
        op: The operation at fault, where it is one on the graph.
    """

    name: str
    kind: str
    description: str
    planted: Callable[[], AbstractContextManager[Callable[..., Any]]]
    healthy: Callable[[], AbstractContextManager[Callable[..., Any]]]
    inputs: tuple[Any, ...]
    op: str = ""


# --- of functions --------------------------------------------------------------------------------


def row_function(row: Row, *, faulty: bool) -> Callable[..., Any]:
    """Define the row as a function of one's own, and return what makes use of it."""
    name = f"{'planted' if faulty else 'healthy'}_{row.name}"
    partials = row.wrong if faulty else row.right
    function = custom_function(name, partial(row.evaluate, FLOATS), partials)
    return partial(row.use, NAMESPACE, function)


def of_row(row: Row) -> Fault:
    return Fault(
        row.name,
        row.kind,
        row.description,
        lambda: nullcontext(row_function(row, faulty=True)),
        lambda: nullcontext(row_function(row, faulty=False)),
        row.inputs,
        f"planted_{row.name}",
    )


def of_program(program: Program) -> Fault:
    return Fault(
        program.name,
        program.kind,
        program.description,
        lambda: nullcontext(partial(program.make(), NAMESPACE)),
        lambda: nullcontext(partial(program.healthy, NAMESPACE)),
        program.inputs,
    )


# --- of the backward pass ------------------------------------------------------------------------


def share(parent: Value, contribution: float) -> None:
    """Hand a contribution to a parent, as it should be."""
    parent.grad += contribution


def links(node: Value) -> Iterator[tuple[Value, float]]:
    return zip(node.parents, node.local_derivatives, strict=True)


def backward(
    *,
    order: Callable[[Value], list[Value]] = interior,
    start: Callable[[Value, float], float] = lambda root, seed: seed,
    clear: bool = True,
    adjoint_of: Callable[[Value], float] = lambda node: node.grad,
    links: Callable[[Value], Any] = links,
    give: Callable[[Value, float], None] = share,
) -> Callable[..., None]:
    """Write `Value.backward` once more, with one of its pieces to be replaced by a faulty one."""

    def propagate(self: Value, seed: float = 1.0) -> None:
        nodes = order(self)
        if clear:
            for node in nodes:
                node.grad = 0.0
        self.grad += start(self, seed)
        for node in reversed(nodes):
            if adjoint := adjoint_of(node):
                for parent, derivative in links(node):
                    give(parent, adjoint * derivative)

    return propagate


def overwrite(parent: Value, contribution: float) -> None:
    parent.grad = contribution


def overwrite_leaf(parent: Value, contribution: float) -> None:
    parent.grad = contribution + (parent.grad if parent.parents else 0.0)


def first_alone(parent: Value, contribution: float) -> None:
    parent.grad = parent.grad or contribution


def unless_small(parent: Value, contribution: float) -> None:
    if abs(contribution) > 1e-6:
        parent.grad += contribution


def clipped(parent: Value, contribution: float) -> None:
    parent.grad += min(max(contribution, -1000.0), 1000.0)


def single_precision(parent: Value, contribution: float) -> None:
    parent.grad += struct.unpack("f", struct.pack("f", contribution))[0]


def breadth_first(root: Value) -> list[Value]:
    """Order nodes by their distance from the root, which is no topological order."""
    found = {root: None}
    for node in (queue := [root]):
        for parent in node.parents:
            if parent.parents and parent not in found:
                found[parent] = None
                queue.append(parent)
    return list(reversed(found))


def shared_twice(root: Value) -> list[Value]:
    """List a node once for each path from the root: its children's adjoints go through again."""

    def visit(node: Value) -> list[Value]:
        return [found for parent in node.parents for found in visit(parent)] + [node] * bool(
            node.parents
        )

    return visit(root)


def at_most_fifty(root: Value) -> list[Value]:
    return interior(root)[-50:]


def sharing(x: Value, y: Value) -> Value:
    """Use an interior node, and an input, in several places."""
    product = x * y
    return product * autograd.sin(product) + product / y + x


def uneven(x: Value) -> Value:
    """Reach a node by a short path, and by a long one."""
    square = x * x
    return autograd.exp(autograd.sin(square + 1.0)) + square


def two_outputs(x: Value) -> list[Value]:
    hidden = autograd.tanh(x * 2.0)
    return [hidden * 3.0, autograd.sin(hidden)]


def chain_of_sines(x: Value) -> Value:
    for _ in range(60):
        x = x + 0.1 * autograd.sin(x)
    return x


def of_backward(
    name: str,
    description: str,
    function: Callable[..., Any],
    inputs: tuple[Any, ...],
    **piece: Any,
) -> Fault:
    @contextmanager
    def planted() -> Iterator[Callable[..., Any]]:
        with patch.object(Value, "backward", backward(**piece)):
            yield function

    @contextmanager
    def healthy() -> Iterator[Callable[..., Any]]:
        with patch.object(Value, "backward", backward()):
            yield function

    return Fault(name, "backward pass", description, planted, healthy, inputs)


BACKWARD = (
    of_backward("overwritten", "= in the place of +=", sharing, (1.3, 0.7), give=overwrite),
    of_backward("leaves_overwritten", "= in the place of += at the leaves",
                sharing, (1.3, 0.7), give=overwrite_leaf),
    of_backward("first_alone", "only the first contribution counts",
                sharing, (1.3, 0.7), give=first_alone),
    of_backward("breadth_first", "nodes by their distance from the output",
                uneven, (0.8,), order=breadth_first),
    of_backward("wrong_way", "from the inputs to the output",
                sharing, (1.3, 0.7), order=lambda root: interior(root)[::-1]),
    of_backward("shared_twice", "a shared node is visited once for each path",
                sharing, (1.3, 0.7), order=shared_twice),
    of_backward("not_seeded", "the output's adjoint stays 0",
                sharing, (1.3, 0.7), start=lambda root, seed: 0.0),
    of_backward("seeded_with_data", "the output's adjoint is its data",
                sharing, (1.3, 0.7), start=lambda root, seed: root.data),
    of_backward("last_parent", "the last parent is dropped",
                sharing, (1.3, 0.7), links=lambda node: list(links(node))[:-1]),
    of_backward("parents_once", "a parent that is both operands counts once",
                uneven, (0.8,), links=lambda node: dict(links(node)).items()),
    of_backward("crossed", "the local derivatives in reverse",
                sharing, (1.3, 0.7),
                links=lambda node: zip(node.parents, reversed(node.local_derivatives),
                                       strict=True)),
    of_backward("absolute", "the local derivatives without signs",
                lambda x: autograd.cos(x) - 2.0 * x, (0.8,),
                links=lambda node: [(parent, abs(d)) for parent, d in links(node)]),
    of_backward("data_for_adjoint", "data in the place of the adjoint",
                sharing, (1.3, 0.7), adjoint_of=lambda node: node.data),
    of_backward("zeros_skipped", "a node whose data is 0 hands nothing on",
                lambda x: (x - 0.5) * 3.0 + x, (0.5,),
                adjoint_of=lambda node: node.grad if node.data else 0.0),
    of_backward("not_cleared", "interior adjoints add up over the passes",
                two_outputs, (0.4,), clear=False),
    of_backward("fifty_nodes", "the pass ends after fifty nodes",
                chain_of_sines, (0.3,), order=at_most_fifty),
    of_backward("small_dropped", "contributions under a millionth are dropped",
                lambda x, y: autograd.sin(x) + 1e-7 * y, (0.8, 2.0), give=unless_small),
    of_backward("clipped", "contributions are clipped at 1,000",
                lambda x: autograd.exp(x * 3.0), (4.0,), give=clipped),
    of_backward("single_precision", "contributions are rounded to single precision",
                sharing, (1.3, 0.7), give=single_precision),
)  # fmt: skip

# --- of recording --------------------------------------------------------------------------------


def altered(
    target: Any,
    attribute: str,
    op: str,
    change: Callable[[float, tuple[Value, ...], tuple[float, ...]], tuple[Any, Any, Any]],
) -> Callable[[], AbstractContextManager[Any]]:
    """Let what records nodes make those of an operation otherwise: data, parents, derivatives."""
    original = getattr(target, attribute)

    def faulty(*arguments: Any) -> Any:
        node = original(*arguments)
        if isinstance(node, Value) and node.op == op:
            node.data, node.parents, node.local_derivatives = change(
                node.data, node.parents, node.local_derivatives
            )
        return node

    return lambda: patch.object(target, attribute, faulty)


def row_altered(name: str, **changes: Any) -> Callable[[], AbstractContextManager[Any]]:
    """Replace a row of the table by one that differs."""
    return lambda: patch.dict(RULES, {name: replace(RULES[name], **changes)})


def of_recording(
    name: str,
    description: str,
    op: str,
    function: Callable[..., Any],
    inputs: tuple[Any, ...],
    *patches: Callable[[], AbstractContextManager[Any]],
) -> Fault:
    @contextmanager
    def planted() -> Iterator[Callable[..., Any]]:
        with ExitStack() as stack:
            for planting in patches:
                stack.enter_context(planting())
            yield function

    return Fault(name, "recording", description, planted, lambda: nullcontext(function), inputs, op)


def stale_derivatives() -> Callable[[], AbstractContextManager[Any]]:
    """Let `exp` record the derivative at its operand of the call before."""

    def planting() -> AbstractContextManager[Any]:
        last = 1.0

        def change(data: Any, parents: Any, derivatives: Any) -> tuple[Any, Any, Any]:
            nonlocal last
            derivatives, last = (last,), derivatives[0]
            return data, parents, derivatives

        return altered(functions, "new_node", "exp", change)()

    return planting


def power_partials(m: Any, y: Any, x1: Any, x2: Any) -> tuple[Any, ...]:
    slope, logarithm = RULE_OF_POWER.partials(m, y, x1, x2)
    return logarithm, slope


RULE_OF_POWER: Rule = RULES["**"]

RECORDING = (
    of_recording(
        "product_recorded", "the local derivatives of * are at the other operand", "*",
        lambda x, y: x * y + x, (2.0, 3.0),
        altered(Value, "__mul__", "*", lambda y, parents, ds: (y, parents, ds[::-1]))),
    of_recording(
        "quotient_recorded", "the parents of / are swapped", "/",
        lambda x, y: autograd.exp(x) / y, (0.5, 3.0),
        altered(Value, "__truediv__", "/", lambda y, parents, ds: (y, parents[::-1], ds))),
    of_recording(
        "sum_for_difference", "the data of - are those of +", "-",
        lambda x, y: autograd.sin(x - y), (0.5, 0.2),
        altered(Value, "__sub__", "-",
                lambda y, parents, ds: (parents[0].data + parents[1].data, parents, ds))),
    of_recording(
        "product_off", "the data of * are off by a thousandth", "*",
        lambda x, y: x * y, (2.0, 3.0),
        altered(Value, "__mul__", "*", lambda y, parents, ds: (y * 1.001, parents, ds))),
    of_recording(
        "offset_data", "the data of * are off by a constant", "*",
        lambda x, y: autograd.sin(x * y), (2.0, 3.0),
        altered(Value, "__mul__", "*", lambda y, parents, ds: (y + 1.0, parents, ds))),
    of_recording(
        "negation_recorded", "the derivative of -x is 1", "neg",
        lambda x: autograd.exp(-x), (0.7,),
        altered(Value, "__neg__", "neg", lambda y, parents, ds: (y, parents, (1.0,)))),
    of_recording(
        "power_recorded", "n x**n in the place of n x**(n - 1)", "**",
        lambda x: x**3 + 1.0, (1.4,),
        altered(Value, "__pow__", "**",
                lambda y, parents, ds: (y, parents, (ds[0] * parents[0].data, ds[1])))),
    of_recording(
        "sine_recorded", "the derivative of sin is doubled", "sin",
        lambda x: autograd.exp(autograd.sin(x)), (0.7,),
        altered(functions, "new_node", "sin",
                lambda y, parents, ds: (y, parents, (2.0 * ds[0],)))),
    of_recording(
        "stale_exponential", "the derivative of exp is that of the call before", "exp",
        lambda x: autograd.exp(x) + autograd.exp(2.0 * x), (0.5,), stale_derivatives()),
    of_recording(
        "hypotenuse_recorded", "the derivatives of hypot are swapped", "hypot",
        lambda x, y: autograd.log(autograd.hypot(x, y)), (3.0, 4.0),
        altered(functions, "record", "hypot", lambda y, parents, ds: (y, parents, ds[::-1]))),
    of_recording(
        "sum_recorded", "the last operand of sum has derivative 0", "sum",
        lambda xs: autograd.sum(xs) * xs[0], ([1.0, 2.0, 3.0],),
        altered(functions, "record", "sum",
                lambda y, parents, ds: (y, parents, (*ds[:-1], 0.0)))),
    of_recording(
        "logsumexp_recorded", "the shares of logsumexp are shifted by one", "logsumexp",
        lambda xs: autograd.logsumexp(xs), ([1.0, 2.0, 3.0],),
        altered(functions, "record", "logsumexp",
                lambda y, parents, ds: (y, parents, (*ds[1:], ds[0])))),
    of_recording(
        "softmax_recorded", "the others of softmax have derivative 0", "softmax",
        lambda xs: autograd.softmax(xs), ([1.0, 2.0, 3.0],),
        altered(functions, "record", "softmax",
                lambda y, parents, ds: (y, parents, (ds[0], 0.0, 0.0)))),
    of_recording(
        "net_recorded", "a neuron's derivatives in weights and inputs are swapped", "net",
        lambda ws, xs, b: autograd.tanh(autograd.net(ws, xs, b)), ([0.5, -0.2], [1.0, 2.0], 0.1),
        altered(functions, "new_node", "net",
                lambda y, parents, ds: (y, parents, (*ds[2:4], *ds[:2], 1.0)))),
    of_recording(
        "coefficients_recorded", "the coefficients of a product with numbers in reverse", "linear",
        lambda xs: autograd.dot([1.0, 2.0, 4.0], xs), ([0.5, -0.2, 0.3],),
        altered(functions, "linear", "linear",
                lambda y, parents, ds: (y, parents, ds[::-1]))),
    of_recording(
        "row_of_abs", "the row of abs has derivative 1 everywhere", "abs",
        lambda x: abs(x) * x, (-1.5,), row_altered("abs", partials=lambda m, y, x: (1.0,))),
    of_recording(
        "row_of_power", "the row of ** has its derivatives swapped", "**",
        lambda x, y: x**y, (1.5, 2.5), row_altered("**", partials=power_partials)),
    of_recording(
        "row_of_remainder", "the row of % has no derivative in the divisor", "%",
        lambda x, y: x % y, (7.5, 2.0),
        row_altered("%", partials=lambda m, y, x1, x2: (1.0, 0.0))),
)  # fmt: skip

FAULTS: tuple[Fault, ...] = (
    *map(of_row, ROWS),
    *map(of_program, PROGRAMS),
    *BACKWARD,
    *RECORDING,
)
"""Every fault that the gradient checker must find."""
