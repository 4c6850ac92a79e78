"""Mutated files of compiled functions; and whether faults planted in reading them are noticed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

from autograd.compiler import description, storage
from autograd.compiler.program import Program
from tests.fuzz.files import Report, check, main, mutated, originals, sealed

COUNT = 400


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize("text", originals())
def test_what_is_not_mutated_agrees(tmp_path: Path, text: str, backend: str) -> None:
    outcome = check(sealed(text), tmp_path / "f", backend)
    assert outcome.kind == "agrees", outcome


def test_mutated_files(tmp_path: Path) -> None:
    report = Report()
    report.run(0, range(COUNT), tmp_path / "f", machine_code_every=20)
    assert not report.wrong, str(report)
    assert report.counts["refused (numpy)"] > COUNT / 2
    assert report.counts["agrees (numpy)"] > COUNT / 30
    assert len(report.messages) > 20  # there are many reasons


def test_a_mutation_is_the_same_each_time() -> None:
    assert mutated(3, 4) == mutated(3, 4) != mutated(3, 5)


@pytest.mark.parametrize("fault", ["number", "layout", "error"])
def test_faults_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    if fault == "number":  # constants are other ones
        number = description.number
        monkeypatch.setattr(storage, "number", lambda *args: 1.5 * number(*args))
    elif fault == "layout":  # results stand in another order
        program = storage.program_of

        def backwards(data: Any) -> Program:
            found = program(data)
            outputs = found.outputs[::-1]
            return Program(found.inputs, found.constants, found.operations, outputs)

        monkeypatch.setattr(storage, "program_of", backwards)
    else:  # what is missing is a KeyError

        def unchecked(*_: Any) -> None:
            return None

        monkeypatch.setattr(storage, "_require_fields", unchecked)
    report = Report()
    report.run(0, range(COUNT // 2), tmp_path / "f", machine_code_every=COUNT)
    assert report.wrong


def test_the_command_line_says_what_became_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--mutations", "20", "--seed", "5"]) == 0
    assert "refused (numpy)" in capsys.readouterr().out
