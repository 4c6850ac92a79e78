"""The one walk of the graph, and what is computed from it.

Nothing here knows what a node computes: a node is anything that has `parents` (a tuple of nodes,
empty for a leaf), `local_derivatives` (one for each parent), and an `op`. Nothing here recurses, so
a chain of a million nodes is walked like any other graph.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Protocol, TypeVar

from autograd.choices import PLAIN
from autograd.sums import MANY, parts, propagated_in_parts, shares

__all__ = [
    "adjoints", "dependents", "depth", "interior", "leaves", "operation_counts",
    "topological_order",
]  # fmt: skip


class Node(Protocol):
    """What a walk needs to know about a node."""

    parents: tuple[Any, ...]
    local_derivatives: tuple[float, ...]
    op: str


NodeT = TypeVar("NodeT", bound=Node)


def interior(*roots: NodeT, stop: Iterable[NodeT] = ()) -> list[NodeT]:
    """List the interior nodes that the roots depend on, themselves included, parents first.

    The one walk of the graph: a depth-first search in postorder with a stack of its own (R. E.
    Tarjan, *Edge-disjoint spanning trees and depth-first search*, Acta Informatica 6, 1976), in
    time and memory linear in the number of links. The order depends on the shape of the graph
    alone, so sums of floats taken along it come out the same in every run.

    Args:
        *roots: The nodes to start from; they may repeat, or depend on one another.
        stop: Nodes to leave out, together with what only they depend on.

    Returns:
        Each node that has parents, once.

    Example:
        >>> from autograd import Value
        >>> a = Value(2.0)
        >>> [node.op for node in interior(a * a + a)]
        ['*', '+']
    """
    if roots and type(roots[0]).__hash__ is not object.__hash__:
        return _interior_by_identity(roots, stop)
    order: list[NodeT] = []
    seen: set[NodeT] = set(stop)
    # Whatever lies below a None in the stack has had its ancestors listed once the None is popped.
    stack: list[NodeT | None] = [*reversed(roots)]
    push, pop, visit, emit = stack.append, stack.pop, seen.add, order.append
    while stack:
        node = pop()
        if node is None:
            emit(pop())  # type: ignore[arg-type]
        elif node not in seen and node.parents:
            while True:  # follow the last parents down, which need not be pushed
                visit(node)
                last: NodeT | None = None
                for parent in node.parents:
                    if parent.parents and parent not in seen:
                        if last is None:
                            push(node)
                            push(None)
                        else:
                            push(last)
                        last = parent
                if last is None:
                    emit(node)
                    break
                node = last
    return order


def _interior_by_identity(roots: Sequence[NodeT], stop: Iterable[NodeT]) -> list[NodeT]:
    """Like `interior`, for nodes whose hash is a Python function, such as traced ones.

    (It is written out: asking a function for the key of each node would take a third of the time
    of `backward()`.)
    """
    order: list[NodeT] = []
    seen = set(map(id, stop))
    stack: list[NodeT | None] = [root for root in reversed(roots) if root.parents]
    push, pop, visit, emit = stack.append, stack.pop, seen.add, order.append
    while stack:
        node = pop()
        if node is None:
            emit(pop())  # type: ignore[arg-type]
        elif id(node) not in seen:
            while True:
                visit(id(node))
                last: NodeT | None = None
                for parent in node.parents:
                    if parent.parents and id(parent) not in seen:
                        if last is None:
                            push(node)
                            push(None)
                        else:
                            push(last)
                        last = parent
                if last is None:
                    emit(node)
                    break
                node = last
    return order


def leaves(*roots: NodeT) -> list[NodeT]:
    """List the nodes without parents that the roots depend on: inputs, parameters, constants.

    Args:
        *roots: The nodes to start from.

    Returns:
        Each leaf once.

    Example:
        >>> from autograd import Value
        >>> a, b = Value(2.0, "a"), Value(3.0, "b")
        >>> [leaf.label for leaf in leaves(a * b + a)]
        ['a', 'b']
    """
    return _leaves(roots, interior(*roots))


def _leaves(roots: tuple[NodeT, ...], inner: list[NodeT]) -> list[NodeT]:
    nodes = chain(roots, chain.from_iterable(node.parents for node in inner))
    return list(dict.fromkeys(node for node in nodes if not node.parents))


def topological_order(*roots: NodeT) -> list[NodeT]:
    """List every node that the roots depend on, themselves included, parents first.

    Args:
        *roots: The nodes to start from.

    Returns:
        Each node once: first the leaves, then the interior nodes.

    Example:
        >>> from autograd import Value
        >>> a = Value(2.0, "a")
        >>> b = a * a
        >>> [node.op or node.label for node in topological_order(b + a)]
        ['a', '*', '+']
    """
    inner = interior(*roots)
    return _leaves(roots, inner) + inner


def depth(root: Node) -> int:
    """Count the links on the longest path from a leaf to the root.

    Args:
        root: The node to start from.

    Returns:
        The number of links; 0 for a leaf.

    Example:
        >>> from autograd import Value
        >>> a = Value(2.0)
        >>> depth(a * a + a)
        2
    """
    depths: dict[Node, int] = {}
    for node in topological_order(root):
        depths[node] = max((depths[parent] + 1 for parent in node.parents), default=0)
    return depths[root]


def operation_counts(*roots: Node) -> Counter[str]:
    """Count the nodes that the roots depend on by their operation, and leaves under `""`.

    Args:
        *roots: The nodes to start from.

    Returns:
        A counter from the name of an operation to the number of its nodes.

    Example:
        >>> from autograd import Value
        >>> a = Value(2.0)
        >>> sorted(operation_counts(a * a + a).items())
        [('', 1), ('*', 1), ('+', 1)]
    """
    return Counter(node.op for node in topological_order(*roots))


def dependents(order: Iterable[NodeT], variables: Iterable[NodeT]) -> set[NodeT]:
    """Find the nodes that depend on any of some variables.

    Args:
        order: Interior nodes, parents before children.
        variables: The nodes to start from.

    Returns:
        The variables, and those nodes that have a variable among their ancestors.

    Example:
        >>> from autograd import Value
        >>> a, b = Value(2.0), Value(3.0)
        >>> y = a * b + b * b
        >>> sorted(node.op for node in dependents(interior(y), [a]))
        ['', '*', '+']
    """
    found = set(variables)
    for node in order:
        if not found.isdisjoint(node.parents):
            found.add(node)
    return found


def adjoints(
    root: NodeT, seed: float = 1.0, *, variables: Sequence[NodeT] | None = None
) -> dict[NodeT, float]:
    """Compute the derivative of the root with respect to each node, without changing the graph.

    The same pass as `Value.backward`, in the same order and to the same bits, for code that only
    reads a graph.

    Args:
        root: The node to differentiate.
        seed: The adjoint to start from.
        variables: The nodes to differentiate with respect to; by default the leaves.

    Returns:
        The adjoint of every node that the root depends on, itself included; if variables are given,
        only of the nodes between them and the root.

    Example:
        >>> from autograd import Value
        >>> a, b = Value(2.0, "a"), Value(-3.0, "b")
        >>> found = adjoints(a * b + a)
        >>> found[a], found[b], a.grad
        (-2.0, 2.0, 0.0)
    """
    order = interior(root, stop=variables or ())
    wanted = _leaves((root,), order) if variables is None else variables
    found = dict.fromkeys([*wanted, *order], 0.0)
    found[root] = seed
    plan = parts(order) if len(order) > MANY else None
    if plan is None:
        _propagate(found, reversed(order))
    else:
        propagate = functools.partial(_propagate, found)
        propagated_in_parts(order, plan, propagate, found.get, found.__setitem__)
    return found


def _propagate(found: dict[NodeT, float], nodes: Iterable[NodeT]) -> None:
    """Have each node pass its contributions on to those parents that are wanted."""
    for node in nodes:
        adjoint = found[node]
        if adjoint:
            derivatives = node.local_derivatives
            # (adjoint - adjoint is 0 unless it is infinite or nan)
            if (
                node.op not in PLAIN
                and (len(derivatives) > MANY or adjoint - adjoint)
                and (grouped := shares(node, adjoint))
            ):
                for parent, share in grouped.items():
                    if parent in found:
                        found[parent] += share
                continue
            i = 0  # counted by hand, as in `Value.backward`
            for parent in node.parents:
                if parent in found:
                    found[parent] += adjoint * derivatives[i]
                i += 1  # noqa: SIM113
