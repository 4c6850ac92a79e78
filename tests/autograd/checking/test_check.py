"""`gradcheck` and `check_graph` from outside: outcomes, errors, and what they leave alone."""

from __future__ import annotations

import functools
import math
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
from autograd import (
    Value,
    cbrt,
    custom_function,
    dot,
    exp,
    floor,
    gradcheck,
    log,
    maximum,
    minimum,
    net,
    norm,
    relu,
    sigmoid,
    sin,
    softmax,
    sqrt,
    tan,
    tanh,
)
from autograd.checking import Derivative, GradientCheck, GradientError, check_graph
from autograd.checking.check import _Evidence, _noise
from autograd.checking.numerical import EPSILON
from autograd.value import new_node
from nn import MLP
from tests.checking_cases.correct import CORRECT

METHODS = ["auto", "precise", "numerical"]
EACH_METHOD = pytest.mark.parametrize("method", METHODS)


def checked(f: Callable[..., Any], *inputs: Any, **options: Any) -> GradientCheck:
    return gradcheck(f, *inputs, raise_exception=False, **options)


@pytest.fixture
def without_mpmath(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograd.checking.check.precise_available", lambda: False)


def twice(name: str) -> Any:
    """Make a function whose derivative is twice what it should be."""
    return custom_function(name, lambda x: x * x, lambda m, y, x: 4.0 * x)


# --- what passes ---------------------------------------------------------------------------------


class Line(NamedTuple):
    slope: Any
    intercept: Any


class Gain:
    def __call__(self, x: Value) -> Value:
        return 2.0 * x

    def method(self, x: Value) -> Value:
        return x * x


@EACH_METHOD
@pytest.mark.parametrize(
    ("f", "inputs", "paths"),
    [
        (lambda x, y: x * y, (2.0, 3.0), ["x", "y"]),
        (lambda *args: args[0] * args[2], (2.0, 3.0, 4.0), ["args[0]", "args[1]", "args[2]"]),
        (lambda x, *rest: x * rest[0][0], (2.0, [3.0]), ["x", "rest[0][0]"]),
        (
            lambda x, w: dot(w["a"], [x, x]),
            (2.0, {"a": [1.0, 2.0]}),
            ["x", "w['a'][0]", "w['a'][1]"],
        ),
        (lambda line: line.slope * 2.0 + line.intercept, (Line(2.0, 3.0),), ["line[0]", "line[1]"]),
        (lambda a: a @ a, (np.array([1.0, 2.0]),), ["a[0]", "a[1]"]),
        (lambda a: np.sum(np.tanh(a)), (np.array([[1.0], [2.0]]),), ["a[0, 0]", "a[1, 0]"]),
        (Gain(), (2.0,), ["x"]),
        (Gain().method, (2.0,), ["x"]),
        (functools.partial(lambda k, x: k * x, 3.0), (2.0,), ["x"]),
        (functools.partial(lambda x, k: k * x, k=3.0), (2.0,), ["x"]),
        (abs, (2.0,), ["x"]),
        (lambda x, none: x * x, (Value(2.0), None), ["x"]),
        (lambda x, k=3.0: x * k, (2.0,), ["x"]),
        (sin, (2.0,), ["x"]),
    ],
)
def test_arguments_of_every_kind(
    f: Callable[..., Any], inputs: tuple[Any, ...], paths: list[str], method: Any
) -> None:
    result = gradcheck(f, *inputs, method=method)
    assert result.outcome == "passed"
    assert bool(result) is True
    assert result.reason == ""
    assert result.culprit is None
    assert [d.input for d in result.derivatives] == paths
    assert result.method == ("numerical" if method == "numerical" else "precise")


def test_a_function_in_c_without_a_signature_has_numbered_arguments() -> None:
    with pytest.raises(ValueError, match="signature"):
        __import__("inspect").signature(max)
    result = gradcheck(max, 2.0, 3.0)
    assert [d.input for d in result.derivatives] == ["argument 0", "argument 1"]
    assert [d.gradient for d in result.derivatives] == [0.0, 1.0]


@EACH_METHOD
def test_outputs_of_every_kind(method: Any) -> None:
    result = gradcheck(lambda x: {"a": x * x, "b": [x, 3, (2.0 * x,)]}, 2.0, method=method)
    assert [(d.output, d.gradient) for d in result.derivatives] == [
        ("['a']", 4.0), ("['b'][0]", 1.0), ("['b'][1]", 0.0), ("['b'][2][0]", 2.0),
    ]  # fmt: skip
    assert [d.connected for d in result.derivatives] == [True, True, False, True]
    assert len(gradcheck(softmax, [0.5, -1.0, 700.0], method=method).derivatives) == 9


@EACH_METHOD
def test_a_model_as_an_argument(method: Any) -> None:
    model = MLP(2, [3, 1], "tanh", seed=3)
    result = gradcheck(lambda m, x: m(x), model, [0.5, -1.0], method=method)
    names = [f"m.{name}" for name, _ in model.named_parameters()]
    assert [d.input for d in result.derivatives] == [*names, "x[0]", "x[1]"]


PASSING: list[tuple[Callable[..., Any], tuple[float, ...]]] = [
    (lambda x: x * sin(1.0 / x), (1e-9,)),
    (lambda x: sigmoid(1e300 * x), (1e-301,)),
    (lambda x: x * 0.5, (5e-324,)),
    (lambda x: x * x, (1e-160,)),
    (lambda x: x**2.0, (0.0,)),
    (lambda x: x, (-0.0,)),
    (lambda x: Value(3.0), (1.0,)),
    (lambda x: 3, (1.0,)),
    (tan, (math.pi / 2,)),
    (lambda x: (1.0 + x) - 1.0, (1e-17,)),
    (lambda x: x * x if x > 1.0 else x, (2.0,)),
    (lambda x: x * x if x >= 1.0 else 2.0 * x - 1.0, (1.0,)),
    (lambda x: x * round(x), (1.3,)),
    (lambda x, y: x % y, (5.5, 2.0)),
    (lambda x: exp(x) * 1e300, (1.0,)),
]


@pytest.mark.parametrize(("f", "inputs"), PASSING)
def test_nasty_functions_that_are_right(f: Callable[..., Any], inputs: tuple[float, ...]) -> None:
    assert gradcheck(f, *inputs)


@pytest.mark.no_cover
@pytest.mark.usefixtures("without_mpmath")
def test_no_correct_function_is_called_wrong_without_mpmath() -> None:
    for case in CORRECT[::12]:  # all of them, with mpmath, in test_evidence.py
        if case.heavy:
            continue
        for inputs in case.points[:1]:
            if sum(isinstance(x, (list, dict)) and len(x) > 10 for x in inputs):
                continue
            result = checked(functools.partial(case.function, NAMESPACE), *inputs)
            assert result.outcome != "failed", f"{case.name} at {inputs}: {result}"
            assert result.method == "numerical"


class _Namespace:
    """The library, with `detach` to a plain number."""

    detach = staticmethod(lambda x: x.data if isinstance(x, Value) else x)

    def __getattr__(self, name: str) -> Any:
        return getattr(autograd, name)


NAMESPACE = _Namespace()


# --- what is undecided ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "inputs", "reason"),
    [
        (relu, (0.0,), "relu: it has a kink: its derivative is 0.0 from below and 1.0"),
        (maximum, (1.0, 1.0), "maximum: it has a kink"),
        (lambda x, y: norm([x, y]), (0.0, 0.0), "norm: it has a kink"),
        (floor, (1.0,), "infinite derivative there, or a jump"),
        (sqrt, (0.0,), "it is not defined below"),
        (lambda x: sqrt(x * x), (0.0,), "sqrt: it is at a border of its domain"),
        (lambda x: x * x if x > 1.0 else x, (1.0,), "there is a kink: the derivative is 1 from"),
        (lambda x: x * math.nan, (1.0,), "its value is not finite at the point"),
        (lambda x: x * math.inf, (1.0,), "its value is not finite at the point"),
        (lambda x: 1.0 / x, (1e-300,), "too large for a float"),
        (lambda x: ((1e16 + x) - 1e16) ** 2.0, (1.0,), "rounding of intermediate results"),
        (lambda x: maximum(x, -math.inf), (1.0,), "an operand is not finite"),
    ],
)
def test_undecided_points_say_why(
    f: Callable[..., Any], inputs: tuple[float, ...], reason: str
) -> None:
    result = gradcheck(f, *inputs)  # returned, and no exception
    assert result.outcome == "undecided"
    assert not result
    assert reason in result.reason
    assert result.culprit is None
    assert ("is undecided" if result.derivatives else "cannot be checked") in str(result)


