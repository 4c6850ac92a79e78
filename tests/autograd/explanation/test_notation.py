"""Numbers and names as they are written, in words and in LaTeX."""

from __future__ import annotations

import math
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from autograd.explanation import explain
from autograd.explanation.notation import LONGEST, MOST_PATHS, counted_paths, percent, percentage
from tests.autograd.explanation.graphs import check_latex, labelled, rows_of


def test_numbers_of_ordinary_size_have_ten_decimals_and_others_ten_digits() -> None:
    def said(derivative: float) -> str:
        x = Value(1.0, "x")
        return explain(x * derivative, x).text.split(" = ")[-1]

    assert said(0.1) == "0.1"
    assert said(1 / 3) == "0.3333333333"
    assert said(-2 / 3) == "−0.6666666667"
    assert said(1e-4 / 3) == "3.333333333e−5"
    assert said(1e4 / 3) == "3333.3333333333"
    assert said(1e9 / 3) == "333333333.3"
    assert said(-1e12 / 3) == "−3.333333333e11"
    assert said(0.0) == "0"


@pytest.mark.parametrize(
    ("label", "text", "latex"),
    [
        ("w", "w", "w"),
        ("w12", "w12", "w_{12}"),
        ("out_h1", "out_h1", r"\mathrm{out}_{h1}"),
        ("x_max", "x_max", r"x_{\mathrm{max}}"),
        ("loss", "loss", r"\text{loss}"),
        ("layers.0.bias", "layers.0.bias", r"\text{layers.0.bias}"),
        ("a_b_c", "a_b_c", r"\text{a}\_\text{b}\_\text{c}"),
        ("권重", "권重", r"\text{권重}"),
        ("a+b", "(a+b)", r"\text{a+b}"),
        ("two\nlines\t", "(two lines)", r"\text{two lines}"),
        ("\x1b[31m\x00", r"\x1b[31m\x00",
         r"\backslash{}\text{x1b[31m}\backslash{}\text{x00}"),
        (r"\input{x}$", r"\input{x}$", r"\backslash{}\text{input}\{\text{x}\}\$"),
        ("#%&~^", "(#%&~^)", r"\#\%\&{\sim}{\wedge}"),
        ("<b>", "<b>", r"{<}\text{b}{>}"),
    ],
)  # fmt: skip
def test_labels_of_any_kind(label: str, text: str, latex: str) -> None:
    x = Value(1.0, label)
    y = labelled(x * 2.0, "y")
    found = explain(y, x)
    assert found.text == f"∂y/∂{text} = 2"
    assert found.latex == rf"\frac{{\partial y}}{{\partial {latex}}} = 2"
    assert found.names == ("y", label)


@given(st.text())
def test_no_label_breaks_out_of_a_line_or_of_a_formula(label: str) -> None:
    x = Value(1.0, label)
    found = explain(labelled(x * 2.0, label) + x, x)
    # Within \text{…} nothing is special any more.
    check_latex(re.sub(r"\\text\{([^\\{}$&#%_~^<>]*)\}", r"\\text{}", found.latex))
    assert len(found.text.splitlines()) == 3
    controls = {"Cc", "Cs"}
    assert not any(unicodedata.category(c) in controls for c in found.text.replace("\n", ""))
    table = explain(found.output)
    assert len(table.text.splitlines()) == 2
    assert len(rows_of(table._repr_html_())) == 2


def test_shares_and_counts() -> None:
    assert (percentage(0.25), percent(0.25)) == ("25 %", " (25 %)")
    assert (percentage(math.nan), percent(math.nan)) == ("", "")
    assert counted_paths(1234) == "1,234"
    assert counted_paths(MOST_PATHS) == f"{MOST_PATHS:,}"
    assert counted_paths(MOST_PATHS + 1) == "more than 10^15"


def test_a_long_product_says_how_many_factors_it_leaves_out() -> None:
    for count in (LONGEST, LONGEST + 1, LONGEST + 30):
        x = Value(1.0, "x")
        y = x
        for _ in range(count):
            y = labelled(y * 2.0, "h")
        said = {*re.findall(r"[0-9]+ more", explain(y, x).text)}
        assert said == ({f"{count - LONGEST + 1} more"} if count > LONGEST else set())
