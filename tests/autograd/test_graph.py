"""The walk of the graph, on nodes that are not Values: whatever has parents and an operation."""

from __future__ import annotations

import builtins
import gc
import math
import random
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
from autograd import Value, grad, jvp
from autograd.graph import (
    MANY,
    adjoints,
    dependents,
    depth,
    interior,
    leaves,
    operation_counts,
    parts,
    shares,
    topological_order,
)
from autograd.value import new_node

inf, nan = math.inf, math.nan


@dataclass(eq=False)
class Node:
    """The least that a node may be."""

    name: int
    parents: tuple[Node, ...] = ()
    op: str = ""
    local_derivatives: tuple[float, ...] = ()


@st.composite
def graphs(draw: st.DrawFn) -> list[Node]:
    """Graphs in which a node may be a parent several times, of one child or of many."""
    nodes: list[Node] = []
    for name in range(draw(st.integers(1, 25))):
        parents = draw(st.lists(st.sampled_from(nodes), max_size=4)) if nodes else []
        op = draw(st.sampled_from("+*")) if parents else ""
        nodes.append(Node(name, tuple(parents), op))
    return nodes


@st.composite
def graphs_with_roots(draw: st.DrawFn) -> tuple[list[Node], list[Node]]:
    nodes = draw(graphs())
    return nodes, draw(st.lists(st.sampled_from(nodes), max_size=4))


def below(roots: list[Node]) -> set[Node]:
    """Find by a fixed point what the roots depend on, the roots included."""
    found = set(roots)
    while True:
        larger = found.union(*(node.parents for node in found))
        if larger == found:
            return found
        found = larger


def longest_path(node: Node) -> int:
    return max((1 + longest_path(parent) for parent in node.parents), default=0)


@given(graphs_with_roots())
def test_orders_hold_each_node_once_and_parents_before_children(
    case: tuple[list[Node], list[Node]],
) -> None:
    _, roots = case
    everything = below(roots)
    order = topological_order(*roots)
    assert len(order) == len(everything)
    assert set(order) == everything
    place = {node: i for i, node in enumerate(order)}
    assert all(place[parent] < place[node] for node in order for parent in node.parents)
    assert leaves(*roots) + interior(*roots) == order
    assert not any(node.parents for node in leaves(*roots))
    assert all(node.parents for node in interior(*roots))


@given(graphs_with_roots())
def test_orders_depend_on_the_shape_of_the_graph_alone(
    case: tuple[list[Node], list[Node]],
) -> None:
    nodes, roots = case
    copies: list[Node] = []
    spacers = []  # so that the copies' addresses are in another order
    for node in nodes:
        copies.append(Node(node.name, tuple(copies[parent.name] for parent in node.parents), "?"))
        spacers.append(bytearray(node.name * 40))
    names = [node.name for node in topological_order(*roots)]
    assert names == [node.name for node in topological_order(*roots)]
    assert names == [node.name for node in topological_order(*[copies[r.name] for r in roots])]


@given(graphs_with_roots())
def test_depth_is_the_longest_path_and_counts_are_of_each_node_once(
    case: tuple[list[Node], list[Node]],
) -> None:
    nodes, roots = case
    for node in nodes[:12]:
        assert depth(node) == longest_path(node)
    counts = operation_counts(*roots)
    assert counts == Counter(node.op for node in below(roots))
    assert counts["no such operation"] == 0


def test_no_roots_and_roots_without_parents() -> None:
    x, y = Node(0), Node(1)
    assert topological_order() == leaves() == interior() == []
    assert topological_order(x, y, x) == leaves(x, y, x) == [x, y]
    assert interior(x) == []
    assert depth(x) == 0


def test_the_documented_orders() -> None:
    x, y = Node(0), Node(1)
    product = Node(2, (x, y), "*")
    total = Node(3, (product, x, product), "+")
    assert interior(total) == [product, total]
    assert topological_order(y, total) == [y, x, product, total]
    assert topological_order(total, product) == [x, y, product, total]


