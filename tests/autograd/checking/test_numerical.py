"""Numerical derivatives: the exact one lies within the bound, or a reason says why not."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from autograd.checking.numerical import Estimate, differentiate
from tests.autograd.checking import badly

mp: Any = mpmath.mp.clone()

MOST_CALLS = 220


# --- smooth functions, with mpmath as the oracle ------------------------------------------------


def _spike(m: Any, x: Any) -> Any:
    return 1 / (1 + 100 * x * x)


STAGES: dict[str, Callable[[Any, Any], Any]] = {
    "x": lambda m, x: x,
    "-3x+1": lambda m, x: 1 - 3 * x,
    "x²": lambda m, x: x * x,
    "x³-x": lambda m, x: x * x * x - x,
    "exp": lambda m, x: m.exp(x),
    "sin": lambda m, x: m.sin(x),
    "cos 20x": lambda m, x: m.cos(20 * x),
    "tanh": lambda m, x: m.tanh(x),
    "tanh 30x": lambda m, x: m.tanh(30 * x),
    "atan": lambda m, x: m.atan(x),
    "log": lambda m, x: m.log(x),
    "sqrt": lambda m, x: m.sqrt(x),
    "1/x": lambda m, x: 1 / x,
    "1/(1+100x²)": _spike,
    "tan": lambda m, x: m.tan(x),
    "sinh": lambda m, x: m.sinh(x),
    "erf": lambda m, x: m.erf(x),
}

_EPSILON = 2.0**-52


@dataclass
class Reference:
    """What is known of a composed function at a point.

    Attributes:
        derivative: The exact one.
        rounding: How far rounding each stage's value moves the derivative, at most.
        noise: How far rounding each stage's value moves the function's.
    """

    derivative: Any
    rounding: Any
    noise: float


def composed(stages: Sequence[str], m: Any, x: Any) -> Any:
    for stage in stages:
        x = STAGES[stage](m, x)
    return x


def reference(stages: Sequence[str], x: float) -> Reference:
    """Differentiate a composed function in high precision, stage by stage."""
    with mp.workdps(500):
        step = mp.mpf(10) ** -40

        def slope(stages: Sequence[str], u: Any) -> Any:
            h = step * min(1, abs(u) or 1)
            return (composed(stages, mp, u + h) - composed(stages, mp, u - h)) / (2 * h)

        u = mp.mpf(x)
        derivative = slope(stages, u)
        rounding, noise = mp.zero, mp.zero
        so_far = mp.one
        for place, stage in enumerate(stages):
            so_far *= slope([stage], u)
            u = STAGES[stage](mp, u)
            error = 4 * _EPSILON * abs(u)
            rest = stages[place + 1 :]
            outer = slope(rest, u) if rest else mp.one
            noise += abs(outer) * error
            moved = slope(rest, u + error) if rest else mp.one
            rounding += abs(so_far) * abs(moved - outer)
        return Reference(derivative, rounding, float(noise))


@st.composite
def points(draw: st.DrawFn) -> tuple[list[str], float]:
    stages = draw(st.lists(st.sampled_from(sorted(STAGES)), min_size=1, max_size=3))
    near_zero = st.builds(
        lambda sign, power: sign * 10.0**power, st.sampled_from([-1.0, 1.0]), st.floats(-9.0, 0.0)
    )
    x = draw(st.floats(-4.0, 4.0) | near_zero | st.sampled_from([0.0, 0.5, 1.0, -2.0]))
    return stages, x


@settings(max_examples=settings().max_examples)
@given(points(), st.sampled_from([1.0, -1e300, 1e-290, 3e7, 1e-9]))
@example((["1/x"], 1e-6), 1.0)
@example((["sin", "log"], 1e-8), 1.0)
@example((["exp", "cos 20x"], 3.0), 1.0)
@example((["x²"], 1.4290437097190553e-303), -1e300)  # which underflows
def test_the_exact_derivative_lies_within_the_bound(
    case: tuple[list[str], float], scale: float
) -> None:
    stages, x = case

    def function(x: float) -> float:
        return float(composed(stages, _Floats, x)) * scale

    try:
        y = function(x)
        exact = reference(stages, x)
    except (ArithmeticError, ValueError):
        assume(False)
    assume(math.isfinite(y) and mp.isfinite(exact.derivative))
    assume(isinstance(exact.derivative, mp.mpf))
    noise = abs(scale) * exact.noise
    estimate = differentiate(function, x, noise=noise)
    if not estimate.reason:
        error = abs(estimate.value - scale * exact.derivative)
        assert error <= estimate.bound + abs(scale) * exact.rounding


class _Floats:
    """The functions of `math`, and their namesakes in mpmath."""

    exp, sin, cos, tanh, atan = math.exp, math.sin, math.cos, math.tanh, math.atan
    log, sqrt, tan, sinh, erf = math.log, math.sqrt, math.tan, math.sinh, math.erf


# Functions that are one call of the C library, so that their values are right to an ulp or so.
LIBRARY: dict[str, tuple[Callable[[float], float], Callable[[Any], Any], float, float]] = {
    "exp": (math.exp, mp.exp, -700.0, 700.0),
    "expm1": (math.expm1, mp.exp, -40.0, 700.0),
    "log": (math.log, lambda x: 1 / x, 1e-300, 1e300),
    "log1p": (math.log1p, lambda x: 1 / (1 + x), -0.99, 1e300),
    "sqrt": (math.sqrt, lambda x: 1 / (2 * mp.sqrt(x)), 1e-300, 1e300),
    "sin": (math.sin, mp.cos, -1e3, 1e3),
    "tan": (math.tan, lambda x: 1 / mp.cos(x) ** 2, -1e3, 1e3),
    "atan": (math.atan, lambda x: 1 / (1 + x * x), -1e150, 1e150),
    "tanh": (math.tanh, lambda x: 1 / mp.cosh(x) ** 2, -30.0, 30.0),
    "asin": (math.asin, lambda x: 1 / mp.sqrt(1 - x * x), -1.0, 1.0),
    "acosh": (math.acosh, lambda x: 1 / mp.sqrt(x * x - 1), 1.0, 1e150),
    "erf": (math.erf, lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x), -10.0, 10.0),
    "lgamma": (math.lgamma, mp.digamma, -10.0, 1e300),
    "reciprocal": (lambda x: 1.0 / x, lambda x: -1 / x**2, -1e150, 1e150),
    "square": (lambda x: x * x, lambda x: 2 * x, -1e150, 1e150),
}


@pytest.mark.parametrize("name", LIBRARY)
@settings(max_examples=settings().max_examples // 2)
@given(data=st.data())
def test_functions_of_the_library_over_their_whole_domain(name: str, data: st.DataObject) -> None:
    function, derivative, least, greatest = LIBRARY[name]
    spread = st.floats(-300.0, 300.0).map(lambda power: 10.0**power)
    x = data.draw(
        (st.floats(least, greatest) | spread | spread.map(lambda x: -x) | st.floats(-5.0, 5.0))
        .filter(lambda x: least <= x <= greatest and abs(x) >= 1e-300)
    )  # fmt: skip
    try:
        y = function(x)
    except (ArithmeticError, ValueError):
        assume(False)
    assume(math.isfinite(y))
    calls = 0

    def counted(x: float) -> float:
        nonlocal calls
        calls += 1
        return function(x)

    estimate = differentiate(counted, x, noise=4.0 * _EPSILON * abs(y))
    assert calls <= MOST_CALLS
    if not estimate.reason:
        with mp.workdps(340):
            try:
                exact = derivative(mp.mpf(x))
            except (ArithmeticError, ValueError):
                pytest.fail(f"{name} has no derivative at {x}, and yet {estimate}")
            assert abs(estimate.value - exact) <= estimate.bound


@pytest.mark.parametrize(
    ("function", "x", "exact"),
    [
        (math.exp, 1.0, math.e),
        (math.sin, 1e6, math.cos(1e6)),
        (math.log, 1e-290, 1e290),
        (math.log, 3.0, 1.0 / 3.0),
        (lambda x: 1e-300 * math.sin(x), 0.5, 1e-300 * math.cos(0.5)),
        (lambda x: 1e300 * math.sin(x), 0.5, 1e300 * math.cos(0.5)),
        (lambda x: math.sin(1024.0 * x), 0.5, 1024.0 * math.cos(512.0)),
        (lambda x: math.tanh(1e6 * x), 0.0, 1e6),
        (lambda x: 1e7 + math.sin(x), 0.5, math.cos(0.5)),
        (lambda x: x, 1e300, 1.0),
        (lambda x: x**7, 1e-3, 7e-18),
        (lambda x: math.sqrt(1e-10 + x * x), 1e-6, 1e-6 / math.sqrt(1e-10 + 1e-12)),
    ],
)
def test_useful_bounds_where_floats_resolve_the_function(
    function: Callable[[float], float], x: float, exact: float
) -> None:
    estimate = differentiate(function, x)
    assert estimate.reason == ""
    assert abs(estimate.value - exact) <= estimate.bound
    assert estimate.bound <= 3e-5 * abs(exact)
    assert math.isnan(estimate.left)
    assert math.isnan(estimate.right)


@pytest.mark.parametrize(
    ("names", "factor", "x"),
    [  # smooth close to the point, and another function further away; or steeper at each distance
        (("cube", "softplus"), 4.5e4, 0.777),
        (("softplus", "square"), 3.5e4, 0.475),
        (("x sin x", "witch", "1/x"), 1e4, 2.9),
        (("arctan", "witch", "x sin x"), 1e4, 2.3),
        (("exp", "bell"), 1.0, 2.74),
        (("cube", "bell"), 1.0, 2.21),
    ],
)
def test_what_is_smooth_close_by_is_seen_whatever_it_is_further_away(
    names: tuple[str, ...], factor: float, x: float
) -> None:
    stages = [stage for name in names for stage in badly.STAGES if stage.name == name]
    function = composed_badly(*names)
    slope = factor * badly.exactly(stages, mp.mpf(factor) * (mp.mpf(2.0 + x / factor) - 2))[1]
    estimate = differentiate(lambda z: function(factor * (z - 2.0)), 2.0 + x / factor)
    assert estimate.reason == ""
    assert abs(estimate.value - slope) <= estimate.bound <= 1e-7 * abs(slope)


@given(st.floats(-3.0, 3.0), st.floats(1e-3, 0.5))
def test_the_first_step_does_not_matter(x: float, first_step: float) -> None:
    estimate = differentiate(math.sin, x, first_step=first_step)
    assert estimate.reason == ""
    assert abs(estimate.value - math.cos(x)) <= estimate.bound + 1e-16
    assert estimate.bound < 1e-8


# --- kinks, jumps, borders, noise ----------------------------------------------------------------


@settings(max_examples=30)
@given(
    st.floats(-2.0, 2.0),
    st.floats(-5.0, 5.0),
    st.floats(-5.0, 5.0),
    st.floats(-5.0, 5.0),
)
@example(5e-324, 0.0, 1.0, 0.0)
@example(-1e-305, 1.0, 0.0, 0.0)
def test_at_a_kink_both_derivatives_are_told(
    x: float, left: float, right: float, offset: float
) -> None:
    assume(abs(left - right) > 0.1)

    def function(z: float) -> float:
        return offset + (right if z > x else left) * (z - x)

    estimate = differentiate(function, x)
    assert "kink" in estimate.reason
    assert estimate.left == pytest.approx(left, abs=1e-2)
    assert estimate.right == pytest.approx(right, abs=1e-2)
    assert abs(estimate.value - left) <= 1.01 * estimate.bound
    assert abs(estimate.value - right) <= 1.01 * estimate.bound


@given(st.floats(0.1, 3.0), st.floats(-14.0, 0.0), st.booleans())
def test_near_a_kink_a_derivative_is_that_of_its_own_side(
    kink: float, power: float, above: bool
) -> None:
    x = kink + (1 if above else -1) * 10.0**power
    assume(x != kink)
    estimate = differentiate(lambda z: abs(z - kink), x)
    if not estimate.reason:
        assert abs(estimate.value - math.copysign(1.0, x - kink)) <= estimate.bound
    elif math.isfinite(estimate.bound):
        assert abs(estimate.value) <= 1.0 + estimate.bound


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9])
def test_near_kinks_are_resolved(distance: float) -> None:
    estimate = differentiate(lambda z: max(z - 1.0, 0.0), 1.0 + distance)
    assert estimate.reason == ""
    assert estimate.value == pytest.approx(1.0, abs=1e-3)


@given(st.floats(0.01, 3.0) | st.just(0.0), st.floats(1e-6, 1e6))
def test_a_jump_has_no_derivative(x: float, height: float) -> None:
    estimate = differentiate(lambda z: height if z > x else 0.0, x)
    assert estimate.reason != ""


@pytest.mark.parametrize(
    ("function", "x", "side"),
    [
        (math.sqrt, 0.0, "not defined below"),
        (math.acos, 1.0, "not defined above"),
        (lambda x: math.log1p(-x) if x <= 0.5 else math.nan, 0.5, "not defined above"),
        (lambda x: 1.0 / (x >= 1.0), 1.0, "not defined below"),
    ],
)
def test_at_a_border_it_is_said_on_which_side(
    function: Callable[[float], float], x: float, side: str
) -> None:
    estimate = differentiate(function, x)
    assert side in estimate.reason
    assert estimate.bound == math.inf
    assert math.isnan(estimate.value)


def test_a_function_of_one_point() -> None:
    estimate = differentiate(lambda x: 1.0 if x == 2.0 else math.nan, 2.0)
    assert estimate.reason == "it is defined at this point alone"


@given(st.floats(1e-9, 1.0))
@example(0.1887)  # where the outermost sample is all but on it
@example(0.08069564942062653)
def test_close_to_a_border_steps_are_small_enough(distance: float) -> None:
    estimate = differentiate(lambda x: math.sqrt(1.0 - x), 1.0 - distance)
    exact = -0.5 / math.sqrt(1.0 - (1.0 - distance))
    if not estimate.reason:
        assert abs(estimate.value - exact) <= estimate.bound + 1e-15 * abs(exact)
    else:
        assert distance < 1e-6


@pytest.mark.parametrize("function", [lambda x: math.nan, lambda x: 1.0 / 0.0, math.log])
def test_off_the_domain_there_is_nothing_to_differentiate(
    function: Callable[[float], float],
) -> None:
    with pytest.raises(ValueError, match=r"not defined at x = -1\.0"):
        differentiate(function, -1.0)


def noise(x: float) -> float:
    """Noise of unit size that depends on every bit of x."""
    digest = hashlib.sha256(struct.pack("d", x)).digest()
    return float(int.from_bytes(digest[:4], "big")) / 2.0**31 - 1.0


@given(st.floats(0.01, 10.0))
def test_noise_alone_has_no_derivative(x: float) -> None:
    assert differentiate(noise, x).reason != ""


@given(st.floats(-3.0, 3.0), st.floats(-14.0, -1.0))
def test_noise_on_a_function_widens_the_bound(x: float, power: float) -> None:
    size = 10.0**power
    estimate = differentiate(lambda z: math.sin(z) + size * noise(z), x, noise=size)
    if not estimate.reason:
        assert abs(estimate.value - math.cos(x)) <= estimate.bound
        assert estimate.bound >= size


def single(x: float) -> float:
    """Compute a sine in single precision."""
    return float(struct.unpack("f", struct.pack("f", math.sin(x)))[0])


@given(st.floats(0.1, 3.0))
@example(1.5703125)
def test_rounding_to_single_precision_is_noise(x: float) -> None:
    estimate = differentiate(single, x)
    if not estimate.reason:
        assert abs(estimate.value - math.cos(x)) <= estimate.bound


@given(st.floats(0.0, 12.0), st.floats(-3.0, 3.0))
def test_an_offset_costs_digits_and_no_more(power: float, x: float) -> None:
    estimate = differentiate(lambda z: 10.0**power + math.sin(z), x)
    if not estimate.reason:
        assert abs(estimate.value - math.cos(x)) <= estimate.bound


@given(st.floats(1e-9, 1.0), st.sampled_from([1.0, -1.0]))
def test_a_function_that_oscillates_at_every_scale(x: float, sign: float) -> None:
    estimate = differentiate(lambda x: x * math.sin(1.0 / x), sign * x)
    if not estimate.reason:
        with mp.workdps(50):
            u = mp.mpf(x)
            exact = mp.sin(1 / u) - mp.cos(1 / u) / u
            rounding = abs(mp.sin(1 / u) / u**2) * _EPSILON / u  # of 1/x, by the second derivative
        assert abs(estimate.value - sign * exact) <= estimate.bound + abs(rounding)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_evaluations_are_bounded_and_the_point_is_arbitrary(x: float) -> None:
    for function in (noise, abs, lambda x: math.sin(x) / math.hypot(x - 0.5, 1e-9), lambda x: x):
        calls = 0

        def counted(x: float) -> float:
            nonlocal calls
            calls += 1
            return function(x)  # noqa: B023

        estimate = differentiate(counted, x)
        assert calls <= MOST_CALLS
        assert isinstance(estimate, Estimate)
        assert estimate.bound >= 0.0


@given(st.floats(-5.0, 5.0))
def test_the_estimate_is_the_same_each_time(x: float) -> None:
    assert repr(differentiate(math.sin, x)) == repr(differentiate(math.sin, x))


@pytest.mark.parametrize(
    ("function", "x", "exact"),
    [
        # a period far below the first step, and an end of the search before it is reached
        (lambda x: math.sin(x) + 3e10, 3e8, math.cos(3e8)),
        (math.lgamma, -4863051006.804655, 17.845178099066740),
        # even, and so without any slope where steps are larger than x
        (lambda x: math.log(x * x) + 6e11, -1.8e-65, -2.0 / 1.8e-65),
        (math.lgamma, 2.2e-309, -math.inf),
    ],
)
def test_a_scale_far_below_the_first_step(
    function: Callable[[float], float], x: float, exact: float
) -> None:
    estimate = differentiate(function, x, noise=_EPSILON * abs(function(x)))
    assert estimate.reason or abs(estimate.value - exact) <= estimate.bound


@pytest.mark.parametrize(
    ("function", "x", "exact"),
    [
        (lambda x: 8.878e-4 * math.tanh(9.6e11 * x), 0.0, 8.878e-4 * 9.6e11),
        (lambda x: x + 1e-8 * math.sin(2.4e9 * x) + 1.4, 0.0, 25.0),
    ],
)
def test_steps_that_are_too_large_do_not_end_the_search(
    function: Callable[[float], float], x: float, exact: float
) -> None:
    """The coarse ones have small bounds by chance, and are not what the function does close by."""
    estimate = differentiate(function, x)
    assert estimate.reason == ""
    assert abs(estimate.value - exact) <= estimate.bound <= 1e-3 * abs(exact)


@pytest.mark.parametrize("precise", [True, False])
def test_poles_between_all_larger_steps_are_noise_unless_it_is_known_that_there_is_none(
    precise: bool,
) -> None:
    exact = 36.857615051016
    estimate = differentiate(math.lgamma, -16136163.048965871, precise=precise)
    assert abs(estimate.value - exact) <= estimate.bound
    assert (estimate.reason == "") == precise
    assert estimate.bound <= 1e-3 * exact or not precise


@pytest.mark.parametrize(
    ("function", "x", "exact"),
    [
        (math.floor, 2.3, 0.0),  # a plateau, left by a jump
        (lambda x: max(x, 0.0) + 0.3 * max(x - 0.01, 0.0) + 0.2 * max(0.02 - x, 0.0), 5e-3, 0.8),
        (lambda x: 1.0 + 1e-6 * math.floor(1e3 * x) + x, 0.50049, 1.0),
    ],
)
def test_edges_are_meant_where_a_function_is_known_to_be_evaluated_precisely(
    function: Callable[[float], float], x: float, exact: float
) -> None:
    estimate = differentiate(function, x, precise=True)
    assert estimate.reason == ""
    assert abs(estimate.value - exact) <= estimate.bound <= 1e-6
    other = differentiate(function, x)  # it may be rounding, or a table
    assert other.reason or abs(other.value - exact) > other.bound


@pytest.mark.parametrize(
    ("function", "x"), [(math.sin, 1.0), (math.exp, -2.0), (lambda x: 3.0 * x, 3.0)]
)
def test_the_search_ends_where_smaller_steps_have_nothing_to_gain(
    function: Callable[[float], float], x: float
) -> None:
    calls = []
    differentiate(lambda z: calls.append(z) or function(z), x)  # type: ignore[func-returns-value]
    assert len(calls) <= MOST_CALLS // 5


@pytest.mark.parametrize(
    ("function", "x", "exact", "size"),
    [
        # a bound is small beside the derivative, beside those around, or beside the function
        (lambda x: math.sin(x) + 1e-9 * noise(x), 0.5, math.cos(0.5), 1e-4),
        (lambda x: x * x + 1e-12 * noise(x), 0.0, 0.0, 1e-8),
        (lambda x: 1e10 + math.cos(x), 0.0, 0.0, 1e-3),
    ],
)
def test_what_a_bound_is_small_beside(
    function: Callable[[float], float], x: float, exact: float, size: float
) -> None:
    estimate = differentiate(function, x)
    assert estimate.reason == ""
    assert abs(estimate.value - exact) <= estimate.bound <= size


@pytest.mark.parametrize("x", [5e-324, 1e-322, 1e-312, 2.2e-308])
def test_among_the_smallest_numbers_no_step_is_0(x: float) -> None:
    for point in (x, -x):
        estimate = differentiate(math.sin, point)
        assert estimate.reason or abs(estimate.value - 1.0) <= estimate.bound


def test_the_zero_function_has_derivative_0() -> None:
    assert differentiate(lambda x: 0.0, 1.0).reason == ""


@pytest.mark.parametrize(
    ("function", "x"),
    [(lambda z: 1.0 if z > 1e-12 else 0.0, 1e-12), (noise, 5.552822495055319e-16)],
)
def test_close_to_zero_jumps_and_noise_have_no_derivative_either(
    function: Callable[[float], float], x: float
) -> None:
    assert differentiate(function, x).reason != ""


@pytest.mark.parametrize(
    ("function", "x", "exact"),
    [
        (single, 0.0, 1.0),  # the significant digits of each step are the same
        (lambda x: math.sin(1000.0 * x), 0.5, 1000.0 * math.cos(500.0)),  # 64 units by 1000
    ],
)
def test_noise_is_found_where_the_point_is_a_simple_number(
    function: Callable[[float], float], x: float, exact: float
) -> None:
    estimate = differentiate(function, x)
    assert estimate.reason or abs(estimate.value - exact) <= estimate.bound


# --- functions evaluated badly -------------------------------------------------------------------

SEED, PARTS = 0, 6
PART = 500 if settings().max_examples >= 30 else 60  # `make soak` has a million


@pytest.mark.parametrize("first", range(0, PARTS * PART, PART))
def test_no_bound_is_false_however_badly_a_function_is_evaluated(first: int) -> None:
    for i in range(first, first + PART):
        outcome = badly.tried(badly.drawn(badly.generator(SEED, i)))
        assert not outcome.fault, f"draw {i}: {outcome}"


def test_bounds_are_useful_and_cheap_where_a_function_is_evaluated_to_full_precision() -> None:
    outcomes = [
        badly.tried(case)
        for i in range(250)
        if badly.is_well_conditioned(case := badly.drawn_of(badly.generator(SEED, i), "precise"))
    ]
    assert sum(outcome.is_useful for outcome in outcomes) >= 0.99 * len(outcomes)
    assert sum(outcome.calls for outcome in outcomes) <= 60 * len(outcomes)


def rounded(bits: int, function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda x: badly.rounded(function(x), bits)


@pytest.mark.parametrize(
    ("function", "x", "exact"),
    [
        (lambda x: -1e300 * (x * x), 1.4290437097190553e-303, -2.858e-3),  # the square underflows
        (single, 1.5703125, 4.838267948966e-4),
        (rounded(8, lambda x: math.cos(1e-3 * x)), 1.0, -1e-6),
        (lambda x: round(math.sin(x), 1), 0.5, math.cos(0.5)),
        (lambda x: (x + 1e16) - 1e16, 1.0, 1.0),
        (lambda x: round(x), 0.2, 1.0),
    ],
)
def test_a_plateau_is_no_derivative_of_0(
    function: Callable[[float], float], x: float, exact: float
) -> None:
    estimate = differentiate(function, x)
    assert estimate.bound == math.inf or abs(estimate.value - exact) <= estimate.bound


@pytest.mark.parametrize(("x", "level"), [(-1.0, 0.0), (-0.01, 0.0), (-1e-6, 3.5), (-40.0, -2.0)])
def test_a_plateau_that_is_left_at_a_kink_is_meant(x: float, level: float) -> None:
    estimate = differentiate(lambda z: level + max(z, 0.0), x)
    assert estimate.reason == ""
    assert estimate.value == 0.0
    assert estimate.bound <= 1e-6


@pytest.mark.parametrize(
    "function", [lambda x: x**3, lambda x: x**5, lambda x: x**7, lambda x: max(x, 0.0) ** 3,
                 lambda x: abs(x) ** 3, lambda x: x * abs(x), lambda x: x * x]
)  # fmt: skip
def test_where_differences_vanish_with_the_step_0_is_within_the_bound(
    function: Callable[[float], float],
) -> None:
    for shift in (0.0, 1.0):
        estimate = differentiate(lambda x, shift=shift: function(x - shift), shift)  # type: ignore[misc]
        assert abs(estimate.value) <= estimate.bound <= (1e-2 if shift else 1e-5)
        assert shift or estimate.reason == ""


@pytest.mark.parametrize(
    "function", [lambda x: math.copysign(abs(x) ** (1 / 3), x),
                 lambda x: abs(x) ** (2 / 3), lambda x: math.sqrt(abs(x))]
)  # fmt: skip
def test_an_infinite_slope_has_no_bound(function: Callable[[float], float]) -> None:
    estimate = differentiate(function, 0.0)
    assert "rough" in estimate.reason
    assert estimate.bound == math.inf


def test_a_function_that_times_out_at_times() -> None:
    calls = 0

    def function(x: float) -> float:
        nonlocal calls
        calls += 1
        if calls % 7 == 1:  # the first time, too
            raise TimeoutError
        return math.sin(x)

    estimate = differentiate(function, 0.5)
    assert estimate.reason == ""
    assert abs(estimate.value - math.cos(0.5)) <= estimate.bound <= 1e-9


def test_an_interrupt_is_not_a_value_that_is_missing() -> None:
    def function(x: float) -> float:
        if x != 0.5:
            raise KeyboardInterrupt
        return x

    with pytest.raises(KeyboardInterrupt):
        differentiate(function, 0.5)


def test_a_ripple_that_is_smooth_itself_is_meant() -> None:
    exact = 1.0 + 0.1 * math.cos(1e7 * 0.3)
    estimate = differentiate(lambda x: x + 1e-8 * math.sin(1e7 * x), 0.3)
    assert abs(estimate.value - exact) <= estimate.bound <= 1e-6


def test_a_table_is_not_its_chords() -> None:
    def function(x: float) -> float:
        i = math.floor(x / 1e-3)
        share = x / 1e-3 - i
        return math.sin(1e-3 * i) * (1.0 - share) + math.sin(1e-3 * (i + 1)) * share

    estimate = differentiate(function, 0.50049)
    assert estimate.bound < 1e-2
    assert abs(estimate.value - math.cos(0.50049)) <= estimate.bound


def test_a_spike_in_a_constant_is_seen() -> None:
    estimate = differentiate(lambda x: 1.0 if 1e-5 < abs(x) < 1e-3 else 0.0, 0.0)
    assert estimate.bound == math.inf
    assert estimate.reason


def is_honest(estimate: Estimate, exact: float) -> bool:
    return estimate.bound == math.inf or abs(estimate.value - exact) <= estimate.bound


@given(
    st.floats(-300.0, -1.0),
    st.sampled_from([-1.0, 1.0]),
    st.integers(0, 10),
    st.one_of(st.none(), st.floats(-300.0, 0.0)),
)
@example(-213.0, 1.0, 4, -213.0)
def test_a_plateau_around_a_tiny_number_is_no_derivative_of_0(
    power: float, sign: float, places: int, step: float | None
) -> None:
    """A function may vary on the scale of 1 as well as on that of x, wherever one begins."""
    x = sign * 10.0**power
    steps = {} if step is None else {"first_step": 10.0**step}
    estimate = differentiate(lambda z: round(math.sin(z) + 2.0 * z, places), x, **steps)
    assert is_honest(estimate, math.cos(x) + 2.0)


@given(st.floats(1.0, 1e3), st.sampled_from([-1.0, 1.0]), st.integers(2, 4), st.floats(2.5, 4.0))
@example(555.0, 1.0, 2, 2.53)
def test_a_plateau_with_a_bump_far_away_is_no_derivative_of_0(
    width: float, side: float, places: int, distance: float
) -> None:
    def bell(x: float) -> float:
        return math.exp(-((side * x / width - distance) ** 2))

    estimate = differentiate(lambda x: round(bell(x), places), 0.0)
    assert is_honest(estimate, 2.0 * side * distance / width * bell(0.0))


@pytest.mark.parametrize(
    ("radius", "z", "factor"),
    [
        (0.39724303804790967, -0.02971722281336684, 1552.9993468795712),
        (0.5, 0.03125, 20.0),
        (0.5, 0.03125, 22.0),
        (0.5, 0.0625, 22.0),
    ],
)
def test_a_jump_hidden_by_what_the_polynomial_leaves(
    radius: float, z: float, factor: float
) -> None:
    """A shortcut for small numbers: there is a jump on both sides, so that it is an error."""

    def function(x: float) -> float:
        z = factor * x
        t = z - z**3 / 3.0 if abs(z) < radius else math.tanh(z)
        return t**5 - t

    x = z / factor
    tanh = math.tanh(factor * x)
    exact = factor * (5.0 * tanh**4 - 1.0) * (1.0 - tanh * tanh)
    assert is_honest(differentiate(function, x), exact)


@given(st.floats(1e-6, 1e-3), st.integers(20, 40))
@example(1.4e-5, 24)
def test_noise_that_grows_less_nearby_is_a_kink(distance: float, digits: int) -> None:
    """A square that is cut off is rough at all larger scales, and only noise at small ones."""
    x = 5e-3
    level = (x + distance) ** 2

    def function(z: float) -> float:
        y = max(z * z, level)
        return y * (1.0 + badly.hashed(z, 0) / 2.0**digits)

    assert is_honest(differentiate(function, x), 0.0)


def composed_badly(*names: str) -> Callable[[float], float]:
    stages = [next(stage for stage in badly.STAGES if stage.name == name) for name in names]
    return lambda x: badly.evaluated(stages, x)


def by_the_trapezoidal_rule(
    f: Callable[[float], float], tolerance: float
) -> Callable[[float], float]:
    """Integrate from 0 with as many panels as it takes."""

    def function(x: float) -> float:
        n, before, total = 2, math.inf, 0.5 * x * (f(0.0) + f(x))
        while abs(total - before) > tolerance:
            before, h = total, x / n
            total = 0.5 * total + h * math.fsum(f(i * h) for i in range(1, n, 2))
            n *= 2
        return total

    return function


def by_panels(f: Callable[[float], float], width: float) -> Callable[[float], float]:
    """Integrate from 0 by the trapezoidal rule, with panels that are no wider."""

    def function(x: float) -> float:
        n = max(math.ceil(x / width), 1)
        h = x / n
        return h * (0.5 * (f(0.0) + f(x)) + math.fsum(f(i * h) for i in range(1, n)))

    return function


def by_steps(f: Callable[[float], float], width: float) -> Callable[[float], float]:
    """Integrate from 0 by Euler's method, with a shorter step at the end."""

    def function(x: float) -> float:
        n = math.floor(x / width)
        return width * math.fsum(f(i * width) for i in range(n)) + (x - n * width) * f(n * width)

    return function


