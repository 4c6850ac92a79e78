"""Euler's integrals on floats: the gamma and beta functions, and the densities under them.

As in `autograd.special`: floats in, a float out, nan for nan, `ValueError` at a pole or off the
domain, `OverflowError` where a finite operand has a result too large for a float. DLMF is the NIST
*Digital Library of Mathematical Functions*, https://dlmf.nist.gov.

If an operand is large, logarithms of gamma functions would cancel: the leading terms of Stirling's
series are subtracted analytically, and only its corrections are computed. If one is negative,
reflection leads to positive ones.
"""

from __future__ import annotations

import math
from math import exp, expm1, fsum, inf, isfinite, isnan, log, log1p, pi, sqrt

from autograd.special import BERNOULLI, horner, lgamma, polygamma

__all__ = ["beta", "beta_density", "betaln", "gamma", "gamma_density", "polygamma_difference"]

LOG_2PI = log(2 * pi)
SQRT_2PI = sqrt(2 * pi)

# --- Stirling's series, and other expressions that would cancel ----------------------------------

# The coefficients of x**-(2k - 1) in log Γ(x) - (x - 1/2) log x + x - log(2π)/2 (DLMF 5.11.1)
_STIRLING = [b / (2 * k * (2 * k - 1)) for k, b in enumerate(BERNOULLI, start=1)]
LARGE = 10.0
"""Stirling's corrections are accurate from here on."""


def _correction(x: float) -> float:
    """The excess of log Γ(x) over (x - 1/2) log x - x + log(2π)/2, for x of at least `LARGE`."""
    reciprocal = 1 / x
    return horner(_STIRLING, reciprocal * reciprocal) * reciprocal


def _x_less_log1p(x: float) -> float:
    """x - log(1 + x), by log(1 + x) = 2 artanh(t) with t = x / (2 + x)."""
    if not -0.4 < x < 0.6:
        return x - log1p(x)
    t = x / (2 + x)
    square = t * t
    return t * (x - 2 * square * horner(_ARTANH, square))


_ARTANH = [1 / (2 * k + 3) for k in range(14)]


def _sum(x: float, y: float) -> tuple[float, float]:
    """The sum and its rounding error (Knuth, *The Art of Computer Programming*, vol. 2, 4.2.2)."""
    total = x + y
    if not isfinite(total):
        return total, 0.0
    added = total - x
    return total, (x - (total - added)) + (y - added)


def _sine(x: float, tail: float = 0.0) -> float:
    """sin(π(x + tail)), 0 at integers and accurate near them."""
    offset = math.remainder(x, 1.0)
    sign = -1.0 if math.remainder(x - offset, 2.0) else 1.0
    return sign * math.sin(pi * (offset + tail))


def _in_range(y: float, *xs: float) -> float:
    if not isfinite(y) and all(map(isfinite, xs)):
        raise OverflowError("math range error")
    return y


def _log_sine(x: float, tail: float = 0.0) -> float:
    return log(abs(_sine(x, tail)))


def _is_pole(x: float) -> bool:
    return x <= 0 and (x == -inf or x.is_integer())


# --- the gamma and beta functions ----------------------------------------------------------------


def gamma(x: float) -> float:
    """The gamma function, as in `math.gamma`.

    Example:
        >>> gamma(5.0)
        24.0
    """
    return math.gamma(x)


