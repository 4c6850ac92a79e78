"""Equal nodes of a traced graph are differentiated as one, which shows only in the work done."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import autograd
from autograd import (
    Value,
    compile,
    custom_function,
    dot,
    exp,
    grad,
    hessian,
    sin,
    sqrt,
    value_and_grad,
)
from autograd.graph import interior
from autograd.merging import BENT, SMOOTH, merged
from autograd.rule import RULES
from autograd.traced import traced, tracing_of

inf = math.inf

# --- what is merged -------------------------------------------------------------------------------


def counts(
    f: Callable[..., Any], arity: int = 2, *, exact: bool = False, again: bool = False
) -> Any:
    """How many nodes a function records, and how many of them are left."""
    xs = [traced(f"x{place}") for place in range(arity)]
    with tracing_of(exact):
        root = f(*xs)
        order = interior(root, stop=xs)
        before = [(node, node.parents, node.op, node.label) for node in order]
        _, left = merged(root, order, again)
    for node, parents, op, label in before:
        assert node.parents is parents
        assert (node.op, node.label) == (op, label)
    return len(order), len(left)


def twice(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *xs: f(*xs) * f(*xs)


def test_equal_nodes_are_one() -> None:
    assert counts(twice(lambda x, y: sin(x * y) + 2.0)) == (7, 4)
    assert counts(twice(lambda x, y: dot([x, y, 1.0], [2.0, x, y]))) == (3, 2)
    assert counts(twice(lambda x, y: (x / y) ** 3)) == (5, 3)


def test_operands_in_another_order_are_others() -> None:
    assert counts(lambda x, y: (x - y) * (y - x)) == (3, 3)


def test_constants_are_told_by_their_bits() -> None:
    assert counts(lambda x, y: (x * 0.0) * (x * -0.0)) == (3, 3)
    assert counts(lambda x, y: (x * 0.0) * (x * 0.0)) == (3, 2)
    assert counts(lambda x, y: (x * math.nan) * (x * math.nan)) == (3, 2)
    # Of a dot product with plain numbers they are coefficients.
    assert counts(lambda x, y: dot([0.0, 1.0], [x, y]) * dot([-0.0, 1.0], [x, y])) == (3, 3)
    assert counts(lambda x, y: dot([0.0, 1.0], [x, y]) * dot([0.0, 1.0], [x, y])) == (3, 2)


def test_what_may_have_an_infinite_derivative_stays_apart_with_all_above() -> None:
    assert counts(twice(lambda x, y: exp(sqrt(x) + y))) == (7, 7)
    assert counts(twice(lambda x, y: (x * y) ** 0.5)) == (5, 4)  # what is below is one
    assert counts(twice(lambda x, y: x**y)) == (3, 3)


def test_kinks_are_kept_apart_where_they_count() -> None:
    f = twice(lambda x, y: autograd.relu(x * y))
    assert counts(f) == (5, 3)
    assert counts(f, again=True) == (5, 4)


def test_nothing_is_merged_where_each_operation_is_rounded_on_its_own() -> None:
    assert counts(twice(lambda x, y: sin(x * y)), exact=True) == (5, 5)


def test_nothing_is_merged_that_is_only_recorded() -> None:
    x = Value(2.0)
    root = sin(x) * sin(x)
    order = interior(root)
    assert merged(root, order, False) == (root, order)


@pytest.mark.usefixtures("table")
def test_functions_of_ones_own_stay_apart() -> None:
    own = custom_function("own_square", lambda x: x * x, lambda m, y, x: 2.0 * x)
    assert counts(twice(lambda x, y: own(x))) == (3, 3)


def test_rows_that_are_merged_have_no_kinks() -> None:
    assert not [name for name in SMOOTH if RULES[name].kinks is not None]
    assert all(name in RULES for name in BENT)


def test_labels_and_identity_stay_the_users() -> None:
    kept: list[Any] = []

    def f(x: Any) -> Any:
        one, two = sin(x), sin(x)
        one.label, two.label = "one", "two"
        kept.extend([one, two])
        return one * two

    assert compile(grad(f))(1.0) == pytest.approx(math.sin(2.0))
    assert kept[0] is not kept[1]
    assert [node.label for node in kept] == ["one", "two"]


def test_what_stands_for_one_number_stays_apart() -> None:
    # Both variables of the outer derivative stand for x, and the inner function reads both.
    def f(x: Any) -> Any:
        def outer(a: Any, b: Any) -> Any:
            return grad(lambda c: sin(c * a) * sin(c * b) * b)(2.0)

        return grad(outer, argnums=(0, 1))(x, x)

    assert compile(f)(0.7) == pytest.approx(f(0.7), rel=1e-14)


def test_a_backward_pass_of_the_users_gives_each_node_its_own() -> None:
    def f(x: Any) -> Any:
        one, two = sin(x), sin(x)
        (3.0 * one + two * two).backward(create_graph=True)
        return one.grad, two.grad, x.grad

    assert compile(f)(0.5) == pytest.approx(
        (3.0, 2.0 * math.sin(0.5), 3.0 * math.cos(0.5) + math.sin(1.0)), rel=1e-15
    )


# --- how much it saves ----------------------------------------------------------------------------


def by_minors(rows: Sequence[Sequence[Any]]) -> Any:
    if len(rows) == 1:
        return rows[0][0]
    minors = [by_minors([[*r[:i], *r[i + 1 :]] for r in rows[1:]]) for i in range(len(rows))]
    return dot([x if i % 2 == 0 else -x for i, x in enumerate(rows[0])], minors)


def elementary(program: Any) -> int:
    """Count multiplications, additions and signs, of sums each of their terms."""
    return sum(len(operands) - 1 if op == "dot" else 1 for op, operands in program.operations)


@pytest.mark.parametrize("size", [3, 5, 6])
def test_the_gradient_of_a_determinant_is_a_few_times_the_determinant(size: int) -> None:
    def f(xs: Any) -> Any:
        return by_minors([list(xs[i * size : (i + 1) * size]) for i in range(size)])

    import numpy as np

    x = np.random.default_rng(size).uniform(-1.0, 1.0, size * size)
    value, both = (compile(g, backend="numpy") for g in (f, value_and_grad(f)))
    matrix = x.reshape(size, size)
    cofactors = np.linalg.det(matrix) * np.linalg.inv(matrix).T
    number, gradient = both(x)
    assert number == pytest.approx(np.linalg.det(matrix), rel=1e-12)
    assert gradient.reshape(size, size) == pytest.approx(cofactors, rel=1e-11, abs=1e-13)
    value(x)
    (of_value,), (of_both,) = ([*g._known.values()] for g in (value, both))
    assert elementary(of_both.run.program) <= 4 * elementary(of_value.run.program)
    # Nor is the value recorded as the function repeats it.
    assert len(of_both.program) <= 1.1 * len(of_both.run.program) + 3 * size**2


# --- beside what is recorded ----------------------------------------------------------------------

UNARY: dict[str, Callable[[Any], Any]] = {
    "sin": sin,
    "exp": exp,
    "neg": lambda x: -x,
    "tanh": autograd.tanh,
    "relu": autograd.relu,
    "abs": abs,
    "sqrt": lambda x: sqrt(x * x),
    "cube": lambda x: x**3,
    "softplus": autograd.softplus,
    "root": autograd.cbrt,
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "maximum": autograd.maximum,
    "dot": lambda x, y: dot([x, 0.5], [y, x]),
    "where": lambda x, y: autograd.where(x < y, x, y * y),
    "over": lambda x, y: x / (2.0 + y * y),
}


@st.composite
def repeating(draw: st.DrawFn) -> Callable[..., Any]:
    """A function that computes many of its results more than once."""
    steps = draw(
        st.lists(
            st.tuples(st.sampled_from([*UNARY, *BINARY]), st.integers(0, 3), st.integers(0, 3)),
            min_size=1,
            max_size=6,
        )
    )

    def computed(xs: Sequence[Any], count: int) -> Any:
        if count < 0:
            return xs[-count % len(xs)]
        name, one, two = steps[count]
        x = computed(xs, count - 1 - one)
        return UNARY[name](x) if name in UNARY else BINARY[name](x, computed(xs, count - 1 - two))

    return lambda *xs: computed(xs, len(steps) - 1) * computed(xs, len(steps) - 1 - steps[0][1])


def f_of_two_roots(x: Any, y: Any) -> Any:
    return (autograd.cbrt(x) - autograd.cbrt(x)) * y


@pytest.mark.parametrize("n", [-1.0, -2.0, -3.0])
@pytest.mark.parametrize(
    "f",
    [
        lambda x, n: x**n - x**n,
        lambda x, n: (1.0 + x**n) - (2.0 + x**n) + x,
        lambda x, n: x**n * 0.0 + x,
    ],
)
def test_a_pole_shows_in_the_derivative_though_adjoints_cancel(f: Any, n: float) -> None:
    slope = compile(grad(lambda x: f(x, n)), backend="numpy")
    assert math.isnan(slope(0.0))
    assert slope(2.0) == pytest.approx(grad(f)(2.0, n))


numbers = st.sampled_from([0.0, -0.0, 0.5, -0.75, 1.0, -1.25])


def agree(found: Any, expected: Any) -> None:
    size = max([abs(x) for x in expected if math.isfinite(x)], default=1.0)
    for a, b in zip(found, expected, strict=True):
        assert a == pytest.approx(b, rel=1e-9, abs=1e-12 * max(size, 1.0), nan_ok=True)


@example(f_of_two_roots, 0.0, 1.0)
@example(lambda x, y: abs(x) * y - abs(x) * y, 0.0, 1.0)
@given(repeating(), numbers, numbers)
def test_gradients_are_those_that_are_recorded(f: Any, x: float, y: float) -> None:
    try:
        value, gradient = value_and_grad(f, argnums=(0, 1))(x, y)
    except (ArithmeticError, ValueError):
        return
    if not all(map(math.isfinite, (value,))) or abs(value) > 1e100:
        return
    for exact in (False, True):
        found = compile(value_and_grad(f, argnums=(0, 1)), backend="numpy", exact=exact)(x, y)
        agree([found[0], *found[1]], [value, *gradient])


@example(lambda xs: abs(xs[0]) * xs[1] - abs(xs[0]) * xs[1], 0.0, 1.0)
@example(lambda xs: xs[0] ** 3 * xs[1] ** 3 * (xs[0] ** 3 * xs[1] ** 3), 0.5, -0.75)
@given(repeating().map(lambda f: lambda xs: f(*xs)), numbers, numbers)
def test_second_derivatives_are_those_that_are_recorded(f: Any, x: float, y: float) -> None:
    try:
        expected = hessian(f)([x, y])
    except (ArithmeticError, ValueError):
        return
    flat = [entry for row in expected for entry in row]
    if any(abs(entry) > 1e100 for entry in flat):
        return
    found = compile(hessian(f), backend="numpy")([x, y])
    agree([float(entry) for row in found for entry in row], flat)
