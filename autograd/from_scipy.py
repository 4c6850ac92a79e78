"""Functions of floats that SciPy evaluates, and others that their derivatives need.

As in `autograd.special`: floats in, a float out, nan for nan, `ValueError` at a pole or off the
domain, `OverflowError` where a finite operand has a result too large for a float. SciPy is imported
by the first call. DLMF is the NIST *Digital Library of Mathematical Functions*,
https://dlmf.nist.gov.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from math import exp, fsum, inf, isfinite, isnan, pi, sin, sqrt
from typing import Any

from autograd.special import horner

__all__ = ["bessel", "betainc", "evaluated_by_scipy", "scaled_bessel"]


def _functions(name: str) -> Any:
    try:
        from scipy import special
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{name} is evaluated by SciPy: pip install 'scalar-autograd[special]' ({error})",
            name=error.name,
        ) from error
    return special


def evaluated_by_scipy(
    name: str,
    within: Callable[..., bool] = lambda *xs: True,
    next_to_0: Callable[[float], float] | None = None,
) -> Callable[..., float]:
    """Make a function of floats from one of `scipy.special`.

    Args:
        name: Its name.
        within: Tells whether operands, none of them nan, are in the domain.
        next_to_0: The first terms of the series at 0, if SciPy loses digits for some positive
            operands.

    Returns:
        The function. It raises ModuleNotFoundError if SciPy is not installed.

    Example:
        >>> evaluated_by_scipy("j0")(0.0)
        1.0
    """

    def evaluate(*xs: float) -> float:
        function = getattr(_functions(name), name)
        if any(map(isnan, xs)):
            return math.nan
        if not within(*xs):
            raise ValueError("math domain error")
        is_next_to_0 = next_to_0 is not None and xs[0] < 1e-300
        y = float(next_to_0(*xs) if is_next_to_0 else function(*xs))  # type: ignore[misc]
        if isnan(y):
            raise ValueError("math domain error")
        if not isfinite(y) and all(map(isfinite, xs)):
            raise OverflowError("math range error")
        return y

    evaluate.__name__ = evaluate.__qualname__ = name
    return evaluate


def bessel(name: str) -> Callable[[float, float], float]:
    """Make a function of floats of `jv` or `iv`.

    Near 0, where SciPy gives 0, nan, or fewer digits, it is the first term of the series
    (https://dlmf.nist.gov/10.2.E2, https://dlmf.nist.gov/10.25.E2).

    Args:
        name: The name of one of the two.

    Returns:
        A function of order and operand; see `evaluated_by_scipy`.

    Example:
        >>> bessel("iv")(0.5, 1e-305)
        2.52313252202016e-153
    """
    by_scipy = evaluated_by_scipy(name, lambda order, x: x >= 0.0 or order % 1.0 == 0.0)

    def evaluate(order: float, x: float) -> float:
        is_integer = order % 1.0 == 0.0
        n = abs(order) if is_integer else order
        if not (0.0 < abs(x) < 1e-8 and n > -0.5 and (x > 0.0 or is_integer)):
            return by_scipy(order, x)
        _functions(name)  # raises if SciPy is missing
        y: float = abs(x) ** n / (2.0**n * math.gamma(n + 1.0)) if n < 170.0 else 0.0
        reflected = (x < 0.0) != (name == "jv" and order < 0.0)
        return -y if reflected and n % 2.0 == 1.0 else y

    evaluate.__name__ = evaluate.__qualname__ = name
    return evaluate


def _of_a_beta_distribution(a: float, b: float, x: float) -> bool:
    return 0 < a < inf and 0 < b < inf and x >= 0


_betainc = evaluated_by_scipy("betainc", _of_a_beta_distribution)
_betaincc = evaluated_by_scipy("betaincc", _of_a_beta_distribution)


def betainc(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function; above 1/2 by its complement, accurate near 1.

    Example:
        >>> betainc(1.0, 1.0, 0.25), betainc(0.5, 0.5, 1.0)
        (0.25, 1.0)
    """
    return _betainc(a, b, x) if not x > 0.5 else _betaincc(b, a, 1.0 - x)


# --- derivatives of i0e and i1e that would cancel ------------------------------------------------

_POINTS = 56
_FAR = 50.0
HIGHEST_ORDER = 16


@cache
def _nodes(index: int) -> list[tuple[float, float]]:
    """1 - cos θ, and the weight of the trapezoidal rule times sin(θ)**2n, for θ from 0 to π."""
    angles = [pi * k / _POINTS for k in range(_POINTS + 1)]
    return [
        (2 * sin(angle / 2) ** 2, sin(angle) ** (2 * index) / _POINTS * (0.5 if edge else 1.0))
        for k, angle in enumerate(angles)
        for edge in [k in (0, _POINTS)]
    ]


@cache
def _at_infinity(order: int, index: int) -> list[float]:
    """The coefficients of x**-k in √(2πx) x**(n + order) times the function (DLMF 10.40.1)."""
    coefficients, a = [], (-1.0) ** order
    for k in range(60):
        coefficients.append(a * math.prod(k + index + 0.5 + i for i in range(order)))
        a *= ((2 * k + 1) ** 2 - 4 * index * index) / (8 * (k + 1))
    return coefficients


def scaled_bessel(order: float, index: float, x: float) -> float:
    """The derivative of given order of exp(-x) I(x) / x**n, with Bessel's modified I of index n.

    The index n is 0 or 1, and x at least 0. The integral over θ from 0 to π of sin(θ)**2n exp(x
    (cos θ - 1)) / π (DLMF 10.32.2) is differentiated under the integral sign, so that all terms
    have the same sign; the trapezoidal rule is practically exact, because the integrand is
    periodic.

    Example:
        >>> scaled_bessel(0, 0, 0.0), scaled_bessel(1, 0, 0.0)
        (1.0, -1.0)
    """
    if isnan(x):
        return x
    if not (0 <= order <= HIGHEST_ORDER and float(order).is_integer() and index in (0, 1)):
        raise ValueError(
            f"the order must be an integer from 0 to {HIGHEST_ORDER}, the index 0 or 1"
        )
    if not x >= 0:
        raise ValueError("math domain error")
    k, n = int(order), int(index)
    if x <= _FAR:
        return fsum(weight * (-d) ** k * exp(-x * d) for d, weight in _nodes(n))
    if x == inf:
        return 0.0
    y = horner(_at_infinity(k, n), 1 / x) / sqrt(2 * pi) / sqrt(x)
    for _ in range(n + k):  # one by one, because the power of x may overflow
        y /= x
    return y
