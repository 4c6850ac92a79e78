"""Which entries of a Jacobian or Hessian may be nonzero, read off the graph of a function.

Every node gets the set of the variables that it varies with, parents before children. The sets of
the outputs are the rows of a Jacobian's pattern. For a Hessian, operations that are not linear make
pairs of the variables of their operands, the *nonlinear interactions* (A. Walther, *Computing
sparse Hessians with automatic differentiation*, ACM Transactions on Mathematical Software 34,
2008).

Nothing is guessed from numbers: an entry that is 0 at one point, such as that of the branch of
`where` that is not taken, belongs to the pattern. So does one that is 0 except at a kink, where it
is nan. Left out is what is constantly 0: the condition of `where`, a comparison, and a product with
the plain number 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from typing import TypeAlias

from autograd.calls import written_out
from autograd.comparing import COMPARISONS
from autograd.errors import counted
from autograd.graph import interior
from autograd.helper_rules import DETACHED
from autograd.kinds import CONSTANT
from autograd.partials import partials
from autograd.rule import LINEAR, RULES, OwnName, rule_of
from autograd.traced import traced, tracing_of
from autograd.tracing import UNKNOWN, TracingError, refusals
from autograd.value import Value, new_node

__all__ = ["Pattern", "hessian_pattern", "jacobian_pattern"]


class Pattern:
    """The places of a matrix that may be nonzero.

    Attributes:
        rows: For each row its columns, in ascending order.
        width: The number of columns.

    Args:
        rows: See above.
        width: Likewise.

    Example:
        >>> pattern = Pattern([[0, 2], [1]], 3)
        >>> pattern, pattern.shape, pattern.count
        (<Pattern of 2 by 3 with 3 nonzeros>, (2, 3), 3)
    """

    __slots__ = ("rows", "width")

    def __init__(self, rows: Sequence[Sequence[int]], width: int) -> None:
        self.rows = rows
        self.width = width

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and columns."""
        return len(self.rows), self.width

    @property
    def count(self) -> int:
        """The number of nonzeros."""
        return sum(map(len, self.rows))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pattern):
            return NotImplemented
        return self.width == other.width and self.rows == other.rows

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        height, width = self.shape
        return f"<Pattern of {height:,} by {width:,} with {counted(self.count, 'nonzero')}>"

    def columns(self) -> list[list[int]]:
        """List for each column its rows, in ascending order.

        Example:
            >>> Pattern([[0, 2], [0]], 3).columns()
            [[0, 1], [], [0]]
        """
        found: list[list[int]] = [[] for _ in range(self.width)]
        for row, columns in enumerate(self.rows):
            for column in columns:
                found[column].append(row)
        return found


# --- sets of variables ---------------------------------------------------------------------------

IndexSet: TypeAlias = "frozenset[int] | int"
"""The numbers of some variables: where they are many, an int with a bit for each."""

_EMPTY: frozenset[int] = frozenset()


