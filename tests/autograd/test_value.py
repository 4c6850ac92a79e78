"""`Value`: the table of semantics row by row, then random graphs, then graphs a million deep."""

from __future__ import annotations

import copy
import math
import operator
import struct
from collections.abc import Callable
from fractions import Fraction
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Value
from autograd.graph import topological_order
from autograd.kinds import CONSTANT
from tests.autograd.kinds_of_numbers import NO_NUMBERS, NUMBERS, described
from tests.autograd.naive import OPERATIONS, Program, exact_derivatives, programs
from tests.peers import require_torch

inf = math.inf


def state(value: Value) -> tuple[Any, ...]:
    """Everything about a node except its parents."""
    return value.data, value.grad, value.local_derivatives, value.op, value.label


def bits(values: list[Value]) -> bytes:
    return struct.pack(f"{2 * len(values)}d", *[x for v in values for x in (v.data, v.grad)])


def recorded(value: Value) -> bool:
    assert bool(value.op) == bool(value.parents) == bool(value.local_derivatives)
    return bool(value.parents)


# --- attributes ----------------------------------------------------------------------------------


def test_attributes_of_a_leaf_and_of_a_result() -> None:
    x, y = Value(2, "x"), Value(3.0)
    assert (*state(x), x.parents) == (2.0, 0.0, (), "", "x", ())
    assert y.label is None
    product = x * y
    assert state(product) == (6.0, 0.0, (3.0, 2.0), "*", None)
    assert product.parents[0] is x
    assert product.parents[1] is y
    for value in (x, product):
        assert type(value.data) is type(value.grad) is float
    root = autograd.exp(product)
    assert state(root) == (math.exp(6.0), 0.0, (math.exp(6.0),), "exp", None)


def test_attributes_are_slots_and_those_of_the_table_only() -> None:
    x: Any = Value(1.0)
    slots = {s for cls in type(x).__mro__ for s in getattr(cls, "__slots__", ())}
    assert slots == {"_number", "_grad", "_label", "parents", "local_derivatives", "op"}
    assert not hasattr(x, "__dict__")
    with pytest.raises(AttributeError):
        x.gradient = 1.0


# --- what mixes with a Value ---------------------------------------------------------------------

OPERATORS = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.pow,
    operator.floordiv,
    operator.mod,
]


@pytest.mark.parametrize("number", NUMBERS, ids=described)
@pytest.mark.parametrize("apply", OPERATORS)
def test_operators_take_real_numbers_on_either_side(
    apply: Callable[[Any, Any], Any], number: Any
) -> None:
    x = Value(1.75)
    for result, places in [(apply(x, number), 0), (apply(number, x), 1)]:
        assert type(result) is Value
        assert type(result.data) is float
        operands = [1.75, float(number)] if places == 0 else [float(number), 1.75]
        assert result.data == apply(*operands)
        assert result.parents[places] is x
        constant = result.parents[1 - places]
        assert constant.op is CONSTANT
        assert constant.data == float(number)


@pytest.mark.parametrize("apply", OPERATORS)
@given(x=st.floats(0.25, 4.0), y=st.floats(0.25, 4.0))
def test_operators_are_pythons_and_know_their_derivatives(
    apply: Callable[[Any, Any], Any], x: float, y: float
) -> None:
    quotient = x // y
    expected = {
        operator.add: (1, 1),
        operator.sub: (1, -1),
        operator.mul: (y, x),
        operator.truediv: (1 / y, -x / y**2),
        operator.pow: (y * x ** (y - 1), math.log(x) * x**y),
        operator.floordiv: (0, 0),
        operator.mod: (1, -quotient),
    }[apply]
    left, right = Value(x), Value(y)
    both = apply(left, right)
    assert both.data == apply(left, y).data == apply(x, right).data == apply(x, y)
    assert both.local_derivatives == pytest.approx(expected, rel=1e-13, abs=1e-15)
    for result, leaf, derivative in [
        (both, left, expected[0]),
        (apply(left, y), left, expected[0]),
        (both, right, expected[1]),
        (apply(x, right), right, expected[1]),
    ]:
        result.zero_grad()
        result.backward()
        assert leaf.grad == pytest.approx(derivative, rel=1e-13, abs=1e-15)
    left /= y  # an operator in place makes a new node as well
    assert left.parents[0].data == x


