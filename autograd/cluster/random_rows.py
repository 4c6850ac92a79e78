"""Random numbers that are made where they are used: row k is the same, however rows are cut.

They come from Philox, which computes the n-th number from n and a key: J. K. Salmon et al.,
"Parallel random numbers: as easy as 1, 2, 3", SC 2011. A normal number is the inverse of the normal
distribution function of a uniform one, by M. J. Wichura's algorithm AS 241 (Applied Statistics 37,
1988), whose only operations here are those that IEEE 754 rounds correctly: so the bits are the same
on every machine.
"""

from __future__ import annotations

from typing import Any

import numpy

from autograd.cluster.rows import Rows
from autograd.errors import whole_number

__all__ = ["normals", "uniforms"]

PER_STEP = 4
"""How many numbers of 64 bits Philox makes in one step of its counter."""


class _Random(Rows):
    """Random numbers by a counter; row k holds the numbers from k times the width on."""

    def __init__(self, name: str, seed: Any, count: Any, columns: Any) -> None:
        self.seed = whole_number(seed, f"{name}: seed", 0)
        rows = whole_number(count, f"{name}: count", 0)
        row = () if columns is None else (whole_number(columns, f"{name}: columns", 1, " or None"),)
        super().__init__(rows, row)
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}: {super().__repr__()[1:]}"

    def read(self, first: int, count: int) -> Any:
        width = self.shape[0] if self.shape else 1
        step, skipped = divmod(first * width, PER_STEP)
        key = numpy.random.SeedSequence(self.seed).generate_state(2, numpy.uint64)
        source = numpy.random.Philox(key=key, counter=step)
        words = source.random_raw(skipped + count * width)[skipped:]
        # The middles of 2**52 intervals, never 0 or 1: each is a double without rounding.
        numbers = ((words >> numpy.uint64(12)).astype(float) + 0.5) * 2.0**-52
        return self.transformed(numbers).reshape(count, *self.shape)

    def transformed(self, numbers: Any) -> Any:
        """Make the numbers of uniform ones."""
        return numbers


class _Normals(_Random):
    def transformed(self, numbers: Any) -> Any:
        return quantiles(numbers)


def uniforms(seed: int, count: int, columns: int | None = None) -> Rows:
    """Make rows of random numbers that are uniform between 0 and 1, and never either of them.

    Args:
        seed: A whole number; with the same seed, the numbers are the same.
        count: The number of rows. The first rows do not depend on it.
        columns: How many numbers a row holds; None for rows that are a number each.

    Returns:
        The rows, for a compiled function in place of an array.

    Raises:
        TypeError: An argument is not a whole number.
        ValueError: One is too small.

    Example:
        >>> dice = uniforms(1, 10**12)
        >>> bool((dice.read(10**11, 3) == dice[10**11 :].read(0, 3)).all())
        True
    """
    return _Random("uniforms", seed, count, columns)


def normals(seed: int, count: int, columns: int | None = None) -> Rows:
    """Make rows of random numbers with the standard normal distribution, all independent.

    No row is kept: each is computed where it is used, from the seed and its number. So a billion
    paths take no memory, and row k holds the same bits on every machine, however the rows are cut.

    Args:
        seed: A whole number; with the same seed, the numbers are the same. They are made of those
            of `uniforms` with this seed.
        count: The number of rows. The first rows do not depend on it.
        columns: How many numbers a row holds; None for rows that are a number each.

    Returns:
        The rows, for a compiled function in place of an array.

    Raises:
        TypeError: An argument is not a whole number.
        ValueError: One is too small.

    Example:
        >>> steps = normals(7, 10**9, 12)
        >>> steps
        <normals: 1,000,000,000 rows of 12 numbers>
        >>> bool((steps.read(5, 2)[1] == steps.read(6, 1)[0]).all())
        True
    """
    return _Normals("normals", seed, count, columns)


# --- Wichura's AS 241 ----------------------------------------------------------------------------

_CENTRE = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
     4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
     1.3314166789178437745e2, 3.3871328727963666080e0),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
     2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
     4.2313330701600911252e1, 1.0),
)  # fmt: skip
_TAIL = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
     1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
     4.63033784615654529590e0, 1.42343711074968357734e0),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
     1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
     2.05319162663775882187e0, 1.0),
)  # fmt: skip
_FAR_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
     2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0,
     5.46378491116411436990e0, 6.65790464350110377720e0),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
     7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
     5.99832206555887937690e-1, 1.0),
)  # fmt: skip
"""Numerators and denominators, the highest power first."""

_ATANH = tuple(1.0 / (2 * power + 1) for power in range(11, -1, -1))
_LN2 = 0.6931471805599453


def quantiles(p: Any) -> Any:
    """Invert the standard normal distribution function.

    Args:
        p: An array of numbers between 0 and 1; both excluded.

    Returns:
        An array.

    Example:
        >>> print("%.9f %.9f" % tuple(quantiles(numpy.array([0.5, 0.975]))))
        0.000000000 1.959963985
    """
    q = p - 0.5
    found = q * _ratio(_CENTRE, 0.180625 - q * q)
    places = numpy.flatnonzero(numpy.abs(q) > 0.425)
    if places.size:
        side = q[places]
        tail = numpy.where(side < 0.0, p[places], 1.0 - p[places])
        r = numpy.sqrt(-_log(tail))
        x = numpy.where(r <= 5.0, _ratio(_TAIL, r - 1.6), _ratio(_FAR_TAIL, r - 5.0))
        found[places] = numpy.copysign(x, side)
    return found


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Any) -> Any:
    numerator, denominator = (_polynomial(each, x) for each in coefficients)
    return numerator / denominator


def _polynomial(coefficients: tuple[float, ...], x: Any) -> Any:
    value = coefficients[0] * x
    value += coefficients[1]
    for coefficient in coefficients[2:]:
        value *= x
        value += coefficient
    return value


def _log(x: Any) -> Any:
    """The logarithm, without a library's function, which differs from machine to machine."""
    mantissa, exponent = numpy.frexp(x)
    small = mantissa < 0.7071067811865476
    mantissa = numpy.where(small, 2.0 * mantissa, mantissa)
    exponent = exponent - small
    s = (mantissa - 1.0) / (mantissa + 1.0)
    return exponent * _LN2 + 2.0 * s * _polynomial(_ATANH, s * s)
