"""The rows of the table under test: how each is called, and operands to try it on."""

from __future__ import annotations

import contextlib
import itertools
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial, wraps
from typing import Any

from hypothesis import strategies as st

from autograd import Value
from autograd.formulary import ROWS
from autograd.formulary_special import SPECIAL
from autograd.rule import Rule
from autograd.testing.programs import applied
from autograd.tracing import is_traced

__all__ = [
    "HELD_ELSEWHERE", "LARGEST", "NAMES", "SAMPLES", "SMALLEST_NORMAL", "TABLE", "call", "edges",
    "operands", "tame",
]  # fmt: skip

TABLE = ROWS
NAMES = [rule.name for rule in TABLE]
LARGEST = sys.float_info.max
SMALLEST_NORMAL = sys.float_info.min

# Differences of a thousand digits would take minutes of these: their values and derivatives up to
# the third are held to the textbook's formulas in test_formulary_special.
HELD_ELSEWHERE = {rule.name for rule in SPECIAL}


def call(rule: Rule, operands: Sequence[Any]) -> Any:
    """Call a row of the table on operands, with numbers where Values are not allowed."""
    if rule.numbers_only:
        operands = [
            (x.data if not is_traced(x) else sample)
            if name in rule.fixed and isinstance(x, Value)
            else x
            for name, x, sample in zip(rule.operands, operands, SAMPLES[rule.name], strict=True)
        ]
    return applied(rule, operands)


# --- operands ------------------------------------------------------------------------------------


def _sample(rule: Rule) -> tuple[float, ...]:
    for x in (1, 0, 0.5, 2):
        with contextlib.suppress(ArithmeticError, ValueError):
            xs = (x,) * len(rule.operands)
            rule.evaluate(*xs)
            return xs
    raise ValueError(f"{rule.name}: its domain has none of these")


# Zeros and ones, for any kind of number, within the domain; halves or twos where it has neither.
SAMPLES: dict[str, tuple[float, ...]] = {rule.name: _sample(rule) for rule in TABLE} | {
    "arctanh": (0,),
    "beta_density": (1, 1, 0.5),
    "clip": (1, 0, 1),
    "dot": (1, 0, 1, 1),
    "net": (1, 0, 1, 1, 1),
}
SAMPLES |= {rule.name: (1, 0, 1) for rule in TABLE if rule.of_sequence}

_EDGES = [
    sign * x
    for x in (0.0, 5e-324, SMALLEST_NORMAL, 1e-160, 0.5, 1.0, 1000.0, 1e160, LARGEST)
    for sign in (1.0, -1.0)
]


def _near(*points: float) -> st.SearchStrategy[float]:
    """Floats at distances of every magnitude from the points, and the points."""
    distances = st.floats(-17.0, -0.5).map(lambda power: 10.0**power) | st.just(0.0)
    return st.builds(
        lambda point, sign, distance: point + sign * distance,
        st.sampled_from(points),
        st.sampled_from([-1.0, 1.0]),
        distances,
    )


_REAL = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(-1000.0, 1000.0)
    | st.floats(-8.0, 8.0)
    | st.sampled_from(_EDGES)
)
_POSITIVE = _REAL.map(abs) | _near(1.0, 2.0).map(abs)
_UNIT = st.floats(-1.0, 1.0) | _near(-1.0, 0.0, 1.0).filter(lambda x: -1.0 <= x <= 1.0)
_EXPONENT = st.floats(-750.0, 750.0) | st.floats(-40.0, 40.0) | _near(0.0) | st.sampled_from(_EDGES)
_GAMMA = (
    st.floats(-1e15, 1e15) | st.floats(-10.0, 10.0) | _near(0.0, 1.0, 2.0, -1.0, -2.0) | _POSITIVE
)
_INTEGER = st.integers(-20, 20).map(float)

_EXPONENTIALS = [
    "exp", "exp2", "expm1", "sinh", "cosh", "tanh", "sigmoid", "softplus", "logsigmoid", "gelu",
    "silu", "erf", "erfc", "logsumexp", "softmax",
]  # fmt: skip

_STRATEGIES: dict[str, st.SearchStrategy[float]] = (
    dict.fromkeys(["log", "log2", "log10", "sqrt"], _POSITIVE)
    | {"log1p": _POSITIVE | _near(-1.0, 0.0), "arccosh": _POSITIVE | _near(1.0)}
    | dict.fromkeys(["arcsin", "arccos", "arctanh"], _UNIT)
    | dict.fromkeys(["lgamma", "digamma"], _GAMMA)
    | dict.fromkeys(_EXPONENTIALS, _EXPONENT)
)


