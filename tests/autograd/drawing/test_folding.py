"""Modules by dotted names: read off labels, and found for nodes that have none."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Value
from autograd.drawing.folding import alike, modules
from autograd.graph import topological_order
from autograd.kinds import FROZEN, PARAMETER
from autograd.scopes import ancestors_of, folded, leaf_kind, module_of
from nn import MLP, Layer, Module, Neuron, Parameter
from tests.autograd.drawing.graphs import MODULES, graphs

# --- nodes ---------------------------------------------------------------------------------------


def places(*roots: Value) -> dict[Value, str | None]:
    order = topological_order(*roots)
    return modules(order, {node: node.parents for node in order})


def labelled(node: Value, label: str) -> Value:
    node.label = label
    return node


@pytest.mark.parametrize("activation", ["tanh", "relu", "linear", None])
@pytest.mark.parametrize("shared_bias", [False, True])
def test_what_a_neuron_computes_lies_in_it(activation: str | None, shared_bias: bool) -> None:
    model = MLP(2, [3, 2], activation, activation, shared_bias=shared_bias)
    inputs = [Value(0.5, "x1"), Value(-0.25, "x2")]
    outputs = model(inputs)
    found = places(autograd.sum(outputs))
    sizes = Counter(found.values())
    own = 1 if activation in ("linear", None) else 2
    bias = 0 if shared_bias else 1
    expected: dict[str | None, int] = {f"layers.0.neurons.{i}": 2 + bias + own for i in range(3)}
    expected |= {f"layers.1.neurons.{i}": 3 + bias + own for i in range(2)}
    expected |= {"layers.0": 1, "layers.1": 1} if shared_bias else {}
    assert sizes == expected | {None: 3}
    assert {found[x] for x in inputs} == {None}


def test_an_activation_of_several_operations_lies_inside_its_neuron() -> None:
    def activation(x: Value) -> Value:
        return x * autograd.sigmoid(1.7 * x) + autograd.tanh(x) ** 2

    model = MLP(2, [2, 1], activation, activation)
    y = model([0.5, -0.25])
    found = places(y * 1.0)
    outside = [node for node, module in found.items() if module is None]
    assert len(outside) == 2  # the last product and its constant
    per_neuron = Counter(found.values())
    assert per_neuron["layers.0.neurons.0"] == per_neuron["layers.0.neurons.1"]
    assert y.label == "layers.1.neurons.0.out"


def test_an_activation_whose_operands_come_from_elsewhere() -> None:
    slope = Value(0.1, "slope")
    neuron = Layer(1, 1, lambda x: autograd.maximum(x * slope, x)).neurons[0]
    found = places(neuron([Value(1.0, "x")]) + 1.0)
    assert found[slope] is None
    assert Counter(found.values())["neurons.0"] == 5  # weight, bias, net, product, out


def test_a_neuron_applied_to_its_own_output() -> None:
    layer = Layer(1, 1, "tanh")
    state = Value(0.1, "state")
    for _ in range(5):
        (state,) = layer([state])
    assert Counter(places(state).values()) == {"neurons.0": 12, None: 1}


def test_the_same_model_on_several_samples() -> None:
    model = MLP(2, [2, 1], "tanh")
    loss = autograd.sum([(model([0.1 * i, 0.2]) - 1.0) ** 2 for i in range(7)])
    sizes = Counter(places(loss).values())
    assert sizes == {
        "layers.0.neurons.0": 3 + 7 * 2,
        "layers.0.neurons.1": 3 + 7 * 2,
        "layers.1.neurons.0": 3 + 7,
        None: 1 + 7 * 4,  # the sum; differences, squares and the constants of both
    }


def test_a_module_of_ones_own() -> None:
    class Line(Module):
        def __init__(self) -> None:
            self.slope, self.intercept = Parameter(2.0), Parameter(1.0)

        def __call__(self, x: Value) -> Value:
            return self.slope * x + self.intercept

    class Both(Module):
        def __init__(self) -> None:
            self.first, self.second = Line(), Line()
            self.label_parameters()

        def __call__(self, x: Value) -> Value:
            return autograd.tanh(self.second(self.first(x)))

    found = places(Both()(Value(1.0, "x")))
    assert Counter(found.values()) == {"first": 4, "second": 4, None: 2}


def test_nodes_that_the_user_has_named() -> None:
    w, x = Value(1.0, "cell.w"), Value(2.0, "x")
    y = labelled(w * x, "result")
    z = labelled(autograd.tanh(y), "cell.out")
    e = labelled(w * z, "other.net")
    found = places(labelled(autograd.tanh(e), "error"))
    # A label of no module says nothing against the one whose parameters a node takes.
    assert [found[node] for node in (w, x, y, z)] == ["cell", None, "cell", "cell"]
    assert [found[e], *list(found.values())[-1:]] == ["other", None]


def test_what_takes_parameters_of_several_modules_lies_in_what_holds_both() -> None:
    model = MLP(2, [2, 2])
    penalty = autograd.norm(model.parameters())
    assert places(penalty)[penalty] == ""
    weights = [neuron.weights[0] for neuron in model.layers[0].neurons]
    layer_norm = autograd.norm(weights)
    assert places(layer_norm)[layer_norm] == "layers.0"


def test_without_dotted_names_there_are_no_modules() -> None:
    w, x = Value(0.5, "w"), Value(2.0, "x")
    assert set(places(autograd.tanh(w * x + 1.0)).values()) == {None}


def test_parameters_of_plain_names_belong_to_the_model_itself() -> None:
    neuron = Neuron(2, "tanh")
    x = Value(0.5, "x")
    found = places(neuron([x, 0.25]) * 2.0)
    for parameter in neuron.parameters():
        assert found[parameter] == ""
    assert found[x] is None
    names = {node.label: module for node, module in found.items() if node.parents}
    assert names == {"net": "", "out": None, None: None}
    state = neuron([neuron([x, 0.25]), 1.0])
    assert Counter(places(state).values()) == {"": 8, None: 2}  # the last output, and x

    scale, shift = Parameter(2.0), Parameter(1.0, label="shift")
    neuron.freeze()
    y = neuron([scale * x + shift, 0.25])
    found = places(y)
    assert {module for node, module in found.items() if node not in (x, y)} == {""}


def test_a_model_with_parameters_of_its_own_beside_its_parts() -> None:
    layers = Value(1.0, "layers.0.w"), Value(2.0, "layers.1.w")
    scale = Parameter(3.0, label="scale")
    y = scale * autograd.tanh(layers[1] * autograd.tanh(layers[0] * 0.5))
    found = places(y)
    assert (found[scale], found[y]) == ("", "")
    assert Counter(found.values()) == {"layers.0": 3, "layers.1": 2, "": 2, None: 2}
    assert sum(folded(module, 0) == "" for module in found.values()) == 7
    assert sum(folded(module, 1) is not None for module in found.values()) == 5


@given(graphs(12, MODULES))
def test_a_label_decides_and_others_are_in_a_module_of_a_neighbour(nodes: list[Value]) -> None:
    order = topological_order(nodes[-1])
    found = places(nodes[-1])
    labels = [module_of(node.label) for node in order]
    named = {m for module in labels if module for m in ancestors_of(module)}
    for node, module in zip(order, labels, strict=True):
        if module is not None:
            assert found[node] == module
        elif node.op is PARAMETER or node.op is FROZEN:
            assert found[node] == ""
        else:
            assert found[node] in {None, "", *named}
            owners = {found[parent] for parent in node.parents if not parent.parents} - {None}
            if len(owners) == 1:
                assert found[node] == owners.pop()


# --- copies --------------------------------------------------------------------------------------


def groups(root: Value, *, by_operation: bool = False) -> list[list[str]]:
    order = topological_order(root)
    parents = {n: n.parents for n in order}
    keys = alike(order, parents, {}, modules(order, parents), by_operation=by_operation)
    found: dict[object, list[str]] = {}
    for node in order:
        found.setdefault(keys[node], []).append(node.label or node.op or f"{node.data:g}")
    return sorted(map(sorted, found.values()))


def test_nodes_are_alike_if_they_do_the_same_with_what_is_alike() -> None:
    xs, y = [Value(i, f"x{i}") for i in range(3)], Value(1.0, "y")
    root = autograd.sum([autograd.tanh(x * 2.0) for x in xs] + [autograd.tanh(y), y * 2.0])
    assert groups(root) == [
        ["*"], ["*", "*", "*"], ["2", "2", "2", "2"], ["sum"], ["tanh"], ["tanh", "tanh", "tanh"],
        ["x0", "x1", "x2"], ["y"],
    ]  # fmt: skip
    assert groups(root, by_operation=True) == [
        ["*"] * 4, ["2"] * 4, ["sum"], ["tanh"] * 4, ["x0", "x1", "x2", "y"],
    ]  # fmt: skip


@pytest.mark.parametrize("by_operation", [False, True])
def test_nodes_of_two_modules_or_kinds_are_not_alike(by_operation: bool) -> None:
    ws = [Parameter(0.5, f"{module}.w{i}") for module in "ab" for i in range(2)]
    fixed = Parameter(0.5, "b.w5", frozen=True)
    root = autograd.sum([autograd.tanh(w * 2.0) for w in [*ws, fixed]] + [Value(1.0, "c")])
    found = groups(root, by_operation=by_operation)
    assert [group for group in found if "w" in group[0]] == [
        ["a.w0", "a.w1"], ["b.w0", "b.w1"], ["b.w5"],
    ]  # fmt: skip
    # The products lie in the modules, with their constants; the rest lies outside.
    products = [group for group in found if group[0] == "*"]
    assert products == ([["*"] * 2, ["*"] * 3] if by_operation else [["*"], ["*"] * 2, ["*"] * 2])
    assert [group for group in found if group[0] == "2"] == [["2"] * 2, ["2"] * 3]
    assert (["tanh"] * 5 in found) == by_operation
    assert ["c"] in found


@given(graphs(12, MODULES), st.booleans())
def test_what_is_alike_does_the_same_in_the_same_place(
    nodes: list[Value], by_operation: bool
) -> None:
    order = topological_order(nodes[-1])
    parents = {node: node.parents for node in order}
    where = modules(order, parents)
    taken = {order[0]: "taken"}
    keys = alike(order, parents, taken, where, by_operation=by_operation)
    assert keys[order[0]] == "taken"
    for a, b in combinations(order[1:], 2):
        kinds = [(node.op or leaf_kind(node), where[node]) for node in (a, b)]
        names = [(node.label or "").rstrip("0123456789") for node in (a, b)]
        operands = [list(dict.fromkeys(keys[parent] for parent in node.parents)) for node in (a, b)]
        same = kinds[0] == kinds[1]
        if not by_operation:
            same = same and names[0] == names[1] and operands[0] == operands[1]
        assert (keys[a] == keys[b]) == same


def test_a_deep_chain_of_keys_is_not_compared_in_depth() -> None:
    y = Value(1.0, "x")
    for _ in range(20_000):
        y = y + y
    assert len(groups(y)) == 20_001
