"""A pool of threads that are kept and share work.

The calling thread works too, and never waits for a thread that has not begun: waking one takes as
long as a small piece of work.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from functools import cache
from queue import SimpleQueue

from autograd.forks import Reopened, in_child

__all__ = ["share"]


class _Job:
    """Pieces of work: each thread takes the next one when it has finished one.

    Args:
        work: Does the piece with a given number.
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
            except BaseException as error:  # raised in the calling thread
                self.error = error
            if next(self._done) == self.count:
                self._unfinished.release()

    def wait(self) -> None:
        """Wait for the pieces that other threads have taken."""
        self._unfinished.acquire()


class _Pool:
    """Threads that wait for jobs.

    Args:
        threads: The number of threads.

    Raises:
        RuntimeError: No thread can be started, for example while the interpreter shuts down.
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
def _made(threads: int) -> _Pool:
    return _Pool(threads)


in_child(_made.cache_clear)  # a fork leaves the threads behind in the parent
_lock = Reopened()


def _pool(threads: int) -> _Pool:
    """Return the pool of so many threads; if two threads ask first, only one makes it."""
    with _lock:
        return _made(threads)


def share(work: Callable[[int], object], count: int, threads: int) -> None:
    """Do work in several threads, including this one.

    Args:
        work: Does the piece with a given number, mostly outside the GIL.
        count: The number of pieces.
        threads: How many threads share them.

    Raises:
        BaseException: An exception that a piece of work raised; the remaining pieces are skipped.

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
