"""`Value`: one scalar of the graph, its arithmetic, and `backward()`.

A `Value` is a number that remembers how it was made: its parents, and its local derivative with
respect to each of them, taken when it was made. `backward()` walks the graph from the output to the
inputs and applies the chain rule at each node.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias, final

from autograd import grad_mode, tracing
from autograd.attributes import Attributes
from autograd.choices import PLAIN
from autograd.comparing import COMPARISONS, NumberLike, comparable
from autograd.copying import Copyable
from autograd.errors import outside_domain
from autograd.extended_reals import on_extended_line
from autograd.foreign import ForeignNames, with_advice
from autograd.formulas import loses_parity
from autograd.graph import interior, topological_order
from autograd.helper_rules import DETACHED
from autograd.kinds import CONSTANT, UNRECORDED
from autograd.methods import Elementary
from autograd.operators import TableOperators
from autograd.reals import Plain, as_float, operand_number
from autograd.rule import Rule
from autograd.rules import RULES
from autograd.sums import MANY, parts, propagated_in_parts, shares
from autograd.tracing import UNKNOWN, TracingError, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Operand", "Plain", "Value", "as_value", "new_node", "record"]

Operand: TypeAlias = "Value | Plain"
_new = object.__new__


@final
class Value(Attributes, NumberLike, TableOperators, Elementary, Copyable, ForeignNames):
    """One scalar of the graph.

    Comparisons, `bool` and `round` use `data`; `is` tells whether two names refer to the same node.
    The hash is the node's identity, so nodes can be dictionary keys and set members. A plain number
    that is combined with a Value becomes a leaf of its own, a constant: the data of an interior
    node is always its operation applied to its parents' data. Changing a leaf's `data` later does
    not alter derivatives that are already recorded.

    Attributes:
        data: The number, a float.
        grad: After `backward()`, the derivative of the output with respect to this node. A leaf
            accumulates the derivatives of all passes until `zero_grad()`; an interior node holds
            that of the last pass.
        parents: The nodes that this one was computed from; empty for a leaf.
        local_derivatives: The derivative of this node with respect to each parent, floats.
        op: The name of the operation; empty for a leaf.
        label: A name for errors and drawings, or None.

    Args:
        data: Any real number; stored as a float.
        label: A name for errors and drawings.

    Raises:
        TypeError: `data` is not a real number, or `label` is not a string.
        OverflowError: `data` is too large for a float.

    Example:
        >>> x = Value(2.0, label="x")
        >>> y = x * x + 3.0 * x
        >>> y.backward()
        >>> y.data, x.grad
        (10.0, 7.0)
    """

    # Others access `_number`, `_grad` and `_label` through checked properties.
    __slots__ = ("local_derivatives", "op", "parents")

    parents: tuple[Value, ...]
    local_derivatives: tuple[float, ...]
    op: str

    # Higher than a NumPy scalar's priority, so that np.float64(2) * value calls __rmul__ directly;
    # lower than an array's, so that array * value is elementwise.
    __array_priority__ = -1.0

    def __init__(self, data: Plain, label: str | None = None) -> None:
        self._number = as_float(data, "Value", "a real number")
        self._grad = 0.0
        self.parents = ()
        self.local_derivatives = ()
        self.op = ""
        self._label = None
        if label is not None:
            self.label = label
        if grad_mode.open_blocks:
            tracing.made(self)

    def __init_subclass__(cls) -> None:
        if cls.__module__ != "autograd.traced":
            raise TypeError(
                f"class {cls.__name__}(Value): Value cannot be subclassed, as operations give "
                "plain Values: hold a Value in an attribute, name nodes by their "
                "labels, and add operations by custom_function"
            )

    # --- backpropagation -------------------------------------------------------------------------

    @with_advice(
        retain_graph="a graph stays as it is, and backward() may be called again",
        gradient="the adjoint to start from is the first argument, seed",
        inputs="every node that the output depends on is given its .grad",
    )
    def backward(self, seed: float = 1.0, *, create_graph: bool = False) -> None:
        """Propagate adjoints from this node to every node that it depends on.

        In reverse topological order each node multiplies its adjoint by each of its local
        derivatives and adds the product to that parent's adjoint: the chain rule. An interior
        node's `grad` is set to its adjoint in this pass; a leaf adds its adjoint to the `grad` that
        it has. A zero adjoint contributes nothing, even through an infinite local derivative.

        Args:
            seed: The adjoint to start from.
            create_graph: Whether the pass is itself recorded, so that gradients are Values and can
                be differentiated again.

        Raises:
            TypeError: `seed` is not a real number.
            OverflowError: `seed` is too large for a float.
            KeyError: The pass is to be recorded, but an operation is not in the table.

        Example:
            >>> a, b = Value(2.0), Value(-3.0)
            >>> (a * b + a).backward()
            >>> a.grad, b.grad
            (-2.0, 2.0)
            >>> x = Value(2.0)
            >>> (x**3).backward(create_graph=True)
            >>> slope, x.grad = x.grad, 0.0
            >>> slope.backward()
            >>> slope.data, x.grad
            (12.0, 12.0)
        """
        adjoint = as_float(seed, "Value.backward", "a real number")
        if self._number is UNKNOWN and not create_graph:
            refuse()  # or gradients would stay unknown forever
        nodes = interior(self)
        if create_graph:
            self._record_backward(nodes, adjoint)
            return
        for node in nodes:
            node._grad = 0.0
        self._grad += adjoint
        plan = parts(nodes) if len(nodes) > MANY else None
        if plan:
            propagated_in_parts(nodes, plan, _propagate, attrgetter("_grad"), _set_gradient)
        else:
            _propagate(reversed(nodes))

    if TYPE_CHECKING:  # set by `chain_rule.py`, which imports this module

        def _record_backward(self, nodes: Sequence[Value], adjoint: float) -> None: ...

    def zero_grad(self) -> None:
        """Set `grad` to 0 on this node and on every node that it depends on.

        Example:
            >>> a = Value(2.0)
            >>> y = a * a
            >>> y.backward()
            >>> y.zero_grad()
            >>> a.grad
            0.0
        """
        for node in topological_order(self):
            node._grad = 0.0

    def detach(self) -> Value:
        """Make a leaf with this node's data and label, cut off from the graph.

        Returns:
            A new Value without parents.

        Example:
            >>> (Value(2.0) * 3.0).detach()
            Value(6.0, grad=0.0)
        """
        if tracing.is_outside(self):
            return record(RULES[DETACHED], (self,))
        return Value(self._number, self._label)

    # --- arithmetic: the hottest rows, written out; + and * inline new_node as well --------------

    def __add__(self, other: Operand) -> Value:
        if type(other) is not Value and (other := _operand("+", other)) is NotImplemented:
            return NotImplemented
        if grad_mode.open_blocks:
            return new_node(self._number + other._number, (self, other), (1.0, 1.0), "+")
        node = _new(Value)
        node._number = self._number + other._number
        node._grad = 0.0
        node.parents = (self, other)
        node.local_derivatives = (1.0, 1.0)
        node.op = "+"
        node._label = None
        return node

    def __radd__(self, other: Plain) -> Value:
        left = _operand("+", other)
        return left if left is NotImplemented else left + self

    def __sub__(self, other: Operand) -> Value:
        if type(other) is not Value and (other := _operand("-", other)) is NotImplemented:
            return NotImplemented
        return new_node(self._number - other._number, (self, other), (1.0, -1.0), "-")

    def __rsub__(self, other: Plain) -> Value:
        left = _operand("-", other)
        return left if left is NotImplemented else left - self

    def __mul__(self, other: Operand) -> Value:
        if type(other) is not Value and (other := _operand("*", other)) is NotImplemented:
            return NotImplemented
        x, y = self._number, other._number
        if grad_mode.open_blocks:
            return new_node(x * y, (self, other), (y, x), "*")
        node = _new(Value)
        node._number = x * y
        node._grad = 0.0
        node.parents = (self, other)
        node.local_derivatives = (y, x)
        node.op = "*"
        node._label = None
        return node

    def __rmul__(self, other: Plain) -> Value:
        left = _operand("*", other)
        return left if left is NotImplemented else left * self

    def __truediv__(self, other: Operand) -> Value:
        if type(other) is not Value and (other := _operand("/", other)) is NotImplemented:
            return NotImplemented
        x, y = self._number, other._number
        try:
            quotient = x / y
            derivatives = (1.0 / y, -quotient / y)
        except ZeroDivisionError:
            return record(RULES["/"], (self, other))  # raises, and says at which node
        return new_node(quotient, (self, other), derivatives, "/")

    def __rtruediv__(self, other: Plain) -> Value:
        left = _operand("/", other)
        return left if left is NotImplemented else left / self

    def __neg__(self) -> Value:
        return new_node(-self._number, (self,), (-1.0,), "neg")

    def __pow__(self, other: Operand, modulus: None = None) -> Value:
        if modulus is not None:
            raise TypeError("**: pow() of a Value takes no modulus: write x1 ** x2 % modulus")
        if isinstance(other, Value):
            return record(RULES["**"], (self, other))
        if (exponent := _operand("**", other)) is NotImplemented:
            return NotImplemented
        # No derivative in a plain exponent is taken: for a negative base there is none.
        x, n = self._number, exponent._number
        try:
            power = RULES["**"].evaluate(x, n)
            derivative = n * x ** (n - 1.0) if n else 0.0
            if x < 0.0 and loses_parity(n):
                derivative = -derivative
        except (ArithmeticError, ValueError, TracingError) as error:
            tracing.expected(error)
            node = record(RULES["**"], (self, exponent))
            if node.parents:
                node.local_derivatives = (node.local_derivatives[0], 0.0)
            return node
        return new_node(power, (self, exponent), (derivative, 0.0), "**")

    # --- by the table: see `operators` and `comparing` --------------------------------------------

    @staticmethod
    def _applied(op: str, *operands: Any) -> Any:
        nodes = tuple([_operand(op, operand) for operand in operands])
        if any(node is NotImplemented for node in nodes):
            return NotImplemented
        return record(RULES[op], nodes)

    def _compared(self, sign: str, other: Any) -> bool:
        if not comparable(other, sign):
            return NotImplemented  # type: ignore[no-any-return]
        if grad_mode.open_blocks and tracing.is_awaited(operands := (self, as_value(other, sign))):
            return record(RULES[sign], operands)  # type: ignore[return-value]
        number = other._number if isinstance(other, Value) else other
        return bool(COMPARISONS[sign](self._number, number))


def _set_gradient(node: Value, adjoint: float) -> None:
    node._grad = adjoint


def _propagate(nodes: Iterator[Value]) -> None:
    """Have each node pass its contributions on to its parents."""
    for node in nodes:
        adjoint = node._grad
        if adjoint:
            derivatives = node.local_derivatives
            # (adjoint - adjoint is 0 unless it is infinite or nan)
            is_special = node.op not in PLAIN and (len(derivatives) > MANY or adjoint - adjoint)
            if is_special and (grouped := shares(node, adjoint)):
                for parent, share in grouped.items():
                    parent._grad += share
                continue
            i = 0  # counted by hand: on the two parents of most nodes, zip costs twice as much
            for parent in node.parents:
                parent._grad += adjoint * derivatives[i]
                i += 1  # noqa: SIM113


# --- recording -----------------------------------------------------------------------------------


def record(rule: Rule, operands: tuple[Value, ...]) -> Value:
    """Apply a row of the table to nodes, and record the result as their child.

    Args:
        rule: The row.
        operands: Its operands, in order.

    Returns:
        The new node.

    Raises:
        ArithmeticError, ValueError: The operands are off the row's domain; the message names the
            operation, its operands and their labels.

    Example:
        >>> record(RULES["exp"], (Value(0.0),))
        Value(1.0, grad=0.0, op='exp')
    """
    xs = [operand._number for operand in operands]
    if grad_mode.open_blocks and type(rule.name) is str:  # (one's own may look at other operands)
        for x in xs:
            if x is UNKNOWN:
                return new_node(UNKNOWN, operands, (UNKNOWN,) * len(xs), rule.name)
    try:
        y = rule.evaluate(*xs)
        derivatives = rule.local_derivatives(y, *xs)
    except (ArithmeticError, ValueError, TracingError) as error:
        if tracing.expected(error) or tracing.is_awaited(operands):
            return new_node(UNKNOWN, operands, (UNKNOWN,) * len(xs), rule.name)
        if not on_extended_line.get():
            raise outside_domain(error, rule.name, rule.operands, operands, rule.domain) from None
        y = rule.extended(*xs)
        derivatives = rule.local_derivatives(y, *xs)
    return new_node(y, operands, derivatives, rule.name)


def as_value(operand: Operand, operation: str = "Value") -> Value:
    """Return a Value as it is, and make a constant of a plain number.

    Args:
        operand: A Value or a real number.
        operation: The caller's name, for the error.

    Returns:
        A node.

    Raises:
        TypeError: The operand is neither.

    Example:
        >>> as_value(2).op is CONSTANT
        True
    """
    return operand if isinstance(operand, Value) else _constant(as_float(operand, operation))


def new_node(
    data: float, parents: tuple[Value, ...], local_derivatives: tuple[float, ...], op: str
) -> Value:
    """Make an interior node; inside `no_grad`, a leaf.

    Args:
        data: Its number.
        parents: The nodes it was computed from.
        local_derivatives: Its derivative with respect to each of them.
        op: The name of the operation.

    Returns:
        The node.

    Example:
        >>> new_node(4.0, (Value(2.0),), (4.0,), "square")
        Value(4.0, grad=0.0, op='square')
    """
    if data is UNKNOWN or (grad_mode.open_blocks and tracing.active.get() is not None):
        return tracing.record_traced(data, parents, local_derivatives, op)  # type: ignore[no-any-return]
    node = _new(Value)
    node._number = data
    node._grad = 0.0
    if grad_mode.open_blocks and grad_mode.paused():
        node.parents = ()
        node.local_derivatives = ()
        node.op = UNRECORDED
    else:
        node.parents = parents
        node.local_derivatives = local_derivatives
        node.op = op
    node._label = None
    if grad_mode.open_blocks:
        tracing.made(node)
    return node


# --- operands ------------------------------------------------------------------------------------


def _constant(data: float) -> Value:
    return new_node(data, (), (), CONSTANT)


def _operand(operation: str, other: Any) -> Any:
    """Make a node of an operand; return NotImplemented for the types of other libraries."""
    kind = type(other)
    if kind is Value:
        return other
    if kind is int:
        try:
            other = float(other)
        except OverflowError:
            as_float(other, operation)  # raises, and says who asks
        kind = float
    if kind is float:
        if grad_mode.open_blocks:
            return _constant(other)
        node = _new(Value)
        node._number = other
        node._grad = 0.0
        node.parents = node.local_derivatives = ()
        node.op = CONSTANT
        node._label = None
        return node
    if isinstance(other, Value):
        return other
    number = operand_number(other, operation)
    return number if number is NotImplemented else _constant(number)
