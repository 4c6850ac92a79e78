"""A `Value` where Python wants a plain number: comparisons, truth, rounding, conversion."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from tests.autograd.kinds_of_numbers import NUMBERS, described

# --- conversion to a plain number ----------------------------------------------------------------


@pytest.mark.parametrize("convert", [float, int, complex, math.sin, math.isclose, np.float64])
def test_conversion_to_a_plain_number_is_an_error_that_says_what_to_use(
    convert: Callable[..., Any],
) -> None:
    operands = [Value(1.0)] * (2 if convert is math.isclose else 1)
    with pytest.raises(TypeError, match=r"autograd\.sin(.|\n)*\.data"):
        convert(*operands)
    with pytest.raises(TypeError, match=r"autograd\.sin(.|\n)*\.data"):
        np.array(operands, dtype=float)


# --- comparison ----------------------------------------------------------------------------------


@given(
    x=st.floats() | st.integers(-3, 3).map(float),
    y=st.floats() | st.integers(-3, 3) | st.booleans() | st.fractions() | st.decimals(),
)
def test_comparison_is_that_of_the_data(x: float, y: Any) -> None:
    for compare in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
        try:
            expected = compare(x, y), compare(y, x)
        except ArithmeticError:  # a signalling nan of Decimal
            continue
        assert (compare(Value(x), y), compare(y, Value(x))) == expected
        if isinstance(y, float):
            assert compare(Value(x), Value(y)) is expected[0]


@pytest.mark.parametrize("number", NUMBERS, ids=described)
def test_comparison_with_every_kind_of_number(number: Any) -> None:
    for data in (0.5, float(number), 9.0):
        for compare in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq):
            expected = compare(data, float(number)), compare(float(number), data)
            assert (compare(Value(data), number), compare(number, Value(data))) == expected


def test_sorting_extremes_truth_and_rounding_are_those_of_the_data() -> None:
    low, high = Value(-1.26), Value(2.5)
    mixed: list[Any] = [high, 1, low]
    assert [float(getattr(x, "data", x)) for x in sorted(mixed)] == [-1.26, 1.0, 2.5]
    assert max([low, high]) is high
    assert min(low, 0.0, high) is low
    assert max(low, 3.0) == 3.0
    assert bool(low)
    assert not Value(0.0)
    assert not Value(-0.0)
    assert bool(Value(math.nan))
    assert (round(high), round(low, 1)) == (2, -1.3)
    assert (math.floor(low), math.ceil(low), math.trunc(low)) == (-2, -1, -1)


def test_hash_is_identity_so_that_nodes_can_be_keys() -> None:
    x, y = Value(1.0), Value(1.0)
    assert x == y
    names = {x: "x", y: "y"}
    assert (names[x], names[y]) == ("x", "y")
    assert len({x, y, x}) == 2
    x.data = 7.0
    assert names[x] == "x"
