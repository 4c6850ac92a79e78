"""Expressions: what they mean, how errors point at them, and that they run no code."""

from __future__ import annotations

import ast
import inspect
import math
import pickle
import re
import sys
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import autograd
from autograd import Value, custom_function, graph
from autograd.expression import (
    DEEPEST,
    LONGEST,
    MOST_BRACKETS,
    MOST_SHARES,
    ExpressionError,
    _Expression,
    function_names,
    parse,
)
from autograd.formatting import width
from autograd.kinds import CONSTANT
from autograd.rules import RULES
from tests.counting import counting

NAMES = {"w": 0.5, "x": 2.0, "b": -1.0}


def used(text: str) -> Value:
    """The expression, with those of the names that are in it."""
    words = re.findall(r"\w+", text)
    return parse(text, {name: value for name, value in NAMES.items() if name in words})


def full_width(text: str) -> str:
    """The text in letters that look alike, and that Python takes for the same in names."""
    return "".join(chr(ord(c) + 0xFEE0) for c in text)


def refused(text: str, values: dict[str, Any] | None = None) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        parse(text, NAMES if values is None else values)
    return caught.value


def most_calls(text: str) -> int:
    """The work to refuse a text: at most proportional to its length; none if it is too long."""
    return 20_000 + 50 * (len(text) if len(text) <= LONGEST else 0)


# --- what an expression means --------------------------------------------------------------------


def test_an_expression_is_the_graph_of_the_same_python() -> None:
    w, x, b = Value(0.5, "w"), Value(2.0, "x"), Value(-1.0, "b")
    y, expected = parse("tanh(w*x + b)", {"w": w, "x": x, "b": b}), autograd.tanh(w * x + b)
    for node in (y, expected):
        node.backward()
    assert (y.data, y.op) == (expected.data, expected.op)
    assert graph.operation_counts(y) == graph.operation_counts(expected)
    assert (w.grad, x.grad, b.grad) == (4.0, 1.0, 2.0)  # both have added to it


def test_numbers_become_values_labelled_with_their_names() -> None:
    leaves = graph.leaves(parse("w*x + b", NAMES))
    assert {leaf.label: leaf.data for leaf in leaves} == NAMES
    assert [node.label for node in graph.interior(parse("w*x + b", NAMES))] == [None, None]


def test_a_value_is_taken_as_it_is() -> None:
    x = Value(3.0, "another label")
    assert parse("x", {"x": x}) is x
    assert parse("+x * x", {"x": x}).parents == (x, x)
    assert x.label == "another label"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2", 2.0),
        ("1_000.5e-1", 100.05),
        (".5 + 1.", 1.5),
        ("-2**2", -4.0),
        ("2**-1", 0.5),
        ("2**3**2", 512.0),
        ("-7 // 2 + -7 % 3", -2.0),
        ("1 - 2 - 3", -4.0),
        ("8 / 4 / 2", 1.0),
        ("+-+1", -1.0),
        ("pi - e", math.pi - math.e),
        ("exp(1) * x ** 0", math.e),
        ("  x *\n  w\t", 1.0),
        ("x\N{NO-BREAK SPACE}*\N{NO-BREAK SPACE}w", 1.0),
        ("leaky_relu(b, slope=0.1)", -0.1),
        ("leaky_relu(b, 0.1)", -0.1),
        ("elu(b, alpha=x)", 2.0 * math.expm1(-1.0)),
        ("clip(upper=1, x=x, lower=0)", 1.0),
        ("hypot(3, 4)", 5.0),
        ("where(b, w, x)", 0.5),
        ("sum(w, x, b)", 1.5),
        ("sum([w, x, b])", 1.5),
        ("sum([])", 0.0),
        ("sum()", 0.0),
        ("sum(w,)", 0.5),
        ("max([w, x, b]) + min(w, x, b) + mean(x) + prod(x, x) + norm(3, 4)", 12.0),
        ("logsumexp(0, 0)", math.log(2.0)),
        ("dot([w, x], [x, b])", -1.0),
        ("net([w, x], [x, b], 3)", 2.0),
        ("net([w], [x], b)", 0.0),
        ("sum(softmax(w, x, b))", 1.0),
        ("dot(softmax([w, x]), [1, 1])", 1.0),
        ("polygamma(1, 1)", math.pi**2 / 6),
    ],
)
def test_operators_functions_and_numbers(text: str, expected: float) -> None:
    assert used(text).data == pytest.approx(expected, rel=1e-15)


