"""The functions of the table as mpmath defines them: an oracle independent of their rows.

The definitions are those of the gradient checker. `value` and `derivatives` give as many digits as
a float could ask for, at operands of any size; `m` is the namespace on which a row's partial
derivatives can be evaluated with mpmath's numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import mpmath

from autograd.checking.definitions import definitions
from autograd.formulary import FORMULARY, ROWS
from autograd.rule import FLOATS, Rule

__all__ = [
    "DEFINITIONS", "FIXED", "KINKS", "derivative", "derivatives", "m", "mp", "precise",
    "sensitivity", "value",
]  # fmt: skip

mp: Any = mpmath.mp.clone()
mp.dps = 60
mp.mpf.__floordiv__ = lambda x1, x2: mp.floor(x1 / x2)
_any_exp = mp.exp


def _exp(x: Any) -> Any:
    """Evaluate exp; for a huge whole number, to which mpmath would raise e, next to it."""
    if isinstance(x, mp.mpf) and mp.isint(x) and abs(x) > 2**64:
        x = mp.fadd(x, mp.ldexp(1, -mp.prec - 20), exact=True)
    return _any_exp(x)


mp.exp = _exp

DEFINITIONS: dict[str, Callable[..., Any]] = definitions(mp)

# Where a function has no derivative, and the table states a convention.
KINKS: dict[str, Callable[..., bool]] = {
    "**": lambda x1, x2: x1 == 0,
    "//": lambda x1, x2: math.fmod(x1, x2) == 0,
    "%": lambda x1, x2: math.fmod(x1, x2) == 0,
    "abs": lambda x: x == 0,
    "sqrt": lambda x: x == 0,
    "cbrt": lambda x: x == 0,
    "hypot": lambda x1, x2: x1 == x2 == 0,
    "arcsin": lambda x: abs(x) == 1,
    "arccos": lambda x: abs(x) == 1,
    "arctan2": lambda x1, x2: x1 == 0 and x2 <= 0,
    "arccosh": lambda x: x == 1,
    "relu": lambda x: x == 0,
    "leaky_relu": lambda x, slope: x == 0,
    "elu": lambda x, alpha: x == 0,
    "sign": lambda x: x == 0,
    "floor": float.is_integer,
    "ceil": float.is_integer,
    "trunc": float.is_integer,
    "maximum": lambda x1, x2: x1 == x2,
    "minimum": lambda x1, x2: x1 == x2,
    "clip": lambda x, lower, upper: x in (lower, upper) or lower == upper,
    "norm": lambda *xs: not any(xs),
    "max": lambda *xs: sorted(xs)[-2:-1] == [max(xs)],
    "min": lambda *xs: sorted(xs)[1:2] == [min(xs)],
}


def _stated(rule: Rule) -> Callable[..., bool]:
    """Where a row of the wider formulary says that it has a kink."""

    def is_kink(*xs: float) -> bool:
        try:
            return bool(rule.kinks and rule.kinks(FLOATS, rule.evaluate(*xs), *xs))
        except (ArithmeticError, ValueError):
            return False

    return is_kink


KINKS |= {rule.name: _stated(rule) for rule in FORMULARY if rule.kinks}

# Operands that do not vary: an order, a condition.
FIXED = {(rule.name, rule.operands.index(name)) for rule in ROWS for name in rule.fixed}

# Derivatives in closed form, where differences would jump, or be slow.
_DERIVATIVES: dict[tuple[str, int], Callable[..., Any]] = {
    ("//", 0): lambda x1, x2: mp.zero,
    ("//", 1): lambda x1, x2: mp.zero,
    ("%", 0): lambda x1, x2: mp.one,
    ("%", 1): lambda x1, x2: -mp.floor(x1 / x2),
    ("fmod", 0): lambda x1, x2: mp.one,
    ("fmod", 1): lambda x1, x2: -mp.sign(x1 / x2) * mp.floor(abs(x1 / x2)),
    ("remainder", 0): lambda x1, x2: mp.one,
    ("remainder", 1): lambda x1, x2: -mp.nint(x1 / x2),
    ("lgamma", 0): DEFINITIONS["digamma"],
    ("digamma", 0): lambda x: DEFINITIONS["polygamma"](1, x),
    ("polygamma", 1): lambda order, x: DEFINITIONS["polygamma"](order + 1, x),
}


# --- values and derivatives ----------------------------------------------------------------------

_STEP = 100  # bits: a difference is taken over so small a part of the operands
_RANGE = 1100  # bits: what is left of 1 where a float underflows


def precise(name: str, xs: Sequence[Any]) -> Any:
    """Compute with so many digits that no operand and no difference is lost beside another.

    Args:
        name: The function's.
        xs: The operands.

    Returns:
        A context manager, for `mp`.
    """
    if name in ("lgamma", "digamma", "polygamma"):  # without differences, and slow
        return mp.workdps(60)
    return mp.workprec(2 * (_STEP + _spread(xs)) + _RANGE)


def value(name: str, xs: Sequence[Any]) -> Any:
    """Give a function's exact value.

    Args:
        name: The function's.
        xs: Its operands.

    Returns:
        A number of mpmath's.

    Raises:
        ValueError, ZeroDivisionError: The function is not defined there.
    """
    with precise(name, xs):
        y = mp.convert(DEFINITIONS[name](*map(mp.mpf, xs)))
    if not isinstance(y, mp.mpf) or not mp.isfinite(y):
        raise ValueError(f"{name} at {xs} is {y}")
    return y


def derivatives(name: str, xs: Sequence[Any]) -> list[Any]:
    """Differentiate a function where it has derivatives, by symmetric differences.

    Args:
        name: The function's.
        xs: Its operands.

    Returns:
        A number of mpmath's for each operand; nan where the function is not real around it.
    """
    return [_derivative(name, xs, position) for position in range(len(xs))]


def derivative(name: str, xs: Sequence[Any], places: Sequence[int]) -> Any:
    """Differentiate a function several times.

    Args:
        name: The function's.
        xs: Its operands.
        places: Which operand it is differentiated in, once for each.

    Returns:
        A number of mpmath's; nan where the function is not real around the operands.
    """
    order = len(places)
    if any((name, place) in FIXED for place in places):
        return mp.zero
    if name in ("//", "%", "fmod", "remainder") and order > 1:
        return mp.zero
    if name in ("lgamma", "digamma", "polygamma"):
        with precise(name, xs):
            before = {"lgamma": -1, "digamma": 0}.get(name, int(xs[0]))
            return DEFINITIONS["polygamma"](before + order, mp.mpf(xs[-1]))
    if order == 1:
        return _derivative(name, xs, places[0])
    with mp.workprec((order + 1) * (_STEP + _spread(xs)) + _RANGE):
        operands = list(map(mp.mpf, xs))
        step = mp.ldexp(1, -_spread(xs) - _STEP)
        moves = [(mp.one, operands)]
        for place in places:
            moves = [
                (sign * side, [*at[:place], at[place] + side * step, *at[place + 1 :]])
                for sign, at in moves
                for side in (1, -1)
            ]
        total = mp.fsum(sign * DEFINITIONS[name](*at) for sign, at in moves)
        slope = mp.convert(total / (2 * step) ** order)
    return slope if isinstance(slope, mp.mpf) else mp.nan


def sensitivity(function: Callable[[Sequence[Any]], Any], xs: Sequence[float]) -> Any:
    """Tell how much a function of the operands changes when each is off by its rounding.

    Args:
        function: A function of the operands to a number of mpmath's.
        xs: The operands; an integer (an order) is not rounded.

    Returns:
        The sum of the changes, over the relative size of a rounding.
    """
    y, epsilon = function(xs), mp.mpf(2) ** -52
    moved = [
        function([*xs[:i], mp.fmul(x, 1 + epsilon, exact=True), *xs[i + 1 :]])
        for i, x in enumerate(xs)
        if not isinstance(x, int)
    ]
    return mp.fsum(abs(z - y) for z in moved) / epsilon


def _derivative(name: str, xs: Sequence[Any], position: int) -> Any:
    if (name, position) in FIXED:
        return mp.zero
    if (name, position) not in _DERIVATIVES:
        return _difference(lambda xs: DEFINITIONS[name](*xs), xs, position)
    with precise(name, xs):
        return _DERIVATIVES[name, position](*map(mp.mpf, xs))


def _difference(function: Callable[[Sequence[Any]], Any], xs: Sequence[Any], position: int) -> Any:
    """Differentiate by a symmetric difference: of step h, it is off by h² or so."""
    with precise("", xs):
        operands = list(map(mp.mpf, xs))
        step = mp.ldexp(1, -_spread(xs) - _STEP)
        sides = []
        for operand in (operands[position] + step, operands[position] - step):
            operands[position] = operand
            sides.append(function(operands))
        slope = mp.convert((sides[0] - sides[1]) / (2 * step))
    return slope if isinstance(slope, mp.mpf) else mp.nan


def _spread(xs: Sequence[Any]) -> int:
    """The distance in bits from the smallest of the operands and 1 to the largest."""
    magnitudes = [0, *(mp.mag(x) for x in xs if x)]
    spread: int = max(magnitudes) - min(magnitudes)
    return spread


# --- the namespace of the partials ---------------------------------------------------------------

_OF_SEQUENCE = [rule.name for rule in ROWS if rule.of_sequence]

m = SimpleNamespace(**{name: f for name, f in DEFINITIONS.items() if name.isidentifier()})
for _name in _OF_SEQUENCE:
    setattr(m, _name, lambda xs, f=DEFINITIONS[_name]: f(*xs))
m.deviations_ = lambda xs: [x - m.mean(xs) for x in xs]
m.zscores_ = lambda xs: [(x - m.mean(xs)) / (m.std(xs) or 1) for x in xs]
m.softmax = lambda xs: [DEFINITIONS["softmax"](x, *xs[:i], *xs[i + 1 :]) for i, x in enumerate(xs)]
m.share_variance_ = lambda xs: m.softmax(xs)[0] * (1 - m.softmax(xs)[0])
m.share_covariance_ = lambda xs: m.softmax(xs)[0] * m.softmax(xs)[1]
m.share_bend_ = lambda xs: m.share_covariance_(xs) * m.share_balance_(xs)
m.share_product_ = lambda xs: mp.fprod(m.softmax(xs)[:3])
m.share_excess_ = lambda xs: 1 - 3 * m.softmax(xs)[0]
m.share_balance_ = lambda xs: 1 - 2 * m.softmax(xs)[0]
m.dot = lambda xs1, xs2: DEFINITIONS["dot"](*xs1, *xs2)
m.net = lambda weights, inputs, bias: DEFINITIONS["net"](*weights, *inputs, bias)

# What the rows write their partials with.
m.one_minus_square_ = lambda x: 1 - x**2
m.lorentzian_ = lambda x: 1 / (1 + x**2)
m.gaussian_ = lambda x: mp.exp(-(x**2))
m.normal_density_ = lambda x: mp.exp(-(x**2) / 2) / mp.sqrt(2 * mp.pi)
m.sech_squared_ = lambda x: mp.sech(x) ** 2
m.logistic_density_ = lambda x: mp.sech(x / 2) ** 2 / 4
m.direction_ = lambda xs: xs[0] / DEFINITIONS["norm"](*xs)
m.cosine_ = lambda x, square: x / mp.sqrt(x**2 + square)
m.power_log_ = lambda count, x1, x2: (
    x1**x2 * mp.log(x1) ** int(count) if x1 >= 0 or not count else mp.nan
)
m.meets = lambda x1, x2: mp.mpf(x1 == x2)
