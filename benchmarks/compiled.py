"""Compiled functions compared with peers, in one run: `python benchmarks/compiled.py [--quick]`.

Prints a table and writes `compiled.json` to `benchmarks/results/`. It measures whole calls that
return value and gradient, from Python and back, on one core unless a row says otherwise; a
ratio above 1 means that ours is faster. Nothing counts unless all libraries find the same gradient.
The C++ kernel of `simd_mlp.cpp`, written by hand for one network, is built for this machine first.

`--only NAME` measures one of `SECTIONS`, and writes nothing. `--avx2` restricts every library to
AVX2, which is all that most processors have, and writes `compiled_avx2.json`.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeAlias

from autograd import compile, exp
from autograd.compiler import load
from benchmarks.batches import (
    COMPILER,
    OURS_WITH_FLOATS,
    OURS_WITH_PAIRS,
    Batch,
    compilation,
    cost_of_row,
    digits,
    european_call,
    evaluation,
    likelihood,
    predators,
    price,
    sines,
    straight_line,
    two_class_mlp,
    use_one_core,
    valley,
)
from benchmarks.measure import (
    Lap,
    Spread,
    Task,
    in_fresh_process,
    interleave,
    limit_to_avx2,
    machine,
)
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
    """A library, and how much faster ours must be."""

    name: str
    at_least: float = 0.0

    def is_installed(self) -> bool:
        if self.name == OURS:
            return True
        if self.name.startswith("C++"):
            return shutil.which(COMPILER) is not None
        name = self.name.partition(",")[0]
        module = {"PyTorch": "torch"}.get(name, name.lower())
        return importlib.util.find_spec(module) is not None


def not_installed(what: str, unit: str, ours: Sequence[float], peer: str) -> Row:
    """Say that a peer is missing."""
    unknown = Spread(math.nan, math.nan, math.nan)
    return Row(what, unit, Spread.of(ours), peer, unknown, unknown, "not installed", None)


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
    ours_as: str = OURS,
) -> Iterator[Row]:
    """Measure a call in each library; with many samples, the nanoseconds per sample."""
    names = [ours_as, *(peer.name for peer in peers if peer.is_installed())]
    makers = {name: partial(evaluation, name, make, calls=calls) for name in names}
    contest = interleave(makers, effort.rounds, effort.seconds)
    agree(*contest.outcomes.values())
    scale = {"µs": 1e6, "ms": 1e3, "ns a sample": 1e9 / max(samples, 1)}[unit] / calls
    ours = contest.seconds(ours_as, scale=scale)
    for peer in peers:
        if peer.name in names:
            theirs = contest.seconds(peer.name, scale=scale)
            yield compare(what, unit, ours, peer.name, theirs, at_least=peer.at_least)
        else:
            yield not_installed(what, unit, ours, peer.name)


def thread_rows(effort: Effort) -> Iterator[Row]:
    """Two threads against one, and as many as JAX uses by default; all in elapsed time."""
    for rows, at_least in ((4096, 1.3), (100_000, 1.7)):
        make = partial(two_class_mlp, "relu", NETWORK, rows)
        makers = {
            "one": partial(evaluation, OURS, make, threads=1, outside=True),
            "two": partial(evaluation, OURS, make, threads=2),
            "JAX": partial(evaluation, "JAX", make, threads=None),
        }
        contest = interleave(makers, effort.rounds, effort.seconds)
        agree(*contest.outcomes.values())
        one, two, jax = (contest.seconds(name, scale=1e3) for name in makers)
        what = f"MLP 2-16-16-1 relu, {rows:,} rows, 2 threads"
        yield compare(what, "ms", two, "one thread", one, at_least=at_least)
        yield compare(what, "ms", two, "JAX, all threads", jax)


def op_by_op_rows(effort: Effort) -> Iterator[Row]:
    """The libraries that record every step again: 20 rows, as in `eager.py`."""
    make = partial(two_class_mlp, "relu", NETWORK, 20)
    names = ("micrograd", "XAD")
    makers = {OURS: partial(evaluation, OURS, make, calls=50)}
    makers |= {name: partial(mlp_step, name) for name in names}
    contest = interleave(makers, effort.slow_rounds, effort.seconds)
    gradients = [list(outcome) for outcome in contest.outcomes.values()]
    agree(gradients[0][:-1], *gradients[1:])  # ours includes the value
    ours = contest.seconds(OURS, scale=1e6 / 50)
    for name in names:
        theirs = contest.seconds(name, scale=1e6)
        yield compare("MLP 2-16-16-1 relu, 20 rows", "µs", ours, name, theirs)


def call_rows(effort: Effort) -> Iterator[Row]:
    """The cost of a call with little to compute, for various arguments and results."""
    network = partial(two_class_mlp, "relu", NETWORK)
    what = "MLP 2-16-16-1 relu"
    peers = [Peer("C++, relu", 0.6), Peer("JAX"), Peer("PyTorch")]
    yield from run_rows(f"{what}, 1 row", partial(network, 1), peers, effort, calls=100)
    yield from run_rows(
        f"{what}, 20 rows, pairs of matrices", partial(network, 20), [Peer(OURS, 0.9)], effort,
        calls=100, ours_as=OURS_WITH_PAIRS,
    )  # fmt: skip
    peers = [Peer("C++, valley"), Peer("JAX"), Peer("PyTorch")]
    by_numba = "Numba, valley"
    for inputs in (2, 10, 100):
        make: Callable[..., Batch] = partial(valley, inputs)
        yield from run_rows(
            f"Rosenbrock {inputs}, floats", make, peers, effort,
            calls=200, ours_as=OURS_WITH_FLOATS,
        )  # fmt: skip
        what = f"Rosenbrock {inputs}, array"
        yield from run_rows(what, make, [Peer(by_numba)], effort, calls=200)
    for what, make, by_numba in (
        ("Black-Scholes formula, 5 Greeks", price, "Numba, price"),
        ("Cauchy likelihood of 100 observations", likelihood, "Numba, likelihood"),
    ):
        peers = [Peer(by_numba), Peer("JAX"), Peer("PyTorch")]
        yield from run_rows(f"{what}, array", make, peers, effort, calls=200)
    makers = {name: partial(integration, name) for name in (OURS, "C", "Python")}
    contest = interleave(makers, effort.rounds, effort.seconds)
    agree(*contest.outcomes.values())
    called, low, python = (contest.seconds(name, scale=1e6) for name in makers)
    what = "scipy.integrate.quad of exp(-x²)"
    yield compare(f"{what}, low_level_callable", "µs", low, "called from Python", called)
    yield compare(what, "µs", called, "math.exp in Python", python)


def integration(how: str) -> Task:
    """An integral, by SciPy."""
    quad = importlib.import_module("scipy.integrate").quad
    use_one_core()
    f: Any = compile(lambda x: exp(-x * x))
    if how == "C":
        f = f.low_level_callable()
    elif how == "Python":
        f = lambda x: math.exp(-x * x)  # noqa: E731
    found = (0.0, 0.0)

    def step(lap: Lap) -> None:
        nonlocal found
        found = quad(f, -3.0, 3.0)

    return Task(step, lambda: [found[0]])


# --- compiling ------------------------------------------------------------------------------------


def compiling_rows(
    what: str, make: Callable[[], Batch], at_most: float, peers: Sequence[str]
) -> Iterator[Row]:
    """The time and memory to trace, compile and call once."""
    ours = in_fresh_process(compilation, OURS, make)
    for name in peers:
        theirs = in_fresh_process(compilation, name, make)
        yield compare(
            f"{what}: compile", "s", [ours.seconds], name, [theirs.seconds], ours_at_most=at_most
        )
        yield compare(f"{what}: memory", "MB", [ours.megabytes], name, [theirs.megabytes])
        at_most = math.inf  # said once


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
    """Loading a program from a file, and compiling it again, compared with compiling it."""
    with TemporaryDirectory() as folder:
        compiled = in_fresh_process(_compiled_and_called, folder)
        again = in_fresh_process(_compiled_and_called, folder)
        loaded = in_fresh_process(_loaded_and_called, folder)
    what, peer = "MLP 2-16-16-1 relu", "compile and call"
    yield compare(f"{what}: load and call", "ms", [1e3 * loaded], peer, [1e3 * compiled])
    what = f"{what}: compile and call, in a second process"
    yield compare(what, "ms", [1e3 * again], peer, [1e3 * compiled])


def _compiled_and_called(folder: str) -> float:
    """Return the seconds that it takes, with the cache in a folder; save the program there."""
    arguments, cost = _prepared(folder)
    start = time.perf_counter()
    step = compile(cost, in_axes=(None, 0, 0), reduce="mean")
    step(*arguments)
    seconds = time.perf_counter() - start
    step.save(Path(folder) / "step")
    return seconds


def _loaded_and_called(folder: str) -> float:
    arguments, _ = _prepared(folder)
    start = time.perf_counter()
    load(Path(folder) / "step")(*arguments)
    return time.perf_counter() - start


def _prepared(folder: str) -> tuple[tuple[Any, ...], Callable[..., Any]]:
    os.environ["AUTOGRAD_CACHE"] = f"{folder}/cache"
    batch = two_class_mlp("relu", NETWORK, 24)
    compile(lambda x: x * x)(1.0)  # LLVM's own start
    return (batch.parameters, *batch.rows), cost_of_row(batch)


# --- all ------------------------------------------------------------------------------------------


def mlp_rows(effort: Effort) -> Iterator[Row]:
    """The textbook's network, for which there is a kernel written by hand."""
    for activation, of_kernel, of_jax, of_call, of_small in (
        ("relu", 0.8, 1.54, 0.75, 8.0),
        ("tanh", 0.0, 1.0, 0.0, 0.0),
    ):
        make = partial(two_class_mlp, activation, NETWORK)
        what, kernel = f"MLP 2-16-16-1 {activation}", f"C++, {activation}"
        peers = [Peer(kernel, of_kernel), Peer("JAX", of_jax), Peer("PyTorch"), Peer("CasADi")]
        yield from run_rows(
            f"{what}, 4,096 rows", partial(make, 4096), peers, effort,
            samples=4096, unit="ns a sample",
        )  # fmt: skip
        peers = [Peer(kernel, of_call), Peer("JAX", of_small), Peer("PyTorch"), Peer("CasADi")]
        for rows in (20, 24):
            yield from run_rows(
                f"{what}, {rows} rows", partial(make, rows), peers, effort, calls=100
            )
    yield from op_by_op_rows(effort)


