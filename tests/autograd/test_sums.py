"""Sums of thousands of adjoints keep their digits, recorded or not."""

from __future__ import annotations

import builtins
import math
import random
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
from autograd import Value, grad, jvp
from autograd.graph import (
    adjoints,
    interior,
)
from autograd.sums import MANY, parts, shares
from autograd.value import new_node

inf, nan = math.inf, math.nan


def listed(x: Value, numbers: list[float]) -> Value:
    return autograd.sum([number * x for number in numbers])


def chained(x: Value, numbers: list[float]) -> Value:
    return builtins.sum((number * x for number in numbers), Value(0.0))


def interior_hub(x: Value, numbers: list[float]) -> Value:
    return listed(x * 1.0, numbers)


def repeated(x: Value, numbers: list[float]) -> Value:
    return autograd.dot(numbers, [x] * len(numbers))


def repeated_within(x: Value, numbers: list[float]) -> Value:
    return autograd.dot(numbers, [x * 1.0, x] * (len(numbers) // 2))


def in_samples(x: Value, numbers: list[float]) -> Value:
    """A few operations for each number, of which one reads the node."""
    return autograd.sum([((number + 1.0) * 1.0 - 1.0 + 0.0 * number) * x for number in numbers])


SUMS = [listed, chained, interior_hub, repeated, repeated_within, in_samples]


@pytest.mark.no_cover
@pytest.mark.parametrize("function", SUMS)
@pytest.mark.parametrize("count", [1_000, 3_000, 20_000])
def test_sums_of_many_adjoints_keep_their_digits(function: Any, count: int) -> None:
    numbers = [0.1] * count
    exact = float(Fraction(0.1) * count)
    x = Value(1.0, "x")
    y = function(x, numbers)
    y.backward()
    assert x.grad == pytest.approx(exact, rel=1e-13)
    assert adjoints(y)[x] == x.grad
    y.backward()
    assert x.grad == pytest.approx(2.0 * exact, rel=1e-13)
    assert grad(function)(1.0, numbers) == pytest.approx(exact, rel=1e-13)
    if count < 20_000:
        x.grad = 0.0
        y.backward(create_graph=True)
        assert x.grad.data == pytest.approx(exact, rel=1e-13)  # type: ignore[attr-defined]


@pytest.mark.parametrize("function", [listed, repeated, repeated_within, interior_hub])
def test_sums_of_many_tangents_keep_their_digits(function: Any) -> None:
    numbers = [0.1] * 50_000
    exact = float(Fraction(0.1) * 50_000)
    assert jvp(lambda x: function(x, numbers), (1.0,), (1.0,))[1] == pytest.approx(exact, rel=1e-13)


@pytest.mark.no_cover
@settings(max_examples=2)
@given(st.integers(1, 20), st.integers(0, 10**6), st.booleans())
def test_weights_that_a_batch_shares_have_gradients_of_all_digits(
    width: int, seed: int, fused: bool
) -> None:
    generator = random.Random(seed)
    weights = [Value(generator.uniform(-1.0, 1.0)) for _ in range(width)]
    data = [[generator.uniform(0.0, 1.0) for _ in range(width)] for _ in range(30_000 // width)]
    used = [{*generator.sample(range(width), generator.randint(1, width))} for _ in data]
    outputs = []
    for row, columns in zip(data, used, strict=True):
        terms = [weights[column] for column in columns]
        if fused:
            outputs.append(autograd.dot([row[column] for column in columns], terms))
        else:
            products = (row[column] * weights[column] for column in columns)
            outputs.append(builtins.sum(products, Value(0.0)))
    y = autograd.mean(outputs)
    y.backward()
    for column, weight in enumerate(weights):
        share = 1.0 / len(data)
        exact = math.fsum(
            share * row[column] for row, chosen in zip(data, used, strict=True) if column in chosen
        )
        assert weight.grad == pytest.approx(exact, rel=1e-13)
    assert [adjoints(y).get(weight, 0.0) for weight in weights] == [w.grad for w in weights]


@pytest.mark.parametrize("function", [listed, repeated])
def test_sums_of_many_infinite_adjoints_are_as_of_few(function: Any) -> None:
    for numbers, expected in (([inf], inf), ([inf, -inf], nan), ([1e308] * 2, inf)):
        x = Value(0.0)
        zeros = [function(x, [number] * 3_000) for number in numbers]
        y = new_node(0.0, tuple(zeros), (1.0,) * len(zeros), "linear")
        y.backward()
        assert x.grad == pytest.approx(expected, nan_ok=True)


def test_many_adjoints_meet_a_gradient_that_is_a_node() -> None:
    x = Value(1.0)
    (x * x).backward(create_graph=True)
    listed(x, [0.1] * 5_000).backward()
    assert x.grad.data == pytest.approx(502.0)  # type: ignore[attr-defined]


def test_few_nodes_are_not_looked_at() -> None:
    x = Value(1.0)
    assert parts(interior(listed(x, [0.1] * (MANY - 1)))) is None
    assert parts(interior(listed(x, [0.1] * 2 * MANY))) is not None
    many = autograd.sum([Value(0.5) * 2.0 for _ in range(3 * MANY)])
    assert parts(interior(many)) is None
    assert shares(many, 1.0) is None
