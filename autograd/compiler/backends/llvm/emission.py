"""The code of a scheduled program, in LLVM's intermediate representation.

Rows of the batch are the lanes of vectors. A block of rows, `lanes` times `vectors` of them, is
executed at once: straight-line code keeps numbers in registers and passes others on in memory,
where each slot has a place with room for the block; a loop reads and writes that memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from autograd.compiler.backends.llvm import mathematics
from autograd.compiler.backends.llvm.schedule import (
    COPY,
    ROW,
    Loop,
    Place,
    Region,
    Schedule,
    Straight,
    inputs_of,
)
from autograd.compiler.backends.llvm.target import Target
from autograd.compiler.backends.llvm.writer import Writer, literal, merged, type_of
from autograd.compiler.layout import Layout
from autograd.compiler.primitives import PRIMITIVES
from autograd.compiler.program import Program
from autograd.helper_rules import PRODUCTS

__all__ = ["CALL", "Part", "Shape", "kernel_text", "part_text", "step_texts"]

CALL = {
    "constant": "ptr",  # the constants
    "uniform": "ptr",  # memory for results that are the same in all rows
    "row": "ptr",  # memory for a block of rows
    "tile": "ptr",  # memory for the padded inputs of the last block
    "sums": "ptr",  # memory for sums, lane by lane, all 0
    "out": "ptr",  # the outputs
    "stride": "i64",  # the distance between outputs
    "rows": "i64",  # the number of rows
    "divisor": "double",  # what sums are divided by
}
"""The arguments of a call of the kernel, eight bytes each."""


@dataclass(frozen=True)
class Shape:
    """The shape of the generated code.

    Attributes:
        lanes: How many rows a vector holds: one register, or two.
        vectors: How many vectors make a block of rows.
        reduces: Whether outputs are summed over the rows.
        exact: Whether each product and sum is rounded on its own.
        doubled: Whether a vector is two registers, both added to one register of sums: small
            programs spend most of their time on storing sums.
    """

    lanes: int
    vectors: int
    reduces: bool
    exact: bool
    doubled: bool = False

    @property
    def sum_lanes(self) -> int:
        """How many numbers a vector of sums holds."""
        return self.lanes // 2 if self.doubled else self.lanes

    @property
    def rows(self) -> int:
        """How many rows a block has."""
        return self.lanes * self.vectors


ATTRIBUTES = 'nounwind "min-legal-vector-width"="{bits}" "prefer-vector-width"="{bits}"'


@dataclass(frozen=True)
class Part:
    """A part of a program that is executed on blocks of rows: its prologue or its body.

    Attributes:
        name: The name of its function.
        target: The target of the compilation.
        program: The program.
        layout: The arrays that hold the inputs.
        schedule: Its steps.
        shape: The shape of the code.
        outputs: For a slot that is an output, the number of that output.
        region: Where its results are stored.
    """

    name: str
    target: Target
    program: Program
    layout: Layout
    schedule: Schedule
    shape: Shape
    outputs: dict[int, int]
    region: Region = ROW

    @property
    def adds_in_lanes(self) -> bool:
        """Whether sums over rows are kept lane by lane until the end."""
        return self.shape.reduces and not self.schedule.rolled

    @property
    def parameters(self) -> str:
        """The parameters of each of its functions."""
        inputs = [f"ptr noalias %input{number}" for number in range(len(self.layout.groups))]
        others = ["constant", "uniform", "row", "out"]
        pointers = [*inputs, *(f"ptr noalias %{name}" for name in others)]
        return ", ".join([*pointers, "i64 %stride", "i64 %valid"])

    @property
    def attributes(self) -> str:
        """The attributes of each of its functions."""
        return ATTRIBUTES.format(bits=64 * self.shape.sum_lanes)

    def arguments(self, **changed: str) -> str:
        """Return the arguments of a call from one of its functions to another."""
        inputs = [f"input{number}" for number in range(len(self.layout.groups))]
        pointers = [*inputs, "constant", "uniform", "row", "out"]
        texts = [f"ptr {changed.get(name, f'%{name}')}" for name in pointers]
        numbers = [f"i64 {changed.get(name, f'%{name}')}" for name in ("stride", "valid")]
        return ", ".join([*texts, *numbers])


class _Writer(Writer):
    """Writes the instructions of a function of a part.

    Attributes:
        functions: The elementary functions that it calls, and how often.
    """

    def __init__(self, lanes: int) -> None:
        super().__init__(lanes)
        self.functions: dict[str, int] = {}


INSTRUCTIONS = {
    op: primitive.llvm
    for op, primitive in PRIMITIVES.items()
    if primitive.llvm and not primitive.is_condition and not primitive.llvm.startswith("llvm.")
}
"""The operations that are one instruction."""


def _operation(writer: _Writer, op: str, operands: Sequence[str]) -> str:
    """Write one operation on vectors."""
    kind, primitive = writer.kind, PRIMITIVES[op]
    if primitive.is_condition:
        return _number(writer, _condition(writer, op, operands))
    if primitive.llvm.startswith("llvm."):
        return writer.intrinsic(primitive.llvm.removeprefix("llvm."), *operands)
    if primitive.llvm:
        return writer.let(f"{primitive.llvm} {kind} {', '.join(operands)}")
    if op == "where":
        test = writer.let(f"fcmp une {kind} {operands[0]}, {writer.constant(0.0)}")
        return writer.choice(test, operands[1], operands[2])
    if op in PRODUCTS:
        zero = writer.constant(0.0)
        product = writer.let(f"fmul {kind} {operands[0]}, {operands[1]}")
        # 0 times y is nan only where y is infinite or nan.
        is_nan = writer.let(f"fcmp uno {kind} {product}, {product}")
        kept = writer.choice(is_nan, zero, product)
        is_zero = writer.let(f"fcmp oeq {kind} {operands[0]}, {zero}")
        guarded = writer.choice(is_zero, kept, product)
        if op == "·":
            return guarded
        is_masked = writer.let(f"fcmp oeq {kind} {operands[1]}, {zero}")
        unknown = writer.let(f"fcmp uno {kind} {operands[0]}, {operands[0]}")
        return writer.choice(unknown, guarded, writer.choice(is_masked, kept, guarded))
    if primitive.by_python:
        parts = "poison"
        for lane in range(writer.lanes):
            scalars = [writer.lane(operand, lane) for operand in operands]
            result = writer.call(f"autograd.{op}", *scalars, kind="double")
            if writer.lanes == 1:
                return result
            parts = writer.let(f"insertelement {kind} {parts}, double {result}, i32 {lane}")
        return parts
    writer.functions[op] = writer.functions.get(op, 0) + 1
    arguments = ", ".join(f"{kind} {operand}" for operand in operands)
    return writer.let(f"call {kind} {mathematics.symbol(op, writer.lanes)}({arguments})")


def _picked(writer: _Writer, op: str, best: str, x: str) -> str:
    """Pick the larger of two, or the smaller: the first of equals, and a nan wins."""
    order = {">": "ogt", "<": "olt"}[PRIMITIVES[op].picks]
    is_nan = writer.let(f"fcmp uno {writer.kind} {x}, {x}")
    is_better = writer.let(f"fcmp {order} {writer.kind} {x}, {best}")
    bits = type_of(writer.lanes, "i1")
    return writer.choice(writer.let(f"or {bits} {is_nan}, {is_better}"), x, best)


def _condition(writer: _Writer, op: str, operands: Sequence[str]) -> str:
    return writer.let(f"{PRIMITIVES[op].llvm} {writer.kind} {operands[0]}, {operands[1]}")


def _number(writer: _Writer, condition: str) -> str:
    bits = type_of(writer.lanes, "i1")
    return writer.let(f"uitofp {bits} {condition} to {writer.kind}")


def _multiplied(writer: _Writer, x: str, y: str, total: str | None, shape: Shape) -> str:
    """Add a product to a total."""
    if total is None:
        return writer.let(f"fmul {writer.kind} {x}, {y}")
    if shape.exact:
        product = writer.let(f"fmul {writer.kind} {x}, {y}")
        return writer.let(f"fadd {writer.kind} {total}, {product}")
    return writer.intrinsic("fmuladd", x, y, total)


# --- straight-line code --------------------------------------------------------------------------


class _Straight:
    """Writes a piece of straight-line code, for one vector of rows."""

    def __init__(self, part: Part) -> None:
        self.program, self.schedule, self.shape = part.program, part.schedule, part.shape
        self.outputs, self.layout, self.region = part.outputs, part.layout, part.region
        self.writer = _Writer(part.shape.lanes)
        self.values: dict[int, str] = {}
        self.conditions: dict[int, str] = {}
        self.products: dict[int, tuple[int, int]] = {}
        self._halves: dict[str, list[str]] = {}
        self.fused = part.shape.reduces and not part.shape.exact

    def write(self, step: Straight, used: dict[int, int]) -> _Writer:
        """Write the operations that compute some slots; `used` counts their readers."""
        schedule, first = self.schedule, self.program.first_result
        if self.shape.reduces and (schedule.rolled or self.shape.doubled):
            self.mask = _mask(self.writer, 0)
        for slot in step.slots:
            if step.computes:
                self._compute(slot, *self.program.operations[slot - first], used)
                if slot in schedule.stored:
                    self.writer.store(self.value(slot), self._address(schedule.places[slot]))
            for index in schedule.copies.get(slot, ()):
                self.writer.store(self.value(slot), self._address(Place(self.region, index)))
            if slot in self.outputs:
                self._hand_out(slot, self.outputs[slot])
        return self.writer

    def _compute(self, slot: int, op: str, operands: tuple[int, ...], used: dict[int, int]) -> None:
        writer, value = self.writer, self.value
        if op in INSTRUCTIONS and not (op == "*" and self.fused and slot in self.outputs):
            texts = ", ".join([value(x) for x in operands])
            self.values[slot] = writer.let(f"{INSTRUCTIONS[op]} {writer.kind} {texts}")
        elif PRIMITIVES[op].is_condition:
            self.conditions[slot] = _condition(writer, op, [value(x) for x in operands])
        elif op == "where" and operands[0] in self.conditions:
            choice = [value(x) for x in operands[1:]]
            self.values[slot] = writer.choice(self.conditions[operands[0]], *choice)
        elif op == "*" and self.fused and slot in self.outputs and not used.get(slot):
            self.products[slot] = operands[0], operands[1]
        elif PRIMITIVES[op].picks:
            best = value(operands[0])
            for x in operands[1:]:
                best = _picked(writer, op, best, value(x))
            self.values[slot] = best
        elif op == "sum":
            added = value(operands[0])
            for x in operands[1:]:
                added = writer.let(f"fadd {writer.kind} {added}, {value(x)}")
            self.values[slot] = added
        elif PRIMITIVES[op].sequences:
            self.values[slot] = self._sum_of_products(op, operands)
        else:
            self.values[slot] = _operation(writer, op, [value(x) for x in operands])

    def _sum_of_products(self, op: str, operands: tuple[int, ...]) -> str:
        (left, right), biases = PRIMITIVES[op].split(operands)
        bias = biases[0] if biases else None
        total = self.value(bias) if bias is not None and not self.shape.exact else None
        for x, y in zip(left, right, strict=True):
            total = _multiplied(self.writer, self.value(x), self.value(y), total, self.shape)
        if total is None:
            return self.value(bias) if bias is not None else self.writer.constant(0.0)
        if bias is not None and self.shape.exact:
            total = self.writer.let(f"fadd {self.writer.kind} {total}, {self.value(bias)}")
        return total

    def value(self, slot: int) -> str:
        """Return a slot's number: from a register if it was computed here, else from memory."""
        known = self.values.get(slot)
        if known is not None:
            return known
        writer = self.writer
        if slot in self.conditions:
            self.values[slot] = _number(writer, self.conditions[slot])
            return self.values[slot]
        program = self.program
        if len(program.inputs) <= slot < program.first_result:
            return writer.constant(program.constants[slot - len(program.inputs)])
        place = self.schedule.places[slot]
        if place.region.by_row:
            self.values[slot] = writer.load(self._address(place))
            return self.values[slot]
        group = place.region.group
        if group is not None and self.layout.groups[group].varies:
            self.values[slot] = self._collected(group, place.offset)
            return self.values[slot]
        # Loaded for each use: this takes no register, and the load broadcasts the number.
        return writer.splat(writer.load(self._address(place), "double"))

    def _collected(self, group: int, offset: int) -> str:
        """Gather an input for all rows of a vector from the rows of its array."""
        writer = self.writer
        width = self.layout.groups[group].width
        if width == 1:
            return writer.load(f"%input{group}")
        vector = "poison"
        for lane in range(writer.lanes):
            address = writer.address(f"%input{group}", lane * width + offset)
            number = writer.load(address, "double")
            if writer.lanes == 1:
                return number
            vector = writer.let(
                f"insertelement {writer.kind} {vector}, double {number}, i32 {lane}"
            )
        return vector

    def _address(self, place: Place) -> str:
        step = self.shape.rows if place.region.by_row else 1
        return self.writer.address(f"%{place.region.name}", place.offset * step)

    def _hand_out(self, slot: int, output: int) -> None:
        writer = self.writer
        if not self.shape.reduces:
            index = writer.times("%stride", output) if output else "0"
            writer.store(self.value(slot), writer.address("%out", index))
        elif self.schedule.rolled:
            value = _choice_of_rows(writer, self._total(slot, None), self.mask)
            writer.add_to(_horizontal(writer, value), writer.address("%out", output))
        elif self.shape.doubled:
            self._add_halves(slot, output)
        else:
            address = writer.address("%out", output, writer.kind)
            writer.store(self._total(slot, writer.load(address)), address)

    def _add_halves(self, slot: int, output: int) -> None:
        """Add both registers of a vector to one register of sums, without padding rows."""
        writer, lanes = self.writer, self.shape.sum_lanes
        kind, bits = (type_of(lanes, inner) for inner in ("double", "i1"))
        address = writer.address("%out", output, kind)
        total = writer.load(address, kind)
        factors = [self._both(self.value(x)) for x in self.products.get(slot, (slot,))]
        masks = self._both(self.mask, "i1")
        for mask, *half in zip(masks, *factors, strict=True):
            if len(half) == 2:
                name = f"llvm.fmuladd.v{lanes}f64"
                grown = writer.call(name, *half, total, kind=kind)
            else:
                grown = writer.let(f"fadd {kind} {total}, {half[0]}")
            total = writer.let(f"select {bits} {mask}, {kind} {grown}, {kind} {total}")
        writer.store(total, address, kind)

    def _both(self, vector: str, inner: str = "double") -> list[str]:
        """Split a vector of two registers, once in a piece."""
        halves = self._halves.get(vector)
        if halves is None:
            lanes = self.shape.sum_lanes
            halves = [_half(self.writer, vector, start, lanes, inner) for start in (0, lanes)]
            self._halves[vector] = halves
        return halves

    def _total(self, slot: int, total: str | None) -> str:
        if slot in self.products:
            x, y = (self.value(operand) for operand in self.products[slot])
            return _multiplied(self.writer, x, y, total, self.shape)
        if total is None:
            return self.value(slot)
        return self.writer.let(f"fadd {self.writer.kind} {total}, {self.value(slot)}")


