"""Derivatives of functions of many operands, all at once: those of the rows, in linear time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import autograd
from autograd import compile, grad, hessian, logsumexp, special, std, var
from autograd.at_once import deviations_of, products_of_others, shares, zscores_of
from autograd.rule import FLOATS

FUNCTIONS: dict[str, Callable[[Sequence[Any]], Any]] = {
    "logsumexp": logsumexp,
    "std": std,
    "var": var,
    "prod": autograd.prod,
    "max": autograd.max,
    "min": autograd.min,
    "norm": autograd.norm,
    "mean": autograd.mean,
}
moderate = st.lists(st.floats(-8.0, 8.0), min_size=1, max_size=20)


def close(found: Sequence[float], expected: Sequence[float]) -> None:
    size = max(map(abs, expected))
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-13 * size, nan_ok=True)


@given(moderate)
def test_they_are_those_of_the_rows(xs: list[float]) -> None:
    close(shares(FLOATS, xs), special.softmax(xs))
    close(products_of_others(FLOATS, xs), special.products_of_others(xs))
    deviations, scores = FLOATS.deviations_(xs), FLOATS.zscores_(xs)
    assert deviations_of(FLOATS, xs) == pytest.approx(deviations, rel=1e-12, abs=1e-13)
    if FLOATS.std(xs) > 1e-3:
        assert zscores_of(FLOATS, xs) == pytest.approx(scores, rel=1e-11, abs=1e-12)


@given(st.lists(st.sampled_from([0.0, 1e-200, -1e200, 3.0, 1e308, 5e-324]), min_size=1, max_size=9))
def test_no_partial_product_leaves_the_range_of_floats(xs: list[float]) -> None:
    close(products_of_others(FLOATS, xs), special.products_of_others(xs))


@pytest.mark.parametrize("name", FUNCTIONS)
@example([1.0, 1.0, -2.0])
@example([0.0, -0.0])
@example([0.0, 3.0, 0.0])
@given(moderate)
def test_compiled_gradients_are_those_that_are_recorded(name: str, xs: list[float]) -> None:
    f = FUNCTIONS[name]
    if name == "std" and 0.0 < f(xs) < 1e-3:
        return
    close([*compile(grad(f), backend="numpy")(xs)], grad(f)(xs))


@pytest.mark.parametrize("name", ["logsumexp", "max", "min"])
@pytest.mark.parametrize("xs", [[0.0, math.inf], [math.nan, 1.0], [-math.inf, 2.0, 2.0]])
def test_compiled_gradients_at_the_edges(name: str, xs: list[float]) -> None:
    f = FUNCTIONS[name]
    expected = grad(f)(xs)
    for backend in ("numpy", None):
        assert [*compile(grad(f), backend=backend)(xs)] == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("name", ["logsumexp", "std", "var", "prod"])
def test_second_derivatives_keep_their_accuracy(name: str) -> None:
    xs = [0.5, -1.0, 2.0, 40.0]
    f = FUNCTIONS[name]
    for found, row in zip(compile(hessian(f), backend="numpy")(xs), hessian(f)(xs), strict=True):
        assert [*found] == pytest.approx(row, rel=1e-11, abs=1e-300)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_work_is_linear_in_the_operands(name: str) -> None:
    sizes = []
    for count in (30, 60):
        xs = [0.5 + 0.01 * i for i in range(count)]
        program = compile(grad(FUNCTIONS[name]), backend="numpy").program(xs)
        sizes.append(sum(len(operands) for _, operands in program.operations))
    assert sizes[1] <= 2.1 * sizes[0]
