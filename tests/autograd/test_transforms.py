"""Transforms of plain functions, compared with mpmath, with each other, and on published traps."""

from __future__ import annotations

import builtins
import copy
import functools
import gc
import inspect
import math
import multiprocessing
import operator
import os
import pickle
import struct
import subprocess
import sys
import threading
import weakref
from collections import Counter, OrderedDict, UserDict, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

import autograd
from autograd import (
    Value,
    cbrt,
    cos,
    custom_function,
    draw,
    exp,
    explain,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    sin,
    sqrt,
    square,
    value_and_grad,
    vjp,
)
from autograd.grad_mode import paused
from autograd.graph import interior, topological_order
from autograd.kinds import CONSTANT
from autograd.testing.programs import RandomProgram, programs
from autograd.value import as_value, new_node
from nn import MLP, Module, Neuron, Parameter
from tests.counting import counting
from tests.oracle import DEFINITIONS, m, mp
from tests.table import TABLE

inf, nan = math.inf, math.nan


def bits(*numbers: float) -> bytes:
    assert {type(x) for x in numbers} <= {float}
    return struct.pack(f"{len(numbers)}d", *numbers)


def close(actual: float, expected: Any, scale: float = 1.0) -> bool:
    """Whether a float is an exact number up to rounding, relative to a scale."""
    assert type(actual) is float
    return bool(abs(actual - expected) <= 1e-11 * (abs(expected) + scale))


# --- against mpmath ------------------------------------------------------------------------------


def composition(m: Any, x: Any) -> Any:
    return m.sin(m.exp(-x * x)) / (1.0 + m.square(m.log1p(x * x)))


COMPOSITIONS: list[Callable[[Any, Any], Any]] = [
    composition,
    lambda m, x: m.tanh(3.0 * x) * m.sqrt(2.0 + m.cos(x)),
    lambda m, x: m.exp(m.sin(x)) ** 1.5 - x / (3.0 + m.cosh(x)),
    lambda m, x: m.arctan(x * m.erf(x)) + m.lgamma(3.0 + x),
    lambda m, x: (2.0 + x) ** (1.0 - x) * m.gelu(x),
    lambda m, x: m.sigmoid(x) * m.softplus(-x) + m.silu(x * x),
    lambda m, x: m.cbrt(2.0 + x) * m.arcsin(x / 3.0) * m.arctan2(x, 2.0),
]


@settings(max_examples=8)
@given(st.sampled_from(COMPOSITIONS), st.floats(-1.25, 1.25))
def test_derivatives_of_compositions_to_the_fourth_order(
    f: Callable[[Any, Any], Any], x: float
) -> None:
    with mp.workdps(50):
        series = mp.taylor(lambda t: f(m, t), mp.mpf(x), 4)
        exact = [coefficient * mp.factorial(n) for n, coefficient in enumerate(series)]
    derivative: Callable[..., Any] = functools.partial(f, autograd)
    scale = float(max(map(abs, exact)))
    for n in range(5):
        assert close(derivative(x), exact[n], scale)
        derivative = grad(derivative)


def rosenbrock(x: Any) -> Any:
    return autograd.sum(
        100.0 * square(x[i + 1] - square(x[i])) + square(1.0 - x[i]) for i in range(len(x) - 1)
    )


def mixed(m: Any, x: Any, y: Any, z: Any) -> Any:
    return m.exp(x * y) * m.sin(z) + m.hypot(x, z) ** y + m.logsumexp([x, y * z, z])


POINT = (1.25, 0.5, -0.75)


mixed_of_three = functools.partial(mixed, autograd)


def test_a_hessian_is_symmetric_and_that_of_mpmath() -> None:
    second = hessian(mixed_of_three, (0, 1, 2))(*POINT)
    for i in range(3):
        for j in range(3):
            orders = [0, 0, 0]
            orders[i] += 1
            orders[j] += 1
            with mp.workdps(50):
                exact = mp.diff(lambda *x: mixed(m, *x), tuple(map(mp.mpf, POINT)), tuple(orders))
            assert close(second[i][j], exact)
            assert close(second[i][j], second[j][i])


def test_a_mixed_derivative_of_the_fourth_order() -> None:
    in_z = grad(grad(mixed_of_three, 2), 2)
    fourth = grad(grad(in_z, 0), -2)(*POINT)
    with mp.workdps(60):
        exact = mp.diff(lambda *x: mixed(m, *x), tuple(map(mp.mpf, POINT)), (1, 1, 2))
    assert close(fourth, exact)


def precisely(program: RandomProgram, inputs: Any) -> Any:
    """Evaluate a program by mpmath's definitions."""
    numbers = list(inputs)
    for name, operands in program.instructions:
        xs = [numbers[x] if isinstance(x, int) else mp.mpf(x) for x in operands]
        numbers.append(DEFINITIONS[name](*xs))
    return numbers[-1]


# --- random programs -----------------------------------------------------------------------------


@given(programs())
def test_a_gradient_is_that_of_backward_to_the_bit(program: RandomProgram) -> None:
    nodes = [Value(x) for x in program.inputs]
    root = program(*nodes)
    root.backward()
    value, slopes = value_and_grad(program, range(len(nodes)))(*program.inputs)
    assert bits(value, *slopes) == bits(root.data, *[node.grad for node in nodes])
    _, pull_back = vjp(program, *program.inputs)
    assert bits(*pull_back(1.0)) == bits(*slopes)


def dot(xs: Any, ys: Any) -> float:
    return math.fsum(map(operator.mul, xs, ys))


def path_sum(root: Value) -> float:
    """Add up the products along all paths without their signs: the scale of rounding errors."""
    order = topological_order(root)
    found = dict.fromkeys(order, 0.0)
    found[root] = 1.0
    for node in reversed(order):
        for parent, derivative in zip(node.parents, node.local_derivatives, strict=True):
            found[parent] += found[node] * abs(derivative)
    return builtins.max(found.values())


SMOOTH = programs(max_size=8, max_depth=5)
DIRECTIONS = st.lists(st.sampled_from([1.0, -0.5, 2.0, 0.0]), min_size=3, max_size=3)


@given(SMOOTH, DIRECTIONS)
def test_forward_and_reverse_agree_in_first_and_second_derivatives(
    program: RandomProgram, direction: list[float]
) -> None:
    x = list(program.inputs)
    v = direction[: len(x)]

    def f(x: Any) -> Any:
        return program(*x)

    slopes = grad(f)(x)
    scale = path_sum(program(*map(Value, x)))
    value, slope = jvp(f, (x,), (v,))
    assert value == program(*x)
    assert close(slope, dot(slopes, v), scale)

    gradient = grad(f)([Value(number) for number in x])  # recorded: it tells the scale
    scale = 1.0 + builtins.max(map(path_sum, gradient))
    rows = hessian(f)(x)  # reverse over reverse, or forward over reverse
    expected = [dot(row, v) for row in rows]
    forward_over_reverse = hvp(f, (x,), (v,))
    reverse_over_forward = grad(lambda x: jvp(f, (x,), (v,))[1])(x)
    reverse_over_reverse = grad(lambda x: autograd.dot(grad(f)(x), v))(x)
    forward_over_forward = jvp(lambda x: jvp(f, (x,), (v,))[1], (x,), (v,))[1]
    for i in range(len(x)):
        assert close(forward_over_reverse[i], expected[i], scale)
        assert close(reverse_over_forward[i], expected[i], scale)
        assert close(reverse_over_reverse[i], expected[i], scale)
    assert close(forward_over_forward, dot(expected, v), 4.0 * scale)


@settings(max_examples=10)
@given(programs(max_size=4, max_depth=3, max_inputs=2))
def test_second_derivatives_of_programs_against_mpmath(program: RandomProgram) -> None:
    x = list(program.inputs)
    gradient = grad(lambda x: program(*x))([Value(number) for number in x])
    scale = 1.0 + builtins.max(map(path_sum, gradient))
    rows = hessian(lambda x: program(*x))(x)
    for i in range(len(x)):
        for j in range(i, len(x)):
            orders = [0] * len(x)
            orders[i] += 1
            orders[j] += 1
            with mp.workdps(40):
                exact = mp.diff(
                    lambda *x: precisely(program, x), tuple(map(mp.mpf, x)), tuple(orders)
                )
            assert close(rows[i][j], exact, scale)
            assert close(rows[j][i], exact, scale)


@given(SMOOTH, DIRECTIONS, DIRECTIONS)
def test_jvp_and_vjp_are_the_jacobian_on_either_side(
    program: RandomProgram, direction: list[float], u: list[float]
) -> None:
    x = list(program.inputs)
    v = direction[: len(x)]

    def f(x: list[Any]) -> list[Any]:
        y = program(*x)
        return [y, x[0] * x[-1], autograd.sum(x)]

    jacobian_of_f = np.array(jacobian(f)(x))
    scale = float(np.abs(jacobian_of_f).max()) + path_sum(program(*map(Value, x)))
    value, forward = jvp(f, (x,), (v,))
    same, pull_back = vjp(f, x)
    (backward,) = pull_back(u)
    assert value == same == f(x)
    assert all(
        map(functools.partial(close, scale=8.0 * scale), forward, (jacobian_of_f @ v).tolist())
    )
    assert all(
        map(functools.partial(close, scale=8.0 * scale), backward, (jacobian_of_f.T @ u).tolist())
    )
    assert close(dot(u, forward), dot(backward, v), 64.0 * scale)


@given(st.integers(1, 4), st.integers(1, 4), st.randoms(use_true_random=False))
def test_the_jacobian_of_a_linear_map_is_its_matrix(rows: int, columns: int, random: Any) -> None:
    matrix = np.array([[random.uniform(-9.0, 9.0) for _ in range(columns)] for _ in range(rows)])
    x = np.array([random.uniform(-9.0, 9.0) for _ in range(columns)])
    found = jacobian(lambda x: matrix @ x)(x)
    assert found.dtype == float
    assert (found == matrix).all()
    assert jacobian(lambda x: [autograd.dot(row, x) for row in matrix])(list(x)) == matrix.tolist()