def test_a_plain_number_is_a_constant_of_the_graph() -> None:
    assert parse("2 * 3", {}).op is CONSTANT
    square = parse("x ** (1 + 1)", {"x": 3})
    assert [parent.op for parent in square.parents] == ["", CONSTANT]
    assert square.local_derivatives == (6.0, 0.0)


@pytest.mark.parametrize("name", sorted(set(autograd.functions.__all__) & set(RULES)))
def test_every_function_of_the_library_can_be_called(name: str) -> None:
    row = RULES[name]
    assert name in function_names()
    if row.example is None or row.numbers_only:  # the numbers of an expression are Values
        return
    operands, value = row.example
    names = dict(zip("abcdefgh", operands, strict=False))
    found = parse(f"{name}({', '.join(names)})", names).data
    assert found == pytest.approx(value, rel=1e-14)


@pytest.mark.usefixtures("table")
def test_a_function_of_ones_own_can_be_called() -> None:
    custom_function("twofold", lambda x: 2.0 * x, lambda m, y, x: 2.0)
    custom_function("spread", lambda *xs: max(xs) - min(xs), lambda m, y, *xs: (0.0,) * len(xs))
    assert parse("twofold(x) + spread(1, x)", {"x": 3.0}).data == 8.0
    assert "'x'" not in refused("twofold(x, x)").problem
    assert "twofold(x)" in refused("twofold(x, x)").problem


def test_pi_and_e_may_be_given() -> None:
    assert parse("pi * e", {"pi": 3, "e": 2}).data == 6.0


def test_names_are_compared_as_python_compares_them() -> None:
    ligature, decomposed = "\ufb01", "e\u0301"
    y = parse(f"fi + {ligature} + \u00e9 + {decomposed}", {ligature: 1, "\u00e9": 10})
    assert y.data == 22.0
    assert {leaf.label for leaf in graph.leaves(y)} == {"fi", "\u00e9"}
    assert (
        parse("भार * 권중치 * 权重 * вес", dict.fromkeys(["भार", "권중치", "权重", "вес"], 2)).data
        == 16
    )
    assert parse(f"{full_width('exp')}(x)", {"x": 0}).data == 1.0
    assert "two spellings" in refused("fi", {"fi": 1, ligature: 2}).problem


# --- the same as Python's arithmetic -------------------------------------------------------------


def of_reals(function: Callable[..., float]) -> Callable[..., float]:
    """The function, refusing the complex numbers that Python's powers can bring up."""

    def checked(*xs: float) -> float:
        if any(isinstance(x, complex) for x in xs):
            raise ValueError("complex")
        return function(*xs)

    return checked


FUNCTIONS: dict[str, Callable[..., float]] = {
    "abs": abs,
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "sin": math.sin,
    "tanh": math.tanh,
    "arctan": math.atan,
    "hypot": math.hypot,
    "arctan2": math.atan2,
    "sum": lambda *xs: math.fsum(xs),
    "floor": lambda x: float(math.floor(x)) if math.isfinite(x) else x,
}
ORACLE = {name: of_reals(function) for name, function in FUNCTIONS.items()}
UNARY = ["abs", "exp", "log", "sqrt", "sin", "tanh", "arctan", "floor"]

leaves = st.sampled_from(["x", "y", "w", "pi"]) | st.floats(0.0, 1e4).map(repr)
spaces = st.sampled_from(["", " ", "  "])


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "/", "//", "%", "**"])
    return st.one_of(
        st.tuples(inner, spaces, operators, spaces, inner).map("".join),
        st.tuples(st.sampled_from("+-"), spaces, inner).map("".join),
        st.tuples(st.just("("), inner, spaces, st.just(")")).map("".join),
        st.builds("{}({})".format, st.sampled_from(UNARY), inner),
        st.builds("{}({}, {})".format, st.sampled_from(["hypot", "arctan2"]), inner, inner),
        st.lists(inner, max_size=4).map(lambda xs: f"sum({', '.join(xs)})"),
    )


