"""A call of a function that is recorded as a whole, and differentiated as a whole.

What `checkpoint` and compiled functions record is not their operations but the call: one node for
the call, whose parents are the nodes that it depends on, and one for each of its results. Such a
node has no row in the table. Its derivative is asked for once in each pass: for the adjoints of its
operands, given those of all results, or for the tangents of its results.

The passes over floats multiply adjoints and tangents by local derivatives, and add the products
up. For a call these are objects with that arithmetic: the adjoint of a result times the `_Unit` of
its place is an `Adjoints`, and so is the sum of several; this times the `_Column` of an operand is
a float, the operand's share. Tangents go the other way. So the inner loops know nothing of calls;
the recorded passes, which do more than multiply, ask for them by name (`autograd.chain_rule`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from autograd.graph import interior
from autograd.linear_nodes import linked
from autograd.value import Value, as_value, new_node

__all__ = ["Call", "CallName", "ResultName", "is_call", "is_result", "recorded_call", "written_out"]


class Call:
    """What is known of a call: subclasses say how it is differentiated.

    Attributes:
        name: The name of the function.
        at_kink: Whether an operation in it is at a kink.
    """

    __slots__ = ("at_kink", "name")

    name: str
    at_kink: bool

    def pulled(self, seeds: dict[int, float]) -> Sequence[float]:
        """Compute the adjoints of the operands, given those of results by their places."""
        raise NotImplementedError

    def pushed(self, tangents: dict[int, float]) -> Sequence[float]:
        """Compute the tangents of the results, given those of operands by their places."""
        raise NotImplementedError

    def recorded_pull(
        self, operands: Sequence[Value], seeds: dict[int, Value | float]
    ) -> Sequence[Value | float]:
        """As `pulled`, and record it, as functions of the operands and the seeds."""
        raise NotImplementedError

    def recorded_push(
        self, operands: Sequence[Value], tangents: dict[int, Value | float]
    ) -> Sequence[Value | float]:
        """As `pushed`, and record it, as functions of the operands and the tangents."""
        raise NotImplementedError

    def written_out(self, operands: Sequence[Value]) -> Sequence[Value | float]:
        """Record the operations of the function; return its results."""
        raise NotImplementedError


class CallName(str):
    """The `op` of a call's node, which knows the call."""

    __slots__ = ("call",)

    call: Call

    @classmethod
    def of(cls, call: Call) -> CallName:
        """Name a call."""
        name = cls(call.name)
        name.call = call
        return name

    def __copy__(self) -> CallName:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> CallName:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        refuse_pickling(self)


def refuse_pickling(name: str) -> NoReturn:
    """Say that a call cannot be pickled.

    Raises:
        PicklingError: Always.
    """
    from pickle import PicklingError  # not needed unless something is pickled

    raise PicklingError(
        f"{name}: a graph with a call that is recorded as a whole cannot be pickled: take its "
        "derivatives first, or pickle its numbers"
    )


class ResultName(str):
    """The `op` of the node of one of a call's results, which knows its place."""

    __slots__ = ("place",)

    place: int

    @classmethod
    def of(cls, name: str, place: int) -> ResultName:
        """Name a result."""
        found = cls(f"{name}[{place}]")
        found.place = place
        return found

    def __copy__(self) -> ResultName:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> ResultName:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return ResultName.of, (str(self).rpartition("[")[0], self.place)


def is_call(node: Value) -> bool:
    """Tell whether a node is that of a call."""
    return type(node.op) is CallName


def is_result(node: Value) -> bool:
    """Tell whether a node is a result of a call; the call is its only parent."""
    return type(node.op) is ResultName


def recorded_call(call: Call, operands: Sequence[Value], results: Sequence[float]) -> list[Value]:
    """Record a call.

    Args:
        call: The call.
        operands: The nodes that it depends on.
        results: The numbers that it returned.

    Returns:
        A node for each of them.
    """
    if not operands:
        return [as_value(result) for result in results]
    derivatives: Any = _Columns(call, len(operands))
    node = new_node(results[0] if results else 0.0, tuple(operands), derivatives, CallName.of(call))
    if not node.parents:  # within no_grad
        return [new_node(result, (), (), node.op) for result in results]
    found = []
    for place, result in enumerate(results):
        unit: Any = (_Unit(place),)
        found.append(new_node(result, (node,), unit, ResultName.of(call.name, place)))
    return found


# --- local derivatives, adjoints and tangents of calls -------------------------------------------


