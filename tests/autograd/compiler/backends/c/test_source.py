"""Programs as C: compiled by the system's compiler, and compared with the eager engine.

Each call of the compiler takes a while, so programs are put together into few files.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

pytest.importorskip("numpy")

import autograd.testing  # needs what is skipped for above
from autograd import Value, compile, special, tanh, value_and_grad, where
from autograd.compiler.backends.c import source
from autograd.compiler.passes import adjoint
from autograd.compiler.primitives import PRIMITIVES
from autograd.compiler.program import Operation, Program
from autograd.compiler.trace import program_of, traced_program
from autograd.formulary_special import SPECIAL
from autograd.rule import Rule
from autograd.rules import RULES
from autograd.traced import traced as traced_leaf
from nn import MLP, losses
from tests.autograd.drawing.graphs import textbook_model
from tests.table import NAMES, SAMPLES, call, operands

C99 = ["cc", "-std=c99"]
CPP = ["g++", "-x", "c++", "-std=c++17"]
STRICT = ["-pedantic", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-shared", "-fPIC"]
EDGES = (math.inf, -math.inf, math.nan, 0.0, -0.0, 1.0, -1.0, 1000.0, -1000.0)

ARITHMETIC = ("+", "-", "*", "/", "//", "%")
INTERNAL = ("<", "<=", "==", "!=", ">", ">=", "·")

Function = Callable[..., list[float]]


def built(
    folder: Path, programs: dict[str, Program], command: Sequence[str] = C99, level: str = "-O2"
) -> dict[str, Function]:
    """Compile programs to functions of floats; skip the test if there is no compiler.

    Continuous integration (which sets CI) must not pass without one: there the test fails.
    """
    if shutil.which(command[0]) is None:
        reason = f"there is no {command[0]}: apt-get install build-essential"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    source, library = folder / "programs.c", folder / "programs.so"
    source.write_text("\n".join(program.to_c(name) for name, program in programs.items()), "utf-8")
    build = [*command, *STRICT, level, str(source), "-o", str(library), "-lm"]
    completed = subprocess.run(build, capture_output=True, text=True, check=False)
    assert not completed.returncode, completed.stderr
    loaded = ctypes.CDLL(str(library))

    def function(name: str, program: Program) -> Function:
        results = (ctypes.c_double * len(program.outputs))()

        def run(*inputs: float) -> list[float]:
            assert len(inputs) == len(program.inputs)
            getattr(loaded, name)((ctypes.c_double * len(inputs))(*inputs), results)
            return list(results)

        return run

    return {name: function(name, program) for name, program in programs.items()}


def same(found: float, expected: float, tolerance: float = 1e-13, scale: float = 0.0) -> bool:
    if math.isnan(expected):
        return math.isnan(found)
    if not math.isfinite(expected):
        return found == expected
    return abs(found - expected) <= tolerance * max(abs(expected), scale) + 5e-324


def bits(x: float) -> str:
    return "nan" if math.isnan(x) else x.hex()


# --- rows of the table ---------------------------------------------------------------------------

Key = tuple[str, int]


class Rows(dict[Key, Function]):
    """The functions of rows, by name and number of operands."""

    __repr__ = object.__repr__  # in reports of failures


def arities(rule: Rule) -> Sequence[int]:
    if rule.name in ("dot", "net"):
        return range(rule.name == "net", 8, 2)
    return range(1, 5) if rule.of_sequence else [len(rule.operands)]


# What Python evaluates, the derivative included, and there is no C code for.
UNWRITTEN = [rule.name for rule in SPECIAL if rule.by_python] + ["log_ndtr"]
WRITTEN = [name for name in NAMES if name not in UNWRITTEN]


def row_program(name: str, arity: int) -> Program:
    """The row's value, and its gradient times one input more."""
    names = [f"x{place}" for place in range(arity)]
    if name not in INTERNAL:
        return adjoint(traced_program(lambda *xs: call(RULES[name], xs), names))
    operation = Operation(name, tuple(range(arity)))
    return Program(tuple(names), (), (operation,), (arity,))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    keys = [(name, arity) for name in WRITTEN for arity in arities(RULES[name])]
    keys += [(op, 2) for op in INTERNAL]
    programs = {f"f{i}": row_program(*key) for i, key in enumerate(keys)}
    functions = built(tmp_path_factory.mktemp("rows"), programs)
    return Rows(zip(keys, functions.values(), strict=True))


