"""`compile`: what it accepts, returns and refuses; and the same numbers as without it."""

from __future__ import annotations

import functools
import itertools
import math
import pickle
import random
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
import nn
from autograd import (
    Value,
    abs,
    arccosh,
    cbrt,
    clip,
    compile,
    cos,
    custom_function,
    dot,
    elu,
    exp,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    log,
    maximum,
    minimum,
    no_grad,
    norm,
    relu,
    sin,
    sqrt,
    tanh,
    trunc,
    value_and_grad,
    vjp,
    where,
)
from autograd.compiler import Compiled
from autograd.compiler.backends import BACKENDS as ALL
from autograd.compiler.execution import Executor
from autograd.testing.programs import RandomProgram as Drawn
from autograd.testing.programs import programs
from autograd.tracing import TracingError
from nn import MLP
from nn.testing import Network, networks
from tests.programs import same_bits

inf, nan = math.inf, math.nan
BACKENDS = [name for name, backend in ALL.items() if not backend.missing() and name != "c"]

compiled = functools.partial(compile, threads=1)
by_numpy = functools.partial(compile, threads=1, backend="numpy")


class Pair(NamedTuple):
    left: Any
    right: Any


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Any:
    return request.param


# --- every transform -----------------------------------------------------------------------------


def smooth(x: Any) -> Any:
    return exp(-x * x) * sin(3.0 * x) + x / (1.0 + x * x)


def of_list(xs: Any) -> Any:
    x, y, z = xs
    return x * x * y + sin(y * z) + exp(0.1 * x * z)


POINT = [0.5, -1.25, 2.0]
TRANSFORMED: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
    ("function", smooth, (0.7,)),
    ("grad", grad(smooth), (0.7,)),
    ("grad of grad", grad(grad(smooth)), (0.7,)),
    ("three times grad", grad(grad(grad(smooth))), (0.7,)),
    ("value_and_grad", value_and_grad(smooth), (0.7,)),
    ("hessian of one", hessian(smooth), (0.7,)),
    ("gradient", grad(of_list), (POINT,)),
    ("hessian", hessian(of_list), (POINT,)),
    ("jacobian", jacobian(lambda xs: [of_list(xs), xs[0] * xs[1]]), (POINT,)),
    ("jvp", lambda x, v: jvp(smooth, [x], [v]), (0.7, 2.0)),
    ("hvp", lambda xs, vs: hvp(of_list, [xs], [vs]), (POINT, [1.0, 0.0, -1.0])),
    ("vjp", lambda x: vjp(smooth, x)[1](3.0), (0.7,)),
    ("two arguments", grad(lambda x, y: x * y * y, argnums=(0, 1)), (2.0, 3.0)),
    ("dictionary", grad(lambda p: p["a"] * p["b"][0]), ({"a": 2.0, "b": [3.0]},)),
    ("with what else is returned", grad(lambda x: (x * x, {"x": x}), has_aux=True), (3.0,)),
    ("of what does not depend", grad(lambda x: 3.0), (1.0,)),
    ("Newton's step", lambda x: x - grad(smooth)(x) / hessian(smooth)(x), (0.7,)),
]


def flat(result: Any) -> list[float]:
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (list, tuple)):
        return [number for part in result for number in flat(part)]
    return [float(x) for x in np.ravel(result)]


@pytest.mark.parametrize(("name", "f", "arguments"), TRANSFORMED, ids=[t[0] for t in TRANSFORMED])
def test_transforms_are_compiled_as_any_function(
    backend: Any, name: str, f: Any, arguments: tuple[Any, ...]
) -> None:
    expected = f(*arguments)
    actual = compiled(f, backend=backend)(*arguments)
    assert type(actual) is type(expected)
    assert flat(actual) == pytest.approx(flat(expected), rel=1e-13, abs=1e-15)


def test_compiled_functions_are_differentiated_and_compiled_again(backend: Any) -> None:
    inner = compiled(smooth, backend=backend)
    expected = grad(smooth)(0.7)
    assert grad(inner)(0.7) == expected
    for f in (compiled(grad(inner)), compiled(lambda x: grad(inner)(x)), grad(compiled(inner))):
        assert f(0.7) == pytest.approx(expected, rel=1e-13)
    assert compiled(grad(compiled(grad(inner))))(0.7) == pytest.approx(grad(grad(smooth))(0.7))


def test_a_call_with_values_is_recorded() -> None:
    f = compiled(lambda x, y: x * y[0])
    x = Value(3.0)
    y = f(x, [2.0])
    assert isinstance(y, Value)
    y.backward()
    assert x.grad == 2.0
    assert f.traces == 1


def test_a_compiled_function_calls_another() -> None:
    inner = compiled(lambda x: x * x)
    outer = compiled(lambda x: inner(x) + inner(2.0))
    assert outer(3.0) == 13.0
    assert inner.traces == 1  # for the number; the other call was part of the trace around it


def test_a_compiled_function_may_call_itself() -> None:
    @compile(threads=1)
    def power(x: Any, n: int) -> Any:
        return x if n == 1 else x * power(x, n - 1)

    assert power(2.0, 10) == 1024.0


# --- models --------------------------------------------------------------------------------------


def squared(model: Any, x: Any) -> Any:
    return model(x) ** 2.0


def test_models_are_arguments_and_what_they_learn_is_seen(backend: Any) -> None:
    model = MLP(2, [3, 1], "tanh", seed=1)
    f = compiled(value_and_grad(squared), backend=backend)
    for _ in range(3):
        value, slopes = f(model, [0.5, -1.0])
        expected, expected_slopes = value_and_grad(squared)(model, [0.5, -1.0])
        assert value == pytest.approx(expected, rel=1e-13)
        assert [*slopes] == [*expected_slopes]
        assert flat(slopes) == pytest.approx(flat(expected_slopes), rel=1e-12)
        for parameter in model.parameters():
            parameter.data -= 0.1 * slopes[parameter.label]
    assert f.traces == 1


def test_a_compiled_model_computes_with_what_it_has_learnt(backend: Any) -> None:
    model = MLP(2, [3, 2], "tanh", seed=1)
    rows = [[0.5, -1.0], [2.0, 0.25], [0.0, 0.0]]
    one = compile(model, backend=backend)
    many = compile(model, in_axes=0, backend=backend)
    listed = compile(model, in_axes=(0,), backend=backend)
    for _ in range(2):
        expected = [model.predict(row) for row in rows]
        assert one(rows[0]) == pytest.approx(expected[0], rel=1e-12)
        for batched in many, listed:
            assert np.transpose(batched(rows)) == pytest.approx(np.array(expected), rel=1e-12)
        for parameter in model.parameters():
            parameter.data *= 2.0
    assert (one.traces, many.traces) == (1, 1)
    assert len(many.program(rows).inputs) == len(model.parameters()) + 2
    outputs = one([Value(0.5), Value(-1.0)])  # recorded, as the model itself would
    outputs[0].backward()
    assert model.layers[0].neurons[0].bias.grad != 0.0
    with pytest.raises(ValueError, match="in_axes has 2 entries for 1 positional argument"):
        compile(model, in_axes=(None, 0), backend=backend)(rows)
    recompiled = compile(compile(model, backend=backend), in_axes=0, backend=backend)
    assert recompiled(rows)[0].tolist() == pytest.approx(many(rows)[0].tolist(), rel=1e-15)
    model.layers[1].neurons[0].bias.data += 1.0
    assert recompiled(rows)[0].tolist() == pytest.approx(many(rows)[0].tolist(), rel=1e-15)
    holder = type("Holder", (), {"outputs": many})
    assert holder().outputs(rows)[1].tolist() == many(rows)[1].tolist()
    again = pickle.loads(pickle.dumps(many))
    assert again(rows)[0].tolist() == pytest.approx(many(rows)[0].tolist(), rel=1e-15)


def test_derivatives_of_compiled_functions_of_models_are_not_lost() -> None:
    model = MLP(2, [1], seed=0)
    f = compiled(lambda model: model([1.0, 2.0]))
    f(model)
    expected = grad(lambda model: model([1.0, 2.0]))(model)
    assert grad(f)(model) == expected
    assert compiled(grad(f))(model) == expected
    assert compiled(lambda model: f(model))(model) == pytest.approx(f(model))


@settings(max_examples=12)
@given(networks())
def test_networks_have_the_same_losses_and_gradients(network: Network) -> None:
    model = network.model()
    expected, slopes = value_and_grad(network.loss)(model)
    for backend in BACKENDS:
        value, actual = compiled(value_and_grad(network.loss), backend=backend)(model)
        assert value == pytest.approx(expected, rel=1e-12, abs=1e-14)
        scale = 1.0 + max(map(math.fabs, flat(slopes)))
        assert flat(actual) == pytest.approx(flat(slopes), rel=1e-11, abs=1e-13 * scale)


