"""Trees of containers: taken apart and put together again, of any types and depth."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.tree import DEEPEST, Opened, children, flatten, map_leaves, unflatten


class Line(NamedTuple):
    slope: Any
    intercept: Any


class Frozen(Mapping[str, Any]):
    """A mapping that is not a dict."""

    def __init__(self, items: dict[str, Any]) -> None:
        self.items_ = dict(items)

    def __getitem__(self, key: str) -> Any:
        return self.items_[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.items_)

    def __len__(self) -> int:
        return len(self.items_)


LEAVES = st.floats(allow_nan=False) | st.integers() | st.text(max_size=2) | st.booleans()
NAMES = st.text(max_size=2)


def containers(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(parts, max_size=3)
    items = st.dictionaries(NAMES | st.integers() | st.tuples(st.booleans()), parts, max_size=3)
    return (
        several
        | several.map(tuple)
        | st.builds(Line, parts, parts)
        | items
        | items.map(OrderedDict)
        | items.map(lambda items: defaultdict(list, items))
        | st.dictionaries(NAMES, parts, max_size=3).map(Frozen)
    )


TREES = st.recursive(LEAVES | st.none(), containers, max_leaves=12)


def plainly_flattened(tree: Any, path: str) -> list[tuple[str, Any]]:
    """List leaves and paths by recursion."""
    if tree is None:
        return []
    if isinstance(tree, Mapping):
        pairs: Any = tree.items()
    elif isinstance(tree, (list, tuple)):
        pairs = enumerate(tree)
    else:
        return [(path, tree)]
    return [leaf for key, part in pairs for leaf in plainly_flattened(part, f"{path}[{key!r}]")]


@given(TREES)
def test_leaves_come_in_order_with_their_paths(tree: Any) -> None:
    leaves, structure = flatten(tree)
    assert [*zip(structure.paths("x"), leaves, strict=True)] == plainly_flattened(tree, "x")
    assert structure.count == len(leaves)


@given(TREES)
def test_what_is_put_together_again_is_as_it_was(tree: Any) -> None:
    leaves, structure = flatten(tree)
    made = structure.unflatten(leaves)
    assert types(made) == types(tree)
    assert plainly_flattened(made, "x") == plainly_flattened(tree, "x")


def types(tree: Any) -> Any:
    if isinstance(tree, Mapping):
        return type(tree), [(key, types(part)) for key, part in tree.items()]
    if isinstance(tree, (list, tuple)):
        return type(tree), [types(part) for part in tree]
    return type(tree)


@given(TREES)
def test_a_map_keeps_the_structure(tree: Any) -> None:
    made = map_leaves(lambda leaf: [leaf], tree)
    assert [path for path, _ in plainly_flattened(made, "")] == [
        f"{path}[0]" for path, _ in plainly_flattened(tree, "")
    ]


@given(TREES, TREES)
def test_structures_are_equal_if_containers_and_keys_are(tree: Any, other: Any) -> None:
    first, second = flatten(tree)[1], flatten(other)[1]
    same = types(map_leaves(lambda leaf: 0, tree)) == types(map_leaves(lambda leaf: 0, other))
    assert (first == second) == same
    assert flatten(map_leaves(str, tree))[1] == first
    assert hash(flatten(map_leaves(str, tree))[1]) == hash(first)


@given(TREES)
def test_leaves_that_are_told_stay_whole(tree: Any) -> None:
    def is_pair(part: Any) -> bool:
        return isinstance(part, tuple) and len(part) == 2

    leaves, structure = flatten(tree, is_leaf=is_pair)
    assert types(structure.unflatten(leaves)) == types(tree)
    assert not any(isinstance(leaf, (list, Mapping)) for leaf in leaves)
    assert all(is_pair(leaf) for leaf in leaves if isinstance(leaf, tuple))


def test_too_few_leaves_are_an_error_and_more_are_left() -> None:
    structure = flatten([1, (2, 3)])[1]
    with pytest.raises(ValueError, match=r"a tree of 3 leaves was given 2"):
        structure.unflatten([1, 2])
    numbers = iter(range(10))
    assert unflatten(structure, numbers) == [0, (1, 2)]
    assert next(numbers) == 3


def test_depth_has_no_limit_but_one_that_is_told() -> None:
    tree: Any = 1.0
    for _ in range(DEEPEST - 2):
        tree = [tree]
    leaves, structure = flatten(tree)
    assert leaves == [1.0]
    assert [*structure.paths("x")] == ["x" + "[0]" * (DEEPEST - 2)]
    assert map_leaves(lambda leaf: 2.0, tree) is not None


@pytest.mark.parametrize("make", [list, dict], ids=["list", "dict"])
def test_what_holds_itself_is_an_error_that_names_it(make: Any) -> None:
    tree = make()
    if make is list:
        tree.append(tree)
    else:
        tree["self"] = tree
    with pytest.raises(RecursionError, match=r"^weights is nested more than 10,000 deep.*itself\?"):
        flatten(tree, "weights")


@given(TREES)
def test_the_keys_lead_to_the_leaves(tree: Any) -> None:
    leaves, structure = flatten(tree)
    for keys, leaf in zip(structure.key_paths(), leaves, strict=True):
        part = tree
        for key in keys:
            part = part[key]
        assert part is leaf


@given(TREES)
def test_a_fold_replaces_containers_from_the_leaves_up(tree: Any) -> None:
    def depth(part: Any) -> int:
        if part is None or isinstance(part, (list, tuple, Mapping)):
            parts = part.values() if isinstance(part, Mapping) else part or ()
            return 1 + max(map(depth, parts), default=0)
        return 0

    leaves, structure = flatten(tree)
    folded = structure.fold([0] * len(leaves), lambda kind, keys, parts: 1 + max(parts, default=0))
    assert folded == depth(tree) == structure.depth


@given(TREES)
def test_parts_may_carry_something_along(tree: Any) -> None:
    def opened(part: tuple[Any, int]) -> Opened | None:
        found = children(part[0])
        if found is None:
            return None
        kind, keys, parts, mapping = found
        return kind, keys, [(each, part[1] + 1) for each in parts], mapping

    leaves, structure = flatten((tree, 0), children_of=opened)
    usual, expected = flatten(tree)
    assert structure == expected
    assert all(leaf is other for (leaf, _), other in zip(leaves, usual, strict=True))
    assert [depth for _, depth in leaves] == [len(keys) for keys in structure.key_paths()]


def test_paths_by_dots() -> None:
    structure = flatten({"layers": [{"bias": 0.0}], "rate": 1.0})[1]
    assert [*structure.paths("model", ".{}")] == ["model.layers.0.bias", "model.rate"]
