"""Losses: how far the outputs of one sample are from its targets.

Each takes the outputs, a Value or a sequence of them, and as many targets; it returns a Value, or a
float if the outputs are floats. Over several outputs a loss is their mean (only
`half_squared_error` is a sum, as in textbooks); averaging over a batch is up to the caller.
Probabilities are given by their logits, so that nothing overflows or cancels at any size.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

from autograd import (
    Value,
    custom_function,
    dot,
    logsumexp,
    mean,
    relu,
    softplus,
    square,
    where,
)
from autograd import sum as total
from autograd.errors import counted, shown, wrong_type
from autograd.reals import as_float
from autograd.tracing import is_traced
from nn.foreign import LOSSES, refuse

__all__ = [
    "binary_cross_entropy",
    "half_squared_error",
    "hinge",
    "huber",
    "mean_absolute_error",
    "mean_squared_error",
    "perceptron",
    "softmax_cross_entropy",
]

Numbers = Any  # float | Value | Sequence[float | Value], and NumPy arrays of them


def half_squared_error(outputs: Numbers, targets: Numbers) -> Any:
    """½ (output - target)², summed over the outputs: the E of textbooks.

    Args:
        outputs: The model's output: a number, a Value, or a sequence of them.
        targets: The desired outputs: the same number of them.

    Returns:
        A Value; a float where the outputs are floats.

    Raises:
        TypeError: An output or a target is not a number.
        ValueError: The outputs and targets differ in number, or there are none.

    Example:
        >>> half_squared_error([1.0, 3.0], [0.0, 1.0])
        2.5
    """
    return total([0.5 * square(o - t) for o, t in _pairs("half_squared_error", outputs, targets)])


def mean_squared_error(outputs: Numbers, targets: Numbers) -> Any:
    """(output - target)², averaged over the outputs.

    Args:
        outputs: The model's output: a number, a Value, or a sequence of them.
        targets: The desired outputs: the same number of them.

    Returns:
        A Value; a float where the outputs are floats.

    Raises:
        TypeError: An output or a target is not a number.
        ValueError: The outputs and targets differ in number, or there are none.

    Example:
        >>> mean_squared_error([1.0, 3.0], [0.0, 1.0])
        2.5
    """
    return mean([square(o - t) for o, t in _pairs("mean_squared_error", outputs, targets)])


def mean_absolute_error(outputs: Numbers, targets: Numbers) -> Any:
    """|output - target|, averaged over the outputs; its derivative at the target is 0.

    Args:
        outputs: The model's output: a number, a Value, or a sequence of them.
        targets: The desired outputs: the same number of them.

    Returns:
        A Value; a float where the outputs are floats.

    Raises:
        TypeError: An output or a target is not a number.
        ValueError: The outputs and targets differ in number, or there are none.

    Example:
        >>> mean_absolute_error([1.0, 3.0], [0.0, 1.0])
        1.5
    """
    return mean([abs(o - t) for o, t in _pairs("mean_absolute_error", outputs, targets)])


def huber(outputs: Numbers, targets: Numbers, delta: float = 1.0) -> Any:
    """½ e² where the error e = output - target has |e| <= delta, else delta (|e| - ½ delta).

    It is averaged over the outputs (P. J. Huber, *Robust estimation of a location parameter*,
    Annals of Mathematical Statistics 35, 1964).

    Args:
        outputs: The model's output: a number, a Value, or a sequence of them.
        targets: The desired outputs: the same number of them.
        delta: The positive |e| beyond which the parabola continues as its tangent.

    Returns:
        A Value; a float where the outputs are floats.

    Raises:
        TypeError: An output or a target is not a number.
        ValueError: The outputs and targets differ in number, or there are none; or delta is not
            positive.

    Example:
        >>> huber([0.5, 3.0], [0.0, 0.0])
        1.3125
    """
    delta = as_float(delta, "huber: delta", "a positive number")
    if not delta > 0.0:
        raise ValueError(f"huber: delta must be a positive number, got {delta!r}")
    distances = [abs(o - t) for o, t in _pairs("huber", outputs, targets)]
    return mean([where(d <= delta, 0.5 * square(d), delta * (d - 0.5 * delta)) for d in distances])


def hinge(outputs: Numbers, targets: Numbers) -> Any:
    """max(0, 1 - target · output), with targets -1 and 1: the loss of a support vector machine.

    It is averaged over the outputs (C. Cortes and V. Vapnik, *Support-vector networks*, Machine
    Learning 20, 1995). Its derivative at a margin of 1 is 0.

    Args:
        outputs: The model's output: a number, a Value, or a sequence of them.
        targets: The desired outputs: the same number of them, each -1 or 1.

    Returns:
        A Value; a float where the outputs are floats.

    Raises:
        TypeError: An output or a target is not a number.
        ValueError: The outputs and targets differ in number, or there are none; or a target is
            neither -1 nor 1.

    Example:
        >>> hinge(0.25, 1), hinge(0.25, -1)
        (0.75, 1.25)
    """
    return mean([relu(1.0 - t * o) for o, t in _signed_pairs("hinge", outputs, targets)])


def perceptron(outputs: Numbers, targets: Numbers) -> Any:
    """max(0, -target · output), with targets -1 and 1: Rosenblatt's loss, for a linear neuron.

    An output of 0 counts as a mistake and has the derivative -target, so that a neuron can learn
    from weights of 0. A step of gradient descent at rate 1 is then the perceptron's rule
    (F. Rosenblatt, *The perceptron*, Psychological Review 65, 1958). Over several outputs it is
    averaged.

    Args:
        outputs: The model's output: a number, a Value, or a sequence of them.
        targets: The desired outputs: the same number of them, each -1 or 1.

    Returns:
        A Value; a float where the outputs are floats.

    Raises:
        TypeError: An output or a target is not a number.
        ValueError: The outputs and targets differ in number, or there are none; or a target is
            neither -1 nor 1.

    Example:
        >>> perceptron(0.25, 1), perceptron(0.25, -1)
        (0.0, 0.25)
    """
    margins = [t * o for o, t in _signed_pairs("perceptron", outputs, targets)]
    return mean([where(margin > 0.0, 0.0, -margin) for margin in margins])


def binary_cross_entropy(logits: Numbers, targets: Numbers) -> Any:
    """-t log p - (1 - t) log(1 - p), for a target t from 0 to 1 and p = sigmoid(logit).

    It is averaged over the outputs.

    Args:
        logits: The model's output, before any sigmoid: a number, a Value, or a sequence of
            them.
        targets: The desired probabilities: the same number of them, from 0 to 1.

    Returns:
        A Value; a float where the logits are floats.

    Raises:
        TypeError: A logit or a target is not a number.
        ValueError: The logits and targets differ in number, or there are none; or a target is not
            from 0 to 1.

    Example:
        >>> binary_cross_entropy(-1000.0, 1), binary_cross_entropy(1000.0, 1)
        (1000.0, 0.0)
    """
    losses = []
    for z, t in _pairs("binary_cross_entropy", logits, targets):
        if not is_traced(t) and not 0.0 <= t <= 1.0:
            raise ValueError(
                f"binary_cross_entropy: a target must be a probability, from 0 to 1, got {shown(t)}"
            )
        if not isinstance(t, Value) and t == 0.0:
            losses.append(softplus(z))
        elif not isinstance(t, Value) and t == 1.0:
            losses.append(softplus(-z))
        else:
            losses.append(t * softplus(-z) + (1.0 - t) * softplus(z))
    return mean(losses)


def softmax_cross_entropy(logits: Numbers, target: Any) -> Any:
    """-log p of the target's class, where p = softmax(logits).

    Args:
        logits: The model's output, before any softmax: one number for each class.
        target: The index of the class, or the probability of each class (they add up to 1, and the
            loss is the mean over the classes with these weights).

    Returns:
        A Value; a float if the logits are floats.

    Raises:
        TypeError: A class index is not an integer, or something else is not a number.
        ValueError: There are no logits, a class index is out of range, or the probabilities are not
            one for each logit, from 0 to 1, adding up to 1.

    Example:
        >>> softmax_cross_entropy([0.0, 1000.0], 0), softmax_cross_entropy([0.0, 1000.0], 1)
        (1000.0, 0.0)
        >>> softmax_cross_entropy([0.0, 0.0], [0.5, 0.5])
        0.6931471805599453
    """
    zs = _numbers("softmax_cross_entropy", logits)
    if hasattr(target, "__iter__"):
        shares = _numbers("softmax_cross_entropy", target)
        if len(shares) != len(zs):
            raise ValueError(
                f"softmax_cross_entropy: got {counted(len(zs), 'logit')} but "
                f"{counted(len(shares), 'probability', 'probabilities')} as the target; for a "
                "class index pass an integer"
            )
        if not any(map(is_traced, shares)) and not (
            all(share >= 0.0 for share in shares) and abs(sum(shares) - 1.0) < 1e-6
        ):
            raise ValueError(
                "softmax_cross_entropy: the target's probabilities must be at least 0 and add up "
                f"to 1, got {shown(shares)}"
            )
        return dot(shares, [_of_class(zs, index) for index in range(len(zs))])
    if is_traced(target):
        return cross_entropy_of_class([target, *zs])
    try:
        index = operator.index(target)
    except TypeError:
        raise TypeError(
            "softmax_cross_entropy: the target must be a class index, an integer, or a list of "
            f"probabilities, got {type(target).__name__}: {shown(target)}"
        ) from None
    if not 0 <= index < len(zs):
        raise ValueError(
            f"softmax_cross_entropy: class index {shown(index)} is out of range for "
            f"{counted(len(zs), 'logit')}: expected 0 to {len(zs) - 1}"
        )
    return _of_class(zs, index)


def _of_class(zs: list[Any], index: int) -> Any:
    return cross_entropy([zs[index], *zs[:index], *zs[index + 1 :]])


def _partials(m: Any, y: Any, z: Any, *others: Any) -> tuple[Any, ...]:
    # p - 1 for the target's logit, as the sum of the other probabilities: no cancellation.
    shares = m.softmax((z, *others))[1:]
    return (-m.sum(shares), *shares)


cross_entropy = custom_function(
    "cross_entropy",
    lambda *zs: logsumexp([z - zs[0] for z in zs]),
    _partials,
    summary="-log p of the first of the classes, where p = softmax(xs).",
)


def _loss_of_class(target: Any, *zs: Any) -> Any:
    chosen: Any = math.nan  # if there is no such class
    for index, z in enumerate(zs):
        chosen = where(target == float(index), z, chosen)
    return logsumexp([z - chosen for z in zs])


def _partials_of_class(m: Any, y: Any, target: Any, *zs: Any) -> tuple[Any, ...]:
    shares = m.softmax(zs)
    hits = [target == float(index) for index in range(len(zs))]
    others = m.sum([m.where(hit, 0.0, share) for hit, share in zip(hits, shares, strict=True)])
    return (
        0.0,
        *[m.where(hit, -others, share) for hit, share in zip(hits, shares, strict=True)],
    )


cross_entropy_of_class = custom_function(
    "cross_entropy_of_class",
    lambda *xs: _loss_of_class(*xs),
    _partials_of_class,
    summary="cross_entropy of a class that is the first operand, and traced.",
)


if not TYPE_CHECKING:  # a type checker knows which names exist

    def __getattr__(name: str) -> Any:
        refuse(__name__, name, {key: f"use {ours}" for key, ours in LOSSES.items()})


# --- checks --------------------------------------------------------------------------------------


def _numbers(loss: str, values: Numbers) -> list[Any]:
    if isinstance(values, (str, bytes, bytearray)):
        raise wrong_type(loss, values, "numbers")
    numbers = list(values) if hasattr(values, "__iter__") else [values]
    for number in numbers:
        if not isinstance(number, (Value, Real)):
            raise wrong_type(loss, number, "numbers")
        if isinstance(number, int):
            as_float(number, loss)  # raises if it is too large
    if not numbers:
        raise ValueError(f"{loss}: expected at least one number, and the sequence is empty")
    return numbers


def _pairs(loss: str, outputs: Numbers, targets: Numbers) -> Sequence[tuple[Any, Any]]:
    """Pair each output with its target."""
    os, ts = _numbers(loss, outputs), _numbers(loss, targets)
    if len(os) != len(ts):
        raise ValueError(
            f"{loss}: got {counted(len(os), 'output')} but {counted(len(ts), 'target')}: pass one "
            "target for each output"
        )
    return list(zip(os, ts, strict=True))


def _signed_pairs(loss: str, outputs: Numbers, targets: Numbers) -> Sequence[tuple[Any, Any]]:
    """Pair each output with its target, -1 or 1."""
    pairs = _pairs(loss, outputs, targets)
    for _, t in pairs:
        if not is_traced(t) and t not in (-1, 1):
            raise ValueError(
                f"{loss}: a target must be -1 or 1, got {shown(t)}; for classes 0 and 1: 2 * t - 1"
            )
    return pairs
