"""The special functions' rows up to the third derivative, against textbook formulas in mpmath.

The bounds are relative to the derivative. Where it crosses zero, or where no rounded operand could
do better, they are relative to its own condition |x f'(x)| as well; where SciPy evaluates, to the
measured accuracy of SciPy.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import mpmath
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import autograd
from autograd import Value, compile, grad
from autograd.formulary_special import SPECIAL
from autograd.rule import Rule
from autograd.rules import RULES
from tests.table import LARGEST, SAMPLES, SMALLEST_NORMAL

mp: Any = mpmath.mp.clone()
mp.dps = 60

Numbers = Sequence[Any]
BACKENDS: list[Literal["llvm", "numpy"]] = ["llvm", "numpy"]

# --- the textbook's formulas: the value and four derivatives -------------------------------------


def normal_density(x: Any) -> Any:
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def distribution(x: Any) -> Any:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def ndtr(x: Any) -> Numbers:
    hermite = [1, -x, x**2 - 1, 3 * x - x**3]
    return [distribution(x), *[h * normal_density(x) for h in hermite]]


def log_ndtr(x: Any) -> Numbers:
    with mp.workdps(120):
        r = normal_density(x) / distribution(x)
        y = mp.log1p(-distribution(-x)) if x > 0 else mp.log(distribution(x))
        r1 = -r * (x + r)
        r2 = -r1 * (x + r) - r * (1 + r1)
        return [y, r, r1, r2, -r2 * (x + r) - 2 * r1 * (1 + r1) - r * r2]


def of_inverse(y: Any, slope: Any, twice: int) -> Numbers:
    """The derivatives of y, given that y'' = c y y'² with a constant c, `twice`."""
    second = twice * y * slope**2
    third = twice * slope**3 + 2 * twice * y * slope * second
    fourth = 5 * twice * slope**2 * second + 2 * twice * y * (second**2 + slope * third)
    return [y, slope, second, third, fourth]


def definition(name: str) -> Callable[..., Any]:
    exact = RULES[name].exact
    assert exact
    return lambda *xs: exact(mp, *xs)


def erfinv(x: Any) -> Numbers:
    y = definition("erfinv")(x)
    return of_inverse(y, mp.sqrt(mp.pi) / 2 * mp.exp(y * y), 2)


def erfcinv(x: Any) -> Numbers:
    y = definition("erfcinv")(x)
    return of_inverse(y, -mp.sqrt(mp.pi) / 2 * mp.exp(y * y), 2)


def ndtri(x: Any) -> Numbers:
    y = definition("ndtri")(x)
    return of_inverse(y, 1 / normal_density(y), 1)


def exact_psi(order: int, x: Any) -> Any:
    if x > -20:
        return mp.psi(order, x)
    offset, sign = x - mp.floor(x), (-1) ** order
    periodic = mp.psi(order, offset) - sign * mp.psi(order, 1 - offset)
    return sign * mp.psi(order, 1 - x) + periodic


def of_logarithm(y: Any, slopes: Numbers) -> Numbers:
    """The derivatives of y, given those of log y."""
    a, b, c, d = slopes
    second, third = a * a + b, a**3 + 3 * a * b + c
    fourth = a**4 + 6 * a * a * b + 3 * b * b + 4 * a * c + d
    return [y, y * a, y * second, y * third, y * fourth]


def gamma(x: Any) -> Numbers:
    return of_logarithm(definition("gamma")(x), [exact_psi(n, x) for n in range(4)])


def neighbours(function: Callable[..., Any], order: Any, x: Any, alternating: int) -> Numbers:
    """Derivatives as the differences, or sums, of the functions of the neighbouring orders."""
    return [
        mp.fsum(
            alternating**i * mp.binomial(k, i) * function(order - k + 2 * i, x)
            for i in range(k + 1)
        )
        / mp.mpf(2) ** k
        for k in range(5)
    ]


