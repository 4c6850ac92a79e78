"""Drawing and explaining, compared with peers: `python benchmarks/drawing.py [--quick]`.

Prints a table of ratios; writes `drawing.json` to `benchmarks/results/`. Pictures are timed by the
wall clock, since Graphviz is another process. Recording the graph is not included. Nothing counts
unless all contenders have drawn the same number of nodes and links.

Graphviz alone, on bare nodes and links, shows how much of the time we cannot save. torchviz
draws the same program of PyTorch scalars, without any numbers. If there is no `dot`, we draw
with pygraphviz's own copy of Graphviz.
"""

from __future__ import annotations

import math
import os
import random
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from autograd import Value, draw, explain, mean
from autograd.graph import topological_order
from benchmarks.measure import Lap, Task, interleave, machine
from benchmarks.table import Row, agree, compare, options, show, write
from benchmarks.workloads import OURS, SIZES, Library, library, load, mlp_weights
from nn import MLP
from nn.losses import hinge

# --- the graphs -----------------------------------------------------------------------------------


def net(peer: Library, width: int, layers: int) -> tuple[Any, list[Any]]:
    """A network whose neurons see two of the previous layer, in two-operand nodes; and its leaves.

    It has `width * (6 * layers + 2)` nodes. With each layer, there are twice as many paths,
    and no relu cuts any of them off.
    """
    rng = random.Random(5)
    leaves = [peer.leaf(rng.uniform(0.2, 0.8)) for _ in range(width * (2 * layers + 1))]
    xs, weights = leaves[:width], iter(leaves[width:])
    for _ in range(layers):
        pairs = zip(xs, xs[1:] + xs[:1], strict=True)
        xs = [peer.relu(x * next(weights) + y * next(weights)) for x, y in pairs]
    return peer.relu(sum(xs[1:], xs[0])), leaves


def net_output(width: int, layers: int) -> Value:
    output: Value = net(library(OURS), width, layers)[0]
    output.backward()
    return output


def mlp_loss(sizes: Sequence[int], samples: int) -> Value:
    rng = random.Random(2)
    X = [[rng.uniform(-1.0, 1.0), rng.uniform(-1.0, 1.0)] for _ in range(samples)]
    model = MLP(2, list(sizes))
    load(model, mlp_weights(2, sizes))
    loss: Value = mean([hinge(model(x), 1.0 if x[0] * x[1] > 0.0 else -1.0) for x in X])
    loss.backward()
    return loss


THOUSAND, THREE_HUNDRED = (5, 33), (6, 8)  # widths and layers of nets of so many nodes
net_1000, net_300 = partial(net_output, *THOUSAND), partial(net_output, *THREE_HUNDRED)
mlp_1000 = partial(mlp_loss, (27, 27, 1), 1)
mlp_100_000 = partial(mlp_loss, SIZES, 1404)

# --- the contenders -------------------------------------------------------------------------------


def written(produce: Callable[[], str], extra: int = 0) -> Task:
    """Produce SVG or DOT, with `extra` nodes and links that are not the graph's."""
    text = ""

    def step(lap: Lap) -> None:
        nonlocal text
        text = produce()

    def count() -> list[float]:
        if "<svg" not in text:
            return [text.count(" -> ") - extra]
        kinds = ("node", "edge")
        return [len(re.findall(rf'<g [^>]*class="{kind}\b', text)) - extra for kind in kinds]

    return Task(step, count, time.perf_counter)


def svg(graph: Callable[[], Value], *, hide_dot: bool = False) -> Task:
    if hide_dot:
        os.environ["PATH"] = ""  # of the contender's own process
    output = graph()
    return written(lambda: draw(output).svg)


def dot_text(graph: Callable[[], Value]) -> Task:
    output = graph()
    return written(lambda: draw(output).source)


def page(graph: Callable[[], Value]) -> Task:
    """The page to step through, which contains the picture."""
    output = graph()

    def produce() -> str:
        with TemporaryDirectory() as folder:
            return draw(output).to_html(Path(folder, "page.html")).read_text(encoding="utf-8")

    return written(produce)


def graphviz_alone(graph: Callable[[], Value]) -> Task:
    order = topological_order(graph())
    place = {node: str(i) for i, node in enumerate(order)}
    links = [f"{place[parent]} -> {place[node]}" for node in order for parent in node.parents]
    bare = "\n".join(['digraph { rankdir=LR; node [label=""]', *place.values(), *links, "}"])
    run = partial(subprocess.run, ["dot", "-Tsvg"], input=bare, capture_output=True, text=True)
    return written(lambda: run(check=True).stdout)


