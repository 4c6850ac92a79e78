"""The elementary functions, made from the table; they take floats and `Value`s alike.

A function given only plain numbers returns a float and records nothing; if a Value is among its
operands, it returns a Value. Functions with a fixed number of operands are also methods of `Value`,
under the same name. `sum`, `max` and the other functions of a sequence take one iterable, and make
one node of it.

Each function documents its derivatives, as textbook formulas. Its row in `autograd.rules` says how
they are computed without cancellation or overflow.

Example:
    >>> from autograd import Value
    >>> exp(0.0), exp(Value(0.0)), Value(0.0).exp()
    (1.0, Value(1.0, grad=0.0, op='exp'), Value(1.0, grad=0.0, op='exp'))
    >>> sum([1.0, Value(2.0), 3.0])
    Value(6.0, grad=0.0, op='sum')
"""

from __future__ import annotations

import builtins
import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import accumulate, repeat
from keyword import iskeyword
from operator import mul
from textwrap import fill
from typing import TYPE_CHECKING, Any, overload

from autograd import grad_mode, names, special
from autograd.errors import counted, outside_domain, shown, wrong_type
from autograd.extended_reals import Extended, extended
from autograd.formulary import DEVIATION, ROWS, ZSCORE
from autograd.helper_rules import HELPERS, MEETS
from autograd.linear_nodes import linear
from autograd.reals import Plain, as_float
from autograd.rule import FLOATS, LINEAR, VALUES, XS, OwnName, Rule, register
from autograd.rules import RULES
from autograd.special import sum_of_products
from autograd.tracing import UNKNOWN, TracingError, expected, is_traced
from autograd.value import Operand, Value, as_value, new_node, record

if TYPE_CHECKING:
    from autograd.names import *  # noqa: F403  what is made below

__all__ = ["Operands", "cumprod", "cumsum", "custom_function", "dot", "log", "net", "softmax"]
__all__ += names.__all__

# --- from a row to a function --------------------------------------------------------------------


def _apply(rule: Rule, operands: tuple[Any, ...]) -> Value | float:
    """Record the row if a Value is among its operands; otherwise evaluate it on floats."""
    if rule.name == "where" and type(operands[0]) is int and operands[0] in (-1, -2):
        raise TypeError(
            f"where: the condition is {operands[0]}, which is what ~ makes of a bool and is always "
            "true: write the opposite comparison, or swap the other two operands"
        )
    for operand in operands:
        if isinstance(operand, Value):
            if not all(map(isinstance, operands, repeat(Value))):
                operands = tuple([as_value(x, rule.name) for x in operands])
            return record(rule, operands)
    xs = [as_float(x, rule.name) for x in operands]
    try:
        return rule.evaluate(*xs)
    except (ArithmeticError, ValueError) as error:
        if any(isinstance(x, Extended) for x in operands):  # in partials, where nothing may raise
            return float(extended(rule.evaluate)(*xs))
        raise outside_domain(error, rule.name, rule.operands, xs, rule.domain) from None


def _apply_to_numbers(rule: Rule, operands: tuple[Any, ...]) -> Value | float:
    """Apply the row; refuse an unknown derivative rather than treat it as 0."""
    for name, operand in zip(rule.operands, operands, strict=True):
        if name in rule.fixed and isinstance(operand, Value):
            raise TypeError(
                f"{rule.name}: {name} must be a plain number, not a Value, as the derivative with "
                f"respect to it is not known; to hold it constant, pass its .data"
            )
    return _apply(rule, operands)


def _fused(rule: Rule) -> Callable[[float], tuple[float, tuple[float, ...]]]:
    """Join the evaluation and the derivative of a row of one operand, on floats."""
    evaluate, partials = rule.evaluate, rule.partials

    def fused(x: float) -> tuple[float, tuple[float, ...]]:
        y = evaluate(x)
        return y, partials(FLOATS, y, x)

    return fused


