"""Neurons, layers and networks: what they compute, and how they start."""

from __future__ import annotations

import copy
import math
import pickle
import statistics
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Value, compile, grad, gradcheck, value_and_grad
from autograd.graph import operation_counts, topological_order
from autograd.kinds import FROZEN
from nn import MLP, Dropout, Layer, Module, Neuron, fit, losses, optim
from nn.module import is_parameter

numbers = st.floats(-3.0, 3.0)
seeds = st.integers(0, 2**32)


# --- the worked example: every figure computed with plain floats, independently of any library ---

FACTORS = (0.7413650695523157, 0.18681560180895948, 0.5932699921071872)
GRADIENTS = [
    0.0004385677344743465,
    0.000877135468948693,
    0.0004977127352608599,
    0.0009954254705217198,
    0.08216704056423077,
    0.08266762784753325,
    -0.02260254047747507,
    -0.022740242215978222,
]
UPDATED = [
    0.1497807161327628,
    0.19956143226552567,
    0.24975114363236958,
    0.29950228726473915,
    0.35891647971788465,
    0.4086661860762334,
    0.5113012702387375,
    0.5613701211079891,
]
INPUTS, TARGETS = [0.05, 0.10], [0.01, 0.99]


def digits(number: Any) -> Any:
    return pytest.approx(number, rel=1e-12, abs=0.0)


def worked_example() -> tuple[MLP, list[Value]]:
    model = MLP(2, [2, 2], activation="sigmoid", output_activation="sigmoid", shared_bias=True)
    model.load_state_dict(
        {
            "layers.0.bias": 0.35,
            "layers.0.neurons.0.weights": [0.15, 0.20],
            "layers.0.neurons.1.weights": [0.25, 0.30],
            "layers.1.bias": 0.60,
            "layers.1.neurons.0.weights": [0.40, 0.45],
            "layers.1.neurons.1.weights": [0.50, 0.55],
        }
    )
    weights = []
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            parameter.op = FROZEN
        else:
            weights.append(parameter)
    return model, weights


def test_worked_example_forward_and_backward() -> None:
    model, weights = worked_example()
    hidden = model.layers[0](INPUTS)
    assert [h.data for h in hidden] == digits([0.5932699921071872, 0.596884378259767])
    outputs = model.layers[1](hidden)
    assert [o.data for o in outputs] == digits([0.7513650695523157, 0.7729284653214625])
    error = losses.half_squared_error(outputs, TARGETS)
    assert error.data == digits(0.2983711087600027)

    error.backward()
    output, net = outputs[0], outputs[0].parents[0]
    position = next(i for i, parent in enumerate(net.parents) if parent is weights[4])
    factors = (output.grad, output.local_derivatives[0], net.local_derivatives[position])
    assert factors == digits(FACTORS)
    assert math.prod(factors) == digits(0.08216704056423077)
    assert [weight.grad for weight in weights] == digits(GRADIENTS)


@pytest.mark.no_cover
def test_worked_example_training() -> None:
    model, weights = worked_example()
    optimiser = optim.SGD(model.parameters(), learning_rate=0.5)

    def error() -> Value:
        loss: Value = losses.half_squared_error(model(INPUTS), TARGETS)
        return loss

    def step() -> None:
        optimiser.zero_grad()
        error().backward()
        optimiser.step()

    step()
    assert [weight.data for weight in weights] == digits(UPDATED)
    assert error().data == digits(0.29102777369359933)
    for _ in range(9_999):
        step()
    assert error().data == digits(3.510187782978859e-05)
    assert model.predict(INPUTS) == digits([0.01591362044355068, 0.9840642735146238])
    assert [layer.bias.data for layer in model.layers if layer.bias] == [0.35, 0.6]


# --- what they compute ---------------------------------------------------------------------------


