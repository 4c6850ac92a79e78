"""Programs as C: one file of C99 that needs only the C library.

The operations become statements in order, one row at a time; sums over contiguous numbers become
loops. Compilers take more than linear time for a long function, so a long program is cut into
pieces, each a function of its own. Numbers that one piece passes to another, or that a loop reads,
are in a work array, whose elements are reused as soon as nothing reads them any more.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple, TypeAlias

from autograd import special
from autograd.compiler.passes import MANY_TERMS, fuse_sums, with_bodies
from autograd.compiler.pipeline import optimise
from autograd.compiler.primitives import PRIMITIVES, Primitive
from autograd.compiler.program import ITEM, Operation, Program, Scan
from autograd.errors import shown

__all__ = ["file_of", "to_c"]

PIECE = 500
"""About how many statements a function has."""
LEAST_LOOP = 8
"""The least number of terms, at equal distances in memory, for which a sum is a loop."""
LINE = 4
"""How many terms of a sum stand on a line."""
STACK = 4_096
"""The maximum number of elements of a work array that is a local variable."""
MOST = 170
"""The largest number whose factorial is a float."""


def to_c(program: Program, name: str = "f") -> str:
    """Write the program as a file of C99 that needs only the C library.

    The file defines `void f(const double *inputs, double *outputs)`, and the number of inputs and
    outputs as `F_INPUTS` and `F_OUTPUTS`. It allocates no memory. For a function and its gradient,
    use the program of `compile(value_and_grad(function))`.

    Args:
        program: The program, as traced.
        name: The name of the function in C.

    Returns:
        The text of the file. Compile it without `-ffast-math`, and with `-ffp-contract=off` for
        the bits of Python's arithmetic; sums of more than 2,048 terms are computed in parts.

    Raises:
        ValueError: The name is not an identifier of C, or is taken; or the program is malformed, or
            contains an operation that has no C code.

    Example:
        >>> from autograd.compiler.program import Operation
        >>> program = Program(("x",), (2.0,), (Operation("*", (0, 1)),), (2,))
        >>> print(program.to_c("twice").partition("#include")[2])
         <math.h>
        ...
        void twice(const double *inputs, double *outputs)
        {
            const double v2 = inputs[0] * 2.0;
            outputs[0] = v2;
        }
        <BLANKLINE>
    """
    if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name):
        raise ValueError(
            f"to_c: name must be an identifier of C, letters, digits and _, got {shown(name)}"
        )
    if name in TAKEN:
        raise ValueError(f"to_c: the name {name!r} has a meaning in C already: choose another")

    def fused(program: Program) -> Program:
        return with_bodies(fuse_sums(program, most=MANY_TERMS), fused)

    return file_of(fused(optimise(program.checked())), name)


Program.to_c = to_c  # type: ignore[method-assign, assignment]  # a program stands below what writes it


KEYWORDS = [
    "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break",
    "case", "catch", "char", "class", "compl", "const", "const_cast", "constexpr", "continue",
    "decltype", "default", "delete", "do", "double", "dynamic_cast", "else", "enum", "explicit",
    "export", "extern", "false", "float", "for", "friend", "goto", "if", "inline", "int", "long",
    "mutable", "namespace", "new", "noexcept", "not", "not_eq", "nullptr", "operator", "or",
    "or_eq", "private", "protected", "public", "register", "reinterpret_cast", "restrict", "return",
    "short", "signed", "sizeof", "static", "static_assert", "static_cast", "struct", "switch",
    "template", "this", "thread_local", "throw", "true", "try", "typedef", "typeid", "typename",
    "typeof", "union", "unsigned", "using", "virtual", "void", "volatile", "wchar_t", "while",
    "xor", "xor_eq",
]  # fmt: skip
"""Keywords of C, C23 included, and of C++."""

MATH = [
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "copysign", "cos",
    "cosh", "erf", "erfc", "exp", "exp2", "expm1", "fabs", "fdim", "floor", "fma", "fmax", "fmin",
    "fmod", "fpclassify", "frexp", "gamma", "hypot", "ilogb", "isfinite", "isgreater",
    "isgreaterequal", "isinf", "isless", "islessequal", "islessgreater", "isnan", "isnormal",
    "isunordered", "j0", "j1", "jn", "ldexp", "lgamma", "llrint", "llround", "log", "log10",
    "log1p", "log2", "logb", "lrint", "lround", "modf", "nan", "nearbyint", "nextafter",
    "nexttoward", "pow", "remainder", "remquo", "rint", "round", "scalb", "scalbln", "scalbn",
    "significand", "signbit", "sin", "sinh", "sqrt", "tan", "tanh", "tgamma", "trunc", "y0", "y1",
    "yn",
]  # fmt: skip

TAKEN = {
    *KEYWORDS, *MATH, *(f"{function}{kind}" for function in MATH for kind in "fl"),
    "HUGE_VAL", "INFINITY", "NAN", "abort", "abs", "div", "double_t", "exit", "float_t", "free",
    "inputs", "labs", "main", "malloc", "outputs", "signgam", "work",
}  # fmt: skip

# --- where numbers are ---------------------------------------------------------------------------


class _Place(NamedTuple):
    """An element of an array."""

    array: str
    offset: int


class _Fill(NamedTuple):
    """A range of outputs that equal one slot."""

    start: int
    stop: int
    slot: int


@dataclass(slots=True)
class _Piece:
    """The slots that a function computes, and the outputs that it writes."""

    slots: list[int] = field(default_factory=list)
    fills: list[_Fill] = field(default_factory=list)
    cost: int = 0


def _pieces(program: Program) -> list[_Piece]:
    """Cut a program into pieces. Each writes the outputs that it computes."""
    first = program.first_result
    fills: dict[int, list[_Fill]] = {}
    start = 0
    for slot, run in groupby(program.outputs):
        stop = start + len(list(run))
        fills.setdefault(slot, []).append(_Fill(start, stop, slot))
        start = stop
    pieces = [_Piece()]

    def room(cost: int) -> _Piece:
        if pieces[-1].cost and pieces[-1].cost + cost > PIECE:
            pieces.append(_Piece())
        pieces[-1].cost += cost
        return pieces[-1]

    for slot, (_, operands) in enumerate(program.operations, first):
        own = fills.pop(slot, [])
        piece = room(1 + len(operands) // LINE + len(own))
        piece.slots.append(slot)
        piece.fills += own
    for fill in sorted(fill for rest in fills.values() for fill in rest):
        room(1).fills.append(fill)
    return pieces


class _Space(NamedTuple):
    """The memory of a loop of the program, in the work array.

    Attributes:
        last: Where its last carry begins.
        taken: Where the number of steps that it took is.
        columns: Where its columns begin; the elements of a step are side by side.
        width: How many columns there are.
        tables: For each number that a step is passed, where copies of them begin; -1 if they are
            at equal distances in the inputs already, or all the same.
        inner: The loops in its body, by slot.
        places: The places of those of the body's slots that are numbers of such loops.
    """

    last: int
    taken: int
    columns: int
    width: int
    tables: tuple[int, ...]
    inner: dict[int, _Space]
    places: dict[int, _Place]


class _Memory:
    """Decides which constants and results are in arrays, and where.

    Attributes:
        places: The place of each slot that is an element of an array.
        constants: The array of constants.
        size: The length of the work array.
    """

    def __init__(self, program: Program, pieces: Sequence[_Piece]) -> None:
        self.places = {slot: _Place("inputs", slot) for slot in range(len(program.inputs))}
        self.constants: list[float] = []
        self.size = 0
        self._program = program
        self._groups: dict[int, list[int]] = {}  # for a slot, its contiguous group
        self.spaces, found = self._loops(program)
        self.places |= found
        self._group()
        for slot, number in enumerate(program.constants, len(program.inputs)):
            if slot not in self._groups and not _is_short(number):
                self._groups[slot] = [slot]
        for slot in [slot for slot in self._groups if slot < program.first_result]:
            self._place_constants(self._groups[slot])
        self._share(pieces)

    def _take(self, count: int) -> int:
        self.size += count
        return self.size - count

    def _loops(self, program: Program) -> tuple[dict[int, _Space], dict[int, _Place]]:
        """Allocate memory for loops, and find the places of their numbers."""
        spaces: dict[int, _Space] = {}
        places: dict[int, _Place] = {}
        first = program.first_result
        for slot, (op, operands) in enumerate(program.operations, first):
            if isinstance(op, Scan):
                given = op.divided(operands)[2]
                tables = tuple([
                    -1
                    if program is self._program and self.progresses(given[k :: op.scanned])
                    else self._take(op.steps)
                    for k in range(op.scanned)
                ])  # fmt: skip
                width = op.width + op.carried
                last, count = self._take(op.carried), self._take(1)
                columns = self._take(op.steps * width)
                spaces[slot] = _Space(last, count, columns, width, tables, *self._loops(op.body))
            elif op == ITEM:
                scan, place = program.operations[operands[0] - first].op, operands[1]
                assert isinstance(scan, Scan)
                number, space = int(program.constant(place) or 0.0), spaces[operands[0]]
                offset = space.last + number
                if number >= scan.carried:
                    t, column = divmod(number - scan.carried, scan.width)
                    offset = space.columns + t * space.width + column
                places[slot] = _Place("work", offset)
        return spaces, places

    def progresses(self, slots: Sequence[int]) -> bool:
        """Tell whether some inputs are at equal distances, or slots are all the same."""
        stride = slots[1] - slots[0] if len(slots) > 1 else 0
        if not stride:
            return len({*slots}) == 1
        inputs = len(self._program.inputs)
        return all(
            0 <= slot < inputs and slot == slots[0] + t * stride for t, slot in enumerate(slots)
        )

    def _group(self) -> None:
        """Group the operands of a long sum contiguously, so that a loop can read them."""
        for op, operands in self._program.operations:
            if op not in PRIMITIVES:
                continue
            for side in PRIMITIVES[op].split(operands)[0]:
                for kind, run in groupby(side, self._kind):
                    slots = list(run)
                    if kind and len(slots) >= LEAST_LOOP and len(set(slots)) == len(slots):
                        self._groups.update(dict.fromkeys(slots, slots))

    def _kind(self, slot: int) -> str:
        if slot < len(self._program.inputs) or slot in self._groups or slot in self.places:
            return ""
        return "constant" if slot < self._program.first_result else "result"

    def _place_constants(self, slots: Sequence[int]) -> None:
        for slot in slots:
            if slot not in self.places:
                self.places[slot] = _Place("constants", len(self.constants))
                self.constants.append(self._program.constants[slot - len(self._program.inputs)])

    def _share(self, pieces: Sequence[_Piece]) -> None:
        """Lay out the work array: places are allocated, and freed after their last use."""
        program, first = self._program, self._program.first_result
        last = list(range(first + len(program)))  # for each slot, the last one that reads it
        home = [0] * len(last)
        shared = bytearray(len(last))
        for number, piece in enumerate(pieces):
            for slot in piece.slots:
                home[slot] = number
                for operand in program.operations[slot - first].operands:
                    last[operand] = slot
                    if operand >= first and home[operand] != number:
                        shared[operand] = 1
            for fill in piece.fills:  # written at the end of the piece
                if fill.slot >= first:
                    last[fill.slot] = max(last[fill.slot], piece.slots[-1])
        free: dict[int, list[int]] = {}  # free places, by the size of the group
        ends: dict[int, list[list[int]]] = {}
        for slot in range(first, len(last)):
            group = self._groups.get(slot) or ([slot] if shared[slot] else [])
            if group and slot not in self.places:
                room = free.get(len(group))
                start = room.pop() if room else self.size
                self.size = max(self.size, start + len(group))
                for index, member in enumerate(group, start):
                    self.places[member] = _Place("work", index)
                ends.setdefault(max(last[member] for member in group), []).append(group)
            for group in ends.pop(slot, ()):
                free.setdefault(len(group), []).append(self.places[group[0]].offset)


def _is_short(number: float) -> bool:
    """Tell whether a number has so few digits that it is written where it is used."""
    return not math.isfinite(number) or (abs(number) < 1e6 and (number * 64.0).is_integer())


def _literal(number: float) -> str:
    """Write a number exactly."""
    if math.isnan(number):
        return "NAN"
    if math.isinf(number):
        return "INFINITY" if number > 0.0 else "-INFINITY"
    if _is_short(number):
        return repr(number)
    digits, _, exponent = number.hex().partition("p")
    return f"{digits.rstrip('0').rstrip('.')}p{exponent}"


# --- statements ----------------------------------------------------------------------------------

Term: TypeAlias = "tuple[int, ...]"
"""The slots of the factors of a product, or one slot."""


class _Body:
    """Writes the statements of a piece.

    Attributes:
        lines: The statements so far.
    """

    def __init__(
        self,
        program: Program,
        places: dict[int, _Place],
        spaces: dict[int, _Space],
        name: str,
        prefix: str = "",
    ) -> None:
        self.program, self.places, self.spaces = program, places, spaces
        self.name, self.prefix = name, prefix
        self.known: dict[int, str] = {}  # the inputs of the body of a loop
        self.lines: list[str] = []

    def number(self, slot: int) -> str:
        """Write the variable or element that holds a slot, or the constant itself."""
        first = len(self.program.inputs)
        if first <= slot < self.program.first_result:
            constant = self.program.constants[slot - first]
            if _is_short(constant) or self.prefix:
                return _literal(constant)
        if slot in self.known:
            return self.known[slot]
        place = self.places.get(slot)
        if place is None:
            return f"{self.prefix}v{slot}"
        return self.element(place.array, str(place.offset))

    def element(self, array: str, index: str) -> str:
        return f"{f'{self.name}_{array}' if array == 'constants' else array}[{index}]"

    def add(self, slot: int) -> None:
        """Write one operation."""
        op, operands = self.program.operations[slot - self.program.first_result]
        if isinstance(op, Scan):
            self.add_loop(slot, op, operands)
            return
        if op == ITEM:
            return  # it is in memory
        primitive = PRIMITIVES[op]
        if primitive.sequences:
            self.add_sum(slot, primitive, operands)
            return
        numbers = [self.number(operand) for operand in operands]
        if primitive.c:
            self.define(slot, primitive.c.replace("NAME", self.name).format(*numbers))
        elif primitive.library:
            self.define(slot, f"{primitive.library}({', '.join(numbers)})")
        else:
            raise ValueError(
                f"{op} cannot be written as C: its row has no C code; "
                "compile(f, backend='numpy') evaluates it"
            )

    def define(self, slot: int, expression: str) -> None:
        kind = "" if slot in self.places else "const double "
        self.lines.append(f"{kind}{self.number(slot)} = {expression};")

    def add_loop(self, slot: int, scan: Scan, operands: Sequence[int]) -> None:
        """Write a loop of the program; what it hands out is in the work array."""
        constants, init, given, loops = scan.divided(operands)
        space, read = self.spaces[slot], [self.spaces[loop] for loop in loops]
        p = f"{self.prefix}v{slot}_"
        body = _Body(scan.body, space.places, space.inner, self.name, p)
        rows = []
        for k, start in enumerate(space.tables):
            slots = given[k :: scan.scanned]
            if start >= 0:
                self.lines += [
                    f"work[{start + t}] = {self.number(x)};" for t, x in enumerate(slots)
                ]
                rows.append(f"work[{start} + {p}t]")
            elif len({*slots}) == 1:
                rows.append(self.number(slots[0]))
            else:
                rows.append(f"inputs[{slots[0]} + {slots[1] - slots[0]} * {p}t]")
        steps = f"(long)work[{read[scan.follows].taken}]" if scan.follows >= 0 else str(scan.steps)
        index = f"{p}t" if not scan.start else f"{p}t + {_literal(scan.start)}"
        carry = [f"{p}c{place}" for place in range(scan.carried)]
        elements = [
            f"work[{read[number].columns + column} + {read[number].width} * {p}t]"
            for number, column in scan.columns
        ]
        inputs = ["index", *(["constant"] * len(constants)), *carry, *rows, *elements]
        body.known = dict(enumerate(inputs))
        body.known[0] = f"{p}i"
        body.known |= {place: self.number(x) for place, x in enumerate(constants, 1)}
        for inner in range(scan.body.first_result, scan.body.first_result + len(scan.body)):
            body.add(inner)
        found = [body.number(x) for x in scan.body.outputs]
        kept = [*found[scan.carried : scan.carried + scan.width], *carry]
        inside = [
            f"const long {p}t = {f'{p}n - 1 - {p}k' if scan.reverse else f'{p}k'};",
            f"const double {p}i = (double){index};",
            f"(void){p}i;",
            *body.lines,
            *(
                f"work[{space.columns + column} + {space.width} * {p}t] = {number};"
                for column, number in enumerate(kept)
            ),
            *(f"const double {p}d{place} = {found[place]};" for place in range(scan.carried)),
            *([f"const int {p}more = {found[-1]} != 0.0;"] if scan.stops else []),
            *(f"{p}c{place} = {p}d{place};" for place in range(scan.carried)),
            *([f"if (!{p}more)", "{", f"    {p}k++;", "    break;", "}"] if scan.stops else []),
        ]
        self.lines += [
            "{",
            f"    const long {p}n = {steps};",
            f"    long {p}k;",
            *(f"    double {c} = {self.number(x)};" for c, x in zip(carry, init, strict=True)),
            f"    for ({p}k = 0; {p}k < {p}n; {p}k++) {{",
            *(f"        {line}" for line in inside),
            "    }",
            *(f"    work[{space.last + place}] = {c};" for place, c in enumerate(carry)),
            f"    work[{space.taken}] = (double){p}k;",
            "}",
        ]

    def add_sum(self, slot: int, primitive: Primitive, operands: Sequence[int]) -> None:
        """Write a sum in the order of its terms: as loops, and as lines of terms.

        The largest or smallest of some terms is found the same way, term by term.
        """
        sequences, bias = primitive.split(operands)
        terms: list[Term] = [*zip(*sequences, strict=True), *([tuple(bias)] if bias else [])]
        stretches = list(self.stretches(terms))
        if len(terms) <= LINE and not any(is_loop for _, _, is_loop in stretches):
            self.define(slot, self.joined(primitive, [*map(self.term, terms)]) or "0.0")
            return
        total = f"{self.prefix}v{slot}"
        for start, stop, is_loop in stretches:
            if is_loop and not start:
                self.lines.append(f"double {total} = {self.term(terms[0])};")
            if is_loop:
                factors = zip(terms[start], terms[start + 1], strict=True)
                term = " * ".join(self.progression(*pair) for pair in factors)
                grown = f"= {self.joined(primitive, [total, term])}"
                self.lines += [
                    f"for (long i = {0 if start else 1}; i < {stop - start}; i++)",
                    f"    {total} {grown if primitive.picks else f'+= {term}'};",
                ]
                continue
            for place in range(start, stop, LINE):
                line = terms[place : min(place + LINE, stop)]
                texts = [*([total] if place else []), *map(self.term, line)]
                kind = "" if place else "double "
                self.lines.append(f"{kind}{total} = {self.joined(primitive, texts)};")
        if slot in self.places:
            self.lines.append(f"{self.number(slot)} = {total};")

    def joined(self, primitive: Primitive, texts: Sequence[str]) -> str:
        """Write the sum of some terms, or the expression that picks one of them."""
        if not primitive.picks:
            return " + ".join(texts)
        pick = primitive.c.replace("NAME", self.name)
        return functools.reduce(lambda best, x: pick.format(best, x), texts)

    def term(self, term: Term) -> str:
        return " * ".join(map(self.number, term))

    def stretches(self, terms: Sequence[Term]) -> Iterator[tuple[int, int, bool]]:
        """Cut a sum into ranges of terms, and tell for each whether it is a loop."""
        start = begin = 0
        while begin < len(terms):
            end = begin + 1
            if end < len(terms):
                steps = self.steps(terms[begin], terms[end])
                while steps and end < len(terms) and self.steps(*terms[end - 1 : end + 1]) == steps:
                    end += 1
            if end - begin < LEAST_LOOP:
                begin = max(end - 1, begin + 1)
                continue
            if begin > start:
                yield start, begin, False
            yield begin, end, True
            start = begin = end
        if start < len(terms):
            yield start, len(terms), False

    def steps(self, term: Term, following: Term) -> tuple[int, ...]:
        """Return the distances between the factors of two terms; empty if these are irregular."""
        if len(term) != len(following):
            return ()
        found = []
        for slot, next_slot in zip(term, following, strict=True):
            here, there = map(self.places.get, (slot, next_slot))
            if slot == next_slot:
                found.append(0)
            elif here and there and here.array == there.array:
                found.append(there.offset - here.offset)
            else:
                return ()
        return tuple(found)

    def progression(self, slot: int, next_slot: int) -> str:
        """Write the operand of a loop, given its first two slots."""
        if slot == next_slot:
            return self.number(slot)
        array, start = self.places[slot]
        step = self.places[next_slot].offset - start
        offset = "i" if abs(step) == 1 else f"{abs(step)} * i"
        if step < 0:
            return self.element(array, f"{start} - {offset}")
        return self.element(array, f"{start} + {offset}" if start else offset)

    def hand_back(self, fill: _Fill) -> None:
        """Write a number to the outputs that equal it."""
        number = self.number(fill.slot)
        if fill.stop - fill.start < LEAST_LOOP:
            self.lines += [f"outputs[{i}] = {number};" for i in range(fill.start, fill.stop)]
        else:
            self.lines += [
                f"for (long i = {fill.start}; i < {fill.stop}; i++)",
                f"    outputs[i] = {number};",
            ]


# --- the file ------------------------------------------------------------------------------------

PARAMETERS = {
    "inputs": "const double *inputs", "outputs": "double *outputs", "work": "double *work",
}  # fmt: skip


def file_of(program: Program, name: str) -> str:
    """Write the file of a program of primitive operations.

    Args:
        program: The program, its sums fused.
        name: The name of the function.

    Returns:
        The text of the file.

    Raises:
        ValueError: An operation has no C code.
    """
    pieces = _pieces(program)
    memory = _Memory(program, pieces)
    bodies = [_statements(program, memory, piece, name) for piece in pieces]
    arrays = [[a for a in PARAMETERS if any(f"{a}[" in line for line in body)] for body in bodies]
    functions: list[str] = []
    statements = bodies[0]
    if len(bodies) > 1:
        statements = []
        for number, (body, used) in enumerate(zip(bodies, arrays, strict=True), 1):
            parameters = ", ".join(PARAMETERS[array] for array in used)
            functions += _function(f"static void {name}_{number}({parameters})", body)
            statements.append(f"{name}_{number}({', '.join(used)});")
    if memory.size:
        storage = "" if memory.size <= STACK else "static "
        statements.insert(0, f"{storage}double work[{memory.size}];")
    unused = {"inputs", "outputs"}.difference(*arrays)
    statements += [f"(void){array};" for array in sorted(unused)]
    signature = f"void {name}(const double *inputs, double *outputs)"
    macro = name.upper()
    lines = [
        *_comment(program, name, memory.size > STACK),
        "#include <math.h>", "",
        f"#define {macro}_INPUTS {len(program.inputs)}",
        f"#define {macro}_OUTPUTS {len(program.outputs)}", "",
        "#if defined(__clang__) || !defined(__GNUC__)",
        "#pragma STDC FP_CONTRACT OFF",
        "#endif", "",
        "#ifdef __cplusplus",
        'extern "C"',
        "#endif",
        f"{signature};", "",
        *_constants(memory.constants, name),
        *_helpers(program, name),
        *functions,
        *_function(signature, statements),
    ]  # fmt: skip
    return "\n".join(lines)


def _statements(program: Program, memory: _Memory, piece: _Piece, name: str) -> list[str]:
    body = _Body(program, memory.places, memory.spaces, name)
    for slot in piece.slots:
        body.add(slot)
    for fill in sorted(piece.fills):
        body.hand_back(fill)
    return body.lines


def _function(signature: str, statements: Iterable[str]) -> list[str]:
    return [signature, "{", *(f"    {statement}" for statement in statements), "}", ""]


def _comment(program: Program, name: str, is_static: bool) -> list[str]:
    names = [_UNSAFE.sub("_", label) for label in program.inputs]
    lines = [
        f"{name}: {len(program.outputs):,} outputs of {len(names):,} inputs, by scalar-autograd.",
        "",
        f"    void {name}(const double *inputs, double *outputs);",
        "",
        "The two arrays must not overlap. Compile as C99 or newer, without -ffast-math; GCC also",
        "needs -ffp-contract=off for results that do not depend on the processor.",
    ]
    if is_static:
        lines.append("The function keeps its numbers in a static array: one call at a time.")
    lines += ["", "The inputs:"]
    start = 0
    for _, run in groupby(names, lambda label: re.sub(r"\d+", "", label)):
        labels = list(run)
        stop = start + len(labels)
        if len(labels) < 3:
            lines += [f"    inputs[{start + i}]  {label}" for i, label in enumerate(labels)]
        else:
            lines.append(
                f"    inputs[{start}] ... inputs[{stop - 1}]  {labels[0]} ... {labels[-1]}"
            )
        start = stop
    return ["/*", *(f" * {line}".rstrip() for line in lines), " */"]


_UNSAFE = re.compile(r"[^\w .,:;()\[\]'\"+=<>|-]")
"""What a comment must not contain, or not for every compiler."""


def _constants(numbers: Sequence[float], name: str) -> list[str]:
    if not numbers:
        return []
    rows = [f"    {_literal(x)}, /* {x!r} */" for x in numbers]
    return [f"static const double {name}_constants[] = {{", *rows, "};", ""]


def _helpers(program: Program, name: str) -> list[str]:
    """Write those functions that C lacks and the program needs."""
    counts = Counter(
        op
        for op, xs in _operations(program)
        if op in PRIMITIVES and (len(xs) > 1 or not PRIMITIVES[op].picks)
    )
    needed: list[str] = []

    def need(helper: str) -> None:
        for other in _HELPERS[helper][1]:
            need(other)
        if helper not in needed:
            needed.append(helper)

    for op, primitive in PRIMITIVES.items():
        if counts[op] and (helper := re.match(r"NAME_(\w+)", primitive.c)):
            need(helper[1])
    return [
        line
        for helper in needed
        for line in [*_HELPERS[helper][0].replace("NAME", name).strip().split("\n"), ""]
    ]


def _operations(program: Program) -> Iterator[Operation]:
    """List the operations of a program and of the bodies in it."""
    waiting = [program]
    while waiting:
        operations = waiting.pop().operations
        yield from operations
        waiting += [op.body for op, _ in operations if isinstance(op, Scan)]


def _array(name: str, numbers: Sequence[float]) -> str:
    rows = "".join(f"        {_literal(x)},\n" for x in numbers)
    return f"static const double {name}[] = {{\n{rows}    }};"


# The functions of `autograd.special` in C; where those add exactly, these add with twice the
# precision (Neumaier, *Rundungsfehleranalyse einiger Verfahren zur Summation*, 1974).
_HELPERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "larger": ("""
/* The larger of two numbers: of equals the first, and a nan wins. */
static double NAME_larger(double best, double x)
{
    return x > best || isnan(x) ? x : best;
}
""", ()),
    "smaller": ("""