def test_a_batch_has_the_mean_of_the_gradients() -> None:
    model = MLP(2, [4, 1], "tanh", seed=3)
    generator = np.random.default_rng(0)
    X, Y = generator.normal(size=(21, 2)), generator.normal(size=21)

    def loss(model: Any, x: Any, y: Any) -> Any:
        return (model(x) - y) ** 2.0

    every = [value_and_grad(loss)(model, x.tolist(), float(y)) for x, y in zip(X, Y, strict=True)]
    values = np.array([value for value, _ in every])
    slopes = np.array([flat(slope) for _, slope in every])
    for backend, exact in itertools.product(BACKENDS, [False, True]):
        options: Any = {"in_axes": (None, 0, 0), "backend": backend, "exact": exact}
        value, slope = compiled(value_and_grad(loss), reduce="mean", **options)(model, X, Y)
        assert value == pytest.approx(values.mean(), rel=1e-13)
        assert flat(slope) == pytest.approx(slopes.mean(axis=0), rel=1e-11, abs=1e-14)
        value, slope = compiled(value_and_grad(loss), reduce="sum", **options)(model, X, Y)
        assert value == pytest.approx(values.sum(), rel=1e-13)
        all_values, all_slopes = compiled(value_and_grad(loss), **options)(model, X, Y)
        assert all_values == pytest.approx(values, rel=1e-12)
        assert pytest.approx(slopes, rel=1e-11, abs=1e-14) == np.array([*all_slopes.values()]).T


def test_classes_that_are_data_have_the_loss_of_classes_that_are_integers() -> None:
    model = MLP(2, [3], seed=0)

    def loss(model: Any, x: Any, target: Any) -> Any:
        return nn.losses.softmax_cross_entropy(model(x), target)

    X = np.array([[0.5, -1.0], [2.0, 1.0], [-0.3, 0.1], [1.0, 1.0]])
    f = compiled(value_and_grad(loss), in_axes=(None, 0, 0))
    values, slopes = f(model, X, np.array([0, 1, 2, 7]))
    for row in range(3):
        value, slope = value_and_grad(loss)(model, X[row].tolist(), row)
        assert values[row] == pytest.approx(value, rel=1e-13)
        assert [s[row] for s in slopes.values()] == pytest.approx(flat(slope), rel=1e-12)
    assert math.isnan(values[3])


def test_probabilities_that_are_data_have_a_loss() -> None:
    f = compiled(nn.losses.binary_cross_entropy, in_axes=0)
    logits, targets = np.array([0.5, -1.0, 30.0, 2.0]), np.array([0.0, 1.0, 0.0, 0.3])
    expected = [
        nn.losses.binary_cross_entropy(z, t)
        for z, t in zip(logits.tolist(), targets.tolist(), strict=True)
    ]
    assert f(logits, targets) == pytest.approx(expected, rel=1e-13)


# --- decorators ----------------------------------------------------------------------------------


def test_it_decorates_functions_with_arguments_and_without() -> None:
    @compile
    def plain(x: float) -> Any:
        """Double."""
        return 2.0 * x

    @compile(in_axes=0, reduce="sum", threads=1)
    def reduced(x: float) -> Any:
        return 2.0 * x

    assert plain(3.0) == 6.0
    assert reduced([1.0, 2.0]) == 6.0
    assert isinstance(plain, Compiled)
    assert (getattr(plain, "__name__", ""), plain.__doc__) == ("plain", "Double.")
    assert plain.function(3.0) == 6.0
    assert repr(plain) == "<compile(plain), traced 1 times>"


def test_it_decorates_methods() -> None:
    class Scaled:
        def __init__(self, factor: float) -> None:
            self.factor = factor

        @compile
        def __call__(self, x: Any) -> Any:
            return self.factor * x

        @compile(in_axes=(None, 0))
        def rows(self, x: Any) -> Any:
            return self.factor * x

    two, three = Scaled(2.0), Scaled(3.0)
    assert (two(5.0), three(5.0), two(6.0)) == (10.0, 15.0, 12.0)
    assert two.rows(np.ones(2)).tolist() == [2.0, 2.0]
    assert Scaled.__call__.traces == 2


# --- arguments and results -----------------------------------------------------------------------


def test_structures_go_in_and_come_out(backend: Any) -> None:
    def f(p: Any, pair: Any, nothing: Any, array: Any) -> Any:
        assert nothing is None
        return {
            "sum": p["a"] + p["b"][1],
            "pair": Pair(pair.right, [pair.left]),
            "none": nothing,
            "array": array * 2.0,
            "constant": (1.5, 2),
            "empty": [],
        }

    result = compiled(f, backend=backend)(
        {"a": 1.0, "b": [2.0, 3.0]}, Pair(4.0, 5.0), None, np.arange(6.0).reshape(3, 2)
    )
    array = result.pop("array")
    assert result == {
        "sum": 4.0, "pair": Pair(5.0, [4.0]), "none": None, "constant": (1.5, 2.0), "empty": [],
    }  # fmt: skip
    assert array.tolist() == [[0.0, 2.0], [4.0, 6.0], [8.0, 10.0]]
    assert {type(x) for x in flat(list(result["constant"]))} == {float}


def test_keywords_are_arguments_too() -> None:
    f = compiled(lambda x, *, scale, shift=1.0: x * scale + shift)
    assert f(2.0, scale=3.0) == 7.0
    assert f(2.0, scale=3.0, shift=4.0) == 10.0
    assert f(2.0, shift=4.0, scale=3.0) == 10.0
    rows = compiled(lambda x, *, scale: x * scale, in_axes=0)
    assert rows(np.arange(3.0), scale=2.0).tolist() == [0.0, 2.0, 4.0]
    grads = compiled(grad(lambda x, *, n: x**n))
    assert grads(2.0, n=3) == 12.0


@pytest.mark.parametrize(
    "number", [3.0, 3, True, np.float64(3.0), np.float32(3.0), np.int64(3), np.array(3.0)]
)
def test_any_real_number_is_taken(number: Any) -> None:
    assert compiled(lambda x: x * 2.0)(number) == float(number) * 2.0


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(4, 3),
        np.arange(12).reshape(4, 3),
        np.arange(12, dtype=np.float32).reshape(4, 3),
        np.arange(12.0).reshape(3, 4).T,
        np.arange(24.0).reshape(4, 6)[:, ::2],
        np.arange(12.0).reshape(4, 3)[::-1],
        np.arange(12.0).reshape(4, 3).tolist(),
        tuple(map(tuple, np.arange(12.0).reshape(4, 3).tolist())),
    ],
)
@pytest.mark.parametrize("read_only", [False, True])
def test_arrays_of_any_kind_are_taken(backend: Any, array: Any, read_only: bool) -> None:
    if isinstance(array, np.ndarray):
        array = array.copy(order="K")
        array.flags.writeable = not read_only
    f = compiled(lambda x: x[0] * x[1] - x[2], in_axes=0, backend=backend)
    before = np.array(array)
    assert f(array).tolist() == (before[:, 0] * before[:, 1] - before[:, 2]).tolist()
    assert (np.array(array) == before).all()


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_any_axis_may_run_over_the_rows(axis: int) -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    result = compiled(lambda x: x * 2.0, in_axes=axis)(array)
    assert (result == 2.0 * np.moveaxis(array, axis, 0)).all()


def test_axes_may_be_nested_and_none() -> None:
    def f(p: Any, x: Any) -> Any:
        return p["w"] * x + p["b"][0]

    result = compiled(f, in_axes=({"w": None, "b": 0}, 0))(
        {"w": 2.0, "b": [[10.0], [20.0]]}, np.array([1.0, 2.0])
    )
    assert result.tolist() == [12.0, 24.0]


def test_results_share_no_memory_with_arguments_or_later_results(backend: Any) -> None:
    f = compiled(lambda x: (x, x, x * 2.0, 3.0), in_axes=0, backend=backend)
    array = np.arange(10.0)
    first = f(array)
    copies = [part.copy() for part in first]
    second = f(array + 1.0)
    for part, copy in zip(first, copies, strict=True):
        assert (part == copy).all()
        assert not np.shares_memory(part, array)
        assert not any(np.shares_memory(part, other) for other in second)
    for a, b in itertools.combinations(first, 2):
        assert not np.shares_memory(a, b)
    first[0][:] = -1.0
    assert f(array)[0].tolist() == array.tolist()


def test_results_may_be_inputs_constants_and_one_another(backend: Any) -> None:
    f = compiled(
        lambda a, x, unused: (x, a, 2.0, x * a, x * a, a * a), in_axes=(None, 0, 0), backend=backend
    )
    rows = np.arange(5.0)
    x, a, two, first, second, square = f(3.0, rows, rows)
    assert x.tolist() == rows.tolist()
    assert a.tolist() == [3.0] * 5
    assert two.tolist() == [2.0] * 5
    assert first.tolist() == second.tolist() == (3.0 * rows).tolist()
    assert square.tolist() == [9.0] * 5


# --- rows ----------------------------------------------------------------------------------------


def test_a_list_of_rows_is_not_a_list_with_an_array_of_rows() -> None:
    table = [[1.0, 2.0], [3.0, 4.0]]
    compiled = compile(lambda p: p[0] * 2.0 if len(p) == 1 else p[0] + p[1], in_axes=0)
    for _ in range(2):
        assert compiled(table).tolist() == [3.0, 7.0]
        assert compiled([np.array(table)]).tolist() == [[2.0, 4.0], [6.0, 8.0]]


