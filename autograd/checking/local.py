"""What a node's value and local derivatives should be, without asking its row for a derivative.

A row of the library is evaluated by mpmath's definition of it, on both sides of the operands, with
enough digits that its derivatives are correct to at least 25. Any other row, and every row if
mpmath is not installed, is differentiated numerically with a bound.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import mul
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeAlias

from autograd.checking.definitions import definitions, partials
from autograd.checking.numerical import EPSILON, differentiate
from autograd.helper_rules import CHAIN_PRODUCT, KINKED, MEETS
from autograd.rule import LINEAR, OwnName, rule_of
from autograd.value import Value

__all__ = ["Numerical", "Precise", "Slope", "Unknown", "precise_available"]

Groups: TypeAlias = Sequence[Sequence[int]]
"""The places of a node's operands that move together: a parent may occur at several."""


@dataclass(slots=True)
class Slope:
    """A local derivative.

    Attributes:
        value: Its value, a float or an mpmath number.
        bound: How far off it may be; infinite if unknown.
        reason: Why it is not known well; empty if it is.
        size: The absolute value, as a float; optional.
    """

    value: Any
    bound: float
    reason: str = ""
    size: float = -1.0

    def __post_init__(self) -> None:
        if self.size < 0.0:
            self.size, self.bound = abs(float(self.value)), float(self.bound)


class Unknown(Exception):  # noqa: N818
    """A node cannot be judged: its operation is not in the table, or not defined there."""


_CLOSE_STEPS = 2.0**42  # from here on the steps of `floor` are as close as the steps of differences


def _refuse_jumps(node: Value, groups: Groups) -> None:
    """Raise Unknown if differences cannot judge an operation at its operands."""
    op, xs = node.op, [parent.data for parent in node.parents]
    if (op == KINKED and xs[2]) or (op == MEETS and not (xs[0] < xs[1] or xs[0] > xs[1])):
        raise Unknown("it comes from a kink, where there is no second derivative")
    if op == CHAIN_PRODUCT and not xs[0] and not math.isfinite(xs[1]):
        raise Unknown("an adjoint of 0 meets an infinite derivative")
    if op == "where" and not xs[0] and any(0 in group for group in groups):
        raise Unknown("its condition is 0, and varies")
    if op == "clip" and xs[1] == xs[2]:
        raise Unknown("its bounds are the same")
    if op in {"floor", "ceil", "trunc"} and abs(xs[0]) >= _CLOSE_STEPS:
        raise Unknown("its steps are close together")
    if op in {"//", "%"} and abs(xs[0]) >= _CLOSE_STEPS * abs(xs[1]) > 0.0:
        raise Unknown("its steps are close together")


def precise_available() -> bool:
    """Tell whether mpmath is installed."""
    return importlib.util.find_spec("mpmath") is not None


# --- numerically ---------------------------------------------------------------------------------


class Numerical:
    """Values and derivatives of rows in floats."""

    def number(self, x: float) -> Any:
        """Convert a float to the type of number to compute with."""
        return x

    def in_range(self, x: Any) -> bool:
        """Tell whether a number is in the range of floats."""
        return True

    def knows(self, op: str) -> bool:
        """Tell whether the operation can be evaluated."""
        return op == LINEAR or rule_of(op) is not None

    def at(self, node: Value, operands: Sequence[Any], groups: Groups) -> tuple[Any, list[Slope]]:
        """Evaluate a node's operation at some operands, and differentiate it there.

        Args:
            node: The node.
            operands: Numbers, one for each parent.
            groups: The places of the operands to differentiate with respect to.

        Returns:
            The value, and a derivative for each group.

        Raises:
            Unknown: The operation is not in the table, or not defined at the operands.
        """
        _refuse_jumps(node, groups)
        if node.op == LINEAR:
            return self._linear(node, operands, groups)
        rule = rule_of(node.op)
        if rule is None:
            raise Unknown(f"{node.op!r} is not in the table of functions")
        evaluate = rule.evaluate
        xs = [float(x) for x in operands]
        try:
            y = evaluate(*xs)
        except (ArithmeticError, ValueError) as error:
            raise Unknown(str(error)) from None
        if not math.isfinite(y):
            raise Unknown(f"its value is {y}")

        def along(group: Sequence[int]) -> Callable[[float], float]:
            def function(x: float) -> float:
                moved = list(xs)
                for place in group:
                    moved[place] = x
                return evaluate(*moved)

            return function

        slopes = []
        if node.op in ("dot", "net") and _is_sum_of_products(y, xs):
            return y, _of_products(xs, groups)
        for group in groups:
            is_own = isinstance(node.op, OwnName)
            estimate = differentiate(along(group), xs[group[0]], precise=not is_own)
            slopes.append(Slope(estimate.value, estimate.bound, estimate.reason))
        return y, slopes

    def _linear(
        self, node: Value, operands: Sequence[Any], groups: Groups
    ) -> tuple[Any, list[Slope]]:
        coefficients = [self.number(c) for c in node.local_derivatives]
        y = self.dot(coefficients, operands)
        return y, [Slope(sum(coefficients[i] for i in group), 0) for group in groups]

    def dot(self, xs: Iterable[Any], ys: Iterable[Any]) -> Any:
        """Sum products of numbers of the type to compute with."""
        return sum(map(mul, xs, ys))


