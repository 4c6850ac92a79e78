"""Neural networks on the scalar engine: modules, losses, optimisers and training.

`Neuron`, `Layer` and `MLP` are the textbook networks, and `Dropout` drops inputs at random in
training. `Module`, `Parameter` and `Buffer` are the parts of custom models. `fit` trains any of
them: it follows the gradient of a loss from `nn.losses`, with an optimiser from `nn.optim` at a
rate from `nn.schedules`; `nn.metrics` has measures, and `nn.callbacks` hooks. `save_checkpoint`
saves what training needs to continue. `nn.testing` draws networks with data, to check gradients.

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

try:
    from nn import callbacks, losses, metrics, optim, schedules
    from nn.checkpoint import load_checkpoint, save_checkpoint
    from nn.foreign import PACKAGE, refuse
    from nn.history import DivergenceError, History
    from nn.layers import MLP, Dropout, Layer, Neuron
    from nn.module import Buffer, Module, Parameter, is_frozen
    from nn.training import fit
except ImportError as error:
    import autograd as _autograd

    if hasattr(_autograd, "Value"):
        raise
    raise ImportError(
        "nn needs scalar-autograd, and `import autograd` finds another package, in "
        f"{list(_autograd.__path__)}: HIPS's autograd has the same import name, and the two cannot "
        "be installed in one environment. Remove both, with whatever is left of the folder, and "
        "install the one that you want: pip uninstall autograd scalar-autograd"
    ) from error

__all__ = [
    "MLP",
    "Buffer",
    "DivergenceError",
    "Dropout",
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


if not TYPE_CHECKING:  # a type checker knows which names exist

    def __getattr__(name: str) -> Any:
        refuse(__name__, name, PACKAGE)
