"""Nodes of many parents, written out in elementary operations of one or two operands."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from contextvars import Context
from functools import reduce
from operator import add, is_

from autograd.formatting import gradient
from autograd.graph import adjoints, topological_order
from autograd.rule import LINEAR, VALUES, rule_of
from autograd.tracing import is_traced
from autograd.value import Value, as_value, new_node

__all__ = ["expanded"]


def expanded(roots: Sequence[Value], operations: bool | Collection[str]) -> dict[Value, Value]:
    """Write out the nodes with many parents, in a new graph beside the given one.

    Args:
        roots: The outputs of the graph, which is not changed.
        operations: Which nodes to write out, by the names of their operations; True for all.

    Returns:
        For every node of the graph its counterpart, with the same data, gradient and label; for a
        leaf, the leaf itself. A node whose elementary operations would give other numbers, because
        they overflow or share ties differently, is not expanded.

    Example:
        >>> from autograd import net
        >>> w, x, b = Value(0.5, "w"), Value(2.0, "x"), Value(1.0, "b")
        >>> y = net([w], [x], b)
        >>> [node.op for node in topological_order(expanded([y], True)[y]) if node.op]
        ['*', '+']
    """
    # In a context of its own, so that a `no_grad` block around the drawing does not affect it.
    return Context().run(_expanded, roots, operations)


def _expanded(roots: Sequence[Value], operations: bool | Collection[str]) -> dict[Value, Value]:
    counterparts: dict[Value, Value] = {}
    for node in topological_order(*roots):
        parents = tuple([counterparts[parent] for parent in node.parents])
        whole = operations is not True and (not operations or node.op not in operations)
        counterpart = None if whole or not parents else _written_out(node, parents)
        if counterpart is None:
            if all(map(is_, parents, node.parents)):
                counterpart = node
            else:
                counterpart = new_node(node.data, parents, node.local_derivatives, node.op)
        if counterpart is not node:
            counterpart._number, counterpart._grad = node._number, gradient(node)
            counterpart.label = node.label
        counterparts[node] = counterpart
    return counterparts


def _written_out(node: Value, parents: Sequence[Value]) -> Value | None:
    """Write out one node as a function of the given parents, and set the gradients within."""
    # On stand-ins for the parents, so that this part's backward pass ends at them.
    stand_ins = {parent: Value(0.0) for parent in parents}
    for parent, stand_in in stand_ins.items():
        stand_in._number = parent._number  # or unknown, in the graph of a program
    operands = [stand_ins[parent] for parent in parents]
    try:
        if node.op == LINEAR:
            terms = zip(node.local_derivatives, operands, strict=True)
            output = reduce(add, [x if c == 1.0 else as_value(c) * x for c, x in terms])
        elif (rule := rule_of(node.op)) and rule.expanded:
            output = rule.expanded(VALUES, *operands)
        else:
            return None
    except (ArithmeticError, ValueError):
        return None
    if not output.parents:  # one operand alone
        return None
    if is_traced(node):
        gradients: dict[Value, float] = dict.fromkeys(topological_order(output), 0.0)
    elif not _agrees(node, output, operands, gradients := adjoints(output)):
        return None
    originals = {stand_in: parent for parent, stand_in in stand_ins.items()}
    adjoint = gradient(node)
    for inner, derivative in gradients.items():
        inner.grad = adjoint * derivative if adjoint else 0.0
        inner.parents = tuple([originals.get(parent, parent) for parent in inner.parents])
    return output


def _agrees(
    node: Value, output: Value, operands: Sequence[Value], gradients: Mapping[Value, float]
) -> bool:
    """Tell whether the expansion has the same numbers as the node it stands for.

    Elementary operations overflow where the node does not, and share ties differently.
    """
    if math.isfinite(node.data) and not all(math.isfinite(inner.data) for inner in gradients):
        return False
    expected = dict.fromkeys(operands, 0.0)
    for operand, derivative in zip(operands, node.local_derivatives, strict=True):
        expected[operand] += derivative
    largest = max(map(abs, node.local_derivatives))
    products = (d * x.data for d, x in zip(node.local_derivatives, operands, strict=True))
    return _close(output.data, node.data, sum(map(abs, products))) and all(
        _close(gradients.get(operand, 0.0), derivative, largest)
        for operand, derivative in expected.items()
    )


def _close(a: float, b: float, scale: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9 * scale) or (a != a and b != b)
