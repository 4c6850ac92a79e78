"""Traces: what a function records becomes a program that computes the same."""

from __future__ import annotations

import contextlib
import gc
import itertools
import math
import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, compile, dot, exp, grad, logsumexp, no_grad, sin, where
from autograd.compiler import trace
from autograd.compiler.program import Operation
from autograd.compiler.trace import (
    call_traced,
    collector_paused,
    difference,
    program_of,
    traced_program,
)
from autograd.helper_rules import MEETS
from autograd.rule import VALUES
from autograd.rules import RULES
from autograd.testing.programs import RandomProgram as Drawn
from autograd.testing.programs import programs
from autograd.traced import traced
from autograd.tracing import UNKNOWN, TracingError


def by_the_table(program: Any, *inputs: float) -> list[float]:
    """Evaluate a program of rows of the table, one operation after another, on floats."""
    numbers = [*inputs, *program.constants]
    for op, operands in program.operations:
        numbers.append(RULES[op].evaluate(*[numbers[slot] for slot in operands]))
    return [numbers[slot] for slot in program.outputs]


@given(programs())
def test_a_trace_computes_what_the_function_does_to_the_last_bit(drawn: Drawn) -> None:
    names = [f"x{i}" for i in range(len(drawn.inputs))]
    traced_again = traced_program(drawn, names)
    assert by_the_table(traced_again, *drawn.inputs) == [drawn(*drawn.inputs)]
    assert traced_again.inputs == tuple(names)


@given(programs())
def test_programs_are_in_order_and_plain_data(drawn: Drawn) -> None:
    program = traced_program(drawn, [f"x{i}" for i in range(len(drawn.inputs))])
    for slot, (op, operands) in enumerate(program.operations, program.first_result):
        assert op in RULES
        assert all(0 <= operand < slot for operand in operands)
    assert pickle.loads(pickle.dumps(program)) == program
    assert len(set(map(str, program.constants))) == len(program.constants)


@given(programs(functions=["+", "-", "*", "/", "sin", "exp", "tanh", "dot", "linear"]))
def test_a_gradient_is_traced_as_any_function(drawn: Drawn) -> None:
    names = [f"x{i}" for i in range(len(drawn.inputs))]
    slope = grad(drawn, argnums=0)
    actual = by_the_table(traced_program(slope, names), *drawn.inputs)
    expected = slope(*drawn.inputs)
    assert actual == pytest.approx([expected], rel=1e-12, abs=1e-12)


def test_a_traced_leaf_is_unknown_and_named() -> None:
    leaf = traced("weight")
    assert leaf.data is UNKNOWN
    assert leaf.label == "weight"
    assert traced_program(lambda x: x, ["speed"]).inputs == ("speed",)


def test_leaves_without_a_name_are_numbered() -> None:
    x, y = traced(), traced()
    assert program_of([x * y], [x, y]).inputs == ("x0", "x1")


def test_zeros_of_both_signs_are_two_constants_and_nans_are_one() -> None:
    nan = float("nan")
    program = traced_program(
        lambda x: [x + 0.0, x * nan][0] - 0.0 + nan * x + (-0.0) * x + nan, ["x"]
    )
    assert sorted(map(repr, program.constants)) == ["-0.0", "0.0", "nan"]


def test_what_the_function_makes_of_plain_numbers_is_a_constant() -> None:
    program = traced_program(lambda x: x * (sin(Value(1.0)) * 2.0), ["x"])
    assert program.constants == (math.sin(1.0) * 2.0,)
    assert program.operations == (Operation("*", (0, 1)),)


def test_a_value_from_outside_is_an_input_whatever_it_was_made_of() -> None:
    known = sin(Value(1.0)) * 2.0
    program = traced_program(lambda x: x * known + x, ["x"])
    assert program.inputs == ("x", "x1")
    assert program.constants == ()