@given(
    st.recursive(leaves, grown, max_leaves=15),
    *[st.floats(-10.0, 10.0) for _ in range(3)],
)
@example("-x ** -y ** w", 2.0, 3.0, 0.0)
@example("(-x) ** 0.5", 2.0, 0.0, 0.0)  # complex to Python
@example("x // 0.0", 2.0, 0.0, 0.0)
@example("1e4 ** 1e4", 2.0, 0.0, 0.0)
def test_expressions_mean_what_python_says(text: str, x: float, y: float, w: float) -> None:
    values = {"x": x, "y": y, "w": w}
    try:
        expected = eval(text, {"__builtins__": {}, "pi": math.pi, **ORACLE}, dict(values))
        defined = isinstance(expected, float)
    except (ArithmeticError, ValueError, TypeError):  # the last of // and % of complex numbers
        defined = False
    # Multiplied by 0 and added, so that each name is used whatever the text is.
    padded = f"sum({text}, 0*x, 0*y, 0*w)"
    if not defined:
        with pytest.raises(ExpressionError):
            parse(padded, values)
        return
    if math.isinf(expected):  # with which fsum refuses any sum
        padded = f"({text}) + 0*x + 0*y + 0*w"
    result = parse(padded, values).data
    assert result == expected or (math.isnan(result) and math.isnan(expected))


# --- errors point at what is wrong ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("x ^ 2", 2, ["**, not ^"]),
        ("w × x", 2, ["written *"]),
        ("w·x", 0, ["written *"]),
        ("w−x", 1, ["minus", "-"]),
        ("x²", 1, ["**"]),
        ("2x + 1", 0, ["'2x'", "2 * x"]),
        ("w + 0x1f", 4, ["0x1f", "decimal"]),
        ("1.2.3", 0, ["1.2.3"]),
        ("1__0", 0, ["1__0"]),
        ("w + 2j", 4, ["complex"]),
        ("w + 1e999", 4, ["too large"]),
        ("w + " + "9" * 5000, 4, ["too large"]),
        ("007", 0, ["leading zeros"]),
        ("w x", 2, ["operator is missing", "'x'"]),
        ("w (x) b", 6, ["operator is missing", "'b'"]),
        ("(w) 3", 4, ["operator is missing", "'3'"]),
        ("x *", 2, ["operand is missing after *"]),
        ("(x -) + w", 3, ["operand is missing after -"]),
        ("x +* w", 3, ["operand is missing before *"]),
        ("/ x", 0, ["operand is missing before /"]),
        ("sum(w,,x)", 6, ["operand is missing before ,"]),
        ("sum(w + , x)", 6, ["operand is missing after +"]),
        ("w * (x + b", 4, ["( is never closed"]),
        ("w * x)", 5, [") closes no bracket"]),
        ("sum([w, x)", 9, [") closes no bracket"]),
        ("w, x", 0, ["comma"]),
        ("w = x", 2, ["assignments"]),
        ("w == x", 2, ["comparisons"]),
        ("w < x", 2, ["comparisons"]),
        ("hypot(x + 1 = w, b)", 6, ["not arithmetic"]),
        ("hypot(x1=w, b)", 13, ["positional argument follows"]),
        ("w + sin", 4, ["sin is a function", "sin(x)"]),
        ("w + softmax", 4, ["softmax(x1, x2, …)"]),
        ("w + net", 4, ["net([weights], [inputs], bias)"]),
        ("w + x(b + 1)", 4, ["x is a number", "x * ("]),
        ("w + pi(b)", 4, ["pi is a number"]),
        ("w + tan_h(b)", 4, ["'tan_h'", "did you mean tanh?"]),
        ("w + asin(b)", 4, ["'asin'", "did you mean arcsin?"]),
        ("w + ln(b)", 4, ["did you mean log?"]),
        ("w + nothing_like_it(b)", 4, ["abs, arccos", "where"]),
        ("pow(w, x)", 0, ["x ** y"]),
        ("w + bb", 4, ["'bb' has no value", "did you mean b?", "given: w, x, b"]),
        ("w + unlike", 4, ["'unlike' has no value", "given: w, x, b"]),
        ("w + \N{CYRILLIC SMALL LETTER HA}", 4, ["has no value", "CYRILLIC SMALL LETTER HA"]),
        ("exp(w, x)", 0, ["exp(x)", "too many"]),
        ("exp(x=w)", 0, ["exp(x)"]),
        ("w + leaky_relu(b, slop=1)", 4, ["leaky_relu(x, slope=0.01)", "'slop'"]),
        ("clip(w, x)", 0, ["clip(x, lower, upper)", "'upper'"]),
        ("clip(w, lower=b, lower=b, upper=x)", 0, ["lower is given twice"]),
        ("sum(xs=[w])", 0, ["sum(x1, x2, …)"]),
        ("sum([w], x)", 0, ["sum(x1, x2, …)", "one list"]),
        ("exp([w])", 0, ["exp(x)", "not lists"]),
        ("leaky_relu(w, slope=[x])", 0, ["not lists"]),
        ("dot(w, x)", 0, ["dot([xs1], [xs2])"]),
        ("dot([w], xs2=[x])", 0, ["dot([xs1], [xs2])"]),
        ("net([w], [x], [b])", 0, ["net([weights], [inputs], bias)"]),
        ("dot([w], [x, b])", 0, ["1 and 2"]),
        ("sum([[w], x])", 4, ["operand of a function"]),
        ("w * [x]", 2, ["operand of a function"]),
        ("-[x]", 0, ["operand of a function"]),
        ("softmax(w, x)", 0, ["is a list"]),
        ("[w, x]", 0, ["is a list"]),
        ("sum(softmax(w, x), b)", 0, ["one list"]),
        ("dot([softmax(w, x)], [b])", 4, ["operand of a function"]),
        ("()", 0, ["comma"]),
        ("w + (x, b)", 4, ["comma"]),
        ("w + mean()", 4, ["at least one operand"]),
    ],
)
def test_errors_say_what_is_wrong_and_where(text: str, column: int, words: list[str]) -> None:
    error = refused(text)
    assert (error.expression, error.column) == (text, column)
    for word in words:
        assert word in error.problem
    assert len(error.problem) < 1000


