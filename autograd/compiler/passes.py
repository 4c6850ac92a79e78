"""Passes: each takes a program, does one thing, and returns an equivalent program.

Unless a pass says otherwise, the result computes the same bits as the original program.
"""

from __future__ import annotations

import inspect
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy

from autograd.chain_rule import recorded_gradient
from autograd.compiler.builder import ProgramBuilder, made
from autograd.compiler.definitions import DEFINITIONS
from autograd.compiler.primitives import PRIMITIVES
from autograd.compiler.program import ITEM, Operation, Program, Scan
from autograd.compiler.trace import call_traced, program_of
from autograd.formulary import DEVIATION, ZSCORE
from autograd.functions import dot
from autograd.graph import interior
from autograd.helper_rules import PRODUCTS
from autograd.rule import VALUES, OwnName, Rule, rule_of
from autograd.traced import traced
from autograd.tracing import TracingError
from autograd.value import Value, as_value, record

__all__ = [
    "adjoint",
    "drop_guards",
    "eliminate_common_subexpressions",
    "eliminate_dead_code",
    "fold_constants",
    "fuse_sums",
    "lower",
    "with_bodies",
]

COMMUTATIVE = frozenset(op for op, primitive in PRIMITIVES.items() if primitive.is_commutative)


def with_bodies(program: Program, change: Callable[[Program], Program]) -> Program:
    """Apply a pass to the bodies of loops.

    Args:
        program: A program.
        change: The pass.

    Returns:
        The program, with other bodies; itself if it has no loop.

    Example:
        >>> with_bodies(Program(("x",), (), (), (0,)), eliminate_dead_code).operations
        ()
    """
    if not any(isinstance(op, Scan) for op, _ in program.operations):
        return program
    operations = [
        made((op.of(change(op.body)), operands)) if isinstance(op, Scan) else made((op, operands))
        for op, operands in program.operations
    ]
    return Program(program.inputs, program.constants, tuple(operations), program.outputs)


# --- what need not be computed -------------------------------------------------------------------


