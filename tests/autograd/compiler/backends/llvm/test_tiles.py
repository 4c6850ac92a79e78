"""Steps of matrices: whole numbers, whose sums are right in any order, of any shape and rows."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd.compiler.backends.llvm import LLVM
from autograd.compiler.backends.llvm.schedule import ROW, Outer, Place, inputs_of, scheduled
from autograd.compiler.backends.llvm.target import host
from autograd.compiler.backends.llvm.tiles import multiplied, transposed
from autograd.compiler.backends.llvm.writer import Writer
from autograd.compiler.execution import Executor, Options
from autograd.compiler.layout import Group, Layout
from autograd.compiler.program import Operation, Program
from tests.programs import Case, same_bits

pytest.importorskip("llvmlite.binding")

# Each example is compiled by LLVM.
few = settings(max_examples=max(settings().max_examples // 4, 10))
LANES = st.sampled_from([2, 4, 8, 8, 1])
ROWS = st.sampled_from([1, 5, 16, 31, 64, 65, 130, 300])
SIZES = st.integers(2, 30)


def run(case: Case, lanes: int, rows: int, reduce: Any, *, exact: bool = False) -> tuple[Any, Any]:
    """Run on machine code that is all loops, and by the definitions."""
    target = replace(host(), lanes=lanes, straight_cost=0, shortest_loop=2, most_terms=11)
    run = Executor(case.program, case.layout, Options(reduce, exact, 1, "llvm"), LLVM(target))
    arrays = case.arrays(rows, seed=rows)
    expected = case.expected(arrays, rows)
    return run(arrays, rows), expected.sum(axis=1) if reduce else expected


def matrix(
    terms: int, sums: int, *, bias: bool, transpose: bool, back: bool, varies: tuple[bool, bool]
) -> Case:
    """Sums of products of each line of a matrix, or of each column, with a vector."""
    width = sums * terms
    count = width + terms + sums
    operations = []
    for i in range(sums):
        line = [i + j * sums if transpose else i * terms + j for j in range(terms)]
        vector = [*range(width, width + terms)]
        if back:
            vector.reverse()
        operands = (*line, *vector, width + terms + i)
        operations.append(Operation("net" if bias else "dot", operands if bias else operands[:-1]))
    groups = Group(width, varies[0]), Group(terms, varies[1]), Group(sums, False)
    outputs = tuple(range(count, count + sums))
    names = tuple(f"x{i}" for i in range(count))
    return Case(Program(names, (), tuple(operations), outputs), Layout(groups, True), True)


@few
@given(
    case=st.builds(
        matrix,
        SIZES,
        SIZES,
        bias=st.booleans(),
        transpose=st.booleans(),
        back=st.booleans(),
        varies=st.sampled_from([(False, True), (True, False), (True, True)]),
    ),
    lanes=LANES,
    rows=ROWS,
    reduce=st.sampled_from([None, "sum"]),
)
def test_sums_with_factors_in_common_are_right_for_any_shape(
    case: Case, lanes: int, rows: int, reduce: Any
) -> None:
    actual, expected = run(case, lanes, rows, reduce)
    assert np.array_equal(actual, expected)


@few
@given(terms=SIZES, sums=SIZES, bias=st.booleans(), lanes=LANES, rows=ROWS)
def test_exact_sums_have_the_bits_of_one_term_after_another(
    terms: int, sums: int, bias: bool, lanes: int, rows: int
) -> None:
    case = matrix(terms, sums, bias=bias, transpose=False, back=False, varies=(False, True))
    actual, expected = run(replace(case, whole=False), lanes, rows, None, exact=True)
    assert same_bits(actual, expected)


@few
@given(
    size=st.integers(3, 14), copies=st.integers(2, 5), lanes=LANES, rows=ROWS, exact=st.booleans()
)
def test_sums_may_have_terms_at_any_distance(
    size: int, copies: int, lanes: int, rows: int, exact: bool
) -> None:
    """Columns of triangles that are stored line by line."""
    place = [i * (i + 1) // 2 for i in range(size + 1)]
    count = copies * place[size] + size
    operations = []
    for j in range(size - 1):
        vector = [*range(copies * place[size] + j, count)]
        for copy in range(copies):
            column = [copy * place[size] + place[i] + j for i in range(j, size)]
            operations.append(Operation("dot", (*column, *vector)))
    outputs = tuple(range(count, count + len(operations)))
    groups = Group(copies * place[size], False), Group(size, True)
    program = Program(tuple(f"x{i}" for i in range(count)), (), tuple(operations), outputs)
    case = Case(program, Layout(groups, True), not exact)
    actual, expected = run(case, lanes, rows, None if exact else "sum", exact=exact)
    assert same_bits(actual, expected)


def outer(
    lines: int,
    width: int,
    *,
    terms: int,
    shape: Literal["full", "lower", "upper", "band"],
    order: int,
    gap: int,
) -> Case:
    """The products of some inputs with others, with outputs between that are none."""
    count = terms * (lines + width)
    operations: list[Operation] = []
    outputs: list[int] = []
    spare: list[int] = []
    for i in range(lines):
        low = {"upper": min(i, width - 1), "band": min(i // 2, width - 1)}.get(shape, 0)
        high = {"lower": min(i + 1, width), "band": min(i // 2 + 3, width)}.get(shape, width)
        for j in range(low, high)[::order]:
            xs = [i + t * lines for t in range(terms)]
            ys = [terms * lines + j + t * width for t in range(terms)]
            if (i + j) % 5 == 0:
                xs, ys = ys, xs
            operations.append(Operation("dot" if terms > 1 else "*", (*xs, *ys)))
        first = count + len(operations) - (high - low)
        outputs += [*range(first, first + high - low)][::order]
        spare += [len(outputs) + len(spare) for _ in range(gap)]
    for place in spare:  # what is an output, but of no line
        operations.append(Operation("neg", (place % count,)))
        outputs.insert(place, count + len(operations) - 1)
    names = tuple(f"x{i}" for i in range(count))
    layout = Layout((Group(count, True),), True)
    return Case(Program(names, (), tuple(operations), tuple(outputs)), layout, True)


@few
@given(
    case=st.builds(
        outer,
        SIZES,
        SIZES,
        terms=st.sampled_from([1, 1, 1, 2, 3]),
        shape=st.sampled_from(["full", "full", "lower", "upper", "band"]),
        order=st.sampled_from([1, -1]),
        gap=st.integers(0, 1),
    ),
    lanes=LANES,
    rows=ROWS,
)
def test_outer_products_are_added_up_over_the_rows(case: Case, lanes: int, rows: int) -> None:
    actual, expected = run(case, lanes, rows, "sum")
    assert actual.tolist() == expected.tolist()


def steps_of(case: Case, *, reduces: bool = True) -> list[Any]:
    program, first = case.program, case.program.first_result
    inputs = [*range(first)]
    places = {slot: Place(inputs_of(0), slot) for slot in inputs}
    outputs = {slot: number for number, slot in enumerate(program.outputs)}
    target = replace(host(), straight_cost=0)
    slots = range(first, first + len(program))
    found = scheduled(target, program, slots, places, outputs, inputs, ROW, reduces=reduces)
    return found.steps


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("terms", [1, 3])
def test_an_outer_product_is_one_step(order: int, terms: int) -> None:
    (step,) = steps_of(outer(20, 30, terms=terms, shape="full", order=order, gap=0))
    assert isinstance(step, Outer)
    assert (step.terms, step.width, len(step.lines), step.is_full) == (terms, 30, 20, True)


def test_a_triangle_is_one_step_too() -> None:
    steps = steps_of(outer(30, 30, terms=1, shape="lower", order=1, gap=0))
    (step,) = (step for step in steps if isinstance(step, Outer))
    assert not step.is_full
    assert len(step.lines) >= 28
    assert len(steps) <= 4  # with the products that are a line of their own, and their totals


def test_what_is_not_added_up_is_no_outer_product() -> None:
    case = outer(20, 30, terms=1, shape="full", order=1, gap=0)
    assert not any(isinstance(step, Outer) for step in steps_of(case, reduces=False))


def test_rows_that_are_padding_play_no_part() -> None:
    """A row is repeated to fill a block up: where it is infinite as well, it counts once."""
    case = outer(10, 10, terms=1, shape="full", order=1, gap=0)
    target = replace(host(), lanes=4, straight_cost=0)
    run = Executor(case.program, case.layout, Options("sum", False, 1, "llvm"), LLVM(target))
    assert run([np.full((3, 20), 2.0)], 3).tolist() == [12.0] * 100
    assert run([np.full((9, 20), np.inf)], 9).tolist() == [np.inf] * 100
    assert run([np.full((9, 20), 1.0)], 9).tolist() == [9.0] * 100


@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
def test_a_matrix_is_transposed_by_shuffles(lanes: int) -> None:
    writer = Writer(lanes)
    names = transposed(writer, [f"%v{i}" for i in range(lanes)])
    matrices = {f"%v{i}": [(i, j) for j in range(lanes)] for i in range(lanes)}
    for line in writer.lines:
        name, a, b = re.findall(r"%\w+", line)
        chosen = [int(number) for number in re.findall(r"i32 (\d+)", line)]
        matrices[name] = [(matrices[a] + matrices[b])[lane] for lane in chosen]
    assert [matrices[x] for x in names] == [[(j, i) for j in range(lanes)] for i in range(lanes)]


def test_exact_products_are_rounded_before_they_are_added() -> None:
    for exact, expected in ((True, ["fmul", "fadd"]), (False, ["call"])):
        writer = Writer(4)
        multiplied(writer, "%x", "%y", "%t", exact=exact)
        assert [line.split()[2] for line in writer.lines] == expected
    assert multiplied(writer, "%x", "%y", None, exact=False) == "%t2"
    assert "fmul" in writer.lines[-1]
