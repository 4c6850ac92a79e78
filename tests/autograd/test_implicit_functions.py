"""`implicit`: derivatives of roots, fixed points and minima, against closed forms and mpmath."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import (
    Value,
    checkpoint,
    compile,
    cos,
    explain,
    grad,
    gradcheck,
    hessian,
    implicit,
    jacobian,
    jvp,
    no_grad,
    sin,
    sum,
    value_and_grad,
    vjp,
)


def anomaly(mean: float, eccentricity: float) -> float:
    """Kepler's equation, by bisection: no solver that could be differentiated."""
    low, high = mean - 1.0, mean + 1.0
    while low < (middle := 0.5 * (low + high)) < high:
        low, high = (
            (middle, high) if middle - eccentricity * math.sin(middle) < mean else (low, middle)
        )
    return low


def kepler(x: Any, mean: Any, eccentricity: Any) -> Any:
    return x - eccentricity * sin(x) - mean


orbit = implicit(anomaly, kepler)


@settings(max_examples=10)
@given(st.floats(0.1, 6.0), st.floats(0.0, 0.8))
def test_keplers_equation(mean: float, e: float) -> None:
    mpmath = pytest.importorskip("mpmath")
    x = orbit(mean, e)

    def exact(mean: Any, e: Any) -> Any:
        return mpmath.findroot(lambda x: x - e * mpmath.sin(x) - mean, x)

    with mpmath.workdps(40):
        for order in ((1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (2, 1)):
            expected = float(mpmath.diff(exact, (mean, e), order, h=mpmath.mpf(10) ** -10))
            f: Callable[..., Any] = orbit
            for place, times in enumerate(order):
                for _ in range(times):
                    f = grad(f, place)
            assert f(mean, e) == pytest.approx(expected, 1e-9, 1e-9)
    slope = 1.0 / (1.0 - e * math.cos(x))
    assert jvp(lambda m: orbit(m, e), (mean,), (1.0,))[1] == pytest.approx(slope, 1e-12)
    again = jvp(lambda m: jvp(lambda m: orbit(m, e), (m,), (1.0,))[1], (mean,), (1.0,))[1]
    assert again == pytest.approx(grad(grad(orbit))(mean, e), 1e-9, 1e-12)


def test_it_is_checked_and_explained() -> None:
    assert gradcheck(orbit, 1.0, 0.3, order=2).outcome == "passed"
    mean = Value(1.0, "M")
    assert explain(orbit(mean, 0.3), mean).total == grad(orbit)(1.0, 0.3)


# --- systems, in any structure -------------------------------------------------------------------


def solve(p: Any) -> Any:
    x, y = 1.0, 1.0
    for _ in range(50):  # Newton's method, on floats
        a, b = x * x + y - p["a"], x - p["b"][0] * y * y
        (j11, j12), (j21, j22) = (2.0 * x, 1.0), (1.0, -2.0 * p["b"][0] * y)
        determinant = j11 * j22 - j12 * j21
        x, y = x - (j22 * a - j12 * b) / determinant, y - (j11 * b - j21 * a) / determinant
    return {"x": (x, np.array([y]))}


def equations(z: Any, p: Any) -> Any:
    x, (y,) = z["x"]
    return [x * x + y - p["a"], {"second": x - p["b"][0] * y * y}]


curve = implicit(solve, equations)
P = {"a": 2.5, "b": np.array([0.8])}


def test_a_system_of_nested_unknowns_and_parameters() -> None:
    found = curve(P)
    (x, (y,)) = found["x"]
    assert x * x + y == pytest.approx(2.5)
    j = np.array([[2.0 * x, 1.0], [1.0, -1.6 * y]])
    expected = -np.linalg.solve(j, np.array([[-1.0, 0.0], [0.0, -y * y]]))
    derivative = jacobian(curve)(P)["x"]
    assert derivative[0]["a"] == pytest.approx(expected[0, 0])
    assert derivative[0]["b"] == pytest.approx(expected[0, 1])
    assert derivative[1]["b"] == pytest.approx(expected[1:, 1:])
    value, pull = vjp(curve, P)
    assert pull(value)[0]["a"] == pytest.approx(x * expected[0, 0] + y * expected[1, 0])


def test_second_derivatives_of_a_system() -> None:
    def f(p: Any) -> Any:
        x, (y,) = curve({"a": p[0], "b": np.array([p[1]])})["x"]
        return x * y + x

    assert gradcheck(f, [2.5, 0.8], order=2).outcome == "passed"
    found = hessian(f)([2.5, 0.8])
    assert found[0][1] == pytest.approx(found[1][0], 1e-12)


def test_solutions_compose() -> None:
    outer = implicit(lambda p: p**0.5, lambda x, p: x * x - p)
    f = lambda p: outer(orbit(p, 0.2)) * outer(p)  # noqa: E731
    assert gradcheck(f, 1.3, order=2).outcome == "passed"


def test_fixed_points_and_minima() -> None:
    def iterate(p: float) -> float:
        x = 0.5
        for _ in range(200):
            x = math.cos(p * x)
        return x

    fixed = implicit(iterate, lambda x, p: x - cos(p * x))
    x = fixed(0.9)
    assert grad(fixed)(0.9) == pytest.approx(-x * math.sin(0.9 * x) / (1 + 0.9 * math.sin(0.9 * x)))

    def loss(x: Any, p: Any) -> Any:
        return (x[0] - 2.0 * p) ** 2 + (x[1] - x[0] * p) ** 2

    lowest = implicit(lambda p: [2.0 * p, 2.0 * p * p], grad(loss))
    assert jacobian(lowest)(3.0) == pytest.approx([2.0, 12.0], 1e-12)
    assert jacobian(jacobian(lowest))(3.0) == pytest.approx([0.0, 4.0], abs=1e-11)


def test_values_that_the_equations_read_from_outside() -> None:
    w = Value(3.0)
    root = implicit(lambda p: math.sqrt(p * w.data), lambda x, p: x * x - p * w)
    root(3.0).backward()
    assert w.grad == 0.5
    assert grad(lambda w: implicit(lambda: math.sqrt(w.data), lambda x: x * x - w)())(4.0) == 0.25


@pytest.mark.parametrize(
    "residual",
    [
        lambda scale: lambda y, p: checkpoint(lambda z: z * z - p * scale)(y),
        lambda scale: lambda y, p: checkpoint(lambda: y * y)() - checkpoint(lambda: p * scale)(),
        lambda scale: lambda y, p: grad(lambda t: (y * y - p * scale) * t)(1.0),
    ],
)
def test_calls_and_derivatives_in_the_equations_reach_them_too(residual: Any) -> None:
    def f(scale: Any) -> Any:
        number = scale.data if isinstance(scale, Value) else scale
        return implicit(lambda p: math.sqrt(p * number), residual(scale))(2.0)

    found = [value_and_grad(f)(1.5), jvp(grad(f), (1.5,), (1.0,)), grad(grad(grad(f)))(1.5)]
    value, slope = math.sqrt(3.0), math.sqrt(3.0) / 3.0
    expected = [(value, slope), (slope, -slope / 3.0), slope / 3.0]
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, 1e-12)
    p = Value(2.0)
    y = implicit(lambda p: math.sqrt(1.5 * p), residual(1.5))(p)
    y.backward()
    assert p.grad == pytest.approx(0.75 / value, 1e-12)


