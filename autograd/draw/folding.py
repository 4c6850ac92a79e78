"""Which module a node belongs to, and which nodes are drawn as one.

A module is known by its dotted name, which the labels carry: `layers.0.neurons.3.weights.1` is a
parameter of `layers.0.neurons.3`, and `layers.0.neurons.3.out` its output. Nodes without a label
belong to the module whose parameters they take, or inside which they lie.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from autograd.graph import Node

__all__ = ["alike", "ancestors_of", "folded", "module_of", "modules"]

DEEPEST = 32
"""A label of so many dots or more is no dotted name: frames are not nested as deep as that."""

Parents = Mapping[Any, Sequence[Any]]


def module_of(label: str | None) -> str:
    """Read the name of the module off the label of one of its nodes.

    Args:
        label: A label, or None.

    Returns:
        The dotted name; empty where the label tells of none.

    Example:
        >>> module_of("layers.0.neurons.3.weights.1"), module_of("layers.0.bias"), module_of("w1")
        ('layers.0.neurons.3', 'layers.0', '')
    """
    if not label or not 0 < label.count(".") < DEEPEST:
        return ""
    parts = label.split(".")
    if not all(part.isidentifier() or part.isdecimal() for part in parts):
        return ""
    while parts and parts[-1].isdecimal():
        parts.pop()
    return ".".join(parts[:-1]) if parts and not parts[0].isdecimal() else ""


def ancestors_of(module: str) -> list[str]:
    """List the modules that a module lies in, outermost first, and the module itself.

    Example:
        >>> ancestors_of("layers.0.neurons.3")
        ['layers.0', 'layers.0.neurons.3']
    """
    parts = module.split(".") if module else []
    ends = [i for i in range(1, len(parts) + 1) if i == len(parts) or not parts[i].isdecimal()]
    return [".".join(parts[:end]) for end in ends]


def modules(order: Sequence[Any], parents: Parents) -> dict[Any, str]:
    """Find the module of each node.

    Args:
        order: The nodes, parents first.
        parents: The parents of each.

    Returns:
        A dotted name for each node; empty for those outside any module.
    """
    found = {node: module_of(node.label) for node in order}
    if not any(found.values()):
        return found
    touched: dict[Any, str] = {}  # the module that an unlabelled node would be inside of
    for node in order:
        if parents[node] and node.label is None:
            owners = {found[p] for p in parents[node] if not parents[p] and found[p]}
            if owners:
                found[node] = _innermost(owners)
            else:
                inside = {found[p] or touched.get(p, "") for p in parents[node] if parents[p]}
                touched[node] = inside.pop() if len(inside) == 1 else ""
    children: dict[Any, set[str]] = {}
    for node in reversed(order):
        # Between two nodes of a module, or a constant of its own: all that use it belong to it.
        users = children.get(node, set())
        constant = not parents[node] and getattr(node.op, "name", "") == "CONSTANT"
        if not found[node] and len(users) == 1 and (constant or touched.get(node) in users):
            found[node] = next(iter(users))
        for parent in parents[node]:
            children.setdefault(parent, set()).add(found[node])
    return found


def _innermost(owners: Iterable[str]) -> str:
    """Choose the module of a node that takes parameters of several: the innermost, or one around.

    A neuron's net input takes its own weights and perhaps its layer's bias: it is the neuron's.
    """
    deepest = max(sorted(owners), key=len)
    around = ancestors_of(deepest)
    while around and not all(
        owner in around or around[-1] in ancestors_of(owner) for owner in owners
    ):
        around.pop()
    return around[-1] if around else ""


def folded(module: str, depth: int) -> str | None:
    """Name the module, at a depth, that a module is drawn as part of.

    Args:
        module: A dotted name; empty for what lies outside any module.
        depth: 0 for the whole model, 1 for its parts, 2 for theirs, …

    Returns:
        The name, empty for the whole model; None where nothing is to be folded.

    Example:
        >>> folded("layers.0.neurons.3", 1), folded("layers.0", 2)
        ('layers.0', None)
    """
    around = ["", *ancestors_of(module)] if module else []
    return around[depth] if depth < len(around) else None


def alike(
    order: Sequence[Any], parents: Parents, keys: Mapping[Any, Hashable], *, by_operation: bool
) -> dict[Any, Hashable]:
    """Find which of the nodes outside the folded modules are copies of one another.

    Two are, where they are the same operation on operands that are alike; by operation, where they
    are the same operation at all.

    Args:
        order: The nodes, parents first.
        parents: The parents of each.
        keys: What tells the other nodes apart.
        by_operation: Whether the operation alone counts.

    Returns:
        For every node a key, the same for nodes that are alike.
    """
    found: dict[Any, Hashable] = {}
    numbers: dict[Hashable, int] = {}
    for node in order:
        key: Hashable
        if node in keys:
            found[node] = keys[node]
            continue
        if not parents[node]:
            key = ("leaf", getattr(node.op, "name", ""), (node.label or "").rstrip("0123456789"))
        elif by_operation:
            key = ("operation", node.op)
        else:
            operands = tuple(dict.fromkeys(found[parent] for parent in parents[node]))
            key = ("operation", node.op, node.label, operands)
        # A number for a key, or keys would hold keys that hold keys, to the depth of the graph.
        found[node] = ("alike", numbers.setdefault(key, len(numbers)))
    return found


def leaf_kind(node: Node) -> str:
    """Name the kind of a leaf: input, constant, parameter or frozen."""
    return getattr(node.op, "name", "input").lower()
