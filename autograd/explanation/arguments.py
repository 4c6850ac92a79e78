"""The arguments of `explain`, checked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from autograd.errors import shown
from autograd.value import Value

__all__ = ["values", "wrong"]


def values(argument: str, expected: str, given: Any) -> list[Value]:
    """Take several Values, each once, or raise an error that says what is wrong."""
    if isinstance(given, (str, bytes, Value)) or not isinstance(given, Iterable):
        raise wrong(argument, expected, given)
    nodes = []
    for node in given:
        if not isinstance(node, Value):
            raise wrong(argument, expected, node)
        nodes.append(node)
    return list(dict.fromkeys(nodes))


def wrong(argument: str, expected: str, given: object) -> TypeError:
    """Make the error for an argument of the wrong type."""
    return TypeError(
        f"explain: {argument} must be {expected}, got {type(given).__name__}: {shown(given)}"
    )
