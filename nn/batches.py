"""The loss of a batch of samples, and its gradient: recorded sample by sample, or compiled."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from importlib.util import find_spec
from numbers import Real
from operator import getitem
from typing import Any, Literal, Protocol

from autograd import Value, mean, no_grad
from autograd.chain_rule import recorded_gradient
from autograd.errors import shown
from autograd.graph import adjoints, interior
from autograd.merging import merged
from autograd.tree import Keys, flatten, map_leaves
from autograd.value import as_value
from nn import losses
from nn.layers import parts_of
from nn.module import Module, evaluating, to_floats
from nn.optim import Optimiser
from nn.samples import Applied, Named, Samples, Several, applied

__all__ = ["Batches", "Compiling", "Loss", "Weights", "batches"]

Loss = Callable[[Any, Any], Any]
Weights = Sequence[float] | None
"""A weight for each sample, with a mean of 1; None if all weigh the same."""
Compiling = Literal["auto"] | bool

ONLY_COMPILED = (
    "fit: on a cluster, or of rows in chunks, a loss is compiled: leave out compiled=False"
)
INDEPENDENT = "the loss does not depend on any parameter: it is a number"
WORTH_COMPILING = 2_000_000
"""From this amount of work on, compiling saves time; see `_is_worth_compiling`."""


class Batches(Protocol):
    """Evaluates a model and its loss on batches of samples."""

    def add_gradient(self, chosen: Sequence[int]) -> float:
        """Add the gradient of the mean loss over some training samples to the parameters' `grad`.

        Returns:
            The mean loss.
        """

    def measure(self, held_out: bool) -> tuple[float, dict[str, float]]:
        """Average the loss, and each metric, over the training samples or the held-out ones."""


def batches(
    model: Module,
    loss: Loss,
    metrics: Mapping[str, Loss],
    data: Samples,
    held_out: Samples,
    optimiser: Optimiser,
    epochs: int,
    compiled: Compiling,
    weights: tuple[Weights, Weights] = (None, None),
    cluster: Any = None,
) -> Batches:
    """Choose how losses and gradients are computed.

    Code is compiled once, from the model and the loss as they are then. Only for those of this
    library is it known that this is correct; "auto" compiles no others.

    Args:
        model: The model.
        loss: The loss of one sample.
        metrics: Further measures, by name.
        data: The training samples.
        held_out: The samples for validation.
        optimiser: The optimiser, which changes the parameters.
        epochs: How many times the data will be used.
        compiled: Whether to compile; "auto" if it is safe, possible, and worth the time.
        weights: How much each training sample counts, and each held-out one.
        cluster: The cluster that computes them, compiled; None for this machine.

    Returns:
        An object that computes them.

    Raises:
        TypeError: `compiled` is not one of the three; or the model or the loss cannot be compiled.
        ModuleNotFoundError: NumPy is missing.
    """
    if compiled not in ("auto", True, False):
        raise TypeError(f"fit: compiled must be True, False or 'auto', got {shown(compiled)}")
    by_itself = compiled == "auto" and cluster is None
    if cluster is not None and compiled is False:
        raise ValueError(ONLY_COMPILED)
    if by_itself:
        compiled = (
            _is_worth_compiling(len(model.parameters()), (len(data) + len(held_out)) * epochs)
            and _is_known(model, loss)
            and find_spec("numpy") is not None
            and find_spec("llvmlite") is not None
        )
    if compiled:
        try:
            return CompiledBatches(
                model, loss, metrics, data, held_out, optimiser.parameters, weights, cluster
            )
        except TypeError:
            if not by_itself:
                raise
    return RecordedBatches(model, loss, metrics, data, held_out, weights)


def _is_worth_compiling(weights: int, samples: int) -> bool:
    """Whether to compile a model for this many samples, each counted once per epoch.

    The time for a sample is proportional to the number of weights plus 60; that for compiling, to
    two million plus 100 for each weight of the model.
    """
    return samples * (weights + 60) >= WORTH_COMPILING * (1.0 + weights / 20_000)


def _is_known(model: Module, loss: Loss) -> bool:
    """Whether a model and a loss consist of this library's parts, which read nothing else."""
    if not any(loss is getattr(losses, name) for name in losses.__all__):
        return False
    return parts_of(model) is not None


