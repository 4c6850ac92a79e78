"""Training: what `fit` does to a model, and what it refuses to start with."""

from __future__ import annotations

import io
import math
import random
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
from autograd.kinds import FROZEN
from nn import MLP, History, Module, Neuron, Parameter, fit, losses, optim

LINE_X = [[0.0], [1.0], [2.0], [3.0]]
LINE_Y = [1.0, 3.0, 5.0, 7.0]


def noisy(n: int = 24, seed: int = 0) -> tuple[list[list[float]], list[float]]:
    generator = random.Random(seed)
    X = [[generator.uniform(-1, 1), generator.uniform(-1, 1)] for _ in range(n)]
    return X, [math.sin(2 * a) * b + generator.gauss(0, 0.1) for a, b in X]


def network(seed: int = 1) -> MLP:
    return MLP(2, [4, 1], activation="tanh", seed=seed)


def data(model: Module) -> list[float]:
    return [parameter.data for parameter in model.parameters()]


def mean_loss(model: Module, X: Any, Y: Any) -> float:
    each = [losses.mean_squared_error(model.predict(x), y) for x, y in zip(X, Y, strict=True)]
    return math.fsum(each) / len(each)


class Interrupting:
    """A loss that raises when it is asked for the nth time."""

    def __init__(self, calls: int, error: type[BaseException] = KeyboardInterrupt) -> None:
        self.left = calls
        self.error = error

    def __call__(self, outputs: Any, target: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise self.error
        return losses.mean_squared_error(outputs, target)


# --- learning ------------------------------------------------------------------------------------


def test_full_batches_are_gradient_descent() -> None:
    # The same by hand, in NumPy: w -= rate * the gradient of the mean of (X w + b - y)².
    neuron = Neuron(1, "linear", seed=3)
    w, b = data(neuron)
    history = fit(
        neuron,
        losses.mean_squared_error,
        LINE_X,
        LINE_Y,
        optimiser=optim.SGD(neuron.parameters(), 0.05),
        epochs=50,
        batch_size=None,
    )
    x, y = np.array(LINE_X)[:, 0], np.array(LINE_Y)
    expected = []
    for _ in range(50):
        error = w * x + b - y
        w, b = w - 0.05 * 2 * (error * x).mean(), b - 0.05 * 2 * error.mean()
        expected.append(((w * x + b - y) ** 2).mean())
    assert data(neuron) == pytest.approx([w, b], rel=1e-11)
    assert history.losses == pytest.approx(expected, rel=1e-11)
    assert (history.stopped, history.best_epoch) == ("completed", 49)


def test_mini_batches_go_through_the_data_in_order() -> None:
    model = Neuron(1, "linear")
    seen: list[float] = []

    def loss(output: Any, target: float) -> Any:
        seen.append(target)
        return losses.mean_squared_error(output, target)

    optimiser = optim.SGD(model.parameters(), 0.01)
    fit(model, loss, LINE_X, LINE_Y, optimiser=optimiser, epochs=2, batch_size=3, shuffle=False)
    assert optimiser.steps == 2 * 2  # 3 samples and 1, twice
    assert seen == (LINE_Y + LINE_Y) * 2  # each epoch trains on them, then measures


def test_shuffling_takes_every_sample_once_an_epoch() -> None:
    orders: list[list[float]] = []
    model = Neuron(1, "linear")

    def loss(output: Any, target: float) -> Any:
        if isinstance(output, autograd.Value):
            orders[-1].append(target)
        return losses.mean_squared_error(output, target)

    def count(outputs: Any, target: Any) -> float:
        return 0.0

    Y = [float(i) for i in range(20)]
    orders = [[]]
    fit(model, loss, [[y] for y in Y], Y, epochs=4, batch_size=7, metrics={"count": count})
    epochs = [orders[0][i : i + 20] for i in range(0, 80, 20)]
    assert all(sorted(epoch) == Y for epoch in epochs)
    assert len({tuple(epoch) for epoch in [*epochs, Y]}) == 5


def test_the_default_optimiser_learns() -> None:
    X, Y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
    model = MLP(2, [4, 1], activation="tanh", seed=1)
    history = fit(model, losses.binary_cross_entropy, X, Y, epochs=300)
    assert [round(autograd.sigmoid(model.predict(x))) for x in X] == Y
    assert history.losses[-1] < 0.1 < history.losses[0]


@settings(max_examples=10)
@given(st.integers(0, 1000), st.sampled_from([None, 1, 5]), st.booleans())
def test_the_same_seed_gives_the_same_bits(seed: int, size: int | None, shuffle: bool) -> None:
    X, Y = noisy()

    def run(seed: int) -> tuple[list[float], History]:
        model = network()
        options: Any = {"batch_size": size, "shuffle": shuffle, "validation": 0.25}
        return data(model), fit(
            model, losses.mean_squared_error, X, Y, epochs=3, seed=seed, **options
        )

    assert run(seed) == run(seed)
    if shuffle:
        assert run(seed)[1].losses != run(seed + 1)[1].losses


def test_frozen_parameters_keep_their_bits() -> None:
    X, Y = noisy()
    model = network()
    model.layers[0].freeze()
    model.layers[1].neurons[0].bias.op = FROZEN
    before = model.state_dict()
    fit(model, losses.mean_squared_error, X, Y, epochs=3)
    after = model.state_dict()
    changed = [name for name in before if before[name] != after[name]]
    assert changed == ["layers.1.neurons.0.weights"]


def test_models_of_ones_own_may_take_lone_numbers() -> None:
    class Exponential(Module):
        def __init__(self) -> None:
            self.rate = Parameter(0.0)

        def __call__(self, x: float) -> Any:
            return autograd.exp(self.rate * x)

    model = Exponential()
    X = [0.0, 0.5, 1.0]
    fit(model, losses.mean_squared_error, X, [math.exp(0.7 * x) for x in X], epochs=500)
    assert model.rate.data == pytest.approx(0.7, abs=1e-3)


# --- the history ---------------------------------------------------------------------------------


def test_losses_are_measured_with_the_weights_after_each_epoch() -> None:
    X, Y = noisy()
    model = network()
    held_out = noisy(8, seed=9)
    history = fit(
        model,
        losses.mean_squared_error,
        X,
        Y,
        epochs=4,
        validation=held_out,
        metrics={"distance": losses.mean_absolute_error, "one": lambda outputs, target: 1},
    )
    assert history.losses[-1] == pytest.approx(mean_loss(model, X, Y), rel=1e-14)
    assert history.validation_losses[-1] == pytest.approx(mean_loss(model, *held_out), rel=1e-14)
    distances = [abs(model.predict(x) - y) for x, y in zip(*held_out, strict=True)]
    assert history.metrics["distance"][-1] == pytest.approx(math.fsum(distances) / 8, rel=1e-14)
    assert history.metrics["one"] == [1.0] * 4
    assert len(history.losses) == len(history.validation_losses) == 4


def test_metrics_are_of_the_training_data_where_nothing_is_held_out() -> None:
    X, Y = noisy()
    model = network()
    history = fit(
        model, losses.mean_squared_error, X, Y, epochs=3, metrics={"m": losses.mean_squared_error}
    )
    assert history.metrics["m"] == history.losses
    assert history.validation_losses == []


def test_a_fraction_is_held_out() -> None:
    n = 40
    X, Y = [[float(i)] for i in range(n)], [float(i) for i in range(n)]

    def split(**options: Any) -> tuple[set[float], set[float]]:
        trained: set[float] = set()
        measured: set[float] = set()

        def loss(output: Any, target: float) -> Any:
            (measured if isinstance(output, float) else trained).add(target)
            return 0.0 * output

        fit(Neuron(1, "linear"), loss, X, Y, epochs=1, **options)
        return trained, measured - trained

    trained, held_out = split(validation=0.25)
    assert (len(trained), len(held_out)) == (30, 10)
    assert trained | held_out == set(Y)
    assert held_out != set(Y[30:])
    assert split(validation=0.25, seed=1)[1] != held_out
    assert split(validation=0.25, shuffle=False) == (set(Y[:30]), set(Y[30:]))


def test_history_is_plotted() -> None:
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot

    history = History([3.0, 2.0, 1.5], [3.5, 2.5, 2.6], best_epoch=1)
    axes = history.plot()
    assert [list(line.get_ydata()) for line in axes.lines[:2]] == [
        history.losses,
        history.validation_losses,
    ]
    assert axes.lines[2].get_xdata()[0] == 1
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "training",
        "validation",
        "best epoch",
    ]
    picture = io.BytesIO()
    axes.figure.savefig(picture, format="svg")
    assert b"<svg" in picture.getvalue()
    assert History([1.0]).plot(axes) is axes
    pyplot.close("all")


