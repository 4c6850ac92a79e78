"""Fresh cases for gradient checkers: functions drawn at random, their gradients right or wrong.

A case is drawn from a seed by its number: a function of a family, a point, a way to evaluate it and
the gradient claimed there, which is right or has one fault. Nothing of this library is
used, so that the cases are independent of it; derivatives are written by hand, and those of
programs come from a backward pass of a few lines. The functions work in NumPy, PyTorch and JAX, and
return their terms, which are summed up well or badly.

A fault counts if it changes a derivative by more than the evaluation allows: `MULTIPLE`
times the noise of the function's value over the distance on which the function varies. A derivative
is found from differences over at least a hundredth of that distance, which magnifies noise by
a hundred, and by another hundred if the samples are few and fit badly.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

MULTIPLE = 1e4
KINDS = (
    "sign", "factor", "dropped term", "swapped operands", "wrong branch", "small error", "region",
)  # fmt: skip
EVALUATIONS = {
    "double": ("rounded to single", "decimals", "noise", "reordered", "bisection", "Newton"),
    "single": ("decimals", "reordered"),
}
EPSILONS = {"double": 2.0**-52, "single": 2.0**-23}
DTYPES: dict[str, Any] = {"double": np.float64, "single": np.float32}
FULL = "in full"
BADLY = 0.4  # of the cases
FAULTY = 0.5
SCALED = 0.2  # have inputs of another scale than 1
SOLVED = 1e-8  # where an inner solver stops

Random = random.Random
Terms = Callable[[Any, Any, Sequence[Any]], Any]


@dataclass(frozen=True)
class Function:
    """A sum of terms, each of which is differentiable in every input.

    Attributes:
        family: Its family.
        x: The point.
        constants: The arrays that it uses.
        terms: Returns the terms, given a library's mathematics, the inputs as its array, and the
            constants as well.
        jacobian: Returns the right derivatives of the terms, with a row for each.
        flipped: Returns those with one branch mistaken for the other, if there are branches.
        changed: Returns the gradient with a fault inside; None if the function has no inside.
        size: The scale that the rounding of an evaluation is relative to.
    """

    family: str
    x: Any
    constants: tuple[Any, ...]
    terms: Terms
    jacobian: Callable[[Any], Any]
    flipped: Callable[[Random], Any] | None = None
    changed: Callable[[Random, str], Any] | None = None
    size: float = 0.0


def single(x: float) -> float:
    """Round to single precision, so that a case's constants are the same in both precisions."""
    return float(np.float32(x))


def uniform(random: Random, low: float, high: float, *shape: int) -> Any:
    count = math.prod(shape)
    return np.array([single(random.uniform(low, high)) for _ in range(count)]).reshape(shape)


# --- the families ---------------------------------------------------------------------------------


def polynomial(random: Random) -> Function:
    count, terms = random.randint(1, 5), random.randint(1, 6)
    coefficients = uniform(random, -2.0, 2.0, terms)
    exponents = np.array([[random.choice((0, 0, 1, 2, 3)) for _ in range(count)]] * terms, float)
    for row in exponents:
        row[:] = [random.choice((0, 0, 1, 2, 3)) for _ in range(count)]

    def jacobian(x: Any) -> Any:
        rows = np.empty((terms, count))
        for i in range(count):
            lower = exponents.copy()
            lower[:, i] = np.maximum(lower[:, i] - 1.0, 0.0)
            rows[:, i] = coefficients * exponents[:, i] * np.prod(x**lower, 1)
        return rows

    return Function(
        "polynomial",
        uniform(random, -2.0, 2.0, count),
        (coefficients, exponents),
        lambda m, x, c: c[0] * m.prod(x ** c[1], 1),
        jacobian,
    )


def product(random: Random) -> Function:
    count = random.randint(2, 6)
    slopes, shifts = uniform(random, -2.0, 2.0, count), uniform(random, -2.0, 2.0, count)

    def jacobian(x: Any) -> Any:
        factors, inner = 1.5 + np.sin(slopes * x + shifts), slopes * np.cos(slopes * x + shifts)
        others = [np.prod(np.delete(factors, i)) for i in range(count)]
        return (inner * others).reshape(1, count)

    return Function(
        "product",
        uniform(random, -2.0, 2.0, count),
        (slopes, shifts),
        lambda m, x, c: m.prod(1.5 + m.sin(c[0] * x + c[1]), 0).reshape(1),
        jacobian,
    )


