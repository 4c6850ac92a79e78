"""What a backend is: it plans, compiles and loads a program, and what it has loaded runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy

from autograd.compiler.calling import Limits, Pattern
from autograd.compiler.layout import Layout
from autograd.compiler.passes import MANY_TERMS, fuse_sums
from autograd.compiler.program import Program

__all__ = ["Backend", "Called", "Kernel", "Plan", "Sourced", "planned", "run_alone"]


@dataclass(frozen=True)
class Plan:
    """What is to be compiled.

    Attributes:
        program: A program of primitive operations, its sums fused. No output is a constant, or
            occurs twice.
        layout: Where its inputs lie.
        reduces: Whether the code may add outputs up over the rows; `Kernel.reduces` says so.
        exact: Whether products and sums are rounded each on its own.
    """

    program: Program
    layout: Layout
    reduces: bool = False
    exact: bool = False


def planned(program: Program, layout: Layout, *, reduces: bool, exact: bool) -> Plan:
    """Plan a program in the way that most backends do.

    Args:
        program: A program of primitive operations.
        layout: Where its inputs lie.
        reduces: Whether the code is to add outputs up over the rows.
        exact: Whether products and sums are rounded each on its own, in their order.

    Returns:
        The plan: long sums are added up in parts, unless they are to be exact.

    Example:
        >>> program = Program(("x",), (), (), (0,))
        >>> planned(program, Layout((), False), reduces=False, exact=True).exact
        True
    """
    return Plan(fuse_sums(program, most=None if exact else MANY_TERMS), layout, reduces, exact)


class Kernel(Protocol):
    """A program that has been loaded, ready to run; threads may share it."""

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        ...

    @property
    def reduces(self) -> bool:
        """Whether it adds outputs up over the rows."""
        ...

    @property
    def block(self) -> int:
        """How many rows it computes at once."""
        ...

    @property
    def cost(self) -> int:
        """How many elementary operations a row takes; 0 where threads would not share the work."""
        ...

    def run(
        self, arrays: Sequence[Any], first: int, rows: int, out: Any, divisor: float = 1.0
    ) -> None:
        """Run the program on some rows.

        Args:
            arrays: The arrays of inputs, contiguous doubles.
            first: The first row.
            rows: The number of rows; 1 of a program without rows.
            out: Where the outputs go: an array for each output, of at least as many elements as
                whole blocks have rows; or, where they are added up, a number for each.
            divisor: What sums are divided by.
        """
        ...

    def repeated(self, rows: int, divisor: float) -> Callable[[Sequence[Any]], tuple[Any, Any]]:
        """Make a shorter way to run it, where outputs are numbers.

        Args:
            rows: The number of rows.
            divisor: What sums are divided by.

        Returns:
            A function of the arrays of inputs, which gives the outputs, and whether one is nan.
        """
        ...


@runtime_checkable
class Called(Protocol):
    """A kernel that Python's own objects may be handed to; not every backend makes such."""

    def called(self, pattern: Pattern, limits: Limits) -> Callable[[tuple[Any, ...]], Any] | None:
        """Make what calls it.

        Args:
            pattern: What the arguments must be, and what the result is.
            limits: What is the same in all calls.

        Returns:
            A function of a tuple of arguments, which gives the result; NotImplemented for arguments
            that do not fit, or where the outputs must be computed in another way. None where there
            is no such way to call it: on another interpreter than CPython, say.
        """
        ...


@runtime_checkable
class Sourced(Protocol):
    """A kernel that can be a C function."""

    def source(self) -> Any:
        """Tell `llvm.entry.entry` how it is called."""
        ...


def run_alone(kernel: Kernel) -> Callable[[Sequence[Any]], tuple[Any, Any]]:
    """Make `Kernel.repeated` of `Kernel.run`, for a program without rows.

    Args:
        kernel: The kernel.

    Returns:
        A function of the arrays of inputs, which gives the outputs, and whether one is nan.
    """

    def run(arrays: Sequence[Any]) -> tuple[Any, Any]:
        out = numpy.empty((kernel.outputs, 1))
        kernel.run(arrays, 0, 1, out)
        return out[:, 0], numpy.isnan(out).any()

    return run


class Backend(Protocol):
    """A way to execute programs."""

    @property
    def name(self) -> str:
        """What `compile(backend=...)` calls it."""
        ...

    def missing(self) -> str:
        """Say what has to be installed before it can be used; nothing where that is done."""
        ...

    def plan(self, program: Program, layout: Layout, *, reduces: bool, exact: bool) -> Plan:
        """Plan a program; see `planned`."""
        ...

    def compile(self, plan: Plan) -> Any:
        """Make the code of a plan.

        Raises:
            ValueError: The backend has no code for an operation.
        """
        ...

    def load(self, code: Any) -> Kernel:
        """Load what `compile` made, on a machine of the same kind.

        Raises:
            ValueError: It was made for another machine.
        """
        ...
