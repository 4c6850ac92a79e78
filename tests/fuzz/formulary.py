"""First and second partial derivatives of the rows, in mpmath, from the textbook: no row is asked.

For each name there is a function of value and operands. It gives the first partials p, and the
second ones q, as a list of rows. What a formula of p or q adds up may cancel: where that can happen
other than at 0, the sizes of what is added up are given besides, for an error is relative to these.
Where a row has a kink, p is what is agreed on, and q that of the piece.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import mpmath

from autograd.checking.definitions import definitions
from tests import oracle

__all__ = ["DEFINITIONS", "Local", "is_kink", "local", "mp"]

mp: Any = mpmath.mp.clone()
mp.dps = 50
DEFINITIONS = definitions(mp)


class Local(NamedTuple):
    """A row at a point.

    Attributes:
        y: The value.
        p: The partial derivatives.
        q: The second ones.
        sizes: What a rounding of p is relative to.
        second_sizes: What a rounding of q is relative to.
    """

    y: Any
    p: Sequence[Any]
    q: Sequence[Sequence[Any]]
    sizes: Sequence[Any]
    second_sizes: Sequence[Sequence[Any]]


# --- of one operand ------------------------------------------------------------------------------

ONE, ZERO, INF, NAN = mp.one, mp.zero, mp.inf, mp.nan
LN2, LN10 = mp.log(2), mp.log(10)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def _spread(x: Any) -> Any:
    """The derivative of the logistic function."""
    return _sigmoid(x) * _sigmoid(-x)


def _density(x: Any) -> Any:
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def _psi(order: int, x: Any) -> Any:
    return DEFINITIONS["polygamma"](order, x)


def _sqrt(y: Any, x: Any) -> tuple[Any, ...]:
    return (1 / (2 * y), -1 / (4 * y * x)) if x else (INF, NAN)


def _cbrt(y: Any, x: Any) -> tuple[Any, ...]:
    return (1 / (3 * y * y), -2 / (9 * y * y * x)) if x else (INF, NAN)


def _arcsin(y: Any, x: Any) -> tuple[Any, ...]:
    w = (1 - x) * (1 + x)
    return (1 / mp.sqrt(w), x / (w * mp.sqrt(w))) if w else (INF, NAN)


def _arccosh(y: Any, x: Any) -> tuple[Any, ...]:
    w = (x - 1) * (x + 1)
    return (1 / mp.sqrt(w), -x / (w * mp.sqrt(w))) if w else (INF, NAN)


def _gelu(y: Any, x: Any) -> tuple[Any, ...]:
    share, density = DEFINITIONS["gelu"](x) / x if x else mp.mpf(0.5), _density(x)
    return (
        share + x * density, density * (2 - x * x),
        share + abs(x) * density, density * (2 + x * x),
    )  # fmt: skip


def _silu(y: Any, x: Any) -> tuple[Any, ...]:
    s, slope, t = _sigmoid(x), _spread(x), x * mp.tanh(x / 2)
    return s + x * slope, slope * (2 - t), s + abs(x) * slope, slope * (2 + t)


def _gamma(order: int, x: Any) -> tuple[Any, ...]:
    """The derivatives of polygamma; left of 0 they cross 0, where the operand's rounding counts."""
    p, q = _psi(order + 1, x), _psi(order + 2, x)
    if x > 0:  # the digamma function crosses 0 at 1.46
        return p, q, abs(p) + abs(x * q) if order < 0 else p, q
    return p, q, abs(p) + abs(x * q), abs(q) + abs(x * _psi(order + 3, x))