class RecordedBatches:
    """Losses and gradients of graphs that are recorded for each batch."""

    def __init__(
        self,
        model: Module,
        loss: Loss,
        metrics: Mapping[str, Loss],
        data: Samples,
        held_out: Samples,
        weights: tuple[Weights, Weights] = (None, None),
    ) -> None:
        self.model, self.loss, self.metrics = model, loss, metrics
        self.parts, self.weights = (data, held_out), weights

    def add_gradient(self, chosen: Sequence[int]) -> float:
        samples, weights = [self.parts[0][i] for i in chosen], self.weights[0]
        losses = [self.loss(applied(self.model, x), y) for x, y in samples]
        require_numbers(self.loss, losses[0])
        cost = mean(
            losses
            if weights is None
            else [weights[i] * loss for i, loss in zip(chosen, losses, strict=True)]
        )
        if not isinstance(cost, Value):
            raise TypeError(INDEPENDENT)
        if math.isfinite(cost.data):
            cost.backward()
        return cost.data

    def measure(self, held_out: bool) -> tuple[float, dict[str, float]]:
        samples, weights = self.parts[held_out], self.weights[held_out]
        predict = Applied(self.model).predict
        pairs = [(predict(x), y) for x, y in samples]
        with no_grad():
            losses = [to_floats(self.loss(outputs, target)) for outputs, target in pairs]
            if weights is not None:
                losses = [weight * loss for weight, loss in zip(weights, losses, strict=True)]
            averages = {
                name: mean([number_of(name, metric(outputs, y)) for outputs, y in pairs])
                for name, metric in self.metrics.items()
            }
            return mean(losses), averages


def require_numbers(loss: Loss, found: Any) -> None:
    """Refuse a loss that returns no number, such as one without `return`."""
    if not isinstance(found, (Value, Real)):
        name = getattr(loss, "__name__", type(loss).__name__)
        hint = "; is its return missing?" if found is None else ""
        raise TypeError(
            f"fit: the loss {name!r} must return a Value or a number, but returned "
            f"{type(found).__name__}: {shown(found)}{hint}"
        )


def number_of(name: str, found: Any) -> float:
    """Return the number that a metric has returned."""
    if isinstance(found, Value):
        return found.data
    if getattr(found, "shape", None) == ():
        found = found.item()  # a single NumPy number
    if not isinstance(found, Real):
        hint = "; is its return missing?" if found is None else ""
        raise TypeError(
            f"fit: the metric {name!r} must return a number, but returned "
            f"{type(found).__name__}: {shown(found)}{hint}"
        )
    return float(found)


