"""Each row of the table at orders 2 and 3: accurate as at order 1, and never finite and wrong."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import autograd
from autograd import Value, compile, grad, hessian, jacobian
from autograd.rule import Rule
from autograd.rules import RULES
from autograd.rules import TABLE as ENGINE
from tests import oracle
from tests.oracle import mp
from tests.table import (
    HELD_ELSEWHERE,
    LARGEST,
    SMALLEST_NORMAL,
    TABLE,
    call,
    edges,
    operands,
)

INF, NAN = math.inf, math.nan
MODES = ("recorded", "numpy", "llvm")
# Derivatives of these cross zero away from 0, or add numbers of both signs. There a rounding of the
# operands, which every operand has had, counts for more than the bound; elsewhere nothing does.
CONDITIONED = {
    2: {
        "**", "lgamma", "digamma", "polygamma", "arctan2", "gelu", "silu", "softmax",
        "sinc", "mish", "std",
    },
    3: {
        "**", "hypot", "norm", "lgamma", "digamma", "polygamma", "arctan", "arctan2", "tanh",
        "arcsinh", "sigmoid", "softplus", "logsigmoid", "gelu", "silu", "erf", "erfc", "softmax",
        "logsumexp", "logaddexp", "logaddexp2", "sinc", "mish", "std",
    },
}  # fmt: skip


def each(*rules: Rule) -> pytest.MarkDecorator:
    """Run a test once for each of the rows."""
    return pytest.mark.parametrize("rule", rules, ids=lambda rule: rule.name)


# --- derivatives of every order, as users take them ----------------------------------------------


@functools.cache
def _derivative(
    rule: Rule, fixed: tuple[float | None, ...], order: int, mode: str
) -> Callable[[Sequence[float]], Any]:
    """The nested derivatives in the operands that vary: those that are not given."""

    def function(variables: Sequence[Any]) -> Any:
        rest = iter(variables)
        return call(rule, [next(rest) if x is None else x for x in fixed])

    derivative = grad(function) if order == 1 else hessian(function)
    for _ in range(2, order):
        derivative = jacobian(derivative)
    return derivative if mode == "recorded" else compile(derivative, backend=mode)  # type: ignore[call-overload]


def found(
    rule: Rule, xs: Sequence[float], order: int, mode: str
) -> Iterator[tuple[tuple[int, ...], float]]:
    """The derivatives of an order, each with the places of the operands it is taken in."""
    free = [place for place in range(len(xs)) if (rule.name, place) not in oracle.FIXED]
    fixed = tuple(None if place in free else x for place, x in enumerate(xs))
    nested = _derivative(rule, fixed, order, mode)([xs[place] for place in free])
    for indices in itertools.product(range(len(free)), repeat=order):
        number = nested
        for index in indices:
            number = number[index]
        yield tuple(free[index] for index in indices), float(number)


# --- against the oracle --------------------------------------------------------------------------


def is_kink(rule: Rule, xs: Sequence[float]) -> bool:
    return rule.name in oracle.KINKS and oracle.KINKS[rule.name](*xs)


def condition(rule: Rule, xs: Sequence[float], places: Sequence[int]) -> Any:
    """How much a rounding of the operands changes a derivative of some rows."""
    if rule.name not in CONDITIONED[len(places)]:
        return 0
    if rule.name == "polygamma":
        xs = (int(xs[0]), xs[1])
    return oracle.sensitivity(lambda xs: oracle.derivative(rule.name, xs, places), xs)


def leaves_the_range(rule: Rule, xs: Sequence[float], order: int) -> bool:
    """Whether some derivative up to an order is too large for a float, and what it meets may be."""
    places = [place for place in range(len(xs)) if (rule.name, place) not in oracle.FIXED]
    if rule.name == "**" and xs[0] and abs(mp.mpf(xs[0])) ** (mp.mpf(xs[1]) - order) > LARGEST:
        return True
    return any(
        abs(oracle.derivative(rule.name, xs, some)) > LARGEST
        for count in range(1, order + 1)
        for some in itertools.combinations_with_replacement(places, count)
    )


# Their derivatives are 0 at ties, the oracle's not quite.
SHARES = {"softmax", "logsumexp"}


def check(rule: Rule, xs: tuple[float, ...], order: int, modes: Sequence[str] = MODES[:2]) -> None:
    """Compare the derivatives of an order with the oracle at one point, recorded and compiled."""
    if rule.name == "arctan2" and xs[0] == 0.0:  # mpmath lacks -0.0
        return
    try:
        oracle.value(rule.name, xs)
        y = rule.evaluate(*xs)
    except (ArithmeticError, ValueError):
        return
    if not math.isfinite(y) or is_kink(rule, xs):
        return
    if rule.name in ("hypot", "norm", "arctan2") and math.hypot(*xs) < SMALLEST_NORMAL:
        return  # a length that is subnormal has lost digits
    smallest = 1e-50 if rule.name in SHARES else SMALLEST_NORMAL
    known: dict[tuple[int, ...], Any] = {}
    out_of_range = functools.cache(lambda: leaves_the_range(rule, xs, order))
    for mode in modes:
        for places, number in found(rule, xs, order, mode):
            if not math.isfinite(number) and out_of_range():
                continue
            key = tuple(sorted(places))
            if key not in known:
                known[key] = oracle.derivative(rule.name, xs, key)
            exact, bound = known[key], mp.mpf(10) ** (order - 15)
            if mp.isnan(exact):
                # Of a base that is not positive: at order 3 a zero may meet what is undefined.
                assert not math.isfinite(number) or (order == 3 and xs[1] in (0.0, 1.0)), places
                continue
            error = abs(mp.mpf(number) - exact)
            if not error <= bound * abs(exact) + smallest:
                scale = condition(rule, xs, key)
                assert error <= bound * scale, f"{mode} {places}: {number!r} for {exact}"


ELEMENTARY = [
    rule
    for rule in TABLE
    if rule.operands in (("x",), ("x1", "x2")) and rule.name not in HELD_ELSEWHERE
]


@pytest.mark.no_cover
@each(*ELEMENTARY)
def test_second_derivatives_at_the_edges(rule: Rule) -> None:
    points = list(edges(rule))
    for xs in points[:: 1 if len(rule.operands) == 1 else 7]:  # 7: not a divisor of a row's length
        check(rule, xs, 2)


@pytest.mark.no_cover
@each(*[rule for rule in ELEMENTARY if len(rule.operands) == 1])
def test_third_derivatives_at_the_edges(rule: Rule) -> None:
    for xs in list(edges(rule))[::3]:
        check(rule, xs, 3)


@pytest.mark.parametrize(
    ("name", "xs"),
    [
        ("hypot", (1.0, 1e9)),
        ("hypot", (1.0, 1e7)),
        ("hypot", (14.56, 6.3e-7)),
        ("norm", (14.56, 6.3e-7, 1e-9)),
        ("norm", (1.0, 0.0)),
        ("norm", (-3.0,)),
        *[
            (name, (x,))
            for name in ("arcsin", "arccos", "arctanh", "tanh", "sigmoid")
            for x in (1e-17, 3e-14, 1e-8)
        ],
        ("%", (7.5, 2.0)),
        ("%", (1.0, 1e-160)),
        ("**", (0.0, 1.5)),
        ("**", (0.0, 3.0)),
        ("**", (-2.0, 0.0)),
        ("**", (-2.0, 3.0)),
        ("**", (2.0, 0.0)),
        ("**", (5e-324, 1.0)),
        ("xlogy", (5e-324, 1e-8)),
        ("xlogy", (-1e-322, 1e-10)),
        ("xlog1py", (5e-324, 1e-8 - 1.0)),
        ("xlog1py", (1e-320, 0.5**40 - 1.0)),
    ],
)
@pytest.mark.parametrize("order", [2, 3])
def test_points_where_it_was_wrong(name: str, xs: tuple[float, ...], order: int) -> None:
    check(RULES[name], xs, order, MODES)


@pytest.mark.no_cover
@pytest.mark.parametrize("order", [2, 3])
@each(*[rule for rule in TABLE if rule.name not in HELD_ELSEWHERE])
@settings(max_examples=settings().max_examples // 16)
@given(st.data())
def test_derivatives(rule: Rule, order: int, data: st.DataObject) -> None:
    check(rule, data.draw(operands(rule)), order)


@pytest.mark.no_cover
@each(*[rule for rule in TABLE if not rule.of_sequence and rule.name not in HELD_ELSEWHERE])
@settings(max_examples=2)
@given(st.data())
def test_second_derivatives_in_machine_code(rule: Rule, data: st.DataObject) -> None:
    check(rule, data.draw(operands(rule)), 2, MODES[2:])


@settings(max_examples=40)
@given(
    st.floats(-3.0, 0.0) | st.just(0.0),
    st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 3.0]) | st.floats(0.0, 3.0),
)
def test_the_hessian_of_a_power_is_symmetric_and_never_finite_and_wrong(x: float, y: float) -> None:
    assume(x == 0.0 or y.is_integer())
    for mode in MODES[:2]:
        entries = dict(found(RULES["**"], (x, y), 2, mode))
        mixed = entries[0, 1], entries[1, 0]
        assert math.isfinite(mixed[0]) == math.isfinite(mixed[1]) == (x == 0.0 and y > 1.0)
        assert not math.isfinite(entries[1, 1]) or (x == entries[1, 1] == 0.0 < y)
        if y in (0.0, 1.0):
            assert entries[0, 0] == 0.0
        elif x or y >= 2.0:
            assert entries[0, 0] == pytest.approx(y * (y - 1.0) * x ** (y - 2.0), rel=1e-13)
        else:
            assert not math.isfinite(entries[0, 0])


def _slopes_of_a_power(sign: int, exponent: float) -> list[int]:
    """The first three derivatives of x**exponent at x = 1 or x = -1, of an integer exponent."""
    n = int(exponent)
    factors = [n, n * (n - 1), n * (n - 1) * (n - 2)]
    return [c * (1 if sign > 0 or (n - k) % 2 == 0 else -1) for k, c in enumerate(factors, start=1)]


@settings(max_examples=60)
@given(
    st.sampled_from([-1.0, 1.0]),
    st.sampled_from([2.0**53, 2.0**53 + 2.0, 2.0**53 - 1.0, 2.0**52 + 1.0, 2.0**54, 9e25])
    | st.floats(2.0**50, 1e100).map(float.__floor__).map(float),
    st.sampled_from([-1.0, 1.0]),
)
@pytest.mark.parametrize("mode", MODES)
def test_huge_exponents_of_negative_bases_keep_their_parity(
    mode: str, x: float, size: float, sign: float
) -> None:
    exact = _slopes_of_a_power(int(x), sign * size)
    for order in (1, 2, 3):
        number = dict(found(RULES["**"], (x, sign * size), order, mode))[(0,) * order]
        assert number == pytest.approx(float(exact[order - 1]), rel=1e-14)


@pytest.mark.parametrize("backend", MODES)
def test_huge_exponents_that_are_constants_keep_their_parity(backend: Any) -> None:
    for size in (2.0**53, 2.0**53 + 2.0, 9e25, -9e25, -(2.0**53)):
        for x in (-1.0, 1.0):
            exact = _slopes_of_a_power(int(x), size)
            derivative: Any = lambda x, size=size: x**size  # noqa: E731
            for number in exact:
                derivative = grad(derivative)
                f = derivative if backend == "recorded" else compile(derivative, backend=backend)
                assert f(x) == pytest.approx(float(number), rel=1e-14)


@pytest.mark.no_cover
@settings(max_examples=settings().max_examples // 2)
@given(
    st.floats(-3.0, 3.0),
    st.lists(
        st.sampled_from([0.0, 1e-16, 1e-13, -3e-11, 1e-9, 1e-5, 1.0, -1.0, -40.0]),
        min_size=1, max_size=3,
    ),
    st.sampled_from([2, 3]),
)  # fmt: skip
@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("name", ["softmax", "logsumexp"])
def test_shares_that_are_nearly_equal(
    name: str, mode: str, x: float, distances: list[float], order: int
) -> None:
    check(RULES[name], (x, *[x + distance for distance in distances]), order, (mode,))


LONG_NORMS = (
    {"recorded": hessian(autograd.norm)}
    | {
        mode: compile(hessian(autograd.norm), backend=mode)  # type: ignore[call-overload]
        for mode in MODES[1:]
    }
)


@pytest.mark.no_cover
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=12)
@given(
    st.integers(0, 19),
    st.sampled_from([1.0, -3.0, 1e-9]),
    st.sampled_from([1.0, 0.1, 1e-5, 1e-9, 1e-40, 0.0]),
    st.integers(0, 10_000),
)
def test_second_derivatives_of_a_long_norm(
    mode: str, place: int, largest: float, scale: float, seed: int
) -> None:
    generator = random.Random(seed)
    xs = [largest * scale * generator.uniform(-1.0, 1.0) for _ in range(20)]
    xs[place] = largest
    exact = list(map(mp.mpf, xs))
    length = mp.sqrt(mp.fsum(x * x for x in exact))
    matrix: Any = LONG_NORMS[mode](xs)
    for i, j in itertools.product(range(20), repeat=2):
        number = -exact[i] * exact[j] / length**3
        if i == j:
            number = mp.fsum(x * x for k, x in enumerate(exact) if k != i) / length**3
        assert abs(matrix[i][j] - number) <= 1e-13 * abs(number) + SMALLEST_NORMAL


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=20)
@given(
    st.lists(st.floats(-3.0, 3.0).map(lambda x: round(x, 6)), min_size=2, max_size=6),
    st.sampled_from([0.0, 1e-16, 1e-13, -3e-14, 1e-9]),
    st.sampled_from([1.0, 1e-5, 1e5]),
)
@pytest.mark.parametrize("name", ["std", "var"])
def test_an_operand_that_is_all_but_the_mean(
    name: str, mode: str, xs: list[float], distance: float, scale: float
) -> None:
    assume(max(xs) - min(xs) > 0.1)
    xs = [scale * x for x in xs]
    xs = [*xs, math.fsum(xs) / len(xs) * (1.0 + distance)]
    exact = list(map(mp.mpf, xs))
    mean = mp.fsum(exact) / len(xs)
    size = mp.sqrt(mp.fsum((x - mean) ** 2 for x in exact) / len(xs))
    for (place,), slope in found(RULES[name], xs, 1, mode):
        number = (exact[place] - mean) / len(xs) * (2 if name == "var" else 1 / size)
        assert abs(slope - number) <= 1e-13 * abs(number)


# The limits of the first derivative at -infinity and at infinity; those of further ones are 0.
LIMITS = {
    "gelu": (0.0, 1.0), "silu": (0.0, 1.0), "mish": (0.0, 1.0), "softplus": (0.0, 1.0),
    "relu": (0.0, 1.0), "logsigmoid": (1.0, 0.0), "arctan": (0.0, 0.0), "arcsinh": (0.0, 0.0),
    "arccosh": (NAN, 0.0), "cbrt": (0.0, 0.0), "tanh": (0.0, 0.0), "sigmoid": (0.0, 0.0),
    "erf": (0.0, 0.0), "erfc": (0.0, 0.0), "ndtr": (0.0, 0.0), "log_ndtr": (NAN, 0.0),
    "softsign": (0.0, 0.0), "i0e": (0.0, 0.0), "i1e": (0.0, 0.0), "rsqrt": (NAN, 0.0),
    "log": (NAN, 0.0), "log1p": (NAN, 0.0), "sqrt": (NAN, 0.0), "hard_tanh": (0.0, 0.0),
}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", LIMITS)
def test_derivatives_at_infinity_are_their_limits(name: str, mode: str) -> None:
    for x, limit in zip((-INF, INF), LIMITS[name], strict=True):
        if not math.isnan(limit):
            for order in (1, 2, 3):
                [(_, number)] = found(RULES[name], (x,), order, mode)
                assert number == (limit if order == 1 else 0.0), (x, order)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["i0e", "i1e"])
def test_scaled_bessel_functions_far_out(name: str, mode: str) -> None:
    # As x**(-1/2) / √2π, but for a part of 1/x.
    for size in (1e18, 1e60, 1e160, LARGEST):
        for x in (-size, size):
            rate = mp.mpf(size) ** mp.mpf(-0.5) / mp.sqrt(2 * mp.pi)
            for order in (1, 2, 3):
                rate *= (mp.mpf(0.5) - order) / size
                [(_, number)] = found(RULES[name], (x,), order, mode)
                sign = math.copysign(1.0, x) ** (order + (name == "i1e"))
                assert abs(number - sign * rate) <= 1e-13 * abs(rate) + SMALLEST_NORMAL


# --- at kinks ------------------------------------------------------------------------------------

KINKED = [rule for rule in ENGINE if rule.kinks is not None and rule.name != "**"]
# Parameters that the function is linear in on both sides.
LINEAR_IN = {("leaky_relu", 1), ("elu", 1), ("clip", 1), ("clip", 2)}


@st.composite
def kinks(draw: st.DrawFn, rule: Rule) -> tuple[float, ...]:
    """Operands at which a row has a kink."""
    x = draw(st.floats(-8.0, 8.0).map(lambda x: round(x, 2)))
    if rule.of_sequence:
        count = draw(st.integers(2, 4))
        others = [x - 1.0 if rule.name == "max" else x + 1.0] * draw(st.integers(0, 2))
        return (
            (0.0,) * count if rule.name == "norm" else tuple(draw(st.permutations([x, x, *others])))
        )
    if rule.name in ("floor", "ceil", "trunc"):
        return (float(draw(st.integers(-9, 9).filter(bool))),)
    if rule.name in ("//", "%"):
        divisor = draw(st.sampled_from([-2.0, 0.5, 3.0]))
        return divisor * draw(st.integers(-5, 5)), divisor
    if rule.name == "clip":
        return draw(st.sampled_from([(x, x, x + 1.0), (x, x - 1.0, x)]))
    if rule.name in ("maximum", "minimum"):
        return x, x
    return (0.0, 0.0) if rule.name == "hypot" else (0.0, x)[: len(rule.operands)]


@each(*KINKED)
@settings(max_examples=5)
@given(st.data())
def test_at_a_kink_there_is_no_second_derivative(rule: Rule, data: st.DataObject) -> None:
    xs = data.draw(kinks(rule))
    assert is_kink(rule, xs)
    for mode in MODES[:2]:
        for places, number in found(rule, xs, 2, mode):
            smooth = number == 0.0 and (
                all((rule.name, place) in LINEAR_IN for place in places)
                or (rule.name == "clip" and any(xs[place] != xs[0] for place in places))
            )
            assert math.isnan(number) or smooth, (mode, places)


def test_rows_with_kinks_are_those_of_the_oracle() -> None:
    infinite = {"**", "sqrt", "cbrt", "arcsin", "arccos", "arccosh", "arctan2"}  # of themselves
    of_the_table = {rule.name for rule in ENGINE if rule.name in oracle.KINKS}
    assert {rule.name for rule in KINKED} == of_the_table - infinite


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("name", "xs"),
    [
        ("hard_tanh", (1.0,)),
        ("hard_tanh", (-1.0,)),
        ("selu", (0.0,)),
        ("fmod", (4.0, 2.0)),
        ("remainder", (3.0, 2.0)),
        ("std", (1.5, 1.5)),
        ("copysign", (0.0, 1.0)),
        ("i0e", (0.0,)),
    ],
)
def test_kinks_of_the_wider_formulary(name: str, xs: tuple[float, ...], mode: str) -> None:
    numbers = [number for _, number in found(RULES[name], xs, 2, mode)]
    assert any(map(math.isnan, numbers))
    assert all(math.isnan(number) or number == 0.0 for number in numbers)


ORIGIN: list[Callable[[Any], Any]] = [
    lambda v: autograd.norm(v) ** 2,
    lambda v: autograd.square(autograd.hypot(*v)),
    lambda v: abs(v[0]) ** 2 + abs(v[1]) ** 2,
    lambda v: autograd.cos(autograd.norm(v)),
    lambda v: autograd.exp(-autograd.square(autograd.norm(v))),
]


@pytest.mark.parametrize("f", ORIGIN)
@pytest.mark.parametrize("backend", MODES)
def test_what_is_undefined_at_the_origin_is_not_said_to_be_0(f: Any, backend: Any) -> None:
    derivative: Any = hessian(f)
    if backend != "recorded":
        derivative = compile(derivative, backend=backend)
    matrix = derivative([0.0, 0.0])
    assert math.isnan(matrix[0][0])
    assert math.isnan(matrix[1][1])


# --- off the domain ------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("name", "xs"),
    [
        *[("clip", xs) for xs in itertools.product((0.5, -2.0, NAN), (0.0, NAN), (1.0, NAN))],
        *[
            (name, xs)
            for name in ("fmod", "remainder", "%", "**")
            for xs in ((NAN, 2.0), (2.0, NAN), (0.0, NAN), (NAN, NAN))
        ],
    ],
)
def test_where_an_operand_is_nan_no_derivative_is_a_number(
    name: str, xs: tuple[float, ...], mode: str
) -> None:
    if any(map(math.isnan, xs)):
        slopes = _derivative(RULES[name], (None,) * len(xs), 1, mode)(xs)
        assert all(map(math.isnan, slopes))
        assert math.isnan(call(RULES[name], list(map(Value, xs))).data)


def outside(rule: Rule) -> list[tuple[float, ...]]:
    """Operands off a row's domain, close to it and far, of each sign."""
    numbers = [0.0, -0.0, 5e-324, 1e-160, 0.5, 1.0, 1.5, 3.0, 1e160, LARGEST]
    numbers += [-x for x in numbers[2:]]
    points: list[tuple[float, ...]] = [(x,) for x in numbers]
    if rule.name == "polygamma":
        points = [(1.0, x) for x in numbers]
    elif rule.name == "clip":
        points = [(x, 1.0, 0.0) for x in numbers]
    elif len(rule.operands) == 2:
        points = list(itertools.product(numbers, repeat=2))

    def is_outside(xs: tuple[float, ...]) -> bool:
        try:
            return math.isnan(rule.evaluate(*xs))
        except OverflowError:
            return False
        except (ArithmeticError, ValueError):
            return True

    return list(filter(is_outside, points))