def test_noise_is_undecided() -> None:
    def rough(x: Value) -> Value:
        return x * random.Random(x.data).random()

    assert checked(rough, 1.5).outcome == "undecided"


def test_a_function_with_fewer_outputs_nearby_is_undecided() -> None:
    result = checked(lambda x: [x, x * x] if x <= 1.0 else [x], 1.0)
    assert result.outcome == "undecided"
    assert [d.outcome for d in result.derivatives] == ["passed", "undecided"]


# --- what fails ----------------------------------------------------------------------------------


@EACH_METHOD
def test_a_wrong_row_is_the_culprit(method: Any) -> None:
    square = twice("check_twice")
    with pytest.raises(GradientError, match="the gradient of f is wrong") as caught:
        gradcheck(lambda x: {"a": tanh(square(sin(x)))}, 0.5, method=method)
    result = caught.value.result
    assert result.outcome == "failed"
    assert not result
    assert result.reason == "check_twice: its derivative in x"
    assert result.culprit is not None
    assert result.culprit.op == "check_twice"
    assert result.culprit.operand == 0
    assert result.culprit.numerical == pytest.approx(2.0 * math.sin(0.5))
    assert result.culprit.local_derivative == pytest.approx(4.0 * math.sin(0.5))
    assert [d.outcome for d in result.derivatives] == ["failed"]
    assert "check_twice" in str(caught.value)
    assert str(checked(lambda x: {"a": tanh(square(sin(x)))}, 0.5, method=method)) == str(result)


