"""`no_grad`: computing without recording."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar, Token
from typing import Any

from autograd.errors import shown
from autograd.forks import in_child

__all__ = ["as_before", "no_grad", "open_block", "paused", "resume", "resumed"]

# The number of blocks that the running thread or task is in: blocks of generators may interleave.
_depth: ContextVar[int] = ContextVar("depth", default=0)
# The number of no_grad blocks and traces that are open in all threads together. While it is 0,
# which is nearly always, an operation need not look up the context variable.
open_blocks = 0
_lock = threading.Lock()


class _Thread(threading.local):
    open_blocks = 0


_of_thread = _Thread()
# The number of blocks that were open where recording was resumed.
_resumed_at: ContextVar[int] = ContextVar("resumed_at", default=0)


class no_grad(ContextDecorator):  # noqa: N801 (the name that users of PyTorch look for)
    """Record nothing: within the block, operations on Values give leaves.

    A context manager and a decorator; it affects only the thread, or asynchronous task, that
    entered it, and may be nested. A generator that yields within the block also pauses recording in
    its consumer.

    Raises:
        TypeError: It decorates a generator function or a coroutine function, whose body runs after
            the call.

    Example:
        >>> from autograd import Value
        >>> w = Value(2.0)
        >>> with no_grad():
        ...     y = w * w
        >>> y
        Value(4.0, grad=0.0)
        >>> @no_grad()
        ... def double(x):
        ...     return 2.0 * x
        >>> double(w).parents
        ()
    """

    def __init__(self, *function: Any) -> None:
        if function:
            raise TypeError(
                f"no_grad takes no arguments, got {shown(function[0])}: write @no_grad() above a "
                "function, or `with no_grad():`"
            )

    def __call__(self, function: Any) -> Any:
        """Decorate a function so that its calls record nothing.

        Raises:
            TypeError: It is a generator function or a coroutine function, whose body runs after the
                call.
        """
        if (
            inspect.isgeneratorfunction(function)
            or inspect.iscoroutinefunction(function)
            or inspect.isasyncgenfunction(function)
        ):
            raise TypeError(
                f"no_grad cannot decorate {shown(function)}, whose body runs after the call: "
                "write `with no_grad():` in the body"
            )
        if not callable(function):
            raise TypeError(
                f"no_grad: expected a function to decorate, got {type(function).__name__}: "
                f"{shown(function)}"
            )
        return super().__call__(function)

    def __enter__(self) -> None:
        global open_blocks
        with _lock:
            open_blocks += 1
            _of_thread.open_blocks += 1
        _depth.set(_depth.get() + 1)

    def __exit__(self, *exception: object) -> None:
        global open_blocks
        _depth.set(max(_depth.get() - 1, 0))
        with _lock:
            open_blocks -= 1
            _of_thread.open_blocks -= 1


@contextmanager
def open_block() -> Iterator[None]:
    """Make operations within the block check whether to record; unless paused, they do."""
    global open_blocks
    with _lock:
        open_blocks += 1
        _of_thread.open_blocks += 1
    try:
        yield
    finally:
        with _lock:
            open_blocks -= 1
            _of_thread.open_blocks -= 1


def _forked() -> None:
    """Forget the blocks of threads that exist only in the parent of the forked process."""
    global _lock, open_blocks
    _lock = threading.Lock()
    # A block may have ended in a different thread from the one it began in: count one too many, not
    # too few.
    open_blocks = max(_of_thread.open_blocks, _depth.get())


in_child(_forked)


@contextmanager
def resumed() -> Iterator[None]:
    """Record again within the block, even inside `no_grad` blocks.

    Example:
        >>> with no_grad(), resumed():
        ...     paused()
        False
    """
    before = resume()
    try:
        yield
    finally:
        as_before(before)


def resume() -> Token[int]:
    """Begin to record again, even inside `no_grad` blocks, as `resumed` does.

    Returns:
        The token for `as_before`, which ends it.
    """
    return _resumed_at.set(_depth.get())  # not a reset to 0: an outer block may end before


as_before = _resumed_at.reset
"""Return to the mode before `resume`."""


def paused() -> bool:
    """Tell whether the running thread or task is inside a `no_grad` block.

    Example:
        >>> with no_grad():
        ...     paused()
        True
    """
    return _depth.get() > _resumed_at.get()