def test_plotting_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="install the extra 'train'"):
        History([1.0]).plot()


# --- stopping ------------------------------------------------------------------------------------


def test_early_stopping_keeps_the_best_epoch() -> None:
    # The validation data ask for another slope: their loss falls, then rises for good.
    model = Neuron(1, "linear")
    model.load_state_dict({"weights": [0.0], "bias": 0.0})
    model.bias.op = FROZEN
    X, Y, held_out = [[1.0]], [4.0], ([[1.0]], [1.5])
    history = fit(
        model,
        losses.mean_squared_error,
        X,
        Y,
        optimiser=optim.SGD(model.parameters(), 0.05),
        validation=held_out,
        patience=3,
    )
    assert history.stopped == "early stopping"
    assert history.best_epoch is not None
    assert len(history.losses) == history.best_epoch + 1 + 3
    best = min(history.validation_losses)
    assert history.validation_losses.index(best) == history.best_epoch
    assert mean_loss(model, *held_out) == best


def test_with_patience_the_best_epoch_is_kept_also_at_the_end() -> None:
    def run(patience: int | None) -> tuple[History, Neuron]:
        model = Neuron(1, "linear", seed=2)
        # Too large a rate after 5 steps: the loss rises again.
        rate = optim.step_decay(0.05, every=5, factor=20.0)
        optimiser = optim.SGD(model.parameters(), rate)
        return fit(
            model, losses.mean_squared_error, LINE_X, LINE_Y,
            optimiser=optimiser, epochs=8, batch_size=None, patience=patience,
        ), model  # fmt: skip

    history, model = run(patience=100)
    assert history.stopped == "completed"
    assert history.best_epoch == history.losses.index(min(history.losses)) < 7
    assert mean_loss(model, LINE_X, LINE_Y) == pytest.approx(min(history.losses), rel=1e-14)
    history, model = run(patience=None)
    assert mean_loss(model, LINE_X, LINE_Y) == pytest.approx(history.losses[-1], rel=1e-14)
    assert history.losses[-1] > min(history.losses)


