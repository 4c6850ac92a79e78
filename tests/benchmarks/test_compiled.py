from __future__ import annotations

from functools import partial

import pytest

from benchmarks import compiled
from benchmarks.batches import OURS_WITH_PAIRS, two_class_mlp, valley
from benchmarks.compiled import Effort, Peer
from benchmarks.workloads import OURS

QUICK = Effort(2, 0.01, 1, paths=1000, largest=10_000, wide=20)


def test_rows_say_how_much_faster_ours_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Than a peer, than the same with another structure, and than a peer that is missing."""
    pytest.importorskip("jax")  # whose import takes a third of the time of PyTorch's
    monkeypatch.setattr("shutil.which", lambda name: None)
    make = partial(two_class_mlp, "relu", compiled.NETWORK, 20)
    peers = [Peer("JAX", 0.01), Peer(OURS, 0.01), Peer("C++, relu", 0.8)]
    rows = list(compiled.run_rows("MLP", make, peers, QUICK, ours_as=OURS_WITH_PAIRS))
    assert [row.peer for row in rows] == [peer.name for peer in peers]
    for row in rows[:2]:
        assert (row.what, row.unit, row.reached) == ("MLP", "µs", True)
        assert row.ours.low <= row.ours.median <= row.ours.high
        assert row.ratio.low <= row.ratio.median <= row.ratio.high
    assert (rows[2].target, rows[2].reached) == ("not installed", None)


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


def test_an_integral_is_the_same_however_its_function_is_called() -> None:
    pytest.importorskip("scipy")
    tasks = [compiled.integration(how) for how in (OURS, "C", "Python")]
    for task in tasks:
        task.step(lambda phase: None)
    first, *others = [task.outcome() for task in tasks]
    assert all(other == pytest.approx(first, rel=1e-12) for other in others)
