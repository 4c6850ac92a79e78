"""Operators and functions on whatever Python has, on either side of a Value."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Value, dot, net
from autograd.kinds import CONSTANT
from autograd.rules import RULES
from autograd.testing.programs import OPERATORS as ALL_OPERATORS
from tests.fuzz.strangers import (
    STRANGERS,
    StrangersError,
    described,
    finite_or_not,
    nothing_global_changes,
    real_numbers,
    strangers,
)

OPERATORS = {sign: apply for sign, apply in ALL_OPERATORS.items() if sign != "neg"}
COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
# (Where an operand has to be a plain number, a Value is refused first.)
NAMES_OF_ROWS = [n for n in autograd.functions.__all__ if n in RULES]
FUNCTIONS = sorted(n for n in NAMES_OF_ROWS if not RULES[n].numbers_only)
OF_SEQUENCE = [name for name in FUNCTIONS if RULES[name].of_sequence]
OF_OPERANDS = [name for name in FUNCTIONS if not RULES[name].of_sequence | (name in {"dot", "net"})]
LONGEST_MESSAGE = 1000

signs, sides = st.sampled_from(sorted(OPERATORS)), st.sampled_from([0, 1])


def outcome(compute: Callable[[], Any]) -> Any:
    """The result, or the class of the exception that Python has for such operands."""
    try:
        return compute()
    except (ArithmeticError, ValueError) as error:
        return type(error)


def compared(compare: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    try:
        return bool(compare(left, right))
    except (ArithmeticError, TypeError) as error:
        return type(error)


def same(x: Any, y: Any) -> bool:
    if isinstance(x, float) and isinstance(y, float):
        return x == y or (math.isnan(x) and math.isnan(y))
    return x is y


def float_of(number: Any) -> float:
    return float(number)


# --- real numbers --------------------------------------------------------------------------------


@given(signs, finite_or_not, real_numbers, sides)
def test_an_operator_is_float_arithmetic_on_the_converted_operands(
    sign: str, x: float, number: Any, side: int
) -> None:
    apply, value = OPERATORS[sign], Value(x)

    def ours() -> Any:
        return apply(value, number) if side == 0 else apply(number, value)

    with nothing_global_changes():
        result = outcome(ours)
        converted = outcome(lambda: float_of(number))
        if isinstance(converted, type):
            assert result is OverflowError
            return
        expected = outcome(
            lambda: RULES[sign].evaluate(*((x, converted) if side == 0 else (converted, x)))
        )
    if not isinstance(result, Value):
        assert result is expected
        return
    assert type(result.data) is float
    assert same(result.data, expected)
    assert result.parents[side] is value
    constant = result.parents[1 - side]
    assert constant.op is CONSTANT
    assert same(constant.data, converted)


@given(finite_or_not, real_numbers, st.sampled_from(COMPARISONS))
def test_a_comparison_is_that_of_the_data(x: float, number: Any, compare: Any) -> None:
    value = Value(x)
    with nothing_global_changes():
        # NumPy rounds a float to a narrower type before it compares; as an array, it does not.
        narrow = isinstance(number, (np.float16, np.float32, np.ndarray))
        plains = [number, float_of(number)] if narrow else [number]
        assert compared(compare, value, number) in [compared(compare, x, n) for n in plains]
        assert compared(compare, number, value) in [compared(compare, n, x) for n in plains]


@given(st.sampled_from(OF_OPERANDS), st.data())
def test_a_function_is_the_one_of_the_converted_operands(name: str, data: st.DataObject) -> None:
    count = len(RULES[name].operands)
    operands = [data.draw(real_numbers | finite_or_not.map(Value)) for _ in range(count)]
    check_function(getattr(autograd, name), operands)


@given(st.sampled_from(OF_SEQUENCE), st.lists(real_numbers | finite_or_not.map(Value), max_size=4))
def test_a_function_of_a_sequence_is_the_one_of_the_converted_operands(
    name: str, operands: list[Any]
) -> None:
    function = getattr(autograd, name)
    check_function(lambda *xs: function(xs), operands)


def check_function(function: Callable[..., Any], operands: list[Any]) -> None:
    """Compare a function of numbers of any make with the same one of floats."""
    with nothing_global_changes():
        result = outcome(lambda: function(*operands))
        floats = outcome(
            lambda: [x.data if isinstance(x, Value) else float_of(x) for x in operands]
        )
        if isinstance(floats, type):
            assert result is OverflowError
            return
        expected = outcome(lambda: function(*floats))
    results = result if isinstance(result, list) else [result]
    plains = expected if isinstance(result, list) else [expected]
    for ours, plain in zip(results, plains, strict=True):
        if isinstance(ours, Value):
            assert any(isinstance(x, Value) for x in operands)
            assert set(map(type, ours.local_derivatives)) <= {float}
            assert type(ours.data) is float
            assert same(ours.data, plain)
        else:
            assert same(ours, plain)


# --- anything else -------------------------------------------------------------------------------

CONTAINERS = (np.ndarray, pd.Series, pd.Index, pd.DataFrame, pd.Categorical)


def check_operators(stranger: Any) -> None:
    """See that operators refuse a stranger, or leave it to the other library's own operators."""
    value = Value(1.5)
    for sign in OPERATORS:
        check_operator(sign, value, stranger, stranger)
        check_operator(sign, stranger, value, stranger)
    assert (value.data, value.grad, value.parents) == (1.5, 0.0, ())