def _half(writer: _Writer, vector: str, start: int, lanes: int, inner: str = "double") -> str:
    """Take one register of a vector of two registers."""
    kind = type_of(2 * lanes, inner)
    places = ", ".join(f"i32 {start + lane}" for lane in range(lanes))
    return writer.let(f"shufflevector {kind} {vector}, {kind} poison, <{lanes} x i32> <{places}>")


def _mask(writer: Writer, vector: int, valid: str = "%valid") -> str:
    """Tell which rows of a vector are rows of the batch rather than padding."""
    if writer.lanes == 1:
        return writer.let(f"icmp slt i64 {vector}, {valid}")
    rows = ", ".join(f"i64 {vector * writer.lanes + lane}" for lane in range(writer.lanes))
    all_valid = writer.splat(valid, "i64")
    return writer.let(f"icmp slt {type_of(writer.lanes, 'i64')} <{rows}>, {all_valid}")


def _choice_of_rows(writer: Writer, value: str, mask: str) -> str:
    """Replace padding rows by 0."""
    return writer.choice(mask, value, writer.constant(0.0))


def _horizontal(writer: Writer, vector: str) -> str:
    """Sum the lanes of a vector."""
    if writer.lanes == 1:
        return vector
    name = f"llvm.vector.reduce.fadd.v{writer.lanes}f64"
    writer.declarations[f"declare double @{name}(double, {writer.kind})"] = None
    zero = literal(-0.0)
    return writer.let(f"call reassoc double @{name}(double {zero}, {writer.kind} {vector})")


