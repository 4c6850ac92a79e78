"""Functions with a known derivative, evaluated badly: does a numerical derivative know its error?

    python -m tests.autograd.checking.badly --draws 1000000 --seed 1

A draw is a smooth function, composed at random, of any scale of argument and result, and one way
to evaluate it badly, or none; or a function with a kink, jump, pole, cusp or border at the point or
near it. The derivative meant is that of the smooth function behind, evaluated in mpmath by the
chain rule. Where the evaluation is itself smooth around the point (a solver that takes the same
number of steps there, say), nobody can tell it from a function that is meant: there its own
derivative is right too.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import math
import random
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import mpmath

from autograd.checking.numerical import Estimate, differentiate

mp: Any = mpmath.mp.clone()
mp.prec = 160

Function = Callable[[float], float]

FARTHEST = 0.19  # how far around a point one looks first, relative to the larger of |x| and 1
USEFUL = 1e-7  # a relative bound


@dataclass
class Case:
    """A function to be differentiated at a point.

    Attributes:
        family: How it is evaluated, or what is wrong with it.
        name: The function, in words.
        function: The function of floats, and
        x: where.
        derivatives: Those that are right, more than one where the meaning is ambiguous; none where
            there is no derivative.
        sides: The derivatives from below and above, at a kink.
        scale: The distance on which it varies.
        noise: What `differentiate` is told of it.
    """

    family: str
    name: str
    function: Function
    x: float
    derivatives: tuple[Any, ...] = ()
    sides: tuple[Any, Any] | None = None
    scale: float = 1.0
    noise: float = 0.0


class Unsuitable(Exception):  # noqa: N818
    """What was drawn is not defined at the point, or not in the range of floats."""


# --- smooth functions ----------------------------------------------------------------------------


class Stage(NamedTuple):
    """An elementary function: of floats, of mpmath's numbers, and its derivative there."""

    name: str
    of_float: Function
    value: Any  # a function of mpmath's numbers, and
    slope: Any  # its derivative


def _stable_softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


STAGES = (
    Stage("square", lambda x: x * x, lambda x: x * x, lambda x: 2 * x),
    Stage("cube", lambda x: x * x * x, lambda x: x**3, lambda x: 3 * x * x),
    Stage("quintic", lambda x: x**5 - x, lambda x: x**5 - x, lambda x: 5 * x**4 - 1),
    Stage("exp", math.exp, mp.exp, mp.exp),
    Stage("expm1", math.expm1, mp.expm1, mp.exp),
    Stage("sin", math.sin, mp.sin, mp.cos),
    Stage("cos", math.cos, mp.cos, lambda x: -mp.sin(x)),
    Stage("tanh", math.tanh, mp.tanh, lambda x: mp.sech(x) ** 2),
    Stage("arctan", math.atan, mp.atan, lambda x: 1 / (1 + x * x)),
    Stage("log", math.log, mp.log, lambda x: 1 / x),
    Stage("sqrt", math.sqrt, mp.sqrt, lambda x: 1 / (2 * mp.sqrt(x))),
    Stage("1/x", lambda x: 1.0 / x, lambda x: 1 / x, lambda x: -1 / x**2),
    Stage("bell", lambda x: math.exp(-x * x), lambda x: mp.exp(-x * x),
          lambda x: -2 * x * mp.exp(-x * x)),
    Stage("witch", lambda x: 1.0 / (1.0 + x * x), lambda x: 1 / (1 + x * x),
          lambda x: -2 * x / (1 + x * x) ** 2),
    Stage("softplus", _stable_softplus, lambda x: mp.log1p(mp.exp(x)),
          lambda x: 1 / (1 + mp.exp(-x))),
    Stage("x sin x", lambda x: x * math.sin(x), lambda x: x * mp.sin(x),
          lambda x: mp.sin(x) + x * mp.cos(x)),
    Stage("x^2.5", lambda x: math.pow(x, 2.5), lambda x: x ** mp.mpf(2.5),
          lambda x: 2.5 * x ** mp.mpf(1.5)),
)  # fmt: skip


def affine(a: float, b: float) -> Stage:
    return Stage(
        f"{a:.3g}x{b:+.3g}",
        lambda x: a * x + b,
        lambda x: mp.mpf(a) * x + mp.mpf(b),
        lambda x: mp.mpf(a),
    )


def shifted(a: float, c: float) -> Stage:
    return Stage(
        f"{a:.3g}(x - {c:.17g})",
        lambda x: a * (x - c),
        lambda x: mp.mpf(a) * (x - mp.mpf(c)),
        lambda x: mp.mpf(a),
    )


