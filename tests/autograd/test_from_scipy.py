"""SciPy's functions as functions of floats that behave like those of `math`."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograd.from_scipy import betainc, evaluated_by_scipy, scaled_bessel

mp: Any = mpmath.mp.clone()
mp.dps = 60

y1 = evaluated_by_scipy("y1", lambda x: x > 0.0)


def test_it_raises_where_math_would() -> None:
    assert math.isnan(y1(math.nan))
    assert evaluated_by_scipy("k1")(math.inf) == 0.0
    for x in (0.0, -1.0, math.inf):  # SciPy says nan at infinity, too
        with pytest.raises(ValueError, match="math domain error"):
            y1(x)
    with pytest.raises(OverflowError):
        y1(1e-320)
    with pytest.raises(OverflowError):
        evaluated_by_scipy("i0")(1000.0)
    with pytest.raises(ValueError, match="math domain error"):
        evaluated_by_scipy("jv")(0.5, -1.0)  # SciPy says nan


@settings(max_examples=settings().max_examples // 5)
@given(st.floats(-15.0, -0.1).map(lambda power: 1.0 - 10.0**power))
def test_the_incomplete_beta_function_holds_at_1(x: float) -> None:
    exact = 2 / mp.pi * mp.asin(mp.sqrt(mp.mpf(x)))
    assert abs(betainc(0.5, 0.5, x) - exact) < 1e-15


@settings(max_examples=settings().max_examples // 3)
@given(st.integers(0, 4), st.sampled_from([0, 1]), st.floats(0.0, 100.0) | st.floats(1e2, 1e15))
@example(2, 1, 0.0)
@example(1, 0, 50.0)
@example(1, 0, math.nextafter(50.0, 51.0))
def test_scaled_bessel(order: int, index: int, x: float) -> None:
    """Against the hypergeometric function that its definition is: M(n + 1/2 + k, 2n + 1 + k, -2x).

    The function itself is that with k = 0, over (2n)!!, and each derivative brings a factor
    (DLMF 10.39.5, 13.3.15).
    """
    a, b = index + mp.mpf(1) / 2, 2 * index + 1
    factor = (-2) ** order * mp.rf(a, order) / mp.rf(b, order) / 2**index
    exact = factor * mp.hyp1f1(a + order, b + order, -2 * mp.mpf(x))
    assert abs(scaled_bessel(order, index, x) - exact) <= 1e-14 * abs(exact)


def test_orders_and_indices_of_scaled_bessel() -> None:
    for order, index in [(-1, 0), (0.5, 0), (17, 0), (0, 2), (0, 0.5)]:
        with pytest.raises(ValueError, match="order"):
            scaled_bessel(order, index, 1.0)
    with pytest.raises(ValueError, match="domain"):
        scaled_bessel(0, 0, -1.0)
    assert scaled_bessel(0, 1, math.inf) == 0.0
    assert math.isnan(scaled_bessel(0, 0, math.nan))
