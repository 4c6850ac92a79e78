"""Names, numbers and formulas: a formula read back by Python must give the node's data."""

from __future__ import annotations

import io
import math
import re
import sys
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Value
from autograd.formatting import (
    LONGEST,
    MINUS,
    SIGNS,
    derivative_of,
    evaluated,
    formula,
    names,
    number,
    operand,
    printable,
    slope,
    width,
)
from autograd.graph import interior, topological_order
from autograd.rules import RULES
from autograd.value import as_value
from tests.autograd.naive import Program, programs
from tests.table import NAMES, SAMPLES, call

# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "digits", "text"),
    [
        (0.4, 4, "0.4"),
        (-0.02260254, 4, "−0.0226"),
        (0.0004385677, 4, "4.386e−4"),
        (0.001, 4, "0.001"),
        (0.00099996, 4, "0.001"),
        (0.00099994, 4, "9.999e−4"),
        (12345.678, 4, "12346"),
        (999999.4, 4, "999999"),
        (999999.6, 4, "1e6"),
        (100.0, 4, "100"),
        (100.0, 1, "100"),
        (-3e-20, 4, "−3e−20"),
        (1e300, 1, "1e300"),
        (0.99996, 4, "1"),
        (0.25, 1, "0.2"),
        (1234567.0, 10, "1234567"),
        (0.0, 4, "0"),
        (-0.0, 4, "0"),
        (math.inf, 4, "inf"),
        (-math.inf, 4, "−inf"),
        (math.nan, 4, "nan"),
        (5e-324, 4, "4.941e−324"),
    ],
)
def test_numbers_as_people_write_them(x: float, digits: int, text: str) -> None:
    assert number(x, digits) == text


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 17))
def test_a_number_is_rounded_to_its_digits_and_not_further(x: float, digits: int) -> None:
    text = number(x, digits)
    read = Decimal(text.replace(MINUS, "-"))  # it may be too large for a float
    assert abs(read - Decimal(x)) <= Decimal(10) ** (1 - digits) / 2 * abs(Decimal(x))
    if digits == 17:
        assert float(read) == x
    mantissa = text.split("e")[0]
    assert "-" not in text
    assert not re.search(r"\.\d*0$|\.$", mantissa)
    assert sum(character.isdigit() for character in mantissa.lstrip("−0.")) <= max(digits, 6)


def test_a_number_has_at_least_one_digit() -> None:
    with pytest.raises(ValueError, match="digits must be at least 1, got 0"):
        number(1.0, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("w", "w"),
        ("layers.0.bias", "layers.0.bias"),
        ("权重", "权重"),
        ("a-b", "(a-b)"),
        ("a b", "(a b)"),
        ("a (2)", "(a (2))"),
        ("two\nlines", "(two\nlines)"),
        ("x·y", "(x·y)"),
        ("x×y", "(x×y)"),
        ("0.25", "0.25"),
        ("1e−4", "1e−4"),
        ("inf", "inf"),
        ("−2", "(−2)"),
        ("−1e−4", "(−1e−4)"),
        ("−inf", "(−inf)"),
    ],
)
def test_what_would_not_stand_as_one_is_put_in_parentheses(text: str, expected: str) -> None:
    assert operand(text) == expected
    assert derivative_of("y", text) == f"∂y/∂{expected}"
    assert derivative_of(text, "x") == f"∂{expected}/∂x"


# --- names ---------------------------------------------------------------------------------------


def named(*labels: str | None) -> list[str]:
    return list(names([Value(1.0, label) for label in labels]).values())


def test_nodes_are_called_by_their_labels_or_counted() -> None:
    assert named("w", None, "b", None) == ["w", "v1", "b", "v2"]
    assert named("", " \n", "권重") == ["v1", "v2", "권重"]
    assert names([]) == {}


def test_names_do_not_clash_with_labels() -> None:
    assert named(None, "v2", None, "v1") == ["v3", "v2", "v4", "v1"]
    assert named("a", "a", "a (2)", "a") == ["a", "a (3)", "a (2)", "a (4)"]


def test_constants_are_called_by_their_numbers_unless_they_have_a_label() -> None:
    pi = as_value(math.pi)
    pi.label = "π"
    constants = [as_value(2), as_value(-0.1234567), pi, as_value(2)]
    assert list(names(constants).values()) == ["2", "−0.123457", "π", "2"]


