"""Metrics: which function a name means, and the accuracy of which outputs."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from nn import MLP, Neuron, fit, losses
from nn.metrics import accuracy, resolved

X = [[-2.0], [-1.0], [1.0], [2.0]]


def counted(outputs: Any, target: Any) -> float:
    return 1.0


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        (None, []),
        ([], []),
        (["huber"], ["huber"]),
        (("huber", counted), ["huber", "counted"]),
        ("huber", ["huber"]),
        (counted, ["counted"]),
        ([partial(losses.huber, delta=2.0)], ["partial"]),
        ({"a": counted, "": "huber"}, ["a", ""]),
        ([accuracy, losses.hinge], ["accuracy", "hinge"]),
    ],
)
@pytest.mark.parametrize("compiled", [False, True])
def test_names_and_functions_serve(metrics: Any, names: list[str], compiled: bool) -> None:
    model = Neuron(1, "linear", seed=1)
    history = fit(
        model, losses.huber, X, [-1, -1, 1, 1], epochs=2, metrics=metrics, compiled=compiled
    )
    assert list(history.metrics) == names
    if "huber" in names:
        assert history.metrics["huber"] == pytest.approx(history.losses)
    if "counted" in names:
        assert history.metrics["counted"] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("metrics", "error", "message"),
    [
        (["mse"], ValueError, "metrics: none is called 'mse'; 'mean_squared_error' is"),
        (["acuracy"], ValueError, "metrics: none is called 'acuracy'; 'accuracy' is"),
        ("acc", ValueError, "'accuracy' is"),
        (["auc"], ValueError, "there are accuracy, .*huber.*, and functions of your own"),
        ([3], TypeError, "each must be a function or a name, got int: 3"),
        (3, TypeError, "metrics must be a list .* got int: 3"),
        ({"a": 3}, TypeError, "each must be a function or a name, got int: 3"),
        ([counted, counted], ValueError, "metrics: two are called 'counted': pass a dictionary"),
    ],
)
def test_what_is_no_metric_is_refused_before_training(
    metrics: Any, error: type[Exception], message: str
) -> None:
    model = Neuron(1)
    before = model.state_dict()
    with pytest.raises(error, match=message):
        fit(model, losses.huber, X, [0, 0, 1, 1], metrics=metrics)
    assert model.state_dict() == before


@pytest.mark.parametrize("found", [None, "good", [1.0, 2.0]])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_metric_that_gives_no_number_is_named(found: Any, compiled: bool) -> None:
    with pytest.raises(TypeError, match="the metric 'mine' must return a number, but returned"):
        fit(
            Neuron(1), losses.huber, X, [0, 0, 1, 1], metrics={"mine": lambda o, t: found},
            compiled=compiled,
        )  # fmt: skip


@pytest.mark.parametrize("number", [np.float32(0.5), np.array(0.5), np.int64(1), np.True_, True])
def test_numbers_of_numpy_are_numbers(number: Any) -> None:
    history = fit(
        Neuron(1), losses.huber, X, [0, 0, 1, 1], epochs=1, metrics={"mine": lambda o, t: number}
    )
    assert history.metrics["mine"] == [float(number)]


# --- accuracy ------------------------------------------------------------------------------------

LOGITS = [-2.0, 0.3, 0.6, 3.0]
CASES: list[tuple[Any, Any, Any, list[float]]] = [
    (losses.binary_cross_entropy, LOGITS, [0, 0, 1, 1], [1, 0, 1, 1]),
    (losses.binary_cross_entropy, LOGITS, [[0.0], [0.0], [1.0], [1.0]], [1, 0, 1, 1]),
    (losses.hinge, LOGITS, [-1, -1, 1, 1], [1, 0, 1, 1]),
    (losses.perceptron, LOGITS, [-1, -1, 1, -1], [1, 0, 1, 0]),
    # The output of a sigmoid, or of a line: nearer to 0 or to 1.
    (losses.mean_squared_error, LOGITS, [0, 0, 1, 1], [1, 1, 1, 1]),
    (losses.half_squared_error, LOGITS, [0, 1, 0, 1], [1, 0, 0, 1]),
    (losses.huber, LOGITS, [-1, -1, 1, 1], [1, 0, 1, 1]),
    # Several outputs.
    (losses.softmax_cross_entropy, [[0, 2, 1], [3, 2, 1]], [1, 2], [1, 0]),
    (losses.softmax_cross_entropy, [[0, 2, 1], [3, 2, 1]], [[0, 1, 0], [0.5, 0.2, 0.3]], [1, 1]),
    (losses.softmax_cross_entropy, [[0, 2, 1], [3, 2, 1]], [[1], [0]], [1, 1]),
    (losses.mean_squared_error, [[0, 2, 1], [3, 2, 1]], [[0, 1, 0], [0, 1, 0]], [1, 0]),
    # Several questions at once.
    (losses.binary_cross_entropy, [[-1, 2], [1, 1]], [[0, 1], [0, 1]], [1, 0.5]),
    (lambda o, t: 0.0, LOGITS, [-1, -1, 1, 1], [1, 0, 1, 1]),
    (lambda o, t: 0.0, [[0, 2, 1], [3, 2, 1]], [1, 2], [1, 0]),
]


@pytest.mark.parametrize(("loss", "outputs", "targets", "expected"), CASES)
def test_accuracy_knows_from_the_loss_what_outputs_are(
    loss: Any, outputs: Any, targets: Any, expected: list[float]
) -> None:
    metric = resolved(["accuracy"], loss, targets)["accuracy"]
    assert [metric(o, t) for o, t in zip(outputs, targets, strict=True)] == expected


def test_accuracy_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match=r"accuracy is of classes: .*there is 0\.3"):
        fit(Neuron(1), losses.mean_squared_error, X, [0.3, 1.0, 0.0, 1.0], metrics=["accuracy"])
    with pytest.raises(ValueError, match=r"pass metrics=\[nn.metrics.accuracy\]"):
        fit(Neuron(1), lambda o, t: (o - t) ** 2, X, [0, 0, 1, 1], metrics=["accuracy"])
    with pytest.raises(ValueError, match="3 outputs but 2 targets"):
        accuracy([1.0, 2.0, 3.0], [0.0, 1.0])


def test_accuracy_of_a_trained_model_is_that_of_its_predictions() -> None:
    generator = np.random.default_rng(0)
    table = generator.normal(size=(60, 2))
    labels = (table[:, 0] > table[:, 1]).astype(int) + (table[:, 0] > 1)
    model = MLP(2, [5, 3], "tanh", seed=1)
    history = fit(
        model, losses.softmax_cross_entropy, table, labels, epochs=30, metrics=["accuracy"]
    )
    found = model.predict(table).argmax(axis=1)
    assert history.metrics["accuracy"][-1] == pytest.approx(float(np.mean(found == labels)))
    assert history.metrics["accuracy"][-1] > 0.7