@given(st.integers(0, 12 * 16))
def test_an_interruption_keeps_the_best_epoch_so_far(calls: int) -> None:
    # Each epoch asks for the loss 16 times: to train, then to measure. The rate makes it oscillate.
    X, Y = noisy(8)
    model = network()
    start = data(model)
    optimiser = optim.SGD(model.parameters(), 1.2)
    history = fit(model, Interrupting(calls), X, Y, optimiser=optimiser, epochs=12, batch_size=3)
    assert len(history.losses) == calls // 16
    if calls == 12 * 16:
        assert history.stopped == "completed"
        return
    assert history.stopped == "interrupted"
    if history.losses:
        assert history.best_epoch == history.losses.index(min(history.losses))
        assert mean_loss(model, X, Y) == pytest.approx(min(history.losses), rel=1e-14)
    else:
        assert history.best_epoch is None
        assert data(model) == start


def test_an_error_keeps_the_best_epoch_on_its_way_out() -> None:
    X, Y = noisy(8)
    model, twin = network(), network()
    history = fit(twin, Interrupting(40), X, Y)
    with pytest.raises(ZeroDivisionError):
        fit(model, Interrupting(40, ZeroDivisionError), X, Y)
    assert history.best_epoch == 1
    assert data(model) == data(twin)