class _Sets:
    """The variables that nodes vary with.

    Most nodes vary with few, or with those that their only operand varies with, whose set they
    share. A long sum, whose every node varies with one more, would take memory quadratic in its
    length: large sets are bits, and are forgotten once they have been used.

    Args:
        variables: The variables.
    """

    def __init__(self, variables: Sequence[Value]) -> None:
        # By identity, as the hash of a traced node is a function of Python's.
        self.of: dict[int, IndexSet] = {
            id(variable): frozenset((place,)) for place, variable in enumerate(variables)
        }
        self._large = max(64, len(variables) // 256)

    def joined(self, one: IndexSet, other: IndexSet) -> IndexSet:
        """Join two sets; the result is one of them where it holds the other."""
        if one is other or not other:
            return one
        if not one:
            return other
        if type(one) is int or type(other) is int:
            return _bits(one) | _bits(other)
        union: frozenset[int] = one | other  # type: ignore[operator, assignment]
        if len(union) == len(one):  # type: ignore[arg-type]
            return one
        if len(union) == len(other):  # type: ignore[arg-type]
            return other
        return _bits(union) if len(union) > self._large else union

    def of_any(self, nodes: Iterable[Value]) -> IndexSet:
        """Join the sets of some nodes."""
        found: IndexSet = _EMPTY
        known = self.of.get
        for node in nodes:
            other = known(id(node))
            if other is not None and other is not found:
                found = self.joined(found, other) if found else other
        return found

    def propagate(self, order: Sequence[Value], kept: Iterable[Value]) -> None:
        """Find the sets of some nodes, parents first; only those of a few are kept if large."""
        of, of_any = self.of, self.of_any
        uses: Counter[int] | None = None
        for node in order:
            found = of_any(varying(node) if node.op in _SPECIAL else node.parents)
            if found:
                of[id(node)] = found
                if uses is None and type(found) is int:
                    links = chain.from_iterable(each.parents for each in order)
                    uses = Counter(map(id, chain(links, kept)))
            if uses is not None:
                for parent in node.parents:
                    key = id(parent)
                    if type(of.get(key)) is int:
                        uses[key] -= 1
                        if not uses[key]:
                            del of[key]


def _bits(found: IndexSet) -> int:
    if type(found) is int:
        return found
    bits = bytearray(max(found, default=-1) // 8 + 1)  # type: ignore[arg-type]
    for place in found:  # type: ignore[union-attr]
        bits[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(bits, "little")


def _listed(found: IndexSet) -> list[int]:
    """List a set in ascending order."""
    if type(found) is not int:
        return sorted(found)  # type: ignore[arg-type]
    digits = bin(found)[:1:-1]
    places, place = [], digits.find("1")
    while place >= 0:
        places.append(place)
        place = digits.find("1", place + 1)
    return places


_FIXED: dict[str, frozenset[int]] = {
    **{
        name: frozenset(map(rule.operands.index, rule.fixed))
        for name, rule in RULES.items()
        if rule.fixed
    },
    **dict.fromkeys((*COMPARISONS, DETACHED), frozenset((0, 1))),
}
"""By operation, the operands that the derivative is constantly 0 in."""
_SPECIAL = {*_FIXED, "*", LINEAR}
"""The operations of which `varying` has to look at the operands."""


def varying(node: Value) -> Sequence[Value]:
    """List the operands of a node in which its derivative is not constantly 0.

    Args:
        node: An interior node.

    Returns:
        Some of its parents.

    Example:
        >>> x = Value(2.0, "x")
        >>> [[each.label for each in varying(y)] for y in (x * x, 0.0 * x)]
        [['x', 'x'], []]
    """
    op, parents = node.op, node.parents
    if op == "*":
        x1, x2 = parents
        if (x1.op is CONSTANT and x1._number == 0.0) or (x2.op is CONSTANT and x2._number == 0.0):
            return ()
        return parents
    if op == LINEAR:
        if 0.0 not in node.local_derivatives:
            return parents
        links = zip(parents, node.local_derivatives, strict=True)
        return [parent for parent, coefficient in links if coefficient]
    fixed = _FIXED.get(op)
    if fixed is None:
        return parents
    return [parent for place, parent in enumerate(parents) if place not in fixed]


def jacobian_pattern(outputs: Sequence[Value], variables: Sequence[Value]) -> Pattern:
    """Find which outputs vary with which variables.

    Args:
        outputs: The nodes that are differentiated: the rows.
        variables: The nodes that they are differentiated with respect to: the columns.

    Returns:
        The pattern of the Jacobian.

    Example:
        >>> x, y = Value(2.0), Value(3.0)
        >>> jacobian_pattern([x * y, 2.0 * y, Value(1.0)], [x, y]).rows
        [[0, 1], [1], []]
    """
    written = written_out(outputs, variables)
    outputs = [written.get(y, y) for y in outputs]
    sets = _Sets(variables)
    sets.propagate(interior(*outputs, stop=variables), outputs)
    return Pattern([_listed(sets.of.get(id(y), _EMPTY)) for y in outputs], len(variables))


# --- nonlinear interactions ----------------------------------------------------------------------

_ALL, _DISTINCT, _PAIRED = "all", "distinct", "paired"

Interactions: TypeAlias = "tuple[tuple[int, int], ...] | str"
"""The pairs of operands in which an operation has a second derivative, by their places; or: all of
them, those of two operands, those of a product of two sequences."""

_KNOWN: dict[str, Interactions] = {
    "+": (), "-": (), "neg": (), "sum": (), "mean": (), "where": (), LINEAR: (),
    "*": ((0, 1),), "/": ((0, 1), (1, 1)),
    "prod": _DISTINCT, "dot": _PAIRED, "net": _PAIRED,
}  # fmt: skip


class _Operations:
    """What is known of operations; of most, their rows' partial derivatives tell it."""

    def __init__(self) -> None:
        self._known = dict(_KNOWN)
        self._own: dict[int, Interactions] = {}  # by the identity of the row: names are not unique

    def interactions(self, node: Value) -> Interactions:
        """Tell in which pairs of operands a node has a second derivative."""
        op = node.op
        found = self._known.get(op)
        if found is not None:
            return found
        if op == "**" and (exponent := node.parents[1]).op is CONSTANT:
            return () if exponent._number in (0.0, 1.0) else ((0, 0),)
        rule = rule_of(op)
        if rule is None:
            return _ALL
        found = self._own.get(id(rule))
        if found is None:
            # (At a kink the second derivatives are nan.)
            is_known = rule.of_sequence or rule.kinks is not None
            found = _ALL if is_known else _interactions(op, len(node.parents))
            if isinstance(op, OwnName) or op == "**":
                self._own[id(rule)] = found
            else:
                self._known[op] = found
        return found


def _interactions(op: str, count: int) -> Interactions:
    """Read off an operation's partial derivatives which operands these vary with."""
    token = refusals.set([])  # of an outer trace, which these operands do not belong to
    try:
        with tracing_of():
            operands = tuple([traced() for _ in range(count)])
            node = new_node(UNKNOWN, operands, (UNKNOWN,) * count, op)
            found = [x if isinstance(x, Value) else None for x in partials(node)]
    except TracingError:  # a user's rule that branches on numbers
        return _ALL
    finally:
        refusals.reset(token)
    outputs = [derivative for derivative in found if derivative is not None]
    places = [place for place, derivative in enumerate(found) if derivative is not None]
    rows = jacobian_pattern(outputs, operands).rows
    return tuple((i, j) for i, row in zip(places, rows, strict=True) for j in row)


class _Pairs:
    """The pairs of variables that have been found."""

    def __init__(self, width: int) -> None:
        self._width = width
        # Of sets, as few differ: a variable is in a few operations, and their results in others.
        self._squares: set[IndexSet] = set()
        self._products: set[tuple[IndexSet, IndexSet]] = set()

    def add(self, one: IndexSet, other: IndexSet) -> None:
        """Pair each variable of a set with each of another, both ways."""
        if one is other:
            self._squares.add(one)
        elif one and other:
            self._products.add((one, other))

    def rows(self) -> list[list[int]]:
        """List them, row by row."""
        few: list[set[int]] = [set() for _ in range(self._width)]
        many: dict[int, int] = {}
        squares = zip(self._squares, self._squares, strict=True)
        turned = ((other, one) for one, other in self._products)
        for one, other in chain(squares, self._products, turned):
            if type(other) is int:
                for place in _listed(one):
                    many[place] = many.get(place, 0) | other
            else:
                for place in one if type(one) is not int else _listed(one):  # type: ignore[union-attr]
                    few[place] |= other  # type: ignore[arg-type]
        return [
            _listed(many[place] | _bits(frozenset(found))) if place in many else sorted(found)
            for place, found in enumerate(few)
        ]


def hessian_pattern(root: Value, variables: Sequence[Value]) -> Pattern:
    """Find in which pairs of variables a node has a second derivative.

    Args:
        root: The node that is differentiated.
        variables: The nodes that it is differentiated with respect to.

    Returns:
        The pattern of the Hessian, which is symmetric.

    Example:
        >>> x, y, z = Value(2.0), Value(3.0), Value(4.0)
        >>> hessian_pattern(x * y + z * z + 5.0 * x, [x, y, z]).rows
        [[1], [0], [2]]
    """
    root = written_out([root], variables).get(root, root)
    order = interior(root, stop=variables)
    operations = _Operations()
    # The interior nodes that the root varies with, and whether their variables must be known:
    # those of a long sum need not be.
    live = {id(root): False}
    steps: list[tuple[Value, Interactions, bool]] = []
    for node in reversed(order):
        is_needed = live.get(id(node))
        if is_needed is None:
            continue
        op = node.op
        operands = varying(node) if op in _SPECIAL else node.parents
        interactions = () if _is_scaled(node) else operations.interactions(node)
        if interactions or is_needed:
            steps.append((node, interactions, is_needed))
            is_needed = is_needed or bool(interactions)
        for parent in operands:
            if parent.parents and (is_needed or id(parent) not in live):
                live[id(parent)] = is_needed
    sets, pairs = _Sets(variables), _Pairs(len(variables))
    for node, interactions, is_needed in reversed(steps):
        if interactions:
            _add_pairs(pairs, sets, interactions, node)
        if is_needed:
            found = sets.of_any(varying(node) if node.op in _SPECIAL else node.parents)
            if found:
                sets.of[id(node)] = found
    return Pattern(pairs.rows(), len(variables))


def _is_scaled(node: Value) -> bool:
    """Tell whether a product or quotient has a constant in it, and so is linear."""
    op = node.op
    if op == "*":
        x1, x2 = node.parents
        return x1.op is CONSTANT or x2.op is CONSTANT
    return op == "/" and node.parents[1].op is CONSTANT


def _add_pairs(pairs: _Pairs, sets: _Sets, interactions: Interactions, node: Value) -> None:
    of = [sets.of.get(id(parent), _EMPTY) for parent in node.parents]
    if interactions == _ALL:
        union = sets.of_any(varying(node))
        pairs.add(union, union)
    elif interactions == _PAIRED:
        half = len(of) // 2
        for one, other in zip(of[:half], of[half : 2 * half], strict=True):
            pairs.add(one, other)
    elif interactions == _DISTINCT:
        before = accumulate(of, sets.joined)
        for one, other in zip(before, of[1:], strict=False):
            pairs.add(one, other)
    elif not isinstance(interactions, str):
        for i, j in interactions:
            pairs.add(of[i], of[j])
