"""The library by its own gradient checker: every row of the table, and random programs of them."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from autograd.checking import gradcheck
from autograd.rule import Rule
from autograd.testing import operands, programs
from autograd.testing.programs import RandomProgram
from tests.table import HELD_ELSEWHERE, TABLE, call

QUICK = [rule for rule in TABLE if rule.name not in HELD_ELSEWHERE]
PARTS = 8
"""Hypothesis stores all examples of a test: several small tests are faster than a large one."""

EACH = 8 if settings().derandomize else 20
"""How many times as many programs as examples are drawn: fewer where they are always the same."""

UNDECIDED = 0.01
"""Where terms cancel, rounding may leave nothing of a derivative: of so many programs at most."""

# Where a program's second derivatives are taken, it has to be small to be quick.
SMALL = programs(max_size=6, max_depth=4)


@pytest.mark.no_cover
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("rule", QUICK, ids=lambda rule: rule.name)
@settings(max_examples=settings().max_examples // 20)
@given(data=st.data())
def test_row(rule: Rule, order: int, data: st.DataObject) -> None:
    xs = data.draw(operands(rule.name))
    fixed = xs[: len(rule.fixed)]
    assert gradcheck(lambda *rest: call(rule, (*fixed, *rest)), *xs[len(fixed) :], order=order)


@pytest.mark.no_cover
def test_random_programs() -> None:
    """A few hundred of them; half a million in `make soak`."""
    outcomes: Counter[str] = Counter()

    def check(program: RandomProgram) -> None:
        outcomes[gradcheck(program, *program.inputs).outcome] += 1

    for part in range(PARTS):
        few = settings(max_examples=EACH * settings().max_examples // PARTS)
        seed(part)(few(given(programs())(check)))()
    # Of all together: of so few as are in a part, one would be too many.
    assert outcomes["undecided"] <= UNDECIDED * outcomes.total()


@pytest.mark.no_cover
def test_second_derivatives_of_random_programs() -> None:
    outcomes: Counter[str] = Counter()

    @settings(max_examples=4 * settings().max_examples)  # enough to hold a share of 1 % to
    @given(SMALL)
    def check(program: RandomProgram) -> None:
        outcomes[gradcheck(program, *program.inputs, order=2).outcome] += 1

    check()
    assert outcomes["undecided"] <= UNDECIDED * outcomes.total()