@given(st.integers(1, 6), st.lists(st.integers(1, 5), min_size=1, max_size=3), st.data())
def test_mlp_computes_what_numpy_computes(nin: int, sizes: list[int], data: st.DataObject) -> None:
    model = MLP(nin, sizes, "tanh", "relu", seed=data.draw(seeds))
    inputs = data.draw(st.lists(numbers, min_size=nin, max_size=nin))
    expected = np.array(inputs)
    for position, layer in enumerate(model.layers):
        weights = np.array([[w.data for w in neuron.weights] for neuron in layer.neurons])
        net = weights @ expected + np.array([neuron.bias.data for neuron in layer.neurons])
        expected = np.maximum(net, 0.0) if position == len(sizes) - 1 else np.tanh(net)
    outputs = np.atleast_1d(model.predict(inputs))
    np.testing.assert_allclose(outputs, expected, rtol=1e-12, atol=1e-14)


@given(st.integers(1, 4), st.integers(0, 99), st.data())
def test_gradients_are_central_differences(nin: int, seed: int, data: st.DataObject) -> None:
    model = MLP(nin, [3, 1], activation="tanh", seed=seed)
    inputs = data.draw(st.lists(numbers, min_size=nin, max_size=nin))
    model(inputs).backward()
    step = 1e-5
    for parameter in model.parameters():
        start = parameter.data
        parameter.data = start + step
        above = model.predict(inputs)
        parameter.data = start - step
        below = model.predict(inputs)
        parameter.data = start
        # Truncation: step² times the third derivative; rounding: a few ulp of the outputs / step.
        slack = 1e-10 * 50.0 + 1e-15 * (1.0 + abs(above)) / step
        assert abs((above - below) / (2.0 * step) - parameter.grad) < slack


def test_a_neuron_is_one_node_and_an_activation() -> None:
    neuron = Neuron(5, "sigmoid")
    inputs = [1.0, 2.0, 3.0, 4.0, 5.0]
    output = neuron([Value(x) for x in inputs])
    (net,) = output.parents
    assert (output.op, net.op, len(net.parents)) == ("sigmoid", "net", 11)
    assert operation_counts(output) == {"sigmoid": 1, "net": 1, "": 11}
    # Inputs that are no nodes are the coefficients of the weights.
    fed = neuron(inputs)
    (net,) = fed.parents
    assert (fed.data, len(net.parents)) == (output.data, 6)
    assert net.local_derivatives == (*inputs, 1.0)


def test_the_neurons_of_a_layer_share_their_inputs() -> None:
    outputs = MLP(3, [4, 2])([Value(1.0), 2.0, Value(3.0)])
    nodes = topological_order(*outputs)
    inputs = [node for node in nodes if not node.parents and not is_parameter(node)]
    assert sorted(node.data for node in inputs) == [1.0, 2.0, 3.0]
    assert len([node for node in nodes if node.op == "relu"]) == 4


def test_gradients_reach_inputs_that_are_values() -> None:
    inputs = [Value(0.5), Value(-1.0)]
    Neuron(2, "linear", seed=7)(inputs).backward()
    assert [x.grad for x in inputs] == [w.data for w in Neuron(2, seed=7).weights]


def test_an_mlp_returns_one_value_or_a_list() -> None:
    assert isinstance(MLP(2, [3, 1])([1.0, 2.0]), Value)
    assert len(MLP(2, [3, 2])([1.0, 2.0])) == 2
    assert isinstance(Layer(2, 1)([1.0, 2.0]), list)


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        ("relu", lambda x: max(x, 0.0)),
        ("tanh", math.tanh),
        ("leaky_relu", lambda x: x if x > 0 else 0.01 * x),
        ("linear", lambda x: x),
        (None, lambda x: x),
        (autograd.exp, math.exp),
        (lambda x: x * x, lambda x: x * x),
    ],
)
def test_activations_are_named_or_functions(activation: Any, function: Any) -> None:
    neuron = Neuron(1, activation)
    neuron.load_state_dict({"weights": [2.0], "bias": -1.0})
    for x in (-0.7, 0.9):
        assert neuron([x]).data == pytest.approx(function(2.0 * x - 1.0), rel=1e-14)


