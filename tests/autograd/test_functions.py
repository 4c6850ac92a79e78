"""The public functions: what they accept, what they return, and custom functions."""

from __future__ import annotations

import copy
import inspect
import itertools
import math
import pickle
import sys
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import autograd
from autograd import Value, control, custom_function, no_grad
from autograd.functions import Operands
from autograd.kinds import CONSTANT
from autograd.rule import FLOATS, VALUES, Rule
from autograd.rules import RULES
from tests.table import SAMPLES, TABLE, call

ag: Any = autograd  # untyped, to be called in wrong ways too

FUNCTIONS = [rule for rule in TABLE if rule.name.isidentifier() and rule.name != "neg"]
OF_SEQUENCE = [rule.name for rule in FUNCTIONS if rule.of_sequence]
METHODS = [
    rule for rule in FUNCTIONS if "*" not in rule.operands[0] and rule.operands[0] not in rule.fixed
]
KINDS: list[Any] = [
    float, int, bool, Fraction, Decimal, np.float64, np.float32, np.int64, np.uint8, np.bool_,
    np.array,
]  # fmt: skip

every_function = pytest.mark.parametrize("rule", FUNCTIONS, ids=lambda rule: rule.name)


def floats(rule: Rule) -> list[float]:
    return [float(x) for x in SAMPLES[rule.name]]


def can_be(xs: list[float], kind: Any) -> bool:
    """Whether a kind of number can hold them: integers cannot hold a half."""
    return all(kind(x) == x for x in xs)


# --- what they take, and what they give ----------------------------------------------------------


@every_function
def test_every_kind_of_real_number(rule: Rule) -> None:
    xs = floats(rule)
    expected = call(rule, xs)
    assert type(expected) is float
    for kind in KINDS:
        if can_be(xs, kind):
            result = call(rule, [kind(x) for x in SAMPLES[rule.name]])
            assert type(result) is float, kind
            assert result == expected, kind


@every_function
def test_a_value_among_the_operands_makes_a_value(rule: Rule) -> None:
    xs = floats(rule)
    of_values = call(rule, list(map(Value, xs)))
    assert of_values.data == call(rule, xs)
    assert of_values.op == rule.name
    assert list(map(type, of_values.local_derivatives)) == [float] * len(xs)
    for position, kind in enumerate(KINDS * len(xs)):
        position %= len(xs)
        if not can_be(xs, kind) or (rule.numbers_only and rule.operands[position] in rule.fixed):
            continue
        operands: list[Any] = [kind(x) for x in SAMPLES[rule.name]]
        operands[position] = node = Value(xs[position])
        result = call(rule, operands)
        assert result.data == of_values.data
        derivatives = dict(zip(map(id, result.parents), result.local_derivatives, strict=True))
        assert derivatives[id(node)] == of_values.local_derivatives[position]
        if result.op == rule.name:
            kinds = [parent.op is CONSTANT for parent in result.parents]
            assert kinds == [parent is not node for parent in result.parents]


@pytest.mark.parametrize("rule", METHODS, ids=lambda rule: rule.name)
def test_methods_are_the_functions(rule: Rule) -> None:
    first, *others = floats(rule)
    node = Value(first)
    expected = call(rule, [node, *others])
    result = getattr(node, rule.name)(*others)
    assert (result.data, result.op) == (expected.data, expected.op)
    assert result.local_derivatives == expected.local_derivatives
    assert result.parents[0] is node


def test_what_is_no_method() -> None:
    assert not [
        name for name in (*OF_SEQUENCE, "dot", "net", "polygamma", "where") if hasattr(Value, name)
    ]


@every_function
def test_a_wrong_type_is_named_with_its_function(rule: Rule) -> None:
    wrong: list[Any] = ["1.5", None, 1j, [1.0], np.array([1.0, 2.0])]
    positions = range(len(SAMPLES[rule.name]))
    for other, position in itertools.product(wrong, positions):
        for kind in (float, Value):
            operands: list[Any] = list(map(kind, floats(rule)))
            operands[position] = other
            with pytest.raises(TypeError) as caught:
                call(rule, operands)
            assert rule.name in str(caught.value), other
            assert type(other).__name__ in str(caught.value), other


