"""The code that is written: any program in pieces and loops, for any width of registers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd.compiler.backends.llvm import LLVM, backend
from autograd.compiler.backends.llvm.emission import (
    CALL,
    Part,
    Shape,
    kernel_text,
    part_text,
    step_texts,
)
from autograd.compiler.backends.llvm.schedule import Place, inputs_of, scheduled
from autograd.compiler.backends.llvm.target import host
from autograd.compiler.execution import Executor, Options
from autograd.compiler.layout import Group, Layout
from autograd.compiler.primitives import PRIMITIVES
from autograd.compiler.program import Operation, Program
from tests.programs import Case, cases, same_bits

binding = pytest.importorskip("llvmlite.binding")

# How programs are cut up: the cost from which loops are tried, the size of pieces, the least
# number of equal steps that make a loop, and of terms that make one of a sum.
STRAIGHT = (10**9, 10**9, 8, 10**9)
PIECES = (10**9, 1, 8, 10**9)
SUMS = (10**9, 5, 8, 2)
LOOPS = (0, 5, 1, 10**9)
FEW_LOOPS = (0, 600, 4, 3)


def executor(case: Case, lanes: int, cut: tuple[int, ...], reduce: Any, exact: bool) -> Executor:
    names = ("straight_cost", "piece_cost", "shortest_loop", "long_sum")
    cuts: dict[str, Any] = dict(zip(names, cut, strict=True))
    target = replace(host(), lanes=lanes, uncut_cost=0, **cuts)
    options = Options(reduce, exact, 1, "llvm")
    return Executor(case.program, case.layout, options, LLVM(target))


def check(
    case: Case, lanes: int, cut: tuple[int, ...], reduce: Any = None, exact: bool = True
) -> None:
    if not case.layout.batched:
        arrays = case.arrays(1)
        actual = executor(case, lanes, cut, None, exact)(arrays, 1)
        expected = case.expected(arrays, 1)[:, 0]
        assert same_bits(actual, expected) if exact else np.array_equal(actual, expected)
        return
    run = executor(case, lanes, cut, reduce, exact)
    block = next(iter(run.codes.values())).rows
    for rows in (0, 1, block - 1, block, block + 1, 3 * block + 1):
        arrays = case.arrays(rows, seed=rows)
        expected = case.expected(arrays, rows)
        actual = run(arrays, rows)
        if reduce:
            with np.errstate(invalid="ignore"):
                expected = expected.sum(axis=1) / (rows if reduce == "mean" else 1.0)
        if exact and not reduce:
            assert same_bits(actual, expected)
        else:
            assert np.array_equal(actual, expected, equal_nan=True)


CUTS = st.sampled_from([STRAIGHT, PIECES, SUMS, LOOPS, LOOPS, FEW_LOOPS])
LANES = st.sampled_from([1, 2, 4, 8])
# Each is compiled by LLVM.
long = settings(max_examples=settings().max_examples // 3)


@long
@given(case=cases(whole=False), lanes=LANES, cut=CUTS)
def test_every_row_has_the_bits_of_one_operation_after_another(
    case: Case, lanes: int, cut: Any
) -> None:
    check(case, lanes, cut)


@long
@given(case=cases(batched=True), lanes=LANES, cut=CUTS, reduce=st.sampled_from(["sum", "mean"]))
def test_rows_are_added_up(case: Case, lanes: int, cut: Any, reduce: Any) -> None:
    check(case, lanes, cut, reduce, exact=False)


@long
@given(case=cases(), lanes=LANES, cut=CUTS)
def test_products_and_sums_rounded_at_once_compute_the_same_whole_numbers(
    case: Case, lanes: int, cut: Any
) -> None:
    check(case, lanes, cut, exact=False)


@long
@given(case=cases(functions=["dot", "net", "sum", "*", "-"], layers=8), lanes=LANES)
def test_layers_of_sums_and_products_are_right_in_loops(case: Case, lanes: int) -> None:
    check(case, lanes, LOOPS, "sum" if case.layout.batched else None, exact=False)


@pytest.mark.parametrize("cut", [STRAIGHT, PIECES, SUMS, LOOPS])
@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
@pytest.mark.parametrize("reduce", [None, "sum"])
def test_outputs_may_be_inputs_and_what_is_the_same_in_all_rows(
    cut: Any, lanes: int, reduce: Any
) -> None:
    layout = Layout((Group(3, False), Group(0, True), Group(2, True), Group(1, True)), True)
    operations = (
        Operation("*", (0, 1)),  # uniform
        Operation("sum", (3, 0, 4, 7)),
        Operation("net", (0, 3, 4, 5, 5, 5, 1)),
        Operation("neg", (7,)),  # uniform
        Operation("-", (8, 9)),
    )
    program = Program(
        ("a", "b", "c", "x", "y", "z"), (2.0,), operations, (0, 3, 5, 7, 8, 10, 9, 11)
    )
    check(Case(program, layout, True), lanes, cut, reduce, exact=False)


@pytest.mark.parametrize("reduce", [None, "sum"])
def test_what_is_no_row_plays_no_part(reduce: Any) -> None:
    """The last block is filled up with copies of a row: none may show, nor give a nan."""
    program = Program(("x",), (1.0,), (Operation("/", (1, 0)), Operation("sqrt", (2,))), (2, 3))
    case = Case(program, Layout((Group(1, True),), True), False)
    for cut in (STRAIGHT, LOOPS):
        run = executor(case, 4, cut, reduce, False)
        for rows in (1, 3, 5, 7):
            column = np.full((rows, 1), 4.0)
            actual = run([column], rows)
            if reduce:
                assert actual.tolist() == [0.25 * rows, 0.5 * rows]
            else:
                assert actual.tolist() == [[0.25] * rows, [0.5] * rows]


def test_memory_is_as_it_was_after_a_nan() -> None:
    program = Program(("x",), (), (Operation("*", (0, 0)),), (1,))
    case = Case(program, Layout((Group(1, True),), True), True)
    for cut in (STRAIGHT, LOOPS):
        run = executor(case, 4, cut, "sum", False)
        assert np.isnan(run([np.full((9, 1), np.nan)], 9)).all()
        assert run([np.full((9, 1), 2.0)], 9).tolist() == [36.0]
        assert run([np.full((2, 1), 2.0)], 2).tolist() == [8.0]


# --- the text ------------------------------------------------------------------------------------


def parts(lanes: int, vectors: int) -> tuple[Part, Layout]:
    layout = Layout((Group(2, True),), True)
    program = Program(("x", "y"), (), (Operation("*", (0, 1)), Operation("tanh", (2,))), (3,))
    places = {slot: Place(inputs_of(0), slot) for slot in (0, 1)}
    arranged = scheduled(host(), program, [2, 3], places, {3: 0}, [0, 1])
    shape = Shape(lanes, vectors, reduces=False, exact=False)
    return Part("body", host(), program, layout, arranged, shape, {3: 0}), layout


@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
def test_every_module_is_well_formed(lanes: int) -> None:
    part, _ = parts(lanes, 1)
    straight = [*step_texts(part)]
    assert {kind for _, kind in straight} == {"straight"}
    for text in [*(text for text, _ in straight), part_text(part), kernel_text(part, None, 1)]:
        module = binding.parse_assembly(text)
        module.verify()
    assert "@kernel(ptr noalias %call)" in text


def recurrence(steps: int, width: int = 12) -> Case:
    """In each step a layer of sums of products, each compared with a number."""
    inputs = 2 * width
    operations: list[Operation] = []
    outputs: list[int] = []
    state = [*range(width)]
    for _ in range(steps):
        first = inputs + len(operations)
        for i in range(width):
            weights = [width + (i + j) % width for j in range(4)]
            operations.append(Operation("dot", (*weights, *(state[i - j] for j in range(4)))))
        operations += [Operation("<", (first + i, width + i)) for i in range(width)]
        state = [*range(first + width, first + 2 * width)]
        outputs += state
    layout = Layout((Group(width, True), Group(width, False)), True)
    names = tuple([f"x{i}" for i in range(inputs)])
    return Case(Program(names, (), tuple(operations), tuple(outputs)), layout, whole=True)


def defined(case: Case) -> int:
    """Count the functions of loops that are written for a program's rows."""
    steps = LLVM(replace(host(), straight_cost=0))
    plan = steps.plan(case.program, case.layout, reduces=False, exact=True)
    places, varying = backend._places(plan)
    _, by_row = backend._split_by_rows(plan, varying)
    body = backend._body(plan, replace(host(), straight_cost=0), by_row, places, varying, False)
    return sum(text.count("define void") for text, kind in step_texts(body) if kind == "loops")


