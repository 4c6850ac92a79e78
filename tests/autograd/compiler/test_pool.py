"""Work shared by threads: each piece is done once, and errors are raised."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.compiler import pool
from autograd.compiler.pool import share

ROOT = Path(__file__).parents[3]


@given(st.integers(0, 40), st.integers(1, 5))
def test_each_piece_is_done_once(count: int, threads: int) -> None:
    done: list[int] = []
    share(done.append, count, threads)
    assert sorted(done) == [*range(count)]


def test_others_take_part_and_are_kept() -> None:
    together = threading.Barrier(3, timeout=20.0)
    names: set[str] = set()

    def meet(number: int) -> None:
        together.wait()
        names.add(threading.current_thread().name)

    before = threading.active_count()
    for _ in range(5):
        share(meet, 3, 3)
    assert "autograd.compile" in names
    assert threading.active_count() <= before + 2


def test_one_thread_does_all_itself() -> None:
    found: set[int] = set()
    share(lambda number: found.add(threading.get_ident()), 5, 1)
    assert found == {threading.get_ident()}


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt()])
@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_comes_back(error: BaseException, threads: int) -> None:
    done: list[int] = []

    def work(number: int) -> None:
        if number == 2:
            raise error
        done.append(number)
        time.sleep(0.001)

    with pytest.raises(type(error)) as caught:
        share(work, 100, threads)
    assert caught.value is error
    assert len(done) < 99
    share(done.append, 3, threads)  # the threads go on


def test_many_share_at_once() -> None:
    def total(number: int) -> int:
        parts = [0] * 20

        def work(place: int) -> None:
            parts[place] += number + place

        for _ in range(20):
            share(work, 20, 3)
        return sum(parts)

    with ThreadPoolExecutor(6) as callers:
        found = [*callers.map(total, range(6))]
    assert found == [20 * (20 * number + 190) for number in range(6)]


def test_work_may_share_work() -> None:
    found: list[int] = []
    share(lambda number: share(found.append, 4, 2), 4, 2)
    assert sorted(found) == sorted([*range(4)] * 4)


def test_where_no_thread_can_be_started_it_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(threads: int) -> None:
        raise RuntimeError("can't start new thread at interpreter shutdown")

    monkeypatch.setattr(pool, "_pool", fail)
    done: list[int] = []
    share(done.append, 5, 3)
    assert done == [*range(5)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process cannot be forked here")
def test_a_forked_process_has_threads_of_its_own() -> None:
    # In a process of its own: other tests may have started threads of other libraries.
    run = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr


FORKED = """
import os, threading
from autograd.compiler.pool import share

share(lambda number: None, 4, 2)
child = os.fork()
if not child:
    together = threading.Barrier(2, timeout=20.0)
    share(lambda number: together.wait(), 2, 2)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
