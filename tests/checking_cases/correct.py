"""Correct functions, nasty ones included, with points to check at: none may be called wrong.

A function takes its mathematics from a namespace `m`, which a library may have in part only. Where
a number is cut off (`m.detach`), the gradient is right all the same.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial, reduce
from itertools import pairwise
from operator import mul
from typing import Any

__all__ = ["CORRECT", "HARD_TO_DECIDE", "Correct"]


@dataclass(frozen=True)
class Correct:
    """A correct function, and the points to check it at.

    Attributes:
        name: What it is, in words.
        function: `function(m, *inputs)`; gives a number, or a list or dict of them.
        points: At each of them, its inputs: floats, and lists and dicts of floats.
        heavy: Whether it is too large for a library that records slowly.
    """

    name: str
    function: Callable[..., Any]
    points: tuple[tuple[Any, ...], ...]
    heavy: bool = False


def at(name: str, function: Callable[..., Any], *points: float) -> Correct:
    """State a function of one number."""
    return Correct(name, function, tuple((x,) for x in points))


def of(name: str, function: Callable[..., Any], *inputs: Any, heavy: bool = False) -> Correct:
    """State a function of several inputs, at one point."""
    return Correct(name, function, (inputs,), heavy)


# --- functions of the table ----------------------------------------------------------------------

POINTS: dict[str, tuple[float, ...]] = {
    "exp": (-700.0, 0.0, 1.0, 700.0),
    "exp2": (-1000.0, 0.5, 1000.0),
    "expm1": (-50.0, 1e-300, 1e-20, 300.0),
    "log": (1e-300, 1.0, 1e300),
    "log2": (1e-300, 0.999999, 1e300),
    "log10": (1e-12, 1e12),
    "log1p": (-0.999999, 1e-300, 1e-20, 1e300),
    "sqrt": (1e-300, 1e-12, 2.0, 1e300),
    "cbrt": (-1e-300, 1e-9, 1e300),
    "square": (1e-150, -3.0, 1e150),
    "reciprocal": (-1e-8, 1e-150, 1e150),
    "sin": (0.0, 1e-300, math.pi, 1e5, 1e10),
    "cos": (0.0, 1e-8, 1e5, -1e10),
    "tan": (1.57, 1.5707963, -100.0),
    "arcsin": (-0.999999, 0.0, 0.5, 0.999999999999),
    "arccos": (-0.999999, 1e-20, 0.999999999),
    "arctan": (-1e10, 1e-200, 1e160),
    "sinh": (-300.0, 1e-20, 20.0),
    "cosh": (-300.0, 1e-20, 1.0),
    "tanh": (-20.0, 1e-300, 0.5, 19.0, 400.0),
    "arcsinh": (-1e200, 1e-20, 1.0),
    "arccosh": (1.0000001, 2.0, 1e200),
    "arctanh": (-0.99999999, 1e-20, 0.5),
    "sigmoid": (-700.0, -40.0, 0.0, 40.0, 1000.0),
    "softplus": (-700.0, -30.0, 0.0, 1000.0),
    "logsigmoid": (-1000.0, 0.0, 30.0, 700.0),
    "relu": (-1e-300, -1e-9, 0.0, 1e-20, 1e-9, 1e300),
    "gelu": (-30.0, -5.0, 0.0, 50.0),
    "silu": (-700.0, -1.2784645, 0.0, 40.0),
    "erf": (1e-300, 0.5, 6.0, 30.0),
    "erfc": (-5.0, 0.5, 20.0, 26.0),
    "lgamma": (1e-10, 0.5, 1.4616321449683623, 171.0, 1e15),
    "digamma": (1e-5, 1.4616321449683623, 1e6),
    "sign": (-1e300, 1e-5, 3.0),
    "floor": (-0.5, 2.5, 1e6 + 0.25),
    "ceil": (-0.5, 2.5, 0.001),
    "trunc": (-2.75, 0.5, 1e9 + 0.5),
    "abs": (-1e-300, -1e-20, -1e-12, -1e-6, 0.0, 1e-9, 1.0, 1e300),
}


def named(name: str) -> Callable[..., Any]:
    return lambda m, x: getattr(m, name)(x)


TABLE = [at(name, named(name), *points) for name, points in POINTS.items()]

# --- functions of a line -------------------------------------------------------------------------

LINES = [
    # --- powers ---
    at("x squared, by **", lambda m, x: x**2.0, 0.0, 1e-150, -1e150),
    at("x cubed, of a negative base", lambda m, x: x**3.0, -2.5, -1e-100, -1e100),
    at("x to the tenth", lambda m, x: x**10.0, 1e-30, 1.1, 1e30),
    at("a root by **", lambda m, x: x**0.5, 1e-12, 1e-300, 7.0),
    at("a third root by **", lambda m, x: x ** (1.0 / 3.0), 1e-15, 8.0),
    at("a pole of order three", lambda m, x: x**-3.0, 1e-50, -2.0, 1e50),
    at("a power close to 1", lambda m, x: x**1.0000001, 1e-10, 5.0, 1e200),
    at("x to the 0", lambda m, x: x**0.0, 0.0, 3.0),
    at("x to the x", lambda m, x: x**x, 1e-5, 0.36787944117144233, 100.0),
    at("2 to the x", lambda m, x: 2.0**x, -1000.0, 0.0, 1000.0),
    at("a base below 1", lambda m, x: 0.3**x, -100.0, 0.1, 200.0),
    of("a power of two variables", lambda m, x, y: x**y, 1.5, -2.5),
    of("a power of a small base", lambda m, x, y: x**y, 1e-10, 0.5),
    of("a power of a large base", lambda m, x, y: x**y, 1e100, 2.5),
    of("a power of a base close to 1", lambda m, x, y: x**y, 1.000001, 1e6),
    # --- large and small numbers ---
    at("a huge slope", lambda m, x: 1e300 * x, 1e-3, 1.0),
    at("a tiny slope", lambda m, x: 1e-300 * x, 1.0, 1e3),
    at("a large offset", lambda m, x: (1e10 + x) - 1e10, 0.5, 1e-3),
    at("an offset beyond rounding", lambda m, x: (1e16 + x) - 1e16, 1.0, 0.3),
    at("a huge constant added", lambda m, x: 1e12 + m.sin(x), 0.7),
    at("a tiny term beside a huge one", lambda m, x: 1e10 * m.cos(x) + 1e-10 * m.exp(x), 0.7),
    of("products of extremes", lambda m, x, y: x * y, 1e-300, 1e300),
    of("quotient of extremes", lambda m, x, y: x / y, 1e-150, 1e150),
    of("sum of extremes", lambda m, x, y: x + y, 1e-300, 1e300),
    of("difference of neighbours", lambda m, x, y: x - y, 1.0, 1.0 - 2.0**-53),
    of("quotient of differences", lambda m, x, y: (x - y) / (x + y), 1.0, 1.0 + 1e-9),
    of("hypot of tiny legs", lambda m, x, y: m.hypot(x, y), 3e-300, 4e-300),
    of("hypot of huge legs", lambda m, x, y: m.hypot(x, y), 3e300, 4e300),
    of("hypot of unequal legs", lambda m, x, y: m.hypot(x, y), 1e-8, 1e8),
    of("hypot at the origin", lambda m, x, y: m.hypot(x, y), 0.0, 0.0),
    of("length by hand", lambda m, x, y: m.sqrt(x * x + y * y), 1e-8, -1e-9),
    of("arctan2 in every quadrant", lambda m, x, y: m.arctan2(x, y), -1.0, -1e-6),
    of("arctan2 beside the cut", lambda m, x, y: m.arctan2(x, y), 1e-12, -1.0),
    # --- cancellation ---
    at("1 - cos x over x squared", lambda m, x: (1.0 - m.cos(x)) / (x * x), 1e-3, 1e-8),
    at("exp(x) - 1 by hand", lambda m, x: m.exp(x) - 1.0, 1e-10, 1e-16),
    at("log(1 + x) by hand", lambda m, x: m.log(1.0 + x), 1e-10, 1e-17),
    at("a difference of roots", lambda m, x: m.sqrt(x + 1.0) - m.sqrt(x), 1e10, 1e15),
    at("sin squared plus cos squared", lambda m, x: m.sin(x) ** 2.0 + m.cos(x) ** 2.0, 0.7, 1e4),
    at("tanh minus its limit", lambda m, x: m.tanh(x) - 1.0, 5.0, 18.0),
    at("a sum that cancels", lambda m, x: (x + 1.0) * (x - 1.0) - x * x + 1.0, 0.3, 1e8),
    at("x minus itself", lambda m, x: x - x, 1.0, 1e300),
    at("x over itself", lambda m, x: x / x, 3.0, 1e-200),
    at("log of exp", lambda m, x: m.log(m.exp(x)), -300.0, 1e-10, 700.0),
    at("exp of log", lambda m, x: m.exp(m.log(x)), 1e-300, 1.0, 1e300),
    at("sine of arcsine", lambda m, x: m.sin(m.arcsin(x)), 0.0, 0.9999999),
    # --- steep, flat, oscillating ---
    at("a steep sigmoid", lambda m, x: m.sigmoid(1e8 * x), -1e-3, -1e-8, 0.0, 3e-9, 1.0),
    at("a steep sigmoid off 0", lambda m, x: m.sigmoid(1e8 * (x - 0.3)), 0.3, 0.3 + 1e-8, 0.29),
    at("a steep tanh", lambda m, x: m.tanh(1e5 * (x - 1.0)), 1.0, 1.00001, 1.1),
    at("a steep bell", lambda m, x: m.exp(-1e12 * x * x), 0.0, 1e-6, 1e-3),
    at("a flat bell", lambda m, x: m.exp(-x * x), 5.0, 20.0, 26.0, 40.0),
    at("flat at 0 to every order", lambda m, x: m.exp(-1.0 / (x * x)), 0.04, 0.1, 1.0),
    at("a high power, flat", lambda m, x: (x - 1.0) ** 9.0, 1.0, 1.001, 1.0 + 1e-9),
    at("a fast sine", lambda m, x: m.sin(1e6 * x), 0.1, 1.0, 1e3),
    at("a period of a power of two", lambda m, x: m.sin(2.0**10 * math.pi * x), 0.0, 0.5, 0.3),
    at("a sine whose grid is blind", lambda m, x: x + m.sin(2.0**20 * math.pi * x), 0.25, 0.1),
    at("a cosine around a maximum", lambda m, x: m.cos(1e4 * x), 0.0, 1e-9),
    at("a chirp", lambda m, x: m.sin(x * x), 100.0, 1e3),
    at("an exponential chirp", lambda m, x: m.sin(m.exp(x)), 5.0, 12.0),
    at("x sin(1/x)", lambda m, x: x * m.sin(1.0 / x), 1e-6, 1e-3, 0.1, 1e10),
    at("sin(1/x)", lambda m, x: m.sin(1.0 / x), 1e-4, 0.01, 1e5),
    at("a ripple of small amplitude", lambda m, x: x + 1e-9 * m.sin(1e9 * x), 0.3, 1.0),
    # --- poles and borders ---
    at("a pole", lambda m, x: 1.0 / x, 1e-8, -1e-12, 1e8),
    at("a pole beside x", lambda m, x: 1.0 / (x - 1.0), 1.0 + 1e-8, 0.999),
    at("a double pole", lambda m, x: 1.0 / ((x - 2.0) * (x - 2.0)), 2.0 + 1e-5, 3.0),
    at("a root near its border", lambda m, x: m.sqrt(1.0 - x * x), 0.9999999999, -0.5),
    at("a logarithm near its border", lambda m, x: m.log(1.0 - x), 1.0 - 1e-12, 0.5),
    at("a logarithm of a logarithm", lambda m, x: m.log(m.log(x)), 1.0000001, 1e300),
    at("entropy near 0", lambda m, x: x * m.log(x), 1e-300, 1e-10, 0.36787944117144233),
    at("binary entropy", lambda m, p: -p * m.log(p) - (1.0 - p) * m.log1p(-p), 1e-9, 0.5, 0.999),
    at("logit", lambda m, p: m.log(p / (1.0 - p)), 1e-12, 0.5, 1.0 - 1e-9),
    at("sigmoid of logit", lambda m, p: m.sigmoid(m.log(p) - m.log1p(-p)), 1e-12, 0.5, 0.999999),
    at("tangent near its pole", lambda m, x: m.tan(x) * m.cos(x), 1.5707, 1.0),
    # --- kinks ---
    at("a kink at 0.3", lambda m, x: abs(x - 0.3), 0.3, 0.3 + 1e-12, 0.30001, 5.0),
    at("|x| of a sine", lambda m, x: abs(m.sin(x)), 0.0, 1e-9, math.pi, 2.0),
    at("|x|**3, smooth to second order", lambda m, x: abs(x) ** 3.0, -1e-6, 1e-9, 0.5),
    at("x|x|", lambda m, x: x * abs(x), -1e-9, 0.0, 1e-3),
    at("sqrt of a square", lambda m, x: m.sqrt(x * x), -1e-9, 1e-100, 3.0),
    at("relu of a shift", lambda m, x: m.relu(x - 1.0), 1.0, 1.0 + 1e-10, 0.99, 2.0),
    at("relu squared", lambda m, x: m.square(m.relu(x)), -1e-9, 0.0, 1e-9, 3.0),
    at("a hinge", lambda m, x: m.maximum(0.0, 1.0 - x), 1.0, 1.0 - 1e-9, 0.5, 2.0),
    at("clipped", lambda m, x: m.minimum(m.maximum(x, -1.0), 1.0), -1.0, 0.999999999, 0.0, 3.0),
    at("a triangle wave", lambda m, x: abs(x - m.floor(x) - 0.5), 0.5, 0.25, 0.999, 7.75),
    at("a sawtooth", lambda m, x: x - m.floor(x), 0.001, 0.5, 0.999999, 1e3 + 0.5),
    at("a step plus a line", lambda m, x: m.sign(x) + 2.0 * x, 1e-6, -3.0),
    at("relu of relu", lambda m, x: m.relu(m.relu(x) - 1.0), 0.5, 1.0, 1.0 + 1e-7, 3.0),
    at("a dead branch", lambda m, x: m.relu(-x * x - 1.0) * m.exp(x), 0.0, 3.0),
    of("maximum at a tie", lambda m, x, y: m.maximum(x, y), 1.0, 1.0),
    of("maximum near a tie", lambda m, x, y: m.maximum(x, y), 1.0, 1.0 + 1e-12),
    of("minimum away from a tie", lambda m, x, y: m.minimum(x, y), -1e300, 1e-300),
    of("maximum of curves that touch", lambda m, x: m.maximum(x * x, 2.0 * x - 1.0), 1.0),
    of("max of a list at a tie", lambda m, xs: m.max(xs), [1.0, 3.0, 3.0, 2.0]),
    of("max of a list near a tie", lambda m, xs: m.max(xs), [1.0, 3.0, 3.0 - 1e-9, 2.0]),
    of("max of a list", lambda m, xs: m.max(xs), [1.0, 3.0, -1e10, 2.0]),
    of("remainder", lambda m, x, y: x % y, 7.3, 2.1),
    of("remainder of a negative", lambda m, x, y: x % y, -7.3, 2.1),
    of("floor division", lambda m, x, y: x // y + x * y, 7.3, 2.1),
    # --- constants, and inputs that are not used ---
    at("a constant", lambda m, x: 3.0, 1.0, 1e300),
    at("a constant computed", lambda m, x: 0.0 * x + 3.0, 1.0, -1e10),
    of("an input not used", lambda m, x, y: m.sin(x), 1.0, 5.0),
    of("a list of which one is used", lambda m, xs: xs[1] * xs[1], [1.0, 2.0, 3.0]),
    at("the identity", lambda m, x: x, 0.0, 1e-300, -1e300),
    at("the identity, twice with another sign", lambda m, x: -(x * -1.0), 0.0, 1e300),
    at("multiplied by 0", lambda m, x: x * 0.0, 1.0, 1e300),
    # --- compositions ---
    at("a tower of exponentials", lambda m, x: m.exp(m.exp(m.exp(x))), -1.0, 1.0, 1.8),
    at("a tower of logarithms", lambda m, x: m.log(m.log(m.log(x))), 20.0, 1e300),
    at("a normal distribution function", lambda m, x: 0.5 * m.erfc(-x / math.sqrt(2.0)),
       -37.0, 0.0, 8.0),
    at("a Lorentz curve", lambda m, x: 1.0 / (1.0 + m.square(1e4 * (x - 0.5))), 0.5, 0.5001, 1.0),
    at("a Runge function", lambda m, x: 1.0 / (1.0 + 25.0 * x * x), -1.0, 0.0, 0.2),
    at("sinc", lambda m, x: m.sin(x) / x, 1e-8, 1e-3, 4.4934, 1e6),
    at("a Morse potential", lambda m, r: m.square(1.0 - m.exp(1.2 - r)), 0.1, 1.2, 30.0),
    at("a Lennard-Jones potential", lambda m, r: 4.0 * (r**-12.0 - r**-6.0), 0.01, 1.1225, 100.0),
    at("Planck's law", lambda m, x: x**3.0 / m.expm1(x), 1e-8, 2.8214393721, 700.0),
    at("Stirling's remainder", lambda m, x: m.lgamma(x) - (x - 0.5) * m.log(x) + x, 5.0, 1e6),
    at("the gamma function", lambda m, x: m.exp(m.lgamma(x)), 0.1, 3.0, 170.0),
    of("a beta function", lambda m, a, b: m.exp(m.lgamma(a) + m.lgamma(b) - m.lgamma(a + b)),
       0.5, 2.5),
    of("a binomial coefficient", lambda m, n, k: m.lgamma(n + 1.0) - m.lgamma(k + 1.0)
       - m.lgamma(n - k + 1.0), 1e6, 3e5),
    of("Rosenbrock", lambda m, x, y: m.square(1.0 - x) + 100.0 * m.square(y - x * x), -1.2, 1.0),
    of("Rosenbrock at its minimum",
       lambda m, x, y: m.square(1.0 - x) + 100.0 * m.square(y - x * x), 1.0, 1.0),
    of("Himmelblau", lambda m, x, y: m.square(x * x + y - 11.0) + m.square(x + y * y - 7.0),
       3.0, 2.0),
    of("Beale", lambda m, x, y: m.square(1.5 - x + x * y) + m.square(2.25 - x + x * y * y),
       3.0, 0.5),
    of("Ackley", lambda m, x, y: -20.0 * m.exp(-0.2 * m.sqrt(0.5 * (x * x + y * y)))
       - m.exp(0.5 * (m.cos(2.0 * math.pi * x) + m.cos(2.0 * math.pi * y))), 1e-3, -2.0),
    of("Rastrigin", lambda m, xs: m.sum([x * x - 10.0 * m.cos(2.0 * math.pi * x) for x in xs]),
       [0.0, 1.0, -2.5, 4.99]),
    of("Branin", lambda m, x, y: m.square(y - 0.129 * x * x + 1.59 * x - 6.0)
       + 9.6 * m.cos(x) + 10.0, math.pi, 2.275),
    of("a saddle", lambda m, x, y: x * x - y * y, 1e-200, 1e-200),
    of("a monkey saddle", lambda m, x, y: x * x * x - 3.0 * x * y * y, 1e-3, -1e3),
    of("a ratio of Gaussians", lambda m, x, y: m.exp(-x * x) / m.exp(-y * y), 5.0, 5.1),
    # --- several outputs ---
    of("polar coordinates", lambda m, r, a: [r * m.cos(a), r * m.sin(a)], 2.0, 0.3),
    of("a rotation", lambda m, x, y: [0.6 * x - 0.8 * y, 0.8 * x + 0.6 * y], 1e-10, 1e10),
    of("outputs in a dict", lambda m, x: {"sine": m.sin(x), "square": x * x}, 0.5),
    of("an output that is an input", lambda m, x, y: [x, x * y, y], 2.0, 3.0),
    of("an output that is a constant", lambda m, x: [x * x, 1.0 + 0.0 * x], 2.0),
    of("outputs of all scales", lambda m, x: [1e-200 * x, x, 1e200 * x], 0.7),
    of("inputs in a dict", lambda m, p: p["slope"] * m.tanh(p["offset"] + 2.0),
       {"slope": 2.0, "offset": -1.0}),
    of("inputs nested", lambda m, p: m.sum([w * x for w, x in zip(p["w"], p["x"], strict=True)]),
       {"w": [1.0, 2.0], "x": [1e-10, 1e10]}),
]  # fmt: skip

# --- functions of sequences ----------------------------------------------------------------------


def by_hand_logsumexp(m: Any, xs: list[Any]) -> Any:
    """Cut the largest off: it cancels, so the gradient is right all the same."""
    largest = max(float(m.detach(x)) for x in xs)
    return largest + m.log(m.sum([m.exp(x - largest) for x in xs]))


def by_hand_softmax(m: Any, xs: list[Any]) -> list[Any]:
    largest = max(float(m.detach(x)) for x in xs)
    exponentials = [m.exp(x - largest) for x in xs]
    total = m.sum(exponentials)
    return [e / total for e in exponentials]


def cross_entropy(m: Any, xs: list[Any]) -> Any:
    return by_hand_logsumexp(m, xs) - xs[0]


def variance(m: Any, xs: list[Any]) -> Any:
    mean = m.sum(xs) / len(xs)
    return m.sum([m.square(x - mean) for x in xs]) / len(xs)


def layer_normalisation(m: Any, xs: list[Any]) -> list[Any]:
    mean = m.sum(xs) / len(xs)
    scale = m.sqrt(variance(m, xs) + 1e-5)
    return [(x - mean) / scale for x in xs]


def cosine_similarity(m: Any, xs: list[Any], ys: list[Any]) -> Any:
    def inner(us: list[Any], vs: list[Any]) -> Any:
        return m.sum([u * v for u, v in zip(us, vs, strict=True)])

    return inner(xs, ys) / m.sqrt(inner(xs, xs) * inner(ys, ys))


def determinant(m: Any, rows: list[list[Any]]) -> Any:
    (a, b, c), (d, e, f), (g, h, i) = rows
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def repeated_sum(m: Any, x: Any, terms: int) -> Any:
    return m.sum([x] * terms)


SEQUENCES = [
    of("sum of 100,000 terms", partial(repeated_sum, terms=100_000), 0.1, heavy=True),
    of("sum of 300 squares", lambda m, xs: m.sum([x * x for x in xs]),
       [math.sin(i) for i in range(300)]),
    of("sum of unlike magnitudes", lambda m, xs: m.sum(xs), [1e300, 1.0, -1e300, 1e-300]),
    of("sum of one", lambda m, xs: m.sum(xs), [2.0]),
    of("product of twenty", lambda m, xs: reduce(mul, xs), [1.0 + 0.1 * i for i in range(20)]),
    of("product with a zero", lambda m, xs: reduce(mul, xs), [2.0, 0.0, 3.0]),
    of("product with two zeros", lambda m, xs: reduce(mul, xs), [2.0, 0.0, 0.0]),
    of("prod with a zero", lambda m, xs: m.prod(xs), [2.0, 0.0, 3.0, -1e100]),
    of("mean", lambda m, xs: m.mean(xs), [1e10, 1e-10, -1e10]),
    of("norm", lambda m, xs: m.norm(xs), [3e200, 4e200, 12e200]),
    of("norm at the origin", lambda m, xs: m.norm(xs), [0.0, 0.0]),
    of("norm of unlike magnitudes", lambda m, xs: m.norm(xs), [1e-8, 1.0, 1e4]),
    of("dot", lambda m, xs, ys: m.dot(xs, ys), [1e100, 1.0, 1e-100], [1e-100, 1.0, 1e100]),
    of("dot with itself", lambda m, xs: m.dot(xs, xs), [1.0, -2.0, 1e5]),
    of("a neuron", lambda m, ws, xs, b: m.tanh(m.dot(ws, xs) + b), [0.5, -0.25], [1.0, 2.0], 0.1),
    of("logsumexp", lambda m, xs: m.logsumexp(xs), [1.0, 2.0, 3.0]),
    of("logsumexp at +-1000", lambda m, xs: m.logsumexp(xs), [1000.0, -1000.0, 999.0]),
    of("logsumexp of equals", lambda m, xs: m.logsumexp(xs), [0.0] * 8),
    of("logsumexp by hand", by_hand_logsumexp, [1000.0, 999.0, -1000.0]),
    of("logsumexp by hand at a tie", by_hand_logsumexp, [3.0, 3.0, 1.0]),
    of("softmax", lambda m, xs: m.softmax(xs), [1.0, -2.0, 3.0]),
    of("softmax at +-1000", lambda m, xs: m.softmax(xs), [1000.0, -1000.0, 1000.0]),
    of("softmax saturated", lambda m, xs: m.softmax(xs), [0.0, 40.0]),
    of("softmax by hand", by_hand_softmax, [1.0, -2.0, 30.0]),
    of("cross-entropy", cross_entropy, [0.5, -1.0, 2.0]),
    of("cross-entropy, surely right", cross_entropy, [50.0, 0.0, 1.0]),
    of("cross-entropy, surely wrong", cross_entropy, [-1000.0, 0.0, 1000.0]),
    of("variance", variance, [1.0, 2.0, 4.0]),
    of("variance around a large mean", variance, [1e8 + 1.0, 1e8 + 2.0, 1e8 + 4.0]),
    of("variance of equals", variance, [5.0, 5.0, 5.0]),
    of("layer normalisation", layer_normalisation, [1.0, 2.0, 4.0]),
    of("layer normalisation of equals", layer_normalisation, [2.0, 2.0, 2.0]),
    of("cosine similarity", cosine_similarity, [1.0, 2.0, 3.0], [-2.0, 0.5, 1.0]),
    of("cosine similarity of parallels", cosine_similarity, [1.0, 2.0], [1e-5, 2e-5]),
    of("a determinant", determinant, [[2.0, 1.0, 0.5], [0.0, 3.0, -1.0], [1.0, 4.0, 1.0]]),
    of("a singular determinant", determinant, [[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.0, 1.0, 1.0]]),
]  # fmt: skip

# --- programs: branches, loops, recurrences ------------------------------------------------------


def branches(m: Any, x: Any) -> Any:
    if x > 1.0:
        return 2.0 * x - 1.0
    if x > 0.0:
        return x * x
    return 0.0 * x


def early_return(m: Any, x: Any) -> Any:
    return 0.0 if x < 0.0 else x * m.sqrt(x)


def guarded_oscillation(m: Any, x: Any) -> Any:
    """x**2 sin(1/x), and 0 at 0, where its derivative exists and is 0."""
    safe = m.where(x == 0.0, 1.0, x)
    return m.where(x == 0.0, 0.0 * x, x * x * m.sin(1.0 / safe))


def guarded_sinc(m: Any, x: Any) -> Any:
    safe = m.where(x == 0.0, 1.0, x)
    return m.where(x == 0.0, 1.0 - x * x / 6.0, m.sin(safe) / safe)


def huber(m: Any, x: Any) -> Any:
    return 0.5 * x * x if abs(x) <= 1.0 else abs(x) - 0.5


def smoothstep(m: Any, x: Any) -> Any:
    if x <= 0.0:
        return 0.0 * x
    return x * x * (3.0 - 2.0 * x) if x < 1.0 else 1.0 + 0.0 * x


def cubic_spline(m: Any, x: Any) -> Any:
    """A bell of four cubic pieces, smooth to second order where they meet."""
    r = abs(x)
    if r < 1.0:
        return 2.0 / 3.0 - r * r + 0.5 * r * r * r
    return (2.0 - r) ** 3.0 / 6.0 if r < 2.0 else 0.0 * x


def rounded_inside(m: Any, x: Any) -> Any:
    """Reduce the argument by a number that is constant in between."""
    return m.sin(x - 2.0 * math.pi * round(float(m.detach(x)) / (2.0 * math.pi)))


def newton(m: Any, a: Any) -> Any:
    y = 1.0 + 0.0 * a
    change: Any = 1.0
    steps = 0
    while abs(float(m.detach(change))) > 1e-14 * abs(float(m.detach(y))) and steps < 100:
        change = 0.5 * (a / y - y)
        y = y + change
        steps += 1
    return y


def newton_cube_root(m: Any, a: Any) -> Any:
    y = a / 3.0 + 1.0
    for _ in range(40):
        y = y - (y * y * y - a) / (3.0 * y * y)
    return y


def bisected(m: Any, a: Any) -> Any:
    """Find the root of x + exp(x) = a on plain numbers, then take one step of Newton's method."""
    low, high, number = -50.0, 50.0, float(m.detach(a))
    for _ in range(80):
        middle = 0.5 * (low + high)
        low, high = (
            (middle, high) if middle + math.exp(min(middle, 700.0)) < number else (low, middle)
        )
    slope = 1.0 + math.exp(low)
    return low + (a - low - math.exp(low)) / slope


