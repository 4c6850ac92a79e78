"""Patterns: exactly what a derivative may hold, whatever the numbers."""

from __future__ import annotations

import math
import operator
import random
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import autograd
from autograd import (
    Value,
    cumsum,
    custom_function,
    dot,
    exp,
    grad,
    hessian,
    jacobian,
    maximum,
    net,
    prod,
    relu,
    sin,
    where,
)  # fmt: skip
from autograd.partials import partials
from autograd.rules import RULES
from autograd.sparsity.pattern import Pattern, hessian_pattern, jacobian_pattern
from autograd.traced import traced, tracing_of
from autograd.value import as_value

SMOOTH = (
    operator.add, operator.mul, lambda x, y: x / (1.5 + y * y), sin, exp, lambda x: x**3,
    lambda x: 0.7 * x, lambda x, y, z: prod([x, y, z]), lambda x, y, z: autograd.sum([x, y, z]),
    lambda x, y, z: autograd.logsumexp([x * x, y, 1.5 * z]), lambda x, y, z: dot([x, y], [z, 1.5]),
    lambda x, y: dot([x, 0.3], [y, 0.4]), lambda x, y, z: net([x, 0.5], [y, 2.5], z),
)  # fmt: skip
ARITY = (2, 2, 2, 1, 1, 1, 1, 3, 3, 3, 3, 2, 3)


def program(seed: int, inputs: int, length: int, outputs: int) -> Any:
    """A function of operations in which nothing cancels, at a point drawn at random."""
    rng = random.Random(seed)
    steps = []
    for place in range(length):
        which = rng.randrange(len(SMOOTH))
        first = max(0, inputs + place - 6)
        operands = [rng.randrange(first, inputs + place) for _ in range(ARITY[which])]
        steps.append((SMOOTH[which], operands, rng.uniform(0.3, 0.5), rng.uniform(0.1, 0.9)))
    returned = [rng.randrange(inputs + length) for _ in range(outputs)]

    def f(xs: Any) -> list[Any]:
        numbers = [*xs]
        for operation, operands, scale, shift in steps:
            numbers.append(scale * operation(*[numbers[x] for x in operands]) + shift)
        return [numbers[place] for place in returned]

    return f


def nonzero(matrices: list[Any]) -> list[list[int]]:
    """Where any of some dense matrices is not 0."""
    found = (np.array(matrices) != 0.0).any(axis=0)
    return [np.flatnonzero(row).tolist() for row in found]


SEEDS = st.integers(0, 10**6)


@given(SEEDS, st.integers(1, 6), st.integers(0, 12), st.integers(1, 4))
def test_the_pattern_of_a_jacobian_is_that_of_its_numbers(
    seed: int, inputs: int, length: int, outputs: int
) -> None:
    f = program(seed, inputs, length, outputs)
    rng = random.Random(seed)
    points = [[rng.uniform(0.4, 1.4) for _ in range(inputs)] for _ in range(3)]
    xs = [Value(x) for x in points[0]]
    found = jacobian_pattern([as_value(y) for y in f(xs)], xs)
    assert found.rows == nonzero([jacobian(f)(point) for point in points])


@given(SEEDS, st.integers(1, 6), st.integers(0, 10))
def test_the_pattern_of_a_hessian_is_that_of_its_numbers(
    seed: int, inputs: int, length: int
) -> None:
    program_of = program(seed, inputs, length, 1)
    rng = random.Random(seed)
    points = [[rng.uniform(0.4, 1.4) for _ in range(inputs)] for _ in range(3)]
    xs = [Value(x) for x in points[0]]
    found = hessian_pattern(program_of(xs)[0], xs)
    dense = [hessian(lambda xs: program_of(xs)[0])(point) for point in points]
    assert found.rows == nonzero(dense)
    with tracing_of():  # the graph is the same, and so is the pattern
        unknown = [traced() for _ in range(inputs)]
        assert hessian_pattern(program_of(unknown)[0], unknown) == found


@pytest.mark.parametrize(
    ("f", "rows"),
    [
        (lambda x, y, z: x + 2.0 * y - z / 3.0, [[], [], []]),
        (lambda x, y, z: x * y + z, [[1], [0], []]),
        (lambda x, y, z: x / y, [[1], [0, 1], []]),
        (lambda x, y, z: prod([x, y, z]), [[1, 2], [0, 2], [0, 1]]),
        (lambda x, y, z: prod([x, x, z]), [[0, 2], [], [0]]),
        (lambda x, y, z: dot([x, y], [z, 2.0]), [[2], [], [0]]),
        (lambda x, y, z: where(x > 0.0, y * y, z), [[], [1], []]),
        (lambda x, y, z: where(x > 0.0, y, z) * x, [[1, 2], [0], [0]]),
        (lambda x, y, z: 0.0 * (x * y) + z * z, [[], [], [2]]),
        (lambda x, y, z: x**1.0 + y**0.0 + z**2, [[], [], [2]]),
        (lambda x, y, z: 2.0**x, [[0], [], []]),
        (lambda x, y, z: x.detach() * y + z, [[], [], []]),
        (lambda x, y, z: autograd.polygamma(1.0, x + y), [[0, 1], [0, 1], []]),
        (lambda x, y, z: autograd.degrees(x) + autograd.mean([y, z]), [[], [], []]),
        # Where the second derivative is 0, but nan at a kink: kept.
        (lambda x, y, z: relu(x - y), [[0, 1], [0, 1], []]),
        (lambda x, y, z: maximum(x, y) + abs(z), [[0, 1], [0, 1], [2]]),
        (lambda x, y, z: 7.0, [[], [], []]),
    ],
)
def test_hessians_known_by_hand(f: Any, rows: list[list[int]]) -> None:
    xs = [Value(1.5), Value(2.5), Value(0.5)]
    assert hessian_pattern(as_value(f(*xs)), xs).rows == rows


