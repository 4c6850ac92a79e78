"""Predictions for tables: the same as row by row, recorded or compiled."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

import nn.tables
from autograd import tanh
from nn import MLP, Layer, Module, Neuron, fit, losses

TABLE = np.random.default_rng(0).normal(size=(20, 3))
MODELS: dict[str, Any] = {
    "neuron": lambda: Neuron(3, "gelu", seed=1),
    "layer": lambda: Layer(3, 2, "tanh", seed=1),
    "layer of one": lambda: Layer(3, 1, "tanh", seed=1),
    "network": lambda: MLP(3, [4, 1], seed=1),
    "network of several": lambda: MLP(3, [4, 3], "tanh", seed=1),
    "of another function": lambda: MLP(3, [2, 1], lambda x: tanh(x) * 2.0, seed=1),
}


def by_rows(model: Module, table: Any) -> Any:
    found = np.array([model.predict(row) for row in np.array(table).tolist()])
    return found.reshape(len(found), -1)


@pytest.mark.parametrize("worth", [0, 10**12])
@pytest.mark.parametrize("kind", MODELS)
def test_a_table_is_its_rows(kind: str, worth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.tables, "WORTH_COMPILING", worth)
    model = MODELS[kind]()
    expected = by_rows(model, TABLE)
    for form in (
        TABLE, TABLE.tolist(), tuple(map(tuple, TABLE)), list(TABLE), pd.DataFrame(TABLE),
        TABLE.astype(object),
    ):  # fmt: skip
        found = model.predict(form)
        assert isinstance(found, np.ndarray)
        assert found.shape == expected.shape
        assert found == pytest.approx(expected, rel=1e-12)
    assert model.predict(TABLE[:1]).shape == (1, expected.shape[1])
    assert model.predict(np.empty((0, 3))).shape[0] == 0


def test_a_row_is_no_table() -> None:
    neuron = Neuron(3)
    assert isinstance(neuron.predict(TABLE[0]), float)
    assert isinstance(neuron.predict(TABLE[0].tolist()), float)


def test_long_tables_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = MLP(3, [4, 2], seed=1)
    long = np.random.default_rng(0).normal(size=(60_000, 3))
    first = model.predict(long)
    with monkeypatch.context() as patch:
        patch.setattr("autograd.compiler.compile", None)
        assert (model.predict(long) == first).all()
        assert first[:20] == pytest.approx(by_rows(model, long[:20]), rel=1e-12)
        # What has been trained since counts.
        fit(model, losses.huber, TABLE, TABLE[:, :2], epochs=1, compiled=False)
        assert model.predict(TABLE) == pytest.approx(by_rows(model, TABLE), rel=1e-12)
    # Another part is another program.
    model.layers[1] = Layer(4, 2, "tanh", seed=5)
    assert model.predict(TABLE) == pytest.approx(by_rows(model, TABLE), rel=1e-12)
    assert model.predict(long)[:20] == pytest.approx(by_rows(model, long[:20]), rel=1e-12)


def test_what_has_predicted_can_be_copied_and_pickled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.tables, "WORTH_COMPILING", 0)
    model = MLP(3, [2, 1], seed=1)
    expected = model.predict(TABLE)
    for other in copy.deepcopy(model), pickle.loads(pickle.dumps(model)):
        model.layers[0].neurons[0].weights[0].data += 1.0
        assert other.predict(TABLE) == pytest.approx(expected, rel=1e-12)
    assert list(model.state_dict()) == list(MLP(3, [2, 1]).state_dict())


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (
            TABLE[:, :2],
            ValueError,
            r"MLP.predict: expected a table of shape \(rows, 3\), got one of shape \(20, 2\)",
        ),
        ([[1.0, 2.0, 3.0], [1.0]], TypeError, "MLP.predict: expected a table of numbers"),
        ([["a", "b", "c"]], TypeError, "MLP.predict: expected a table of numbers"),
        (np.ma.masked_array(TABLE), TypeError, "mask"),
        ([[]], ValueError, r"got one of shape \(1, 0\)"),
    ],
)
def test_what_is_no_such_table_is_refused(table: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        MLP(3, [2, 1]).predict(table)


def test_models_of_ones_own_take_what_they_take() -> None:
    class Total(Module):
        def __call__(self, matrix: Any) -> Any:
            return math.fsum(x for row in matrix for x in row)

    assert Total().predict([[1.0, 2.0], [3.0, 4.0]]) == 10.0
