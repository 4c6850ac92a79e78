"""Passes: each takes a program and gives one that computes the same, and does one thing.

Unless a pass says otherwise, its result has the same bits as the program that it was given.
"""

from __future__ import annotations

import inspect
import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

from autograd.compiler.arrays import FUNCTIONS
from autograd.compiler.definitions import DEFINITIONS
from autograd.compiler.program import Operation, Program
from autograd.compiler.trace import Numbering, call_traced, program_of
from autograd.formulary import DEVIATION, ZSCORE
from autograd.functions import dot
from autograd.graph import dependents, interior
from autograd.rules import VALUES, OwnName, Rule, rule_of
from autograd.traced import traced
from autograd.tracing import TracingError
from autograd.value import Value, as_value, record, recorded_adjoints

__all__ = [
    "adjoint",
    "folded",
    "gathered",
    "lowered",
    "optimised",
    "unguarded",
    "without_dead_code",
    "without_repetition",
]

Rewrite = Callable[[Numbering, str, tuple[int, ...]], int]

COMMUTATIVE = {"+", "*", "==", "!="}
REWRITTEN = {"*", "·", "neg", "abs", "where", "<", "<=", "==", "!=", ">", ">="}
"""The operations that `folded` looks at even where no operand is a constant."""
CONDITIONS = {"<", "<=", "==", "!=", ">", ">="}
NAN_PASSES = {
    "+", "-", "*", "·", "/", "neg", "abs", "sqrt", "exp", "exp2", "expm1", "log", "log2", "log10",
    "log1p", "cbrt", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh",
    "arcsinh", "arccosh", "arctanh", "erf", "erfc", "sum", "dot", "net",
}  # fmt: skip
"""The operations whose result is nan wherever an operand is."""


def _rewritten(program: Program, rewrite: Rewrite) -> Program:
    """Go through a program in order, and write another one."""
    numbering = Numbering(program.inputs)
    slots = [*range(len(program.inputs)), *map(numbering.constant, program.constants)]
    for op, operands in program.operations:
        slots.append(rewrite(numbering, op, tuple([slots[slot] for slot in operands])))
    return numbering.program([slots[slot] for slot in program.outputs])


# --- what need not be computed -------------------------------------------------------------------


def without_dead_code(program: Program) -> Program:
    """Leave out the operations and constants that no output depends on; inputs stay.

    Example:
        >>> from autograd.compiler.trace import traced_program
        >>> program = Program(("x",), (), (Operation("sin", (0,)), Operation("exp", (0,))), (2,))
        >>> print(without_dead_code(program))
        %0 = input x
        %1 = exp %0
        output %1
    """
    first, operations = program.first_result, program.operations
    used = bytearray(first + len(operations))
    for slot in program.outputs:
        used[slot] = 1
    for slot in range(first + len(operations) - 1, first - 1, -1):
        if used[slot]:
            for operand in operations[slot - first][1]:
                used[operand] = 1
    if all(used[len(program.inputs) :]):
        return program
    numbering = Numbering(program.inputs)
    slots: list[Any] = [*range(len(program.inputs))]
    for slot, number in enumerate(program.constants, len(program.inputs)):
        slots.append(numbering.constant(number) if used[slot] else None)
    add, append = numbering.add, slots.append
    for slot, (op, operands) in enumerate(operations, first):
        append(add(op, tuple([slots[x] for x in operands])) if used[slot] else None)
    return numbering.program([slots[slot] for slot in program.outputs])


