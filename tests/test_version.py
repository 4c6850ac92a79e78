"""The version, wherever it is written out besides `autograd/version.py`."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import autograd

ROOT = Path(__file__).parents[1]
RELEASE = re.compile(r"## (\d+)\.(\d+)\.(\d+) \((?:unreleased|\d{4}-\d\d-\d\d)\)")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_changelog_begins_with_it_and_goes_back() -> None:
    headings = re.findall(r"^## .*$", text("CHANGELOG.md"), re.MULTILINE)
    releases = [RELEASE.fullmatch(heading) for heading in headings]
    versions = [tuple(map(int, release.groups())) for release in releases if release]
    assert len(versions) == len(headings), headings
    assert ".".join(map(str, versions[0])) == autograd.__version__
    assert all(newer > older for newer, older in pairwise(versions))
    assert not any("unreleased" in heading for heading in headings[1:])


def test_readers_are_told_to_cite_it() -> None:
    for name in ("README.md", "README.zh.md"):
        assert set(re.findall(r"scalar-autograd (\d+\.\d+\.\d+)", text(name))) == {
            autograd.__version__
        }
    assert f"\nversion: {autograd.__version__}\n" in text("CITATION.cff")
