"""The exact value, gradient and Hessian of a program, and the errors allowed in an implementation.

An implementation is held to what is right at the numbers that it has computed itself. Each result
is held to mpmath's at the operands that it was computed from, and the derivatives to the exact
chain rule over the exact partials at these numbers. So nothing has to be allowed for what a
rounding does further on, however badly a program is conditioned, and an operand at a kink or an end
of a domain is there for the reference as well.

What is left are roundings of partials, products and sums: each is off by some units of rounding of
what is added up. `tolerance` allows `UNITS` for each instruction, relative to the sum of the
absolute values of all terms. A product that underflows on the way is off by the smallest float,
times the largest partials that may follow; one may overflow where these say so.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autograd.testing.programs import RandomProgram
from tests.fuzz.formulary import DEFINITIONS, is_kink, local, mp
from tests.fuzz.generation import SLOW, operands_of

__all__ = [
    "Reference", "UndefinedError", "UnknownError", "is_exact", "reference", "true_gradient",
    "true_hessian", "true_value", "value_error",
]  # fmt: skip

UNITS = 450
"""Units of rounding a row's partial may be off by: 1e-13, as the rows are held to."""

_UNIT = 2.0**-52
_RANGE = 290.0  # decimal exponents: what may overflow
_LARGEST = sys.float_info.max


class UndefinedError(Exception):
    """A function is not defined there, or has no derivative."""


class UnknownError(UndefinedError):
    """It cannot be told whether a function has a derivative."""


@dataclass(frozen=True)
class Reference:
    """The derivatives of a program at given numbers.

    Attributes:
        gradient: Exact.
        hessian: Likewise, by rows.
        gradient_sizes: The sum of the absolute values of the terms of each.
        hessian_sizes: Likewise.
        growth: The decimal exponent of what a product may grow to.
        length: The number of instructions.
        kinks: The instructions that are at one.
        singular: Whether a partial is infinite or nan.
        pairs: The second derivatives that need not be 0.
        bent: Those of them that a kink has part in.
    """

    gradient: list[Any]
    hessian: list[list[Any]]
    gradient_sizes: list[float]
    hessian_sizes: list[list[float]]
    growth: float
    length: int
    kinks: tuple[int, ...]
    singular: bool
    pairs: frozenset[tuple[int, int]]
    bent: frozenset[tuple[int, int]]

    def may_overflow(self, order: int = 2) -> bool:
        """Whether a number on the way to a derivative may be too large for a float."""
        return order * self.growth > _RANGE

    def wrong(self, found: float, exact: Any, size: float, order: int) -> str:
        """Say what is wrong with a number; empty if it is right."""
        if mp.isnan(exact):
            return "" if math.isnan(found) else "finite, and ought to be nan"
        if not math.isfinite(found):
            large = abs(exact) > _LARGEST * (1 - 1e-13)
            return "" if large or self.may_overflow(order) or self.singular else "not finite"
        if order * self.growth > 600.0:
            return ""
        underflow = 10.0 ** (order * self.growth - 318.0)
        allowed = UNITS * _UNIT * order * self.length * size + underflow
        return "" if abs(found - exact) <= allowed else "wrong"


def value_error(name: str, xs: tuple[float, ...], y: float) -> str:
    """Say what is wrong with a row's value; empty if it is right.

    A rounding of the result is allowed, and of the operands: of the terms of a sum, of an argument
    of the exponential function.
    """
    row = local(name, xs)
    if not math.isfinite(y):
        sizes = sum(abs(p * x) for p, x in zip(row.p, xs, strict=True) if not mp.isnan(p))
        return "" if abs(row.y) + sizes > _LARGEST * (1 - 1e-13) else "not finite"
    error = abs(row.y - y)
    if error <= 64 * _UNIT * abs(row.y) + 1e-321:
        return ""
    if name in ("floor", "ceil", "trunc", "sign", "//"):
        return "wrong"
    terms = [abs(p * x) for p, x in zip(row.p, xs, strict=True) if mp.isfinite(p)]
    factor = max(1.0, *map(abs, xs)) if name in ("elu", "gelu", "silu", "prod", "**") else 1.0
    return "" if error <= 64 * _UNIT * mp.fsum(terms) + 1e-321 * factor else "wrong"