def test_steps_of_a_recurrence_share_the_functions_of_their_loops() -> None:
    few, many = recurrence(3), recurrence(12)
    assert 0 < defined(many) <= defined(few) + 8
    check(few, 2, LOOPS)
    check(few, 4, LOOPS, "sum", exact=False)


def test_blocks_are_lanes_times_vectors() -> None:
    assert Shape(4, 4, reduces=False, exact=False).rows == 16


def test_a_call_is_described_in_eight_bytes_each() -> None:
    assert next(iter(CALL)) == "constant"
    assert set(CALL.values()) == {"ptr", "i64", "double"}


def test_comparisons_are_ieee() -> None:
    inputs = [0.0, -0.0, 1.0, np.inf, np.nan]
    pairs = np.array([(a, b) for a in inputs for b in inputs])
    signs = [op for op, primitive in PRIMITIVES.items() if primitive.is_condition]
    operations = tuple(Operation(sign, (0, 1)) for sign in signs)
    program = Program(("x", "y"), (), operations, tuple(range(2, 2 + len(signs))))
    case = Case(program, Layout((Group(2, True),), True), False)
    run = executor(case, 4, STRAIGHT, None, False)
    assert same_bits(run([pairs], len(pairs)), case.expected([pairs], len(pairs)))


@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
def test_transposed_sums_add_up_each_vector(lanes: int) -> None:
    """Of rows that are reduced in a loop: an output for each lane at a time."""
    width = 21
    operations = tuple(Operation("*", (slot, slot)) for slot in range(width))
    program = Program(
        tuple(f"x{i}" for i in range(width)), (), operations, tuple(range(width, 2 * width))
    )
    case = Case(program, Layout((Group(width, True),), True), True)
    run = executor(case, lanes, LOOPS, "sum", False)
    for rows in (1, 31, 32, 33, 100):
        arrays = case.arrays(rows)
        assert run(arrays, rows).tolist() == (arrays[0] ** 2).sum(axis=0).tolist()
