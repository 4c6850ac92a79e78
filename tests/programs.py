"""Compiler programs drawn at random, and their results by the definitions of the primitives.

The programs are drawn in layers of equal operations whose operands lie at equal distances, as those
of networks do, with irregular ones among them, so that a schedule finds loops and pieces.
`evaluated` is the oracle: NumPy, one operation after another, nothing rewritten.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from autograd.compiler.layout import Group, Layout
from autograd.compiler.program import Operation, Program

__all__ = ["EDGES", "Case", "cases", "evaluated", "same_bits"]

EDGES = [0.0, -0.0, 1.0, -1.0, 5e-324, 1e-300, 1e300, -1e300, 1000.0, np.inf, -np.inf, np.nan]

LARGEST = 2.0**36
"""What whole numbers stay below, so that no sum or product of them is rounded in any order."""


# --- the oracle ----------------------------------------------------------------------------------


def _dot(*xs: Any) -> Any:
    half = len(xs) // 2
    return functools.reduce(operator.add, map(operator.mul, xs[:half], xs[half:]))


def _larger(best: Any, x: Any) -> Any:
    return np.where((x > best) | (x != x), x, best)


def _smaller(best: Any, x: Any) -> Any:
    return np.where((x < best) | (x != x), x, best)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "neg": np.negative,
    "abs": np.abs,
    "sqrt": np.sqrt,
    "floor": np.floor,
    "ceil": np.ceil,
    "<": np.less,
    "<=": np.less_equal,
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "where": lambda c, x, y: np.where(c != 0.0, x, y),
    "·": lambda a, p: np.where(a == 0.0, 0.0, a * p),
    "masked": lambda a, p: np.where((a == 0.0) | ((p == 0.0) & (a == a)), 0.0, a * p),
    "sum": lambda *xs: functools.reduce(operator.add, xs),
    "max": lambda *xs: functools.reduce(_larger, xs),
    "min": lambda *xs: functools.reduce(_smaller, xs),
    "dot": _dot,
    "net": lambda *xs: _dot(*xs[:-1]) + xs[-1],
}
ARITIES = {"neg": 1, "abs": 1, "sqrt": 1, "floor": 1, "ceil": 1, "where": 3}


def evaluated(program: Program, inputs: Sequence[Any], rows: int) -> Any:
    """Evaluate a program of primitive operations.

    Args:
        program: The program.
        inputs: A number, or an array of the rows' numbers, for each input.
        rows: The number of rows.

    Returns:
        An array of outputs by rows.
    """
    slots: list[Any] = [np.broadcast_to(np.asarray(x, dtype=float), rows) for x in inputs]
    slots += [np.full(rows, number) for number in program.constants]
    with np.errstate(all="ignore"):
        for op, operands in program.operations:
            slots.append(np.asarray(FUNCTIONS[op](*[slots[x] for x in operands]), dtype=float))
    return np.array([slots[slot] for slot in program.outputs]).reshape(len(program.outputs), rows)


def same_bits(actual: Any, expected: Any) -> bool:
    """Whether two arrays have the same numbers, signs of zeros included; nan is nan."""
    return (
        np.shape(actual) == np.shape(expected)
        and np.array_equal(actual, expected, equal_nan=True)
        and np.array_equal(
            np.signbit(actual) & ~np.isnan(actual), np.signbit(expected) & ~np.isnan(expected)
        )
    )


# --- programs ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A program, and where its inputs lie.

    Attributes:
        program: The program.
        layout: The arrays of its inputs.
        whole: Whether it computes whole numbers only, given such.
    """

    program: Program
    layout: Layout
    whole: bool

    def arrays(self, rows: int, seed: int = 0) -> list[Any]:
        """Draw the inputs, small whole numbers, or edges among others."""
        generator = np.random.default_rng(seed)
        found = []
        for width, varies in self.layout.groups:
            shape = (rows, width) if varies else (width,)
            if self.whole:
                found.append(generator.integers(-4, 5, shape).astype(float))
            else:
                chosen = generator.choice(EDGES, shape)
                found.append(
                    np.where(generator.random(shape) < 0.4, chosen, generator.normal(size=shape))
                )
        return found

    def inputs(self, arrays: Sequence[Any]) -> list[Any]:
        """Take each input out of the arrays: a number, or one for each row."""
        return [
            arrays[group][:, place] if self.layout.groups[group].varies else arrays[group][place]
            for group, place in self.layout.places()
        ]

    def expected(self, arrays: Sequence[Any], rows: int) -> Any:
        """Compute the outputs by rows."""
        return evaluated(self.program, self.inputs(arrays), rows)


