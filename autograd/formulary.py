"""The wider formulary: rows like those of `autograd.rules`, for functions used less often.

A row here is all that the library knows about its function: everything else, the public function
and method, the compiler, the checks and their strategies, follows from it. `autograd.rules` says
how to read a row, CONTRIBUTING how to add one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import Any

from autograd import special
from autograd.extended_reals import extended
from autograd.formulary_special import SPECIAL
from autograd.formulas import over, unit_slope
from autograd.rule import EXTENDED, FLOATS, XS, XX, Rule, X, register
from autograd.rules import TABLE

__all__ = [
    "DEVIATION", "FORMULARY", "HELPERS", "ROWS", "ZSCORE", "deviations_of", "zscores_of",
]  # fmt: skip

# --- helpers of the rows -------------------------------------------------------------------------

inf, nan, pi = math.inf, math.nan, math.pi
LN2 = math.log(2.0)
DEGREES = 180.0 / pi
RADIANS = pi / 180.0
MANY = 32  # up to this many operands of `std`, sums over pairs
SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717

ANYWHERE = ((-inf, inf),)
POSITIVE = ((0.0, inf),)
NONZERO = ((0.0, inf), (-inf, 0.0))


def _condition(*conditions: bool) -> None:
    if not all(conditions):
        raise ValueError("math domain error")


def _softsign(x: float) -> float:
    return x / (1.0 + abs(x)) if abs(x) != inf else math.copysign(1.0, x)


def _mish(x: float) -> float:
    """x tanh(log(1 + exp(x))): tanh by exp(-|x|), without a difference of nearly equal numbers."""
    if x == -inf:
        return -0.0
    e = math.exp(-abs(x))
    if x > 0.0:
        return x * ((1.0 + 2.0 * e) / (1.0 + 2.0 * e * (1.0 + e)))
    return x * (e * (2.0 + e) / (2.0 + e * (2.0 + e)))


def _mish_primitive(m: Any, x: Any) -> Any:
    e = m.exp(-m.abs(x))
    right = (1.0 + 2.0 * e) / (1.0 + 2.0 * e * (1.0 + e))
    left = e * (2.0 + e) / (2.0 + e * (2.0 + e))
    return m.where(x == -inf, -0.0, x * m.where(x > 0.0, right, left))


def _mish_partials(m: Any, y: Any, x: Any) -> tuple[Any, ...]:
    s = m.softplus(x)
    factor = m.where(m.abs(x) < 1000.0, x, 0.0)  # multiplies what is 0 beyond; x may be infinite
    return (m.tanh(s) + factor * (m.sech_squared_(s) * m.sigmoid(x)),)


def _logit(x: float) -> float:
    _condition(0.0 < x < 1.0 or x != x)
    if 0.25 < x < 0.75:  # 2 x - 1 is exact
        return math.log1p((2.0 * x - 1.0) / (1.0 - x))
    return math.log(x / (1.0 - x))


def _logit_primitive(m: Any, x: Any) -> Any:
    near = (x > 0.25) & (x < 0.75)
    middle = m.log1p((2.0 * m.where(near, x, 0.5) - 1.0) / (1.0 - m.where(near, x, 0.5)))
    return m.where(near, middle, m.log(x / (1.0 - x)))


def _logit_partials(m: Any, y: Any, x: Any) -> tuple[Any, ...]:
    # In the middle through the distance from 1/2, of which the second derivative is a multiple.
    near = m.abs(x - 0.5) < 0.25
    middle = 1.0 / (0.25 - m.square(m.where(near, x - 0.5, 0.0)))
    return (m.where(near, middle, over(1.0, x) + over(1.0, 1.0 - x)),)


def _xlogy(x1: float, x2: float) -> float:
    return 0.0 if x1 == 0.0 and x2 >= 0.0 else x1 * math.log(x2)


def _xlog1py(x1: float, x2: float) -> float:
    return 0.0 if x1 == 0.0 and x2 >= -1.0 else x1 * math.log1p(x2)


def _quotient(m: Any, x1: Any, x2: Any) -> Any:
    """x1 / x2, whose derivatives keep their digits where it is subnormal and they are not."""
    is_small = (x1 < 1e-280) & (x1 > -1e-280)
    scale = m.where(is_small, 2.0**200, 1.0)
    return over(x1 * scale, x2) / scale


def _logaddexp2(x1: float, x2: float) -> float:
    if x1 == x2:
        return x1 + 1.0  # even where both are infinite
    larger = x1 if x1 > x2 or x1 != x1 else x2
    return larger + math.log1p(special.exp2(-abs(x1 - x2))) / LN2


def _binary_sigmoid(m: Any, x: Any) -> Any:
    """1 / (1 + 2**-x): far out as a power of two, where rounding x log(2) would lose digits."""
    near = m.abs(x) < 16.0
    return m.where(near, m.sigmoid(LN2 * m.where(near, x, 0.0)), m.exp2(-m.logaddexp2(0.0, -x)))


def _sinpi(x: float) -> float:
    t = math.fmod(abs(x), 2.0)
    if t > 0.5:
        t = 1.0 - t if t <= 1.5 else t - 2.0
    return math.copysign(1.0, x) * math.sin(pi * t)


def _sinpi_primitive(m: Any, x: Any) -> Any:
    t = m.abs(x) % 2.0
    y = m.sin(pi * m.where(t > 0.5, m.where(t > 1.5, t - 2.0, 1.0 - t), t))
    return m.where(x > 0.0, y, m.where(x == 0.0, x, -y))


def _cospi(x: float) -> float:
    return math.sin(pi * (0.5 - abs(math.remainder(x, 2.0))))


def _cospi_primitive(m: Any, x: Any) -> Any:
    t = m.abs(x) % 2.0
    return m.sin(pi * (0.5 - m.where(t > 1.0, 2.0 - t, t)))


def _sinc(x: float) -> float:
    return _sinpi(x) / (pi * x) if x else 1.0


# The coefficients of sinc'(x) / x in x², from the series of the sine.
_SINC = [
    (-1.0) ** (k + 1) * (2 * k + 2) * pi ** (2 * k + 2) / math.factorial(2 * k + 3)
    for k in range(17)
]


def _sinc_partials(m: Any, y: Any, x: Any) -> tuple[Any, ...]:
    near = m.abs(x) < 0.75  # where the difference would cancel, the more so in its derivatives
    square = m.square(m.where(near, x, 0.0))
    series = reduce(lambda total, coefficient: total * square + coefficient, _SINC[::-1])
    return (m.where(near, x * series, (m.cospi(x) - y) / m.where(near, 1.0, x)),)


def _whole(m: Any, quotient: Any) -> Any:
    """Round what is an integer up to rounding errors, and has no derivative."""
    return m.floor(quotient + 0.5)


def _fmod_primitive(m: Any, x1: Any, x2: Any) -> Any:
    return _signed(m, x1, m.abs(x1) % m.abs(x2))


def _remainder_primitive(m: Any, x1: Any, x2: Any) -> Any:
    size = m.abs(x2)
    rest = m.abs(x1) % (2.0 * size)
    once = rest - size  # each difference is exact; at a half, the even quotient is chosen
    less = m.where(2.0 * once >= size, once - size, once)
    return _signed(m, x1, m.where(2.0 * rest > size, less, rest))


def _signed(m: Any, x: Any, size: Any) -> Any:
    return m.where(x < 0.0, -size, m.where(x == 0.0, x * (1.0 + size), size))


def _sign_of(m: Any, x: Any) -> Any:
    """The sign of a number, including that of a zero."""
    return m.where(m.where(x == 0.0, 1.0 / x, x) < 0.0, -1.0, 1.0)


def _near(quotients: Sequence[tuple[float, float]]) -> Callable[[float], Any]:
    """Return the intervals of x2 in which the size of x1 / x2 is in one of the given intervals."""

    def regions(x1: float) -> list[tuple[float, float]]:
        positive = [(abs(x1) / upper, abs(x1) / lower) for lower, upper in quotients]
        return [*positive, *[(-upper, -lower) for lower, upper in positive]]

    return regions


# --- of the spread of numbers


def _scale_of(xs: Sequence[Any]) -> float:
    """A power of two to divide the xs by, so that no sum overflows."""
    return 2.0 ** (len(xs).bit_length() + 1)


def _means(m: Any, xs: Sequence[Any]) -> tuple[Any, Any]:
    """The mean of the xs, scaled, and its rounding error, so that small deviations are accurate.

    For an operand close to the mean, that error is all that remains. Hence the second sum includes
    the rounding errors of the terms and of their additions (two-sum), unless there are many.
    """
    scale = _scale_of(xs)
    scaled = [x / scale for x in xs]
    first = m.mean(scaled)
    if len(xs) > MANY:
        return first, m.mean([x - first for x in scaled])
    total, errors = scaled[0] - first, []
    errors.append(_error_of_sum(scaled[0], -first, total))
    for x in scaled[1:]:
        difference = x - first
        added = total + difference
        errors.append(_error_of_sum(x, -first, difference))
        errors.append(_error_of_sum(total, difference, added))
        total = added
    return first, (total + reduce(add, errors)) / float(len(xs))


def _error_of_sum(x1: Any, x2: Any, y: Any) -> Any:
    """The rounding error of y = x1 + x2 (Knuth, *The Art of Computer Programming*, 4.2.2)."""
    part = y - x1
    return (x1 - (y - part)) + (x2 - part)


def _deviations(m: Any, xs: Sequence[Any]) -> tuple[list[Any], float]:
    """Subtract the mean; the results are divided by the power of two that is returned with them."""
    first, second = _means(m, xs)
    scale = _scale_of(xs)
    return [(x / scale - first) - second for x in xs], scale


def _float_deviations(xs: Sequence[float]) -> tuple[list[float], float]:
    if not xs:
        raise ValueError("there are none")
    if not all(map(math.isfinite, xs)):
        return [nan] * len(xs), 1.0
    # As `_deviations`, but the rounding error of the mean is exact: an operand far below the others
    # keeps its own contribution.
    scale = _scale_of(xs)
    scaled = [x / scale for x in xs]
    first = FLOATS.mean(scaled)
    second = special.exact_sum(*scaled, *[-first] * len(xs)) / len(xs)
    return [(x - first) - second for x in scaled], scale


def _var(*xs: float) -> float:
    deviations, scale = _float_deviations(xs)
    return math.fsum([scale * x * (scale * x / len(xs)) for x in deviations])


def _std(*xs: float) -> float:
    deviations, scale = _float_deviations(xs)
    _, shift = math.frexp(max(map(abs, deviations)))
    square = math.fsum([math.ldexp(x, -shift) ** 2 for x in deviations]) / len(xs)
    return scale * math.ldexp(math.sqrt(square), shift)


def _zscores(xs: Sequence[float]) -> list[float]:
    size = _std(*xs)
    if size == 0.0:
        return [0.0] * len(xs)
    deviations, scale = _float_deviations(xs)
    return [scale * (x / size) for x in deviations]


def _var_primitive(m: Any, *xs: Any) -> Any:
    deviations, scale = _deviations(m, xs)
    return m.sum([scale * x * (scale * x / len(xs)) for x in deviations])


def _std_primitive(m: Any, *xs: Any) -> Any:
    deviations, scale = _deviations(m, xs)
    return scale * (m.norm(deviations) / math.sqrt(len(xs)))


def _zscore_primitive(m: Any, x: Any, *xs: Any) -> Any:
    """The first operand's score; the operand is among the others as well."""
    first, second = _means(m, xs)
    size = _std_primitive(m, *xs)
    scale = _scale_of(xs)
    return scale * (((x / scale - first) - second) / m.where(size == 0.0, inf, size))


