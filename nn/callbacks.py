"""Callbacks: hooks into training while it runs, and ready-made ones.

A callback is an object with one or more of the methods of `Callback`, or a function, which is
called after each epoch. Each is given the `Training`.

Example:
    >>> from nn import Neuron, fit, losses
    >>> def enough(training):
    ...     if training.history.losses[-1] < 1e-3:
    ...         training.stop("good enough")
    >>> neuron = Neuron(1, "linear")
    >>> fit(neuron, losses.mean_squared_error, [[1.0], [2.0]], [1.0, 3.0], callbacks=[enough],
    ...     epochs=10_000).stopped
    'good enough'
"""

from __future__ import annotations

import csv
import logging
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any

from autograd.errors import counted, shown, whole_number, wrong_type
from autograd.writing import path_of
from nn import checkpoint
from nn.history import History, new_axes
from nn.module import Module, is_frozen
from nn.optim import Optimiser

__all__ = [
    "CSVLog",
    "Callback",
    "Checkpoint",
    "ClipNorm",
    "ClipValue",
    "Log",
    "RateRangeTest",
    "Training",
]


@dataclass
class Training:
    """A training run in progress, as callbacks see it.

    Attributes:
        model: The model that is trained.
        loss: The loss of one sample.
        optimiser: The optimiser; to change the rate, set its `learning_rate`.
        epochs: The maximum number of epochs.
        history: The losses and metrics so far.
        epoch: The epoch, from 0.
        batch: The mini-batch of the epoch, from 0.
        batch_loss: The mean loss of the mini-batch, with the parameters before its step.
        stopped: Why training is about to end; None while it continues.
        may_diverge: Whether a loss that is not finite ends training normally rather than with an
            error.
        snapshot: Returns all that a checkpoint needs to continue, as plain data.

    Example:
        >>> from nn import Neuron
        >>> from nn.losses import huber
        >>> from nn.optim import SGD
        >>> neuron = Neuron(1)
        >>> training = Training(neuron, huber, SGD(neuron.parameters(), 0.1), epochs=5)
        >>> training.stop("seen enough")
        >>> training.stopped
        'seen enough'
    """

    model: Module
    loss: Callable[[Any, Any], Any]
    optimiser: Optimiser
    epochs: int
    history: History = field(default_factory=History)
    epoch: int = 0
    batch: int = 0
    batch_loss: float = math.nan
    stopped: str | None = None
    may_diverge: bool = False
    snapshot: Callable[[], dict[str, Any]] = dict

    def stop(self, reason: str = "stopped by a callback") -> None:
        """End the training and keep the current parameters (with `patience`, the best).

        Args:
            reason: What `History.stopped` will say.

        Example:
            >>> from nn import Neuron, fit, losses
            >>> fit(Neuron(1), losses.huber, [[1.0]], [1.0], callbacks=[Training.stop])
            1 epoch, stopped by a callback: loss ... (least in epoch 0)
        """
        self.stopped = str(reason)


class Callback:
    """The methods that a callback may define; here each of them does nothing.

    A subclass defines some of them. So may any other object; a function counts as `on_epoch`.

    Example:
        >>> from nn import Neuron, fit, losses
        >>> class Decay(Callback):
        ...     def on_epoch(self, training):
        ...         training.optimiser.learning_rate *= 0.5
        >>> from nn.optim import SGD
        >>> neuron = Neuron(1)
        >>> sgd = SGD(neuron.parameters(), 0.8)
        >>> _ = fit(neuron, losses.huber, [[1.0]], [1.0], epochs=3, optimiser=sgd,
        ...         callbacks=[Decay()])
        >>> sgd.learning_rate
        0.1
    """

    def on_start(self, training: Training) -> None:
        """Called before the first epoch."""

    def on_gradient(self, training: Training) -> None:
        """Called when the loss and gradient of a mini-batch are known, before the step.

        The gradient is in the parameters' `grad`. If the callback stops the training, there is no
        step.
        """

    def on_batch(self, training: Training) -> None:
        """Called after a mini-batch's step."""

    def on_epoch(self, training: Training) -> None:
        """Called after an epoch, when its losses and metrics are in the history."""

    def on_end(self, training: Training) -> None:
        """Called when training has ended, even by an error."""


