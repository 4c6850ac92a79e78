"""The loss of a batch of samples, and its gradient: recorded sample by sample, or compiled."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Literal, Protocol

from autograd import Value, mean, no_grad
from autograd.errors import shown
from autograd.graph import adjoints, dependents, interior
from autograd.rules import VALUES
from autograd.value import as_value, recorded_adjoints
from nn import losses
from nn.layers import MLP, Layer, Neuron, linear
from nn.module import Module, evaluating, to_floats
from nn.optim import Optimiser

__all__ = ["Batches", "Compiling", "Loss", "Samples", "batches"]

Loss = Callable[[Any, Any], Any]
Samples = list[tuple[Any, Any]]  # inputs and targets, each a number or a list of numbers
Compiling = Literal["auto"] | bool

INDEPENDENT = "the loss does not depend on any parameter: it is a number"
WORTH_COMPILING = 2_000_000
"""From how much work on compiling takes less time than it saves; see `_is_worth_compiling`."""


class Batches(Protocol):
    """A model and its loss on batches of samples."""

    def add_gradient(self, chosen: Sequence[int]) -> float:
        """Add the gradient of the mean loss over some training samples to the parameters' `grad`.

        Returns:
            The mean loss.
        """

    def measure(self, held_out: bool) -> tuple[float, dict[str, float]]:
        """Average the loss, and each metric, over the training samples or those held out."""


def batches(
    model: Module,
    loss: Loss,
    metrics: Mapping[str, Loss],
    data: Samples,
    held_out: Samples,
    optimiser: Optimiser,
    epochs: int,
    compiled: Compiling,
) -> Batches:
    """Decide how losses and gradients are computed.

    Compiled code is made once, from the model and the loss as they then are. Whether that is what
    is meant can be told of those of this library only; "auto" compiles no others.

    Args:
        model: The model.
        loss: The loss of one sample.
        metrics: What else is measured, by name.
        data: The training samples.
        held_out: The samples for validation.
        optimiser: What changes the parameters.
        epochs: How often the data will be gone through.
        compiled: Whether to compile; "auto" where that is safe, possible, and worth the time.

    Returns:
        What computes them.

    Raises:
        TypeError: `compiled` is none of the three; or the model or the loss cannot be compiled.
        ModuleNotFoundError: NumPy is missing.
    """
    if compiled not in ("auto", True, False):
        raise TypeError(f"compiled is True, False or 'auto', got {shown(compiled)}")
    by_itself = compiled == "auto"
    if by_itself:
        compiled = (
            _is_worth_compiling(len(model.parameters()), (len(data) + len(held_out)) * epochs)
            and _is_known(model, loss)
            and find_spec("numpy") is not None
            and find_spec("llvmlite") is not None
        )
    if compiled:
        try:
            return CompiledBatches(model, loss, metrics, data, held_out, optimiser.parameters)
        except TypeError:
            if not by_itself:
                raise
    return RecordedBatches(model, loss, metrics, data, held_out)


def _is_worth_compiling(weights: int, samples: int) -> bool:
    """Whether to compile a model for so many samples, each counted once an epoch.

    A sample takes about as long as its weights and 60 more; compiling, as long as two million
    weights and 100 more for each weight of the model.
    """
    return samples * (weights + 60) >= WORTH_COMPILING * (1.0 + weights / 20_000)


def _is_known(model: Module, loss: Loss) -> bool:
    """Whether a model and a loss are made of this library's parts, which read nothing else."""
    if not any(loss is getattr(losses, name) for name in losses.__all__):
        return False
    if type(model) is MLP:
        return all(_is_known(layer, loss) for layer in model.layers)
    if type(model) is Layer:
        return all(_is_known(neuron, loss) for neuron in model.neurons)
    if type(model) is not Neuron:
        return False
    name = getattr(model.activation, "__name__", "")
    return model.activation is linear or model.activation is getattr(VALUES, name, None)


