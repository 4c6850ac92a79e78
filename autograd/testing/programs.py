"""Differentiable programs drawn at random: graphs over the whole table, each with a point.

A program is plain data: the numbers that it is evaluated at, and instructions, each of which
applies a row of the table to earlier numbers and constants. It is drawn forwards, and evaluated
meanwhile: an operand outside the interior of a row's domain is first moved into it, so that every
program is defined, smooth and of moderate size at its inputs, and none is rejected.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from hypothesis import strategies as st

from autograd.errors import counted
from autograd.formulary import ROWS
from autograd.formulary_special import SPECIAL
from autograd.rule import LINEAR, VALUES, Rule
from autograd.rules import RULES
from autograd.testing.domains import (
    DOMAINS,
    NONZERO,
    REAL,
    Bound,
    Region,
    name_of,
    spread,
)

__all__ = ["OPERATORS", "Instruction", "RandomProgram", "applied", "programs"]


# --- a program -----------------------------------------------------------------------------------


class Instruction(NamedTuple):
    """One operation of a program.

    Attributes:
        function: The name of a row of the table.
        operands: In the row's order: the index of a number (an int; the inputs come first, then the
            results of the instructions), or a constant (a float).
    """

    function: str
    operands: tuple[int | float, ...]


@dataclass(frozen=True, repr=False)
class RandomProgram:
    """A function of floats or Values, and the point to differentiate it at.

    It prints as Python that runs.

    Attributes:
        inputs: The point: one float for each argument.
        instructions: The operations, in order; the last one's result is the program's.

    Example:
        >>> program = RandomProgram((0.0,), (Instruction("exp", (0,)), Instruction("+", (1, 2.0))))
        >>> print(program)
        from autograd import exp, gradcheck
        <BLANKLINE>
        def f(x1):
            y1 = exp(x1)
            y2 = y1 + 2.0
            return y2
        <BLANKLINE>
        gradcheck(f, 0.0)
        >>> program(*program.inputs)
        3.0
    """

    inputs: tuple[float, ...]
    instructions: tuple[Instruction, ...]

    def __call__(self, *inputs: Any) -> Any:
        """Run the program.

        Args:
            *inputs: As many floats or Values as the program has inputs.

        Returns:
            A float if all inputs are floats, else a Value.

        Raises:
            TypeError: The number of inputs is wrong.
            ArithmeticError, ValueError: For inputs other than its own, an instruction may leave its
                domain.
        """
        if len(inputs) != len(self.inputs):
            raise TypeError(
                f"the program takes {counted(len(self.inputs), 'input')}, got {len(inputs):,}"
            )
        numbers = list(inputs)
        for name, operands in self.instructions:
            xs = [numbers[x] if isinstance(x, int) else x for x in operands]
            numbers.append(applied(RULES[name], xs))
        return numbers[-1]

    def __str__(self) -> str:
        count = len(self.inputs)
        names = [f"x{i + 1}" for i in range(count)]
        functions = {name for name, _ in self.instructions if name not in OPERATORS}
        lines = [f"from autograd import {', '.join(sorted({*functions, 'gradcheck'}))}", ""]
        lines.append(f"def f({', '.join(names)}):")
        for i, (name, operands) in enumerate(self.instructions):
            xs = [names[x] if isinstance(x, int) else repr(x) for x in operands]
            lines.append(f"    y{i + 1} = {_written(RULES[name], xs)}")
            names.append(f"y{i + 1}")
        lines += [f"    return {names[-1]}", ""]
        lines.append(f"gradcheck({', '.join(['f', *map(repr, self.inputs)])})")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Begin on a new line where Hypothesis prints a falsifying example."""
        for line in str(self).splitlines():
            printer.break_()
            printer.text(line)


OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "neg": operator.neg,
    "**": operator.pow,
    "//": operator.floordiv,
    "%": operator.mod,
}


def _arguments(rule: Rule, operands: Sequence[Any]) -> list[Any]:
    """Group a row's operands as its public function takes them: starred ones in lists."""
    starred = [name.startswith("*") for name in rule.operands]
    repeats = (len(operands) - starred.count(False)) // max(starred.count(True), 1)
    arguments: list[Any] = []
    rest = list(operands)
    for of_sequence in starred:
        count = repeats if of_sequence else 1
        taken, rest = rest[:count], rest[count:]
        arguments.append(taken if of_sequence else taken[0])
    return arguments


def applied(rule: Rule, operands: Sequence[Any]) -> Any:
    """Call a row's public function, on operands in the row's order.

    For `softmax`, which gives several results, return the first.

    Example:
        >>> applied(RULES["dot"], [1.0, 2.0, 3.0, 4.0])
        11.0
    """
    if rule.name in OPERATORS:
        return OPERATORS[rule.name](*operands)
    result = getattr(VALUES, rule.name)(*_arguments(rule, operands))
    return result[0] if rule.name == "softmax" else result


