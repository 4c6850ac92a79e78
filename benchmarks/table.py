"""What benchmarks report: rows of ratios, printed as they come and written as JSON."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Spread, ratios

# --- the rows -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A line of the table; `ratio` is `theirs / ours`, round by round.

    More is better, but where theirs is a larger piece of our own work.
    """

    what: str
    unit: str
    ours: Spread
    peer: str
    theirs: Spread
    ratio: Spread
    target: str
    reached: bool | None
    less_is_better: bool = False


def compare(
    what: str,
    unit: str,
    ours: Sequence[float],
    peer: str,
    theirs: Sequence[float],
    *,
    at_least: float = 0.0,
    at_most: float | None = None,
    ours_at_most: float = math.inf,
) -> Row:
    """Make a row of two contenders' rounds; its target bounds the ratio, or our own figure.

    A ratio that is to be small has an `at_most`: infinity, where it has no bound.
    """
    mine, ratio, less_is_better = Spread.of(ours), ratios(theirs, ours), at_most is not None
    at_most = math.inf if at_most is None else at_most
    reached = at_least <= ratio.median <= at_most and mine.median <= ours_at_most
    target = ""
    if at_least > 0.0:
        target = f"at least {at_least:g}x"
    elif at_most < math.inf:
        target = f"at most {at_most:g}x"
    elif ours_at_most < math.inf:
        target = f"at most {ours_at_most:g} {unit.split()[0]}"
    judged = reached if target else None
    return Row(what, unit, mine, peer, Spread.of(theirs), ratio, target, judged, less_is_better)


def agree(first: Sequence[float], *others: Sequence[float]) -> None:
    """Raise ValueError unless all outcomes are those of the first to 1e-10 of the largest."""
    largest = max(map(abs, first))
    for other in others:
        for a, b in zip(first, other, strict=True):
            if not abs(a - b) <= 1e-10 * largest:  # nan is no agreement
                raise ValueError(f"outcomes differ: {a!r} and {b!r}, of at most {largest:g}")


# --- the report -----------------------------------------------------------------------------------

COLUMNS = "{:<44}{:>10} {:<16}{:<21}{:>10}{:>9}  {:<20}{:<15}{}"
HEADER = ("", "ours", "", "beside", "theirs", "ratio", "quartiles", "target", "reached")


def number(x: float) -> str:
    """Write a number with three significant digits, and never an exponent."""
    return f"{x:,.0f}" if x >= 100.0 else f"{x:.3g}"


def line(row: Row) -> str:
    """Lay the row out as a line of the table."""
    return COLUMNS.format(
        row.what,
        number(row.ours.median),
        row.unit,
        row.peer,
        number(row.theirs.median),
        f"{number(row.ratio.median)}x",
        f"{number(row.ratio.low)} to {number(row.ratio.high)}",
        row.target,
        {True: "yes", False: "NO", None: ""}[row.reached],
    )


def show(facts: Mapping[str, Any], rows: Iterable[Row]) -> list[Row]:
    """Print the facts and then each row as soon as it is there; return the rows."""
    print(*(f"{name}: {fact}" for name, fact in facts.items()), sep="\n", end="\n\n")
    print(COLUMNS.format(*HEADER))
    shown = []
    for row in rows:
        shown.append(row)
        print(line(row), flush=True)
    return shown


def write(
    path: Path, facts: Mapping[str, Any], effort: Mapping[str, Any], rows: Sequence[Row]
) -> None:
    """Write what `show` has printed as JSON, with every digit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"machine": facts, "effort": effort, "rows": [asdict(row) for row in rows]}
    text = json.dumps(record, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def options(
    description: str, arguments: Sequence[str] | None, *own: argparse.ArgumentParser
) -> argparse.Namespace:
    """Parse the command line that all benchmarks have: `quick`, and the folder of `results`.

    A benchmark adds options of its `own` by parsers without help.
    """
    results = Path(__file__).parent / "results"
    parser = argparse.ArgumentParser(description=description, parents=own)
    parser.add_argument("--quick", action="store_true", help="few rounds: a look, no measurement")
    parser.add_argument("--results", type=Path, default=results, help="folder to write to")
    return parser.parse_args(arguments)
