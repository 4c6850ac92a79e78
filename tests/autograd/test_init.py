"""The package as its users meet it: what importing it costs, offers, and tells a type checker."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import types
from pathlib import Path

import autograd
from tests.table import TABLE

ROOT = Path(autograd.__file__).parent.parent


def test_import_loads_the_standard_library_only() -> None:
    script = """
import sys
sys.path.insert(0, sys.argv[1])
import autograd
loaded = {name.partition(".")[0] for name in sys.modules}
print(*sorted(loaded - sys.stdlib_module_names - {"__main__"}))
"""
    command = [sys.executable, "-I", "-S", "-c", script, str(ROOT)]
    completed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert completed.stdout.split() == ["autograd"]


def test_public_names_are_all_listed_and_nothing_else_is() -> None:
    public = {
        name
        for name, attribute in vars(autograd).items()
        if not name.startswith("_") and not isinstance(attribute, types.ModuleType)
    }
    loaded_later = {"GradientError", "RenderingError", "explain", "gradcheck"}
    loaded_later |= {"checkpoint", "implicit", "vmap"}
    loaded_later |= set(autograd.transforms.__all__) - {"differentiable_variables"}
    loaded_later |= {"cond", "fori_loop", "scan", "stop_gradient", "while_loop"}
    listed = public - {"annotations", "abs", "max", "min", "sum"} | loaded_later
    assert sorted(autograd.__all__) == sorted(listed)
    functions = {rule.name for rule in TABLE if rule.name.isidentifier()} - {"neg"}
    assert {"Value", "no_grad", *functions} <= public
    for name in functions:
        assert getattr(autograd, name).__name__ == name
        assert getattr(autograd, name).__doc__


def test_a_star_hides_nothing_of_pythons() -> None:
    script = "before = {*dir(__builtins__)}; from autograd import *; print(before & {*globals()})"
    completed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    names = set(re.findall(r"'(\w+)'", completed.stdout))
    assert not {name for name in names if not name.startswith("__")}
    assert autograd.sum([1.0, 2.0]) == autograd.max([1.0, 3.0]) == autograd.abs(-3.0) == 3.0


def test_exceptions_are_there() -> None:
    from autograd import checking, tracing

    assert autograd.TracingError is tracing.TracingError
    assert autograd.GradientError is checking.GradientError
    assert autograd.RenderingError is importlib.import_module("autograd.drawing").RenderingError


def test_packages_that_are_large_are_loaded_when_asked_for() -> None:
    script = "import autograd; print(autograd.testing.programs, autograd.compiler.load)"
    command = [sys.executable, "-c", script]
    completed = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert completed.stdout.count("<function ") == 2, completed.stderr


def test_version_is_that_of_the_project() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (path,) = re.findall(r'^path = "(.+)"$', text, re.MULTILINE)
    assert f'__version__ = "{autograd.__version__}"' in (ROOT / path).read_text(encoding="utf-8")
