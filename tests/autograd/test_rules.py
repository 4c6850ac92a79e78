"""Each row of the table: its value, its derivatives, its domain, its conventions."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import autograd
from autograd import Value
from autograd.functions import VALUES
from autograd.rules import FLOATS, RULES, TABLE, Rule
from autograd.value import CONSTANT
from tests import oracle
from tests.oracle import mp
from tests.table import NAMES, call, edges, operands, tame

LARGEST = sys.float_info.max
SMALLEST_NORMAL = sys.float_info.min

every_row = pytest.mark.parametrize("rule", TABLE, ids=NAMES)
ANYTHING = st.floats()

# Each bound is relative to the exact number, strictly, with these exceptions. The value or a
# derivative of these rows crosses zero away from 0, or adds numbers of both signs: there a rounding
# of the operands, which every operand has had, counts for more than the bound.
CONDITIONED_VALUES = {"lgamma", "digamma", "polygamma", "logsumexp", "softmax", "dot", "net"}
CONDITIONED_DERIVATIVES = {"lgamma", "digamma", "polygamma", "softmax", "gelu", "silu"}
# The partials of these hold a factor such as log(2), as a float.
FLOAT_FACTORS = {"exp2", "log2", "log10", "gelu", "erf", "erfc"}
# A length that is subnormal has lost digits, and so has what is divided by it.
LENGTHS = {"hypot", "norm", "arctan2"}


def assert_close(y: float, exact: Any, allowed: Any) -> None:
    """Hold a float to an exact number; infinity stands for all that is too large for a float."""
    if math.isinf(y):
        assert math.copysign(1.0, y) * exact + allowed > LARGEST, f"{y!r} for {exact}"
    elif mp.isnan(exact):
        assert math.isnan(y)
    else:
        assert abs(mp.mpf(y) - exact) <= allowed, f"{y!r} for {exact}"


def condition(rule: Rule, xs: tuple[float, ...], position: int | None = None) -> Any:
    """How much a rounding of the operands changes the value, or a derivative, of some rows."""
    conditioned = CONDITIONED_VALUES if position is None else CONDITIONED_DERIVATIVES
    if rule.name not in conditioned or (rule.name.endswith("gamma") and xs[-1] > 0):
        return 0

    def function(xs: Sequence[Any]) -> Any:
        if position is None:
            return oracle.value(rule.name, xs)
        return oracle.derivatives(rule.name, xs)[position]

    return oracle.sensitivity(function, xs if rule.name != "polygamma" else (int(xs[0]), xs[1]))


def same(y: float, z: float) -> bool:
    """Whether two floats are the same to the last bit, a nan and the sign of a zero included."""
    return repr(y) == repr(z)


def check(rule: Rule, xs: tuple[float, ...]) -> None:
    """Hold a row to the oracle at one point: domain, value, derivatives in each representation."""
    try:
        exact = oracle.value(rule.name, xs)
    except (ValueError, ZeroDivisionError):
        with pytest.raises((ValueError, ZeroDivisionError)):
            rule.evaluate(*xs)
        return
    try:
        y = rule.evaluate(*xs)
    except OverflowError:
        assert abs(exact) > LARGEST * (1 - 1e-14)
        return
    if math.isnan(y):  # inf - inf among the products
        assert rule.name in ("dot", "net")
        assert mp.fdot(map(abs, xs[: len(xs) // 2]), map(abs, xs[len(xs) // 2 :])) > LARGEST
        return
    assert type(y) is float
    assert_close(y, exact, 1e-14 * max(abs(exact), SMALLEST_NORMAL, condition(rule, xs)))

    local_derivatives = rule.local_derivatives(y, *xs)
    assert list(map(type, local_derivatives)) == [float] * len(xs)
    check_partials_of_values(rule, y, xs, local_derivatives)
    if math.isinf(y) or (rule.name in oracle.KINKS and oracle.KINKS[rule.name](*xs)):
        return
    derivatives = oracle.derivatives(rule.name, xs)
    with oracle.precise(xs):
        partials = rule.partials(oracle.m, exact, *map(mp.mpf, xs))
        for partial, derivative in zip(partials, derivatives, strict=True):
            accuracy = 1e-15 if rule.name in FLOAT_FACTORS else 1e-25
            assert mp.isnan(derivative) == mp.isnan(partial)
            assert not abs(partial - derivative) > accuracy * abs(derivative) + mp.mpf("1e-330")
    if rule.name in LENGTHS and math.hypot(*xs) < SMALLEST_NORMAL:
        return
    for position, derivative in enumerate(derivatives):
        scale = max(abs(derivative), condition(rule, xs, position))
        assert_close(local_derivatives[position], derivative, 1e-13 * scale + SMALLEST_NORMAL)


def check_partials_of_values(
    rule: Rule, y: float, xs: tuple[float, ...], local_derivatives: tuple[float, ...]
) -> None:
    """The partials as an expression of Values are those of floats, save where floats raise."""
    try:
        rule.partials(FLOATS, y, *xs)
    except (ArithmeticError, ValueError):
        return
    partials = rule.partials(VALUES, Value(y), *map(Value, xs))
    data = [partial.data if isinstance(partial, Value) else partial for partial in partials]
    assert all(map(same, data, local_derivatives))


# --- the table against the oracle ----------------------------------------------------------------


def test_the_oracle_knows_every_row() -> None:
    assert list(oracle.DEFINITIONS) == NAMES


@every_row
@given(st.data())
def test_value_and_derivatives(rule: Rule, data: st.DataObject) -> None:
    check(rule, data.draw(operands(rule)))


@pytest.mark.parametrize(
    "rule", [rule for rule in TABLE if len(rule.operands) <= 2 and "*" not in rule.operands[0]]
)
def test_value_and_derivatives_at_the_edges(rule: Rule) -> None:
    for xs in edges(rule):
        if rule.name != "polygamma":
            check(rule, xs)


@every_row
@given(st.data())
def test_second_derivatives(rule: Rule, data: st.DataObject) -> None:
    xs = data.draw(tame(rule))
    assume(not (rule.name in oracle.KINKS and math.prod(xs) == 0))
    try:
        oracle.value(rule.name, xs)
        assume(not (rule.name in oracle.KINKS and oracle.KINKS[rule.name](*xs)))
    except (ValueError, ZeroDivisionError):
        assume(False)
    for position, exact in enumerate(oracle.second_derivatives(rule.name, xs)):
        nodes = list(map(Value, xs))
        partial = rule.partials(VALUES, call(rule, nodes), *nodes)[position]
        if isinstance(partial, Value):
            partial.backward()
        expected = pytest.approx(list(map(float, exact)), rel=1e-9, abs=1e-9, nan_ok=True)
        assert [node.grad for node in nodes] == expected
