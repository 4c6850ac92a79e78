"""What a forked process needs, whatever the other threads were doing at that moment.

Only the thread that forks continues in the child. Locks that other threads held would remain held
forever, and their unfinished work remains unfinished.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar, overload
from weakref import WeakSet

__all__ = ["Reopened", "cached_property", "in_child", "waited_for"]

T = TypeVar("T")

PATIENCE = 60.0
"""The maximum number of seconds that a fork waits: what it waits for may itself be waiting for the
thread that forks."""


class Reopened:
    """A re-entrant lock that is open in a forked child, if another thread held it in the parent.

    What it protects must be consistent at every moment: the lock only keeps two threads from doing
    the same work at once.

    Example:
        >>> lock = Reopened()
        >>> with lock, lock:
        ...     pass
    """

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _reopened.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *exception: object) -> None:
        self._lock.release()

    def _reopen(self) -> None:
        if self._lock.acquire(blocking=False):  # it is open, or held by the thread that forked
            self._lock.release()
        else:
            self._lock = threading.RLock()


_reopened: WeakSet[Reopened] = WeakSet()

waited_for = Reopened()
"""A fork waits until no other thread holds this lock: it protects what must not be interrupted, a
call to LLVM. Its holder takes no lock that others hold when they fork, such as `logging`'s."""


def in_child(action: Callable[[], object]) -> None:
    """Have something done in each forked process, before it continues.

    Args:
        action: What to do.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=action)


def _wait() -> None:
    """Wait for work that must finish, and hold its locks during the fork."""
    lock, others = waited_for._lock, _of_llvmlite()
    if lock.acquire(timeout=PATIENCE):
        _held.append(lock)
        if others is not None:
            others.__enter__()
            _held.append(others)


def _go_on() -> None:
    while _held:
        _held.pop().__exit__(None, None, None)


def _of_llvmlite() -> Any:
    """Return the lock that llvmlite takes for each call to LLVM, even to free memory."""
    with suppress(AttributeError, KeyError):
        lock = sys.modules["llvmlite.binding.ffi"].lib._lock
        if hasattr(lock, "__enter__") and hasattr(lock, "__exit__"):
            return lock
    return None


def _reopen_all() -> None:
    for lock in list(_reopened):
        lock._reopen()


def _forget_imports() -> None:
    """Make the child import again what other threads were importing: Python would wait forever.

    Many modules are imported on first use, by NumPy too. Python gives access to the locks of
    modules only through the internals of its import machinery; if those have changed, nothing is
    done.
    """
    with suppress(Exception):
        locks: dict[str, Any] = importlib._bootstrap._module_locks  # type: ignore[attr-defined]
        for name, reference in list(locks.items()):
            lock = reference()
            if lock is None or lock.owner in (None, threading.get_ident()):
                continue
            del locks[name]
            module = sys.modules.get(name)
            if getattr(getattr(module, "__spec__", None), "_initializing", False):
                del sys.modules[name]


_held: list[Any] = []  # locks taken by the thread that holds `waited_for`, and forks

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_wait, after_in_parent=_go_on, after_in_child=_go_on)
    os.register_at_fork(after_in_child=_reopen_all)
    os.register_at_fork(after_in_child=_forget_imports)


class cached_property(Generic[T]):  # noqa: N801 (the name of functools')
    """A property that is computed once, and is a plain attribute from then on; without a lock.

    Before Python 3.12, that of `functools` has one lock for all instances.

    Example:
        >>> class Square:
        ...     side = 3.0
        ...
        ...     @cached_property
        ...     def area(self):
        ...         return self.side**2
        >>> square = Square()
        >>> square.area, vars(square)
        (9.0, {'area': 9.0})
    """

    def __init__(self, function: Callable[[Any], T]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> cached_property[T]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object, owner: type) -> T | cached_property[T]:
        if instance is None:
            return self
        found = vars(instance)[self._name] = self._function(instance)
        return found
