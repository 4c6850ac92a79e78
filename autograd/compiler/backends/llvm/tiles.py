"""Steps of matrices, for a block of rows: sums of products, outer products, and totals.

Each keeps a tile of its results in registers, and reads what several of them share once. How BLAS
libraries do that: Goto and van de Geijn, *Anatomy of High-Performance Matrix Multiplication*, ACM
Transactions on Mathematical Software 34 (2008). Here the rows of a batch are the lanes of vectors;
of an outer product they are what is summed over, so one of the factors is transposed first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autograd.compiler.backends.llvm.parts import Part
from autograd.compiler.backends.llvm.schedule import Inner, Loop, Outer, Region
from autograd.compiler.backends.llvm.writer import Writer, literal, masked, type_of
from autograd.compiler.primitives import PRIMITIVES

__all__ = [
    "Outers",
    "Products",
    "Steps",
    "Totals",
    "horizontal",
    "multiplied",
    "transposed",
]


def multiplied(writer: Writer, x: str, y: str, total: str | None, *, exact: bool) -> str:
    """Add a product to a total.

    Args:
        writer: What writes the function.
        x: A factor.
        y: The other.
        total: The total; None for nothing yet.
        exact: Whether product and sum are rounded each on its own.

    Returns:
        The name of the new total.
    """
    if total is None:
        return writer.let(f"fmul {writer.kind} {x}, {y}")
    if exact:
        product = writer.let(f"fmul {writer.kind} {x}, {y}")
        return writer.let(f"fadd {writer.kind} {total}, {product}")
    return writer.intrinsic("fmuladd", x, y, total)


def horizontal(writer: Writer, vector: str) -> str:
    """Sum the lanes of a vector.

    Args:
        writer: What writes the function.
        vector: The vector.

    Returns:
        The name of the sum.
    """
    if writer.lanes == 1:
        return vector
    name = f"llvm.vector.reduce.fadd.v{writer.lanes}f64"
    writer.declarations[f"declare double @{name}(double, {writer.kind})"] = None
    zero = literal(-0.0)
    return writer.let(f"call reassoc double @{name}(double {zero}, {writer.kind} {vector})")


def transposed(writer: Writer, vectors: Sequence[str]) -> list[str]:
    """Transpose a square matrix: as many vectors as they have lanes.

    Args:
        writer: What writes the function.
        vectors: The rows of the matrix.

    Returns:
        Its columns.
    """
    found = list(vectors)
    distance = 1
    while distance < writer.lanes:
        for i in range(writer.lanes):
            if not i & distance:
                pair = found[i], found[i + distance]
                found[i] = _interleaved(writer, *pair, distance, 0)
                found[i + distance] = _interleaved(writer, *pair, distance, distance)
        distance *= 2
    return found


def _transposed_sum(writer: Writer, vectors: list[str]) -> str:
    """Sum the lanes of each of several vectors, as many as they have lanes, into one vector."""
    distance = 1
    while len(vectors) > 1:
        # For each pair of vectors, add the even groups of lanes of both to the odd groups.
        halves = []
        for a, b in zip(vectors[0::2], vectors[1::2], strict=True):
            even = _interleaved(writer, a, b, distance, 0)
            odd = _interleaved(writer, a, b, distance, distance)
            halves.append(writer.let(f"fadd {writer.kind} {even}, {odd}"))
        vectors = halves
        distance *= 2
    return vectors[0]


def _interleaved(writer: Writer, a: str, b: str, distance: int, offset: int) -> str:
    """Take every other group of lanes of two vectors, by turns."""
    chosen = []
    for start in range(offset, writer.lanes, 2 * distance):
        chosen += [*range(start, start + distance)]
        chosen += [writer.lanes + lane for lane in range(start, start + distance)]
    lanes = ", ".join(f"i32 {lane}" for lane in chosen)
    kind = writer.kind
    return writer.let(f"shufflevector {kind} {a}, {kind} {b}, <{len(chosen)} x i32> <{lanes}>")


def _even(total: int, most: int) -> Iterator[tuple[int, int, int]]:
    """Cut a range into pieces of two sizes at most: of each, its first, how many, and the size."""
    pieces = -(-total // most)
    size, larger = divmod(total, pieces)
    if larger:
        yield 0, larger, size + 1
    yield larger * (size + 1), pieces - larger, size


class Steps:
    """Writes the function of a step that repeats operations.

    Args:
        part: The part of a program that the step belongs to.
        name: The name of the function.
        shared: Whether several loops call it, each with its own places as arguments.

    Attributes:
        writer: What writes the function.
        globals: The tables that it reads.
    """

    def __init__(self, part: Part, name: str, *, shared: bool = False) -> None:
        self.part, self.shape, self.region = part, part.shape, part.region
        self.function, self.shared = name, shared
        self.writer = Writer(part.shape.lanes)
        self.globals: list[str] = []

    def listed(self, numbers: Sequence[int], place: str) -> str:
        """Return a number of a list: computed if possible, else from a table."""
        step = numbers[1] - numbers[0] if len(numbers) > 1 else 0
        if all(number == numbers[0] + i * step for i, number in enumerate(numbers)):
            return self.writer.plus(str(numbers[0]), self.writer.times(place, step))
        table = f"@{self.function}.starts{len(self.globals)}"
        texts = ", ".join(f"i32 {number}" for number in numbers)
        self.globals.append(f"{table} = internal constant [{len(numbers)} x i32] [{texts}]")
        address = self.writer.address(table, place, "i32")
        return self.writer.let(f"sext i32 {self.writer.load(address, 'i32')} to i64")

    def starts(self, loop: Loop, run: str) -> list[str]:
        """Return where each operand, the result and the output start in a run of a loop."""
        found = []
        for number, column in enumerate(zip(*loop.starts, strict=True)):
            if self.shared and column[0] >= 0:
                distances = [start - column[0] for start in column]
                found.append(self.writer.plus(f"%start{number}", self.listed(distances, run)))
            else:
                found.append(self.listed(column, run))
        return found

    def following(self, term: str, inner: Inner) -> str:
        """Return how far a term of a sequence is from the first."""
        if isinstance(inner, tuple):
            return self.listed(inner, term)
        return self.writer.times(term, inner)

    # --- blocks of rows --------------------------------------------------------------------------

    def units(self) -> str:
        """Return how many units of rows there are, at least one."""
        more = self.writer.plus("%valid", str(self.shape.rows - 1))
        return self.writer.let(f"sdiv i64 {more}, {self.shape.rows}")

    def memory_of(self, unit: str) -> str:
        """Point to the memory of a unit."""
        return self.writer.address("%row", self.writer.times(unit, self.part.unit))

    def left(self, unit: str) -> str:
        """Return how many rows there are from a unit on."""
        return self.writer.let(f"sub i64 %valid, {self.writer.times(unit, self.shape.rows)}")

    def in_unit(self, row: str, index: str) -> str:
        """Point to the numbers at an index of a unit's memory."""
        return self.writer.address(row, self.writer.times(index, self.shape.rows))