def _written(rule: Rule, operands: Sequence[str]) -> str:
    if rule.name in OPERATORS:
        # -2.0 ** x would be -(2.0 ** x)
        *left, right = [f"({x})" if x.startswith("-") else x for x in operands]
        return f"{left[0]} {rule.name} {right}" if left else f"-{right}"
    arguments = [
        f"[{', '.join(argument)}]" if isinstance(argument, list) else argument
        for argument in _arguments(rule, operands)
    ]
    return f"{rule.name}({', '.join(arguments)}){'[0]' if rule.name == 'softmax' else ''}"


# --- what programs are made of -------------------------------------------------------------------


class Form(NamedTuple):
    """A way to use a row of the table: a region for each name in its operands."""

    rule: Rule
    bounds: tuple[Bound, ...]


_COEFFICIENTS = Region(REAL.intervals, fixed=True)
_EXPONENTS = Region(tuple((n, n) for n in (2.0, 3.0, 1.0, 0.0, -1.0, -2.0)), fixed=True)

_FORMS: dict[str, list[Form]] = {rule.name: [Form(rule, DOMAINS[rule.name])] for rule in ROWS}
_FORMS["**"].append(Form(RULES["**"], (NONZERO, _EXPONENTS)))
_FORMS["where"].append(Form(RULES["where"], (NONZERO, REAL, REAL)))
_FORMS[LINEAR] = [
    Form(RULES["dot"], (_COEFFICIENTS, REAL)),
    Form(RULES["net"], (REAL, _COEFFICIENTS, REAL)),
]

_SPECIAL = {rule.name for rule in SPECIAL}

_WIDEST = 4  # the maximum length of each sequence of a function of sequences

_index = lru_cache(st.integers)  # making a strategy costs more than drawing from it


def programs(
    *,
    max_size: int = 15,
    max_depth: int = 8,
    max_inputs: int = 3,
    functions: Iterable[Any] | None = None,
) -> st.SearchStrategy[RandomProgram]:
    """Draw differentiable programs: graphs over the table of functions, each with a point.

    A program uses operators and functions of one operand, of several and of sequences, constants,
    and earlier results, one of them several times. At its inputs it is defined, smooth, finite and
    of moderate size, and so is every step of it: no operand is near an end of a function's domain,
    a pole or a kink. A failing program shrinks to the smallest that fails; programs print as Python
    that runs.

    Args:
        max_size: The maximum number of instructions.
        max_depth: The maximum number of instructions on a path from an input to the result.
        max_inputs: The maximum number of inputs; there is at least one.
        functions: The functions to use: functions of `autograd`, their names, the signs of
            operators, and "linear" for dot products with constants. By default, all except the
            special functions, some of which need SciPy.

    Returns:
        A strategy of `RandomProgram`.

    Raises:
        ValueError: A bound is less than 1, there are no functions, or one is not in the table.

    Example:
        >>> from hypothesis import find
        >>> print(find(programs(functions=["tanh"]), lambda program: True))
        from autograd import gradcheck, tanh
        <BLANKLINE>
        def f(x1):
            y1 = tanh(x1)
            return y1
        <BLANKLINE>
        gradcheck(f, 0.0)
    """
    for bound in (max_size, max_depth, max_inputs):
        if bound < 1:
            raise ValueError(f"programs: a bound must be at least 1, got {bound}")
    if functions is None:
        names = [name for name in _FORMS if name not in _SPECIAL]
    else:
        names = [LINEAR if f == LINEAR else name_of(f) for f in functions]
    if not names:
        raise ValueError("programs: there are no functions to compute with")
    forms = [form for name in names for form in _FORMS[name]]
    return _programs(forms, "+" in names, (max_size, max_depth, max_inputs))


@st.composite
def _programs(
    draw: st.DrawFn,
    forms: list[Form],
    may_shift: bool,
    bounds: tuple[int, int, int],
) -> RandomProgram:
    builder = _Builder(forms, may_shift, *bounds)
    # First the number of instructions, then each by its own strategy: shrinking can remove any one.
    instruction = _instruction(builder)
    for _ in range(draw(_index(1, bounds[0]))):
        if builder.room() == 0 or not draw(instruction):
            break
    return builder.program()


@st.composite
def _instruction(draw: st.DrawFn, builder: _Builder) -> bool:
    return builder.add_instruction(draw)


class _Number(NamedTuple):
    """An input or the result of an instruction, while a program is drawn."""

    data: float
    depth: int
    instruction: Instruction | None