def _function(rule: Rule, **defaults: float) -> Any:
    """Make the public function of a row of the table."""
    defaults = defaults or dict(zip(rule.operands[::-1], rule.defaults[::-1], strict=False))
    function: Callable[..., Any]
    if len(rule.operands) == 1 and not rule.of_sequence:
        fused = rule.fused or _fused(rule)
        name = rule.name

        def function(x: Operand, /) -> Value | float:
            if isinstance(x, Value):
                try:
                    y, derivatives = fused(x._number)
                except (ArithmeticError, ValueError):
                    return record(rule, (x,))
                except TracingError as error:
                    expected(error)
                    return record(rule, (x,))
                return new_node(y, (x,), derivatives, name)
            return _apply(rule, (x,))

    else:
        apply = functools.partial(_apply_to_numbers if rule.numbers_only else _apply, rule)
        function = _with_operands(rule, defaults, rule.name, apply)
    return _published(rule, function)


def _with_operands(
    rule: Rule,
    defaults: dict[str, float],
    name: str,
    apply: Callable[[tuple[Any, ...]], Any],
) -> Any:
    """Make a function that takes a row's operands, either as one sequence or by name."""
    if rule.of_sequence:

        def of_sequence(xs: Iterable[Operand], /, *others: Any) -> Any:
            if others:
                raise _one_by_one(name, (xs, *others))
            return apply(_listed(name, xs))

        xs = inspect.Parameter("xs", inspect.Parameter.POSITIONAL_ONLY)
        of_sequence.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [xs], return_annotation="Value | float"
        )
        return of_sequence
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature(
        [
            inspect.Parameter(operand, kind, default=defaults.get(operand, inspect.Parameter.empty))
            for operand in rule.operands
        ]
    )

    def function(*operands: Any, **named: Any) -> Any:
        if named or len(operands) != len(rule.operands):
            try:
                bound = signature.bind(*operands, **named)
            except TypeError as error:
                raise TypeError(f"{name}{signature}: {error}") from None
            bound.apply_defaults()
            operands = bound.args
        return apply(operands)

    function.__signature__ = signature.replace(  # type: ignore[attr-defined]
        return_annotation="Value | float"
    )
    return function


def _one_by_one(name: str, operands: tuple[Any, ...]) -> TypeError:
    """Make the error for a function of a sequence that was given its operands one by one."""
    message = f"{name}: takes one sequence, and was given {len(operands):,} arguments: "
    message += f"write {name}([x1, x2])"
    if name in ("max", "min"):
        message += f", or {name}imum(x1, x2) of two numbers"
    if hasattr(builtins, name):
        message += f"; Python's own is builtins.{name}"
    return TypeError(message)


def _listed(name: str, xs: Iterable[Any]) -> tuple[Any, ...]:
    # Iterating over a text or a dictionary would give its characters or its keys.
    if isinstance(xs, dict):
        named = any(isinstance(key, str) for key in xs)
    else:
        named = isinstance(xs, (str, bytes, bytearray))
    if not named:
        with suppress(TypeError):
            return tuple(xs)
    raise wrong_type(name, xs, "a sequence of Values or real numbers")


