"""A recorded graph compared with what it should be: its nodes, and the result of `backward()`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import mul
from typing import Any, TypeAlias

from autograd.checking.local import Numerical, Precise, Slope, Unknown
from autograd.checking.numerical import EPSILON
from autograd.checking.report import Culprit
from autograd.checking.trace import Trace
from autograd.forks import cached_property
from autograd.formatting import evaluated, formula, number
from autograd.graph import leaves
from autograd.rule import FLOATS, LINEAR, rule_of
from autograd.value import Value

__all__ = [
    "ACCURACY", "LARGEST", "SMALLEST", "Examined", "Sums", "chained", "connected",
    "examine", "gradients", "path_sizes", "stalled", "wrong_sums",
]  # fmt: skip

Links: TypeAlias = "Mapping[Value, Mapping[Value, Slope]]"

SMALLEST = 2.0**-1022  # below, floats lose digits
LARGEST = 2.0**1023 * (2.0 - EPSILON)
ACCURACY = 2.0**-40  # of a derivative, relative: the library's rows have 1e-13
_VALUE_ACCURACY = 2.0**-43  # of a value: the rows have 1e-14


# --- the chain rule ------------------------------------------------------------------------------


@dataclass(slots=True)
class Sums:
    """The derivative of one root with respect to each node, and a bound of its error."""

    value: dict[Value, Any] = field(default_factory=dict)
    bound: dict[Value, Any] = field(default_factory=dict)


def chained(
    nodes: Sequence[Value],
    root: Value,
    links: Links,
    one: Any,
    floor: float = 0.0,
    dot: Callable[[list[Any], list[Any]], Any] = lambda xs, ys: sum(map(mul, xs, ys)),
) -> Sums:
    """Apply the chain rule to local derivatives with error bounds.

    Args:
        nodes: The interior nodes, parents first.
        root: The node to differentiate.
        links: For each node, the derivative with respect to each of its parents. An adjoint of 0
            contributes nothing, even through an infinite derivative.
        one: The number 1, of the type to compute with.
        floor: The least error of a product, added to its own; not for one with a factor of 0.
        dot: The function that sums products of such numbers.

    Returns:
        The derivatives and their bounds.
    """
    sums = Sums({root: one}, {root: 0.0})
    values, bounds = sums.value, sums.bound
    # The terms of each node, summed when its turn comes: adjoints and local derivatives.
    terms: dict[Value, tuple[list[Any], list[Any]]] = {}
    for node in reversed(nodes):
        if node in terms:
            values[node] = dot(*terms.pop(node))
        value, bound = values.get(node), bounds.get(node, 0.0)
        if not (value or bound) or node not in links:
            continue
        size = (abs(float(value)) if value else 0.0) + bound
        for parent, slope in links[node].items():
            spread = size * slope.bound if slope.bound else 0.0
            if bound:  # an infinite bound stays: infinity times 0 may be anything
                spread += bound * slope.size if slope.size else bound * (bound == math.inf or 0.0)
            if value and slope.size:
                found = terms.get(parent)
                if found is None:
                    found = terms[parent] = ([], [])
                found[0].append(value)
                found[1].append(slope.value)
                spread += floor
            bounds[parent] = bounds.get(parent, 0.0) + spread
    values.update((node, dot(*factors)) for node, factors in terms.items())
    return sums


def path_sizes(
    nodes: Sequence[Value], root: Value, sizes: Mapping[Value, Mapping[Value, float]]
) -> dict[Value, float]:
    """Sum, for each node, the sizes of the products over all paths to a root.

    Args:
        nodes: The interior nodes, parents first.
        root: The root.
        sizes: For each node, the absolute value of the derivative with respect to each parent.

    Returns:
        The sums; a node without a path is left out.
    """
    found = {root: 1.0}
    for node in reversed(nodes):
        total = found.get(node)
        if total and node in sizes:
            for parent, size in sizes[node].items():
                if size:
                    found[parent] = found.get(parent, 0.0) + total * size
    return found


def connected(nodes: Sequence[Value], root: Value, links: Links) -> set[Value]:
    """List the nodes that a root depends on."""
    reached = {root}
    for node in reversed(nodes):
        if node in reached and node in links:
            reached.update(links[node])
    return reached


def stalled(
    nodes: Sequence[Value], reached: Container[Value], links: Links, *sums: Sums
) -> list[tuple[Value, Value]]:
    """List where an adjoint of 0 meets an unknown derivative.

    The chain rule passes nothing on there, and does not tell what the derivative is: if the local
    one is infinite, or jumps, the product may be anything.

    Args:
        nodes: The interior nodes, parents first.
        reached: The nodes that the root depends on.
        links: For each node, the derivative with respect to each of its parents.
        *sums: The results of the chain rule on them, or on the recorded derivatives.

    Returns:
        Pairs of a node and a parent.
    """
    return [
        (node, parent)
        for node in nodes
        if node in reached and not all(each.value.get(node) for each in sums)
        for parent, slope in links.get(node, {}).items()
        if slope.bound == math.inf
    ]


# --- the nodes -----------------------------------------------------------------------------------


@dataclass
class Examined:
    """What each node on a graph has and what it should have.

    Attributes:
        recorded: The local derivatives on the graph; the bounds are those of the rounding of
            products and sums in `backward()`.
        sizes: Their absolute values, as floats; summed if a parent occurs at several places.
        recomputed: What they should be at the recorded operands.
        exact: What they are at the exact operands.
        wrong: The nodes that are wrong, and how.
    """

    recorded: dict[Value, dict[Value, Slope]] = field(default_factory=dict)
    sizes: dict[Value, dict[Value, float]] = field(default_factory=dict)
    recomputed: dict[Value, dict[Value, Slope]] = field(default_factory=dict)
    exact: dict[Value, dict[Value, Slope]] = field(default_factory=dict)
    wrong: dict[Value, Culprit] = field(default_factory=dict)

    @cached_property
    def doubtful(self) -> list[Value]:
        """List the nodes with a derivative that is not known well, parents first."""
        return [
            node
            for node, parents in self.recomputed.items()
            if any(
                slope.reason or slope.bound == math.inf
                for slope in (*parents.values(), *self.exact[node].values())
            )
        ]


def examine(trace: Trace, oracle: Numerical) -> Examined:
    """Evaluate and differentiate each node that depends on an input, and compare.

    Args:
        trace: The graph.
        oracle: The oracle that says what is right.

    Returns:
        The findings.
    """
    convert = oracle.number
    links = trace.active()
    fan_out = Counter(parent for parents in links.values() for parent in parents)
    found = Examined()
    parents_of_all = dict.fromkeys(parent for node in links for parent in node.parents)
    recorded = {parent: convert(parent.data) for parent in parents_of_all}
    data: dict[Value, Any] = {}  # exact, if it differs from what was recorded
    for node, parents in links.items():
        groups = list(parents.values())
        totals = [_total(node.local_derivatives, group) for group in groups]
        sizes = [
            abs(total)
            if len(group) == 1
            else sum(abs(node.local_derivatives[place]) for place in group)
            for total, group in zip(totals, groups, strict=True)
        ]
        found.recorded[node] = {
            parent: Slope(
                convert(total), size * ((2.0 + fan_out[parent]) * EPSILON), "", abs(total)
            )
            for parent, total, size in zip(parents, totals, sizes, strict=True)
        }
        found.sizes[node] = dict(zip(parents, sizes, strict=True))
        operands = [recorded[parent] for parent in node.parents]
        try:
            y, slopes = oracle.at(node, operands, groups)
        except Unknown as unknown:
            reason = f"it cannot be checked: {unknown}"
            slopes = [Slope(convert(total), math.inf, reason) for total in totals]
            found.recomputed[node] = found.exact[node] = dict(zip(parents, slopes, strict=True))
            continue
        found.recomputed[node] = dict(zip(parents, slopes, strict=True))
        culprit = _wrong_value(node, y, slopes, groups) or _wrong_slope(
            node, slopes, groups, totals, sizes, oracle
        )
        if culprit is not None:
            found.wrong[node] = culprit
        exact_operands = [
            data.get(parent, x) for parent, x in zip(node.parents, operands, strict=True)
        ]
        found.exact[node] = found.recomputed[node]
        if exact_operands == operands:
            if oracle.in_range(y):
                data[node] = y
        elif isinstance(oracle, Precise) and oracle.defines(node.op):
            try:
                exact_value, slopes = oracle.at(node, exact_operands, groups)
                if oracle.in_range(exact_value):
                    data[node] = exact_value
            except Unknown as unknown:
                reason = f"it is not defined at the exact operands: {unknown}"
                slopes = [Slope(convert(total), math.inf, reason) for total in totals]
            found.exact[node] = dict(zip(parents, slopes, strict=True))
        else:
            data[node] = y + sum(
                slope.value * (exact_operands[i] - operands[i])
                for slope, group in zip(slopes, groups, strict=True)
                for i in group[:1]
                if exact_operands[i] != operands[i]
            )
    return found


def wrong_sums(trace: Trace, nearby: Sequence[Trace], oracle: Numerical) -> dict[Value, Culprit]:
    """Compare sums of coefficients times operands with their values, at nearby points too.

    The coefficients of such a node are its local derivatives: one that is wrong makes its value
    wrong too, unless the operand is 0.

    Args:
        trace: The graph.
        nearby: The same graph, recorded at points nearby.
        oracle: The oracle that says what is right.

    Returns:
        The nodes that are wrong, and how.
    """
    found: dict[Value, Culprit] = {}
    for other in nearby:
        for node, twin in zip(trace.nodes, other.nodes, strict=True):
            if twin.op == LINEAR and not _is_the_sum(twin):
                operands = [oracle.number(parent.data) for parent in twin.parents]
                groups = [(place,) for place in range(len(operands))]
                try:
                    culprit = _wrong_value(twin, *oracle.at(twin, operands, groups), groups)
                except Unknown:
                    continue
                if culprit is not None:
                    found[node] = culprit
    return found


def _is_the_sum(node: Value) -> bool:
    """Tell whether floats alone show that the value of a sum of products is right."""
    products = [c * x.data for c, x in zip(node.local_derivatives, node.parents, strict=True)]
    size = sum(map(abs, products))
    if not 0.0 < SMALLEST / EPSILON <= size < math.inf:
        return False
    return abs(node.data - math.fsum(products)) <= 0.25 * _VALUE_ACCURACY * size


def _total(derivatives: Sequence[float], places: Sequence[int]) -> float:
    """Sum the local derivatives with respect to a parent that occurs at several places."""
    if len(places) == 1:
        return derivatives[places[0]]
    return sum(derivatives[place] for place in places)


def _wrong_value(
    node: Value, y: Any, slopes: Sequence[Slope], groups: Sequence[Sequence[int]]
) -> Culprit | None:
    """Compare a node's value with its operation's, allowing for the rounding of operands."""
    if abs(node.data - float(y)) <= 0.5 * _VALUE_ACCURACY * abs(node.data) < math.inf:
        return None
    if not math.isfinite(node.data):
        if math.isinf(node.data) and abs(y) >= LARGEST * (1.0 - _VALUE_ACCURACY):
            return None
        allowed = 0.0
    else:
        sizes = [abs(parent.data) for parent in node.parents]
        condition = sum(
            sizes[group[0]] * abs(slope.value)
            for slope, group in zip(slopes, groups, strict=True)
            if slope.bound < math.inf
        )
        condition += _size_of_terms(node)
        allowed = _VALUE_ACCURACY * (abs(y) + condition) + SMALLEST * max(1.0, *sizes)
    if abs(node.data - y) <= allowed:
        return None
    return Culprit(
        str(node.op), _described(node), -1, node.data, float(y), float(allowed), node,
        "its value is not that of the operation on its operands",
    )  # fmt: skip


def _size_of_terms(node: Value) -> float:
    """Sum the sizes of the terms in a sum of products: each product is rounded by itself.

    A parent may occur in several of them, and cancel.
    """
    sizes = [abs(parent.data) for parent in node.parents]
    if node.op == LINEAR:
        return float(sum(map(mul, sizes, map(abs, node.local_derivatives))))
    if node.op in ("dot", "net"):
        half = len(sizes) // 2
        products = float(sum(map(mul, sizes[:half], sizes[half:])))
        return products + (sizes[-1] if node.op == "net" else 0.0)
    return sum(sizes) if node.op in ("+", "-") else 0.0


def _wrong_slope(
    node: Value,
    slopes: Sequence[Slope],
    groups: Sequence[Sequence[int]],
    totals: Sequence[float],
    sizes: Sequence[float],
    oracle: Numerical,
) -> Culprit | None:
    """Compare a node's local derivatives with those of its operation."""
    for slope, group, total, size in zip(slopes, groups, totals, sizes, strict=True):
        near = abs(total - float(slope.value)) <= 0.5 * ACCURACY * abs(total) < math.inf
        if near or slope.bound == math.inf:
            continue
        if math.isinf(total) and math.copysign(1.0, total) * slope.value > LARGEST * (1 - ACCURACY):
            continue  # too large for a float
        size = max(abs(slope.value), size if size < math.inf else 0.0)
        allowed = slope.bound + ACCURACY * size + SMALLEST
        if abs(total - slope.value) <= allowed:
            continue
        allowed += _conditioned(node, group, oracle)
        if not abs(total - slope.value) <= allowed:
            return Culprit(
                str(node.op), _described(node), group[0], total, float(slope.value),
                float(slope.bound), node, f"its derivative in {_operand(node, group[0])}",
            )  # fmt: skip
    return None