@pytest.mark.parametrize("name", OF_SEQUENCE)
@pytest.mark.parametrize("wrong", [1.5, Value(1.0), None])
def test_a_sequence_is_asked_for(name: str, wrong: Any) -> None:
    with pytest.raises(TypeError, match=rf"{name}: expected a sequence.* {type(wrong).__name__}"):
        getattr(autograd, name)(wrong)


def test_numbers_too_large_for_a_float() -> None:
    for operands in ([10**400], [Value(1.0), Fraction(10**400)]):
        with pytest.raises(OverflowError, match="sum"):
            ag.sum(operands)


@pytest.mark.parametrize("name", OF_SEQUENCE)
def test_sequences_of_every_kind(name: str) -> None:
    function = getattr(autograd, name)
    xs = [0.5, 2.0, -1.0]
    nodes = list(map(Value, xs))
    expected = function(xs)
    for sequence in (tuple(xs), iter(xs), (x for x in xs), np.array(xs), dict.fromkeys(xs)):
        assert function(sequence) == expected
    for of_values in (nodes, tuple(nodes), iter(nodes), (x for x in nodes), np.array(nodes)):
        results = function(of_values)
        for result in results if name == "softmax" else [results]:
            assert set(map(id, result.parents)) == set(map(id, nodes))


def test_no_operands() -> None:
    assert (ag.sum([]), ag.prod([]), ag.norm([])) == (0.0, 1.0, 0.0)
    assert ag.dot([], []) == 0.0
    assert ag.net([], [], 2.0) == 2.0
    bias = Value(2.0)
    assert ag.net([], [], bias).parents == (bias,)


def test_keywords_and_defaults() -> None:
    x = Value(-2.0)
    assert ag.leaky_relu(-2.0) == -0.02
    assert ag.leaky_relu(-2.0, 0.5) == ag.leaky_relu(-2.0, slope=0.5) == -1.0
    assert x.leaky_relu(slope=0.5).data == -1.0
    assert ag.elu(-2.0) == ag.elu(-2.0, alpha=1.0) == math.expm1(-2.0)
    assert ag.elu(x, alpha=Value(2.0)).local_derivatives[1] == math.expm1(-2.0)
    assert ag.clip(-2.0, lower=-1.0, upper=1.0) == -1.0
    assert x.clip(-1.0, 1.0).data == -1.0
    assert (x > 0.0).__class__ is bool
    assert str(inspect.signature(ag.leaky_relu)) == "(x, slope=0.01) -> 'Value | float'"


@pytest.mark.parametrize(
    ("function", "operands", "named"),
    [
        (ag.exp, (), {}),
        (ag.exp, (1.0, 2.0), {}),
        (ag.hypot, (1.0,), {}),
        (ag.clip, (1.0, 0.0), {}),
        (ag.clip, (1.0, 0.0, 1.0, 2.0), {}),
        (ag.leaky_relu, (1.0,), {"slop": 0.1}),
        (ag.sum, (1.0, 2.0), {}),
        (ag.dot, ([1.0],), {}),
        (ag.clip, (1.0, 0.0, 1.0), {"lower": 0.5}),
    ],
)
def test_a_wrong_number_of_operands(function: Any, operands: Any, named: Any) -> None:
    with pytest.raises(TypeError, match=function.__name__):
        function(*operands, **named)


def test_no_grad_gives_leaves() -> None:
    with no_grad():
        results = [call(rule, list(map(Value, floats(rule)))) for rule in FUNCTIONS]
    assert all(result.parents == () and result.op == "" for result in results)


# --- arrays --------------------------------------------------------------------------------------