# Rows that are defined everywhere but at infinity.
ENTIRE = {"sin", "cos", "tan", "sinpi", "cospi", "sinc", "j0", "j1", "i0", "i1"}
# Derivatives of other rows, which choose their operands themselves.
OF_OTHERS = {"ndtr_excess"}


@pytest.mark.no_cover
@pytest.mark.parametrize("backend", MODES[1:])
@each(*[
    rule
    for rule in TABLE
    if rule.domain
    and not rule.of_sequence
    and (len(rule.operands) <= 2 or rule.name == "clip")
    and rule.name not in OF_OTHERS
])  # fmt: skip
def test_compiled_derivatives_off_the_domain_are_not_finite(rule: Rule, backend: Any) -> None:
    points = [(INF,), (-INF,)] if rule.name in ENTIRE else outside(rule)
    assert points
    for xs in points:
        if rule.name in ("gammainc", "gammaincc") and xs[0] == LARGEST:
            continue  # SciPy has no value
        free = [
            place
            for place, name in enumerate(rule.operands)
            if (rule.name, place) not in oracle.FIXED and name not in rule.fixed
        ]
        fixed = tuple(None if place in free else x for place, x in enumerate(xs))
        slopes = _derivative(rule, fixed, 1, backend)([xs[place] for place in free])
        assert not any(map(math.isfinite, slopes)), xs
        if len(rule.operands) == 1:
            assert not math.isfinite(_derivative(rule, fixed, 2, backend)(xs)[0][0]), xs


