"""Which module a node belongs to, and which nodes are drawn as one.

Labels tell of modules (`autograd.scopes`); nodes without one belong to the module whose parameters
they take, or inside which they lie.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any

from autograd.scopes import ancestors_of, leaf_kind, module_of

__all__ = ["alike", "modules"]

Parents = Mapping[Any, Sequence[Any]]


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
        key: Hashable = (getattr(node.op, "rule", node.op) or leaf_kind(node), places[node])
        if not by_operation:
            operands = tuple(dict.fromkeys(found[parent] for parent in parents[node]))
            key = (key, (node.label or "").rstrip("0123456789"), operands)
        # A number for a key, or keys would hold keys that hold keys, to the depth of the graph.
        found[node] = ("alike", numbers.setdefault(key, len(numbers)))
    return found
