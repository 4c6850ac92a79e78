"""Eager mode beside its peers, in one run: `python benchmarks/eager.py [--quick]`.

Prints a table of ratios; writes `eager.json` and a chart, `eager.svg`, to `benchmarks/results/`. A
step is zeroing the gradients, the forward pass and the backward pass. Nothing is timed before all
contenders agree on the gradients.

Rows marked "gc off" run as `timeit` does, with Python's garbage collector off. They are the
stricter comparison with micrograd, whose nodes are cyclic garbage: collecting it can take longer
than everything else.
"""

from __future__ import annotations

import argparse
import copy
import gc
import json
import math
import pickle
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.measure import Lap, Spread, Task, in_fresh_process, interleave, machine, ratios

OURS = "ours"
PEERS = ("micrograd", "XAD", "PyTorch scalars")
SMALL, BARE = "micrograd, 100-100-1", "Python alone"


# --- the libraries --------------------------------------------------------------------------------


class Library(NamedTuple):
    """What a workload written in plain Python needs of a library."""

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
    """XAD at its fastest: one tape, kept, and recorded anew at each step."""
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
SIZES = (16, 16, 1)


def mesh(xs: list[Any], ws: list[Any], vs: list[Any], relu: Callable[[Any], Any]) -> Any:
    """A graph with much sharing, of `*`, `+` and relu: each of them one node in every library.

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
    """What a two-operand node takes, with all that it owns, before and after the backward pass."""
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
    """The MLP as one writes it for a library of scalars that has no `nn`."""
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
    """The MLP 2-16-16-1 on twenty samples with the hinge loss; `nn.MLP` where there is one."""
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
    return Task(lambda lap: subprocess.run([sys.executable, "-c", code], check=True))


# --- the rows -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A line of the table; `ratio` is `theirs / ours`, round by round."""

    what: str
    unit: str
    ours: Spread
    peer: str
    theirs: Spread
    ratio: Spread
    target: str
    reached: bool | None


def compare(
    what: str,
    unit: str,
    ours: Sequence[float],
    peer: str,
    theirs: Sequence[float],
    *,
    at_least: float = 0.0,
    at_most: float = math.inf,
    ours_at_most: float = math.inf,
) -> Row:
    """Make a row of two contenders' rounds; its target bounds the ratio, or our own figure."""
    mine, ratio = Spread.of(ours), ratios(theirs, ours)
    reached = at_least <= ratio.median <= at_most and mine.median <= ours_at_most
    target = ""
    if at_least > 0.0:
        target = f"at least {at_least:g}x"
    elif at_most < math.inf:
        target = f"at most {at_most:g}x"
    elif ours_at_most < math.inf:
        target = f"at most {ours_at_most:g} {unit.split()[0]}"
    return Row(
        what, unit, mine, peer, Spread.of(theirs), ratio, target, reached if target else None
    )


class Effort(NamedTuple):
    """How long to measure."""

    rounds: int = 15
    seconds: float = 0.2  # a turn
    slow_rounds: int = 5  # where a turn takes longer than that
    chain: int = 100_000


def peer_rows(
    what: str, unit: str, scale: float, make: Callable[[str], Task], target: float, effort: Effort
) -> Iterator[Row]:
    """One workload in every library: `target` times as fast as micrograd, and ahead of XAD."""
    makers = {name: partial(make, name) for name in (OURS, *PEERS)}
    targets = {"micrograd": target, "XAD": 1.0, "PyTorch scalars": 0.0}
    for collector in (True, False):
        contest = interleave(makers, effort.rounds, effort.seconds, collector=collector)
        agree(*contest.outcomes.values())
        title = what if collector else f"{what}, gc off"
        ours = contest.seconds(OURS, scale=scale)
        for peer, least in targets.items():
            theirs = contest.seconds(peer, scale=scale)
            yield compare(title, unit, ours, peer, theirs, at_least=least)


def agree(first: Sequence[float], *others: Sequence[float]) -> None:
    """Raise ValueError unless all gradients are those of the first to 1e-10 of the largest."""
    largest = max(map(abs, first))
    for other in others:
        worst = max(abs(a - b) for a, b in zip(first, other, strict=True))
        if not worst <= 1e-10 * largest:
            raise ValueError(f"gradients differ by {worst:g}, where the largest is {largest:g}")


def memory_rows() -> Iterator[Row]:
    """The bytes of a two-operand node: at most a third of micrograd's."""
    ours, theirs = (in_fresh_process(bytes_a_node, name) for name in (OURS, "micrograd"))
    for phase, a, b in zip(("forward", "backward"), ours, theirs, strict=True):
        yield compare(f"node after {phase}", "bytes", [a], "micrograd", [b], at_least=3.0)


def million_rows(effort: Effort) -> Iterator[Row]:
    """A million weights, the time a weight; micrograd is given a hundredth of them."""
    makers = {
        OURS: partial(wide_mlp, OURS, 1000),
        SMALL: partial(wide_mlp, "micrograd", 100),
        "ours, 100-100-1": partial(wide_mlp, OURS, 100),
    }
    contest = interleave(makers, effort.slow_rounds, effort.seconds, collector=False)
    agree(contest.outcomes[SMALL], contest.outcomes["ours, 100-100-1"])
    scale = {name: 1e9 / len(outcome) for name, outcome in contest.outcomes.items()}
    for phase in ("step", "zero", "forward", "backward"):
        ours, theirs = (contest.seconds(name, phase, scale[name]) for name in (OURS, SMALL))
        most = 150.0 if phase == "step" else math.inf
        yield compare(
            f"MLP 1000-1000-1, {phase}", "ns a weight", ours, SMALL, theirs, ours_at_most=most
        )