def agm(m: Any, x: Any, y: Any) -> Any:
    """The arithmetic-geometric mean."""
    for _ in range(8):
        x, y = 0.5 * (x + y), m.sqrt(x * y)
    return x


def continued_fraction(m: Any, x: Any) -> Any:
    value = 1.0 + x
    for k in range(30, 0, -1):
        value = 1.0 + k * x / value
    return value


def repeated(function: Callable[[Any, Any], Any], times: int) -> Callable[..., Any]:
    def composed(m: Any, x: Any) -> Any:
        for _ in range(times):
            x = function(m, x)
        return x

    return composed


def fibonacci(m: Any, x: Any) -> Any:
    previous, current = x, 1.0 + 0.0 * x
    for _ in range(60):
        previous, current = current, previous + current
    return current


def recurrence(m: Any, w: Any, x: Any, steps: int) -> Any:
    state = 0.1 * x
    for _ in range(steps):
        state = m.tanh(w * state + x)
    return state


def momentum(m: Any, rate: Any) -> Any:
    """Twenty steps of gradient descent with momentum, as a function of the step size."""
    x, speed = 1.0 + 0.0 * rate, 0.0 * rate
    for _ in range(20):
        speed = 0.9 * speed - rate * 2.0 * x
        x = x + speed
    return x * x


