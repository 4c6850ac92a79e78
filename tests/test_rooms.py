"""The order of rooms: imports run one way, and none is hidden in a function to dodge that."""

from __future__ import annotations

import ast
import functools
import importlib
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PATHS = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("autograd", "nn")
    for path in (ROOT / package).rglob("*.py")
}

LAZY = {
    "autograd": "what is large is loaded when it is asked for",
    "autograd.__main__": "a command loads what it needs",
    "autograd.compiler.function": "what works chunk by chunk is loaded by the first such call",
    "autograd.drawing": "drawing is loaded by the first picture",
    "autograd.transforms": "what sparse derivatives need is loaded by the first of them",
    "nn.batches": "NumPy is an extra",
    "nn.streams": "NumPy is an extra",
    "nn.tables": "NumPy is an extra",
    "nn.training": "NumPy is an extra",
}
"""The modules that may import others of ours within a function, and why."""


def imports(name: str) -> dict[str, bool]:
    """The modules of ours that a module imports, and whether within a function."""
    found: dict[str, bool] = {}

    def visit(node: ast.AST, inside: bool) -> None:
        for child in ast.iter_child_nodes(node):
            names: list[str] = []
            if isinstance(child, ast.Import):
                names = [alias.name for alias in child.names]
            elif isinstance(child, ast.ImportFrom) and child.module:
                whole = [f"{child.module}.{alias.name}" for alias in child.names]
                names = [each if each in PATHS else child.module for each in whole]
            for other in names:
                if other in PATHS:
                    found[other] = found.get(other, True) and inside
            visit(child, inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))

    visit(ast.parse(PATHS[name].read_text(encoding="utf-8")), False)
    return found


@functools.cache
def graph() -> dict[str, dict[str, bool]]:
    """What each module imports: read when a test asks, and not where tests are collected."""
    return {name: imports(name) for name in PATHS}


def test_there_is_no_circle() -> None:
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail(f"these import each other in a circle: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("name", sorted(PATHS))
def test_imports_stand_at_the_top(name: str) -> None:
    hidden = sorted(other for other, inside in graph()[name].items() if inside)
    assert not hidden or name in LAZY, f"{name} imports {', '.join(hidden)} within a function"


def test_nn_stands_on_autograd() -> None:
    for name, found in graph().items():
        up = [other for other in found if other.partition(".")[0] == "nn"]
        assert not up or name.partition(".")[0] == "nn", f"{name} imports {', '.join(up)}"


def test_the_engine_stands_on_nothing_but_itself() -> None:
    below, left = set(), ["autograd.functions"]
    while left:
        name = left.pop()
        if name not in below:
            below.add(name)
            left += graph()[name]
    assert "autograd.value" in below
    assert not [name for name in below if name.count(".") != 1], below


ELSEWHERE = {
    "autograd.compiler.backends.contract": "test_recipes, and the tests of each backend",
    "autograd.compiler.layout": "test_arguments of the compiler",
    "autograd.compiler.original": "test_function of the compiler",
    "autograd.compiler.specialisation": "test_function and test_trampoline of the compiler",
    "autograd.foreign": "test_mistakes",
    "autograd.formulas": "test_rules",
    "autograd.helper_rules": "test_rules_higher",
    "autograd.masks": "test_chain_rule",
    "autograd.methods": "test_functions",
    "autograd.off_domain": "test_chain_rule, and test_function of the compiler",
    "autograd.operators": "test_value",
    "autograd.partials": "test_chain_rule",
    "autograd.signatures": "test_names",
    "autograd.version": "test_version",
    "nn.foreign": "test_mistakes",
    "nn.run": "test_training",
    "nn.state": "test_checkpoint",
}
"""The modules that have no test module of their own, and where their tests are."""


def test_each_module_has_its_tests_where_one_looks_for_them() -> None:
    missing = set()
    for name, path in PATHS.items():
        if not path.name.startswith("__"):
            place = ROOT / "tests" / path.parent.relative_to(ROOT) / f"test_{path.name}"
            if not place.exists():
                missing.add(name)
    assert missing == {*ELSEWHERE}


def test_what_contributing_points_at_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("## Where to add what")[2].partition("## The rooms")[0]
    names = re.findall(r"`((?:autograd|nn)(?:\.\w+)+|tests/\S+)`", table)
    assert len(names) > 10
    for name in names:
        module, _, attribute = name.rpartition(".")
        if name not in PATHS and not (ROOT / name).exists():
            assert hasattr(importlib.import_module(module), attribute), name
    headings = {
        re.sub(r"[^\w -]", "", head).lower().replace(" ", "-")
        for head in re.findall(r"(?m)^#+ (.*)$", text)
    }
    assert {*re.findall(r"\(#([\w-]+)\)", table)} <= headings


def test_contributing_names_every_room() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rooms = text.partition("## The rooms")[2].partition("## What a graph is")[0]
    named = {*re.findall(r"(\w+)(?:\.py)?`", rooms)}
    whole = {*re.findall(r"`([\w/]+)/`", rooms)} - {"autograd/compiler/backends/llvm"}
    for name, path in PATHS.items():
        folder = str(path.parent.relative_to(ROOT))
        assert path.stem in named or path.stem.startswith("__") or folder in whole, name
