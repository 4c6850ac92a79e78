"""The walk of the graph, on nodes that are not Values: whatever has parents and an operation."""

from __future__ import annotations

import gc
import math
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from autograd.graph import (
    adjoints,
    dependents,
    depth,
    interior,
    leaves,
    operation_counts,
    topological_order,
)

inf, nan = math.inf, math.nan


@dataclass(eq=False)
class Node:
    """The minimum that a node must have."""

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


@pytest.mark.no_cover
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
