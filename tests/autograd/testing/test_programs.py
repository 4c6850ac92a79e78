from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.vendor.pretty import pretty

import autograd
from autograd import Value, gradcheck
from autograd.graph import depth, interior
from autograd.rules import RULES
from autograd.testing import RandomProgram, programs
from autograd.testing.programs import Instruction
from tests.oracle import FIXED, KINKS
from tests.table import HELD_ELSEWHERE, NAMES

FIND = settings(database=None, max_examples=2000)


def uses(program: RandomProgram, name: str) -> bool:
    return any(instruction.function == name for instruction in program.instructions)


def smallest(
    strategy: st.SearchStrategy[RandomProgram],
    condition: Callable[[RandomProgram], bool],
    size: int = 1,
) -> RandomProgram:
    """Shrink, up to five times: one in ten ends at a program of which no part can be left out."""
    for seed in range(5):
        program = find(strategy, condition, settings=FIND, random=Random(seed))
        if len(program.instructions) == size:
            break
    return program


@given(programs())
def test_programs_are_defined_smooth_and_moderate_at_every_step(program: RandomProgram) -> None:
    numbers = list(program.inputs)
    for name, operands in program.instructions:
        xs = [numbers[x] if isinstance(x, int) else x for x in operands]
        y = RULES[name].evaluate(*xs)
        numbers.append(y)
        assert math.isfinite(y)
        assert abs(y) < 1e4
        assert not (name in KINKS and KINKS[name](*xs))
        derivatives = RULES[name].local_derivatives(y, *xs)
        varying = [
            d
            for i, d in enumerate(derivatives)
            if isinstance(operands[i], int) and (name, i) not in FIXED
        ]
        assert all(map(math.isfinite, varying))
    assert program(*program.inputs) == numbers[-1]


@given(programs())
def test_floats_and_values_give_the_same_number(program: RandomProgram) -> None:
    inputs = [Value(x) for x in program.inputs]
    result = program(*inputs)
    assert isinstance(result, Value)
    assert result.data == program(*program.inputs)
    assert isinstance(program(*program.inputs), float)


def test_their_gradients_are_right() -> None:
    outcomes = []

    @settings(max_examples=50)
    @given(programs())
    def check(program: RandomProgram) -> None:
        outcomes.append(gradcheck(program, *program.inputs).outcome)  # raises where one is wrong

    check()
    # Of some, whose terms cancel, no one can say: see `test_gradients`.
    assert outcomes.count("undecided") <= 0.02 * len(outcomes)


@given(st.data(), st.integers(1, 20), st.integers(1, 6), st.integers(1, 4))
def test_bounds_are_kept(data: st.DataObject, size: int, deep: int, inputs: int) -> None:
    program = data.draw(programs(max_size=size, max_depth=deep, max_inputs=inputs))
    assert 1 <= len(program.instructions) <= size
    assert 1 <= len(program.inputs) <= inputs
    assert depth(program(*map(Value, program.inputs))) <= deep


@given(st.data(), st.integers(1, 4))
def test_additions_that_lead_into_a_domain_count(data: st.DataObject, size: int) -> None:
    narrow = ["arccosh", "arcsin", "log", "+"]  # most operands have to be moved to be in these
    program = data.draw(programs(max_size=size, max_depth=20, functions=narrow))
    assert len(program.instructions) <= size


@given(programs())
def test_nothing_in_them_is_unused(program: RandomProgram) -> None:
    count = len(program.inputs) + len(program.instructions)
    used = {
        x
        for instruction in program.instructions
        for x in instruction.operands
        if isinstance(x, int)
    }
    assert used == set(range(count - 1))
    for i, instruction in enumerate(program.instructions):
        varying = [x for x in instruction.operands if isinstance(x, int)]
        assert varying
        assert max(varying) < len(program.inputs) + i


@given(programs())
def test_they_print_as_python_that_runs(program: RandomProgram) -> None:
    text = str(program)
    checked: list[tuple[Any, ...]] = []
    body, call = text.replace(", gradcheck", "").replace("gradcheck, ", "").rsplit("\n", 1)
    scope: dict[str, Any] = {"gradcheck": lambda f, *inputs: checked.append((f, *inputs))}
    exec(f"{body.replace('from autograd import gradcheck', '')}\n{call}", scope)
    (function, *inputs), *_ = checked
    assert tuple(inputs) == program.inputs
    assert function(*inputs) == program(*inputs)
    assert repr(program) == text


