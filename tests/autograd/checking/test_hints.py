"""Hints: what a wrong derivative has in common with a right one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd import gradcheck
from autograd.checking.hints import hint
from benchmarks.faults import draw

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
    assert hinted(claimed, right) == "its numbers are right, but in another order"


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
    assert "is right to 5 digits" in hinted([math.pi * (1.0 + 7e-6), 1.0], [math.pi, 1.0])
    assert "is right to 3 digits" in hinted([math.pi * (1.0 + 9e-4)], [math.pi])
    assert "is right to 1 digit:" in hinted([1.01, 2.03, 3.0], [1.0, 2.0, 3.0])
    assert hinted([1.01, 2.1, 3.0], [1.0, 2.0, 3.0]) == ""
    assert "float32" in hinted([math.pi * (1.0 + 1e-7)], [math.pi])
    assert "float32" in hinted([1.0000001, 2.0000001], [1.0, 2.0])
    assert "has a term too many, 0.5" in hinted([1.5, 2.5, 3.9], [1.0, 2.0, 3.4])


@pytest.mark.parametrize("claimed", [math.nan, math.inf])
def test_what_is_not_finite(claimed: float) -> None:
    assert "not finite" in hinted([claimed, 1.0], [2.0, 1.0])


@given(NUMBERS)
def test_nothing_is_said_of_what_is_right(right: list[float]) -> None:
    assert hint(right, right, [False] * len(right), (1, len(right))) == ""


@given(NUMBERS, st.sampled_from([-0.1, 0.05, 2.0]))
def test_a_penalty(right: list[float], factor: float) -> None:
    data = [(-1.0) ** i * (1.0 + 0.3 * i) for i in range(len(right))]
    claimed = [d - factor * x for d, x in zip(right, data, strict=True)]
    wrong = [True] * len(right)
    text = hint(claimed, right, wrong, (1, len(right)), data=data)
    assert f"{abs(factor):g} times its input" in text or "digits" in text
    assert ("lacks" if factor > 0.0 else "too much") in text or "digits" in text
    assert "times its input" not in hint(claimed, right, wrong, (1, len(right)))
    data[0] += 0.5
    assert "times its input" not in hint(claimed, right, wrong, (1, len(right)), data=data)


@given(st.integers(2, 4), st.integers(2, 4), st.integers(1, 2), st.integers(0, 10**6))
def test_the_transpose_with_respect_to_a_matrix(
    height: int, width: int, rows: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    right = random.normal(size=(rows, 1 + height * width))
    claimed = right.copy()
    claimed[:, 1:] = [row.reshape(height, width).T.ravel() for row in right[:, 1:]]
    columns = right.shape[1]
    wrong = (claimed != right).ravel().tolist()
    given: list[Any] = [claimed.ravel().tolist(), right.ravel().tolist(), wrong, (rows, columns)]
    text = hint(*given, matrices=[("W", 1, (height, width))])
    assert text == "with respect to W it is the transpose of what it should be"
    assert hint(*given) == "its numbers are right, but in another order"
    assert hint(*given, matrices=[("W", 0, (height, width))]) == hint(*given)


def test_what_numerical_derivatives_have_too_few_digits_for() -> None:
    right, bounds = [1.0, 2.0, 1e-4], [1e-3, 1e-3, 1e-3]
    wrong = [True, True, True]
    noisy = [2.0007, 3.9995, 2.2e-4]
    assert "each is 2 times" in hint(noisy, right, wrong, (1, 3), bounds=bounds)
    assert hint(noisy, right, wrong, (1, 3)) == ""
    assert hint([2.1, 3.9, 5.0], right, wrong, (1, 3), bounds=[1.0, 1.0, 1.0]) == ""
    assert hint([2.1, 3.9], right[:2], wrong[:2], (1, 2), bounds=[0.5, 0.5]) == ""
    assert "wrong sign" in hint([-1.0002, -2.0], [1.0, 2.0], wrong[:2], (1, 2), bounds=bounds[:2])


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (2.0, "each is 2 times what it should be: is there a factor too many?"),
        (0.5, "each is 1/2 times what it should be: is a factor missing?"),
        (-0.25, "each is -1/4 times what it should be: is a factor missing?"),
        (2.0 / 3.0, "each is 2/3 times what it should be: is a factor or an exponent wrong?"),
        (math.pi, "each is 3.14159 times what it should be"),
    ],
)
def test_the_words_for_factors(factor: float, said: str) -> None:
    right = [1.25, -3.5, 0.75, 7.0, 2.0]
    assert hinted([factor * x for x in right], right) == said
    alone = hinted([factor * right[0], *right[1:]], right)
    assert alone == ("" if factor == math.pi else said.replace("each", "it"))


def test_numbers_that_are_nothing_beside_the_others_are_in_no_other_order() -> None:
    right = [1.0, 2.0, 0.0, 4.0, 5.0, 6.0]
    turned = [1.0, 4.0, 2.0 + 1e-12, 5.0, 1e-13, 6.0]
    assert hinted(turned, right, (2, 3)) == "it is the transpose of what it should be"
    turned[4] = 1e-3
    assert hinted(turned, right, (2, 3)) == ""


def test_two_that_lack_the_same_term() -> None:
    assert "lacks the same term, 0.75" in hinted([0.5, 2.0, 9.0], [1.25, 2.75, 9.0])
    assert hinted([0.5, 2.0, 9.0], [1.25, 2.85, 9.0]) == ""
    assert "as large as another" in hinted([-0.3, 2.6, 9.0], [2.3, 2.6, 9.0])
    assert hinted([-0.3, 2.7, 9.0], [2.3, 2.7, 9.0]) == ""


# What each fault of the generator looks like, at one of the inputs.
SEEN = {
    "sign": ("wrong sign",),
    "factor": ("times what it should be", "digit"),
    "swapped operands": ("in another order",),
    "small error": ("digit",),
}


@pytest.mark.no_cover
@pytest.mark.parametrize("precision", ["double", "single"])
def test_the_faults_of_the_generator(precision: str) -> None:
    seen, number = 0, -1
    while seen < 12:
        number += 1
        assert number < 250
        case = draw(12, number, precision)
        if case.fault not in SEEN or case.excess <= 1.0 or case.function.family == "program":
            continue
        if case.x.size > 12 or np.unique(case.right).size < case.right.size:
            continue
        check = gradcheck(case.value, case.x, gradient=case.gradient, raise_exception=False)
        hints = [note for note in check.notes if note.startswith("hint")]
        if check.outcome == "failed" and hints:
            assert any(each in hints[0] for each in SEEN[case.fault]), (number, case.fault, hints)
            seen += 1
