"""What a process that is forked needs, whatever other threads were doing at that moment.

Only the thread that forks goes on in the child. What the others held stays held there for ever, and
what they had half done stays so.
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
"""How many seconds a fork waits at most: what it waits for may be waiting for the thread that
forks."""


class Reopened:
    """A re-entrant lock that a forked child finds open, if another thread held it in the parent.

    For what is whole at any moment, and only must not be done twice at a time.

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
        if self._lock.acquire(blocking=False):  # it is open, or of the thread that has forked
            self._lock.release()
        else:
            self._lock = threading.RLock()


_reopened: WeakSet[Reopened] = WeakSet()

waited_for = Reopened()
"""A fork waits until no other thread holds it: for what must not be found half done, which is a
call of LLVM. Whoever holds it asks for no lock that others hold when they fork, as `logging`'s."""


def in_child(action: Callable[[], object]) -> None:
    """Have something done in each process that is forked, before it goes on.

    Args:
        action: What is done.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=action)


def _wait() -> None:
    """Wait for what must be finished, and hold the locks for it over the fork."""
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
    """Give the lock that llvmlite takes for each call of LLVM, also where it frees memory."""
    with suppress(AttributeError, KeyError):
        lock = sys.modules["llvmlite.binding.ffi"].lib._lock
        if hasattr(lock, "__enter__") and hasattr(lock, "__exit__"):
            return lock
    return None


def _reopen_all() -> None:
    for lock in list(_reopened):
        lock._reopen()


def _forget_imports() -> None:
    """Have the child import anew what other threads were importing: Python waits for them for ever.

    Much is imported when it is first used, by NumPy too. Python gives no other access to the locks
    of modules than that of its own machinery; where that is another, all stays as it is.
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


_held: list[Any] = []  # by the thread that holds `waited_for`, and forks

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_wait, after_in_parent=_go_on, after_in_child=_go_on)
    os.register_at_fork(after_in_child=_reopen_all)
    os.register_at_fork(after_in_child=_forget_imports)


class cached_property(Generic[T]):  # noqa: N801 (the name of functools')
    """A property that is computed once, and then is an attribute; without a lock.

    That of `functools` has one for all instances before Python 3.12.

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
