"""`Value`: one scalar of the graph, its arithmetic, and `backward()`.

A `Value` is a number that remembers how it was made: its parents, and its local derivative with
respect to each of them, taken when it was made. `backward()` walks the graph from the output to the
inputs and applies the chain rule at each node.
"""

from __future__ import annotations

import functools
import math
import operator
import sys
from contextlib import suppress
from contextvars import ContextVar
from numbers import Complex, Number, Real
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, final

from autograd import pausing, tracing
from autograd.copying import Copyable
from autograd.errors import outside_domain, refuse_mask, shown, wrong_type
from autograd.extended import Extended, extended
from autograd.foreign import ForeignNames, with_advice
from autograd.graph import (
    MANY,
    dependents,
    interior,
    leaves,
    parts,
    propagated_in_parts,
    shares,
    topological_order,
)
from autograd.methods import Elementary
from autograd.rules import (
    CHAIN_PRODUCT,
    DETACHED,
    EXTENDED,
    FLOATS,
    KINKED,
    LINEAR,
    RULES,
    VALUES,
    OwnName,
    Rule,
    loses_parity,
    rule_of,
)
from autograd.signatures import Plain
from autograd.special import sum_of_products
from autograd.tracing import UNKNOWN, TracingError, Unknown, expected, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

__all__ = [
    "BUFFER", "CONSTANT", "FROZEN", "LINKED_PARAMETER", "PARAMETER", "PARAMETER_KINDS",
    "UNRECORDED", "ChainRule", "Kind", "Operand", "Plain", "Value", "added", "as_float",
    "as_value", "comparable", "guarded_product", "has_domain", "is_zero", "kink", "linear",
    "linked",
    "new_node", "partials", "record", "recorded_adjoints", "showing_nan", "within_domain",
]  # fmt: skip

Operand: TypeAlias = "Value | Plain"


class Kind(str):
    """The `op` of a node that is told apart from others of the same `op`, by identity.

    The `op` of a leaf is empty, and which kind of leaf it is, `leaf.op is CONSTANT` tells. A
    subclass of Value would tell it too, but slow the interpreter down where nodes of two classes
    meet in one loop.
    """

    name: str

    def __new__(cls, name: str, op: str = "") -> Kind:  # noqa: D102
        kind = super().__new__(cls, op)
        kind.name = name
        return kind

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> str:
        return self.name


CONSTANT = Kind("CONSTANT")
"""A plain number that took part in an operation."""
PARAMETER = Kind("PARAMETER")
"""A parameter of a model, to be changed by training."""
FROZEN = Kind("FROZEN")
"""A parameter of a model that training leaves as it is."""
BUFFER = Kind("BUFFER")
"""A number of a model's state that is no parameter, such as a running average."""
UNRECORDED = Kind("UNRECORDED")
"""What an operation has given where nothing is recorded."""
LINKED_PARAMETER = Kind("LINKED_PARAMETER", LINEAR)
"""A node that stands for a parameter of a model that is being differentiated: see `linked`."""
PARAMETER_KINDS = (PARAMETER, FROZEN, LINKED_PARAMETER)
"""What is, or stands for, a parameter."""