class CompiledBatches:
    """Losses and gradients by machine code: one program for each shape of samples."""

    def __init__(
        self,
        model: Module,
        loss: Loss,
        metrics: Mapping[str, Loss],
        data: Samples,
        held_out: Samples,
        others: Sequence[Value] = (),
        weights: tuple[Weights, Weights] = (None, None),
        cluster: Any = None,
    ) -> None:
        import numpy

        from autograd.cluster import array
        from autograd.compiler import compile

        self.metrics = metrics
        # The model's parameters, and others that are trained.
        self.parameters = list(dict.fromkeys([*model.parameters(), *others]))
        self.targets = [[target for _, target in samples] for samples in (data, held_out)]
        inputs, target = data[0]
        recorded = loss(applied(model, inputs), target)
        require_numbers(loss, recorded)
        if not isinstance(recorded, Value):
            raise TypeError(INDEPENDENT)
        self._require_targets(model, loss, [*data, *held_out])
        if weights[0] is not None:
            recorded = recorded * weights[0][0]
        elif weights[1] is not None:  # so that one program serves both
            weights = [1.0] * len(data), weights[1]
        if weights[0] is not None and weights[1] is None:
            weights = weights[0], [1.0] * len(held_out)
        # The samples as stacks, and for each sample its stack and its position there.
        self.stacks: list[list[Stack]] = []
        self.places: list[list[tuple[int, int]]] = []
        for samples, their_weights in zip((data, held_out), weights, strict=True):
            stacks, places = _sorted_by_shape(samples, their_weights)
            self.stacks.append(stacks)
            self.places.append(places)

        kind = type(inputs) if isinstance(inputs, (Several, Named)) else None

        def outputs(x: Any) -> Any:
            return applied(model, kind(x) if kind else x)

        def cost(x: Any, y: Any, *weight: Any) -> Any:
            value = loss(outputs(x), y)
            return value * weight[0] if weight else value

        # Metrics are computed in evaluation mode, as by `predict`.
        def predicted(x: Any) -> Any:
            with evaluating():
                return outputs(x)

        self._value_and_gradient, self._loss = costs(cost, self.parameters, cluster)
        self._outputs = compile(predicted, in_axes=0)
        self._array = numpy.array
        self._on_cluster = cluster is not None
        # Workers are sent all samples once, and keep them.
        self._whole = [
            [
                map_leaves(array, column) if cluster is not None else column
                for column in stack.columns
            ]
            for stacks in self.stacks
            for stack in stacks
        ]
        first = self.stacks[0][0].rows([0])
        require_gradient_of(recorded, self.parameters, self._value_and_gradient, first)

    def _require_targets(self, model: Module, loss: Loss, samples: Samples) -> None:
        """Have the loss check every target; traced code does not look at numbers."""
        outputs: dict[Any, Any] = {}  # for one sample of each shape
        for inputs, target in samples:
            key = shape(inputs)
            if key not in outputs:
                outputs[key] = Applied(model).predict(inputs)
            loss(outputs[key], target)

    def add_gradient(self, chosen: Sequence[int]) -> float:
        by_stack: dict[int, list[int]] = {}
        for stack, place in [self.places[0][i] for i in chosen]:
            by_stack.setdefault(stack, []).append(place)
        total: float = 0.0
        gradient: Any = 0.0
        for stack, places in by_stack.items():
            if self._on_cluster and len(places) == len(self.stacks[0][stack].places):
                arguments = self._whole[stack]
            else:
                arguments = self.stacks[0][stack].rows(self._array(places))
            loss, slopes = self._value_and_gradient(*arguments)
            share = len(places) / len(chosen)
            total, gradient = total + share * loss, gradient + share * slopes
        for parameter, slope in zip(self.parameters, gradient.tolist(), strict=True):
            parameter.grad += slope
        return total

    def measure(self, held_out: bool) -> tuple[float, dict[str, float]]:
        stacks, count = self.stacks[held_out], len(self.targets[held_out])
        whole = self._whole[len(self.stacks[0]) :] if held_out else self._whole
        loss = sum(
            len(stack.places) / count * self._loss(*columns)
            for stack, columns in zip(stacks, whole, strict=False)
        )
        if not self.metrics:
            return loss, {}
        rows: list[Any] = [None] * count
        for stack in stacks:
            outputs = self._outputs(stack.columns[0])
            for place, row in zip(stack.places.tolist(), unstacked(outputs), strict=True):
                rows[place] = row
        pairs = [*zip(rows, self.targets[held_out], strict=True)]
        return loss, {
            name: mean([number_of(name, metric(row, target)) for row, target in pairs])
            for name, metric in self.metrics.items()
        }


def costs(cost: Callable[..., Any], parameters: Sequence[Value], cluster: Any) -> tuple[Any, Any]:
    """Compile the loss of a row, and its gradient, to be averaged over rows.

    Args:
        cost: The loss of a row.
        parameters: What the gradient is taken of: Values from outside, which compiled code reads at
            each call.
        cluster: The cluster that computes it; None for this machine.

    Returns:
        A function that returns the mean loss and its gradient; and one that returns the mean loss
        in evaluation mode.
    """
    import numpy

    from autograd.compiler import compile

    def measured(*arguments: Any) -> Any:
        with evaluating():
            return cost(*arguments)

    def value_and_gradient(*arguments: Any) -> tuple[Any, Any]:
        value = as_value(cost(*arguments))
        root, order = merged(value, interior(value, stop=parameters), again=False)
        slopes = recorded_gradient(root, order, parameters, again=False)
        return root, numpy.array(slopes, dtype=object)

    return (
        compile(value_and_gradient, in_axes=0, reduce="mean", cluster=cluster, progress=False),
        compile(measured, in_axes=0, reduce="mean", cluster=cluster, progress=False),
    )


