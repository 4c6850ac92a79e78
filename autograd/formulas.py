"""The formulas of the table that take more than a line: accurate, and without overflow."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from operator import add, mul
from typing import Any

from autograd import special
from autograd.extended_reals import Extended
from autograd.rule import FLOATS

LN2 = math.log(2.0)
LN10 = math.log(10.0)
SQRT_HALF = math.sqrt(0.5)
INVERSE_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)
TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)
SMALLEST = 1e-307  # its reciprocal is a float


def power(x: float, y: float) -> float:
    """x**y, real; an error where it is not."""
    if -math.inf < x < 0.0 and y % 1.0 > 0.0:  # Python would return a complex number
        raise ValueError("a negative number has no real power with a fractional exponent")
    z: float = x**y
    return z


def polygamma(order: float, x: float) -> Extended:
    """The polygamma function on the extended real line, with the signs of its infinities."""
    try:
        return Extended(special.polygamma(order, x))
    except OverflowError:  # next to the pole at 0, where the sign is that of -(-1/x)**(order + 1)
        return Extended(math.inf if order % 2.0 == 1.0 else math.copysign(math.inf, -x))
    except ValueError:
        return Extended(math.nan)


def sign(x: float) -> float:
    """-1, 0 or 1; nan for nan."""
    return float((x > 0) - (x < 0)) if x == x else x


def floor(x: float) -> float:
    """The greatest integer that is at most x, as a float."""
    return x // 1.0 if math.isfinite(x) else x


def ceil(x: float) -> float:
    """The least integer that is at least x, as a float."""
    return -floor(-x)


def maximum(x1: float, x2: float) -> float:
    """The larger of two."""
    return x1 if x1 > x2 or x1 != x1 else x2  # a nan wins, as in NumPy


def minimum(x1: float, x2: float) -> float:
    """The smaller of two."""
    return x1 if x1 < x2 or x1 != x1 else x2


def largest(*xs: float) -> float:
    """The largest of several; nan if one of them is."""
    if not xs:
        raise ValueError("there are none")
    return math.nan if any(map(math.isnan, xs)) else max(xs)


def mean(*xs: float) -> float:
    """The arithmetic mean, even where the sum overflows."""
    if not xs:
        raise ValueError("there are none")
    try:
        return special.exact_sum(*xs) / len(xs)
    except OverflowError:
        return special.exact_sum(*[x / len(xs) for x in xs])


def clip(x: float, lower: float, upper: float) -> float:
    """x kept within bounds."""
    if lower > upper:
        raise ValueError("the lower bound exceeds the upper bound")
    if lower <= upper:
        return lower if x < lower else upper if x > upper else x
    return math.nan  # a nan wins, as in NumPy


def products_of_others(m: Any, y: Any, xs: tuple[Any, ...]) -> tuple[Any, ...]:
    """For each factor, multiply the others; on floats in linear time."""
    if isinstance(y, float):
        return tuple(special.products_of_others(xs))
    if (at_once := getattr(m, "products_of_others", None)) is not None:
        return tuple(at_once(xs))
    return tuple(m.prod((*xs[:i], *xs[i + 1 :])) for i in range(len(xs)))


def directions(m: Any, y: Any, xs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Divide each coordinate by the length y: the direction of a vector, 0 at the origin."""
    if isinstance(y, float):
        length = y or math.inf
        return tuple([x / length for x in xs]) if len(xs) != 2 else (xs[0] / length, xs[1] / length)
    if len(xs) > FEW:
        return _many_directions(m, y, xs)
    return tuple(m.direction_((x, *xs[:i], *xs[i + 1 :])) for i, x in enumerate(xs))