def test_arrays_of_values() -> None:
    xs = [0.5, -0.25]
    nodes = np.array(list(map(Value, xs)))
    for name in ("exp", "tanh", "sqrt", "arcsin", "log1p", "abs"):
        values = nodes * nodes if name == "sqrt" else nodes
        results = getattr(np, name)(values)
        expected = [getattr(autograd, name)(node) for node in values]
        assert [result.data for result in results] == [y.data for y in expected]
        assert [result.op for result in results] == [name, name]
    weights = np.array([[1.0, 2.0], [3.0, 4.0]])
    for product in (weights @ nodes, (nodes @ weights.T)):
        assert [y.data for y in product] == [0.0, 0.5]
    total = (np.float64(2.0) * nodes[0] + nodes[1] / np.float32(0.5) - np.int64(1)) ** np.int64(2)
    assert type(total) is Value
    assert type(np.float64(2.0) ** nodes[0]) is Value
    total.backward()
    assert (total.data, nodes[0].grad, nodes[1].grad) == (0.25, -2.0, -2.0)


def test_arrays_are_passed_to_numpys_functions() -> None:
    with pytest.raises(TypeError, match=r"exp: .*ndarray.*NumPy's function"):
        ag.exp(np.array([1.0, 2.0]))


# --- pairs of sequences --------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(-9.0, 9.0), st.floats(-9.0, 9.0)), max_size=5), st.booleans())
def test_dot_and_net_in_every_mixture(pairs: list[tuple[float, float]], swapped: bool) -> None:
    left, right = [x for x, _ in pairs], [x for _, x in pairs]
    ws, xs, bias = list(map(Value, left)), list(map(Value, right)), Value(0.5)
    dot, net = ag.dot(left, right), ag.net(left, right, 0.5)
    assert type(dot) is type(net) is float
    assert dot == pytest.approx(math.fsum(w * x for w, x in pairs), rel=1e-14, abs=1e-13)

    node = ag.net(ws, xs, bias)
    assert (node.data, node.parents) == (net, (*ws, *xs, bias))
    assert node.local_derivatives == (*right, *left, 1.0)
    assert node.op == ("net" if pairs else "linear")
    node = ag.net(ws, right, bias)
    assert (node.data, node.parents, node.op) == (net, (*ws, bias), "linear")
    assert node.local_derivatives == (*right, 1.0)
    prepared = ag.net(ws, Operands(right), bias)
    assert (prepared.data, prepared.parents, prepared.op) == (net, (*ws, bias), "linear")
    assert ag.net(ws, Operands(xs), bias).parents == (*ws, *xs, bias)
    if not pairs:
        return
    node = ag.dot(ws, xs)
    assert (node.data, node.parents, node.op) == (dot, (*ws, *xs), "dot")
    assert node.local_derivatives == (*right, *left)
    operands: Any = (left, xs) if swapped else (xs, left)
    node = ag.dot(*operands)
    assert (node.parents, node.local_derivatives, node.op) == (tuple(xs), tuple(left), "linear")
    assert node.data == pytest.approx(dot, rel=1e-14, abs=1e-13)
    for mixed, expected in (
        (ag.dot([*ws, 2.0], [*xs, Value(3.0)]), dot + 6.0),
        (ag.net([*ws, 2.0], [*right, 3.0], bias), dot + 6.5),
        (ag.net(left, xs, 0.25), dot + 0.25),
        (ag.net(left, right, bias), dot + 0.5),
    ):
        assert mixed.data == pytest.approx(expected, rel=1e-14, abs=1e-13)


@pytest.mark.parametrize("function", [ag.dot, lambda *xs: ag.net(*xs, 1.0)])
@pytest.mark.parametrize("kind", [float, Value])
def test_pairs_need_partners(function: Any, kind: Any) -> None:
    with pytest.raises(ValueError, match=r"(dot|net): .*2 .*1"):
        function([kind(1.0), kind(2.0)], [kind(1.0)])


def test_a_string_is_no_sequence_of_numbers() -> None:
    with pytest.raises(TypeError, match=r"dot.*'ab'"):
        ag.dot("ab", [1.0, 2.0])
    with pytest.raises(TypeError, match=r"net.*'a'"):
        ag.net([Value(1.0)], ["a"], 1.0)
    with pytest.raises(TypeError, match=r"net.*None"):
        ag.net([Value(1.0)], [1.0], None)


# --- custom functions ----------------------------------------------------------------------------


pytestmark = pytest.mark.usefixtures("table")


