"""Dask's arrays, data frames and columns, without a cluster: their rows, in any partition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autograd import compile
from autograd.cluster import normals
from autograd.cluster.collections import Collection
from tests.peers import require_dask

require_dask()
dask_array = pytest.importorskip("dask.array")
NUMBERS = normals(4, 1000, 3).read(0, 1000)


def f(x: Any) -> Any:
    return x[0] * x[1] + x[2]


def test_arrays_along_any_axis() -> None:
    expected = compile(f, in_axes=0, reduce="sum", chunk=128)(NUMBERS)
    blocks = dask_array.from_array(NUMBERS, chunks=(77, 2))
    assert compile(f, in_axes=0, reduce="sum", chunk=128)(blocks) == expected
    assert compile(f, in_axes=-1, reduce="sum", chunk=128)(blocks.T) == expected
    some = blocks[blocks[:, 0] > 0.0]  # of a size that is not known
    of_some = compile(f, in_axes=0, reduce="sum", chunk=128)
    assert of_some(some) == of_some(NUMBERS[NUMBERS[:, 0] > 0.0])


def test_a_part_of_an_array_is_not_computed_before_it_is_read() -> None:
    rows = Collection(dask_array.from_array(NUMBERS, chunks=(77, 2)), 0, "x")
    part = rows[100:900][50:]
    assert isinstance(part, Collection)
    assert len(part) == 750
    np.testing.assert_array_equal(part.read(3, 200), NUMBERS[153:353])


def test_frames_and_their_columns() -> None:
    frames = pytest.importorskip("dask.dataframe")
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(NUMBERS, columns=list("abc"))
    frame = frames.from_pandas(table, npartitions=7)
    expected = compile(f, in_axes=0, reduce="sum", chunk=128)(NUMBERS)
    assert compile(f, in_axes=0, reduce="sum", chunk=128)(frame[["a", "b", "c"]]) == expected
    columns = compile(lambda a, b, c: a * b + c, in_axes=0, reduce="sum", chunk=128)
    assert columns(frame["a"], frame["b"], NUMBERS[:, 2]) == expected


def test_what_is_not_numbers() -> None:
    words = dask_array.from_array(np.array(["a", "b"]), chunks=1)
    with pytest.raises(TypeError, match="expected real numbers, got a Dask array of <U1"):
        compile(f, in_axes=0)(words)
    with pytest.raises(ValueError, match="1 dimensions, but in_axes asks for 1"):
        compile(f, in_axes=1)(dask_array.ones(3, chunks=2))