_UNARY: dict[str, Callable[[Any, Any], tuple[Any, ...]]] = {
    "neg": lambda y, x: (-ONE, ZERO),
    "abs": lambda y, x: (mp.sign(x), ZERO),
    "exp": lambda y, x: (y, y),
    "exp2": lambda y, x: (y * LN2, y * LN2**2),
    "expm1": lambda y, x: (mp.exp(x), mp.exp(x)),
    "log": lambda y, x: (1 / x, -1 / x**2),
    "log2": lambda y, x: (1 / x / LN2, -1 / x**2 / LN2),
    "log10": lambda y, x: (1 / x / LN10, -1 / x**2 / LN10),
    "log1p": lambda y, x: (1 / (1 + x), -1 / (1 + x) ** 2),
    "sqrt": _sqrt,
    "cbrt": _cbrt,
    "square": lambda y, x: (2 * x, mp.mpf(2)),
    "reciprocal": lambda y, x: (-1 / x**2, 2 / x**3),
    "sin": lambda y, x: (mp.cos(x), -y),
    "cos": lambda y, x: (-mp.sin(x), -y),
    "tan": lambda y, x: (1 + y * y, 2 * y * (1 + y * y)),
    "arcsin": _arcsin,
    "arccos": lambda y, x: tuple(-z for z in _arcsin(y, x)),
    "arctan": lambda y, x: (1 / (1 + x * x), -2 * x / (1 + x * x) ** 2),
    "sinh": lambda y, x: (mp.cosh(x), y),
    "cosh": lambda y, x: (mp.sinh(x), y),
    "tanh": lambda y, x: (mp.sech(x) ** 2, -2 * y * mp.sech(x) ** 2),
    "arcsinh": lambda y, x: (1 / mp.sqrt(1 + x * x), -x / mp.sqrt(1 + x * x) ** 3),
    "arccosh": _arccosh,
    "arctanh": lambda y, x: (1 / ((1 - x) * (1 + x)), 2 * x / ((1 - x) * (1 + x)) ** 2),
    "sigmoid": lambda y, x: (_spread(x), -_spread(x) * mp.tanh(x / 2)),
    "softplus": lambda y, x: (_sigmoid(x), _spread(x)),
    "logsigmoid": lambda y, x: (_sigmoid(-x), -_spread(x)),
    "relu": lambda y, x: (ONE if x > 0 else ZERO, ZERO),
    "gelu": _gelu,
    "silu": _silu,
    "erf": lambda y, x: (
        2 / mp.sqrt(mp.pi) * mp.exp(-x * x), -4 * x / mp.sqrt(mp.pi) * mp.exp(-x * x)),
    "erfc": lambda y, x: (
        -2 / mp.sqrt(mp.pi) * mp.exp(-x * x), 4 * x / mp.sqrt(mp.pi) * mp.exp(-x * x)),
    "lgamma": lambda y, x: _gamma(-1, x),
    "digamma": lambda y, x: _gamma(0, x),
    **dict.fromkeys(["sign", "floor", "ceil", "trunc"], lambda y, x: (ZERO, ZERO)),
}  # fmt: skip


# --- of several ----------------------------------------------------------------------------------


def _power(y: Any, x1: Any, x2: Any) -> tuple[Any, ...]:
    if x1 > 0:
        log = mp.log(x1)
        first, mixed = y / x1, y / x1 * (1 + x2 * log)
        q = [[x2 * (x2 - 1) * first / x1, mixed], [mixed, y * log**2]]
        sizes = [x2 * first, y * log]
        mixed_size = y / x1 * (1 + abs(x2 * log))
        return sizes, q, sizes, [[q[0][0], mixed_size], [mixed_size, q[1][1]]]
    if x1 < 0:
        first = x2 * y / x1
        return [first, NAN], [[(x2 - 1) * first / x1, NAN], [NAN, NAN]]

    def at_zero(factor: Any, exponent: Any) -> Any:
        return factor * mp.power(0, exponent) if factor and exponent >= 0 else factor * INF

    p = at_zero(x2, x2 - 1) if x2 else ZERO
    second = at_zero(x2 * (x2 - 1), x2 - 2) if x2 * (x2 - 1) else ZERO
    return [p, ZERO], [[second, NAN], [NAN, NAN]]


