"""Networks trained on two moons, on a Julia port's grid: `python benchmarks/grid.py [--quick]`.

Prints a table and writes `grid.json` to `benchmarks/results/`. The grid is that of Micrograd.jl
(https://github.com/jammy-eggs/micrograd-julia): four networks on two moons of six sizes, a hundred
full-batch steps, with the loss, the weight decay and the learning rate of micrograd's demo. There,
on an Apple M5, Julia took 3.6 hours, five trials each, and Python with micrograd's code was stopped
after 27.5 hours with 16 of 24 done: 452 s for 2-8-1 on 10,000 samples, 7,357 s for 2-16-16-1.

Here, ours is `nn.fit` with compiling, which is done every time and is included, as is the
loss that it measures after each step. PyTorch is a loop over tensors, with one thread, which is
best for the small ones, and with its default. micrograd trains the smallest for a few steps, and
the time is extrapolated to a hundred steps.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from importlib import import_module
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from benchmarks.batches import matrices
from benchmarks.measure import Lap, Task, interleave, machine
from benchmarks.table import Row, agree, compare, options, show, write
from benchmarks.workloads import OURS, load, mlp_weights

SAMPLES = (100, 200, 500, 1000, 5000, 10_000)
NETWORKS = ((8, 1), (16, 16, 1), (32, 32, 1), (16, 32, 16, 1))
PEERS = {"PyTorch, 1 thread": 1, "PyTorch": None}  # and their threads
STEPS = 100
DECAY = 1e-4  # the weight of the parameters' squares in the loss


class Effort(NamedTuple):
    """How much to train."""

    rounds: int = 3
    steps_of_micrograd: int = 3
    samples: tuple[int, ...] = SAMPLES
    networks: tuple[tuple[int, ...], ...] = NETWORKS


def moons(samples: int) -> tuple[Any, Any]:
    """The two moons, and their labels, -1 and 1."""
    X, y = import_module("sklearn.datasets").make_moons(samples, noise=0.2, random_state=17)
    return X, 2.0 * y - 1.0


def rate(step: int) -> float:
    """The learning rate of micrograd's demo."""
    return 1.0 - 0.9 * step / STEPS


def ours(samples: int, sizes: tuple[int, ...]) -> Task:
    nn = import_module("nn")
    optim, losses = import_module("nn.optim"), import_module("nn.losses")
    X, Y = moons(samples)
    weights = mlp_weights(2, sizes)
    model = nn.MLP(2, list(sizes))

    def step(lap: Lap) -> None:
        load(model, weights)
        optimiser = optim.SGD(model.parameters(), rate, weight_decay=2.0 * DECAY)
        nn.fit(
            model, losses.hinge, X, Y, optimiser=optimiser, epochs=STEPS, batch_size=None,
            shuffle=False, compiled=True,
        )  # fmt: skip

    return Task(step, lambda: [p.data for p in model.parameters()], time.perf_counter)


def pytorch(samples: int, sizes: tuple[int, ...], threads: int | None = None) -> Task:
    torch = import_module("torch")
    if threads:
        torch.set_num_threads(threads)
    X, Y = map(torch.tensor, moons(samples))
    arrays = matrices(np.array(mlp_weights(2, sizes)), (2, *sizes))
    leaves: list[Any] = []

    def step(lap: Lap) -> None:
        leaves[:] = [torch.tensor(array, requires_grad=True) for array in arrays]
        for number in range(STEPS):
            outputs = X
            *hidden, (last, bias) = zip(leaves[::2], leaves[1::2], strict=True)
            for weight, vector in hidden:
                outputs = torch.relu(outputs @ weight.T + vector)
            outputs = (outputs @ last.T + bias)[:, 0]
            torch.relu(1.0 - Y * outputs).mean().backward()
            with torch.no_grad():
                for leaf in leaves:
                    leaf -= rate(number) * (leaf.grad + 2.0 * DECAY * leaf)
                    leaf.grad = None

    def outcome() -> list[float]:
        layers = zip(leaves[::2], leaves[1::2], strict=True)
        rows = [torch.column_stack(layer).ravel() for layer in layers]
        return torch.cat(rows).tolist()  # type: ignore[no-any-return]

    return Task(step, outcome, time.perf_counter)


def micrograd(samples: int, sizes: tuple[int, ...], steps: int) -> Task:
    network = import_module("micrograd.nn").MLP(2, list(sizes))
    X, Y = moons(samples)
    weights = mlp_weights(2, sizes)

    def step(lap: Lap) -> None:
        load(network, weights)
        for number in range(steps):
            losses = [
                (1.0 + -y * network(x)).relu() for x, y in zip(X.tolist(), Y.tolist(), strict=True)
            ]
            penalty = DECAY * sum(p * p for p in network.parameters())
            cost = sum(losses[1:], losses[0]) * (1.0 / len(losses)) + penalty
            network.zero_grad()
            cost.backward()
            for parameter in network.parameters():
                parameter.data -= rate(number) * parameter.grad

    return Task(step, clock=time.perf_counter)


def all_rows(effort: Effort) -> Iterator[Row]:
    total = dict.fromkeys((OURS, *PEERS), 0.0)
    for sizes, samples in product(effort.networks, effort.samples):
        what = f"MLP 2-{'-'.join(map(str, sizes))}, {samples:,} samples, {STEPS} steps"
        makers = {OURS: partial(ours, samples, sizes)}
        makers |= {peer: partial(pytorch, samples, sizes, PEERS[peer]) for peer in PEERS}
        smallest = (sizes, samples) == (effort.networks[0], effort.samples[0])
        steps = effort.steps_of_micrograd
        if smallest:
            makers["micrograd"] = partial(micrograd, samples, sizes, steps)
        contest = interleave(makers, effort.rounds, 0.0)
        agree(*(contest.outcomes[name] for name in total))
        mine = contest.seconds(OURS)
        for name in total:
            total[name] += float(np.median(contest.seconds(name)))
        for peer in PEERS:
            yield compare(what, "s", mine, peer, contest.seconds(peer))
        if smallest:
            theirs = contest.seconds("micrograd", scale=STEPS / steps)
            yield compare(what, "s", mine, "micrograd, extrapolated", theirs)
    count = len(effort.networks) * len(effort.samples)
    for peer in PEERS:
        yield compare(f"all {count}", "s", [total[OURS]], peer, [total[peer]])


def main(arguments: Sequence[str] | None = None) -> None:
    given = options("Train networks on two moons, beside the peers.").parse_args(arguments)
    effort = Effort(1, 1, SAMPLES[:2], NETWORKS[:2]) if given.quick else Effort()
    facts = machine(["llvmlite", "micrograd", "numpy", "scikit-learn", "torch"])
    rows = show(facts, all_rows(effort))
    write(given.results / "grid.json", facts, effort._asdict(), rows)
    print(f"\nWritten to {given.results}: grid.json")


if __name__ == "__main__":
    main()
