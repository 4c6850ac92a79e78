"""Losses and gradients of batches, compiled and recorded: the same numbers, and who decides."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import autograd
import nn.batches
from autograd import Value, dot, maximum, mean, norm, relu, tanh
from nn import MLP, Layer, Module, Neuron, Parameter, fit, losses
from nn.batches import CompiledBatches, RecordedBatches, batches
from nn.optim import SGD, Adam

generator = np.random.default_rng(0)
X = generator.normal(size=(50, 3))
TARGETS: dict[str, tuple[int, Any]] = {
    "half_squared_error": (2, generator.normal(size=(50, 2))),
    "mean_squared_error": (1, generator.normal(size=50)),
    "mean_absolute_error": (2, generator.normal(size=(50, 2))),
    "huber": (1, generator.normal(size=50)),
    "hinge": (1, np.sign(X[:, 0])),
    "perceptron": (1, np.sign(X[:, 1])),
    "binary_cross_entropy": (1, np.where(X[:, 0] > 0.0, 1, 0)),
    "softmax_cross_entropy": (4, generator.integers(0, 4, size=50)),
}


@pytest.mark.no_cover
@pytest.mark.parametrize("loss", losses.__all__)
def test_a_hundred_compiled_steps_have_the_history_of_recorded_ones(loss: str) -> None:
    size, Y = TARGETS[loss]
    numbers = []
    for compiled in (False, True):
        model = MLP(3, [3, 2, size], activation="tanh", seed=1)
        history = fit(
            model,
            getattr(losses, loss),
            X,
            Y,
            optimiser=Adam(model.parameters(), 0.01),
            batch_size=13,  # which leaves a smaller batch over
            epochs=25,  # of four batches
            validation=0.2,
            metrics={"size": lambda outputs, _: float(np.abs(outputs).sum())},
            compiled=compiled,
        )
        numbers.append(
            [
                *history.losses,
                *history.validation_losses,
                *history.metrics["size"],
                *[parameter.data for parameter in model.parameters()],
            ]
        )
    recorded, machine = numbers
    assert machine == pytest.approx(recorded, rel=1e-10, abs=1e-13)


def test_targets_that_are_probabilities_train_alike() -> None:
    Y = generator.dirichlet([1.0, 1.0, 1.0], size=50)
    recorded, machine = (
        fit(
            MLP(3, [4, 3], seed=2), losses.softmax_cross_entropy, X, Y, epochs=5, compiled=compiled
        ).losses
        for compiled in (False, True)
    )
    assert machine == pytest.approx(recorded, rel=1e-12)


def test_lone_numbers_are_samples_and_frozen_parameters_stay() -> None:
    def trained(compiled: bool) -> list[float]:
        neuron = Neuron(1, "linear")
        neuron.freeze("bias")

        class Of(Module):
            def __init__(self) -> None:
                self.neuron = neuron

            def __call__(self, x: Any) -> Any:
                return self.neuron([x])

        fit(Of(), losses.mean_squared_error, X[:, 0], 3.0 * X[:, 0], epochs=5, compiled=compiled)
        return [parameter.data for parameter in neuron.parameters()]

    assert trained(True) == pytest.approx(trained(False), rel=1e-12)
    assert trained(True)[1] == 0.0


@pytest.mark.parametrize("kind", [RecordedBatches, CompiledBatches])
def test_gradients_add_up_until_they_are_zeroed(kind: Any) -> None:
    model = MLP(3, [2, 1], "tanh", seed=0)
    made = kind(model, losses.mean_squared_error, {}, [*zip(X, X[:, 0], strict=True)], [])
    for chosen in ([0, 1], [2, 3, 4]):
        made.add_gradient(chosen)
    found = [parameter.grad for parameter in model.parameters()]
    model.zero_grad()
    for chosen in ([0, 1], [2, 3, 4]):
        mean(
            [losses.mean_squared_error(model(X[i].tolist()), X[i, 0].item()) for i in chosen]
        ).backward()
    expected = [parameter.grad for parameter in model.parameters()]
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_loss_counts_by_its_weight(compiled: bool) -> None:
    model = MLP(3, [1], "linear", seed=0)
    weights = np.array([3.0, 1.0, 0.5])
    history = fit(
        model, losses.mean_squared_error, X[:3], X[:3, 0], sample_weight=weights, epochs=1,
        batch_size=3, optimiser=SGD(model.parameters(), 0.0), compiled=compiled,
    )  # fmt: skip
    each = [losses.mean_squared_error(model(x), x[0]).data for x in X[:3].tolist()]
    assert history.losses[0] == pytest.approx(np.average(each, weights=weights), rel=1e-12)


@pytest.mark.parametrize("target", [4, -1, 1.5])
def test_wrong_targets_are_refused_as_without_compiling(target: float) -> None:
    Y = [target] + [0] * 49
    errors = []
    for compiled in (False, True):
        with pytest.raises((ValueError, TypeError)) as caught:
            fit(MLP(3, [4]), losses.softmax_cross_entropy, X, Y, compiled=compiled)
        errors.append(type(caught.value))
    assert errors[0] is errors[1]


def test_a_loss_that_is_not_finite_ends_training_as_without_compiling() -> None:
    for compiled in (False, True):
        model = MLP(3, [4, 1], seed=0)
        with pytest.raises(FloatingPointError, match="smaller learning rate"):
            fit(
                model,
                losses.mean_squared_error,
                1e200 * X,
                X[:, 0],
                optimiser=SGD(model.parameters(), 1e10),
                compiled=compiled,
            )


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("found", [None, "a text", [1.0], 1j])
def test_a_loss_that_returns_no_number_is_named(compiled: bool, found: Any) -> None:
    def my_loss(outputs: Any, targets: Any) -> Any:
        return found

    model = MLP(3, [1], seed=0)
    with pytest.raises(TypeError) as raised:
        fit(model, my_loss, X, X[:, 0], epochs=1, compiled=compiled)
    text = str(raised.value)
    assert "fit: the loss 'my_loss' must return a Value or a number" in text
    assert f"returned {type(found).__name__}" in text
    assert ("is its return missing?" in text) == (found is None)


# --- who is compiled -----------------------------------------------------------------------------


def chosen(model: Module, loss: Any, optimiser: Any = None, compiled: Any = "auto") -> type:
    optimiser = optimiser or SGD(model.parameters(), 0.1)
    data = [([0.5, 1.0, 2.0], 1.0)] * 1000
    return type(batches(model, loss, {}, data, [], optimiser, 1000, compiled))


def test_the_librarys_parts_are_compiled_where_there_is_enough_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert chosen(MLP(3, [4, 1], "tanh"), losses.hinge) is CompiledBatches
    assert chosen(Layer(3, 1, "gelu"), losses.hinge) is CompiledBatches
    assert chosen(Neuron(3), losses.huber) is CompiledBatches
    assert chosen(Neuron(3), losses.huber, compiled=False) is RecordedBatches
    monkeypatch.setattr(nn.batches, "WORTH_COMPILING", 10**12)
    assert chosen(MLP(3, [4, 1]), losses.hinge) is RecordedBatches
    assert chosen(MLP(3, [4, 1]), losses.hinge, compiled=True) is CompiledBatches


@pytest.mark.parametrize(
    ("weights", "samples", "worth"),
    [
        (3, 100 * 10_000, True),  # a neuron, trained for long
        (3, 100 * 100, False),
        (337, 20 * 100, False),
        (337, 1000 * 100, True),
        (17_226, 1500 * 10, True),
        (1_000_000, 64, False),
        (1_000_000, 1000, True),
    ],
)
def test_where_there_is_enough_to_do(weights: int, samples: int, worth: bool) -> None:
    assert nn.batches._is_worth_compiling(weights, samples) == worth


@given(weights=st.integers(0, 10**6), off=st.integers(-3, 3))
def test_compiling_takes_two_million_weights_and_100_more_for_each(weights: int, off: int) -> None:
    most = 2_000_000 + 100 * weights
    samples = most // (weights + 60) + off
    assume(samples * (weights + 60) != most)  # where a rounding decides
    assert nn.batches._is_worth_compiling(weights, samples) == (samples * (weights + 60) >= most)


def test_what_might_read_something_that_changes_is_not() -> None:
    class Dropping(Module):
        def __init__(self) -> None:
            self.inner = MLP(3, [4, 1])

        def __call__(self, x: Any) -> Any:
            return self.inner([value * (random.random() > 0.5) for value in x])

    assert chosen(Dropping(), losses.hinge) is RecordedBatches
    assert chosen(MLP(3, [1]), lambda o, t: (o - t) ** 2) is RecordedBatches
    assert chosen(MLP(3, [4, 1], activation=lambda x: tanh(x)), losses.hinge) is RecordedBatches
    assert chosen(MLP(3, [1]), lambda o, t: (o - t) ** 2, compiled=True) is CompiledBatches


def test_without_llvm_nothing_is_compiled_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.batches, "find_spec", lambda name: None)
    assert chosen(MLP(3, [4, 1]), losses.hinge) is RecordedBatches


def test_parameters_outside_of_the_model_are_seen() -> None:
    model, scale = MLP(3, [1]), Parameter(1.0)
    optimiser = SGD([*model.parameters(), scale], 0.1)
    assert chosen(model, losses.hinge, optimiser, compiled=True) is CompiledBatches

    def trained(compiled: bool) -> list[float]:
        model, scale = MLP(3, [1], seed=2), Parameter(1.0)
        optimiser = SGD([*model.parameters(), scale], 0.05)

        def scaled(output: Any, target: Any) -> Any:
            return (scale * output - target) ** 2

        fit(model, scaled, X, X[:, 0], optimiser=optimiser, epochs=3, compiled=compiled)
        return [parameter.data for parameter in optimiser.parameters]

    assert trained(True) == pytest.approx(trained(False), rel=1e-12)
    assert trained(True)[-1] != 1.0


def test_what_cannot_be_compiled_says_so_where_it_was_asked_for() -> None:
    def branching(output: Value, target: Any) -> Any:
        return output if output > 0.0 else -output

    fit(MLP(3, [1]), branching, X, X[:, 0], epochs=1)
    with pytest.raises(TypeError, match=r"test_batches\.py.*if output > 0\.0"):
        fit(MLP(3, [1]), branching, X, X[:, 0], epochs=1, compiled=True)
    with pytest.raises(TypeError, match="'auto'"):
        fit(MLP(3, [1]), branching, X, X[:, 0], epochs=1, compiled="yes")  # type: ignore[arg-type]


def test_metrics_are_given_the_targets_as_they_are() -> None:
    Y = TARGETS["softmax_cross_entropy"][1].tolist()
    found = [
        fit(
            MLP(3, [4]), losses.softmax_cross_entropy, X, Y, epochs=2,
            metrics={"of the class": lambda outputs, target: outputs[target]}, compiled=compiled,
        ).metrics["of the class"]
        for compiled in (False, True)
    ]  # fmt: skip
    assert found[0] == pytest.approx(found[1], rel=1e-12)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_loss_that_depends_on_no_parameter_is_refused(compiled: bool) -> None:
    with pytest.raises(TypeError, match="does not depend"):
        fit(MLP(3, [1]), lambda output, target: 3.0, X, X[:, 0], compiled=compiled)


def test_a_model_that_reaches_parameters_another_way_is_not_trained_wrongly() -> None:
    def tied() -> MLP:
        model = MLP(3, [2, 1], seed=1)
        first, second = model.layers[0].neurons
        second.weights[0] = first.weights[0] * 2.0  # an expression in place of a weight
        return model

    def trained(compiled: Any) -> list[float]:
        return fit(
            tied(), losses.mean_squared_error, X, X[:, 0], epochs=3, compiled=compiled
        ).losses

    assert trained(True) == pytest.approx(trained(False), rel=1e-12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.batches, "WORTH_COMPILING", 0)
        assert trained("auto") == pytest.approx(trained(False), rel=1e-12)

    class ByClosure(Module):
        def __init__(self) -> None:
            self.w = [Parameter(0.5)]
            self.f: Any = lambda x: self.w[0] * x[0]

        def __call__(self, x: Any) -> Any:
            return self.f(x)

    def found(compiled: bool) -> float:
        model = ByClosure()
        fit(model, losses.mean_squared_error, X, X[:, 1], epochs=2, compiled=compiled)
        return model.w[0].data

    assert found(True) == pytest.approx(found(False), rel=1e-12)


PENALTIES: list[Callable[[list[Value]], Any]] = [
    lambda weights: 0.05 * autograd.sum([w * w for w in weights]),
    lambda weights: relu(norm(weights) - 1.5) ** 2,
    lambda weights: maximum(0.0, dot(weights, weights) - 2.0),
    lambda weights: autograd.sum([autograd.abs(w) for w in weights]) * 0.01,
]


@pytest.mark.parametrize("penalty", PENALTIES)
def test_a_penalty_on_the_weights_acts_compiled_as_recorded(penalty: Any) -> None:
    def trained(compiled: bool) -> list[float]:
        model = MLP(3, [4, 1], seed=3)

        def loss(output: Any, target: Any) -> Any:
            return (output - target) ** 2 + penalty(model.parameters())

        fit(model, loss, X, 9.0 * X[:, 0], epochs=5, compiled=compiled)
        return [w.data for w in model.parameters()]

    assert trained(True) == pytest.approx(trained(False), rel=1e-9)


def test_a_penalty_that_branches_on_the_weights_is_refused() -> None:
    model = MLP(3, [1], seed=3)

    def loss(output: Any, target: Any) -> Any:
        size = norm(model.parameters())
        return (output - target) ** 2 + (size if size > 1.0 else 0.0)

    with pytest.raises(TypeError, match="known only when the program runs"):
        fit(model, loss, X, X[:, 0], compiled=True)


@pytest.mark.parametrize(
    "draw", [lambda: random.random(), lambda: float(random.random() < 0.5), time.perf_counter]
)
@pytest.mark.parametrize("seed", range(5))
def test_what_is_drawn_at_random_is_refused(draw: Any, seed: int) -> None:
    random.seed(seed)
    model = MLP(3, [6, 1], seed=3)

    class Noisy(Module):
        def __init__(self) -> None:
            self.model = model

        def __call__(self, x: Any) -> Any:
            return autograd.sum([draw() * part for part in self.model.layers[0](x)])

    with pytest.raises(TypeError, match="two different programs"):
        fit(Noisy(), losses.mean_squared_error, X, X[:, 0], compiled=True)
