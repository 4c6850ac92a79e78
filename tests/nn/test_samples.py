"""Samples: inputs of any structure, weights, and parts; trained recorded and compiled."""

from __future__ import annotations

import collections
import math
import random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Value, tanh
from nn import MLP, Module, Neuron, fit, losses
from nn.optim import SGD
from nn.samples import Several, balanced, classes, prepared, samples, split, weights_of

both = pytest.mark.parametrize("compiled", [False, True])
generator = np.random.default_rng(0)


def data(model: Module) -> list[float]:
    return [parameter.data for parameter in model.parameters()]


# --- models that take something other than a row of numbers --------------------------------------


class Recurrent(Module):
    """Elman's network, on sequences of rows or of numbers."""

    def __init__(self, width: int) -> None:
        self.cell = Neuron(width + 1, "tanh", seed=1)
        self.out = Neuron(1, "linear", seed=2)

    def __call__(self, steps: Any) -> Any:
        state: Any = 0.0
        for step in steps:
            row = list(step) if hasattr(step, "__len__") else [step]
            state = self.cell([*row, state])
        return self.out([state])


class ByName(Module):
    """Takes a dictionary."""

    def __init__(self) -> None:
        self.inner = Neuron(3, "tanh", seed=1)

    def __call__(self, x: Any) -> Any:
        return self.inner([x["size"], *x["place"]])


class Two(Module):
    """Takes two inputs."""

    def __init__(self) -> None:
        self.inner = Neuron(3, "tanh", seed=1)

    def __call__(  # type: ignore[override]
        self, size: Any, place: Any, scale: float = 1.0
    ) -> Any:
        return self.inner([size * scale, *place])


class Tree(Module):
    """Takes a pair of things in one argument."""

    def __init__(self) -> None:
        self.inner = Neuron(3, "tanh", seed=1)

    def __call__(self, parts: Any) -> Any:
        size, place = parts
        return self.inner([size, *place])


n = 12
SIZES, PLACES = generator.normal(size=n), generator.normal(size=(n, 2))
Y = generator.normal(size=n)
SEQUENCES = generator.normal(size=(n, 4, 2))
RAGGED = [[float(x) for x in generator.normal(size=1 + i % 3)] for i in range(n)]
RECORDS = [{"size": float(s), "place": p.tolist()} for s, p in zip(SIZES, PLACES, strict=True)]

STRUCTURED: dict[str, tuple[Any, Any]] = {
    "a 3-D array": (lambda: Recurrent(2), SEQUENCES),
    "lists in lists": (lambda: Recurrent(2), SEQUENCES.tolist()),
    "a list of matrices": (lambda: Recurrent(2), list(SEQUENCES)),
    "ragged lists": (lambda: Recurrent(1), RAGGED),
    "ragged arrays": (lambda: Recurrent(1), [np.array(row) for row in RAGGED]),
    "an object array": (lambda: Recurrent(1), pd.Series(RAGGED).to_numpy()),
    "a series of lists": (lambda: Recurrent(1), pd.Series(RAGGED)),
    "ragged sequences of rows": (
        lambda: Recurrent(2), [SEQUENCES[i, : 1 + i % 3].tolist() for i in range(n)]
    ),
    "a dictionary of tables": (ByName, {"size": SIZES, "place": PLACES}),
    "a dictionary of frames": (ByName, {"size": pd.Series(SIZES), "place": pd.DataFrame(PLACES)}),
    "dictionaries": (ByName, RECORDS),
    "two tables": (Two, (SIZES, PLACES)),
    "a list of two tables": (Two, [SIZES, PLACES]),
    "tables by the arguments' names": (Two, {"place": PLACES, "size": SIZES}),
    "two tables for one argument": (Tree, (SIZES, PLACES)),
    "a list of arrays for one argument": (Tree, [SIZES, PLACES]),
    "pairs": (Tree, list(zip(SIZES, PLACES, strict=True))),
}  # fmt: skip


# The others are the same once they are lists; compiling takes its time.
ALIKE = {"lists in lists", "ragged arrays", "an object array", "a series of lists", "dictionaries"}


