"""Planted faults that any library can run: functions with a wrong derivative, and cut graphs.

In a formula, `m` is the namespace of mathematics, `y` the function's own value.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import count
from operator import mul
from typing import Any

__all__ = ["PROGRAMS", "ROWS", "Program", "Row"]


@dataclass(frozen=True)
class Row:
    """A function whose derivative is stated by hand, wrongly.

    Attributes:
        name: An identifier.
        kind: The kind of fault.
        description: What is wrong, in a line.
        evaluate: `evaluate(m, *xs)`, the function.
        wrong: `wrong(m, y, *xs)`, a tuple of partial derivatives, not all of them right.
        right: The same, right: the healthy twin's.
        inputs: The point to check at; one list for a function of a sequence.
        use: `use(m, f, *inputs)`, what is checked: a function that makes use of the row.
        domain: Bounds between which a search must find a point where the derivative is wrong.
    """

    name: str
    kind: str
    description: str
    evaluate: Callable[..., Any]
    wrong: Callable[..., tuple[Any, ...]]
    right: Callable[..., tuple[Any, ...]]
    inputs: tuple[Any, ...]
    use: Callable[..., Any] = lambda m, f, *inputs: f(*inputs)
    domain: tuple[float, float] | None = None

    @property
    def of_sequence(self) -> bool:
        """Whether the function takes its operands as one sequence."""
        return isinstance(self.inputs[0], list)


@dataclass(frozen=True)
class Program:
    """A function of correct operations, put together so that its gradient is wrong.

    Attributes:
        name: An identifier.
        kind: The kind of fault.
        description: What is wrong, in a line.
        make: Makes the faulty function `f(m, *inputs)`, with a state of its own if it has any.
        healthy: The function as it should be.
        inputs: The point to check at.
    """

    name: str
    kind: str
    description: str
    make: Callable[[], Callable[..., Any]]
    healthy: Callable[..., Any]
    inputs: tuple[Any, ...]


# --- helpers of the formulas ---------------------------------------------------------------------

TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)
SLIGHTLY = 1.0 + 1e-6
COEFFICIENTS = [0.5 + 0.01 * i for i in range(200)]


def slightly(right: Callable[..., tuple[Any, ...]]) -> Callable[..., tuple[Any, ...]]:
    """Make the last partial derivative wrong by a millionth."""

    def wrong(m: Any, y: Any, *xs: Any) -> tuple[Any, ...]:
        *others, last = right(m, y, *xs)
        return (*others, last * SLIGHTLY)

    return wrong


def with_one(right: Callable[..., tuple[Any, ...]], at: int, factor: float) -> Callable[..., Any]:
    """Multiply one of the partial derivatives by a factor."""

    def wrong(m: Any, y: Any, *xs: Any) -> tuple[Any, ...]:
        return tuple(d * factor if i == at else d for i, d in enumerate(right(m, y, *xs)))

    return wrong


def weighted(weights: Sequence[float]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Give a linear function of many operands, and its partial derivatives."""
    return (
        lambda m, *xs: m.sum([w * x for w, x in zip(weights, xs, strict=True)]),
        lambda m, y, *xs: tuple(1.0 * w for w in weights),
    )


def exponentials(m: Any, *xs: Any) -> Any:
    return m.log(m.sum([m.exp(x) for x in xs]))


def shares(m: Any, y: Any, *xs: Any) -> tuple[Any, ...]:
    return tuple(m.exp(x - y) for x in xs)


def cross_entropy(m: Any, *logits: Any) -> Any:
    """The loss of the first class."""
    return exponentials(m, *logits) - logits[0]


def probabilities(m: Any, y: Any, *logits: Any) -> tuple[Any, ...]:
    total = m.sum([m.exp(x) for x in logits])
    return tuple(m.exp(x) / total for x in logits)


def bessel(m: Any, x: Any) -> Any:
    """Add up the first terms of the power series of the Bessel function of order 0."""
    quarter = -x * x / 4.0
    return sum((quarter**k / math.factorial(k) ** 2 for k in range(1, 12)), 1.0)


def bessel_slope(m: Any, x: Any) -> Any:
    quarter = -x * x / 4.0
    terms = (k * quarter ** (k - 1) / math.factorial(k) ** 2 for k in range(1, 12))
    return sum(terms, 0.0 * x) * (-x / 2.0)


def derivative_of(right: Callable[[Any, Any, Any], Any]) -> Callable[..., tuple[Any, ...]]:
    """Turn one derivative into the tuple of them."""
    return lambda m, y, x: (right(m, y, x),)