def _conditioned(node: Value, group: Sequence[int], oracle: Numerical) -> Any:
    """Return how far rounding the operands of a derivative, or its row's value, moves it.

    A formula such as 1 - y * y has no more digits than the rounding of y leaves it.
    """
    operands = [oracle.number(parent.data) for parent in node.parents]
    if isinstance(oracle, Precise) and oracle.defines(node.op):
        moved = []
        try:
            slope = oracle.at(node, operands, [group])[1][0].value
            for place in range(len(operands)):
                nudged = list(operands)
                nudged[place] *= 1.0 + 4.0 * EPSILON
                moved.append(abs(oracle.at(node, nudged, [group])[1][0].value - slope))
        except Unknown:
            return 0.0
        return sum(distance for distance in moved if distance == distance)
    rule = rule_of(node.op)
    assert rule is not None  # as `at` evaluated it
    partials = rule.partials
    xs = [float(x) for x in operands]
    allowed = 0.0
    try:
        before = _total(partials(FLOATS, node.data, *xs), group)
        for place in range(-1, len(xs)):
            y, nudged = node.data, list(xs)
            if place < 0:
                y *= 1.0 + 2.0 * EPSILON
            else:
                nudged[place] *= 1.0 + 2.0 * EPSILON
            allowed += abs(_total(partials(FLOATS, y, *nudged), group) - before)
    except (ArithmeticError, ValueError):
        return 0.0
    return 2.0 * allowed


