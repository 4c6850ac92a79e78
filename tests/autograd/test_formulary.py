"""The wider formulary: a row is enough to add a function; and further checks of its rows."""

from __future__ import annotations

import math
import operator
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Value, compile, cumprod, cumsum, grad, hessian, log
from autograd.compiler.primitives import PRIMITIVES
from autograd.expression import ExpressionError, function_names, parse
from autograd.graph import interior
from autograd.rules import RULES
from tests import oracle
from tests.oracle import mp
from tests.table import call

ROOT = Path(autograd.__file__).parent.parent

# --- how to add a function -----------------------------------------------------------------------

OF_THE_TABLE = [
    "test_documentation.py", "autograd/test_functions.py", "autograd/test_init.py",
    "autograd/test_names.py", "autograd/test_rules.py",
    "autograd/compiler/backends/c/test_source.py", "autograd/compiler/test_definitions.py",
    "autograd/checking/test_definitions.py",
    "autograd/testing/test_domains.py",
]  # fmt: skip


@pytest.mark.no_cover
def test_the_recipe_for_a_new_function_works_to_the_letter(tmp_path: Path) -> None:
    copied = ["autograd", "nn", "tests", "conftest.py", "pyproject.toml", "README.md"]
    for name in copied:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("*-pytest-*", "checking_cases", "fuzz", "notebooks")
            shutil.copytree(source, tmp_path / name, ignore=ignored)
        else:
            shutil.copy(source, tmp_path / name)
    recipe = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    recipe = recipe.partition("## How to add a function")[2].partition("\n## ")[0]
    row, command = re.findall(r"```(?:python)?\n(.*?)```", recipe, re.DOTALL)
    path = tmp_path / "autograd" / "formulary.py"
    text = path.read_text(encoding="utf-8")
    assert text.count("\n)\n# fmt: on") == 1
    row = f"{row.rstrip()},\n"
    path.write_text(text.replace("\n)\n# fmt: on", f"\n{row})\n# fmt: on"), encoding="utf-8")
    name = re.findall(r'Rule\(\s*"(\w+)"', row)[0]

    def run(*arguments: str) -> str:
        environment = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(*command.split()[1:])
    chosen = f"{name} or every_row or declared or nothing_else"
    modules = [f"tests/{module}" for module in OF_THE_TABLE]
    plainly = ["-q", "--assert=plain", "-p", "no:cacheprovider"]  # which compiles no tests anew
    output = run("-m", "pytest", *plainly, "-k", chosen, *modules)
    assert int(re.findall(r"(\d+) passed", output)[0]) > 20
    uses = f"import autograd; print(autograd.{name}(0.0), autograd.Value(0.0).{name}().grad)"
    assert run("-c", uses) == "1.0 0.0\n"


# --- conventions ---------------------------------------------------------------------------------

INF, NAN = math.inf, math.nan
SELU = 1.0507009873554805 * 1.6732632423543772


@pytest.mark.parametrize(
    ("name", "xs", "value", "derivatives"),
    [
        ("softsign", (0.0,), 0.0, (1.0,)),
        ("softsign", (INF,), 1.0, (0.0,)),
        ("selu", (0.0,), 0.0, (SELU,)),
        ("hard_tanh", (1.0,), 1.0, (0.0,)),
        ("hard_tanh", (-1.0,), -1.0, (0.0,)),
        ("hard_tanh", (NAN,), NAN, (NAN,)),
        ("mish", (-INF,), -0.0, (0.0,)),
        ("entr", (0.0,), 0.0, (INF,)),
        ("xlogy", (0.0, 0.0), 0.0, (0.0, NAN)),
        ("xlogy", (0.0, NAN), NAN, (NAN, NAN)),
        ("xlog1py", (0.0, -1.0), 0.0, (0.0, NAN)),
        ("copysign", (0.0, -1.0), -0.0, (0.0, 0.0)),
        ("copysign", (2.0, -0.0), -2.0, (-1.0, 0.0)),
        ("copysign", (-2.0, -0.0), -2.0, (1.0, 0.0)),
        ("fmod", (6.0, 2.0), 0.0, (1.0, -3.0)),
        ("fmod", (-7.0, 2.0), -1.0, (1.0, 3.0)),
        ("fmod", (-0.0, 2.0), -0.0, (1.0, 0.0)),
        ("remainder", (5.0, 2.0), 1.0, (1.0, -2.0)),
        ("remainder", (7.0, 2.0), -1.0, (1.0, -4.0)),
        ("remainder", (-6.0, 3.0), -0.0, (1.0, 2.0)),
        ("sinc", (0.0,), 1.0, (0.0,)),
        ("sinc", (3.0,), 0.0, (-1.0 / 3.0,)),
        ("logaddexp", (-INF, -INF), -INF, (NAN, NAN)),
        ("logaddexp2", (-INF, -INF), -INF, (NAN, NAN)),
        ("logaddexp2", (1000.0, 1000.0), 1001.0, (0.5, 0.5)),
        ("var", (2.0,), 0.0, (0.0,)),
        ("std", (2.0,), 0.0, (0.0,)),
        ("std", (0.3, 0.3, 0.3), 0.0, (0.0, 0.0, 0.0)),
    ],
)
@pytest.mark.parametrize("compiled", [False, True], ids=["recorded", "compiled"])
def test_what_is_agreed_on(
    name: str, xs: tuple[float, ...], value: float, derivatives: tuple[float, ...], compiled: bool
) -> None:
    node = call(RULES[name], list(map(Value, xs)))
    results = [node.data, *node.local_derivatives]
    if compiled:
        function = autograd.value_and_grad(lambda xs: call(RULES[name], xs))
        y, slopes = compile(function, backend="numpy")(list(xs))
        results = [y, *slopes]
    expected = [value, *derivatives]
    assert results == pytest.approx(expected, rel=1e-15, abs=0.0, nan_ok=True)
    assert math.copysign(1.0, results[0]) == math.copysign(1.0, value)


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (autograd.softsign, 0.0), (autograd.selu, 0.0), (autograd.hard_tanh, -1.0),
        (lambda x: autograd.copysign(x, 1.0), 0.0), (lambda x: autograd.fmod(x, 2.0), 4.0),
        (lambda x: autograd.remainder(x, 2.0), 3.0), (lambda x: autograd.xlogy(0.0, x), 0.0),
        (lambda x: autograd.std([x, 1.0, 1.0]), 1.0), (autograd.entr, 0.0),
    ],
)  # fmt: skip
def test_at_a_kink_there_is_no_second_derivative(function: Callable[[Any], Any], x: float) -> None:
    second = grad(grad(function))
    assert math.isnan(second(x))
    assert math.isnan(compile(second, backend="numpy")(x))


