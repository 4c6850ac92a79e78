"""Random programs with points at the edges as often as inside: from Hypothesis, or from a seed.

One function builds a case out of choices between 0 and a number; `cases` has Hypothesis choose,
which shrinks them, and `seeded` a generator of random numbers, which is fast. Choices of 0 give the
simplest.
"""

from __future__ import annotations

import importlib.util
import math
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from autograd.rule import Rule
from autograd.rules import RULES
from autograd.testing.domains import DOMAINS, REAL, Bound, Region, spread
from autograd.testing.programs import Instruction, RandomProgram

__all__ = ["DRAWN", "SLOW", "Case", "build", "cases", "operands_of", "pruned", "seeded"]

Pick = Callable[[int], int]
"""Chooses an integer from 0 to below its argument."""


@dataclass(frozen=True)
class Case:
    """A program, and the points to run it at.

    Attributes:
        program: The program; its inputs are the first point.
        rows: The points.
    """

    program: RandomProgram
    rows: tuple[tuple[float, ...], ...]

    @property
    def size(self) -> int:
        """The number of instructions."""
        return len(self.program.instructions)

    def at(self, *rows: int) -> Case:
        """Keep some of the points."""
        kept = tuple(self.rows[row] for row in rows)
        return Case(RandomProgram(kept[0], self.program.instructions), kept)


# --- numbers -------------------------------------------------------------------------------------

_MODERATE = [0.0, 1.0, -1.0, -0.0, 0.5, 2.0, -2.0, 3.0, -0.5, 1e-17, -3e-14, 1e-8, -1e-5, 20.0]
_EXTREME = [
    5e-324, -5e-324, sys.float_info.min, -1e-160, 1e-300, 1e7, -1e9, 37.0, -40.0, 700.0, -746.0,
    1000.0, 1e16, -1e160, 1e300, sys.float_info.max, -sys.float_info.max,
]  # fmt: skip
_NOT_FINITE = [math.inf, -math.inf, math.nan]

# Ends of domains, kinks and poles, where a row has others than the numbers above.
_SPECIAL = {
    "arccosh": [1.0],
    "arcsin": [1.0, -1.0],
    "arccos": [1.0, -1.0],
    "arctanh": [1.0, -1.0],
    "log1p": [-1.0],
    "tan": [math.pi / 2, -math.pi / 2],
    "sin": [math.pi],
    "cos": [math.pi / 2],
    "lgamma": [1.0, 2.0, 0.0, -1.0, -2.0],
    "digamma": [1.4616321449683622, 0.0, -1.0, -2.0],
    "gelu": [math.sqrt(2.0)],
    "exp": [709.782712893384, -745.0],
    "erfc": [26.5, -6.0],
}


def _interior(pick: Pick, region: Region) -> float:
    lower, upper = region.intervals[pick(len(region.intervals))]
    x = lower + (upper - lower) * ((pick(129) * 37 + 64) % 129) / 128.0  # 0 is the middle
    if pick(2) and lower < upper:
        x += (upper - lower) * pick(2**30) / 2.0**38
        return min(x, upper)
    return x


def _number(pick: Pick, name: str | None, region: Region) -> float:
    """A number from the interior, or as often an edge, for an operand of a row."""
    kind = pick(20)
    if kind < 10:
        return _interior(pick, region)
    if kind < 13:
        special = _SPECIAL.get(name or "", _MODERATE)
        return special[pick(len(special))]
    if kind < 16:
        special = _SPECIAL.get(name or "", _MODERATE[:8])
        x = special[pick(len(special))]
        return x + (-1.0) ** pick(2) * (1 + pick(9)) * 10.0 ** -(1 + pick(16))
    if kind < 18:
        return _MODERATE[pick(len(_MODERATE))]
    if kind == 18 or pick(2):
        return _EXTREME[pick(len(_EXTREME))]
    return _NOT_FINITE[pick(3)]


# --- programs ------------------------------------------------------------------------------------

# Rows whose second derivatives take mpmath, by differences, too long.
_TOO_SLOW = {
    "beta", "betaln", "gammainc", "gammaincc", "betainc", "zeta", "jv", "iv", "i0e", "i1e",
    "ndtr_excess", "polygamma_difference", "gamma_density", "beta_density", "scaled_bessel",
}  # fmt: skip

# Arithmetic holds programs together, so it is drawn more often.
_HAS_SCIPY = importlib.util.find_spec("scipy") is not None
_NAMES = [
    name
    for name in DOMAINS
    if name in RULES and name not in _TOO_SLOW and (_HAS_SCIPY or not RULES[name].by_python)
]
DRAWN = tuple(_NAMES)
_NAMES = ["+", "*", "-", "/", "**", *_NAMES]
SLOW = {
    "gamma",
    "lgamma",
    "digamma",
    "polygamma",
    "j0",
    "j1",
    "y0",
    "y1",
    "i0",
    "i1",
    "k0",
    "k1",
}  # for mpmath: drawn less often

# Functions that map any number into a domain.
_ADAPTERS: dict[str, list[str]] = {
    **{
        key: ["exp", "square", "softplus", "abs"]
        for key in ["log", "log2", "log10", "sqrt", "log1p"]
    },
    **{key: ["sin", "tanh", "cos"] for key in ["arcsin", "arccos", "arctanh"]},
    "arccosh": ["cosh", "exp"],
    "**": ["abs", "exp", "softplus"],
}
_EXPONENTS = [2.0, 3.0, 1.0, 0.0, -1.0, 0.5, -2.0, 1.5, -0.5]
_ORDERS = [0.0, 1.0, 2.0]


