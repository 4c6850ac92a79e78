"""Nodes of the one operation that is no row of the table: a sum of coefficients times nodes."""

from __future__ import annotations

from autograd.kinds import LINKED_PARAMETER, PARAMETER_KINDS
from autograd.rule import LINEAR
from autograd.special import sum_of_products
from autograd.value import Value, new_node

__all__ = ["linear", "linked"]


def linear(coefficients: tuple[float, ...], operands: tuple[Value, ...]) -> Value:
    """Record the sum of coefficients times nodes, as a node whose parents are the nodes alone.

    A dot product with plain numbers is linear in what remains; its partial derivatives are those
    numbers, at every order as recorded. A neuron fed with data so costs half of what it would if
    each number became a constant node.

    Args:
        coefficients: One float an operand.
        operands: The nodes.

    Returns:
        The new node; its `local_derivatives` are the coefficients.

    Example:
        >>> linear((2.0, 3.0), (Value(1.0), Value(4.0)))
        Value(14.0, grad=0.0, op='linear')
    """
    data = sum_of_products(coefficients, [operand._number for operand in operands])
    return new_node(data, operands, coefficients, LINEAR)


def linked(value: Value) -> Value:
    """Make a node that stands for another, and can be told apart from it.

    To differentiate with respect to a node that other parts of a graph use as well is to
    differentiate with respect to a node of one's own that stands for it.

    Args:
        value: The node; of a parameter, the stand-in is taken for one too.

    Returns:
        A node of the same data and label, whose derivative with respect to the node is 1.

    Example:
        >>> x = Value(2.0, "x")
        >>> linked(x)
        Value(2.0, grad=0.0, op='linear', label='x')
    """
    is_parameter = any(value.op is kind for kind in PARAMETER_KINDS)
    op = LINKED_PARAMETER if is_parameter else LINEAR
    node = new_node(value._number, (value,), (1.0,), op)
    node._label = value._label
    return node