@each(*[rule for rule in TABLE if len(rule.operands) > 1 and rule.name != "polygamma"])
@given(st.data())
@settings(max_examples=8)
def test_some_operands_may_be_constants(rule: Rule, data: st.DataObject) -> None:
    xs = data.draw(operands(rule))
    assume(len(xs) > 1)
    fixed = data.draw(st.permutations([xs[0], *[None] * (len(xs) - 1)]))
    assume(rule.name != "where" or fixed[0] is None)
    with contextlib.suppress(ArithmeticError, ValueError):  # of constants off the domain
        _derivative(rule, tuple(fixed), 2, "numpy")([1.0] * (len(xs) - 1))


# --- at nan --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("name", "xs"),
    [
        *[(name, (NAN,)) for name in ("relu", "abs", "sign", "floor", "ceil", "trunc", "tanh")],
        *[("clip", (NAN, 0.0, 1.0)), ("//", (NAN, 2.0)), ("//", (2.0, NAN))],
        *[(name, (NAN, 2.0)) for name in ("leaky_relu", "elu")],
        *[
            (name, xs)
            for name in ("maximum", "minimum", "max", "min")
            for xs in ((NAN, NAN), (NAN, 2.0), (2.0, NAN))
        ],
    ],
)
def test_a_nan_operand_has_nan_derivatives(name: str, xs: tuple[float, ...], mode: str) -> None:
    rule = RULES[name]
    for slope in _derivative(rule, (None,) * len(xs), 1, mode)(xs):
        assert math.isnan(slope)
    for places, number in found(rule, xs, 2, mode):
        assert math.isnan(number) or (name == "elu" and places == (1, 1))