cosine = derivative_of(lambda m, y, x: m.cos(x))
itself = derivative_of(lambda m, y, x: y)
doubled = derivative_of(lambda m, y, x: 2.0 * x)
inverse = derivative_of(lambda m, y, x: 1.0 / x)
negative_quotient = derivative_of(lambda m, y, x: -y / x)
logistic = derivative_of(lambda m, y, x: m.sigmoid(x))
logistic_slope = derivative_of(lambda m, y, x: m.sigmoid(x) * m.sigmoid(-x))
bell = derivative_of(lambda m, y, x: 1.0 - y * y)
half_root = derivative_of(lambda m, y, x: 0.5 / y)


def product(m: Any, y: Any, x1: Any, x2: Any) -> tuple[Any, ...]:
    return x2, x1


def quotient(m: Any, y: Any, x1: Any, x2: Any) -> tuple[Any, ...]:
    return 1.0 / x2, -y / x2


def sigmoid(m: Any, x: Any) -> Any:
    return m.sigmoid(x)


def sine(m: Any, x: Any) -> Any:
    return m.sin(x)


def square(m: Any, x: Any) -> Any:
    return x * x


def exponential(m: Any, x: Any) -> Any:
    return m.exp(x)


def logarithm(m: Any, x: Any) -> Any:
    return m.log(x)


def reciprocal(m: Any, x: Any) -> Any:
    return 1.0 / x


def root(m: Any, x: Any) -> Any:
    return m.sqrt(x)


def multiply(m: Any, x1: Any, x2: Any) -> Any:
    return x1 * x2


def divide(m: Any, x1: Any, x2: Any) -> Any:
    return x1 / x2


linear_long, slopes_long = weighted(COEFFICIENTS)
linear_tiny, slopes_tiny = weighted([1.0, 1e-3, 1e-6])
linear_five, slopes_five = weighted([1.0] * 5)
linear_mean, slopes_mean = weighted([0.25] * 4)


def products_of_others(m: Any, y: Any, *xs: Any) -> tuple[Any, ...]:
    return tuple(reduce(mul, xs[:i] + xs[i + 1 :]) for i in range(len(xs)))


def pairs_added(m: Any, *xs: Any) -> Any:
    n = len(xs) // 2
    return m.sum([x1 * x2 for x1, x2 in zip(xs[:n], xs[n:], strict=True)])