def _published(rule: Rule, function: Callable[..., Any]) -> Any:
    """Name and document a row's function, and make it available to the table's partials."""
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
    first, stop, more = (rule.summary or "A custom function.").partition(". ")
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
"""The rows whose functions are defined below; the functions of the others are made here."""

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
    """The natural logarithm of x, or the logarithm to a given base.

    Its derivative is 1 / x; to a base, 1 / (x log(base)), and with respect to the base -log(x) /
    (base log(base)²).

    Args:
        x: A Value or real number.
        base: A Value or real number; by default e. If given, the result is the quotient of two
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
        numerator = log(x)
        try:
            return numerator / log(base)
        except (ZeroDivisionError, ValueError) as error:
            raise outside_domain(
                type(error)("there is no logarithm to this base"),
                "log", ("x", "base"), [y if isinstance(y, Value) else float(y) for y in (x, base)],
                "x > 0, and a base > 0 other than 1",
            ) from None  # fmt: skip
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


_natural = RULES["log"].fused or _fused(RULES["log"])
VALUES.log = log  # also a method

# Methods of Value, for functions whose first operand a method would act on. NumPy's functions call
# them on object arrays: np.exp(array) calls exp() on each element. The functions of a sequence are
# not methods: np.sum(value) would find them, and call them in its own way. Nor is `where`, which in
# PyTorch is a method of what is chosen, and here would be a method of the condition.
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

    Each result is one node with all the xs as parents, its own x first. Its derivatives have full
    relative accuracy, at the price of n² links; to train a classifier, use the cross-entropy of the
    logits instead (`nn.losses.softmax_cross_entropy`), which is one node with n links.

    The derivative of a result y1 is y1 (1 - y1) in its own x1, and -y1 y2 in another operand x2.

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
        return _of_each("softmax", operands)
    if not operands:
        raise ValueError("softmax: expected at least one operand, and the sequence is empty")
    return special.softmax([as_float(x, "softmax") for x in operands])


def _of_each(op: str, operands: tuple[Any, ...]) -> list[Value]:
    """Record a row once for each of its operands, with that operand first."""
    operands = tuple(as_value(x, op) for x in operands)
    return [
        record(RULES[op], (x, *operands[:i], *operands[i + 1 :])) for i, x in enumerate(operands)
    ]


VALUES.zscores_ = lambda xs: _of_each(ZSCORE, tuple(xs))
VALUES.deviations_ = lambda xs: _of_each(DEVIATION, tuple(xs))


@overload
def cumsum(xs: Iterable[Value], /) -> list[Value]: ...
@overload
def cumsum(xs: Iterable[Plain], /) -> list[float]: ...
@overload
def cumsum(xs: Iterable[Operand], /) -> list[Value] | list[float]: ...
def cumsum(xs: Iterable[Any], /) -> Any:
    """The cumulative sums: of the first x, of the first two, …, of all of the xs.

    The first is the first x itself, and each of the others is computed from the one before, so the
    number of links is linear in that of the xs. The derivative of a sum is 1 in each x that it
    includes.

    Args:
        xs: The operands, an iterable of Values or real numbers.

    Returns:
        A list of the same length: floats if every operand is a plain number, else Values.

    Raises:
        TypeError: An operand is neither a Value nor a real number.
        OverflowError: An operand is too large for a float.

    Example:
        >>> cumsum([1.0, 2.0, 3.0])
        [1.0, 3.0, 6.0]
    """
    return list(accumulate(_of_one_kind("cumsum", xs)))


@overload
def cumprod(xs: Iterable[Value], /) -> list[Value]: ...
@overload
def cumprod(xs: Iterable[Plain], /) -> list[float]: ...
@overload
def cumprod(xs: Iterable[Operand], /) -> list[Value] | list[float]: ...
def cumprod(xs: Iterable[Any], /) -> Any:
    """The cumulative products: of the first x, of the first two, …, of all of the xs.

    The first is the first x itself, and each of the others is computed from the one before, so the
    number of links is linear in that of the xs. The derivative of a product in an x that it
    includes is the product of its other factors, even where there are zeros.

    Args:
        xs: The operands, an iterable of Values or real numbers.

    Returns:
        A list of the same length: floats if every operand is a plain number, else Values.

    Raises:
        TypeError: An operand is neither a Value nor a real number.
        OverflowError: An operand is too large for a float.

    Example:
        >>> cumprod([2.0, 3.0, 4.0])
        [2.0, 6.0, 24.0]
    """
    return list(accumulate(_of_one_kind("cumprod", xs), mul))


def _of_one_kind(operation: str, xs: Iterable[Any]) -> list[Any]:
    """Convert plain numbers to floats or, if one of the xs is a Value, all to Values."""
    operands = _listed(operation, xs)
    if any(isinstance(x, Value) for x in operands):
        return [as_value(x, operation) for x in operands]
    return [as_float(x, operation) for x in operands]


class Operands:
    """A sequence of operands that is examined once, and shared by the neurons of a layer.

    Attributes:
        nodes: The operands as Values; empty if all are plain numbers.
        data: Their numbers.

    Args:
        xs: An iterable of Values or real numbers.
        operation: The caller's name, for the error.

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
        if any(issubclass(kind, Value) for kind in kinds):
            if len(kinds) > 1:
                operands = tuple([as_value(x, operation) for x in operands])
            self.nodes = operands
            self.data = tuple([node._number for node in operands])
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

    If one sequence holds plain numbers only, they are the coefficients of a `linear` node, whose
    parents are the Values of the other. The derivative in each operand is the operand that it is
    paired with.

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
            f"dot: the sequences differ in length, {len(left.data):,} and {len(right.data):,}: "
            "each operand is paired with one of the other sequence"
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

    If the inputs are plain numbers, they are the coefficients of a `linear` node, whose parents are
    the weights and the bias. The derivative in a weight is its input, in an input its weight, and
    in the bias 1.

    Args:
        weights: A sequence of Values or real numbers.
        inputs: Another of the same length, or its `Operands`.
        bias: A Value or a real number.

    Returns:
        A float if every operand is a plain number, else a Value.

    Raises:
        TypeError: An operand is neither a Value nor a real number.
        ValueError: The numbers of weights and inputs differ.

    Example:
        >>> net([1.0, 2.0], [3.0, 4.0], 0.5)
        11.5
    """
    prepared = inputs if isinstance(inputs, Operands) else Operands(inputs, "net")
    xs, nodes = prepared.data, prepared.nodes
    left = weights if type(weights) is list else _listed("net", weights)
    if len(left) != len(xs):
        raise ValueError(
            f"net: got {counted(len(left), 'weight')} for {counted(len(xs), 'input')}: pass one "
            "weight for each input"
        )
    kinds = {*map(type, left), type(bias)}
    if kinds == {float} and not nodes:
        return sum_of_products(left, xs) + bias
    if kinds != {Value} and not all(issubclass(kind, Value) for kind in kinds):
        return _apply(RULES["net"], (*left, *(nodes or xs), bias))
    # the usual and hottest case, a neuron: weights and bias are Values
    ws = [weight._number for weight in left]
    is_unknown = kinds != {Value} or (grad_mode.open_blocks and any(map(is_traced, nodes)))
    y = UNKNOWN if is_unknown else sum_of_products(ws, xs) + bias._number
    if nodes:
        return new_node(y, (*left, *nodes, bias), (*xs, *ws, 1.0), "net")
    return new_node(y, (*left, bias), (*xs, 1.0), LINEAR)


for _rule in (*HELPERS, RULES[MEETS]):  # only for the partials and kinks of the rows
    _function(_rule)

for _name, _written in {"softmax": softmax, "dot": dot, "net": net}.items():
    setattr(VALUES, _name, _written)


# --- custom functions ----------------------------------------------------------------------------


def custom_function(
    name: str,
    evaluate: Callable[..., Any],
    partials: Callable[..., Any],
    *,
    results: int | None = None,
    summary: str = "",
    domain: str = "",
) -> Any:
    """Make a differentiable function from its evaluation and its partial derivatives.

    It is a row like the built-in ones: it takes floats and Values, the partials of other rows can
    use it as `m.name`, and, if it has a single result, it is a method of Value. Nodes recorded by
    it follow it at every order, in compiled functions and in copies, even if another function of
    the same name is made later.

    A graph that uses it can be pickled if it is assigned to a name at the top level of a module.

    Args:
        name: Its name, an identifier. Functions may share one; the method, and `m.name` in the
            partials of functions made later, belong to the last of them.
        evaluate: The function on floats. Its parameters name the operands, and may have defaults;
            with a single `*xs` it becomes a function of a sequence. Off its domain it raises what
            `math` would. To be compiled, it must be an expression in arithmetic and in this
            library's functions, without branches.
        partials: `partials(m, y, *xs)` gives the partial derivatives, a tuple with one for each
            operand; or the derivative itself, if there is only one operand. They must be an
            expression in arithmetic and in functions of the namespace `m` (`m.exp(x)`, `m.where(x >
            0, 1.0, 0.0)`), of the value `y` and the operands, so that it can be evaluated on floats
            and Values alike. Custom functions may also be called directly.
        results: How many numbers the function gives, if it returns a tuple: then `y` is a tuple,
            and `partials` gives for each result what it would give for a single one.
        summary: What it is, for its documentation.
        domain: Where it is defined, in words, for errors.

    Returns:
        The function; with `results`, it returns a tuple, and each result is a node.

    Raises:
        TypeError: `partials` does not take these arguments, or `results` is not an integer; or,
            when the function is called, `partials` does not give one number for each operand, or
            `evaluate` not the stated number of results.
        ValueError: The name belongs to a built-in function or an attribute of Value, or is not an
            identifier; the signature of `evaluate` cannot be read; or `results` is less than 1.

    Example:
        >>> from autograd import Value
        >>> cube = custom_function("cube", lambda x: x**3, lambda m, y, x: 3.0 * m.square(x))
        >>> x = Value(2.0)
        >>> cube(x).backward()
        >>> x.grad
        12.0
        >>> polar = custom_function(
        ...     "polar",
        ...     lambda r, phi: (r * cos(phi), r * sin(phi)),
        ...     lambda m, y, r, phi: ((m.cos(phi), -y[1]), (m.sin(phi), y[0])),
        ...     results=2,
        ... )
        >>> r, phi = Value(2.0), Value(0.0)
        >>> x1, x2 = polar(r, phi)
        >>> x2.backward()
        >>> x1.data, x2.data, r.grad, phi.grad
        (2.0, 0.0, 0.0, 2.0)
    """
    _check_name(name)
    if results is not None and (not isinstance(results, int) or isinstance(results, bool)):
        raise TypeError(
            f"custom_function {name!r}: results must be the number of results, an int, or None, "
            f"got {shown(results)}"
        )
    if results is not None and not 1 <= results <= MOST_RESULTS:
        raise ValueError(
            f"custom_function {name!r}: results must be from 1 to {MOST_RESULTS:,}, got "
            f"{shown(results)}"
        )
    for what, text in (("summary", summary), ("domain", domain)):
        if not isinstance(text, str):
            raise wrong_type(f"custom_function {name!r}: {what}", text, "text, a str")
        if len(text) > LONGEST_TEXT:
            raise ValueError(
                f"custom_function {name!r}: {what} must be of at most {LONGEST_TEXT:,} characters, "
                f"got {len(text):,}"
            )
    operands, defaults = _signature(name, evaluate)
    own = _OwnFunction(name, evaluate, partials, operands, results)
    own.check_arguments()
    rules = [own.rule(place, summary, domain) for place in range(results or 1)]
    if results is None:
        register(rules[0])
        function = _function(rules[0], **defaults)
    else:
        function = _function_of_several(own, rules, defaults)
    function.__module__ = str(sys._getframe(1).f_globals.get("__name__", __name__))
    function.own_names = own.publish(rules, function)
    if results is None and operands != XS:
        setattr(Value, name, function)
    elif hasattr(Value, name):  # from a function of that name with another signature
        delattr(Value, name)
    return function


MOST_RESULTS = 10_000
"""The maximum number of results of one function."""


def _check_name(name: str) -> None:
    if not isinstance(name, str):
        raise wrong_type("custom_function: name", name, "an identifier, a str")
    own = isinstance(RULES[name].name, OwnName) if name in RULES else name in _own_functions
    problem = ""
    if not name.isidentifier():
        problem = "it is not an identifier"
    elif iskeyword(name):
        problem = "it is a keyword of Python"
    elif name in RULES and not own:
        problem = "it is the name of a function of the library"
    elif hasattr(Value, name) and not own:
        problem = "it is the name of an attribute of Value"
    elif len(name) > LONGEST_NAME:
        problem = f"it has {len(name):,} characters, and {LONGEST_NAME} are allowed"
    if problem:
        raise ValueError(
            f"custom_function: {shown(name)} cannot be the function's name: {problem}; choose "
            "another"
        )


LONGEST_TEXT = 10_000
"""The maximum length of the texts that describe a custom function."""

LONGEST_NAME = 200
"""The maximum length of the name of a custom function."""


def _signature(name: str, evaluate: Callable[..., Any]) -> tuple[tuple[str, ...], dict[str, float]]:
    """Read a custom function's operands, and their defaults, from its signature."""
    if not callable(evaluate):
        raise wrong_type(f"custom_function {name!r}: evaluate", evaluate, "a function of floats")
    try:
        parameters = inspect.signature(evaluate).parameters.values()
    except ValueError:
        raise ValueError(
            f"custom_function {name!r}: the signature of {shown(evaluate)} does not say which "
            "operands it takes: wrap it in a lambda, lambda x: f(x)"
        ) from None
    kinds = [parameter.kind for parameter in parameters]
    if kinds == [inspect.Parameter.VAR_POSITIONAL]:
        return XS, {}
    named = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    if not kinds or not set(kinds) <= named:
        raise ValueError(
            f"custom_function {name!r}: evaluate must take one or more operands by position, or a "
            f"single *xs, but takes {str(inspect.signature(evaluate))[:100]}"
        )
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    return tuple(parameter.name for parameter in parameters), defaults


