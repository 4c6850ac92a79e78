"""`ProgramBuilder`: a program while it is being written, by tracing or by a pass."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

from autograd.compiler.program import Operation, Program
from autograd.reals import bits

__all__ = ["ProgramBuilder", "made"]


class ProgramBuilder:
    """Allocates slots while a program is written: inputs, then constants, then results.

    Constants known at the start have their final slots. Constants that are added later have slots
    from -1 downwards until `program` renumbers them.

    Attributes:
        names: The names of the inputs.
        first: The slot of the first result, unless constants are added.
        operations: The operations so far, as plain pairs, which are faster to make.

    Args:
        names: The names of the inputs.
        constants: The constants known at the start.
    """

    def __init__(self, names: Sequence[str], constants: Sequence[float] = ()) -> None:
        self.names, self._given = tuple(names), tuple(constants)
        self.first = len(self.names) + len(self._given)
        self._before = self.first - 1
        self.operations: list[tuple[str, tuple[int, ...]]] = []
        self._constants: dict[Any, int] = {}
        self._numbers: list[float] = []
        self.constants = [
            self._constants.setdefault(bits(number), slot)
            for slot, number in enumerate(self._given, len(self.names))
        ]
        """The slots of the constants known at the start; equal ones share the first slot."""

    def constant(self, number: float) -> int:
        """Return the slot of a constant; 0.0 and -0.0 have different slots, all nans one."""
        key = bits(number)
        slot = self._constants.get(key)
        if slot is None:
            self._numbers.append(number)
            slot = self._constants[key] = -len(self._numbers)
        return slot

    def number(self, slot: int) -> float | None:
        """Return the number in a constant's slot; None for any other slot."""
        if slot < 0:
            return self._numbers[-slot - 1]
        place = slot - len(self.names)
        return self._given[place] if 0 <= place < len(self._given) else None

    def add(self, op: str, operands: tuple[int, ...]) -> int:
        """Append an operation and return the slot of its result."""
        operations = self.operations
        operations.append((op, operands))
        return self._before + len(operations)

    def program(self, outputs: Sequence[int]) -> Program:
        """Return the program of the operations added."""
        operations: Iterable[tuple[str, tuple[int, ...]]] = self.operations
        more = len(self._numbers)
        if more:
            first = self.first + more
            # Looked up by slot; the negative slots of constants index from the end.
            final = [*range(self.first), *range(first, first + len(self.operations))]
            final += range(first - 1, self.first - 1, -1)
            place = final.__getitem__
            operations = [(op, tuple(map(place, xs))) for op, xs in operations]
            outputs = [*map(place, outputs)]
        constants = (*self._given, *self._numbers)
        return Program(self.names, constants, tuple(map(made, operations)), tuple(outputs))


made = functools.partial(tuple.__new__, Operation)
"""Make an operation from a pair, faster than the named tuple's own constructor."""