def eliminate_dead_code(program: Program) -> Program:
    """Leave out the operations and constants that no output depends on; inputs stay.

    Example:
        >>> from autograd.compiler.trace import traced_program
        >>> program = Program(("x",), (), (Operation("sin", (0,)), Operation("exp", (0,))), (2,))
        >>> print(eliminate_dead_code(program))
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
    inputs = len(program.inputs)
    constants = [place for place in range(len(program.constants)) if used[inputs + place]]
    slots: list[Any] = [*range(inputs), *[None] * (first - inputs)]
    for slot, place in enumerate(constants, inputs):
        slots[inputs + place] = slot
    kept: list[Operation] = []
    count = inputs + len(constants)
    for slot, (op, operands) in enumerate(operations, first):
        if used[slot]:
            kept.append(made((op, tuple(map(slots.__getitem__, operands)))))
            slots.append(count)
            count += 1
        else:
            slots.append(None)
    return Program(
        program.inputs,
        tuple([program.constants[place] for place in constants]),
        tuple(kept),
        tuple([slots[slot] for slot in program.outputs]),
    )


def eliminate_common_subexpressions(program: Program) -> Program:
    """Compute common subexpressions once.

    Example:
        >>> program = Program(
        ...     ("x",),
        ...     (),
        ...     (Operation("sin", (0,)), Operation("sin", (0,)), Operation("*", (1, 2))),
        ...     (3,),
        ... )
        >>> print(eliminate_common_subexpressions(program))
        %0 = input x
        %1 = sin %0
        %2 = * %1 %1
        output %2
    """
    known: dict[Any, int] = {}
    slots = [
        *range(len(program.inputs)),
        *ProgramBuilder(program.inputs, program.constants).constants,
    ]
    operations: list[Operation] = []
    count = program.first_result
    is_moved = slots != [*range(count)]  # whether slots have other numbers in the new program
    for step in program.operations:
        op, operands = step
        if is_moved:
            operands = tuple(map(slots.__getitem__, operands))
            step = made((op, operands))
        key: Any = step
        if op in COMMUTATIVE:
            x, y = operands
            if x > y:
                key = op, (y, x)
        elif type(op) is not str and isinstance(op, OwnName):  # two functions may have one name
            key = op.rule, operands
        slot = known.setdefault(key, count)
        if slot == count:
            operations.append(step)
            count += 1
        else:
            is_moved = True
        slots.append(slot)
    return Program(
        program.inputs,
        program.constants,
        tuple(operations),
        tuple([slots[slot] for slot in program.outputs]),
    )


# --- constants and identities --------------------------------------------------------------------


def fold_constants(program: Program) -> Program:
    """Evaluate what depends on constants only, and apply identities that hold for every float.

    Powers with the exponents 2, 3 and 4 become products, which can change the last bits.

    Example:
        >>> from autograd.compiler.trace import traced_program
        >>> program = traced_program(lambda x: (x * 1.0) ** 2.0, ["x"])
        >>> print(eliminate_dead_code(fold_constants(program)))
        %0 = input x
        %1 = * %0 %0
        output %1
    """
    builder, folding = ProgramBuilder(program.inputs, program.constants), _Folding()
    slots = [*range(len(program.inputs)), *builder.constants]
    inputs, first, add, write = len(program.inputs), builder.first, builder.add, slots.append
    for op, operands in program.operations:
        found = tuple(map(slots.__getitem__, operands))
        if op == "*" or op == "·":  # the most common operations, if no operand is a constant
            x, y = found
            if (x >= first or 0 <= x < inputs) and (y >= first or 0 <= y < inputs):
                write(folding.plain_product(builder, op, x, y))
                continue
        if op in _RULES or (found and min(found) < first):
            write(folding.rewrite(builder, op, found))
        else:
            write(add(op, found))
    return builder.program([slots[slot] for slot in program.outputs])


class _Folding:
    """What is known about the slots of the new program, and a rewrite rule for each operation.

    Attributes:
        negated: For the slot of -x, the slot of x.
        scaled: For the slot of c x, c and the slot of x.
        finite: Slots that are never infinite or nan.
        conditions: Slots that are 0 or 1.
    """

    def __init__(self) -> None:
        self.negated: dict[int, int] = {}
        self.scaled: dict[int, tuple[float, int]] = {}
        self.finite: set[int] = set()
        self.conditions: set[int] = set()

    def rewrite(self, builder: ProgramBuilder, op: str, operands: tuple[int, ...]) -> int:
        """Write an operation, or a simpler equivalent."""
        numbers: Numbers = (None,) * len(operands)
        rule = _RULES.get(op)
        if operands and min(operands) < builder.first:  # some may be constants
            numbers = tuple([builder.number(slot) for slot in operands])
            if None not in numbers and op in PRIMITIVES:
                return builder.constant(_evaluated(op, numbers))
            rule = rule or _RULES_OF_CONSTANTS.get(op)
        return rule(self, builder, op, operands, numbers) if rule else builder.add(op, operands)

    def product(
        self, builder: ProgramBuilder, op: str, operands: tuple[int, ...], numbers: Numbers
    ) -> int:
        """1 x and -1 x; the product of the chain rule, if a plain product is safe."""
        (x, y), (c, d) = operands, numbers
        if 1.0 in numbers:
            return y if c == 1.0 else x
        if op == "·" and ((c is not None and c != 0.0) or _is_finite(d) or y in self.finite):
            op = "*"
        if op == "*" and -1.0 in numbers:
            return self.negative(builder, "neg", (y if c == -1.0 else x,), numbers)
        slot = self.plain_product(builder, op, x, y)
        if op == "*" and c is not None:
            self.scaled[slot] = c, y
        elif op == "*" and d is not None:
            self.scaled[slot] = d, x
        return slot

    def plain_product(self, builder: ProgramBuilder, op: str, x: int, y: int) -> int:
        """The same, if neither operand is a constant that matters."""
        finite = self.finite
        if not finite:
            return builder.add(op, (x, y))
        if op == "·" and y in finite:
            op = "*"
        slot = builder.add(op, (x, y))
        if (x in finite and y in self.conditions) or (y in finite and x in self.conditions):
            finite.add(slot)
        return slot

    def masked(
        self, builder: ProgramBuilder, op: str, operands: tuple[int, ...], numbers: Numbers
    ) -> int:
        """The product with a mask: the chain rule's other product, if that is the same."""
        (c, d), x = numbers, operands[0]
        if x in self.finite or (_is_finite(c) and c) or (_is_finite(d) and d):
            return self.product(builder, "·", operands, numbers)
        return builder.add(op, operands)

    def negative(
        self, builder: ProgramBuilder, op: str, operands: tuple[int, ...], numbers: Numbers
    ) -> int:
        """-(-x)."""
        if operands[0] in self.negated:
            return self.negated[operands[0]]
        slot = builder.add(op, operands)
        self.negated[slot] = operands[0]
        return slot

    def size(
        self, builder: ProgramBuilder, op: str, operands: tuple[int, ...], numbers: Numbers
    ) -> int:
        """|-x| and |c x|."""
        (x,) = operands
        if x in self.negated:
            return self.rewrite(builder, op, (self.negated[x],))
        if x in self.scaled:
            c, y = self.scaled[x]
            size = self.rewrite(builder, op, (y,))
            return self.rewrite(builder, "*", (builder.constant(abs(c)), size))
        return builder.add(op, operands)

    def choice(
        self, builder: ProgramBuilder, op: str, operands: tuple[int, ...], numbers: Numbers
    ) -> int:
        """A known condition, equal branches, or a condition used as a number."""
        condition, x, y = operands
        if numbers[0] is not None:
            return x if numbers[0] else y
        if x == y:
            return x
        if condition in self.conditions and numbers[1] == 1.0 and _is_plus_zero(numbers[2]):
            return condition
        slot = builder.add(op, operands)
        if all(
            branch in self.finite or _is_finite(number)
            for branch, number in zip(operands[1:], numbers[1:], strict=True)
        ):
            self.finite.add(slot)
        return slot

    def pick(
        self, builder: ProgramBuilder, op: str, operands: tuple[int, ...], numbers: Numbers
    ) -> int:
        """The largest or smallest of a single operand."""
        return operands[0] if len(operands) == 1 else builder.add(op, operands)

    def condition(
        self, builder: ProgramBuilder, op: str, operands: tuple[int, ...], numbers: Numbers
    ) -> int:
        """A comparison, which is 0 or 1."""
        slot = builder.add(op, operands)
        self.conditions.add(slot)
        self.finite.add(slot)
        return slot

    def total(
        self, builder: ProgramBuilder, op: str, operands: tuple[int, ...], numbers: Numbers
    ) -> int:
        """x + -0."""
        if _is_minus_zero(numbers[0]):
            return operands[1]
        return operands[0] if _is_minus_zero(numbers[1]) else builder.add(op, operands)

    def difference(
        self, builder: ProgramBuilder, op: str, operands: tuple[int, ...], numbers: Numbers
    ) -> int:
        """x - 0."""
        return operands[0] if _is_plus_zero(numbers[1]) else builder.add(op, operands)

    def quotient(
        self, builder: ProgramBuilder, op: str, operands: tuple[int, ...], numbers: Numbers
    ) -> int:
        """x / 1."""
        return operands[0] if numbers[1] == 1.0 else builder.add(op, operands)

    def power(
        self, builder: ProgramBuilder, op: str, operands: tuple[int, ...], numbers: Numbers
    ) -> int:
        """Small exponents."""
        if numbers[1] in _POWERS:
            return _POWERS[numbers[1]](builder, operands[0])
        return builder.add(op, operands)


