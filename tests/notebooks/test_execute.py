"""Executing the notebooks: what counts as a different number, and what is kept of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notebooks import execute as module
from notebooks.execute import FORM, MEASURED, agree, compact, differences, execute, main, printed


def notebook(*sources: str) -> Any:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title"), *cells])


def stored(text: str, tags: dict[str, Any] | None = None) -> Any:
    made = notebook("print()")
    made.cells[1].metadata = tags or {}
    made.cells[1].outputs = [nbformat.v4.new_output("stream", text=text)]
    return made


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("loss 0.2984", "loss 0.2985"),
        ("loss 0.2984", "loss 0.2983"),
        ("error 3e-15", "error 8e-16"),
        ("0.29837110876000270", "0.29837110876000275"),
        ("0.500000000", "0.5000000004"),
        ("w −0.25, 12,345.6", "w −0.24, 12,345.5"),
        ("1e-07", "2e-07"),
        ("error 0e+00", "error 7e-17"),
        ("  9.99|", " 10.00|"),
        ("  0.00", " -0.00"),
    ],
)
def test_rounding_is_no_difference(before: str, after: str) -> None:
    assert agree(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("loss 0.2984", "loss 0.2986"),
        ("97 of 100", "96 of 100"),
        ("w 0.25", "w −0.25"),
        ("w 0.25", "v 0.25"),
        ("1, 2", "1, 2, 3"),
        ("12,345", "12,346"),
        ("0.298371109", "0.298371111"),
        ("1e-07", "3e-07"),
        ("1.0", "1.09"),
        ("0.5", "0.42"),
        ("48.0", "48.09"),
        ("4.248354255292e-18", "0.000000000000e+00"),
        ("4.248354255292e-18", "9.999999999999e-13"),
        ("error 3e-15", "error 3e-11"),
        ("(1,2)", "(12)"),
        ("12,345", "1,2345"),
        ("right", "wrong"),
        ("1e300", "inf"),
    ],
)
def test_another_number_or_word_is(before: str, after: str) -> None:
    assert not agree(before, after)


@given(st.floats(1e-8, 1e100), st.integers(3, 16), st.booleans())
def test_a_number_agrees_with_itself_and_not_with_another(
    x: float, digits: int, negative: bool
) -> None:
    text = f"{-x if negative else x:.{digits}e}"
    assert agree(f"w = {text}", f"w = {text}")
    assert not agree(text, f"{1.01 * float(text):.{digits}e}")


def test_differences_show_both_texts() -> None:
    (difference,) = differences(stored("a 0.50\nb 2"), stored("a 0.70\nb 2"))
    assert "'print()'" in difference
    assert "-a 0.50" in difference
    assert "+a 0.70" in difference
    assert "b 2" not in difference
    assert differences(stored("a 0.50\nb 2"), stored("a 0.51\nb 2")) == []
    assert len(differences(stored("a\nb"), stored("a"))) == 1


@pytest.mark.filterwarnings("default")
def test_only_the_tag_measured_is_kept(folder: Path) -> None:
    made = notebook("pass", "pass")
    made.cells[1].metadata = {"tags": ["hide-input"], "scrolled": True}
    made.cells[2].metadata = {"tags": ["hide-input", "measured"]}
    assert [cell.metadata for cell in execute(made).cells] == [{}, {}, MEASURED]


def test_what_is_measured_may_differ() -> None:
    assert differences(stored("3 ms", MEASURED), stored("7 ms", MEASURED)) == []
    assert differences(stored("3 ms"), stored("7 ms")) != []


def test_pictures_are_shortened_and_look_the_same() -> None:
    picture = (
        '<svg width="0.123456pt">\n  <metadata>\n   made by\n  </metadata>\n'
        '  <path id="a" d="M 0.123456 -9.87654 \nL 3 1.25" transform="scale(0.015625)"/>\n'
        '  <use x="1.23456" y="-0.001"/>\n  <text>1.23456 in all</text>\n</svg>\n'
    )
    assert compact(picture) == (
        '<svg width="0.123456pt"><path id="a" d="M 0.12 -9.88 L 3 1.25" '
        'transform="scale(0.015625)"/><use x="1.23" y="-0.00"/><text>1.23456 in all</text></svg>'
    )
    assert compact(compact(picture)) == compact(picture)


def test_values_are_printed_and_pictures_are_not() -> None:
    picture = nbformat.v4.new_output("display_data", {"image/svg+xml": "", "text/plain": "axes 7"})
    value = nbformat.v4.new_output("execute_result", {"text/plain": "42"}, execution_count=1)
    made = stored("a")
    made.cells[1].outputs += [picture, value]
    assert printed(made.cells[1]) == "a\n42"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.filterwarnings("default")  # of the kernel's own libraries
def test_from_the_file_to_the_verdict(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "lesson.ipynb"
    nbformat.write(notebook("x = 0.1\nprint(x)", "x + 1"), path)
    assert main(["lesson"]) == 1
    assert "+1.1" in capsys.readouterr().out
    assert main(["lesson", "--store"]) == 0
    kept = nbformat.read(path, 4)
    assert kept.metadata == FORM
    assert [cell.get("execution_count") for cell in kept.cells] == [None, 1, 2]
    assert [printed(cell) for cell in kept.cells[1:]] == ["0.1\n", "1.1"]
    assert all(cell.metadata == {} for cell in kept.cells)
    assert differences(kept, kept) == []


@pytest.mark.filterwarnings("default")
def test_a_cell_that_raises_fails_and_changes_no_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "lesson.ipynb"
    nbformat.write(notebook("1 / 0"), path)
    before = path.read_bytes()
    assert main(["--store"]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().out
    assert path.read_bytes() == before
