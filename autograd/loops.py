"""Loops of traced functions: one node for a loop, whose body is a graph of its own.

While a function is traced, a loop is not unrolled. Its body is called once, on leaves of its own,
and the loop becomes one node (`op` is a `LoopName`, which knows the `Loop`). Its results are `item`
nodes: their parents are the loop, and a constant that says which of its numbers they are.

What the body reads and what does not depend on its own leaves is computed before the loop. Besides
its results, a loop can hand out, step by step, the carries that each step began with; they are
stored only if another loop reads them. So the derivative of a loop is a loop: backwards, its body
is the pullback of the body at the stored carries; forwards, it carries pairs of numbers and
tangents. (The scheme is JAX's, the transposition of a scan; on what a reversal must store, see
A. Griewank & A. Walther, *Evaluating Derivatives*, 2nd ed., 2008, chapter 12.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from autograd.graph import interior
from autograd.traced import record_traced, traced
from autograd.tracing import UNKNOWN, active, is_traced
from autograd.value import Value, as_value

__all__ = [
    "ITEM", "Adjoints", "Loop", "LoopName", "Moved", "looped", "pushed", "tangent_item",
    "transposed",
]  # fmt: skip

ITEM = "item"
"""The operation that takes one number of a loop."""

Number: TypeAlias = "Value | float"


class LoopName(str):
    """The `op` of a loop's node, which knows the loop.

    Attributes:
        loop: The loop.
    """

    __slots__ = ("loop",)
    loop: Loop


@dataclass(frozen=True, eq=False)
class Loop:
    """A loop: how often what is repeated.

    A loop's operands are its constants, its first carry, for each step the numbers that this is
    passed, and the loops that it reads columns of. Its numbers, by place, are the last carry, and
    for each step, in the order of `t`, its results. Its columns are the results, and then the
    carries that the steps began with.

    Attributes:
        steps: The number of steps, at least 1; if the loop may stop, the most.
        start: The number that is passed as index where t = 0.
        reverse: Whether t runs backwards from the last step.
        constants: How many constants the body reads.
        carried: How many numbers are carried.
        scanned: How many numbers each step is passed.
        columns: The columns that each step reads an element of.
        stops: Whether the last result of the body tells if there is another step.
        follows: The number, among its loops, of a loop that has as many steps as this one; -1 if
            `steps` is their number.
        leaves: The body's leaves: the index, the constants, the carry, the numbers of the step, and
            the elements of columns.
        results: What the body computes: the next carry, the results of the step, and, if the loop
            may stop, the condition.
        program: The body as a program, once it has been made; see `compiler.trace`.
    """

    steps: int
    start: float
    reverse: bool
    constants: int
    carried: int
    scanned: int
    columns: tuple[tuple[int, int], ...]
    stops: bool
    follows: int
    leaves: tuple[Value, ...]
    results: tuple[Number, ...]
    program: list[Any] = field(default_factory=list)

    @property
    def width(self) -> int:
        """How many results each step hands out."""
        return len(self.results) - self.carried - self.stops

    @property
    def parts(self) -> tuple[slice, slice, slice, slice]:
        """Where the constants, the carry, the numbers of a step and the columns are in `leaves`."""
        a = 1 + self.constants
        b = a + self.carried
        c = b + self.scanned
        return slice(1, a), slice(a, b), slice(b, c), slice(c, None)

    def place(self, t: int, result: int) -> int:
        """Return the place of a result of a step among the loop's numbers."""
        return self.carried + t * self.width + result


def _node(op: str, parents: tuple[Value, ...]) -> Value:
    node: Value = record_traced(UNKNOWN, parents, (UNKNOWN,) * len(parents), op)
    return node


def _node_of(loop: Loop, operands: Sequence[Number]) -> Value:
    name = LoopName("scan")
    name.loop = loop
    return _node(name, tuple(map(as_value, operands)))


def _place_of(value: Value, among: Sequence[Value]) -> int:
    """Find a node by identity: comparing traced nodes would record something."""
    return next(place for place, each in enumerate(among) if each is value)


