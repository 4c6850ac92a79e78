"""Parts of a program, and the shape of their code: how many rows go through it at once."""

from __future__ import annotations

from dataclasses import dataclass

from autograd.compiler.backends.llvm.schedule import ROW, KernelSchedule, Region
from autograd.compiler.backends.llvm.target import Target
from autograd.compiler.layout import Layout
from autograd.compiler.program import Program

__all__ = ["Part", "Shape"]


@dataclass(frozen=True)
class Shape:
    """The shape of the generated code.

    Attributes:
        lanes: How many rows a vector holds: one register, or two.
        vectors: How many vectors make a unit of rows.
        reduces: Whether outputs are summed over the rows.
        exact: Whether each product and sum is rounded on its own.
        doubled: Whether a vector is two registers, both added to one register of sums: small
            programs spend most of their time on storing sums.
        units: How many units of rows are a block, which goes through a part with loops step by
            step; in other code, a block is a unit.
    """

    lanes: int
    vectors: int
    reduces: bool
    exact: bool
    doubled: bool = False
    units: int = 1

    @property
    def sum_lanes(self) -> int:
        """How many numbers a vector of sums holds."""
        return self.lanes // 2 if self.doubled else self.lanes

    @property
    def rows(self) -> int:
        """How many rows a unit has."""
        return self.lanes * self.vectors


ATTRIBUTES = 'nounwind "min-legal-vector-width"="{bits}" "prefer-vector-width"="{bits}"'


@dataclass(frozen=True)
class Part:
    """A part of a program that is executed on blocks of rows: its prologue or its body.

    Attributes:
        name: The name of its function.
        target: The target of the compilation.
        program: The program.
        layout: The arrays that hold the inputs.
        schedule: Its steps.
        shape: The shape of the code.
        outputs: For a slot that is an output, the number of that output.
        region: Where its results are stored.
    """

    name: str
    target: Target
    program: Program
    layout: Layout
    schedule: KernelSchedule
    shape: Shape
    outputs: dict[int, int]
    region: Region = ROW

    @property
    def adds_in_lanes(self) -> bool:
        """Whether sums over rows are kept lane by lane until the end."""
        return self.shape.reduces and not self.schedule.rolled

    @property
    def in_blocks(self) -> bool:
        """Whether each step is executed for a block of several units of rows, as far as valid."""
        return self.schedule.rolled and self.layout.batched and self.region is ROW

    @property
    def unit(self) -> int:
        """How many numbers a unit has memory for.

        An odd number of slots: else the same slot of all units would fall into the same few places
        of a cache.
        """
        return (self.schedule.memory | 1) * self.shape.rows

    @property
    def memory(self) -> int:
        """How many numbers a block has memory for."""
        return self.unit * self.shape.units

    @property
    def parameters(self) -> str:
        """The parameters of each of its functions."""
        inputs = [f"ptr noalias %input{number}" for number in range(len(self.layout.groups))]
        others = ["constant", "uniform", "row", "out"]
        pointers = [*inputs, *(f"ptr noalias %{name}" for name in others)]
        return ", ".join([*pointers, "i64 %stride", "i64 %valid"])

    @property
    def attributes(self) -> str:
        """The attributes of each of its functions."""
        return ATTRIBUTES.format(bits=64 * self.shape.sum_lanes)

    def arguments(self, **changed: str) -> str:
        """Return the arguments of a call from one of its functions to another."""
        inputs = [f"input{number}" for number in range(len(self.layout.groups))]
        pointers = [*inputs, "constant", "uniform", "row", "out"]
        texts = [f"ptr {changed.get(name, f'%{name}')}" for name in pointers]
        numbers = [f"i64 {changed.get(name, f'%{name}')}" for name in ("stride", "valid")]
        return ", ".join([*texts, *numbers])
