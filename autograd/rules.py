"""The table of differentiable functions: one row each, to be read like a page of a formulary.

A row says how its function is evaluated on floats, and what its partial derivatives are. The
partials are expressions in ordinary arithmetic and in functions taken from a namespace `m`, so
the same row serves floats, recorded `Value`s, mpmath numbers and symbols. In a row

    y           is the function's own value: a partial may be cheaper, or more accurate, through it;
    x, x1, xs   are its operands;
    m           offers every named function of this table, without defaults for operands.

An expression may not branch on its operands: it uses `m.where`. Where Python's arithmetic would
raise although the function is defined (`sqrt` at 0), a partial is evaluated once more, on floats of
the extended real line, where 1/0 is infinite. Each row says how its formula avoids cancellation and
overflow, and which convention holds at a kink. `autograd.formulary` has further functions, in rows
of the same kind.
"""

from __future__ import annotations

import math
from functools import reduce
from operator import add, mul, neg

from autograd import formulas as f
from autograd import special
from autograd.formulas import LN2, LN10, TWO_OVER_SQRT_PI, over, unit_slope
from autograd.rule import EXTENDED, FLOATS, RULES, XS, XX, Rule, X, register

__all__ = ["RULES", "TABLE"]

# fmt: off
TABLE = (
    # --- arithmetic ---
    Rule("+", XX, lambda x1, x2: x1 + x2,
         lambda m, y, x1, x2: (1.0, 1.0)),
    Rule("-", XX, lambda x1, x2: x1 - x2,
         lambda m, y, x1, x2: (1.0, -1.0)),
    Rule("*", XX, mul,
         lambda m, y, x1, x2: (x2, x1)),
    Rule("/", XX, lambda x1, x2: x1 / x2,
         lambda m, y, x1, x2: (over(1.0, x2), over(-y, x2)),  # through y, as x2² may overflow
         domain="x2 != 0"),
    Rule("neg", X, lambda x: -x,
         lambda m, y, x: (-1.0,)),
    Rule("**", XX, f.power,
         lambda m, y, x1, x2: (
             f.power_slope(m, x1, x2),
             # 0 at x1 = 0; a negative base has integer exponents only, hence no derivative
             m.power_log_(1.0, x1, x2)),
         domain="x1 > 0, x1 = 0 with x2 >= 0, and x1 < 0 with an integer x2",
         kinks=f.power_kink,
         within=f.power_defined),
    Rule("//", XX, lambda x1, x2: x1 // x2,
         lambda m, y, x1, x2: (m.where(y == y, 0.0, math.nan),) * 2,  # 0 even at a jump
         domain="x2 != 0",
         kinks=lambda m, y, x1, x2: m.meets(x1 % x2, 0.0),
         within=lambda m, x1, x2: x2 != 0.0),
    Rule("%", XX, lambda x1, x2: x1 % x2,
         lambda m, y, x1, x2: (unit_slope(m, y), -(x1 // x2)),  # even at a jump
         domain="x2 != 0",
         kinks=lambda m, y, x1, x2: m.meets(y, 0.0),
         within=lambda m, x1, x2: x2 != 0.0),
    Rule("abs", X, abs,
         lambda m, y, x: (m.sign(x),),
         "The absolute value of x. Its derivative is `sign(x)`, which is 0 at 0.", ((-2.0,), 2.0),
         kinks=lambda m, y, x: m.meets(x, 0.0)),
    # --- exponentials and logarithms ---
    Rule("exp", X, math.exp,
         lambda m, y, x: (y,),
         "e to the power x. Its derivative is `exp(x)`.", ((0.0,), 1.0)),
    Rule("exp2", X, special.exp2,
         lambda m, y, x: (y * LN2,),
         "2 to the power x. Its derivative is `log(2) * exp2(x)`.", ((3.0,), 8.0)),
    Rule("expm1", X, math.expm1,
         lambda m, y, x: (m.exp(x),),
         "exp(x) - 1, accurate near 0. Its derivative is `exp(x)`.", ((0.0,), 0.0)),
    Rule("log", X, math.log,
         lambda m, y, x: (over(1.0, x),),
         "The natural logarithm of x. Its derivative is `1 / x`.", ((1.0,), 0.0), "x > 0",
         fused=lambda x: (math.log(x), (1.0 / x,)),
         within=lambda m, x: x > 0.0),
    Rule("log2", X, math.log2,
         lambda m, y, x: (over(1.0 / LN2, x),),
         "The logarithm of x to base 2. Its derivative is `1 / (log(2) * x)`.",
         ((8.0,), 3.0), "x > 0",
         fused=lambda x: (math.log2(x), (1.0 / LN2 / x,)),
         within=lambda m, x: x > 0.0),
    Rule("log10", X, math.log10,
         lambda m, y, x: (over(1.0 / LN10, x),),
         "The logarithm of x to base 10. Its derivative is `1 / (log(10) * x)`.",
         ((1000.0,), 3.0), "x > 0",
         fused=lambda x: (math.log10(x), (1.0 / LN10 / x,)),
         within=lambda m, x: x > 0.0),
    Rule("log1p", X, math.log1p,
         lambda m, y, x: (over(1.0, 1.0 + x),),
         "log(1 + x), accurate near 0. Its derivative is `1 / (1 + x)`.", ((0.0,), 0.0), "x > -1",
         fused=lambda x: (math.log1p(x), (1.0 / (1.0 + x),)),
         within=lambda m, x: x > -1.0),
    # --- powers and roots ---
    Rule("sqrt", X, math.sqrt,
         lambda m, y, x: (over(0.5, y + 0.0),),  # inf at -0 as well
         "The square root of x. Its derivative is `1 / (2 * sqrt(x))`, inf at 0.",
         ((9.0,), 3.0), "x >= 0",
         fused=lambda x: ((y := math.sqrt(x)), (0.5 / (y + 0.0),))),
    Rule("cbrt", X, special.cbrt,
         lambda m, y, x: (f.vanishing(m, y, lambda y: over(over(1.0, 3.0 * y), y)),),
         "The cube root of x. Its derivative is `1 / (3 * cbrt(x)**2)`, inf at 0.",
         ((-8.0,), -2.0),
         fused=lambda x: ((y := special.cbrt(x)), (1.0 / (3.0 * y) / y,))),
    Rule("square", X, lambda x: x * x,
         lambda m, y, x: (2.0 * x,),
         "x times x. Its derivative is `2 * x`.", ((3.0,), 9.0)),
    Rule("reciprocal", X, lambda x: 1.0 / x,
         lambda m, y, x: (over(-y, x),),
         "1 / x. Its derivative is `-1 / x**2`.", ((4.0,), 0.25), "x != 0",
         fused=lambda x: ((y := 1.0 / x), (-y / x,))),
    Rule("hypot", XX, math.hypot,
         lambda m, y, x1, x2: f.directions(m, y, (x1, x2)),
         "The length of the vector (x1, x2), without overflow. "
         "Its derivatives are `x1 / hypot(x1, x2)` and `x2 / hypot(x1, x2)`, 0 at (0, 0).",
         ((3.0, 4.0), 5.0),
         kinks=lambda m, y, x1, x2: m.meets(y, 0.0)),
    # --- trigonometry ---
    Rule("sin", X, math.sin,
         lambda m, y, x: (m.cos(x),),
         "The sine of x, an angle in radians. Its derivative is `cos(x)`.",
         ((0.0,), 0.0), "finite x"),
    Rule("cos", X, math.cos,
         lambda m, y, x: (-m.sin(x),),
         "The cosine of x, an angle in radians. Its derivative is `-sin(x)`.",
         ((0.0,), 1.0), "finite x"),
    Rule("tan", X, math.tan,
         lambda m, y, x: (1.0 + y * y,),
         "The tangent of x, an angle in radians. Its derivative is `1 + tan(x)**2`.",
         ((0.0,), 0.0), "finite x"),
    Rule("arcsin", X, math.asin,
         lambda m, y, x: (1.0 / m.sqrt(m.one_minus_square_(x)),),
         "The angle in radians, from -π/2 to π/2, whose sine is x. "
         "Its derivative is `1 / sqrt(1 - x**2)`, inf at -1 and 1.", ((0.0,), 0.0), "-1 <= x <= 1",
         fused=lambda x: (math.asin(x), (1.0 / math.sqrt((1.0 - x) * (1.0 + x)),))),
    Rule("arccos", X, math.acos,
         lambda m, y, x: (-1.0 / m.sqrt(m.one_minus_square_(x)),),
         "The angle in radians, from 0 to π, whose cosine is x. "
         "Its derivative is `-1 / sqrt(1 - x**2)`, -inf at -1 and 1.",
         ((1.0,), 0.0), "-1 <= x <= 1",
         fused=lambda x: (math.acos(x), (-1.0 / math.sqrt((1.0 - x) * (1.0 + x)),))),
    Rule("arctan", X, math.atan,
         lambda m, y, x: (m.lorentzian_(x),),
         "The angle in radians, from -π/2 to π/2, whose tangent is x. "
         "Its derivative is `1 / (1 + x**2)`.", ((0.0,), 0.0),
         fused=lambda x: (math.atan(x), (1.0 / (1.0 + x * x),))),
    Rule("arctan2", XX, math.atan2,
         lambda m, y, x1, x2: (
             over(over(x2, m.hypot(x1, x2)), m.hypot(x1, x2)),
             over(over(-x1, m.hypot(x1, x2)), m.hypot(x1, x2))),
         "The angle in radians, from -π to π, of the point with ordinate x1 and abscissa x2. "
         "Its derivatives are `x2 / (x1**2 + x2**2)` and `-x1 / (x1**2 + x2**2)`, nan at (0, 0).",
         ((0.0, 1.0), 0.0)),
    # --- hyperbolic functions ---
    Rule("sinh", X, math.sinh,
         lambda m, y, x: (m.cosh(x),),
         "The hyperbolic sine of x. Its derivative is `cosh(x)`.", ((0.0,), 0.0)),
    Rule("cosh", X, math.cosh,
         lambda m, y, x: (m.sinh(x),),
         "The hyperbolic cosine of x. Its derivative is `sinh(x)`.", ((0.0,), 1.0)),
    Rule("tanh", X, math.tanh,
         lambda m, y, x: (m.sech_squared_(x),),  # 1 - y² would cancel
         "The hyperbolic tangent of x. Its derivative is `1 - tanh(x)**2`.", ((0.0,), 0.0),
         fused=lambda x: (math.tanh(x), (f.sech_squared(x),))),
    Rule("arcsinh", X, math.asinh,
         lambda m, y, x: (f.vanishing(m, x, lambda x: over(1.0, m.hypot(1.0, x))),),
         "The number whose hyperbolic sine is x. Its derivative is `1 / sqrt(x**2 + 1)`.",
         ((0.0,), 0.0),
         fused=lambda x: (math.asinh(x), (1.0 / math.hypot(1.0, x),))),
    Rule("arccosh", X, math.acosh,
         lambda m, y, x: (f.vanishing(  # x² may overflow
             m, x, lambda x: over(over(1.0, m.sqrt(x - 1.0)), m.sqrt(x + 1.0)), sides=1),),
         "The number of at least 0 whose hyperbolic cosine is x. "
         "Its derivative is `1 / sqrt(x**2 - 1)`, inf at 1.", ((1.0,), 0.0), "x >= 1"),
    Rule("arctanh", X, math.atanh,
         lambda m, y, x: (1.0 / m.one_minus_square_(x),),
         "The number whose hyperbolic tangent is x. Its derivative is `1 / (1 - x**2)`.",
         ((0.0,), 0.0), "-1 < x < 1",
         fused=lambda x: (math.atanh(x), (1.0 / ((1.0 - x) * (1.0 + x)),)),
         within=lambda m, x: m.abs(x) < 1.0),
    # --- activations ---
    Rule("sigmoid", X, special.sigmoid,
         lambda m, y, x: (m.logistic_density_(x),),  # y (1 - y) would cancel
         "The logistic function, 1 / (1 + exp(-x)). "
         "Its derivative is `sigmoid(x) * (1 - sigmoid(x))`.", ((0.0,), 0.5),
         fused=lambda x: (special.sigmoid(x), (f.logistic_density(x),))),
    Rule("softplus", X, special.softplus,
         lambda m, y, x: (m.sigmoid(x),),
         "log(1 + exp(x)), without overflow. Its derivative is `sigmoid(x)`.", ((1000.0,), 1000.0)),
    Rule("logsigmoid", X, special.logsigmoid,
         lambda m, y, x: (m.sigmoid(-x),),
         "log(sigmoid(x)), without underflow. Its derivative is `sigmoid(-x)`.",
         ((-1000.0,), -1000.0)),
    Rule("relu", X, lambda x: 0.0 if x <= 0.0 else x,
         lambda m, y, x: (f.relu_slope(m, y, x),),
         "The larger of x and 0. Its derivative is `where(x > 0, 1, 0)`, which is 0 at 0.",
         ((-3.0,), 0.0),
         fused=lambda x: (
             (x, (1.0,)) if x > 0.0 else (0.0, (0.0,)) if x <= 0.0 else (x, (x,))),
         kinks=lambda m, y, x: m.meets(x, 0.0)),
    Rule("leaky_relu", ("x", "slope"), lambda x, slope: x if x > 0.0 else slope * x,
         lambda m, y, x, slope: (
             m.where(x > 0.0, 1.0, m.where(x <= 0.0, slope, y)),  # y is nan where x is
             m.where(x > 0.0, 0.0, m.where(x <= 0.0, x, y))),
         "x where it is positive, slope * x elsewhere. "
         "Its derivatives are `where(x > 0, 1, slope)`, which is the slope at 0, "
         "and `where(x > 0, 0, x)`. After Maas et al. (2013).",
         ((-3.0, 0.5), -1.5), defaults=(0.01,),
         kinks=lambda m, y, x, slope: f.bend(m, x, slope)),
    Rule("elu", ("x", "alpha"), lambda x, alpha: x if x > 0.0 else alpha * math.expm1(x),
         lambda m, y, x, alpha: (
             m.where(x > 0.0, 1.0, alpha * m.exp(m.where(x > 0.0, 0.0, x))),
             m.where(x > 0.0, 0.0, m.expm1(m.where(x > 0.0, 0.0, x)))),
         "x where it is positive, alpha * (exp(x) - 1) elsewhere. "
         "Its derivatives are `where(x > 0, 1, alpha * exp(x))`, which is alpha at 0, "
         "and `where(x > 0, 0, exp(x) - 1)`. After Clevert et al. (2016).",
         ((3.0, 1.0), 3.0), defaults=(1.0,),
         kinks=lambda m, y, x, alpha: f.bend(m, x, alpha)),
    Rule("gelu", X, special.gelu,
         lambda m, y, x: (f.gelu_slope(m, x),),
         "x times Φ(x), the standard normal distribution function (exact, by erfc). "
         "Its derivative is `erfc(-x / sqrt(2)) / 2 + x * exp(-(x**2) / 2) / sqrt(2 * pi)`. "
         "After Hendrycks and Gimpel (2016).",
         ((0.0,), 0.0),
         fused=lambda x: (special.gelu(x), (f.float_gelu_slope(x),))),
    Rule("silu", X, lambda x: x * special.sigmoid(x) if x != -math.inf else -0.0,
         lambda m, y, x: (m.sigmoid(x) + f.moment(m, x, m.logistic_density_(x)),),
         "x * sigmoid(x), also called swish. "
         "Its derivative is `sigmoid(x) * (1 + x * sigmoid(-x))`. After Elfwing et al. (2018).",
         ((0.0,), 0.0)),
    # --- special functions ---
    Rule("erf", X, math.erf,
         lambda m, y, x: (TWO_OVER_SQRT_PI * m.gaussian_(x),),
         "The error function of x, 2 / √π times the integral of exp(-t²) from 0 to x. "
         "Its derivative is `2 / sqrt(pi) * exp(-(x**2))`.", ((0.0,), 0.0),
         fused=lambda x: (math.erf(x), (TWO_OVER_SQRT_PI * math.exp(-x * x),))),
    Rule("erfc", X, math.erfc,
         lambda m, y, x: (-TWO_OVER_SQRT_PI * m.gaussian_(x),),
         "1 - erf(x), without cancellation. Its derivative is `-2 / sqrt(pi) * exp(-(x**2))`.",
         ((0.0,), 1.0),
         fused=lambda x: (math.erfc(x), (-TWO_OVER_SQRT_PI * math.exp(-x * x),))),
    Rule("lgamma", X, special.lgamma,
         lambda m, y, x: (m.digamma(x),),
         "The logarithm of the absolute value of the gamma function of x. "
         "Its derivative is `digamma(x)`.", ((1.0,), 0.0),
         "x other than 0, -1, -2, …", by_python=True,
         within=lambda m, x: (x > 0.0) | (m.floor(x) != x)),
    Rule("digamma", X, special.digamma,
         lambda m, y, x: (m.polygamma(1.0, x),),
         "The derivative of lgamma. Its own derivative is `polygamma(1, x)`.",
         ((1.0,), -0.5772156649015328), "x other than 0, -1, -2, …", by_python=True),
    Rule("polygamma", ("order", "x"), special.polygamma,
         lambda m, y, order, x: (0.0, m.polygamma(order + 1.0, x)),  # an order does not vary
         "The derivative of digamma of the given order, an integer from 0 to 1000. "
         "Its derivatives are `0`, for the order is fixed, and `polygamma(order + 1, x)`.",
         ((1, 1.0), 1.6449340668482264),
         "an integer order from 0 to 1000, x other than 0, -1, -2, …",
         by_python=True, fixed=("order",)),
    # --- steps, choices ---
    Rule("sign", X, f.sign,
         lambda m, y, x: (m.where(x == x, 0.0, math.nan),),
         "-1, 0 or 1, as x is negative, 0 or positive. Its derivative is `0`, even at 0.",
         ((-3.0,), -1.0),
         fused=lambda x: (f.sign(x), (0.0 if x == x else x,)),
         kinks=lambda m, y, x: m.meets(x, 0.0)),
    Rule("floor", X, f.floor,
         lambda m, y, x: (m.where(x == x, 0.0, math.nan),),
         "The greatest integer that is at most x. Its derivative is `0`, even at integers.",
         ((-1.5,), -2.0),
         fused=lambda x: (f.floor(x), (0.0 if x == x else x,)),
         kinks=lambda m, y, x: m.meets(x, y)),
    Rule("ceil", X, f.ceil,
         lambda m, y, x: (m.where(x == x, 0.0, math.nan),),
         "The least integer that is at least x. Its derivative is `0`, even at integers.",
         ((1.5,), 2.0),
         fused=lambda x: (f.ceil(x), (0.0 if x == x else x,)),
         kinks=lambda m, y, x: m.meets(x, y)),
    Rule("trunc", X, lambda x: f.floor(x) if x > 0.0 else f.ceil(x),
         lambda m, y, x: (m.where(x == x, 0.0, math.nan),),
         "x without its fraction. Its derivative is `0`, even at integers.", ((-1.5,), -1.0),
         kinks=lambda m, y, x: m.meets(x, y)),
    Rule("maximum", XX, f.maximum,
         lambda m, y, x1, x2: f.shares_of_two(m, y, x1, x2),
         "The larger of x1 and x2. Its derivatives are `where(x1 > x2, 1, 0)` and "
         "`where(x1 > x2, 0, 1)`; at a tie half of the derivative goes to each.",
         ((2.0, 3.0), 3.0),
         kinks=lambda m, y, x1, x2: m.meets(x1, x2)),
    Rule("minimum", XX, f.minimum,
         lambda m, y, x1, x2: f.shares_of_two(m, y, x2, x1),
         "The smaller of x1 and x2. Its derivatives are `where(x1 < x2, 1, 0)` and "
         "`where(x1 < x2, 0, 1)`; at a tie half of the derivative goes to each.",
         ((2.0, 3.0), 2.0),
         kinks=lambda m, y, x1, x2: m.meets(x1, x2)),
    Rule("clip", ("x", "lower", "upper"), f.clip,
         lambda m, y, x, lower, upper: f.clip_partials(m, y, x, lower, upper),
         "x kept between lower and upper. Its derivative is 1 in the operand that it equals, x "
         "or a bound, and 0 in the others; at a bound it is 1 in x.",
         ((5.0, 0.0, 1.0), 1.0), "lower <= upper",
         # y - y is nan off the domain, where partials of 1 and 0 would have derivatives of 0.
         kinks=lambda m, y, x, lower, upper: (
             m.meets(x, lower) + m.meets(x, upper) + m.meets(y - y, 1.0)),
         within=lambda m, x, lower, upper: lower <= upper),
    Rule("where", ("condition", "x1", "x2"), lambda condition, x1, x2: x1 if condition else x2,
         lambda m, y, condition, x1, x2: (
             0.0, m.where(condition, 1.0, 0.0), m.where(condition, 0.0, 1.0)),
         "x1 where the condition is true (not 0), and x2 elsewhere. "
         "Its derivative is 1 in the operand chosen, and 0 in the others.",
         ((True, 1.0, 2.0), 1.0), fixed=("condition",)),
    # --- of a sequence ---
    Rule("sum", XS, special.exact_sum,
         lambda m, y, *xs: (1.0,) * len(xs),
         "The sum of the xs, correctly rounded. Its derivative in each x is `1`.",
         ((1.0, 2.0, 3.0), 6.0),
         expanded=lambda m, *xs: reduce(add, xs)),
    Rule("mean", XS, f.mean,
         lambda m, y, *xs: (1.0 / len(xs),) * len(xs),
         "The arithmetic mean of the xs. Its derivative in each x is `1 / len(xs)`.",
         ((1.0, 2.0, 6.0), 3.0), "at least one operand",
         expanded=lambda m, *xs: reduce(add, xs) / len(xs)),
    Rule("prod", XS, special.prod,
         lambda m, y, *xs: f.products_of_others(m, y, xs),  # y / x would fail at a zero
         "The product of the xs. Its derivative in each x is the product of the others.",
         ((2.0, 3.0, 4.0), 24.0),
         expanded=lambda m, *xs: reduce(mul, xs)),
    Rule("norm", XS, math.hypot,
         lambda m, y, *xs: f.directions(m, y, xs),
         "The Euclidean length of the vector xs, without overflow. "
         "Its derivative in each x is `x / norm(xs)`, 0 at the zero vector.",
         ((2.0, 3.0, 6.0), 7.0),
         expanded=lambda m, *xs: m.sqrt(reduce(add, map(m.square, xs))),
         kinks=lambda m, y, *xs: m.meets(y, 0.0)),
    Rule("logsumexp", XS, special.logsumexp,
         lambda m, y, *xs: tuple(m.softmax(xs)),
         "log(exp(x1) + exp(x2) + …), without overflow. "
         "Its derivative in each x is `exp(x - logsumexp(xs))`, its share in the softmax.",
         ((1000.0, 0.0), 1000.0),
         "at least one operand",
         expanded=lambda m, *xs: m.log(reduce(add, map(m.exp, xs)))),
    Rule("softmax", XS, lambda *xs: special.softmax(xs)[0],  # a node for each x, that x first
         f.softmax_partials,
         "exp(x) / (exp(x1) + exp(x2) + …) for each x of the xs, without overflow.",
         None, "at least one operand",
         expanded=lambda m, *xs: m.exp(xs[0]) / reduce(add, map(m.exp, xs))),
    Rule("max", XS, f.largest,
         lambda m, y, *xs: f.shares(m, y, xs),
         "The largest of the xs. Its derivative is 1 in the largest x, and 0 in the others; "
         "at a tie it is shared equally.",
         ((1.0, 3.0, 2.0), 3.0), "at least one operand",
         expanded=lambda m, *xs: reduce(m.maximum, xs),
         kinks=lambda m, y, *xs: f.ties(m, y, xs)),
    Rule("min", XS, lambda *xs: -f.largest(*map(neg, xs)),
         lambda m, y, *xs: f.shares(m, y, xs),
         "The smallest of the xs. Its derivative is 1 in the smallest x, and 0 in the others; "
         "at a tie it is shared equally.",
         ((1.0, 3.0, 2.0), 1.0), "at least one operand",
         expanded=lambda m, *xs: reduce(m.minimum, xs),
         kinks=lambda m, y, *xs: f.ties(m, y, xs)),
    Rule("dot", ("*xs1", "*xs2"), f.dot,
         lambda m, y, *xs: (*xs[len(xs) // 2:], *xs[:len(xs) // 2]),
         "The sum of the products of the pairs from two sequences of one length.",
         expanded=lambda m, *xs: f.products_added(xs)),
    Rule("net", ("*weights", "*inputs", "bias"), f.net,
         lambda m, y, *xs: (*xs[len(xs) // 2:-1], *xs[:len(xs) // 2], 1.0),
         "The net input of a neuron: the dot product of weights and inputs, plus the bias.",
         expanded=lambda m, *xs: f.products_added(xs[:-1]) + xs[-1]),
)
# fmt: on

for _rule in TABLE:
    register(_rule)

# Functions whose operands or values are sequences, and the one whose overflow has its own sign.
FLOATS.softmax = EXTENDED.softmax = special.softmax
FLOATS.dot = EXTENDED.dot = lambda xs1, xs2: f.dot(*xs1, *xs2)
FLOATS.net = EXTENDED.net = lambda weights, inputs, bias: f.net(*weights, *inputs, bias)
EXTENDED.digamma = lambda x: f.polygamma(0.0, x)
EXTENDED.polygamma = f.polygamma