Numbers = tuple[float | None, ...]
"""The number of each operand that is a constant; None for the others."""

_RULES = {
    "*": _Folding.product,
    "·": _Folding.product,
    "masked": _Folding.masked,
    "neg": _Folding.negative,
    "abs": _Folding.size,
    "where": _Folding.choice,
    "max": _Folding.pick,
    "min": _Folding.pick,
    **{op: _Folding.condition for op in PRIMITIVES if PRIMITIVES[op].is_condition},
}
_RULES_OF_CONSTANTS = {
    "+": _Folding.total,
    "-": _Folding.difference,
    "/": _Folding.quotient,
    "**": _Folding.power,
}
"""Rules that apply only if an operand is a constant."""


def _evaluated(op: str, numbers: Sequence[Any]) -> float:
    with numpy.errstate(all="ignore"):
        return float(PRIMITIVES[op].on_arrays(*numbers))


def _is_finite(number: float | None) -> bool:
    return number is not None and math.isfinite(number)


def _is_plus_zero(number: float | None) -> bool:
    return number == 0.0 and math.copysign(1.0, number) > 0.0


def _is_minus_zero(number: float | None) -> bool:
    return number == 0.0 and math.copysign(1.0, number) < 0.0


def _square(builder: ProgramBuilder, x: int) -> int:
    return builder.add("*", (x, x))