@pytest.mark.usefixtures("without_mpmath")
@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("sign", lambda m, y, x: -m.cos(x)),
        ("factor", lambda m, y, x: m.cos(x) * 1.00001),
        ("term", lambda m, y, x: m.cos(x) + 1e-3),
        ("zero", lambda m, y, x: 0.0 * x),
        ("stale", lambda m, y, x: y),
    ],
)
def test_wrong_rows_are_found_without_mpmath(name: str, wrong: Callable[..., Any]) -> None:
    own = custom_function(f"check_{name}", math.sin, wrong)
    result = checked(lambda x: own(x) * x, 0.7)
    assert result.outcome == "failed"
    assert result.method == "numerical"
    assert result.culprit is not None
    assert result.culprit.op == f"check_{name}"
    right = custom_function(f"check_right_{name}", math.sin, lambda m, y, x: m.cos(x))
    assert gradcheck(lambda x: right(x) * x, 0.7)


@pytest.mark.parametrize("derivative", [-0.5, 1.5, 2.0])
@EACH_METHOD
def test_at_a_kink_a_derivative_of_neither_side_fails(derivative: float, method: Any) -> None:
    own = custom_function(
        "check_relu", lambda x: max(x, 0.0), lambda m, y, x: m.where(x == 0.0, derivative, 1.0)
    )
    result = checked(lambda x: 3.0 * own(x), 0.0, method=method)
    assert result.outcome == "failed"
    assert result.culprit is not None
    assert result.culprit.op == "check_relu"


@pytest.mark.parametrize("derivative", [0.0, 0.5, 1.0])
def test_at_a_kink_a_derivative_between_the_sides_is_undecided(derivative: float) -> None:
    own = custom_function(
        "check_relu", lambda x: max(x, 0.0), lambda m, y, x: m.where(x == 0.0, derivative, 1.0)
    )
    assert checked(own, 0.0).outcome == "undecided"


def test_a_row_with_a_value_of_its_own_is_the_culprit() -> None:
    calls = iter([0.0, 0.0] + [1.0] * 1000)  # wrong on the first two graphs alone
    own = custom_function(
        "check_value", lambda x: x + 0.01 * (1.0 - next(calls)), lambda m, y, x: 1.0 + 0.0 * x
    )
    result = checked(lambda x: own(x) * x, 2.0)
    assert result.outcome == "failed"
    assert result.culprit is not None
    assert "value" in result.culprit.problem


@pytest.mark.parametrize(
    ("f", "blame"),
    [
        (lambda x: x * x.data, r"^operand 2 of '\*' changes with the inputs and is a constant"),
        (lambda x: x * x.detach(), r"^operand 2 of '\*' changes"),
        (lambda x: dot([x.data, 1.0], [x, x]), r"^operand 1 of 'linear' changes"),
        (lambda x: 2.0 * x.data, r"^the result changes with the inputs and is a constant"),
        (lambda x: [x, x.detach()], r"^the result changes"),
        (lambda x: x + math.sin(x.data), r"^operand 2 of '\+' changes"),
        (lambda x: x * [x.data for _ in range(3)][2], r"^operand 2 of '\*' changes"),
    ],
)
@pytest.mark.parametrize("method", ["auto", "numerical"])
def test_numbers_cut_off_the_graph_are_found_and_named(
    f: Callable[..., Any], blame: str, method: Any
) -> None:
    with pytest.raises(GradientError) as caught:
        gradcheck(f, 2.0, method=method)
    assert __import__("re").match(blame, caught.value.result.reason)


def test_a_cut_that_does_not_change_the_gradient_is_right() -> None:
    assert gradcheck(lambda x: x * x + 0.0 * x.data, 2.0)
    assert gradcheck(lambda x: x - x.data + x.data, 2.0).outcome != "failed"


def test_an_output_that_leaves_the_graph_where_it_has_another_shape_nearby() -> None:
    def f(x: Value) -> Any:
        return 2.0 * x.data if abs(x.data - 2.0) < 1e-300 else Value(2.0 * x.data) + 0.0

    result = checked(f, 2.0)
    assert result.outcome == "failed"
    assert (
        result.reason
        == "the output changes with this input, but does not depend on it on the graph"
    )


@pytest.mark.parametrize(
    ("make", "difference"),
    [
        (lambda: lambda x, c: x * next(c), "its result is 0.0 and 2.0"),
        (lambda: lambda x, c: (x * x, x + x)[next(c) % 2], "it records other operations"),
        (lambda: lambda x, c: 0.0 * (x * next(c)), "another number enters '*'"),
        (lambda: lambda x, c: {"y": x + next(c)}, "its result['y'] is 2.0 and 3.0"),
    ],
)
def test_hidden_state_fails(make: Callable[[], Any], difference: str) -> None:
    from itertools import count

    counter = count()
    f = make()
    result = checked(lambda x: f(x, counter), 2.0)
    assert result.outcome == "failed"
    assert result.reason == (
        f"it is not deterministic: called again, {difference}; seed its random numbers"
    )
    assert result.derivatives == ()
    with pytest.raises(GradientError, match="not deterministic"):
        gradcheck(lambda x: x * random.random(), 1.0)


