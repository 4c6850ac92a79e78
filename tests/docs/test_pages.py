"""The pages of the book: each snippet is an example that doctest runs, and nothing is left out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import autograd
from autograd import functions
from docs import gallery
from docs.links import broken
from docs.pages import DOCS, GENERATED, GROUPS, TABLE, body, repository, rewritten

WRITTEN = [
    path
    for path in sorted(DOCS.rglob("*.md"))
    if path.relative_to(DOCS).parts[0] not in GENERATED and path.stem != "cluster"
]
"""Pages written by hand, but that of clusters: some of its snippets need certificates."""

SNIPPET = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_snippets_are_examples(path: Path) -> None:
    for snippet in SNIPPET.findall(path.read_text("utf-8")):
        assert snippet.startswith(">>> ")
        assert snippet.endswith("\n\n"), "doctest takes the fence for output"


def test_every_function_has_a_subject() -> None:
    assert {*GROUPS} <= {*TABLE}
    assert next(iter(GROUPS)) == next(iter(TABLE))
    others = {"Operands", "cumprod", "cumsum", "custom_function"}
    assert {*functions.__all__} - {*TABLE} == others
    assert all(hasattr(autograd, name) for name in TABLE)


def test_the_gallery_shows_code_that_ends_in_its_drawing() -> None:
    assert len(gallery.DRAWINGS) >= 20
    for drawing in gallery.DRAWINGS:
        last = ast.parse(body(drawing)).body[-1]
        assert isinstance(last, ast.Expr)
        assert ast.unparse(last).startswith("draw(")


def test_links_lead_to_pages_or_to_the_repository() -> None:
    text = (
        "[a](../CHANGELOG.md#b) [c](04_multilayer_perceptrons.ipynb) [d](../nn/layers.py) [e](#e)"
    )
    assert rewritten(text, "notebooks") == (
        "[a](/made/changelog.md#b) [c](/lessons/04_multilayer_perceptrons.ipynb) "
        f"[d]({repository()}/blob/main/nn/layers.py) [e](#e)"
    )
    assert rewritten("```\n[a](b.md)\n```", "") == "```\n[a](b.md)\n```"


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<p id="x"><a href="b.html#y">b</a><a href="c.html">c</a>')
    (tmp_path / "b.html").write_text('<a href="a.html#x">a</a><a href="https://e.org/d">d</a>')
    assert broken(tmp_path) == ["a.html: b.html#y", "a.html: c.html"]
