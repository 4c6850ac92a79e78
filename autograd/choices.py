"""Operations that leave operands out: where a derivative of 0 means that a branch is not taken.

Such a 0 is constant near the point. It contributes nothing to a derivative, whatever it meets: an
unused branch must not produce nan. Other zeros, such as the 0 of `x * y` in x at y = 0, vary, and
times infinity they are nan.
"""

from __future__ import annotations

from typing import Any

from autograd.kinds import CONSTANT

__all__ = ["CHOICES", "PLAIN", "STEPS", "leaves_out", "may_leave_out"]

STEPS = {"floor", "ceil", "trunc", "sign", "//"}
"""The operations that vary with no operand, except where they jump."""

CHOICES = {
    "where", "maximum", "minimum", "max", "min", "clip", "relu", "hard_tanh", *STEPS,
}  # fmt: skip
"""The operations that are locally constant in an operand whose derivative is 0."""

CHOOSING = CHOICES | {"leaky_relu", "elu", "copysign"}
"""The operations that may leave an operand out."""

PLAIN = frozenset({
    "+", "-", "*", "/", "neg", "**", "square", "exp", "log", "sin", "cos", "tanh", "sigmoid",
})  # fmt: skip
"""The commonest operations that leave nothing out and have few operands: no other question arises
for them in a backward pass."""


def may_leave_out(op: str) -> bool:
    """Tell whether an operation chooses; a user's own may.

    Example:
        >>> may_leave_out("relu"), may_leave_out("exp")
        (True, False)
    """
    return op in CHOOSING or hasattr(op, "leaves_out")


def _may_jump(node: Any, place: int) -> bool:
    """Tell whether a 0 may be the convention at a jump, where the derivative is undefined.

    A condition may be that of a kink.
    """
    op, x = node.op, node.parents[place]._number
    if op == "where":
        return place == 0
    if op in ("sign", "copysign"):
        return bool(x == 0.0)
    if op == "//":
        return bool(node.parents[0]._number % node.parents[1]._number == 0.0)
    return bool(x == node._number)


def leaves_out(node: Any, place: int, flow: float = 1.0) -> bool:
    """Tell whether a local derivative that is 0 is that of a branch not taken.

    Args:
        node: An interior node.
        place: The place of an operand in which its derivative is 0.
        flow: What it is multiplied by: an adjoint or a tangent.

    Returns:
        Whether the operation leaves this operand out near the point.

    Example:
        >>> from autograd import Value, relu
        >>> leaves_out(relu(Value(-1.0)), 0), leaves_out(Value(0.0) * Value(1.0), 1)
        (True, False)
    """
    op = node.op
    if flow != flow and _may_jump(node, place):
        return False
    if op in CHOICES:
        return True
    if op in ("leaky_relu", "elu"):  # the second operand matters where the first is negative
        if op == "leaky_relu" and node.parents[1 - place].op is CONSTANT:
            return True
        return place == 1 and bool(node.parents[0]._number > 0.0)
    if op == "copysign":
        return place == 1
    of_user = getattr(op, "leaves_out", None)
    return of_user is not None and bool(of_user(node, place))
