"""Files that appear whole or not at all: the one place that writes them."""

# Files by their descriptors, and under the names that were given: `os`, not `pathlib`.
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
"""The most characters of a path: no system takes more."""


def path_of(path: object, operation: str) -> str:
    """Take a path that was given to a function.

    Args:
        path: A str, bytes, or an `os.PathLike`.
        operation: The function, for the error.

    Returns:
        The path.

    Raises:
        TypeError: It is none of these.
        ValueError: It has a character that no path has.
        OSError: It is longer than any path; the error shows its beginning.

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
    """Write a file, such that at any moment there is the older one, or the new one, whole.

    The content goes to a temporary file beside it, is brought to the disk, and takes the older
    file's place in one step. Of two that write to one path, the later wins. A link stays one, and
    the file that it names is written. The older file's permissions are kept, and its owner where
    the system lets us; a new file has the usual ones. What is no file, such as `/dev/stdout` or a
    pipe, is written to as it is.

    Args:
        path: The file.
        content: What is to be in it.

    Raises:
        TypeError, ValueError: It is not a path.
        OSError: It cannot be written: it is read-only or a folder, its folder is missing or may not
            be written to, or the disk is full. The error names the path; the older file is there.

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
        # Replacing a file asks for no permission to write to it; its owner means it, though, and
        # root means it too where it has taken the permission away from everybody.
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


# Nobody else's file or link is ever opened, whatever stands under the temporary name.
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def _permissions(older: os.stat_result | None) -> int:
    """Give those to make the temporary file with: nobody is to read what nobody was to read."""
    return 0o666 if older is None else 0o600  # less what the process's umask takes away


def _written_unnamed(
    folder: str, temporary: str, content: bytes, older: os.stat_result | None
) -> bool:
    """Write a file without a name, which a process that is killed leaves no trace of; then name it.

    Returns:
        False where the system or the file system has no such files.
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
                # Only with a folder does Python ask the system to follow the link of /proc.
                os.link(
                    f"/proc/self/fd/{descriptor}", temporary,
                    src_dir_fd=beside, follow_symlinks=True,
                )  # fmt: skip
            finally:
                os.close(beside)
            return True
    return False


def _fill(file: BinaryIO, content: bytes, older: os.stat_result | None) -> None:
    """Write the content, give the file the permissions of the older one, and wait for the disk."""
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
            raise  # others have no disk to wait for


def _poured(file: BinaryIO, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]
