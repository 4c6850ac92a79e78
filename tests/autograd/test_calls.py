"""Calls that are recorded as a whole; their derivatives are tested with those who make them."""

from __future__ import annotations

from typing import Any

import pytest

from autograd import Value, checkpoint, exp, grad, jvp, sin, sum
from autograd.calls import is_call, is_result, written_out
from autograd.graph import interior, topological_order

BOTH = checkpoint(lambda x, y: (x * sin(y), exp(x) + y))


def test_a_call_is_one_node_with_a_node_for_each_result() -> None:
    x, y = Value(0.5, "x"), Value(2.0, "y")
    first, second = BOTH(x, y)
    call = first.parents[0]
    assert is_call(call)
    assert is_result(first)
    assert not is_call(first)
    assert not is_result(call)
    assert second.parents == (call,)
    assert call.parents == (x, y)


def test_all_results_are_differentiated_at_once() -> None:
    calls = []

    def f(*xs: Value) -> list[Value]:
        calls.append(1)
        return [sin(x) * xs[0] for x in xs]

    results = checkpoint(f)(*map(Value, range(20)))
    calls.clear()
    sum(results).backward()
    assert len(calls) == 1
    results = checkpoint(f)(x := Value(0.5), *map(Value, range(20)))
    calls.clear()
    jvp(lambda t: sum(checkpoint(f)(t, *[2.0 * t] * 20)), (0.5,), (1.0,))
    assert len(calls) == 2  # once to evaluate it
    del results, x


@pytest.mark.parametrize("count", [3, 3000])
def test_any_number_of_operands_and_results(count: int) -> None:
    def f(xs: list[Value]) -> list[Value]:
        return [2.0 * x for x in xs]

    g = checkpoint(f)
    x = [0.1 * i for i in range(count)]
    weights = [1.0 + i for i in range(count)]

    def total(xs: list[Value]) -> Any:
        return sum(w * y for w, y in zip(weights, g(xs), strict=True))

    assert grad(total)(x) == [2.0 * w for w in weights]
    assert jvp(total, (x,), (weights,))[1] == pytest.approx(2.0 * sum(w * w for w in weights))
    repeated = Value(1.0)
    sum(g([repeated] * count)).backward()
    assert repeated.grad == 2.0 * count


def test_what_is_written_out_has_the_operations() -> None:
    x, y = Value(0.5, "x"), Value(2.0, "y")
    first, second = BOTH(x, y)
    root = first * second
    root.label = "root"
    root.backward()
    found = written_out([root])[root]
    assert [node for node in interior(found) if is_call(node)] == []
    assert found.data == root.data
    assert found.label == "root"
    assert found.grad == 1.0
    gradients = x.grad, y.grad
    x.grad = y.grad = 0.0
    found.backward()
    assert (x.grad, y.grad) == pytest.approx(gradients, 1e-15)
    assert {x, y} <= {*topological_order(found)}
    assert written_out([x * y]) == {}


def test_nested_calls_are_written_out_too() -> None:
    outer = checkpoint(lambda x: BOTH(x, 2.0 * x)[0])
    root = outer(Value(0.5))
    found = written_out([root])[root]
    assert not any(is_call(node) or is_result(node) for node in interior(found))
    assert found.data == root.data
