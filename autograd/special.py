"""Functions of floats that `math` lacks, or does not compute to full relative accuracy.

They behave like `math`'s own: floats in, a float out, nan for nan, `ValueError` at a pole or off
the domain, `OverflowError` where a finite operand has a result too large for a float.

A&S is Abramowitz & Stegun, *Handbook of Mathematical Functions* (1964); DLMF is the NIST *Digital
Library of Mathematical Functions*, https://dlmf.nist.gov. Coefficients are computed here from their
formulas, except the Bernoulli numbers and one root, which the tests recompute.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from math import erfc, exp, fsum, inf, isfinite, isnan, log, log1p, pi
from operator import mul

__all__ = [
    "cbrt", "digamma", "exact_sum", "exp2", "gelu", "lgamma", "logsigmoid", "logsumexp",
    "polygamma", "prod", "products_of_others", "sigmoid", "softmax", "softplus", "sum_of_products",
]  # fmt: skip

# --- powers --------------------------------------------------------------------------------------


def cbrt(x: float) -> float:
    """The real cube root: a power, then one Newton step, since 1/3 is not a float.

    `math.cbrt`, which Python 3.10 lacks, is inexact even for the cube root of 27 on some platforms.

    Example:
        >>> cbrt(27.0), cbrt(-1000.0)
        (3.0, -10.0)
    """
    if x == 0 or not isfinite(x):
        return x
    y = math.copysign(abs(x) ** (1 / 3), x)
    return y - (y - x / (y * y)) / 3


# Python 3.10 has no math.exp2.
exp2: Callable[[float], float] = getattr(math, "exp2", lambda x: 2.0**x)

# --- the logistic function, its integral and its logarithm ---------------------------------------
# Each exponential is at most 1: it cannot overflow, and little is lost by adding 1 to it.


def sigmoid(x: float) -> float:
    """The logistic function, 1 / (1 + exp(-x))."""
    if x >= 0:
        return 1 / (1 + exp(-x))
    y = exp(x)
    return y / (1 + y)


def softplus(x: float) -> float:
    """log(1 + exp(x))."""
    return x + log1p(exp(-x)) if x > 0 else log1p(exp(x))


def logsigmoid(x: float) -> float:
    """log(sigmoid(x))."""
    return x - log1p(exp(x)) if x < 0 else -log1p(exp(-x))


# --- the normal distribution ---------------------------------------------------------------------


def leading_half(x: float) -> float:
    """The leading 26 bits of x: the product of two such heads is exact (Veltkamp's splitting)."""
    y = (2**27 + 1) * x
    return y - (y - x)


SQRT_HALF = math.sqrt(0.5)
SQRT_HALF_HEAD = leading_half(SQRT_HALF)
SQRT_HALF_TAIL = (0.5 - SQRT_HALF_HEAD**2) / (SQRT_HALF + SQRT_HALF_HEAD)


def gelu(x: float) -> float:
    """x times the standard normal distribution function at x: x/2 erfc(-x/√2).

    In the left tail erfc multiplies the relative error of t = -x/√2 by 2t². There the rounding
    error of t is computed by exact products (Dekker, *A floating-point technique for extending the
    available precision*, 1971) and corrected to first order.

    Example:
        >>> gelu(0.0), gelu(100.0), gelu(-100.0)
        (0.0, 100.0, -0.0)
    """
    if x < -40:
        return -0.0
    if not x < -1:
        return 0.5 * x * erfc(-SQRT_HALF * x)
    t = -SQRT_HALF * x
    head = leading_half(-x)
    error = (head * SQRT_HALF_HEAD - t) + (-x - head) * SQRT_HALF_HEAD - x * SQRT_HALF_TAIL
    return 0.5 * x * (erfc(t) - error * exp(-t * t) * 2 / math.sqrt(pi))


# --- the logarithm of the gamma function and its derivatives -------------------------------------

# B2, B4, ..., B20 (A&S table 23.2)
BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798,
    -174611 / 330,
)  # fmt: skip


def in_range(y: float) -> float:
    if not isfinite(y):
        raise OverflowError("math range error")
    return y


def _offset_from_pole(x: float) -> float:
    """x minus the nearest integer, exactly; `ValueError` at an integer or -inf."""
    offset = math.remainder(x, 1.0)
    if offset == 0:
        raise ValueError("math domain error")
    return offset


def _cotangent(offset: float) -> float:
    """cot(π offset) for an offset of at most a half; accurate even near the zeros at both ends."""
    if abs(offset) <= 0.25:
        return 1 / math.tan(pi * offset)
    return math.copysign(math.tan(pi * (0.5 - abs(offset))), offset)