@pytest.mark.parametrize(
    ("f", "row"),
    [
        (lambda x, y: where(x > 1.0, y, 2.0), [1]),
        (lambda x, y: where(y > 1.0, 3.0, x), [0]),
        (lambda x, y: 0.0 * x + y, [1]),
        (lambda x, y: dot([0.0, 2.0], [x, y]), [1]),
        (lambda x, y: dot([x, 0.0], [y, y]), [0, 1]),
        (lambda x, y: relu(x) + 0.0, [0]),
        (lambda x, y: autograd.floor(x), [0]),  # nan of nan
        (lambda x, y: x.detach() + y, [1]),
        (lambda x, y: x - x, [0]),
    ],
)
def test_rows_known_by_hand(f: Any, row: list[int]) -> None:
    xs = [Value(-1.5), Value(2.5)]
    assert jacobian_pattern([f(*xs)], xs).rows == [row]
    with tracing_of():
        unknown = [traced(), traced()]
        assert jacobian_pattern([f(*unknown)], unknown).rows == [row]


@pytest.mark.parametrize("name", sorted(n for n, r in RULES.items() if not r.of_sequence))
def test_no_second_derivative_is_left_out(name: str) -> None:
    """Of every row: the gradient's graph, as recorded with its conditions, holds no more."""
    rule = RULES[name]
    if rule.operands[0].startswith("*") or name in ("kinked", "meets"):
        return
    numbers: list[Any] = []
    with tracing_of():
        xs = [traced() for _ in rule.operands]
        fixed = [rule.operands.index(operand) for operand in rule.fixed]
        numbers = [Value(1.0) if i in fixed and rule.numbers_only else x for i, x in enumerate(xs)]
        node = autograd.value.record(rule, tuple(numbers))
        try:
            slopes = partials(node)
        except TypeError:  # a fixed operand that must be a number
            return
        rows = jacobian_pattern([as_value(x) for x in slopes], xs).rows
        found = hessian_pattern(node, xs).rows
    for i, row in enumerate(rows):
        for j in row:
            if i not in fixed and j not in fixed:
                assert j in found[i], (i, j)
                assert i in found[j], (i, j)


def test_rules_of_users_are_read_too() -> None:
    both = custom_function("both_", lambda x, y: x * x * y, lambda m, z, x, y: (2.0 * x * y, x * x))
    branching = custom_function(
        "branching_", lambda x: x, lambda m, z, x: (1.0 if x > 0.0 else 2.0,)
    )
    x, y = Value(2.0), Value(3.0)
    assert hessian_pattern(both(x, y), [x, y]).rows == [[0, 1], [0]]
    assert hessian_pattern(branching(x) + y, [x, y]).rows == [[0], []]
    same_name = custom_function("both_", lambda x, y: x * y, lambda m, z, x, y: (y, x))
    assert hessian_pattern(same_name(x, y) + both(y, x), [x, y]).rows == [[1], [0, 1]]


def test_long_sums_take_little_memory() -> None:
    """Every node of a sum of n terms varies with one more: n² / 2 numbers, if all were kept."""
    xs = [Value(1.0) for _ in range(5000)]
    total = cumsum(xs)[-1]
    tracemalloc.start()
    found = jacobian_pattern([total, xs[0]], xs)
    squared = hessian_pattern(total + xs[0] * xs[1], xs)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.rows == [list(range(5000)), [0]]
    assert squared.count == 2
    assert most < 16 * 2**20


@given(st.lists(st.sets(st.integers(0, 400)), max_size=4))
@example([set(range(300)), {1, 399}])
def test_large_sets_and_small_ones_join_alike(parts: list[set[int]]) -> None:
    xs = [Value(1.0) for _ in range(401)]
    sums = [autograd.sum([xs[place] for place in sorted(part)] or [Value(1.0)]) for part in parts]
    outputs = [*sums, autograd.sum([0.5, *sums])] if sums else []
    rows = [*map(sorted, parts), sorted(set().union(*parts))] if sums else []
    assert jacobian_pattern([*map(as_value, outputs)], xs).rows == rows
    product = autograd.sum([0.0 + Value(1.0), *[total * total for total in sums]])
    wanted: list[set[int]] = [set() for _ in xs]
    for part in parts:
        for place in part:
            wanted[place] |= part
    assert hessian_pattern(product, xs).rows == [*map(sorted, wanted)]


def test_a_pattern_knows_its_columns_and_equals_its_like() -> None:
    pattern = Pattern([[0, 2], [1], []], 4)
    assert pattern.columns() == [[0], [1], [0], []]
    assert pattern == Pattern([[0, 2], [1], []], 4)
    assert pattern != Pattern([[0, 2], [1], []], 5)
    assert pattern != "pattern"
    assert math.prod(pattern.shape) == 12


def test_derivatives_have_patterns_like_any_function() -> None:
    def f(xs: Any) -> Any:
        return xs[0] * xs[1] ** 2 + relu(xs[2])

    found = jacobian(grad(f), sparse=True)([1.0, 2.0, 3.0])
    assert found.toarray().tolist() == hessian(f)([1.0, 2.0, 3.0])