def test_outputs_may_be_numbers_inputs_and_one_another() -> None:
    x = traced("x")
    y = exp(x)
    program = program_of([y, 3.0, x, y, 1, Value(2.0)], [x])
    assert [by_the_table(program, 0.0)] == [[1.0, 3.0, 0.0, 1.0, 1.0, 2.0]]
    assert program.outputs[0] == program.outputs[3]


def test_products_with_plain_numbers_are_one_operation() -> None:
    program = traced_program(lambda x, y: dot([2.0, 3.0], [x, y]), ["x", "y"])
    assert [op for op, _ in program.operations] == ["dot"]
    assert program.constants == (2.0, 3.0)
    assert by_the_table(program, 5.0, 7.0) == [31.0]


def test_linked_nodes_are_what_they_stand_for() -> None:
    program = traced_program(grad(lambda x: x * x), ["x"])
    assert set(program.counts()) == {"+"}


def test_comparisons_are_operations() -> None:
    program = traced_program(lambda x: where((x > 0.0) & (x < 1.0), x, -x), ["x"])
    assert set(program.counts()) == {">", "<", "where", "neg"}
    assert by_the_table(program, 0.5) == [0.5]
    assert by_the_table(program, 2.0) == [-2.0]


def test_a_leaf_of_another_trace_is_refused() -> None:
    leaked: list[Value] = []

    def leak(x: Any) -> Any:
        leaked.append(x)
        return x * 2.0

    traced_program(leak, ["x"])
    with pytest.raises(TracingError, match="is not an input of this program"):
        traced_program(lambda y: y * leaked[0], ["y"])
    with pytest.raises(TracingError, match="is not an input of this program"):
        traced_program(lambda y: y * (leaked[0] + 1.0), ["y"])


def test_what_was_computed_in_no_grad_is_refused() -> None:
    def f(x: Any) -> Any:
        with no_grad():
            y = x * x
        return y + x

    for function in (f, grad(lambda x: f(x) * x)):
        with pytest.raises(TracingError, match=r"within no_grad .* x.detach\(\)"):
            traced_program(function, ["x"])


def test_a_program_does_not_depend_on_other_threads_that_differentiate() -> None:
    def slope(x: Any) -> Any:
        return grad(lambda x: logsumexp([x, 2.0 * x, abs(x), exp(x)]))(x)

    together = threading.Barrier(2, timeout=30.0)

    def waits(x: Any) -> Any:
        together.wait()  # it is being differentiated
        together.wait()
        return x * x

    alone = str(traced_program(slope, ["x"]))
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(grad(waits), 3.0)
        together.wait()
        beside = str(traced_program(slope, ["x"]))
        together.wait()
        assert other.result() == 6.0
    assert beside == alone


def test_no_grad_around_a_trace_does_not_matter() -> None:
    with no_grad():
        program = traced_program(lambda x: x * x, ["x"])
    assert len(program) == 1


def test_derivatives_taken_inside_stay_connected() -> None:
    x = traced("x")
    inner = call_traced(lambda x: grad(lambda y: x * y * y)(3.0), [x], x).result
    assert by_the_table(program_of([inner], [x]), 5.0) == [30.0]