def without_repetition(program: Program) -> Program:
    """Compute what occurs more than once only once (common subexpressions).

    Example:
        >>> program = Program(
        ...     ("x",),
        ...     (),
        ...     (Operation("sin", (0,)), Operation("sin", (0,)), Operation("*", (1, 2))),
        ...     (3,),
        ... )
        >>> print(without_repetition(program))
        %0 = input x
        %1 = sin %0
        %2 = * %1 %1
        output %2
    """
    known: dict[tuple[str | Rule, tuple[int, ...]], int] = {}

    def rewrite(numbering: Numbering, op: str, operands: tuple[int, ...]) -> int:
        key: tuple[str | Rule, tuple[int, ...]] = op, operands
        if isinstance(op, OwnName):  # of which there may be others of that name
            key = op.rule, operands
        elif op in COMMUTATIVE and operands[0] > operands[1]:
            key = op, operands[::-1]
        slot = known.get(key)
        if slot is None:
            slot = known[key] = numbering.add(op, operands)
        return slot

    return _rewritten(program, rewrite)


# --- constants and identities --------------------------------------------------------------------


def folded(program: Program) -> Program:
    """Compute what depends on constants alone, and apply identities that hold for every float.

    Powers with the exponents 2, 3 and 4 become products, which can change the last bits.

    Example:
        >>> from autograd.compiler.trace import traced_program
        >>> print(without_dead_code(folded(traced_program(lambda x: (x * 1.0) ** 2.0, ["x"]))))
        %0 = input x
        %1 = * %0 %0
        output %1
    """
    negated: dict[int, int] = {}  # of the slot of -x, that of x
    scaled: dict[int, tuple[float, int]] = {}  # of the slot of c x, c and that of x
    finite: set[int] = set()  # slots that are never infinite or nan
    conditions: set[int] = set()  # slots that are 0 or 1

    def rewrite(numbering: Numbering, op: str, operands: tuple[int, ...]) -> int:
        numbers: list[float | None] = [None, None, None]
        if operands and min(operands) < 0:  # there are constants among them
            numbers = [numbering.number(slot) for slot in operands]
            if None not in numbers and op in FUNCTIONS:
                return numbering.constant(_evaluated(op, numbers))
        elif op not in REWRITTEN:
            return numbering.add(op, operands)
        x = operands[0]
        if op in ("*", "·"):
            y = operands[1]
            c, d = numbers[:2]
            if c == 1.0:
                return y
            if d == 1.0:
                return x
            if op == "·" and ((c is not None and c != 0.0) or _is_finite(d) or y in finite):
                op = "*"
            if op == "*" and (c == -1.0 or d == -1.0):
                return rewrite(numbering, "neg", (y if c == -1.0 else x,))
            slot = numbering.add(op, operands)
            if op == "*" and (c is not None or d is not None):
                scaled[slot] = (c, y) if c is not None else (d, x)  # type: ignore[assignment]
            if (x in finite and y in conditions) or (y in finite and x in conditions):
                finite.add(slot)
            return slot
        if op == "/" and numbers[1] == 1.0:
            return x
        if op == "-" and _is_plus_zero(numbers[1]):
            return x
        if op == "+" and (_is_minus_zero(numbers[0]) or _is_minus_zero(numbers[1])):
            return operands[1] if _is_minus_zero(numbers[0]) else x
        if op == "**" and numbers[1] in _POWERS:
            return _POWERS[numbers[1]](numbering, x)
        if op == "neg":
            if x in negated:
                return negated[x]
            slot = numbering.add(op, operands)
            negated[slot] = x
            return slot
        if op == "abs":
            if x in negated:
                return rewrite(numbering, op, (negated[x],))
            if x in scaled:
                c, y = scaled[x]
                size = rewrite(numbering, op, (y,))
                return rewrite(numbering, "*", (numbering.constant(abs(c)), size))
        if op == "where":
            if numbers[0] is not None:
                return operands[1] if numbers[0] else operands[2]
            if operands[1] == operands[2]:
                return operands[1]
            if x in conditions and numbers[1] == 1.0 and _is_plus_zero(numbers[2]):
                return x
        slot = numbering.add(op, operands)
        if op in CONDITIONS:
            conditions.add(slot)
            finite.add(slot)
        elif op == "where" and all(
            branch in finite or _is_finite(number)
            for branch, number in zip(operands[1:], numbers[1:], strict=True)
        ):
            finite.add(slot)
        return slot

    return _rewritten(program, rewrite)