def test_the_text_runs_as_it_is_printed() -> None:
    program = smallest(programs(functions=["net", "sum"]), lambda program: uses(program, "net"))
    scope: dict[str, Any] = {}
    exec(str(program), scope)
    assert scope["f"](*program.inputs) == program(*program.inputs)


def test_a_report_begins_on_a_line_of_its_own() -> None:
    program = RandomProgram((0.5,), (Instruction("neg", (0,)),))
    lines = pretty([program]).splitlines()
    assert lines[1].strip() == "from autograd import gradcheck"
    assert "    y1 = -x1" in lines[4]


def test_a_negative_base_and_divisor_print_in_parentheses() -> None:
    program = RandomProgram((2.0,), (Instruction("-", (-1.0, 0)), Instruction("**", (-2.0, 0))))
    assert "y1 = (-1.0) - x1" in str(program)
    assert "y2 = (-2.0) ** x1" in str(program)


@pytest.mark.slow
@pytest.mark.no_cover
def test_every_function_is_drawn_with_sharing_and_constants() -> None:
    functions: Counter[str] = Counter()
    sizes: Counter[int] = Counter()
    found: Counter[str] = Counter()

    @settings(
        max_examples=700,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(programs())
    def draw(program: RandomProgram) -> None:
        sizes[len(program.instructions)] += 1
        functions.update(instruction.function for instruction in program.instructions)
        used = [
            x
            for instruction in program.instructions
            for x in instruction.operands
            if isinstance(x, int)
        ]
        found["shared"] += len(set(used)) < len(used)
        found["twice by one"] += any(
            len([x for x in operands if isinstance(x, int)])
            > len({x for x in operands if isinstance(x, int)})
            for _, operands in program.instructions
        )
        found["constants"] += any(
            isinstance(x, float) for _, xs in program.instructions for x in xs
        )
        root = program(*map(Value, program.inputs))
        found["linear"] += any(node.op == "linear" for node in interior(root))

    draw()
    assert set(functions) == set(NAMES) - HELD_ELSEWHERE
    assert sum(count for size, count in sizes.items() if size >= 5) > 105
    assert min(found[kind] for kind in ("shared", "twice by one", "constants", "linear")) > 14


@pytest.mark.no_cover
@pytest.mark.parametrize(("name", "inputs"), [("tanh", (0.0,)), ("floor", (0.5,))])
def test_they_shrink_to_one_instruction_on_simple_numbers(
    name: str, inputs: tuple[float, ...]
) -> None:
    program = smallest(programs(max_size=6), lambda program: uses(program, name))
    assert [instruction.function for instruction in program.instructions] == [name]
    assert program.inputs == inputs


@pytest.mark.no_cover
def test_a_composition_shrinks_to_two_instructions() -> None:
    def composed(program: RandomProgram) -> bool:
        return any(
            name == "tanh" and operands[0] >= len(program.inputs)
            for name, operands in program.instructions
        )

    assert len(smallest(programs(max_size=6), composed, size=2).instructions) == 2


@given(st.data(), st.lists(st.sampled_from([*NAMES, "linear"]), min_size=1, max_size=3))
def test_programs_of_chosen_functions_use_no_others(data: st.DataObject, names: list[str]) -> None:
    program = data.draw(programs(functions=names))
    allowed = {*names, *(["dot", "net"] if "linear" in names else [])}
    assert {instruction.function for instruction in program.instructions} <= allowed


def test_functions_are_chosen_by_themselves_too() -> None:
    assert smallest(programs(functions=[autograd.sin]), lambda program: True).inputs == (0.0,)


@pytest.mark.parametrize("bound", ["max_size", "max_depth", "max_inputs"])
def test_a_bound_less_than_1_is_an_error(bound: str) -> None:
    with pytest.raises(ValueError, match="a bound must be at least 1, got 0"):
        programs(**{bound: 0})  # type: ignore[arg-type]


def test_programs_of_nothing_or_of_the_unknown_are_errors() -> None:
    with pytest.raises(ValueError, match="there are no functions"):
        programs(functions=[])
    with pytest.raises(ValueError, match="no domain is known for 'sine'"):
        programs(functions=["sine"])


def test_a_wrong_number_of_inputs_is_an_error() -> None:
    with pytest.raises(TypeError, match="takes 1 input, got 2"):
        RandomProgram((0.5,), (Instruction("neg", (0,)),))(1.0, 2.0)
