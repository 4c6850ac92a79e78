"""Modules: which parameters they have, what these are called, and how they are stored."""

from __future__ import annotations

import copy
import errno
import math
import operator
import os
import pickle
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, custom_function
from nn import MLP, Layer, Module, Neuron, Parameter, is_frozen
from nn.module import is_parameter


class Everything(Module):
    """Parameters in every place where they may be kept, some of them twice."""

    def __init__(self) -> None:
        self.lone = Parameter(1.0)
        self.size = 3
        self.name = "a name, not a parameter"
        self.nothing = None
        self.constant = Value(7.0)
        self.row = [Parameter(2.0), Parameter(3.0)]
        self.pair = (Parameter(4.0), self.lone)
        self.table = {"x": Parameter(5.0), 7: self.row[0]}
        self.part = Neuron(2, "linear")
        self.parts = {"again": self.part, "more": [Neuron(1, bias=self.lone)]}
        self.parent = self  # a circle

    def __call__(self, inputs: Any) -> Any:
        return {"first": self.lone * inputs, "all": [self.row[0], (self.row[1], 1)]}["all"]


NAMES = [
    "lone",
    "row.0",
    "row.1",
    "pair.0",
    "table.x",
    "part.weights.0",
    "part.weights.1",
    "part.bias",
    "parts.more.0.weights.0",
]


def bits(numbers: list[float]) -> bytes:
    return struct.pack(f"{len(numbers)}d", *numbers)


def data(model: Module) -> list[float]:
    return [parameter.data for parameter in model.parameters()]


# --- parameters ----------------------------------------------------------------------------------


def test_parameters_are_found_once_in_order_of_definition() -> None:
    model = Everything()
    named = dict(model.named_parameters())
    assert list(named) == NAMES
    assert all(map(operator.is_, named.values(), model.parameters()))
    assert named["lone"] is model.lone
    assert named["part.bias"] is model.part.bias


def test_labels_are_the_dotted_names_of_the_outermost_module() -> None:
    model = Everything()
    assert model.part.bias.label == "bias"
    model.label_parameters()
    assert [parameter.label for parameter in model.parameters()] == NAMES
    assert "parts.more.0.weights.0" in repr(model.parameters()[-1])


def test_two_parameters_of_one_name_are_refused() -> None:
    model = Module()
    model.table = {1: Parameter(1.0), "1": Parameter(2.0)}  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"two parameters are named 'table\.1'"):
        model.named_parameters()


def test_zero_grad_reaches_every_parameter() -> None:
    model = MLP(2, [3, 1])
    model([1.0, 2.0]).backward()
    assert any(parameter.grad for parameter in model.parameters())
    model.zero_grad()
    assert not any(parameter.grad for parameter in model.parameters())


def test_freeze_and_unfreeze_take_a_module_with_all_its_parts() -> None:
    model = MLP(2, [3, 1])
    model.layers[0].freeze()
    assert [is_frozen(p) for p in model.parameters()] == [True] * 9 + [False] * 4
    model.freeze()
    assert all(is_frozen(parameter) for parameter in model.parameters())
    model.unfreeze()
    assert not any(is_frozen(parameter) for parameter in model.parameters())


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_are_whole_and_independent(duplicate: Any) -> None:
    model = MLP(2, [3, 2], activation="tanh", shared_bias=True, seed=5)
    model.layers[1].freeze()
    twin = duplicate(model)
    assert twin.predict([0.3, -0.7]) == model.predict([0.3, -0.7])
    assert [p.label for p in twin.parameters()] == [p.label for p in model.parameters()]
    assert [is_frozen(p) for p in twin.parameters()] == [is_frozen(p) for p in model.parameters()]
    assert twin.layers[0].neurons[2].bias is twin.layers[0].bias
    twin.parameters()[0].data += 1.0
    assert twin.parameters()[0].data != model.parameters()[0].data


def test_copying_a_graph_keeps_its_parameters_parameters() -> None:
    weight = Parameter(2.0, "w", frozen=True)
    twin = copy.deepcopy(weight * 3.0).parents[0]
    assert (twin.data, twin.label) == (2.0, "w")
    assert is_parameter(twin)
    assert is_frozen(twin)


