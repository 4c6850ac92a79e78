from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd.rules import RULES
from autograd.testing import operand, operands
from autograd.testing.domains import DOMAINS, MARGIN, Region
from tests.oracle import DEFINITIONS, FIXED, KINKS, derivatives, mp, value
from tests.table import HELD_ELSEWHERE, NAMES, TABLE

PIECEWISE_LINEAR = [
    "abs", "relu", "leaky_relu", "sign", "floor", "ceil", "trunc", "maximum", "minimum", "clip",
    "where", "max", "min",
]  # fmt: skip


def moved(xs: tuple[float, ...], position: int, step: Any) -> list[Any]:
    return [*xs[:position], mp.mpf(xs[position]) + step, *xs[position + 1 :]]


def varying(name: str, xs: tuple[float, ...]) -> list[int]:
    return [i for i in range(len(xs)) if (name, i) not in FIXED]


def test_every_row_of_the_table_has_an_interior() -> None:
    assert set(DOMAINS) == set(NAMES)
    assert all(len(DOMAINS[rule.name]) == len(rule.operands) for rule in TABLE)


@given(st.data(), st.sampled_from([name for name in NAMES if name not in HELD_ELSEWHERE]))
def test_a_function_is_defined_and_differentiable_at_its_operands_and_nearby(
    data: st.DataObject, name: str
) -> None:
    xs = data.draw(operands(name))
    assert not (name in KINKS and KINKS[name](*xs))
    y = RULES[name].evaluate(*xs)
    assert abs(y) < 1e4
    exact = derivatives(name, xs)
    assert all(mp.isfinite(slope) and abs(slope) < 1e5 for slope in exact)
    for position in varying(name, xs):
        for step in (-1e-9, 1e-9, -0.9 * MARGIN, 0.9 * MARGIN):
            there = moved(xs, position, step)
            assert mp.isfinite(value(name, there))
            if abs(step) < 1e-6:
                slopes = derivatives(name, there)
                assert all(
                    abs(slope - before) <= 1e-3 * (1 + abs(before))
                    for slope, before in zip(slopes, exact, strict=True)
                )


@given(st.data())
def test_no_kink_is_within_the_margin(data: st.DataObject) -> None:
    for name in PIECEWISE_LINEAR:
        xs = data.draw(operands(name))
        for position in varying(name, xs):
            steps = [s * MARGIN for s in (-0.99, 0, 0.99)]
            below, here, above = (
                DEFINITIONS[name](*map(mp.mpf, moved(xs, position, step))) for step in steps
            )
            assert abs(below + above - 2 * here) < 1e-12


@pytest.mark.parametrize("name", ["lgamma", "digamma"])
@pytest.mark.parametrize("pole", [0.0, -1.0, -2.0, -3.0])
def test_what_lies_between_poles_is_drawn_and_nothing_near_one(name: str, pole: float) -> None:
    (region,) = DOMAINS[name]
    assert isinstance(region, Region)
    for distance, inside in [(0.0, False), (1.99, False), (2.01, True), (0.5 / MARGIN, True)]:
        assert (pole + distance * MARGIN in region) == inside
        assert (pole - distance * MARGIN in region) == (inside and pole > -3.0)


@given(operands("arctan2"))
def test_the_cut_of_arctan2_is_beyond_the_margin(xs: tuple[float, float]) -> None:
    assert abs(xs[0]) >= MARGIN or xs[1] >= MARGIN


@given(st.data(), st.sampled_from(["//", "%"]))
def test_a_quotient_is_far_from_an_integer(data: st.DataObject, name: str) -> None:
    x1, x2 = data.draw(operands(name))
    assert abs(x1 / x2 - round(x1 / x2)) > 0.2


@given(st.data(), st.sampled_from(["sum", "max", "dot", "net"]))
def test_functions_of_sequences_get_as_many_operands_as_wanted(
    data: st.DataObject, name: str
) -> None:
    xs = data.draw(operands(name, max_size=2))
    expected = {"sum": {1, 2}, "max": {1, 2}, "dot": {2, 4}, "net": {3, 5}}
    assert len(xs) in expected[name]


@given(operand("arccosh"), operand(autograd.reciprocal), operand("polygamma", 1))
def test_one_operand(x1: float, x2: float, x3: float) -> None:
    assert x1 > 1.0
    assert x2 != 0.0
    assert math.isfinite(autograd.polygamma(1, x3))


def test_one_operand_that_depends_on_others_is_an_error() -> None:
    with pytest.raises(ValueError, match="operand 1 of maximum depends on the others"):
        operand("maximum", 1)


@pytest.mark.parametrize("unknown", ["sine", math.gcd, 3, "linear"])
def test_an_unknown_function_is_an_error(unknown: Any) -> None:
    with pytest.raises(ValueError, match="no domain is known for"):
        operands(unknown)


@given(st.lists(st.floats(-5.0, 5.0), min_size=4, max_size=4, unique=True), st.data())
def test_a_region_draws_what_is_in_it(ends: list[float], data: st.DataObject) -> None:
    a, b, c, d = sorted(ends)
    for region in (Region(((a, b), (c, d))), Region(((c, d), (a, b)))):
        assert data.draw(region.floats) in region
        assert (b + c) / 2.0 not in region or (b + c) / 2.0 in (b, c)


def test_operands_are_of_ordinary_size() -> None:
    regions = [
        bound for bounds in DOMAINS.values() for bound in bounds if isinstance(bound, Region)
    ]
    ends = {abs(end) for region in regions for interval in region.intervals for end in interval}
    assert max(ends) == 8.0
