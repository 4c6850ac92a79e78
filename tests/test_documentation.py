"""What `help` says: every public object is explained, with an example that runs."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import math
import pydoc
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import autograd
from autograd.forks import cached_property
from autograd.rule import Rule
from tests.table import SAMPLES, TABLE

ROOT = Path(autograd.__file__).parent.parent
SOURCES = [path for name in ("autograd", "nn") for path in sorted((ROOT / name).rglob("*.py"))]
MODULES = [
    "autograd", "autograd.checking", "autograd.cluster", "autograd.compiler", "autograd.drawing",
    "autograd.explanation", "autograd.functions", "autograd.testing", "nn", "nn.callbacks",
    "nn.checkpoint", "nn.history", "nn.layers", "nn.losses", "nn.metrics", "nn.module",
    "nn.optim", "nn.schedules", "nn.testing", "nn.training",
]  # fmt: skip

# Functions that a star does not import, as they would hide builtins of Python.
BY_NAME = ["abs", "compile", "max", "min", "sum"]
# Methods that the examples of their classes call, or have `fit` call.
SHOWN_BY_THEIR_CLASS = {
    "__call__", "step", "on_start", "on_gradient", "on_batch", "on_epoch", "on_end"
}  # fmt: skip
# Users do not make it themselves: `compile` does, and explains the arguments.
WITHOUT_ARGUMENTS = {"autograd.compiler.Compiled"}


def module_of(name: str) -> ModuleType:
    return importlib.import_module(name)


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Walk the public methods and properties that a class defines."""
    for name, member in vars(cls).items():
        member = getattr(member, "__func__", member)
        if name.startswith("_") and name != "__call__":
            continue
        if isinstance(member, (property, cached_property)):
            yield name, member
        elif inspect.isfunction(member) and member.__qualname__ == f"{cls.__qualname__}.{name}":
            yield name, member  # not what the table gives Value, which are functions


def public_objects() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for module_name in MODULES:
        module = module_of(module_name)
        by_name = BY_NAME if module_name == "autograd" else []
        for name in [*module.__all__, *by_name]:
            documented = getattr(module, name)
            if any(documented is other for other in found.values()):
                continue
            if inspect.isfunction(documented):
                found[f"{module_name}.{name}"] = documented
            elif issubclass(type(documented), type):  # isclass takes an alias for one, in 3.10
                found[f"{module_name}.{name}"] = documented
                for member_name, member in members(documented):
                    found[f"{module_name}.{name}.{member_name}"] = member
    return found


PUBLIC = public_objects()
CALLABLE = {name: documented for name, documented in PUBLIC.items() if callable(documented)}
FUNCTIONS = {
    name: function
    for name, function in CALLABLE.items()
    if inspect.isfunction(function) and "." not in function.__qualname__
}


def sections(documented: Any) -> dict[str, str]:
    """Split a docstring at its headings; what is before them goes by the empty name."""
    text = inspect.cleandoc(documented.__doc__)
    parts = re.split(r"^(Args|Attributes|Returns|Raises|Example):$", text, flags=re.MULTILINE)
    return dict(zip(["", *parts[1::2]], parts[::2], strict=True))


def entries(section: str) -> set[str]:
    """List what the entries of a section are called."""
    names = re.findall(r"^    \*{0,2}(\w[\w, ]*):", section, re.MULTILINE)
    return {name for entry in names for name in entry.split(", ")}


@cache
def collected(module_name: str) -> set[str]:
    """List what doctest finds examples of in a module."""
    tests = doctest.DocTestFinder().find(module_of(module_name), module_name)
    return {test.name for test in tests if test.examples}


def parameters(documented: Any) -> list[str]:
    try:
        return [name for name in inspect.signature(documented).parameters if name != "self"]
    except ValueError:  # of an exception, which has none
        return []


def statements(documented: Any) -> Iterator[ast.AST]:
    """Walk the statements of a function, or of a class's `__init__`, without functions inside."""
    code: Any = vars(documented).get("__init__") if isinstance(documented, type) else documented
    try:
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(code)))
    except (OSError, TypeError):  # of what a dataclass makes
        return
    definition = ast.parse(source).body[0]
    rest: list[ast.AST] = [*definition.body] if isinstance(definition, ast.FunctionDef) else []
    for node in rest:
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.Lambda)):
            rest += ast.iter_child_nodes(node)


# --- every public object -------------------------------------------------------------------------


def test_the_public_objects_are_found() -> None:
    names = {"autograd.compile", "autograd.exp", "autograd.Value.backward", "nn.MLP.__call__"}
    names |= {"nn.losses.huber", "autograd.drawing.Drawing.svg", "autograd.checking.Derivative"}
    assert names <= PUBLIC.keys()
    assert not [name for name in PUBLIC if name.startswith("autograd.Value.exp")]


def begins_with_a_sentence(documented: Any) -> None:
    assert documented.__doc__, "there is no docstring"
    first, *others = inspect.cleandoc(documented.__doc__).splitlines()
    assert first.endswith((".", "?"))
    assert not others or not others[0], "a blank line comes after the first one"
    assert max(map(len, [first, *others])) <= 100