@final
class Value(Elementary, Copyable, ForeignNames):
    """One scalar of the graph.

    Comparisons, `bool` and `round` are those of `data`; whether two are the same node, `is` tells.
    The hash is the node's identity, so nodes can be dictionary keys and set members. A plain
    number that meets a Value becomes a leaf of its own, a constant: the data of a node is always
    its operation applied to its parents' data. Changing a leaf's `data` afterwards does not alter
    derivatives already recorded.

    Attributes:
        data: The number, a float.
        grad: After `backward()`, the derivative of the output with respect to this node. A leaf
            adds up the derivatives of all passes until `zero_grad()`; an interior node holds the
            last pass's.
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

    # What the engine writes it has checked, or computed; what others write is checked on its way:
    # see the properties `data`, `grad` and `label`.
    __slots__ = ("_grad", "_label", "_number", "local_derivatives", "op", "parents")

    _number: float
    _grad: float
    _label: str | None
    parents: tuple[Value, ...]
    local_derivatives: tuple[float, ...]
    op: str

    # Above a NumPy scalar's priority, so that np.float64(2) * value comes straight to __rmul__,
    # below an array's, so that array * value is elementwise.
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
        if pausing.open_blocks:
            self._restored()

    def __init_subclass__(cls) -> None:
        if cls.__module__ != "autograd.traced":
            raise TypeError(
                f"class {cls.__name__}(Value): Value cannot be subclassed, as operations give "
                "plain Values: hold a Value in an attribute, name nodes by their "
                "labels, and add operations by custom_function"
            )

    @property
    def data(self) -> float:
        """The number.

        Set it to any real number: it is kept as a float. To set it to a Value is a TypeError; set
        it to the Value's own `data`. Within a function that is being traced, the number of a Value
        from outside cannot be asked for: it is an input of the program, read anew at each call.
        """
        if pausing.open_blocks and not tracing.is_library(sys._getframe(1)):
            return _known(self)
        return self._number

    @data.setter
    def data(self, number: Plain) -> None:
        if type(number) is float:
            self._number = number
        elif isinstance(number, Value):
            raise TypeError(
                f"Value.data: expected a real number, got a Value: {shown(number)}; its number is "
                "its .data: w.data -= rate * w.grad, where rate and w.grad are numbers"
            )
        else:
            self._number = as_float(number, "Value.data", "a real number")

    @property
    def grad(self) -> float:
        """The derivative of the last output with respect to this node; see the class.

        It may be set to any real number, and None is the same as 0. Gradients of a recorded pass
        are Values, and stay so. Within a function that is being traced, the gradient of a Value
        from outside cannot be asked for, unless the function itself has recorded it.
        """
        if pausing.open_blocks and not tracing.is_library(sys._getframe(1)):
            return _known_gradient(self)
        return self._grad

    @grad.setter
    def grad(self, number: Plain | Value | None) -> None:
        if type(number) is float or isinstance(number, Value):
            self._grad = number  # type: ignore[assignment]
        else:
            self._grad = 0.0 if number is None else as_float(number, "Value.grad", "a real number")

    @property
    def label(self) -> str | None:
        """A name for errors and drawings, or None."""
        return self._label

    @label.setter
    def label(self, text: str | None) -> None:
        if text is not None and not isinstance(text, str):
            raise TypeError(
                f"Value: a label must be a str or None, got {type(text).__name__}: {shown(text)}"
            )
        self._label = text

    def __repr__(self) -> str:
        op = f", op={self.op!r}" if self.op else ""
        label = f", label={self._label!r}" if self._label is not None else ""
        grad: Any = self._grad  # which may be a node, and this one on its graph
        number = grad._number if isinstance(grad, Value) else grad
        data = self._number
        if pausing.open_blocks and (trace := tracing.active.get()) and trace.is_outside(self):
            data = number = UNKNOWN
        return f"Value({data!r}, grad={number!r}{op}{label})"

    def __str__(self) -> str:
        if pausing.open_blocks and not tracing.is_library(sys._getframe(1)):
            _known(self)
        return repr(self)

    def __format__(self, specification: str) -> str:
        if pausing.open_blocks and not tracing.is_library(sys._getframe(1)):
            _known(self)
        return format(self._number, specification) if specification else repr(self)

    def _before_copying(self) -> None:
        _known(self)  # a copy would keep the number that there is while a function is traced

    def _restored(self) -> None:
        trace = tracing.active.get()
        if trace is None:
            _made_elsewhere(self)
        elif self._number is not UNKNOWN:
            trace.made(self)

    # --- backpropagation -------------------------------------------------------------------------

    @with_advice(
        retain_graph="a graph stays as it is, and backward() may be called again",
        gradient="the adjoint to start from is the first argument, seed",
        inputs="every node that the output depends on is given its .grad",
    )
    def backward(self, seed: float = 1.0, *, create_graph: bool = False) -> None:
        """Propagate adjoints from this node to every node that it depends on.

        In reverse topological order each node hands its adjoint, times its local derivative, to
        each of its parents, where the contributions add up: the chain rule. Interior nodes are
        given this pass's adjoint; leaves add it to the `grad` they have. A zero adjoint contributes
        nothing, even through an infinite local derivative.

        Args:
            seed: The adjoint to start from.
            create_graph: Whether the pass is itself recorded, so that gradients are Values and can
                be differentiated in their turn.

        Raises:
            TypeError: `seed` is not a real number.
            OverflowError: `seed` is too large for a float.
            KeyError: The pass is to be recorded, and an operation is not in the table.

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
            refuse()  # or gradients would stay unknown for ever
        nodes = interior(self)
        if create_graph:
            _record_backward(self, nodes, adjoint)
            return
        for node in nodes:
            node._grad = 0.0
        self._grad += adjoint
        plan = parts(nodes) if len(nodes) > MANY else None
        if plan:
            propagated_in_parts(nodes, plan, _propagate, _gradient, _set_gradient)
        else:
            _propagate(reversed(nodes))

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
        """Give a leaf with this node's data and label, cut off from the graph.

        Returns:
            A new Value without parents.

        Example:
            >>> (Value(2.0) * 3.0).detach()
            Value(6.0, grad=0.0)
        """
        if pausing.open_blocks and (trace := tracing.active.get()) and trace.is_outside(self):
            return record(RULES[DETACHED], (self,))
        return Value(self._number, self._label)

    # --- arithmetic: the hottest rows of the table, written out, + and * with new_node as well ----

    def __add__(self, other: Operand) -> Value:
        if type(other) is not Value and (other := _operand("+", other)) is NotImplemented:
            return NotImplemented
        if pausing.open_blocks:
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
        if pausing.open_blocks:
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
        # Of a plain exponent no derivative is taken: of a negative base there is none.
        x, n = self._number, exponent._number
        try:
            power = RULES["**"].evaluate(x, n)
            derivative = n * x ** (n - 1.0) if n else 0.0
            if x < 0.0 and loses_parity(n):
                derivative = -derivative
        except (ArithmeticError, ValueError, TracingError) as error:
            if isinstance(error, TracingError):
                expected(error)
            node = record(RULES["**"], (self, exponent))
            if node.parents:
                node.local_derivatives = (node.local_derivatives[0], 0.0)
            return node
        return new_node(power, (self, exponent), (derivative, 0.0), "**")

    # --- arithmetic: by the table ----------------------------------------------------------------

    def __pos__(self) -> Value:
        return self

    def __abs__(self) -> Value:
        return record(RULES["abs"], (self,))

    def __floordiv__(self, other: Operand) -> Value:
        return _binary("//", self, other)

    def __mod__(self, other: Operand) -> Value:
        return _binary("%", self, other)

    def __divmod__(self, other: Operand) -> tuple[Value, Value]:
        return self // other, self % other

    def __rpow__(self, other: Plain) -> Value:
        return _binary("**", other, self)

    def __rfloordiv__(self, other: Plain) -> Value:
        return _binary("//", other, self)

    def __rmod__(self, other: Plain) -> Value:
        return _binary("%", other, self)

    def __rdivmod__(self, other: Plain) -> tuple[Value, Value]:
        return other // self, other % self

    # --- as a number: on data --------------------------------------------------------------------

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return _compared("==", self, other)

    def __ne__(self, other: object) -> bool:
        return _compared("!=", self, other)

    def __lt__(self, other: Operand) -> bool:
        return _compared("<", self, other)

    def __le__(self, other: Operand) -> bool:
        return _compared("<=", self, other)

    def __gt__(self, other: Operand) -> bool:
        return _compared(">", self, other)

    def __ge__(self, other: Operand) -> bool:
        return _compared(">=", self, other)

    def __bool__(self) -> bool:
        return bool(_known(self))

    def __round__(self, digits: int | None = None) -> float:
        return round(_known(self), digits)

    def __floor__(self) -> int:
        return math.floor(_known(self))

    def __ceil__(self) -> int:
        return math.ceil(_known(self))

    def __trunc__(self) -> int:
        return math.trunc(_known(self))

    def __float__(self) -> NoReturn:
        raise TypeError(
            f"{shown(self)} is not converted to a plain number, which would lose the gradient: use "
            "autograd's function (autograd.sin(v), not math.sin(v)), or v.data where you want the "
            "number"
        )

    __int__ = __complex__ = __float__

    def conjugate(self) -> Value:
        """Return the node itself, a real number: what NumPy's `var` and `vdot` ask for.

        Example:
            >>> x = Value(2.0)
            >>> x.conjugate() is x
            True
        """
        return self


