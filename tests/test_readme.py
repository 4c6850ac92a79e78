"""README in two languages: the same content, whose links, pictures and figures hold.

Their examples are doctests.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh.md"
MEASURED = ROOT / "benchmarks" / "README.md"
CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)]+)\)")
RATIO = re.compile(r"(?<![\w.])(\d[\d,]*(?:\.\d+)?)x(?!\w)")


def prose(path: Path) -> str:
    return CODE.sub("", path.read_text(encoding="utf-8"))


def code(path: Path) -> list[str]:
    """Return the blocks of code without their comments, which are in the language of the reader."""
    return [
        re.sub(r"\s+# .*", "", block) for block in CODE.findall(path.read_text(encoding="utf-8"))
    ]


def rows(path: Path) -> list[Counter[str]]:
    """Return the numbers and the code of each row of each table."""
    lines = [line for line in prose(path).splitlines() if line.startswith("|")]
    return [Counter(re.findall(r"`[^`]+`|\d(?:[\d,.]*\d)?", line)) for line in lines]


def test_both_have_the_same_code_links_and_figures() -> None:
    assert code(ENGLISH) == code(CHINESE)
    assert len(code(ENGLISH)) >= 8
    links = Counter(LINK.findall(prose(ENGLISH))) - Counter(["README.zh.md"])
    assert links == Counter(LINK.findall(prose(CHINESE))) - Counter(["README.md"])
    assert rows(ENGLISH) == rows(CHINESE)


def test_both_have_the_same_parts() -> None:
    def shape(path: Path) -> list[str]:
        marks = (re.match(r"#+ |- |\||!\[", line) for line in prose(path).splitlines())
        return [mark.group() for mark in marks if mark]

    assert shape(ENGLISH) == shape(CHINESE)


def test_they_link_to_each_other() -> None:
    assert "(README.zh.md)" in ENGLISH.read_text(encoding="utf-8").partition("\n## ")[0]
    assert "(README.md)" in CHINESE.read_text(encoding="utf-8").partition("\n## ")[0]


@pytest.mark.parametrize("path", [ENGLISH, CHINESE, MEASURED, ROOT / "CONTRIBUTING.md"])
def test_links_lead_somewhere(path: Path) -> None:
    for target in LINK.findall(prose(path)):
        file, _, heading = target.partition("#")
        if not file.startswith("http"):
            linked = path.parent / file
            assert linked.exists(), target
            titles = HEADING.findall(linked.read_text("utf-8")) if heading else []
            anchors = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
            assert not heading or heading in anchors, target


@pytest.mark.parametrize("path", [ENGLISH, CHINESE, MEASURED])
def test_ratios_are_those_of_the_committed_results(path: Path) -> None:
    medians = [
        row["ratio"]["median"]
        for file in (ROOT / "benchmarks" / "results").glob("*.json")
        for row in json.loads(file.read_text(encoding="utf-8"))["rows"]
        if isinstance(row, dict) and isinstance(row.get("ratio"), dict)
    ]
    measured = {float(f"{ratio:.{digits}g}") for ratio in medians for digits in (2, 3)}
    tables = "\n".join(line for line in prose(path).splitlines() if line.startswith("|"))
    found = [float(number.replace(",", "")) for number in RATIO.findall(tables)]
    assert len(found) >= 20
    assert [number for number in found if number not in measured] == []
