"""The special functions of the wider formulary: of probability, Euler's integrals, Bessel's.

Rows as in `autograd.rules`. Calling a function that SciPy evaluates needs the extra `special`.
"""

from __future__ import annotations

import math
from typing import Any

from autograd import eulerian, normal
from autograd.formulas import SQRT_HALF, over
from autograd.from_scipy import bessel, betainc, evaluated_by_scipy, scaled_bessel
from autograd.rule import Rule, X
from autograd.special import SQRT_HALF_HEAD, SQRT_HALF_TAIL, leading_half

__all__ = ["SPECIAL"]

inf = math.inf
LN2_LESS_EULER_GAMMA = 0.11593151565841244881
SQRT_2 = math.sqrt(2.0)
SQRT_2PI = math.sqrt(2.0 * math.pi)
HALF_SQRT_PI = 0.5 * math.sqrt(math.pi)
TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)


def _number_of(order: Any) -> Any:
    """The number of an operand that is held fixed, to compute another from."""
    return getattr(order, "data", order)


# --- the normal distribution ---------------------------------------------------------------------


def _ndtr_in_primitives(m: Any, x: Any) -> Any:
    """As `normal.ndtr`; in the left tail the rounding error of erfc's argument is corrected."""
    t = -SQRT_HALF * x
    head = leading_half(-x)
    error = (head * SQRT_HALF_HEAD - t) + (-x - head) * SQRT_HALF_HEAD - x * SQRT_HALF_TAIL
    correction = m.where(x < -1.0, error * m.exp(-t * t) * TWO_OVER_SQRT_PI, 0.0)
    return m.where(x < -40.0, 0.0, 0.5 * (m.erfc(t) - correction))


def _log_ndtr_in_primitives(m: Any, x: Any) -> Any:
    """As `normal.log_ndtr`, below -20 by the asymptotic series of the tail (A&S 26.2.12)."""
    tail = m.where(x < -20.0, x, -20.0)
    square = 1.0 / tail / tail
    series: Any = 0.0
    for k in range(12, 0, -1):
        series = -(2.0 * k - 1.0) * square * (1.0 + series)
    far = -0.5 * tail * tail - m.log(-tail * SQRT_2PI) + m.log1p(series)
    below, above = m.where(x < 0.0, x, 0.0), m.where(x > 0.0, -x, 0.0)
    near = m.where(x > 0.0, m.log1p(-m.ndtr(above)), m.log(m.ndtr(below)))
    return m.where(x < -20.0, far, m.where(x == x, near, x))


def _log_ndtr_partials(m: Any, y: Any, x: Any) -> tuple[Any]:
    below, above = m.where(x < 0.0, x, 0.0), m.where(x < 0.0, 0.0, x)
    slope = m.normal_density_(above) / m.ndtr(above)
    return (m.where(x < 0.0, m.ndtr_excess(1.0, below) - below, slope),)


def _inverse_partial(m: Any, at_0: float, scale: float, distance: Any, tail: Any, x: Any) -> Any:
    """at_0 exp(d²/2), at a distance d from the middle, by the tail beyond it: next to 0, x.

    φ(d) is the tail's probability times the hazard d + ndtr_excess(1, -d), which keeps more digits
    than exp(-d²/2) does, except for d close to 0.
    """
    is_near = distance < 1.0
    near = m.where(is_near, distance, 0.0)
    far = over(1.0 / ((distance + m.ndtr_excess(1.0, -distance)) * scale), tail)
    # Where it is too large for a float, a quotient has further derivatives of the right signs.
    far = m.where(far == inf, inf / x, far)
    return m.where(is_near, at_0 * m.exp(0.5 * near * near), far)


def _ndtri_partials(m: Any, y: Any, x: Any) -> tuple[Any]:
    distance, tail = m.where(x < 0.5, -y, y), m.where(x < 0.5, x, 1.0 - x)
    return (_inverse_partial(m, SQRT_2PI, 1.0, distance, tail, x),)


def _erfcinv_partials(m: Any, y: Any, x: Any) -> tuple[Any]:
    distance, tail = m.where(x < 1.0, y, -y), m.where(x < 1.0, x, 2.0 - x)
    return (-_inverse_partial(m, HALF_SQRT_PI, SQRT_2, SQRT_2 * distance, tail, x),)


