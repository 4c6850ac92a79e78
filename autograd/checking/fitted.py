"""Numerical derivatives of functions that may be evaluated badly.

The derivatives in `numerical` are for functions that are as exact as their floats. What others
write need not be: it computes in single precision, stops a solver early, or looks up a table.

A function of one float is sampled on both sides of the point, ever closer, at distances that shrink
geometrically. To the samples of each scale a polynomial is fitted by least squares, with orthogonal
polynomials on the points as floats have them (G. E. Forsythe, *J. SIAM* 5, 1957). Its slope is the
derivative at that scale. What it leaves of the samples, the residual, is of any origin: rounding
to any precision, solvers stopped early, tables, random noise, kinks, or a function that varies
faster. The bound is the residual, no less than the rounding of floats, times what the derivative
gains from errors in the samples. So no step and no tolerance is chosen by anybody.

What the residual does from one scale to the next tells its origin, as the decay of a Chebyshev
series does (J. L. Aurentz and L. N. Trefethen, *ACM Trans. Math. Softw.* 43, 2017):

- that of an analytic function falls by some power of the ratio, no faster and no slower, until it
  is rounding;
- that of noise stays as it is; then it is noise at every finer scale, even if none is seen there,
  since a function rounded to a few digits is constant over tiny distances;
- a residual that vanishes from one scale to the next shows an edge between them: a kink, a jump, or
  a knot of a table. An analytic function is told from such by a polynomial of a higher degree,
  which leaves far less of it. A kink on one side is believed if the other side is smooth as far as
  one can see. Else the bound covers what either scale says, or there is none.

Where no scale is smooth on both sides, each side is fitted alone: that tells a kink, a border of
the domain, and a derivative such as that of x·|x| at 0. Where the samples are all the same, the
edge of the plateau is searched: a function that leaves it by a jump is rounded, and is looked at
from farther away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeGuard

from autograd.checking.numerical import EPSILON, Estimate

__all__ = ["differentiate"]

Function = Callable[[float], float]

_SAFETY = 8.0  # times the residual: six degrees of freedom find it small by chance
_RATIO = 3.93  # of one scale to the next; no power of 2, so that digits do not repeat
# Where each scale is sampled, in parts of its step: asymmetrical, so that an odd function's noise
# is not taken for odd.
_RIGHT = (1.0, 0.97, 0.86, 0.66, 0.4)
_LEFT = (0.99, 0.93, 0.77, 0.53, 0.3)
_DEGREE = 8
_SIDE_DEGREE = 5
_RESOLVED = 0.05  # a bound that is so small a part of the slopes tells a derivative from noise
_ROUNDING = 50.0  # a residual of so many roundings of the value may be due to them
_VAST = 1e3
_FALL = 60.0  # the residual of a smooth function falls by so much, and more, to the next scale
# Three degrees more leave so much less of an analytic function; of a jump or kink, a 7th at least.
_MORE, _DROP = 3, 30.0
_ACCURATE = 1e-9  # relative: more is not asked for
_DENSE = 9  # scales that are looked at one by one; the smaller ones by threes
_DEEP = 36  # scales below noise at which it may be something smooth
_CLOSE = 2.0**-42  # the smallest step relative to x: below, x + h has too few digits of h
_SMALLEST_STEP = 2.0**-1000
_FARTHEST = 20  # from there on, nobody looks at all scales of one side
_HALVINGS = 30  # to find an edge
_MOST_CALLS = 170  # after which no scale is looked at for the first time


def differentiate(
    function: Function, x: float, *, noise: float = 0.0, first_step: float = 0.1887
) -> Estimate:
    """Differentiate a function of one float, and bound the error.

    Args:
        function: The function; an exception that it raises, or a result that is not finite, means
            that it is not defined there.
        x: Where; a finite number at which the function is defined.
        noise: How far off its values may be, if more is known than that they are rounded.
        first_step: The first step, relative to the larger of |x| and 1. Not a power of two, and
            nothing simple, so that a periodic function is not met at the same phase at each step.

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
    return _Search(samples).estimate()


def _defined(function: Function, x: float) -> float | None:
    try:
        y = function(x)
    except Exception:  # whatever it is: a solver's own, or a time-out
        return None
    return y if math.isfinite(y) else None