def zscores_of(m: Any, xs: Sequence[Any]) -> list[Any]:
    """How many standard deviations each of the xs is from their mean, for all xs at once."""
    first, second = _means(m, xs)
    size, scale = _std_primitive(m, *xs), _scale_of(xs)
    divisor = m.where(size == 0.0, inf, size)
    return [scale * (((x / scale - first) - second) / divisor) for x in xs]


def deviations_of(m: Any, xs: Sequence[Any]) -> list[Any]:
    """How far each of the xs is from their mean, for all xs at once."""
    deviations, scale = _deviations(m, xs)
    return [scale * deviation for deviation in deviations]


def _deviation_primitive(m: Any, x: Any, *xs: Any) -> Any:
    first, second = _means(m, xs)
    scale = _scale_of(xs)
    return scale * ((x / scale - first) - second)


def _deviation_partials(m: Any, y: Any, *xs: Any) -> tuple[Any, ...]:
    share = 1.0 / len(xs)
    return (1.0 - share, *[-share] * (len(xs) - 1))


def _float_deviations_unscaled(xs: Sequence[float]) -> list[float]:
    deviations, scale = _float_deviations(xs)
    return [scale * x for x in deviations]


def _var_partials(m: Any, y: Any, *xs: Any) -> tuple[Any, ...]:
    if isinstance(y, float) or len(xs) <= MANY:
        return tuple(2.0 * (x / len(xs)) for x in m.deviations_(xs))
    deviations, scale = _deviations(m, xs)
    return tuple(2.0 * scale * (x / len(xs)) for x in deviations)