def make_cube() -> Any:
    return custom_function("cube", lambda x: x**3, lambda m, y, x: 3.0 * m.square(x))


def test_a_function_of_one_operand() -> None:
    cube = make_cube()
    x: Any = Value(2.0, "x")
    y = cube(x)
    assert (y.data, y.local_derivatives, y.op, y.parents) == (8.0, (12.0,), "cube", (x,))
    assert cube(2) == cube(np.int64(2)) == 8.0
    assert type(cube(2)) is float
    assert x.cube().data == 8.0
    assert RULES["cube"].name == cube.__name__ == "cube"
    with pytest.raises(TypeError, match=r"cube.*'a'"):
        cube("a")
    first = RULES["cube"].partials(VALUES, y, x)[0]
    first.backward()
    assert (first.data, x.grad) == (12.0, 12.0)


def test_a_function_of_several_operands_with_a_default() -> None:
    scaled = custom_function(
        "scaled",
        lambda x, factor=2.0: x * factor,
        lambda m, y, x, factor: (factor, x),
        summary="x times a factor.",
        domain="anywhere",
    )
    x: Any = Value(3.0)
    factor = Value(5.0)
    assert scaled(3.0) == 6.0
    assert scaled(x).local_derivatives == (2.0, 3.0)
    assert scaled(x, factor=factor).local_derivatives == (5.0, 3.0)
    assert x.scaled(factor).parents == (x, factor)
    assert str(inspect.signature(scaled)) == "(x, factor=2.0) -> 'Value | float'"
    documentation = inspect.getdoc(scaled) or ""
    assert documentation.startswith("x times a factor.\n")
    assert "the domain: anywhere." in documentation


def test_a_function_of_a_sequence() -> None:
    spread = custom_function(
        "spread",
        lambda *xs: max(xs) - min(xs),
        lambda m, y, *xs: tuple(
            m.where(x == m.max(xs), 1.0, 0.0) - m.where(x == m.min(xs), 1.0, 0.0) for x in xs
        ),
    )
    assert spread([3.0, 1.0, 2.0]) == 2.0
    node = spread([Value(3.0), 1.0, Value(2.0)])
    assert (node.data, node.local_derivatives) == (2.0, (1.0, -1.0, 0.0))
    assert not hasattr(Value, "spread")
    with pytest.raises(TypeError, match="spread: expected a sequence"):
        spread(1.0)


def test_errors_are_those_of_the_built_in_functions() -> None:
    log_odds = custom_function(
        "log_odds",
        lambda p: math.log(p / (1.0 - p)),
        lambda m, y, p: 1.0 / (p * (1.0 - p)),
        domain="0 < p < 1",
    )
    for x, exception in ((0.0, ValueError), (1.0, ZeroDivisionError)):
        with pytest.raises(exception, match=rf"log_odds\(p\) at p = {x}: .*defined for 0 < p < 1"):
            log_odds(x)
        with pytest.raises(exception, match=rf"log_odds\(p\) at p = {x} \(node 'odds'\)"):
            log_odds(Value(x, "odds"))


def test_derivatives_may_be_infinite() -> None:
    root = custom_function("root", math.sqrt, lambda m, y, x: 0.5 / m.sqrt(x))
    x = Value(0.0)
    assert root(x).local_derivatives == (math.inf,)
    (root(x) * 0.0).backward()
    assert x.grad == 0.0
    surprise = custom_function(
        "surprise", lambda x: x * math.log(x) if x else 0.0, lambda m, y, x: 1.0 + m.log(x)
    )
    assert not math.isfinite(surprise(x).local_derivatives[0])


