"""Numerical derivatives with an error bound, of functions that may be evaluated inaccurately.

A function of one float is sampled on both sides of the point, at distances that shrink
geometrically. A polynomial is fitted to each run of neighbouring samples by least squares, with
polynomials that are orthogonal on the points as rounded to floats (G. E. Forsythe, *J. SIAM* 5,
1957). Its slope is the derivative at that scale. The residual of the fit may have any origin:
rounding to any precision, a solver stopped early, a table, random noise, a kink, or a function that
varies faster. The bound is the residual, or the rounding of floats if that is larger, times the
change of the slope for each unit of error in the samples. So nobody chooses a step or a tolerance.

The runs at all scales are alike, so the change of the residual from one scale to the next tells its
origin, like the decay of a Chebyshev series (J. L. Aurentz and L. N. Trefethen, *ACM Trans. Math.
Softw.* 43, 2017):

- For an analytic function, it falls by some power of the ratio at each scale, no faster and no
  slower, until it reaches rounding.
- For noise, it stays the same. The noise is then assumed at every finer scale, even if none shows
  there: a function that is rounded to a few digits is constant over tiny distances.
- If it vanishes from one scale to the next, there is an edge: a kink, a jump, or a knot of a table.
  A kink on one side is part of the function if the other side is smooth as far as one can see. A
  jump counts as noise of its size, and so does an edge on both sides: the larger scales decide.

The outermost samples pull the polynomial towards them, so an edge between them leaves hardly any
residual, although everything further in may be off, like the result of a solver before it takes
one more step. Then the terms of the polynomial do not decay towards the residual, or the residual
does not fall evenly from scale to scale; in the second case, the distances between samples are
halved to find the jump.

A residual that falls regularly over several scales is that of an analytic function, whatever the
function does further away. Noise that is smooth over small distances is the error of a method, such
as a rule of integration: it does not average out over larger distances, and the bound covers its
slope there. The bound also covers the slope to each closer sample that stands out of the noise.

If no scale is smooth on both sides, each side is fitted separately, which finds a kink, a border of
the domain, or a derivative such as that of x·|x| at 0.

A finite number of values proves nothing about a function. The bound holds under two assumptions.
The errors of the values are at most some eight times those that show in the samples (17 at a scale,
and two more at each further one). And a function whose residual falls to rounding as that of an
analytic function does is meant as it is there: smooth ripples, and smooth errors of a solver, are
part of it, and a table of which one cell is seen is its chord. Among the random functions in
`tests/autograd/checking/badly.py`, which are chosen to be difficult, about one bound in tens of
thousands is false: where edges are hidden below noise, by a pole, or by the polynomial's residual.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import mul
from typing import TypeGuard

__all__ = ["EPSILON", "Estimate", "differentiate"]

Function = Callable[[float], float]
Point = tuple[float, float]  # the distance as rounded to floats, and the change of the function

EPSILON = 2.0**-52
# Relative to the larger of |x| and 1. Not a power of two or a simple number, so that a periodic
# function is not sampled at the same phase at each step.
FIRST_STEP = 0.1887
_SAFETY = 8.0  # times the residual, which eight degrees of freedom may find small by chance
_CAUTION = 3.0  # times a residual that is larger than rounding
_RATIO = 1.53  # of one scale to the next; not a power of 2, so that digits do not repeat
_SKEW = 0.93  # of distances to the left: samples are not symmetric, as noise may be odd
_WIDTH, _DEGREE = 8, 8  # samples of each side, and the polynomial fitted to both
_SIDE_WIDTH, _SIDE_DEGREE = 10, 5  # the same of one side alone
_THIN, _THIN_WIDTH, _THIN_DEGREE = 3, 5, 4  # for a quick look
_STRAY = 6.0  # times the noise: no sample is further off
_RESOLVED = 0.05  # of the slopes: a smaller bound distinguishes a derivative from noise
_ROUNDING = 50.0  # roundings of the value: a smaller residual may be due to them
_JUMP = 1e-3  # relative to the value: more, on one side alone, is a jump rather than noise
_ROUGH = 1e-2  # of the change: a larger residual tells nothing about its origin
_SLIGHT = 1e-4  # of the change: below, the residual of an analytic function falls regularly
_SMALL = 1e-8  # of the change: a smaller kink is not meant
# The residual of an analytic function falls by the ratio to the power of the degree plus 1, and by
# at most so many powers more; that of a ripple, or above noise, by so many more or less.
_SPREAD, _SIDE_SPREAD, _STRICT = 5.7, 3.0, 1.7
# Scales of the usual fall: it is analytic there, whatever it is further away; so is one side
_AMPLE, _SOME = 6, 3
_SWIFT = 1.3  # powers more than at the scale below: there may be a jump between the two
_STEEP = 6.0  # powers of the ratio: noise does not grow as fast
_MANIFEST = 1e7  # roundings: a larger ripple leaves enough scales to distinguish it from noise
_VAST = 1e3  # roundings of the value itself: a larger rounding may hide something
_DIGITS = 2.0**-40  # relative: the bound is never smaller
_ACCURATE = 1e-9  # relative: the bound need not be smaller
_DENSE = 16  # scales that are examined one by one
_FEW = 6  # scales around one
_CLOSE = 2.0**-42  # the smallest step relative to x: below, x + h has too few digits of h
_SMALLEST_STEP = 2.0**-1000
_EDGY = 1e4  # at most, a change at a kink falls by this factor in ten halvings
_LEAP = 1.93  # the ratio of the steps in search of one
_NEAR, _FAR = 1e-2, 1e4  # times a scale on which a function may vary
_HALVINGS = 20  # to find an edge
_MOST_CALLS = 160  # after which no new scale is examined
_MORE_CALLS = 50  # beyond them, for scales below noise


@dataclass(frozen=True, slots=True)
class Estimate:
    """A numerical derivative.

    Attributes:
        value: The derivative.
        bound: The true derivative lies within this distance of `value`; infinite if nothing is
            known.
        reason: Why there is no useful bound; empty if there is one.
        left: The derivative from below, if `reason` is a kink; otherwise nan.
        right: The derivative from above, likewise.
    """

    value: float
    bound: float
    reason: str = ""
    left: float = math.nan
    right: float = math.nan


def differentiate(
    function: Function,
    x: float,
    *,
    noise: float = 0.0,
    first_step: float = FIRST_STEP,
    precise: bool = False,
) -> Estimate:
    """Differentiate a function of one float, with an error bound.

    Args:
        function: The function; an exception that it raises, or a result that is not finite, means
            that it is not defined there.
        x: The point, a finite number at which the function is defined.
        noise: How far off its values may be, if they are less accurate than rounding.
        first_step: The first step, relative to the larger of |x| and 1.
        precise: Whether the function is known to be evaluated as precisely as `noise` says.
            Then steps, kinks and plateaus belong to the function, not to rounding or a table.

    Returns:
        The derivative with its bound.

    Raises:
        ValueError: The function is not defined at x.

    Example:
        >>> estimate = differentiate(math.exp, 1.0)
        >>> abs(estimate.value - math.e) <= estimate.bound < 1e-10
        True
        >>> differentiate(abs, 0.0).reason
        'there is a kink: the derivative is -1 from below and 1 from above'
    """
    tries = (_defined(function, x) for _ in range(3))  # a time-out may be over
    y = next((y for y in tries if y is not None), None)
    if y is None:
        raise ValueError(f"differentiate: the function is not defined at x = {x!r}")
    samples = _Samples(function, x, y, noise, first_step * max(abs(x), 1.0))
    return _Search(samples, precise).estimate()


def _defined(function: Function, x: float) -> float | None:
    try:
        y = function(x)
        return y if math.isfinite(y) else None
    except Exception:  # whatever it is: a solver's own, a time-out, or a complex number
        return None


# --- one scale -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Fit:
    """The fit to the samples of one scale.

    Attributes:
        scale: The number of the scale; the step falls with it.
        step: The distance of the outermost samples.
        value: The derivative.
        residual: The root mean square of the residuals of the fit.
        rounding: How much of the residual the rounding of the samples explains.
        gain: How far off the derivative is for each unit of error in the samples.
        slack: How many times the rounding the residual may be.
        change: The largest difference of a sample from the value at the point.
        two_sided: Whether there are samples on both sides, as far away as the step.
        polynomial: The fitted polynomial, in the distance from the point.
        spectrum: The size of each of its orthogonal terms, in the samples.
    """

    scale: int
    step: float
    value: float
    residual: float
    rounding: float
    slack: float
    gain: float
    change: float
    two_sided: bool
    polynomial: Callable[[float], float]
    spectrum: Sequence[float]

    @property
    def noise(self) -> float:
        return max(self.residual, self.rounding)

    @property
    def bound(self) -> float:
        return self.bound_with(0.0)

    def bound_with(self, noise: float) -> float:
        """Bound the error of the derivative, given a lower bound on the noise."""
        # A residual that rounding does not explain may be small by chance, or smooth in part.
        noise = max(_CAUTION * self.residual, self.rounding, noise)
        bound = _SAFETY * self.gain * noise + _DIGITS * abs(self.value)
        return bound if math.isfinite(bound) and math.isfinite(self.value) else math.inf

    @property
    def slope(self) -> float:
        return self.change / self.step

    @property
    def is_flat(self) -> bool:
        return not self.change

    @property
    def is_clean(self) -> bool:
        """Whether rounding explains the residual."""
        return self.residual <= self.slack * self.rounding

    @property
    def is_telling(self) -> bool:
        """Whether a slope can be seen above the noise."""
        return self.bound <= _RESOLVED * self.slope

    @property
    def roughness(self) -> float:
        return self.noise / max(self.change, self.noise)


def _fitted(
    scale: int,
    step: float,
    points: Sequence[Point],
    degree: int,
    rounding: float,
    slack: float,
    quantum: float = 0.0,
) -> _Fit | None:
    """Fit a polynomial to points, the origin among them."""
    ts = [t / step for t, _ in points]
    values = [v for _, v in points]
    change = max(max(values), -min(values))
    unit = change or 1.0
    rest = [v / unit for v in values]
    count = len(ts)
    before, now = [0.0] * count, [1.0] * count
    slope_before, slope, here_before, here = 0.0, 0.0, 0.0, 1.0
    norm_before, value = 1.0, 0.0
    weights = [0.0] * count
    terms: list[tuple[float, float, float]] = []
    spectrum: list[float] = []
    for _ in range(degree + 1):
        squares = list(map(mul, now, now))
        norm = sum(squares)
        if not norm:
            return None
        coefficient = sum(map(mul, now, rest)) / norm
        rest = [r - coefficient * p for p, r in zip(now, rest, strict=True)]
        value += coefficient * slope
        if slope:
            share = slope / norm
            weights = [w + share * p for p, w in zip(now, weights, strict=True)]
        alpha = sum(map(mul, ts, squares)) / norm
        beta = norm / norm_before if terms else 0.0
        terms.append((coefficient, alpha, beta))
        spectrum.append(abs(coefficient) * math.sqrt(norm / count) * unit)
        before, now = (
            now,
            [(t - alpha) * p - beta * q for t, p, q in zip(ts, now, before, strict=True)],
        )
        slope_before, slope = slope, here - alpha * slope - beta * slope_before
        here_before, here = here, -alpha * here - beta * here_before
        norm_before = norm
    residual = math.sqrt(sum(map(mul, rest, rest)) / (count - degree - 1))

    def polynomial(t: float) -> float:
        total, before, now = 0.0, 0.0, 1.0
        for coefficient, alpha, beta in terms:
            total += coefficient * now
            before, now = now, (t / step - alpha) * now - beta * before
        return total * unit

    return _Fit(
        scale,
        step,
        value * unit / step if abs(value * unit) < math.inf else math.nan,
        max(residual * unit, quantum),
        rounding,
        slack,
        sum(map(abs, weights)) / step,
        change,
        min(ts) < -0.9 and max(ts) > 0.9,
        polynomial,
        spectrum,
    )


class _Samples:
    """A function's samples around a point, and the fits to them."""

    def __init__(
        self, function: Function, x: float, y: float, noise: float, first_step: float
    ) -> None:
        self.function, self.x, self.y, self.noise = function, x, y, noise
        self.first_step = first_step
        self.calls = 0
        self._points: dict[float, Point | None] = {}
        self._fits: dict[tuple[int, int], _Fit | None] = {}

    def step(self, scale: int) -> float:
        """The step of a scale; infinite or 0 beyond the range of floats."""
        try:
            return self.first_step * _RATIO**-scale
        except OverflowError:
            return math.inf

    def at(self, distance: float) -> Point | None:
        """Sample at some distance from the point; None if the function is not defined there."""
        z = self.x + distance
        if z not in self._points:
            self._points[z] = self._sampled(z)
        return self._points[z]

    def _sampled(self, z: float) -> Point | None:
        if not math.isfinite(z) or z == self.x:
            return None
        self.calls += 1
        y = _defined(self.function, z)
        if y is None or not math.isfinite(y - self.y):
            return None
        return z - self.x, y - self.y

    def known(self) -> list[Point]:
        """List all samples so far."""
        return [point for point in self._points.values() if point is not None]

    def outermost(self, scale: int, side: int) -> Point | None:
        """Return the outermost sample of a scale, to the left (-1) or to the right (1)."""
        return self.at(self.step(scale) * (1.0 if side > 0 else -_SKEW))

    def change(self, scale: int) -> float:
        """Return how much the outermost samples of a scale differ from the value at the point."""
        ends = [self.outermost(scale, side) for side in (-1, 1)]
        return max((abs(end[1]) for end in ends if end is not None), default=math.inf)

    def run(self, scale: int, width: int = _WIDTH, side: int = 0, stride: int = 1) -> list[Point]:
        """Sample a scale, on both sides or on one; the point itself is the first."""
        found = [
            self.outermost(k, each)
            for k in range(scale, scale + stride * width, stride)
            for each in ((-1, 1) if side == 0 else (side,))
        ]
        return [(0.0, 0.0), *(point for point in found if point is not None)]

    def fit(self, scale: int, side: int = 0) -> _Fit | None:
        """Fit the samples of a scale, on both sides or on one; None if there are too few."""
        if (scale, side) not in self._fits:
            points = self.run(scale, _SIDE_WIDTH if side else _WIDTH, side)
            degree = _SIDE_DEGREE if side else _DEGREE
            self._fits[scale, side] = self._fit_of(scale, points, degree)
        return self._fits[scale, side]

    def thin_fit(self, scale: int) -> _Fit | None:
        """Fit a few samples of a scale, which are further apart."""
        points = self.run(scale, _THIN_WIDTH, stride=_THIN)
        return self._fit_of(scale, points, _THIN_DEGREE)

    def _fit_of(self, scale: int, points: list[Point], degree: int) -> _Fit | None:
        step = self.step(scale)
        degree = min(degree, len(points) - 4)
        if degree < 3 or not 0.0 < step < math.inf:
            return None
        size = max(max(abs(self.y + v) for _, v in points), abs(self.y))
        rounding = max(EPSILON * size, math.ulp(0.0))
        slack = _ROUNDING if self.noise <= rounding else 4.0
        values = sorted({v for _, v in points})
        quantum = 0.0
        if 1 < len(values) <= len(points) // 2:  # they are rounded: a polynomial may miss it
            quantum = min(b - a for a, b in pairwise(values))
        return _fitted(scale, step, points, degree, max(rounding, self.noise), slack, quantum)


