from __future__ import annotations

from functools import partial

import pytest

from benchmarks import compiled
from benchmarks.batches import two_class_mlp, valley
from benchmarks.compiled import Effort, Peer

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


def test_loading_is_faster_than_compiling() -> None:
    (row,) = compiled.storage_rows()
    assert row.ratio.median > 1.0


def test_the_time_to_compile_has_a_target() -> None:
    make = partial(valley, 20)
    (row,) = compiled.compiling_rows("valley", make, 100.0)
    assert row.target == "at most 100 s"
    assert row.reached
