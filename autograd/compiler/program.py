"""`Program`: the plain data between a traced function and machine code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from autograd.compiler.primitives import PRIMITIVES
from autograd.drawing import draw
from autograd.formatting import for_output
from autograd.grad_mode import resumed
from autograd.rule import rule_of
from autograd.traced import traced
from autograd.tracing import UNKNOWN
from autograd.value import Value, as_value, new_node

__all__ = ["Operation", "Program"]

LISTED = 200
"""How many inputs, constants and operations the text of a program shows before it omits those in
the middle."""
DRAWN = 300
"""The maximum number of operations for which a notebook draws a program rather than listing it."""


class Operation(NamedTuple):
    """One step of a program.

    Attributes:
        op: The name of a row of the table, or of another primitive.
        operands: The slots that it reads.

    Example:
        >>> Operation("*", (0, 1))
        Operation(op='*', operands=(0, 1))
    """

    op: str
    operands: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """A list of operations on numbered slots; each slot is written once.

    Slots are numbered in order: the inputs, the constants, then the result of each operation. An
    operation of many operands (`sum`, `dot`, `net`) stays one operation, which a backend turns into
    a loop.

    Attributes:
        inputs: The names of the inputs.
        constants: The constants of the program.
        operations: The steps, operands before results.
        outputs: The slots that are returned.
        names: What the outputs are called; empty if they are only numbered.

    Example:
        >>> print(Program(("x",), (2.0,), (Operation("*", (0, 1)), Operation("sin", (2,))), (3,)))
        %0 = input x
        %1 = 2.0
        %2 = * %0 %1
        %3 = sin %2
        output %3
    """

    inputs: tuple[str, ...]
    constants: tuple[float, ...]
    operations: tuple[Operation, ...]
    outputs: tuple[int, ...]
    names: tuple[str, ...] = field(default=(), compare=False)

    @property
    def first_result(self) -> int:
        """The slot of the first operation's result."""
        return len(self.inputs) + len(self.constants)

    def __len__(self) -> int:
        return len(self.operations)

    def constant(self, slot: int) -> float | None:
        """Return the number in a constant's slot; None for any other slot.

        Args:
            slot: A slot.

        Returns:
            The number; None if the slot holds something else.

        Example:
            >>> Program(("x",), (2.0,), (), (0,)).constant(1)
            2.0
        """
        place = slot - len(self.inputs)
        return self.constants[place] if 0 <= place < len(self.constants) else None

    def counts(self) -> Counter[str]:
        """Count the operations by name.

        Returns:
            A counter from name to count.

        Example:
            >>> Program(("x",), (), (Operation("sin", (0,)),), (1,)).counts()
            Counter({'sin': 1})
        """
        return Counter(map(itemgetter(0), self.operations))

    def checked(self) -> Program:
        """Check a program that was written by hand.

        Returns:
            The program itself.

        Raises:
            ValueError: An operation is not known, has too many or too few operands, or reads a slot
                that does not exist or is not written yet; or an output is not a slot.

        Example:
            >>> Program(("x",), (), (Operation("sin", (1,)),), (1,)).checked()
            Traceback (most recent call last):
            ...
            ValueError: %1 = sin %1: reads %1, which is not written yet
        """
        for slot, (op, operands) in enumerate(self.operations, self.first_result):
            problem = _arity_problem(op, len(operands))
            for operand in operands:
                if not 0 <= operand < slot:
                    problem = f"reads %{operand}, which is not written yet"
            if problem:
                raise ValueError(f"%{slot} = {op} {_listed(operands)}: {problem}")
        for slot in self.outputs:
            if not 0 <= slot < self.first_result + len(self):
                raise ValueError(f"output %{slot}: there is no such slot")
        return self

    # --- as text and pictures --------------------------------------------------------------------

    if TYPE_CHECKING:

        def to_c(self, name: str = "f") -> str:
            """Write the program as a file of C99; `backends.c.source` sets this to `to_c`."""

    def graph(self) -> list[Value]:
        """Make the graph of the program, for `draw`.

        Returns:
            The outputs, as nodes without numbers. If several operations read a constant, each has
            its own node for it.

        Example:
            >>> Program(("x",), (2.0,), (Operation("*", (0, 1)),), (2,)).graph()
            [Value(UNKNOWN, grad=0.0, op='*', label='output')]
        """
        inputs = [traced(name) for name in self.inputs]
        nodes: list[Value | float] = [*inputs, *self.constants]
        with resumed():
            for op, operands in self.operations:
                parents = tuple([as_value(nodes[slot]) for slot in operands])
                nodes.append(new_node(UNKNOWN, parents, (UNKNOWN,) * len(parents), op))
            roots = {slot: as_value(nodes[slot]) for slot in self.outputs}
        for slot, root in roots.items():
            if slot >= len(inputs):
                places = [place for place, other in enumerate(self.outputs) if other == slot]
                root.label = self._called(places)
        return [roots[slot] for slot in self.outputs]

    def _called(self, places: list[int]) -> str:
        """Name the outputs at some places, which are one slot."""
        if self.names:
            return ", ".join(self.names[place] for place in places)
        return f"output {', '.join(map(str, places))}" if len(self.outputs) > 1 else "output"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Give a notebook the picture of a small program, or the text of a large one."""
        bundle = {"text/plain": str(self)}
        if self.outputs and len(self) <= DRAWN:
            bundle = {**draw(self)._repr_mimebundle_(include, exclude), **bundle}
        return bundle

    def __str__(self) -> str:
        first, results = len(self.inputs), self.first_result

        def constant(place: int) -> str:
            return f"%{first + place} = {self.constants[place]!r}"

        def operation(place: int) -> str:
            op, operands = self.operations[place]
            return f"%{results + place} = {op} {_listed(operands)}".rstrip()

        lines = _lines(first, lambda place: f"%{place} = input {self.inputs[place]}", "inputs")
        lines += _lines(len(self.constants), constant, "constants")
        lines += _lines(len(self), operation, "operations")
        return for_output("\n".join([*lines, f"output {_listed(self.outputs)}".rstrip()]))


def _lines(count: int, line: Callable[[int], str], what: str) -> list[str]:
    """Write a line for each place; if there are many, for the first and last ones."""
    if count <= LISTED:
        return [*map(line, range(count))]
    half = LISTED // 2
    omitted = f"… {count - 2 * half:,} more {what} …"
    return [*map(line, range(half)), omitted, *map(line, range(count - half, count))]


def _listed(slots: Sequence[int]) -> str:
    """Write slots, with runs of neighbours as `%3 … %9`; if there are many runs, the first ones."""
    parts: list[str] = []
    start = 0
    for end in range(1, len(slots) + 1):
        if end == len(slots) or slots[end] != slots[end - 1] + 1:
            run = slots[start:end]
            parts += [f"%{run[0]} … %{run[-1]}"] if len(run) > 3 else [f"%{slot}" for slot in run]
            start = end
            if len(parts) > LISTED and end < len(slots):
                return " ".join([*parts, f"… and {len(slots) - end:,} more"])
    return " ".join(parts)


def _arity_problem(op: str, count: int) -> str:
    """Describe what is wrong with an operation of this many operands; empty if nothing is."""
    primitive, rule = PRIMITIVES.get(op), rule_of(op)
    if primitive is not None and primitive.sequences:
        if (count - primitive.has_bias) % primitive.sequences or count < primitive.has_bias:
            bias = " and a bias" if primitive.has_bias else ""
            return f"takes pairs of operands{bias}, got {count}"
        if primitive.picks and not count:
            return "takes at least one operand, got 0"
        return ""
    if primitive is not None:
        expected = primitive.arity
    elif rule is not None:
        expected = None if rule.operands[0].startswith("*") else len(rule.operands)
    else:
        return f"{op!r} is not in the table of functions"
    return f"takes {expected} operands, got {count}" if expected not in (None, count) else ""
