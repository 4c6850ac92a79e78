"""Copying and pickling a graph of any depth, with its sharing, and without recursion."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import cache
from typing import Any, SupportsIndex, TypeVar

from autograd import grad_mode
from autograd.graph import interior, topological_order
from autograd.tracing import known, made

__all__ = ["Copyable", "NodesKept"]

NodeT = TypeVar("NodeT", bound="Copyable")


class NodesKept(dict[int, Any]):
    """A memo for `copy.deepcopy` that keeps nodes as they are, unless it replaces them."""


class Copyable:
    """A node that `copy`, `copy.deepcopy` and `pickle` process together with its graph.

    A subclass has slots, `parents` among them, and no other attributes.
    """

    __slots__ = ()

    _number: float
    parents: tuple[Any, ...]
    local_derivatives: tuple[float, ...]
    op: str

    def __copy__(self: NodeT) -> NodeT:
        known(self)  # while a function is traced, a copy would freeze the current number
        copied: NodeT = _restore(type(self), self.parents, self._state())
        return copied

    def __deepcopy__(self: NodeT, memo: dict[int, Any]) -> NodeT:
        if isinstance(memo, NodesKept):
            return self
        known(self)
        for node in topological_order(self):
            if id(node) not in memo:
                parents = tuple([memo[id(parent)] for parent in node.parents])
                memo[id(node)] = _restore(type(node), parents, node._state())
        copied: NodeT = memo[id(self)]
        return copied

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        # A pickler recurses into what it is given. It is given the ancestors first, in topological
        # order: each finds its parents pickled already, so the recursion goes no deeper. The
        # nodes that are being pickled as ancestors are remembered, for this thread, until the end
        # of the list is reached or the pickler fails.
        known(self)
        arguments = (type(self), self.parents, self._state())
        if not self.parents or self in _pickling.ancestors:
            return _restore, arguments
        return _restore_root, (_Ancestors(self), _AncestorsEnd(), *arguments)

    def _state(self) -> tuple[Any, ...]:
        cls: Any = type(self)
        state = [getattr(self, slot) for slot in _other_slots(cls)]
        # A gradient that is itself a node becomes its number, because this node may be on its
        # graph.
        return tuple([x._number if isinstance(x, Copyable) else x for x in state])


@cache
def _other_slots(cls: Any) -> list[str]:
    slots = [slot for base in cls.__mro__ for slot in getattr(base, "__slots__", ())]
    return sorted(slot for slot in slots if slot != "parents")


def _restore(cls: Any, parents: tuple[Any, ...], state: tuple[Any, ...]) -> Any:
    node = object.__new__(cls)
    node.parents = parents
    for slot, attribute in zip(_other_slots(cls), state, strict=True):
        setattr(node, slot, attribute)
    if grad_mode.open_blocks:
        made(node)
    return node


def _restore_root(ancestors: list[Any], end: object, *arguments: Any) -> Any:
    return _restore(*arguments)  # by now the ancestors have been restored


class _Ancestors:
    """The ancestors of a root, which pickle sees as a list that comes before the root."""

    def __init__(self, root: Any) -> None:
        self.root = root

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (), None, self._listed()

    def _listed(self) -> Iterator[Any]:
        ancestors = interior(self.root)[:-1]
        _pickling.ancestors = set(ancestors)
        try:
            yield from ancestors
        except GeneratorExit:  # the pickler has failed
            _pickling.ancestors = frozenset()
            raise


class _AncestorsEnd:
    """What a pickler meets after the ancestors; it may take the last ones as one batch."""

    def __reduce__(self) -> tuple[Any, ...]:
        _pickling.ancestors = frozenset()
        return object, ()


class _Pickling(threading.local):
    """The nodes that this thread is pickling as ancestors of a root."""

    ancestors: set[Any] | frozenset[Any] = frozenset()


_pickling = _Pickling()
