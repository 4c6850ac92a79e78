"""Labels of any text: written, drawn and explained, and never more than text."""

from __future__ import annotations

import pickle
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import autograd
from autograd import Value, draw, explain
from autograd.errors import LONGEST
from nn import Neuron
from tests.fuzz.strangers import nothing_global_changes

NASTY = [
    "", " ", "\n", "\0", "\ud800", "\udfff\ud800", "\ufeff", "\u202e", "\\", "\\N", '"', '\\"', "'",
    "<", "<b>", "<>", "</title>", "&", "&amp;", "&#0;", "]]>", "--", "->", "{", "}", "{x|y}", "%s",
    "%", "$", "#", ";", "//", "/*", ".", "..", "layers.0", "layers.0.neurons.1.weights.2", "0.0.0",
    ".net", "x.out", "node", "graph", "digraph", "subgraph", "edge", "strict", "v1",
    "x'", "e\u0301", "\U0001f600", "\u2028", "\x1b[31m", "a" * 5_000, "\\l\\r\\n\\G",
    "__class__", "{0}", "{{}}",
]  # fmt: skip
labels = st.none() | st.sampled_from(NASTY) | st.text() | st.text(st.characters(codec=None))
parts = st.sampled_from(["layers", "0", "neurons", "1", "net", "out", ""]) | labels.map(str)
names = labels | st.lists(parts, max_size=5).map(".".join)


class Shouting(str):
    """A text with a mind of its own."""

    def __str__(self) -> str:
        return "loud"


def small_graph(x: str | None, w: str | None, y: str | None) -> tuple[Value, Value, Value]:
    left, right = Value(2.0, x), Value(-3.0, w)
    product = left * right
    product.label = y
    return left, right, autograd.tanh(product + left)


@given(names, names, names)
@example("\ud800", "\0", '"')
@example("a" * 20_000, "a" * 20_000, None)
@example(Shouting("quiet"), None, Shouting(""))
def test_labels_of_any_text_are_written_drawn_and_explained(
    x: str | None, w: str | None, y: str | None
) -> None:
    left, right, root = small_graph(x, w, y)
    with nothing_global_changes():
        for node in (left, right, root):
            assert repr(node) == str(node) == f"{node}"
        assert repr(left).endswith(")" if x is None else f"label={x!r})")
        source = draw(root).source
        assert source == draw(root).source
        plain = draw(small_graph("x", "w", "y")[2]).source
        if not any("." in name for name in (x, w, y) if name):
            assert edges(source) == edges(plain)
        for links in ("derivatives", "contributions", "both"):
            draw(root, links=links, expand=True).source  # noqa: B018
        text = str(explain(root, wrt=left))
        assert text == str(explain(root, wrt=left))
        assert str(explain(root))
    assert [left.label, right.label] == [x, w]
    assert left.detach().label == x


def edges(source: str) -> list[str]:
    """The links of a drawing in DOT, but for those that only keep peers in their order."""
    return re.findall(r"^\t*(\w+ -> \w+)(?!.*style=invis)", source, re.MULTILINE)


@given(names)
@example("\ud800")
def test_labels_of_any_text_come_through_copies_and_errors(label: str | None) -> None:
    leaf = Value(-1.0, label)
    assert pickle.loads(pickle.dumps(leaf)).label == label
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        autograd.log(leaf)
    text = str(caught.value)
    assert text.startswith("log(x) at x = -1.0")
    assert label is None or repr(label)[:LONGEST] in text
    assert len(text) < 2 * LONGEST


@given(st.lists(names, min_size=3, max_size=3))
def test_parameters_under_any_labels_are_drawn(given_labels: list[Any]) -> None:
    neuron = Neuron(2, "tanh", seed=0)
    for parameter, label in zip(neuron.parameters(), given_labels, strict=True):
        parameter.label = label
    with nothing_global_changes():
        assert draw(neuron([0.5, -1.0])).source
        assert draw(neuron).source
        assert str(explain(neuron([0.5, -1.0]), wrt=neuron.weights))
