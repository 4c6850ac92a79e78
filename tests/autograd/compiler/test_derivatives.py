"""Compiled functions that are differentiated: one node, the derivatives of what is recorded."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograd import (
    Value,
    abs,
    compile,
    dot,
    exp,
    explain,
    grad,
    gradcheck,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    sin,
    sum,
    vjp,
    where,
)
from autograd.calls import is_call
from autograd.graph import interior
from nn import MLP

BACKEND: Any = {"backend": "numpy", "exact": True}


def compiled(f: Any, *options: Any) -> Any:
    return compile(f, *options, **BACKEND)


def flat(found: Any) -> list[float]:
    if isinstance(found, dict):
        return flat([*found.values()])
    if isinstance(found, np.ndarray):
        return flat(found.tolist())
    if isinstance(found, (list, tuple)):
        return [x for part in found for x in flat(part)]
    return [found]


def f(x: Any, p: Any, n: int = 2) -> Any:
    return [x[0] * sin(x[1]) * p["w"] ** n, {"b": exp(x[0] * p["c"][0])}]


X, P, V = [0.3, 0.4], {"w": 1.5, "c": np.array([2.0])}, [1.0, -2.0]
first: Callable[..., Any] = lambda f: lambda x, p: f(x, p)[0] * f(x, p)[1]["b"]  # noqa: E731
WAYS: dict[str, Callable[..., Any]] = {
    "gradient": lambda f: grad(first(f), (0, 1))(X, P),
    "jacobian": lambda f: jacobian(f)(X, P),
    "in parameters": lambda f: jacobian(f, 1)(X, P),
    "jvp": lambda f: jvp(lambda x: f(x, P), (X,), (V,)),
    "vjp": lambda f: vjp(lambda x: f(x, P), X)[1]([1.0, {"b": 3.0}]),
    "hessian": lambda f: hessian(first(f), (0, 1))(X, P),
    "hvp": lambda f: hvp(lambda x: first(f)(x, P), (X,), (V,)),
    "jvp of jvp": lambda f: jvp(lambda x: jvp(lambda x: f(x, P), (x,), (V,))[1], (X,), (V,)),
    "third": lambda f: jacobian(hessian(first(f)))(X, P),
}


@pytest.mark.parametrize("way", WAYS)
def test_derivatives_are_those_of_what_is_recorded(way: str) -> None:
    assert flat(WAYS[way](compiled(f))) == pytest.approx(flat(WAYS[way](f)), 1e-12, 1e-14)


def test_it_is_one_node_and_compiled_once() -> None:
    g = compiled(f)
    x = [Value(0.3), Value(0.4)]
    for _ in range(3):
        first, second = g(x, P)
        root = first * second["b"]
        assert len([node for node in interior(root) if is_call(node)]) == 1
        assert len(interior(root)) == 4
        root.backward()
    assert g.traces == 1
    (derivatives,) = g._differentiable.values()
    assert [made.traces for made in derivatives._made.values()] == [1]
    g.clear()
    assert not g._differentiable


W = [0.2, 0.3]
ROWS, Y = np.array([[1.0, 2.0], [3.0, 4.0], [0.5, 0.6]]), np.array([1.0, 2.0, 3.0])


def line(w: Any, x: Any, y: Any) -> Any:
    return (w[0] * sin(x[0]) + w[1] * x[1] - y) ** 2


@pytest.mark.parametrize("reduce", ["mean", "sum", None])
def test_rows(reduce: Any) -> None:
    g = compiled(line, (None, 0, 0), reduce)

    def one_by_one(w: Any, rows: Any = ROWS, y: Any = Y) -> Any:
        found = [line(w, rows[i], y[i]) for i in range(3)]
        if reduce is None:
            return found[0] * found[1] + found[2]
        return sum(found) / (3.0 if reduce == "mean" else 1.0)

    def at_once(w: Any, rows: Any = ROWS, y: Any = Y) -> Any:
        found = g(w, rows, y)
        return found[0] * found[1] + found[2] if reduce is None else found

    ways: list[Callable[..., Any]] = [
        lambda f: grad(f, (0, 1, 2))(W, ROWS, Y),
        lambda f: hessian(f)(W),
        lambda f: jvp(f, (W, ROWS), (V, 2.0 * ROWS)),
        lambda f: jvp(grad(f), (W,), (V,)),
        lambda f: grad(lambda w: jvp(f, (w,), (V,))[1])(W),
    ]
    for way in ways:
        assert flat(way(at_once)) == pytest.approx(flat(way(one_by_one)), 1e-12)
    slope = compiled(grad(at_once))
    assert slope(W) == pytest.approx(grad(one_by_one)(W), 1e-12)


def test_values_in_lists_of_rows() -> None:
    g = compiled(lambda x, y: x * y[0], (0, 1))
    x, last = [Value(1.0), Value(2.0)], Value(4.0)
    found = g(x, [[3.0, last]])
    assert found.shape == (2,)
    sum(found).backward()
    assert [v.grad for v in x] == [3.0, 4.0]
    assert last.grad == 2.0


def test_a_model_and_values_from_outside() -> None:
    model = MLP(2, [3, 1], seed=0)
    found = []
    for called in (compiled(model), model):
        model.zero_grad()
        xs = [Value(0.3), Value(0.4)]
        called(xs).backward()
        found.append([v.grad for v in (*model.parameters(), *xs)])
    assert found[0] == pytest.approx(found[1], 1e-13)
    w, x = Value(2.0), Value(0.5)
    compiled(lambda x: x * exp(w * x))(x).backward()
    assert w.grad == pytest.approx(0.25 * math.e)
    inner: Any = lambda w: compiled(lambda x: x * exp(w * x))(0.25)  # noqa: E731
    for _ in range(3):
        inner = grad(inner)
    assert inner(2.0) == pytest.approx(0.25**4 * math.exp(0.5))
    slopes = grad(lambda model: compiled(lambda m, x: m(x))(model, [0.3, 0.4]))(model)
    assert slopes == pytest.approx(grad(lambda model: model([0.3, 0.4]))(model))


def test_kinks() -> None:
    g = compiled(abs)
    assert grad(lambda x: g(x) ** 2)(0.0) == 0.0
    assert math.isnan(grad(grad(lambda x: g(x) ** 2))(0.0))
    twice = jvp(lambda x: jvp(lambda x: g(x) ** 2, (x,), (1.0,))[1], (0.0,), (1.0,))
    assert math.isnan(twice[1])
    assert grad(grad(lambda x: g(x) ** 2))(1.0) == 2.0


def test_off_the_domain_it_is_nan() -> None:
    root = compiled(lambda x: x**0.5)
    assert math.isnan(grad(root)(-1.0))
    with pytest.raises(ValueError, match=r"x = -1\.0"):
        grad(compile(lambda x: (x + 0.0).log(), check=True, **BACKEND))(-1.0)


def test_a_branch_that_is_not_taken_contributes_nothing() -> None:
    g = compiled(lambda x: where(x > 0.0, x, 0.0))
    assert grad(lambda x: g(x) ** 0.5)(4.0) == 0.25


def test_it_is_checked_and_explained() -> None:
    g = compiled(f)
    assert gradcheck(lambda x: g(x, P)[0], X).outcome == "passed"
    a = Value(0.3, "a")
    root = g([a, 0.4], P)[0]
    assert explain(root, a).total == pytest.approx(grad(lambda a: f([a, 0.4], P)[0])(0.3))
    assert jacobian(lambda x: g(x, P)[0:1], sparse=True)(X).nnz == 2


def test_without_recording_it_gives_leaves() -> None:
    with no_grad():
        assert compiled(sin)(Value(0.0)).parents == ()


def test_a_derivative_within_a_compiled_function() -> None:
    inner = compiled(lambda x, p: sin(x * p))

    def outer(p: Any) -> Any:
        return dot([2.0, 3.0], [grad(inner)(p, x) for x in (0.5, 0.7)])

    assert compiled(grad(outer))(0.3) == pytest.approx(grad(outer)(0.3), 1e-12)


@pytest.mark.parametrize("reduce", ["mean", None])
def test_rows_of_a_model_that_is_differentiated(reduce: Any) -> None:
    model, rows = MLP(2, [2, 1], seed=0), ROWS.tolist()
    g = compiled(lambda model, x: model(x), (None, 0), reduce)
    found = jacobian(lambda model: g(model, rows))(model)
    expected = jacobian(lambda model: [model(x) for x in rows])(model)
    if reduce is None:
        columns = np.array([flat(column) for column in found.values()])
        assert flat(columns.T) == pytest.approx(flat(expected), 1e-12)
    else:
        mean = np.mean([flat(row) for row in expected], axis=0)
        assert flat(found) == pytest.approx(mean.tolist(), 1e-12)
