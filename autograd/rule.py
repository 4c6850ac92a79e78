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
        name: The function's name; an operator's sign for an operator.
        operands: The names of its operands, in order; `("*xs",)` for any number of them.
        evaluate: The function on floats; raises what Python's `math` would off its domain.
        partials: `partials(m, y, *xs)`, the tuple of its partial derivatives, one an operand.
        summary: What the function is, in a sentence. Further sentences say what its derivatives
            are, as formulas in backquotes, and what is agreed on at its kinks.
        example: Operands, and the function's value there.
        domain: Where the function is defined, in words; empty where it is everywhere.
        fused: For the hottest of one operand, value and derivatives on floats in one call.
        expanded: `expanded(m, *xs)`, for a function of many operands: the same, written out in
            operations of one or two.
        kinks: `kinks(m, y, *xs)`, other than 0 where the first derivative is agreed on, or jumps: a
            second one does not exist there, and is nan. It is made of `m.meets`.
        within: `within(m, *xs)`, the domain as a condition, where the partials would be finite
            outside of it: compiled code, which cannot raise, makes them nan.
        primitive: `primitive(m, *xs)`, for the compiler, where `evaluate` branches or takes what is
            not in `m`: the same values without branches, inf or nan off the domain.
        by_python: Whether compiled programs have Python evaluate it, number by number.
        exact: `exact(mp, *xs)`, the function as mpmath defines it: what the row is held to.
        smooth: For each name in `operands` the open intervals where the function is smooth, the
            one that examples shrink to first; or a function that gives from the operands before
            the closed intervals to draw from. Empty: every number.
        defaults: What the last operands are where they are not given.
        fixed: The operands that no derivative is taken of, as an order.
        numbers_only: Whether these must be plain numbers, as a derivative in them is not known.
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
        """Whether the first operand is the one that a method of Value would act on."""
        first = self.operands[0]
        return not first.startswith("*") and first not in self.fixed

    def extended(self, *xs: float) -> float:
        """Evaluate the function on the extended real line, where nothing raises.

        Example:
            >>> RULES["/"].extended(1.0, 0.0), RULES["log"].extended(-1.0)
            (inf, nan)
        """
        evaluate = extended(self.evaluate)
        if not self.of_sequence and not isinstance(self.name, OwnName):
            evaluate = getattr(EXTENDED, self.name, evaluate)  # where an infinity has its sign
        return float(evaluate(*map(Extended, xs)))

    def local_derivatives(self, y: float, *xs: float) -> tuple[float, ...]:
        """Evaluate the partial derivatives on floats.

        Args:
            y: The function's value at `xs`.
            *xs: The operands, a point at which the function is defined.

        Returns:
            One float an operand; infinite or nan where the derivative is, never an exception.

        Example:
            >>> RULES["sqrt"].local_derivatives(0.0, 0.0)
            (inf,)
        """
        try:
            return self.partials(FLOATS, y, *xs)
        except (ArithmeticError, ValueError):
            return tuple(map(float, self.partials(EXTENDED, Extended(y), *map(Extended, xs))))


# --- the namespaces of the partials, and rows of one's own ---------------------------------------

LINEAR = "linear"
"""The one operation that is not a row of the table: its coefficients are its local derivatives."""

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
"""The namespaces of the functions on floats, on the extended real line, and, entered by
`autograd.functions`, on Values."""


class OwnName(str):
    """The name of a row that a user has added: as the `op` of a node it says by which row.

    Functions may share a name: what a node follows is the row that it was recorded by.

    Attributes:
        rule: The row.
        function: The public function made of it, by which it is pickled.
        place: Which of the function's results it is.
    """

    rule: Rule
    function: Any
    place: int

    def __copy__(self) -> OwnName:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> OwnName:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _own_name, (*_home(self), self.place)


def _home(name: OwnName) -> tuple[str, str]:
    """Find a module that a user's function is an attribute of: its own, or any other."""
    from pickle import PicklingError  # of no use to whoever pickles nothing

    own = sys.modules.get(name.function.__module__)
    for module in (own, *list(sys.modules.values())):
        for attribute, value in list(vars(module).items()) if module else ():
            if value is name.function:
                return str(module.__name__), attribute  # type: ignore[union-attr]
    raise PicklingError(
        f"{name}, a function of one's own, cannot be pickled, nor a graph that it takes part in: "
        "it would have to stand under a name at the top of a module, to be found there again"
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
        rule: The row. One of a user's of the same name is replaced there, and goes on as it was for
            whoever has it.

    Raises:
        ValueError: The name is that of a row of the library's.
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