def evaluated(stages: Sequence[Stage], x: float) -> float:
    for stage in stages:
        x = stage.of_float(x)
    return float(x)


def exactly(stages: Sequence[Stage], x: Any) -> tuple[Any, Any]:
    """Evaluate and differentiate a composed function."""
    value, slope = mp.mpf(x), mp.one
    for stage in stages:
        slope *= stage.slope(value)
        value = stage.value(value)
    if not (isinstance(value, mp.mpf) and mp.isfinite(value) and mp.isfinite(slope)):
        raise Unsuitable
    return value, slope


@dataclass
class Smooth:
    """A composed function, and the point."""

    stages: tuple[Stage, ...]
    x: float
    scale: float
    y: float = field(init=False)
    derivative: Any = field(init=False)

    def __post_init__(self) -> None:
        try:
            self.y = evaluated(self.stages, self.x)
            self.derivative = exactly(self.stages, self.x)[1]
        except (ArithmeticError, ValueError, TypeError):
            raise Unsuitable from None
        size = abs(float(self.derivative))
        if not (math.isfinite(self.y) and size < 1e300 and abs(self.y) < 1e300):
            raise Unsuitable

    @property
    def name(self) -> str:
        return " → ".join(stage.name for stage in self.stages)

    def __call__(self, x: float) -> float:
        return evaluated(self.stages, x)

    @property
    def neighbourhood(self) -> float:
        """The distance over which it varies little: each stage makes a function steeper.

        One with a border or a pole varies on the scale of the distance from that. Most vary as
        their argument changes by 1: what is inside may be steeper than four times a stage.
        """
        reach = min(self.scale, max(abs(self.x), 1.0))
        value, slope = mp.mpf(self.x), mp.one
        steepest = mp.zero
        for stage in self.stages:
            steepest = max(steepest, abs(slope))
            if stage.name in {"log", "sqrt", "1/x", "x^2.5"} and slope:
                reach = min(reach, float(abs(value / slope)))
            slope *= stage.slope(value)
            value = stage.value(value)
        return min(0.02 / 4.0 ** (len(self.stages) - 1) * reach, 0.1 / float(steepest))

    def case(self, family: str, function: Function | None = None, *others: Any) -> Case:
        return Case(
            family,
            self.name,
            function or self,
            self.x,
            (self.derivative, *others),
            scale=self.scale,
        )


def power(rng: random.Random, low: float, high: float) -> float:
    """Draw a number of any scale between two powers of ten."""
    return float(10.0 ** rng.uniform(low, high))


def sign(rng: random.Random) -> float:
    return rng.choice((-1.0, 1.0))


def smooth(rng: random.Random, *, tame: bool = False) -> Smooth:
    """Draw a smooth function: one to three stages, at a scale of its own, and a point."""
    stages = rng.choices(STAGES, k=rng.choice((1, 1, 2, 2, 3)))
    u = rng.choice((rng.uniform(-3.0, 3.0), rng.uniform(0.1, 3.0), sign(rng) * power(rng, -3, 0)))
    kind = rng.random()
    if tame or kind < 0.4:
        return Smooth(tuple(stages), u, 1.0)
    if kind < 0.6:  # near 0 or far away, on the scale of the point
        a = power(rng, -12, 12) if kind < 0.55 else power(rng, -280, 280)
        x, scale = u / a, 1.0 / a
        first = affine(sign(rng) * a, 0.0)
    elif kind < 0.9:  # steep or flat, the point anywhere
        a = power(rng, -3, 5)
        x = rng.choice((rng.uniform(-3.0, 3.0), 0.0, sign(rng) * power(rng, -3, 3)))
        first, scale = shifted(a, x - u / a), 1.0 / a
    else:
        return Smooth((*stages, affine(sign(rng) * power(rng, -280, 280), 0.0)), u, 1.0)
    if rng.random() < 0.2:
        stages.append(affine(power(rng, -3, 3), rng.uniform(-10.0, 10.0)))
    return Smooth((first, *stages), x, scale)


# --- bad evaluation ------------------------------------------------------------------------------

FORMATS = {"single": 24, "half": 11, "bfloat16": 8}  # digits, in bits


def rounded(x: float, digits: int) -> float:
    """Round to so many binary digits."""
    if not math.isfinite(x):
        return x
    mantissa, exponent = math.frexp(x)
    return math.ldexp(round(mantissa * 2.0**digits), exponent - digits)


def hashed(x: float, salt: int) -> float:
    """Give a number in [-1, 1) that depends on every bit of x."""
    z = (int.from_bytes(struct.pack("d", x), "little") + salt) * 0x9E3779B97F4A7C15 & 2**64 - 1
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & 2**64 - 1
    z = (z ^ z >> 27) * 0x94D049BB133111EB & 2**64 - 1
    return (z ^ z >> 31) / 2.0**63 - 1.0


