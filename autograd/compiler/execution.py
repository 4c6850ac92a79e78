"""Executes a program on arrays: by a backend, in several threads if there is enough work."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias

import numpy

from autograd.compiler.backends import BACKENDS, Backend, BackendName, Kernel
from autograd.compiler.backends.contract import Called, Sourced
from autograd.compiler.backends.llvm.entry import CFunction, entry, signature_of
from autograd.compiler.calling import Limits, Pattern
from autograd.compiler.layout import Layout
from autograd.compiler.passes import drop_guards
from autograd.compiler.pool import share
from autograd.compiler.program import Program
from autograd.forks import Reopened

__all__ = ["Executor", "Options", "Reduce", "processors", "reduced_constants"]

Reduce: TypeAlias = Literal["mean", "sum"]

MOST_CHUNKS = 16
MOST_ROWS = 32_768
"""Over how many rows machine code adds up in order; more rows are added up in parts."""
MOST_OUTPUTS = 2**15
"""Larger results, over all rows, are made in Python, which then is a small part of the time."""
LONG = 50_000
"""From how many elementary operations on the GIL is released: they take 5 µs or more."""


@dataclass(frozen=True)
class Options:
    """How a program is executed; see `compile`."""

    reduce: Reduce | None
    exact: bool
    threads: int
    backend: BackendName
    chunk_cost: int = 1_500_000
    """From how many elementary operations on a further thread pays."""


THREADED = 8192
"""Up to how many numbers BLAS adds up products without threads, for which it waits in vain if the
processors are busy: that took a hundred times as long as the program."""


def _has_nan(outputs: Any) -> bool:
    if outputs.size > THREADED:
        return bool(numpy.isnan(outputs).any())
    squares = numpy.vdot(outputs, outputs)
    return bool(squares != squares)


class Executor:
    """A program, ready to be executed.

    It is first executed without the guards of the chain rule's products, and again with them if an
    output turns out to be nan: see `passes.drop_guards`.

    Attributes:
        program: The program, of primitive operations.
        layout: Where its inputs lie.
        options: How it is executed.
        codes: The code that the backend made of the program, "plain" (without guards) or "guarded".

    Args:
        program: The program. No output is a constant, or occurs twice.
        layout: Where its inputs lie.
        options: How it is to be executed.
        backend: The backend; by default the one that the options name.

    Raises:
        ValueError: The backend has no code for an operation.
    """

    def __init__(
        self, program: Program, layout: Layout, options: Options, backend: Backend | None = None
    ) -> None:
        self.program, self.layout, self.options = program, layout, options
        self.codes: dict[str, Any] = {}
        self._backend = backend or BACKENDS[options.backend]
        self._lock = Reopened()
        self._ready: dict[str, Kernel] = {}
        plain = drop_guards(program)
        self._first = "guarded" if plain is None else "plain"
        if program.outputs:
            self._prepare(self._first, program if plain is None else plain)

    def _prepare(self, name: str, program: Program) -> None:
        backend, options = self._backend, self.options
        reduces = options.reduce is not None
        plan = backend.plan(program, self.layout, reduces=reduces, exact=options.exact)
        code = self.codes[name] = backend.compile(plan)
        self._ready[name] = backend.load(code)

    def __call__(self, given: Sequence[Any], rows: int) -> Any:
        """Execute the program.

        Args:
            given: The arrays of inputs.
            rows: The number of rows.

        Returns:
            The outputs: an array of one dimension if there are no rows or they are reduced,
            otherwise of outputs by rows.
        """
        if not self.program.outputs:
            one = self.options.reduce or not self.layout.batched
            return numpy.empty(0 if one else (0, rows))
        outputs = self._outputs(self._first, given, rows)
        if self._first == "plain" and _has_nan(outputs):
            with self._lock:
                if "guarded" not in self._ready:
                    self._prepare("guarded", self.program)
            return self._outputs("guarded", given, rows)
        return outputs

    def is_short(self, rows: int) -> bool:
        """Tell whether a single run of the kernel gives the numbers of the result."""
        kernel = self._ready.get(self._first)
        return (
            kernel is not None
            and (not self.layout.batched or (kernel.reduces and rows <= MOST_ROWS))
            and rows * kernel.cost < 2 * self.options.chunk_cost
        )

    def repeated(self, rows: int) -> Callable[[Sequence[Any]], Any]:
        """Make a function that executes the program on as many rows, where `is_short` holds.

        Returns:
            A function of the arrays of inputs, which returns the outputs; or None if they must be
            computed with guards.
        """
        execute = self._ready[self._first].repeated(rows, self._divisor(rows))
        guarded = self._first == "guarded"

        def run(given: Sequence[Any]) -> Any:
            outputs, is_nan = execute(given)
            return None if is_nan and not guarded else outputs

        return run

    def called(self, pattern: Pattern) -> Callable[[tuple[Any, ...]], Any] | None:
        """Make a function that executes the program on Python's own objects, if the backend can.

        Args:
            pattern: What the arguments must be, and what the result is.

        Returns:
            As for `contract.Called.called`. A result that it returns is the one that `__call__`
            gives.
        """
        kernel, reduce = self._ready.get(self._first), self.options.reduce
        if kernel is None or not isinstance(kernel, Called) or kernel.outputs > MOST_OUTPUTS:
            return None
        most, stride = 1, 1
        rows = self.layout.batched and reduce is None
        if self.layout.batched:
            # As many rows as one thread computes in one piece.
            most = (2 * self.options.chunk_cost - 1) // max(kernel.cost, 1)
            if rows:
                most = min(most, MOST_OUTPUTS // kernel.outputs)
                most = stride = most // kernel.block * kernel.block
            else:
                most = min(most, MOST_ROWS)
            if most < 1 or (reduce and not kernel.reduces):
                return None
        long = -(-LONG // max(kernel.cost, 1))
        guards = self._first != "guarded"
        limits = Limits(most, long, reduce == "mean", guards, rows, stride)
        return kernel.called(pattern, limits)

    def c_function(
        self, signature: str | None, numbers: Sequence[float | int], *, for_scipy: bool
    ) -> CFunction:
        """Make a C function that executes the program, without rows.

        Args:
            signature: Its type, as written in C; None for the one that fits best.
            numbers: For each number of the result, the output that it is, or the constant.
            for_scipy: Whether SciPy is to call it.

        Returns:
            The function.

        Raises:
            ValueError: The signature does not fit, or the backend cannot make C functions.
        """
        groups = [group.width for group in self.layout.groups]
        inputs, results = sum(groups), len(numbers)
        if signature is None and for_scipy:
            signature = "double (double)" if inputs == 1 else "double (int, double *)"
        elif signature is None:
            arguments = ", ".join(["double"] * inputs)
            one = results == 1 and inputs
            signature = f"double ({arguments})" if one else "void (double *, double *)"
        found = signature_of(signature, inputs, results)
        sources = []
        if self.program.outputs:
            with self._lock:
                if "guarded" not in self._ready:
                    self._prepare("guarded", self.program)
            for name in dict.fromkeys((self._first, "guarded")):
                kernel = self._ready[name]
                if not isinstance(kernel, Sourced):
                    raise ValueError(
                        f"backend={self.options.backend!r} cannot make C functions: use 'llvm'"
                    )
                sources.append(kernel.source())
        return entry(sources, found, groups, numbers)

    def _divisor(self, rows: int) -> float:
        return (rows or math.nan) if self.options.reduce == "mean" else 1.0

    def _outputs(self, name: str, given: Sequence[Any], rows: int) -> Any:
        kernel = self._ready[name]
        if not self.layout.batched:
            out = numpy.empty((kernel.outputs, 1))
            kernel.run(given, 0, 1, out)
            return out[:, 0]
        if kernel.reduces:
            return self._added_up(kernel, given, rows)
        every = numpy.empty((kernel.outputs, -(-rows // kernel.block) * kernel.block))
        chunks = self._chunks(kernel, rows)
        if len(chunks) < 2:
            kernel.run(given, 0, rows, every)
        else:
            share(
                lambda number: kernel.run(given, *chunks[number], every),
                len(chunks),
                self.options.threads,
            )
        every, reduce = every[:, :rows], self.options.reduce
        return _reduced(every, reduce, self.options.exact) if reduce else every

    def _added_up(self, kernel: Kernel, given: Sequence[Any], rows: int) -> Any:
        divisor = self._divisor(rows)
        is_short = rows * kernel.cost < 2 * self.options.chunk_cost
        chunks = [(0, rows)] if is_short else self._chunks(kernel, rows)
        if len(chunks) == 1 and rows <= MOST_ROWS:
            total = numpy.empty(kernel.outputs)
            kernel.run(given, 0, rows, total, divisor)
            return total
        parts = numpy.empty((len(chunks), kernel.outputs))

        def work(number: int) -> None:
            first, count = chunks[number]
            if count <= MOST_ROWS:
                kernel.run(given, first, count, parts[number])
                return
            starts = range(first, first + count, MOST_ROWS)
            pieces = numpy.empty((len(starts), kernel.outputs))
            for piece, start in zip(pieces, starts, strict=True):
                kernel.run(given, start, min(MOST_ROWS, first + count - start), piece)
            pieces.sum(axis=0, out=parts[number])

        if is_short:
            work(0)
        else:
            share(work, len(chunks), self.options.threads)
        return parts.sum(axis=0) / divisor

    def _chunks(self, kernel: Kernel, rows: int) -> list[tuple[int, int]]:
        """Cut the rows into chunks that do not depend on the number of threads."""
        count = min(MOST_CHUNKS, rows * kernel.cost // self.options.chunk_cost)
        count = max(count, 1)
        block = kernel.block
        size = max(-(-rows // count // block), 1) * block
        return [(start, min(size, rows - start)) for start in range(0, rows, size)]


def _reduced(every: Any, reduce: Reduce, exact: bool) -> Any:
    """Add up the rows of each output; exactly, with a single rounding, as `sum` and `mean` do."""
    with numpy.errstate(all="ignore"):
        total = every.sum(axis=1)
        if exact and numpy.isfinite(total).all():
            total = numpy.array([math.fsum(row) for row in every.tolist()])
        return total / every.shape[1] if reduce == "mean" else total


def reduced_constants(constants: Any, reduce: Reduce, rows: int) -> Any:
    """Reduce, over the rows, numbers that are the same in all of them.

    Args:
        constants: An array of the numbers.
        reduce: Whether to return their mean or their sum.
        rows: The number of rows; the mean of none is nan.

    Returns:
        An array of their means or sums.
    """
    if not rows:
        return numpy.full(len(constants), math.nan if reduce == "mean" else 0.0)
    with numpy.errstate(over="ignore"):
        return constants if reduce == "mean" else constants * rows


@cache
def processors() -> int:
    """Count the processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # on macOS and Windows
        return os.cpu_count() or 1
