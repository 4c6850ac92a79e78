"""Where each function of the table is smooth, as data; and operands drawn from there.

A derivative is best checked in the interior of a function's domain: at a distance from its ends,
poles and kinks, and at a moderate size. `DOMAINS` states that interior for each row of the table,
operand by operand; the interior for one operand may depend on those before it, as the second
operand of a maximum may not come close to the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import pi
from typing import Any, TypeAlias

from hypothesis import strategies as st

from autograd.errors import shown
from autograd.forks import cached_property
from autograd.formulary import ROWS
from autograd.rule import Rule
from autograd.rules import RULES

__all__ = ["DOMAINS", "MARGIN", "Region", "name_of", "operand", "operands"]

MARGIN = 0.125
"""The distance that operands keep from the ends of a domain, and from poles and kinks."""


@dataclass(frozen=True)
class Region:
    """A union of closed intervals.

    Attributes:
        intervals: The intervals; the one that examples shrink to comes first.
        fixed: Whether an operand drawn from here is always a plain number, because no derivative is
            taken with respect to it.

    Example:
        >>> 0.0 in Region(((-1.0, 1.0),)), 0.0 in Region(((1.0, 2.0), (-2.0, -1.0)))
        (True, False)
    """

    intervals: tuple[tuple[float, float], ...]
    fixed: bool = False

    def __contains__(self, x: float) -> bool:
        return any(lower <= x <= upper for lower, upper in self.intervals)

    @cached_property
    def floats(self) -> st.SearchStrategy[float]:
        """A strategy for the floats in the region."""
        ends = [end for interval in self.intervals for end in interval]
        if all(lower == upper for lower, upper in self.intervals):
            return st.sampled_from(ends[::2])
        drawn = st.floats(min(ends), max(ends), allow_subnormal=False)
        return drawn if len(self.intervals) == 1 else drawn.map(self._inside)

    def _inside(self, x: float) -> float:
        """Move a number out of a gap, and a simple number to a simple one."""
        if x in self:
            return x
        for step in (1.0, 2.0, 0.5):
            if x + step in self:
                return x + step
        ends = [end for interval in self.intervals for end in interval]
        return min(ends, key=lambda end: abs(end - x))


Bound: TypeAlias = "Region | Callable[..., Region]"
"""The region of one operand, or a function that gives it from the preceding operands."""


def _outside(
    points: Iterable[float], lower: float = -8.0, upper: float = 8.0, margin: float = MARGIN
) -> Region:
    """Leave out of an interval what is close to one of the given points."""
    ends = [lower]
    for point in sorted(points):
        ends += [min(point - margin, upper), max(point + margin, lower)]
    ends.append(upper)
    pieces = [(a, b) for a, b in zip(ends[::2], ends[1::2], strict=True) if a < b]
    # First what is around 0, then what is positive, then what is closest to 0.
    pieces.sort(key=lambda piece: (not piece[0] <= 0.0 <= piece[1], piece[1] < 0.0, abs(piece[0])))
    return Region(tuple(pieces))


# --- the interiors -------------------------------------------------------------------------------

REAL = Region(((-8.0, 8.0),))
MODEST = Region(((-4.0, 4.0),))  # for functions that grow, or flatten out, exponentially
POSITIVE = Region(((MARGIN, 8.0),))
NONZERO = _outside([0.0])
UNIT = Region(((MARGIN - 1.0, 1.0 - MARGIN),))
BETWEEN_INTEGERS = _outside(range(-8, 9))
BETWEEN_POLES = _outside([0.0, -1.0, -2.0, -3.0], lower=-3.0, margin=2.0 * MARGIN)


def _away_from_largest(*xs: float) -> Region:
    return _outside([max(xs)]) if xs else REAL


def _away_from_smallest(*xs: float) -> Region:
    return _outside([min(xs)]) if xs else REAL


def _not_all_zero(*xs: float) -> Region:
    return REAL if xs else NONZERO


def _divisor(x1: float) -> Region:
    """Keep the quotient between two integers, up to 3, with room on both sides."""
    quotients = [(k + 0.25, k + 0.75) for k in (0.0, 1.0, 2.0)]
    positive = [(abs(x1) / upper, abs(x1) / lower) for lower, upper in quotients]
    return Region((*positive, *[(-upper, -lower) for lower, upper in positive]))


def _upper_bound(x: float, lower: float) -> Region:
    return _outside([x], lower + MARGIN, max(x, lower) + 8.0)


DOMAINS: dict[str, tuple[Bound, ...]] = {
    **dict.fromkeys(["+", "-", "*"], (REAL, REAL)),
    "/": (REAL, NONZERO),
    "neg": (REAL,),
    "**": (POSITIVE, Region(((-3.0, 3.0),))),
    **dict.fromkeys(["//", "%"], (NONZERO, _divisor)),
    "abs": (NONZERO,),
    **dict.fromkeys(["exp", "exp2", "expm1"], (MODEST,)),
    **dict.fromkeys(["log", "log2", "log10", "sqrt"], (POSITIVE,)),
    "log1p": (Region(((MARGIN - 1.0, 8.0),)),),
    **dict.fromkeys(["cbrt", "reciprocal"], (NONZERO,)),
    "square": (REAL,),
    "hypot": (REAL, lambda x1: REAL if x1 in NONZERO else NONZERO),
    **dict.fromkeys(["sin", "cos"], (REAL,)),
    "tan": (_outside([(k + 0.5) * pi for k in range(-3, 3)]),),
    **dict.fromkeys(["arcsin", "arccos", "arctanh"], (UNIT,)),
    "arctan": (REAL,),
    "arctan2": (REAL, lambda x1: REAL if x1 in NONZERO else POSITIVE),
    **dict.fromkeys(["sinh", "cosh", "tanh"], (MODEST,)),
    "arcsinh": (REAL,),
    "arccosh": (Region(((1.0 + MARGIN, 8.0),)),),
    **dict.fromkeys(["sigmoid", "softplus", "logsigmoid", "gelu", "silu"], (MODEST,)),
    "relu": (NONZERO,),
    **dict.fromkeys(["leaky_relu", "elu"], (_outside([0.0], -4.0, 4.0), MODEST)),
    **dict.fromkeys(["erf", "erfc"], (Region(((-3.0, 3.0),)),)),
    **dict.fromkeys(["lgamma", "digamma"], (BETWEEN_POLES,)),
    "polygamma": (Region(tuple((n, n) for n in (0.0, 1.0, 2.0, 3.0)), fixed=True), BETWEEN_POLES),
    "sign": (NONZERO,),
    **dict.fromkeys(["floor", "ceil", "trunc"], (BETWEEN_INTEGERS,)),
    **dict.fromkeys(["maximum", "minimum"], (REAL, _away_from_largest)),
    "clip": (REAL, _away_from_largest, _upper_bound),
    "where": (Region(((1.0, 1.0), (0.0, 0.0)), fixed=True), REAL, REAL),
    **dict.fromkeys(["sum", "mean", "logsumexp", "softmax"], (REAL,)),
    "prod": (MODEST,),
    "norm": (_not_all_zero,),
    "max": (_away_from_largest,),
    "min": (_away_from_smallest,),
    "dot": (REAL, REAL),
    "net": (REAL, REAL, REAL),
}
"""For each row of the table, the region of each operand: one entry for each name in `operands`."""


def _interior(smooth: Any, fixed: bool) -> Bound:
    """Return the region that a row states, minus its margins, within -8 and 8."""
    if callable(smooth):
        return lambda *xs: Region(tuple(smooth(*xs)), fixed)
    if fixed:  # a sequence of numbers, or closed intervals
        return Region(tuple(smooth), fixed)
    pieces = [(max(a + MARGIN, -8.0), min(b - MARGIN, 8.0)) for a, b in smooth]
    return Region(tuple((a, b) for a, b in pieces if a < b))


def _stated(rule: Rule) -> tuple[Bound, ...]:
    if not rule.smooth:
        return (REAL,) * len(rule.operands)
    return tuple(
        _interior(smooth, name in rule.fixed)
        for name, smooth in zip(rule.operands, rule.smooth, strict=True)
    )


DOMAINS |= {rule.name: _stated(rule) for rule in ROWS if rule.name not in DOMAINS}

# --- strategies ----------------------------------------------------------------------------------


def name_of(function: Any) -> str:
    """Return the name of a row of the table whose interior is known.

    Args:
        function: A function of `autograd`, or its name; the sign, for an operator.

    Returns:
        The name.

    Raises:
        ValueError: There is no such function, or its domain is not known.

    Example:
        >>> from autograd import tanh
        >>> name_of(tanh), name_of("%")
        ('tanh', '%')
    """
    name = function if isinstance(function, str) else getattr(function, "__name__", None)
    if name not in DOMAINS:
        raise ValueError(
            f"no domain is known for {shown(function)}: name a built-in function of autograd, or "
            "an operator by its sign; for another function, draw operands by hypothesis.strategies"
        )
    return str(name)


def spread(rule: Rule, entries: Sequence[Any], repeats: int) -> list[Any]:
    """Repeat the entries for a row's starred operands.

    Args:
        rule: The row.
        entries: One entry for each name in the row's `operands`.
        repeats: How many operands each starred name stands for.

    Returns:
        One entry for each operand.

    Example:
        >>> spread(RULES["net"], ["w", "x", "b"], 2)
        ['w', 'w', 'x', 'x', 'b']
    """
    return [
        entry
        for name, entry in zip(rule.operands, entries, strict=True)
        for _ in range(repeats if name.startswith("*") else 1)
    ]


def operands(function: Any, *, max_size: int = 4) -> st.SearchStrategy[tuple[float, ...]]:
    """Draw operands from the interior of a function's domain.

    The function is defined and differentiable there, and some way beyond: no end of the domain, no
    pole and no kink is near. Operands with respect to which no derivative is taken (the order of
    `polygamma`, the condition of `where`) are drawn as well, to be held fixed.

    Args:
        function: A function of `autograd`, or its name; the sign, for an operator.
        max_size: For functions of sequences, the maximum length.

    Returns:
        A strategy of tuples, with one float for each operand. A function of a sequence gets tuples
        of all lengths; those for `dot` hold both sequences, those for `net` weights, inputs and
        bias.

    Raises:
        ValueError: The domain of the function is not known.

    Example:
        >>> from hypothesis import find
        >>> find(operands("log"), lambda xs: True)
        (1.0,)
        >>> find(operands("maximum"), lambda xs: True)
        (0.0, 1.0)
    """
    return _operands(name_of(function), max_size)


def operand(function: Any, position: int = 0) -> st.SearchStrategy[float]:
    """Draw one operand from the interior of a function's domain.

    Args:
        function: A function of `autograd`, or its name; the sign, for an operator.
        position: The operand's position in the signature.

    Returns:
        A strategy of floats.

    Raises:
        ValueError: The function's domain is not known, or the operand's depends on the others.
        IndexError: The function has no such operand.

    Example:
        >>> from hypothesis import find
        >>> find(operand("arcsin"), lambda x: x > 0.5)
        0.75
    """
    region = DOMAINS[name_of(function)][position]
    if not isinstance(region, Region):
        raise ValueError(
            f"operand {position} of {name_of(function)} depends on the others: draw all of them "
            "by `operands`"
        )
    return region.floats


@st.composite
def _operands(draw: st.DrawFn, name: str, max_size: int) -> tuple[float, ...]:
    rule = RULES[name]
    starred = any(operand.startswith("*") for operand in rule.operands)
    repeats = draw(st.integers(1, max_size)) if starred else 1
    xs: list[float] = []
    for bound in spread(rule, DOMAINS[name], repeats):
        region = bound if isinstance(bound, Region) else bound(*xs)
        xs.append(draw(region.floats))
    return tuple(xs)