def test_a_shared_bias_is_one_parameter_and_gets_all_gradients() -> None:
    layer = Layer(2, 3, "linear", shared_bias=True)
    assert [name for name, _ in layer.named_parameters() if "bias" in name] == ["bias"]
    assert len(layer.parameters()) == 7
    autograd.sum(layer([1.0, 2.0])).backward()
    assert layer.bias is not None
    assert layer.bias.grad == 3.0


def test_weights_can_be_shared_along_a_signal() -> None:
    class Convolution(Module):
        """One neuron, seen moving along its input."""

        def __init__(self, width: int) -> None:
            self.kernel = Neuron(width, "linear", seed=1)

        def __call__(self, inputs: list[float]) -> list[Value]:
            width = self.kernel.nin
            return [self.kernel(inputs[i : i + width]) for i in range(len(inputs) - width + 1)]

    model = Convolution(3)
    signal = [0.5, -1.0, 2.0, 0.0, 1.5]
    kernel = [weight.data for weight in model.kernel.weights]
    expected = np.convolve(signal, kernel[::-1], mode="valid")
    np.testing.assert_allclose(model.predict(signal), expected, rtol=1e-12)
    autograd.sum(model(signal)).backward()
    windows = np.lib.stride_tricks.sliding_window_view(np.array(signal), 3)
    assert [w.grad for w in model.kernel.weights] == pytest.approx(list(windows.sum(axis=0)))


# --- how they start ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("activation", "variance"),
    [(name, 2 / 150) for name in ("relu", "leaky_relu", "elu", "gelu", "silu", "softplus")]
    + [(name, 2 / 200) for name in ("tanh", "sigmoid", "linear", None)]
    + [(autograd.relu, 2 / 150), (autograd.tanh, 2 / 200)],
)
def test_weights_start_with_the_variance_that_the_activation_asks_for(
    activation: Any, variance: float
) -> None:
    layer = Layer(150, 50, activation, seed=1)
    weights = [weight.data for neuron in layer.neurons for weight in neuron.weights]
    deviation = math.sqrt(variance)
    # Of n normal numbers, the mean lies within 5 σ/√n, the standard deviation within 5 σ/√(2n).
    n = len(weights)
    assert abs(statistics.fmean(weights)) < 5 * deviation / math.sqrt(n)
    assert abs(statistics.pstdev(weights) - deviation) < 5 * deviation / math.sqrt(2 * n)
    assert all(neuron.bias.data == 0.0 for neuron in layer.neurons)


@given(seeds)
def test_the_seed_decides_the_weights(seed: int) -> None:
    first, again, other = (MLP(3, [4, 2], seed=s).state_dict() for s in (seed, seed, seed + 1))
    assert first == again
    assert first != other
    weights = [tuple(entry) for entry in first.values() if isinstance(entry, list)]
    assert len(set(weights)) == len(weights)


def test_labels_and_reprs() -> None:
    model = MLP(2, [16, 16, 1], "tanh", "sigmoid")
    assert model.layers[0].neurons[3].weights[1].label == "layers.0.neurons.3.weights.1"
    assert model.layers[2].neurons[0].bias.label == "layers.2.neurons.0.bias"
    assert all(name == parameter.label for name, parameter in model.named_parameters())
    assert repr(model) == "MLP(2, [16, 16, 1], activation=tanh, output_activation=sigmoid)"
    assert repr(model.layers[0]) == "Layer(2, 16, activation=tanh)"
    assert repr(model.layers[2].neurons[0]) == "Neuron(16, activation=sigmoid)"


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rleu", "", "Value", "no_grad", "+", "maximum", "sum"])
def test_an_unknown_activation_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"activation must be .* got {name!r}".replace("+", r"\+")):
        MLP(2, [3, 1], activation=name)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Neuron(0),
        lambda: Neuron(2, nout=0),
        lambda: Layer(0, 1),
        lambda: Layer(1, 0),
        lambda: MLP(2, []),
        lambda: MLP(2, [3, 0]),
        lambda: MLP(-1, [3]),
    ],
)
def test_sizes_below_one_are_refused(build: Any) -> None:
    with pytest.raises(ValueError, match=r"at least (1|one)"):
        build()


