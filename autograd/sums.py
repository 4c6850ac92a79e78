"""Sums of the many adjoints that may meet at one node, without loss of digits."""

from __future__ import annotations

import functools
import math
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple, TypeVar

from autograd.choices import leaves_out

__all__ = ["MANY", "Parts", "contribution", "parts", "propagated_in_parts", "shares", "total"]

NodeT = TypeVar("NodeT", bound=Any)

# Adding thousands of adjoints in order would lose digits. So they are added in parts of about a
# thousand, and the parts by `fsum`. A sample of the links tells which nodes these are, and when a
# part is full, at a cost that is negligible. The sample's stride is irrational, so that a pattern
# that repeats in a graph is sampled as often as it occurs.

MANY = 2048
"""The number of nodes in a graph, or of parents of a node, above which such sums are looked for."""
_STRIDE = 100.0 * (math.sqrt(5.0) + math.sqrt(0.1))  # about 255
_FULL = 4  # sampled links that fill a part


class Parts(NamedTuple):
    """How the sums of adjoints at some nodes are split into parts.

    Attributes:
        full: For a position in an order of nodes, the nodes for which a part of the sum is full
            once the node at that position has passed its contributions on.
        places: These positions, and those of the summing nodes themselves, in descending order.
    """

    full: dict[int, list[Any]]
    places: list[int]


def parts(order: Sequence[Any]) -> Parts | None:
    """Find the nodes at which thousands of adjoints meet, and plan how these are added.

    Args:
        order: Interior nodes, parents before children.

    Returns:
        The plan; None where no such node is found.

    Example:
        >>> from autograd import Value, sum
        >>> from autograd.graph import interior
        >>> x = Value(1.0)
        >>> parts(interior(x * x + x)) is None
        True
        >>> plan = parts(interior(sum([0.1 * x for _ in range(10_000)])))
        >>> {node is x for nodes in plan.full.values() for node in nodes}
        {True}
    """
    if len(order) <= MANY:
        return None
    places = _sample(len(order))
    sample = [order[place].parents[:MANY] for place in places]
    hits = dict.fromkeys(_often(chain.from_iterable(sample)), 0)
    if not hits:
        return None
    full: dict[int, list[Any]] = {}
    for place, parents in zip(reversed(places), reversed(sample), strict=True):
        for parent in parents:
            if parent in hits:
                hits[parent] += 1
                if not hits[parent] % _FULL:
                    full.setdefault(place, []).append(parent)
    inner = {hub for hub in hits if hub.parents}
    own = [place for place, node in enumerate(order) if node in inner] if inner else ()
    return Parts(full, sorted({*full, *own}, reverse=True))


def shares(node: NodeT, adjoint: float) -> dict[NodeT, float] | None:
    """Add up a node's contributions to each parent, if that takes more than products in order.

    It does if one parent occurs many times, or if an infinite adjoint may meet the 0 of a branch
    that is not taken.

    Args:
        node: The node.
        adjoint: Its adjoint.

    Returns:
        Its contribution to each of its parents, without those of branches not taken; None if the
        products in order will do.

    Example:
        >>> from autograd import Value, dot
        >>> x = Value(1.0)
        >>> shares(dot([0.1] * 10_000, [x] * 10_000), 1.0)[x]
        1000.0
        >>> shares(x * x, 1.0) is None
        True
    """
    parents = node.parents
    if not math.isfinite(adjoint):
        return _without_branches(node, adjoint)
    if len(parents) <= MANY or not _often([parents[place] for place in _sample(len(parents))]):
        return None
    found: dict[NodeT, list[float]] = {}
    for parent, derivative in zip(parents, node.local_derivatives, strict=True):
        found.setdefault(parent, []).append(adjoint * derivative)
    return {parent: total(terms) for parent, terms in found.items()}


def contribution(node: NodeT, place: int, adjoint: float) -> float:
    """Return what a node contributes to the adjoint of one of its parents.

    Args:
        node: The node.
        place: The place of the parent.
        adjoint: The node's adjoint.

    Returns:
        The product with the local derivative; 0 if the adjoint is infinite or nan and the parent is
        a branch that is not taken.

    Example:
        >>> from autograd import Value, relu
        >>> contribution(relu(Value(-1.0)), 0, math.inf), contribution(relu(Value(2.0)), 0, 3.0)
        (0.0, 3.0)
    """
    derivative: float = node.local_derivatives[place]
    if not derivative and not math.isfinite(adjoint) and leaves_out(node, place, adjoint):
        return 0.0
    return adjoint * derivative


def _without_branches(node: NodeT, adjoint: float) -> dict[NodeT, float]:
    """Add up a node's contributions, if its adjoint is infinite or nan."""
    found: dict[NodeT, float] = {}
    for place, parent in enumerate(node.parents):
        found[parent] = found.get(parent, 0.0) + contribution(node, place, adjoint)
    return found


def _sample(count: int) -> list[int]:
    return [int(_STRIDE * i) for i in range(int(count / _STRIDE))]


def _often(links: Iterable[Any]) -> set[Any]:
    return {node for node, count in Counter(links).items() if count >= _FULL}


def total(terms: Iterable[float]) -> float:
    """Add with a single rounding; if a term is infinite or nan, add as `+` does.

    Example:
        >>> total([0.1] * 10), total([math.inf, -math.inf])
        (1.0, nan)
    """
    numbers = [*terms]
    try:
        return math.fsum(numbers)
    except (OverflowError, ValueError):
        return functools.reduce(operator.add, numbers, 0.0)


def propagated_in_parts(
    order: Sequence[NodeT],
    plan: Parts,
    propagate: Callable[[Iterator[NodeT]], None],
    get: Callable[[NodeT], Any],
    put: Callable[[NodeT, float], None],
) -> None:
    """Propagate adjoints through an order of nodes, adding in parts where many meet.

    Args:
        order: Interior nodes, parents before children; only the root has an adjoint yet.
        plan: The plan that `parts` has made for them.
        propagate: Propagates through some nodes, children before parents.
        get: Returns the adjoint of a node so far; None if it is not wanted.
        put: Sets the adjoint of a node.
    """
    sums: dict[NodeT, list[Any]] = {}
    backwards, end = reversed(order), len(order)
    for place in plan.places:
        propagate(islice(backwards, end - place - 1))
        end, node = place, next(backwards)
        if node in sums:
            put(node, total([*sums.pop(node), get(node)]))
        propagate(iter([node]))
        for hub in plan.full.get(place, ()):
            if type(adjoint := get(hub)) is float:
                sums.setdefault(hub, []).append(adjoint)
                put(hub, 0.0)
    propagate(backwards)
    for hub, terms in sums.items():
        put(hub, total([*terms, get(hub)]))
