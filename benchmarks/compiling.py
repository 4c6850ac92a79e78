"""The cost of compiling, stage by stage: `python -m benchmarks.compiling [--quick]`.

Value and gradient of families of functions that programs consist of, each traced, compiled and
called once, in a fresh process, with the cache off. Every line gives the
seconds of each stage, the memory, and the time of a call of the compiled function; and compared
with the smaller size of the family, how many times the work and the time have grown.

`--beside FOLDER` measures another checkout as well, in turns, and gives the ratios: theirs over
ours. `--only NAME` measures some of `FAMILIES`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

HERE = Path(__file__).resolve()
ROOT = HERE.parent.parent
PAGE = 4096


# --- the families ---------------------------------------------------------------------------------


class Work(NamedTuple):
    """A function, how it is compiled, and the arguments of its call."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    options: Mapping[str, Any] = MappingProxyType({})


def uniform(count: int, low: float = -1.0, high: float = 1.0) -> Any:
    numpy = import_module("numpy")
    return numpy.random.default_rng(1).uniform(low, high, count)


def network(width: int) -> Work:
    """An MLP of two hidden layers, over 24 rows."""
    batches = import_module("benchmarks.batches")
    batch = batches.two_class_mlp("relu", (2, width, width, 1), 24)
    axes = (None, *[0] * len(batch.rows))
    return Work(
        batches.cost_of_row(batch),
        (batch.parameters, *batch.rows),
        {"in_axes": axes, "reduce": "mean"},
    )


def wide_network(width: int) -> Work:
    """An MLP of one hidden layer, as wide as its rows, over 64 of them."""
    batches = import_module("benchmarks.batches")
    batch = batches.two_class_mlp("relu", (width, width, 1), 64)
    axes = (None, *[0] * len(batch.rows))
    return Work(
        batches.cost_of_row(batch),
        (batch.parameters, *batch.rows),
        {"in_axes": axes, "reduce": "mean"},
    )


def digits(rows: int) -> Work:
    """The MLP 64-128-64-10 of the benchmarks, with its softmax cross-entropy."""
    batches = import_module("benchmarks.batches")
    batch = batches.digits(rows)
    axes = (None, *[0] * len(batch.rows))
    return Work(
        batches.cost_of_row(batch),
        (batch.parameters, *batch.rows),
        {"in_axes": axes, "reduce": "mean"},
    )


def straight_line(operations: int) -> Work:
    """Sums and products of earlier results, some of them much earlier."""
    batches = import_module("benchmarks.batches")
    batch = batches.straight_line(operations)
    return Work(batches.cost_of_row(batch), (batch.parameters, *batch.rows))


def chain(operations: int) -> Work:
    """A chain of sines, four operations a link."""
    batches = import_module("benchmarks.batches")
    batch = batches.sines(operations, 1)
    return Work(
        batches.cost_of_row(batch),
        (batch.parameters, *batch.rows),
        {"in_axes": (None, 0), "reduce": "mean"},
    )


def recurrence(steps: int, width: int = 8, letters: int = 6) -> Work:
    """An LSTM, unrolled, over rows: its gates are nets of a letter and the memory."""
    m = import_module("autograd")
    numpy = import_module("numpy")
    size = letters + width + 1

    def cost(parameters: Any, text: Any) -> Any:
        rows = [parameters[i * size : (i + 1) * size] for i in range(4 * width)]
        h: list[Any] = [0.0] * width
        c: list[Any] = [0.0] * width
        for step in range(steps):
            given = [*text[step], *h]
            z = [m.net(row[:-1], given, row[-1]) for row in rows]
            for i in range(width):
                forget, store = m.sigmoid(z[i]), m.sigmoid(z[width + i])
                c[i] = forget * c[i] + store * m.tanh(z[2 * width + i])
                h[i] = m.sigmoid(z[3 * width + i]) * m.tanh(c[i])
        return m.sum([x * x for x in h])

    rng = numpy.random.default_rng(3)
    text = numpy.eye(letters)[rng.integers(0, letters, (16, steps))]
    options = {"in_axes": (None, 0), "reduce": "mean"}
    return Work(m.value_and_grad(cost), (uniform(4 * width * size), text), options)


def steps_of(steps: int) -> Work:
    """A differential equation, step by step, over 64 rows."""
    batches = import_module("benchmarks.batches")
    batch = batches.predators(64, steps)
    axes = (None, *[0] * len(batch.rows))
    return Work(
        batches.cost_of_row(batch),
        (batch.parameters, *batch.rows),
        {"in_axes": axes, "reduce": "mean"},
    )


def determinant(size: int) -> Work:
    """A determinant by minors, as in textbooks: the same minors again and again."""
    m = import_module("autograd")

    def minors(rows: list[list[Any]]) -> Any:
        if len(rows) == 1:
            return rows[0][0]
        total: Any = 0.0
        for place, x in enumerate(rows[0]):
            term = x * minors([[*row[:place], *row[place + 1 :]] for row in rows[1:]])
            total = total - term if place % 2 else total + term
        return total

    def f(xs: Any) -> Any:
        return minors([list(xs[i * size : (i + 1) * size]) for i in range(size)])

    return Work(m.value_and_grad(f), (uniform(size * size),))


