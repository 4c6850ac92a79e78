"""Nested containers, taken apart into leaves and a structure, and put together again.

A tree is a list, tuple or dictionary of trees, or a leaf: anything else. None is a tree without
leaves. (The terms are JAX's.) Nothing here recurses, and nothing depends on what the leaves are.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

__all__ = ["DEEPEST", "TreeDef", "flatten", "map_leaves", "mapping_like", "unflatten"]

DEEPEST = 10_000
"""How deeply trees may be nested: one that contains itself has no end."""


class _Container(NamedTuple):
    """A node of a tree that is not a leaf."""

    kind: type
    keys: tuple[Any, ...] | range
    """The keys of its children: a mapping's keys, otherwise their positions."""


@dataclass(frozen=True)
class TreeDef:
    """The structure of a tree: its containers, and where its leaves are.

    Two are equal if their containers have the same types and keys.

    Attributes:
        count: The number of leaves.
    """

    count: int
    _nodes: tuple[_Container | None, ...]  # in preorder; None for a leaf
    _mappings: tuple[Any, ...]  # mappings of types other than dict, in the order of the nodes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TreeDef) and self._nodes == other._nodes

    def __hash__(self) -> int:
        return hash(self._nodes)

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """Make a tree with this structure.

        Args:
            leaves: Its leaves, in order; surplus ones are not consumed.

        Returns:
            The tree.

        Raises:
            ValueError: There are too few leaves.

        Example:
            >>> _, structure = flatten({"a": [1, (2, None)]})
            >>> structure.unflatten("xy")
            {'a': ['x', ('y', None)]}
        """
        given = list(islice(leaves, self.count))
        if len(given) < self.count:
            raise ValueError(f"unflatten: a tree of {self.count} leaves was given {len(given)}")
        mappings = [*self._mappings]
        trees: list[Any] = []
        for node in reversed(self._nodes):  # so that children come before their container
            if node is None:
                trees.append(given.pop())
                continue
            kind, keys = node
            children = trees[: -len(keys) - 1 : -1] if keys else []
            del trees[len(trees) - len(keys) :]
            trees.append(_container(kind, keys, children, mappings))
        return trees[0]

    def paths(self, root: str = "", step: str = "[{!r}]") -> Iterator[str]:
        """Write the path to each leaf, by default in Python's notation.

        Args:
            root: What the tree is called.
            step: How a key is written, for `str.format`.

        Yields:
            The paths, in the order of the leaves.

        Example:
            >>> structure = flatten({"a": [1, (2, None)]})[1]
            >>> [*structure.paths("x")], [*structure.paths("x", ".{}")]
            (["x['a'][0]", "x['a'][1][0]"], ['x.a.0', 'x.a.1.0'])
        """
        steps: list[str] = [root]  # from the root to the container that is being visited
        waiting: list[Iterator[Any]] = []
        for node in self._nodes:
            if node is None:
                yield "".join(steps)
            else:
                waiting.append(iter(node.keys))
                steps.append("")
            while waiting:
                for key in waiting[-1]:
                    steps[-1] = step.format(key)
                    break
                else:
                    waiting.pop()
                    steps.pop()
                    continue
                break


def flatten(
    tree: Any, path: str = "", is_leaf: Callable[[Any], bool] | None = None
) -> tuple[list[Any], TreeDef]:
    """Take a tree apart.

    Args:
        tree: The tree.
        path: The name of the tree, for the error.
        is_leaf: Tells whether a tree is to be kept whole, as a leaf.

    Returns:
        Its leaves in order, and its structure.

    Raises:
        RecursionError: It is nested too deeply; it may contain itself.

    Example:
        >>> leaves, structure = flatten([1.0, {"a": (2.0, None)}])
        >>> leaves, structure.count
        ([1.0, 2.0], 2)
        >>> structure.unflatten([3.0, 4.0])
        [3.0, {'a': (4.0, None)}]
    """
    leaves: list[Any] = []
    nodes: list[_Container | None] = []
    mappings: list[Any] = []
    waiting: list[Iterator[Any]] = [iter((tree,))]
    leaf_kinds: set[type] = {float}  # those that are known to be no containers
    while waiting:
        for part in waiting[-1]:
            kind = type(part)
            if kind in leaf_kinds or (is_leaf is not None and is_leaf(part)):
                pass
            elif kind is list or kind is tuple or isinstance(part, (list, tuple)):
                nodes.append(_Container(kind, range(len(part))))
                waiting.append(iter(part))
                break
            elif isinstance(part, Mapping):
                nodes.append(_Container(kind, tuple(part)))
                if kind is not dict:
                    mappings.append(part)
                waiting.append(iter([part[key] for key in part]))
                break
            elif part is None:
                nodes.append(_Container(kind, ()))
                continue
            else:
                leaf_kinds.add(kind)
            leaves.append(part)
            nodes.append(None)
        else:
            waiting.pop()
        if len(waiting) > DEEPEST:
            raise RecursionError(
                f"{path or 'a structure'} is nested more than {DEEPEST:,} deep: does something in "
                "it hold itself?"
            )
    return leaves, TreeDef(len(leaves), tuple(nodes), tuple(mappings))


def unflatten(structure: TreeDef, leaves: Iterable[Any]) -> Any:
    """Make a tree with a given structure: see `TreeDef.unflatten`.

    Example:
        >>> unflatten(flatten((1, 2))[1], [3, 4])
        (3, 4)
    """
    return structure.unflatten(leaves)


def map_leaves(
    function: Callable[[Any], Any], tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> Any:
    """Make a tree of the same structure, with each leaf replaced.

    Args:
        function: Gives the new leaf for a leaf.
        tree: The tree.
        is_leaf: As for `flatten`.

    Returns:
        The new tree.

    Raises:
        RecursionError: It is nested too deeply.

    Example:
        >>> map_leaves(abs, {"a": [-1, (2, None)]})
        {'a': [1, (2, None)]}
    """
    leaves, structure = flatten(tree, is_leaf=is_leaf)
    return structure.unflatten(map(function, leaves))


def mapping_like(mapping: Mapping[Any, Any], items: dict[Any, Any]) -> Mapping[Any, Any]:
    """Make a mapping of the same type as another: an OrderedDict, a defaultdict, a custom class.

    Args:
        mapping: The other mapping.
        items: The new contents, under the same keys.

    Returns:
        The mapping; a plain dictionary if one of that type cannot be made from such items.

    Example:
        >>> from collections import OrderedDict
        >>> copied = mapping_like(OrderedDict(a=1.0), {"a": "b"})
        >>> type(copied).__name__, copied["a"]
        ('OrderedDict', 'b')
    """
    with suppress(Exception):  # the class may take other arguments, and raise anything
        if isinstance(mapping, dict):
            made: Any = copy.copy(mapping)  # keeps a default, or whatever else it has
            for key, item in items.items():
                made[key] = item
        else:
            made = type(mapping)(items)  # type: ignore[call-arg]
        if type(made) is type(mapping) and [*made] == [*items]:
            holds = [made[key] is item for key, item in items.items()]
            return made if all(holds) else items
    return items


def _container(kind: type, keys: Iterable[Any], children: list[Any], mappings: list[Any]) -> Any:
    if kind is list:
        return children
    if kind is tuple:
        return tuple(children)
    if kind is type(None):
        return None
    if issubclass(kind, Mapping):
        items = dict(zip(keys, children, strict=True))
        return items if kind is dict else mapping_like(mappings.pop(), items)
    if hasattr(kind, "_fields"):  # a named tuple
        return kind(*children)
    return children if issubclass(kind, list) else tuple(children)