def beta(a: float, b: float) -> float:
    """Γ(a) Γ(b) / Γ(a + b).

    Example:
        >>> beta(2.0, 3.0) == 1 / 12, beta(0.5, -0.5), f"{beta(1e10, 2.0):.10e}"
        (True, 0.0, '9.9999999990e-21')
    """
    if isnan(a) or isnan(b):
        return math.nan
    if _is_pole(a) or _is_pole(b):
        raise ValueError("math domain error")
    a, b = max(a, b), min(a, b)
    if b > 0:
        return _in_range(_positive_beta(a, b), a, b)
    total, tail = _sum(a, b)
    if a > 0 >= total:
        return _in_range(_sine(total, tail) / _sine(b) * _positive_beta(a, 1 - total), a, b)
    if a == inf or (total >= LARGE and b > -LARGE):
        return _in_range(_beta_of_large(a, b), a, b)
    if a > 0:
        factor = 1.0
        divisor = _positive_beta(1 - b, total) * a
    else:
        factor = _sine(total, tail) / _sine(b) / (1 - total)
        divisor = _positive_beta(1 - a, 1 - b)
    if factor == 0:
        return 0.0
    return _in_range(pi * factor / divisor / _sine(b if a > 0 else a) if divisor else inf, a, b)


def _positive_beta(a: float, b: float) -> float:
    a, b = max(a, b), min(a, b)
    total = a + b
    if total <= 2 * LARGE:
        return math.gamma(a) / math.gamma(total) * math.gamma(b)
    if a == inf:
        return 0.0
    if b < LARGE:
        return _beta_of_large(a, b)
    exponent = _correction(a) + _correction(b) - _correction(total) - a * log1p(b / a)
    return SQRT_2PI * sqrt((1 + b / a) / b) * math.pow(b / total, b) * exp(exponent)


def _beta_of_large(a: float, b: float) -> float:
    """For a and a + b of at least `LARGE`, and b smaller than that."""
    if a == inf:
        return math.copysign(0.0 if b > 0 else inf, math.gamma(b))
    return math.gamma(b) * math.pow(a + b, -b) * exp(-_rise_without_power(a, b))


def _rise_without_power(a: float, b: float) -> float:
    """log Γ(a + b) - log Γ(a) - b log(a + b), for a and a + b of at least `LARGE`."""
    return (a - 0.5) * log1p(b / a) - b + _correction(a + b) - _correction(a)


def betaln(a: float, b: float) -> float:
    """The logarithm of the absolute value of beta.

    Example:
        >>> betaln(1.0, 1.0), round(betaln(1e10, 1e10))
        (0.0, -13862943621)
    """
    if isnan(a) or isnan(b):
        return math.nan
    total, tail = _sum(a, b)
    if _is_pole(a) or _is_pole(b) or (_is_pole(total) and tail == 0):
        raise ValueError("math domain error")
    a, b = max(a, b), min(a, b)
    if b > 0:
        y = _positive_betaln(a, b)
    elif a > 0 >= total:
        sines = [_log_sine(total, tail), -_log_sine(b)]
        y = fsum([*sines, _positive_betaln(a, 1 - total)])
    elif a > 0:
        y = fsum([log(pi), -log(a), -_log_sine(b), -_positive_betaln(1 - b, total)])
    else:
        sines = [_log_sine(total, tail), -_log_sine(a), -_log_sine(b)]
        y = fsum([log(pi), *sines, -log(1 - total), -_positive_betaln(1 - a, 1 - b)])
    return _in_range(y, a, b)


def _positive_betaln(a: float, b: float) -> float:
    a, b = max(a, b), min(a, b)
    total = a + b
    if total <= 2 * LARGE:
        return fsum([lgamma(a), lgamma(b), -lgamma(total)])
    if a == inf:
        return -inf
    if b < LARGE:
        return fsum([lgamma(b), -b * log(total), -_rise_without_power(a, b)])
    corrections = _correction(a) + _correction(b) - _correction(total)
    half_logs = 0.5 * (LOG_2PI + log((1 + b / a) / b))
    return fsum([half_logs, -a * log1p(b / a), -b * log1p(a / b), corrections])


# --- their derivatives ---------------------------------------------------------------------------


