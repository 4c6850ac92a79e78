"""The curve of each function of the table and that of its derivative, as pictures in SVG.

They are drawn from the rows themselves, in the colours of the page that shows them.
"""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from autograd.rule import FLOATS, Rule

__all__ = ["Curve", "curve", "picture"]

WIDTH, HEIGHT, MARGIN = 360, 220, 26
STEPS = 480
LEFT, RIGHT = -4.0, 4.0
HELD: dict[str, tuple[float, ...]] = {
    "clip": (0.0, -1.0, 1.0),
    "copysign": (0.0, 1.0),
    "dot": (0.0, 1.0, 2.0, 3.0),
    "hypot": (0.0, 1.0),
    "net": (0.0, 1.0, 2.0, 3.0, 1.0),
    "beta_density": (2.0, 3.0, 0.0),
    "betainc": (2.0, 3.0, 0.0),
    "gamma_density": (2.0, 0.0),
    "gammainc": (2.0, 0.0),
    "gammaincc": (2.0, 0.0),
    "leaky_relu": (0.0, 0.1),
    "xlog1py": (0.0, 2.0),
    "xlogy": (0.0, 2.0),
    "where": (1.0, 0.0, 1.0),
}
"""The operands at which a function of several is held while one of them varies."""


@dataclass(frozen=True)
class Curve:
    """A function of one operand, sampled with its derivative.

    Attributes:
        what: What is drawn, as a formula.
        place: Which of the operands varies.
        xs: Where it is sampled, in order.
        ys: Its values; nan off its domain.
        slopes: Its derivatives.
        kinks: Pairs of a kink and of the derivative that is the convention there.
    """

    what: str
    place: int
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    slopes: tuple[float, ...]
    kinks: tuple[tuple[float, float], ...]


def _held(rule: Rule) -> tuple[tuple[float, ...], int]:
    """Choose the operands of a function, and which of them is to vary."""
    if rule.name in HELD:
        xs = HELD[rule.name]
    elif rule.of_sequence:
        xs = (0.0, 1.0, -0.5)
    else:
        example = rule.example[0] if rule.example else ()
        xs = tuple(map(float, example)) if len(example) == len(rule.operands) else ()
        xs = xs or (1.0,) * len(rule.operands)
    names = rule.operands if len(rule.operands) == len(xs) else ("",) * len(xs)
    free = [place for place, name in enumerate(names) if name not in rule.fixed]
    return xs, 1 if rule.name == "where" else free[0]


def _at(rule: Rule, xs: Sequence[float], place: int) -> tuple[float, float]:
    """Evaluate a row and one of its derivatives, both nan off its domain."""
    try:
        y = float(rule.evaluate(*xs))
    except (ArithmeticError, ValueError):
        return math.nan, math.nan
    return y, float(rule.local_derivatives(y, *xs)[place])


def _formula(rule: Rule, xs: Sequence[float], place: int) -> str:
    """Write a call, with a letter for the operand that varies."""
    shown = [f"{x:g}" for x in xs]
    shown[place] = "x"
    if rule.name == "dot":
        half = len(shown) // 2
        return f"dot([{', '.join(shown[:half])}], [{', '.join(shown[half:])}])"
    if rule.name == "net":
        half = len(shown) // 2
        first, second = ", ".join(shown[:half]), ", ".join(shown[half:-1])
        return f"net([{first}], [{second}], {shown[-1]})"
    inside = ", ".join(shown)
    return f"{rule.name}([{inside}])" if rule.of_sequence else f"{rule.name}({inside})"


def curve(rule: Rule) -> Curve:
    """Sample a row where it is defined, for an operand about 0.

    Args:
        rule: A row of the table.

    Returns:
        The curve of the function in its first operand that may vary.

    Example:
        >>> from autograd.rules import RULES
        >>> found = curve(RULES["relu"])
        >>> found.what, found.kinks
        ('relu(x)', ((0.0, 0.0),))
    """
    held, place = _held(rule)

    def at(x: float) -> tuple[float, float]:
        return _at(rule, (*held[:place], x, *held[place + 1 :]), place)

    def inside(left: float, right: float, count: int) -> list[float]:
        step = (right - left) / count
        xs = [left + step * each for each in range(count + 1)]
        return [x for x in xs if math.isfinite(at(x)[0])]

    defined = inside(LEFT, RIGHT, STEPS) or [LEFT, RIGHT]
    left, right = defined[0], defined[-1]
    step = (right - left) / STEPS
    xs = tuple(round(left + step * each, 12) for each in range(STEPS + 1))
    pairs = [at(x) for x in xs]
    kinks = []
    for x in [half / 2.0 for half in range(-7, 8)]:
        y, slope = at(x)
        operands = (*held[:place], x, *held[place + 1 :])
        known = rule.kinks is not None and math.isfinite(y) and math.isfinite(slope)
        if rule.kinks is not None and known and rule.kinks(FLOATS, y, *operands):
            kinks.append((x, slope))
    ys = tuple(y for y, _ in pairs)
    at_kinks = {x for x, _ in kinks}
    slopes = tuple(
        math.nan if x in at_kinks else slope for x, (_, slope) in zip(xs, pairs, strict=True)
    )
    return Curve(_formula(rule, held, place), place, xs, ys, slopes, tuple(kinks))


