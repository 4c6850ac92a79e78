"""The normal distribution on floats: its distribution function, the logarithm, and inverses.

As in `autograd.special`: floats in, a float out, nan for nan, `ValueError` off the domain,
`OverflowError` where a finite operand has a result too large for a float. A&S is Abramowitz &
Stegun, *Handbook of Mathematical Functions* (1964).

One function, `excess`, keeps the derivatives of all of them accurate at any order. Below 0 the
derivative of log Φ is hardly more than -x, and its own derivative hardly more than -1; a
subtraction would lose the remainder, which `excess` computes.
"""

from __future__ import annotations

import math
from functools import cache
from math import erf, erfc, exp, isfinite, isnan, log, log1p, pi, sqrt

from autograd.special import (
    SQRT_HALF,
    SQRT_HALF_HEAD,
    SQRT_HALF_TAIL,
    horner,
    leading_half,
)

__all__ = ["density", "erfcinv", "erfinv", "excess", "log_ndtr", "ndtr", "ndtri"]

SQRT_2PI = sqrt(2 * pi)
SQRT_PI = sqrt(pi)
LOG_2 = log(2.0)

# --- the distribution function -------------------------------------------------------------------


def density(x: float) -> float:
    """The standard normal density φ, exp(-x²/2) / √(2π).

    The square of x, rounded to sixteenths, is exact; the correction for the rounding is small.

    Example:
        >>> density(0.0) == 1 / math.sqrt(2 * math.pi)
        True
    """
    if not abs(x) < 40.0:
        return x if isnan(x) else 0.0
    near = round(16 * x) / 16
    return exp(-0.5 * near * near) * exp(-0.5 * (x - near) * (x + near)) / SQRT_2PI


def ndtr(x: float) -> float:
    """The standard normal distribution function Φ: erfc(-x/√2) / 2.

    In the left tail the rounding error of -x/√2 is corrected, as in `special.gelu`.

    Example:
        >>> ndtr(0.0), ndtr(40.0), ndtr(-math.inf)
        (0.5, 1.0, 0.0)
    """
    if x < -40.0:
        return 0.0
    t = -SQRT_HALF * x
    if not x < -1.0:
        return 0.5 * erfc(t)
    head = leading_half(-x)
    error = (head * SQRT_HALF_HEAD - t) + (-x - head) * SQRT_HALF_HEAD - x * SQRT_HALF_TAIL
    return 0.5 * (erfc(t) - error * exp(-t * t) * 2 / SQRT_PI)


def log_ndtr(x: float) -> float:
    """log Φ(x), accurate even where Φ(x) underflows or rounds to 1.

    In the left tail Φ(x) = φ(x) / (excess(1, x) - x).

    Example:
        >>> log_ndtr(-1e5), log_ndtr(0.0) == math.log(0.5)
        (-5000000012.431864, True)
    """
    if x > 0.0:
        return log1p(-ndtr(-x))
    if not x < -5.0:
        return log(ndtr(x))
    y = -0.5 * x * x - log((excess(1, x) - x) * SQRT_2PI)
    if isfinite(x) and not isfinite(y):
        raise OverflowError("math range error")
    return y


# --- the remainders of the derivatives of log Φ --------------------------------------------------
# With z = -x > 0 and the hazard φ(z) / Φ(-z) = z + e(z): e' = e² + z e - 1. The Taylor coefficients
# and those at infinity follow from that equation by recurrence. The recurrence for the former loses
# more digits than a float has, hence integer arithmetic, in units of 2**-_BITS.

_BITS = 400
_DEGREE = 64
_LAST_CENTRE = 20
HIGHEST_ORDER = 16