def precisely(rng: random.Random) -> Case:
    return smooth(rng).case("precise")


def _tells(f: Smooth, spacing: float) -> bool:
    """Whether a function is told by its values at so far apart.

    Rounding an argument leaves those and no others, so that all functions that share them, whatever
    they do between, are the same as far as anybody can see. What is meant is the smooth one through
    them: the function itself, unless that varies faster, and its cubic misses what is between.
    """
    try:
        a, b, c, d = (f(f.x + i * spacing) for i in (-1.5, -0.5, 0.5, 1.5))
    except (ArithmeticError, ValueError, TypeError):
        return True  # there is a border between them: that is to be seen
    missed = abs((9.0 * (b + c) - (a + d)) / 16.0 - f.y)
    return missed <= 0.05 * max(abs(y - f.y) for y in (a, b, c, d)) + 1e-12 * abs(f.y)


def to_fewer_digits(rng: random.Random) -> Case:
    f = smooth(rng)
    name, digits = rng.choice(list(FORMATS.items()))
    kind = rng.choice(("result", "argument", "both", "each stage"))
    if kind in {"argument", "both"}:
        spacing = abs(f.x) / 2.0**digits
        if spacing > 0.25 * f.scale or not _tells(f, spacing):
            raise Unsuitable  # nothing is left of the function

    def function(x: float) -> float:
        if kind == "each stage":
            for stage in f.stages:
                x = rounded(stage.of_float(x), digits)
            return x
        x = rounded(x, digits) if kind != "result" else x
        return rounded(f(x), digits) if kind != "argument" else f(x)

    return f.case(f"{name}, {kind}", function)


def to_decimals(rng: random.Random) -> Case:
    f = smooth(rng)
    kind, places = rng.choice(("result", "argument")), rng.randrange(13)
    if kind == "result":
        return f.case("decimals of the result", lambda x: round(f(x), places))
    if 0.1**places > 0.25 * f.scale or not _tells(f, 0.1**places):
        raise Unsuitable  # nothing is left of the function
    return f.case("decimals of the argument", lambda x: f(round(x, places)))


def _change(f: Smooth, distance: float) -> float:
    """Give by how much a function changes over a distance, at most."""
    changes = [0.0]
    for z in (f.x - distance, f.x + distance):
        with contextlib.suppress(ArithmeticError, ValueError, TypeError):
            changes.append(abs(f(z) - f.y))
    return max(changes)


def with_noise(rng: random.Random) -> Case:
    f = smooth(rng)
    size = power(rng, -16, 0) * rng.choice((abs(f.y), 1.0))
    near = _change(f, f.scale)
    if size > 0.1 * near and _change(f, FARTHEST * max(abs(f.x), 1.0)) > 1e6 * near:
        # Noise hides all that the function does by itself: log(1 + exp(x²)), say, is x² beyond.
        # That with another noise, of the same size, has the same values.
        raise Unsuitable
    kind, salt = rng.choice(("of every bit", "Gaussian", "at times")), rng.getrandbits(64)
    chance = random.Random(salt)

    def function(x: float) -> float:
        if kind == "of every bit":
            return f(x) + size * hashed(x, salt)
        if kind == "Gaussian":
            return f(x) + size * chance.gauss(0.0, 1.0)
        return f(x) + (size if chance.random() < 0.2 else 0.0)

    case = f.case(f"noise, {kind}", function)
    return replace(case, noise=size) if rng.random() < 0.2 and kind != "Gaussian" else case


def in_another_order(rng: random.Random) -> Case:
    f = smooth(rng)
    terms = [power(rng, -3, 6) * sign(rng) for _ in range(rng.randrange(3, 12))]
    chance = random.Random(rng.getrandbits(64))

    def function(x: float) -> float:
        y = f(x)
        parts = [y * t for t in terms] + [-y * t for t in terms] + [y]
        chance.shuffle(parts)
        return sum(parts)

    return f.case("sum in another order", function)


def by_cancellation(rng: random.Random) -> Case:
    f = smooth(rng)
    large = power(rng, 0, 16) * rng.choice((abs(f.y), 1.0))
    return f.case("cancellation", lambda x: (f(x) + large) - large)


