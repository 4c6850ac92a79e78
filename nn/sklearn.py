"""Multi-layer perceptrons as scikit-learn estimators: for pipelines, searches, and scores.

Parameters that `sklearn.neural_network` has too have its names, order and meaning; the others are
those of `fit`.

Example:
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_iris(return_X_y=True)
    >>> perceptron = MLPClassifier((4,), learning_rate_init=0.1, tol=1e-2, random_state=0)
    >>> model = make_pipeline(StandardScaler(), perceptron)
    >>> round(model.fit(X, y).score(X, y), 1)
    1.0
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal

import numpy
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from autograd.errors import counted, shown
from nn import losses
from nn.batches import Compiling
from nn.callbacks import Callback, Training
from nn.layers import MLP, MOST
from nn.optim import SGD, Adam, Optimiser
from nn.training import fit

__all__ = ["MLPClassifier", "MLPRegressor"]

ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid"}
"""The names that differ in scikit-learn."""
LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "absolute_error": losses.mean_absolute_error,
    "huber": losses.huber,
    "squared_error": losses.half_squared_error,
}


class _Perceptron(BaseEstimator):  # type: ignore[misc]
    """What classifiers and regressors have in common."""

    n_outputs_: int

    def __init__(
        self,
        hidden_layer_sizes: int | Iterable[int] = (16,),
        activation: Any = "relu",
        *,
        solver: Literal["adam", "sgd"] = "adam",
        alpha: float = 0.0001,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: Literal["constant", "invscaling", "adaptive"] = "constant",
        learning_rate_init: float = 0.01,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        callbacks: Any = None,
        compiled: Compiling = "auto",
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.callbacks = callbacks
        self.compiled = compiled

    # --- training --------------------------------------------------------------------------------

    def _train(
        self,
        X: Any,
        targets: Any,
        outputs: int,
        loss: Callable[[Any, Any], Any],
        sample_weight: Any,
        *,
        stratify: Any = False,
        go_on: bool,
        epochs: int | None = None,
    ) -> None:
        """Train a network, the existing one if training is to continue, and store the results."""
        self._require_options()
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=float)
        if not (go_on and hasattr(self, "model_")):
            self._seed = int(check_random_state(self.random_state).randint(2**31))
            self.model_ = MLP(
                X.shape[1],
                [*self._hidden_sizes(), outputs],
                ACTIVATIONS.get(self.activation, self.activation)
                if isinstance(self.activation, str)
                else self.activation,
                seed=self._seed,
            )
            self._optimiser = self._new_optimiser()
            self.n_iter_, self.loss_curve_ = 0, []
        size = len(X) if self.batch_size == "auto" else int(self.batch_size)
        size = min(200, size) if self.batch_size == "auto" else min(size, len(X))
        total = float(len(X) if sample_weight is None else numpy.sum(sample_weight))
        stopping = _Stopping(
            self.tol, self.n_iter_no_change, self.learning_rate, watch=epochs is None
        )
        watched = self.early_stopping and epochs is None
        history = fit(
            self.model_,
            loss,
            X,
            targets,
            optimiser=self._optimiser,
            epochs=self.max_iter if epochs is None else epochs,
            batch_size=size,
            shuffle=self.shuffle,
            seed=self._seed,
            validation=self.validation_fraction if watched else None,
            stratify=stratify if watched else False,
            patience=self.n_iter_no_change if watched else None,
            sample_weight=sample_weight,
            callbacks=[
                _Penalty(self.alpha * len(X) / (size * total)),
                *([] if watched else [stopping]),
                *_listed(self.callbacks),
            ],
            progress=bool(self.verbose),
            compiled=self.compiled,
        )
        self.history_ = history
        self.n_iter_ += len(history.losses)
        self.loss_curve_ += history.losses
        self.loss_ = history.losses[-1] if history.losses else math.nan
        self.best_loss_ = min(self.loss_curve_, default=math.nan)
        self.n_outputs_, self.n_layers_ = outputs, len(self.model_.layers) + 1
        if epochs is None and history.stopped == "completed":
            warnings.warn(
                f"{type(self).__name__}: the loss was still falling after {self.max_iter} epochs: "
                "scale the inputs, or raise max_iter or learning_rate_init",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _hidden_sizes(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        return [int(sizes)] if isinstance(sizes, Integral) else [*sizes]  # type: ignore[misc]

    def _require_options(self) -> None:
        """Raise an error for a parameter that nothing else checks."""
        for name, options in (
            ("solver", ("adam", "sgd")),
            ("learning_rate", ("constant", "invscaling", "adaptive")),
        ):
            if not isinstance(getattr(self, name), str) or getattr(self, name) not in options:
                raise ValueError(
                    f"{name} must be {' or '.join(map(repr, options))}, got "
                    f"{shown(getattr(self, name))}"
                )
        for name, least in ("max_iter", 1), ("n_iter_no_change", 1):
            number = getattr(self, name)
            if not isinstance(number, (Integral, float)) or number < least:
                raise ValueError(f"{name} must be at least {least}, got {shown(number)}")
        hidden = self.hidden_layer_sizes
        sizes: Any = [hidden] if isinstance(hidden, Real) else hidden
        if (
            isinstance(sizes, (str, bytes, Mapping, Set))
            or not isinstance(sizes, Iterable)
            or not all(isinstance(size, Integral) and 1 <= int(size) <= MOST for size in sizes)
        ):
            raise ValueError(
                "hidden_layer_sizes must be positive integers, one for each hidden layer, got "
                f"{shown(hidden)}"
            )
        if not isinstance(self.tol, Real):
            raise ValueError(f"tol must be a number, got {shown(self.tol)}")
        for name in ("alpha", "momentum", "validation_fraction", "power_t"):
            number = getattr(self, name)
            if not isinstance(number, Real) or not 0.0 <= number < math.inf:
                raise ValueError(f"{name} must be a number of at least 0, got {shown(number)}")
        size = self.batch_size
        automatic = isinstance(size, str) and size == "auto"
        if not automatic and not (isinstance(size, Real) and size >= 1):
            raise ValueError(f"batch_size must be 'auto' or at least 1, got {shown(size)}")

    def _new_optimiser(self) -> Optimiser:
        parameters = self.model_.parameters()
        if self.solver == "adam":
            return Adam(
                parameters,
                self.learning_rate_init,
                betas=(self.beta_1, self.beta_2),
                epsilon=self.epsilon,
            )
        rate: Any = self.learning_rate_init
        if self.learning_rate == "invscaling":
            rate = _InverseScaling(self.learning_rate_init, self.power_t)
        nesterov = self.nesterovs_momentum and self.momentum > 0.0
        return SGD(parameters, rate, momentum=self.momentum, nesterov=nesterov)

    # --- predicting ------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> Any:
        """Compute the outputs, an array of shape (rows, outputs)."""
        check_is_fitted(self, "model_")
        X = validate_data(self, X, dtype=float, reset=False)
        return self.model_.predict(X)


class MLPClassifier(ClassifierMixin, _Perceptron):  # type: ignore[misc]
    """A multi-layer perceptron that classifies, as a scikit-learn estimator.

    For two classes it has one output, a logit; for more, one for each; and also one for each if a
    sample may belong to several classes (`y` is a table of 0 and 1). It minimises the cross
    entropy.

    Args:
        hidden_layer_sizes: The number of neurons in each hidden layer; by default, one layer of 16.
        activation: "identity", "logistic", "tanh", "relu", or the name of any other function of
            `autograd`, or a function.
        solver: "adam" or "sgd".
        alpha: The factor of the penalty ½ |W|² / n on the weights.
        batch_size: The number of samples per step; "auto" for 200, or all if there are fewer.
        learning_rate: For "sgd": "constant"; "invscaling", learning_rate_init / t ** power_t at
            step t; or "adaptive", divided by 5 whenever the loss has not fallen twice in a row.
        learning_rate_init: The rate of the first step.
        power_t: The exponent of "invscaling".
        max_iter: The maximum number of epochs.
        shuffle: Whether each epoch takes the samples in a new order.
        random_state: The source of random weights and orders: a seed, a NumPy generator, or None.
        tol: How much the loss must fall to count as improved.
        verbose: Whether to show a progress bar.
        warm_start: Whether `fit` continues with the existing network.
        momentum: For "sgd", how much of the velocity a step keeps.
        nesterovs_momentum: Whether the momentum is Nesterov's.
        early_stopping: Whether to set data aside and to stop when the loss on them no longer falls;
            the weights are then those of the best epoch.
        validation_fraction: The fraction to set aside, of each class.
        beta_1: For "adam", how much of the mean gradient a step keeps.
        beta_2: The same for the mean of its square.
        epsilon: Keeps Adam's quotient finite.
        n_iter_no_change: The number of epochs without improvement after which training ends.
        callbacks: Hooks into the training: see `nn.callbacks`.
        compiled: Whether to compile: see `nn.fit`.
        class_weight: How much each class counts: a dictionary, or "balanced".

    Attributes:
        classes_: The classes, in order.
        model_: The network.
        history_: The results of the last training run.
        n_iter_: The number of epochs so far.
        loss_curve_: The loss after each epoch.

    Example:
        >>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], ["no", "yes", "yes", "no"]
        >>> model = MLPClassifier((4,), "tanh", random_state=1, max_iter=500, tol=1e-3).fit(X, y)
        >>> model.predict(X).tolist()
        ['no', 'yes', 'yes', 'no']
        >>> model.predict_proba(X).shape
        (4, 2)
    """

    classes_: Any
    _several: bool

    def __init__(
        self,
        hidden_layer_sizes: int | Iterable[int] = (16,),
        activation: Any = "relu",
        *,
        solver: Literal["adam", "sgd"] = "adam",
        alpha: float = 0.0001,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: Literal["constant", "invscaling", "adaptive"] = "constant",
        learning_rate_init: float = 0.01,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        callbacks: Any = None,
        compiled: Compiling = "auto",
        class_weight: Any = None,
    ) -> None:
        super().__init__(
            hidden_layer_sizes, activation, solver=solver, alpha=alpha, batch_size=batch_size,
            learning_rate=learning_rate, learning_rate_init=learning_rate_init, power_t=power_t,
            max_iter=max_iter, shuffle=shuffle, random_state=random_state, tol=tol,
            verbose=verbose, warm_start=warm_start, momentum=momentum,
            nesterovs_momentum=nesterovs_momentum, early_stopping=early_stopping,
            validation_fraction=validation_fraction, beta_1=beta_1, beta_2=beta_2,
            epsilon=epsilon, n_iter_no_change=n_iter_no_change, callbacks=callbacks,
            compiled=compiled,
        )  # fmt: skip
        self.class_weight = class_weight

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPClassifier:
        """Train a network.

        Args:
            X: The samples, one row each.
            y: Their classes, numbers or texts; or a table of 0 and 1, with a column for each class.
            sample_weight: How much each sample counts.

        Returns:
            The estimator.

        Raises:
            ValueError: The data, or a parameter, are not valid.
        """
        X, y = validate_data(self, X, y, dtype=float, multi_output=True)
        y = _flat(y)
        go_on = self.warm_start and hasattr(self, "classes_")
        self._take_classes(y, None, go_on)
        self._train_classes(X, y, sample_weight, go_on=go_on)
        return self

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> MLPClassifier:
        """Train for one epoch, starting with the existing network.

        Args:
            X: The samples, one row each.
            y: Their classes.
            classes: All classes that will ever occur; required at the first call.
            sample_weight: How much each sample counts.

        Returns:
            The estimator.

        Raises:
            ValueError: The data are not valid, or contain a class that was not announced.
        """
        first = not hasattr(self, "classes_")
        X, y = validate_data(self, X, y, dtype=float, multi_output=True, reset=first)
        y = _flat(y)
        if first and classes is None and type_of_target(y) != "multilabel-indicator":
            raise ValueError(
                "partial_fit: classes must be given at the first call: all classes that will come"
            )
        self._take_classes(y, classes, go_on=not first)
        self._train_classes(X, y, sample_weight, go_on=True, epochs=1)
        return self

    def _take_classes(self, y: Any, classes: Any, go_on: bool) -> None:
        """Store the classes, or check that they are those of before."""
        check_classification_targets(y)
        several = type_of_target(y) == "multilabel-indicator"
        if not several and y.ndim == 2:
            raise ValueError(
                f"y has {counted(y.shape[1], 'column')}: pass one column with the class of each "
                "row, or several columns of 0 and 1"
            )
        found = numpy.arange(y.shape[1]) if several else numpy.unique(y)
        announced = found if classes is None else numpy.unique(classes)
        if go_on:
            if classes is not None and not numpy.array_equal(announced, self.classes_):
                raise ValueError(
                    f"partial_fit: classes are {shown(announced.tolist())}, and were "
                    f"{shown(self.classes_.tolist())} at the first call"
                )
            announced = self.classes_
        if (
            several != (self._several if go_on else several)
            or not numpy.isin(found, announced).all()
        ):
            raise ValueError(
                f"y has other classes than {shown(announced.tolist())}: {shown(found.tolist())}"
            )
        self._several, self.classes_ = several, announced

    def _train_classes(
        self, X: Any, y: Any, sample_weight: Any, *, go_on: bool, epochs: int | None = None
    ) -> None:
        count = len(self.classes_)
        weights = self._class_weights(y)
        if self._several:
            targets, outputs = y.astype(float), count
        else:
            targets, outputs = numpy.searchsorted(self.classes_, y), count if count > 2 else 1
        if weights is not None:
            given = 1.0 if sample_weight is None else _check_sample_weight(sample_weight, X)
            sample_weight = weights * given
        self._train(
            X,
            targets,
            outputs,
            losses.softmax_cross_entropy
            if outputs > 1 and not self._several
            else losses.binary_cross_entropy,
            sample_weight,
            stratify=not self._several,
            go_on=go_on,
            epochs=epochs,
        )

    def _class_weights(self, y: Any) -> Any:
        if self.class_weight is None:
            return None
        from sklearn.utils.class_weight import compute_sample_weight

        return compute_sample_weight(self.class_weight, y)

    def predict_proba(self, X: Any) -> Any:
        """Compute the probability of each class.

        Args:
            X: The samples, one row each.

        Returns:
            An array of shape (rows, classes).

        Raises:
            ValueError: The data are not valid.
        """
        logits = self._outputs(X)
        if self._several:
            return _sigmoid(logits)
        if logits.shape[1] == 1:
            if len(self.classes_) == 1:
                return numpy.ones_like(logits)
            return _sigmoid(numpy.hstack([-logits, logits]))
        powers = numpy.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def predict_log_proba(self, X: Any) -> Any:
        """Compute the logarithm of the probability of each class.

        Args:
            X: The samples, one row each.

        Returns:
            An array of shape (rows, classes).

        Raises:
            ValueError: The data are not valid.
        """
        with numpy.errstate(divide="ignore"):
            return numpy.log(self.predict_proba(X))

    def predict(self, X: Any) -> Any:
        """Predict the most likely class of each sample.

        Args:
            X: The samples, one row each.

        Returns:
            An array of classes; an array of 0 and 1 with a column for each class if trained on one.

        Raises:
            ValueError: The data are not valid.
        """
        shares = self.predict_proba(X)
        if self._several:
            return (shares > 0.5).astype(int)
        return self.classes_[shares.argmax(axis=1)]


class MLPRegressor(RegressorMixin, _Perceptron):  # type: ignore[misc]
    """A multi-layer perceptron for regression, as a scikit-learn estimator.

    Args:
        loss: "squared_error", "absolute_error", "huber", or a function like those of `nn.losses`.
        hidden_layer_sizes: As for `MLPClassifier`; so are the others.
        activation: The activation of the hidden layers.
        solver: "adam" or "sgd".
        alpha: The factor of the penalty on the weights.
        batch_size: The number of samples per step.
        learning_rate: How the rate changes.
        learning_rate_init: The rate of the first step.
        power_t: The exponent of "invscaling".
        max_iter: The maximum number of epochs.
        shuffle: Whether each epoch takes the samples in a new order.
        random_state: The source of random numbers, for weights and orders.
        tol: How much the loss must fall to count as improved.
        verbose: Whether to show a progress bar.
        warm_start: Whether `fit` continues with the existing network.
        momentum: How much of the velocity a step keeps.
        nesterovs_momentum: Whether the momentum is Nesterov's.
        early_stopping: Whether to set data aside, and stop when the loss on them no longer falls.
        validation_fraction: The fraction to set aside.
        beta_1: How much of the mean gradient a step of Adam keeps.
        beta_2: The same for the mean of its square.
        epsilon: Keeps Adam's quotient finite.
        n_iter_no_change: The number of epochs without improvement after which training ends.
        callbacks: Hooks into the training.
        compiled: Whether to compile.

    Attributes:
        model_: The network.
        history_: The results of the last training run.
        n_iter_: The number of epochs so far.
        loss_curve_: The loss after each epoch.

    Example:
        >>> X = [[i / 10] for i in range(20)]
        >>> y = [x[0] ** 2 for x in X]
        >>> model = MLPRegressor(hidden_layer_sizes=(4,), activation="tanh", random_state=0,
        ...                      learning_rate_init=0.1, tol=1e-3).fit(X, y)
        >>> model.score(X, y) > 0.95
        True
    """

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: int | Iterable[int] = (16,),
        activation: Any = "relu",
        *,
        solver: Literal["adam", "sgd"] = "adam",
        alpha: float = 0.0001,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: Literal["constant", "invscaling", "adaptive"] = "constant",
        learning_rate_init: float = 0.01,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        callbacks: Any = None,
        compiled: Compiling = "auto",
    ) -> None:
        super().__init__(
            hidden_layer_sizes, activation, solver=solver, alpha=alpha, batch_size=batch_size,
            learning_rate=learning_rate, learning_rate_init=learning_rate_init, power_t=power_t,
            max_iter=max_iter, shuffle=shuffle, random_state=random_state, tol=tol,
            verbose=verbose, warm_start=warm_start, momentum=momentum,
            nesterovs_momentum=nesterovs_momentum, early_stopping=early_stopping,
            validation_fraction=validation_fraction, beta_1=beta_1, beta_2=beta_2,
            epsilon=epsilon, n_iter_no_change=n_iter_no_change, callbacks=callbacks,
            compiled=compiled,
        )  # fmt: skip
        self.loss = loss

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train a network.

        Args:
            X: The samples, one row each.
            y: Their targets, a number or a row of numbers each.
            sample_weight: How much each sample counts.

        Returns:
            The estimator.

        Raises:
            ValueError: The data, or a parameter, are not valid.
        """
        X, y = validate_data(self, X, y, dtype=float, multi_output=True, y_numeric=True)
        self._train_numbers(X, y, sample_weight, go_on=self.warm_start)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train for one epoch, starting with the existing network.

        Args:
            X: The samples, one row each.
            y: Their targets.
            sample_weight: How much each sample counts.

        Returns:
            The estimator.

        Raises:
            ValueError: The data are not valid.
        """
        first = not hasattr(self, "model_")
        X, y = validate_data(
            self, X, y, dtype=float, multi_output=True, y_numeric=True, reset=first
        )
        self._train_numbers(X, y, sample_weight, go_on=True, epochs=1)
        return self

    def _train_numbers(
        self, X: Any, y: Any, sample_weight: Any, *, go_on: bool, epochs: int | None = None
    ) -> None:
        loss = LOSSES.get(self.loss) if isinstance(self.loss, str) else self.loss
        if not callable(loss):
            raise ValueError(
                f"loss must be {', '.join(map(repr, LOSSES))} or a function, got {shown(self.loss)}"
            )
        y = _flat(y)
        self._columns = y.ndim == 2
        outputs = y.shape[1] if y.ndim == 2 else 1
        if go_on and hasattr(self, "model_") and outputs != self.n_outputs_:
            raise ValueError(
                f"y has {counted(outputs, 'column')}, and had {self.n_outputs_:,} before"
            )
        self._train(X, y.astype(float), outputs, loss, sample_weight, go_on=go_on, epochs=epochs)

    def predict(self, X: Any) -> Any:
        """Compute the outputs of each sample.

        Args:
            X: The samples, one row each.

        Returns:
            An array of numbers, or of rows of them if it was trained on rows.

        Raises:
            ValueError: The data are not valid.
        """
        outputs = self._outputs(X)
        return outputs if self._columns else outputs[:, 0]


# --- parts ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _InverseScaling:
    """The rate divided by a power of the step's number."""

    rate: float
    power: float

    def __call__(self, step: int) -> float:
        return self.rate * math.pow(step + 1, -self.power)


