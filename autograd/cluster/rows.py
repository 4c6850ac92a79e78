"""Rows of numbers that are read or made chunk by chunk, where they are used."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy

from autograd.errors import counted, shown, wrong_type

__all__ = ["Array", "Rows", "array"]


class Rows:
    """Rows of numbers that need not fit into memory; a compiled function takes them like an array.

    A subclass gives rows by `read`. It is sent to the workers of a cluster, so it must be possible
    to pickle it, and it should be small: it says where the rows are, and does not hold them.

    Attributes:
        count: The number of rows.
        shape: The shape of a row; () if each row is a number.

    Args:
        count: The number of rows.
        shape: The shape of a row.

    Example:
        >>> class Squares(Rows):
        ...     def read(self, first, count):
        ...         return numpy.arange(first, first + count) ** 2.0
        >>> squares = Squares(1_000_000)
        >>> squares
        <1,000,000 rows of a number>
        >>> squares[3:5].read(0, 2).tolist()
        [9.0, 16.0]
    """

    count: int
    shape: tuple[int, ...]
    local = False
    """Whether only the process that made them can read them, and has to send them to workers."""

    def __init__(self, count: int, shape: tuple[int, ...] = ()) -> None:
        self.count, self.shape = count, shape

    def __len__(self) -> int:
        return self.count

    def __repr__(self) -> str:
        one = counted(math.prod(self.shape), "number") if self.shape else "a number"
        return f"<{counted(self.count, 'row')} of {one}>"

    def read(self, first: int, count: int) -> Any:
        """Return some rows, as an array of doubles; a subclass defines how.

        Args:
            first: The first row.
            count: How many.

        Raises:
            NotImplementedError: The subclass does not define it.

        Example:
            >>> array([1.0, 2.0, 3.0]).read(1, 2).tolist()
            [2.0, 3.0]
        """
        raise NotImplementedError(f"{type(self).__name__} does not define read(first, count)")

    def reader(self) -> Rows:
        """Return what a run of chunks is read by; by default, these rows themselves.

        A subclass may return an object that keeps a part of a file between two chunks.

        Example:
            >>> rows = array([1.0, 2.0])
            >>> rows.reader() is rows
            True
        """
        return self

    def block(self, first: int, count: int) -> Any:
        """Return some rows as a program takes them, checked: an array of numbers by rows.

        Args:
            first: The first row.
            count: How many.

        Raises:
            ValueError: `read` returned other rows than it was asked for.

        Example:
            >>> array([[1.0, 2.0], [3.0, 4.0]]).block(1, 1).tolist()
            [[3.0, 4.0]]
        """
        found = numpy.ascontiguousarray(self.read(first, count), dtype=float)
        if found.shape != (count, *self.shape):
            raise ValueError(
                f"{type(self).__name__}.read({first}, {count}) must return an array of the shape "
                f"{(count, *self.shape)}, and returned one of {found.shape}"
            )
        return found.reshape(count, math.prod(self.shape))

    def __getitem__(self, rows: slice) -> Rows:
        """Return some rows in a row, as rows.

        Args:
            rows: A slice without a step.

        Raises:
            TypeError: It is not a slice.
            ValueError: It has a step.
        """
        if not isinstance(rows, slice):
            raise wrong_type(f"{type(self).__name__}[...]", rows, "a slice, such as rows[0:1000]")
        first, last, step = rows.indices(self.count)
        if step != 1:
            raise ValueError(f"rows are taken in a row, and not by a step of {step}")
        return self._part(first, max(last - first, 0))

    def _part(self, first: int, count: int) -> Rows:
        return _Part(self, first, count)


class _Part(Rows):
    """Some rows of others."""

    def __init__(self, whole: Rows, first: int, count: int) -> None:
        super().__init__(count, whole.shape)
        self.whole, self.first, self.local = whole, first, whole.local

    def read(self, first: int, count: int) -> Any:
        return self.whole.read(self.first + first, count)

    def reader(self) -> Rows:
        again = copy.copy(self)
        again.whole = self.whole.reader()
        return again

    def _part(self, first: int, count: int) -> Rows:
        return _Part(self.whole, self.first + first, count)


class Array(Rows):
    """The rows of an array; see `array`.

    Args:
        numbers: The array.
        kept: Whether workers keep what they are sent of it.
    """

    local = True

    def __init__(self, numbers: Any, kept: bool = False) -> None:
        super().__init__(len(numbers), numbers.shape[1:])
        self.numbers, self.kept = numbers, kept
        self.sent: dict[Any, Any] = {}  # what a cluster's workers hold of it

    def __reduce__(self) -> tuple[Any, ...]:
        return Array, (self.numbers,)

    def read(self, first: int, count: int) -> Any:
        """Return some rows."""
        return self.numbers[first : first + count]

    def _part(self, first: int, count: int) -> Rows:
        return Array(self.numbers[first : first + count], self.kept)


def array(numbers: Any) -> Rows:
    """Make rows of an array: what a cluster's workers are sent once is kept there.

    Passed to a function that is compiled for a cluster, an array itself is sent at each call. These
    rows are sent at the first call, and stay on the workers as long as this object exists. So the
    array must not change.

    Args:
        numbers: An array, or nested lists; its first axis runs over the rows.

    Returns:
        The rows.

    Raises:
        TypeError: It is not an array of real numbers.
        ValueError: It has no axis.

    Example:
        >>> array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
        <3 rows of 2 numbers>
    """
    try:
        found = numpy.asarray(numbers)
    except ValueError as error:
        raise TypeError(f"array: not an array of real numbers: {error}") from None
    if found.dtype.kind not in "fiub":
        raise TypeError(f"array: expected an array of real numbers, got {shown(numbers)}")
    if not found.ndim:
        raise ValueError(f"array: a number has no rows: {shown(numbers)}")
    return Array(found, kept=True)
