"""Each row of the table: its value, its derivatives, its domain, its conventions."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import autograd
from autograd import Value
from autograd.rule import FLOATS, VALUES, Rule
from autograd.rules import RULES
from tests import oracle
from tests.oracle import mp
from tests.table import (
    HELD_ELSEWHERE,
    LARGEST,
    NAMES,
    SAMPLES,
    SMALLEST_NORMAL,
    TABLE,
    call,
    edges,
    operands,
)


def each(*rules: Rule) -> pytest.MarkDecorator:
    """Run a test once for each of the rows."""
    return pytest.mark.parametrize("rule", rules, ids=lambda rule: rule.name)


ANYTHING = st.floats()
HELD_HERE = [rule for rule in TABLE if rule.name not in HELD_ELSEWHERE]

# Each bound is relative to the exact number, strictly, with these exceptions. The value or a
# derivative of these rows crosses zero away from 0, or adds numbers of both signs: there a rounding
# of the operands, which every operand has had, counts for more than the bound.
CONDITIONED_VALUES = {
    "lgamma", "digamma", "polygamma", "logsumexp", "dot", "net", "logaddexp", "logaddexp2",
}  # fmt: skip
CONDITIONED_DERIVATIVES = {
    "lgamma", "digamma", "polygamma", "gelu", "silu", "entr", "sinc", "mish", "var", "std",
}  # fmt: skip
# The partials of these hold a factor such as log(2), as a float.
FLOAT_FACTORS = {
    "exp2", "log2", "log10", "gelu", "erf", "erfc", "mean", "logaddexp2", "sinpi", "cospi", "sinc",
    "degrees", "radians",
}  # fmt: skip
# Here an operand multiplies what may have underflowed.
FACTORS = {"elu", "gelu", "silu", "mish"}
# A length that is subnormal has lost digits, and so has what is divided by it.
LENGTHS = {"hypot", "norm", "arctan2", "std"}


def assert_close(y: float, exact: Any, allowed: Any) -> None:
    """Compare a float with an exact number; infinity stands for all that a float cannot hold."""
    if math.isinf(y):
        assert math.copysign(1.0, y) * exact + allowed > LARGEST, f"{y!r} for {exact}"
    elif mp.isnan(exact):
        assert math.isnan(y)
    else:
        assert abs(mp.mpf(y) - exact) <= allowed, f"{y!r} for {exact}"


def condition(rule: Rule, xs: tuple[float, ...], position: int | None = None) -> Any:
    """How much a rounding of the operands changes the value, or a derivative, of some rows."""
    conditioned = CONDITIONED_VALUES if position is None else CONDITIONED_DERIVATIVES
    if rule.name not in conditioned or (rule.name.endswith("gamma") and xs[-1] > 0):
        return 0

    def function(xs: Sequence[Any]) -> Any:
        if position is None:
            return oracle.value(rule.name, xs)
        return oracle.derivatives(rule.name, xs)[position]

    return oracle.sensitivity(function, xs if rule.name != "polygamma" else (int(xs[0]), xs[1]))


def is_kink(rule: Rule, xs: tuple[float, ...]) -> bool:
    return rule.name in oracle.KINKS and oracle.KINKS[rule.name](*xs)


def same(y: float, z: float) -> bool:
    """Whether two floats are the same to the last bit, a nan and the sign of a zero included."""
    return repr(y) == repr(z)


def check(rule: Rule, xs: tuple[float, ...]) -> None:
    """Compare a row with the oracle at a point: domain, value, derivatives in each form."""
    if (rule.name, *xs[:1]) == ("arctan2", 0.0) or (rule.name, *xs[-1:]) == ("copysign", 0.0):
        return  # mpmath lacks -0.0: see test_conventions
    try:
        exact = oracle.value(rule.name, xs)
    except (ValueError, ZeroDivisionError):
        with pytest.raises((ValueError, ZeroDivisionError)):
            rule.evaluate(*xs)
        return
    try:
        y = rule.evaluate(*xs)
    except OverflowError:
        assert abs(exact) > LARGEST * (1 - 1e-14)
        return
    if rule.name in ("dot", "net") and not math.isfinite(y):  # a product too large, or two
        assert oracle.value(rule.name, list(map(abs, xs))) > LARGEST * (1 - 1e-14)
        return
    assert type(y) is float
    smallest = SMALLEST_NORMAL * (max(1.0, *map(abs, xs)) if rule.name in FACTORS else 1.0)
    assert_close(y, exact, 1e-14 * max(abs(exact), smallest, condition(rule, xs)))

    local_derivatives = rule.local_derivatives(y, *xs)
    assert list(map(type, local_derivatives)) == [float] * len(xs)
    check_partials_of_values(rule, y, xs, local_derivatives)
    if math.isinf(y) or is_kink(rule, xs):
        return
    derivatives = oracle.derivatives(rule.name, xs)
    scales = [
        max(abs(derivative), condition(rule, xs, position))
        for position, derivative in enumerate(derivatives)
    ]
    with oracle.precise(rule.name, xs):
        partials = rule.partials(oracle.m, exact, *map(mp.mpf, xs))
        for partial, derivative, scale in zip(partials, derivatives, scales, strict=True):
            accuracy = 1e-15 * scale if rule.name in FLOAT_FACTORS else 1e-25 * abs(derivative)
            assert mp.isnan(derivative) == mp.isnan(partial)
            assert not abs(partial - derivative) > accuracy + mp.mpf("1e-330")
    if rule.name in LENGTHS and math.hypot(*xs) < SMALLEST_NORMAL:
        return
    if rule.name == "**" and (abs(xs[0]) < SMALLEST_NORMAL or abs(xs[1]) > 2.0**53):
        return  # x1 ** (x2 - 1.0) overflows next to a finite derivative; x2 - 1.0 is x2
    for y, derivative, scale in zip(local_derivatives, derivatives, scales, strict=True):
        assert_close(y, derivative, 1e-13 * scale + smallest)


def check_partials_of_values(
    rule: Rule, y: float, xs: tuple[float, ...], local_derivatives: tuple[float, ...]
) -> None:
    """The partials as an expression of Values are those of floats."""
    try:
        rule.partials(FLOATS, y, *xs)
    except (ArithmeticError, ValueError):  # may happen only where one of them is not finite
        assert not all(map(math.isfinite, local_derivatives)) or is_kink(rule, xs)
        return
    partials = rule.partials(VALUES, Value(y), *map(Value, xs))
    data = [partial.data if isinstance(partial, Value) else partial for partial in partials]
    if rule.name != "prod":
        assert all(map(same, data, local_derivatives))
        return
    # The products of the others are Values themselves: they may leave the range of floats.
    large = math.prod(max(1.0, abs(x)) for x in xs)
    small = math.prod(min(1.0, abs(x)) for x in xs if x)
    if large <= LARGEST and small >= SMALLEST_NORMAL:
        assert data == pytest.approx(local_derivatives, rel=1e-15, abs=0.0)


# --- the table against the oracle ----------------------------------------------------------------


def test_the_oracle_knows_every_row() -> None:
    assert list(oracle.DEFINITIONS) == NAMES


@pytest.mark.no_cover
@each(*HELD_HERE)
@given(st.data())
def test_value_and_derivatives(rule: Rule, data: st.DataObject) -> None:
    check(rule, data.draw(operands(rule)))


@pytest.mark.no_cover
@each(*[rule for rule in HELD_HERE if rule.operands in (("x",), ("x1", "x2"))])
def test_value_and_derivatives_at_the_edges(rule: Rule) -> None:
    for xs in edges(rule):
        check(rule, xs)


# --- conventions ---------------------------------------------------------------------------------

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("name", "xs", "expected"),
    [
        # kinks: the derivative named in the row
        ("abs", (0.0,), (0.0,)),
        ("abs", (-0.0,), (0.0,)),
        ("sign", (0.0,), (0.0,)),
        ("relu", (0.0,), (0.0,)),
        ("relu", (-0.0,), (0.0,)),
        ("leaky_relu", (0.0, 0.25), (0.25, 0.0)),
        ("elu", (0.0, 2.0), (2.0, 0.0)),
        ("floor", (2.0,), (0.0,)),
        ("ceil", (2.0,), (0.0,)),
        ("trunc", (-2.0,), (0.0,)),
        ("//", (6.0, 2.0), (0.0, 0.0)),
        ("%", (6.0, 2.0), (1.0, -3.0)),
        ("%", (-7.0, 2.0), (1.0, 4.0)),
        # ties: equal shares
        ("maximum", (1.0, 1.0), (0.5, 0.5)),
        ("minimum", (1.0, 1.0), (0.5, 0.5)),
        ("maximum", (0.0, -0.0), (0.5, 0.5)),
        ("max", (1.0, 1.0, 0.0), (0.5, 0.5, 0.0)),
        ("min", (1.0, 1.0, 1.0, 1.0), (0.25, 0.25, 0.25, 0.25)),
        ("max", (3.0,), (1.0,)),
        # the bounds of an interval belong to it
        ("clip", (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)),
        ("clip", (1.0, 0.0, 1.0), (1.0, 0.0, 0.0)),
        ("clip", (2.0, 0.0, 1.0), (0.0, 0.0, 1.0)),
        ("clip", (-2.0, 0.0, 1.0), (0.0, 1.0, 0.0)),
        ("clip", (1.0, 1.0, 1.0), (1.0, 0.0, 0.0)),
        ("where", (0.0, 2.0, 3.0), (0.0, 0.0, 1.0)),
        ("where", (NAN, 2.0, 3.0), (0.0, 1.0, 0.0)),
        # powers
        ("**", (0.0, 0.0), (0.0, 0.0)),
        ("**", (0.0, 1.0), (1.0, 0.0)),
        ("**", (0.0, 2.0), (0.0, 0.0)),
        ("**", (0.0, 0.5), (INF, 0.0)),
        ("**", (-2.0, 3.0), (12.0, NAN)),
        ("**", (-2.0, 0.0), (0.0, NAN)),
        ("**", (-1e-110, -2.0), (INF, NAN)),
        # vertical tangents, and too steep for a float
        ("sqrt", (0.0,), (INF,)),
        ("cbrt", (0.0,), (INF,)),
        ("cbrt", (-0.0,), (INF,)),
        ("arcsin", (1.0,), (INF,)),
        ("arcsin", (-1.0,), (INF,)),
        ("arccos", (1.0,), (-INF,)),
        ("arccosh", (1.0,), (INF,)),
        ("log", (5e-324,), (INF,)),
        ("reciprocal", (1e-200,), (-INF,)),
        ("lgamma", (5e-324,), (-INF,)),
        # the origin, and the cut of the angle
        ("hypot", (0.0, 0.0), (0.0, 0.0)),
        ("norm", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
        ("arctan2", (0.0, 0.0), (NAN, NAN)),
        ("arctan2", (0.0, 2.0), (0.5, 0.0)),
        ("arctan2", (0.0, -2.0), (-0.5, 0.0)),
        # zeros among the factors
        ("prod", (0.0, 3.0, 4.0), (12.0, 0.0, 0.0)),
        ("prod", (0.0, 3.0, 0.0), (0.0, 0.0, 0.0)),
        ("prod", (1e200, 1e200, 1e-300, 1e-100), (1e-200, 1e-200, 1e300, 1e100)),
        # parameters
        ("polygamma", (1.0, INF), (0.0, 0.0)),
        # no derivative at a point that is not a number
        ("max", (NAN, 1.0), (NAN, NAN)),
    ],
)
def test_conventions(name: str, xs: tuple[float, ...], expected: tuple[float, ...]) -> None:
    rule = RULES[name]
    nodes = list(map(Value, xs))
    result = call(rule, nodes)
    assert result.local_derivatives == pytest.approx(expected, rel=1e-15, abs=0.0, nan_ok=True)
    derivatives = rule.local_derivatives(result.data, *xs)
    assert all(map(same, derivatives, result.local_derivatives))
    (result * 0.0).backward()
    assert [node.grad for node in nodes] == [0.0] * len(xs)


def test_the_derivative_of_polygamma_of_the_last_order_is_nan() -> None:
    derivatives = autograd.polygamma(1000, Value(400.0)).local_derivatives
    assert derivatives == pytest.approx((0.0, NAN), nan_ok=True)


@pytest.mark.parametrize("xs", [(0.0, -2.0), (-0.0, -2.0), (0.0, -0.0), (-0.0, 1.0)])
def test_the_sides_of_the_cut(xs: tuple[float, float]) -> None:
    assert same(autograd.arctan2(*xs), math.atan2(*xs))


@pytest.mark.parametrize("name", NAMES)
def test_nan_in_nan_out(name: str) -> None:
    rule = RULES[name]
    first, *others = map(float, SAMPLES[name])
    for xs in [(NAN, *others)] + [(first, NAN)] * (name[:3] in ("max", "min")):
        if rule.operands[0] not in rule.fixed:
            assert math.isnan(rule.evaluate(*xs))


@pytest.mark.no_cover
@each(*TABLE)
@settings(max_examples=settings().max_examples // 3)
@given(st.data())
def test_local_derivatives_never_raise(rule: Rule, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 4)) if rule.of_sequence else len(rule.operands)
    count = {"dot": 4, "net": 5}.get(rule.name, count)
    xs = data.draw(st.tuples(*[ANYTHING] * count))
    if rule.name == "polygamma":
        xs = (data.draw(st.integers(0, 20).map(float)), xs[1])
    try:
        y = rule.evaluate(*xs)
    except (ArithmeticError, ValueError):
        return
    assert list(map(type, rule.local_derivatives(y, *xs))) == [float] * count


# --- the ways to a row ---------------------------------------------------------------------------


def outcome(function: Any, *xs: Any) -> Any:
    """The result of a call, data and derivatives to the last bit, or the error that it raises."""
    try:
        result = function(*xs)
    except (ArithmeticError, ValueError) as error:
        return type(error)
    if isinstance(result, Value):
        return repr((result.data, result.local_derivatives, result.op))
    return repr(result)


@pytest.mark.parametrize("name", ["+", "-", "*", "/", "**"])
@given(x1=ANYTHING, x2=ANYTHING)
@example(x1=-1e-110, x2=-2.0)  # too steep for a float
@example(x1=NAN, x2=0.0)
@example(x1=5e-324, x2=0.0)
def test_operators_of_values_are_the_rows(name: str, x1: float, x2: float) -> None:
    rule = RULES[name]

    def expected(x1: float, x2: float) -> Any:
        y = rule.evaluate(x1, x2)
        first, second = rule.local_derivatives(y, x1, x2)
        return Value(y), (first + 0.0, second + 0.0), name

    def through(left: Any, right: Any) -> Any:
        node = call(rule, (left, right))
        assert [parent.data for parent in node.parents] == pytest.approx([x1, x2], nan_ok=True)
        first, second = node.local_derivatives
        if name == "**" and not isinstance(right, Value):
            assert same(second, 0.0)
            second = rule.local_derivatives(node.data, x1, x2)[1]
        return Value(node.data), (first + 0.0, second + 0.0), node.op  # any sign of 0

    want = outcome(expected, x1, x2)
    assert outcome(through, Value(x1), Value(x2)) == want
    assert outcome(through, Value(x1), x2) == want
    assert outcome(through, x1, Value(x2)) == want


@each(*[rule for rule in TABLE if rule.operands == ("x",)])
@settings(max_examples=settings().max_examples // 3)
@given(st.data())
def test_functions_of_one_value_are_the_rows(rule: Rule, data: st.DataObject) -> None:
    (x,) = data.draw(data.draw(st.sampled_from([st.tuples(ANYTHING), operands(rule)])))

    def expected(x: float) -> Any:
        y = rule.evaluate(x)
        return y, rule.local_derivatives(y, x), rule.name

    assert outcome(lambda x: call(rule, (Value(x),)), x) == outcome(expected, x)
    if rule.fused:
        fused = outcome(lambda x: (*rule.fused(x), rule.name), x)
        # Where it raises, the row is recorded instead: off the domain, and at infinite derivatives.
        if fused != outcome(expected, x):
            assert fused is ZeroDivisionError
            assert math.isinf(expected(x)[1][0])


@each(*[rule for rule in TABLE if rule.example])
def test_examples(rule: Rule) -> None:
    assert rule.example is not None
    xs, y = rule.example
    node = call(rule, list(map(Value, xs)))
    assert call(rule, xs) == node.data == pytest.approx(y, rel=1e-15, abs=0.0)
    assert len(node.local_derivatives) == len(xs)


# --- off the domain ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "xs", "exception"),
    [
        ("/", (1.0, 0.0), ZeroDivisionError),
        ("/", (0.0, -0.0), ZeroDivisionError),
        ("//", (1.0, 0.0), ZeroDivisionError),
        ("%", (1.0, 0.0), ZeroDivisionError),
        ("**", (0.0, -1.0), ZeroDivisionError),
        ("**", (-2.0, 0.5), ValueError),
        ("**", (1e200, 2.0), OverflowError),
        ("exp", (1000.0,), OverflowError),
        ("exp2", (1024.0,), OverflowError),
        ("expm1", (1000.0,), OverflowError),
        ("log", (0.0,), ValueError),
        ("log", (-1.0,), ValueError),
        ("log2", (0.0,), ValueError),
        ("log10", (-1.0,), ValueError),
        ("log1p", (-1.0,), ValueError),
        ("sqrt", (-5e-324,), ValueError),
        ("reciprocal", (0.0,), ZeroDivisionError),
        ("sin", (INF,), ValueError),
        ("cos", (-INF,), ValueError),
        ("tan", (INF,), ValueError),
        ("arcsin", (1.5,), ValueError),
        ("arccos", (-1.5,), ValueError),
        ("sinh", (1000.0,), OverflowError),
        ("cosh", (-1000.0,), OverflowError),
        ("arccosh", (0.5,), ValueError),
        ("arctanh", (1.0,), ValueError),
        ("arctanh", (-2.0,), ValueError),
        ("lgamma", (0.0,), ValueError),
        ("lgamma", (-3.0,), ValueError),
        ("lgamma", (LARGEST,), OverflowError),
        ("digamma", (-1.0,), ValueError),
        ("digamma", (5e-324,), OverflowError),
        ("polygamma", (0.5, 1.0), ValueError),
        ("polygamma", (-1.0, 1.0), ValueError),
        ("polygamma", (2.0, -1.0), ValueError),
        ("clip", (0.5, 1.0, 0.0), ValueError),
        ("sum", (INF, -INF), ValueError),
        ("sum", (LARGEST, LARGEST), OverflowError),
    ],
)
def test_off_the_domain(name: str, xs: tuple[float, ...], exception: type[Exception]) -> None:
    rule = RULES[name]
    labels = [f"node {position}" for position in range(len(xs))]
    nodes = [Value(x, label) for x, label in zip(xs, labels, strict=True)]
    attempts: list[Any] = [nodes]
    if name.isidentifier():
        attempts.append(xs)
    for attempt in attempts:
        with pytest.raises(exception) as caught:
            call(rule, attempt)
        assert type(caught.value) is exception
        message = str(caught.value)
        assert name in message
        assert all(repr(x) in message for x in xs)
        assert rule.domain in message
        assert rule.domain or exception is OverflowError or name == "sum"
        assert all(label in message for label in labels) == (attempt is nodes)
        assert caught.value.__suppress_context__
    assert all(not node.parents and node.grad == 0.0 for node in nodes)


@pytest.mark.parametrize("name", ["mean", "logsumexp", "softmax", "max", "min"])
def test_of_no_operands(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        getattr(autograd, name)([])


def test_sums_overflow_in_the_end_only() -> None:
    assert autograd.sum([LARGEST, LARGEST, -LARGEST]) == LARGEST
    assert autograd.mean([LARGEST, LARGEST]) == LARGEST


def test_an_intermediate_result_is_told_by_its_operation() -> None:
    x = Value(2.0, "x")
    with pytest.raises(ValueError, match=r"log\(x\) at x = -2.0 \(the result of 'neg'\)"):
        autograd.log(-x)
    with pytest.raises(ZeroDivisionError, match=r"'x'.* 0.0"):
        x / 0.0


# --- algebra -------------------------------------------------------------------------------------

NUMBER = st.floats(-50.0, 50.0).map(lambda x: round(x, 6))
NONZERO = NUMBER.filter(lambda x: abs(x) > 1e-3)
# Smooth, and defined for all numbers of a moderate size.
SMOOTH = [
    "exp", "expm1", "sin", "cos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "sigmoid",
    "softplus", "logsigmoid", "gelu", "silu", "erf", "erfc",
]  # fmt: skip
SMALL = st.floats(-3.0, 3.0)


def gradient(function: Any, *xs: float) -> tuple[float, ...]:
    """The value of a function of Values, and its derivatives by backpropagation."""
    nodes = list(map(Value, xs))
    y = function(*nodes)
    y.backward()
    return y.data, *[node.grad for node in nodes]


def close(numbers: Sequence[float], scale: float = 1.0) -> Any:
    return pytest.approx(list(numbers), rel=1e-12, abs=1e-12 * scale)


@given(a=NUMBER, b=NUMBER)
def test_commutativity(a: float, b: float) -> None:
    for operation in (operator.add, operator.mul, autograd.hypot, autograd.maximum):
        y, da, db = gradient(operation, a, b)
        assert (y, db, da) == gradient(operation, b, a)
    y, *derivatives = gradient(operator.sub, a, b)
    assert (-y, *[-d for d in derivatives]) == gradient(lambda a, b: b - a, a, b)


@given(a=NUMBER, b=NUMBER, c=NUMBER)
def test_associativity_and_distributivity_within_rounding(a: float, b: float, c: float) -> None:
    scale = (1.0 + abs(a)) * (1.0 + abs(b)) * (1.0 + abs(c))
    for left, right in (
        (lambda a, b, c: (a + b) + c, lambda a, b, c: a + (b + c)),
        (lambda a, b, c: (a * b) * c, lambda a, b, c: a * (b * c)),
        (lambda a, b, c: a * (b + c), lambda a, b, c: a * b + a * c),
        (lambda a, b, c: a - (b - c), lambda a, b, c: a - b + c),
    ):
        assert list(gradient(left, a, b, c)) == close(gradient(right, a, b, c), scale)


@given(f=st.sampled_from(SMOOTH), g=st.sampled_from(SMOOTH), x=SMALL)
def test_rules_of_derivation(f: str, g: str, x: float) -> None:
    function, other = getattr(autograd, f), getattr(autograd, g)
    (u, du), (v, dv) = gradient(function, x), gradient(other, x)
    scale = (1.0 + abs(u) + abs(du)) * (1.0 + abs(v) + abs(dv))
    rules = [
        (lambda x: function(x) + other(x), u + v, du + dv),
        (lambda x: function(x) - other(x), u - v, du - dv),
        (lambda x: function(x) * other(x), u * v, du * v + u * dv),
    ]
    if abs(v) > 1e-3:
        rules.append((lambda x: function(x) / other(x), u / v, (du * v - u * dv) / v**2))
        scale /= v**2
    if abs(v) < 3.0:
        w, dw = gradient(function, v)
        rules.append((lambda x: function(other(x)), w, dw * dv))
    for combined, y, dy in rules:
        assert list(gradient(combined, x)) == close([y, dy], scale)


@pytest.mark.parametrize(
    ("function", "inverse", "xs"),
    [
        (autograd.exp, autograd.log, SMALL),
        (autograd.exp2, autograd.log2, SMALL),
        (autograd.expm1, autograd.log1p, SMALL),
        (lambda x: 10.0**x, autograd.log10, SMALL),
        (autograd.sin, autograd.arcsin, st.floats(-1.5, 1.5)),
        (autograd.cos, autograd.arccos, st.floats(0.1, 3.0)),
        (autograd.tan, autograd.arctan, st.floats(-1.5, 1.5)),
        (autograd.sinh, autograd.arcsinh, SMALL),
        (autograd.cosh, autograd.arccosh, st.floats(0.1, 3.0)),
        (autograd.tanh, autograd.arctanh, SMALL),
        (autograd.square, autograd.sqrt, st.floats(0.1, 50.0)),
        (autograd.cbrt, lambda x: x**3, NONZERO),
        (autograd.reciprocal, autograd.reciprocal, NONZERO),
        (autograd.sigmoid, lambda y: autograd.log(y / (1.0 - y)), SMALL),
        (autograd.softplus, lambda y: autograd.log(autograd.expm1(y)), SMALL),
        (operator.neg, operator.neg, NUMBER),
    ],
)
@given(st.data())
def test_inverse_functions(function: Any, inverse: Any, xs: Any, data: st.DataObject) -> None:
    x = data.draw(xs)
    expected = pytest.approx([x, 1.0], rel=1e-11, abs=1e-11)
    assert list(gradient(lambda x: inverse(function(x)), x)) == expected


a = autograd


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (a.sigmoid, lambda x: (1.0 + a.tanh(x / 2.0)) / 2.0),
        (a.sigmoid, lambda x: a.exp(a.logsigmoid(x))),
        (a.softplus, lambda x: -a.logsigmoid(-x)),
        (a.softplus, lambda x: a.logsumexp([x, 0.0])),
        (a.silu, lambda x: x * a.sigmoid(x)),
        (a.gelu, lambda x: x * (1.0 + a.erf(x / math.sqrt(2.0))) / 2.0),
        (a.erf, lambda x: 1.0 - a.erfc(x)),
        (a.tan, lambda x: a.sin(x) / a.cos(x)),
        (a.tanh, lambda x: a.sinh(x) / a.cosh(x)),
        (a.exp, lambda x: a.cosh(x) + a.sinh(x)),
        (a.exp, lambda x: math.e**x),
        (a.exp2, lambda x: a.exp(x * math.log(2.0))),
        (a.arctan, lambda x: a.arctan2(x, 1.0)),
        (a.arccos, lambda x: math.pi / 2.0 - a.arcsin(x)),
        (a.square, lambda x: x**2),
        (a.square, lambda x: a.prod([x, x])),
        (abs, lambda x: a.sign(x) * x),
        (abs, lambda x: a.relu(x) + a.relu(-x)),
        (abs, lambda x: a.norm([x])),
        (a.relu, lambda x: a.maximum(x, 0.0)),
        (a.relu, lambda x: a.leaky_relu(x, 0.0)),
        (a.relu, lambda x: a.where(x > 0.0, x, 0.0)),
        (a.elu, lambda x: a.where(x > 0.0, x, a.expm1(a.minimum(x, 0.0)))),
        (a.leaky_relu, lambda x: a.max([x, 0.01 * x])),
        (a.floor, lambda x: -a.ceil(-x)),
        (a.floor, lambda x: x // 1.0),
        (a.trunc, lambda x: a.sign(x) * a.floor(abs(x))),
        (lambda x: x % 0.7, lambda x: x - x // 0.7 * 0.7),
        (lambda x: a.clip(x, -1.0, 1.0), lambda x: a.minimum(a.maximum(x, -1.0), 1.0)),
        (lambda x: a.sin(2.0 * x), lambda x: 2.0 * a.sin(x) * a.cos(x)),
        (lambda x: a.square(a.sin(x)) + a.square(a.cos(x)), lambda x: 1.0 + 0.0 * x),
        (lambda x: a.log1p(x * x), lambda x: a.log(1.0 + x * x)),
        (lambda x: a.hypot(x, 2.0), lambda x: a.sqrt(x * x + 4.0)),
        (lambda x: a.norm([x, 2.0, 1.0]), lambda x: a.sqrt(x * x + 5.0)),
        (lambda x: a.lgamma(x + 5.0), lambda x: a.lgamma(x + 4.0) + a.log(x + 4.0)),
        (lambda x: a.digamma(x + 5.0), lambda x: a.digamma(x + 4.0) + 1.0 / (x + 4.0)),
        (lambda x: a.digamma(x + 4.0), lambda x: a.polygamma(0, x + 4.0)),
        (lambda x: a.sum([x, x, 1.0]), lambda x: x + x + 1.0),
        (lambda x: a.mean([x, 3.0]), lambda x: (x + 3.0) / 2.0),
        (lambda x: a.sum(a.softmax([x, 1.0, 2.0 * x])), lambda x: 1.0 + 0.0 * x),
        (lambda x: a.log(a.softmax([x, 1.0])[0]), lambda x: x - a.logsumexp([x, 1.0])),
        (lambda x: a.min([x, 1.0]), lambda x: -a.max([-x, -1.0])),
        (lambda x: a.dot([x, 2.0], [3.0, x]), lambda x: 5.0 * x),
        (lambda x: a.net([x, 2.0], [x, 3.0], x), lambda x: x * x + 6.0 + x),
    ],
)
@settings(max_examples=settings().max_examples // 3)
@given(st.data())
def test_identities(left: Any, right: Any, data: st.DataObject) -> None:
    inside = st.floats(-0.99, 0.99) if left is a.arccos else SMALL
    x = data.draw(inside.map(lambda x: round(x, 3)).filter(lambda x: x % 1.0 != 0.0))
    assert list(gradient(left, x)) == pytest.approx(gradient(right, x), rel=1e-11, abs=1e-11)
