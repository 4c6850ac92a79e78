"""The NumPy backend: programs evaluated on arrays of rows, operation by operation.

It needs no LLVM, and is what machine code is held to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from autograd.compiler.program import Program
from autograd.formulary import ROWS
from autograd.rules import EXTENDED, Rule

__all__ = ["BY_PYTHON", "FUNCTIONS", "evaluate"]


def _lgamma(x: float) -> float:
    y = float(EXTENDED.lgamma(x))
    return math.inf if y != y and x == x else y  # at a pole


def _by_python(rule: Rule) -> Callable[..., float]:
    if rule.name == "lgamma":
        return _lgamma
    evaluate = getattr(EXTENDED, rule.name)
    return lambda *xs: float(evaluate(*xs))


BY_PYTHON: dict[str, tuple[int, Callable[..., float]]] = {
    rule.name: (len(rule.operands), _by_python(rule)) for rule in ROWS if rule.by_python
}
"""The functions that Python evaluates, number by number, with the number of their operands."""


def _each(function: Callable[..., float], operands: int) -> Callable[..., Any]:
    each = numpy.frompyfunc(lambda *xs: function(*map(float, xs)), operands, 1)
    return lambda *arrays: numpy.asarray(each(*arrays), dtype=float)


def _condition(compare: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, y: compare(x, y) * 1.0


def _chosen(condition: Any, x: Any, y: Any) -> Any:
    return numpy.where(numpy.not_equal(condition, 0.0), x, y)


def _chain_product(x: Any, y: Any) -> Any:
    is_none = numpy.equal(x, 0.0) & ~numpy.isfinite(y)
    return numpy.where(is_none, 0.0, numpy.multiply(x, y))


def _sum(*xs: Any) -> Any:
    total = xs[0] if xs else 0.0
    for x in xs[1:]:
        total = total + x
    return total


def _dot(*operands: Any) -> Any:
    half = len(operands) // 2
    return _sum(0.0, *map(numpy.multiply, operands[:half], operands[half:]))


def _net(*operands: Any) -> Any:
    return _dot(*operands[:-1]) + operands[-1]


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "+": numpy.add,
    "-": numpy.subtract,
    "*": numpy.multiply,
    "/": numpy.divide,
    "neg": numpy.negative,
    "abs": numpy.abs,
    "sqrt": numpy.sqrt,
    "floor": numpy.floor,
    "ceil": numpy.ceil,
    "<": _condition(numpy.less),
    "<=": _condition(numpy.less_equal),
    "==": _condition(numpy.equal),
    "!=": _condition(numpy.not_equal),
    ">": _condition(numpy.greater),
    ">=": _condition(numpy.greater_equal),
    "where": _chosen,
    "·": _chain_product,
    "**": numpy.power,
    "//": numpy.floor_divide,
    "%": numpy.mod,
    **{
        name: getattr(numpy, name)
        for name in (
            "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "cbrt", "sin", "cos", "tan",
            "arcsin", "arccos", "arctan", "arctan2", "sinh", "cosh", "tanh", "arcsinh", "arccosh",
            "arctanh",
        )
    },
    "erf": _each(math.erf, 1),
    "erfc": _each(math.erfc, 1),
    **{name: _each(function, operands) for name, (operands, function) in BY_PYTHON.items()},
    "sum": _sum,
    "dot": _dot,
    "net": _net,
}  # fmt: skip
"""The primitive operations, on arrays and floats. Sums are added up in the order of their terms."""


def evaluate(program: Program, inputs: Sequence[Any]) -> list[Any]:
    """Evaluate a program.

    Args:
        program: A program of primitive operations.
        inputs: For each input a float, or an array with an element for each row.

    Returns:
        For each output likewise; infinite or nan off the domain of an operation.

    Raises:
        KeyError: An operation is not primitive: the program is to be lowered first.

    Example:
        >>> from autograd.compiler.trace import traced_program
        >>> evaluate(traced_program(lambda x: x * x + 1.0, ["x"]), [numpy.array([1.0, 2.0])])
        [array([2., 5.])]
    """
    if unknown := program.counts().keys() - FUNCTIONS.keys():
        raise KeyError(f"{', '.join(sorted(unknown))}: no primitive operations; lower the program")
    first = program.first_result
    last_use = dict.fromkeys(range(first, first + len(program)), first + len(program))
    for slot, (_, operands) in enumerate(program.operations, first):
        for operand in operands:
            last_use[operand] = slot
    for slot in program.outputs:
        last_use[slot] = first + len(program)
    numbers: list[Any] = [*inputs, *program.constants]
    with numpy.errstate(all="ignore"):
        for slot, (op, operands) in enumerate(program.operations, first):
            numbers.append(FUNCTIONS[op](*[numbers[operand] for operand in operands]))
            for operand in operands:
                if operand >= first and last_use[operand] == slot:
                    numbers[operand] = None  # its memory is free again
    return [numbers[slot] for slot in program.outputs]