def _zscore_partials(m: Any, y: Any, x: Any, *others: Any) -> tuple[Any, ...]:
    # In x through the spread of the others, as 1 - y² / (n - 1) would cancel. In another, 1 + y
    # times its score is a sum over all operands of products of differences, n - 2 of which are not
    # 0; if there are many, it is computed as written, and loses digits if there is a far outlier.
    n = len(others) + 1
    if n <= 2:
        return (0.0,) * n
    size = m.std((x, *others))
    scale = m.where(size > 1e300, 0.25, 1.0)  # so that no difference overflows
    share = (1.0 - 1.0 / n) * (m.std(others) / size)
    if n > MANY:
        sums = [n * (1.0 + y * score) for score in m.zscores_((x, *others))[1:]]
    else:
        sums = [
            m.sum(
                [
                    (scale * x - scale * z) / size * ((scale * other - scale * z) / size)
                    for z in (*others[:place], *others[place + 1 :])
                ]
            )
            / (scale * scale)
            for place, other in enumerate(others)
        ]
    return (share * share / size, *(-each / (n * n) / size for each in sums))


def _away_from_equal(*xs: float) -> list[tuple[float, float]]:
    if not xs or min(xs) < max(xs):
        return [(-8.0, 8.0)]
    pieces = [(xs[0] + 0.125, 8.0), (-8.0, xs[0] - 0.125)]
    return [(a, b) for a, b in pieces if a < b]