# --- loops ---------------------------------------------------------------------------------------


class _Loop:
    """Writes a loop over equal operations, for a block of rows."""

    def __init__(self, loop: Loop, shape: Shape, region: Region, name: str) -> None:
        self.loop, self.shape, self.region, self.function = loop, shape, region, name
        self.writer = _Writer(shape.lanes)
        self.globals: list[str] = []

    def write(self) -> _Writer:
        """Write the loop over the runs, and the loop over the operations of a run."""
        if self.shape.reduces:
            self.masks = [_mask(self.writer, vector) for vector in range(self.shape.vectors)]
        if self.loop.terms:
            self._n_ary()
        else:
            self._elementwise()
        return self.writer

    def _starts(self, column: int, starts: Sequence[tuple[int, ...]], run: str) -> str:
        """Return where an operand starts in a run: computed if possible, else from a table."""
        numbers = [start[column] for start in starts]
        step = numbers[1] - numbers[0] if len(numbers) > 1 else 0
        if all(number == numbers[0] + i * step for i, number in enumerate(numbers)):
            return self.writer.plus(str(numbers[0]), self.writer.times(run, step))
        table = f"@{self.function}.starts{len(self.globals)}"
        texts = ", ".join(f"i32 {number}" for number in numbers)
        self.globals.append(f"{table} = internal constant [{len(numbers)} x i32] [{texts}]")
        address = self.writer.address(table, run, "i32")
        return self.writer.let(f"sext i32 {self.writer.load(address, 'i32')} to i64")

    def _pointer(self, region: Region, index: str) -> str:
        """Point to the number, or the block of numbers, at an index."""
        step = self.shape.rows if region.by_row else 1
        index = self.writer.times(index, step)
        return self.writer.address(f"%{region.name}", 0 if index == "0" else index)

    def _vectors(self, region: Region, pointer: str) -> list[str]:
        """Load the vectors of a block."""
        writer = self.writer
        if not region.by_row:
            return [writer.splat(writer.load(pointer, "double"))] * self.shape.vectors
        addresses = [
            writer.address(pointer, vector * self.shape.lanes)
            for vector in range(self.shape.vectors)
        ]
        return [writer.load(address) for address in addresses]

    def _store(self, vectors: Sequence[str], pointer: str) -> None:
        for number, vector in enumerate(vectors):
            self.writer.store(vector, self.writer.address(pointer, number * self.shape.lanes))

    def _hand_out(self, vectors: list[str], index: str) -> None:
        """Store the results of an operation as an output, or add them to it."""
        writer = self.writer
        if not self.shape.reduces:
            offset = writer.let(f"mul i64 {index}, %stride")
            self._store(vectors, writer.address("%out", offset))
            return
        writer.add_to(_horizontal(writer, self._masked_sum(vectors)), writer.address("%out", index))

    def _masked_sum(self, vectors: Sequence[str]) -> str:
        writer = self.writer
        total = ""
        for number, vector in enumerate(vectors):
            kept = _choice_of_rows(writer, vector, self.masks[number])
            total = writer.let(f"fadd {writer.kind} {total}, {kept}") if number else kept
        return total

    def _elementwise(self) -> None:
        loop, writer = self.loop, self.writer
        operands = len(loop.regions)
        stored, handed = loop.starts[0][-2] >= 0, loop.starts[0][-1] >= 0
        with writer.loop(len(loop.starts)) as runs:
            starts = [
                self._starts(column, loop.starts, runs.counter) for column in range(operands + 2)
            ]
            fixed = {
                column: self._vectors(region, self._pointer(region, starts[column]))
                for column, region in enumerate(loop.regions)
                if not loop.strides[column]
            }

            def results(step: str) -> list[str]:
                values = [
                    fixed[column]
                    if column in fixed
                    else self._vectors(
                        region, self._pointer(region, self._index(starts, column, step))
                    )
                    for column, region in enumerate(loop.regions)
                ]
                if loop.op == COPY:
                    return values[0]
                return [
                    _operation(writer, loop.op, [value[vector] for value in values])
                    for vector in range(self.shape.vectors)
                ]

            tile = self.shape.lanes
            tiles = 0
            if handed and not stored and self.shape.reduces and tile > 1 and loop.strides[-1] == 1:
                tiles = loop.length // tile
            if tiles:
                with writer.loop(tiles) as tiled:
                    base = writer.times(tiled.counter, tile)
                    sums = [
                        self._masked_sum(results(writer.plus(base, str(i)))) for i in range(tile)
                    ]
                    address = writer.address("%out", self._index(starts, operands + 1, base))
                    added = _transposed_sum(writer, sums)
                    before = writer.load(address)
                    writer.store(writer.let(f"fadd {writer.kind} {before}, {added}"), address)
            rest = loop.length - tiles * tile
            if rest:
                with writer.loop(rest) as left:
                    step = writer.plus(left.counter, str(tiles * tile))
                    vectors = results(step)
                    if stored:
                        self._store(
                            vectors, self._pointer(self.region, self._index(starts, operands, step))
                        )
                    if handed:
                        self._hand_out(vectors, self._index(starts, operands + 1, step))

    def _index(self, starts: Sequence[str], column: int, step: str) -> str:
        return self.writer.plus(starts[column], self.writer.times(step, self.loop.strides[column]))

    def _n_ary(self) -> None:
        """Write sums and sums of products, several at once if they share their right operands."""
        loop, writer = self.loop, self.writer
        columns = len(loop.regions)
        tile = 4 if self._shares_right and loop.length >= 4 else 1
        with writer.loop(len(loop.starts)) as runs:
            starts = [
                self._starts(column, loop.starts, runs.counter) for column in range(columns + 2)
            ]
            done = 0
            for size in (tile, 1):
                count = (loop.length - done) // size
                if count:
                    with writer.loop(count) as tiled:
                        base = writer.plus(writer.times(tiled.counter, size), str(done))
                        steps = [writer.plus(base, str(i)) for i in range(size)]
                        self._sums([
                            [self._index(starts, column, step) for column in range(columns + 2)]
                            for step in steps
                        ])  # fmt: skip
                done += count * size

    @property
    def _shares_right(self) -> bool:
        """Whether the sums of a run share their right factors."""
        return len(self.loop.inner) == 2 and self.loop.strides[1] == 0

    def _sums(self, origins: Sequence[Sequence[str]]) -> None:
        """Write some sums at once, term by term; their operands begin at the origins."""
        loop, writer, vectors = self.loop, self.writer, self.shape.vectors
        first = [x for origin in origins for x in self._first(origin)]
        with writer.loop(loop.terms, first) as terms:
            factors = self._factors(origins, terms.counter)
            terms.carry([
                self._grown(terms.values[i * vectors + vector], [of[vector] for of in factors[i]])
                for i in range(len(origins))
                for vector in range(vectors)
            ])  # fmt: skip
        for i, origin in enumerate(origins):
            self._finish(terms.values[i * vectors : (i + 1) * vectors], origin)

    @property
    def _begins_with_bias(self) -> bool:
        return PRIMITIVES[self.loop.op].has_bias and not self.shape.exact

    def _first(self, origin: Sequence[str]) -> list[str]:
        """Return the initial value of a sum: its bias, unless that is added last."""
        if self._begins_with_bias:
            return self._bias(origin)
        neutral = {">": -math.inf, "<": math.inf, "": -0.0}[PRIMITIVES[self.loop.op].picks]
        return [self.writer.constant(neutral)] * self.shape.vectors

    def _bias(self, origin: Sequence[str]) -> list[str]:
        place = len(self.loop.inner)
        region = self.loop.regions[place]
        return self._vectors(region, self._pointer(region, origin[place]))

    def _factors(self, origins: Sequence[Sequence[str]], term: str) -> list[list[list[str]]]:
        """Load a term of each sum: the vectors of each factor."""
        loop, writer = self.loop, self.writer
        found: list[list[list[str]]] = []
        for origin in origins:
            factors = []
            for sequence, stride in enumerate(loop.inner):
                if found and sequence == 1 and self._shares_right:
                    factors.append(found[0][1])
                    continue
                region = loop.regions[sequence]
                index = writer.plus(origin[sequence], writer.times(term, stride))
                factors.append(self._vectors(region, self._pointer(region, index)))
            found.append(factors)
        return found

    def _grown(self, total: str, factors: Sequence[str]) -> str:
        """Add a term of one or two factors to a vector of sums."""
        writer, shape = self.writer, self.shape
        if PRIMITIVES[self.loop.op].picks:
            return _picked(writer, self.loop.op, total, factors[0])
        if len(factors) == 2 and (shape.lanes > 1 or shape.exact):
            return _multiplied(writer, factors[0], factors[1], total, shape)
        # For single rows, LLVM is allowed to make vectors of terms.
        flags = "reassoc contract " if shape.lanes == 1 and not shape.exact else ""
        term = factors[0]
        if len(factors) == 2:
            term = writer.let(f"fmul {flags}double {', '.join(factors)}")
        return writer.let(f"fadd {flags}{writer.kind} {total}, {term}")

    def _finish(self, vectors: list[str], origin: Sequence[str]) -> None:
        """Store a sum, and write it to the output."""
        loop, writer = self.loop, self.writer
        if PRIMITIVES[loop.op].has_bias and not self._begins_with_bias:
            vectors = [
                writer.let(f"fadd {writer.kind} {total}, {bias}")
                for total, bias in zip(vectors, self._bias(origin), strict=True)
            ]
        if loop.starts[0][-2] >= 0:
            self._store(vectors, self._pointer(self.region, origin[-2]))
        if loop.starts[0][-1] >= 0:
            self._hand_out(vectors, origin[-1])


