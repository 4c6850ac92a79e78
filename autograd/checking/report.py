"""The result of a check: as data, and in words."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias

from autograd.formatting import MINUS, for_output
from autograd.graph import interior
from autograd.rule import OwnName
from autograd.value import Value

__all__ = [
    "OUTCOMES",
    "Culprit",
    "Derivative",
    "GradientCheck",
    "GradientError",
    "Outcome",
    "summary",
]

Outcome: TypeAlias = Literal["passed", "failed", "undecided"]
"""The outcome of a check; "undecided" if neither can be shown."""

OUTCOMES: tuple[Outcome, ...] = ("passed", "undecided", "failed")
"""The outcomes, from what counts least to what counts most."""


@dataclass(frozen=True, slots=True)
class Derivative:
    """The derivative of one output with respect to one input.

    Attributes:
        output: The path to the output; empty if there is only one.
        input: The path to the input, such as `weights[1]`.
        gradient: The result of `backward()`.
        numerical: What it is compared with.
        bound: How far `numerical` may be off the derivative.
        rounding: How far off `gradient` may be, by rounding of intermediate results.
        outcome: Whether the two agree within `bound` and `rounding`.
        reason: Why not, or why that is undecided; empty if they agree.
        connected: Whether the output depends on the input, on the graph.

    Example:
        >>> from autograd import gradcheck
        >>> derivative = gradcheck(lambda x: x * x, 3.0).derivatives[0]
        >>> derivative.input, derivative.gradient, derivative.numerical, derivative.outcome
        ('x', 6.0, 6.0, 'passed')
    """

    output: str
    input: str
    gradient: float
    numerical: float
    bound: float
    rounding: float
    outcome: Outcome
    reason: str = ""
    connected: bool = True

    def quotient(self, function: str) -> str:
        """Write the derivative in names, as ∂f/∂x.

        Args:
            function: The function's name.

        Returns:
            The quotient.

        Example:
            >>> from autograd import gradcheck
            >>> gradcheck(lambda w: w[0] * w[1], [2.0, 3.0]).derivatives[1].quotient("f")
            '∂f/∂w[1]'
        """
        above = f"({self.output})" if self.output.startswith("∂") else f"{function}{self.output}"
        return f"∂{above}/∂{self.input}"

    @property
    def difference(self) -> float:
        """How far `gradient` is from `numerical`."""
        return abs(self.gradient - self.numerical)

    @property
    def relative_difference(self) -> float:
        """The difference relative to the larger of the two; 0 if there is none, nan if one is."""
        difference = self.difference
        if not difference or difference != difference:
            return difference
        return difference / max(abs(self.gradient), abs(self.numerical))


@dataclass(frozen=True, slots=True)
class Culprit:
    """The first operation on the graph that disagrees with its numerical evaluation.

    Attributes:
        op: The operation.
        description: The operation with its operands and their numbers.
        operand: The place of the operand with respect to which its derivative is wrong; -1 if
            something else is wrong.
        local_derivative: What the graph has; for a wrong value, the value.
        numerical: What the graph should have.
        bound: How far off `numerical` may be.
        node: The node.
        problem: What is wrong, in words.

    Example:
        >>> from autograd import custom_function, gradcheck
        >>> double = custom_function("double", lambda x: 2.0 * x, lambda m, y, x: 3.0)
        >>> culprit = gradcheck(double, 1.0, raise_exception=False).culprit
        >>> culprit.op, culprit.operand, culprit.local_derivative, culprit.numerical
        ('double', 0, 3.0, 2.0)
    """

    op: str
    description: str
    operand: int
    local_derivative: float
    numerical: float
    bound: float
    node: Value = field(repr=False)
    problem: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle only the names of custom functions: an error must survive pickling."""
        node = copy.deepcopy(self.node)
        for each in interior(node):
            each.op = str(each.op) if isinstance(each.op, OwnName) else each.op
        state = {slot.name: getattr(self, slot.name) for slot in fields(self)}
        return Culprit, tuple(({**state, "node": node}).values())


