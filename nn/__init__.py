"""Neural networks on the scalar engine: modules, losses, optimisers and training.

`Neuron`, `Layer` and `MLP` are the networks of the textbook, `Module` and `Parameter` what others
are made of, and `fit` trains any of them: down the gradient of a loss of `nn.losses`, by an
optimiser of `nn.optim` at a rate of `nn.schedules`, measured by `nn.metrics`, and reached into by
`nn.callbacks`. `save_checkpoint` keeps what a training needs to go on. `nn.testing` draws networks
with data, to check gradients.

Example:
    >>> from autograd import sigmoid
    >>> from nn import MLP, fit, losses
    >>> model = MLP(2, [4, 1], activation="tanh", seed=1)
    >>> X, Y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
    >>> history = fit(model, losses.binary_cross_entropy, X, Y, epochs=300)
    >>> [round(sigmoid(model.predict(x))) for x in X]
    [0, 1, 1, 0]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nn import callbacks, losses, metrics, optim, schedules
from nn.checkpoint import load_checkpoint, save_checkpoint
from nn.foreign import PACKAGE, refuse
from nn.history import DivergenceError, History
from nn.layers import MLP, Layer, Neuron
from nn.module import Module, Parameter, is_frozen
from nn.training import fit

__all__ = [
    "MLP",
    "DivergenceError",
    "History",
    "Layer",
    "Module",
    "Neuron",
    "Parameter",
    "callbacks",
    "fit",
    "is_frozen",
    "load_checkpoint",
    "losses",
    "metrics",
    "optim",
    "save_checkpoint",
    "schedules",
]


if not TYPE_CHECKING:  # a checker knows which names there are

    def __getattr__(name: str) -> Any:
        refuse(__name__, name, PACKAGE)
