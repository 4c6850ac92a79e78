"""Expected values and derivatives of nodes: exactly, by mpmath, and numerically."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Sequence
from typing import Any

import mpmath
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autograd import Value, custom_function
from autograd.checking.local import Numerical, Precise, Slope, Unknown, precise_available
from autograd.linear_nodes import linear
from autograd.rules import RULES
from autograd.value import new_node
from tests import oracle
from tests.table import HELD_ELSEWHERE, NAMES, edges, tame

mp: Any = oracle.mp

DIGITS = mp.mpf(10) ** -24
BELOW_FLOATS = mp.mpf(10) ** -330


def node_of(name: str, xs: Sequence[float]) -> Value:
    """Make a node without asking its row; only operation and operands count."""
    return new_node(0.0, tuple(map(Value, xs)), (0.0,) * len(xs), name)


def at(
    judge: Numerical, name: str, xs: Sequence[float], groups: Sequence[Sequence[int]] | None = None
) -> tuple[Any, list[Slope]]:
    node = node_of(name, xs)
    groups = [(place,) for place in range(len(xs))] if groups is None else groups
    return judge.at(node, [judge.number(x) for x in xs], groups)


def smooth(name: str, xs: Sequence[float]) -> bool:
    if (name in ("//", "%") and not xs[1]) or (name == "where" and not xs[0]):
        return False
    return not (name in oracle.KINKS and xs and oracle.KINKS[name](*xs))


def close(found: Slope, exact: Any) -> bool:
    with mp.workdps(400):
        error = abs(mp.mpf(found.value) - exact)
        return bool(error <= mp.mpf(found.bound) + DIGITS * abs(exact) + BELOW_FLOATS)


# --- precisely -----------------------------------------------------------------------------------


@pytest.mark.no_cover
@pytest.mark.parametrize("name", [name for name in NAMES if name not in HELD_ELSEWHERE])
@settings(max_examples=10)
@given(data=st.data())
def test_rows_are_differentiated_to_25_digits(name: str, data: st.DataObject) -> None:
    xs = data.draw(tame(RULES[name]))
    try:
        y = oracle.value(name, xs)
    except (ArithmeticError, ValueError):
        with pytest.raises(Unknown, match="not defined"):
            at(Precise(), name, xs)
        return
    if (name == "where" and not xs[0]) or (name == "clip" and xs[1] == xs[2]):
        with pytest.raises(Unknown, match=r"its condition is 0|its bounds are the same"):
            at(Precise(), name, xs)
        return
    found, slopes = at(Precise(), name, xs)
    assert abs(mp.mpf(found) - y) <= DIGITS * abs(y) + mp.mpf(2) ** -200
    assume(smooth(name, xs))
    for place, (slope, exact) in enumerate(zip(slopes, oracle.derivatives(name, xs), strict=True)):
        if slope.reason:
            assert slope.bound > 0
            continue
        assert (name, place) not in oracle.FIXED or exact == 0
        assert close(slope, exact)
        assert slope.bound <= mp.mpf(10) ** -6 * max(1, abs(exact))


# Of one operand or two, and quick to evaluate.
WITH_EDGES = [
    name
    for name in NAMES
    if len(RULES[name].operands) <= 2
    and not RULES[name].operands[0].startswith("*")
    and name not in HELD_ELSEWHERE | {"polygamma", "lgamma", "digamma"}
]


@pytest.mark.parametrize("name", WITH_EDGES)
def test_rows_at_the_edges_of_their_domains(name: str) -> None:
    for xs in itertools.islice(edges(RULES[name]), 0, None, 5):
        if any(abs(x) > 1e100 for x in xs) and name in ("sin", "cos", "tan", "//", "%", "**"):
            continue  # as many digits as the operand's exponent asks for
        try:
            oracle.value(name, xs)
        except (ArithmeticError, ValueError, NotImplementedError):
            continue
        if not smooth(name, xs):
            continue
        _, slopes = at(Precise(), name, xs)
        for slope, exact in zip(slopes, oracle.derivatives(name, xs), strict=True):
            if not slope.reason and mp.isfinite(exact):
                assert close(slope, exact), (name, xs, slope, exact)


@pytest.mark.parametrize(
    ("name", "xs", "left", "right"),
    [
        ("abs", (0.0,), -1, 1), ("relu", (0.0,), 0, 1), ("leaky_relu", (0.0, 0.25), 0.25, 1),
        ("elu", (0.0, 0.5), 0.5, 1), ("maximum", (2.0, 2.0), 0, 1), ("minimum", (2.0, 2.0), 1, 0),
        ("clip", (1.0, 1.0, 3.0), 0, 1), ("clip", (3.0, 1.0, 3.0), 1, 0),
        ("max", (1.0, 1.0, 0.0), 0, 1), ("min", (1.0, 1.0, 2.0), 1, 0),
        ("norm", (0.0, 0.0), -1, 1), ("hypot", (0.0, 0.0), -1, 1),
    ],
)  # fmt: skip
def test_at_a_kink_the_slope_covers_both_sides_and_little_more(
    name: str, xs: tuple[float, ...], left: float, right: float
) -> None:
    slope = at(Precise(), name, xs, [(0,)])[1][0]
    assert slope.reason.startswith("it has a kink: its derivative is ")
    assert abs(slope.value - (left + right) / 2) < 1e-25
    for side in (left, right):
        assert abs(side - slope.value) <= slope.bound
    assert slope.bound <= abs(right - left) / 2 * 1.001


@pytest.mark.parametrize(
    ("name", "xs", "reason"),
    [
        ("sqrt", (0.0,), "it is at a border of its domain: it is not defined below"),
        ("arcsin", (1.0,), "it is at a border of its domain: it is not defined above"),
        ("arccos", (-1.0,), "it is at a border of its domain: it is not defined below"),
        ("cbrt", (0.0,), "it has an infinite derivative there, or a jump"),
        ("floor", (2.0,), "it has an infinite derivative there, or a jump"),
        ("sign", (0.0,), "it has an infinite derivative there, or a jump"),
    ],
)
def test_borders_and_jumps_have_no_slope(name: str, xs: tuple[float, ...], reason: str) -> None:
    slope = at(Precise(), name, xs)[1][0]
    assert slope.reason == reason
    assert slope.bound == math.inf


@pytest.mark.parametrize("name", ["*", "/", "-", "maximum", "dot", "prod", "hypot", "sum"])
@settings(max_examples=20)
@given(x=st.floats(0.5, 3.0))
def test_a_parent_at_several_places_is_moved_at_all_of_them(name: str, x: float) -> None:
    exact = {
        "*": 2 * mp.mpf(x), "/": 0, "-": 0, "maximum": 1, "dot": 2 * mp.mpf(x),
        "prod": 2 * mp.mpf(x), "hypot": mp.sqrt(2), "sum": 2,
    }[name]  # fmt: skip
    for judge in (Precise(), Numerical()):
        _, slopes = at(judge, name, (x, x), [(0, 1)])
        assert len(slopes) == 1
        if isinstance(judge, Precise):
            assert slopes[0].reason == ""
        if not slopes[0].reason:
            assert close(slopes[0], exact)


def test_a_linear_node_has_its_coefficients_for_slopes() -> None:
    node = linear((2.0, 3.0, 4.0), (Value(1.0), Value(2.0), Value(3.0)))
    for judge in (Precise(), Numerical()):
        operands = [judge.number(x) for x in (1.0, 2.0, 3.0)]
        y, slopes = judge.at(node, operands, [(0, 2), (1,)])
        assert y == 20.0
        assert slopes == [Slope(6.0, 0), Slope(3.0, 0)]
        assert judge.knows(node.op)
    assert Precise().defines(node.op)


def test_an_operand_that_is_not_finite_is_unknown() -> None:
    with pytest.raises(Unknown, match="an operand is not finite"):
        at(Precise(), "exp", (math.inf,))


def test_an_operation_that_is_in_no_table_is_unknown() -> None:
    for judge in (Precise(), Numerical()):
        assert not judge.knows("nowhere")
        with pytest.raises(Unknown, match="'nowhere' is not in the table"):
            at(judge, "nowhere", (1.0,))
    assert not Precise().defines("nowhere")


def test_a_function_of_ones_own_is_left_to_differences() -> None:
    custom_function("local_cube", lambda x: x**3, lambda m, y, x: 3.0 * x * x)
    judge = Precise()
    assert judge.knows("local_cube")
    assert not judge.defines("local_cube")
    y, slopes = at(judge, "local_cube", (2.0,))
    assert isinstance(y, judge.mp.mpf)
    assert abs(slopes[0].value - 12) <= slopes[0].bound <= 1e-7


def test_a_slope_that_vanishes_is_0_up_to_what_differences_leave() -> None:
    slope = at(Precise(), "square", (0.0,))[1][0]
    assert slope.reason == ""
    assert abs(slope.value) <= slope.bound <= 1e-25


@pytest.mark.parametrize("name", ["square", "cosh", "cos"])
def test_at_the_extremum_of_an_even_function_the_slope_is_0_exactly(name: str) -> None:
    """Its differences on either side are each other's opposites at every step."""
    slope = at(Precise(), name, (0.0,))[1][0]
    assert (slope.value, slope.bound, slope.reason) == (0.0, 0.0, "")


