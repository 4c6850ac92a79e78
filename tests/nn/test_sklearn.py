"""Estimators: scikit-learn's own checks, its own perceptrons, and what people do with them."""

from __future__ import annotations

import pickle
import sys
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

sklearn = pytest.importorskip("sklearn", minversion="1.6")

from sklearn.base import clone  # noqa: E402
from sklearn.datasets import load_iris, make_blobs  # noqa: E402
from sklearn.exceptions import ConvergenceWarning, NotFittedError  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.neural_network import MLPClassifier as TheirClassifier  # noqa: E402
from sklearn.neural_network import MLPRegressor as TheirRegressor  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

from nn.callbacks import CSVLog, Training  # noqa: E402
from nn.sklearn import MLPClassifier, MLPRegressor  # noqa: E402

QUICK: Any = {"hidden_layer_sizes": (5,), "max_iter": 20, "learning_rate_init": 0.1}
# The checks look at what an estimator takes and keeps, a hundred times; little training will do.
BRIEF: Any = {**QUICK, "hidden_layer_sizes": (3,), "max_iter": 4, "batch_size": 40}
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(40, 3))
CLASSES = np.where(X[:, 0] > 0.3, "high", np.where(X[:, 1] > 0, "middle", "low"))
NUMBERS = np.sin(X[:, 0]) + 0.5 * X[:, 1]
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # scikit-learn's checks provoke them
@parametrize_with_checks(
    [  # type: ignore[untyped-decorator]
        MLPClassifier(**BRIEF),
        MLPRegressor(**BRIEF, compiled=True),
    ]
)
def test_scikit_learn_finds_nothing(estimator: Any, check: Any) -> None:
    check(estimator)


# --- beside scikit-learn's perceptrons -----------------------------------------------------------

CASES: dict[str, tuple[Any, Any, Any, dict[str, Any]]] = {
    "two classes": (MLPClassifier, TheirClassifier, CLASSES == "high", {}),
    "three classes": (MLPClassifier, TheirClassifier, CLASSES, {}),
    "numbers": (MLPRegressor, TheirRegressor, NUMBERS, {}),
    "rows of numbers": (MLPRegressor, TheirRegressor, np.c_[NUMBERS, X[:, 2] ** 2], {}),
    "momentum": (MLPRegressor, TheirRegressor, NUMBERS, {"momentum": 0.9}),
    "plain momentum": (
        MLPRegressor, TheirRegressor, NUMBERS, {"momentum": 0.9, "nesterovs_momentum": False},
    ),
    "a strong penalty": (MLPRegressor, TheirRegressor, NUMBERS, {"alpha": 5.0}),
    "two layers": (
        MLPClassifier, TheirClassifier, CLASSES, {"hidden_layer_sizes": (4, 3)},
    ),
}  # fmt: skip


@quiet
@pytest.mark.parametrize("name", CASES)
def test_steps_are_those_of_scikit_learn(name: str) -> None:
    ours, theirs, y, options = CASES[name]
    options = {
        "hidden_layer_sizes": (4,), "activation": "tanh", "solver": "sgd", "momentum": 0.0,
        "learning_rate_init": 0.05, "alpha": 0.01, "random_state": 0, **options,
    }  # fmt: skip
    classes = {} if ours is MLPRegressor else {"classes": np.unique(y)}
    mine, other = ours(**options), theirs(**options)
    other.partial_fit(X, y, **classes)
    for velocity in other._optimizer.velocities:
        velocity[:] = 0.0
    mine.partial_fit(X, y, **classes)
    # Ours, from the same weights.
    mine._optimiser = mine._new_optimiser()
    for layer, coefficients, offsets in zip(
        mine.model_.layers, other.coefs_, other.intercepts_, strict=True
    ):
        for neuron, column, offset in zip(layer.neurons, coefficients.T, offsets, strict=True):
            for weight, number in zip(neuron.weights, column, strict=True):
                weight.data = float(number)
            neuron.bias.data = float(offset)
    for _ in range(8):
        mine.partial_fit(X, y, **classes)
        other.partial_fit(X, y, **classes)
    predict = "predict" if ours is MLPRegressor else "predict_proba"
    found, expected = getattr(mine, predict)(X), getattr(other, predict)(X)
    assert found.shape == expected.shape
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert mine.score(X, y) == pytest.approx(other.score(X, y))


def test_parameters_are_those_of_scikit_learn() -> None:
    for ours, theirs, more in (
        (MLPClassifier, TheirClassifier, {"callbacks", "compiled", "class_weight"}),
        (MLPRegressor, TheirRegressor, {"callbacks", "compiled"}),
    ):
        missing = set(theirs().get_params()) - set(ours().get_params())
        assert missing == {"max_fun"}  # of the solver "lbfgs", which is not here
        assert set(ours().get_params()) - set(theirs().get_params()) <= {*more, "loss"}