@pytest.mark.parametrize(
    ("form", "compiled"),
    [(form, c) for form in STRUCTURED for c in (False, True) if not c or form not in ALIKE],
)
def test_a_model_is_trained_on_what_it_takes(form: str, compiled: bool) -> None:
    make, X = STRUCTURED[form]
    model, twin, again = make(), make(), make()
    options: Any = {"epochs": 3, "batch_size": 5, "validation": 0.25, "metrics": ["huber"]}
    history = fit(model, losses.mean_squared_error, X, Y, compiled=compiled, **options)

    class Alone(Module):
        """The same model, given the number of a sample."""

        def __init__(self) -> None:
            self.twin = twin

        def __call__(self, i: Any) -> Any:
            record = RECORDS[int(i)]
            if isinstance(twin, Recurrent):
                return twin(X[int(i)].tolist() if hasattr(X[int(i)], "tolist") else X[int(i)])
            if isinstance(twin, Two):
                return twin(**record)
            return twin((record["size"], record["place"]) if isinstance(twin, Tree) else record)

    expected = fit(
        Alone(), losses.mean_squared_error, list(range(n)), Y, compiled=False, **options
    )  # fmt: skip
    assert data(model) == pytest.approx(data(twin), rel=1e-10)
    assert history.losses == pytest.approx(expected.losses, rel=1e-10)
    assert history.validation_losses == pytest.approx(expected.validation_losses, rel=1e-10)
    assert history.metrics["huber"] == pytest.approx(expected.metrics["huber"], rel=1e-10)
    if not compiled:
        fit(again, losses.mean_squared_error, X, Y, compiled=compiled, **options)
        assert data(again) == data(model)  # bit for bit


@both
def test_targets_may_be_sequences_too(compiled: bool) -> None:
    class Each(Module):
        def __init__(self) -> None:
            self.inner = Neuron(1, "tanh", seed=1)

        def __call__(self, steps: Any) -> Any:
            return [self.inner([step]) for step in steps]

    targets = [[math.sin(x) for x in row] for row in RAGGED]
    model = Each()
    history = fit(
        model, losses.mean_squared_error, RAGGED, targets, epochs=200, compiled=compiled,
        validation=(RAGGED, targets),
    )  # fmt: skip
    assert history.losses[-1] < 0.7 * history.losses[0]
    assert history.losses == pytest.approx(history.validation_losses)


class Any_(Module):  # noqa: N801
    def __call__(self, x: Any) -> Any:
        return x


BAD: list[tuple[Any, Any, Any, type[Exception], str]] = [
    (
        Two,
        SIZES,
        Y,
        ValueError,
        "Two takes 2 inputs, 'size', 'place': X must be a tuple .*got ndarray",
    ),
    (Two, (SIZES,), Y, ValueError, "Two takes 2 inputs, 'size', 'place'.*got 1 table"),
    (Two, [SIZES] * 4, Y, ValueError, "got 4 tables"),
    (Two, {"size": SIZES}, Y, ValueError, "X has 'size', but Two takes 'size', 'place', 'scale'"),
    (Two, {"a": SIZES, "b": SIZES}, Y, ValueError, "X has 'a', 'b', but Two takes"),
    (Two, {"size": SIZES, "place": PLACES[:5]}, Y, ValueError, r"X\['size'\] has 12 rows but X"),
    (Two, (SIZES, PLACES[:5]), Y, ValueError, r"X\[0\] has 12 rows but X\[1\] has 5"),
    (Two, (SIZES[:5], PLACES[:5]), Y, ValueError, "X has 5 rows but Y has 12"),
    (ByName, {}, Y, ValueError, "X is empty"),
    (ByName, {"a": []}, Y, ValueError, r"X\['a'\] is empty"),
    (ByName, {"a": [1.0, "x"]}, [1, 2], TypeError, r"X\['a'\]: row 1 is not a number: 'x'"),
    (
        ByName,
        [{"a": 1.0}, {"a": None}],
        [1, 2],
        TypeError,
        r"X: row 1\['a'\] is not a number: None",
    ),
    (Any_, [[1.0], [2.0, math.nan]], [1, 2], ValueError, "X: row 1, column 1 is nan; fill in"),
    (Any_, [[[1.0]], [[2.0, math.inf]]], [1, 2], ValueError, r"X: row 1\[0\]\[1\] is inf"),
    (Any_, [1.0, 2.0], [[1], ["a", 2]], TypeError, "Y: row 1, column 0 is not a number: 'a'"),
    (Any_, [1.0, 2.0], {"a": [1, 2]}, TypeError, "Y must be a list of rows"),
    (Any_, "text", [1], TypeError, "X must be a list of rows, .* got str"),
    (lambda: MLP(1, [1]), (SIZES, PLACES), Y, TypeError, "X: row 1, column 0 is not a number"),
    (lambda: MLP(1, [1]), SEQUENCES, Y, TypeError, "X: row 0, column 0 is not a number"),
    (lambda: MLP(1, [1]), RAGGED, Y, ValueError, "X: row 1 is 2 numbers long, but row 0 is 1"),
]


