"""`load_state_dict` and `load` on any mapping or file: they load all of it, or nothing."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autograd import Value
from nn import MLP, Module, Parameter
from tests.fuzz.strangers import (
    STRANGERS,
    Length,
    StrangersError,
    described,
    finite_or_not,
    nothing_global_changes,
    real_numbers,
    strangers,
)

LONGEST_MESSAGE = 2000


class Model(Module):
    """A lone parameter, a list of them, and one of a name with a dot."""

    def __init__(self) -> None:
        self.bias = Parameter(0.5)
        self.weights = [Parameter(1.5), Parameter(-2.5)]
        self.table = {"x": Parameter(4.0)}


NAMES = ["bias", "weights", "table.x"]


def snapshot(model: Module) -> list[Any]:
    return [
        (struct.pack("2d", p.data, p.grad), type(p.data), p.label, p.op, p.parents)
        for p in model.parameters()
    ]


def check_all_or_nothing(model: Module, load: Any, *refusals: type[Exception]) -> bool:
    """See that a model takes all it is given, or refuses it and stays as it was."""
    before, names = snapshot(model), [name for name, _ in model.named_parameters()]
    with nothing_global_changes():
        try:
            load()
        except refusals as error:
            text = "an error of its own" if isinstance(error, StrangersError) else str(error)
        else:
            assert [name for name, _ in model.named_parameters()] == names
            assert {type(p.data) for p in model.parameters()} == {float}
            return True
    assert snapshot(model) == before
    assert 10 < len(text) < LONGEST_MESSAGE
    return False


# --- mappings ------------------------------------------------------------------------------------

anything = real_numbers | strangers
lists = st.lists(real_numbers, min_size=2, max_size=2)
entries = anything | lists | st.lists(anything, max_size=3) | lists.map(tuple)
states = st.fixed_dictionaries(
    {"bias": real_numbers, "weights": lists, "table.x": finite_or_not}
) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), entries, max_size=5)


def check_state(state: Mapping[Any, Any]) -> None:
    model = Model()
    taken = check_all_or_nothing(
        model, lambda: model.load_state_dict(state), ValueError, StrangersError
    )
    if not taken:
        return
    with nothing_global_changes():
        assert set(state) == set(NAMES)
        for name, loaded in model.state_dict().items():
            given_list, loaded_list = (
                (state[name], loaded) if isinstance(loaded, list) else ([state[name]], [loaded])
            )
            assert isinstance(given_list, (list, tuple, range, np.ndarray, pd.Series, pd.Index))
            for number, data in zip(given_list, loaded_list, strict=True):
                assert struct.pack("d", float(number)) == struct.pack("d", data)


WHOLE = {"bias": 0.0, "weights": [1.0, 2.0], "table.x": 3.0}


@given(states)
# Found: of a number too large, or that does not convert, the error is `float`'s own.
@example({**WHOLE, "bias": 10**400})
@example({**WHOLE, "bias": Length(lambda: "1")})
@example({**WHOLE, "weights": [1.0, np.timedelta64(1, "s")]})
# Found: `len()` of what cannot be counted raises TypeError.
@example({**WHOLE, "weights": np.array(1.0)})
@example({**WHOLE, "weights": list})
# Found: the keys of a mapping, the elements of a set and the bytes of a text pass for numbers.
@example({**WHOLE, "weights": {0: 5.0, 1: 6.0}})
@example({**WHOLE, "weights": {5.0, 6.0}})
@example({**WHOLE, "weights": b"ab"})
# Found: what is wrong is written into the message by `repr`, which can fail, or be very long.
@example({**WHOLE, "weights": 10**5000})
@example({**WHOLE, "bias": [1.0] * 10_000})
def test_a_state_is_loaded_whole_or_not_at_all(state: dict[str, Any]) -> None:
    check_state(state)


@pytest.mark.parametrize("stranger", STRANGERS, ids=described)
def test_a_state_that_holds_a_stranger_is_refused(stranger: Any) -> None:
    for state in [
        {**WHOLE, "bias": stranger},
        {**WHOLE, "weights": stranger},
        {**WHOLE, "weights": [1.0, stranger]},
        {**WHOLE, "stranger": stranger},
    ]:
        check_state(state)


@pytest.mark.parametrize("stranger", STRANGERS, ids=described)
def test_what_is_no_mapping_is_refused(stranger: Any) -> None:
    model = Model()
    assert not check_all_or_nothing(
        model, lambda: model.load_state_dict(stranger), TypeError, ValueError, StrangersError
    )


# --- files ---------------------------------------------------------------------------------------

TYPES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8,
    "U32": 4, "U16": 2, "U8": 1, "BOOL": 1, "C64": 8, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1,
    "F4": 1, "F6_E2M3": 1, "X9": 1,
}  # fmt: skip


def file_of(header: bytes, body: bytes) -> bytes:
    """Write a safetensors file, whatever its header says."""
    return struct.pack("<Q", len(header)) + header + body


@st.composite
def files_of_tensors(draw: st.DrawFn) -> bytes:
    """A file with tensors of any names, types and shapes, whose header is mostly right."""
    names = draw(st.lists(st.sampled_from(NAMES) | st.text(max_size=3), max_size=4, unique=True))
    if draw(st.booleans()):
        names = NAMES
    header: dict[str, Any] = {}
    body = b""
    for name in names:
        right = [] if name in {"bias", "table.x"} else [2]
        shape = draw(st.just(right) | st.lists(st.integers(0, 3), max_size=3))
        kind = draw(st.just("F64") | st.sampled_from(sorted(TYPES)))
        size = int(np.prod(shape, dtype=int)) * TYPES[kind]
        size += draw(st.sampled_from([0, 0, 0, 0, 0, 0, 1, -1]))
        content = draw(st.binary(min_size=max(size, 0), max_size=max(size, 0)))
        if kind == "BOOL" and draw(st.booleans()):
            content = bytes(byte & 1 for byte in content)
        offsets = [len(body), len(body) + len(content)]
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": offsets}
        body += content
    if draw(st.booleans()):
        header["__metadata__"] = draw(st.sampled_from([{"format": "np"}, 7, {"x": 1}]))
    return file_of(json.dumps(header).encode(), body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@st.composite
def files_with_odd_headers(draw: st.DrawFn) -> bytes:
    """A file whose header is JSON of one kind or another."""
    tensor = st.fixed_dictionaries(
        {
            "dtype": st.sampled_from(["F64", 5, None, "f64", ""]),
            "shape": st.lists(st.integers(-2, 2**64), max_size=3) | json_values,
            "data_offsets": st.lists(st.integers(-8, 2**65), max_size=3) | json_values,
        }
    )
    header = draw(st.dictionaries(st.sampled_from(NAMES), tensor | json_values) | json_values)
    return file_of(json.dumps(header).encode(), draw(st.binary(max_size=32)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def whole(folder: Path) -> bytes:
    """A file that `save` has written."""
    pytest.importorskip("safetensors")
    path = folder / "whole.safetensors"
    Model().save(path)
    return path.read_bytes()


def check_file(folder: Path, content: bytes) -> bool:
    model, path = Model(), folder / "model.safetensors"
    path.write_bytes(content)
    taken = check_all_or_nothing(model, lambda: model.load(path), ValueError)
    if not taken:
        with pytest.raises(ValueError, match=r"model\.safetensors"):
            model.load(path)
    assert path.read_bytes() == content
    return taken


damages = st.one_of(
    st.tuples(st.just("cut"), st.integers(0, 400), st.integers(1, 400)),
    st.tuples(st.just("flip"), st.integers(0, 400), st.integers(0, 7)),
    st.tuples(st.just("insert"), st.integers(0, 400), st.binary(min_size=1, max_size=9)),
    st.tuples(st.just("length"), st.just(0), st.integers(0, 2**64 - 1)),
)


def damaged(content: bytes, kind: str, place: int, how: Any) -> bytes:
    place %= len(content) or 1
    if kind == "cut":
        return content[:place] + content[place + how :]
    if kind == "flip":
        byte = content[place : place + 1]
        return content[:place] + bytes(b ^ (1 << how) for b in byte) + content[place + 1 :]
    if kind == "insert":
        return content[:place] + bytes(how) + content[place:]
    return struct.pack("<Q", how) + content[8:]


@given(damage=st.lists(damages, min_size=1, max_size=3))
def test_a_damaged_file_is_loaded_whole_or_not_at_all(
    folder: Path, whole: bytes, damage: list[tuple[str, int, Any]]
) -> None:
    content = whole
    for one in damage:
        content = damaged(content, *one)
    check_file(folder, content)


def test_every_cut_and_every_flipped_bit_of_the_header(folder: Path, whole: bytes) -> None:
    assert check_file(folder, whole)
    body = 8 + int.from_bytes(whole[:8], "little")
    for place in range(len(whole)):
        assert not check_file(folder, whole[:place])
    for bit in range(8 * body):
        check_file(folder, damaged(whole, "flip", bit // 8, bit % 8))


@pytest.mark.usefixtures("whole")
@given(content=files_of_tensors() | files_with_odd_headers() | st.binary(max_size=64))
@example(content=b"")
@example(content=file_of(b"[" * 100_000, b""))
@example(content=file_of(b'{"bias":' * 10_000, b""))
@example(content=struct.pack("<Q", 2**63))
@example(content=struct.pack("<Q", 100_000_000) + b"{}")
def test_a_file_of_anything_else_is_loaded_whole_or_not_at_all(
    folder: Path, content: bytes
) -> None:
    check_file(folder, content)


@pytest.mark.usefixtures("whole")
@given(
    numbers=st.lists(finite_or_not, min_size=4, max_size=4),
    kind=st.sampled_from(["f2", "f4", "f8", "i1", "u1", "i8", "u8"]),
)
def test_a_file_with_numbers_of_other_types_is_loaded_as_floats(
    folder: Path, numbers: list[float], kind: str
) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    with np.errstate(all="ignore"):
        array = np.array(numbers if kind[0] == "f" else [1, 2, 3, 4]).astype(kind)
    arrays = {
        "bias": array[:1].reshape(()),
        "weights": array[1:3],
        "table.x": array[3:].reshape(()),
    }
    assert check_file(folder, safetensors.save({k: v.copy() for k, v in arrays.items()}))
    model = Model()
    model.load(folder / "model.safetensors")
    loaded = [p.data for p in model.parameters()]
    np.testing.assert_array_equal(loaded, array.astype(float))


@pytest.mark.parametrize("path", [None, 5, 1.0, [], object(), Value(1.0)], ids=described)
def test_what_is_no_path_is_refused(path: Any) -> None:
    pytest.importorskip("safetensors")
    model = MLP(1, [1])
    for act in (model.load, model.save):
        assert not check_all_or_nothing(model, lambda act=act: act(path), TypeError)


@pytest.mark.usefixtures("whole")
@given(st.text(max_size=20))
def test_a_path_to_nothing_is_refused(name: str) -> None:
    model = Model()
    path = f"/nowhere/{name}"
    assert not check_all_or_nothing(model, lambda: model.load(path), OSError, ValueError)