def from_a_table(rng: random.Random) -> Case:
    f = smooth(rng)
    spacing, cubic = power(rng, -5, -1) * rng.choice((f.scale, 1.0)), rng.random() < 0.5
    start = rng.choice((f.x, f.x - spacing * rng.random(), 0.0))

    @functools.cache
    def entry(i: int) -> float:
        return f(start + i * spacing)

    def function(x: float) -> float:
        t = (x - start) / spacing
        i = math.floor(t)
        t -= i
        if not cubic:
            return entry(i) * (1.0 - t) + entry(i + 1) * t
        a, b, c, d = entry(i - 1), entry(i), entry(i + 1), entry(i + 2)
        return (
            -a * t * (t - 1.0) * (t - 2.0) / 6.0
            + b * (t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0
            - c * (t + 1.0) * t * (t - 2.0) / 2.0
            + d * (t + 1.0) * t * (t - 1.0) / 6.0
        )

    _check_the_table(f, function, spacing)
    return f.case(f"table, {'cubic' if cubic else 'linear'}", function)


def from_a_smooth_table(rng: random.Random) -> Case:
    """Interpolate a table by cubics that meet with the same slope."""
    f = smooth(rng)
    spacing = power(rng, -5, -1) * rng.choice((f.scale, 1.0))
    start = rng.choice((f.x, f.x - spacing * rng.random(), 0.0))

    @functools.cache
    def entry(i: int) -> float:
        return f(start + i * spacing)

    def function(x: float) -> float:
        i = math.floor((x - start) / spacing)
        t = (x - start) / spacing - i
        a, b, c, d = entry(i - 1), entry(i), entry(i + 1), entry(i + 2)
        left, right = 0.5 * (c - a), 0.5 * (d - b)
        bend = 3.0 * (c - b) - 2.0 * left - right
        return b + t * (left + t * (bend + t * (left + right - 2.0 * (c - b))))

    _check_the_table(f, function, spacing)
    return f.case("table, Hermite", function)


def _check_the_table(f: Smooth, function: Function, spacing: float) -> None:
    if FARTHEST * max(abs(f.x), 1.0) < spacing:  # one cell may be all that is seen
        raise Unsuitable
    if spacing > 0.25 * f.scale:  # nothing is left of the function
        raise Unsuitable
    for middle in (f.x, f.x - 0.5 * spacing, f.x + 0.5 * spacing):
        if abs(function(middle) - f(middle)) > 0.05 * abs(f(f.x + spacing) - f(f.x - spacing)):
            raise Unsuitable  # a table of something else


def by_a_solver(rng: random.Random) -> Case:
    """Solve u³ + u = f(x), or u = f(x) + sin(u)/2, for u, and stop early."""
    f = smooth(rng)
    tolerance = power(rng, -12, -3)
    kind = rng.choice(("Newton", "bisection", "fixed point"))

    def solved(x: float) -> tuple[float, float, int]:
        """Give the solution, the derivative of the steps that led to it, and their number."""
        b = f(x)
        if kind == "bisection":
            low, high = -128.0, 128.0
            while high - low > tolerance:
                middle = 0.5 * (low + high)
                if not low < middle < high:
                    break
                low, high = (middle, high) if middle**3 + middle < b else (low, middle)
            return 0.5 * (low + high), 0.0, -1
        u, slope, steps, change = 0.0, 0.0, 0, math.inf
        while abs(change) > tolerance and steps < 200:
            if kind == "Newton":
                residual, rate = u**3 + u - b, 3.0 * u * u + 1.0
                change = residual / rate
                slope -= (rate * slope - 1.0) / rate - residual * 6.0 * u * slope / rate**2
            else:
                change = u - b - 0.5 * math.sin(u)
                slope = 1.0 + 0.5 * math.cos(u) * slope
            u -= change
            steps += 1
        return u, slope, steps

    value, inner = exactly(f.stages, f.x)
    if abs(value) > 1e6:
        raise Unsuitable
    u, slope, steps = solved(f.x)
    root = mp.findroot(
        (lambda v: v - value - mp.sin(v) / 2) if kind == "fixed point"
        else (lambda v: v**3 + v - value), u, tol=1e-60, maxsteps=100,
    )  # fmt: skip
    rate = 1 - mp.cos(root) / 2 if kind == "fixed point" else 3 * root**2 + 1
    case = f.case(kind, lambda x: solved(x)[0])
    case.derivatives = (inner / rate,)
    reach = f.neighbourhood
    if steps >= 0 and _same_around(lambda x: solved(x)[2], f.x, reach):
        case.derivatives += (mp.mpf(slope) * inner,)
    return case


def _same_around(count: Callable[[float], int], x: float, reach: float) -> bool:
    """Whether a number of steps is the same as far as one looks.

    It may differ in narrow windows: two estimates of a quadrature, say, agree by chance where they
    cross. Some 40 values on both sides, from the largest distances to the smallest, are further
    apart than a window is wide. Where none falls into one they are those of the smooth function,
    to the last digit, so that nothing tells it from one that is meant.
    """
    try:
        here = count(x)
        differs = [i for i in range(-50, 51) if count(x + reach * i / 25.0) != here]
    except (ArithmeticError, ValueError):
        return False
    return all(abs(i) > 25 for i in differs) or len(differs) <= 10


def by_quadrature(rng: random.Random) -> Case:
    """Integrate a function from 0 by the trapezoidal rule, halving the panels until it settles."""
    f = smooth(rng, tame=True)
    tolerance = power(rng, -6, -2)
    if f.stages[0].name in {"log", "1/x", "sqrt", "x^2.5"}:
        raise Unsuitable

    def integrated(x: float) -> tuple[float, int]:
        n, before, total = 2, math.inf, 0.5 * x * (f(0.0) + f(x))
        while abs(total - before) > tolerance and n < 2000:
            h = x / n
            before = total
            total = 0.5 * total + h * math.fsum(f(i * h) for i in range(1, n, 2))
            n *= 2
        return total, n // 2

    def slope(n: int) -> Any:
        """Differentiate the rule itself."""
        terms = []
        for i in range(n + 1):
            weight = mp.mpf(1) if 0 < i < n else mp.mpf(0.5)
            y, dy = exactly(f.stages, mp.mpf(f.x) * i / n)
            terms.append(weight * (y / n + mp.mpf(f.x) / n * i / n * dy))
        return mp.fsum(terms)

    case = f.case("quadrature", lambda x: integrated(x)[0])
    case.derivatives = (mp.mpf(f.y),)
    n = integrated(f.x)[1]
    if _same_around(lambda x: integrated(x)[1], f.x, f.neighbourhood):
        if n > 64:
            raise Unsuitable
        case.derivatives += (slope(n),)
    return case


def by_a_rule(rng: random.Random) -> Case:
    """Integrate a function from 0 with panels of some width, or by Euler's method."""
    f = smooth(rng, tame=True)
    width, kind = power(rng, -1.5, -0.8), rng.choice(("trapezoidal", "midpoint", "Euler"))
    if f.stages[0].name in {"log", "1/x", "sqrt", "x^2.5"} or f.x < 0.0:
        raise Unsuitable
    if min(f.x % width, -f.x % width) > f.neighbourhood:
        raise Unsuitable  # a rule with this many panels may be all that is seen

    def function(x: float) -> float:
        if kind == "Euler":
            n = math.floor(x / width)
            return width * math.fsum(f(i * width) for i in range(n)) + (x - n * width) * f(
                n * width
            )
        n = max(math.ceil(abs(x) / width), 1)
        h = x / n
        if kind == "midpoint":
            return h * math.fsum(f((i + 0.5) * h) for i in range(n))
        return h * (0.5 * (f(0.0) + f(x)) + math.fsum(f(i * h) for i in range(1, n)))

    case = f.case(f"rule, {kind}", function)
    case.derivatives = (mp.mpf(f.y),)
    return case


SHORTCUTS: dict[str, Function] = {
    "sin": (lambda x: x - x**3 / 6.0),
    "cos": (lambda x: 1.0 - x * x / 2.0),
    "exp": (lambda x: 1.0 + x + x * x / 2.0),
    "tanh": (lambda x: x - x**3 / 3.0),
    "arctan": (lambda x: x),
    "witch": (lambda x: 1.0 - x * x),
}


def with_a_shortcut(rng: random.Random) -> Case:
    """Take the first terms of a series for small arguments."""
    radius = power(rng, -6, -0.3)
    name = rng.choice(list(SHORTCUTS))
    stage = next(stage for stage in STAGES if stage.name == name)
    short = SHORTCUTS[name]
    a = rng.choice((1.0, power(rng, -2, 4)))
    u = rng.choice((1.0, radius, radius)) * rng.uniform(-1.5, 1.5)
    if FARTHEST * max(1.0, abs(u / a)) * a < 4.0 * radius:
        raise Unsuitable  # the shortcut may be all that is seen
    outer = tuple(rng.choices(STAGES[:9], k=rng.choice((0, 1))))
    f = Smooth((affine(a, 0.0), stage, *outer), u / a, 1.0 / a)

    def function(x: float) -> float:
        z = a * x
        return evaluated(outer, short(z) if abs(z) < radius else stage.of_float(z))

    return f.case("shortcut", function)


def by_a_series(rng: random.Random) -> Case:
    """Add up a series until its terms are small."""
    tolerance = power(rng, -13, -3)
    f = Smooth((next(s for s in STAGES if s.name == "exp"),), rng.uniform(-3.0, 3.0), 1.0)

    def added(x: float) -> tuple[float, int]:
        total, term, n = 1.0, 1.0, 0
        while abs(term) > tolerance and n < 100:
            n += 1
            term *= x / n
            total += term
        return total, n

    case = f.case("series", lambda x: added(x)[0])
    if _same_around(lambda x: added(x)[1], f.x, f.neighbourhood):
        raise Unsuitable
    return case


def with_underflow(rng: random.Random) -> Case:
    """Go through numbers that are too small, or too large, on the way."""
    f = smooth(rng, tame=rng.random() < 0.5)
    kind = rng.choice(("scaled", "square", "overflow"))
    if kind == "scaled":
        small = power(rng, -323, -300)
        return f.case("underflow", lambda x: (f(x) * small) / small)
    if kind == "overflow":
        large = power(rng, 300, 308)
        return f.case("overflow", lambda x: (f(x) * large) / large)
    x, factor = sign(rng) * power(rng, -320, -150), sign(rng) * power(rng, 280, 300)
    return Case("underflow of a square", "x²", lambda z: factor * (z * z), x,
                (2 * mp.mpf(x) * mp.mpf(factor),))  # fmt: skip


def with_time_outs(rng: random.Random) -> Case:
    f = smooth(rng)
    share, salt, random_ones = power(rng, -2, -0.5), rng.getrandbits(64), rng.random() < 0.5
    chance = random.Random(salt)

    def function(x: float) -> float:
        draw = chance.random() if random_ones else 0.5 + 0.5 * hashed(x, salt)
        if draw < share and (random_ones or x != f.x):
            raise TimeoutError
        return f(x)

    return f.case("time-outs", function)


def with_a_ripple(rng: random.Random) -> Case:
    """Add a ripple that is small, and far steeper: it is meant."""
    f = smooth(rng, tame=True)
    height, length = power(rng, -10, -2) * max(abs(f.y), 1e-3), power(rng, -8, -2)
    phase = rng.uniform(0.0, 6.0)
    case = f.case("ripple", lambda x: f(x) + height * math.sin((x - f.x) / length + phase))
    ripple = mp.mpf(height) / mp.mpf(length) * mp.cos(mp.mpf(phase))
    case.derivatives = (f.derivative + ripple,)
    return case


# --- kinks, jumps, poles, cusps, borders ---------------------------------------------------------


def with_a_kink(rng: random.Random) -> Case:
    """Bend a smooth function at the point or near it; there may be a jump, too."""
    f = smooth(rng)
    at_the_point = rng.random() < 0.3
    unit = f.scale
    distance = 0.0 if at_the_point else sign(rng) * power(rng, -10, 0.5) * unit
    place = f.x + distance
    bend = rng.choice((1.0, sign(rng) * power(rng, -2, 2))) * max(abs(f.y), 1e-3) / unit
    jump = rng.choice((0.0, 0.0, sign(rng) * power(rng, -6, 1))) * max(abs(f.y), 1e-3)
    if distance and place == f.x:
        raise Unsuitable

    def function(x: float) -> float:
        return f(x) + (bend * (x - place) + jump if x > place else 0.0)

    case = f.case("kink" if not jump else "jump", function)
    if at_the_point:
        case.family += " at the point"
        case.derivatives = ()
        if abs(jump) < 1e-2 * abs(f.y) or not jump:  # small, it is noise
            case.sides = (f.derivative, f.derivative + mp.mpf(bend))
    elif distance < 0.0:
        case.derivatives = (f.derivative + mp.mpf(bend),)
    return case


def rectified(rng: random.Random) -> Case:
    """Cut a smooth function off, so that it is flat on one side; a dead one may be all there is."""
    f = smooth(rng)
    level = f.y + rng.choice((1.0, -1.0)) * power(rng, -6, 1) * max(abs(f.y), 1e-3)
    case = f.case("rectified", lambda x: max(f(x), level))
    if f.y <= level:
        case.derivatives = (mp.zero,)
    return case


def with_a_cusp(rng: random.Random) -> Case:
    p = rng.choice((1 / 3, 0.5, 2 / 3, 0.9, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0))
    odd, a = rng.random() < 0.5, power(rng, -3, 3)
    c = rng.choice((0.0, rng.uniform(-2.0, 2.0)))
    x = c if rng.random() < 0.5 else c + sign(rng) * power(rng, -9, 0)

    def function(x: float) -> float:
        u = x - c
        y = a * abs(u) ** p
        return math.copysign(y, u) if odd else y

    case = Case("power" if p > 1.0 else "cusp", f"|x - {c}|^{p}", function, x, scale=abs(x - c))
    u = mp.mpf(x) - mp.mpf(c)
    if u:
        slope = mp.mpf(a) * mp.mpf(p) * abs(u) ** (mp.mpf(p) - 1)
        case.derivatives = (slope if odd else slope * mp.sign(u),)
    elif p > 1.0:
        case.derivatives = (mp.zero,)
    return case


def near_a_border(rng: random.Random) -> Case:
    """Shift a function with a border or a pole near the point."""
    name = rng.choice(("log", "sqrt", "1/x", "x^2.5"))
    stage = next(stage for stage in STAGES if stage.name == name)
    distance, a = power(rng, -12, 1), sign(rng)
    c = rng.choice((0.0, rng.uniform(-2.0, 2.0)))
    outer = tuple(rng.choices(STAGES[:9], k=rng.choice((0, 0, 1))))
    f = Smooth((shifted(a, c), stage, *outer), c + a * distance, distance)
    return f.case("border or pole", f)


def far_pieces(rng: random.Random) -> Case:
    """Make a piecewise linear or quadratic function with many kinks, as a network of `relu`s is."""
    knots = sorted(rng.uniform(-3.0, 3.0) for _ in range(rng.randrange(1, 30)))
    bends = [rng.gauss(0.0, 1.0) for _ in knots]
    x, squared = rng.uniform(-3.0, 3.0), rng.random() < 0.5
    if min(abs(x - knot) for knot in knots) < 1e-9:
        raise Unsuitable

    def function(x: float) -> float:
        y = math.fsum(b * max(x - k, 0.0) for k, b in zip(knots, bends, strict=True))
        return y * y if squared else y

    active = [(mp.mpf(b), mp.mpf(k)) for k, b in zip(knots, bends, strict=True) if x > k]
    slope = mp.fsum(b for b, _ in active)
    if squared:
        slope *= 2 * mp.fsum(b * (mp.mpf(x) - k) for b, k in active)
    return Case("pieces", "relus", function, x, (slope,))


def flat(rng: random.Random) -> Case:
    y, x = rng.choice((0.0, rng.gauss(0.0, 1.0), power(rng, -300, 300))), rng.gauss(0.0, 10.0)
    return Case("constant", f"{y}", lambda _: y, x, (mp.zero,))


def twice_badly(rng: random.Random) -> Case:
    """Evaluate what is evaluated badly in another bad way."""
    case = rng.choice((from_a_table, with_a_kink, with_a_shortcut, by_a_solver, rectified))(rng)
    digits = rng.choice((8, 11, 24, 30, 40))
    if case.family == "fixed point" and abs(case.function(case.x)) / 2.0**digits > 0.1:
        raise Unsuitable  # sin(u)/2, a ripple of the solution, is not to be told from the noise
    f, salt = case.function, rng.getrandbits(64)
    kind = rng.choice(("rounded", "noisy"))

    def function(x: float) -> float:
        y = f(x)
        return rounded(y, digits) if kind == "rounded" else y * (1.0 + hashed(x, salt) / 2**digits)

    return replace(case, family=f"{case.family}, {kind}", function=function)


FAMILIES: tuple[tuple[int, Callable[[random.Random], Case]], ...] = (
    (20, precisely),
    (12, to_fewer_digits),
    (8, to_decimals),
    (8, with_noise),
    (3, in_another_order),
    (4, by_cancellation),
    (8, from_a_table),
    (3, from_a_smooth_table),
    (8, by_a_solver),
    (2, by_quadrature),
    (1, by_a_rule),
    (5, with_a_shortcut),
    (1, by_a_series),
    (4, with_underflow),
    (3, with_time_outs),
    (3, with_a_ripple),
    (6, with_a_kink),
    (3, rectified),
    (4, with_a_cusp),
    (3, near_a_border),
    (3, far_pieces),
    (1, flat),
    (6, twice_badly),
)


def generator(seed: int, draw: int) -> random.Random:
    """Give the random numbers of one draw: each can be had by itself."""
    return random.Random(f"{seed}/{draw}")


def is_well_conditioned(case: Case) -> bool:
    """Whether rounding the function's value leaves ten digits of its derivative."""
    slope = abs(float(case.derivatives[0]))
    return abs(case.function(case.x)) * 2.0**-52 <= 1e-11 * slope * case.scale


def drawn_of(rng: random.Random, family: str) -> Case:
    """Draw a case of one family."""
    while (case := drawn(rng)).family != family:
        pass
    return case


def drawn(rng: random.Random) -> Case:
    """Draw a case."""
    weights = [weight for weight, _ in FAMILIES]
    while True:
        make = rng.choices(FAMILIES, weights)[0][1]
        try:
            case = make(rng)
            y = case.function(case.x)
        except (ArithmeticError, ValueError, TypeError, Unsuitable):
            continue
        except TimeoutError:
            return case
        if math.isfinite(y) and math.isfinite(case.x):
            return case


# --- the verdict ---------------------------------------------------------------------------------


def constant_around(case: Case) -> bool:
    """Whether nothing is to be seen of a function: it is the same at whatever distance.

    It may differ in a few windows, beside a pole, say, that are narrower than the least factor
    between two distances at which one looks: so may a constant that is meant, with the same values.
    """
    try:
        y = case.function(case.x)
    except TimeoutError:
        return False
    unit = FARTHEST * max(abs(case.x), 1.0)

    def differs(distance: float) -> bool:
        try:
            return case.function(case.x + distance) not in {y, math.inf, -math.inf}
        except (ArithmeticError, ValueError, TimeoutError):
            return False

    powers = [unit * 4.0**i for i in range(-12, 24)]
    if not any(differs(distance) or differs(-distance) for distance in powers):
        return True
    for side in (-1.0, 1.0):
        tenths = [differs(side * unit * 1.1**i) for i in range(-180, 350)]
        if sum(tenths) > 25 or any(all(tenths[i : i + 6]) for i in range(525)):
            return False
    return True


def fault(case: Case, estimate: Estimate) -> str:
    """Say in what an estimate claims what is not so; empty where it does not."""
    if case.derivatives:
        if math.isinf(estimate.bound):
            return "" if estimate.reason else "no bound, and no reason"
        value, bound = mp.mpf(estimate.value), mp.mpf(estimate.bound)
        if abs(value) <= bound and constant_around(case):
            return ""
        bound += mp.mpf(5e-324)
        if any(abs(value - exact) <= bound for exact in case.derivatives):
            return ""
        return f"{mp.nstr(case.derivatives[0], 17)} is right"
    if case.sides and math.isfinite(estimate.bound):
        value, bound = mp.mpf(estimate.value), mp.mpf(estimate.bound)
        if all(abs(value - side) <= bound for side in case.sides):
            return ""
        return f"the sides are {', '.join(mp.nstr(side, 17) for side in case.sides)}"
    return "" if estimate.reason else "there is no derivative"


@dataclass
class Outcome:
    """A case, what was said of it, and at what cost."""

    case: Case
    estimate: Estimate
    calls: int
    fault: str

    @property
    def is_useful(self) -> bool:
        exact = abs(float(self.case.derivatives[0]))
        return self.estimate.bound <= USEFUL * exact


def tried(case: Case) -> Outcome:
    """Differentiate a case numerically."""
    calls = 0

    def function(x: float) -> float:
        nonlocal calls
        calls += 1
        return case.function(x)

    try:
        estimate = differentiate(function, case.x, noise=case.noise)
    except ValueError as error:
        if "not defined at" not in str(error):
            raise
        estimate = Estimate(math.nan, math.inf, "it is not defined there")
    return Outcome(case, estimate, calls, fault(case, estimate))


def main(arguments: Sequence[str] | None = None) -> int:
    """Try many draws, and report."""
    parser = argparse.ArgumentParser(description="numerical derivatives of what is evaluated badly")
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first draw")
    parser.add_argument("--family", default="", help="only those whose name begins so")
    parser.add_argument("--show", type=int, default=5, help="how many false bounds to print")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    count, false, claimed, useful = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    calls: dict[str, list[int]] = {}
    for i in range(options.first, options.first + options.draws):
        case = drawn(generator(options.seed, i))
        if not case.family.startswith(options.family):
            continue
        outcome = tried(case)
        family = case.family
        count[family] += 1
        calls.setdefault(family, []).append(outcome.calls)
        claimed[family] += not outcome.estimate.reason
        useful[family] += bool(case.derivatives) and outcome.is_useful
        if outcome.fault:
            false[family] += 1
            if sum(false.values()) <= options.show:
                print(f"{family}: {case.name} at {case.x!r}\n  {outcome.estimate}")
                print(f"  {outcome.fault}; {outcome.calls} calls; draw {i}", flush=True)
    print(f"{'family':32} {'draws':>8} {'false':>6} {'claimed':>8} {'useful':>7} {'calls':>6} 99 %")
    for family in sorted(count):
        n, taken = count[family], sorted(calls[family])
        print(
            f"{family:32} {n:8} {false[family]:6} {claimed[family] / n:8.1%} "
            f"{useful[family] / n:7.1%} {sum(taken) / n:6.0f} {taken[int(0.99 * (n - 1))]}"
        )
    total = sum(false.values())
    print(f"{sum(count.values())} draws, {total} false, {time.perf_counter() - start:.0f} s")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
