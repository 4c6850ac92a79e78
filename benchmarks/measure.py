"""Fair measurements: contenders run in turns, in separate processes, and are compared by round.

A single time says little on a shared machine. Here every contender is measured in every
round, so that whatever slows the machine slows them all; the result is the median of the
rounds' ratios, with its quartiles. A process of its own keeps each contender's heap, garbage and
imports away from the others.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import platform
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("AUTOGRAD_CACHE", "off")  # each contender does the measured work itself

Lap = Callable[[str], None]


class Task(NamedTuple):
    """The work of one contender.

    Attributes:
        step: Does it once. It is passed `lap`, and may call `lap(name)` at the end of each phase to
            have that phase timed by itself.
        outcome: Reads the results of the last step, for instance its gradients.
        clock: Returns the time in seconds: by default this process's processor time, which other
            programs affect least; a task that waits for another process needs another clock.
    """

    step: Callable[[Lap], object]
    outcome: Callable[[], Sequence[float]] = list
    clock: Callable[[], float] = time.process_time


class Contest(NamedTuple):
    """For each contender, its first outcome, and each round's mean seconds by phase."""

    outcomes: dict[str, Sequence[float]]
    rounds: dict[str, list[dict[str, float]]]

    def seconds(self, name: str, phase: str = "step", scale: float = 1.0) -> list[float]:
        """Return the contender's time in each round, scaled to another unit if asked."""
        return [scale * seconds[phase] for seconds in self.rounds[name]]


@dataclass(frozen=True)
class Spread:
    """A median between its quartiles."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarise the values; a single value is its own quartiles."""
        if len(values) == 1:
            return cls(*values, *values, *values)
        return cls(*statistics.quantiles(values, n=4, method="inclusive"))


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> Spread:
    """Summarise the ratios of two contenders, taken round by round."""
    return Spread.of([a / b for a, b in zip(numerators, denominators, strict=True)])


def interleave(
    contenders: Mapping[str, Callable[[], Task]],
    rounds: int,
    seconds: float,
    *,
    collector: bool = True,
) -> Contest:
    """Measure the contenders in turns, each in a process of its own.

    Args:
        contenders: For each name, a picklable function that sets the work up.
        rounds: How many turns each contender has. Every round starts with another one.
        seconds: A turn repeats the step until it has lasted this long.
        collector: Whether Python's garbage collector is on during a turn. `timeit` has it off.

    Returns:
        The outcomes and the times.
    """
    spawn = multiprocessing.get_context("spawn")
    names = list(contenders)
    contest = Contest({}, {name: [] for name in names})
    with ExitStack() as stack:
        processes = {
            name: stack.enter_context(ProcessPoolExecutor(1, mp_context=spawn)) for name in names
        }
        for name, process in processes.items():
            contest.outcomes[name] = process.submit(_set_up, contenders[name]).result()
        for turn in range(rounds):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                lasted = processes[name].submit(_take_turn, seconds, collector).result()
                contest.rounds[name].append(lasted)
    return contest


def in_fresh_process(function: Callable[..., Any], *args: Any) -> Any:
    """Return `function(*args)`, called in a new process whose heap holds nothing else."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *args).result()


_task: Task  # in a contender's process: its work


def _set_up(make: Callable[[], Task]) -> Sequence[float]:
    global _task
    _task = make()
    _task.step(lambda phase: None)
    return _task.outcome()


def _take_turn(seconds: float, collector: bool) -> dict[str, float]:
    times: defaultdict[str, float] = defaultdict(float)
    steps = 0
    gc.collect()
    if not collector:
        gc.disable()
    start = last = _task.clock()

    def lap(phase: str) -> None:
        nonlocal last
        now = _task.clock()
        times[phase] += now - last
        last = now

    while not steps or last - start < seconds:
        _task.step(lap)
        lap("rest")
        steps += 1
    gc.enable()
    times["step"] = last - start
    return {phase: total / steps for phase, total in times.items()}


# The first that the processor has tells how many numbers an instruction processes.
WIDEST = {"avx512f": "AVX-512", "avx2": "AVX2", "avx": "AVX"}

# How each library is told to use AVX2 and nothing wider: ours, XLA, PyTorch and what it calls, and
# NumPy's BLAS. The C++ kernels are built accordingly, by `batches.kernels`.
AVX2 = {
    "AUTOGRAD_MAX_ISA": "AVX2",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
}


def limit_to_avx2() -> None:
    """Keep the contenders, which are processes started after this, to AVX2."""
    os.environ.update(AVX2)


def is_limited_to_avx2() -> bool:
    """Tell whether this process was started so."""
    return AVX2.items() <= os.environ.items()


def instructions() -> str:
    """Name the widest instructions that the contenders may use."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    features = {word for line in lines if line.startswith("flags") for word in line.split()}
    widest = next((WIDEST[name] for name in WIDEST if name in features), platform.machine())
    return narrowed(widest) if is_limited_to_avx2() else widest


def narrowed(instructions: str) -> str:
    """Name the widest instructions that are left of some where AVX2 is the limit."""
    return "AVX2" if instructions == "AVX-512" else instructions


def machine(packages: Sequence[str]) -> dict[str, Any]:
    """Describe the machine of the measurements."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": models[0] if models else platform.processor() or platform.machine(),
        "instructions": instructions(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": {name: metadata.version(name) for name in packages},
    }