def _transposed_sum(writer: _Writer, vectors: list[str]) -> str:
    """Sum the lanes of each of several vectors, as many as they have lanes, into one vector."""
    lanes, kind = writer.lanes, writer.kind
    distance = 1
    while len(vectors) > 1:
        halves = []
        # For each pair of vectors, add the even groups of lanes of both to the odd groups.
        even = _interleaved(lanes, distance, 0)
        odd = _interleaved(lanes, distance, distance)
        for a, b in zip(vectors[0::2], vectors[1::2], strict=True):
            x = writer.let(f"shufflevector {kind} {a}, {kind} {b}, {_indices(even)}")
            y = writer.let(f"shufflevector {kind} {a}, {kind} {b}, {_indices(odd)}")
            halves.append(writer.let(f"fadd {kind} {x}, {y}"))
        vectors = halves
        distance *= 2
    return vectors[0]


def _interleaved(lanes: int, distance: int, offset: int) -> list[int]:
    chosen = []
    for start in range(0, lanes, 2 * distance):
        chosen += [start + offset + i for i in range(distance)]
        chosen += [lanes + start + offset + i for i in range(distance)]
    return chosen


def _indices(numbers: Sequence[int]) -> str:
    return f"<{len(numbers)} x i32> <{', '.join(f'i32 {number}' for number in numbers)}>"