def test_equal_data_does_not_make_one_node_of_two_nor_two_of_one() -> None:
    x, y = Value(1.0, "x"), Value(1.0, "x")
    assert list(names([x, y, x]).items()) == [(x, "x"), (y, "x (2)")]


@given(st.lists(st.none() | st.sampled_from(["", "v1", "v3", "a", "a (2)", "a (3)"])))
def test_names_are_different_and_a_first_bearer_keeps_its_label(labels: list[str | None]) -> None:
    found = named(*labels)
    assert len({*found}) == len(found)
    for i, label in enumerate(labels):
        if label and label not in labels[:i]:
            assert found[i] == label


@pytest.mark.no_cover
def test_many_nodes_of_one_label_are_named_in_linear_time() -> None:
    found = named(*["w"] * 100_000)
    assert found[0] == "w"
    assert found[-1] == "w (100000)"


# --- formulas ------------------------------------------------------------------------------------

w, x, y, b = Value(0.5, "w"), Value(-2.0, "x"), Value(3.0, "y"), Value(-1.0, "b")


def in_names(node: Value) -> str:
    return formula(node, names(topological_order(node)))


@pytest.mark.parametrize(
    ("node", "in_words", "in_numbers"),
    [
        (w + x, "w + x", "0.5 + (−2)"),
        (w - x, "w − x", "0.5 − (−2)"),
        (w * x, "w·x", "0.5·(−2)"),
        (w / x, "w/x", "0.5/(−2)"),
        (w // x, "w // x", "0.5 // (−2)"),
        (w % x, "w % x", "0.5 % (−2)"),
        (x**2, "x^2", "(−2)^2"),
        (w**-2, "w^(−2)", "0.5^(−2)"),
        (y**w, "y^w", "3^0.5"),
        (-x, "−x", "−(−2)"),
        (abs(x), "|x|", "|−2|"),
        (autograd.square(x), "x^2", "(−2)^2"),
        (autograd.reciprocal(x), "1/x", "1/(−2)"),
        (autograd.tanh(x), "tanh(x)", "tanh(−2)"),
        (autograd.clip(x, 0, 1), "clip(x, 0, 1)", "clip(−2, 0, 1)"),
        (autograd.sum([w, x, y]), "w + x + y", "0.5 + (−2) + 3"),
        (autograd.prod([w, x, y]), "w·x·y", "0.5·(−2)·3"),
        (autograd.mean([w, x]), "mean(w, x)", "mean(0.5, −2)"),
        (autograd.dot([w, x], [y, b]), "w·y + x·b", "0.5·3 + (−2)·(−1)"),
        (autograd.dot([w, x], [1, -1]), "w + x·(−1)", "0.5 + (−2)·(−1)"),
        (autograd.net([w, x], [y, b], b), "w·y + x·b + b", "0.5·3 + (−2)·(−1) + (−1)"),
        (autograd.net([w, x], [0.05, 0.1], b), "w·0.05 + x·0.1 + b", "0.5·0.05 + (−2)·0.1 + (−1)"),
        (Value(-0.25), "−0.25", "−0.25"),
    ],
)  # fmt: skip
def test_formulas_in_names_and_in_numbers(node: Value, in_words: str, in_numbers: str) -> None:
    assert in_names(node) == in_words
    assert evaluated(node) == in_numbers


def test_names_that_hold_an_operator_and_small_numbers_stand_in_parentheses() -> None:
    odd = Value(1e-5, "a-b")
    assert in_names(odd * w) == "(a-b)·w"
    blank = Value(2.0, "a b")
    assert in_names(blank * w) == "(a b)·w"
    assert in_names(blank**2) == "(a b)^2"
    assert in_names(autograd.tanh(blank)) == "tanh(a b)"
    assert in_names(autograd.exp(odd)) == "exp(a-b)"
    assert evaluated(odd * w) == "1e−5·0.5"
    assert evaluated(odd**2) == "(1e−5)^2"


def test_a_function_of_ones_own() -> None:
    softsign = autograd.custom_function(
        "softsign_of_wording", lambda x: x / (1 + abs(x)), lambda m, y, x: 1 / (1 + m.abs(x)) ** 2
    )
    assert in_names(softsign(x)) == "softsign_of_wording(x)"


@pytest.mark.no_cover
@pytest.mark.parametrize("function", [autograd.sum, autograd.mean, autograd.prod])
def test_long_formulas_leave_out_the_middle(function: Callable[[list[Value]], Value]) -> None:
    xs = [Value(1.0, f"x{i}") for i in range(100_000)]
    known = {node: str(node.label) for node in xs}
    text = formula(function(xs), known)
    found = re.findall(r"x\d+|…", text)
    assert found == [*(f"x{i}" for i in range(LONGEST - 2)), "…", "x99999"]
    assert "…" not in formula(function(xs[:LONGEST]), known)
    assert "…" in formula(function(xs[: LONGEST + 1]), known)


def test_a_long_net_keeps_its_bias() -> None:
    ws = [Value(2.0, f"w{i}") for i in range(50)]
    text = in_names(autograd.net(ws, ws, b))
    assert text.endswith("w5·w5 + … + b")
    assert in_names(autograd.net(ws, [3.0] * 50, b)).endswith("w5·3 + … + b")


def test_a_parent_without_a_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        formula(w * x, {w: "w"})


def read_back(text: str, **known: float) -> float:
    """Let Python evaluate a formula."""
    text = re.sub(r"\|([^|]*)\|", r"abs(\1)", text)
    for sign, python in {"·": "*", MINUS: "-", "^": "**"}.items():
        text = text.replace(sign, python)
    functions = {name: vars(autograd.functions)[name] for name in autograd.functions.__all__}
    of_sequence = {"logsumexp": lambda *xs: autograd.logsumexp(xs)}
    return float(eval(text, {**functions, **of_sequence, **known}))


@given(programs(max_size=15))
def test_a_formula_read_back_gives_the_data(program: Program) -> None:
    nodes = [
        node
        for node in program.run(functions, [Value(leaf) for leaf in program.leaves])
        if node.parents
    ]
    order = topological_order(*nodes)
    called = names(order)
    data = {name: node.data for node, name in called.items() if name.isidentifier()}
    for node in interior(*nodes):
        assert read_back(formula(node, called), **data) == pytest.approx(node.data, abs=1e-9)
        operands = [abs(parent.data) for parent in node.parents]
        slack = 1e-4 * (1 + max(operands)) ** 3
        assert read_back(evaluated(node)) == pytest.approx(node.data, abs=slack, rel=1e-3)


functions = SimpleNamespace(**vars(autograd.functions))


# --- signs, and terminals ------------------------------------------------------------------------


def test_a_sign_for_every_operator_and_for_nothing_else() -> None:
    assert {*SIGNS} <= {*RULES}
    assert {"+", "-", "*", "/", "//", "%", "**", "neg", "abs"} <= {*SIGNS}
    assert SIGNS["*"] == "×"
    assert SIGNS["/"] == "÷"
    assert all(sign for sign in SIGNS.values())
    assert "tanh" not in SIGNS


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0), ("w·x", 3), ("권중치", 6), ("한국", 4), ("é", 1), ("e\u0301", 1), ("भार", 3),
        ("\uff37", 2), ("\u200bw", 1),
        ("\u1112\u1161\u11ab\u1100\u116e\u11a8", 4),
    ],
)  # fmt: skip
def test_columns_on_a_terminal(text: str, columns: int) -> None:
    assert width(text) == columns