# --- what people do ------------------------------------------------------------------------------


@quiet
def test_in_a_pipeline_and_a_search() -> None:
    model = MLPClassifier(**{**QUICK, "max_iter": 30}, batch_size=25, random_state=0, compiled=True)
    pipeline = make_pipeline(StandardScaler(), model)
    table, y = load_iris(return_X_y=True)
    assert cross_val_score(pipeline, table, y, cv=2).mean() > 0.9
    search = GridSearchCV(pipeline, {"mlpclassifier__hidden_layer_sizes": [(2,), (4,)]}, cv=2).fit(
        table, y
    )
    assert search.best_score_ > 0.8


@quiet
def test_frames_have_names() -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = MLPClassifier(**QUICK, random_state=0).fit(frame, pd.Series(CLASSES))
    assert list(model.feature_names_in_) == ["a", "b", "c"]
    assert set(model.predict(frame)) <= set(CLASSES)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[["b", "a", "c"]])


@quiet
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_clones_and_pickles(kind: Any) -> None:
    y = CLASSES if kind is MLPClassifier else NUMBERS
    model = kind(**QUICK, random_state=3).fit(X, y)
    twin = clone(model).fit(X, y)
    other = pickle.loads(pickle.dumps(model))
    for estimator in twin, other:
        assert (estimator.predict(X) == model.predict(X)).all()
    # The optimiser goes on with the parameters of the copy.
    for estimator in model, other:
        estimator.partial_fit(X, y)
    assert other.model_.state_dict() == model.model_.state_dict() != twin.model_.state_dict()


@quiet
def test_classes_are_texts_or_numbers_or_one() -> None:
    for y in CLASSES, CLASSES == "low", np.where(CLASSES == "low", 7, -3), np.full(40, 2.0):
        model = MLPClassifier(**QUICK, random_state=0).fit(X, y)
        shares = model.predict_proba(X)
        assert model.classes_.tolist() == np.unique(y).tolist()
        assert shares.shape == (40, len(model.classes_))
        assert shares.sum(axis=1) == pytest.approx(np.ones(40))
        assert (model.predict(X) == model.classes_[shares.argmax(axis=1)]).all()
        assert np.exp(model.predict_log_proba(X)) == pytest.approx(shares)
        assert model.score(X, y) > 0.7


@quiet
def test_several_classes_at_once() -> None:
    y = (X[:, :2] > 0).astype(int)
    model = MLPClassifier(**QUICK, random_state=0).fit(X, y)
    assert model.predict(X).shape == y.shape == model.predict_proba(X).shape
    assert model.score(X, y) > 0.6


@quiet
def test_extreme_outputs_are_probabilities() -> None:
    for y in CLASSES, CLASSES == "low":
        model = MLPClassifier(**QUICK, random_state=0).fit(X, y)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            shares = model.predict_proba(1e200 * X)
        assert shares.sum(axis=1) == pytest.approx(np.ones(40))


@quiet
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_weights_and_classes_count(kind: Any) -> None:
    y = CLASSES if kind is MLPClassifier else NUMBERS
    weights = GENERATOR.integers(0, 3, size=40)
    options = {**QUICK, "random_state": 1, "max_iter": 10}
    model = kind(**options).fit(X, y, sample_weight=weights)
    rows = np.repeat(np.arange(40), weights)
    repeated = kind(**options).fit(X[rows], y[rows])
    predict = "predict" if kind is MLPRegressor else "predict_proba"
    assert getattr(model, predict)(X) == pytest.approx(getattr(repeated, predict)(X), rel=1e-6)
    if kind is MLPClassifier:
        heavy = kind(**options, class_weight={"low": 100.0, "middle": 1.0, "high": 1.0})
        assert (heavy.fit(X, y).predict(X) == "low").sum() > (model.predict(X) == "low").sum()
        kind(**options, class_weight="balanced").fit(X, y, sample_weight=weights)


def test_partial_fit_needs_the_classes_once() -> None:
    model = MLPClassifier(**QUICK, random_state=0)
    with pytest.raises(ValueError, match="classes must be given at the first call"):
        model.partial_fit(X, CLASSES)
    for i in range(0, 40, 10):
        model.partial_fit(X[i : i + 10], CLASSES[i : i + 10], classes=np.unique(CLASSES))
    assert model.n_iter_ == 4
    assert len(model.loss_curve_) == 4
    with pytest.raises(ValueError, match="and were"):
        model.partial_fit(X, CLASSES, classes=["a", "b"])
    with pytest.raises(ValueError, match="y has other classes than"):
        model.partial_fit(X, np.full(40, "new"))