@pytest.mark.parametrize("inputs", [[], [1.0], [1.0, 2.0, 3.0]])
def test_a_wrong_number_of_inputs_is_refused(inputs: list[float]) -> None:
    with pytest.raises(ValueError, match=rf"takes 2 inputs, got {len(inputs)}"):
        MLP(2, [3, 1])(inputs)
    with pytest.raises(ValueError, match="2"):
        Neuron(2)(inputs)


def test_inputs_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(TypeError, match=r"'1\.0'"):
        MLP(2, [3, 1])(["1.0", 2.0])  # type: ignore[list-item]


def test_sizes_are_integers_in_a_list() -> None:
    sizes: Any
    for sizes in (3, [2.5], "ab"):
        with pytest.raises(TypeError, match="sizes must be a list of integers"):
            MLP(2, sizes)
    assert len(MLP(2, np.array([3, 1])).parameters()) == 13  # type: ignore[arg-type]


def test_a_neuron_labels_what_it_computes() -> None:
    model = MLP(2, [3, 1], "tanh", seed=0)
    output = model([0.5, -1.0])
    assert output.label == "layers.1.neurons.0.out"  # linear: the net input is the output
    hidden = [node for node in output.parents if node.op == "tanh"]
    assert [node.label for node in hidden] == [f"layers.0.neurons.{i}.out" for i in range(3)]
    assert hidden[1].parents[0].label == "layers.0.neurons.1.net"
    neuron = Neuron(1, "relu")
    assert (neuron([2.0]).label, neuron([2.0]).parents[0].label) == ("out", "net")
    layer = Layer(1, 2)
    assert [out.label for out in layer([1.0])] == ["neurons.0.out", "neurons.1.out"]


def test_an_activation_may_return_anything() -> None:
    held = Value(3.0, "mine")
    assert Neuron(1, lambda net: held)([1.0]).label == "mine"
    step: Any = lambda net: float(net > 0.0)  # noqa: E731
    assert Neuron(1, step)([1.0]) in (0.0, 1.0)
    custom = Neuron(1, lambda net: net * net.sigmoid())([1.0])
    assert (custom.label, custom.op) == ("out", "*")


def test_labels_of_a_copied_and_a_pickled_model() -> None:
    for model in (copy.deepcopy(MLP(1, [1])), pickle.loads(pickle.dumps(MLP(1, [1])))):
        assert model([1.0]).label == "layers.0.neurons.0.out"


def test_neurons_in_an_array_of_objects_know_their_names() -> None:
    class Bank(Module):
        def __init__(self) -> None:
            self.neurons = np.array([Neuron(1), Neuron(1)], dtype=object)
            self.label_parameters()

    assert Bank().neurons[1]([1.0]).label == "neurons.1.out"


def test_a_layer_of_one_neuron_shows_its_activation() -> None:
    assert repr(Layer(3, 1, "relu")) == "Layer(3, 1, activation=relu)"


def test_a_shared_bias_starts_at_0() -> None:
    bias = Layer(2, 3, shared_bias=True).bias
    assert bias is not None
    assert bias.data == 0.0


def test_a_lone_neuron_starts_as_one_of_one() -> None:  # layers.py 58, the default of nout
    lone, one, two = Neuron(3, seed=5), Neuron(3, nout=1, seed=5), Neuron(3, nout=2, seed=5)
    assert lone.state_dict() == one.state_dict() != two.state_dict()