def check_operator(sign: str, left: Any, right: Any, stranger: Any) -> None:
    if sign == "%" and isinstance(left, (str, bytes, bytearray)):
        return  # Python's formatting of texts
    text = None
    try:
        result = OPERATORS[sign](left, right)
    except StrangersError:
        return
    except TypeError as error:
        text = str(error)
    except ValueError as error:
        assert isinstance(stranger, Decimal)
        text = f"{error} {type(stranger).__name__}"
    if text is not None:
        assert len(text) < LONGEST_MESSAGE
        # On the left the stranger's operator comes first, and an array's does on either side.
        if right is stranger and not isinstance(stranger, CONTAINERS):
            assert type(stranger).__name__ in text or "Value" in text
        return
    assert isinstance(result, CONTAINERS) or stranger.dtype == object
    results = np.asarray(result, dtype=object).ravel()
    for ours, number in zip(results, np.asarray(stranger, dtype=object).ravel(), strict=True):
        if number is not pd.NA:
            operands = (1.5, float(number)) if right is stranger else (float(number), 1.5)
            assert ours.data == RULES[sign].evaluate(*operands)


def check_refusal(
    name: str, function: Callable[..., Any], arguments: list[Any], stranger: Any
) -> None:
    """See that a function refuses a stranger by its own name and that of the stranger's type."""
    try:
        result = function(*arguments)
    except StrangersError:
        return
    except TypeError as error:
        text = str(error)
    except ValueError as error:
        assert isinstance(stranger, Decimal)
        text = f"{error} {type(stranger).__name__}"
    else:
        pytest.fail(f"{name} takes {type(stranger).__name__} and gives {type(result).__name__}")
    assert text.startswith(f"{name}: ")
    assert type(stranger).__name__ in text
    assert len(text) < LONGEST_MESSAGE


def calls_with(stranger: Any, other: Any) -> Iterator[tuple[str, Callable[..., Any], list[Any]]]:
    """List the public functions, called with a stranger in every place."""
    for name in OF_OPERANDS:
        count = len(RULES[name].operands)
        for place in range(count):
            operands = [other] * place + [stranger] + [other] * (count - place - 1)
            yield name, getattr(autograd, name), operands
    for name in OF_SEQUENCE:
        yield name, getattr(autograd, name), [[other, stranger]]
    yield "dot", dot, [[other], [stranger]]
    yield "dot", dot, [[stranger], [other]]
    yield "net", net, [[other], [stranger], other]
    yield "net", net, [[stranger], [other], other]
    yield "net", net, [[other], [other], stranger]
    yield "net", net, [[other], [0.5], stranger]
    yield "net", net, [[stranger], [0.5], stranger]
    yield "Value.backward", Value(0.5).backward, [stranger]


def check_functions(stranger: Any) -> None:
    """See that every function refuses a stranger, whatever stands beside it."""
    for other in (0.5, Value(0.5)):
        for name, function, arguments in calls_with(stranger, other):
            check_refusal(name, function, arguments, stranger)


@given(strangers)
def test_operators_refuse_anything_else_or_leave_it_to_its_library(stranger: Any) -> None:
    with nothing_global_changes():
        check_operators(stranger)


@pytest.mark.parametrize("stranger", STRANGERS, ids=described)
def test_operators_refuse_every_known_stranger_or_leave_it_to_its_library(stranger: Any) -> None:
    with nothing_global_changes():
        check_operators(stranger)


@given(strangers)
def test_functions_refuse_anything_else_by_name(stranger: Any) -> None:
    with nothing_global_changes():
        check_functions(stranger)


# Found: `net` took whatever has a number as `data` for a Value, and let ValueError of the `data` of
# arrays of times out; and what `Value` did not refuse in clear words either: see test_constructor.
@pytest.mark.parametrize("stranger", STRANGERS, ids=described)
def test_functions_refuse_every_known_stranger_by_name(stranger: Any) -> None:
    with nothing_global_changes():
        check_functions(stranger)


@pytest.mark.parametrize("stranger", STRANGERS, ids=described)
def test_anything_else_in_the_place_of_a_sequence(stranger: Any) -> None:
    calls = [(name, getattr(autograd, name), [stranger]) for name in OF_SEQUENCE]
    calls.append(("dot", dot, [stranger, [Value(0.5)]]))
    calls.append(("net", net, [[Value(0.5)], stranger, Value(0.5)]))
    with nothing_global_changes():
        for name, function, arguments in calls:
            text = ""
            try:
                result = function(*arguments)
            except StrangersError:
                continue
            except (TypeError, ValueError, OverflowError) as error:
                text = str(error)
            if text:
                assert text.startswith((f"{name}: ", f"{name}(*xs)"))
                assert len(text) < LONGEST_MESSAGE
            else:
                assert isinstance(result, (float, Value, list))


# Found with `array` before Python 3.12, and for lists that nest deeply: the messages of `explain`
# and `draw` were made with `reprlib.repr` and `repr`, which can fail themselves.
@pytest.mark.parametrize("stranger", STRANGERS, ids=described)
def test_drawing_and_explaining_anything_else_is_refused(stranger: Any) -> None:
    x = Value(1.5, "x")
    calls: list[Callable[[], Any]] = [
        lambda: autograd.draw(stranger),
        lambda: autograd.explain(stranger, wrt=x),
        lambda: autograd.explain(x * x, wrt=[x, stranger]),
    ]
    with nothing_global_changes():
        for call in calls:
            with pytest.raises((TypeError, ValueError, StrangersError)) as caught:
                call()
            if not isinstance(caught.value, StrangersError):
                assert 10 < len(str(caught.value)) < LONGEST_MESSAGE