def exponentials(random: Random) -> Function:
    count, terms = random.randint(1, 8), random.randint(1, 5)
    coefficients = uniform(random, -2.0, 2.0, terms)
    rates = uniform(random, -1.0, 1.0, terms, count)
    return Function(
        "exponentials",
        uniform(random, -1.0, 1.0, count),
        (coefficients, rates),
        lambda m, x, c: c[0] * m.exp(c[1] @ x),
        lambda x: (coefficients * np.exp(rates @ x))[:, None] * rates,
    )


SMOOTH: tuple[tuple[Callable[[Any, Any], Any], Callable[[Any], Any]], ...] = (
    (lambda m, y: m.sin(y), lambda y: np.cos(y)),
    (lambda m, y: m.tanh(y), lambda y: 1.0 / np.cosh(y) ** 2),
    (lambda m, y: m.arctan(y), lambda y: 1.0 / (1.0 + y * y)),
    (lambda m, y: m.log1p(m.exp(y)), lambda y: 1.0 / (1.0 + np.exp(-y))),
    (lambda m, y: m.sqrt(1.0 + y * y), lambda y: y / np.sqrt(1.0 + y * y)),
)


def composition(random: Random) -> Function:
    count, depth = random.randint(1, 6), random.randint(1, 5)
    weights = uniform(random, -1.0, 1.0, count)
    links = [(random.choice(SMOOTH), *uniform(random, -1.0, 2.0, 2).tolist()) for _ in range(depth)]

    def terms(m: Any, x: Any, c: Sequence[Any]) -> Any:
        y = c[0] @ x
        for (function, _), slope, shift in links:
            y = function(m, slope * y + shift)
        return y.reshape(1)

    def jacobian(x: Any) -> Any:
        y, derivative = weights @ x, 1.0
        for (function, partial), slope, shift in links:
            inner = slope * y + shift
            y, derivative = function(np, inner), derivative * slope * partial(inner)
        return derivative * weights.reshape(1, count)

    return Function("composition", uniform(random, -2.0, 2.0, count), (weights,), terms, jacobian)


def separable(random: Random) -> Function:
    count = random.randint(2, 30)
    coefficients = uniform(random, 0.2, 2.0, count)
    slopes = uniform(random, -2.0, 2.0, count)
    function, partial = random.choice(SMOOTH)
    return Function(
        "sum of several inputs",
        uniform(random, -2.0, 2.0, count),
        (coefficients, slopes),
        lambda m, x, c: c[0] * function(m, c[1] * x),
        lambda x: np.diag(coefficients * slopes * partial(slopes * x)),
    )


def network(random: Random) -> Function:
    """The squared error of a network with a hidden layer of tanh or relu, in its parameters."""
    inputs, hidden, rows = random.randint(1, 3), random.randint(1, 6), random.randint(1, 5)
    is_relu = random.random() < 0.5
    data, targets = uniform(random, -1.0, 1.0, rows, inputs), uniform(random, -1.0, 1.0, rows)
    count = hidden * (inputs + 2) + 1
    while True:
        x = uniform(random, -1.5, 1.5, count)
        weights, shifts = (
            x[: hidden * inputs].reshape(hidden, inputs),
            x[hidden * inputs :][:hidden],
        )
        if np.abs(data @ weights.T + shifts).min() > 1e-3:  # a kink there is none
            break

    def outputs(m: Any, x: Any, data: Any) -> tuple[Any, Any, Any]:
        weights = x[: hidden * inputs].reshape(hidden, inputs)
        shifts, above = x[hidden * inputs :][:hidden], x[hidden * (inputs + 1) :][:hidden]
        inner = data @ weights.T + shifts
        active = m.where(inner > 0.0, inner, 0.0 * inner) if is_relu else m.tanh(inner)
        return inner, active, active @ above + x[-1]

    def terms(m: Any, x: Any, c: Sequence[Any]) -> Any:
        return (outputs(m, x, c[0])[2] - c[1]) ** 2 / rows

    def slopes(x: Any) -> Any:
        inner, active, _ = outputs(np, x, data)
        return (inner > 0.0) * 1.0 if is_relu else 1.0 - active**2

    def pulled_back(x: Any, slope: Any) -> Any:
        _, active, found = outputs(np, x, data)
        error = 2.0 * (found - targets) / rows
        behind = error[:, None] * x[hidden * (inputs + 1) :][:hidden] * slope
        return np.hstack([
            (behind[:, :, None] * data[:, None, :]).reshape(rows, -1),
            behind,
            error[:, None] * active,
            error[:, None],
        ])  # fmt: skip

    def flipped(random: Random) -> Any:
        slope = slopes(x)
        at = random.randrange(rows), random.randrange(hidden)
        slope[at] = 1.0 - slope[at]
        return pulled_back(x, slope).sum(0)

    return Function(
        "network",
        x,
        (data, targets),
        terms,
        lambda x: pulled_back(x, slopes(x)),
        flipped if is_relu else None,
    )


