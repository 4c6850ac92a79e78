"""The normal distribution on floats, against mpmath."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograd import normal
from autograd.formulary_special import (
    _exact_erfinv,
    _exact_log_ndtr,
    _exact_ndtr,
    _exact_ndtr_excess,
    _exact_ndtri,
)

mp: Any = mpmath.mp.clone()
mp.dps = 60

SMALLEST = 5e-324
EXAMPLES = settings(max_examples=settings().max_examples // 2)


def check(y: float, exact: Any, bound: float, condition: Any = 0) -> None:
    error = abs(mp.mpf(y) - exact)
    assert error <= bound * max(abs(exact), abs(condition)) + mp.mpf(SMALLEST), (
        f"{y!r}, off by {float(error / abs(exact)):.2g} relative"
    )


REAL = st.floats(-40.0, 40.0) | st.builds(
    lambda sign, power: sign * 10.0**power, st.sampled_from([-1, 1]), st.floats(-20.0, 5.0)
)


@EXAMPLES
@given(REAL)
@example(-38.4)
@example(math.nextafter(-1.0, -2.0))
def test_distribution_and_density(x: float) -> None:
    z = mp.mpf(x)
    check(normal.ndtr(x), _exact_ndtr(mp, z), 2e-15)
    check(normal.density(x), mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi), 2e-15)


@EXAMPLES
@given(REAL | st.floats(-1e5, -40.0))
@example(-1e150)
@example(-5.0)
@example(37.0)
def test_logarithm(x: float) -> None:
    check(normal.log_ndtr(x), _exact_log_ndtr(mp, mp.mpf(x)), 1e-15)


@EXAMPLES
@given(st.integers(1, 4), st.floats(-25.0, 3.0) | REAL)
@example(1, -20.5)
@example(2, -0.5)
@example(3, -1e100)
def test_excess(order: int, x: float) -> None:
    exact = _exact_ndtr_excess(mp, order, mp.mpf(x))
    steeper = _exact_ndtr_excess(mp, order + 1, mp.mpf(x))
    # From the third on, cumulants cross zero, and above 0 they fall off as the density does.
    check(normal.excess(order, x), exact, 1e-13, x * steeper if x > -0.5 else 0)


UNIT = st.floats(0.0, 1.0, exclude_min=True, exclude_max=True) | st.floats(-323.0, 0.0).map(
    lambda power: min(10.0**power, math.nextafter(1.0, 0.0))
)


@EXAMPLES
@given(UNIT)
@example(SMALLEST)
@example(0.5)
@example(0.25)
@example(math.nextafter(1.0, 0.0))
def test_inverses(p: float) -> None:
    x = mp.mpf(p)
    check(normal.ndtri(p), _exact_ndtri(mp, x), 1e-15)
    check(normal.erfinv(p), _exact_erfinv(mp, x), 1e-15)
    check(normal.erfinv(-p), -_exact_erfinv(mp, x), 1e-15)
    check(normal.erfcinv(p), -_exact_ndtri(mp, x / 2) / mp.sqrt(2), 1e-15)
    check(normal.erfcinv(2.0 * p), -_exact_ndtri(mp, x) / mp.sqrt(2), 1e-15)


@pytest.mark.parametrize(
    ("function", "xs"),
    [
        (normal.ndtri, [0.0, 1.0, -0.5, 2.0, math.inf]),
        (normal.erfinv, [-1.0, 1.0, 1.5, -math.inf]),
        (normal.erfcinv, [0.0, 2.0, -1.0, 3.0]),
        (lambda order: normal.excess(order, 1.0), [0.0, 1.5, 17.0, math.nan]),
    ],
)
def test_off_the_domain(function: Callable[[float], float], xs: list[float]) -> None:
    for x in xs:
        with pytest.raises(ValueError, match=r"domain|order"):
            function(x)


@pytest.mark.parametrize(
    "function",
    [
        normal.ndtr, normal.log_ndtr, normal.density, normal.ndtri, normal.erfinv, normal.erfcinv,
        lambda x: normal.excess(1, x),
    ],
)  # fmt: skip
def test_nan_in_nan_out(function: Callable[[float], float]) -> None:
    assert math.isnan(function(math.nan))


def test_infinities() -> None:
    assert (normal.ndtr(math.inf), normal.ndtr(-math.inf)) == (1.0, 0.0)
    assert (normal.log_ndtr(math.inf), normal.log_ndtr(-math.inf)) == (0.0, -math.inf)
    assert [normal.excess(n, math.inf) for n in (1, 2, 3)] == [math.inf, 1.0, 0.0]
    assert [normal.excess(n, -math.inf) for n in (1, 2, 3)] == [0.0, 0.0, 0.0]
    with pytest.raises(OverflowError):
        normal.log_ndtr(-1e200)
