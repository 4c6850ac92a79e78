"""Passes: each keeps the program's results, does its one thing, and handles any depth."""

from __future__ import annotations

import functools
import itertools
import math
import operator
import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value, custom_function, exp, grad, hessian, softmax, sqrt, where
from autograd.compiler.backends.arrays import evaluate
from autograd.compiler.passes import (
    MANY_TERMS,
    adjoint,
    drop_guards,
    eliminate_common_subexpressions,
    eliminate_dead_code,
    fold_constants,
    fuse_sums,
    lower,
)
from autograd.compiler.pipeline import optimise
from autograd.compiler.primitives import PRIMITIVES
from autograd.compiler.program import Operation, Program
from autograd.compiler.trace import traced_program
from autograd.testing.programs import RandomProgram as Drawn
from autograd.testing.programs import programs
from autograd.tracing import TracingError
from tests.programs import FUNCTIONS, Case, cases, evaluated, same_bits
from tests.table import TABLE

ROWS = 7


def run(case: Case, program: Program) -> Any:
    """Evaluate another program at the inputs of a case."""
    inputs = case.arrays(ROWS, seed=1)
    return Case(program, case.layout, case.whole).expected(inputs, ROWS)


def by_definition(case: Case, program: Program) -> Any:
    """Evaluate another program at the inputs of a case, by the NumPy backend."""
    outputs = evaluate(program, case.inputs(case.arrays(ROWS, seed=1)))
    return np.array([np.broadcast_to(y, ROWS) for y in outputs]).reshape(-1, ROWS)


def by_arrays(program: Program, *inputs: float) -> list[float]:
    return [float(y) for y in evaluate(program, inputs)]


# --- every pass keeps the numbers ----------------------------------------------------------------


@pytest.mark.parametrize(
    "each", [eliminate_dead_code, eliminate_common_subexpressions, fold_constants]
)
@given(case=cases(whole=False))
def test_passes_keep_every_bit(each: Callable[[Program], Program], case: Case) -> None:
    program = each(case.program)
    assert program.inputs == case.program.inputs
    assert np.array_equal(run(case, program), run(case, case.program), equal_nan=True)
    # Signs of zeros by the definition itself, whose sums of products begin with 0 as Python's do.
    assert same_bits(by_definition(case, program), by_definition(case, case.program))


@pytest.mark.parametrize("least", [2, 3, 4, 9])
@given(case=cases(whole=False))
def test_gathering_keeps_the_order_of_terms(least: int, case: Case) -> None:
    program = fuse_sums(case.program, least)
    assert same_bits(run(case, program), run(case, case.program))
    assert len(program) <= len(case.program)


@given(case=cases(whole=False))
def test_all_together_keep_every_bit(case: Case) -> None:
    assert same_bits(run(case, fuse_sums(optimise(case.program))), run(case, case.program))


@given(case=cases(whole=False))
def test_passes_are_done_when_they_are_done(case: Case) -> None:
    program = optimise(case.program)
    assert eliminate_dead_code(program) == program
    assert eliminate_common_subexpressions(program) == program


@given(programs())
def test_lowered_programs_are_primitive_and_compute_the_same(drawn: Drawn) -> None:
    names = [f"x{i}" for i in range(len(drawn.inputs))]
    traced = traced_program(drawn, names)
    program = lower(traced)
    assert set(program.counts()) <= set(PRIMITIVES)
    expected = drawn(*drawn.inputs)
    scale = 1.0 + abs(expected)
    for each in (program, optimise(traced), fuse_sums(optimise(traced))):
        assert by_arrays(each, *drawn.inputs) == pytest.approx([expected], abs=1e-11 * scale)


# --- what each does ------------------------------------------------------------------------------


@given(case=cases(whole=False))
def test_without_dead_code_everything_is_used(case: Case) -> None:
    program = eliminate_dead_code(case.program)
    used = {*program.outputs, *itertools.chain(*(operands for _, operands in program.operations))}
    assert used >= set(range(len(program.inputs), program.first_result + len(program)))


@given(case=cases(whole=False))
def test_without_repetition_all_operations_differ(case: Case) -> None:
    program = eliminate_common_subexpressions(case.program)
    assert len(set(program.operations)) == len(program.operations)


