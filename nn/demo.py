"""The demo: the textbook's backpropagation digit for digit, then neurons and networks on real data.

Run `make demo`, or `python -m nn.demo`. The worked example needs only this library, the rest the
extra `train`. The exit status is 1 if a number of the textbook or an accuracy is missed.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from textwrap import fill
from typing import Any, NamedTuple

from autograd import Value, draw, explain
from autograd.drawing import RenderingError
from autograd.formatting import printable
from nn import MLP, History, Neuron, fit, losses, optim

__all__ = ["main"]

# --- the worked example --------------------------------------------------------------------------

TEXTBOOK: list[dict[str, float]] = [
    {
        "out h1": 0.5932699921071872, "out h2": 0.596884378259767,
        "out o1": 0.7513650695523157, "out o2": 0.7729284653214625,
        "E": 0.2983711087600027,
    }, {
        "∂E/∂out o1": 0.7413650695523157, "∂out o1/∂net o1": 0.18681560180895948,
        "∂net o1/∂w5": 0.5932699921071872, "∂E/∂w5, their product": 0.08216704056423077,
    }, {
        "∂E/∂w1": 0.0004385677344743465, "∂E/∂w2": 0.000877135468948693,
        "∂E/∂w3": 0.0004977127352608599, "∂E/∂w4": 0.0009954254705217198,
        "∂E/∂w5": 0.08216704056423077, "∂E/∂w6": 0.08266762784753325,
        "∂E/∂w7": -0.02260254047747507, "∂E/∂w8": -0.022740242215978222,
    }, {
        "w1 after one step": 0.1497807161327628, "w2 after one step": 0.19956143226552567,
        "w3 after one step": 0.24975114363236958, "w4 after one step": 0.29950228726473915,
        "w5 after one step": 0.35891647971788465, "w6 after one step": 0.4086661860762334,
        "w7 after one step": 0.5113012702387375, "w8 after one step": 0.5613701211079891,
        "E after one step": 0.29102777369359933,
    }, {
        "E after 10,000 steps": 3.510187782978859e-05,
        "out o1 after 10,000 steps": 0.01591362044355068,
        "out o2 after 10,000 steps": 0.9840642735146238,
    },
]  # fmt: skip


INPUTS, TARGETS = [0.05, 0.10], [0.01, 0.99]


def textbook_network() -> tuple[MLP, dict[str, Value]]:
    """Make the textbook's network, and name its weights w1 to w8 and its biases b1 and b2."""
    model = MLP(2, [2, 2], "sigmoid", output_activation="sigmoid", shared_bias=True)
    model.load_state_dict({
        "layers.0.neurons.0.weights": [0.15, 0.20], "layers.0.neurons.1.weights": [0.25, 0.30],
        "layers.1.neurons.0.weights": [0.40, 0.45], "layers.1.neurons.1.weights": [0.50, 0.55],
        "layers.0.bias": 0.35, "layers.1.bias": 0.60,
    })  # fmt: skip
    model.freeze("layers.0.bias", "layers.1.bias")
    neurons = [neuron for layer in model.layers for neuron in layer.neurons]
    weights = {f"w{1 + 2 * i + j}": neurons[i].weights[j] for i in range(4) for j in range(2)}
    biases = {f"b{i}": layer.neurons[0].bias for i, layer in enumerate(model.layers, 1)}
    for name, parameter in (weights | biases).items():
        parameter.label = name
    return model, weights


