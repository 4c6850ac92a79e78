"""What counts as a real number becomes a float; anything else is an error that says who asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autograd import Value
from autograd.reals import as_float, is_array_scalar
from autograd.traced import traced
from autograd.tracing import TracingError
from tests.autograd.kinds_of_numbers import NO_NUMBERS, NUMBERS, described


@pytest.mark.parametrize("number", NUMBERS, ids=described)
def test_every_kind_of_real_number_becomes_a_float(number: Any) -> None:
    found = as_float(number, "who asks")
    assert type(found) is float
    assert found == float(number)


@pytest.mark.parametrize("other", [*NO_NUMBERS, Value(1.0), np.ones(2)], ids=described)
def test_what_is_none_is_an_error_that_says_who_asked_and_for_what(other: Any) -> None:
    with pytest.raises(TypeError, match=r"^who asks: expected a rate, got ") as caught:
        as_float(other, "who asks", "a rate")
    assert len(str(caught.value)) < 400


def test_what_no_float_can_hold_says_who_asked() -> None:
    with pytest.raises(OverflowError, match=r"^who asks: "):
        as_float(10**400, "who asks")


def test_a_number_that_is_not_known_yet_is_refused() -> None:
    with pytest.raises(TracingError):
        as_float(traced()._number, "who asks")


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (np.float32(1.0), True), (np.array(1), True), (np.True_, True), (np.array([1.0]), False),
        (np.array("a"), False), (np.complex128(1j), False), (1.0, False), (None, False),
    ],
    ids=described,
)  # fmt: skip
def test_arrays_without_dimensions_are_numbers(number: Any, expected: bool) -> None:
    assert is_array_scalar(number, "who asks") is expected


def test_a_mask_is_refused() -> None:
    with pytest.raises(TypeError, match="mask"):
        is_array_scalar(np.ma.masked, "who asks")
