"""`ProgramBuilder`: a program while it is being written, by tracing or by a pass."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

from autograd.compiler.program import Operation, Program

__all__ = ["ProgramBuilder"]


class ProgramBuilder:
    """Slots given out while a program is written: inputs, then constants, then results.

    Constants are known last, so their slots count from -1 downwards until `program` renumbers them.

    Attributes:
        names: What the inputs are called.
        operations: The operations so far.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._before = len(self.names) - 1
        self.operations: list[tuple[str, tuple[int, ...]]] = []
        self._constants: dict[Any, int] = {}
        self._numbers: list[float] = []

    def constant(self, number: float) -> int:
        """Give the slot of a constant; 0.0 and -0.0 have two, all nans one."""
        key = (number, math.copysign(1.0, number)) if number == number else None
        slot = self._constants.get(key)
        if slot is None:
            self._numbers.append(number)
            slot = self._constants[key] = -len(self._numbers)
        return slot

    def number(self, slot: int) -> float | None:
        """Give the number of a constant's slot, None of any other."""
        return self._numbers[-slot - 1] if slot < 0 else None

    def add(self, op: str, operands: tuple[int, ...]) -> int:
        """Append an operation and give the slot of its result."""
        self.operations.append((op, operands))
        return self._before + len(self.operations)

    def program(self, outputs: Sequence[int]) -> Program:
        """Give the program of what has been added."""
        inputs, constants = len(self.names), len(self._numbers)
        first = inputs + constants
        # Looked up by slot: those of constants, being negative, from the end.
        final = [*range(inputs), *range(first, first + len(self.operations))]
        final += range(first - 1, inputs - 1, -1)
        new = functools.partial(tuple.__new__, Operation)
        return Program(
            self.names,
            tuple(self._numbers),
            tuple(
                [new((op, tuple([final[x] for x in operands]))) for op, operands in self.operations]
            ),
            tuple([final[slot] for slot in outputs]),
        )
