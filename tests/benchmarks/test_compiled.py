from __future__ import annotations

from functools import partial

import pytest

from benchmarks import compiled
from benchmarks.batches import two_class_mlp, valley
from benchmarks.compiled import Effort, Peer
from benchmarks.workloads import OURS

QUICK = Effort(2, 0.01, 1, paths=1000, largest=10_000, wide=20)


def test_a_row_says_how_much_faster_ours_is() -> None:
    pytest.importorskip("torch")
    make = partial(two_class_mlp, "relu", compiled.NETWORK, 24)
    (row,) = compiled.run_rows("MLP", make, [Peer("PyTorch", 0.01)], QUICK)
    assert (row.what, row.unit, row.peer, row.reached) == ("MLP", "µs", "PyTorch", True)
    assert row.ratio.median == pytest.approx(row.theirs.median / row.ours.median, rel=0.5)


def test_compiling_grows_with_the_program() -> None:
    time, memory = compiled.growth_rows(QUICK)
    assert time.target == memory.target == "at most 12x"
    assert time.ours.median > 0.0 < memory.ours.median
    assert time.theirs.median > time.ours.median


def test_loading_is_faster_than_compiling_and_compiling_again_is() -> None:
    loaded, again = compiled.storage_rows()
    assert loaded.ratio.median > 2.0
    assert again.ratio.median > 2.0


def test_the_time_to_compile_has_a_target() -> None:
    make = partial(valley, 20)
    time, memory = compiled.compiling_rows("valley", make, 100.0, [OURS])
    assert (time.target, time.reached) == ("at most 100 s", True)
    assert memory.target == ""


def test_a_missing_peer_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    make = partial(two_class_mlp, "relu", compiled.NETWORK, 24)
    (row,) = compiled.run_rows("MLP", make, [Peer("C++, relu", 0.8)], QUICK)
    assert (row.peer, row.target, row.reached) == ("C++, relu", "not installed", None)
