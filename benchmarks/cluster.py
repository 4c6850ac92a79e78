"""What a cluster costs and brings: `python -m benchmarks.cluster [--quick | --simulate]`.

Measured with local processes of a Dask cluster, in one run: the overhead of one step beside
threads, weak scaling over the processors here, and how many tasks a second the scheduler bears.
From these and the assumptions in `Assumptions`, a simulation gives the time of a step on up to
1,000 workers, with stragglers and failures; its small end is held to what was measured.
docs/cluster.md explains.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from autograd import compile, value_and_grad
from autograd.cluster import Workers, normals
from examples.greeks import DATES, MARKET, payoff

RESULTS = Path(__file__).parent / "results" / "cluster.json"


# --- the simulation -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Assumptions:
    """What a simulated cluster is like; the times are in seconds.

    Attributes:
        chunk: The time that one chunk takes.
        latency: From the end of a task to the next one's beginning on that worker.
        tasks_a_second: How many tasks the scheduler and the client bear, one after another.
        start: What a step takes before the first task begins.
        stragglers: The share of tasks that take longer.
        straggling: How many times as long they take.
        failures: How often a worker dies in an hour.
        restart: How long it then takes to have the worker back.
    """

    chunk: float = 0.02
    latency: float = 0.002
    tasks_a_second: float = 1000.0
    start: float = 0.01
    stragglers: float = 0.01
    straggling: float = 3.0
    failures: float = 0.01
    restart: float = 30.0


def simulated(
    world: Assumptions, workers: int, chunks: int, run: int = 64, per_thread: int = 4, seed: int = 1
) -> float:
    """Simulate one step, event by event; return how long it takes.

    Tasks are cut as `autograd.cluster.scheduling` cuts them. The scheduler hands out one at a time.
    """
    generator = random.Random(seed)
    size = min(run, max(1, chunks // (workers * per_thread)))
    size = 1 << (size.bit_length() - 1)
    left = [min(size, chunks - first) for first in range(0, chunks, size)][::-1]
    free = [(world.start, worker) for worker in range(workers)]
    heapq.heapify(free)
    scheduler, end = world.start, world.start
    while left:
        ready, worker = heapq.heappop(free)
        scheduler = max(scheduler, ready) + 1.0 / world.tasks_a_second
        count = left.pop()
        duration = count * world.chunk
        if generator.random() < world.stragglers:
            duration *= world.straggling
        begins = scheduler + world.latency
        death = generator.expovariate(world.failures / 3600.0) if world.failures else float("inf")
        if death < duration:  # its work is done again, by whoever is free
            left.append(count)
            heapq.heappush(free, (begins + death + world.restart, worker))
            continue
        end = max(end, begins + duration)
        heapq.heappush(free, (begins + duration, worker))
    return end


def efficiency(world: Assumptions, workers: int, chunks: int) -> float:
    """The share of the workers' time in which they compute, on average over a few runs."""
    ideal = chunks * world.chunk / workers
    return ideal / statistics.fmean(simulated(world, workers, chunks, seed=s) for s in range(5))


def plan(world: Assumptions) -> list[dict[str, Any]]:
    """Simulate steps of different sizes on different clusters."""
    return [
        {
            "workers": workers,
            "chunks a worker": each,
            "seconds": round(statistics.fmean(
                simulated(world, workers, workers * each, seed=s) for s in range(5)
            ), 3),
            "efficiency": round(efficiency(world, workers, workers * each), 3),
        }
        for workers in (2, 10, 100, 1000)
        for each in (16, 256, 4096)
    ]  # fmt: skip


# --- measurements ---------------------------------------------------------------------------------


def timed(call: Callable[[], Any], repeats: int) -> float:
    """The median time of a call."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def step(paths: int, **options: Any) -> Callable[[], Any]:
    """One step: the Greeks of `examples.greeks`."""
    f = compile(value_and_grad(payoff), in_axes=(None, 0), reduce="mean", progress=False, **options)
    rows = normals(7, paths, DATES)
    return lambda: f(MARKET, rows)


def measured(quick: bool) -> dict[str, Any]:
    """Measure overhead, weak scaling and the scheduler's rate."""
    import distributed

    chunk, repeats = 32_768, 3 if quick else 9
    each = (8 if quick else 64) * chunk
    found: dict[str, Any] = {}
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        workers = Workers(client)
        alone = timed(step(each, threads=1), repeats)
        found["seconds a chunk"] = alone / (each // chunk)
        found["small step: threads"] = timed(step(2 * chunk, threads=2), repeats)
        found["small step: cluster"] = timed(step(2 * chunk, cluster=workers), repeats)
        found["overhead of a step"] = found["small step: cluster"] - found["small step: threads"]
        found["twice the rows: threads"] = timed(step(2 * each, threads=2), repeats)
        found["twice the rows: cluster"] = timed(step(2 * each, cluster=workers), repeats)
        for kind in ("threads", "cluster"):
            found[f"weak scaling: {kind}"] = alone / found[f"twice the rows: {kind}"]
        # Tasks that do next to nothing: 64 chunks of a row each.
        count = 100 if quick else 1000
        little = compile(
            lambda x: x, in_axes=0, reduce="sum", chunk=1, cluster=workers, progress=False
        )
        rows = normals(1, 64 * count)
        found["tasks a second"] = count / timed(lambda: little(rows), 1)
    world = replace(
        Assumptions(), chunk=found["seconds a chunk"], start=max(found["overhead of a step"], 0.0),
        tasks_a_second=found["tasks a second"], stragglers=0.0, failures=0.0,
    )  # fmt: skip
    expected = simulated(world, 2, 2 * each // chunk)
    found["simulated / measured, 2 workers"] = expected / found["twice the rows: cluster"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="less of everything, nothing is stored"
    )
    parser.add_argument("--simulate", action="store_true", help="the simulation alone")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    if not options.simulate:
        results["measured"] = measured(options.quick)
        for name, number in results["measured"].items():
            print(f"{name:35}{number:12.4g}")
    world = Assumptions()
    results["assumptions"], results["plan"] = asdict(world), plan(world)
    for line in results["plan"]:
        print("  ".join(f"{name} {number:g}" for name, number in line.items()))
    if not (options.quick or options.simulate):
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
