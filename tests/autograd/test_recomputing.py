"""`checkpoint`: the derivatives of its twin that is kept, in the memory of one segment."""

from __future__ import annotations

import copy
import math
import pickle
import random
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import (
    Value,
    abs,
    checkpoint,
    compile,
    cos,
    cosh,
    exp,
    explain,
    grad,
    gradcheck,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    relu,
    sin,
    value_and_grad,
    vjp,
    where,
)
from autograd.graph import interior
from nn import MLP


def step(state: Any, w: Any) -> Any:
    a, b = state["a"], state["b"]
    for _ in range(2):
        a, b = a + 0.1 * sin(b) * w, b + 0.2 * cos(a) * a
    return {"a": a, "b": [b, None][0], "text": "kept"}


def run(step: Callable[..., Any]) -> Callable[..., Any]:
    def f(x: Any) -> Any:
        state: Any = {"a": x[0], "b": x[1]}
        for _ in range(3):
            state = step(state, x[2])
        return [state["a"] * state["b"], exp(state["a"])]

    return f


def first(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: f(x)[0]


def flat(found: Any) -> list[float]:
    if isinstance(found, (list, tuple)):
        return [x for part in found for x in flat(part)]
    return [found]


V = [0.3, -1.0, 0.7]
WAYS: dict[str, Callable[..., Any]] = {
    "value_and_grad": lambda f, x: value_and_grad(first(f))(x),
    "jacobian": lambda f, x: jacobian(f)(x),
    "jvp": lambda f, x: jvp(f, (x,), (V,)),
    "vjp": lambda f, x: vjp(f, x)[1]([2.0, -0.5]),
    "hessian": lambda f, x: hessian(first(f))(x),
    "hvp": lambda f, x: hvp(first(f), (x,), (V,)),
    "jvp of jvp": lambda f, x: jvp(lambda x: jvp(f, (x,), (V,))[1], (x,), (V,)),
    "gradient of jvp": lambda f, x: jacobian(lambda x: jvp(f, (x,), (V,))[1])(x),
    "third": lambda f, x: jacobian(hessian(first(f)))(x),
    "sparse": lambda f, x: jacobian(f, sparse=True)(x).toarray().tolist(),
    "sparse Hessian": lambda f, x: hessian(first(f), sparse=True)(x).toarray().tolist(),
}


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=2)
@given(st.lists(st.floats(-2.0, 2.0), min_size=3, max_size=3))
def test_derivatives_are_those_of_what_is_kept(way: str, x: list[float]) -> None:
    if way.startswith("sparse"):
        pytest.importorskip("scipy")
    derived = WAYS[way]
    expected = flat(derived(run(step), x))
    assert flat(derived(run(checkpoint(step)), x)) == pytest.approx(expected, 1e-12, 1e-12)
    nested = checkpoint(lambda state, w: checkpoint(step)(state, w))
    assert flat(derived(run(nested), x)) == pytest.approx(expected, 1e-12, 1e-12)


def test_only_the_call_is_kept() -> None:
    x = Value(0.3)
    y = x
    for _ in range(5):
        y = checkpoint(lambda x: sin(sin(sin(x))))(y)
    assert len(interior(y)) == 10  # a call and a result each
    y.backward()
    assert x.grad == grad(lambda x: _many(x))(0.3)


def _many(x: Any) -> Any:
    for _ in range(15):
        x = sin(x)
    return x


def test_memory_is_that_of_one_segment() -> None:
    def segment(x: Any) -> Any:
        for _ in range(100):
            x = x + 0.001 * sin(x)
        return x

    def peak(segment: Callable[..., Any]) -> int:
        def f(x: Any) -> Any:
            for _ in range(12):
                x = segment(x)
            return x

        tracemalloc.start()
        try:
            grad(f)(0.5)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(checkpoint(segment)) < 0.25 * peak(segment)


