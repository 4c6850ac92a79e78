"""Random graphs, and a naive model of what the engine must compute.

A program is a list of instructions, each an operation and the places of its operands among the
numbers computed so far. It runs on floats, on Values and on PyTorch's tensors alike. The naive
model shares no code with the library: its partial derivatives are written down by hand below, and
it finds a derivative as the definition has it, a sum over all paths, by plain recursion.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, NamedTuple

from hypothesis import strategies as st

# --- nodes ---------------------------------------------------------------------------------------


@dataclass(eq=False)
class Node:
    """A node of the model, with fields of the names that a Value's have."""

    data: float
    parents: tuple[Node, ...] = ()
    partials: tuple[float, ...] = ()
    grad: float = 0.0
    label: str | None = None


def path_sums(root: Node, seed: Any, partial: Callable[[float], Any] = float) -> dict[Node, Any]:
    """Add up over all paths from the root to each node the products of the partial derivatives."""
    sums: dict[Node, Any] = defaultdict(int)

    def follow(node: Node, product: Any) -> None:
        sums[node] += product
        for parent, derivative in zip(node.parents, node.partials, strict=True):
            follow(parent, product * partial(derivative))

    follow(root, seed)
    return sums


def exact_derivatives(root: Node) -> dict[Node, tuple[float, float]]:
    """Take path sums in exact arithmetic: of the products, and of their absolute values."""
    signed = path_sums(root, Fraction(1), Fraction)
    absolute = path_sums(root, Fraction(1), lambda derivative: abs(Fraction(derivative)))
    return {node: (float(signed[node]), float(absolute[node])) for node in signed}


# --- operations ----------------------------------------------------------------------------------


class Operation(NamedTuple):
    """An operation on any real numbers: in terms of a namespace of functions, with its partials.

    The first two take the namespace `m`. `kink` is a number that is 0 where the derivative jumps.
    """

    apply: Callable[..., Any]
    partials: Callable[..., tuple[float, ...]]
    arity: int
    kink: Callable[..., float] = lambda *xs: 1.0

    def near_kink(self, *xs: float) -> bool:
        return abs(self.kink(*xs)) < 1e-6


OPERATIONS = {
    "add": Operation(lambda m, x, y: x + y, lambda m, x, y: (1, 1), 2),
    "subtract": Operation(lambda m, x, y: x - y, lambda m, x, y: (1, -1), 2),
    "multiply": Operation(lambda m, x, y: x * y, lambda m, x, y: (y, x), 2),
    "divide": Operation(
        lambda m, x, y: x / (y * y + 1.0),
        lambda m, x, y: (1 / (y * y + 1), -2 * x * y / (y * y + 1) ** 2),
        2,
    ),
    "power": Operation(
        lambda m, x, y: (x * x + 1.0) ** m.sin(y),
        lambda m, x, y: (
            m.sin(y) * (x * x + 1) ** (m.sin(y) - 1) * 2 * x,
            (x * x + 1) ** m.sin(y) * math.log(x * x + 1) * m.cos(y),
        ),
        2,
    ),
    "hypot": Operation(
        lambda m, x, y: m.hypot(x, y + 10.5),
        lambda m, x, y: (x / m.hypot(x, y + 10.5), (y + 10.5) / m.hypot(x, y + 10.5)),
        2,
    ),
    "maximum": Operation(
        lambda m, x, y: m.maximum(x, y),
        lambda m, x, y: (0.5, 0.5) if x == y else (1, 0) if x > y else (0, 1),
        2,
        lambda x, y: x - y,
    ),
    "minimum": Operation(
        lambda m, x, y: m.minimum(x, y),
        lambda m, x, y: (0.5, 0.5) if x == y else (1, 0) if x < y else (0, 1),
        2,
        lambda x, y: x - y,
    ),
    "negate": Operation(lambda m, x: -x, lambda m, x: (-1,), 1),
    "constants": Operation(lambda m, x: 1.5 - 2.0 * (x / 4.0 - 1), lambda m, x: (-0.5,), 1),
    "constant over": Operation(
        lambda m, x: 3.0 / (x**2 + 1.0), lambda m, x: (-6 * x / (x * x + 1) ** 2,), 1
    ),
    "constant to the": Operation(lambda m, x: 1.25**x, lambda m, x: (1.25**x * math.log(1.25),), 1),
    "abs": Operation(lambda m, x: abs(x), lambda m, x: (math.copysign(1, x),), 1, lambda x: x),
    "relu": Operation(lambda m, x: m.relu(x), lambda m, x: (float(x > 0),), 1, lambda x: x),
    "sin": Operation(lambda m, x: m.sin(x), lambda m, x: (math.cos(x),), 1),
    "cos": Operation(lambda m, x: m.cos(x), lambda m, x: (-math.sin(x),), 1),
    "tanh": Operation(lambda m, x: m.tanh(x), lambda m, x: (math.cosh(x) ** -2,), 1),
    "arctan": Operation(lambda m, x: m.arctan(x), lambda m, x: (1 / (1 + x * x),), 1),
    "sigmoid": Operation(
        lambda m, x: m.sigmoid(x), lambda m, x: (m.sigmoid(x) * m.sigmoid(-x),), 1
    ),
    "softplus": Operation(lambda m, x: m.softplus(x), lambda m, x: (m.sigmoid(x),), 1),
    "exp": Operation(
        lambda m, x: m.exp(m.sin(x)), lambda m, x: (m.exp(m.sin(x)) * math.cos(x),), 1
    ),
    "log": Operation(lambda m, x: m.log(x * x + 1.0), lambda m, x: (2 * x / (x * x + 1),), 1),
    "sqrt": Operation(lambda m, x: m.sqrt(x * x + 1.0), lambda m, x: (x / m.hypot(x, 1),), 1),
    "sum": Operation(lambda m, *xs: m.sum(xs), lambda m, *xs: (1, 1, 1), 3),
    "prod": Operation(lambda m, *xs: m.prod(xs), lambda m, x, y, z: (y * z, x * z, x * y), 3),
    "logsumexp": Operation(
        lambda m, *xs: m.logsumexp(xs),
        lambda m, *xs: tuple(m.exp(x) / sum(map(m.exp, xs)) for x in xs),
        3,
    ),
    "dot": Operation(
        lambda m, x, y, z, u: m.dot([x, y], [z, u]), lambda m, x, y, z, u: (z, u, x, y), 4
    ),
}