@settings(max_examples=settings().max_examples)
@given(programs(), st.sampled_from([1, 40, 1 << 18]))
def test_a_jacobian_by_columns_is_that_of_each_direction_to_the_bit(
    program: RandomProgram, at_once: int
) -> None:
    x = list(program.inputs)

    def f(x: list[Any]) -> list[Any]:
        y = program(*x)
        return [y, *x, y * x[0], 2.0, autograd.sum(x), sqrt(x[-1] - x[-1].data), y]

    units = [[float(i == j) for j in range(len(x))] for i in range(len(x))]
    columns = [jvp(f, (x,), (unit,))[1] for unit in units]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("autograd.transforms.CARRIED", at_once)
        found = jacobian(f)(x)
    assert len(found) > len(x)
    for row, expected in zip(found, zip(*columns, strict=True), strict=True):
        assert bits(*row) == bits(*expected)


def test_an_infinite_derivative_does_not_reach_the_columns_that_do_not_move_it() -> None:
    def f(x: list[Any]) -> list[Any]:
        return [sqrt(x[0]) + x[1], sqrt(x[0]) * x[1], x[1], x[1] * x[1], x[0] * 0.0]

    assert jacobian(f)([0.0, 3.0]) == [[inf, 1.0], [inf, 0.0], [0.0, 1.0], [0.0, 6.0], [0.0, 0.0]]


def test_a_jacobian_by_columns_of_sums_of_very_many_terms_keeps_their_digits() -> None:
    def f(x: list[Any]) -> list[Any]:
        return [autograd.dot([0.1] * 10_000, [x[0]] * 10_000), x[0] + x[1], x[1]]

    assert jacobian(f)([1.0, 2.0]) == [[1000.0, 0.0], [1.0, 1.0], [0.0, 1.0]]


def test_a_jacobian_by_columns_walks_the_graph_once(monkeypatch: Any) -> None:
    walks = []

    def counted(*roots: Value, stop: Any = ()) -> list[Value]:
        walks.append(roots)
        return interior(*roots, stop=stop)

    monkeypatch.setattr("autograd.transforms.interior", counted)
    x = [0.1 * i for i in range(5)]
    jacobian(lambda x: [a * b for a in x for b in x])(x)
    assert len(walks) == 1
    walks.clear()
    variables = [Value(number) for number in x]
    jacobian(lambda x: [a * b for a in x for b in x])(variables)  # recorded
    assert len(walks) == 1


def test_the_function_of_a_jacobian_is_called_once() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(x)
        return [x[0] * x[1]] * 3

    assert jacobian(f)([2.0, 3.0]) == [[3.0, 2.0]] * 3
    assert len(calls) == 1


def test_the_hessian_times_a_vector_is_hvp() -> None:
    x = np.array([0.5, -1.25, 2.0, 0.75])
    v = np.array([1.0, 0.0, -2.0, 0.5])
    second = hessian(rosenbrock)(x)
    assert (second == second.T).all()
    np.testing.assert_allclose(hvp(rosenbrock, (x,), (v,)), second @ v, rtol=1e-14)


def test_hvp_of_several_arguments_is_a_tuple_of_their_structures() -> None:
    product = hvp(lambda x, p: x * x * p["a"], (3.0, {"a": 2.0}), (1.0, {"a": 10.0}))
    assert product == (2.0 * 2.0 + 6.0 * 10.0, {"a": 6.0})


def test_graphs_of_any_depth() -> None:
    def f(x: Any) -> Any:
        for _ in range(3_000):
            x = x + 1e-4 * x * x
        return x

    assert type(grad(grad(f))(0.125)) is float
    assert jvp(f, (0.125,), (1.0,))[1] == pytest.approx(grad(f)(0.125), rel=1e-10)


# --- perturbation confusion ----------------------------------------------------------------------


def test_the_inner_variable_is_not_the_outer_one() -> None:
    # Siskind and Pearlmutter 2005: where the two are confused, the first is 2.
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(2.0))(3.0) == 6.0
    assert grad(lambda x: x * grad(lambda y: x * y)(x))(3.0) == 6.0
    assert grad(lambda x: grad(lambda y: x * y * y)(x))(3.0) == 12.0
    assert grad(lambda x: grad(lambda x: x**3)(x) * x)(2.0) == 36.0  # one name for both