def test_values_from_outside_are_reached() -> None:
    def gradients(wrap: Callable[..., Any]) -> list[float]:
        model, w = MLP(2, [3, 1], seed=1), Value(0.7)
        scaled = wrap(lambda x: exp(w * x))
        y = scaled(wrap(model)([scaled(Value(0.4)), 1.0]))
        y.backward()
        return [w.grad, *(parameter.grad for parameter in model.parameters())]

    assert gradients(checkpoint) == pytest.approx(gradients(lambda f: f), 1e-13)

    def outer(wrap: Callable[..., Any]) -> Callable[..., Any]:
        return lambda w: wrap(lambda x: w * w * sin(w * x))(2.0 * w)

    for order in range(1, 4):
        f, g = outer(checkpoint), outer(lambda f: f)
        for _ in range(order):
            f, g = grad(f), grad(g)
        assert f(0.3) == pytest.approx(g(0.3), 1e-12)


@given(st.floats(-2.0, 2.0), st.integers(1, 3), st.booleans())
@settings(max_examples=10)
def test_calls_within_calls_reach_the_same_values_outside(
    x: float, depth: int, compiles: bool
) -> None:
    """Also when the derivative for which they are recomputed is past these Values."""

    def outer(wrap: Callable[..., Any]) -> Callable[..., Any]:
        def f(x: Any) -> Any:
            h = sin(x)
            slope = wrap(lambda: grad(lambda y: sin(x * y) * y)(2.0))()
            return wrap(lambda y: x * h * y * y)(x * x) + wrap(lambda y: h * x * y)(3.0) * slope

        return f

    def wrap(g: Any) -> Any:
        if compiles:
            g = compile(g, backend="numpy")
        for _ in range(depth):
            g = checkpoint(g)
        return g

    f, kept = outer(wrap), outer(lambda g: g)
    expected = [value_and_grad(kept)(x), jvp(grad(kept), (x,), (1.0,)), grad(grad(kept))(x)]
    found = [value_and_grad(f)(x), jvp(grad(f), (x,), (1.0,)), hessian(f)(x)]
    assert flat(found) == pytest.approx(flat(expected), rel=1e-10, abs=1e-10)


