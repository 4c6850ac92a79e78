"""The domains of traced nodes: off them, where machine code cannot raise, a derivative is nan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from typing import Any

from autograd.comparing import COMPARISONS
from autograd.helper_rules import CHAIN_PRODUCT, KINKED, MASKED
from autograd.kinds import CONSTANT
from autograd.masks import is_zero
from autograd.partials import OF_PARTIALS, operands_of
from autograd.rule import VALUES, OwnName, rule_of
from autograd.rules import RULES
from autograd.tracing import is_traced
from autograd.value import Value

__all__ = [
    "STEEP", "Use", "has_domain", "may_leave", "nan_outside", "showing_nan", "within",
    "within_domain",
]  # fmt: skip


class Use(Enum):
    """What becomes of a node's derivatives: whether a nan among them would show in the result."""

    SHOWN = "they are multiplied by a number that is not 0"
    HIDDEN = "they are multiplied by a factor that may vanish"
    DROPPED = "they are not used"


def _use_of(factor: Value | float) -> Use:
    """Tell what becomes of derivatives that are multiplied by a factor."""
    if is_zero(factor):
        return Use.DROPPED
    return Use.HIDDEN if isinstance(factor, Value) else Use.SHOWN


def within(node: Value, use: Use) -> Any:
    """Tell whether a traced node is within its domain, if its derivatives would not show it.

    Args:
        node: An interior node.
        use: What becomes of its derivatives.

    Returns:
        A condition; True if no check is needed.
    """
    rule = rule_of(node.op)
    if rule is None or not is_traced(node):
        return True
    if use is Use.DROPPED and (divides := _divides(node)) is not None:
        return divides
    exponent = _constant_exponent(node)
    if exponent is not None:
        if exponent.is_integer() and use is not Use.DROPPED:
            return True
        # For an exponent of 1e-20, the exponent of the derivative is rounded to -1.
        return node == node if use is not Use.SHOWN or abs(exponent) < 2.0**-53 else True
    if rule.within is not None:
        return rule.within(OF_PARTIALS, *operands_of(node))
    # For custom functions, and where a derivative may be infinite, their value shows it.
    may_be_infinite = node.op in STEEP or rule.by_python
    is_lost = use is Use.DROPPED or (use is Use.HIDDEN and may_be_infinite)
    return node == node if (rule.domain and is_lost) or isinstance(node.op, OwnName) else True


def _constant_exponent(node: Value) -> float | None:
    """Return the exponent of a power, if it is a constant."""
    if node.op == "**" and node.parents[1].op is CONSTANT:
        return node.parents[1]._number
    return None


def _divides(node: Value) -> Any:
    """Give the condition that a node divides by something that is not 0; None if it does not."""
    if node.op in ("/", "reciprocal"):
        return node.parents[-1] != 0.0
    exponent = _constant_exponent(node)
    if exponent is None or exponent >= 0.0:
        return None
    base = node.parents[0]
    return base > 0.0 if exponent % 1.0 else base != 0.0


def may_leave(node: Value) -> bool:
    """Tell whether `within_domain` may find that a traced node, in use, is off its domain."""
    op = node.op
    if op == "**" or type(op) is not str:
        return is_traced(node)
    rule = RULES.get(op)
    return rule is not None and rule.within is not None and is_traced(node)


def within_domain(node: Value, factor: Value | float) -> Value | float:
    """Make a factor of a traced node's derivatives nan off its domain: machine code cannot raise.

    Args:
        node: An interior node.
        factor: The factor.

    Returns:
        The factor, or a choice between it and nan.
    """
    inside = within(node, _use_of(factor))
    if not isinstance(inside, Value) and inside:
        return factor
    if type(factor) is float:
        return VALUES.where(inside, factor, math.nan)  # type: ignore[no-any-return]
    return factor * VALUES.where(inside, 1.0, math.nan)  # type: ignore[no-any-return]


def nan_outside(node: Value, number: Value | float) -> Value | float:
    """Make a number nan outside a traced node's domain, whatever the number has to do with it.

    Args:
        node: An interior node.
        number: The number.

    Returns:
        The number, or a choice between it and nan.
    """
    # A tangent may drop the derivative at a pole; elsewhere a factor that vanishes may hide it.
    inside = _divides(node)
    if inside is None:
        inside = within(node, Use.HIDDEN)
    if not isinstance(inside, Value):
        return number if inside else math.nan
    if type(number) is float:
        return VALUES.where(inside, number, math.nan)  # type: ignore[no-any-return]
    # As a factor, so that a derivative of the result is nan as well.
    return number * VALUES.where(inside, 1.0, math.nan)  # type: ignore[no-any-return]


def has_domain(node: Value) -> bool:
    """Tell whether a traced node may be off its domain, so that `within_domain` has to check.

    Args:
        node: An interior node.
    """
    rule = rule_of(node.op)
    return (
        rule is not None
        and is_traced(node)
        and bool(rule.domain or rule.within or isinstance(node.op, OwnName))
    )


def showing_nan(roots: Sequence[Value], order: Sequence[Value]) -> dict[int, int]:
    """Tell for traced nodes which of some roots are nan if the node is.

    If such a node is off its domain, that root is nan, and so must be its derivative, even though
    the node's adjoint is 0. A choice may leave a nan out, and then the derivative leaves it out as
    well.

    Args:
        roots: Some nodes.
        order: The interior nodes that they depend on, parents first.

    Returns:
        For each node, by its identity, one bit for each root, the lowest bit for the first; nodes
        that affect no root are left out, and the result is empty if no node has a restricted
        domain.
    """
    showing: dict[int, int] = {}  # by identity: the hash of a traced node is a function of Python's
    known = showing.get
    if not any(map(has_domain, {node.op: node for node in order if is_traced(node)}.values())):
        return showing
    for place, root in enumerate(roots):
        if is_traced(root):
            showing[id(root)] = known(id(root), 0) | 1 << place
    for node in reversed(order):
        bits = known(id(node))
        if bits and not isinstance(node.op, OwnName):
            for parent in node.parents[: DROPPING.get(node.op)]:
                showing[id(parent)] = known(id(parent), 0) | bits
    return showing


DROPPING = {
    "where": 0, "meets": 0, "detached": 0, "**": 0, "power_log_": 0, "hypot": 0, "norm": 0,
    "direction_": 0, "scan": 0,
    "copysign": 1, "leaky_relu": 1, "elu": 1, KINKED: 1, CHAIN_PRODUCT: 1, MASKED: 0,
    **dict.fromkeys(COMPARISONS, 0),
}  # fmt: skip
"""The operations that may be a number although an operand is nan: a nan in this many of the first
operands always makes the result nan."""


STEEP = {"sqrt", "cbrt", "**", "arcsin", "arccos", "arccosh"}
"""The operations whose derivatives are infinite at points where the operations are defined."""
