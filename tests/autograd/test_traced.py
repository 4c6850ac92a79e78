"""Nodes whose number is not known: comparisons, conditions, identity."""

from __future__ import annotations

import functools
import itertools
import operator
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from fractions import Fraction
from typing import Any

import pytest

import autograd
import autograd.graph
from autograd import Value, no_grad, where
from autograd.kinds import CONSTANT, UNRECORDED
from autograd.traced import Traced, traced, tracing_of
from autograd.tracing import UNKNOWN, TracingError

# --- comparisons ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("comparison", "sign", "turned"),
    [
        (operator.lt, "<", ">"),
        (operator.le, "<=", ">="),
        (operator.eq, "==", "=="),
        (operator.ne, "!=", "!="),
        (operator.gt, ">", "<"),
        (operator.ge, ">=", "<="),
    ],
)
def test_a_comparison_is_recorded_as_a_condition(
    comparison: Callable[[Any, Any], Any], sign: str, turned: str
) -> None:
    x, y = traced(), traced("y")
    for other in (y, Value(1.0), 1.0, 1):
        node = comparison(x, other)
        assert (node.op, node.data, node.parents[0]) == (sign, UNKNOWN, x) or other is y
        assert node.parents[0] is x
    node = comparison(1.0, x)
    assert node.op == turned
    assert node.parents[0] is x
    node = comparison(Value(1.0), x)
    assert node.op == turned
    assert node.parents[0] is x


def test_what_is_known_is_compared_as_ever() -> None:
    assert (Value(1.0) < 2.0) is True
    assert (Value(1.0) == Value(2.0)) is False
    assert traced().__eq__("text") is NotImplemented


def test_conditions_are_joined_by_and_and_or() -> None:
    x = traced()
    low: Any = x > 0.0
    high: Any = x < 1.0
    for node in (low & high, low | high, low & True, True & low, low | False, False | low):
        assert node.op == "where"
        assert node.data is UNKNOWN
    with pytest.raises(TypeError):
        low & 3.0
    one: Any = Value(1.0)
    with pytest.raises(TypeError):
        one & Value(2.0)
    with tracing_of():
        assert {(low ^ other).op for other in (high, True, False)} == {"where"}
        assert low.__xor__(2.0) is NotImplemented


def test_an_inverted_condition_is_refused_traced_and_known() -> None:
    low: Any = traced() > 0.0
    with pytest.raises(TracingError, match="opposite comparison"):
        _ = ~low
    for known in (~(Value(1.0) > 0.0), ~(Value(1.0) < 0.0)):
        with pytest.raises(TypeError, match=r"where: the condition is -[12].*opposite comparison"):
            where(known, Value(1.0), 2.0)
    assert where(3, 1.0, 2.0) == 1.0


IDENTITIES: list[Callable[[list[Any]], Any]] = [
    lambda v: autograd.sum(set(v)),
    lambda v: autograd.sum(dict.fromkeys(v)),
    lambda v: autograd.sum(frozenset(v)),
    lambda v: {v[0]: 1.0}[v[0]] * v[1],
    lambda v: v[0] * Counter(v)[v[1]],
    lambda v: v[0] if v[1] in [v[0], 2.0] else v[1],
    lambda v: v[0] if v[1] in {1.0, 2.0} else v[1],
    lambda v: v[0] * v.index(v[1]),
    lambda v: v[0] * v.count(v[2]),
    lambda v: v[0] * hash(v[1]),
    lambda v: v[0] * len(f"{v[1]}"),
    lambda v: v[0] * float(f"{v[1]:.3f}"),
    lambda v: v[0] * len("{}".format(v[1])),  # noqa: UP032
    lambda v: v[0] * functools.lru_cache(lambda x: x)(v[1]),
    lambda v: autograd.sum([x for x, _ in itertools.groupby(v)]),
]


@pytest.mark.parametrize("f", IDENTITIES)
def test_what_tells_numbers_apart_by_identity_is_refused(f: Any) -> None:
    compiled = autograd.compile(lambda *v: f(list(v)))
    with pytest.raises(TracingError, match="known only when the program runs"):
        compiled(1.0, 1.0, 2.0)


def test_the_library_itself_may_look_at_traced_nodes() -> None:
    x = traced()
    assert len(autograd.graph.interior(x * x + x)) == 2
    assert type(x * x) is type(x) is Traced


# --- arithmetic ----------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", "+-*/")
@pytest.mark.parametrize("other", [2.0, 2, True, Fraction(1, 2), Value(3.0), traced("y")])
@pytest.mark.parametrize("is_left", [False, True])
@pytest.mark.parametrize("is_open", [False, True])
def test_arithmetic_is_recorded_as_by_the_table(
    sign: str, other: Any, is_left: bool, is_open: bool
) -> None:
    compute = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}[sign]
    x = traced("x")
    with tracing_of() if is_open else nullcontext() as trace:
        node = compute(x, other) if is_left else compute(other, x)
        assert type(node) is Traced
        assert node._number is UNKNOWN
        assert node.op == sign
        place = 0 if is_left else 1
        assert node.parents[place] is x
        operand = node.parents[1 - place]
        if isinstance(other, Value):
            assert operand is other
        else:
            assert (operand.op, operand._number) == (CONSTANT, float(other))
    if trace is not None:
        assert list(trace.captured) == [other] * (type(other) is Value)


@pytest.mark.parametrize("other", ["2", None, [1.0], 1j])
@pytest.mark.parametrize("is_left", [False, True])
def test_arithmetic_with_what_is_no_number_is_refused(other: Any, is_left: bool) -> None:
    x = traced("x")
    with pytest.raises(TypeError, match="expected a"):
        x / other if is_left else other / x


def test_arithmetic_in_no_grad_is_not_recorded() -> None:
    x = traced("x")
    with tracing_of(), no_grad():
        node = x + x
    assert (node._number, node.parents, node.op) == (UNKNOWN, (), UNRECORDED)
