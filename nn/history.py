"""The results of training: losses and metrics, as numbers, as a picture, as a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["DivergenceError", "History"]


@dataclass(repr=False)
class History:
    """The results of training.

    It prints as one line.

    Attributes:
        losses: The mean loss over the training data after each epoch.
        validation_losses: The same over the validation data; empty if there are none.
        metrics: By name, the mean of each metric after each epoch, over the validation data if
            there are any, else over the training data.
        best_epoch: The epoch, from 0, with the smallest loss (on the validation data if there are
            any); None if no epoch was completed.
        stopped: Why training ended: "completed", "early stopping", "interrupted", or the reason
            that a callback gave.

    Example:
        >>> from nn import Neuron, fit
        >>> from nn.losses import mean_squared_error
        >>> history = fit(Neuron(1, "linear"), mean_squared_error, [[1.0], [2.0]], [1, 2], epochs=5)
        >>> len(history.losses), history.stopped
        (5, 'completed')
        >>> History([0.5, 0.25], metrics={"accuracy": [0.75, 1.0]}, best_epoch=1)
        2 epochs, completed: loss 0.25 (least in epoch 1), accuracy 1
    """

    losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int | None = None
    stopped: str = "completed"

    def __repr__(self) -> str:
        count = len(self.losses)
        line = f"{count} {'epoch' if count == 1 else 'epochs'}, {self.stopped}"
        parts = [f"{name.replace('_', ' ')} {x:.4g}" for name, x in self.last().items()]
        if parts and self.best_epoch is not None:
            parts[bool(self.validation_losses)] += f" (least in epoch {self.best_epoch})"
        return f"{line}: {', '.join(parts)}" if parts else line

    def columns(self) -> dict[str, list[float]]:
        """Name everything that was measured epoch by epoch.

        Returns:
            By name, "loss", "validation_loss" if there is one, and the metrics: a number for each
            epoch.

        Example:
            >>> History([0.5, 0.25], metrics={"accuracy": [0.75, 1.0]}).columns()
            {'loss': [0.5, 0.25], 'accuracy': [0.75, 1.0]}
        """
        columns = {"loss": self.losses}
        if self.validation_losses:
            columns["validation_loss"] = self.validation_losses
        for name, numbers in self.metrics.items():
            columns[f"metric_{name}" if name in columns else name] = numbers
        return columns

    def last(self) -> dict[str, float]:
        """Return what was measured after the last epoch, by name; empty if there was no epoch.

        Example:
            >>> History([0.5, 0.25], [0.75, 0.5]).last()
            {'loss': 0.25, 'validation_loss': 0.5}
        """
        return {name: numbers[-1] for name, numbers in self.columns().items() if numbers}

    def arrays(self) -> dict[str, Any]:
        """Return the `columns` as NumPy arrays.

        Raises:
            ModuleNotFoundError: NumPy is missing.

        Example:
            >>> History([1.0, 0.5, 0.25]).arrays()["loss"].tolist()
            [1.0, 0.5, 0.25]
        """
        import numpy

        return {name: numpy.array(numbers) for name, numbers in self.columns().items()}

    def to_frame(self) -> Any:
        """Return the `columns` as a pandas frame with a row for each epoch.

        Raises:
            ImportError: pandas is missing.

        Example:
            >>> History([0.5, 0.25], [0.75, 0.5]).to_frame()  # doctest: +NORMALIZE_WHITESPACE
                   loss  validation_loss
            epoch
            0      0.50             0.75
            1      0.25             0.50
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("a frame of a history needs pandas: pip install pandas") from error
        frame = pandas.DataFrame(self.columns())
        frame.index.name = "epoch"
        return frame

    def plot(self, axes: Any = None) -> Any:
        """Plot the learning curve.

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
        axes = new_axes() if axes is None else axes
        axes.plot(self.losses, label="training")
        if self.validation_losses:
            axes.plot(self.validation_losses, label="validation")
        if self.best_epoch is not None:
            axes.axvline(self.best_epoch, color="grey", linestyle=":", label="best epoch")
        axes.set(xlabel="epoch", ylabel="loss")
        axes.legend()
        return axes


class DivergenceError(FloatingPointError):
    """The loss became infinite or nan.

    Args:
        message: What happened.
        history: The results of training so far.

    Attributes:
        history: The same.

    Example:
        >>> from nn import Neuron, fit, losses, optim
        >>> neuron = Neuron(1, "linear")
        >>> sgd = optim.SGD(neuron.parameters(), 1e50)
        >>> try:
        ...     fit(neuron, losses.mean_squared_error, [[1.0]], [2.0], optimiser=sgd)
        ... except DivergenceError as error:
        ...     print(error.history)
        3 epochs, an error: loss ... (least in epoch 0)
    """

    def __init__(self, message: str, history: History | None = None) -> None:
        super().__init__(message)
        self.history = history or History()


def history_of(data: Any) -> History:
    """Make a history from its plain data.

    Raises:
        ValueError: The data are not a history.
    """
    try:
        history = History(**data)
        columns = [history.losses, *history.metrics.values()]
        if history.validation_losses:
            columns.append(history.validation_losses)
        best, count = history.best_epoch, len(history.losses)
        fits = (
            all(type(column) is list and len(column) == count for column in columns)
            and {type(number) for column in columns for number in column} <= {float}
            and (best is None or (type(best) is int and 0 <= best < count))
            and type(history.stopped) is str
        )
    except (TypeError, AttributeError):
        fits = False
    if not fits:
        raise ValueError("the history is damaged")
    return history


def new_axes() -> Any:
    """Make a new figure, and return its axes."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "drawing a learning curve needs Matplotlib: install the extra 'train'"
        ) from error
    return pyplot.figure(layout="constrained").add_subplot()