@dataclass(frozen=True, slots=True)
class GradientCheck:
    """The result of a gradient check; it is true if the gradient is right.

    Attributes:
        function: The function's name.
        outcome: "passed"; "failed": a gradient is wrong; "undecided": neither can be shown, as the
            point is at a kink, a pole or a border of the domain, or the function is noise.
        method: "precise": compared with mpmath's definitions; "numerical": with differences.
        reason: What is wrong or undecided; empty if passed.
        derivatives: One for each output and input.
        culprit: The first wrong operation on the graph, if there is one.
        notes: How it was found, and hints at what is wrong, for a claimed derivative.

    Example:
        >>> from autograd import gradcheck
        >>> check = gradcheck(lambda x: x * x, 3.0)
        >>> bool(check), check.outcome, check.worst.gradient
        (True, 'passed', 6.0)
    """

    function: str
    outcome: Outcome
    method: Literal["precise", "numerical"]
    reason: str
    derivatives: tuple[Derivative, ...]
    culprit: Culprit | None = None
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.outcome == "passed"

    @property
    def worst(self) -> Derivative | None:
        """The derivative that explains the outcome best: the one furthest off."""
        alike = [d for d in self.derivatives if d.outcome == self.outcome] or self.derivatives
        return max(alike, key=_severity, default=None)

    def __str__(self) -> str:
        return for_output(self._text)

    @property
    def _text(self) -> str:
        count = len(self.derivatives)
        noun = "derivative" if count == 1 else "derivatives"
        if self.outcome == "passed":
            return f"gradcheck: {count} {noun} of {self.function} passed ({self.method})"
        if not self.derivatives:
            return f"gradcheck: {self.function} cannot be checked: {self.reason}"
        head = "is wrong" if self.outcome == "failed" else "is undecided"
        lines = [f"gradcheck: the gradient of {self.function} {head}: {self.reason}"]
        if self.worst is not None:
            lines += _lines(self.worst, self.reason)
        if self.culprit is not None:
            lines += _facts(self.culprit)
        same = [d for d in self.derivatives if d.outcome == self.outcome]
        if count > 1 and same:
            names = ", ".join(d.quotient(self.function) for d in same[:8])
            more = ", …" if len(same) > 8 else ""
            lines.append(f"  {len(same)} of {count} {noun} {self.outcome}: {names}{more}")
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(lines)


def summary(derivatives: Sequence[Derivative]) -> tuple[Outcome, str]:
    """Combine the outcomes of derivatives: a failed one counts most, a passed one least.

    Args:
        derivatives: The result for each.

    Returns:
        The outcome, and the reason of the first derivative with that outcome.
    """
    for outcome in reversed(OUTCOMES[1:]):
        for derivative in derivatives:
            if derivative.outcome == outcome:
                return outcome, derivative.reason
    return "passed", ""


class GradientError(AssertionError):
    """A gradient is wrong.

    Attributes:
        result: The check, a `GradientCheck`.

    Args:
        result: The check.

    Example:
        >>> from autograd import custom_function, gradcheck
        >>> double = custom_function("double", lambda x: 2.0 * x, lambda m, y, x: 3.0)
        >>> try:
        ...     gradcheck(double, 1.0)
        ... except GradientError as error:
        ...     error.result.outcome
        'failed'
    """

    def __init__(self, result: GradientCheck) -> None:
        super().__init__(str(result))
        self.result = result

    def __reduce__(self) -> tuple[type[GradientError], tuple[GradientCheck]]:
        return type(self), (self.result,)


def _severity(derivative: Derivative) -> tuple[bool, float]:
    difference = derivative.relative_difference
    return difference != difference, difference


def _lines(derivative: Derivative, reason: str) -> list[str]:
    explained = f"rounding explains {derivative.rounding:.1e} of {derivative.difference:.1e}"
    lines = [
        _line("with respect to", derivative.input),
        _line("gradient", _exact(derivative.gradient)),
        _line("numerical", f"{_exact(derivative.numerical)} ± {derivative.bound:.1e}"),
        _line("relative difference", f"{derivative.relative_difference:.2g} ({explained})"),
    ]
    if derivative.output:
        lines.insert(1, _line("of the output", derivative.output))
    if derivative.reason and derivative.reason != reason:
        lines.append(_line("because", derivative.reason))
    return lines


def _facts(culprit: Culprit) -> list[str]:
    numerical = f"{_exact(culprit.numerical)} ± {culprit.bound:.1e}"
    return [
        _line("first wrong operation", culprit.description),
        _line(f"  {culprit.problem}", ""),
        _line("  on the graph", _exact(culprit.local_derivative)),
        _line("  numerical", numerical),
    ]


def _line(name: str, text: str) -> str:
    return f"  {name:<23}{text}".rstrip()


def _exact(x: float) -> str:
    return repr(x).replace("-", MINUS)