def _gradient(node: Value) -> float:
    return node._grad


def _set_gradient(node: Value, adjoint: float) -> None:
    node._grad = adjoint


def _propagate(nodes: Iterator[Value]) -> None:
    """Have each node hand its parents their share of its adjoint."""
    for node in nodes:
        adjoint = node._grad
        if adjoint:
            derivatives = node.local_derivatives
            if len(derivatives) > MANY and (grouped := shares(node, adjoint)):
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
        ArithmeticError, ValueError: What the row's evaluation raises off its domain, with the
            operation, its operands and their labels in the message.

    Example:
        >>> record(RULES["exp"], (Value(0.0),))
        Value(1.0, grad=0.0, op='exp')
    """
    xs = [operand._number for operand in operands]
    try:
        y = rule.evaluate(*xs)
        derivatives = rule.local_derivatives(y, *xs)
    except TracingError as error:
        expected(error)
        return new_node(UNKNOWN, operands, (UNKNOWN,) * len(xs), rule.name)
    except (ArithmeticError, ValueError) as error:
        if pausing.open_blocks and (trace := tracing.active.get()) and trace.read(operands):
            return new_node(UNKNOWN, operands, (UNKNOWN,) * len(xs), rule.name)
        if not _on_extended_line.get():
            raise outside_domain(error, rule.name, rule.operands, operands, rule.domain) from None
        evaluate = extended(rule.evaluate)
        if not rule.of_sequence and not isinstance(rule.name, OwnName):
            evaluate = getattr(EXTENDED, rule.name, evaluate)  # where an infinity has its sign
        y = float(evaluate(*map(Extended, xs)))
        derivatives = rule.local_derivatives(y, *xs)
    return new_node(y, operands, derivatives, rule.name)


def linear(coefficients: tuple[float, ...], operands: tuple[Value, ...]) -> Value:
    """Record the sum of coefficients times nodes, as a node whose parents are the nodes alone.

    A dot product with plain numbers is linear in what remains; its partial derivatives are those
    numbers, at every order as recorded. A neuron fed with data so costs half of what it would if
    each number became a constant node.

    Args:
        coefficients: One float an operand.
        operands: The nodes.

    Returns:
        The new node; its `local_derivatives` are the coefficients.

    Example:
        >>> linear((2.0, 3.0), (Value(1.0), Value(4.0)))
        Value(14.0, grad=0.0, op='linear')
    """
    data = sum_of_products(coefficients, [operand._number for operand in operands])
    return new_node(data, operands, coefficients, LINEAR)


def linked(value: Value) -> Value:
    """Make a node that stands for another, and can be told apart from it.

    To differentiate with respect to a node that other parts of a graph use as well is to
    differentiate with respect to a node of one's own that stands for it.

    Args:
        value: The node; of a parameter, the stand-in is taken for one too.

    Returns:
        A node of the same data and label, whose derivative with respect to the node is 1.

    Example:
        >>> x = Value(2.0, "x")
        >>> linked(x)
        Value(2.0, grad=0.0, op='linear', label='x')
    """
    is_parameter = any(value.op is kind for kind in PARAMETER_KINDS)
    op = LINKED_PARAMETER if is_parameter else LINEAR
    node = new_node(value._number, (value,), (1.0,), op)
    node._label = value._label
    return node


def as_value(operand: Operand, operation: str = "Value") -> Value:
    """Take a Value as it is, and make a constant of a plain number.

    Args:
        operand: A Value or a real number.
        operation: Who asks, for the error.

    Returns:
        A node.

    Raises:
        TypeError: The operand is neither.

    Example:
        >>> as_value(2).op is CONSTANT
        True
    """
    return operand if isinstance(operand, Value) else _constant(as_float(operand, operation))


def as_float(number: object, operation: str, expected: str = "a Value or a real number") -> float:
    """Convert a real number to a float.

    Args:
        number: A `numbers.Real` (int, bool, Fraction, NumPy's scalars) or a Decimal.
        operation: Who asks, for the error.
        expected: What would have been right, for the error.

    Returns:
        The float.

    Raises:
        TypeError: It is not a real number; a Value is not one.
        OverflowError: It is too large for a float.

    Example:
        >>> from fractions import Fraction
        >>> as_float(Fraction(1, 4), "exp")
        0.25
    """
    if type(number) is float:
        return number
    if (
        isinstance(number, Real)
        or (isinstance(number, Number) and not isinstance(number, Complex))  # Decimal
        or _is_array_scalar(number, operation)
    ):
        try:
            return float(number)  # type: ignore[arg-type]
        except (OverflowError, ValueError) as error:  # the latter of a signalling nan
            raise type(error)(f"{operation}: {error}") from None
        except TypeError:  # of NumPy's durations, which it calls integers
            pass
    if isinstance(number, Unknown):
        refuse()
    raise wrong_type(operation, number, expected)


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
    if data is UNKNOWN or (pausing.open_blocks and tracing.active.get() is not None):
        return tracing.record_traced(data, parents, local_derivatives, op)  # type: ignore[no-any-return]
    node = _new(Value)
    node._number = data
    node._grad = 0.0
    if pausing.open_blocks and pausing.paused():
        node.parents = ()
        node.local_derivatives = ()
        node.op = UNRECORDED
    else:
        node.parents = parents
        node.local_derivatives = local_derivatives
        node.op = op
    node._label = None
    if pausing.open_blocks:
        _made_elsewhere(node)
    return node


def _made_elsewhere(node: Value) -> None:
    """Let the traces of other threads know of a node of this one, which traces nothing."""
    for trace in tuple(tracing.open_traces):
        trace.made_elsewhere(node)


# --- recording the backward pass -----------------------------------------------------------------


def partials(node: Value) -> Sequence[Value | float]:
    """Give a node's local derivatives as expressions of its operands, which can be differentiated.

    Args:
        node: An interior node.

    Returns:
        One a parent: a Value, or a plain number where it does not vary.

    Raises:
        KeyError: Its operation is not in the table.

    Example:
        >>> x = Value(2.0)
        >>> partials(x * x)[0] is x
        True
    """
    if node.op == LINEAR:
        return node.local_derivatives
    if node.op == CHAIN_PRODUCT and _is_mask(node.parents[1]):
        return node.parents[::-1]  # nothing infinite to guard from
    rule = rule_of(node.op)
    if rule is None:
        raise KeyError(
            f"{node.op!r} is not in the table of functions, so the derivative of its derivative is "
            "not known: add it by custom_function"
        )
    operands = _operands(node)
    try:
        derivatives = rule.partials(_OF_PARTIALS, node, *operands)
    except (ArithmeticError, ValueError):  # infinite: computed once more, where nothing raises
        before = _on_extended_line.set(True)
        try:
            derivatives = rule.partials(_OF_PARTIALS, node, *node.parents)
        finally:
            _on_extended_line.reset(before)
    if node.op == CHAIN_PRODUCT and (masked := _masked(node.parents[0])) is not None:
        derivatives = VALUES.where(masked, 0.0, derivatives[0]), derivatives[1]
    return derivatives


def within(node: Value, factor: Value | float = 1.0) -> Any:
    """Tell whether a traced node is within its domain, where its derivatives would not show it.

    Args:
        node: An interior node.
        factor: What they are multiplied by: 0 where nothing of them is used.

    Returns:
        A condition, True where it need not be asked.
    """
    rule = rule_of(node.op)
    if rule is None or node._number is not UNKNOWN:
        return True
    is_dropped = is_zero(factor)
    if node.op == "**" and (exponent := node.parents[1]).op is CONSTANT:
        if exponent._number.is_integer() and not is_dropped:
            return True
        # Of an exponent of 1e-20, that of the derivative is rounded to -1.
        if isinstance(factor, Value) or is_dropped or abs(exponent._number) < 2.0**-53:
            return node == node
        return True
    if rule.within is not None:
        return rule.within(_OF_PARTIALS, *_operands(node))
    if is_dropped and node.op in ("/", "reciprocal"):
        return node.parents[-1] != 0.0
    # Of one's own, and where a derivative may be infinite, its value tells.
    may_vanish = is_dropped or (isinstance(factor, Value) and (node.op in STEEP or rule.by_python))
    is_needed = rule.domain and may_vanish
    return node == node if is_needed or isinstance(node.op, OwnName) else True


def kink(node: Value, of_traced: bool) -> Value | None:
    """Tell whether a node's operation is at a kink, as an expression of its operands.

    Args:
        node: An interior node.
        of_traced: Whether to tell it of a traced node, which may turn out to be at one.

    Returns:
        A node that is other than 0 at a kink, None where there is none.

    Example:
        >>> kink(abs(Value(0.0)), True).data, kink(abs(Value(1.0)), True)
        (1.0, None)
    """
    rule = rule_of(node.op)
    if rule is None or rule.kinks is None:
        return None
    if node._number is UNKNOWN:
        if not of_traced:
            return None
    elif not rule.kinks(FLOATS, node._number, *[parent._number for parent in node.parents]):
        return None
    condition = rule.kinks(_OF_PARTIALS, node, *_operands(node))
    return None if is_zero(condition) else as_value(condition)


def _operands(node: Value) -> list[Value | float]:
    """List a node's operands for an expression: constants as floats."""
    return [parent._number if parent.op is CONSTANT else parent for parent in node.parents]


class _Partials:
    """The functions on Values, where the choice by a plain condition needs no node."""

    def __getattr__(self, name: str) -> Any:
        return getattr(VALUES, name)

    @staticmethod
    def where(condition: Operand | bool, x1: Operand, x2: Operand) -> Any:
        if isinstance(condition, Value):
            is_known = condition._number is not UNKNOWN and not pausing.open_blocks
            if not (is_known and _is_finite_number(x1) and _is_finite_number(x2)):
                return VALUES.where(condition, x1, x2)
            condition = bool(condition._number)  # of which a choice of numbers has no derivative
        return x1 if condition else x2


def _is_finite_number(x: Operand) -> bool:
    return type(x) is float and math.isfinite(x)


_OF_PARTIALS = _Partials()

# Whether the running code computes partial derivatives where some are infinite.
_on_extended_line: ContextVar[bool] = ContextVar("on_extended_line", default=False)


def recorded_adjoints(
    root: Value,
    order: Sequence[Value],
    among: Container[Value],
    seed: Value | float = 1.0,
    *,
    again: bool = True,
) -> dict[Value, Value | float]:
    """Apply the chain rule as `backward` does, and record it.

    Args:
        root: The node to differentiate.
        order: The interior nodes that it depends on, parents first.
        among: The nodes on the way to those with respect to which the derivative is wanted.
        seed: The adjoint to start from.
        again: Whether the result, if it is traced, may be differentiated in its turn.

    Returns:
        The adjoint of each node within that is reached: a Value, or a plain number where it does
        not vary.

    Raises:
        KeyError: An operation is not in the table.

    Example:
        >>> x = Value(3.0)
        >>> y = x * x
        >>> recorded_adjoints(y, [y], {x, y})[x].data
        6.0
    """
    found: dict[Value, Value | float] = {}
    waiting: dict[Value, list[Value | float]] = {root: [seed]}
    chain = ChainRule(order, again)
    passing = showing_nan([root], order)
    for node in reversed(order):
        if node not in among or not (node in waiting or node in passing):
            continue
        adjoint = added(waiting.pop(node)) if node in waiting else 0.0
        if node in passing:
            adjoint = within_domain(node, adjoint)
        found[node] = adjoint
        if is_zero(adjoint):
            continue
        derivatives = partials(node)
        if node not in passing and node._number is UNKNOWN:
            factor = within_domain(node, 1.0)
            if isinstance(factor, Value):
                derivatives = [derivative * factor for derivative in derivatives]
        for parent, partial in zip(node.parents, derivatives, strict=True):
            if parent in among:
                product = chain.product(adjoint, partial, node, parent)
                if not is_zero(product):
                    waiting.setdefault(parent, []).append(product)
    found.update((node, added(terms)) for node, terms in waiting.items())
    return found


def within_domain(node: Value, factor: Value | float) -> Value | float:
    """Make a factor of a traced node's derivatives nan off its domain: machine code cannot raise.

    Args:
        node: An interior node.
        factor: The factor.

    Returns:
        The factor, or a choice of nan instead.
    """
    inside = within(node, factor)
    if not isinstance(inside, Value) and inside:
        return factor
    if type(factor) is float:
        return VALUES.where(inside, factor, math.nan)  # type: ignore[no-any-return]
    return factor * VALUES.where(inside, 1.0, math.nan)  # type: ignore[no-any-return]


def has_domain(node: Value) -> bool:
    """Tell whether a traced node may be off its domain, so that `within_domain` has to ask.

    Args:
        node: An interior node.
    """
    rule = rule_of(node.op)
    return (
        rule is not None
        and node._number is UNKNOWN
        and bool(rule.domain or rule.within or isinstance(node.op, OwnName))
    )


def showing_nan(roots: Sequence[Value], order: Sequence[Value]) -> dict[Value, int]:
    """Tell of traced nodes in which of some roots a nan of theirs shows.

    Off the domain of such a node that root is nan, and so must be its derivative, though a zero
    adjoint comes to the node. A choice may leave a nan out, and then does so in the derivative.

    Args:
        roots: Some nodes.
        order: The interior nodes that they depend on, parents first.

    Returns:
        For each node a bit for each root, the first of the lowest value; nothing of nodes in none,
        and nothing at all where no node has a domain.
    """
    showing: dict[Value, int] = {}
    if not any(map(has_domain, order)):
        return showing
    for place, root in enumerate(roots):
        if root._number is UNKNOWN:
            showing[root] = showing.get(root, 0) | 1 << place
    for node in reversed(order):
        bits = showing.get(node)
        if bits and not isinstance(node.op, OwnName):
            for parent in node.parents[: DROPPING.get(node.op)]:
                showing[parent] = showing.get(parent, 0) | bits
    return showing


def added(terms: Sequence[Value | float]) -> Value | float:
    """Add up adjoints or tangents and record it: of few in their order, of many with one rounding.

    Args:
        terms: At least one.

    Returns:
        A Value, or a plain number where all are.

    Example:
        >>> added([0.1] * 10_000)
        1000.0
    """
    if len(terms) > MANY and not any(plain is UNKNOWN for plain in map(_data, terms)):
        # (What is traced stays a chain, of which the compiler makes sums of products.)
        with suppress(ArithmeticError, ValueError):  # infinite: as `+` has it
            total: Value | float = VALUES.sum(terms)
            return total
    return functools.reduce(operator.add, terms)


def _data(number: Value | float) -> float:
    return number._number if isinstance(number, Value) else number


class ChainRule:
    """The products of one recorded pass, and what becomes of kinks in it.

    At a kink a first derivative is agreed on; a second one does not exist. So each product that
    comes from a kink is marked: it is recorded as `KINKED`, which has the product's value, and a
    derivative of nan. A product with a factor that depends on a node at a kink is marked as well:
    its derivative is nan with respect to whatever that node depends on.

    Args:
        order: The interior nodes of the pass.
        again: Whether its result, if it is traced, may be differentiated in its turn.
        forwards: Whether tangents flow, from parents to children.
    """

    def __init__(self, order: Sequence[Value], again: bool, forwards: bool = False) -> None:
        self.again, self.forwards = again, forwards
        # Whether a pass has been recorded before this one, among traced nodes.
        self.is_later = any(node.op in (CHAIN_PRODUCT, KINKED) for node in order)
        self._nodes: set[Value] = set()
        # Of nodes at a kink the condition; of those that depend on one; of what came through one.
        self._kinks: dict[Value, Value] = {}
        self._involved: dict[Value, Value] = {}
        self._marks: dict[Value, Value] = {}
        # As the last two, of those whose number jumps, and of what it was a factor of.
        self._jumping: dict[Value, Value] = {}
        self._jumps: dict[Value, Value] = {}
        self._sources_of: dict[Value, set[Value]] = {}
        for node in order:
            at_kink = kink(node, again or self.is_later)
            if at_kink is not None:
                self._kinks[node] = at_kink
            if self._kinks and (again or node._number is not UNKNOWN):
                found = _marks_of_operands(node, self._involved)
                marks = dict.fromkeys(mark for mark in (at_kink, *found) if mark is not None)
                if marks:
                    self._involved[node] = functools.reduce(operator.add, marks)
                found = _marks_of_operands(node, self._jumping)
                found.append(at_kink if node.op in JUMPS else None)
                marks = dict.fromkeys(mark for mark in found if mark is not None)
                if marks:
                    self._jumping[node] = functools.reduce(operator.add, marks)
        if self._involved:
            self._nodes = set(order)

    def product(
        self, flow: Value | float, partial: Value | float, source: Value, target: Value
    ) -> Value | float:
        """Multiply what a node hands on by a local derivative.

        A zero adjoint contributes nothing, whatever it meets: an unused branch must not turn into
        nan. Nor does a local derivative that is 0 and stays so, as that in a branch not taken.

        Args:
            flow: The adjoint of the source; forwards, its tangent.
            partial: The local derivative.
            source: The node that hands on.
            target: The node that it is handed to.

        Returns:
            The product, without a node where a factor is the number 1.
        """
        node = target if self.forwards else source
        mark, at_kink = self._marks.get(source), self._kinks.get(node)
        # The tangent of a mask is 0, save where it jumps, and then contributes nothing either.
        forwards = self.forwards and not (self.is_later and _is_mask(source))
        if at_kink is None and not self.forwards:
            if _is_agreed(flow, partial):
                at_kink = as_value(1.0)
            elif self.again and node.op in STEEP and isinstance(flow, Value):
                at_kink = _may_be_agreed(flow, partial)
        # A mask of 0 stands for a branch that is not taken; the node's own is 0 at its jumps too.
        at_kink, mark = _unless_masked(at_kink, flow), _unless_masked(mark, flow, partial)
        if at_kink is None:
            product = self._smooth(flow, partial, mark, node, forwards)
        else:
            product = self._smooth(flow, partial, None, node, forwards)
            if at_kink._number is UNKNOWN:
                if self.is_later:  # a nan gets through a kink, though not through other choices
                    direct = guarded_product(flow, partial, forwards)
                    product = VALUES.where(at_kink, direct, product)
                if not self.again:
                    return product
            if self.forwards and mark is not None:  # as in _smooth
                product = _marked(product, partial, mark)
            mark = at_kink if mark is None else mark + at_kink
            product = _marked(product, flow, mark)
        if self._jumping and not is_zero(product):
            product = self._after_jumps(product, flow, partial, source, target)
        if mark is not None and not is_zero(product):
            known = self._marks.get(target)
            self._marks[target] = mark if known is None or known is mark else known + mark
        return product

    def _smooth(
        self,
        flow: Value | float,
        partial: Value | float,
        mark: Value | None,
        node: Value,
        forwards: bool,
    ) -> Value | float:
        """Multiply, and mark the product where it comes from a kink, or depends on one."""
        at_kink = node in self._kinks and node._number is not UNKNOWN  # marked anyway
        involved = None if at_kink else _unless_masked(self._involvement(partial), flow)
        if type(flow) is float and flow == 1.0 and mark is None and involved is None:
            return partial
        if type(partial) is float:
            if partial == 1.0:
                return flow
            if not partial and (self.forwards or self._is_finite(flow, node)):
                return 0.0
            return guarded_product(flow, partial, forwards)
        # (A step's derivative is a choice of nan alone: an infinite adjoint times its 0 is nan.)
        choice = _choice(partial) if self.is_later or mark is not None else None
        if choice is not None and node.op not in STEPS:
            # As a factor it would let a nan through the branch that is not taken.
            condition, *branches = choice
            x1, x2 = (self._smooth(flow, branch, mark, node, forwards) for branch in branches)
            return VALUES.where(condition, x1, x2)  # type: ignore[no-any-return]
        quotient = self.is_later and isinstance(flow, Value) and _quotient(node, partial)
        if quotient:
            under, over = quotient
            product = guarded_product(guarded_product(flow, under, forwards), over, forwards)
        else:
            product = guarded_product(flow, partial, forwards)
        if mark is not None:
            product = _marked(product, flow, mark)
            if self.forwards:  # what comes through a kink is undefined in its other factors as well
                product = _marked(product, partial, mark)
        return product if involved is None else _marked(product, _constant_of(flow), involved)

    def _after_jumps(
        self,
        product: Value | float,
        flow: Value | float,
        partial: Value | float,
        source: Value,
        target: Value,
    ) -> Value | float:
        """Mark a product with a factor that jumps, where others are 0 and vary with that as well.

        A zero adjoint would have nothing come of it: but x sign(x) has no derivative at 0 that a
        zero would be right for, nor has x ceil(x).
        """
        factors = (
            (self._jumps.get(source), partial),
            (self._involvement(partial, self._jumping), flow),
        )
        for jumping, other in factors:
            jump = _unless_masked(jumping, flow, partial)
            if jump is not None:
                known = self._jumps.get(target)
                self._jumps[target] = jump if known is None or known is jump else known + jump
                if isinstance(other, Value) and _depends_on_any(other, self._sources(jump)):
                    product = _marked(product, 1.0, jump)
        return product

    def _sources(self, jump: Value) -> set[Value]:
        """List what a jump depends on, and does not stay as it is."""
        if jump not in self._sources_of:
            order = topological_order(jump)
            self._sources_of[jump] = {node for node in order if node.op is not CONSTANT}
        return self._sources_of[jump]

    def _involvement(
        self, partial: Value | float, involved: dict[Value, Value] | None = None
    ) -> Value | None:
        """Tell whether a local derivative is an expression of a node that depends on a kink."""
        of_kinks = involved is None
        involved = self._involved if involved is None else involved
        if not involved or not isinstance(partial, Value):
            return None
        if partial.op == "where" and partial not in self._nodes:
            if _is_mask(partial):
                return None
            if partial._number is UNKNOWN:  # only the branch that is taken counts
                condition, *branches = partial.parents
                found = [
                    self._involvement(branch, None if of_kinks else involved) for branch in branches
                ]
                if found[0] is found[1] is None:
                    return None
                x1, x2 = (0.0 if mark is None else mark for mark in found)
                return VALUES.where(condition, x1, x2)  # type: ignore[no-any-return]
        reached = {partial: None}  # in an order that is the same each time
        for node in reversed(interior(partial, stop=self._nodes)):
            if node in reached and not (of_kinks and node.op in STEPS):
                reached.update(dict.fromkeys(_varying(node)))
        marks = [involved[node] for node in reached if node in involved]
        return functools.reduce(operator.add, dict.fromkeys(marks)) if marks else None

    def _is_finite(self, adjoint: Value | float, node: Value) -> bool:
        """Tell whether an adjoint is finite, or what it meets decides on a choice alone."""
        data = adjoint._number if isinstance(adjoint, Value) else adjoint
        if data is UNKNOWN:
            return self.is_later or node.op == "where" or node.op in COMPARISONS
        return math.isfinite(data)


def _varying(node: Value) -> tuple[Value, ...]:
    """List the operands that a node varies with: of a choice, what is chosen from."""
    if node.op in COMPARISONS:
        return ()
    if node.op in CHOICES and node._number is not UNKNOWN:
        chosen = zip(node.parents, node.local_derivatives, strict=True)
        return tuple([parent for parent, derivative in chosen if derivative])
    return node.parents[1:] if node.op == "where" else node.parents


def _marks_of_operands(node: Value, marked: dict[Value, Value]) -> list[Value | None]:
    """List the marks of the operands that a node varies with, traced choices included."""
    varying = _varying(node)
    if node.op not in CHOICES or node._number is not UNKNOWN or marked.keys().isdisjoint(varying):
        return [marked.get(operand) for operand in varying]
    found: list[Value | None] = []
    for operand, partial in zip(node.parents, partials(node), strict=True):
        mark = None if is_zero(partial) else marked.get(operand)
        if mark is not None and isinstance(partial, Value):
            mark = VALUES.where(partial == 0.0, 0.0, mark)
        found.append(mark)
    return found


STEPS = {"floor", "ceil", "trunc", "sign", "//"}
"""The operations that vary with no operand, but where they jump."""
CHOICES = {
    "where", "maximum", "minimum", "max", "min", "clip", "relu", "hard_tanh", *STEPS,
}  # fmt: skip
"""The operations that do not vary, around a point, with an operand whose derivative is 0 there."""
JUMPS = STEPS | {"%", "fmod", "remainder", "copysign"}
"""The operations whose value jumps, not their derivative alone."""
STEEP = {"sqrt", "cbrt", "**", "arcsin", "arccos", "arccosh"}
"""The operations that have infinite derivatives where they are defined."""


def is_zero(number: Value | float) -> bool:
    """Tell whether a number is 0, and stays so.

    Example:
        >>> is_zero(0.0), is_zero(Value(0.0))
        (True, False)
    """
    return type(number) is float and not number


def guarded_product(
    flow: Value | float, partial: Value | float, forwards: bool = False
) -> Value | float:
    """Multiply so that a zero adjoint contributes nothing, whatever it meets.

    Args:
        flow: An adjoint; forwards, a tangent.
        partial: A local derivative.
        forwards: Whether it is a zero local derivative that contributes nothing.

    Returns:
        The product.

    Example:
        >>> guarded_product(0.0, float("inf"))
        0.0
    """
    x1, x2 = (partial, flow) if forwards else (flow, partial)
    if is_zero(x1):
        return 0.0
    if isinstance(x1, Value):
        data = x2._number if isinstance(x2, Value) else x2
        unknown = x1._number is UNKNOWN or data is UNKNOWN
        if (data is UNKNOWN or not math.isfinite(data)) and (unknown or not x1._number):
            return record(RULES[CHAIN_PRODUCT], (x1, as_value(x2)))
    return x1 * x2


def _marked(product: Value | float, flow: Value | float, mark: Value) -> Value:
    return record(RULES[KINKED], (as_value(product), as_value(flow), mark))


def _depends_on_any(value: Value, nodes: set[Value]) -> bool:
    walked = interior(value, stop=nodes)
    return value in nodes or any(not nodes.isdisjoint(node.parents) for node in walked)


def _constant_of(flow: Value | float) -> Value:
    """Give the number of an adjoint or tangent, without what it depends on."""
    if isinstance(flow, Value) and flow._number is UNKNOWN:
        return record(RULES[DETACHED], (flow,))
    return as_value(flow._number if isinstance(flow, Value) else flow)


def _unless_masked(mark: Value | None, *factors: Value | float) -> Value | None:
    for factor in factors:
        if mark is not None and isinstance(factor, Value):
            masked = _masked(factor)
            mark = mark if masked is None else VALUES.where(masked, 0.0, mark)
    return mark


def _may_be_agreed(adjoint: Value, partial: Value | float) -> Value | None:
    """As `_is_agreed` of traced nodes: an expression, None where it cannot be."""
    if not isinstance(partial, Value) or partial._number is not UNKNOWN or _is_mask(adjoint):
        return None
    infinite = VALUES.where(VALUES.abs(partial) < math.inf, 0.0, 1.0)
    return _unless_masked(VALUES.where(adjoint == 0.0, infinite, 0.0), adjoint)


def _is_agreed(adjoint: Value | float, partial: Value | float) -> bool:
    """Tell whether a zero adjoint that may vary meets an infinite derivative."""
    if not isinstance(adjoint, Value) or adjoint._number is UNKNOWN or adjoint._number:
        return False
    data = partial._number if isinstance(partial, Value) else partial
    return data is not UNKNOWN and not math.isfinite(data)


def _quotient(node: Value, partial: Value | float) -> tuple[Value, Value] | None:
    """Take a traced derivative that is a quotient apart into two factors, a reciprocal first.

    Of 1 / x it is 1 / x**2, of which the square may leave the range of floats where what it is a
    part of does not: log(x) has the second derivative x'' / x - (x' / x)**2. Of recorded nodes the
    numbers are known, and `rules.over` takes care.
    """
    if node._number is not UNKNOWN or not isinstance(partial, Value):
        return None
    if node.op in ("/", "reciprocal") and partial.op == "/":
        over, under = partial.parents
        return None if over.op is CONSTANT else (1.0 / under, over)
    if node.op == "**" and partial.op == "*":
        base, exponent = node.parents
        if exponent.op is CONSTANT and exponent._number < 0.0:  # of others it may be 0 times inf
            return 1.0 / base, exponent._number * node
    return None


def _choice(partial: Value | float) -> tuple[Value, Value | float, Value | float] | None:
    """Take a traced choice with a constant branch apart."""
    if not isinstance(partial, Value) or partial._number is not UNKNOWN or partial.op != "where":
        return None
    condition, x1, x2 = _constant_branches(partial)
    return None if isinstance(x1, Value) and isinstance(x2, Value) else (condition, x1, x2)


def _constant_branches(choice: Value) -> tuple[Value, Value | float, Value | float]:
    """List the operands of a choice: of branches that are constant, the number.

    The derivative of relu is `where(x > 0, 1, relu(x))`: its second branch is 0, or nan as x is.
    """
    condition, x1, x2 = choice.parents
    is_relu = (
        x2.op == "relu"
        and condition.op == ">"
        and condition.parents[0] is x2.parents[0]
        and condition.parents[1].op is CONSTANT
        and not condition.parents[1]._number
    )
    return (
        condition,
        x1._number if x1.op is CONSTANT else x1,
        0.0 if is_relu else x2._number if x2.op is CONSTANT else x2,
    )


def _is_mask(factor: Value | float) -> bool:
    """Tell whether a traced node is made of choices of constants, of which none is infinite.

    It does not vary but where a condition does.
    """
    seen: set[Value] = set()
    waiting = [factor]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, Value):
            if math.isinf(each):
                return False
        elif each not in seen:
            seen.add(each)
            if each._number is not UNKNOWN or len(seen) > MANY:
                return False
            if each.op == "where":
                condition, x1, x2 = _constant_branches(each)
                # The last branch of leaky_relu's derivative is its value, where x is nan.
                is_slope = (
                    isinstance(x2, Value)
                    and x2.op == "leaky_relu"
                    and condition.op == "<="
                    and condition.parents[0] is x2.parents[0]
                )
                waiting += [x1] if is_slope else [x1, x2]
            elif each.op == KINKED:
                waiting.append(each.parents[0])
            elif each.op in ("*", "/", "+", "-", "neg", CHAIN_PRODUCT):
                waiting += [p._number if p.op is CONSTANT else p for p in each.parents]
            elif each.op != "sign" and each.op not in COMPARISONS:
                return False
    return True


