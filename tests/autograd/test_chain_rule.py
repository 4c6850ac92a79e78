"""The backward pass, recorded: `backward(create_graph=True)` and what it is made of."""

from __future__ import annotations

import copy
import math
import pickle
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Value, draw, exp, explain, grad, no_grad, sin, sqrt
from autograd.chain_rule import recorded_adjoints, recorded_gradient
from autograd.graph import adjoints, dependents, interior, leaves
from autograd.kinds import CONSTANT, LINKED_PARAMETER, PARAMETER
from autograd.linear_nodes import linear, linked
from autograd.partials import partials
from autograd.rule import LINEAR
from autograd.testing.programs import RandomProgram, programs
from autograd.value import as_value, new_node
from nn import MLP, Neuron, Parameter
from nn.optim import SGD, Adam, AdamW

inf = math.inf


def number(adjoint: Any) -> float:
    found: float = adjoint.data if isinstance(adjoint, Value) else adjoint
    return found


# --- backward(create_graph=True) -----------------------------------------------------------------


@given(programs(), st.sampled_from([1.0, -2.5, 0.5]))
def test_a_recorded_pass_gives_every_node_the_gradient_of_a_plain_one(
    program: RandomProgram, seed: float
) -> None:
    nodes = [Value(x) for x in program.inputs]
    root = program(*nodes)
    order = [*interior(root), *nodes]
    root.backward(seed)
    plain = [node.grad for node in order]
    for node in nodes:
        node.grad = 0.0
    root.backward(seed, create_graph=True)
    for node, expected in zip(order, plain, strict=True):
        gradient: Any = node.grad
        assert type(gradient) is Value
        assert gradient.data == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(programs(max_size=8, max_depth=5))
def test_gradients_of_gradients_are_those_of_grad(program: RandomProgram) -> None:
    nodes = [Value(x) for x in program.inputs]
    program(*nodes).backward(create_graph=True)
    slopes: list[Any] = [node.grad for node in nodes]
    for i, slope in enumerate(slopes):
        found = adjoints(slope)
        rows = grad(lambda *xs, i=i: grad(program, i)(*xs), range(len(nodes)))(*program.inputs)
        for node, expected in zip(nodes, rows, strict=True):
            assert found.get(node, 0.0) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_derivatives_to_the_fourth_order_by_nodes() -> None:
    x = Value(2.0)
    derivative: Any = x**5
    for expected in (80.0, 160.0, 240.0, 240.0):
        x.grad = 0.0
        derivative.backward(create_graph=True)
        derivative = x.grad
        assert derivative.data == expected


def test_leaves_add_up_and_interior_nodes_are_set() -> None:
    x = Value(3.0)
    square = x * x
    root: Any = square * x
    root.backward()
    root.backward(create_graph=True)
    slope: Any = x.grad
    assert slope.data == 54.0
    root.backward(2.0, create_graph=True)
    assert number(x.grad) == 27.0 + 27.0 + 54.0
    assert number(square.grad) == 6.0
    assert number(root.grad) == 2.0
    root.backward()
    assert number(x.grad) == 135.0
    assert (type(root.grad), square.grad) == (float, 3.0)
    x.grad = 0.0
    slope.backward()
    assert x.grad == 18.0
    root.zero_grad()
    assert (x.grad, square.grad, root.grad) == (0.0, 0.0, 0.0)


def test_a_recorded_pass_from_a_leaf_and_past_constants() -> None:
    x = Value(3.0)
    x.backward(5.0, create_graph=True)
    assert number(x.grad) == 5.0
    y = x * 2.0
    y.backward(create_graph=True)
    assert number(x.grad) == 7.0
    assert y.parents[1].op is CONSTANT
    assert y.parents[1].grad == 0.0  # nobody differentiates with respect to a constant


def test_the_seed_is_a_real_number() -> None:
    with pytest.raises(TypeError, match=r"Value.backward"):
        Value(1.0).backward("1", create_graph=True)  # type: ignore[arg-type]


def test_within_no_grad_the_pass_is_made_and_not_recorded() -> None:
    x = Value(3.0)
    y = x * x
    with no_grad():
        y.backward(create_graph=True)
    slope: Any = x.grad
    assert (slope.data, slope.parents) == (6.0, ())


def test_an_operation_outside_the_table_is_an_error_and_changes_nothing() -> None:
    x = Value(3.0)
    doubled = new_node(6.0, (x,), (2.0,), "doubled")
    root = doubled * x
    root.backward()
    before = [(node, node.grad) for node in (x, doubled, root)]
    with pytest.raises(KeyError, match=r"'doubled' is not in the table .* custom_function"):
        root.backward(create_graph=True)
    assert all(node.grad is gradient for node, gradient in before)