def least_squares(random: Random) -> Function:
    """Half the squares of residuals, or Huber's loss of them."""
    count, rows = random.randint(1, 20), random.randint(1, 8)
    matrix, right = uniform(random, -1.0, 1.0, rows, count), uniform(random, -2.0, 2.0, rows)
    x = uniform(random, -2.0, 2.0, count)
    residuals = matrix @ x - right
    if random.random() < 0.5:
        return Function(
            "least squares",
            x,
            (matrix, right),
            lambda m, x, c: 0.5 * (c[0] @ x - c[1]) ** 2,
            lambda x: (matrix @ x - right)[:, None] * matrix,
        )
    delta = single(float(np.median(abs(residuals))) * random.choice((0.5, 1.5)) + 1e-3)

    def terms(m: Any, x: Any, c: Sequence[Any]) -> Any:
        size = abs(c[0] @ x - c[1])
        return m.where(size < delta, 0.5 * size**2, delta * (size - 0.5 * delta))

    def flipped(random: Random) -> Any:
        slopes = np.clip(residuals, -delta, delta)
        i = random.randrange(rows)
        within = abs(residuals[i]) < delta
        slopes[i] = math.copysign(delta, residuals[i]) if within else residuals[i]
        return slopes @ matrix

    return Function(
        "least squares",
        x,
        (matrix, right),
        terms,
        lambda x: np.clip(matrix @ x - right, -delta, delta)[:, None] * matrix,
        flipped,
    )


def logistic_regression(random: Random) -> Function:
    count, rows = random.randint(1, 20), random.randint(1, 10)
    data = uniform(random, -1.0, 1.0, rows, count)
    data *= np.array([[random.choice((-1.0, 1.0))] for _ in range(rows)])  # the labels
    return Function(
        "logistic regression",
        uniform(random, -2.0, 2.0, count),
        (data,),
        lambda m, x, c: m.log1p(m.exp(-(c[0] @ x))),
        lambda x: -data / (1.0 + np.exp(data @ x))[:, None],
    )


def cross_entropy(random: Random) -> Function:
    """The cross-entropy of a softmax of scores, in the weights."""
    inputs, classes, rows = random.randint(1, 5), random.randint(2, 5), random.randint(1, 6)
    data = uniform(random, -1.0, 1.0, rows, inputs)
    labels = np.eye(classes)[[random.randrange(classes) for _ in range(rows)]]

    def terms(m: Any, x: Any, c: Sequence[Any]) -> Any:
        scores = c[0] @ x.reshape(inputs, classes)
        return m.log(m.sum(m.exp(scores), 1)) - m.sum(c[1] * scores, 1)

    def jacobian(x: Any) -> Any:
        odds = np.exp(data @ x.reshape(inputs, classes))
        errors = odds / odds.sum(1)[:, None] - labels
        return (data[:, :, None] * errors[:, None, :]).reshape(rows, -1)

    x = uniform(random, -2.0, 2.0, inputs * classes)
    return Function("softmax cross-entropy", x, (data, labels), terms, jacobian)


# --- programs -------------------------------------------------------------------------------------


class Operation(NamedTuple):
    """An operation of programs: its function, its partial derivatives, and where it is smooth.

    Attributes:
        evaluate: A function of a library's mathematics and the operands.
        partials: A function of the result and the operands.
        within: Whether operands are inside its domain, and off its kinks.
        others: The partial derivatives of the other branch.
    """

    evaluate: Callable[..., Any]
    partials: Callable[..., tuple[float, ...]]
    within: Callable[..., bool] = lambda *xs: True
    others: Callable[..., tuple[float, ...]] | None = None