# --- where a square leaves the range of floats ---------------------------------------------------

# Of u = exp(t), or 1 + exp(t); their own second derivatives are beyond 1e308, those by t are not.
Composed = Callable[[Any, Any], Any]
BEYOND: dict[str, tuple[Composed, tuple[float, float]]] = {
    "log": (lambda m, u: m.log(u), (-700.0, 700.0)),
    "log2": (lambda m, u: m.log2(u), (-700.0, 700.0)),
    "log10": (lambda m, u: m.log10(u), (-700.0, 700.0)),
    "log1p": (lambda m, u: m.log1p(u), (0.0, 700.0)),
    "log of a sum": (lambda m, u: m.log(u + 1.0 / u), (0.0, 700.0)),
    "division": (lambda m, u: 3.0 / u, (-300.0, 300.0)),
    "share": (lambda m, u: u / (2.0 * u), (-690.0, 690.0)),
    "reciprocal": (lambda m, u: m.reciprocal(u), (-300.0, 300.0)),
    "sqrt": (lambda m, u: m.sqrt(u), (-700.0, 700.0)),
    "square root as a power": (lambda m, u: u**0.5, (-700.0, 700.0)),
    "power": (lambda m, u: u**-1.0, (-300.0, 300.0)),
    "rsqrt": (lambda m, u: m.rsqrt(u), (-450.0, 450.0)),
    "cbrt": (lambda m, u: m.cbrt(u), (-700.0, 700.0)),
    "arcsinh": (lambda m, u: m.arcsinh(u), (0.0, 700.0)),
    "arccosh": (lambda m, u: m.arccosh(u), (1.0, 700.0)),
    "logit": (lambda m, u: m.logit(u), (-700.0, -1.0)),
    "xlogy": (lambda m, u: m.xlogy(3.0, u), (-700.0, 700.0)),
    "xlog1py": (lambda m, u: m.xlog1py(3.0, u), (0.0, 700.0)),
    "arctan2": (lambda m, u: m.arctan2(u, 2.0 * u * u), (-300.0, 200.0)),
    "hypot": (lambda m, u: m.hypot(u, 2.0 * u), (-700.0, 700.0)),
}