def _many_directions(m: Any, y: Any, xs: tuple[Any, ...]) -> tuple[Any, ...]:
    """As `directions`, in linear time.

    The derivative of x / y in x, 1 / y - x² / y³, would cancel for a coordinate that makes up most
    of the length. There is at most one; its direction is a function of the squares of the others.
    """
    length = m.where(y == 0.0, math.inf, y)
    directions = [over(x, length) for x in xs]
    most = m.where(y < 1e150, m.where(y > 1e-150, 0.75 * y, math.inf), math.inf)  # or squares fail
    dominant = [(x > most) | (x < -most) for x in xs]
    if all(isinstance(each, bool) for each in dominant) and not any(dominant):
        return tuple(directions)
    x = m.sum([m.where(each, x, 0.0) for each, x in zip(dominant, xs, strict=True)])
    others = [m.where(each, 0.0, x) for each, x in zip(dominant, xs, strict=True)]
    cosine = m.cosine_(m.where(x == 0.0, 1.0, x), m.sum([m.square(other) for other in others]))
    return tuple(
        m.where(each, cosine, direction)
        for each, direction in zip(dominant, directions, strict=True)
    )


def cosine_partials(m: Any, y: Any, x: Any, square: Any) -> tuple[Any, Any]:
    """The derivatives of x / sqrt(x² + square)."""
    length = m.sqrt(m.square(x) + square)
    return over(over(over(square, length), length), length), over(over(-0.5 * y, length), length)


FEW = 16
"""The maximum number of coordinates for which the quadratic-time derivatives are used."""


def direction(*xs: float) -> float:
    """The first coordinate divided by the length of the vector; 0 at the origin."""
    return xs[0] / (math.hypot(*xs) or math.inf)


def direction_partials(m: Any, y: Any, x: Any, *others: Any) -> tuple[Any, ...]:
    """The derivatives of `direction`."""
    # (1 - y²) / h for the coordinate itself, with 1 - y² as the sum of the squares of the others.
    length = m.norm((x, *others))
    h = m.where(length == 0.0, math.inf, length)
    if isinstance(y, float):
        directions = [other / h for other in others]
    else:
        directions = [
            m.direction_((other, x, *others[:i], *others[i + 1 :]))
            for i, other in enumerate(others)
        ]
    rates = [over(u, h) for u in directions]
    own = reduce(add, map(mul, directions, rates)) if others else 0.0
    return (own, *(-y * rate for rate in rates))


def sech_squared(x: float) -> float:
    """1 / cosh(x)², without overflow."""
    e = math.exp(-2.0 * abs(x))  # at most 1
    r = 2.0 / (1.0 + e)
    return e * r * r


def logistic_density(x: float) -> float:
    """The derivative of the sigmoid, without overflow."""
    e = math.exp(-abs(x))
    r = 1.0 / (1.0 + e)
    return e * r * r


def loses_parity(n: Any) -> Any:
    """Tell whether n - 1 is rounded, so that for an integer n it is even, as n is.

    Powers of a negative base with the exponents n and n - 1 should differ in sign.
    """
    return n - (n - 1.0) != 1.0


def over(x1: Any, x2: Any) -> Any:
    """x1 / x2, differentiable even where x2**2 overflows or underflows.

    From a recorded x2 that is large or small, a power of two, `scale`, is factored out, so that the
    derivative of each step is a float. (For traced ones, whose numbers are not known, `ChainRule`
    does it.)
    """
    if isinstance(x2, float) or (scale := _scale_of(x2)) == 1.0:
        return x1 / x2
    return x1 / (x2 * scale) * scale


def _scale_of(x: Any) -> float:
    size = getattr(x, "_number", 1.0)
    if not isinstance(size, float) or not size or BOUND > abs(size) > 1.0 / BOUND:
        return 1.0
    return math.ldexp(1.0, min(1 - math.frexp(size)[1], 1000)) if math.isfinite(size) else 1.0


BOUND = 2.0**150
"""Beyond it a second, third or fourth power may leave the range of floats."""


