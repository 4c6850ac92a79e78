"""A program on rows that are read chunk by chunk: on this machine, or by a cluster."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy

from autograd.cluster.collections import Collection, is_collection
from autograd.cluster.reduction import Reduction, total
from autograd.cluster.rows import Array, Rows
from autograd.cluster.scheduling import Job, scheduled
from autograd.cluster.work import Chunks, computed, sent
from autograd.cluster.workers import Workers
from autograd.compiler.arguments import Arguments, Part, _array, children, kind_of
from autograd.compiler.backends.arrays import every_row
from autograd.compiler.execution import Executor, Options, Reduce
from autograd.compiler.layout import Layout
from autograd.compiler.pool import share
from autograd.compiler.program import Program
from autograd.errors import shown
from autograd.forks import Reopened
from autograd.progress import bar
from autograd.tree import flatten

__all__ = ["Chunked", "How", "default_size", "first_not_finite", "separated"]

LARGEST_CHUNK = 32_768
SMALLEST_CHUNK = 256
CHUNK_NUMBERS = 2**19
"""How many numbers of input the rows of a chunk hold: 4 MiB, so that they are still in the cache
when they are used."""


@dataclass(frozen=True)
class How:
    """How rows are cut into chunks, and where they are computed.

    Attributes:
        chunk: How many rows a chunk holds; None for the default.
        workers: The cluster; None for this machine.
        progress: Whether to show a progress bar.
    """

    chunk: int | None = None
    workers: Workers | None = None
    progress: bool | None = None

    @property
    def asked(self) -> bool:
        """Whether arrays, too, are to be computed chunk by chunk."""
        return self.chunk is not None or self.workers is not None


def default_size(layout: Layout) -> int:
    """Choose how many rows a chunk holds, by the width of a row alone.

    Example:
        >>> from autograd.compiler.layout import Group
        >>> default_size(Layout((Group(12, True),), True))
        32768
        >>> default_size(Layout((Group(1000, True),), True))
        512
    """
    width = sum(group.width for group in layout.groups if group.varies)
    fitting = CHUNK_NUMBERS // max(width, 1)
    return min(LARGEST_CHUNK, max(SMALLEST_CHUNK, 1 << max(fitting.bit_length() - 1, 0)))


class Chunked:
    """A program, ready to be executed on rows chunk by chunk; it is called like an `Executor`.

    Attributes:
        program: The program, of primitive operations.
        layout: Where its inputs lie.
        options: How it is executed.

    Args:
        name: The function, for errors.
        traced: The program as traced, which travels.
        how: How the rows are cut.
        program: The program, of primitive operations.
        layout: Where its inputs lie.
        options: How it is executed.
    """

    def __init__(
        self, name: str, traced: Program, how: How, program: Program, layout: Layout,
        options: Options,
    ) -> None:  # fmt: skip
        self.name, self.traced, self.how = name, traced, how
        self.program, self.layout, self.options = program, layout, options
        self.size = how.chunk or default_size(layout)
        # Exact sums are formed of every row's outputs.
        reduce: Reduce | None = None if options.exact or options.reduce is None else "sum"
        self._each = replace(options, reduce=reduce, threads=1)
        self._lock = Reopened()
        self._executor: Executor | None = None
        self._text: bytes | None = None

    def __call__(self, given: Sequence[Any], rows: int) -> Any:
        """Execute the program.

        Args:
            given: The arrays of inputs, with `Rows` where they vary.
            rows: The number of rows.

        Returns:
            The outputs, reduced; or an array of outputs by rows.
        """
        outputs, reduce = len(self.program.outputs), self.options.reduce
        if reduce is None and not (outputs and rows):
            return numpy.empty((outputs, rows))
        if not (outputs and rows):
            return numpy.full(outputs, math.nan if reduce == "mean" else 0.0)
        chunks = Chunks(rows, self.size)
        progress = bar(self.name, self.how.progress, rows, "row")
        try:
            if self.how.workers is not None:
                found = self._on_workers(self.how.workers, given, chunks, progress)
            else:
                found = self._here(given, chunks, progress)
        finally:
            if progress is not None:
                progress.close()
        if reduce is None:
            return found
        sums = total(found)
        return sums / rows if reduce == "mean" else sums

    def _here(self, given: Sequence[Any], chunks: Chunks, progress: Any) -> Any:
        with self._lock:
            if self._executor is None:
                self._executor = Executor(self.program, self.layout, self._each)
        execute = self._executor
        collects = self.options.reduce is None
        reduction = Reduction(chunks.count)
        every = numpy.empty((len(self.program.outputs), chunks.rows)) if collects else None
        # A thread takes a few chunks in a row: what reads them may keep a part of a file.
        run = 1 if all(isinstance(each, Array) for each in given if isinstance(each, Rows)) else 16
        run = max(1, min(run, chunks.count // (4 * self.options.threads)))

        def work(number: int) -> None:
            first, last = number * run, min((number + 1) * run, chunks.count)
            found = computed(execute, given, chunks, first, last, collects)
            start, count = chunks.span(first, last)
            if every is not None:
                every[:, start : start + count] = found
            else:
                for node, terms in found.items():
                    reduction.add(node, terms)
            if progress is not None:
                with self._lock:
                    progress.update(count)

        share(work, -(-chunks.count // run), self.options.threads)
        return reduction.root if every is None else every

    def _on_workers(
        self, workers: Workers, given: Sequence[Any], chunks: Chunks, progress: Any
    ) -> Any:
        with self._lock:
            if self._text is None:
                self._text = sent(self.traced, self.layout, self._each)
        collects = self.options.reduce is None
        job = Job(self.name, self._text, list(given), chunks, collects, self.options.backend)
        return scheduled(workers, job, progress)


def first_not_finite(
    program: Program, layout: Layout, given: Sequence[Any], rows: int
) -> tuple[int, list[Any]] | None:
    """Find the first row with a result that is infinite or nan.

    Args:
        program: The program.
        layout: Where its inputs lie.
        given: The arrays of inputs, with `Rows` where they vary.
        rows: The number of rows.

    Returns:
        The row, and the arrays of inputs with this row alone; None if there is none.
    """
    chunks = Chunks(rows, default_size(layout))
    readers = [each.reader() if isinstance(each, Rows) else each for each in given]
    for number in range(chunks.count):
        start, count = chunks.span(number, number + 1)
        arrays = [each.block(start, count) if isinstance(each, Rows) else each for each in readers]
        finite = numpy.isfinite(every_row(program, layout, arrays, count)).all(axis=0)
        if not finite.all():
            row = int(numpy.argmin(finite))
            return start + row, [a[row : row + 1] if a.ndim == 2 else a for a in arrays]
    return None


# --- arguments -----------------------------------------------------------------------------------


def separated(
    name: str, arguments: Sequence[Any], axes: Sequence[Any]
) -> tuple[list[Any], list[Rows]]:
    """Part the rows from the other arguments.

    Args:
        name: The function, for errors.
        arguments: Its arguments.
        axes: As for `arguments.taken`.

    Returns:
        The arguments with a single row, of zeros, in place of all rows; and the rows, in the order
        in which `taken` finds them.

    Raises:
        HoldsValues: There is a Value among the numbers.
        TypeError: Something cannot vary from row to row.
        ValueError: There is no such axis, or the numbers of rows differ.
    """
    stand_ins, every = [], list[Rows]()
    for place, (argument, axis) in enumerate(zip(arguments, axes, strict=True)):
        path = f"{name}: argument {place}"
        parts, shape = flatten(Part(argument, axis, path), children_of=children)
        stand_ins.append(shape.unflatten([_stand_in(part, every) for part in parts]))
    counts = [len(rows) for rows in every]
    if len({*counts}) > 1:
        raise ValueError(
            f"{name}: arguments differ in their number of rows: "
            + ", ".join(f"{count:,}" for count in counts)
        )
    return stand_ins, every


def _stand_in(part: Part, every: list[Rows]) -> Any:
    value, axis, path = part
    if isinstance(value, Rows) or is_collection(value):
        if axis is None or isinstance(axis, bool) or not isinstance(axis, int):
            raise ValueError(
                f"{path} is {shown(value)}, and in_axes has {shown(axis)} for it: name the axis of "
                "its rows, in_axes=0"
            )
        if isinstance(value, Rows):
            if axis != 0:
                raise ValueError(
                    f"{path} is {shown(value)}, whose rows run along the axis 0, but in_axes has "
                    f"{axis}"
                )
            every.append(value)
            return numpy.zeros((1, *value.shape))
        rows = Collection(value, axis, path)
        every.append(rows)
        return numpy.moveaxis(numpy.zeros((1, *rows.shape)), 0, axis)
    if axis is None:
        return value
    kind = kind_of(value)
    if kind not in ("array", "stacked"):
        return value
    scratch = Arguments()
    array = numpy.asarray(value, dtype=float) if kind == "stacked" else numpy.asarray(value)
    key: Any = _array(path, array, axis, scratch)
    shape = key[1]
    every.append(Array(scratch.arrays[0].reshape(len(scratch.arrays[0]), *shape)))
    stand_in = numpy.moveaxis(numpy.zeros((1, *shape)), 0, axis)
    return type(value)(stand_in.tolist()) if kind == "stacked" else stand_in