def horner(coefficients: Iterable[float]) -> Callable[..., Any]:
    def polynomial(m: Any, x: Any) -> Any:
        return reduce(lambda value, c: value * x + c, coefficients, 0.0 * x)

    return polynomial


def wilkinson(m: Any, x: Any) -> Any:
    return reduce(mul, [x - float(k) for k in range(1, 21)])


def chebyshev(m: Any, x: Any) -> Any:
    previous, current = 1.0 + 0.0 * x, x
    for _ in range(19):
        previous, current = current, 2.0 * x * current - previous
    return current


def legendre(m: Any, x: Any) -> Any:
    previous, current = 1.0 + 0.0 * x, x
    for n in range(1, 15):
        previous, current = current, ((2 * n + 1) * x * current - n * previous) / (n + 1.0)
    return current


def series(terms: int, ratio: Callable[[int], float]) -> Callable[..., Any]:
    """Add up a power series in x**2, each term made of the last."""

    def added(m: Any, x: Any) -> Any:
        term = 1.0 + 0.0 * x
        total = term
        for k in range(1, terms):
            term = term * (x * x * ratio(k))
            total = total + term
        return total

    return added


def geometric(m: Any, x: Any) -> Any:
    return m.sum([x ** float(k) for k in range(1, 60)])


def zeta(m: Any, s: Any) -> Any:
    return m.sum([m.exp(-s * math.log(n)) for n in range(1, 200)])


