"""The workloads of eager mode: the same for each library, by its name in the table."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import random
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from itertools import islice
from typing import Any, NamedTuple

from benchmarks.measure import Lap, Task

OURS = "ours"
PEERS = ("micrograd", "XAD", "PyTorch scalars")


# --- the libraries --------------------------------------------------------------------------------


class Library(NamedTuple):
    """What a workload written in plain Python needs from a library."""

    leaf: Callable[[float], Any]
    relu: Callable[[Any], Any]
    reset: Callable[[Sequence[Any]], None]  # gradients to zero, or a new tape
    backward: Callable[[Any], None]
    gradient: Callable[[Any], float]


def library(name: str) -> Library:
    """Import a library by its name in the table."""
    if name == "XAD":
        return xad()
    if name == "PyTorch scalars":
        torch = import_module("torch")
        torch.set_num_threads(1)
        leaf = partial(torch.tensor, dtype=torch.float64, requires_grad=True)
        reset = partial(clear, value=None)
        return Library(leaf, torch.relu, reset, torch.Tensor.backward, lambda x: float(x.grad))
    value = import_module("autograd" if name == OURS else "micrograd.engine").Value
    return Library(value, value.relu, clear, value.backward, lambda x: float(x.grad))


def clear(leaves: Sequence[Any], value: float | None = 0.0) -> None:
    for leaf in leaves:
        leaf.grad = value


def xad() -> Library:
    """XAD at its fastest: one tape, kept and recorded again at each step."""
    adjoint, maximum = import_module("xad.adj_1st"), import_module("xad.math").max
    tape = adjoint.Tape()
    tape.activate()

    def leaf(value: float) -> Any:
        number = adjoint.Real(value)
        tape.registerInput(number)
        return number

    def backward(output: Any) -> None:
        tape.registerOutput(output)
        output.derivative = 1.0
        tape.computeAdjoints()

    def reset(leaves: Sequence[Any]) -> None:
        tape.newRecording()

    return Library(leaf, lambda x: maximum(x, 0.0), reset, backward, lambda x: float(x.derivative))


# --- the workloads --------------------------------------------------------------------------------

WIDTH, LAYERS = 50, 50
OPERATIONS = 4 * WIDTH * LAYERS + WIDTH - 1
SIZES = (16, 16, 1)


def mesh(xs: list[Any], ws: list[Any], vs: list[Any], relu: Callable[[Any], Any]) -> Any:
    """A graph with much sharing, of `*`, `+` and relu, each of which is one node in every library.

    Subtraction and division are left out: micrograd makes two or three nodes of each.
    """
    for _ in range(LAYERS):
        xs = [relu(x * w + y * v) for x, y, w, v in zip(xs, xs[1:] + xs[:1], ws, vs, strict=True)]
    total = xs[0]
    for x in xs[1:]:
        total = total + x
    return total


def mesh_leaves(leaf: Callable[[float], Any]) -> tuple[list[Any], list[Any], list[Any]]:
    """The mesh's inputs and weights; a few weights are negative, so that relu is used."""
    rng = random.Random(1)
    xs = [leaf(rng.uniform(0.5, 1.5)) for _ in range(WIDTH)]
    ws, vs = ([leaf(rng.uniform(-0.1, 0.95)) for _ in range(WIDTH)] for _ in range(2))
    return xs, ws, vs


def op_by_op(name: str) -> Task:
    peer = library(name)
    xs, ws, vs = mesh_leaves(peer.leaf)
    leaves = [*xs, *ws, *vs]

    def step(lap: Lap) -> None:
        peer.reset(leaves)
        peer.backward(mesh(xs, ws, vs, peer.relu))

    return Task(step, lambda: [peer.gradient(leaf) for leaf in leaves])


def bytes_a_node(name: str) -> tuple[float, float]:
    """Return the bytes of a two-operand node and what it owns, before and after backward()."""
    peer = library(name)
    leaves = mesh_leaves(peer.leaf)
    nodes = 3 * WIDTH * LAYERS + WIDTH - 1
    tracemalloc.start()
    output = mesh(*leaves, relu=lambda x: x)
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    peer.backward(output)
    gc.collect()
    return before / nodes, tracemalloc.get_traced_memory()[0] / nodes


