"""The pipeline: every pass in its order, on any program, and checked after each."""

from __future__ import annotations

import pytest
from hypothesis import given

from autograd.compiler import pipeline
from autograd.compiler.passes import adjoint
from autograd.compiler.pipeline import PASSES, VERIFY, optimise
from autograd.compiler.primitives import PRIMITIVES
from autograd.compiler.program import Operation, Program
from autograd.compiler.trace import traced_program
from autograd.testing.programs import RandomProgram as Drawn
from autograd.testing.programs import programs

BROKEN = Program(("x",), (), (Operation("sin", (3,)),), (1,))


@given(programs())
def test_a_program_is_in_primitive_operations_and_does_not_grow_again(drawn: Drawn) -> None:
    names = [f"x{place}" for place in range(len(drawn.inputs))]
    program = optimise(adjoint(traced_program(drawn, names)))
    assert program.counts().keys() <= PRIMITIVES.keys()
    assert program.checked().inputs[: len(names)] == tuple(names)
    assert len(optimise(program)) <= len(program)


def test_a_malformed_program_is_laid_at_the_door_of_its_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def break_it(program: Program) -> Program:
        return BROKEN

    monkeypatch.setattr(pipeline, "PASSES", (*PASSES[:1], break_it, *PASSES[1:]))
    monkeypatch.setenv(VERIFY, "1")
    with pytest.raises(AssertionError, match=r"the pass break_it .* reads %3, which is not"):
        optimise(Program(("x",), (), (), (0,)))
    monkeypatch.setattr(pipeline, "PASSES", (break_it,))
    monkeypatch.delenv(VERIFY)
    assert optimise(Program(("x",), (), (), (0,))) is BROKEN