def digits_rows(effort: Effort) -> Iterator[Row]:
    """A network that classifies handwritten digits."""
    for rows in (32, 1797):
        what = f"MLP 64-128-64-10, digits, {rows:,} rows"
        peers = [Peer("JAX"), Peer("PyTorch")]
        yield from run_rows(what, partial(digits, rows), peers, effort)


def monte_carlo_rows(effort: Effort) -> Iterator[Row]:
    """An option's price and its sensitivities, on simulated paths."""
    what = f"Black-Scholes, 5 Greeks, {effort.paths:,} paths"
    make, peers = partial(european_call, effort.paths), [Peer("JAX"), Peer("PyTorch")]
    yield from run_rows(what, make, peers, effort, unit="ms")


def scalar_code_rows(effort: Effort) -> Iterator[Row]:
    """Rosenbrock's function, an ordinary differential equation, and a chain of operations."""
    peers = [Peer("JAX"), Peer("PyTorch"), Peer("CasADi")]
    yield from run_rows("Rosenbrock 1,000", partial(valley, 1000), peers, effort, calls=20)
    slowly = effort._replace(rounds=effort.slow_rounds)
    what = "ODE, 1,000 steps, 64 rows"
    yield from run_rows(what, partial(predators, 64), peers, slowly, unit="ms")
    peers = [Peer("JAX"), Peer("CasADi")]  # JAX by `scan`; unrolled, it does not come to an end
    for rows in (1, 64):
        what = f"chain of 100,000 operations, {rows} rows"
        yield from run_rows(what, partial(sines, 100_000, rows), peers, slowly, unit="ms")