def test_state_that_shows_at_a_later_call_fails() -> None:
    calls = 0

    def f(x: Value) -> Value:
        nonlocal calls
        calls += 1
        return x * x if calls < 4 else x + x  # the point twice, and then both sides of it

    result = checked(f, 3.0)
    assert result.outcome == "failed"
    assert result.reason.startswith("it is not deterministic: called again, it records other")


def test_must_depend() -> None:
    def f(x: Any, y: Any) -> Any:
        return [x * y, x]

    assert gradcheck(f, 2.0, 3.0)
    result = checked(f, 2.0, 3.0, must_depend=True)
    assert [d.outcome for d in result.derivatives] == ["passed", "passed", "passed", "failed"]
    assert result.reason == "the output does not depend on this input"
    assert gradcheck(lambda x: x * 0.0, 2.0, must_depend=True)
    cut = checked(lambda x: x.data * 2.0, 2.0, must_depend=True)
    assert cut.reason.startswith("the result changes with the inputs")


def test_the_first_of_two_wrong_operations_is_named() -> None:
    one, two = twice("check_first"), twice("check_second")
    result = checked(lambda x: two(exp(one(x))), 0.5)
    assert result.culprit is not None
    assert result.culprit.op == "check_first"


def test_backward_that_does_not_add_up_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    true_backward = Value.backward

    def once(self: Value, seed: float = 1.0) -> None:
        for leaf in autograd.graph.leaves(self):
            leaf.grad = 0.0
        true_backward(self, seed)

    monkeypatch.setattr(Value, "backward", once)
    result = checked(lambda x: x * x, 2.0)
    assert result.outcome == "failed"
    assert result.reason.startswith("backward: its gradient after a second backward()")


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "inputs", "options", "error", "message"),
    [
        (lambda x: x, (1.0,), {"order": 0}, ValueError, "order must be 1 or 2, got 0"),
        (lambda x: x, (1.0,), {"order": 3}, ValueError, "order must be 1 or 2, got 3"),
        (lambda x: x, (1.0,), {"method": "exact"}, ValueError, "method must be .* got 'exact'"),
        (lambda x: x, (1,), {}, TypeError, r"^gradcheck: x: 1 is not a float: write 1\.0"),
        (lambda x, n: x, (1.0, 3), {}, TypeError, r"^gradcheck: n: 3 is not .*lambda"),
        (lambda x: x, (True,), {}, TypeError, "True is not a float"),
        (lambda x, mode: x, (1.0, "sum"), {}, TypeError, "^gradcheck: mode: .*got str"),
        (lambda x: x, ([[1.0], {"k": 2}],), {}, TypeError, r"^gradcheck: x\[1\]\['k'\]: 2 is"),
        (lambda x: x, (1j,), {}, TypeError, "got complex"),
        (lambda: Value(1.0), (), {}, TypeError, "no float or Value among the arguments"),
        (lambda x: 1.0, ([],), {}, TypeError, "no float or Value among the arguments"),
        (lambda x: x, (1.0, 2.0), {}, TypeError, "takes 1 positional argument but 2"),
        (lambda x, y: x, (1.0,), {}, TypeError, "missing 1 required .* 'y'"),
        (lambda x, *, k: x, (1.0,), {}, TypeError, "missing 1 required .* 'k'"),
        (lambda x: x, (math.inf,), {}, ValueError, "x is inf: a derivative is taken at a finite"),
        (lambda x: x, ([0.0, math.nan],), {}, ValueError, r"x\[1\] is nan"),
        (lambda x: "a", (1.0,), {}, TypeError, "f returned: expected .*got str"),
        (lambda x: [x, {"k": 1j}], (1.0,), {}, TypeError, r"f returned, at \[1\]\['k'\]"),
        (log, (-1.0,), {}, ValueError, "math domain error"),
        (lambda x: 1.0 / x, (0.0,), {}, ZeroDivisionError, "x2 != 0"),
        (math.sin, (1.0,), {}, TypeError, "autograd.sin"),
        (lambda x: x.data * x, (2.0,), {"method": "precise"}, ValueError,
         "the precise method cannot be had: a number on its graph changes"),
        (sqrt, (0.0,), {"method": "precise"}, ValueError, "nearby it records another graph"),
    ],
)  # fmt: skip
def test_errors(f: Any, inputs: Any, options: Any, error: type[Exception], message: str) -> None:
    for raise_exception in (True, False):
        with pytest.raises(error, match=message):
            gradcheck(f, *inputs, raise_exception=raise_exception, **options)


