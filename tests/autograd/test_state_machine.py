"""Graphs grown step by step in every way there is, compared with a naive model after each step.

The model has nodes of its own, adds up over all paths by recursion, and copies with a dictionary.
Data are small integers and graphs are shallow, so that every number is exact and equality is ==.
"""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, NamedTuple, TypeAlias

import hypothesis.stateful as sm
from hypothesis import settings
from hypothesis import strategies as st

import autograd
from autograd import Value, no_grad
from autograd.checking import check_graph
from autograd.kinds import PARAMETER
from tests.autograd.naive import Node, path_sums

ELSEWHERE = "but the function as a whole has another derivative there"
LARGEST = 8
DEEPEST = 8

Pair: TypeAlias = "tuple[Value, Node]"


class Step(NamedTuple):
    """An operation: on Values, on the model's numbers, its partials, and what they are of."""

    arity: int
    apply: Callable[..., Any]
    evaluate: Callable[..., float]
    partials: Callable[..., tuple[float, ...]]
    parents: Callable[..., tuple[Node, ...]] = lambda *xs: xs


STEPS = [
    Step(2, lambda x, y: x + y, lambda x, y: x + y, lambda x, y: (1, 1)),
    Step(2, lambda x, y: x - y, lambda x, y: x - y, lambda x, y: (1, -1)),
    Step(2, lambda x, y: x * y, lambda x, y: x * y, lambda x, y: (y, x)),
    Step(1, lambda x: -x, lambda x: -x, lambda x: (-1,)),
    Step(1, lambda x: x**2, lambda x: x * x, lambda x: (2 * x, 0), lambda x: (x, Node(2))),
    Step(1, abs, abs, lambda x: ((x > 0) - (x < 0),)),
    Step(1, autograd.relu, lambda x: max(x, 0), lambda x: (int(x > 0),)),
    Step(2, autograd.maximum, max, lambda x, y: (0.5,) * 2 if x == y else (int(x > y), int(x < y))),
    Step(
        3,
        # As ints, -1 and -2 are refused: they are what ~ makes of a bool.
        lambda x, y, z: autograd.where(float(x) if type(x) is int else x, y, z),
        lambda x, y, z: y if x else z,
        lambda x, y, z: (0, int(x != 0), int(x == 0)),
    ),
    Step(3, lambda *xs: autograd.sum(xs), lambda *xs: sum(xs), lambda *xs: (1, 1, 1)),
    Step(
        3,
        lambda *xs: autograd.prod(xs),
        lambda *xs: math.prod(xs),
        lambda x, y, z: (y * z, x * z, x * y),
    ),
    Step(
        4,
        lambda x, y, z, u: autograd.dot([x, y], [z, u]),
        lambda x, y, z, u: x * z + y * u,
        lambda x, y, z, u: (z, u, x, y),
    ),
]


def depth(node: Node) -> int:
    return 1 + max(map(depth, node.parents)) if node.parents else 0


def twin(node: Node, memo: dict[Node, Node]) -> Node:
    if node not in memo:
        parents = tuple(twin(parent, memo) for parent in node.parents)
        memo[node] = Node(node.data, parents, node.partials, node.grad, node.label)
    return memo[node]