def of_positive_orders(function: Callable[..., Any], sign: int) -> Callable[..., Any]:
    """Bring negative whole orders of a Bessel function to positive ones, as mpmath is slow."""
    return lambda n, x: function(-n, x) * sign**n if n < 0 and n == int(n) else function(n, x)


def besselj(order: Any) -> Callable[[Any], Numbers]:
    return lambda x: neighbours(of_positive_orders(mp.besselj, -1), order, x, -1)


def bessely(order: int) -> Callable[[Any], Numbers]:
    def exact(x: Any) -> Numbers:
        return neighbours(by_recurrence(mp.bessely, -1, x), order, x, -1)

    return exact


def by_recurrence(function: Callable[..., Any], sign: int, x: Any) -> Callable[..., Any]:
    """A function of the second kind, which mpmath takes long for, from its orders 0 and 1."""
    known = [function(0, x), function(1, x)]
    for n in range(1, 6):
        known.append(2 * n / x * known[n] + sign * known[n - 1])
    return lambda n, x: known[n] if n >= 0 else known[-n] * sign**n


def besseli(order: Any) -> Callable[[Any], Numbers]:
    return lambda x: neighbours(of_positive_orders(mp.besseli, 1), order, x, 1)


def besselk(order: int) -> Callable[[Any], Numbers]:
    def exact(x: Any) -> Numbers:
        sums = neighbours(by_recurrence(mp.besselk, 1, x), order, x, 1)
        return [(-1) ** k * y for k, y in enumerate(sums)]

    return exact


def scaled_besseli(order: int) -> Callable[[Any], Numbers]:
    def exact(x: Any) -> Numbers:
        with mp.workdps(60 + 5 * max(0, int(mp.log10(abs(x))))):
            unscaled = besseli(order)(abs(x))
            sign = mp.sign(x)
            scaled = [
                mp.exp(-abs(x))
                * mp.fsum((-1) ** (n - i) * mp.binomial(n, i) * unscaled[i] for i in range(n + 1))
                for n in range(5)
            ]
            return [sign ** (n + order) * y for n, y in enumerate(scaled)]

    return exact


def of_density(y: Any, p: Any, t: Any, t1: Any, t2: Any) -> Numbers:
    """The derivatives of a distribution function, given those of its density's logarithm."""
    return [y, *of_logarithm(p, [t, t1, t2, 0])[:4]]


def gammainc(a: float, sign: int) -> Callable[[Any], Numbers]:
    def exact(x: Any) -> Numbers:
        p = sign * mp.exp((a - 1) * mp.log(x) - x - mp.loggamma(a))
        y = definition("gammainc" if sign > 0 else "gammaincc")(mp.mpf(a), x)
        c = mp.mpf(a) - 1
        return of_density(y, p, c / x - 1, -c / x**2, 2 * c / x**3)

    return exact


def betainc(a: float, b: float) -> Callable[[Any], Numbers]:
    def exact(x: Any) -> Numbers:
        c, d, z = mp.mpf(a) - 1, mp.mpf(b) - 1, 1 - x
        p = x**c * z**d / mp.beta(a, b)
        y = definition("betainc")(mp.mpf(a), mp.mpf(b), x)
        slopes = c / x - d / z, -c / x**2 - d / z**2, 2 * c / x**3 - 2 * d / z**3
        return of_density(y, p, *slopes)

    return exact


def zeta(s: float) -> Callable[[Any], Numbers]:
    return lambda q: [(-1) ** k * mp.rf(s, k) * mp.zeta(s + k, q) for k in range(5)]


# --- where, and how closely ----------------------------------------------------------------------


def magnitudes(smallest: float, largest: float) -> st.SearchStrategy[float]:
    return st.floats(smallest, largest).map(lambda power: float(10.0**power))


def signed(xs: st.SearchStrategy[float]) -> st.SearchStrategy[float]:
    return st.builds(lambda sign, x: sign * x, st.sampled_from([1.0, -1.0]), xs)


