"""Schedules: the order and the pieces in which a program is executed, and its layout in memory.

A small or irregular program becomes straight-line code, cut into pieces of a bounded size, so that
LLVM's time stays linear. In a large program of many equal operations (a layer of neurons), these
are collected into loops.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import NamedTuple, TypeAlias

from autograd.compiler.backends.llvm.target import Target
from autograd.compiler.primitives import PRIMITIVES
from autograd.compiler.program import Program, Scan

__all__ = [
    "CONSTANT",
    "COPY",
    "ROW",
    "TOTAL",
    "UNIFORM",
    "KernelSchedule",
    "Loop",
    "Outer",
    "Place",
    "Region",
    "Space",
    "Step",
    "Straight",
    "cost",
    "inputs_of",
    "scheduled",
    "work",
]


class Region:
    """A region of memory to which generated code has a pointer: one object for each.

    Attributes:
        name: The name of the pointer.
        group: For an array of inputs, its number; else None.
        by_row: Whether it holds each number once for each row of a block.
    """

    __slots__ = ("by_row", "group", "name")

    def __init__(self, name: str, group: int | None = None, *, by_row: bool = False) -> None:
        self.name, self.group, self.by_row = name, group, by_row

    def __repr__(self) -> str:
        return f"<the region {self.name}>"


CONSTANT, UNIFORM, ROW = Region("constant"), Region("uniform"), Region("row", by_row=True)
"""The constants; results that are the same in all rows; results of each row of a block."""


@cache
def inputs_of(group: int) -> Region:
    """Return the region of an array of inputs.

    Args:
        group: The number of the array.

    Returns:
        The region, the same object each time.
    """
    return Region(f"input{group}", group)


COPY = "copy"
"""The operation of a loop that copies numbers into contiguous memory."""
TOTAL = "total"
"""The operation of a loop that adds numbers, over the rows of a block, to outputs."""


class Place(NamedTuple):
    """The place of a number in memory.

    Attributes:
        region: The region.
        offset: How many numbers precede it there.
    """

    region: Region
    offset: int


@dataclass(frozen=True)
class Straight:
    """A piece of straight-line code.

    Attributes:
        slots: The results that it computes, in order.
        computes: Whether it computes them, or only copies what exists.
    """

    slots: tuple[int, ...]
    computes: bool = True


Inner: TypeAlias = "int | tuple[int, ...]"
"""How the terms of a sequence follow one another: at a distance, or each so far from the first."""


@dataclass(frozen=True)
class Loop:
    """Equal operations, in runs in which their operands are at equal distances.

    Attributes:
        op: The operation.
        terms: For an n-ary operation, the number of terms; else 0.
        length: The number of operations in a run.
        regions: The region of each operand; for an n-ary operation, of each sequence and then of
            the bias.
        strides: The distance between the operands of neighbours in a run; last, those of the
            results and of the outputs.
        inner: For an n-ary operation, how the terms of each sequence follow one another.
        starts: For each run, the place of each operand, the result and the output; -1 for none.
    """

    op: str
    terms: int
    length: int
    regions: tuple[Region, ...]
    strides: tuple[int, ...]
    inner: tuple[Inner, ...]
    starts: tuple[tuple[int, ...], ...]

    @property
    def is_matrix(self) -> bool:
        """Whether they are sums of products with a factor in common: a matrix times a vector."""
        return self.is_sum and self.length > 1 and 0 in self.strides[:2]

    @property
    def is_sum(self) -> bool:
        """Whether they are sums of products."""
        return len(self.inner) == 2 and self.terms > 0


@dataclass(frozen=True)
class Outer:
    """Products of two numbers of a row each, added up over the rows: a product of matrices.

    In a layer, the derivatives by its weights: of the adjoint of each neuron, the factor of a line,
    with each input, the factor of a column.

    Attributes:
        terms: How many products are added up in a row for each output.
        inner: The distance between the terms of the factors of lines, and of columns.
        columns: Where the factor of the first column is, and the distance to that of the next.
        width: The number of columns.
        lines: For each line, where its factor is, the output of its product with the first column,
            which need not exist, and the range of the columns that it is multiplied with.
        packed: Where there is memory for the factors of the columns, row by row.
    """

    terms: int
    inner: tuple[int, int]
    columns: tuple[int, int]
    width: int
    lines: tuple[tuple[int, int, int, int], ...]
    packed: int

    @property
    def is_full(self) -> bool:
        """Whether each line is multiplied with all columns."""
        return all(high - low == self.width for _, _, low, high in self.lines)


@dataclass(frozen=True)
class Space:
    """The memory of a loop of the program.

    Attributes:
        region: Where it is.
        last: Where its last carry begins.
        count: Where the number of steps that it took is.
        columns: Where its columns begin; the elements of a step are side by side.
        width: How many of its columns are kept: the results, and the carries if they are read.
        tables: For each number that a step is passed, where that of the first step is, and the
            distance to the next.
        copied: Those of them that are copied there first.
        inner: The memory of the loops in its body.
    """

    region: Region
    last: int
    count: int
    columns: int
    width: int
    tables: tuple[tuple[Place, int], ...]
    copied: tuple[int, ...]
    inner: dict[int, Space]


Step: TypeAlias = "Straight | Loop | Outer"


@dataclass
class KernelSchedule:
    """How a part of a program is executed.

    Attributes:
        steps: The pieces and loops, in order.
        places: The place of each slot.
        memory: How many numbers of each row need memory.
        packed: Inputs that are first copied into the memory of the row.
        stored: The slots that are read after the piece that computes them.
        copies: For a slot, the other places where it is stored, for long sums.
        sums: Where the operands of each long sum begin.
        loops: The memory of each loop of the program.
        totalled: The outputs that steps of their own add up over the rows.
        rolled: Whether equal operations were collected into loops.
    """

    steps: list[Step]
    places: dict[int, Place]
    memory: int = 0
    packed: dict[int, int] = field(default_factory=dict)
    stored: set[int] = field(default_factory=set)
    copies: dict[int, list[int]] = field(default_factory=dict)
    sums: dict[int, int] = field(default_factory=dict)
    loops: dict[int, Space] = field(default_factory=dict)
    totalled: set[int] = field(default_factory=set)
    rolled: bool = False

    def new_place(self) -> int:
        """Allocate memory for a number."""
        return self.new_places(1)

    def new_places(self, count: int) -> int:
        """Allocate memory for numbers side by side, and return where it begins."""
        self.memory += count
        return self.memory - count

    def space(
        self, program: Program, slot: int, places: Mapping[int, Place], region: Region
    ) -> Space:
        """Allocate the memory of a loop, and of the loops in its body.

        Args:
            program: The program that the loop is part of.
            slot: The loop.
            places: Where inputs and constants of the program are.
            region: Where the memory is.
        """
        scan, operands = program.operations[slot - program.first_result]
        assert isinstance(scan, Scan)
        _, _, given, _ = scan.divided(operands)
        tables, copied = [], []
        for column in range(scan.scanned):
            table = _regular([places.get(x) for x in given[column :: scan.scanned]])
            if table is None:
                table = Place(region, self.new_places(scan.steps)), 1
                copied.append(column)
            tables.append(table)
        width = scan.width + scan.carried * _are_carries_read(program, slot)
        first, body = scan.body.first_result, scan.body
        return Space(
            region,
            self.new_places(scan.carried),
            self.new_place(),
            self.new_places(scan.steps * width),
            width,
            tuple(tables),
            tuple(copied),
            {
                inner: self.space(body, inner, {}, region)
                for inner, (op, _) in enumerate(body.operations, first)
                if isinstance(op, Scan)
            },
        )

    def side_by_side(self, slot: int, operands: Sequence[int]) -> None:
        """Allocate contiguous memory for the operands of a long sum."""
        self.sums[slot] = self.memory
        for operand in operands:
            self.copies.setdefault(operand, []).append(self.new_place())

    def long_sum(self, slot: int, op: str, operands: Sequence[int], region: Region) -> list[Step]:
        """Make the loop of a long sum, and pass on its result."""
        start, sequences = self.sums[slot], PRIMITIVES[op].sequences
        terms = PRIMITIVES[op].terms(len(operands))
        starts = [start + terms * sequence for sequence in range(sequences)]
        starts += range(start + terms * sequences, start + len(operands))
        strides = (0,) * (len(starts) + 2)
        run = (*starts, self.places[slot].offset, -1)
        regions = (region,) * len(starts)
        loop = Loop(op, terms, 1, regions, strides, (1,) * sequences, (run,))
        return [loop, Straight((slot,), computes=False)]


def _regular(places: Sequence[Place | None]) -> tuple[Place, int] | None:
    """Tell where numbers begin that are at equal distances in one region, and how far these are."""
    first = places[0]
    if first is None:
        return None
    following = places[min(1, len(places) - 1)]
    stride = 0 if following is None else following.offset - first.offset
    for number, place in enumerate(places):
        if place != (first.region, first.offset + number * stride):
            return None
    return first, stride


def _are_carries_read(program: Program, slot: int) -> bool:
    """Tell whether a loop of the program reads the carries of another one."""
    whole = program.operations[slot - program.first_result].op
    assert isinstance(whole, Scan)
    for op, operands in program.operations[slot + 1 - program.first_result :]:
        if isinstance(op, Scan):
            loops = op.divided(operands)[3]
            if any(loops[number] == slot and c >= whole.width for number, c in op.columns):
                return True
    return False


def scheduled(
    target: Target,
    program: Program,
    slots: Sequence[int],
    places: dict[int, Place],
    outputs: dict[int, int],
    inputs: Sequence[int] = (),
    region: Region = ROW,
    lasting: Container[int] = (),
    *,
    reduces: bool = False,
) -> KernelSchedule:
    """Schedule some operations of a program.

    Args:
        target: The target, with the sizes at which programs are cut.
        program: A program of primitive operations.
        slots: The results to compute, operands first.
        places: The places of the other slots that they need.
        outputs: For a result that is an output, the number of that output.
        inputs: The slots that are inputs varying from row to row.
        region: Where to store the results.
        lasting: Results that are needed afterwards.
        reduces: Whether outputs are added up over the rows.

    Returns:
        The schedule.
    """
    has_loop = any(isinstance(op, Scan) for op, _ in program.operations)
    if not has_loop and cost(program, slots) > target.straight_cost:
        rolled = _Rolling(
            target, program, slots, places, outputs, inputs, region, lasting, reduces
        ).schedule()
        if rolled is not None:
            return rolled
    return _straight(target, program, slots, places, region, lasting)


def _terms(program: Program, slot: int) -> int:
    op, operands = program.operations[slot - program.first_result]
    return PRIMITIVES[op].terms(len(operands)) if op in N_ARY else 0


def cost(program: Program, slots: Iterable[int]) -> int:
    """Count the elementary operations that the code of some results has.

    Args:
        program: A program.
        slots: The results.

    Returns:
        Their number; every term of an n-ary operation counts as one.
    """
    return _counted(program, slots, is_run=False)


def work(program: Program, slots: Iterable[int]) -> int:
    """Count the elementary operations that computing some results takes.

    Args:
        program: A program.
        slots: The results.

    Returns:
        Their number: the body of a loop counts once for each step.
    """
    return _counted(program, slots, is_run=True)


def _counted(program: Program, slots: Iterable[int], *, is_run: bool) -> int:
    first, operations = program.first_result, program.operations
    total = 0
    for slot in slots:
        op, operands = operations[slot - first]
        if isinstance(op, Scan):
            body = range(op.body.first_result, op.body.first_result + len(op.body))
            steps = min(op.steps, FEW_STEPS) if op.stops else op.steps
            total += 1 + _counted(op.body, body, is_run=is_run) * (steps if is_run else 1)
        else:
            total += PRIMITIVES[op].terms(len(operands)) if op in N_ARY else 1
    return total


FEW_STEPS = 32
"""How many steps a loop is assumed to take that may stop, unless that is too many."""

N_ARY = frozenset(op for op, primitive in PRIMITIVES.items() if primitive.sequences)


def _straight(
    target: Target,
    program: Program,
    slots: Sequence[int],
    places: dict[int, Place],
    region: Region,
    lasting: Container[int],
) -> KernelSchedule:
    """Cut operations into pieces, and allocate memory for what one passes to another.

    A long sum is a loop between two pieces; its operands are stored contiguously for it.
    """
    pieces = _pieces(target, program, slots)
    # A long sum is a piece of its own.
    heads = [piece[0] for piece in pieces if len(piece) == 1]
    long_sums = {slot for slot in heads if _terms(program, slot) >= target.long_sum}
    piece_of = {slot: number for number, piece in enumerate(pieces) for slot in piece}
    schedule = KernelSchedule([], dict(places))
    last_use: dict[int, int] = {}
    first, operations, home = program.first_result, program.operations, piece_of.get
    for number, piece in enumerate(pieces):
        for slot in piece:
            op, operands = operations[slot - first]
            if isinstance(op, Scan):
                schedule.loops[slot] = schedule.space(program, slot, places, region)
            if slot in long_sums:
                last_use[slot] = number
                schedule.side_by_side(slot, operands)
                continue
            for operand in operands:
                if home(operand, number) != number and operand not in schedule.loops:
                    last_use[operand] = number
    last_use |= {slot: len(pieces) for slot in slots if slot in lasting}
    if given := tuple(slot for slot in schedule.copies if slot not in piece_of):
        schedule.steps.append(Straight(given, computes=False))
    free: list[int] = []
    ending: dict[int, list[int]] = defaultdict(list)
    for number, piece in enumerate(pieces):
        for slot in piece:
            if slot in last_use:
                index = free.pop() if free else schedule.new_place()
                schedule.places[slot] = Place(region, index)
                ending[last_use[slot]].append(index)
        if piece[0] in long_sums:
            op, operands = program.operations[piece[0] - program.first_result]
            schedule.steps += schedule.long_sum(piece[0], op, operands, region)
        else:
            schedule.steps.append(Straight(piece))
        free += ending.pop(number, [])
    schedule.stored = set(last_use)
    return schedule


def _pieces(target: Target, program: Program, slots: Sequence[int]) -> list[tuple[int, ...]]:
    """Cut operations into pieces of a bounded size; a long sum is a piece of its own."""
    pieces: list[list[int]] = [[]]
    size = 0
    whole = cost(program, slots)
    is_large, most = whole > target.uncut_cost, target.most_in_piece(whole)
    first, operations = program.first_result, program.operations
    for slot in slots:
        op, operands = operations[slot - first]
        terms = PRIMITIVES[op].terms(len(operands)) if op in N_ARY else 0
        if terms >= target.long_sum or isinstance(op, Scan):
            pieces += [[slot], []]
            size = 0
            continue
        if is_large and size >= most:
            pieces.append([])
            size = 0
        pieces[-1].append(slot)
        size += max(terms, 1)
    return [tuple(piece) for piece in pieces if piece]


class _Member(NamedTuple):
    """One of several equal operations: the places of its operands, result and output."""

    slot: int
    indices: tuple[int, ...]
    inner: tuple[Inner, ...]


class _Memory:
    """Memory for numbers side by side, used again when they are no longer needed."""

    def __init__(self) -> None:
        self.size = 0
        self._ends: dict[int, int] = {}  # of each free range, by its start
        self._starts: dict[int, int] = {}

    def take(self, count: int) -> int:
        """Find a place for some numbers."""
        for start, end in islice(self._ends.items(), TRIED):
            if end - start >= count:
                del self._ends[start], self._starts[end]
                if end - start > count:
                    self._ends[start + count], self._starts[end] = end, start + count
                return start
        start = self._starts.get(self.size, self.size)
        if count > self.size - start:  # what is free at the end is too little
            self._ends.pop(start, None)
            self._starts.pop(self.size, None)
        else:
            start = self.size
        self.size = start + count
        return start

    def give(self, start: int, count: int = 1) -> None:
        """Give a place back, and join it with what is free beside it."""
        end = start + count
        before, after = self._starts.pop(start, None), self._ends.pop(end, None)
        if after is not None:
            del self._starts[after]
            end = after
        if before is not None:
            del self._ends[before]
            start = before
        self._ends[start], self._starts[end] = end, start


TRIED = 100
"""In how many free ranges a place is looked for."""


class _Rolling:
    """Collects equal operations of one depth into loops."""

    def __init__(
        self,
        target: Target,
        program: Program,
        slots: Sequence[int],
        places: dict[int, Place],
        outputs: dict[int, int],
        inputs: Sequence[int],
        region: Region,
        lasting: Container[int],
        reduces: bool,
    ) -> None:
        self.target, self.slots = target, slots
        self.program, self.outputs, self.region = program, outputs, region
        self.first, self.lasting, self.reduces = program.first_result, lasting, reduces
        self.places = dict(places)
        self.packed = {slot: index for index, slot in enumerate(inputs)}
        for slot, index in self.packed.items():
            self.places[slot] = Place(region, index)
        self.memory = _Memory()
        self.memory.take(len(inputs))
        self.by_depth = self._by_depth(slots)
        self.kept: set[int] = set()
        self.totalled: set[int] = set()
        self.borrowed: list[tuple[int, int]] = []  # until the end of a depth

    def _by_depth(self, slots: Sequence[int]) -> list[list[list[int]]]:
        """Group operations by depth, and within a depth by kind."""
        first, operations = self.program.first_result, self.program.operations
        depths: dict[int, int] = {}
        groups: list[dict[tuple[str, int], list[int]]] = []
        for slot in slots:
            op, operands = operations[slot - first]
            depth = 0
            for operand in operands:
                if depths.get(operand, -1) >= depth:
                    depth = depths[operand] + 1
            depths[slot] = depth
            if depth == len(groups):
                groups.append({})
            groups[depth].setdefault((op, len(operands)), []).append(slot)
        return [list(group.values()) for group in groups]

    def _last_uses(self) -> dict[int, int]:
        """Tell at which depth each number is read last."""
        first, operations = self.program.first_result, self.program.operations
        found: dict[int, int] = {}
        for depth, groups in enumerate(self.by_depth):
            for group in groups:
                for slot in group:
                    found.update(dict.fromkeys(operations[slot - first].operands, depth))
        return found

    def schedule(self) -> KernelSchedule | None:
        """Return the schedule, or None if loops would cover too little."""
        if not self._may_cover_half():
            return None
        last = self._last_uses()
        ending: dict[int, list[int]] = defaultdict(list)
        for slot in self.packed:
            if slot in last and slot not in self.outputs:
                ending[last[slot]].append(slot)
        steps: list[Step] = []
        pending: list[int] = []
        waiting: list[int] = []  # to be added up once they are computed
        covered = total = depth = 0
        most = self.target.most_in_piece(cost(self.program, self.slots))

        def flush() -> None:
            size, piece = 0, []
            for slot in pending:
                piece.append(slot)
                size += max(_terms(self.program, slot), 1)
                if size >= most:
                    steps.append(Straight(tuple(piece)))
                    size, piece = 0, []
            if piece:
                steps.append(Straight(tuple(piece)))
            pending.clear()
            if waiting:
                steps.extend(self._totals(waiting))
                for slot in waiting:
                    ending[max(last.get(slot, depth), depth)].append(slot)
                waiting.clear()

        for depth, groups in enumerate(self.by_depth):
            outers: list[Outer] = []
            total += (whole := sum(cost(self.program, group) for group in groups))
            if self.reduces:
                groups = [self._outers(group, last, outers) for group in groups]
            kept = [slot for group in groups for slot in group if self._is_kept(slot, last)]
            for offset, slot in enumerate(kept, self.memory.take(len(kept)) if kept else 0):
                self.places[slot] = Place(self.region, offset)
            self.kept.update(kept)
            late: set[int] = set()
            for group in filter(None, groups):
                loops, rest = self._loops(group)
                if loops:
                    flush()
                    steps += loops
                pending += rest
                whole -= cost(self.program, rest)
                if self.reduces:
                    left = {*rest}
                    added = [slot for slot in group if slot in self.outputs]
                    self.totalled.update(added)
                    late.update(slot for slot in added if slot in left)
                    waiting += [slot for slot in added if slot in left]
                    steps += self._totals([slot for slot in added if slot not in left])
            covered += whole
            if outers:
                flush()
                steps += outers
            for slot in kept:
                if slot not in self.lasting and slot not in late:
                    ending[max(last.get(slot, depth), depth)].append(slot)
            for slot in ending.pop(depth, ()):
                self.memory.give(self.places[slot].offset)
            for start, count in self.borrowed:
                self.memory.give(start, count)
            self.borrowed.clear()
        flush()
        if 2 * covered < total:
            return None
        return KernelSchedule(
            steps,
            self.places,
            self.memory.size,
            self.packed,
            stored=self.kept,
            totalled=self.totalled,
            rolled=True,
        )

    def _is_kept(self, slot: int, last: Container[int]) -> bool:
        return slot in last or slot in self.lasting or (self.reduces and slot in self.outputs)

    def _totals(self, slots: Sequence[int]) -> list[Step]:
        """Add up results over the rows."""
        return self._regular(
            TOTAL, [_Member(x, (self.places[x].offset, -1, self.outputs[x]), ()) for x in slots]
        )

    def _regular(self, op: str, members: list[_Member]) -> list[Step]:
        """Make loops of operations on a number each, with the same region."""
        alike: dict[tuple[int, tuple[int, ...]], list[tuple[int, ...]]] = {}
        for run, strides in _runs(members):
            alike.setdefault((len(run), strides), []).append(run[0].indices)
        return [
            Loop(op, 0, length, (self.region,), strides, (), tuple(starts))
            for (length, strides), starts in alike.items()
        ]

    def _outers(self, group: list[int], last: Container[int], outers: list[Outer]) -> list[int]:
        """Find outer products that are only outputs, and list the operations left over."""
        op = self.program.operations[group[0] - self.first].op
        if op not in ("*", "dot") or len(group) < self.target.shortest_loop:
            return group
        terms = _terms(self.program, group[0])
        members: list[_Member] = []
        for slot in group:
            if slot in self.outputs and slot not in last and slot not in self.lasting:
                found = self._member(slot, op, terms)
                if found is not None and self._is_regular(*found):
                    members.append(found[1])
        members.sort(key=lambda member: self.outputs[member.slot])
        alike: dict[tuple[int, int, int, int], list[_Line]] = {}
        for line in _lines(members, self.outputs):
            alike.setdefault(line.key, []).append(line)
        done: set[int] = set()
        for lines in alike.values():
            for together in _overlapping(lines):
                outer = self._outer(terms, together)
                if outer is not None:
                    outers.append(outer)
                    done.update(slot for line in together for slot in line.slots)
        return [slot for slot in group if slot not in done] if done else group

    def _is_regular(self, regions: tuple[Region, ...], member: _Member) -> bool:
        own = all(region is self.region for region in regions)
        return own and all(isinstance(inner, int) for inner in member.inner)

    def _outer(self, terms: int, lines: Sequence[_Line]) -> Outer | None:
        """Make a step of lines whose columns overlap, unless there is little to it."""
        low = min(line.first for line in lines)
        width = max(line.first + len(line.slots) for line in lines) - low
        products = sum(len(line.slots) for line in lines)
        # Of a triangle half is computed for nothing.
        if products < self.target.shortest_outer or 4 * products < width * len(lines):
            return None
        stride, phase, *inner = lines[0].key
        start = abs(stride) * (low if stride > 0 else -low) + phase
        found = []
        for line in lines:
            first = line.first - low
            found.append((line.factor, line.output - first, first, first + len(line.slots)))
        found.sort(key=lambda line: line[2:])
        _, columns = self.target.outer_tile(width)
        room = -(-width // columns) * columns
        packed = self.memory.take(room)
        self.borrowed.append((packed, room))
        one, other = inner
        return Outer(max(terms, 1), (one, other), (start, stride), width, tuple(found), packed)

    def _may_cover_half(self) -> bool:
        """Tell whether loops could cover enough, judging by the numbers of equal operations."""
        most = total = 0
        for groups in self.by_depth:
            for group in groups:
                whole = cost(self.program, group)
                total += whole
                if whole >= self.target.shortest_loop:
                    most += whole
        return 2 * most >= total

    def _loops(self, group: list[int]) -> tuple[list[Step], list[int]]:
        """Make loops of equal operations, and list the operations left over."""
        op = self.program.operations[group[0] - self.first].op
        terms = _terms(self.program, group[0])
        if len(group) * max(terms, 1) < self.target.shortest_loop:
            return [], group
        rest: list[int] = []
        loops: list[Step] = []
        alike: dict[tuple[tuple[Region, ...], tuple[Inner, ...], bool, bool], list[_Member]] = {}
        alone: list[int] = []
        for slot in group:
            found = self._member(slot, op, terms)
            if found is None:
                alone.append(slot)
            else:
                regions, member = found
                key = regions, member.inner, member.indices[-2] >= 0, member.indices[-1] >= 0
                alike.setdefault(key, []).append(member)
        for kind, members in alike.items():
            if len(members) == 1 and any(isinstance(inner, tuple) for inner in kind[1]):
                alone.append(members.pop().slot)
        for slot in alone:
            if terms >= self.target.rough_piece_cost:
                loops += self._gathered(slot, op)
            else:
                rest.append(slot)
        for (regions, inner, _, _), members in alike.items():
            runs: dict[tuple[int, tuple[int, ...]], list[list[_Member]]] = {}
            for run, strides in _runs(members):
                runs.setdefault((len(run), strides), []).append(run)
            for (length, strides), found_runs in runs.items():
                if length * len(found_runs) * max(terms, 1) < self.target.shortest_loop:
                    rest += [member.slot for run in found_runs for member in run]
                    continue
                starts = tuple(run[0].indices for run in found_runs)
                loops.append(Loop(op, terms, length, regions, strides, inner, starts))
        return loops, rest

    def _gathered(self, slot: int, op: str) -> list[Step]:
        """Copy the operands of a sum longer than a piece side by side, and loop over them."""
        operands = self.program.operations[slot - self.first].operands
        start = self.memory.take(len(operands))
        self.borrowed.append((start, len(operands)))
        by_region: dict[Region, list[_Member]] = {}
        for index, operand in enumerate(operands, start):
            place = self.places[operand]
            copy = _Member(operand, (place.offset, index, -1), ())
            by_region.setdefault(place.region, []).append(copy)
        steps: list[Step] = []
        for region, copies in by_region.items():
            alike: dict[tuple[int, tuple[int, ...]], list[tuple[int, ...]]] = {}
            for run, strides in _runs(copies):
                alike.setdefault((len(run), strides), []).append(run[0].indices)
            steps += [
                Loop(COPY, 0, length, (region,), strides, (), tuple(starts))
                for (length, strides), starts in alike.items()
            ]
        sequences = PRIMITIVES[op].sequences
        terms = PRIMITIVES[op].terms(len(operands))
        starts = [start + terms * sequence for sequence in range(sequences)]
        starts += range(start + terms * sequences, start + len(operands))
        own = self.places[slot].offset if slot in self.kept else -1
        run_ = (*starts, own, self._handed(slot))
        regions, strides = (self.region,) * len(starts), (0,) * len(run_)
        return [*steps, Loop(op, terms, 1, regions, strides, (1,) * sequences, (run_,))]

    def _handed(self, slot: int) -> int:
        """Tell which output a loop gives a result to; -1 for none, or if it is added up later."""
        return -1 if self.reduces else self.outputs.get(slot, -1)

    def _member(self, slot: int, op: str, terms: int) -> tuple[tuple[Region, ...], _Member] | None:
        """Find the places of an operation's operands and results.

        None if those of a sequence are in several regions.
        """
        operands = self.program.operations[slot - self.first].operands
        own = self.places[slot].offset if slot in self.kept else -1
        last = (own, self._handed(slot))
        places = [self.places[operand] for operand in operands]
        if not terms:
            indices = tuple([place.offset for place in places])
            return tuple([place.region for place in places]), _Member(slot, indices + last, ())
        regions: list[Region] = []
        indices_: list[int] = []
        inner: list[Inner] = []
        sequences, biases = PRIMITIVES[op].split(places)
        for sequence in sequences:
            stride = sequence[1].offset - sequence[0].offset if terms > 1 else 0
            region, index = sequence[0]
            regular = True
            for i, place in enumerate(sequence):
                if place.offset != index + i * stride or place.region is not region:
                    regular = False
                    break
            if not regular and any(place.region is not region for place in sequence):
                return None
            regions.append(region)
            indices_.append(index)
            inner.append(stride if regular else tuple([x.offset - index for x in sequence]))
        for place in biases:
            regions.append(place.region)
            indices_.append(place.offset)
        return tuple(regions), _Member(slot, (*indices_, *last), tuple(inner))


def _runs(members: list[_Member]) -> Iterable[tuple[list[_Member], tuple[int, ...]]]:
    """Cut members into runs in which each index grows by a constant step."""
    start = 0
    while start < len(members):
        end = start + 1
        strides: tuple[int, ...] = (0,) * len(members[start].indices)
        if end < len(members):
            before = members[start].indices
            strides = tuple([b - a for a, b in zip(before, members[end].indices, strict=True)])
            while end < len(members):
                indices = members[end].indices
                if tuple([b - a for a, b in zip(before, indices, strict=True)]) != strides:
                    break
                before = indices
                end += 1
        yield members[start:end], strides
        start = end


class _Line(NamedTuple):
    """Products of one factor with others at equal distances, whose outputs are neighbours."""

    factor: int
    first: int  # the other factors by their number, so that one line's may be another's
    output: int
    slots: tuple[int, ...]
    key: tuple[int, int, int, int]  # the distance of the others, its remainder, those of terms


def _lines(members: list[_Member], outputs: dict[int, int]) -> Iterable[_Line]:
    """Cut products, in the order of their outputs, into lines; either factor may come first."""
    factors: list[tuple[_Factor, _Factor]] = []
    for member in members:
        left, right = (int(inner) for inner in member.inner or (0, 0))  # type: ignore[arg-type]
        factors.append(((member.indices[0], left), (member.indices[1], right)))
    start = 0
    while start < len(members):
        output = outputs[members[start].slot]
        fixed, other = factors[start]
        step, end = 0, start + 1
        while end < len(members) and outputs[members[end].slot] == output + end - start:
            if not step:
                found = _in_common(factors[start], factors[end])
                if found is None:
                    break
                fixed, other, step = found
            following = (fixed, (other[0] + (end - start) * step, other[1]))
            if factors[end] not in (following, following[::-1]):
                break
            end += 1
        number, phase = divmod(other[0], abs(step) or 1)
        slots = tuple([member.slot for member in members[start:end]])
        key = (step or 1, phase, fixed[1], other[1])
        yield _Line(fixed[0], number if step >= 0 else -number, output, slots, key)
        start = end


_Factor: TypeAlias = "tuple[int, int]"  # its place, and the distance to its next term


def _in_common(
    one: tuple[_Factor, _Factor], two: tuple[_Factor, _Factor]
) -> tuple[_Factor, _Factor, int] | None:
    """Find what two products have in common, the other factor of the first, and its step."""
    for fixed, other in (one, one[::-1]):
        for same, following in (two, two[::-1]):
            if fixed == same and other[1] == following[1] and other[0] != following[0]:
                return fixed, other, following[0] - other[0]
    return None


def _overlapping(lines: list[_Line]) -> Iterable[list[_Line]]:
    """Put lines together that have columns in common."""
    together: list[_Line] = []
    reach = 0
    for line in sorted(lines, key=lambda line: (line.first, len(line.slots))):
        if together and line.first >= reach:
            yield together
            together = []
        end = line.first + len(line.slots)
        reach = max(reach, end) if together else end
        together.append(line)
    if together:
        yield together