def test_what_is_equal_but_for_the_order_of_a_sum_is_computed_once() -> None:
    def f(x: Any, y: Any) -> Any:
        return [(x + y) * (y + x) - (x - y) * (y - x)]

    program = eliminate_common_subexpressions(traced_program(lambda x, y: f(x, y)[0], ["x", "y"]))
    assert program.counts()["+"] == 1
    assert program.counts()["-"] == 3


@given(case=cases(whole=False))
def test_folded_programs_compute_nothing_from_constants(case: Case) -> None:
    program = fold_constants(case.program)
    constants = range(len(program.inputs), program.first_result)
    for _, operands in program.operations:
        assert not set(operands) <= set(constants)


IDENTITIES: list[tuple[str, Callable[[Any], Any]]] = [
    ("x * 1", lambda x: x * 1.0),
    ("1 * x", lambda x: 1.0 * x),
    ("x / 1", lambda x: x / 1.0),
    ("x - 0", lambda x: x - 0.0),
    ("x + -0", lambda x: x + -0.0),
    ("-0 + x", lambda x: -0.0 + x),
    ("x ** 1", lambda x: x**1.0),
    ("-(-x)", lambda x: operator.neg(-x)),
    ("-1 * (-1 * x)", lambda x: -1.0 * (x * -1.0)),
    ("where of one", lambda x: where(x > 0.0, x, x)),
    ("where of a constant", lambda x: where(1.0, x, 2.0)),
]


@pytest.mark.parametrize(("name", "f"), IDENTITIES)
def test_identities_that_hold_for_every_float_are_applied(name: str, f: Any) -> None:
    assert eliminate_dead_code(fold_constants(traced_program(f, ["x"]))).outputs == (0,)


NO_IDENTITIES: list[tuple[str, Callable[[Any], Any]]] = [
    ("x * 0", lambda x: x * 0.0),
    ("x + 0", lambda x: x + 0.0),
    ("x - -0", lambda x: x - -0.0),
    ("0 - x", lambda x: 0.0 - x),
    ("x - x", lambda x: x - x),
    ("x / x", lambda x: x / x),
    ("x == x", lambda x: x == x),
    ("(x * 3) / 3", lambda x: x * 3.0 / 3.0),
]


@pytest.mark.parametrize(("name", "f"), NO_IDENTITIES)
def test_identities_that_fail_at_zeros_infinities_or_nans_are_not(name: str, f: Any) -> None:
    traced = traced_program(f, ["x"])
    program = optimise(traced)
    assert len(program) == len(traced)
    for number in (0.0, -0.0, 1.5, math.inf, -math.inf, math.nan):
        actual = evaluated(program, [number], 1)
        assert same_bits(actual, evaluated(traced, [number], 1))


@given(st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0, -1.0]), st.floats(0.01, 1e3))
def test_small_powers_become_products(exponent: float, base: float) -> None:
    program = fold_constants(traced_program(lambda x: x**exponent, ["x"]))
    assert "**" not in program.counts()
    assert evaluated(program, [-base], 1)[0, 0] == pytest.approx((-base) ** exponent, rel=1e-15)


def test_conditions_chosen_by_conditions_vanish() -> None:
    program = optimise(traced_program(lambda x: where(x > 0.0, 1.0, 0.0) * x, ["x"]))
    assert set(program.counts()) == {">", "*"}


def test_products_of_the_chain_rule_lose_their_guard_where_the_factor_is_finite() -> None:
    def program(*operations: Operation) -> Program:
        count = 2 + 3 + len(operations)
        return Program(("a", "x"), (2.0, 0.0, math.inf), operations, (count - 1,))

    cases: list[tuple[bool, Program]] = [
        (False, program(Operation("·", (0, 2)))),
        (False, program(Operation("·", (2, 0)))),
        (False, program(Operation(">", (1, 3)), Operation("·", (0, 5)))),
        (True, program(Operation("·", (0, 1)))),
        (True, program(Operation("·", (0, 4)))),
        (True, program(Operation("·", (3, 1)))),
    ]
    for guarded, each in cases:
        assert ("·" in fold_constants(each).counts()) is guarded
        for numbers in itertools.product([0.0, 1.0, math.inf, math.nan], repeat=2):
            expected = evaluated(each, numbers, 1)
            actual = evaluated(fold_constants(each), numbers, 1)
            assert np.array_equal(actual, expected, equal_nan=True), (each, numbers)


