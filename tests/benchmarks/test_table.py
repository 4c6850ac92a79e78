from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from benchmarks.table import HEADER, Row, agree, compare, line, number, options, show, write


def row(**targets: float) -> Row:
    return compare("step", "ms a step", [1.0, 2.0, 3.0], "peer", [3.0, 8.0, 15.0], **targets)


def test_ratio_is_theirs_by_ours_and_its_target_is_judged() -> None:
    assert (row().ratio.median, row().target, row().reached) == (4.0, "", None)
    for targets, said, reached in [
        ({"at_least": 4.0}, "at least 4x", True),
        ({"at_least": 4.5}, "at least 4.5x", False),
        ({"at_most": 4.0}, "at most 4x", True),
        ({"at_most": 3.5}, "at most 3.5x", False),
        ({"ours_at_most": 2.0}, "at most 2 ms", True),
        ({"ours_at_most": 1.5}, "at most 1.5 ms", False),
    ]:
        judged = row(**targets)
        assert (judged.target, judged.reached) == (said, reached)


def test_less_is_better_where_the_ratio_is_to_be_at_most_something() -> None:
    assert not row(at_least=4.0).less_is_better
    assert not row(ours_at_most=2.0).less_is_better
    assert row(at_most=4.0).less_is_better
    boundless = row(at_most=math.inf)
    assert (boundless.less_is_better, boundless.target, boundless.reached) == (True, "", None)


def test_outcomes_agree_to_ten_digits_of_the_largest() -> None:
    agree([100.0, 1.0], [100.0, 1.0 + 9e-9])
    for other in ([100.0, 1.0 + 2e-8], [100.0, float("nan")]):
        with pytest.raises(ValueError, match=r"outcomes differ: 1\.0 and"):
            agree([100.0, 1.0], [100.0, 1.0], other)


@pytest.mark.parametrize(
    ("x", "text"), [(0.012345, "0.0123"), (1.0, "1"), (99.94, "99.9"), (1234567.8, "1,234,568")]
)
def test_numbers_have_three_digits_and_no_exponent(x: float, text: str) -> None:
    assert number(x) == text


def test_lines_stand_below_their_header() -> None:
    words = line(row(at_most=3.5)).split("  ")
    assert [word.strip() for word in words if word.strip()] == [
        "step", "2 ms a step", "peer", "8", "4x", "3.5 to 4.5", "at most 3.5x", "NO",
    ]  # fmt: skip


def test_report_is_printed_row_by_row_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = show({"processor": "naïve"}, iter([row(), row(at_most=5.0)]))
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "processor: naïve"
    assert printed[2].split() == [title for title in HEADER if title]
    assert printed[3:] == [line(row(at_most=target)) for target in (float("inf"), 5.0)]
    path = tmp_path / "results" / "some.json"
    write(path, {"processor": "naïve"}, {"rounds": 3}, rows)
    assert "naïve" in path.read_text(encoding="utf-8")
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record.keys() == {"machine", "effort", "rows"}
    assert [entry["reached"] for entry in record["rows"]] == [None, True]
    assert record["rows"][0]["ratio"] == {"low": 3.5, "median": 4.0, "high": 4.5}


def test_options_are_the_effort_and_the_folder() -> None:
    plain = options("Measure.").parse_args([])
    assert (plain.quick, plain.results.parts[-2:]) == (False, ("benchmarks", "results"))
    given = options("Measure.").parse_args(["--quick", "--results", "here"])
    assert (given.quick, given.results) == (True, Path("here"))