@pytest.mark.parametrize(
    ("partials", "message"),
    [
        (lambda m, y, x1, x2: (1.0,), "product: .*2 derivatives, but returned 1"),
        (lambda m, y, x1, x2: 1.0, "product: .*2 derivatives, but returned 1"),
        (lambda m, y, x1, x2: (1.0, 2.0, 3.0), "product: .*2 derivatives, but returned 3"),
        (lambda m, y, x1, x2: (1.0, "a"), "product: partials returned: .*'a'"),
        (lambda m, y, x1, x2: (None, 1.0), "product: partials returned: .*None"),
        (lambda m, y, x1, x2: (1j, 1.0), "product: partials returned: .*1j"),
    ],
)
def test_partials_must_be_one_number_an_operand(partials: Any, message: str) -> None:
    product = custom_function("product", lambda x1, x2: x1 * x2, partials)
    assert product(2.0, 3.0) == 6.0
    with pytest.raises(TypeError, match=message):
        product(Value(2.0), 3.0)


def test_the_one_derivative_must_be_a_number_and_may_be_an_integer() -> None:
    with pytest.raises(TypeError, match=r"same: partials returned: .*'a'"):
        custom_function("same", lambda x: x, lambda m, y, x: "a")(Value(1.0))
    node = custom_function("same", lambda x: int(x), lambda m, y, x: 1)(Value(1.0))
    assert list(map(type, (node.data, *node.local_derivatives))) == [float, float]
    with pytest.raises(TypeError, match="same"):
        custom_function("same", lambda x: 1j * x, lambda m, y, x: 1)(1.0)


def test_defined_again_it_is_replaced() -> None:
    cube = make_cube()
    node = cube(Value(2.0))
    tripled = custom_function("cube", lambda x: 3.0 * x, lambda m, y, x: 3.0)
    assert (node.data, node.local_derivatives) == (8.0, (12.0,))
    x: Any = Value(2.0)
    assert tripled(x).data == x.cube().data == 6.0
    assert FLOATS.cube(2.0) == VALUES.cube(2.0) == 6.0
    assert RULES["cube"].evaluate(2.0) == 6.0


@pytest.mark.parametrize(
    "name", ["exp", "sum", "dot", "net", "softmax", "data", "grad", "backward", "a name", "", "+"]
)
def test_names_that_are_taken_or_none(name: str) -> None:
    before = dict(RULES)
    with pytest.raises(ValueError, match="name"):
        custom_function(name, lambda x: x, lambda m, y, x: 1.0)
    assert before == RULES


def test_operands_must_be_readable() -> None:
    with pytest.raises(ValueError, match=r"widest.*lambda"):
        custom_function("widest", max, lambda m, y, *xs: 1.0)


def test_a_name_in_another_functions_partials() -> None:
    make_cube()
    fourth = custom_function(
        "fourth", lambda x: x**4, lambda m, y, x: 4.0 * m.cube(x), summary="x to the power 4."
    )
    x = Value(2.0)
    y = fourth(x)
    assert y.local_derivatives == (32.0,)
    first = RULES["fourth"].partials(VALUES, y, x)[0]
    assert [parent.op for parent in first.parents] == [CONSTANT, "cube"]
    first.backward()
    assert x.grad == 48.0  # 12 x²


def test_graphs_are_copied() -> None:
    x = Value(2.0, "x")
    y = make_cube()(x) + x
    twin = copy.deepcopy(y)
    twin.backward()
    cubed, leaf = twin.parents
    assert (cubed.op, leaf.label, leaf.grad) == ("cube", "x", 13.0)
    assert cubed.parents[0] is leaf
    assert copy.copy(cubed.op) is copy.deepcopy(cubed.op) is y.parents[0].op


def scaled_cube(k: float) -> Any:
    return custom_function("scaled_cube", lambda x: k * x**3, lambda m, y, x: 3.0 * k * m.square(x))


