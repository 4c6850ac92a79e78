"""The kinds of leaves: constants, parameters, buffers, told apart by the identity of their `op`."""

from __future__ import annotations

__all__ = [
    "BUFFER", "CONSTANT", "FROZEN", "LINKED_PARAMETER", "PARAMETER", "PARAMETER_KINDS",
    "UNRECORDED", "Kind",
]  # fmt: skip


class Kind(str):
    """The `op` of a node, compared by identity: equal ones may differ.

    The `op` of a leaf is empty, and `leaf.op is CONSTANT` tells which kind of leaf it is. A
    subclass of Value would tell it too, but it would slow the interpreter down where nodes of two
    classes meet in one loop.
    """

    name: str

    def __new__(cls, name: str, op: str = "") -> Kind:  # noqa: D102
        kind = super().__new__(cls, op)
        kind.name = name
        return kind

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> str:
        return self.name


CONSTANT = Kind("CONSTANT")
"""A plain number that took part in an operation."""
PARAMETER = Kind("PARAMETER")
"""A parameter of a model, to be changed by training."""
FROZEN = Kind("FROZEN")
"""A parameter of a model that training leaves as it is."""
BUFFER = Kind("BUFFER")
"""A number in a model's state that is not a parameter, such as a running average."""
UNRECORDED = Kind("UNRECORDED")
"""The result of an operation that is not recorded."""
LINKED_PARAMETER = Kind("LINKED_PARAMETER", "linear")
"""A node that stands for a parameter of a model that is being differentiated: see `linked`."""
PARAMETER_KINDS = (PARAMETER, FROZEN, LINKED_PARAMETER)
"""The kinds that are, or stand for, parameters."""
