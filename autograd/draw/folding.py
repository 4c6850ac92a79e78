"""Which module a node belongs to, and which nodes are drawn as one.

A module is known by its dotted name, which the labels carry: `layers.0.neurons.3.weights.1` is a
parameter of `layers.0.neurons.3`, and `layers.0.neurons.3.out` its output. Nodes without a label
belong to the module whose parameters they take, or inside which they lie.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any

from autograd.graph import Node

__all__ = ["alike", "ancestors_of", "folded", "module_of", "modules"]

DEEPEST = 32
"""A label of so many dots or more is no dotted name: frames are not nested as deep as that."""

Parents = Mapping[Any, Sequence[Any]]


def module_of(label: str | None) -> str | None:
    """Read the name of the module off the label of one of its nodes.

    Args:
        label: A label, or None.

    Returns:
        The dotted name, empty for the model itself; None where the label tells of no module.

    Example:
        >>> module_of("layers.0.neurons.3.weights.1"), module_of("weights.1"), module_of("w1")
        ('layers.0.neurons.3', '', None)
    """
    if not label or not 0 < label.count(".") < DEEPEST:
        return None
    parts = label.split(".")
    if parts[0].isdecimal() or not all(part.isidentifier() or part.isdecimal() for part in parts):
        return None
    while parts[-1].isdecimal():
        parts.pop()
    return ".".join(parts[:-1])


def ancestors_of(module: str) -> list[str]:
    """List the modules that a module lies in, outermost first, and the module itself.

    Example:
        >>> ancestors_of("layers.0.neurons.3")
        ['layers.0', 'layers.0.neurons.3']
    """
    parts = module.split(".") if module else []
    ends = [i for i in range(1, len(parts) + 1) if i == len(parts) or not parts[i].isdecimal()]
    return [".".join(parts[:end]) for end in ends]


def modules(order: Sequence[Any], parents: Parents) -> dict[Any, str | None]:
    """Find the module of each node.

    Args:
        order: The nodes, parents first.
        parents: The parents of each.

    Returns:
        A dotted name for each node, empty for the model itself; None for those outside any module.
    """
    found = {node: module_of(node.label) for node in order}
    for node in order:
        if not parents[node] and leaf_kind(node) in {"parameter", "frozen"}:
            found[node] = found[node] or ""
    if all(module is None for module in found.values()):
        return found
    touched: dict[Any, str | None] = {}  # the module that a node is in, or comes after
    for node in order:
        module = found[node]
        if module is None and parents[node]:
            owners = {found[parent] for parent in parents[node] if not parents[parent]} - {None}
            module = _innermost(owners) if owners else None  # type: ignore[arg-type]
        found[node] = touched[node] = module
        if module is None and parents[node]:
            before = {touched[parent] for parent in parents[node] if parents[parent]}
            touched[node] = before.pop() if len(before) == 1 else None
    users: dict[Any, set[str | None]] = {}
    for node in reversed(order):
        if found[node] is None and len(users.get(node, ())) == 1:
            # Between two nodes of a module, or a constant that only they use: it is the module's.
            (user,) = users[node]
            if touched[node] == user or (not parents[node] and leaf_kind(node) == "constant"):
                found[node] = user
        for parent in parents[node]:
            if found[parent] is None:
                users.setdefault(parent, set()).add(found[node])
    return found


def _innermost(owners: Collection[str]) -> str:
    """Choose the module of a node that takes parameters of several: the innermost, or one around.

    A neuron's net input takes its own weights and perhaps its layer's bias: it is the neuron's.
    """
    around = ["", *ancestors_of(max(sorted(owners), key=len))]
    while not all(owner in around or around[-1] in ancestors_of(owner) for owner in owners):
        around.pop()
        if around == [""]:
            break
    return around[-1]


def folded(module: str | None, depth: int) -> str | None:
    """Name the module, at a depth, that a module is drawn as part of.

    Args:
        module: A dotted name; empty for the model itself, None outside any module.
        depth: 0 for the whole model, 1 for its parts, 2 for theirs, …

    Returns:
        The name, empty for the whole model; None where nothing is to be folded.

    Example:
        >>> folded("layers.0.neurons.3", 1), folded("layers.0", 2)
        ('layers.0', None)
    """
    around = [] if module is None else ["", *ancestors_of(module)]
    return around[depth] if depth < len(around) else None


def alike(
    order: Sequence[Any],
    parents: Parents,
    keys: Mapping[Any, Hashable],
    places: Mapping[Any, str | None],
    *,
    by_operation: bool,
) -> dict[Any, Hashable]:
    """Find which of the nodes that are not folded with a module are copies of one another.

    Two are, where they are the same operation, in the same module or in none, on operands that are
    alike; by operation, where they are the same operation, or kind of leaf, in the same module.

    Args:
        order: The nodes, parents first.
        parents: The parents of each.
        keys: What tells the other nodes apart.
        places: The module of each node.
        by_operation: Whether the operation alone counts.

    Returns:
        For every node a key, the same for nodes that are alike.
    """
    found: dict[Any, Hashable] = {}
    numbers: dict[Hashable, int] = {}
    for node in order:
        if node in keys:
            found[node] = keys[node]
            continue
        key: Hashable = (node.op or leaf_kind(node), places[node])
        if not by_operation:
            operands = tuple(dict.fromkeys(found[parent] for parent in parents[node]))
            key = (key, (node.label or "").rstrip("0123456789"), operands)
        # A number for a key, or keys would hold keys that hold keys, to the depth of the graph.
        found[node] = ("alike", numbers.setdefault(key, len(numbers)))
    return found


def leaf_kind(node: Node) -> str:
    """Name the kind of a leaf: input, constant, parameter or frozen."""
    return getattr(node.op, "name", "input").lower()
