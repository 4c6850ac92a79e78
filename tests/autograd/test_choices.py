"""A branch that is not taken contributes nothing, whatever it meets, at every order."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import autograd
from autograd import Value, compile, custom_function, grad, hessian, jacobian, jvp
from autograd.choices import CHOICES, PLAIN, leaves_out, may_leave_out
from autograd.compiler.backends import BACKENDS
from autograd.rules import RULES

Function = Callable[[Any], Any]

own_relu = custom_function(
    "own_relu", lambda x: (x + abs(x)) / 2.0, lambda m, y, x: (m.where(x > 0.0, 1.0, 0.0),)
)

# Each is 0 around -0.7, by a branch that is not taken, or by a step.
LEFT_OUT: dict[str, Function] = {
    "relu": autograd.relu,
    "where": lambda x: autograd.where(x > 0.0, x * x, 0.0),
    "a pole": lambda x: autograd.where(x > 0.0, 1.0 / x, 0.0),
    "maximum": lambda x: autograd.maximum(x, 0.0),
    "minimum": lambda x: autograd.minimum(-x, 0.0),
    "max": lambda x: autograd.max([x, 0.0, x - 1.0]),
    "min": lambda x: autograd.min([0.0, -x]),
    "clip": lambda x: autograd.clip(x, 0.0, 2.0),
    "leaky_relu": lambda x: autograd.leaky_relu(x, 0.0),
    "hard_tanh": lambda x: autograd.hard_tanh(x - 1.0) + 1.0,
    "floor": lambda x: autograd.floor(x + 1.0),
    "ceil": autograd.ceil,
    "trunc": autograd.trunc,
    "sign": lambda x: autograd.sign(x) + 1.0,
    "//": lambda x: (x + 1.0) // 1.0,
    "own": own_relu,
}
X = -0.7
# Their derivatives are infinite where what is under them is 0.
STEEP: dict[str, Function] = {
    "cbrt": autograd.cbrt,
    "sqrt": autograd.sqrt,
    "power": lambda x: x**0.5,
    "arcsin": lambda x: autograd.arcsin(x + 1.0),
    "arccosh": lambda x: autograd.arccosh(x + 1.0),
}


def nested(derivative: Function, order: int) -> Function:
    """Differentiate as often as that, in one way."""
    return lambda f: f if order == 0 else derivative(nested(derivative, order - 1)(f))


def forward(f: Function) -> Function:
    return lambda x: jvp(f, (x,), (1.0,))[1]


def by_backward(f: Function) -> Function:
    def slope(x: float) -> Any:
        leaf = Value(x)
        f(leaf).backward()
        return leaf.grad

    return slope


def by_a_recorded_pass(f: Function) -> Function:
    def slope(x: float) -> Any:
        leaf = Value(x)
        f(leaf).backward(create_graph=True)
        found: Any = leaf.grad
        return found.data

    return slope


STEEP_CASES = [
    lambda x, over=over, under=under: over(under(x))
    for over, under in itertools.product(STEEP.values(), LEFT_OUT.values())
]


@pytest.mark.parametrize("over", STEEP)
@pytest.mark.parametrize("under", LEFT_OUT)
def test_under_an_infinite_slope(over: str, under: str) -> None:
    def f(x: Any) -> Any:
        return STEEP[over](LEFT_OUT[under](x))

    assert by_backward(f)(X) == 0.0
    assert by_a_recorded_pass(f)(X) == 0.0
    for way in (grad, forward):
        for order in (1, 2, 3):
            assert nested(way, order)(f)(X) == 0.0, (way, order)


@pytest.mark.no_cover
@pytest.mark.parametrize("backend", BACKENDS)
def test_under_an_infinite_slope_compiled(backend: Any) -> None:
    # Each function over and each one under; all pairs take a compiler of C some seconds.
    cases = STEEP_CASES[::3] if backend == "c" else STEEP_CASES

    def every(x: Any) -> list[Any]:
        return [way(f)(x) for f in cases for way in (grad, forward)]

    assert set(compile(every, backend=backend)(X)) == {0.0}


@pytest.mark.parametrize("order", [2, 3])
def test_under_an_infinite_slope_compiled_at_higher_orders(order: int) -> None:
    def every(x: Any) -> list[Any]:
        return [nested(grad, order)(f)(x) for f in STEEP_CASES[: len(LEFT_OUT)]]

    assert set(compile(every, backend="numpy")(X)) == {0.0}


def test_a_zero_that_varies_is_no_branch() -> None:
    for f in (lambda x: autograd.sqrt(x * x), lambda x: autograd.cbrt(x**3)):
        assert math.isnan(by_backward(f)(0.0))
        assert math.isnan(grad(f)(0.0))
        assert math.isnan(forward(f)(0.0))
        assert math.isnan(compile(grad(f), backend="numpy")(0.0))


# --- products with kinked factors ----------------------------------------------------------------

# Each has a kink, a jump or a vertical tangent at 0.
KINKED: dict[str, Function] = {
    "abs": abs,
    "relu": autograd.relu,
    "maximum": lambda x: autograd.maximum(x, 0.0),
    "max": lambda x: autograd.max([x, 0.0]),
    "clip": lambda x: autograd.clip(x, 0.0, 1.0),
    "hard_tanh": lambda x: autograd.hard_tanh(x - 1.0),
    "leaky_relu": autograd.leaky_relu,
    "elu": autograd.elu,
    "selu": autograd.selu,
    "floor": lambda x: autograd.floor(x) + 0.5,
    "%": lambda x: x % 1.0,
    "copysign": lambda x: autograd.copysign(2.0, x),
    "norm": lambda x: autograd.norm([x, 2.0 * x]),
    "sqrt": autograd.sqrt,
    "cbrt": autograd.cbrt,
}
PRODUCTS: dict[str, Callable[[Any, Any], Any]] = {
    "k z": lambda k, z: k * z,
    "z k": lambda k, z: z * k,
    "dot": lambda k, z: autograd.dot([k, 1.0], [z, z]),
    "prod": lambda k, z: autograd.prod([k, z, 3.0]),
    "sin": lambda k, z: autograd.sin(k * z) + z,
    "k k z": lambda k, z: k * k * z,
}
# What `choices` in compiled code are known to be 0 by: not by a sum that happens to cancel.
PLAIN_ZEROS = ["relu", "where", "a pole", "maximum", "minimum", "max", "min", "clip"]


def derivatives(f: Function, order: int) -> list[Function]:
    """The derivatives of an order, by reverse over reverse, and forward over reverse."""
    rows, backwards = hessian(f), grad(f)
    for _ in range(2, order):
        rows = jacobian(rows)
    return [rows, _rows(backwards, order)]


def _rows(gradient: Function, order: int) -> Function:
    if order == 1:
        return gradient
    return lambda v: [
        _rows(grad(lambda w, place=place: gradient(w)[place]), order - 1)(v)
        for place in range(len(v))
    ]


def flat(rows: Any) -> list[float]:
    return [float(x) for x in np.ravel(np.array(rows, float))]


@settings(max_examples=60)
@given(
    st.sampled_from([*KINKED]),
    st.sampled_from([*LEFT_OUT]),
    st.sampled_from([*PRODUCTS]),
    st.sampled_from([2, 3]),
)
@example("maximum", "relu", "k z", 2)
def test_a_kink_behind_a_factor_that_stays_0_is_no_kink(
    kinked: str, zero: str, product: str, order: int
) -> None:
    def f(v: Any) -> Any:
        return PRODUCTS[product](KINKED[kinked](v[0]), LEFT_OUT[zero](v[1]))

    for derivative in derivatives(f, order):
        assert set(flat(derivative([0.0, X]))) == {0.0}


@pytest.mark.no_cover
@pytest.mark.parametrize("order", [2, 3])
def test_a_kink_behind_a_factor_that_stays_0_is_no_kink_compiled(order: int) -> None:
    cases = [
        lambda v, k=k, z=z: KINKED[k](v[0]) * LEFT_OUT[z](v[1])
        for k, z in zip(itertools.islice(itertools.cycle(KINKED), 24), itertools.cycle(PLAIN_ZEROS))
    ][: 24 if order == 2 else 8]

    def every(v: Any) -> list[Any]:
        return [derivative(v) for f in cases for derivative in derivatives(f, order)]

    # (At order 3 compiled code may not know that the factor stays 0: nan is always right there.)
    for rows in compile(every, backend="numpy")(np.array([0.0, X])):
        assert all(x == 0.0 or (order == 3 and math.isnan(x)) for x in flat(rows))


def test_the_hessian_that_was_not_symmetric() -> None:
    def f(v: Any) -> Any:
        return autograd.maximum(v[0], 0.3) * autograd.relu(v[1])

    for backend in BACKENDS:
        assert set(flat(compile(hessian(f), backend=backend)([0.3, X]))) == {0.0}  # type: ignore[call-overload]
    assert hessian(f)([0.3, X]) == [[0.0, 0.0], [0.0, 0.0]]


@settings(max_examples=60)
@given(
    st.sampled_from([*KINKED]),
    st.sampled_from(["z", "z * z", "abs", "relu", "sin"]),
    st.sampled_from([2, 3]),
)
def test_behind_a_factor_that_is_0_at_the_point_alone_no_number_is_wrong(
    kinked: str, factor: str, order: int
) -> None:
    # f(x, 0) = 0, so derivatives in x alone are 0; a mixed one exists for smooth kinds only.
    zeros: dict[str, Function] = {
        "z": lambda z: z, "z * z": lambda z: z * z, "abs": abs, "relu": autograd.relu,
        "sin": autograd.sin,
    }  # fmt: skip

    def f(v: Any) -> Any:
        return KINKED[kinked](v[0]) * zeros[factor](v[1])

    for derivative in derivatives(f, order):
        rows = derivative([0.0, 0.0])
        mixed = rows[0][1] if order == 2 else rows[0][0][1]
        if factor in ("z", "sin", "abs", "relu"):  # the slope of a kink, times what is not 0
            assert math.isnan(mixed) or math.isinf(mixed)


# --- which operands are left out -----------------------------------------------------------------


def node(name: str, xs: Sequence[float]) -> Any:
    found = getattr(autograd, name)(*map(Value, xs))
    assert isinstance(found, Value)
    return found


@pytest.mark.parametrize(
    ("name", "xs", "expected"),
    [
        ("relu", (-1.0,), [True]),
        ("maximum", (1.0, 2.0), [True, False]),
        ("minimum", (1.0, 2.0), [False, True]),
        ("clip", (5.0, 0.0, 1.0), [True, True, False]),
        ("where", (1.0, 2.0, 3.0), [True, False, True]),
        ("leaky_relu", (1.0, 0.0), [False, True]),
        ("leaky_relu", (-1.0, 0.0), [False, False]),
        ("leaky_relu", (0.0, 1.0), [False, False]),
        ("elu", (1.0, 0.0), [False, True]),
        ("elu", (-1.0, 0.0), [False, False]),
        ("copysign", (0.0, 1.0), [False, True]),
        ("hypot", (0.0, 0.0), [False, False]),
        ("own", (-1.0,), [True]),
        ("own", (1.0,), [False]),
    ],
)
def test_what_is_left_out(name: str, xs: Sequence[float], expected: list[bool]) -> None:
    found = own_relu(*map(Value, xs)) if name == "own" else node(name, xs)
    zeros = [not derivative for derivative in found.local_derivatives]
    assert [zero and leaves_out(found, i) for i, zero in enumerate(zeros)] == expected


def test_an_undefined_condition_stays_undefined() -> None:
    choice = autograd.where(Value(1.0), 2.0, 3.0)
    assert leaves_out(choice, 0, math.inf)
    assert not leaves_out(choice, 0, math.nan)
    assert leaves_out(choice, 2, math.nan)
    slope = grad(grad(grad(autograd.relu)))
    assert math.isnan(slope(0.0))
    assert math.isnan(nested(forward, 3)(autograd.relu)(0.0))


@pytest.mark.parametrize("inner", ["floor", "ceil", "trunc", "sign", "relu", "hard_tanh", "//"])
@pytest.mark.parametrize("outer", ["floor", "ceil", "trunc", "sign", "relu", "abs"])
def test_an_undefined_derivative_stays_so_at_a_jump(outer: str, inner: str) -> None:
    under: dict[str, Function] = {**LEFT_OUT, "//": lambda x: x // 1.0}
    for name in ("sign", "floor", "hard_tanh"):
        under[name] = getattr(autograd, name)
    x = 1.0 if inner == "hard_tanh" else 0.0

    def f(x: Any) -> Any:
        return getattr(autograd, outer)(under[inner](x))

    if inner != "hard_tanh" or outer not in ("sign", "relu", "abs"):
        assert math.isnan(grad(grad(f))(x))
        assert math.isnan(grad(grad(grad(f)))(x))


def test_a_users_partials_that_vary_are_no_branch() -> None:
    scaled = custom_function(
        "scaled", lambda x, k: k * x, lambda m, y, x, k: (m.where(x > 9.0, 0.0, k), x)
    )
    product = scaled(Value(1.0), Value(0.0))
    assert not leaves_out(product, 0)
    assert leaves_out(scaled(Value(10.0), Value(0.0)), 0)
    assert may_leave_out(product.op)


def test_what_is_plain_leaves_nothing_out() -> None:
    assert {*RULES} >= PLAIN
    assert not PLAIN & CHOICES
    assert not any(map(may_leave_out, PLAIN))
