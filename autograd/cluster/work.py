"""What one process does of a sum over rows: a run of chunks, by a program that came as data."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy

from autograd.cluster.reduction import Node, Reduction, Terms, expansion
from autograd.cluster.rows import Rows
from autograd.compiler.backends import BACKENDS
from autograd.compiler.backends.llvm.target import host
from autograd.compiler.execution import Executor, Options
from autograd.compiler.layout import Group, Layout
from autograd.compiler.program import Program
from autograd.compiler.specialisation import Specialisation
from autograd.compiler.storage import Stored, described_program, program_of
from autograd.forks import Reopened
from autograd.version import __version__

__all__ = [
    "Chunks", "Piece", "computed", "executor", "kept_executor", "named", "processor", "sent",
]  # fmt: skip


@dataclass(frozen=True)
class Chunks:
    """Rows, cut into chunks.

    Attributes:
        rows: The number of rows.
        size: How many a chunk holds; the last one may hold fewer.
    """

    rows: int
    size: int

    @property
    def count(self) -> int:
        """The number of chunks."""
        return -(-self.rows // self.size)

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return the first row of a run of chunks, and the number of its rows.

        Example:
            >>> Chunks(10, 4).span(1, 3)
            (4, 6)
        """
        start = first * self.size
        return start, min(last * self.size, self.rows) - start


class Piece(Rows):
    """Some rows of many, as an array that was sent.

    Args:
        numbers: The array, by rows.
        first: The number of its first row.
    """

    def __init__(self, numbers: Any, first: int) -> None:
        super().__init__(first + len(numbers), numbers.shape[1:])
        self.numbers, self.first = numbers, first

    def read(self, first: int, count: int) -> Any:
        """Return some rows, by their numbers among all."""
        return self.numbers[first - self.first : first - self.first + count]


def named(error: Exception, start: int, count: int) -> Exception:
    """Make an error that says in which rows it occurred; of the same class, if that is Python's.

    Args:
        error: The error.
        start: The first row.
        count: How many.

    Example:
        >>> named(ValueError("it is damaged"), 2000, 1000)
        ValueError('rows 2,000 to 2,999: it is damaged')
    """
    text = f"rows {start:,} to {start + count - 1:,}: {str(error) or type(error).__name__}"
    plain = (
        FileNotFoundError, PermissionError, ModuleNotFoundError, OSError, MemoryError, TypeError,
        ValueError, ArithmeticError,
    )  # fmt: skip
    kind: type[Exception] = next((k for k in plain if isinstance(error, k)), RuntimeError)
    return kind(text if kind is not RuntimeError else f"{text} ({type(error).__name__})")


def computed(
    execute: Executor, given: Sequence[Any], chunks: Chunks, first: int, last: int, collects: bool
) -> Any:
    """Compute a run of chunks, one after another.

    Args:
        execute: The program; it returns every row if sums are exact, or rows are collected.
        given: Its arrays of inputs, with `Rows` where they vary.
        chunks: How the rows are cut.
        first: The first chunk.
        last: The chunk after the last one.
        collects: Whether to return the outputs of all rows.

    Returns:
        The sums of the nodes that these chunks make up; or an array of outputs by rows.

    Raises:
        Exception: What reading or computing raised; its message begins with the rows.
    """
    reduction = Reduction(chunks.count)
    parts = []
    readers = [each.reader() if isinstance(each, Rows) else each for each in given]
    for number in range(first, last):
        start, count = chunks.span(number, number + 1)
        try:
            arrays = [
                each.block(start, count) if isinstance(each, Rows) else each for each in readers
            ]
            outputs = execute(arrays, count)
        except Exception as error:
            raise named(error, start, count) from error
        if collects:
            parts.append(outputs)
        else:
            exact = execute.options.reduce is None
            terms: Terms = [expansion(row) for row in outputs.tolist()] if exact else outputs
            reduction.add((0, number), terms)
    if collects:
        return numpy.concatenate(parts, axis=1)
    nodes: dict[Node, Terms] = reduction.nodes
    return nodes


# --- programs that travel ------------------------------------------------------------------------


def sent(program: Program, layout: Layout, options: Options) -> bytes:
    """Write a program, and how it is executed, as data for workers.

    Args:
        program: The program, as traced.
        layout: Where its inputs lie.
        options: How it is executed there.

    Raises:
        TypeError: It contains what data cannot say.
    """
    anonymous = replace(program, inputs=tuple(f"i{n}" for n in range(len(program.inputs))))
    data = {
        "version": __version__,
        "program": described_program(anonymous),
        "groups": [[group.width, group.varies] for group in layout.groups],
        "reduce": options.reduce,
        "exact": bool(options.exact),
        "backend": options.backend,
    }
    return json.dumps(data, separators=(",", ":"), sort_keys=True).encode()


def executor(text: bytes) -> Executor:
    """Compile a program that was sent.

    Args:
        text: What `sent` wrote.

    Raises:
        ModuleNotFoundError: A package that its backend needs is missing here.
        ValueError: It is malformed, or of another version.
    """
    data = json.loads(text)
    if data["version"] != __version__:
        raise ValueError(
            f"scalar-autograd {data['version']} sent it, and here there is {__version__}: install "
            "the same version everywhere"
        )
    backend = data["backend"]
    if missing := BACKENDS[backend].missing():
        raise ModuleNotFoundError(f"backend={backend!r} needs {missing}")
    layout = Layout(
        tuple(Group(int(width), bool(varies)) for width, varies in data["groups"]), True
    )
    options = Options(data["reduce"], data["exact"], 1, backend)
    program = program_of(data["program"])
    made = Specialisation.of(Stored(program, None, layout), options)  # type: ignore[arg-type]
    execute: Executor = made.run
    return execute


@dataclass
class _Kept:
    """The last programs that this process was sent, compiled once each."""

    most: int = 32

    def __post_init__(self) -> None:
        self.lock = Reopened()
        self.executors: OrderedDict[bytes, Executor] = OrderedDict()

    def __call__(self, text: bytes) -> Executor:
        with self.lock:
            if text not in self.executors:
                self.executors[text] = executor(text)
                if len(self.executors) > self.most:
                    self.executors.popitem(last=False)
            self.executors.move_to_end(text)
            return self.executors[text]


kept_executor = _Kept()
"""Compiles a program that was sent, unless this process has done so before."""


def processor(backend: str) -> str:
    """Name what the bits of a result may depend on: two kinds of processor round differently.

    Args:
        backend: The backend.

    Example:
        >>> processor("llvm") == processor("llvm")
        True
    """
    if backend != "llvm":
        return ""
    target = host()
    return f"{target.triple} {target.processor} {target.features}"