_POWERS: dict[float | None, Callable[[ProgramBuilder, int], int]] = {
    0.0: lambda builder, x: builder.constant(1.0),
    1.0: lambda builder, x: x,
    2.0: _square,
    3.0: lambda builder, x: builder.add("*", (_square(builder, x), x)),
    4.0: lambda builder, x: _square(builder, _square(builder, x)),
    -1.0: lambda builder, x: builder.add("/", (builder.constant(1.0), x)),
}


# --- rows in primitive operations ----------------------------------------------------------------


def lower(program: Program) -> Program:
    """Replace rows of the table that are not primitive operations by their definitions.

    A user's row is replaced by its own evaluation, traced.

    Raises:
        TracingError: The evaluation of a user's function cannot be traced.

    Example:
        >>> from autograd.compiler.trace import traced_program
        >>> print(lower(traced_program(lambda x: x.square(), ["x"])))
        %0 = input x
        %1 = * %0 %0
        output %1
    """
    if all(map(_is_primitive, program.counts())):
        return program
    builder = ProgramBuilder(program.inputs, program.constants)
    slots = [*range(len(program.inputs)), *builder.constants]
    for op, operands in program.operations:
        slots.append(_inlined(builder, op, tuple(map(slots.__getitem__, operands))))
    return builder.program([slots[slot] for slot in program.outputs])


def _is_primitive(op: str) -> bool:
    return (op in PRIMITIVES and op not in DEFINITIONS) or op == ITEM or isinstance(op, Scan)


def _inlined(builder: ProgramBuilder, op: str, operands: tuple[int, ...]) -> int:
    if _is_primitive(op):
        return builder.add(op, operands)
    if op in SHARED:
        operands = operands[0], *sorted(operands)
    elif op in SYMMETRIC:
        operands = tuple(sorted(operands))
    rule = rule_of(op)
    if rule is None:
        raise KeyError(op)
    definition = _definition(rule, len(operands))
    slots = [*operands, *map(builder.constant, definition.constants)]
    for inner, inner_operands in definition.operations:
        slots.append(_inlined(builder, inner, tuple([slots[slot] for slot in inner_operands])))
    return slots[definition.outputs[0]]


SHARED = {"softmax", "direction_", ZSCORE, DEVIATION}
"""Families with one row for each of several operands, which comes first in it. A row is defined by
it and by all operands in sorted order, so that what the rows share is computed once."""
SYMMETRIC = {"hypot", "norm"}
"""Rows whose operands are put in that order too: directions share their lengths."""


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
"""The maximum number of terms that are added in order, if the order is not required."""
PART = 512
"""How many terms each part of a larger sum has."""