def power_slope(m: Any, x1: Any, x2: Any) -> Any:
    """The derivative of x1**x2 in x1, even where the formula would be 0 times an infinity."""
    if isinstance(x2, float):  # the usual exponent: no derivative in it is taken
        if x2 != 0.0:
            slope = x2 * _lower_power(x1, x2, lambda x1, n: x1**n)
            return m.where(x1 < 0.0, -slope, slope) if loses_parity(x2) else slope
        return x2 if isinstance(x1, float) and x1 >= SMALLEST else 0.0
    # At x2 = 0 it is 0, without a derivative in x2 where x1 <= 0 or the power overflows.
    another = m.where(x2 < 1.0, 2.0, -1.0)  # an exponent other than x2
    at_zero = m.meets(x2, m.where(x1 < SMALLEST, 0.0, another))
    is_zero, zero = (at_zero == 1.0) & (x2 == x2), at_zero - 1.0
    power = _lower_power(x1, x2, lambda x1, n: m.power_log_(0.0, x1, m.where(is_zero, zero, n)))
    power = m.where((x1 < 0.0) & loses_parity(x2), -power, power)
    return m.where(is_zero, zero, x2) * power


def _lower_power(x1: Any, x2: Any, power: Callable[[Any, Any], Any]) -> Any:
    """x1**(x2 - 1) by a given power, split as in `over` if the next may leave the range."""
    if isinstance(x1, float) or (scale := _scale_of(x1)) == 1.0:
        return power(x1, x2 - 1.0)
    exponent = getattr(x2, "_number", x2)  # unknown for a traced x2
    if not isinstance(exponent, float) or not abs(math.log2(scale) * (1.0 - exponent)) < 1000.0:
        return power(x1, x2 - 1.0)
    return power(x1 * scale, x2 - 1.0) * power(1.0 / scale, x2 - 1.0)


def power_kink(m: Any, y: Any, x1: Any, x2: Any) -> Any:
    """Tell whether this is 0**0 with a variable exponent: the power jumps there."""
    if isinstance(x2, float) and m is not FLOATS:
        return 0.0
    # It is also the border of the domain: infinite, so that a zero adjoint does not hide it.
    at_0 = m.meets(x2, 0.0)
    return m.where(x1 == 0.0, at_0 + m.where(at_0 == 0.0, 0.0, math.inf), 0.0)


def power_defined(m: Any, x1: Any, x2: Any) -> Any:
    """Tell whether x1**x2 is defined; for a constant x2, the value tells."""
    if isinstance(x2, float):
        return True
    return (x1 >= 0.0) | (m.floor(x2) == x2) | (x1 == -math.inf)


def power_log(count: float, x1: float, x2: float) -> float:
    """x1**x2 log(x1)**count, 0 at x1 = 0."""
    if count == 0.0:
        return power(x1, x2)
    if x1 > 0.0:
        y: float = x1**x2 * math.log(x1) ** count
        return y
    return 0.0 * x1**x2 if x1 == 0.0 else math.nan


def power_log_partials(m: Any, y: Any, count: Any, x1: Any, x2: Any) -> tuple[Any, ...]:
    """The derivatives of `power_log`."""
    undefined = math.nan * x1 * x2  # nan at every order
    more = m.power_log_(count + 1.0, x1, x2)
    if count == 0.0:
        slope = power_slope(m, x1, x2)
    else:
        less = count * m.power_log_(count - 1.0, x1, x2 - 1.0)
        slope = x2 * m.power_log_(count, x1, x2 - 1.0) + less
        slope = m.where(x1 > 0.0, slope, m.where(x2 > 1.0, slope, undefined))
    # The count does not vary.
    return 0.0, slope, m.where(x1 > 0.0, more, m.where(x2 > 0.0, more, undefined))


