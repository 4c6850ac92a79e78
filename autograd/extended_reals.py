"""Floats on the extended real line: 1/0 is infinite, and nothing raises.

Python raises where IEEE 754 would continue. A derivative can be infinite at a legal point (`sqrt`
at 0); there its expression is evaluated again with these numbers.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

__all__ = ["Extended", "extended", "on_extended_line"]

on_extended_line: ContextVar[bool] = ContextVar("on_extended_line", default=False)
"""Whether the running code evaluates partial derivatives, some of which are infinite."""


def _divide(x: float, y: float) -> float:
    if y == 0.0:
        return math.nan if x == 0.0 else x * math.copysign(math.inf, y)
    return x / y


def _power(x: float, y: float) -> float:
    try:
        return math.pow(x, y)
    except (OverflowError, ValueError):
        if x < 0.0 and y != math.floor(y):
            return math.nan
        return math.copysign(math.inf, x) if y % 2.0 == 1.0 else math.inf


def extended(function: Callable[..., float]) -> Callable[..., Any]:
    """Make a function of floats return an `Extended`: infinite or nan where it would raise.

    Args:
        function: A function of floats that raises as Python's `math` does.

    Returns:
        The function that returns `inf` for a `ZeroDivisionError` or an `OverflowError`, and `nan`
        for a `ValueError`.

    Example:
        >>> extended(math.exp)(1000.0), extended(math.log)(-1.0)
        (inf, nan)
    """

    def evaluate(*xs: Any) -> Any:
        try:
            y = function(*xs)
        except ArithmeticError:
            y = math.inf
        except ValueError:
            y = math.nan
        # A sequence of results (softmax) keeps its shape.
        return Extended(y) if isinstance(y, float) else y

    return evaluate


class Extended(float):
    """A float whose arithmetic never raises.

    Example:
        >>> 1.0 / Extended(0.0), Extended(0.0) ** -0.5
        (inf, inf)
    """

    __slots__ = ()


def _install(name: str, function: Callable[[float, float], float]) -> None:
    evaluate = extended(function)
    # float(...) first: within the operation the arithmetic is that of plain floats.
    setattr(Extended, f"__{name}__", lambda x, y: evaluate(float(x), float(y)))
    setattr(Extended, f"__r{name}__", lambda x, y: evaluate(float(y), float(x)))


for _name, _function in {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": _divide,
    "pow": _power,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
}.items():
    _install(_name, _function)
Extended.__neg__ = lambda x: Extended(-float(x))  # type: ignore[method-assign]