def weierstrass(m: Any, x: Any) -> Any:
    return m.sum([0.5**k * m.cos(3.0**k * math.pi * x) for k in range(12)])


def simpson(m: Any, a: Any) -> Any:
    """The integral of exp(-a x**2) over [0, 1]."""
    nodes = [i / 40.0 for i in range(41)]
    weights = [1.0, *[4.0, 2.0] * 19, 4.0, 1.0]
    terms = [w * m.exp(-a * (x * x)) for w, x in zip(weights, nodes, strict=True)]
    return m.sum(terms) / 120.0


def black_scholes(m: Any, spot: Any, strike: Any, time: Any, rate: Any, sigma: Any) -> Any:
    def normal(x: Any) -> Any:
        return 0.5 * m.erfc(-x / math.sqrt(2.0))

    spread = sigma * m.sqrt(time)
    d1 = (m.log(spot / strike) + (rate + 0.5 * sigma * sigma) * time) / spread
    return spot * normal(d1) - strike * m.exp(-rate * time) * normal(d1 - spread)


def euler(m: Any, rate: Any, start: Any) -> Any:
    y = start
    for _ in range(200):
        y = y + 0.01 * rate * y * (1.0 - y)
    return y


def runge_kutta(m: Any, mu: Any, x: Any) -> list[Any]:
    """Twenty steps of the van der Pol oscillator."""

    def slope(x: Any, v: Any) -> tuple[Any, Any]:
        return v, mu * (1.0 - x * x) * v - x

    v, h = 0.0 * x, 0.1
    for _ in range(20):
        a1, b1 = slope(x, v)
        a2, b2 = slope(x + 0.5 * h * a1, v + 0.5 * h * b1)
        a3, b3 = slope(x + 0.5 * h * a2, v + 0.5 * h * b2)
        a4, b4 = slope(x + h * a3, v + h * b3)
        x = x + h / 6.0 * (a1 + 2.0 * a2 + 2.0 * a3 + a4)
        v = v + h / 6.0 * (b1 + 2.0 * b2 + 2.0 * b3 + b4)
    return [x, v]