def require_gradient_of(
    recorded: Value, parameters: Sequence[Value], compiled: Any, first: Sequence[Any]
) -> None:
    """Compare the compiled gradient of the first sample with the recorded one.

    Args:
        recorded: The loss of the first sample.
        parameters: What the gradient is taken of.
        compiled: Computes it, compiled.
        first: The first sample, as its arguments.

    Raises:
        TypeError: They differ.
    """
    import numpy

    found = adjoints(recorded)
    expected = numpy.array([found.get(parameter, 0.0) for parameter in parameters])
    size = abs(expected).max()
    if not math.isfinite(size):
        return
    compiled.require_one_program(*first)
    _, gradient = compiled(*first)
    if not abs(gradient - expected).max() <= 1e-6 * size:
        raise TypeError(
            "compiled, the gradient of the first sample is not the recorded one: the model or "
            "the loss uses parameters in a way that compiling does not see, or changes from "
            "call to call; pass compiled=False"
        )


# --- samples as arrays ---------------------------------------------------------------------------

NUMBERS = {float, int, bool}


class Stack:
    """Samples of one shape, as arrays with a row for each."""

    def __init__(self, samples: Samples, places: Sequence[int], weights: Weights) -> None:
        import numpy

        xs, ys = zip(*[samples[i] for i in places], strict=True)
        self.places = numpy.array(places)
        self.columns = [stacked(xs), stacked(ys)]
        if weights is not None:
            self.columns.append(numpy.array([weights[i] for i in places], dtype=float))

    def rows(self, places: Any) -> list[Any]:
        """Take some rows, by their positions in the stack."""
        return [taken(column, places) for column in self.columns]


def shape(part: Any) -> Any:
    """Describe the structure of a sample; samples with the same structure can be stacked."""
    if type(part) in NUMBERS:
        return None
    leaves, tree = flatten(part, is_leaf=_is_row)
    shapes = [(len, len(leaf), None) if type(leaf) is list else None for leaf in leaves]
    return tree.fold(shapes, _shape)


def _is_row(part: Any) -> bool:
    return type(part) is list and set(map(type, part)) <= NUMBERS


def _shape(kind: type, keys: Keys, shapes: list[Any]) -> Any:
    """Describe a container, given the shapes of its parts."""
    if issubclass(kind, list):
        is_even = len({*shapes}) == 1
        return (len, len(shapes), shapes[0]) if is_even else (list, *shapes)
    if issubclass(kind, tuple):
        return (kind, *shapes)
    return None if kind is type(None) else (kind, *zip(keys, shapes, strict=True))


def stacked(parts: Sequence[Any]) -> Any:
    """Stack samples of one shape: arrays if they are arrays, with the structure that they have."""
    import numpy

    def of_arrays(kind: type, keys: Keys, arrays: list[Any]) -> Any:
        if issubclass(kind, (list, tuple)):
            return tuple(arrays)
        return dict(zip(keys, arrays, strict=True))

    def is_even(part: Any) -> bool:
        return isinstance(part, list) and is_array(shape(part))

    _, tree = flatten(parts[0], is_leaf=is_even)
    columns = [[reduce(getitem, keys, part) for part in parts] for keys in tree.key_paths()]
    return tree.fold([numpy.array(column, dtype=float) for column in columns], of_arrays)


def is_array(form: Any) -> bool:
    """Whether what has this shape is a number, or nested lists that form an array."""
    while form is not None and form[0] is len:
        form = form[2]
    return form is None


def taken(column: Any, places: Any) -> Any:
    """Take some rows of stacked samples."""
    return map_leaves(lambda array: array[places], column)


def _sorted_by_shape(
    samples: Samples, weights: Weights
) -> tuple[list[Stack], list[tuple[int, int]]]:
    """Stack the samples of each shape; for each sample, give its stack and its position there."""
    members: dict[Any, list[int]] = {}
    places: list[tuple[int, int]] = []
    number: dict[Any, int] = {}
    for i, sample in enumerate(samples):
        key = shape(sample)
        rows = members.setdefault(key, [])
        places.append((number.setdefault(key, len(number)), len(rows)))
        rows.append(i)
    return [Stack(samples, rows, weights) for rows in members.values()], places


def unstacked(outputs: Any) -> list[Any]:
    """Return the outputs row by row, as floats and lists, like `predict`."""
    leaves, tree = flatten(outputs)
    rows = zip(*[leaf.tolist() for leaf in leaves], strict=True)
    return [tree.fold(row, lambda kind, keys, parts: parts) for row in rows]
