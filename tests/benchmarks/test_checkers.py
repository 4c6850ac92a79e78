from __future__ import annotations

import json
import math
import subprocess
import time
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmarks import checkers, judging
from benchmarks.fresh import CONTENDERS
from benchmarks.judging import Verdict, judge
from tests.checking_cases.faults import PROGRAMS, ROWS
from tests.checking_cases.ours import FAULTS


def verdict(name: str, said: str, group: str = "correct", point: int = 0, *ds: float) -> Verdict:
    return Verdict(name, group, point, said, "", ds or (1.0,) * (group == "correct"))


# --- judging --------------------------------------------------------------------------------------


def test_nested_is_the_inverse_of_flattened() -> None:
    nest: Any = [1.0, {"a": [2.0, 3.0], "b": 4.0}, [[5.0], []]]
    numbers = judging.flattened(nest)
    assert numbers == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert judging.nested(nest, iter(numbers)) == nest


def test_a_check_is_stopped_in_time() -> None:
    with pytest.raises(judging.OutOfTime), judging.time_limit(1):
        time.sleep(5.0)
    with judging.time_limit(1):
        pass


def test_our_checker_is_judged() -> None:
    library = judging.ours()

    def said(function: Any, *inputs: Any) -> tuple[str, tuple[float, ...]]:
        found = judge(library, "case", "correct", lambda: function, inputs)
        return found.said, found.gradient

    assert said(lambda x, ys: [x * ys[0], ys[1]], 2.0, [3.0, 4.0]) == (
        "right",
        (3.0, 2.0, 0.0, 0.0, 0.0, 1.0),
    )
    assert said(abs, 0.0) == ("undecided", (0.0,))
    assert said(lambda x: x * x.data, 3.0) == ("wrong", (3.0,))
    assert said(lambda x: x.no_such_method(), 3.0) == ("cannot run", ())


def test_pytorch_judges_the_same_functions(torch: ModuleType) -> None:
    library = judging.pytorch()
    rows = {row.name: row for row in ROWS}
    said = {"sine_sign": "wrong", "sum_position": "wrong", "square_tiny": "right"}
    for name in said:
        make = partial(library.planted, rows[name])
        assert judge(library, name, "fault", make, rows[name].inputs).said == said[name]
    assert library.namespace.sum([torch.tensor(1.0), 2.0]) == 3.0


def test_every_fault_is_of_a_row_a_program_or_the_engine() -> None:
    portable = {row.name for row in ROWS} | {program.name for program in PROGRAMS}
    engine = {fault.name for fault in FAULTS if fault.kind in ("backward pass", "recording")}
    assert {fault.name for fault in FAULTS} == portable | engine
    assert not portable & engine


# --- rates ----------------------------------------------------------------------------------------


def test_rates_count_what_a_library_can_run() -> None:
    verdicts = [
        verdict("a", "wrong", "fault"),
        verdict("b", "right", "fault"),
        verdict("c", "undecided", "fault"),
        verdict("d", "cannot run", "fault"),
        verdict("e", "wrong", "engine"),
        verdict("f", "right", "engine"),
        verdict("one point wrong", "right", point=0),
        verdict("one point wrong", "wrong", point=1),
        verdict("one point undecided", "right", point=0),
        verdict("one point undecided", "undecided", point=1),
        verdict("one point not run", "right", point=0),
        verdict("one point not run", "cannot run", point=1),
        verdict("not run", "cannot run"),
    ]
    found = checkers.rates("peer", 1.0, verdicts, verdicts)
    assert found.caught == ("a",)
    assert set(found.missed) == {"b", "c"}
    assert (found.engine_caught, found.engine_missed) == (("e",), ("f",))
    assert found.cried_wolf == ("one point wrong",)
    assert set(found.trusted) == {"one point undecided", "one point not run"}
    assert found.undecided == ("one point undecided",)
    assert set(found.cannot_run) == {"d", "not run"}


def test_a_gradient_that_is_not_ours_is_no_false_alarm() -> None:
    ours = [verdict("f", "right", "correct", 0, 2.0), verdict("g", "right", "correct", 0, 2.0)]
    theirs = [verdict("f", "wrong", "correct", 0, 3.0), verdict("g", "wrong", "correct", 0, 2.0)]
    found = checkers.rates("peer", 1.0, theirs, ours)
    assert (found.cried_wolf, found.cannot_run) == (("g",), ("f",))


@pytest.mark.parametrize(
    ("first", "other", "same"),
    [
        ((1.0, 1e-9), (1.0, 2e-9), True),
        ((1.0, 1e-3), (1.0, 2e-3), False),
        ((0.0,), (0.0,), True),
        ((0.0,), (1e-300,), False),
        ((math.inf,), (math.inf,), True),
        ((math.nan,), (math.nan,), True),
        ((math.inf,), (1.0,), False),
    ],
)
def test_gradients_are_compared_with_the_largest(
    first: tuple[float, ...], other: tuple[float, ...], same: bool
) -> None:
    assert checkers.same_gradient(first, other) is same


