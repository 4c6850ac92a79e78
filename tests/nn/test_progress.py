"""Progress: when there is a bar by default. What it shows is tested in test_training."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from autograd.progress import in_notebook
from nn import Neuron, fit, losses
from nn.progress import Progress

tqdm = pytest.importorskip("tqdm.auto")


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(sys, "stderr", io.StringIO())


def bars(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []

    class Bar:
        def __init__(self, **options: Any) -> None:
            made.append(options)

        def set_postfix_str(self, text: str, refresh: bool) -> None:
            made[-1]["text"] = text

        def update(self) -> None:
            made[-1]["updates"] = made[-1].get("updates", 0) + 1

        def close(self) -> None:
            made[-1]["closed"] = True

    monkeypatch.setattr(tqdm, "tqdm", Bar)
    return made


@pytest.mark.usefixtures("notebook")
def test_in_a_notebook_there_is_a_bar_with_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_notebook()
    made = bars(monkeypatch)
    history = fit(Neuron(1), losses.huber, [[1.0]], [2.0], epochs=3)
    (bar,) = made
    assert (bar["total"], bar["updates"], bar["closed"]) == (3, 3, True)
    assert bar["text"] == f"loss {history.losses[-1]:.4g}"
    assert bar["delay"] == 1.0
    fit(Neuron(1), losses.huber, [[1.0]], [2.0], epochs=3, progress=False)
    assert len(made) == 1


def test_elsewhere_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    made = bars(monkeypatch)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    # IPython on a terminal has no kernel; a module that imports it has no shell.
    for shell in None, SimpleNamespace():
        module = SimpleNamespace(get_ipython=lambda shell=shell: shell)
        monkeypatch.setitem(sys.modules, "IPython", module)
        assert not in_notebook()
        fit(Neuron(1), losses.huber, [[1.0]], [2.0], epochs=3)
    monkeypatch.setattr(sys, "stderr", None)
    fit(Neuron(1), losses.huber, [[1.0]], [2.0], epochs=3)
    assert made == []


@pytest.mark.usefixtures("notebook")
def test_the_bar_is_closed_by_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    made = bars(monkeypatch)
    with pytest.raises(FloatingPointError):
        fit(Neuron(1, "linear"), losses.mean_squared_error, [[1e200]], [0.0])
    assert made[0]["closed"]


@pytest.mark.parametrize("bad", ["yes", 2, [True]])
def test_progress_is_wanted_or_not(bad: Any) -> None:
    with pytest.raises(TypeError, match="progress must be True, False or None"):
        Progress(3, bad)