def test_products_that_cancel_are_judged_by_their_sizes() -> None:
    def f(x1: Any, x2: Any) -> Any:
        y1 = exp(x1)
        return net([x2, y1], [0.0, -0.99999], y1)

    assert checked(f, 1.0, 0.0).outcome == "passed"
    assert checked(lambda x: dot([x, x], [1.0, -0.99999]), 2.7182818).outcome == "passed"


def test_an_error_says_where_the_precise_method_ends() -> None:
    own = custom_function("check_gone", lambda x: x * x, lambda m, y, x: 2.0 * x)
    assert gradcheck(own, 2.0, method="precise")

    def gone(x: Any) -> Any:
        return new_node(x.data**2, (x,), (2.0 * x.data,), "check_gone_from_the_table")

    with pytest.raises(ValueError, match="'check_gone_from_the_table' is not in the table"):
        gradcheck(gone, 2.0, method="precise")
    assert checked(gone, 2.0).outcome in ("passed", "undecided")


@pytest.mark.usefixtures("without_mpmath")
def test_the_precise_method_needs_mpmath() -> None:
    with pytest.raises(ValueError, match="mpmath is not installed"):
        gradcheck(sin, 1.0, method="precise")
    assert gradcheck(sin, 1.0).method == "numerical"
    assert check_graph(sin(Value(1.0))).method == "numerical"


def test_a_function_that_forgets_to_return_is_an_error() -> None:
    empty: list[Any] = [None, [], {"a": ()}]
    for nothing in empty:
        with pytest.raises(TypeError, match="returned no number"):
            gradcheck(lambda x, nothing=nothing: nothing, 1.0)


def test_a_reason_names_an_operation_once() -> None:
    assert checked(lambda x: maximum(x, -math.inf), 1.0).reason.count("maximum") == 1


def test_where_a_function_is_0_its_derivative_is_passed() -> None:
    assert checked(lambda x: 2.0 * relu(x), -1.0, method="numerical").outcome == "passed"


@pytest.mark.parametrize(
    ("f", "x"), [(autograd.lgamma, -4863051006.804655), (lambda x: sin(x) + 3e10, 3e8)]
)
def test_right_gradients_far_from_zero_do_not_fail(f: Callable[..., Any], x: float) -> None:
    assert checked(f, x, method="numerical").outcome != "failed"


def test_where_operations_have_kinks_the_function_as_a_whole_decides() -> None:
    smooth = checked(lambda x, y: maximum(x, y) + minimum(x, y), 1.0, 1.0, method="numerical")
    assert smooth.outcome == "passed"
    kink = checked(lambda x, y: maximum(x, y) - minimum(x, y), 1.0, 1.0, method="numerical")
    assert kink.outcome == "undecided"


def test_a_gradient_that_is_not_finite_is_not_held_to_differences() -> None:
    result = checked(lambda x: cbrt(x) - cbrt(x), 0.0, method="numerical")
    assert math.isnan(result.derivatives[0].gradient)
    assert result.outcome == "undecided"
    assert result.reason.startswith("cbrt: ")


def test_noise_is_what_rounding_each_node_moves_the_output_by() -> None:
    x = Value(3.0)
    y = x * x
    z = y * 10.0
    sizes = {z: 1.0, y: 10.0}
    assert _noise([y, z], sizes) == EPSILON * (90.0 + 90.0)
    huge = Value(1.7e308)
    assert _noise([y, huge], {y: 10.0, huge: 1e10}) == EPSILON * 90.0
    assert _noise([huge, huge], {huge: 1.0}) == 0.0  # what is not known


# --- what is left alone --------------------------------------------------------------------------


def picture(values: Any) -> list[Any]:
    return [(id(v), v.data, v.grad, v.op, v.label, v.local_derivatives) for v in values]


@pytest.mark.no_cover
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("wrong", [False, True])
def test_nothing_of_the_users_is_changed(method: Any, wrong: bool) -> None:
    weight, scale = Value(3.0, "w"), Value(2.0)
    model, passed = MLP(1, [2, 1], "tanh", seed=1), MLP(1, [1], "tanh", seed=2)
    argument = Value(0.5, "a")
    array = np.array([0.25, Value(0.5)], dtype=object)
    nested = {"k": [argument, 0.75, (array,)]}
    elements = list(nested["k"])
    values = [weight, scale, argument, array[1]]
    values += [*model.parameters(), *passed.parameters()]
    for i, value in enumerate(values):
        value.grad = 100.0 + i
    before = picture(values)
    own = twice("check_mine") if wrong else autograd.square

    def f(nested: Any, m: Any, x: Any) -> Any:
        inner = weight * nested["k"][0] * scale + model([nested["k"][1]])
        return [own(inner) + m([x]), nested["k"][2][0][1] * 2.0]

    result = checked(f, nested, passed, 0.125, method=method)
    assert result.outcome == ("failed" if wrong else "passed")
    assert picture(values) == before
    assert list(map(id, nested["k"])) == list(map(id, elements))
    assert array[0] == 0.25
    assert type(array[0]) is float
    assert array[1].grad == before[3][2]