def _exact_ndtr(mp: Any, x: Any) -> Any:
    return mp.erfc(-x / mp.sqrt(2)) / 2 if x > -1e6 else mp.zero  # far below a float's range


def _exact_log_ndtr(mp: Any, x: Any) -> Any:
    if x > 0:
        return mp.log1p(-_exact_ndtr(mp, -x))
    if x > -1e6:
        return mp.log(_exact_ndtr(mp, x))
    series, term = mp.zero, mp.one
    for k in range(1, 200):
        term *= -(2 * k - 1) / x**2
        if abs(term) < mp.eps:
            break
        series += term
    return -(x**2) / 2 - mp.log(-x) - mp.log(2 * mp.pi) / 2 + mp.log1p(series)


def _exact_inverse(mp: Any, x: Any, step_from: Any) -> Any:
    """Newton's method from a point from which it converges."""
    for _ in range(200):
        step = step_from(x)
        x += step
        if abs(step) <= mp.ldexp(abs(x), -(mp.prec // 2) - 8):
            break
    return x


def _exact_erfinv(mp: Any, x: Any) -> Any:
    if 2 * abs(x) > 1:
        return mp.sign(x) * -_exact_ndtri(mp, (1 - abs(x)) / 2) / mp.sqrt(2)
    scale = mp.sqrt(mp.pi) / 2
    return _exact_inverse(mp, x * scale, lambda y: (x - mp.erf(y)) * mp.exp(y * y) * scale)


def _exact_ndtri(mp: Any, p: Any) -> Any:
    """In the tails through log Φ, from below."""
    if not 0 < p < 1:
        raise ValueError("no quantile")
    if 4 * abs(p - mp.mpf(1) / 2) < 1:
        return mp.sqrt(2) * _exact_erfinv(mp, 2 * p - 1)
    tail = min(p, 1 - p)
    target = mp.log(tail)

    def step(x: Any) -> Any:
        probability = _exact_ndtr(mp, x)
        density = mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)
        return (target - mp.log(probability)) * probability / density

    root = _exact_inverse(mp, -mp.sqrt(-2 * target), step)
    return root if 2 * p < 1 else -root


def _exact_ndtr_excess(mp: Any, order: Any, x: Any) -> Any:
    """By Taylor coefficients of the hazard, from its differential equation."""
    if order != int(order) or order < 1:
        raise ValueError("no order")
    with mp.workprec(mp.prec + 40 * (8 + max(0, mp.mag(x) if x else 0))):
        if x < -1e6:  # by Laplace's continued fraction
            hazard = -x
            for k in range(60, 0, -1):
                hazard = -x + k / hazard
        else:
            hazard = mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi) / _exact_ndtr(mp, x)
        hazards, excesses = [hazard], [x + hazard]
        for k in range(int(order) - 1):
            terms = [hazards[i] * excesses[k - i] for i in range(k + 1)]
            hazards.append(-mp.fsum(terms) / (k + 1))
            excesses.append(hazards[-1] + (1 if k == 0 else 0))
        return excesses[-1] * mp.factorial(int(order) - 1)


# --- Euler's integrals ---------------------------------------------------------------------------


def _exact_gamma(mp: Any, x: Any) -> Any:
    if x < 0 and x > -1e6:
        return mp.pi / mp.sinpi(x) / mp.gamma(1 - x)
    return mp.gamma(x) if x > 0 else mp.zero


def _exact_lgamma(mp: Any, x: Any) -> Any:
    """The logarithm of |Γ|, and the sign of Γ, for x that is not a pole."""
    if x > 0:
        return mp.loggamma(x), 1
    sine = mp.sinpi(x)
    return mp.log(mp.pi / abs(sine)) - mp.loggamma(1 - x), mp.sign(sine)


def _exact_betaln(mp: Any, a: Any, b: Any) -> Any:
    return _exact_lgamma(mp, a)[0] + _exact_lgamma(mp, b)[0] - _exact_lgamma(mp, a + b)[0]