def shared_determinant(size: int) -> Work:
    """The same, each minor computed once, by hand."""
    m = import_module("autograd")

    def f(xs: Any) -> Any:
        known: dict[tuple[int, ...], Any] = {}

        def minors(row: int, columns: tuple[int, ...]) -> Any:
            if columns in known:
                return known[columns]
            if len(columns) == 1:
                return xs[row * size + columns[0]]
            total: Any = 0.0
            for place, column in enumerate(columns):
                rest = columns[:place] + columns[place + 1 :]
                term = xs[row * size + column] * minors(row + 1, rest)
                total = total - term if place % 2 else total + term
            known[columns] = total
            return total

        return minors(0, tuple(range(size)))

    return Work(m.value_and_grad(f), (uniform(size * size),))


def of_sequence(name: str, count: int) -> Work:
    """A function of many operands."""
    m = import_module("autograd")
    return Work(m.value_and_grad(getattr(m, name)), (uniform(count, 0.5, 1.5),))


def products(count: int) -> Work:
    """A sum of products, term by term, by plain operators."""
    m = import_module("autograd")

    def f(xs: Any) -> Any:
        total = xs[0] * xs[1]
        for x, y in pairwise(xs[1:]):
            total = total + x * y
        return total

    return Work(m.value_and_grad(f), (uniform(count),))


FAMILIES: dict[str, tuple[Callable[[int], Work], tuple[int, ...], int]] = {
    # the function that makes it, the sizes, and how many of them `--quick` takes
    "MLP 2-n-n-1": (network, (16, 50), 1),
    "MLP n-n-1": (wide_network, (100, 320, 1_000), 2),
    "digits of n rows": (digits, (32,), 1),
    "two-operand nodes": (straight_line, (1_000, 10_000, 100_000, 1_000_000), 2),
    "chain of sines": (chain, (1_000, 10_000, 100_000), 2),
    "LSTM of n steps": (recurrence, (4, 32), 1),
    "ODE of n steps": (steps_of, (100, 1_000), 1),
    "determinant n x n": (determinant, (5, 8), 1),
    "determinant n x n, shared": (shared_determinant, (5, 8, 11), 1),
    "sum": (partial(of_sequence, "sum"), (1_000, 10_000, 100_000), 2),
    "sum of products": (products, (1_000, 10_000, 100_000), 2),
    "logsumexp": (partial(of_sequence, "logsumexp"), (1_000, 10_000, 40_000), 1),
    "max": (partial(of_sequence, "max"), (1_000, 10_000, 40_000), 1),
    "min": (partial(of_sequence, "min"), (1_000, 10_000, 40_000), 1),
    "norm": (partial(of_sequence, "norm"), (1_000, 10_000), 1),
    "prod": (partial(of_sequence, "prod"), (1_000, 10_000), 1),
}


# --- the stages -----------------------------------------------------------------------------------

STAGES = {
    "tracing": ["function:Compiled._traced", "source:Source.traced", "original:Original.traced"],
    "derivatives": [f"autograd.transforms:recorded_{name}" for name in ("adjoints", "gradient")],
    "merging": ["autograd.transforms:merged"],
    "reading": ["function:program_of", "source:program_of", "original:program_of"],
    "passes": [
        "function:optimise",
        "specialisation:optimise",
        "execution:drop_guards",
        "backends.llvm.backend:planned",
    ],
    "schedule": ["backends.llvm.backend:_body", "backends.llvm.backend:_prologue"],
    "emission": [
        *(f"backends.llvm.backend:{name}" for name in ("step_texts", "part_text", "kernel_text")),
        *(
            f"backends.llvm.emission:{name}"
            for name in ("_Straight.write", "_Loop.write", "_module")
        ),
    ],
    "LLVM": ["backends.llvm.backend:_object", "backends.llvm.backend:_shared"],
    "loading": ["backends.llvm.backend:MachineKernel.__init__"],
}
"""The functions that each stage of compiling is made of."""


