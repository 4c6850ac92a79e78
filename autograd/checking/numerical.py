"""Numerical derivatives that know their own error.

A function of one float is differentiated by symmetric differences at steps that shrink by half, and
these are extrapolated to a step of 0 (L. F. Richardson, *Phil. Trans. Roy. Soc. A* 210, 1911; C. J.
F. Ridders, *Advances in Engineering Software* 4, 1982). The bound on the error has three parts:

- truncation: how much the extrapolation still changes from one step to the next;
- rounding: the noise of the function over the step, where the noise is at least that of rounding
  its values, and is measured besides, by differences of high order over tiny distances (J. J. Moré
  and S. M. Wild, *SIAM J. Sci. Comput.* 33, 2011);
- one-sidedness: how far the two one-sided derivatives are apart. At a kink they stay apart however
  small the step, which symmetric differences never notice.

Of all steps the one with the smallest bound counts. Where no step gives a useful one, the result
says why: there is a kink, a border of the domain, or the function is rough.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

__all__ = ["EPSILON", "Estimate", "differentiate"]

Function = Callable[[float], float]

EPSILON = 2.0**-52
_LEVELS = 6  # of extrapolation: beyond, rounding undoes what it gains
_STEPS = 44  # of halving the step
_SAFETY = 3.0  # the best of many bounds is small by choice
_FINE = 1e-2  # a step at which a function that varies on the scale of 1 is resolved
# Steps are no exact powers of 2 of each other: whatever has a pattern is not to meet it.
_IRREGULAR = (1.0, 1.0371, 0.9713, 1.0172, 0.9509)
_CLOSE = 2.0**-43  # the smallest step relative to x: below, x + h has too few digits of h


@dataclass(frozen=True, slots=True)
class Estimate:
    """A numerical derivative.

    Attributes:
        value: The derivative.
        bound: The true derivative lies within this distance of `value`; infinite where nothing is
            known.
        reason: Why there is no useful bound; empty where there is one.
        left: The derivative from below, and
        right: that from above, where `reason` tells of a kink; nan elsewhere.
    """

    value: float
    bound: float
    reason: str = ""
    left: float = math.nan
    right: float = math.nan


def differentiate(
    function: Function, x: float, *, noise: float = 0.0, first_step: float = 0.1887
) -> Estimate:
    """Differentiate a function of one float, and bound the error.

    Args:
        function: The function; an ArithmeticError or ValueError that it raises, or a result that is
            not finite, means that it is not defined there.
        x: Where; a finite number at which the function is defined.
        noise: How far off its values may be, if more is known than that they are rounded.
        first_step: The largest step, relative to the larger of |x| and 1. Not a power of two, and
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
    y = _defined(function, x)
    if y is None:
        raise ValueError(f"differentiate: the function is not defined at x = {x!r}")
    near = _neighbourhood(function, x, y, noise)
    windows = _windows(function, x, y, near, first_step * max(abs(x), 1.0))
    if 0.0 < abs(x) < 2.0**-10:  # a function such as log varies on the scale of x itself
        windows += _windows(function, x, y, near, first_step * abs(x))
    if not any(window.two_sided for window in windows):
        side = "below" if any(math.isfinite(window.right) for window in windows) else "above"
        if not any(math.isfinite(side) for w in windows for side in (w.left, w.right)):
            return Estimate(math.nan, math.inf, "it is defined at this point alone")
        return Estimate(
            math.nan, math.inf, f"there is a border of the domain: it is not defined {side}"
        )
    return _judged(windows, near, y / max(abs(x), 1.0))


@dataclass(frozen=True, slots=True)
class _Window:
    """What the steps down to one of them say."""

    step: float
    value: float
    bound: float
    left: float  # one-sided derivatives, nan where the function is not defined
    right: float
    jump: float  # their distance
    rounding: float  # the part of the bound that no smoothness can mend
    slope: float  # the largest difference quotient at this step

    @property
    def two_sided(self) -> bool:
        return math.isfinite(self.left) and math.isfinite(self.right)


def _defined(function: Function, x: float) -> float | None:
    try:
        y = function(x)
    except (ArithmeticError, ValueError):
        return None
    return y if math.isfinite(y) else None