@pytest.mark.parametrize(
    ("text", "column", "cause", "words"),
    [
        ("w * log(b)", 4, ValueError, ["log(x)", "-1.0", "'b'", "x > 0"]),
        ("log(-1)", 0, ValueError, ["log(x)", "-1.0"]),
        ("w + x / (b + 1)", 6, ZeroDivisionError, ["x1 / x2", "division by zero"]),
        ("((w)) / ( (b+1))", 6, ZeroDivisionError, ["x1 / x2"]),
        ("(w*x) // (b+1)", 6, ZeroDivisionError, ["//"]),
        ("1 + 1 / 0", 6, ZeroDivisionError, ["x1 / x2 at x1 = 1.0, x2 = 0.0"]),
        ("w + 7 % 0", 6, ZeroDivisionError, ["%"]),
        ("9**9**9", 1, OverflowError, ["387420489.0"]),
        ("w + x ** 9**9**9", 10, OverflowError, ["387420489.0"]),
        ("(-8) ** (1/3)", 5, ValueError, ["negative number"]),
        ("b ** w", 2, ValueError, ["negative number"]),
        ("exp(1000)", 0, OverflowError, ["exp(x)"]),
        ("1 + exp(1000*x)", 4, OverflowError, ["exp(x)", "result of '*'"]),
        ("clip(w, x, b)", 0, ValueError, ["lower bound exceeds"]),
    ],
)
def test_off_the_domain_the_librarys_error_is_pointed_at_its_operation(
    text: str, column: int, cause: type[Exception], words: list[str]
) -> None:
    error = refused(text)
    assert error.column == column
    assert type(error.__cause__) is cause
    for word in words:
        assert word in str(error)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"x": 1, "y": 2, "z": 3}, ["'y'", "'z'", "not in the expression"]),
        ({"x": 1, "tanh": 2}, ["'tanh'", "function"]),
        ({"x": 1, "lambda": 2}, ["'lambda'", "keyword of Python"]),
        ({"x": 1, "\N{FULLWIDTH LATIN SMALL LETTER I}f": 2}, ["keyword of Python"]),
        ({"x": 1, "": 2}, ["''", "cannot be a name"]),
        ({"x": 1, "2y": 2}, ["'2y'", "cannot be a name"]),
        ({"x": 1, "a.b": 2}, ["'a.b'", "cannot be a name"]),
        ({"x": 1, "a\ud800": 2}, ["cannot be a name"]),
        ({"x": 1, "n" * 1000: 2}, ["'nnnn", "..."]),
    ],
)
def test_names_that_are_given(values: dict[str, float], words: list[str]) -> None:
    error = refused("x", values)
    assert error.column is None
    assert str(error) == error.problem
    assert len(error.problem) < 200
    for word in words:
        assert word in error.problem