# --- predict -------------------------------------------------------------------------------------


def test_predict_gives_floats_and_records_nothing() -> None:
    model = MLP(2, [4, 3], activation="tanh")
    outputs = model.predict([0.5, -0.5])
    assert [type(output) for output in outputs] == [float] * 3
    assert outputs == [output.data for output in model([0.5, -0.5])]
    assert type(MLP(2, [4, 1]).predict((0.5, -0.5))) is float


def test_predict_builds_no_graph() -> None:
    class Remembering(Neuron):
        def __call__(self, inputs: Any) -> Value:
            self.output = super().__call__(inputs)
            return self.output

    neuron = Remembering(2)
    neuron.predict([1.0, 2.0])
    assert neuron.output.parents == ()
    neuron([1.0, 2.0])
    assert neuron.output.parents != ()


def test_predict_keeps_the_shape_of_what_a_module_returns() -> None:
    assert Everything().predict(2.0) == [2.0, [3.0, 1.0]]


def test_a_module_without_call_says_so() -> None:
    with pytest.raises(NotImplementedError, match="Module does not define __call__"):
        Module().predict([1.0])


def test_numpy_rows_are_inputs_too() -> None:
    model = MLP(2, [4, 3])
    row = np.array([0.5, -0.5])
    assert model.predict(row) == model.predict([0.5, -0.5])


# --- state ---------------------------------------------------------------------------------------


def test_state_dict_groups_lists_and_shares_nothing() -> None:
    model = Everything()
    state = model.state_dict()
    assert list(state) == [
        "lone",
        "row",
        "pair",
        "table.x",
        "part.weights",
        "part.bias",
        "parts.more.0.weights",
    ]
    assert state["lone"] == 1.0
    assert state["row"] == [2.0, 3.0]
    state["row"][0] = 99.0
    assert model.row[0].data == 2.0


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=9, max_size=9),
)
def test_state_goes_round_bit_for_bit(numbers: list[float]) -> None:
    model, other = Everything(), Everything()
    for parameter, number in zip(model.parameters(), numbers, strict=True):
        parameter.data = number
    other.load_state_dict(model.state_dict())
    assert bits(data(other)) == bits(numbers)


def test_state_may_hold_arrays_and_any_real_numbers() -> None:
    neuron = Neuron(2)
    neuron.load_state_dict({"weights": np.array([0.5, 1.5]), "bias": np.float32(2.0)})
    neuron.load_state_dict({"weights": (1, np.int64(2)), "bias": 3})
    assert data(neuron) == [1.0, 2.0, 3.0]
    assert all(type(number) is float for number in data(neuron))


def test_all_that_is_wrong_with_a_state_is_reported_at_once_and_nothing_changes() -> None:
    model = MLP(2, [2, 2])
    before = data(model)
    state: dict[str, Any] = dict(model.state_dict())
    state["layers.0.neurons.0.bias"] = 123.0
    del state["layers.0.neurons.0.weights"]
    state["layers.0.neurons.1.weights"] = [1.0]
    state["layers.0.neurons.1.bias"] = "0.5"
    state["layers.1.neurons.0.weights"] = [1.0, None]
    state["layers.1.neurons.0.bias"] = [0.0]
    state["layers.1.neurons.1.weights"] = 3.0
    state["layers.1.neurons.1.bias"] = True
    state["extra"] = 1.0
    with pytest.raises(ValueError, match="the state does not fit this MLP") as caught:
        model.load_state_dict(state)
    assert str(caught.value).splitlines()[1:] == [
        "  'layers.0.neurons.0.weights' is missing",
        "  'extra' is unexpected",
        "  'layers.0.neurons.1.weights' has length 1, expected 2",
        "  'layers.0.neurons.1.bias' holds '0.5', which is not a number",
        "  'layers.1.neurons.0.weights' holds None, which is not a number",
        "  'layers.1.neurons.0.bias' holds [0.0], which is not a number",
        "  'layers.1.neurons.1.weights' should be a list of 2 numbers: 3.0",
        "  'layers.1.neurons.1.bias' holds True, which is not a number",
    ]
    assert bits(data(model)) == bits(before)


# --- files ---------------------------------------------------------------------------------------

