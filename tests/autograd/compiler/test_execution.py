"""Executors: any program, in any pieces, for any number of rows, by both backends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd.compiler import execution
from autograd.compiler.backends import BACKENDS, best_backend
from autograd.compiler.backends.arrays import every_row
from autograd.compiler.execution import Executor, Options, processors, reduced_constants
from autograd.compiler.layout import Group, Layout
from autograd.compiler.program import Operation, Program
from tests.programs import Case, cases, same_bits

ROWS = [0, 1, 2, 5, 17]


def numpy_executor(case: Case, reduce: Any = None, exact: bool = True) -> Executor:
    return Executor(case.program, case.layout, Options(reduce, exact, 1, "numpy"))


# --- by NumPy ------------------------------------------------------------------------------------


@given(case=cases(whole=False, batched=True), rows=st.sampled_from(ROWS))
def test_numpy_gives_every_row(case: Case, rows: int) -> None:
    arrays = case.arrays(rows)
    expected = case.expected(arrays, rows)
    for actual in (
        numpy_executor(case)(arrays, rows),
        every_row(case.program, case.layout, arrays, rows),
    ):
        assert np.array_equal(actual, expected, equal_nan=True)


@given(case=cases(whole=False, batched=False))
def test_numpy_gives_one_row(case: Case) -> None:
    arrays = case.arrays(1)
    expected = case.expected(arrays, 1)[:, 0]
    assert np.array_equal(numpy_executor(case)(arrays, 1), expected, equal_nan=True)


@given(
    case=cases(batched=True),
    rows=st.sampled_from(ROWS),
    reduce=st.sampled_from(["sum", "mean"]),
    exact=st.booleans(),
)
def test_numpy_adds_up_rows(case: Case, rows: int, reduce: Any, exact: bool) -> None:
    arrays = case.arrays(rows)
    total = case.expected(arrays, rows).sum(axis=1)
    with np.errstate(invalid="ignore"):
        expected = total / rows if reduce == "mean" else total
    actual = numpy_executor(case, reduce, exact)(arrays, rows)
    assert np.array_equal(actual, expected, equal_nan=True)


def test_exact_sums_are_rounded_once() -> None:
    program = Program(("x",), (), (Operation("neg", (0,)),), (1,))
    layout = Layout((Group(1, True),), True)
    column = np.array([[1e16], [1.0], [-1e16], [1.0]] * 100)
    for backend in ("numpy", best_backend()):
        total = Executor(program, layout, Options("sum", True, 1, backend))([column], len(column))
        assert total.tolist() == [-200.0]


@pytest.mark.parametrize("exact", [False, True])
def test_sums_beyond_the_largest_float_are_infinite(exact: bool) -> None:
    program = Program(("x",), (), (Operation("neg", (0,)),), (1,))
    layout = Layout((Group(1, True),), True)
    for backend in ("numpy", best_backend()):
        executor = Executor(program, layout, Options("sum", exact, 1, backend))
        assert executor([np.full((8, 1), 1e308)], 8).tolist() == [-np.inf]


@pytest.mark.parametrize("reduce", ["sum", "mean"])
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
def test_the_error_of_a_sum_over_rows_does_not_grow_with_their_number(
    reduce: Any, exact: bool, threads: int
) -> None:
    program = Program(("x",), (), (Operation("neg", (0,)),), (1,))
    layout = Layout((Group(1, True),), True)
    for rows in (execution.MOST_ROWS + 1, 1_000_000):
        expected = -float(Fraction(0.1) * (rows if reduce == "sum" else 1))
        column = np.full((rows, 1), 0.1)
        for cost in (Options.chunk_cost, 10):
            for backend in ("numpy", best_backend()):
                options = Options(reduce, exact, threads, backend, chunk_cost=cost)
                executor = Executor(program, layout, options)
                assert executor([column], rows) == pytest.approx([expected], rel=1e-13)
                assert backend == "numpy" or exact or not executor.is_short(rows)


@pytest.mark.parametrize("op", ["sum", "dot", "net"])
def test_sums_of_many_terms_are_added_up_in_parts_unless_exact(op: str) -> None:
    count, x = 50_001, 0.1
    operands = (0,) * {"sum": count, "dot": 2 * count, "net": 2 * count + 1}[op]
    program = Program(("x",), (), (Operation(op, operands),), (1,))
    layout = Layout((Group(1, False),), False)
    each = Fraction(x) if op == "sum" else Fraction(x) ** 2
    expected = float(count * each + (op == "net") * Fraction(x))
    for backend in ("numpy", best_backend()):
        for exact in (False, True):
            executor = Executor(program, layout, Options(None, exact, 1, backend))
            (value,) = executor([np.array([x])], 1)
            if exact:
                (in_order,) = every_row(program, layout, [np.array([x])], 1)[:, 0]
                assert value == in_order
            else:
                assert value == pytest.approx(expected, rel=2e-14)


BACKENDS_HERE = [name for name, backend in BACKENDS.items() if not backend.missing()]
ORDERS: dict[str, Callable[[int, int], list[int]]] = {
    "as they lie": lambda count, width: [*range(count)],
    "each twice": lambda count, width: [i // 2 for i in range(count)],
    "anyhow": lambda count, width: [(i * i * 7 + i) % width for i in range(count)],
}
"""Which of so many inputs the terms are."""


COMPUTED = {"as they lie": "", "each twice": "all", "anyhow": "some"}
"""Which of the terms are computed, and not inputs."""


# Both operations take turns: each occurs with each number of terms, order and backend.
@pytest.mark.parametrize("backend", BACKENDS_HERE)
@pytest.mark.parametrize(
    ("op", "count", "order"),
    [
        (["max", "min"][(place + turn) % 2], count, order)
        for place, count in enumerate([1, 5, 70, 2100])
        for turn, order in enumerate(ORDERS)
    ],
)
def test_of_many_terms_the_first_of_the_largest_is_picked(
    backend: Any, op: str, count: int, order: str
) -> None:
    computed = COMPUTED[order]
    # -0.0 and 0.0 tell which of equals it is; some rows hold infinities, and nans.
    if backend == "c" or (backend == "llvm" and order == "anyhow"):
        count = min(count, 300)  # compilers take their time for a line of code for each term
    width, rows = count, 19
    taken = ORDERS[order](count, width)
    steps = [Operation("neg", (slot,)) for slot in range(width)] if computed else []
    half = count // 2 if computed == "some" else 0
    operands = [slot + (width if computed and i >= half else 0) for i, slot in enumerate(taken)]
    program = Program(
        tuple(f"x{i}" for i in range(width)),
        (),
        (*steps, Operation(op, tuple(operands))),
        (width + len(steps),),
    )
    generator = np.random.default_rng(count)
    array = generator.choice([0.0, -0.0, 1.0, -1.0], (rows, width))
    array[3:6] = np.where(generator.random((3, width)) < 0.5, 0.0, -0.0)
    array[6:10] = generator.choice([np.inf, -np.inf, 0.5], (4, width))
    array[10] = -np.inf if op == "max" else np.inf
    array[11:13, generator.integers(width, size=2)] = np.nan
    array[13:] = generator.normal(size=(6, width))
    for varies in (True, False):
        layout = Layout((Group(width, varies),), varies)
        executor = Executor(program, layout, Options(None, count % 2 == 0, 1, backend))
        for numbers in [array] if varies else [*array[4:13:2]]:
            number = rows if varies else 1
            (expected,) = Case(program, layout, False).expected([numbers], number)
            assert same_bits(np.ravel(executor([numbers], number)), expected)


def test_nothing_to_compute_has_shapes() -> None:
    layout = Layout((Group(1, True),), True)
    empty = Program(("x",), (), (), ())
    column = np.ones((3, 1))
    assert Executor(empty, layout, Options(None, False, 1, "numpy"))([column], 3).shape == (0, 3)
    assert Executor(empty, layout, Options("sum", False, 1, "numpy"))([column], 3).shape == (0,)


@pytest.mark.parametrize(
    ("reduce", "rows", "expected"),
    [("sum", 3, [6.0, -np.inf]), ("mean", 3, [2.0, -np.inf]), ("sum", 0, [0.0, 0.0])],
)
def test_constants_are_added_up_too(reduce: Any, rows: int, expected: list[float]) -> None:
    assert reduced_constants(np.array([2.0, -np.inf]), reduce, rows).tolist() == expected


def test_the_mean_of_no_constants_is_nan() -> None:
    assert np.isnan(reduced_constants(np.array([2.0]), "mean", 0)).all()


# --- guards --------------------------------------------------------------------------------------


@given(
    case=cases(
        whole=False, batched=True, functions=["·", "·", "+", "*", "neg", "dot", "where", "<"]
    ),
    backend=st.sampled_from(["numpy"]),
    reduce=st.sampled_from([None, "sum"]),
)
def test_a_zero_adjoint_contributes_nothing_with_or_without_a_second_run(
    case: Case, backend: Any, reduce: Any
) -> None:
    arrays = case.arrays(5)
    with np.errstate(invalid="ignore", over="ignore"):
        expected = case.expected(arrays, 5)
        actual = Executor(case.program, case.layout, Options(reduce, False, 1, backend))(arrays, 5)
        if reduce:
            expected = expected.sum(axis=1)
    assert np.array_equal(actual, expected, equal_nan=True)


def test_the_guarded_program_is_made_when_it_is_needed() -> None:
    product = Program(("a", "x"), (), (Operation("·", (0, 1)),), (2,))
    layout = Layout((Group(2, True),), True)
    executor = Executor(product, layout, Options(None, False, 1, best_backend()))
    assert executor([np.array([[2.0, 3.0]])], 1).tolist() == [[6.0]]
    assert [*executor._ready] == ["plain"]
    assert executor([np.array([[0.0, np.inf], [1.0, 2.0]])], 2).tolist() == [[0.0, 2.0]]
    assert [*executor._ready] == ["plain", "guarded"]
    assert np.isnan(executor([np.array([[np.nan, 1.0]])], 1)).all()


def test_the_guarded_program_is_made_once_by_many_threads() -> None:
    product = Program(("a", "x"), (), (Operation("·", (0, 1)),), (2,))
    layout = Layout((Group(2, True),), True)
    executor = Executor(product, layout, Options(None, False, 1, best_backend()))
    barrier = threading.Barrier(8)

    def call(number: int) -> Any:
        barrier.wait()
        return executor([np.array([[0.0, np.inf], [number, 2.0]])], 2).tolist()

    with ThreadPoolExecutor(8) as pool:
        assert [*pool.map(call, range(8))] == [[[0.0, 2.0 * number]] for number in range(8)]


# --- threads -------------------------------------------------------------------------------------


def test_chunks_cover_the_rows_once() -> None:
    pytest.importorskip("llvmlite")
    program = Program(("x",), (), (Operation("*", (0, 0)), Operation("neg", (0,))), (1, 2))
    layout = Layout((Group(1, True),), True)
    for rows in (0, 1, 24, 25, 26, 100, 799, 800, 801, 5000):
        column = np.arange(rows * 1.0).reshape(rows, 1)
        results: list[Any] = []
        for threads in (1, 2, 3):
            executor = Executor(
                program, layout, Options(None, False, threads, "llvm", chunk_cost=50)
            )
            results.append(executor([column], rows))
            kernel = executor._ready["guarded"]
            chunks = executor._chunks(kernel, rows)
            assert len(chunks) <= execution.MOST_CHUNKS + 1
            assert [start for start, _ in chunks] == [
                sum(count for _, count in chunks[:number]) for number in range(len(chunks))
            ]
            assert sum(count for _, count in chunks) == rows
        for result in results:
            assert same_bits(result, np.array([column[:, 0] ** 2, -column[:, 0]]))


def test_sums_have_the_same_bits_for_any_number_of_threads() -> None:
    pytest.importorskip("llvmlite")
    program = Program(("x", "y"), (), (Operation("*", (0, 1)), Operation("sqrt", (2,))), (2, 3))
    layout = Layout((Group(2, True),), True)
    rows = 3001
    pairs = np.abs(np.random.default_rng(0).normal(size=(rows, 2)))
    totals = [
        Executor(program, layout, Options("mean", False, threads, "llvm", chunk_cost=50))(
            [pairs], rows
        )
        for threads in (1, 2, 5)
    ]
    assert same_bits(totals[0], totals[1])
    assert same_bits(totals[0], totals[2])
    products = pairs[:, 0] * pairs[:, 1]
    assert totals[0] == pytest.approx([products.mean(), np.sqrt(products).mean()], rel=1e-13)


FORKED = """
import os, threading
import numpy as np
from autograd.compiler.execution import Executor, Options
from autograd.compiler.layout import Group, Layout
from autograd.compiler.program import Operation, Program