@dataclass(frozen=True, slots=True)
class _Neighbourhood:
    """The function over a tiny distance: what it changes by, and how much of that is noise."""

    distance: float
    change: float
    curvature: float  # how much of the change is not linear
    noise: float

    @property
    def telling(self) -> bool:
        """Whether the change is no noise."""
        return abs(self.change) > 64.0 * self.noise + self.curvature

    def denies(self, window: _Window) -> bool:
        """Whether the derivative of a window is not that of the function close to the point."""
        expected = window.value * self.distance
        unexplained = abs(self.change - expected) - window.bound * self.distance
        return unexplained > 0.25 * abs(self.change) + self.curvature + 8.0 * self.noise


def _neighbourhood(function: Function, x: float, y: float, noise: float) -> _Neighbourhood:
    """Measure the noise of a function by its differences over tiny distances.

    The k-th difference of noise alone, of standard deviation s, has the variance s² (2k)! / (k!)²;
    that of a smooth function vanishes over tiny distances. Of the orders 4 to 6 the smallest
    counts.
    """
    spacing = 61.0 * math.ulp(x) if x else 2.0**-46
    points = [x + (i - 4) * spacing for i in range(9)]
    values = [_defined(function, point) for point in points]
    differences = [value - y for value in values if value is not None]
    noise = max(noise, EPSILON * abs(y))
    if len(differences) < len(values):
        return _Neighbourhood(0.0, 0.0, 0.0, noise)
    change = differences[8] - differences[0]
    curvature = 4.0 * abs(change - 2.0 * (differences[6] - differences[2]))
    deviations = []
    for order in range(1, 7):
        differences = [b - a for a, b in pairwise(differences)]
        if order >= 4:
            scale = math.factorial(order) ** 2 / math.factorial(2 * order)
            deviations.append(math.sqrt(scale / len(differences)) * math.hypot(*differences))
    noise = max(noise, 3.0 * min(deviations))
    return _Neighbourhood(points[8] - points[0], change, curvature, noise)


def _windows(
    function: Function, x: float, y: float, near: _Neighbourhood, first_step: float
) -> list[_Window]:
    """Extrapolate the differences at each step, and stop where rounding leaves nothing to gain."""
    windows: list[_Window] = []
    central, above, below = _Tableau(2), _Tableau(1), _Tableau(1)
    least = math.inf
    for k in range(_STEPS):
        h = x + first_step * 0.5**k * _IRREGULAR[k % len(_IRREGULAR)] - x  # as floats have it
        if h < _CLOSE * abs(x) or h < 2.0**-1040:
            break
        right, left = x + h, x - h
        y_right, y_left = _defined(function, right), _defined(function, left)
        size = max(abs(value) for value in (y, y_right, y_left) if value is not None)
        rounding = 2.0 * max(near.noise, EPSILON * size) / h + math.ulp(0.0) / h
        above.add(h, None if y_right is None else (y_right - y) / (right - x))
        below.add(h, None if y_left is None else (y - y_left) / (x - left))
        if y_right is None or y_left is None:
            central.add(h, None)
            left_slope, right_slope = below.one_sided, above.one_sided
            windows.append(
                _Window(h, math.nan, math.inf, left_slope, right_slope, 0.0, rounding, 0.0)
            )
            continue
        central.add(h, (y_right - y_left) / (right - left))
        value, truncation = central.most_settled()
        left_slope, right_slope = below.one_sided, above.one_sided
        jump = abs(right_slope - left_slope)
        bound = truncation + rounding + jump
        if not math.isfinite(bound):
            bound = math.inf
        slope = max(abs(above.row[0]), abs(below.row[0]))
        window = _Window(h, value, bound, left_slope, right_slope, jump, rounding, slope)
        windows.append(window)
        if bound < least and not near.denies(window):
            least = bound
        if rounding > least and h < _FINE:
            break
    return windows


