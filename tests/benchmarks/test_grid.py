from __future__ import annotations

import pytest

from benchmarks import grid
from benchmarks.grid import moons
from benchmarks.measure import Task

pytest.importorskip("sklearn")


def outcome(task: Task) -> list[float]:
    task.step(lambda phase: None)
    return list(task.outcome())


def test_moons_are_two_classes_of_points_in_a_plane() -> None:
    X, Y = moons(100)
    assert X.shape == (100, 2)
    assert sorted(set(Y.tolist())) == [-1.0, 1.0]


def test_ours_trains_to_the_weights_of_pytorch() -> None:
    pytest.importorskip("torch")
    found = [outcome(train(100, (8, 1))) for train in (grid.ours, grid.pytorch)]
    assert found[0] == pytest.approx(found[1], rel=1e-9, abs=1e-9)


def test_training_starts_anew_with_each_step() -> None:
    task = grid.ours(100, (8, 1))
    assert outcome(task) == outcome(task)
