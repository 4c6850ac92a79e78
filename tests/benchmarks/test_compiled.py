from __future__ import annotations

from functools import partial

import pytest

from benchmarks import compiled
from benchmarks.batches import OURS_WITH_PAIRS, two_class_mlp, valley
from benchmarks.compiled import Effort, Peer
from benchmarks.workloads import OURS

QUICK = Effort(2, 0.01, 1, paths=1000, largest=10_000, wide=20)


def test_a_row_says_how_much_faster_ours_is() -> None:
    pytest.importorskip("torch")
    make = partial(two_class_mlp, "relu", compiled.NETWORK, 24)
    (row,) = compiled.run_rows("MLP", make, [Peer("PyTorch", 0.01)], QUICK)
    assert (row.what, row.unit, row.peer, row.reached) == ("MLP", "µs", "PyTorch", True)
    assert row.ours.low <= row.ours.median <= row.ours.high
    assert row.ratio.low <= row.ratio.median <= row.ratio.high


def test_a_program_is_compiled_beside_one_of_ten_times_the_size() -> None:
    time, memory = compiled.growth_rows(QUICK)
    assert time.target == memory.target == "at most 12x"
    assert time.ours.median > 0.0 < memory.ours.median
    assert (time.peer, time.less_is_better) == ("10,000 nodes", True)


def test_loading_and_compiling_again_stand_beside_compiling() -> None:
    loaded, again = compiled.storage_rows()
    assert loaded.peer == again.peer == "compile and call"
    assert loaded.theirs == again.theirs


def test_the_time_to_compile_has_a_target() -> None:
    make = partial(valley, 20)
    time, memory = compiled.compiling_rows("valley", make, 100.0, [OURS])
    assert (time.target, time.reached) == ("at most 100 s", time.ours.median <= 100.0)
    assert memory.target == ""


def test_a_missing_peer_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    make = partial(two_class_mlp, "relu", compiled.NETWORK, 24)
    (row,) = compiled.run_rows("MLP", make, [Peer("C++, relu", 0.8)], QUICK)
    assert (row.peer, row.target, row.reached) == ("C++, relu", "not installed", None)


def test_an_integral_is_the_same_however_its_function_is_called() -> None:
    pytest.importorskip("scipy")
    tasks = [compiled.integration(how) for how in (OURS, "C", "Python")]
    for task in tasks:
        task.step(lambda phase: None)
    first, *others = [task.outcome() for task in tasks]
    assert all(other == pytest.approx(first, rel=1e-12) for other in others)


def test_a_structure_stands_beside_another() -> None:
    make = partial(two_class_mlp, "relu", compiled.NETWORK, 20)
    (row,) = compiled.run_rows("pairs", make, [Peer(OURS, 0.01)], QUICK, ours_as=OURS_WITH_PAIRS)
    assert (row.peer, row.reached) == (OURS, True)