def shares(m: Any, y: Any, xs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Share a derivative of 1 equally among the operands that equal y."""
    hits = [m.where(x == y, 1.0, 0.0) for x in xs]
    count = m.sum(hits)
    share = 1.0 / m.where(count == 0.0, 1.0, count)  # none equals y where y is nan
    none = m.where(y == y, 0.0, math.nan)
    return tuple(m.where(x == y, share, none) for x in xs)


def shares_of_two(m: Any, y: Any, x1: Any, x2: Any) -> tuple[Any, ...]:
    """Return (1, 0) if x1 is the larger, (0, 1) if x2 is, halves at a tie; nan if y is."""
    if isinstance(y, float):
        if x1 == x2:
            return 0.5, 0.5
        return (1.0, 0.0) if x1 > x2 else (0.0, 1.0) if x1 < x2 else (y, y)
    tie = m.where(x1 == x2, 0.5, math.nan)
    return (
        m.where(x1 > x2, 1.0, m.where(x1 < x2, 0.0, tie)),
        m.where(x1 > x2, 0.0, m.where(x1 < x2, 1.0, tie)),
    )


def unit_slope(m: Any, y: Any) -> Any:
    """The derivative of a remainder in the dividend: 1, or nan where the remainder y is nan."""
    return m.where(y == y, 1.0, math.nan)


def relu_slope(m: Any, y: Any, x: Any) -> Any:
    """The derivative of relu: 0 at 0, and nan at nan."""
    positive = x > 0.0
    # The 0 of the branch not taken is a number if x is known; else it is y, which is 0, or nan if x
    # is.
    return m.where(positive, 1.0, 0.0 if isinstance(positive, bool) and x <= 0.0 else y)


def clip_partials(m: Any, y: Any, x: Any, lower: Any, upper: Any) -> tuple[Any, ...]:
    """The derivatives of `clip`: at a bound the whole derivative goes to x."""
    # y is nan if an operand is.
    if isinstance(y, float):
        if y != y:
            return y, y, y
        return (0.0, 1.0, 0.0) if x < lower else (0.0, 0.0, 1.0) if x > upper else (1.0, 0.0, 0.0)
    none = m.where(y == y, 0.0, math.nan)
    if isinstance(none, float) and none:
        return none, none, none
    return (
        m.where(x < lower, 0.0, m.where(x > upper, 0.0, m.where(x == x, 1.0, math.nan))),
        m.where(x < lower, 1.0, none),
        m.where(x > upper, 1.0, none),
    )


def bend(m: Any, x: Any, parameter: Any) -> Any:
    """Tell whether x is at 0, where its derivative and that in a parameter jump."""
    if isinstance(x, float) and x != 0.0:  # the parameter may not be known yet
        return 0.0
    return m.where(x == 0.0, m.meets(x, 0.0) + m.meets(parameter, parameter), 0.0)


def ties(m: Any, y: Any, xs: tuple[Any, ...]) -> Any:
    """Tell whether several operands equal y."""
    hits = m.sum([m.meets(x, y) for x in xs])
    return m.where(hits > 1.0, hits, 0.0)


def vanishing(m: Any, x: Any, slope: Callable[[Any], Any], sides: int = 2) -> Any:
    """Take a derivative that is 0 at infinity, where its formula gives 0 times infinity."""
    is_infinite = x == math.inf
    if sides == 2:
        is_infinite = is_infinite | (x == -math.inf)
    return m.where(is_infinite, 0.0, slope(m.where(is_infinite, 2.0, x)))


def moment(m: Any, x: Any, density: Any) -> Any:
    """Multiply x by a density at x, even where the density is 0 and x infinite."""
    return m.where(density == 0.0, 0.0, x) * density


def gelu_slope(m: Any, x: Any) -> Any:
    """The derivative of gelu, Φ(x) + x φ(x)."""
    return 0.5 * m.erfc(-SQRT_HALF * x) + moment(m, x, m.normal_density_(x))


def float_gelu_slope(x: float) -> float:
    """The same on floats, in few calls."""
    density = INVERSE_SQRT_2PI * math.exp(-0.5 * x * x)
    return 0.5 * math.erfc(-SQRT_HALF * x) + (x * density if density else 0.0)


def softmax_partials(m: Any, y: Any, x: Any, *others: Any) -> tuple[Any, ...]:
    """The derivatives of the share of x."""
    # y (1 - y) for the first operand, with 1 - y as a sum, not a difference: no cancellation.
    if isinstance(y, float):
        rest = m.softmax((x, *others))[1:]
        return (y * m.sum(rest), *(-y * share for share in rest))
    return (m.share_variance_((x, *others)), *(-each for each in _covariances(m, x, others)))


def _covariances(m: Any, x: Any, others: tuple[Any, ...]) -> list[Any]:
    """Multiply the share of x in the softmax by each of the other shares."""
    return [
        m.share_covariance_((x, other, *others[:i], *others[i + 1 :]))
        for i, other in enumerate(others)
    ]


def share_variance(m: Any, *xs: Any) -> Any:
    """y (1 - y), for the share y of the first operand."""
    share, *rest = m.softmax(xs)
    return share * m.sum(rest)


def share_covariance(m: Any, *xs: Any) -> Any:
    """The product of the shares of the first two operands."""
    shares = m.softmax(xs)
    return shares[0] * shares[1]


def share_balance(m: Any, x: Any, *others: Any) -> Any:
    """1 - 2 y, for the share y of the first operand: how much more the others have.

    Computed from the difference to the largest of the others, which is exact if it is small.
    """
    if len(others) < 2:
        return m.tanh(0.5 * (others[0] - x)) if others else -1.0
    largest = m.max(others)
    top, excess = m.where(largest > x, largest, x), m.expm1(-m.abs(largest - x))
    rest, found = [], 0.0  # the others; one that is the largest is left out
    for other in others:
        first = m.where(found == 1.0, 0.0, m.where(other == largest, 1.0, 0.0))
        rest.append(m.where(first == 1.0, 0.0, m.exp(other - top)))
        found = m.where(first == 1.0, 1.0, found)
    total = m.sum(rest)
    return m.where(largest > x, total - excess, total + excess) / (2.0 + excess + total)


def on_floats(function: Callable[..., Any]) -> Callable[..., float]:
    """Turn a formula into a function of floats."""
    return lambda *xs: float(function(FLOATS, *xs))


def share_variance_partials(m: Any, y: Any, x: Any, *others: Any) -> tuple[Any, ...]:
    """The derivatives of `share_variance`."""
    balance = m.share_balance_((x, *others))
    if isinstance(y, float):
        return (y * balance, *(-balance * each for each in _covariances(m, x, others)))
    bends = [m.share_bend_((x, z, *others[:i], *others[i + 1 :])) for i, z in enumerate(others)]
    return (y * balance, *(-bend for bend in bends))


def share_covariance_partials(m: Any, y: Any, x1: Any, x2: Any, *others: Any) -> tuple[Any, ...]:
    """The derivatives of `share_covariance`."""
    if isinstance(y, float):
        own = y * m.share_balance_((x1, x2, *others)), y * m.share_balance_((x2, x1, *others))
    else:
        own = m.share_bend_((x1, x2, *others)), m.share_bend_((x2, x1, *others))
    return (*own, *(-2.0 * each for each in _products_of_three(m, y, x1, x2, others)))


def _products_of_three(m: Any, y: Any, x1: Any, x2: Any, others: tuple[Any, ...]) -> list[Any]:
    """Multiply the product y of two shares by each of the others."""
    if isinstance(y, float):
        return [y * share for share in m.softmax((x1, x2, *others))[2:]]
    return [
        m.share_product_((x1, x2, other, *others[:i], *others[i + 1 :]))
        for i, other in enumerate(others)
    ]


def share_bend(m: Any, x1: Any, x2: Any, *others: Any) -> Any:
    """y1 y2 (1 - 2 y1), up to its sign the second derivative of y1 in x1 and x2."""
    return m.share_covariance_((x1, x2, *others)) * m.share_balance_((x1, x2, *others))


def share_bend_partials(m: Any, y: Any, x1: Any, x2: Any, *others: Any) -> tuple[Any, ...]:
    """The derivatives of `share_bend`."""
    product = m.share_covariance_((x1, x2, *others))
    first, second = m.share_balance_((x1, x2, *others)), m.share_balance_((x2, x1, *others))
    excess = m.share_excess_((x1, x2, *others)) if others else 0.0
    products = _products_of_three(m, product, x1, x2, others)
    return (
        product * (first * first - 2.0 * m.share_variance_((x1, x2, *others))),
        product * (first * second + 2.0 * product),
        *(-2.0 * each * excess for each in products),
    )


def share_product(m: Any, *xs: Any) -> Any:
    """The product of the shares of the first three operands."""
    shares = m.softmax(xs)
    return shares[0] * shares[1] * shares[2]


def share_product_partials(
    m: Any, y: Any, x1: Any, x2: Any, x3: Any, *others: Any
) -> tuple[Any, ...]:
    """The derivatives of `share_product`."""
    return (
        y * m.share_excess_((x1, x2, x3, *others)),
        y * m.share_excess_((x2, x1, x3, *others)),
        y * m.share_excess_((x3, x1, x2, *others)),
        *(-3.0 * y * share for share in m.softmax((x1, x2, x3, *others))[3:]),
    )


def share_excess(m: Any, x: Any, *others: Any) -> Any:
    """1 - 3 y, for the share y of the first of at least three operands: see `share_balance`.

    Computed from the differences to the two largest of the others.
    """
    first, rest = _without_largest(m, others)
    second, rest = _without_largest(m, rest)
    top = m.where(first > x, first, x)
    own, differences = m.exp(x - top), []
    for other in (first, second):
        larger = m.where(other > x, other, x)
        excess = m.exp(larger - top) * m.expm1(-m.abs(other - x))
        differences.append(m.where(other > x, -excess, excess))
    total = m.sum([m.exp(other - top) for other in rest]) if rest else 0.0
    size = total + own + m.exp(first - top) + m.exp(second - top)
    return (total + (differences[0] + differences[1])) / size


def _without_largest(m: Any, xs: Sequence[Any]) -> tuple[Any, list[Any]]:
    """Return the largest operand, and a list of all operands with -inf in its place."""
    largest, rest, found = m.max(xs), [], 0.0
    for x in xs:
        first = m.where(found == 1.0, 0.0, m.where(x == largest, 1.0, 0.0))
        rest.append(m.where(first == 1.0, -math.inf, x))
        found = m.where(first == 1.0, 1.0, found)
    return largest, rest


def share_excess_partials(m: Any, y: Any, x: Any, *others: Any) -> tuple[Any, ...]:
    """The derivatives of `share_excess`."""
    variance = m.share_variance_((x, *others))
    return (-3.0 * variance, *(3.0 * each for each in _covariances(m, x, others)))


def share_balance_partials(m: Any, y: Any, x: Any, *others: Any) -> tuple[Any, ...]:
    """The derivatives of `share_balance`."""
    variance = m.share_variance_((x, *others))
    return (-2.0 * variance, *(2.0 * each for each in _covariances(m, x, others)))


def dot(*xs: float) -> float:
    """The dot product of the first half of the operands with the second."""
    n = len(xs) // 2
    return float(special.sum_of_products(xs[:n], xs[n:]))  # math.sumprod of nothing is an int


def products_added(xs: tuple[Any, ...]) -> Any:
    """The same in ordinary arithmetic."""
    n = len(xs) // 2
    return reduce(add, map(mul, xs[:n], xs[n:]))


def net(*xs: float) -> float:
    """The dot product of all operands but the last, plus the last."""
    n = len(xs) // 2
    return special.sum_of_products(xs[:n], xs[n:-1]) + xs[-1]
