"""Nodes whose number is not known yet, and what a traced function reads from outside.

`compile` calls a function with traced leaves. Operations on them record traced nodes, and so do
operations on a Value that the function finds in a closure, a global or a model: its number when the
program runs is not known either. Such Values are inputs of the program.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from autograd import grad_mode, tracing
from autograd.comparing import comparable
from autograd.helper_rules import DETACHED
from autograd.kinds import CONSTANT, UNRECORDED
from autograd.rule import LINEAR
from autograd.rules import RULES
from autograd.tracing import UNKNOWN, TracingError, is_library, refuse
from autograd.value import Operand, Value, _operand, as_value, record

__all__ = ["Trace", "Traced", "node_of", "notes_nothing", "record_traced", "traced", "tracing_of"]


_frame, _identity, _new = sys._getframe, object.__hash__, object.__new__
_UNKNOWN_TWICE = UNKNOWN, UNKNOWN


class Traced(Value):  # type: ignore[misc]  # final to everyone else
    """A node whose number is known only when the program runs.

    Comparisons are nodes, for `where`; `&`, `|` and `^` combine them. Whatever would look at the
    number raises TracingError, and so does whatever would compare nodes by identity instead: a set,
    or the keys of a dictionary.
    """

    __slots__ = ()

    def __hash__(self) -> int:
        if not is_library(_frame(1)):
            refuse()
        return _identity(self)

    def __str__(self) -> str:
        if not is_library(sys._getframe(1)):
            refuse()
        return repr(self)

    def __format__(self, specification: str) -> str:
        if specification or not is_library(sys._getframe(1)):
            refuse()
        return repr(self)

    # The arithmetic of most programs, on traced nodes and floats; all else goes through the table.

    def __add__(self, other: Operand) -> Value:
        return _sum(self, other)  # type: ignore[no-any-return]

    def __radd__(self, other: Operand) -> Value:
        return _sum(other, self)  # type: ignore[no-any-return]

    def __sub__(self, other: Operand) -> Value:
        return _difference(self, other)  # type: ignore[no-any-return]

    def __rsub__(self, other: Operand) -> Value:
        return _difference(other, self)  # type: ignore[no-any-return]

    def __mul__(self, other: Operand) -> Value:
        return _product(self, other)  # type: ignore[no-any-return]

    def __rmul__(self, other: Operand) -> Value:
        return _product(other, self)  # type: ignore[no-any-return]

    def __truediv__(self, other: Operand) -> Value:
        return _quotient(self, other)  # type: ignore[no-any-return]

    def __rtruediv__(self, other: Operand) -> Value:
        return _quotient(other, self)  # type: ignore[no-any-return]

    def _compared(self, sign: str, other: Any) -> Any:
        if not comparable(other, sign):
            return NotImplemented
        return record(RULES[sign], (self, as_value(other, sign)))

    def __and__(self, other: Any) -> Any:
        return _joined(self, other, lambda condition: (self, condition, 0.0))

    def __or__(self, other: Any) -> Any:
        return _joined(self, other, lambda condition: (self, 1.0, condition))

    def __xor__(self, other: Any) -> Any:
        return _joined(self, other, lambda condition: (self, condition == 0.0, condition))

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __invert__(self) -> NoReturn:
        raise TracingError(
            "compile: ~ of a comparison is refused: outside a trace a comparison is a bool of "
            "Python's, and ~ of it is always true. Write the opposite comparison, or swap the "
            "operands of where"
        )

    def __float__(self) -> NoReturn:
        refuse()

    __int__ = __complex__ = __float__

    def detach(self) -> Value:
        """Return a node of the same number, cut off from the graph: its derivative is 0."""
        return record(RULES[DETACHED], (self,))


def _operator(op: str) -> Callable[[Any, Any], Any]:
    """Make a function that records an operator; one of its operands is a traced node."""

    def recorded(left: Any, right: Any) -> Any:
        kind = type(left) if type(right) is Traced else type(right)
        if (kind is Traced or kind is float) and notes_nothing():
            if kind is float:
                left, right = _operand(op, left), _operand(op, right)
            return node_of(op, (left, right))
        return _recorded(op, left, right)

    return recorded


_sum, _difference, _product, _quotient = map(_operator, "+-*/")


def notes_nothing() -> bool:
    """Tell whether an operation on traced nodes and constants is recorded by its node alone.

    Example:
        >>> with tracing_of():
        ...     notes_nothing()
        True
    """
    trace = tracing.active.get()
    return trace is not None and not trace.elsewhere and not grad_mode.paused()


def node_of(op: str, parents: tuple[Value, ...]) -> Value:
    """Make the node of an operation on traced nodes and constants, where `notes_nothing` holds.

    Args:
        op: The name of a row of the table.
        parents: Its operands: at least one is traced, and no other is from outside.

    Returns:
        The node that `record` would make.

    Example:
        >>> node_of("neg", (traced("x"),))
        Value(UNKNOWN, grad=0.0, op='neg')
    """
    node: Value = _new(Traced)
    node._number = UNKNOWN
    node._grad = 0.0
    node.parents = parents
    node.local_derivatives = _UNKNOWN_TWICE if len(parents) == 2 else (UNKNOWN,) * len(parents)
    node.op = op
    node._label = None
    return node


_TRACED = {Traced}


def _recorded(op: str, left: Any, right: Any) -> Any:
    x, y = _operand(op, left), _operand(op, right)
    if x is NotImplemented or y is NotImplemented:
        return NotImplemented
    return record(RULES[op], (x, y))


def _joined(value: Value, other: Any, choice: Callable[[Value], tuple[Any, Any, Any]]) -> Any:
    if not isinstance(other, (Value, bool)):
        return NotImplemented
    return record(RULES["where"], tuple([as_value(x) for x in choice(as_value(other))]))


# --- the one point of interception ---------------------------------------------------------------


class Trace:
    """What one call of a function records, and reads from outside.

    Attributes:
        captured: The Values that existed before and that operations have read, in the order in
            which they were met.
        exact: Whether each operation is to be rounded on its own, in the order written.
        elsewhere: The nodes that other threads have made during the call.
        derivatives: How many derivatives are being taken, of functions that run now.
    """

    def __init__(self, exact: bool = False) -> None:
        self.exact = exact
        self.derivatives = 0
        self.captured: dict[Value, None] = {}
        self._made: set[Value] = set()
        self.elsewhere: set[Value] = set()

    def made_elsewhere(self, value: Value) -> None:
        """Note a node that another thread made during the call: it is not traced there."""
        self.elsewhere.add(value)

    def made(self, value: Value) -> None:
        """Note a node whose number is known because the function itself made it."""
        self._made.add(value)

    def is_outside(self, value: Value) -> bool:
        """Tell whether a Value existed before the function was called."""
        return not (type(value) is Traced or value.op is CONSTANT or value in self._made)

    def read(self, operands: Sequence[Value]) -> bool:
        """Note the operands that an operation reads.

        Returns:
            Whether the number of any of them is unknown.
        """
        unknown, elsewhere = False, self.elsewhere
        if not elsewhere and {*map(type, operands)} == _TRACED:
            return True
        for operand in operands:
            if elsewhere and operand in elsewhere:
                refuse(
                    message="compile: the function computes part of its result in another thread, "
                    "where operations are not traced, so that part would be frozen: compute it "
                    "without threads"
                )
            if type(operand) is Traced:
                unknown = True
            elif operand.op is not CONSTANT and operand not in self._made:
                self.captured[operand] = None
                unknown = True
        return unknown


def record_traced(
    data: float, parents: tuple[Value, ...], local_derivatives: tuple[float, ...], op: str
) -> Value:
    """Make the node of an operation: what `new_node` does if a trace may be active."""
    trace = tracing.active.get()
    if trace is not None and trace.read(parents) and data is not UNKNOWN:
        data = UNKNOWN
        if op != LINEAR:  # LINEAR's coefficients are constants
            local_derivatives = (UNKNOWN,) * len(parents)
    unknown = data is UNKNOWN
    node: Value = object.__new__(Traced if unknown else Value)
    node._number, node._grad, node._label = data, 0.0, None
    if grad_mode.paused():
        node.parents, node.local_derivatives, node.op = (), (), UNRECORDED
    else:
        node.parents, node.local_derivatives, node.op = parents, local_derivatives, op
    if trace is None or not unknown:
        tracing.made(node)
    return node


tracing.record_traced = record_traced


@contextmanager
def tracing_of(exact: bool = False) -> Iterator[Trace]:
    """Trace what the running thread records within the block.

    Args:
        exact: Whether each operation is to be rounded on its own, in the order written.

    Returns:
        The trace.

    Example:
        >>> w = Value(2.0)
        >>> with tracing_of() as trace:
        ...     y = w * 3.0
        >>> y.data, list(trace.captured) == [w]
        (UNKNOWN, True)
    """
    trace = Trace(exact)
    token = tracing.active.set(trace)
    tracing.open_traces.append(trace)
    with grad_mode.open_block():
        try:
            yield trace
        finally:
            tracing.open_traces.remove(trace)
            tracing.active.reset(token)


def traced(name: str = "") -> Value:
    """Make a leaf whose number is not known yet: an input of a program.

    Args:
        name: Its name.

    Returns:
        The leaf.

    Example:
        >>> traced("x") * 2.0
        Value(UNKNOWN, grad=0.0, op='*')
    """
    leaf: Value = object.__new__(Traced)
    leaf._number, leaf._grad, leaf._label = UNKNOWN, 0.0, name
    leaf.parents, leaf.local_derivatives, leaf.op = (), (), ""
    return leaf
