"""Functions of `batches` with gradients written by hand, for Numba to compile.

Each takes the parameters as an array and returns the value and the gradient.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["WRITTEN_BY_HAND", "likelihood", "price", "valley"]

WRITTEN_BY_HAND = ("valley", "price", "likelihood")

OBSERVATIONS = np.random.default_rng(11).standard_cauchy(100) + 1.0


def valley(x: Any) -> tuple[float, Any]:
    """Rosenbrock's function."""
    value, gradient = 0.0, np.zeros_like(x)
    for i in range(len(x) - 1):
        rise, rest = x[i + 1] - x[i] * x[i], 1.0 - x[i]
        value += 100.0 * rise * rise + rest * rest
        gradient[i] -= 400.0 * rise * x[i] + 2.0 * rest
        gradient[i + 1] += 200.0 * rise
    return value, gradient


def price(parameters: Any) -> tuple[float, Any]:
    """Black and Scholes's price of a call, with its five Greeks."""
    spot, strike, sigma, rate, years = parameters
    root = math.sqrt(years)
    spread = sigma * root
    d1 = (math.log(spot / strike) + (rate + 0.5 * sigma * sigma) * years) / spread
    d2 = d1 - spread
    below1, below2 = 0.5 * math.erfc(-d1 * math.sqrt(0.5)), 0.5 * math.erfc(-d2 * math.sqrt(0.5))
    density = math.exp(-0.5 * d1 * d1) / math.sqrt(2.0 * math.pi)
    discounted = strike * math.exp(-rate * years)
    gradient = np.empty(5)
    gradient[0] = below1
    gradient[1] = -discounted / strike * below2
    gradient[2] = spot * density * root
    gradient[3] = years * discounted * below2
    gradient[4] = spot * density * sigma / (2.0 * root) + rate * discounted * below2
    return spot * below1 - discounted * below2, gradient


def likelihood(parameters: Any) -> tuple[float, Any]:
    """The negative logarithm of a Cauchy distribution's likelihood."""
    centre, width = parameters
    count = len(OBSERVATIONS)
    total, by_centre, by_width = count * math.log(width), 0.0, count / width
    for x in OBSERVATIONS:
        z = (x - centre) / width
        shared = 2.0 * z / ((1.0 + z * z) * width)
        total += math.log(1.0 + z * z)
        by_centre -= shared
        by_width -= shared * z
    gradient = np.empty(2)
    gradient[0] = by_centre
    gradient[1] = by_width
    return total, gradient