# --- from scale to scale -------------------------------------------------------------------------


class _Search:
    """The search for the scales at which a function is smooth, and the estimate from them."""

    def __init__(self, samples: _Samples, precise: bool) -> None:
        self.samples, self.precise = samples, precise
        size = abs(samples.x)
        least = max(_CLOSE * size, _SMALLEST_STEP)  # smaller steps have too few digits
        scales = (math.log(samples.first_step) - math.log(least)) / math.log(_RATIO)
        self.deepest = math.floor(scales) - _WIDTH
        # A function such as log varies on the scale of x itself.
        own = math.log(samples.first_step / FIRST_STEP) - math.log(size) if size else 0.0
        self.own = max(min(math.ceil(own / math.log(_RATIO)), self.deepest), 0)
        self.first = 0  # the coarsest scale that is examined,
        self.outer = 0  # and the coarsest of all
        self.floor = 0.0  # a residual that is noise
        self.leap = 0.0  # the jump found last

    def estimate(self) -> Estimate:
        samples, top = self.samples, self.samples.fit(0)
        if top is not None and top.is_clean and top.two_sided and self.own > _FEW:
            ends = [samples.outermost(self.own, side) for side in (-1, 1)]
            known = _ROUNDING * EPSILON * abs(samples.y)
            if self._is_vast(top) or any(
                abs(change - top.value * t) > known + 1e-3 * abs(change) + top.bound * abs(t)
                for t, change in filter(None, ends)
            ):
                self.first = max(self.own - 3 * _WIDTH, 0)
                return self._descended(max(self.own - 3, 0))
        return self._descended()

    def _descended(self, start: int | None = None) -> Estimate:
        """Go to the largest step at which the function is smooth, or has no more than noise."""
        fit, rough = self.samples.fit, False
        for scale in self._descent(self.first if start is None else start):
            found = fit(scale)
            if found is None or not found.two_sided:
                rough = rough or found is None or not found.is_flat
                continue
            if found.is_clean and (found.is_telling or not rough or self._is_step(found)):
                return self._smooth(found)
            rough = True
            coarse = fit(scale - _THIN) if scale - _THIN >= self.first else None
            if (
                coarse is not None
                and coarse.is_telling
                and not self.precise
                and 0.4 * coarse.residual < found.residual
            ):
                return self._noisy(coarse)
        return self._singular()

    def _descent(self, start: int) -> Iterator[int]:
        """List scales one by one, and further down those where something changes."""
        dense = range(start, start + _DENSE)
        for scale in dense:
            if scale <= self.deepest:
                yield scale
            if scale == start + _FEW and self.own - 3 > dense[-1]:
                yield from range(self.own - 3, self.own + _DENSE)
        start = dense[-1] + 1
        for scale in range(start, self.deepest, _THIN):
            if self.samples.calls > _MOST_CALLS:
                return
            thin = self.samples.thin_fit(scale)
            if thin is not None and (thin.is_telling or thin.is_flat):
                yield from range(max(scale - 2 * _THIN, start), scale + 2 * _THIN)
                start = scale + 2 * _THIN

    def _is_step(self, found: _Fit) -> bool:
        """Whether a scale is flat, and the one above it is not by more than rounding."""
        above = self.samples.change(found.scale - 1)
        return found.is_flat and _ROUNDING * found.rounding < above < math.inf

    def _is_clean(self, found: _Fit | None) -> TypeGuard[_Fit]:
        """Whether a scale shows no more than the noise that is known of, or rounding."""
        return found is not None and (found.is_clean or found.residual <= self.floor)

    def _noise(self, found: _Fit) -> float:
        return max(found.noise, self.floor)

    # --- smooth on both sides ---

    def _smooth(self, found: _Fit) -> Estimate:
        """Estimate from a clean scale, considering the larger ones."""
        self.outer = max(self.first, found.scale - 3 * _DENSE)
        self.first = max(self.first, found.scale - 2 * _DENSE)
        fit, best = self.samples.fit, self._coarsest(found)
        if best.is_flat:
            return self._on_a_plateau(best)
        if best.change <= best.slack * best.rounding and self._has_a_spike(best, 2 * _THIN):
            return self._refused("it is constant but for a spike")
        if best.scale > self.first:
            return self._below(best, 0.0)
        close: _Fit | None = best
        while close is not None and (self._is_vast(close) or close is best):
            close = fit(close.scale + _THIN)
            if close is not None and not self._is_clean(close):
                self.first = close.scale
                return self._descended()
        return self._claimed(best, 0.0)

    def _is_vast(self, found: _Fit) -> bool:
        """Whether values further away are so large that their rounding hides what is near."""
        least = max(_VAST * EPSILON * abs(self.samples.y), self.samples.noise)
        is_known = found.bound <= _ACCURATE * abs(found.value) or self.samples.calls > _MOST_CALLS
        return found.rounding > least and not is_known and found.scale < self.first + 3 * _DENSE

    def _coarsest(self, found: _Fit) -> _Fit:
        """Return the coarsest scale up to which all are clean."""
        while found.scale > self.first:
            coarser = self.samples.fit(found.scale - 1)
            if not self._is_clean(coarser) or not coarser.two_sided:
                break
            found = coarser
        return found

    def _below(self, best: _Fit, noise: float) -> Estimate:
        """Estimate from a clean scale, above which there is a rough one."""
        self.leap, edge = 0.0, False
        if self.precise or self._is_analytic(best.scale):
            # A jump at the outermost samples of all is hidden by noise, if there is some.
            self.leap = self._leap(best, 0, range(1, -1, -1)) if noise and not self.precise else 0.0
            if not self.leap:
                estimate = self._claimed(best, noise)
                edge = not self.precise and (self._has_an_edge() or self._is_cut(best))
                if not edge:
                    return estimate
        # There is an edge, of which the outermost samples may have a part.
        close = self.samples.fit(best.scale + 2)
        best = close if self._is_clean(close) and close.two_sided else best
        jump = max(self.leap, *(self._jump(best, side) for side in (-1, 1)))
        slight = noise
        for found in self._coarser(best.scale, 0):
            if found.roughness > _SMALL or 0.0 < jump < found.residual:
                break
            slight = max(slight, found.residual)
        smooth = [] if noise else [self._is_smooth_on(side, best.scale) for side in (-1, 1)]
        if edge:
            smooth = [
                each and self._is_exact_on(side, best.scale)
                for each, side in zip(smooth, (-1, 1), strict=False)
            ]
        if smooth and all(smooth) and not 0.0 < jump < math.inf:
            return self._singular()  # if one can look at either side alone
        if any(smooth):
            return self._claimed(best, max(slight, jump))  # a kink is meant
        if not noise:  # an edge at the point itself is the same at all scales, and the next is far
            self.first = self.outer
        residuals: list[float] = []
        for found in self._coarser(best.scale, 0):
            is_settled = len(residuals) > _THIN and residuals[-1] < 3.0 * residuals[-_THIN]
            if jump and is_settled and found.residual > _RATIO**_STEEP * residuals[-1]:
                break  # which the polynomial leaves of the function itself
            residuals.append(found.residual)
        level = max([noise, jump, *residuals])
        estimate = self._claimed(best, level or math.inf)
        # A chord is off by about as much as those of the next cells differ from it.
        bend = self._bend(best) if math.isfinite(estimate.bound) else 0.0
        if not bend > estimate.bound:
            return estimate
        return self._claim(estimate.value, bend, best.slope, "it is rough, like a table")

    def _has_an_edge(self) -> bool:
        """Whether terms that show at one scale are gone at the next, as within a table's cell.

        Those of an analytic function that lead up to a residual fall no faster than that.
        """
        fits = {
            key: found
            for key, found in self.samples._fits.items()
            if found is not None and found.two_sided and len(found.spectrum) == _DEGREE + 1
        }
        for fit in (found for (_, side), found in fits.items() if not side):
            last = max(fit.spectrum[-2:])
            if fit.roughness <= _SMALL and last > max(
                fit.slack * fit.rounding,
                _SAFETY * self.floor,
                0.2 * max(fit.spectrum[4:7], default=math.inf),
            ):
                return True  # the terms do not decay
        pairs = [
            (fits.get((scale + 1, 0)), found) for (scale, side), found in fits.items() if not side
        ]
        for finer, found in pairs:
            if finer is None or found.roughness > _SLIGHT:
                continue
            least = _SAFETY * max(found.slack * found.rounding, self.floor)
            falls = [
                coarse > max(least, fine * _RATIO ** (_DEGREE + 1 + _SPREAD))
                for fine, coarse in zip(finer.spectrum, found.spectrum, strict=False)
            ]
            if any(a and b for a, b in pairwise(falls[2:])):
                return True
        return False

    def _is_cut(self, best: _Fit) -> bool:
        """Whether there is a border on one side, and on the other an edge that it hides.

        There a residual falls more steeply from scale to scale than that of an analytic function.
        """
        first = min(self.first, best.scale)
        sides = [side for side in (-1, 1) if self.samples.outermost(first, side) is not None]
        if len(sides) != 1:
            return False
        power = _SIDE_DEGREE + 1 + _SIDE_SPREAD
        fits = (self.samples.fit(k, sides[0]) for k in range(first, best.scale + 1))
        return any(
            self._noise(coarse) > _RATIO**power * max(self._noise(fine), _SAFETY * fine.rounding)
            for coarse, fine in pairwise(filter(None, fits))
            if coarse.roughness <= _SLIGHT and fine.residual <= fine.slack * fine.rounding
        )

    def _bend(self, best: _Fit) -> float:
        """Return the largest difference of the slope near a clean scale."""
        slopes = []
        for side in (-1, 1):
            points = [
                self.samples.outermost(k, side)
                for k in range(max(best.scale - 2 * _FEW, self.first), best.scale + 1)
            ]
            known = [point for point in points if point is not None]
            slopes += [(a[1] - b[1]) / (a[0] - b[0]) for a, b in pairwise(known)][-_FEW - 2 :]
        return max((abs(slope - best.value) for slope in slopes), default=0.0)

    def _is_analytic(self, scale: int, side: int = 0) -> bool:
        """Whether the residual grows from a clean scale as that of an analytic function does.

        It does so up to where it is too large to tell, or, if there is noise at larger scales that
        may be a ripple, up to that.
        """
        clean = self.samples.fit(scale, side)
        coarser = self._coarser(scale, side)
        if clean is None or clean.is_flat:
            return False
        plateau = self._plateau(clean, coarser)
        ripple = 0.0 if plateau is None else plateau.residual
        if plateau is not None and ripple < _MANIFEST * max(clean.rounding, self.floor):
            return False
        if ripple and not self._is_regular(coarser[0], side):
            return False
        odd, regular = self._irregular(clean, coarser, side, ripple)
        if odd is not None:
            if side or self.leap or regular < _AMPLE:
                return False
            # Further away it is another function, if there is no jump that changes it.
            self.leap = self._leap(odd, side, range(3, -1, -1))
            if self.leap:
                return False
        return plateau is None or not self._jumps(plateau, clean)

    def _irregular(
        self, clean: _Fit, coarser: Sequence[_Fit], side: int, ripple: float
    ) -> tuple[_Fit | None, int]:
        """Return the first scale at which the residual does not grow as it should, if there is one.

        And at how many it grows by just the power of the degree and 1 before.
        """
        power = (_SIDE_DEGREE if side else _DEGREE) + 1
        finer, last, spread = clean, math.inf, _SIDE_SPREAD if side else _SPREAD
        usual = before = _RATIO**power
        regular = 0
        for found in coarser:
            ratio = _RATIO ** (finer.scale - found.scale)
            fall = self._noise(found) / self._noise(finer)
            is_strict = bool(ripple) or (self.floor > 0.0 and found.roughness <= 0.1 * _ROUGH)
            if not ripple and found.roughness > _SLIGHT:
                if found.roughness > ratio ** (2.0 * power) * finer.roughness:
                    return found, regular  # there is an edge
                if found.roughness > _ROUGH:  # one side alone is to be seen on some scales
                    return found if side and regular < _SOME else None, regular
                if finer is clean and fall > ratio ** (2.0 * power):
                    return found, regular  # it is so flat that this does not tell
            most = power + (_STRICT if is_strict else spread)
            # A residual that is small by chance is followed by one that is not.
            usual_fall = math.sqrt(fall * last) if last < usual else fall
            if (is_strict or found.roughness <= _SLIGHT) and usual_fall > ratio**most:
                return found, regular
            if self._is_sudden(fall / before, found):
                if fall < before and not self._is_regular(found, side):
                    return found, regular
                # Jumps further in make it fall too slowly.
                places = range(3 if fall < before else 1, -1, -1)
                self.leap = self._leap(found, side, places)
                if self.leap:
                    return found, regular
            if ripple and self._noise(found) > 0.03 * ripple:
                break
            limit = max(found.slack * found.rounding, self.floor)
            if found.residual > 8.0 * limit and (
                fall < ratio ** (power - _STRICT) and not (self.floor and self._is_clean(finer))
                if is_strict
                else self._is_slow(ratio, fall, last, found.roughness)
            ):
                return found, regular  # there is noise
            if (
                side
                and found.residual > 8.0 * limit
                and found.roughness <= _SMALL
                and not self._is_regular(found, side)
            ):
                return found, regular  # there is an edge
            regular += ratio ** (power - _STRICT) <= fall <= ratio ** (power + _STRICT)
            before = fall if finer.residual > 8.0 * limit else usual
            finer, last = found, fall if found.residual > 8.0 * limit else math.inf
        return None, regular

    @staticmethod
    def _is_regular(found: _Fit, side: int) -> bool:
        """Whether the terms of the polynomial lead up to the residual, as for analytic functions.

        The last two are 24 times the residual of t⁹ or t¹⁰, and 14 times what one sample leaves
        that is off by itself, beyond an edge; on one side it is 150, or 70, and 31.
        """
        return max(found.spectrum[-2:]) > (50.0 if side else 19.0) * found.residual

    @staticmethod
    def _is_sudden(change: float, found: _Fit) -> bool:
        """Whether a residual falls otherwise than just below, so that there may be a jump."""
        is_dip = found.roughness <= 0.1 * _SLIGHT and change < _RATIO ** (-1.5 * _SWIFT)
        return is_dip or (found.roughness <= _SLIGHT and change > _RATIO**_SWIFT)

    def _is_slow(self, ratio: float, fall: float, last: float, roughness: float) -> bool:
        """Whether a residual falls by less than that of any smooth function nearby."""
        if roughness > 0.2 * _ROUGH:
            return False
        least = 4.0 if roughness <= 0.1 * _SLIGHT else 2.6
        return last * fall < ratio ** (2.0 * least) or bool(fall < ratio ** (least - 1.5))

    def _coarser(self, scale: int, side: int) -> list[_Fit]:
        """List the scales above one, up to where the function is not defined."""
        found = []
        for k in range(scale - 1, self.first - 1, -1):
            fit = self.samples.fit(k, side)
            is_whole = fit is not None and (
                self.samples.outermost(k, side) is not None if side else fit.two_sided
            )
            if fit is not None and is_whole:
                found.append(fit)
        return found

    def _plateau(self, clean: _Fit, coarser: Sequence[_Fit]) -> _Fit | None:
        """Return the coarsest scale with a residual that stays the same, as noise does."""
        for found, finer in zip(coarser[: _THIN - 1 : -1], coarser[-_THIN - 1 :: -1], strict=True):
            if (
                found.roughness <= _ROUGH
                and not self._is_clean(found)
                and found.residual < 3.0 * finer.residual
            ):
                return found
        return None

    def _is_smooth_on(self, side: int, scale: int) -> bool:
        """Whether one side is smooth from the largest distance to that of a scale."""
        first = min(self.first, scale)
        if self.samples.outermost(first, side) is None:
            return False  # there is a border, so that one sees no further than a cell, say
        fits = [self.samples.fit(k, side) for k in range(first, scale + 1)]
        clean = next((i for i, found in enumerate(fits) if self._is_clean(found)), None)
        if fits[0] is None or clean is None or not all(map(self._is_clean, fits[clean:])):
            return False
        return clean == 0 or self._is_analytic(first + clean, side)

    def _is_exact_on(self, side: int, scale: int) -> bool:
        """Whether one side is a polynomial, up to rounding, from the largest distance on."""
        fits = [self.samples.fit(k, side) for k in range(min(self.first, scale), scale + 1)]
        return all(f is not None and f.residual <= _SAFETY * f.rounding for f in fits)

    def _jump(self, best: _Fit, side: int) -> float:
        """Return the size of a jump beyond a clean scale; 0 if there is a kink instead."""
        noise = max(_ROUNDING * best.rounding, 2.0 * self.floor)
        last, jump = (0.0, 0.0), 0.0
        for scale in range(best.scale, max(best.scale - _FEW, self.first) - 1, -1):
            point = self.samples.outermost(scale, side)
            if point is None:
                continue
            if not jump and abs(point[1] - best.polynomial(point[0])) > noise:
                jump = self._halved(last, point, best, best.step / 16.0, noise)
            last = point
        return jump

    def _halved(
        self, a: Point, b: Point, fit: _Fit, step: float, noise: float, power: int = 1
    ) -> float:
        """Halve the distance of two points, to see whether there is a jump; give its size.

        It is infinite where there is a pole. What the polynomial leaves grows by some power.
        """

        def change(a: Point, b: Point) -> float:
            return abs(b[1] - a[1] - fit.polynomial(b[0]) + fit.polynomial(a[0]))

        def bend(a: Point, middle: Point, b: Point) -> float:
            halves = [v - fit.polynomial(t) for t, v in (a, middle, b)]
            return abs(halves[0] - 2.0 * halves[1] + halves[2])

        def share(ends: tuple[Point, Point]) -> float:
            near, far = (abs(t / fit.step) ** power for t, _ in ends)
            return change(*ends) / abs(far - near)

        changes = [change(a, b)]
        if changes[0] <= noise:
            return 0.0
        for _ in range(3 * _HALVINGS):
            if len(changes) > _FEW and abs(b[0] - a[0]) <= step:
                break
            middle = self.samples.at(0.5 * (a[0] + b[0]))
            if middle is None or not min(a[0], b[0]) < middle[0] < max(a[0], b[0]):
                break
            if power > 1 and bend(a, middle, b) <= noise:
                return 0.0
            a, b = max((a, middle), (middle, b), key=share)
            changes.append(change(a, b))
            if changes[-1] <= noise:
                return 0.0
        last, before = changes[-1], changes[max(len(changes) - 5, 0)]
        # At the end of a square root, a change falls to a quarter in four halvings.
        if last <= max((0.25 if power == 1 else 0.5) * before, noise):
            return 0.0
        return last if last <= 2.0 * before else math.inf

    def _claimed(self, best: _Fit, noise: float) -> Estimate:
        """Choose the scale with the smallest bound, given a lower bound on the noise."""
        fit = self.samples.fit
        trouble = "there is noise" if noise else "it is too flat"
        start = best
        if noise:
            for k in range(best.scale - 1, self.first - 1, -1):
                if self._is_better(found := fit(k), best, noise):
                    best = found
        for _ in range(2 * _DENSE):
            if self._is_accurate(best, noise) or not self._is_better(
                found := fit(best.scale + 1), best, noise
            ):
                break
            best = found
        for _ in range(2 * _DENSE if best.scale == self.first else 0):
            found = fit(best.scale - 1)
            # Where nobody has looked for noise, it may be as much larger as the values are.
            least = noise * max(found.rounding / start.rounding, 1.0) if found else noise
            if (
                self._is_accurate(best, noise)
                or not self._is_better(found, best, least)
                or found.bound_with(least) >= best.bound_with(noise)
            ):
                break
            best, noise = found, least
        bound = best.bound_with(noise)
        known = max(noise, self.samples.noise)
        if bound > _RESOLVED * best.slope and known > _VAST * EPSILON * abs(self.samples.y):
            return self._refused("noise hides it")
        if noise and abs(start.value - best.value) > bound + start.bound:
            return self._contradicted(best, bound, start)
        steep = self._steepness(best, max(noise, best.residual, best.slack * best.rounding))
        if steep > bound:
            bound, trouble = steep, "it is rough further in"
        return self._claim(best.value, bound, start.slope, trouble)

    def _is_better(self, found: _Fit | None, best: _Fit, noise: float) -> TypeGuard[_Fit]:
        """Whether the fit of another scale has a smaller bound, and agrees."""
        if found is None or not found.two_sided or found.is_flat or not found.is_telling:
            return False
        bound, before = found.bound_with(noise), best.bound_with(noise)
        return bound < before and (
            abs(found.value - best.value) <= bound + before or found.scale < best.scale > self.first
        )

    def _is_accurate(self, found: _Fit, noise: float) -> bool:
        bound, near = found.bound_with(noise), found.scale + 2 * _FEW
        if bound <= _ACCURATE * abs(found.value) or self.samples.calls > _MOST_CALLS:
            return True
        slope = self.samples.change(near) / self.samples.step(near)
        return abs(found.value) <= bound <= 1e-3 * _ACCURATE * slope

    # --- noise ---

    def _noisy(self, coarse: _Fit) -> Estimate:
        """Estimate where there is noise, which may be smooth over smaller distances."""
        fit = self.samples.fit
        if coarse.residual > _JUMP * abs(self.samples.y):
            sides = [fit(coarse.scale, side) for side in (-1, 1)]
            if sum(found is not None and found.is_clean for found in sides) == 1:
                return self._refused("there is a jump at it, or on one side")
        self.first = max(self.first, coarse.scale - 2 * _DENSE)
        around = [fit(k) for k in range(coarse.scale, coarse.scale + _THIN + 1)]
        noise = max(found.residual for found in around if found is not None)
        estimate = self._below_noise(coarse, noise)
        for scale in range(coarse.scale, coarse.scale + _DENSE + 1):
            self.samples.change(scale)
        steep = self._steepness(coarse, noise)
        if steep <= estimate.bound:
            return estimate
        return self._claim(estimate.value, steep, coarse.slope, "it is rough further in")

    def _below_noise(self, coarse: _Fit, noise: float) -> Estimate:
        """Estimate from a scale with noise, and look at smaller ones."""
        samples = self.samples
        self.floor = 2.0 * noise
        coarse = self._coarsest(coarse)
        estimate = (
            self._below(coarse, noise)
            if coarse.scale > self.first
            else self._claimed(coarse, noise)
        )
        self.floor = 0.0
        against: _Fit | None = None
        quiet: list[_Fit] = []
        most = max(_MOST_CALLS, samples.calls + _MORE_CALLS)
        for scale in range(coarse.scale + 2 * _THIN, self.deepest, _THIN):
            if samples.calls > most:
                break
            thin = samples.thin_fit(scale)
            if thin is None:
                continue
            if thin.is_flat and against is None:
                estimate = self._on_a_step(estimate, thin)
                break
            quiet = [*quiet, thin] if 4.0 * thin.noise < noise and not thin.is_flat else []
            if thin.is_telling and 30.0 * thin.noise < noise:
                return self._rippled(estimate, coarse, scale, noise)
            if abs(thin.value - estimate.value) > thin.bound + estimate.bound:
                against = thin
        if against is not None:
            return self._contradicted(coarse, estimate.bound, against)
        if len(quiet) > 2:  # noise that is smooth over such distances is as steep as that
            apart = max(abs(thin.value - estimate.value) for thin in quiet)
            bound = max(estimate.bound, _SAFETY * noise / quiet[0].step, 2.0 * apart)
            return self._claim(estimate.value, bound, coarse.slope, "it is rough")
        return estimate

    def _steepness(self, coarse: _Fit, noise: float) -> float:
        """Return the steepness to samples further in that stand out of the noise.

        There may be something narrow close to the point, such as a kink, that larger scales miss.
        """
        return max(
            (
                abs(change - coarse.polynomial(t)) / abs(t)
                for t, change in self.samples.known()
                if abs(t) < coarse.step and abs(change - coarse.polynomial(t)) > _STRAY * noise
            ),
            default=0.0,
        )

    def _rippled(self, estimate: Estimate, coarse: _Fit, scale: int, noise: float) -> Estimate:
        """Estimate where noise is smooth over smaller distances.

        It is the error of a method, then: that has a sign, so that it does not cancel over larger
        ones, and is as steep there as from one end to the other of what is smooth.
        """
        fits = map(self.samples.fit, range(max(scale - 2 * _THIN, coarse.scale + 1), scale + 6))
        close = next((f for f in fits if f is not None and f.is_clean and f.is_telling), None)
        if close is None:
            return self._refused("it is rough: noise that is smooth over smaller distances")
        if self.precise or self._is_analytic(close.scale):
            return self._claimed(close, 0.0)
        bound = max(estimate.bound, _SAFETY * noise / close.step)
        if abs(close.value - estimate.value) > bound + close.bound:
            return self._contradicted(coarse, bound, close)
        return self._claim(estimate.value, bound, coarse.slope, "it is rough")

    def _leap(self, coarse: _Fit, side: int, finer: Iterable[int]) -> float:
        """Return the size of a jump between the outermost samples of a scale and of finer ones.

        One between the outermost two hardly shows in what the polynomial leaves.
        """
        noise = max(coarse.residual, 4.0 * self.floor)
        for scale in (coarse.scale + k for k in finer):
            fine = self.samples.fit(scale + 1)
            for each in (side,) if side else (-1, 1):
                a, b = (self.samples.outermost(k, each) for k in (scale + 1, scale))
                if fine is not None and a is not None and b is not None:
                    jump = self._halved(a, b, fine, fine.step * 2.0**-_HALVINGS, noise, _DEGREE + 1)
                    if 0.0 < jump < math.inf:
                        return jump
        return 0.0

    def _jumps(self, coarse: _Fit, clean: _Fit) -> bool:
        """Whether there is a jump where the residual of a scale changes most."""
        points = sorted(self.samples.run(coarse.scale))
        rest = [v - coarse.polynomial(t) for t, v in points]
        place = max(range(1, len(rest)), key=lambda i: abs(rest[i] - rest[i - 1]))
        noise = max(0.01 * coarse.residual, self.floor)
        ends = points[place - 1], points[place]
        return bool(self._halved(*ends, coarse, clean.step / 16.0, noise))

    def _contradicted(self, coarse: _Fit, bound: float, fine: _Fit) -> Estimate:
        """Estimate from a noisy scale, with a bound that covers a smooth finer one."""
        apart = abs(coarse.value - fine.value)
        return self._claim(
            coarse.value,
            max(bound, 2.0 * apart + fine.bound),
            coarse.slope,
            f"it is rough: its differences over {coarse.step:.1e} and {fine.step:.1e} give "
            f"{coarse.value:.6g} and {fine.value:.6g}",
        )

    def _on_a_step(self, found: Estimate, flat: _Fit) -> Estimate:
        """Estimate where the function is noise over larger distances, and constant over tiny ones.

        It is rounded if it leaves the plateau by a jump. Else either may be meant.
        """
        if abs(found.value) > found.bound and not all(
            jump for _, jump in (self._edge(side, flat.step) for side in (-1, 1))
        ):
            bound = found.bound + abs(found.value)
            return self._claim(found.value, bound, flat.slope, "there is noise")
        return found

    # --- a plateau ---

    def _on_a_plateau(self, flat: _Fit) -> Estimate:
        """Estimate where the function is the same all around, by how it leaves the plateau."""
        samples = self.samples
        if self._has_a_spike(flat, 2 if flat.scale == 0 else 2 * _THIN):
            return self._refused("it is constant but for a spike")
        if self.precise:
            return Estimate(0.0, flat.bound)
        edges = [self._edge(side, 0.9 * flat.step) for side in (-1, 1)]
        jumps = [edge for edge in edges if edge[1]]
        if not jumps:
            # A value of 0 may be what is left of some that cancel, or saturate.
            beyond = [
                samples.at(side * 2.0 * distance)
                for side, (distance, _) in zip((-1, 1), edges, strict=True)
            ]
            size = max((abs(point[1]) for point in beyond if point is not None), default=0.0)
            reach = min(distance for distance, _ in edges)
            return Estimate(0.0, _SAFETY * max(flat.rounding, EPSILON * size) / reach)
        # It is rounded, as far as one can see, and looked at from further away.
        distance, jump = max(edge[0] for edge in jumps), max(edge[1] for edge in jumps)
        noise = jump
        if not distance < math.inf or jump == math.inf or len(jumps) == 1:
            return self._refused("it is constant on one side, and jumps")
        best = flat
        scale = math.floor(math.log(samples.first_step / distance) / math.log(_RATIO)) - _THIN
        for coarser in map(samples.fit, range(scale, scale - 2 * _DENSE, -1)):
            if samples.calls > _MOST_CALLS:
                break
            if coarser is not None and coarser.residual <= 4.0 * jump:
                noise = max(noise, coarser.residual)
                if self._is_better(coarser, best, noise):
                    best = coarser
        if best.is_flat:
            return self._refused("it is noise, as far as one can see")
        # What varies by less than the jump over that distance is not seen.
        bound = best.bound_with(noise) + _CAUTION * noise / distance
        return self._claim(best.value, bound, best.slope, "there is noise")

    def _has_a_spike(self, found: _Fit, every: int) -> bool:
        """Whether a function that is constant at a scale, up to rounding, varies below it."""
        scales = range(found.scale + _FEW, min(self.deepest, found.scale + 5 * _DENSE), every)
        least = max(found.change, found.slack * found.rounding) if found.change else 0.0
        return any(least < self.samples.change(scale) < math.inf for scale in scales)

    def _edge(self, side: int, inside: float) -> tuple[float, float]:
        """Return the distance of the edge of a plateau, and the jump there; 0 if it is no jump."""
        at, near = self.samples.at, inside
        for outside in self._leaps(inside):
            point = at(side * outside)
            if point is None or point[1]:
                break
            inside = outside
        else:
            return min(inside, _FAR * max(abs(self.samples.x), near)), 0.0
        changes = [math.inf if point is None else abs(point[1])]
        for halving in range(2 * _HALVINGS):
            if halving >= _HALVINGS and changes[-1] > changes[-10] / _EDGY:
                break
            wide = outside > 4.0 * inside
            middle = math.sqrt(inside) * math.sqrt(outside) if wide else 0.5 * (inside + outside)
            if not inside < middle < outside:
                break
            point = at(side * middle)
            if point is None or point[1]:
                outside = middle
                changes.append(math.inf if point is None else abs(point[1]))
            else:
                inside = middle
                changes.append(changes[-1])
        change = changes[-1]
        if change == math.inf:
            beyond = (at(side * further) for further in self._leaps(outside))
            return inside, math.inf if any(p is not None and p[1] for p in beyond) else 0.0
        return outside, change if change > changes[-min(10, len(changes))] / 8.0 else 0.0

    def _leaps(self, inside: float) -> Iterator[float]:
        """List distances beyond one; leaps are small where a function may vary, from 1 and x on."""
        scales = sorted({inside, abs(self.samples.x), 1.0} - {0.0})
        distance, growth = inside, 1.0
        while distance < math.inf:
            if any(_NEAR <= distance / scale <= _FAR for scale in scales):
                growth = 1.0
            leap = _LEAP**growth
            ahead = [_NEAR * scale for scale in scales if distance < _NEAR * scale]
            distance = min([distance * leap, *ahead])
            growth += 2.0
            yield distance

    # --- smooth on no scale ---

    def _singular(self) -> Estimate:
        """Estimate where no scale is smooth on both sides."""
        samples = self.samples
        scales = sorted(k for k, side in samples._fits if side == 0)
        runs = [samples.run(k) for k in scales]
        if all(len(run) == 1 for run in runs):
            return Estimate(math.nan, math.inf, "it is defined at this point alone")
        for side, name in ((-1, "below"), (1, "above")):
            if not any(side * t > 0.0 for run in runs[-_FEW:] for t, _ in run):
                reason = f"there is a border of the domain: it is not defined {name}"
                return Estimate(math.nan, math.inf, reason)
        left, right = (self._side(side, scales) for side in (-1, 1))
        if left is not None and right is not None:
            if left.is_flat and right.is_flat:
                return self._refused("it is a plateau of a function that varies")
            apart, error = abs(left.value - right.value), left.bound + right.bound
            middle = 0.5 * (left.value + right.value)
            bound = 0.5 * apart + error
            if apart <= error:
                finer = left if left.scale > right.scale else right
                slope = samples.change(finer.scale) / finer.step
                return self._claim(middle, bound, 1e2 * slope, "there may be a kink")
            return Estimate(
                middle,
                bound,
                f"there is a kink: the derivative is {left.value:.6g} from below and "
                f"{right.value:.6g} from above",
                left.value,
                right.value,
            )
        around: Sequence[int] = range(0, min(self.deepest, 6 * _DENSE), 2 * _THIN)
        if self.own > 6 * _DENSE:
            around = (*around, *range(self.own, min(self.deepest, self.own + _DENSE), 2 * _THIN))
        slopes = [samples.change(k) / samples.step(k) for k in around]
        if len(slopes) > 3 and all(0.0 < b <= 0.6 * a for a, b in pairwise(slopes)):
            return self._claim(0.0, 3.0 * slopes[-1], slopes[0], "its slope vanishes slowly")
        return self._refused("it is rough: noise, a jump, or a pole nearby")

    def _side(self, side: int, scales: Sequence[int]) -> _Fit | None:
        """Return the one-sided fit with the smallest bound, if that side is smooth; else None.

        It is smooth from some distance on if no scale below contradicts, and it grows rough from
        there as an analytic function does.
        """
        fits = [f for k in scales if (f := self.samples.fit(k, side)) is not None]
        start = 0
        while start < len(fits):
            end = start
            while end < len(fits) and fits[end].is_clean:
                end += 1
            known = [f for f in fits[start:end] if f.is_telling or f.is_flat]
            if known:
                best = min(known, key=lambda found: found.bound)
                if not any(
                    not finer.is_clean or abs(finer.value - best.value) > finer.bound + best.bound
                    for finer in fits
                    if finer.scale > best.scale
                ):
                    is_smooth = self._is_smooth_beyond(fits[start].scale, side, scales)
                    return best if is_smooth else None
            start = end + 1
        return None

    def _is_smooth_beyond(self, scale: int, side: int, scales: Sequence[int]) -> bool:
        """Whether one side grows rough as an analytic function does, from the scales known."""
        coarser = [k for k in scales if k < scale]
        if not coarser or scale - coarser[-1] > 2 * _THIN:
            return True
        first, self.first = self.first, max(coarser[0], scale - 2 * _DENSE)
        is_analytic = self._is_analytic(scale, side)
        self.first = first
        return is_analytic

    # --- estimates ---

    def _claim(self, value: float, bound: float, slope: float, trouble: str) -> Estimate:
        """Make an estimate, with a reason if its bound is of no use."""
        samples = self.samples
        scale = abs(samples.y) / max(abs(samples.x), 1.0)
        if not (math.isfinite(value) and math.isfinite(bound)):
            return self._refused(trouble)
        if bound <= max(1e-4 * abs(value), 1e-6 * slope, 1e-9 * scale):
            return Estimate(value, bound)
        return Estimate(value, bound, f"{trouble}: the derivative is {value:.6g} ± {bound:.1e}")

    def _refused(self, reason: str) -> Estimate:
        return Estimate(math.nan, math.inf, reason)