/* The smaller of two numbers: of equals the first, and a nan wins. */
static double NAME_smaller(double best, double x)
{
    return x < best || isnan(x) ? x : best;
}
""", ()),
    "modulo": ("""
/* The remainder of a division that rounds down, with the sign of y. */
static double NAME_modulo(double x, double y)
{
    const double remainder = fmod(x, y);
    if (remainder == 0.0)
        return copysign(0.0, y);
    return (y < 0.0) != (remainder < 0.0) ? remainder + y : remainder;
}
""", ()),
    "floor_divide": ("""
/* The quotient, rounded down. */
static double NAME_floor_divide(double x, double y)
{
    const double remainder = fmod(x, y);
    double quotient = (x - remainder) / y;
    if (y == 0.0)
        return x / y;
    if (remainder != 0.0 && (y < 0.0) != (remainder < 0.0))
        quotient -= 1.0;
    if (quotient == 0.0)
        return copysign(0.0, x / y);
    return quotient - floor(quotient) > 0.5 ? floor(quotient) + 1.0 : floor(quotient);
}
""", ()),
    "polynomial": ("""
/* The polynomial with these coefficients, the constant first. */
static double NAME_polynomial(const double *coefficients, int count, double x)
{
    double y = coefficients[count - 1];
    for (int k = count - 2; k >= 0; k--)
        y = y * x + coefficients[k];
    return y;
}
""", ()),
    "add": ("""