EVENTS = "on_start", "on_gradient", "on_batch", "on_epoch", "on_end"


class Callbacks:
    """Several callbacks, called one after the other.

    Args:
        callbacks: What was passed to `fit`.

    Raises:
        TypeError: One is not a callback, or has a method that would never be called.

    Example:
        >>> Callbacks([ClipNorm(1.0), print]).all[0]
        ClipNorm(limit=1.0)
    """

    def __init__(self, callbacks: Any = ()) -> None:
        if callbacks is None:
            callbacks = ()
        if isinstance(callbacks, (str, bytes)) or not isinstance(callbacks, Iterable):
            callbacks = [callbacks]
        self.all = list(callbacks)
        self._functions: dict[str, list[Callable[[Training], object]]] = {
            event: [] for event in EVENTS
        }
        for callback in self.all:
            methods = {name for name in dir(callback) if name.startswith("on_")}
            if unknown := sorted(methods - set(EVENTS)):
                raise TypeError(
                    f"callbacks: {shown(callback)} has a method {unknown[0]}, which is never "
                    f"called: the methods are {', '.join(EVENTS)}"
                )
            if isinstance(callback, type) or not (methods or callable(callback)):
                raise TypeError(
                    "callbacks must be functions, or objects with one of the methods "
                    f"{', '.join(EVENTS)}, got {shown(callback)}"
                )
            for event in EVENTS:
                own = getattr(type(callback), event, None) is not getattr(Callback, event)
                if event in methods and own:
                    self._functions[event].append(getattr(callback, event))
            if not methods:
                self._functions["on_epoch"].append(callback)

    def tell(self, event: str, training: Training) -> None:
        """Call the method of this name of each callback."""
        for function in self._functions[event]:
            function(training)

    def end(self, training: Training) -> None:
        """Call each callback's `on_end`, even if one raises."""
        errors = []
        for function in self._functions["on_end"]:
            try:
                function(training)
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def state_dict(self) -> list[Any]:
        """Copy the state of those callbacks that have a `state_dict`."""
        return [callback.state_dict() for callback in self._remembering()]

    def require_states(self, states: Any) -> None:
        """Raise a ValueError if the states do not belong to as many callbacks with a state."""
        count = len(self._remembering())
        if not isinstance(states, list) or len(states) != count:
            raise ValueError(
                f"it has the states of {counted(len(states), 'callback')}, but {count:,} of "
                "those now have a state_dict: pass the same callbacks"
            )

    def load_state_dict(self, states: Any) -> None:
        """Restore the state of those callbacks, in the same order."""
        for callback, state in zip(self._remembering(), states, strict=True):
            callback.load_state_dict(state)

    def _remembering(self) -> list[Any]:
        return [c for c in self.all if hasattr(c, "state_dict") and hasattr(c, "load_state_dict")]


# --- clipping ------------------------------------------------------------------------------------


