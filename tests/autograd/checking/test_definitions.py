"""The definitions in mpmath: complete, undefined where they should be, and their closed forms.

That they agree with the rows is tested with the table, in `tests/autograd/test_rules.py`.
"""

from __future__ import annotations

from typing import Any

import mpmath
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from autograd.checking.definitions import definitions, partials
from autograd.rules import RULES
from tests.table import NAMES, TABLE, tame

mp: Any = mpmath.mp.clone()
mp.dps = 50
DEFINED = definitions(mp)
PARTIALS = partials(mp)


def central(function: Any, operands: list[Any], place: int) -> Any:
    """Differentiate numerically, to 30 digits and more."""
    with mp.workdps(200):
        step = mp.mpf(10) ** -60

        def moved(shift: Any) -> Any:
            return function(*operands[:place], operands[place] + shift, *operands[place + 1 :])

        return (moved(step) - moved(-step)) / (2 * step)


def test_every_row_of_the_table_is_defined_and_nothing_else() -> None:
    assert list(DEFINED) == NAMES
    assert set(PARTIALS) <= set(NAMES)


@pytest.mark.parametrize("name", sorted(PARTIALS))
@settings(max_examples=20)
@given(data=st.data())
def test_closed_forms_are_the_differences_of_the_definitions(
    name: str, data: st.DataObject
) -> None:
    xs = data.draw(tame(RULES[name]))
    operands = [mp.mpf(x) for x in xs]
    try:
        y = DEFINED[name](*operands)
        found = PARTIALS[name](y, *operands)
    except (ArithmeticError, ValueError):
        assume(False)
    assert len(found) == len(operands)
    for place, derivative in enumerate(found):
        if derivative is None:
            continue
        numerical = central(DEFINED[name], operands, place)
        size = 1 + abs(derivative) + abs(y) + max(map(abs, operands))
        assert abs(derivative - numerical) <= mp.mpf(10) ** -25 * size


@given(st.lists(st.sampled_from([-1.0, 0.0, 2.0]), min_size=1, max_size=4))
@example([0.0, 0.0])
def test_there_is_no_closed_form_exactly_at_kinks(xs: list[float]) -> None:
    operands = [mp.mpf(x) for x in xs]
    for name, extreme in (("max", max(xs)), ("min", min(xs))):
        found = PARTIALS[name](DEFINED[name](*operands), *operands)
        tied = xs.count(extreme) > 1
        expected = [(None if tied else 1) if x == extreme else 0 for x in xs]
        assert found == expected
    norm = PARTIALS["norm"](DEFINED["norm"](*operands), *operands)
    assert (None in norm) == (not any(xs))
    assert PARTIALS["polygamma"](mp.mpf(1), mp.mpf(0), mp.mpf(1))[0] is None


@settings(max_examples=30)
@given(st.integers(0, 3), st.floats(-60.0, -19.0).filter(lambda x: abs(x - round(x)) > 1e-3))
def test_polygamma_far_below_zero_is_what_mpmath_climbs_to(order: int, x: float) -> None:
    with mp.workdps(60):
        expected = mp.psi(order, mp.mpf(x))
        found = DEFINED["polygamma"](mp.mpf(order), mp.mpf(x))
    assert abs(found - expected) <= mp.mpf(10) ** -35 * abs(expected)


@pytest.mark.parametrize(
    ("name", "xs"),
    [
        ("clip", (0.0, 2.0, 1.0)), ("polygamma", (-1.0, 1.0)), ("polygamma", (0.5, 1.0)),
        ("digamma", (0.0,)), ("digamma", (-3.0,)), ("lgamma", (-3.0,)), ("/", (1.0, 0.0)),
        ("reciprocal", (0.0,)), ("//", (1.0, 0.0)), ("%", (1.0, 0.0)), ("log", (0.0,)),
        ("log", (-1.0,)), ("log1p", (-1.0,)), ("sqrt", (-1.0,)), ("arcsin", (1.5,)),
        ("arccos", (-1.5,)), ("arccosh", (0.5,)), ("arctanh", (1.0,)), ("**", (-1.0, 0.5)),
        ("**", (0.0, -1.0)), ("mean", ()),
    ],
)  # fmt: skip
def test_off_a_domain_there_is_no_finite_real_number(name: str, xs: tuple[float, ...]) -> None:
    try:
        y = mp.convert(DEFINED[name](*map(mp.mpf, xs)))
    except (ArithmeticError, ValueError):
        return
    assert not isinstance(y, mp.mpf) or not mp.isfinite(y)


def test_values_beyond_the_range_of_mpmaths_own_functions() -> None:
    assert DEFINED["erfc"](mp.mpf("1e300")) == 0
    assert DEFINED["gelu"](mp.mpf("-1e300")) == 0
    assert DEFINED["erfc"](mp.mpf("1e5")) > 0
    assert DEFINED["gelu"](mp.mpf("1e300")) == mp.mpf("1e300")
    assert DEFINED["logsumexp"](mp.mpf(10**6), mp.mpf(10**6)) == 10**6 + mp.log(2)


def test_a_clone_brings_its_own_precision() -> None:
    coarse = mpmath.mp.clone()
    coarse.dps = 5
    assert definitions(coarse)["exp"](coarse.mpf(1)) != DEFINED["exp"](mp.mpf(1))
    assert len(TABLE) == len(definitions(coarse))
