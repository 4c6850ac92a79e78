"""Files that appear whole or not at all: the one place that writes them."""

# Files are accessed by descriptor, and under the names as given: by `os`, not `pathlib`.
# ruff: noqa: PTH105, PTH108, PTH116, PTH118, PTH123

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import BinaryIO

from autograd.errors import shown, wrong_type

__all__ = ["path_of", "write_whole"]

LONGEST = 32_767
"""The maximum length of a path: no system allows more."""


def path_of(path: object, operation: str) -> str:
    """Check a path that was given to a function.

    Args:
        path: A str, bytes, or an `os.PathLike`.
        operation: The name of the function, for the error.

    Returns:
        The path.

    Raises:
        TypeError: It is not one of these.
        ValueError: It contains a character that no path can.
        OSError: It is longer than any path can be; the error shows its beginning.

    Example:
        >>> path_of(3, "MLP.save")
        Traceback (most recent call last):
        ...
        TypeError: MLP.save: expected a path, a str or os.PathLike, got int: 3
    """
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise wrong_type(operation, path, "a path, a str or os.PathLike")
    name = os.fsdecode(path)
    if "\0" in name:
        raise ValueError(f"{operation}: a path cannot hold the character NUL, got {shown(name)}")
    if len(name) > LONGEST:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), f"{name[:100]}…")
    return name


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file so that at any moment either the old one or the new one is there, whole.

    The content goes to a temporary file beside it, is flushed to the disk, and replaces the old
    file in one step. If two processes write to one path, the later one wins. A link remains a link,
    and the file that it names is written. The old file's permissions are kept, and its owner if the
    system permits; a new file has the usual ones. Anything but a regular file, such as
    `/dev/stdout` or a pipe, is written to directly.

    Args:
        path: The file.
        content: The new content.

    Raises:
        TypeError, ValueError: It is not a path.
        OSError: It cannot be written: it is read-only or a folder, its folder is missing or may not
            be written to, or the disk is full. The error names the path; the old file is kept.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_whole(f"{folder}/file", b"content")
        ...     pathlib.Path(folder, "file").read_bytes()
        b'content'
    """
    name = path_of(path, "save")
    try:
        _write(name, content)
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, name) from None


def _write(name: str, content: bytes) -> None:
    try:
        older = os.stat(name)
    except FileNotFoundError:
        if not name:
            raise
        older = None
    if older is not None and stat.S_ISDIR(older.st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if older is not None and not stat.S_ISREG(older.st_mode):
        with open(name, "wb", buffering=0) as device:
            _poured(device, content)
        return
    target = os.path.realpath(name)
    if older is not None:
        # Replacing a file does not require permission to write to it; but a read-only file was made
        # read-only on purpose, even for root if nobody at all may write to it.
        if not older.st_mode & 0o222:
            raise OSError(errno.EACCES, "the file is read-only")
        os.close(os.open(target, os.O_WRONLY))
    folder, last = os.path.split(target)
    temporary = os.path.join(folder, f".{last[:50]}.{os.urandom(8).hex()}.tmp")
    try:
        if not _written_unnamed(folder, temporary, content, older):
            with open(os.open(temporary, _NEW, _permissions(older)), "wb") as file:
                _fill(file, content, older)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


# No file or link of anybody else's is ever opened, whatever exists under the temporary name.
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def _permissions(older: os.stat_result | None) -> int:
    """Choose permissions for the temporary file: nobody may read it who could not read the old."""
    return 0o666 if older is None else 0o600  # minus the process's umask


def _written_unnamed(
    folder: str, temporary: str, content: bytes, older: os.stat_result | None
) -> bool:
    """Write a file that has no name yet, so that a killed process leaves no trace; then name it.

    Returns:
        False if the system or the file system does not support such files.
    """
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_WRONLY, _permissions(older))
    except (OSError, AttributeError):
        return False
    with open(descriptor, "wb") as file:
        _fill(file, content, older)
        with suppress(OSError):
            beside = os.open(folder, os.O_PATH)
            try:
                # Python asks the system to follow the link in /proc only if a folder is given.
                os.link(
                    f"/proc/self/fd/{descriptor}", temporary,
                    src_dir_fd=beside, follow_symlinks=True,
                )  # fmt: skip
            finally:
                os.close(beside)
            return True
    return False


def _fill(file: BinaryIO, content: bytes, older: os.stat_result | None) -> None:
    """Write the content, copy the permissions of the old file, and wait for the disk."""
    _poured(file, content)
    file.flush()
    descriptor = file.fileno()
    if older is not None and hasattr(os, "fchmod"):
        new = os.fstat(descriptor)
        for owner, group in (older.st_uid, older.st_gid), (-1, older.st_gid):
            if (new.st_uid, new.st_gid) != (older.st_uid, older.st_gid):
                with suppress(OSError):
                    os.fchown(descriptor, owner, group)
                    break
        os.fchmod(descriptor, older.st_mode & 0o777)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            raise  # the other errors mean that there is no disk to wait for


def _poured(file: BinaryIO, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]
