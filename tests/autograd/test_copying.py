"""Copies and pickles keep the graph, its sharing, labels and kinds of leaves, at any depth."""

from __future__ import annotations

import copy
import gc
import io
import math
import operator
import pickle
import sys
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

import autograd
from autograd import Value
from autograd.graph import topological_order
from autograd.kinds import FROZEN, PARAMETER

# What a pickler may be: in C or in Python, of any protocol.
PURE: Any = pickle  # its functions in Python have names that type stubs leave out
PICKLERS: list[Callable[[Any], bytes]] = [
    *[lambda x, n=n: pickle.dumps(x, n) for n in range(pickle.HIGHEST_PROTOCOL + 1)],
    *[lambda x, n=n: PURE._dumps(x, n) for n in range(pickle.HIGHEST_PROTOCOL + 1)],
]
COPIERS: list[Callable[[Any], Any]] = [
    copy.deepcopy,
    *[lambda x, dumps=dumps: pickle.loads(dumps(x)) for dumps in PICKLERS],
    lambda x: PURE._loads(pickle.dumps(x)),
]


def state(value: Value) -> tuple[Any, ...]:
    """Everything about a node except its parents."""
    return value.data, value.grad, value.local_derivatives, value.op, value.label


def family() -> list[Value]:
    """Several roots that share nodes: leaves of every kind, labels, gradients, odd numbers."""
    x, y = Value(2.0, "x"), Value(-0.0, "ünïcode")
    parameter, frozen = Value(1.5, "w"), Value(math.nan)
    parameter.op, frozen.op = PARAMETER, FROZEN
    shared = autograd.sin(x * y) + 3
    shared.label = "shared"
    first = shared * parameter
    second = autograd.prod([shared, frozen, x, x]) ** 2
    x.backward(5.0)
    first.backward()
    return [first, second, shared, x, autograd.sqrt(Value(0.0)), parameter, first]


def assert_same_graphs(originals: list[Value], copies: list[Value]) -> None:
    before, after = topological_order(*originals), topological_order(*copies)
    assert len(before) == len(after)
    twins = dict(zip(before, after, strict=True))
    assert not set(before) & set(after)
    for original, twin in twins.items():
        assert type(twin) is Value
        assert repr(state(original)) == repr(state(twin))  # nan and -0.0 included
        for parent, twin_parent in zip(original.parents, twin.parents, strict=True):
            assert twins[parent] is twin_parent
        assert twin.op is original.op or type(original.op) is type(twin.op) is str
    for original, twin in zip(originals, copies, strict=True):
        assert twins[original] is twin


@pytest.mark.parametrize("copied", COPIERS)
def test_deepcopy_and_pickle_keep_graph_sharing_labels_and_kinds_of_leaf(
    copied: Callable[[Any], Any],
) -> None:
    originals = family()
    copies = copied(originals)
    assert_same_graphs(originals, copies)
    assert_same_graphs(originals[:1], [copied(originals[0])])
    copies[0].zero_grad()
    copies[0].backward(2.0)
    assert originals[0].grad == 1.0
    assert copies[5].grad == 2 * originals[5].grad


def test_copy_is_a_node_of_its_own_with_the_same_parents() -> None:
    node = family()[0]
    twin = copy.copy(node)
    assert twin is not node
    assert state(twin) == state(node)
    assert all(map(operator.is_, twin.parents, node.parents))
    twin.data = 9.0
    assert node.data != 9.0
    kind = copy.copy(family()[5]).op
    assert kind is PARAMETER


def test_deepcopy_and_pickle_between_other_objects() -> None:
    first, second, *_ = family()
    for copied in COPIERS:
        twin = copied({"roots": (first, [second]), "other": SimpleNamespace(again=first)})
        assert twin["other"].again is twin["roots"][0]
        assert_same_graphs([first, second], [twin["roots"][0], twin["roots"][1][0]])


def chain(length: int) -> Value:
    node = Value(1.0)
    for _ in range(length):
        node = node * 1.0
    return node


class Full(io.RawIOBase):
    """A file on a disk that is full after so many writes."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, data: Any) -> int:
        if not self.room:
            raise OSError("no space left on device")
        self.room -= 1
        return len(data)


@pytest.mark.no_cover
@pytest.mark.usefixtures("without_collector")
def test_pickle_works_after_a_pickle_that_failed() -> None:
    root = chain(4_000)  # deeper than Python recurses, and longer than a few writes
    for room in (0, 1, 3):
        for pickler in (pickle.Pickler, PURE._Pickler):
            with pytest.raises(OSError, match="no space left"):
                pickler(Full(room)).dump(root)
            for node in (root.parents[0], root):
                assert pickle.loads(pickle.dumps(node)).data == 1.0


def test_pickle_in_several_threads_at_once() -> None:
    root = chain(2_000)
    with ThreadPoolExecutor(4) as pool:
        for pickled in pool.map(pickle.dumps, [root] * 8):
            assert len(topological_order(pickle.loads(pickled))) == 4_001


# --- depth ---------------------------------------------------------------------------------------

DEEP = 100_000
"""A hundred times what Python recurses, and what a stack of 8 MB has no room for in C."""


@pytest.mark.slow
@pytest.mark.no_cover
@pytest.mark.usefixtures("without_collector")
def test_a_chain_of_a_hundred_thousand_nodes() -> None:
    x = Value(1.0, "x")
    root = x
    for _ in range(DEEP // 4):
        root = abs(-(root + x)) * 1.0
    root.backward()
    assert x.grad == DEEP // 4 + 1
    for twin in (copy.deepcopy(root), pickle.loads(pickle.dumps(root))):
        twin.zero_grad()
        twin.backward()
        order = topological_order(twin)
        assert len(order) == DEEP + DEEP // 4 + 1
        assert order[0].label == "x"
        assert order[0].grad == x.grad
        del order
        del twin
    gc.collect()
    nodes = sys.getallocatedblocks()
    del root
    gc.collect()
    assert sys.getallocatedblocks() < nodes - DEEP


@pytest.mark.slow
@pytest.mark.no_cover
@pytest.mark.parametrize(
    "work",
    [chain, lambda n: chain(n).backward(), *[lambda n, f=f: f(chain(n)) for f in COPIERS[:2]]],
    ids=["forward", "backward", "deepcopy", "pickle"],
)
def test_memory_grows_linearly(work: Callable[[int], object]) -> None:
    def peak(length: int) -> int:
        gc.collect()
        tracemalloc.start()
        try:
            kept = work(length)
            del kept
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)  # what is made once
    assert peak(4_000) <= 12 * peak(400)