def forward(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: jvp(f, (x,), (1.0,))[1]


def pulled_back(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: vjp(f, x)[1](1.0)[0]


def entry(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: jacobian(lambda x: [f(x)])(x)[0]


def by_columns(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: jacobian(lambda x: [f(x), f(x)])(x)[1]


TRANSFORMS = [grad, forward, pulled_back, entry, by_columns]


@pytest.mark.parametrize("outer", TRANSFORMS)
@pytest.mark.parametrize("inner", TRANSFORMS)
def test_every_pair_of_transforms_nests(inner: Any, outer: Any) -> None:
    assert outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0) == 1.0
    assert outer(lambda x: x * inner(lambda y: x * y * y)(x))(2.0) == 24.0
    assert outer(inner(lambda x: x**3))(2.0) == 12.0
    assert outer(lambda x: inner(outer(lambda y: y**3 * x))(x))(2.0) == 24.0
    assert outer(lambda x: inner(lambda y: 3.0 * y)(1.0))(2.0) == 0.0


def test_derivatives_of_the_third_order_with_three_variables() -> None:
    def f(x: Any) -> Any:
        return grad(lambda y: grad(lambda z: x * y * y * z**3)(y) * x)(x)  # d/dy 3 x² y⁴: 12 x⁵

    assert f(2.0) == 12.0 * 2.0**5
    assert grad(f)(2.0) == 60.0 * 2.0**4
    # The innermost depends on the outermost variable alone.
    assert grad(lambda x: grad(lambda y: y * grad(lambda z: x * x * z)(1.0))(1.0))(3.0) == 6.0


def shifted(u: Any) -> Callable[[Any], Callable[[Any], Any]]:
    """The curried function of Manzyuk, Pearlmutter, Radul, Rush and Siskind (2019)."""
    return lambda f: lambda x: f(x + u)


def derivative_at_zero_shift(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: grad(lambda u: shifted(u)(f)(x))(0.0)


def test_a_curried_function_differentiated_twice() -> None:
    differentiated = derivative_at_zero_shift
    assert differentiated(lambda x: x**3)(2.0) == 12.0
    assert differentiated(differentiated(lambda x: x**3))(2.0) == 12.0
    assert differentiated(differentiated(differentiated(lambda x: x**3)))(2.0) == 6.0
    # Its authors' example, exp: where the perturbations are confused, the second is 0.
    assert close(differentiated(differentiated(exp))(1.0), math.e)
    assert grad(lambda x: differentiated(differentiated(lambda y: x * y**3))(x))(2.0) == 24.0


@pytest.mark.parametrize("of", [grad, value_and_grad, jacobian, forward, pulled_back])
def test_a_function_is_no_result(of: Any) -> None:
    with pytest.raises(TypeError, match="function"):
        of(lambda u: shifted(u)(exp))(0.0)


def test_a_variable_that_escapes_is_a_constant_afterwards() -> None:
    escaped = []

    def f(x: Any) -> Any:
        escaped.append(x)
        return x * x

    assert grad(f)(3.0) == 6.0
    found = grad(lambda y: y * escaped[0])(5.0)
    assert (type(found), found) == (float, 3.0)
    assert grad(grad(lambda y: y * y * escaped[0]))(5.0) == 6.0
    assert grad(lambda y: f(y) * escaped[-1] * escaped[0])(2.0) == 36.0  # the last is y


def test_a_closure_that_escapes_keeps_its_own_variable() -> None:
    slope, scaled = grad(lambda x: (x * x, lambda y: x * y), has_aux=True)(3.0)
    assert slope == 6.0
    assert grad(scaled)(2.0) == 3.0
    assert grad(lambda x: grad(lambda y: scaled(x * y))(x))(2.0) == 3.0


def test_one_node_as_a_constant_and_as_the_variable() -> None:
    v = Value(3.0)
    slope = grad(lambda y: v * y * y)(v)
    assert slope.data == 18.0
    slope.backward()
    assert v.grad == 12.0
    v.grad = 0.0
    assert grad(lambda y, z: y * y * z, 0)(v, v).data == 18.0
    found = grad(lambda xs: xs[0] * xs[0] * xs[1])([v, v])
    assert [x.data for x in found] == [18.0, 9.0]


def test_derivatives_within_a_loop() -> None:
    def f(x: Any) -> Any:
        y = x
        for _ in range(3):
            y = y - 0.25 * grad(lambda z: x * z * z / 2.0)(y)  # gradient descent: (1 - x / 4)³ x
        return y

    assert f(2.0) == 0.25
    assert grad(f)(2.0) == 0.125 - 3.0 * 2.0 * 0.25 * 0.25
    total = 0.0
    for n in range(1, 4):
        total = total + grad(lambda x, n=n: x**n)(2.0)
    assert total == 1.0 + 4.0 + 12.0


def test_generators_that_differentiate_in_turn() -> None:
    def slopes(scale: Any) -> Iterator[Any]:
        for x in (1.0, 2.0, 3.0):
            yield grad(lambda y, x=x: scale * y * grad(lambda z: y * z * z)(x))(x)  # 4 s y x

    def f(s: Any) -> Any:
        return autograd.sum(a * b for a, b in zip(slopes(s), slopes(2.0 * s), strict=True))

    assert f(1.0) == 2.0 * (4.0**2 + 16.0**2 + 36.0**2)
    assert grad(f)(1.0) == 2.0 * f(1.0)


def test_the_equations_of_motion_of_a_hamiltonian_within_an_integrator() -> None:
    def trajectory(k: Any, q: Any, derivative: Callable[..., Any]) -> Any:
        p = 0.0 * q
        for _ in range(6):
            p = p - 0.25 * derivative(k, q)
            q = q + 0.25 * p
        return q

    def potential(k: Any, q: Any) -> Any:
        return k * q**4 / 4.0

    def f(k: Any, q: Any) -> Any:
        return trajectory(k, q, grad(potential, 1))

    def exact(k: Any, q: Any) -> Any:
        return trajectory(k, q, lambda k, q: k * q**3)

    for orders in [(1, 0), (0, 1), (1, 1), (0, 2)]:
        derivative = f
        for place, order in enumerate(orders):
            for _ in range(order):
                derivative = grad(derivative, place)
        with mp.workdps(40):
            assert close(derivative(0.75, 1.25), mp.diff(exact, (0.75, 1.25), orders))


def test_the_derivative_of_an_argmin_found_by_newtons_method() -> None:
    def argmin(x: Any) -> Any:
        def energy(y: Any) -> Any:
            return y**4 / 4.0 + y * y / 2.0 - x * y

        y = 1.0
        for _ in range(12):
            y = y - grad(energy)(y) / grad(grad(energy))(y)
        return y

    y = argmin(2.0)  # y³ + y = x
    assert y == 1.0
    assert close(grad(argmin)(2.0), 1.0 / (3.0 * y**2 + 1.0))
    assert close(grad(grad(argmin))(2.0), -6.0 * y / (3.0 * y**2 + 1.0) ** 3)
    assert close(jvp(argmin, (10.0,), (2.0,))[1], 2.0 / 13.0)


def test_nested_transforms_with_argnums() -> None:
    def f(x: Any, y: Any) -> Any:
        return grad(lambda a, b: a * b * b * x, 1)(y, x)  # 2 x² y

    assert grad(f, (0, 1))(2.0, 3.0) == (24.0, 8.0)
    assert hessian(f, (0, 1))(2.0, 3.0) == ((12.0, 8.0), (8.0, 0.0))


def test_a_direction_may_be_the_variable() -> None:
    assert grad(lambda t: jvp(lambda x: x**3, (2.0,), (t,))[1])(5.0) == 12.0
    assert grad(lambda t: hvp(lambda x: x**3, (t,), (t,)))(5.0) == 60.0
    assert grad(lambda u: vjp(lambda x: x**3, 2.0)[1](u)[0])(5.0) == 12.0


def test_a_pull_back_within_another_derivative() -> None:
    _, pull_back = vjp(lambda x: [x * x, x**3], 2.0)
    assert grad(lambda u: pull_back([u, u * u])[0])(3.0) == 4.0 + 6.0 * 12.0
    assert grad(lambda x: x * vjp(lambda y: x * y * y, x)[1](x)[0])(2.0) == 64.0  # 2 x⁴
    outer = []

    def f(x: Any) -> Any:
        outer.append(vjp(lambda y: x * y * y, 3.0)[1])
        return grad(lambda u: u * outer[-1](u)[0])(1.0)  # 2 · 6 x

    assert grad(f)(5.0) == 12.0
    assert outer[0](1.0)[0].data == 30.0


def test_what_a_function_returns_besides_stays_connected() -> None:
    def f(x: Any) -> Any:
        slope, aux = grad(lambda y: (x * y * y, {"cube": x**3 * y}), has_aux=True)(2.0)
        return slope + aux["cube"]

    assert grad(f)(3.0) == 4.0 + 54.0


@pytest.mark.parametrize(
    "second",
    [
        lambda f: grad(f, has_aux=True)(2.0)[1],
        lambda f: value_and_grad(f, has_aux=True)(2.0)[0][1],
        lambda f: jvp(f, (2.0,), (1.0,), has_aux=True)[2],
        lambda f: vjp(f, 2.0, has_aux=True)[2],
    ],
)
def test_what_only_is_returned_besides_stays_connected(second: Any) -> None:
    assert grad(lambda x: second(lambda y: (y * y, x * y)))(3.0) == 2.0


def test_threads_call_a_derivative_for_the_first_time_at_once() -> None:
    together = threading.Barrier(4, timeout=30.0)
    labels = []

    class Slow:
        def __call__(self, first: Any, second: Any) -> Any:
            labels.append((first.label, second))
            return first * second

    slope = grad(Slow())

    def call(x: float) -> Any:
        together.wait()
        return slope(x, 3.0 * x)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(call, [1.0, 2.0, 3.0, 4.0])) == [3.0, 6.0, 9.0, 12.0]
    assert {label for label, _ in labels} == {"first"}


def test_two_threads_differentiate_at_once() -> None:
    together = threading.Barrier(2, timeout=30.0)

    def f(x: Any) -> Any:
        together.wait()
        slope = grad(lambda y: x * y**3)(x)
        together.wait()
        return slope

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(grad(f), [1.0, 2.0])) == [9.0, 36.0]


def test_a_thread_started_within_a_function_knows_its_variables() -> None:
    def f(x: Any) -> Any:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(grad(lambda y: x * x * y), 1.0).result()

    assert grad(f)(3.0) == 6.0


def test_exceptions_leave_no_state_behind() -> None:
    def fails(x: Any) -> Any:
        grad(lambda y: x / (y - y))(x)

    for derivative in (
        grad(fails),
        functools.partial(vjp, fails),
        lambda x: jvp(fails, (x,), (1.0,)),
    ):
        with pytest.raises(ZeroDivisionError):
            derivative(1.0)
        with no_grad():
            with pytest.raises(ZeroDivisionError):
                derivative(1.0)
            assert paused()
    escaped: list[Any] = []

    def escapes(x: Any) -> Any:
        escaped.append(x)
        return x / 0.0

    with pytest.raises(ZeroDivisionError):
        grad(escapes)(2.0)
    assert type(grad(lambda y: y * escaped[0])(1.0)) is float
    assert not paused()


# --- no_grad, and what comes out -----------------------------------------------------------------


def test_within_no_grad_derivatives_are_taken_all_the_same_as_floats() -> None:
    x = Value(3.0)
    with no_grad():
        assert grad(lambda x: x * x)(3.0) == 6.0
        assert grad(grad(lambda x: x**3))(2.0) == 12.0
        found = grad(lambda x: x * x)(x)
        assert (type(found), found) == (float, 6.0)
        assert jacobian(lambda x: [x * x])(3.0) == [6.0]
        assert jvp(lambda x: x * x, (3.0,), (1.0,)) == (9.0, 6.0)
        assert vjp(lambda x: x * x, 3.0)[1](1.0) == (6.0,)
        assert hessian(lambda x: x**3)(2.0) == 12.0


def test_within_no_grad_directions_that_are_values_give_floats() -> None:
    with no_grad():
        assert type(jvp(lambda x: x * x, (3.0,), (Value(1.0),))[1]) is float
        assert type(vjp(lambda x: x * x, 3.0)[1](Value(1.0))[0]) is float


def test_what_is_computed_within_no_grad_is_constant() -> None:
    @no_grad()
    def constant(x: Any) -> Any:
        return x * grad(lambda y: x * y * y)(1.0)

    assert grad(lambda x: x * constant(x))(3.0) == 18.0
    with no_grad():
        assert grad(lambda x: x * constant(x))(3.0) == 18.0


def test_floats_in_floats_out_and_values_in_values_out() -> None:
    def f(x: Any) -> Any:
        return x**3

    for slope in (
        grad(f)(2.0),
        jvp(f, (2.0,), (1.0,))[1],
        vjp(f, 2.0)[1](1.0)[0],
        jacobian(f)(2.0),
    ):
        assert (type(slope), slope) == (float, 12.0)
    for make in TRANSFORMS:
        x = Value(2.0, "x")
        slope = make(f)(x)
        slope.backward()
        assert (slope.data, x.grad) == (12.0, 12.0)
    # A direction that is a Value connects them, whatever the function depends on.
    assert type(jvp(lambda x: [x, 3.0], (2.0,), (Value(1.0),))[1][1]) is Value
    w = Value(5.0)  # of nobody's arguments
    slope = grad(lambda x: w * x * x)(3.0)
    assert (type(slope), slope, w.grad) == (float, 30.0, 0.0)


# --- structures ----------------------------------------------------------------------------------


class Line(NamedTuple):
    slope: Any
    intercept: Any


def leaves_of(structure: Any) -> list[Any]:
    if isinstance(structure, dict):
        return [x for part in structure.values() for x in leaves_of(part)]
    if isinstance(structure, (list, tuple)):
        return [x for part in structure for x in leaves_of(part)]
    if isinstance(structure, np.ndarray):
        return list(structure.flat)
    return [] if structure is None else [structure]


def mapped(f: Callable[[Any], Any], structure: Any) -> Any:
    if isinstance(structure, dict):
        return {key: mapped(f, part) for key, part in structure.items()}
    if isinstance(structure, Line):
        return Line(*[mapped(f, part) for part in structure])
    if isinstance(structure, (list, tuple)):
        return type(structure)(mapped(f, part) for part in structure)
    if isinstance(structure, np.ndarray):
        return f(structure) + 0.0
    return None if structure is None else f(structure)


FLOATS = st.integers(-99, 99).map(lambda n: n / 8.0)
ARRAYS = st.lists(FLOATS, max_size=4).map(np.array) | st.lists(
    st.tuples(FLOATS, FLOATS), min_size=1, max_size=2
).map(np.array)
STRUCTURES = st.recursive(
    FLOATS | st.none() | ARRAYS,
    lambda parts: (
        st.lists(parts, max_size=3)
        | st.tuples(parts, parts)
        | st.dictionaries(st.text(max_size=1) | st.integers(0, 9), parts, max_size=3)
        | st.builds(Line, parts, parts)
    ),
    max_leaves=6,
)


def same(found: Any, expected: Any) -> bool:
    """Whether two structures are of the same types, shapes and numbers."""
    if isinstance(expected, np.ndarray):
        return (
            isinstance(found, np.ndarray)
            and found.dtype == expected.dtype
            and found.shape == expected.shape
            and bool((found == expected).all())
        )
    if type(found) is not type(expected):
        return False
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(same(found[k], expected[k]) for k in expected)
    if isinstance(expected, (list, tuple)):
        return len(found) == len(expected) and all(map(same, found, expected))
    return bool(found == expected)


def sum_of_squares(structure: Any) -> Any:
    return autograd.sum(map(square, leaves_of(structure)))


class Settings(UserDict[str, Any]):
    """A custom mapping."""


class Squares(dict[str, Any]):
    """A dictionary that accepts only floats."""

    def __setitem__(self, key: str, item: float) -> None:
        raise AttributeError(key)


def test_a_gradient_of_a_mapping_is_of_its_type() -> None:
    def product(x: Any) -> Any:
        return x["a"] * x["b"]["c"]

    kinds: list[Any] = [dict, OrderedDict, Counter, Settings, functools.partial(defaultdict, float)]
    for kind in kinds:
        x = kind(a=2.0, b={"c": 3.0})
        slopes = grad(product)(x)
        assert type(slopes) is type(x)
        assert slopes == kind(a=3.0, b={"c": 2.0})
        assert x == kind(a=2.0, b={"c": 3.0})
        assert type(hessian(product)(x)["a"]) is type(x)
        found = autograd.compile(grad(product), backend="numpy")(x)
        assert (type(found), found) == (type(x), slopes)
    slopes = grad(lambda x: x["a"] * x["a"] + x["b"])(defaultdict(float, a=2.0, b=1.0))
    assert slopes["missing"] == 0.0
    assert grad(lambda x: x["a"] * x["a"])(Squares(a=2.0)) == {"a": 4.0}
    frozen = MappingProxyType({"a": 2.0})
    assert type(grad(lambda x: x["a"])(frozen)) is MappingProxyType


def test_masked_arrays_are_refused() -> None:
    masked = np.ma.masked_array([1.0, 2.0], [False, True])
    ones = np.ones(2)
    calls: list[Callable[[], Any]] = [
        lambda: grad(sum_of_squares)(masked),
        lambda: hessian(sum_of_squares)({"a": masked}),
        lambda: jvp(lambda x: x, (ones,), (masked,)),
        lambda: vjp(lambda x: x, ones)[1](masked),
        lambda: jacobian(lambda x: masked * x)(2.0),
        lambda: jacobian(lambda x: np.ma.masked)(2.0),
        lambda: grad(sum_of_squares)([1.0, np.ma.masked]),
    ]
    for call in calls:
        with pytest.raises(TypeError, match="the mask of a masked array would be ignored"):
            call()


@given(STRUCTURES)
def test_a_gradient_has_the_structure_of_its_argument(structure: Any) -> None:
    before = mapped(lambda x: x + 0.0, structure)
    double = mapped(lambda x: 2.0 * x, structure)
    value, slopes = value_and_grad(sum_of_squares)(structure)
    assert same(slopes, double)
    assert value == math.fsum(x * x for x in leaves_of(structure))
    assert same(hvp(sum_of_squares, (structure,), (structure,)), double)
    assert same(jvp(lambda x: x, (structure,), (double,)), (structure, double))
    result, pull_back = vjp(lambda x: {"x": x}, structure)
    assert same(result, {"x": structure})
    assert same(pull_back({"x": double}), (double,))
    assert same(structure, before)


def test_arrays_of_one_and_two_dimensions_and_numpys_functions_on_them() -> None:
    w = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]])
    x = np.array([1.0, 2.0, -0.5])

    def f(w: Any, x: Any) -> Any:
        return np.sum(np.tanh(w @ x) ** 2) / np.linalg.norm(x)

    value, (in_w, in_x) = value_and_grad(f, (0, 1))(w, x)
    y = np.tanh(w @ x)
    length = np.linalg.norm(x)
    exact = 2.0 * y * (1.0 - y**2)
    assert type(value) is float
    assert value == pytest.approx(f(w, x), rel=1e-14)
    np.testing.assert_allclose(in_w, np.outer(exact, x) / length, rtol=1e-13)
    np.testing.assert_allclose(in_x, w.T @ exact / length - x * f(w, x) / length**2, rtol=1e-13)
    assert in_w.dtype == in_x.dtype == float
    assert hessian(lambda w: np.sum(w**3))(w).shape == (2, 3, 2, 3)
    transposed = grad(lambda w: w[0, 1] * w[1, 0] ** 2)(w.T)  # not in the order of C
    assert transposed.tolist() == [[0.0, 1.0], [-3.0, 0.0], [0.0, 0.0]]


