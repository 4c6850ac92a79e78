"""LLVM's intermediate representation, written instruction by instruction: values, memory, loops."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

__all__ = ["Repetition", "Writer", "declaration", "literal", "masked", "merged", "type_of"]


def type_of(lanes: int, kind: str = "double") -> str:
    """Write the type of a vector.

    Args:
        lanes: The number of its elements; 1 for a scalar.
        kind: The type of an element.

    Returns:
        The type, as it is written in LLVM's intermediate representation.

    Example:
        >>> type_of(4), type_of(1)
        ('<4 x double>', 'double')
    """
    return kind if lanes == 1 else f"<{lanes} x {kind}>"


def declaration(kind: str, name: str, operands: int) -> str:
    """Declare a function whose operands and result are of one type.

    Args:
        kind: The type.
        name: The function's name, without the sign `@`.
        operands: How many operands it has.

    Returns:
        The line that declares it, always in the same form, so that `merged` finds duplicates.

    Example:
        >>> declaration("double", "hypot", 2)
        'declare double @hypot(double, double)'
    """
    return f"declare {kind} @{name}({', '.join([kind] * operands)})"


def literal(number: float) -> str:
    """Write a double by its bits.

    Example:
        >>> literal(1.0)
        '0x3FF0000000000000'
    """
    return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"


def merged(*texts: str) -> str:
    """Join texts of LLVM's intermediate representation.

    Args:
        *texts: Definitions and declarations, each on its own line.

    Returns:
        The texts one after the other, with each declaration once.

    Example:
        >>> print(merged("declare double @asin(double)", "declare double @asin(double)"))
        declare double @asin(double)
        <BLANKLINE>
    """
    declarations: dict[str, None] = {}
    others = []
    for line in "\n".join(texts).splitlines():
        if line.startswith("declare "):
            declarations[line] = None
        else:
            others.append(line)
    return "\n".join([*declarations, *others]) + "\n"


class Repetition:
    """A loop that is being written.

    Attributes:
        counter: The number of completed rounds.
        values: The values carried from round to round; after the loop, those of the last round.
        rounds: After the loop, the number of rounds.
        condition: A bit that says whether there may be another round; empty for no condition.
    """

    def __init__(self, counter: str, values: Sequence[str]) -> None:
        self.counter = counter
        self.values = list(values)
        self.following = self.values
        self.rounds = "1"
        self.condition = ""

    def carry(self, values: Sequence[str]) -> None:
        """Pass values to the next round.

        Args:
            values: As many as are carried.
        """
        self.following = list(values)


class Writer:
    """Writes the instructions of one function, one after the other.

    Attributes:
        lanes: The number of doubles in its vectors.
        kind: The type of these vectors.
        lines: The instructions so far.
        declarations: The declarations of what it calls, in order, each once.
        functions: The elementary functions that it calls, and how often.
        block: The label of the current block.

    Args:
        lanes: The number of doubles in its vectors.
    """

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        self.kind = type_of(lanes)
        self.lines: list[str] = []
        self.declarations: dict[str, None] = {}
        self.functions: dict[str, int] = {}
        self.block = "entry"
        self._count = 0
        self._constants: dict[bytes, str] = {}

    def name(self) -> str:
        """Return an unused name."""
        self._count += 1
        return f"%t{self._count}"

    def do(self, instruction: str) -> None:
        """Write an instruction without a result."""
        self.lines.append(f"  {instruction}")

    def let(self, instruction: str) -> str:
        """Write an instruction, and return the name of its result."""
        self._count = count = self._count + 1
        name = f"%t{count}"
        self.lines.append(f"  {name} = {instruction}")
        return name

    def begin(self, label: str) -> None:
        """Begin a new block."""
        self.lines.append(f"{label}:")
        self.block = label

    # --- values ----------------------------------------------------------------------------------

    def call(self, name: str, *operands: str, kind: str = "") -> str:
        """Call a function of vectors, or of another type."""
        kind = kind or self.kind
        self.declarations[declaration(kind, name, len(operands))] = None
        return self.let(f"call {kind} @{name}({', '.join(f'{kind} {x}' for x in operands)})")

    def intrinsic(self, name: str, *operands: str) -> str:
        """Call an intrinsic function of LLVM."""
        suffix = "f64" if self.lanes == 1 else f"v{self.lanes}f64"
        return self.call(f"llvm.{name}.{suffix}", *operands)

    def constant(self, number: float) -> str:
        """Return a vector filled with a number."""
        bits = struct.pack("<d", number)
        text = self._constants.get(bits)
        if text is None:
            text = self._constants[bits] = self.filled(literal(number))
        return text

    def filled(self, element: str, kind: str = "double") -> str:
        """Return a vector filled with a literal."""
        return element if self.lanes == 1 else f"splat ({kind} {element})"

    def splat(self, scalar: str, kind: str = "double") -> str:
        """Make a vector filled with a scalar."""
        if self.lanes == 1:
            return scalar
        vector = type_of(self.lanes, kind)
        one = self.let(f"insertelement {vector} poison, {kind} {scalar}, i32 0")
        zeros = f"<{self.lanes} x i32> zeroinitializer"
        return self.let(f"shufflevector {vector} {one}, {vector} poison, {zeros}")

    def choice(self, condition: str, x: str, y: str) -> str:
        """Select x where a condition holds, else y."""
        bits = type_of(self.lanes, "i1")
        return self.let(f"select {bits} {condition}, {self.kind} {x}, {self.kind} {y}")

    def lane(self, vector: str, lane: int) -> str:
        """Take one element."""
        if self.lanes == 1:
            return vector
        return self.let(f"extractelement {self.kind} {vector}, i32 {lane}")

    # --- memory and indices ----------------------------------------------------------------------

    def address(self, pointer: str, index: str | int, kind: str = "double") -> str:
        """Return the address of an element."""
        if index in (0, "0"):
            return pointer
        return self.let(f"getelementptr {kind}, ptr {pointer}, i64 {index}")

    def load(self, address: str, kind: str = "") -> str:
        """Read from memory."""
        return self.let(f"load {kind or self.kind}, ptr {address}, align 8")

    def element(self, pointer: str, index: int, kind: str = "") -> str:
        """Read an element from memory: most of what straight-line code does besides computing."""
        if not index:
            return self.load(pointer, kind)
        count = self._count
        self._count = count + 2
        name = f"%t{count + 2}"
        self.lines += (
            f"  %t{count + 1} = getelementptr double, ptr {pointer}, i64 {index}",
            f"  {name} = load {kind or self.kind}, ptr %t{count + 1}, align 8",
        )
        return name

    def store(self, value: str, address: str, kind: str = "") -> None:
        """Write to memory."""
        self.do(f"store {kind or self.kind} {value}, ptr {address}, align 8")

    def add_to(self, number: str, address: str) -> None:
        """Add a double to one in memory."""
        total = self.let(f"fadd double {self.load(address, 'double')}, {number}")
        self.store(total, address, "double")

    def times(self, index: str, factor: int) -> str:
        """Multiply an index."""
        if factor in (0, 1) or index == "0":
            return "0" if factor == 0 else index
        return self.let(f"mul i64 {index}, {factor}")

    def plus(self, a: str, b: str) -> str:
        """Add two indices."""
        if a == "0" or b == "0":
            return b if a == "0" else a
        return self.let(f"add i64 {a}, {b}")

    # --- loops -----------------------------------------------------------------------------------

    @contextmanager
    def loop(
        self,
        count: int | str,
        carried: Sequence[str] = (),
        kind: str = "",
        *,
        at_least_once: bool = False,
    ) -> Iterator[Repetition]:
        """Repeat the instructions written within the block.

        Args:
            count: The number of rounds: a positive number, or the name of one.
            carried: The values for the first round.
            kind: Their type; by default that of vectors.
            at_least_once: Whether the number is known not to be 0, as it has to be if values are
                carried.

        Returns:
            The loop. Within the block its `values` are those of this round, and `carry` passes
            others to the next; after the block they are those that the last round passed on.
        """
        if count == 1:
            repetition = Repetition("0", carried)
            yield repetition
            repetition.values = repetition.following
            return
        label, following, done = self.name()[1:], self.name(), self.name()[1:]
        repetition = Repetition(self.name(), [self.name() for _ in carried])
        before, names = self.block, repetition.values
        if isinstance(count, str) and not at_least_once:
            some = self.let(f"icmp sgt i64 {count}, 0")
            self.do(f"br i1 {some}, label %{label}, label %{done}")
        else:
            self.do(f"br label %{label}")
        self.begin(label)
        place = len(self.lines)
        yield repetition
        end, repetition.values = self.block, repetition.following
        phis = [(repetition.counter, "i64", "0", following)]
        phis += [
            (name, kind or self.kind, first, later)
            for name, first, later in zip(names, carried, repetition.values, strict=True)
        ]
        self.lines[place:place] = [
            f"  {name} = phi {of} [ {first}, %{before} ], [ {later}, %{end} ]"
            for name, of, first, later in phis
        ]
        self.do(f"{following} = add nsw i64 {repetition.counter}, 1")
        repetition.rounds = following
        again = self.let(f"icmp slt i64 {following}, {count}")
        if repetition.condition:
            again = self.let(f"and i1 {again}, {repetition.condition}")
        self.do(f"br i1 {again}, label %{label}, label %{done}")
        self.begin(done)


def masked(writer: Writer, vector: int, valid: str = "%valid") -> str:
    """Tell which rows of a vector are rows of the batch rather than padding.

    Args:
        writer: What writes the function.
        vector: The number of the vector.
        valid: How many rows of all vectors are of the batch.

    Returns:
        A bit for each row.
    """
    if writer.lanes == 1:
        return writer.let(f"icmp slt i64 {vector}, {valid}")
    rows = ", ".join(f"i64 {vector * writer.lanes + lane}" for lane in range(writer.lanes))
    all_valid = writer.splat(valid, "i64")
    return writer.let(f"icmp slt {type_of(writer.lanes, 'i64')} <{rows}>, {all_valid}")