def lorenz(m: Any, x: Any, y: Any, z: Any) -> Any:
    for _ in range(200):
        x, y, z = (
            x + 0.01 * 10.0 * (y - x),
            y + 0.01 * (x * (28.0 - z) - y),
            z + 0.01 * (x * y - 8.0 / 3.0 * z),
        )
    return x


def kepler(m: Any, eccentricity: Any, anomaly: Any) -> Any:
    e = anomaly
    for _ in range(30):
        e = e - (e - eccentricity * m.sin(e) - anomaly) / (1.0 - eccentricity * m.cos(e))
    return e


def mlp(
    sizes: tuple[int, ...], activation: str
) -> tuple[Callable[..., Any], list[Any], list[float]]:
    """A network by its own sums, its weights, and an input."""
    rng = random.Random(sum(sizes))
    weights = [
        [[rng.uniform(-1.0, 1.0) for _ in range(before + 1)] for _ in range(after)]
        for before, after in pairwise(sizes)
    ]

    def network(m: Any, weights: list[Any], xs: list[Any]) -> Any:
        for layer in weights:
            nets = [m.sum([w * x for w, x in zip(ws, xs, strict=False)] + [ws[-1]]) for ws in layer]
            xs = [getattr(m, activation)(net) for net in nets]
        return m.square(m.sum(xs) - 1.0)

    return network, weights, [rng.uniform(-1.0, 1.0) for _ in range(sizes[0])]