def _item(node: Value, place: int) -> Value:
    return _node(ITEM, (node, as_value(float(place))))


# --- from a function to a loop -------------------------------------------------------------------


def looped(
    body: Callable[[Value, list[Value], list[Value]], tuple[list[Number], list[Number]]],
    init: Sequence[Number],
    xs: Sequence[Sequence[Number]],
    steps: int,
    start: float = 0.0,
    *,
    reverse: bool = False,
    stops: bool = False,
) -> tuple[list[Value], list[list[Value]]]:
    """Trace the body of a loop, and make the nodes of the loop.

    Args:
        body: A function of the index, the carry and the numbers of a step, which returns the next
            carry and the results of the step; if the loop may stop, the last result tells whether
            there is another step, and is not handed out.
        init: The first carry.
        xs: For each step, the numbers that it is passed; empty if there are none.
        steps: The number of steps.
        start: The index of the step at t = 0.
        reverse: Whether the last step comes first.
        stops: Whether the loop may stop.

    Returns:
        The last carry, and the results of each step; no list if there are none.
    """
    scanned = len(xs[0]) if xs else 0
    index = traced("i")
    carry = [traced(f"carry[{place}]") for place in range(len(init))]
    given = [traced(f"x[{place}]") for place in range(scanned)]
    following, handed = body(index, carry, given)
    leaves, results, constants = _closed([index, *carry, *given], [*following, *handed])
    own = leaves[1 : 1 + len(init) + scanned]
    loop = Loop(
        steps, start, reverse, len(constants), len(init), scanned, (), stops, -1,
        (leaves[0], *leaves[1 + len(own) :], *own), tuple(results),
    )  # fmt: skip
    node = _node_of(loop, [*constants, *init, *(x for row in xs for x in row)])
    last = [_item(node, place) for place in range(len(init))]
    if not loop.width:
        return last, []
    return last, [[_item(node, loop.place(t, k)) for k in range(loop.width)] for t in range(steps)]


def _closed(
    own: list[Value], results: Sequence[Number]
) -> tuple[list[Value], list[Number], list[Value]]:
    """Cut a body out of the graph around it: copy it, with leaves for what it reads from there.

    Returns:
        The leaves, its own first; the results; and what it reads.
    """
    trace = active.get()
    inside: dict[int, Value] = {id(leaf): leaf for leaf in own}
    leaves = [*own]
    outer: list[Value] = []
    known: dict[int, Value] = {}

    def within(value: Value) -> Value:
        """Give what stands for a node in the body."""
        copied = inside.get(id(value), known.get(id(value)))
        if copied is None:
            if is_traced(value) or (trace is not None and trace.is_outside(value)):
                copied = traced(f"constant[{len(outer)}]")
                outer.append(value)
                leaves.append(copied)
            else:
                copied = value  # a constant
            known[id(value)] = copied
        return copied

    roots = [result for result in results if isinstance(result, Value)]
    for node in interior(*roots, stop=own):
        if any(id(parent) in inside for parent in node.parents):
            copied: Value = object.__new__(type(node))
            copied._number, copied._grad, copied._label = node._number, 0.0, node._label
            copied.parents = tuple(map(within, node.parents))
            copied.local_derivatives, copied.op = node.local_derivatives, node.op
            inside[id(node)] = copied
    found = [within(result) if isinstance(result, Value) else result for result in results]
    return leaves, found, outer


# --- derivatives ---------------------------------------------------------------------------------


class Adjoints:
    """The adjoints of what a loop hands out, while a backward pass collects them.

    Attributes:
        numbers: By place, those of its numbers.
        columns: By column, the columns of other loops that are to be added up.
    """

    __slots__ = ("columns", "numbers")

    def __init__(self) -> None:
        self.numbers: dict[int, Number] = {}
        self.columns: dict[int, list[tuple[Value, int]]] = {}


