"""Rows of the table, whatever they say: on the extended real line nothing raises."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.rule import FLOATS, LINEAR, XX, OwnName, Rule, X, register, rule_of
from autograd.rules import RULES
from tests.table import TABLE

EDGES = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, math.inf, -math.inf, math.nan, 1e308, -5e-324])
NUMBERS = EDGES | st.floats()


@pytest.mark.parametrize("rule", [rule for rule in TABLE if not rule.fixed], ids=lambda r: r.name)
@given(st.lists(NUMBERS, min_size=3, max_size=3))
def test_partials_of_what_is_defined_never_raise(rule: Rule, xs: list[float]) -> None:
    operands = xs if rule.of_sequence or len(rule.operands) > 2 else xs[: len(rule.operands)]
    if any("*" in name for name in rule.operands) and not rule.of_sequence:
        operands = xs[:2] if rule.name == "dot" else xs
    try:
        y = rule.evaluate(*operands)
    except (ArithmeticError, ValueError):
        if rule.name != "softmax" and not rule.by_python:
            assert isinstance(rule.extended(*operands), float)
        return
    found = rule.local_derivatives(y, *operands)
    assert len(found) == len(operands)
    assert all(isinstance(derivative, (int, float)) for derivative in found)


def test_infinities_have_the_signs_of_their_limits() -> None:
    assert RULES["/"].extended(-1.0, 0.0) == -math.inf
    assert RULES["digamma"].extended(5e-324) == -math.inf
    assert math.isnan(RULES["log"].extended(-1.0))


def rule_named(name: str) -> Rule:
    return Rule(name, X, lambda x: x, lambda m, y, x: (1.0,))


@pytest.mark.parametrize("name", ["exp", "+", "meets", LINEAR])
def test_a_name_of_the_library_is_not_given_away(name: str) -> None:
    with pytest.raises(ValueError, match="is a function of the library"):
        register(rule_named(name))


def test_a_node_follows_the_rule_that_its_name_carries() -> None:
    first, second = OwnName("of_test_rule"), OwnName("of_test_rule")
    first.rule, second.rule = rule_named(first), rule_named(second)
    assert first == second
    assert rule_of(first) is first.rule
    assert rule_of(second) is second.rule
    assert rule_of("exp") is RULES["exp"]
    assert rule_of("of_test_rule") is None


def test_what_partials_cannot_use_is_said() -> None:
    with pytest.raises(AttributeError, match=r"^m\.exq: there is no function of that name"):
        FLOATS.exq  # noqa: B018


def test_which_rows_are_methods_and_of_sequences() -> None:
    described: Any = {
        name: (RULES[name].is_method, RULES[name].of_sequence) for name in ("exp", "sum", "where")
    }
    assert described == {"exp": (True, False), "sum": (False, True), "where": (False, False)}
    assert Rule("pair", XX, lambda x1, x2: x1, lambda m, y, x1, x2: (1.0, 0.0)).is_method