@cache
def _taylor(order: int, centre: int) -> tuple[float, ...]:
    """The Taylor coefficients, up to sign, of a derivative of e about a centre."""
    if order > 1:
        return tuple([-k * c for k, c in enumerate(_taylor(order - 1, centre))][1:])
    z = hazard = centre << _BITS
    for k in range(3000, 0, -1):  # z + 1/(z + 2/(z + 3/(z + …))), by Laplace (A&S 26.2.14)
        hazard = z + (k << 2 * _BITS) // hazard
    coefficients = [hazard - z]
    for n in range(_DEGREE):
        square = sum(coefficients[i] * coefficients[n - i] for i in range(n + 1)) >> _BITS
        slope = square + centre * coefficients[n]
        slope += coefficients[n - 1] if n else -(1 << _BITS)
        coefficients.append(slope // (n + 1))
    return tuple(c / 2**_BITS for c in coefficients)


@cache
def _at_infinity(order: int) -> tuple[float, ...]:
    """The coefficients of z**-2k in z**order times the same derivative."""
    coefficients = [1]
    for k in range(1, 42):
        square = sum(coefficients[i] * coefficients[k - 1 - i] for i in range(k))
        coefficients.append(-(2 * k - 1) * coefficients[-1] - square)
    return tuple(
        float(c * math.prod(range(2 * k + 1, 2 * k + order))) for k, c in enumerate(coefficients)
    )


def excess(order: float, x: float) -> float:
    """The derivative of log Φ(x) + x²/2 whose order is given, at least 1.

    It is the cumulant of that order of the excess of a standard normal variable over -x, given that
    it exceeds -x: the first is the mean, x + φ(x)/Φ(x), the second the variance.

    Example:
        >>> excess(1, 0.0) == math.sqrt(2 / math.pi), excess(1, -1e9), excess(2, 1e9)
        (True, 1e-09, 1.0)
    """
    if not (1 <= order <= HIGHEST_ORDER and float(order).is_integer()):
        raise ValueError(f"the order must be an integer from 1 to {HIGHEST_ORDER}")
    n = int(order)
    if x < -_LAST_CENTRE - 0.5:
        reciprocal = -1.0 / x
        y: float = horner(_at_infinity(n), reciprocal * reciprocal) * reciprocal**n
        return y
    if x < -0.5:
        centre = round(-x)
        return horner(_taylor(n, centre), -x - centre)
    if x > 40.0:  # φ(x) is 0
        return (x, 1.0)[n - 1] if n < 3 else 0.0
    # The hazard's Taylor coefficients at x, from the equation hazard' = -hazard (x + hazard).
    hazards = [density(x) / ndtr(x)]
    excesses = [x + hazards[0]]
    for k in range(n - 1):
        products = [hazards[i] * excesses[k - i] for i in range(k + 1)]
        hazards.append(-math.fsum(products) / (k + 1))
        excesses.append(hazards[-1] + (1.0 if k == 0 else 0.0))
    return excesses[-1] * math.factorial(n - 1)


# --- inverses ------------------------------------------------------------------------------------


def _lower_quantile(log_p: float) -> float:
    """The x < 0 with log Φ(x) = log p, for p of at most a quarter.

    By Newton's method. It starts below the solution, because Φ(-√(-2 log p)) < p, and stays there,
    because log Φ is concave.
    """
    x = -sqrt(-2.0 * log_p)
    step = -x
    while abs(step) > -1e-9 * x:
        step = (log_p - log_ndtr(x)) / (excess(1, x) - x)
        x += step
    return x


def _central_erfinv(x: float) -> float:
    """The inverse of erf from -1/2 to 1/2, by two terms of its series and Newton's method."""
    y = SQRT_PI / 2 * x * (1.0 + pi / 12 * x * x)
    if abs(x) < 1e-5:
        return y
    step = y
    while abs(step) > 1e-9 * abs(y):
        step = (x - erf(y)) * exp(y * y) * (SQRT_PI / 2)
        y += step
    return y


def erfinv(x: float) -> float:
    """The inverse of the error function.

    Example:
        >>> erfinv(0.0), math.erf(erfinv(0.25))
        (0.0, 0.25)
    """
    if isnan(x):
        return x
    if not abs(x) < 1.0:
        raise ValueError("math domain error")
    return _central_erfinv(x) if abs(x) <= 0.5 else math.copysign(erfcinv(1.0 - abs(x)), x)


def erfcinv(x: float) -> float:
    """The inverse of the complementary error function, accurate near 0.

    Example:
        >>> erfcinv(1.0), math.erfc(erfcinv(1e-300))
        (0.0, 1e-300)
    """
    if isnan(x):
        return x
    if not 0.0 < x < 2.0:
        raise ValueError("math domain error")
    if 0.5 <= x <= 1.5:
        return _central_erfinv(1.0 - x)
    tail = x if x < 1.0 else 2.0 - x
    y = -_lower_quantile(log(tail) - LOG_2) * SQRT_HALF
    return y if x < 1.0 else -y


def ndtri(p: float) -> float:
    """The inverse of the standard normal distribution function, accurate near 0.

    Example:
        >>> ndtri(0.5), ndtr(ndtri(1e-300))
        (0.0, 1e-300)
    """
    if isnan(p):
        return p
    if not 0.0 < p < 1.0:
        raise ValueError("math domain error")
    if 0.25 <= p <= 0.75:
        return _central_erfinv(2.0 * p - 1.0) / SQRT_HALF
    return _lower_quantile(log(p)) if p < 0.5 else -_lower_quantile(log1p(-p))
