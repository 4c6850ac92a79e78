"""`no_grad`: computing without recording."""

from __future__ import annotations

import threading
from contextlib import ContextDecorator
from contextvars import ContextVar, Token

__all__ = ["no_grad", "paused"]

_recording: ContextVar[bool] = ContextVar("recording", default=True)
# How many no_grad blocks are open in all threads together. While none is, as nearly always, an
# operation need not ask the context variable whether one is open in its own.
open_blocks = 0
_lock = threading.Lock()


class no_grad(ContextDecorator):  # noqa: N801 (the name that users of PyTorch look for)
    """Record nothing: within the block, operations on Values give leaves.

    A context manager and a decorator; it holds for the thread, or asynchronous task, that entered
    it, and may be nested.

    Example:
        >>> from autograd import Value
        >>> w = Value(2.0)
        >>> with no_grad():
        ...     y = w * w
        >>> y
        Value(4.0, grad=0.0)
    """

    def __init__(self) -> None:
        self._tokens: list[Token[bool]] = []

    def _recreate_cm(self) -> no_grad:
        return type(self)()  # a decorated function enters a block of its own in each call

    def __enter__(self) -> None:
        global open_blocks
        with _lock:
            open_blocks += 1
        self._tokens.append(_recording.set(False))

    def __exit__(self, *exception: object) -> None:
        global open_blocks
        _recording.reset(self._tokens.pop())
        with _lock:
            open_blocks -= 1


def paused() -> bool:
    """Tell whether the running thread or task is inside a `no_grad` block.

    Example:
        >>> with no_grad():
        ...     paused()
        True
    """
    return not _recording.get()