@dataclass
class ClipNorm(Callback):
    """Scale the gradient down if its norm exceeds a limit.

    This keeps its direction (R. Pascanu, T. Mikolov and Y. Bengio, *On the difficulty of training
    recurrent neural networks*, ICML 2013). Frozen parameters do not count.

    Args:
        limit: The maximum norm, positive.

    Raises:
        ValueError: The limit is not positive.

    Example:
        >>> from nn import Neuron, fit, losses
        >>> from nn.optim import SGD
        >>> neuron = Neuron(1, "linear", seed=1)
        >>> before = neuron.state_dict()
        >>> _ = fit(neuron, losses.mean_squared_error, [[3.0]], [1e6], epochs=1,
        ...         optimiser=SGD(neuron.parameters(), 1.0), callbacks=[ClipNorm(0.5)])
        >>> round(math.hypot(neuron.weights[0].data - before["weights"][0], neuron.bias.data), 9)
        0.5
    """

    limit: float

    def __post_init__(self) -> None:
        _require_positive("ClipNorm: limit", self.limit)

    def on_gradient(self, training: Training) -> None:
        """Scale the gradient."""
        parameters = [p for p in training.optimiser.parameters if not is_frozen(p)]
        norm = math.hypot(*[parameter.grad for parameter in parameters])
        if norm > self.limit:
            for parameter in parameters:  # in this order, nothing overflows or underflows
                parameter.grad = parameter.grad / norm * self.limit


@dataclass
class ClipValue(Callback):
    """Clip each parameter's derivative to a limit, in both directions.

    Args:
        limit: The maximum absolute value, positive.

    Raises:
        ValueError: The limit is not positive.

    Example:
        >>> from nn import Neuron, fit, losses
        >>> from nn.optim import SGD
        >>> neuron = Neuron(1, "linear", seed=1)
        >>> _ = fit(neuron, losses.mean_squared_error, [[3.0]], [1e6], epochs=1,
        ...         optimiser=SGD(neuron.parameters(), 1.0), callbacks=[ClipValue(0.5)])
        >>> neuron.bias.data
        0.5
    """

    limit: float

    def __post_init__(self) -> None:
        _require_positive("ClipValue: limit", self.limit)

    def on_gradient(self, training: Training) -> None:
        """Clip the derivatives."""
        for parameter in training.optimiser.parameters:
            parameter.grad = min(max(parameter.grad, -self.limit), self.limit)


def _require_positive(name: str, number: Any) -> None:
    if not isinstance(number, Real) or not number > 0.0:  # type: ignore[operator]
        raise ValueError(f"{name} must be a positive number, got {shown(number)}")


# --- logs ----------------------------------------------------------------------------------------