def test_a_loss_that_is_not_finite_stops_training() -> None:
    def run(epochs: int) -> list[float]:
        model = Neuron(1, "linear", seed=2)
        optimiser = optim.SGD(model.parameters(), 1e3)
        with suppress(FloatingPointError):
            fit(
                model, losses.mean_squared_error, LINE_X, LINE_Y,
                optimiser=optimiser, epochs=epochs,
            )  # fmt: skip
        return data(model)

    assert all(map(math.isfinite, run(1)))
    assert run(1000) == run(1)  # the loss grows, until it overflows
    model = Neuron(1, "linear")
    start = data(model)
    with pytest.raises(FloatingPointError, match=r"the loss became inf in epoch 0: try a smaller"):
        fit(model, losses.mean_squared_error, [[1e200]], [0.0])
    # The first step is fine, and leads where nothing is.
    optimiser = optim.SGD(model.parameters(), 1e200)
    with pytest.raises(FloatingPointError, match="the loss became inf in epoch 0"):
        fit(model, losses.mean_squared_error, LINE_X, LINE_Y, optimiser=optimiser, epochs=1)
    assert data(model) == start


def test_of_equal_epochs_the_first_is_the_best() -> None:
    X, Y = noisy(8)
    model = network()
    model.freeze()
    history = fit(model, losses.mean_squared_error, X, Y, patience=3, shuffle=False)
    assert (history.best_epoch, len(history.losses), history.stopped) == (0, 4, "early stopping")


def test_an_interrupt_signal_ends_training(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        "import os, signal\n"
        "from nn import Neuron, fit, losses\n"
        # In the background of a shell, and under nohup, the signal is ignored: a child inherits it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def loss(outputs, target, calls=[0]):\n"
        "    calls[0] += 1\n"
        "    if calls[0] == 100:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    return losses.mean_squared_error(outputs, target)\n"
        "print(fit(Neuron(1), loss, [[0.5]], [0.5], epochs=10**6).stopped)\n"
    )
    if sys.platform == "win32":
        pytest.skip("Windows sends no SIGINT to itself")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(root)},
        check=True,
    )
    assert (done.stdout, done.stderr) == ("interrupted\n", "")


