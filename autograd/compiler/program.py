"""`Program`: the plain data between a traced function and machine code."""

from __future__ import annotations

import hashlib
import json
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd.compiler.primitives import PRIMITIVES
from autograd.drawing import draw
from autograd.formatting import for_output
from autograd.grad_mode import resumed
from autograd.rule import rule_of
from autograd.traced import traced
from autograd.tracing import UNKNOWN
from autograd.value import Value, as_value, new_node

__all__ = ["ITEM", "Operation", "Program", "Scan"]

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


class Scan(str):
    """The name of a loop in a program: a text that stands for all there is to it.

    The operands of the operation are those of `autograd.loops.Loop`, and so are the attributes. The
    result is all numbers of the loop: `item` takes one of them, whose place is a constant, and
    other loops read columns.

    Attributes:
        body: The body: its inputs are the leaves of the loop, its outputs the results.

    Example:
        >>> body = Program(("i", "carry"), (), (Operation("+", (1, 1)),), (2,))
        >>> double = Scan(body, steps=3, carried=1)
        >>> operations = Operation(double, (0,)), Operation("item", (2, 1))
        >>> print(Program(("x",), (0.0,), operations, (3,)).checked())
        %0 = input x
        %1 = 0.0
        %2 = scan of 3 steps, 1 carried %0
          %0 = input i
          %1 = input carry
          %2 = + %1 %1
          output %2
        %3 = item %2 %1
        output %3
    """

    body: Program
    steps: int
    start: float
    reverse: bool
    constants: int
    carried: int
    scanned: int
    columns: tuple[tuple[int, int], ...]
    stops: bool
    follows: int

    def __new__(
        cls,
        body: Program,
        steps: int,
        start: float = 0.0,
        reverse: bool = False,
        constants: int = 0,
        carried: int = 0,
        scanned: int = 0,
        columns: tuple[tuple[int, int], ...] = (),
        stops: bool = False,
        follows: int = -1,
    ) -> Scan:
        """Make the name from the parts of the loop."""
        facts = (
            steps, float(start).hex(), bool(reverse), constants, carried, scanned,
            [[*column] for column in columns], bool(stops), follows,
        )  # fmt: skip
        numbers = [number.hex() for number in body.constants]
        content = [facts, len(body.inputs), numbers, body.operations, body.outputs]
        text = json.dumps(content, default=int).encode()
        scan = super().__new__(cls, f"scan {hashlib.sha256(text).hexdigest()}")
        scan.body, scan.steps, scan.start, scan.reverse = body, steps, float(start), bool(reverse)
        scan.constants, scan.carried, scan.scanned = constants, carried, scanned
        scan.columns, scan.stops, scan.follows = tuple(columns), bool(stops), follows
        return scan

    def of(self, body: Program) -> Scan:
        """Make the name of the same loop with another body."""
        return Scan(body, *self.__getnewargs__()[1:])

    def __getnewargs__(self) -> tuple[Any, ...]:
        """Return what a copy is made of."""
        return (
            self.body, self.steps, self.start, self.reverse, self.constants, self.carried,
            self.scanned, self.columns, self.stops, self.follows,
        )  # fmt: skip

    @property
    def width(self) -> int:
        """How many results each step hands out."""
        return len(self.body.outputs) - self.carried - self.stops

    @property
    def loops(self) -> int:
        """How many other loops it reads."""
        return max([self.follows, *(number for number, _ in self.columns)]) + 1

    @property
    def described(self) -> str:
        """The loop in words."""
        parts = [f"scan of {'at most ' * self.stops}{self.steps:,} steps"]
        if self.follows >= 0:
            parts = ["scan of as many steps"]
        parts += ["backwards"] * self.reverse
        counts = {
            "constant": self.constants, "carried": self.carried, "for each step": self.scanned,
        }  # fmt: skip
        parts += [f"{count} {what}" for what, count in counts.items() if count]
        parts += [f"column {column} of loop {number}" for number, column in self.columns]
        return ", ".join(parts)

    def divided(self, operands: Sequence[Any]) -> tuple[Any, Any, Any, Any]:
        """Split operands into constants, the first carry, the numbers of the steps, and loops."""
        a, b = self.constants, self.constants + self.carried
        c = b + self.steps * self.scanned
        return operands[:a], operands[a:b], operands[b:c], operands[c:]


ITEM = "item"
"""The operation that takes one number of a loop; its second operand is a constant, the place."""


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
        names = {*map(itemgetter(0), self.operations)}
        has_loops = ITEM in names or any(isinstance(name, Scan) for name in names)
        for slot, (op, operands) in enumerate(self.operations, self.first_result):
            problem = _arity_problem(op, len(operands))
            if has_loops:
                problem = self._loop_problem(op, operands) or problem
            for operand in operands:
                if not 0 <= operand < slot:
                    problem = f"reads %{operand}, which is not written yet"
            if problem:
                name = op.described if isinstance(op, Scan) else op
                raise ValueError(f"%{slot} = {name} {_listed(operands)}: {problem}")
        for slot in self.outputs:
            if not 0 <= slot < self.first_result + len(self):
                raise ValueError(f"output %{slot}: there is no such slot")
            place = slot - self.first_result
            if has_loops and place >= 0 and isinstance(self.operations[place].op, Scan):
                raise ValueError(f"output %{slot}: a loop is no number")
        return self

    def _loop_problem(self, op: str, operands: tuple[int, ...]) -> str:
        """Describe what is wrong with a use of a loop; empty if nothing is."""
        first, count = self.first_result, len(self)

        def loop(slot: int) -> Scan | None:
            op = self.operations[slot - first].op if first <= slot < first + count else None
            return op if isinstance(op, Scan) else None

        if op == ITEM:
            whole = loop(operands[0]) if len(operands) == 2 else None
            if whole is None:
                return "takes a loop and a place in it"
            number = self.constant(operands[1])
            size = whole.carried + whole.steps * whole.width
            return "" if number in range(size) else f"takes a place below {size}, got {number}"
        given = operands
        if isinstance(op, Scan):
            loops = op.divided(operands)[3]
            inputs = 1 + op.constants + op.carried + op.scanned + len(op.columns)
            if op.steps < 1 or inputs != len(op.body.inputs) or op.width < 0:
                return "its body does not fit"
            if len(loops) != op.loops or None in (wholes := [*map(loop, loops)]):
                return f"takes {op.loops} loops"
            for number, column in op.columns:
                whole = wholes[number]
                if whole is None or column not in range(whole.width + whole.carried):
                    return f"there is no column {column} of loop {number}"
                if whole.steps != op.steps:
                    return "the loops that it reads have other numbers of steps"
            op.body.checked()
            given = operands[: len(operands) - len(loops)]
        return "reads a loop as a number" if any(map(loop, given)) else ""

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
                op = "scan" if isinstance(op, Scan) else op
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
            if not isinstance(op, Scan):
                return f"%{results + place} = {op} {_listed(operands)}".rstrip()
            body = textwrap.indent(str(op.body), "  ")
            return f"%{results + place} = {op.described} {_listed(operands)}".rstrip() + f"\n{body}"

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
    if op == ITEM:
        return f"takes a loop and a place, got {count} operands" if count != 2 else ""
    if type(op) is Scan:
        needed = op.constants + op.carried + op.steps * op.scanned + op.loops
        return f"takes {needed} operands, got {count}" if needed != count else ""
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
