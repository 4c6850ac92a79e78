"""Traces: what a function records, and whether it records the same again."""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, dot, exp, sin
from autograd.checking.trace import Function, Trace, bits
from nn import MLP


def floats(pattern: bytes) -> float:
    return float(struct.unpack("d", pattern)[0])


@given(st.floats())
def test_bits_are_those_of_the_float(x: float) -> None:
    assert len(bits(x)) == 8
    assert floats(bits(x)) == x or math.isnan(x)


def test_bits_tell_zeros_and_take_nans_alike() -> None:
    assert bits(0.0) != bits(-0.0)
    assert bits(math.nan) == bits(math.nan)


@given(st.floats(), st.floats())
def test_different_numbers_have_different_bits(x: float, y: float) -> None:
    if x != y and not (math.isnan(x) and math.isnan(y)):
        assert bits(x) != bits(y)


def trace(f: Any, *point: float) -> Trace:
    return Function(f, {f"x{i}": x for i, x in enumerate(point)}).record(point)


def test_a_function_of_nested_arguments_is_one_of_a_list_of_floats() -> None:
    def f(x: Value, w: Any) -> Any:
        return {"a": x * w["b"][0], "n": 3, "c": (x,)}

    function = Function(f, {"x": Value(2.0, "speed"), "w": {"b": [5.0]}})
    assert function.name == "f"
    assert function.paths == ["x", "w['b'][0]"]
    assert function.point == [2.0, 5.0]
    assert function.values([3.0, 7.0]) == [21.0, 3.0, 3.0]
    found = function.record([3.0, 7.0])
    assert [(node.data, node.label) for node in found.inputs] == [
        (3.0, "speed"),
        (7.0, "w['b'][0]"),
    ]
    assert found.names == ["['a']", "['n']", "['c'][0]"]
    assert found.outputs[2] is found.inputs[0]
    assert not found.outputs[1].parents
    assert [node.op for node in found.nodes] == ["*"]


class Gain:
    def __call__(self, x: Value) -> Value:
        return 2.0 * x

    def method(self, x: Value) -> Value:
        return 3.0 * x


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (lambda x: x, "f"),
        (sin, "sin"),
        (Gain(), "Gain"),
        (Gain().method, "method"),
        (functools.partial(sin), "partial"),
        (abs, "abs"),
    ],
)
def test_functions_have_a_name(f: Any, name: str) -> None:
    assert Function(f, {"x": 1.0}).name == name


def test_a_model_is_recorded_anew_each_time_with_its_kinds_of_leaves() -> None:
    model = MLP(1, [1])
    function = Function(lambda m, x: m([x]), {"model": model, "x": 0.5})
    first, second = function.record(function.point), function.record(function.point)
    assert not {*map(id, first.inputs)} & {*map(id, second.inputs), *map(id, model.parameters())}
    assert [p.op for p in first.inputs[:-1]] == [p.op for p in model.parameters()]
    assert first.same_shape(second)
    assert first.changed(second) == []


def test_something_else_than_numbers_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"f returned, at \[1\]: .*got str"):
        Function(lambda x: [x, "a"], {"x": 1.0}).record([1.0])


# --- shapes --------------------------------------------------------------------------------------

ALIKE = [
    lambda x, y: x * y + x,
    lambda x, y: x * y + y,
    lambda x, y: y * x + x,
    lambda x, y: x * y - x,
    lambda x, y: x * y,
    lambda x, y: [x * y, x * y],
    lambda x, y: [x * y] * 2,
    lambda x, y: (lambda z: [z, z + z])(x * y),
    lambda x, y: x * x + x,
    lambda x, y: x,
    lambda x, y: y,
    lambda x, y: {"a": x},
    lambda x, y: 1.0,
    lambda x, y: x + 1.0,
    lambda x, y: (lambda one: (x + one) * one)(Value(1.0)),
    lambda x, y: (x + 1.0) * 1.0,
    lambda x, y: exp(x) + 1.0,
    lambda x, y: dot([1.0, 2.0], [x, y]),
]


@pytest.mark.parametrize("first", range(len(ALIKE)))
def test_shapes_tell_functions_apart_and_not_points(first: int) -> None:
    one = trace(ALIKE[first], 1.0, 2.0)
    for second, f in enumerate(ALIKE):
        other = trace(f, -3.0, 0.25)
        assert one.same_shape(other) == other.same_shape(one) == (first == second)


def test_constants_are_numbers_that_are_no_inputs() -> None:
    outside = Value(4.0)
    found = trace(lambda x: [(x * 2.0 + outside) + dot([5.0, 6.0], [x, x]), x, 7.0], 1.0)
    assert sorted(number for _, _, number in found.constants()) == [2.0, 4.0, 5.0, 6.0, 7.0]


def test_changed_constants_are_found_where_they_enter() -> None:
    def f(x: Value) -> Any:
        return [x * x.data, dot([x.data], [x]), x.data, x * 2.0]

    found = trace(f, 1.0).changed(trace(f, 2.0))
    assert [(node.op, place) for node, place in found] == [("*", 1), ("linear", 0), ("", 0)]
    assert trace(f, 1.0).changed(trace(f, 1.0)) == []


def test_a_sign_of_zero_is_a_change() -> None:
    def f(x: Value) -> Value:
        return x + 0.0 * x.data

    assert trace(f, 1.0).changed(trace(f, -1.0))


# --- what depends on the inputs ------------------------------------------------------------------

Program = list[tuple[str, int, int]]
PROGRAMS = st.lists(
    st.tuples(st.sampled_from("+*-"), st.integers(0, 30), st.integers(0, 30)), max_size=12
)


def run(program: Program, xs: Sequence[Value]) -> Value:
    """Record a straight-line program on inputs and the constant 2."""
    nodes = [*xs, Value(2.0)]
    for op, i, j in program:
        a, b = nodes[i % len(nodes)], nodes[j % len(nodes)]
        nodes.append(a + b if op == "+" else a * b if op == "*" else a - b)
    return nodes[-1]


@given(PROGRAMS)
def test_active_nodes_are_those_that_depend_on_an_input(program: Program) -> None:
    found = trace(lambda x, y: run(program, [x, y]), 1.5, 2.5)
    depends = dict.fromkeys(found.inputs, True)
    for node in found.nodes:
        depends[node] = any(depends.get(parent, False) for parent in node.parents)
    links = found.active()
    assert list(links) == [node for node in found.nodes if depends[node]]
    for node, parents in links.items():
        places = sorted(place for places in parents.values() for place in places)
        assert places == [i for i, p in enumerate(node.parents) if depends.get(p, False)]
        for parent, positions in parents.items():
            assert all(node.parents[place] is parent for place in positions)


@given(PROGRAMS, st.floats(-2.0, 2.0), st.floats(-2.0, 2.0))
def test_a_program_has_one_shape_and_its_own_constants(
    program: Program, x: float, y: float
) -> None:
    def f(x: Value, y: Value) -> Value:
        return run(program, [x, y])

    one, other = trace(f, 1.5, 2.5), trace(f, x, y)
    assert one.same_shape(other)
    assert one.shape() == other.shape()
    assert one.changed(other) == []
