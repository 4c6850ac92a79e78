"""A claimed derivative, held to differences of the function that it is claimed of.

Nothing is recorded. With few inputs each partial derivative is held to differences that know their
own error. With many, the derivatives along some random directions are, each of which every partial
derivative has a share in; and where one disagrees, the direction is cut in half again and again,
until the wrong partial derivative is left.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autograd.checking.claimed import EPSILONS, Claimed, Precision, numpy, sum_of_products
from autograd.checking.hints import hint
from autograd.checking.numerical import EPSILON, Estimate, differentiate
from autograd.checking.report import (
    OUTCOMES,
    Derivative,
    GradientCheck,
    GradientError,
    Outcome,
    summary,
)
from autograd.errors import shown

__all__ = ["check_claims", "require_precision"]

_RESIDUE = 64.0  # roundings of what cancels may be left
_DIGITS = 0.75  # of those of the arithmetic, that a claimed derivative has
_FEW = 12  # inputs, each of which is looked at
_ENTRIES = 256  # of a Jacobian, each of which is looked at
_DIRECTIONS = 3
_PARTS = 60  # of inputs that are small beside the others, which are looked at by themselves
_TOLD = 0.25  # of an input's share in a direction: an error of this size is not to be hidden
_SLIGHT = 2.0**-20  # of the largest result: below, one may be nothing but rounding
_NAMED = 4  # wrong partial derivatives that are looked for
_ENOUGH = 1e-2  # a bound that is so small a part of a partial derivative decides
_FLAT = 1e-3  # one that is so small a part of the largest derivative does as well
_LEVEL = 0.58  # of the digits of coarse arithmetic: what no more can be seen of beside the value
_DOUBTED = 2.0  # times its bound, from where on a difference with a reservation is wrong
_STEPS = tuple(10.0**-k for k in range(1, 7))
_SAME_SIDE = 1e-6  # relative: so close to a derivative from one side, a claim is that
_OTHER_STEPS = (0.1331, 0.911)  # first ones, where that of the differences meets a kink, or noise
_FIRST_STEPS = (0.1887, 0.0531)  # relative to inputs that are of another scale than
_ALIKE = 0.25  # this part of 1, to its reciprocal, unless it is as far off as
_FAR = 2.0**-900


def _differentiated(function: Callable[[float], float], x: float, scale: float = 1.0) -> Estimate:
    """Take differences, and others where these do not tell.

    Args:
        function: The function.
        x: Where.
        scale: How large inputs like this one are: the function may vary on that scale.
    """
    best = differentiate(function, x)
    relative = scale / max(abs(x), 1.0)
    if _FAR <= relative < _ALIKE or 1.0 / _ALIKE < relative <= 1.0 / _FAR:
        steps = [first * relative for first in _FIRST_STEPS]
    else:
        steps = [] if math.isfinite(best.left) else [*_OTHER_STEPS]  # a kink has been seen
    for step in steps:
        if best.reason:
            best = min(best, differentiate(function, x, first_step=step), key=_unknown)
    return best


def _of_sides(claimed: float, estimate: Estimate) -> str:
    """Say which side of a kink a claim is right on."""
    left, right = estimate.left, estimate.right
    if not (math.isfinite(left) and math.isfinite(right)):
        return ""
    close = _SAME_SIDE * max(abs(left), abs(right))
    if abs(claimed - left) <= close or abs(claimed - right) <= close:
        side = "below" if abs(claimed - left) <= close else "above"
        return f"; what is claimed is right from {side}"
    is_between = min(left, right) < claimed < max(left, right)
    return "; what is claimed lies between" if is_between else "; what is claimed is neither"


def _unknown(estimate: Estimate) -> tuple[bool, float]:
    is_limit = math.isnan(estimate.left) and math.isnan(estimate.right)
    return bool(estimate.reason), estimate.bound if estimate.reason and is_limit else math.inf


@dataclass(slots=True)
class _Search:
    """Where a claimed derivative is wrong, looked for by differences."""

    claimed: Claimed
    epsilon: float
    random: Any
    known: dict[tuple[int, float], Any] = field(default_factory=dict)
    rows: dict[int, Any] = field(default_factory=dict)
    columns: dict[int, Any] = field(default_factory=dict)

    def scattered(self, count: int) -> Any:
        """Draw numbers of both signs that are about as large as each other."""
        return self.random.choice([-1.0, 1.0], count) * self.random.uniform(0.5, 1.5, count)

    def weights(self, direction: Any) -> Any:
        """Weigh the results, so that each counts for about as much as the others."""
        np = numpy()
        values = np.abs(self.claimed.value)
        if values.size == 1:
            return np.ones(1)
        sizes = np.maximum(values, self.claimed.sizes_along(direction))
        sizes = np.maximum(sizes, _SLIGHT * sizes.max())
        sizes[sizes == 0.0] = 1.0
        weights = self.scattered(sizes.size) / sizes
        return _brief(weights / np.abs(weights).max())

    def partial(self, i: int, j: int) -> Derivative:
        """Hold one partial derivative to what differences say."""
        claimed = self.claimed
        data = claimed.point.data

        def output(x: float) -> float:
            if (i, x) not in self.known:
                moved = data.copy()
                moved[i] = x
                self.known[i, x] = claimed.at(moved)
            return float(self.known[i, x][j])

        y = float(claimed.value[j])
        scales = claimed.point.scales
        estimates = claimed.known.estimates
        if (i, j) not in estimates:
            estimates[i, j] = _differentiated(output, float(data[i]), float(scales[i]))
        estimate = estimates[i, j]
        found, largest = self._claim(i, j)
        allowed = self._allowed(y) / max(abs(float(data[i])), 1.0)
        allowed = max(allowed, _ENOUGH * abs(estimate.value))
        rounding = self._rounding(found) + _RESIDUE * self.epsilon * largest
        name, path = claimed.names[j], claimed.point.path(i)
        return self._judged(name, path, found, rounding, estimate, allowed)

    def _claim(self, i: int, j: int) -> tuple[float, float]:
        """Give a partial derivative that is claimed, and how large its like are.

        That is the largest of the same result, by what each adds to it: where terms cancel, one
        that is 0 comes out as a rounding of it.
        """
        np, claimed, scales = numpy(), self.claimed, self.claimed.point.scales
        count = scales.size

        def unit(place: int, size: int) -> Any:
            return np.bincount([place], minlength=size).astype(float)

        if claimed.has_rows:
            if j not in self.rows:
                self.rows[j] = claimed.row(unit(j, claimed.value.size))
            row = self.rows[j]
        else:
            row = np.zeros(count)
            for k in range(count) if count <= _FEW else [i]:
                if k not in self.columns:
                    self.columns[k] = claimed.column(unit(k, count))
                row[k] = self.columns[k][j]
        sizes = abs(row) * scales
        return float(row[i]), float(sizes[np.isfinite(sizes)].max(initial=0.0) / scales[i])

    def _rounding(self, size: float) -> float:
        """Say how far off rounding explains a claim to be, which is a sum of terms of a size."""
        return float(4.0 * self.epsilon**_DIGITS * abs(size)) if abs(size) < math.inf else 0.0

    def along(self, weights: Any, direction: Any, called: str) -> Derivative:
        """Hold the derivative along a direction to what differences say."""
        np, claimed = numpy(), self.claimed
        y = float(np.abs(weights * claimed.value).sum())
        used = direction != 0.0
        scales = claimed.point.scales[used] / abs(direction[used])
        scale = float(scales.min()) if scales.size else 1.0
        estimate = _differentiated(self._line(weights, direction), 0.0, scale)
        found, size = claimed.paired(weights)(direction)
        return self._judged("", called, found, self._rounding(size), estimate, self._allowed(y))

    def _line(self, weights: Any, direction: Any) -> Callable[[float], float]:
        data, claimed = self.claimed.point.data, self.claimed
        return lambda t: sum_of_products(weights, claimed.at(data + t * direction))

    def _allowed(self, size: float) -> float:
        """Say which bound is as small as coarse arithmetic lets it be."""
        return float(self.epsilon**_LEVEL * abs(size)) if self.epsilon > EPSILON else 0.0

    def _judged(
        self,
        output: str,
        path: str,
        found: float,
        rounding: float,
        estimate: Estimate,
        allowed: float,
    ) -> Derivative:
        """Hold what is claimed to an estimate.

        A bound holds even where the estimate has a reservation: what is far beyond it is wrong, and
        what is within it is right where the bound is small, or as small as the arithmetic allows.
        """
        outcome: Outcome = "passed"
        reason = estimate.reason and f"as a function of {path}, {estimate.reason}"
        doubt = _DOUBTED if reason else 1.0
        has_sides = not math.isnan(estimate.left) or not math.isnan(estimate.right)
        if reason and (has_sides or not math.isfinite(estimate.bound)):
            outcome, reason = "undecided", reason + _of_sides(found, estimate)
        elif not abs(found - estimate.value) <= doubt * estimate.bound + rounding:
            outcome, reason = "failed", "no error bound explains the difference"
        elif reason:
            is_within = abs(found - estimate.value) <= estimate.bound + rounding
            if is_within and estimate.bound <= allowed:
                reason = ""
            else:
                outcome = "undecided"
        return Derivative(
            output, path, found, estimate.value, estimate.bound, rounding, outcome, reason
        )

    def settled(self, derivatives: Sequence[Derivative]) -> list[Derivative]:
        """Decide those of one result that are as good as 0 beside the largest.

        How large a derivative is, what it adds to the result tells: it is multiplied by the input.
        """
        data = abs(self.claimed.point.data)
        sizes = [
            min(float(x), 1.0) * abs(d.numerical)
            for x, d in zip(data, derivatives, strict=True)
            if d.outcome == "passed"
        ]
        largest = max(sizes, default=0.0)
        return [
            replace(d, outcome="passed", reason="")
            if d.outcome == "undecided"
            and not ("kink" in d.reason or "border" in d.reason)
            and d.difference <= d.bound + d.rounding
            and max(float(x), 1.0) * d.bound <= _FLAT * largest
            else d
            for x, d in zip(data, derivatives, strict=True)
        ]

    # --- with many inputs

    def narrowed(self, weights: Any, direction: Any, numerical: float) -> Derivative | None:
        """Find the partial derivative because of which the derivative along a direction is wrong.

        The differences on the way are quick ones, at the step that served best for the whole; what
        is left in the end is held to one that knows its own error. Where that is not wrong, noise
        has led astray, and the way is gone again with such, as far as they tell.
        """
        np = numpy()
        quick = _Quick(self._line(weights, direction), numerical)
        paired = self.claimed.paired(weights)

        def error(part: Any) -> float:
            return paired(part)[0] - quick.slope(self._line(weights, part))

        i = _most_to_blame(direction, error, paired(direction)[0] - numerical)
        alone = np.zeros(direction.size)
        alone[i] = direction[i]
        found = self._of_output(i, self._worst_output(weights, alone, quick.step))
        return found or self._of_group(weights, direction)

    def _of_group(self, weights: Any, direction: Any) -> Derivative | None:
        """Find the fewest inputs, side by side, along which the derivative is seen to be wrong."""
        np, path = numpy(), self.claimed.point.path
        found = None
        places = np.flatnonzero(direction)
        while places.size > 1:
            wrong = []
            for half in (places[: places.size // 2], places[places.size // 2 :]):
                part = np.zeros(direction.size)
                part[half] = direction[half]
                called = path(int(half[0]))
                if half.size > 1:
                    called = f"{half.size} inputs, {called} to {path(int(half[-1]))}"
                derivative = self.along(weights, part, called)
                if derivative.outcome == "failed":
                    wrong.append((derivative.difference, derivative, half))
            if not wrong:
                break
            _, found, places = max(wrong, key=lambda each: each[0])
        return found

    def _worst_output(self, weights: Any, direction: Any, step: float) -> int:
        """Find the result whose derivative along a direction is furthest off."""
        claimed = self.claimed
        try:
            slopes = _central(claimed.at, claimed.point.data, direction, step)
        except ValueError:
            return 0

        def error(part: Any) -> float:
            return claimed.paired(part)(direction)[0] - sum_of_products(part, slopes)

        return _most_to_blame(weights, error, error(weights))

    def _of_output(self, i: int, j: int) -> Derivative | None:
        derivative = self.partial(i, j)
        return derivative if derivative.outcome == "failed" else None


def _most_to_blame(vector: Any, error_of: Callable[[Any], float], error: float) -> int:
    """Find the place in a vector because of which there is an error, by halving it.

    Args:
        vector: The vector.
        error_of: Tells the error of a part of it, which is 0 elsewhere: errors of parts add up.
        error: That of the whole.
    """
    np = numpy()
    places = np.arange(vector.size)
    while places.size > 1:
        half = places[: places.size // 2]
        part = np.zeros(vector.size)
        part[half] = vector[half]
        error_of_half = error_of(part)
        if abs(error_of_half) >= abs(error - error_of_half):
            places, error = half, error_of_half
        else:
            places, error = places[half.size :], error - error_of_half
    return int(places[0])


def _central(function: Callable[[Any], Any], data: Any, direction: Any, step: float) -> Any:
    """Take a symmetric difference, extrapolated once."""
    wide, narrow = (
        (function(data + h * direction) - function(data - h * direction)) / (2.0 * h)
        for h in (step, 0.5 * step)
    )
    return (4.0 * narrow - wide) / 3.0


class _Quick:
    """Differences at the step which served best for a derivative that is known."""

    def __init__(self, line: Callable[[float], float], numerical: float) -> None:
        self.step, best = _STEPS[-1], math.inf
        for step in _STEPS:
            try:
                error = abs(_central(line, 0.0, 1.0, step) - numerical)
            except ValueError:
                continue
            if error < best:
                self.step, best = step, error

    def slope(self, line: Callable[[float], float]) -> float:
        """Differentiate along a line, at 0; nan where that fails."""
        try:
            return float(_central(line, 0.0, 1.0, self.step))
        except ValueError:
            return math.nan


def require_precision(who: str, precision: str | None) -> None:
    """Refuse a precision that there is not.

    Args:
        who: Who was called, for the error.
        precision: The precision, if one was given.

    Raises:
        ValueError: It is none of those there are.
    """
    if precision is None or (isinstance(precision, str) and precision in EPSILONS):
        return
    raise ValueError(
        f"{who}: precision must be {', '.join(map(repr, EPSILONS))}, got {shown(precision)}"
    )


def check_claims(
    claims: Iterable[Claimed], precision: Precision | None = None, raise_exception: bool = True
) -> GradientCheck:
    """Judge what is claimed of a function.

    Args:
        claims: What is claimed, of which function, at which point.
        precision: What the function computes in; by default the coarsest kind of number among its
            arguments and results.
        raise_exception: Whether a wrong derivative is an exception, or just a result.

    Returns:
        What has been found of all: what is wrong counts most.

    Raises:
        GradientError: One is wrong.
        ValueError: The precision is none of those there are.
    """
    require_precision("gradcheck", precision)
    read = list(claims)
    with numpy().errstate(all="ignore"):  # what overflows is not finite, and is seen to be
        checked = [_checked(claimed, precision) for claimed in read]
    derivatives = tuple(derivative for check in checked for derivative in check.derivatives)
    worst = max(checked, key=lambda check: OUTCOMES.index(check.outcome))
    if raise_exception and worst.outcome == "failed":
        raise GradientError(worst)
    return worst if worst.outcome == "failed" else replace(worst, derivatives=derivatives)


def _checked(claimed: Claimed, precision: Precision | None = None) -> GradientCheck:
    """Judge a claimed derivative.

    Args:
        claimed: What is claimed, of which function, at which point.
        precision: What the function computes in; by default the coarsest kind of number among its
            arguments and results.

    Returns:
        What has been found. Its derivatives are partial ones; of many inputs those along random
        directions, and the wrong partial ones, where they are found.
    """
    np = numpy()
    epsilon = EPSILONS[precision] if precision else claimed.epsilon
    search = _Search(claimed, epsilon, np.random.default_rng(0))
    inputs, outputs = claimed.point.data.size, claimed.value.size
    if not np.isfinite(claimed.value).all():
        reason = "its value is not finite at the point"
        return GradientCheck(claimed.name, "undecided", "numerical", reason, ())
    claimed.at(claimed.point.data)  # what it raises at the point itself comes through
    if inputs <= _FEW and inputs * outputs <= _ENTRIES:
        derivatives = _partials(search, inputs, outputs)
        notes = _hints(search, derivatives)
    else:
        derivatives, notes = _by_directions(search, inputs, outputs)
    outcome, reason = summary(derivatives)
    if outcome == "failed":
        notes.append(f"found in {claimed.calls} evaluations of {claimed.name}")
    return GradientCheck(
        claimed.name, outcome, "numerical", reason, tuple(derivatives), None, tuple(notes)
    )


def _hints(search: _Search, derivatives: Sequence[Derivative]) -> list[str]:
    if all(d.outcome != "failed" for d in derivatives):
        return []
    point = search.claimed.point
    if search.claimed.ignores_vectors:
        return ["hint: it is the same whatever vector it is to be multiplied by"]
    found = hint(
        [d.gradient for d in derivatives],
        [d.numerical for d in derivatives],
        [d.outcome == "failed" for d in derivatives],
        (search.claimed.value.size, point.data.size),
        bounds=[d.bound + d.rounding for d in derivatives],
        data=point.data.tolist(),
        matrices=point.matrices,
    )
    return [f"hint: {found}"] if found else []


def _partials(search: _Search, inputs: int, outputs: int) -> list[Derivative]:
    return [
        derivative
        for j in range(outputs)
        for derivative in search.settled([search.partial(i, j) for i in range(inputs)])
    ]


def _brief(xs: Any) -> Any:
    """Round to seven bits: numbers that half precision has, too."""
    np = numpy()
    digits, exponents = np.frexp(xs)
    return np.ldexp(np.round(digits * 128.0) / 128.0, exponents)


def _by_directions(
    search: _Search, inputs: int, outputs: int
) -> tuple[list[Derivative], list[str]]:
    """Hold the derivatives along some directions through all inputs to differences.

    A direction tells of the inputs whose share in it is beyond what its bound and rounding hide;
    what is left is looked at by itself, in parts.
    """
    np, claimed = numpy(), search.claimed
    scales = np.abs(claimed.point.data)
    scales = np.where(scales == 0.0, claimed.point.scales, scales).clip(_FAR, 1.0 / _FAR)
    sizes = scales
    derivatives: list[Derivative] = []
    everything = np.arange(inputs)
    left = everything
    for place in range(_DIRECTIONS + 1):
        steps = search.scattered(inputs)
        if place == _DIRECTIONS:  # in the end those that are small beside others like them
            if not left.size:
                break
            scales, steps = np.maximum(scales, claimed.point.scales), np.sign(steps)
        direction = _brief(steps * scales)
        weights = search.weights(direction)
        if place in (0, _DIRECTIONS):
            # Where no terms cancel, most is left of the derivative beside the noise.
            row = claimed.row(weights)
            direction = direction if row is None else np.copysign(direction, row)
        called = f"a direction ({place + 1}) through all {inputs} inputs"
        derivative = search.along(weights, direction, called)
        derivatives.append(derivative)
        if derivative.outcome == "failed":
            wrong, notes = _named(search, weights, direction, derivative)
            return [*wrong, *derivatives], notes
        if derivative.outcome == "passed":
            left = np.intersect1d(left, _untold(search, weights, direction, derivative, everything))
    decided = [d for d in derivatives if d.outcome != "undecided"]
    if not decided:
        if inputs * outputs <= _ENTRIES:
            partials = _partials(search, inputs, outputs)  # some may have no kink nearby
            return partials, _hints(search, partials)
        return derivatives, []
    # One direction tells of all inputs, but for those that are small beside the others.
    scales = sizes
    parts = [left] if left.size else []
    for _ in range(_PARTS):
        if not parts:
            break
        part = parts.pop()
        direction = np.zeros(inputs)
        direction[part] = _brief(search.scattered(part.size) * scales[part])
        weights = search.weights(direction)
        row = claimed.row(weights)
        direction = direction if row is None else np.copysign(direction, row)
        called = claimed.point.path(int(part[0]))
        if part.size > 1:
            called = f"a direction through {part.size} of {inputs} inputs"
        derivative = search.along(weights, direction, called)
        if derivative.outcome == "failed":
            wrong, notes = _named(search, weights, direction, derivative)
            failed = wrong if wrong and part.size == 1 else [*wrong, derivative]
            return [*failed, *decided], notes
        still = part
        if derivative.outcome == "passed":
            decided.append(derivative)
            still = _untold(search, weights, direction, derivative, part)
        if 0 < still.size < part.size:
            parts.append(still)
        elif still.size > 1:  # in the order of their shares
            order = still[np.argsort(scales[still])]
            parts += [order[: still.size // 2], order[still.size // 2 :]]
        elif still.size and derivative.outcome == "undecided":
            decided.append(derivative)
    if parts:
        count = sum(part.size for part in parts)
        reason = f"{count} of {inputs} inputs count for too little beside the others to be told"
        path = claimed.point.path(int(parts[-1][0]))
        decided.append(Derivative("", path, math.nan, math.nan, math.inf, 0.0, "undecided", reason))
    return decided, []


def _untold(
    search: _Search, weights: Any, direction: Any, derivative: Derivative, part: Any
) -> Any:
    """List the inputs whose share in a direction is less than what its bound may hide."""
    np = numpy()
    row = search.claimed.row(weights)
    sizes = np.abs(direction[part])
    total = float(sizes.sum())
    typical = abs(derivative.gradient) / total if total else 0.0
    slopes = np.full(part.size, typical) if row is None else np.maximum(abs(row[part]), typical)
    return part[_TOLD * slopes * sizes < derivative.bound + derivative.rounding]


def _named(
    search: _Search, weights: Any, direction: Any, derivative: Derivative
) -> tuple[list[Derivative], list[str]]:
    """Find wrong partial derivatives because of which that along a direction is wrong."""
    np = numpy()
    path = search.claimed.point.path
    places = {path(int(i)): int(i) for i in np.flatnonzero(direction)}
    wrong: list[Derivative] = []
    numerical, rest = derivative.numerical, direction.copy()
    while len(wrong) < _NAMED:
        found = search.narrowed(weights, rest, numerical)
        if found is None or found.input in {each.input for each in wrong}:
            break
        wrong.append(found)
        if found.input not in places:  # a group
            break
        rest[places[found.input]] = 0.0
        again = search.along(weights, rest, derivative.input)
        if again.outcome != "failed":
            break
        numerical = again.numerical
    if not wrong:
        return [], []
    hints = _hints(search, [each for each in wrong if each.input in places])
    return wrong, [*hints, f"found by halving {derivative.input}"]
