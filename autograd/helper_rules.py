"""Rows that users do not call: helpers of partials, and operations that record derivatives."""

from __future__ import annotations

import math

from autograd import formulas as f
from autograd.formulas import INVERSE_SQRT_2PI
from autograd.rule import EXTENDED, FLOATS, XS, XX, Rule, X, register

__all__ = ["CHAIN_PRODUCT", "DETACHED", "HELPERS", "KINKED", "MASKED", "MEETS", "PRODUCTS"]

CHAIN_PRODUCT, MASKED, MEETS, KINKED, DETACHED = "·", "masked", "meets", "kinked", "detached"
PRODUCTS = frozenset({CHAIN_PRODUCT, MASKED})

# fmt: off
# Partials use these so that their own derivatives, of any order, are as accurate. Each adds where
# the textbook's formula would subtract. Names that end in _ are reserved for them.
HELPERS = (
    Rule("one_minus_square_", X, lambda x: (1.0 - x) * (1.0 + x),  # 1 - x² would cancel near ±1
         lambda m, y, x: (-2.0 * x,)),
    Rule("lorentzian_", X, lambda x: 1.0 / (1.0 + x * x),
         lambda m, y, x: (-2.0 * (f.moment(m, x, y) * y),)),
    Rule("gaussian_", X, lambda x: math.exp(-x * x),
         lambda m, y, x: (-2.0 * f.moment(m, x, y),)),
    Rule("normal_density_", X, lambda x: INVERSE_SQRT_2PI * math.exp(-0.5 * x * x),
         lambda m, y, x: (-f.moment(m, x, y),)),
    Rule("sech_squared_", X, f.sech_squared,
         lambda m, y, x: (-2.0 * y * m.tanh(x),)),
    Rule("logistic_density_", X, f.logistic_density,
         lambda m, y, x: (-y * m.tanh(0.5 * x),)),
    # For a vector's coordinates, with the chosen one first: the direction cosine of the first.
    Rule("direction_", XS, f.direction, f.direction_partials,
         kinks=lambda m, y, *xs: m.meets(m.norm(xs), 0.0)),
    # Functions of softmax shares: of the first operand's, of the first two, or of the first three.
    Rule("share_variance_", XS, f.on_floats(f.share_variance),
         f.share_variance_partials, primitive=f.share_variance),
    Rule("share_covariance_", XS, f.on_floats(f.share_covariance),
         f.share_covariance_partials, primitive=f.share_covariance),
    Rule("share_balance_", XS, f.on_floats(f.share_balance),
         f.share_balance_partials, primitive=f.share_balance),
    Rule("share_bend_", XS, f.on_floats(f.share_bend),
         f.share_bend_partials, primitive=f.share_bend),
    Rule("share_product_", XS, f.on_floats(f.share_product),
         f.share_product_partials, primitive=f.share_product),
    Rule("share_excess_", XS, f.on_floats(f.share_excess),
         f.share_excess_partials, primitive=f.share_excess),
    # The direction cosine of a vector's largest coordinate, given the sum of the others' squares.
    Rule("cosine_", ("x", "square"), lambda x, square: x / math.sqrt(x * x + square),
         f.cosine_partials),
    # x1**x2 log(x1)**count, the derivative of x1**x2 in x2 of order count; 0 at x1 = 0.
    Rule("power_log_", ("count", "x1", "x2"), f.power_log, f.power_log_partials),
)
# Operations that record comparisons of traced nodes, and derivatives of derivatives.
INTERNAL = (
    Rule("<", XX, lambda x1, x2: float(x1 < x2), lambda m, y, x1, x2: (0.0, 0.0)),
    Rule("<=", XX, lambda x1, x2: float(x1 <= x2), lambda m, y, x1, x2: (0.0, 0.0)),
    Rule("==", XX, lambda x1, x2: float(x1 == x2), lambda m, y, x1, x2: (0.0, 0.0)),
    Rule("!=", XX, lambda x1, x2: float(x1 != x2), lambda m, y, x1, x2: (0.0, 0.0)),
    Rule(">", XX, lambda x1, x2: float(x1 > x2), lambda m, y, x1, x2: (0.0, 0.0)),
    Rule(">=", XX, lambda x1, x2: float(x1 >= x2), lambda m, y, x1, x2: (0.0, 0.0)),
    # The product of the chain rule: a zero adjoint contributes nothing, whatever the other factor.
    # That is a convention for first derivatives; at the next order it is not known to hold.
    Rule(CHAIN_PRODUCT, XX, lambda x1, x2: x1 * x2 if x1 or math.isfinite(x2) else 0.0,
         lambda m, y, x1, x2: (
             m.where(x1 == 0.0, m.where(m.abs(x2) < math.inf, x2, math.nan), x2), x1)),
    # The same with a mask, whose 0 means that a branch is not taken: it turns even an infinity into
    # 0. (A nan remains: it may say that a compiled function left its domain.)
    Rule(MASKED, XX,
         lambda x1, x2: 0.0 if not (x2 if math.isinf(x1) else x1 or math.isfinite(x2)) else x1 * x2,
         lambda m, y, x1, x2: (x2, x1)),
    Rule(DETACHED, X, lambda x: x, lambda m, y, x: (0.0,)),
    # Whether two numbers are equal, or one is nan, for `kinks`; if so, its derivative is nan.
    Rule(MEETS, XX, lambda x1, x2: float(not (x1 < x2 or x1 > x2)),
         lambda m, y, x1, x2: (
             m.where(x1 < x2, 0.0, m.where(x1 > x2, 0.0, m.undefined_(y))),) * 2),
    # A contribution of the chain rule, given the adjoint that it is a multiple of, and whether its
    # node is at a kink. If so, its derivative is nan in whatever the adjoint depends on, and also
    # in whatever the kink depends on, unless the adjoint is 0 and the kink is not infinite.
    Rule(KINKED, ("contribution", "adjoint", "kink"), lambda x, adjoint, kink: x,
         lambda m, y, x, adjoint, kink: (
             1.0,
             m.where(kink, m.undefined_(kink), 0.0),
             m.where(kink, m.where(
                 adjoint == 0.0, m.where(kink == math.inf, math.nan, 0.0), m.undefined_(kink)),
                 0.0))),
)
# fmt: on

for _rule in (*HELPERS, *INTERNAL):
    register(_rule)
for _namespace in (FLOATS, EXTENDED):  # of Values, see `partials`
    _namespace.undefined_ = lambda x: math.nan
