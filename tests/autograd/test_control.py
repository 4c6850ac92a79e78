"""Loops and choices: against the same written by hand, recorded, differentiated and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import (
    Value,
    compile,
    cond,
    fori_loop,
    grad,
    gradcheck,
    log,
    scan,
    sin,
    stop_gradient,
    while_loop,
)
from autograd.graph import interior

NUMBERS = st.floats(-2.0, 2.0)


# --- recorded, and on plain numbers --------------------------------------------------------------


@given(st.lists(NUMBERS, max_size=6), NUMBERS, st.booleans())
def test_scan_is_pythons_loop(xs: list[float], start: float, reverse: bool) -> None:
    carry, results = start, []
    for x in reversed(xs) if reverse else xs:
        carry, result = carry * x + 1.0, carry - x
        results.append(result)
    results = results[::-1] if reverse else results
    found = scan(lambda c, x: (c * x + 1.0, c - x), start, xs, reverse=reverse)
    assert found == (carry, results)
    assert all(type(number) is float for number in [found[0], *found[1]])


def test_the_graph_is_the_one_written_by_hand() -> None:
    x = Value(0.5)
    looped = fori_loop(0, 3, lambda i, y: sin(y) * float(i + 1), x)
    by_hand = x
    for i in range(3):
        by_hand = sin(by_hand) * float(i + 1)
    assert [node.op for node in interior(looped)] == [node.op for node in interior(by_hand)]
    assert looped.data == by_hand.data


def test_sequences_are_lists_and_arrays_in_tuples_and_dictionaries() -> None:
    xs = {"a": [1.0, 2.0], "b": (np.array([[1.0, 2.0], [3.0, 4.0]]), [[5.0], [6.0]])}

    def step(carry: list[float], x: Any) -> Any:
        pair, (single,) = x["b"]
        total = carry[0] + x["a"] * pair.sum() + single
        return [total], {"total": total, "pair": (pair, [single])}

    carry, results = scan(step, [0.0], xs)
    assert carry == [8.0 + 20.0]
    assert results["total"] == [8.0, 28.0]
    assert [pair.tolist() for pair in results["pair"][0]] == [[1.0, 2.0], [3.0, 4.0]]
    assert results["pair"][1] == [[5.0], [6.0]]
    assert scan(lambda c, x: (c, x), None, results) == (None, results)


def test_no_step_returns_the_first_carry() -> None:
    init = {"a": Value(1.0)}
    assert fori_loop(3, 3, lambda i, x: 1 / 0, init) is init
    assert while_loop(lambda x: False, lambda x: 1 / 0, init, max_steps=0) is init
    assert scan(lambda c, x: (c, x), init, []) == (init, [])


def test_a_choice_evaluates_one_branch() -> None:
    def f(x: Any) -> Any:
        return cond(x > 0.0, log, lambda x: 3.0 * x, x)

    assert f(-2.0) == -6.0
    assert [grad(f)(x) for x in (2.0, -2.0)] == [0.5, 3.0]
    gradcheck(f, -1.0, order=2)
    gradcheck(f, 1.0, order=2)
    assert cond(np.bool_(False), lambda: 1.0, lambda: 2.0) == 2.0


def test_a_loop_that_stops_at_a_number_is_differentiated_as_it_ran() -> None:
    def root(a: Any) -> Any:
        return while_loop(lambda x: abs(x * x - a) > 1e-14 * a, lambda x: 0.5 * (x + a / x), a)

    assert root(2.0) == pytest.approx(2.0**0.5, rel=1e-15)
    assert grad(root)(2.0) == pytest.approx(0.5 / 2.0**0.5, rel=1e-12)
    gradcheck(root, 3.0, order=2)


def test_the_gradient_stops() -> None:
    def f(x: Any) -> Any:
        frozen = stop_gradient({"a": [x], "b": np.array([x, 2.0], dtype=object)})
        return x * frozen["a"][0] + frozen["b"].sum()

    assert grad(f)(3.0) == 3.0
    assert compile(grad(f))(3.0) == 3.0
    unchanged = [1.0, (2, None)]
    assert stop_gradient(unchanged) is unchanged


def test_more_steps_than_allowed_are_an_error() -> None:
    with pytest.raises(ArithmeticError, match=r"while_loop: .* after 5 steps, which is max_steps"):
        while_loop(lambda x: x > 0.0, lambda x: x + 1.0, 1.0, max_steps=5)


ADD: Callable[..., Any] = lambda c, x: (c, x)  # noqa: E731
NO: Any = 2.5


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: scan(NO, 0.0, [1.0]), "scan: f must be a function, got float: 2.5"),
        (lambda: scan(ADD, 0.0), "scan: pass xs, .* or length"),
        (lambda: scan(ADD, 0.0, [1.0], 2), "scan: xs and length must agree .* got 1, 2"),
        (lambda: scan(ADD, 0.0, ([1.0], [1.0, 2.0])), "must agree on the number of steps"),
        (lambda: scan(ADD, 0.0, (1.0, 2.0)), r"scan: xs, at \[0\], must be a list or an array"),
        (lambda: scan(ADD, 0.0, length=-1), "scan: length must be a whole number of at least 0"),
        (lambda: scan(ADD, "a", [1.0]), "scan: init: expected a number"),
        (lambda: scan(lambda c, x: c, 0.0, [1.0]), "scan: f must return a pair"),
        (lambda: scan(lambda c, x: (None, x), 0.0, [1.0]), "scan: the carry after step 0 has"),
        (
            lambda: scan(lambda c, x: ({"a": [1.0]}, x), {"a": [1.0, 2.0]}, [1.0]),
            r"has another structure than init: it has no \['a'\]\[1\]",
        ),
        (
            lambda: scan(lambda c, x: (np.ones(2), x), np.ones(3), [1.0]),
            r"is an array of shape \(2,\), where init has an array of shape \(3,\)",
        ),
        (lambda: fori_loop(0, NO, ADD, 0.0), "fori_loop: upper must be a whole number"),
        (lambda: fori_loop(0, 2, lambda i, x: None, 0.0), "fori_loop: the carry after step 0"),
        (lambda: while_loop(lambda x: None, ADD, 0.0), "while_loop: condition: expected a bool"),
        (lambda: while_loop(NO, ADD, 0.0), "while_loop: condition must be a function"),
        (lambda: cond("yes", ADD, ADD), "cond: condition: expected a bool"),
        (lambda: cond(True, NO, ADD), "cond: if_true must be a function, got float"),
        (lambda: fori_loop(0, 2, ADD, 0.0, checkpoint=NO), "fori_loop: checkpoint must be 'sqrt'"),
        (lambda: stop_gradient(["a"]), r"stop_gradient: x, at \[0\],: expected a number"),
    ],
)
def test_mistakes_are_named(call: Callable[[], Any], words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        call()