_own_functions: dict[str, Any] = {}
"""The most recent custom function of each name."""


class _Scope:
    """The functions that the partials of a custom function may use: `m`.

    A custom name refers to the function that had it when this one was made, or, if there was none,
    when it was first asked for: a later function of the same name does not change it.
    """

    def __init__(self, m: Any, own: dict[str, Any]) -> None:
        self._m, self._own = m, own

    def __getattr__(self, name: str) -> Any:
        if name not in self._own and name in _own_functions:
            self._own[name] = _own_functions[name]
        return self._own[name] if name in self._own else getattr(self._m, name)


class _OwnFunction:
    """A custom function, checked when it is evaluated; its rows are made from it."""

    def __init__(
        self,
        name: str,
        evaluate: Callable[..., Any],
        partials: Callable[..., Any],
        operands: tuple[str, ...],
        results: int | None,
    ) -> None:
        self.name, self.operands, self.results = name, operands, results
        self._evaluate, self._partials = evaluate, partials
        self._known = dict(_own_functions)

    def check_arguments(self) -> None:
        """Check that the partials take the namespace, the value and the operands."""
        of_sequence = self.operands == XS
        if not callable(self._partials):
            raise wrong_type(
                f"custom_function {self.name!r}: partials", self._partials,
                f"a function, lambda m, y, {', '.join(self.operands)}: ...",
            )  # fmt: skip
        with suppress(ValueError):  # a function in C without a signature
            try:
                signature = inspect.signature(self._partials)
                bind = signature.bind_partial if of_sequence else signature.bind
                bind(VALUES, None, *self.operands)
            except TypeError:
                raise TypeError(
                    f"custom_function {self.name!r}: partials is called as partials(m, y, "
                    f"{', '.join(self.operands)}), with the functions that it may use, the value "
                    f"and the operands, but takes {str(signature)[:100]}"
                ) from None

    def evaluate(self, *xs: Any) -> tuple[float, ...]:
        """Evaluate the function on floats, and return all of its results."""
        result = self._evaluate(*xs)
        if self.results is None:
            return (as_float(result, f"{self.name}: evaluate returned", "a real number"),)
        what = f"{self.name}: evaluate returned"
        return tuple([as_float(y, what, "numbers") for y in self._several(result, "evaluate")])

    def partials(self, m: Any, ys: tuple[Any, ...], *xs: Any) -> list[tuple[Any, ...]]:
        """Evaluate the partial derivatives: for each result, one for each operand."""
        scope = _Scope(m, self._known)
        if self.results is None:
            rows: Sequence[Any] = [self._partials(scope, ys[0], *xs)]
        else:
            rows = self._several(self._partials(scope, ys, *xs), "partials")
        return [self._row(row, len(xs), isinstance(ys[0], float)) for row in rows]

    def _several(self, found: Any, what: str) -> Sequence[Any]:
        if not isinstance(found, (tuple, list)) or len(found) != self.results:
            raise TypeError(
                f"{self.name}: {what} must return a tuple with one item for each of the "
                f"{counted(self.results or 1, 'result')}, but returned {shown(found)}"
            )
        return found

    def _row(self, row: Any, count: int, of_floats: bool) -> tuple[Any, ...]:
        derivatives = tuple(row) if isinstance(row, (tuple, list)) else (row,)
        if len(derivatives) != count:
            raise TypeError(
                f"{self.name}: partials must return one derivative for each operand: "
                f"{counted(count, 'derivative')}, but returned {len(derivatives):,}"
            )
        if of_floats:
            return tuple(
                derivative
                if type(derivative) is Extended
                else as_float(derivative, f"{self.name}: partials returned", "a real number")
                for derivative in derivatives
            )
        return derivatives

    def rule(self, place: int, summary: str, domain: str) -> Rule:
        """Make the row of one result."""
        name = OwnName(self.name if self.results is None else f"{self.name}[{place}]")
        traced: Callable[..., Any] = self._evaluate
        if self.results is not None:

            def traced(*xs: Any) -> Any:
                return self._several(self._evaluate(*xs), "evaluate")[place]

        def evaluate(*xs: float) -> float:
            return self.evaluate(*xs)[place]

        evaluate.__wrapped__ = traced  # type: ignore[attr-defined]  # what is compiled

        def partials(m: Any, y: Any, *xs: Any) -> tuple[Any, ...]:
            ys = [y]
            if self.results is not None:
                if isinstance(y, float):
                    ys = [type(y)(each) for each in self.evaluate(*map(float, xs))]
                else:
                    ys = list(self._recorded(xs))
                ys[place] = y
            return self.partials(m, tuple(ys), *xs)[place]

        name.rule = Rule(name, self.operands, evaluate, partials, summary, None, domain)
        name.place = place
        return name.rule

    def _recorded(self, xs: tuple[Any, ...]) -> tuple[Any, ...]:
        function = self._known[self.name]
        return function(xs) if self.operands == XS else function(*xs)  # type: ignore[no-any-return]

    def publish(self, rules: Sequence[Rule], function: Any) -> tuple[OwnName, ...]:
        """Make the function available by its name."""
        names = tuple(rule.name for rule in rules)
        for name in names:
            assert isinstance(name, OwnName)
            name.function = function
        self._known[self.name] = _own_functions[self.name] = function
        return names  # type: ignore[return-value]


