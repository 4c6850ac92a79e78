"""Sparse derivatives beside CasADi: `python -m benchmarks.sparse [--quick] [--only NAME]`.

Sparse Jacobians and Hessians that science asks for, of growing size. Every stage is timed apart:
for ours, recording the derivative with its structure and colours (of that, structure and colours by
themselves), tracing and compiling, a call, and the machine code alone; for CasADi, making the
function (which finds structure and colours as well), a call with its own matrices, and its virtual
machine alone, by its buffers. Each contender works in a process of its own, with the cache off, and
both must find the same nonzeros. Calls alternate with nothing: a machine that others use slows
whichever runs at that time, so the fastest of many counts.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import pairwise
from typing import Any, NamedTuple

from benchmarks.measure import in_fresh_process

# --- the problems ---------------------------------------------------------------------------------


def rosenbrock(xs: Sequence[Any], m: Any) -> Any:
    """The chained Rosenbrock function, whose Hessian is tridiagonal."""
    terms = [100.0 * (y - x * x) * (y - x * x) + (1.0 - x) * (1.0 - x) for x, y in pairwise(xs)]
    return m.total(terms)


def broyden(xs: Sequence[Any], m: Any) -> Any:
    """Broyden's tridiagonal system."""
    padded = [0.0, *xs, 0.0]
    around = zip(padded[:-2], padded[1:-1], padded[2:], strict=True)
    return [(3.0 - 2.0 * x) * x - before - 2.0 * after + 1.0 for before, x, after in around]


def arrow(xs: Sequence[Any], m: Any) -> Any:
    """One equation in all variables, and one variable in all equations."""
    return [m.total([x * x for x in xs]), *[m.sin(x) * xs[0] for x in xs[1:]]]


def control(xs: Sequence[Any], m: Any) -> Any:
    """The defects of Van der Pol's oscillator, controlled, by the trapezoidal rule."""
    count = len(xs) // 3
    step = 10.0 / count
    states = [(xs[3 * k], xs[3 * k + 1], xs[3 * k + 2]) for k in range(count)]
    slopes = [(y, (1.0 - x * x) * y - x + u) for x, y, u in states]
    defects = []
    for (x, y, _), (p, q, _), one, other in zip(
        states[:-1], states[1:], slopes[:-1], slopes[1:], strict=True
    ):
        defects.append(p - x - 0.5 * step * (one[0] + other[0]))
        defects.append(q - y - 0.5 * step * (one[1] + other[1]))
    return defects


def bundle(xs: Sequence[Any], m: Any) -> Any:
    """Bundle adjustment: cameras of 9 numbers and points of 3, each seen by four cameras."""
    count = len(xs) // 12
    cameras = [xs[9 * k : 9 * k + 9] for k in range(count)]
    points = [xs[9 * count + 3 * k : 9 * count + 3 * k + 3] for k in range(count)]
    residuals = []
    for k, (x, y, z) in enumerate(points):
        for seen in range(4):
            a, b, c, d, e, f, focal, k1, k2 = cameras[(k + 7 * seen) % count]
            angle = m.sqrt(a * a + b * b + c * c)
            sine, cosine = m.sin(angle) / angle, m.cos(angle)
            along = (a * x + b * y + c * z) * (1.0 - cosine) / (angle * angle)
            p = x * cosine + (b * z - c * y) * sine + a * along + d
            q = y * cosine + (c * x - a * z) * sine + b * along + e
            r = z * cosine + (a * y - b * x) * sine + c * along + f + 5.0
            u, v = p / r, q / r
            square = u * u + v * v
            scale = focal * (1.0 + square * (k1 + k2 * square))
            residuals += [scale * u - 0.1, scale * v + 0.2]
    return residuals


class Problem(NamedTuple):
    """A function, whether its Hessian is asked for, and numbers of variables."""

    function: Callable[[Sequence[Any], Any], Any]
    second: bool
    sizes: tuple[int, ...]


PROBLEMS = {
    "Rosenbrock, Hessian": Problem(rosenbrock, True, (100, 10_000, 100_000)),
    "Broyden tridiagonal, Jacobian": Problem(broyden, False, (100, 10_000, 100_000)),
    "arrow, Jacobian": Problem(arrow, False, (100, 10_000)),
    "optimal control, Jacobian": Problem(control, False, (300, 3000)),
    "bundle adjustment, Jacobian": Problem(bundle, False, (120, 1200)),
}
LARGEST_COMPILED = 10_000
"""Above this many variables, ours is only recorded: code for each of millions of operations."""


def point(count: int) -> list[float]:
    return [0.5 + 0.4 * math.sin(1.0 + 2.0 * place) for place in range(count)]


# --- the contenders -------------------------------------------------------------------------------

Stages = dict[str, float]