def test_walks_do_not_recurse_and_do_not_follow_every_path() -> None:
    deep = Node(0)
    for name in range(1, 100_001):
        deep = Node(name, (deep, deep), "+")  # 2 to the power 100,000 paths
    assert [node.name for node in topological_order(deep)] == list(range(100_001))
    assert depth(deep) == 100_000
    assert operation_counts(deep) == {"": 1, "+": 100_000}
    del deep
    gc.collect()


def test_walks_of_wide_nodes() -> None:
    inputs = [Node(name) for name in range(100_000)]
    wide = Node(-1, tuple(inputs), "sum")
    assert topological_order(wide) == [*inputs, wide]
    assert depth(Node(-2, (wide,) * 100_000, "sum")) == 2


# --- adjoints ------------------------------------------------------------------------------------


@given(graphs(), st.data())
def test_adjoints_are_sums_over_all_paths_of_the_products_along_each(
    nodes: list[Node], data: st.DataObject
) -> None:
    # Small integers: their sums and products are exact in any order.
    for node in nodes:
        numbers = st.lists(st.integers(-3, 3), min_size=(n := len(node.parents)), max_size=n)
        node.local_derivatives = tuple(map(float, data.draw(numbers)))

    def by_paths(start: Node, end: Node) -> float:
        total = float(start is end)
        for parent, derivative in zip(start.parents, start.local_derivatives, strict=True):
            total += derivative * by_paths(parent, end)
        return total

    root = nodes[-1] if len(nodes) <= 8 else nodes[8]
    found = adjoints(root, 2.0)
    assert set(found) == below([root])
    assert all(adjoint == 2.0 * by_paths(root, node) for node, adjoint in found.items())


def test_adjoints_are_those_of_backward_to_the_bit_and_change_nothing() -> None:
    a, b = Value(0.3, "a"), Value(1.7, "b")
    y = a
    for _ in range(50):
        y = (y * b + a / y).tanh() - y * 0.1
    found = adjoints(y, 0.7)
    order = topological_order(y)
    assert all(node.grad == 0.0 for node in order)
    y.backward(0.7)
    assert all(found[node] == node.grad for node in order)


def test_a_zero_adjoint_contributes_nothing_through_an_infinite_derivative() -> None:
    x = Value(0.0)
    y = 0.0 * x.sqrt()
    assert adjoints(y)[x] == 0.0


@pytest.mark.slow
@pytest.mark.no_cover
@pytest.mark.usefixtures("without_collector")
def test_adjoints_along_a_chain_of_a_hundred_thousand_nodes() -> None:
    x = y = Value(1.0)
    for _ in range(100_000):
        y = y + x
    assert adjoints(y)[x] == 100_001.0


@given(graphs_with_roots(), st.data())
def test_dependents_are_the_nodes_with_a_variable_below_them(
    graph: tuple[list[Node], list[Node]], data: st.DataObject
) -> None:
    nodes, roots = graph
    variables = data.draw(st.lists(st.sampled_from(nodes), unique_by=id))
    order = interior(*roots)
    expected = {node for node in order if any(v in below([node]) for v in variables)}
    assert dependents(order, variables) == expected.union(variables)


def test_dependents_of_no_variables_and_of_a_chain_of_a_hundred_thousand_nodes() -> None:
    bottom = Node(0)
    order = [Node(1, (bottom,))]
    for _ in range(99_999):
        order.append(Node(2, (order[-1],)))
    assert dependents(order, []) == set()
    assert dependents(order, [order[-2]]) == {order[-2], order[-1]}
    assert len(dependents(order, [bottom])) == 100_001


# --- sums of many adjoints -----------------------------------------------------------------------


def listed(x: Value, numbers: list[float]) -> Value:
    return autograd.sum([number * x for number in numbers])


def chained(x: Value, numbers: list[float]) -> Value:
    return builtins.sum((number * x for number in numbers), Value(0.0))


def interior_hub(x: Value, numbers: list[float]) -> Value:
    return listed(x * 1.0, numbers)


def repeated(x: Value, numbers: list[float]) -> Value:
    return autograd.dot(numbers, [x] * len(numbers))


