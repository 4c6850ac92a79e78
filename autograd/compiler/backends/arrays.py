"""The NumPy backend: programs evaluated on arrays of rows, operation by operation.

It needs no LLVM, and it is the reference for machine code.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from autograd.compiler.backends.contract import Plan, planned, run_alone
from autograd.compiler.layout import Layout
from autograd.compiler.primitives import PRIMITIVES
from autograd.compiler.program import ITEM, Program, Scan

__all__ = ["ArrayKernel", "NumPy", "Step", "evaluate", "every_row"]


@dataclass(frozen=True)
class Step:
    """One operation on arrays.

    Attributes:
        function: The function that computes it.
        operands: The slots that it reads.
        freed: The slots that nothing reads afterwards: their memory is freed.
    """

    function: Callable[..., Any]
    operands: tuple[int, ...]
    freed: tuple[int, ...]


def _steps(program: Program) -> list[Step]:
    """List the steps of a program.

    Raises:
        KeyError: An operation is not primitive.
    """
    names = {op for op in program.counts() if not isinstance(op, Scan)}
    if unknown := names - PRIMITIVES.keys() - {ITEM}:
        raise KeyError(f"{', '.join(sorted(unknown))}: not primitive operations; lower the program")
    first = program.first_result
    last_use: dict[int, int] = {}
    for slot, (_, operands) in enumerate(program.operations, first):
        last_use.update(dict.fromkeys(operands, slot))
    for slot in program.outputs:
        last_use[slot] = -1
    return [
        Step(
            _function(op),
            operands,
            tuple({x for x in operands if x >= first and last_use[x] == slot}),
        )
        for slot, (op, operands) in enumerate(program.operations, first)
    ]


def _function(op: str) -> Callable[..., Any]:
    if isinstance(op, Scan):
        return functools.partial(_repeated, op, _steps(op.body))
    return _Finished.number if op == ITEM else PRIMITIVES[op].on_arrays


class _Finished:
    """All numbers of a loop that has run.

    Attributes:
        last: The last carry.
        columns: For each column, its elements, step by step.
        width: How many columns are results.
        count: How many steps there were.
    """

    def __init__(self, last: list[Any], columns: list[list[Any]], width: int, count: int) -> None:
        self.last, self.columns, self.width, self.count = last, columns, width, count

    def number(self, place: float) -> Any:
        """Take one number."""
        if place < len(self.last):
            return self.last[int(place)]
        t, column = divmod(int(place) - len(self.last), self.width)
        return self.columns[column][t]


def _repeated(scan: Scan, steps: Sequence[Step], *operands: Any) -> _Finished:
    """Run a loop."""
    constants, carry, given, loops = scan.divided(operands)
    count = loops[scan.follows].count if scan.follows >= 0 else scan.steps
    columns: list[list[Any]] = [[0.0] * scan.steps for _ in range(scan.width + scan.carried)]
    done = 0
    for t in range(count - 1, -1, -1) if scan.reverse else range(count):
        elements = [loops[number].columns[column][t] for number, column in scan.columns]
        row = given[t * scan.scanned : (t + 1) * scan.scanned]
        found = _evaluated(scan.body, steps, [scan.start + t, *constants, *carry, *row, *elements])
        results = [*found[scan.carried : scan.carried + scan.width], *carry]
        for column, number in zip(columns, results, strict=True):
            column[t] = number
        carry = found[: scan.carried]
        done += 1
        if scan.stops and not numpy.any(found[-1]):
            break
    return _Finished([*carry], columns, scan.width, done)


def _evaluated(program: Program, steps: Sequence[Step], inputs: Sequence[Any]) -> list[Any]:
    numbers: list[Any] = [*inputs, *program.constants]
    with numpy.errstate(all="ignore"):
        for step in steps:
            numbers.append(step.function(*[numbers[operand] for operand in step.operands]))
            for operand in step.freed:
                numbers[operand] = None
    return [numbers[slot] for slot in program.outputs]


def evaluate(program: Program, inputs: Sequence[Any]) -> list[Any]:
    """Evaluate a program.

    Args:
        program: A program of primitive operations.
        inputs: For each input, a float or an array with an element for each row.

    Returns:
        The outputs in the same form; infinite or nan off the domain of an operation.

    Raises:
        KeyError: An operation is not primitive: lower the program first.

    Example:
        >>> from autograd.compiler.trace import traced_program
        >>> evaluate(traced_program(lambda x: x * x + 1.0, ["x"]), [numpy.array([1.0, 2.0])])
        [array([2., 5.])]
    """
    return _evaluated(program, _steps(program), inputs)


def every_row(program: Program, layout: Layout, given: Sequence[Any], rows: int) -> Any:
    """Evaluate a program on every row.

    Args:
        program: A program of primitive operations.
        layout: The arrays that hold its inputs.
        given: The arrays of inputs.
        rows: The number of rows.

    Returns:
        An array of shape (outputs, rows).

    Raises:
        KeyError: An operation is not primitive.
    """
    kernel = ArrayKernel(Plan(program, layout), _steps(program))
    every = numpy.empty((kernel.outputs, rows))
    kernel.run(given, 0, rows, every)
    return every


class ArrayKernel:
    """A program as steps on arrays.

    Args:
        plan: The program and the layout of its inputs.
        steps: Its steps.
    """

    reduces = False
    block = 1
    cost = 0  # NumPy's own threads, if any, are enough

    def __init__(self, plan: Plan, steps: Sequence[Step]) -> None:
        self.program, self.layout, self.steps = plan.program, plan.layout, steps
        self.outputs = len(plan.program.outputs)

    def run(
        self, arrays: Sequence[Any], first: int, rows: int, out: Any, divisor: float = 1.0
    ) -> None:
        """Run the program on some rows; see `contract.Kernel`."""
        inputs = [
            arrays[group][first : first + rows, place]
            if self.layout.groups[group].varies
            else arrays[group][place]
            for group, place in self.layout.places()
        ]
        for place, output in enumerate(_evaluated(self.program, self.steps, inputs)):
            out[place, first : first + rows] = output

    def repeated(self, rows: int, divisor: float) -> Callable[[Sequence[Any]], tuple[Any, Any]]:
        """Make a faster way to run it without rows; see `contract.Kernel`."""
        return run_alone(self)


class NumPy:
    """The NumPy backend."""

    name = "numpy"
    plan = staticmethod(planned)

    def missing(self) -> str:
        """Say what must be installed: nothing, because the compiler itself needs NumPy."""
        return ""

    def compile(self, plan: Plan) -> tuple[Plan, list[Step]]:
        """List the steps of a plan; the kernel does not sum over rows."""
        return plan, _steps(plan.program)

    def load(self, code: tuple[Plan, list[Step]]) -> ArrayKernel:
        """Make a kernel of the steps."""
        return ArrayKernel(*code)