def _masked(adjoint: Value) -> Value | None:
    """Tell, of a traced adjoint, whether it is 0 as that of a branch that is not taken.

    Then it does not vary, and whatever it meets, no derivative comes of it.
    """
    conditions: dict[Value, Value | None] = {}
    waiting = [adjoint]
    while waiting:
        each = waiting[-1]
        operands = () if len(conditions) > FACTORS else _factors(each)
        new = [operand for operand in operands if operand not in conditions]
        if new and each not in conditions:
            conditions[each] = None
            waiting += new
        else:
            conditions[each] = _masked_by(each, [conditions[operand] for operand in operands])
            waiting.pop()
    return conditions[adjoint]


def _factors(adjoint: Value) -> tuple[Value, ...]:
    """List the operands which, where they are 0 and do not vary, may make a traced adjoint 0."""
    if adjoint._number is not UNKNOWN:
        return ()
    if adjoint.op in ("*", CHAIN_PRODUCT, "+", "-"):
        return adjoint.parents
    return adjoint.parents[:1] if adjoint.op in ("neg", "/", KINKED) else ()


def _masked_by(adjoint: Value, conditions: Sequence[Value | None]) -> Value | None:
    """As `_masked`, of which the answers for the factors are known."""
    if adjoint._number is not UNKNOWN:
        return None
    if adjoint.op == "where":
        condition, x1, x2 = _constant_branches(adjoint)
        if _is_mask(adjoint):
            return adjoint == 0.0  # type: ignore[return-value]
        if is_zero(x1):
            return condition
        return condition == 0.0 if is_zero(x2) else None  # type: ignore[return-value]
    known = [condition for condition in conditions if condition is not None]
    if not known or (adjoint.op in ("+", "-") and len(known) < 2):
        return None
    if adjoint.op == KINKED:  # at a kink it is not known
        return VALUES.where(adjoint.parents[2], 0.0, known[0])  # type: ignore[no-any-return]
    join = operator.mul if adjoint.op in ("+", "-") else operator.add
    return functools.reduce(join, known)


