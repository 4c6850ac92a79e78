"""The C backend: any program, compiled by the system's compiler, as NumPy evaluates it."""

from __future__ import annotations

import gc
import math
import os
import stat
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from autograd import betaln, compile, sin, value_and_grad
from autograd.compiler.backends import BACKENDS
from autograd.compiler.backends.c import backend, source
from autograd.compiler.backends.c.backend import C
from autograd.compiler.backends.contract import Plan
from autograd.compiler.execution import Executor, Options
from autograd.compiler.layout import Group, Layout
from autograd.compiler.program import Operation, Program
from nn import MLP, losses
from tests.programs import Case, cases

if BACKENDS["c"].missing() and not os.environ.get("CI"):
    pytest.skip("there is no C compiler", allow_module_level=True)

PRODUCT = Plan(
    Program(("x", "y"), (2.0,), (Operation("*", (0, 1)), Operation("-", (3, 2))), (3, 4)),
    Layout((Group(1, False), Group(1, True)), True),
)


@pytest.mark.no_cover
@settings(max_examples=12, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(case=cases(whole=False), reduce=st.sampled_from([None, "sum", "mean"]))
def test_programs_compute_what_numpy_does(case: Case, reduce: Any) -> None:
    reduce, rows = (reduce, 5) if case.layout.batched else (None, 1)
    arrays = case.arrays(rows)
    found, expected = [
        Executor(case.program, case.layout, Options(reduce, True, 1, name))(arrays, rows)
        for name in ("c", "numpy")
    ]
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


def test_a_network_is_trained_on_by_all_backends_alike() -> None:
    model = MLP(2, [4, 1], seed=3)
    step = value_and_grad(lambda model, x, y: losses.mean_squared_error(model(x), y))
    X, y = np.random.default_rng(0).normal(size=(7, 2)), np.arange(7.0)
    expected = compile(step, (None, 0, 0), "mean", backend="numpy")(model, X, y)
    value, gradient = compile(step, (None, 0, 0), "mean", backend="c")(model, X, y)
    assert value == pytest.approx(expected[0], rel=1e-13)
    assert gradient == pytest.approx(expected[1], rel=1e-12)


def test_a_range_of_rows_is_computed_in_its_place() -> None:
    kernel = C().load(C().compile(PRODUCT))
    out = np.full((2, 6), -1.0)
    kernel.run([np.array([3.0]), np.arange(6.0).reshape(6, 1)], 2, 3, out)
    assert out.tolist() == [
        [-1.0, -1.0, 6.0, 9.0, 12.0, -1.0], [-1.0, -1.0, 4.0, 7.0, 10.0, -1.0],
    ]  # fmt: skip


def test_what_is_in_the_cache_is_not_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOGRAD_CACHE", str(tmp_path / "cache"))
    first = C().compile(PRODUCT)
    monkeypatch.setattr(backend, "_built", None)
    assert C().compile(PRODUCT) == first


def test_a_program_too_large_for_the_stack_is_called_by_one_thread_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(source, "STACK", 16)
    monkeypatch.setattr(source, "PIECE", 100)

    def wide(x: Any) -> Any:
        total = 0.0
        for i in range(300):
            total = total + sin(x * float(i)) * sin(x + float(i))
        return total

    f = compile(wide, 0, backend="c", exact=True)
    assert "static double work[" in f.program(np.zeros(1)).to_c()
    numbers = np.linspace(0.25, 0.5, 200)
    expected = [f(part) for part in np.split(numbers, 2)]
    wrong: list[Any] = []

    def work(part: Any, right: Any) -> None:
        wrong.extend(part for _ in range(40) if (f(part) != right).any())

    threads = [
        threading.Thread(target=work, args=each)
        for each in zip(np.split(numbers, 2), expected, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# --- what is not there ---------------------------------------------------------------------------


def test_without_a_compiler_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "compiler", lambda: ())
    with pytest.raises(ModuleNotFoundError, match=r"compile: backend='c' needs a C compiler: .*CC"):
        compile(sin, backend="c")


def test_cc_names_the_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "mycc"
    script.write_text("#!/bin/sh\necho 'it is out of order' >&2\nexit 3\n", encoding="utf-8")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CC", f"{script} -v")
    monkeypatch.setenv("AUTOGRAD_CACHE", "off")
    assert backend.compiler() == (str(script), "-v")
    with pytest.raises(RuntimeError, match=r"failed with code 3, .*mycc -v .*out of order"):
        compile(sin, backend="c")(1.0)


@pytest.mark.parametrize("cc", ["no-such-compiler", "gcc 'x"])
def test_what_cc_names_has_to_be_there(monkeypatch: pytest.MonkeyPatch, cc: str) -> None:
    monkeypatch.setenv("CC", cc)
    with pytest.raises(ModuleNotFoundError, match=r"CC names .*, which is not found"):
        compile(sin, backend="c")


@pytest.mark.parametrize("said", [b"\\377\\n", b""])
def test_a_compiler_that_makes_nothing_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    script = tmp_path / "mycc"
    script.write_text(f"#!/bin/sh\nprintf '{said.decode()}' >&2\n", encoding="utf-8")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CC", str(script))
    monkeypatch.setenv("AUTOGRAD_CACHE", "off")
    with pytest.raises(RuntimeError, match=r"the C compiler failed with code 0, called as "):
        compile(sin, backend="c")(1.0)


def test_code_of_another_machine_is_refused() -> None:
    with pytest.raises(ValueError, match=r"cannot be loaded: it was compiled for another machine"):
        C().load(replace(C().compile(PRODUCT), content=b"\x7fELF of a toaster"))


def test_code_for_this_processor_alone_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOGRAD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CC", "cc -mtune=native")
    assert compile(sin, backend="c")(0.5) == pytest.approx(math.sin(0.5), rel=1e-15)
    assert not (tmp_path / "cache").exists()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="there is no list of libraries")
def test_a_library_that_nobody_needs_is_unloaded() -> None:
    def loaded() -> int:
        return Path("/proc/self/maps").read_text(encoding="utf-8").count("autograd-c-")

    gc.collect()  # what other tests have left
    before = loaded()
    kernel = C().load(C().compile(PRODUCT))
    assert loaded() > before
    del kernel
    gc.collect()
    assert loaded() == before


def test_many_rows_are_laid_out_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "MOST_ROWS", 3)
    rows = np.arange(10.0)
    assert compile(lambda x: x * 2.0, in_axes=0, backend="c")(rows).tolist() == [*rows * 2.0]


def test_an_operation_that_there_is_no_c_of_is_named() -> None:
    with pytest.raises(ValueError, match=r"cannot be written as C: its row has no C code"):
        compile(gammaln_ratio, backend="c")(0.5)


def gammaln_ratio(x: Any) -> Any:
    return betaln(x, 2.0)
