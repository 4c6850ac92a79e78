"""Training: the loop of forward, loss, backward and step, with what every such loop needs."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

from autograd.errors import refuse_mask, shown
from nn.batches import Compiling, Loss, Samples, batches
from nn.module import Module
from nn.optim import Adam, Optimiser

__all__ = ["History", "fit"]


@dataclass
class History:
    """What a training has done.

    Attributes:
        losses: The mean loss over the training data after each epoch.
        validation_losses: The same over the validation data; empty where there are none.
        metrics: By name, the mean of each metric after each epoch, over the validation data where
            there are any, else over the training data.
        best_epoch: The epoch, from 0, with the least loss (on the validation data where there are
            any); None where no epoch was completed.
        stopped: Why training ended: "completed", "early stopping" or "interrupted".

    Example:
        >>> from nn import Neuron
        >>> from nn.losses import mean_squared_error
        >>> history = fit(Neuron(1, "linear"), mean_squared_error, [[1.0], [2.0]], [1, 2], epochs=5)
        >>> len(history.losses), history.stopped
        (5, 'completed')
    """

    losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int | None = None
    stopped: str = "completed"

    def plot(self, axes: Any = None) -> Any:
        """Draw the learning curve.

        Args:
            axes: The Matplotlib axes to draw on; None makes a new figure.

        Returns:
            The axes; `axes.figure.savefig(path)` writes a picture.

        Raises:
            ImportError: Matplotlib is missing.

        Example:
            >>> from matplotlib.figure import Figure
            >>> axes = Figure().add_subplot()
            >>> History(losses=[1.0, 0.5, 0.25]).plot(axes).get_ylabel()
            'loss'
        """
        if axes is None:
            try:
                from matplotlib import pyplot
            except ImportError as error:
                raise ImportError(
                    "drawing a learning curve needs Matplotlib: install the extra 'train'"
                ) from error
            axes = pyplot.figure(layout="constrained").add_subplot()
        axes.plot(self.losses, label="training")
        if self.validation_losses:
            axes.plot(self.validation_losses, label="validation")
        if self.best_epoch is not None:
            axes.axvline(self.best_epoch, color="grey", linestyle=":", label="best epoch")
        axes.set(xlabel="epoch", ylabel="loss")
        axes.legend()
        return axes


def fit(
    model: Module,
    loss: Loss,
    X: Any,
    Y: Any,
    *,
    optimiser: Optimiser | None = None,
    epochs: int = 100,
    batch_size: int | None = 32,
    shuffle: bool = True,
    seed: int = 0,
    validation: float | tuple[Any, Any] | None = None,
    patience: int | None = None,
    metrics: Mapping[str, Callable[[Any, Any], float]] | None = None,
    progress: bool | None = None,
    compiled: Compiling = "auto",
) -> History:
    """Train a model on samples: for each mini-batch, a step down the gradient of the mean loss.

    After each epoch the loss is measured with the weights as they then are. Ctrl-C ends the
    training and keeps the weights of the best epoch so far; so does an error, on its way out. The
    same seed gives the same weights, bit for bit.

    Args:
        model: What to train.
        loss: `loss(outputs, targets)` of one sample, such as those of `nn.losses`.
        X: The samples, one row each: lists, a NumPy array, or a pandas frame.
        Y: The targets, a number or a row of numbers for each sample, likewise.
        optimiser: What changes the parameters; by default Adam at a learning rate of 0.01.
        epochs: How often to go through the data.
        batch_size: The number of samples a step; None puts all into one batch.
        shuffle: Whether each epoch takes the samples in a new order.
        seed: What shuffles them.
        validation: Data to measure the model on after each epoch: `(X, Y)`, or which fraction of
            the data to set aside for it (drawn at random; the last ones where shuffle is False).
        patience: Stop after so many epochs without a smaller loss (on the validation data where
            there are any), and keep the weights of the best epoch. By default training goes on to
            the end and keeps the last ones.
        metrics: More to measure, by name: functions `(outputs, targets) -> float` of one sample.
        progress: Whether to show a progress bar, which needs tqdm; by default, if standard error is
            a terminal and training takes more than a second.
        compiled: Whether to compile the model and the loss, once, as they are at the start: the
            numbers are the same to rounding, and a step takes microseconds. By default where
            llvmlite is installed, there is enough to do, and model and loss are made of this
            library's parts; others might do what cannot be compiled, such as drawing random
            numbers, or reading what changes.

    Returns:
        The losses epoch by epoch, and why training ended.

    Raises:
        TypeError: Something in the data is not a number; the message names its row and column. Or
            an argument is of another type than it should be; or the loss depends on no parameter;
            or compiling was asked for, and the model or the loss branches on numbers.
        ValueError: There are no data, X and Y differ in length, rows are of different widths or of
            another than the model takes, a number is not finite, or an option is out of range.
        FloatingPointError: The loss became infinite or nan.
        ModuleNotFoundError: Compiling was asked for, and NumPy is missing.

    Example:
        >>> from nn import Neuron
        >>> from nn.losses import mean_squared_error
        >>> from nn.optim import SGD
        >>> neuron = Neuron(1, "linear")
        >>> history = fit(
        ...     neuron, mean_squared_error, [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0],
        ...     optimiser=SGD(neuron.parameters(), 0.2), batch_size=None,
        ... )
        >>> round(neuron.predict([10.0]), 3), history.stopped
        (21.0, 'completed')
    """
    if not isinstance(model, Module) or not callable(loss):
        raise TypeError("fit takes a Module, a loss function, X and Y, in this order")
    if optimiser is None:
        optimiser = Adam(model.parameters(), 0.01)
    elif not isinstance(optimiser, Optimiser):
        raise TypeError(f"optimiser must be one of nn.optim, made, got {optimiser!r}")
    elif set(optimiser.parameters).isdisjoint(model.parameters()):
        raise ValueError("the optimiser holds none of the model's parameters")
    for option, count in ("epochs", epochs), ("batch_size", batch_size), ("patience", patience):
        if count is not None and not isinstance(count, Integral):
            raise TypeError(f"{option} must be an integer, got {count!r}")
        if count is not None and count < 1:
            raise ValueError(f"{option} must be at least 1, got {count!r}")
    generator = random.Random(seed)
    data = _samples(model, X, Y)
    held_out: Samples = []
    if isinstance(validation, Real):
        data, held_out = _split(data, validation, generator if shuffle else None)
    elif isinstance(validation, tuple) and len(validation) == 2:
        held_out = _samples(model, *validation, purpose="validation ")
    elif validation is not None:
        raise TypeError(f"validation must be a fraction or a pair (X, Y), got {shown(validation)}")
    size = batch_size or len(data)
    metrics = metrics or {}
    costs = batches(model, loss, metrics, data, held_out, optimiser, epochs, compiled)
    order = list(range(len(data)))

    history = History(metrics={name: [] for name in metrics})
    parameters = dict.fromkeys([*model.parameters(), *optimiser.parameters])
    best, least, stale = [parameter.data for parameter in parameters], math.inf, 0
    keep_best = True  # until all epochs are done: whatever ends training early
    epoch_numbers = _progress(epochs, progress)
    try:
        for epoch in epoch_numbers:
            if shuffle:
                generator.shuffle(order)
            for start in range(0, len(order), size):
                optimiser.zero_grad()
                _check(costs.add_gradient(order[start : start + size]), epoch)
                optimiser.step()
            training_loss, values = costs.measure(held_out=False)
            _check(training_loss, epoch)
            monitored = training_loss
            if held_out:
                monitored, values = costs.measure(held_out=True)
                history.validation_losses.append(monitored)
            history.losses.append(training_loss)
            for name, value in values.items():
                history.metrics[name].append(value)
            stale += 1
            if monitored < least:
                best, least, stale = [parameter.data for parameter in parameters], monitored, 0
                history.best_epoch = epoch
            if stale == patience:
                history.stopped = "early stopping"
                break
        keep_best = patience is not None
    except KeyboardInterrupt:
        history.stopped = "interrupted"
    finally:
        if keep_best:
            for parameter, number in zip(parameters, best, strict=True):
                parameter.data = number
    return history


# --- showing how far it is ----------------------------------------------------------------------


def _check(number: float, epoch: int) -> None:
    if not math.isfinite(number):
        raise FloatingPointError(
            f"the loss became {number} in epoch {epoch}: try a smaller learning rate, or scale the "
            "inputs; the weights of the best epoch before are kept"
        )


def _progress(epochs: int, show: bool | None) -> Iterable[int]:
    """Count the epochs, with a progress bar where one is wanted and tqdm is there."""
    if show or (show is None and sys.stderr is not None and sys.stderr.isatty()):
        with suppress(ImportError):
            from tqdm import tqdm

            bar: Iterable[int] = tqdm(
                range(epochs), unit="epoch", leave=False, delay=0.0 if show else 1.0
            )
            return bar
    return range(epochs)


# --- data ----------------------------------------------------------------------------------------


def _samples(model: Module, X: Any, Y: Any, purpose: str = "") -> Samples:
    """Pair the rows of X and Y, as plain numbers that are all there."""
    xs, ys = _rows(X, f"{purpose}X"), _rows(Y, f"{purpose}Y")
    if len(xs) != len(ys):
        raise ValueError(f"{purpose}X has {len(xs)} rows but {purpose}Y has {len(ys)}")
    nin = getattr(model, "nin", None)
    if nin is not None and not isinstance(xs[0], list):
        raise ValueError(
            f"{purpose}X holds lone numbers where {model!r} takes rows of {nin}: a row is a list, "
            "[[0.5], [1.5], …]"
        )
    if nin is not None and len(xs[0]) != nin:
        raise ValueError(f"{purpose}X has rows of {len(xs[0])} numbers, but {model!r} takes {nin}")
    return list(zip(xs, ys, strict=True))


def _rows(data: Any, name: str) -> list[Any]:
    """Turn a table into a list with a number, or a list of numbers, for each row."""
    columns = list(getattr(data, "columns", []))  # pandas knows its columns by name
    rows = _plain(data, name)
    if not isinstance(rows, list):
        raise TypeError(
            f"{name} must be a list of rows, a NumPy array or a pandas frame, "
            f"got {type(data).__name__}"
        )
    if not rows or rows[0] == []:
        raise ValueError(f"{name} is empty")
    for i, row in enumerate(rows):
        if _width(row) != _width(rows[0]):
            raise ValueError(f"{name}: row {i} is {_width(row)}, but row 0 is {_width(rows[0])}")
        for j, number in enumerate(row if isinstance(row, list) else [row]):
            place = f"{name}: row {i}"
            if isinstance(row, list):
                place += f", column {columns[j]!r}" if columns else f", column {j}"
            if not isinstance(number, Real):
                raise TypeError(f"{place} is not a number: {number!r}")
            if not math.isfinite(number):
                raise ValueError(f"{place} is {number}; fill in or drop what is missing")
    return rows


def _width(row: Any) -> str:
    return f"{len(row)} numbers long" if isinstance(row, list) else "a lone number"


def _plain(data: Any, name: str) -> Any:
    """Turn what pandas, NumPy or tuples hold into lists and Python's numbers."""
    if hasattr(data, "to_numpy"):
        data = data.to_numpy()
    if hasattr(data, "tolist"):
        refuse_mask(name, data)
        data = data.tolist()
    return [_plain(part, name) for part in data] if isinstance(data, (list, tuple)) else data


def _split(
    data: Samples, fraction: float, generator: random.Random | None
) -> tuple[Samples, Samples]:
    """Set a fraction of the samples aside."""
    if generator:
        data = generator.sample(data, len(data))
    count = round(fraction * len(data)) if math.isfinite(fraction) else 0
    if not 0 < count < len(data):
        raise ValueError(
            f"validation={fraction} sets {count} of {len(data)} samples aside: both parts need one"
        )
    return data[:-count], data[-count:]