def reference(program: RandomProgram, numbers: Sequence[float]) -> Reference:
    """Differentiate a program by the chain rule, from the inputs onwards.

    Args:
        program: The program.
        numbers: Its inputs and the results of its instructions, finite, as they were computed.

    Returns:
        The derivatives.

    Raises:
        UndefinedError: An instruction is off its domain.
    """
    count = len(program.inputs)
    every = range(count)
    zero = mp.zero
    tangents: list[list[Any]] = [[mp.one if i == k else zero for i in every] for k in every]
    curves: list[dict[tuple[int, int], Any]] = [{} for _ in every]
    slopes = [[abs(float(t)) for t in row] for row in tangents]
    bends: list[dict[tuple[int, int], float]] = [{} for _ in every]
    growth = 0.0
    kinks: list[int] = []
    depends = [{k} for k in every]
    pairs: list[set[tuple[int, int]]] = [set() for _ in every]
    through: list[set[int]] = [set() for _ in every]  # inputs that it depends on by a kink
    bents: list[set[tuple[int, int]]] = [set() for _ in every]
    singular = False
    for instruction in program.instructions:
        name, operands = instruction
        xs = operands_of(instruction, numbers)
        try:
            row = local(name, xs)
        except (ValueError, ZeroDivisionError) as error:
            raise UndefinedError(str(error)) from None
        varying = [(i, x) for i, x in enumerate(operands) if isinstance(x, int)]
        if is_kink(name, xs) and not _is_smooth(name, operands, xs):
            kinks.append(len(tangents) - count)
        bent = bool(kinks) and kinks[-1] == len(tangents) - count
        if not bent:  # what is multiplied by 0, or rounded to integers, contributes nothing
            varying = [
                (i, x) for i, x in varying if row.p[i] or any(row.q[i][j] for j, _ in varying)
            ]
        depends.append({a for _, index in varying for a in depends[index]})
        pairs.append({ab for _, index in varying for ab in pairs[index]})
        bent = bent or any(not mp.isfinite(row.p[i]) for i, _ in varying)
        through.append({a for _, i in varying for a in (depends if bent else through)[i]})
        bents.append({ab for _, index in varying for ab in bents[index]})
        largest = 0.0
        tangent, slope = [zero] * count, [0.0] * count
        curve: dict[tuple[int, int], Any] = {}
        bend: dict[tuple[int, int], float] = {}
        for i, index in varying:
            p, size = row.p[i], abs(float(row.sizes[i]))
            if not mp.isfinite(p):
                singular = True
            elif p:
                largest = max(largest, _exponent(p))
            if p:
                for a, t in enumerate(tangents[index]):
                    if t:
                        tangent[a] += p * t
                for ab, s in curves[index].items():
                    if s:
                        curve[ab] = curve.get(ab, zero) + p * s
            if size:
                for a, t in enumerate(slopes[index]):
                    slope[a] += size * t if t else 0.0
                for ab, s in bends[index].items():
                    bend[ab] = bend.get(ab, 0.0) + (size * s if s else 0.0)
            for j, other in varying:
                q, size = row.q[i][j], abs(float(row.second_sizes[i][j]))
                if bent or q or size or not mp.isfinite(row.p[i]):
                    pairs[-1].update((a, b) for a in depends[index] for b in depends[other])
                    first = depends if bent else through
                    bents[-1].update((a, b) for a in first[index] for b in depends[other])
                if not q and not size:
                    continue
                if not mp.isfinite(q):
                    singular = True
                elif q:
                    largest = max(largest, _exponent(q))
                for a, t in enumerate(tangents[index]):
                    for b, u in enumerate(tangents[other]):
                        if t and u:
                            curve[a, b] = curve.get((a, b), zero) + q * t * u
                for a, t in enumerate(slopes[index]):
                    for b, u in enumerate(slopes[other]):
                        if t and u:
                            bend[a, b] = bend.get((a, b), 0.0) + size * t * u
        growth += largest
        tangents.append(tangent)
        curves.append(curve)
        slopes.append(slope)
        bends.append(bend)
    return Reference(
        tangents[-1],
        [[curves[-1].get((a, b), zero) for b in every] for a in every],
        slopes[-1],
        [[bends[-1].get((a, b), 0.0) for b in every] for a in every],
        growth,
        len(program.instructions),
        tuple(kinks),
        singular,
        frozenset(pairs[-1] | {(b, a) for a, b in pairs[-1]}),
        frozenset(bents[-1] | {(b, a) for a, b in bents[-1]}),
    )


def _exponent(x: Any) -> float:
    """The decimal exponent of a number, as far as floats are concerned."""
    return float(max(-2000, min(2000, mp.mag(x)))) * 0.30103


def _is_smooth(name: str, operands: Sequence[Any], xs: Sequence[float]) -> bool:
    """Whether a row is smooth in the operands that vary, though not in all of them."""
    if name == "**":  # a power of 0 with a plain exponent may be a polynomial
        exponent = operands[1]
        return isinstance(exponent, float) and exponent >= 0.0 and exponent.is_integer()
    if name == "clip":
        x, lower, upper = xs
        return x not in (lower, upper) and not all(isinstance(i, int) for i in operands[1:])
    return False


# --- what is true whatever is agreed on ----------------------------------------------------------

_STEP = 60  # decimal digits, from the smallest input


def is_exact(program: RandomProgram, numbers: Sequence[float], places: Sequence[int]) -> bool:
    """Whether the operands of some instructions are those that exact arithmetic gives."""
    count = len(program.inputs)
    with mp.workdps(360):
        try:
            exact = _trail(program, list(map(mp.mpf, numbers[:count])))
        except UndefinedError:
            return False
        operands = [x for place in places for x in program.instructions[place].operands]
        return all(numbers[x] == exact[x] for x in operands if isinstance(x, int))


