"""What is assigned to a `Value` is checked, and it is shown with all that it has."""

from __future__ import annotations

import contextlib
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Value

# --- what is assigned ----------------------------------------------------------------------------


@given(st.floats() | st.integers(-(10**9), 10**9) | st.booleans() | st.fractions())
def test_real_numbers_that_are_assigned_become_floats(number: Any) -> None:
    x: Any = Value(1.0)
    for kind in (lambda x: x, np.float64, np.float32, Fraction, Decimal):
        with (
            contextlib.suppress(ValueError, OverflowError, TypeError),
            np.errstate(over="ignore"),
        ):
            given = kind(number)
            x.data, x.grad = given, given
            for found in (x.data, x.grad):
                assert type(found) is float
                assert found == float(given) or math.isnan(found)


def test_arithmetic_stays_in_double_precision_and_raises_as_ever() -> None:
    x: Any = Value(1.0)
    x.data = np.float32(0.1)
    assert (x * 3.0).data == float(np.float32(0.1)) * 3.0
    x.data = np.float64(0.0)
    with pytest.raises(ZeroDivisionError):
        1.0 / x


@pytest.mark.parametrize("wrong", ["a", 1j, [1.0], np.ones(2), object()])
def test_what_is_no_number_cannot_be_assigned(wrong: Any) -> None:
    x: Any = Value(1.0, "x")
    x.grad = 2.0
    for name in ("data", "grad"):
        with pytest.raises(TypeError, match=rf"Value\.{name}: expected a real number"):
            setattr(x, name, wrong)
    assert (x.data, x.grad) == (1.0, 2.0)
    with pytest.raises(OverflowError, match=r"Value\.data"):
        x.data = 10**400


def test_a_value_is_no_number_to_assign() -> None:
    w: Any = Value(1.0)
    rate = Value(0.1)
    w.grad = 2.0
    with pytest.raises(TypeError, match=r"got a Value.*\.data"):
        w.data -= rate * w.grad
    assert (w.data, w.parents) == (1.0, ())
    with pytest.raises(TypeError, match=r"Value\.data: expected a real number, got NoneType"):
        w.data = None


def test_no_gradient_is_a_gradient_of_zero() -> None:
    w: Any = Value(3.0)
    (w * w).backward()
    w.grad = None
    assert w.grad == 0.0
    (w * w).backward()
    assert w.grad == 6.0
    w.grad = None
    (w * w).backward(create_graph=True)
    assert (type(w.grad), w.grad.data) == (Value, 6.0)
    slope = w.grad
    w.grad = slope  # a gradient that is a node stays one
    assert w.grad is slope


def test_a_label_is_a_text_or_none() -> None:
    x: Any = Value(1.0)
    x.label = "x"
    with pytest.raises(TypeError, match="a label must be a str or None, got int: 5"):
        x.label = 5
    assert x.label == "x"
    x.label = None
    assert x.label is None


def test_value_is_not_to_be_subclassed() -> None:
    with pytest.raises(TypeError, match=r"class Tensor\(Value\): .*custom_function"):
        type("Tensor", (Value,), {})


def test_where_is_no_method() -> None:
    assert not hasattr(Value, "where")


def test_numpys_masked_arrays_take_nodes_for_nodes() -> None:
    masked = np.ma.array([1.0, 2.0], mask=[False, True])
    products: Any = Value(2.0) * masked
    assert type(products[0]) is Value
    assert autograd.grad(lambda x: (x * masked).sum())(2.0) == 1.0


# --- as it is shown ------------------------------------------------------------------------------


def test_repr_shows_the_number_its_gradient_its_operation_and_its_label() -> None:
    x = Value(1.5, "x")
    y = x * 2
    y.backward()
    assert repr(x) == "Value(1.5, grad=2.0, label='x')"
    assert repr(y) == "Value(3.0, grad=1.0, op='*')"
    assert repr(y.parents[1]) == "Value(2.0, grad=1.5)"  # a constant


def test_a_notebook_shows_the_repr() -> None:
    rich = ["html", "svg", "png", "jpeg", "latex", "markdown", "json", "javascript", "mimebundle"]
    for name in ["_ipython_display_", *[f"_repr_{kind}_" for kind in rich]]:
        assert not hasattr(Value(1.0), name)


def test_formatting_shows_the_number() -> None:
    assert f"{Value(1.0) / 3.0:.3f}" == "0.333"
    assert f"{Value(2.0, 'x')}" == "Value(2.0, grad=0.0, label='x')"


def test_a_label_is_a_string() -> None:
    label: Any = 2.0
    with pytest.raises(TypeError, match="a label must be a str or None, got float"):
        Value(1.0, label)
