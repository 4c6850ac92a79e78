"""Eager mode compared with its peers, in one run: `python benchmarks/eager.py [--quick]`.

Prints a table of ratios; writes `eager.json` and a chart, `eager.svg`, to `benchmarks/results/`. A
step zeroes the gradients and runs the forward and the backward pass; for the widest network, each
is listed separately. Nothing is timed before all contenders agree on the gradients.

Rows marked "gc off" run as `timeit` does, with Python's garbage collector off. They are the
stricter comparison with micrograd, whose nodes are cyclic garbage: collecting it can take longer
than everything else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import Spread, Task, in_fresh_process, interleave, machine
from benchmarks.table import Row, agree, compare, number, options, show, write
from benchmarks.workloads import (
    OPERATIONS,
    OURS,
    PEERS,
    bytes_a_node,
    chain,
    chain_peak_bytes,
    mlp_step,
    op_by_op,
    run_python,
    wide_mlp,
)

SMALL, BARE = "micrograd, 100-100-1", "Python alone"


# --- the rows -------------------------------------------------------------------------------------


class Effort(NamedTuple):
    """How long to measure."""

    rounds: int = 15
    seconds: float = 0.2  # a turn
    slow_rounds: int = 3  # where a turn takes longer than that
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


def memory_rows() -> Iterator[Row]:
    """The bytes of a two-operand node: at most a third of micrograd's."""
    ours, theirs = (in_fresh_process(bytes_a_node, name) for name in (OURS, "micrograd"))
    for phase, a, b in zip(("forward", "backward"), ours, theirs, strict=True):
        yield compare(f"node after {phase}", "bytes", [a], "micrograd", [b], at_least=3.0)


def million_rows(effort: Effort) -> Iterator[Row]:
    """A million weights, and the time per weight; micrograd gets a hundredth of them."""
    makers = {
        OURS: partial(wide_mlp, OURS, 1000),
        SMALL: partial(wide_mlp, "micrograd", 100),
        "ours, 100-100-1": partial(wide_mlp, OURS, 100),
    }
    contest = interleave(makers, effort.slow_rounds, effort.seconds, collector=False)
    agree(contest.outcomes[SMALL], contest.outcomes["ours, 100-100-1"])
    scale = {name: 1e9 / len(outcome) for name, outcome in contest.outcomes.items()}
    both = ("forward", "backward")
    for phases in (both, ("zero",), ("forward",), ("backward",)):
        ours, theirs = (
            [sum(parts) for parts in zip(*times, strict=True)]
            for times in (
                [contest.seconds(name, phase, scale[name]) for phase in phases]
                for name in (OURS, SMALL)
            )
        )
        yield compare(
            f"MLP 1000-1000-1, gc off: {' + '.join(phases)}",
            "ns a weight",
            ours,
            SMALL,
            theirs,
            ours_at_most=150.0 if phases == both else math.inf,
        )


def chain_rows(effort: Effort) -> Iterator[Row]:
    """A chain of nodes, and one of ten times as many: at most twelve times the time and memory.

    With the collector on, its share grows faster than the chain: CPython scans everything again
    whenever a quarter has been added, and the objects no longer fit in the caches.
    """
    short, long = effort.chain, 10 * effort.chain
    makers = {name: partial(chain, nodes) for name, nodes in (("short", short), ("long", long))}
    peer = f"{long:,} nodes"
    for collector in (True, False):
        contest = interleave(makers, effort.slow_rounds, effort.seconds, collector=collector)
        what = f"chain {short:,}" if collector else f"chain {short:,}, gc off"
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
    yield from peer_rows("op by op", "ns an operation", 1e9 / OPERATIONS, op_by_op, 2.5, effort)
    yield from memory_rows()
    yield from peer_rows("MLP 2-16-16-1 step", "ms", 1e3, mlp_step, 12.0, effort)
    yield from million_rows(effort)
    yield from chain_rows(effort)
    yield from import_rows(effort)


# --- the report -----------------------------------------------------------------------------------


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw a panel for each measure that peers share: the median and quartiles of each library."""
    plots, ticker = import_module("matplotlib.pyplot"), import_module("matplotlib.ticker")
    panels: dict[str, dict[str, Spread]] = {}
    for row in rows:
        if row.peer in (*PEERS, SMALL) and (row.target or row.peer in PEERS):
            panels.setdefault(f"{row.what} [{row.unit}]", {OURS: row.ours})[row.peer] = row.theirs
    heights = [len(panel) + 1.6 for panel in panels.values()]
    figure, axes = plots.subplots(
        len(panels), figsize=(7, sum(heights) / 4), height_ratios=heights, layout="constrained"
    )
    for axis, (title, panel) in zip(axes, panels.items(), strict=True):
        for place, (name, spread) in enumerate(panel.items()):
            # Blue circle and vermilion square: distinguishable with every kind of colour vision.
            mark, colour = ("o", "#0072B2") if name == OURS else ("s", "#D55E00")
            axis.hlines(place, spread.low, spread.high, color=colour)
            axis.plot(spread.median, place, mark, color=colour)
            axis.text(spread.high, place, f"   {number(spread.median)}", va="center", size="small")
        ends = [spread.median for spread in panel.values()]
        axis.set(xscale="log", xlim=(min(ends) / 2, max(ends) * 3), ylim=(len(panel) - 0.5, -0.5))
        axis.set_yticks(range(len(panel)), list(panel))
        axis.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(ticker.FuncFormatter(lambda x, place: number(x)))
        axis.xaxis.set_minor_formatter(ticker.NullFormatter())
        axis.set_title(title, loc="left", size="medium")
        axis.grid(axis="x", linewidth=0.4)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle("Eager mode beside its peers (log scale; less is better)")
    figure.savefig(path)


def main(arguments: Sequence[str] | None = None) -> None:
    given = options("Measure eager mode beside its peers.").parse_args(arguments)
    effort = (
        Effort(rounds=3, seconds=0.05, slow_rounds=3, chain=10_000) if given.quick else Effort()
    )
    facts = machine(["micrograd", "torch", "xad"])
    rows = show(facts, all_rows(effort))
    write(given.results / "eager.json", facts, effort._asdict(), rows)
    draw(rows, given.results / "eager.svg")
    print(f"\nWritten to {given.results}: eager.json, eager.svg")


if __name__ == "__main__":
    main()
