"""The primitive operations: what their records say is what they do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd.compiler.definitions import DEFINITIONS
from autograd.compiler.primitives import PRIMITIVES, Primitive
from autograd.rules import RULES

EDGES = [0.0, -0.0, 0.5, -0.5, 1.0, 2.0, -3.0, math.inf, -math.inf]


def count(primitive: Primitive) -> int:
    return primitive.arity or 3 * primitive.sequences + primitive.has_bias


def evaluated(primitive: Primitive, *operands: float) -> float:
    with np.errstate(all="ignore"):
        return float(primitive.on_arrays(*operands))


OPERANDS = st.lists(st.sampled_from(EDGES) | st.floats(-9.0, 9.0), min_size=7, max_size=7)


@pytest.mark.parametrize("op", [op for op, p in PRIMITIVES.items() if p.propagates_nan])
@settings(max_examples=settings().max_examples // 2)
@given(numbers=OPERANDS, place=st.integers(0, 6))
def test_a_nan_reaches_the_result(op: str, numbers: list[float], place: int) -> None:
    primitive = PRIMITIVES[op]
    operands = numbers[: count(primitive)]
    operands[place % len(operands)] = math.nan
    found = evaluated(primitive, *operands)
    # A zero adjoint contributes nothing: that is what the products of the chain rule are for.
    assert math.isnan(found) or (op in ("·", "masked") and operands[0] == 0.0)


@pytest.mark.parametrize("op", [op for op, p in PRIMITIVES.items() if not p.propagates_nan])
def test_what_is_not_said_to_hand_a_nan_on_may_swallow_it(op: str) -> None:
    primitive = PRIMITIVES[op]
    assert primitive.is_condition or primitive.by_python or op in ("where", "**", "//", "%")


@given(x=st.floats(), y=st.floats())
def test_operands_that_commute_may_change_places(x: float, y: float) -> None:
    for op, primitive in PRIMITIVES.items():
        if primitive.arity == 2 and primitive.is_commutative:
            assert repr(evaluated(primitive, x, y)) == repr(evaluated(primitive, y, x)), op


@pytest.mark.parametrize("op", [op for op, p in PRIMITIVES.items() if p.arity == 2])
def test_others_do_not_commute(op: str) -> None:
    primitive = PRIMITIVES[op]
    pairs = [(2.0, 0.5), (0.0, math.inf), (3.0, 1.0), (0.0, math.nan)]
    if not primitive.is_commutative and not primitive.by_python:
        assert any(evaluated(primitive, x, y) != evaluated(primitive, y, x) for x, y in pairs)


@given(x=st.floats(), y=st.floats())
def test_conditions_are_0_or_1(x: float, y: float) -> None:
    for op, primitive in PRIMITIVES.items():
        if primitive.is_condition:
            assert evaluated(primitive, x, y) in (0.0, 1.0), op


@pytest.mark.parametrize("op", PRIMITIVES)
def test_operands_are_those_of_the_row(op: str) -> None:
    primitive = PRIMITIVES[op]
    assert primitive.name == op
    assert op not in DEFINITIONS
    if op in RULES and not primitive.sequences:
        assert primitive.arity == len(RULES[op].operands)


@pytest.mark.parametrize("op", ["sum", "dot", "net"])
@pytest.mark.parametrize("terms", [0, 1, 5])
def test_sums_are_split_into_sequences(op: str, terms: int) -> None:
    primitive = PRIMITIVES[op]
    operands = range(terms * primitive.sequences + primitive.has_bias)
    sequences, bias = primitive.split(operands)
    assert [len(sequence) for sequence in sequences] == [terms] * primitive.sequences
    assert len(bias) == primitive.has_bias
    assert [*(x for sequence in sequences for x in sequence), *bias] == [*operands]
    assert primitive.terms(len(operands)) == terms


def test_what_is_no_sum_has_no_terms() -> None:
    assert PRIMITIVES["exp"].terms(1) == PRIMITIVES["where"].terms(3) == 0