def test_target_is_that_ours_is_flawless_and_no_peer() -> None:
    def rates(*verdicts: Verdict) -> checkers.Rates:
        return checkers.rates("library", 1.0, verdicts, verdicts)

    flawless = rates(verdict("a", "wrong", "fault"), verdict("f", "right"))
    misses = rates(verdict("a", "right", "fault"), verdict("f", "right"))
    cries = rates(verdict("a", "wrong", "fault"), verdict("f", "wrong"))
    both = rates(verdict("a", "right", "fault"), verdict("f", "wrong"))
    assert checkers.reached([flawless, both, both])
    for rows in ([misses, both], [cries, both], [flawless, misses], [flawless, cries]):
        assert not checkers.reached(rows)


def test_report_names_what_went_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        library = command[2]
        ours = library == "ours"
        fault = {"name": "sign", "group": "fault", "point": 0, "why": "", "gradient": []}
        case = {"name": "a kink", "group": "correct", "point": 0, "why": "", "gradient": [1.0]}
        found = [
            fault | {"said": "wrong" if ours else "right"},
            case | {"said": "undecided" if ours else "wrong"},
        ]
        told = json.dumps({"packages": {library: "1"}, "seconds": 2.0, "verdicts": found})
        assert command[0] == "python-of-hips" or library != "HIPS autograd"
        return subprocess.CompletedProcess(command, 0, told)

    monkeypatch.setattr(subprocess, "run", run)
    checkers.main(["--quick", "--results", str(tmp_path), "--hips-python", "python-of-hips"])
    told = capsys.readouterr().out
    assert "as no peer does: reached." in told
    assert "PyTorch missed: sign." in told
    assert "HIPS autograd cried wolf over: a kink." in told
    written = json.loads((tmp_path / "checkers.json").read_text(encoding="utf-8"))
    assert written["reached"] is True
    assert [row["checker"] for row in written["rows"]] == list(judging.LIBRARIES)
    assert written["rows"][0]["undecided"] == ["a kink"]


# --- fresh cases ----------------------------------------------------------------------------------


def fresh_verdict(number: int, said: str, fault: str = "", counts: bool = True) -> dict[str, Any]:
    return {
        "number": number,
        "fault": fault,
        "counts": counts and bool(fault),
        "said": said,
    }


FRESH_VERDICTS = [
    fresh_verdict(0, "failed", "sign"),
    fresh_verdict(1, "passed", "sign"),
    fresh_verdict(2, "undecided", "region"),
    fresh_verdict(3, "passed", "sign", counts=False),
    fresh_verdict(4, "passed"),
    fresh_verdict(5, "failed"),
    fresh_verdict(6, "undecided"),
    fresh_verdict(7, "passed"),
]


def test_fresh_verdicts_are_counted() -> None:
    row = checkers.freshly("peer", 1.0, FRESH_VERDICTS)
    assert (row.faults, row.found, row.passed) == (3, 1, 1)
    assert (row.innocents, row.alarms, row.undecided) == (4, 1, 2)
    assert row.kinds["sign"] == (1, 2)
    assert row.kinds["region"] == (0, 1)
    assert row.misjudged == (1, 5)
    assert "33.3 %" in checkers.fresh_line(row)
    assert "50.0 %" in next(line for line in checkers.fresh_kinds([row]) if "peer" in line)


def test_fresh_cases_are_judged_by_every_contender(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        assert command[3:] == ["--count", "20", "--seed", "3", "--precision", "single"]
        told: dict[str, Any] = {"missing": ""}
        if command[2] == "numdifftools":
            told["missing"] = "numdifftools"
        else:
            told |= {"verdicts": FRESH_VERDICTS, "seconds": 1.0, "packages": {command[2]: "1"}}
        return subprocess.CompletedProcess(command, 0, json.dumps(told))

    monkeypatch.setattr(subprocess, "run", run)
    effort = ["--fresh", "20", "--seed", "3", "--precision", "single"]
    checkers.main([*effort, "--results", str(tmp_path), "--hips-python", "no-such-python"])
    told = capsys.readouterr().out
    assert "skipped, not installed: numdifftools" in told
    assert "no-such-python is not there" in told
    written = json.loads((tmp_path / "fresh_single.json").read_text(encoding="utf-8"))
    assert written["effort"] == {"count": 20, "seed": 3, "precision": "single"}
    assert written["skipped"].keys() == {"numdifftools", "HIPS autograd"}
    assert [row["checker"] for row in written["rows"]] == [
        name for name in CONTENDERS if name not in written["skipped"]
    ]


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        checkers.main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for option in ("--fresh", "--seed", "--precision", "--only", "--quick", "--results"):
        assert option in said


def test_some_judge_fresh_cases_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        checkers.main(["--only", "SciPy"])
    assert "--fresh: SciPy" in capsys.readouterr().err