def test_plain_numbers_are_returned_as_they_are() -> None:
    assert orbit(1.0, 0.3) == anomaly(1.0, 0.3)
    with no_grad():
        assert orbit(Value(1.0), 0.3) == anomaly(1.0, 0.3)


def test_a_traced_solver_is_compiled() -> None:
    def newton(mean: Any, e: Any) -> Any:
        x = mean
        for _ in range(12):
            x = x - kepler(x, mean, e) / (1.0 - e * cos(x))
        return x

    found = implicit(newton, kepler)

    def orders(mean: Any) -> list[Any]:
        f: Callable[..., Any] = lambda mean: found(mean, 0.3)  # noqa: E731
        return [f(mean), grad(f)(mean), grad(grad(f))(mean)]

    assert compile(orders, backend="numpy")(1.0) == pytest.approx(
        [orbit(1.0, 0.3), grad(orbit)(1.0, 0.3), grad(grad(orbit))(1.0, 0.3)], 1e-12
    )

    def pair(p: Any) -> Any:  # its matrix must be pivoted
        return implicit(lambda p: [p[1], p[0]], lambda x, p: [x[1] - p[0], x[0] - p[1]])(p)

    both = compile(jacobian(pair), backend="numpy")
    assert both([2.0, 3.0]) == [[0.0, 1.0], [1.0, 0.0]]