@pytest.mark.parametrize("model", [Neuron(2), Layer(2, 3), MLP(2, [3, 1])], ids=repr)
@pytest.mark.parametrize("table", [[[1.0, 2.0], [3.0, 4.0]], np.ones((2, 2)), ((1, 2), (3, 4))])
def test_a_table_is_not_a_sample(model: Any, table: Any) -> None:
    with pytest.raises(TypeError, match=r"a table of 2 rows: model\.predict\(X\), compile\(model"):
        model(table)
    assert model.predict(table).shape[0] == 2


@pytest.mark.parametrize("inputs", [[b"a", b"b"], ["a", "b"], [{"a": 1}, 2.0], [None, 1.0]])
def test_wrong_numbers_are_not_called_a_table(inputs: Any) -> None:
    for model in Neuron(2), MLP(2, [3, 1]):
        with pytest.raises(TypeError, match="expected a Value or a real number"):
            model(inputs)


# --- dropout -------------------------------------------------------------------------------------


@given(st.floats(0.0, 1.0), st.integers(0, 1000), st.integers(0, 20))
def test_dropout_leaves_out_or_scales(p: float, seed: int, width: int) -> None:
    dropout, again = Dropout(p, seed), Dropout(p, seed)
    inputs = [Value(1.0 + i) for i in range(width)]
    for _ in range(2):
        outputs = dropout(inputs)
        assert [float(y.data) for y in outputs] == [float(y.data) for y in again(inputs)]
        for x, y in zip(inputs, outputs, strict=True):
            assert y.data == 0.0 or y.data == pytest.approx(x.data / (1.0 - p))
            assert p > 0.0 or y is x
            assert p < 1.0 or y.data == 0.0
    assert dropout.predict(inputs) == [x.data for x in inputs]
    assert dropout.eval()(inputs) == inputs


def test_dropout_keeps_the_mean_and_draws_independently() -> None:
    p, width, draws = 0.3, 8, 3000
    dropout = Dropout(p, seed=3)
    masks = np.array([dropout.mask(width) for _ in range(draws)])
    kept = masks > 0.0
    assert {*np.unique(masks)} == {0.0, 1.0 / (1.0 - p)}
    # Six deviations of the mean of so many draws; of correlations likewise, within a mask and from
    # one to the next.
    bound = 6.0 * math.sqrt(p * (1.0 - p) / draws)
    assert abs(kept.mean(axis=0) - (1.0 - p)).max() < bound
    correlations = np.corrcoef(np.hstack([kept[:-1], kept[1:]]).T) - np.eye(2 * width)
    assert abs(correlations).max() < 6.0 / math.sqrt(draws)


class Thinned(Module):
    """Two layers with dropout behind each; masks may come from outside."""

    def __init__(self, p: float = 0.5) -> None:
        self.layers = [Layer(3, 6, "tanh", seed=1), Layer(6, 6, "tanh", seed=2)]
        self.dropouts = [Dropout(p), Dropout(p)]
        self.output = Neuron(6, "linear", seed=3)
        self.label_parameters()

    def __call__(self, inputs: Any, masks: Any = (None, None)) -> Any:
        for layer, dropout, mask in zip(self.layers, self.dropouts, masks, strict=True):
            inputs = dropout(layer(inputs), mask)
        return self.output(inputs)


def test_dropouts_of_one_model_and_seed_draw_masks_of_their_own() -> None:
    model = Thinned()
    first, second = ([d.mask(6) for _ in range(20)] for d in model.dropouts)
    assert first != second


X = [[0.1, -0.5, 0.3], [0.7, 0.2, -0.9], [-0.4, 0.8, 0.6], [0.0, 0.1, -0.2]]
Y = [0.5, -0.5, 1.0, 0.0]


