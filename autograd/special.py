"""Functions of floats that ``math`` lacks, or does not give to full relative accuracy.

They behave as ``math``'s own do: floats in, a float out, nan for nan, ``ValueError`` at a pole or
off the domain, ``OverflowError`` where a finite argument has a result too large for a float.

Sources: A&S is Abramowitz & Stegun, *Handbook of Mathematical Functions* (1964); DLMF is the NIST
*Digital Library of Mathematical Functions*, https://dlmf.nist.gov. Every coefficient is computed
here from its formula, save the Bernoulli numbers and one root, which the tests recompute.
"""

from __future__ import annotations

import math
from math import copysign, erf, erfc, exp, frexp, fsum, inf, isfinite, isnan, ldexp, log, log1p, pi
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "cbrt", "digamma", "erf", "erfc", "exp2", "gelu", "lgamma", "logsigmoid", "logsumexp",
    "polygamma", "prod", "sigmoid", "softplus",
]  # fmt: skip


# ------------------------------------------------------------------------------ roots and powers


def _cbrt(x: float) -> float:
    """The real cube root: a power, then one Newton step, since 1/3 is not a float."""
    if x == 0 or not isfinite(x):
        return x
    y = copysign(abs(x) ** (1 / 3), x)
    return y - (y - x / (y * y)) / 3


# Python 3.10 has neither.
cbrt: Callable[[float], float] = getattr(math, "cbrt", _cbrt)
exp2: Callable[[float], float] = getattr(math, "exp2", lambda x: 2.0**x)


# ---------------------------------------------------------------------------- logistic functions
# Each exponential has a nonpositive argument: it cannot overflow, and 1 + exp loses nothing.


def sigmoid(x: float) -> float:
    """The logistic function 1 / (1 + exp(-x)).

    >>> sigmoid(0.0), sigmoid(-1000.0)
    (0.5, 0.0)
    """
    if x >= 0:
        return 1 / (1 + exp(-x))
    y = exp(x)
    return y / (1 + y)


def softplus(x: float) -> float:
    """log(1 + exp(x)), the antiderivative of the logistic function.

    >>> softplus(1000.0)
    1000.0
    """
    return x + log1p(exp(-x)) if x > 0 else log1p(exp(x))


def logsigmoid(x: float) -> float:
    """log(sigmoid(x)).

    >>> logsigmoid(-1000.0)
    -1000.0
    """
    return x - log1p(exp(x)) if x < 0 else -log1p(exp(-x))


# ---------------------------------------------------------------------- the normal distribution


def _head(x: float) -> float:
    """The leading 26 bits of x; two heads have an exact product (Veltkamp; Dekker 1971)."""
    y = 134217729.0 * x  # 2**27 + 1
    return y - (y - x)


_SQRT_HALF = math.sqrt(0.5)
_SQRT_HALF_HEAD = _head(_SQRT_HALF)
_SQRT_HALF_TAIL = (0.5 - _SQRT_HALF_HEAD**2) / (_SQRT_HALF + _SQRT_HALF_HEAD)


def gelu(x: float) -> float:
    """The Gaussian error linear unit, x times the standard normal distribution function at x.

    This is x/2 erfc(-x/√2) (DLMF 7.2.2). In the left tail erfc multiplies the relative error of
    t = -x/√2 by 2t², so there the rounding error of t is found as in Dekker, *A floating-point
    technique for extending the available precision* (1971), and taken out to first order.

    >>> gelu(0.0), gelu(100.0)
    (0.0, 100.0)
    """
    if not x < -1:
        return 0.5 * x * erfc(-_SQRT_HALF * x)
    if x < -40:
        return -0.0
    t = -x * _SQRT_HALF
    head = _head(-x)
    error = (head * _SQRT_HALF_HEAD - t) + (-x - head) * _SQRT_HALF_HEAD - x * _SQRT_HALF_TAIL
    return 0.5 * x * (erfc(t) - error * exp(-t * t) * 2 / math.sqrt(pi))


