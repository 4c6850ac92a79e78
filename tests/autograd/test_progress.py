"""Bars of progress: what fit shows is tested in nn/test_progress; here, that rows are counted."""

from __future__ import annotations

from typing import Any

import pytest

from autograd import compile
from autograd.cluster import normals
from autograd.progress import bar

tqdm = pytest.importorskip("tqdm.auto")


def test_a_bar_counts_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    class Bar:
        def __init__(self, **options: Any) -> None:
            seen.append((options["total"], options["unit"]))

        def update(self, rows: int) -> None:
            seen.append(rows)

        def close(self) -> None:
            seen.append("closed")

    monkeypatch.setattr(tqdm, "tqdm", Bar)
    compile(lambda x: x, in_axes=0, reduce="sum", chunk=400, threads=1, progress=True)(
        normals(1, 1000)
    )
    assert seen == [(1000, "row"), 400, 400, 200, "closed"]


def test_a_bar_is_wanted_or_not() -> None:
    with pytest.raises(TypeError, match="f: progress must be True, False or None"):
        bar("f", "yes", 3, "row")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="compile: progress must be True, False or None"):
        compile(abs, in_axes=0, progress="yes")  # type: ignore[call-overload]
