"""Machine code: made once, loaded anywhere on this machine, and called."""

from __future__ import annotations

import dataclasses
import math
import pickle
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pytest

from autograd import compile, exp, net, relu, square, sum, tanh, value_and_grad
from autograd.compiler.backends.arrays import every_row
from autograd.compiler.backends.contract import Plan
from autograd.compiler.backends.llvm import backend
from autograd.compiler.backends.llvm.backend import Code, MachineKernel, code_of, compiled
from autograd.compiler.backends.llvm.target import Target, host
from autograd.compiler.cache import keep
from autograd.compiler.layout import Group, Layout
from autograd.compiler.passes import adjoint, fuse_sums
from autograd.compiler.pipeline import optimise
from autograd.compiler.primitives import PRIMITIVES
from autograd.compiler.program import Operation, Program
from autograd.compiler.trace import traced_program
from autograd.rules import RULES
from tests.table import SAMPLES

pytest.importorskip("llvmlite")

PRODUCT = Program(("x", "y"), (2.0,), (Operation("*", (0, 1)), Operation("-", (3, 2))), (3, 4))
ROWS = Layout((Group(2, True),), True)
ONE = Layout((Group(2, False),), False)


EVERY_ROW, REDUCED = Plan(PRODUCT, ROWS), Plan(PRODUCT, ROWS, reduces=True)


def made(plan: Plan) -> Code:
    return compiled(plan, host())


def loaded(plan: Plan) -> MachineKernel:
    return MachineKernel(made(plan))