Pullback: TypeAlias = "Callable[[Sequence[tuple[Number, Number]], Sequence[Value]], list[Number]]"
"""The chain rule from results, given with their adjoints, back to leaves; see
`chain_rule.recorded_pullback`."""

Pushforward: TypeAlias = (
    "Callable[[Sequence[Number], Sequence[tuple[Value, Number]]], list[Number]]"
)
"""The chain rule from leaves, given with their tangents, to results."""


def _active(loop: Loop, moving: Sequence[bool]) -> tuple[set[int], list[bool]]:
    """Find what depends on the leaves that move, given those that do so in the first step.

    Returns:
        The identities of the leaves that move, in any step, and whether each result does.
    """
    carries = loop.leaves[loop.parts[1]]
    found = {id(leaf) for leaf, moves in zip(loop.leaves, moving, strict=True) if moves}
    order = interior(*(r for r in loop.results if isinstance(r, Value)), stop=loop.leaves)
    while True:
        reached = set(found)
        for node in order:
            if not reached.isdisjoint(map(id, node.parents)):
                reached.add(id(node))
        results = [id(result) in reached for result in loop.results]
        more = {id(leaf) for leaf, moves in zip(carries, results, strict=False) if moves} - found
        if not more:
            return found, results
        found |= more


def transposed(
    node: Value,
    adjoints: Adjoints,
    reached: set[int],
    taken: Callable[[Value], Number],
    pullback: Pullback,
) -> tuple[list[tuple[Value, Number]], list[tuple[Value, int, Value, int]]]:
    """Make the loop that propagates adjoints back through a loop.

    Args:
        node: The loop.
        adjoints: The adjoints of what it hands out.
        reached: The identities of the nodes whose adjoints matter.
        taken: Takes away the adjoint that an operand has so far; the loop goes on adding to it, in
            the order of the unrolled program.
        pullback: Applies the chain rule to the body.

    Returns:
        The adjoints of operands, and those of columns: the loop that has the column, its number,
        and the column, of another loop, that is its adjoint.
    """
    loop: Loop = node.op.loop  # type: ignore[attr-defined]
    operands = node.parents
    constants, carries, scanned, columns = (loop.leaves[part] for part in loop.parts)
    n, m, w = loop.constants, loop.carried, loop.scanned
    given = operands[n + m : n + m + loop.steps * w]
    loops = operands[n + m + loop.steps * w :]

    def matters(operand: Value) -> bool:
        return id(operand) in reached

    moving = [
        False,
        *map(matters, operands[: n + m]),
        *(any(map(matters, given[k::w])) for k in range(w)),
        *(matters(loops[number]) for number, _ in loop.columns),
    ]
    moves, results_move = _active(loop, moving)
    back = [leaf for leaf in (*carries, *constants) if id(leaf) in moves]
    out = [leaf for leaf in (*scanned, *columns) if id(leaf) in moves]
    # The new body's leaves, besides those of the body: adjoints of the carry and of constants, and
    # of results, which may be given one by one, or as columns.
    bars = [traced(f"adjoint of {leaf.label}") for leaf in back]
    given_bars: list[Value] = []
    bars_given: list[list[Number]] = []
    new_columns: list[tuple[int, int]] = [*loop.columns]
    column_leaves: list[Value] = [*columns]
    new_loops = [*loops]

    def column_of(other: Value, number: int) -> Value:
        if not any(each is other for each in new_loops):
            new_loops.append(other)
        new_columns.append((_place_of(other, new_loops), number))
        column_leaves.append(traced("element"))
        return column_leaves[-1]

    bar_of = dict(zip(map(id, back), bars, strict=True))
    # A constant's adjoint is carried along, so that its terms are added in order.
    seeds: list[tuple[Number, Number]] = [
        (leaf, bar_of[id(leaf)]) for leaf in constants if id(leaf) in moves
    ]
    for carry, result, moved in zip(carries, loop.results, results_move, strict=False):
        if moved:
            seeds.append((result, bar_of[id(carry)]))
    columns_of = {place: [*found] for place, found in adjoints.columns.items()}
    for k in range(loop.width):
        result = loop.results[m + k]
        if not results_move[m + k]:
            continue
        bars_of_k = [adjoints.numbers.get(loop.place(t, k), 0.0) for t in range(loop.steps)]
        if any(type(bar) is not float or bar for bar in bars_of_k):
            leaf = traced(f"adjoint of result[{k}]")
            given_bars.append(leaf)
            bars_given.append(bars_of_k)
            seeds.append((result, leaf))
        for other, number in columns_of.get(k, ()):
            seeds.append((result, column_of(other, number)))
    # The carries are read as columns, so the body's leaves for them stand among those.
    here = {id(column_of(node, loop.width + k)): carries[k] for k in range(m)}
    follows = -1
    if loop.stops or loop.follows >= 0:
        if not m:
            new_loops.append(node)
        follows = _place_of(node, new_loops)
    found = pullback(seeds, [*back, *out])
    for place, carry in enumerate(carries):
        for other, number in columns_of.get(loop.width + place, ()):
            if id(carry) in moves:
                found[_place_of(carry, back)] += column_of(other, number)
    standing = [here.get(id(leaf), leaf) for leaf in column_leaves]
    derivative = Loop(
        loop.steps, loop.start, not loop.reverse, n, len(back), w + len(given_bars),
        tuple(new_columns), False, follows,
        (loop.leaves[0], *constants, *bars, *scanned, *given_bars, *standing), tuple(found),
    )  # fmt: skip
    operand_of = dict(zip(map(id, (*constants, *carries)), operands, strict=False))
    of_carry = {id(carry): place for place, carry in enumerate(carries)}
    first = [
        adjoints.numbers.get(of_carry[id(leaf)], 0.0)
        if id(leaf) in of_carry
        else taken(operand_of[id(leaf)])
        for leaf in back
    ]
    by_step = [*(given[k::w] for k in range(w)), *bars_given]
    each = [number for row in zip(*by_step, strict=True) for number in row]
    made = _node_of(derivative, [*operands[:n], *first, *each, *new_loops])
    of_operands: list[tuple[Value, Number]] = []
    for place, leaf in enumerate(back):
        operand = operand_of[id(leaf)]
        if matters(operand):
            of_operands.append((operand, _item(made, place)))
    of_columns: list[tuple[Value, int, Value, int]] = []
    for k, leaf in enumerate(out):
        if any(x is leaf for x in scanned):
            number = _place_of(leaf, scanned)
            for t in range(loop.steps):
                operand = given[t * w + number]
                if matters(operand):
                    of_operands.append((operand, _item(made, derivative.place(t, k))))
        else:
            which, column = loop.columns[_place_of(leaf, columns)]
            if matters(loops[which]):
                of_columns.append((loops[which], column, made, k))
    return of_operands, of_columns


