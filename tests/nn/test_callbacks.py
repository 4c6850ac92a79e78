"""Callbacks: what they see, what they may change, and the ready ones; recorded and compiled."""

from __future__ import annotations

import csv
import logging
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn import MLP, DivergenceError, History, Module, Neuron, fit, losses
from nn.callbacks import (
    Callback,
    Callbacks,
    ClipNorm,
    ClipValue,
    CSVLog,
    Log,
    RateRangeTest,
    Training,
)
from nn.optim import SGD, Adam
from nn.schedules import step_decay

X = [[0.0], [1.0], [2.0], [3.0], [4.0]]
Y = [1.0, 3.0, 5.0, 7.0, 9.0]
both = pytest.mark.parametrize("compiled", [False, True])


def line(seed: int = 3) -> Neuron:
    return Neuron(1, "linear", seed=seed)


def data(model: Module) -> list[float]:
    return [parameter.data for parameter in model.parameters()]


class Noting:
    """Notes all that happens; it is no subclass of Callback."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_start(self, training: Training) -> None:
        self.seen.append("start")

    def on_gradient(self, training: Training) -> None:
        slopes = [p.grad for p in training.optimiser.parameters]
        self.seen.append(("gradient", training.epoch, training.batch, data(training.model), slopes))

    def on_batch(self, training: Training) -> None:
        self.seen.append(("batch", training.epoch, training.batch, training.batch_loss))

    def on_epoch(self, training: Training) -> None:
        self.seen.append(("epoch", training.epoch, training.history.last()))

    def on_end(self, training: Training) -> None:
        self.seen.append(("end", training.history.stopped))


@both
def test_callbacks_are_told_of_everything_in_order(compiled: bool) -> None:
    model, noting = line(), Noting()
    optimiser = SGD(model.parameters(), 0.01)
    history = fit(
        model, losses.mean_squared_error, X, Y, optimiser=optimiser, epochs=2, batch_size=3,
        callbacks=[noting], metrics=["mean_absolute_error"], shuffle=False, compiled=compiled,
        validation=(X, Y),
    )  # fmt: skip
    kinds = [event if isinstance(event, str) else event[0] for event in noting.seen]
    epoch = ["gradient", "batch"] * 2 + ["epoch"]
    assert kinds == ["start", *epoch, *epoch, "end"]
    assert noting.seen[-1] == ("end", "completed")
    assert [event[1:3] for event in noting.seen if event[0] == "batch"] == [
        (0, 0), (0, 1), (1, 0), (1, 1),
    ]  # fmt: skip
    measured = [event[2] for event in noting.seen if event[0] == "epoch"]
    assert [m["loss"] for m in measured] == history.losses
    assert [m["validation_loss"] for m in measured] == history.validation_losses
    assert [m["mean_absolute_error"] for m in measured] == history.metrics["mean_absolute_error"]
    # The gradient is that of the step, and the loss that of before.
    _, _, _, before, slopes = noting.seen[1]
    after = noting.seen[3][3]
    assert after == pytest.approx([w - 0.01 * g for w, g in zip(before, slopes, strict=True)])
    w, b = before
    expected = math.fsum((w * x[0] + b - y) ** 2 for x, y in zip(X[:3], Y[:3], strict=True)) / 3
    assert noting.seen[2][3] == pytest.approx(expected)


@both
def test_recorded_and_compiled_callbacks_see_the_same(compiled: bool) -> None:
    def seen(compiled: bool) -> list[Any]:
        noting = Noting()
        model = MLP(1, [2, 1], "tanh", seed=1)
        fit(
            model, losses.huber, X, Y, epochs=2, batch_size=2, callbacks=[noting], compiled=compiled
        )
        flat: list[Any] = []
        for event in noting.seen:
            parts = event if isinstance(event, tuple) else (event,)
            for part in parts:
                part = list(part.values()) if isinstance(part, dict) else part
                flat += part if isinstance(part, list) else [part]
        return [number for number in flat if not isinstance(number, str)]

    assert seen(compiled) == pytest.approx(seen(False), rel=1e-12)
    assert seen(compiled) == seen(compiled)  # bit for bit


@both
@pytest.mark.parametrize("event", ["on_start", "on_gradient", "on_batch", "on_epoch"])
def test_each_may_stop_training(event: str, compiled: bool) -> None:
    model = line()
    before = data(model)
    counts = {"on_start": 0, "on_gradient": 0, "on_batch": 0, "on_epoch": 0}

    class Stopping(Callback):
        pass

    def method(name: str) -> Any:
        def told(self: Any, training: Training) -> None:
            counts[name] += 1
            if name == event and (name == "on_start" or counts[name] == 2):
                training.stop("enough")

        return told

    for name in counts:
        setattr(Stopping, name, method(name))
    history = fit(
        model, losses.mean_squared_error, X, Y, epochs=5, batch_size=3, compiled=compiled,
        callbacks=[Stopping()],
    )  # fmt: skip
    assert history.stopped == "enough"
    # Two batches an epoch: gradient, batch, gradient, batch, epoch.
    expected = {
        "on_start": (0, 0, 0), "on_gradient": (2, 1, 0), "on_batch": (2, 2, 0),
        "on_epoch": (4, 4, 2),
    }  # fmt: skip
    found = counts["on_gradient"], counts["on_batch"], counts["on_epoch"]
    assert found == expected[event]
    assert len(history.losses) == counts["on_epoch"]
    assert (data(model) == before) is (event == "on_start")


def test_the_rate_may_be_changed() -> None:
    model, twin = line(), line()
    optimiser = SGD(model.parameters(), 0.04)

    def halve(training: Training) -> None:
        training.optimiser.learning_rate *= 0.5  # type: ignore[operator]

    fit(
        model, losses.mean_squared_error, X, Y, optimiser=optimiser, epochs=4, batch_size=None,
        callbacks=[halve],
    )  # fmt: skip
    theirs = SGD(twin.parameters(), step_decay(0.04, every=1, factor=0.5))
    fit(twin, losses.mean_squared_error, X, Y, optimiser=theirs, epochs=4, batch_size=None)
    assert data(model) == data(twin)


def test_functions_and_lone_callbacks_serve_as_well() -> None:
    seen: list[int] = []

    def note(training: Training) -> None:
        seen.append(training.epoch)

    fit(line(), losses.huber, X, Y, epochs=2, callbacks=note)
    fit(line(), losses.huber, X, Y, epochs=2, callbacks=(c for c in [note, Noting()]))
    fit(line(), losses.huber, X, Y, epochs=2, callbacks=None)
    assert seen == [0, 1, 0, 1]


class Keras:
    def on_epoch_end(self, epoch: int, logs: Any) -> None: ...


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        (
            [Keras()],
            r"has a method on_epoch_end, which is never called: the .* on_start, .*on_epoch",
        ),
        ([3], "callbacks must be functions, or objects with one of the methods .*, got 3"),
        ("checkpoint", "callbacks must be functions, .* got 'checkpoint'"),
        ([Noting], "got <class"),
        ([None], "got None"),
    ],
)
def test_what_is_no_callback_is_refused(callbacks: Any, message: str) -> None:
    model = line()
    before = data(model)
    with pytest.raises(TypeError, match=message):
        fit(model, losses.huber, X, Y, callbacks=callbacks)
    assert data(model) == before


def test_an_error_in_a_callback_ends_training_as_any_other_does() -> None:
    ended: list[str] = []

    class Failing(Callback):
        def on_epoch(self, training: Training) -> None:
            if training.epoch == 3:
                raise ZeroDivisionError("mine")

        def on_end(self, training: Training) -> None:
            ended.append(training.history.stopped)

    model = line()
    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        fit(model, losses.huber, X, Y, callbacks=[Failing()])
    assert len(caught.value.history.losses) == 4  # type: ignore[attr-defined]
    assert ended == ["an error"]


def test_an_interrupt_in_a_callback_ends_training_quietly() -> None:
    def interrupt(training: Training) -> None:
        if training.epoch == 3:
            raise KeyboardInterrupt

    history = fit(line(), losses.huber, X, Y, callbacks=[interrupt])
    assert (history.stopped, len(history.losses)) == ("interrupted", 4)


def test_with_patience_a_stop_keeps_the_best_epoch() -> None:
    model = line()
    kept: list[list[float]] = []

    def worsen(training: Training) -> None:
        kept.append(data(training.model))
        training.optimiser.learning_rate = 0.7  # too large
        if training.epoch == 4:
            training.stop()

    optimiser = SGD(model.parameters(), 0.01)
    history = fit(
        model, losses.mean_squared_error, X, Y, optimiser=optimiser, batch_size=None, patience=50,
        callbacks=[worsen],
    )  # fmt: skip
    assert history.stopped == "stopped by a callback"
    assert history.best_epoch == 0
    assert data(model) == kept[0]


# --- divergence ----------------------------------------------------------------------------------


@both
def test_divergence_carries_the_history(compiled: bool) -> None:
    model = line()
    with pytest.raises(DivergenceError, match="smaller learning rate") as caught:
        fit(
            model, losses.mean_squared_error, X, Y, epochs=500, compiled=compiled,
            optimiser=SGD(model.parameters(), 10.0),
        )  # fmt: skip
    history = caught.value.history
    assert len(history.losses) > 10
    assert history.losses[-1] > history.losses[0]
    assert history.stopped == "an error"
    assert isinstance(caught.value, FloatingPointError)


def test_an_overflow_while_recording_is_divergence_too() -> None:
    from autograd import exp

    model = line()

    def loss(output: Any, target: Any) -> Any:
        return exp(output * output) + target

    with pytest.raises(DivergenceError) as caught:
        fit(
            model, loss, X, Y, optimiser=SGD(model.parameters(), 1.0), compiled=False,
        )  # fmt: skip
    assert isinstance(caught.value.__cause__, OverflowError)


# --- clipping ------------------------------------------------------------------------------------


@given(slopes=st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3), limit=st.floats(1e-3, 1e4))
def test_clipping_is_that_of_pytorch(torch: ModuleType, slopes: list[float], limit: float) -> None:
    for ours, theirs in (
        (ClipNorm(limit), torch.nn.utils.clip_grad_norm_),
        (ClipValue(limit), torch.nn.utils.clip_grad_value_),
    ):
        neuron = Neuron(2)
        tensors = []
        for parameter, slope in zip(neuron.parameters(), slopes, strict=True):
            parameter.grad = slope
            tensor = torch.nn.Parameter(torch.tensor(0.0, dtype=torch.float64))
            tensor.grad = torch.tensor(slope, dtype=torch.float64)
            tensors.append(tensor)
        training = Training(neuron, losses.huber, SGD(neuron.parameters(), 0.1), 1)
        ours.on_gradient(training)
        theirs(tensors, limit)
        # PyTorch adds 1e-6 to the norm.
        expected = [tensor.grad.item() for tensor in tensors]
        assert [p.grad for p in neuron.parameters()] == pytest.approx(expected, rel=2e-3, abs=1e-9)


@pytest.mark.parametrize("size", [1e-310, 1e308])
def test_clipping_neither_overflows_nor_vanishes(size: float) -> None:
    neuron = Neuron(2)
    neuron.freeze("bias")
    for parameter in neuron.parameters():
        parameter.grad = size
    training = Training(neuron, losses.huber, SGD(neuron.parameters(), 0.1), 1)
    ClipNorm(size / 10).on_gradient(training)
    w, v, bias = (parameter.grad for parameter in neuron.parameters())
    assert w == v == pytest.approx(size / 10 / math.sqrt(2), rel=1e-3)
    assert bias == size  # frozen: it has no step


@both
def test_a_clipped_training_is_one_by_hand(compiled: bool) -> None:
    model, twin = line(), line()
    optimiser = SGD(model.parameters(), 0.1)
    fit(
        model, losses.mean_squared_error, X, Y, optimiser=optimiser, epochs=10, batch_size=None,
        callbacks=[ClipNorm(0.5)], compiled=compiled,
    )  # fmt: skip
    w, b = data(twin)
    for _ in range(10):
        errors = [w * x[0] + b - y for x, y in zip(X, Y, strict=True)]
        slope = math.fsum(2 * e * x[0] for e, x in zip(errors, X, strict=True)) / 5
        offset = math.fsum(2 * e for e in errors) / 5
        scale = min(1.0, 0.5 / math.hypot(slope, offset))
        w, b = w - 0.1 * scale * slope, b - 0.1 * scale * offset
    assert data(model) == pytest.approx([w, b], rel=1e-12)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, "1"])
def test_limits_are_positive(bad: Any) -> None:
    for kind in ClipNorm, ClipValue:
        with pytest.raises(ValueError, match="limit must be a positive number"):
            kind(bad)


# --- notes ---------------------------------------------------------------------------------------


def test_a_log_is_a_table(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("of another training")
    history = fit(
        line(), losses.huber, X, Y, epochs=3, validation=0.4,
        metrics={"a, b": losses.huber, "loss": losses.huber}, callbacks=[CSVLog(path)],
    )  # fmt: skip
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["epoch", "loss", "validation_loss", "a, b", "metric_loss"]
    expected = [
        [float(i), *row] for i, row in enumerate(zip(*history.columns().values(), strict=True))
    ]
    assert [[float(cell) for cell in row] for row in rows] == expected


def test_python_logging_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        fit(line(), losses.huber, X, Y, epochs=5, callbacks=[Log(every=2)])
    assert [record.name for record in caplog.records] == ["nn"] * 3
    assert [record.getMessage()[:8] for record in caplog.records] == [
        "epoch 1:", "epoch 3:", "5 epochs",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="every must be a whole number of at least 1"):
        Log(every=0)


# --- the learning rate ---------------------------------------------------------------------------


@both
@pytest.mark.parametrize("kind", [SGD, Adam])
def test_a_range_test_leaves_no_trace(kind: Any, compiled: bool) -> None:
    model = line()
    schedule = step_decay(0.01, 3)
    optimiser = kind(model.parameters(), schedule)
    fit(model, losses.mean_squared_error, X, Y, optimiser=optimiser, epochs=2, batch_size=2)
    before = data(model), optimiser.state_dict()
    test = RateRangeTest(1e-5, 1e5, steps=200)
    history = fit(
        model, losses.mean_squared_error, X, Y, optimiser=optimiser, epochs=500, batch_size=2,
        callbacks=[test], compiled=compiled,
    )  # fmt: skip
    assert (data(model), optimiser.state_dict()) == before
    assert optimiser.learning_rate is schedule or optimiser.learning_rate == schedule
    assert history.stopped in ("range test", "the loss diverged")
    assert test.rates == sorted(test.rates)
    assert test.rates[0] == 1e-5
    assert len(test.rates) == len(test.losses) <= 200
    # Gradient descent here diverges beyond 2 / the greatest curvature, about 0.15.
    if kind is SGD:
        assert 1e-3 < test.suggestion() < 0.15


def test_the_rates_of_a_range_test_are_a_geometric_series() -> None:
    model = line()
    model.freeze()
    test = RateRangeTest(1e-3, 10.0, steps=5)
    history = fit(
        model, losses.huber, X, Y, epochs=100, callbacks=[test],
        optimiser=SGD(model.parameters(), 1.0),
    )  # fmt: skip
    assert history.stopped == "range test"
    assert test.rates == pytest.approx([1e-3, 1e-2, 1e-1, 1.0, 10.0])
    assert len(set(test.losses)) <= 5


def test_a_range_test_that_makes_no_sense_is_refused() -> None:
    for bad in {"low": 0.0}, {"low": 2.0, "high": 1.0}, {"high": math.inf}, {"steps": 1}:
        with pytest.raises(ValueError, match="RateRangeTest"):
            RateRangeTest(**bad)
    with pytest.raises(ValueError, match="no losses yet"):
        RateRangeTest().suggestion()


def test_all_callbacks_end_even_if_one_fails() -> None:
    ended = []

    class Ending(Callback):
        def on_end(self, training: Training) -> None:
            ended.append(self)
            raise ValueError("first" if len(ended) == 1 else "second")

    told = Callbacks([Ending(), Ending()])
    with pytest.raises(ValueError, match="first"):
        told.end(Training(line(), losses.huber, SGD(line().parameters(), 0.1), 1, History()))
    assert len(ended) == 2
