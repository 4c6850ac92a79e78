"""Files of rows: what is read is what was written; damage is named, and nothing is unpickled."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import compile
from autograd.cluster import npy, parquet
from tests.peers import require_dask

NUMBERS = np.sqrt(np.arange(3000.0)).reshape(1000, 3)


@given(
    st.sampled_from(["<f8", ">f8", "<f4", "<i4", "|b1", ">u2"]), st.booleans(), st.booleans(),
    st.integers(0, 999), st.data(),
)  # fmt: skip
def test_npy_is_read_as_numpy_reads_it(
    tmp_path_factory: Any, kind: str, fortran: bool, flat: bool, first: int, data: Any
) -> None:
    path = tmp_path_factory.mktemp("npy") / "rows.npy"
    numbers = (NUMBERS[:, 0] if flat else NUMBERS).astype(kind)
    np.save(path, np.asfortranarray(numbers) if fortran else numbers)
    count = data.draw(st.integers(0, 1000 - first))
    rows = pickle.loads(pickle.dumps(npy(path)))
    assert (len(rows), rows.shape) == (1000, numbers.shape[1:])
    np.testing.assert_array_equal(rows.read(first, count), numbers[first : first + count])


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "rows.npy"
    np.save(path, np.array([{}, {}], dtype=object), allow_pickle=True)
    with pytest.raises(TypeError, match="holds no real numbers, but the dtype object"):
        npy(path)


@pytest.mark.parametrize("cut", [0, 5, 40, 130, 20_000])
def test_a_damaged_npy_is_named(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "rows.npy"
    np.save(path, NUMBERS)
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    with pytest.raises(ValueError, match=r"rows\.npy"):
        npy(path).read(0, 1000)
    with pytest.raises(ValueError, match=r"rows\.npy"):
        compile(lambda x: x[0], in_axes=0, reduce="sum")(npy(path))


def test_a_file_that_changes_in_the_meantime(tmp_path: Path) -> None:
    path = tmp_path / "rows.npy"
    np.save(path, NUMBERS)
    rows = npy(path)
    np.save(path, NUMBERS[:500])
    with pytest.raises(ValueError, match="is not the file that it was"):
        rows.read(0, 10)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"rows 0 to 999: .*rows.npy"):
        compile(lambda x: x[0], in_axes=0, reduce="sum")(rows)


def table(path: Path, numbers: Any = NUMBERS, **options: Any) -> Path:
    require_dask()
    import pyarrow
    import pyarrow.parquet

    columns = {name: numbers[:, place] for place, name in enumerate("abc")}
    columns["word"] = ["w"] * len(numbers)
    pyarrow.parquet.write_table(pyarrow.table(columns), path, **options)
    return path


def test_parquet_row_groups_files_and_columns(tmp_path: Path) -> None:
    files = [table(tmp_path / f"{n}.parquet", row_group_size=70 + n) for n in range(3)]
    both = np.concatenate([NUMBERS] * 3)
    rows = parquet(tmp_path, ["c", "a"])
    assert (len(rows), rows.shape) == (3000, (2,))
    reader = pickle.loads(pickle.dumps(rows)).reader()
    for first, count in [(0, 3000), (65, 10), (990, 1100), (2999, 1), (3000, 0), (5, 0)]:
        np.testing.assert_array_equal(
            reader.read(first, count), both[first : first + count, [2, 0]]
        )
    assert parquet(files[0], "b").read(3, 2).tolist() == NUMBERS[3:5, 1].tolist()
    total = compile(lambda x: x[0] - x[1], in_axes=0, reduce="sum", chunk=64)
    assert total(rows) == total(both[:, [2, 0]])


def test_parquet_that_is_not_what_is_asked_for(tmp_path: Path) -> None:
    path = table(tmp_path / "rows.parquet")
    with pytest.raises(ValueError, match="has no column 'd'"):
        parquet(path, ["d"])
    with pytest.raises(TypeError, match=r"'word' of .*rows\.parquet is of string"):
        parquet(path)
    with pytest.raises(TypeError, match="columns: expected a name"):
        parquet(path, 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="there is no file"):
        parquet([])
    rows = parquet(path, ["a", "b"])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises((OSError, ValueError), match=r"rows\.parquet"):
        rows.read(0, 10)
    path.write_bytes(whole[:40] + bytes(400) + whole[440:])
    with pytest.raises((OSError, ValueError), match=r"rows\.parquet"):
        rows.read(0, 1000)


def test_missing_numbers_are_refused(tmp_path: Path) -> None:
    require_dask()
    import pyarrow
    import pyarrow.parquet

    path = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"a": [1.0, None, 3.0]}), path)
    with pytest.raises(ValueError, match="1 number of the column 'a' is missing"):
        parquet(path, "a").read(0, 3)
