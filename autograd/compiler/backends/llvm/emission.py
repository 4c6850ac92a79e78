"""The code of a scheduled program, in LLVM's intermediate representation.

Rows of the batch are the lanes of vectors. A unit of rows, `lanes` times `vectors` of them, is
executed at once: straight-line code keeps numbers in registers and passes others on in memory,
where each slot has a place with room for the unit; a loop reads and writes that memory. Where there
are loops, each step is executed for a block of units before the next one (see `tiles`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from autograd.compiler.backends.llvm import mathematics
from autograd.compiler.backends.llvm.parts import Part, Shape
from autograd.compiler.backends.llvm.schedule import (
    CONSTANT,
    COPY,
    TOTAL,
    KernelSchedule,
    Loop,
    Outer,
    Place,
    Region,
    Space,
    Straight,
    cost,
    inputs_of,
)
from autograd.compiler.backends.llvm.tiles import (
    Outers,
    Products,
    Steps,
    Totals,
    horizontal,
    multiplied,
    transposed,
)
from autograd.compiler.backends.llvm.writer import Writer, literal, masked, merged, type_of
from autograd.compiler.primitives import PRIMITIVES
from autograd.compiler.program import ITEM, Scan
from autograd.helper_rules import PRODUCTS

__all__ = ["CALL", "Part", "Shape", "kernel_text", "part_text", "step_texts"]

CALL = {
    "constant": "ptr",  # the constants
    "uniform": "ptr",  # memory for results that are the same in all rows
    "row": "ptr",  # memory for a block of rows
    "padded": "ptr",  # memory for the padded inputs of the last block
    "sums": "ptr",  # memory for sums, lane by lane, all 0
    "out": "ptr",  # the outputs
    "stride": "i64",  # the distance between outputs
    "rows": "i64",  # the number of rows
    "divisor": "double",  # what sums are divided by
}
"""The arguments of a call of the kernel, eight bytes each."""


INSTRUCTIONS = {
    op: primitive.llvm
    for op, primitive in PRIMITIVES.items()
    if primitive.llvm and not primitive.is_condition and not primitive.llvm.startswith("llvm.")
}
"""The operations that are one instruction."""


def _operation(writer: Writer, op: str, operands: Sequence[str]) -> str:
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


def _picked(writer: Writer, op: str, best: str, x: str) -> str:
    """Pick the larger of two, or the smaller: the first of equals, and a nan wins."""
    order = {">": "ogt", "<": "olt"}[PRIMITIVES[op].picks]
    is_nan = writer.let(f"fcmp uno {writer.kind} {x}, {x}")
    is_better = writer.let(f"fcmp {order} {writer.kind} {x}, {best}")
    bits = type_of(writer.lanes, "i1")
    return writer.choice(writer.let(f"or {bits} {is_nan}, {is_better}"), x, best)


def _condition(writer: Writer, op: str, operands: Sequence[str]) -> str:
    return writer.let(f"{PRIMITIVES[op].llvm} {writer.kind} {operands[0]}, {operands[1]}")


def _number(writer: Writer, condition: str) -> str:
    bits = type_of(writer.lanes, "i1")
    return writer.let(f"uitofp {bits} {condition} to {writer.kind}")


# --- straight-line code --------------------------------------------------------------------------


class _Straight:
    """Writes a piece of straight-line code, for one vector of rows."""

    def __init__(self, part: Part, writer: Writer | None = None) -> None:
        self.part = part
        self.program, self.schedule, self.shape = part.program, part.schedule, part.shape
        self.outputs, self.layout, self.region = part.outputs, part.layout, part.region
        self.writer = Writer(part.shape.lanes) if writer is None else writer
        self.rows = part.shape.rows
        self.values: dict[int, str] = {}
        self.conditions: dict[int, str] = {}
        self.products: dict[int, tuple[int, int]] = {}
        self._halves: dict[str, list[str]] = {}
        self.fused = part.adds_in_lanes and not part.shape.exact

    def write(self, step: Straight, used: dict[int, int]) -> Writer:
        """Write the operations that compute some slots; `used` counts their readers."""
        schedule, first = self.schedule, self.program.first_result
        passes = schedule.rolled and not step.computes
        if self.shape.reduces and (passes or self.shape.doubled):
            self.mask = masked(self.writer, 0)
        for slot in step.slots:
            if step.computes:
                self._compute(slot, *self.program.operations[slot - first], used)
                if slot in schedule.stored:
                    self._keep(slot, schedule.places[slot])
            for index in schedule.copies.get(slot, ()):
                self._keep(slot, Place(self.region, index))
            if slot in self.outputs and not (step.computes and slot in schedule.totalled):
                self._hand_out(slot, self.outputs[slot])
        return self.writer

    def _compute(self, slot: int, op: str, operands: tuple[int, ...], used: dict[int, int]) -> None:
        writer, value = self.writer, self.value
        if op in INSTRUCTIONS and not (op == "*" and self.fused and slot in self.outputs):
            texts = ", ".join([value(x) for x in operands])
            self.values[slot] = writer.let(f"{INSTRUCTIONS[op]} {writer.kind} {texts}")
        elif isinstance(op, Scan):
            self._repeat(op, operands, self.schedule.loops[slot])
        elif op == ITEM:
            self.values[slot] = self._number_of_loop(*operands)
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
            total = multiplied(
                self.writer, self.value(x), self.value(y), total, exact=self.shape.exact
            )
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
            self.values[slot] = writer.element(*self._located(place))
            return self.values[slot]
        group = place.region.group
        if group is not None and self.layout.groups[group].varies:
            self.values[slot] = self._collected(group, place.offset)
            return self.values[slot]
        # Loaded for each use: this takes no register, and the load broadcasts the number.
        return writer.splat(writer.element(*self._located(place), "double"))

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

    # --- loops of the program ---

    def _repeat(self, scan: Scan, operands: Sequence[int], space: Space) -> None:
        """Write a loop of the program: a small carry is in registers, a large one in memory."""
        writer, body = self.writer, scan.body
        constants, init, given, loops = scan.divided(operands)
        read = [self.schedule.loops[slot] for slot in loops]
        for column in space.copied:
            place, _ = space.tables[column]
            for number, operand in enumerate(given[column :: scan.scanned], place.offset):
                writer.store(self.value(operand), self._address(Place(place.region, number)))
        fixed, places = self._constants(constants)
        carry = [self.value(slot) for slot in init]
        lasts = [Place(space.region, space.last + place) for place in range(scan.carried)]
        in_memory = scan.carried > self.part.target.registers
        leaves = range(1 + scan.constants, 1 + scan.constants + scan.carried)
        if in_memory:
            places |= dict(zip(leaves, lasts, strict=True))
            for text, last in zip(carry, lasts, strict=True):
                writer.store(text, self._address(last))
            carry = []
        count: int | str = scan.steps
        if scan.follows >= 0:
            other = read[scan.follows]
            count = writer.load(self._address(Place(other.region, other.count)), "i64")
        inner_schedule = KernelSchedule([], places, loops=space.inner)
        part = replace(self.part, program=body, schedule=inner_schedule, outputs={})
        early = _written_early(scan) if in_memory else {}
        with writer.loop(count, carry, at_least_once=True) as each:
            t = each.counter
            if scan.reverse:
                t = writer.let(f"sub i64 {writer.plus(str(count), '-1')}, {t}")
            index = writer.let(f"sitofp i64 {t} to double")
            if scan.start:
                index = writer.let(f"fadd double {index}, {literal(scan.start)}")
            inner = _Straight(part, writer)
            elements = [self._element(read[number], t, column) for number, column in scan.columns]
            rows = [self._of_table(place, stride, t) for place, stride in space.tables]
            inner.values = {
                0: writer.splat(index),
                **fixed,
                **dict(zip(leaves, each.values, strict=False)),
            }
            inner.values |= dict(enumerate([*rows, *elements], leaves.stop))
            if space.width > scan.width:
                for column, leaf in enumerate(leaves, scan.width):
                    writer.store(inner.value(leaf), self._in_columns(space, t, column))
            for slot, (op, inner_operands) in enumerate(body.operations, body.first_result):
                inner._compute(slot, op, inner_operands, {})
                for result in early.get(slot, ()):
                    writer.store(inner.value(slot), self._address(lasts[result]))
            found = [
                "" if result in early.get(slot, ()) else inner.value(slot)
                for result, slot in enumerate(body.outputs)
            ]
            for column in range(scan.width):
                writer.store(found[scan.carried + column], self._in_columns(space, t, column))
            if scan.stops:
                each.condition = self._holds_anywhere(found[-1])
            if not in_memory:
                each.carry(found[: scan.carried])
            else:
                for text, last in zip(found, lasts, strict=False):
                    if text:
                        writer.store(text, self._address(last))
        for text, last in zip(each.values, lasts, strict=False):
            writer.store(text, self._address(last))
        writer.store(each.rounds, self._address(Place(space.region, space.count)), "i64")

    def _constants(self, constants: Sequence[int]) -> tuple[dict[int, str], dict[int, Place]]:
        """Decide which constants a loop keeps in registers, and which it reads from memory.

        It does the latter if there are more of them than registers.
        """
        fixed: dict[int, str] = {}
        places: dict[int, Place] = {}
        many = len(constants) > self.part.target.registers // 2
        for leaf, slot in enumerate(constants, 1):
            if many and slot not in self.values and self._is_in_memory(slot):
                places[leaf] = self.schedule.places[slot]
            else:
                fixed[leaf] = self.value(slot)
        return fixed, places

    def _is_in_memory(self, slot: int) -> bool:
        """Tell whether a slot is in memory as code reads it, neither known nor to be gathered."""
        place = self.schedule.places.get(slot)
        if place is None or slot in self.conditions or place.region is CONSTANT:
            return False
        return place.region.group is None or not self.layout.groups[place.region.group].varies

    def _number_of_loop(self, slot: int, constant: int) -> str:
        """Load one number of a loop."""
        scan = self.program.operations[slot - self.program.first_result].op
        assert isinstance(scan, Scan)
        space, place = self.schedule.loops[slot], int(self.program.constant(constant) or 0.0)
        if place < scan.carried:
            offset = space.last + place
        else:
            t, column = divmod(place - scan.carried, scan.width)
            offset = space.columns + t * space.width + column
        return self._loaded(space.region, self._address(Place(space.region, offset)))

    def _loaded(self, region: Region, address: str) -> str:
        if region.by_row:
            return self.writer.load(address)
        return self.writer.splat(self.writer.load(address, "double"))

    def _element(self, space: Space, t: str, column: int) -> str:
        """Load the element of a column at a step."""
        return self._loaded(space.region, self._in_columns(space, t, column))

    def _in_columns(self, space: Space, t: str, column: int) -> str:
        place = Place(space.region, space.columns + column)
        return self._beyond(place, space.width, t)

    def _beyond(self, place: Place, stride: int, t: str) -> str:
        step = self.rows if place.region.by_row else 1
        return self.writer.address(self._address(place), self.writer.times(t, stride * step))

    def _of_table(self, place: Place, stride: int, t: str) -> str:
        """Load a number that a step is passed."""
        writer, group = self.writer, place.region.group
        if group is None or not self.layout.groups[group].varies:
            return self._loaded(place.region, self._beyond(place, stride, t))
        width = self.layout.groups[group].width
        start = writer.address(f"%input{group}", writer.times(t, stride))
        vector = "poison"
        for lane in range(writer.lanes):
            number = writer.load(writer.address(start, lane * width + place.offset), "double")
            if writer.lanes == 1:
                return number
            vector = writer.let(
                f"insertelement {writer.kind} {vector}, double {number}, i32 {lane}"
            )
        return vector

    def _holds_anywhere(self, condition: str) -> str:
        """Tell whether a condition is not 0 in any row."""
        writer = self.writer
        bits = type_of(writer.lanes, "i1")
        test = writer.let(f"fcmp une {writer.kind} {condition}, {writer.constant(0.0)}")
        if writer.lanes == 1:
            return test
        name = f"llvm.vector.reduce.or.v{writer.lanes}i1"
        writer.declarations[f"declare i1 @{name}({bits})"] = None
        return writer.let(f"call i1 @{name}({bits} {test})")

    def _keep(self, slot: int, place: Place) -> None:
        self.writer.store(self.value(slot), self._address(place))

    def _address(self, place: Place) -> str:
        return self.writer.address(*self._located(place))

    def _located(self, place: Place) -> tuple[str, int]:
        region, offset = place
        return f"%{region.name}", offset * self.rows if region.by_row else offset

    def _hand_out(self, slot: int, output: int) -> None:
        writer = self.writer
        if not self.shape.reduces:
            index = writer.times("%stride", output) if output else "0"
            writer.store(self.value(slot), writer.address("%out", index))
        elif self.schedule.rolled:
            value = _choice_of_rows(writer, self._total(slot, None), self.mask)
            writer.add_to(horizontal(writer, value), writer.address("%out", output))
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
            return multiplied(self.writer, x, y, total, exact=self.shape.exact)
        if total is None:
            return self.value(slot)
        return self.writer.let(f"fadd {self.writer.kind} {total}, {self.value(slot)}")


def _written_early(scan: Scan) -> dict[int, list[int]]:
    """Find carries in memory that can be overwritten as soon as the next ones are computed.

    Returns:
        For slots of the body, which places of the carry they are written to.
    """
    body, first = scan.body, scan.body.first_result
    last: dict[int, int] = {}
    for slot, (_, operands) in enumerate(body.operations, first):
        last.update(dict.fromkeys(operands, slot))
    leaves = range(1 + scan.constants, 1 + scan.constants + scan.carried)
    last.update(dict.fromkeys(body.outputs, first + len(body)))  # read when all is computed
    early: dict[int, list[int]] = {}
    for place, (leaf, slot) in enumerate(zip(leaves, body.outputs, strict=False)):
        if slot >= first and last.get(leaf, 0) <= slot:
            early.setdefault(slot, []).append(place)
    return early


def _half(writer: Writer, vector: str, start: int, lanes: int, inner: str = "double") -> str:
    """Take one register of a vector of two registers."""
    kind = type_of(2 * lanes, inner)
    places = ", ".join(f"i32 {start + lane}" for lane in range(lanes))
    return writer.let(f"shufflevector {kind} {vector}, {kind} poison, <{lanes} x i32> <{places}>")


def _choice_of_rows(writer: Writer, value: str, mask: str) -> str:
    """Replace padding rows by 0."""
    return writer.choice(mask, value, writer.constant(0.0))


# --- loops ---------------------------------------------------------------------------------------


class _Loop(Steps):
    """Writes a loop over equal operations, for a unit of rows."""

    def __init__(self, part: Part, loop: Loop, name: str, *, shared: bool = False) -> None:
        super().__init__(part, name, shared=shared)
        self.loop = loop

    def write(self) -> Writer:
        """Write the loop over the runs, and the loop over the operations of a run."""
        if self.loop.terms:
            self._n_ary()
        else:
            self._elementwise()
        return self.writer

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
        """Store the results of an operation as an output."""
        offset = self.writer.let(f"mul i64 {index}, %stride")
        self._store(vectors, self.writer.address("%out", offset))

    def _elementwise(self) -> None:
        loop, writer = self.loop, self.writer
        operands = len(loop.regions)
        stored, handed = loop.starts[0][-2] >= 0, loop.starts[0][-1] >= 0
        with writer.loop(len(loop.starts)) as runs:
            starts = self.starts(loop, runs.counter)
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

            with writer.loop(loop.length) as each:
                vectors = results(each.counter)
                if stored:
                    index = self._index(starts, operands, each.counter)
                    self._store(vectors, self._pointer(self.region, index))
                if handed:
                    self._hand_out(vectors, self._index(starts, operands + 1, each.counter))

    def _index(self, starts: Sequence[str], column: int, step: str) -> str:
        return self.writer.plus(starts[column], self.writer.times(step, self.loop.strides[column]))

    def _n_ary(self) -> None:
        """Write sums and sums of products, several at once if they share their right operands."""
        loop, writer = self.loop, self.writer
        columns = len(loop.regions)
        together = 4 if self._shares_right and loop.length >= 4 else 1
        with writer.loop(len(loop.starts)) as runs:
            starts = self.starts(loop, runs.counter)
            done = 0
            for size in (together, 1):
                count = (loop.length - done) // size
                if count:
                    with writer.loop(count) as groups:
                        base = writer.plus(writer.times(groups.counter, size), str(done))
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
            for sequence, inner in enumerate(loop.inner):
                if found and sequence == 1 and self._shares_right:
                    factors.append(found[0][1])
                    continue
                region = loop.regions[sequence]
                index = writer.plus(origin[sequence], self.following(term, inner))
                factors.append(self._vectors(region, self._pointer(region, index)))
            found.append(factors)
        return found

    def _grown(self, total: str, factors: Sequence[str]) -> str:
        """Add a term of one or two factors to a vector of sums."""
        writer, shape = self.writer, self.shape
        if PRIMITIVES[self.loop.op].picks:
            return _picked(writer, self.loop.op, total, factors[0])
        if len(factors) == 2 and (shape.lanes > 1 or shape.exact):
            return multiplied(writer, factors[0], factors[1], total, exact=shape.exact)
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


# --- functions and modules -----------------------------------------------------------------------


def step_texts(part: Part) -> Iterator[tuple[str, str]]:
    """Write the function of each step.

    Args:
        part: The part of a program.

    Returns:
        The text of each module, and what it contains: "straight" code, "loops" over operations, or
        code that is "repeated" as a loop of the program, or a "rough" one, if that is large.
    """
    used: dict[int, int] = {}
    if part.shape.reduces:  # a product used only as an output is added to it at once
        for _, operands in part.program.operations:
            for operand in operands:
                used[operand] = used.get(operand, 0) + 1
    steps = [(f"{part.name}.step{number}", step) for number, step in enumerate(part.schedule.steps)]
    straight: list[tuple[str, Straight]] = []
    for name, step in steps:
        if isinstance(step, Straight) and _is_repeat(part, step):
            text = _module(part, [(_Straight(part).write(step, used), name, [], "")])
            yield text, "repeated" if _is_thorough(part, step) else "rough"
        elif isinstance(step, Straight):
            straight.append((name, step))
    for start in range(0, len(straight), PIECES):
        written: list[_Written] = [
            (_Straight(part).write(step, used), name, [], "")
            for name, step in straight[start : start + PIECES]
        ]
        yield _module(part, written), "straight"
    loops: list[_Written] = []
    for function, (_, step) in zip(_functions(part), steps, strict=True):
        if not isinstance(step, Straight) and function.is_first:
            loop = _repeated(part, step, function)
            loops.append((loop.write(), function.name, loop.globals, function.parameters))
    if loops:
        yield _module(part, loops), "loops"


def _is_repeat(part: Part, step: Straight) -> bool:
    """Tell whether a piece is a loop of the program."""
    loops = part.schedule.loops
    return step.computes and len(step.slots) == 1 and step.slots[0] in loops


class _Function(NamedTuple):
    """The function of a step."""

    name: str
    is_first: bool  # of those that have it
    places: tuple[int, ...]  # that it is given; empty if it knows them

    @property
    def parameters(self) -> str:
        """What comes after the parameters that all functions of a part have."""
        return "".join(f", i64 %start{place}" for place in range(len(self.places)))

    @property
    def arguments(self) -> str:
        """What comes after their arguments in the call for this step."""
        return "".join(f", i64 {place}" for place in self.places)


def _functions(part: Part) -> list[_Function]:
    """Give each step its function: loops that differ in where they start have one in common.

    In a recurrence each step has the same loops, and they take LLVM long.
    """
    kinds = [_kind(step) if isinstance(step, Loop) else None for step in part.schedule.steps]
    count = Counter(kinds)
    names: dict[Any, str] = {}
    found = []
    for number, (kind, step) in enumerate(zip(kinds, part.schedule.steps, strict=True)):
        own = f"{part.name}.step{number}"
        if isinstance(step, Loop) and count[kind] > 1:
            name = names.setdefault(kind, own)
            found.append(_Function(name, name == own, step.starts[0]))
        else:
            found.append(_Function(own, True, ()))
    return found


def _kind(loop: Loop) -> Any:
    """Return what loops have in common that one function can execute."""
    first = loop.starts[0]
    distances = tuple(
        [tuple([x - y for x, y in zip(run, first, strict=True)]) for run in loop.starts]
    )
    none = tuple([start < 0 for start in first])
    return loop.op, loop.terms, loop.length, loop.regions, loop.strides, loop.inner, distances, none


def _is_thorough(part: Part, step: Straight) -> bool:
    """Tell whether the code of a loop of the program is to be compiled thoroughly.

    LLVM's time grows faster than a body does, above all if carries are in memory.
    """
    scan = part.program.operations[step.slots[0] - part.program.first_result].op
    assert isinstance(scan, Scan)
    in_memory = scan.carried > part.target.registers
    most = part.target.uncut_cost if in_memory else part.target.straight_cost
    return cost(part.program, step.slots) <= most


def _repeated(
    part: Part, step: Loop | Outer, function: _Function
) -> _Loop | Products | Outers | Totals:
    """Choose what writes a step that repeats operations."""
    if isinstance(step, Outer):
        return Outers(part, step, function.name)
    shared = bool(function.places)
    if step.op == TOTAL:
        return Totals(part, step, function.name, shared=shared)
    if step.is_sum and part.in_blocks:
        return Products(part, step, function.name, shared=shared)
    return _Loop(part, step, function.name, shared=shared)


PIECES = 24
"""How many pieces of straight-line code a module holds."""


_Written: TypeAlias = "tuple[Writer, str, list[str], str]"
"""A function: its instructions, name, tables, and the parameters that others do not have."""


def _module(part: Part, functions: Sequence[_Written]) -> str:
    """Put functions and the functions that they call into one module."""
    declared: dict[str, None] = {}
    called: dict[str, int] = {}
    texts = []
    for writer, name, constants, more in functions:
        declared |= writer.declarations
        for op, count in writer.functions.items():
            called[op] = called.get(op, 0) + count
        head = f"define void @{name}({part.parameters}{more}) {part.attributes} {{"
        texts += [*constants, head]
        texts += ["entry:", *writer.lines, "  ret void", "}", ""]
    inline = sum(called.values()) <= part.target.most_inlined
    elementary = mathematics.definitions(part.shape.lanes, called, inline=inline)
    return merged("\n".join(declared), elementary) + "\n".join(texts)


def part_text(part: Part) -> str:
    """Write the function that executes a part on one block of rows, step by step.

    Args:
        part: The part of a program.

    Returns:
        The text of a module.
    """
    writer, shape = Writer(part.shape.lanes), part.shape
    steps = Steps(part, part.name)
    steps.writer = writer
    functions = _functions(part)
    units = steps.units() if part.in_blocks else "1"
    if part.in_blocks:
        _pack(steps, units)
    for function, step in zip(functions, part.schedule.steps, strict=True):
        name, more = function.name, function.arguments
        if isinstance(step, Outer) or (
            isinstance(step, Loop) and (step.op == TOTAL or (step.is_sum and part.in_blocks))
        ):
            writer.do(f"call void @{name}({part.arguments()}{more})")
            continue
        vectors = 1 if isinstance(step, Loop) else shape.vectors
        with _each_unit(steps, units) as (row, out, valid), writer.loop(vectors) as each:
            if vectors > 1:
                offset = writer.times(each.counter, shape.lanes)
                row = writer.address(row, offset)
                out = "%out" if shape.reduces else writer.address(out, offset)
                valid = writer.let(f"sub i64 {valid}, {offset}")
            given = part.arguments(row=row, out=out, valid=valid)
            writer.do(f"call void @{name}({given}{more})")
    declarations = [
        f"declare void @{each.name}({part.parameters}{each.parameters}) {part.attributes}"
        for each in functions
        if each.is_first
    ]
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


@contextmanager
def _each_unit(steps: Steps, units: str) -> Iterator[tuple[str, str, str]]:
    """Repeat for each unit of rows what has its memory, its outputs and how many rows are left."""
    if not steps.part.in_blocks:
        yield "%row", "%out", "%valid"
        return
    writer = steps.writer
    with writer.loop(units, at_least_once=True) as unit:
        first = writer.times(unit.counter, steps.shape.rows)
        out = "%out" if steps.shape.reduces else writer.address("%out", first)
        yield steps.memory_of(unit.counter), out, steps.left(unit.counter)


def _pack(steps: Steps, units: str) -> None:
    """Copy the inputs of the rows to memory, slot by slot; the last row also as padding."""
    writer, part = steps.writer, steps.part
    lanes, schedule = writer.lanes, part.schedule
    places = part.layout.places()
    starts = {places[slot][0]: index for slot, index in reversed(schedule.packed.items())}
    if not starts:
        return
    last = writer.let("sub i64 %valid, 1")
    with writer.loop(units, at_least_once=True) as unit, writer.loop(part.shape.vectors) as vector:
        row = writer.address(steps.memory_of(unit.counter), writer.times(vector.counter, lanes))
        first = writer.times(unit.counter, part.shape.rows)
        first = writer.plus(first, writer.times(vector.counter, lanes))
        numbers = []
        for lane in range(lanes):
            number = writer.plus(first, str(lane))
            beyond = writer.let(f"icmp sgt i64 {number}, {last}")
            numbers.append(writer.let(f"select i1 {beyond}, i64 {last}, i64 {number}"))
        for group, start in sorted(starts.items()):
            width = part.layout.groups[group].width
            rows = [writer.address(f"%input{group}", writer.times(x, width)) for x in numbers]
            if width >= lanes:
                with writer.loop(width // lanes) as each:
                    column = writer.times(each.counter, lanes)
                    loaded = [writer.load(writer.address(x, column)) for x in rows]
                    target = steps.in_unit(row, writer.plus(column, str(start)))
                    for lane, slot in enumerate(transposed(writer, loaded)):
                        writer.store(slot, writer.address(target, lane * part.shape.rows))
            for column_ in range(width - width % lanes, width):
                target = steps.in_unit(row, str(start + column_))
                for lane, x in enumerate(rows):
                    number = writer.load(writer.address(x, column_), "double")
                    writer.store(number, writer.address(target, lane), "double")


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
        if self.body.in_blocks:
            self._blocks_of_units()
        elif self.layout.batched:
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
                vector = _choice_of_rows(writer, vector, masked(writer, 0, valid))
            writer.add_to(horizontal(writer, vector), writer.address("%out", output.counter))
            writer.store(writer.constant(0.0), address)

    def _blocks_of_units(self) -> None:
        """Execute the body on blocks; it sees to the last one being smaller."""
        writer, size = self.writer, self.shape.rows * self.shape.units
        blocks = writer.let(f"sdiv i64 {writer.plus('%rows', str(size - 1))}, {size}")
        with writer.loop(blocks) as done:
            row = writer.times(done.counter, size)
            left = writer.let(f"sub i64 %rows, {row}")
            is_last = writer.let(f"icmp slt i64 {left}, {size}")
            valid = writer.let(f"select i1 {is_last}, i64 {left}, i64 {size}")
            self._block(row, valid, self._arrays_from(row))

    def _arrays_from(self, row: str) -> dict[str, str]:
        """Point to the inputs of a row."""
        arrays = self._given()
        for group in self.varying:
            offset = self.writer.times(row, self.layout.groups[group].width)
            arrays[inputs_of(group).name] = self.writer.address(self.inputs[group], offset)
        return arrays

    def _whole_blocks(self) -> str:
        """Execute the body on whole blocks; return the number of rows done."""
        writer, rows = self.writer, self.shape.rows
        blocks = writer.let(f"sdiv i64 %rows, {rows}")
        with writer.loop(blocks) as done:
            row = writer.times(done.counter, rows)
            self._block(row, str(rows), self._arrays_from(row))
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
                copies = writer.address("%padded", offset)
                offset += self.layout.groups[group].width * self.shape.rows
                arrays[inputs_of(group).name] = copies
                self._fill(copies, group, done, last)
            self._block(done, left, arrays)
            if self.body.adds_in_lanes:
                self._add_up_lanes("" if self.shape.doubled else left)

    def _fill(self, copies: str, group: int, done: str, last: str) -> None:
        writer, width = self.writer, self.layout.groups[group].width
        with writer.loop(self.shape.rows) as row, writer.loop(width) as column:
            beyond = writer.let(f"icmp sgt i64 {row.counter}, {last}")
            there = writer.let(f"select i1 {beyond}, i64 {last}, i64 {row.counter}")
            source = writer.times(writer.plus(there, done), width)
            origin = writer.address(self.inputs[group], writer.plus(source, column.counter))
            copy = writer.load(origin, "double")
            target = writer.plus(writer.times(row.counter, width), column.counter)
            writer.store(copy, writer.address(copies, target), "double")

    def _finish_outputs(self) -> None:
        """Divide sums, and find out whether an output is nan."""
        writer = self.writer
        whole = self.outputs // writer.lanes
        for lanes, first, count in (
            (writer.lanes, 0, whole),
            (1, whole * writer.lanes, self.outputs - whole * writer.lanes),
        ):
            if count:
                self._finish(lanes, first, count)

    def _finish(self, lanes: int, first: int, count: int) -> None:
        """Do that for some outputs, as many at once as there are lanes."""
        writer = self.writer
        kind, bits = type_of(lanes), type_of(lanes, "i1")
        none = "false" if lanes == 1 else "zeroinitializer"
        with writer.loop(count, [none], bits) as each:
            place = writer.plus(writer.times(each.counter, lanes), str(first))
            address = writer.address("%out", place)
            total = writer.load(address, kind)
            if self.shape.reduces:
                divisor = "%divisor" if lanes == 1 else writer.splat("%divisor")
                total = writer.let(f"fdiv {kind} {total}, {divisor}")
                writer.store(total, address, kind)
            is_nan = writer.let(f"fcmp uno {kind} {total}, {total}")
            each.carry([writer.let(f"or {bits} {each.values[0]}, {is_nan}")])
        found = each.values[0]
        if lanes > 1:
            name = f"llvm.vector.reduce.or.v{lanes}i1"
            writer.declarations[f"declare i1 @{name}({bits})"] = None
            found = writer.let(f"call i1 @{name}({bits} {found})")
        found = writer.let(f"zext i1 {found} to i64")
        before = writer.load("%nan", "i64")
        writer.store(writer.let(f"or i64 {before}, {found}"), "%nan", "i64")