def _beyond(name: str, t: float, mode: str) -> tuple[float, float, float]:
    """Value, slope and second derivative at t."""
    f = functools.partial(BEYOND[name][0], autograd)
    if mode == "backward":
        x = Value(t)
        y = f(autograd.exp(x))
        y.backward(create_graph=True)
        slope: Any = x.grad
        x.grad = 0.0
        slope.backward()
        return y.data, slope.data, x.grad
    second = _second_derivative(name, mode)
    return f(math.exp(t)), *second(t)


@functools.cache
def _exactly_beyond(name: str, t: float) -> tuple[Any, Any, Any]:
    """Value, slope and second derivative at t: the same examples are drawn for every mode."""
    with mp.workdps(1000):
        f = functools.partial(BEYOND[name][0], oracle.m)
        h = mp.mpf(10) ** -150
        below, at, above = (f(mp.exp(mp.mpf(t) + step)) for step in (-h, 0, h))
        return at, (above - below) / (2 * h), (above - 2 * at + below) / h**2


@functools.cache
def _second_derivative(name: str, mode: str) -> Callable[[float], Any]:
    def f(t: Any) -> Any:
        return BEYOND[name][0](autograd, autograd.exp(t))

    def both(t: Any) -> Any:
        return grad(f)(t), grad(grad(f))(t)

    return both if mode == "recorded" else compile(both, backend=mode)  # type: ignore[call-overload]