/* The sum, and its rounding error added to another. */
static double NAME_add(double x, double y, double *error)
{
    const double sum = x + y;
    *error += fabs(x) > fabs(y) ? (x - sum) + y : (y - sum) + x;
    return sum;
}
""", ()),
    "lgamma": (f"""
/* The logarithm of the absolute value of the gamma function; about its roots, Taylor series. */
static double NAME_lgamma(double x)
{{
    {_array("at_2", special._LGAMMA_AT_2)}
    const int count = sizeof at_2 / sizeof *at_2;
    if (1.5 < x && x < 2.5)
        return NAME_polynomial(at_2, count, x - 2.0);
    if (0.5 < x && x <= 1.5)
        return NAME_polynomial(at_2, count, x - 1.0) - log(x);
    return lgamma(x);
}}
""", ("polynomial",)),
    "cotangent": (f"""
/* cot(pi offset) for an offset of at most a half, even near its zeros at both ends. */
static double NAME_cotangent(double offset)
{{
    const double pi = {_literal(math.pi)};
    return fabs(offset) <= 0.25 ? 1.0 / tan(pi * offset)
        : copysign(tan(pi * (0.5 - fabs(offset))), offset);
}}
""", ()),
    "digamma": (f"""
/* The derivative of lgamma: by recurrence, series and reflection. */
static double NAME_digamma(double x)
{{
    {_array("at_infinity", special._DIGAMMA_AT_INFINITY)}
    {_array("at_root", special._DIGAMMA_AT_ROOT)}
    const double pi = {_literal(math.pi)};
    const double root = {_literal(special._ROOT)}, tail = {_literal(special._ROOT_TAIL)};
    if (isnan(x) || (isinf(x) && x > 0.0))
        return x;
    if (x <= 0.0) {{
        const double offset = remainder(x, 1.0);
        return offset == 0.0 ? NAN : NAME_digamma(1.0 - x) - pi * NAME_cotangent(offset);
    }}
    if (1.1 < x && x < 1.9)
        return NAME_polynomial(at_root, sizeof at_root / sizeof *at_root, (x - root) - tail);
    const int steps = x < 12.0 ? (int)ceil(12.0 - x) : 0;
    const double a = x + steps;
    double error = NAME_polynomial(
        at_infinity, sizeof at_infinity / sizeof *at_infinity, 1.0 / (a * a));
    double sum = NAME_add(log(a), -0.5 / a, &error);
    for (int k = steps - 1; k >= 0; k--)
        sum = NAME_add(sum, -1.0 / (x + k), &error);
    return isinf(sum) ? sum : sum + error;
}}
""", ("polynomial", "add", "cotangent")),
    "scaled_zeta": (f"""
