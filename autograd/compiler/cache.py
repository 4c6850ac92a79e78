"""A cache of machine code in a folder that belongs to the user.

An entry is a file named by the hash of everything that its code depends on. Files of other users
are never read: the folder and each entry belong to the user, and nobody else may write to them. An
entry appears whole or not at all, and its digest is verified when it is read. No fault of the cache
makes a compilation fail: what cannot be read is compiled again, and what cannot be written is
compiled again next time.

There is no lock, which a fork could leave held: a new file replaces the old one by a rename, and
the file system ensures that each reader finds one of the two.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "MOST_BYTES",
    "MOST_ENTRIES",
    "VARIABLE",
    "State",
    "clear_compile_cache",
    "found",
    "keep",
    "state",
]

VARIABLE = "AUTOGRAD_CACHE"
"""The environment variable: `off`, or the folder to use."""
OFF = ("off", "no", "false", "0")
MOST_BYTES = 256 * 2**20
MOST_ENTRIES = 2048
"""How much is kept, give or take a few small entries; above that, the least recently used entries
are removed."""
LARGE = 2**20
"""An entry of more bytes than this makes room at once."""

FORMAT = b"scalar-autograd code 1\n"
SUFFIX = ".code"
_ENTRY = re.compile(r"[0-9a-f]{64}\.code")
_UNFINISHED = re.compile(r"\.[0-9a-f]{32}\.tmp")
_ABANDONED = 3600.0
"""After how many seconds an unfinished file is taken to be from a process that died."""
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class State(NamedTuple):
    """The state of the cache.

    Attributes:
        folder: Its folder; None if there is no cache.
        problem: Why there is no cache; empty if there is one.
        entries: The number of entries.
        bytes: Their total size.
    """

    folder: Path | None
    problem: str
    entries: int = 0
    bytes: int = 0


# --- the folder ----------------------------------------------------------------------------------


def _folder() -> Path:
    """Return the folder that the cache should have.

    Raises:
        OSError: The cache is switched off, or there is no place for it.
    """
    chosen = os.environ.get(VARIABLE, "").strip()
    if chosen.casefold() in OFF:
        raise OSError(f"{VARIABLE} is {chosen!r}")
    try:
        if chosen:
            return Path(chosen).expanduser().absolute()
        import platformdirs

        folder = Path(platformdirs.user_cache_dir("scalar-autograd", appauthor=False))
    except ImportError:
        raise OSError(
            "platformdirs is not installed: install scalar-autograd[compile], or name a folder in "
            f"{VARIABLE}"
        ) from None
    except (RuntimeError, ValueError) as error:
        raise OSError(f"there is no place for it: {error}") from None
    # A missing home folder is not created: that user is meant to have none.
    if not (folder.is_absolute() and folder.parent.parent.is_dir()):
        raise OSError(f"there is no home folder for it: {folder}")
    return folder


def _require_own(folder: Path) -> None:
    """Require that a folder, or a link to one, is the user's and that nobody else may write to it.

    Raises:
        OSError: The folder belongs to somebody else, or others may write to it.
    """
    if not (_belongs_to_user(folder.lstat()) and _is_own(folder.stat())):
        raise PermissionError(
            f"{folder} belongs to somebody else, or others may write to it: it is left alone"
        )
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder")


def _belongs_to_user(status: os.stat_result) -> bool:
    # On Windows the folder is in the user's profile.
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()


def _is_own(status: os.stat_result) -> bool:
    """Tell whether something is the user's and nobody else may write to it."""
    others = stat.S_IWGRP | stat.S_IWOTH if hasattr(os, "geteuid") else 0
    return _belongs_to_user(status) and not status.st_mode & others


def _made(folder: Path) -> None:
    """Make a folder and its missing parents, accessible to the user only."""
    missing = []
    while not folder.exists() and folder != folder.parent:
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(0o700, exist_ok=True)


# --- entries -------------------------------------------------------------------------------------


