"""Metrics: measures of one sample other than the loss; and the functions that names stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from numbers import Real
from typing import Any

from autograd import Value
from autograd.errors import counted, shown, wrong_type
from nn import losses
from nn.foreign import LOSSES

__all__ = ["Metric", "Metrics", "accuracy"]

Metric = Callable[[Any, Any], Any]
"""A function of the outputs and the target of one sample."""

Metrics = Mapping[str, Metric] | Iterable[str | Metric] | str | Metric | None
"""What `fit` accepts: functions by name, or a list of functions and names."""


def accuracy(outputs: Any, target: Any) -> float:
    """Return 1 if the outputs predict the target's class, else 0.

    A single output is a logit: positive for class 1, otherwise for the other class, 0 or -1. Of
    several outputs the largest one predicts its class; the target is the index of the class, or a
    row in which the class has the largest number.

    Args:
        outputs: The model's output: a number, or one for each class.
        target: The class.

    Returns:
        1.0 or 0.0; the mean over samples is the accuracy.

    Raises:
        ValueError: The target does not have a number for each output.

    Example:
        >>> accuracy(-0.5, 0), accuracy([0.1, 2.0, 0.3], 1), accuracy([0.1, 2.0], [1.0, 0.0])
        (1.0, 1.0, 0.0)
    """
    return _accuracy(outputs, target, 0.0)


def _accuracy(outputs: Any, target: Any, threshold: float) -> float:
    scores, wanted = _numbers(outputs), _numbers(target)
    if len(scores) == 1 and len(wanted) == 1:
        # Labels are 0 and 1, or -1 and 1; in both cases, 1 is the larger one.
        return float((scores[0] > threshold) == (wanted[0] > 0.5))
    found = scores.index(max(scores))
    if len(wanted) == 1:
        return float(found == wanted[0])
    if len(wanted) != len(scores):
        raise _unpaired(scores, wanted)
    return float(found == wanted.index(max(wanted)))


def _unpaired(scores: Sequence[Any], wanted: Sequence[Any]) -> ValueError:
    return ValueError(
        f"accuracy: got {counted(len(scores), 'output')} but {counted(len(wanted), 'target')}: "
        "pass one target for each output, or the index of the class"
    )


def _accuracy_of_each(outputs: Any, target: Any) -> float:
    scores, wanted = _numbers(outputs), _numbers(target)
    if len(wanted) != len(scores):
        raise _unpaired(scores, wanted)
    hits = [_accuracy(score, want, 0.0) for score, want in zip(scores, wanted, strict=True)]
    return sum(hits) / len(hits)


def _numbers(values: Any) -> list[Any]:
    if isinstance(values, (str, bytes, bytearray)):
        raise wrong_type("accuracy", values, "numbers")
    numbers = list(values) if hasattr(values, "__iter__") else [values]
    for number in numbers:
        if not isinstance(number, (Value, Real)):
            raise wrong_type("accuracy", number, "numbers")
    return numbers


# --- names ---------------------------------------------------------------------------------------

OF_LOGITS = losses.binary_cross_entropy, losses.hinge, losses.perceptron
OF_VALUES = (
    losses.half_squared_error,
    losses.mean_squared_error,
    losses.mean_absolute_error,
    losses.huber,
)
NAMES = ["accuracy", *losses.__all__]


def resolved(metrics: Metrics, loss: Any, targets: list[Any]) -> dict[str, Metric]:
    """Find the functions that metrics stand for.

    Args:
        metrics: Functions by name, or functions and names; None for no metrics. A name is
            "accuracy" or the name of a loss.
        loss: The loss that the model is trained with, which tells what its outputs mean.
        targets: The targets of all samples.

    Returns:
        The functions by name.

    Raises:
        TypeError: Something is neither a function nor a name.
        ValueError: There is no metric of that name, two have the same, or accuracy makes no sense.

    Example:
        >>> list(resolved(["accuracy", losses.huber], losses.hinge, [-1, 1]))
        ['accuracy', 'huber']
    """
    if metrics is None:
        return {}
    if isinstance(metrics, Mapping):
        named = [(str(name), metric) for name, metric in metrics.items()]
    elif isinstance(metrics, str) or callable(metrics):
        named = [(_name(metrics), metrics)]
    elif isinstance(metrics, Iterable) and not isinstance(metrics, (bytes, bytearray)):
        named = [(_name(metric), metric) for metric in metrics]
    else:
        raise TypeError(
            "metrics must be a list or a dictionary of functions or names, got "
            f"{type(metrics).__name__}: {shown(metrics)}"
        )
    found: dict[str, Metric] = {}
    for name, metric in named:
        if isinstance(metric, str):
            metric = _metric(metric, loss, targets)
        elif not callable(metric):
            raise TypeError(
                f"metrics: each must be a function or a name, got {type(metric).__name__}: "
                f"{shown(metric)}"
            )
        if name in found:
            raise ValueError(
                f"metrics: two are called {shown(name)}: pass a dictionary, {{'a name': function, "
                "…}"
            )
        found[name] = metric
    return found


def _name(metric: Any) -> str:
    return metric if isinstance(metric, str) else getattr(metric, "__name__", type(metric).__name__)


def _metric(name: str, loss: Any, targets: list[Any]) -> Metric:
    if name == "accuracy":
        return _accuracy_for(loss, targets)
    if name in losses.__all__:
        return getattr(losses, name)  # type: ignore[no-any-return]
    meant = LOSSES.get(name) or next(iter(get_close_matches(name[:100], NAMES, 1)), None)
    hint = f"'{meant}' is" if meant else f"there are {', '.join(NAMES)}, and functions of your own"
    raise ValueError(f"metrics: none is called {shown(name)}; {hint}")


def _accuracy_for(loss: Any, targets: list[Any]) -> Metric:
    """Return the accuracy that suits the outputs of a model trained with a given loss."""
    if any(loss is other for other in OF_LOGITS):
        return _accuracy_of_each
    if loss is losses.softmax_cross_entropy or any(len(_numbers(t)) > 1 for t in targets):
        return accuracy
    labels = {_numbers(target)[0] for target in targets}
    if not labels <= {0, 1} and not labels <= {-1, 1}:
        if all(label == int(label) and label >= 0 for label in labels):
            return accuracy  # indices of classes
        raise ValueError(
            "accuracy is of classes: 0 and 1, -1 and 1, indices, or rows with a 1; among the "
            f"targets there is {shown(next(iter(labels - {0, 1, -1})))}"
        )
    if -1 in labels:
        return accuracy
    if any(loss is other for other in OF_VALUES):
        return lambda outputs, target: _accuracy(outputs, target, 0.5)  # closer to 0 or to 1
    return _of_several


def _of_several(outputs: Any, target: Any) -> float:
    if len(_numbers(outputs)) == 1:
        raise ValueError(
            "accuracy: with a loss of your own it is not known whether the output is a logit or a "
            "probability: for logits pass metrics=[nn.metrics.accuracy], else your own function"
        )
    return accuracy(outputs, target)
