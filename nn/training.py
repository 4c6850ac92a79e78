"""Training: the loop of forward pass, loss, backward pass and step, with what every loop needs."""

from __future__ import annotations

import inspect
import math
import os
import random
from collections.abc import Callable, Sequence
from typing import Any

from autograd.errors import shown, whole_number
from autograd.foreign import with_advice
from autograd.writing import path_of
from nn import checkpoint, losses
from nn.batches import Batches, Compiling, Loss, batches
from nn.callbacks import Callbacks, Training
from nn.foreign import FIT, LOSSES
from nn.history import DivergenceError, History
from nn.metrics import Metrics, resolved
from nn.module import Module
from nn.optim import Adam, Optimiser
from nn.progress import Progress
from nn.run import Order, Run, state_of
from nn.samples import prepared
from nn.streams import StreamedBatches, is_streamed

__all__ = ["History", "fit"]


@with_advice(**FIT)
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
    seed: int | float | str | None = 0,
    validation: float | tuple[Any, ...] | None = None,
    patience: int | None = None,
    stratify: Any = False,
    sample_weight: Any = None,
    class_weight: Any = None,
    metrics: Metrics = None,
    callbacks: Any = (),
    progress: bool | None = None,
    compiled: Compiling = "auto",
    resume: str | os.PathLike[str] | None = None,
    cluster: Any = None,
) -> History:
    """Train a model on samples: each mini-batch takes a step down the gradient of the mean loss.

    After each epoch the loss is measured with the weights at that time. Ctrl-C ends the training
    and keeps the weights of the best epoch so far; so does an error, which is raised with the
    history as its attribute `history`. The same seed gives the same weights, bit for bit. Called
    again for the same model, `fit` continues: with new orders of the samples, and with the same
    optimiser if it made one; so two epochs and three more are five.

    Args:
        model: What to train.
        loss: `loss(outputs, targets)` for one sample, such as those of `nn.losses`.
        X: The samples, one row each: lists, a NumPy array, or a pandas frame. A custom model may
            take something other than a row of numbers: sequences of any lengths (nested lists, a
            3-D array), a dictionary (X is a dictionary of tables, or a list of dictionaries), or
            several arguments (X is a tuple of tables, or a dictionary of them by the arguments'
            names). X and Y may be rows that no memory holds: files and others of
            `autograd.cluster`, or Dask arrays and columns. Then a batch is a run of rows, of which
            there should be thousands (batch_size=); the batches are shuffled, and not the rows in
            them; a validation fraction is the end of the rows; the loss is compiled, and there are
            no metrics or weights.
        Y: The targets: a number or a row of numbers for each sample, or whatever the loss takes.
        optimiser: What changes the parameters; by default Adam at a learning rate of 0.01.
        epochs: How many times to go through the data.
        batch_size: The number of samples per step; None puts all into one batch.
        shuffle: Whether each epoch takes the samples in a new order.
        seed: The seed for shuffling; None for any.
        validation: Data to measure the model on after each epoch: `(X, Y)`, or `(X, Y, weights)`,
            or the fraction of the data to set aside for it (drawn at random by the seed; the last
            ones if shuffle is False).
        patience: Stop after this many epochs without a smaller loss (on the validation data, if
            there are any), and keep the weights of the best epoch. By default training continues to
            the end and keeps the last weights.
        stratify: Whether the fraction is set aside from each class of the targets; or a class for
            each sample.
        sample_weight: How much each sample counts in the losses, which are then weighted means; a
            weight of 0 leaves it out. Metrics are not weighted.
        class_weight: How much the samples of each class count, by class (the number, or the
            position of the 1 in a row), times their own weight; or "balanced", so that all classes
            count the same.
        metrics: More to measure: functions `(outputs, targets) -> float` of one sample, by name or
            in a list; "accuracy" and the names of losses may be used too.
        callbacks: Hooks into the training: see `nn.callbacks`.
        progress: Whether to show a progress bar, which needs tqdm; by default, in a notebook, or if
            standard error is a terminal, when training takes more than a second.
        compiled: Whether to compile the model and the loss, once, as they are at the start: the
            numbers are the same up to rounding, and a step takes microseconds. By default, if
            llvmlite is installed, there is enough to do, and model and loss consist of this
            library's parts; others might do what cannot be compiled, such as drawing random
            numbers, or reading what changes. Samples of several shapes are compiled shape by shape.
        resume: A checkpoint by `nn.callbacks.Checkpoint`, to continue from as if training had
            never ended: with its model, optimiser, random numbers and history. `epochs` counts from
            the beginning.
        cluster: A `distributed.Client`, or `autograd.cluster.Workers`, whose workers compute the
            gradients: as for `compile`. The weights are the same, bit for bit, whatever the workers
            are and whatever happens to them.

    Returns:
        The losses epoch by epoch, and why training ended.

    Raises:
        TypeError: Something in the data is not a number; the message names its row and column. Or
            an argument has the wrong type; or the loss depends on no parameter; or compiling was
            asked for, and the model or the loss branches on numbers.
        ValueError: There are no data, X and Y differ in length, rows have different widths or not
            the one that the model takes, a number is not finite, or an option is out of range; or
            the checkpoint is damaged, or belongs to another training run.
        DivergenceError: The loss became infinite or nan; a FloatingPointError.
        ImportError: Compiling was asked for, and NumPy is missing; or a progress bar, and tqdm is.
        OSError: The checkpoint cannot be read.

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
    if not isinstance(model, Module) or not callable(loss) or not _takes_two(loss):
        raise _wrong_arguments(model, loss)
    whole_number(epochs, "fit: epochs", 1)
    for option, count in ("batch_size", batch_size), ("patience", patience):
        if count is not None:
            whole_number(count, f"fit: {option}", 1, " or None")
    told = Callbacks(callbacks)
    if resume is not None:
        resume = path_of(resume, "fit: resume")
    if cluster is not None:
        cluster = _workers(cluster)
    snapshot = None if resume is None else checkpoint.read(resume)
    seed = Order.seed_of(model, seed, snapshot and state_of(snapshot))
    generator = random.Random(seed)
    measured: dict[str, Loss] = {}
    stream = None
    if is_streamed(X, Y):
        stream = StreamedBatches(
            model, loss, X, Y, batch_size, validation, compiled, cluster, stratify=stratify,
            sample_weight=sample_weight, class_weight=class_weight, metrics=metrics,
        )  # fmt: skip
        count, size, held_out = stream.count, 1, stream.held_out
    else:
        data = prepared(
            model, X, Y, generator if shuffle else None, validation=validation, stratify=stratify,
            sample_weight=sample_weight, class_weight=class_weight,
        )  # fmt: skip
        targets = [target for _, target in (*data.training, *data.held_out)]
        measured = resolved(metrics, loss, targets)
        count, held_out = len(data.training), bool(data.held_out)
        size = batch_size or count
    order = Order.of(model, seed, generator)
    optimiser = _optimiser(model, optimiser, order)
    training = Training(model, loss, optimiser, epochs, History(metrics={m: [] for m in measured}))
    run = Run(training, order, told)
    if resume is not None:
        run.resume(resume, snapshot, count)
    history = training.history
    costs: Batches
    if stream is not None:
        costs = stream.compiled(optimiser.parameters)
    else:
        costs = batches(
            model, loss, measured, data.training, data.held_out, optimiser, epochs, compiled,
            data.weights, cluster,
        )  # fmt: skip
    progress_bar = Progress(epochs, progress, len(history.losses))
    order.begin(model, count)

    keep_best = True  # until all epochs are done: whenever training ends early
    try:
        with progress_bar:
            told.tell("on_start", training)
            for epoch in range(len(history.losses), epochs):
                if training.stopped is None and run.stale == patience:
                    training.stop("early stopping")
                if training.stopped is not None:
                    break
                training.epoch, rows = epoch, order.next(shuffle)
                for batch, start in enumerate(range(0, len(rows), size)):
                    training.batch = batch
                    _step(training, costs, rows[start : start + size], told)
                    if training.stopped is not None:
                        break
                else:
                    _measure(run, costs, held_out)
                    if run.stale == patience:
                        training.stop("early stopping")
                    progress_bar.advance(history.losses[-1])
                    told.tell("on_epoch", training)
        keep_best = patience is not None
    except KeyboardInterrupt:
        training.stop("interrupted")
    except Exception as error:
        training.stop("an error")
        vars(error)["history"] = history
        raise
    finally:
        if keep_best:
            run.restore_best()
        history.stopped = training.stopped or "completed"
        told.end(training)
    return history


def _step(training: Training, costs: Batches, chosen: Sequence[int], told: Callbacks) -> None:
    """Take one step down the gradient of a mini-batch."""
    training.optimiser.zero_grad()
    training.batch_loss, cause = _computed(lambda: costs.add_gradient(chosen))
    told.tell("on_gradient", training)
    if training.stopped is None:
        _check(training, training.batch_loss, cause)
    if training.stopped is None:
        training.optimiser.step()
        told.tell("on_batch", training)


def _measure(run: Run, costs: Batches, held_out: bool) -> None:
    """Measure the losses and metrics after an epoch, and note whether it is the best."""
    training, history = run.training, run.training.history
    values: dict[str, float] = {}

    def measured(held_out: bool) -> float:
        values.clear()
        loss, found = costs.measure(held_out)
        values.update(found)
        return loss

    loss, cause = _computed(lambda: measured(False))
    _check(training, loss, cause)
    history.losses.append(loss)
    if held_out:
        loss, _ = _computed(lambda: measured(True))
        history.validation_losses.append(loss)
    for name, numbers in history.metrics.items():
        numbers.append(values.get(name, math.nan))
    run.stale += 1
    if loss < run.least:
        run.best, run.least, run.stale = run.numbers(), loss, 0
        history.best_epoch = training.epoch


def _computed(compute: Callable[[], float]) -> tuple[float, OverflowError | None]:
    """Compute a loss; if recording it overflows, it is infinite, as when compiled."""
    try:
        return compute(), None
    except OverflowError as error:
        return math.inf, error


def _check(training: Training, loss: float, cause: Exception | None) -> None:
    if math.isfinite(loss):
        return
    if not training.may_diverge:
        raise DivergenceError(
            f"fit: the loss became {loss} in epoch {training.epoch}: try a smaller learning rate, "
            "or scale the inputs; the weights of the best epoch so far are kept",
            training.history,
        ) from cause
    training.stop("the loss diverged")


def _workers(cluster: Any) -> Any:
    """Check a cluster; both compiled functions then know which of its workers hang."""
    from autograd.cluster.workers import workers_of

    return workers_of(cluster)


# --- arguments -----------------------------------------------------------------------------------


def _takes_two(loss: Any) -> bool:
    """Tell whether a loss can be called with an output and a target."""
    try:
        signature = inspect.signature(loss)
    except (TypeError, ValueError):  # of some functions in C
        return True
    try:
        signature.bind(None, None)
    except TypeError:
        return False
    return True


def _wrong_arguments(model: Any, loss: Any) -> TypeError:
    if isinstance(model, Module) and isinstance(loss, str):
        name = LOSSES.get(loss, loss)
        known = name if name in losses.__all__ else "mean_squared_error"
        return TypeError(
            f"fit: the loss must be a function, such as nn.losses.{known}, and not a name, got "
            f"{shown(loss)}"
        )
    if isinstance(model, Module) and callable(loss):
        return TypeError(
            "fit: the loss must be a function of an output and a target, such as "
            f"nn.losses.mean_squared_error, but this takes other arguments: {shown(loss)}"
        )
    wrong = "first" if not isinstance(model, Module) else "second"
    given = model if wrong == "first" else loss
    return TypeError(
        "fit takes a Module, a loss function, X and Y, in this order; the "
        f"{wrong} is of type {type(given).__name__}: {shown(given)}"
    )


def _optimiser(model: Module, given: Any, order: Order) -> Optimiser:
    """Choose the optimiser: the given one, the one of the last call, or a new one."""
    parameters = model.parameters()
    if given is None:
        kept = order.optimiser
        if kept is None or [*map(id, kept.parameters)] != [*map(id, parameters)]:
            order.optimiser = Adam(parameters, 0.01)
        return order.optimiser  # type: ignore[return-value]
    if not isinstance(given, Optimiser):
        raise TypeError(
            "fit: optimiser must be an optimiser made with the parameters, such as "
            f"nn.optim.Adam(model.parameters(), 0.01), got {shown(given)}"
        )
    if set(given.parameters).isdisjoint(parameters):
        raise ValueError(
            f"fit: the optimiser, {type(given).__name__}, holds none of the model's parameters: "
            "make it with model.parameters()"
        )
    return given
