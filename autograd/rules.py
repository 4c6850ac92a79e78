"""The table of differentiable functions: one row a function, read like a page of a formulary.

A row says how its function is evaluated on floats, and what its partial derivatives are. The
partials are an expression in ordinary arithmetic and in functions taken from a namespace `m`, so
the same row serves floats, recorded `Value`s, mpmath numbers and symbols alike. In a row

    y           is the function's own value: a partial may be cheaper, or more accurate, through it;
    x, x1, xs   are its operands;
    m           offers every named function of this table, with all of its operands given.

An expression may not branch on its operands: it says `m.where`. Where Python's arithmetic would
raise although the function is defined (`sqrt` at 0), a partial is evaluated on floats once more, on
the extended real line, where 1/0 is infinite. How a formula avoids cancellation and overflow, and
what is agreed on at a kink, stands in its row. Further functions, of the same kind of rows, are in
`autograd.formulary`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from importlib import import_module
from operator import add, mul, neg
from types import SimpleNamespace
from typing import Any

from autograd import special
from autograd.extended import Extended, extended

__all__ = [
    "CHAIN_PRODUCT", "DETACHED", "EXTENDED", "FLOATS", "HELPERS", "KINKED", "LINEAR", "MEETS",
    "RULES", "TABLE", "VALUES", "OwnName", "Rule", "loses_parity", "over", "register",
    "rule_of", "unit_slope",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table: a differentiable function.

    Attributes:
        name: The function's name; an operator's sign for an operator.
        operands: The names of its operands, in order; `("*xs",)` for any number of them.
        evaluate: The function on floats; raises what Python's `math` would off its domain.
        partials: `partials(m, y, *xs)`, the tuple of its partial derivatives, one an operand.
        summary: What the function is, in a sentence. Further sentences say what its derivatives
            are, as formulas in backquotes, and what is agreed on at its kinks.
        example: Operands, and the function's value there.
        domain: Where the function is defined, in words; empty where it is everywhere.
        fused: For the hottest of one operand, value and derivatives on floats in one call.
        elementary: `elementary(m, *xs)`, for a function of many operands: the same, written out in
            operations of one or two.
        kinks: `kinks(m, y, *xs)`, other than 0 where the first derivative is agreed on, or jumps: a
            second one does not exist there, and is nan. It is made of `m.meets`.
        within: `within(m, *xs)`, the domain as a condition, where the partials would be finite
            outside of it: compiled code, which cannot raise, makes them nan.
        primitive: `primitive(m, *xs)`, for the compiler, where `evaluate` branches or takes what is
            not in `m`: the same values without branches, inf or nan off the domain.
        by_python: Whether compiled programs have Python evaluate it, number by number.
        exact: `exact(mp, *xs)`, the function as mpmath defines it: what the row is held to.
        smooth: For each name in `operands` the open intervals where the function is smooth, the
            one that examples shrink to first; or a function that gives from the operands before
            the closed intervals to draw from. Empty: every number.
        defaults: What the last operands are where they are not given.
        fixed: The operands that no derivative is taken of, as an order.
        plain: Whether these must be plain numbers: a derivative in them exists, and is not known.
    """

    name: str
    operands: tuple[str, ...]
    evaluate: Callable[..., float]
    partials: Callable[..., tuple[Any, ...]]
    summary: str = ""
    example: tuple[tuple[Any, ...], float] | None = None
    domain: str = ""
    fused: Callable[[float], tuple[float, tuple[float, ...]]] | None = None
    elementary: Callable[..., Any] | None = None
    kinks: Callable[..., Any] | None = None
    within: Callable[..., Any] | None = None
    primitive: Callable[..., Any] | None = None
    by_python: bool = False
    exact: Callable[..., Any] | None = None
    smooth: tuple[Any, ...] = ()
    defaults: tuple[float, ...] = ()
    fixed: tuple[str, ...] = ()
    plain: bool = False

    @property
    def of_sequence(self) -> bool:
        """Whether the function takes its operands as one sequence."""
        return self.operands == XS

    @property
    def is_method(self) -> bool:
        """Whether the first operand is the one that a method of Value would act on."""
        first = self.operands[0]
        return not first.startswith("*") and first not in self.fixed

    def local_derivatives(self, y: float, *xs: float) -> tuple[float, ...]:
        """Evaluate the partial derivatives on floats.

        Args:
            y: The function's value at `xs`.
            *xs: The operands, a point at which the function is defined.

        Returns:
            One float an operand; infinite or nan where the derivative is, never an exception.

        Example:
            >>> RULES["sqrt"].local_derivatives(0.0, 0.0)
            (inf,)
        """
        try:
            return self.partials(FLOATS, y, *xs)
        except (ArithmeticError, ValueError):
            return tuple(map(float, self.partials(EXTENDED, Extended(y), *map(Extended, xs))))


# --- helpers of the rows -------------------------------------------------------------------------

LN2 = math.log(2.0)
LN10 = math.log(10.0)
SQRT_HALF = math.sqrt(0.5)
INVERSE_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)
TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)
SMALLEST = 1e-307  # its reciprocal is a float


def _power(x: float, y: float) -> float:
    if -math.inf < x < 0.0 and y % 1.0 > 0.0:  # Python would turn to complex numbers
        raise ValueError("a negative number has no real power with a fractional exponent")
    z: float = x**y
    return z


def _polygamma(order: float, x: float) -> Extended:
    try:
        return Extended(special.polygamma(order, x))
    except OverflowError:  # next to the pole at 0, where it is as -(-1/x)**(order + 1)
        return Extended(math.inf if order % 2.0 == 1.0 else math.copysign(math.inf, -x))
    except ValueError:
        return Extended(math.nan)


def _sign(x: float) -> float:
    return float((x > 0) - (x < 0)) if x == x else x


def _floor(x: float) -> float:
    return x // 1.0 if math.isfinite(x) else x


def _ceil(x: float) -> float:
    return -_floor(-x)


def _maximum(x1: float, x2: float) -> float:
    return x1 if x1 > x2 or x1 != x1 else x2  # a nan wins, as in NumPy


def _minimum(x1: float, x2: float) -> float:
    return x1 if x1 < x2 or x1 != x1 else x2


def _max(*xs: float) -> float:
    if not xs:
        raise ValueError("there are none")
    return math.nan if any(map(math.isnan, xs)) else max(xs)


def _mean(*xs: float) -> float:
    if not xs:
        raise ValueError("there are none")
    try:
        return special.exact_sum(*xs) / len(xs)
    except OverflowError:
        return special.exact_sum(*[x / len(xs) for x in xs])


def _clip(x: float, lower: float, upper: float) -> float:
    if lower > upper:
        raise ValueError("the lower bound exceeds the upper bound")
    if lower <= upper:
        return lower if x < lower else upper if x > upper else x
    return math.nan  # a nan wins, as in NumPy