def _simple(pieces: Any, x: float) -> float:
    """Round a number to one within the intervals."""
    near = [round(x, 3) + step for step in (0.0, 0.001, -0.001)]
    inside = [y for y in near if any(a < y < b or a == b == y for a, b in pieces)]
    return inside[0] if inside else x


def _stated(rule: Rule, largest: float = math.inf) -> list[st.SearchStrategy[float]]:
    """Numbers from where a row says that it is smooth, an operand each; with its ends, by default.

    Nothing for a row that does not say.
    """
    strategies = []
    tame_numbers = st.floats(-largest, largest).map(lambda x: round(x, 3))
    for smooth in rule.smooth:
        if callable(smooth):
            strategies.append(_REAL if largest == math.inf else tame_numbers)
            continue
        pieces = [(max(a, -largest), min(b, largest)) for a, b in smooth]
        inside = st.one_of(
            *[
                st.floats(max(a, -scale), min(b, scale), exclude_min=a < b, exclude_max=a < b)
                for a, b in pieces
                for scale in (8.0, LARGEST)
                if max(a, -scale) < min(b, scale) or a == b
            ]
        )
        ends = [end for piece in pieces for end in piece if math.isfinite(end)]
        if largest == math.inf and ends:
            inside |= _near(*ends) | _REAL
        if largest < math.inf:
            inside = inside.map(partial(_simple, smooth))
        strategies.append(inside if largest < math.inf or ends else _REAL)
    return strategies


def _tuples(rule: Rule, x: st.SearchStrategy[float]) -> st.SearchStrategy[tuple[float, ...]]:
    if rule.of_sequence:
        return st.lists(x, min_size=1, max_size=4).map(tuple)
    if rule.name in ("dot", "net"):
        sizes = st.integers(0, 3).map(lambda n: 2 * n + (rule.name == "net"))
        return sizes.flatmap(lambda size: st.tuples(*[x] * size))
    return st.tuples(*[x] * len(rule.operands))


def _made_once(
    strategy: Callable[[Rule], st.SearchStrategy[tuple[float, ...]]],
) -> Callable[[Rule], st.SearchStrategy[tuple[float, ...]]]:
    """Keep a row's strategy: to make one takes as long as to draw a hundred times."""
    made: dict[str, st.SearchStrategy[tuple[float, ...]]] = {}

    @wraps(strategy)
    def kept(rule: Rule) -> st.SearchStrategy[tuple[float, ...]]:
        if rule.name not in made:
            made[rule.name] = strategy(rule)
        return made[rule.name]

    return kept


@_made_once
def operands(rule: Rule) -> st.SearchStrategy[tuple[float, ...]]:
    """Operands all over a row's domain, close to its ends and kinks, and some beyond."""
    if rule.name == "polygamma":
        return st.tuples(st.integers(0, 10).map(float), _GAMMA)
    if rule.name == "clip":
        return st.tuples(_REAL, _REAL, _REAL).map(lambda xs: (xs[0], min(xs[1:]), max(xs[1:])))
    x = _STRATEGIES.get(rule.name, _REAL)
    xs = _tuples(rule, x)
    if stated := _stated(rule):
        x = st.one_of(stated)
        xs = _tuples(rule, x) if rule.of_sequence else st.tuples(*stated)
    if rule.name == "**":
        xs |= st.tuples(_POSITIVE, st.floats(-8.0, 8.0)) | st.tuples(_REAL, _INTEGER)
    if len(rule.operands) == 2 or rule.of_sequence:
        xs |= x.map(lambda x: (x, x))  # a tie
    return xs


@_made_once
def tame(rule: Rule) -> st.SearchStrategy[tuple[float, ...]]:
    """Operands of the size of 1, most of them in the domain."""
    largest = 0.999 if rule.name in ("arcsin", "arccos", "arctanh") else 4.0
    x = st.floats(-largest, largest).map(lambda x: round(x, 3))
    if rule.name == "polygamma":
        return st.tuples(st.integers(0, 3).map(float), x)
    if rule.name == "clip":
        return st.tuples(x, x.map(lambda x: -abs(x)), x.map(abs))
    if rule.smooth and not rule.of_sequence:
        return st.tuples(*_stated(rule, 4.0))
    return _tuples(rule, x)


def edges(rule: Rule) -> Iterator[tuple[float, ...]]:
    """Combine extreme operands, for a row of one operand or two."""
    count = len(rule.operands)
    chosen = _EDGES if count == 1 else _EDGES[:4] + _EDGES[10:14] + _EDGES[16:]
    return itertools.product(chosen, repeat=count)
