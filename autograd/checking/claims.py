"""A claimed derivative, compared with differences of the function.

Nothing is recorded. With few inputs, each partial derivative is compared with differences that have
an error bound. With many, this is done for the derivatives along some random directions: every
partial derivative contributes to each of them. If one disagrees, its direction is halved again and
again until the wrong partial derivative is left.
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

_RESIDUE = 64.0  # times the rounding of terms that cancel
_DIGITS = 0.75  # share of the arithmetic's digits that a claimed derivative has
_FEW = 12  # inputs that are checked one by one
_ENTRIES = 256  # entries of a Jacobian that are checked one by one
_DIRECTIONS = 3
_PARTS = 60  # of inputs that are small compared with the others, and checked separately
_TOLD = 0.25  # of an input's share in a direction: an error of this size must show
_SLIGHT = 2.0**-20  # of the largest result: a smaller one may be only rounding
_NAMED = 4  # wrong partial derivatives to look for
_ENOUGH = 1e-2  # of a partial derivative: a smaller bound decides
_FLAT = 1e-3  # of the largest derivative: a smaller bound decides too
_LEVEL = 0.58  # of the digits of coarse arithmetic: smaller effects drown in the value's rounding
_DOUBTED = 2.0  # times its bound: beyond, even a difference with a reservation shows an error
_STEPS = tuple(10.0**-k for k in range(1, 7))
_SAME_SIDE = 1e-6  # relative: how close a claim must be to a one-sided derivative
_OTHER_STEPS = (0.1331, 0.911)  # first steps to try if the default meets a kink or noise
_FIRST_STEPS = (0.1887, 0.0531)  # first steps, relative to the scale of inputs, if that differs by
_ALIKE = 0.25  # more than this factor, or its reciprocal, and by less than
_FAR = 2.0**-900


def _differentiated(function: Callable[[float], float], x: float, scale: float = 1.0) -> Estimate:
    """Take differences, with other steps if these do not decide.

    Args:
        function: The function.
        x: The point.
        scale: The size of similar inputs: the function may vary on that scale.
    """
    best = differentiate(function, x)
    relative = scale / max(abs(x), 1.0)
    if _FAR <= relative < _ALIKE or 1.0 / _ALIKE < relative <= 1.0 / _FAR:
        steps = [first * relative for first in _FIRST_STEPS]
    else:
        steps = [] if math.isfinite(best.left) else [*_OTHER_STEPS]  # a kink was seen
    for step in steps:
        if best.reason:
            best = min(best, differentiate(function, x, first_step=step), key=_unknown)
    return best


def _of_sides(claimed: float, estimate: Estimate) -> str:
    """Say on which side of a kink a claim is right."""
    left, right = estimate.left, estimate.right
    if not (math.isfinite(left) and math.isfinite(right)):
        return ""
    close = _SAME_SIDE * max(abs(left), abs(right))
    if abs(claimed - left) <= close or abs(claimed - right) <= close:
        side = "below" if abs(claimed - left) <= close else "above"
        return f"; the claim is right from {side}"
    is_between = min(left, right) < claimed < max(left, right)
    return "; the claim lies between" if is_between else "; the claim is neither"


def _unknown(estimate: Estimate) -> tuple[bool, float]:
    is_limit = math.isnan(estimate.left) and math.isnan(estimate.right)
    return bool(estimate.reason), estimate.bound if estimate.reason and is_limit else math.inf


@dataclass(slots=True)
class _Search:
    """A search by differences for where a claimed derivative is wrong."""

    claimed: Claimed
    epsilon: float
    random: Any
    known: dict[tuple[int, float], Any] = field(default_factory=dict)
    rows: dict[int, Any] = field(default_factory=dict)
    columns: dict[int, Any] = field(default_factory=dict)

    def scattered(self, count: int) -> Any:
        """Draw numbers of both signs and about equal sizes."""
        return self.random.choice([-1.0, 1.0], count) * self.random.uniform(0.5, 1.5, count)

    def weights(self, direction: Any) -> Any:
        """Return weights with which the results contribute about equally."""
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
        """Compare one partial derivative with differences."""
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
        """Return a claimed partial derivative, and the size of the largest one of its result.

        The largest is the one that adds most to the result: where terms cancel, a partial
        derivative that is 0 comes out as a rounding of the largest.
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
        """Return how much rounding may change a claim, as a sum of terms of this size."""
        return float(4.0 * self.epsilon**_DIGITS * abs(size)) if abs(size) < math.inf else 0.0

    def along(self, weights: Any, direction: Any, called: str) -> Derivative:
        """Compare the derivative along a direction with differences."""
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
        """Return the smallest bound that coarse arithmetic allows."""
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
        """Compare a claim with an estimate.

        A bound holds even if the estimate has a reservation: a claim far beyond it is wrong, and a
        claim within it is right if the bound is small, or as small as the arithmetic allows.
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
        """Decide the derivatives of one result that are practically 0 compared with the largest.

        The size of a derivative is what it adds to the result: it is multiplied by the input.
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
        """Find the partial derivative that makes the derivative along a direction wrong.

        The search uses quick differences, at the step that served best for the whole direction; the
        final candidate is compared with one that has an error bound. If it is not wrong, noise
        misled the search, which is then repeated with such differences as far as they decide.
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
        """Find the smallest group of adjacent inputs with a clearly wrong derivative."""
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
    """Find the element of a vector that causes an error, by halving the vector.

    Args:
        vector: The vector.
        error_of: Returns the error of a part of it, which is 0 elsewhere: errors of parts add up.
        error: The error of the whole vector.
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
    """Differences at the step that served best for a known derivative."""

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
        """Differentiate along a line, at 0; nan if that fails."""
        try:
            return float(_central(line, 0.0, 1.0, self.step))
        except ValueError:
            return math.nan