def _products_of_others(m: Any, y: Any, xs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Multiply for each factor the others; on floats in a time linear in their number."""
    if isinstance(y, float):
        return tuple(special.products_of_others(xs))
    return tuple(m.prod((*xs[:i], *xs[i + 1 :])) for i in range(len(xs)))


def _directions(m: Any, y: Any, xs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Divide each coordinate by the length y: the direction of a vector, 0 at the origin."""
    if isinstance(y, float):
        length = y or math.inf
        return tuple([x / length for x in xs]) if len(xs) != 2 else (xs[0] / length, xs[1] / length)
    if len(xs) > FEW:
        return _many_directions(m, y, xs)
    return tuple(m.direction_((x, *xs[:i], *xs[i + 1 :])) for i, x in enumerate(xs))


def _many_directions(m: Any, y: Any, xs: tuple[Any, ...]) -> tuple[Any, ...]:
    """As `_directions`, in a time linear in their number.

    The derivative of x / y in x, 1 / y - x² / y³, would cancel for a coordinate that has most of
    the length. There is one at most; its direction is a function of the squares of the others.
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


def _cosine_partials(m: Any, y: Any, x: Any, square: Any) -> tuple[Any, Any]:
    length = m.sqrt(m.square(x) + square)
    return over(over(over(square, length), length), length), over(over(-0.5 * y, length), length)


FEW = 16
"""Up to how many coordinates of a vector have derivatives that cost the square of their number."""


def _direction(*xs: float) -> float:
    return xs[0] / (math.hypot(*xs) or math.inf)


def _direction_partials(m: Any, y: Any, x: Any, *others: Any) -> tuple[Any, ...]:
    # (1 - y²) / h for the coordinate itself, with 1 - y² added up from the squares of the others.
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


def _sech_squared(x: float) -> float:
    e = math.exp(-2.0 * abs(x))  # at most 1
    r = 2.0 / (1.0 + e)
    return e * r * r


def _logistic_density(x: float) -> float:
    e = math.exp(-abs(x))
    r = 1.0 / (1.0 + e)
    return e * r * r


def loses_parity(n: Any) -> Any:
    """Tell whether n - 1 is rounded, and so, of an integer n, even as n is.

    Powers of negative bases with these exponents ought to differ in sign.
    """
    return n - (n - 1.0) != 1.0


def over(x1: Any, x2: Any) -> Any:
    """x1 / x2, which may be differentiated although x2**2 is too large for a float, or too small.

    Of a recorded x2 that is large or small a power of two, `scale`, is taken out: the derivative of
    each step is a float. (Of traced ones, whose number is not known, `ChainRule` takes care.)
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


def _power_slope(m: Any, x1: Any, x2: Any) -> Any:
    """The derivative of x1**x2 in x1, also where that is 0 times an infinity."""
    if isinstance(x2, float):  # as an exponent mostly is: nothing is differentiated in it
        if x2 != 0.0:
            slope = x2 * _lower_power(x1, x2, lambda x1, n: x1**n)
            return m.where(x1 < 0.0, -slope, slope) if loses_parity(x2) else slope
        return x2 if isinstance(x1, float) and x1 >= SMALLEST else 0.0
    # At x2 = 0 it is 0: of x1 <= 0, or where the power overflows, without a derivative in x2.
    another = m.where(x2 < 1.0, 2.0, -1.0)  # than x2
    at_zero = m.meets(x2, m.where(x1 < SMALLEST, 0.0, another))
    is_zero, zero = (at_zero == 1.0) & (x2 == x2), at_zero - 1.0
    power = _lower_power(x1, x2, lambda x1, n: m.power_log_(0.0, x1, m.where(is_zero, zero, n)))
    power = m.where((x1 < 0.0) & loses_parity(x2), -power, power)
    return m.where(is_zero, zero, x2) * power


def _lower_power(x1: Any, x2: Any, power: Callable[[Any, Any], Any]) -> Any:
    """x1**(x2 - 1) by a given power, split as in `over` where the next one may leave the range."""
    if isinstance(x1, float) or (scale := _scale_of(x1)) == 1.0:
        return power(x1, x2 - 1.0)
    exponent = getattr(x2, "_number", x2)  # which is not known of a traced one
    if not isinstance(exponent, float) or not abs(math.log2(scale) * (1.0 - exponent)) < 1000.0:
        return power(x1, x2 - 1.0)
    return power(x1 * scale, x2 - 1.0) * power(1.0 / scale, x2 - 1.0)


def _power_kink(m: Any, y: Any, x1: Any, x2: Any) -> Any:
    """Tell whether it is 0**0 with an exponent that varies: it jumps there."""
    if isinstance(x2, float) and m is not FLOATS:
        return 0.0
    # It is the border of the domain as well: infinite, lest a zero adjoint do away with it.
    at_0 = m.meets(x2, 0.0)
    return m.where(x1 == 0.0, at_0 + m.where(at_0 == 0.0, 0.0, math.inf), 0.0)


def _power_defined(m: Any, x1: Any, x2: Any) -> Any:
    """Tell whether x1**x2 is; of a constant x2, its value tells."""
    if isinstance(x2, float):
        return True
    return (x1 >= 0.0) | (m.floor(x2) == x2) | (x1 == -math.inf)


def _power_log(count: float, x1: float, x2: float) -> float:
    if count == 0.0:
        return _power(x1, x2)
    if x1 > 0.0:
        y: float = x1**x2 * math.log(x1) ** count
        return y
    return 0.0 * x1**x2 if x1 == 0.0 else math.nan


def _power_log_partials(m: Any, y: Any, count: Any, x1: Any, x2: Any) -> tuple[Any, ...]:
    undefined = math.nan * x1 * x2  # at every order
    more = m.power_log_(count + 1.0, x1, x2)
    if count == 0.0:
        slope = _power_slope(m, x1, x2)
    else:
        less = count * m.power_log_(count - 1.0, x1, x2 - 1.0)
        slope = x2 * m.power_log_(count, x1, x2 - 1.0) + less
        slope = m.where(x1 > 0.0, slope, m.where(x2 > 1.0, slope, undefined))
    # A count does not vary.
    return 0.0, slope, m.where(x1 > 0.0, more, m.where(x2 > 0.0, more, undefined))


def _shares(m: Any, y: Any, xs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Share a derivative of 1 equally among the operands that equal y."""
    hits = [m.where(x == y, 1.0, 0.0) for x in xs]
    count = m.sum(hits)
    share = m.where(count == 0.0, y, count)  # there is none where y is nan
    return tuple(hit / share for hit in hits)


def _shares_of_two(m: Any, y: Any, x1: Any, x2: Any) -> tuple[Any, ...]:
    """Give 1 and 0 where x1 is the larger, 0 and 1 where x2 is; at a nan y, which is one."""
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
    """Give 1, the derivative of a remainder in what is divided; nan where the remainder, y, is."""
    return m.where(y == y, 1.0, math.nan)


def _relu_slope(m: Any, y: Any, x: Any) -> Any:
    positive = x > 0.0
    # The 0 of a branch not taken is a number where it is known; else it is y, 0 or nan as x is.
    return m.where(positive, 1.0, 0.0 if isinstance(positive, bool) and x <= 0.0 else y)


def _clip_partials(m: Any, y: Any, x: Any, lower: Any, upper: Any) -> tuple[Any, ...]:
    # y is nan where an operand is.
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


def _bend(m: Any, x: Any, parameter: Any) -> Any:
    """Tell whether x is at 0, where its derivative jumps, and with it that in a parameter."""
    if isinstance(x, float) and x != 0.0:  # the parameter may not be known yet
        return 0.0
    return m.where(x == 0.0, m.meets(x, 0.0) + m.meets(parameter, parameter), 0.0)


def _ties(m: Any, y: Any, xs: tuple[Any, ...]) -> Any:
    """Tell whether several operands equal y."""
    hits = m.sum([m.meets(x, y) for x in xs])
    return m.where(hits > 1.0, hits, 0.0)


def _vanishing(m: Any, x: Any, slope: Callable[[Any], Any], sides: int = 2) -> Any:
    """Take a derivative that is 0 at infinity, where its own would meet 0 times an infinity."""
    is_infinite = x == math.inf
    if sides == 2:
        is_infinite = is_infinite | (x == -math.inf)
    return m.where(is_infinite, 0.0, slope(m.where(is_infinite, 2.0, x)))


def _moment(m: Any, x: Any, density: Any) -> Any:
    """Multiply x by a density of x, also where that is 0 and x infinite."""
    return m.where(density == 0.0, 0.0, x) * density


def _gelu_slope(m: Any, x: Any) -> Any:
    return 0.5 * m.erfc(-SQRT_HALF * x) + _moment(m, x, m.normal_density_(x))


def _float_gelu_slope(x: float) -> float:
    density = INVERSE_SQRT_2PI * math.exp(-0.5 * x * x)
    return 0.5 * math.erfc(-SQRT_HALF * x) + (x * density if density else 0.0)


def _softmax_partials(m: Any, y: Any, x: Any, *others: Any) -> tuple[Any, ...]:
    # y (1 - y) for the first operand, with 1 - y added up rather than subtracted: no cancellation.
    if isinstance(y, float):
        rest = m.softmax((x, *others))[1:]
        return (y * m.sum(rest), *(-y * share for share in rest))
    return (m.share_variance_((x, *others)), *(-each for each in _covariances(m, x, others)))


def _covariances(m: Any, x: Any, others: tuple[Any, ...]) -> list[Any]:
    """Multiply the share of x in the softmax by those of the others."""
    return [
        m.share_covariance_((x, other, *others[:i], *others[i + 1 :]))
        for i, other in enumerate(others)
    ]


def _share_variance(m: Any, *xs: Any) -> Any:
    """y (1 - y), of the share y of the first operand."""
    share, *rest = m.softmax(xs)
    return share * m.sum(rest)


def _share_covariance(m: Any, *xs: Any) -> Any:
    shares = m.softmax(xs)
    return shares[0] * shares[1]


def _share_balance(m: Any, x: Any, *others: Any) -> Any:
    """1 - 2 y, of the share y of the first operand: what the others have more than it.

    By the difference from the largest of the others, which is exact where it is small.
    """
    if len(others) < 2:
        return m.tanh(0.5 * (others[0] - x)) if others else -1.0
    largest = m.max(others)
    top, excess = m.where(largest > x, largest, x), m.expm1(-m.abs(largest - x))
    rest, found = [], 0.0  # of the others, of which one, the largest, is left out
    for other in others:
        first = m.where(found == 1.0, 0.0, m.where(other == largest, 1.0, 0.0))
        rest.append(m.where(first == 1.0, 0.0, m.exp(other - top)))
        found = m.where(first == 1.0, 1.0, found)
    total = m.sum(rest)
    return m.where(largest > x, total - excess, total + excess) / (2.0 + excess + total)


def _on_floats(function: Callable[..., Any]) -> Callable[..., float]:
    return lambda *xs: float(function(FLOATS, *xs))


def _share_variance_partials(m: Any, y: Any, x: Any, *others: Any) -> tuple[Any, ...]:
    balance = m.share_balance_((x, *others))
    if isinstance(y, float):
        return (y * balance, *(-balance * each for each in _covariances(m, x, others)))
    bends = [m.share_bend_((x, z, *others[:i], *others[i + 1 :])) for i, z in enumerate(others)]
    return (y * balance, *(-bend for bend in bends))


def _share_covariance_partials(m: Any, y: Any, x1: Any, x2: Any, *others: Any) -> tuple[Any, ...]:
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


def _share_bend(m: Any, x1: Any, x2: Any, *others: Any) -> Any:
    """y1 y2 (1 - 2 y1), the second derivative of y1 in x1 and x2, but for its sign."""
    return m.share_covariance_((x1, x2, *others)) * m.share_balance_((x1, x2, *others))


def _share_bend_partials(m: Any, y: Any, x1: Any, x2: Any, *others: Any) -> tuple[Any, ...]:
    product = m.share_covariance_((x1, x2, *others))
    first, second = m.share_balance_((x1, x2, *others)), m.share_balance_((x2, x1, *others))
    excess = m.share_excess_((x1, x2, *others)) if others else 0.0
    products = _products_of_three(m, product, x1, x2, others)
    return (
        product * (first * first - 2.0 * m.share_variance_((x1, x2, *others))),
        product * (first * second + 2.0 * product),
        *(-2.0 * each * excess for each in products),
    )


def _share_product(m: Any, *xs: Any) -> Any:
    shares = m.softmax(xs)
    return shares[0] * shares[1] * shares[2]


def _share_product_partials(
    m: Any, y: Any, x1: Any, x2: Any, x3: Any, *others: Any
) -> tuple[Any, ...]:
    return (
        y * m.share_excess_((x1, x2, x3, *others)),
        y * m.share_excess_((x2, x1, x3, *others)),
        y * m.share_excess_((x3, x1, x2, *others)),
        *(-3.0 * y * share for share in m.softmax((x1, x2, x3, *others))[3:]),
    )


def _share_excess(m: Any, x: Any, *others: Any) -> Any:
    """1 - 3 y, of the share y of the first operand, of three at least: see `_share_balance`.

    By the differences from the two largest of the others.
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
    """Give the largest, and all with -inf in its place."""
    largest, rest, found = m.max(xs), [], 0.0
    for x in xs:
        first = m.where(found == 1.0, 0.0, m.where(x == largest, 1.0, 0.0))
        rest.append(m.where(first == 1.0, -math.inf, x))
        found = m.where(first == 1.0, 1.0, found)
    return largest, rest


def _share_excess_partials(m: Any, y: Any, x: Any, *others: Any) -> tuple[Any, ...]:
    variance = m.share_variance_((x, *others))
    return (-3.0 * variance, *(3.0 * each for each in _covariances(m, x, others)))


def _share_balance_partials(m: Any, y: Any, x: Any, *others: Any) -> tuple[Any, ...]:
    variance = m.share_variance_((x, *others))
    return (-2.0 * variance, *(2.0 * each for each in _covariances(m, x, others)))


def _dot(*xs: float) -> float:
    n = len(xs) // 2
    return float(special.sum_of_products(xs[:n], xs[n:]))  # math.sumprod of nothing is an int


def _products_added(xs: tuple[Any, ...]) -> Any:
    n = len(xs) // 2
    return reduce(add, map(mul, xs[:n], xs[n:]))


def _net(*xs: float) -> float:
    n = len(xs) // 2
    return special.sum_of_products(xs[:n], xs[n:-1]) + xs[-1]


# --- the table -----------------------------------------------------------------------------------

X = ("x",)
XX = ("x1", "x2")
XS = ("*xs",)
CHAIN_PRODUCT, MEETS, KINKED, DETACHED = "·", "meets", "kinked", "detached"

# fmt: off
TABLE = (
    # --- arithmetic ---
    Rule("+", XX, lambda x1, x2: x1 + x2,
         lambda m, y, x1, x2: (1.0, 1.0)),
    Rule("-", XX, lambda x1, x2: x1 - x2,
         lambda m, y, x1, x2: (1.0, -1.0)),
    Rule("*", XX, mul,
         lambda m, y, x1, x2: (x2, x1)),
    Rule("/", XX, lambda x1, x2: x1 / x2,
         lambda m, y, x1, x2: (over(1.0, x2), over(-y, x2)),  # by way of y, as x2² may overflow
         domain="x2 != 0"),
    Rule("neg", X, lambda x: -x,
         lambda m, y, x: (-1.0,)),
    Rule("**", XX, _power,
         lambda m, y, x1, x2: (
             _power_slope(m, x1, x2),
             # 0 at x1 = 0; a negative base has integer exponents only, hence no derivative
             m.power_log_(1.0, x1, x2)),
         domain="x1 > 0, x1 = 0 with x2 >= 0, and x1 < 0 with an integer x2",
         kinks=_power_kink,
         within=_power_defined),
    Rule("//", XX, lambda x1, x2: x1 // x2,
         lambda m, y, x1, x2: (m.where(y == y, 0.0, math.nan),) * 2,  # 0 also at a jump
         domain="x2 != 0",
         kinks=lambda m, y, x1, x2: m.meets(x1 % x2, 0.0),
         within=lambda m, x1, x2: x2 != 0.0),
    Rule("%", XX, lambda x1, x2: x1 % x2,
         lambda m, y, x1, x2: (unit_slope(m, y), -(x1 // x2)),  # also at a jump
         domain="x2 != 0",
         kinks=lambda m, y, x1, x2: m.meets(y, 0.0),
         within=lambda m, x1, x2: x2 != 0.0),
    Rule("abs", X, abs,
         lambda m, y, x: (m.sign(x),),
         "The absolute value of x. Its derivative is `sign(x)`, which is 0 at 0.", ((-2.0,), 2.0),
         kinks=lambda m, y, x: m.meets(x, 0.0)),
    # --- exponentials and logarithms ---
    Rule("exp", X, math.exp,
         lambda m, y, x: (y,),
         "e to the power x. Its derivative is `exp(x)`.", ((0.0,), 1.0)),
    Rule("exp2", X, special.exp2,
         lambda m, y, x: (y * LN2,),
         "2 to the power x. Its derivative is `log(2) * exp2(x)`.", ((3.0,), 8.0)),
    Rule("expm1", X, math.expm1,
         lambda m, y, x: (m.exp(x),),
         "exp(x) - 1, accurate near 0. Its derivative is `exp(x)`.", ((0.0,), 0.0)),
    Rule("log", X, math.log,
         lambda m, y, x: (over(1.0, x),),
         "The natural logarithm of x. Its derivative is `1 / x`.", ((1.0,), 0.0), "x > 0",
         fused=lambda x: (math.log(x), (1.0 / x,)),
         within=lambda m, x: x > 0.0),
    Rule("log2", X, math.log2,
         lambda m, y, x: (over(1.0 / LN2, x),),
         "The logarithm of x to base 2. Its derivative is `1 / (log(2) * x)`.",
         ((8.0,), 3.0), "x > 0",
         fused=lambda x: (math.log2(x), (1.0 / LN2 / x,)),
         within=lambda m, x: x > 0.0),
    Rule("log10", X, math.log10,
         lambda m, y, x: (over(1.0 / LN10, x),),
         "The logarithm of x to base 10. Its derivative is `1 / (log(10) * x)`.",
         ((1000.0,), 3.0), "x > 0",
         fused=lambda x: (math.log10(x), (1.0 / LN10 / x,)),
         within=lambda m, x: x > 0.0),
    Rule("log1p", X, math.log1p,
         lambda m, y, x: (over(1.0, 1.0 + x),),
         "log(1 + x), accurate near 0. Its derivative is `1 / (1 + x)`.", ((0.0,), 0.0), "x > -1",
         fused=lambda x: (math.log1p(x), (1.0 / (1.0 + x),)),
         within=lambda m, x: x > -1.0),
    # --- powers and roots ---
    Rule("sqrt", X, math.sqrt,
         lambda m, y, x: (over(0.5, y + 0.0),),  # inf at -0 as well
         "The square root of x. Its derivative is `1 / (2 * sqrt(x))`, inf at 0.",
         ((9.0,), 3.0), "x >= 0",
         fused=lambda x: ((y := math.sqrt(x)), (0.5 / (y + 0.0),))),
    Rule("cbrt", X, special.cbrt,
         lambda m, y, x: (_vanishing(m, y, lambda y: over(over(1.0, 3.0 * y), y)),),
         "The cube root of x. Its derivative is `1 / (3 * cbrt(x)**2)`, inf at 0.",
         ((-8.0,), -2.0),
         fused=lambda x: ((y := special.cbrt(x)), (1.0 / (3.0 * y) / y,))),
    Rule("square", X, lambda x: x * x,
         lambda m, y, x: (2.0 * x,),
         "x times x. Its derivative is `2 * x`.", ((3.0,), 9.0)),
    Rule("reciprocal", X, lambda x: 1.0 / x,
         lambda m, y, x: (over(-y, x),),
         "1 / x. Its derivative is `-1 / x**2`.", ((4.0,), 0.25), "x != 0",
         fused=lambda x: ((y := 1.0 / x), (-y / x,))),
    Rule("hypot", XX, math.hypot,
         lambda m, y, x1, x2: _directions(m, y, (x1, x2)),
         "The length of the vector (x1, x2), without overflow. "
         "Its derivatives are `x1 / hypot(x1, x2)` and `x2 / hypot(x1, x2)`, 0 at (0, 0).",
         ((3.0, 4.0), 5.0),
         kinks=lambda m, y, x1, x2: m.meets(y, 0.0)),
    # --- trigonometry ---
    Rule("sin", X, math.sin,
         lambda m, y, x: (m.cos(x),),
         "The sine of x, an angle in radians. Its derivative is `cos(x)`.",
         ((0.0,), 0.0), "finite x"),
    Rule("cos", X, math.cos,
         lambda m, y, x: (-m.sin(x),),
         "The cosine of x, an angle in radians. Its derivative is `-sin(x)`.",
         ((0.0,), 1.0), "finite x"),
    Rule("tan", X, math.tan,
         lambda m, y, x: (1.0 + y * y,),
         "The tangent of x, an angle in radians. Its derivative is `1 + tan(x)**2`.",
         ((0.0,), 0.0), "finite x"),
    Rule("arcsin", X, math.asin,
         lambda m, y, x: (1.0 / m.sqrt(m.one_minus_square_(x)),),
         "The angle in radians, from -π/2 to π/2, whose sine is x. "
         "Its derivative is `1 / sqrt(1 - x**2)`, inf at -1 and 1.", ((0.0,), 0.0), "-1 <= x <= 1",
         fused=lambda x: (math.asin(x), (1.0 / math.sqrt((1.0 - x) * (1.0 + x)),))),
    Rule("arccos", X, math.acos,
         lambda m, y, x: (-1.0 / m.sqrt(m.one_minus_square_(x)),),
         "The angle in radians, from 0 to π, whose cosine is x. "
         "Its derivative is `-1 / sqrt(1 - x**2)`, -inf at -1 and 1.",
         ((1.0,), 0.0), "-1 <= x <= 1",
         fused=lambda x: (math.acos(x), (-1.0 / math.sqrt((1.0 - x) * (1.0 + x)),))),
    Rule("arctan", X, math.atan,
         lambda m, y, x: (m.lorentzian_(x),),
         "The angle in radians, from -π/2 to π/2, whose tangent is x. "
         "Its derivative is `1 / (1 + x**2)`.", ((0.0,), 0.0),
         fused=lambda x: (math.atan(x), (1.0 / (1.0 + x * x),))),
    Rule("arctan2", XX, math.atan2,
         lambda m, y, x1, x2: (
             over(over(x2, m.hypot(x1, x2)), m.hypot(x1, x2)),
             over(over(-x1, m.hypot(x1, x2)), m.hypot(x1, x2))),
         "The angle in radians, from -π to π, of the point with ordinate x1 and abscissa x2. "
         "Its derivatives are `x2 / (x1**2 + x2**2)` and `-x1 / (x1**2 + x2**2)`, nan at (0, 0).",
         ((0.0, 1.0), 0.0)),
    # --- hyperbolic functions ---
    Rule("sinh", X, math.sinh,
         lambda m, y, x: (m.cosh(x),),
         "The hyperbolic sine of x. Its derivative is `cosh(x)`.", ((0.0,), 0.0)),
    Rule("cosh", X, math.cosh,
         lambda m, y, x: (m.sinh(x),),
         "The hyperbolic cosine of x. Its derivative is `sinh(x)`.", ((0.0,), 1.0)),
    Rule("tanh", X, math.tanh,
         lambda m, y, x: (m.sech_squared_(x),),  # 1 - y² would cancel
         "The hyperbolic tangent of x. Its derivative is `1 - tanh(x)**2`.", ((0.0,), 0.0),
         fused=lambda x: (math.tanh(x), (_sech_squared(x),))),
    Rule("arcsinh", X, math.asinh,
         lambda m, y, x: (_vanishing(m, x, lambda x: over(1.0, m.hypot(1.0, x))),),
         "The number whose hyperbolic sine is x. Its derivative is `1 / sqrt(x**2 + 1)`.",
         ((0.0,), 0.0),
         fused=lambda x: (math.asinh(x), (1.0 / math.hypot(1.0, x),))),
    Rule("arccosh", X, math.acosh,
         lambda m, y, x: (_vanishing(  # x² may overflow
             m, x, lambda x: over(over(1.0, m.sqrt(x - 1.0)), m.sqrt(x + 1.0)), sides=1),),
         "The number of at least 0 whose hyperbolic cosine is x. "
         "Its derivative is `1 / sqrt(x**2 - 1)`, inf at 1.", ((1.0,), 0.0), "x >= 1"),
    Rule("arctanh", X, math.atanh,
         lambda m, y, x: (1.0 / m.one_minus_square_(x),),
         "The number whose hyperbolic tangent is x. Its derivative is `1 / (1 - x**2)`.",
         ((0.0,), 0.0), "-1 < x < 1",
         fused=lambda x: (math.atanh(x), (1.0 / ((1.0 - x) * (1.0 + x)),)),
         within=lambda m, x: m.abs(x) < 1.0),
    # --- activations ---
    Rule("sigmoid", X, special.sigmoid,
         lambda m, y, x: (m.logistic_density_(x),),  # y (1 - y) would cancel
         "The logistic function, 1 / (1 + exp(-x)). "
         "Its derivative is `sigmoid(x) * (1 - sigmoid(x))`.", ((0.0,), 0.5),
         fused=lambda x: (special.sigmoid(x), (_logistic_density(x),))),
    Rule("softplus", X, special.softplus,
         lambda m, y, x: (m.sigmoid(x),),
         "log(1 + exp(x)), without overflow. Its derivative is `sigmoid(x)`.", ((1000.0,), 1000.0)),
    Rule("logsigmoid", X, special.logsigmoid,
         lambda m, y, x: (m.sigmoid(-x),),
         "log(sigmoid(x)), without underflow. Its derivative is `sigmoid(-x)`.",
         ((-1000.0,), -1000.0)),
    Rule("relu", X, lambda x: 0.0 if x <= 0.0 else x,
         lambda m, y, x: (_relu_slope(m, y, x),),
         "The larger of x and 0. Its derivative is `where(x > 0, 1, 0)`, which is 0 at 0.",
         ((-3.0,), 0.0),
         fused=lambda x: (
             (x, (1.0,)) if x > 0.0 else (0.0, (0.0,)) if x <= 0.0 else (x, (x,))),
         kinks=lambda m, y, x: m.meets(x, 0.0)),
    Rule("leaky_relu", ("x", "slope"), lambda x, slope: x if x > 0.0 else slope * x,
         lambda m, y, x, slope: (
             m.where(x > 0.0, 1.0, m.where(x <= 0.0, slope, y)),  # y is nan where x is
             m.where(x > 0.0, 0.0, m.where(x <= 0.0, x, y))),
         "x where it is positive, slope * x elsewhere. "
         "Its derivatives are `where(x > 0, 1, slope)`, which is the slope at 0, "
         "and `where(x > 0, 0, x)`. After Maas et al. (2013).",
         ((-3.0, 0.5), -1.5), defaults=(0.01,),
         kinks=lambda m, y, x, slope: _bend(m, x, slope)),
    Rule("elu", ("x", "alpha"), lambda x, alpha: x if x > 0.0 else alpha * math.expm1(x),
         lambda m, y, x, alpha: (
             m.where(x > 0.0, 1.0, alpha * m.exp(m.where(x > 0.0, 0.0, x))),
             m.where(x > 0.0, 0.0, m.expm1(m.where(x > 0.0, 0.0, x)))),
         "x where it is positive, alpha * (exp(x) - 1) elsewhere. "
         "Its derivatives are `where(x > 0, 1, alpha * exp(x))`, which is alpha at 0, "
         "and `where(x > 0, 0, exp(x) - 1)`. After Clevert et al. (2016).",
         ((3.0, 1.0), 3.0), defaults=(1.0,),
         kinks=lambda m, y, x, alpha: _bend(m, x, alpha)),
    Rule("gelu", X, special.gelu,
         lambda m, y, x: (_gelu_slope(m, x),),
         "x times Φ(x), the standard normal distribution function (exact, by erfc). "
         "Its derivative is `erfc(-x / sqrt(2)) / 2 + x * exp(-(x**2) / 2) / sqrt(2 * pi)`. "
         "After Hendrycks and Gimpel (2016).",
         ((0.0,), 0.0),
         fused=lambda x: (special.gelu(x), (_float_gelu_slope(x),))),
    Rule("silu", X, lambda x: x * special.sigmoid(x) if x != -math.inf else -0.0,
         lambda m, y, x: (m.sigmoid(x) + _moment(m, x, m.logistic_density_(x)),),
         "x * sigmoid(x), also called swish. "
         "Its derivative is `sigmoid(x) * (1 + x * sigmoid(-x))`. After Elfwing et al. (2018).",
         ((0.0,), 0.0)),
    # --- special functions ---
    Rule("erf", X, math.erf,
         lambda m, y, x: (TWO_OVER_SQRT_PI * m.gaussian_(x),),
         "The error function of x, 2 / √π times the integral of exp(-t²) from 0 to x. "
         "Its derivative is `2 / sqrt(pi) * exp(-(x**2))`.", ((0.0,), 0.0),
         fused=lambda x: (math.erf(x), (TWO_OVER_SQRT_PI * math.exp(-x * x),))),
    Rule("erfc", X, math.erfc,
         lambda m, y, x: (-TWO_OVER_SQRT_PI * m.gaussian_(x),),
         "1 - erf(x), without cancellation. Its derivative is `-2 / sqrt(pi) * exp(-(x**2))`.",
         ((0.0,), 1.0),
         fused=lambda x: (math.erfc(x), (-TWO_OVER_SQRT_PI * math.exp(-x * x),))),
    Rule("lgamma", X, special.lgamma,
         lambda m, y, x: (m.digamma(x),),
         "The logarithm of the absolute value of the gamma function of x. "
         "Its derivative is `digamma(x)`.", ((1.0,), 0.0),
         "x other than 0, -1, -2, …", by_python=True,
         within=lambda m, x: (x > 0.0) | (m.floor(x) != x)),
    Rule("digamma", X, special.digamma,
         lambda m, y, x: (m.polygamma(1.0, x),),
         "The derivative of lgamma. Its own derivative is `polygamma(1, x)`.",
         ((1.0,), -0.5772156649015328), "x other than 0, -1, -2, …", by_python=True),
    Rule("polygamma", ("order", "x"), special.polygamma,
         lambda m, y, order, x: (0.0, m.polygamma(order + 1.0, x)),  # an order does not vary
         "The derivative of digamma of the given order, an integer from 0 to 1000. "
         "Its derivatives are `0`, as an order does not vary, and `polygamma(order + 1, x)`.",
         ((1, 1.0), 1.6449340668482264),
         "an integer order from 0 to 1000, x other than 0, -1, -2, …",
         by_python=True, fixed=("order",)),
    # --- steps, choices ---
    Rule("sign", X, _sign,
         lambda m, y, x: (m.where(x == x, 0.0, math.nan),),
         "-1, 0 or 1, as x is negative, 0 or positive. Its derivative is `0`, also at 0.",
         ((-3.0,), -1.0),
         fused=lambda x: (_sign(x), (0.0 if x == x else x,)),
         kinks=lambda m, y, x: m.meets(x, 0.0)),
    Rule("floor", X, _floor,
         lambda m, y, x: (m.where(x == x, 0.0, math.nan),),
         "The greatest integer that is at most x. Its derivative is `0`, also at integers.",
         ((-1.5,), -2.0),
         fused=lambda x: (_floor(x), (0.0 if x == x else x,)),
         kinks=lambda m, y, x: m.meets(x, y)),
    Rule("ceil", X, _ceil,
         lambda m, y, x: (m.where(x == x, 0.0, math.nan),),
         "The least integer that is at least x. Its derivative is `0`, also at integers.",
         ((1.5,), 2.0),
         fused=lambda x: (_ceil(x), (0.0 if x == x else x,)),
         kinks=lambda m, y, x: m.meets(x, y)),
    Rule("trunc", X, lambda x: _floor(x) if x > 0.0 else _ceil(x),
         lambda m, y, x: (m.where(x == x, 0.0, math.nan),),
         "x without its fraction. Its derivative is `0`, also at integers.", ((-1.5,), -1.0),
         kinks=lambda m, y, x: m.meets(x, y)),
    Rule("maximum", XX, _maximum,
         lambda m, y, x1, x2: _shares_of_two(m, y, x1, x2),
         "The larger of x1 and x2. Its derivatives are `where(x1 > x2, 1, 0)` and "
         "`where(x1 > x2, 0, 1)`; at a tie half of the derivative goes to each.",
         ((2.0, 3.0), 3.0),
         kinks=lambda m, y, x1, x2: m.meets(x1, x2)),
    Rule("minimum", XX, _minimum,
         lambda m, y, x1, x2: _shares_of_two(m, y, x2, x1),
         "The smaller of x1 and x2. Its derivatives are `where(x1 < x2, 1, 0)` and "
         "`where(x1 < x2, 0, 1)`; at a tie half of the derivative goes to each.",
         ((2.0, 3.0), 2.0),
         kinks=lambda m, y, x1, x2: m.meets(x1, x2)),
    Rule("clip", ("x", "lower", "upper"), _clip,
         lambda m, y, x, lower, upper: _clip_partials(m, y, x, lower, upper),
         "x kept between lower and upper. Its derivative is 1 in what it is equal to, x or one of "
         "the bounds, and 0 in the others; at a bound it is 1 in x.",
         ((5.0, 0.0, 1.0), 1.0), "lower <= upper",
         # y - y is nan off the domain, where partials of 1 and 0 would have derivatives of 0.
         kinks=lambda m, y, x, lower, upper: (
             m.meets(x, lower) + m.meets(x, upper) + m.meets(y - y, 1.0)),
         within=lambda m, x, lower, upper: lower <= upper),
    Rule("where", ("condition", "x1", "x2"), lambda condition, x1, x2: x1 if condition else x2,
         lambda m, y, condition, x1, x2: (
             0.0, m.where(condition, 1.0, 0.0), m.where(condition, 0.0, 1.0)),
         "x1 where the condition is true, that is other than 0, and x2 elsewhere. "
         "Its derivative is 1 in the operand chosen, and 0 in the others.",
         ((True, 1.0, 2.0), 1.0), fixed=("condition",)),
    # --- of a sequence ---
    Rule("sum", XS, special.exact_sum,
         lambda m, y, *xs: (1.0,) * len(xs),
         "The sum of the xs, correctly rounded. Its derivative in each x is `1`.",
         ((1.0, 2.0, 3.0), 6.0),
         elementary=lambda m, *xs: reduce(add, xs)),
    Rule("mean", XS, _mean,
         lambda m, y, *xs: (1.0 / len(xs),) * len(xs),
         "The arithmetic mean of the xs. Its derivative in each x is `1 / len(xs)`.",
         ((1.0, 2.0, 6.0), 3.0), "at least one operand",
         elementary=lambda m, *xs: reduce(add, xs) / len(xs)),
    Rule("prod", XS, special.prod,
         lambda m, y, *xs: _products_of_others(m, y, xs),  # y / x would fail at a zero
         "The product of the xs. Its derivative in each x is the product of the others.",
         ((2.0, 3.0, 4.0), 24.0),
         elementary=lambda m, *xs: reduce(mul, xs)),
    Rule("norm", XS, math.hypot,
         lambda m, y, *xs: _directions(m, y, xs),
         "The Euclidean length of the vector xs, without overflow. "
         "Its derivative in each x is `x / norm(xs)`, 0 at the zero vector.",
         ((2.0, 3.0, 6.0), 7.0),
         elementary=lambda m, *xs: m.sqrt(reduce(add, map(m.square, xs))),
         kinks=lambda m, y, *xs: m.meets(y, 0.0)),
    Rule("logsumexp", XS, special.logsumexp,
         lambda m, y, *xs: tuple(m.softmax(xs)),
         "log(exp(x1) + exp(x2) + …), without overflow. "
         "Its derivative in each x is `exp(x - logsumexp(xs))`, its share in the softmax.",
         ((1000.0, 0.0), 1000.0),
         "at least one operand",
         elementary=lambda m, *xs: m.log(reduce(add, map(m.exp, xs)))),
    Rule("softmax", XS, lambda *xs: special.softmax(xs)[0],  # one node each: that x, the others
         _softmax_partials,
         "exp(x) / (exp(x1) + exp(x2) + …) for each x of the xs, without overflow.",
         None, "at least one operand",
         elementary=lambda m, *xs: m.exp(xs[0]) / reduce(add, map(m.exp, xs))),
    Rule("max", XS, _max,
         lambda m, y, *xs: _shares(m, y, xs),
         "The largest of the xs. Its derivative is 1 in the largest x, and 0 in the others; "
         "at a tie it is shared equally.",
         ((1.0, 3.0, 2.0), 3.0), "at least one operand",
         elementary=lambda m, *xs: reduce(m.maximum, xs),
         kinks=lambda m, y, *xs: _ties(m, y, xs)),
    Rule("min", XS, lambda *xs: -_max(*map(neg, xs)),
         lambda m, y, *xs: _shares(m, y, xs),
         "The smallest of the xs. Its derivative is 1 in the smallest x, and 0 in the others; "
         "at a tie it is shared equally.",
         ((1.0, 3.0, 2.0), 1.0), "at least one operand",
         elementary=lambda m, *xs: reduce(m.minimum, xs),
         kinks=lambda m, y, *xs: _ties(m, y, xs)),
    Rule("dot", ("*xs1", "*xs2"), _dot,
         lambda m, y, *xs: (*xs[len(xs) // 2:], *xs[:len(xs) // 2]),
         "The sum of the products of the pairs from two sequences of one length.",
         elementary=lambda m, *xs: _products_added(xs)),
    Rule("net", ("*weights", "*inputs", "bias"), _net,
         lambda m, y, *xs: (*xs[len(xs) // 2:-1], *xs[:len(xs) // 2], 1.0),
         "The net input of a neuron: the dot product of weights and inputs, plus the bias.",
         elementary=lambda m, *xs: _products_added(xs[:-1]) + xs[-1]),
)
# What partials are written with, so that their own derivatives are as accurate, of any order. Each
# adds up where the textbook's formula would subtract. Names that end in _ are no one else's.
HELPERS = (
    Rule("one_minus_square_", X, lambda x: (1.0 - x) * (1.0 + x),  # 1 - x² would cancel near ±1
         lambda m, y, x: (-2.0 * x,)),
    Rule("lorentzian_", X, lambda x: 1.0 / (1.0 + x * x),
         lambda m, y, x: (-2.0 * (_moment(m, x, y) * y),)),
    Rule("gaussian_", X, lambda x: math.exp(-x * x),
         lambda m, y, x: (-2.0 * _moment(m, x, y),)),
    Rule("normal_density_", X, lambda x: INVERSE_SQRT_2PI * math.exp(-0.5 * x * x),
         lambda m, y, x: (-_moment(m, x, y),)),
    Rule("sech_squared_", X, _sech_squared,
         lambda m, y, x: (-2.0 * y * m.tanh(x),)),
    Rule("logistic_density_", X, _logistic_density,
         lambda m, y, x: (-y * m.tanh(0.5 * x),)),
    # Of a vector's coordinates, that one first, the direction cosine of the first.
    Rule("direction_", XS, _direction, _direction_partials,
         kinks=lambda m, y, *xs: m.meets(m.norm(xs), 0.0)),
    # Of the shares in a softmax; that of the first operand, or of the first two, or three.
    Rule("share_variance_", XS, _on_floats(_share_variance),
         _share_variance_partials, primitive=_share_variance),
    Rule("share_covariance_", XS, _on_floats(_share_covariance),
         _share_covariance_partials, primitive=_share_covariance),
    Rule("share_balance_", XS, _on_floats(_share_balance),
         _share_balance_partials, primitive=_share_balance),
    Rule("share_bend_", XS, _on_floats(_share_bend),
         _share_bend_partials, primitive=_share_bend),
    Rule("share_product_", XS, _on_floats(_share_product),
         _share_product_partials, primitive=_share_product),
    Rule("share_excess_", XS, _on_floats(_share_excess),
         _share_excess_partials, primitive=_share_excess),
    # That of one that is the larger part of a vector, given the squares of the others, added up.
    Rule("cosine_", ("x", "square"), lambda x, square: x / math.sqrt(x * x + square),
         _cosine_partials),
    # x1**x2 log(x1)**count, the derivative of x1**x2 in x2, so many times; 0 at x1 = 0.
    Rule("power_log_", ("count", "x1", "x2"), _power_log, _power_log_partials),
)
# What comparisons of traced nodes, and derivatives of derivatives, are recorded as.
INTERNAL = (
    Rule("<", XX, lambda x1, x2: float(x1 < x2), lambda m, y, x1, x2: (0.0, 0.0)),
    Rule("<=", XX, lambda x1, x2: float(x1 <= x2), lambda m, y, x1, x2: (0.0, 0.0)),
    Rule("==", XX, lambda x1, x2: float(x1 == x2), lambda m, y, x1, x2: (0.0, 0.0)),
    Rule("!=", XX, lambda x1, x2: float(x1 != x2), lambda m, y, x1, x2: (0.0, 0.0)),
    Rule(">", XX, lambda x1, x2: float(x1 > x2), lambda m, y, x1, x2: (0.0, 0.0)),
    Rule(">=", XX, lambda x1, x2: float(x1 >= x2), lambda m, y, x1, x2: (0.0, 0.0)),
    # The product of the chain rule: a zero adjoint contributes nothing, whatever it meets. That is
    # agreed on for first derivatives; whether it does at the next order is not known.
    Rule(CHAIN_PRODUCT, XX, lambda x1, x2: x1 * x2 if x1 or math.isfinite(x2) else 0.0,
         lambda m, y, x1, x2: (
             m.where(x1 == 0.0, m.where(m.abs(x2) < math.inf, x2, math.nan), x2), x1)),
    Rule(DETACHED, X, lambda x: x, lambda m, y, x: (0.0,)),
    # Whether two numbers are equal, or one is nan, for `kinks`: with a derivative of nan if so.
    Rule(MEETS, XX, lambda x1, x2: float(not (x1 < x2 or x1 > x2)),
         lambda m, y, x1, x2: (
             m.where(x1 < x2, 0.0, m.where(x1 > x2, 0.0, math.nan)),) * 2),
    # A contribution of the chain rule, given the adjoint that it is a multiple of, and whether the
    # node that it comes through is at a kink: there its derivative is nan in what the adjoint
    # depends on, and, unless the adjoint is 0 (and the kink not infinite), in what the kink does.
    Rule(KINKED, ("contribution", "adjoint", "kink"), lambda x, adjoint, kink: x,
         lambda m, y, x, adjoint, kink: (
             1.0,
             m.where(kink, math.nan, 0.0),
             m.where(kink, m.where(
                 adjoint == 0.0, m.where(kink == math.inf, math.nan, 0.0), math.nan), 0.0))),
)
# fmt: on

# --- the namespaces of the partials, and rows of one's own ---------------------------------------

LINEAR = "linear"
"""The one operation that is not a row of the table: its coefficients are its local derivatives."""

RULES: dict[str, Rule] = {}


class Functions(SimpleNamespace):
    """The functions that an expression may use, by name: `m.exp`."""

    def __getattr__(self, name: str) -> Any:
        """Say that there is no such function."""
        raise AttributeError(
            f"m.{name}: there is no function of that name for partials to use: m has the functions "
            "of autograd, and those made by custom_function",
            name=name,
            obj=self,
        )


FLOATS = Functions()
EXTENDED = Functions()
VALUES = Functions()
"""The namespaces of the functions on floats, on the extended real line, and, entered by
`autograd.functions`, on Values."""


class OwnName(str):
    """The name of a row that a user has added: as the `op` of a node it says by which row.

    Functions may share a name: what a node follows is the row that it was recorded by.

    Attributes:
        rule: The row.
        function: The public function made of it, by which it is pickled.
        place: Which of the function's results it is.
    """

    rule: Rule
    function: Any
    place: int

    def __copy__(self) -> OwnName:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> OwnName:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _own_name, (*_home(self), self.place)


def _home(name: OwnName) -> tuple[str, str]:
    """Find a module that a user's function is an attribute of: its own, or any other."""
    from pickle import PicklingError  # of no use to whoever pickles nothing

    own = sys.modules.get(name.function.__module__)
    for module in (own, *list(sys.modules.values())):
        for attribute, value in list(vars(module).items()) if module else ():
            if value is name.function:
                return str(module.__name__), attribute  # type: ignore[union-attr]
    raise PicklingError(
        f"{name}, a function of one's own, cannot be pickled, nor a graph that it takes part in: "
        "it would have to stand under a name at the top of a module, to be found there again"
    )


def _own_name(module: str, attribute: str, place: int) -> OwnName:
    names: tuple[OwnName, ...] = getattr(import_module(module), attribute).own_names
    return names[place]


def rule_of(op: str) -> Rule | None:
    """Find the row that a node, or a step of a program, follows.

    Args:
        op: The name of its operation.

    Returns:
        The row; None if the operation is in no table.

    Example:
        >>> rule_of("exp").name
        'exp'
    """
    return op.rule if isinstance(op, OwnName) else RULES.get(op)


def register(rule: Rule) -> None:
    """Enter a row into the table and into the namespaces of the partials.

    Args:
        rule: The row. One of a user's of the same name is replaced there, and goes on as it was for
            whoever has it.

    Raises:
        ValueError: The name is that of a row of the library's.
    """
    known = RULES.get(rule.name)
    if (known is not None and not isinstance(known.name, OwnName)) or rule.name == LINEAR:
        raise ValueError(
            f"custom_function: {rule.name!r} is a function of the library: choose another name"
        )
    RULES[rule.name] = rule
    if rule.name.isidentifier():
        evaluate = rule.evaluate
        function = (lambda xs: evaluate(*xs)) if rule.of_sequence else evaluate
        setattr(FLOATS, rule.name, function)
        setattr(EXTENDED, rule.name, extended(function))


for _rule in (*TABLE, *HELPERS, *INTERNAL):
    register(_rule)

# Those whose operands or values are sequences, and the one whose overflow has a sign of its own.
FLOATS.softmax = EXTENDED.softmax = special.softmax
FLOATS.dot = EXTENDED.dot = lambda xs1, xs2: _dot(*xs1, *xs2)
FLOATS.net = EXTENDED.net = lambda weights, inputs, bias: _net(*weights, *inputs, bias)
EXTENDED.digamma = lambda x: _polygamma(0.0, x)
EXTENDED.polygamma = _polygamma
