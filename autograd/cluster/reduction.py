"""Sums over chunks in a tree of a fixed shape: the same bits, in whatever order chunks are done.

Chunk k is the leaf k of a binary tree. A node is the sum of its two children, the left one first;
a node without a right child is its left child. So the shape depends on the number of chunks alone,
and the error of a sum grows with the logarithm of that number.
"""

from __future__ import annotations

import math
import threading
from typing import Any, TypeAlias

import numpy

__all__ = ["Node", "Reduction", "Terms", "expansion", "total"]

Node: TypeAlias = tuple[int, int]
"""A node of the tree: its height above the leaves, and its position at this height."""
Terms: TypeAlias = Any
"""A sum for each output: an array of them; or, for exact sums, a list with the terms of each."""


class Reduction:
    """A sum over chunks that are done in any order; threads may share it.

    What cannot be added up yet is kept: a few numbers for each level of the tree if the chunks are
    done roughly in order.

    Args:
        leaves: The number of chunks.

    Example:
        >>> reduction = Reduction(3)
        >>> for leaf in (2, 0, 1):
        ...     reduction.add((0, leaf), numpy.array([10.0**leaf]))
        >>> reduction.nodes
        {(2, 0): array([111.])}
    """

    def __init__(self, leaves: int) -> None:
        self.leaves = leaves
        self.nodes: dict[Node, Terms] = {}
        self._lock = threading.Lock()

    def add(self, node: Node, terms: Terms) -> None:
        """Put in the sum of a node, and form those that this completes.

        Args:
            node: The node.
            terms: Its sum.
        """
        with self._lock:
            level, index = node
            while self._count(level) > 1:
                sibling = self.nodes.pop((level, index ^ 1), None)
                if sibling is not None:
                    first, second = (terms, sibling) if index % 2 == 0 else (sibling, terms)
                    terms = _added(first, second)
                elif index ^ 1 < self._count(level):
                    break
                level, index = level + 1, index // 2
            self.nodes[level, index] = terms

    def _count(self, level: int) -> int:
        """Return how many nodes there are at a height."""
        return -(-self.leaves >> level) if level else self.leaves

    @property
    def root(self) -> Terms:
        """The sum over all chunks.

        Raises:
            ValueError: Some are missing.
        """
        level = max(self.leaves - 1, 0).bit_length()
        if list(self.nodes) != [(level, 0)]:
            raise ValueError(f"the sum over {self.leaves:,} chunks is not complete")
        return self.nodes[level, 0]


def _added(first: Terms, second: Terms) -> Terms:
    if isinstance(first, list):
        return [_shortened([*ours, *theirs]) for ours, theirs in zip(first, second, strict=True)]
    with numpy.errstate(all="ignore"):
        return first + second


# --- exact sums ----------------------------------------------------------------------------------


def expansion(numbers: list[float]) -> list[float]:
    """Write a sum exactly, as a few terms: the sum rounded, what is left of it rounded, and so on.

    Where there is no finite sum, there is one term, which is infinite or nan.

    Args:
        numbers: What is added up.

    Example:
        >>> expansion([1e30, 1.0, -1e30, 2.0**-60])
        [1.0, 8.673617379884035e-19]
    """
    plain = math.nan
    try:
        plain = sum(numbers)
        terms: list[float] = []
        while rest := math.fsum([*numbers, *(-term for term in terms)]):
            if not math.isfinite(rest):
                return [plain]
            terms.append(rest)
    except (OverflowError, ValueError):  # of an infinity and its opposite
        return [plain]
    return terms or [math.fsum(numbers)]


def _shortened(terms: list[float]) -> list[float]:
    return terms if len(terms) <= 8 and all(map(math.isfinite, terms)) else expansion(terms)


def total(terms: Terms) -> Any:
    """Return the sums as an array; exact ones are rounded once.

    Args:
        terms: The sum over all chunks.
    """
    if not isinstance(terms, list):
        return terms
    return numpy.array([expansion(each)[0] for each in terms])
