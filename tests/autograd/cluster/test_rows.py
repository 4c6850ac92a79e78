"""Rows: parts of them, and what a subclass may get wrong."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.cluster import Rows, array, normals

CUT = st.slices(20)


@given(CUT, CUT)
def test_parts_are_as_of_an_array(outer: slice, inner: slice) -> None:
    numbers = normals(2, 20, 3).read(0, 20)
    for rows in (array(numbers), normals(2, 20, 3)):
        if outer.step in (None, 1) and inner.step in (None, 1):
            part = rows[outer][inner]
            expected = numbers[outer][inner]
            assert len(part) == len(expected)
            np.testing.assert_array_equal(part.read(0, len(part)), expected)
            again = pickle.loads(pickle.dumps(part))
            np.testing.assert_array_equal(again.reader().block(0, len(part)), expected)


@pytest.mark.parametrize("numbers", [["a"], [[1.0], [1.0, 2.0]], [object()], [1j]])
def test_what_is_no_array_of_numbers(numbers: Any) -> None:
    with pytest.raises(TypeError, match="array: "):
        array(numbers)


def test_a_number_has_no_rows() -> None:
    with pytest.raises(ValueError, match="has no rows"):
        array(1.0)


@pytest.mark.parametrize("place", [3, "x", (1, 2)])
def test_rows_are_taken_by_slices(place: Any) -> None:
    with pytest.raises(TypeError, match="expected a slice"):
        array([1.0, 2.0])[place]
    with pytest.raises(ValueError, match="by a step of 2"):
        array([1.0, 2.0])[::2]


def test_a_subclass_that_reads_other_rows() -> None:
    class Short(Rows):
        def read(self, first: int, count: int) -> Any:
            return np.zeros(count - 1)

    with pytest.raises(ValueError, match=r"must return an array of the shape \(5,\), and returned"):
        Short(10).block(0, 5)
    with pytest.raises(NotImplementedError, match="Rows does not define read"):
        Rows(3).block(0, 1)
