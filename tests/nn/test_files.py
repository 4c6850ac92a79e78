"""Files of numbers: what comes back, how damage is noticed, and whose files are read."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn import Neuron
from nn.files import KEY, MARK, read_arrays, write_arrays

safetensors = pytest.importorskip("safetensors.numpy")

numbers = st.floats(allow_nan=False)


@given(st.dictionaries(st.text(max_size=8), numbers | st.lists(numbers, max_size=4), max_size=5))
def test_numbers_come_back_under_their_names(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]
) -> None:
    content.pop("__metadata__", None)
    path = tmp_path_factory.mktemp("files") / "file"
    write_arrays(path, content)
    found = read_arrays(path)
    assert found == content
    assert repr(found) == repr(dict(sorted(content.items())))
    first = path.read_bytes()
    write_arrays(path, content)
    assert path.read_bytes() == first


def test_any_flipped_byte_of_a_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    model = Neuron(2, seed=1)
    model.save(path)
    whole = path.read_bytes()
    before = model.state_dict()
    flips = (1, 128, 255, ord(" ") ^ ord("\t"))
    for place in range(len(whole)):
        for flip in flips:
            damaged = bytearray(whole)
            damaged[place] ^= flip
            path.write_bytes(damaged)
            with pytest.raises(ValueError, match=r"weights\.safetensors is damaged"):
                model.load(path)
    assert model.state_dict() == before


@given(st.data())
def test_damage_of_any_kind_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("files") / "file"
    model = Neuron(3, seed=1)
    model.save(path)
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 20)))
    path.write_bytes(whole[:start] + data.draw(st.binary(max_size=20)) + whole[end:])
    if path.read_bytes() == whole:
        model.load(path)
        return
    before = model.state_dict()
    with pytest.raises(ValueError, match="damaged"):
        model.load(path)
    assert model.state_dict() == before


FOREIGN: dict[str, dict[str, str] | None] = {
    "no metadata": None,
    "metadata of PyTorch's": {"format": "pt"},
    "a checksum of its own": {"sha256": "0" * 64, "checksum": "crc32 123"},
    "empty metadata": {},
}


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "uint8"])
def test_files_of_other_writers_are_read_as_ever(tmp_path: Path, kind: str, dtype: str) -> None:
    path = tmp_path / "file"
    arrays = {"weights": np.array([1, 2], dtype=dtype), "bias": np.array(3, dtype=dtype)}
    safetensors.save_file(arrays, path, metadata=FOREIGN[kind])
    neuron = Neuron(2)
    neuron.load(path)
    assert neuron.state_dict() == {"weights": [1.0, 2.0], "bias": 3.0}


def test_a_checksum_that_belongs_to_other_content_is_refused(tmp_path: Path) -> None:
    """As where somebody changes a number, and keeps the metadata."""
    path = tmp_path / "file"
    Neuron(2, seed=1).save(path)
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    metadata = json.loads(content[8 : 8 + size])["__metadata__"]
    assert list(metadata) == [KEY]
    assert metadata[KEY].startswith(MARK)
    arrays = safetensors.load(content)
    safetensors.save_file({**arrays, "bias": np.array(9.0)}, path, metadata=metadata)
    with pytest.raises(ValueError, match="its checksum does not match its content"):
        Neuron(2).load(path)
    safetensors.save_file(arrays, path, metadata={KEY: "another"})
    with pytest.raises(ValueError, match="its checksum does not match its content"):
        Neuron(2).load(path)