def test_a_function_at_the_top_of_a_module_is_pickled_and_its_graph(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = sys.modules[__name__]
    monkeypatch.setattr(module, "at_the_top", scaled_cube(2.0), raising=False)
    monkeypatch.setattr(module, "several_at_the_top", polar(), raising=False)
    x = Value(2.0)
    for y in (module.at_the_top(x), module.several_at_the_top(x, x * x)[1]):
        twin = pickle.loads(pickle.dumps(y))
        assert twin.op.rule is y.op.rule
        assert (twin.data, twin.local_derivatives) == (y.data, y.local_derivatives)


def test_what_cannot_be_found_again_cannot_be_pickled_and_says_so() -> None:
    with pytest.raises(pickle.PicklingError, match=r"scaled_cube.*at the top level of a module"):
        pickle.dumps(scaled_cube(2.0)(Value(1.0)))


@given(st.lists(st.sampled_from([1.0, 2.0, 5.0]), min_size=2, max_size=4), st.floats(0.5, 2.0))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_functions_of_one_name_are_told_apart(factors: list[float], at: float) -> None:
    functions = [scaled_cube(k) for k in factors]
    early = [function(Value(at)) for function in functions[:1]]
    later = scaled_cube(7.0)
    weights = range(1, len(factors) + 1)

    def f(x: Any) -> Any:
        return ag.sum([w * function(x) for w, function in zip(weights, functions, strict=True)])

    total = sum(w * k for w, k in zip(weights, factors, strict=True))
    assert later(at) == pytest.approx(7.0 * at**3)
    slopes = [total * at**3, 3.0 * total * at**2, 6.0 * total * at]
    for order, derivative in enumerate((f, autograd.grad(f), autograd.grad(autograd.grad(f)))):
        assert derivative(at) == pytest.approx(slopes[order], rel=1e-13)
        for backend in ("numpy", "llvm"):
            compiled = autograd.compile(derivative, backend=backend)
            assert compiled(at) == pytest.approx(slopes[order], rel=1e-13)
    for twin in (early[0], copy.deepcopy(early[0])):
        (x,) = twin.parents
        twin.backward(create_graph=True)
        slope: Any = x.grad
        x.grad = 0.0
        slope.backward()
        assert x.grad == pytest.approx(6.0 * factors[0] * at, rel=1e-13)
    assert autograd.gradcheck(f, at, order=2).outcome == "passed"


def test_the_functions_that_partials_name_stay_what_they_were() -> None:
    slope = custom_function("slope", lambda x: 2.0 * x, lambda m, y, x: 2.0)
    integral = custom_function("integral", lambda x: x * x, lambda m, y, x: m.slope(x))
    itself = custom_function("itself", lambda x: ag.exp(x), lambda m, y, x: m.itself(x))
    custom_function("slope", lambda x: 3.0 * x, lambda m, y, x: 3.0)
    custom_function("itself", lambda x: -x, lambda m, y, x: -1.0)
    assert slope(1.0) == 2.0
    assert autograd.grad(autograd.grad(integral))(1.0) == 2.0
    assert autograd.grad(autograd.grad(itself))(1.0) == pytest.approx(math.e)


def test_partials_may_call_functions_of_ones_own_as_they_are() -> None:
    def powers(n: int) -> Any:
        if n == 0:
            return lambda x: 1.0
        lower = powers(n - 1)
        return custom_function("power", lambda x: x**n, lambda m, y, x: float(n) * lower(x))

    third = powers(3)
    powers(5)
    found, derivative = [], third
    for _ in range(3):
        derivative = autograd.grad(derivative)
        found.append(derivative(2.0))
    assert found == [12.0, 12.0, 6.0]


# --- of several results --------------------------------------------------------------------------


def polar() -> Any:
    return custom_function(
        "polar",
        lambda r, phi: (r * ag.cos(phi), r * ag.sin(phi)),
        lambda m, y, r, phi: ((m.cos(phi), -y[1]), (m.sin(phi), y[0])),
        results=2,
    )


@given(st.floats(-3.0, 3.0), st.floats(-3.0, 3.0))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_several_results_are_as_the_functions_one_by_one(r: float, phi: float) -> None:
    function = polar()

    def together(v: Any) -> Any:
        x1, x2 = function(*v)
        return x1 * ag.exp(x2) + x2

    def apart(v: Any) -> Any:
        x1, x2 = v[0] * ag.cos(v[1]), v[0] * ag.sin(v[1])
        return x1 * ag.exp(x2) + x2

    for transform in (autograd.grad, autograd.hessian):
        expected = np.array(transform(apart)([r, phi]))
        assert np.allclose(transform(together)([r, phi]), expected, rtol=1e-12, atol=1e-12)
        compiled = autograd.compile(transform(together))
        assert np.allclose(compiled([r, phi]), expected, rtol=1e-12, atol=1e-12)
    value, slopes = autograd.jvp(lambda r, phi: list(function(r, phi)), (r, phi), (1.0, 0.0))
    assert value == pytest.approx([r * math.cos(phi), r * math.sin(phi)])
    assert slopes == pytest.approx([math.cos(phi), math.sin(phi)], abs=1e-15)


def test_a_solver_that_returns_root_and_residual() -> None:
    calls = []

    def solve(a: float) -> tuple[float, float]:
        calls.append(a)
        x = 1.0
        for _ in range(60):
            x -= (x * x - a) / (2.0 * x)
        return x, x * x - a

    solver = custom_function(
        "solver", solve, lambda m, y, a: (0.5 / y[0], 0.0), results=2, domain="a > 0"
    )
    a = Value(2.0)
    root, residual = solver(a)
    assert len(calls) == 1
    assert (root.op, residual.op, root.parents) == ("solver[0]", "solver[1]", (a,))
    root.backward()
    assert a.grad == pytest.approx(0.5 / math.sqrt(2.0))
    second = autograd.grad(autograd.grad(lambda a: solver(a)[0]))(2.0)
    assert second == pytest.approx(-0.25 * 2.0**-1.5)
    assert solver(2.0) == (root.data, residual.data)
    with pytest.raises(ZeroDivisionError, match=r"solver\(a\) at a = -1.0: .*defined for a > 0"):
        solver(-1.0)
    assert not hasattr(Value, "solver")


def test_several_results_may_have_infinite_derivatives() -> None:
    both = custom_function(
        "both",
        lambda x: (ag.sqrt(x), 2.0 * x),
        lambda m, y, x: ((0.5 / y[0],), (2.0,)),
        results=2,
    )
    assert autograd.grad(lambda x: both(x)[0])(0.0) == math.inf
    assert autograd.grad(lambda x: both(x)[1])(0.0) == 2.0
    with pytest.raises(ValueError, match=r"sqrt\(x\) at x = -1"):
        both(-1.0)


def test_several_results_of_a_sequence() -> None:
    extremes = custom_function(
        "extremes",
        lambda *xs: (max(xs), min(xs)),
        lambda m, y, *xs: [[m.where(x == y[i], 1.0, 0.0) for x in xs] for i in range(2)],
        results=2,
    )
    assert extremes([1.0, 3.0, 2.0]) == (3.0, 1.0)
    high, low = extremes([Value(1.0), 3.0, Value(2.0)])
    assert (high.local_derivatives, low.local_derivatives) == ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0))