def explains_its_parameters(documented: Any) -> None:
    names = parameters(documented)
    found = sections(documented)
    if len(names) > 1 or "Args" in found:
        assert {*names} <= entries(found.get("Args", "") + found.get("Attributes", ""))


def explains_what_is_returned(documented: Any) -> None:
    found = sections(documented)
    nothing = documented.__annotations__.get("return") in (None, "None")
    assert nothing or "Returns" in found or found[""].startswith("Tell whether ")


def explains_the_errors_that_are_raised(documented: Any) -> None:
    raised = {
        node.exc.func.id
        for node in statements(documented)
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
        and node.exc.func.id.endswith("Error")
    }
    assert raised <= entries(sections(documented).get("Raises", ""))


def has_an_example_that_doctest_runs(documented: Any) -> None:
    if documented.__name__ not in SHOWN_BY_THEIR_CLASS:
        assert "Example" in sections(documented)
        home = documented.__module__
        assert f"{home}.{documented.__qualname__}" in collected(home)


def has_a_signature_that_reads_well(documented: Any) -> None:
    if parameters(documented):
        assert not re.search(r"<lambda>| at 0x| object", str(inspect.signature(documented)))


# One test for an object: pytest takes longer for each of them than most of these.
@pytest.mark.parametrize("name", PUBLIC)
def test_an_object_is_documented(name: str) -> None:
    documented = PUBLIC[name]
    begins_with_a_sentence(documented)
    if name in CALLABLE:
        if name not in WITHOUT_ARGUMENTS:
            explains_its_parameters(documented)
        explains_the_errors_that_are_raised(documented)
        has_an_example_that_doctest_runs(documented)
        has_a_signature_that_reads_well(documented)
    if name in FUNCTIONS:
        explains_what_is_returned(documented)


# --- modules -------------------------------------------------------------------------------------


def test_a_module_says_in_a_sentence_what_it_is() -> None:
    for path in SOURCES:
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert text is not None, path
        assert text.splitlines()[0].endswith((".", "?")), path


@pytest.mark.parametrize("name", MODULES)
def test_help_of_a_module_is_clean_and_complete(name: str) -> None:
    module = module_of(name)
    text = pydoc.plain(pydoc.render_doc(module))
    assert not re.search(r"<lambda>| at 0x|<locals>", text)
    shown = set(re.findall(r"^    (?:class )?(\w+)", text, re.MULTILINE))
    assert {*module.__all__} <= shown
    assert {*module.__all__} <= {*dir(module)}


def test_help_of_the_package_names_what_there_is() -> None:
    table = (autograd.__doc__ or "").partition("for:\n\n")[2].partition("\n\n")[0]
    names = [name for line in table.splitlines() for name in line[:24].strip().split(", ")]
    assert len(names) > 5
    for name in names:
        assert name in dir(autograd) or importlib.import_module(name)


def test_functions_are_listed() -> None:
    home = {
        name
        for name in [*autograd.__all__, *BY_NAME]
        if CALLABLE[f"autograd.{name}"].__module__ == "autograd.functions"
    }
    assert {*autograd.functions.__all__} == home | {"Operands"}


# --- derivatives ---------------------------------------------------------------------------------

NAMES = vars(autograd) | {"pi": math.pi, "len": len}
POINTS = [(0.25, 0.75), (1.5, 0.5), (-0.75, 2.0), (0.5, -1.25), (3.0, 1.0)]
WITHOUT_FORMULAS = {"clip", "where"}  # a choice is said in words
DOCUMENTED = [rule for rule in TABLE if rule.example]

every_row = pytest.mark.parametrize("rule", DOCUMENTED, ids=lambda rule: rule.name)


def formulas(rule: Rule) -> list[str]:
    return re.findall("`(.+?)`", rule.summary)


@every_row
def test_derivatives_are_told(rule: Rule) -> None:
    assert re.search(r"\. Its( own)? derivatives? ", rule.summary)
    assert rule.of_sequence or bool(formulas(rule)) != (rule.name in WITHOUT_FORMULAS)


@pytest.mark.parametrize("rule", [*filter(formulas, DOCUMENTED)], ids=lambda rule: rule.name)
def test_formulas_of_derivatives_are_right(rule: Rule) -> None:
    checked = 0
    for point in POINTS:
        varying = iter(point)
        samples = zip(rule.operands, SAMPLES[rule.name], strict=False)
        xs: tuple[Any, ...] = tuple(
            sample if name in rule.fixed else next(varying) for name, sample in samples
        )
        if rule.of_sequence:
            xs = point
        try:
            expected = rule.local_derivatives(rule.evaluate(*xs), *xs)
        except ValueError:  # outside the domain
            continue
        if rule.of_sequence:
            found = [
                eval(formula, NAMES, {"x": x, "xs": xs}) for formula in formulas(rule) for x in xs
            ]
        else:
            operands = dict(zip(rule.operands, xs, strict=True))
            found = [eval(formula, NAMES, operands) for formula in formulas(rule)]
        if rule.numbers_only:  # of these operands there are none
            expected = tuple(
                y for name, y in zip(rule.operands, expected, strict=True) if name not in rule.fixed
            )
        assert found == pytest.approx(expected)
        checked += 1
    assert checked