@pytest.mark.parametrize(
    ("name", "xs", "exception"),
    [
        ("logit", (0.0,), ValueError),
        ("logit", (1.0,), ValueError),
        ("logit", (INF,), ValueError),
        ("xlogy", (1.0, 0.0), ValueError),
        ("xlogy", (0.0, -1.0), ValueError),
        ("xlog1py", (1.0, -1.0), ValueError),
        ("entr", (-1.0,), ValueError),
        ("rsqrt", (0.0,), ZeroDivisionError),
        ("rsqrt", (-1.0,), ValueError),
        ("sinc", (INF,), ValueError),
        ("fmod", (1.0, 0.0), ValueError),
        ("fmod", (INF, 1.0), ValueError),
        ("remainder", (1.0, 0.0), ValueError),
        ("var", (), ValueError),
        ("std", (), ValueError),
    ],
)
def test_off_the_domain(name: str, xs: tuple[float, ...], exception: type[Exception]) -> None:
    with pytest.raises(exception, match=name):
        call(RULES[name], xs)
    if xs:
        function = autograd.value_and_grad(lambda xs: call(RULES[name], xs))
        value, slopes = compile(function, backend="numpy")(list(xs))
        assert not any(map(math.isfinite, [value, *slopes]))


# --- remainders, and the spread of numbers -------------------------------------------------------

EXACT = ["fmod", "remainder", "copysign"]
BACKENDS = ["numpy", "llvm"]
COMPILED = {
    (backend, name): compile(getattr(autograd, name), backend=backend)  # type: ignore[call-overload]
    for backend in BACKENDS
    for name in EXACT
}
ANY = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("backend", BACKENDS)
@given(x1=ANY | st.integers(-40, 40).map(float), x2=ANY | st.integers(-8, 8).map(float))
def test_compiled_they_have_the_bits_of_pythons_own(
    backend: str, name: str, x1: float, x2: float
) -> None:
    if name == "copysign" or x2:
        compiled = COMPILED[backend, name](x1, x2)
        assert repr(float(compiled)) == repr(getattr(math, name)(x1, x2))


def test_an_operand_far_below_the_others_keeps_its_share_of_the_spread() -> None:
    xs = (-0.5, 0.5, -8.290519487040216e-42)
    slope = RULES["std"].local_derivatives(RULES["std"].evaluate(*xs), *xs)[2]
    assert slope == pytest.approx(xs[2] * (2.0 / 9.0) / math.sqrt(1.0 / 6.0), rel=1e-13)
    assert autograd.gradcheck(lambda *v: autograd.std(v), *xs, order=2)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6), st.sampled_from([0.0, 1e6, 1e15]))
def test_spreads_beside_numpys(xs: list[float], offset: float) -> None:
    ys = [x + offset for x in xs]
    for name in ("var", "std"):
        exact = oracle.value(name, ys)
        y = getattr(autograd, name)(ys)
        assert abs(mp.mpf(y) - exact) <= 1e-14 * exact + mp.mpf(10) ** -320
        if not offset:
            assert y == pytest.approx(getattr(np, name)(xs), rel=1e-6, abs=1e-12)