def _is_sum_of_products(y: float, xs: Sequence[float]) -> bool:
    """Tell whether a value is that of `dot`, or of `net` if the number of operands is odd."""
    half = len(xs) // 2
    terms = [*map(mul, xs[:half], xs[half:]), *xs[2 * half :]]
    size = sum(map(abs, terms))
    return bool(size < math.inf and abs(y - math.fsum(terms)) <= len(terms) * EPSILON * size)


def _of_products(xs: Sequence[float], groups: Groups) -> list[Slope]:
    """Differentiate a sum of products: the derivative in each factor is the other factor."""
    half = len(xs) // 2
    others = [*xs[half : 2 * half], *xs[:half], *([1.0] * (len(xs) - 2 * half))]
    slopes = []
    for group in groups:
        parts = [others[place] for place in group]
        slopes.append(Slope(sum(parts), len(parts) * EPSILON * sum(map(abs, parts))))
    return slopes


# --- with mpmath ---------------------------------------------------------------------------------

_DIGITS = 90  # bits to which two results at different precisions must agree
_STEP = 110  # bits by which the step of a difference is smaller than the operands
_PRECISION = _STEP + _DIGITS + 30
_RANGE = 1400  # bits: enough to distinguish 1 from 1 plus the smallest float
_SHRINKING = 20  # bits by which the step shrinks from one precision to the next
_VANISHING = 2200  # bits: the square root of a step this small is below the smallest float

_of_thread = threading.local()


def _tools() -> SimpleNamespace:
    """Make this thread's mpmath context and definitions; a context's precision is a global."""
    if not hasattr(_of_thread, "tools"):
        mp = importlib.import_module("mpmath").mp.clone()
        mp.prec = _PRECISION
        _of_thread.tools = SimpleNamespace(
            mp=mp,
            definitions=definitions(mp),
            partials=partials(mp),
            libmp=importlib.import_module("mpmath.libmp"),
        )
    tools: SimpleNamespace = _of_thread.tools
    return tools


