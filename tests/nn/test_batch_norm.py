"""A page of user code: batch normalisation built from `nn`, compared with PyTorch's."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, compile, grad, mean, sqrt
from nn import Buffer, Layer, Module, Neuron, Parameter, losses, optim

# --- the page ------------------------------------------------------------------------------------


class BatchNorm(Module):
    """Normalise each input over a batch in training, by running averages in evaluation.

    In training it takes a batch, a list of rows, and gives one; in evaluation it takes a row.
    """

    def __init__(self, width: int, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        self.scale = [Parameter(1.0) for _ in range(width)]
        self.shift = [Parameter(0.0) for _ in range(width)]
        self.mean = [Buffer(0.0) for _ in range(width)]
        self.variance = [Buffer(1.0) for _ in range(width)]
        self.momentum, self.epsilon = momentum, epsilon
        self.label_parameters()

    def __call__(self, inputs: Any) -> Any:
        if not self.training:
            return self.normalised(inputs, self.mean, self.variance)
        columns = list(zip(*inputs, strict=True))
        means = [mean(column) for column in columns]
        variances = [
            mean([(x - middle) ** 2 for x in column])
            for column, middle in zip(columns, means, strict=True)
        ]
        unbiased = [variance * (len(inputs) / (len(inputs) - 1)) for variance in variances]
        for averages, numbers in (self.mean, means), (self.variance, unbiased):
            for average, number in zip(averages, numbers, strict=True):
                average.data += self.momentum * (number.data - average.data)
        return [self.normalised(row, means, variances) for row in inputs]

    def normalised(self, row: Any, means: Sequence[Any], variances: Sequence[Any]) -> list[Value]:
        parts = zip(row, means, variances, self.scale, self.shift, strict=True)
        return [
            (x - middle) / sqrt(variance + self.epsilon) * scale + shift
            for x, middle, variance, scale, shift in parts
        ]


class Network(Module):
    def __init__(self) -> None:
        self.hidden = Layer(2, 4, "linear", seed=1)
        self.norm = BatchNorm(4)
        self.output = Neuron(4, "linear", seed=2)
        self.label_parameters()

    def __call__(self, inputs: Any) -> Any:
        if not self.training:
            return self.output([x.tanh() for x in self.norm(self.hidden(inputs))])
        rows = self.norm([self.hidden(row) for row in inputs])
        return [self.output([x.tanh() for x in row]) for row in rows]


def trained(model: Network, epochs: int = 60) -> list[float]:
    """Learn the product of two inputs."""
    generator = random.Random(0)
    X = [[generator.uniform(10.0, 14.0), generator.uniform(-3.0, 1.0)] for _ in range(24)]
    Y = [(a - 12.0) * (b + 1.0) for a, b in X]
    optimiser = optim.Adam(model.parameters(), 0.05)
    history = []
    for _ in range(epochs):
        for start in range(0, len(X), 12):
            batch = slice(start, start + 12)
            optimiser.zero_grad()
            pairs = zip(model(X[batch]), Y[batch], strict=True)
            loss = mean([losses.mean_squared_error(output, y) for output, y in pairs])
            loss.backward()
            optimiser.step()
        outputs = [model.predict(x) for x in X]
        history.append(mean([(o - y) ** 2 for o, y in zip(outputs, Y, strict=True)]))
    return history


# --- what it does --------------------------------------------------------------------------------

batches = st.integers(2, 5).flatmap(
    lambda rows: st.lists(
        st.lists(st.floats(-5.0, 5.0), min_size=3, max_size=3), min_size=rows, max_size=rows
    )
)


@given(st.lists(batches, min_size=1, max_size=3), st.lists(st.floats(-2.0, 2.0), min_size=6))
def test_outputs_gradients_and_averages_are_those_of_pytorch(
    steps: list[list[list[float]]], numbers: list[float]
) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = BatchNorm(3), torch.nn.BatchNorm1d(3).double()
    for parameter, number in zip(ours.parameters(), numbers, strict=False):
        parameter.data = number
    with torch.no_grad():
        theirs.weight[:] = torch.tensor(numbers[:3], dtype=torch.float64)
        theirs.bias[:] = torch.tensor(numbers[3:6], dtype=torch.float64)
    for batch in steps:
        tensor = torch.tensor(batch, dtype=torch.float64, requires_grad=True)
        rows = [[Value(x) for x in row] for row in batch]
        outputs, expected = ours(rows), theirs(tensor)
        flat = [y for row in outputs for y in row]
        assert [y.data for y in flat] == pytest.approx(expected.flatten().tolist(), abs=1e-9)
        ours.zero_grad()
        theirs.zero_grad()
        mean([y**3 for y in flat]).backward()
        (expected**3).mean().backward()
        slopes = [x.grad for row in rows for x in row]
        scale = 1e-9 * (1.0 + max(abs(y.data) for y in flat)) ** 3 / 1e-5**0.5
        assert slopes == pytest.approx(tensor.grad.flatten().tolist(), abs=scale, rel=1e-7)
        found = [p.grad for p in ours.parameters()]
        wanted = [*theirs.weight.grad.tolist(), *theirs.bias.grad.tolist()]
        assert found == pytest.approx(wanted, abs=1e-9, rel=1e-9)
        assert [b.data for b in ours.mean] == pytest.approx(theirs.running_mean.tolist(), abs=1e-12)
        assert [b.data for b in ours.variance] == pytest.approx(theirs.running_var.tolist())
    theirs.eval()
    row = [0.5, -1.0, 2.0]
    expected = theirs(torch.tensor([row], dtype=torch.float64))[0].tolist()
    assert ours.predict(row) == pytest.approx(expected)


def test_a_network_with_it_is_trained_saved_and_compiled(tmp_path: Path) -> None:
    model, other = Network(), Network()
    history = trained(model)
    assert history[-1] < 0.2 * history[0]
    assert "norm.mean" in model.state_dict()
    assert [name for name, _ in model.named_parameters() if name.startswith("norm.mean")] == []
    model.save(tmp_path / "model")
    other.load(tmp_path / "model")
    row = [11.0, -2.0]
    assert other.predict(row) == model.predict(row)
    model.eval()
    assert compile(lambda x: model(x))(row) == pytest.approx(model.predict(row), rel=1e-12)
    assert len(grad(lambda x: model(x))(row)) == 2
    model.train()
    with pytest.raises(TypeError):  # averages cannot be changed by compiled code
        compile(lambda x: model(x))([row, row])