class Products(Steps):
    """Writes sums of products, mostly with factors in common, each with its terms in order.

    Args:
        part: The part of a program that the step belongs to.
        loop: The sums.
        name: The name of the function.
        shared: As for `Steps`.
    """

    def __init__(self, part: Part, loop: Loop, name: str, *, shared: bool = False) -> None:
        super().__init__(part, name, shared=shared)
        self.loop = loop

    def write(self) -> Writer:
        """Write the loops over runs, spans of terms, tiles of sums, and units of rows."""
        loop, writer = self.loop, self.writer
        units = self.units()
        most = self.part.target.sums_at_once(self.shape.vectors)
        with writer.loop(len(loop.starts)) as runs:
            starts = self.starts(loop, runs.counter)
            for from_term, spans, terms in self._spans():
                with writer.loop(spans) as span:
                    term = writer.plus(writer.times(span.counter, terms), str(from_term))
                    for first, count, size in _even(loop.length, most):
                        with writer.loop(count) as tiles:
                            tile = writer.plus(writer.times(tiles.counter, size), str(first))
                            origins = [
                                writer.plus(start, writer.times(tile, stride))
                                for start, stride in zip(starts, loop.strides, strict=True)
                            ]
                            with writer.loop(units, at_least_once=True) as unit:
                                self._tile(origins, size, unit.counter, term, terms)
        return writer

    def _spans(self) -> Iterator[tuple[int, int, int]]:
        """Cut the terms into spans whose factors a cache has room for; the first comes alone.

        Between spans a sum is in the memory for its result.
        """
        loop, most = self.loop, self.part.target.most_terms
        bias_last = PRIMITIVES[loop.op].has_bias and self.shape.exact
        if loop.terms <= most or not loop.is_matrix or loop.starts[0][-2] < 0 or bias_last:
            yield 0, 1, loop.terms
            return
        for first, count, size in _even(loop.terms, most):
            if not first:
                yield 0, 1, size
                first, count = size, count - 1
            if count:
                yield first, count, size

    def _tile(
        self, origins: Sequence[str], size: int, unit: str, from_term: str, count: int
    ) -> None:
        """Write some sums at once, of a unit of rows, or add some more terms to them."""
        loop, writer, exact = self.loop, self.writer, self.shape.exact
        row, vectors = self.memory_of(unit), self.shape.vectors
        has_bias = PRIMITIVES[loop.op].has_bias
        first = [writer.constant(-0.0)] * (size * vectors)
        result = self.in_unit(row, origins[-2])
        step = loop.strides[-2] * self.shape.rows
        if from_term != "0":
            first = []
            for i in range(size):
                first += self._vectors(self.region, writer.address(result, i * step))
        elif has_bias and not exact:
            first = self._operands(row, 2, origins[2], size)
        with writer.loop(count, first) as terms:
            term = writer.plus(from_term, terms.counter)
            factors = [
                self._operands(
                    row, sequence, writer.plus(origins[sequence], self.following(term, inner)), size
                )
                for sequence, inner in enumerate(loop.inner)
            ]
            terms.carry([
                multiplied(writer, x, y, total, exact=exact)
                for x, y, total in zip(*factors, terms.values, strict=True)
            ])  # fmt: skip
        sums = terms.values
        if has_bias and exact:
            bias = self._operands(row, 2, origins[2], size)
            pairs = zip(sums, bias, strict=True)
            sums = [writer.let(f"fadd {writer.kind} {total}, {x}") for total, x in pairs]
        if loop.starts[0][-2] >= 0:
            self._store(sums, result, step)
        if loop.starts[0][-1] >= 0:
            index = writer.let(f"mul i64 {origins[-1]}, %stride")
            out = writer.address("%out", writer.times(unit, self.shape.rows))
            distance = writer.times("%stride", loop.strides[-1])
            self._store(sums, writer.address(out, index), distance)

    def _operands(self, row: str, column: int, index: str, size: int) -> list[str]:
        """Load an operand of each sum, vector by vector; once, if it is the same of all."""
        region, stride = self.loop.regions[column], self.loop.strides[column]
        pointer = self.in_unit(row, index) if region.by_row else self._shared(region, index)
        step = stride * (self.shape.rows if region.by_row else 1)
        if not stride:
            return self._vectors(region, pointer) * size
        found = []
        for i in range(size):
            found += self._vectors(region, self.writer.address(pointer, i * step))
        return found

    def _shared(self, region: Region, index: str) -> str:
        return self.writer.address(f"%{region.name}", index)

    def _vectors(self, region: Region, pointer: str) -> list[str]:
        writer, vectors = self.writer, self.shape.vectors
        if not region.by_row:
            return [writer.splat(writer.load(pointer, "double"))] * vectors
        return [
            writer.load(writer.address(pointer, vector * writer.lanes)) for vector in range(vectors)
        ]

    def _store(self, sums: Sequence[str], pointer: str, step: int | str) -> None:
        """Store the vectors of each sum."""
        writer, vectors = self.writer, self.shape.vectors
        for number, total in enumerate(sums):
            i, vector = divmod(number, vectors)
            offset = i * step if isinstance(step, int) else writer.times(step, i)
            address = writer.address(writer.address(pointer, offset), vector * writer.lanes)
            writer.store(total, address)


