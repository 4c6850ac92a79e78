"""`Value`: one scalar of the graph, its arithmetic, and `backward()`.

A `Value` is a number that remembers how it was made: its parents, and its local derivative with
respect to each of them, taken when it was made. `backward()` walks the graph from the output to the
inputs and applies the chain rule at each node.
"""

from __future__ import annotations

import math
import operator
import sys
from contextvars import ContextVar
from numbers import Complex, Number, Real
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, final

from autograd import pausing, tracing
from autograd.copying import Copyable
from autograd.errors import outside_domain, refuse_mask, shown, wrong_type
from autograd.extended import Extended, extended
from autograd.foreign import ForeignNames, with_advice
from autograd.graph import MANY, interior, parts, propagated_in_parts, shares, topological_order
from autograd.methods import Elementary
from autograd.rules import DETACHED, EXTENDED, LINEAR, RULES, OwnName, Rule, loses_parity
from autograd.signatures import Plain
from autograd.special import sum_of_products
from autograd.tracing import UNKNOWN, TracingError, Unknown, expected, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = [
    "BUFFER", "COMPARISONS", "CONSTANT", "FROZEN", "LINKED_PARAMETER", "PARAMETER",
    "PARAMETER_KINDS", "UNRECORDED", "Kind", "Operand", "Plain", "Value", "as_float", "as_value",
    "comparable", "linear", "linked", "new_node", "on_extended_line", "record",
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
            self._record_backward(nodes, adjoint)
            return
        for node in nodes:
            node._grad = 0.0
        self._grad += adjoint
        plan = parts(nodes) if len(nodes) > MANY else None
        if plan:
            propagated_in_parts(nodes, plan, _propagate, _gradient, _set_gradient)
        else:
            _propagate(reversed(nodes))

    if TYPE_CHECKING:  # set by `chain_rule.py`, which stands above

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


on_extended_line: ContextVar[bool] = ContextVar("on_extended_line", default=False)
"""Whether the running code computes partial derivatives where some are infinite."""


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
        if not on_extended_line.get():
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


def _compared(sign: str, value: Value, other: Any) -> bool:
    if not comparable(other, sign):
        return NotImplemented  # type: ignore[no-any-return]
    if pausing.open_blocks and (trace := tracing.active.get()) is not None:
        operands = value, as_value(other, sign)
        if trace.read(operands):  # a condition for `where`, once it is known
            return record(RULES[sign], operands)  # type: ignore[return-value]
    number = other._number if isinstance(other, Value) else other
    return bool(COMPARISONS[sign](value._number, number))
