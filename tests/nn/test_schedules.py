"""Schedules as objects and as data; their values are held to PyTorch's in test_optim."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.schedules import (
    Schedule,
    cosine_decay,
    exponential_decay,
    from_data,
    linear_warmup,
    step_decay,
    to_data,
)

rates = st.floats(0.0, 10.0)
decays: st.SearchStrategy[Schedule] = st.one_of(
    st.builds(step_decay, rates, st.integers(1, 50), st.floats(0.0, 1.0)),
    st.builds(exponential_decay, rates, st.floats(0.0, 1.0)),
    st.builds(cosine_decay, rates, st.integers(1, 50), rates),
)
warmups = st.builds(linear_warmup, decays | rates, st.integers(1, 50), st.floats(0.0, 1.0))


@given(decays | warmups)
def test_a_schedule_comes_back_from_its_data(schedule: Schedule) -> None:
    again = from_data(json.loads(json.dumps(to_data(schedule))), 0.0)
    assert again == schedule == pickle.loads(pickle.dumps(schedule))
    assert callable(again)
    assert [again(step) for step in range(60)] == [schedule(step) for step in range(60)]


def test_schedules_of_ones_own_stay_where_they_are() -> None:
    def own(step: int) -> float:
        return 1.0 / (step + 1)

    assert from_data(to_data(own), own) is own
    for current in 0.1, step_decay(0.1, 2):
        with pytest.raises(ValueError, match="make the optimiser with that schedule first"):
            from_data(to_data(own), current)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "must be a number or a schedule"),
        (True, "must be a number or a schedule"),
        ("fast", "must be a number or a schedule"),
        ({"rate": 1.0}, "must be a number or a schedule"),
        (
            {"schedule": "step_decay", "rate": 1.0, "every": 3},
            "its numbers must be rate, every, factor",
        ),
        ({"schedule": "step_decay", "rate": 1.0, "every": 0, "factor": 0.5}, "at least 1, got 0"),
        (
            {"schedule": "step_decay", "rate": 1.0, "every": 2.5, "factor": 1.0},
            "an integer, got 2.5",
        ),
        ({"schedule": "exponential_decay", "rate": "1", "factor": 1.0}, "a number, got '1'"),
        ({"schedule": "exponential_decay", "rate": 1, "factor": 1, "x": 2}, "rate, factor"),
        ({"schedule": "linear_warmup", "rate": None, "steps": 2, "start": 1.0}, "must be a number"),
    ],
)
def test_damaged_data_are_refused(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_data(data, 0.1)
