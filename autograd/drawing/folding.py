"""Which module a node belongs to, and which nodes are drawn as one.

Labels name modules (`autograd.scopes`); a node without a label belongs to the module whose
parameters it takes, or inside which it lies.
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
        parents: The parents of each node.

    Returns:
        A dotted name for each node, empty for the model itself; None for nodes outside any module.
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
            # Between two nodes of a module, or a constant that only they use: the module's own.
            (user,) = users[node]
            if touched[node] == user or (not parents[node] and leaf_kind(node) == "constant"):
                found[node] = user
        for parent in parents[node]:
            if found[parent] is None:
                users.setdefault(parent, set()).add(found[node])
    return found


def _innermost(owners: Collection[str]) -> str:
    """Choose a module for a node with parameters of several: the innermost, or one around all.

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
    """Find which of the nodes outside folded modules are equivalent to one another.

    Two are equivalent if they are the same operation, in the same module or in none, on equivalent
    operands; with `by_operation`, if they are the same operation or kind of leaf in the same
    module.

    Args:
        order: The nodes, parents first.
        parents: The parents of each node.
        keys: The keys of the nodes in folded modules.
        places: The module of each node.
        by_operation: Whether only the operation counts, not the operands.

    Returns:
        A key for every node, the same for equivalent nodes.
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
        # Keys are numbered, as otherwise they would be nested as deeply as the graph.
        found[node] = ("alike", numbers.setdefault(key, len(numbers)))
    return found