class _Tableau:
    """Differences at falling steps, extrapolated to a step of 0.

    Each entry of a row is of a higher order than the one before it. The error of a difference is a
    series in the step, or for `order` 2 in its square.
    """

    def __init__(self, order: int) -> None:
        self.order = order
        self.steps: list[float] = []
        self.row: list[float] = []
        self.before: list[float] = []

    def add(self, step: float, difference: float | None) -> None:
        """Make the next row; without a difference, begin anew."""
        self.before = self.row
        if difference is None:
            self.steps, self.row = [], []
            return
        self.steps.append(step)
        self.row = [difference]
        for level, previous in enumerate(self.before[: _LEVELS - 1], start=1):
            ratio = (self.steps[-1 - level] / step) ** self.order
            self.row.append(self.row[-1] + (self.row[-1] - previous) / (ratio - 1.0))

    @property
    def one_sided(self) -> float:
        """The last entry that is not yet lost to rounding, where each order costs digits."""
        return self.row[min(len(self.row), 4) - 1] if self.row else math.nan

    def most_settled(self) -> tuple[float, float]:
        """Choose the entry that differs least from those it was made from, and say by how much."""
        settled = (self.row[0], math.inf)
        for level in range(1, len(self.row)):
            entry = self.row[level]
            change = max(abs(entry - self.row[level - 1]), abs(entry - self.before[level - 1]))
            if 2.0 * change < settled[1]:
                settled = (entry, 2.0 * change)
        return settled


def _confirmed(windows: list[_Window]) -> list[_Window]:
    """Widen the bound of each window whose neighbours say otherwise: it may be small by chance."""
    widened = []
    for i, window in enumerate(windows):
        bound = window.bound
        for neighbour in windows[max(i - 1, 0) : i + 2]:
            distance = abs(neighbour.value - window.value)
            if distance > window.bound + neighbour.bound:
                bound = max(bound, distance)
        widened.append(replace(window, bound=bound))
    return widened


def _is_fine(window: _Window, windows: list[_Window]) -> bool:
    """Whether a step resolves the function: smaller ones find it no steeper, and agree."""
    return not any(
        finer.slope - 8.0 * finer.rounding > 4.0 * window.slope + 8.0 * window.rounding
        or abs(finer.value - window.value) > 4.0 * (finer.bound + window.bound)
        for finer in windows
        if finer.step < window.step
    )


def _corroborated(windows: list[_Window]) -> list[_Window]:
    """List the windows whose derivative the two next smaller steps confirm."""
    return [
        first
        for first, second, third in zip(windows, windows[1:], windows[2:], strict=False)
        if abs(first.value - second.value) <= first.bound + second.bound
        and abs(first.value - third.value) <= first.bound + third.bound
        and max(first.bound, second.bound, third.bound) <= 1e-2 * abs(first.value)
    ]


def _judged(windows: list[_Window], near: _Neighbourhood, scale: float) -> Estimate:
    """Choose the best window, and say whether it is good enough to speak of a derivative."""
    finite = _confirmed([window for window in windows if math.isfinite(window.bound)])
    close = [window for window in finite if not near.denies(window) and _is_fine(window, finite)]
    if not close:
        return Estimate(math.nan, math.inf, "it is rough: noise, a jump, or a pole nearby")
    best = min(close, key=lambda window: window.bound)
    for coarse in _corroborated(finite) if not near.telling else []:
        if abs(coarse.value - best.value) > 4.0 * (coarse.bound + best.bound):
            return Estimate(
                best.value,
                math.inf,
                f"it is rough: its differences over {coarse.step:.1e} and {best.step:.1e} give "
                f"{coarse.value:.6g} and {best.value:.6g}",
            )
    slope = max(window.slope for window in finite if window.step >= best.step)
    is_constant = not any(window.slope for window in finite)
    if is_constant or best.bound <= max(1e-4 * abs(best.value), 1e-7 * slope, 1e-9 * abs(scale)):
        return Estimate(best.value, _SAFETY * best.bound)
    if best.jump > max(0.5 * best.bound, 64.0 * best.rounding):
        return Estimate(
            0.5 * (best.left + best.right),
            0.5 * best.jump + (best.bound - best.jump),
            f"there is a kink: the derivative is {best.left:.6g} from below and {best.right:.6g} "
            "from above",
            best.left,
            best.right,
        )
    return Estimate(
        best.value,
        math.inf,
        "its differences do not settle: it is near a pole or a kink, or noise, or varies faster "
        "than floats resolve",
    )
