"""A sum over rows by the workers of a Dask cluster, whatever happens to them.

A task is a run of chunks. Its result is data: the sums of the nodes of the tree that its chunks
make up, so that it does not matter who computes it, when, or how often. What can go wrong:

- A worker dies. Dask does its tasks again elsewhere, and computes again what they need, except
  arrays that were sent: those are sent again here.
- A worker hangs. After the time limit its tasks, and arrays that were on the way to it, are given
  to others, and it gets no more.
- The connection is lost. All futures are cancelled; once it is back, what is missing is done again.
- Rows raise an exception. It is raised at once; but for want of memory, or of a file, other workers
  are asked first.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import threading
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy

from autograd.cluster.collections import Collection
from autograd.cluster.reduction import Reduction
from autograd.cluster.rows import Array, Rows
from autograd.cluster.work import Chunks, Piece, computed, kept_executor, processor
from autograd.cluster.workers import Workers
from autograd.errors import counted

__all__ = ["Job", "scheduled"]

LONGEST_RUN = 64
"""How many chunks a task holds at most."""
PER_THREAD = 4
"""How many tasks there are for a thread, if there are enough chunks, so that all end together."""
TICK = 0.25
"""How often to look after tasks of which nothing is heard, in seconds."""
SILENT = 5.0
"""For how many seconds a worker may be silent that is not dead: each reports every half second, or
more rarely if there are hundreds."""
FORGIVEN = 10.0
"""After how many time limits a worker that hung, and reports, is given work again."""
MOST_LOST = 20
"""How often a task may be lost without its own fault."""
NO_MORE = {"error", "cancelled", "lost"}


@dataclass
class Job:
    """A program on rows.

    Attributes:
        name: The function, for errors.
        text: The program, as data.
        given: Its arrays of inputs, with `Rows` where they vary.
        chunks: How the rows are cut.
        collects: Whether to return every row.
        backend: What executes it.
    """

    name: str
    text: bytes
    given: list[Any]
    chunks: Chunks
    collects: bool
    backend: str


@dataclass
class Failure:
    """What a worker could not do.

    Attributes:
        error: The exception.
        address: The worker.
    """

    error: Exception
    address: str


def _held(data: Any) -> Any:
    """Be the task whose result is given: Dask makes it again if the worker that holds it dies."""
    return data


def _worked(
    text: bytes, given: list[Any], pieces: dict[int, Any], chunks: Chunks, first: int, last: int,
    collects: bool, backend: str,
) -> Any:  # fmt: skip
    """Compute a run of chunks on a worker."""
    try:
        start, count = chunks.span(first, last)
        inputs = list(given)
        for place, numbers in pieces.items():
            if len(numbers) != count:
                raise ValueError(f"{count:,} rows were to be sent, and {len(numbers):,} came")
            inputs[place] = Piece(numbers, start)
        found = computed(kept_executor(text), inputs, chunks, first, last, collects)
    except Exception as error:
        from distributed import get_worker

        return Failure(error, get_worker().address)
    return processor(backend), found


@dataclass
class _Task:
    """A run of chunks, and the attempts at it."""

    first: int
    last: int
    futures: list[Any] = field(default_factory=list)
    clock: float | None = None  # when it began, as far as is known
    slow: int = 0
    lost: int = 0
    avoided: set[str] = field(default_factory=set)


class _Run:
    """One sum, from beginning to end."""

    def __init__(self, workers: Workers, job: Job, progress: Any) -> None:
        self.workers, self.job, self.progress = workers, job, progress
        self.client = workers.client
        self.token = uuid.uuid4().hex[:12]
        self.numbers = itertools.count()
        self.reduction = Reduction(job.chunks.count)
        self.every: Any = None
        self.kinds: set[str] = set()
        self.held: list[Any] = []
        self.news = threading.Event()
        self.local = {
            place: rows
            for place, rows in enumerate(job.given)
            if isinstance(rows, (Array, Collection)) or (isinstance(rows, Rows) and rows.local)
        }
        self.fixed = [None if n in self.local else each for n, each in enumerate(job.given)]

    def __call__(self) -> Any:
        self._require_connection()
        threads = self._threads()
        total = sum(threads.values())
        count = self.job.chunks.count
        run = min(LONGEST_RUN, max(1, count // (total * PER_THREAD)))
        run = 1 << (run.bit_length() - 1)  # so that its chunks are a node of the tree
        waiting = [_Task(first, min(first + run, count)) for first in range(0, count, run)]
        waiting.reverse()
        active: list[_Task] = []
        try:
            self._work_off(waiting, active, total)
        except BaseException:
            self._cancel(active)
            raise
        return self.reduction.root if self.every is None else self.every

    def _work_off(self, waiting: list[_Task], active: list[_Task], total: int) -> None:
        """Do all tasks.

        Args:
            waiting: Those that are not submitted yet, the first one last.
            active: Those that are; kept up to date.
            total: How many threads the workers have.
        """
        checked = time.monotonic()
        while waiting or active:
            while waiting and len(active) < 2 * total:
                task = waiting.pop()
                self._submit(task)
                active.append(task)
            now = time.monotonic()
            for task in active[:total]:
                if task.clock is None:
                    task.clock = now
            self.news.wait(TICK)
            self.news.clear()
            active[:] = [task for task in active if not self._harvested(task)]
            if time.monotonic() - checked >= TICK:
                self._require_connection()
                self._look_after(active)
                total = max(1, sum(self._threads().values()))
                checked = time.monotonic()

    # --- the cluster ------------------------------------------------------------------------

    def _require_connection(self) -> None:
        """Wait for the connection to the scheduler, if it is lost."""
        end = time.monotonic() + self.workers.time_limit
        while self.client.status != "running":
            if self.client.status == "closed" or time.monotonic() > end:
                raise ConnectionError(
                    f"{self.job.name}: the connection to the cluster's scheduler is lost "
                    f"(the client is {self.client.status}): connect again, and call again"
                )
            time.sleep(0.02)

    def _threads(self) -> dict[str, int]:
        """Return the number of threads of each worker that may be given work."""
        end = time.monotonic() + self.workers.time_limit
        while True:
            found = self.client.scheduler_info(n_workers=-1)["workers"]
            blamed = self.workers.blamed
            last = max((each["last_seen"] for each in found.values()), default=0.0)
            silent = max(SILENT, len(found) / 100.0)
            heard = {a: each for a, each in found.items() if each["last_seen"] > last - silent}
            # One that was blamed may be asked again, after a while, if it still reports.
            again = time.monotonic() - FORGIVEN * self.workers.time_limit
            for address in [a for a in heard if blamed.get(a, math.inf) < again]:
                blamed.pop(address, None)
            good = {a: each for a, each in found.items() if a not in blamed} or heard
            if good:
                return {address: int(each["nthreads"]) for address, each in good.items()}
            if time.monotonic() > end:
                raise TimeoutError(
                    f"{self.job.name}: the cluster has had no worker for "
                    f"{self.workers.time_limit:g} s"
                )
            self._require_connection()
            time.sleep(0.05)

    # --- tasks ------------------------------------------------------------------------------

    def _key(self, what: str) -> str:
        return f"autograd-{what}-{self.token}-{next(self.numbers)}"

    def _places(self, avoided: set[str]) -> list[str] | None:
        """Return the workers that may be given work; None for all."""
        if not (avoided or self.workers.blamed):
            return None
        good = list(self._threads())
        return [address for address in good if address not in avoided] or good

    def _submit(self, task: _Task) -> None:
        places = self._places(task.avoided)
        if not self.held or any(future.status in NO_MORE for future in self.held):
            self._hold(places)
        pieces = {place: self._piece(rows, task, places) for place, rows in self.local.items()}
        job = self.job
        future = self.client.submit(
            _worked, *self.held, pieces, job.chunks, task.first, task.last, job.collects,
            job.backend, key=self._key("chunks"), workers=places, pure=False,
        )  # fmt: skip
        task.futures.append(future)
        future.add_done_callback(self._hear)

    def _hear(self, _: Any) -> None:
        self.news.set()

    def _hold(self, places: list[str] | None) -> None:
        """Send the program, and what is the same for all rows, once."""
        self.held = [
            self.client.submit(_held, data, key=self._key(what), workers=places, pure=False)
            for what, data in (("program", self.job.text), ("arguments", self.fixed))
        ]

    def _piece(self, rows: Any, task: _Task, places: list[str] | None) -> Any:
        """Send the rows of a task, or have a Dask collection computed where it is."""
        start, count = self.job.chunks.span(task.first, task.last)
        if isinstance(rows, Collection):
            return self.client.compute(rows.lazily(start, count).rechunk(-1), workers=places)
        known = rows.sent if isinstance(rows, Array) and rows.kept else {}
        key = (self.client.id, start, count)
        future = known.get(key)
        if future is None or future.status != "finished" or task.lost or task.slow:
            numbers = numpy.ascontiguousarray(rows.read(start, count))
            future = known[key] = self._scattered(numbers, places)
        return future

    def _scattered(self, numbers: Any, places: list[str] | None) -> Any:
        """Send an array to a worker; to another, if that one dies or hangs meanwhile."""
        limit = max(1.0, self.workers.time_limit)
        slow = 0
        for _ in range(MOST_LOST):
            known = self._threads()
            choice = sorted(known.keys() & set(places or known) or known)
            address = choice[next(self.numbers) % len(choice)]
            send = partial(
                self.client.scatter, numbers, workers=[address], hash=False, timeout=limit
            )
            try:
                return self.client.sync(partial(send, asynchronous=True), callback_timeout=limit)
            except Exception as error:  # Dask has many for a worker that is gone: KeyError, OSError
                failure = error
            if isinstance(failure, (TimeoutError, asyncio.TimeoutError)):
                self.workers.blamed[address] = time.monotonic()
                slow += 1
                if slow >= self.workers.attempts:
                    raise TimeoutError(
                        f"{self.job.name}: rows could not be sent to {counted(slow, 'worker')} in "
                        f"{limit:g} s: chunks may be too large (chunk=...), or the limit too short "
                        "(Workers(client, time_limit=...))"
                    ) from failure
            self._require_connection()
            time.sleep(TICK)  # until the scheduler knows, too
        raise ConnectionError(
            f"{self.job.name}: rows cannot be sent to the workers: {failure!r}"
        ) from failure

    def _cancel(self, tasks: Iterable[_Task]) -> None:
        """Have the workers leave what nobody waits for."""
        futures = [future for task in tasks for future in task.futures]
        if futures:
            with suppress(Exception):  # without a connection, the scheduler drops them by itself
                self.client.cancel(futures, asynchronous=False)

    def _harvested(self, task: _Task) -> bool:
        """Take the result of a task, if it is there; submit the task again, if it is lost."""
        for future in list(task.futures):
            status = future.status
            if status == "finished":
                try:
                    found = future.result(timeout=self.workers.time_limit)
                except Exception:  # the worker has died, or hangs, with its result
                    status = "lost"
                else:
                    if isinstance(found, Failure):
                        task.futures.remove(future)
                        self._failed(task, found)
                        continue
                    self._put(task, *found)
                    task.futures.remove(future)
                    self._cancel([task])
                    return True
            if status == "error":
                raise self._error(task, future.exception())
            if status in NO_MORE:
                task.futures.remove(future)
                task.lost += 1
        if not task.futures:
            if task.lost > MOST_LOST:
                raise RuntimeError(
                    f"{self.job.name}: {self._rows(task)}: lost {task.lost} times: the cluster "
                    "does not keep its workers, or its connection"
                )
            self._require_connection()
            self._submit(task)
        return False

    def _put(self, task: _Task, kind: str, found: Any) -> None:
        self.kinds.add(kind)
        if len(self.kinds) > 1:
            raise RuntimeError(
                f"{self.job.name}: the workers' processors differ, and would round differently: "
                "start all workers with AUTOGRAD_MAX_ISA=AVX2, or use workers of one kind"
            )
        start, count = self.job.chunks.span(task.first, task.last)
        if self.job.collects:
            if self.every is None:
                self.every = numpy.empty((len(found), self.job.chunks.rows))
            self.every[:, start : start + count] = found
        else:
            for node, terms in found.items():
                self.reduction.add(node, terms)
        if self.progress is not None:
            self.progress.update(count)

    def _rows(self, task: _Task) -> str:
        start, count = self.job.chunks.span(task.first, task.last)
        return f"rows {start:,} to {start + count - 1:,}"

    def _failed(self, task: _Task, failure: Failure) -> None:
        """Raise what a worker has raised, unless another worker may do better."""
        task.avoided.add(failure.address)
        elsewhere = isinstance(failure.error, (OSError, MemoryError))
        others = set(self._threads()) - task.avoided
        if not elsewhere or not others or len(task.avoided) >= self.workers.attempts:
            error = failure.error
            raise type(error)(f"{self.job.name}: {error}") from error

    def _error(self, task: _Task, error: Any) -> Exception:
        if type(error).__name__ == "KilledWorker":
            return RuntimeError(
                f"{self.job.name}: {self._rows(task)}: the workers that computed them died, one "
                "after another: they may need more memory than a worker has; make chunks smaller "
                "(chunk=...), or give workers more"
            )
        failure = RuntimeError(f"{self.job.name}: {self._rows(task)}: {error!r}")
        failure.__cause__ = error if isinstance(error, BaseException) else None
        return failure

    def _look_after(self, active: list[_Task]) -> None:
        """Give tasks that have exceeded the time limit to other workers as well."""
        now, limit = time.monotonic(), self.workers.time_limit
        late = [task for task in active if task.clock is not None and now - task.clock > limit]
        if not late:
            return
        keys = {future.key for task in late for future in task.futures}
        for address, theirs in self.client.processing().items():
            if keys & {str(key) for key in theirs}:
                self.workers.blamed[address] = now
        for task in late:
            task.slow += 1
            if task.slow >= self.workers.attempts:
                raise TimeoutError(
                    f"{self.job.name}: {self._rows(task)}: not done in {limit:g} s, on "
                    f"{counted(task.slow, 'worker')}: chunks may be too large (chunk=...), or the "
                    "limit too short (Workers(client, time_limit=...))"
                )
            task.clock = now
        self.held = []  # the program may be held by a worker that hangs
        for task in late:
            self._submit(task)


def scheduled(workers: Workers, job: Job, progress: Any) -> Any:
    """Have workers execute a program on rows.

    Args:
        workers: The cluster.
        job: The program, and the rows.
        progress: A progress bar, or None.

    Returns:
        The sum over all rows, or every row.

    Raises:
        ConnectionError: The connection is lost, and not made again in time.
        TimeoutError: There is no worker, or rows exceed the time limit everywhere.
        RuntimeError: Workers die of the same rows.
        Exception: What rows have raised; the message names them.
    """
    return _Run(workers, job, progress)()