@pytest.mark.parametrize("encoding", ["ascii", None])
def test_what_a_terminal_lacks_is_written_in_ascii(encoding: str | None) -> None:
    assert printable("∂y/∂x = 2 × −3 · w² …", encoding) == "dy/dx = 2 * -3 * w^2 ..."
    assert printable("½ ∑ x – ✓ ✗ →", encoding) == "1/2 sum x - ok NO ->"
    assert printable("plain", encoding) == "plain"
    assert printable("x\udcff", encoding) == "x\\udcff"


def test_what_a_terminal_has_is_left_alone() -> None:
    assert printable("∂权重 ½", "utf-8") == "∂权重 ½"
    assert printable("é²", "latin-1") == "é²"
    assert printable("x\udcff", "utf-8") == "x\\udcff"


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "cp1252", "latin-1", "shift_jis", "utf-8"])
@given(st.text())
def test_whatever_is_printed_can_be_encoded(encoding: str, text: str) -> None:
    shown = printable(text, encoding)
    shown.encode(encoding)
    kept = [c for c in text if c.encode(encoding, "ignore")]
    letters = iter(shown)
    assert all(c in letters for c in kept)  # in this order


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("α·Ως ώ Ά", "ascii", "alpha*Omegasigma omega Alpha"),
        ("café ± ½", "cp1252", "café ± ½"),
        ("∂é/∂w → 2×x²", "cp1252", "dé/dw -> 2×x²"),
        ("naïve x₁ é", "ascii", "naive x1 e"),
        ("权重", "ascii", "\\u6743\\u91cd"),
    ],
)
def test_imitations(text: str, encoding: str, expected: str) -> None:
    assert printable(text, encoding) == expected


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437"])
def test_what_prints_itself_prints_anywhere(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    omega, y = Value(1.0, "ω"), Value(2.0, "权")
    output = autograd.tanh(omega * y) + omega
    check = autograd.gradcheck(
        lambda ω: autograd.maximum(ω, 1.0), 1.0, raise_exception=False
    )  # undecided
    program = autograd.compile(lambda x: x * x)
    program(1.0)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    for printed in (autograd.explain(output, omega), autograd.explain(output), check):
        sys.stdout.write(f"{printed}\n")
    sys.stdout.write(str(program.program))
    sys.stdout.flush()
    text = raw.getvalue().decode(encoding)
    assert "omega" in text
    table = [line for line in text.splitlines() if line.endswith("%")][-2:]
    assert len({len(line) for line in table}) == 1  # columns stay aligned


def test_a_label_that_reads_as_a_constant_is_quoted() -> None:
    labelled, constant = Value(5.0, "3"), as_value(3.0)
    y = labelled * constant
    called = names([labelled, constant, y])
    assert list(called.values()) == ["'3'", "3", "v1"]
    assert formula(y, called) == "'3'·3"
    assert list(names([labelled]).values()) == ["3"]


# --- local derivatives ---------------------------------------------------------------------------


def textbook_value(text: str, known: dict[str, float]) -> float:
    """Evaluate a formula that is written as in textbooks."""
    python = text.replace("·", "*").replace("^", "**").replace("\N{MINUS SIGN}", "-")
    functions = {name: getattr(autograd, name) for name in dir(autograd) if name.islower()}
    return float(eval(python, {"pi": math.pi, "abs": abs, **functions, **known}))


@pytest.mark.parametrize("name", [name for name in NAMES if not RULES[name].of_sequence])
def test_local_derivatives_are_those_that_the_formula_gives(name: str) -> None:
    rule = RULES[name]
    for inside in ((0.3, 0.7, 0.2)[: len(rule.operands)], SAMPLES[name]):
        leaves = [Value(float(x), f"x{i}") for i, x in enumerate(inside)]
        try:
            y = call(rule, leaves)
        except ValueError:  # off the domain
            continue
        y.label = "y"
        leaves = list(y.parents)  # or constants, where no Value is allowed
        known = {leaf: f"x{i}" for i, leaf in enumerate(leaves)} | {y: "y"}
        numbers = {text: node.data for node, text in known.items()}
        for place, derivative in enumerate(y.local_derivatives):
            text = slope(y, place, known)
            if text and math.isfinite(derivative):
                assert textbook_value(text, numbers) == pytest.approx(
                    derivative, rel=1e-9, abs=1e-12
                )


def test_local_derivatives_in_words() -> None:
    a, b, c = Value(0.5, "a"), Value(2.0, "b"), Value(3.0, "a-b")

    def slopes(node: Value) -> list[str]:
        known = names(topological_order(node))
        return [
            slope(node, place, known).replace("\N{MINUS SIGN}", "-")
            for place in range(len(node.parents))
        ]

    assert slopes(a * b) == ["b", "a"]
    assert slopes(a / b) == ["1/b", "-a/b^2"]
    assert slopes(a**2)[0] == "2·a"
    assert slopes(a**3)[0] == "3·a^2"
    assert slopes(a**b) == ["b·a^(b - 1)", "a^b·log(a)"]
    assert slopes(autograd.tanh(a)) == ["1 - v1^2"]
    assert slopes(autograd.sigmoid(a)) == ["v1·(1 - v1)"]
    assert slopes(autograd.square(c)) == ["2·(a-b)"]
    assert slopes(autograd.net([a], [b], c)) == ["b", "a", ""]
    assert slopes(a + b) == slopes(a - b) == slopes(autograd.maximum(a, b)) == ["", ""]
    assert slopes(autograd.relu(a)) == slopes(-a) == slopes(autograd.sum([a])) == [""]
    own = autograd.custom_function("twice", lambda x: 2 * x, lambda m, y, x: (2.0,), summary="`x`")
    assert slopes(own(a)) == [""]