def test_arrays_of_single_precision_of_values_and_without_dimensions() -> None:
    single = grad(lambda x: np.sum(x * x))(np.array([1.5, 0.1], dtype=np.float32))
    assert single.tolist() == [3.0, 2.0 * float(np.float32(0.1))]
    x = Value(3.0)
    found = grad(lambda x: np.sum(x * x * x))(np.array([x, 2.0], dtype=object))
    assert [type(slope) for slope in found] == [Value, Value]
    found[0].backward()
    assert (found[0].data, found[1].data, x.grad) == (27.0, 12.0, 18.0)
    numbers = np.array([1.0, 2.0], dtype=object)
    assert grad(lambda x: np.sum(x * x))(numbers).dtype == float
    assert grad(square)(np.array(3.0)) == 6.0
    assert grad(np.exp)(0.0) == 1.0


def test_jacobians_of_arrays_and_structures() -> None:
    x = np.array([2.0, 3.0])
    jacobian_of_f = jacobian(lambda x, y: {"a": x * y, "b": [np.sum(x), (y,)], "c": 1.0}, (0, 1))(
        x, 5.0
    )
    ((a_x, a_y), [(b_x, b_y), ((c_x, c_y),)], (d_x, d_y)) = (
        jacobian_of_f["a"],
        jacobian_of_f["b"],
        jacobian_of_f["c"],
    )
    assert (a_x.tolist(), a_y.tolist()) == ([[5.0, 0.0], [0.0, 5.0]], [2.0, 3.0])
    assert (b_x.tolist(), b_y) == ([1.0, 1.0], 0.0)
    assert (c_x.tolist(), c_y) == ([0.0, 0.0], 1.0)
    assert (d_x.tolist(), d_y) == ([0.0, 0.0], 0.0)
    of_dict = jacobian(lambda p: np.array([p["u"] * p["v"][1], p["v"][0]]))(
        {"u": 2.0, "v": [3.0, 4.0]}
    )
    assert of_dict["u"].tolist() == [4.0, 0.0]
    assert [column.tolist() for column in of_dict["v"]] == [[0.0, 1.0], [2.0, 0.0]]
    outer = jacobian(lambda x: np.outer(x, x))(x)
    expected = np.einsum("ik,j->ijk", np.eye(2), x) + np.einsum("jk,i->ijk", np.eye(2), x)
    assert same(outer, expected)
    of_values = jacobian(lambda x: x * x)(np.array([Value(2.0), Value(3.0)]))
    assert [[slope.data for slope in row] for row in of_values] == [[4.0, 0.0], [0.0, 6.0]]
    assert jacobian(lambda x: None)(1.0) is None


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda x: [1.0, 2.0], [], [[], []]),
        (lambda x: np.ones(2), np.ones(0), np.ones((2, 0))),
        (lambda x: np.ones(2), [], []),
        (lambda x: x[:0], np.ones(3), np.ones((0, 3))),
        (lambda x: 2.0, None, None),
    ],
)
def test_jacobians_without_rows_or_columns(f: Any, x: Any, expected: Any) -> None:
    assert same(jacobian(f)(x), expected)


def test_every_kind_of_real_number_is_taken_as_a_float() -> None:
    for x in (Fraction(1, 4), Decimal("0.25"), np.float64(0.25), np.float32(0.25)):
        slope = grad(lambda x: x * x)(x)
        assert (type(slope), slope) == (float, 0.5)
    assert grad(lambda xs: xs[0] * xs[1])([Fraction(1, 2), Decimal(3)]) == [3.0, 0.5]


def test_a_function_may_return_any_number() -> None:
    for number in (3, True, Fraction(1, 2), Decimal(2), np.float32(0.5), np.int64(3)):
        value, slope = value_and_grad(lambda x, y=number: y)(1.0)
        assert (type(value), value, slope) == (float, float(number), 0.0)


