"""Processes that are forked while other threads are working.

Each in a process of its own: other tests may have started threads of other libraries, which do not
survive a fork.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from autograd.forks import Reopened, cached_property

ROOT = Path(__file__).parents[2]
fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="a process cannot be forked here")

BUSY = """
import gc, os, random, signal, sys, threading, time
from autograd import Value, compile, draw, grad, no_grad, grad_mode, tanh

def compiling():
    i = 0
    while going.wait() and not done.is_set():
        i += 1
        compile(lambda x: sum([tanh(x * (i + j)) for j in range(20)]), backend=backend)(0.5)

def drawing():
    i = 0
    while going.wait() and not done.is_set():
        i += 1
        draw(tanh(Value(float(i)) * 2.0)).svg

def pausing_():
    while going.wait() and not done.is_set():
        with no_grad():
            time.sleep(0.001)

def square(x):
    return x * x

done, going = threading.Event(), threading.Event()
going.set()
backend = None
"""

FORKED = """
backend = {backend!r}
if {warm}:
    compile(square, backend=backend)(1.0)
    assert draw(Value(1.0)).svg
shared = compile(tanh, backend=backend)
threads = [threading.Thread(target={target}, daemon=True) for _ in range(2)]
for thread in threads:
    thread.start()
generator = random.Random(0)
failed = []
for i in range(6):
    going.set()
    time.sleep(generator.uniform(0.0, 0.08))
    child = os.fork()
    going.clear()  # what its parent's threads do from here on, a child does not see
    if not child:
        signal.alarm(30)  # ends the process if it hangs
        assert compile(lambda x: x * i + 1.0, backend=backend)(2.0) == 2.0 * i + 1.0
        assert shared(0.0) == 0.0
        assert grad(square)(3.0) == 6.0
        if {target} is drawing:
            assert draw(Value(1.0)).svg
        assert gc.isenabled()
        assert not grad_mode.open_blocks
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status:
        failed.append((i, status))
        break
done.set()
going.set()
for thread in threads:
    thread.join()
sys.exit(str(failed) if failed else 0)
"""


def run(folder: Path, script: str) -> None:
    path = folder / "script.py"
    path.write_text(BUSY + script)
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert not done.returncode, done.stderr


@fork
@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("target", "backend", "warm"),
    [
        ("compiling", "llvm", True),
        ("compiling", "llvm", False),
        ("compiling", "numpy", True),
        ("drawing", "numpy", True),
        ("drawing", "numpy", False),
        ("pausing_", "numpy", True),
    ],
)
def test_a_child_does_all_that_its_parent_could(
    tmp_path: Path, target: str, backend: str, warm: bool
) -> None:
    if backend == "llvm":
        pytest.importorskip("llvmlite")
    run(tmp_path, FORKED.format(target=target, backend=backend, warm=warm))


POOLS = """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

def task(x):
    signal.alarm(60)
    return compile(grad(square))(x), compile(square, backend="numpy")(x)

if __name__ == "__main__":
    threads = [threading.Thread(target=compiling, daemon=True)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    expected = [(2.0 * x, x * x) for x in map(float, range(8))]
    context = get_context({method!r})
    with context.Pool(2) as pool:
        assert pool.map_async(task, map(float, range(8))).get(120) == expected
    with ProcessPoolExecutor({executors}, mp_context=context) as executor:
        assert list(executor.map(task, map(float, range(8)), timeout=120)) == expected
    done.set()
    for thread in threads:
        thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="alarms are of POSIX")
@pytest.mark.no_cover
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_pools_of_processes_compile_while_threads_of_their_parent_do(
    tmp_path: Path, method: str
) -> None:
    run(tmp_path, POOLS.format(method=method, executors=2 if method == "fork" else 1))


@fork
def test_blocks_of_the_thread_that_forks_stay_open_in_the_child(tmp_path: Path) -> None:
    run(
        tmp_path,
        """
from autograd.compiler.trace import collector_paused
threads = [threading.Thread(target=pausing_, daemon=True) for _ in range(3)]
for thread in threads:
    thread.start()
with no_grad(), collector_paused():
    child = os.fork()
    if not child:
        signal.alarm(30)
        assert not gc.isenabled()
        assert (Value(2.0) * 3.0).parents == ()
        with no_grad():
            pass
        assert (Value(2.0) * 3.0).parents == ()
if not child:
    assert gc.isenabled()
    assert not grad_mode.open_blocks
    assert (Value(2.0) * 3.0).parents
    os._exit(0)
done.set()
assert os.waitpid(child, 0)[1] == 0
assert gc.isenabled()
""",
    )


@fork
def test_a_fork_waits_for_llvm_also_where_its_lock_is_none_of_ours(tmp_path: Path) -> None:
    pytest.importorskip("llvmlite")
    run(
        tmp_path,
        """
compile(square)(1.0)
from llvmlite.binding import ffi
entered = threading.Event()

def calling():
    with ffi.lib._lock:
        entered.set()
        time.sleep(0.5)

thread = threading.Thread(target=calling)
thread.start()
entered.wait()
child = os.fork()
if not child:
    signal.alarm(30)
    assert compile(lambda x: x + 1.0)(1.0) == 2.0
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
thread.join()
assert compile(lambda x: x + 1.0)(1.0) == 2.0
with ffi.lib._lock:  # and is free in the parent
    pass
""",
    )


@fork
def test_a_traced_function_may_fork(tmp_path: Path) -> None:
    run(
        tmp_path,
        """
def forking(x):
    global child
    child = os.fork()
    return x * x

compiled = compile(forking)
assert compiled(3.0) == 9.0
if not child:
    signal.alarm(30)
    compiled.clear()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
""",
    )


# --- the locks -----------------------------------------------------------------------------------


def held_by_another_thread(lock: Reopened) -> tuple[threading.Event, threading.Thread]:
    entered, release = threading.Event(), threading.Event()

    def holding() -> None:
        with lock:
            entered.set()
            release.wait(60.0)

    thread = threading.Thread(target=holding, daemon=True)
    thread.start()
    entered.wait(60.0)
    return release, thread


def is_open(lock: Reopened) -> bool:
    found: list[bool] = []

    def trying() -> None:
        found.append(lock._lock.acquire(blocking=False))

    thread = threading.Thread(target=trying)
    thread.start()
    thread.join()
    return found[0]


def test_a_lock_is_reopened_unless_the_running_thread_holds_it() -> None:
    other, own, free = Reopened(), Reopened(), Reopened()
    release, thread = held_by_another_thread(other)
    assert not is_open(other)
    held = other._lock
    with own, own:
        before = own._lock, free._lock
        for lock in (other, own, free):
            lock._reopen()
        assert before == (own._lock, free._lock)
        assert not is_open(own)
        with other:
            pass
    assert is_open(own)
    other._lock = held
    release.set()
    thread.join(1.0)


def test_a_property_is_computed_once_and_by_two_threads_at_a_time() -> None:
    class Slow:
        """Two instances that wait for each other."""

        def __init__(self, barrier: threading.Barrier) -> None:
            self.barrier, self.calls = barrier, 0

        @cached_property
        def number(self) -> int:
            """What it is."""
            self.barrier.wait(60.0)
            self.calls += 1
            return self.calls

    barrier = threading.Barrier(2)
    instances = [Slow(barrier) for _ in range(2)]
    threads = [threading.Thread(target=lambda x: x.number, args=(x,)) for x in instances]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
    assert [(x.number, x.number, x.calls) for x in instances] == [(1, 1, 1)] * 2
    described: Any = Slow.number
    assert described.__doc__ == "What it is."