def attention(m: Any, query: list[Any], keys: list[list[Any]], values: list[Any]) -> Any:
    scores = [m.sum([q * k for q, k in zip(query, key, strict=True)]) for key in keys]
    shares = by_hand_softmax(m, scores)
    return m.sum([share * v for share, v in zip(shares, values, strict=True)])


def mixture(m: Any, mean: Any, spread: Any) -> Any:
    """A log-likelihood of a mixture of two normal distributions."""
    total = 0.0 * mean
    for x in (-3.0, -1.0, 0.5, 2.0, 3.5):
        left = m.exp(-0.5 * m.square((x - mean) / spread)) / spread
        right = m.exp(-0.5 * m.square((x + mean) / spread)) / spread
        total = total + m.log(0.5 * left + 0.5 * right)
    return total


def haversine(m: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    inner = m.square(m.sin(0.5 * (c - a))) + m.cos(a) * m.cos(c) * m.square(m.sin(0.5 * (d - b)))
    return 2.0 * m.arcsin(m.sqrt(inner))


def viscosity(m: Any, x: Any) -> Any:
    """Sum what a loop visits, until the terms are small: a stop that depends on the input."""
    total = term = 1.0 + 0.0 * x
    k = 1
    while abs(float(m.detach(term))) > 1e-17:
        term = term * x / float(k)
        total = total + term
        k += 1
    return total


def state_machine(m: Any, x: Any) -> Any:
    """Turn left or right by the sign of a wave: a path of branches."""
    y = x
    for k in range(1, 12):
        y = y + 0.5**k * m.sin(y) if math.sin(7.0 * k) > 0.0 else y - 0.5**k * m.cos(y)
    return y


def logarithmic_map(m: Any, x: Any) -> Any:
    return m.log(1.0 + m.exp(x)) - 0.3


SMALL, WIDE, DEEP = (2, 4, 1), (3, 16, 1), (2, 4, 4, 4, 4, 1)

PROGRAMS = [
    at("branches", branches, -1.0, 0.0, 0.5, 1.0, 1.0 + 1e-9, 3.0),
    at("an early return of a constant", early_return, -1.0, 1e-6, 2.0),
    at("x**2 sin(1/x), guarded", guarded_oscillation, 0.0, 1e-3, 1e-6, 1.0),
    at("sinc, guarded", guarded_sinc, 0.0, 1e-9, 2.0),
    at("Huber", huber, 0.0, 1.0, 1.0 + 1e-9, -5.0),
    at("smoothstep", smoothstep, -1.0, 0.0, 1e-9, 0.5, 1.0),
    at("a cubic spline", cubic_spline, 0.0, 1.0, 1.5, 2.0, 2.0 - 1e-6),
    at("an argument reduced", rounded_inside, 0.5, 100.0, 1e5),
    at("Newton, as long as it changes", newton, 1e-6, 2.0, 1e10),
    at("Newton, a cube root", newton_cube_root, 1e-3, 27.0),
    at("bisection on numbers, one step on Values", bisected, -3.0, 1.0, 40.0),
    of("arithmetic-geometric mean", agm, 1.0, 1e-6),
    at("a continued fraction", continued_fraction, 0.1, 100.0),
    at("300 sines", repeated(lambda m, x: m.sin(x), 300), 1.0, 1e-3),
    at("500 sines that grow", repeated(lambda m, x: m.sin(x) * 1.001, 500), 0.5),
    at("200 cosines", repeated(lambda m, x: m.cos(x), 200), 0.3),
    at("50 times tanh of twice", repeated(lambda m, x: m.tanh(2.0 * x), 50), 1e-20, 0.5),
    at("100 square roots", repeated(lambda m, x: m.sqrt(x), 100), 1e300, 1e-300),
    at("9 squares", repeated(lambda m, x: m.square(x), 9), 1.5, 0.9, 0.3),
    at("1,000 additions", repeated(lambda m, x: x + 0.001, 1000), 1.0, 1e-10),
    at("1,000 products", repeated(lambda m, x: x * 1.0001, 1000), 1.0, 1e-300),
    at("1,000 steps of a recurrence", repeated(lambda m, x: x - 1e-3 * m.sin(x), 1000), 0.5),
    at("1,000 reciprocals", repeated(lambda m, x: 1.0 / (1.0 + x), 1000), 0.5),
    at("softplus, iterated", repeated(logarithmic_map, 50), 0.5, -10.0),
    at("the logistic map, 30 steps", repeated(lambda m, x: 3.9 * x * (1.0 - x), 30), 0.3, 0.123),
    at("the logistic map, stable", repeated(lambda m, x: 2.5 * x * (1.0 - x), 100), 0.3),
    at("the tent map", repeated(lambda m, x: 1.0 - abs(1.9 * x - 1.0), 15), 0.3456),
    at("Gauss's map", repeated(lambda m, x: m.exp(-4.9 * x * x) - 0.58, 25), 0.1),
    at("shifts of 1/x", repeated(lambda m, x: 1.0 / x - m.floor(1.0 / x), 8), 0.4142135),
    at("a Mandelbrot orbit", repeated(lambda m, x: x * x - 1.3, 20), 0.2),
    at("Fibonacci", fibonacci, 0.0, 1.0),
    of("a recurrent network", partial(recurrence, steps=30), 0.7, 0.4),
    of("a recurrent network, 300 steps", partial(recurrence, steps=300), 1.2, 1e-4),
    at("gradient descent with momentum", momentum, 0.01, 0.1),
    at("a polynomial of degree 20", horner([(-1.0) ** k * (k + 1.0) for k in range(21)]), 0.9, 3.0),
    at("a polynomial of small coefficients", horner([1e-10] * 20), 1.0, 10.0),
    at("Wilkinson's polynomial", wilkinson, 1.0, 10.5, 20.0, 25.0),
    at("Chebyshev of degree 20", chebyshev, 0.3, 1.0, 1.1),
    at("Legendre of degree 15", legendre, 0.3, -1.0),
    at("a Bessel function's series", series(40, lambda k: -0.25 / (k * k)), 1.0, 20.0),
    at("a cosine's series", series(40, lambda k: -1.0 / (2.0 * k * (2.0 * k - 1.0))), 1.0, 15.0),
    at("a theta series", lambda m, x: m.sum([x ** float(k * k) for k in range(1, 12)]), 0.5, 0.99),
    at("a geometric series", geometric, 0.5, 1.0, -0.99),
    at("a zeta series", zeta, 2.0, 0.5),
    at("the start of Weierstrass's function", weierstrass, 0.1, 0.5),
    at("an exponential series, until it stands", viscosity, 1.0, 30.0, -20.0),
    at("Simpson's rule", simpson, 1.0, 100.0),
    at("a path of branches", state_machine, 0.7, 10.0),
    of("Black-Scholes", black_scholes, 100.0, 110.0, 0.5, 0.03, 0.2),
    of("Black-Scholes, out of the money", black_scholes, 50.0, 200.0, 0.1, 0.01, 0.15),
    of("Black-Scholes, an hour left", black_scholes, 100.0, 100.0, 1e-4, 0.03, 0.2),
    of("Euler's method", euler, 2.0, 0.01),
    of("van der Pol's oscillator", runge_kutta, 1.5, 0.5),
    of("Lorenz's system", lorenz, 1.0, 1.0, 20.0),
    of("Kepler's equation", kepler, 0.3, 1.0),
    of("Kepler's equation, a long ellipse", kepler, 0.99, 2.0),
    of("an MLP with tanh", *mlp(SMALL, "tanh")),
    of("an MLP with relu", *mlp(SMALL, "relu")),
    of("a wide MLP with sigmoid", *mlp(WIDE, "sigmoid")),
    of("a deep MLP with tanh", *mlp(DEEP, "tanh")),
    of("a deep MLP with softplus", *mlp(DEEP, "softplus")),
    of("attention", attention, [0.5, -1.0], [[1.0, 2.0], [0.3, -0.7], [2.0, 0.1]], [1.0, 2.0, 3.0]),
    of("attention, saturated", attention, [30.0, -40.0], [[1.0, 2.0], [0.3, -0.7]], [1.0, 2.0]),
    of("a mixture of normal distributions", mixture, 2.0, 0.8),
    of("a mixture, narrow", mixture, 2.0, 0.1),
    of("a distance on the globe", haversine, 0.5, 0.1, 0.9, -1.2),
    of("a distance on the globe, short", haversine, 0.5, 0.1, 0.5 + 1e-7, 0.1 + 1e-7),
]  # fmt: skip

CORRECT: tuple[Correct, ...] = (*TABLE, *LINES, *SEQUENCES, *PROGRAMS)

HARD_TO_DECIDE = frozenset(
    {
        # at a kink, for one of the points
        "relu", "abs", "a kink at 0.3", "|x| of a sine", "relu of a shift", "a hinge", "clipped",
        "a triangle wave", "relu of relu", "hypot at the origin", "norm at the origin",
        "maximum at a tie", "maximum of curves that touch", "max of a list at a tie", "branches",
        "an early return of a constant", "smoothstep", "Huber", "a cubic spline",
        "x**2 sin(1/x), guarded", "sqrt of a square",
        # rounding hides the function, or its derivative
        "1 - cos x over x squared", "an offset beyond rounding", "cross-entropy, surely right",
        "the logistic map, 30 steps", "an exponential series, until it stands",
        "a difference of roots",  # of 1e15: its gradient is off by a sixth, and so is its value
    }
)  # fmt: skip
"""Functions whose gradient need not be known to be right at every point."""