@pytest.mark.parametrize("rows", [*range(10), 15, 16, 17, 31, 32, 33, 97])
def test_any_number_of_rows(rows: int) -> None:
    generator = np.random.default_rng(rows)
    X = generator.integers(-9, 9, size=(rows, 2)).astype(float)

    def f(w: Any, x: Any) -> Any:
        return (x[0] * x[1] - w * x[0], w + 1.0, 4.0)

    expected = np.array([X[:, 0] * X[:, 1] - 2.0 * X[:, 0], np.full(rows, 3.0), np.full(rows, 4.0)])
    with np.errstate(invalid="ignore"):
        means = expected.sum(axis=1) / rows if rows else np.full(3, nan)
    for backend in BACKENDS:
        results = run_any_number_of_rows(backend, None)(f)(2.0, X)
        assert np.array_equal(np.array(results), expected)
        totals = run_any_number_of_rows(backend, "sum")(f)(2.0, X)
        assert list(totals) == expected.sum(axis=1).tolist()
        assert {type(total) for total in totals} == {float}
        mean = run_any_number_of_rows(backend, "mean")(f)(2.0, X)
        assert mean == pytest.approx(means.tolist(), rel=1e-15, nan_ok=True)


def run_any_number_of_rows(backend: Any, reduce: Any) -> Any:
    return compile(in_axes=(None, 0), reduce=reduce, backend=backend, threads=1)


@pytest.mark.parametrize("shape", [(0, 3), (4, 0), (0, 0), (0, 2, 2)])
def test_empty_arrays_give_empty_results(backend: Any, shape: tuple[int, ...]) -> None:
    f = compiled(lambda x, y: (x * 2.0, y), in_axes=0, backend=backend)
    doubled, same = f(np.zeros(shape), np.arange(shape[0] * 1.0))
    assert doubled.shape == shape
    assert same.tolist() == [*range(shape[0])]


def test_constants_are_added_up_over_the_rows(backend: Any) -> None:
    slope = grad(lambda w, x: 2.0 * w + x)
    f = compiled(slope, in_axes=(None, 0), reduce="sum", backend=backend)
    assert f(1.0, np.zeros(7)) == 14.0
    assert f(1.0, np.zeros(0)) == 0.0
    mean = compiled(slope, in_axes=(None, 0), reduce="mean", backend=backend)
    assert mean(1.0, np.zeros(7)) == 2.0
    assert math.isnan(mean(1.0, np.zeros(0)))


# --- what a program is made for ------------------------------------------------------------------


def test_it_is_traced_once_for_each_structure() -> None:
    f = compiled(lambda x, n=1, *rest: x)
    f(1.0), f(2.0), f(np.float64(3.0))
    assert f.traces == 1
    f([1.0]), f([1.0, 2.0]), f((1.0,)), f({"a": 1.0}), f(np.ones(2)), f(np.ones((2, 2)))
    assert f.traces == 7
    f([3.0]), f([3.0, 2.0]), f((5.0,)), f({"a": 2.0}), f(np.zeros(2)), f(np.zeros((2, 2)))
    assert f.traces == 7
    assert len(f.signatures) == 7


def test_rows_need_no_new_trace() -> None:
    f = compiled(lambda x: x, in_axes=0)
    for rows in (1, 2, 100, 0):
        f(np.ones((rows, 2)))
    assert f.traces == 1


def test_integers_booleans_and_texts_decide_on_the_program() -> None:
    def f(x: Any, n: int, square: bool, name: str) -> Any:
        for _ in range(n):
            x = x + 1.0
        if square:
            x = x * x
        return {"sin": sin, "cos": cos}[name](x)

    g = compiled(f)
    calls: list[tuple[Any, ...]] = [
        (0.5, 2, True, "sin"), (0.5, 3, True, "sin"), (0.5, 2, False, "sin"), (0.5, 2, True, "cos"),
    ]  # fmt: skip
    for call in calls * 2:
        assert g(*call) == pytest.approx(f(*call), rel=1e-13)
    assert g.traces == 4
    assert g(0.5, 1, True, "sin") == g(0.5, True, True, "sin")
    assert g.traces == 6  # 1 and True are equal, but make two programs


def test_clearing_forgets_programs() -> None:
    scale = [2.0]
    f = compiled(lambda x: scale[0] * x)
    assert f(1.0) == 2.0
    scale[0] = 3.0
    assert f(1.0) == 2.0  # read when it was traced, as documented
    f.clear()
    assert f.signatures == []
    assert f(1.0) == 3.0
    assert f.traces == 2


def test_what_is_cleared_while_it_runs_does_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    scale = [2.0]
    f = compiled(lambda x: scale[0] * x)
    xs = np.ones(3)
    f(xs)
    run = Executor.__call__

    def cleared_meanwhile(self: Executor, *args: Any, **kwargs: Any) -> Any:
        found = run(self, *args, **kwargs)
        f.clear()
        return found

    with monkeypatch.context() as patched:
        patched.setattr(Executor, "__call__", cleared_meanwhile)
        f(xs)
    scale[0] = 3.0
    assert f(xs).tolist() == [3.0, 3.0, 3.0]


def test_what_is_read_when_tracing_stays() -> None:
    generator = random.Random(0)
    f = compiled(lambda x: x * generator.random())
    assert f(1.0) == f(1.0)


def test_the_program_can_be_seen() -> None:
    f = compiled(lambda x, n: n * x)
    program = f.program(1.0, 3)
    assert str(program).splitlines() == ["%0 = input x", "%1 = 3.0", "%2 = * %1 %0", "output %2"]
    assert f.traces == 1
    assert f(2.0, 3) == 6.0
    assert f.traces == 1
    names = compiled(lambda p, *, k: p["a"][0] * k).program({"a": [1.0]}, k=2.0).inputs
    assert names == ("p['a'][0]", "k")


# --- threads -------------------------------------------------------------------------------------


@pytest.mark.parametrize("trial", range(3))
def test_threads_that_come_at_once_trace_once(backend: Any, trial: int) -> None:
    calls: list[int] = []

    def f(x: Any, n: int) -> Any:
        calls.append(n)
        for _ in range(20 * n):
            x = tanh(x + 0.1)
        return x

    g = compiled(f, backend=backend)
    barrier = threading.Barrier(8)

    def run(number: int) -> list[float]:
        barrier.wait()
        return [g(float(x + number), 1 + (number + x) % 3) for x in range(6)]

    with ThreadPoolExecutor(8) as pool:
        results = [*pool.map(run, range(8))]
    assert sorted(calls) == [1, 2, 3]
    assert g.traces == 3
    for number, result in enumerate(results):
        expected = [f(float(x + number), 1 + (number + x) % 3) for x in range(6)]
        assert result == pytest.approx(expected, rel=1e-12)


def test_threads_share_a_function_of_rows() -> None:
    g = compile(lambda x: (x[0] * x[1], x[0] + x[1]), in_axes=0, threads=2)
    barrier = threading.Barrier(8)

    def run(number: int) -> bool:
        X = np.random.default_rng(number).normal(size=(1000 + number, 2))
        barrier.wait()
        return all(
            same_bits(np.array(g(X)), np.array([X[:, 0] * X[:, 1], X[:, 0] + X[:, 1]]))
            for _ in range(20)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(run, range(8)))


def test_results_have_the_same_bits_for_any_number_of_threads() -> None:
    X = np.random.default_rng(0).normal(size=(300_000, 2))

    def f(x: Any) -> Any:
        return x[0] * x[1] + x[0] / (1.0 + x[1] * x[1])

    totals = [compile(f, in_axes=0, reduce="mean", threads=threads)(X) for threads in (1, 2, 3)]
    assert totals[0] == totals[1] == totals[2]
    rows = [compile(f, in_axes=0, threads=threads)(X) for threads in (1, 2)]
    assert same_bits(*rows)


# --- sound ---------------------------------------------------------------------------------------


def branching(x: Any) -> Any:
    if x > 0.0:
        return x
    return -x


def test_a_branch_is_an_error_that_names_the_line() -> None:
    for f in (branching, grad(branching), hessian(branching)):
        with pytest.raises(TracingError) as caught:
            compiled(f)(1.0)
        message = str(caught.value)
        assert re.match(
            rf"compile: {Path(__file__).name}:\d+, in branching: if x > 0.0:\n", message
        )
        assert "where(condition, x1, x2)" in message
    f = compiled(branching)
    for _ in range(2):
        with pytest.raises(TracingError):
            f(1.0)
    assert f.traces == 0
    assert f.signatures == []