def _evaluated(op: str, numbers: Sequence[Any]) -> float:
    import numpy

    with numpy.errstate(all="ignore"):
        return float(FUNCTIONS[op](*numbers))


def _is_finite(number: float | None) -> bool:
    return number is not None and math.isfinite(number)


def _is_plus_zero(number: float | None) -> bool:
    return number == 0.0 and math.copysign(1.0, number) > 0.0


def _is_minus_zero(number: float | None) -> bool:
    return number == 0.0 and math.copysign(1.0, number) < 0.0


def _square(numbering: Numbering, x: int) -> int:
    return numbering.add("*", (x, x))


_POWERS: dict[float | None, Callable[[Numbering, int], int]] = {
    0.0: lambda numbering, x: numbering.constant(1.0),
    1.0: lambda numbering, x: x,
    2.0: _square,
    3.0: lambda numbering, x: numbering.add("*", (_square(numbering, x), x)),
    4.0: lambda numbering, x: _square(numbering, _square(numbering, x)),
    -1.0: lambda numbering, x: numbering.add("/", (numbering.constant(1.0), x)),
}


# --- rows in primitive operations ----------------------------------------------------------------


def lowered(program: Program) -> Program:
    """Write out the rows of the table that are no primitive operation by their definitions.

    A row that a user has added is written out by its own evaluation, traced.

    Raises:
        TracingError: The evaluation of a function of a user's cannot be traced.

    Example:
        >>> from autograd.compiler.trace import traced_program
        >>> print(lowered(traced_program(lambda x: x.square(), ["x"])))
        %0 = input x
        %1 = * %0 %0
        output %1
    """
    if all(op in FUNCTIONS and op not in DEFINITIONS for op in program.counts()):
        return program
    return _rewritten(program, _inlined)


def _inlined(numbering: Numbering, op: str, operands: tuple[int, ...]) -> int:
    if op in FUNCTIONS and op not in DEFINITIONS:
        return numbering.add(op, operands)
    if op in SHARED:
        operands = operands[0], *sorted(operands)
    elif op in SYMMETRIC:
        operands = tuple(sorted(operands))
    rule = rule_of(op)
    if rule is None:
        raise KeyError(op)
    definition = _definition(rule, len(operands))
    slots = [*operands, *map(numbering.constant, definition.constants)]
    for inner, inner_operands in definition.operations:
        slots.append(_inlined(numbering, inner, tuple([slots[slot] for slot in inner_operands])))
    return slots[definition.outputs[0]]


SHARED = {"softmax", "direction_", ZSCORE, DEVIATION}
"""Rows of which there is one for each of some operands, itself first. They are defined by that
operand and all of them in one order, so that what they have in common is computed once."""
SYMMETRIC = {"hypot", "norm"}
"""Rows whose operands are put in that order as well: directions have lengths in common."""


@lru_cache(maxsize=1024)
def _definition(rule: Rule, arity: int) -> Program:
    inputs = [traced(f"x{place}") for place in range(1, arity + 1)]
    definition = DEFINITIONS.get(rule.name) or inspect.unwrap(rule.evaluate)
    if rule.primitive:
        definition = partial(rule.primitive, VALUES)
    try:
        call = call_traced(definition, inputs, *inputs)
        if call.captured:
            raise TypeError(f"it reads {call.captured[0]!r} from outside: make that an operand")
        return program_of([call.result], inputs)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise TracingError(
            f"{rule.name} cannot be compiled, as its evaluation cannot be traced ({error}): write "
            "it with autograd's functions and where"
        ) from error


# --- sums ----------------------------------------------------------------------------------------