def pairs_swapped(m: Any, y: Any, *xs: Any) -> tuple[Any, ...]:
    return (*xs[len(xs) // 2 :], *xs[: len(xs) // 2])


# --- functions with a wrong derivative -----------------------------------------------------------

ROWS: tuple[Row, ...] = (
    # --- a sign ---
    Row("sine_sign", "sign", "the derivative of sin is -cos",
        sine, derivative_of(lambda m, y, x: -m.cos(x)), cosine, (0.7,)),
    Row("cosine_sign", "sign", "the derivative of cos is sin",
        lambda m, x: m.cos(x), derivative_of(lambda m, y, x: m.sin(x)),
        derivative_of(lambda m, y, x: -m.sin(x)), (1.2,)),
    Row("reciprocal_sign", "sign", "1 / x grows with x",
        reciprocal, derivative_of(lambda m, y, x: y / x), negative_quotient, (-2.5,)),
    Row("quotient_sign", "sign", "a quotient grows with its divisor",
        divide, with_one(quotient, 1, -1.0), quotient, (3.0, 4.0)),
    Row("difference_sign", "sign", "a difference has the derivatives of a sum",
        lambda m, x1, x2: x1 - x2, lambda m, y, x1, x2: (1.0, 1.0),
        lambda m, y, x1, x2: (1.0, -1.0), (0.5, 2.0)),
    Row("arccosine_sign", "sign", "arccos has the derivative of arcsin",
        lambda m, x: m.arccos(x), derivative_of(lambda m, y, x: 1.0 / m.sqrt(1.0 - x * x)),
        derivative_of(lambda m, y, x: -1.0 / m.sqrt(1.0 - x * x)), (0.3,)),
    # --- a factor ---
    Row("square_factor", "factor", "the 2 of 2x is missing",
        square, derivative_of(lambda m, y, x: 1.0 * x), doubled, (1.5,)),
    Row("binary_logarithm_factor", "factor", "log2 has the derivative of log",
        lambda m, x: m.log(x) / math.log(2.0), inverse,
        derivative_of(lambda m, y, x: 1.0 / (x * math.log(2.0))), (5.0,)),
    Row("cube_factor", "factor", "x**3 has 2x**2",
        lambda m, x: x * x * x, derivative_of(lambda m, y, x: 2.0 * x * x),
        derivative_of(lambda m, y, x: 3.0 * x * x), (-0.8,)),
    Row("sigmoid_factor", "factor", "the factor 1 - y of y (1 - y) is missing",
        sigmoid, itself, logistic_slope, (0.4,)),
    Row("tanh_factor", "factor", "1 - y instead of 1 - y**2",
        lambda m, x: m.tanh(x), derivative_of(lambda m, y, x: 1.0 - y), bell, (0.9,)),
    Row("error_function_factor", "factor", "2 / sqrt(pi) is missing",
        lambda m, x: m.erf(x), derivative_of(lambda m, y, x: m.exp(-x * x)),
        derivative_of(lambda m, y, x: TWO_OVER_SQRT_PI * m.exp(-x * x)), (0.25,)),
    Row("root_factor", "factor", "1 / y instead of 1 / (2y)",
        root, derivative_of(lambda m, y, x: 1.0 / y), half_root, (9.0,)),
    Row("power_factor", "factor", "the exponent is not taken down by one",
        lambda m, x: x**3.5, derivative_of(lambda m, y, x: 3.5 * y),
        derivative_of(lambda m, y, x: 3.5 * y / x), (1.7,)),
    # --- a swapped operand ---
    Row("product_swapped", "swapped operand", "each factor has itself as its derivative",
        multiply, lambda m, y, x1, x2: (1.0 * x1, 1.0 * x2), product, (2.0, 3.0)),
    Row("power_swapped", "swapped operand", "the derivatives of base and exponent are swapped",
        lambda m, x1, x2: m.exp(x2 * m.log(x1)),
        lambda m, y, x1, x2: (y * m.log(x1), y * x2 / x1),
        lambda m, y, x1, x2: (y * x2 / x1, y * m.log(x1)), (1.5, 2.5)),
    Row("arctan2_swapped", "swapped operand", "ordinate and abscissa are swapped",
        lambda m, x1, x2: m.arctan2(x1, x2),
        lambda m, y, x1, x2: (x1 / (x1 * x1 + x2 * x2), -x2 / (x1 * x1 + x2 * x2)),
        lambda m, y, x1, x2: (x2 / (x1 * x1 + x2 * x2), -x1 / (x1 * x1 + x2 * x2)), (1.0, 2.0)),
    Row("quotient_swapped", "swapped operand", "dividend and divisor are swapped",
        divide, lambda m, y, x1, x2: (-y / x2, 1.0 / x2), quotient, (3.0, 4.0)),
    Row("length_swapped", "swapped operand", "the legs are swapped",
        lambda m, x1, x2: m.sqrt(x1 * x1 + x2 * x2), lambda m, y, x1, x2: (x2 / y, x1 / y),
        lambda m, y, x1, x2: (x1 / y, x2 / y), (3.0, 4.0)),
    # --- a dropped term ---
    Row("product_rule", "dropped term", "x cos(x) is missing of (x sin(x))'",
        lambda m, x: x * m.sin(x), derivative_of(lambda m, y, x: m.sin(x)),
        derivative_of(lambda m, y, x: m.sin(x) + x * m.cos(x)), (2.2,)),
    Row("silu_term", "dropped term", "the derivative of the gate is missing",
        lambda m, x: x * m.sigmoid(x), logistic,
        derivative_of(lambda m, y, x: m.sigmoid(x) * (1.0 + x * m.sigmoid(-x))), (-1.1,)),
    Row("entropy_term", "dropped term", "the 1 of log(x) + 1 is missing",
        lambda m, x: x * m.log(x), derivative_of(lambda m, y, x: m.log(x)),
        derivative_of(lambda m, y, x: m.log(x) + 1.0), (0.2,)),
    Row("gaussian_term", "dropped term", "-2x**2 exp(-x**2) is missing",
        lambda m, x: x * m.exp(-x * x), derivative_of(lambda m, y, x: m.exp(-x * x)),
        derivative_of(lambda m, y, x: (1.0 - 2.0 * x * x) * m.exp(-x * x)), (0.6,)),
    Row("polynomial_term", "dropped term", "the highest power is missing",
        lambda m, x: 1.0 + x * (2.0 + x * (3.0 + x * 4.0)),
        derivative_of(lambda m, y, x: 2.0 + 6.0 * x),
        derivative_of(lambda m, y, x: 2.0 + 6.0 * x + 12.0 * x * x), (-0.3,)),
    Row("tangent_term", "dropped term", "the 1 of 1 + y**2 is missing",
        lambda m, x: m.tan(x), derivative_of(lambda m, y, x: y * y),
        derivative_of(lambda m, y, x: 1.0 + y * y), (1.0,)),
    # --- a wrong branch at a kink, a wrong one-sided choice ---
    Row("relu_branch", "wrong branch", "1 for x < 0 and 0 for x > 0",
        lambda m, x: m.where(x > 0.0, x, 0.0),
        derivative_of(lambda m, y, x: m.where(x > 0.0, 0.0, 1.0)),
        derivative_of(lambda m, y, x: m.where(x > 0.0, 1.0, 0.0)), (1.5,)),
    Row("leaky_branch", "wrong branch", "the slopes of both sides are swapped",
        lambda m, x: m.where(x > 0.0, x, 0.01 * x),
        derivative_of(lambda m, y, x: m.where(x > 0.0, 0.01, 1.0)),
        derivative_of(lambda m, y, x: m.where(x > 0.0, 1.0, 0.01)), (-2.0,)),
    Row("absolute_branch", "wrong branch", "|x| has slope 1 on both sides",
        lambda m, x: m.where(x > 0.0, x, -x), derivative_of(lambda m, y, x: 1.0 + 0.0 * x),
        derivative_of(lambda m, y, x: m.where(x > 0.0, 1.0, -1.0)), (-2.0,), domain=(-10.0, 10.0)),
    Row("maximum_branch", "wrong branch", "the derivative goes to the smaller operand",
        lambda m, x1, x2: m.where(x1 > x2, x1, x2),
        lambda m, y, x1, x2: (m.where(x1 > x2, 0.0, 1.0), m.where(x1 > x2, 1.0, 0.0)),
        lambda m, y, x1, x2: (m.where(x1 > x2, 1.0, 0.0), m.where(x1 > x2, 0.0, 1.0)), (2.0, 3.0)),
    Row("clip_branch", "wrong branch", "the derivative beyond the bound is 1",
        lambda m, x: m.where(x > 1.0, 1.0, x), derivative_of(lambda m, y, x: 1.0 + 0.0 * x),
        derivative_of(lambda m, y, x: m.where(x > 1.0, 0.0, 1.0)), (5.0,)),
    Row("relu_shifted", "wrong branch", "the slope changes at 1, the function at 0",
        lambda m, x: m.where(x > 0.0, x, 0.0),
        derivative_of(lambda m, y, x: m.where(x > 1.0, 1.0, 0.0)),
        derivative_of(lambda m, y, x: m.where(x > 0.0, 1.0, 0.0)), (0.5,)),
    Row("huber_branch", "wrong branch", "the quadratic part's slope beyond its end",
        lambda m, x: m.where(abs(x) > 1.0, abs(x) - 0.5, 0.5 * x * x),
        derivative_of(lambda m, y, x: 1.0 * x),
        derivative_of(lambda m, y, x: m.where(abs(x) > 1.0, m.sign(x), x)), (2.5,)),
    Row("one_side", "one-sided choice", "0 at 0, where either side has slope 1",
        lambda m, x: m.where(x > 0.0, x + x * x, x),
        derivative_of(
            lambda m, y, x: m.where(x > 0.0, 1.0 + 2.0 * x, m.where(x < 0.0, 1.0, 0.0))
        ),
        derivative_of(lambda m, y, x: m.where(x > 0.0, 1.0 + 2.0 * x, 1.0)), (0.0,)),
    Row("pieces_joined", "one-sided choice", "the other piece's slope, near where they meet",
        lambda m, x: m.where(x > 1.0, x * x, 2.0 * x - 1.0),
        derivative_of(lambda m, y, x: m.where(x > 1.0, 2.0, 2.0 * x)),
        derivative_of(lambda m, y, x: m.where(x > 1.0, 2.0 * x, 2.0)), (1.01,)),
    # --- an error of 1e-6 ---
    Row("sine_slightly", "slight error", "wrong by a millionth",
        sine, slightly(cosine), cosine, (0.7,)),
    Row("exponential_slightly", "slight error", "wrong by a millionth",
        exponential, slightly(itself), itself, (3.0,)),
    Row("exponential_near_zero", "slight error", "wrong by a millionth, at 0.001",
        exponential, slightly(itself), itself, (1e-3,)),
    Row("logarithm_slightly", "slight error", "wrong by a millionth, at 100,000",
        logarithm, slightly(inverse), inverse, (1e5,)),
    Row("cube_slightly", "slight error", "wrong by a millionth, at 1,000",
        lambda m, x: x * x * x, slightly(derivative_of(lambda m, y, x: 3.0 * x * x)),
        derivative_of(lambda m, y, x: 3.0 * x * x), (1e3,)),
    Row("tanh_slightly", "slight error", "wrong by a millionth",
        lambda m, x: m.tanh(x), slightly(bell), bell, (0.1,)),
    Row("product_slightly", "slight error", "one of two derivatives wrong by a millionth",
        multiply, slightly(product), product, (2e4, 3e-4)),
    Row("root_slightly", "slight error", "wrong by a millionth, at 1e-8",
        root, slightly(half_root), half_root, (1e-8,)),
    Row("reciprocal_slightly", "slight error", "wrong by a millionth, at 1e8",
        reciprocal, slightly(negative_quotient), negative_quotient, (1e8,)),
    Row("sine_very_slightly", "slight error", "wrong by a hundred-millionth",
        sine, with_one(cosine, 0, 1.0 + 1e-8), cosine, (0.7,)),
    # --- wrong in places only ---
    Row("sigmoid_negative", "wrong in places", "wrong for x < 0",
        sigmoid, derivative_of(lambda m, y, x: m.sigmoid(x) * m.sigmoid(-abs(x))),
        logistic_slope, (-1.5,), domain=(-30.0, 30.0)),
    Row("square_negative", "wrong in places", "2|x|, wrong for x < 0",
        square, derivative_of(lambda m, y, x: 2.0 * abs(x)), doubled, (-3.0,),
        domain=(-1000.0, 1000.0)),
    Row("cube_negative", "wrong in places", "wrong for x < 0",
        lambda m, x: x * x * x, derivative_of(lambda m, y, x: 3.0 * x * abs(x)),
        derivative_of(lambda m, y, x: 3.0 * x * x), (-0.1,), domain=(-5.0, 5.0)),
    Row("softplus_beyond", "wrong in places", "0 beyond 100, where it is 1",
        lambda m, x: m.softplus(x),
        derivative_of(lambda m, y, x: m.where(x > 100.0, 0.0, m.sigmoid(x))), logistic, (150.0,),
        domain=(-1000.0, 1000.0)),
    Row("logarithm_beyond", "wrong in places", "1 / 100 from 100 on",
        logarithm, derivative_of(lambda m, y, x: m.where(x > 100.0, 0.01, 1.0 / x)), inverse,
        (1000.0,), domain=(0.001, 1e6)),
    Row("sine_beyond", "wrong in places", "0 beyond 100",
        sine, derivative_of(lambda m, y, x: m.where(abs(x) > 100.0, 0.0, m.cos(x))), cosine,
        (-130.0,), domain=(-500.0, 500.0)),
    # --- one position of many ---
    Row("sum_position", "one position", "the fourth of five operands has derivative 0",
        linear_five, with_one(slopes_five, 3, 0.0), slopes_five, ([1.0, 2.0, 3.0, 4.0, 5.0],)),
    Row("long_position", "one position", "one of 200 derivatives has another sign",
        linear_long, with_one(slopes_long, 137, -1.0), slopes_long,
        ([math.sin(i) for i in range(200)],)),
    Row("mean_position", "one position", "the last of four operands counts twice",
        linear_mean, with_one(slopes_mean, 3, 2.0), slopes_mean, ([1.0, -2.0, 0.5, 7.0],)),
    Row("product_position", "one position", "the last derivative lacks a factor",
        lambda m, *xs: reduce(mul, xs),
        lambda m, y, *xs: (*products_of_others(m, y, *xs)[:-1], reduce(mul, xs[1:-1])),
        products_of_others, ([2.0, 3.0, 0.5, 4.0],)),
    Row("logsumexp_position", "one position", "one of twelve shares is off by a thousandth",
        exponentials, with_one(shares, 5, 1.001), shares, ([0.1 * i for i in range(12)],)),
    Row("pairs_position", "one position", "the last of 100 operands takes the wrong partner",
        pairs_added, lambda m, y, *xs: (*pairs_swapped(m, y, *xs)[:-1], 1.0 * xs[0]),
        pairs_swapped, ([math.cos(i) for i in range(100)],)),
    Row("tiny_position", "one position", "a derivative of a millionth of the largest has no sign",
        linear_tiny, with_one(slopes_tiny, 2, -1.0), slopes_tiny, ([1.0, 2.0, 3.0],)),
    Row("rare_share", "one position", "a share of 1e-6 is given as 0",
        exponentials, with_one(shares, 0, 0.0), shares, ([-14.0, 0.0, 0.5],)),
    # --- a small wrong term beside a large right one ---
    Row("beside_parabola", "small beside large", "cos without its sign, beside 1e6 x**2",
        lambda m, x: m.cos(x), derivative_of(lambda m, y, x: m.sin(x)),
        derivative_of(lambda m, y, x: -m.sin(x)), (0.8,), lambda m, f, x: 1e6 * x * x + f(x)),
    Row("beside_exponential", "small beside large", "1e-4 sin(x) beside 1e4 exp(x)",
        sine, derivative_of(lambda m, y, x: -m.cos(x)), cosine, (0.3,),
        lambda m, f, x: 1e4 * m.exp(x) + 1e-4 * f(x)),
    Row("regularisation", "small beside large", "a weight decay of 1e-5 w**2 without its 2",
        square, derivative_of(lambda m, y, x: 1.0 * x), doubled, (0.7, -1.3),
        lambda m, f, w, b: m.square(3.0 * w + b - 2.0) + 1e-5 * f(w)),
    Row("deep_inside", "small beside large", "an error of a thousandth, five functions deep",
        lambda m, x: m.tanh(x), with_one(bell, 0, 1.001), bell, (0.4,),
        lambda m, f, x: m.exp(m.sin(m.log(2.0 + f(x * x)) + 1.0)) + 10.0 * x),
    # --- scales ---
    Row("square_tiny", "scale", "x instead of 2x at 1e-150",
        square, derivative_of(lambda m, y, x: 1.0 * x), doubled, (1e-150,)),
    Row("square_huge", "scale", "3x instead of 2x at 1e150",
        square, derivative_of(lambda m, y, x: 3.0 * x), doubled, (1e150,)),
    Row("triple_tiny", "scale", "2 instead of 3 at 1e-150",
        lambda m, x: 3.0 * x, derivative_of(lambda m, y, x: 2.0 + 0.0 * x),
        derivative_of(lambda m, y, x: 3.0 + 0.0 * x), (1e-150,)),
    Row("reciprocal_huge", "scale", "1 / x grows with x, at 1e150",
        reciprocal, derivative_of(lambda m, y, x: y / x), negative_quotient, (1e150,)),
    Row("root_tiny", "scale", "1 / y instead of 1 / (2y) at 1e-150",
        root, derivative_of(lambda m, y, x: 1.0 / y), half_root, (1e-150,)),
    Row("logarithm_huge", "scale", "2 / x instead of 1 / x at 1e150",
        logarithm, derivative_of(lambda m, y, x: 2.0 / x), inverse, (1e150,)),
    Row("exponential_tiny", "scale", "the sign of a derivative of 1e-148",
        exponential, derivative_of(lambda m, y, x: -y), itself, (-340.0,)),
    Row("gaussian_tail", "scale", "twice the density, 14 standard deviations out",
        lambda m, x: m.exp(-0.5 * x * x), derivative_of(lambda m, y, x: -2.0 * x * y),
        derivative_of(lambda m, y, x: -x * y), (14.0,)),
    # --- composites written by hand ---
    Row("cross_entropy", "composite", "p (1 - p) in the place of p, and of p - 1 for the target",
        cross_entropy,
        lambda m, y, *xs: tuple(p * (1.0 - p) for p in probabilities(m, y, *xs)),
        lambda m, y, *xs: tuple(
            p - (i == 0) * 1.0 for i, p in enumerate(probabilities(m, y, *xs))
        ), ([0.5, -1.0, 2.0],)),
    Row("cross_entropy_target", "composite", "the 1 of p - 1 is missing",
        cross_entropy, probabilities,
        lambda m, y, *xs: tuple(
            p - (i == 0) * 1.0 for i, p in enumerate(probabilities(m, y, *xs))
        ), ([3.0, -1.0, 2.0],)),
    Row("shared_weight", "composite", "a weight used twice is counted once",
        lambda m, w, x1, x2: w * x1 + w * x2, lambda m, y, w, x1, x2: (1.0 * x1, 1.0 * w, 1.0 * w),
        lambda m, y, w, x1, x2: (x1 + x2, 1.0 * w, 1.0 * w), (0.5, 2.0, -3.0)),
    Row("loop_overwrites", "composite", "= in the place of +=: the last of three terms alone",
        lambda m, w, x: w * x + w * w * x + w * w * w * x,
        lambda m, y, w, x: (3.0 * w * w * x, w + w * w + w * w * w),
        lambda m, y, w, x: (x + 2.0 * w * x + 3.0 * w * w * x, w + w * w + w * w * w), (0.8, 1.5)),
    Row("softsign", "composite", "1 + x in the place of 1 + |x|",
        lambda m, x: x / (1.0 + abs(x)),
        derivative_of(lambda m, y, x: 1.0 / ((1.0 + x) * (1.0 + x))),
        derivative_of(lambda m, y, x: 1.0 / ((1.0 + abs(x)) * (1.0 + abs(x)))), (-3.0,)),
    Row("scaled_softplus", "composite", "the scale inside is forgotten",
        lambda m, x: m.softplus(3.0 * x) / 3.0, logistic,
        derivative_of(lambda m, y, x: m.sigmoid(3.0 * x)), (0.5,)),
    Row("bessel", "composite", "the sign of the series is forgotten",
        bessel, derivative_of(lambda m, y, x: -bessel_slope(m, x)),
        derivative_of(lambda m, y, x: bessel_slope(m, x)), (2.5,)),
    Row("log_likelihood", "composite", "the derivative in sigma lacks the normaliser",
        lambda m, x, s: m.log(s) + 0.5 * (x / s) * (x / s),
        lambda m, y, x, s: (x / (s * s), -x * x / (s * s * s)),
        lambda m, y, x, s: (x / (s * s), 1.0 / s - x * x / (s * s * s)), (1.2, 0.7)),
)  # fmt: skip

# --- programs ------------------------------------------------------------------------------------


def program(
    name: str,
    kind: str,
    description: str,
    faulty: Callable[..., Any],
    healthy: Callable[..., Any],
    *inputs: Any,
) -> Program:
    """State a fault of a function that remembers nothing."""
    return Program(name, kind, description, lambda: faulty, healthy, inputs)


def layer(m: Any, weights: list[Any], xs: list[Any], cut: bool) -> Any:
    hidden = m.tanh(m.sum([w * x for w, x in zip(weights, xs, strict=True)]))
    return m.square((m.detach(hidden) if cut else hidden) * weights[0] - 1.0)


def recurrent(m: Any, w: Any, x: Any, cut: bool) -> Any:
    state = 0.1 * x
    for _ in range(5):
        state = m.tanh(w * (m.detach(state) if cut else state) + x)
    return state


def normalised(m: Any, xs: list[Any], cut: bool) -> Any:
    mean = m.sum(xs) / len(xs)
    mean = m.detach(mean) if cut else mean
    return m.sum([(x - mean) * (x - mean) * x for x in xs])


def softmax_first(m: Any, xs: list[Any], cut: bool) -> Any:
    total = m.sum([m.exp(x) for x in xs])
    return m.exp(xs[0]) / (m.detach(total) if cut else total)


def shifted_logsumexp(m: Any, xs: list[Any], cut: bool) -> Any:
    """Subtract the largest, cut off, and add it again, in the faulty one not cut off."""
    largest = max(xs, key=lambda x: float(m.detach(x)))
    constant = m.detach(largest)
    logarithm_of_sum = m.log(m.sum([m.exp(x - constant) for x in xs]))
    return logarithm_of_sum + (largest if cut else constant)


def newton_root(m: Any, a: Any, cut: bool) -> Any:
    y = 1.0 + 0.0 * a
    for _ in range(6):
        y = 0.5 * (y + a / y)
    return m.detach(y) if cut else y


def penalty(m: Any, weights: list[Any], cut: bool) -> Any:
    first, *others = weights
    first_again = m.detach(first) if cut else first
    return m.sum([m.square(w) for w in [first_again, *others]]) + m.sin(first)


def lagging() -> Callable[..., Any]:
    last = 1.0

    def f(m: Any, x: Any) -> Any:
        nonlocal last
        y = m.sin(x) * last
        last = float(m.detach(x))
        return y

    return f


def running_average() -> Callable[..., Any]:
    average = 0.0

    def f(m: Any, x: Any) -> Any:
        nonlocal average
        average = 0.9 * average + 0.1 * float(m.detach(x))
        return m.square(x - average)

    return f


def growing() -> Callable[..., Any]:
    calls: list[Any] = []

    def f(m: Any, x: Any) -> Any:
        calls.append(m.detach(x))
        return x * x + 0.01 * len(calls)

    return f


def remembered() -> Callable[..., Any]:
    """Compute once, and give the same result for every later input."""
    results: list[Any] = []

    def f(m: Any, x: Any) -> Any:
        results.append(m.exp(m.sin(x)))
        return results[0] * x

    return f


def noisy() -> Callable[..., Any]:
    rng = random.Random(7)
    return lambda m, x: x * x + 1e-3 * rng.random() * x


def dropout() -> Callable[..., Any]:
    rng = random.Random(8)

    def f(m: Any, xs: list[Any]) -> Any:
        return m.sum([x * x * (rng.random() < 0.5) for x in xs])

    return f


def alternating() -> Callable[..., Any]:
    calls = count()
    return lambda m, x: m.sin(x) if next(calls) % 2 else m.sin(x) * (1.0 + 1e-9)


PROGRAMS: tuple[Program, ...] = (
    # --- cut graphs ---
    program("square_cut", "cut graph", "one of two factors is cut off",
            lambda m, x: x * m.detach(x), lambda m, x: x * x, 3.0),
    program("function_cut", "cut graph", "the function is taken of a plain number",
            lambda m, x: 0.0 * x + m.sin(m.detach(x)), lambda m, x: 0.0 * x + m.sin(x), 0.5),
    program("layer_cut", "cut graph", "the hidden layer is cut off",
            lambda m, ws, xs: layer(m, ws, xs, True), lambda m, ws, xs: layer(m, ws, xs, False),
            [0.3, -0.5], [1.0, 2.0]),
    program("recurrence_cut", "cut graph", "the state is cut off between the steps",
            lambda m, w, x: recurrent(m, w, x, True), lambda m, w, x: recurrent(m, w, x, False),
            0.7, 0.4),
    program("mean_cut", "cut graph", "the mean of a normalisation is cut off",
            lambda m, xs: normalised(m, xs, True), lambda m, xs: normalised(m, xs, False),
            [0.5, 1.5, -0.2]),
    program("normaliser_cut", "cut graph", "the normaliser of softmax is cut off",
            lambda m, xs: softmax_first(m, xs, True), lambda m, xs: softmax_first(m, xs, False),
            [0.2, 1.0, -0.7]),
    program("shift_half_cut", "cut graph", "the largest is cut off where subtracted only",
            lambda m, xs: shifted_logsumexp(m, xs, True),
            lambda m, xs: shifted_logsumexp(m, xs, False), [0.2, 1.0, -0.7]),
    program("solver_cut", "cut graph", "the result of an iteration is cut off",
            lambda m, a: newton_root(m, a, True) * a, lambda m, a: newton_root(m, a, False) * a,
            2.0),
    program("penalty_cut", "cut graph", "one of the weights is cut off in the penalty",
            lambda m, ws: penalty(m, ws, True), lambda m, ws: penalty(m, ws, False),
            [0.4, -0.3, 0.8]),
    program("small_term_cut", "cut graph", "a term of a millionth is cut off",
            lambda m, x: x * x + 1e-6 * m.sin(m.detach(x)), lambda m, x: x * x + 1e-6 * m.sin(x),
            0.7),
    program("condition_slope_cut", "cut graph", "the chosen branch is cut off",
            lambda m, x: m.exp(x) if x < 0.0 else 1.0 + m.detach(x) + 0.0 * x,
            lambda m, x: m.exp(x) if x < 0.0 else 1.0 + x, 0.5),
    program("output_cut", "cut graph", "one of two outputs is a plain number",
            lambda m, x: [x * x, m.detach(x * x * x)], lambda m, x: [x * x, x * x * x], 1.5),
    # --- another derivative than the function's ---
    program("straight_through", "other gradient", "floor with the derivative of x",
            lambda m, x: x + m.detach(m.floor(x) - x), lambda m, x: m.floor(x), 2.3),
    program("reversed", "other gradient", "x with the derivative of -x",
            lambda m, x: m.sin(2.0 * m.detach(x) - x), lambda m, x: m.sin(x), 0.6),
    program("scaled", "other gradient", "a tenth of the derivative",
            lambda m, x: m.detach(m.exp(x)) + 0.1 * (m.exp(x) - m.detach(m.exp(x))),
            lambda m, x: m.exp(x), 0.6),
    # --- memory and chance ---
    Program("number_of_last_call", "stale", "a factor is the input of the call before",
            lagging, lambda m, x: m.sin(x), (0.6,)),
    Program("running_average", "stale", "an average over the calls is subtracted",
            running_average, lambda m, x: m.square(x - 0.5), (2.0,)),
    Program("growing_offset", "stale", "the value grows from call to call, by a constant",
            growing, lambda m, x: x * x, (1.5,)),
    Program("result_of_first_call", "stale", "a factor is the node of the first call",
            remembered, lambda m, x: m.exp(m.sin(x)) * x, (0.9,)),
    Program("noise", "nondeterminism", "a random term of a thousandth",
            noisy, lambda m, x: x * x, (1.2,)),
    Program("dropout", "nondeterminism", "each call drops other terms",
            dropout, lambda m, xs: m.sum([x * x for x in xs]), ([1.0, 2.0, 3.0, 4.0, 5.0],)),
    Program("every_other_call", "nondeterminism", "every other call differs by 1e-9",
            alternating, lambda m, x: m.sin(x), (0.4,)),
)  # fmt: skip