def test_what_is_given_has_a_type() -> None:
    with pytest.raises(TypeError, match="str, got bytes"):
        parse(b"x", {"x": 1})  # type: ignore[arg-type]  # the wrong type
    with pytest.raises(TypeError, match="str, got int"):
        parse("x", {1: 1})  # type: ignore[dict-item]  # the wrong type
    with pytest.raises(TypeError, match="parse: x"):
        parse("x", {"x": "1"})  # type: ignore[dict-item]  # the wrong type
    with pytest.raises(OverflowError, match="parse: x"):
        parse("x", {"x": 10**400})


def test_an_error_shows_the_expression_on_one_line() -> None:
    assert str(refused("w * x\n  + b ^ 2")).splitlines()[1:] == [
        "  w * x   + b ^ 2",
        " " * 14 + "^",
    ]


@pytest.mark.parametrize(
    ("before", "columns"),
    [
        ("w + ", 4),
        ("权重 + ", 7),
        ("권중치*", 7),
        ("한국*", 7 - 2),  # decomposed below
        ("é*", 2),
        ("вес*", 4),
        ("     ", 5),
        ("भार*", 4),
        ("\t\n", 2),
    ],
)
def test_the_caret_stands_under_names_of_any_script(before: str, columns: int) -> None:
    assert width(before.replace("\t", " ").replace("\n", " ")) == columns
    for text in {before, _decomposed(before)}:
        shown = str(refused(f"{text}$ + 1")).splitlines()
        assert shown[1].endswith("$ + 1")
        assert shown[2] == " " * (2 + columns) + "^"


def _decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


@pytest.mark.parametrize("text", ["权重 + log(b)", "  权重 + log(b)", "é + 权重 + (b) / 0"])
def test_columns_count_characters_not_bytes(text: str) -> None:
    error = refused(text, {name: -1 for name in ("权重", "b", "é") if name in text})
    assert error.column == text.index("log" if "log" in text else "/")


def test_of_a_long_expression_a_piece_is_shown() -> None:
    shown = str(refused("x" + "+w" * 400 + "^" + "+b" * 400)).splitlines()
    assert all(len(line) <= 80 for line in shown)
    assert shown[1].startswith("  ...")
    assert shown[1].endswith("...")
    assert shown[1][shown[2].index("^")] == "^"
    assert str(refused("^" + "+b" * 400)).splitlines()[2] == "  ^"


def test_what_cannot_be_shown_is_replaced() -> None:
    for odd in ("\x00", "\x1b", "\ud800", "\N{RIGHT-TO-LEFT OVERRIDE}", "\N{ZERO WIDTH SPACE}"):
        shown = str(refused(f"x + {odd} w"))
        assert odd not in shown
        assert shown.splitlines()[1:] == ["  x + \ufffd w", "      ^"]
        shown.encode()


def test_an_error_can_be_pickled() -> None:
    error = refused("x ^ 2")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is ExpressionError
    assert str(copy) == str(error)
    assert (copy.problem, copy.expression, copy.column) == (error.problem, "x ^ 2", 2)


# --- nothing gets out ----------------------------------------------------------------------------


def shortened(text: str) -> str:
    return ascii(text[:40])