# --- functions and modules -----------------------------------------------------------------------


def step_texts(part: Part) -> Iterator[tuple[str, bool]]:
    """Write the function of each step.

    Args:
        part: The part of a program.

    Returns:
        The text of each module, and whether it contains loops; straight-line code comes first.
    """
    used: dict[int, int] = {}
    if part.shape.reduces:  # a product used only as an output is added to it at once
        for _, operands in part.program.operations:
            for operand in operands:
                used[operand] = used.get(operand, 0) + 1
    steps = [(f"{part.name}.step{number}", step) for number, step in enumerate(part.schedule.steps)]
    straight = [(name, step) for name, step in steps if isinstance(step, Straight)]
    for start in range(0, len(straight), PIECES):
        written: list[tuple[_Writer, str, list[str]]] = [
            (_Straight(part).write(step, used), name, [])
            for name, step in straight[start : start + PIECES]
        ]
        yield _module(part, written), False
    loops = []
    for name, step in steps:
        if isinstance(step, Loop):
            loop = _Loop(step, part.shape, part.region, name)
            loops.append((loop.write(), name, loop.globals))
    if loops:
        yield _module(part, loops), True


PIECES = 24
"""How many pieces of straight-line code a module holds."""


def _module(part: Part, functions: Sequence[tuple[_Writer, str, Sequence[str]]]) -> str:
    """Put functions and the functions that they call into one module."""
    declared: dict[str, None] = {}
    called: dict[str, int] = {}
    texts = []
    for writer, name, constants in functions:
        declared |= writer.declarations
        for op, count in writer.functions.items():
            called[op] = called.get(op, 0) + count
        texts += [*constants, f"define void @{name}({part.parameters}) {part.attributes} {{"]
        texts += ["entry:", *writer.lines, "  ret void", "}", ""]
    inline = sum(called.values()) <= part.target.most_inlined
    elementary = mathematics.definitions(part.shape.lanes, called, inline=inline)
    return merged("\n".join(declared), elementary, "\n".join(texts))