def near(*points: float, closest: float = -16.0) -> st.SearchStrategy[float]:
    steps = signed(magnitudes(closest, -0.5))
    return st.builds(lambda point, step: point + step, st.sampled_from(points), steps)


class Case(NamedTuple):
    """A function of one number, and how closely its value and three derivatives are held."""

    name: str
    fixed: tuple[float, ...]
    exact: Callable[[Any], Numbers]
    xs: st.SearchStrategy[float]
    bounds: tuple[float, float, float, float] = (1e-13, 1e-13, 1e-13, 1e-12)
    conditioned: tuple[int, ...] = ()


def within(lower: float, upper: float, xs: st.SearchStrategy[float]) -> st.SearchStrategy[float]:
    return xs.filter(lambda x: lower < x < upper)


POSITIVE = st.floats(1e-20, 8.0) | magnitudes(-20.0, 2.0) | st.floats(8.0, 300.0)
ALL = (0, 1, 2, 3)
BY_SCIPY = (1e-12, 1e-13, 1e-13, 1e-12)
INSIDE = st.floats(0.0, 1.0, exclude_min=True, exclude_max=True)

# fmt: off
CASES = [
    Case("ndtr", (), ndtr, st.floats(-37.0, 37.0) | signed(magnitudes(-20.0, 1.0)),
         conditioned=(2, 3)),
    Case("log_ndtr", (), log_ndtr,
         st.floats(-40.0, 37.5) | st.floats(-1e5, 0.0) | signed(magnitudes(-20.0, 1.5)),
         conditioned=(3,)),
    Case("erfinv", (), erfinv,
         within(-1.0, 1.0, st.floats(-1.0, 1.0) | near(0.0, 1.0, -1.0)
                | signed(magnitudes(-300.0, -1.0)))),
    Case("erfcinv", (), erfcinv,
         within(1e-307, 2.0, st.floats(0.0, 2.0) | near(1.0, 2.0) | magnitudes(-307.0, 0.0))),
    Case("ndtri", (), ndtri,
         within(1e-307, 1.0, st.floats(0.0, 1.0) | near(0.5, 1.0) | magnitudes(-307.0, 0.0))),
    Case("gamma", (), gamma, st.floats(1e-70, 171.0) | magnitudes(-70.0, 0.0)
         | st.floats(-170.0, 0.0).filter(lambda x: not x.is_integer())
         | near(-1.0, -2.0, -30.0, closest=-13.0), conditioned=(1, 3)),
    *[Case("zeta", (s,), zeta(s), magnitudes(-30.0, 30.0) | st.floats(0.1, 100.0))
      for s in (1.0625, 7.5)],
    *[Case(name, (a,), gammainc(a, sign),
           st.floats(1e-20, 3 * a + 10.0) | st.floats(0.9 * a, 1.1 * a) | POSITIVE,
           BY_SCIPY, conditioned=ALL)
      for a in (0.25, 1.0, 3.0, 40.0, 1e4) for name, sign in [("gammainc", 1), ("gammaincc", -1)]],
    *[Case("betainc", (a, b), betainc(a, b), INSIDE.filter(lambda x: x > 1e-100),
           BY_SCIPY, conditioned=ALL)
      for a, b in [(0.5, 0.5), (1.0, 3.0), (2.5, 40.0), (1e3, 300.0)]],
    Case("j0", (), besselj(0), signed(POSITIVE), conditioned=ALL),
    Case("j1", (), besselj(1), signed(POSITIVE), conditioned=ALL),
    *[Case("jv", (v,), besselj(v), POSITIVE, conditioned=ALL) for v in (0.5, 2.0, 7.25)],
    Case("y0", (), bessely(0), POSITIVE, conditioned=ALL),
    Case("y1", (), bessely(1), POSITIVE, conditioned=ALL),
    Case("i0", (), besseli(0), signed(POSITIVE)),
    Case("i1", (), besseli(1), signed(POSITIVE)),
    *[Case("iv", (v,), besseli(v), POSITIVE) for v in (0.5, 2.0, 7.25)],
    Case("i0e", (), scaled_besseli(0), signed(POSITIVE | magnitudes(1.0, 15.0))),
    Case("i1e", (), scaled_besseli(1), signed(POSITIVE | magnitudes(1.0, 15.0)),
         conditioned=(1, 2, 3)),
    Case("k0", (), besselk(0), POSITIVE),
    Case("k1", (), besselk(1), POSITIVE),
]
# fmt: on
SMALLEST_BY_SCIPY = 1e-250
"""Towards the end of the range of floats SciPy's incomplete functions lose digits."""