def require_precision(who: str, precision: str | None) -> None:
    """Refuse an unknown precision.

    Args:
        who: The function that was called, for the error.
        precision: The precision, if one was given.

    Raises:
        ValueError: The precision is not known.
    """
    if precision is None or (isinstance(precision, str) and precision in EPSILONS):
        return
    raise ValueError(
        f"{who}: precision must be {', '.join(map(repr, EPSILONS))}, got {shown(precision)}"
    )


def check_claims(
    claims: Iterable[Claimed], precision: Precision | None = None, raise_exception: bool = True
) -> GradientCheck:
    """Judge the claims about a function.

    Args:
        claims: The claims, each with its function and point.
        precision: The precision of the function; by default the coarsest type of number among its
            arguments and results.
        raise_exception: Whether a wrong derivative raises an exception or only gives a result.

    Returns:
        The combined result: a wrong claim counts most.

    Raises:
        GradientError: A claim is wrong.
        ValueError: The precision is not known.
    """
    require_precision("gradcheck", precision)
    read = list(claims)
    with numpy().errstate(all="ignore"):  # an overflow shows as a number that is not finite
        checked = [_checked(claimed, precision) for claimed in read]
    derivatives = tuple(derivative for check in checked for derivative in check.derivatives)
    worst = max(checked, key=lambda check: OUTCOMES.index(check.outcome))
    if raise_exception and worst.outcome == "failed":
        raise GradientError(worst)
    return worst if worst.outcome == "failed" else replace(worst, derivatives=derivatives)


def _checked(claimed: Claimed, precision: Precision | None = None) -> GradientCheck:
    """Judge a claimed derivative.

    Args:
        claimed: The claim, with its function and point.
        precision: The precision of the function; by default the coarsest type of number among its
            arguments and results.

    Returns:
        The result. Its derivatives are partial ones; with many inputs, those along random
        directions, and the wrong partial ones if they are found.
    """
    np = numpy()
    epsilon = EPSILONS[precision] if precision else claimed.epsilon
    search = _Search(claimed, epsilon, np.random.default_rng(0))
    inputs, outputs = claimed.point.data.size, claimed.value.size
    if not np.isfinite(claimed.value).all():
        reason = "its value is not finite at the point"
        return GradientCheck(claimed.name, "undecided", "numerical", reason, ())
    claimed.at(claimed.point.data)  # errors at the point itself are passed on
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
        return ["hint: it is the same for every vector that it should be multiplied by"]
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
    """Round to seven bits: half precision has these numbers too."""
    np = numpy()
    digits, exponents = np.frexp(xs)
    return np.ldexp(np.round(digits * 128.0) / 128.0, exponents)


def _by_directions(
    search: _Search, inputs: int, outputs: int
) -> tuple[list[Derivative], list[str]]:
    """Compare the derivatives along some directions through all inputs with differences.

    A direction checks the inputs whose share in it exceeds what its bound and rounding can hide;
    the remaining inputs are checked separately, in parts.
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
        if place == _DIRECTIONS:  # last, inputs that are small compared with similar ones
            if not left.size:
                break
            scales, steps = np.maximum(scales, claimed.point.scales), np.sign(steps)
        direction = _brief(steps * scales)
        weights = search.weights(direction)
        if place in (0, _DIRECTIONS):
            # If no terms cancel, the derivative stands out most from the noise.
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
    # One direction checks all inputs except those that are small compared with the others.
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
        elif still.size > 1:  # sorted by their shares
            order = still[np.argsort(scales[still])]
            parts += [order[: still.size // 2], order[still.size // 2 :]]
        elif still.size and derivative.outcome == "undecided":
            decided.append(derivative)
    if parts:
        count = sum(part.size for part in parts)
        reason = f"{count} of {inputs} inputs contribute too little beside the others to be checked"
        path = claimed.point.path(int(parts[-1][0]))
        decided.append(Derivative("", path, math.nan, math.nan, math.inf, 0.0, "undecided", reason))
    return decided, []


def _untold(
    search: _Search, weights: Any, direction: Any, derivative: Derivative, part: Any
) -> Any:
    """List the inputs whose share in a direction is less than its bound may hide."""
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
    """Find the wrong partial derivatives that make the one along a direction wrong."""
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
