"""Rows of the table in primitive operations: the values of their evaluation on floats."""

from __future__ import annotations

import math
import random
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import compile, grad
from autograd.compiler.backends.arrays import evaluate
from autograd.compiler.definitions import DEFINITIONS
from autograd.compiler.passes import lower
from autograd.compiler.pipeline import optimise
from autograd.compiler.primitives import PRIMITIVES
from autograd.compiler.program import Program
from autograd.compiler.trace import traced_program
from autograd.formulary import FORMULARY
from autograd.helper_rules import HELPERS
from autograd.rule import Rule
from autograd.rules import RULES
from autograd.value import record
from nn.losses import softmax_cross_entropy
from tests.table import TABLE

inf, nan = math.inf, math.nan
EDGES = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 3.0, -3.0, 1e-300, -1e-300, 5e-324, 1e-17, 1e300, -1e300,
    1000.0, -1000.0, inf, -inf, nan, 700.0, -700.0, -37.5, -38.6, -40.5, 20.0, 0.3, -1.7,
    1.0 + 1e-15, 12.3456789,
]  # fmt: skip
# Sums lose relative accuracy where their terms cancel; `sum` and `mean` of floats do not.
CANCELLING = {"+", "-", "sum", "mean", "dot", "net"}
ARITIES = {"dot": 4, "net": 5}


def arity(rule: Rule) -> int:
    return ARITIES.get(rule.name, 3 if rule.operands[0].startswith("*") else len(rule.operands))


def program_of_row(rule: Rule) -> Program:
    names = [f"x{place}" for place in range(arity(rule))]
    return traced_program(lambda *xs: record(rule, xs), names)


def points(rule: Rule) -> list[tuple[float, ...]]:
    n, generator = arity(rule), random.Random(rule.name)
    chosen = list(product(EDGES, repeat=n)) if n < 3 else []
    chosen += [tuple(generator.choices(EDGES, k=n)) for _ in range(2000)]
    for _ in range(2000):
        chosen.append(
            tuple(generator.gauss(0.0, 10.0 ** generator.uniform(-3.0, 3.0)) for _ in range(n))
        )
    if rule.name == "polygamma":
        chosen = [(float(generator.choice([0, 1, 2, 5])), *point[1:]) for point in chosen]
    return chosen


def agree(rule: Rule, operands: tuple[float, ...], found: float, expected: float) -> bool:
    if math.isnan(expected) or math.isinf(expected):
        return found == expected or (math.isnan(expected) and math.isnan(found))
    if expected == found == 0.0 and rule.name not in CANCELLING:
        return math.copysign(1.0, expected) == math.copysign(1.0, found)
    size = abs(expected)
    if rule.name in CANCELLING:
        size = math.fsum(map(abs, operands))
        if rule.name in ("dot", "net"):
            half = len(operands) // 2
            size = sum(map(abs, map(float.__mul__, operands[:half], operands[half:])))
            size += abs(operands[-1])
    return abs(found - expected) <= 1e-13 * size


@pytest.mark.parametrize("rule", TABLE, ids=lambda rule: rule.name)
def test_rows_in_primitive_operations_have_the_values_of_floats(rule: Rule) -> None:
    program = lower(program_of_row(rule))
    assert set(program.counts()) <= set(PRIMITIVES) - set(DEFINITIONS)
    chosen = points(rule)
    found = evaluate(program, [np.array(column) for column in zip(*chosen, strict=True)])[0]
    for operands, number in zip(chosen, np.broadcast_to(found, len(chosen)).tolist(), strict=True):
        try:
            expected = rule.evaluate(*operands)
        except (ArithmeticError, ValueError):
            # `sum` refuses inf - inf and its overflow, which may cancel otherwise
            assert not math.isfinite(number) or rule.name in CANCELLING, (operands, number)
            continue
        if rule.name in CANCELLING and not math.isfinite(number):
            continue  # a partial sum overflows that exact arithmetic brings back
        assert agree(rule, operands, number, expected), (operands, number, expected)


@pytest.mark.parametrize("rule", TABLE, ids=lambda rule: rule.name)
def test_every_row_is_a_primitive_operation_or_has_a_definition(rule: Rule) -> None:
    ways = [rule.name in PRIMITIVES, rule.name in DEFINITIONS, rule.primitive is not None]
    # a row of the wider formulary may also be traced as it is evaluated: tested above
    assert sum(ways) == 1 or (rule in FORMULARY and sum(ways) == 0)


def test_definitions_are_of_rows() -> None:
    assert set(DEFINITIONS) <= {rule.name for rule in (*TABLE, *HELPERS)}


def share(i: int, xs: tuple[Any, ...]) -> Any:
    return record(RULES["softmax"], (xs[i], *xs[:i], *xs[i + 1 :]))


@given(st.lists(st.floats(-800.0, 800.0), min_size=1, max_size=6))
def test_softmax_adds_up_to_one_and_shares_its_exponentials(xs: list[float]) -> None:
    names = [f"x{place}" for place in range(len(xs))]
    programs = [traced_program(lambda *ys, i=i: share(i, ys), names) for i in range(len(xs))]
    numbers = [float(evaluate(optimise(program), xs)[0]) for program in programs]
    assert math.fsum(numbers) == pytest.approx(1.0)


def test_a_classifiers_gradient_takes_one_exponential_a_class() -> None:
    classes = 7
    program = compile(grad(lambda zs: softmax_cross_entropy(zs, 2))).program([0.0] * classes)
    assert optimise(program).counts()["exp"] <= 2 * classes


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=8))
def test_a_product_neither_over_nor_underflows_on_its_way(xs: list[float]) -> None:
    rule = RULES["prod"]
    program = lower(traced_program(lambda *ys: record(rule, ys), [f"x{i}" for i in range(len(xs))]))
    found = float(evaluate(program, xs)[0])
    assert agree(rule, tuple(xs), found, rule.evaluate(*xs)) or abs(found) < 1e-300