# --- progress ------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "progress", "shown"),
    [
        (Terminal, True, True),
        (io.StringIO, True, True),
        (io.StringIO, None, False),
        (Terminal, False, False),
        (Terminal, None, False),  # it is over within a second
    ],
)
def test_progress_is_shown_on_a_terminal(
    stream: Callable[[], io.StringIO],
    progress: bool | None,
    shown: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("tqdm")
    stderr = stream()
    monkeypatch.setattr(sys, "stderr", stderr)
    fit(Neuron(1), losses.mean_squared_error, LINE_X, LINE_Y, epochs=2, progress=progress)
    assert ("epoch" in stderr.getvalue()) is shown


def test_long_runs_show_their_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    tqdm = pytest.importorskip("tqdm.auto")
    asked: dict[str, Any] = {}
    monkeypatch.setattr(sys, "stderr", Terminal())
    original = tqdm.tqdm
    monkeypatch.setattr(
        tqdm, "tqdm", lambda **options: asked.update(options) or original(**options)
    )
    fit(Neuron(1), losses.mean_squared_error, LINE_X, LINE_Y, epochs=2)
    assert asked["delay"] == 1.0


def test_without_tqdm_training_is_quiet_unless_a_bar_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setattr(sys, "stderr", Terminal())
    model = Neuron(1)
    before = data(model)
    with pytest.raises(ImportError, match="pip install tqdm"):
        fit(model, losses.mean_squared_error, LINE_X, LINE_Y, epochs=2, progress=True)
    assert data(model) == before
    history = fit(model, losses.mean_squared_error, LINE_X, LINE_Y, epochs=2)
    assert len(history.losses) == 2


def test_the_bar_shows_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    tqdm = pytest.importorskip("tqdm.auto")
    monkeypatch.setattr(sys, "stderr", stderr := Terminal())
    monkeypatch.setattr(tqdm, "tqdm", partial(tqdm.tqdm, mininterval=0.0))
    history = fit(Neuron(1), losses.mean_squared_error, LINE_X, LINE_Y, epochs=3, progress=True)
    assert "3/3" in stderr.getvalue()
    assert f"loss {history.losses[-1]:.4g}" in stderr.getvalue()


# --- data ----------------------------------------------------------------------------------------


FORMS: dict[str, Callable[[list[list[float]], list[float]], tuple[Any, Any]]] = {
    "lists": lambda X, Y: (X, Y),
    "tuples": lambda X, Y: (tuple(map(tuple, X)), tuple(Y)),
    "arrays": lambda X, Y: (np.array(X), np.array(Y)),
    "columns": lambda X, Y: (np.array(X), np.array(Y)[:, None]),
    "a list of arrays": lambda X, Y: ([np.array(x) for x in X], [np.float64(y) for y in Y]),
    "objects": lambda X, Y: (np.array(X, dtype=object), np.array(Y, dtype=object)),
    "a frame and a series": lambda X, Y: (
        pd.DataFrame(X, columns=["a", "b"], index=range(100, 100 + len(X))),
        pd.Series(Y),
    ),
    "frames": lambda X, Y: (pd.DataFrame(X), pd.DataFrame({"y": Y})),
}


@pytest.mark.parametrize("form", FORMS)
def test_data_come_in_many_forms(form: str) -> None:
    X, Y = noisy(8)
    model, twin = network(), network()
    fit(twin, losses.mean_squared_error, X, Y, epochs=2)
    fit(model, losses.mean_squared_error, *FORMS[form](X, Y), epochs=2, validation=0.25)
    fit(model := network(), losses.mean_squared_error, *FORMS[form](X, Y), epochs=2)
    assert data(model) == data(twin)


def test_class_indices_stay_integers() -> None:
    model = MLP(1, [3])
    Y = [0, 1, 2, 1]
    for targets in Y, np.array(Y), np.array(Y, dtype=np.uint8), pd.Series(Y):
        fit(model, losses.softmax_cross_entropy, LINE_X, targets, epochs=1)


def gap(value: Any) -> list[list[Any]]:
    return [[0.0, 1.0], [2.0, value], [4.0, 5.0]]


NAMED = {"columns": ["a", "b"]}
BAD_DATA: list[tuple[Any, Any, type[Exception], str]] = [
    ([], [], ValueError, "X is empty"),
    (np.empty((0, 2)), [], ValueError, "X is empty"),
    ([[]], [1.0], ValueError, "X is empty"),
    (pd.DataFrame({"a": [], "b": []}), [], ValueError, "X is empty"),
    (gap(1.0), [], ValueError, "Y is empty"),
    (gap(1.0), [1.0, 2.0], ValueError, "X has 3 rows but .*Y has 2"),
    ([[0.0, 1.0], [2.0]], [1, 2], ValueError, "X: row 1 is 1 number long, but row 0 is 2 numbers"),
    ([[0.0, 1.0], 2.0], [1, 2], ValueError, "X: row 1 is a lone number, but row 0 is 2 numbers"),
    ([[1.0], [2.0]], [1, 2], ValueError, r"X has rows of 1 number, but MLP\(2, .* takes 2"),
    (np.ones((3, 4)), [1, 2, 3], ValueError, "X has rows of 4 numbers, but MLP"),
    ([1.0, 2.0], [1, 2], ValueError, "X holds lone numbers, and MLP.* takes rows of 2"),
    (gap(math.nan), [1, 2, 3], ValueError, "X: row 1, column 1 is nan; fill in or drop"),
    (gap(-math.inf), [1, 2, 3], ValueError, "X: row 1, column 1 is -inf"),
    (np.array(gap(math.nan)), [1, 2, 3], ValueError, "X: row 1, column 1 is nan"),
    (pd.DataFrame(gap(math.nan), **NAMED), [1, 2, 3], ValueError, "X: row 1, column 'b' is nan"),
    (pd.DataFrame(gap(None), **NAMED), [1, 2, 3], ValueError, "X: row 1, column 'b' is nan"),
    (pd.DataFrame(gap("?"), **NAMED), [1, 2, 3], TypeError, "X: row 1, column 'b' is not .*'\\?'"),
    (gap("2.0"), [1, 2, 3], TypeError, "X: row 1, column 1 is not a number: '2.0'"),
    (gap(None), [1, 2, 3], TypeError, "X: row 1, column 1 is not a number: None"),
    (gap(pd.NA), [1, 2, 3], TypeError, "X: row 1, column 1 is not a number: <NA>"),
    (gap([1.0]), [1, 2, 3], TypeError, r"X: row 1, column 1 is not a number: \[1.0\]"),
    (gap(1j), [1, 2, 3], TypeError, "X: row 1, column 1 is not a number: 1j"),
    ("a string", [1], TypeError, "X must be a list of rows, .* got str"),
    (np.ma.masked_array(gap(1.0)), [1, 2, 3], TypeError, "X: the mask of a masked array"),
    (gap(np.ma.masked), [1, 2, 3], TypeError, "X: the mask of a masked array"),
    ({"a": [1.0]}, [1], TypeError, "X must be a list of rows, .* got dict"),
    (iter([[1.0, 2.0]]), [1], TypeError, "X must be a list of rows, .* got list_iterator"),
    (None, [1], TypeError, "X must be a list of rows, .* got NoneType"),
    (gap(1.0), [1, math.nan, 3], ValueError, "Y: row 1 is nan"),
    (gap(1.0), [1, "b", 3], TypeError, "Y: row 1 is not a number: 'b'"),
    (gap(1.0), ["a", "b", "c"], TypeError, "Y: row 0 is not a number: 'a'"),
    (gap(1.0), [[1], [2, 3], [4]], ValueError, "Y: row 1 is 2 numbers long, but row 0 is 1"),
]


@pytest.mark.parametrize(("X", "Y", "error", "message"), BAD_DATA)
def test_bad_data_are_refused_before_training(
    X: Any, Y: Any, error: type[Exception], message: str
) -> None:
    model = network()
    before = model.state_dict()
    with pytest.raises(error, match=message):
        fit(model, Interrupting(0, AssertionError), X, Y)
    assert model.state_dict() == before
    with pytest.raises(error, match=f"validation .*{message}"):
        fit(model, Interrupting(0, AssertionError), *noisy(), validation=(X, Y))


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, 1.5, 0.01, True])
def test_a_fraction_must_leave_both_parts_something(fraction: float) -> None:
    with pytest.raises(ValueError, match="at least one must stay"):
        fit(network(), losses.mean_squared_error, *noisy(), validation=fraction)