@pytest.mark.parametrize("method", METHODS)
def test_nodes_that_depend_on_no_input_may_be_on_the_graph(method: Any) -> None:
    weight = Value(3.0, "w")
    recorded = weight * weight
    weight.grad, recorded.grad = 7.0, 8.0
    inner = checked(lambda x: x * (weight * weight), 0.5, method=method)
    outer = checked(lambda x: x * recorded, 0.5, method=method)
    assert (weight.grad, recorded.grad) == (7.0, 8.0)
    assert inner.outcome == outer.outcome == "passed"


@pytest.mark.parametrize("method", ["auto", "precise"])
def test_an_infinite_derivative_of_a_smooth_function_is_wrong(method: Any) -> None:
    own = custom_function("check_infinite", lambda x: x * x, lambda m, y, x: math.inf + 0.0 * x)
    assert checked(own, 2.0, method=method).outcome == "failed"


@pytest.mark.usefixtures("without_mpmath")
@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: (1.0 - autograd.cos(x)) / (x * x), 1e-8),
        (lambda x: x + 1e-9 * sin(1e9 * x), 0.3),
    ],
)
def test_no_false_alarm_where_rounding_hides_the_function(f: Callable[..., Any], x: float) -> None:
    assert checked(f, x).outcome != "failed"


def test_on_a_branch_cut_a_sign_of_zero_is_no_error() -> None:
    assert check_graph(autograd.arctan2(Value(0.0), Value(-0.0))).outcome != "failed"


@EACH_METHOD
def test_second_order(method: Any) -> None:
    result = gradcheck(lambda x, y: x * sin(y), 2.0, 0.5, order=2, method=method)
    assert result
    assert len(result.derivatives) == 6
    assert [d.gradient for d in result.derivatives[2:]] == pytest.approx(
        [0.0, math.cos(0.5), math.cos(0.5), -2.0 * math.sin(0.5)]
    )
    wrong = custom_function("check_second", lambda x: x * x, lambda m, y, x: 4.0 * x)
    assert checked(wrong, 2.0, order=2).outcome == "failed"
    assert checked(relu, 0.0, order=2).outcome == "undecided"