def _exact_var(mp: Any, *xs: Any) -> Any:
    mean = mp.fsum(xs) / len(xs)
    return mp.fsum((x - mean) ** 2 for x in xs) / len(xs)


# --- the rows ------------------------------------------------------------------------------------

# fmt: off
FORMULARY: tuple[Rule, ...] = (
    # --- exponentials and logarithms ---
    Rule("logaddexp", XX, special.logsumexp,
         lambda m, y, x1, x2: (m.sigmoid(x1 - x2), m.sigmoid(x2 - x1)),
         "log(exp(x1) + exp(x2)), without overflow. "
         "Its derivatives are `sigmoid(x1 - x2)` and `sigmoid(x2 - x1)`.",
         ((1000.0, 0.0), 1000.0),
         primitive=lambda m, x1, x2: m.logsumexp((x1, x2)),
         exact=lambda mp, x1, x2: max(x1, x2) + mp.log1p(mp.exp(-abs(x1 - x2)))),
    Rule("logaddexp2", XX, _logaddexp2,
         lambda m, y, x1, x2: (_binary_sigmoid(m, x1 - x2), _binary_sigmoid(m, x2 - x1)),
         "log2(2**x1 + 2**x2), without overflow. "
         "Its derivatives are `1 / (1 + 2**(x2 - x1))` and `1 / (1 + 2**(x1 - x2))`.",
         ((3.0, 3.0), 4.0),
         primitive=lambda m, x1, x2: m.where(
             x1 == x2, x1 + 1.0, m.maximum(x1, x2) + m.log1p(m.exp2(-m.abs(x1 - x2))) / LN2),
         exact=lambda mp, x1, x2: (
             max(x1, x2) + mp.log1p(mp.mpf(2) ** -abs(x1 - x2)) / mp.log(2))),
    Rule("logit", X, _logit, _logit_partials,
         "log(x / (1 - x)), the inverse of the sigmoid. Its derivative is `1 / (x * (1 - x))`.",
         ((0.5,), 0.0), "0 < x < 1",
         within=lambda m, x: (x > 0.0) & (x < 1.0),
         primitive=_logit_primitive,
         exact=lambda mp, x: mp.log(x) - mp.log1p(-x),
         smooth=(((0.0, 1.0),),)),
    Rule("xlogy", XX, _xlogy,
         lambda m, y, x1, x2: (m.log(m.where(x2 == 0.0, 1.0, x2)), _quotient(m, x1, x2)),
         "x1 * log(x2), and 0 where x1 is 0. "
         "Its derivatives are `log(x2)` and `x1 / x2`; at (0, 0), 0 and nan.",
         ((0.0, 0.0), 0.0), "x2 > 0, and x2 = 0 with x1 = 0",
         kinks=lambda m, y, x1, x2: m.meets(x2, 0.0),
         within=lambda m, x1, x2: (x2 > 0.0) | ((x1 == 0.0) & (x2 == 0.0)),
         primitive=lambda m, x1, x2: m.where(
             x1 == 0.0, m.where(x2 >= 0.0, 0.0, nan), x1 * m.log(x2)),
         exact=lambda mp, x1, x2: mp.zero if x1 == 0 and x2 == 0 else x1 * mp.log(x2),
         smooth=(ANYWHERE, POSITIVE)),
    Rule("xlog1py", XX, _xlog1py,
         lambda m, y, x1, x2: (
             m.log1p(m.where(x2 == -1.0, 0.0, x2)), _quotient(m, x1, 1.0 + x2)),
         "x1 * log(1 + x2), accurate near x2 = 0, and 0 where x1 is 0. "
         "Its derivatives are `log1p(x2)` and `x1 / (1 + x2)`; at (0, -1), 0 and nan.",
         ((0.0, -1.0), 0.0), "x2 > -1, and x2 = -1 with x1 = 0",
         kinks=lambda m, y, x1, x2: m.meets(x2, -1.0),
         within=lambda m, x1, x2: (x2 > -1.0) | ((x1 == 0.0) & (x2 == -1.0)),
         primitive=lambda m, x1, x2: m.where(
             x1 == 0.0, m.where(x2 >= -1.0, 0.0, nan), x1 * m.log1p(x2)),
         exact=lambda mp, x1, x2: mp.zero if x1 == 0 and x2 == -1 else x1 * mp.log1p(x2),
         smooth=(ANYWHERE, ((-1.0, inf),))),
    Rule("entr", X, lambda x: -x * math.log(x) if x else 0.0,
         lambda m, y, x: (m.where(x == 0.0, inf, -1.0 - m.log(m.where(x == 0.0, 1.0, x))),),
         "-x * log(x), a term of the entropy, 0 at 0. Its derivative is `-1 - log(x)`, inf at 0.",
         ((0.0,), 0.0), "x >= 0",
         kinks=lambda m, y, x: m.meets(x, 0.0),
         primitive=lambda m, x: m.where(x == 0.0, 0.0, -x * m.log(x)),
         exact=lambda mp, x: -x * mp.log(x) if x else mp.zero,
         smooth=(POSITIVE,)),
    # --- roots ---
    Rule("rsqrt", X, lambda x: 1.0 / math.sqrt(x),
         lambda m, y, x: (over(-0.5 * y, x),),
         "1 / sqrt(x). Its derivative is `-1 / (2 * x * sqrt(x))`.", ((4.0,), 0.5), "x > 0",
         fused=lambda x: ((y := 1.0 / math.sqrt(x)), (-0.5 * y / x,)),
         within=lambda m, x: x > 0.0,
         primitive=lambda m, x: m.where(x == 0.0, inf, 1.0 / m.sqrt(x)),
         exact=lambda mp, x: 1 / mp.sqrt(x),
         smooth=(POSITIVE,)),
    # --- trigonometry ---
    Rule("sinpi", X, _sinpi,
         lambda m, y, x: (pi * m.cospi(x),),
         "sin(πx), exact at integers and halves. Its derivative is `pi * cospi(x)`.",
         ((1.0,), 0.0), "finite x",
         primitive=_sinpi_primitive,
         exact=lambda mp, x: mp.sinpi(x)),
    Rule("cospi", X, _cospi,
         lambda m, y, x: (-pi * m.sinpi(x),),
         "cos(πx), exact at integers and halves. Its derivative is `-pi * sinpi(x)`.",
         ((1.0,), -1.0), "finite x",
         primitive=_cospi_primitive,
         exact=lambda mp, x: mp.cospi(x)),
    Rule("sinc", X, _sinc, _sinc_partials,
         "sin(πx) / (πx), and 1 at 0, as in NumPy. "
         "Its derivative is `(cos(pi * x) - sinc(x)) / x`, 0 at 0.", ((0.0,), 1.0), "finite x",
         primitive=lambda m, x: m.where(
             x == 0.0, 1.0, m.sinpi(x) / (pi * m.where(x == 0.0, 1.0, x))),
         exact=lambda mp, x: mp.sinpi(x) / (mp.pi * x) if x else mp.one),
    Rule("degrees", X, lambda x: x * DEGREES,
         lambda m, y, x: (DEGREES,),
         "An angle of x radians in degrees. Its derivative is `180 / pi`.", ((pi,), 180.0),
         exact=lambda mp, x: mp.degrees(x)),
    Rule("radians", X, lambda x: x * RADIANS,
         lambda m, y, x: (RADIANS,),
         "An angle of x degrees in radians. Its derivative is `pi / 180`.", ((180.0,), pi),
         exact=lambda mp, x: mp.radians(x)),
    # --- signs, remainders ---
    Rule("copysign", XX, math.copysign,
         lambda m, y, x1, x2: (m.sign(x1) * m.sign(y), 0.0),
         "The magnitude of x1 with the sign of x2. "
         "Its derivatives are `sign(x1) * sign(copysign(x1, x2))`, which is 0 at x1 = 0, and `0`.",
         ((2.0, -0.0), -2.0),
         kinks=lambda m, y, x1, x2: m.where(  # of both operands, whichever is 0 or nan
             ((x1 < 0.0) | (x1 > 0.0)) & ((x2 < 0.0) | (x2 > 0.0)),
             0.0, m.meets(x1, x1) + m.meets(x2, x2)),
         primitive=lambda m, x1, x2: m.abs(x1) * _sign_of(m, x2),
         exact=lambda mp, x1, x2: abs(x1) * (1 if x2 > 0 else -1) if x2 else mp.nan,  # lacks -0
         smooth=(NONZERO, NONZERO)),
    Rule("fmod", XX, math.fmod,
         lambda m, y, x1, x2: (unit_slope(m, y), -_whole(m, (x1 - y) / x2)),  # even at a jump
         "The remainder of x1 / x2 with the sign of x1, as in C; % has the sign of x2. "
         "Its derivatives are `1` and `-trunc(x1 / x2)`, even at a jump.",
         ((-7.0, 2.0), -1.0), "finite x1, x2 != 0",
         kinks=lambda m, y, x1, x2: m.where(x1 == 0.0, m.meets(y, 1.0), m.meets(y, 0.0)),
         within=lambda m, x1, x2: (m.abs(x1) < inf) & (x2 != 0.0),
         primitive=_fmod_primitive,
         exact=lambda mp, x1, x2: x1 - x2 * mp.sign(x1 / x2) * mp.floor(abs(x1 / x2)),
         smooth=(NONZERO, _near([(k + 0.25, k + 0.75) for k in (0.0, 1.0, 2.0)]))),
    Rule("remainder", XX, math.remainder,
         lambda m, y, x1, x2: (
             unit_slope(m, y), -_whole(m, x1 / x2 - y / x2)),  # x1 - y might overflow
         "x1 minus the closest multiple of x2, at a tie the even multiple: IEEE's remainder. "
         "Its derivatives are `1` and `(remainder(x1, x2) - x1) / x2`, even at a jump. NumPy's "
         "remainder is %, a different function.",
         ((5.0, 3.0), -1.0), "finite x1, x2 != 0",
         kinks=lambda m, y, x1, x2: m.meets(2.0 * y, x2) + m.meets(-2.0 * y, x2),
         within=lambda m, x1, x2: (m.abs(x1) < inf) & (x2 != 0.0),
         primitive=_remainder_primitive,
         exact=lambda mp, x1, x2: x1 - x2 * mp.nint(x1 / x2),
         smooth=(NONZERO, _near([(0.1, 0.3), (0.7, 1.3), (1.7, 2.3)]))),
    # --- activations ---
    Rule("softsign", X, _softsign,
         lambda m, y, x: (  # a square may overflow
             over(over(1.0, 1.0 + m.abs(x)), 1.0 + m.abs(x)),),
         "x / (1 + |x|), a sigmoid with heavy tails. Its derivative is `1 / (1 + abs(x))**2`.",
         ((1.0,), 0.5),
         kinks=lambda m, y, x: m.meets(x, 0.0),  # of the derivative
         primitive=lambda m, x: m.where(
             m.abs(x) == inf, m.sign(x), x / (1.0 + m.abs(x))),
         exact=lambda mp, x: x / (1 + abs(x)),
         smooth=(NONZERO,)),
    Rule("selu", X, lambda x: SELU_SCALE * (x if x > 0.0 else SELU_ALPHA * math.expm1(x)),
         lambda m, y, x: (
             SELU_SCALE * m.where(x > 0.0, 1.0, SELU_ALPHA * m.exp(m.where(x > 0.0, 0.0, x))),),
         "elu(x, a) times s, such that a deep network normalises itself. Its derivative is "
         "`1.0507009873554805 * where(x > 0, 1, 1.6732632423543772 * exp(x))`, with these s and a; "
         "at 0 it is s * a. After Klambauer et al. (2017).",
         ((0.0,), 0.0),
         kinks=lambda m, y, x: m.meets(x, 0.0),
         primitive=lambda m, x: SELU_SCALE * m.where(x > 0.0, x, SELU_ALPHA * m.expm1(x)),
         exact=lambda mp, x: SELU_SCALE * (x if x > 0 else SELU_ALPHA * mp.expm1(x)),
         smooth=(NONZERO,)),
    Rule("mish", X, _mish, _mish_partials,
         "x * tanh(softplus(x)). Its derivative is "
         "`tanh(softplus(x)) + x * (1 - tanh(softplus(x))**2) * sigmoid(x)`. "
         "After Misra (2019).",
         ((0.0,), 0.0),
         primitive=_mish_primitive,
         exact=lambda mp, x: x * mp.tanh(mp.log1p(mp.exp(x)))),
    Rule("hard_tanh", X, lambda x: -1.0 if x < -1.0 else 1.0 if x > 1.0 else x,
         lambda m, y, x: (m.where(m.abs(x) < 1.0, 1.0, m.where(x == x, 0.0, nan)),),
         "x kept between -1 and 1. Its derivative is `where(abs(x) < 1, 1, 0)`, 0 at the bounds.",
         ((-3.0,), -1.0),
         kinks=lambda m, y, x: m.meets(x, -1.0) + m.meets(x, 1.0),
         primitive=lambda m, x: m.where(x < -1.0, -1.0, m.where(x > 1.0, 1.0, x)),
         exact=lambda mp, x: min(max(x, -mp.one), mp.one),
         smooth=(((-1.0, 1.0), (1.0, inf), (-inf, -1.0)),)),
    # --- of a sequence ---
    Rule("var", XS, _var, _var_partials,
         "The variance of the xs: the mean square of their deviations from the mean, as in NumPy. "
         "Its derivative in each x is `2 * (x - mean(xs)) / len(xs)`.",
         ((1.0, 3.0), 1.0), "at least one operand",
         expanded=lambda m, *xs: _spread(m, xs),
         primitive=_var_primitive,
         exact=_exact_var),
    Rule("std", XS, _std,
         lambda m, y, *xs: tuple(score / len(xs) for score in m.zscores_(xs)),
         "The standard deviation of the xs, the square root of their variance. Its derivative in "
         "each x is `(x - mean(xs)) / (len(xs) * std(xs))`, 0 where all are equal.",
         ((1.0, 3.0), 1.0), "at least one operand",
         expanded=lambda m, *xs: m.sqrt(_spread(m, xs)),
         kinks=lambda m, y, *xs: m.meets(y, 0.0) if len(xs) > 1 else 0.0,
         primitive=_std_primitive,
         exact=lambda mp, *xs: mp.sqrt(_exact_var(mp, *xs)),
         smooth=(_away_from_equal,)),
    *SPECIAL,
)
# fmt: on