def derivatives(function: Callable[[Any], Any], x: float) -> list[float]:
    found = [function(x)]
    for _ in range(3):
        function = grad(function)
        found.append(function(x))
    return found


def check(case: Case, x: float) -> None:
    function = getattr(autograd, case.name)
    found = derivatives(lambda x: function(*case.fixed, x), x)
    exact = case.exact(mp.mpf(x))
    for order, (y, bound) in enumerate(zip(found, case.bounds, strict=True)):
        scale = abs(exact[order])
        if order in case.conditioned:
            scale = max(scale, abs(x * exact[order + 1]))
        if scale > LARGEST / 8 or (case.bounds is BY_SCIPY and scale < SMALLEST_BY_SCIPY):
            continue
        error = abs(mp.mpf(y) - exact[order])
        assert error <= bound * scale + SMALLEST_NORMAL, (
            f"{case.name}{(*case.fixed, x)}, order {order}: {y!r}, exact {mp.nstr(exact[order])}, "
            f"off by {float(error / scale):.2g}"
        )


@pytest.mark.no_cover
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@settings(max_examples=settings().max_examples // 10)
@given(st.data())
def test_derivatives_up_to_the_third(case: Case, data: st.DataObject) -> None:
    check(case, data.draw(case.xs))


# --- of two numbers ------------------------------------------------------------------------------


def exact_difference(order: int, a: Any, b: Any) -> Any:
    return exact_psi(order, a) - exact_psi(order, a + b)


def tower(function: Callable[..., Any], places: Sequence[int], xs: Sequence[float]) -> float:
    """A derivative in one place after the other."""
    for place in places:
        function = grad(function, argnums=place)
    return float(function(*xs))


SHAPES = st.floats(0.01, 30.0) | magnitudes(-15.0, 15.0) | st.integers(1, 40).map(float)
NEGATIVE = st.floats(-60.0, 0.0).filter(lambda x: abs(x - round(x)) > 1e-6)


@pytest.mark.no_cover
@settings(max_examples=settings().max_examples // 5)
@given(SHAPES | NEGATIVE, SHAPES | NEGATIVE)
def test_beta_and_its_logarithm(a: float, b: float) -> None:
    total = a + b
    assume(total > 0 or abs(total - round(total)) > 1e-6)
    with mp.workdps(120):
        x, y = mp.mpf(a), mp.mpf(b)
        value, logarithm = definition("beta")(x, y), definition("betaln")(x, y)
        first, second = exact_difference(0, x, y), exact_difference(0, y, x)
        diagonal, third = exact_difference(1, x, y), exact_difference(2, x, y)
        sum1, sum2 = exact_psi(1, x + y), exact_psi(2, x + y)
        condition = abs(x * first) + abs(y * second)
        # how much a rounding of an operand changes the derivatives of the logarithm
        slack = abs(x * diagonal) + abs((x + y) * sum1)
        slack2 = abs(x * third) + abs((x + y) * sum2)
        strict = a > 0 and b > 0
        for places, exact, bound, scale in [
            ((), logarithm, 1e-14, condition),
            ((0,), first, 1e-13, 0 if strict else slack),
            ((0, 0), diagonal, 1e-13, 0 if strict else slack2),
            ((0, 1), -sum1, 1e-13, 0 if strict else abs((x + y) * sum2)),
            ((0, 0, 0), third, 1e-12, 0 if strict else mp.inf),
            ((0, 0, 1), -sum2, 1e-12, 0 if strict else mp.inf),
        ]:
            hold(autograd.betaln, places, (a, b), exact, bound, scale)
        if not 1e-280 < abs(value) < 1e280:
            return
        terms = abs(first * second) + abs(sum1)
        for places, exact, bound, scale in [
            ((), value, 1e-14, condition * value),
            ((0,), value * first, 1e-13, (condition * first + (0 if strict else slack)) * value),
            ((0, 0), value * (first**2 + diagonal), 1e-13,
             (condition * first**2 + (0 if strict else slack2 + first * slack)) * value),
            ((0, 1), value * (first * second - sum1), 1e-13, terms * (1 + condition) * value),
            ((0, 0, 0), value * (first**3 + 3 * first * diagonal + third), 1e-12,
             condition * first**3 * value if strict else mp.inf),
        ]:  # fmt: skip
            hold(autograd.beta, places, (a, b), exact, bound, scale)


def hold(
    function: Any,
    places: Sequence[int],
    xs: tuple[float, ...],
    exact: Any,
    bound: float,
    scale: Any,
) -> None:
    allowed = max(abs(exact), abs(scale))
    if allowed > LARGEST / 8:
        return
    y = tower(function, places, xs)
    assert abs(mp.mpf(y) - exact) <= bound * allowed + SMALLEST_NORMAL, (
        f"{function.__name__}{xs} in {places}: {y!r}, exact {mp.nstr(exact)}, "
        f"off by {float(abs(y - exact) / allowed):.2g}"
    )


# --- what is refused, and what SciPy is needed for -----------------------------------------------

PLAIN = [rule for rule in SPECIAL if rule.numbers_only]


@pytest.mark.parametrize("rule", PLAIN, ids=lambda rule: rule.name)
def test_a_derivative_that_is_not_known_is_refused(rule: Rule) -> None:
    function = getattr(autograd, rule.name)
    xs = [float(x) for x in SAMPLES[rule.name]]
    for place, name in enumerate(rule.operands):
        operands: list[Any] = [*xs]
        operands[place] = Value(xs[place])
        if name not in rule.fixed:
            assert isinstance(function(*operands), Value)
            continue
        refused = pytest.raises(TypeError, match=f"{rule.name}: {name} must be a plain number")
        with refused:
            function(*operands)
        with refused:
            grad(function, argnums=place)(*xs)


WITHOUT_SCIPY = """
import sys
sys.modules["scipy"] = None
import autograd
print(autograd.ndtri(0.5), autograd.beta(1.0, 2.0))
for name, xs in [("j0", (1.0,)), ("gammainc", (1.0, 2.0)), ("betainc", (1.0, 2.0, 0.5))]:
    for x in (xs[-1], autograd.Value(xs[-1])):
        try:
            getattr(autograd, name)(*xs[:-1], x)
        except ModuleNotFoundError as error:
            print(error)
"""


def test_without_scipy_the_names_are_there_and_say_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SCIPY], capture_output=True, text=True, check=True
    )
    first, *errors = done.stdout.splitlines()
    assert first == "0.0 0.5"
    assert len(errors) == 6
    for name, error in zip(["j0", "gammainc", "betainc"], errors[::2], strict=True):
        assert error.startswith(f"{name} is evaluated by SciPy: ")
        assert "pip install 'scalar-autograd[special]'" in error