def _function_of_several(
    own: _OwnFunction, rules: Sequence[Rule], defaults: dict[str, float]
) -> Any:
    """Make the public function of several results: evaluated once, with a node for each result."""

    def apply(operands: tuple[Any, ...]) -> tuple[Value, ...] | tuple[float, ...]:
        if not any(isinstance(operand, Value) for operand in operands):
            xs = [as_float(x, own.name) for x in operands]
            try:
                return own.evaluate(*xs)
            except (ArithmeticError, ValueError) as error:
                raise outside_domain(error, own.name, own.operands, xs, rules[0].domain) from None
        nodes = tuple([as_value(x, own.name) for x in operands])
        try:
            xs = [node.data for node in nodes]
            ys = own.evaluate(*xs)
            rows = own.partials(FLOATS, ys, *xs)
        except (ArithmeticError, ValueError, TracingError) as error:
            if isinstance(error, TracingError):
                expected(error)
            return tuple([record(rule, nodes) for rule in rules])
        return tuple(
            [
                new_node(y, nodes, row, rule.name)
                for y, row, rule in zip(ys, rows, rules, strict=True)
            ]
        )

    function = _with_operands(rules[0], defaults, own.name, apply)
    function.__name__ = function.__qualname__ = own.name
    function.__doc__ = _documentation(rules[0])
    return function


# --- as they are published -----------------------------------------------------------------------

for _rule in ROWS:
    if _rule.name in VALUES.__dict__:
        setattr(names, _rule.name, getattr(VALUES, _rule.name))