def test_results_that_do_not_fit_are_refused() -> None:
    with pytest.raises(TypeError, match="results must be the number of results"):
        custom_function("split", lambda x: x, lambda m, y, x: 1.0, results=2.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="from 1 to"):
        custom_function("split", lambda x: x, lambda m, y, x: 1.0, results=0)
    split = custom_function("split", lambda x: (x, x, x), lambda m, y, x: (1.0,), results=2)
    with pytest.raises(TypeError, match=r"split: evaluate must return a tuple .* 2 results"):
        split(1.0)
    split = custom_function("split", lambda x: (x, x), lambda m, y, x: (1.0,), results=2)
    with pytest.raises(TypeError, match=r"split: partials must return a tuple .* 2 results"):
        split(Value(1.0))


def test_nothing_is_recorded_under_no_grad() -> None:
    cube = make_cube()
    with no_grad():
        assert cube(Value(2.0)).parents == ()


def test_as_an_activation() -> None:
    nn = pytest.importorskip("nn")
    cube = make_cube()
    for activation in (cube, "cube"):
        neuron = nn.Neuron(2, activation=activation)
        y = neuron([1.0, 2.0])
        assert y.op == "cube"
        y.backward()
        assert all(parameter.grad for parameter in neuron.parameters())


def test_softmax_of_nothing_is_refused_by_its_name() -> None:
    with pytest.raises(ValueError, match="softmax: expected at least one operand"):
        ag.softmax([])


