"""The derivative of a graph along a direction, where the chain rule says nothing.

A factor of 0 that meets a jump or an infinite slope may give anything: x * sign(x) has a kink at 0,
cbrt(x) ** 2 a cusp, and cbrt(x) ** 3 is smooth. And where the terms of a derivative cancel to less
than their own errors, their sum cannot tell what it is. So the graph is evaluated as a whole, by
mpmath's definitions of its operations, at the point and on both sides of it, with steps so small
that no floats lie between.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from autograd.checking.local import Precise, Slope, Unknown
from autograd.value import Value

__all__ = ["derivative_along"]

# Bits by which the steps of differences are smaller than the smallest number.
_SMOOTH = (150, 210, 270)
_ANY = (150, 700, 1250)  # where the remainder may fall as slowly as the cube root of the step
_PRECISION = 1200  # bits, for numbers of one size; twice those of the smallest step are added
_BELOW = 1100  # bits: anything smaller is less than any float
_SETTLED = 60  # relative bits to which a difference is known


def derivative_along(
    nodes: Sequence[Value],
    root: Value,
    direction: Mapping[Value, float],
    oracle: Precise,
    *,
    smooth: bool = False,
) -> Slope:
    """Differentiate a graph along a direction, by one-sided differences in high precision.

    Args:
        nodes: The interior nodes, parents first.
        root: The node to differentiate.
        direction: How far each input moves.
        oracle: The oracle that evaluates operations.
        smooth: Whether all operations are known to be smooth there, which is faster.

    Returns:
        The derivative. If there is none, the bound is infinite, and the reason says why.

    Raises:
        Unknown: An operation cannot be evaluated in high precision, or not at the point.
    """
    moving = set(direction)
    active = [n for n in nodes if any(p in moving for p in n.parents) and not moving.add(n)]  # type: ignore[func-returns-value]
    mp = oracle.mp
    numbers = [*direction, *active, *(parent for node in active for parent in node.parents)]
    sizes = [abs(node.data) for node in numbers if node.data and math.isfinite(node.data)]
    magnitudes = [0, *(math.frexp(size)[1] for size in sizes)]
    smallest, spread = min(magnitudes), max(magnitudes) - min(magnitudes)

    def at(shift: Any) -> Any:
        """Evaluate the root at a shifted point; None if it is not defined there."""
        found = {node: mp.mpf(node.data) + shift * rate for node, rate in direction.items()}
        for node in active:
            operands = [
                found[parent] if parent in found else mp.mpf(parent.data) for parent in node.parents
            ]
            if not all(map(mp.isfinite, operands)):
                return None
            y = oracle.value(node, operands)
            if y is None:
                return None
            found[node] = y
        return found.get(root, mp.zero)

    def nothing_is_0(difference: Any) -> Any:
        return difference if difference is None or abs(difference) > nothing else mp.zero

    def sides(bits: int) -> tuple[Any, Any]:
        """Take both one-sided differences; None where the root is not defined."""
        step = mp.ldexp(1, smallest - bits)
        y, above, below = at(mp.zero), at(step), at(-step)
        if y is None:
            raise Unknown("it is not defined at the point itself")
        left = None if below is None else (y - below) / step
        right = None if above is None else (above - y) / step
        return nothing_is_0(left), nothing_is_0(right)

    steps = _SMOOTH if smooth else _ANY
    precision = _PRECISION + 2 * steps[-1] + 4 * spread
    nothing = mp.ldexp(1, 2 * spread + steps[-1] + 200 - precision)  # rounding makes a 0 no larger
    with mp.workprec(precision):
        lefts, rights = zip(*map(sides, steps), strict=True)
    with mp.workprec(2 * precision):  # a settled difference agrees at twice the precision
        again = sides(steps[-1])
        for first, second in zip((lefts[-1], rights[-1]), again, strict=True):
            if (first is None) != (second is None) or (
                first is not None and abs(first - second) > mp.ldexp(abs(second), -_SETTLED)
            ):
                return Slope(mp.nan, math.inf, "its terms cancel beyond any precision")
    missing = [
        side for side, differences in (("below", lefts), ("above", rights)) if None in differences
    ]
    if missing:
        reason = f"there is a border of the domain: it is not defined {missing[0]}"
        return Slope(mp.nan, math.inf, reason)
    with mp.workprec(precision):
        left, right = _limit(lefts, mp), _limit(rights, mp)
        return _of_both_sides(left, right, mp)


def _limit(differences: Sequence[Any], mp: Any) -> Slope:
    """Estimate the limit of the differences at three steps."""
    first, second, last = differences
    if abs(second) >= abs(last) and abs(last) < mp.ldexp(1, -_BELOW):
        return Slope(mp.zero, 0.0)
    before, after = abs(second - first), abs(last - second)
    if after <= mp.ldexp(abs(last), -_SETTLED) or after <= mp.ldexp(before, -8):
        # The remainder falls as a power of the step: by the same factor each time.
        rate = after / before if before else mp.zero
        return Slope(last, 2 * after * rate / (1 - rate) if rate < 1 else after)
    grows = all(abs(b) > 4 * abs(a) for a, b in pairwise(differences))
    reason = "has an infinite derivative" if grows else "has differences that do not settle"
    return Slope(last, math.inf, reason)


def _of_both_sides(left: Slope, right: Slope, mp: Any) -> Slope:
    """Combine one-sided derivatives."""
    middle = (left.value + right.value) / 2
    if left.reason or right.reason:
        jumping = left.value * right.value < 0
        found = left.reason or right.reason
        if left.reason != right.reason:
            where = "from below" if left.reason else "from above"
            return Slope(middle, math.inf, f"it {found} {where}")
        cusp = "has a cusp" if jumping and found.startswith("has an inf") else found
        return Slope(middle, math.inf, f"it {cusp} there")
    bound = left.bound + right.bound
    apart = abs(left.value - right.value)
    if apart > bound + mp.ldexp(abs(middle), 10 - _SETTLED):
        sides = [mp.nstr(side.value, 6) for side in (left, right)]
        reason = (
            f"there is a kink: its derivative is {sides[0]} from below and {sides[1]} from above"
        )
        return Slope(middle, math.inf, reason)
    return Slope(middle, bound + float(apart))