@dataclass
class _Penalty(Callback):
    """Adds the derivative of ½ factor |W|² to that of the loss; biases are not penalised."""

    factor: float

    def on_gradient(self, training: Training) -> None:
        if self.factor:
            for layer in training.model.layers:  # type: ignore[attr-defined]
                for neuron in layer.neurons:
                    for weight in neuron.weights:
                        weight.grad += self.factor * weight.data


@dataclass
class _Stopping(Callback):
    """Ends training when the loss has not fallen enough for some epochs.

    With the rate "adaptive", it divides the rate by 5 instead, until that is 1e-6.
    """

    tol: float
    patience: int
    learning_rate: str
    watch: bool
    least: float = math.inf
    stale: int = 0

    def on_epoch(self, training: Training) -> None:
        loss = training.history.losses[-1]
        self.stale = self.stale + 1 if loss > self.least - self.tol else 0
        self.least = min(loss, self.least)
        if not self.watch or self.stale <= self.patience:
            return
        self.stale = 0
        rate = training.optimiser.learning_rate
        adaptive = self.learning_rate == "adaptive" and isinstance(training.optimiser, SGD)
        if adaptive and not callable(rate) and rate > 1e-6:
            training.optimiser.learning_rate = rate / 5.0
        else:
            training.stop("converged")


def _listed(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    return [*callbacks] if isinstance(callbacks, Iterable) else [callbacks]


def _flat(y: Any) -> Any:
    """Turn a single column into a row, with a warning as in scikit-learn."""
    return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y


def _sigmoid(x: Any) -> Any:
    return numpy.exp(-numpy.logaddexp(0.0, -x))