def test_infinite_derivatives_are_recorded() -> None:
    x = Value(0.0)
    (sqrt(x) + 0.0 * sqrt(x)).backward(create_graph=True)
    slope: Any = x.grad
    assert slope.data == inf
    x.grad = 0.0
    slope.backward()
    assert x.grad == -inf


def test_the_penalty_on_a_gradient() -> None:
    model = MLP(2, [3, 1], "tanh")
    x = [Value(0.5), Value(-1.0)]

    def penalty() -> Any:
        for value in (*x, *model.parameters()):
            value.grad = 0.0
        model(x).backward(create_graph=True)
        slopes: list[Any] = [value.grad for value in x]
        return autograd.sum(slope * slope for slope in slopes)

    total = penalty()
    for value in (*x, *model.parameters()):
        value.grad = 0.0
    total.backward()
    found = [parameter.grad for parameter in model.parameters()]
    for parameter, slope in zip(model.parameters(), found, strict=True):
        data = parameter.data
        numerical = 0.0
        for sign in (1.0, -1.0):
            parameter.data = data + sign * 1e-5
            numerical += sign * number(penalty()) / 2e-5
        parameter.data = data
        assert slope == pytest.approx(numerical, abs=1e-8)


@pytest.mark.no_cover
def test_a_deep_graph_is_differentiated_twice() -> None:
    x = Value(0.25)
    y = x
    for _ in range(5_000):
        y = y + 1e-4 * y * y
    y.backward(create_graph=True)
    slope: Any = x.grad
    x.grad = 0.0
    slope.backward()
    assert x.grad == pytest.approx(grad(grad(_chain))(0.25), rel=1e-9)


def _chain(x: Any) -> Any:
    for _ in range(5_000):
        x = x + 1e-4 * x * x
    return x


def differentiated() -> Value:
    """A product, whose factors are the gradients of each other."""
    x, w = Value(2.0, "x"), Value(3.0, "w")
    product = x * w
    product.backward(create_graph=True)
    assert number(x.grad) == 3.0
    return product


def test_nodes_that_are_each_others_gradients_are_shown() -> None:
    assert len(repr(differentiated().parents[0])) < 200


def test_nodes_that_are_each_others_gradients_are_copied() -> None:
    product = copy.deepcopy(differentiated())
    assert [number(factor.grad) for factor in product.parents] == [3.0, 2.0]


def test_a_copys_gradients_are_numbers() -> None:
    x, w = copy.deepcopy(differentiated()).parents
    assert (x.grad, w.grad) == (3.0, 2.0)
    assert type(x.grad) is type(w.grad) is float


def test_nodes_that_are_each_others_gradients_are_pickled() -> None:
    product = pickle.loads(pickle.dumps(differentiated()))
    assert [number(factor.grad) for factor in product.parents] == [3.0, 2.0]


def test_a_graph_with_recorded_gradients_is_drawn() -> None:
    x = Value(2.0, "x")
    y = sin(x) * x
    y.backward(create_graph=True)
    assert draw(y).source.startswith("digraph")


def test_a_recorded_gradient_is_explained_and_drawn() -> None:
    x = Value(2.0, "x")
    (sin(x) * x).backward(create_graph=True)
    slope, x.grad = x.grad, 0.0
    node: Any = slope
    assert "∂x" in str(explain(node, x))
    for value in interior(node):
        value.grad = 0.0
    assert draw(node).source.startswith("digraph")


@pytest.mark.parametrize("optimiser", [SGD, Adam, AdamW])
def test_an_optimiser_refuses_recorded_gradients(optimiser: Any) -> None:
    model = Neuron(2)
    model([1.0, 2.0]).backward(create_graph=True)
    before = model.state_dict()
    with pytest.raises(TypeError, match="is a node, recorded by backward"):
        optimiser(model.parameters(), 0.125).step()
    assert model.state_dict() == before


# --- partials ------------------------------------------------------------------------------------


@given(programs())
def test_partials_are_the_local_derivatives(program: RandomProgram) -> None:
    for node in interior(program(*map(Value, program.inputs))):
        found = partials(node)
        assert len(found) == len(node.parents)
        for parent, partial, local in zip(node.parents, found, node.local_derivatives, strict=True):
            if parent.op is not CONSTANT:  # of a plain exponent none is taken
                assert number(partial) == pytest.approx(local, rel=1e-13, abs=1e-300)