FACTORS = 16
"""How many factors of an adjoint are looked at."""


def _record_backward(root: Value, nodes: list[Value], seed: float) -> None:
    variables = [leaf for leaf in leaves(root) if leaf.op is not CONSTANT]
    found = recorded_adjoints(root, nodes, dependents(nodes, variables), seed)
    for node in (*nodes, *variables):
        adjoint: Any = as_value(found.get(node, 0.0))
        is_set = node.parents or (type(node._grad) is float and not node._grad)
        node._grad = adjoint if is_set else node._grad + adjoint


# --- operands ------------------------------------------------------------------------------------


def _constant(data: float) -> Value:
    return new_node(data, (), (), CONSTANT)


_new = object.__new__


def _operand(operation: str, other: Any) -> Any:
    """Lift what an operator was given, or answer NotImplemented for other libraries' types."""
    kind = type(other)
    if kind is float or kind is Value:
        return other if kind is Value else _constant(other)
    if kind is int or (isinstance(other, Number) and not isinstance(other, complex)):
        return _constant(as_float(other, operation))
    if _is_array_scalar(other, operation):
        return _constant(as_float(other, operation))
    if isinstance(other, Value):
        return other
    # An array, a tensor: it may know what to do with a Value. What Python brings does not.
    if type(other).__module__ == "builtins" or isinstance(other, complex):
        raise wrong_type(operation, other)
    return NotImplemented


