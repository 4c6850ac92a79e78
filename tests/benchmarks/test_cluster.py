"""The simulation of a large cluster: where the answer is known, it gives that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.cluster import Assumptions, efficiency, simulated

IDEAL = replace(
    Assumptions(), latency=0.0, tasks_a_second=1e9, start=0.0, stragglers=0.0, failures=0.0
)


@pytest.mark.parametrize("workers", [1, 2, 8, 64])
def test_without_costs_it_is_the_work_shared_out(workers: int) -> None:
    assert simulated(IDEAL, workers, workers * 256) == pytest.approx(256 * IDEAL.chunk)


def test_each_cost_costs() -> None:
    least = simulated(IDEAL, 8, 2048)
    for change in (
        {"latency": 0.1}, {"tasks_a_second": 10.0}, {"start": 1.0}, {"stragglers": 0.5},
        {"failures": 200.0},
    ):  # fmt: skip
        assert simulated(replace(IDEAL, **change), 8, 2048) > least


def test_the_scheduler_bounds_small_tasks() -> None:
    world = replace(IDEAL, tasks_a_second=100.0)
    assert simulated(world, 1000, 4000) >= 4000 / 100.0
    assert efficiency(Assumptions(), 1000, 1000 * 1024) > efficiency(Assumptions(), 1000, 1000 * 16)