# --- one scale -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Fit:
    """What the samples of one scale say.

    Attributes:
        scale: The number of the scale; the step falls with it.
        step: The distance of the outermost samples.
        value: The derivative.
        residual: What the polynomial leaves of the samples: the root of their mean square.
        rounding: What the rounding of the samples explains of it.
        gain: By how much the derivative is off for each unit that the samples are off.
        change: By how much the samples differ from the value at the point, at most.
        is_told: Whether that is noise that the caller tells of.
        two_sided: Whether there are samples on both sides, far enough.
        polynomial: That which was fitted, of the distance from the point.
    """

    scale: int
    step: float
    value: float
    residual: float
    rounding: float
    gain: float
    change: float
    is_told: bool
    two_sided: bool
    polynomial: Callable[[float], float]

    @property
    def noise(self) -> float:
        return max(self.residual, self.rounding)

    @property
    def bound(self) -> float:
        bound = _SAFETY * self.gain * self.noise + 2.0 * EPSILON * abs(self.value)
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
        return self.residual <= (4.0 if self.is_told else _ROUNDING) * self.rounding

    @property
    def is_resolved(self) -> bool:
        if not self.two_sided or not self.bound < math.inf:
            return False
        return self.residual <= 4.0 * self.rounding or self.bound <= _RESOLVED * self.slope

    @property
    def roughness(self) -> float:
        return self.noise / max(self.change, self.noise) if self.noise else 0.0


def _fitted(
    scale: int,
    step: float,
    points: Sequence[tuple[float, float]],
    degree: int,
    rounding: float,
    is_told: bool = False,
) -> _Fit | None:
    """Fit a polynomial to points (distance, change), the origin among them."""
    ts = [t / step for t, _ in points]
    change = max(abs(v) for _, v in points)
    unit = change or 1.0
    rest = [v / unit for _, v in points]
    count = len(ts)
    before, now = [0.0] * count, [1.0] * count
    slope_before, slope, here_before, here = 0.0, 0.0, 0.0, 1.0
    norm_before, value = 1.0, 0.0
    weights = [0.0] * count
    terms: list[tuple[float, float, float]] = []
    for _ in range(degree + 1):
        squares = [p * p for p in now]
        norm = sum(squares)
        if not norm:
            return None
        coefficient = sum([p * r for p, r in zip(now, rest, strict=True)]) / norm
        rest = [r - coefficient * p for p, r in zip(now, rest, strict=True)]
        value += coefficient * slope
        share = slope / norm
        weights = [w + share * p for p, w in zip(now, weights, strict=True)]
        alpha = sum([t * s for t, s in zip(ts, squares, strict=True)]) / norm
        beta = norm / norm_before if terms else 0.0
        terms.append((coefficient, alpha, beta))
        before, now = (
            now,
            [(t - alpha) * p - beta * q for t, p, q in zip(ts, now, before, strict=True)],
        )
        slope_before, slope = slope, here - alpha * slope - beta * slope_before
        here_before, here = here, -alpha * here - beta * here_before
        norm_before = norm
    residual = math.sqrt(sum([r * r for r in rest]) / (count - degree - 1))

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
        residual * unit,
        rounding,
        sum(map(abs, weights)) / step,
        change,
        is_told,
        min(ts) < -0.5 and max(ts) > 0.5,
        polynomial,
    )