def fuse_sums(program: Program, least: int = 4, most: int | None = None) -> Program:
    """Replace a chain of additions by one n-ary operation: a `dot`, `net` or `sum`.

    The terms stay in order. Backends may fuse a product with its addition to a sum, with one
    rounding.

    Args:
        program: The program.
        least: The least number of terms for which to make an n-ary operation.
        most: The greatest number of terms that are added in order, at least two. A larger sum is
            computed in parts, so that its error does not grow with the number of terms; its last
            bits differ. None always keeps the order.

    Example:
        >>> from autograd.compiler.trace import traced_program
        >>> print(fuse_sums(traced_program(lambda x, y: x * y + x * x + y * y + x * x, ["x", "y"])))
        %0 = input x
        %1 = input y
        %2 = dot %0 %0 %1 %0 %1 %0 %1 %0
        output %2
    """
    first, operations = program.first_result, program.operations
    uses = Counter(chain.from_iterable(map(itemgetter(1), operations)))
    uses.update(program.outputs)
    builder = ProgramBuilder(program.inputs, program.constants)
    slots: list[Any] = [*range(len(program.inputs)), *builder.constants]
    # A term that is used once is written where it is used, unless a sum takes it in: by slot of
    # the old program, the terms of a sum and the factors of a product that are not written yet.
    sums: dict[int, list[int]] = {}
    products: dict[int, tuple[int, ...]] = {}
    found: Any

    def written(slot: int) -> int:
        if slots[slot] is None:
            if slot in sums:
                slots[slot] = total(sums.pop(slot))
            else:
                left, right = products.pop(slot)
                slots[slot] = builder.add("*", (slots[left], slots[right]))
        return slots[slot]  # type: ignore[no-any-return]

    def total(terms: list[int]) -> int:
        factors = [products.get(term) for term in terms]
        if len(terms) >= least:
            if None not in factors:
                return n_ary("dot", terms)
            if factors.index(None) == len(terms) - 1:
                return n_ary("net", terms[:-1], written(terms[-1]))
            if not any(factors):
                return _sum(builder, "sum", tuple(map(written, terms)), most)
        if most is not None and len(terms) > most:  # some terms are products, others are not
            size = min(PART, most)
            pieces = [terms[start : start + size] for start in range(0, len(terms), size)]
            return _sum(builder, "sum", tuple(map(total, pieces)), most)
        result = written(terms[0])
        for term in terms[1:]:
            result = builder.add("+", (result, written(term)))
        return result

    def n_ary(op: str, terms: list[int], *last: int) -> int:
        pairs = [products.pop(term) for term in terms]
        left, right = ([slots[pair[side]] for pair in pairs] for side in (0, 1))
        return _sum(builder, op, (*left, *right, *last), most)

    for slot, (op, operands) in enumerate(operations, first):
        slots.append(None)
        if op == "+" or op == "*":
            left, right = operands
            if op == "*":
                found = slots[left], slots[right]
                if None in found:
                    found = written(left), written(right)
                if uses[slot] != 1:
                    slots[slot] = builder.add(op, found)
                else:
                    products[slot] = operands
                continue
            if right in sums:
                written(right)
            if uses[slot] != 1 and left not in sums and least > 2:  # a sum of two terms
                slots[slot] = builder.add(op, (written(left), written(right)))
                continue
            sums[slot] = sums.pop(left) if left in sums and left != right else [left]
            sums[slot].append(right)
            if uses[slot] != 1:
                written(slot)
        else:
            found = tuple(map(slots.__getitem__, operands))
            if None in found:
                found = tuple(map(written, operands))
            is_sum = op in PRIMITIVES and PRIMITIVES[op].sequences
            slots[slot] = _sum(builder, op, found, most) if is_sum else builder.add(op, found)
    return builder.program([written(slot) for slot in program.outputs])