def test_unary_operators_divmod_and_builtin_sum() -> None:
    x = Value(-2.5)
    assert [(+x).data, (-x).data, abs(x).data] == [-2.5, 2.5, 2.5]
    assert [v.data for v in divmod(x, 2)] == list(divmod(-2.5, 2))
    assert [v.data for v in divmod(2, x)] == list(divmod(2, -2.5))
    mixed: list[Any] = [x, x, 1]
    assert sum(mixed).data == -4.0
    unsupported: list[Callable[..., object]] = [operator.invert, operator.index, iter, len]
    for function in unsupported:
        with pytest.raises(TypeError):
            function(x)


@pytest.mark.parametrize("other", NO_NUMBERS, ids=described)
def test_anything_else_is_a_type_error_that_names_both(other: Any) -> None:
    x = Value(1.0)
    attempts: list[Callable[[], Any]] = [
        *[lambda f=f: f(x, other) for f in OPERATORS],
        *[lambda f=f: f(other, x) for f in OPERATORS if not isinstance(other, str | bytes)],
        lambda: other + x,
        lambda: Value(other),
        lambda: autograd.exp(other),
        lambda: autograd.hypot(x, other),
        lambda: autograd.sum([x, other]),
        lambda: x.backward(other),
    ]
    for attempt in attempts:
        with pytest.raises(TypeError) as caught:
            attempt()
        assert "Value" in str(caught.value)
        assert type(other).__name__ in str(caught.value)
    assert x != other


def test_other_libraries_scalars_are_refused_by_their_name() -> None:
    tensor, x = require_torch().tensor(1.0), Value(1.0)
    for attempt in (Value, autograd.exp, x.backward, lambda t: x + t, lambda t: t + x):
        with pytest.raises(TypeError, match="Tensor"):
            attempt(tensor)


def test_numbers_too_large_for_a_float_overflow() -> None:
    x = Value(1.0)
    for attempt in (Value, x.__add__, x.__rpow__, autograd.exp, x.backward):
        with pytest.raises(OverflowError, match="too large"):
            attempt(10**400)


def test_powers_take_no_modulus() -> None:
    x: Any = Value(2.0)
    with pytest.raises(TypeError, match="modulus"):
        pow(x, 3, 5)


# --- object arrays -------------------------------------------------------------------------------


@pytest.mark.parametrize("apply", OPERATORS)
def test_arrays_combine_element_by_element_on_either_side(
    apply: Callable[[Any, Any], Any],
) -> None:
    numbers, x = np.array([1.5, 2.0]), Value(0.75)
    values = np.array([Value(0.5), Value(3.0)])
    for left, right, expected in [
        (numbers, x, apply(numbers, 0.75)),
        (x, numbers, apply(0.75, numbers)),
        (values, 2.5, apply(np.array([0.5, 3.0]), 2.5)),
        (np.float64(2.5), values, apply(2.5, np.array([0.5, 3.0]))),
        (values, x, apply(np.array([0.5, 3.0]), 0.75)),
        (values, numbers, apply(np.array([0.5, 3.0]), numbers)),
    ]:
        result = apply(left, right)
        assert result.shape == (2,)
        assert all(type(v) is Value and v.parents for v in result)
        assert [v.data for v in result] == pytest.approx(expected, rel=1e-15)


def test_numpys_functions_on_object_arrays_give_values() -> None:
    # fmt: off
    functions: list[Any] = [
        np.exp, np.exp2, np.expm1, np.log, np.log2, np.log10, np.log1p, np.sqrt, np.cbrt,
        np.square, np.reciprocal, np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.sinh,
        np.cosh, np.tanh, np.arcsinh, np.arctanh, np.abs, np.negative, np.sum, np.mean, np.prod,
        np.linalg.norm,
    ]
    # fmt: on
    numbers = np.array([0.25, 0.75])
    for function in functions:
        result = np.atleast_1d(function(np.array([Value(0.25), Value(0.75)])))
        assert all(type(v) is Value and v.parents for v in result)
        expected = np.atleast_1d(function(numbers))
        assert [v.data for v in result] == pytest.approx(expected, rel=1e-15)
        for v in result:
            assert function(Value(0.5)).data == pytest.approx(function(0.5), rel=1e-15)
            assert v.parents
    for binary in (np.hypot, np.arctan2, np.power):
        values = np.array([Value(0.25), Value(0.75)])
        for result in (binary(values, 2.0), binary(values, values[::-1])):
            assert all(type(v) is Value and v.parents for v in result)


