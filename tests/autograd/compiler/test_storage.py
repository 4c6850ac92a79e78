"""Compiled functions in files: what comes back, and what is refused."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections import OrderedDict, namedtuple
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import compile, dot, grad, hessian, tanh, value_and_grad, where
from autograd.compiler import Compiled, llvm, load
from autograd.compiler.storage import FORMAT
from nn import MLP

ROOT = Path(__file__).parents[3]


def line(w: Any, x: Any, y: Any) -> Any:
    return (tanh(w[0] * x) + w[1] - y) ** 2


def trained(tmp_path: Path) -> tuple[Compiled, Path, tuple[Any, ...]]:
    compiled = compile(value_and_grad(line), in_axes=(None, 0, 0), reduce="mean")
    arguments = ([2.0, 0.5], np.linspace(-1.0, 1.0, 21), np.linspace(0.0, 1.0, 21))
    compiled(*arguments)
    path = tmp_path / "line.program"
    compiled.save(path)
    return compiled, path, arguments


def test_a_loaded_function_gives_the_same_bits_without_tracing_or_compiling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled, path, arguments = trained(tmp_path)

    def refused(*_: Any) -> Any:
        raise AssertionError("compiled again")

    monkeypatch.setattr(llvm, "compiled", refused)
    loaded = load(path)
    assert loaded(*arguments) == compiled(*arguments)
    assert loaded.traces == 0
    fewer = [np.zeros(3), np.ones(3)]  # another number of rows is another call of the program
    assert loaded([1.0, 2.0], *fewer) == compiled([1.0, 2.0], *fewer)


def test_it_is_loaded_in_another_process_that_does_not_have_the_function(tmp_path: Path) -> None:
    compiled, path, arguments = trained(tmp_path)
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import numpy as np
from autograd.compiler import load
value, slopes = load({str(path)!r})(
    [2.0, 0.5], np.linspace(-1.0, 1.0, 21), np.linspace(0.0, 1.0, 21)
)
print(value.hex(), *[slope.hex() for slope in slopes])
"""
    answer = subprocess.check_output([sys.executable, "-c", script], text=True).split()
    value, slopes = compiled(*arguments)
    assert answer == [value.hex(), *[slope.hex() for slope in slopes]]


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (grad(lambda x: x**3), (2.0,)),
        (hessian(lambda p: p["a"] ** 2 * p["b"][0]), ({"a": 2.0, "b": [3.0, 1.0]},)),
        (lambda x, n: [x**n, (None, 1.0, x), {"k": n * x}], (2.0, 3)),
        (lambda x, kind: tanh(x) if kind == "tanh" else x * 2.0, (np.ones((2, 3))[0, 0], "tanh")),
        (lambda a: a * 2.0, (np.arange(6.0).reshape(2, 3),)),
        (grad(lambda p: p["a"] * p["b"]), (OrderedDict(b=2.0, a=3.0),)),
        (lambda p: [p[1] * 2.0, p["a", (True, None)]], ({1: 2.0, ("a", (True, None)): 3.0},)),
        (lambda x, flag: where(x > 0.0, x, 0.0) if flag else x, (-1.0, True)),
    ],
)
def test_structures_of_arguments_and_results_come_back(
    tmp_path: Path, function: Any, arguments: tuple[Any, ...]
) -> None:
    compiled = compile(function)
    expected = compiled(*arguments)
    compiled.save(tmp_path / "f")
    found = load(tmp_path / "f")(*arguments)
    assert repr(found) == repr(expected)


def test_numbers_in_the_tables_of_code_come_back(tmp_path: Path) -> None:
    """What is frozen in loops lies in a table, which machine code reads at each call."""
    width, random = 60, Random(0)
    weights = [
        [[random.gauss(0.0, 0.2) for _ in range(width)] for _ in range(width)] for _ in range(3)
    ]

    def network(x: Any) -> Any:
        for layer in weights:
            x = [tanh(dot(row, x)) for row in layer]
        return x

    compiled = compile(network)
    point = [math.sin(i) for i in range(width)]
    expected = compiled(point)
    assert expected == pytest.approx(network(point), rel=1e-12)
    codes = next(iter(compiled._known.values())).run.codes
    assert any(len(code.constants) >= 3 * width**2 for code in codes.values())
    compiled.save(tmp_path / "f")
    assert load(tmp_path / "f")(point) == expected


@pytest.mark.parametrize("backend", ["llvm", "numpy"])
def test_a_file_of_either_backend_runs_on_either(tmp_path: Path, backend: Any) -> None:
    compiled = compile(value_and_grad(lambda x: x * tanh(x)), backend=backend)
    expected = compiled(0.5)
    compiled.save(tmp_path / "f")
    for other in ("llvm", "numpy"):
        assert load(tmp_path / "f", backend=other)(0.5) == pytest.approx(expected, rel=1e-14)


def test_code_of_another_machine_is_compiled_again_from_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled, path, arguments = trained(tmp_path)
    monkeypatch.setattr(llvm, "target_name", lambda: "another machine")
    loaded = load(path)
    assert loaded(*arguments) == compiled(*arguments)
    code = next(iter(loaded._known.values())).run.codes["plain"]
    assert code.target == "another machine"


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_damaged_file_is_refused(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    compiled = compile(lambda x: x * x, backend="numpy")
    compiled(1.0)
    path = folder / "f"
    compiled.save(path)
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
    else:
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged|no file of this format"):
        load(path)


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    _, path, _ = trained(tmp_path)
    path.write_bytes(path.read_bytes().replace(FORMAT.encode(), FORMAT.encode()[:-1] + b"9", 1))
    with pytest.raises(ValueError, match="format"):
        load(path)


def test_what_a_file_cannot_hold_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "f"
    unsaved = compile(lambda x: x)
    with pytest.raises(ValueError, match="nothing to save"):
        unsaved.save(path)
    of_model = compile(lambda model, x: model([x, x]))
    of_model(MLP(2, [2, 1]), 1.0)
    with pytest.raises(TypeError, match="MLP"):
        of_model.save(path)
    Pair = namedtuple("Pair", "a b")
    of_pair = compile(lambda x: Pair(x, 2.0 * x))
    of_pair(1.0)
    with pytest.raises(TypeError, match="Pair"):
        of_pair.save(path)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_structure_is_refused_by_a_loaded_function(tmp_path: Path) -> None:
    _, path, _ = trained(tmp_path)
    with pytest.raises(TypeError, match="holds no program"):
        load(path)({"w": 1.0}, [1.0], [2.0])


def test_a_failed_save_leaves_the_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled, path, _ = trained(tmp_path)
    before = path.read_bytes()

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compiled.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