class Scaled:
    """Methods and a call to differentiate."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def __call__(self, x: Any) -> Any:
        return self.scale * x * x

    def method(self, x: Any, *, power: int = 2) -> Any:
        return self.scale * x**power

    @staticmethod
    @grad
    def slope(x: Any) -> Any:
        """Differentiated."""
        return x * x


def test_methods_callables_partial_functions_and_builtins() -> None:
    scaled = Scaled(5.0)
    assert grad(scaled)(2.0) == 20.0
    assert grad(scaled.method)(2.0) == 20.0
    assert grad(scaled.method)(2.0, power=3) == 60.0
    assert grad(Scaled.method, 1)(scaled, 2.0) == 20.0
    assert Scaled.slope(3.0) == 6.0
    assert grad(functools.partial(operator.mul, 3.0))(2.0) == 3.0
    assert grad(functools.partial(lambda x, y: x * y * y, y=3.0))(2.0) == 9.0
    assert grad(builtins.max)([1.0, 2.0]) == [0.0, 1.0]
    assert grad(builtins.sum)([1.0, 2.0]) == [1.0, 1.0]
    assert grad(builtins.abs)(-2.0) == -1.0
    assert grad(sin)(0.0) == 1.0


def test_arguments_by_position_by_keyword_by_default_and_of_any_number() -> None:
    def f(x: Any, y: Any = 2.0, *rest: Any, scale: Any = 1.0, **more: Any) -> Any:
        return scale * x * y * y + sum(rest) * x + sum(more.values())

    assert grad(f)(3.0) == 4.0
    assert grad(f)(3.0, scale=10.0) == 40.0
    assert grad(f)(3.0, y=3.0, other=1.0) == 9.0
    assert grad(f, -1)(3.0, 5.0) == 30.0
    assert grad(f, (0, 2, 3))(3.0, 1.0, 7.0, 8.0) == (16.0, 3.0, 3.0)
    assert grad(f, [-1])(3.0, 1.0, 7.0, 8.0) == (3.0,)
    assert grad(f, ())(3.0) == ()
    assert grad(lambda text, x: x * len(text), 1)("any", 2.0) == 3.0
    seen = []

    def labelled(x: Any, *ys: Any) -> Any:
        seen.append([x.label, *[y.label for y in ys]])
        return x

    grad(labelled, (0, 1, 2))(1.0, 2.0, 3.0)
    assert seen == [["x", "ys[0]", "ys[1]"]]


@pytest.mark.parametrize("argnums", [(1, 0), (-1, 0), [2, 0]])
def test_gradients_come_in_the_order_of_argnums(argnums: Any) -> None:
    def f(*xs: Any) -> Any:
        return autograd.sum(10.0**i * x for i, x in enumerate(xs))

    xs = (1.0, 2.0, 3.0)
    expected = tuple(10.0 ** (number % 3) for number in argnums)
    assert grad(f, argnums)(*xs) == expected
    assert jacobian(f, argnums)(*xs) == expected


def cubic(x: Any, y: Any, z: Any) -> Any:
    return x**3 + 5.0 * y**3 + 7.0 * z**3


@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian])
def test_without_argnums_the_derivative_is_in_the_first_argument(transform: Any) -> None:
    xs = (1.0, 2.0, 3.0)
    found = transform(cubic)(*xs)
    assert found == transform(cubic, 0)(*xs)
    slope = found[1] if transform is value_and_grad else found
    assert slope == (6.0 if transform is hessian else 3.0)


@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian])
def test_argnums_count_from_either_end_to_the_last(transform: Any) -> None:
    xs = (1.0, 2.0, 3.0)
    for place in range(3):
        assert transform(cubic, place - 3)(*xs) == transform(cubic, place)(*xs)
        assert transform(cubic, (place - 3,))(*xs) == transform(cubic, (place,))(*xs)
    for outside in (3, -4, (0, 3), (0, -4)):
        with pytest.raises(ValueError, match="is out of range"):
            transform(cubic, outside)(*xs)


@pytest.mark.parametrize("argnums", [(0, 0), (0, -1)])
def test_argnums_given_twice_are_refused(argnums: Any) -> None:
    for of in (grad, jacobian):
        with pytest.raises(ValueError, match="argnums"):
            of(square, argnums)(3.0)


def test_derivatives_have_the_name_and_signature_of_their_function() -> None:
    def area(width: float, *, height: float = 2.0) -> float:
        """Multiply."""
        return width * height

    for derivative in (grad(area), value_and_grad(area), jacobian(area), hessian(area)):
        assert derivative.__name__ == "area"
        assert inspect.signature(derivative) == inspect.signature(area)
        assert "area" in (derivative.__doc__ or "")
    assert grad(Scaled(1.0))(1.0) == 2.0
    assert "Scaled" in (grad(Scaled(1.0)).__doc__ or "")


@grad
def decorated(x: Any) -> Any:
    return x * x * x


def with_text(x: Any) -> tuple[Any, str]:
    return x * x, "besides"


class Holder:
    """A method that is a derivative."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    @functools.partial(grad, argnums=1)
    def slope(self, x: Any) -> Any:
        return self.scale * x * x


PICKLED: list[tuple[Callable[..., Any], Any]] = [
    (grad(sin), 0.5),
    (grad(grad(sin)), 0.5),
    (grad(sin, (0,)), 0.5),
    (value_and_grad(square), 3.0),
    (jacobian(Scaled(2.0)), 3.0),
    (hessian(autograd.norm, argnums=[0]), [3.0, 4.0]),
    (grad(with_text, has_aux=True), 3.0),
    (decorated, 3.0),
    (hessian(decorated), 3.0),
    (Holder(2.0).slope, 3.0),
]


@pytest.mark.parametrize("place", range(len(PICKLED)))
def test_derivatives_can_be_pickled_where_their_function_can(place: int) -> None:
    derivative, argument = PICKLED[place]
    again = pickle.loads(pickle.dumps(derivative))
    assert again(argument) == derivative(argument)
    assert inspect.signature(again) == inspect.signature(derivative)
    assert again.__doc__ == derivative.__doc__
    assert copy.copy(derivative)(argument) == derivative(argument)


def test_a_derivative_of_the_name_of_its_function_is_not_taken_for_it() -> None:
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    assert pickle.loads(pickle.dumps(grad(sin))) is not autograd.sin
    assert repr(hessian(sin)) == "<hessian(sin)>"


def test_derivatives_of_what_cannot_be_pickled_say_so() -> None:
    @grad
    def local(x: Any) -> Any:
        return x * x

    for derivative in (grad(lambda x: x), hessian(lambda x: x), local):
        with pytest.raises((pickle.PicklingError, AttributeError), match=r"lambda|local"):
            pickle.dumps(derivative)


def test_derivatives_decorate_methods() -> None:
    holder = Holder(5.0)
    assert holder.slope(3.0) == 30.0
    assert Holder.slope(holder, 3.0) == 30.0
    assert grad(lambda x, **options: x * options["self"])(3.0, self=2.0) == 2.0


@pytest.mark.no_cover
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_derivatives_are_mapped_by_other_processes(method: str, tmp_path: Path) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"there is no {method} here")
    (tmp_path / "shared.py").write_text(
        "import autograd\n"
        "def cube(x): return x * x * x\n"
        "@autograd.grad\n"
        "def slope(x): return x * x * x\n"
    )
    (tmp_path / "main.py").write_text(
        "import multiprocessing, autograd, shared\n"
        "if __name__ == '__main__':\n"
        f"    with multiprocessing.get_context('{method}').Pool(2) as pool:\n"
        "        for f in (autograd.grad(shared.cube), shared.slope,\n"
        "                  autograd.compile(autograd.grad(shared.cube), backend='numpy')):\n"
        "            print(pool.map(f, [1.0, 2.0, 3.0]))\n"
    )
    root = Path(autograd.__file__).parents[1]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "main.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == "[3.0, 12.0, 27.0]\n" * 3, done.stderr


def test_what_is_returned_besides_is_as_it_would_be_of_floats() -> None:
    text = object()

    def f(x: Any) -> Any:
        return x * x, {"y": 3.0 * x, "text": text, "all": [x, None, 7, np.array([x, 2.0 * x])]}

    slope, aux = grad(f, has_aux=True)(2.0)
    (value, also), same_slope = value_and_grad(f, has_aux=True)(2.0)
    assert (slope, value, same_slope) == (4.0, 4.0, 4.0)
    for found in (aux, also, jvp(f, (2.0,), (1.0,), has_aux=True)[2], vjp(f, 2.0, has_aux=True)[2]):
        assert found["text"] is text
        assert (type(found["y"]), found["y"]) == (float, 6.0)
        assert (*found["all"][:3], type(found["all"][2])) == (2.0, None, 7, int)
        assert same(found["all"][3], np.array([2.0, 4.0]))
    names = np.array(["a"])
    assert grad(lambda x: (x, names), has_aux=True)(2.0)[1] is names
    x = Value(2.0)
    assert grad(f, has_aux=True)(x)[1]["y"].parents


def test_a_function_is_asked_for_its_signature_once(monkeypatch: Any) -> None:
    asked = []

    def signature(f: Any, **options: Any) -> Any:
        asked.append(f)
        return inspect.Signature.from_callable(f, **options)

    monkeypatch.setattr(inspect, "signature", signature)
    scaled, labels = Scaled(2.0), []

    @functools.wraps(lambda x, y: None)
    def wrapped(x1: Any, x2: Any) -> Any:
        labels.append([x1.label, x2.label])
        return x1 * x2

    for transform in (grad, value_and_grad, jacobian, hessian):
        derivatives = transform(scaled), transform(wrapped, (0, 1))
        for number in (1.0, 2.0, 3.0):
            asked_before = len(asked)
            derivatives[0](number)
            derivatives[1](number, 2.0)
            assert number == 1.0 or len(asked) == asked_before
    assert asked
    asked.clear()
    assert labels == [["x", "y"]] * 12
    for transform in (grad, jacobian, value_and_grad):
        transform(lambda x: x * x)(2.0)
    vjp(scaled.method, 2.0)
    jvp(lambda *xs: xs[0] * xs[1], (2.0, 3.0), (1.0, 0.0))
    hvp(lambda x: x * x, (2.0,), (1.0,))
    assert asked == []


def test_a_gradient_takes_few_more_calls_than_by_hand() -> None:
    def f(x: Any) -> Any:
        return sin(x) * x

    slope = grad(f)
    with counting() as by_hand:
        x = Value(3.0)
        f(x).backward()
        found = x.grad
    assert slope(3.0) == found
    with counting() as transformed:
        slope(3.0)
    assert transformed.calls <= by_hand.calls + 20


def test_derivatives_hold_neither_their_arguments_nor_results() -> None:
    model, slope = Neuron(2), value_and_grad(loss)
    slope(model)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None

    def f(x: Any) -> Any:
        return x * x

    derivative = grad(f)
    derivative(2.0)
    lost = weakref.ref(f)
    del f, derivative
    gc.collect()
    assert lost() is None


class Image:
    """An object that has a shape, but is not an array."""

    shape = (2, 3)


class Table(Image):
    """An object that is converted like an array, but is not one, such as a pandas DataFrame."""

    def astype(self, kind: type) -> Table:
        return self


@pytest.mark.parametrize(
    "other",
    [
        Image(),
        Table(),
    ],
)
def test_what_is_no_array_may_have_a_shape_and_be_returned_besides(other: Any) -> None:
    assert grad(lambda x: (x * x, other), has_aux=True)(2.0)[1] is other


# --- models --------------------------------------------------------------------------------------


class Tied(Module):
    """matrix model that uses one weight twice, with a frozen one, in containers."""

    def __init__(self) -> None:
        self.tied = Parameter(0.5)
        self.layers: dict[str, Any] = {"a": Neuron(2), "b": [Neuron(2)]}
        self.again = [self.tied]
        self.scale = Parameter(2.0, frozen=True)
        self.label_parameters()

    def __call__(self, inputs: Any) -> Any:
        hidden = [self.layers["a"](inputs), self.layers["b"][0](inputs)]
        return self.scale * autograd.tanh(self.tied * hidden[0] + self.again[0] * hidden[1] ** 2)


