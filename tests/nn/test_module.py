"""Modules: which parameters they have, what these are called, and how they are stored."""

from __future__ import annotations

import copy
import errno
import math
import operator
import os
import pickle
import random
import struct
import sys
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, compile, custom_function, draw, grad, no_grad, tanh
from autograd.copying import NodesKept
from autograd.scopes import leaf_kind
from autograd.value import as_value
from nn import MLP, Buffer, Layer, Module, Neuron, Parameter, fit, is_frozen, losses, optim
from nn.module import is_buffer, is_parameter, replica


class Everything(Module):
    """Parameters in every place where they may be kept, some of them twice."""

    def __init__(self) -> None:
        self.lone = Parameter(1.0)
        self.size = 3
        self.name = "a name, not a parameter"
        self.nothing = None
        self.leaf = Value(7.0)
        self.computed = self.leaf * 2.0
        with no_grad():
            self.unrecorded = self.leaf * 2.0
        self.average = Buffer(0.5)
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
    "leaf",
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
    model.table = {1: Parameter(1.0), "1": Parameter(2.0)}
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
        "leaf",
        "average",
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
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=10, max_size=10),
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
        "  'layers.1.neurons.1.weights' should be a list of 2 numbers, got 3.0",
        "  'layers.1.neurons.1.bias' holds True, which is not a number",
    ]
    assert bits(data(model)) == bits(before)


# --- files ---------------------------------------------------------------------------------------

ODD = [2.5, -0.0, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.nan, 1 / 3, 1e-300, 0.1]


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
    with pytest.raises(ValueError, match=r"weights\.safetensors is damaged, or not a safetensors"):
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
        with pytest.raises(ValueError, match="activation must be a function"):
            Neuron(1, name)


def test_freeze_takes_names_one_by_one() -> None:
    names: Any = ["bias"]
    with pytest.raises(TypeError, match="must be the name of parameters"):
        Neuron(1).freeze(names)


# --- modules as in micrograd ---------------------------------------------------------------------