def part_text(part: Part) -> str:
    """Write the function that executes a part on one block of rows, step by step.

    Args:
        part: The part of a program.

    Returns:
        The text of a module.
    """
    writer = _Writer(part.shape.lanes)
    declarations = []
    rows = part.shape.rows
    for number, group in enumerate(part.layout.groups):
        if part.schedule.packed and group.varies and group.width:
            base = next(
                part.schedule.packed[slot]
                for slot, (of_group, _) in enumerate(part.layout.places())
                if of_group == number
            )
            with writer.loop(rows) as each, writer.loop(group.width) as column:
                source = writer.plus(writer.times(each.counter, group.width), column.counter)
                number_ = writer.load(writer.address(f"%input{number}", source), "double")
                target = writer.times(writer.plus(column.counter, str(base)), rows)
                place = writer.plus(target, each.counter)
                writer.store(number_, writer.address("%row", place), "double")
    for number, step in enumerate(part.schedule.steps):
        name = f"{part.name}.step{number}"
        declarations.append(f"declare void @{name}({part.parameters}) {part.attributes}")
        if isinstance(step, Loop) or part.shape.vectors == 1:
            writer.do(f"call void @{name}({part.arguments()})")
            continue
        with writer.loop(part.shape.vectors) as vectors:
            offset = writer.times(vectors.counter, part.shape.lanes)
            row = writer.address("%row", offset)
            out = "%out" if part.shape.reduces else writer.address("%out", offset)
            valid = writer.let(f"sub i64 %valid, {offset}")
            call = part.arguments(row=row, out=out, valid=valid)
            writer.do(f"call void @{name}({call})")
    return "\n".join(
        [
            *declarations,
            f"define void @{part.name}({part.parameters}) {part.attributes} {{",
            "entry:",
            *writer.lines,
            "  ret void",
            "}",
        ]
    )


