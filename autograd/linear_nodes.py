"""Nodes of the one operation that is not in the table: a sum of coefficients times nodes."""

from __future__ import annotations

from autograd.kinds import LINKED_PARAMETER, PARAMETER_KINDS
from autograd.rule import LINEAR
from autograd.special import sum_of_products
from autograd.traced import Traced, node_of, notes_nothing
from autograd.value import Value, new_node

__all__ = ["linear", "linked"]

_ONE = (1.0,)
_PARAMETERS = {*map(id, PARAMETER_KINDS)}


def linear(coefficients: tuple[float, ...], operands: tuple[Value, ...]) -> Value:
    """Record a sum of coefficients times nodes as a node whose parents are the nodes alone.

    A dot product with plain numbers is linear in the nodes; its partial derivatives are those
    numbers, and are constant at every order. This halves the cost of a neuron whose inputs are
    data, compared with a constant node for each number.

    Args:
        coefficients: One float for each operand.
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
    """Make a node that stands for another, but is distinct from it.

    To differentiate with respect to a node that other parts of a graph use as well, differentiate
    with respect to a stand-in for it.

    Args:
        value: The node; the stand-in of a parameter counts as a parameter too.

    Returns:
        A node with the same data and label, whose derivative with respect to the original is 1.

    Example:
        >>> x = Value(2.0, "x")
        >>> linked(x)
        Value(2.0, grad=0.0, op='linear', label='x')
    """
    op = LINKED_PARAMETER if id(value.op) in _PARAMETERS else LINEAR
    if type(value) is Traced and notes_nothing():
        node = node_of(op, (value,))
        node.local_derivatives = _ONE
    else:
        node = new_node(value._number, (value,), _ONE, op)
    node._label = value._label
    return node