class MicrogradNeuron(Module):
    """A module as micrograd's users write it."""

    def __init__(self, nin: int, seed: int) -> None:
        generator = random.Random(seed)
        self.w = [Value(generator.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(0)

    def __call__(self, x: Any) -> Value:
        return tanh(sum((wi * xi for wi, xi in zip(self.w, x, strict=True)), self.b))

    def parameters(self) -> list[Value]:
        return [*self.w, self.b]


class MicrogradMLP(Module):
    def __init__(self, seed: int = 0) -> None:
        self.hidden = [MicrogradNeuron(2, seed + i) for i in range(4)]
        self.output = MicrogradNeuron(4, seed + 9)

    def __call__(self, x: Any) -> Value:
        return self.output([neuron(x) for neuron in self.hidden])

    def parameters(self) -> list[Value]:
        return [p for neuron in [*self.hidden, self.output] for p in neuron.parameters()]


def test_a_module_as_in_micrograd_keeps_its_numbers(tmp_path: Path) -> None:
    X, Y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [-0.9, 0.9, 0.9, -0.9]
    model, other = MicrogradMLP(), MicrogradMLP(seed=50)
    history = fit(
        model, losses.mean_squared_error, X, Y, epochs=150,
        optimiser=optim.Adam(model.parameters(), 0.05),
    )  # fmt: skip
    assert history.losses[-1] < 0.02 < history.losses[0]
    assert [name for name, _ in model.named_parameters()][:4] == [
        "hidden.0.w.0", "hidden.0.w.1", "hidden.0.b", "hidden.1.w.0",
    ]  # fmt: skip
    assert {*map(id, model.parameters())} == {id(p) for _, p in model.named_parameters()}
    model.save(tmp_path / "model.safetensors")
    other.load(tmp_path / "model.safetensors")
    assert [other.predict(x) for x in X] == [model.predict(x) for x in X]
    assert other.state_dict() == model.state_dict()


NESTS = st.recursive(
    st.just("leaf") | st.floats(-1.0, 1.0) | st.none(),
    lambda parts: (
        st.lists(parts, max_size=3)
        | st.lists(parts, max_size=3).map(tuple)
        | st.dictionaries(st.text("ab", min_size=1, max_size=2), parts, max_size=3)
    ),
    max_leaves=12,
)


@given(NESTS)
def test_leaves_in_any_nest_are_parameters_by_way_of_the_nest(nest: Any) -> None:
    expected: dict[str, float] = {}

    def grown(part: Any, name: str) -> Any:
        if part == "leaf":
            expected[name] = float(len(expected))
            return Value(expected[name])
        if isinstance(part, (list, tuple)):
            return type(part)(grown(x, f"{name}.{i}") for i, x in enumerate(part))
        if isinstance(part, dict):
            return {key: grown(x, f"{name}.{key}") for key, x in part.items()}
        return part

    model = Module()
    vars(model)["nest"] = grown(nest, "nest")
    assert {name: p.data for name, p in model.named_parameters()} == expected
    assert [p.data for p in model.parameters()] == [*expected.values()]
    assert all(is_parameter(p) for p in model.parameters())
    twin = copy.deepcopy(model)
    for parameter in twin.parameters():
        parameter.data = -1.0
    twin.load_state_dict(model.state_dict())
    assert [p.data for p in twin.parameters()] == [*expected.values()]


def test_leaves_are_trained_frozen_and_differentiated_like_parameters() -> None:
    class Line(Module):
        def __init__(self) -> None:
            self.terms: dict[str, Any] = {"slope": Value(2.0, "slope"), "rest": (Value(1.0),)}

        def __call__(self, x: Any) -> Value:
            return self.terms["slope"] * x + self.terms["rest"][0]  # type: ignore[no-any-return]

    line = Line()
    assert grad(lambda model: model(3.0))(line) == {"terms.slope": 3.0, "terms.rest.0": 1.0}
    line.freeze("terms.rest")
    optimiser = optim.SGD(line.parameters(), 0.1)
    line(3.0).backward()
    optimiser.step()
    assert line.state_dict() == {"terms.slope": 2.0 - 0.1 * 3.0, "terms.rest": [1.0]}
    assert "class=" not in repr(line(1.0))
    assert compile(line)(2.0) == line.predict(2.0)


def test_an_optimiser_takes_leaves_and_nothing_that_was_computed() -> None:
    w = Value(2.0)
    optimiser = optim.SGD([w], 0.25)
    (w * w).backward()
    optimiser.step()
    assert w.data == 1.0
    for other in (w * 2.0, Buffer(1.0), as_value(1.0), 1.0):
        with pytest.raises(TypeError, match=r"parameters must be Parameters"):
            optim.SGD([other], 0.25)  # type: ignore[list-item]


def test_what_was_computed_and_constants_are_no_parameters() -> None:
    class Remembering(Module):
        def __init__(self) -> None:
            self.w = Value(1.0)

        def __call__(self, x: float) -> Value:
            self.seen: list[Any] = [x + 0.0, self.w * x]
            return self.seen[1]  # type: ignore[no-any-return]

    model = Remembering()
    for call in (model, model.predict):
        call(2.0)
        assert [name for name, _ in model.named_parameters()] == ["w"]
        assert list(copy.deepcopy(model).state_dict()) == ["w"]
        assert list(pickle.loads(pickle.dumps([model.w])))
    model.constant = as_value(3.0)
    assert list(model.state_dict()) == ["w"]


def test_a_function_that_is_traced_leaves_no_parameters_behind() -> None:
    class Caching(Module):
        def __init__(self) -> None:
            self.w = Value(2.0)

        def __call__(self, x: Any) -> Any:
            self.x = x
            return self.w * x

    model = Caching()
    assert compile(model)(3.0) == 6.0
    assert model.state_dict() == {"w": 2.0}


class Hidden:
    """Not a Module, so its Values belong to no one."""

    def __init__(self) -> None:
        self.w = Value(0.5, "hidden weight")

    def parameters(self) -> list[Value]:
        return [self.w]


class Holding(Module):
    def __init__(self, *, of: str = "objects") -> None:
        self.kept = Value(1.0)
        computed = Value(1.0) * 0.5
        self.parts: Any = {
            "objects": [Hidden()], "computed": computed, "number": 0.5, "several": Hidden(),
        }[of]  # fmt: skip
        self.of = of

    def parameters(self) -> list[Any]:
        if self.of == "several":
            return [self.kept, self.parts.w, *(Value(float(i)) for i in range(5))]
        if self.of == "objects":
            return [self.kept, *self.parts[0].parameters()]
        return [self.kept, self.parts]


class Around(Module):
    def __init__(self, part: Module) -> None:
        self.layers = [Value(0.0), part]


@pytest.mark.parametrize("of", ["objects", "computed", "number", "several"])
@pytest.mark.parametrize("around", [False, True])
def test_parameters_that_no_attribute_holds_are_refused_by_name(
    tmp_path: Path, of: str, around: bool
) -> None:
    path = tmp_path / "file"
    Neuron(1).save(path)
    before = path.read_bytes()
    model: Module = Around(Holding(of=of)) if around else Holding(of=of)
    message = r"Holding\.parameters\(\)" + (r" of 'layers\.1'" if around else "") + " lists what no"
    state = {"kept": 1.0}
    for refused in (
        lambda: model.save(path),
        lambda: model.load(path),
        model.state_dict,
        lambda: model.load_state_dict(state),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            refused()
        named = {"number": "0.5", "computed": r"op='*'"}.get(of, "hidden weight")
        assert named in str(caught.value)
    assert "…" in str(caught.value) or of != "several"
    assert path.read_bytes() == before


def test_a_list_in_the_place_of_the_method_is_an_attribute_like_others() -> None:
    model, w = Module(), Value(1.0)
    vars(model)["parameters"] = [w]
    assert model.state_dict() == {"parameters": [1.0]}


def test_a_subset_in_another_order_is_no_fault() -> None:
    class Part(Module):
        def __init__(self) -> None:
            self.a, self.b, self.c = Value(1.0), Value(2.0), Buffer(3.0)

        def parameters(self) -> list[Value]:
            return [self.c, self.b]

    assert Part().state_dict() == {"a": 1.0, "b": 2.0, "c": 3.0}


def test_a_model_without_numbers_is_not_saved(tmp_path: Path) -> None:
    class Plain(Module):
        def __init__(self) -> None:
            self.layers = [Hidden()]

    with pytest.raises(ValueError, match=r"Plain has nothing to save"):
        Plain().save(tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_slots_queues_and_proxies_hold_parameters_too() -> None:
    class Slotted(Module):
        __slots__ = ("w",)

        def __init__(self) -> None:
            self.w = Value(1.0)
            self.queue = deque([Value(2.0), Value(3.0)])
            self.proxy = MappingProxyType({"x": Value(4.0)})

    assert Slotted().state_dict() == {"w": 1.0, "queue": [2.0, 3.0], "proxy.x": 4.0}


def test_modules_in_a_long_chain_are_found() -> None:
    model = last = Module()
    for _ in range(5000):
        vars(last)["next"] = Module()
        last = vars(last)["next"]
    vars(last)["w"] = Value(1.0)
    assert [p.data for p in model.parameters()] == [1.0]
    assert not model.eval().training
    assert not last.training


def test_a_list_of_parameters_is_in_the_order_of_its_keys() -> None:
    first, second = Module(), Module()
    vars(first)["row"] = {1: Value(1.0), 0: Value(0.0)}
    vars(second)["row"] = {0: Value(5.0), 1: Value(6.0)}
    second.load_state_dict(first.state_dict())
    assert [p.data for p in vars(second)["row"].values()] == [0.0, 1.0]


@pytest.mark.parametrize("keys", [["x", "x.0"], ["x.0", "x"]])
def test_a_parameter_and_a_list_of_one_name_are_refused(keys: list[str]) -> None:
    model = Module()
    vars(model)["table"] = {key: Value(1.0) for key in keys}
    with pytest.raises(ValueError, match=r"'table\.x(\.0)?' and the items of a list have names"):
        model.state_dict()


# --- buffers -------------------------------------------------------------------------------------


class Averaging(Module):
    def __init__(self) -> None:
        self.scale = Parameter(2.0)
        self.mean = Buffer(0.0)
        self.more = {"deviations": [Buffer(1.0), Buffer(2.0)]}
        self.label_parameters()

    def __call__(self, x: Any) -> Any:
        if self.training:
            self.mean.data = 0.5 * self.mean.data + 0.5 * x
        return (x - self.mean) * self.scale / self.more["deviations"][0]


def test_buffers_are_state_and_no_parameters(tmp_path: Path) -> None:
    model, other = Averaging(), Averaging()
    assert [p.label for p in model.parameters()] == ["scale"]
    assert [name for name, _ in model.named_buffers()] == [
        "mean", "more.deviations.0", "more.deviations.1",
    ]  # fmt: skip
    assert model.mean.label == "mean"
    fit(model, losses.mean_squared_error, [4.0, 4.0], [0.0, 0.0], epochs=1, batch_size=None)
    assert model.mean.data == 3.0
    assert model.more["deviations"][0].data == 1.0
    model.freeze()
    assert is_buffer(model.mean)
    model.save(tmp_path / "file")
    other.load(tmp_path / "file")
    assert other.state_dict() == model.state_dict()
    assert other.mean.data == 3.0
    with pytest.raises(ValueError, match="'mean' is missing"):
        other.load_state_dict({"scale": 1.0, "more.deviations": [1.0, 2.0]})


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_of_buffers_are_buffers(duplicate: Any) -> None:
    model = Averaging()
    twin = duplicate(model)
    twin(1.0)
    assert is_buffer(twin.mean)
    assert (twin.mean.data, model.mean.data) == (0.5, 0.0)


def test_a_buffer_that_would_be_lost_is_refused() -> None:
    model = Averaging()
    lost: list[Any] = [0.5, Value(0.5), model.mean * 0.5 + 1.0, 1, np.float64(0.5), Parameter(1.0)]
    for number in lost:
        with pytest.raises(TypeError, match=r"Averaging\.mean is a Buffer, .*self\.mean\.data"):
            model.mean = number
    model.mean = Buffer(7.0)
    assert model.state_dict()["mean"] == 7.0


def test_compiled_code_reads_buffers_anew_and_cannot_change_them() -> None:
    model = Averaging()
    with pytest.raises(TypeError):  # it would be changed once, when it is traced
        compile(lambda x: model(x))(1.0)
    model.eval()
    compiled = compile(lambda x: model(x))
    assert compiled(3.0) == 6.0
    model.mean.data = 1.0
    assert compiled(3.0) == 4.0 == model.predict(3.0)
    assert grad(lambda x: model(x))(3.0) == 2.0


def test_a_buffer_is_drawn_as_a_constant_and_what_is_unrecorded_as_an_input() -> None:
    with no_grad():
        unrecorded = Value(1.0) * 2.0
    assert leaf_kind(Buffer(1.0)) == "constant"
    assert leaf_kind(unrecorded) == "input"
    assert repr(unrecorded) == "Value(2.0, grad=0.0)"
    draw(Buffer(1.0, "mean") * Value(2.0)).source.index("mean")


# --- modes ---------------------------------------------------------------------------------------


def parts_of(model: Module) -> list[Module]:
    return [model, model.part, *model.parts["more"], model.parts["again"]]  # type: ignore[attr-defined]


def test_modes_reach_every_module_once_and_are_given_back() -> None:
    model = Everything()
    assert all(part.training for part in parts_of(model))
    assert model.eval() is model
    assert not any(part.training for part in parts_of(model))
    model.part.training = True
    assert [part.training for part in parts_of(model)] == [False, True, False, True]
    assert all(part.training for part in parts_of(model.train()))
    assert not any(part.training for part in parts_of(model.train(False)))
    assert not any(part.training for part in parts_of(copy.deepcopy(model)))
    assert not any(part.training for part in parts_of(pickle.loads(pickle.dumps(model))))
    wrong: Any = 1
    with pytest.raises(TypeError, match=r"Everything\.training must be True or False, got 1"):
        model.train(wrong)


def test_predict_evaluates_whatever_the_mode_and_leaves_it() -> None:
    class Seeing(Module):
        def __init__(self) -> None:
            self.seen: list[bool] = []

        def __call__(self, x: float) -> float:
            self.seen.append(self.training)
            if x < 0.0:
                raise ValueError("no")
            return x

    model = Seeing()
    for _ in range(2):
        model.predict(1.0)
        model(1.0)
        with pytest.raises(ValueError, match="no"):
            model.predict(-1.0)
        model(1.0)
    assert model.seen == [False, True, False, True] * 2


def test_threads_that_predict_do_not_put_others_out_of_training() -> None:
    entered, done = threading.Event(), threading.Event()

    class Waiting(Module):
        def __call__(self, x: float) -> float:
            entered.set()
            done.wait(10.0)
            return float(self.training)

    model = Waiting()
    with ThreadPoolExecutor(1) as pool:
        predicted = pool.submit(model.predict, 1.0)
        entered.wait(10.0)
        assert model.training
        done.set()
        assert predicted.result() == 0.0


def test_fit_trains_in_training_mode_and_measures_in_evaluation_mode() -> None:
    modes: list[bool] = []

    class Moded(Module):
        def __init__(self) -> None:
            self.w = Value(1.0)

        def __call__(self, x: Any) -> Any:
            modes.append(self.training)
            return self.w * x * (1.0 if self.training else 3.0)

    for compiled in (False, True):
        model = Moded()
        modes.clear()
        optimiser = optim.SGD(model.parameters(), 0.0)
        history = fit(
            model, losses.mean_squared_error, [1.0], [0.0], epochs=1, optimiser=optimiser,
            validation=([2.0], [0.0]), compiled=compiled,
            metrics={"output": lambda output, target: output},
        )  # fmt: skip
        assert (history.losses, history.validation_losses) == ([9.0], [36.0])
        assert history.metrics == {"output": [6.0]}
        assert {*modes} == {False, True}
        assert model.training


# --- copies with other parameters ----------------------------------------------------------------


class Foreign:
    """Not a module, but holds a parameter of one."""

    def __init__(self, held: Any) -> None:
        self.held = held


class Slotted(Module):
    """A module with slots."""

    __slots__ = ("weight",)


class Copying(Module):
    """A module that says how it is copied."""

    def __deepcopy__(self, memo: Any) -> Any:
        made = Copying()
        made.of = copy.deepcopy(vars(self), memo)
        return made


class Listed(list[Any]):
    """A custom list."""


def negated(parameter: Value) -> Value:
    return Value(-parameter.data, parameter.label)


@st.composite
def odd_modules(draw: Any) -> Any:
    """Modules of all that modules may hold, parts of them in several places."""
    parameters = [Parameter(float(i), f"p{i}", frozen=i == 3) for i in range(5)]
    shared: list[Any] = [*parameters, Buffer(7.0), parameters[0] * 2.0, Value(9.0), "text", 3, None]
    shared += [math.sin, len, Module, MLP(1, [2, 1]), (1, "two"), range(3), Foreign(parameters[1])]
    if draw(st.booleans()):
        shared += [Listed([parameters[2]]), deque([parameters[4]]), Slotted(), Copying(), {1, 2}]
        shared += [np.array(parameters[:2], dtype=object), np.ones(2), MappingProxyType({"a": 1})]
    holders: list[Any] = []
    for _ in range(draw(st.integers(1, 8))):
        parts = draw(st.lists(st.sampled_from(shared), max_size=4))
        kind = draw(st.sampled_from(["module", "list", "tuple", "dict", "parameters"]))
        held: Any = parts
        if kind == "module":
            held = Module()
            for i, part in enumerate(parts):
                setattr(held, f"part{i}", part)
        elif kind == "tuple":
            held = tuple(parts)
        elif kind == "dict":
            keys = draw(st.permutations(["a", "b", 1, 2]))
            held = dict(zip(keys, parts, strict=False))
        elif kind == "parameters":
            held = [part for part in parts if is_parameter(part)]
        holders.append(held)
        shared.append(held)
    model: Any = Module()
    model.parts = holders
    model.again = draw(st.sampled_from(shared))
    for part in holders:
        if isinstance(part, (Module, list)) and draw(st.booleans()):  # a circle
            part.append(model) if isinstance(part, list) else setattr(part, "parent", model)
    return model


def described(part: Any, known: dict[int, int]) -> Iterator[Any]:
    """Say what a structure is made of, and which of its parts are one."""
    if part is None or isinstance(part, (str, int, float, range, type)) or callable_alone(part):
        yield part
    elif id(part) in known:
        yield "again", known[id(part)]
    else:
        known[id(part)] = len(known)
        yield type(part)
        if isinstance(part, Value):
            yield part.data, part.op, part.label, len(part.parents)
            return
        parts: dict[Any, Any] = dict(getattr(part, "__dict__", {}))
        if isinstance(part, (dict, MappingProxyType)):
            parts |= part
        elif isinstance(part, (list, tuple, deque)):
            parts |= dict(enumerate(part))
        elif isinstance(part, np.ndarray):
            parts |= dict(enumerate(part.ravel().tolist()))
        elif isinstance(part, set):
            yield sorted(part)
        for key, each in parts.items():
            yield key
            yield from described(each, known)


def callable_alone(part: Any) -> bool:
    return (callable(part) and not hasattr(part, "__dict__")) or type(part) is type(described)


@given(odd_modules())
def test_a_replica_is_what_deepcopy_would_make(model: Module) -> None:
    before = [*described(model, {})]
    expected: Any = None
    try:
        named = dict(model.named_parameters())
        nodes = {id(parameter): negated(parameter) for parameter in named.values()}
        expected = copy.deepcopy(model, NodesKept(nodes))
    except (TypeError, ValueError):
        pass
    found = replica(model, lambda parameters: [*map(negated, parameters)])
    assert [*described(model, {})] == before
    if found is not None:
        names, copied = found
        assert names == [*named]
        assert [*described(copied, {})] == [*described(expected, {})]


def test_models_of_the_library_are_replicated_in_one_walk() -> None:
    shared = Parameter(1.0)
    model: Any = Module()
    model.mlps = [MLP(2, [3, 1]), MLP(2, [3, 1], shared_bias=True)]
    model.neuron = Neuron(1, bias=shared)
    model.shared = shared
    model.table = {"x": (Foreign(model.neuron), Parameter(2.0, frozen=True))}
    model.foreign = Foreign(model.mlps)
    found = replica(model, lambda parameters: [*map(negated, parameters)])
    assert found is None  # as something foreign is in a tuple
    model.table = {"x": ([Parameter(2.0, frozen=True)],)}
    found = replica(model, lambda parameters: [*map(negated, parameters)])
    assert found is not None
    names: list[str] = found[0]
    copied: Any = found[1]
    assert names == [name for name, _ in model.named_parameters()]
    assert copied.shared is copied.neuron.bias is not shared
    assert copied.foreign.held is copied.mlps
    assert copied.mlps[0].layers[0].neurons[0].weights[1].data == -(
        model.mlps[0].layers[0].neurons[0].weights[1].data
    )
    mlp = MLP(2, [3, 1])
    mlp.predict([[1.0, 2.0]] * 2)  # which keeps a predictor
    assert replica(mlp, lambda parameters: [*parameters]) is not None


@pytest.mark.parametrize("where", ["override", "instance", "names", "set"])
def test_what_the_walk_cannot_name_is_left_to_named_parameters(where: str) -> None:
    class Own(Module):
        weight: Value

        def named_parameters(self) -> Iterator[tuple[str, Value]]:
            return iter([("own", self.weight)])

    model: Any = Own() if where == "override" else Module()
    model.weight, model.other = Parameter(2.0), [Parameter(3.0)]
    f = grad(lambda model: model.weight * model.weight)
    if where == "override":
        assert f(model) == {"own": 4.0}
    elif where == "instance":
        model.named_parameters = lambda: iter([("mine", model.weight)])
        assert f(model) == {"mine": 4.0}
    elif where == "names":
        model.table = {1: Parameter(1.0), "1": Parameter(2.0)}
        with pytest.raises(ValueError, match="two parameters are named"):
            f(model)
    else:
        model.set = {Parameter(1.0)}
        with pytest.raises(TypeError, match="a set has no order"):
            f(model)
