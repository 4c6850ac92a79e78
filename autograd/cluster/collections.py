"""Rows of Dask's collections: arrays, data frames and their columns."""

from __future__ import annotations

import copy
import sys
from typing import Any

import numpy

from autograd.cluster.rows import Rows

__all__ = ["Collection", "is_collection"]


def is_collection(part: Any) -> bool:
    """Whether this is an array, a data frame or a series of Dask.

    Example:
        >>> is_collection([1.0])
        False
    """
    return hasattr(part, "__dask_graph__") and hasattr(part, "shape")


class Collection(Rows):
    """Rows of a Dask array, or of a data frame: a row is a row of the frame.

    The number of rows in each partition of a frame is computed first, if it is not known.

    Attributes:
        array: They as a Dask array, with rows along its first axis.

    Args:
        given: The array, frame or series.
        axis: The axis of the rows.
        path: Where it is among the arguments, for errors.

    Raises:
        TypeError: It does not hold real numbers.
        ValueError: It has no such axis.
    """

    local = True

    def __init__(self, given: Any, axis: int, path: str) -> None:
        found = given
        if hasattr(given, "to_dask_array"):
            found = given.to_dask_array(lengths=True)
        if not -found.ndim <= axis < found.ndim:
            raise ValueError(f"{path} has {found.ndim} dimensions, but in_axes asks for {axis}")
        if found.dtype.kind not in "fiub":
            raise TypeError(f"{path}: expected real numbers, got a Dask array of {found.dtype}")
        if any(size != size for size in found.shape):  # nan: not known
            found = found.compute_chunk_sizes()
        if axis % found.ndim:
            import dask.array

            found = dask.array.moveaxis(found, axis, 0)
        super().__init__(int(found.shape[0]), tuple(map(int, found.shape[1:])))
        self.array = found
        self.first = 0  # of a part, where it begins in the array
        self._client = _client_of(found)

    def __repr__(self) -> str:
        return f"<Dask: {super().__repr__()[1:]}"

    def lazily(self, first: int, count: int) -> Any:
        """Return some rows as a Dask array, which nobody has computed yet.

        Args:
            first: The first row.
            count: How many.
        """
        start = self.first + first
        return self.array[start : start + count]

    def read(self, first: int, count: int) -> Any:
        """Return some rows."""
        part = self.lazily(first, count)
        if self._client is not None:
            return numpy.asarray(self._client.compute(part).result())
        return numpy.asarray(part.compute(scheduler="synchronous"))

    def _part(self, first: int, count: int) -> Rows:
        part = copy.copy(self)  # so that workers compute it, as they do the whole
        part.first, part.count = self.first + first, count
        return part


def _client_of(array: Any) -> Any:
    """Return the client of the cluster that holds a persisted array; None if none does."""
    distributed = sys.modules.get("distributed")  # without it nothing can have been persisted
    futures = [] if distributed is None else distributed.futures_of(array)
    return futures[0].client if futures else None
