"""The committed notebooks: complete, executed without errors, and free of whatever varies.

Continuous integration executes them, where their own assertions check the numbers; ruff lints and
formats their cells. Here is what neither would notice.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any, TypeAlias

import nbformat
import pytest

from notebooks.execute import FORM, MEASURED

Notebook: TypeAlias = dict[str, Any]

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LARGEST = 400_000  # bytes: more than that is slow to show and to compare
# A path of a user, of a temporary folder or of an environment, on any system.
MACHINE = re.compile(r"/(home|root|Users|tmp|work|opt|private|usr)/|\b[A-Za-z]:\\\w|site-packages")


def loaded(path: Path) -> Notebook:
    notebook: Notebook = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def code_cells(notebook: Notebook) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def outputs(notebook: Notebook) -> list[dict[str, Any]]:
    return [output for cell in code_cells(notebook) for output in cell["outputs"]]


def text(lines: str | list[str]) -> str:
    return lines if isinstance(lines, str) else "".join(lines)


def paths(part: Any) -> list[re.Match[str]]:
    """Find the paths of a machine in every text of a part of a notebook."""
    if isinstance(part, dict):
        return [match for each in part.values() for match in paths(each)]
    if isinstance(part, list):
        return [match for each in part for match in paths(each)]
    return list(MACHINE.finditer(part)) if isinstance(part, str) else []


def faults(notebook: Notebook) -> list[str]:
    """List the reasons why a notebook should not be committed."""
    found = []
    cells = code_cells(notebook)
    if [cell["execution_count"] for cell in cells] != list(range(1, len(cells) + 1)):
        found.append("not executed once, from top to bottom")
    kinds = {output["output_type"] for output in outputs(notebook)}
    if "error" in kinds:
        found.append("an error")
    if any(output.get("name") == "stderr" for output in outputs(notebook)):
        found.append("a warning")
    if "display_data" not in kinds or "stream" not in kinds:
        found.append("no picture, or no number")
    if any(cell["metadata"] not in ({}, MEASURED) for cell in notebook["cells"]):
        found.append("metadata of a cell, such as times")
    if notebook["metadata"] != FORM:
        found.append("metadata of the machine, such as a version")
    found += [f"a path of a machine: {match.group()}" for match in paths(notebook["cells"])]
    if any(not text(cell["source"]).strip() for cell in notebook["cells"]):
        found.append("an empty cell")
    if any("<dc:date>" in json.dumps(output) for output in outputs(notebook)):
        found.append("the date of a picture")
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_committed_executed_and_clean(path: Path) -> None:
    assert faults(loaded(path)) == []
    assert path.stat().st_size < LARGEST


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_valid(path: Path) -> None:
    nbformat.validate(loaded(path))
    assert loaded(path)["nbformat"] == 4


def asserts(source: str) -> bool:
    """Tell whether a cell asserts something, by a statement or by NumPy."""
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Attribute) and node.attr.startswith("assert_"))
        for node in ast.walk(ast.parse(source))
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_begins_with_a_title_and_asserts_its_numbers(path: Path) -> None:
    notebook = loaded(path)
    first = notebook["cells"][0]
    assert first["cell_type"] == "markdown"
    assert text(first["source"]).startswith("# ")
    sources = [
        re.sub("^%.*", "", text(cell["source"]), flags=re.MULTILINE)
        for cell in code_cells(notebook)
    ]
    assert sum(map(asserts, sources)) >= 3


def test_share_one_style() -> None:
    styles = {
        text(code_cells(loaded(path))[0]["source"]).partition("%config")[2] for path in NOTEBOOKS
    }
    assert len(styles) == 1
    assert 'plt.style.use("lessons.mplstyle")' in styles.pop()


def test_the_training_run_of_the_readme_is_a_picture_of_lesson_4() -> None:
    picture = (FOLDER.parent / "pictures" / "training.svg").read_text(encoding="utf-8")
    lesson = loaded(FOLDER / "04_multilayer_perceptrons.ipynb")
    pictures = [output.get("data", {}).get("image/svg+xml", "") for output in outputs(lesson)]
    assert picture.strip() in [text(each).strip() for each in pictures]


def test_the_lessons_are_numbered() -> None:
    numbers = [path.stem[:2] for path in NOTEBOOKS if path.stem[0].isdigit()]
    assert numbers == [f"{number:02d}" for number in range(1, 9)]


def broken(change: str) -> Notebook:
    notebook = loaded(NOTEBOOKS[0])
    cell = code_cells(notebook)[-1]
    match change:
        case "error":
            cell["outputs"].append({"output_type": "error", "ename": "E", "traceback": []})
        case "warning":
            cell["outputs"].append({"output_type": "stream", "name": "stderr", "text": "careful"})
        case "stale":
            cell["execution_count"] = 1
        case "bare":
            for each in code_cells(notebook):
                each["outputs"] = []
        case "times":
            cell["metadata"] = {"execution": {"iopub.execute_input": "2020-01-01T00:00:00Z"}}
        case "version":
            notebook["metadata"]["language_info"]["version"] = "3.11.7"
        case "path":
            cell["source"] = ["open('/home/somebody/data.csv')"]
        case "Windows path":
            cell["source"] = [r"open('C:\Data\data.csv')"]
        case "empty":
            cell["source"] = []
        case "date":
            cell["outputs"].append(
                {"output_type": "display_data", "data": {"image/svg+xml": "<dc:date>today"}}
            )
    return notebook


@pytest.mark.parametrize(
    "change",
    [
        *("error", "warning", "stale", "bare", "times", "version"),
        *("path", "Windows path", "empty", "date"),
    ],
)
def test_notices_what_should_not_be_committed(change: str) -> None:
    assert len(faults(broken(change))) == 1