def test_derivatives_within_stay_connected() -> None:
    def f(wrap: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x: wrap(lambda x: grad(lambda y: sin(x * y) * y)(2.0))(x)

    assert grad(f(checkpoint))(0.3) == pytest.approx(grad(f(lambda f: f))(0.3), 1e-13)
    assert grad(grad(f(checkpoint)))(0.3) == pytest.approx(grad(grad(f(lambda f: f)))(0.3), 1e-12)


def test_a_recorded_backward_pass() -> None:
    found = []
    for wrap in (checkpoint, lambda f: f):
        w, x = Value(2.0), Value(0.5)
        f = wrap(lambda x, w=w: exp(w * x))
        f(f(x)).backward(create_graph=True)
        slope, w.grad, x.grad = w.grad, 0.0, 0.0
        slope.backward()  # type: ignore[attr-defined]
        found.append([w.grad, x.grad])
    assert found[0] == pytest.approx(found[1], 1e-13)


@pytest.mark.parametrize(
    "f",
    [
        lambda wrap: lambda x: wrap(abs)(x) ** 2,
        lambda wrap: lambda x: 2.0 * wrap(relu)(x),
        lambda wrap: lambda x: (lambda z: z * z + 3.0 * z)(wrap(relu)(x)),
        lambda wrap: lambda x: wrap(lambda z: z * z + 3.0 * z)(relu(x)),
    ],
)
def test_second_derivatives_at_kinks_are_nan(f: Any) -> None:
    assert math.isnan(grad(grad(f(checkpoint)))(0.0))
    assert math.isnan(grad(grad(f(lambda f: f)))(0.0))
    assert grad(f(checkpoint))(0.0) == grad(f(lambda f: f))(0.0)
    v = ((0.0,), (1.0,))
    assert math.isnan(jvp(grad(f(checkpoint)), *v)[1])
    assert math.isnan(jvp(lambda x: jvp(f(checkpoint), (x,), (1.0,))[1], *v)[1])


def test_a_branch_that_is_not_taken_contributes_nothing() -> None:
    f = checkpoint(lambda x: where(x > 0.0, x, 0.0) + x * 0.0)
    assert grad(lambda x: f(x) ** 0.5)(4.0) == 0.25
    g = checkpoint(relu)
    assert grad(lambda x: g(x) ** 0.5)(-1.0) == 0.0
    used, unused = checkpoint(lambda x, y: (2.0 * x, y**0.5))(Value(1.0), zero := Value(0.0))
    used.backward()
    assert (zero.grad, unused.data) == (0.0, 0.0)


def test_any_structure_is_taken_and_given() -> None:
    import numpy

    f = checkpoint(lambda x, *, n: {"sum": x.sum() * n, "array": x * 2.0, "none": None, "n": n})
    found = f(numpy.array([1.0, 2.0]), n=3)
    assert (found["sum"], found["n"]) == (9.0, 3)
    x = numpy.array([Value(1.0), Value(2.0)])
    found = f(x, n=3)
    (found["sum"] + found["array"][1]).backward()
    assert [value.grad for value in x] == [3.0, 5.0]
    assert checkpoint(lambda x: x)(Value(2.0)).data == 2.0
    assert checkpoint(lambda x: 1.0)(Value(2.0)) == 1.0


def test_floats_record_nothing() -> None:
    assert checkpoint(cosh)(0.0) == 1.0
    with no_grad():
        assert checkpoint(cosh)(Value(0.0)).parents == ()


def test_what_is_not_the_same_again_is_refused() -> None:
    y = checkpoint(lambda x: x * random.random())(Value(2.0))
    with pytest.raises(RuntimeError, match=r"^checkpoint\(f\): called again .* other numbers"):
        y.backward()
    w = Value(2.0)
    y = checkpoint(lambda x: x * w)(Value(2.0))
    w.data = 3.0
    with pytest.raises(RuntimeError, match="parameters are updated"):
        y.backward()


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match=r"^checkpoint: expected a function, got float: 2\.0"):
        checkpoint(2.0)  # type: ignore[arg-type]
    for result in (lambda x: {x}, lambda x: (y for y in [x]), lambda x: MLP(1, [1])):
        with pytest.raises(TypeError, match=r"^checkpoint\(f\): the function must return numbers"):
            checkpoint(result)(Value(2.0))
    with pytest.raises(TypeError, match="use_reentrant"):
        checkpoint(sin, use_reentrant=False)  # type: ignore[call-arg]


def test_it_is_checked_explained_drawn_and_compiled() -> None:
    pytest.importorskip("numpy")
    from autograd import compile, draw

    x = [0.3, 0.4, 0.5]
    assert gradcheck(first(run(checkpoint(step))), x).outcome == "passed"
    a, b = Value(0.3, "a"), Value(0.4, "b")
    y, twin = checkpoint(lambda a, b: a * sin(b))(a, b), a * sin(b)
    assert explain(y, a).total == explain(twin, a).total == sin(0.4)
    assert "sin" in draw(y).source
    compiled = compile(grad(first(run(checkpoint(step)))), backend="numpy")
    assert compiled(x) == pytest.approx(grad(first(run(step)))(x), 1e-13)


def test_copies_keep_the_call() -> None:
    y = checkpoint(sin)(Value(0.4, "x"))
    again = copy.deepcopy(y)
    again.backward()
    assert again.parents[0].parents[0].grad == cos(0.4)
    assert y.parents[0].parents[0].grad == 0.0
    with pytest.raises(pickle.PicklingError, match=r"checkpoint\(sin\): .* cannot be pickled"):
        pickle.dumps(y)