def test_training_with_dropout_goes_on_from_a_file_bit_for_bit(tmp_path: Any) -> None:
    def trained(model: Thinned, epochs: int) -> None:
        rate = optim.SGD(model.parameters(), 0.1)
        options: dict[str, Any] = {"epochs": epochs, "shuffle": False, "batch_size": 2}
        fit(model, losses.mean_squared_error, X, Y, optimiser=rate, **options)

    whole, first, second = Thinned(), Thinned(), Thinned()
    trained(whole, 6)
    trained(first, 2)
    first.save(tmp_path / "file")
    second.load(tmp_path / "file")
    trained(second, 4)
    assert second.state_dict() == whole.state_dict()
    assert whole.dropouts[0].drawn.data == 24.0
    assert "dropouts.0.drawn" in whole.state_dict()


def test_compiled_in_training_dropout_is_refused_and_says_what_to_do() -> None:
    model = Thinned()
    for refused in (
        lambda: compile(lambda x: model(x))(X[0]),
        lambda: compile(model)(X[0]),
        lambda: compile(grad(lambda x: model(x)))(X[0]),
        lambda: fit(model, losses.mean_squared_error, X, Y, epochs=1, compiled=True),
    ):
        with pytest.raises(TypeError, match=r"(?s)Dropout.*draw masks outside.*eval\(\)"):
            refused()
    fit(model, losses.mean_squared_error, X, Y, epochs=1)
    without = Thinned(p=0.0)
    fit(without, losses.mean_squared_error, X, Y, epochs=1, compiled=True)


def test_compiled_in_evaluation_dropout_passes_all() -> None:
    model = Thinned().eval()
    outputs = compile(lambda x: model(x), in_axes=0)(X)
    assert outputs == pytest.approx([model.predict(x) for x in X], rel=1e-12)
    history = fit(model, losses.mean_squared_error, X, Y, epochs=2, compiled=True)
    assert len(history.losses) == 2
    assert model.dropouts[0].drawn.data == 0.0


def test_masks_drawn_outside_are_inputs_of_compiled_code() -> None:
    model = Thinned()

    def loss(model: Thinned, x: Any, y: Any, masks: Any) -> Any:
        return (model(x, masks) - y) ** 2

    compiled = compile(value_and_grad(loss), in_axes=(None, 0, 0, 0))
    for _ in range(3):
        masks = [[d.mask(6) for d in model.dropouts] for _ in X]
        values, slopes = compiled(model, X, Y, np.array(masks))
        for row, (x, y, mask) in enumerate(zip(X, Y, masks, strict=True)):
            value, gradient = value_and_grad(loss)(model, x, y, mask)
            assert values[row] == pytest.approx(value, rel=1e-12)
            assert {name: slope[row] for name, slope in slopes.items()} == pytest.approx(
                gradient, rel=1e-9, abs=1e-12
            )
    assert compiled.traces == 1


def test_dropout_of_one_number_and_of_what_is_none() -> None:
    dropout = Dropout(0.5, seed=1)
    x = Value(3.0)
    assert {dropout(x).data for _ in range(30)} == {0.0, 6.0}
    assert dropout(x, 2.0).data == dropout(x, [2.0]).data == 6.0
    assert dropout.predict(x) == 3.0
    assert dropout([], []) == []
    with pytest.raises(
        ValueError, match=r"Dropout\(0\.5, seed=1\): the mask has 1 factor for 2 inputs"
    ):
        dropout([1.0, 2.0], [1.0])
    with pytest.raises(TypeError):
        dropout(None)
    for p in (-0.1, 1.5, math.nan, math.inf):
        with pytest.raises(ValueError, match="from 0 to 1"):
            Dropout(p)
    for wrong in ({"p": "0.5"}, {"p": None}, {"seed": 0.5}, {"seed": None}):
        with pytest.raises(TypeError):
            Dropout(**wrong)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_of_dropout_draws_the_same(duplicate: Any) -> None:
    dropout = Dropout(0.5, seed=1)
    dropout.mask(3)
    twin = duplicate(dropout)
    assert [twin.mask(5) for _ in range(3)] == [dropout.mask(5) for _ in range(3)]
    assert gradcheck(lambda x: dropout.eval()(x)[0] * 2.0, [1.0])
