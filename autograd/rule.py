"""A row of the table of differentiable functions, and the namespaces that its partials use."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from autograd.extended_reals import Extended, extended

__all__ = [
    "EXTENDED",
    "FLOATS",
    "LINEAR",
    "RULES",
    "VALUES",
    "XS",
    "XX",
    "OwnName",
    "Rule",
    "X",
    "register",
    "rule_of",
]  # fmt: skip

X = ("x",)
XX = ("x1", "x2")
XS = ("*xs",)


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table: a differentiable function.

    Attributes:
        name: The function's name; the sign, for an operator.
        operands: The names of its operands, in order; `("*xs",)` if it takes any number of them.
        evaluate: The function on floats; off its domain it raises what Python's `math` would.
        partials: `partials(m, y, *xs)`, the tuple of its partial derivatives, one for each operand.
        summary: What the function is, in a sentence. Further sentences give its derivatives, as
            formulas in backquotes, and the conventions at its kinks.
        example: Operands, and the function's value at them.
        domain: Where the function is defined, in words; empty if everywhere.
        fused: For the hottest functions of one operand: value and derivative on floats in one call.
        expanded: `expanded(m, *xs)`, for a function of many operands: the same function, written
            out in operations of one or two operands.
        kinks: `kinks(m, y, *xs)`, nonzero where the first derivative is a convention, or jumps:
            there is no second derivative there, and it is nan. It is built from `m.meets`.
        within: `within(m, *xs)`, the domain as a condition, needed where the partials would be
            finite outside it: compiled code, which cannot raise, makes them nan there.
        primitive: `primitive(m, *xs)`, for the compiler, needed if `evaluate` branches or uses what
            is not in `m`: the same values without branches; inf or nan off the domain.
        by_python: Whether compiled programs have Python evaluate the function, number by number.
        exact: `exact(mp, *xs)`, the function in mpmath, which the row is tested against.
        smooth: For each name in `operands`, the open intervals where the function is smooth, first
            the one that examples shrink to; or a function from the preceding operands to the closed
            intervals to draw from. Empty: every number.
        defaults: The defaults of the last operands.
        fixed: The operands with respect to which no derivative is taken, such as an order.
        numbers_only: Whether these must be plain numbers, because the derivative in them is not
            known.
    """

    name: str
    operands: tuple[str, ...]
    evaluate: Callable[..., float]
    partials: Callable[..., tuple[Any, ...]]
    summary: str = ""
    example: tuple[tuple[Any, ...], float] | None = None
    domain: str = ""
    fused: Callable[[float], tuple[float, tuple[float, ...]]] | None = None
    expanded: Callable[..., Any] | None = None
    kinks: Callable[..., Any] | None = None
    within: Callable[..., Any] | None = None
    primitive: Callable[..., Any] | None = None
    by_python: bool = False
    exact: Callable[..., Any] | None = None
    smooth: tuple[Any, ...] = ()
    defaults: tuple[float, ...] = ()
    fixed: tuple[str, ...] = ()
    numbers_only: bool = False

    @property
    def of_sequence(self) -> bool:
        """Whether the function takes its operands as one sequence."""
        return self.operands == XS

    @property
    def is_method(self) -> bool:
        """Whether a method of Value would act on the first operand."""
        first = self.operands[0]
        return not first.startswith("*") and first not in self.fixed

    def extended(self, *xs: float) -> float:
        """Evaluate the function on the extended real line, where no operation raises.

        Example:
            >>> RULES["/"].extended(1.0, 0.0), RULES["log"].extended(-1.0)
            (inf, nan)
        """
        evaluate = extended(self.evaluate)
        if not self.of_sequence and not isinstance(self.name, OwnName):
            evaluate = getattr(EXTENDED, self.name, evaluate)  # for infinities of the right sign
        return float(evaluate(*map(Extended, xs)))

    def local_derivatives(self, y: float, *xs: float) -> tuple[float, ...]:
        """Evaluate the partial derivatives on floats.

        Args:
            y: The function's value at `xs`.
            *xs: The operands, at which the function is defined.

        Returns:
            One float for each operand; infinite or nan where the derivative is, never an exception.

        Example:
            >>> RULES["sqrt"].local_derivatives(0.0, 0.0)
            (inf,)
        """
        try:
            return self.partials(FLOATS, y, *xs)
        except (ArithmeticError, ValueError):
            return tuple(map(float, self.partials(EXTENDED, Extended(y), *map(Extended, xs))))


