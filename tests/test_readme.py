"""README in two languages: the same content, whose links, pictures and figures hold.

Their examples are doctests.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from autograd import functions

ROOT = Path(__file__).parents[1]
ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh.md"
MEASURED = ROOT / "benchmarks" / "README.md"

CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)]+)\)")
RATIO = re.compile(r"\d[\d,.]*x")
COMMENT = re.compile(r"\s+# .*")
NUMBER = re.compile(r"`[^`]+`|\d(?:[\d,.]*\d)?(?:e[-+]?\d+)?")


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def prose(path: Path) -> str:
    return CODE.sub("", text(path))


def rows(path: Path) -> list[list[str]]:
    """Return the cells of each row of each table."""
    lines = [line for line in prose(path).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" |")] for line in lines]


# --- two languages -------------------------------------------------------------------------------


def test_both_have_the_same_code() -> None:
    english, chinese = CODE.findall(text(ENGLISH)), CODE.findall(text(CHINESE))
    assert len(english) >= 8
    for block, other in zip(english, chinese, strict=True):  # comments are in the reader's language
        assert COMMENT.sub("", block) == COMMENT.sub("", other)
        assert len(COMMENT.findall(block)) == len(COMMENT.findall(other))


def test_both_have_the_same_links() -> None:
    def links(path: Path) -> Counter[str]:
        return Counter(re.sub(r"^#.*", "#", target) for target in LINK.findall(prose(path)))

    expected = links(ENGLISH) - Counter(["README.zh.md"]) + Counter(["README.md"])
    assert links(CHINESE) == expected


def test_both_have_the_same_parts_with_the_same_figures() -> None:
    def parts(path: Path) -> list[tuple[str, set[str]]]:
        marks, figures = ["start"], [""]
        for line in prose(path).splitlines():
            mark = re.match(r"#+ |- |\||!\[", line)
            if mark and (mark.group() != "|" or not line.startswith("| ---")):
                marks.append(mark.group())
                figures.append("")
            figures[-1] += f" {LINK.sub(']', line)}"
        found = [set(NUMBER.findall(figure)) for figure in figures]
        return list(zip(marks, found, strict=True))

    for english, chinese in zip(parts(ENGLISH), parts(CHINESE), strict=True):
        assert english == chinese


def test_they_link_to_each_other() -> None:
    assert "(README.zh.md)" in text(ENGLISH).partition("\n## ")[0]
    assert "(README.md)" in text(CHINESE).partition("\n## ")[0]


# --- links and pictures --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", [ENGLISH, CHINESE, MEASURED, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
)
def test_links_lead_somewhere(path: Path) -> None:
    for target in LINK.findall(prose(path)):
        file, _, heading = target.partition("#")
        if not file.startswith("http"):
            linked = path.parent / file if file else path
            assert linked.exists(), target
            titles = HEADING.findall(prose(linked)) if heading else []
            anchors = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
            assert not heading or heading in anchors, target


# --- figures -------------------------------------------------------------------------------------

# Where a row of a table is measured: the file, and what it says is measured.
STEP, SMALL, DIGITS = "MLP 2-16-16-1 step", "MLP 2-16-16-1 relu", "MLP 64-128-64-10, digits"
PEERS = {
    "XAD (C++, from Python)": ["XAD"],
    "PyTorch": ["PyTorch", "PyTorch scalars"],
    "PyTorch, scalars": ["PyTorch scalars"],
    "JAX, jitted": ["JAX"],
    "C++ by hand": ["C++, relu", "C++, tanh"],
    "micrograd": ["micrograd", "micrograd, 100-100-1"],
    "CasADi": ["CasADi"],
    "one thread": ["one thread"],
}
SOURCES = {
    # README
    "*recorded*: an operation of two operands": ("eager", "op by op"),
    "… with Python's garbage collector off": ("eager", "op by op, gc off"),
    "… memory of its node, before `backward()`": ("eager", "node after forward"),
    "a step of an MLP 2-16-16-1, 20 samples": ("eager", STEP),
    "… with the garbage collector off": ("eager", f"{STEP}, gc off"),
    "*compiled*: the same": ("compiled", f"{SMALL}, 20 rows"),
    "… 24 samples": ("compiled", f"{SMALL}, 24 rows"),
    "… 4,096 samples": ("compiled", f"{SMALL}, 4,096 rows"),
    "… 4,096 samples, tanh in place of relu": ("compiled", "MLP 2-16-16-1 tanh, 4,096 rows"),
    "an MLP 64-128-64-10 on digits, 32 samples": ("compiled", f"{DIGITS}, 32 rows"),
    "… 1,797 samples": ("compiled", f"{DIGITS}, 1,797 rows"),
    "an MLP 1000-1000-1, 64 samples": ("compiled", "MLP 1000-1000-1, 64 rows"),
    "Black-Scholes with 5 Greeks, 1,000,000 paths": (
        "compiled",
        "Black-Scholes, 5 Greeks, 1,000,000 paths",
    ),
    "Rosenbrock's function in 1,000 variables": ("compiled", "Rosenbrock 1,000"),
    # benchmarks/README.md
    "an operation of two operands": ("eager", "op by op"),
    "… with the collector off": ("eager", "op by op, gc off"),
    "memory of a two-operand node, before `backward()`": ("eager", "node after forward"),
    "… after it": ("eager", "node after backward"),
    "a step of an MLP 2-16-16-1 on 20 samples": ("eager", STEP),
    "… its step with the collector off": ("eager", f"{STEP}, gc off"),
    "a weight of an MLP 1000-1000-1, beside micrograd's 100-100-1": (
        "eager",
        "MLP 1000-1000-1, gc off: forward + backward",
    ),
    "MLP 2-16-16-1 relu, 4,096 rows": ("compiled", f"{SMALL}, 4,096 rows"),
    "… 24 rows": ("compiled", f"{SMALL}, 24 rows"),
    "… 20 rows": ("compiled", f"{SMALL}, 20 rows"),
    "MLP 2-16-16-1 tanh, 4,096 rows": ("compiled", "MLP 2-16-16-1 tanh, 4,096 rows"),
    "MLP 64-128-64-10 on digits, 32 rows": ("compiled", f"{DIGITS}, 32 rows"),
    "… 1,797 rows": ("compiled", f"{DIGITS}, 1,797 rows"),
    "MLP 1000-1000-1, 64 rows": ("compiled", "MLP 1000-1000-1, 64 rows"),
    "Rosenbrock in 1,000 variables": ("compiled", "Rosenbrock 1,000"),
    "an ODE of 1,000 steps, 64 rows": ("compiled", "ODE, 1,000 steps, 64 rows"),
    "a chain of 100,000 operations, 64 rows": ("compiled", "chain of 100,000 operations, 64 rows"),
    "… one row": ("compiled", "chain of 100,000 operations, 1 rows"),
    "two threads, 100,000 rows": ("compiled", f"{SMALL}, 100,000 rows, 2 threads"),
    "… 4,096 rows": ("compiled", f"{SMALL}, 4,096 rows, 2 threads"),
    "to compile the MLP 2-16-16-1": ("compiled", f"{SMALL}: compile"),
    "to compile an MLP 1000-1000-1": ("compiled", "MLP 1000-1000-1: compile"),
    "… its memory": ("compiled", "MLP 1000-1000-1: memory"),
}


def results(name: str) -> list[dict[str, Any]]:
    path = ROOT / "benchmarks" / "results" / f"{name}.json"
    found: list[dict[str, Any]] = json.loads(text(path))["rows"]
    return found


def stated(path: Path) -> list[tuple[str, str, str]]:
    """Return the ratios of the tables, each with its row and its column."""
    found, header, before = [], [""], [""]
    for cells in rows(path):
        if cells[0] == "---":
            header = before
        else:
            pairs = zip(header, cells, strict=False)
            found += [(cells[0], column, cell) for column, cell in pairs if RATIO.fullmatch(cell)]
        before = cells
    return found


@pytest.mark.parametrize("path", [ENGLISH, MEASURED], ids=["README", "benchmarks"])
def test_ratios_are_those_of_the_committed_results(path: Path) -> None:
    ratios = stated(path)
    assert len(ratios) >= 30
    for row, column, cell in ratios:
        file, what = SOURCES[row]
        (median,) = (
            result["ratio"]["median"]
            for result in results(file)
            if result["what"] == what and result["peer"] in PEERS[column]
        )
        rounded = {float(f"{median:.{digits}g}") for digits in (2, 3)}
        assert float(cell.removesuffix("x").replace(",", "")) in rounded, (row, column, median)


def test_the_grid_is_that_of_the_committed_results() -> None:
    slower = {
        whole: [
            1.0 / result["ratio"]["median"]
            for result in results("grid")
            if "PyTorch" in result["peer"] and (result["what"] == "all 24") == whole
        ]
        for whole in (True, False)
    }
    said = " ".join(text(MEASURED).split())
    assert f"{min(slower[True]):.1f} to {max(slower[True]):.1f} times as long as with Py" in said
    assert f"{min(slower[False]):.1f} to {max(slower[False]):.0f} times individually" in said


@pytest.mark.parametrize("path", [ENGLISH, MEASURED], ids=["README", "benchmarks"])
def test_the_checkers_are_those_of_the_committed_results(path: Path) -> None:
    tables = [cells for cells in rows(path) if re.fullmatch(r"\d+ of \d+", cells[-1])]
    for cells, result in zip(tables, results("checkers"), strict=True):
        called_wrong, undecided = len(result["cried_wolf"]), len(result["undecided"])
        judged = len(result["trusted"]) + called_wrong
        assert cells[1] == str(len(result["caught"]))
        assert cells[2] == f"{called_wrong} of {judged}"
        assert f"{undecided} of the {judged}" in " ".join(text(path).split()) or not undecided


def test_the_fresh_cases_are_those_of_the_committed_results() -> None:
    tables = [cells[1:] for cells in rows(MEASURED) if re.fullmatch(r"\d+\.\d %", cells[-1])]
    fresh = results("fresh") + results("fresh_single")
    for cells, row in zip(tables, fresh, strict=True):
        both = row["faults"] + row["innocents"]
        shares = [
            (row["found"], row["faults"]),
            (row["passed"], row["faults"]),
            (row["alarms"], row["innocents"]),
            (row["undecided"], both),
        ]
        assert cells == [f"{100.0 * part / whole:.1f} %" for part, whole in shares], row["checker"]


def test_as_many_functions_are_there_as_are_said() -> None:
    count = len({*functions.__all__} - {"Operands", "custom_function"})
    said = re.search(r"\| more than (\d+), and custom ones \|", text(ENGLISH))
    assert said is not None
    assert int(said[1]) < count <= int(said[1]) + 30


def test_the_engine_is_as_long_as_is_said() -> None:
    (said,) = re.findall(r"three files, some ([\d,]+) lines", ENGLISH.read_text(encoding="utf-8"))
    paths = [ROOT / "autograd" / name for name in ("value.py", "graph.py", "rules.py")]
    value, *others = [path.read_text(encoding="utf-8").count("\n") for path in paths]
    assert value <= 450
    assert abs(value + sum(others) - int(said.replace(",", ""))) <= 100
