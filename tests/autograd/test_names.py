"""What type checkers are told about the table is what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

import autograd
from autograd import Value, names
from tests.declared import declared
from tests.table import TABLE


@pytest.mark.parametrize("path", declared(), ids=lambda path: path.name)
def test_every_row_is_declared(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == declared()[path], "rows have changed: python -m tests.declared"


def test_the_names_are_those_of_the_functions() -> None:
    assert {*names.__all__} == {*names.__annotations__}
    for name in names.__all__:
        assert getattr(autograd, name) is getattr(names, name) is getattr(autograd.functions, name)


def test_methods_are_the_functions_themselves() -> None:
    for rule in TABLE:
        if rule.name.isidentifier() and rule.name != "neg":
            function = getattr(autograd, rule.name)
            assert vars(Value).get(rule.name) is (function if rule.is_method else None)
