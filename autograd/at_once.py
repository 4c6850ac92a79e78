"""Derivatives of functions of many operands, computed together in time linear in their number.

The rows of the table write each derivative as a function of all operands, so that its own
derivatives are as accurate: n derivatives of n links each. If traced nodes are not differentiated
again, what these derivatives share is computed once, with the operations of their definitions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from autograd.formulary import deviations_of, zscores_of

__all__ = [
    "deviations_of", "exp_of_difference", "products_of_others", "scaled", "shares", "within_range",
    "zscores_of",
]  # fmt: skip


def exp_of_difference(m: Any, x: Any, largest: Any) -> Any:
    """exp(x - largest) with the rounding error of the difference, as in `special.softmax`."""
    difference = x - largest
    subtracted = x - difference
    error = (x - (difference + subtracted)) + (subtracted - largest)
    finite = m.abs(difference) < math.inf
    exponential = m.exp(difference)
    return m.where(finite, exponential * (1.0 + error), m.where(x == largest, 1.0, exponential))


def shares(m: Any, xs: Sequence[Any]) -> list[Any]:
    """The softmax of the xs.

    Example:
        >>> from autograd.rule import FLOATS
        >>> shares(FLOATS, [0.0, 0.0])
        [0.5, 0.5]
    """
    largest = m.max(xs)
    exponentials = [exp_of_difference(m, x, largest) for x in xs]
    total = m.sum(exponentials)
    return [exponential / total for exponential in exponentials]


# --- products, with powers of two taken out where a partial product would over- or underflow ------

BIG = 2.0**600


def within_range(m: Any, x: Any, exponent: Any) -> tuple[Any, Any]:
    """Scale a number's magnitude into 2**-300 ... 2**300, unless it is 0, infinite or nan."""
    large, small = m.abs(x) > 2.0**300, m.abs(x) < 2.0**-300
    x = m.where(large, x / BIG, m.where(small, x * BIG, x))
    return x, exponent + m.where(large, 1.0, m.where(small, -1.0, 0.0))


def scaled(m: Any, product: Any, exponent: Any) -> Any:
    """Multiply by the powers of two that were taken out."""
    scale = m.where(exponent > 0.0, BIG, m.where(exponent < 0.0, 1.0 / BIG, 1.0))
    twice = m.where(m.abs(exponent) > 1.0, scale, 1.0)
    thrice = m.where(m.abs(exponent) > 2.0, scale, 1.0)  # after which it is 0 or infinite
    return product * scale * twice * thrice


def products_of_others(m: Any, xs: Sequence[Any]) -> list[Any]:
    """For each factor, the product of the others: of those before it and those after it.

    Example:
        >>> from autograd.rule import FLOATS
        >>> products_of_others(FLOATS, [0.0, 2.0, 3.0])
        [6.0, 0.0, 0.0]
    """
    left, right = _partial_products(m, xs[:-1]), _partial_products(m, xs[:0:-1])
    found = []
    for (a, before), (b, behind) in zip(left, reversed(right), strict=True):
        found.append(scaled(m, *within_range(m, a * b, before + behind)))
    return found


def _partial_products(m: Any, xs: Sequence[Any]) -> list[tuple[Any, Any]]:
    """List the products of none of the factors, of the first, of the first two, and so on."""
    product, exponent = 1.0, 0.0
    products: list[tuple[Any, Any]] = [(product, exponent)]
    for x in xs:
        factor, shift = within_range(m, x, 0.0)
        product, exponent = within_range(m, product * factor, exponent + shift)
        products.append((product, exponent))
    return products
