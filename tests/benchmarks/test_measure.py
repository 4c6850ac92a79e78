from __future__ import annotations

import gc
import itertools
import os
from functools import partial

import pytest

from benchmarks.measure import (
    AVX2,
    Lap,
    Spread,
    Task,
    in_fresh_process,
    instructions,
    interleave,
    is_limited_to_avx2,
    limit_to_avx2,
    machine,
    narrowed,
    ratios,
)


def sleeper(answer: float) -> Task:
    """A task that finds `answer` and the process that it runs in."""

    def step(lap: Lap) -> None:
        lap("first")
        lap("second")

    return Task(step, lambda: [answer, os.getpid()])


def fails() -> Task:
    raise ValueError("no such library")


def without_collector() -> Task:
    calls = itertools.count()

    def step(lap: Lap) -> None:
        if next(calls) and gc.isenabled():  # the first call warms up, before any turn
            raise RuntimeError("the collector is on")

    return Task(step)


def test_spread_is_the_median_between_its_quartiles() -> None:
    assert Spread.of([4.0, 1.0, 2.0, 3.0, 9.0]) == Spread(2.0, 3.0, 4.0)
    assert Spread.of([7.0]) == Spread(7.0, 7.0, 7.0)


def test_ratios_are_taken_round_by_round() -> None:
    # A machine three times slower in the second round changes no ratio.
    assert ratios([2.0, 6.0, 2.0], [1.0, 3.0, 1.0]) == Spread(2.0, 2.0, 2.0)
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0, 2.0], [1.0])


def test_contenders_have_processes_of_their_own_and_a_turn_in_each_round() -> None:
    contest = interleave({"a": partial(sleeper, 1.0), "b": partial(sleeper, 2.0)}, 3, 0.001)
    (a, process_a), (b, process_b) = contest.outcomes["a"], contest.outcomes["b"]
    assert (a, b) == (1.0, 2.0)
    assert len({process_a, process_b, os.getpid()}) == 3
    assert [len(contest.seconds(name)) for name in "ab"] == [3, 3]


def test_phases_add_up_to_the_step() -> None:
    contest = interleave({"a": partial(sleeper, 1.0)}, 2, 0.001)
    for seconds in contest.rounds["a"]:
        step = seconds.pop("step")
        assert seconds.keys() == {"first", "second", "rest"}
        assert sum(seconds.values()) == pytest.approx(step)
    assert contest.seconds("a", "first", scale=2.0) == [
        2.0 * seconds for seconds in contest.seconds("a", "first")
    ]


def test_the_collector_can_be_off() -> None:
    interleave({"a": without_collector}, 1, 0.0, collector=False)
    with pytest.raises(RuntimeError, match="the collector is on"):
        interleave({"a": without_collector}, 1, 0.0)


def test_an_exception_in_a_process_arrives_here() -> None:
    with pytest.raises(ValueError, match="no such library"):
        interleave({"a": fails}, 1, 0.0)


def test_fresh_process_returns_the_result() -> None:
    assert in_fresh_process(os.getpid) != os.getpid()


def test_machine_names_processor_python_and_versions() -> None:
    facts = machine(["pytest"])
    assert facts["processor"]
    assert facts["instructions"]
    assert facts["python"].startswith(("CPython", "PyPy"))
    assert facts["packages"] == {"pytest": pytest.__version__}


def test_contenders_can_be_limited_to_avx2(monkeypatch: pytest.MonkeyPatch) -> None:
    widest = instructions()
    for name in AVX2:  # put back afterwards
        monkeypatch.setenv(name, "")
    assert (is_limited_to_avx2(), instructions()) == (False, widest)
    limit_to_avx2()
    assert is_limited_to_avx2()
    assert instructions() == machine([])["instructions"] == narrowed(widest)
    assert in_fresh_process(is_limited_to_avx2)