def _exact_beta(mp: Any, a: Any, b: Any) -> Any:
    total = a + b
    (first, sign1), (second, sign2) = _exact_lgamma(mp, a), _exact_lgamma(mp, b)
    if total <= 0 and total == int(total):
        return mp.zero
    third, sign3 = _exact_lgamma(mp, total)
    return mp.exp(first + second - third) * sign1 * sign2 * sign3


def _exact_polygamma(mp: Any, order: Any, x: Any) -> Any:
    if order != int(order) or order < 0:
        raise ValueError("no order")
    n = int(order)
    if x > -20:
        return mp.psi(n, x)
    offset, sign = x - mp.floor(x), (-1) ** n
    periodic = mp.psi(n, offset) - sign * mp.psi(n, 1 - offset)
    return sign * mp.psi(n, 1 - x) + periodic


def _is_no_pole(m: Any, x: Any) -> Any:
    return (x > 0.0) | (m.floor(x) != x)


def _has_real_bessel(m: Any, order: Any, x: Any) -> Any:
    return (x >= 0.0) | _number_of(order).is_integer()


def _slope_of_gamma_density(m: Any, y: Any, a: Any, x: Any) -> Any:
    slope = y * ((a - 1.0) / x - 1.0)
    if a > 1.0:  # towards 0, where y may underflow although its derivatives do not
        return m.where(x < 0.5, m.gamma_density(a - 1.0, x) - y, slope)
    return slope


def _slope_of_beta_density(m: Any, y: Any, a: Any, b: Any, x: Any) -> Any:
    at_0, at_1 = (a - 1.0) / x, (b - 1.0) / (1.0 - x)
    slope = y * (at_0 - at_1)
    if a > 1.0:  # towards the ends, as in gamma_density
        other = (a + b - 1.0) * m.beta_density(a - 1.0, b, x) - y * at_1
        slope = m.where(x < 0.25, other, slope)
    if b > 1.0:
        other = y * at_0 - (a + b - 1.0) * m.beta_density(a, b - 1.0, x)
        slope = m.where(x > 0.75, other, slope)
    return slope


def _slope_of_i1e(m: Any, y: Any, x: Any) -> Any:
    is_far = m.abs(x) > 1e17  # there it behaves like x**-(3/2), and the terms of the sum underflow
    size = m.where(is_far, 1.0, m.abs(x))
    near = m.scaled_bessel(0.0, 1.0, size) + size * m.scaled_bessel(1.0, 1.0, size)
    return m.where(is_far, -0.5 * y / m.where(is_far, x, 1.0), near)


