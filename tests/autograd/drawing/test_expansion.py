"""Nodes of many parents written out: the same function, the same derivatives, another graph."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import autograd
from autograd import Value, no_grad
from autograd.drawing.expansion import expanded
from autograd.graph import adjoints, leaves, topological_order
from tests.autograd.drawing.graphs import graphs
from tests.table import TABLE

CALLS: dict[str, Callable[[list[Value]], Value]] = {
    **{rule.name: getattr(autograd, rule.name) for rule in TABLE if rule.of_sequence},
    "softmax": lambda xs: autograd.softmax(xs)[0],
    "dot": lambda xs: autograd.dot(xs, xs[::-1]),
    "net": lambda xs: autograd.net(xs, xs[::-1], xs[0]),
    "linear": lambda xs: autograd.dot(xs, [1.0 - 0.5 * i for i in range(len(xs))]),
}
XS = st.lists(st.floats(-4.0, 4.0, allow_subnormal=False), min_size=1, max_size=6)


def snapshot(root: Value) -> list[tuple[Any, ...]]:
    return [
        (id(n), n.data, n.grad, n.op, n.label, tuple(map(id, n.parents)), n.local_derivatives)
        for n in topological_order(root)
    ]


def same(x: float, y: float, relative: float) -> bool:
    return math.isclose(x, y, rel_tol=relative, abs_tol=1e-300) or (x != x and y != y)


def check(root: Value, operations: Any = True) -> Value:
    """Check what an expansion promises, and return the new root."""
    root.zero_grad()
    root.backward(0.75)
    before = snapshot(root)
    counterparts = expanded([root], operations)
    assert snapshot(root) == before
    assert set(counterparts) == set(topological_order(root))
    new = counterparts[root]
    for node, counterpart in counterparts.items():
        assert (counterpart.data, counterpart.grad, counterpart.label) == (
            node.data,
            node.grad,
            node.label,
        )
        assert node.parents or counterpart is node
    old_adjoints, new_adjoints = adjoints(root, 0.75), adjoints(new, 0.75)
    for leaf in leaves(root):
        assert new_adjoints[leaf] == pytest.approx(old_adjoints[leaf], rel=1e-9, abs=1e-12)
    for node in topological_order(new):
        if node.parents:
            assert same(node.grad, new_adjoints[node], 1e-9) or (
                node.grad == pytest.approx(new_adjoints[node], rel=1e-9, abs=1e-12)
            )
    return new


def recomputed(node: Value) -> float:
    """Evaluate one elementary node on its parents' data."""
    rule = {rule.name: rule for rule in TABLE}[node.op]
    return rule.evaluate(*[parent.data for parent in node.parents])


def test_every_function_of_many_operands_can_be_written_out() -> None:
    many = {rule.name for rule in TABLE if any(name.startswith("*") for name in rule.operands)}
    assert {rule.name for rule in TABLE if rule.expanded} == many
    assert set(CALLS) == many | {"linear"}