def test_kinks_have_no_second_derivative() -> None:
    def residual(x: Any, p: Any) -> Any:
        return x + abs(x) * 0.5 - p

    f = implicit(lambda p: p / 1.5 if p > 0.0 else 2.0 * p, residual)
    assert grad(grad(f))(3.0) == 0.0
    assert math.isnan(grad(grad(f))(0.0))


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("solve", "residual", "words"),
    [
        (lambda p: 0.0 * p, lambda x, p: x * x - p * p, "singular there"),
        (lambda p: 1e-8, lambda x, p: x * x - p, "no solution, or not accurate enough"),
        (lambda p: 5.0, lambda x, p: x * x - p, "no solution, or not accurate enough"),
        (lambda p: math.inf, lambda x, p: x - p, "not finite"),
        (
            lambda p: [p, p],
            lambda x, p: [x[0] + x[1] - 2.0 * p, 3.0 * (x[0] + x[1]) - 6.0 * p],
            "singular there",
        ),
    ],
)
def test_where_there_is_no_derivative(solve: Any, residual: Any, words: str) -> None:
    with pytest.raises(ValueError, match=rf"^implicit\(f\): .* solution .*{words}"):
        jacobian(implicit(solve, residual))(1e-20)


def test_units_do_not_make_a_matrix_singular() -> None:
    f = implicit(
        lambda p: [p * 1e-9, p * 1e9],
        lambda x, p: [1e30 * (x[0] - 1e-9 * p), 1e-30 * (x[1] - 1e9 * p)],
    )
    assert jacobian(f)(2.0) == pytest.approx([1e-9, 1e9])


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match=r"^implicit: solve must be a function, got int"):
        implicit(1, kepler)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^implicit: residual must be a function, got int"):
        implicit(math.sqrt, 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^implicit\(sqrt\): residual must return one number for"):
        grad(implicit(math.sqrt, lambda x, p: [x, p]))(2.0)
    with pytest.raises(TypeError, match="solve returned no number; is there a return missing"):
        grad(implicit(lambda p: None, kepler))(2.0)
    with pytest.raises(TypeError, match="solve returned"):
        grad(implicit(lambda p: "2.0", lambda x, p: x - p))(2.0)
    with pytest.raises(pickle.PicklingError, match="cannot be pickled"):
        pickle.dumps(orbit(Value(1.0), 0.3))


def test_ridge_regression_by_its_hyperparameter() -> None:
    x = np.array([[1.0, 0.2], [0.5, -1.0], [0.3, 0.7]])
    y = np.array([1.0, 2.0, -0.5])

    def fit(strength: float) -> Any:
        return np.linalg.solve(x.T @ x + strength * np.eye(2), x.T @ y)

    def loss(w: Any, strength: Any) -> Any:
        errors = [sum(a * b for a, b in zip(row, w, strict=True)) - t
                  for row, t in zip(x.tolist(), y.tolist(), strict=True)]  # fmt: skip
        return sum(e * e for e in errors) + strength * sum(v * v for v in w)

    found = jacobian(implicit(fit, grad(loss)))(0.7)
    expected = -np.linalg.solve(x.T @ x + 0.7 * np.eye(2), fit(0.7))
    assert found == pytest.approx(expected, 1e-12)
