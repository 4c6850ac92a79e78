"""The contract of a backend: it plans, compiles and loads a program, as a kernel that runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy

from autograd.compiler.calling import Limits, Pattern
from autograd.compiler.layout import Layout
from autograd.compiler.passes import MANY_TERMS, fuse_sums, with_bodies
from autograd.compiler.program import Program

__all__ = ["Backend", "Called", "Kernel", "Plan", "Sourced", "planned", "run_alone"]


@dataclass(frozen=True)
class Plan:
    """What is to be compiled.

    Attributes:
        program: A program of primitive operations, its sums fused. No output is a constant, or
            occurs twice.
        layout: Where its inputs lie.
        reduces: Whether the code may add up outputs over the rows; `Kernel.reduces` tells if it
            does.
        exact: Whether each product and each sum is rounded separately.
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
        reduces: Whether the code is to add up outputs over the rows.
        exact: Whether each product and each sum is rounded separately, in order.

    Returns:
        The plan: long sums are added up in parts, unless they are to be exact.

    Example:
        >>> program = Program(("x",), (), (), (0,))
        >>> planned(program, Layout((), False), reduces=False, exact=True).exact
        True
    """

    def fused(program: Program) -> Program:
        return with_bodies(fuse_sums(program, most=None if exact else MANY_TERMS), fused)

    return Plan(fused(program), layout, reduces, exact)


class Kernel(Protocol):
    """A program that has been loaded, ready to run; threads may share it."""

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        ...

    @property
    def reduces(self) -> bool:
        """Whether it adds up outputs over the rows."""
        ...

    @property
    def block(self) -> int:
        """How many rows it computes at once."""
        ...

    @property
    def cost(self) -> int:
        """How many elementary operations a row takes; 0 if threads cannot share the work."""
        ...

    def run(
        self, arrays: Sequence[Any], first: int, rows: int, out: Any, divisor: float = 1.0
    ) -> None:
        """Run the program on some rows.

        Args:
            arrays: The arrays of inputs, contiguous doubles.
            first: The first row.
            rows: The number of rows; 1 for a program without rows.
            out: The array for the outputs: for each output, a row with room for whole blocks; or,
                if outputs are added up over the rows, one number.
            divisor: The number that sums are divided by.
        """
        ...

    def repeated(self, rows: int, divisor: float) -> Callable[[Sequence[Any]], tuple[Any, Any]]:
        """Make a faster way to run it, if each output is one number.

        Args:
            rows: The number of rows.
            divisor: The number that sums are divided by.

        Returns:
            A function of the arrays of inputs, which returns the outputs, and whether one is nan.
        """
        ...


@runtime_checkable
class Called(Protocol):
    """A kernel that takes Python's own objects; not every backend makes such kernels."""

    def called(self, pattern: Pattern, limits: Limits) -> Callable[[tuple[Any, ...]], Any] | None:
        """Make the function that calls it.

        Args:
            pattern: What the arguments must be, and what the result is.
            limits: What all calls have in common.

        Returns:
            A function of a tuple of arguments, which returns the result, or NotImplemented if the
            arguments do not fit, or the outputs must be computed with guards. None if that is not
            possible: on interpreters other than CPython, for example.
        """
        ...


@runtime_checkable
class Sourced(Protocol):
    """A kernel that can be turned into a C function."""

    def source(self) -> Any:
        """Tell `llvm.entry.entry` how it is called."""
        ...


def run_alone(kernel: Kernel) -> Callable[[Sequence[Any]], tuple[Any, Any]]:
    """Make `Kernel.repeated` from `Kernel.run`, for a program without rows.

    Args:
        kernel: The kernel.

    Returns:
        A function of the arrays of inputs, which returns the outputs, and whether one is nan.
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
        """Its name for `compile(backend=...)`."""
        ...

    def missing(self) -> str:
        """Say what must be installed before it can be used; "" if nothing is missing."""
        ...

    def plan(self, program: Program, layout: Layout, *, reduces: bool, exact: bool) -> Plan:
        """Plan a program; see `planned`."""
        ...

    def compile(self, plan: Plan) -> Any:
        """Compile a plan to code.

        Raises:
            ValueError: The backend has no code for an operation.
        """
        ...

    def load(self, code: Any) -> Kernel:
        """Load code from `compile`, on a machine of the same kind.

        Raises:
            ValueError: The code was made for another machine.
        """
        ...