@pytest.mark.parametrize("mode", [*MODES, "backward"])
@pytest.mark.parametrize("name", BEYOND)
@settings(max_examples=8)
@given(st.floats(0.0, 1.0))
@example(0.0)
@example(1.0)
def test_second_derivatives_beyond_the_range_of_a_square(
    name: str, mode: str, place: float
) -> None:
    first, last = BEYOND[name][1]
    t = first + place * (last - first)
    exact = _exactly_beyond(name, t)
    found = _beyond(name, t, mode)
    size = max(map(abs, exact))  # of what is added up
    for number, right in zip(found, exact, strict=True):
        assert abs(number - right) <= 2e-13 * size + mp.mpf(10) ** -290


@pytest.mark.parametrize("mode", [*MODES, "c"])
def test_the_logarithm_of_a_tail_by_hand(mode: Any) -> None:
    def f(x: Any) -> Any:
        return autograd.log(0.5 * autograd.erfc(x * -math.sqrt(0.5)))

    for x in (-5.0, -30.0, -36.0):
        derivative: Any = f
        exact = autograd.log_ndtr
        for order in (1, 2, 3):
            derivative, exact = grad(derivative), grad(exact)
            number = derivative if mode == "recorded" else compile(derivative, backend=mode)
            # The terms of the n-th derivative are of the size of |x|**n.
            assert abs(number(x) - exact(x)) <= 1e-13 * abs(x) ** order