def mlp_weights(inputs: int, sizes: Sequence[int]) -> list[float]:
    """He-initialised weights, neuron by neuron, a neuron's bias after its weights."""
    rng = random.Random(3)
    weights: list[float] = []
    for size in sizes:
        for _ in range(size):
            weights += [rng.gauss(0.0, math.sqrt(2.0 / inputs)) for _ in range(inputs)] + [0.1]
        inputs = size
    return weights


def load(model: Any, weights: Sequence[float]) -> None:
    for parameter, weight in zip(model.parameters(), weights, strict=True):
        parameter.data = weight


def plain_mlp(leaves: Sequence[Any], relu: Callable[[Any], Any]) -> Callable[[list[Any]], Any]:
    """The MLP as written for a scalar library without `nn`."""
    layers, inputs, parameters = [], 2, iter(leaves)
    for size in SIZES:
        layers.append([list(islice(parameters, inputs + 1)) for _ in range(size)])
        inputs = size

    def model(xs: list[Any]) -> Any:
        for layer in layers:
            ys = []
            for *ws, net in layer:
                for w, x in zip(ws, xs, strict=True):
                    net = net + w * x
                ys.append(net if layer is layers[-1] else relu(net))
            xs = ys
        return xs[0]

    return model


def mlp_step(name: str) -> Task:
    """The MLP 2-16-16-1 on twenty samples with the hinge loss; `nn.MLP` if the library has one."""
    rng = random.Random(2)
    X = [[rng.uniform(-1.0, 1.0), rng.uniform(-1.0, 1.0)] for _ in range(20)]
    Y = [1.0 if a * b > 0.0 else -1.0 for a, b in X]
    peer, weights = library(name), mlp_weights(2, SIZES)
    if name in (OURS, "micrograd"):
        model = import_module("nn" if name == OURS else "micrograd.nn").MLP(2, list(SIZES))
        load(model, weights)
        parameters = model.parameters()
        reset = model.zero_grad
    else:
        parameters = [peer.leaf(weight) for weight in weights]
        model = plain_mlp(parameters, peer.relu)
        reset = partial(peer.reset, parameters)
    if name == OURS:
        hinge, mean = import_module("nn.losses").hinge, import_module("autograd").mean
    else:

        def hinge(output: Any, target: float) -> Any:
            return peer.relu(1.0 + -target * output)  # as in micrograd's own demo

        def mean(losses: Sequence[Any]) -> Any:
            return sum(losses[1:], losses[0]) * (1.0 / len(losses))

    def step(lap: Lap) -> None:
        reset()
        peer.backward(mean([hinge(model(x), y) for x, y in zip(X, Y, strict=True)]))

    return Task(step, lambda: [peer.gradient(parameter) for parameter in parameters])


def wide_mlp(name: str, width: int) -> Task:
    """One sample of an MLP with `width` inputs, `width` hidden neurons and a squared error."""
    rng = random.Random(4)
    x = [rng.uniform(-1.0, 1.0) for _ in range(width)]
    model = import_module("nn" if name == OURS else "micrograd.nn").MLP(width, [width, 1])
    load(model, mlp_weights(width, (width, 1)))

    def step(lap: Lap) -> None:
        model.zero_grad()
        lap("zero")
        error = model(x) - 1.0
        loss = error * error
        lap("forward")
        loss.backward()
        lap("backward")

    return Task(step, lambda: [parameter.grad for parameter in model.parameters()])


def chain(nodes: int) -> Task:
    """The whole life of a chain of two-operand nodes."""
    value = import_module("autograd").Value
    factor, term = value(0.999), value(0.001)

    def step(lap: Lap) -> None:
        end = value(1.0)
        for _ in range(nodes // 2):
            end = end * factor + term
        lap("forward")
        end.backward()
        lap("backward")
        twin = copy.deepcopy(end)
        lap("deepcopy")
        again = pickle.loads(pickle.dumps(end))
        lap("pickle")
        same = twin.data == again.data == end.data and twin.grad == again.grad == end.grad
        assert same
        lap("check")
        del end
        lap("free")

    return Task(step)


def chain_peak_bytes(nodes: int) -> int:
    """The most memory that a chain, its copy and its pickle take together."""
    task = chain(nodes)
    tracemalloc.start()
    task.step(lambda phase: None)
    return tracemalloc.get_traced_memory()[1]


def run_python(code: str) -> Task:
    """Python on a line of code, from its start to its end."""

    def step(lap: Lap) -> None:
        subprocess.run([sys.executable, "-c", code], check=True)

    return Task(step, clock=time.perf_counter)
