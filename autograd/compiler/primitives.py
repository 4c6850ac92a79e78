"""The primitive operations: what every backend executes, and every fact about each.

A row of the table is a primitive operation or is lowered to primitive operations (`passes.lower`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from autograd.formulary import ROWS
from autograd.rule import EXTENDED, Rule

__all__ = ["PRIMITIVES", "Primitive"]


@dataclass(frozen=True, slots=True)
class Primitive:
    """One primitive operation.

    Attributes:
        name: The name of the row of the table, or of an operation that only programs have.
        arity: The number of operands; None for a sum.
        on_arrays: The operation on NumPy arrays and floats: the reference for other backends.
        sequences: For a sum, how many sequences of equal length its operands form: one of terms, or
            two of left and right factors; 1 also for the largest or smallest of some terms. Else 0.
        has_bias: Whether one more operand is added to the sum.
        picks: For an operation that picks one of its terms, `>` for the largest, `<` for the
            smallest: the first of equals, and a nan wins. Empty for sums.
        is_commutative: Whether the two operands may be exchanged.
        is_condition: Whether the result is 0 or 1.
        propagates_nan: Whether the result is nan wherever an operand is; for the products of the
            chain rule, except with a zero adjoint or mask.
        library: The function of the C library that computes it; empty if there is none.
        c: A C expression, with `{0}` for the first operand; NAME is the file's own prefix. For an
            operation that picks a term, `{0}` is the term picked so far and `{1}` the next. Empty
            for a call of `library`, a sum, or an operation without C code.
        llvm: The LLVM instruction, comparison or intrinsic; empty if the backend writes it out.
        in_libmvec: Whether libmvec's vector version is accurate to 2 units in the last place
            (measured on x86-64; at the edges all of its functions conform to IEEE 754).
        by_python: The function that Python evaluates number by number if LLVM has no code for it.
    """

    name: str
    arity: int | None
    on_arrays: Callable[..., Any]
    sequences: int = 0
    has_bias: bool = False
    picks: str = ""
    is_commutative: bool = False
    is_condition: bool = False
    propagates_nan: bool = False
    library: str = ""
    c: str = ""
    llvm: str = ""
    in_libmvec: bool = False
    by_python: Callable[..., float] | None = None

    def split(self, operands: Sequence[Any]) -> tuple[list[Sequence[Any]], Sequence[Any]]:
        """Split the operands of a sum into its sequences and the bias.

        Args:
            operands: The operands, of any type.

        Returns:
            The sequences, and a sequence that holds the bias, empty if there is none.

        Example:
            >>> PRIMITIVES["net"].split("abxyc"), PRIMITIVES["sum"].split("abc")
            ((['ab', 'xy'], 'c'), (['abc'], ''))
        """
        terms = self.terms(len(operands))
        cuts = range(0, terms * self.sequences, terms) if terms else (0,) * self.sequences
        return [operands[i : i + terms] for i in cuts], operands[terms * self.sequences :]

    def terms(self, count: int) -> int:
        """Return how many terms a sum of this many operands has; 0 for other operations.

        Example:
            >>> PRIMITIVES["net"].terms(5), PRIMITIVES["exp"].terms(1)
            (2, 0)
        """
        return (count - self.has_bias) // self.sequences if self.sequences else 0


# --- on arrays -----------------------------------------------------------------------------------


def _compared(compare: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, y: compare(x, y) * 1.0


def _chosen(condition: Any, x: Any, y: Any) -> Any:
    return numpy.where(numpy.not_equal(condition, 0.0), x, y)


def _chain_product(x: Any, y: Any) -> Any:
    is_none = numpy.equal(x, 0.0) & ~numpy.isfinite(y)
    return numpy.where(is_none, 0.0, numpy.multiply(x, y))


def _masked_product(x: Any, y: Any) -> Any:
    return numpy.where(numpy.equal(y, 0.0) & numpy.isinf(x), 0.0, _chain_product(x, y))


def _sum(*xs: Any) -> Any:
    total = xs[0] if xs else 0.0
    for x in xs[1:]:
        total = total + x
    return total


def _largest(*xs: Any) -> Any:
    largest = xs[0]
    for x in xs[1:]:
        largest = numpy.where(numpy.greater(x, largest) | numpy.isnan(x), x, largest)
    return largest


def _smallest(*xs: Any) -> Any:
    smallest = xs[0]
    for x in xs[1:]:
        smallest = numpy.where(numpy.less(x, smallest) | numpy.isnan(x), x, smallest)
    return smallest


def _dot(*operands: Any) -> Any:
    half = len(operands) // 2
    return _sum(0.0, *map(numpy.multiply, operands[:half], operands[half:]))


def _net(*operands: Any) -> Any:
    return _dot(*operands[:-1]) + operands[-1]


def _each(function: Callable[..., float], operands: int) -> Callable[..., Any]:
    each = numpy.frompyfunc(lambda *xs: function(*map(float, xs)), operands, 1)
    return lambda *arrays: numpy.asarray(each(*arrays), dtype=float)


# --- the table -----------------------------------------------------------------------------------


def _arithmetic(sign: str, on_arrays: Any, llvm: str, is_commutative: bool = False) -> Primitive:
    return Primitive(
        sign, 2, on_arrays, c=f"{{0}} {sign} {{1}}", llvm=llvm,
        is_commutative=is_commutative, propagates_nan=True,
    )  # fmt: skip


def _comparison(sign: str, compare: Any, llvm: str, is_commutative: bool = False) -> Primitive:
    return Primitive(
        sign, 2, _compared(compare), c=f"(double)({{0}} {sign} {{1}})", llvm=f"fcmp {llvm}",
        is_commutative=is_commutative, is_condition=True,
    )  # fmt: skip


def _function(name: str, library: str = "", llvm: str = "", **facts: Any) -> Primitive:
    """Make the record of a function of one operand that NumPy and the C library have."""
    facts = {"on_arrays": getattr(numpy, name, None), "propagates_nan": True} | facts
    return Primitive(name, 1, library=library or name, llvm=llvm, **facts)


def _lgamma(x: float) -> float:
    y = float(EXTENDED.lgamma(x))
    return math.inf if y != y and x == x else y  # at a pole


def _by_python(rule: Rule) -> Primitive:
    """Make the record of a row that Python evaluates for compiled programs."""
    evaluate = getattr(EXTENDED, rule.name)
    by_python = _lgamma if rule.name == "lgamma" else lambda *xs: float(evaluate(*xs))
    arity = len(rule.operands)
    c = _IN_C.get(rule.name, "")
    return Primitive(rule.name, arity, _each(by_python, arity), c=c, by_python=by_python)


_IN_C = {
    "lgamma": "NAME_lgamma({0})",
    "digamma": "NAME_digamma({0})",
    "polygamma": "NAME_polygamma({0}, {1})",
}
"""C expressions for rows that Python evaluates: generated C files define these functions."""

PRIMITIVES: dict[str, Primitive] = {
    primitive.name: primitive
    for primitive in (
        _arithmetic("+", numpy.add, "fadd", is_commutative=True),
        _arithmetic("-", numpy.subtract, "fsub"),
        _arithmetic("*", numpy.multiply, "fmul", is_commutative=True),
        _arithmetic("/", numpy.divide, "fdiv"),
        # The product of the chain rule: a zero adjoint contributes nothing.
        Primitive(
            "·", 2, _chain_product, propagates_nan=True,
            c="{0} == 0.0 && !isfinite({1}) ? 0.0 : {0} * {1}",
        ),
        # With a mask: the 0 of a branch that is not taken turns even an infinity into 0.
        Primitive(
            "masked", 2, _masked_product, propagates_nan=True,
            c="({0} == 0.0 && !isfinite({1})) || ({1} == 0.0 && isinf({0})) ? 0.0 : {0} * {1}",
        ),
        Primitive("neg", 1, numpy.negative, c="-{0}", llvm="fneg", propagates_nan=True),
        _comparison("<", numpy.less, "olt"),
        _comparison("<=", numpy.less_equal, "ole"),
        _comparison("==", numpy.equal, "oeq", is_commutative=True),
        _comparison("!=", numpy.not_equal, "une", is_commutative=True),
        _comparison(">", numpy.greater, "ogt"),
        _comparison(">=", numpy.greater_equal, "oge"),
        Primitive("where", 3, _chosen, c="{0} != 0.0 ? {1} : {2}"),
        _function("abs", "fabs", llvm="llvm.fabs"),
        _function("sqrt", llvm="llvm.sqrt"),
        _function("floor", llvm="llvm.floor"),
        _function("ceil", llvm="llvm.ceil"),
        _function("exp"), _function("exp2"), _function("expm1"),
        _function("log"), _function("log2"), _function("log10"), _function("log1p"),
        _function("sin"), _function("cos"), _function("tan"),
        _function("arcsin", "asin"), _function("arccos", "acos"), _function("arctan", "atan"),
        _function("sinh"), _function("cosh"), _function("tanh"),
        _function("arcsinh", "asinh"), _function("arccosh", "acosh"), _function("arctanh", "atanh"),
        _function("cbrt"),
        _function("erf", on_arrays=_each(math.erf, 1)),
        _function("erfc", on_arrays=_each(math.erfc, 1), in_libmvec=True),
        Primitive("arctan2", 2, numpy.arctan2, library="atan2", propagates_nan=True),
        Primitive("**", 2, numpy.power, library="pow", in_libmvec=True),
        Primitive("//", 2, numpy.floor_divide, c="NAME_floor_divide({0}, {1})"),
        Primitive("%", 2, numpy.mod, c="NAME_modulo({0}, {1})"),
        # Sums add their terms in order.
        Primitive("sum", None, _sum, sequences=1, propagates_nan=True),
        Primitive("dot", None, _dot, sequences=2, propagates_nan=True),
        Primitive("net", None, _net, sequences=2, has_bias=True, propagates_nan=True),
        Primitive("max", None, _largest, sequences=1, picks=">", propagates_nan=True,
                  c="NAME_larger({0}, {1})"),
        Primitive("min", None, _smallest, sequences=1, picks="<", propagates_nan=True,
                  c="NAME_smaller({0}, {1})"),
        *(_by_python(rule) for rule in ROWS if rule.by_python),
    )
}  # fmt: skip
"""The primitive operations by name."""