class _Builder:
    """A program under construction, evaluated as it grows."""

    def __init__(
        self,
        forms: list[Form],
        may_shift: bool,
        max_size: int,
        max_depth: int,
        max_inputs: int,
    ) -> None:
        self.forms = forms
        self.may_shift = may_shift
        self.max_size = max_size
        self.max_depth = max_depth
        self.max_inputs = max_inputs
        self.numbers: list[_Number] = []  # in the order in which they are made, inputs included
        self.inputs: list[int] = []
        self.unused: list[int] = []

    def room(self) -> int:
        """The number of instructions that may still be added."""
        return self.max_size - (len(self.numbers) - len(self.inputs))

    def add_instruction(self, draw: st.DrawFn) -> bool:
        """Draw an instruction, with its operands; return whether there was room for it."""
        form = self.forms[draw(_index(0, len(self.forms) - 1))]
        starred = any(name.startswith("*") for name in form.rule.operands)
        bounds = spread(form.rule, form.bounds, draw(_index(1, _WIDEST)) if starred else 1)
        # A program computes nothing from constants alone.
        varying = [i for i, bound in enumerate(bounds) if not _is_fixed(bound)]
        operands: list[int | float] = []
        data: list[float] = []
        for position, bound in enumerate(bounds):
            region = bound if isinstance(bound, Region) else bound(*data)
            last_chance = position == varying[-1] and not any(isinstance(x, int) for x in operands)
            x = self.operand(draw, region, may_be_constant=not last_chance)
            if x is None:
                return False
            operands.append(x)
            data.append(self.numbers[x].data if isinstance(x, int) else x)
        self.append(form.rule, operands, data)
        return True

    def operand(
        self, draw: st.DrawFn, region: Region, *, may_be_constant: bool
    ) -> int | float | None:
        """Draw an operand that lies in a region; None if that is not possible."""
        if region.fixed:
            return draw(region.floats)
        # There are always two choices for each operand, whatever they result in: so shrinking can
        # change one, or remove an instruction, without changing the meaning of later choices. The
        # first is between a new input, a constant, and a number.
        source = draw(_index(0, 11))
        count = len(self.numbers)
        if source > 1 and count:
            back = draw(_index(0, 2 * count))  # up to count: the last number that is unused so far
            index = self.unused[-1] if back <= count and self.unused else (count - back) % count
            guarded = self.guarded(index, region)
            if guarded is not None:
                return guarded
        x = draw(region.floats)
        if source == 1 and may_be_constant:
            return x
        if len(self.inputs) < self.max_inputs:
            self.inputs.append(count)
            self.numbers.append(_Number(x, 0, None))
            return count
        # An existing input, if there are as many as allowed.
        guarded = self.guarded(self.inputs[-1], region)
        return x if guarded is None and may_be_constant else guarded

    def guarded(self, index: int, region: Region) -> int | None:
        """Move a number into a region, by adding a constant if necessary and possible."""
        number = self.numbers[index]
        if number.data in region:
            return index if number.depth < self.max_depth else None
        # Room is needed for the sum and for the instruction that uses it.
        if self.may_shift and number.depth + 1 < self.max_depth and self.room() >= 2:
            for lower, upper in region.intervals:
                for digits in (0, 1):
                    shift = round((lower + upper) / 2.0 - number.data, digits)
                    if number.data + shift in region:
                        return self.append(RULES["+"], [index, shift], [number.data, shift])
        return None

    def append(self, rule: Rule, operands: Sequence[int | float], data: Sequence[float]) -> int:
        """Add an instruction, and return the index of its result."""
        used = [x for x in operands if isinstance(x, int)]
        depth = 1 + max(self.numbers[x].depth for x in used)
        instruction = Instruction(rule.name, tuple(operands))
        self.unused = [x for x in self.unused if x not in used]
        self.unused.append(len(self.numbers))
        self.numbers.append(_Number(rule.evaluate(*data), depth, instruction))
        return len(self.numbers) - 1

    def program(self) -> RandomProgram:
        """Keep what the last instruction depends on: inputs first, then in order."""
        last = max(i for i, number in enumerate(self.numbers) if number.instruction)
        needed = {last}
        for index in range(last, -1, -1):
            instruction = self.numbers[index].instruction
            if index in needed and instruction:
                needed.update(x for x in instruction.operands if isinstance(x, int))
        kept = sorted(needed, key=lambda index: (bool(self.numbers[index].instruction), index))
        renumbered = {index: i for i, index in enumerate(kept)}
        inputs: list[float] = []
        instructions: list[Instruction] = []
        for index in kept:
            data, _, instruction = self.numbers[index]
            if instruction is None:
                inputs.append(data)
            else:
                name, operands = instruction
                moved = tuple([renumbered[x] if isinstance(x, int) else x for x in operands])
                instructions.append(Instruction(name, moved))
        return RandomProgram(tuple(inputs), tuple(instructions))


def _is_fixed(bound: Bound) -> bool:
    return isinstance(bound, Region) and bound.fixed