def test_a_lone_operand_has_no_name() -> None:
    with pytest.raises(TypeError, match="positional-only"):
        ag.exp(x=1.0)


# --- as they are published ------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted({*ag.__all__, *ag.names.__all__, "compile"}))
def test_every_public_function_says_where_it_is_from(name: str) -> None:
    documented = getattr(autograd, name)
    if inspect.isfunction(documented):
        homes = {
            "draw": "autograd.drawing",
            "explain": "autograd.explanation",
            "compile": "autograd.compiler.function",
            "gradcheck": "autograd.checking.check",
            "checkpoint": "autograd.recomputing",
            "implicit": "autograd.implicit_functions",
            "vmap": "autograd.mapping",
            **dict.fromkeys(autograd.transforms.__all__, "autograd.transforms"),
            **dict.fromkeys(control.__all__, "autograd.control"),
        }
        home = homes.get(name, "autograd.functions")
        assert documented.__module__ == home
        assert documented.__name__ == documented.__qualname__ == name


def test_every_function_is_public() -> None:
    assert {rule.name for rule in FUNCTIONS} <= set(dir(ag))


def test_edges_of_single_functions() -> None:
    x = Value(-0.0)
    assert autograd.sqrt(x).local_derivatives == (math.inf,)
    assert str(autograd.silu(-math.inf)) == "-0.0"
    assert autograd.mean([1e308, 1.5e308]) == 1.25e308


@pytest.mark.parametrize("name", ["linear", "if", "data", "no name", "exp"])
def test_names_that_a_function_cannot_have(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        autograd.custom_function(name, lambda x: x, lambda m, y, x: 1.0)


@pytest.mark.parametrize(
    "evaluate", [lambda: 1.0, lambda x, *, k: x, lambda x, **named: x, lambda x, *xs: x]
)
def test_signatures_that_a_function_cannot_have(evaluate: Any) -> None:
    with pytest.raises(ValueError, match=r"operands by position, or a single \*xs"):
        autograd.custom_function("unreadable", evaluate, lambda m, y, x: 1.0)


def test_rows_offer_functions_of_two_sequences_to_one_another() -> None:
    twice = autograd.custom_function(
        "twice", lambda x: 2.0 * x, lambda m, y, x: m.dot([1.0, 0.0 * x], [2.0, 1.0])
    )
    x = Value(3.0)
    twice(x).backward()
    assert x.grad == 2.0


def test_a_function_defined_again_of_a_sequence_is_no_method_any_more() -> None:
    autograd.custom_function("again", lambda x: x, lambda m, y, x: [1.0])
    assert Value(2.0).again() == 2.0  # type: ignore[attr-defined]
    autograd.custom_function("again", lambda *xs: sum(xs), lambda m, y, *xs: [1.0] * len(xs))
    assert not hasattr(Value, "again")


def test_orders_of_polygamma_are_bounded() -> None:
    for order in (1e300, 1001, -1, 0.5):
        with pytest.raises(ValueError, match="at most 1000"):
            autograd.polygamma(order, 1.0)


def test_a_derivative_takes_functions_value_and_operands() -> None:
    with pytest.raises(TypeError, match=r"called as partials\(m, y, x, slope\)"):
        custom_function("sloped", lambda x, slope: slope * x, lambda x, slope: (slope, x))
    with pytest.raises(TypeError, match=r"called as partials\(m, y, \*xs\)"):
        custom_function("total", lambda *xs: math.fsum(xs), lambda: ())
    weighted = custom_function(
        "weighted", lambda *xs: 2.0 * xs[0] + xs[1], lambda m, y, first, *rest: (2.0, 1.0)
    )
    assert weighted([1.0, Value(3.0)]).local_derivatives == (2.0, 1.0)
    assert not hasattr(ag, "sloped")
    assert not hasattr(Value, "sloped")


def test_a_function_that_partials_cannot_have_is_named() -> None:
    lost = custom_function("lost", lambda x: x, lambda m, y, x: m.sinus(x))
    with pytest.raises(AttributeError, match=r"m\.sinus: there is no function of that name"):
        lost(Value(1.0))
