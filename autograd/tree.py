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
from typing import Any, TypeAlias

__all__ = [
    "CONTAINERS", "DEEPEST", "Keys", "Opened", "TreeDef", "children", "flatten", "map_leaves",
    "mapping_like", "unflatten",
]  # fmt: skip

DEEPEST = 10_000
"""How deeply trees may be nested: one that contains itself has no end."""


Keys: TypeAlias = "tuple[Any, ...] | range"
"""The keys of a container's children: a mapping's keys, otherwise their positions."""

Opened: TypeAlias = "tuple[type, Keys, Iterable[Any], Any]"
"""The type of a container, its keys, its children in their order, and for mappings of types other
than dict the mapping itself, whose like is to be made again."""


CONTAINERS = (list, tuple, Mapping)
"""The types that `children` opens, besides None, and `_container` makes again."""


def children(part: Any) -> Opened | None:
    """Open a list, tuple, mapping or None.

    Args:
        part: A tree.

    Returns:
        What is in it; None for a leaf.

    Example:
        >>> children({"a": 1.0}), children(1.0)
        ((<class 'dict'>, ('a',), [1.0], None), None)
    """
    kind = type(part)
    if kind is list or kind is tuple or isinstance(part, (list, tuple)):
        return kind, range(len(part)), part, None
    if kind is dict or isinstance(part, Mapping):
        parts = [part[key] for key in part]
        return kind, tuple(part), parts, None if kind is dict else part
    return (kind, (), (), None) if part is None else None


@dataclass(slots=True, eq=False)  # (a frozen one takes three times as long to make)
class TreeDef:
    """The structure of a tree: its containers, and where its leaves are.

    Two are equal if their containers have the same types and keys.

    Attributes:
        count: The number of leaves.
        depth: How many containers lie within each other.
        mappings: Its mappings of types other than dict, in order.
    """

    count: int
    depth: int
    _nodes: tuple[tuple[type, Keys] | None, ...]  # in preorder; None for a leaf
    mappings: tuple[Any, ...]

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
        mappings = [*self.mappings]

        def make(kind: type, keys: Keys, parts: list[Any]) -> Any:
            return _container(kind, keys, parts, mappings)

        return self.fold(leaves, make)

    def fold(self, leaves: Iterable[Any], make: Callable[[type, Keys, list[Any]], Any]) -> Any:
        """Replace each container by something made of its parts, from the leaves up.

        Args:
            leaves: What there is in place of the leaves, in order; surplus ones are not consumed.
            make: Makes what replaces a container, of its type, its keys, and what its children have
                become. Later containers come first.

        Returns:
            What the whole becomes.

        Raises:
            ValueError: There are too few leaves.

        Example:
            >>> flatten([1, (2, 3)])[1].fold([1, 2, 3], lambda kind, keys, parts: sum(parts))
            6
        """
        given = list(islice(leaves, self.count))
        if len(given) < self.count:
            raise ValueError(f"unflatten: a tree of {self.count} leaves was given {len(given)}")
        if self.depth < 2:  # a leaf alone, or leaves in one container: the commonest
            outer = self._nodes[0]
            return given[0] if outer is None else make(*outer, given)
        trees: list[Any] = []
        for node in reversed(self._nodes):  # so that children come before their container
            if node is None:
                trees.append(given.pop())
                continue
            kind, keys = node
            parts = trees[: -len(keys) - 1 : -1] if keys else []
            del trees[len(trees) - len(keys) :]
            trees.append(make(kind, keys, parts))
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
        return map("".join, self._steps([root], step.format))

    def containers(self) -> Iterator[tuple[type, Keys]]:
        """List the type and keys of each container, outer ones first.

        Example:
            >>> [*flatten({"a": [1, (2, None)]})[1].containers()][:2]
            [(<class 'dict'>, ('a',)), (<class 'list'>, range(0, 2))]
        """
        return filter(None, self._nodes)

    def key_paths(self) -> Iterator[tuple[Any, ...]]:
        """List the keys that lead to each leaf.

        Yields:
            The keys from the root to the leaf, in the order of the leaves.

        Example:
            >>> [*flatten({"a": [1, (2, None)]})[1].key_paths()]
            [('a', 0), ('a', 1, 0)]
        """
        return map(tuple, self._steps([], lambda key: key))

    def _steps(self, steps: list[Any], write: Callable[[Any], Any]) -> Iterator[list[Any]]:
        """Append the keys that lead to each leaf to the steps: one list, changed for each leaf."""
        waiting: list[Iterator[Any]] = []
        for node in self._nodes:
            if node is None:
                yield steps
            else:
                waiting.append(iter(node[1]))
                steps.append("")
            while waiting:
                for key in waiting[-1]:
                    steps[-1] = write(key)
                    break
                else:
                    waiting.pop()
                    steps.pop()
                    continue
                break


def flatten(
    tree: Any,
    path: str = "",
    is_leaf: Callable[[Any], bool] | None = None,
    children_of: Callable[[Any], Opened | None] = children,
) -> tuple[list[Any], TreeDef]:
    """Take a tree apart.

    Args:
        tree: The tree.
        path: The name of the tree, for the error.
        is_leaf: Tells whether a tree is to be kept whole, as a leaf.
        children_of: Opens a container, and returns None for a leaf: for trees of other containers,
            or whose parts carry something along.

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
    nodes: list[tuple[type, Keys] | None] = []
    mappings: list[Any] = []
    waiting: list[Iterator[Any]] = [iter((tree,))]
    depth = 1
    is_usual = children_of is children
    leaf_kinds: set[type] = {float} if is_usual else set()  # that are known to be no containers
    while waiting:
        for part in waiting[-1]:
            kind = type(part)
            if kind in leaf_kinds or (is_leaf is not None and is_leaf(part)):
                pass
            elif (opened := children_of(part)) is not None:
                kind, keys, parts, mapping = opened
                nodes.append((kind, keys))
                if mapping is not None:
                    mappings.append(mapping)
                waiting.append(iter(parts))
                break
            elif is_usual:
                leaf_kinds.add(kind)
            leaves.append(part)
            nodes.append(None)
        else:
            waiting.pop()
        if len(waiting) > depth:
            depth = len(waiting)
        if depth > DEEPEST:
            raise RecursionError(
                f"{path or 'a structure'} is nested more than {DEEPEST:,} deep: does something in "
                "it hold itself?"
            )
    return leaves, TreeDef(len(leaves), depth - 1, tuple(nodes), tuple(mappings))


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
