"""`ProgramBuilder`: slots are numbered as a program has them, and constants keep their bits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autograd.compiler.builder import ProgramBuilder
from autograd.compiler.program import Operation


def test_slots_count_inputs_then_constants_then_results() -> None:
    builder = ProgramBuilder(["x"])
    two = builder.constant(2.0)
    product = builder.add("*", (0, two))
    three = builder.constant(3.0)
    result = builder.add("+", (product, three))
    assert builder.number(two) == 2.0
    assert builder.number(product) is None
    program = builder.program([result, two, 0])
    assert program.constants == (2.0, 3.0)
    assert program.operations == (Operation("*", (0, 1)), Operation("+", (3, 2)))
    assert program.outputs == (4, 1, 0)


@given(st.lists(st.floats(), max_size=8))
def test_constants_keep_their_bits(numbers: list[float]) -> None:
    builder = ProgramBuilder([])
    slots = [builder.constant(number) for number in numbers]
    program = builder.program(slots)
    assert [repr(program.constants[slot]) for slot in program.outputs] == [*map(repr, numbers)]


def test_every_constant_is_found_by_its_slot() -> None:
    builder = ProgramBuilder(["x"], (0.5,))
    slots = [builder.constant(number) for number in (1.0, 2.0, 3.0, 4.0)]
    assert [builder.number(slot) for slot in slots] == [1.0, 2.0, 3.0, 4.0]
    assert [builder.number(slot) for slot in (0, 1, 2)] == [None, 0.5, None]
