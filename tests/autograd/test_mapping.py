"""`vmap`: a function of many rows, against the loop written by hand, and against JAX."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autograd import compile, grad, hessian, jvp, sin, sum, vmap

P = {"a": 2.0, "b": [3.0]}
X = np.arange(6.0).reshape(3, 2)


def term(p: Any, x: Any) -> Any:
    return p["a"] * sin(x[0]) + p["b"][0] ** 2 * x[1]


def total(p: Any) -> Any:
    shared = {"a": p["a"] * p["b"][0], "b": p["b"]}
    return sum(vmap(term, in_axes=(None, 0))(shared, X))


def by_hand(p: Any) -> Any:
    shared = {"a": p["a"] * p["b"][0], "b": p["b"]}
    return sum(term(shared, x) for x in X)


def test_it_is_the_loop() -> None:
    assert total(P) == by_hand(P)
    assert grad(total)(P) == grad(by_hand)(P)
    assert hessian(total)(P) == hessian(by_hand)(P)
    assert jvp(total, (P,), (P,)) == jvp(by_hand, (P,), (P,))
    found, expected = compile(grad(total), backend="numpy")(P), grad(by_hand)(P)
    assert found["a"] == pytest.approx(expected["a"])
    assert found["b"] == pytest.approx(expected["b"])


@pytest.mark.parametrize(
    ("axes", "p", "x"),
    [
        ((None, 0), P, X),
        ((None, 1), P, X.T),
        ((None, -1), P, X.T.tolist()),
        ((None, 0), P, [tuple(row) for row in X.tolist()]),
        (({"a": None, "b": [0]}, 0), {"a": 2.0, "b": [[3.0, 3.0, 3.0]]}, X.tolist()),
        ([0, 0], {"a": [2.0] * 3, "b": [np.full(3, 3.0)]}, X),
    ],
)
def test_axes_in_any_structure(axes: Any, p: Any, x: Any) -> None:
    found = vmap(term, in_axes=axes)(p, x)
    assert list(found) == [term(P, row) for row in X]


def test_results_have_the_rows_first() -> None:
    found = vmap(lambda x: {"s": (x, None), "a": np.array([x, 2.0 * x])})(np.array([1.0, 2.0]))
    assert found["s"][0].tolist() == [1.0, 2.0]
    assert found["s"][1] is None
    assert found["a"].tolist() == [[1.0, 2.0], [2.0, 4.0]]
    assert vmap(lambda x: [x, 1])([1.0, 2.0]) == [[1.0, 2.0], [1.0, 1.0]]
    assert vmap(vmap(lambda x: 2.0 * x))([[1.0, 2.0], [3.0, 4.0]]) == [[2.0, 6.0], [4.0, 8.0]]


def test_it_agrees_with_jax() -> None:
    jax = pytest.importorskip("jax")

    def f(w: Any, x: Any, axes: Any, vmap: Any) -> Any:
        return vmap(lambda w, x: w[0] * x[0] - w[1] * x[1], in_axes=axes)(w, x)

    for axes, w, x in (((None, 1), np.ones(2), X.T), ((1, 0), X.T, X), ((0, None), X, X[1])):
        expected = f(w, x, axes, jax.vmap)
        assert np.allclose(f(w, x, axes, vmap).astype(float), expected)


@pytest.mark.parametrize(
    ("f", "axes", "arguments", "words"),
    [
        (term, (0,), (P, X), "in_axes has 1 entry for 2 positional arguments"),
        (term, None, (P, X), "no argument has rows, as in_axes is None"),
        (term, (0, 0), ({"a": [1.0], "b": [[1.0]]}, X), "x has 3 rows, but an argument before"),
        (sin, 0, (2.0,), "does not vary from row to row, as it is 2.0"),
        (sin, 1, ([2.0],), "has 1 dimension, but in_axes asks for its axis 1"),
        (sin, 0, ([],), "there are no rows"),
        (sum, 1, ([[1.0, 2.0], [3.0]],), "lists of different lengths"),
        (sum, -1, ([[1.0], [3.0, 2.0]],), "lists of different lengths"),
        (sum, 1, ([[1.0], 2.0],), "lists of different lengths"),
        (lambda x: "s", 0, ([1.0],), "expected a Value or a real number, got str"),
        (lambda x: [x] * int(x), 0, ([1.0, 2.0],), "the same structure for each row"),
        (lambda x: np.ones(int(x)), 0, ([1.0, 2.0],), "arrays of different shapes"),
        (lambda p: p, ({"a": 0},), ({"b": [1.0]},), "no axis for its part 'b'"),
        (lambda p: p, ({"a": "x"},), ({"a": [1.0]},), "an axis must be an int, None"),
    ],
)
def test_wrong_arguments(f: Any, axes: Any, arguments: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words) as error:
        vmap(f, in_axes=axes)(*arguments)
    assert str(error.value).startswith("vmap")


@pytest.mark.parametrize("axes", ["x", True, 1.0])
def test_wrong_axes(axes: Any) -> None:
    with pytest.raises(TypeError, match="in_axes must be an int, None, or a tuple"):
        vmap(term, in_axes=axes)
    with pytest.raises(TypeError, match="vmap: expected a function, got str"):
        vmap("x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the rows are the first axis"):
        vmap(term, out_axes=1)  # type: ignore[call-arg]