def test_a_matrix_times_a_vector_of_values_has_gradients() -> None:
    matrix, x = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([Value(0.5), Value(-1.0)])
    outputs = matrix @ x
    outputs[1].backward()
    assert [v.data for v in outputs] == [-1.5, -2.5]
    assert [v.grad for v in x] == [3.0, 4.0]


# --- backward ------------------------------------------------------------------------------------


def test_backward_sets_interior_nodes_and_accumulates_in_leaves() -> None:
    x = Value(3.0)
    square = x * x
    root = square + x
    for passes in (1, 2, 3):
        root.backward()
        assert (root.grad, square.grad, x.grad) == (1.0, 1.0, 7.0 * passes)
    root.zero_grad()
    assert (root.grad, square.grad, x.grad) == (0.0, 0.0, 0.0)
    root.backward()
    assert x.grad == 7.0


def test_backward_from_two_roots_that_share_interior_nodes() -> None:
    x = Value(3.0)
    shared = x * x
    first, second = 2 * shared, shared * shared
    first.backward()
    assert (shared.grad, x.grad) == (2.0, 12.0)
    second.backward()
    assert (shared.grad, x.grad) == (18.0, 12.0 + 108.0)
    assert first.grad == 1.0  # not part of the second pass


def test_backward_starts_from_the_seed() -> None:
    x = Value(3.0)
    root = x * x
    for seed in NUMBERS:
        root.zero_grad()
        root.backward(seed)
        assert (type(x.grad), x.grad, root.grad) == (float, 6.0 * float(seed), float(seed))
    root.zero_grad()
    root.backward(0.0)
    assert x.grad == 0.0
    root.backward(math.nan)
    assert math.isnan(x.grad)


def test_backward_from_a_leaf_accumulates() -> None:
    x = Value(3.0)
    x.backward()
    x.backward(2.5)
    assert x.grad == 3.5


def test_zero_grad_reaches_everything_below_and_nothing_above() -> None:
    x, y = Value(2.0), Value(5.0)
    inner = x * 3
    outer = inner * y
    outer.backward()
    inner.zero_grad()
    assert (outer.grad, inner.grad, x.grad, y.grad) == (1.0, 0.0, 0.0, 6.0)


def test_changing_a_leafs_data_does_not_alter_recorded_derivatives() -> None:
    x, y = Value(2.0), Value(5.0)
    before = autograd.sin(x) * y / x
    x.data, y.data = 100.0, -100.0
    before.backward()
    assert before.data == math.sin(2.0) * 5.0 / 2.0
    assert x.grad == pytest.approx(5.0 * (math.cos(2.0) / 2.0 - math.sin(2.0) / 4.0), rel=1e-15)
    assert y.grad == pytest.approx(math.sin(2.0) / 2.0, rel=1e-15)
    assert (x * y).data == -10_000.0


def test_an_infinite_derivative_is_inf_and_a_zero_adjoint_silences_it() -> None:
    x, y = Value(0.0), Value(1.0)
    root = autograd.sqrt(x)
    root.backward()
    assert x.grad == inf
    x.zero_grad()
    silenced: list[Value] = [
        root * 0.0,
        autograd.where(False, root, y),
        autograd.maximum(root, y),
        autograd.relu(root - 1.0),
        autograd.sum([autograd.dot([root], [Value(0.0)]), y]),
    ]
    for silent in silenced:
        silent.backward()
        assert x.grad == 0.0
    root.backward(0.0)
    assert x.grad == 0.0


def test_detach_gives_a_leaf_of_its_own() -> None:
    x = Value(2.0)
    node = x * 3
    node.label = "node"
    node.backward()
    leaf = node.detach()
    assert (*state(leaf), leaf.parents) == (6.0, 0.0, (), "", "node", ())
    (leaf * x).backward()
    assert (leaf.grad, x.grad, node.grad) == (2.0, 3.0 + 6.0, 1.0)


# --- kinks ---------------------------------------------------------------------------------------


