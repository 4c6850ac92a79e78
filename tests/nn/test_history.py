"""The history of training: a line, columns, arrays, a frame, and errors that carry it."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest

from nn import DivergenceError, History
from nn.history import history_of

WHOLE = History(
    [3.0, 2.0, 1.5], [3.5, 2.5, 2.6], {"a": [0.5, 0.75, 1.0]}, best_epoch=1,
    stopped="early stopping",
)  # fmt: skip


@pytest.mark.parametrize(
    ("history", "line"),
    [
        (History(), "0 epochs, completed"),
        (History(stopped="interrupted"), "0 epochs, interrupted"),
        (History([0.123456], best_epoch=0), "1 epoch, completed: loss 0.1235 (least in epoch 0)"),
        (History([1.0]), "1 epoch, completed: loss 1"),
        (WHOLE, "3 epochs, early stopping: loss 1.5, validation loss 2.6 (least in epoch 1), a 1"),
        (
            History([1e300], metrics={"mean_absolute_error": [-2.0]}, best_epoch=0),
            "1 epoch, completed: loss 1e+300 (least in epoch 0), mean absolute error -2",
        ),
    ],
)
def test_printed_it_is_a_line(history: History, line: str) -> None:
    assert str(history) == repr(history) == line


def test_columns_are_arrays_and_a_frame() -> None:
    assert WHOLE.columns() == {
        "loss": WHOLE.losses,
        "validation_loss": WHOLE.validation_losses,
        "a": WHOLE.metrics["a"],
    }
    arrays = WHOLE.arrays()
    assert list(arrays) == list(WHOLE.columns())
    assert all(isinstance(array, np.ndarray) and array.dtype == float for array in arrays.values())
    assert arrays["validation_loss"].argmin() == WHOLE.best_epoch
    pytest.importorskip("pandas")
    frame = WHOLE.to_frame()
    assert (frame.index.name, list(frame.columns)) == ("epoch", list(WHOLE.columns()))
    assert frame["a"].tolist() == [0.5, 0.75, 1.0]
    assert WHOLE.last() == {"loss": 1.5, "validation_loss": 2.6, "a": 1.0}
    assert History().last() == {}
    assert len(History().to_frame()) == 0


def test_a_metric_may_be_called_like_a_column() -> None:
    history = History([1.0], metrics={"loss": [2.0]})
    assert history.columns() == {"loss": [1.0], "metric_loss": [2.0]}


def test_without_pandas_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        WHOLE.to_frame()


def test_an_error_can_be_pickled_with_its_history() -> None:
    error = pickle.loads(pickle.dumps(DivergenceError("the loss became inf", WHOLE)))
    assert (str(error), error.history) == ("the loss became inf", WHOLE)
    assert DivergenceError("x").history == History()


@pytest.mark.parametrize(
    "damage",
    [
        {"losses": [1.0]},
        {"losses": ["a", 1.0, 2.0]},
        {"losses": None},
        {"metrics": {"a": [1.0]}},
        {"metrics": [1.0]},
        {"best_epoch": 3},
        {"best_epoch": -1},
        {"best_epoch": 1.0},
        {"stopped": None},
        {"other": 1},
    ],
)
def test_what_is_no_history_is_refused(damage: dict[str, object]) -> None:
    whole = vars(WHOLE)
    assert history_of(whole) == WHOLE
    with pytest.raises(ValueError, match="the history is damaged"):
        history_of({**whole, **damage})