def apart(x: float, y: float = 0.0) -> bool:
    return abs(x - y) > 1e-3


OPERATIONS: dict[str, Operation] = {
    "+": Operation(lambda m, x, y: x + y, lambda z, x, y: (1.0, 1.0)),
    "-": Operation(lambda m, x, y: x - y, lambda z, x, y: (1.0, -1.0)),
    "*": Operation(lambda m, x, y: x * y, lambda z, x, y: (y, x)),
    "/": Operation(
        lambda m, x, y: x / y, lambda z, x, y: (1.0 / y, -z / y), lambda x, y: abs(y) > 0.1
    ),
    "exp": Operation(lambda m, x: m.exp(x), lambda y, x: (y,), lambda x: x < 4.0),
    "log": Operation(lambda m, x: m.log(x), lambda y, x: (1.0 / x,), lambda x: x > 0.1),
    "sin": Operation(lambda m, x: m.sin(x), lambda y, x: (math.cos(x),)),
    "cos": Operation(lambda m, x: m.cos(x), lambda y, x: (-math.sin(x),)),
    "tanh": Operation(lambda m, x: m.tanh(x), lambda y, x: (1.0 / math.cosh(x) ** 2,)),
    "arctan": Operation(lambda m, x: m.arctan(x), lambda y, x: (1.0 / (1.0 + x * x),)),
    "sqrt": Operation(lambda m, x: m.sqrt(x), lambda y, x: (0.5 / y,), lambda x: x > 0.1),
    "square": Operation(lambda m, x: x * x, lambda y, x: (2.0 * x,)),
    "cube": Operation(lambda m, x: x**3, lambda y, x: (3.0 * x * x,)),
    "sigmoid": Operation(
        lambda m, x: 1.0 / (1.0 + m.exp(-x)), lambda y, x: (y * (1.0 - y),)
    ),
    "abs": Operation(
        lambda m, x: abs(x),
        lambda y, x: (math.copysign(1.0, x),),
        apart,
        lambda y, x: (-math.copysign(1.0, x),),
    ),
    "relu": Operation(
        lambda m, x: m.where(x > 0.0, x, 0.0 * x),
        lambda y, x: (float(x > 0.0),),
        apart,
        lambda y, x: (float(x <= 0.0),),
    ),
    "maximum": Operation(
        lambda m, x, y: m.maximum(x, y),
        lambda z, x, y: (float(x > y), float(x <= y)),
        apart,
        lambda z, x, y: (float(x <= y), float(x > y)),
    ),
}  # fmt: skip


