"""The special functions against mpmath at 60 digits, over their whole domains.

A bound is relative to the value. Where a function crosses zero, or where no rounded operand could
do better, it is relative to the condition |x f'(x)| as well. Below the normal floats it is a number
of spacings of the subnormals.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from autograd import special

mp: Any = mpmath.mp.clone()
mp.dps = 60

SMALLEST = 5e-324
LARGEST = sys.float_info.max
EPSILON = sys.float_info.epsilon
ROOT = 1.4616321449683622

ANY = st.floats(allow_nan=False, allow_infinity=False)
POSITIVE = st.floats(0.0, exclude_min=True, allow_infinity=False)
ORDERS = st.integers(1, 10)


def near(*points: float) -> st.SearchStrategy[float]:
    """Floats at distances of every magnitude from the points."""
    return st.builds(
        lambda point, sign, power: point + sign * 10.0**power,
        st.sampled_from(points),
        st.sampled_from([-1, 1]),
        st.floats(-17.0, -0.5),
    )


NEGATIVE = st.floats(-1e15, 0.0, exclude_max=True) | st.floats(-10.0, 0.0) | near(-1, -2, -3, -20)


def check(
    function: Callable[..., float],
    exact: Any,
    *xs: float,
    bound: float,
    condition: Any = 0,
    spacings: float = 1,
) -> None:
    """Compare function(*xs) with the exact value, or an OverflowError with one out of range."""
    try:
        y = function(*xs)
    except OverflowError:
        assert abs(exact) > LARGEST * (1 - bound)
        return
    error = abs(mp.mpf(y) - exact)
    assert error <= bound * max(abs(exact), abs(condition)) + spacings * mp.mpf(SMALLEST), (
        f"{y!r}, off by {float(error / abs(exact)):.2g} relative"
    )


def close_to(exact: list[Any]) -> Any:
    return pytest.approx(list(map(float, exact)), rel=1e-14)


def exact_polygamma(order: int, x: float) -> Any:
    x = mp.mpf(x)
    if x > -20:
        return mp.psi(order, x)
    # mpmath climbs to x > 0 step by step; the reflection formula has period 1.
    sign, offset = (-1) ** order, x - mp.floor(x)
    periodic = mp.psi(order, offset) - sign * mp.psi(order, 1 - offset)
    return sign * mp.psi(order, 1 - x) + periodic


# --- constants -----------------------------------------------------------------------------------


def test_bernoulli_numbers() -> None:
    assert [float(mp.bernoulli(2 * k)) for k in range(1, 11)] == list(special.BERNOULLI)


def test_root_of_digamma() -> None:
    root = mp.findroot(mp.digamma, ROOT)
    assert float(root) == special._ROOT
    assert float(root - special._ROOT) == special._ROOT_TAIL


def test_sqrt_half_to_twice_the_precision() -> None:
    head, tail = special.SQRT_HALF_HEAD, special.SQRT_HALF_TAIL
    assert (head * 2**26).is_integer()
    assert tail == float(mp.sqrt(0.5) - head)


def test_taylor_coefficients() -> None:
    at_2 = [mp.psi(k - 1, 2) / mp.factorial(k) for k in range(1, len(special._LGAMMA_AT_2))]
    assert special._LGAMMA_AT_2[1:] == close_to(at_2)
    root = mp.findroot(mp.digamma, ROOT)
    at_root = [mp.psi(k, root) / mp.factorial(k) for k in range(1, len(special._DIGAMMA_AT_ROOT))]
    assert special._DIGAMMA_AT_ROOT[1:] == close_to(at_root)


# --- powers --------------------------------------------------------------------------------------


@given(ANY)
@example(SMALLEST)
@example(-LARGEST)
def test_cbrt(x: float) -> None:
    check(special.cbrt, mp.sign(x) * mp.cbrt(abs(mp.mpf(x))), x, bound=5e-16)


@given(st.integers(-(2**17), 2**17))
def test_cbrt_of_perfect_cubes(n: int) -> None:
    assert special.cbrt(float(n**3)) == n


def test_cbrt_keeps_the_sign_of_zero() -> None:
    assert math.copysign(1.0, special.cbrt(-0.0)) == -1.0


@given(st.floats(-1100.0, 1100.0))
@example(1024.0)
@example(math.nextafter(1024.0, 0.0))
def test_exp2(x: float) -> None:
    check(special.exp2, mp.mpf(2) ** mp.mpf(x), x, bound=1e-15)


# --- activations ---------------------------------------------------------------------------------

MODERATE = st.floats(-750.0, 750.0)


@given(MODERATE | ANY)
@example(-1000.0)
@example(1000.0)
def test_logistic_functions(x: float) -> None:
    z = mp.mpf(x)
    check(special.sigmoid, 1 / (1 + mp.exp(-z)), x, bound=1e-15)
    check(special.softplus, mp.log1p(mp.exp(z)), x, bound=1e-15)
    check(special.logsigmoid, -mp.log1p(mp.exp(-z)), x, bound=1e-15)


@given(st.floats(-38.0, 10.0) | ANY)
@example(-37.5)
@example(math.nextafter(-1.0, -2.0))
@example(-40.0)
def test_gelu(x: float) -> None:
    exact = x * mp.erfc(-mp.mpf(x) / mp.sqrt(2)) / 2 if x > -50 else mp.mpf(0)
    # Below -37.5 the distribution function is subnormal: half a spacing of its own, times x.
    check(special.gelu, exact, x, bound=2e-15, spacings=40 if x < -37 else 1)


# --- the gamma function --------------------------------------------------------------------------


@given(POSITIVE | st.floats(0.25, 4.0) | near(1.0, 2.0))
@example(SMALLEST)
@example(1.0)
@example(2.0)
@example(0.5)
@example(2.5)
@example(LARGEST)
def test_lgamma_of_positive(x: float) -> None:
    check(special.lgamma, mp.loggamma(x), x, bound=1e-14)


@given(NEGATIVE)
@example(-SMALLEST)
@example(-2.4570247382208006)  # next to a root
def test_lgamma_of_negative(x: float) -> None:
    assume(not x.is_integer())
    condition = x * exact_polygamma(0, x)
    check(special.lgamma, mp.re(mp.loggamma(x)), x, bound=1e-14, condition=condition)


@given(POSITIVE | st.floats(0.25, 15.0) | near(ROOT))
@example(SMALLEST)
@example(ROOT)
@example(math.nextafter(ROOT, 2.0))
@example(math.nextafter(1.1, 2.0))
@example(math.nextafter(1.9, 1.0))
@example(LARGEST)
def test_digamma_of_positive(x: float) -> None:
    check(special.digamma, mp.digamma(x), x, bound=5e-15)


@given(NEGATIVE)
@example(-SMALLEST)
@example(-0.5)
@example(-0.5040830082644554)  # next to a root
def test_digamma_of_negative(x: float) -> None:
    assume(not x.is_integer())
    condition = x * exact_polygamma(1, x)
    check(special.digamma, exact_polygamma(0, x), x, bound=1e-14, condition=condition)


@given(ORDERS, POSITIVE | st.floats(0.01, 40.0))
@example(1, SMALLEST)
@example(10, 1e31)
@example(1, LARGEST)
def test_polygamma_of_positive(order: int, x: float) -> None:
    check(special.polygamma, mp.psi(order, mp.mpf(x)), order, x, bound=1e-14)


@given(ORDERS, NEGATIVE)
@example(1, -SMALLEST)
@example(2, -0.5)
@example(10, -0.1)
def test_polygamma_of_negative(order: int, x: float) -> None:
    assume(not x.is_integer())
    condition = x * exact_polygamma(order + 1, x)
    exact = exact_polygamma(order, x)
    check(special.polygamma, exact, order, x, bound=1e-14, condition=condition)


@given(st.integers(11, 100), st.floats(0.5, 200.0))
def test_polygamma_of_high_order(order: int, x: float) -> None:
    check(special.polygamma, mp.psi(order, mp.mpf(x)), order, x, bound=1e-13)


@pytest.mark.parametrize("x", [-0.5, -1.5, -2.5, -7.5, math.nextafter(-1.5, 0), -1.499, -2.501])
@pytest.mark.parametrize("order", [2, 4, 6, 10])
def test_polygamma_near_the_zeros_of_the_cotangent(order: int, x: float) -> None:
    exact = exact_polygamma(order, x)
    from_one = exact_polygamma(order, 1.0 - x)  # 1 - x is rounded
    condition = abs(1.0 - x) * exact_polygamma(order + 1, 1.0 - x) + from_one
    check(special.polygamma, exact, order, x, bound=1e-14, condition=condition)


def test_polygamma_of_order_0_is_digamma() -> None:
    assert special.polygamma(0, 3.5) == special.polygamma(0.0, 3.5) == special.digamma(3.5)


@pytest.mark.parametrize("order", [-1, 0.5, math.nan, math.inf, -math.inf])
def test_order_must_be_a_nonnegative_integer(order: float) -> None:
    with pytest.raises(ValueError, match="nonnegative integer"):
        special.polygamma(order, 1.0)


# --- edges ---------------------------------------------------------------------------------------

UNARY = [
    special.cbrt, special.exp2, special.sigmoid, special.softplus,
    special.logsigmoid, special.gelu, special.lgamma, special.digamma,
    lambda x: special.polygamma(1, x), lambda x: special.polygamma(2, x),
]  # fmt: skip


@pytest.mark.parametrize("function", UNARY)
def test_nan_in_nan_out(function: Callable[[float], float]) -> None:
    assert math.isnan(function(math.nan))


@pytest.mark.parametrize(
    ("function", "at_minus_infinity", "at_infinity"),
    [
        (special.cbrt, -math.inf, math.inf),
        (special.exp2, 0.0, math.inf),
        (special.sigmoid, 0.0, 1.0),
        (special.softplus, 0.0, math.inf),
        (special.logsigmoid, -math.inf, 0.0),
        (special.gelu, 0.0, math.inf),
        (special.lgamma, math.inf, math.inf),  # as math.lgamma
        (special.digamma, None, math.inf),
        (lambda x: special.polygamma(1, x), None, 0.0),
        (lambda x: special.polygamma(2, x), None, 0.0),
    ],
)
def test_infinities(
    function: Callable[[float], float], at_minus_infinity: float | None, at_infinity: float
) -> None:
    assert function(math.inf) == at_infinity
    if at_minus_infinity is None:
        with pytest.raises(ValueError, match="math domain error"):
            function(-math.inf)
    else:
        assert function(-math.inf) == at_minus_infinity


@pytest.mark.parametrize("x", [0.0, -0.0, -1.0, -2.0, -1e15, -LARGEST])
@pytest.mark.parametrize(
    "function", [special.lgamma, special.digamma, lambda x: special.polygamma(3, x)]
)
def test_poles(function: Callable[[float], float], x: float) -> None:
    with pytest.raises(ValueError, match=r"math domain error|noninteger"):
        function(x)


@pytest.mark.parametrize("x", [SMALLEST, -SMALLEST, 1e-310, -1e-310])
def test_overflow_next_to_a_pole(x: float) -> None:
    with pytest.raises(OverflowError):
        special.digamma(x)
    with pytest.raises(OverflowError):
        special.polygamma(2, x)


# --- of several operands -------------------------------------------------------------------------

XS = st.lists(MODERATE | st.floats(-3.0, 3.0), min_size=1, max_size=8)


def exact_exponentials(xs: list[float]) -> list[Any]:
    return [mp.exp(mp.mpf(x)) for x in xs]


@given(XS | st.lists(ANY, min_size=1, max_size=8))
@example([0.0, -1000.0])
@example([0.0, -40.0])
@example([-40.0, 0.0, -700.0])
@example([1000.0, 1000.0])
@example([LARGEST, -LARGEST])
@example([math.log(0.5), math.log(0.5)])
def test_logsumexp(xs: list[float]) -> None:
    with mp.workdps(800):  # one exponential can be 1e-650 of another, and must not be lost
        exponentials = exact_exponentials(xs)
        total = mp.fsum(exponentials)
        exact = mp.log(total)
        condition = mp.fsum(abs(x) * y for x, y in zip(xs, exponentials, strict=True)) / total
        check(special.logsumexp, exact, *xs, bound=1e-15, condition=condition)


@pytest.mark.parametrize(
    ("xs", "expected"),
    [
        ([math.inf, 0.0], math.inf),
        ([math.inf, math.inf], math.inf),
        ([math.inf, -math.inf], math.inf),
        ([-math.inf, -math.inf], -math.inf),
        ([-math.inf, 3.0], 3.0),
        ([math.nan, 0.0], math.nan),
        ([0.0, math.nan], math.nan),
        ([math.inf, math.nan], math.nan),
        ([-math.inf, math.nan], math.nan),
        ([math.nan, -math.inf], math.nan),
    ],
)
def test_logsumexp_of_infinities_and_nan(xs: list[float], expected: float) -> None:
    assert special.logsumexp(*xs) == pytest.approx(expected, rel=0.0, nan_ok=True)


@given(XS)
@example([1000.0, -1000.0])
def test_softmax(xs: list[float]) -> None:
    exponentials = exact_exponentials(xs)
    total = mp.fsum(exponentials)
    for x, y, exponential in zip(xs, special.softmax(xs), exponentials, strict=True):
        exact = exponential / total
        condition = exact * (abs(x) + max(map(abs, xs)))
        check(lambda y: y, exact, y, bound=1e-15, condition=condition)


@pytest.mark.parametrize("function", [special.logsumexp, lambda: special.softmax([])])
def test_at_least_one_operand(function: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="empty"):
        function()


@given(st.lists(ANY, max_size=12) | st.lists(st.floats(1e-320, 1e-100) | st.floats(1e100, 1e300)))
@example([1e200, 1e200, 1e-300])
@example([1e-200, 1e-200, 1e300])
@example([1e-200, 1e-120, 1e100])
@example([SMALLEST] * 3 + [LARGEST] * 3)
@example([])
def test_prod(xs: list[float]) -> None:
    exact = math.prod(map(Fraction, xs), start=Fraction(1))
    y = special.prod(*xs)
    if math.isinf(y):
        assert abs(exact) > LARGEST * (1 - EPSILON * len(xs))
        assert (y > 0) == (exact > 0)
    else:
        bound = abs(exact) * Fraction(EPSILON) * len(xs) + Fraction(SMALLEST)
        assert abs(Fraction(y) - exact) <= bound


@pytest.mark.parametrize(
    "xs", [[math.inf, -2.0], [math.inf, 0.0], [math.nan, 0.0], [-0.0, 3.0], [1e200, -1e200]]
)
def test_prod_of_zeros_infinities_and_nan(xs: list[float]) -> None:
    y, expected = special.prod(*xs), math.prod(xs)
    assert y == pytest.approx(expected, nan_ok=True)
    assert math.isnan(expected) or math.copysign(1.0, y) == math.copysign(1.0, expected)


def test_a_sum_that_overflows_on_the_way_may_hold_an_infinity() -> None:
    assert special.exact_sum(LARGEST, LARGEST, math.inf) == math.inf
    assert special.exact_sum(LARGEST, LARGEST, -LARGEST, -LARGEST, SMALLEST) == SMALLEST