def scale(name: str, xs: Sequence[float]) -> float:
    """The size of the terms, which the rounding of a sum is relative to."""
    n = len(xs) // 2
    if name in ("dot", "net"):
        products = [x * y for x, y in zip(xs[:n], xs[n : 2 * n], strict=True)]
        return sum(map(abs, [*products, *xs[2 * n :]]))
    if name in ("sum", "mean"):
        return sum(map(abs, xs)) / (len(xs) if name == "mean" else 1)
    return 0.0


@pytest.mark.no_cover
@pytest.mark.parametrize("name", WRITTEN)
@settings(max_examples=settings().max_examples // 2)
@given(st.data())
def test_rows_have_the_numbers_of_the_engine(rows: Rows, name: str, data: st.DataObject) -> None:
    rule = RULES[name]
    xs = data.draw(operands(rule))
    value, *gradient = rows[name, len(xs)](*xs, 1.0)
    try:
        y = rule.evaluate(*xs)
    except (ArithmeticError, ValueError):
        return
    assert same(value, y, scale=scale(name, xs)), (xs, value, y)
    expected = rule.local_derivatives(y, *xs)
    assert all(map(same, gradient[:-1], expected)), (xs, gradient, expected)


@pytest.mark.parametrize("name", WRITTEN)
def test_rows_at_infinities_nans_and_zeros(rows: Rows, name: str) -> None:
    rule = RULES[name]
    arity = max(arities(rule)[:2])
    for xs in itertools.product(EDGES, repeat=min(arity, 2)):
        point = (*xs, 1.0, 2.0, 3.0)[:arity]
        value = rows[name, arity](*point, 1.0)[0]
        try:
            y = rule.evaluate(*point)
        except (ArithmeticError, ValueError):
            # Off its domain: an infinity or nan, unless it is a comparison of bounds that fails.
            assert not math.isfinite(value) or name == "clip", (point, value)
        else:
            assert same(value, y), (point, value, y)


def test_arithmetic_has_the_bits_of_python(rows: Rows) -> None:
    numbers = [*EDGES, 5.5, -5.5, 2.0, -3.0, 0.1, -0.3, 5e-324, 1e308, 7e22, -1e-300]
    for op in (*ARITHMETIC, *INTERNAL):
        seed = (1.0,) if op in ARITHMETIC else ()
        for x, y in itertools.product(numbers, repeat=2):
            if y or op not in ("/", "//", "%"):
                found = rows[op, 2](x, y, *seed)[0]
                assert bits(found) == bits(RULES[op].evaluate(x, y)), (op, x, y)
    for x in numbers:
        if not x < 0.0:
            assert bits(rows["sqrt", 1](x, 1.0)[0]) == bits(math.sqrt(x))


@given(st.floats(), st.floats())
def test_division_with_remainder_is_python_s(rows: Rows, x: float, y: float) -> None:
    if y != 0.0:
        assert bits(rows["%", 2](x, y, 1.0)[0]) == bits(x % y)
        assert bits(rows["//", 2](x, y, 1.0)[0]) == bits(x // y)


@pytest.mark.parametrize("order", [0, 1, 2, 5, 20, 100, 171, 400])
@given(st.floats(-30.0, 30.0) | st.floats(1e-5, 1e5))
def test_the_special_functions_are_as_accurate_as_those_of_the_engine(
    rows: Rows, order: int, x: float
) -> None:
    try:
        expected = special.polygamma(order, x)
    except (ArithmeticError, ValueError):
        return
    found = rows["polygamma", 2](float(order), x, 1.0)[0]
    assert same(found, expected, 4e-15 + 4e-16 * order)
    if order == 0:
        assert same(rows["lgamma", 1](x, 1.0)[0], special.lgamma(x), 4e-15, scale=1.0)


def test_the_order_of_polygamma_is_checked(rows: Rows) -> None:
    for order in (-1.0, 0.5, 1001.0, math.nan, math.inf):
        assert math.isnan(rows["polygamma", 2](order, 2.0, 1.0)[0])
    assert [rows["polygamma", 2](order, -0.25, 1.0)[0] for order in (200.0, 201.0)] == [
        math.inf, math.inf,
    ]  # fmt: skip


def test_every_primitive_operation_is_written() -> None:
    for op, primitive in PRIMITIVES.items():
        written = bool(primitive.c or primitive.library or primitive.sequences)
        assert written or op in UNWRITTEN, op
        assert not primitive.library or primitive.library in source.MATH


@pytest.mark.parametrize("name", UNWRITTEN)
def test_what_there_is_no_c_code_for_is_named(name: str) -> None:
    rule = RULES[name]
    xs = [float(x) for x in SAMPLES[name]]
    program = compile(value_and_grad(lambda x: call(rule, [*xs[:-1], x]))).program(xs[-1])
    with pytest.raises(ValueError, match=r"\w+ cannot be written as C"):
        program.to_c()


# --- programs ------------------------------------------------------------------------------------


def traced(program: autograd.testing.RandomProgram) -> Program:
    names = [f"x{place}" for place in range(len(program.inputs))]
    return adjoint(traced_program(program, names))


@st.composite
def batches(draw: st.DrawFn, /, **options: Any) -> list[autograd.testing.RandomProgram]:
    return draw(st.lists(autograd.testing.programs(**options), min_size=10, max_size=20))


@pytest.mark.no_cover
@settings(max_examples=5, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(batches=batches(max_size=30), pieces=st.sampled_from([1, 3, 10, 1000]))
def test_random_programs(
    tmp_path_factory: pytest.TempPathFactory, batches: list[Any], pieces: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "PIECE", pieces)
        programs = {f"f{i}": traced(program) for i, program in enumerate(batches)}
        functions = built(tmp_path_factory.mktemp("random"), programs)
    for program, run in zip(batches, functions.values(), strict=True):
        leaves = [Value(x) for x in program.inputs]
        output = program(*leaves)
        output.backward()
        value, *gradient = run(*program.inputs, 1.0)
        size = max(abs(leaf.grad) for leaf in leaves)
        assert same(value, output.data, 1e-12, scale=1.0)
        for leaf, found in zip(leaves, gradient, strict=False):
            assert same(found, leaf.grad, 1e-11, scale=1.0 + size)


# --- models --------------------------------------------------------------------------------------


def eager(f: Callable[..., Any], *arguments: Any) -> list[float]:
    """The value and the gradient with respect to the first argument, a model."""
    value, gradient = value_and_grad(f)(*arguments)
    return [value, *gradient.values()]


def test_the_network_of_the_worked_example(tmp_path: Path) -> None:
    def error(model: MLP, inputs: list[float], targets: list[float]) -> Any:
        return losses.half_squared_error(model(inputs), targets)

    model, inputs, targets = textbook_model(), [0.05, 0.10], [0.01, 0.99]
    program = compile(value_and_grad(error)).program(model, inputs, targets)
    run = built(tmp_path, {"error_and_gradient": program})["error_and_gradient"]
    numbers = inputs + targets
    named = dict(model.named_parameters())
    point = [
        named[name.removeprefix("model.")].data if "layers" in name else numbers.pop(0)
        for name in program.inputs
    ]
    assert not numbers
    found, expected = run(*point), eager(error, model, inputs, targets)
    assert found == pytest.approx(expected, rel=1e-14)
    assert found[0] == pytest.approx(0.298371109)


def perceptron(sizes: Sequence[int], parameters: Sequence[Any], inputs: Sequence[Any]) -> Any:
    """A network of tanh neurons, whose parameters stand in one sequence."""
    place = 0
    for fan_in, fan_out in itertools.pairwise(sizes):
        outputs = []
        for _ in range(fan_out):
            weights, bias = parameters[place : place + fan_in], parameters[place + fan_in]
            outputs.append(tanh(autograd.net(weights, inputs, bias)))
            place += fan_in + 1
        inputs = outputs
    return inputs[0]


@pytest.mark.no_cover
@pytest.mark.parametrize("piece", [7, 100, 1000])
def test_a_perceptron_runs_in_loops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(source, "PIECE", piece)
    sizes = (2, 16, 16, 1)
    count = sum((m + 1) * n for m, n in itertools.pairwise(sizes))
    names = [f"w[{i}]" for i in range(count)] + ["x[0]", "x[1]"]
    function = traced_program(lambda *xs: perceptron(sizes, xs[:count], xs[count:]), names)
    program = adjoint(function)
    text = program.to_c()
    assert text.count("for (long i") >= 32
    run = built(tmp_path, {"f": program}, level="-O0")["f"]
    point = [math.sin(i) for i in range(len(names))]
    leaves = [*map(Value, point)]
    output = perceptron(sizes, leaves[:count], leaves[count:])
    output.backward()
    expected = [output.data, *(leaf.grad for leaf in leaves)]
    assert run(*point, 1.0) == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_an_output_stays_where_it_is_to_the_end_of_its_piece(tmp_path: Path) -> None:
    """The sines make room for the cosines, but for the one that is handed back in the end."""

    def f(xs: Sequence[Any]) -> list[Any]:
        sines = [autograd.sin(x) for x in xs]
        total = autograd.sum(sines)
        return [sines[0], autograd.sum([autograd.cos(total * x) for x in xs])]

    inputs = [traced_leaf(f"x{i}") for i in range(16)]
    run = built(tmp_path, {"f": program_of(f(inputs), inputs)})["f"]
    xs = [0.1 * i + 0.3 for i in range(16)]
    assert run(*xs) == pytest.approx(f(xs), rel=1e-14)


# --- long programs -------------------------------------------------------------------------------


def chain(length: int) -> Program:
    """x times y, plus x, times y, …: every fourth result is needed once more at the end."""
    operations: list[Operation] = []
    kept: list[int] = []
    slot = 1
    for i in range(length):
        operations.append(Operation("*+"[i % 2], (slot, i % 2)))
        slot = 1 + len(operations)
        if i % 4 == 0:
            kept.append(slot)
    for other in kept:
        operations.append(Operation("-", (1 + len(operations), other)))
    return Program(("x", "y"), (), tuple(operations), (1 + len(operations),))


@pytest.mark.no_cover
@pytest.mark.slow
def test_a_long_program_is_cut_into_functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "PIECE", 150)
    monkeypatch.setattr(source, "STACK", 1_000)
    program = chain(6_000)
    text = program.to_c()
    assert text.count("static void f_") > 20
    assert "    static double work[" in text
    assert "one call at a time" in text
    point = 0.75, 0.5
    numbers = list(point)
    for op, (left, right) in program.operations:
        x, y = numbers[left], numbers[right]
        numbers.append(x * y if op == "*" else x + y if op == "+" else x - y)
    run = built(tmp_path, {"f": program}, level="-O0")["f"]
    assert run(*point) == numbers[-1:]


def test_the_work_array_is_used_again() -> None:
    def f(x: Any) -> Any:
        for _ in range(2_000):
            x = autograd.sin(x) * x
        return x

    text = traced_program(f, ["x"]).to_c()
    (size,) = map(int, re.findall(r"double work\[(\d+)\]", text))
    assert size < 8


# --- the file ------------------------------------------------------------------------------------


def test_constants_are_exact(tmp_path: Path) -> None:
    numbers = (
        0.0, -0.0, 1.0, -2.5, 0.1, -1 / 3, 1e6, 1e22, 5e-324, -2.2250738585072014e-308, 1.7e308,
        math.inf, -math.inf, math.nan, 2.0**53, 1e-310, 123456.789, 999999.984375,
    )  # fmt: skip
    outputs = tuple(range(1, 1 + len(numbers)))
    program = Program(("x",), numbers, (), (*outputs, 0))
    run = built(tmp_path, {"f": program})["f"]
    assert [*map(bits, run(7.5))] == [*map(bits, numbers), bits(7.5)]


def test_what_needs_no_operations(tmp_path: Path) -> None:
    programs = {
        "nothing": Program((), (), (), ()),
        "no_outputs": Program(("x",), (), (), ()),
        "no_inputs": Program((), (0.1,), (Operation("sin", (0,)),), (1, 0)),
        "zeros": Program(("x", "y"), (0.0, 0.1), (), (1, *[2] * 30, 3, *[2] * 30, 0)),
        "empty_sum": Program(("x",), (), (Operation("sum", ()), Operation("dot", ())), (1, 2)),
        "twice": Program(("x",), (), (Operation("exp", (0,)),), (1, 1, 1, 0, 0)),
    }
    run = built(tmp_path, programs)
    assert run["nothing"]() == run["no_outputs"](1.0) == []
    assert run["no_inputs"]() == [math.sin(0.1), 0.1]
    assert run["zeros"](1.0, 2.0) == [2.0, *[0.0] * 30, 0.1, *[0.0] * 30, 1.0]
    assert run["empty_sum"](1.0) == [0.0, 0.0]
    assert run["twice"](0.0) == [1.0, 1.0, 1.0, 0.0, 0.0]
    assert "for (long i" in programs["zeros"].to_c()


STRIDES = 12


def test_sums_of_every_order(tmp_path: Path) -> None:
    n = STRIDES
    names = tuple(f"x{i}" for i in range(2 * n))
    orders: dict[str, tuple[int, ...]] = {
        "forwards": tuple(range(n)),
        "backwards": tuple(range(n - 1, -1, -1)),
        "apart": tuple(range(0, 2 * n, 2)),
        "apart_backwards": tuple(range(2 * n - 1, 0, -2)),
        "the_same": (3,) * n,
        "two_runs": (*range(n // 2), *range(n, n + n // 2)),
        "run_and_rest": (5, 3, 9, *range(10, 19)),
        "rest_and_run": (*range(3, 12), 1, 0, 7),
        "mixed": (0, 1, 2, 3, 7, 6, 5, 4, 9, 11, 13, 15),
        "shuffled": (3, 1, 4, 15, 9, 2, 6, 5, 8, 7, 0, 10),
    }
    programs, expected = {}, {}
    point = [math.sqrt(i + 2.0) for i in range(2 * n)]
    for first, second in itertools.product(orders, repeat=2):
        left, right = orders[first], orders[second]
        operations = (
            Operation("sum", left),
            Operation("dot", left + right),
            Operation("net", (*left, *right, 1)),
        )
        name = f"{first}_{second}"
        programs[name] = Program(names, (), operations, (2 * n, 2 * n + 1, 2 * n + 2))
        total, products = 0.0, 0.0
        for i, j in zip(left, right, strict=True):
            total, products = total + point[i], products + point[i] * point[j]
        expected[name] = [total, products, products + point[1]]
    functions = built(tmp_path, programs)
    assert {name: run(*point) for name, run in functions.items()} == expected
    assert "inputs[23 - 2 * i] * inputs[i];" in programs["apart_backwards_forwards"].to_c()


def test_inputs_may_be_called_anything(tmp_path: Path) -> None:
    names = ("*/", "/*", "a\nb", "\\", "??/", "権重", "", "%s", "// x \\", "[0]", "\0", "x" * 500)
    operation = Operation("sum", tuple(range(len(names))))
    program = Program(names, (), (operation,), (len(names),))
    run = built(tmp_path, {"f": program})["f"]
    assert run(*[1.0] * len(names)) == [len(names)]


def test_inputs_of_one_kind_share_a_line() -> None:
    text = Program((*(f"w[{i}]" for i in range(100)), "x", "y"), (), (), ()).to_c()
    assert " *     inputs[0] ... inputs[99]  w[0] ... w[99]\n *     inputs[100]  x\n" in text


@pytest.mark.parametrize(
    "name",
    ["", "1f", "f g", "f-g", "f;", "größe", "_f", "f\n", "int", "class", "sin", "sinf", "main",
     "INFINITY", "outputs", "restrict", "nullptr"],
)  # fmt: skip
def test_names_that_c_does_not_allow(name: str) -> None:
    with pytest.raises(ValueError, match=r"^to_c: "):
        Program((), (), (), ()).to_c(name)


def test_names_that_it_allows(tmp_path: Path) -> None:
    names = ["f", "F", "value_and_gradient", "v2", "i", "f1", "constants", "at_2", "x" * 60]
    square = Program(("x",), (0.3,), (Operation("*", (0, 0)), Operation("lgamma", (2,))), (2, 3, 1))
    functions = built(tmp_path, dict.fromkeys(names, square))
    assert all(run(1.0) == [1.0, 0.0, 0.3] for run in functions.values())


def test_a_malformed_program_is_refused() -> None:
    with pytest.raises(ValueError, match="%1 = sin %1: reads %1, which is not written yet"):
        Program(("x",), (), (Operation("sin", (1,)),), (1,)).to_c()


def test_it_is_cpp_as_well(tmp_path: Path) -> None:
    def f(x: Any, y: Any) -> Any:
        special_ones = autograd.polygamma(2, x) + autograd.lgamma(x) + autograd.digamma(y)
        return where(x > y, special_ones, x % y) + x // y + autograd.sum([x, y] * 8)

    program = adjoint(traced_program(f, ["x", "y"]))
    for folder, command in (("c", C99), ("cpp", CPP)):
        (tmp_path / folder).mkdir()
        run = built(tmp_path / folder, {"f": program}, command)["f"]
        x, y = Value(2.5), Value(1.5)
        output = where(x.data > y.data, autograd.polygamma(2, x) + autograd.lgamma(x), x)
        output = output + autograd.digamma(y) + x // y + autograd.sum([x, y] * 8)
        output.backward()
        assert run(2.5, 1.5, 1.0) == pytest.approx([output.data, x.grad, y.grad], rel=1e-13)


def test_the_macros_tell_how_many_there_are() -> None:
    text = Program(("x", "y"), (), (Operation("+", (0, 1)),), (2,)).to_c("plus")
    assert "#define PLUS_INPUTS 2\n#define PLUS_OUTPUTS 1\n" in text


def test_the_text_grows_as_the_program_does() -> None:
    small, large = (len(chain(n).to_c()) for n in (2_000, 20_000))
    assert large < 12 * small