def test_scipy_is_not_imported_before_it_is_needed() -> None:
    program = "import sys, autograd; autograd.gamma(2.0); print('scipy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


# --- ends of domains, kinks ----------------------------------------------------------------------


def test_second_derivatives_at_the_kink_are_nan() -> None:
    assert autograd.grad(autograd.i0e)(0.0) == 0.0
    assert autograd.grad(autograd.i1e)(0.0) == 0.5
    for function in (autograd.i0e, autograd.i1e):
        assert math.isnan(grad(grad(function))(0.0))


def test_densities_have_derivatives_at_the_ends() -> None:
    def of_gamma(x: Any) -> Any:
        return autograd.gammainc(3.0, x)  # x³ / 6 - …

    assert derivatives(of_gamma, 0.0)[:3] == [0.0, 0.0, 0.0]
    assert grad(grad(grad(of_gamma)))(0.0) == 1.0
    assert grad(grad(lambda x: autograd.betainc(2.0, 1.0, x)))(0.0) == 2.0
    assert grad(lambda x: autograd.gammainc(0.5, x))(0.0) == math.inf


OFF = [
    ("gamma", (), -2.0), ("ndtri", (), 1.5), ("erfinv", (), -1.5), ("erfcinv", (), 2.5),
    ("zeta", (2.0,), -0.5), ("gammainc", (1.0,), -1.0), ("betainc", (1.0, 2.0), 1.5),
    ("y0", (), -1.0), ("y1", (), -1.0), ("k0", (), -1.0), ("jv", (0.5,), -1.0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "fixed", "x"), OFF)
