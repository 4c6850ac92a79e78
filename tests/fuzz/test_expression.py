"""The command line's expressions: any text gives a value or an `ExpressionError`, quickly."""

from __future__ import annotations

import ast
import contextlib
import io
import math
import re
import tracemalloc
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from autograd import Value, graph
from autograd.__main__ import main
from autograd.expression import (
    LONGEST,
    MOST_BRACKETS,
    ExpressionError,
    function_names,
    parse,
)
from tests.counting import counting
from tests.fuzz.strangers import (
    STRANGERS,
    StrangersError,
    described,
    nothing_global_changes,
    real_numbers,
)

CALLS = 3_000_000
BYTES = 100_000_000
VALUES = {"x": 0.75, "w": -2.0, "é": 3.0}

WORDS = [*function_names(), "x", "w", "é", "e", "pi", "slope", "lower", "xs"]
SIGNS = [*"()[],=+-*/%", "**", "//", " ", "  ", "\t", "\n", "\xa0"]
NUMBERS = [
    "0", "1", "2", "1.", ".5", "1e3", "1_000", "1e308", "1e-400", "9" * 308, "9" * 309, "1e400",
    "0" * 5000, "0.1" + "0" * 5000, "007", "1e99999999999", "0x1f", "1j", "1__0", "٣",
]  # fmt: skip
REFUSED = [
    ".", "..", ":", ":=", "lambda", "if", "else", "for", "in", "not", "is", "await", "yield",
    "print", "__import__", "__debug__", "True", "None", "==", "<", "!", "@", "&", "|", "^", "~",
    "'", '"', "#", ";", "\\", "{", "}", "`", "$", "?", "\0", "\ufeff", "\u202e", "\ud800", "²",
    "−", "×", "ﬁ", "\U0001d431", "e\u0301", "\u2028", "\x0c", "\x1c", "match", "_", "exp2(x).data",
]  # fmt: skip

text_of_any_kind = st.text(max_size=80) | st.text(st.characters(codec=None), max_size=40)
numbers = st.floats(0.0, allow_nan=False, allow_infinity=False).map(repr) | st.sampled_from(NUMBERS)
arithmetic = st.sampled_from(SIGNS) | st.sampled_from(WORDS) | numbers
soup = st.lists(arithmetic, max_size=60).map("".join)
bitter_soup = st.lists(arithmetic | st.sampled_from(REFUSED), max_size=40).map("".join)


def call(name: str, operands: list[str]) -> str:
    return f"{name}({', '.join(operands)})"


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    lists = st.lists(inner, max_size=3).map(lambda xs: f"[{', '.join(xs)}]")
    return st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%", "**"]), inner).map(
            "".join
        ),
        st.tuples(st.sampled_from("+-"), inner).map("".join),
        inner.map("({})".format),
        st.builds(call, st.sampled_from(function_names()), st.lists(inner | lists, max_size=3)),
    )


valid = st.recursive(st.sampled_from(["x", "w", "é", "pi"]) | numbers, grown, max_leaves=12)
pieces = arithmetic | st.sampled_from(REFUSED) | st.characters(codec=None)


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """An expression, mostly right, with a few pieces cut out, put in, or moved."""
    text = draw(valid)
    for _ in range(draw(st.integers(1, 3))):
        i, j = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 2)))
        cut = text[i : min(j, i + 5)]
        text = text[:i] + draw(pieces | st.just("") | st.just(cut * 2)) + text[i + len(cut) :]
    return text


nests = st.builds(
    lambda opening, count, middle, closing, rest: (
        opening * count + middle + closing * (count + rest)
    ),
    st.sampled_from(
        ["(", "[", "exp(", "sum([", "-", "+ - ", "x**", "x+", "softmax(x,", "f(", "(x)("]
    ),
    st.integers(0, 3000),
    st.sampled_from(["x", "", "1", "w*x", "]"]),
    st.sampled_from([")", "]", "])", "", "+x", "**x", ",x)", ")(x)"]),
    st.integers(-1, 1),
)
texts = text_of_any_kind | soup | bitter_soup | mutations() | nests


def used(text: str) -> dict[str, float]:
    """Those of the names that the text may mean."""
    return {name: value for name, value in VALUES.items() if name in text}


def check_text(text: str, values: dict[str, float]) -> Value | None:
    """Parse a text; see that what comes of it is one or the other, for little work."""
    with nothing_global_changes(), counting() as count:
        result, refused = None, None
        try:
            result = parse(text, values)
        except ExpressionError as error:
            refused = error
    assert count.calls < CALLS
    if refused is not None:
        assert refused.problem.strip()
        str(refused).encode()
        assert refused.column is None or 0 <= refused.column <= len(text)
    return result


# --- any text ------------------------------------------------------------------------------------


@given(texts, st.booleans())
@example("".join(chr(0x4E00 + i * 7919 % 9000) for i in range(9999)), True)
@example("a" * 9_999 + "²", False)
@example("+".join(["sum(softmax(" + ",".join("x" * 64) + "))"] * 65), True)
@example("+".join(["polygamma(1000, x)"] * 500), True)
@example("9**" * 900 + "9", False)
def test_any_text_is_a_value_or_an_expression_error(text: str, given_values: bool) -> None:
    result = check_text(text, used(text) if given_values else {})
    if result is not None:
        assert type(result.data) is float
        result.backward()
        graph.topological_order(result)


