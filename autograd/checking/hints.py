"""Hints: a guess at the mistake behind a wrong derivative, if the numbers allow one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from autograd.errors import counted

__all__ = ["hint"]

_CLOSE = 1e-5  # relative: numerical derivatives may have no more digits
_KNOWN = 0.02  # of a derivative: with a smaller bound it can be compared
_SINGLE = 2.0**-18  # relative: a wrong derivative this close has the digits of single precision
_FEW = 0.02  # relative: a derivative this close is correct to a few digits
_MANY = 64  # among so many derivatives, one may match by chance


class _Entry(NamedTuple):
    """A derivative: the claim, what it should be within a tolerance, and whether it is wrong."""

    claimed: float
    numerical: float
    tolerance: float
    is_wrong: bool

    @property
    def missing(self) -> float:
        return self.numerical - self.claimed


def hint(
    claimed: Sequence[float],
    numerical: Sequence[float],
    is_wrong: Sequence[bool],
    shape: tuple[int, int],
    *,
    bounds: Sequence[float] | None = None,
    data: Sequence[float] | None = None,
    matrices: Sequence[tuple[str, int, tuple[int, int]]] = (),
) -> str:
    """Say what wrong derivatives have in common.

    Args:
        claimed: The claimed derivatives, row by row; or some of them.
        numerical: Approximately what they should be.
        is_wrong: Which of them are wrong.
        shape: The number of rows and columns: results and inputs.
        bounds: How far off `numerical` may be; by default it is taken as nearly exact.
        data: The inputs, if all of the derivatives are there.
        matrices: Which inputs form matrices: the path to each, the place of its first number, and
            its shape.

    Returns:
        A guess, in words; empty if there is none.

    Example:
        >>> hint([2.0, -6.0], [1.0, -3.0], [True, True], (1, 2))
        'each is 2 times what it should be: is there a factor too many?'
    """
    entries = [
        _Entry(a, b, max(bound, _CLOSE * max(abs(a), abs(b))), w)
        for a, b, bound, w in zip(
            claimed, numerical, bounds or [0.0] * len(claimed), is_wrong, strict=True
        )
    ]
    wrong = [e for e in entries if e.is_wrong and math.isfinite(e.numerical)]
    if not wrong:
        return ""
    if any(not math.isfinite(e.claimed) for e in wrong):
        return "it is not finite where the function has a derivative"
    known = [e for e in wrong if e.tolerance <= _KNOWN * max(abs(e.numerical), abs(e.claimed))]
    return (
        _of_few_digits(wrong, _SINGLE)
        or _arranged(entries, shape, matrices)
        or _zero(wrong)
        or (_of_a_factor(known, shape) if 2 * len(known) > len(wrong) else "")
        or _of_a_term(entries)
        or _of_the_inputs(entries, shape, data)
        or _of_few_digits(wrong, _FEW)
    )


def _close(a: float, b: float, tolerance: float = 0.0) -> bool:
    return abs(a - b) <= max(tolerance, _CLOSE * max(abs(a), abs(b)))


def _all_close(a: Sequence[float], b: Sequence[float], tolerances: Sequence[float]) -> bool:
    scale = max(map(abs, b), default=0.0)
    return all(
        _close(x, y, max(tolerance, 1e-9 * scale))
        for x, y, tolerance in zip(a, b, tolerances, strict=True)
    )


def _arranged(
    entries: Sequence[_Entry],
    shape: tuple[int, int],
    matrices: Sequence[tuple[str, int, tuple[int, int]]],
) -> str:
    """Look for the right numbers in wrong places."""
    rows, columns = shape
    claimed, numerical = [e.claimed for e in entries], [e.numerical for e in entries]
    if (
        len(entries) < 2
        or len(entries) != rows * columns
        or not all(map(math.isfinite, [*claimed, *numerical]))
        or any(e.tolerance > _KNOWN * max(map(abs, numerical)) for e in entries)
    ):
        return ""
    tolerances = [e.tolerance for e in entries]

    def comes_from(places: Sequence[int]) -> bool:
        return _all_close(claimed, [numerical[i] for i in places], [tolerances[i] for i in places])

    if comes_from(range(len(entries))):  # the errors are small
        return ""
    turned = [j * columns + i for i in range(columns) for j in range(rows)]
    if rows > 1 and columns > 1 and comes_from(turned):
        return "it is the transpose of what it should be"
    for path, first, (height, width) in matrices:
        places = list(range(columns))
        transposed = [first + i * width + j for j in range(width) for i in range(height)]
        places[first : first + height * width] = transposed
        if comes_from([row * columns + place for row in range(rows) for place in places]):
            return f"with respect to {path} it is the transpose of what it should be"
    order = sorted(range(len(entries)), key=numerical.__getitem__)
    ordered = [numerical[i] for i in order], [tolerances[i] for i in order]
    if len(set(numerical)) > 1 and _all_close(sorted(claimed), *ordered):
        return "its numbers are right, but in another order"
    return ""


def _zero(wrong: Sequence[_Entry]) -> str:
    if all(e.claimed == 0.0 for e in wrong):
        return "it is 0 where it should not be: is the result cut off from this input?"
    return ""


def _of_a_factor(wrong: Sequence[_Entry], shape: tuple[int, int]) -> str:
    if any(not e.numerical for e in wrong):
        return ""
    best = min(wrong, key=lambda e: e.tolerance / abs(e.numerical))
    ratio = best.claimed / best.numerical
    if not all(_is_times(ratio, e) for e in wrong):
        return ""

    def fits(factor: float) -> bool:
        return all(_is_times(factor, e) for e in wrong)

    each = "each" if len(wrong) > 1 else "it"
    if fits(-1.0):
        return f"{each} has the wrong sign"
    for count, of in ((shape[1], "inputs"), (shape[0], "results")):
        for factor, text in ((float(count), f"{count}"), (1.0 / count, f"1/{count}")):
            if count > 2 and fits(factor):
                return (
                    f"{each} is {text} times what it should be, and there are {count} {of}: is a "
                    "sum taken for a mean, or a mean for a sum?"
                )
    fraction = Fraction(ratio).limit_denominator(12)
    if fraction not in (0, 1) and abs(fraction.numerator) <= 12 and fits(float(fraction)):
        guess = "is a factor or an exponent wrong?"
        if fraction.denominator == 1:
            guess = "is there a factor too many?"
        elif abs(fraction.numerator) == 1:
            guess = "is a factor missing?"
        return f"{each} is {fraction} times what it should be: {guess}"
    if len(wrong) > 1:
        return f"each is {ratio:.6g} times what it should be"
    return ""


def _is_times(factor: float, entry: _Entry) -> bool:
    wanted = factor * entry.numerical
    return _close(entry.claimed, wanted, entry.tolerance * max(abs(factor), 1.0))


def _of_a_term(entries: Sequence[_Entry]) -> str:
    """Look for another partial derivative in the error."""
    wrong = [i for i, e in enumerate(entries) if e.is_wrong]
    missing = [entries[i].missing for i in wrong]
    tolerances = [entries[i].tolerance for i in wrong]
    if any(t > _KNOWN * abs(m) for m, t in zip(missing, tolerances, strict=True)):
        return ""
    if len(wrong) > 1 and _all_close(missing, [missing[0]] * len(missing), tolerances):
        is_less = missing[0] * entries[wrong[0]].numerical > 0.0
        what = "lacks the same term" if is_less else "has a term too many"
        return f"each {what}, {abs(missing[0]):.6g}"
    if len(wrong) == 1 and len(entries) <= _MANY:
        for j, other in enumerate(entries):
            close = other.numerical and _close(missing[0], other.numerical, tolerances[0])
            if j != wrong[0] and close:
                return "its error is as large as another of the derivatives: is that one missing?"
    return ""


def _of_the_inputs(
    entries: Sequence[_Entry], shape: tuple[int, int], data: Sequence[float] | None
) -> str:
    """Look for a multiple of the inputs in the error: a penalty of their squares."""
    if data is None or shape[0] != 1 or len(entries) != len(data):
        return ""
    pairs = [(e, x) for e, x in zip(entries, data, strict=True) if e.is_wrong]
    if len(pairs) < 2 or any(not x for _, x in pairs):
        return ""
    entry, x = min(pairs, key=lambda pair: pair[0].tolerance / abs(pair[1]))
    factor = entry.missing / x
    if not all(_close(e.missing, factor * x, 2.0 * e.tolerance) for e, x in pairs):
        return ""
    if any(2.0 * e.tolerance > _KNOWN * abs(e.missing) for e, _ in pairs):
        return ""
    what = "lacks" if factor > 0.0 else "has too much of"
    return f"each {what} {abs(factor):.6g} times its input: is a penalty of squares wrong?"


def _of_few_digits(wrong: Sequence[_Entry], limit: float) -> str:
    largest = max(abs(e.missing) / abs(e.numerical) if e.numerical else math.inf for e in wrong)
    if largest > limit:
        return ""
    if limit == _SINGLE:
        return (
            "it has the digits of single precision: is it, or the function, computed in float32 or "
            'by a solver that stops early? Then pass precision="single"'
        )
    digits = int(-math.log10(largest))
    return (
        f"it is right to {counted(digits, 'digit')}: is it an approximation, or computed "
        "by a solver that stops early?"
    )
