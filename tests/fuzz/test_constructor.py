"""`Value(data, label)` on whatever Python has: a leaf of float data, or an error in clear words."""

from __future__ import annotations

import math
import warnings
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autograd import Value
from tests.fuzz.strangers import (
    STRANGERS,
    UNPRINTABLE,
    Length,
    StrangersError,
    described,
    nothing_global_changes,
    real_numbers,
    strangers,
)

LONGEST_MESSAGE = 1000


def as_python_converts(number: Any) -> float | None:
    """`float(number)`, or None where that overflows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a __float__ that gives a subclass
        try:
            return float(number)
        except OverflowError:
            return None


def same(x: float, y: float) -> bool:
    return (math.isnan(x) and math.isnan(y)) or (
        x == y and math.copysign(1, x) == math.copysign(1, y)
    )


@given(real_numbers, st.none() | st.text())
@example(10**5000, None)
@example(np.longdouble("1e4000"), "x")
def test_a_real_number_becomes_a_float_or_overflows(number: Any, label: str | None) -> None:
    expected = as_python_converts(number)
    with nothing_global_changes():
        if expected is None:
            with pytest.raises(OverflowError, match=r"^Value: "):
                Value(number, label)
            return
        leaf = Value(number, label)
    assert type(leaf.data) is float
    assert same(leaf.data, expected)
    assert (leaf.grad, leaf.parents, leaf.local_derivatives, leaf.op) == (0.0, (), (), "")
    assert leaf.label is label
    assert same(eval(repr(leaf.data), {"nan": math.nan, "inf": math.inf}), leaf.data)


def refusal(data: Any, label: Any = None) -> Exception | None:
    """The constructor's error, or None if it accepts the argument."""
    with nothing_global_changes():
        try:
            Value(data, label)
        except (TypeError, ValueError, StrangersError) as error:
            refused: Exception = error
        else:
            return None
    if not isinstance(refused, StrangersError):
        assert str(refused).startswith("Value: ")
        assert len(str(refused)) < LONGEST_MESSAGE
    return refused


def is_refused_by_name(stranger: Any) -> None:
    error = refusal(stranger)
    assert error is not None
    if isinstance(error, TypeError):
        assert type(stranger).__name__ in str(error)
    elif isinstance(error, ValueError):
        assert isinstance(stranger, Decimal)  # a signalling nan: a number that has no value


@given(strangers)
def test_anything_else_is_refused_by_name(stranger: Any) -> None:
    is_refused_by_name(stranger)


# Found with `Length` (of "1" and None), Decimal("sNaN") and timedelta64: `as_float` let what
# `float()` raises out without a word of the operation.
# Found with finfo, iinfo and SimpleNamespace: `_is_array_scalar` took whatever has a dtype for
# something with a shape, and its kind for a str.
# Found with [10**5000] and, before Python 3.12, `array`: `reprlib.repr`, which wrote them into the
# message, failed itself.
@pytest.mark.parametrize("stranger", STRANGERS, ids=described)
def test_every_known_stranger_is_refused_by_name(stranger: Any) -> None:
    is_refused_by_name(stranger)


def is_refused_as_label(label: Any) -> None:
    error = refusal(1.0, label)
    assert isinstance(error, (TypeError, StrangersError))
    if isinstance(error, TypeError):
        assert type(label).__name__ in str(error)


@given(strangers.filter(lambda label: not isinstance(label, str | None)))
# Found: the label is written into the message by `repr`, which can fail, or be very long.
@example(10**5000)
@example([0.0] * 10_000)
@example(Length(lambda: 1.0))
def test_a_label_that_is_no_text_is_refused_by_name(label: Any) -> None:
    is_refused_as_label(label)


# Found for the same reason.
@pytest.mark.parametrize("label", UNPRINTABLE, ids=described)
def test_a_label_that_cannot_be_written_is_refused_by_name(label: Any) -> None:
    is_refused_as_label(label)