# --- the namespaces of the partials, and custom rows ---------------------------------------------

LINEAR = "linear"
"""The one operation that is not in the table: its coefficients are its local derivatives."""

RULES: dict[str, Rule] = {}


class Functions(SimpleNamespace):
    """The functions that an expression may use, by name: `m.exp`."""

    def __getattr__(self, name: str) -> Any:
        """Say that there is no such function."""
        raise AttributeError(
            f"m.{name}: there is no function of that name for partials to use: m has the functions "
            "of autograd, and those made by custom_function",
            name=name,
            obj=self,
        )


FLOATS = Functions()
EXTENDED = Functions()
VALUES = Functions()
"""The namespaces of the functions on floats, on the extended real line, and on Values; the last is
filled by `autograd.functions`."""


class _Choosing:
    """The functions on the extended real line, with choices that return a branch as it is."""

    def __getattr__(self, name: str) -> Any:
        return getattr(EXTENDED, name)

    @staticmethod
    def where(condition: Any, x1: Any, x2: Any) -> Any:
        return x1 if condition else x2


_CHOOSING = _Choosing()


class OwnName(str):
    """The name of a row that a user has added; as the `op` of a node, it knows the row.

    Functions may share a name: a node follows the row that it was recorded by.

    Attributes:
        rule: The row.
        function: The public function made of the row; pickling refers to it.
        place: Which of the function's results this is.
    """

    rule: Rule
    function: Any
    place: int

    def leaves_out(self, node: Any, place: int) -> bool:
        """Tell whether a partial derivative of a node is a constant, as `choices.leaves_out`."""
        xs = [Extended(parent._number) for parent in node.parents]
        try:
            partials = self.rule.partials(_CHOOSING, Extended(node._number), *xs)
        except (ArithmeticError, ValueError):
            return False
        return not isinstance(partials[place], Extended)

    def __copy__(self) -> OwnName:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> OwnName:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _own_name, (*_home(self), self.place)


def _home(name: OwnName) -> tuple[str, str]:
    """Find a module that has a user's function as an attribute: its own, or any other."""
    from pickle import PicklingError  # not needed unless something is pickled

    own = sys.modules.get(name.function.__module__)
    for module in (own, *list(sys.modules.values())):
        for attribute, value in list(vars(module).items()) if module else ():
            if value is name.function:
                return str(module.__name__), attribute  # type: ignore[union-attr]
    raise PicklingError(
        f"{name}, a custom function, cannot be pickled, nor a graph that uses it: "
        "assign it to a name at the top level of a module, where unpickling can find it"
    )


def _own_name(module: str, attribute: str, place: int) -> OwnName:
    names: tuple[OwnName, ...] = getattr(import_module(module), attribute).own_names
    return names[place]


def rule_of(op: str) -> Rule | None:
    """Find the row that a node, or a step of a program, follows.

    Args:
        op: The name of its operation.

    Returns:
        The row; None if the operation is in no table.

    Example:
        >>> rule_of("exp").name
        'exp'
    """
    return op.rule if isinstance(op, OwnName) else RULES.get(op)


def register(rule: Rule) -> None:
    """Enter a row into the table and into the namespaces of the partials.

    Args:
        rule: The row. It replaces a user's row of the same name, which continues to work for those
            who hold it.

    Raises:
        ValueError: The name belongs to a row of the library.
    """
    known = RULES.get(rule.name)
    if (known is not None and not isinstance(known.name, OwnName)) or rule.name == LINEAR:
        raise ValueError(
            f"custom_function: {rule.name!r} is a function of the library: choose another name"
        )
    RULES[rule.name] = rule
    if rule.name.isidentifier():
        evaluate = rule.evaluate
        function = (lambda xs: evaluate(*xs)) if rule.of_sequence else evaluate
        setattr(FLOATS, rule.name, function)
        setattr(EXTENDED, rule.name, extended(function))
