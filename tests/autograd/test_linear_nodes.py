"""Sums of coefficients times nodes: value, derivatives, and nodes that stand for others."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, grad
from autograd.kinds import BUFFER, CONSTANT, FROZEN, LINKED_PARAMETER, PARAMETER
from autograd.linear_nodes import linear, linked
from autograd.rule import LINEAR

NUMBERS = st.floats(-1e3, 1e3)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=6))
def test_the_sum_is_that_of_the_products_and_the_coefficients_its_derivatives(
    pairs: list[tuple[float, float]],
) -> None:
    coefficients, numbers = zip(*pairs, strict=True)
    operands = tuple(map(Value, numbers))
    node = linear(coefficients, operands)
    exact = sum(Fraction(c) * Fraction(x) for c, x in pairs)
    size = float(sum(abs(Fraction(c) * Fraction(x)) for c, x in pairs))
    assert node.data == pytest.approx(float(exact), rel=1e-15, abs=1e-15 * size)
    assert (node.op, node.parents, node.local_derivatives) == (LINEAR, operands, coefficients)
    node.backward()
    assert tuple(x.grad for x in operands) == coefficients


def test_it_is_linear_at_every_order() -> None:
    assert grad(grad(lambda x: linear((3.0,), (x,)) * x))(2.0) == 6.0


@pytest.mark.parametrize("kind", [PARAMETER, FROZEN])
def test_what_stands_for_a_parameter_is_taken_for_one(kind: str) -> None:
    parameter = Value(2.0, "w")
    parameter.op = kind
    node = linked(parameter)
    assert node.op is LINKED_PARAMETER
    assert (node.data, node.label, node.parents) == (2.0, "w", (parameter,))


@pytest.mark.parametrize("kind", ["", CONSTANT, BUFFER, "exp"])
def test_what_stands_for_anything_else_is_not(kind: str) -> None:
    value = Value(2.0)
    value.op = kind
    assert linked(value).op == LINEAR
    assert linked(value).op is not LINKED_PARAMETER


def test_of_two_that_stand_for_one_each_has_its_own_derivative() -> None:
    x = Value(3.0)
    first, second = linked(x), linked(x)
    (first * first * second).backward()
    assert (first.grad, second.grad, x.grad) == (18.0, 9.0, 27.0)