@pytest.mark.parametrize(
    ("function", "x", "exact"),
    [
        # of what is 0 at the end
        (by_the_trapezoidal_rule(composed_badly("expm1", "expm1", "bell"), 1.94e-6),
         1.6900702777389758, 0.0),
        # with as many panels for all large numbers
        (by_the_trapezoidal_rule(composed_badly("cube"), 7.531771232341915e-06),
         1.2856662372260648, 1.2856662372260648**3),
        # errors that have a sign, so that larger distances show them no less
        (by_panels(composed_badly("x sin x"), 0.02), 2.97, 2.97 * math.sin(2.97)),
        (by_steps(math.exp, 0.01), 0.664, math.exp(0.664)),
        (by_steps(math.cos, 1e-3), 1.2344, math.cos(1.2344)),
        # a border beside the first step
        (lambda x: math.sqrt(x) * 0.0 + by_steps(math.cos, 0.01)(x), 0.004, math.cos(0.004)),
    ],
)  # fmt: skip
def test_the_error_of_a_rule_is_covered(
    function: Callable[[float], float], x: float, exact: float
) -> None:
    assert is_honest(differentiate(function, x), exact)


# --- what is smooth as far as the samples go -----------------------------------------------------


def by_newton(f: Callable[[float], float], tolerance: float) -> Callable[[float], float]:
    """Solve u³ + u = f(x)."""

    def function(x: float) -> float:
        b, u, change = f(x), 0.0, math.inf
        while abs(change) > tolerance:
            change = (u**3 + u - b) / (3.0 * u * u + 1.0)
            u -= change
        return u

    return function


