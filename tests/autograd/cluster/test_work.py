"""Programs that travel: as data, checked, compiled once, and only among equal versions."""

from __future__ import annotations

import json
import threading
from typing import Any

import numpy as np
import pytest

from autograd import compile, sin
from autograd.cluster import normals
from autograd.cluster.work import Chunks, executor, kept_executor, named, sent
from autograd.compiler.execution import Options
from autograd.compiler.layout import Group, Layout

OPTIONS = Options("sum", False, 1, "numpy")
LAYOUT = Layout((Group(1, False), Group(1, True)), True)  # the number comes first
PROGRAM = compile(lambda w, x: w * sin(x), in_axes=(None, 0)).program(1.0, np.ones(2))
TEXT = sent(PROGRAM, LAYOUT, OPTIONS)


def test_a_program_arrives() -> None:
    x = normals(1, 10).block(0, 10)
    (found,) = executor(TEXT)([np.array([2.0]), x], 10)
    assert found == pytest.approx(2.0 * np.sin(x).sum())


def test_it_is_compiled_once() -> None:
    made: list[Any] = []
    threads = [threading.Thread(target=lambda: made.append(kept_executor(TEXT))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({*map(id, made)}) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": "0.0.1"}, "scalar-autograd 0.0.1 sent it"),
        ({"program": {**json.loads(TEXT)["program"], "outputs": [99]}}, "99"),
        (
            {"program": {**json.loads(TEXT)["program"], "operations": [["system", 0]]}},
            "no 'system'",
        ),
    ],
)
def test_what_arrives_is_checked(change: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        executor(json.dumps({**json.loads(TEXT), **change}).encode())


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FileNotFoundError("x"), FileNotFoundError),
        (ZeroDivisionError("x"), ArithmeticError),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "x"), ValueError),
        (KeyError("x"), RuntimeError),
    ],
)
def test_errors_name_rows(error: Exception, kind: type[Exception]) -> None:
    found = named(error, 10, 5)
    assert type(found) is kind
    assert str(found).startswith("rows 10 to 14: ")


def test_chunks() -> None:
    chunks = Chunks(10, 4)
    assert [chunks.span(n, n + 1) for n in range(chunks.count)] == [(0, 4), (4, 4), (8, 2)]
