from __future__ import annotations

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from autograd.testing import gradcheck
from nn import losses
from nn.testing import ACTIVATIONS, CLASSIFIER, TARGETS, Network, networks


def test_every_loss_has_its_targets() -> None:
    assert {*TARGETS, CLASSIFIER} == set(losses.__all__)


@settings(max_examples=25)
@given(networks())
def test_gradients_by_parameters_and_by_inputs(network: Network) -> None:
    model = network.model()
    assert gradcheck(network.loss, model)
    assert gradcheck(lambda X: network.loss(model, X), network.X)


@given(networks())
def test_a_network_is_the_same_each_time_and_prints_as_python(network: Network) -> None:
    again = eval(repr(network))
    assert again == network
    assert network.loss(again.model()).data == network.loss(network.model()).data


@given(st.data(), st.integers(1, 4), st.integers(1, 3), st.integers(1, 4), st.integers(1, 3))
def test_bounds_are_kept(
    data: st.DataObject, inputs: int, layers: int, neurons: int, samples: int
) -> None:
    network = data.draw(
        networks(
            max_inputs=inputs,
            max_layers=layers,
            max_neurons=neurons,
            max_samples=samples,
            activations=["tanh", "relu"],
        )
    )
    assert network.nin <= inputs
    assert len(network.sizes) <= layers
    assert max(network.sizes) <= neurons
    assert len(network.X) == len(network.Y) <= samples
    assert network.activation in ("tanh", "relu")


@pytest.mark.no_cover
def test_every_loss_and_activation_is_drawn() -> None:
    seen: set[str] = set()

    @settings(max_examples=300, derandomize=True, database=None, phases=[Phase.generate])
    @given(networks())
    def draw(network: Network) -> None:
        seen.update([network.loss_name, network.activation])

    draw()
    assert seen == {*losses.__all__, *ACTIVATIONS}