def program(random: Random) -> Function:
    """A random program in which any operation may have a wrong partial derivative."""
    count = random.randint(1, 4)
    x = uniform(random, -2.0, 2.0, count)
    values = [float(each) for each in x]
    steps: list[tuple[str, tuple[int, ...]]] = []
    length = random.randint(1, 12)
    while len(steps) < length:
        name = random.choice(list(OPERATIONS))
        operation = OPERATIONS[name]
        places = len(values)
        arity = 2 if name in ("+", "-", "*", "/", "maximum") else 1
        # Often the last one, so that programs are deep; the first two inputs are always used.
        operands = tuple(
            places - 1 if random.random() < 0.5 else random.randrange(places) for _ in range(arity)
        )
        given = [values[i] for i in operands]
        if operation.within(*given) and not (name == "-" and operands[0] == operands[1]):
            y = float(operation.evaluate(np, *map(np.float64, given)))
            if abs(y) < 100.0:
                steps.append((name, operands))
                values.append(y)

    def terms(m: Any, x: Any, c: Sequence[Any]) -> Any:
        numbers = [x[i] for i in range(count)]
        for name, operands in steps:
            numbers.append(OPERATIONS[name].evaluate(m, *(numbers[i] for i in operands)))
        return numbers[-1].reshape(1)

    def swept(x: Any, change: dict[int, tuple[float, ...]] | None = None) -> tuple[Any, float]:
        """Differentiate, perhaps with other partial derivatives; also return the rounding."""
        numbers = [float(each) for each in x]
        for name, operands in steps:
            given = [np.float64(numbers[i]) for i in operands]
            numbers.append(float(OPERATIONS[name].evaluate(np, *given)))
        adjoints = [0.0] * len(numbers)
        adjoints[-1] = 1.0
        size = 0.0
        for place in range(len(steps) - 1, -1, -1):
            adjoint, y = adjoints[count + place], numbers[count + place]
            size += abs(adjoint * y)
            partials = (change or {}).get(place) or at(place, numbers)
            for i, d in zip(steps[place][1], partials, strict=True):
                adjoints[i] += adjoint * d
        return np.array(adjoints[:count]), size

    def at(place: int, numbers: Sequence[float]) -> tuple[float, ...]:
        name, operands = steps[place]
        given = [numbers[i] for i in operands]
        return OPERATIONS[name].partials(numbers[count + place], *given)

    def changed(random: Random, kind: str) -> Any:
        places = [
            place
            for place, (name, _) in enumerate(steps)
            if kind != "wrong branch" or OPERATIONS[name].others
            if kind != "swapped operands" or len(steps[place][1]) == 2
        ]
        if not places:
            return None
        place = random.choice(places)
        partials = list(at(place, values))
        name, operands = steps[place]
        others = OPERATIONS[name].others
        if kind == "swapped operands":
            partials.reverse()
        elif kind == "wrong branch" and others:
            partials = list(others(values[count + place], *(values[i] for i in operands)))
        else:
            i = random.randrange(len(partials))
            partials[i] = mistaken(random, kind, partials[i])
        return swept(x, {place: tuple(partials)})[0]

    return Function(
        "program",
        x,
        (),
        terms,
        lambda x: swept(x)[0].reshape(1, count),
        lambda random: changed(random, "wrong branch"),
        changed,
        swept(x)[1],
    )


FAMILIES: tuple[Callable[[Random], Function], ...] = (
    polynomial, product, exponentials, composition, separable, network, least_squares,
    logistic_regression, cross_entropy, program, program, program,
)  # fmt: skip


# --- faults ---------------------------------------------------------------------------------------


def mistaken(random: Random, kind: str, d: Any) -> Any:
    """Make a partial derivative wrong."""
    if kind == "sign":
        return -d
    if kind == "dropped term":
        return 0.0
    if kind == "small error":
        return d * (1.0 + random.choice((-1.0, 1.0)) * 10.0 ** random.uniform(-9.0, -1.0))
    return d * random.choice((2.0, 0.5, 3.0, 1.5, 0.1, 1.0 / 3.0, 0.9, 1.01))


def faulty(function: Function, random: Random, kind: str) -> Any:
    """Return the gradient with a fault of a kind; None if the function cannot have it."""
    if kind == "region":  # at the point, it is like another; beyond, nobody looks
        kind = random.choice(("sign", "factor", "small error"))
    if function.changed:
        return function.changed(random, kind)
    if kind == "wrong branch":
        return function.flipped(random) if function.flipped else None
    rows = function.jacobian(function.x)
    gradient = rows.sum(0)
    i = random.randrange(gradient.size)
    if kind == "swapped operands":
        j = random.randrange(gradient.size)
        gradient[[i, j]] = gradient[[j, i]]
    elif kind == "dropped term":
        gradient[i] -= rows[random.randrange(len(rows)), i]
    else:
        gradient[i] = mistaken(random, kind, gradient[i])
    return gradient