def test_a_target_that_the_loss_refuses_leaves_the_model_as_it_was() -> None:
    model = MLP(1, [3])
    before = model.state_dict()
    with pytest.raises(ValueError, match="class index 3 is out of range"):
        fit(model, losses.softmax_cross_entropy, LINE_X, [0, 1, 2, 3], batch_size=1, shuffle=False)
    assert model.state_dict() == before


@pytest.mark.parametrize("option", ["epochs", "batch_size", "patience"])
def test_counts_are_at_least_one(option: str) -> None:
    options: Any = {option: 0}
    with pytest.raises(ValueError, match=f"{option} must be a whole number of at least 1.*, got 0"):
        fit(network(), losses.mean_squared_error, *noisy(), **options)


def test_other_mistakes_are_refused() -> None:
    X, Y = noisy()
    with pytest.raises(TypeError, match="in this order"):
        fit(network(), X, Y, losses.mean_squared_error)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="in this order"):
        fit(losses.mean_squared_error, network(), X, Y)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="none of the model's parameters"):
        fit(
            network(),
            losses.mean_squared_error,
            X,
            Y,
            optimiser=optim.SGD(network().parameters(), 0.1),
        )
    with pytest.raises(TypeError, match="does not depend on any parameter"):
        fit(network(), lambda outputs, target: 1.0, X, Y)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_loss_that_gives_no_number_is_named(compiled: bool) -> None:
    def forgetful(output: Any, target: Any) -> Any:
        (output - target) ** 2

    with pytest.raises(TypeError, match=r"the loss 'forgetful' .* NoneType: None; is its return"):
        fit(network(), forgetful, *noisy(), compiled=compiled)
    with pytest.raises(TypeError, match=r"the loss '<lambda>' must return .* returned list"):
        fit(network(), lambda output, target: [output], *noisy(), compiled=compiled)