def by_iteration(f: Callable[[float], float], tolerance: float) -> Callable[[float], float]:
    """Solve u = f(x) + sin(u)/2."""

    def function(x: float) -> float:
        b, u, change = f(x), 0.0, math.inf
        while abs(change) > tolerance:
            change = u - b - 0.5 * math.sin(u)
            u -= change
        return u

    return function


def tabulated(
    f: Callable[[float], float], spacing: float, start: float, *, cubic: bool = False
) -> Callable[[float], float]:
    def function(x: float) -> float:
        i = math.floor((x - start) / spacing)
        t = (x - start) / spacing - i
        a, b, c, d = (f(start + (i + k) * spacing) for k in (-1, 0, 1, 2))
        if not cubic:
            return b * (1.0 - t) + c * t
        return (
            -a * t * (t - 1.0) * (t - 2.0) / 6.0
            + b * (t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0
            - c * (t + 1.0) * t * (t - 2.0) / 2.0
            + d * (t + 1.0) * t * (t - 1.0) / 6.0
        )

    return function


@pytest.mark.parametrize(
    ("function", "x", "exact"),
    [  # the solver takes one step more from some distance on, so that its error jumps
        (by_newton(math.sin, 1.5309779182117851e-06), 0.11350132180145343, 0.95761969688268525),
        (by_iteration(composed_badly("x^2.5"), 3.891786612504069e-11), 1.5493584906010576,
         3.2198561992309006),
    ],
)  # fmt: skip
def test_an_error_that_jumps_further_out_is_seen(
    function: Callable[[float], float], x: float, exact: float
) -> None:
    assert is_honest(differentiate(function, x), exact)


@pytest.mark.parametrize(
    ("function", "x", "exact"),
    [  # a knot lies just within the outermost sample, so that the fit leaves little of it
        (tabulated(lambda x: -6.753741889179554e198 * composed_badly("witch", "x sin x")(x),
                   0.0004340771172322005, 0.5249807299880296),
         0.5253258118958619, 5.4959987202914794e198),
        (tabulated(lambda x: composed_badly("softplus", "arctan")(2.245532571275483e-05 * x),
                   3.7052523841755916, 42.40590691193107),
         45.77171159654028, 7.5841827888155499e-06),
        (tabulated(lambda x: composed_badly("1/x", "x sin x")(
                       0.03797885869083834 * (x - -60.258381191293694)),
                   0.1982882566729893, 0.0, cubic=True),
         2.8775733838288025, -0.0051942745519705172),
        # a knot at the point itself, where two cells happen to meet all but smoothly
        (tabulated(composed_badly("witch", "x sin x", "quintic"),
                   0.06115571242403317, -1.2287874516600568, cubic=True),
         -1.2287874516600568, -0.2937608111912326),
        # a cell that is almost all that is seen, and kinks that are almost rounding
        (tabulated(lambda x: 8.45 + 0.0057 * composed_badly("x sin x", "square", "sin")(
                       -2.86e-05 * x),
                   109.71557770752855, 0.0), 803.8769020032577, 7.9223284868574316e-12),
        # a border beside the cell, beyond which nothing is seen
        (tabulated(composed_badly("x^2.5"), 0.05779907319017111, 0.10864598896171304, cubic=True),
         0.15238953958874027, 0.14872115310669312),
        # kinks all but as small as rounding, over the largest distances
        (tabulated(lambda x: math.log(0.0103 * (x - -148.6354779625463)),
                   0.30217053480099954, 0.0, cubic=True),
         -1.6729729677636782, 1.0 / (-1.6729729677636782 - -148.6354779625463)),
        # one side shows little of what is smooth before it is rough
        (tabulated(lambda x: 0.010500153453955312 * composed_badly("square", "log", "bell")(
                       1527623.6270722947 * x) + 4.304662840202152,
                   9.539174472280949e-09, -8.771729714706757e-08, cubic=True),
         -8.271432020062471e-08, -0.077351691192205845),
        # values of 0 that are what is left of some that saturate
        (tabulated(composed_badly("quintic", "tanh", "quintic"),
                   0.0047106210792033105, 2.919460548913217, cubic=True),
         2.920975067611819, 4.0439507885138942e-179),
    ],
)  # fmt: skip
def test_a_cell_of_a_table_is_not_the_function(
    function: Callable[[float], float], x: float, exact: float
) -> None:
    assert is_honest(differentiate(function, x), exact)


def test_a_jump_hidden_by_noise_is_seen() -> None:
    """A shortcut that is left, on both sides, at the outermost samples of the scale."""

    def function(x: float) -> float:
        z = 73.94949592950158 * x
        t = 1.0 - z * z if abs(z) < 0.37752793432913995 else 1.0 / (1.0 + z * z)
        return (t**5 - t) * (1.0 + badly.hashed(x, 15228165731229709183) / 2.0**11)

    assert is_honest(differentiate(function, -0.0011232844817060746), 46.826716019267499)


def test_what_stands_out_of_noise_further_in_is_no_less_noise() -> None:
    outer, large = composed_badly("witch", "quintic", "1/x"), 5145683697970211.0
    estimate = differentiate(
        lambda x: (outer(6629.29669915595 * x) + large) - large, -0.00024716554448497776
    )
    assert is_honest(estimate, 21366.613157671266)


@pytest.mark.parametrize("gap", [3e-12, 7e-12, 1e-11])
def test_a_kink_just_beside_the_point_is_covered(gap: float) -> None:
    """On one side; from further away it looks like a value at the point that is a little off."""
    x = 57.8376 + 1.6e-6
    level = (1e5 * (x + gap - 57.8376)) ** 2
    assert is_honest(differentiate(lambda z: max((1e5 * (z - 57.8376)) ** 2, level), x), 0.0)


def test_a_ripple_hidden_by_rounding_is_not_its_mean() -> None:
    """What is noise from further away becomes as smooth as rounding lets it be."""
    inner = composed_badly("sin", "cube", "arctan")
    solved = by_iteration(lambda x: -29371840.011764858 * inner(x), 1.9581057059415845e-06)
    estimate = differentiate(rounded(24, solved), 0.28344376532659393)
    assert is_honest(estimate, -5626825.0019673538)


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (lambda x: round(composed_badly("quintic", "x^2.5", "witch")(x)), -0.0013951491454436697),
        (lambda x: round(0.003 * composed_badly("x sin x", "sqrt")(x) - 8.1, 1), 0.5),
        # far beyond the border, alone
        (lambda x: round(-2.7e-18 * composed_badly("quintic", "sqrt")(x), 2), -0.518),
    ],
)
def test_a_plateau_up_to_a_border_may_be_rounded(
    function: Callable[[float], float], x: float
) -> None:
    """Beyond the border, it is not the same."""
    assert differentiate(function, x).bound == math.inf


