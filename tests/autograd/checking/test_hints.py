"""Hints: what a wrong derivative has in common with a right one."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd.checking.hints import hint

NUMBERS = st.lists(
    st.floats(0.1, 10.0).map(lambda x: round(x, 3)) | st.floats(-10.0, -0.1), min_size=4, max_size=9
)


def hinted(claimed: list[float], right: list[float], shape: tuple[int, int] | None = None) -> str:
    wrong = [not math.isclose(a, b) for a, b in zip(claimed, right, strict=True)]
    return hint(claimed, right, wrong, shape or (1, len(right)))


@given(NUMBERS, st.sampled_from([2.0, -3.0, 0.5, -1.0]))
def test_a_factor(right: list[float], factor: float) -> None:
    text = hinted([factor * x for x in right], right)
    if factor == -1.0:
        assert text == "each has the wrong sign" or "another order" in text
    elif factor == 0.5:
        assert "1/2 times" in text
    else:
        assert f"{factor:g} times" in text


@given(NUMBERS)
def test_a_mean_for_a_sum(right: list[float]) -> None:
    count = len(right)
    assert f"1/{count} times" in hinted([x / count for x in right], right)
    assert f"there are {count} inputs" in hinted([x * count for x in right], right)


@given(NUMBERS, st.data())
def test_another_order(right: list[float], data: st.DataObject) -> None:
    assume(len({round(x, 2) for x in right}) == len(right))
    claimed = data.draw(st.permutations(right))
    assume(claimed != right)
    assert hinted(claimed, right) == "its numbers are right, and in another order"


def test_the_transpose() -> None:
    right = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    turned = [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]
    assert "another order" in hinted(turned, right, (3, 2))
    assert hinted(turned, right, (2, 3)) == "it is the transpose of what it should be"


@given(NUMBERS)
def test_nothing_where_there_is_something(right: list[float]) -> None:
    assert "0 where it should not be" in hinted([0.0, *right[1:]], right)


def test_a_term_that_is_missing() -> None:
    right = [5.0, 2.6, 9.0]
    assert "as large as another" in hinted([2.4, 2.6, 9.0], right)
    assert "lacks the same term, 0.75" in hinted([x - 0.75 for x in right], right)


def test_few_digits() -> None:
    assert "float32" in hinted([math.pi * (1.0 + 1e-7)], [math.pi])
    assert "float32" in hinted([1.0000001, 2.0000001], [1.0, 2.0])
    assert "has a term too many, 0.5" in hinted([1.5, 2.5, 3.9], [1.0, 2.0, 3.4])


@pytest.mark.parametrize("claimed", [math.nan, math.inf])
def test_what_is_not_finite(claimed: float) -> None:
    assert "not finite" in hinted([claimed, 1.0], [2.0, 1.0])


@given(NUMBERS)
def test_nothing_is_said_of_what_is_right(right: list[float]) -> None:
    assert hint(right, right, [False] * len(right), (1, len(right))) == ""