# --- rows in primitive operations ----------------------------------------------------------------


@pytest.mark.parametrize("rule", TABLE, ids=lambda rule: rule.name)
def test_every_row_of_the_table_is_lowered(rule: Any) -> None:
    starred = sum(name.startswith("*") for name in rule.operands)
    count = len(rule.operands) + 2 * starred
    program = Program(
        tuple(f"x{i}" for i in range(count)),
        (),
        (Operation(rule.name, tuple(range(count))),),
        (count,),
    )
    assert set(optimise(program).counts()) <= set(PRIMITIVES)


def test_numbers_that_share_their_operands_are_computed_once() -> None:
    def f(*xs: Any) -> Any:
        shares = softmax(list(xs))
        return sum(share * share for share in shares)

    program = optimise(traced_program(f, ["a", "b", "c", "d"]))
    assert program.counts()["exp"] <= 5


# --- sums ----------------------------------------------------------------------------------------


def test_chains_of_additions_become_one_operation() -> None:
    names = [f"x{i}" for i in range(10)]
    assert fuse_sums(traced_program(lambda *xs: sum(xs[1:], xs[0]), names)).counts() == {"sum": 1}
    dots = traced_program(lambda *xs: sum((x * x for x in xs[1:]), xs[0] * xs[1]), names)
    assert fuse_sums(dots).counts() == {"dot": 1}

    def net(*xs: Any) -> Any:
        return sum((x * y for x, y in zip(xs[2:], xs[1:], strict=False)), xs[0] * xs[0]) + xs[3]

    assert fuse_sums(traced_program(net, names)).counts() == {"net": 1}


@given(
    st.sampled_from(["sum", "dot", "net", "+", "mixed"]),
    st.integers(1, 1200),
    st.integers(2, 40) | st.sampled_from([512, 1024, 2048]),
    st.integers(0, 10**6),
)
def test_parts_of_a_sum_hold_every_term_once(op: str, count: int, most: int, seed: int) -> None:
    # Of small integers sums are exact, in whatever order they are added up.
    slots = random.Random(seed).choices(range(5), k=2 * count + 1)
    numbers = [1.0, -2.0, 3.0, 50.0, -7.0]
    names = tuple("abcde")
    if op in ("+", "mixed"):

        def f(*xs: Any) -> Any:
            terms = [
                xs[slot] * xs[(slot + place) % 5] if op == "mixed" and place % 3 else xs[slot]
                for place, slot in enumerate(slots)
            ]
            return functools.reduce(operator.add, terms)

        program = traced_program(f, names)
    else:
        operands = slots[: {"sum": count, "dot": 2 * count, "net": 2 * count + 1}[op]]
        program = Program(names, (), (Operation(op, tuple(operands)),), (5,))
    parted = fuse_sums(program, most=most)
    assert by_arrays(parted, *numbers) == by_arrays(program, *numbers)
    longest = max([len(operands) for step, operands in parted.operations], default=0)
    assert longest <= 2 * most + 1
    if count <= most and op not in ("+", "mixed"):
        assert parted == program


@pytest.mark.no_cover
@pytest.mark.parametrize("op", ["sum", "dot", "net", "+"])
def test_the_error_of_a_sum_does_not_grow_with_its_terms(op: str) -> None:
    count, x = 100_000, 0.1
    if op == "+":
        program = traced_program(lambda x: functools.reduce(operator.add, [x] * count), ["x"])
        exact = count * Fraction(x)
    else:
        operands = (0,) * {"sum": count, "dot": 2 * count, "net": 2 * count + 1}[op]
        program = Program(("x",), (), (Operation(op, operands),), (1,))
        exact = count * (Fraction(x) if op == "sum" else Fraction(x) ** 2) + (
            op == "net"
        ) * Fraction(x)
    (value,) = by_arrays(fuse_sums(program, most=MANY_TERMS), x)
    assert value == pytest.approx(float(exact), rel=2e-14)
    (in_order,) = by_arrays(fuse_sums(program), x)
    assert abs(in_order - float(exact)) > 5e-13 * float(exact)


