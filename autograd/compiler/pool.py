"""Threads that are kept, and help whoever has work for several.

Whoever has the work does it too, and waits for no thread that has not begun: to wake one takes as
long as a small piece of work.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from functools import cache
from queue import SimpleQueue

from autograd.forks import in_child

__all__ = ["share"]


class _Job:
    """Pieces of work, of which each thread takes the next when it is done with one.

    Args:
        work: Does the piece of a number.
        count: The number of pieces.
    """

    def __init__(self, work: Callable[[int], object], count: int) -> None:
        self.work, self.count = work, count
        self.error: BaseException | None = None
        self._next, self._done = itertools.count(), itertools.count(1)  # each step is atomic
        self._unfinished = threading.Lock()
        self._unfinished.acquire()

    def take_part(self) -> None:
        """Do pieces until all are taken."""
        for number in self._next:
            if number >= self.count:
                return
            try:
                if self.error is None:
                    self.work(number)
            except BaseException as error:  # raised where the work comes from
                self.error = error
            if next(self._done) == self.count:
                self._unfinished.release()

    def wait(self) -> None:
        """Wait for pieces that others have taken."""
        self._unfinished.acquire()


class _Pool:
    """Threads that wait for jobs.

    Args:
        threads: Their number.

    Raises:
        RuntimeError: No thread can be started: the interpreter shuts down, say.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.jobs: SimpleQueue[_Job] = SimpleQueue()
        for _ in range(threads):
            threading.Thread(target=self._work, name="autograd.compile", daemon=True).start()

    def _work(self) -> None:
        while True:
            self.jobs.get().take_part()


@cache
def _pool(threads: int) -> _Pool:
    return _Pool(threads)


in_child(_pool.cache_clear)  # its threads stay behind in the parent


def share(work: Callable[[int], object], count: int, threads: int) -> None:
    """Do work in threads, this one among them.

    Args:
        work: Does the piece of a number, with most of its time outside the GIL.
        count: The number of pieces.
        threads: How many threads share them.

    Raises:
        BaseException: What a piece of work has raised, of several any; others are then left out.

    Example:
        >>> squares = [0] * 5
        >>> def square(number):
        ...     squares[number] = number**2
        >>> share(square, 5, 2)
        >>> squares
        [0, 1, 4, 9, 16]
    """
    helpers = min(threads, count) - 1
    job = _Job(work, count)
    if helpers > 0:
        try:
            pool = _pool(threads - 1)
        except RuntimeError:  # while the interpreter shuts down, no thread can be started
            pass
        else:
            for _ in range(helpers):
                pool.jobs.put(job)
    job.take_part()
    if count:
        job.wait()
    if job.error is not None:
        raise job.error
