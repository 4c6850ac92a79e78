"""Equal nodes of a traced graph, differentiated as one.

What a function computes twice, the compiled program computes once. Differentiating both copies
would give different derivatives, because each copy has an adjoint of its own: the gradient of a
determinant by minors, which computes the same minors again and again, would need many times the
operations that it needs if the minors are shared by hand. So before a derivative of traced nodes is
taken, nodes of the same operation on equal operands are found (value numbering: J. Cocke & J. T.
Schwartz, *Programming Languages and Their Compilers*, 1970), and the chain rule is applied to a
graph in which one node stands for all equal ones. The recorded graph stays as it is: the user holds
its nodes.

The adjoints of equal nodes are added before they are multiplied by a local derivative, just as if
the function shared the node itself. So the last bits may differ, and where the adjoints cancel, an
infinite derivative contributes nothing. Therefore some nodes are never merged: those that may have
an infinite derivative in their domain, those whose derivative at a kink is a convention if it is
differentiated again, those with a user's rule, and whatever depends on any of these. If each
operation is to be rounded on its own, none are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from autograd import tracing
from autograd.comparing import COMPARISONS
from autograd.helper_rules import KINKED, PRODUCTS
from autograd.kinds import CONSTANT
from autograd.reals import bits
from autograd.rule import LINEAR, OwnName
from autograd.tracing import UNKNOWN
from autograd.value import Value

__all__ = ["merged"]

SMOOTH = frozenset({
    "+", "-", "*", "/", "neg", "square", "reciprocal", "exp", "exp2", "expm1",
    "log", "log2", "log10", "log1p", "sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh",
    "arcsinh",
    "sigmoid", "softplus", "logsigmoid", "gelu", "silu", "mish", "erf", "erfc",
    "logaddexp", "logaddexp2", "sinpi", "cospi", "sinc", "degrees", "radians", "ndtr",
    "sum", "mean", "prod", "dot", "net", "logsumexp", "softmax", "var", "where",
    "one_minus_square_", "lorentzian_", "gaussian_", "normal_density_", "sech_squared_",
    "logistic_density_", *COMPARISONS,
})  # fmt: skip
"""The operations whose derivatives, of any order, are finite wherever they are defined and finite,
and that have no kink."""
BENT = frozenset({
    "abs", "relu", "leaky_relu", "elu", "selu", "hard_tanh", "maximum", "minimum", "max", "min",
    "clip", "softsign", "sign", "floor", "ceil", "trunc",
})  # fmt: skip
"""The operations for which that holds for the first derivative only: they have kinks."""


def merged(root: Value, order: Sequence[Value], again: bool) -> tuple[Value, Sequence[Value]]:
    """Replace equal nodes by one, in the traced graph of a function's result.

    Args:
        root: The result.
        order: The interior nodes that it depends on, parents first.
        again: Whether its derivatives are differentiated again.

    Returns:
        The node that stands for the root, and the nodes left; the given ones if no two are
        equal, or none may be merged.

    Example:
        >>> from autograd import exp
        >>> from autograd.graph import interior
        >>> from autograd.traced import traced, tracing_of
        >>> x = traced("x")
        >>> with tracing_of():
        ...     y = exp(x) * exp(x)
        ...     root, order = merged(y, interior(y), False)
        >>> [node.op for node in order], root.parents[0] is root.parents[1], len(set(y.parents))
        (['exp', '*'], True, 2)
    """
    trace = tracing.active.get()
    if root._number is not UNKNOWN or trace is None or trace.exact:
        return root, order
    equals, kept = _valued(order, again)
    if not equals:
        return root, order
    return equals.get(id(root), root), kept


def _valued(order: Sequence[Value], again: bool) -> tuple[dict[int, Value], list[Value]]:
    """Find equal nodes.

    Returns:
        By the identity of a node, the other node that stands for it, if one does; and the nodes
        that are left, parents first.
    """
    equals: dict[int, Value] = {}
    kept: list[Value] = []
    operations = {node.op for node in order}
    is_later = not operations.isdisjoint((*PRODUCTS, KINKED))
    mergeable = SMOOTH if again or is_later else SMOOTH | BENT
    numbers: dict[int, int] = {}  # by the identity of a node, that of the one that it equals
    rough: set[int] = set()  # those not to be merged, with what depends on them
    constants: dict[tuple[float, float] | None, int] = {}
    known: dict[Any, Value] = {}

    seen, is_smooth = numbers.get, rough.isdisjoint
    for node in order:
        op, parents = node.op, node.parents
        key: Any = None
        for parent in parents:
            if parent.op is CONSTANT and id(parent) not in numbers:
                alike = constants.setdefault(bits(parent._number), id(parent))
                numbers[id(parent)] = alike
        found = tuple(map(seen, map(id, parents), map(id, parents)))
        if op == "**" or op == LINEAR:
            may_merge = _may_merge(node)
        else:
            may_merge = op in mergeable and type(op) is str and node._number is UNKNOWN
        if may_merge and is_smooth(found):
            own = op if op != LINEAR else tuple(map(bits, node.local_derivatives))
            key = own, found
            first = known.get(key)
            if first is not None:
                equals[id(node)] = first
                numbers[id(node)] = id(first)
                continue
        new = node
        if equals and not equals.keys().isdisjoint(map(id, parents)):
            new = equals[id(node)] = _like(node, [equals.get(id(p), p) for p in parents])
            numbers[id(node)] = id(new)
        if key is not None:
            known[key] = new
        else:
            rough.add(id(new))
        kept.append(new)
    return equals, kept


def _may_merge(node: Value) -> bool:
    """Tell whether a power, or a sum of coefficients times nodes, may be merged."""
    if isinstance(node.op, OwnName) or node._number is not UNKNOWN:
        return False
    if node.op == LINEAR:  # a node that stands for a variable stays apart
        return node.local_derivatives != (1.0,)
    exponent = node.parents[1]
    if exponent.op is not CONSTANT or not exponent._number.is_integer():
        return False
    return exponent._number >= 0.0  # others have a pole, where nothing else shows it


def _like(node: Value, parents: Iterable[Value]) -> Value:
    """Copy a traced node with other parents."""
    new: Value = object.__new__(type(node))
    new._number, new._grad, new._label = node._number, 0.0, node._label
    new.parents, new.local_derivatives, new.op = tuple(parents), node.local_derivatives, node.op
    return new