MANY_TERMS = 2048
"""Up to how many terms a sum is added up in order, if that is not asked for."""
PART = 512
"""How many terms there are in each part of a larger one."""


def gathered(program: Program, least: int = 4, most: int | None = None) -> Program:
    """Make one n-ary operation of a chain of additions: a `dot`, `net` or `sum`.

    Its terms stay in their order. Backends may round a product and its addition to a sum at once.

    Args:
        program: The program.
        least: How many terms are worth an operation of their own.
        most: How many terms are added up in order, at least two. A sum of more is one of parts, so
            that its error does not grow with their number, and has other bits. None to keep the
            order in any case.

    Example:
        >>> from autograd.compiler.trace import traced_program
        >>> print(gathered(traced_program(lambda x, y: x * y + x * x + y * y + x * x, ["x", "y"])))
        %0 = input x
        %1 = input y
        %2 = dot %0 %0 %1 %0 %1 %0 %1 %0
        output %2
    """
    first, operations = program.first_result, program.operations
    uses = Counter(slot for _, operands in operations for slot in operands)
    uses.update(program.outputs)
    numbering = Numbering(program.inputs)
    slots: list[Any] = [*range(len(program.inputs)), *map(numbering.constant, program.constants)]
    # What is used once is written where it is used, if nothing gathers it: of a slot of the old
    # program the terms of its sum, or the factors of its product.
    sums: dict[int, list[int]] = {}
    products: dict[int, tuple[int, ...]] = {}

    def written(slot: int) -> int:
        if slots[slot] is None:
            if slot in sums:
                slots[slot] = total(sums.pop(slot))
            else:
                left, right = products.pop(slot)
                slots[slot] = numbering.add("*", (slots[left], slots[right]))
        return slots[slot]  # type: ignore[no-any-return]

    def total(terms: list[int]) -> int:
        factors = [products.get(term) for term in terms]
        if len(terms) >= least:
            if None not in factors:
                return n_ary("dot", terms)
            if factors.index(None) == len(terms) - 1:
                return n_ary("net", terms[:-1], written(terms[-1]))
            if not any(factors):
                return _sum(numbering, "sum", tuple(map(written, terms)), most)
        if most is not None and len(terms) > most:  # some are products, and others are not
            size = min(PART, most)
            pieces = [terms[start : start + size] for start in range(0, len(terms), size)]
            return _sum(numbering, "sum", tuple(map(total, pieces)), most)
        result = written(terms[0])
        for term in terms[1:]:
            result = numbering.add("+", (result, written(term)))
        return result

    def n_ary(op: str, terms: list[int], *last: int) -> int:
        pairs = [products.pop(term) for term in terms]
        left, right = ([slots[pair[side]] for pair in pairs] for side in (0, 1))
        return _sum(numbering, op, (*left, *right, *last), most)

    for slot, (op, operands) in enumerate(operations, first):
        slots.append(None)
        if op == "+":
            left, right = operands
            if right in sums:
                written(right)
            sums[slot] = sums.pop(left) if left in sums and left != right else [left]
            sums[slot].append(right)
        elif op == "*":
            products[slot] = operands[0], operands[1]
            for operand in operands:
                written(operand)
        elif op in ("sum", "dot", "net"):
            slots[slot] = _sum(numbering, op, tuple(map(written, operands)), most)
        else:
            slots[slot] = numbering.add(op, tuple(map(written, operands)))
        if uses[slot] != 1:
            written(slot)
    return numbering.program([written(slot) for slot in program.outputs])


def _sum(numbering: Numbering, op: str, operands: tuple[int, ...], most: int | None) -> int:
    """Write a sum, or one of parts."""
    count = len(operands) if op == "sum" else len(operands) // 2
    if most is None or count <= most:
        return numbering.add(op, operands)
    parts, size = [], min(PART, most)
    for start in range(0, count, size):
        stop = min(start + size, count)
        if op == "sum":
            parts.append(numbering.add("sum", operands[start:stop]))
        else:
            pairs = operands[start:stop] + operands[count + start : count + stop]
            parts.append(numbering.add("dot", pairs))
    if op == "net":
        parts.append(operands[-1])
    return _sum(numbering, "sum", tuple(parts), most)