class _Unit:
    """The local derivative of a result with respect to its call."""

    __slots__ = ("place",)

    def __init__(self, place: int) -> None:
        self.place = place

    def __rmul__(self, adjoint: float) -> Adjoints:
        return Adjoints({self.place: adjoint})

    def __mul__(self, tangents: Tangents) -> float:
        return tangents.result(self.place)


class _Column:
    """The local derivatives of a call with respect to one of its operands."""

    __slots__ = ("call", "is_last", "place")

    def __init__(self, call: Call, place: int, is_last: bool) -> None:
        self.call, self.place, self.is_last = call, place, is_last

    def __mul__(self, tangent: float) -> Tangents:
        return Tangents(self.call, {self.place: tangent})


class _Columns(Sequence[_Column]):
    """The local derivatives of a call, made when they are read."""

    __slots__ = ("call", "size")

    def __init__(self, call: Call, size: int) -> None:
        self.call, self.size = call, size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, place: Any) -> Any:
        return _Column(self.call, place, place == self.size - 1)

    def __iter__(self) -> Iterator[_Column]:
        return map(self.__getitem__, range(self.size))

    def __deepcopy__(self, memo: dict[int, Any]) -> _Columns:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        refuse_pickling(self.call.name)


class Adjoints:
    """The adjoints of a call's results, by their places."""

    __slots__ = ("_pulled", "seeds")

    def __init__(self, seeds: dict[int, float]) -> None:
        self.seeds = seeds
        self._pulled: Sequence[float] | None = None

    def __radd__(self, nothing: float) -> Adjoints:
        return self

    def __iadd__(self, other: Adjoints) -> Adjoints:
        for place, seed in other.seeds.items():
            known = self.seeds.get(place)
            self.seeds[place] = seed if known is None else known + seed
        return self

    def __sub__(self, other: Adjoints) -> float:
        return 0.0  # asks whether it is finite: each operand's share tells

    def __float__(self) -> float:
        return 0.0

    def __mul__(self, column: _Column) -> float:
        if self._pulled is None:
            self._pulled = column.call.pulled(self.seeds)
        found = self._pulled[column.place]
        if column.is_last:  # it may be large, and each is read once
            self._pulled = None
        return found

    def __repr__(self) -> str:
        return "…"

    def __reduce__(self) -> tuple[Any, ...]:
        return float, (0.0,)


class Tangents:
    """The tangents of a call's operands, by their places."""

    __slots__ = ("_pushed", "call", "tangents")

    def __init__(self, call: Call, tangents: dict[int, float]) -> None:
        self.call, self.tangents = call, tangents
        self._pushed: Sequence[float] | None = None

    def __add__(self, other: Any) -> Tangents:
        if isinstance(other, Tangents):  # each is new: none is held by others
            self.tangents.update(other.tangents)
        return self

    __radd__ = __add__

    def result(self, place: int) -> float:
        """Return the tangent of a result."""
        if self._pushed is None:
            self._pushed = self.call.pushed(self.tangents)
        return self._pushed[place]


# --- for those who read a graph ------------------------------------------------------------------


def written_out(roots: Sequence[Value], stop: Sequence[Value] = ()) -> dict[Value, Value]:
    """Write out the calls in a graph: record the operations of their functions instead.

    Args:
        roots: The nodes that the graph computes; it stays as it is.
        stop: Nodes to leave as they are, together with what only they depend on.

    Returns:
        For each node that differs in the new graph, what is there in its place; nothing if there is
        no call.
    """
    replaced: dict[Value, Value] = {}
    order = interior(*roots, stop=stop)
    while any(map(is_call, order)):
        results: dict[Value, Sequence[Value | float]] = {}
        new: dict[Value, Value] = {}
        for node in order:
            operands = [new.get(parent, parent) for parent in node.parents]
            if is_call(node):
                results[node] = node.op.call.written_out(operands)  # type: ignore[attr-defined]
            elif is_result(node):
                found = results[node.parents[0]][node.op.place]  # type: ignore[attr-defined]
                new[node] = linked(as_value(found))
                new[node]._label, new[node]._grad = node._label, node._grad
            elif not new.keys().isdisjoint(node.parents):
                copied = new_node(node._number, tuple(operands), node.local_derivatives, node.op)
                copied._label, copied._grad = node._label, node._grad
                new[node] = copied
        replaced = {node: new.get(other, other) for node, other in replaced.items()} | {
            node: other for node, other in new.items() if node not in replaced
        }
        order = interior(*[replaced.get(root, root) for root in roots], stop=stop)
    return replaced