def test_what_is_read_elsewhere_is_not_gathered() -> None:
    def f(a: Any, b: Any, c: Any, d: Any) -> Any:
        partial = a + b + c
        return (partial + d) * partial

    program = fuse_sums(traced_program(f, ["a", "b", "c", "d"]), 3)
    assert program.counts() == {"sum": 1, "+": 1, "*": 1}
    assert evaluated(program, [1.0, 2.0, 3.0, 4.0], 1).tolist() == [[60.0]]


# --- the product of the chain rule ---------------------------------------------------------------

GUARDED = ["+", "-", "*", "neg", "abs", "·", "·"]


@given(case=cases(whole=False, functions=[*GUARDED, "/", "sqrt", "dot", "net", "sum"]))
def test_without_guards_outputs_without_a_nan_are_right(case: Case) -> None:
    program = drop_guards(case.program)
    if program is None:
        return
    assert "·" not in program.counts()
    expected, actual = run(case, case.program), run(case, program)
    for row in range(ROWS):
        if not np.isnan(actual[:, row]).any() and "/" not in program.counts():
            assert np.array_equal(actual[:, row], expected[:, row], equal_nan=True)


def test_guards_stay_where_a_nan_might_not_reach_an_output() -> None:
    product = Operation("·", (0, 1))

    def program(*operations: Operation, outputs: Sequence[int]) -> Program:
        return Program(("a", "x"), (), (product, *operations), tuple(outputs))

    for op in ("where", "<", "**", "%"):
        operands = (2, 0, 1) if op == "where" else (2, 0)
        assert drop_guards(program(Operation(op, operands), outputs=[3])) is None
    assert drop_guards(program(Operation("+", (0, 1)), outputs=[3])) is None  # it is dead
    assert (
        drop_guards(Program(("a",), (), (Operation("+", (0, 0)),), (1,))) is None
    )  # there is none
    assert drop_guards(program(Operation("tanh", (2,)), outputs=[3])) is not None
    assert drop_guards(program(outputs=[2])) is not None


# --- derivatives ---------------------------------------------------------------------------------


@settings(max_examples=60)
@given(programs())
def test_the_adjoint_of_a_program_is_the_gradient(drawn: Drawn) -> None:
    count = len(drawn.inputs)
    program = adjoint(traced_program(drawn, [f"x{i}" for i in range(count)]))
    assert program.inputs[count:] == ("adjoint of output 0",)
    value, *adjoints = by_arrays(optimise(program), *drawn.inputs, 2.0)
    leaves = [Value(number) for number in drawn.inputs]
    result = drawn(*leaves)
    result.backward()
    assert value == pytest.approx(result.data, rel=1e-11, abs=1e-11)
    scale = 1.0 + max(abs(leaf.grad) for leaf in leaves)
    expected = [2.0 * leaf.grad for leaf in leaves]
    assert adjoints == pytest.approx(expected, rel=1e-9, abs=1e-11 * scale)


def test_the_adjoint_of_several_outputs_adds_up() -> None:
    program = Program(("x", "y"), (), (Operation("*", (0, 1)), Operation("sin", (0,))), (2, 3, 0))
    outputs = by_arrays(optimise(adjoint(program)), 2.0, 3.0, 10.0, 100.0, 1000.0)
    expected = [6.0, math.sin(2.0), 2.0, 30.0 + 100.0 * math.cos(2.0) + 1000.0, 20.0]
    assert outputs == pytest.approx(expected, rel=1e-15)


def test_the_adjoint_of_what_does_not_depend_on_an_input_is_zero() -> None:
    program = adjoint(Program(("x", "y"), (2.0,), (Operation("*", (0, 2)),), (3,)))
    assert by_arrays(optimise(program), 5.0, 7.0, 1.0) == [10.0, 2.0, 0.0]