@pytest.mark.parametrize("name", CALLS)
@given(xs=XS)
def test_written_out_it_is_elementary_and_the_same(name: str, xs: list[float]) -> None:
    assume(name not in ("max", "min") or len(set(xs)) == len(xs))
    assume(name != "norm" or all(abs(x) > 1e-6 for x in xs))
    assume(name != "std" or max(xs) - min(xs) > 1e-3)
    assume(name != "prod" or all(abs(x) > 1e-50 for x in xs))  # it alone does not underflow
    y = CALLS[name]([Value(x, f"x{i}") for i, x in enumerate(xs)])
    root = autograd.tanh(y * 0.25)
    new = check(root)
    for node in topological_order(new):
        assert len(node.parents) <= 2
        if node.parents and node.op != "**":
            if len(xs) > 1 or node.op not in CALLS:
                assert node.op not in CALLS
            if node.op in CALLS:
                continue
            assert recomputed(node) == pytest.approx(node.data, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", CALLS)
def test_only_what_is_named_is_written_out(name: str) -> None:
    y = CALLS[name]([Value(0.5 + i, f"x{i}") for i in range(3)])
    other = autograd.sum([y, y, y]) if name != "sum" else autograd.mean([y, y, y])
    assert name not in {node.op for node in topological_order(check(other, [name]))}
    assert other.op in {node.op for node in topological_order(check(other, {name}))}
    assert check(other, ()) is other
    assert check(other, False) is other


@given(graphs(10))
def test_random_graphs_written_out(nodes: list[Value]) -> None:
    new = check(nodes[-1])
    assert all(len(node.parents) <= 2 for node in topological_order(new))


def test_operands_that_are_shared() -> None:
    xs = [Value(2.0, "a"), Value(-3.0, "b")]
    new = check(autograd.dot(xs, xs))
    assert {leaf.label for leaf in leaves(new)} == {"a", "b"}
    a = Value(2.0, "a")
    new = check(autograd.prod([a, a, a, a * a]))
    assert leaves(new) == [a]
    s = autograd.sum([a, a, a])
    check(autograd.sum([s, s, s]) * s)


def test_the_gradients_within() -> None:
    w, x, b = Value(0.5, "w"), Value(2.0, "x"), Value(-1.0, "b")
    y = autograd.net([w, w], [x, 3.0], b)
    y.label = "net"
    y.backward()
    new = expanded([y], True)[y]
    assert [(n.op, n.data, n.grad) for n in topological_order(new) if n.parents] == [
        ("*", 1.5, 1.0), ("*", 1.0, 1.0), ("+", 2.5, 1.0), ("+", 1.5, 1.0),
    ]  # fmt: skip
    assert (new.label, new.op) == ("net", "+")


def test_before_backward_gradients_stay_zero() -> None:
    y = autograd.prod([Value(2.0), Value(3.0), Value(4.0)])
    new = expanded([y], True)[y]
    assert {node.grad for node in topological_order(new)} == {0.0}


def test_a_node_without_an_adjoint_passes_none_on() -> None:
    y = autograd.prod([Value(2.0), Value(3.0), Value(4.0)])
    (y * 0.0 + y * math.inf).backward()
    y.grad = 0.0
    new = expanded([y], True)[y]
    inner = [node for node in topological_order(new) if node.parents]
    assert len(inner) == 2
    assert {node.grad for node in inner} == {0.0}


def test_a_paused_recording_does_not_matter() -> None:
    y = autograd.net([Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)], Value(0.5))
    with no_grad():
        new = check(y)
        assert (Value(1.0) + 1.0).parents == ()
    operations = sorted(node.op for node in topological_order(new) if node.parents)
    assert operations == ["*", "*", "+", "+"]


def test_several_outputs_share_their_expansion() -> None:
    a, b = Value(2.0, "a"), Value(3.0, "b")
    s = autograd.sum([a, b, a])
    counterparts = expanded([s * a, s * b], True)
    left, right = list(counterparts.values())[-2:]
    assert left.parents[0] is right.parents[0] is counterparts[s]


def test_long_rows_do_not_recurse() -> None:
    xs = [Value(1.0) for _ in range(20_000)]
    y = autograd.sum(xs)
    assert len(topological_order(expanded([y], True)[y])) == 39_999


# --- where elementary operations differ ----------------------------------------------------------


def finite_inside(new: Value) -> bool:
    return all(math.isfinite(n.data) and math.isfinite(n.grad) for n in topological_order(new))


@pytest.mark.parametrize(
    ("name", "xs"),
    [
        ("logsumexp", [1000.0, 0.0]),
        ("logsumexp", [-1000.0, -1001.0]),
        ("logsumexp", [-744.0, -744.5]),
        ("softmax", [1000.0, 0.0]),
        ("softmax", [-1000.0, -1001.0]),
        ("softmax", [-744.0, -744.5]),
        ("mean", [1e308, 1e308]),
        ("norm", [1e200, 1e200]),
        ("norm", [1e-200, 1e-200]),
        ("norm", [0.0, 0.0]),
    ],
)
def test_where_elementary_operations_would_overflow_or_lose_all_digits_a_node_stays_whole(
    name: str, xs: list[float]
) -> None:
    y = CALLS[name]([Value(x, f"x{i}") for i, x in enumerate(xs)])
    assert math.isfinite(y.data)
    assert finite_inside(check(y))
    assert check(y) is y
    # Whatever stands around it is written out all the same.
    around = autograd.sum([y * 0.0, Value(1.0), Value(-1.0)])
    operations = Counter(node.op for node in topological_order(check(around)) if node.parents)
    assert operations == {"+": 2, "*": 1, name: 1}


@pytest.mark.parametrize("name", ["max", "min"])
@pytest.mark.parametrize("xs", [[1.0, 1.0], [1.0, 1.0, 1.0], [2.0, 2.0, 1.0, 2.0]])
def test_ties_share_equally_when_written_out(name: str, xs: list[float]) -> None:
    y = CALLS[name]([Value(x) for x in xs])
    # Two that tie have a half each, written out or not.
    assert (check(y) is y) == (xs.count(y.data) > 2)


def test_infinite_and_missing_numbers() -> None:
    for xs in ([math.inf, 1.0, 2.0], [math.nan, 1.0, 2.0], [0.0, math.inf, 1.0]):
        y = autograd.sum([Value(x) for x in xs])
        y.backward()
        new = expanded([y], True)[y]
        assert same(new.data, y.data, 0.0)
    y = autograd.prod([Value(0.0), Value(0.0), Value(2.0)])
    check(y)