/* x to the power s, times the zeta function of Hurwitz, for integers s > 1 and finite x > 0. */
static double NAME_scaled_zeta(int s, double x)
{{
    {_array("bernoulli", special.BERNOULLI)}
    const int count = sizeof bernoulli / sizeof *bernoulli;
    const int steps = x < s + 10.0 ? (int)ceil(s + 10.0 - x) : 0;
    const double a = x + steps;
    double term = s / (2.0 * a), error = 0.0, sum = a / (s - 1.0), total = 0.0;
    sum = NAME_add(sum, 0.5, &error);
    for (int k = 1; k <= count; k++) {{
        sum = NAME_add(sum, bernoulli[k - 1] * term, &error);
        term *= (s + 2.0 * k - 1.0) * (s + 2.0 * k) / ((2.0 * k + 1.0) * (2.0 * k + 2.0) * a * a);
    }}
    sum = pow(x / a, s) * (sum + error);
    error = 0.0;
    for (int k = steps - 1; k >= 0; k--)
        total = NAME_add(total, pow(x / (x + k), s), &error);
    return total + error + sum;
}}
""", ("add",)),
    "polygamma": (f"""
/* A derivative of digamma; its order is from 0 to 1000. */
static double NAME_polygamma(double order, double x)
{{
    const double pi = {_literal(math.pi)};
    if (!(order >= 0.0 && order <= 1000.0 && order == floor(order)))
        return NAN;
    if (order == 0.0 || isnan(x))
        return NAME_digamma(x);
    const int n = (int)order;
    const double sign = n % 2 ? -1.0 : 1.0;
    if (x <= 0.0) {{
        const double offset = remainder(x, 1.0), cotangent = NAME_cotangent(offset);
        double polynomial[{MOST + 2}] = {{0.0, 1.0}}, slope[{MOST + 2}];
        if (offset == 0.0 || isnan(offset))
            return NAN;
        if (n > {MOST})
            return n % 2 ? INFINITY : copysign(INFINITY, -offset);
        for (int degree = 1; degree <= n; degree++) {{ /* derivatives of the cotangent, in itself */
            for (int k = 0; k < degree; k++)
                slope[k] = (k + 1) * polynomial[k + 1];
            for (int k = 0; k < degree + 2; k++)
                polynomial[k] = (k < degree ? slope[k] : 0.0) + (k > 1 ? slope[k - 2] : 0.0);
        }}
        return sign * (NAME_polygamma(order, 1.0 - x)
            - pow(pi, n + 1) * NAME_polynomial(polynomial, n + 2, cotangent));
    }}
    if (isinf(x))
        return -sign * 0.0;
    double product = 1.0; /* n! over x to the power n */
    for (int k = 1; k <= n; k++)
        product *= k / x;
    return -sign * product * (NAME_scaled_zeta(n + 1, x) / x);
}}
""", ("digamma", "scaled_zeta")),
}  # fmt: skip