@pytest.mark.parametrize(
    ("name", "ours"),
    [("mse", "mean_squared_error"), ("huber", "huber"), ("x", "mean_squared_error")],
)
def test_a_loss_is_not_a_name(name: Any, ours: str) -> None:
    with pytest.raises(
        TypeError, match=rf"such as nn\.losses\.{ours}, and not a name, got '{name}'"
    ):
        fit(network(), name, *noisy())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epochs": 2.5}, TypeError, "epochs must be a whole number"),
        ({"batch_size": "3"}, TypeError, "batch_size must be a whole number"),
        ({"optimiser": "adam"}, TypeError, "optimiser"),
        ({"validation": "0.5"}, TypeError, "a fraction, "),
        ({"validation": ([[1.0]],)}, TypeError, "a fraction, "),
        ({"validation": math.nan}, ValueError, "at least one must stay"),
    ],
)
def test_options_that_make_no_sense(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    neuron = Neuron(1, "linear")
    before = neuron.state_dict()
    with pytest.raises(error, match=message):
        fit(neuron, losses.mean_squared_error, [[0.0], [1.0]], [0.0, 1.0], **options)
    assert neuron.state_dict() == before


def test_a_metric_may_have_any_name() -> None:
    history = fit(
        Neuron(1, "linear"), losses.mean_squared_error, [[0.0]], [0.0], epochs=2,
        metrics={"": lambda output, target: 1.0},
    )  # fmt: skip
    assert history.metrics == {"": [1.0, 1.0]}


def test_patience_counts_from_the_first_epoch_where_no_loss_is_finite() -> None:
    model = Neuron(1, "linear")
    before = data(model)
    held_out = [[1e200]], [0.0]
    history = fit(model, losses.mean_squared_error, LINE_X, LINE_Y, validation=held_out, patience=2)
    assert history.validation_losses == [math.inf] * 2
    assert (history.best_epoch, history.stopped) == (None, "early stopping")
    assert data(model) == before


@pytest.mark.parametrize(
    ("model", "loss", "told"),
    [
        (losses.hinge, MLP(1, [1], seed=0), "the first is of type function: <function hinge"),
        (3, losses.hinge, "the first is of type int: 3"),
        (None, None, "the first is of type NoneType: None"),
        (MLP(1, [1], seed=0), 3, "the second is of type int: 3"),
        (MLP(1, [1], seed=0), None, "the second is of type NoneType: None"),
    ],
)
def test_which_argument_is_wrong_is_told_with_what_it_is(model: Any, loss: Any, told: str) -> None:
    with pytest.raises(TypeError, match="takes a Module, a loss function, X and Y, in this order"):
        fit(model, loss, [[1.0]], [1.0])
    with pytest.raises(TypeError, match=re.escape(told)):
        fit(model, loss, [[1.0]], [1.0])
