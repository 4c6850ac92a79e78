"""Traced numbers that are constantly 0: by their kind, or because a branch is not taken."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any

from autograd.choices import CHOICES
from autograd.comparing import COMPARISONS
from autograd.helper_rules import KINKED, PRODUCTS
from autograd.kinds import CONSTANT
from autograd.rule import VALUES
from autograd.sums import MANY
from autograd.tracing import is_traced
from autograd.value import Value

__all__ = ["choice_of", "is_constant_zero", "is_mask", "is_zero", "masked_where"]


def is_zero(number: Value | float) -> bool:
    """Tell whether a number is constantly 0.

    Example:
        >>> is_zero(0.0), is_zero(Value(0.0))
        (True, False)
    """
    return type(number) is float and not number


def choice_of(partial: Value | float) -> tuple[Value, Value | float, Value | float] | None:
    """Split a traced choice with a constant branch into its operands."""
    if not isinstance(partial, Value) or not is_traced(partial) or partial.op != "where":
        return None
    condition, x1, x2 = constant_branches(partial)
    varies = isinstance(x1, Value) and isinstance(x2, Value) and choice_of(x2) is None
    return None if varies else (condition, x1, x2)


def constant_branches(choice: Value) -> tuple[Value, Value | float, Value | float]:
    """List the operands of a choice, with constant branches as numbers.

    The derivative of relu is `where(x > 0, 1, relu(x))`: its second branch is 0, or nan if x is.
    """
    condition, x1, x2 = choice.parents
    is_relu = (
        x2.op == "relu"
        and condition.op == ">"
        and condition.parents[0] is x2.parents[0]
        and condition.parents[1].op is CONSTANT
        and not condition.parents[1]._number
    )
    return (
        condition,
        x1._number if x1.op is CONSTANT else x1,
        0.0 if is_relu else x2._number if x2.op is CONSTANT else x2,
    )


def is_mask(factor: Value | float) -> bool:
    """Tell whether a traced node is made of choices between finite constants.

    It varies only where a condition changes.
    """
    seen: set[Value] = set()
    waiting = [factor]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, Value):
            if math.isinf(each):
                return False
        elif each not in seen:
            seen.add(each)
            if not is_traced(each) or len(seen) > MANY:
                return False
            if each.op == "where":
                condition, x1, x2 = constant_branches(each)
                # The last branch of leaky_relu's derivative is its value, for a nan x.
                is_slope = (
                    isinstance(x2, Value)
                    and x2.op == "leaky_relu"
                    and condition.op == "<="
                    and condition.parents[0] is x2.parents[0]
                )
                waiting += [x1] if is_slope else [x1, x2]
            elif each.op == KINKED:
                waiting.append(each.parents[0])
            elif each.op in ("*", "/", "+", "-", "neg", "sum", *PRODUCTS):
                waiting += [p._number if p.op is CONSTANT else p for p in each.parents]
            elif each.op != "sign" and each.op not in COMPARISONS:
                return False
    return True


def masked_where(adjoint: Value) -> Value | None:
    """Tell whether a traced adjoint is 0 because a branch is not taken.

    It is then constant, and no derivative comes of it, whatever the other factor.
    """
    conditions: dict[Value, Value | None] = {}
    waiting = [adjoint]
    while waiting:
        each = waiting[-1]
        operands = () if len(conditions) > FACTORS else _factors(each)
        new = [operand for operand in operands if operand not in conditions]
        if new and each not in conditions:
            conditions[each] = None
            waiting += new
        else:
            conditions[each] = _masked_by(each, [conditions[operand] for operand in operands])
            waiting.pop()
    return conditions[adjoint]


def _factors(adjoint: Value) -> tuple[Value, ...]:
    """List the operands which may make a traced adjoint 0, if they are constantly 0."""
    if not is_traced(adjoint):
        return ()
    if adjoint.op in ("*", "prod", *PRODUCTS, "+", "-"):
        return adjoint.parents
    return (
        adjoint.parents[:1]
        if adjoint.op in ("neg", "/", KINKED, *ODD) or _is_power(adjoint)
        else ()
    )


def _masked_by(adjoint: Value, conditions: Sequence[Value | None]) -> Value | None:
    """As `masked_where`, given the answers for the factors."""
    if not is_traced(adjoint):
        return None
    if adjoint.op == "where":
        condition, x1, x2 = constant_branches(adjoint)
        if is_mask(adjoint):
            if any(isinstance(x, Value) and x.op == KINKED for x in (x1, x2)):
                return VALUES.where(condition, *map(_is_left_out, (x1, x2)))  # type: ignore[no-any-return]
            return adjoint == 0.0  # type: ignore[return-value]
        if is_zero(x1):
            return condition
        return condition == 0.0 if is_zero(x2) else None  # type: ignore[return-value]
    if adjoint.op in CHOICES:
        return _left_at_zero(adjoint)  # type: ignore[no-any-return]
    known = [condition for condition in conditions if condition is not None]
    if not known or (adjoint.op in ("+", "-") and len(known) < 2):
        return None
    if adjoint.op == KINKED:  # at a kink the answer is not known
        return VALUES.where(adjoint.parents[2], 0.0, known[0])  # type: ignore[no-any-return]
    join = operator.mul if adjoint.op in ("+", "-") else operator.add
    return functools.reduce(join, known)


def _is_left_out(branch: Value | float) -> Any:
    """Tell whether a branch of a mask is 0, and not by the convention at a kink."""
    is_zero_there = branch == 0.0
    if isinstance(branch, Value) and branch.op == KINKED:
        return VALUES.where(branch.parents[2], 0.0, is_zero_there)
    return is_zero_there if isinstance(is_zero_there, Value) else float(is_zero_there)


def _left_at_zero(choice: Value) -> Any:
    """Tell whether a choice is the constant 0 near the point, as relu is for negative numbers."""
    op, operands = choice.op, choice.parents
    x = operands[0]
    if op == "relu":
        return x < 0.0
    if op in ("floor", "ceil", "trunc", "//"):
        return (choice == 0.0) & (x != 0.0)
    if op == "clip":
        bounds = [(side < 0.0, bound) for side, bound in ((x, operands[1]), (-x, operands[2]))]
        found = [is_beyond for is_beyond, bound in bounds if is_constant_zero(bound)]
        return found[0] if len(found) == 1 else None
    if op not in ("maximum", "minimum", "max", "min") or len(operands) > FACTORS:
        return None
    others = [operand for operand in operands if not is_constant_zero(operand)]
    if len(others) != len(operands) - 1:
        return None
    below = [each < 0.0 if op in ("maximum", "max") else each > 0.0 for each in others]
    return functools.reduce(operator.and_, below) if below else None


def is_constant_zero(node: Value) -> bool:
    """Tell whether a node is a constant, 0."""
    return node.op is CONSTANT and not node._number


def _is_power(node: Value) -> bool:
    return node.op == "**" and node.parents[1].op is CONSTANT and node.parents[1]._number > 0.0


ODD = {"sin", "tan", "sinh", "tanh", "arctan", "arcsin", "arcsinh", "expm1", "erf", "abs", "square"}
"""Functions that are 0 at 0."""


FACTORS = 16
"""How many factors of an adjoint are examined."""