def _spread(m: Any, xs: Sequence[Any]) -> Any:
    mean = reduce(add, xs) / len(xs)
    return reduce(add, [m.square(x - mean) for x in xs]) / len(xs)


ROWS: tuple[Rule, ...] = (*TABLE, *FORMULARY)
"""All the rows of the library."""

ZSCORE = "zscore_"
"""The row that the derivatives of `std` are made of: like softmax, of one x and the others."""
DEVIATION = "deviation_"
"""The same for `var`: how far one x is from the mean."""
HELPERS = (
    Rule(ZSCORE, XS, lambda *xs: _zscores(xs)[0], _zscore_partials, primitive=_zscore_primitive),
    Rule(DEVIATION, XS, lambda *xs: _float_deviations_unscaled(xs)[0], _deviation_partials,
         primitive=_deviation_primitive),
)  # fmt: skip

for _rule in (*FORMULARY, *HELPERS):
    register(_rule)


def _with_sign(evaluate: Callable[[float], float], sign: Callable[[float], float]) -> Any:
    """A function on the extended line whose infinity, on overflow, has the given sign."""

    def signed(x: float) -> float:
        try:
            return evaluate(x)
        except OverflowError:
            return math.copysign(inf, sign(x))

    return extended(signed)


EXTENDED.y1 = _with_sign(FLOATS.y1, lambda x: -1.0)
EXTENDED.gamma = _with_sign(FLOATS.gamma, float)
EXTENDED.i1 = _with_sign(FLOATS.i1, float)
FLOATS.zscores_ = EXTENDED.zscores_ = _zscores
FLOATS.deviations_ = EXTENDED.deviations_ = _float_deviations_unscaled