LOOKING: list[Callable[[Any], Any]] = [
    lambda x: x * x.data,
    lambda x: x.data,
    lambda x: [1.0, {"a": x.data * 2.0}],
    lambda x: np.float64(2.0) * x.data,
    lambda x: np.array([x.data]) * 2.0,
    lambda x: [x for _ in range(int(x.data))],
    lambda x: max(x, 0.0),
    lambda x: sorted([x, 1.0]),
    lambda x: 1.0 if x in (1.0, 2.0) else 2.0,
    lambda x: 1.0 if x.data in {1.0, 2.0} else 2.0,
    lambda x: {1.0: 5.0}.get(x.data, 7.0),
    lambda x: where(0.0 < x < 1.0, x, 1.0),
    lambda x: Value(x.data),
]


@pytest.mark.parametrize("f", LOOKING)
def test_no_way_of_looking_at_a_number_freezes_it(f: Any) -> None:
    with pytest.raises(TypeError):
        compiled(f)(1.0)


def test_a_branch_is_not_hidden_by_handlers_of_domain_errors() -> None:
    def f(x: Any) -> Any:
        try:
            return 1.0 if x > 0.0 else 2.0
        except (ValueError, ArithmeticError):
            return 3.0

    with pytest.raises(TracingError):
        compiled(f)(1.0)


def test_what_is_shown_to_programmers_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    def f(x: Any) -> Any:
        print(f"{x.data!r}", repr(x))  # noqa: T201
        return x

    compiled(f)(1.0)
    assert capsys.readouterr().out == "UNKNOWN Value(UNKNOWN, grad=0.0, label='x')\n"


def test_a_value_that_leaks_out_stays_unknown() -> None:
    leaked: list[Any] = []

    def leak(x: Any) -> Any:
        leaked.append(x)
        return x * 2.0

    compiled(leak)(1.0)
    with pytest.raises(TypeError):
        math.sqrt(leaked[0] + 1.0)
    with pytest.raises(TracingError):
        bool(leaked[0] > 0.0)
    with pytest.raises(TracingError):
        compiled(lambda y: y + leaked[0])(1.0)
    with pytest.raises(TracingError):
        compiled(lambda y: [leaked[0]])(1.0)


def test_no_grad_inside_is_refused_and_around_does_not_matter() -> None:
    def f(x: Any) -> Any:
        with no_grad():
            return x * x

    with pytest.raises(TracingError, match="no_grad"):
        compiled(f)(2.0)
    with no_grad():
        assert compiled(grad(lambda x: x * x))(2.0) == 4.0


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("mine"), KeyError("mine"), RuntimeError("mine")]
)
def test_errors_of_the_function_pass_through(error: Exception) -> None:
    def f(x: Any) -> Any:
        raise error

    f = compiled(f)
    for _ in range(2):
        with pytest.raises(type(error)) as caught:
            f(1.0)
        assert caught.value is error
    assert f.traces == 0


def test_choices_are_made_anew_in_every_row(backend: Any) -> None:
    def f(x: Any) -> Any:
        inside = (x > -1.0) & (x < 1.0)
        return (
            where(inside, x * x, 1.0),
            where((x <= -1.0) | (x >= 1.0), -1.0, x),
            maximum(x, 0.0),
            minimum(x, 0.5),
            clip(x, -0.5, 0.5),
            (x == 0.0) * 2.0,
            where(x != x, 0.0, 1.0),
        )

    xs = [-2.0, -1.0, -0.3, 0.0, 0.7, 1.0, 3.0, inf, -inf, nan]
    results = np.array(compiled(f, in_axes=0, backend=backend)(xs))
    for column, x in zip(results.T, xs, strict=True):
        assert column.tolist() == pytest.approx([float(y) for y in f(x)], nan_ok=True, abs=0.0)


# --- the same numbers ----------------------------------------------------------------------------


def scale_of(drawn: Drawn) -> tuple[float, list[float]]:
    leaves = [Value(number) for number in drawn.inputs]
    result = drawn(*leaves)
    result.backward()
    return result.data, [leaf.grad for leaf in leaves]


def contributions(drawn: Drawn) -> list[float]:
    """Add up, for each input, the sizes of all terms of its derivative."""
    from autograd.graph import interior

    leaves = [Value(number) for number in drawn.inputs]
    result = drawn(*leaves)
    sizes: dict[Value, float] = {result: 1.0}
    for node in reversed([*interior(result)]):
        for parent, derivative in zip(node.parents, node.local_derivatives, strict=True):
            sizes[parent] = sizes.get(parent, 0.0) + math.fabs(derivative) * sizes.get(node, 0.0)
    return [sizes.get(leaf, 0.0) for leaf in leaves]


def check_first_order(drawn: Drawn, **options: Any) -> None:
    count = len(drawn.inputs)
    f = compiled(value_and_grad(drawn, argnums=tuple(range(count))), **options)
    value, slopes = f(*drawn.inputs)
    expected, expected_slopes = scale_of(drawn)
    sizes = contributions(drawn)
    values = max([1.0, math.fabs(expected), *map(math.fabs, drawn.inputs)])
    assert math.fabs(value - expected) <= 1e-12 * (values + max(sizes, default=0.0) * values)
    for slope, true, size in zip(slopes, expected_slopes, sizes, strict=True):
        assert math.fabs(slope - true) <= 1e-10 * (size + math.fabs(true)) + 1e-12


@given(programs())
def test_numpy_gives_the_value_and_gradient_of_any_program(drawn: Drawn) -> None:
    check_first_order(drawn, backend="numpy")


@settings(max_examples=40)
@given(programs(), st.booleans())
def test_llvm_gives_the_value_and_gradient_of_any_program(drawn: Drawn, exact: bool) -> None:
    pytest.importorskip("llvmlite")
    check_first_order(drawn, backend="llvm", exact=exact)


EXACT = ["+", "-", "*", "/", "sqrt", "neg", "abs"]


def check_bits(drawn: Drawn, backend: Any) -> None:
    count = len(drawn.inputs)
    f = compiled(value_and_grad(drawn, argnums=tuple(range(count))), backend=backend, exact=True)
    value, slopes = f(*drawn.inputs)
    expected, expected_slopes = value_and_grad(drawn, argnums=tuple(range(count)))(*drawn.inputs)
    assert value == expected
    assert list(slopes) == list(expected_slopes)


@given(programs(functions=EXACT))
def test_exact_programs_have_the_bits_of_python_by_numpy(drawn: Drawn) -> None:
    check_bits(drawn, "numpy")


@settings(max_examples=40)
@given(programs(functions=EXACT))
def test_exact_programs_have_the_bits_of_python_by_llvm(drawn: Drawn) -> None:
    pytest.importorskip("llvmlite")
    check_bits(drawn, "llvm")


@settings(max_examples=15)
@given(programs(max_size=6, functions=["+", "-", "*", "sin", "exp", "tanh", "dot", "linear"]))
def test_second_derivatives_agree(drawn: Drawn) -> None:
    count = len(drawn.inputs)

    def f(xs: Any) -> Any:
        return drawn(*xs)

    expected = flat(hessian(f)(list(drawn.inputs)))
    scale = 1.0 + max(map(math.fabs, expected))
    for backend in BACKENDS:
        actual = flat(compiled(hessian(f), backend=backend)(list(drawn.inputs)))
        assert len(actual) == count * count
        assert actual == pytest.approx(expected, rel=1e-9, abs=1e-10 * scale)


@settings(max_examples=20)
@given(programs(max_size=8), st.integers(1, 9))
def test_rows_are_computed_each_on_its_own(drawn: Drawn, rows: int) -> None:
    count = len(drawn.inputs)
    f = value_and_grad(drawn, argnums=tuple(range(count)))
    columns = [np.full(rows, x) for x in drawn.inputs]
    for backend in BACKENDS:
        one = flat(compiled(f, backend=backend, exact=True)(*drawn.inputs))
        many = compiled(f, in_axes=0, backend=backend, exact=True)(*columns)
        for number, column in zip(one, [many[0], *many[1]], strict=True):
            tolerance = 1e-14 * (1.0 + math.fabs(number))
            assert column.tolist() == pytest.approx([number] * rows, rel=1e-12, abs=tolerance)


EDGES = [0.0, -0.0, 5e-324, -5e-324, 2.3e-308, 1.0, -1.0, 1000.0, -1000.0, 1e308, inf, -inf, nan]
AT_EDGES: list[Callable[[Any], Any]] = [
    lambda x: x * x, lambda x: x * 1e300, lambda x: 1.0 + x, lambda x: abs(x), lambda x: -x,
    lambda x: relu(x), lambda x: maximum(x, 0.0), lambda x: minimum(x, x), lambda x: exp(x),
    lambda x: tanh(x), lambda x: x.sigmoid() if isinstance(x, Value) else Value(x).sigmoid().data,
    lambda x: where(x > 0.0, x, 2.0 * x), lambda x: clip(x, -1.0, 1.0),
]  # fmt: skip


@pytest.mark.parametrize("f", AT_EDGES)
def test_values_and_slopes_agree_at_edges(backend: Any, f: Any) -> None:
    values, slopes = compiled(value_and_grad(f), in_axes=0, backend=backend)(EDGES)
    for x, value, slope in zip(EDGES, values.tolist(), slopes.tolist(), strict=True):
        try:
            expected, expected_slope = value_and_grad(f)(x)
        except (ArithmeticError, ValueError):
            assert not math.isfinite(value) or not math.isfinite(slope)
            continue
        assert value == pytest.approx(expected, rel=1e-13, abs=0.0, nan_ok=True)
        assert slope == pytest.approx(expected_slope, rel=1e-13, abs=0.0, nan_ok=True)


