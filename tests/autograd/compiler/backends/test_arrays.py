"""The NumPy backend: each operation as Python has it, and programs of them."""

from __future__ import annotations

import math
import operator
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.compiler.backends.arrays import evaluate
from autograd.compiler.primitives import PRIMITIVES
from autograd.compiler.program import Operation, Program
from autograd.compiler.trace import traced_program
from autograd.formulary import ROWS

floats = st.floats() | st.floats(-10.0, 10.0)
ONE: dict[str, Callable[..., Any]] = {
    "neg": operator.neg, "abs": abs, "sqrt": math.sqrt, "exp": math.exp, "expm1": math.expm1,
    "log": math.log, "log2": math.log2, "log10": math.log10, "log1p": math.log1p, "sin": math.sin,
    "cos": math.cos, "tan": math.tan, "arcsin": math.asin, "arccos": math.acos,
    "arctan": math.atan, "sinh": math.sinh, "cosh": math.cosh, "tanh": math.tanh,
    "arcsinh": math.asinh, "arccosh": math.acosh, "arctanh": math.atanh, "erf": math.erf,
    "erfc": math.erfc,
}  # fmt: skip
TWO: dict[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "//": operator.floordiv, "%": operator.mod, "**": math.pow, "arctan2": math.atan2,
    "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">": operator.gt,
    ">=": operator.ge,
}  # fmt: skip


def same(found: float, function: Callable[..., float], *xs: float) -> bool:
    """Whether a number is Python's, to 4 units in the last place; not finite where it raises."""
    try:
        expected = float(function(*xs))
    except (ArithmeticError, ValueError):
        return not math.isfinite(found)
    if math.isnan(expected):
        return math.isnan(found)
    return found == expected or abs(found - expected) <= 4.0 * math.ulp(expected)


@pytest.mark.parametrize("op", ONE)
@given(x=floats)
def test_functions_of_one_operand_are_pythons(op: str, x: float) -> None:
    program = Program(("x",), (), (Operation(op, (0,)),), (1,))
    assert same(float(evaluate(program, [x])[0]), ONE[op], x)
    assert same(float(evaluate(program, [np.array([x, 0.5])])[0][0]), ONE[op], x)


@pytest.mark.parametrize("op", TWO)
@given(x=floats, y=floats)
def test_functions_of_two_operands_are_pythons(op: str, x: float, y: float) -> None:
    program = Program(("x", "y"), (), (Operation(op, (0, 1)),), (2,))
    assert same(float(evaluate(program, [x, y])[0]), TWO[op], x, y)


@given(st.floats(), st.floats(), st.floats())
def test_choices_and_the_product_of_the_chain_rule(c: float, x: float, y: float) -> None:
    chosen = float(PRIMITIVES["where"].on_arrays(c, x, y))
    assert chosen == (x if c else y) or math.isnan(chosen)
    product = float(evaluate(Program(("c", "x"), (), (Operation("·", (0, 1)),), (2,)), [c, x])[0])
    assert product == (c * x if c else 0.0) or (c != 0.0 and math.isnan(product))


def test_functions_that_python_evaluates_are_infinite_or_nan_where_it_raises() -> None:
    called = {op for op, primitive in PRIMITIVES.items() if primitive.by_python}
    assert called == {rule.name for rule in ROWS if rule.by_python}
    with np.errstate(all="ignore"):  # as when they are executed
        found = PRIMITIVES["lgamma"].on_arrays(np.array([0.0, -2.0, 1.0, 3.0]))
        assert not np.isfinite(PRIMITIVES["digamma"].on_arrays(np.array([0.0, -1.0]))).any()
    assert found.tolist() == [math.inf, math.inf, 0.0, pytest.approx(math.log(2.0))]
    assert math.isnan(PRIMITIVES["polygamma"].on_arrays(1.5, 1.0))


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=9))
def test_sums_are_added_up_in_the_order_of_their_terms(xs: list[float]) -> None:
    in_order = 0.0
    for x in xs:
        in_order += x * xs[0]
    dot = Program(
        tuple("x" * len(xs)), (), (Operation("dot", (*range(len(xs)), *[0] * len(xs))),), (len(xs),)
    )
    assert evaluate(dot, xs)[0] == in_order


def test_what_is_no_primitive_operation_is_named() -> None:
    with pytest.raises(KeyError, match=r"sigmoid.*lower"):
        evaluate(traced_program(lambda x: x.sigmoid(), ["x"]), [1.0])


def test_memory_is_freed_as_soon_as_nothing_reads_it() -> None:
    def chain(x: Any) -> Any:
        for _ in range(500):
            x = x * 0.5 + 1.0
        return x

    program = traced_program(chain, ["x"])
    rows = np.ones(20_000)
    tracemalloc.start()
    evaluate(program, [rows])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20 * rows.nbytes