def wide_rows(effort: Effort) -> Iterator[Row]:
    """A network of a million weights."""
    make = partial(two_class_mlp, "relu", (effort.wide, effort.wide, 1), 64)
    what = f"MLP {effort.wide}-{effort.wide}-1"
    slowly = effort._replace(rounds=effort.slow_rounds)
    peers = [Peer("PyTorch", 0.334), Peer("JAX")]
    yield from run_rows(f"{what}, 64 rows", make, peers, slowly, unit="ms")
    yield from compiling_rows(what, make, 30.0, ["JAX"])


def compile_rows(effort: Effort) -> Iterator[Row]:
    """The cost of compiling."""
    mlp = partial(two_class_mlp, "relu", NETWORK, 24)
    yield from compiling_rows("MLP 2-16-16-1 relu", mlp, 1.0, ["JAX", "CasADi"])
    chain = partial(sines, 100_000, 1)
    yield from compiling_rows("chain of 100,000 operations", chain, 10.0, ["CasADi"])
    yield from growth_rows(effort)
    yield from storage_rows()


Section: TypeAlias = Callable[[Effort], Iterator[Row]]

SECTIONS: dict[str, Section] = {
    "mlp": mlp_rows,
    "calls": call_rows,
    "threads": thread_rows,
    "digits": digits_rows,
    "monte-carlo": monte_carlo_rows,
    "scalar-code": scalar_code_rows,
    "wide": wide_rows,
    "compile": compile_rows,
}


def all_rows(effort: Effort, sections: Sequence[str] = tuple(SECTIONS)) -> Iterator[Row]:
    for name in sections:
        yield from SECTIONS[name](effort)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = options("Measure compiled functions beside their peers.")
    parser.add_argument("--only", choices=SECTIONS, help="measure this section, and write nothing")
    parser.add_argument("--avx2", action="store_true", help="let no library use more than AVX2")
    given = parser.parse_args(arguments)
    if given.avx2:
        limit_to_avx2()
    quick = Effort(3, 0.02, 1, paths=10_000, largest=10_000, wide=50)
    effort = quick if given.quick else Effort()
    facts = machine(["casadi", "jax", "llvmlite", "micrograd", "numba", "numpy", "torch", "xad"])
    rows = show(facts, all_rows(effort, [given.only] if given.only else tuple(SECTIONS)))
    if not given.only:
        name = "compiled_avx2.json" if given.avx2 else "compiled.json"
        write(given.results / name, facts, effort._asdict(), rows)
        print(f"\nWritten to {given.results}: {name}")


if __name__ == "__main__":
    main()