def _sum(builder: ProgramBuilder, op: str, operands: tuple[int, ...], most: int | None) -> int:
    """Write a sum, in parts if it is large."""
    sequences, bias = PRIMITIVES[op].split(operands)
    count = len(sequences[0])
    if most is None or count <= most or PRIMITIVES[op].picks:
        return builder.add(op, operands)
    part, size = "sum" if len(sequences) == 1 else "dot", min(PART, most)
    parts = [
        builder.add(part, tuple(x for sequence in sequences for x in sequence[i : i + size]))
        for i in range(0, count, size)
    ]
    return _sum(builder, "sum", (*parts, *bias), most)


# --- the product of the chain rule ---------------------------------------------------------------


def drop_guards(program: Program) -> Program | None:
    """Replace the chain rule's guarded products by plain ones, if a nan betrays every wrong output.

    A zero adjoint contributes nothing even through an infinite or undefined local derivative, where
    a plain product gives nan. If that nan is certain to reach an output, then outputs without a nan
    are right, and only the others need the guarded program.

    Returns:
        The program without guards; None if there are no guards, or a nan might not reach an output.

    Example:
        >>> product = Program(("a", "x"), (), (Operation("·", (0, 1)),), (2,))
        >>> print(drop_guards(product))
        %0 = input a
        %1 = input x
        %2 = * %0 %1
        output %2
    """
    if not _has_guards(program):
        return None
    tainted = _tainted(program, [False] * len(program.inputs))
    if tainted is None or _reaching(program, program.outputs) is None:
        return None
    return _without_guards(program)


def _has_guards(program: Program) -> bool:
    return any(
        op in PRODUCTS or (isinstance(op, Scan) and _has_guards(op.body))
        for op, _ in program.operations
    )


def _without_guards(program: Program) -> Program:
    plain = [made(("*" if op in PRODUCTS else op, operands)) for op, operands in program.operations]
    whole = Program(program.inputs, program.constants, tuple(plain), program.outputs)
    return with_bodies(whole, _without_guards)


DROPPING = frozenset(op for op, primitive in PRIMITIVES.items() if not primitive.propagates_nan)


def _tainted(program: Program, inputs: Sequence[bool]) -> list[Any] | None:
    """Tell for each slot whether it may be nan for want of a guard.

    For a loop it tells that of each carry and column. None if an operation might drop such a nan.
    """
    tainted: list[Any] = [*inputs, *[False] * len(program.constants)]
    taint, is_tainted = tainted.append, tainted.__getitem__
    for op, operands in program.operations:
        if isinstance(op, Scan):
            whole = _tainted_by(program, op, operands, tainted)
            if whole is None:
                return None
            taint(whole)
            continue
        if op == ITEM:
            taint(tainted[operands[0]][_part_of(program, operands)])
            continue
        found = op in PRODUCTS or any(map(is_tainted, operands))
        # A choice drops the nan of a branch not taken, whether or not products are guarded.
        if found and op in DROPPING:
            decisive = operands[:1] if op == "where" else operands
            if any(map(is_tainted, decisive)):
                return None
        taint(found)
    return tainted


def _loop_at(program: Program, slot: int) -> Scan:
    scan = program.operations[slot - program.first_result].op
    assert isinstance(scan, Scan)
    return scan


def _part_of(program: Program, operands: tuple[int, ...]) -> int:
    """Tell which carry an item of a loop is, or, counted after the carries, of which column."""
    scan = _loop_at(program, operands[0])
    place = int(program.constant(operands[1]) or 0.0)
    if place < scan.carried:
        return place
    return scan.carried + (place - scan.carried) % scan.width