def worked_example() -> dict[str, float]:
    """Train the textbook's network, and return the numbers of `TEXTBOOK` as computed here."""
    model, weights = textbook_network()
    optimiser = optim.SGD(model.parameters(), learning_rate=0.5)

    def step() -> tuple[list[Value], Value]:
        optimiser.zero_grad()
        outputs = model(INPUTS)
        error = losses.half_squared_error(outputs, TARGETS)
        error.backward()
        optimiser.step()
        return outputs, error

    # The graph holds the numbers and derivatives of the point at which it was built.
    (o1, o2), error = step()
    net_o1 = o1.parents[0]
    h1, h2 = [node for node in net_o1.parents if node.op == "sigmoid"]
    nodes = {"out h1": h1, "out h2": h2, "out o1": o1, "out o2": o2, "E": error}
    numbers = {name: node.data for name, node in nodes.items()}
    by_parent = dict(zip(net_o1.parents, net_o1.local_derivatives, strict=True))
    factors = {
        "∂E/∂out o1": o1.grad,
        "∂out o1/∂net o1": o1.local_derivatives[0],
        "∂net o1/∂w5": by_parent[weights["w5"]],
    }
    numbers |= factors | {"∂E/∂w5, their product": math.prod(factors.values())}
    numbers |= {f"∂E/∂{name}": weight.grad for name, weight in weights.items()}
    numbers |= {f"{name} after one step": weight.data for name, weight in weights.items()}
    numbers["E after one step"] = losses.half_squared_error(model.predict(INPUTS), TARGETS)
    for _ in range(10_000 - 1):
        step()
    outputs = model.predict(INPUTS)
    numbers["E after 10,000 steps"] = losses.half_squared_error(outputs, TARGETS)
    numbers |= {f"out o{i} after 10,000 steps": output for i, output in enumerate(outputs, 1)}
    return numbers


def textbook_graph() -> tuple[MLP, Value, dict[str, Value]]:
    """Run the textbook's first pass, forwards and backwards, with every quantity named.

    Returns:
        The network, the error, and the weights by name.
    """
    model, weights = textbook_network()
    outputs = model([Value(number, f"i{i}") for i, number in enumerate(INPUTS, 1)])
    hidden = [node for node in outputs[0].parents[0].parents if node.op == "sigmoid"]
    for name, out in zip(("h1", "h2", "o1", "o2"), (*hidden, *outputs), strict=True):
        out.label, out.parents[0].label = f"out_{name}", f"net_{name}"
    error = losses.half_squared_error(outputs, TARGETS)
    error.label = "E"
    error.backward()
    return model, error, weights


# --- single neurons ------------------------------------------------------------------------------

RULES = {  # the loss, the learning rate, and the samples per step
    "Rosenblatt's perceptron": (losses.perceptron, 1.0, 1),
    "adaptive linear unit": (losses.half_squared_error, 0.1, None),
}
PAIRS = {"setosa, versicolor": (0, 1), "versicolor, virginica": (1, 2)}


def train_neuron(rule: str, pair: str, epochs: int = 100) -> list[float]:
    """Train a linear neuron to distinguish two species; return its accuracy after each epoch."""
    loss, rate, batch_size = RULES[rule]
    X, Y = extra("sklearn.datasets").load_iris(return_X_y=True)
    chosen = [int(y) in PAIRS[pair] for y in Y]
    targets = [1 if y == PAIRS[pair][0] else -1 for y in Y[chosen]]
    neuron = Neuron(4, "linear")
    history = train(
        neuron, loss, extra("sklearn.preprocessing").scale(X[chosen]), targets,
        optimiser=optim.SGD(neuron.parameters(), rate), batch_size=batch_size, epochs=epochs,
        metrics={"accuracy": lambda output, target: float(output * target > 0.0)},
    )  # fmt: skip
    return history.metrics["accuracy"]


# --- networks ------------------------------------------------------------------------------------


class Task(NamedTuple):
    """A data set, and how a network is trained on it."""

    name: str
    loader: str  # a function of sklearn.datasets
    loss: Callable[[Any, Any], Any]
    sizes: list[int]  # the inputs, and the neurons of each layer
    epochs: int
    learning_rate: float  # at the start; it decreases to 0 along a cosine
    weight_decay: float
    goal: float  # the accuracy to reach on the held-out samples


# Sizes, rates and decays with the smallest loss in cross-validation within the training part.
TASKS = [
    Task(
        "Breast Cancer Wisconsin", "load_breast_cancer", losses.binary_cross_entropy, [30, 16, 1],
        epochs=30, learning_rate=0.01, weight_decay=1.0, goal=0.97,
    ),
    Task(
        "Iris", "load_iris", losses.softmax_cross_entropy, [4, 8, 3],
        epochs=80, learning_rate=0.02, weight_decay=0.1, goal=0.95,
    ),
]  # fmt: skip


