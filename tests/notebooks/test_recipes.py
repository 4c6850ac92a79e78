"""The recipes for checking other code run as they stand, each by itself."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parent.parent.parent / "notebooks" / "checking_other_code.md"
RECIPES = re.findall(
    r"^## ([^\n]+)|^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
)


def recipes() -> list[Any]:
    found, heading = [], ""
    for title, code in RECIPES:
        heading = title or heading
        if code:
            found.append(pytest.param(code, id=heading))
    return found


@pytest.mark.parametrize("code", recipes())
def test_it_runs(code: str) -> None:
    for name in ("torch", "jax"):
        if f"import {name}" in code and find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    exec(compile(code, str(PAGE), "exec"), {"__name__": "__main__"})


def test_every_recipe_is_here() -> None:
    assert len(recipes()) == 8
