"""Derivatives of functions that are evaluated badly: a bound holds, or there is none."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

import pytest

pytest.importorskip("mpmath")

from autograd.checking.fitted import differentiate
from tests.autograd.checking import badly

SEED = 0


def single(x: float) -> float:
    """Compute a sine in single precision."""
    return float(struct.unpack("f", struct.pack("f", math.sin(x)))[0])


# --- functions evaluated badly -------------------------------------------------------------------

DRAWS, PART = 1_500, 500


@pytest.mark.parametrize("first", range(0, DRAWS, PART))
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
    assert sum(outcome.is_useful for outcome in outcomes) >= 0.97 * len(outcomes)
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


def test_the_driver_reports(capsys: pytest.CaptureFixture[str]) -> None:
    assert badly.main(["--draws", "40", "--seed", "0"]) == 0
    assert "40 draws, 0 false" in capsys.readouterr().out