def _described(node: Value) -> str:
    """Write a node's operation with the labels of its operands, and with their numbers."""
    with_labels = formula(node, {p: p.label or number(p.data, 17) for p in node.parents})
    with_numbers = evaluated(node)
    return with_labels if with_labels == with_numbers else f"{with_labels} = {with_numbers}"


def _operand(node: Value, place: int) -> str:
    """Name an operand as its row does, or by its place."""
    rule = rule_of(node.op)
    if rule is not None and not any(name.startswith("*") for name in rule.operands):
        return rule.operands[place]
    label = node.parents[place].label
    return f"operand {place + 1}" + (f", {label}" if label else "")


# --- backward() ----------------------------------------------------------------------------------


def gradients(
    trace: Trace, recorded: Links, oracle: Numerical
) -> tuple[list[list[float]], list[Sums], Culprit | None]:
    """Run `backward()` from each output, twice, and compare it with the chain rule on the graph.

    Args:
        trace: The graph; its gradients are restored afterwards.
        recorded: The local derivatives on it, with the rounding of `backward()` as bounds.
        oracle: The oracle that computes.

    Returns:
        For each output, the gradient, the chain rule's sums, and what is wrong, if anything.
    """
    found, sums = [], []
    culprit: Culprit | None = None
    with _kept(trace) as everything:
        for root in trace.outputs:
            exact = chained(trace.nodes, root, recorded, oracle.number(1.0), 2.0**-1074, oracle.dot)
            sums.append(exact)
            for node in everything:
                node.grad = 0.0
            root.backward()
            found.append([node.grad for node in trace.inputs])
            # Nodes that depend on no input are left out.
            for node in [*reversed(list(recorded)), *trace.inputs]:
                if culprit is None and not _agrees(node, exact):
                    culprit = _of_backward(node, exact, "the adjoint that backward() gives it")
            root.backward()
            for node in trace.inputs:
                if culprit is None and not _agrees(node, exact, 2):
                    problem = "its gradient after a second backward(), which adds to it"
                    culprit = _of_backward(node, exact, problem, 2)
    return found, sums, culprit


@contextmanager
def _kept(trace: Trace) -> Iterator[list[Value]]:
    """Restore all gradients at the end: the graph may contain the user's nodes."""
    everything = [*trace.inputs, *trace.nodes, *leaves(*trace.outputs)]
    before = [node.grad for node in everything]
    try:
        yield everything
    finally:
        for node, grad in zip(everything, before, strict=True):
            node.grad = grad


def _agrees(node: Value, exact: Sums, times: int = 1) -> bool:
    """Tell whether a gradient is a multiple of the exact one, within rounding."""
    value, bound = exact.value.get(node, 0.0), exact.bound.get(node, 0.0)
    if not (math.isfinite(node.grad) and abs(value) < math.inf):
        return not times * (abs(value) + bound) < LARGEST
    return bool(abs(node.grad - times * value) <= times * times * bound)


def _of_backward(node: Value, exact: Sums, problem: str, times: int = 1) -> Culprit:
    value, bound = exact.value.get(node, 0.0), exact.bound.get(node, 0.0)
    return Culprit(
        "backward", f"backward(), at {node.label or node!r}", -1, node.grad,
        float(times * value), float(times * bound), node, problem,
    )  # fmt: skip