def polygamma_difference(order: float, x: float, step: float) -> float:
    """polygamma(order, x + step) - polygamma(order, x), accurate even for a small step.

    For positive x and x + step term by term: the recurrence (DLMF 5.15.5) leads to where the
    asymptotic series hold (5.15.8), and the difference of each power is computed by `expm1`.
    Otherwise by reflection (5.15.6), with the difference of cotangents as a quotient of sines.

    Example:
        >>> polygamma_difference(0, 1.0, 1.0), polygamma_difference(0, 1e20, 1.0)
        (1.0, 1e-20)
    """
    if not (0 <= order <= HIGHEST_ORDER and float(order).is_integer()):
        raise ValueError(f"the order must be an integer from 0 to {HIGHEST_ORDER}")
    n = int(order)
    shifted, tail = _sum(x, step)
    if isnan(shifted):
        return shifted
    if _is_pole(x) or (_is_pole(shifted) and tail == 0):
        raise ValueError("math domain error")
    if x > 0 and shifted > 0:
        return _positive_difference(n, x, step)
    if x > 0 or shifted > 0:
        return polygamma(n, shifted) - polygamma(n, x)
    # ψ(x) = ψ(1 - x) - π cot(πx), differentiated n times
    sign = -1 if n % 2 else 1
    reflected = sign * _positive_difference(n, 1 - x, -step)
    first, second = _cotangent(x), _cotangent(shifted, tail)
    difference = second - first
    if abs(difference) < 0.5 * abs(first):
        difference = -_sine(step) / _sine(x) / _sine(shifted, tail)
    polynomial = [0, 1]  # the derivatives of cot are polynomials in it, as cot' = -(1 + cot²)
    for _ in range(n):
        slope = [k * c for k, c in enumerate(polynomial)][1:]
        polynomial = [-a - b for a, b in zip([*slope, 0, 0], [0, 0, *slope], strict=True)]
    # (p(u) - p(v)) / (u - v), by division with remainder
    quotient = [0.0] * (len(polynomial) - 1)
    carry = 0.0
    for k in range(len(polynomial) - 1, 0, -1):
        carry = carry * first + polynomial[k]
        quotient[k - 1] = carry
    return _in_range(reflected - pi ** (n + 1) * difference * horner(quotient, second), x, step)


HIGHEST_ORDER = 16


def _cotangent(x: float, tail: float = 0.0) -> float:
    return _sine(x + 0.5, tail) / _sine(x, tail)


def _positive_difference(n: int, x: float, step: float) -> float:
    """The difference of the derivatives of order n of ψ, for positive x and x + step."""
    shifted = x + step
    if shifted == inf:
        return inf if n == 0 else -polygamma(n, x)

    def log_of_quotient(x: float, shifted: float) -> float:
        if abs(step) < 0.5 * x:
            return log1p(step / x)
        quotient = shifted / x
        return log(quotient) if 1e-300 < quotient < inf else log(shifted) - log(x)

    def difference_of_powers(power: int, x: float, logarithm: float, factor: float) -> float:
        """factor * ((x + step)**-power - x**-power), without a power that overflows."""
        y = factor * expm1(-power * logarithm)
        for _ in range(power):
            y /= x
        return y

    larger, smaller = max(x, shifted), min(x, shifted)
    steps = max(0, math.ceil(n + 11 - smaller))
    terms = []
    for k in range(steps):
        if n == 0:
            terms.append(-step / (larger + k) / (smaller + k))
        else:
            logarithm = log_of_quotient(x + k, shifted + k)
            terms.append(difference_of_powers(n + 1, x + k, logarithm, 1.0))
    x, shifted = x + steps, shifted + steps
    logarithm = log_of_quotient(x, shifted)
    if n == 0:
        terms.append(-logarithm)
    else:
        terms.append(difference_of_powers(n, x, logarithm, 1 / n))
    terms.append(difference_of_powers(n + 1, x, logarithm, 0.5))
    rising = 0.5 * (n + 1)  # (n + 1) (n + 2) … (n + 2k - 1) / (2k)!
    for k, bernoulli in enumerate(BERNOULLI, start=1):
        terms.append(difference_of_powers(n + 2 * k, x, logarithm, bernoulli * rising))
        rising *= (n + 2 * k) * (n + 2 * k + 1) / ((2 * k + 1) * (2 * k + 2))
    return _in_range(fsum(terms) * math.factorial(n) * (1 if n % 2 else -1), x, step)