class Clock:
    """Measures how long each stage takes, without the stages within it."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._open: list[str] = ["rest"]
        self._last = time.process_time()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._switch(name)
        try:
            yield
        finally:
            self._switch(None)

    def _switch(self, name: str | None) -> None:
        now = time.process_time()
        self.seconds[self._open[-1]] += now - self._last
        self._last = now
        if name is None:
            self._open.pop()
        else:
            self._open.append(name)

    def watch(self, stage: str, place: str) -> None:
        """Count a function as part of a stage."""
        module, _, path = place.partition(":")
        if not module.startswith("autograd."):
            module = f"autograd.compiler.{module}"
        if find_spec(module) is None:  # in another version
            return
        owner: Any = import_module(module)
        *parents, name = path.split(".")
        for parent in parents:
            owner = getattr(owner, parent)
        function = getattr(owner, name, None)
        if function is None:  # likewise
            return

        def watched(*args: Any, **kwargs: Any) -> Any:
            with self.stage(stage):
                return function(*args, **kwargs)

        setattr(owner, name, watched)


def measured(family: str, size: int) -> dict[str, Any]:
    """Compile and call once, in this process."""
    autograd = import_module("autograd")
    for at_first in (lambda x: x * x, lambda x: autograd.exp(x)):
        autograd.compile(at_first)(1.0)  # what the library and LLVM load
    work = FAMILIES[family][0](size)
    clock = Clock()
    for stage, places in STAGES.items():
        for place in places:
            clock.watch(stage, place)
    function = autograd.compile(work.function, **work.options, threads=1)
    before = memory("VmRSS")
    start = time.process_time()
    with clock.stage("rest"):
        function(*work.arguments)
    seconds = time.process_time() - start
    used = max(memory("VmHWM") - before, PAGE)
    (known,) = function._known.values()
    calls = []
    for _ in range(5):
        rounds, begin = 0, time.process_time()
        while (lasted := time.process_time() - begin) < 0.02:
            function(*work.arguments)
            rounds += 1
        calls.append(lasted / rounds)
    return {
        "seconds": seconds,
        "bytes": used,
        "nodes": len(known.program),
        "operations": len(known.run.program),
        "call": min(calls),
        **clock.seconds,
    }


def memory(what: str) -> float:
    """Return the bytes of memory of this process, now or at its peak."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return sum(1e3 * float(line.split()[1]) for line in lines if line.startswith(what))


def in_checkout(folder: Path, family: str, size: int) -> dict[str, Any]:
    """Measure in a process of its own, with the library of a checkout."""
    done = subprocess.run(
        [sys.executable, str(HERE), "--one", family, str(size)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "AUTOGRAD_CACHE": "off"},
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# --- the report -----------------------------------------------------------------------------------

COLUMNS = (*STAGES,)


def median(rounds: Sequence[dict[str, Any]]) -> dict[str, float]:
    names = {name: None for each in rounds for name in each}
    return {name: statistics.median([each.get(name, 0.0) for each in rounds]) for name in names}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure compiling, stage by stage.")
    parser.add_argument("--quick", action="store_true", help="the small sizes alone")
    parser.add_argument("--only", nargs="*", choices=FAMILIES, default=[*FAMILIES])
    parser.add_argument("--sizes", nargs="*", type=int, help="instead of each family's own")
    parser.add_argument("--beside", type=Path, help="another checkout, to be measured in turns")
    parser.add_argument("--rounds", type=int, default=1, help="how many; medians are told")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        print(json.dumps(measured(given.one[0], int(given.one[1]))))
        return
    folders = [ROOT, *([given.beside.resolve()] if given.beside else [])]
    print(f"{'':<36}{'nodes':>9}{'steps':>9}{'s':>8}", end="")
    print("".join(f"{name:>12}" for name in COLUMNS), f"{'B/step':>8}{'call':>11}")
    for family in given.only:
        _, sizes, quick = FAMILIES[family]
        before: dict[str, float] = {}
        for size in given.sizes or sizes[: quick if given.quick else None]:
            rounds: list[list[dict[str, Any]]] = [[] for _ in folders]
            for turn in range(given.rounds):
                order = [*enumerate(folders)]
                for place, folder in order[:: -1 if turn % 2 else 1]:
                    rounds[place].append(in_checkout(folder, family, size))
            found = [*map(median, rounds)]
            for place, each in enumerate(found):
                what = f"{family}, {size:,}" if not place else "    … beside"
                report(what, each)
            ours = found[0]
            if before:
                work, lasted = ours["nodes"] / before["nodes"], ours["seconds"] / before["seconds"]
                kept = ours["bytes"] / before["bytes"]
                print(f"    {work:.1f}x the work, {lasted:.1f}x the time, {kept:.1f}x the memory")
            if len(found) > 1:
                theirs = found[1]
                names = ("seconds", "bytes", "call")
                ratios = [f"{name} {theirs[name] / ours[name]:.2f}x" for name in names]
                print(f"    theirs over ours: {', '.join(ratios)}")
            before = ours


def report(what: str, found: dict[str, float]) -> None:
    stages = "".join(f"{found.get(name, 0.0):>12.3f}" for name in COLUMNS)
    each = found["bytes"] / max(found["operations"], 1)
    print(
        f"{what:<36}{found['nodes']:>9.0f}{found['operations']:>9.0f}{found['seconds']:>8.2f}"
        f"{stages} {each:>8.0f}{1e6 * found['call']:>9.1f}µs",
        flush=True,
    )


if __name__ == "__main__":
    main()
