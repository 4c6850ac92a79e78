"""Training on rows that no memory holds, alone and on a cluster: the same history, bit for bit."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograd import Value
from autograd.cluster import Rows, Workers, array, normals, npy
from nn import MLP, Neuron, fit, losses
from nn.callbacks import Checkpoint
from nn.module import Module
from nn.optim import SGD
from tests.autograd.cluster.mishaps import Mishap, die, hang, pids, plain
from tests.peers import require_dask

X = normals(1, 2000, 3)
NUMBERS = X.read(0, 2000)
Y = np.tanh(NUMBERS @ [1.0, -2.0, 0.5])


def net() -> MLP:
    random.seed(3)
    return MLP(3, [4, 1])


def trained(rows: Any, targets: Any, model: Any = None, **options: Any) -> Any:
    model = model or net()
    options = {"epochs": 3, "batch_size": 300, "validation": 0.25, **options}
    history = fit(model, losses.mean_squared_error, rows, targets, **options)
    return history.losses, history.validation_losses, [p.data for p in model.parameters()]


def test_every_kind_of_rows_trains_alike(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", NUMBERS)
    np.save(tmp_path / "y.npy", Y)
    expected = trained(X, Y)
    assert trained(npy(tmp_path / "x.npy"), npy(tmp_path / "y.npy")) == expected
    assert trained(array(NUMBERS), Y.tolist()) == expected
    assert trained(X[:1500], Y[:1500], validation=(X[1500:], Y[1500:])) == expected
    assert expected[0][-1] < expected[0][0]


def test_without_shuffling_it_is_as_in_memory() -> None:
    options: dict[str, Any] = {"shuffle": False, "compiled": True}
    found, expected = trained(X, Y, **options), trained(NUMBERS, Y, **options)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_what_else_the_optimiser_holds_is_trained() -> None:
    scale = Value(1.0)
    model = Neuron(3, "linear")
    optimiser = SGD([*model.parameters(), scale], 0.01)
    fit(
        model, lambda output, target: (scale * output - target).square(), X, Y,
        optimiser=optimiser, epochs=1, batch_size=500,
    )  # fmt: skip
    assert scale.data != 1.0


class FatalError(Exception):
    pass


def test_a_checkpoint_resumes_with_the_same_history(tmp_path: Path) -> None:
    expected = trained(X, Y, epochs=5)
    path = tmp_path / "checkpoint"

    def stop(training: Any) -> None:
        if len(training.history.losses) == 3:
            raise FatalError

    with pytest.raises(FatalError):
        trained(X, Y, epochs=5, callbacks=[Checkpoint(path), stop])
    assert trained(X, Y, epochs=5, callbacks=[Checkpoint(path)], resume=path) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["mean_absolute_error"]}, "metrics needs all samples in memory"),
        ({"sample_weight": [1.0] * 2000}, "sample_weight needs all samples in memory"),
        ({"stratify": True}, "stratify needs all samples in memory"),
        ({"compiled": False}, "leave out compiled=False"),
        ({"validation": 1.5}, "sets aside 3,000 of 2,000 rows"),
        ({"Y": Y[:5]}, "X has 2,000 rows but Y has 5"),
        ({"X": X[:0], "Y": Y[:0]}, "there are no rows in X"),
        ({"X": normals(1, 2000, 2)}, "takes rows of 3 numbers"),
    ],
)
def test_mistakes(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(net(), losses.mean_squared_error, **{"X": X, "Y": Y, **options})


# --- on a cluster --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    distributed = require_dask()
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0",
            silence_logs=50,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):  # fmt: skip
        yield client


class Line(Module):
    def __init__(self) -> None:
        self.w = Value(0.5)

    def __call__(self, x: Any) -> Any:
        return self.w * x


class Still(Rows):
    def read(self, first: int, count: int) -> Any:
        return plain(first, count)


@pytest.mark.filterwarnings("ignore")
def test_kills_change_no_bit_of_the_history(client: Any, tmp_path: Path) -> None:
    options: dict[str, Any] = {"batch_size": 500, "epochs": 2}
    expected = trained(Still(2000), Y, Line(), **options)
    workers = Workers(client, time_limit=10.0, attempts=20)
    for name, what in ("die", die), ("hang", hang):
        client.wait_for_workers(2, timeout=60)
        rows = Mishap(2000, 1300, tmp_path / name, what)
        assert trained(rows, Y, Line(), cluster=workers, **options) == expected
        assert len(pids(tmp_path / name)) == 1
        if what is hang:
            end(pids(tmp_path / name)[0])


def end(pid: int) -> None:

    os.kill(pid, signal.SIGKILL)


@pytest.mark.filterwarnings("ignore")
def test_what_a_cluster_holds_trains_alike(client: Any) -> None:
    from dask import array as blocks

    options: dict[str, Any] = {"batch_size": 500, "epochs": 1}
    expected = trained(X, Y, **options)
    here = blocks.from_array(NUMBERS, chunks=(700, 2)), blocks.from_array(Y, chunks=300)
    there = tuple(part.persist() for part in here)
    assert trained(*here, cluster=client, **options) == expected
    assert trained(*there, cluster=client, **options) == expected
    assert trained(*there, **options) == expected


@pytest.mark.filterwarnings("ignore")
def test_samples_in_memory_train_on_a_cluster(client: Any) -> None:
    options: dict[str, Any] = {"batch_size": 1000, "epochs": 1, "metrics": ["mean_absolute_error"]}
    found = trained(NUMBERS, Y, cluster=client, **options)
    expected = trained(NUMBERS, Y, compiled=True, **options)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    with pytest.raises(ValueError, match="leave out compiled=False"):
        trained(NUMBERS, Y, cluster=client, compiled=False)