def test_partials_are_made_of_the_operands_themselves() -> None:
    x, w = Value(2.0), Value(3.0)
    by_x, by_w = partials(x * w)
    assert by_x is w
    assert by_w is x
    y = exp(x)
    assert partials(y)[0] is y
    assert partials(x * 3.0) == (3.0, x)
    assert type(partials(x * 3.0)[0]) is float
    assert partials(linear((2.0, 5.0), (x, w))) == (2.0, 5.0)
    (slope,) = partials(sqrt(Value(0.0)))
    assert number(slope) == inf


def test_partials_of_what_is_not_in_the_table() -> None:
    with pytest.raises(KeyError, match=r"'doubled' is not in the table of functions"):
        partials(new_node(2.0, (Value(1.0),), (2.0,), "doubled"))


def test_infinite_partials_leave_the_arithmetic_as_it_was() -> None:
    assert number(partials(sqrt(Value(0.0)))[0]) == inf
    with pytest.raises(ZeroDivisionError):
        Value(1.0) / 0.0
    autograd.custom_function("undefined_partials", lambda x: x, lambda m, y, x: m.undefined(x))
    with pytest.raises(AttributeError):
        partials(new_node(1.0, (Value(1.0),), (1.0,), "undefined_partials"))
    with pytest.raises(ZeroDivisionError):
        Value(1.0) / 0.0


# --- recorded_adjoints ---------------------------------------------------------------------------


@given(programs(), st.data())
def test_recorded_adjoints_are_the_adjoints_of_what_is_asked_for(
    program: RandomProgram, data: st.DataObject
) -> None:
    nodes = [Value(x) for x in program.inputs]
    root = program(*nodes)
    chosen = data.draw(st.lists(st.sampled_from(nodes), unique_by=id))
    within = dependents(interior(root), chosen)
    found = recorded_adjoints(root, interior(root), within)
    exact = adjoints(root)
    assert set(map(id, found)) <= set(map(id, within)) | {id(root)}
    for node in within:
        expected = exact.get(node, 0.0)
        assert number(found.get(node, 0.0)) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    order = interior(root, stop=chosen)
    for node, slope in zip(chosen, recorded_gradient(root, order, chosen), strict=True):
        assert number(slope) == number(found.get(node, 0.0))


def test_recorded_adjoints_from_a_seed_that_varies() -> None:
    x, seed = Value(3.0), Value(2.0)
    y = x * x
    found: Any = recorded_adjoints(y, interior(y), {x, y}, seed)[x]
    assert found.data == 12.0
    assert adjoints(found)[seed] == 6.0
    assert recorded_adjoints(y, interior(y), {x, y}, 0.0) == {y: 0.0}
    assert recorded_adjoints(y, interior(y), set()) == {y: 1.0}


def test_a_zero_adjoint_contributes_nothing_through_an_infinite_partial() -> None:
    x, zero = Value(0.0), Value(0.0)
    y = sqrt(x)
    assert number(recorded_adjoints(y, interior(y), {x, y}, zero)[x]) == 0.0
    assert number(recorded_adjoints(y, interior(y), {x, y}, Value(1.0))[x]) == inf


# --- linked --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "op"),
    [
        (Value(2.0, "x"), LINEAR),
        (Value(2.0) * 3.0, LINEAR),
        (as_value(2.0), LINEAR),
        (Parameter(2.0, "w"), LINKED_PARAMETER),
        (Parameter(2.0, frozen=True), LINKED_PARAMETER),
        (linked(Parameter(2.0)), LINKED_PARAMETER),
        (linked(Value(2.0)), LINEAR),
    ],
)
def test_a_linked_node_stands_for_another(value: Value, op: str) -> None:
    node = linked(value)
    assert node is not value
    assert (node.data, node.label, node.parents) == (value.data, value.label, (value,))
    assert node.local_derivatives == (1.0,)
    assert node.op == LINEAR
    assert (node.op is LINKED_PARAMETER) == (op is LINKED_PARAMETER)
    assert partials(node) == (1.0,)
    assert leaves(node) == leaves(value)
    node.backward()
    assert value.grad == 1.0


def test_a_linked_node_is_told_apart_after_a_copy() -> None:
    node = linked(Parameter(2.0))
    for again in (copy.deepcopy(node), pickle.loads(pickle.dumps(node))):
        assert again.op is LINKED_PARAMETER
        assert again.parents[0].op is PARAMETER


def test_within_no_grad_a_linked_node_is_a_leaf() -> None:
    with no_grad():
        assert linked(Value(2.0)).parents == ()


def test_bits_of_a_recorded_pass_repeat() -> None:
    def run() -> bytes:
        x, w = Value(0.75), Value(-1.25)
        (sin(x * w) * exp(x) + w**3).backward(create_graph=True)
        return struct.pack("2d", number(x.grad), number(w.grad))

    assert run() == run()
