"""Partial derivatives and kinks of nodes, as expressions of their operands.

They come from the rows of the table, evaluated on nodes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from autograd import at_once, grad_mode
from autograd.extended_reals import on_extended_line
from autograd.helper_rules import CHAIN_PRODUCT, KINKED, MEETS
from autograd.kinds import CONSTANT
from autograd.masks import is_mask, is_zero, masked_where
from autograd.rule import FLOATS, LINEAR, VALUES, rule_of
from autograd.tracing import is_traced
from autograd.value import Operand, Value, as_value

__all__ = ["OF_PARTIALS", "kink", "operands_of", "partials"]


def partials(node: Value, again: bool = True, undefined: bool = True) -> Sequence[Value | float]:
    """Give a node's local derivatives as expressions of its operands, to be differentiated again.

    Args:
        node: An interior node.
        again: Whether they are to be, if they are traced.
        undefined: Whether those of a mark are to be undefined where they vary at a kink.

    Returns:
        One for each parent: a Value, or a plain number if it does not vary.

    Raises:
        KeyError: Its operation is not in the table.

    Example:
        >>> x = Value(2.0)
        >>> partials(x * x)[0] is x
        True
    """
    if node.op == LINEAR:
        return node.local_derivatives
    if node.op == CHAIN_PRODUCT and is_mask(node.parents[1]):
        return node.parents[::-1]  # nothing infinite to guard against
    rule = rule_of(node.op)
    if rule is None:
        raise KeyError(
            f"{node.op!r} is not in the table of functions, so the derivative of its derivative is "
            "not known: add it by custom_function"
        )
    operands = operands_of(node)
    try:
        is_mark = node.op in (KINKED, MEETS)
        is_last = not (again and (undefined or not is_mark)) and is_traced(node)
        derivatives = rule.partials(_OF_LAST if is_last else OF_PARTIALS, node, *operands)
    except (ArithmeticError, ValueError):  # infinite: computed again, where nothing raises
        before = on_extended_line.set(True)
        try:
            derivatives = rule.partials(OF_PARTIALS, node, *node.parents)
        finally:
            on_extended_line.reset(before)
    if node.op == CHAIN_PRODUCT and (masked := masked_where(node.parents[0])) is not None:
        derivatives = VALUES.where(masked, 0.0, derivatives[0]), derivatives[1]
    if node.op == KINKED and (undefined_too := _varying(node, again and undefined)) is not None:
        derivatives = *derivatives[:2], derivatives[2] + undefined_too
    return derivatives


def _varying(node: Value, of_traced: bool) -> Value | float | None:
    """Return a number that is 0, and at a kink is undefined when differentiated in the adjoint.

    Added to what is undefined at the kink, it keeps this undefined in whatever the adjoint depends
    on, at every order.
    """
    adjoint, at_kink = node.parents[1:]
    if is_traced(node):
        if not of_traced:
            return None
        return VALUES.where(at_kink, VALUES.meets(adjoint, adjoint) - 1.0, 0.0)  # type: ignore[no-any-return]
    if not at_kink._number or adjoint.op is CONSTANT:
        return None
    return VALUES.meets(adjoint, adjoint) - 1.0  # type: ignore[no-any-return]


def kink(node: Value, of_traced: bool) -> Value | None:
    """Tell whether a node's operation is at a kink, as an expression of its operands.

    Args:
        node: An interior node.
        of_traced: Whether to tell it for a traced node, which may turn out to be at a kink.

    Returns:
        A node that is nonzero at a kink; None if there is none.

    Example:
        >>> kink(abs(Value(0.0)), True).data, kink(abs(Value(1.0)), True)
        (1.0, None)
    """
    rule = rule_of(node.op)
    if rule is None or rule.kinks is None:
        return None
    if is_traced(node):
        if not of_traced:
            return None
    elif not rule.kinks(FLOATS, node._number, *[parent._number for parent in node.parents]):
        return None
    condition = rule.kinks(OF_PARTIALS, node, *operands_of(node))
    return None if is_zero(condition) else as_value(condition)


def operands_of(node: Value) -> list[Value | float]:
    """List a node's operands for use in an expression: constants as floats."""
    return [parent._number if parent.op is CONSTANT else parent for parent in node.parents]


class _Partials:
    """The functions on Values; a choice by a plain condition needs no node."""

    def __getattr__(self, name: str) -> Any:
        return getattr(VALUES, name)

    @staticmethod
    def undefined_(x: Any) -> Any:
        """Return nan, whose derivatives of any order in what `x` depends on are nan as well."""
        return math.nan * x

    @staticmethod
    def where(condition: Operand | bool, x1: Operand, x2: Operand) -> Any:
        if isinstance(condition, Value):
            is_known = not is_traced(condition) and not grad_mode.open_blocks
            if not (is_known and _is_finite_number(x1) and _is_finite_number(x2)):
                return VALUES.where(condition, x1, x2)
            condition = bool(condition._number)  # a choice of numbers has no derivative in it
        return x1 if condition else x2


def _is_finite_number(x: Operand) -> bool:
    return type(x) is float and math.isfinite(x)


OF_PARTIALS = _Partials()


class _LastPartials(_Partials):
    """The same of traced nodes that are not differentiated again: many derivatives at once."""

    @staticmethod
    def undefined_(x: Any) -> Any:
        return math.nan

    @staticmethod
    def softmax(xs: Sequence[Any]) -> list[Any]:
        return at_once.shares(VALUES, xs)

    @staticmethod
    def zscores_(xs: Sequence[Any]) -> list[Any]:
        return at_once.zscores_of(VALUES, xs)

    @staticmethod
    def deviations_(xs: Sequence[Any]) -> list[Any]:
        return at_once.deviations_of(VALUES, xs)

    @staticmethod
    def products_of_others(xs: Sequence[Any]) -> list[Any]:
        return at_once.products_of_others(VALUES, xs)


_OF_LAST = _LastPartials()
