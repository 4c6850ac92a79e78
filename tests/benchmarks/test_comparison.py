from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import comparison
from benchmarks.comparison import Change, main
from benchmarks.measure import Spread
from benchmarks.table import Row, compare, write

FACTS = {"date": "2026-01-01", "processor": "P", "instructions": "AVX2", "python": "CPython 3"}


def row(ratio: float, what: str = "step", **target: float) -> Row:
    return compare(what, "ms", [1.0], "peer", [ratio], **target)


@pytest.fixture(autouse=True)
def one_benchmark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(comparison, "BENCHMARKS", ["eager"])
    monkeypatch.setattr(comparison, "COMMITTED", tmp_path / "committed")


def compared(
    folder: Path, then: list[Row], now: list[Row], now_on: dict[str, Any] | None = None
) -> int:
    write(folder / "committed" / "eager.json", FACTS, {}, then)
    write(folder / "fresh" / "eager.json", now_on or FACTS, {}, now)
    return main(["--fresh", str(folder / "fresh")])


@pytest.mark.parametrize("target", [{}, {"at_least": 3.0}, {"ours_at_most": 2.0}])
def test_a_fall_of_more_than_a_tenth_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], target: dict[str, float]
) -> None:
    then = [row(4.0, what, **target) for what in ("level", "falls", "rises")]
    now = [row(3.7, "level", **target), row(3.5, "falls", **target), row(9.0, "rises", **target)]
    assert compared(tmp_path, then, then) == 0
    assert "0 ratios have fallen" in capsys.readouterr().out
    assert compared(tmp_path, then, now) == 1
    summary = capsys.readouterr().out.partition("1 ratios have fallen by more than 10%\n")[2]
    assert summary.split() == ["falls,", "beside", "peer", "(eager)"]


@pytest.mark.parametrize("bound", [12.0, math.inf])
def test_what_is_to_be_small_falls_by_rising(tmp_path: Path, bound: float) -> None:
    then, more, less = (row(ratio, at_most=bound) for ratio in (8.0, 9.0, 7.0))
    assert compared(tmp_path, [then], [more]) == 1
    assert compared(tmp_path, [then], [less]) == 0


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.booleans())
def test_a_gain_one_way_is_a_loss_the_other(then: float, now: float, less: bool) -> None:
    def change(a: float, b: float, less_is_better: bool) -> Change:
        return Change("step", "peer", {"median": a}, {"median": b}, less_is_better)

    there, back = change(then, now, less), change(now, then, less)
    assert (1.0 + there.gain) * (1.0 + back.gain) == pytest.approx(1.0)
    assert there.gain == pytest.approx(change(now, then, not less).gain)
    assert not (there.fell and back.fell)


def test_a_fall_that_may_be_noise_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def spread(low: float, median: float, high: float) -> Row:
        return replace(row(median), ratio=Spread(low, median, high))

    then, apart, near = spread(3.9, 4.0, 4.1), spread(3.0, 3.1, 3.2), spread(3.0, 3.1, 3.95)
    assert compared(tmp_path, [then], [apart]) == 1
    assert "overlap" not in capsys.readouterr().out
    assert compared(tmp_path, [then], [near]) == 1
    assert "FELL, the quartiles overlap" in capsys.readouterr().out


def test_what_was_measured_once_is_shown_and_has_not_fallen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compared(tmp_path, [row(4.0, "gone")], [row(4.0, "new")]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["gone", "peer", "4x", "nanx", "+nan%"] in lines
    assert ["new", "peer", "nanx", "4x", "+nan%"] in lines


@pytest.mark.parametrize("now", [FACTS | {"instructions": "AVX-512"}, {"processor": "P"}])
def test_other_instructions_are_refused_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], now: dict[str, Any]
) -> None:
    assert compared(tmp_path, [row(4.0)], [row(4.0)], now) == 2
    printed = capsys.readouterr().out
    assert "AVX2 in the committed results" in printed
    assert f"{now.get('instructions', 'not recorded')} here" in printed


def test_benchmarks_run_unless_they_could_not_be_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = []

    def run(command: list[str], **options: Any) -> None:
        commands.append(command[1:])
        write(tmp_path / "now" / "eager.json", FACTS, {}, [row(3.0)])

    monkeypatch.setattr(comparison, "FRESH", tmp_path / "now")
    monkeypatch.setattr("subprocess.run", run)
    write(tmp_path / "committed" / "eager.json", FACTS, {}, [row(4.0)])
    monkeypatch.setattr(comparison, "machine", lambda packages: {"instructions": "NEON"})
    assert main([]) == 2
    assert not commands
    monkeypatch.setattr(comparison, "machine", lambda packages: FACTS)
    assert main([]) == 1
    assert commands == [["benchmarks/eager.py", "--results", str(tmp_path / "now")]]


def test_what_cannot_be_compared_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = []

    def run(command: list[str], **options: Any) -> None:
        commands.append(command[1:-1])
        write(tmp_path / "now" / "compiled_avx2.json", FACTS, {}, [row(4.0)])

    wide = FACTS | {"instructions": "AVX-512"}
    monkeypatch.setattr(comparison, "BENCHMARKS", ["compiled", "compiled_avx2"])
    monkeypatch.setattr(comparison, "FRESH", tmp_path / "now")
    monkeypatch.setattr("subprocess.run", run)
    write(tmp_path / "committed" / "compiled.json", wide, {}, [row(9.0)])
    monkeypatch.setattr(comparison, "machine", lambda packages: dict(FACTS))
    assert main([]) == 2  # the other has not been measured yet
    write(tmp_path / "committed" / "compiled_avx2.json", FACTS, {}, [row(4.0)])
    monkeypatch.setattr(comparison, "machine", lambda packages: dict(FACTS))
    assert main([]) == 0
    assert "compiled: not comparable" in capsys.readouterr().out
    assert commands == [["benchmarks/compiled.py", "--avx2", "--results"]]
    monkeypatch.setattr(comparison, "machine", lambda packages: FACTS | {"instructions": "NEON"})
    assert main([]) == 2
