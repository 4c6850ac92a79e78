"""What a wrong derivative looks like: a guess at the mistake, where numbers allow one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

__all__ = ["hint"]

_CLOSE = 1e-5  # relative: numerical derivatives may have no more digits
_SINGLE = 2.0**-18  # what is closer, and wrong, has the digits of single precision


def hint(
    claimed: Sequence[float],
    numerical: Sequence[float],
    is_wrong: Sequence[bool],
    shape: tuple[int, int],
) -> str:
    """Say what wrong derivatives have in common.

    Args:
        claimed: The derivatives that were claimed, row by row; or some of them.
        numerical: What they should be, about.
        is_wrong: Which of them are wrong.
        shape: How many rows and columns there are: results, and inputs.

    Returns:
        A guess, in words; empty where nothing can be told.

    Example:
        >>> hint([2.0, -6.0], [1.0, -3.0], [True, True], (1, 2))
        'each is 2 times what it should be: is there a factor too many?'
    """
    wrong = [
        (a, b) for a, b, w in zip(claimed, numerical, is_wrong, strict=True) if w and _known(b)
    ]
    if not wrong:
        return ""
    if any(not math.isfinite(a) for a, _ in wrong):
        return "it is not finite where the function has a derivative"
    return (
        _of_few_digits(wrong)
        or _arranged(claimed, numerical, shape)
        or _zero(wrong)
        or _of_a_factor(wrong, shape)
        or _of_a_term(claimed, numerical, is_wrong)
    )


def _known(x: float) -> bool:
    return math.isfinite(x)


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= _CLOSE * max(abs(a), abs(b))


def _all_close(a: Sequence[float], b: Sequence[float]) -> bool:
    scale = max(map(abs, b), default=0.0)
    return all(_close(x, y) or abs(x - y) <= 1e-9 * scale for x, y in zip(a, b, strict=True))


def _arranged(claimed: Sequence[float], numerical: Sequence[float], shape: tuple[int, int]) -> str:
    """Look for the right numbers in wrong places."""
    rows, columns = shape
    if (
        len(claimed) < 2
        or len(claimed) != rows * columns
        or not all(map(_known, [*claimed, *numerical]))
    ):
        return ""
    if rows > 1 and columns > 1:
        turned = [numerical[j * columns + i] for i in range(columns) for j in range(rows)]
        if _all_close(claimed, turned):
            return "it is the transpose of what it should be"
    if len(set(numerical)) > 1 and _all_close(sorted(claimed), sorted(numerical)):
        return "its numbers are right, and in another order"
    return ""


def _zero(wrong: Sequence[tuple[float, float]]) -> str:
    if all(a == 0.0 for a, _ in wrong):
        return "it is 0 where it should not be: is the result cut off from this input?"
    return ""


def _of_a_factor(wrong: Sequence[tuple[float, float]], shape: tuple[int, int]) -> str:
    ratios = [a / b for a, b in wrong if b]
    if not ratios or len(ratios) < len(wrong):
        return ""
    ratio = ratios[0]
    if not all(_close(each, ratio) for each in ratios):
        return ""
    each = "each" if len(wrong) > 1 else "it"
    if _close(ratio, -1.0):
        return f"{each} has the wrong sign"
    for count, of in ((shape[1], "inputs"), (shape[0], "results")):
        if count > 2 and (_close(ratio, count) or _close(ratio, 1.0 / count)):
            text = f"{count}" if ratio > 1.0 else f"1/{count}"
            return (
                f"{each} is {text} times what it should be, and there are {count} {of}: is a sum "
                "taken for a mean, or a mean for a sum?"
            )
    fraction = Fraction(ratio).limit_denominator(12)
    if fraction != 1 and abs(fraction.numerator) <= 12 and _close(ratio, float(fraction)):
        guess = "is a factor or an exponent wrong?"
        if fraction.denominator == 1:
            guess = "is there a factor too many?"
        elif abs(fraction.numerator) == 1:
            guess = "is a factor missing?"
        return f"{each} is {fraction} times what it should be: {guess}"
    if len(wrong) > 1:
        return f"each is {ratio:.6g} times what it should be"
    return ""


def _of_a_term(
    claimed: Sequence[float], numerical: Sequence[float], is_wrong: Sequence[bool]
) -> str:
    """Look for another partial derivative in what is missing."""
    wrong = [i for i, w in enumerate(is_wrong) if w]
    missing = [numerical[i] - claimed[i] for i in wrong]
    if len(wrong) > 1 and _all_close(missing, [missing[0]] * len(missing)):
        what = (
            "lacks the same term"
            if missing[0] * numerical[wrong[0]] > 0.0
            else "has a term too many"
        )
        return f"each {what}, {abs(missing[0]):.6g}"
    if len(wrong) == 1 and len(claimed) <= 64:
        for j, other in enumerate(numerical):
            if j != wrong[0] and other and _close(missing[0], other):
                return "what it lacks is as large as another of the derivatives"
    return ""


def _of_few_digits(wrong: Sequence[tuple[float, float]]) -> str:
    if all(abs(a - b) <= _SINGLE * abs(b) for a, b in wrong):
        return "it has the digits of single precision: is it computed in float32?"
    return ""