ODD = [0.1, -0.0, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.nan, 1 / 3, -1e-300]


def test_a_file_keeps_every_bit(tmp_path: Path) -> None:
    model, other = Everything(), Everything()
    for parameter, number in zip(model.parameters(), ODD, strict=True):
        parameter.data = number
    path = tmp_path / "weights.safetensors"
    model.save(path)
    other.load(str(path))
    assert bits(data(other)) == bits(ODD)
    assert [file.name for file in tmp_path.iterdir()] == ["weights.safetensors"]


def test_a_file_is_read_by_the_library_of_its_format(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    layer = Layer(2, 2, shared_bias=True, seed=3)
    layer.save(tmp_path / "layer.safetensors")
    arrays = safetensors.load_file(tmp_path / "layer.safetensors")
    assert {name: (array.dtype.name, array.shape) for name, array in arrays.items()} == {
        "bias": ("float64", ()),
        "neurons.0.weights": ("float64", (2,)),
        "neurons.1.weights": ("float64", (2,)),
    }


def test_a_failed_save_leaves_the_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.safetensors"
    Neuron(2, seed=1).save(path)
    content = path.read_bytes()

    def full_disk(file: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space left"):
        Neuron(2, seed=2).save(path)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def files_that_are_none_of_ours(whole: bytes) -> dict[str, bytes]:
    strange = b'{"bias":{"dtype":"BF16","shape":[],"data_offsets":[0,2]}}'
    return {
        "empty": b"",
        "cut short": whole[:-1],
        "too long": whole + b"\0",
        "cut in its header": whole[:20],
        "noise": bytes(range(256)) * 4,
        "a pickle": pickle.dumps({"weights": [1.0, 2.0], "bias": 0.0}),
        "a huge header": struct.pack("<Q", 2**60) + whole[8:],
        "a type NumPy lacks": struct.pack("<Q", len(strange)) + strange + b"\0\0",
    }


@pytest.mark.parametrize("kind", files_that_are_none_of_ours(b"x" * 40))
def test_a_damaged_or_foreign_file_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    model = Neuron(2, seed=1)
    model.save(path)
    path.write_bytes(files_that_are_none_of_ours(path.read_bytes())[kind])
    before = data(model)
    with pytest.raises(ValueError, match=r"weights\.safetensors is damaged or not a safetensors"):
        model.load(path)
    assert data(model) == before


def test_a_pickle_is_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (tmp_path.joinpath("trapped").touch, ())

    path = tmp_path / "weights.safetensors"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match="damaged"):
        Neuron(2).load(path)
    assert not tmp_path.joinpath("trapped").exists()


def test_the_file_of_another_model_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    Neuron(3).save(path)
    with pytest.raises(ValueError, match=r"other\.safetensors: .*\n.*has length 3, expected 2"):
        Neuron(2).load(path)
    with pytest.raises(FileNotFoundError, match="absent"):
        Neuron(2).load(tmp_path / "absent")


def test_files_need_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match="install the extra 'train'"):
        Neuron(2).save(tmp_path / "weights.safetensors")


def test_parameters_in_object_arrays_are_found_and_in_sets_are_refused() -> None:
    model = Module()
    array: Any = np.array([[Parameter(1.0)], [Parameter(2.0)]])
    vars(model)["weights"] = array
    assert [name for name, _ in model.named_parameters()] == ["weights.0", "weights.1"]
    assert model.parameters() == [1.0, 2.0]
    vars(model)["more"] = {Parameter(1.0)}
    with pytest.raises(TypeError, match="more: a set has no order"):
        model.parameters()


def test_any_function_of_one_operand_is_an_activation() -> None:
    custom_function("sharpened", lambda net: net**3, lambda m, y, net: 3.0 * net * net)
    neuron = Neuron(1, "sharpened")
    neuron.load_state_dict({"weights": [2.0], "bias": 0.0})
    assert neuron.predict([1.0]) == 8.0
    for name in ("neg", "hypot", "sum", "+"):
        with pytest.raises(ValueError, match="no activation"):
            Neuron(1, name)


def test_freeze_takes_names_one_by_one() -> None:
    names: Any = ["bias"]
    with pytest.raises(TypeError, match="one an argument"):
        Neuron(1).freeze(names)
