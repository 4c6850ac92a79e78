"""Random numbers that do not come from Hypothesis: they are the same in each example."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

BEFORE = random.Random(7).getstate()


def test_before() -> None:
    random.setstate(BEFORE)


@given(st.data(), st.integers(0, 5))
def test_each_example_finds_them_seeded(data: st.DataObject, count: int) -> None:
    assert random.random() == random.Random(0).random()
    assert np.random.random() == np.random.RandomState(0).random()
    for _ in range(count):
        random.random()
        np.random.random()
        data.draw(st.floats())


def test_afterwards_they_are_as_they_were() -> None:
    assert random.getstate() == BEFORE