@pytest.mark.parametrize(("make", "X", "targets", "error", "message"), BAD)
def test_what_does_not_fit_is_refused_by_name(
    make: Any, X: Any, targets: Any, error: type[Exception], message: str
) -> None:
    model = make()
    before = data(model)
    with pytest.raises(error, match=message):
        fit(model, losses.mean_squared_error, X, targets)
    assert data(model) == before


def test_several_inputs_are_told_from_rows() -> None:
    assert samples(Two(), [[1.0, 2.0], [[3.0, 4.0], [5.0, 6.0]]], [0, 1])[1][0] == Several(
        (2.0, [5.0, 6.0])
    )
    # Two tables of two rows for one argument are two samples.
    assert samples(Tree(), ([1.0, [2.0, 3.0]], [4.0, [5.0, 6.0]]), [0, 1])[1][0] == [
        4.0,
        [5.0, 6.0],
    ]


# --- weights -------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 0.125, 1e300])
@pytest.mark.parametrize("weights", [[1, 2, 0, 3, 1, 1], [0, 0, 0, 0, 1, 0], [2] * 6])
@both
def test_a_weight_is_a_number_of_samples(weights: list[int], scale: float, compiled: bool) -> None:
    X, targets = PLACES[:6], Y[:6]
    repeated = [i for i, weight in enumerate(weights) for _ in range(weight)]
    models = [MLP(2, [2, 1], "tanh", seed=1) for _ in range(2)]
    histories = [
        fit(
            model, losses.mean_squared_error, X[rows], targets[rows], epochs=5, batch_size=None,
            sample_weight=given, compiled=compiled,
        )
        for model, rows, given in (
            (models[0], [*range(6)], [scale * weight for weight in weights]),
            (models[1], repeated, None),
        )
    ]  # fmt: skip
    assert data(models[0]) == pytest.approx(data(models[1]), rel=1e-9)
    assert histories[0].losses == pytest.approx(histories[1].losses, rel=1e-12)


@both
def test_classes_weigh_as_their_samples_do(compiled: bool) -> None:
    targets = [0, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1]
    rows = [[1, 0] if t == 0 else [0, 1] for t in targets]
    weights = [3.0 if t == 0 else 0.5 for t in targets]

    def trained(loss: Any, targets: Any, size: int, **options: Any) -> list[float]:
        model = MLP(2, [size], "tanh", seed=1)
        fit(
            model, loss, PLACES, targets, epochs=3, batch_size=5, compiled=compiled,
            validation=0.25, **options,
        )  # fmt: skip
        return data(model)

    cases: list[tuple[Any, Any, int]] = [
        (losses.binary_cross_entropy, targets, 1),
        (losses.softmax_cross_entropy, targets, 2),
        (losses.softmax_cross_entropy, rows, 2),
        (losses.mean_squared_error, [[t] for t in targets], 1),
    ]
    for case in cases[:1] if compiled else cases:
        expected = trained(*case, sample_weight=weights)
        assert trained(*case, class_weight={0: 3.0, 1: 0.5}) == expected
        assert trained(*case, class_weight={0: 6.0}, sample_weight=[0.5] * n) == expected
        assert trained(*case, class_weight="balanced") == trained(
            *case, sample_weight=[3.0 if t == 0 else 0.6 for t in targets]
        )


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.utils.class_weight")
    labels = [0, 2, 2, 5, 5, 5, 5, 0, 2, 2]
    theirs = sklearn.compute_class_weight("balanced", classes=np.array([0, 2, 5]), y=labels)
    found = balanced(labels)
    assert [found[label] for label in (0, 2, 5)] == pytest.approx(theirs.tolist())