def repeated_within(x: Value, numbers: list[float]) -> Value:
    return autograd.dot(numbers, [x * 1.0, x] * (len(numbers) // 2))


def in_samples(x: Value, numbers: list[float]) -> Value:
    """A few operations for each number, of which one reads the node."""
    return autograd.sum([((number + 1.0) * 1.0 - 1.0 + 0.0 * number) * x for number in numbers])


SUMS = [listed, chained, interior_hub, repeated, repeated_within, in_samples]


@pytest.mark.no_cover
@pytest.mark.parametrize("function", SUMS)
@pytest.mark.parametrize("count", [1_000, 3_000, 40_000])
def test_sums_of_many_adjoints_keep_their_digits(function: Any, count: int) -> None:
    numbers = [0.1] * count
    exact = float(Fraction(0.1) * count)
    x = Value(1.0, "x")
    y = function(x, numbers)
    y.backward()
    assert x.grad == pytest.approx(exact, rel=1e-13)
    assert adjoints(y)[x] == x.grad
    y.backward()
    assert x.grad == pytest.approx(2.0 * exact, rel=1e-13)
    assert grad(function)(1.0, numbers) == pytest.approx(exact, rel=1e-13)
    if count < 40_000:
        x.grad = 0.0
        y.backward(create_graph=True)
        assert x.grad.data == pytest.approx(exact, rel=1e-13)  # type: ignore[attr-defined]


@pytest.mark.parametrize("function", [listed, repeated, repeated_within, interior_hub])
def test_sums_of_many_tangents_keep_their_digits(function: Any) -> None:
    numbers = [0.1] * 50_000
    exact = float(Fraction(0.1) * 50_000)
    assert jvp(lambda x: function(x, numbers), (1.0,), (1.0,))[1] == pytest.approx(exact, rel=1e-13)


@settings(max_examples=4)
@given(st.integers(1, 20), st.integers(0, 10**6), st.booleans())
def test_weights_that_a_batch_shares_have_gradients_of_all_digits(
    width: int, seed: int, fused: bool
) -> None:
    generator = random.Random(seed)
    weights = [Value(generator.uniform(-1.0, 1.0)) for _ in range(width)]
    data = [[generator.uniform(0.0, 1.0) for _ in range(width)] for _ in range(30_000 // width)]
    used = [{*generator.sample(range(width), generator.randint(1, width))} for _ in data]
    outputs = []
    for row, columns in zip(data, used, strict=True):
        terms = [weights[column] for column in columns]
        if fused:
            outputs.append(autograd.dot([row[column] for column in columns], terms))
        else:
            products = (row[column] * weights[column] for column in columns)
            outputs.append(builtins.sum(products, Value(0.0)))
    y = autograd.mean(outputs)
    y.backward()
    for column, weight in enumerate(weights):
        share = 1.0 / len(data)
        exact = math.fsum(
            share * row[column] for row, chosen in zip(data, used, strict=True) if column in chosen
        )
        assert weight.grad == pytest.approx(exact, rel=1e-13)
    assert [adjoints(y).get(weight, 0.0) for weight in weights] == [w.grad for w in weights]


@pytest.mark.parametrize("function", [listed, repeated])
def test_sums_of_many_infinite_adjoints_are_as_of_few(function: Any) -> None:
    for numbers, expected in (([inf], inf), ([inf, -inf], nan), ([1e308] * 2, inf)):
        x = Value(0.0)
        zeros = [function(x, [number] * 3_000) for number in numbers]
        y = new_node(0.0, tuple(zeros), (1.0,) * len(zeros), "linear")
        y.backward()
        assert x.grad == pytest.approx(expected, nan_ok=True)


def test_many_adjoints_meet_a_gradient_that_is_a_node() -> None:
    x = Value(1.0)
    (x * x).backward(create_graph=True)
    listed(x, [0.1] * 5_000).backward()
    assert x.grad.data == pytest.approx(502.0)  # type: ignore[attr-defined]


def test_few_nodes_are_not_looked_at() -> None:
    x = Value(1.0)
    assert parts(interior(listed(x, [0.1] * (MANY - 1)))) is None
    assert parts(interior(listed(x, [0.1] * 2 * MANY))) is not None
    many = autograd.sum([Value(0.5) * 2.0 for _ in range(3 * MANY)])
    assert parts(interior(many)) is None
    assert shares(many, 1.0) is None