def _hypot(y: Any, *xs: Any) -> tuple[Any, ...]:
    if not y:
        return [ZERO] * len(xs), [[NAN] * len(xs)] * len(xs)
    q = [[-a * b / y**3 for b in xs] for a in xs]
    for i in range(len(xs)):
        q[i][i] = mp.fsum(x * x for k, x in enumerate(xs) if k != i) / y**3
    return [x / y for x in xs], q


def _arctan2(y: Any, x1: Any, x2: Any) -> tuple[Any, ...]:
    r2 = x1 * x1 + x2 * x2
    if not r2:
        return [NAN, NAN], [[NAN, NAN]] * 2
    twice, mixed = 2 * x1 * x2 / r2 / r2, (x1 - x2) * (x1 + x2) / r2 / r2
    p = [x2 / r2, -x1 / r2]
    return p, [[-twice, mixed], [mixed, twice]], p, [[twice, 1 / r2], [1 / r2, twice]]


def _products(xs: Sequence[Any], *without: int) -> Any:
    return mp.fprod(x for k, x in enumerate(xs) if k not in without)


def _bilinear(n: int, count: int) -> list[list[Any]]:
    q = [[ZERO] * count for _ in range(count)]
    for i in range(n):
        q[i][n + i] = q[n + i][i] = ONE
    return q


def _shares(xs: Sequence[Any]) -> list[Any]:
    return [1 / mp.fsum(mp.exp(other - x) for other in xs) for x in xs]


def _logsumexp(y: Any, *xs: Any) -> tuple[Any, ...]:
    w = _shares(xs)
    q = [[-a * b for b in w] for a in w]
    for i, a in enumerate(w):
        q[i][i] = a * mp.fsum(b for k, b in enumerate(w) if k != i)
    return w, q


def _softmax(y: Any, *xs: Any) -> tuple[Any, ...]:
    w = _shares(xs)
    rest = [mp.fsum(b for k, b in enumerate(w) if k != i) for i in range(len(w))]
    p = [w[0] * rest[0], *(-w[0] * b for b in w[1:])]
    q: list[list[Any]] = []
    sizes: list[list[Any]] = []
    for i in range(len(w)):
        q.append([])
        sizes.append([])
        for j in range(len(w)):
            a = rest[0] if i == 0 else -w[i]
            b = rest[0] if j == 0 else -w[j]
            c = w[i] * (rest[i] if i == j else -w[j])
            q[-1].append(w[0] * (a * b - c))
            sizes[-1].append(w[0] * (abs(a * b) + abs(c)))
    return p, q, p, sizes


def _chosen(y: Any, *xs: Any) -> list[Any]:
    hits = sum(x == y for x in xs)
    return [ONE / hits if x == y else ZERO for x in xs]


def _clip(y: Any, x: Any, lower: Any, upper: Any) -> list[Any]:
    return [ONE if lower <= x <= upper else ZERO, ONE if x < lower else ZERO,
            ONE if x > upper else ZERO]  # fmt: skip


def _elu(y: Any, x: Any, alpha: Any) -> tuple[Any, ...]:
    if x > 0:
        return [ONE, ZERO], [[ZERO, ZERO]] * 2
    slope = mp.exp(x)
    return [alpha * slope, mp.expm1(x)], [[alpha * slope, slope], [slope, ZERO]]


def _quotient(y: Any, x1: Any, x2: Any) -> tuple[Any, ...]:
    mixed = -1 / x2**2
    return [1 / x2, -y / x2], [[ZERO, mixed], [mixed, 2 * y / x2**2]]


def _leaky_relu(y: Any, x: Any, slope: Any) -> tuple[Any, ...]:
    if x > 0:
        return [ONE, ZERO], [[ZERO, ZERO]] * 2
    return [slope, x], [[ZERO, ONE], [ONE, ZERO]]


def _polygamma(y: Any, order: Any, x: Any) -> tuple[Any, ...]:
    p, q, size, second = _gamma(int(order), x)
    return [ZERO, p], [[ZERO, ZERO], [ZERO, q]], [ZERO, size], [[ZERO, ZERO], [ZERO, second]]