# ------------------------------------------------------------ the gamma function's logarithm & co.

# B2, B4, ... B20 (A&S table 23.2)
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798,
    -174611 / 330,
)  # fmt: skip


def _in_range(y: float) -> float:
    if not isfinite(y):
        raise OverflowError("math range error")
    return y


def _offset_from_pole(x: float) -> float:
    """x less the nearest integer, exactly; ValueError at an integer or -inf."""
    offset = math.remainder(x, 1.0)
    if offset == 0:
        raise ValueError("math domain error")
    return offset


def _horner(coefficients: Sequence[float], x: float) -> float:
    """The polynomial with these coefficients, the constant first."""
    y = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        y = y * x + coefficient
    return y


def _scaled_zeta(s: int, x: float) -> float:
    """x**s times the Hurwitz zeta function of s and x, for integers s > 1 and finite x > 0.

    The recurrence (DLMF 25.11.4) leads to x + n >= s + 10, where the asymptotic series (25.11.43)
    takes over. The scaling keeps large s and extreme x from under- or overflowing.
    """
    steps = max(0, math.ceil(s + 10 - x))
    a = x + steps
    series = [a / (s - 1), 0.5]
    term = s / (2 * a)
    for k, bernoulli in enumerate(_BERNOULLI, start=1):
        series.append(bernoulli * term)
        term *= (s + 2 * k - 1) * (s + 2 * k) / ((2 * k + 1) * (2 * k + 2) * a * a)
    return fsum((x / (x + k)) ** s for k in range(steps)) + (x / a) ** s * fsum(series)


def _taylor_digamma(x: float, terms: int) -> list[float]:
    """Coefficients of digamma(x + d) - digamma(x) in powers of d, from d on (A&S 6.4.10)."""
    return [-_scaled_zeta(k + 1, x) / (-x) ** k / x for k in range(1, terms + 1)]


# B2k / 2k x**-2k (A&S 6.3.18), as a polynomial in x**-2
_ASYMPTOTIC_DIGAMMA = [0.0, *(-b / (2 * k) for k, b in enumerate(_BERNOULLI, start=1))]
_ROOT = 1.4616321449683622  # digamma's positive root is _ROOT + _ROOT_TAIL
_ROOT_TAIL = 9.549995429965697e-17
_DIGAMMA_AT_ROOT = [0.0, *_taylor_digamma(_ROOT, 30)]


def digamma(x: float) -> float:
    """The logarithmic derivative of the gamma function.

    By the recurrence and the asymptotic series (A&S 6.3.6, 6.3.18), by reflection for x < 0
    (6.3.7), and by the Taylor series about the positive root near it, where those would cancel.

    >>> round(-digamma(1.0), 15)  # Euler's constant
    0.577215664901533
    """
    if isnan(x) or x == inf:
        return x
    if x <= 0:
        return _in_range(digamma(1 - x) - pi / math.tan(pi * _offset_from_pole(x)))
    if 1.1 < x < 1.9:
        return _horner(_DIGAMMA_AT_ROOT, (x - _ROOT) - _ROOT_TAIL)
    steps = max(0, math.ceil(12 - x))
    a = x + steps
    tail = _horner(_ASYMPTOTIC_DIGAMMA, 1 / (a * a))
    return _in_range(fsum([log(a), -0.5 / a, tail, *(-1 / (x + k) for k in range(steps))]))


_LGAMMA_AT_2 = [0.0, digamma(2.0)]
_LGAMMA_AT_2 += [c / n for n, c in enumerate(_taylor_digamma(2.0, 28), start=2)]


def lgamma(x: float) -> float:
    """The logarithm of the absolute value of the gamma function.

    ``math.lgamma``, save near its roots 1 and 2, where it loses relative accuracy: there the
    Taylor series about 2, which is A&S 6.1.33 with log(1 + z) moved to the left-hand side.

    >>> lgamma(1.0), lgamma(2.0)
    (0.0, 0.0)
    """
    if 1.5 < x < 2.5:
        return _horner(_LGAMMA_AT_2, x - 2)
    if 0.5 < x <= 1.5:
        return _horner(_LGAMMA_AT_2, x - 1) - log(x)
    return math.lgamma(x)