def test_off_the_domain(name: str, fixed: tuple[float, ...], x: float) -> None:
    def function(x: Any) -> Any:
        return getattr(autograd, name)(*fixed, x)

    for argument in (x, Value(x)):
        with pytest.raises(ValueError, match=name) as caught:
            function(argument)
        assert RULES[name].domain in str(caught.value)
    for backend in BACKENDS:
        assert math.isnan(compile(grad(function), backend=backend)(x))


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "rule",
    [rule for rule in SPECIAL if rule.name not in ("y0", "y1", "k1")],  # mpmath takes seconds
    ids=lambda rule: rule.name,
)
def test_a_gradient_check_passes(rule: Rule) -> None:
    fixed = len(rule.fixed)
    xs = [float(x) for x in SAMPLES[rule.name]]
    rest = [0.25 + 0.5 * x for x in xs[fixed:]]
    function = getattr(autograd, rule.name)
    assert autograd.gradcheck(lambda *rest: function(*xs[:fixed], *rest), *rest)


# --- compiled ------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("rule", SPECIAL, ids=lambda rule: rule.name)
def test_compiled_derivatives_are_the_recorded_ones(
    rule: Rule, backend: Literal["llvm", "numpy"]
) -> None:
    function = getattr(autograd, rule.name)
    fixed = len(rule.fixed)
    xs = [float(x) for x in SAMPLES[rule.name]]
    fixed_xs, rest = xs[:fixed], [0.25 + 0.5 * x for x in xs[fixed:]]

    def of_rest(*rest: Any) -> Any:
        return function(*fixed_xs, *rest)

    second = grad(grad(of_rest))
    compiled = compile(second, backend=backend)
    assert compiled(*rest) == pytest.approx(second(*rest), rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("x", [5e-324, 2e-308, 1e-305, 1e-200, 9e-9, -2e-308, -1e-200, -9e-9])
def test_bessel_functions_next_to_0(x: float) -> None:
    """SciPy gives 0 or nan there, or some digits less."""
    with mpmath.workdps(40):
        for order in (0.0, 1.0, 2.0, 3.0, 0.5, 20.0) if x > 0.0 else (0.0, 1.0, 2.0, 3.0):
            for name, exact in (("jv", mpmath.besselj), ("iv", mpmath.besseli)):
                y = RULES[name].evaluate(order, x)
                expected = exact(order, mpmath.mpf(x))
                assert abs(y - expected) <= 1e-14 * abs(expected) + 5e-324, (name, order)
    assert grad(autograd.i1)(x) == pytest.approx(0.5, rel=1e-14)
    assert grad(grad(autograd.i0))(x) == pytest.approx(0.5, rel=1e-14)
    assert compile(grad(autograd.i1))(x) == pytest.approx(0.5, rel=1e-14)