def loss(model: Any, inputs: Any = (0.5, -1.5), target: float = 0.25) -> Any:
    found = model(inputs)
    return square((found[0] if isinstance(found, list) else found) - target)


@pytest.mark.parametrize("make", [Tied, lambda: MLP(2, [3, 2], "tanh"), lambda: Neuron(2)])
def test_the_gradient_of_a_model_is_that_of_backward(make: Callable[[], Module]) -> None:
    model = make()
    for i, parameter in enumerate(model.parameters()):
        parameter.grad = float(i)

    def state() -> list[Any]:
        parameters = model.parameters()
        return [x for p in parameters for x in (p, p.data, p.grad, p.op, p.label, p.parents)]

    before = state()
    value, slopes = value_and_grad(loss)(model)
    assert all(map(operator.is_, before, state()))
    model.zero_grad()
    root = loss(model)
    root.backward()
    assert bits(value) == bits(root.data)
    assert slopes == {name: parameter.grad for name, parameter in model.named_parameters()}
    assert {type(slope) for slope in slopes.values()} == {float}


def test_second_derivatives_of_a_model() -> None:
    model = Tied()
    names = [name for name, _ in model.named_parameters()]
    second = hessian(loss)(model)
    assert list(second) == names
    direction = {name: 0.5 - i for i, name in enumerate(names)}
    product = hvp(loss, (model,), (direction,))
    for name in names:
        assert list(second[name]) == names
        assert close(product[name], dot(second[name].values(), direction.values()))
        for other in names:
            assert close(second[name][other], second[other][name])

    def of_numbers(numbers: list[Any]) -> Any:
        copied = Tied()
        a, b = copied.layers["a"], copied.layers["b"][0]
        copied.tied = numbers[0]
        copied.again = [numbers[0]]
        (*a.weights, a.bias, w1, w2, b.bias, copied.scale) = numbers[1:]
        b.weights = [w1, w2]
        return loss(copied)

    numbers = [parameter.data for parameter in model.parameters()]
    expected = hessian(of_numbers)(numbers)
    for i, name in enumerate(names):
        assert all(map(close, second[name].values(), expected[i]))


def test_the_jacobian_of_arrays_of_a_model() -> None:
    model = Tied()

    def f(model: Any) -> Any:
        return np.array([model([0.5, 1.0]), 2.0 * model([0.5, 1.0])])

    slopes = grad(lambda model: f(model)[0])(model)
    found = jacobian(f)(model)
    assert same(found, {name: np.array([s, 2.0 * s]) for name, s in slopes.items()})


def test_the_gradient_of_an_updated_model_is_differentiated_through_the_update() -> None:
    class Scale(Module):
        def __init__(self, factor: Any) -> None:
            self.factor = factor

        def __call__(self, x: Any) -> Any:
            return self.factor * x

    def after_a_step(model: Any, rate: Any) -> Any:
        slope = grad(lambda m: square(m(2.0) - 1.0))(model)["factor"]  # 4 (2 w - 1)
        return square(Scale(model.factor - rate * slope)(2.0))  # (2 w - 2 rate (8 w - 4))²

    of_model, of_rate = grad(after_a_step, (0, 1))(Scale(Parameter(3.0)), 0.125)
    w, rate = 3.0, 0.125
    y = 2.0 * w - 2.0 * rate * (8.0 * w - 4.0)
    assert of_model == {"factor": 2.0 * y * (2.0 - 16.0 * rate)}
    assert of_rate == 2.0 * y * -2.0 * (8.0 * w - 4.0)


def penalty(model: Module) -> Any:
    return autograd.sum(p**4 for p in model.parameters())


def test_a_penalty_on_the_parameters_of_a_model() -> None:
    model = Neuron(2)
    expected = {name: 4.0 * p.data**3 for name, p in model.named_parameters()}
    assert grad(penalty)(model) == pytest.approx(expected)


def test_the_hessian_of_a_penalty_on_the_parameters_of_a_model() -> None:
    model = Neuron(2)
    direction = {name: 1.0 for name, _ in model.named_parameters()}
    expected = {name: 12.0 * p.data**2 for name, p in model.named_parameters()}
    assert hvp(penalty, (model,), (direction,)) == pytest.approx(expected)


def test_third_derivatives_of_a_model() -> None:
    model = Neuron(1, "tanh")
    third = grad(lambda m: grad(lambda m: grad(lambda m: m([0.5]))(m)["bias"])(m)["bias"])(model)
    z = math.tanh(0.5 * model.weights[0].data + model.bias.data)
    assert close(third["bias"], -2.0 * (1.0 - z * z) * (1.0 - 3.0 * z * z))


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (2, "x: 2 is not a float: write 2.0"),
        (True, "x: True is not a float: write 1.0"),
        ([1.0, 2], r"x\[1\]: 2 is not a float: write 2.0"),
        ({"a": (1.0, {"b": 3})}, r"x\['a'\]\[1\]\['b'\]: 3 is not a float: write 3.0"),
        (np.arange(3), r"x\[0\]: 0 is not a float"),
        (np.array([[True]]), r"x\[0, 0\]: True is not a float"),
        (np.int64(2), "x: .*2.* is not a float: write 2.0"),
        ("text", "x: expected a float, a Value.* got str"),
        (1j, "x: expected a float, a Value.* got complex"),
        (object(), "x: expected a float.* got object"),
        ([1.0, "a"], r"x\[1\]: .* got str"),
    ],
)
def test_what_is_no_float_is_refused_by_its_path(argument: Any, message: str) -> None:
    def f(x: Any) -> Any:
        pytest.fail("the function must not be called")

    for of in (grad(f), value_and_grad(f), jacobian(f), hessian(f), functools.partial(vjp, f)):
        with pytest.raises(TypeError, match=message):
            of(argument)


@pytest.mark.parametrize("primal", [2, True, np.int64(2)])
def test_what_is_no_float_is_refused_beside_a_tangent(primal: Any) -> None:
    for call in (jvp, hvp):
        with pytest.raises(TypeError, match=r"x: .* is not a float: write"):
            call(lambda x: x * x, (primal,), (1.0,))


@pytest.mark.parametrize("argument", [np.True_, np.array(2), np.array(True)])
def test_numpys_integers_and_booleans_without_dimensions_are_refused(argument: Any) -> None:
    with pytest.raises(TypeError, match="is not a float"):
        grad(square)(argument)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda x: [x, x], "must return one number, but returned list; use jacobian, or return"),
        (lambda x: None, "must return one number, but returned NoneType"),
        (lambda x: {"a": x}, "must return one number, but returned dict"),
        (lambda x: np.array([x, x]), "must return one number, but returned ndarray"),
        *[
            (result, f"must return one number, but returned {kind}")
            for result, kind in [
                (lambda x: "text", "str"),
                (lambda x: 1j, "complex"),
                (lambda x: lambda y: x, "function"),
                (lambda x: (x for _ in range(2)), "generator"),
            ]
        ],
    ],
)
def test_a_function_that_returns_no_number_is_refused_by_name(result: Any, message: str) -> None:
    def area(x: Any) -> Any:
        return result(x)

    for name, of in (("grad", grad), ("value_and_grad", value_and_grad)):
        with pytest.raises(TypeError, match=rf"^{name}\(area\).*{message}"):
            of(area)(1.0)
    with pytest.raises(TypeError, match=message):
        hvp(area, (1.0,), (1.0,))


def test_a_result_that_holds_no_numbers_is_refused_by_its_path() -> None:
    with pytest.raises(TypeError, match=r"^jacobian\(<lambda>\) returned, at \['a'\]\[1\]: .*str"):
        jacobian(lambda x: {"a": [x, "text"]})(1.0)


def test_a_plain_float_within_the_function_is_refused() -> None:
    for f in (float, math.sin, lambda x: np.array([x], dtype=float)[0], lambda x: np.float64(x)):
        with pytest.raises(TypeError, match=r"autograd.sin\(v\), not math.sin\(v\)"):
            grad(f)(1.0)


@pytest.mark.parametrize(
    ("argnums", "error", "message"),
    [
        (1, ValueError, "argnums=1 is out of range: .* with 1 positional argument$"),
        (-2, ValueError, "argnums=-2 is out of range"),
        ((0, 3), ValueError, "argnums=3 is out of range"),
        (True, TypeError, "argnums must be an int, .* got bool: True"),
        ([False], TypeError, "argnums must be an int, .* got bool: False"),
        ((0.0,), TypeError, "argnums must be an int, .* got float: 0.0"),
        ("x", TypeError, "argnums must be an int, .* got str: 'x'"),
    ],
)
def test_argnums_that_name_no_argument(argnums: Any, error: Any, message: str) -> None:
    for of in (grad, value_and_grad, jacobian, hessian):
        with pytest.raises(error, match=message):
            of(square, argnums)(1.0)


@pytest.mark.parametrize("argnums", [None, 1.0, np.int64(0)])
def test_argnums_that_are_no_sequence(argnums: Any) -> None:
    with pytest.raises(TypeError, match="argnums must be an int"):
        grad(square, argnums)(1.0)


def test_arguments_that_the_function_does_not_take() -> None:
    with pytest.raises(TypeError, match=r"takes 1 .* given"):
        grad(lambda x: x)(1.0, 2.0)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'y'"):
        grad(lambda x, y: x)(1.0)
    with pytest.raises(ValueError, match="called with 0 positional arguments"):
        grad(lambda x: x)(x=1.0)