Moved: TypeAlias = "tuple[Value, dict[int, int], dict[int, int]]"
"""A loop of pairs; in it, by place of the carry and by column, where the tangent of each is."""


def pushed(
    node: Value,
    tangents: Mapping[Value, Number],
    moved: Mapping[Value, Moved],
    pushforward: Pushforward,
) -> Moved | None:
    """Make the loop that carries numbers and tangents together.

    Args:
        node: The loop.
        tangents: The tangents of operands that move.
        moved: The loops made for others that it reads columns of.
        pushforward: Applies the chain rule to the body.

    Returns:
        The loop of pairs, and where the tangents are in it; None if nothing moves.
    """
    loop: Loop = node.op.loop  # type: ignore[attr-defined]
    operands = node.parents
    constants, carries, scanned, columns = (loop.leaves[part] for part in loop.parts)
    n, m, w = loop.constants, loop.carried, loop.scanned
    given = operands[n + m : n + m + loop.steps * w]
    loops = operands[n + m + loop.steps * w :]

    def column_moves(number: int, column: int) -> bool:
        found = moved.get(loops[number])
        return found is not None and column in found[2]

    moving = [
        False,
        *(operand in tangents for operand in operands[: n + m]),
        *(any(x in tangents for x in given[k::w]) for k in range(w)),
        *(column_moves(*each) for each in loop.columns),
    ]
    moves, results_move = _active(loop, moving)
    if not moves:
        return None

    def dots(leaves: Sequence[Value]) -> list[tuple[Value, Value]]:
        return [(x, traced(f"tangent of {x.label}")) for x in leaves if id(x) in moves]

    of_constants, of_carries, of_scanned, of_columns = map(
        dots, (constants, carries, scanned, columns)
    )
    every = [*of_constants, *of_carries, *of_scanned, *of_columns]
    width, stacked = loop.width, loop.results[m : m + loop.width]
    wanted = [
        r for r, moves_ in zip(loop.results[: m + width], results_move, strict=False) if moves_
    ]
    found = pushforward(wanted, every)
    dotted = iter(found)
    next_dots = [next(dotted) for moves_ in results_move[:m] if moves_]
    # (A carry that moves may do so because its first number does, though no step changes that.)
    of_results = dict(zip((k for k in range(m) if results_move[k]), next_dots, strict=True))
    carried_dots: list[Number] = [
        of_results.get(_place_of(leaf, carries), 0.0) for leaf, _ in of_carries
    ]
    stacked_dots = [*dotted]
    new_loops, new_columns = [*loops], [*loop.columns]
    for (number, column), leaf in zip(loop.columns, columns, strict=True):
        if id(leaf) in moves:
            other, _, places = moved[loops[number]]
            if not any(each is other for each in new_loops):
                new_loops.append(other)
            new_columns.append((_place_of(other, new_loops), places[column]))
    pair = Loop(
        loop.steps, loop.start, loop.reverse, n + len(of_constants), m + len(of_carries),
        w + len(of_scanned), tuple(new_columns), loop.stops, loop.follows,
        (
            loop.leaves[0], *constants, *(x for _, x in of_constants), *carries,
            *(x for _, x in of_carries), *scanned, *(x for _, x in of_scanned), *columns,
            *(x for _, x in of_columns),
        ),
        (*loop.results[:m], *carried_dots, *stacked, *stacked_dots, *loop.results[m + width :]),
    )  # fmt: skip

    def tangent_of(operand: Value) -> Number:
        return tangents.get(operand, 0.0)

    operand_of = dict(zip(map(id, (*constants, *carries)), operands, strict=False))
    scanned_moves = [_place_of(leaf, scanned) for leaf, _ in of_scanned]
    made = _node_of(pair, [
        *operands[:n], *(tangent_of(operand_of[id(x)]) for x, _ in of_constants),
        *operands[n : n + m], *(tangent_of(operand_of[id(x)]) for x, _ in of_carries),
        *(
            number
            for t in range(loop.steps if w else 0)
            for number in (
                *given[t * w : (t + 1) * w],
                *(tangent_of(given[t * w + k]) for k in scanned_moves),
            )
        ),
        *new_loops,
    ])  # fmt: skip
    places = {_place_of(leaf, carries): m + k for k, (leaf, _) in enumerate(of_carries)}
    moving_results = [k for k in range(width) if results_move[m + k]]
    into = {k: width + j for j, k in enumerate(moving_results)}
    total = pair.width
    into |= {width + k: total + place for k, place in places.items()}
    return made, places, into


def tangent_item(node: Value, place: int, moved: Moved | None) -> Value | None:
    """Give the tangent of one number of a loop, from its loop of pairs; None if it has none."""
    if moved is None:
        return None
    made, places, into = moved
    loop: Loop = node.op.loop  # type: ignore[attr-defined]
    pair: Loop = made.op.loop  # type: ignore[attr-defined]
    if place < loop.carried:
        return _item(made, places[place]) if place in places else None
    t, k = divmod(place - loop.carried, loop.width)
    return _item(made, pair.place(t, into[k])) if k in into else None
