"""The verdicts at points where a checker is easily wrong.

Where an operation has no derivative, and a factor of 0 stands before it, the chain rule says
nothing: the function as a whole has a derivative there, or a kink, or a cusp.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd import (
    Value,
    cbrt,
    ceil,
    copysign,
    cos,
    cosh,
    custom_function,
    dot,
    exp,
    expm1,
    floor,
    fmod,
    gradcheck,
    hypot,
    log,
    log1p,
    maximum,
    net,
    prod,
    relu,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    tan,
    tanh,
    trunc,
    where,
)
from autograd import sum as sum_of
from autograd.checking import GradientCheck, check_graph

EACH_METHOD = pytest.mark.parametrize("method", ["auto", "numerical"])


def checked(f: Callable[..., Any], *inputs: Any, **options: Any) -> GradientCheck:
    """Check, and print whatever comes of it."""
    result = gradcheck(f, *inputs, raise_exception=False, **options)
    assert str(result).startswith("gradcheck: ")
    return result


# --- a difference vanishes with the step ---------------------------------------------------------

VANISHING: list[tuple[Callable[..., Any], tuple[float, ...]]] = [
    *((lambda x, n=n: x**n, (0.0,)) for n in (2, 3, 4, 5, 6, 7, 9, 21)),
    *((lambda x, n=n: x**n, (0.0,)) for n in (3.0, 5.0)),
    (lambda x: (x - 1.0) ** 3 + 2.0 * x, (1.0,)),
    (lambda x: (x + 3e9) ** 5 - x, (-3e9,)),
    (lambda x: (x - 1e-300) ** 3, (1e-300,)),
    (lambda x: 1e200 * x**3, (0.0,)),
    (lambda x: 1e-200 * x**3, (0.0,)),
    (lambda x: relu(x) ** 3, (0.0,)),
    (lambda x: relu(x) ** 2, (0.0,)),
    (lambda x: square(relu(x)), (0.0,)),
    (lambda x: relu(x) * x, (0.0,)),
    (lambda x: abs(x) ** 3, (0.0,)),
    (lambda x: abs(x) * x, (0.0,)),
    (lambda x: maximum(x, 0.0) ** 5, (0.0,)),
    (lambda x: x * x * x, (0.0,)),
    (lambda x: prod([x, x, x]), (0.0,)),
    (lambda x: sin(x) ** 3, (0.0,)),
    (lambda x: tanh(x) ** 3, (0.0,)),
    (lambda x: sinh(x**3), (0.0,)),
    (lambda x: expm1(x) ** 3, (0.0,)),
    (lambda x: log1p(x) ** 5, (0.0,)),
    (lambda x: cos(x) - cosh(x), (0.0,)),
    (lambda x: cosh(x) ** 3, (0.0,)),
    (lambda x: (1.0 - cos(x)) ** 2, (0.0,)),
    (lambda x: tan(x) ** 3 * exp(x), (0.0,)),
    (lambda x, a: x**3 - a * x, (0.0, 1.5)),
    (lambda x, y: x**3 * y**3, (0.0, 0.0)),
    (lambda x, y: (x - y) ** 3, (0.7, 0.7)),
    (lambda x: hypot(x, 0.0) ** 3, (0.0,)),
]


@EACH_METHOD
@pytest.mark.parametrize(("f", "inputs"), VANISHING)
def test_where_a_derivative_is_0_a_gradient_of_0_passes(
    f: Callable[..., Any], inputs: tuple[float, ...], method: Any
) -> None:
    result = checked(f, *inputs, method=method)
    if method == "auto":
        assert result.outcome == "passed"
    else:  # differences need not be decisive
        assert result.outcome != "failed"


@pytest.mark.parametrize("n", [2, 3, 5])
def test_differences_of_powers_pass_as_well(n: int) -> None:
    assert checked(lambda x: x**n, 0.0, method="numerical").outcome == "passed"
    assert checked(lambda x: (x - 1.0) ** n + 2.0 * x, 1.0, method="numerical").outcome == "passed"


@pytest.mark.parametrize("n", [3, 4, 5, 7])
def test_at_second_order_too(n: int) -> None:
    assert checked(lambda x: x**n, 0.0, order=2).outcome == "passed"
    assert checked(lambda x, a: x**n - a * x, 0.0, 1.5, order=2).outcome == "passed"


@pytest.mark.parametrize("wrong", [1e-300, 1e-90, 1e-30, -1e-5, 1.0])
@pytest.mark.parametrize("n", [3, 5])
def test_a_gradient_other_than_0_fails_there(n: int, wrong: float) -> None:
    own = custom_function("verdict_power", lambda x: x * 1.0, lambda m, y, x: 1.0 + 0.0 * x)

    def f(x: Value) -> Value:
        y = own(x) ** n if wrong == 1.0 else x**n
        y.local_derivatives = (wrong, 0.0)
        return y

    assert checked(f, 0.0).outcome == "failed"


# --- a factor of 0 meets a jump, a kink or an infinite slope -----------------------------------

SMOOTH: list[tuple[Callable[[Any], Any], float, float]] = [
    (lambda x: cbrt(x) * cbrt(x) * cbrt(x), 0.0, 1.0),
    (lambda x: prod([cbrt(x), cbrt(x), cbrt(x)]), 0.0, 1.0),
    (lambda x: cbrt(x) ** 3, 0.0, 1.0),
    (lambda x: -3.0 * cbrt(x) ** 3, 0.0, -3.0),
    (lambda x: cbrt(x - 1.5) ** 3 + x, 1.5, 2.0),
    (lambda x: square(cbrt(x)) * cbrt(x), 0.0, 1.0),
    (lambda x: abs(x) * sign(x), 0.0, 1.0),
    (lambda x: abs(x + 2.0) * sign(x + 2.0), -2.0, 1.0),
    (lambda x: x * sign(x) ** 2, 0.0, 1.0),
    (lambda x: x * square(sign(x)), 0.0, 1.0),
    (lambda x: hypot(x, 0.0) * sign(x), 0.0, 1.0),
    (lambda x: (cosh(cbrt(x)) - 1.0) * cbrt(x), 0.0, 0.5),
    (lambda x: (1.0 - cos(cbrt(x))) * cbrt(x), 0.0, 0.5),
    (lambda x: cbrt(x) * tanh(cbrt(x)) * sin(cbrt(x)), 0.0, 1.0),
    (lambda x: exp(x) * cbrt(x) ** 3, 0.0, 1.0),
    (lambda x: tan(cbrt(x) ** 3), 0.0, 1.0),
    (lambda x: maximum(x, -x) * sign(x), 0.0, 1.0),
    (lambda x: 1e308 * cbrt(x) ** 3, 0.0, 1e308),
    (lambda x: cbrt(x) ** 3 + 1e-9 * relu(x - 1e-100), 0.0, 1.0),
    (lambda x: x - abs(x) * sign(x), 0.0, 0.0),
    (lambda x: exp(cbrt(x) ** 3) - 1.0, 0.0, 1.0),
    (lambda x: prod([x, sign(x), sign(x)]), 0.0, 1.0),
    (lambda x: dot([abs(x), 1.0], [sign(x), x]), 0.0, 2.0),
]


@EACH_METHOD
@pytest.mark.parametrize(("f", "x", "derivative"), SMOOTH)
def test_where_the_function_is_smooth_another_gradient_fails(
    f: Callable[[Any], Any], x: float, derivative: float, method: Any
) -> None:
    result = checked(f, x, method=method)
    if method == "numerical" and result.outcome == "undecided":
        return  # differences need not be decisive
    assert result.outcome == "failed"
    assert result.worst is not None
    assert result.worst.gradient != derivative
    assert result.worst.numerical == pytest.approx(derivative, rel=1e-6, abs=1e-300)
    assert "and a factor of 0, but the function as a whole has another derivative" in result.reason


RIGHT: list[tuple[Callable[..., Any], tuple[float, ...]]] = [
    (lambda x: cbrt(x) ** 4, (0.0,)),
    (lambda x: cbrt(x) ** 6, (0.0,)),
    (lambda x: cbrt(x**2) ** 3, (0.0,)),
    (lambda x: x * cbrt(x), (0.0,)),
    (lambda x: x * x * sign(x), (0.0,)),
    (lambda x: x * x * floor(x), (0.0,)),
    (lambda x: x * cbrt(x) * sign(x), (0.0,)),
    (lambda x: (x - 1.0) ** 2 * (x // 1.0), (1.0,)),
    (lambda x: abs(x) * abs(x) * sign(x), (0.0,)),
    (lambda x: where(0.0, cbrt(x), 3.0 * x), (0.0,)),
    (lambda x: where(1.0, 3.0 * x, sign(x)), (0.0,)),
    (lambda x: 0.0 * cbrt(x) + x, (0.0,)),
    (lambda x: 0.0 * sign(x) + x, (0.0,)),
    (lambda x, y: x * x * cbrt(y) ** 4, (0.0, 0.0)),
    (lambda x, y: x * x * sign(y), (0.0, 0.0)),
    (lambda x: x * x * copysign(1.0, x), (0.0,)),  # which mpmath does not know at 0
    (lambda x: x * sqrt(abs(x)), (0.0,)),
    (lambda x: (x - abs(x) * sign(x)) ** 2, (0.0,)),
    (lambda x, y: hypot(x, y) * x, (0.0, 0.0)),
    (lambda x, y: hypot(x, y) ** 2, (0.0, 0.0)),
]


@pytest.mark.parametrize(("f", "inputs"), RIGHT)
def test_where_the_gradient_is_that_of_the_whole_it_passes(
    f: Callable[..., Any], inputs: tuple[float, ...]
) -> None:
    assert checked(f, *inputs).outcome == "passed"


OPEN: list[tuple[Callable[..., Any], tuple[float, ...], str]] = [
    (lambda x: x * sign(x), (0.0,), "there is a kink: its derivative is -1.0 from below and 1.0"),
    (lambda x: x * floor(x), (0.0,), "there is a kink: its derivative is -1.0 from below and 0.0"),
    (lambda x: x * ceil(x), (0.0,), "there is a kink: its derivative is 0.0 from below and 1.0"),
    (lambda x: (x - 2.0) * trunc(x), (2.0,), "a kink: its derivative is 1.0 from below and 2.0"),
    (lambda x: (x - 1.0) * (x // 1.0), (1.0,), "a kink: its derivative is 0.0 from below and 1.0"),
    (lambda x: (x - 1.0) * (x % 1.0), (1.0,), "a kink: its derivative is 1.0 from below and 0.0"),
    (lambda x: x * where(x > 0.0, 1.0, -1.0), (0.0,), "there is a kink"),
    (lambda x: sinh(x) * sign(x), (0.0,), "there is a kink"),
    (lambda x: cbrt(x) ** 2, (0.0,), "it has a cusp there"),
    (lambda x: square(cbrt(x)), (0.0,), "it has a cusp there"),
    (lambda x: cbrt(x) * cbrt(x), (0.0,), "it has a cusp there"),
    (lambda x: cosh(cbrt(x)), (0.0,), "it has a cusp there"),
    (lambda x: 1.0 - cos(cbrt(x)), (0.0,), "it has a cusp there"),
    (lambda x: abs(cbrt(x)), (0.0,), "abs: it has a kink"),
    (lambda x: cbrt(x) ** 2 * sign(x), (0.0,), "it has an infinite derivative there"),
    (lambda x: cbrt(x) * abs(sign(x)), (0.0,), "an infinite derivative there"),
    (lambda x: sign(x) ** 2, (0.0,), "it has a cusp there"),
    (
        lambda x: (x - 2.0) * fmod(x, 2.0),
        (2.0,),
        "a kink: its derivative is 2.0 from below and 0.0",
    ),
    (lambda x: x * copysign(1.0, x), (0.0,), "kink"),
    (lambda x: net([x], [sign(x)], 3.0), (0.0,), "there is a kink"),
    (lambda x, y: x * sign(y), (0.0, 0.0), "along a direction between the axes, there is a kink"),
    (lambda x, y: cbrt(x) * cbrt(y), (0.0, 0.0), "along a direction between the axes, it has a"),
    (lambda x, y: cbrt(x * x * y), (0.0, 0.0), "cbrt: it has an infinite derivative there"),
]


@pytest.mark.parametrize(("f", "inputs", "reason"), OPEN)
def test_where_the_function_has_a_kink_or_cusp_it_is_undecided(
    f: Callable[..., Any], inputs: tuple[float, ...], reason: str
) -> None:
    result = checked(f, *inputs)
    assert result.outcome == "undecided"
    assert reason in result.reason
    if len(inputs) == 1:  # differences are taken along the axes
        assert checked(f, *inputs, method="numerical").outcome == "undecided"


def test_a_jump_that_rounding_has_moved_to_the_point_is_undecided() -> None:
    def f(x: Any) -> Any:
        y = 3.0 * x - 0.3  # of 0 in floats; exactly, of -3e-17
        return y * sign(y)

    assert f(Value(0.09999999999999999)).data == 0.0
    assert checked(f, 0.09999999999999999).outcome == "undecided"


def test_a_jump_nearby_in_a_small_part_is_undecided_too() -> None:
    def f(x: Any) -> Any:
        y = 3.0 * x - 0.3
        return 1e6 * x + y * sign(y)

    result = checked(f, 0.09999999999999999)
    assert result.outcome == "undecided"
    assert result.reason == "it is within rounding of a jump, a pole or a border"


def test_a_recorded_graph_is_judged_as_a_whole_as_well() -> None:
    x = Value(0.0, "x")
    assert check_graph(cbrt(x) ** 3).outcome == "failed"
    assert check_graph(x * sign(x)).outcome == "undecided"
    assert check_graph(x * x * sign(x)).outcome == "passed"


@pytest.mark.parametrize("power", [2, 1])
def test_with_a_function_of_ones_own_differences_decide(power: int) -> None:
    own = custom_function("verdict_own", math.sinh, lambda m, y, x: m.cosh(x))
    result = checked(lambda x: own(x) ** power * sign(x), 0.0)
    assert result.outcome == ("passed" if power == 2 else "undecided")


@given(
    n=st.integers(1, 4), m=st.integers(0, 3), k=st.integers(0, 3),
    c=st.sampled_from([-2.5, 1.0, 0.25]), shift=st.sampled_from([0.0, 1.5, -2.0]),
)  # fmt: skip
def test_products_of_powers_of_roots_and_signs(
    n: int, m: int, k: int, c: float, shift: float
) -> None:
    """What c x^n cbrt(x)^m sign(x)^k is at 0, is known: a power of |x|, odd or even."""

    def f(x: Any) -> Any:
        u = x - shift
        factors = [u] * (n - 1) + [cbrt(u)] * m + [sign(u)] * k
        assume(factors)
        y = factors[0]
        for factor in factors[1:]:
            y = y * factor
        return c * y

    power, odd = n - 1 + m / 3, (n - 1 + m + k) % 2
    result = checked(f, shift)
    if power > 1.0:
        assert result.outcome == "passed"
    elif power == 1.0 and odd:
        gradient = result.derivatives[0].gradient
        assert result.outcome == ("passed" if gradient == c else "failed")
    else:
        assert result.outcome == "undecided"


# --- rounding that explains anything -------------------------------------------------------------


def cancelling(x: Any, scale: float = 100.0) -> Any:
    a = scale * x
    e = exp(a)
    return a * e + (a - a * e)


@EACH_METHOD
@pytest.mark.parametrize(
    ("f", "x", "right"),
    [
        (cancelling, 0.5, 100.0),
        (lambda x: cancelling(x, 1000.0), 0.5, 1000.0),
        (lambda x: cancelling(x, -100.0), -0.5, -100.0),
        # Its value is noise, and does not say how small 100 is.
        (lambda x: cancelling(x) + ((1e25 + 0.0 * x + 1.5e9) - 1e25), 0.5, 100.0),
        (lambda x: (1e17 * x + x) - 1e17 * x, 0.3, 1.0),
        (lambda x: (exp(50.0 * x) + sin(x)) - exp(50.0 * x), 0.9, math.cos(0.9)),
        (lambda x: (1e20 + exp(x)) - 1e20, 0.5, math.exp(0.5)),
        (lambda x: (x + 1e18) * (x + 1e18) - (x * x + 2e18 * x + 1e36), 0.5, 0.0),
        (lambda x: (1e30 * x + sin(x)) / 1e10 - 1e20 * x, 0.5, 1e-10 * math.cos(0.5)),
    ],
)
def test_what_rounding_alone_explains_is_not_passed(
    f: Callable[[Any], Any], x: float, right: float, method: Any
) -> None:
    result = checked(f, x, method=method)
    gradient = result.derivatives[0].gradient
    if abs(gradient - right) > 1e-3 * abs(right):
        assert result.outcome == "undecided"
        assert "rounding of intermediate" in result.reason or method == "numerical"
    else:
        assert result.outcome != "failed"


def test_rounding_of_what_is_0_is_undecided_where_it_is_large() -> None:
    result = checked(lambda x: 1e22 * (sin(x) ** 2 + cos(x) ** 2) - 1e22, 0.3)
    assert abs(result.derivatives[0].gradient) > 1e5
    assert result.outcome == "undecided"


def test_rounding_of_what_is_0_passes() -> None:
    xs = [0.3, -1.2, 0.7]
    assert checked(lambda x: sin(x) ** 2 + cos(x) ** 2, 0.7).outcome == "passed"
    assert checked(lambda x: sin(x) ** 2 + cos(x) ** 2 - 1.0, 0.7).outcome == "passed"
    assert checked(lambda x: log(exp(x)) - x, 0.7).outcome == "passed"
    assert checked(lambda v: sum_of(softmax_by_hand(v)) - 1.0, xs).outcome == "passed"


def softmax_by_hand(v: Any) -> Any:
    powers = [exp(x) for x in v]
    return [p / sum_of(powers) for p in powers]