ATTEMPTS = [
    "__import__('os').system('true')",
    "__import__(os)",
    "exec(x)",
    "eval(x)",
    "open(x)",
    "print(x)",
    "getattr(x, w)",
    "globals()",
    "breakpoint()",
    "x.__class__",
    "x.data",
    "().__class__.__bases__[0].__subclasses__()",
    "[].__class__",
    "(1).__class__",
    "1..real",
    "1.real",
    "tanh.__globals__",
    "tanh.__call__(x)",
    "tanh . __globals__",
    "__builtins__",
    "__name__",
    "__debug__",
    "_",
    "x[0]",
    "[1, 2][0]",
    "sum[0]",
    "(lambda: x)()",
    "lambda x: x",
    "(lambda f: f(f))(lambda f: f(f))",
    "[x for x in [1, 2]]",
    "sum(x for x in [1, 2])",
    "{x: x}",
    "{x}",
    "{**x}",
    "[c for c in ().__class__.__base__.__subclasses__() if c.__name__ == 'Popen']",
    "x if w else b",
    "x and w",
    "not x",
    "x in w",
    "x is w",
    "(y := x)",
    "sum(y := x)",
    "x; w",
    "x\n; import os",
    "import os",
    "del x",
    "x = 1",
    "x += 1",
    "yield x",
    "await x",
    "async x",
    "return x",
    "'a'",
    '"a" * 10',
    "b'a'",
    "'%s' % x",
    "'{0.__class__}'.format(x)",
    "f'{x}'",
    "f'{x.__class__}'",
    "f'{f\"{x!r:>{w}}\"}'",
    "f'''{f\"{f'{x}'}\"}'''",
    "'''x",
    "r'\\'",
    "`x`",
    "x # comment",
    "# coding: utf-7\nx",
    "x \\\n + w",
    "sum(*x)",
    "sum(*[x, w])",
    "hypot(**x)",
    "[*x]",
    "*x",
    "...",
    "True",
    "None + x",
    "True + x",
    "~x",
    "x @ w",
    "x & w",
    "x | w",
    "x << w",
    "x -> w",
    "x ? w : b",
    "x!",
    "$x",
    "@x",
    "1j",
    "1e5j",
    "0b11",
    "0o17",
    "sum.x",
    "sum(x)(w)",
    "sum()()",
    "tanh(tanh)(x)",
    "(tanh)(x)",
    "[tanh][0](x)",
    "tanh(tanh)",
    "custom_function(x, w, b)",
    "no_grad()",
    "Value(x)",
    "record(x)",
    "neg(x)",
    "linear(x)",
    "x\0",
    "\0",
    "x\ud800",
    "\udcff",
    "\N{ZERO WIDTH NO-BREAK SPACE}x",
    "x\N{RIGHT-TO-LEFT OVERRIDE}w",
    full_width("1") + " + x",
    full_width("(x)"),
    "x\N{FULLWIDTH FULL STOP}data",
    "x\N{ONE DOT LEADER}data",
    full_width("lambda"),
    full_width("__import__") + "(x)",
    "\N{MATHEMATICAL SCRIPT SMALL Y} + w",
    "x\N{SUPERSCRIPT TWO}",
    "\N{ROMAN NUMERAL TWO}",
    "9**9**9",
    "9**9**9**9**9",
    "2**2**2**2**2**2",
    "x ** 1e308 * exp(9**9)",
    "1" + "0" * 5000,
    "0." + "0" * 5000 + "1e5000",
    "",
    "   ",
    "\n",
]


@pytest.mark.parametrize("text", ATTEMPTS, ids=shortened)
def test_attempts_to_break_out(text: str) -> None:
    with counting() as count:
        error = refused(text)
    assert count.calls < most_calls(text)
    str(error).encode()


@pytest.mark.parametrize("text", ATTEMPTS, ids=shortened)
def test_attempts_to_break_out_that_get_past_the_tokens(text: str) -> None:
    # The tree is trusted no more than the text: it refuses by itself what it does not know.
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return
    if isinstance(tree, ast.Constant) and type(tree.value) in {int, float}:
        return
    with pytest.raises(ExpressionError) as caught:
        _Expression(text, {}).evaluate(tree)
    assert str(caught.value)


@pytest.mark.parametrize("text", ["hypot(**x)", "sum(**{})", "hypot(1, 2, **{})"])
def test_the_tree_takes_no_unpacked_keywords(text: str) -> None:
    with pytest.raises(ExpressionError, match="only a function"):
        _Expression(text, {}).evaluate(ast.parse(text, mode="eval").body)


def test_nothing_of_python_is_in_reach() -> None:
    assert {"eval", "exec", "open", "getattr", "type", "print"}.isdisjoint(function_names())
    assert {name for name in function_names() if name.startswith("_")} == set()


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000 + "x" + ")" * 5000,
        "(" * (MOST_BRACKETS + 1) + "x" + ")" * (MOST_BRACKETS + 1),
        "[" * 5000,
        "(" * 9999,
        ")" * 9999,
        "((" * 99 + "1 2",
        "f(" * 3000,
        "-" * 9999 + "x",
        "-" * (DEEPEST + 1) + "x",
        "x" + "+x" * 4999,
        "x" + "**x" * 3000,
        "x" + "()" * 4999,
        "x" + "[0]" * 3000,
        "x" + ".x" * 4999,
        "sum(" * 2000 + "x" + ")" * 2000,
        "lambda: " * 1000 + "x",
        "not " * 2000 + "x",
        "x if x else " * 800 + "x",
        "f'{" * 2000 + "x",
        "{" * 9999,
        "x," * 4999,
        "x\n" * 4999,
        "x" * 9999 + "y",
        "9" * 9999,
        "1e" + "9" * 9000,
        "0" * 9999 + "1",
        "_" * 9999,
        "\N{COMBINING ACUTE ACCENT}" * 9999,
        "x * (" * 99 + "x = 1" + ")" * 99,
        "sum(x = " * 99 + "1 = 2" + ")" * 99,
        "x" * (LONGEST + 1),
        "x" * 10_000_000,
        "(" * 10_000_000,
        "\0" * 10_000_000,
        "f(" + "x=1," * 2000 + ")",
        "softmax(" + "x," * 4000 + ")",
        "sum(softmax(" + "x," * (MOST_SHARES + 1) + "))",
    ],
    ids=shortened,
)
def test_size_and_depth_are_limited(text: str) -> None:
    with counting() as count:
        error = refused(text, {"x": 1.0})
    assert count.calls < most_calls(text)
    assert len(str(error)) < 2000