class CSVLog(Callback):
    """Write a line for each epoch to a file of comma-separated values, as soon as it has ended.

    Its columns are the epoch and those of `History.columns`.

    Args:
        path: The file. A new training replaces it; one that is resumed from a checkpoint keeps the
            lines of the earlier epochs.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from nn import Neuron, fit, losses
        >>> with TemporaryDirectory() as folder:
        ...     _ = fit(Neuron(1), losses.huber, [[0.0]], [1.0], epochs=2,
        ...             callbacks=[CSVLog(f"{folder}/log.csv")])
        ...     print(Path(f"{folder}/log.csv").read_text())
        epoch,loss
        0,0.49...
        1,0.48...
        <BLANKLINE>
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path_of(path, "CSVLog"))

    def __repr__(self) -> str:
        return f"CSVLog({str(self.path)!r})"

    def on_start(self, training: Training) -> None:
        """Begin the file."""
        self._write(training.history, 0, "w")

    def on_epoch(self, training: Training) -> None:
        """Write a line."""
        self._write(training.history, len(training.history.losses) - 1, "a")

    def _write(self, history: History, first: int, mode: str) -> None:
        columns = history.columns()
        rows = [*zip(*columns.values(), strict=True)][first:]
        with self.path.open(mode, newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            if rows and first == 0:
                writer.writerow(["epoch", *columns])
            writer.writerows([[first + i, *row] for i, row in enumerate(rows)])


class Log(Callback):
    """Report each epoch, and the end, to Python's `logging`.

    Args:
        logger: The logger; by default "nn".
        level: The level of the messages.
        every: The number of epochs from one report to the next.

    Raises:
        ValueError: `every` is less than 1.

    Example:
        >>> import sys
        >>> from nn import Neuron, fit, losses
        >>> logger = logging.getLogger("example")
        >>> logger.setLevel(logging.INFO)
        >>> logger.addHandler(logging.StreamHandler(sys.stdout))
        >>> _ = fit(Neuron(1), losses.huber, [[0.0]], [1.0], epochs=2, callbacks=[Log(logger)])
        epoch 0: loss 0.49005
        epoch 1: loss 0.480205
        2 epochs, completed: loss 0.4802 (least in epoch 1)
    """

    def __init__(
        self,
        logger: logging.Logger | None = None,
        *,
        level: int = logging.INFO,
        every: int = 1,
    ) -> None:
        whole_number(every, "Log: every", 1)
        whole_number(level, "Log: level")
        if logger is not None and not callable(getattr(logger, "log", None)):
            raise wrong_type("Log: logger", logger, "a logging.Logger, or None")
        self.logger = logger or logging.getLogger("nn")
        self.level, self.every = level, every

    def on_epoch(self, training: Training) -> None:
        """Report an epoch."""
        if (training.epoch + 1) % self.every == 0:
            numbers = [f"{name} {x:.6g}" for name, x in training.history.last().items()]
            self.logger.log(self.level, "epoch %d: %s", training.epoch, ", ".join(numbers))

    def on_end(self, training: Training) -> None:
        """Report the end."""
        self.logger.log(self.level, "%r", training.history)


# --- checkpoints ---------------------------------------------------------------------------------


class Checkpoint(Callback):
    """Write checkpoints, from which `fit(resume=path)` continues bit for bit.

    Put it last: changes by later callbacks are not in the file.

    Args:
        path: The file, which is replaced each time; `{epoch}` in it is replaced by the epoch.
        every: The number of epochs from one checkpoint to the next. The last epoch always has one.
        best_only: Whether to write only if the loss is the smallest so far (on the validation data,
            if there are any).

    Raises:
        ValueError: `every` is less than 1.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from nn import MLP, fit, losses
        >>> X, Y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
        >>> def trained(epochs, **options):
        ...     model = MLP(2, [3, 1], seed=1)
        ...     fit(model, losses.binary_cross_entropy, X, Y, epochs=epochs, **options)
        ...     return model.state_dict()
        >>> with TemporaryDirectory() as folder:
        ...     path = f"{folder}/run.safetensors"
        ...     _ = trained(3, callbacks=[Checkpoint(path)])
        ...     trained(5, resume=path) == trained(5)
        True
    """

    def __init__(
        self, path: str | os.PathLike[str], *, every: int = 1, best_only: bool = False
    ) -> None:
        whole_number(every, "Checkpoint: every", 1)
        self.path, self.every = path_of(path, "Checkpoint"), every
        self.best_only = best_only

    def __repr__(self) -> str:
        return f"Checkpoint({self.path!r}, every={self.every}, best_only={self.best_only})"

    def on_epoch(self, training: Training) -> None:
        """Write a checkpoint, if it is time."""
        last = training.epoch + 1 == training.epochs or training.stopped is not None
        due = last or (training.epoch + 1) % self.every == 0
        if self.best_only:
            due = training.history.best_epoch == training.epoch
        if due:
            checkpoint.write(self.path.replace("{epoch}", str(training.epoch)), training.snapshot())


# --- the learning rate ---------------------------------------------------------------------------


class RateRangeTest(Callback):
    """Find a learning rate: raise it from step to step, and see where the loss falls, and rises.

    The rate grows from `low` to `high` as a geometric series, one step for each mini-batch.
    Training ends after the last step, or when the loss is four times the smallest; then the
    parameters and the optimiser are restored (L. N. Smith, *Cyclical learning rates for training
    neural networks*, WACV 2017).

    Args:
        low: The first rate, positive.
        high: The last rate, greater.
        steps: The number of steps, at least two. `fit` needs enough epochs for them.

    Attributes:
        rates: The rate of each step.
        losses: The mini-batch's loss before each step, smoothed by a running mean.

    Raises:
        ValueError: The rates are not positive and increasing, or there are fewer than two steps.

    Example:
        >>> from nn import Neuron, fit, losses
        >>> X = [[i / 10] for i in range(20)]
        >>> test = RateRangeTest(1e-4, 10.0, steps=50)
        >>> history = fit(Neuron(1, "linear"), losses.mean_squared_error, X, [x[0] for x in X],
        ...               epochs=1000, batch_size=5, callbacks=[test])
        >>> history.stopped, 1e-3 < test.suggestion() < 1.0
        ('range test', True)
    """

    def __init__(self, low: float = 1e-6, high: float = 10.0, steps: int = 100) -> None:
        for name, rate in ("low", low), ("high", high):
            if not isinstance(rate, Real):
                raise wrong_type(f"RateRangeTest: {name}", rate, "a number")
        if not 0.0 < low < high < math.inf:
            raise ValueError(
                "RateRangeTest: low and high must be finite numbers, 0 < low < high, got "
                f"{shown(low)} and {shown(high)}"
            )
        whole_number(steps, "RateRangeTest: steps", 2)
        self.low, self.high, self.steps = low, high, steps
        self.rates: list[float] = []
        self.losses: list[float] = []

    def on_start(self, training: Training) -> None:
        """Save what is to be restored."""
        self.rates, self.losses, self._mean = [], [], 0.0
        optimiser = training.optimiser
        parameters = dict.fromkeys([*training.model.parameters(), *optimiser.parameters])
        self._numbers = [(parameter, parameter.data) for parameter in parameters]
        self._state, self._rate = optimiser.state_dict(), optimiser.learning_rate
        optimiser.learning_rate = self.low
        training.may_diverge = True

    def on_gradient(self, training: Training) -> None:
        """Note the loss; stop if it has grown too far."""
        step, rate = len(self.rates), float(training.optimiser.rate())
        self._mean = SMOOTHING * self._mean + (1.0 - SMOOTHING) * training.batch_loss
        smooth = self._mean / (1.0 - SMOOTHING ** (step + 1))
        if not math.isfinite(smooth) or (self.losses and smooth > 4.0 * min(self.losses)):
            training.stop("range test")
            return
        self.rates.append(rate)
        self.losses.append(smooth)

    def on_batch(self, training: Training) -> None:
        """Raise the rate."""
        step = len(self.rates)
        if step >= self.steps:
            training.stop("range test")
        else:
            growth = (self.high / self.low) ** (step / (self.steps - 1))
            training.optimiser.learning_rate = self.low * growth

    def on_end(self, training: Training) -> None:
        """Restore the parameters and the optimiser."""
        for parameter, number in self._numbers:
            parameter.data = number
        training.optimiser.learning_rate = self._rate
        training.optimiser.load_state_dict(self._state)

    def suggestion(self) -> float:
        """Return a tenth of the rate at which the loss is smallest: it still falls fast there.

        Raises:
            ValueError: There has been no test yet.

        Example:
            >>> test = RateRangeTest()
            >>> test.rates, test.losses = [0.01, 0.1, 1.0], [3.0, 2.0, 9.0]
            >>> test.suggestion()
            0.01
        """
        if not self.losses:
            raise ValueError(
                "RateRangeTest: there are no losses yet to suggest a rate by: pass it to "
                "fit(callbacks=[test])"
            )
        return self.rates[self.losses.index(min(self.losses))] / 10.0

    def plot(self, axes: Any = None) -> Any:
        """Plot the loss against the rate.

        Args:
            axes: The Matplotlib axes to draw on; None makes a new figure.

        Returns:
            The axes.

        Raises:
            ImportError: Matplotlib is missing.

        Example:
            >>> from matplotlib.figure import Figure
            >>> RateRangeTest().plot(Figure().add_subplot()).get_xscale()
            'log'
        """
        axes = new_axes() if axes is None else axes
        axes.plot(self.rates, self.losses)
        axes.set(xlabel="learning rate", ylabel="loss", xscale="log")
        return axes


SMOOTHING = 0.8