def _is_array_scalar(number: Any, operation: str) -> bool:
    """Tell NumPy's bool, which is no `numbers.Real`, and its arrays without dimensions."""
    kind = getattr(getattr(number, "dtype", None), "kind", None)
    if isinstance(kind, str) and kind in "biuf" and getattr(number, "shape", None) == ():
        refuse_mask(operation, number)
        return True
    return False


def _binary(op: str, left: Operand, right: Operand) -> Value:
    x, y = _operand(op, left), _operand(op, right)
    if x is NotImplemented or y is NotImplemented:
        return NotImplemented  # type: ignore[no-any-return]
    return record(RULES[op], (x, y))


def _known(value: Value) -> float:
    """Tell a number that decides on something: of a Value from outside, not while tracing."""
    if pausing.open_blocks and (trace := tracing.active.get()) and trace.is_outside(value):
        refuse()
    return value._number


def _known_gradient(value: Value) -> float:
    """As `_known`, of a gradient."""
    trace, gradient = tracing.active.get(), value._grad
    if not (trace and trace.is_outside(value)):
        return gradient
    if not isinstance(gradient, Value) or trace.is_outside(gradient):
        refuse()
    return gradient


def comparable(other: object, operation: str) -> bool:
    """Tell whether something is a number, or a Value: what an operation takes."""
    return isinstance(other, (Value, Number)) or _is_array_scalar(other, operation)


COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
DROPPING = {
    "where": 0, "meets": 0, "detached": 0, "**": 0, "power_log_": 0, "hypot": 0, "norm": 0,
    "direction_": 0,
    "copysign": 1, "leaky_relu": 1, "elu": 1, KINKED: 1, CHAIN_PRODUCT: 1,
    **dict.fromkeys(COMPARISONS, 0),
}  # fmt: skip
"""The operations that may be a number although an operand is nan: how many of the first operands
always make them nan."""


def _compared(sign: str, value: Value, other: Any) -> bool:
    if not comparable(other, sign):
        return NotImplemented  # type: ignore[no-any-return]
    if pausing.open_blocks and (trace := tracing.active.get()) is not None:
        operands = value, as_value(other, sign)
        if trace.read(operands):  # a condition for `where`, once it is known
            return record(RULES[sign], operands)  # type: ignore[return-value]
    number = other._number if isinstance(other, Value) else other
    return bool(COMPARISONS[sign](value._number, number))