def _along(
    program: RandomProgram, point: Sequence[Any], direction: Sequence[int], step: Any
) -> Any:
    return _trail(program, [mp.mpf(x) + d * step for x, d in zip(point, direction, strict=True)])[
        -1
    ]


def _trail(program: RandomProgram, inputs: list[Any]) -> list[Any]:
    numbers = inputs
    for name, operands in program.instructions:
        xs = [numbers[x] if isinstance(x, int) else mp.mpf(x) for x in operands]
        if name in SLOW:
            raise UnknownError("too slow with so many digits")
        if name == "where" and isinstance(operands[0], int):
            raise UnknownError("jumps with its condition")
        try:
            y = mp.convert(DEFINITIONS[name](*xs))
        except (ValueError, ZeroDivisionError, TypeError) as error:
            raise UndefinedError(str(error)) from None
        if not isinstance(y, mp.mpf) or not mp.isfinite(y):
            raise UndefinedError(f"{name} is {y}")
        if y and abs(mp.mag(y)) > 20_000:  # its exponential would take all memory
            raise UnknownError("too large")
        numbers.append(y)
    return numbers


def _close(a: Any, b: Any) -> bool:
    return bool(abs(a - b) <= mp.mpf(10) ** -12 * max(abs(a), abs(b), mp.mpf(10) ** -12))


def _steps(program: RandomProgram, point: Sequence[float]) -> tuple[int, list[Any]]:
    """How many digits to compute with, and two steps that are small beside every input."""
    digits = _STEP - min([0, *(mp.mag(x) for x in point if x)]) * 0.30103
    with mp.workdps(50):
        largest = max([0, *(mp.mag(x) for x in _trail(program, list(map(mp.mpf, point))) if x)])
    if largest > 3000:
        raise UnknownError("too slow with so many digits")
    step = mp.mpf(10) ** -digits
    return int(3 * digits + 0.60206 * largest + 60), [step, step / 17]


def _agreed(found: list[list[Any]]) -> Any:
    """What the sides of a point agree on, whatever the step."""
    if not found[0] or len(found[0]) != len(found[1]):
        raise UnknownError("defined at this point only")
    if not all(_close(x, found[0][0]) for each in found for x in each):
        raise UndefinedError("a kink, or a vertical tangent")
    return found[0][0]


def _slope_and_bend(program: RandomProgram, point: Sequence[float], axis: int) -> tuple[Any, Any]:
    """The first and second derivative along an axis; on one side where there is but one."""
    digits, steps = _steps(program, point)
    unit = [int(i == axis) for i in range(len(point))]
    with mp.workdps(digits):
        at = _along(program, point, unit, mp.zero)
        slopes: list[list[Any]] = []
        bends: list[list[Any]] = []
        for step in steps:
            slopes.append([])
            bends.append([])
            for sign in (1, -1):
                try:
                    one, two = (_along(program, point, unit, sign * k * step) for k in (1, 2))
                except UnknownError:
                    raise
                except UndefinedError:
                    continue
                slopes[-1].append(sign * (4 * one - two - 3 * at) / (2 * step))
                bends[-1].append((two - 2 * one + at) / step**2)
        return _agreed(slopes), _agreed(bends)


def _mixed(program: RandomProgram, point: Sequence[float], a: int, b: int) -> Any:
    """The mixed second derivative, which is one in all four quadrants."""
    digits, steps = _steps(program, point)
    with mp.workdps(digits):
        at = _along(program, point, [0] * len(point), mp.zero)
        found: list[list[Any]] = []
        for step in steps:
            found.append([])
            for s, t in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                moves = [[s * int(i == a) * x + t * int(i == b) * y for i in range(len(point))]
                         for x, y in ((1, 1), (1, 0), (0, 1))]  # fmt: skip
                try:
                    both, first, second = (_along(program, point, move, step) for move in moves)
                except UnknownError:
                    raise
                except UndefinedError:
                    continue
                found[-1].append((both - first - second + at) / (s * t * step**2))
        return _agreed(found)


def true_value(program: RandomProgram, point: Sequence[float]) -> Any:
    """Evaluate the function itself, by its definition.

    Raises:
        UndefinedError: It is not defined there.
    """
    with mp.workdps(_steps(program, point)[0]):
        return _along(program, point, [0] * len(point), mp.zero)


def true_gradient(program: RandomProgram, point: Sequence[float]) -> list[Any]:
    """Differentiate the function itself, by differences over its definition.

    Raises:
        UndefinedError: It has no second derivative there, or no first.
    """
    count = len(point)
    return [_slope_and_bend(program, point, axis)[0] for axis in range(count)]


def true_hessian(program: RandomProgram, point: Sequence[float], a: int, b: int) -> Any:
    """Differentiate the function itself twice, by differences over its definition.

    Raises:
        UndefinedError: It has no second derivative there.
    """
    return _slope_and_bend(program, point, a)[1] if a == b else _mixed(program, point, a, b)
