"""From a function to a program: one call of the function, with Values of unknown number."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from autograd.compiler.builder import ProgramBuilder
from autograd.compiler.program import Program, Scan
from autograd.forks import in_child
from autograd.grad_mode import resumed
from autograd.graph import interior
from autograd.helper_rules import DETACHED, KINKED, MEETS, PRODUCTS
from autograd.kinds import UNRECORDED
from autograd.loops import Loop, LoopName
from autograd.rule import LINEAR
from autograd.structure import output_numbers
from autograd.traced import Trace, traced, tracing_of
from autograd.tracing import UNKNOWN, TracingError, is_traced, refusals
from autograd.transforms import differentiable_variables
from autograd.value import Operand, Value

__all__ = [
    "Call",
    "call_traced",
    "collector_paused",
    "difference",
    "program_of",
    "traced_program",
]


def call_traced(
    f: Callable[..., Any], inputs: Sequence[Value], *arguments: Any, exact: bool = False
) -> Call:
    """Call a function that is being traced.

    Args:
        f: The function.
        inputs: The traced leaves in its arguments. Derivatives that the function takes stay
            connected to them, as they do to the variables of a function being differentiated.
        *arguments: Its arguments.
        exact: Whether each operation is to be rounded on its own, in the order written: then each
            node is differentiated by itself, even if it is equal to others.

    Returns:
        The result of the function, and the Values from outside that it read.

    Raises:
        TracingError: The function asked for a number that is not known, even if it caught the error
            and went on.
    """
    found: list[TracingError] = []
    token = refusals.set(found)
    try:
        with resumed(), differentiable_variables(inputs), tracing_of(exact) as trace:
            result = f(*arguments)
    finally:
        refusals.reset(token)
    if found:
        raise found[0]
    return Call(result, trace)


class Call(NamedTuple):
    """A traced call of a function.

    Attributes:
        result: What it returned.
        trace: The trace, which knows what it read from outside.
    """

    result: Any
    trace: Trace

    @property
    def captured(self) -> list[Value]:
        """The Values from outside that the function read or returned."""
        self.trace.read([y for y in output_numbers(self.result, "") if isinstance(y, Value)])
        return list(self.trace.captured)


def traced_program(f: Callable[..., Operand], names: Sequence[str]) -> Program:
    """Trace a function of numbers that returns a number.

    Args:
        f: The function.
        names: The names of its operands.

    Returns:
        The program, which has one output.

    Raises:
        TracingError: The function asks for a number that is not known yet.

    Example:
        >>> print(traced_program(lambda x: x * x + 1.0, ["x"]))
        %0 = input x
        %1 = 1.0
        %2 = * %0 %0
        %3 = + %2 %1
        output %3
    """
    inputs = [traced(name) for name in names]
    call = call_traced(f, inputs, *inputs)
    return program_of([call.result], [*inputs, *call.captured])


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep Python's garbage collector from walking a growing graph again and again.

    A graph is not garbage and has no cycles; walking a million nodes takes longer than making them.
    All threads share the collector: the last block that ends, in any thread, starts it again.
    """
    global _paused, _was_enabled
    with _lock:
        if not _paused:
            _was_enabled = gc.isenabled()
            gc.disable()
        _paused += 1
        _of_thread.paused += 1
    try:
        yield
    finally:
        with _lock:
            _of_thread.paused -= 1
            _paused -= 1
            if not _paused and _was_enabled:
                gc.enable()


class _Thread(threading.local):
    paused = 0


_lock = threading.Lock()
_of_thread = _Thread()
_paused = 0
_was_enabled = True


def _forked() -> None:
    """Forget the blocks of threads that a fork left behind in the parent."""
    global _lock, _paused
    _lock = threading.Lock()
    if _paused and not _of_thread.paused and _was_enabled:
        gc.enable()
    _paused = _of_thread.paused


in_child(_forked)


