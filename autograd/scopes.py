"""What labels tell about modules, and the ops of leaves.

A module is identified by its dotted name, which the labels of its nodes contain:
`layers.0.neurons.3.weights.1` is a parameter of `layers.0.neurons.3`, and `layers.0.neurons.3.out`
its output. Drawings and tables use these functions to tell modules apart.
"""

from __future__ import annotations

from autograd.graph import Node

__all__ = ["DEEPEST", "LONGEST_NAME", "ancestors_of", "folded", "leaf_kind", "module_of"]

DEEPEST = 32
"""A label with this many dots or more is not a dotted name: frames are not nested that deeply."""
LONGEST_NAME = 1_000
"""A longer label is not a dotted name: Graphviz could not use it as the name of a frame."""


def module_of(label: str | None) -> str | None:
    """Read the name of a node's module off the node's label.

    Args:
        label: A label, or None.

    Returns:
        The dotted name, empty for the model itself; None if the label does not name a module.

    Example:
        >>> module_of("layers.0.neurons.3.weights.1"), module_of("weights.1"), module_of("w1")
        ('layers.0.neurons.3', '', None)
    """
    if not label or len(label) > LONGEST_NAME or not 0 < label.count(".") < DEEPEST:
        return None
    parts = label.split(".")
    if parts[0].isdecimal() or not all(part.isidentifier() or part.isdecimal() for part in parts):
        return None
    while parts[-1].isdecimal():
        parts.pop()
    return ".".join(parts[:-1])


def ancestors_of(module: str) -> list[str]:
    """List the modules that contain a module, outermost first, and the module itself.

    Example:
        >>> ancestors_of("layers.0.neurons.3")
        ['layers.0', 'layers.0.neurons.3']
    """
    parts = module.split(".") if module else []
    ends = [i for i in range(1, len(parts) + 1) if i == len(parts) or not parts[i].isdecimal()]
    return [".".join(parts[:end]) for end in ends]


def folded(module: str | None, depth: int) -> str | None:
    """Name the enclosing module, at a given depth, that a module is drawn as part of.

    Args:
        module: A dotted name; empty for the model itself, None outside any module.
        depth: 0 for the whole model, 1 for its parts, 2 for theirs, …

    Returns:
        The name, empty for the whole model; None if nothing is to be folded.

    Example:
        >>> folded("layers.0.neurons.3", 1), folded("layers.0", 2)
        ('layers.0', None)
    """
    around = [] if module is None else ["", *ancestors_of(module)]
    return around[depth] if depth < len(around) else None


def leaf_kind(node: Node) -> str:
    """Name the kind of a leaf: input, constant, parameter or frozen."""
    name = getattr(node.op, "name", "input").lower()
    return _LIKE.get(name, name)


_LIKE = {"buffer": "constant", "unrecorded": "input"}