program = Program(("x",), (), (Operation("neg", (0,)),), (1,))
options = Options(None, False, 2, "llvm", chunk_cost=50)
executor = Executor(program, Layout((Group(1, True),), True), options)
column = np.ones((1000, 1))
executor([column], 1000)
child = os.fork()
if not child:
    worker = threading.Thread(target=executor, args=([column], 1000), daemon=True)
    worker.start()
    worker.join(20.0)
    os._exit(int(worker.is_alive()))
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process cannot be forked here")
def test_a_forked_process_has_threads_of_its_own() -> None:
    pytest.importorskip("llvmlite")
    # By itself: other tests may have started threads of other libraries, which do not survive it.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr


# --- what there is -------------------------------------------------------------------------------


def test_there_are_processors_and_a_backend() -> None:
    assert 1 <= processors() <= (os.cpu_count() or 1)
    assert best_backend() in ("llvm", "numpy")


def test_without_llvm_the_backend_is_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    assert best_backend() == "numpy"
    assert "llvmlite" in BACKENDS["llvm"].missing()


def test_processors_are_counted_where_affinity_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert processors.__wrapped__() == (os.cpu_count() or 1)


# --- LLVM ----------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    case=cases(),
    exact=st.booleans(),
    reduce=st.sampled_from([None, "sum", "mean"]),
    rows=st.sampled_from([*ROWS, 64, 65]),
)
def test_both_backends_agree(case: Case, exact: bool, reduce: Any, rows: int) -> None:
    pytest.importorskip("llvmlite")
    if not case.layout.batched:
        reduce, rows = None, 1
    arrays = case.arrays(rows)
    expected = numpy_executor(case, reduce, exact)(arrays, rows)
    executor = Executor(case.program, case.layout, Options(reduce, exact, 1, "llvm"))
    for _ in range(2):  # what a call leaves behind must not matter to the next
        assert np.array_equal(executor(arrays, rows), expected, equal_nan=True)