def test_an_adjoint_can_be_taken_of_an_adjoint() -> None:
    first = adjoint(traced_program(lambda x: x**3.0, ["x"]))
    only_slope = Program(first.inputs, first.constants, first.operations, first.outputs[1:])
    second = optimise(adjoint(only_slope))
    slope, by_x, by_seed = by_arrays(second, 2.0, 1.0, 1.0)
    assert (slope, by_x, by_seed) == pytest.approx((12.0, 12.0, 12.0))


def test_a_zero_adjoint_contributes_nothing() -> None:
    program = optimise(adjoint(traced_program(lambda x: where(x > 0.0, sqrt(x), 0.0), ["x"])))
    assert by_arrays(program, 0.0, 1.0) == [0.0, 0.0]
    assert by_arrays(program, 4.0, 1.0) == [2.0, 0.25]


@pytest.mark.parametrize("transform", [grad, hessian])
def test_derivatives_of_the_transforms_are_kept_by_all_passes(transform: Any) -> None:
    def f(x: Any) -> Any:
        return exp(-x * x) * sqrt(1.0 + x * x)

    derivative = transform(f)
    program = fuse_sums(optimise(traced_program(derivative, ["x"])))
    for x in (-1.5, 0.0, 0.3):
        assert by_arrays(program, x) == pytest.approx([derivative(x)], rel=1e-13, abs=1e-15)


# --- depth ---------------------------------------------------------------------------------------

DEPTH = 1_200  # more than Python lets a function recurse


def additions(x: Any) -> Any:
    y = x
    for _ in range(DEPTH):
        y = y + x
    return y


def additions_from_the_left(x: Any) -> Any:
    y = x
    for _ in range(DEPTH):
        y = x + y
    return y


def products(x: Any) -> Any:
    y = x
    for _ in range(DEPTH):
        y = y * x
    return y


def mixed(x: Any) -> Any:
    y = x
    for step in range(DEPTH // 4):
        y = (y * 0.5 + x) - (-y) / 3.0 if step % 3 else abs(y) + x * y
    return y


@pytest.mark.no_cover
@pytest.mark.parametrize("f", [additions, additions_from_the_left, products, mixed])
def test_no_pass_recurses(f: Any) -> None:
    traced = traced_program(f, ["x"])
    number = 0.99
    expected = by_arrays(traced, number)
    program = fuse_sums(optimise(traced))
    assert by_arrays(program, number) == expected
    both = adjoint(traced)
    value, slope = by_arrays(fuse_sums(optimise(both)), number, 1.0)
    assert [value] == expected
    leaf = Value(number)
    f(leaf).backward()
    assert slope == pytest.approx(leaf.grad, rel=1e-9)
    plain = drop_guards(optimise(both))
    assert plain is None or "·" not in plain.counts()


def test_a_chain_of_additions_is_one_sum() -> None:
    assert fuse_sums(traced_program(additions, ["x"])).counts() == {"sum": 1}


# --- functions of users --------------------------------------------------------------------------


@pytest.mark.usefixtures("table")
def test_functions_of_users_are_written_out_by_their_evaluation() -> None:
    soft = custom_function(
        "soft_step", lambda x: 1.0 / (1.0 + exp(-x)), lambda m, y, x: (y * (1.0 - y),)
    )
    program = lower(traced_program(lambda x: soft(2.0 * x), ["x"]))
    assert "soft_step" not in program.counts()
    assert by_arrays(program, 0.3) == pytest.approx([soft(0.6)], rel=1e-15)
    slope = optimise(traced_program(grad(soft), ["x"]))
    assert by_arrays(slope, 0.3) == pytest.approx([grad(soft)(0.3)], rel=1e-14)


@pytest.mark.usefixtures("table")
def test_a_function_that_cannot_be_traced_is_named() -> None:
    branching = custom_function(
        "branching", lambda x: x if x > 0.0 else 0.0, lambda m, y, x: (1.0,)
    )
    assert branching(2.0) == 2.0
    program = Program(("x",), (), (Operation("branching", (0,)),), (1,))
    with pytest.raises(TracingError, match="branching cannot be compiled"):
        lower(program)


def test_the_oracle_of_these_tests_knows_no_function_that_the_library_does_not() -> None:
    assert FUNCTIONS.keys() <= PRIMITIVES.keys()
