"""Graphs, and a reader of tables, that tests of explanations share."""

from __future__ import annotations

import html.parser
import re
from typing import Any

from autograd import Value, sigmoid


def labelled(node: Value, label: str) -> Value:
    node.label = label
    return node


def worked_example() -> dict[str, Value]:
    numbers = {"i1": 0.05, "i2": 0.10, "b1": 0.35, "b2": 0.60}
    numbers |= {f"w{i + 1}": 0.15 + 0.05 * i for i in range(8)}
    numbers |= {"w5": 0.40, "w6": 0.45, "w7": 0.50, "w8": 0.55}
    nodes = {name: Value(x, name) for name, x in numbers.items()}
    wiring = {
        "h1": ("w1", "i1", "w2", "i2", "b1"),
        "h2": ("w3", "i1", "w4", "i2", "b1"),
        "o1": ("w5", "out_h1", "w6", "out_h2", "b2"),
        "o2": ("w7", "out_h1", "w8", "out_h2", "b2"),
    }
    for name, operands in wiring.items():
        w, x, v, y, b = (nodes[operand] for operand in operands)
        net = labelled(w * x + v * y + b, f"net_{name}")
        nodes |= {f"net_{name}": net, f"out_{name}": labelled(sigmoid(net), f"out_{name}")}
    errors = [0.5 * (0.01 - nodes["out_o1"]) ** 2, 0.5 * (0.99 - nodes["out_o2"]) ** 2]
    return nodes | {"E": labelled(errors[0] + errors[1], "E")}


def rows_of(markup: str) -> list[list[str]]:
    """Read a table back as a browser would."""

    class Reader(html.parser.HTMLParser):
        rows: list[list[str]]

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            assert tag in {"table", "thead", "tbody", "tr", "th", "td"}
            if tag == "tr":
                self.rows.append([])
            if tag in {"th", "td"}:
                self.rows[-1].append("")

        def handle_data(self, data: str) -> None:
            if data.strip():
                self.rows[-1][-1] += data

    reader = Reader()
    reader.rows = []
    reader.feed(markup)
    reader.close()
    return reader.rows


def check_latex(latex: str) -> None:
    """Parse LaTeX far enough to see that it is well formed."""
    depth = 0
    for token in re.findall(r"\\[A-Za-z]+|\\.|.", latex, re.DOTALL):
        if token in {"{", "}"}:
            depth += {"{": 1, "}": -1}[token]
            assert depth >= 0
        assert token not in {"$", "#", "%", "~", "`"}
        if token.startswith("\\"):
            assert token in {
                *[r"\frac", r"\partial", r"\cdot", r"\times", r"\cdots", r"\underbrace"],
                *[r"\quad", r"\begin", r"\end", r"\text", r"\left", r"\right", r"\mathrm"],
                *[r"\infty", r"\backslash", r"\sim", r"\wedge"],
                *(rf"\{character}" for character in "\\ ,%#$&_{}"),
            }  # fmt: skip
    assert depth == 0
    for ampersand in re.finditer(r"(?<!\\)&", latex):
        assert latex[ampersand.end() :].startswith(("= ", "\\quad {}+ "))
