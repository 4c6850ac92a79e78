from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pytest

from benchmarks import batches, by_hand
from benchmarks.batches import (
    COMPILER,
    Batch,
    digits,
    european_call,
    likelihood,
    matrices,
    outputs_of_arrays,
    predators,
    price,
    sines,
    straight_line,
    two_class_mlp,
    valley,
    vector,
)
from benchmarks.measure import Task
from benchmarks.workloads import OURS

SIZES = (2, 16, 16, 1)
BATCHES: dict[str, Callable[[], Batch]] = {
    "relu": partial(two_class_mlp, "relu", SIZES, 20),
    "tanh": partial(two_class_mlp, "tanh", SIZES, 20),
    "price": price,
    "likelihood": likelihood,
    "european call": partial(european_call, 1000),
    "valley": partial(valley, 20),
    "predators": partial(predators, 5, 50),
    "sines": partial(sines, 200, 3),
    "straight line": partial(straight_line, 200),
}


def outcome(task: Task) -> list[float]:
    task.step(lambda phase: None)
    return list(task.outcome())


def found(library: str, make: Callable[[], Batch]) -> list[float]:
    return outcome(batches.evaluation(library, make, threads=None))


@cache
def ours(name: str) -> list[float]:
    """What ours finds, compiled once for all tests."""
    return found(OURS, BATCHES[name])


@pytest.mark.parametrize("name", BATCHES)
def test_ours_is_the_gradient_and_the_value(name: str) -> None:
    make = BATCHES[name]
    *gradient, value = ours(name)
    batch = make()

    def cost(parameters: Any) -> float:
        moved = batch._replace(parameters=parameters)
        return found(OURS, lambda: moved)[-1]

    assert math.isfinite(value)
    direction = np.random.default_rng(0).normal(size=len(batch.parameters))
    h = 1e-6 / np.abs(direction).max()
    up, down = (cost(batch.parameters + step * direction) for step in (h, -h))
    assert np.dot(gradient, direction) == pytest.approx((up - down) / (2.0 * h), rel=1e-5, abs=1e-8)


@pytest.mark.skipif(shutil.which(COMPILER) is None, reason="there is no C++ compiler")
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("rows", [20, 24, 33])
def test_the_kernel_written_by_hand_finds_the_same(activation: str, rows: int) -> None:
    make = partial(two_class_mlp, activation, SIZES, rows)
    assert found(f"C++, {activation}", make) == pytest.approx(found(OURS, make), rel=1e-9)
    assert float(np.float64(5e-324) * 1.0) > 0.0  # numbers below the normal ones are still there


def test_structures_of_parameters_are_differentiated_alike() -> None:
    pairs, make = batches.OURS_WITH_PAIRS, partial(two_class_mlp, "relu", SIZES, 20)
    assert found(pairs, make) == pytest.approx(found(OURS, make), rel=1e-12)
    make = partial(valley, 10)
    assert found(batches.OURS_WITH_FLOATS, make) == pytest.approx(found(OURS, make), rel=1e-12)


@pytest.mark.skipif(shutil.which(COMPILER) is None, reason="there is no C++ compiler")
@pytest.mark.parametrize("inputs", [2, 3, 10])
def test_the_valley_written_by_hand_is_the_same(inputs: int) -> None:
    make = partial(valley, inputs)
    assert found("C++, valley", make) == pytest.approx(found(OURS, make), rel=1e-12)


@pytest.mark.parametrize("name", by_hand.WRITTEN_BY_HAND)
def test_gradients_written_by_hand_are_the_same(name: str) -> None:
    value, gradient = getattr(by_hand, name)(BATCHES[name]().parameters)
    assert [*gradient, value] == pytest.approx(ours(name), rel=1e-12)


@pytest.mark.parametrize("name", BATCHES)
def test_pytorch_finds_the_same(name: str) -> None:
    pytest.importorskip("torch")
    if name == "straight line":
        pytest.skip("it is scalar code, which is for our own growth")
    assert found("PyTorch", BATCHES[name]) == pytest.approx(ours(name), rel=1e-9)


def test_digits_are_classified_by_probabilities() -> None:
    pytest.importorskip("sklearn")
    batch = digits(10)
    assert batch.rows[0].shape == (10, 64)
    assert batch.rows[1].sum(axis=1).tolist() == [1.0] * 10


def test_matrices_and_the_vector_are_the_same_network() -> None:
    batch = two_class_mlp("relu", (3, 4, 2), 5)
    arrays = matrices(batch.parameters, batch.sizes)
    assert vector(arrays).tolist() == batch.parameters.tolist()

    class Arrays:
        relu = staticmethod(lambda x: np.maximum(x, 0.0))

    X = batch.rows[0]
    hidden = np.maximum(X @ arrays[0].T + arrays[1], 0.0)
    outputs = outputs_of_arrays(arrays, X, Arrays, "relu")  # type: ignore[arg-type]
    assert np.allclose(outputs, hidden @ arrays[2].T + arrays[3])


@pytest.mark.parametrize("operations", [100, 1000])
def test_a_straight_line_has_as_many_operations_as_it_is_said_to(operations: int) -> None:
    from autograd import Value
    from autograd.graph import interior

    batch = straight_line(operations)
    output = batch.of_row(None, [Value(x) for x in batch.parameters])
    assert len(interior(output)) == pytest.approx(operations, rel=0.05)


def test_memory_that_cannot_be_told_is_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "megabytes", lambda what: 0.0)
    assert batches.compilation(OURS, partial(valley, 20)).megabytes == batches.PAGE > 0.0