@both
def test_validation_data_have_weights_too(compiled: bool) -> None:
    model = Neuron(2, "linear", seed=1)
    history = fit(
        model, losses.mean_squared_error, PLACES, Y, epochs=1, compiled=compiled,
        validation=(PLACES[:3], Y[:3], [1.0, 0.0, 3.0]),
    )  # fmt: skip
    errors = [(model.predict(x) - y) ** 2 for x, y in zip(PLACES[:3], Y[:3], strict=True)]
    assert history.validation_losses == [pytest.approx((errors[0] + 3 * errors[2]) / 4)]
    everything = [(model.predict(x) - y) ** 2 for x, y in zip(PLACES, Y, strict=True)]
    assert history.losses == [pytest.approx(math.fsum(everything) / n)]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"sample_weight": [1.0] * 5}, ValueError, "sample_weight has length 5, but there are 12"),
        (
            {"sample_weight": [-1.0] + [1.0] * 11},
            ValueError,
            r"sample_weight\[0\] must be a finite",
        ),
        ({"sample_weight": [math.nan] * 12}, ValueError, r"sample_weight\[0\] must be a finite"),
        ({"sample_weight": [None] * 12}, TypeError, r"sample_weight\[0\] is not a number"),
        ({"sample_weight": [0.0] * 12}, ValueError, "the weights of all samples are 0"),
        ({"sample_weight": 1.0}, TypeError, "sample_weight must be a list"),
        ({"class_weight": {0: 1.0, 7: 2.0}}, ValueError, "no target is of class 7; there are 0, 1"),
        ({"class_weight": {"0": 1.0}}, ValueError, "no target is of class '0'"),
        ({"class_weight": {0: -1.0}}, ValueError, r"class_weight\[0\] must be a finite"),
        ({"class_weight": [1.0, 2.0]}, TypeError, "class_weight must be a dictionary"),
        ({"class_weight": "even"}, TypeError, "class_weight must be a dictionary"),
        ({"stratify": True}, ValueError, "stratify needs validation to be a fraction"),
        (
            {"stratify": [1], "validation": 0.5},
            ValueError,
            "stratify has length 1, but there are 12",
        ),
    ],
)
def test_weights_that_make_no_sense(options: Any, error: Any, message: str) -> None:
    targets = [0, 1] * 6
    model = MLP(2, [1])
    before = data(model)
    with pytest.raises(error, match=message):
        fit(model, losses.binary_cross_entropy, PLACES, targets, **options)
    assert data(model) == before


def test_targets_that_are_no_classes_are_refused() -> None:
    for targets in [[0.5, 0.5], [1.0, 0.0]], [[1, 1], [0, 1]]:
        with pytest.raises(TypeError, match="class_weight needs targets that are classes"):
            fit(MLP(2, [2]), losses.huber, PLACES[:2], targets, class_weight="balanced")


# --- parts ---------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(2, 30), min_size=1, max_size=5), st.floats(0.05, 0.95), st.integers(0, 99)
)
def test_a_stratified_split_has_its_share_of_each_class(
    counts: list[int], fraction: float, seed: int
) -> None:
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    random.Random(seed).shuffle(labels)
    aside = round(fraction * len(labels))
    for drawn in random.Random(seed), None:
        if not len(counts) <= aside <= len(labels) - len(counts):
            with pytest.raises(ValueError, match=r"both parts need one|at least one must stay"):
                split(len(labels), fraction, drawn, labels)
            continue
        stay, out = split(len(labels), fraction, drawn, labels)
        assert sorted(stay + out) == list(range(len(labels)))
        assert len(out) == aside
        found = collections.Counter(labels[i] for i in out)
        for label, count in enumerate(counts):
            assert 1 <= found[label] <= count - 1
        # As near to the share as whole numbers can be, but for the one that each must have.
        if all(1 <= aside * count / len(labels) <= count - 1 for count in counts):
            for label, count in enumerate(counts):
                assert abs(found[label] - aside * count / len(labels)) < 1.0


