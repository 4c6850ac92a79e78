"""Euler's integrals on floats, against mpmath."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import mpmath
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from autograd import eulerian
from autograd.formulary_special import _exact_beta, _exact_betaln, _exact_gamma, _exact_polygamma

mp: Any = mpmath.mp.clone()
mp.dps = 60

SMALLEST_NORMAL = sys.float_info.min
LARGEST = sys.float_info.max
EXAMPLES = settings(max_examples=settings().max_examples // 2)


def check(
    function: Callable[..., float], xs: tuple[float, ...], exact: Any, bound: float, scale: Any = 0
) -> None:
    try:
        y = function(*xs)
    except OverflowError:
        assert abs(exact) > LARGEST * (1 - 1e-12)
        return
    error, allowed = abs(mp.mpf(y) - exact), max(abs(exact), abs(scale))
    assert error <= bound * allowed + SMALLEST_NORMAL, f"{y!r}, off by {float(error / allowed):.2g}"


def powers(smallest: float, largest: float) -> st.SearchStrategy[float]:
    return st.floats(smallest, largest).map(lambda power: float(10.0**power))


POSITIVE = st.floats(1e-3, 30.0) | powers(-300.0, 300.0) | powers(-3.0, 6.0) | st.floats(5.0, 500.0)
NEGATIVE = (
    st.floats(-170.0, 0.0)
    | powers(-15.0, 5.0).map(lambda x: -x)
    | st.builds(lambda n, x: x - n, st.integers(0, 20), powers(-14.0, -0.5))
).filter(lambda x: x < 0 and not x.is_integer())


@EXAMPLES
@given(powers(-307.0, 0.0) | st.floats(1e-3, 171.6) | NEGATIVE)
@example(171.62)
@example(-170.5)
def test_gamma(x: float) -> None:
    check(eulerian.gamma, (x,), _exact_gamma(mp, mp.mpf(x)), 2e-15)


@settings(max_examples=settings().max_examples // 5)
@given(POSITIVE | NEGATIVE, POSITIVE | NEGATIVE)
@example(1e10, 1e10)
@example(1e300, 5.0)
@example(10.0, 10.0)
@example(-18.999999046918898, -1.1994913599817811e-15)  # the sum next to a pole, where one is
@example(-0.5, -0.5 + 1e-16)
@example(1e-200, 1e-200)
@example(1e113, -1.875)
def test_beta_and_its_logarithm(a: float, b: float) -> None:
    with mp.workdps(400):
        x, y = mp.mpf(a), mp.mpf(b)
        total = x + y
        if total <= 0 and total == int(total):
            assert eulerian.beta(a, b) == 0.0
            return
        logarithm = _exact_betaln(mp, x, y)
    with mp.workdps(60 if max(abs(a), abs(b)) < 1e20 else 400):
        condition = abs(x * (_exact_polygamma(mp, 0, x) - _exact_polygamma(mp, 0, total)))
        condition += abs(y * (_exact_polygamma(mp, 0, y) - _exact_polygamma(mp, 0, total)))
        check(eulerian.betaln, (a, b), logarithm, 1e-14, condition)
        if abs(logarithm) < (700 if min(a, b) > -10 else 600):
            exact = _exact_beta(mp, x, y)
            check(eulerian.beta, (a, b), exact, 1e-14, condition * exact)
            if a > 0 and b > 0:
                check(eulerian.beta, (a, b), exact, 3e-13)


@EXAMPLES
@given(st.integers(0, 4), POSITIVE, st.floats(-40.0, 2.0).map(lambda power: 10.0**power))
@example(0, 1e20, 1e-20)
@example(0, 9.6e-283, 1e-129)
def test_small_differences_of_polygamma(order: int, x: float, share: float) -> None:
    step = x * share
    with mp.workdps(150):
        first, last = mp.mpf(x), mp.mpf(x) + mp.mpf(step)
        exact = _exact_polygamma(mp, order, last) - _exact_polygamma(mp, order, first)
        check(eulerian.polygamma_difference, (order, x, step), exact, 1e-14)


@EXAMPLES
@given(st.integers(0, 4), NEGATIVE | POSITIVE, NEGATIVE)
def test_differences_of_polygamma_by_reflection(order: int, x: float, step: float) -> None:
    total = x + step
    assume(total > 0 or not total.is_integer())
    assume(max(abs(x), abs(step)) < 1e15)
    with mp.workdps(150):
        z = mp.mpf(x) + mp.mpf(step)
        first, last = (_exact_polygamma(mp, order, y) for y in (mp.mpf(x), z))
        steeper, steepest = (_exact_polygamma(mp, order + 1, y) for y in (mp.mpf(x), z))
        condition = abs(z * steepest) + abs(x * (steepest - steeper))
        exact = last - first
    check(eulerian.polygamma_difference, (order, x, step), exact, 1e-13, condition)


@EXAMPLES
@given(POSITIVE, POSITIVE)
@example(0.5, 5e-324)
@example(40.0, 1e-10)
@example(1e12, 1e12)
def test_gamma_density(a: float, x: float) -> None:
    assume(a < 1e25)
    with mp.workdps(100):
        b, z = mp.mpf(a), mp.mpf(x)
        exact = mp.exp((b - 1) * mp.log(z) - z - mp.loggamma(b))
        condition = abs(b - 1 - z) + abs(b * (mp.log(z) - mp.digamma(b)))
        check(eulerian.gamma_density, (a, x), exact, 1e-14, condition * exact)


@EXAMPLES
@given(powers(-10.0, 10.0), powers(-10.0, 10.0), st.floats(0.0, 1.0) | powers(-18.0, 0.0))
@example(54.0, 1e8, 4.6e-8)
@example(22.0, 8.7, 1.34e-15)
@example(1e4, 1e4, 0.5)
def test_beta_density(a: float, b: float, x: float) -> None:
    assume(0 < x < 1)
    with mp.workdps(100):
        c, d, z = mp.mpf(a), mp.mpf(b), mp.mpf(x)
        exact = mp.exp((c - 1) * mp.log(z) + (d - 1) * mp.log1p(-z) - _exact_betaln(mp, c, d))
        sum_ = mp.digamma(c + d)
        condition = abs(c - 1 - (d - 1) * z / (1 - z))
        condition += abs(c * (mp.log(z) - mp.digamma(c) + sum_))
        condition += abs(d * (mp.log1p(-z) - mp.digamma(d) + sum_))
        check(eulerian.beta_density, (a, b, x), exact, 1e-14, condition * exact)


@pytest.mark.parametrize(
    ("function", "xs", "expected"),
    [
        (eulerian.gamma, (0.0,), ValueError),
        (eulerian.gamma, (172.0,), OverflowError),
        (eulerian.beta, (0.0, 1.0), ValueError),
        (eulerian.beta, (2.0, -3.0), ValueError),
        (eulerian.beta, (5e-324, 5e-324), OverflowError),
        (eulerian.beta, (0.5, -0.5), 0.0),
        (eulerian.beta, (math.inf, 2.0), 0.0),
        (eulerian.beta, (math.inf, -1.5), math.inf),
        (eulerian.beta, (1e200, -1.875), OverflowError),
        (eulerian.betaln, (0.5, -0.5), ValueError),
        (eulerian.betaln, (math.inf, 2.0), -math.inf),
        (eulerian.polygamma_difference, (0, -1.0, 0.5), ValueError),
        (eulerian.polygamma_difference, (0, 0.5, -1.5), ValueError),
        (eulerian.polygamma_difference, (0.5, 1.0, 1.0), ValueError),
        (eulerian.polygamma_difference, (17, 1.0, 1.0), ValueError),
        (eulerian.polygamma_difference, (0, 1.0, math.inf), math.inf),
        (eulerian.polygamma_difference, (1, 2.0, math.inf), 1.0 - math.pi**2 / 6.0),
        (eulerian.gamma_density, (0.5, 0.0), ZeroDivisionError),
        (eulerian.gamma_density, (2.0, 0.0), 0.0),
        (eulerian.gamma_density, (2.0, math.inf), 0.0),
        (eulerian.gamma_density, (0.0, 1.0), ValueError),
        (eulerian.gamma_density, (1.0, -1.0), ValueError),
        (eulerian.beta_density, (0.5, 1.0, 0.0), ZeroDivisionError),
        (eulerian.beta_density, (1.0, 2.0, 0.0), 2.0),
        (eulerian.beta_density, (3.0, 1.0, 1.0), 3.0),
        (eulerian.beta_density, (2.0, 2.0, 1.0), 0.0),
        (eulerian.beta_density, (2.0, 2.0, 1.5), ValueError),
        (eulerian.beta_density, (0.0, 2.0, 0.5), ValueError),
    ],
)
def test_edges(function: Callable[..., float], xs: tuple[float, ...], expected: Any) -> None:
    if isinstance(expected, float):
        assert function(*xs) == pytest.approx(expected, rel=1e-14, abs=0.0)
    else:
        with pytest.raises(expected):
            function(*xs)


@pytest.mark.parametrize(
    ("function", "count"),
    [(eulerian.gamma, 1), (eulerian.beta, 2), (eulerian.betaln, 2), (eulerian.gamma_density, 2),
     (eulerian.beta_density, 3), (lambda x, step: eulerian.polygamma_difference(1, x, step), 2)],
)  # fmt: skip
def test_nan_in_nan_out(function: Callable[..., float], count: int) -> None:
    for place in range(count):
        xs = [0.5] * count
        xs[place] = math.nan
        assert math.isnan(function(*xs))
