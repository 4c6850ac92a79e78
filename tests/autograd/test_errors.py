"""Errors say which operation failed, on which operand, at which node."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import InvalidOperation
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Value
from autograd.errors import outside_domain, wrong_type


def nodes() -> tuple[Value, Value, Value]:
    return Value(-2.0, "x"), Value(0.0, "zero"), Value(1e3, "large")


@pytest.mark.parametrize(
    ("leave_domain", "error", "said"),
    [
        (lambda x, zero, large: x / zero, ZeroDivisionError, ["x1 / x2", "'x'", "'zero'", "-2.0"]),
        (lambda x, zero, large: 1 / zero, ZeroDivisionError, ["/", "'zero'", "x1 = 1.0"]),
        (lambda x, zero, large: x // zero, ZeroDivisionError, ["//", "'zero'"]),
        (lambda x, zero, large: x % zero, ZeroDivisionError, ["%", "'zero'"]),
        (lambda x, zero, large: zero**-1, ZeroDivisionError, ["**", "'zero'", "-1.0"]),
        (lambda x, zero, large: x**0.5, ValueError, ["**", "'x'", "0.5", "integer"]),
        (lambda x, zero, large: 10.0**large, OverflowError, ["**", "'large'", "10.0"]),
        (lambda x, zero, large: autograd.log(x), ValueError, ["log(x)", "'x'", "-2.0", "x > 0"]),
        (lambda x, zero, large: x.sqrt(), ValueError, ["sqrt(x)", "'x'", "x >= 0"]),
        (lambda x, zero, large: autograd.exp(large), OverflowError, ["exp", "'large'", "1000.0"]),
        (lambda x, zero, large: autograd.arcsin(x - 1), ValueError, ["arcsin", "result of '-'"]),
        (lambda x, zero, large: autograd.log(-3.0), ValueError, ["log(x)", "-3.0", "x > 0"]),
        (lambda x, zero, large: autograd.clip(x, 2, 1), ValueError, ["clip", "'x'", "lower"]),
        (lambda x, zero, large: autograd.cosh(large), OverflowError, ["cosh(x)", "'large'"]),
        (lambda x, zero, large: autograd.mean([]), ValueError, ["mean", "at least one"]),
        (lambda x, zero, large: autograd.max([]), ValueError, ["max", "at least one"]),
        (lambda x, zero, large: autograd.logsumexp([]), ValueError, ["logsumexp", "at least one"]),
        (lambda x, zero, large: autograd.dot([x], [x, x]), ValueError, ["dot", "1", "2"]),
    ],
)
def test_expressions_off_their_domain_say_operation_operand_and_node(
    leave_domain: Callable[[Value, Value, Value], Any], error: type[Exception], said: list[str]
) -> None:
    with pytest.raises(error) as caught:
        leave_domain(*nodes())
    assert caught.type is error
    for words in said:
        assert words in str(caught.value)


@pytest.mark.parametrize("error", [ValueError, ZeroDivisionError, OverflowError, InvalidOperation])
def test_the_class_of_the_error_stays(error: type[Exception]) -> None:
    told = outside_domain(error("why"), "f", ["x"], [Value(1.0, "node")], "x > 1")
    assert type(told) is error
    assert str(told) == "f(x) at x = 1.0 (node 'node'): why; f is defined for x > 1"


def test_a_custom_function_may_raise_errors_that_are_not_made_from_a_message() -> None:
    def evaluate(x: float) -> float:
        return float(bytes([255]).decode())  # UnicodeDecodeError, a ValueError of five arguments

    function = autograd.custom_function("undecodable", evaluate, lambda m, y, x: 0.0)
    for x in (1.0, Value(1.0, "node")):
        with pytest.raises(ValueError, match="decode"):
            function(x)


def test_of_many_operands_some_are_shown() -> None:
    message = str(outside_domain(ValueError("why"), "f", ["*xs"], [float(i) for i in range(1000)]))
    assert message.startswith("f(*xs) at x1 = 0.0, x2 = 1.0, ")
    assert "1,000 operands" in message
    assert len(message) < 300
    assert str(outside_domain(ValueError("why"), "f", ["*xs"], [])).endswith("why")


def test_nodes_are_described_by_label_or_by_operation() -> None:
    x = Value(2.0, "x")
    product = x * x
    described = str(outside_domain(ValueError("why"), "+", ["x1", "x2"], [product, product]))
    assert described.startswith("x1 + x2 at x1 = 4.0 (the result of '*'), x2 = 4.0")
    product.label = "square"
    assert "4.0 (node 'square')" in str(outside_domain(ValueError(""), "f", ["x"], [product]))


@pytest.mark.parametrize(
    ("operand", "hint"), [(1j, ".real"), (np.zeros(3), "NumPy"), ("a" * 1000, "str"), (None, "")]
)
def test_a_wrong_type_is_named_shown_in_short_and_explained(operand: Any, hint: str) -> None:
    message = str(wrong_type("exp", operand))
    assert message.startswith("exp: expected a Value or a real number, got ")
    assert type(operand).__name__ in message
    assert hint in message
    assert len(message) < 250


def test_messages_of_nan_and_infinity_are_readable() -> None:
    with pytest.raises(ValueError, match=r"sin\(x\) at x = inf \(node 'x'\)"):
        autograd.sin(Value(math.inf, "x"))
    assert math.isnan(autograd.sin(Value(math.nan)).data)


def test_the_overflow_of_a_power_reads_like_any_other() -> None:
    with pytest.raises(OverflowError, match=r"at x1 = .*: [A-Z][a-z ]+; "):
        Value(10.0) ** 400.0


def test_a_float_is_not_explained_as_complex() -> None:
    assert str(wrong_type("net", 3.0, "a sequence")) == "net: expected a sequence, got float: 3.0"