# --- the picture ----------------------------------------------------------------------------------


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Choose what an axis shows: 0, and the values without the far ends of poles."""
    finite = sorted(y for y in values if math.isfinite(y))
    if not finite:
        return -1.0, 1.0
    low, high = finite[len(finite) // 25], finite[-1 - len(finite) // 25]
    if finite[-1] - finite[0] <= 3.0 * (high - low):
        low, high = finite[0], finite[-1]
    most = max(8.0, 3.0 * max(abs(finite[len(finite) // 4]), abs(finite[-1 - len(finite) // 4])))
    low, high = max(low, -most), min(high, most)
    low, high = min(low, 0.0), max(high, 0.0)
    if high - low < 1e-9:
        low, high = low - 1.0, high + 1.0
    margin = 0.08 * (high - low)
    return low - margin, high + margin


def _ticks(low: float, high: float) -> list[float]:
    """Choose round numbers on an axis, 0 among them."""
    rough = (high - low) / 5.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * each for each in (1.0, 2.0, 5.0, 10.0) if power * each >= rough)
    return [step * each for each in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _pieces(
    xs: Sequence[float], ys: Sequence[float], largest: float
) -> Iterator[list[tuple[float, float]]]:
    """Cut a curve where it is not defined, and where it jumps."""
    piece: list[tuple[float, float]] = []
    for place, (x, y) in enumerate(zip(xs, ys, strict=True)):
        jumps = False
        if piece and math.isfinite(y):
            step = abs(y - piece[-1][1])
            before = abs(piece[-1][1] - piece[-2][1]) if len(piece) > 1 else step
            after = abs(ys[place + 1] - y) if place + 1 < len(ys) else step
            jumps = step > 0.04 * largest and step >= 6.0 * min(before, after)
            jumps |= y * piece[-1][1] < 0.0 and step > largest  # through a pole
        if not math.isfinite(y) or jumps:
            if len(piece) > 1:
                yield piece
            piece = []
        if math.isfinite(y):
            piece.append((x, y))
    if len(piece) > 1:
        yield piece


def picture(found: Curve) -> str:
    """Draw a function, by a solid line, and its derivative, by a dashed one.

    A ring is the convention at a kink.

    Args:
        found: The curve of a row.

    Returns:
        An `svg` element, whose colours are those of the classes `curve` and `slope`.

    Example:
        >>> from autograd.rules import RULES
        >>> picture(curve(RULES["relu"])).count("<circle")
        1
    """
    low, high = _span([*found.ys, *found.slopes])
    left, right = found.xs[0], found.xs[-1]
    pad = 0.02 * (right - left) or 1.0
    left, right = left - pad, right + pad

    def across(x: float) -> float:
        return MARGIN + (x - left) / (right - left) * (WIDTH - 2 * MARGIN)

    def down(y: float) -> float:
        return MARGIN / 2 + (high - y) / (high - low) * (HEIGHT - 1.5 * MARGIN)

    parts = [
        (
            f'<svg class="curves" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{html.escape(found.what)} and its derivative">'
        )
    ]
    top, bottom = MARGIN / 2, HEIGHT - MARGIN
    for x in _ticks(left, right):
        mark = "axis" if x == 0.0 else "grid"
        at = f"{across(x):.1f}"
        parts.append(f'<path class="{mark}" d="M{at} {top}V{bottom}"/>')
        parts.append(f'<text x="{at}" y="{HEIGHT - 10}" text-anchor="middle">{_sign(x)}</text>')
    for y in _ticks(low, high):
        mark = "axis" if y == 0.0 else "grid"
        at = f"{down(y):.1f}"
        parts.append(f'<path class="{mark}" d="M{MARGIN} {at}H{WIDTH - MARGIN}"/>')
        parts.append(
            f'<text x="{MARGIN - 4}" y="{down(y) + 3.5:.1f}" text-anchor="end">{_sign(y)}</text>'
        )
    parts.append(  # what is within cuts off what leaves the axes
        f'<svg x="{MARGIN}" y="{top}" width="{WIDTH - 2 * MARGIN}" height="{bottom - top}" '
        f'viewBox="{MARGIN} {top} {WIDTH - 2 * MARGIN} {bottom - top}">'
    )
    for name, ys in (("slope", found.slopes), ("curve", found.ys)):
        beyond = 4.0 * (high - low)
        drawn = [y if low - beyond < y < high + beyond else math.nan for y in ys]
        for piece in _pieces(found.xs, drawn, high - low):
            points = _short([(across(x), down(y)) for x, y in piece])
            path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
            parts.append(f'<path class="{name}" d="M{path}"/>')
    parts.append("</svg>")
    for x, slope in found.kinks:
        parts.append(f'<circle class="slope" cx="{across(x):.1f}" cy="{down(slope):.1f}" r="3.5"/>')
    return "".join([*parts, "</svg>"])


def _sign(x: float) -> str:
    """Write a number at an axis, with a minus as print has it."""
    return f"{x:.3g}".replace("-", "−")


def _short(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Leave out points that lie on the line between their neighbours, to a tenth of a pixel."""
    kept = points[:1]
    for before, after in itertools.pairwise(points):
        (x0, y0), (x1, y1), (x2, y2) = kept[-1], before, after
        between = y0 + (y2 - y0) * (x1 - x0) / (x2 - x0) if x2 > x0 else y1
        if abs(between - y1) > 0.1 or x2 - x0 > 12.0:
            kept.append(before)
    return [*kept, points[-1]]
