"""Graphs differentiated as a whole, along a direction."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import (
    Value,
    cbrt,
    copysign,
    custom_function,
    dot,
    exp,
    floor,
    log,
    relu,
    sign,
    sin,
    sqrt,
    tanh,
)
from autograd.checking.along import derivative_along
from autograd.checking.local import Precise, Slope, Unknown
from autograd.graph import interior

MODERATE = st.floats(-3.0, 3.0).filter(lambda x: abs(x) > 1e-6)


def along(f: Callable[..., Any], point: list[float], direction: list[float]) -> Slope:
    inputs = [Value(x) for x in point]
    root = f(*inputs)
    moved = dict(zip(inputs, direction, strict=True))
    return derivative_along(interior(root), root, moved, Precise())


@given(x=MODERATE, y=MODERATE, dx=MODERATE, dy=MODERATE)
def test_of_a_smooth_function_it_is_right_to_fifteen_digits_and_more(
    x: float, y: float, dx: float, dy: float
) -> None:
    found = along(lambda x, y: tanh(x * y) * exp(x) + dot([2.0, x], [y, y]), [x, y], [dx, dy])
    with mpmath.workprec(400):
        a, b, u, v = map(mpmath.mpf, (x, y, dx, dy))
        right = mpmath.diff(
            lambda t: (
                mpmath.tanh((a + t * u) * (b + t * v)) * mpmath.exp(a + t * u)
                + (2 + a + t * u) * (b + t * v)
            ),
            0,
        )
        assert found.reason == ""
        assert abs(found.value - right) <= found.bound + 1e-15 * (1 + abs(right))


@pytest.mark.parametrize(
    ("f", "x", "reason"),
    [
        (relu, 0.0, "there is a kink: its derivative is 0.0 from below and 1.0 from above"),
        (lambda x: x * floor(x), 3.0, "it has an infinite derivative from below"),
        (lambda x: (x - 3.0) * floor(x), 3.0, "there is a kink: its derivative is 2.0 from below"),
        (cbrt, 0.0, "it has an infinite derivative there"),
        (lambda x: -cbrt(x), 0.0, "it has an infinite derivative there"),
        (lambda x: cbrt(x) ** 2, 0.0, "it has a cusp there"),
        (sign, 0.0, "it has an infinite derivative there"),
        (sqrt, 0.0, "there is a border of the domain: it is not defined below"),
        (lambda x: sqrt(-x), 0.0, "there is a border of the domain: it is not defined above"),
        (lambda x: sqrt(x * 0.0 - x * x), 0.0, "there is a border of the domain: it is not"),
    ],
)
def test_where_there_is_none_it_says_why(f: Callable[[Any], Any], x: float, reason: str) -> None:
    found = along(f, [x], [1.0])
    assert found.bound == math.inf
    assert reason in found.reason


@pytest.mark.parametrize("rate", [-2.0, 0.5, 1e-300, 1e300])
@pytest.mark.parametrize("x", [0.0, 1e-300, -1e300, 2.5])
def test_at_any_scale(x: float, rate: float) -> None:
    found = along(lambda x: 3.0 * x + 0.0 * sin(x), [x], [rate])
    assert found.reason == ""
    assert abs(found.value - 3.0 * mpmath.mpf(rate)) <= found.bound + 1e-15 * abs(rate)


def test_what_the_root_does_not_depend_on_moves_nothing() -> None:
    x, y = Value(1.0), Value(2.0)
    root = x * x
    assert derivative_along(interior(root), root, {y: 1.0}, Precise()) == Slope(0, 0.0)
    assert derivative_along([], x, {x: 1.0}, Precise()).value == 1.0


def test_terms_that_cancel_leave_what_is_left() -> None:
    found = along(lambda x: (exp(300.0 * x) + x) - exp(300.0 * x), [1.0], [1.0])
    assert abs(found.value - 1.0) <= found.bound + 1e-15
    nothing = along(lambda x: log(exp(x)) - x, [0.7], [1.0])
    assert (nothing.value, nothing.bound, nothing.reason) == (0.0, 0.0, "")


def test_what_mpmath_does_not_define_at_the_point_cannot_be_evaluated() -> None:
    for f in (lambda x: log(x + math.inf), lambda x: copysign(1.0, x)):
        with pytest.raises(Unknown, match="not defined at the point"):
            along(f, [0.0], [1.0])


def test_a_function_of_ones_own_cannot_be_evaluated() -> None:
    own = custom_function("along_own", math.sinh, lambda m, y, x: m.cosh(x))
    with pytest.raises(Unknown, match="'along_own' cannot be evaluated to any precision"):
        along(own, [1.0], [1.0])