def test_the_curvature_of_a_deviation_beside_an_outlier() -> None:
    xs = [0.0, 1.0, 3.0, 1e9]
    found = hessian(autograd.std)(xs)
    for i, row in enumerate(found):
        for j, number in enumerate(row):
            exact = oracle.derivative("std", xs, (i, j))
            assert abs(number - exact) <= 1e-13 * abs(exact), (i, j)


def test_spreads_neither_overflow_nor_underflow_on_their_way() -> None:
    assert autograd.std([1e200, -1e200]) == 1e200
    assert autograd.std([1e-200, -1e-200]) == 1e-200
    largest = 1.7976931348623157e308
    assert autograd.std([largest, -largest, largest]) == pytest.approx(largest / 3.0 * 8.0**0.5)
    assert autograd.var([largest] * 3) == 0.0


# --- running sums and products, logarithms to a base ---------------------------------------------


@pytest.mark.parametrize(("function", "step"), [(cumsum, operator.add), (cumprod, operator.mul)])
@given(xs=st.lists(st.integers(-3, 3).map(float), max_size=8), data=st.data())
def test_running_results_are_those_of_a_loop(
    function: Any, step: Any, xs: list[float], data: st.DataObject
) -> None:
    assert function(xs) == function(iter(xs)) == list(accumulate(xs, step))
    nodes = list(map(Value, xs))
    results = function(nodes)
    assert [result.data for result in results] == list(accumulate(xs, step))
    if xs:
        place = data.draw(st.integers(0, len(xs) - 1))
        assert sum(len(node.parents) for node in interior(results[-1])) <= 2 * len(xs)
        results[place].backward()
        whole = autograd.sum if function is cumsum else autograd.prod
        head = list(map(Value, xs[: place + 1]))
        whole(head).backward()
        assert [node.grad for node in nodes[: place + 1]] == [node.grad for node in head]
        assert all(node.grad == 0.0 for node in nodes[place + 1 :])


def test_running_results_take_what_others_take() -> None:
    x = Value(2.0)
    mixed: Any = cumsum([1, x, 3.0])
    assert [y.data for y in mixed] == [1.0, 3.0, 6.0]
    assert cumsum([]) == cumprod([]) == []
    assert compile(lambda xs: cumprod(xs), backend="numpy")([2.0, 3.0]) == [2.0, 6.0]
    for function in (cumsum, cumprod):
        with pytest.raises(TypeError, match=rf"{function.__name__}: .*'a'"):
            function([x, "a"])  # type: ignore[list-item]
        with pytest.raises(TypeError, match=rf"{function.__name__}: expected a sequence"):
            function(x)  # type: ignore[call-overload]


@given(x=st.floats(1e-3, 1e3), base=st.floats(0.05, 0.9) | st.floats(1.1, 50.0))
def test_a_logarithm_to_a_base(x: float, base: float) -> None:
    with mp.workdps(50):
        lx, lb = mp.log(mp.mpf(x)), mp.log(mp.mpf(base))
        exact = [lx / lb, 1 / (x * lb), -lx / (base * lb**2)]
    a, b = Value(x), Value(base)
    y = log(a, b)
    y.backward()
    for found, number in zip((y.data, a.grad, b.grad), exact, strict=True):
        assert abs(found - number) <= 1e-13 * abs(number)
    assert log(x, base) == y.data == a.log(base).data == log(x, b).data
    assert compile(lambda x, b: log(x, b), backend="numpy")(x, base) == pytest.approx(y.data)


def test_the_base_of_a_logarithm() -> None:
    assert log(8, 2) == parse("log(8, 2)", {}).data == 3.0
    for base in (1.0, Value(1.0)):
        with pytest.raises(ZeroDivisionError, match="there is no logarithm to this base"):
            log(2.0, base)
    with pytest.raises(ValueError, match=r"log\(x, base\) at x = 2.0, base = -1.0"):
        log(2.0, -1.0)


def test_what_rows_alone_use_is_not_for_expressions() -> None:
    assert "softsign" in function_names()
    for name in ("meets", "zscore_", "zscores_"):
        assert name not in function_names()
        with pytest.raises(ExpressionError, match="there is no function"):
            parse(f"{name}(1, 2)", {})


# --- functions without C code --------------------------------------------------------------------


def test_a_row_that_python_evaluates_and_c_does_not_know_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = compile(autograd.lgamma).program(0.5)
    assert "lgamma" in program.to_c()
    monkeypatch.setitem(PRIMITIVES, "lgamma", replace(PRIMITIVES["lgamma"], c=""))
    with pytest.raises(ValueError, match="lgamma cannot be written as C: its row has no C code"):
        program.to_c()