# --- cases ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A function, how it is evaluated, and the gradient claimed for it.

    Attributes:
        number: Its number, from which it can be drawn again.
        function: The function, of inputs of scale 1.
        scale: The scale of the inputs.
        precision: The precision that it is computed in.
        evaluation: How it is evaluated.
        digits: To how many decimals it is rounded.
        fault: What is wrong with the gradient; empty if nothing is.
        right: The right gradient.
        gradient: The claimed gradient.
        noise: A bound on the error of an evaluation.
    """

    number: int
    function: Function
    scale: float
    precision: str
    evaluation: str
    digits: int
    fault: str
    right: Any
    gradient: Any
    noise: float
    shuffled: Random

    @property
    def x(self) -> Any:
        """The point, in the precision of the case."""
        return (self.function.x * self.scale).astype(DTYPES[self.precision])

    @property
    def excess(self) -> float:
        """The largest change of a derivative, as a multiple of what the evaluation allows."""
        return float(np.max(abs(self.gradient - self.right)) * self.scale / self.noise) / MULTIPLE

    @property
    def relative(self) -> float:
        """The largest change of a derivative, relative to the largest derivative."""
        largest = float(np.max(abs(self.right)))
        return float(np.max(abs(self.gradient - self.right))) / largest if largest else math.inf

    def terms(self, m: Any, x: Any, constants: Sequence[Any]) -> Any:
        """Return the terms in a library's mathematics."""
        return self.function.terms(m, x / self.scale, constants)

    def constants(self) -> list[Any]:
        """Return the constants in the precision of the case."""
        return [array.astype(DTYPES[self.precision]) for array in self.function.constants]

    def value(self, x: Any) -> Any:
        """Evaluate by NumPy."""
        return self.summed(self.terms(np, x, self.constants()))

    def summed(self, terms: Any) -> Any:
        """Sum up terms in the way of the case."""
        if self.evaluation == FULL:
            return terms.sum()
        if self.evaluation == "reordered":
            order = list(terms)
            self.shuffled.shuffle(order)
            return sum(order[1:], order[0])
        y = float(terms.sum())
        if self.evaluation == "decimals":
            return terms.dtype.type(round(y, self.digits))
        if self.evaluation == "noise":
            return np.float64(y + self.noise * self.shuffled.uniform(-1.0, 1.0))
        if self.evaluation == "bisection":
            return np.float64(bisected(y))
        if self.evaluation == "Newton":
            return np.float64(newton(y))
        return np.float64(np.float32(y))


def bisected(y: float) -> float:
    """Solve t³ + t = y³ + y for t by bisection."""
    low, high = -1e3, 1e3
    while high - low > SOLVED:
        middle = 0.5 * (low + high)
        if middle**3 + middle < y**3 + y:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def newton(y: float) -> float:
    """Solve t³ + t = y³ + y for t by Newton's method."""
    t, step = 1.0, math.inf
    while abs(step) > SOLVED * max(abs(t), 1.0):
        step = (t**3 + t - y**3 - y) / (3.0 * t * t + 1.0)
        t -= step
    return t


def noise_of(evaluation: str, y: float, size: float, terms: int, digits: int, eps: float) -> float:
    """Return a bound on the error of an evaluation."""
    rounding = eps * size
    return (
        rounding
        + {
            FULL: 0.0,
            "rounded to single": 2.0**-24 * abs(y),
            "decimals": 0.5 * 10.0**-digits,
            "noise": 1e-10 * abs(y),
            "reordered": eps * size * terms,
            "bisection": SOLVED,
            "Newton": 10.0 * rounding,  # its last step leaves the square of 1e-8
        }[evaluation]
    )


def draw(seed: int, number: int, precision: str = "double") -> Case:
    """Draw a case."""
    random = Random(f"{seed}:{number}:{precision}")
    fault = random.choice(KINDS) if random.random() < FAULTY else ""
    while True:  # until a function can have the fault
        function = random.choice(FAMILIES)(random)
        rows = function.jacobian(function.x)
        claimed = faulty(function, random, fault) if fault else rows.sum(0)
        # If nothing changes, there is no fault.
        if claimed is not None and (not fault or np.any(claimed != rows.sum(0))):
            break
    terms = function.terms(np, function.x, function.constants)
    # The rounding of the terms, and that of their operands.
    size = float(abs(terms).sum() + (abs(rows) @ abs(function.x)).sum()) + function.size
    y = float(terms.sum())
    evaluation, digits = FULL, 0
    if random.random() < BADLY:
        evaluation = random.choice(EVALUATIONS[precision])
        digits = random.randint(*((4, 10) if precision == "double" else (2, 5)))
    scale = 2.0 ** random.randint(-13, 13) if random.random() < SCALED else 1.0
    noise = noise_of(evaluation, y, size, len(terms), digits, EPSILONS[precision])
    return Case(
        number, function, scale, precision, evaluation, digits, fault, rows.sum(0) / scale,
        (claimed / scale).astype(DTYPES[precision]), max(noise, 1e-300), Random(number),
    )  # fmt: skip