def test_a_decorator_that_takes_arguments_of_its_own() -> None:
    def times(f: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(f)
        def decorated(factor: Any, *args: Any) -> Any:
            return factor * f(*args)

        return decorated

    assert grad(times(lambda x: x * x), 1)(3.0, 2.0) == 12.0


def test_what_is_no_function_is_refused() -> None:
    for of in (grad, value_and_grad, jacobian, hessian):
        with pytest.raises(TypeError, match=f"{of.__name__}: expected a function, got float: 1.0"):
            of(1.0)  # type: ignore[arg-type]
    for call in (jvp, hvp):
        with pytest.raises(TypeError, match=f"{call.__name__}: expected a function, got NoneType"):
            call(None, (1.0,), (1.0,))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="vjp: expected a function, got list"):
        vjp([], 1.0)  # type: ignore[arg-type]


def test_what_is_returned_besides_must_be_a_second() -> None:
    for result in (1.0, [1.0, 2.0], (1.0,), (1.0, 2.0, 3.0)):
        with pytest.raises(TypeError, match="with has_aux=True the function must return a pair"):
            grad(lambda x, y=result: y, has_aux=True)(1.0)
    for x in (1.0, [1.0], Value(1.0)):
        for of in (grad, value_and_grad):
            with pytest.raises(TypeError, match=r"must return a pair, .* but returned Value"):
                of(autograd.sum if x == [1.0] else sin, has_aux=True)(x)