def _region(rule: Rule, bounds: Sequence[Bound], position: int) -> Region:
    bound = bounds[position]
    return bound if isinstance(bound, Region) else REAL


def build(pick: Pick, rows: int = 3, max_size: int = 8, names: Sequence[str] | None = None) -> Case:
    """Build a case out of choices.

    Args:
        pick: Chooses.
        rows: How many points it has.
        max_size: The largest number of instructions drawn; those that adapt come on top.
        names: The rows of the table to use; all of them by default.

    Returns:
        The case. Every input and every instruction takes part in the result.
    """
    names = names or _NAMES
    inputs = 1 + pick(3)
    instructions: list[Instruction] = []
    unused: list[int] = []

    def append(name: str, operands: Sequence[int | float]) -> int:
        index = inputs + len(instructions)
        instructions.append(Instruction(name, tuple(operands)))
        unused[:] = [x for x in unused if x not in operands or isinstance(x, float)]
        unused.append(index)
        return index

    for _ in range(1 + pick(1 + pick(max_size))):  # small ones find most
        name = names[pick(len(names))]
        if name in SLOW and pick(2):
            continue
        rule = RULES[name]
        starred = any(operand.startswith("*") for operand in rule.operands)
        bounds = spread(rule, DOMAINS[name], 1 + pick(3) if starred else 1)
        operands: list[int | float] = []
        for position in range(len(bounds)):
            region = _region(rule, bounds, position)
            if name == "polygamma" and position == 0:
                operands.append(_ORDERS[pick(3)])
                continue
            if name == "**" and position == 1 and pick(2):
                operands.append(_EXPONENTS[pick(len(_EXPONENTS))])
                continue
            source = pick(8)
            varies = any(isinstance(x, int) for x in operands)
            last = position == len(bounds) - 1
            if source == 7 and (varies or not last):
                operands.append(_number(pick, name, region))
            elif source in (3, 4) or not instructions:
                operands.append(pick(inputs))
            else:
                index = unused[-1] if unused and source < 3 else pick(inputs + len(instructions))
                adapters = _ADAPTERS.get(name)
                if adapters and index >= inputs and not (name == "**" and position) and pick(3):
                    index = append(adapters[pick(len(adapters))], [index])
                operands.append(index)
        if not any(isinstance(x, int) for x in operands):
            operands[0] = pick(inputs)
        append(name, operands)
    if not instructions:
        append("neg", [0])
    while len(unused) > 1 and pick(4):  # rather than to throw them away
        append(["+", "*"][pick(2)], [unused[-1], unused[-2]])
    instructions, kept = pruned(inputs, instructions)

    takers: list[tuple[str | None, Region]] = [(None, REAL)] * len(kept)
    for name, operands_ in reversed(instructions):
        rule = RULES[name]
        for position, operand in enumerate(operands_):
            if isinstance(operand, int) and operand < len(kept):
                takers[operand] = name, _region(rule, _bounds(rule, len(operands_)), position)
    points = []
    for _ in range(rows):
        point: list[float] = []
        for taker, region in takers:
            tie = point and pick(12) == 11
            point.append(point[-1] if tie else _number(pick, taker, region))
        points.append(tuple(point))
    return Case(RandomProgram(points[0], tuple(instructions)), tuple(points))


def _bounds(rule: Rule, count: int) -> list[Bound]:
    starred = sum(operand.startswith("*") for operand in rule.operands)
    repeats = (count - len(rule.operands) + starred) // starred if starred else 1
    return spread(rule, DOMAINS[rule.name], repeats)


def pruned(inputs: int, instructions: Sequence[Instruction]) -> tuple[list[Instruction], list[int]]:
    """Keep what the last instruction depends on.

    Args:
        inputs: The number of inputs.
        instructions: All of them.

    Returns:
        The instructions that are left, renumbered, and the inputs that are.
    """
    needed = {inputs + len(instructions) - 1}
    for place in reversed(range(len(instructions))):
        if inputs + place in needed:
            needed.update(x for x in instructions[place].operands if isinstance(x, int))
    kept = [index for index in range(inputs) if index in needed]
    order = kept + [inputs + i for i in range(len(instructions)) if inputs + i in needed]
    renumbered = {index: place for place, index in enumerate(order)}
    return [
        Instruction(
            instruction.function,
            tuple(renumbered[x] if isinstance(x, int) else x for x in instruction.operands),
        )
        for i, instruction in enumerate(instructions)
        if inputs + i in needed
    ], kept


def operands_of(instruction: Instruction, numbers: Sequence[float]) -> tuple[float, ...]:
    """Look up an instruction's operands among the results so far."""
    return tuple(numbers[x] if isinstance(x, int) else x for x in instruction.operands)


# --- where choices come from ---------------------------------------------------------------------


def seeded(seed: int, rows: int = 3, max_size: int = 8) -> Case:
    """Build the case of a seed."""
    generator = random.Random(seed)
    uniform = generator.random
    return build(lambda n: int(uniform() * n), rows, max_size)


@st.composite
def cases(
    draw: st.DrawFn, rows: int = 3, max_size: int = 8, names: Sequence[str] | None = None
) -> Case:
    """Draw a case by Hypothesis.

    Args:
        draw: Hypothesis's.
        rows: As for `build`, and so are the others.
        max_size: Likewise.
        names: Likewise.

    Returns:
        The case.
    """
    return build(lambda n: draw(st.integers(0, n - 1)), rows, max_size, names)
