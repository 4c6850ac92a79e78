"""Arithmetic on the extended real line: IEEE 754 where Python would raise, Python elsewhere."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.extended_reals import Extended, extended
from autograd.rule import EXTENDED, FLOATS

INF, NAN = math.inf, math.nan
ANYTHING = st.floats() | st.sampled_from(
    [s * x for x in (0.0, 0.5, 1.0, 3.0, 1e200, INF, NAN) for s in (1.0, -1.0)]
)
OPERATIONS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.floordiv,
    operator.mod,
]  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS)
@given(x=ANYTHING, y=ANYTHING)
def test_nothing_raises_and_where_floats_do_not_the_result_is_theirs(
    operation: Any, x: float, y: float
) -> None:
    results = [operation(Extended(x), Extended(y)), operation(Extended(x), y)]
    results.append(operation(x, Extended(y)))
    assert [type(result) for result in results] == [Extended] * 3
    assert len(set(map(repr, map(float, results)))) == 1
    try:
        expected = operation(x, y)
    except ArithmeticError:
        return
    if isinstance(expected, float):
        assert repr(float(results[0])) == repr(expected)
    else:  # a complex power
        assert math.isnan(results[0])


@pytest.mark.parametrize("operation", [operator.truediv, operator.mul, operator.pow])
@given(x=ANYTHING, y=ANYTHING)
def test_ieee_754(operation: Any, x: float, y: float) -> None:
    with np.errstate(all="ignore"):
        expected = float(operation(np.float64(x), np.float64(y)))
    result = operation(Extended(x), Extended(y))
    # Powers may differ in the last bit.
    assert result == pytest.approx(expected, rel=1e-15, abs=1e-323, nan_ok=True)
    assert math.isnan(expected) or math.copysign(1.0, result) == math.copysign(1.0, expected)


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (-0.0, -1.0, -INF),
        (-0.0, -2.0, INF),
        (-0.0, -3.0, -INF),
        (0.0, -1.0, INF),
        (-1e200, 3.0, -INF),
        (-1e200, 2.0, INF),
    ],
)
def test_an_infinite_power_has_the_sign_of_its_base_where_the_exponent_is_odd(
    x: float, y: float, expected: float
) -> None:
    assert Extended(x) ** y == expected


@given(ANYTHING)
def test_negation(x: float) -> None:
    assert type(-Extended(x)) is Extended
    assert repr(float(-Extended(x))) == repr(-x)


def test_functions_stay_on_the_line() -> None:
    assert 1.0 / EXTENDED.sqrt(Extended(0.0)) == INF
    assert 1.0 / EXTENDED.exp(Extended(1000.0)) == 0.0
    assert math.isnan(EXTENDED.sqrt(Extended(-1.0)))
    assert type(EXTENDED.sum([Extended(1.0), 2.0])) is Extended
    assert EXTENDED.softmax([Extended(1.0), 1.0]) == [0.5, 0.5]


@given(st.floats(-5.0, 5.0))
def test_functions_are_those_of_floats_elsewhere(x: float) -> None:
    for name in ("exp", "tanh", "arctan", "sigmoid", "erfc"):
        assert getattr(EXTENDED, name)(Extended(x)) == getattr(FLOATS, name)(x)


def test_errors_of_another_kind_are_not_hidden() -> None:
    def broken(x: float) -> float:
        raise KeyError(x)

    with pytest.raises(KeyError):
        extended(broken)(1.0)