def test_what_is_left_of_1_where_a_float_underflows_is_seen() -> None:
    for name in ("tanh", "sigmoid", "softplus"):
        _, (slope,) = at(Precise(), name, (300.0,))
        assert close(slope, oracle.derivatives(name, (300.0,))[0])


def test_precision_is_that_of_the_thread_alone() -> None:
    before = (mpmath.mp.prec, Precise().mp.prec)
    contexts: list[Any] = []
    barrier = threading.Barrier(2)

    def work() -> None:
        barrier.wait()
        for _ in range(5):
            value, _ = at(Precise(), "exp", (1.0,))
            assert abs(value - mpmath.mpf(math.e)) < 1e-14
        contexts.append(Precise().mp)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(context) for context in [*contexts, Precise().mp]}) == 3
    assert (mpmath.mp.prec, Precise().mp.prec) == before
    assert Precise().mp is Precise().mp


# --- numerically ---------------------------------------------------------------------------------

SMOOTH_ENOUGH = [
    name for name in NAMES if name not in {"lgamma", "digamma", "polygamma", *HELD_ELSEWHERE}
]


@pytest.mark.parametrize("name", SMOOTH_ENOUGH)
@settings(max_examples=6)
@given(data=st.data())
def test_differences_in_floats_agree_with_mpmath_within_their_bound(
    name: str, data: st.DataObject
) -> None:
    xs = data.draw(tame(RULES[name]))
    assume(smooth(name, xs) and not (name == "arctan2" and xs[0] == 0.0))  # mpmath lacks -0.0
    try:
        y, numerical = at(Numerical(), name, xs)
        exact, slopes = at(Precise(), name, xs)
    except Unknown:
        assume(False)
    assume(smooth(name, xs))
    assert abs(y - exact) <= 1e-13 * abs(exact) + 1e-300
    for found, slope in zip(numerical, slopes, strict=True):
        if not found.reason and not slope.reason:
            rounding = 1e-13 * abs(slope.value)
            assert abs(found.value - slope.value) <= found.bound + slope.bound + rounding


@pytest.mark.parametrize(
    ("name", "xs", "reason"), [("log", (-1.0,), "math domain error"), ("*", (1e200, 1e200), "inf")]
)
def test_what_has_no_finite_value_is_unknown(name: str, xs: tuple[float, ...], reason: str) -> None:
    with pytest.raises(Unknown, match=reason):
        at(Numerical(), name, xs)


def test_numbers_are_floats_or_mpmaths() -> None:
    assert type(Numerical().number(0.5)) is float
    assert isinstance(Precise().number(0.5), Precise().mp.mpf)


def test_mpmath_is_found_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert precise_available()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not precise_available()
