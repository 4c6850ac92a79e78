"""The functions of the table as mpmath defines them: the reference for each row.

Nothing here comes from what a row computes with. A value is mpmath's, and a derivative is a
difference of such values, or for common functions the textbook formula (NIST Handbook of
Mathematical Functions, 2010, chapters 4, 5 and 7), which costs no more than the value; the tests
compare these formulas with differences. Rows of the wider formulary state their own definition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from autograd.formulary import FORMULARY

__all__ = ["definitions", "partials"]


def definitions(mp: Any) -> dict[str, Callable[..., Any]]:
    """Define every row of the table on the numbers of an mpmath context.

    Args:
        mp: The context, which brings the precision; a context belongs to one thread.

    Returns:
        For each row's name, a function of its operands. Off its domain it raises ValueError or
        ZeroDivisionError, or returns something that is not a finite real number.

    Example:
        >>> import mpmath
        >>> print(definitions(mpmath.mp)["softplus"](mpmath.mpf(0)))
        0.693147180559945
    """

    def clip(x: Any, lower: Any, upper: Any) -> Any:
        if lower > upper:
            raise ValueError("no interval")
        return min(max(x, lower), upper)

    def erfc(x: Any) -> Any:
        return mp.erfc(x) if x < 1e6 else mp.zero  # the limit is mpmath's, not a float's

    def arctan2(x1: Any, x2: Any) -> Any:
        if x1 == 0 and x2 <= 0:
            raise ValueError("on the cut, where mpmath lacks -0")
        return mp.atan2(x1, x2)

    def polygamma(order: Any, x: Any) -> Any:
        if order < 0 or order != int(order):
            raise ValueError("not an order of a derivative")
        n = int(order)
        if x > -20:
            return mp.psi(n, x)
        # mpmath climbs to x > 0 step by step; psi(x) - psi(1 - x) has period 1.
        offset, sign = x - mp.floor(x), (-1) ** n
        periodic = mp.psi(n, offset) - sign * mp.psi(n, 1 - offset)
        return sign * mp.psi(n, 1 - x) + periodic

    def logsumexp(*xs: Any) -> Any:
        largest = max(xs)
        others = mp.fsum(mp.exp(x - largest) for x in xs) - 1
        return largest + mp.log1p(others)

    def dot(*xs: Any) -> Any:
        return mp.fdot(xs[: len(xs) // 2], xs[len(xs) // 2 :])

    return {
        "+": lambda x1, x2: x1 + x2,
        "-": lambda x1, x2: x1 - x2,
        "*": lambda x1, x2: x1 * x2,
        "/": lambda x1, x2: x1 / x2,
        "neg": lambda x: -x,
        "**": lambda x1, x2: x1**x2,
        "//": lambda x1, x2: mp.floor(x1 / x2),
        "%": lambda x1, x2: x1 - x2 * mp.floor(x1 / x2),
        "abs": lambda x: max(x, -x),
        "exp": mp.exp,
        "exp2": lambda x: mp.mpf(2) ** x,
        "expm1": mp.expm1,
        "log": mp.log,
        "log2": lambda x: mp.log(x) / mp.log(2),
        "log10": lambda x: mp.log(x) / mp.log(10),
        "log1p": mp.log1p,
        "sqrt": mp.sqrt,
        "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
        "square": lambda x: x**2,
        "reciprocal": lambda x: 1 / x,
        "hypot": mp.hypot,
        "sin": mp.sin,
        "cos": mp.cos,
        "tan": mp.tan,
        "arcsin": mp.asin,
        "arccos": mp.acos,
        "arctan": mp.atan,
        "arctan2": arctan2,
        "sinh": mp.sinh,
        "cosh": mp.cosh,
        "tanh": mp.tanh,
        "arcsinh": mp.asinh,
        "arccosh": mp.acosh,
        "arctanh": mp.atanh,
        "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
        "softplus": lambda x: mp.log1p(mp.exp(x)),
        "logsigmoid": lambda x: -mp.log1p(mp.exp(-x)),
        "relu": lambda x: max(x, mp.zero),
        "leaky_relu": lambda x, slope: x if x > 0 else slope * x,
        "elu": lambda x, alpha: x if x > 0 else alpha * mp.expm1(x),
        "gelu": lambda x: x * erfc(-x / mp.sqrt(2)) / 2,
        "silu": lambda x: x / (1 + mp.exp(-x)),
        "erf": mp.erf,
        "erfc": erfc,
        "lgamma": lambda x: mp.re(mp.loggamma(x)),
        "digamma": lambda x: polygamma(0, x),
        "polygamma": polygamma,
        "sign": mp.sign,
        "floor": mp.floor,
        "ceil": mp.ceil,
        "trunc": lambda x: mp.sign(x) * mp.floor(abs(x)),
        "maximum": max,
        "minimum": min,
        "clip": clip,
        "where": lambda condition, x1, x2: x1 if condition else x2,
        "sum": lambda *xs: mp.fsum(xs),
        "mean": lambda *xs: mp.fsum(xs) / len(xs),
        "prod": lambda *xs: mp.fprod(xs),
        "norm": lambda *xs: mp.sqrt(mp.fsum(x**2 for x in xs)),
        "logsumexp": logsumexp,
        "softmax": lambda *xs: 1 / mp.fsum(mp.exp(x - xs[0]) for x in xs),
        "max": lambda *xs: max(xs),
        "min": lambda *xs: min(xs),
        "dot": dot,
        "net": lambda *xs: dot(*xs[:-1]) + xs[-1],
        **{rule.name: partial(rule.exact, mp) for rule in FORMULARY if rule.exact},
    }


def partials(mp: Any) -> dict[str, Callable[..., Sequence[Any]]]:
    """Return the partial derivatives of rows for which differences would cost too much.

    Args:
        mp: The context, as for `definitions`.

    Returns:
        For the names of arithmetic, of functions of a sequence, of the gamma function and of common
        functions, a function of the value and the operands. It gives None for a derivative that
        does not exist, or that only one-sided differences can decide.

    Example:
        >>> import mpmath
        >>> known = partials(mpmath.mp)["prod"](mpmath.mpf(6), mpmath.mpf(2), mpmath.mpf(3))
        >>> print(*known)
        3.0 2.0
    """
    defined = definitions(mp)
    psi, erfc = defined["polygamma"], defined["erfc"]

    def products_of_others(y: Any, *xs: Any) -> list[Any]:
        before, after = [mp.one], [mp.one]
        for x in xs[:-1]:
            before.append(before[-1] * x)
        for x in reversed(xs[1:]):
            after.append(after[-1] * x)
        return [a * b for a, b in zip(before, reversed(after), strict=True)]

    def softmax(y: Any, *xs: Any) -> list[Any]:
        shares = [y * mp.exp(x - xs[0]) for x in xs[1:]]
        return [y * mp.fsum(shares), *(-y * share for share in shares)]

    def chosen(y: Any, *xs: Any) -> list[Any]:
        tied = sum(x == y for x in xs) > 1
        return [(None if tied else mp.one) if x == y else mp.zero for x in xs]

    def dot(y: Any, *xs: Any) -> tuple[Any, ...]:
        return (*xs[len(xs) // 2 :], *xs[: len(xs) // 2])

    def power(y: Any, x1: Any, x2: Any) -> tuple[Any, Any]:
        return (x2 * y / x1, y * mp.log(x1)) if x1 > 0 else (None, None)

    def silu(y: Any, x: Any) -> tuple[Any]:
        share = 1 / (1 + mp.exp(-x))
        return (share + x * share / (1 + mp.exp(x)),)

    def gelu(y: Any, x: Any) -> tuple[Any]:
        density = mp.exp(-(x**2) / 2) / mp.sqrt(2 * mp.pi)
        return (erfc(-x / mp.sqrt(2)) / 2 + x * density,)

    def where(y: Any, condition: Any, x1: Any, x2: Any) -> tuple[Any, Any, Any]:
        return (mp.zero, mp.one, mp.zero) if condition else (None, mp.zero, mp.one)

    def at_kink(below: Callable[..., Any], above: Callable[..., Any]) -> Callable[..., Any]:
        """Choose between two formulas by the sign of the first operand; None if it is 0."""

        def found(y: Any, x: Any, *others: Any) -> tuple[Any, ...]:
            if not x:
                return (None,) * (1 + len(others))
            formula = above if x > 0 else below
            return formula(y, x, *others)  # type: ignore[no-any-return]

        return found

    return {
        "+": lambda y, x1, x2: (mp.one, mp.one),
        "-": lambda y, x1, x2: (mp.one, -mp.one),
        "*": lambda y, x1, x2: (x2, x1),
        "/": lambda y, x1, x2: (1 / x2, -y / x2),
        "neg": lambda y, x: (-mp.one,),
        "**": power,
        "abs": at_kink(lambda y, x: (-mp.one,), lambda y, x: (mp.one,)),
        "exp": lambda y, x: (y,),
        "exp2": lambda y, x: (y * mp.log(2),),
        "expm1": lambda y, x: (mp.exp(x),),
        "log": lambda y, x: (1 / x,),
        "log2": lambda y, x: (1 / (x * mp.log(2)),),
        "log10": lambda y, x: (1 / (x * mp.log(10)),),
        "log1p": lambda y, x: (1 / (1 + x),),
        "sqrt": lambda y, x: (1 / (2 * y) if x else None,),
        "cbrt": lambda y, x: (y / (3 * x) if x else None,),
        "square": lambda y, x: (2 * x,),
        "reciprocal": lambda y, x: (-(y**2),),
        "hypot": lambda y, x1, x2: (x1 / y, x2 / y) if y else (None, None),
        "sin": lambda y, x: (mp.cos(x),),
        "cos": lambda y, x: (-mp.sin(x),),
        "tan": lambda y, x: (1 / mp.cos(x) ** 2,),
        "arctan": lambda y, x: (1 / (1 + x**2),),
        "sinh": lambda y, x: (mp.cosh(x),),
        "cosh": lambda y, x: (mp.sinh(x),),
        "tanh": lambda y, x: (1 / mp.cosh(x) ** 2,),
        "arcsinh": lambda y, x: (1 / mp.sqrt(1 + x**2),),
        "sigmoid": lambda y, x: (1 / ((1 + mp.exp(-x)) * (1 + mp.exp(x))),),
        "softplus": lambda y, x: (1 / (1 + mp.exp(-x)),),
        "logsigmoid": lambda y, x: (1 / (1 + mp.exp(x)),),
        "relu": at_kink(lambda y, x: (mp.zero,), lambda y, x: (mp.one,)),
        "leaky_relu": at_kink(
            lambda y, x, slope: (slope, x), lambda y, x, slope: (mp.one, mp.zero)
        ),
        "elu": at_kink(
            lambda y, x, alpha: (alpha * mp.exp(x), mp.expm1(x)),
            lambda y, x, alpha: (mp.one, mp.zero),
        ),
        "gelu": gelu,
        "silu": silu,
        "erf": lambda y, x: (2 * mp.exp(-(x**2)) / mp.sqrt(mp.pi),),
        "erfc": lambda y, x: (-2 * mp.exp(-(x**2)) / mp.sqrt(mp.pi),),
        "maximum": lambda y, *xs: chosen(y, *xs),
        "minimum": lambda y, *xs: chosen(y, *xs),
        "where": where,
        "lgamma": lambda y, x: (psi(0, x),),
        "digamma": lambda y, x: (psi(1, x),),
        "polygamma": lambda y, order, x: (None, psi(order + 1, x)),
        "sum": lambda y, *xs: [mp.one] * len(xs),
        "mean": lambda y, *xs: [mp.one / len(xs)] * len(xs),
        "prod": products_of_others,
        "norm": lambda y, *xs: [x / y if y else None for x in xs],
        "logsumexp": lambda y, *xs: [mp.exp(x - y) for x in xs],
        "softmax": softmax,
        "max": chosen,
        "min": chosen,
        "dot": dot,
        "net": lambda y, *xs: (*dot(y, *xs[:-1]), mp.one),
    }
