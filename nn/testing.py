"""Hypothesis strategies for networks with data, to check gradients through losses and layers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from hypothesis import strategies as st

from autograd import mean
from autograd.graph import interior
from autograd.testing import operand
from nn import losses
from nn.layers import MLP

__all__ = ["Network", "networks"]

ACTIVATIONS = [
    "tanh", "sigmoid", "relu", "linear", "leaky_relu", "elu", "gelu", "silu", "softplus", "sin",
]  # fmt: skip

_KINK = 1e-3
"""The minimum distance from a kink, in a net input or an error."""


@dataclass(frozen=True)
class Network:
    """A multi-layer perceptron, data, and a suitable loss.

    Attributes:
        nin: The number of inputs.
        sizes: The number of neurons in each layer.
        activation: The name of the hidden layers' activation; the outputs have none.
        seed: The seed of weights and biases.
        loss_name: The name of a loss of `nn.losses`.
        X: The inputs of each sample.
        Y: The target, or targets, of each sample.

    Example:
        >>> network = Network(1, (1,), "tanh", 0, "hinge", ((0.5,),), ((1.0,),))
        >>> network.model()
        MLP(1, [1], activation=linear, output_activation=linear)
        >>> network.loss(network.model()).op
        'mean'
    """

    nin: int
    sizes: tuple[int, ...]
    activation: str
    seed: int
    loss_name: str
    X: tuple[tuple[float, ...], ...]
    Y: tuple[Any, ...]

    def model(self) -> MLP:
        """Make the network, the same one at every call.

        Returns:
            A model whose biases are random too, so that no neuron is at a kink.

        Example:
            >>> Network(2, (3, 1), "tanh", 0, "huber", ((0.5, 1.0),), ((1.0,),)).model()
            MLP(2, [3, 1], activation=tanh, output_activation=linear)
        """
        model = MLP(self.nin, self.sizes, self.activation, seed=self.seed)
        generator = random.Random(self.seed)
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.data = generator.uniform(-1.0, 1.0)
        return model

    def loss(self, model: Any, X: Sequence[Any] | None = None) -> Any:
        """Compute the mean loss over the samples: what to differentiate.

        Args:
            model: The model, or anything else that maps inputs to outputs.
            X: Inputs in place of the network's own, such as Values.

        Returns:
            A Value.

        Example:
            >>> from autograd.testing import gradcheck
            >>> network = Network(1, (2, 1), "tanh", 0, "huber", ((0.5,),), ((1.0,),))
            >>> bool(gradcheck(network.loss, network.model()))
            True
            >>> model = network.model()
            >>> bool(gradcheck(lambda X: network.loss(model, X), network.X))
            True
        """
        loss = getattr(losses, self.loss_name)
        samples = zip(self.X if X is None else X, self.Y, strict=True)
        return mean([loss(model(x), y) for x, y in samples])


def networks(
    *,
    max_inputs: int = 3,
    max_layers: int = 2,
    max_neurons: int = 4,
    max_samples: int = 3,
    activations: Sequence[str] = ACTIVATIONS,
) -> st.SearchStrategy[Network]:
    """Draw multi-layer perceptrons with data and a loss, away from every kink.

    Args:
        max_inputs: The maximum number of inputs.
        max_layers: The maximum number of layers.
        max_neurons: The maximum number of neurons in a layer.
        max_samples: The maximum number of samples.
        activations: The names of the activations to choose from.

    Returns:
        A strategy of `Network`.

    Example:
        >>> from hypothesis import find
        >>> find(networks(), lambda network: network.activation == "relu").sizes
        (1,)
    """
    return _networks(max_inputs, max_layers, max_neurons, max_samples, list(activations))


_REAL = operand("tanh")
_SIGN = st.sampled_from([1.0, -1.0])
_PROBABILITY = st.floats(0.0, 1.0, allow_subnormal=False)

# What the target of each output is drawn from; softmax_cross_entropy has one class for all.
TARGETS: dict[str, st.SearchStrategy[float]] = {
    "half_squared_error": _REAL,
    "mean_squared_error": _REAL,
    "mean_absolute_error": _REAL,
    "huber": _REAL,
    "hinge": _SIGN,
    "perceptron": _SIGN,
    "binary_cross_entropy": _PROBABILITY,
}
CLASSIFIER = "softmax_cross_entropy"


@st.composite
def _networks(
    draw: st.DrawFn,
    max_inputs: int,
    max_layers: int,
    max_neurons: int,
    max_samples: int,
    activations: list[str],
) -> Network:
    loss = draw(st.sampled_from([*TARGETS, *([CLASSIFIER] if max_neurons > 1 else [])]))
    nin = draw(st.integers(1, max_inputs))
    hidden = draw(st.lists(st.integers(1, max_neurons), max_size=max_layers - 1))
    outputs = draw(st.integers(2 if loss == CLASSIFIER else 1, max_neurons))
    activation = draw(st.sampled_from(activations))
    samples = draw(st.integers(1, max_samples))
    X = [tuple(draw(_REAL) for _ in range(nin)) for _ in range(samples)]
    Y: list[Any] = []
    for _ in range(samples):
        if loss == CLASSIFIER:
            Y.append(draw(st.integers(0, outputs - 1)))
        else:
            Y.append(tuple(draw(TARGETS[loss]) for _ in range(outputs)))
    # Inputs can be unlucky for some weights, but not for all: take the next seed that is smooth.
    first = draw(st.integers(0, 2**16))
    return next(
        network
        for seed in count(first)
        if _is_smooth(
            network := Network(nin, (*hidden, outputs), activation, seed, loss, tuple(X), tuple(Y))
        )
    )


def _is_smooth(network: Network) -> bool:
    """Tell whether nodes with a kink, and outputs whose sign matters, are away from it."""
    model = network.model()
    predictions = [model.predict(x) for x in network.X]
    outputs = [y for ys in predictions for y in (ys if isinstance(ys, list) else [ys])]
    return all(abs(output) > _KINK for output in outputs) and all(
        abs(node.parents[0].data) > _KINK
        for node in interior(network.loss(model))
        if node.op in ("relu", "leaky_relu", "elu", "abs")
    )
