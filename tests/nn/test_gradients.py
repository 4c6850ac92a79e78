"""Layers, losses and training steps by the gradient checker."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value
from autograd.checking import gradcheck
from autograd.testing import check_gradients, operand
from nn import losses
from nn.layers import MLP, Layer, Neuron
from nn.optim import SGD, Adam, AdamW, Optimiser
from nn.testing import ACTIVATIONS, TARGETS, Network, networks

REAL = operand("tanh")


@pytest.mark.no_cover
@given(networks())
def test_network_by_its_parameters(network: Network) -> None:
    assert gradcheck(network.loss, network.model())


@pytest.mark.no_cover
@settings(max_examples=settings().max_examples // 4)
@given(networks(max_layers=2, max_neurons=2, max_samples=1))
def test_network_by_its_parameters_twice(network: Network) -> None:
    assert gradcheck(network.loss, network.model(), order=2)


@pytest.mark.no_cover
@settings(max_examples=settings().max_examples // 2)
@given(networks())
def test_network_by_its_inputs(network: Network) -> None:
    model = network.model()
    assert gradcheck(lambda X: network.loss(model, X), network.X)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(
    "make",
    [
        lambda activation: Neuron(2, activation=activation, seed=1),
        lambda activation: Layer(2, 2, activation=activation, seed=1),
        lambda activation: MLP(2, [2, 1], activation, seed=1),
    ],
    ids=["Neuron", "Layer", "MLP"],
)
def test_layer(make: Callable[[str], Any], activation: str) -> None:
    module = make(activation)
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            parameter.data = 0.125  # off the kink, where an input is on it
    assert gradcheck(lambda module, xs: module(xs), module, [0.5, -0.75], order=2)


@pytest.mark.no_cover
@pytest.mark.parametrize("name", sorted(TARGETS))
@settings(max_examples=settings().max_examples // 4)
@given(data=st.data())
def test_loss(name: str, data: st.DataObject) -> None:
    outputs = data.draw(st.lists(REAL, min_size=1, max_size=3))
    targets = [data.draw(TARGETS[name]) for _ in outputs]
    loss = getattr(losses, name)
    # Where output and target are as good as the same, a kink may be: undecided, and not wrong.
    result = gradcheck(lambda outputs: loss(outputs, targets), outputs, order=2)
    assert result or min(map(abs, outputs)) < 1e-9 or _nearly(name, outputs, targets)


def _nearly(name: str, outputs: list[float], targets: list[float]) -> bool:
    """Whether an error is at the kink of its loss."""
    kinks = {"mean_absolute_error": [0.0], "huber": [0.0, 1.0, -1.0]}.get(name, [])
    if name == "hinge":
        return any(abs(1.0 - t * o) < 1e-9 for o, t in zip(outputs, targets, strict=True))
    errors = [o - t for o, t in zip(outputs, targets, strict=True)]
    return any(abs(error - kink) < 1e-9 for error in errors for kink in kinks)


@check_gradients(order=2, logits=st.lists(REAL, min_size=2, max_size=4))
def test_softmax_cross_entropy(logits: list[Value]) -> Value:
    return losses.softmax_cross_entropy(logits, 1)  # type: ignore[no-any-return]


# --- a training step, with gradients that owe nothing to backward() ------------------------------

OPTIMISERS: dict[str, Callable[[Any], Optimiser]] = {
    "SGD": lambda parameters: SGD(parameters, 0.1),
    "momentum": lambda parameters: SGD(parameters, 0.1, momentum=0.9),
    "Adam": lambda parameters: Adam(parameters, 0.1),
    "AdamW": lambda parameters: AdamW(parameters, 0.1),
}


@pytest.mark.no_cover
@pytest.mark.parametrize("name", OPTIMISERS)
@settings(max_examples=settings().max_examples // 10)
@given(network=networks(max_neurons=2, activations=["tanh", "softplus"]))
def test_steps(name: str, network: Network) -> None:
    """Two steps, so that momentum counts; a gradient near 0 has a direction of its own in Adam."""
    trained, checked = network.model(), network.model()
    optimiser = OPTIMISERS[name](trained.parameters())
    reference = OPTIMISERS[name](checked.parameters())
    for _ in range(2):
        optimiser.zero_grad()
        network.loss(trained).backward()
        optimiser.step()
        result = gradcheck(network.loss, copy.deepcopy(checked), raise_exception=False)
        if not result or any(0.0 < abs(d.numerical) < 1e-6 for d in result.derivatives):
            return  # a step has led to a kink
        for parameter, derivative in zip(checked.parameters(), result.derivatives, strict=True):
            parameter.grad = derivative.numerical
        reference.step()
        for mine, other in zip(trained.parameters(), checked.parameters(), strict=True):
            assert math.isclose(mine.data, other.data, rel_tol=1e-9, abs_tol=1e-9)