@pytest.mark.parametrize("mode", MODES)
def test_a_share_by_hand(mode: Any) -> None:
    def f(x: Any, shift: Any) -> Any:
        return autograd.exp(x + shift) / (autograd.exp(x + shift) + autograd.exp(shift))

    derivative, exact = f, autograd.sigmoid
    for _ in (1, 2, 3):
        derivative, exact = grad(derivative), grad(exact)
        number = derivative if mode == "recorded" else compile(derivative, backend=mode)
        for x, shift in ((0.25, 400.0), (-1.0, -400.0), (0.5, 230.0)):
            assert number(x, shift) == pytest.approx(exact(x), rel=1e-12)


# --- at the ends of the range --------------------------------------------------------------------

SMALLEST = 5e-324
# Value, slope and second derivative; None where recording raises an OverflowError.
ENDS: list[tuple[str, float, tuple[float, float, float] | None]] = [
    ("gamma", INF, (INF, INF, INF)),
    ("lgamma", INF, (INF, INF, 0.0)),
    ("digamma", INF, (INF, 0.0, 0.0)),
    ("k0", SMALLEST, (744.5560034370396, -INF, INF)),
    ("k1", SMALLEST, None),
    ("y0", SMALLEST, (-473.9990734230043, INF, -INF)),
    ("y0", 1e-310, (-454.4938756003539, INF, -INF)),
    ("y1", SMALLEST, None),
    ("y1", 1e-310, None),
    ("ndtri", SMALLEST, (-38.467405617144344, INF, -INF)),
    ("erfcinv", SMALLEST, (27.21329321081295, -INF, INF)),
    ("gamma", -SMALLEST, None),
    ("arccosh", INF, (INF, 0.0, 0.0)),
    ("elu", INF, (INF, 1.0, 0.0)),
]
OVERFLOWN = {"y1": (-INF, INF), "k1": (INF, -INF), "gamma": (-INF, -INF)}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "x", "exact"), ENDS)
def test_the_ends_of_the_range(
    name: str, x: float, exact: tuple[float, float, float] | None, mode: Any
) -> None:
    f = getattr(autograd, name)
    if exact is None:
        if mode == "recorded":
            with pytest.raises(OverflowError):
                f(Value(x))
        else:
            found = compile(f, backend=mode)(x), compile(grad(f), backend=mode)(x)
            assert found == OVERFLOWN[name]
        return
    for derivative, number in zip((f, grad(f), grad(grad(f))), exact, strict=True):
        found = derivative if mode == "recorded" else compile(derivative, backend=mode)
        assert found(x) == pytest.approx(number, rel=1e-14)


# --- behind a zero adjoint -----------------------------------------------------------------------

OFF_DOMAIN: list[Callable[[Any], Any]] = [
    lambda v: 0.0 * autograd.log(v[0]),
    lambda v: 0.0 * autograd.log(autograd.sin(v[0])),
    lambda v: v[0] * v[0] + 0.0 * autograd.sqrt(v[0]),
    lambda v: autograd.maximum(0.0 * autograd.arccosh(v[0]), v[0]),
    lambda v: autograd.floor(autograd.sqrt(v[0])),
    lambda v: 0.0 * (1.0 / (v[0] + 1.0)),
    lambda v: 0.0 * autograd.lgamma(v[0]),
    lambda v: v[1] * autograd.log(v[0]),
    lambda v: v[1] * autograd.log1p(2.0 * v[0]),
    lambda v: v[1] * autograd.sqrt(v[0]),
    lambda v: v[1] * autograd.arcsin(2.0 * v[0]),
    lambda v: v[1] * (v[0] % (v[0] - v[0])),
    lambda v: v[1] * v[0] ** 0.5,
    lambda v: v[1] * v[0] ** (v[0] / 2.0),
    lambda v: v[1] * autograd.digamma(v[0]),
]


