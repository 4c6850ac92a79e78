"""A function compiled for one structure of arguments, and the fast ways of calling it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy

from autograd.compiler.backends.llvm.trampoline import accelerate, is_at_hand
from autograd.compiler.calling import Callee, pattern
from autograd.compiler.execution import Executor, Options, reduced_constants
from autograd.compiler.layout import Layout
from autograd.compiler.pipeline import optimise
from autograd.compiler.program import Program
from autograd.compiler.results import ArrayPlace, Result, SparsePlace
from autograd.compiler.storage import Stored
from autograd.graph import topological_order
from autograd.tracing import active
from autograd.transforms import _live
from autograd.value import Value

__all__ = ["Repeated", "Specialisation"]

MANY = 128
"""After how many calls it pays to compile the trampoline."""


@dataclass
class Specialisation:
    """A function compiled for one structure of arguments.

    Attributes:
        program: The program, as traced.
        result: The structure of the result.
        layout: Where the inputs lie.
        run: Executes the program on arrays and a number of rows: an `Executor`, or what is made
            in its place.
        positions: The places in the result that are outputs, and the outputs; None if they are the
            same.
        constants: The constants in the result, with places for the outputs.
        captured: The Values from outside that the function reads: they are the last inputs.
        calls: How often it has been called in Python.
        next_try: The number of calls after which to try again to make `called`.
        called: Calls it without Python, once there is such a function.
    """

    program: Program
    result: Result
    layout: Layout
    run: Any
    positions: Any
    constants: Any
    captured: tuple[Value, ...] = ()
    calls: int = 0
    next_try: int = 2
    called: Callable[[tuple[Any, ...]], Any] | None = None

    @classmethod
    def of(
        cls, stored: Stored, options: Options, executed: Callable[..., Any] = Executor
    ) -> Specialisation:
        """Compile a traced program.

        Args:
            stored: The program.
            options: How it is executed.
            executed: Makes what executes it, as `Executor` does.
        """
        program, result, layout, captured = stored
        lowered = optimise(program)
        first, constants = len(lowered.inputs), lowered.constants
        computed = dict.fromkeys(
            slot for slot in lowered.outputs if not first <= slot < lowered.first_result
        )
        places = {slot: place for place, slot in enumerate(computed)}
        positions = None
        fixed = numpy.zeros(len(lowered.outputs))
        if list(computed) != list(lowered.outputs):
            varying = [place for place, slot in enumerate(lowered.outputs) if slot in places]
            positions = (
                numpy.array(varying, dtype=int),
                numpy.array([places[lowered.outputs[place]] for place in varying], dtype=int),
            )
            for place, slot in enumerate(lowered.outputs):
                if slot not in places:
                    fixed[place] = constants[slot - first]
        distinct = Program(lowered.inputs, constants, lowered.operations, tuple(computed))
        run = executed(distinct, layout, options)
        return cls(program, result, layout, run, positions, fixed, captured)

    def depends_on_live(self) -> bool:
        """Tell whether a captured Value is, or depends on, a variable of a derivative or trace."""
        return active.get() is not None or any(
            node in _live for node in topological_order(*self.captured)
        )

    def given(self, arrays: Sequence[Any]) -> Sequence[Any]:
        """Append the current numbers of the captured Values to the arrays of arguments."""
        if not self.captured:
            return arrays
        return [*arrays, numpy.array([value._number for value in self.captured], dtype=float)]

    def numbers(self, outputs: Any, rows: int | None) -> Any:
        """Put the outputs and the constants of the result in their order."""
        if self.positions is None:
            return outputs
        if len(self.positions[0]) == len(self.constants):  # none is constant
            return outputs.take(self.positions[1], axis=0)
        numbers = self.constants.copy()
        if outputs.ndim == 2:
            numbers = numpy.repeat(numbers[:, None], outputs.shape[1], axis=1)
        elif reduce := self.run.options.reduce:
            numbers = reduced_constants(numbers, reduce, rows or 0)
        numbers[self.positions[0]] = outputs[self.positions[1]]
        return numbers

    def sources(self) -> list[float | int]:
        """Return the output of each number of the result, as an int, or its constant."""
        if self.positions is None:
            return [*range(len(self.run.program.outputs))]
        found: list[float | int] = list(map(float, self.constants))
        for place, output in zip(*(part.tolist() for part in self.positions), strict=True):
            found[place] = output
        return found

    def prepare(
        self, args: Sequence[Any], axes: Sequence[Any], rows: bool, owner: type[Callee]
    ) -> None:
        """Make the function that calls it without Python, if that is possible.

        It is not made at the first call, because there may be no second. Arguments that do not fit
        at one call may fit at another, so it is tried again, at growing intervals. Compiling the
        trampoline takes as long as about a hundred calls; it then makes the calls of the class
        `owner`.
        """
        self.calls += 1
        if self.calls < self.next_try:
            return
        self.next_try = 2 * self.calls
        if self.calls < MANY and not is_at_hand():
            return
        result, sparse = self.result, None
        if not (rows or result.tree.depth) and isinstance(result.places[0], SparsePlace):
            sparse = result.places[0]  # made in Python, of an array
            nonzeros = ArrayPlace(sparse.start, sparse.stop, (sparse.stop - sparse.start,))
            result = Result.of(result.tree, [nonzeros])
        found = pattern(args, axes, result, rows=rows)
        if found is None:
            return
        if self.positions is not None:
            places, outputs = (part.tolist() for part in self.positions)
            if self.run.options.reduce == "sum" and (self.constants != 2.0 * self.constants).any():
                return  # constants are multiplied by the number of rows
            links = tuple(zip(places, outputs, strict=True))
            found = replace(found, links=links, numbers=tuple(self.constants.tolist()))
        called = self.run.called(replace(found, captured=self.captured))
        if called is not None:
            accelerate(owner)
            if sparse is not None:
                called = Sparse(called, sparse)
            self.called = Capturing(called) if self.captured else called  # whole, for all threads


class Repeated:
    """A call with arrays of the same shapes as in the previous call: nothing needs to be examined.

    It takes a third of the time of any other call, about as long as a small program itself.

    Args:
        known: The program.
        args: The arguments of the previous call.
        rows: Their number of rows.
    """

    def __init__(self, known: Specialisation, args: Sequence[Any], rows: int | None) -> None:
        self.known = known
        self.shapes = [argument.shape for argument in args]
        self.run = known.run.repeated(1 if rows is None else rows)
        self.given = known.given if known.captured else None
        self.filled = known.result.filled

    @staticmethod
    def applies(known: Specialisation, args: Sequence[Any], rows: int | None) -> bool:
        """Tell whether calls with such arguments can be repeated in this way."""
        return (
            known.positions is None
            and all(map(_is_plain_array, args))
            and len(args) == len(known.layout.groups) - bool(known.captured)
            and known.run.is_short(1 if rows is None else rows)
        )

    def __call__(self, args: Sequence[Any]) -> Any:
        """Return the result; NotImplemented for other arguments."""
        shapes = self.shapes
        if len(args) != len(shapes):
            return NotImplemented
        for argument, shape in zip(args, shapes, strict=True):
            if (  # `_is_plain_array`, written out
                type(argument) is not numpy.ndarray
                or argument.shape != shape
                or argument.dtype is not _DOUBLE
                or not argument.flags.c_contiguous
            ):
                return NotImplemented
        self.known.calls += 1
        if self.known.calls >= self.known.next_try:
            return NotImplemented  # there may be a faster way by now
        if self.given and (_live or active.get() is not None):
            return NotImplemented  # the captured Values may be differentiated or traced
        numbers = self.run(self.given(args) if self.given else args)
        return NotImplemented if numbers is None else self.filled(numbers)


class Capturing:
    """A call that reads Values from outside, unless they may be differentiated or traced.

    Args:
        called: Calls the program.
    """

    def __init__(self, called: Callable[[tuple[Any, ...]], Any]) -> None:
        self.called = called

    def __call__(self, args: tuple[Any, ...]) -> Any:
        """Return the result; NotImplemented for other arguments."""
        if _live or active.get() is not None:
            return NotImplemented
        return self.called(args)


class Sparse:
    """A call whose result is one sparse array.

    Args:
        called: Calls the program, and gives its nonzeros as an array.
        place: Makes the sparse array.
    """

    def __init__(self, called: Callable[[tuple[Any, ...]], Any], place: SparsePlace) -> None:
        self.called = called
        self.filled = place.filled

    def __call__(self, args: tuple[Any, ...]) -> Any:
        """Return the result; NotImplemented for other arguments."""
        nonzeros = self.called(args)
        return nonzeros if nonzeros is NotImplemented else self.filled(nonzeros, False)


_DOUBLE = numpy.dtype(float)


def _is_plain_array(argument: Any) -> bool:
    return (
        type(argument) is numpy.ndarray
        and argument.dtype is _DOUBLE
        and argument.flags.c_contiguous
        and argument.ndim > 0
    )
