"""Work without a clock: how many functions are called, Python's own included.

A loaded machine is slow, but counts like any other. A function in C is one call, however long it
takes: that is for `benchmarks/`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Count:
    """The calls in a block: 0 until it ends."""

    calls: int = 0


@contextmanager
def counting() -> Iterator[Count]:
    """Count the calls that this thread makes in the block.

    Example:
        >>> with counting() as count:
        ...     _ = [abs(x) for x in range(100)]
        >>> 100 <= count.calls < 110
        True
    """
    count, calls = Count(), 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield count
    finally:
        sys.setprofile(before)
        count.calls = calls