def results(kernel: MachineKernel, array: Any, first: int = 0, rows: int | None = None) -> Any:
    rows = len(array) if rows is None else rows
    block = kernel.code.rows
    out = np.full((kernel.code.outputs, -(-(first + rows) // block) * block + block), -1.0)
    kernel.run([array], first, rows, out)
    return out


def test_code_is_plain_data() -> None:
    code = made(EVERY_ROW)
    again = pickle.loads(pickle.dumps(code))
    assert again == code
    assert (code.outputs, code.batched, code.reduces, code.widths) == (2, True, False, (2,))
    assert code.constants == (2.0,)
    assert code.cost == 2
    pairs = np.array([[2.0, 3.0], [4.0, 5.0]])
    assert results(MachineKernel(again), pairs)[:, :2].tolist() == [[6.0, 20.0], [4.0, 18.0]]


def test_the_same_program_has_the_same_code() -> None:
    first = made(REDUCED)
    assert made(REDUCED).objects == first.objects


# --- machine code that is kept -------------------------------------------------------------------

CASES = {
    "as it is": REDUCED,
    "exact": Plan(PRODUCT, ROWS, reduces=True, exact=True),
    "every row": EVERY_ROW,
    "another output": Plan(dataclasses.replace(PRODUCT, outputs=(2,)), ROWS, reduces=True),
    "another layout": Plan(PRODUCT, Layout((Group(1, True), Group(1, True)), True), reduces=True),
    "one row": Plan(PRODUCT, ONE),
    **{
        f"constant {number!r}": Plan(
            Program(("x",), (number,), (Operation("*", (0, 1)),), (2,)), ROWS, reduces=True
        )
        for number in (0.0, -0.0, 1.0, math.inf, math.nan)
    },
    "another operation": Plan(
        Program(("x",), (1.0,), (Operation("+", (0, 1)),), (2,)), ROWS, reduces=True
    ),
}
OF_PRODUCT = [plan for plan in CASES.values() if len(plan.program.inputs) == 2]


def test_what_code_depends_on_is_in_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {name: backend._key(plan, host()) for name, plan in CASES.items()}
    assert len(set(keys.values())) == len(keys)
    plan, key = CASES["as it is"], keys["as it is"]
    renamed = dataclasses.replace(PRODUCT, inputs=tuple(f"y{i}" for i in range(2)))
    renamed_plan = dataclasses.replace(plan, program=renamed)
    assert backend._key(renamed_plan, host()) == backend._key(plan, host()) == key
    for field in dataclasses.fields(Target):
        other: Any = {field.name: "another" if field.type == "str" else 1}
        assert backend._key(plan, dataclasses.replace(host(), **other)) != key, field
    monkeypatch.setattr(backend, "_sources", lambda: "another version")
    assert backend._key(plan, host()) != key


def test_code_that_is_kept_is_the_code_that_was_made(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOGRAD_CACHE", str(tmp_path))
    first = [code_of(plan, host()) for plan in OF_PRODUCT]
    assert first == [*map(made, OF_PRODUCT)]
    monkeypatch.setattr(backend, "compiled", None)
    found = [code_of(plan, host()) for plan in OF_PRODUCT]
    assert found == first
    for code, again in zip(first, found, strict=True):
        assert [*map(type, dataclasses.astuple(code))] == [*map(type, dataclasses.astuple(again))]


@pytest.mark.parametrize("content", [b"", b"{}", b"{}\n", b"[]\nx", b'{"sizes": 3}\n', b"\xff\n"])
def test_what_is_kept_and_is_no_code_is_made_again(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setenv("AUTOGRAD_CACHE", str(tmp_path))
    keep(backend._key(REDUCED, host()), content)
    assert code_of(REDUCED, host()) == made(REDUCED)
    monkeypatch.setattr(backend, "compiled", None)
    assert code_of(REDUCED, host()).outputs == len(PRODUCT.outputs)


# --- running it ----------------------------------------------------------------------------------


def test_code_for_another_machine_is_refused() -> None:
    code = made(Plan(PRODUCT, ONE))
    with pytest.raises(ValueError, match="made for another machine: a toaster"):
        MachineKernel(dataclasses.replace(code, machine="a toaster"))
    assert code.machine == host().machine
    assert "LLVM" in host().machine


def test_a_range_of_rows_is_computed_in_its_place() -> None:
    kernel = loaded(EVERY_ROW)
    block = kernel.code.rows
    pairs = np.random.default_rng(0).normal(size=(5 * block, 2))
    out = results(kernel, pairs, 2 * block, block)
    products = pairs[:, 0] * pairs[:, 1]
    assert out[0, 2 * block : 3 * block].tolist() == products[2 * block : 3 * block].tolist()
    assert (out[:, : 2 * block] == -1.0).all()
    assert (out[:, 3 * block :] == -1.0).all()


def test_sums_are_divided() -> None:
    kernel = loaded(REDUCED)
    out = np.empty(2)
    kernel.run([np.full((10, 2), 3.0)], 0, 10, out, 4.0)
    assert out.tolist() == [22.5, 17.5]
    kernel.run([np.zeros((0, 2))], 0, 0, out, 1.0)
    assert out.tolist() == [0.0, 0.0]


def test_read_only_and_empty_arrays_are_read() -> None:
    kernel = loaded(EVERY_ROW)
    pairs = np.array([[2.0, 3.0]])
    pairs.flags.writeable = False
    assert results(kernel, pairs)[0, 0] == 6.0
    results(kernel, np.zeros((0, 2)))


def test_a_kernel_is_called_by_many_threads_at_once() -> None:
    kernel = loaded(REDUCED)
    barrier = threading.Barrier(8)

    def run(number: int) -> bool:
        pairs = np.full((1001, 2), float(number))
        out = np.empty(2)
        barrier.wait()
        for _ in range(50):
            kernel.run([pairs], 0, 1001, out)
            if out[0] != 1001.0 * number * number:
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(run, range(8)))


@pytest.mark.parametrize("op", ["lgamma", "digamma", "polygamma"])
def test_what_python_evaluates_is_called_back(op: str) -> None:
    operands = (0, 1) if op == "polygamma" else (1,)
    program = Program(("n", "x"), (), (Operation(op, operands),), (2,))
    kernel = loaded(Plan(program, ROWS))
    pairs = np.array([[1.0, x] for x in (0.5, 1.0, 2.0, 7.5, -0.5, 0.0, -1.0, math.inf, math.nan)])
    with np.errstate(all="ignore"):
        expected = PRIMITIVES[op].on_arrays(*[pairs[:, operand] for operand in operands])
    assert np.array_equal(results(kernel, pairs)[0, : len(pairs)], expected, equal_nan=True)


@pytest.mark.no_cover
@pytest.mark.parametrize("lanes", [1, 4])
def test_every_primitive_has_machine_code(lanes: int) -> None:
    """Each is an output of one program, which is compiled once, and has inputs of its own."""
    generator = np.random.default_rng(0)
    operations: list[Operation] = []
    columns: list[Any] = []
    expected: dict[str, Any] = {}
    for op, primitive in sorted(PRIMITIVES.items()):
        called = RULES[op] if primitive.by_python else None
        count = primitive.arity or 2 * primitive.sequences + primitive.has_bias
        X = generator.uniform(0.1, 0.9, size=(11, count))
        for position, name in enumerate(called.operands if called else ()):
            if called and name in called.fixed:
                X[:, position] = SAMPLES[op][position]
        if op == "arccosh":
            X += 1.0
        operations.append(Operation(op, tuple(range(len(columns), len(columns) + count))))
        columns += [*X.T]
        with np.errstate(all="ignore"):
            expected[op] = primitive.on_arrays(*X.T) * np.ones(11)
    inputs = len(columns)
    program = Program(
        tuple(f"x{i}" for i in range(inputs)),
        (),
        tuple(operations),
        tuple(range(inputs, inputs + len(operations))),
    )
    target = dataclasses.replace(host(), lanes=lanes)
    plan = Plan(program, Layout((Group(inputs, True),), True), exact=True)
    found = results(MachineKernel(compiled(plan, target)), np.array(columns).T.copy())
    for (op, numbers), of_op in zip(expected.items(), found, strict=True):
        assert of_op[:11] == pytest.approx(numbers, rel=1e-14, abs=1e-16), op


@pytest.mark.no_cover
def test_a_call_in_the_middle_of_a_call_has_memory_of_its_own() -> None:
    step = compile(value_and_grad(lambda x, y: (x[0] * y - x[1]) ** 2), (None, 0), "mean")
    x, rows = np.array([1.0, 2.0]), np.arange(64.0)
    expected = step(x, rows)[0]
    wrong = []

    busy: list[bool] = []

    def interrupt(*_: Any) -> None:
        if busy:  # where a call takes longer than the timer, handlers would nest without end
            return
        busy.append(True)
        if step(2.0 * x, rows)[0] == expected:
            wrong.append("inner")
        busy.clear()

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 1e-4, 1e-4)
    try:
        wrong += ["outer" for _ in range(20_000) if step(x, rows)[0] != expected]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert wrong == []


# --- other machines ------------------------------------------------------------------------------


HIDDEN = 16


@cache
def network() -> Program:
    """Value and gradient of a network that is straight-line code and, in part, loops."""

    def cost(w: Any, x: Any) -> Any:
        hidden = [tanh(net(w[4 * i : 4 * i + 3], x, w[4 * i + 3])) for i in range(HIDDEN)]
        return square(relu(sum(hidden) - 1.0)) + exp(-abs(x[0]))

    names = [*(f"w{i}" for i in range(4 * HIDDEN)), "x0", "x1", "x2"]
    traced = traced_program(lambda *xs: cost(list(xs[: 4 * HIDDEN]), list(xs[4 * HIDDEN :])), names)
    return fuse_sums(optimise(adjoint(traced)))


NETWORK = Layout((Group(4 * HIDDEN, False), Group(4, True)), True)


@pytest.mark.no_cover
@pytest.mark.parametrize("cost", [0, 10**9])
@pytest.mark.parametrize(
    ("cpu", "features", "lanes"),
    [
        ("x86-64", "", 2),
        ("nehalem", "", 2),
        ("sandybridge", "", 4),
        ("haswell", "", 4),
        ("skylake-avx512", "", 8),
    ],
)
def test_processors_of_every_width_compute_the_same(
    cpu: str, features: str, lanes: int, cost: int
) -> None:
    if host().lanes < lanes:
        pytest.skip(f"this processor has no vectors of {lanes}")
    program = network()
    generator = np.random.default_rng(0)
    arrays = [generator.normal(size=4 * HIDDEN), generator.normal(size=(37, 4))]
    expected = every_row(program, NETWORK, arrays, 37).sum(axis=1)
    target = dataclasses.replace(
        host(), processor=cpu, features=features, lanes=lanes, straight_cost=cost
    )
    code = compiled(Plan(program, NETWORK, reduces=True), target)
    kernel = MachineKernel(dataclasses.replace(code, machine=host().machine))
    found = np.empty(len(program.outputs))
    kernel.run(arrays, 0, 37, found)
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.no_cover
@pytest.mark.parametrize("cost", [0, 10**9])
@pytest.mark.parametrize(
    ("triple", "cpu", "magic"),
    [
        ("aarch64-unknown-linux-gnu", "generic", b"\x7fELF"),
        ("arm64-apple-macosx", "apple-m1", b"\xcf\xfa\xed\xfe"),
        ("x86_64-pc-windows-msvc", "haswell", b"\x64\x86"),
        ("x86_64-apple-macosx", "haswell", b"\xcf\xfa\xed\xfe"),
    ],
)
def test_code_is_made_for_other_systems(triple: str, cpu: str, magic: bytes, cost: int) -> None:
    from llvmlite import binding

    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    lanes = 2 if triple.startswith("a") else 4
    target = Target(triple, cpu, "", "", lanes, straight_cost=cost)
    code = compiled(Plan(network(), NETWORK, reduces=True), target)
    assert code.machine == target.machine
    assert all(content.startswith(magic) for content in code.objects)