# --- densities -----------------------------------------------------------------------------------


def _at_the_end(shape: float, density: float) -> float:
    """A density at an end of its interval, where it behaves like a power of shape - 1."""
    if shape < 1:
        raise ZeroDivisionError("float division by zero")
    return density if shape == 1 else 0.0


def _power_less_one(x: float, exponent: float) -> float:
    """x**(exponent - 1), without rounding the exponent."""
    return math.pow(x, exponent - 1) if exponent >= 1 else math.pow(x, exponent) / x


def gamma_density(a: float, x: float) -> float:
    """x**(a - 1) exp(-x) / Γ(a), the derivative of the regularised incomplete gamma function.

    Example:
        >>> gamma_density(1.0, 0.0), round(gamma_density(1e10, 1e10), 12)
        (1.0, 3.989423e-06)
    """
    if isnan(a) or isnan(x):
        return math.nan
    if not (0 < a < inf and x >= 0):
        raise ValueError("math domain error")
    if x == 0:
        return _at_the_end(a, 1.0)
    if a < LARGE:
        if x > 2000:
            return 0.0
        y = _power_less_one(x, a) * exp(-0.5 * x)
        return _in_range(y * (a / math.gamma(1 + a)) * exp(-0.5 * x), a, x)
    if x == inf:
        return 0.0
    near = 0.5 * a < x < 2 * a
    exponent = a * _x_less_log1p((x - a) / a) if near else x - a - a * log(x / a)
    return sqrt(a) / SQRT_2PI * exp(-exponent - _correction(a)) / x


def beta_density(a: float, b: float, x: float) -> float:
    """x**(a - 1) (1 - x)**(b - 1) / beta(a, b), the derivative of the incomplete beta function.

    Example:
        >>> beta_density(2.0, 2.0, 0.5), beta_density(1.0, 3.0, 0.0)
        (1.5, 3.0)
    """
    if isnan(a) or isnan(b) or isnan(x):
        return math.nan
    if not (0 < a < inf and 0 < b < inf and 0 <= x <= 1):
        raise ValueError("math domain error")
    if x == 0:
        return _at_the_end(a, b)
    if x == 1:
        return _at_the_end(b, a)
    rest, total = 1 - x, a + b
    if total <= 2 * LARGE:
        y = _power_less_one(x, a) * _power_less_one(rest, b) / _positive_beta(a, b)
        return _in_range(y, a, b)
    if a < LARGE:
        y = _power_less_one(x * total, a) * total * (a / math.gamma(1 + a)) / rest
        exponent = b * log1p(-x) + _rise_without_power(b, a)
    elif b < LARGE:
        y = _power_less_one(rest * total, b) * total * (b / math.gamma(1 + b)) / x
        exponent = a * log(x) + _rise_without_power(a, b)
    else:
        surplus = total * x - a
        if abs(surplus) < 0.5 * min(a, b):
            exponent = -a * _x_less_log1p(surplus / a) - b * _x_less_log1p(-surplus / b)
        else:
            first = log(x * (1 + b / a)) if x < 0.5 else log(x) + log1p(b / a)
            second = log(rest * (1 + a / b)) if x > 0.5 else log1p(-x) + log1p(a / b)
            exponent = a * first + b * second
        exponent += _correction(total) - _correction(a) - _correction(b)
        y = sqrt(a / (1 + a / b)) / SQRT_2PI / x / rest
    half = exp(0.5 * exponent)  # the whole may underflow where the density does not
    return _in_range(y * half * half, a, b)