def found(key: str) -> bytes | None:
    """Look up an entry.

    Args:
        key: The hash of what the code depends on, 64 hexadecimal digits.

    Returns:
        Its content; None unless there is an entry that is whole and the user's own.

    Example:
        >>> found("0" * 64)
    """
    try:
        folder = _folder()
        _require_own(folder)
        flags = os.O_RDONLY | _FLAGS | getattr(os, "O_NONBLOCK", 0)
        path = folder / f"{key}{SUFFIX}"
        with os.fdopen(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not (stat.S_ISREG(status.st_mode) and _is_own(status)):
                return None
            if status.st_size > MOST_BYTES:
                return None
            head, digest, content = file.read(len(FORMAT)), file.read(32), file.read()
            if head != FORMAT or digest != _digest(key, content):
                return None
            with suppress(OSError):  # fails on a read-only file system
                os.utime(file.fileno() if os.utime in os.supports_fd else path)
            return content
    except OSError:
        return None


def _digest(key: str, content: bytes) -> bytes:
    """Return the digest that shows that an entry is intact and belongs to this key."""
    return hashlib.sha256(key.encode() + content).digest()


def keep(key: str, content: bytes) -> None:
    """Write an entry if possible; the least recently used entries make room for it.

    Args:
        key: The hash of what the code depends on.
        content: What `look_up` is to find.

    Example:
        >>> keep("0" * 64, b"") if state().folder is None else None
    """
    size = len(FORMAT) + 32 + len(content)
    if size > MOST_BYTES:
        return
    try:
        folder = _folder()
        _made(folder)
        _require_own(folder)
        temporary = folder / f".{os.urandom(16).hex()}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS
        try:
            with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
                file.write(FORMAT + _digest(key, content) + content)
            temporary.replace(folder / f"{key}{SUFFIX}")
        finally:
            temporary.unlink(missing_ok=True)
        # Listing all entries takes as long as compiling a small program: one key in eight does so.
        if key[0] in "08" or size > LARGE:
            _make_room(folder)
    except OSError:
        pass


def _listed(folder: Path) -> list[tuple[Path, os.stat_result]]:
    """List the cache's files, finished or not."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if _ENTRY.fullmatch(entry.name) or _UNFINISHED.fullmatch(entry.name):
                with suppress(OSError):  # removed by another process in the meantime
                    found.append((Path(entry.path), entry.stat(follow_symlinks=False)))
    return found


def _make_room(folder: Path) -> None:
    entries = _listed(folder)
    total, left = sum(status.st_size for _, status in entries), len(entries)
    newest = max((status.st_mtime for _, status in entries), default=0.0)
    for path, status in sorted(entries, key=lambda entry: entry[1].st_mtime_ns):
        is_abandoned = path.suffix == ".tmp" and status.st_mtime < newest - _ABANDONED
        if total > MOST_BYTES or left > MOST_ENTRIES or is_abandoned:
            path.unlink(missing_ok=True)
            total -= status.st_size
            left -= 1


# --- for the user --------------------------------------------------------------------------------


def state() -> State:
    """Return where the cache is and how large it is.

    Example:
        >>> state().entries <= MOST_ENTRIES
        True
    """
    folder = None
    try:
        folder = _folder()
        if not folder.exists():
            around = next(parent for parent in folder.parents if parent.exists())
            if not os.access(around, os.W_OK):
                return State(None, f"{folder} cannot be made: {around} is read-only")
            return State(folder, "")
        _require_own(folder)
        sizes = [status.st_size for _, status in _listed(folder)]
    except OSError as error:
        return State(None, str(error))
    return State(folder, "", len(sizes), sum(sizes))


def clear_compile_cache() -> int:
    """Remove the machine code that `compile` has kept in the user's cache.

    It is in the cache folder that the system gives each user, or in the folder that the environment
    variable `AUTOGRAD_CACHE` names; `python -m autograd cache` shows its path and size. With
    `AUTOGRAD_CACHE=off` nothing is kept. Some 256 MiB and 2,048 programs are kept; the least
    recently used are removed first.

    Returns:
        How many programs were removed.

    Raises:
        OSError: A file cannot be removed.

    Example:
        >>> from autograd import clear_compile_cache
        >>> removed = clear_compile_cache()
    """
    folder = state().folder
    if folder is None or not folder.exists():
        return 0
    count = 0
    for path, _ in _listed(folder):
        path.unlink(missing_ok=True)
        count += path.suffix == SUFFIX
    return count