class Graphs(sm.RuleBasedStateMachine):
    """Pairs of a Value and its model."""

    pairs: sm.Bundle[Pair] = sm.Bundle("pairs")

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Pair] = []
        self.changed: set[Node] = set()  # leaves, after a graph was built on them, or may have been

    def kept(self, value: Value, node: Node) -> Pair:
        self.seen.append((value, node))
        return value, node

    # --- building ---

    @sm.initialize(target=pairs, data=st.integers(-2, 2))
    def first(self, data: int) -> Pair:
        return self.kept(Value(data), Node(data))

    @sm.rule(
        target=pairs,
        data=st.integers(-LARGEST, LARGEST),
        label=st.none() | st.sampled_from("xyz"),
        parameter=st.booleans(),
    )
    def leaf(self, data: int, label: str | None, parameter: bool) -> Pair:
        value = Value(data, label)
        if parameter:
            value.op = PARAMETER
        return self.kept(value, Node(data, label=label))

    @sm.rule(
        target=pairs,
        start=pairs,
        choices=st.lists(
            st.tuples(
                st.sampled_from(STEPS),
                st.lists(pairs | st.integers(-3, 3), min_size=4, max_size=4),
                st.integers(0, 3),
            ),
            min_size=1,
            max_size=4,
        ),
        paused=st.sampled_from([False, False, False, True]),
    )
    def grow(
        self, start: Pair, choices: list[tuple[Step, list[Pair | int], int]], paused: bool
    ) -> Any:
        """Apply operations to pairs and plain numbers, each to the result of the one before."""
        results = [start]
        for step, operands, place in choices:
            operands[place % step.arity] = results[-1]
            with no_grad() if paused else nullcontext():
                results += self.operate(step, operands[: step.arity], paused)
        return sm.multiple(*results[1:])

    def operate(self, step: Step, operands: list[Pair | int], paused: bool) -> list[Pair]:
        values = [operand if isinstance(operand, int) else operand[0] for operand in operands]
        nodes = [Node(operand) if isinstance(operand, int) else operand[1] for operand in operands]
        numbers = [node.data for node in nodes]
        data = step.evaluate(*numbers)
        if abs(data) > LARGEST or max(map(depth, nodes)) >= DEEPEST:
            return []
        value = step.apply(*values)
        parents, partials = step.parents(*nodes), step.partials(*numbers)
        if paused:
            parents = partials = ()
        elif value.op == "linear":  # a dot product with plain numbers: these are no parents
            plain = {type(operand) for operand in operands[2:]} == {int}
            half = slice(0, 2) if plain else slice(2, 4)
            parents, partials = parents[half], partials[half]
        return [self.kept(value, Node(data, parents, partials))]

    @sm.rule(target=pairs, pair=pairs)
    def detach(self, pair: Pair) -> Pair:
        value, node = pair
        return self.kept(value.detach(), Node(node.data, label=node.label))

    # --- changing ---

    @sm.rule(pair=pairs, seed=st.integers(-3, 3))
    def backward(self, pair: Pair, seed: int) -> None:
        value, root = pair
        value.backward(seed)
        for node, adjoint in path_sums(root, seed).items():
            node.grad = adjoint if node.parents else node.grad + adjoint

    @sm.rule(pair=pairs)
    def zero_grad(self, pair: Pair) -> None:
        value, root = pair
        value.zero_grad()
        for node in path_sums(root, 1):
            node.grad = 0.0

    @sm.rule(pair=pairs, data=st.integers(-LARGEST, LARGEST))
    def change_data(self, pair: Pair, data: int) -> None:
        value, node = pair
        if not node.parents:
            value.data = node.data = float(data)
            self.changed.add(node)

    @sm.rule(pair=pairs, label=st.none() | st.sampled_from("xyz"))
    def change_label(self, pair: Pair, label: str | None) -> None:
        value, node = pair
        value.label = node.label = label

    # --- checking ---

    @sm.rule(pair=pairs)
    def check(self, pair: Pair) -> None:
        """The gradient checker finds no fault in an unmodified graph."""
        value, root = pair
        if self.changed.isdisjoint(path_sums(root, 1)):
            # Where a 0 meets a jump, as in where(x, 1, x) * x at 0, `backward` is wrong by design.
            assert all(
                derivative.outcome != "failed" or ELSEWHERE in derivative.reason
                for derivative in check_graph(value).derivatives
            )

    # --- copying ---

    @sm.rule(target=pairs, pair=pairs)
    def copy(self, pair: Pair) -> Pair:
        value, node = pair
        twin_node = Node(node.data, node.parents, node.partials, node.grad, node.label)
        self.changed |= {twin_node} if node in self.changed else set()
        return self.kept(copy.copy(value), twin_node)

    @sm.rule(
        target=pairs,
        originals=st.lists(pairs, min_size=1, max_size=3),
        protocol=st.none() | st.integers(0, pickle.HIGHEST_PROTOCOL),
    )
    def copy_graphs(self, originals: list[Pair], protocol: int | None) -> Any:
        values = [value for value, _ in originals]
        if protocol is None:
            copies = copy.deepcopy(values)
        else:
            copies = pickle.loads(pickle.dumps(values, protocol))
        memo: dict[Node, Node] = {}
        twins = [twin(node, memo) for _, node in originals]
        self.changed |= {memo[node] for node in memo if node in self.changed}
        return sm.multiple(*map(self.kept, copies, twins))

    # --- comparing ---

    @sm.invariant()
    def everything_agrees(self) -> None:
        """Walk both in parallel: numbers, links, and which nodes are one and the same."""
        node_of: dict[int, Node] = {}
        value_of: dict[Node, Value] = {}

        def compare(value: Value, node: Node) -> None:
            assert value_of.setdefault(node, value) is value
            if id(value) in node_of:
                assert node_of[id(value)] is node
                return
            node_of[id(value)] = node
            assert type(value.data) is type(value.grad) is float
            assert (value.data, value.grad) == (node.data, node.grad)
            assert (value.label, value.local_derivatives) == (node.label, node.partials)
            assert len(value.parents) == len(node.parents)
            assert bool(value.op) == bool(node.parents)
            for parent, parent_node in zip(value.parents, node.parents, strict=True):
                compare(parent, parent_node)

        for value, node in self.seen:
            compare(value, node)


TestGraphs = Graphs.TestCase
TestGraphs.settings = settings(stateful_step_count=50)
