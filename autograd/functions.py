"""The elementary functions, made from the table; they take a float and a `Value` alike.

A function given plain numbers only returns a float and records nothing; given a Value among its
operands it returns a Value. Those of a fixed number of operands are methods of `Value` as well,
under the same name. `sum`, `max` and the other functions of a sequence take one iterable, and make
one node of it.

Each function says what its derivatives are, as a formula of the textbook. How that is computed
without cancellation or overflow, its row in `autograd.rules` says.

Example:
    >>> from autograd import Value
    >>> exp(0.0), exp(Value(0.0)), Value(0.0).exp()
    (1.0, Value(1.0, grad=0.0, op='exp'), Value(1.0, grad=0.0, op='exp'))
    >>> sum([1.0, Value(2.0), 3.0])
    Value(6.0, grad=0.0, op='sum')
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import repeat
from keyword import iskeyword
from textwrap import fill
from typing import TYPE_CHECKING, Any, overload

from autograd import names, special
from autograd.errors import outside_domain, wrong_type
from autograd.formulary import ROWS
from autograd.rules import FLOATS, LINEAR, MEETS, RULES, VALUES, Rule, register
from autograd.signatures import Plain
from autograd.special import sum_of_products
from autograd.tracing import TracingError, expected
from autograd.value import (
    Operand,
    Value,
    as_float,
    as_value,
    linear,
    new_node,
    record,
)

if TYPE_CHECKING:
    from autograd.names import *  # noqa: F403  what is made below

__all__ = ["Operands", "custom_function", "dot", "log", "net", "softmax"]
__all__ += names.__all__

# --- from a row to a function --------------------------------------------------------------------


def _apply(rule: Rule, operands: tuple[Any, ...]) -> Value | float:
    """Record the row if a Value is among its operands; evaluate it on floats otherwise."""
    for operand in operands:
        if isinstance(operand, Value):
            if not all(map(isinstance, operands, repeat(Value))):
                operands = tuple([as_value(x, rule.name) for x in operands])
            return record(rule, operands)
    xs = [as_float(x, rule.name) for x in operands]
    try:
        return rule.evaluate(*xs)
    except (ArithmeticError, ValueError) as error:
        raise outside_domain(error, rule.name, rule.operands, xs, rule.domain) from None


def _fused(rule: Rule) -> Callable[[float], tuple[float, tuple[float, ...]]]:
    """Join evaluation and partial derivatives of a row of one operand, on floats."""
    evaluate, partials = rule.evaluate, rule.partials

    def fused(x: float) -> tuple[float, tuple[float, ...]]:
        y = evaluate(x)
        return y, partials(FLOATS, y, x)

    return fused


def _function(rule: Rule, **defaults: float) -> Any:
    """Make the public function of a row of the table."""
    defaults = defaults or dict(zip(rule.operands[::-1], rule.defaults[::-1], strict=False))
    function: Callable[..., Any]
    if rule.of_sequence:

        def function(xs: Iterable[Operand], /) -> Value | float:
            return _apply(rule, _listed(rule.name, xs))

    elif len(rule.operands) == 1:
        fused = rule.fused or _fused(rule)
        name = rule.name

        def function(x: Operand, /) -> Value | float:
            if isinstance(x, Value):
                try:
                    y, derivatives = fused(x.data)
                except (ArithmeticError, ValueError):
                    return record(rule, (x,))
                except TracingError as error:
                    expected(error)
                    return record(rule, (x,))
                return new_node(y, (x,), derivatives, name)
            return _apply(rule, (x,))

    else:
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        signature = inspect.Signature(
            [
                inspect.Parameter(name, kind, default=defaults.get(name, inspect.Parameter.empty))
                for name in rule.operands
            ]
        )

        def function(*operands: Any, **named: Any) -> Any:
            if named or len(operands) != len(rule.operands):
                try:
                    bound = signature.bind(*operands, **named)
                except TypeError as error:
                    raise TypeError(f"{rule.name}{signature}: {error}") from None
                bound.apply_defaults()
                operands = bound.args
            return _apply(rule, operands)

        function.__signature__ = signature.replace(  # type: ignore[attr-defined]
            return_annotation="Value | float"
        )
    return _published(rule, function)


def _listed(name: str, xs: Iterable[Any]) -> tuple[Any, ...]:
    try:
        return tuple(xs)
    except TypeError:
        raise wrong_type(name, xs, "a sequence of Values or real numbers") from None


def _published(rule: Rule, function: Callable[..., Any]) -> Any:
    """Name and document a row's function, and make it known to the table's partials."""
    function.__name__ = function.__qualname__ = rule.name
    function.__module__ = __name__
    function.__doc__ = _documentation(rule)
    setattr(VALUES, rule.name, function)
    return function


def _documentation(rule: Rule) -> str:
    if rule.of_sequence:
        arguments = "    xs: The operands, an iterable of Values or real numbers."
    else:
        arguments = "\n".join(f"    {name}: A Value or real number." for name in rule.operands)
    raises = "    TypeError: An operand is neither a Value nor a real number."
    if rule.domain:
        outside = (
            f"ValueError, ZeroDivisionError: The operands are outside the domain: {rule.domain}."
        )
        raises += "\n" + fill(outside, 92, initial_indent=" " * 4, subsequent_indent=" " * 8)
    raises += "\n    OverflowError: An operand, or the result, is too large for a float."
    first, stop, more = (rule.summary or "A function of one's own.").partition(". ")
    text = f"{first}{stop.rstrip()}\n\n"
    if more:
        text += f"{fill(more, 92, break_on_hyphens=False)}\n\n"
    text += (
        f"Args:\n{arguments}\n\nReturns:\n"
        "    A float if every operand is a plain number, else a Value.\n\n"
        f"Raises:\n{raises}\n"
    )
    if rule.example:
        operands, result = rule.example
        shown = repr(list(operands)) if rule.of_sequence else ", ".join(map(repr, operands))
        text += f"\nExample:\n    >>> {rule.name}({shown})\n    {result!r}\n"
    return text


# --- the functions -------------------------------------------------------------------------------

WRITTEN_OUT = ("log", "softmax", "dot", "net")
"""The rows whose functions are defined below; those of the others are made here."""

for _rule in ROWS:
    if _rule.name.isidentifier() and _rule.name not in ("neg", *WRITTEN_OUT):
        globals()[_rule.name] = _function(_rule)


@overload
def log(x: Value, base: Operand = ..., /) -> Value: ...
@overload
def log(x: Plain, base: Value, /) -> Value: ...
@overload
def log(x: Plain, base: Plain = ..., /) -> float: ...
def log(x: Any, base: Any = None, /) -> Any:
    """The natural logarithm of x, or the logarithm to a base.

    Its derivative is 1 / x; to a base, 1 / (x log(base)), and in the base
    -log(x) / (base log(base)²).

    Args:
        x: A Value or real number.
        base: Another; without one, e is meant. With one, the result is the quotient of two
            natural logarithms.

    Returns:
        A float if every operand is a plain number, else a Value.

    Raises:
        TypeError: An operand is neither a Value nor a real number.
        ValueError, ZeroDivisionError: The operands are outside the domain: x > 0, and a base > 0
            other than 1.
        OverflowError: An operand is too large for a float.

    Example:
        >>> log(1.0), log(8.0, 2.0)
        (0.0, 3.0)
    """
    if base is not None:
        return log(x) / log(base)
    if isinstance(x, Value):
        try:
            y, derivatives = _natural(x.data)
        except (ArithmeticError, ValueError):
            return record(RULES["log"], (x,))
        except TracingError as error:
            expected(error)
            return record(RULES["log"], (x,))
        return new_node(y, (x,), derivatives, "log")
    return _apply(RULES["log"], (x,))


_natural = _fused(RULES["log"])
VALUES.log = log  # a method, too

# Methods of Value, where the first operand is the one that a method would act on. NumPy's functions
# on object arrays call them: np.exp(array) calls exp() on each element. The functions of a sequence
# are none: np.sum(value) would find them, and call them in its own way.
for _rule in ROWS:
    if _rule.name in VALUES.__dict__ and _rule.is_method:
        setattr(Value, _rule.name, getattr(VALUES, _rule.name))


@overload
def softmax(xs: Iterable[Value], /) -> list[Value]: ...
@overload
def softmax(xs: Iterable[Plain], /) -> list[float]: ...
@overload
def softmax(xs: Iterable[Operand], /) -> list[Value] | list[float]: ...
def softmax(xs: Iterable[Any], /) -> Any:
    """Exponentials scaled to add up to 1: exp(x) / (exp(x1) + exp(x2) + …) for each x of the xs.

    Each result is one node with all the xs as parents, itself first. Its derivatives hold full
    relative accuracy at the price of n² links; to train a classifier, take the cross-entropy from
    the logits instead (`nn.losses.softmax_cross_entropy`), one node with n links.

    The derivative of the result y1 is y1 (1 - y1) in x1, and -y1 y2 in another operand x2.

    Args:
        xs: The operands, an iterable of Values or real numbers.

    Returns:
        A list: floats if every operand is a plain number, else Values.

    Raises:
        TypeError: An operand is neither a Value nor a real number.
        ValueError: There are no operands.

    Example:
        >>> softmax([0.0, 0.0])
        [0.5, 0.5]
    """
    operands = _listed("softmax", xs)
    if any(isinstance(x, Value) for x in operands):
        operands = tuple(as_value(x, "softmax") for x in operands)
        return [
            record(RULES["softmax"], (x, *operands[:i], *operands[i + 1 :]))
            for i, x in enumerate(operands)
        ]
    if not operands:
        raise ValueError("softmax: expected at least one operand")
    return special.softmax([as_float(x, "softmax") for x in operands])


class Operands:
    """A sequence of operands, looked at once: what the neurons of a layer share.

    Attributes:
        nodes: The operands as Values; empty where all are plain numbers.
        data: Their numbers.

    Args:
        xs: An iterable of Values or real numbers.
        operation: Who asks, for the error.

    Raises:
        TypeError: An operand is neither a Value nor a real number.

    Example:
        >>> Operands([1, 2]).data, Operands([1, 2]).nodes
        ((1.0, 2.0), ())
    """

    __slots__ = ("data", "nodes")

    def __init__(self, xs: Iterable[Operand], operation: str = "Operands") -> None:
        operands = _listed(operation, xs)
        kinds = set(map(type, operands))
        self.nodes: tuple[Value, ...] = ()
        if Value in kinds:
            if len(kinds) > 1:
                operands = tuple([as_value(x, operation) for x in operands])
            self.nodes = operands
            self.data = tuple([node.data for node in operands])
        elif kinds == {float}:
            self.data = operands
        else:
            self.data = tuple([as_float(x, operation) for x in operands])


@overload
def dot(xs1: Iterable[Value], xs2: Iterable[Operand], /) -> Value: ...
@overload
def dot(xs1: Iterable[Plain], xs2: Iterable[Value], /) -> Value: ...
@overload
def dot(xs1: Iterable[Plain], xs2: Iterable[Plain], /) -> float: ...
@overload
def dot(xs1: Iterable[Operand], xs2: Iterable[Operand], /) -> Value | float: ...
def dot(xs1: Iterable[Any], xs2: Iterable[Any], /) -> Any:
    """The sum of the products of the pairs from two sequences, as one node.

    Where one sequence holds plain numbers only, they are the coefficients of a `linear` node, whose
    parents are the Values of the other. Its derivative in each operand is the operand that this one
    is paired with.

    Args:
        xs1: A sequence of Values or real numbers.
        xs2: Another of the same length.

    Returns:
        A float if every operand is a plain number, else a Value.

    Raises:
        TypeError: An operand is neither a Value nor a real number.
        ValueError: The lengths differ.

    Example:
        >>> dot([1.0, 2.0], [3.0, 4.0])
        11.0
    """
    left, right = Operands(xs1, "dot"), Operands(xs2, "dot")
    if len(left.data) != len(right.data):
        raise ValueError(
            f"dot: sequences of {len(left.data)} and {len(right.data)} operands cannot be paired"
        )
    if left.nodes and right.nodes:
        return record(RULES["dot"], left.nodes + right.nodes)
    if left.nodes:
        return linear(right.data, left.nodes)
    if right.nodes:
        return linear(left.data, right.nodes)
    return RULES["dot"].evaluate(*left.data, *right.data)


@overload
def net(
    weights: Iterable[Value], inputs: Iterable[Operand] | Operands, bias: Operand, /
) -> Value: ...
@overload
def net(weights: Iterable[Plain], inputs: Iterable[Plain], bias: Plain, /) -> float: ...
@overload
def net(
    weights: Iterable[Operand], inputs: Iterable[Operand] | Operands, bias: Operand, /
) -> Value | float: ...
def net(weights: Iterable[Any], inputs: Iterable[Any] | Operands, bias: Any, /) -> Any:
    """The net input of a neuron: the dot product of weights and inputs, plus the bias, as one node.

    Where the inputs are plain numbers, they are the coefficients of a `linear` node, whose parents
    are the weights and the bias. Its derivative is the input in a weight, the weight in an input,
    and 1 in the bias.

    Args:
        weights: A sequence of Values or real numbers.
        inputs: Another of the same length, or its `Operands`.
        bias: A Value or a real number.

    Returns:
        A float if every operand is a plain number, else a Value.

    Raises:
        TypeError: An operand is neither a Value nor a real number.
        ValueError: There are more weights than inputs, or fewer.

    Example:
        >>> net([1.0, 2.0], [3.0, 4.0], 0.5)
        11.5
    """
    prepared = inputs if isinstance(inputs, Operands) else Operands(inputs, "net")
    xs, nodes = prepared.data, prepared.nodes
    left = weights if type(weights) is list else _listed("net", weights)
    if len(left) != len(xs):
        raise ValueError(f"net: {len(left)} weights cannot be paired with {len(xs)} inputs")
    kinds = {*map(type, left), type(bias)}
    if kinds == {float} and not nodes:
        return sum_of_products(left, xs) + bias
    if kinds != {Value}:
        return _apply(RULES["net"], (*left, *(nodes or xs), bias))
    # a neuron's case, and the hot one: weights and bias are Values
    ws = [weight.data for weight in left]
    y = sum_of_products(ws, xs) + bias.data
    if nodes:
        return new_node(y, (*left, *nodes, bias), (*xs, *ws, 1.0), "net")
    return new_node(y, (*left, bias), (*xs, 1.0), LINEAR)


_function(RULES[MEETS])  # for the rows' kinks alone

for _name, _written in {"softmax": softmax, "dot": dot, "net": net}.items():
    setattr(VALUES, _name, _written)


# --- functions of one's own ----------------------------------------------------------------------


def custom_function(
    name: str,
    evaluate: Callable[..., float],
    partials: Callable[..., Any],
    *,
    summary: str = "",
    domain: str = "",
) -> Any:
    """Add a differentiable function of one's own to the table, in one call.

    It then is a row like the built-in ones: it takes floats and Values, becomes a method of Value
    and a function `m.name` for other rows' partials, and takes part in whatever reads the table.

    Args:
        name: Its name, an identifier. A function of one's own may be defined again, and is then
            replaced for what is computed from then on.
        evaluate: The function on floats. Its parameters name the operands, and may have defaults;
            with a single `*xs` it becomes a function of a sequence. Off its domain it raises what
            `math` would.
        partials: `partials(m, y, *xs)` gives the partial derivatives, a tuple with one an operand,
            or the one derivative itself. They are to be an expression in arithmetic and in
            functions of the namespace `m` (`m.exp(x)`, `m.where(x > 0, 1.0, 0.0)`), of the value
            `y` and the operands, so that it can be evaluated on floats and Values alike.
        summary: What it is, for its documentation.
        domain: Where it is defined, in words, for errors.

    Returns:
        The function.

    Raises:
        TypeError: `partials` does not take these arguments; or, when the function is called, does
            not give one number an operand.
        ValueError: The name is that of a built-in function, of an attribute of Value, or no
            identifier; or the signature of `evaluate` cannot be read.

    Example:
        >>> from autograd import Value
        >>> bump = custom_function(
        ...     "bump",
        ...     lambda x: 1.0 / (1.0 + x * x),
        ...     lambda m, y, x: -2.0 * x * m.square(y),
        ... )
        >>> x = Value(1.0)
        >>> bump(x).backward()
        >>> x.grad
        -0.5
    """
    taken = hasattr(Value, name) and name not in RULES
    if not name.isidentifier() or iskeyword(name) or taken:
        raise ValueError(f"{name!r} cannot be a function's name: it is taken, or no identifier")
    try:
        parameters = inspect.signature(evaluate).parameters.values()
    except ValueError:
        raise ValueError(
            f"{name}: the operands cannot be read off {evaluate!r}; wrap it in a lambda"
        ) from None
    kinds = [parameter.kind for parameter in parameters]
    of_sequence = kinds == [inspect.Parameter.VAR_POSITIONAL]
    if not kinds or not (
        of_sequence
        or set(kinds)
        <= {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    ):
        raise ValueError(f"{name}: evaluate must take named operands, or a single *xs")
    operands = ("*xs",) if of_sequence else tuple(parameter.name for parameter in parameters)
    with suppress(ValueError):  # of a function in C, which does not say
        try:
            signature = inspect.signature(partials)
            (signature.bind_partial if of_sequence else signature.bind)(VALUES, None, *operands)
        except TypeError:
            raise TypeError(
                f"{name}: partials is called as partials(m, y, {', '.join(operands)}), with the "
                "functions that it may use, the value and the operands"
            ) from None
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}

    @functools.wraps(evaluate)
    def evaluate_checked(*xs: float) -> float:
        return as_float(evaluate(*xs), name)

    def partials_checked(m: Any, y: Any, *xs: Any) -> tuple[Any, ...]:
        result = partials(m, y, *xs)
        derivatives = tuple(result) if isinstance(result, (tuple, list)) else (result,)
        if len(derivatives) != len(xs):
            raise TypeError(
                f"{name}: partials must give one derivative an operand, "
                f"{len(xs)} of them, and gave {len(derivatives)}"
            )
        if isinstance(y, float):
            return tuple(as_float(derivative, f"{name}: partials") for derivative in derivatives)
        return derivatives

    rule = Rule(name, operands, evaluate_checked, partials_checked, summary, None, domain)
    register(rule)
    function = _function(rule, **defaults)
    if not of_sequence:
        setattr(Value, name, function)
    elif hasattr(Value, name):  # of a function of that name with another signature, now replaced
        delattr(Value, name)
    return function


# --- as they are published -----------------------------------------------------------------------

for _rule in ROWS:
    if _rule.name in VALUES.__dict__:
        setattr(names, _rule.name, getattr(VALUES, _rule.name))