def difference(first: Program, second: Program) -> str:
    """Describe how two programs traced from one function differ.

    Args:
        first: One of them.
        second: The other one.

    Returns:
        The first difference, in words; empty if there is none.

    Example:
        >>> x = traced("x")
        >>> difference(program_of([x * 2.0], [x]), program_of([x * 3.0], [x]))
        "'*' is given 2.0 at first, and then 3.0"
    """
    if first.inputs != second.inputs:
        return "it reads other Values from outside"
    for one, two in zip(first.operations, second.operations, strict=False):
        if one.op != two.op or len(one.operands) != len(two.operands):
            return f"{one.op!r} at first, and then {two.op!r}"
        for x, y in zip(one.operands, two.operands, strict=True):
            if x != y or not _is_same(first.constant(x), second.constant(y)):
                before, after = first.constant(x), second.constant(y)
                if before is None or after is None:
                    return f"{one.op!r} is given other operands"
                return f"{one.op!r} is given {before!r} at first, and then {after!r}"
    if len(first) != len(second):
        longest = max(first, second, key=len)
        return f"{longest.operations[min(len(first), len(second))].op!r} is in only one of them"
    for x, y in zip(first.outputs, second.outputs, strict=True):
        if not _is_same(first.constant(x), second.constant(y)):
            return f"it returns {first.constant(x)!r} at first, and then {second.constant(y)!r}"
    return "" if first.outputs == second.outputs else "it returns other results"


def _is_same(x: float | None, y: float | None) -> bool:
    if x is None or y is None:
        return x is y
    return x == y or (x != x and y != y)


def program_of(outputs: Sequence[Operand], inputs: Sequence[Value]) -> Program:
    """Read a program off a traced graph.

    Args:
        outputs: The nodes, or plain numbers, that it is to compute.
        inputs: The traced leaves that are its inputs, and the Values from outside that are read
            at each call; their labels name them.

    Returns:
        The program: one operation for each node.

    Raises:
        TracingError: A node depends on a traced leaf that is not an input.

    Example:
        >>> x = traced("x")
        >>> program_of([x + x], [x]).operations
        (Operation(op='+', operands=(0, 0)),)
    """
    builder = ProgramBuilder([leaf.label or f"x{place}" for place, leaf in enumerate(inputs)])
    # By identity: hashing a traced node would call a Python function.
    slots: dict[int, int] = {id(leaf): place for place, leaf in enumerate(inputs)}

    def slot_of(operand: Operand) -> int:
        if not isinstance(operand, Value):
            return builder.constant(float(operand))
        slot = slots.get(id(operand))
        if slot is None:  # a leaf, or a node that does not depend on the inputs
            if is_traced(operand):
                if operand.op is UNRECORDED:
                    raise TracingError(
                        "compile: a number that was computed within no_grad would be frozen, as "
                        "no operation is recorded there: compute it outside no_grad, and use "
                        "x.detach() to cut it off from the derivative"
                    )
                raise TracingError(f"{operand!r} is not an input of this program")
            slot = slots[id(operand)] = builder.constant(operand._number)
        return slot

    roots = [output for output in outputs if isinstance(output, Value)]
    add, known = builder.add, slots.get
    for node in interior(*roots, stop=inputs):
        if node._number is not UNKNOWN:
            continue
        op, parents = node.op, node.parents
        if op in PLAIN:
            left, right = parents
            x, y = known(id(left)), known(id(right))
            if x is None or y is None:
                x, y = slot_of(left), slot_of(right)
            slots[id(node)] = add(op, (x, y))
            continue
        operands: Any = tuple(map(known, map(id, parents)))
        if None in operands:
            operands = tuple(map(slot_of, parents))
        if op == LINEAR:
            if node.local_derivatives == (1.0,):  # a node that stands for another
                slots[id(node)] = operands[0]
            else:
                coefficients = tuple(map(builder.constant, node.local_derivatives))
                slots[id(node)] = add("dot", coefficients + operands)
        elif type(op) is LoopName:
            slots[id(node)] = add(_scan_of(op.loop), operands)
        elif op in (KINKED, DETACHED):  # for derivatives only, and these are already taken
            slots[id(node)] = operands[0]
        elif op == MEETS:
            below, above = add("<", operands), add(">", operands)
            zero, one = builder.constant(0.0), builder.constant(1.0)
            slot = add("where", (above, zero, one))
            slots[id(node)] = add("where", (below, zero, slot))
        else:
            slots[id(node)] = add(op, operands)
    return builder.program([slot_of(output) for output in outputs])


def _scan_of(loop: Loop) -> Scan:
    """Read the body of a loop off its graph, once."""
    if not loop.program:
        body = program_of(loop.results, loop.leaves)
        names = tuple([f"{name} {place}" for place, name in enumerate(body.inputs)])
        body = Program(names, body.constants, body.operations, body.outputs)
        loop.program.append(Scan(
            body, loop.steps, loop.start, loop.reverse, loop.constants, loop.carried, loop.scanned,
            loop.columns, loop.stops, loop.follows,
        ))  # fmt: skip
    found: Scan = loop.program[0]
    return found


PLAIN = frozenset({"+", "-", "*", "/", *PRODUCTS})
"""The most common operations, which programs have under the same names."""