def test_conventions_at_kinks_are_those_of_the_table(backend: Any) -> None:
    def f(x: Any, y: Any) -> Any:
        return [relu(x), abs(x), maximum(x, y), minimum(x, y), x // 1.0, clip(x, 0.0, 1.0)]

    rows = np.zeros(3)
    expected = jacobian(f, argnums=(0, 1))(0.0, 0.0)
    actual = compiled(jacobian(f, argnums=(0, 1)), in_axes=0, backend=backend)(rows, rows)
    for number, column in zip(
        flat(expected), np.reshape(np.array(flat(actual)), (-1, 3)), strict=True
    ):
        assert column.tolist() == [number] * 3


ZERO_ADJOINTS: list[tuple[Callable[[Any], Any], float]] = [
    (lambda x: where(x > 0.0, sqrt(x), 0.0), 0.0),
    (lambda x: where(x > 0.0, log(x), x), 0.0),
    (lambda x: relu(x) * sqrt(x), 0.0),
    (lambda x: sqrt(x) * 0.0 + x, 0.0),
    (lambda x: where(x < 1.0, x, x * inf), 0.5),
    (lambda x: sqrt(relu(x)), 0.0),
    (lambda x: dot([0.0, 1.0], [sqrt(x), x]), 0.0),
]


@pytest.mark.parametrize(("f", "x"), ZERO_ADJOINTS)
@pytest.mark.parametrize("reduce", [None, "sum"])
def test_a_zero_adjoint_contributes_nothing_whatever_it_meets(
    backend: Any, f: Any, x: float, reduce: Any
) -> None:
    leaf = Value(x)
    try:
        f(leaf).backward()
        expected = leaf.grad
    except (ArithmeticError, ValueError):
        expected = 1.0  # where Python has no logarithm of 0, the branch that is taken is x
    assert compiled(grad(f), backend=backend)(x) == pytest.approx(expected, nan_ok=True)
    g = compiled(grad(f), in_axes=0, reduce=reduce, backend=backend)
    result = g(np.array([2.0, x, 2.0]))
    two = compiled(grad(f), backend=backend)(2.0)
    if reduce:
        assert result == pytest.approx(expected + 2.0 * two, rel=1e-13, nan_ok=True)
    else:
        assert result.tolist() == pytest.approx([two, expected, two], rel=1e-13, nan_ok=True)


OFF_THE_DOMAIN: list[tuple[Callable[..., Any], float]] = [
    (log, -2.5),
    (lambda x: log(log(x)), 0.5),
    (lambda x: log(log(log(x))), 2.0),
]


@pytest.mark.parametrize(("f", "x"), OFF_THE_DOMAIN)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_off_the_domain_derivatives_are_no_finite_numbers(
    backend: Any, f: Any, x: float, order: int
) -> None:
    derivative = f
    for _ in range(order):
        derivative = grad(derivative)
    assert not math.isfinite(compiled(derivative, backend=backend)(x))
    rows = compiled(derivative, in_axes=0, reduce="mean", backend=backend)
    assert not math.isfinite(rows(np.array([20.0, x, 30.0])))
    with pytest.raises((ValueError, ZeroDivisionError), match="log"):
        compiled(derivative, check=True, backend=backend)(x)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: autograd.sqrt(x) * 0.0 + x, -1.0),
        (lambda x: x**0.5 * 0.0 + x, -1.0),
        (lambda x: log(x) * 0.0 + x, -1.0),
        (lambda x: x**-1.0 * 0.0 + x, 0.0),
        (lambda x: x**-0.5 * 0.0 + x, 0.0),
        (lambda x: x**-0.5 * 0.0 + x, -1.0),
    ],
)
def test_off_the_domain_it_is_nan_in_either_mode_behind_a_zero(
    backend: Any, f: Any, x: float
) -> None:
    modes = [
        grad(f),
        lambda x: jvp(f, (x,), (1.0,))[1],
        lambda x: jacobian(lambda v: [f(v)] * 3)(x)[2],
    ]
    for mode in modes:
        assert math.isnan(compiled(mode, backend=backend)(x))
        assert compiled(mode, backend=backend)(2.0) == 1.0


@pytest.mark.parametrize(
    ("f", "x"), [*OFF_THE_DOMAIN, (autograd.arcsin, 2.0), (lambda x: autograd.sqrt(x) * x, -1.0)]
)
def test_off_the_domain_a_derivative_of_a_tangent_is_no_finite_number(
    backend: Any, f: Any, x: float
) -> None:
    def tangent(x: Any) -> Any:
        return jvp(f, (x,), (2.0,))[1]

    for mode in (grad(tangent), grad(grad(tangent)), lambda x: jvp(tangent, (x,), (1.0,))[1]):
        assert not math.isfinite(compiled(mode, backend=backend)(x))


def test_a_branch_off_the_domain_that_is_not_taken_contributes_nothing(backend: Any) -> None:
    def f(x: Any) -> Any:
        return x * x * where(x > 0.0, log(x), 1.0)

    for derivative, expected in ((grad(f), -4.0), (hessian(f), 2.0)):
        assert compiled(derivative, backend=backend)(-2.0) == expected


# --- kinks, at every order -----------------------------------------------------------------------


@pytest.mark.parametrize("kinked", [abs, autograd.floor, autograd.sign, autograd.relu])
def test_a_kink_behind_a_choice_counts_if_its_branch_is_taken(backend: Any, kinked: Any) -> None:
    def f(x: list[Any], bound: float) -> Any:
        return kinked(where(x[0] < bound, x[1] * x[0], x[0]))

    taken = hessian(functools.partial(f, bound=0.0))
    other = hessian(functools.partial(f, bound=-3.0))
    for derivative in (taken, compiled(taken, backend=backend)):
        assert all(map(math.isnan, itertools.chain(*derivative([-2.5, 0.0]))))
    for derivative in (other, compiled(other, backend=backend)):
        assert derivative([-2.5, 0.0]) == [[0.0, 0.0], [0.0, 0.0]]


