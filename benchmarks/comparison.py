"""The committed ratios beside fresh ones: `python -m benchmarks.comparison [--fresh FOLDER]`.

Runs the benchmarks, and prints each ratio as it is committed and as it is now. Ratios depend on how
many numbers an instruction processes, so only those with the same instructions are compared; those
that were measured with AVX2 alone are measured so again on any processor that has it. The exit
status is 1 if a ratio is worse by more than a tenth, and 2 if none can be compared.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.measure import machine, narrowed
from benchmarks.table import number

ROOT = Path(__file__).parents[1]
COMMITTED = ROOT / "benchmarks" / "results"
FRESH = ROOT / "build" / "benchmarks"
BENCHMARKS = ("eager", "drawing", "derivatives", "compiled", "compiled_avx2")
TOLERANCE = 0.1

Record = Mapping[str, Any]  # the output of `table.write`


class Change(NamedTuple):
    """A ratio then and now, each with its quartiles; nan if it was not measured."""

    what: str
    peer: str
    then: Mapping[str, float]
    now: Mapping[str, float]
    less_is_better: bool

    @property
    def gain(self) -> float:
        """How much better it is now; -0.1 is a tenth worse."""
        then, now = self.then["median"], self.now["median"]
        return (then / now if self.less_is_better else now / then) - 1.0

    @property
    def fell(self) -> bool:
        return self.gain < -TOLERANCE


def refusal(committed: Record, fresh: Record) -> str:
    """Say why the results cannot be compared, or nothing."""
    then, now = (record.get("instructions", "not recorded") for record in (committed, fresh))
    if then == now:
        return ""
    return f"not comparable: the instructions are {then} in the committed results, and {now} here"


def changes(committed: Record, fresh: Record) -> Iterator[Change]:
    """Pair the rows; if one is missing on a side, its ratio there is nan."""
    then, now = (
        {(row["what"], row["peer"]): row for row in record["rows"]} for record in (committed, fresh)
    )
    unknown = dict.fromkeys(("low", "median", "high"), float("nan"))
    for key in dict.fromkeys([*then, *now]):
        before, after = (rows[key]["ratio"] if key in rows else unknown for rows in (then, now))
        less_is_better = now.get(key, {}).get("less_is_better", False)
        yield Change(*key, before, after, less_is_better)


COLUMNS = "{:<58}{:<22}{:>10}{:>10}{:>9}  {}"


def line(change: Change) -> str:
    """Format the change; a fall within the quartiles of both may be noise."""
    note = ""
    if change.fell:
        low, high = (
            f(change.then[end], change.now[end]) for f, end in ((max, "low"), (min, "high"))
        )
        note = "FELL, the quartiles overlap" if low <= high else "FELL"
    return COLUMNS.format(
        change.what,
        change.peer,
        f"{number(change.then['median'])}x",
        f"{number(change.now['median'])}x",
        f"{change.gain:+.0%}",
        note,
    )


def read(folder: Path, name: str) -> Record:
    record: Record = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return record


def measured(name: str) -> Record:
    """Run a benchmark again."""
    script, _, limit = name.partition("_")
    options = [f"--{limit}"] if limit else []
    command = [sys.executable, f"benchmarks/{script}.py", *options, "--results", str(FRESH)]
    subprocess.run(command, check=True, cwd=ROOT)
    return read(FRESH, name)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--fresh", type=Path, help="folder of results, measured before")
    given = parser.parse_args(arguments)
    measured_before = [name for name in BENCHMARKS if (COMMITTED / f"{name}.json").exists()]
    committed = {name: read(COMMITTED, name) for name in measured_before}
    comparable = []
    for name in measured_before:  # before an hour is spent
        facts = read(given.fresh, name)["machine"] if given.fresh else machine([])
        if not given.fresh and name.endswith("_avx2"):
            facts["instructions"] = narrowed(facts["instructions"])
        if why := refusal(committed[name]["machine"], facts):
            print(f"{name}: {why}")
        else:
            comparable.append(name)
    if not comparable:
        return 2
    fallen: list[str] = []
    for name in comparable:
        fresh = read(given.fresh, name) if given.fresh else measured(name)
        print(f"\n--- {name}")
        for side, record in (("committed", committed[name]), ("fresh", fresh)):
            facts = [record["machine"][key] for key in ("date", "processor", "instructions")]
            print(f"{side}: {', '.join(facts)}, {record['machine']['python']}")
        print(COLUMNS.format("", "beside", "committed", "fresh", "gain", ""))
        for change in changes(committed[name], fresh):
            print(line(change))
            if change.fell:
                fallen.append(f"{change.what}, beside {change.peer} ({name})")
    print(f"\n{len(fallen)} ratios have fallen by more than {TOLERANCE:.0%}", *fallen, sep="\n  ")
    return int(bool(fallen))


if __name__ == "__main__":
    sys.exit(main())