class Result(NamedTuple):
    """A network's learning curve, and how many of the held-out samples it classified correctly."""

    task: Task
    history: History
    held_out: int
    right: int


def train_network(task: Task, seed: int = 0) -> Result:
    """Train a network, and test it once, at the end, on a fifth of the samples.

    A fifth of the other samples is for the validation loss. Inputs are standardised with the mean
    and the deviation of those that the network is trained on.
    """
    split = extra("sklearn.model_selection").train_test_split
    X, Y = getattr(extra("sklearn.datasets"), task.loader)(return_X_y=True)
    X, X_test, Y, Y_test = split(X, Y, test_size=0.2, stratify=Y, random_state=seed)
    X, X_validation, Y, Y_validation = split(X, Y, test_size=0.2, stratify=Y, random_state=seed)
    standardise = extra("sklearn.preprocessing").StandardScaler().fit(X).transform
    model = MLP(task.sizes[0], task.sizes[1:], "tanh", seed=seed)
    rate = optim.cosine_decay(task.learning_rate, steps=task.epochs * math.ceil(len(X) / 16))
    history = train(
        model, task.loss, standardise(X), Y, batch_size=16, epochs=task.epochs, seed=seed,
        optimiser=optim.AdamW(model.parameters(), rate, weight_decay=task.weight_decay),
        validation=(standardise(X_validation), Y_validation),
    )  # fmt: skip
    logits = [model.predict(x) for x in standardise(X_test).tolist()]
    classes = [int(z > 0.0) if isinstance(z, float) else z.index(max(z)) for z in logits]
    return Result(task, history, len(X_test), int((classes == Y_test).sum()))


def draw_learning_curves(results: Sequence[Result], path: Path) -> None:
    """Draw the training and validation losses of each network as a picture."""
    figure = extra("matplotlib.figure").Figure(figsize=(5.4, 2.2), layout="constrained")
    panels = figure.subplots(1, len(results), squeeze=False)[0]
    for axes, (task, history, *_) in zip(panels, results, strict=True):
        epochs = range(1, len(history.losses) + 1)
        # Okabe and Ito's blue and vermilion; dashes for readers or printers without colours.
        axes.plot(epochs, history.losses, color="#0072B2", label="training")
        axes.plot(epochs, history.validation_losses, "--", color="#D55E00", label="validation")
        axes.set(title=task.name, xlabel="epoch", xlim=(0, len(epochs)), ylim=(0.0, None))
        axes.locator_params(nbins=5, steps=[1, 2, 5, 10])
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("mean cross-entropy")
    panels[0].legend(frameon=False)
    figure.savefig(path, dpi=300)


def train(*arguments: Any, **options: Any) -> History:
    """Call `fit`, and end the demo if Ctrl-C has ended the training."""
    history = fit(*arguments, **options)
    if history.stopped == "interrupted":
        raise KeyboardInterrupt
    return history


def extra(module: str) -> Any:
    """Import a module of the extra `train`."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(f'{error}: pip install "scalar-autograd[train]" brings it') from error


# --- what is printed, in order -------------------------------------------------------------------

MARKS = {True: "✓", False: "✗"}


def say(text: str) -> None:
    """Print a line, in ASCII if the terminal's encoding lacks a character."""
    print(printable(text, sys.stdout.encoding))


def show_worked_example() -> list[bool]:
    """Print the worked example beside the textbook's numbers; return which agree to 12 digits."""
    say("1. The textbook's backpropagation: 2 inputs, 2 hidden neurons, 2 outputs")
    say("   sigmoids; E = ∑ ½ (target - output)²; learning rate 0.5; biases fixed\n")
    say(f"   {'':<32}{'computed':<22}textbook")
    computed, agree = worked_example(), []
    for group in TEXTBOOK:
        for name, expected in group.items():
            number = computed[name]
            agree.append(abs(number - expected) <= 0.5e-12 * abs(expected))
            say(f"   {name:<31}{number:< #22.12g}{expected:< #22.12g}{MARKS[agree[-1]]}")
        say("")
    say(f"   {sum(agree)} of {len(agree)} numbers agree to 12 digits.\n")
    return agree