class Precise(Numerical):
    """Values and derivatives of rows in mpmath, to 25 digits and more.

    A row without a definition in mpmath, such as a custom function, is left to `Numerical`.
    """

    def __init__(self) -> None:
        tools = _tools()
        self.mp, self._definitions, self._partials = tools.mp, tools.definitions, tools.partials
        self._product, self._sum = tools.libmp.mpf_mul, tools.libmp.mpf_sum
        # The same numbers recur: each weight of a network in every sample.
        self._numbers: dict[float, Any] = {}
        self._slopes: dict[Any, Slope] = {}

    def number(self, x: float) -> Any:  # noqa: D102
        found = self._numbers.get(x)
        if found is None:
            found = self._numbers[x] = self.mp.mpf(x)
        return found

    def in_range(self, x: Any) -> bool:  # noqa: D102
        return not x or abs(int(self.mp.mag(x))) < _RANGE

    def defines(self, op: str) -> bool:
        """Tell whether an operation can be evaluated to any precision."""
        return op == LINEAR or op in self._definitions

    def at(  # noqa: D102
        self, node: Value, operands: Sequence[Any], groups: Groups
    ) -> tuple[Any, list[Slope]]:
        if node.op not in self._definitions:
            y, slopes = super().at(node, operands, groups)
            number = self.number
            return number(y), [Slope(number(s.value), s.bound, s.reason) for s in slopes]
        _refuse_jumps(node, groups)
        base = _PRECISION + self._spread(operands)
        with self.mp.workprec(base):
            return self._defined(node.op, operands, groups, base)

    def _defined(
        self, op: str, operands: Sequence[Any], groups: Groups, base: int
    ) -> tuple[Any, list[Slope]]:
        known = self._partials.get(op)
        y = self._value(op, operands)
        if y is None:
            raise Unknown("it is not defined there")
        slopes: list[Slope | None] = [None] * len(groups)
        if known is not None:
            derivatives = known(y, *operands)
            for position, group in enumerate(groups):
                parts = [derivatives[place] for place in group]
                if not any(part is None for part in parts):
                    total = parts[0] if len(parts) == 1 else self.mp.fsum(parts)
                    slopes[position] = self._known(total)
        rest = [group for group, slope in zip(groups, slopes, strict=True) if slope is None]
        if rest or known is None:
            y, differences = self._settled(op, operands, rest, base)
            found = iter(differences)
            slopes = [next(found) if slope is None else slope for slope in slopes]
        return y, [slope for slope in slopes if slope is not None]

    def dot(self, xs: Iterable[Any], ys: Iterable[Any]) -> Any:  # noqa: D102
        products = [self._product(x._mpf_, y._mpf_) for x, y in zip(xs, ys, strict=True)]
        return self.mp.make_mpf(self._sum(products, self.mp.prec, "n"))

    def value(self, node: Value, operands: Sequence[Any]) -> Any:
        """Evaluate a node's operation, to the precision of the context.

        Args:
            node: The node.
            operands: Numbers, one for each parent.

        Returns:
            The value; None if it is not a finite real number.

        Raises:
            Unknown: mpmath has no definition of the operation.
        """
        if node.op == LINEAR:
            return self.dot(map(self.number, node.local_derivatives), operands)
        if node.op not in self._definitions:
            raise Unknown(f"{node.op!r} cannot be evaluated to any precision")
        return self._value(node.op, operands)

    def _value(self, op: str, operands: Sequence[Any]) -> Any:
        """Evaluate a definition; None if the value is not a finite real number."""
        try:
            y = self._definitions[op](*operands)
        except (ArithmeticError, ValueError, self.mp.NoConvergence):
            return None
        y = self.mp.convert(y)
        return y if isinstance(y, self.mp.mpf) and self.mp.isfinite(y) else None

    def _spread(self, operands: Sequence[Any]) -> int:
        """Return the distance in bits from the smallest to the largest of the operands and 1.

        Raises:
            Unknown: An operand is not finite.
        """
        smallest = largest = 0
        for x in operands:
            _, mantissa, exponent, bits = x._mpf_
            if mantissa:
                magnitude = exponent + bits
                if magnitude > largest:
                    largest = magnitude
                elif magnitude < smallest:
                    smallest = magnitude
            elif exponent:
                raise Unknown("an operand is not finite")
        return int(largest - smallest)

    def _settled(
        self, op: str, operands: Sequence[Any], groups: Groups, base: int
    ) -> tuple[Any, list[Slope]]:
        """Take values and differences at higher precision and smaller steps until they agree."""
        smallest = min([0, *(int(self.mp.mag(x)) for x in operands if x)])
        levels: list[_Level] = []
        for precision in (base, 2 * base, 4 * base + _RANGE):
            with self.mp.workprec(precision):
                step = self.mp.ldexp(1, smallest - _STEP - _SHRINKING * len(levels))
                y = self._value(op, operands)
                sides = [self._sides(op, y, operands, group, step) for group in groups]
                levels.append(_Level(y, sides))
            if len(levels) == 2 and self._agree(*levels):
                break
        slopes = []
        for group, *differences in zip(groups, *(level.sides for level in levels), strict=True):
            if self._vanish(op, operands, group, differences, smallest, base):
                slopes.append(Slope(self.mp.zero, 0.0))
            else:
                slopes.append(self._slope(differences[-2], differences[-1]))
        return levels[-1].y, slopes

    def _vanish(
        self,
        op: str,
        operands: Sequence[Any],
        group: Sequence[int],
        differences: Sequence[tuple[Any, Any]],
        smallest: int,
        base: int,
    ) -> bool:
        """Tell whether one-sided differences vanish with the step, to less than any float."""

        def vanishing(before: tuple[Any, Any], after: tuple[Any, Any]) -> bool:
            if None in before or None in after:
                return False
            sizes = max(map(abs, before)), max(map(abs, after))
            return bool(0 < sizes[1] <= self.mp.ldexp(sizes[0], -_SHRINKING // 2))

        if not all(vanishing(*pair) for pair in pairwise(differences)):
            return False
        with self.mp.workprec(base + 4 * _VANISHING):
            step = self.mp.ldexp(1, smallest - _VANISHING)
            left, right = self._sides(op, self._value(op, operands), operands, group, step)
            limit = self.mp.ldexp(1, -_VANISHING // 2)
            return None not in (left, right) and bool(max(abs(left), abs(right)) <= limit)

    def _sides(
        self, op: str, y: Any, operands: Sequence[Any], group: Sequence[int], step: Any
    ) -> tuple[Any, Any]:
        """Take both one-sided differences; None on a side where the function is not defined."""

        def moved_by(shift: Any) -> Any:
            moved = list(operands)
            for place in group:
                moved[place] = moved[place] + shift
            return self._value(op, moved)

        above, below = moved_by(step), moved_by(-step)
        return (
            None if below is None else (y - below) / step,
            None if above is None else (above - y) / step,
        )

    def _agree(self, before: _Level, after: _Level) -> bool:
        """Tell whether more precision gains nothing; a 0 may only come from too little of it."""
        pairs = [(before.y, after.y)]
        for (left, right), (next_left, next_right) in zip(before.sides, after.sides, strict=True):
            if None not in (left, right, next_left, next_right):
                pairs.append((left + right, next_left + next_right))
        return all(b and abs(a - b) <= self.mp.ldexp(abs(b), -_DIGITS) for a, b in pairs)

    def _slope(self, before: tuple[Any, Any], after: tuple[Any, Any]) -> Slope:
        """Judge the one-sided differences at two steps: smooth, a kink, a border, or infinite."""
        mp = self.mp
        if None in after or None in before:
            side = "below" if after[0] is None or before[0] is None else "above"
            reason = f"it is at a border of its domain: it is not defined {side}"
            return Slope(mp.nan, mp.inf, reason)
        size, middle, jump = (
            max(map(abs, after)),
            (after[0] + after[1]) / 2,
            abs(after[1] - after[0]),
        )
        size_before, jump_before = max(map(abs, before)), abs(before[1] - before[0])
        if size_before and size > 32 * size_before:
            return Slope(middle, mp.inf, "it has an infinite derivative there, or a jump")
        if jump > mp.ldexp(size, -60) and jump > mp.ldexp(jump_before, 1 - _SHRINKING // 2):
            left, right = (mp.nstr(side, 6) for side in after)
            reason = f"it has a kink: its derivative is {left} from below and {right} from above"
            return Slope(middle, mp.ldexp(jump, -1) * (1 + mp.ldexp(1, -_SHRINKING)), reason)
        change = abs(middle - (before[0] + before[1]) / 2) if size_before else mp.zero
        if change > mp.ldexp(abs(middle), -_DIGITS):
            return Slope(middle, change)
        return self._known(middle)

    def _known(self, value: Any) -> Slope:
        """Return a derivative that is correct to some 25 digits."""
        slope = self._slopes.get(value._mpf_)
        if slope is None:
            slope = self._slopes[value._mpf_] = Slope(value, 0.0)
            slope.bound = slope.size * 2.0 ** (10 - _DIGITS)
        return slope


class _Level(NamedTuple):
    """Values and one-sided differences at one precision."""

    y: Any
    sides: list[tuple[Any, Any]]