def along_the_first(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda v: autograd.jvp(f, (v,), ([1.0, 0.0],))[1]


@pytest.mark.parametrize("mode", MODES[1:])
@pytest.mark.parametrize("f", OFF_DOMAIN)
def test_behind_a_zero_adjoint_a_compiled_derivative_off_the_domain_is_nan(
    f: Callable[[Any], Any], mode: Any
) -> None:
    v = [-1.0, 0.0]
    with pytest.raises((ArithmeticError, ValueError)):
        f(list(map(Value, v)))
    assert math.isnan(compile(grad(f), backend=mode)(v)[0])
    assert math.isnan(compile(along_the_first(f), backend=mode)(v))
    assert not math.isfinite(compile(hessian(f), backend=mode)(v)[0][0])


def test_behind_a_zero_adjoint_derivatives_off_the_domain_are_nan_in_c() -> None:
    def every(v: Any) -> list[Any]:  # as one function: a compiler's start takes a third of a second
        return [y for f in OFF_DOMAIN for y in (grad(f)(v)[0], along_the_first(f)(v))]

    assert all(map(math.isnan, compile(every, backend="c")([-1.0, 0.0])))


UNUSED: list[Callable[[Any], Any]] = [
    lambda x: autograd.where(x > 0.0, autograd.log(x), x),
    lambda x: autograd.where(x > 0.0, 0.0 * autograd.log(x) * x, x),
    lambda x: x * autograd.where(x > 0.0, autograd.sqrt(x), 1.0),
    lambda x: autograd.where(autograd.log(x) > 0.0, x * x, x),
    lambda x: autograd.where(x > 0.0, x * autograd.lgamma(x), x) + 0.0,
]


@pytest.mark.parametrize("mode", MODES[1:])
@pytest.mark.parametrize("f", UNUSED)
def test_an_unused_branch_off_its_domain_takes_no_part(f: Any, mode: Any) -> None:
    assert compile(grad(f), backend=mode)(-1.0) == 1.0
    assert compile(grad(grad(f)), backend=mode)(-1.0) == 0.0
    assert compile(lambda x: autograd.jvp(f, (x,), (1.0,))[1], backend=mode)(-1.0) == 1.0


# --- kinks and steep slopes under other functions ------------------------------------------------

UNDER: dict[str, tuple[Callable[[Any], Any], float]] = {
    "sqrt": (autograd.sqrt, 0.0),
    "cbrt": (autograd.cbrt, 0.0),
    "entr": (autograd.entr, 0.0),
    "power": (lambda x: x**0.5, 0.0),
    "abs": (abs, 0.0),
    "norm": (lambda x: autograd.norm([x, 2.0 * x]), 0.0),
    "arcsin": (autograd.arcsin, 1.0),
}
OVER: list[Callable[[Any, Any], Any]] = [
    autograd.elu, lambda u, v: autograd.elu(v, u),
    autograd.leaky_relu, lambda u, v: autograd.leaky_relu(v, u),
    autograd.fmod, autograd.remainder, lambda u, v: u % v,
    lambda u, v: autograd.where(v, v * v, u), lambda u, v: autograd.where(v, u, v),
    lambda u, v: autograd.where(v > 1.0, v, u), lambda u, v: autograd.where(u, v * v, v),
    autograd.maximum, autograd.minimum, lambda u, v: autograd.clip(u, -1.0, v),
    lambda u, v: autograd.copysign(v, u), lambda u, v: u // v,
]  # fmt: skip


@pytest.mark.parametrize("under", UNDER)
@pytest.mark.parametrize("over", OVER)
def test_recorded_and_compiled_agree_on_what_is_undefined(over: Any, under: str) -> None:
    inner, x = UNDER[under]

    def f(v: Any) -> Any:
        return over(inner(v[0]), v[1])

    compiled = compile(hessian(f), backend="numpy")
    for other in (0.0, 0.5, 1.0, -2.0, 3.0):
        with contextlib.suppress(ArithmeticError, ValueError):
            matrices = compiled([x, other]), hessian(f)([x, other])
            for number, exact in zip(*map(itertools.chain.from_iterable, matrices), strict=True):
                assert math.isfinite(number) == math.isfinite(exact), other
                assert not math.isfinite(exact) or number == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_a_power_at_the_border_of_its_domain_has_no_second_derivative(mode: Any) -> None:
    def f(v: Any) -> Any:
        return autograd.ceil(v[0]) * v[0] ** v[1]

    derivative = hessian(f) if mode == "recorded" else compile(hessian(f), backend=mode)
    assert math.isnan(derivative([0.0, 0.0])[1][1])


# Each has a kink where its operand is 0.
BENT: dict[str, Callable[[Any], Any]] = {
    "relu": autograd.relu,
    "abs": autograd.abs,
    "leaky_relu": autograd.leaky_relu,
    "elu": lambda x: autograd.elu(x, 0.5),
    "selu": autograd.selu,
    "softsign": lambda x: autograd.softsign(autograd.abs(x)),
    "maximum": lambda x: autograd.maximum(x, 0.0),
    "minimum": lambda x: autograd.minimum(3.0 * x, x),
    "max": lambda x: autograd.max([x, 0.0, -2.0 * x]),
    "clip": lambda x: autograd.clip(x, 0.0, 1.0),
    "hard_tanh": lambda x: autograd.hard_tanh(x - 1.0),
    "of a product": lambda x: autograd.relu(x * autograd.exp(x)),
    "squared": lambda x: autograd.relu(x) ** 2.0,
}


@pytest.mark.parametrize("mode", [None, "numpy"])
@pytest.mark.parametrize("name", BENT)
def test_what_is_undefined_has_undefined_derivatives(name: str, mode: Any) -> None:
    def f(v: Any) -> Any:
        return BENT[name](v[0]) * v[1] + v[0] * v[1]

    def curvature(v: Any) -> Any:
        return hessian(f)(v)[0][0]

    slope = grad(curvature) if mode is None else compile(grad(curvature), backend=mode)
    assert all(map(math.isnan, slope([0.0, 1.5])))
    assert not any(map(math.isnan, slope([0.25, 1.5])))