def torchviz(form: str, width: int, layers: int) -> Task:
    """The net drawn by torchviz: every leaf and the output twice, once as a tensor."""
    output, leaves = net(library("PyTorch scalars"), width, layers)
    make_dot = import_module("torchviz").make_dot

    def produce() -> str:
        drawing = make_dot(output)
        text: str = drawing.source if form == "dot" else drawing.pipe(form, encoding="utf-8")
        return text

    return written(produce, extra=len(leaves) + 1)


def making(graph: Callable[[], Value]) -> Task:
    output = graph()

    def step(lap: Lap) -> None:
        nonlocal output
        output = graph()

    return Task(step, lambda: [output.data], time.perf_counter)


def folded_svg(graph: Callable[[], Value]) -> Task:
    output = graph()
    return Task(lambda lap: draw(output, fold=1).svg, lambda: [output.data], time.perf_counter)


def one_backward(width: int, layers: int) -> Task:
    peer = library(OURS)
    output, leaves = net(peer, width, layers)

    def step(lap: Lap) -> None:
        peer.reset(leaves)
        output.backward()

    return Task(step, lambda: [leaves[0].grad])


def explanation(width: int, layers: int) -> Task:
    output, leaves = net(library(OURS), width, layers)
    total = 0.0

    def step(lap: Lap) -> None:
        nonlocal total
        total = explain(output, leaves[0], limit=10).total

    return Task(step, lambda: [total])


# --- the rows -------------------------------------------------------------------------------------


class Effort(NamedTuple):
    """How long to measure."""

    rounds: int = 15
    seconds: float = 0.5  # a turn


def rows_of(
    what: str,
    contenders: Mapping[str, Callable[[], Task]],
    effort: Effort,
    at_most: float | None = None,
) -> Iterator[Row]:
    """Compare the first contender with each of the others."""
    contest = interleave(contenders, *effort)
    agree(*contest.outcomes.values())
    first, *others = contenders
    ours = contest.seconds(first, scale=1e3)
    for peer in others:
        theirs = contest.seconds(peer, scale=1e3)
        yield compare(what, "ms", ours, peer, theirs, at_most=at_most)


def all_rows(effort: Effort, *, dot: bool, built_in: bool) -> Iterator[Row]:
    """All rows, except those that need `dot` or a built-in Graphviz if there is none."""
    if dot:
        contenders = {
            OURS: partial(svg, net_1000),
            "Graphviz alone": partial(graphviz_alone, net_1000),
            "torchviz": partial(torchviz, "svg", *THOUSAND),
        }
        if built_in:
            contenders["ours, without `dot`"] = partial(svg, net_1000, hide_dot=True)
        yield from rows_of("draw 1,000 nodes", contenders, effort)
        contenders = {
            OURS: partial(svg, mlp_1000),
            "Graphviz alone": partial(graphviz_alone, mlp_1000),
        }
        yield from rows_of("draw MLP 2-27-27-1, 981 nodes", contenders, effort)
    contenders = {
        OURS: partial(dot_text, net_1000),
        "torchviz": partial(torchviz, "dot", *THOUSAND),
    }
    yield from rows_of("DOT text of 1,000 nodes", contenders, effort)
    if dot or built_in:
        contenders = {
            "make": partial(making, mlp_100_000),
            "draw, fold=1": partial(folded_svg, mlp_100_000),
        }
        yield from rows_of("make 100,000 nodes, with backward", contenders, effort, at_most=10.0)
        contenders = {"svg": partial(svg, net_300), "step-through page": partial(page, net_300)}
        yield from rows_of("draw 300 nodes", contenders, effort, at_most=math.inf)
    contenders = {
        "backward": partial(one_backward, *THOUSAND),
        "explain, limit=10": partial(explanation, *THOUSAND),
    }
    yield from rows_of("backward through 1,000 nodes", contenders, effort, at_most=math.inf)


def graphviz_version() -> str:
    told = subprocess.run(["dot", "-V"], capture_output=True, check=True, text=True)
    return told.stderr.strip().removeprefix("dot - graphviz version ")


def main(arguments: Sequence[str] | None = None) -> None:
    given = options("Measure drawing and explaining beside the peers.").parse_args(arguments)
    effort = Effort(rounds=3, seconds=0.05) if given.quick else Effort()
    dot, built_in = which("dot") is not None, find_spec("pygraphviz") is not None
    facts = machine(["graphviz", "torch", "torchviz", *["pygraphviz"] * built_in])
    facts["graphviz"] = graphviz_version() if dot else "not on the path"
    rows = show(facts, all_rows(effort, dot=dot, built_in=built_in))
    for what, there in (("`dot` on the path", dot), ("pygraphviz", built_in)):
        if not there:
            print(f"There is no {what}: the rows that need it are left out.")
    write(given.results / "drawing.json", facts, effort._asdict(), rows)
    print(f"\nWritten to {given.results}: drawing.json")


if __name__ == "__main__":
    main()