def kernel_text(body: Part, prologue: Part | None, outputs: int) -> str:
    """Write the entry function, which executes a program on all rows.

    Its argument points to the items listed in `CALL`, followed by the arrays of inputs. It returns
    whether there is a nan among the outputs; 0 if there is an output for each row.

    Args:
        body: The part executed for each block of rows.
        prologue: The part executed once, if any.
        outputs: The number of outputs.

    Returns:
        The text of a module.
    """
    return _Kernel(body, prologue, outputs).text()


class _Kernel:
    """Writes the entry function."""

    def __init__(self, body: Part, prologue: Part | None, outputs: int) -> None:
        self.body, self.prologue, self.outputs = body, prologue, outputs
        self.shape, self.layout = body.shape, body.layout
        self.writer = Writer(self.shape.sum_lanes)
        self.inputs: list[str] = []
        self.varying = [
            number
            for number, group in enumerate(self.layout.groups)
            if group.varies and group.width
        ]

    def text(self) -> str:
        """Write the function, from its arguments to its result."""
        self._read_arguments()
        if self.shape.reduces:
            with self.writer.loop(self.outputs) as output:
                self.writer.store("0.0", self.writer.address("%out", output.counter), "double")
        if self.prologue:
            arguments = self.prologue.arguments(**self._given(), stride="0", valid="1")
            self.writer.do(f"call void @{self.prologue.name}({arguments})")
        if self.layout.batched:
            self._remaining_rows(self._whole_blocks())
        else:
            self._block("0", "1", self._given())
        if self.shape.reduces or not self.layout.batched:
            self._finish_outputs()
        result = self.writer.load("%nan", "i64")
        parts = (self.body, self.prologue) if self.prologue else (self.body,)
        return "\n".join(
            [
                *(f"declare void @{part.name}({part.parameters})" for part in parts),
                *self.writer.declarations,
                f"define i64 @kernel(ptr noalias %call) {self.body.attributes} {{",
                "entry:",
                "  %nan = alloca i64",
                "  store i64 0, ptr %nan",
                *self.writer.lines,
                f"  ret i64 {result}",
                "}",
            ]
        )

    def _read_arguments(self) -> None:
        writer = self.writer
        for place, (name, kind) in enumerate(CALL.items()):
            address = writer.address("%call", place)
            writer.do(f"%{name} = load {kind}, ptr {address}, align 8")
        for number in range(len(self.layout.groups)):
            address = writer.address("%call", len(CALL) + number)
            self.inputs.append(writer.let(f"load ptr, ptr {address}, align 8"))

    def _given(self) -> dict[str, str]:
        """Return the pointers to the inputs, by the names that parts give them."""
        return {inputs_of(number).name: name for number, name in enumerate(self.inputs)}

    def _block(self, first_row: str, valid: str, arrays: dict[str, str]) -> None:
        """Execute the body on a block of rows."""
        if self.body.adds_in_lanes:
            out = "%sums"
        elif self.shape.reduces:
            out = "%out"
        else:
            out = self.writer.address("%out", first_row)
        arguments = self.body.arguments(**arrays, out=out, valid=valid)
        self.writer.do(f"call void @{self.body.name}({arguments})")

    def _add_up_lanes(self, valid: str = "") -> None:
        """Add the sums of all lanes, or of the valid ones, to the outputs, and clear them."""
        writer = self.writer
        with writer.loop(self.outputs) as output:
            address = writer.address("%sums", output.counter, writer.kind)
            vector = writer.load(address)
            if valid:
                vector = _choice_of_rows(writer, vector, _mask(writer, 0, valid))
            writer.add_to(_horizontal(writer, vector), writer.address("%out", output.counter))
            writer.store(writer.constant(0.0), address)

    def _whole_blocks(self) -> str:
        """Execute the body on whole blocks; return the number of rows done."""
        writer, rows = self.writer, self.shape.rows
        blocks = writer.let(f"sdiv i64 %rows, {rows}")
        with writer.loop(blocks) as done:
            row = writer.times(done.counter, rows)
            arrays = self._given()
            for group in self.varying:
                offset = writer.times(row, self.layout.groups[group].width)
                arrays[inputs_of(group).name] = writer.address(self.inputs[group], offset)
            self._block(row, str(rows), arrays)
        if self.body.adds_in_lanes:
            self._add_up_lanes()
        return writer.times(blocks, rows)

    def _remaining_rows(self, done: str) -> None:
        """Execute the body on a last block, padded with copies of the last row."""
        writer = self.writer
        left = writer.let(f"sub i64 %rows, {done}")
        some = writer.let(f"icmp sgt i64 {left}, 0")
        with writer.loop(writer.let(f"zext i1 {some} to i64")):
            arrays = self._given()
            offset = 0
            last = writer.let(f"sub i64 {left}, 1")
            for group in self.varying:
                tile = writer.address("%tile", offset)
                offset += self.layout.groups[group].width * self.shape.rows
                arrays[inputs_of(group).name] = tile
                self._fill(tile, group, done, last)
            self._block(done, left, arrays)
            if self.body.adds_in_lanes:
                self._add_up_lanes("" if self.shape.doubled else left)

    def _fill(self, tile: str, group: int, done: str, last: str) -> None:
        writer, width = self.writer, self.layout.groups[group].width
        with writer.loop(self.shape.rows) as row, writer.loop(width) as column:
            beyond = writer.let(f"icmp sgt i64 {row.counter}, {last}")
            there = writer.let(f"select i1 {beyond}, i64 {last}, i64 {row.counter}")
            source = writer.times(writer.plus(there, done), width)
            origin = writer.address(self.inputs[group], writer.plus(source, column.counter))
            copy = writer.load(origin, "double")
            target = writer.plus(writer.times(row.counter, width), column.counter)
            writer.store(copy, writer.address(tile, target), "double")

    def _finish_outputs(self) -> None:
        """Divide sums, and find out whether an output is nan."""
        writer = self.writer
        with writer.loop(self.outputs) as output:
            address = writer.address("%out", output.counter)
            total = writer.load(address, "double")
            if self.shape.reduces:
                total = writer.let(f"fdiv double {total}, %divisor")
                writer.store(total, address, "double")
            is_nan = writer.let(f"fcmp uno double {total}, {total}")
            bit = writer.let(f"zext i1 {is_nan} to i64")
            found = writer.let(f"or i64 {writer.load('%nan', 'i64')}, {bit}")
            writer.store(found, "%nan", "i64")