class RecordedBatches:
    """Losses and gradients of graphs that are recorded anew for each batch."""

    def __init__(
        self,
        model: Module,
        loss: Loss,
        metrics: Mapping[str, Loss],
        data: Samples,
        held_out: Samples,
    ) -> None:
        self.model, self.loss, self.metrics = model, loss, metrics
        self.data, self.held_out = data, held_out

    def add_gradient(self, chosen: Sequence[int]) -> float:
        samples = [self.data[i] for i in chosen]
        cost = mean([self.loss(self.model(x), y) for x, y in samples])
        if not isinstance(cost, Value):
            raise TypeError(INDEPENDENT)
        if math.isfinite(cost.data):
            cost.backward()
        return cost.data

    def measure(self, held_out: bool) -> tuple[float, dict[str, float]]:
        pairs = [(self.model.predict(x), y) for x, y in (self.held_out if held_out else self.data)]
        with no_grad():
            losses, *averages = [
                mean([to_floats(function(outputs, targets)) for outputs, targets in pairs])
                for function in (self.loss, *self.metrics.values())
            ]
        return losses, dict(zip(self.metrics, averages, strict=True))


class CompiledBatches:
    """Losses and gradients by machine code."""

    def __init__(
        self,
        model: Module,
        loss: Loss,
        metrics: Mapping[str, Loss],
        data: Samples,
        held_out: Samples,
        others: Sequence[Value] = (),
    ) -> None:
        import numpy

        from autograd.compiler import compile

        self.metrics = metrics
        # The model's, and what else is trained.
        self.parameters = list(dict.fromkeys([*model.parameters(), *others]))
        self.targets = [[target for _, target in samples] for samples in (data, held_out)]
        self.arrays = [
            tuple(numpy.array(column, dtype=float) for column in zip(*samples, strict=True))
            for samples in (data, held_out)
            if samples
        ]
        inputs, target = data[0]
        recorded = loss(model(inputs), target)
        if not isinstance(recorded, Value):
            raise TypeError(INDEPENDENT)
        outputs = model.predict(inputs)
        for _, target in (*data, *held_out):
            loss(outputs, target)  # raises what is wrong with it; traced code does not look at it

        def cost(x: Any, y: Any) -> Any:
            return loss(model(x), y)

        # What is measured is measured in evaluation mode, as `predict` does.
        def measured(x: Any, y: Any) -> Any:
            with evaluating():
                return cost(x, y)

        def outputs_of(x: Any) -> Any:
            with evaluating():
                return model(x)

        def value_and_gradient(x: Any, y: Any) -> tuple[Any, Any]:
            value = as_value(cost(x, y))
            order = interior(value, stop=self.parameters)
            within = dependents(order, self.parameters)
            found = recorded_adjoints(value, order, within, again=False)
            slopes = [found.get(parameter, 0.0) for parameter in self.parameters]
            return value, numpy.array(slopes, dtype=object)

        # The parameters are Values from outside, which compiled code reads anew at each call.
        self._value_and_gradient = compile(value_and_gradient, in_axes=0, reduce="mean")
        self._loss = compile(measured, in_axes=0, reduce="mean")
        self._outputs = compile(outputs_of, in_axes=0)
        self._array = numpy.array
        self._require_gradient_of(recorded)

    def _require_gradient_of(self, recorded: Value) -> None:
        """Hold the compiled gradient of the first sample to the recorded one."""
        X, Y = self.arrays[0]
        found = adjoints(recorded)
        expected = self._array([found.get(parameter, 0.0) for parameter in self.parameters])
        size = abs(expected).max()
        if not math.isfinite(size):
            return
        self._value_and_gradient.require_one_program(X[:1], Y[:1])
        _, gradient = self._value_and_gradient(X[:1], Y[:1])
        if not abs(gradient - expected).max() <= 1e-6 * size:
            raise TypeError(
                "compiled, the gradient of the first sample is not the recorded one: the model or "
                "the loss reaches parameters in a way that compiling does not see, or changes from "
                "call to call; pass compiled=False"
            )

    def add_gradient(self, chosen: Sequence[int]) -> float:
        X, Y = self.arrays[0]
        rows = self._array(chosen)
        loss, gradient = self._value_and_gradient(X[rows], Y[rows])
        for parameter, slope in zip(self.parameters, gradient.tolist(), strict=True):
            parameter.grad += slope
        return loss  # type: ignore[no-any-return]

    def measure(self, held_out: bool) -> tuple[float, dict[str, float]]:
        X, Y = self.arrays[1 if held_out else 0]
        averages = {}
        if self.metrics:
            outputs = self._outputs(X)
            several = isinstance(outputs, (list, tuple))
            columns = zip(*outputs, strict=True) if several else outputs.tolist()
            rows = [[*map(float, row)] if several else row for row in columns]
            for name, metric in self.metrics.items():
                values = [
                    to_floats(metric(row, target))
                    for row, target in zip(rows, self.targets[held_out], strict=True)
                ]
                averages[name] = mean(values)
        return self._loss(X, Y), averages