class Outers(Steps):
    """Writes an outer product, added up over the rows and to the outputs.

    The factors of the columns are transposed first, in panels as wide as a tile: what is a column
    of memory for a lane becomes a line, row by row.

    Args:
        part: The part of a program that the step belongs to.
        outer: The products.
        name: The name of the function.
    """

    def __init__(self, part: Part, outer: Outer, name: str) -> None:
        super().__init__(part, name)
        self.outer = outer
        self.lines, self.columns = part.target.outer_tile(outer.width)
        self.panels = -(-outer.width // self.columns)

    def write(self) -> Writer:
        """Write the loops over terms, panels and tiles."""
        outer, writer = self.outer, self.writer
        units = self.units()
        with writer.loop(outer.terms) as term:
            with writer.loop(units, at_least_once=True) as unit:
                self._pack(self.memory_of(unit.counter), term.counter)
            with writer.loop(self.panels) as panel:
                for first, count, size in _even(len(outer.lines), self.lines):
                    with writer.loop(count) as tiles:
                        start = writer.times(tiles.counter, size)
                        lines = outer.lines[first : first + count * size]
                        if outer.is_full:
                            self._tile(lines, size, start, panel.counter, units, term.counter)
                            continue
                        some = self._meets(lines, size, tiles.counter, panel.counter)
                        with writer.loop(some):
                            self._tile(lines, size, start, panel.counter, units, term.counter)
        return writer

    def _meets(self, lines: Sequence[tuple[int, ...]], size: int, tile: str, panel: str) -> str:
        """Return 1 if any line of a tile has a product in a panel, else 0."""
        writer = self.writer
        tiles = [lines[i : i + size] for i in range(0, len(lines), size)]
        low = self.listed([min(line[2] for line in of) for of in tiles], tile)
        high = self.listed([max(line[3] for line in of) for of in tiles], tile)
        start = writer.times(panel, self.columns)
        end = writer.plus(start, str(self.columns))
        begins = writer.let(f"icmp slt i64 {low}, {end}")
        ends = writer.let(f"icmp sgt i64 {high}, {start}")
        both = writer.let(f"and i1 {begins}, {ends}")
        return writer.let(f"zext i1 {both} to i64")

    def _pack(self, row: str, term: str) -> None:
        """Transpose the factors of the columns, of a unit."""
        outer, writer, lanes = self.outer, self.writer, self.writer.lanes
        start, stride = outer.columns
        origin = self.in_unit(row, writer.plus(str(start), writer.times(term, outer.inner[1])))
        last = outer.width - 1
        with writer.loop(self.panels) as panel, writer.loop(self.columns // lanes) as part:
            first = writer.times(panel.counter, self.columns)
            first = writer.plus(first, writer.times(part.counter, lanes))
            pointers = []
            for lane in range(lanes):
                column = writer.plus(first, str(lane))
                if outer.width % self.columns:
                    beyond = writer.let(f"icmp sgt i64 {column}, {last}")
                    column = writer.let(f"select i1 {beyond}, i64 {last}, i64 {column}")
                offset = writer.times(column, stride * self.shape.rows)
                pointers.append(writer.address(origin, offset))
            target = self._panel(row, panel.counter)
            target = writer.address(target, writer.times(part.counter, lanes))
            for vector in range(self.shape.vectors):
                at = [writer.address(pointer, vector * lanes) for pointer in pointers]
                for lane, line in enumerate(transposed(writer, [writer.load(x) for x in at])):
                    place = (vector * lanes + lane) * self.columns
                    writer.store(line, writer.address(target, place))

    def _panel(self, row: str, panel: str) -> str:
        """Point to a panel of a unit."""
        index = self.writer.plus(str(self.outer.packed), self.writer.times(panel, self.columns))
        return self.in_unit(row, index)

    def _tile(
        self,
        lines: Sequence[tuple[int, ...]],
        size: int,
        start: str,
        panel: str,
        units: str,
        term: str,
    ) -> None:
        """Add up the products of some lines with the columns of a panel."""
        writer, lanes = self.writer, self.writer.lanes
        vectors = self.columns // lanes
        none = [writer.constant(0.0)] * (size * vectors)
        factors, outputs, lows, highs = zip(*lines, strict=True)
        offset = writer.times(term, self.outer.inner[0])
        of_lines = [writer.plus(x, offset) for x in self._each(factors, size, start)]
        with writer.loop(units, none, at_least_once=True) as unit:
            row = self.memory_of(unit.counter)
            left = self.left(unit.counter)
            is_last = writer.let(f"icmp slt i64 {left}, {self.shape.rows}")
            rows = writer.let(f"select i1 {is_last}, i64 {left}, i64 {self.shape.rows}")
            columns = self._panel(row, panel)
            pointers = self._pointers(row, of_lines, factors, size)
            with writer.loop(rows, unit.values, at_least_once=True) as each:
                here = writer.address(columns, writer.times(each.counter, self.columns))
                xs = [writer.load(writer.address(here, v * lanes)) for v in range(vectors)]
                grown = []
                for i, pointer in enumerate(pointers):
                    y = writer.splat(writer.load(writer.address(pointer, each.counter), "double"))
                    for v, x in enumerate(xs):
                        total = each.values[i * vectors + v]
                        grown.append(multiplied(writer, x, y, total, exact=False))
                each.carry(grown)
            unit.carry(each.values)
        first = writer.times(panel, self.columns)
        outs = self._each(outputs, size, start)
        ranges: list[tuple[str, str] | None] = [None] * size
        if not self.outer.is_full:
            bounds = self._each(lows, size, start), self._each(highs, size, start)
            ranges = [*zip(*bounds, strict=True)]
        for i, out in enumerate(outs):
            for v in range(vectors):
                column = writer.plus(first, str(v * lanes))
                within = self._within(column, v, ranges[i])
                address = writer.address("%out", writer.plus(out, column))
                self._add(unit.values[i * vectors + v], address, within)

    def _each(self, numbers: Sequence[int], size: int, start: str) -> list[str]:
        """Return the numbers of a tile's lines."""
        step = _step(numbers)
        if step is not None:
            first = self.writer.plus(str(numbers[0]), self.writer.times(start, step))
            return [self.writer.plus(first, str(i * step)) for i in range(size)]
        return [self.listed(numbers, self.writer.plus(start, str(i))) for i in range(size)]

    def _pointers(
        self, row: str, indices: Sequence[str], factors: Sequence[int], size: int
    ) -> list[str]:
        """Point to the factors of lines: from the first to the others, if that is possible."""
        step = _step(factors)
        if step is None:
            return [self.in_unit(row, index) for index in indices]
        first = self.in_unit(row, indices[0])
        return [self.writer.address(first, i * step * self.shape.rows) for i in range(size)]

    def _within(self, column: str, vector: int, bounds: tuple[str, str] | None) -> str:
        """Tell which lanes are products that are wanted; empty if all are."""
        writer, width = self.writer, self.outer.width
        end = (self.panels - 1) * self.columns + (vector + 1) * writer.lanes
        if bounds is None and end <= width:
            return ""
        kind = type_of(writer.lanes, "i64")
        here = writer.splat(column, "i64")
        if writer.lanes > 1:
            numbers = ", ".join(f"i64 {lane}" for lane in range(writer.lanes))
            here = writer.let(f"add {kind} {here}, <{numbers}>")
        if bounds is None:
            return writer.let(f"icmp slt {kind} {here}, {writer.filled(str(width), 'i64')}")
        low, high = (writer.splat(bound, "i64") for bound in bounds)
        begun = writer.let(f"icmp sge {kind} {here}, {low}")
        ended = writer.let(f"icmp slt {kind} {here}, {high}")
        return writer.let(f"and {type_of(writer.lanes, 'i1')} {begun}, {ended}")

    def _add(self, number: str, address: str, within: str) -> None:
        """Add to outputs, or to those of them that are wanted."""
        writer, kind = self.writer, self.writer.kind
        if not within:
            writer.store(writer.let(f"fadd {kind} {writer.load(address)}, {number}"), address)
            return
        if writer.lanes == 1:
            with writer.loop(writer.let(f"zext i1 {within} to i64")):
                writer.add_to(number, address)
            return
        bits, name = type_of(writer.lanes, "i1"), f"v{writer.lanes}f64.p0"
        load, store = f"@llvm.masked.load.{name}", f"@llvm.masked.store.{name}"
        writer.declarations[f"declare {kind} {load}(ptr, i32, {bits}, {kind})"] = None
        writer.declarations[f"declare void {store}({kind}, ptr, i32, {bits})"] = None
        zero = writer.constant(0.0)
        before = writer.let(
            f"call {kind} {load}(ptr {address}, i32 8, {bits} {within}, {kind} {zero})"
        )
        total = writer.let(f"fadd {kind} {before}, {number}")
        writer.do(f"call void {store}({kind} {total}, ptr {address}, i32 8, {bits} {within})")


def _step(numbers: Sequence[int]) -> int | None:
    """Return the distance between neighbours in a list; None if that differs."""
    step = numbers[1] - numbers[0] if len(numbers) > 1 else 0
    regular = all(number == numbers[0] + i * step for i, number in enumerate(numbers))
    return step if regular else None


class Totals(Steps):
    """Writes the addition of numbers, over the rows of a block, to outputs.

    Args:
        part: The part of a program that the step belongs to.
        loop: Where the numbers are, and which outputs they are added to.
        name: The name of the function.
        shared: As for `Steps`.
    """

    def __init__(self, part: Part, loop: Loop, name: str, *, shared: bool = False) -> None:
        super().__init__(part, name, shared=shared)
        self.loop = loop

    def write(self) -> Writer:
        """Write the loops over runs and tiles: of as many outputs as a vector has lanes."""
        loop, writer, lanes = self.loop, self.writer, self.writer.lanes
        units = self.units()
        tiles = loop.length // lanes
        with writer.loop(len(loop.starts)) as runs:
            starts = self.starts(loop, runs.counter)
            if tiles:
                with writer.loop(tiles) as tiled:
                    self._tile(starts, writer.times(tiled.counter, lanes), lanes, units)
            if rest := loop.length - tiles * lanes:
                self._tile(starts, str(tiles * lanes), rest, units)
        return writer

    def _tile(self, starts: Sequence[str], first: str, size: int, units: str) -> None:
        loop, writer, lanes = self.loop, self.writer, self.writer.lanes
        place, output = (
            writer.plus(starts[i], writer.times(first, loop.strides[i])) for i in (0, -1)
        )
        none = writer.constant(0.0)
        with writer.loop(units, [none] * size, at_least_once=True) as unit:
            left = self.left(unit.counter)
            masks = [masked(writer, vector, left) for vector in range(self.shape.vectors)]
            origin = self.in_unit(self.memory_of(unit.counter), place)
            totals = unit.values
            for vector, mask in enumerate(masks):
                offsets = [
                    i * loop.strides[0] * self.shape.rows + vector * lanes for i in range(size)
                ]
                numbers = [writer.load(writer.address(origin, offset)) for offset in offsets]
                totals = [
                    writer.let(f"fadd {writer.kind} {total}, {writer.choice(mask, number, none)}")
                    for total, number in zip(totals, numbers, strict=True)
                ]
            unit.carry(totals)
        address = writer.address("%out", output)
        if size == lanes and loop.strides[-1] == 1:
            added = _transposed_sum(writer, unit.values)
            writer.store(writer.let(f"fadd {writer.kind} {writer.load(address)}, {added}"), address)
            return
        for i, total in enumerate(unit.values):
            writer.add_to(horizontal(writer, total), writer.address(address, i * loop.strides[-1]))
