"""Definitions of the table's functions, for rows that are not primitive operations.

Each definition gives the values of its row's evaluation on floats, without branches: a choice is a
`where`, and both of its sides are computed. Off the row's domain the result is infinite or nan.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from autograd.at_once import exp_of_difference, scaled, within_range
from autograd.functions import ceil, erfc, exp, expm1, floor, log, log1p, sqrt, where
from autograd.functions import max as largest_of
from autograd.functions import sum as total
from autograd.rule import VALUES
from autograd.special import SQRT_HALF, SQRT_HALF_HEAD, SQRT_HALF_TAIL, leading_half

__all__ = ["DEFINITIONS"]

INVERSE_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)
TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)


def _square(x: Any) -> Any:
    return x * x


def _reciprocal(x: Any) -> Any:
    return 1.0 / x


def _maximum(x1: Any, x2: Any) -> Any:
    return where(x1 > x2, x1, where(x1 != x1, x1, x2))  # a nan wins


def _minimum(x1: Any, x2: Any) -> Any:
    return where(x1 < x2, x1, where(x1 != x1, x1, x2))


def _sign(x: Any) -> Any:
    return where(x > 0.0, 1.0, where(x < 0.0, -1.0, where(x == 0.0, 0.0, x)))


def _trunc(x: Any) -> Any:
    return where(x > 0.0, floor(x), ceil(x))


def _one_minus_square(x: Any) -> Any:
    return (1.0 - x) * (1.0 + x)


def _lorentzian(x: Any) -> Any:
    return 1.0 / (1.0 + x * x)


def _power_log(count: Any, x1: Any, x2: Any) -> Any:
    power = x1**x2
    at_most_zero = where(x1 == 0.0, 0.0 * power, math.nan)
    return where(count == 0.0, power, where(x1 > 0.0, power * log(x1) ** count, at_most_zero))


def _clip(x: Any, lower: Any, upper: Any) -> Any:
    inside = where(x < lower, lower, where(x > upper, upper, x))
    return where(lower <= upper, inside, math.nan)


# --- activations: by the exponential of -|x|, which never overflows ------------------------------


def _sigmoid(x: Any) -> Any:
    e = exp(-abs(x))
    r = 1.0 / (1.0 + e)
    return where(x >= 0.0, r, e * r)


def _sech_squared(x: Any) -> Any:
    e = exp(-2.0 * abs(x))
    r = 2.0 / (1.0 + e)
    return e * r * r


def _logistic_density(x: Any) -> Any:
    e = exp(-abs(x))
    r = 1.0 / (1.0 + e)
    return e * r * r


def _gaussian(x: Any) -> Any:
    return exp(-x * x)


def _normal_density(x: Any) -> Any:
    return INVERSE_SQRT_2PI * exp(-0.5 * x * x)


def _softplus(x: Any) -> Any:
    return _relu(x) + log1p(exp(-abs(x)))


def _logsigmoid(x: Any) -> Any:
    return -_softplus(-x)


def _relu(x: Any) -> Any:
    return where(x <= 0.0, 0.0, x)


def _leaky_relu(x: Any, slope: Any) -> Any:
    return where(x > 0.0, x, slope * x)


def _elu(x: Any, alpha: Any) -> Any:
    return where(x > 0.0, x, alpha * expm1(x))


def _gelu(x: Any) -> Any:
    """As `special.gelu`, with the rounding error of erfc's argument taken out in the left tail."""
    t = -SQRT_HALF * x
    head = leading_half(-x)
    error = (head * SQRT_HALF_HEAD - t) + (-x - head) * SQRT_HALF_HEAD - x * SQRT_HALF_TAIL
    correction = where(x < -1.0, error * exp(-t * t) * TWO_OVER_SQRT_PI, 0.0)
    return where(x < -40.0, -0.0, 0.5 * x * (erfc(t) - correction))


def _silu(x: Any) -> Any:
    return where(x == -math.inf, -0.0, x * _sigmoid(x))


# --- lengths: scaled by the largest operand, so that no square over- or underflows ---------------


def _norm(*xs: Any) -> Any:
    sizes = [abs(x) for x in xs]
    largest = largest_of(sizes)
    scale = where(largest == 0.0, 1.0, largest)
    length = largest * sqrt(total([_square(size / scale) for size in sizes]))
    infinite = total([where(size == math.inf, 1.0, 0.0) for size in sizes])
    return where(infinite > 0.0, math.inf, length)  # even if another operand is nan


def _hypot(x1: Any, x2: Any) -> Any:
    return _norm(x1, x2)


def _direction(x: Any, *xs: Any) -> Any:
    """The direction of the first coordinate; it is repeated among the others."""
    length = _norm(*xs)
    return x / where(length == 0.0, math.inf, length)


# --- of a sequence -------------------------------------------------------------------------------


def _mean(*xs: Any) -> Any:
    return total(xs) / float(len(xs))


def _prod(*xs: Any) -> Any:
    """Multiply, taking out powers of two where a partial product would over- or underflow."""
    product, exponent = within_range(VALUES, 1.0, 0.0)
    for x in xs:
        factor, shift = within_range(VALUES, x, 0.0)
        product, exponent = within_range(VALUES, product * factor, exponent + shift)
    return scaled(VALUES, product, exponent)


def _logsumexp(*xs: Any) -> Any:
    """Factor out the largest exponential, and leave the 1 that remains of it to log1p."""
    largest = largest_of(xs)
    equal = [where(x == largest, 1.0, 0.0) for x in xs]
    others = [where(x == largest, 0.0, exp(x - largest)) for x in xs]
    rest = (total(equal) - 1.0) + total(others)
    return where(abs(largest) == math.inf, largest, largest + log1p(rest))


def _softmax(x: Any, *xs: Any) -> Any:
    """The share of the first operand; it is repeated among the others."""
    largest = largest_of(xs)
    total_ = total([exp_of_difference(VALUES, x, largest) for x in xs])
    return exp_of_difference(VALUES, x, largest) / total_


DEFINITIONS: dict[str, Callable[..., Any]] = {
    "square": _square,
    "reciprocal": _reciprocal,
    "hypot": _hypot,
    "maximum": _maximum,
    "minimum": _minimum,
    "sign": _sign,
    "trunc": _trunc,
    "clip": _clip,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "logsigmoid": _logsigmoid,
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "gelu": _gelu,
    "silu": _silu,
    "norm": _norm,
    "mean": _mean,
    "prod": _prod,
    "logsumexp": _logsumexp,
    "softmax": _softmax,
    "one_minus_square_": _one_minus_square,
    "lorentzian_": _lorentzian,
    "gaussian_": _gaussian,
    "normal_density_": _normal_density,
    "sech_squared_": _sech_squared,
    "logistic_density_": _logistic_density,
    "direction_": _direction,
    "cosine_": lambda x, square: x / sqrt(x * x + square),
    "power_log_": _power_log,
}