def test_a_dead_plateau_that_vast_values_hide_is_covered() -> None:
    power = composed_badly("square", "cube")

    def function(x: float) -> float:
        z = 22017.712902795345 * (x - -1.0682086740045755)
        return badly.rounded(max(power(z), 0.00046239059395851423), 40)

    assert is_honest(differentiate(function, -1.0681960443535352), 0.0)


def test_what_varies_by_less_than_a_plateau_jumps_is_not_seen() -> None:
    outer, large = composed_badly("square", "softplus", "softplus"), 1.5088320394562172e16
    estimate = differentiate(
        lambda x: (outer(230601413362.48337 * x) + large) - large, 4.847009108311044e-12
    )
    assert is_honest(estimate, 327633149126.66139)


def test_a_spike_in_a_constant_is_seen_from_its_foot() -> None:
    """Of which no more than three roundings are left, at the point."""
    outer = composed_badly("square", "bell", "exp")
    estimate = differentiate(
        lambda x: outer(3613.66581692182 * (x - 1.93727645436465)), 1.9379488621150855
    )
    assert is_honest(estimate, -1.5045424194458995e-10)


@pytest.mark.parametrize(
    ("function", "x", "bend", "jump"),
    [
        # vast values far away, whose rounding hides what is close
        (lambda x: composed_badly("expm1", "tanh", "quintic")(-1.0489304859057775e20 * x),
         1.9167526056855338e-23, 1.2022601607436052e16, 1.0194599494728122e-05),
        (lambda x: composed_badly("cube")(1190.9856884059166 * (x - -2.7324341483231107)),
         -2.731809444821643, -6.698187377505091, -0.2188048231397288),
        (lambda x: composed_badly("quintic", "quintic")(2.22e22 * x), 1.5057609904628819e-25,
         1e22, 0.03),
    ],
)  # fmt: skip
def test_a_jump_at_the_point_is_told_beside_vast_values(
    function: Callable[[float], float], x: float, bend: float, jump: float
) -> None:
    estimate = differentiate(lambda z: function(z) + (bend * (z - x) + jump if z > x else 0.0), x)
    assert estimate.bound == math.inf
    assert "jump" in estimate.reason


@given(
    st.sampled_from(["sin", "tanh", "arctan", "expm1", "witch"]),
    st.floats(-2.0, 2.0),
    st.floats(-9.0, -4.0),
    st.floats(0.01, 0.15),
    st.sampled_from([-1.0, 1.0]),
)
def test_an_error_that_is_smooth_up_to_a_jump_is_covered(
    name: str, x: float, power: float, distance: float, side: float
) -> None:
    """The error is steep, as that of a solver, and jumps to 0 at some distance on either side."""
    f = composed_badly(name)
    stage = next(stage for stage in badly.STAGES if stage.name == name)
    size = 10.0**power

    def function(z: float) -> float:
        t = side * (z - x)
        return f(z) + (size * (1.0 + t) ** 8 if -distance < t < 0.7 * distance else 0.0)

    estimate = differentiate(function, x)
    exact = stage.slope(mp.mpf(x))
    assert is_honest(estimate, float(exact)) or estimate.bound >= 4.0 * size


def test_the_driver_reports(capsys: pytest.CaptureFixture[str]) -> None:
    assert badly.main(["--draws", "40", "--seed", "0"]) == 0
    assert "40 draws, 0 false" in capsys.readouterr().out