def horner(coefficients: Sequence[float], x: float) -> float:
    """The polynomial in x with these coefficients, the constant first."""
    y = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        y = y * x + coefficient
    return y


def _scaled_zeta(s: int, x: float) -> float:
    """x**s times the Hurwitz zeta function of (s, x), for integers s > 1 and finite x > 0.

    The recurrence (DLMF 25.11.4) leads to an argument a >= s + 10 for the asymptotic series
    (25.11.43). The factor x**s keeps the terms within the range of floats.
    """
    steps = max(0, math.ceil(s + 10 - x))
    a = x + steps
    series = [a / (s - 1), 0.5]
    term = s / (2 * a)
    for k, bernoulli in enumerate(BERNOULLI, start=1):
        series.append(bernoulli * term)
        term *= (s + 2 * k - 1) * (s + 2 * k) / ((2 * k + 1) * (2 * k + 2) * a * a)
    return fsum((x / (x + k)) ** s for k in range(steps)) + (x / a) ** s * fsum(series)


def _taylor_digamma(x: float, degree: int) -> list[float]:
    """The coefficients of digamma(x + d) in d, from d to d**degree (A&S 6.4.10)."""
    return [-_scaled_zeta(k + 1, x) / (-x) ** k / x for k in range(1, degree + 1)]


# The coefficients -B2k/2k of x**-2k (A&S 6.3.18)
_DIGAMMA_AT_INFINITY = [0.0, *(-b / (2 * k) for k, b in enumerate(BERNOULLI, start=1))]
_ROOT, _ROOT_TAIL = 1.4616321449683622, 9.549995429965697e-17  # their sum is digamma's root
_DIGAMMA_AT_ROOT = [0.0, *_taylor_digamma(_ROOT, 30)]


def digamma(x: float) -> float:
    """The derivative of lgamma.

    By recurrence and the asymptotic series (A&S 6.3.6, 6.3.18); by the Taylor series about the
    positive root where these would cancel; by reflection for x < 0 (6.3.7).

    Example:
        >>> print(f"{-digamma(1.0):.14f}")  # Euler's constant
        0.57721566490153
    """
    if isnan(x) or x == inf:
        return x
    if x <= 0:
        return in_range(digamma(1 - x) - pi * _cotangent(_offset_from_pole(x)))
    if 1.1 < x < 1.9:
        return horner(_DIGAMMA_AT_ROOT, (x - _ROOT) - _ROOT_TAIL)
    steps = max(0, math.ceil(12 - x))
    a = x + steps
    series = horner(_DIGAMMA_AT_INFINITY, 1 / (a * a))
    return in_range(fsum([log(a), -0.5 / a, series, *(-1 / (x + k) for k in range(steps))]))


_LGAMMA_AT_2 = [0.0, digamma(2.0)]
_LGAMMA_AT_2 += [c / k for k, c in enumerate(_taylor_digamma(2.0, 28), start=2)]


def lgamma(x: float) -> float:
    """The logarithm of the absolute value of the gamma function.

    `math.lgamma` loses relative accuracy near its roots 1 and 2. There the Taylor series about 2 of
    log Γ(2 + z) = log Γ(1 + z) + log(1 + z) is used instead (A&S 6.1.33).

    Example:
        >>> lgamma(1.0), lgamma(2.0)
        (0.0, 0.0)
    """
    if 1.5 < x < 2.5:
        return horner(_LGAMMA_AT_2, x - 2)
    if 0.5 < x <= 1.5:
        return horner(_LGAMMA_AT_2, x - 1) - log(x)
    return math.lgamma(x)


def polygamma(order: float, x: float) -> float:
    """The derivative of digamma of the given order, an integer; digamma itself is of order 0.

    By the Hurwitz zeta function (A&S 6.4.10); for x < 0 by reflection (6.4.7), where the
    derivatives of the cotangent are polynomials in it, since cot' = -(1 + cot²).

    Example:
        >>> print(f"{polygamma(1, 1.0):.14f}")  # π²/6
        1.64493406684823
    """
    if not (0 <= order <= 1000 and float(order).is_integer()):  # there is a loop over the order
        raise ValueError("the order must be a nonnegative integer of at most 1000")
    n = int(order)
    if n == 0 or isnan(x):
        return digamma(x)
    sign = -1 if n % 2 else 1
    if x <= 0:
        cot = _cotangent(_offset_from_pole(x))
        derivative = [0, 1]  # of cot, as a polynomial in cot, times (-1)**n
        for _ in range(n):
            slope = [k * c for k, c in enumerate(derivative)][1:]
            derivative = [a + b for a, b in zip([*slope, 0, 0], [0, 0, *slope], strict=True)]
        return in_range(sign * (polygamma(n, 1 - x) - pi ** (n + 1) * horner(derivative, cot)))
    if x == inf:
        return -sign * 0.0
    factorial_over_power = math.prod(k / x for k in range(1, n + 1))  # n! / x**n
    return in_range(-sign * factorial_over_power * (_scaled_zeta(n + 1, x) / x))