@given(soup | mutations() | nests)
@example("9**" * 900 + "9")
@example("+".join(["sum(softmax(" + ",".join("x" * 64) + "))"] * 15))
def test_an_expression_takes_no_more_memory_than_its_length_explains(text: str) -> None:
    tracemalloc.start()
    try:
        with contextlib.suppress(ExpressionError):
            parse(text, used(text))
        assert tracemalloc.get_traced_memory()[1] < BYTES
    finally:
        tracemalloc.stop()


# --- the same as Python's own evaluation ---------------------------------------------------------

ORACLE: dict[str, Any] = {
    "exp": math.exp, "log": lambda x: math.log(x), "sqrt": math.sqrt, "sin": math.sin,
    "cos": math.cos, "tan": math.tan, "arcsin": math.asin, "arctan": math.atan, "sinh": math.sinh,
    "cosh": math.cosh, "tanh": math.tanh, "arcsinh": math.asinh, "expm1": math.expm1,
    "log1p": math.log1p, "erf": math.erf, "erfc": math.erfc, "hypot": lambda x, y: math.hypot(x, y),
    "arctan2": math.atan2, "pi": math.pi, "e": math.e,
    "sum": lambda *xs: math.fsum(xs[0] if xs and isinstance(xs[0], list) else xs),
}  # fmt: skip
ALLOWED = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Call, ast.Name, ast.Load, ast.Constant, ast.Add,
    ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.UAdd, ast.USub,
)  # fmt: skip


class _Floats(ast.NodeTransformer):
    """Make floats of all numbers: as ours are, and without Python's huge integers."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.copy_location(ast.Constant(float(node.value)), node)  # type: ignore[arg-type]


def evaluated(text: str) -> float | None:
    """What Python makes of a text that is arithmetic to it as well; None of any other."""
    if len(text) > LONGEST or text.count("(") > MOST_BRACKETS:
        return None
    if re.search(r"\b0[xob]", text, re.IGNORECASE):
        return None  # numbers are decimal
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    for node in ast.walk(tree):
        if not isinstance(node, ALLOWED) or (
            isinstance(node, ast.Constant)
            and (type(node.value) not in {int, float} or node.value == math.inf)
        ):
            return None
        if isinstance(node, ast.Name) and node.id not in {*ORACLE, *VALUES}:
            return None
    try:
        code = compile(ast.fix_missing_locations(_Floats().visit(tree)), "", "eval")
        result = eval(code, {"__builtins__": {}, **ORACLE}, dict(VALUES))
    except (ArithmeticError, ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    return result if isinstance(result, float) else None


def python_words(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    names = st.sampled_from(sorted(name for name in ORACLE if callable(ORACLE[name])))
    return st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%", "**"]), inner).map(
            " ".join
        ),
        st.tuples(st.sampled_from("+-"), inner).map("".join),
        inner.map("({})".format),
        st.builds(call, names, st.lists(inner, min_size=1, max_size=2)),
    )


python_numbers = st.integers(0, 99).map(str) | st.floats(0.0, 1e3).map(repr)
python = st.recursive(
    st.sampled_from(["x", "w", "pi"]) | python_numbers, python_words, max_leaves=10
)


@given(python | soup | mutations())
def test_what_python_can_evaluate_has_pythons_value(text: str) -> None:
    expected = evaluated(text)
    assume(expected is not None and math.isfinite(expected))
    nodes = ast.walk(ast.parse(text.strip(), mode="eval"))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    result = parse(text, {name: VALUES[name] for name in names & VALUES.keys()})
    assert result.data == expected


# --- the values of its names, and the command line -----------------------------------------------


@given(st.dictionaries(st.sampled_from("xyz") | st.text(max_size=4), real_numbers, max_size=3))
def test_any_number_is_the_value_of_any_name_or_refused(values: dict[str, Any]) -> None:
    text = " + ".join(values) or "1"
    with nothing_global_changes(), contextlib.suppress(ExpressionError, OverflowError):
        result = parse(text, values)
        assert {leaf.label for leaf in graph.leaves(result)} >= set(values) & set("xyz")


@pytest.mark.parametrize("stranger", STRANGERS, ids=described)
def test_what_is_no_number_is_no_value_of_a_name(stranger: Any) -> None:
    with nothing_global_changes(), pytest.raises((TypeError, ValueError, StrangersError)) as caught:
        parse("x", {"x": stranger})
    if not isinstance(caught.value, StrangersError):
        assert str(caught.value).startswith("parse: x: ")


assignments = st.builds(
    "{}={}".format,
    st.sampled_from(["x", "w", "é", "e", "exp", "2", "", " x ", "if"]) | st.text(max_size=4),
    numbers | st.sampled_from(["nan", "-inf", "1e999", "", "1,5", "٣", " 2 ", "--2"]),
)
options = st.sampled_from(
    ["--explain", "x", "--explain=x", "--links", "both", "--expand", "--", "-x", "-h", "--nonsense",
     "draw", "--version", "--explain="]
)  # fmt: skip


@given(texts | valid, st.lists(assignments | options, max_size=5), st.booleans())
@example("x*w", ["x=2", "w=3", "--explain", "x"], False)
def test_the_command_line_prints_a_result_or_says_what_is_wrong(
    text: str, rest: list[str], fitting: bool
) -> None:
    if fitting:
        rest = [f"{name}={value}" for name, value in used(text).items()]
    output, errors = io.StringIO(), io.StringIO()
    with (
        nothing_global_changes(),
        counting() as count,
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        try:
            status = main(["draw", text, *rest])
        except SystemExit as stopped:
            status = int(str(stopped.code))
    assert count.calls < CALLS
    assert status in {0, 2}
    assert bool(output.getvalue()) == (status == 0)
    assert bool(errors.getvalue()) == (status == 2)
    assert "Traceback" not in errors.getvalue()