WHOLE = ["+", "-", "*", "neg", "abs", "<", "==", ">=", "where", "sum", "dot", "net", "max", "min"]
ALL = [op for op in FUNCTIONS if op not in ("·", "masked")]


N_ARY = ("sum", "dot", "net", "max", "min")


@st.composite
def cases(
    draw: st.DrawFn,
    *,
    whole: bool = True,
    batched: bool | None = None,
    functions: Sequence[str] | None = None,
    layers: int = 6,
    width: int = 12,
) -> Case:
    """Draw programs of primitive operations.

    Args:
        draw: Hypothesis's.
        whole: Whether to compute whole numbers below `LARGEST` only, so that none is rounded.
        batched: Whether there are rows; None for either.
        functions: The operations to draw from.
        layers: The largest number of layers.
        width: The largest number of operations in one of them.

    Returns:
        A program and its layout.
    """
    if batched is None:
        batched = draw(st.booleans())
    sizes = draw(st.lists(st.tuples(st.integers(1, width), st.booleans()), min_size=1, max_size=3))
    groups = [Group(size, varies and batched) for size, varies in sizes]
    if batched and not any(group.varies for group in groups):
        groups[-1] = Group(groups[-1].width, True)
    count = sum(group.width for group in groups)
    constants = tuple(map(float, draw(st.lists(st.integers(-3, 3), unique=True, max_size=3))))
    bounds = [4.0] * count + [abs(number) for number in constants]
    first = len(bounds)
    operations: list[Operation] = []
    names = functions or (WHOLE if whole else ALL)
    for _ in range(draw(st.integers(1, layers))):
        op = draw(st.sampled_from(names))
        terms = draw(st.integers(1, width)) if op in N_ARY else 0
        sequences = {
            "sum": [terms],
            "max": [terms],
            "min": [terms],
            "dot": [terms] * 2,
            "net": [terms, terms, 1],
        }.get(op, [1] * ARITIES.get(op, 2))
        known = len(bounds)
        # For each sequence of operands: its start, the step between its terms, and that between
        # neighbours in the layer; a step of None is no step but a jump.
        ways = [
            (
                draw(st.integers(0, known - 1)),
                draw(st.sampled_from([1, 1, 0, 2, -1, 7])),
                draw(st.sampled_from([1, 1, 0, terms or 1, -1, 7])),
            )
            for _ in sequences
        ]
        for number in range(draw(st.integers(1, width))):
            operands = tuple(
                [
                    (start + step * term + jump * number) % known
                    for (start, step, jump), length in zip(ways, sequences, strict=True)
                    for term in range(length)
                ]
            )
            bound = _bound(op, [bounds[slot] for slot in operands])
            if whole and bound > LARGEST:
                operation, bound = Operation("<", (operands * 2)[:2]), 1.0
            else:
                operation = Operation(op, operands)
            operations.append(operation)
            bounds.append(bound)
    slots = [slot for slot in range(first + len(operations)) if not count <= slot < first]
    outputs = draw(
        st.just(slots[-width:]) | st.lists(st.sampled_from(slots), min_size=1, unique=True)
    )
    program = Program(
        tuple(f"x{i}" for i in range(count)), constants, tuple(operations), tuple(outputs)
    )
    return Case(program, Layout(tuple(groups), batched), whole)


def _bound(op: str, bounds: Sequence[float]) -> float:
    """Bound the size of a result by those of the operands."""
    half = len(bounds) // 2
    if op == "*":
        return bounds[0] * bounds[1]
    if op in ("+", "-", "sum"):
        return sum(bounds)
    if op in ("dot", "net"):
        products = map(operator.mul, bounds[:half], bounds[half : 2 * half])
        return sum(products, bounds[-1] if op == "net" else 0.0)
    return max(1.0, *bounds)