# --- of several operands -------------------------------------------------------------------------


def logsumexp(*xs: float) -> float:
    """log(exp(x1) + exp(x2) + …).

    The largest exponential, exp(m), is factored out; log1p handles the 1 that remains for it:
    Blanchard, Higham & Higham, *Accurately computing the log-sum-exp and softmax functions* (2021).

    Example:
        >>> logsumexp(1000.0, 0.0), logsumexp(0.0, -100.0) == math.exp(-100.0)
        (1000.0, True)
    """
    m = max(xs)
    if not isfinite(m):
        return math.nan if any(map(isnan, xs)) else m
    return m + log1p(fsum([-1.0, *[exp(x - m) for x in xs]]))  # fsum subtracts the 1 exactly


def softmax(xs: Sequence[float]) -> list[float]:
    """exp(x) / (exp(x1) + exp(x2) + …) for each x of the xs.

    Example:
        >>> softmax([1000.0, 1000.0, -1000.0])
        [0.5, 0.5, 0.0]
    """
    m = max(xs)
    exponentials = [_exp_of_difference(x, m) for x in xs]
    total = fsum(exponentials)
    return [y / total for y in exponentials]


def _exp_of_difference(x: float, m: float) -> float:
    """exp(x - m), corrected for the rounding error of the difference, which counts far below 0.

    The error is computed by two-sum (Knuth, *The Art of Computer Programming*, vol. 2, 4.2.2).
    """
    difference = x - m
    if not isfinite(difference):
        return 1.0 if x == m else exp(difference)
    subtracted = x - difference
    error = (x - (difference + subtracted)) + (subtracted - m)
    return exp(difference) * (1.0 + error)


def _sum_of_products(xs: Sequence[float], ys: Sequence[float]) -> float:
    """x1 y1 + x2 y2 + …, with each product and sum rounded."""
    return sum(map(mul, xs, ys), 0.0)


# Python 3.12 and newer have a faster and more accurate function.
sum_of_products: Callable[[Sequence[float], Sequence[float]], float] = getattr(
    math, "sumprod", _sum_of_products
)


def exact_sum(*xs: float) -> float:
    """x1 + x2 + …, correctly rounded; like `math.fsum`, but no partial sum overflows.

    Example:
        >>> exact_sum(1e308, 1e308, -1e308)
        1e+308
    """
    try:
        return fsum(xs)
    except OverflowError:
        if not all(map(isfinite, xs)):
            return sum(xs)
        # Floats are multiples of 2**-1074: add integers, and divide once.
        ratios = [x.as_integer_ratio() for x in xs]
        return sum(n * (2**1074 // d) for n, d in ratios) / 2**1074


def prod(*xs: float) -> float:
    """The product; like `math.prod`, but no partial product over- or underflows.

    Example:
        >>> prod(2.0**600, 2.0**600, 2.0**-600, 2.0**-590)
        1024.0
    """
    return _scaled(*_partial_products(xs)[-1])


def products_of_others(xs: Sequence[float]) -> list[float]:
    """For each factor the product of the others, even if there are zeros; without overflow.

    Example:
        >>> products_of_others([0.0, 2.0, 3.0])
        [6.0, 0.0, 0.0]
    """
    left = _partial_products(xs)
    right = _partial_products(xs[::-1])[-2::-1]
    return [_scaled(a * c, b + d) for (a, b), (c, d) in zip(left, right, strict=False)]


def _partial_products(xs: Sequence[float]) -> list[tuple[float, int]]:
    """The products of no factor, of the first, of the first two, …: significands and exponents."""
    significand, exponent = 1.0, 0
    products = [(significand, exponent)]
    for x in xs:
        factor, shift = math.frexp(x)
        significand, carry = math.frexp(significand * factor)
        exponent += shift + carry
        products.append((significand, exponent))
    return products


def _scaled(significand: float, exponent: int) -> float:
    try:
        return math.ldexp(significand, exponent)
    except OverflowError:
        return math.copysign(inf, significand)