@pytest.fixture(params=[True, False], ids=["enabled", "disabled"])
def enabled(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Whether the garbage collector is on when a test begins."""
    before = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if before else gc.disable)()


def test_the_collector_rests_while_a_function_is_compiled_and_is_then_as_it_was(
    enabled: bool,
) -> None:
    seen = []

    def f(x: Any) -> Any:
        seen.append(gc.isenabled())
        return x * x

    for _ in range(2):  # what one block leaves behind is what the next finds
        assert compile(f, backend="numpy")(3.0) == 9.0
        assert gc.isenabled() == enabled
    assert not any(seen)


def test_the_collector_is_as_it_was_after_an_exception(enabled: bool) -> None:
    with pytest.raises(ZeroDivisionError):
        compile(lambda x: x / 0 * (1 // 0), backend="numpy")(3.0)
    assert gc.isenabled() == enabled


def test_the_last_block_that_ends_starts_the_collector(enabled: bool) -> None:
    first, second = collector_paused(), collector_paused()
    for begin in (first, second):
        begin.__enter__()
        assert not gc.isenabled()
    first.__exit__(None, None, None)  # as threads may, in the order of their beginning
    assert not gc.isenabled()
    second.__exit__(None, None, None)
    assert gc.isenabled() == enabled


def test_in_a_forked_process_blocks_of_this_thread_alone_are_open(
    enabled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for blocks in range(3):
        with contextlib.ExitStack() as stack:
            for _ in range(blocks):
                stack.enter_context(collector_paused())
            with monkeypatch.context() as patch:
                # A block of another thread, which does not exist in the child.
                patch.setattr(trace, "_lock", threading.Lock())
                patch.setattr(trace, "_paused", blocks + 1)
                patch.setattr(trace, "_was_enabled", enabled)
                gc.disable()
                trace._forked()
                assert trace._paused == blocks
                assert gc.isenabled() == (enabled and not blocks)
        assert trace._paused == 0
        assert gc.isenabled() == enabled


def test_meeting_is_two_comparisons() -> None:
    x, y = traced("x"), traced("y")
    node = getattr(VALUES, MEETS)(x, y)
    program = program_of([node], [x, y])
    assert set(program.counts()) == {"<", ">", "where"}
    numbers = [-1.0, 0.0, 2.0, math.inf, math.nan]
    for a, b in itertools.product(numbers, repeat=2):
        assert by_the_table(program, a, b) == [float(not (a < b or a > b))]


def test_a_long_chain_is_traced_without_recursion() -> None:
    def chain(x: Any) -> Any:
        for _ in range(20_000):
            x = x * 1.0000001
        return x

    assert len(traced_program(chain, ["x"])) == 20_000


# --- one function traced twice -------------------------------------------------------------------

CONSTANTS = st.sampled_from([1.0, 2.0, 0.1, math.inf, math.nan])


@given(first=CONSTANTS, second=CONSTANTS)
def test_other_numbers_are_a_difference_and_nan_is_the_same_as_nan(
    first: float, second: float
) -> None:
    x = traced("x")
    is_same = first == second or (math.isnan(first) and math.isnan(second))
    told = f"is given {first!r} at first, and then {second!r}"
    found = difference(program_of([x + first], [x]), program_of([x + second], [x]))
    assert found == ("" if is_same else f"'+' {told}")
    found = difference(program_of([first], [x]), program_of([second], [x]))
    assert found == ("" if is_same else f"it returns {first!r} at first, and then {second!r}")


@given(drawn=programs())
def test_a_function_of_its_arguments_alone_is_the_same_each_time(drawn: Drawn) -> None:
    names = [f"x{place}" for place in range(len(drawn.inputs))]
    assert not difference(traced_program(drawn, names), traced_program(drawn, names))


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (lambda x, y: x + y, lambda x, y: x * y, "'+' at first, and then '*'"),
        (lambda x, y: x - y, lambda x, y: y - x, "'-' is given other operands"),
        (lambda x, y: x - y, lambda x, y: x - 1.0, "'-' is given other operands"),
        (lambda x, y: x - 1.0, lambda x, y: x - y, "'-' is given other operands"),
        (lambda x, y: dot([x], [y]), lambda x, y: dot([x, y], [y, x]), "'dot' at first, and then"),
        (lambda x, y: sin(x), lambda x, y: exp(sin(x)), "'exp' is in only one of them"),
        (lambda x, y: exp(sin(x)), lambda x, y: sin(x), "'exp' is in only one of them"),
        (lambda x, y: x, lambda x, y: y, "it returns other results"),
        (lambda x, y: x, lambda x, y: 3.0, "it returns "),
    ],
)
def test_a_difference_is_told(first: Any, second: Any, told: str) -> None:
    assert told in difference(traced_program(first, ["x", "y"]), traced_program(second, ["x", "y"]))


def test_values_from_outside_are_told_apart() -> None:
    x, y = traced("x"), traced("y")
    found = difference(program_of([x], [x]), program_of([x], [x, y]))
    assert found == "it reads other Values from outside"