@pytest.mark.parametrize("after", [0, 1, 2, 4, 9])
def test_nothing_of_the_users_is_changed_when_the_function_raises(after: int) -> None:
    weight, model = Value(3.0, "w"), MLP(1, [1])
    values = [weight, *model.parameters()]
    for value in values:
        value.grad = 7.0
    before = picture(values)
    calls = 0

    def f(m: Any, x: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > after:
            raise RuntimeError("enough")
        return m([x]) * weight * (x.data if after == 9 else 1.0)

    if after < 4:
        with pytest.raises(RuntimeError, match="enough"):
            checked(f, model, 0.5)
    else:
        try:
            checked(f, model, 0.5)
        except RuntimeError:
            assert after == 9
    assert picture(values) == before


def test_a_function_that_runs_backward_itself_is_checked_all_the_same() -> None:
    def f(x: Value) -> Value:
        y = x * x
        y.backward()
        return y

    assert gradcheck(f, 3.0)


def test_containers_that_the_function_changes_are_copies() -> None:
    argument = {"a": [1.0, 2.0]}

    def f(p: Any) -> Any:
        p["a"].append(3.0)
        p["b"] = 1.0
        return p["a"][0] * p["a"][2]

    assert gradcheck(f, argument)
    assert argument == {"a": [1.0, 2.0]}


def test_the_random_numbers_of_the_program_are_left_alone() -> None:
    random.seed(5)
    expected = random.getstate()
    gradcheck(lambda x, y: sin(x) * y, 1.0, 2.0)
    gradcheck(lambda x, y: sin(x) * y, 1.0, 2.0, method="numerical")
    assert random.getstate() == expected


# --- the same each time --------------------------------------------------------------------------


def essence(result: GradientCheck) -> tuple[str, tuple[Derivative, ...]]:
    return str(result), result.derivatives


@pytest.mark.no_cover
@EACH_METHOD
@settings(max_examples=15)
@given(x=st.floats(-3.0, 3.0), y=st.floats(-3.0, 3.0))
def test_results_are_the_same_each_time_and_never_a_false_alarm(
    method: Any, x: float, y: float
) -> None:
    def f(x: Any, y: Any) -> Any:
        return [tanh(x * y) + exp(sin(x)), maximum(x, y) * 2.0, abs(y)]

    if method == "precise" and (x == y or y == 0.0):
        return
    try:
        first = checked(f, x, y, method=method)
    except ValueError:
        assert method == "precise"  # where nearby it records another graph
        return
    assert first.outcome != "failed", str(first)
    assert essence(checked(f, x, y, method=method)) == essence(first)


def test_threads_do_not_disturb_each_other() -> None:
    square = twice("check_threads")

    def work() -> Iterator[tuple[str, Any]]:
        for i in range(4):
            x = 0.25 + i
            yield essence(checked(lambda x: tanh(x) * exp(sin(x)), x))
            yield essence(checked(lambda x: square(x) + 0.1 * x, x))
            yield essence(checked(lambda x: log(x) * x, x, method="numerical"))

    expected = list(work())
    found: list[list[tuple[str, Any]]] = []
    threads = [threading.Thread(target=lambda: found.append(list(work()))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected, expected]


@EACH_METHOD
def test_the_function_is_called_about_as_often_as_is_said(method: Any) -> None:
    calls = 0

    def f(x: Any, y: Any) -> Any:
        nonlocal calls
        calls += 1
        return sin(x) * y

    gradcheck(f, 1.0, 2.0, method=method)
    assert calls <= (10 if method != "numerical" else 10 + 2 * 120)


# --- recorded graphs -----------------------------------------------------------------------------


def test_a_graph_is_called_by_its_label_or_operation() -> None:
    x = Value(2.0, "x")
    y = x * x
    assert str(check_graph(y)) == "gradcheck: 1 derivative of * passed (precise)"
    y.label = "energy"
    assert check_graph(y).function == "energy"
    assert check_graph(x).function == "x"
    assert check_graph(Value(2.0)).function == "v1"
    assert [d.input for d in check_graph(Value(3.0) * x).derivatives] == ["v1", "x"]


def test_a_wrong_graph_is_no_exception() -> None:
    result = check_graph(twice("check_graph_twice")(Value(2.0, "x")))
    assert result.outcome == "failed"
    assert [d.gradient for d in result.derivatives] == [8.0]


# --- found by reviewers ---------------------------------------------------------------------------


def test_a_ripple_that_differences_do_not_resolve_is_undecided() -> None:
    result = checked(lambda x: x * x + autograd.cos(2e7 * x) / 2e7**1.5, 0.2, method="numerical")
    assert result.outcome != "failed"


@EACH_METHOD
@pytest.mark.parametrize(
    ("f", "point"),
    [
        (autograd.floor, (5e15,)),
        (autograd.trunc, (1e14 + 0.5,)),
        (lambda x: x % 1.0, (5e15,)),
        (lambda x, y: x // y, (3.7e50, 1.3)),
        (lambda x: autograd.clip(x, 2.0, 2.0), (2.0,)),
        (lambda x: sqrt(x - x), (1.0,)),
        (lambda x: sqrt(relu(x)), (-1.0,)),
        (lambda x: sqrt(x * 0.0) + x, (1.0,)),
        (lambda x: x * 0.4 + x * 0.4, (1.5e308,)),
        (lambda x: sin(autograd.sigmoid(1e6 * x)), (-1.0,)),
    ],
)
def test_what_cannot_be_known_is_not_called_wrong(f: Any, point: Any, method: Any) -> None:
    assert checked(f, *point, method=method).outcome != "failed"


def test_exceptions_at_points_nearby_are_not_the_users() -> None:
    values = [1.0, 2.0, 3.0]
    assert checked(lambda x: values[int(x.data)] * x, 2.999).outcome != "failed"


def test_a_coefficient_whose_operand_is_0_is_checked_nearby() -> None:
    def f(x: Value, y: Value) -> Value:
        total = autograd.dot([2.0, -2.004], [x, y])
        total.local_derivatives = (-2.0, -2.004)
        return total

    assert checked(f, 0.0, 1.5).outcome == "failed"


def test_partials_that_differ_on_floats_and_on_values_fail_at_second_order() -> None:
    cube = custom_function(
        "two_faced_cube",
        lambda x: x * x * x,
        lambda m, y, x: -3.0 * x * x if isinstance(x, Value) else 3.0 * x * x,
    )
    assert checked(cube, 1.5).outcome == "passed"
    result = checked(cube, 1.5, order=2)
    assert result.outcome == "failed"
    assert "differ on floats and on Values" in result.reason


def test_a_function_that_changes_its_argument_is_refused() -> None:
    def clamped(w: Value) -> Value:
        w.data = min(w.data, 1.0)
        return w * w

    with pytest.raises(ValueError, match="changes the data of its argument w"):
        gradcheck(clamped, 2.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gradcheck(3.0, 2.0), "gradcheck: expected a function, got float"),  # type: ignore[arg-type]
        (lambda: check_graph(3.0), "check_graph: expected a Value"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_function_and_no_node_is_refused(call: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize("order", [1, 2])
def test_a_value_that_is_not_finite_is_undecided_at_any_order(order: int) -> None:
    assert checked(lambda x: x * 1e308 * 10.0, 1.0, order=order).outcome == "undecided"


def test_rounding_of_which_nothing_is_known_is_infinite() -> None:
    evidence = _Evidence(0.0, math.nan, 1e-16, 0.0, 0.0, 1e-9, 1.0, rows_are_right=True)
    assert evidence.explained == math.inf
    assert evidence.outcome("") == ("passed", "")  # until it is looked at as a whole


# --- large functions -----------------------------------------------------------------------------

SAMPLES = 6


def network(activation: str, seed: int = 1) -> tuple[MLP, Callable[[Any], Any]]:
    """A network of 337 weights, and its mean squared error over 20 samples."""
    generator = random.Random(seed)
    inputs = [[generator.uniform(-1.0, 1.0) for _ in range(2)] for _ in range(SAMPLES)]
    targets = [generator.choice((-1.0, 1.0)) for _ in range(SAMPLES)]

    def loss(model: Any) -> Any:
        total = 0.0
        for x, target in zip(inputs, targets, strict=True):
            total = total + (model(x) - target) ** 2
        return total / SAMPLES

    return MLP(2, [16, 16, 1], activation, seed=seed), loss


@pytest.mark.no_cover
@pytest.mark.parametrize("method", ["auto", "numerical"])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_loss_of_a_network_is_checked_in_some_hundred_calls(
    activation: str, method: Any
) -> None:
    model, loss = network(activation)
    calls = 0

    def counted(model: Any) -> Any:
        nonlocal calls
        calls += 1
        return loss(model)

    result = gradcheck(counted, model, method=method)
    assert result.outcome == "passed"
    assert len(result.derivatives) == 337
    assert all(d.bound <= 1e-6 for d in result.derivatives)
    few = 300 if activation == "tanh" else 3000  # a kink may lie in the way
    assert calls <= (4 if method == "auto" else few)


@pytest.mark.no_cover
@pytest.mark.parametrize("method", ["auto", "numerical"])
def test_a_fault_in_a_network_is_found(method: Any) -> None:
    own = custom_function("check_tanh", math.tanh, lambda m, y, x: 1.000001 - y * y)
    model, loss = network("tanh")
    right = checked(lambda m: loss(lambda x: tanh(m(x))), model, method=method)
    wrong = checked(lambda m: loss(lambda x: own(m(x))), model, method=method)
    assert right.outcome == "passed"
    assert wrong.outcome == "failed"
    assert wrong.culprit is not None
    assert wrong.culprit.op == "check_tanh"


@pytest.mark.parametrize("method", ["auto", "numerical"])
def test_one_of_many_inputs_that_is_cut_off_is_named(method: Any) -> None:
    def f(w: Any) -> Any:
        return dot(w, w) + 1e-3 * w[17].data ** 2

    result = checked(f, [0.1 * i - 1.0 for i in range(40)], method=method)
    assert result.outcome == "failed"
    assert [d.input for d in result.derivatives if d.outcome == "failed"] == ["w[17]"]


@pytest.mark.no_cover
@pytest.mark.parametrize("count", [40, 400])
def test_one_of_very_many_is_found_in_some_calls(count: int) -> None:
    calls = 0

    def f(w: Any) -> Any:
        nonlocal calls
        calls += 1
        return dot(w, w) + 1e-3 * w[17].data ** 2

    result = checked(f, [0.01 * i - 1.005 for i in range(count)])
    assert result.outcome == "failed"
    assert [d.input for d in result.derivatives if d.outcome != "passed"] == ["w[17]"]
    assert all(d.bound <= 1e-6 for d in result.derivatives)
    assert calls <= 2000


def test_a_small_derivative_does_not_hide_behind_large_ones() -> None:
    def f(w: Any) -> Any:
        return dot(w, w) + 1e-4 * w[3] + 1e-6 * w[3].data

    weights = [0.0 if i == 3 else 1.0 + i for i in range(40)]
    result = checked(f, weights)
    assert result.outcome == "failed"
    assert [d.input for d in result.derivatives if d.outcome != "passed"] == ["w[3]"]


@pytest.mark.no_cover
def test_a_kink_among_very_many_is_found_and_the_others_pass() -> None:
    def f(w: Any) -> Any:
        return dot(w, w) + (w[20] if w[20] > 0.0 else 0.0 * w[20])

    result = checked(f, [0.1 * i for i in range(-20, 20)])
    assert result.outcome == "undecided"
    assert [d.input for d in result.derivatives if d.outcome != "passed"] == ["w[20]"]


def test_many_inputs_of_which_one_is_at_a_kink_are_taken_one_by_one() -> None:
    def f(w: Any) -> Any:
        return dot(w, w) + relu(w[20])

    result = checked(f, [0.1 * i for i in range(-20, 20)], method="numerical")
    assert result.outcome == "undecided"
    assert [d.input for d in result.derivatives if d.outcome != "passed"] == ["w[20]"]


def test_a_function_that_differences_along_directions_deny_is_taken_one_by_one() -> None:
    hidden = [0.0] * 40

    def f(w: Any) -> Any:
        # What the graph has at the point and close by is not what the function is further off.
        moved = sum(abs(x.data - y) for x, y in zip(w, hidden, strict=True))
        return dot(w, w) + (0.0 if moved < 1e-2 * 40 else 5.0)

    assert checked(f, hidden, method="numerical").outcome != "failed"


@pytest.mark.parametrize("order", [0, 3, True, 1.5, "1", None, np.ones(3)])
def test_an_order_that_there_is_not(order: Any) -> None:
    with pytest.raises(ValueError, match="order must be 1 or 2"):
        gradcheck(lambda x: x * x, 1.0, order=order)