def chain_rows(effort: Effort) -> Iterator[Row]:
    """A chain of nodes and one of ten times as many: at most twelve times as much."""
    short, long = effort.chain, 10 * effort.chain
    makers = {name: partial(chain, nodes) for name, nodes in (("short", short), ("long", long))}
    contest = interleave(makers, effort.slow_rounds, effort.seconds)
    what, peer = f"chain {short:,}", f"{long:,} nodes"
    for phase in ("forward", "backward", "deepcopy", "pickle", "free"):
        times = (contest.seconds(name, phase, scale=1e3) for name in makers)
        yield compare(f"{what}: {phase}", "ms", next(times), peer, next(times), at_most=12.0)
    peaks = [in_fresh_process(chain_peak_bytes, nodes) / 1e6 for nodes in (short, long)]
    yield compare(f"{what}: memory", "MB", peaks[:1], peer, peaks[1:], at_most=12.0)


def import_rows(effort: Effort) -> Iterator[Row]:
    """What `import autograd` adds to starting Python: at most 0.1 s."""
    makers = {OURS: partial(run_python, "import autograd"), BARE: partial(run_python, "pass")}
    contest = interleave(makers, effort.rounds, 0.0)
    bare = contest.seconds(BARE, scale=1e3)
    added = [both - b for both, b in zip(contest.seconds(OURS, scale=1e3), bare, strict=True)]
    yield compare("import autograd, added", "ms", added, BARE, bare, ours_at_most=100.0)


def all_rows(effort: Effort) -> Iterator[Row]:
    operations = 4 * WIDTH * LAYERS + WIDTH - 1
    yield from peer_rows("op by op", "ns an operation", 1e9 / operations, op_by_op, 2.5, effort)
    yield from memory_rows()
    yield from peer_rows("MLP 2-16-16-1 step", "ms", 1e3, mlp_step, 12.0, effort)
    yield from million_rows(effort)
    yield from chain_rows(effort)
    yield from import_rows(effort)


# --- the report -----------------------------------------------------------------------------------

COLUMNS = "{:<27}{:>10} {:<16}{:<21}{:>10}{:>9}  {:<20}{:<15}{}"
HEADER = ("", "ours", "", "beside", "theirs", "ratio", "quartiles", "target", "reached")


def line(row: Row) -> str:
    """Lay the row out as a line of the table."""
    return COLUMNS.format(
        row.what,
        f"{row.ours.median:,.4g}",
        row.unit,
        row.peer,
        f"{row.theirs.median:,.4g}",
        f"{row.ratio.median:,.3g}x",
        f"{row.ratio.low:,.3g} to {row.ratio.high:,.3g}",
        row.target,
        {True: "yes", False: "NO", None: ""}[row.reached],
    )


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw a panel for each measure that peers share: a mark for each library's median."""
    plots = import_module("matplotlib.pyplot")
    panels: dict[str, dict[str, Spread]] = {}
    for row in rows:
        if row.peer in (*PEERS, SMALL):
            panels.setdefault(f"{row.what} [{row.unit}]", {OURS: row.ours})[row.peer] = row.theirs
    heights = [len(panel) + 1.6 for panel in panels.values()]
    figure, axes = plots.subplots(
        len(panels), figsize=(7, sum(heights) / 4), height_ratios=heights, layout="constrained"
    )
    for axis, (title, panel) in zip(axes, panels.items(), strict=True):
        for place, (name, spread) in enumerate(panel.items()):
            # Blue circle and vermilion square: told apart by every kind of colour vision.
            mark, colour = ("o", "#0072B2") if name == OURS else ("s", "#D55E00")
            axis.hlines(place, spread.low, spread.high, color=colour)
            axis.plot(spread.median, place, mark, color=colour)
            label = f"   {spread.median:,.3g}"
            axis.text(spread.high, place, label, va="center", size="small")
        ends = [spread.median for spread in panel.values()]
        axis.set(
            xscale="log", xlim=(min(ends) / 1.5, max(ends) * 2.5), ylim=(len(panel) - 0.5, -0.5)
        )
        axis.set_yticks(range(len(panel)), list(panel))
        axis.set_title(title, loc="left", size="medium")
        axis.grid(axis="x", linewidth=0.4)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle("Eager mode beside its peers (log scale; less is better)")
    figure.savefig(path)


def main(arguments: Sequence[str] | None = None) -> None:
    results = Path(__file__).parent / "results"
    parser = argparse.ArgumentParser(description="Measure eager mode beside its peers.")
    parser.add_argument("--quick", action="store_true", help="few rounds: a look, no measurement")
    parser.add_argument("--results", type=Path, default=results, help="folder to write to")
    options = parser.parse_args(arguments)
    effort = (
        Effort(rounds=3, seconds=0.05, slow_rounds=3, chain=10_000) if options.quick else Effort()
    )

    facts = machine(["micrograd", "torch", "xad"])
    print(*(f"{name}: {fact}" for name, fact in facts.items()), sep="\n", end="\n\n")
    print(COLUMNS.format(*HEADER))
    rows = []
    for row in all_rows(effort):
        rows.append(row)
        print(line(row), flush=True)

    options.results.mkdir(parents=True, exist_ok=True)
    record = {"machine": facts, "effort": effort._asdict(), "rows": [asdict(row) for row in rows]}
    text = json.dumps(record, indent=2, ensure_ascii=False)
    (options.results / "eager.json").write_text(text + "\n", encoding="utf-8")
    draw(rows, options.results / "eager.svg")
    print(f"\nWritten to {options.results}: eager.json, eager.svg")


if __name__ == "__main__":
    main()