# --- the product of the chain rule ---------------------------------------------------------------


def unguarded(program: Program) -> Program | None:
    """Make plain products of those of the chain rule, where that can be told by a nan.

    A zero adjoint contributes nothing even through an infinite or undefined local derivative, where
    a plain product gives nan. If that nan is sure to reach an output, then outputs without any nan
    are right, and only others have to be computed by the guarded program.

    Returns:
        The program without guards; None if there are no guards, or a nan might not reach an output.

    Example:
        >>> product = Program(("a", "x"), (), (Operation("·", (0, 1)),), (2,))
        >>> print(unguarded(product))
        %0 = input a
        %1 = input x
        %2 = * %0 %1
        output %2
    """
    first = program.first_result
    guarded = {slot for slot, step in enumerate(program.operations, first) if step.op == "·"}
    if not guarded:
        return None
    tainted, reaching = set(guarded), set(program.outputs)
    for slot, (op, operands) in enumerate(program.operations, first):
        if not tainted.isdisjoint(operands):
            # A choice may drop a nan: with the branch that is not taken, guarded or not.
            if op not in NAN_PASSES and (op != "where" or operands[0] in tainted):
                return None
            tainted.add(slot)
    for slot in range(first + len(program) - 1, first - 1, -1):
        if slot in reaching:
            reaching.update(program.operations[slot - first].operands)
    if not guarded <= reaching:
        return None
    operations = [
        Operation("*", operands) if op == "·" else Operation(op, operands)
        for op, operands in program.operations
    ]
    return Program(program.inputs, program.constants, tuple(operations), program.outputs)


# --- derivatives ---------------------------------------------------------------------------------


def adjoint(program: Program) -> Program:
    """Make the program of the vector-Jacobian product, from the table's partial derivatives.

    Args:
        program: A program of rows of the table, as traced.

    Returns:
        A program with an input more for the adjoint of each output. Its outputs are those of the
        program, and then the adjoint of each of its inputs.

    Raises:
        KeyError: An operation is not in the table.

    Example:
        >>> from autograd.compiler.trace import traced_program
        >>> print(adjoint(traced_program(lambda x: x * 3.0, ["x"])))
        %0 = input x
        %1 = input adjoint of output 0
        %2 = 3.0
        %3 = * %0 %2
        %4 = * %1 %2
        output %3 %4
    """
    inputs = [traced(name) for name in program.inputs]
    seeds = [traced(f"adjoint of output {place}") for place in range(len(program.outputs))]
    nodes = [*inputs, *map(as_value, program.constants)]
    for op, operands in program.operations:
        parents = tuple([nodes[slot] for slot in operands])
        if (rule := rule_of(op)) is None:
            raise KeyError(op)
        nodes.append(record(rule, parents))
    outputs = [nodes[slot] for slot in program.outputs]
    root: Value = dot(outputs, seeds) if len(outputs) != 1 else outputs[0]
    order = interior(root, stop=inputs)
    seed: Value | float = seeds[0] if len(outputs) == 1 else 1.0
    found = recorded_adjoints(root, order, dependents(order, inputs), seed)
    adjoints = [found.get(leaf, 0.0) for leaf in inputs]
    return without_dead_code(program_of([*outputs, *adjoints], [*inputs, *seeds]))


# --- all together --------------------------------------------------------------------------------


def optimised(program: Program) -> Program:
    """Lower a program, and leave out what is repeated, constant or dead.

    Args:
        program: A program as traced.

    Returns:
        A program of primitive operations.
    """
    for each in (lowered, folded, without_repetition, without_dead_code):
        program = each(program)
    return program