@pytest.mark.parametrize(
    ("primal", "tangent", "message"),
    [
        ([1.0, 2.0], [1.0], r"it lacks a number at \[1\]; got list: "),
        ([1.0, 2.0], 1.0, "which holds 2 numbers; got float: "),
        (1.0, (1.0,), "must be a single number, .* got tuple: "),
        ({"a": 1.0}, {"b": 1.0}, r"it lacks a number at \['a'\]"),
        (np.ones((2, 1)), np.ones(2), r"it lacks a number at \[0, 0\]"),
        (np.ones((2, 2)), [[1.0, 2.0], [3.0]], r"it lacks a number at \[1, 1\]; got list: "),
        (np.ones((2, 2)), np.ones((2, 3)), r"it has an extra number at \[0, 2\]; got ndarray: "),
        ([[1.0], [2.0]], np.ones((2, 2)), r"it has an extra number at \[0, 1\]; got ndarray: "),
        (1.0, "text", "got str"),
    ],
)
def test_a_tangent_or_adjoint_of_another_structure(primal: Any, tangent: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        jvp(lambda x: x, (primal,), (tangent,))
    with pytest.raises(TypeError, match=message):
        hvp(sum_of_squares, (primal,), (tangent,))
    _, pull_back = vjp(lambda x: x, primal)
    with pytest.raises(TypeError, match=message):
        pull_back(tangent)


def lists(array: Any, arrays_from: int) -> Any:
    """Write an array as nested lists of arrays of some number of dimensions."""
    return array if array.ndim <= arrays_from else [lists(part, arrays_from) for part in array]


@given(array_shapes(max_dims=3, max_side=3), st.data())
def test_arrays_and_nested_lists_of_their_numbers_are_one_structure(
    shape: tuple[int, ...], data: Any
) -> None:
    primal, tangent = np.full(shape, 2.0), np.arange(float(math.prod(shape))).reshape(shape)
    forms = st.integers(0, len(shape))
    x, direction, seed = (lists(array, data.draw(forms)) for array in (primal, tangent, tangent))
    slope = jvp(lambda x: x, (x,), (direction,))[1]
    (adjoint,) = vjp(lambda x: x, x)[1](seed)
    for result in (slope, adjoint, 0.5 * np.array(hvp(sum_of_squares, (x,), (direction,)))):
        assert np.array(result).tolist() == tangent.tolist()
    assert type(slope) is type(adjoint) is type(x)


def test_as_many_tangents_as_arguments() -> None:
    for call in (jvp, hvp):
        with pytest.raises(ValueError, match="2 arguments but 1 tangent: "):
            call(lambda x, y: x * y, (1.0, 2.0), (1.0,))


def test_tangents_may_be_any_real_numbers() -> None:
    assert jvp(lambda x, y: x * y, (2.0, 3.0), (1, True)) == (6.0, 5.0)
    assert jvp(lambda x: x[0] * x[1], (np.array([2.0, 3.0]),), (np.array([1, 0]),)) == (6.0, 3.0)


def test_the_keys_of_a_tangent_may_come_in_any_order() -> None:
    def f(p: Any) -> Any:
        return p["a"] * p["b"]

    assert jvp(f, ({"a": 2.0, "b": 3.0},), ({"b": 0.0, "a": 1.0},)) == (6.0, 3.0)


def test_what_the_function_does_not_depend_on_has_derivative_zero() -> None:
    x = {"used": 2.0, "unused": 3.0, "more": [1.0, np.ones(2)]}
    slopes = grad(lambda x: square(x["used"]))(x)
    assert same(slopes, {"used": 4.0, "unused": 0.0, "more": [0.0, np.zeros(2)]})
    assert grad(lambda x: 3.0)(1.0) == 0.0
    assert grad(lambda x: Value(3.0) * 2.0)(1.0) == 0.0
    assert grad(lambda x: x.data)(1.0) == 0.0
    assert grad(grad(lambda x: 3.0 * x))(1.0) == 0.0
    assert hessian(lambda x: x[0])([1.0, 2.0]) == [[0.0, 0.0], [0.0, 0.0]]
    assert jvp(lambda x: 3.0, (1.0,), (1.0,)) == (3.0, 0.0)
    assert vjp(lambda x: 3.0, 1.0)[1](1.0) == (0.0,)
    slope = grad(lambda x: 3.0)(Value(1.0))
    assert (type(slope), slope.data) == (Value, 0.0)
    assert grad(lambda x: 1.0)(None) is None


# --- kinks, choices, infinities, custom functions ------------------------------------------------

KINKED: list[tuple[Callable[[Any], Any], float, list[float]]] = [
    (builtins.abs, 0.0, [0.0, nan, nan]),
    (autograd.relu, 0.0, [0.0, nan, nan]),
    (lambda x: autograd.relu(x) ** 2, 0.0, [0.0, nan, nan]),
    (lambda x: builtins.abs(x * x), 0.0, [0.0, nan, nan]),
    (lambda x: autograd.cbrt(x**3) ** 2, 0.0, [0.0, nan, nan]),
    (lambda x: x * sqrt(x), 0.0, [0.0, nan, nan]),
    (lambda x: autograd.where(x > 1.0, sqrt(x), x), 0.0, [1.0, 0.0, 0.0]),
    (lambda x: autograd.where(x > 1.0, autograd.relu(x), x * x), 0.0, [0.0, 2.0, 0.0]),
    (lambda x: autograd.relu(x) ** 3, 2.0, [12.0, 12.0, 6.0]),
    (lambda x: autograd.leaky_relu(x * x, 0.5), -1.0, [-2.0, 2.0, 0.0]),
    (lambda x: autograd.elu(x, 2.0), -1.0, [2.0 / math.e] * 3),
    (lambda x: autograd.maximum(x * x, x), 1.0, [1.5, nan, nan]),
    (lambda x: autograd.minimum(x**3, x), 2.0, [1.0, 0.0, 0.0]),
    (lambda x: autograd.max([x, x * x, x**3]), 1.0, [2.0, nan, nan]),
    (lambda x: autograd.clip(x**3, -1.0, 1.0), 1.0, [3.0, nan, nan]),
    (lambda x: autograd.clip(x**3, -1.0, 1.0), 2.0, [0.0, 0.0, 0.0]),
    (lambda x: autograd.floor(x) * x * x, 2.5, [10.0, 4.0, 0.0]),
    (lambda x: autograd.where(x > 0.0, x**3, -x), 2.0, [12.0, 12.0, 6.0]),
    (lambda x: autograd.where(x > 0.0, x**3, -x), -2.0, [-1.0, 0.0, 0.0]),
    (lambda x: autograd.sign(x) * x**3, -2.0, [-12.0, 12.0, -6.0]),
    (lambda x: x % 3.0 * x, 4.0, [5.0, 2.0, 0.0]),
    (lambda x: x**0, 0.0, [0.0, 0.0, 0.0]),
    (lambda x: x**1, 0.0, [1.0, 0.0, 0.0]),
    (lambda x: x**2, 0.0, [0.0, 2.0, 0.0]),
    (lambda x: x**3, -2.0, [12.0, -12.0, 6.0]),
    (sqrt, 0.0, [inf, -inf, inf]),
    (lambda x: x**0.5, 0.0, [inf, -inf, inf]),
    (lambda x: x**1.5, 0.0, [0.0, inf, -inf]),
]


@pytest.mark.parametrize(("f", "x", "expected"), KINKED)
def test_kinks_choices_and_infinite_derivatives_at_every_order(
    f: Callable[[Any], Any], x: float, expected: list[float]
) -> None:
    derivative = backwards = f
    for n in range(3):
        derivative, backwards = grad(derivative), forward(backwards)
        for found in (derivative(x), derivative(Value(x)).data, backwards(x)):
            assert found == pytest.approx(expected[n], rel=1e-14, nan_ok=True), n


UNARY = [rule for rule in TABLE if rule.operands == ("x",)]


@pytest.mark.parametrize("rule", UNARY, ids=lambda rule: rule.name)
def test_no_derivative_raises_where_the_function_is_defined(rule: Any) -> None:
    f = operator.neg if rule.name == "neg" else getattr(autograd, rule.name)
    for x in (0.0, -0.0, 1.0, -1.0, 1e-320, 1e-160, 700.0, 1e160, 1e308, -1e308, inf, -inf):
        try:
            f(x)
        except (ArithmeticError, ValueError):
            continue
        derivative = f
        for _ in range(3):
            derivative = grad(derivative)
            assert type(derivative(x)) is float
        assert type(jvp(grad(f), (x,), (1.0,))[1]) is float


@pytest.mark.parametrize("f", [autograd.max, autograd.min])
def test_a_nan_among_the_operands_of_max_or_min_does_not_raise(f: Any) -> None:
    assert all(map(math.isnan, grad(f)([nan, 1.0])))
    assert len(hessian(f)([nan, 1.0])) == 2


def unused_branch(x: Any) -> Any:
    return autograd.where(x > 0.0, sqrt(x), x * x) + 0.0 * sqrt(x)


def test_an_unused_branch_of_infinite_slope_contributes_nothing() -> None:
    assert grad(unused_branch)(0.0) == 0.0
    assert grad(unused_branch)(Value(0.0)).data == 0.0
    assert jvp(sqrt, (0.0,), (0.0,)) == (0.0, 0.0)


@pytest.mark.parametrize("derivative", [forward, by_columns])
def test_an_unused_branch_contributes_nothing_forward(derivative: Any) -> None:
    assert derivative(unused_branch)(0.0) == 0.0
    assert derivative(unused_branch)(Value(0.0)).data == 0.0


def test_zero_times_infinity_is_not_known_forward_or_backward() -> None:
    def f(x: Any) -> Any:
        return sqrt(x**4)  # x², but that is not what its graph says

    assert math.isnan(grad(f)(0.0))
    assert math.isnan(jvp(f, (0.0,), (1.0,))[1])
    assert math.isnan(jvp(f, (Value(0.0),), (1.0,))[1].data)
    wide, tall = jacobian(lambda x: f(x[0]) + x[1]), jacobian(lambda x: [f(x), x, x])
    assert [math.isnan(slope) for slope in wide([0.0, 1.0])] == [True, False]
    assert [math.isnan(slope) for slope in tall(0.0)] == [True, False, False]


def test_a_direction_of_zero_leaves_an_infinite_derivative_alone() -> None:
    assert jvp(lambda x, y: sqrt(x) + y, (0.0, 1.0), (0.0, 1.0))[1] == 1.0
    assert jacobian(lambda x: [sqrt(x[0]) + x[1], x[1], x[1]])([0.0, 1.0]) == [
        [math.inf, 1.0], [0.0, 1.0], [0.0, 1.0],
    ]  # fmt: skip


def test_a_model_may_hold_nodes_of_a_graph_that_is_differentiated() -> None:
    class Scaled(Module):
        def __init__(self, scale: Any) -> None:
            self.weight = Parameter(2.0)
            self.scale = scale

        def __call__(self, x: Any) -> Any:
            return self.weight * self.scale * x

    def slope(scale: Any) -> Any:
        return grad(lambda model: model(1.0) * model(1.0))(Scaled(scale))["weight"]

    assert grad(slope)(3.0) == 24.0


def test_an_inner_derivative_does_not_walk_the_graph_around(monkeypatch: Any) -> None:
    """Otherwise derivatives in a loop would take time in the square of its length."""
    lengths = []

    def counted(*roots: Value, stop: Any = ()) -> list[Value]:
        found = interior(*roots, stop=stop)
        lengths.append(len(found))
        return found

    monkeypatch.setattr("autograd.transforms.interior", counted)
    slope = grad(lambda q: 0.5 * q * q)

    def leapfrog(q: Any) -> Any:
        p = 1.0
        for _ in range(50):
            q = q + 0.01 * p
            p = p - 0.01 * slope(q)
        return q

    grad(leapfrog)(1.0)
    assert len(lengths) == 50
    assert max(lengths) < 5


def test_argnums_from_a_generator_serve_every_call() -> None:
    both = grad(lambda x, y: x * y, (i for i in (0, 1)))  # type: ignore[arg-type]
    assert both(2.0, 3.0) == both(2.0, 3.0) == (3.0, 2.0)


@pytest.mark.parametrize("call", [jvp, hvp])
@pytest.mark.parametrize("given", [(2.0, 1.0), (np.ones(2), np.ones(2))])
def test_arguments_and_tangents_come_in_tuples(call: Any, given: Any) -> None:
    with pytest.raises(TypeError, match=r"must be tuples .* such as \(x,\), got "):
        call(lambda x: x * x, *given)


def test_an_array_without_dimensions_is_one_number() -> None:
    assert grad(lambda x: np.array(x * x))(3.0) == 6.0


def test_functions_of_a_sequence_at_every_order() -> None:
    assert hessian(autograd.prod)([0.0, 0.0, 3.0]) == [[0.0, 3.0, 0.0], [3.0, 0.0, 0.0], [0.0] * 3]
    assert hessian(autograd.mean)([1.0, 2.0]) == [[0.0, 0.0], [0.0, 0.0]]
    x = [0.5, -1.0, 2.0]
    total = math.fsum(map(math.exp, x))
    p = [math.exp(number) / total for number in x]
    second = hessian(autograd.logsumexp)(x)
    jacobian_of_f = jacobian(autograd.softmax)(x)
    length = math.hypot(*x)
    of_norm = hessian(autograd.norm)(x)
    for i in range(3):
        for j in range(3):
            expected = p[i] * (float(i == j) - p[j])
            assert close(second[i][j], expected)
            assert close(jacobian_of_f[i][j], expected)
            assert close(of_norm[i][j], (float(i == j) - x[i] * x[j] / length**2) / length)
    w = [1.0, -2.0]
    assert hessian(lambda w: autograd.net(w, w, w[0]) + autograd.dot(w, [3.0, 4.0]))(w) == [
        [2.0, 0.0], [0.0, 2.0],
    ]  # fmt: skip


def test_a_function_of_ones_own_at_every_order() -> None:
    cube_plus = custom_function(
        "cube_plus", lambda x, a: x**3 + a * x, lambda m, y, x, a: (3.0 * x * x + a, x)
    )
    assert hessian(cube_plus, (0, 1))(2.0, 5.0) == ((12.0, 1.0), (1.0, 0.0))
    assert grad(grad(grad(cube_plus)))(2.0, 5.0) == 6.0
    by_math = custom_function("by_math", math.sin, lambda m, y, x: math.cos(x))
    assert close(grad(by_math)(1.0), math.cos(1.0))
    with pytest.raises(TypeError, match=r"autograd.sin\(v\), not math.sin\(v\)"):
        grad(grad(by_math))(1.0)


def test_an_operation_outside_the_table_has_first_derivatives_alone() -> None:
    def doubled(x: Any) -> Any:
        return new_node(2.0 * x.data, (x,), (2.0,), "doubled")

    assert grad(lambda x: doubled(x) * x)(3.0) == 12.0
    assert jvp(doubled, (3.0,), (5.0,)) == (6.0, 10.0)
    for twice in (grad(grad(doubled)), hessian(doubled), forward(grad(doubled))):
        with pytest.raises(KeyError, match=r"'doubled' is not in the table .* custom_function"):
            twice(3.0)
    # It does not matter if no requested derivative passes through it.
    assert grad(grad(lambda x: x**3 + doubled(Value(1.0))))(2.0) == 12.0


# --- with the rest of the world ------------------------------------------------------------------


def test_scipy_minimises_with_gradients_and_products_with_the_hessian() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    start = np.array([-1.2, 1.0, 0.5])
    for options in (
        {"method": "BFGS"},
        {"method": "trust-ncg", "hessp": lambda x, v: hvp(rosenbrock, (x,), (v,))},
        {"method": "trust-exact", "hess": hessian(rosenbrock)},
    ):
        found = optimize.minimize(value_and_grad(rosenbrock), start, jac=True, **options)
        assert found.success
        np.testing.assert_allclose(found.x, np.ones(3), atol=1e-5)


def test_scipy_integrates_the_equations_of_a_hamiltonian() -> None:
    integrate = pytest.importorskip("scipy.integrate")

    def energy(z: Any) -> Any:
        return square(z[1]) / 2.0 + 1.0 - cos(z[0])

    def motion(t: float, z: Any) -> Any:
        slope = grad(energy)(z)
        return [slope[1], -slope[0]]

    found = integrate.solve_ivp(motion, (0.0, 3.0), [1.0, 0.0], rtol=1e-8, atol=1e-8)
    assert found.success
    assert energy(found.y[:, -1]) == pytest.approx(energy([1.0, 0.0]), rel=1e-6)


def test_graphs_of_derivatives_are_explained_and_drawn() -> None:
    x = Value(2.0, "x")
    slope = grad(lambda x: grad(lambda y: sin(x * y) + y**3)(x))(x)
    text = str(explain(slope, x))
    assert "∂x" in text
    source = draw(slope).source
    assert source.startswith("digraph")
    assert "x" in source
    slope.backward()
    assert draw(slope).source.startswith("digraph")


def test_the_results_are_nodes_like_any_others() -> None:
    x = Value(0.0, "x")
    value, slope = value_and_grad(lambda x: exp(2.0 * x))(x)
    assert (value.data, slope.data) == (1.0, 2.0)
    (value + slope).backward()
    assert x.grad == 6.0
    assert as_value(slope) is slope
    assert x in topological_order(slope)
    assert x.op is not CONSTANT


def test_cube_roots_have_derivatives_on_both_sides_of_zero() -> None:
    assert grad(cbrt)(0.0) == inf
    assert close(grad(grad(cbrt))(-8.0), 2.0 / 9.0 / 32.0)


def test_a_model_whose_parameters_were_replaced_is_refused() -> None:
    class Scale(Module):
        def __init__(self) -> None:
            self.factor = Parameter(2.0)

    def trained(model: Any) -> Any:
        model.factor = model.factor - 0.1 * grad(lambda m: m.factor**2)(model)["factor"]
        return grad(lambda m: m.factor**2)(model)["factor"]

    with pytest.raises(TypeError, match="is a model without parameters"):
        grad(trained)(Scale())


def test_a_function_may_return_a_model() -> None:
    class Line(Module):
        def __init__(self) -> None:
            self.slope, self.intercept = Parameter(2.0), Parameter(1.0)

    assert jacobian(lambda x: Line())(1.0) == {"slope": 0.0, "intercept": 0.0}


def test_tangents_of_many_outputs_are_traced_in_work_linear_in_their_number() -> None:
    def work(size: int) -> int:
        def tangents(xs: Any, ts: Any) -> Any:
            return jvp(lambda xs: [autograd.log(x) * x for x in xs], [xs], [ts])

        compiled = autograd.compile(tangents, backend="numpy")
        with counting() as count:
            compiled([0.5] * size, [1.0] * size)
        return count.calls

    assert work(400) < 9 * work(50)
