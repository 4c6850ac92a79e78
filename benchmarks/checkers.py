"""Gradient checkers on the same functions: `python benchmarks/checkers.py [--quick]`.

`python benchmarks/checkers.py --fresh 10000 --seed 7 [--precision single]` uses cases that
are drawn at random (`faults.py`, `fresh.py`), and writes `fresh.json` or `fresh_single.json`.

Otherwise it prints which of the planted faults each checker catches, and over which of the correct
functions it cries wolf, and writes `checkers.json` to `benchmarks/results/`. Each library runs in a
process of its own (`judging.py`), HIPS's also in an environment of its own, `.venv-hips` or the one
`--hips-python` names.

A checker is judged only by cases that its library can run. It cries wolf over a correct function if
it raises at any of the points; a point where the library's gradient differs from ours is left out,
as it may be right to raise there.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.faults import KINDS
from benchmarks.fresh import CONTENDERS
from benchmarks.judging import LIBRARIES, Verdict
from benchmarks.measure import machine
from benchmarks.table import options

OURS, *PEERS = LIBRARIES
HIPS = PEERS[-1]
ROOT = Path(__file__).parents[1]
QUICK = 10  # one case of so many

# --- the rates ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rates:
    """How a checker did: the names of cases, by outcome.

    Attributes:
        checker: Its library.
        seconds: How long it took over everything.
        caught, missed: Faults.
        engine_caught, engine_missed: Faults in the backward pass and in recording: ours alone.
        trusted, cried_wolf: Correct functions.
        undecided: Correct functions that are trusted, but at some point without a decision.
        cannot_run: Faults and functions that its library cannot run.
    """

    checker: str
    seconds: float
    caught: tuple[str, ...]
    missed: tuple[str, ...]
    engine_caught: tuple[str, ...]
    engine_missed: tuple[str, ...]
    trusted: tuple[str, ...]
    cried_wolf: tuple[str, ...]
    undecided: tuple[str, ...]
    cannot_run: tuple[str, ...]


def same_gradient(first: Sequence[float], other: Sequence[float]) -> bool:
    """Tell whether two gradients agree to a millionth of the largest derivative."""
    if not all(map(math.isfinite, (*first, *other))):
        return [repr(d) for d in first] == [repr(d) for d in other]
    largest = max(map(abs, first), default=0.0)
    return all(abs(a - b) <= 1e-6 * largest for a, b in zip(first, other, strict=True))


def split(said: Mapping[str, set[str]], *answers: str) -> tuple[tuple[str, ...], ...]:
    """Sort the cases by the first of the answers that was given at one of their points."""
    found: dict[str, list[str]] = {answer: [] for answer in answers}
    for name, given in said.items():
        for answer in answers:
            if answer in given:
                found[answer].append(name)
                break
    return tuple(map(tuple, found.values()))


def rates(
    checker: str, seconds: float, verdicts: Sequence[Verdict], reference: Sequence[Verdict]
) -> Rates:
    """Sum up the verdicts of a checker; `reference` holds ours, with our gradients."""
    gradients = {(v.name, v.point): v.gradient for v in reference if v.group == "correct"}
    said: dict[str, dict[str, set[str]]] = {"fault": {}, "engine": {}, "correct": {}}
    for verdict in verdicts:
        answer = verdict.said
        if verdict.group == "correct" and answer != "cannot run":
            ours = gradients.get((verdict.name, verdict.point), ())
            if not same_gradient(ours, verdict.gradient):
                answer = "cannot run"
        said[verdict.group].setdefault(verdict.name, set()).add(answer)
    caught, unsure, right, cannot = split(
        said["fault"], "wrong", "undecided", "right", "cannot run"
    )
    engine_caught, *engine_missed = split(said["engine"], "wrong", "undecided", "right")
    wolf, undecided, trusted, never = split(
        said["correct"], "wrong", "undecided", "right", "cannot run"
    )
    return Rates(
        checker,
        seconds,
        caught,
        unsure + right,
        engine_caught,
        tuple(name for names in engine_missed for name in names),
        undecided + trusted,
        wolf,
        undecided,
        cannot + never,
    )


# --- the report -----------------------------------------------------------------------------------

COLUMNS = "{:<16}{:>16}{:>17}{:>22}{:>12}{:>12}{:>10}"
HEADER = (
    "",
    "faults caught",
    "in our engine",
    "false alarms",
    "undecided",
    "cannot run",
    "seconds",
)


def of(part: Sequence[str], *rest: Sequence[str]) -> str:
    """Write a rate."""
    whole = len(part) + sum(map(len, rest))
    return f"{len(part)} of {whole}" if whole else ""


def line(row: Rates) -> str:
    return COLUMNS.format(
        row.checker,
        of(row.caught, row.missed),
        of(row.engine_caught, row.engine_missed),
        of(row.cried_wolf, row.trusted),
        len(row.undecided),
        len(row.cannot_run),
        f"{row.seconds:.0f}",
    )


def names(row: Rates) -> Iterator[str]:
    """Name what the checker missed, what it cried wolf over, and what it could not run."""
    for what, cases in (
        ("missed", row.missed + row.engine_missed),
        ("cried wolf over", row.cried_wolf),
        ("could not run", row.cannot_run),
    ):
        if cases:
            yield f"{row.checker} {what}: {'; '.join(cases)}."


def reached(rows: Sequence[Rates]) -> bool:
    """Tell whether ours catches everything and never cries wolf, and each peer fails somewhere."""
    ours, *peers = rows
    flawless = not (ours.missed or ours.engine_missed or ours.cried_wolf or ours.cannot_run)
    return flawless and all(peer.missed and peer.cried_wolf for peer in peers)


def judged(library: str, python: str, every: int) -> tuple[float, list[Verdict], dict[str, str]]:
    """Run a library's checker in its environment; return the time, verdicts and versions."""
    script = Path(__file__).with_name("judging.py")
    done = subprocess.run(
        [python, str(script), library, "--every", str(every)],
        stdout=subprocess.PIPE,
        check=True,
        cwd=script.parent,
        env={**os.environ, "PYTHONPATH": "", "JAX_PLATFORMS": "cpu"},
    )
    told = json.loads(done.stdout)
    known = {field.name for field in fields(Verdict)}
    verdicts = [
        Verdict(**{**{key: given[key] for key in known}, "gradient": tuple(given["gradient"])})
        for given in told["verdicts"]
    ]
    return told["seconds"], verdicts, told["packages"]