def _flat(p: Sequence[Any]) -> tuple[Any, ...]:
    return p, [[ZERO] * len(p)] * len(p)


_SEVERAL: dict[str, Callable[..., tuple[Any, ...]]] = {
    "+": lambda y, x1, x2: _flat([ONE, ONE]),
    "-": lambda y, x1, x2: _flat([ONE, -ONE]),
    "*": lambda y, x1, x2: ([x2, x1], [[ZERO, ONE], [ONE, ZERO]]),
    "/": _quotient,
    "**": _power,
    "//": lambda y, x1, x2: _flat([ZERO, ZERO]),
    "%": lambda y, x1, x2: _flat([ONE, -mp.floor(x1 / x2)]),
    "hypot": _hypot,
    "norm": _hypot,
    "arctan2": _arctan2,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "polygamma": _polygamma,
    **dict.fromkeys(["maximum", "minimum", "max", "min"], lambda y, *xs: _flat(_chosen(y, *xs))),
    "clip": lambda y, *xs: _flat(_clip(y, *xs)),
    "where": lambda y, condition, x1, x2: _flat(
        [ZERO, *((ONE, ZERO) if condition else (ZERO, ONE))]),
    "sum": lambda y, *xs: _flat([ONE] * len(xs)),
    "mean": lambda y, *xs: _flat([ONE / len(xs)] * len(xs)),
    "prod": lambda y, *xs: (
        [_products(xs, i) for i in range(len(xs))],
        [[ZERO if i == j else _products(xs, i, j) for j in range(len(xs))]
         for i in range(len(xs))]),
    "logsumexp": _logsumexp,
    "softmax": _softmax,
    "dot": lambda y, *xs: (
        [*xs[len(xs) // 2:], *xs[:len(xs) // 2]], _bilinear(len(xs) // 2, len(xs))),
    "net": lambda y, *xs: (
        [*xs[len(xs) // 2:-1], *xs[:len(xs) // 2], ONE], _bilinear(len(xs) // 2, len(xs))),
}  # fmt: skip


# --- the wider formulary -------------------------------------------------------------------------


def _logaddexp2(y: Any, *xs: Any) -> tuple[Any, ...]:
    w = _shares([x * LN2 for x in xs])
    bend = LN2 * w[0] * w[1]
    return w, [[bend, -bend], [-bend, bend]]


def _xlogy(y: Any, x1: Any, x2: Any) -> tuple[Any, ...]:
    if not x2:
        return [ZERO, NAN], [[NAN, NAN]] * 2
    return [mp.log(x2), x1 / x2], [[ZERO, 1 / x2], [1 / x2, -x1 / x2**2]]


def _xlog1py(y: Any, x1: Any, x2: Any) -> tuple[Any, ...]:
    if x2 == -1:
        return [ZERO, NAN], [[NAN, NAN]] * 2
    mixed = 1 / (1 + x2)
    return [mp.log1p(x2), x1 * mixed], [[ZERO, mixed], [mixed, -x1 * mixed**2]]


def _sinc(y: Any, x: Any) -> tuple[Any, ...]:
    if abs(x) < 1e-8:
        return -(mp.pi**2) * x / 3 + mp.pi**4 * x**3 / 30, -(mp.pi**2) / 3 + mp.pi**4 * x**2 / 10
    p = (mp.cospi(x) - y) / x
    q = -(mp.pi**2) * y - 2 * p / x
    size = (abs(mp.cospi(x)) + abs(y)) / abs(x)
    return p, q, max(abs(p), min(size, 1)), max(abs(q), min(mp.pi**2 * abs(y) + 2 * size, 1))


def _selu(y: Any, x: Any) -> tuple[Any, ...]:
    scale, alpha = mp.mpf("1.0507009873554804934193349852946"), "1.6732632423543772848170429916717"
    if x > 0:
        return scale, ZERO
    slope = scale * mp.mpf(alpha) * mp.exp(x)
    return slope, slope


def _mish(y: Any, x: Any) -> tuple[Any, ...]:
    t, s = mp.tanh(mp.log1p(mp.exp(x))), _sigmoid(x)
    slope = s * mp.sech(mp.log1p(mp.exp(x))) ** 2  # of t
    bend = slope * (_sigmoid(-x) - 2 * t * s)
    bend_size = slope * (_sigmoid(-x) + 2 * t * s)
    return (
        t + x * slope, 2 * slope + x * bend,
        t + abs(x) * slope, 2 * slope + abs(x) * bend_size,
    )  # fmt: skip


def _var(y: Any, *xs: Any) -> tuple[Any, ...]:
    n, mean = len(xs), mp.fsum(xs) / len(xs)
    q = [[2 * ((ONE if i == j else ZERO) - ONE / n) / n for j in range(n)] for i in range(n)]
    return [2 * (x - mean) / n for x in xs], q


def _std(y: Any, *xs: Any) -> tuple[Any, ...]:
    n, mean = len(xs), mp.fsum(xs) / len(xs)
    if not y:
        return [ZERO] * n, [[ZERO if n == 1 else NAN] * n] * n
    p = [(x - mean) / (n * y) for x in xs]
    flat = [[((ONE if i == j else ZERO) - ONE / n) / (n * y) for j in range(n)] for i in range(n)]
    q = [[flat[i][j] - p[i] * p[j] / y for j in range(n)] for i in range(n)]
    return p, q, p, [[1 / (n * y) for _ in xs] for _ in xs]


def _inverse_of_erf(sign: int) -> Callable[[Any, Any], tuple[Any, ...]]:
    def partials(y: Any, x: Any) -> tuple[Any, ...]:
        slope = mp.sqrt(mp.pi) / 2 * mp.exp(y * y)
        return sign * slope, 2 * y * slope**2

    return partials


def _log_ndtr(y: Any, x: Any) -> tuple[Any, ...]:
    if x < -1e8:  # where what follows cancels
        return -x - 1 / x, -1 + 1 / x**2
    ratio = _density(x) / (mp.erfc(-x / mp.sqrt(2)) / 2)
    return ratio, -ratio * (x + ratio)


def _gamma_function(y: Any, x: Any) -> tuple[Any, ...]:
    a, b, c = (_psi(order, x) for order in range(3))
    p, q, third = y * a, y * (a * a + b), abs(y) * (abs(a) ** 3 + 3 * abs(a * b) + abs(c))
    return p, q, abs(p) + abs(q * x), abs(y) * (a * a + abs(b)) + abs(x) * third


def _bessel(order: int, other: str, sign: int, turn: int) -> Callable[[Any, Any], tuple[Any, ...]]:
    """Of order 0 or 1: by the derivatives of the functions of both orders."""

    def partials(y: Any, x: Any) -> tuple[Any, ...]:
        z = DEFINITIONS[other](x)
        p = sign * z if order == 0 else turn * z - y / x if x else ONE / 2
        if not x:
            q = -sign * ZERO + (sign * ONE / 2 if order == 0 else ZERO)
            return p, q, abs(p) + abs(y), abs(q) + abs(p)
        q = -p / x + (sign * turn + order / x**2) * y  # Bessel's equation
        return p, q, abs(p) + abs(q * x), abs(q) + (1 + abs(x)) * (abs(p) + abs(y)) + abs(p / x)

    return partials


_UNARY |= {
    "gamma": _gamma_function,
    "j0": _bessel(0, "j1", -1, 1),
    "j1": _bessel(1, "j0", -1, 1),
    "y0": _bessel(0, "y1", -1, 1),
    "y1": _bessel(1, "y0", -1, 1),
    "i0": _bessel(0, "i1", 1, 1),
    "i1": _bessel(1, "i0", 1, 1),
    "k0": _bessel(0, "k1", -1, -1),
    "k1": _bessel(1, "k0", -1, -1),
    "logit": lambda y, x: (1 / (x * (1 - x)), (2 * x - 1) / (x * (1 - x)) ** 2),
    "entr": lambda y, x: (
        (-mp.log(x) - 1, -1 / x, abs(mp.log(x)) + 1, 1 / x) if x else (INF, NAN)),
    "rsqrt": lambda y, x: (-y / (2 * x), 3 * y / (4 * x * x)),
    "sinpi": lambda y, x: (mp.pi * mp.cospi(x), -(mp.pi**2) * y),
    "cospi": lambda y, x: (-mp.pi * mp.sinpi(x), -(mp.pi**2) * y),
    "sinc": _sinc,
    "degrees": lambda y, x: (180 / mp.pi, ZERO),
    "radians": lambda y, x: (mp.pi / 180, ZERO),
    "softsign": lambda y, x: (1 / (1 + abs(x)) ** 2, -2 * mp.sign(x) / (1 + abs(x)) ** 3),
    "selu": _selu,
    "mish": _mish,
    "hard_tanh": lambda y, x: (ONE if abs(x) < 1 else ZERO, ZERO),
    "erfinv": _inverse_of_erf(1),
    "erfcinv": _inverse_of_erf(-1),
    "ndtr": lambda y, x: (_density(x), -x * _density(x)),
    "ndtri": lambda y, x: (1 / _density(y), y / _density(y) ** 2),
    "log_ndtr": _log_ndtr,
}  # fmt: skip
_SEVERAL |= {
    "logaddexp": _logsumexp,
    "logaddexp2": _logaddexp2,
    "xlogy": _xlogy,
    "xlog1py": _xlog1py,
    "copysign": lambda y, x1, x2: _flat([y / x1 if x1 else ZERO, ZERO]),
    "fmod": lambda y, x1, x2: _flat([ONE, -mp.sign(x1 / x2) * mp.floor(abs(x1 / x2))]),
    "remainder": lambda y, x1, x2: _flat([ONE, -mp.nint(x1 / x2)]),
    "var": _var,
    "std": _std,
}


# --- a row at a point ----------------------------------------------------------------------------


def is_kink(name: str, xs: Sequence[float]) -> bool:
    """Whether the derivatives there are a matter of agreement, or infinite."""
    if name == "//" or name == "%":
        return math.fmod(xs[0], xs[1]) == 0
    return name in oracle.KINKS and bool(oracle.KINKS[name](*xs))


def local(name: str, xs: tuple[float, ...]) -> Local:
    """Evaluate a row and its derivatives.

    Args:
        name: The row's.
        xs: Finite operands.

    Returns:
        Numbers of mpmath's.

    Raises:
        ValueError, ZeroDivisionError: The function is not defined there.
    """
    # 0.0 and -0.0 are one key.
    return _local(name, xs, tuple([math.copysign(1.0, x) for x in xs if x == 0.0]))


@lru_cache(maxsize=4096)
def _local(name: str, xs: tuple[float, ...], signs: tuple[float, ...]) -> Local:
    operands = [mp.mpf(x) for x in xs]
    if name == "copysign":  # mpmath lacks -0
        y = mp.mpf(math.copysign(*xs))
    elif name == "arctan2" and xs[0] == 0.0:
        y = mp.mpf(math.atan2(*xs)) if xs[1] >= 0 else mp.pi * math.copysign(1, xs[0])
    else:
        y = mp.convert(DEFINITIONS[name](*operands))
    if not isinstance(y, mp.mpf) or not mp.isfinite(y):
        raise ValueError(f"{name} at {xs} is {y}")
    if name in _UNARY:
        p, q, *sizes = _UNARY[name](y, operands[0])
        return Local(y, [p], [[q]], [sizes[0] if sizes else p], [[sizes[1] if sizes else q]])
    if name in _SEVERAL:
        p, q, *sizes = _SEVERAL[name](y, *operands)
        return Local(y, p, q, *(sizes or (p, q)))
    p = oracle.derivatives(name, xs)
    every = range(len(xs))
    q = [[oracle.derivative(name, xs, [i, j]) for j in every] for i in every]
    return Local(y, p, q, p, q)