def fastest(call: Callable[[], Any], seconds: float) -> float:
    """Time a call again and again, and give the shortest time."""
    end, best = time.perf_counter() + seconds, math.inf
    while time.perf_counter() < end:
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Time one piece of work: the processor's time, which others lengthen less."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def ours(name: str, size: int, seconds: float) -> tuple[Stages, list[float]]:
    """Measure this library."""
    numpy = import_module("numpy")
    autograd = import_module("autograd")
    pattern = import_module("autograd.sparsity.pattern")
    recovery = import_module("autograd.sparsity.recovery")
    problem = PROBLEMS[name]

    class Functions:
        sin, cos, sqrt, total = autograd.sin, autograd.cos, autograd.sqrt, autograd.sum

    def f(xs: Any) -> Any:
        return problem.function([*xs], Functions)

    numbers = point(size)
    stages: Stages = {}

    def structure() -> Any:
        xs = [autograd.Value(x) for x in numbers]
        y = f(xs)
        find = pattern.hessian_pattern if problem.second else pattern.jacobian_pattern
        stages["structure"], found = timed(lambda: find(y, xs))
        return found

    found = structure()  # and the graph is gone
    plan_of = recovery.hessian_plan if problem.second else recovery.jacobian_plan
    stages["colours"], plan = timed(lambda: plan_of(found))
    stages["sweeps"] = len(plan.columns) + len(plan.rows)
    transform = autograd.hessian if problem.second else autograd.jacobian
    derivative = transform(f, sparse=True)
    at = numpy.array(numbers)
    stages["recorded"], matrix = timed(lambda: derivative(at))
    if size <= LARGEST_COMPILED:
        compiled = autograd.compile(derivative)
        stages["compile"], matrix = timed(lambda: compiled(at))
        stages["call"] = fastest(lambda: compiled(at), seconds)
        (known,) = compiled._known.values()
        stages["machine"] = fastest(lambda: known.run([at], 1), seconds)
    matrix.sort_indices()
    return stages, [float(x) for x in matrix.tocsc().data]


def casadi(name: str, size: int, seconds: float) -> tuple[Stages, list[float]]:
    """Measure CasADi."""
    ca, numpy = import_module("casadi"), import_module("numpy")
    problem = PROBLEMS[name]

    class Functions:
        sin, cos, sqrt = ca.sin, ca.cos, ca.sqrt

        @staticmethod
        def total(terms: Sequence[Any]) -> Any:
            return ca.sum1(ca.vertcat(*terms))

    def make() -> Any:
        x = ca.SX.sym("x", size)
        y = problem.function(ca.vertsplit(x), Functions)
        derivative = ca.hessian(y, x)[0] if problem.second else ca.jacobian(ca.vertcat(*y), x)
        return ca.Function("derivative", [x], [derivative])

    stages: Stages = {}
    stages["compile"], function = timed(make)
    at = ca.DM(point(size))
    matrix = function(at)
    stages["call"] = fastest(lambda: function(at), seconds)
    memory, trigger = function.buffer()
    given, results = numpy.array(point(size)), numpy.zeros(matrix.nnz())
    memory.set_arg(0, memoryview(given))
    memory.set_res(0, memoryview(results))
    stages["machine"] = fastest(trigger, seconds)
    return stages, [float(x) for x in matrix.nonzeros()]


# --- the report -----------------------------------------------------------------------------------

COLUMNS = ("structure", "colours", "sweeps", "recorded", "compile", "call", "machine")


def shown(stage: str, seconds: float | None) -> str:
    if seconds is None:
        return ""
    if stage == "sweeps":
        return f"{seconds:.0f}"
    return f"{1e6 * seconds:,.0f} µs" if stage in ("call", "machine") else f"{seconds:.2f} s"


def report(name: str, size: int, seconds: float) -> None:
    """Measure a problem of one size, and print its lines."""
    mine, numbers = in_fresh_process(ours, name, size, seconds)
    theirs, others = in_fresh_process(casadi, name, size, seconds)
    if len(numbers) != len(others):
        raise ValueError(f"{name}: {len(numbers):,} nonzeros, and {len(others):,} by CasADi")
    largest = max(map(abs, others))
    for a, b in zip(numbers, others, strict=True):
        if not abs(a - b) <= 1e-10 * largest:
            raise ValueError(f"{name}: {a!r}, and {b!r} by CasADi")
    print(f"{name}, {size:,} variables, {len(numbers):,} nonzeros", flush=True)
    for who, stages in (("ours", mine), ("CasADi", theirs)):
        line = "".join(f"{shown(stage, stages.get(stage)):>13}" for stage in COLUMNS)
        print(f"  {who:<12}{line}", flush=True)
    ratios = {
        stage: theirs[stage] / mine[stage] for stage in COLUMNS if stage in mine and stage in theirs
    }
    line = "".join(f"{f'{ratios[s]:.2f}x' if s in ratios else '':>13}" for s in COLUMNS)
    print(f"  {'theirs/ours':<12}{line}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Sparse derivatives beside CasADi.")
    parser.add_argument("--only", choices=PROBLEMS, nargs="+", default=[*PROBLEMS])
    parser.add_argument("--quick", action="store_true", help="only the smallest sizes")
    chosen = parser.parse_args(arguments)
    print(f"{'':<14}" + "".join(f"{stage:>13}" for stage in COLUMNS))
    for name in chosen.only:
        for size in PROBLEMS[name].sizes[: 1 if chosen.quick else None]:
            report(name, size, 0.2 if chosen.quick else 1.0)


if __name__ == "__main__":
    main()