def polygamma(order: float, x: float) -> float:
    """The derivative of digamma of an integral order, digamma itself being of order 0.

    For x > 0 by the Hurwitz zeta function (A&S 6.4.10); for x < 0 by reflection (6.4.7), where
    the derivatives of the cotangent are polynomials in it, since cot' = -(1 + cot²).

    >>> polygamma(1, 1.0) == polygamma(1.0, 1.0)
    True
    >>> round(polygamma(1, 1.0), 14)  # π²/6
    1.64493406684823
    """
    if not (order >= 0 and float(order).is_integer()):
        raise ValueError("the order of polygamma must be a nonnegative integer")
    n = int(order)
    if n == 0 or isnan(x):
        return digamma(x)
    parity = -1 if n % 2 else 1
    if x <= 0:
        cot = 1 / math.tan(pi * _offset_from_pole(x))
        derivative = [0, 1]  # cot's nth, signs left out: they all are (-1)**n
        for _ in range(n):
            slope = [k * c for k, c in enumerate(derivative)][1:]
            derivative = [a + b for a, b in zip([*slope, 0, 0], [0, 0, *slope], strict=True)]
        reflected = polygamma(n, 1 - x)
        return _in_range(parity * reflected - parity * pi ** (n + 1) * _horner(derivative, cot))
    if x == inf:
        return -parity * 0.0
    factorial_over_power = math.prod(k / x for k in range(1, n + 1))  # n! / x**n
    return _in_range(-parity * factorial_over_power * (_scaled_zeta(n + 1, x) / x))


# -------------------------------------------------------------------------- sums and products


def logsumexp(*xs: float) -> float:
    """log(exp(x1) + exp(x2) + ...); -inf, the log of nothing, without arguments.

    The largest term is factored out as exp(m), and its 1 taken off again exactly inside the sum,
    so that the rest is not lost beside it (Blanchard, Higham & Higham 2021, *Accurately computing
    the log-sum-exp and softmax functions*, algorithm 3.1).

    >>> logsumexp(1000.0, -1000.0)
    1000.0
    >>> logsumexp(0.0, -100.0) == exp(-100)
    True
    """
    m = max(xs, default=-inf)
    if not isfinite(m):
        return math.nan if any(map(isnan, xs)) else m
    return m + log1p(fsum([-1.0, *[exp(x - m) for x in xs]]))


def prod(*xs: float) -> float:
    """The product, as ``math.prod`` gives it, save that no partial product over- or underflows.

    >>> prod(1e200, 1e200, 1e-300) == 1e100
    True
    """
    significand, exponent = 1.0, 0
    for x in xs:
        factor, shift = frexp(x)
        significand, carry = frexp(significand * factor)
        exponent += shift + carry
    try:
        return ldexp(significand, exponent)
    except OverflowError:
        return copysign(inf, significand)


def softmax(xs: Sequence[float]) -> list[float]:
    """The exponentials of the xs, scaled to add up to 1.

    >>> softmax([0.0, 0.0])
    [0.5, 0.5]
    """
    shift = max(xs)
    exponentials = [_exp_of_difference(x, shift) for x in xs]
    total = fsum(exponentials)
    return [exponential / total for exponential in exponentials]


def _exp_of_difference(x: float, shift: float) -> float:
    """exp(x - shift), the rounding of the difference made good: far below 0 it would show.

    The rounding error is Knuth's two-sum (*The Art of Computer Programming*, vol. 2, 4.2.2).
    """
    difference = x - shift
    if not isfinite(difference):
        return 1.0 if x == shift else exp(difference)
    subtracted = x - difference
    error = (x - (difference + subtracted)) + (subtracted - shift)
    return exp(difference) * (1.0 + error)