MATH = SimpleNamespace(
    arctan=math.atan,
    cos=math.cos,
    dot=lambda xs, ys: sum(x * y for x, y in zip(xs, ys, strict=True)),
    exp=math.exp,
    hypot=math.hypot,
    log=math.log,
    logsumexp=lambda xs: math.log(sum(map(math.exp, xs))),
    maximum=max,
    minimum=min,
    prod=math.prod,
    relu=lambda x: max(x, 0.0),
    sigmoid=lambda x: 1 / (1 + math.exp(-x)),
    sin=math.sin,
    softplus=lambda x: math.log1p(math.exp(x)),
    sqrt=math.sqrt,
    sum=sum,
    tanh=math.tanh,
)

# --- programs ------------------------------------------------------------------------------------


class Program(NamedTuple):
    """The numbers at the leaves, and the instructions."""

    leaves: list[float]
    instructions: list[tuple[str, tuple[int, ...]]]

    def run(self, m: Any, leaves: Sequence[Any]) -> list[Any]:
        """Run on any kind of numbers, with the functions of the namespace `m`; list all of them."""
        xs = list(leaves)
        for name, places in self.instructions:
            xs.append(OPERATIONS[name].apply(m, *[xs[place] for place in places]))
        return xs

    def model(self) -> list[Node]:
        """Run on the naive model."""
        nodes = [Node(leaf) for leaf in self.leaves]
        for name, places in self.instructions:
            parents = tuple(nodes[place] for place in places)
            operands = [parent.data for parent in parents]
            operation = OPERATIONS[name]
            data = operation.apply(MATH, *operands)
            nodes.append(Node(data, parents, operation.partials(MATH, *operands)))
        return nodes


@st.composite
def programs(draw: st.DrawFn, max_size: int) -> Program:
    """Programs that share heavily, stay within ±10, and keep away from what is ill-conditioned.

    The first instruction is an addition, so that there always is one.
    """
    leaves = draw(st.lists(st.floats(-4.0, 4.0, allow_subnormal=False), min_size=1, max_size=4))
    program = Program(leaves, [("add", (0, len(leaves) - 1))])
    xs = [*leaves, leaves[0] + leaves[-1]]
    for _ in range(draw(st.integers(1, max_size))):
        name = draw(st.sampled_from(sorted(OPERATIONS)))
        operation = OPERATIONS[name]
        places = [draw(st.integers(0, len(xs) - 1)) for _ in range(operation.arity)]
        operands = [xs[place] for place in places]
        # A tie is one only between a node and itself: others may come out an ulp apart.
        if len({*places}) == operation.arity and operation.near_kink(*operands):
            continue
        x = operation.apply(MATH, *operands)
        if abs(x) <= 10.0:
            xs.append(x)
            program.instructions.append((name, tuple(places)))
    return program
