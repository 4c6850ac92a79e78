"""Modules by dotted names, read off labels; and the kinds of leaves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from autograd.kinds import CONSTANT, FROZEN, PARAMETER
from autograd.scopes import DEEPEST, ancestors_of, folded, leaf_kind, module_of
from tests.autograd.drawing.graphs import ANY_TEXT, DOTTED, HOSTILE, MODULES


@pytest.mark.parametrize(
    ("label", "module"),
    [
        ("layers.0.neurons.3.weights.1", "layers.0.neurons.3"),
        ("layers.0.neurons.3.bias", "layers.0.neurons.3"),
        ("layers.0.neurons.3.net", "layers.0.neurons.3"),
        ("layers.0.bias", "layers.0"),
        ("mlp.layers.1.bias", "mlp.layers.1"),
        ("weights.0", ""),
        ("权重.12", ""),
        ("bias", None),
        ("out", None),
        ("权.重.1", "权"),
        ("模型.层.0.权重", "模型.层.0"),
        (None, None),
        ("", None),
        (".", None),
        ("a..b", None),
        (".a", None),
        ("a.", None),
        ("0.1", None),
        ("1.a", None),
        ("3.14", None),
        ("a.b c.d", None),
        ("a.<b>.c", None),
        ("x - 0.5", None),
        ("v1.0", ""),
        ("a.1.2", ""),
        ("a.1.2.b", "a.1.2"),
    ],
)
def test_the_module_of_a_label(label: str | None, module: str | None) -> None:
    assert module_of(label) == module


@given(st.sampled_from(HOSTILE) | ANY_TEXT | DOTTED)
def test_a_module_is_a_prefix_of_the_label_and_has_the_form_of_a_name(label: str) -> None:
    module = module_of(label)
    if module == "":  # the model itself: a name and numbers
        name, *numbers = label.split(".")
        assert name.isidentifier()
        assert numbers
        assert all(part.isdecimal() for part in numbers)
    if module:
        assert label.startswith(f"{module}.")
        assert all(part.isidentifier() or part.isdecimal() for part in module.split("."))
        assert not module[0].isdecimal()
        assert module.count(".") < DEEPEST


def test_a_label_of_very_many_dots_is_no_name() -> None:
    assert module_of(".".join("a" * DEEPEST)) == ".".join("a" * (DEEPEST - 1))
    assert module_of(".".join("a" * (DEEPEST + 1))) is None
    assert module_of("a." * 1_000_000 + "b") is None


@given(DOTTED | MODULES.map(str), st.integers(0, 8))
def test_a_module_is_folded_into_one_of_those_around_it(label: str, depth: int) -> None:
    module = module_of(label)
    name = folded(module, depth)
    if module is None:
        assert name is None
        return
    around = ["", *ancestors_of(module)]
    assert name == (around[depth] if depth < len(around) else None)
    if name:
        assert f"{module}.".startswith(f"{name}.")
        assert not module.removeprefix(name).lstrip(".").split(".")[0].isdecimal()


def test_modules_around() -> None:
    assert ancestors_of("") == []
    assert ancestors_of("a") == ["a"]
    assert ancestors_of("a.0") == ["a.0"]
    assert ancestors_of("a.0.1.b") == ["a.0.1", "a.0.1.b"]
    assert ancestors_of("mlp.layers.0.neurons.3") == [
        "mlp",
        "mlp.layers.0",
        "mlp.layers.0.neurons.3",
    ]


def test_kinds_of_leaves() -> None:
    leaf = Value(1.0)
    assert leaf_kind(leaf) == "input"
    for kind in (CONSTANT, PARAMETER, FROZEN):
        leaf.op = kind
        assert leaf_kind(leaf) == kind.name.lower()
