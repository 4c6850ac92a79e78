"""Graphs compared with what they should be: the chain rule, each node, and `backward()` itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autograd import Value, custom_function, dot, exp, log, maximum, mean, prod, relu, sin, tanh
from autograd import sum as sum_of
from autograd.checking import check_graph
from autograd.checking.judge import chained, connected, examine, gradients, wrong_sums
from autograd.checking.local import Numerical, Precise, Slope
from autograd.checking.trace import Trace
from autograd.graph import interior, leaves, topological_order
from autograd.value import as_value, new_node
from nn import MLP

ORACLES = pytest.mark.parametrize("oracle", [Precise(), Numerical()], ids=["precise", "numerical"])


def trace(inputs: Sequence[Value], *roots: Value) -> Trace:
    names = [""] * len(roots)
    return Trace(list(inputs), names, list(roots), interior(*roots))


# --- the chain rule ------------------------------------------------------------------------------


@st.composite
def linked(draw: st.DrawFn) -> tuple[list[Value], dict[Value, dict[Value, Slope]]]:
    """Nodes with one input, and a slope with a bound for each link."""
    nodes = [Value(0.0)]
    links: dict[Value, dict[Value, Slope]] = {}
    numbers = st.fractions(-4, 4, max_denominator=8)
    for _ in range(draw(st.integers(1, 7))):
        parents = draw(st.lists(st.sampled_from(nodes), min_size=1, max_size=3, unique_by=id))
        node = new_node(0.0, tuple(parents), (0.0,) * len(parents), "+")
        links[node] = {p: Slope(draw(numbers), float(abs(draw(numbers)) / 8)) for p in parents}
        nodes.append(node)
    return nodes, links


def paths(node: Value, leaf: Value, links: Any, slope: Any) -> Fraction:
    """Add up the products over all paths, the definition of the chain rule."""
    if node is leaf:
        return Fraction(1)
    return sum(
        (slope(s) * paths(parent, leaf, links, slope) for parent, s in links.get(node, {}).items()),
        Fraction(0),
    )


@pytest.mark.no_cover
@settings(max_examples=40)
@given(linked(), st.randoms(use_true_random=False))
def test_sums_are_those_over_all_paths_and_bounds_hold_for_any_slopes_within(
    case: tuple[list[Value], dict[Value, dict[Value, Slope]]], random: Any
) -> None:
    nodes, links = case
    x, root = nodes[0], nodes[-1]
    found = chained(nodes[1:], root, links, Fraction(1))
    value = found.value.get(x, Fraction(0))
    assert value == paths(root, x, links, lambda s: s.value)
    off = {
        id(s): random.choice([-1, 0, 1]) * Fraction(s.bound)
        for p in links.values()
        for s in p.values()
    }
    moved = paths(root, x, links, lambda s: s.value + off[id(s)])
    assert abs(moved - value) <= Fraction(found.bound.get(x, 0.0)) + Fraction(1, 10**9)
    assert (x in connected(nodes[1:], root, links)) == (x in found.value) or value == 0


def test_bounds_multiply() -> None:
    x = Value(1.0)
    y = new_node(1.0, (x,), (1.0,), "+")
    z = new_node(1.0, (y,), (1.0,), "+")
    links = {y: {x: Slope(1.0, 0.5)}, z: {y: Slope(1.0, 0.5)}}
    assert chained([y, z], z, links, 1.0).bound[x] == 1.5 * 1.5 - 1.0


def test_a_zero_adjoint_hands_on_nothing_and_no_bound_stays_none() -> None:
    x = Value(1.0)
    y = new_node(1.0, (x,), (math.inf,), "+")
    z = new_node(1.0, (y,), (0.0,), "+")
    links = {y: {x: Slope(math.inf, 0.0)}, z: {y: Slope(0.0, 0.0)}}
    assert chained([y, z], z, links, 1.0).value.get(x, 0.0) == 0.0
    links = {y: {x: Slope(0.0, 0.0)}, z: {y: Slope(1.0, math.inf)}}
    assert chained([y, z], z, links, 1.0).bound[x] == math.inf
    links = {y: {x: Slope(2.0, math.inf)}, z: {y: Slope(1.0, 0.0)}}
    assert chained([y, z], z, links, 1.0).bound[x] == math.inf
    links = {y: {x: Slope(0.0, 0.0)}, z: {y: Slope(1.0, 0.5)}}
    assert chained([y, z], z, links, 1.0).bound[x] == 0.0
    assert chained([y, z], z, {z: links[z]}, 1.0).value == {z: 1.0, y: 1.0}
    assert chained([y, z], z, {z: links[z]}, 1.0, floor=0.25).bound[y] == 0.75
    assert connected([y, z], y, links) == {y, x}


# --- graphs that are right -----------------------------------------------------------------------

Program = list[tuple[str, int, int]]
OPERATIONS: dict[str, Any] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "sin": lambda a, b: sin(a),
    "tanh": lambda a, b: tanh(a),
    "exp": lambda a, b: exp(-a * a),
    "/": lambda a, b: a / (1.5 + sin(b)),
    "sum": lambda a, b: sum_of([a, b, a]),
    "dot": lambda a, b: dot([a, b], [b, 2.0]),
    "linear": lambda a, b: dot([0.5, -3.0], [a, b]),
    "prod": lambda a, b: prod([a, b, b]),
    "mean": lambda a, b: mean([a, b]),
    "maximum": maximum,
}
PROGRAMS = st.lists(
    st.tuples(st.sampled_from(sorted(OPERATIONS)), st.integers(0, 30), st.integers(0, 30)),
    min_size=1,
    max_size=10,
)
POINTS = st.lists(st.floats(-2.0, 2.0), min_size=2, max_size=3)


def run(program: Program, inputs: Sequence[Value]) -> Value:
    nodes = list(inputs)
    for op, i, j in program:
        nodes.append(OPERATIONS[op](nodes[i % len(nodes)], nodes[j % len(nodes)]))
    return nodes[-1]


def state(root: Value) -> list[Any]:
    return [
        (id(n), n.data, n.grad, n.op, n.label, n.local_derivatives, n.parents)
        for n in topological_order(root)
    ]


@settings(max_examples=40)
@given(PROGRAMS, POINTS)
def test_random_graphs_are_right_and_left_as_they_are(program: Program, point: list[float]) -> None:
    root = run(program, [Value(x, f"x{i}") for i, x in enumerate(point)])
    for i, node in enumerate(topological_order(root)):
        node.grad = float(i)
    before = state(root)
    result = check_graph(root)
    assert state(root) == before
    assert result.outcome != "failed", str(result)
    assert result.culprit is None
    assert str(check_graph(root)) == str(result)
    root.zero_grad()
    root.backward()
    for derivative, leaf in zip(
        result.derivatives, [n for n in leaves(root) if n.label], strict=True
    ):
        assert derivative.gradient == leaf.grad
        if derivative.outcome == "passed":
            slack = derivative.bound + derivative.rounding
            assert abs(derivative.gradient - derivative.numerical) <= slack * 1.001


# --- graphs that are wrong -----------------------------------------------------------------------


@settings(max_examples=40)
@given(PROGRAMS, POINTS, st.data())
def test_one_wrong_local_derivative_is_found(
    program: Program, point: list[float], data: st.DataObject
) -> None:
    inputs = [Value(x, f"x{i}") for i, x in enumerate(point)]
    root = run(program, inputs)
    inner = [
        n
        for n in interior(root)
        if n.op != "linear" and any(p.label or p.parents for p in n.parents)
    ]
    assume(inner and check_graph(root).outcome == "passed")
    node = data.draw(st.sampled_from(inner))
    place = data.draw(
        st.sampled_from([i for i, p in enumerate(node.parents) if p.label or p.parents])
    )
    right = node.local_derivatives
    error = data.draw(st.sampled_from([1e-6, -1.0, 0.5])) * max(1.0, abs(right[place]))
    node.local_derivatives = (*right[:place], right[place] + error, *right[place + 1 :])
    # An adjoint of 0 hides it, as does a path that is 0 further down.
    root.zero_grad()
    root.backward()
    assume(abs(node.grad) > 1e-6)
    result = check_graph(root)
    assert result.outcome == "failed"
    assert result.culprit is not None
    assert result.culprit.node is node


@ORACLES
def test_a_wrong_derivative_is_described(oracle: Numerical) -> None:
    a, b = Value(2.0, "a"), Value(3.0, "b")
    y = new_node(6.0, (a, b), (3.0, 2.5), "*")
    found = examine(trace([a, b], y), oracle).wrong[y]
    assert (found.op, found.operand, found.local_derivative) == ("*", 1, 2.5)
    assert found.numerical == pytest.approx(2.0)
    assert found.description == "a·b = 2·3"
    assert found.problem == "its derivative in x2"
    assert found.node is y


@ORACLES
def test_a_wrong_value_is_described(oracle: Numerical) -> None:
    a = Value(2.0)
    y = new_node(5.0, (a,), (4.0,), "square")
    found = examine(trace([a], y), oracle).wrong[y]
    assert (found.operand, found.local_derivative, found.numerical) == (-1, 5.0, 4.0)
    assert found.problem == "its value is not that of the operation on its operands"


@ORACLES
@pytest.mark.parametrize("data", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_wrong_where_it_should_be(
    oracle: Numerical, data: float
) -> None:
    a = Value(2.0)
    y = new_node(data, (a,), (4.0,), "square")
    assert y in examine(trace([a], y), oracle).wrong


def test_a_value_and_a_derivative_too_large_for_a_float_are_right() -> None:
    a = Value(1e200, "a")
    y = new_node(math.inf, (a,), (2e200,), "square")
    assert not examine(trace([a], y), Precise()).wrong
    z = 1.0 / Value(1e-200, "b")
    assert z.local_derivatives[1] == -math.inf
    assert not examine(trace([z.parents[1]], z), Precise()).wrong


@ORACLES
def test_operands_of_sequences_are_called_by_place_and_label(oracle: Numerical) -> None:
    xs = [Value(1.0, "a"), Value(2.0)]
    for place, name in ((0, "operand 1, a"), (1, "operand 2")):
        y = sum_of(xs)
        y.local_derivatives = (0.5, 1.0) if place == 0 else (1.0, 0.5)
        found = examine(trace(xs, y), oracle).wrong[y]
        assert found.problem == f"its derivative in {name}"


@ORACLES
def test_an_operation_of_no_table_cannot_be_checked(oracle: Numerical) -> None:
    a = Value(2.0)
    y = new_node(5.0, (a,), (4.0,), "nowhere")
    slope = examine(trace([a], y), oracle).recomputed[y][a]
    assert slope.value == 4.0
    assert slope.bound == math.inf
    assert "nowhere" in slope.reason
    result = check_graph(y)
    assert result.outcome == "undecided"
    assert "nowhere" in result.reason


def test_a_graph_that_is_not_defined_at_the_exact_operands_is_undecided() -> None:
    x = Value(0.1, "x")
    y = log((x * 3.0 - 0.3) - 3e-17)  # of 2.6e-17 in floats; exactly, of -0.2e-17
    result = check_graph(y)
    assert result.outcome == "undecided"
    assert "log: it is not defined at the exact operands" in result.reason


def test_a_row_without_the_last_digits_is_right() -> None:
    """1 - y², where y is near 1, has no more digits than rounding y leaves."""
    custom_function("judge_tanh", math.tanh, lambda m, y, x: 1.0 - y * y)
    for oracle in (Precise(), Numerical()):
        x = Value(12.0)
        y = x.judge_tanh()  # type: ignore[attr-defined]
        assert not examine(trace([x], y), oracle).wrong


def test_what_rounding_an_operand_moves_is_right_and_no_more() -> None:
    x = Value(math.pi / 2 * 1_000_001.0)  # a rounding of it moves its sine and cosine by 1e-10
    for moved in (1e-10, 1e-3):
        cosine = new_node(math.cos(x.data) + moved, (x,), (-math.sin(x.data),), "cos")
        sine = new_node(math.sin(x.data), (x,), (math.cos(x.data) + moved,), "sin")
        for node in (cosine, sine):
            assert (node in examine(trace([x], node), Precise()).wrong) == (moved > 1e-6)


def test_a_wrong_derivative_is_found_where_the_operands_cannot_be_moved() -> None:
    x = Value(1.0 - 2.0**-53)  # a rounding more is off the domain
    y = new_node(math.asin(x.data), (x,), (0.5,), "arcsin")
    assert y in examine(trace([x], y), Precise()).wrong

    def partials(m: Any, y: Any, x: Any) -> Any:
        return 0.5 if x == 2.0 else m.log(-1.0)

    own = custom_function("judge_nowhere_else", lambda x: x * x, partials)
    for oracle in (Precise(), Numerical()):
        z = own(Value(2.0))
        assert z in examine(trace(z.parents, z), oracle).wrong


@ORACLES
def test_kinks_take_any_derivative_between_and_no_other(oracle: Numerical) -> None:
    for derivative in (0.0, 0.5, 1.0):
        x = Value(0.0)
        y = relu(x)
        y.local_derivatives = (derivative,)
        assert not examine(trace([x], y), oracle).wrong
    for derivative in (-0.5, 1.5, 2.0, math.nan):
        x = Value(0.0)
        y = relu(x)
        y.local_derivatives = (derivative,)
        assert y in examine(trace([x], y), oracle).wrong


@ORACLES
@pytest.mark.parametrize("derivative", [math.inf, -math.inf])
def test_an_infinite_derivative_is_wrong_where_it_should_be_finite(
    oracle: Numerical, derivative: float
) -> None:
    x = Value(2.0)
    y = relu(x)
    y.local_derivatives = (derivative,)
    assert y in examine(trace([x], y), oracle).wrong


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("size", [1e308, 1.7e308])
def test_an_infinite_derivative_is_wrong_where_it_should_be_large(sign: float, size: float) -> None:
    a, b = Value(1.0), Value(sign * size)
    for slope, wrong in [(b.data, False), (sign * math.inf, True), (-sign * math.inf, True)]:
        y = new_node(b.data, (a, b), (slope, 1.0), "*")
        assert (y in examine(trace([a, b], y), Precise()).wrong) == wrong


def test_data_changed_afterwards_is_not_what_the_graph_was_computed_from() -> None:
    x = Value(2.0, "x")
    y = x * x
    assert check_graph(y)
    x.data = 3.0
    result = check_graph(y)
    assert result.outcome == "failed"
    assert result.culprit is not None
    assert result.culprit.node is y
    assert "value" in result.reason
    x.data = 2.0
    assert check_graph(y)


def test_what_does_not_count_may_be_wrong() -> None:
    x = Value(2.0, "x")
    unused = exp(x)
    unused.local_derivatives = (-1.0,)
    assert check_graph(x * x)
    assert check_graph(unused * 0.0 + x)


def test_graphs_of_models_and_of_leaves() -> None:
    model = MLP(2, [3, 1], "tanh")
    result = check_graph(model([0.5, -1.0]))
    assert result
    assert len(result.derivatives) == len(model.parameters())
    assert [d.gradient for d in check_graph(Value(3.0, "x")).derivatives] == [1.0]
    assert check_graph(as_value(3.0)).derivatives == ()


# --- backward() ----------------------------------------------------------------------------------


def test_a_gradient_whose_double_is_too_large_for_a_float_is_right() -> None:
    x = Value(1.0)
    for largest in (1e308, 1.7e308, -1.7e308):
        y = largest * x
        assert (
            gradients(trace([x], y), examine(trace([x], y), Precise()).recorded, Precise())[2]
            is None
        )


def test_gradients_are_those_of_backward_for_each_output() -> None:
    x, y = Value(2.0), Value(3.0)
    z = x * y
    graph = trace([x, y], z, z + x, x)
    found, sums, wrong = gradients(graph, examine(graph, Precise()).recorded, Precise())
    assert found[:2] == [[3.0, 2.0], [4.0, 2.0]]
    assert found[2] == [1.0, 0.0]
    assert wrong is None
    assert float(sums[0].value[x]) == 3.0


def _overwriting(self: Value, seed: float = 1.0) -> None:
    nodes = interior(self)
    for node in nodes:
        node.grad = 0.0
    self.grad = seed
    for node in reversed(nodes):
        for parent, derivative in zip(node.parents, node.local_derivatives, strict=True):
            parent.grad = node.grad * derivative


def _once(self: Value, seed: float = 1.0) -> None:
    for leaf in leaves(self):
        leaf.grad = 0.0
    _backward(self, seed)


_backward = Value.backward


@ORACLES
@pytest.mark.parametrize(
    ("faulty", "problem", "given", "right"),
    [
        (_overwriting, "the adjoint that backward() gives it", 3.0, 7.0),
        (_once, "its gradient after a second backward(), which adds to it", 7.0, 14.0),
        (lambda self, seed=1.0: None, "the adjoint that backward() gives it", 0.0, 1.0),
    ],
)
def test_a_wrong_backward_is_found(
    monkeypatch: pytest.MonkeyPatch,
    oracle: Numerical,
    faulty: Any,
    problem: str,
    given: float,
    right: float,
) -> None:
    x = Value(2.0, "x")
    y = x * x + x * 3.0
    graph = trace([x], y)
    recorded = examine(graph, oracle).recorded
    monkeypatch.setattr(Value, "backward", faulty)
    x.grad = 17.0
    _, sums, wrong = gradients(graph, recorded, oracle)
    assert wrong is not None
    assert wrong.op == "backward"
    assert wrong.problem == problem
    assert wrong.operand == -1
    assert wrong.local_derivative == given
    assert wrong.numerical == pytest.approx(right)
    times = 2 if faulty is _once else 1
    assert wrong.bound == times * sums[0].bound[wrong.node]
    assert x.grad == 17.0


def test_gradients_are_put_back_when_backward_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    x = Value(2.0, "x")
    y = x * x
    graph = trace([x], y)
    x.grad, y.grad = 17.0, 18.0

    def raising(self: Value, seed: float = 1.0) -> None:
        raise RuntimeError("stop")

    monkeypatch.setattr(Value, "backward", raising)
    with pytest.raises(RuntimeError, match="stop"):
        gradients(graph, examine(graph, Precise()).recorded, Precise())
    assert (x.grad, y.grad) == (17.0, 18.0)


# --- sums of coefficients times operands, at points nearby ---------------------------------------


@ORACLES
@given(
    coefficients=st.lists(st.floats(0.5, 4.0), min_size=1, max_size=4),
    place=st.integers(0, 3),
    off=st.sampled_from([0.0, 1e-3, -2.0]),
)
def test_a_wrong_coefficient_is_seen_in_the_value_of_the_sum_nearby(
    oracle: Any, coefficients: list[float], place: int, off: float
) -> None:
    def recorded(point: float, claimed: list[float]) -> Trace:
        xs = [Value(point + i) for i in range(len(coefficients))]
        total = math.fsum(c * x.data for c, x in zip(coefficients, xs, strict=True))
        return trace(xs, sin(new_node(total, tuple(xs), tuple(claimed), "linear")))

    claimed = list(coefficients)
    claimed[place % len(claimed)] += off
    there = recorded(1.0, claimed)
    found = wrong_sums(there, [recorded(1.5, claimed), recorded(2.0, claimed)], oracle)
    assert [node.op for node in found] == (["linear"] if off else [])
    assert all(node in there.nodes for node in found)