@quiet
def test_a_warm_start_goes_on() -> None:
    cold, warm = (MLPRegressor(**QUICK, random_state=0, warm_start=w) for w in (False, True))
    for _ in range(2):
        cold.fit(X, NUMBERS)
        warm.fit(X, NUMBERS)
    assert warm.loss_ < cold.loss_
    assert (cold.n_iter_, warm.n_iter_) == (20, 40)
    with pytest.raises(ValueError, match="y has 2 columns, and had 1 before"):
        warm.fit(X, np.c_[NUMBERS, NUMBERS])


def test_training_ends_when_the_loss_falls_no_more() -> None:
    options: Any = {"random_state": 0, "hidden_layer_sizes": (4,), "learning_rate_init": 0.05}
    with pytest.warns(ConvergenceWarning, match="still falling after 3 epochs"):
        MLPRegressor(**{**options, "max_iter": 3}).fit(X, NUMBERS)
    model = MLPRegressor(**options, max_iter=5000, tol=1e-3).fit(X, NUMBERS)
    assert model.history_.stopped == "converged"
    assert model.n_iter_ == len(model.loss_curve_) < 5000
    assert model.best_loss_ == min(model.loss_curve_)
    stopped = MLPClassifier(
        **options, max_iter=5000, early_stopping=True, validation_fraction=0.3
    ).fit(X, CLASSES)
    assert stopped.history_.stopped == "early stopping"
    slow = MLPRegressor(
        **options, max_iter=5000, solver="sgd", learning_rate="adaptive", tol=1e-2,
        n_iter_no_change=2,
    ).fit(X, NUMBERS)  # fmt: skip
    assert slow.history_.stopped == "converged"
    assert slow._optimiser.rate() <= 1e-6
    inverse = MLPRegressor(**options, solver="sgd", learning_rate="invscaling", tol=1e-2)
    inverse.fit(X, NUMBERS)
    assert inverse._optimiser.rate() == pytest.approx(0.05 / np.sqrt(inverse._optimiser.steps + 1))


@quiet
def test_callbacks_activations_and_losses_pass_through(tmp_path: Any) -> None:
    seen: list[int] = []

    def note(training: Training) -> None:
        seen.append(training.epoch)

    for activation in "identity", "logistic", "gelu":
        model = MLPRegressor(
            **QUICK, loss="huber", activation=activation, callbacks=[note, CSVLog(tmp_path / "x")],
            compiled=False,
        ).fit(X, NUMBERS)  # fmt: skip
        seen.clear()
    assert model.score(X, NUMBERS) > 0.5
    MLPRegressor(**QUICK, loss="absolute_error", callbacks=note, batch_size=16).fit(X, NUMBERS)
    assert seen == list(range(20))


@quiet
def test_compiled_and_recorded_are_the_same() -> None:
    table, y = make_blobs(n_samples=40, random_state=0)
    recorded, machine = (
        MLPClassifier((3,), max_iter=10, random_state=0, compiled=c).fit(table, y)
        for c in (False, True)
    )
    assert machine.predict_proba(table) == pytest.approx(recorded.predict_proba(table), rel=1e-8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solver": "lbfgs"}, "solver must be 'adam' or 'sgd', got 'lbfgs'"),
        ({"learning_rate": 0.1}, "learning_rate must be 'constant' or .*, got 0.1"),
        ({"activation": "rely"}, "activation must be .* got 'rely'"),
        ({"max_iter": 0}, "max_iter must be at least 1, got 0"),
        ({"n_iter_no_change": 0}, "n_iter_no_change must be at least 1"),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes must be positive"),
        ({"hidden_layer_sizes": -3}, "hidden_layer_sizes must be positive"),
        ({"alpha": -1.0}, "alpha must be a number of at least 0"),
        ({"batch_size": 0}, "batch_size must be 'auto' or at least 1"),
        ({"loss": "mse"}, "loss must be 'absolute_error', .* or a function, got 'mse'"),
        ({"learning_rate_init": -1.0}, "learning_rate must be a finite number of at least 0"),
        ({"beta_1": 1.0}, "betas must be a pair of numbers from 0 to less than 1"),
    ],
)
def test_parameters_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MLPRegressor(**options).fit(X, NUMBERS)


def test_what_is_not_fitted_says_so() -> None:
    for model in MLPClassifier(), MLPRegressor():
        with pytest.raises(NotFittedError):
            model.predict(X)


def test_nn_does_not_import_scikit_learn() -> None:
    import subprocess

    code = "import nn, sys; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
