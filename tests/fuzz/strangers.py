"""What strangers pass to the library: numbers of every kind, and whatever else Python has."""

from __future__ import annotations

import math
import numbers
import sys
import warnings
from collections import UserDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from autograd import Value, grad_mode
from autograd.rule import EXTENDED, FLOATS, VALUES
from autograd.rules import RULES


class StrangersError(Exception):
    """The error of a stranger's own method, which must be passed on unchanged, or not at all."""


@contextmanager
def nothing_global_changes() -> Iterator[None]:
    """Compare what the interpreter and the library share between callers, before and after.

    Warnings of Python and NumPy, about a stranger's `__float__` or of overflow, are ignored.
    """

    def state() -> list[Any]:
        tables = [dict(RULES), *(dict(vars(space)) for space in (VALUES, FLOATS, EXTENDED))]
        interpreter = [sys.getrecursionlimit(), sys.get_int_max_str_digits(), np.geterr()]
        methods = sorted(vars(Value))
        return [*tables, *interpreter, methods, grad_mode.open_blocks, warnings.filters[:]]

    before = state()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    assert state() == before


# --- real numbers --------------------------------------------------------------------------------


@numbers.Real.register
class Length:
    """A real number of a user's own; `float()` of it is what `make` gives."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def __float__(self) -> float:
        return self.make()  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"Length({self.make})"


class Celsius(float):
    """A float with a mind of its own."""

    def __float__(self) -> float:
        return float.__add__(self, 273.15)


class Count(int):
    """An int under another name."""


def _raise() -> float:
    raise StrangersError


NUMPY_FLOATS = (np.float16, np.float32, np.float64, np.longdouble)
NUMPY_INTEGERS = tuple(np.dtype(code).type for code in "bBhHiIlLqQ")
NUMPY_NUMBERS: tuple[Any, ...] = (np.bool_, *NUMPY_INTEGERS, *NUMPY_FLOATS)
FLOATS_OF_NOTE = [
    0.0,
    -0.0,
    1.0,
    -2.5,
    5e-324,
    1.7976931348623157e308,
    math.inf,
    -math.inf,
    math.nan,
]


@st.composite
def numpy_numbers(draw: st.DrawFn) -> Any:
    """A NumPy scalar of any real type, or an array without dimensions."""
    kind = draw(st.sampled_from(NUMPY_NUMBERS))
    if issubclass(kind, np.integer):
        info = np.iinfo(kind)
        scalar = kind(draw(st.integers(int(info.min), int(info.max))))
    elif kind is np.bool_:
        scalar = np.bool_(draw(st.booleans()))
    else:
        with np.errstate(all="ignore"):
            scalar = kind(draw(st.floats() | st.sampled_from(FLOATS_OF_NOTE)))
    if kind is np.longdouble and draw(st.booleans()):
        scalar = np.longdouble(draw(st.sampled_from(["1e4000", "-1e4000", "1e-4000", "0.1"])))
    return np.array(scalar) if draw(st.booleans()) else scalar


finite_or_not = st.floats() | st.sampled_from(FLOATS_OF_NOTE)
huge_integers = st.builds(
    lambda sign, exponent, rest: sign * (10**exponent + rest),
    st.sampled_from([1, -1]),
    st.sampled_from([308, 309, 400, 5000]),  # Python will not print an int of 5,000 digits
    st.integers(0, 10),
)
real_numbers: st.SearchStrategy[Any] = st.one_of(
    finite_or_not,
    st.booleans(),
    st.integers(),
    huge_integers,
    st.fractions(),
    st.builds(Fraction, huge_integers, st.integers(1, 7)),
    st.builds(Fraction, st.integers(1, 7), huge_integers),
    st.decimals(allow_nan=False),
    st.sampled_from([Decimal("NaN"), Decimal("-Infinity"), Decimal("1e9999"), Decimal("-1e-9999")]),
    numpy_numbers(),
    finite_or_not.map(Celsius),
    st.integers().map(Count),
    finite_or_not.map(lambda x: Length(lambda: x)),
    finite_or_not.map(lambda x: Length(lambda: Celsius(x))),
)
"""What a Value can be made of: `float()` of it gives a float, or overflows."""

# --- anything else -------------------------------------------------------------------------------


class Nameless:
    """An object that cannot even be printed."""

    def __repr__(self) -> str:
        raise StrangersError


class Touchy:
    """An object whose attributes cannot be read."""

    def __getattr__(self, name: str) -> Any:
        raise StrangersError


def nested(depth: int) -> list[Any]:
    """A list in a list in a list: too deep for `repr`, which recurses."""
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return inner


def circular() -> list[Any]:
    """A list that contains itself."""
    circle: list[Any] = []
    circle.append(circle)
    return circle


# Another library's array, of a name that Python's reprlib takes for its own.
array: Any = type("array", (), {"__module__": "other.library"})

PRINTABLE: list[Any] = [
    None, ..., NotImplemented, "", "1.5", "nan", b"", b"1", bytearray(b"1"), memoryview(b"1"),
    [], [1.0], (), (1.0,), {}, {1.0: 2.0}, set(), frozenset({1.0}), range(2), deque([1.0]),
    UserDict({1: 2}), iter([1.0]), slice(1), object(), float, type, len, lambda: 1.0, ValueError(),
    1j, complex(1.0), np.complex64(1j), np.complex128(1.0), np.clongdouble(1j),
    Decimal("sNaN"), Decimal("-sNaN12"), timedelta(1),
    np.datetime64("2020-01-01"), np.datetime64("NaT"), np.timedelta64(1, "s"),
    np.str_("1"), np.bytes_(b"1"), np.void(b"12"), np.dtype(float), np.float64,
    np.finfo(float), np.iinfo(int),
    np.array("1"), np.array(b"1"), np.array(1j), np.array(2.0, dtype=object), np.array(None),
    np.array(np.timedelta64(1, "s")), np.array((1.0, 2), dtype=[("x", float), ("y", int)]),
    np.array([]), np.array([1.0]), np.array([[1.0, 2.0]]), np.array([1j]), np.array(["1"]),
    np.array([None]), np.array(["2020-01-01"], dtype="M8[D]"), np.array([True]),
    np.zeros((2, 0)), np.array([1.0], dtype=np.float16), np.array([1.0], dtype=np.longdouble),
    pd.NA, pd.NaT, pd.Timestamp(0), pd.Timedelta(1), pd.Period("2020"),
    pd.Series([1.0]), pd.Series(["1"]), pd.Series([1, None], dtype="Int64"), pd.Index([1.0]),
    pd.Interval(0, 1), pd.Categorical(["x"]), pd.DataFrame({"x": [1.0]}),
    pd.DataFrame({"dtype": [1.0], "kind": ["f"]}),
    SimpleNamespace(data=1.0), SimpleNamespace(data=1.0, grad=0.0, label=None, op=""),
    SimpleNamespace(dtype=np.dtype(float)), SimpleNamespace(dtype=np.dtype(float), shape=()),
    SimpleNamespace(dtype=SimpleNamespace(kind=[])), SimpleNamespace(dtype=1, shape=1),
    array(), Length(_raise), Length(lambda: "1"), Length(lambda: None), circular(),
]  # fmt: skip
UNPRINTABLE: list[Any] = [
    Nameless(),
    Touchy(),
    [10**5000],
    (10**5000, [Nameless()]),
    nested(100_000),
]
"""Kept apart, as Hypothesis would print them as well."""
STRANGERS = [*PRINTABLE, *UNPRINTABLE]
"""Objects that are not real numbers, or do not behave like them."""

strangers: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(PRINTABLE),
    st.text(),
    st.binary(),
    st.complex_numbers(),
    st.lists(real_numbers, max_size=3),
    st.dictionaries(st.text(max_size=3), finite_or_not, max_size=2),
)


def described(stranger: object) -> str:
    """Name a stranger for the report of a test, whatever it is."""
    return type(stranger).__name__
