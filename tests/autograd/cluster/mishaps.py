"""Rows that do harm once: to the process, the machine or the network that they are read by."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy

from autograd.cluster import Rows


def die(_: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hang(_: Path) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def devour(_: Path) -> None:
    eaten = []
    while True:  # until the nanny ends it
        eaten.append(numpy.ones(2**23))
        time.sleep(0.01)


def wait_for_an_answer(flag: Path) -> None:
    while not flag.with_suffix(".answer").exists():
        time.sleep(0.02)


class Mishap(Rows):
    """Uniform numbers; where a certain row is read for the first time, something happens.

    Args:
        count: The number of rows.
        row: The row.
        flag: A file that says, once it is there, that it has happened, and in which process.
        what: What happens.
    """

    def __init__(self, count: int, row: int, flag: Path, what: Callable[[Path], None]) -> None:
        super().__init__(count)
        self.row, self.flag, self.what = row, flag, what

    def read(self, first: int, count: int) -> Any:
        if first <= self.row < first + count:
            try:
                with self.flag.open("x", encoding="utf-8") as file:
                    file.write(str(os.getpid()))
            except FileExistsError:
                pass
            else:
                self.what(self.flag)
        return plain(first, count)


class Raising(Rows):
    """Rows of which one cannot be read, by anybody; the others may take a while."""

    def __init__(
        self, count: int, row: int, flag: Path, error: Exception, seconds: float = 0.0
    ) -> None:
        super().__init__(count)
        self.row, self.flag, self.error, self.seconds = row, flag, error, seconds

    def read(self, first: int, count: int) -> Any:
        if first <= self.row < first + count:
            with self.flag.open("a", encoding="utf-8") as file:
                file.write(f"{os.getpid()}\n")
            raise self.error
        time.sleep(self.seconds)
        return plain(first, count)


def plain(first: int, count: int) -> Any:
    """The numbers of these rows: no sum of them is exact, so that the order shows in the bits."""
    return numpy.sqrt(numpy.arange(first, first + count, dtype=float) + 1.0)


class Plain(Rows):
    """The same without a mishap."""

    def read(self, first: int, count: int) -> Any:
        return plain(first, count)


def pids(flag: Path) -> Sequence[int]:
    """The processes in which it has happened."""
    return [int(line) for line in flag.read_text(encoding="utf-8").split()]