@pytest.mark.parametrize(
    "text",
    [
        "-" * DEEPEST + "x",
        "x" + "+x" * DEEPEST,
        "(" * MOST_BRACKETS + "x" + ")" * MOST_BRACKETS,
        "sum(" + "-x," * 3000 + ")",
        "max(" * MOST_BRACKETS + "x" + ")" * MOST_BRACKETS,
        "dot([" + "x," * 2000 + "],[" + "x," * 2000 + "])",
        "logsumexp(" + "softmax(" * 49 + "x," * MOST_SHARES + ")" * 50,
        "+".join(["polygamma(100,x)"] * 400),
        "prod(" + "x," * 4900 + ")",
        "sum(" + "x,(x)," * 900 + ")",
    ],
    ids=shortened,
)
def test_within_the_limits_an_expression_is_little_work(text: str) -> None:
    with counting() as count:
        parse(text, {"x": 1.0}).backward()
    assert count.calls < 3_000_000  # the nested softmax, half of it


def test_the_limit_of_length_is_exact() -> None:
    assert parse("x".ljust(LONGEST), {"x": 1}).data == 1.0
    assert "10,001 characters" in refused("x".ljust(LONGEST + 1)).problem


@pytest.mark.parametrize("failure", [MemoryError, RecursionError, ValueError])
def test_a_parser_that_gives_up_is_an_error_of_the_expression(
    failure: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def give_up(*arguments: object, **named: object) -> None:
        raise failure("too much")

    monkeypatch.setattr(ast, "parse", give_up)
    assert "too much" in refused("x").problem


def test_an_expression_of_a_deep_program() -> None:
    def descend(depth: int) -> float:
        return descend(depth - 1) if depth else parse("x" + "+x" * DEEPEST, {"x": 1}).data

    limit = sys.getrecursionlimit()
    frames = len(inspect.stack(0))
    try:
        assert descend(limit - frames - 60) == DEEPEST + 1
    except ExpressionError as error:  # where the parser counts the frames of the program as well
        assert "too complex" in error.problem  # noqa: PT017


PIECES = """
( ) [ ] { } , . = + - * / % ** // ^ < > ' " # : ; @ \\ x w 1 2.5 1e3 sum softmax exp log dot net
clip slope= lambda for if not __class__ f' 0
"""
pieces = st.sampled_from([*PIECES.split(), " ", "\n", "not "])


@given(
    st.lists(pieces, max_size=40).map("".join)
    | st.text(max_size=60)
    | st.text(st.characters(codec=None, max_codepoint=0x10FFFF), max_size=20)
)
@example("0" * 4400)
@example("sum(" * 60)
def test_any_text_is_an_expression_or_an_error_that_points_into_it(text: str) -> None:
    error = None
    with counting() as count:
        try:
            assert isinstance(parse(text, {}), Value)
        except ExpressionError as caught:
            error = caught
    assert count.calls < most_calls(text)
    if error is not None:
        str(error).encode()
    if error is not None and error.column is not None:
        assert len(error.expression) == len(text)
        assert 0 <= error.column <= len(text)


@given(st.dictionaries(st.text(max_size=4), st.floats(), max_size=3), st.text(max_size=10))
def test_any_names_are_values_or_an_error(values: dict[str, float], text: str) -> None:
    try:
        parse(" + ".join(values) or text, values)
    except ExpressionError as error:
        str(error).encode()