UNDEFINED: list[tuple[Callable[[Any], Any], float]] = [
    (relu, 0.0),
    (lambda x: relu(x) ** 2, 0.0),
    (lambda x: abs(x) ** 2, 0.0),
    (lambda x: abs(x * x), 0.0),
    (lambda x: sin(abs(x)) * x, 0.0),
    (lambda x: relu(x - 1.0) * exp(x), 1.0),
]
DEFINED: list[tuple[Callable[[Any], Any], float, float]] = [
    (lambda x: where(x > 1.0, relu(x), x * x), 0.0, 2.0),
    (lambda x: where(x > 1.0, sqrt(x), x * x), 0.0, 2.0),
    (lambda x: exp(x) * where(x > 1.0, sqrt(x), 1.0), 0.0, 1.0),
    (lambda x: where(x < 1.0, x * x, x * inf), 0.5, 2.0),
    (lambda x: maximum(sqrt(x), 1.0) * x * x, 0.0, 2.0),
    (lambda x: clip(sqrt(x), 1.0, 2.0) * x * x, 0.0, 2.0),
    (lambda x: minimum(exp(x // x), x * x), 0.25, 2.0),
    (lambda x: relu(x) ** 2, 1.0, 2.0),
    (lambda x: abs(x) ** 3, -1.0, 6.0),
]


def second_derivatives(f: Any) -> list[Callable[[Any], Any]]:
    """Reverse over reverse, forward over reverse, reverse over forward, forward over forward."""

    def forwards(x: Any) -> Any:
        return jvp(f, (x,), (1.0,))[1]

    return [
        hessian(f),
        lambda x: jvp(grad(f), (x,), (1.0,))[1],
        grad(forwards),
        lambda x: jvp(forwards, (x,), (1.0,))[1],
    ]


MIXED: list[tuple[Callable[[Any], Any], list[float]]] = [
    (lambda x: x[0] * maximum(2.0, x[1]), [0.0, 2.0]),
    (lambda x: x[0] * maximum(2.0, x[1]), [1.0, 2.0]),
    (lambda x: x[0] * trunc(x[1]), [0.0, 1.0]),
    (lambda x: exp(abs(x[1])) * x[0], [1.0, 0.0]),
    (lambda x: dot([x[0], x[0]], [relu(x[1]), 1.0]), [1.0, 0.0]),
]
REVERSED: list[tuple[Callable[[Any], Any], list[float]]] = [
    (lambda x: x[0] % 1.0 * x[1], [0.0, 2.0]),
    (lambda x: elu(x[0], 1.5) * x[1], [0.0, 2.0]),
    (lambda x: exp(relu(x[0])) * sin(x[1]), [0.0, 2.0]),
]


@pytest.mark.parametrize(("f", "x"), REVERSED)
def test_what_comes_through_a_kink_is_undefined_in_all_its_factors(
    backend: Any, f: Any, x: list[float]
) -> None:
    def forwards(x: Any) -> Any:
        return jvp(f, (x,), ([1.0, 0.0],))[1]

    assert all(map(math.isnan, hessian(f)(x)[0]))
    assert all(map(math.isnan, grad(forwards)(x)))
    assert all(map(math.isnan, compiled(grad(forwards), backend=backend)(x)))


def test_a_power_that_jumps_has_no_second_derivative_there(backend: Any) -> None:
    for f in (lambda x: x**x, lambda x: x * x**x):
        assert math.isnan(hessian(f)(0.0))
        assert not math.isfinite(compiled(hessian(f), backend=backend)(0.0))
    for n in (0.0, 1.0, 2.0):
        expected = 2.0 if n == 2.0 else 0.0
        assert hessian(lambda x, n=n: x**n)(0.0) == expected
        assert compiled(hessian(lambda x, n=n: x**n), backend=backend)(0.0) == expected


@pytest.mark.parametrize(("f", "x"), MIXED)
def test_a_mixed_second_derivative_at_a_kink_is_nan_both_ways(
    backend: Any, f: Any, x: list[float]
) -> None:
    def forwards(x: Any) -> Any:
        return jvp(f, (x,), ([1.0, 0.0],))[1]

    for found in (hessian(f)(x), compiled(hessian(f), backend=backend)(x)):
        assert [found[0][0], *map(math.isnan, (found[0][1], found[1][0]))] == [0.0, True, True]
    for row in (grad(forwards)(x), compiled(grad(forwards), backend=backend)(x)):
        assert [row[0], math.isnan(row[1])] == [0.0, True]
    found = hessian(f)([1.0, 2.5])
    assert found[0][1] == found[1][0] != 0.0 or f(x) == 0.0
    assert compiled(hessian(f), backend=backend)([1.0, 2.5]) == found


# Operations that have infinite derivatives at 0, and functions that do not depend on them there.
STEEP_AT_0: dict[str, Callable[[Any], Any]] = {
    "sqrt": sqrt,
    "entr": autograd.entr,
    "power": lambda x: x ** (0.5 + 0.0 * x),
}
UNUSED: dict[str, Callable[[Any, Any], Any]] = {
    "floordiv": lambda t, x: (t - 0.3) // 2.0,
    "ceil": lambda t, x: autograd.ceil(t - 0.3) * x,
    "sign": lambda t, x: autograd.sign(t - 5.0),
    "maximum": lambda t, x: maximum(t, x + 9.0),
    "maximum in a product": lambda t, x: maximum(t * x, 9.0) * x,
    "minimum": lambda t, x: autograd.minimum(t, -9.0 - x * x),
    "clip": lambda t, x: clip(t, 7.0, 9.0),
    "where": lambda t, x: where(x > 9.0, t, x * x),
    "where in a square": lambda t, x: autograd.square(where(x > 9.0, t, x)),
    "where of a product": lambda t, x: where(x > 9.0, t * x, x * x * x),
    "where of where": lambda t, x: where(x > 9.0, where(x > 10.0, t, x * t), x * x),
    "a mask": lambda t, x: where(x > 9.0, 1.0, 0.0) * t,
    "exp of where": lambda t, x: exp(where(x > 9.0, t, x)),
    "relu": lambda t, x: relu(t - 9.0),
    "leaky_relu": lambda t, x: autograd.leaky_relu(t - 9.0, 0.0),
    "hard_tanh": lambda t, x: autograd.hard_tanh(t - 9.0),
    "max": lambda t, x: autograd.max([t, 9.0, x]),
    "min": lambda t, x: autograd.min([t, -9.0, -8.0 - x]),
}


@pytest.mark.no_cover
@pytest.mark.parametrize("steep", STEEP_AT_0)
@pytest.mark.parametrize("unused", UNUSED)
def test_an_unused_branch_of_infinite_derivative_takes_no_part(steep: str, unused: str) -> None:
    def f(x: Any) -> Any:
        return UNUSED[unused](STEEP_AT_0[steep](x), x)

    known: dict[str, set[float]] = {  # the second derivatives at 0
        "where": {2.0}, "where in a square": {2.0}, "where of where": {2.0}, "exp of where": {1.0},
        "minimum": {-2.0},
    }  # fmt: skip
    for derivative in second_derivatives(f):
        second = derivative(0.0)
        assert second in known.get(unused, {0.0})
        assert compile(derivative, backend="numpy")(0.0) == second


JUMPING: list[tuple[Callable[[Any], Any], list[float]]] = [
    (lambda x: autograd.ceil(x[0]) * x[0] ** x[1], [0.0, 0.0]),
    (lambda x: autograd.ceil(x[0]) * x[0] ** x[1], [0.0, 1.0]),
    (lambda x: autograd.ceil(x[0]) * (x[0] * x[1]), [0.0, 2.0]),
    (lambda x: autograd.floor(x[0]) * sin(x[0] * x[1]), [0.0, 2.0]),
    (lambda x: autograd.sign(x[0]) * (x[1] * sin(x[0])), [0.0, 2.0]),
    (lambda x: x[0] // 1.0 * sqrt(x[0]) * x[1], [0.0, 2.0]),
    (lambda x: autograd.xlog1py(x[1], autograd.ceil(x[0])), [0.0, 0.0]),
]


@pytest.mark.parametrize(("f", "x"), JUMPING)
def test_what_jumps_times_what_is_0_with_it_has_no_second_derivative(f: Any, x: Any) -> None:
    def of_forward(direction: list[float]) -> Any:
        return grad(lambda x: jvp(f, (x,), (direction,))[1])

    of_forwards = of_forward([1.0, 0.0]), of_forward([0.0, 1.0])
    for mode in (lambda f: f, lambda f: compile(f, backend="numpy")):
        matrix = mode(hessian(f))(x)
        assert math.isnan(matrix[0][0])
        assert math.isnan(matrix[0][1])
        assert math.isnan(matrix[1][0])
        for place in (0, 1):
            assert math.isnan(mode(of_forwards[place])(x)[1 - place])


def test_what_jumps_times_what_does_not_depend_on_it_is_differentiated(backend: Any) -> None:
    matrix = compiled(hessian(lambda x: autograd.ceil(x[0]) * sin(x[1])), backend=backend)
    found = matrix([2.0, 0.5])
    assert found[1][1] == pytest.approx(-2.0 * math.sin(0.5))
    assert math.isnan(found[0][1])
    assert matrix([2.0, 0.0])[0][0] == 0.0


@pytest.mark.parametrize(("f", "x"), UNDEFINED)
def test_at_a_kink_a_second_derivative_is_nan_in_every_mode(backend: Any, f: Any, x: float) -> None:
    for derivative in second_derivatives(f):
        assert math.isnan(derivative(x))
        assert math.isnan(compiled(derivative, backend=backend)(x))


@pytest.mark.parametrize(("f", "x", "expected"), DEFINED)
def test_a_branch_that_is_not_taken_leaves_second_derivatives_alone(
    backend: Any, f: Any, x: float, expected: float
) -> None:
    assert hessian(f)(x) == pytest.approx(expected)
    assert compiled(hessian(f), backend=backend)(x) == pytest.approx(expected)


# --- Values from outside -------------------------------------------------------------------------


def test_a_value_from_outside_is_read_anew_at_each_call(backend: Any) -> None:
    w, b = Value(2.0, "w"), Value(1.0)
    line = compiled(lambda x: w * x + b, backend=backend)
    slope = compiled(grad(lambda x: (w * x + b) ** 2), backend=backend)
    rows = compiled(lambda x: w * x + b, in_axes=0, reduce="sum", backend=backend)
    arrays = compiled(lambda x: w * x[0] + x[1], backend=backend)
    for value in (2.0, 5.0, -1.0):
        w.data, b.data = value, 2.0 * value
        assert line(3.0) == 3.0 * value + 2.0 * value
        assert slope(3.0) == pytest.approx(2.0 * (5.0 * value) * value)
        assert rows(np.array([1.0, 2.0])) == pytest.approx(3.0 * value + 4.0 * value)
        for _ in range(2):  # the second time by the short way
            assert arrays(np.array([3.0, 4.0])) == 3.0 * value + 4.0
    assert line.traces == slope.traces == rows.traces == arrays.traces == 1
    assert line.program(1.0).inputs == ("x", "w", "x2")


def test_a_model_in_a_closure_is_read_anew_at_each_call(backend: Any) -> None:
    from nn import MLP

    model = MLP(2, [3, 1], activation="tanh", seed=1)
    through = compiled(grad(lambda x: model(x)), backend=backend)
    method = compiled(model.__call__, backend=backend)
    for seed in (1, 2):
        model.load_state_dict(MLP(2, [3, 1], activation="tanh", seed=seed).state_dict())
        x = [0.5, -1.0]
        assert method(x) == pytest.approx(model(x).data)
        assert through(x) == pytest.approx(grad(lambda x: model(x))(x))


def test_what_decides_on_a_value_from_outside_is_refused() -> None:
    w = Value(2.0, "w")
    decisions: list[Callable[[Any], Any]] = [
        lambda x: x if w > 0.0 else -x,
        lambda x: x if w else -x,
        lambda x: x if w == 2.0 else -x,
        lambda x: x * round(w),
        lambda x: x * w.data,
        lambda x: x * math.floor(w),
        lambda x: x if norm([w, x]) > 1.0 else -x,
        lambda x: max(x, w),
    ]
    for f in decisions:
        with pytest.raises(TracingError, match="known only when the program runs"):
            compiled(f)(1.0)
    assert compiled(lambda x: where(w > 0.0, x, -x))(1.0) == 1.0
    assert w > 1.0  # as ever, when nothing is traced


def test_a_value_from_outside_may_be_off_the_domain_or_detached_or_the_result() -> None:
    w = Value(-2.0)
    f = compiled(lambda x: [log(w) * x, w, w.detach() * x])
    assert repr(f(1.0)) == "[nan, -2.0, -2.0]"
    w.data = 1.0
    assert f(3.0) == [0.0, 1.0, 3.0]
    cut = compiled(grad(lambda x: x.detach() * x + w.detach() * x))
    assert cut(3.0) == 4.0


def test_what_the_function_makes_itself_is_no_input() -> None:
    def f(x: Any) -> Any:
        total = Value(0.0)
        for k in range(3):
            total = total + Value(float(k)) * x
        return total if Value(2.0) > 1.0 else x

    g = compiled(f)
    assert g(2.0) == 6.0
    assert g.program(1.0).inputs == ("x",)


def test_a_function_that_reads_values_from_outside_has_no_file(tmp_path: Path) -> None:
    w = Value(2.0, "w")
    f = compiled(lambda x: w * x)
    f(1.0)
    with pytest.raises(TypeError, match=r"reads Value\(2.0.*pass it as an argument"):
        f.save(tmp_path / "f")


def test_a_compiled_function_in_a_trace_stays_connected_to_what_it_reads() -> None:
    w = Value(3.0)
    inner = compiled(lambda x: x * w)
    outer = compiled(lambda x: x * inner(2.0))
    slope = compiled(lambda x: x * compiled(grad(lambda z: z * w * w))(1.0))
    for value in (3.0, 5.0):
        w.data = value
        assert outer(1.0) == 2.0 * value
        assert slope(1.0) == value**2
    assert grad(lambda u: compiled(lambda x: x * u)(2.0))(3.0) == 2.0
    assert grad(lambda u: compiled(lambda x, h=u * u: x * h)(2.0))(3.0) == 12.0
    assert grad(lambda u: compiled(lambda x: x * u, in_axes=0)(np.ones(3))[0])(3.0) == 1.0


@pytest.mark.parametrize(
    "f",
    [
        lambda w: lambda x: x * value_and_grad(lambda z: w)(1.0)[0],
        lambda w: lambda x: x * grad(lambda z: (z * z, w), has_aux=True)(2.0)[1],
        lambda w: lambda x: x * jvp(lambda z: w, (1.0,), (1.0,))[0],
        lambda w: lambda x: x * vjp(lambda z: [w, z], 1.0)[0][0],
    ],
)
def test_results_of_transforms_in_a_trace_are_read_anew(f: Any) -> None:
    w = Value(3.0)
    g = compiled(f(w))
    assert g(2.0) == 6.0
    w.data = 5.0
    assert g(2.0) == 10.0


def test_a_gradient_of_what_is_not_known_is_refused_and_changes_nothing() -> None:
    w = Value(3.0)

    def f(x: Any) -> Any:
        (w * w).backward()
        return x

    with pytest.raises(TracingError):
        compiled(f)(2.0)
    with pytest.raises(TracingError):
        compiled(lambda x: x * float(f"{w:.3f}"))(2.0)
    assert w.grad == 0.0


def test_a_model_differentiated_within_a_trace() -> None:
    model = MLP(1, [2, 1], seed=1)

    def f(x: Any) -> Any:
        return value_and_grad(lambda model: model([x]) * model([1.0]))(model)[0]

    assert compiled(f)(0.5) == pytest.approx(f(0.5))


def test_a_choice_of_values_at_random_is_refused_when_checked() -> None:
    values = [Value(float(k)) for k in range(6)]
    own = random.Random(3)
    with pytest.raises(TracingError, match="draws random numbers"):
        compiled(lambda x: x * random.choice(values), check=True)(1.0)
    with pytest.raises(TracingError, match="draws random numbers"):
        compiled(lambda x: x * values[np.random.randint(6)], check=True)(1.0)
    with pytest.raises(TracingError, match="draws random numbers"):
        compiled(lambda x: x * values[np.random.normal() > 9.0], check=True)(1.0)
    with pytest.raises(TracingError, match="other Values"):
        compiled(lambda x: x * values[own.randrange(6)], check=True)(1.0)


STEEP: list[Callable[[Any], Any]] = [
    lambda x: sqrt(x * x) ** 2,
    lambda x: ((x * x) ** 0.5) ** 2,
    lambda x: cos(sqrt(x * x)),
    lambda x: exp(-(sqrt(x * x) ** 2)),
    lambda x: cbrt(x**3) ** 2,
    lambda x: arccosh(1.0 + x * x) ** 2,
]


@pytest.mark.parametrize("f", STEEP)
def test_behind_an_infinite_derivative_a_second_one_is_nan_compiled_as_recorded(
    backend: Any, f: Any
) -> None:
    for derivative in second_derivatives(f)[:2]:
        assert math.isnan(derivative(0.0))
        assert math.isnan(compiled(derivative, backend=backend)(0.0))
        assert compiled(derivative, backend=backend)(1.5) == pytest.approx(derivative(1.5))


def test_off_the_domain_of_a_function_of_ones_own_its_derivatives_are_nan(
    backend: Any, table: None
) -> None:
    logarithm = custom_function("logarithm", lambda x: log(x), lambda m, y, x: 1.0 / x)
    for derivative in (grad(logarithm), hessian(logarithm)):
        assert math.isnan(compiled(derivative, backend=backend)(-2.0))
        assert compiled(derivative, backend=backend)(2.0) == derivative(2.0)


def test_what_changes_from_trace_to_trace_is_refused_when_checked() -> None:
    ticks = iter(range(1000))
    for changing, words in (
        (lambda x: x * float(next(ticks)), r"'\*' is given 0.0 at first, and then 1.0"),
        (lambda x: sin(x) if next(ticks) % 2 else cos(x), "'(sin|cos)' at first"),
        (lambda x: [x] + [x * x] * (next(ticks) % 2), "in only one of them"),
        (lambda x: [x, float(next(ticks))], "it returns"),
    ):
        with pytest.raises(TracingError, match=f"two different programs: .*{words}"):
            compiled(changing, check=True)(1.0)
        compiled(changing)(1.0)
    assert compiled(lambda x: x * math.nan, check=False)(1.0) != 1.0


def test_off_the_domain_results_are_nan_or_infinite_without_a_warning(backend: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        f = compiled(
            lambda x: (log(x), sqrt(x), 1.0 / x, x**0.5, exp(x)), in_axes=0, backend=backend
        )
        logs, roots, inverses, powers, exps = f([-1.0, 0.0, 1.0, 1e4])
        assert np.isnan(logs[0])
        assert logs[1] == -inf
        assert np.isnan(roots[0])
        assert inverses[1] == inf
        assert np.isnan(powers[0])
        assert exps[3] == inf
        total = compiled(log, in_axes=0, reduce="sum", backend=backend, exact=True)
        assert math.isnan(total([-1.0, 1.0]))
        assert (
            compiled(lambda x: x * 1e300, in_axes=0, reduce="sum", backend=backend)([1e308] * 9)
            == inf
        )


# --- check ---------------------------------------------------------------------------------------


def nested_logarithm(x: Any) -> Any:
    return log(log(x) + 1.0)


@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
def test_checked_the_first_bad_row_raises_what_it_would_raise(backend: Any, reduce: Any) -> None:
    f = compiled(nested_logarithm, in_axes=0, reduce=reduce, check=True, backend=backend)
    f([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="log") as eager:
        nested_logarithm(Value(-2.0, "x"))
    with pytest.raises(ValueError, match="log") as checked:
        f([1.0, -2.0, 3.0, -5.0])
    assert str(checked.value) == f"in row 1: {eager.value}"


def test_checked_one_row_raises_too(backend: Any) -> None:
    f = compiled(value_and_grad(nested_logarithm), check=True, backend=backend)
    f(2.0)
    with pytest.raises(ValueError, match="log"):
        f(-2.0)


def test_checked_what_is_infinite_without_an_error_is_returned(backend: Any) -> None:
    f = compiled(lambda x: x * 2.0, in_axes=0, check=True, backend=backend)
    assert f([inf, 1.0]).tolist() == [inf, 2.0]
    mean = compiled(lambda x: x * 2.0, in_axes=0, reduce="mean", check=True, backend=backend)
    assert math.isnan(mean(np.zeros(0)))
    constant = compiled(lambda x: (x, nan), in_axes=0, check=True, backend=backend)
    assert np.isnan(constant([1.0, 2.0])[1]).all()


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (
            {"reduce": "max", "in_axes": 0},
            ValueError,
            "reduce must be 'mean', 'sum' or None, got 'max'",
        ),
        ({"reduce": "sum"}, ValueError, "without in_axes there are none"),
        ({"backend": "gpu"}, ValueError, "backend must be 'llvm', 'numpy', 'c' or None, got 'gpu'"),
        ({"threads": 0}, ValueError, "threads must be an int of at least 1, or None, got 0"),
        ({"threads": 1.5}, ValueError, "threads must be an int of at least 1, or None, got 1.5"),
    ],
)
def test_options_are_checked(options: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        compile(smooth, **options)


@pytest.mark.parametrize("in_axes", [True, (False, None), ([0, {"w": True}],)])
def test_a_truth_value_is_no_axis(in_axes: Any) -> None:
    with pytest.raises(TypeError, match=r"compile: in_axes has (True|False), which is no axis"):
        compile(smooth, in_axes=in_axes)


def test_what_is_compiled_is_a_function() -> None:
    with pytest.raises(TypeError, match="compile: expected a function, got int: 3"):
        compile(3)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("in_axes", "arguments", "error", "words"),
    [
        ("rows", (1.0, 2.0), TypeError, "in_axes must be an int, None, or a tuple"),
        ((0,), ([1.0], [2.0]), ValueError, "in_axes has 1 entry for 2 positional arguments"),
        ((None, None), (1.0, 2.0), ValueError, "no argument has rows"),
        (
            0,
            ([1.0], [1.0, 2.0]),
            ValueError,
            "argument 1 has 2 rows, but an argument before it has 1",
        ),
        (0, ([1.0], 2.0), TypeError, "argument 1 is a single number"),
        (
            (None, 1),
            (1.0, [1.0]),
            ValueError,
            "argument 1 has 1 dimension, but in_axes asks for its axis 1",
        ),
        ((0, None), ([1.0], 1j), TypeError, "argument 1: expected a Value or a real number"),
        ((0, None), ([1.0], np.array(["a"])), TypeError, "argument 1: expected an array of real"),
        (0, (Value(1.0), [1.0]), TypeError, "argument 0 is a single number"),
    ],
)
def test_arguments_are_checked(
    in_axes: Any, arguments: Any, error: type[Exception], words: str
) -> None:
    def product(x: Any, y: Any) -> Any:
        return x * y

    with pytest.raises(error, match=rf"compile\(product\): {words}"):
        compile(product, in_axes=in_axes)(*arguments)


@pytest.mark.parametrize("result", ["text", None, 1j, object(), [1.0, "a"]])
def test_results_are_checked(result: Any) -> None:
    if result is None:
        assert compile(lambda x: None)(1.0) is None
        return
    with pytest.raises(TypeError, match=r"compile\(<lambda>\) returned"):
        compile(lambda x: result)(1.0)


# --- large programs ------------------------------------------------------------------------------


VARIABLES = 400


def rosenbrock(xs: Any) -> Any:
    pairs = itertools.pairwise(xs)
    return sum(100.0 * (b - a * a) ** 2.0 + (1.0 - a) ** 2.0 for a, b in pairs)


@pytest.mark.no_cover
def test_rosenbrock_in_hundreds_of_variables() -> None:
    xs = np.random.default_rng(0).normal(size=VARIABLES)
    value, slopes = compiled(value_and_grad(rosenbrock))(xs)
    reference, expected = by_numpy(value_and_grad(rosenbrock))(xs)
    a, b = xs[:-1], xs[1:]
    direct = (100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2).sum()
    assert value == pytest.approx(direct, rel=1e-12)
    assert reference == pytest.approx(direct, rel=1e-12)
    by_hand = np.zeros(VARIABLES)
    by_hand[:-1] = -400.0 * a * (b - a * a) - 2.0 * (1.0 - a)
    by_hand[1:] += 200.0 * (b - a * a)
    assert slopes == pytest.approx(by_hand, rel=1e-10, abs=1e-10)
    assert expected == pytest.approx(by_hand, rel=1e-10, abs=1e-10)


@pytest.mark.no_cover
@pytest.mark.parametrize("reduce", ["mean", None])
def test_a_large_network_agrees_with_matrices(reduce: Any) -> None:
    model = MLP(20, [24, 12, 5], "tanh", seed=0)
    parameters = [p.data for p in model.parameters()]
    layers: list[Any] = []
    start = 0
    for size, outputs in ((20, 24), (24, 12), (12, 5)):
        block = np.array(parameters[start : start + outputs * (size + 1)]).reshape(outputs, -1)
        layers.append(block)
        start += block.size
    X = np.random.default_rng(1).normal(size=(37, 20))
    hidden, activations = X, [X]
    for number, block in enumerate(layers):
        nets = hidden @ block[:, :-1].T + block[:, -1]
        hidden = np.tanh(nets) if number < 2 else nets
        activations.append(hidden)
    expected_values = (hidden**2).sum(axis=1)
    delta: Any = 2.0 * hidden
    gradients: list[Any] = []
    for number in (2, 1, 0):
        inputs = np.hstack([activations[number], np.ones((37, 1))])
        gradients.insert(0, delta[:, :, None] * inputs[:, None, :])
        delta = delta @ layers[number][:, :-1] * (1.0 - activations[number] ** 2)
    expected = np.concatenate([g.reshape(37, -1) for g in gradients], axis=1)

    def loss(model: Any, x: Any) -> Any:
        return sum(y * y for y in model(x))

    f = compile(value_and_grad(loss), in_axes=(None, 0), reduce=reduce, threads=1)
    values, slopes = f(model, X)
    actual = np.array([*slopes.values()])
    if reduce:
        assert values == pytest.approx(expected_values.mean(), rel=1e-12)
        assert actual == pytest.approx(expected.mean(axis=0), rel=1e-9, abs=1e-12)
    else:
        assert values == pytest.approx(expected_values, rel=1e-12)
        assert pytest.approx(expected, rel=1e-9, abs=1e-12) == actual.T


def test_a_long_recurrence_is_compiled_without_recursion() -> None:
    def chain(x: Any) -> Any:
        y = x
        for _ in range(5_000):
            y = y * 0.999 + x * 0.001
        return y

    value, slope = compiled(value_and_grad(chain))(2.0)
    assert value == pytest.approx(2.0, rel=1e-10)
    assert slope == pytest.approx(1.0, rel=1e-10)


@pytest.mark.no_cover
def test_wide_sums_of_products_agree() -> None:
    generator = np.random.default_rng(3)

    def over(order: Any) -> Any:
        def f(xs: Any) -> Any:
            return sum(xs[i] * xs[j] for i, j in enumerate(order.tolist())) + xs[7]

        return f

    xs, order = generator.normal(size=500), generator.permutation(500)
    expected = float(xs @ xs[order] + xs[7])
    slopes = xs[order] + xs[np.argsort(order)] + (np.arange(500) == 7)
    for options in ({}, {"backend": "numpy"}, {"exact": True}):
        value, actual = compiled(value_and_grad(over(order)), **options)(xs)
        assert value == pytest.approx(expected, rel=1e-11, abs=1e-11)
        assert actual == pytest.approx(slopes, rel=1e-12, abs=1e-13)
    # For rows, LLVM takes a time that grows faster than the sum.
    X, order = generator.normal(size=(9, 200)), generator.permutation(200)
    many = compiled(over(order), in_axes=0)(X)
    assert many == pytest.approx((X * X[:, order]).sum(axis=1) + X[:, 7], rel=1e-10, abs=1e-10)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (relu(x) * relu(x)) ** 2,
        lambda x: (lambda r: tanh(r * r))(relu(x)),
        lambda x: (lambda r: tanh(dot([r, 3.0], [r, x])))(relu(x)),
        lambda x: (x * where(x > 0.0, relu(x), 3.0)) ** 2,
        lambda x: (x * where(x > 1.0, 3.0, relu(x))) ** 2,
        lambda x: (x * where(x > 0.0, 3.0, relu(x + 2.0))) ** 2,
    ],
    ids=["squared", "shared", "in a dot product", "chosen", "not chosen", "of another number"],
)
@pytest.mark.parametrize("x", [0.5, -0.5, 2.0])
def test_what_is_a_factor_of_relu_keeps_its_second_derivative(
    function: Callable[[Any], Any], x: float, backend: Any
) -> None:
    expected = grad(grad(function))(x)
    assert expected or x < 0.0
    assert compiled(grad(grad(function)), backend=backend)(x) == pytest.approx(expected, rel=1e-13)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """NumPy's warnings are errors here, as compiled functions must not cause any."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_exponent_that_varies_may_be_of_a_number_that_is_known_and_huge(backend: Any) -> None:
    def slope(n: Any) -> Any:
        return grad(lambda x: x**n)(1e60)

    assert compile(slope, backend=backend)(1.5) == pytest.approx(slope(1.5), rel=1e-12)
    in_n = grad(slope)
    assert compile(in_n, backend=backend)(1.5) == pytest.approx(in_n(1.5), rel=1e-12)