# fmt: off
SPECIAL: tuple[Rule, ...] = (
    # --- the normal distribution ---
    Rule("ndtr", X, normal.ndtr,
         lambda m, y, x: (m.normal_density_(x),),
         "Φ(x), the standard normal distribution function. "
         "Its derivative is `exp(-(x**2) / 2) / sqrt(2 * pi)`.", ((0.0,), 0.5),
         primitive=_ndtr_in_primitives, exact=_exact_ndtr),
    Rule("log_ndtr", X, normal.log_ndtr, _log_ndtr_partials,
         "log Φ(x), the logarithm of the standard normal distribution function, even where Φ(x) "
         "underflows. Its derivative is `exp(-(x**2) / 2) / sqrt(2 * pi) / ndtr(x)`.",
         ((0.0,), -0.6931471805599453),
         primitive=_log_ndtr_in_primitives, exact=_exact_log_ndtr),
    Rule("ndtr_excess", ("order", "x"), normal.excess,
         lambda m, y, order, x: (0.0, m.ndtr_excess(_number_of(order) + 1.0, x)),
         "The derivative of log Φ(x) + x²/2 of the given order, an integer from 1 to 16. It is the "
         "cumulant of that order of the excess of a standard normal variable over -x, given that "
         "it exceeds -x. "
         "Its derivative in x is `ndtr_excess(order + 1, x)`; the order is a plain number.",
         ((1, -1e9), 1e-9), "an integer order from 1 to 16",
         by_python=True, exact=_exact_ndtr_excess, fixed=("order",), numbers_only=True,
         smooth=(((1.0, 1.0), (2.0, 2.0), (3.0, 3.0)), ((-inf, inf),))),
    Rule("ndtri", X, normal.ndtri, _ndtri_partials,
         "The inverse of ndtr. Its derivative is `sqrt(2 * pi) * exp(ndtri(x)**2 / 2)`.",
         ((0.5,), 0.0), "0 < x < 1",
         by_python=True, exact=_exact_ndtri, smooth=(((0.0, 1.0),),)),
    Rule("erfinv", X, normal.erfinv,
         lambda m, y, x: (HALF_SQRT_PI * m.exp(y * y),),
         "The inverse of erf. Its derivative is `sqrt(pi) / 2 * exp(erfinv(x)**2)`.",
         ((0.0,), 0.0), "-1 < x < 1",
         by_python=True, smooth=(((-1.0, 1.0),),),
         exact=_exact_erfinv),
    Rule("erfcinv", X, normal.erfcinv, _erfcinv_partials,
         "The inverse of erfc. Its derivative is `-sqrt(pi) / 2 * exp(erfcinv(x)**2)`.",
         ((1.0,), 0.0), "0 < x < 2",
         by_python=True, smooth=(((0.0, 2.0),),),
         exact=lambda mp, x: -_exact_ndtri(mp, x / 2) / mp.sqrt(2)),
    # --- Euler's integrals ---
    Rule("gamma", X, eulerian.gamma,
         lambda m, y, x: (  # at infinity, where further derivatives meet 0 times an infinity, y
             m.where(x == inf, y, y * m.digamma(m.where(x == inf, 2.0, x))),),
         "The gamma function of x. Its derivative is `gamma(x) * digamma(x)`.",
         ((5.0,), 24.0), "x other than 0, -1, -2, …",
         by_python=True, exact=_exact_gamma, smooth=((
             (0.0, inf), (-1.0, 0.0), (-2.0, -1.0), (-3.0, -2.0)),)),
    Rule("beta", ("a", "b"), eulerian.beta,
         lambda m, y, a, b: (
             -y * m.polygamma_difference(0.0, a, b), -y * m.polygamma_difference(0.0, b, a)),
         "Γ(a) Γ(b) / Γ(a + b). Its derivatives are `beta(a, b) * (digamma(a) - digamma(a + b))` "
         "and `beta(a, b) * (digamma(b) - digamma(a + b))`, nan where a + b is 0, -1, -2, …",
         ((2.0, 2.0), 0.16666666666666666), "a and b other than 0, -1, -2, …",
         by_python=True, exact=_exact_beta, smooth=(((0.0, inf),), ((0.0, inf),))),
    Rule("betaln", ("a", "b"), eulerian.betaln,
         lambda m, y, a, b: (
             -m.polygamma_difference(0.0, a, b), -m.polygamma_difference(0.0, b, a)),
         "The logarithm of the absolute value of beta. Its derivatives are "
         "`digamma(a) - digamma(a + b)` and `digamma(b) - digamma(a + b)`.",
         ((1.0, 1.0), 0.0), "a, b and a + b other than 0, -1, -2, …",
         by_python=True, exact=_exact_betaln, smooth=(((0.0, inf),), ((0.0, inf),)),
         within=lambda m, a, b: _is_no_pole(m, a) & _is_no_pole(m, b) & _is_no_pole(m, a + b)),
    Rule("polygamma_difference", ("order", "x", "step"), eulerian.polygamma_difference,
         lambda m, y, order, x, step: (
             0.0,
             m.polygamma_difference(_number_of(order) + 1.0, x, step),
             m.polygamma(_number_of(order) + 1.0, x + step)),
         "polygamma(order, x + step) - polygamma(order, x), even where it would cancel. The order "
         "is an integer from 0 to 16, a plain number. Its derivatives are "
         "`polygamma(order + 1, x + step) - polygamma(order + 1, x)` in x and "
         "`polygamma(order + 1, x + step)` in the step.",
         ((0, 1.0, 1.0), 1.0),
         "an integer order from 0 to 16, x and x + step other than 0, -1, -2, …",
         by_python=True, fixed=("order",), numbers_only=True,
         smooth=(((0.0, 0.0), (1.0, 1.0), (2.0, 2.0)), ((0.0, inf),), ((0.0, inf),)),
         exact=lambda mp, order, x, step: (
             _exact_polygamma(mp, order, x + step) - _exact_polygamma(mp, order, x))),
    Rule("gamma_density", ("a", "x"), eulerian.gamma_density,
         lambda m, y, a, x: (0.0, _slope_of_gamma_density(m, y, _number_of(a), x)),
         "x**(a - 1) * exp(-x) / Γ(a), the density of the gamma distribution. Its derivative in x "
         "is `gamma_density(a, x) * ((a - 1) / x - 1)`; the shape a is a plain number.",
         ((1.0, 0.0), 1.0), "a > 0 and x >= 0, where it is finite",
         by_python=True, fixed=("a",), numbers_only=True,
         smooth=(((0.5, 4.0),), ((0.0, inf),)),
         exact=lambda mp, a, x: mp.exp((a - 1) * mp.log(x) - x - mp.loggamma(a))),
    Rule("beta_density", ("a", "b", "x"), eulerian.beta_density,
         lambda m, y, a, b, x: (
             0.0, 0.0, _slope_of_beta_density(m, y, _number_of(a), _number_of(b), x)),
         "x**(a - 1) * (1 - x)**(b - 1) / beta(a, b), the density of the beta distribution. Its "
         "derivative in x is `beta_density(a, b, x) * ((a - 1) / x - (b - 1) / (1 - x))`; "
         "the shapes a and b are plain numbers.",
         ((2.0, 2.0, 0.5), 1.5), "a > 0, b > 0 and 0 <= x <= 1, where it is finite",
         by_python=True, fixed=("a", "b"), numbers_only=True,
         smooth=(((0.5, 4.0),), ((0.5, 4.0),), ((0.0, 1.0),)),
         exact=lambda mp, a, b, x: (
             x**(a - 1) * (1 - x)**(b - 1) * mp.exp(-_exact_betaln(mp, a, b)))),
    Rule("gammainc", ("a", "x"),
         evaluated_by_scipy("gammainc", lambda a, x: 0.0 < a < inf and x >= 0.0),
         lambda m, y, a, x: (0.0, m.gamma_density(_number_of(a), x)),
         "The regularised lower incomplete gamma function. It is the distribution function of "
         "gamma_density, evaluated by SciPy. "
         "Its derivative in x is `gamma_density(a, x)`; the shape a is a plain number.",
         ((1.0, 0.0), 0.0), "a > 0 and x >= 0",
         by_python=True, fixed=("a",), numbers_only=True, smooth=(((0.5, 4.0),), ((0.0, inf),)),
         exact=lambda mp, a, x: mp.gammainc(a, 0, x, regularized=True)),
    Rule("gammaincc", ("a", "x"),
         evaluated_by_scipy("gammaincc", lambda a, x: 0.0 < a < inf and x >= 0.0),
         lambda m, y, a, x: (0.0, -m.gamma_density(_number_of(a), x)),
         "The regularised upper incomplete gamma function. It is 1 - gammainc(a, x), without "
         "cancellation, evaluated by SciPy. "
         "Its derivative in x is `-gamma_density(a, x)`; the shape a is a plain number.",
         ((1.0, 0.0), 1.0), "a > 0 and x >= 0",
         by_python=True, fixed=("a",), numbers_only=True, smooth=(((0.5, 4.0),), ((0.0, inf),)),
         exact=lambda mp, a, x: mp.gammainc(a, x, mp.inf, regularized=True)),
    Rule("betainc", ("a", "b", "x"), betainc,
         lambda m, y, a, b, x: (0.0, 0.0, m.beta_density(_number_of(a), _number_of(b), x)),
         "The regularised incomplete beta function. It is the distribution function of "
         "beta_density, evaluated by SciPy. "
         "Its derivative in x is `beta_density(a, b, x)`; the shapes a and b are plain numbers.",
         ((1.0, 1.0, 0.5), 0.5), "a > 0, b > 0 and 0 <= x <= 1",
         by_python=True, fixed=("a", "b"), numbers_only=True,
         smooth=(((0.5, 4.0),), ((0.5, 4.0),), ((0.0, 1.0),)),
         exact=lambda mp, a, b, x: mp.betainc(a, b, 0, x, regularized=True)),
    Rule("zeta", ("x", "q"), evaluated_by_scipy("zeta", lambda x, q: x > 1.0 and q > 0.0),
         lambda m, y, x, q: (0.0, -_number_of(x) * m.zeta(_number_of(x) + 1.0, q)),
         "Hurwitz's zeta function, the sum of (q + k)**-x over k = 0, 1, …; with q = 1, Riemann's. "
         "Evaluated by SciPy. "
         "Its derivative in q is `-x * zeta(x + 1, q)`; the exponent x is a plain number.",
         ((2.0, 1.0), 1.644934066848226), "x > 1 and q > 0",
         by_python=True, fixed=("x",), numbers_only=True, defaults=(1.0,),
         within=lambda m, x, q: (x > 1.0) & (q > 0.0),
         smooth=(((1.5, 8.0),), ((0.0, inf),)),
         exact=lambda mp, x, q: mp.zeta(x, q)),
    # --- Bessel functions: differences of neighbours, none of which cancels near 0 ---
    Rule("j0", X, evaluated_by_scipy("j0"),
         lambda m, y, x: (-m.j1(x),),
         "The Bessel function of the first kind of order 0, evaluated by SciPy. "
         "Its derivative is `-j1(x)`.", ((0.0,), 1.0), "finite x",
         by_python=True, exact=lambda mp, x: mp.besselj(0, x)),
    Rule("j1", X, evaluated_by_scipy("j1"),
         lambda m, y, x: (0.5 * (m.j0(x) - m.jv(2.0, x)),),
         "The Bessel function of the first kind of order 1, evaluated by SciPy. "
         "Its derivative is `(j0(x) - jv(2, x)) / 2`.", ((0.0,), 0.0), "finite x",
         by_python=True, exact=lambda mp, x: mp.besselj(1, x)),
    Rule("jv", ("order", "x"),
         bessel("jv"),
         lambda m, y, order, x: (
             0.0, 0.5 * (m.jv(_number_of(order) - 1.0, x) - m.jv(_number_of(order) + 1.0, x))),
         "The Bessel function of the first kind of a real order, evaluated by SciPy. Its "
         "derivative in x is `(jv(order - 1, x) - jv(order + 1, x)) / 2`; the order is a plain "
         "number.", ((0, 0.0), 1.0), "finite x, x >= 0 or an integer order",
         by_python=True, fixed=("order",), numbers_only=True,
         smooth=(((2.0, 2.0), (0.0, 3.0)), ((0.0, inf),)),
         exact=lambda mp, order, x: mp.besselj(order, x),
         within=_has_real_bessel),
    Rule("y0", X, evaluated_by_scipy("y0", lambda x: x > 0.0),
         lambda m, y, x: (-m.y1(x),),
         "The Bessel function of the second kind of order 0, evaluated by SciPy. "
         "Its derivative is `-y1(x)`.", ((1.0,), 0.08825696421567697), "finite x > 0",
         by_python=True, exact=lambda mp, x: mp.bessely(0, x), smooth=(((0.0, inf),),)),
    Rule("y1", X, evaluated_by_scipy("y1", lambda x: x > 0.0),
         lambda m, y, x: (m.y0(x) - over(y, x),),
         "The Bessel function of the second kind of order 1, evaluated by SciPy. "
         "Its derivative is `y0(x) - y1(x) / x`.", ((1.0,), -0.7812128213002888), "finite x > 0",
         by_python=True, exact=lambda mp, x: mp.bessely(1, x), smooth=(((0.0, inf),),)),
    Rule("i0", X, evaluated_by_scipy("i0"),
         lambda m, y, x: (m.i1(x),),
         "The modified Bessel function of the first kind of order 0, evaluated by SciPy. "
         "Its derivative is `i1(x)`.", ((0.0,), 1.0), "finite x",
         by_python=True, exact=lambda mp, x: mp.besseli(0, x), smooth=(((-4.0, 4.0),),)),
    Rule("i1", X, evaluated_by_scipy("i1"),
         lambda m, y, x: (0.5 * (m.i0(x) + m.iv(2.0, x)),),
         "The modified Bessel function of the first kind of order 1, evaluated by SciPy. "
         "Its derivative is `(i0(x) + iv(2, x)) / 2`.", ((0.0,), 0.0), "finite x",
         by_python=True, exact=lambda mp, x: mp.besseli(1, x), smooth=(((-4.0, 4.0),),)),
    Rule("iv", ("order", "x"),
         bessel("iv"),
         lambda m, y, order, x: (
             0.0, 0.5 * (m.iv(_number_of(order) - 1.0, x) + m.iv(_number_of(order) + 1.0, x))),
         "The modified Bessel function of the first kind of a real order, evaluated by SciPy. Its "
         "derivative in x is `(iv(order - 1, x) + iv(order + 1, x)) / 2`; the order is a plain "
         "number.", ((0, 0.0), 1.0), "finite x, x >= 0 or an integer order",
         by_python=True, fixed=("order",), numbers_only=True,
         smooth=(((2.0, 2.0), (0.0, 3.0)), ((0.0, 4.0),)),
         exact=lambda mp, order, x: mp.besseli(order, x),
         within=_has_real_bessel),
    Rule("i0e", X, evaluated_by_scipy("i0e"),
         lambda m, y, x: (m.sign(x) * m.scaled_bessel(1.0, 0.0, m.abs(x)),),
         "exp(-|x|) * i0(x), without overflow; evaluated by SciPy. "
         "Its derivative is `i1e(x) - sign(x) * i0e(x)`, which is 0 at 0.", ((0.0,), 1.0),
         by_python=True, exact=lambda mp, x: mp.exp(-abs(x)) * mp.besseli(0, x),
         kinks=lambda m, y, x: m.meets(x, 0.0),
         smooth=(((0.0, inf), (-inf, 0.0)),)),
    Rule("i1e", X, evaluated_by_scipy("i1e"),
         lambda m, y, x: (_slope_of_i1e(m, y, x),),
         "exp(-|x|) * i1(x), without overflow; evaluated by SciPy. "
         "Its derivative is `i0e(x) - i1e(x) * (sign(x) + 1 / x)`, which is 1/2 at 0.",
         ((0.0,), 0.0),
         by_python=True, exact=lambda mp, x: mp.exp(-abs(x)) * mp.besseli(1, x),
         kinks=lambda m, y, x: m.meets(x, 0.0),  # of the derivative
         smooth=(((0.0, inf), (-inf, 0.0)),)),
    Rule("scaled_bessel", ("order", "index", "x"), scaled_bessel,
         lambda m, y, order, index, x: (
             0.0, 0.0, m.scaled_bessel(_number_of(order) + 1.0, _number_of(index), x)),
         "A derivative of exp(-x) * iv(n, x) / x**n, for an index n of 0 or 1. It is that of the "
         "given order, an integer from 0 to 16. Its derivative in x is "
         "`scaled_bessel(order + 1, index, x)`; order and index do not vary.",
         ((0, 0, 0.0), 1.0), "an integer order from 0 to 16, an index of 0 or 1, x >= 0",
         by_python=True, fixed=("order", "index"), numbers_only=True,
         smooth=(((0.0, 0.0), (1.0, 1.0)), ((0.0, 0.0), (1.0, 1.0)), ((0.0, inf),)),
         exact=lambda mp, order, index, x: mp.diff(
             lambda x: mp.exp(-x) * mp.besseli(index, x) / x**index, x, int(order))),
    Rule("k0", X, evaluated_by_scipy(
             "k0", lambda x: x > 0.0, lambda x: LN2_LESS_EULER_GAMMA - math.log(x)),
         lambda m, y, x: (-m.k1(x),),
         "The modified Bessel function of the second kind of order 0, evaluated by SciPy. "
         "Its derivative is `-k1(x)`.", ((1.0,), 0.4210244382407082), "x > 0",
         by_python=True, exact=lambda mp, x: mp.besselk(0, x), smooth=(((0.0, inf),),)),
    Rule("k1", X, evaluated_by_scipy("k1", lambda x: x > 0.0, lambda x: 1.0 / x),
         lambda m, y, x: (-m.k0(x) - over(y, x),),
         "The modified Bessel function of the second kind of order 1, evaluated by SciPy. "
         "Its derivative is `-k0(x) - k1(x) / x`.", ((1.0,), 0.6019072301972346), "x > 0",
         by_python=True, exact=lambda mp, x: mp.besselk(1, x), smooth=(((0.0, inf),),)),
)
# fmt: on
