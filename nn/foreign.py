"""What PyTorch, Keras and scikit-learn call the things of `nn`, and what they are called here.

These serve the errors that newcomers see: see `autograd.foreign`.
"""

from __future__ import annotations

from typing import NoReturn

from autograd.foreign import lacking

__all__ = ["FIT", "LOSSES", "MODULE", "OPTIMISER", "OPTIMISER_ARGUMENTS", "refuse"]

_LAYER = "a layer is Layer(nin, nout, activation), layers one after the other are MLP(nin, sizes)"
_ACTIVATION = "an activation is named where a layer is made: Layer(nin, nout, 'relu')"

PACKAGE = {
    "Linear": _LAYER,
    "Dense": _LAYER,
    "Sequential": _LAYER,
    "ReLU": _ACTIVATION,
    "Tanh": _ACTIVATION,
    "Sigmoid": _ACTIVATION,
    "functional": "functions are in autograd, losses in nn.losses",
    "Model": "use Module",
    "Net": "use Module",
    "optimizers": "use nn.optim",
    "optimisers": "use nn.optim",
    "loss": "use nn.losses",
    "train": "use nn.fit",
    "ModelCheckpoint": "use nn.callbacks.Checkpoint",
    "EarlyStopping": "use fit(patience=...)",
    "MLPClassifier": "it is in nn.sklearn, which needs scikit-learn",
    "MLPRegressor": "it is in nn.sklearn, which needs scikit-learn",
    "MSELoss": "use nn.losses.mean_squared_error",
    "L1Loss": "use nn.losses.mean_absolute_error",
    "CrossEntropyLoss": "use nn.losses.softmax_cross_entropy",
    "BCELoss": "use nn.losses.binary_cross_entropy, which takes logits",
    "BCEWithLogitsLoss": "use nn.losses.binary_cross_entropy",
    "SGD": "use nn.optim.SGD",
    "Adam": "use nn.optim.Adam",
    "AdamW": "use nn.optim.AdamW",
}

_MEMORY = "numbers live in Python's memory, in double precision"
MODULE = {
    "forward": "a model is called, model(x), and its class defines __call__",
    "fit": "use nn.fit(model, loss, X, Y)",
    "compile": "nn.fit(model, loss, X, Y) compiles if it pays; autograd.compile(model) for calls",
    "evaluate": "model.predict(X), and metrics in the history of nn.fit",
    "predict_proba": "predict gives the outputs; nn.sklearn.MLPClassifier has predict_proba",
    "score": "nn.sklearn.MLPClassifier and MLPRegressor have it",
    "summary": "repr(model) lists its parts, autograd.draw(model) draws it",
    "to": _MEMORY,
    "cuda": _MEMORY,
    "cpu": _MEMORY,
    "double": _MEMORY,
    "float": _MEMORY,
    "children": "the modules are the attributes; named_parameters() has dotted names",
    "named_modules": "the modules are the attributes; named_parameters() has dotted names",
    "trainable_variables": "use parameters()",
    "trainable_weights": "use parameters()",
    "get_weights": "use state_dict()",
    "set_weights": "use load_state_dict()",
    "save_weights": "use save(path)",
    "load_weights": "use load(path)",
    "register_buffer": "assign a Buffer: self.mean = Buffer(0.0)",
    "register_parameter": "assign a Parameter: self.w = Parameter(0.0)",
    "requires_grad_": "use freeze() and unfreeze()",
}

# By other libraries' names: the loss, or the metric.
LOSSES = {
    "acc": "accuracy",
    "BCELoss": "binary_cross_entropy",
    "BCEWithLogitsLoss": "binary_cross_entropy",
    "bce": "binary_cross_entropy",
    "binary_crossentropy": "binary_cross_entropy",
    "categorical_crossentropy": "softmax_cross_entropy",
    "cross_entropy": "softmax_cross_entropy",
    "crossentropy": "softmax_cross_entropy",
    "CrossEntropyLoss": "softmax_cross_entropy",
    "HuberLoss": "huber",
    "l1": "mean_absolute_error",
    "L1Loss": "mean_absolute_error",
    "l1_loss": "mean_absolute_error",
    "l2": "mean_squared_error",
    "log_loss": "binary_cross_entropy",
    "mae": "mean_absolute_error",
    "MeanSquaredError": "mean_squared_error",
    "mse": "mean_squared_error",
    "mse_loss": "mean_squared_error",
    "MSELoss": "mean_squared_error",
    "nll_loss": "softmax_cross_entropy",
    "smooth_l1": "huber",
    "SmoothL1Loss": "huber",
    "sparse_categorical_crossentropy": "softmax_cross_entropy",
    "squared_error": "mean_squared_error",
}

_OWN = "there are SGD, Adam and AdamW; a custom one is a subclass of Optimiser with a step()"
OPTIM = {
    "Optimizer": "use Optimiser",
    "RMSprop": _OWN,
    "Adagrad": _OWN,
    "Adadelta": _OWN,
    "LBFGS": _OWN,
    "NAdam": _OWN,
    "lr_scheduler": "a schedule is given as learning_rate: step_decay, cosine_decay and others",
    "StepLR": "use step_decay",
    "ExponentialLR": "use exponential_decay",
    "CosineAnnealingLR": "use cosine_decay",
    "LinearLR": "use linear_warmup",
}

_RATE = "use learning_rate"
OPTIMISER = {
    "lr": _RATE,
    "eps": "use epsilon",
    "beta1": "use betas",
    "beta2": "use betas",
    "params": "use parameters",
    "param_groups": "use parameters; for other options, make another optimiser",
    "state": "state_dict() gives a copy",
    "iterations": "use steps",
    "minimize": "loss.backward(), then step(), or nn.fit",
    "apply_gradients": "use step()",
}
OPTIMISER_ARGUMENTS = {
    "lr": "use learning_rate=",
    "eps": "use epsilon=",
    "params": "use parameters=",
    "beta1": "use betas=(0.9, 0.999)",
    "beta_1": "use betas=(0.9, 0.999)",
    "beta2": "use betas=(0.9, 0.999)",
    "beta_2": "use betas=(0.9, 0.999)",
    "rate": "use learning_rate=",
    "decay": "use weight_decay=, or a schedule as learning_rate=",
    "l2": "use weight_decay=",
}

_OPTIMISER = "optimiser=Adam(model.parameters(), 0.01), of nn.optim"
FIT = {
    "optimizer": f"use {_OPTIMISER}",
    "optim": f"use {_OPTIMISER}",
    "lr": f"the optimiser has it, {_OPTIMISER}",
    "learning_rate": f"the optimiser has it, {_OPTIMISER}",
    "weight_decay": "the optimiser has it, optimiser=AdamW(model.parameters(), weight_decay=...)",
    "verbose": "use progress=, True or False; callbacks=[nn.callbacks.Log()] logs each epoch",
    "validation_data": "use validation=(X, Y)",
    "validation_split": "use validation=0.2",
    "early_stopping": "use patience=",
    "criterion": "use loss, the second argument",
    "loss_fn": "use loss, the second argument",
    "x": "use X, the third argument",
    "y": "use Y, the fourth argument",
    "n_epochs": "use epochs=",
    "num_epochs": "use epochs=",
    "max_iter": "use epochs=",
    "random_state": "use seed=",
    "callback": "use callbacks=",
    "initial_epoch": "fit continues automatically, or from a checkpoint by resume=",
}


def refuse(module: str, name: str, advice: dict[str, str]) -> NoReturn:
    """Raise an error: a module has no such name; say what it is called here.

    Raises:
        AttributeError: Always.
    """
    raise lacking(f"module {module!r}", name, advice)