def show_graph(folder: Path) -> None:
    """Print the chain rule of two weights, and draw the worked example in several ways."""
    model, error, weights = textbook_graph()
    say("   The chain rule of w5, one path, and of w1, two paths:\n")
    for name in ("w5", "w1"):
        for line in str(explain(error, weights[name])).replace(" = ", "\n= ").splitlines():
            margin = " " * (6 if line.startswith("=") else 3)
            say(fill(line, 80, initial_indent=margin, subsequent_indent=" " * 8))
        say("")
    graph: dict[str, Any] = {"links": "contributions", "direction": "TB"}
    drawings = {
        "The graph, and what flows back": draw(error, **graph).save(folder / "worked_example.svg"),
        "… for dark pages": draw(error, **graph, theme="dark").save(
            folder / "worked_example_dark.svg"
        ),
        "The network of the textbook": draw(model).save(folder / "network.svg"),
        "… for dark pages, too": draw(model, theme="dark").save(folder / "network_dark.svg"),
        "A page to step through": draw(error).to_html(folder / "backpropagation.html"),
    }
    for what, path in drawings.items():
        say(f"   {what + ':':<33}{path}")
    say("")


def show_neurons() -> None:
    """Print how single neurons learn to distinguish two classes."""
    say("2. One neuron, two species of iris: 50 flowers each, 4 measurements, 100 epochs\n")
    say(f"   {'':<25}{'':<25}{'no errors':<13}accuracy*")
    for pair in PAIRS:
        for rule in RULES:
            accuracies = train_neuron(rule, pair)
            first = f"epoch {accuracies.index(1.0) + 1}" if 1.0 in accuracies else "never"
            span = " – ".join(dict.fromkeys(f"{f(accuracies[80:]):.0%}" for f in (min, max)))
            say(f"   {rule:<25}{pair:<25}{first:<13}{span}")
    say("\n   * in the last 20 epochs; no hyperplane separates the second pair\n")


def show_networks(path: Path) -> list[bool]:
    """Print the results of networks on held-out samples; return which reach their goals."""
    say("3. Networks, tested on a fifth of the samples that they have not seen\n")
    say(f"   {'':<25}{'layers':<13}{'classified rightly':<20}{'accuracy':>8}{'goal':>7}")
    results, reached = [], []
    for task in TASKS:
        results.append(result := train_network(task))
        accuracy = result.right / result.held_out
        reached.append(accuracy >= task.goal)
        layers, score = "-".join(map(str, task.sizes)), f"{result.right} of {result.held_out}"
        row = f"{task.name:<25}{layers:<13}{score:<20}{accuracy:>8.1%}{task.goal:>7.0%}"
        say(f"   {row}  {MARKS[reached[-1]]}")
    draw_learning_curves(results, path)
    say(f"\n   Learning curves: {path}\n")
    return reached


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo, and return its exit status."""
    start = time.perf_counter()
    parser = argparse.ArgumentParser("python -m nn.demo", epilog="DIR is build/demo by default.")
    parser.add_argument("--output", metavar="DIR", type=Path, default="build/demo")
    folder = parser.parse_args(arguments).output
    try:
        folder.mkdir(parents=True, exist_ok=True)
        right = show_worked_example()
        show_graph(folder)
        show_neurons()
        right += show_networks(folder / "learning_curves.png")
    except (ImportError, OSError, RenderingError) as error:
        parser.exit(1, f"{error}\n")
    except KeyboardInterrupt:
        return 130
    say("Read on in README.md, then in autograd/value.py, the heart of the engine.")
    say(f"The demo took {time.perf_counter() - start:.0f} seconds.")
    return 0 if all(right) else 1


if __name__ == "__main__":
    sys.exit(main())