# --- fresh cases ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fresh:
    """How a checker did with fresh cases.

    Attributes:
        checker: Its library.
        seconds: How long it took over everything.
        faults, innocents: How many there were; faults above the threshold alone.
        found: Faults that were called wrong.
        passed: Faults that were called right.
        alarms: Innocents that were called wrong.
        undecided: Cases of both kinds without a verdict.
        kinds: How many faults of each kind were found, and how many there were.
        misjudged: The numbers of the faults that were passed, and of false alarms.
    """

    checker: str
    seconds: float
    faults: int
    innocents: int
    found: int
    passed: int
    alarms: int
    undecided: int
    kinds: dict[str, tuple[int, int]]
    misjudged: tuple[int, ...]


def freshly(checker: str, seconds: float, verdicts: Sequence[Mapping[str, Any]]) -> Fresh:
    """Sum up the verdicts of a checker on fresh cases."""
    faults = [v for v in verdicts if v["fault"] and v["counts"]]
    innocents = [v for v in verdicts if not v["fault"]]
    found = [v for v in faults if v["said"] == "failed"]
    passed = [v for v in faults if v["said"] == "passed"]
    alarms = [v for v in innocents if v["said"] == "failed"]
    kinds = {
        kind: (
            sum(v["fault"] == kind for v in found),
            sum(v["fault"] == kind for v in faults),
        )
        for kind in KINDS
    }
    return Fresh(
        checker,
        seconds,
        len(faults),
        len(innocents),
        len(found),
        len(passed),
        len(alarms),
        sum(v["said"] == "undecided" for v in (*faults, *innocents)),
        kinds,
        tuple(sorted(v["number"] for v in (*passed, *alarms))),
    )


def percent(part: int, whole: int) -> str:
    return f"{100.0 * part / whole:.1f} %" if whole else ""


FRESH = "{:<18}{:>14}{:>8}{:>14}{:>11}{:>9}"
FRESH_HEADER = ("", "faults found", "passed", "false alarms", "undecided", "seconds")


def fresh_line(row: Fresh) -> str:
    return FRESH.format(
        row.checker,
        percent(row.found, row.faults),
        percent(row.passed, row.faults),
        percent(row.alarms, row.innocents),
        percent(row.undecided, row.faults + row.innocents),
        f"{row.seconds:.0f}",
    )