def test_fit_stratifies() -> None:
    targets = [0] * 20 + [1] * 4
    measured: list[Any] = []

    def loss(output: Any, target: Any) -> Any:
        if not isinstance(output, Value):
            measured.append(target)
        return losses.binary_cross_entropy(output, target)

    options: Any = {"epochs": 1, "validation": 0.25, "compiled": False}
    X = generator.normal(size=(24, 2))
    for seed in range(5):
        measured.clear()
        fit(MLP(2, [1]), loss, X, targets, stratify=True, seed=seed, **options)
        assert collections.Counter(measured[-6:]) == {0: 5, 1: 1}
        measured.clear()
        groups = ["a", "b", "c", "d"] * 6
        fit(MLP(2, [1]), loss, X, targets, stratify=groups, seed=seed, **options)
        assert len(measured) == 24
    with pytest.raises(ValueError, match="of class 7 there is only one sample"):
        fit(
            MLP(2, [8]),
            losses.softmax_cross_entropy,
            X,
            [7, *targets[1:]],
            stratify=True,
            **options,
        )


def test_samples_without_weight_are_as_if_they_were_not_there() -> None:
    weights = [1.0, 0.0] * 6
    rows = list(range(0, n, 2))
    given = prepared(
        MLP(2, [1]), PLACES, Y, random.Random(3), validation=0.5, sample_weight=weights
    )
    without = prepared(MLP(2, [1]), PLACES[rows], Y[rows], random.Random(3), validation=0.5)
    assert given == without


def test_classes_of_targets() -> None:
    assert classes([1, 2.0, [3], [0, 1, 0], [1.0, 0.0]], "x") == [1, 2.0, 3, 1, 0]
    assert weights_of([0, 1], None, {}) is None


# --- calling fit again ---------------------------------------------------------------------------


@both
@pytest.mark.parametrize("given_optimiser", [False, True])
def test_fit_goes_on_where_it_was(given_optimiser: bool, compiled: bool) -> None:
    def trained(*epochs: int) -> tuple[list[float], list[float]]:
        model = MLP(2, [2, 1], "tanh", seed=1)
        optimiser = SGD(model.parameters(), 0.1, momentum=0.9) if given_optimiser else None
        found: list[float] = []
        for count in epochs:
            found += fit(
                model, losses.huber, PLACES, Y, epochs=count, batch_size=5, optimiser=optimiser,
                validation=0.25, compiled=compiled,
            ).losses  # fmt: skip
        return data(model), found

    assert trained(2, 3) == trained(5) == trained(1, 1, 3)


def test_the_order_is_a_new_one_but_what_is_held_out_stays() -> None:
    model = Neuron(1, "linear")
    seen: list[Any] = []

    def loss(output: Any, target: Any) -> Any:
        if isinstance(output, Value):
            seen.append(target)
        return losses.huber(output, target)

    X, targets = [[float(i)] for i in range(20)], [float(i) for i in range(20)]
    orders = []
    for optimiser in None, SGD(model.parameters(), 1e-3), None:
        seen.clear()
        fit(model, loss, X, targets, epochs=1, validation=0.25, optimiser=optimiser, compiled=False)
        orders.append(tuple(seen))
    assert len(set(orders)) == 3
    assert len({frozenset(order) for order in orders}) == 1
    # Another seed begins anew.
    seen.clear()
    fit(model, loss, X, targets, epochs=1, seed=1, compiled=False)
    first = [*seen]
    seen.clear()
    fit(Neuron(1, "linear"), loss, X, targets, epochs=1, seed=1, compiled=False)
    assert first == seen


def test_a_model_that_was_trained_can_be_copied_and_pickled() -> None:
    import copy
    import pickle

    model = MLP(2, [2, 1], "tanh", seed=1)
    fit(model, losses.huber, PLACES, Y, epochs=1, compiled=False)
    for other in copy.deepcopy(model), pickle.loads(pickle.dumps(model)):
        fit(other, losses.huber, PLACES, Y, epochs=1, compiled=False)
        twin = MLP(2, [2, 1], "tanh", seed=1)
        fit(twin, losses.huber, PLACES, Y, epochs=2, compiled=False)
        assert data(other) == data(twin)
        assert data(model) != data(twin)
        assert list(other.state_dict()) == list(model.state_dict())


def test_models_of_functions_still_take_lone_numbers() -> None:
    class Curve(Module):
        def __init__(self) -> None:
            self.inner = Neuron(1, "linear", seed=1)

        def __call__(self, x: Any) -> Any:
            return autograd.exp(self.inner([x])) + 0.0 * tanh(x)

    fit(Curve(), losses.huber, SIZES, Y, epochs=1)
