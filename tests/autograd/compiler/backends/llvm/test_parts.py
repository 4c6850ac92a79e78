"""Parts of programs: how many rows go through them at once, and the memory for that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autograd.compiler.backends.llvm.parts import Part, Shape
from autograd.compiler.backends.llvm.schedule import UNIFORM, KernelSchedule
from autograd.compiler.backends.llvm.target import Target
from autograd.compiler.layout import Layout
from autograd.compiler.program import Program

TARGET = Target("", "", "", "", 4)


def part(memory: int, *, rolled: bool = True, units: int = 3) -> Part:
    schedule = KernelSchedule([], {}, memory, rolled=rolled)
    shape = Shape(4, 2, reduces=True, exact=False, units=units)
    program, layout = Program((), (), (), ()), Layout((), True)
    return Part("body", TARGET, program, layout, schedule, shape, {})


@pytest.mark.parametrize("memory", [0, 1, 2, 7, 8])
def test_each_unit_has_memory_of_its_own(memory: int) -> None:
    found = part(memory)
    assert found.shape.rows == 8
    assert found.unit >= 8 * memory
    assert found.unit % 16 == 8  # or the same slot of all units would share lines of a cache
    assert found.memory == 3 * found.unit


def test_only_loops_over_rows_go_through_blocks_of_units() -> None:
    assert part(1).in_blocks
    assert not part(1, rolled=False).in_blocks
    assert not replace(part(1), layout=Layout((), False)).in_blocks
    assert not replace(part(1), region=UNIFORM).in_blocks