def _tainted_by(
    program: Program, scan: Scan, operands: tuple[int, ...], tainted: Sequence[Any]
) -> tuple[bool, ...] | None:
    """Tell that of a loop: of its last carry, and of its columns."""
    constants, init, given, loops = scan.divided(operands)
    fixed = [tainted[x] for x in constants]
    rows = [any(tainted[x] for x in given[k :: scan.scanned]) for k in range(scan.scanned)]
    elements = [
        tainted[loops[number]][_loop_at(program, loops[number]).carried + column]
        for number, column in scan.columns
    ]
    carry = [tainted[x] for x in init]
    while True:
        found = _tainted(scan.body, [False, *fixed, *carry, *rows, *elements])
        if found is None:
            return None
        results = [found[x] for x in scan.body.outputs]
        if scan.stops and results[-1]:
            return None
        grown = [x or y for x, y in zip(carry, results, strict=False)]
        if grown == carry:
            handed = results[scan.carried : scan.carried + scan.width]
            return (*carry, *handed, *carry)
        carry = grown


def _reaching(
    program: Program, outputs: Iterable[int], *, strictly: bool = True
) -> list[bool] | None:
    """Tell for each slot whether a nan there reaches an output.

    Strictly, None if one for want of a guard might not.
    """
    first, operations = program.first_result, program.operations
    reaching = [False] * (first + len(operations))
    wanted: dict[int, set[int]] = {}  # of a loop: which carries and columns
    for slot in outputs:
        reaching[slot] = True
    for slot in range(first + len(operations) - 1, first - 1, -1):
        op, operands = operations[slot - first]
        if isinstance(op, Scan):
            parts = wanted.get(slot, set())
            if not _reaching_from(program, slot, parts, reaching, wanted) and strictly:
                return None
        elif reaching[slot]:
            if op == ITEM:
                wanted.setdefault(operands[0], set()).add(_part_of(program, operands))
            else:
                for operand in operands:
                    reaching[operand] = True
        elif op in PRODUCTS and strictly:
            return None
    return reaching


def _reaching_from(
    program: Program,
    slot: int,
    parts: set[int],
    reaching: list[bool],
    wanted: dict[int, set[int]],
) -> bool:
    """Enter what reaches an output through a loop; False if a nan in it might not."""
    scan, operands = program.operations[slot - program.first_result]
    assert isinstance(scan, Scan)
    constants, init, given, loops = scan.divided(operands)
    m, n, handed = scan.carried, scan.constants, scan.carried + scan.width
    # The carries that steps begin with are those of the step before.
    kept = {part - handed for part in parts if part >= handed}
    parts = {part for part in parts if part < handed} | kept
    body, leaves = scan.body, [False]
    while True:
        found = _reaching(body, [body.outputs[part] for part in parts], strictly=False)
        leaves = (found or [])[1 : len(body.inputs)]
        more = {place for place in range(m) if leaves[n + place]} - parts
        if not more:
            break
        parts |= more
    for x, is_reaching in zip((*constants, *init), leaves, strict=False):
        reaching[x] |= is_reaching
    for place in kept:
        reaching[init[place]] = True
    for k in range(scan.scanned):
        if leaves[n + m + k]:
            for x in given[k :: scan.scanned]:
                reaching[x] = True
    for (number, column), is_reaching in zip(
        scan.columns, leaves[n + m + scan.scanned :], strict=True
    ):
        if is_reaching:
            of_other = _loop_at(program, loops[number]).carried + column
            wanted.setdefault(loops[number], set()).add(of_other)
    return _reaching(body, [body.outputs[part] for part in parts]) is not None


# --- derivatives ---------------------------------------------------------------------------------


def adjoint(program: Program) -> Program:
    """Make the program of the vector-Jacobian product, from the table's partial derivatives.

    Args:
        program: A program of rows of the table, as traced.

    Returns:
        A program with one more input for the adjoint of each output. Its outputs are those of the
        program, followed by the adjoint of each of its inputs.

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
    adjoints = recorded_gradient(root, order, inputs, seed)
    return eliminate_dead_code(program_of([*outputs, *adjoints], [*inputs, *seeds]))
