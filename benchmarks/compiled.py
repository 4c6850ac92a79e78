"""Compiled functions beside their peers, in one run: `python benchmarks/compiled.py [--quick]`.

Prints a table and writes `compiled.json` to `benchmarks/results/`. What is measured is a call that
gives value and gradient, from Python and back to it, on one core unless a row says otherwise; a
ratio above 1 says that ours is faster. Nothing counts unless all libraries find the same gradient.
The C++ kernel of `simd_mlp.cpp`, written by hand for one network, is built for this machine first.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from autograd import compile
from autograd.compiler import load
from benchmarks.batches import (
    COMPILER,
    Batch,
    compilation,
    cost_of_row,
    digits,
    european_call,
    evaluation,
    predators,
    sines,
    straight_line,
    two_class_mlp,
    valley,
)
from benchmarks.measure import in_fresh_process, interleave, machine
from benchmarks.table import Row, agree, compare, options, show, write
from benchmarks.workloads import OURS, SIZES, mlp_step

NETWORK = (2, *SIZES)


class Effort(NamedTuple):
    """How long to measure."""

    rounds: int = 15
    seconds: float = 0.2  # a turn
    slow_rounds: int = 3  # where a turn takes longer than that
    paths: int = 1_000_000
    largest: int = 1_000_000  # operations to compile
    wide: int = 1000  # the width of the widest network


class Peer(NamedTuple):
    """A library, and how much faster than it ours is to be."""

    name: str
    at_least: float = 0.0


# --- running --------------------------------------------------------------------------------------


def run_rows(
    what: str,
    make: Callable[[], Batch],
    peers: Sequence[Peer],
    effort: Effort,
    *,
    calls: int = 1,
    samples: int = 0,
    unit: str = "µs",
) -> Iterator[Row]:
    """Measure a call in each library; of many samples, the nanoseconds of one."""
    present = [peer for peer in peers if not peer.name.startswith("C++") or shutil.which(COMPILER)]
    makers = {
        name: partial(evaluation, name, make, calls=calls)
        for name in (OURS, *(peer.name for peer in present))
    }
    contest = interleave(makers, effort.rounds, effort.seconds)
    agree(*contest.outcomes.values())
    scale = {"µs": 1e6, "ms": 1e3, "ns a sample": 1e9 / max(samples, 1)}[unit] / calls
    ours = contest.seconds(OURS, scale=scale)
    for peer in present:
        theirs = contest.seconds(peer.name, scale=scale)
        yield compare(what, unit, ours, peer.name, theirs, at_least=peer.at_least)


def thread_rows(effort: Effort) -> Iterator[Row]:
    """Two threads beside one, and all that JAX takes by itself."""
    make = partial(two_class_mlp, "relu", NETWORK, 100_000)
    makers = {
        "one": partial(evaluation, OURS, make, threads=1),
        "two": partial(evaluation, OURS, make, threads=2),
        "JAX": partial(evaluation, "JAX", make, threads=None),
    }
    contest = interleave(makers, effort.rounds, effort.seconds)
    agree(*contest.outcomes.values())
    one, two, jax = (contest.seconds(name, scale=1e3) for name in makers)
    what = "MLP 2-16-16-1 relu, 100,000 rows, two threads"
    yield compare(what, "ms", two, "one thread", one, at_least=1.7)
    yield compare(what, "ms", two, "JAX, all threads", jax)


def op_by_op_rows(effort: Effort) -> Iterator[Row]:
    """The libraries that record each step anew: 20 rows, as in `eager.py`."""
    make = partial(two_class_mlp, "relu", NETWORK, 20)
    names = ("micrograd", "XAD")
    makers = {OURS: partial(evaluation, OURS, make, calls=50)}
    makers |= {name: partial(mlp_step, name) for name in names}
    contest = interleave(makers, effort.slow_rounds, effort.seconds)
    gradients = [list(outcome) for outcome in contest.outcomes.values()]
    agree(gradients[0][:-1], *gradients[1:])  # ours has the value as well
    ours = contest.seconds(OURS, scale=1e6 / 50)
    for name in names:
        theirs = contest.seconds(name, scale=1e6)
        yield compare("MLP 2-16-16-1 relu, 20 rows", "µs", ours, name, theirs)


# --- compiling ------------------------------------------------------------------------------------


def compiling_rows(
    what: str, make: Callable[[], Batch], at_most: float, peers: Sequence[str] = ()
) -> Iterator[Row]:
    """What it takes to trace, compile and call once, in seconds."""
    found = {name: in_fresh_process(compilation, name, make) for name in (OURS, *peers)}
    ours = [found[OURS].seconds]
    for name in peers or (OURS,):
        theirs = [found[name].seconds]
        yield compare(f"{what}: compile", "s", ours, name, theirs, ours_at_most=at_most)
        at_most = float("inf")  # said once


def growth_rows(effort: Effort) -> Iterator[Row]:
    """Ten times the operations: at most twelve times time and memory."""
    sizes = [size for size in (1_000, 10_000, 100_000, 1_000_000) if size <= effort.largest]
    found = [in_fresh_process(compilation, OURS, partial(straight_line, size)) for size in sizes]
    for size, small, large in zip(sizes, found, found[1:], strict=False):
        what = f"{size:,} two-operand nodes"
        peer = f"{10 * size:,} nodes"
        yield compare(f"{what}: compile", "s", [small.seconds], peer, [large.seconds], at_most=12.0)
        yield compare(
            f"{what}: memory", "MB", [small.megabytes], peer, [large.megabytes], at_most=12.0
        )
    if 100_000 in sizes:
        seconds = found[sizes.index(100_000)].seconds
        yield compare(
            "100,000 two-operand nodes", "s", [seconds], "target", [10.0], ours_at_most=10.0
        )


def storage_rows() -> Iterator[Row]:
    """Loading a program from a file, beside compiling it."""
    compiled, loaded = in_fresh_process(_stored)
    what = "MLP 2-16-16-1 relu: load and call"
    yield compare(what, "ms", [1e3 * loaded], "compile and call", [1e3 * compiled])


def _stored() -> tuple[float, float]:
    batch = two_class_mlp("relu", NETWORK, 24)
    arguments = (batch.parameters, *batch.rows)
    compile(lambda x: x * x)(1.0)  # LLVM's own start
    start = time.perf_counter()
    step = compile(cost_of_row(batch), in_axes=(None, 0, 0), reduce="mean")
    step(*arguments)
    compiling = time.perf_counter() - start
    with TemporaryDirectory() as folder:
        path = Path(folder) / "step"
        step.save(path)
        start = time.perf_counter()
        load(path)(*arguments)
        return compiling, time.perf_counter() - start


# --- all ------------------------------------------------------------------------------------------


def all_rows(effort: Effort) -> Iterator[Row]:
    for activation, of_jax in (("relu", 1.0 / 0.65), ("tanh", 1.0)):
        make = partial(two_class_mlp, activation, NETWORK)
        what = f"MLP 2-16-16-1 {activation}"
        by_hand = Peer(f"C++, {activation}", 1.0 / 1.25 if activation == "relu" else 0.0)
        peers = [by_hand, Peer("JAX", of_jax), Peer("PyTorch"), Peer("CasADi")]
        rows = 4096
        yield from run_rows(
            f"{what}, {rows:,} rows", partial(make, rows), peers, effort,
            samples=rows, unit="ns a sample",
        )  # fmt: skip
        for rows in (20, 24):
            peers = [Peer("JAX", 4.0 if activation == "relu" else 0.0), Peer("PyTorch")]
            yield from run_rows(
                f"{what}, {rows} rows", partial(make, rows), peers, effort, calls=100
            )
    yield from op_by_op_rows(effort)
    yield from thread_rows(effort)
    for rows in (32, 1797):
        yield from run_rows(
            f"MLP 64-128-64-10, digits, {rows:,} rows", partial(digits, rows),
            [Peer("JAX"), Peer("PyTorch")], effort, unit="µs",
        )  # fmt: skip
    yield from run_rows(
        f"Black-Scholes, 5 Greeks, {effort.paths:,} paths", partial(european_call, effort.paths),
        [Peer("JAX"), Peer("PyTorch")], effort, unit="ms",
    )  # fmt: skip
    yield from run_rows(
        "Rosenbrock 1,000", partial(valley, 1000),
        [Peer("JAX"), Peer("PyTorch"), Peer("CasADi")], effort, calls=20,
    )  # fmt: skip
    yield from run_rows(
        "ODE, 1,000 steps, 64 rows", partial(predators, 64),
        [Peer("JAX"), Peer("PyTorch"), Peer("CasADi")],
        effort._replace(rounds=effort.slow_rounds), unit="ms",
    )  # fmt: skip
    for rows in (1, 64):
        yield from run_rows(
            f"chain of 100,000 operations, {rows} rows", partial(sines, 100_000, rows),
            [Peer("JAX"), Peer("CasADi")],
            effort._replace(rounds=effort.slow_rounds), unit="ms",
        )  # fmt: skip
    yield from run_rows(
        f"MLP {effort.wide}-{effort.wide}-1, 64 rows",
        partial(two_class_mlp, "relu", (effort.wide, effort.wide, 1), 64),
        [Peer("PyTorch", 1.0 / 3.0)], effort._replace(rounds=effort.slow_rounds), unit="ms",
    )  # fmt: skip
    mlp = partial(two_class_mlp, "relu", NETWORK, 24)
    yield from compiling_rows("MLP 2-16-16-1 relu", mlp, 1.0, ["JAX", "CasADi"])
    wide = partial(two_class_mlp, "relu", (effort.wide, effort.wide, 1), 64)
    yield from compiling_rows(f"MLP {effort.wide}-{effort.wide}-1", wide, 30.0)
    chain = partial(sines, 100_000, 1)
    yield from compiling_rows("chain of 100,000 operations", chain, 10.0, ["CasADi"])
    yield from growth_rows(effort)
    yield from storage_rows()


def main(arguments: Sequence[str] | None = None) -> None:
    given = options("Measure compiled functions beside their peers.", arguments)
    quick = Effort(3, 0.02, 1, paths=10_000, largest=10_000, wide=50)
    effort = quick if given.quick else Effort()
    facts = machine(["casadi", "jax", "llvmlite", "micrograd", "numpy", "torch", "xad"])
    rows = show(facts, all_rows(effort))
    write(given.results / "compiled.json", facts, effort._asdict(), rows)
    print(f"\nWritten to {given.results}: compiled.json")


if __name__ == "__main__":
    main()