def test_derivatives_at_kinks_are_the_conventions() -> None:
    x = Value(0.0)
    for name in ("relu", "abs", "sign", "floor", "ceil", "trunc"):
        assert getattr(autograd, name)(x).local_derivatives == (0.0,)
    assert autograd.maximum(x, Value(0.0)).local_derivatives == (0.5, 0.5)
    assert autograd.minimum(x, Value(0.0)).local_derivatives == (0.5, 0.5)
    assert autograd.maximum(x, x).local_derivatives == (0.5, 0.5)
    assert (x // 1).local_derivatives[0] == 0.0


# --- powers --------------------------------------------------------------------------------------


def test_powers_at_the_edges_of_their_domain() -> None:
    def derivatives(x: float, y: float) -> tuple[float, ...]:
        return (Value(x) ** Value(y)).local_derivatives

    assert derivatives(0.0, 2.0) == (0.0, 0.0)
    assert derivatives(0.0, 1.0) == (1.0, 0.0)
    assert derivatives(0.0, 0.5) == (inf, 0.0)
    for x in (0.0, 2.0):
        assert derivatives(x, 0.0) == (0.0, math.log(x) if x else 0.0)
        assert (Value(x) ** 0).local_derivatives[0] == 0.0
    assert derivatives(-2.0, 3.0)[0] == 12.0
    assert (Value(-2.0) ** 3).local_derivatives == (12.0, 0.0)
    assert (Value(-2.0) ** -1).local_derivatives == (-0.25, 0.0)
    for base, exponent in [(Value(-2.0), 0.5), (-2.0, Value(0.5)), (Value(-2.0), Value(0.5))]:
        with pytest.raises(ValueError, match=r"negative .* fractional exponent"):
            operator.pow(base, exponent)


# --- precision: the rest is held to the table in test_rules --------------------------------------


@pytest.mark.parametrize(
    ("function", "x", "data", "derivative"),
    [
        (autograd.sigmoid, -700.0, math.exp(-700.0), math.exp(-700.0)),
        (autograd.sigmoid, 1000.0, 1.0, 0.0),
        (autograd.softplus, 1000.0, 1000.0, 1.0),
        (autograd.softplus, -700.0, math.exp(-700.0), math.exp(-700.0)),
        (autograd.log1p, 1e-300, 1e-300, 1.0),
        (autograd.expm1, 1e-300, 1e-300, 1.0),
        (lambda x: autograd.logsumexp([x, 0.0]), 1000.0, 1000.0, 1.0),
        (lambda x: autograd.hypot(x, 4e300), 3e300, 5e300, 0.6),
    ],
)
def test_no_overflow_and_no_cancellation(
    function: Callable[[Any], Any], x: float, data: float, derivative: float
) -> None:
    leaf = Value(x)
    root = function(leaf)
    root.backward()
    assert root.data == pytest.approx(data, rel=1e-15, abs=0.0)
    assert leaf.grad == pytest.approx(derivative, rel=1e-15, abs=0.0)


# --- inference -----------------------------------------------------------------------------------


def test_plain_numbers_in_plain_numbers_out() -> None:
    for result in (autograd.exp(1), autograd.hypot(3, Fraction(4)), autograd.sum([1, True])):
        assert type(result) is float
    assert type(autograd.dot([1], [2])) is type(autograd.softmax([1])[0]) is float


# --- random graphs -------------------------------------------------------------------------------


def run(program: Program) -> tuple[list[Value], list[Value]]:
    """Record a program; return the leaves, and the results of the instructions."""
    leaves = [Value(leaf) for leaf in program.leaves]
    return leaves, program.run(autograd, leaves)[len(leaves) :]


def close(actual: float, expected: float, scale: float) -> bool:
    """Compare to 1e-12 of what was added up, with the error of the recorded numbers on top."""
    return abs(actual - expected) <= 1e-12 * (1.0 + scale) ** 2


def check_against_paths(program: Program) -> None:
    leaves, results = run(program)
    values, nodes = [*leaves, *results], program.model()
    values[-1].backward()
    expected = exact_derivatives(nodes[-1])
    for value, node in zip(values, nodes, strict=True):
        assert value.data == pytest.approx(node.data, rel=1e-13, abs=1e-13)
        derivative, scale = expected.get(node, (0.0, 0.0))
        assert close(value.grad, derivative, scale)


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_of_the_random_graphs_by_itself(name: str) -> None:
    for places in ((0, 1, 2, 3), (1, 0, 1, 0), (2, 3, 0, 1), (3, 2, 3, 2)):
        operands = places[: OPERATIONS[name].arity]
        check_against_paths(Program([0.75, -1.5, 2.25, -0.5], [(name, operands)]))


@given(programs(max_size=8))
def test_random_graphs_against_the_sum_over_all_paths(program: Program) -> None:
    check_against_paths(program)


@pytest.mark.no_cover
@given(program=programs(max_size=30), seed=st.floats(-2.0, 2.0), twice=st.booleans())
def test_random_graphs_against_pytorch(program: Program, seed: float, twice: bool) -> None:
    torch = require_torch()
    leaves, results = run(program)
    tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in program.leaves]
    outputs = program.run(torch_namespace(torch), tensors)[len(leaves) :]
    places = [-1, len(results) // 2] if twice else [-1]
    grads = [0.0] * len(leaves)
    scales = [0.0] * len(leaves)  # the sums over paths that the gradients are, of absolute values
    for place in places:
        root, peer = results[place], outputs[place]
        root.backward(seed)
        assert root.data == pytest.approx(peer.item(), rel=1e-12, abs=1e-12)
        # Added up here: in PyTorch 2.13.0 the .grad of several leaves may be views of one number.
        derivatives = torch.autograd.grad(peer, tensors, retain_graph=True, allow_unused=True)
        order = topological_order(root)
        sums = dict.fromkeys(order, 0.0) | {root: 1.0}
        for node in reversed(order):
            for parent, derivative in zip(node.parents, node.local_derivatives, strict=True):
                sums[parent] += sums[node] * abs(derivative)
        for i, leaf in enumerate(leaves):
            grads[i] += 0.0 if derivatives[i] is None else seed * derivatives[i].item()
            scales[i] += sums.get(leaf, 0.0)
    for leaf, grad, scale in zip(leaves, grads, scales, strict=True):
        assert close(leaf.grad, grad, scale)


def torch_namespace(torch: ModuleType) -> SimpleNamespace:
    names = ["arctan", "cos", "exp", "log", "maximum", "minimum", "relu", "sigmoid", "sin", "sqrt"]
    return SimpleNamespace(
        **{name: getattr(torch, name) for name in [*names, "tanh"]},
        dot=lambda xs, ys: torch.stack(xs) @ torch.stack(ys),
        hypot=torch.hypot,
        logsumexp=lambda xs: torch.stack(xs).logsumexp(0),
        prod=lambda xs: torch.stack(xs).prod(),
        softplus=lambda x: torch.nn.functional.softplus(x, threshold=1000.0),
        sum=lambda xs: torch.stack(xs).sum(),
    )


@given(programs(max_size=30))
def test_runs_repeat_bit_for_bit(program: Program) -> None:
    outcomes = set()
    for _ in range(3):
        leaves, results = run(program)
        for root in results[-2:]:
            root.backward(0.1)
        outcomes.add(bits([*leaves, *results]))
        for root in results[-2:]:
            root.zero_grad()
            root.backward(0.1)
        outcomes.add(bits(copy.deepcopy(results[-1:])))
    assert len(outcomes) == 2


def test_numpys_variance_of_values_has_gradients() -> None:
    xs = [Value(1.0), Value(2.0), Value(6.0)]
    np.var(np.array(xs)).backward()
    assert [x.grad for x in xs] == pytest.approx([2 / 3 * (x.data - 3.0) for x in xs])


@pytest.mark.parametrize(
    "call",
    [
        lambda x: Value(x),
        lambda x: Value(1.0) * x,
        lambda x: Value(1.0) ** x,
        lambda x: Value(1.0) == x,
        lambda x: Value(1.0) < x,
        lambda x: autograd.exp(x),
        lambda x: autograd.where(Value(1.0), 2.0, x),
        lambda x: autograd.sum(np.ma.masked_array([1.0, 2.0], [False, x is np.ma.masked])),
        lambda x: autograd.dot([1.0, x], [Value(2.0), 3.0]),
    ],
)
def test_masked_numbers_are_refused(call: Any) -> None:
    with pytest.raises(TypeError, match="the mask of a masked array would be ignored"):
        call(np.ma.masked)