class _Samples:
    """A function's samples around a point, and the fits to them."""

    def __init__(
        self, function: Function, x: float, y: float, noise: float, first_step: float
    ) -> None:
        self.function, self.x, self.y, self.noise = function, x, y, noise
        self.first_step = first_step
        self.calls = 0
        self._points: dict[float, tuple[float, float] | None] = {}
        self._rings: dict[int, tuple[list[tuple[float, float]], list[tuple[float, float]]]] = {}
        self._fits: dict[tuple[int, int], _Fit | None] = {}

    def step(self, scale: int) -> float:
        """The step of a scale; infinite or 0 beyond the range of floats."""
        try:
            return self.first_step * _RATIO**-scale
        except OverflowError:
            return math.inf

    def at(self, distance: float) -> tuple[float, float] | None:
        """Sample: the distance as floats have it, and the change of the function."""
        z = self.x + distance
        if z not in self._points:
            self._points[z] = self._sampled(z)
        return self._points[z]

    def _sampled(self, z: float) -> tuple[float, float] | None:
        if not math.isfinite(z) or z == self.x:
            return None
        self.calls += 1
        y = _defined(self.function, z)
        if y is None or not math.isfinite(y - self.y):
            return None
        return z - self.x, y - self.y

    def outermost(self, scale: int) -> float:
        """Give by how much the outermost samples of a scale differ from the value at the point."""
        h = self.step(scale)
        ends = (self.at(-_LEFT[0] * h), self.at(_RIGHT[0] * h))
        return max((abs(end[1]) for end in ends if end is not None), default=math.inf)

    def ring(self, scale: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        """Sample a scale, left and right."""
        if scale not in self._rings:
            h = self.step(scale)
            left = [point for c in _LEFT if (point := self.at(-c * h)) is not None]
            right = [point for c in _RIGHT if (point := self.at(c * h)) is not None]
            self._rings[scale] = left, right
        return self._rings[scale]

    def fit(self, scale: int, side: int = 0, both_from: int | None = None) -> _Fit | None:
        """Fit the samples of a scale and of the next one, on both sides or on one.

        Args:
            scale: The scale.
            side: -1 and 1 for one side.
            both_from: A scale from which on the other side counts as well.

        Returns:
            The fit; None if there are too few samples.
        """
        key = (scale, side)
        if both_from is None and key in self._fits:
            return self._fits[key]
        points = self._around(scale, 2, side)
        if both_from is not None:
            for ring in (both_from, both_from + 1):
                points += self.ring(ring)[0 if side > 0 else 1]
        fit = self._fit_of(scale, points, _SIDE_DEGREE if side else _DEGREE)
        if both_from is None:
            self._fits[key] = fit
        return fit

    def quick_fit(self, scale: int) -> _Fit | None:
        """Fit the samples of this scale alone."""
        left, right = self.ring(scale)
        return self._fit_of(scale, [(0.0, 0.0), *left, *right], 4)

    def high_fit(self, scale: int, side: int = 0) -> _Fit | None:
        """Fit the samples of a scale by a polynomial of a higher degree."""
        points = self._around(scale, 3 if side else 2, side)
        return self._fit_of(scale, points, (_SIDE_DEGREE if side else _DEGREE) + _MORE)

    def _around(self, scale: int, rings: int, side: int) -> list[tuple[float, float]]:
        points = [(0.0, 0.0)]
        for ring in range(scale, scale + rings):
            left, right = self.ring(ring)
            points += (left if side <= 0 else []) + (right if side >= 0 else [])
        return points

    def _fit_of(self, scale: int, points: list[tuple[float, float]], degree: int) -> _Fit | None:
        step = self.step(scale)
        degree = min(degree, len(points) - 4)
        if degree < 3 or not 0.0 < step < math.inf:
            return None
        size = max(max(abs(self.y + v) for _, v in points), abs(self.y))
        rounding = max(EPSILON * size, math.ulp(0.0))
        noise = max(rounding, self.noise)
        return _fitted(scale, step, points, degree, noise, self.noise > 4.0 * rounding)


# --- from scale to scale -------------------------------------------------------------------------


class _Search:
    """The search for the scales at which a function is smooth, and what they make of it."""

    def __init__(self, samples: _Samples) -> None:
        self.samples = samples
        size = abs(samples.x)
        least = max(_CLOSE * size, _SMALLEST_STEP)  # below, there are too few digits
        scales = (math.log(samples.first_step) - math.log(least)) / math.log(_RATIO)
        self.deepest = math.floor(scales)
        # A function such as log varies on the scale of x itself.
        self.own = 0
        if 0.0 < size < 1.0:
            ratio = math.log(samples.first_step) - math.log(0.1887) - math.log(size)
            self.own = math.ceil(ratio / math.log(_RATIO))

    def estimate(self) -> Estimate:
        top = self.samples.fit(0)
        if top is not None and top.is_flat and top.two_sided:
            deeper = range(2, min(self.deepest, 24))
            if any(0.0 < self.samples.outermost(scale) < math.inf for scale in deeper):
                return self._refused("it is constant but for a spike")
            return self._on_a_plateau(top)
        return self._descended()

    def _descended(self) -> Estimate:
        """Go to the largest step at which the function is smooth."""
        above: int | None = None
        for scale in self._descent():
            if self.samples.outermost(scale + 1) > 0.7 * self.samples.outermost(scale):
                above = scale  # it does not get less with the step
                continue
            fit = self.samples.fit(scale)
            if fit is not None and fit.is_resolved:
                if fit.is_flat and above is not None and scale > above + 3:
                    continue  # which tells nothing: x itself is small
                if above is not None and fit.change and fit.bound > _RESOLVED * fit.slope:
                    above = scale  # nothing but rounding is left
                    continue
                return self._resolved(above, scale)
            above = scale
        return self._singular()

    def _descent(self) -> Iterator[int]:
        scale, gap = 0, 1
        while scale <= self.deepest and self.samples.calls <= _MOST_CALLS:
            yield scale
            if scale == 2 and self.own > 4:
                yield self.own
            scale += gap
            if scale > _DENSE:
                gap = 3

    # --- smooth on both sides ---

    def _resolved(self, above: int | None, scale: int) -> Estimate:
        """Find the largest step between one that is resolved and one that is not."""
        fit = self.samples.fit
        while above is not None and (found := fit(above)) is not None and found.is_resolved:
            scale, above = above, above - 1 if above else None
        tried = 0
        while above is not None and scale - above > 1 and self.samples.calls <= _MOST_CALLS:
            middle = max(scale - (1 << tried), (above + scale) // 2, above + 1)
            tried += 1
            found = fit(middle)
            if found is not None and found.is_resolved and not found.is_flat:
                scale = middle
            else:
                above = middle
        return self._refined(scale, is_top=above is None)

    def _refined(self, scale: int, *, is_top: bool = False) -> Estimate:
        """Estimate from the largest step that is resolved, by what the residual does from there."""
        fit = self.samples.fit
        first = fit(scale)
        assert first is not None
        last: _Fit = first
        while not last.is_clean:
            finer = fit(last.scale + 1)
            if finer is None or not finer.two_sided or last.residual < _FALL * finer.residual:
                break
            last = finer
        is_first = is_top and last is first and first.is_clean
        if is_first and first.rounding > _VAST * EPSILON * abs(self.samples.y):
            # Where values are vast further away, their rounding hides what there is close by.
            close = fit(scale + 3)
            if close is not None and not close.is_clean:
                return (
                    self._refined(scale + 3, is_top=True)
                    if close.is_resolved
                    else (self._refused("it is rough close by"))
                )
        if is_top and (last is first or not last.is_clean):
            return self._clean(last, is_top=True) if last.is_clean else self._noisy(last)
        if self._is_analytic(scale, last.scale):
            return self._clean(last, is_top=is_top) if last.is_clean else self._noisy(last)
        edge = max(last.scale - 1, 0) if last.scale > scale else scale - 1
        return self._edged(edge, last.scale, first if is_top else None, first.bound)

    def _is_analytic(self, scale: int, clean: int, side: int = 0, drop: float = _DROP) -> bool:
        """Whether a function is analytic from the first scale that is resolved to a smooth one.

        A polynomial of a higher degree leaves far less of it.
        """
        samples = self.samples
        if clean > scale + _FARTHEST or samples.calls > _MOST_CALLS + 10:
            return False
        if (smooth := samples.fit(clean, side)) is None or smooth.is_flat:
            return False
        top = samples.fit(scale, side)
        start = scale if top is not None and not top.is_clean else scale - 1
        proven, before = False, samples.fit(start - 1, side) if start else None
        steepest = _RATIO ** ((_SIDE_DEGREE if side else _DEGREE) + 3.5)
        for k in range(start, clean):
            fit, high = samples.fit(k, side), samples.high_fit(k, side)
            if fit is None or high is None or fit.is_flat:
                return False
            if before is not None and before.roughness > steepest * fit.roughness:
                return False
            before = fit
            if fit.is_clean:
                continue
            if drop * high.residual < fit.residual:
                proven = True
                continue
            finer = samples.fit(k + 1, side)
            if k > start or finer is None or finer.is_clean or fit.roughness < 1e-7:
                return False  # else it has but begun to be resolved
        return proven

    def _clean(self, best: _Fit, *, is_top: bool) -> Estimate:
        """Choose the best scale where there is no noise but that of rounding."""
        fit, first = self.samples.fit, best.scale
        before = fit(first - 1) if not is_top or best.scale != 0 else None
        if before is not None and self._is_better(before, best):
            best = before
        while not self._is_accurate(best):
            finer = fit(best.scale + 1)
            if finer is not None and self._contradicts(finer, best):
                return self._contradicted(best, best.bound, finer)
            if not self._is_better(finer, best) or not finer.is_clean:
                break
            best = finer
        for gap in (1, 2, 4, 8, 16) if is_top and best.scale <= first else ():
            coarser = fit(best.scale - gap)
            if self._is_accurate(best) or coarser is None or not coarser.is_resolved:
                break
            if self._is_better(coarser, best) and coarser.bound <= _RESOLVED * coarser.slope:
                best = coarser
        if self.own > best.scale and not self._is_accurate(best, relative=True):
            close = fit(self.own)
            if self._is_better(close, best):
                best = close
        return self._claim(best.value, best.bound)

    def _is_better(self, fit: _Fit | None, best: _Fit, bound: float = 0.0) -> TypeGuard[_Fit]:
        """Whether a fit of another scale knows more, and does not say otherwise."""
        if fit is None or not fit.is_resolved or fit.is_flat:
            return False
        bound = bound or best.bound
        return fit.bound < bound and abs(fit.value - best.value) <= fit.bound + bound

    def _contradicts(self, fit: _Fit, best: _Fit) -> bool:
        apart = abs(fit.value - best.value)
        return fit.is_resolved and not fit.is_flat and apart > fit.bound + best.bound

    def _is_accurate(self, fit: _Fit, *, relative: bool = False) -> bool:
        if fit.bound <= _ACCURATE * abs(fit.value):
            return True
        top = self.samples.fit(0)
        return (
            not relative
            and top is not None
            and abs(fit.value) <= fit.bound <= 1e-3 * _ACCURATE * top.slope
        )

    def _noisy(self, best: _Fit) -> Estimate:
        """Estimate where there is noise, which may be smooth over smaller distances."""
        fit, noise = self.samples.fit, best.noise
        finer = [found for k in (1, 2) if (found := fit(best.scale + k)) is not None]
        if all(b.noise < 0.5 * a.noise for a, b in pairwise([best, *finer])):
            singular = self._singular()  # it vanishes with the step
            if not singular.reason or math.isfinite(singular.bound):
                return singular
        noise = max([noise, *(found.noise for found in finer)])
        bound = _SAFETY * best.gain * noise
        scale = best.scale + 3
        for gap in range(1, 5) if best.scale <= 0 else ():
            coarser = fit(best.scale - gap)
            if not self._is_better(coarser, best, bound):
                break
            best, bound = coarser, max(coarser.bound, _SAFETY * coarser.gain * noise)
        while scale <= min(self.deepest, best.scale + _DEEP):
            close = self.samples.quick_fit(scale)
            if close is not None:
                if close.is_flat:
                    return self._on_a_step(best, bound, close)
                if close.is_resolved and 30.0 * close.noise < noise:
                    return self._ripple(best, bound, noise, scale)
            scale += 3
        return self._claim(best.value, bound, "there is noise")

    def _on_a_step(self, best: _Fit, bound: float, flat: _Fit) -> Estimate:
        """Estimate where the function is noise over larger distances, and constant over tiny ones.

        It is rounded if it leaves the plateau by a jump. Else either may be meant.
        """
        if abs(best.value) > bound and not all(
            jump for _, jump in (self._edge(side, flat.step) for side in (-1, 1))
        ):
            bound += abs(best.value)
        return self._claim(best.value, bound, "there is noise")

    def _ripple(self, best: _Fit, bound: float, noise: float, scale: int) -> Estimate:
        """Find where noise becomes smooth, and whether as an analytic function does."""
        fit = self.samples.fit
        while scale > best.scale + 1:
            coarser = fit(scale - 1)
            if coarser is None or not coarser.is_resolved or 30.0 * coarser.noise > noise:
                break
            scale -= 1
        clean = scale
        while (close := fit(clean)) is not None and not close.is_clean and clean < scale + 3:
            clean += 1
        if close is None or not (close.is_resolved and close.is_clean):
            return self._refused("it is rough: noise that is smooth over smaller distances")
        if self._is_analytic(scale, clean, drop=10.0 * _DROP):
            return self._clean(close, is_top=False)
        return self._contradicted(best, bound, close)

    # --- an edge between two scales ---

    def _edged(
        self, above: int, scale: int, coarse: _Fit | None = None, bound: float = math.inf
    ) -> Estimate:
        """Estimate where an edge lies between two scales: a kink, a jump, a node of a table.

        Args:
            above: The coarser scale.
            scale: The finer one, which is smooth.
            coarse: A fit that has noise, if there is one, with its
            bound: how far off it is.
        """
        best = self.samples.fit(scale)
        assert best is not None
        for side in (-1, 1):
            smooth = self._smooth_on(side, scale)
            if smooth is not None:
                jump = self._jump(smooth, side, above, scale)
                if jump == math.inf:
                    continue
                extra = _SAFETY * jump
                return self._claim(best.value, best.bound + extra, "there is a jump nearby")
        if coarse is None:
            return self._refused("there are kinks or jumps nearby, on both sides")
        return self._contradicted(coarse, bound, best)

    def _contradicted(self, coarse: _Fit, bound: float, fine: _Fit) -> Estimate:
        """Estimate from a noisy scale, and cover what a smooth finer one says."""
        apart = abs(coarse.value - fine.value)
        if apart > bound + fine.bound and not fine.is_flat:
            bound = apart + fine.bound
        return self._claim(
            coarse.value,
            bound,
            f"it is rough: its differences over {coarse.step:.1e} and {fine.step:.1e} give "
            f"{coarse.value:.6g} and {fine.value:.6g}",
        )

    def _smooth_on(self, side: int, scale: int) -> _Fit | None:
        """Give the coarsest fit to one side if that is smooth from there to a scale."""
        for k in range(min(scale, _FARTHEST) + 1):
            if k and self.samples.calls > _MOST_CALLS:
                return None
            fit = self.samples.fit(k, side)
            if fit is None:
                return None
            if fit.is_clean or fit.bound <= _RESOLVED * fit.slope:
                if fit.is_clean:
                    return fit if k == 0 else None
                return fit if self._is_analytic(k, scale, side, 10.0 * _DROP) else None
        return None

    def _jump(self, whole: _Fit, side: int, above: int, scale: int) -> float:
        """Say what the jump on the other side of a smooth one makes of a slope; 0 for a kink."""
        smooth = self.samples.fit(above, side, scale)
        if smooth is None:
            return math.inf
        inner = [abs(t) for t, _ in self.samples.ring(scale)[0 if side > 0 else 1]]
        outer = sorted(abs(t) for t, _ in self.samples.ring(above)[0 if side > 0 else 1])
        good = max(inner, default=0.0)
        noise = 64.0 * smooth.noise

        def off(distance: float) -> float:
            point = self.samples.at(-side * distance)
            return math.inf if point is None else abs(point[1] - smooth.polynomial(point[0]))

        bad = next((t for t in outer if off(t) > noise), None)
        if bad is None:
            return math.inf  # no edge is to be found
        first = early = last = off(bad)
        for halving in range(_HALVINGS):
            middle = 0.5 * (good + bad)
            deviation = off(middle)
            if deviation > noise:
                bad, last = middle, deviation
            else:
                good = middle
            if halving == _HALVINGS - 15:
                early = last
        if last < math.inf and last <= first / 16.0 and last <= max(4.0 * noise, early / 8.0):
            return 0.0
        return max(last, noise) * max(whole.gain, 1.0 / bad)

    # --- a plateau ---

    def _on_a_plateau(self, top: _Fit) -> Estimate:
        """Estimate where the function is the same all around, by how it leaves the plateau."""
        edges = [self._edge(side, self.samples.first_step) for side in (-1, 1)]
        jumps = [distance for distance, jump in edges if jump]
        if jumps:
            samples = self.samples
            step = 4.0 * max(jumps)
            if not step < math.inf:
                return self._refused("it is constant as far as one can see, and jumps")
            again = _Samples(samples.function, samples.x, samples.y, samples.noise, step)
            again.calls = samples.calls
            return _Search(again)._descended()
        reach = min(distance for distance, _ in edges)
        return Estimate(0.0, _SAFETY * top.rounding / reach)

    def _edge(self, side: int, inside: float) -> tuple[float, float]:
        """Give the distance of the edge of a plateau, and the jump there; 0 where it is none."""
        at, growth, limit = self.samples.at, 1.0, 1e3 * inside
        while True:
            outside = inside * _RATIO**growth
            point = at(side * outside)
            if point is None or point[1]:
                break
            inside = outside
            growth += 0.0 if inside < limit else 1.0
        change = early = math.inf if point is None else abs(point[1])
        for halving in range(_HALVINGS):
            wide = outside > 4.0 * inside
            middle = math.sqrt(inside) * math.sqrt(outside) if wide else 0.5 * (inside + outside)
            if not inside < middle < outside:
                break
            point = at(side * middle)
            if point is None or point[1]:
                outside, change = middle, math.inf if point is None else abs(point[1])
            else:
                inside = middle
            if halving == _HALVINGS - 15:
                early = change
        if change == math.inf:
            return inside, 0.0
        return outside, change if change > early / 8.0 else 0.0

    # --- smooth on no scale ---

    def _singular(self) -> Estimate:
        """Estimate where no scale is smooth on both sides."""
        samples = self.samples
        scales = sorted(k for k, side in samples._fits if side == 0)
        rings = [samples.ring(k) for k in scales]
        if not any(left for left, _ in rings) and not any(right for _, right in rings):
            return Estimate(math.nan, math.inf, "it is defined at this point alone")
        for side, name in ((0, "below"), (1, "above")):
            if not any(ring[side] for ring in rings[-3:]):
                reason = f"there is a border of the domain: it is not defined {name}"
                return Estimate(math.nan, math.inf, reason)
        sides = self._sides(scales)
        if sides is not None:
            left, right = sides
            apart, error = abs(left.value - right.value), left.bound + right.bound
            middle = 0.5 * (left.value + right.value)
            bound = 0.5 * apart + error
            if not all(self._smooth_on(side, left.scale) for side in (-1, 1)):
                bound = math.inf
            if apart <= error:
                return self._claim(middle, bound, "there may be a kink")
            return Estimate(
                middle,
                bound,
                f"there is a kink: the derivative is {left.value:.6g} from below and "
                f"{right.value:.6g} from above",
                left.value,
                right.value,
            )
        slopes = [
            fit.slope for k in scales if (fit := samples.fit(k)) is not None and fit.two_sided
        ]
        if len(slopes) > 3 and 0.0 < slopes[-1] <= 0.6 * slopes[-2] <= 0.36 * slopes[-3]:
            return self._claim(0.0, 3.0 * slopes[-1], "its slope vanishes slowly")
        return self._refused("it is rough: noise, a jump, or a pole nearby")

    def _sides(self, scales: Sequence[int]) -> tuple[_Fit, _Fit] | None:
        """Give the one-sided fits of the scale that tells most; None if they tell nothing."""
        best: tuple[_Fit, _Fit] | None = None
        for k in scales:
            left, right = self.samples.fit(k, -1), self.samples.fit(k, 1)
            if left is None or right is None or (left.is_flat and right.is_flat):
                continue
            error = left.bound + right.bound
            if (
                error < math.inf
                and error <= _RESOLVED * max(left.slope, right.slope)
                and (best is None or error < best[0].bound + best[1].bound)
            ):
                best = left, right
        return best

    # --- what is said ---

    def _claim(self, value: float, bound: float, trouble: str = "it is too flat") -> Estimate:
        """Make an estimate, with a reason if its bound is of no use."""
        samples = self.samples
        top = samples.fit(0)
        slope = top.slope if top is not None else 0.0
        scale = abs(samples.y) / max(abs(samples.x), 1.0)
        if not (math.isfinite(value) and math.isfinite(bound)):
            return self._refused(trouble)
        if bound <= max(1e-4 * abs(value), 1e-6 * slope, 1e-9 * scale):
            return Estimate(value, bound)
        return Estimate(value, bound, f"{trouble}: the derivative is {value:.6g} ± {bound:.1e}")

    def _refused(self, reason: str) -> Estimate:
        return Estimate(math.nan, math.inf, reason)
