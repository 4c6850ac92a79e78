"""Rows in files, which the workers read chunk by chunk: NumPy's `.npy`, and Parquet.

Nothing in a file is unpickled: NumPy's object arrays are refused by their header, and Parquet has
no objects. Files are read, not mapped into memory: a mapped file that is cut short ends a process.
"""

from __future__ import annotations

import bisect
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy

from autograd.cluster.rows import Rows
from autograd.errors import counted, shown, wrong_type
from autograd.writing import path_of

__all__ = ["npy", "parquet"]


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Name the file in whatever error there is."""
    try:
        yield
    except OSError as error:
        if error.filename is None:  # pyarrow's errors of damage are of this class, too
            raise OSError(f"{name} cannot be read: {error}") from error
        raise
    except (ValueError, KeyError, EOFError) as error:
        text = str(error)
        raise ValueError(text if name in text else f"{name} is damaged: {error}") from error


# --- NumPy's format ------------------------------------------------------------------------------


class _Npy(Rows):
    def __init__(self, name: str) -> None:
        self.name = name
        shape, self.by_columns, self.kind, self.start = _header(name)
        if self.kind.kind not in "fiub":
            raise TypeError(f"npy: {name} holds no real numbers, but the dtype {self.kind}")
        if not shape:
            raise ValueError(f"npy: {name} holds a single number, and no rows")
        if self.by_columns and len(shape) > 2:
            raise ValueError(
                f"npy: {name} is in Fortran's order, in which rows of {len(shape) - 1} dimensions "
                "lie scattered: write it again by numpy.ascontiguousarray"
            )
        super().__init__(shape[0], shape[1:])
        self.whole = shape[0]

    def __repr__(self) -> str:
        return f"<{self.name}: {super().__repr__()[1:]}"

    def read(self, first: int, count: int) -> Any:
        with _reading(self.name):
            found = _header(self.name)
            if found != ((self.whole, *self.shape), self.by_columns, self.kind, self.start):
                raise ValueError(f"{self.name} is not the file that it was: its header differs")
            width = int(numpy.prod(self.shape))
            with Path(self.name).open("rb") as file:
                if not self.by_columns:
                    flat = self._numbers(file, first * width, count * width)
                    return flat.reshape(count, *self.shape)
                columns = [
                    self._numbers(file, place * self.whole + first, count) for place in range(width)
                ]
        return numpy.stack(columns, axis=1).reshape(count, *self.shape)

    def _numbers(self, file: Any, first: int, count: int) -> Any:
        file.seek(self.start + first * self.kind.itemsize)
        data = file.read(count * self.kind.itemsize)
        if len(data) < count * self.kind.itemsize:
            raise ValueError(f"{self.name} is damaged: it ends too early")
        return numpy.frombuffer(data, dtype=self.kind)


def _header(name: str) -> tuple[tuple[int, ...], bool, Any, int]:
    """Read a file's shape, whether it is by columns, its dtype, and where its numbers begin."""
    with Path(name).open("rb") as file:
        version = numpy.lib.format.read_magic(file)
        read = {
            (1, 0): numpy.lib.format.read_array_header_1_0,
            (2, 0): numpy.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise ValueError(f"{name} is of the version {version} of the format, not 1.0 or 2.0")
        shape, by_columns, kind = read(file)
        return shape, by_columns and len(shape) > 1, kind, file.tell()


def npy(path: str | os.PathLike[str]) -> Rows:
    """Take rows from a file of `numpy.save`, which is read chunk by chunk.

    On a cluster, the workers read it, by the same path.

    Args:
        path: The file. Its first axis runs over the rows.

    Returns:
        The rows, for a compiled function in place of an array.

    Raises:
        OSError: It cannot be read.
        TypeError: It holds no real numbers: objects, for example, which are never unpickled.
        ValueError: It is damaged, or holds no rows.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "rows.npy"
        >>> numpy.save(path, numpy.ones((1000, 3)))
        >>> npy(path).shape
        (3,)
    """
    name = path_of(path, "npy")
    with _reading(name):
        return _Npy(name)


# --- Parquet -------------------------------------------------------------------------------------


class _Parquet(Rows):
    def __init__(self, names: Sequence[str], columns: Any) -> None:
        self.names = list(names)
        self.columns: Any = columns
        self.groups: list[tuple[int, int, int]] = []  # the first row, the file, the group in it
        self.counts: list[list[int]] = []
        rows = 0
        for number, name in enumerate(self.names):
            with _reading(name), _opened(name) as file:
                if self.columns is None:
                    self.columns = list(file.schema_arrow.names)
                self._require_columns(name, file.schema_arrow)
                counts = _counts(file)
            self.counts.append(counts)
            for group, count in enumerate(counts):
                self.groups.append((rows, number, group))
                rows += count
        super().__init__(rows, () if isinstance(self.columns, str) else (len(self.columns),))

    def __repr__(self) -> str:
        files = self.names[0] if len(self.names) == 1 else counted(len(self.names), "file")
        return f"<{files}: {super().__repr__()[1:]}"

    @property
    def _wanted(self) -> list[str]:
        return [self.columns] if isinstance(self.columns, str) else self.columns

    def _require_columns(self, name: str, schema: Any) -> None:
        import pyarrow.types as types

        for column in self._wanted:
            if schema.names.count(column) != 1:
                raise ValueError(
                    f"parquet: {name} has no column {shown(column)}: it has {shown(schema.names)}"
                )
            kind = schema.field(column).type
            if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
                raise TypeError(
                    f"parquet: the column {shown(column)} of {name} is of {kind}, and not of real "
                    "numbers: name the columns to read, columns=[...]"
                )

    def reader(self) -> Rows:
        return _ParquetReader(self)

    def read(self, first: int, count: int) -> Any:
        return self.reader().read(first, count)


class _ParquetReader(Rows):
    """Reads a run of chunks: each group of rows in the file is decoded once."""

    def __init__(self, rows: _Parquet) -> None:
        super().__init__(rows.count, rows.shape)
        self.rows = rows
        self._starts = [first for first, _, _ in rows.groups]
        self._held: tuple[int, Any] = (-1, None)

    def read(self, first: int, count: int) -> Any:
        parts, last = [], first + count
        group = max(bisect.bisect_right(self._starts, first) - 1, 0)
        while group < len(self._starts) and self._starts[group] < last:
            numbers = self._group(group)
            start = self._starts[group]
            parts.append(numbers[max(first - start, 0) : last - start])
            group += 1
        found = numpy.concatenate(parts) if parts else numpy.empty((0, len(self.rows._wanted)))
        return found.reshape(len(found), *self.shape)

    def _group(self, group: int) -> Any:
        if self._held[0] == group:
            return self._held[1]
        _, number, place = self.rows.groups[group]
        name = self.rows.names[number]
        with _reading(name), _opened(name) as file:
            if _counts(file) != self.rows.counts[number]:
                raise ValueError(f"{name} is not the file that it was: its rows differ in number")
            table = file.read_row_group(place, columns=self.rows._wanted)
            numbers = [_column(name, table, column) for column in self.rows._wanted]
        found = numpy.stack(numbers, axis=1)
        self._held = group, found
        return found


def _column(name: str, table: Any, column: str) -> Any:
    numbers = table.column(column)
    if numbers.null_count:
        raise ValueError(
            f"{name}: {counted(numbers.null_count, 'number')} of the column {shown(column)} "
            "is missing: fill them in, or leave these rows out"
        )
    return numpy.asarray(numbers.to_numpy(), dtype=float)


def _counts(file: Any) -> list[int]:
    return [file.metadata.row_group(place).num_rows for place in range(file.num_row_groups)]


def _opened(name: str) -> Any:
    import pyarrow.parquet

    return pyarrow.parquet.ParquetFile(name)


def parquet(
    path: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    columns: str | Sequence[str] | None = None,
) -> Rows:
    """Take rows from a Parquet file, or from several, which are read a group of rows at a time.

    On a cluster, the workers read them, by the same paths.

    Args:
        path: The file; or several, in this order; or a folder, for all files `*.parquet` in it, by
            name.
        columns: The names of the columns that make up a row. One name, and not a list, for rows
            that are a number each; None for all columns.

    Returns:
        The rows, for a compiled function in place of an array.

    Raises:
        ModuleNotFoundError: pyarrow is missing.
        OSError: A file cannot be read.
        TypeError: A column does not hold real numbers.
        ValueError: A file is damaged, or lacks a column; or there is no file.

    Example:
        >>> parquet("no such file")
        Traceback (most recent call last):
        ...
        FileNotFoundError: [Errno 2] No such file or directory: 'no such file'
    """
    many = isinstance(path, Iterable) and not isinstance(path, (str, bytes, os.PathLike))
    names = [path_of(each, "parquet") for each in (path if many else [path])]  # type: ignore[union-attr]
    if not many and Path(names[0]).is_dir():
        names = sorted(str(each) for each in Path(names[0]).glob("*.parquet"))
    if not names:
        raise ValueError(f"parquet: there is no file *.parquet in {shown(path)}")
    if not (columns is None or isinstance(columns, str)):
        if not isinstance(columns, (list, tuple)) or not all(isinstance(c, str) for c in columns):
            raise wrong_type("parquet: columns", columns, "a name, a list of names, or None")
        if not columns:
            raise ValueError("parquet: columns is empty: name at least one")
        columns = list(columns)
    for name in names:  # before pyarrow, whose error says less
        Path(name).open("rb").close()
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise ModuleNotFoundError(
            "parquet needs pyarrow: install scalar-autograd[cluster]", name="pyarrow"
        ) from error
    return _Parquet(names, columns)