def fresh_kinds(rows: Sequence[Fresh]) -> Iterator[str]:
    """Tell how many of each kind of fault each checker found."""
    columns = "{:<18}" + "{:>18}" * len(KINDS)
    yield columns.format("", *KINDS)
    for row in rows:
        yield columns.format(row.checker, *(percent(*row.kinds[kind]) for kind in KINDS))


def run_fresh(contender: str, python: str, count: int, seed: int, precision: str) -> dict[str, Any]:
    """Run a contender on fresh cases in its environment; return its report."""
    script = Path(__file__).with_name("fresh.py")
    effort = ["--count", str(count), "--seed", str(seed), "--precision", precision]
    if not Path(python).exists():
        return {"missing": f"{os.path.relpath(python)} is not there"}
    done = subprocess.run(
        [python, str(script), contender, *effort],
        stdout=subprocess.PIPE,
        check=True,
        cwd=script.parent,
        env={**os.environ, "PYTHONPATH": "", "JAX_PLATFORMS": "cpu"},
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def judge_freshly(
    contenders: Sequence[str],
    hips_python: str,
    results: Path,
    count: int,
    seed: int,
    precision: str,
) -> None:
    """Judge the contenders by fresh cases; print the tables, and write them."""
    facts = machine([])
    rows: list[Fresh] = []
    skipped: dict[str, str] = {}
    print(FRESH.format(*FRESH_HEADER))
    for contender in contenders:
        python = hips_python if contender == HIPS else sys.executable
        told = run_fresh(contender, python, count, seed, precision)
        if told["missing"]:
            skipped[contender] = f"not installed: {told['missing']}"
            print(f"{contender:<18}skipped, {skipped[contender]}", flush=True)
            continue
        facts["packages"] |= told["packages"]
        rows.append(freshly(contender, told["seconds"], told["verdicts"]))
        print(fresh_line(rows[-1]), flush=True)
    print("\nFaults found, by kind:", *fresh_kinds(rows), sep="\n")
    path = results / ("fresh.json" if precision == "double" else f"fresh_{precision}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "machine": facts,
        "effort": {"count": count, "seed": seed, "precision": precision},
        "skipped": skipped,
        "rows": [asdict(row) for row in rows],
    }
    path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\nWritten to {results}: {path.name}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = options("Judge gradient checkers by the same functions.")
    hips = str(ROOT / ".venv-hips" / "bin" / "python")
    parser.add_argument("--hips-python", default=hips, help="a Python that has HIPS autograd")
    choices = list(dict.fromkeys([*PEERS, *CONTENDERS]))
    parser.add_argument("--only", nargs="+", choices=choices, help="judge these, and ours")
    parser.add_argument("--fresh", type=int, metavar="COUNT", help="judge by so many fresh cases")
    parser.add_argument("--seed", type=int, default=7, help="what the fresh cases are drawn from")
    precisions = ("double", "single")
    parser.add_argument("--precision", choices=precisions, default="double", help="of fresh cases")
    given = parser.parse_args(arguments)
    if given.fresh:
        contenders = given.only or list(CONTENDERS)
        count = max(given.fresh // QUICK, 1) if given.quick else given.fresh
        judge_freshly(
            contenders, given.hips_python, given.results, count, given.seed, given.precision
        )
        return
    if fresh_alone := [name for name in given.only or () if name not in PEERS]:
        parser.error(f"judged by fresh cases alone, with --fresh: {', '.join(fresh_alone)}")
    every = QUICK if given.quick else 1
    facts = machine([])
    rows: list[Rates] = []
    reference: list[Verdict] = []
    print(COLUMNS.format(*HEADER))
    for library in (OURS, *(given.only or PEERS)):
        python = given.hips_python if library == HIPS else sys.executable
        seconds, verdicts, packages = judged(library, python, every)
        reference = reference or verdicts
        facts["packages"] |= packages
        rows.append(rates(library, seconds, verdicts, reference))
        print(line(rows[-1]), flush=True)
    verdict = "reached" if reached(rows) else "NOT reached"
    print(f"\nTarget, every fault caught without a false alarm, as no peer does: {verdict}.\n")
    for row in rows:
        print(*names(row), sep="\n")
    path = given.results / "checkers.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    record: dict[str, Any] = {
        "machine": facts,
        "effort": {"every": every},
        "reached": reached(rows),
        "rows": [asdict(row) for row in rows],
    }
    path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\nWritten to {given.results}: checkers.json")


if __name__ == "__main__":
    main()
