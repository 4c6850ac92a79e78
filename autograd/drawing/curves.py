"""Numbers on the links that they belong to: Graphviz leaves them beside."""

from __future__ import annotations

import math
import re

__all__ = ["on_curves"]

_LINK = re.compile(r'<g id="[^"]*" class="edge[^"]*">.*?</g>', re.DOTALL)
_PATH = re.compile(r'<path [^>]*\bd="([^"]*)"')
_GROUND = re.compile(r'<polygon [^>]*stroke="(?:transparent|none)"[^>]*points="([^"]*)"[^>]*/>')
_TEXT = re.compile(r'(<text [^>]*?\bx=")([-\d.]+)(" y=")([-\d.]+)(")')
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
_SAMPLES = 32
"""How many points of each piece of a curve are looked at."""


def on_curves(svg: str, vertical: bool = False) -> str:
    """Move the number of each link onto the link.

    Args:
        svg: A picture by Graphviz. A link is a group of the class `edge`, with a path, and with a
            ground below its text.
        vertical: Whether the graph flows up or down: a number stays at its height then, and else
            at its distance from the sides, as there Graphviz has made room for it.

    Returns:
        The picture, in which each number is centred on its link.

    Example:
        >>> link = '<path d="M0,0C0,2 0,4 0,6"/>'
        >>> ground = '<polygon stroke="none" points="4,2 8,2 8,4 4,4"/>'
        >>> group = f'<g id="e0" class="edge">{link}{ground}<text x="5" y="3">1</text></g>'
        >>> on_curves(group, vertical=True).partition('6"/>')[2]
        '<polygon stroke="none" points="-2,2 2,2 2,4 -2,4"/><text x="-1" y="3">1</text></g>'
    """
    return _LINK.sub(lambda link: _moved(link[0], vertical), svg)


def _moved(group: str, vertical: bool) -> str:
    path, ground = _PATH.search(group), _GROUND.search(group)
    if path is None or ground is None:
        return group
    corners = _points(ground[1])
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    x, y = (min(xs) + max(xs)) / 2.0, (min(ys) + max(ys)) / 2.0
    across, along = (0.1, 1.0) if vertical else (1.0, 0.1)
    nearest = min(
        _along(_points(path[1])),
        key=lambda p: math.hypot(across * (p[0] - x), along * (p[1] - y)),
    )
    dx, dy = nearest[0] - x, nearest[1] - y
    points = " ".join(f"{px + dx:.6g},{py + dy:.6g}" for px, py in corners)
    start, end = ground.start(1), ground.end(1)

    def shifted(text: re.Match[str]) -> str:
        before, tx, between, ty, after = text.groups()
        return f"{before}{float(tx) + dx:.6g}{between}{float(ty) + dy:.6g}{after}"

    return f"{group[:start]}{points}{_TEXT.sub(shifted, group[end:])}"


def _points(numbers: str) -> list[tuple[float, float]]:
    found = [float(number) for number in _NUMBER.findall(numbers)]
    return [*zip(found[::2], found[1::2], strict=True)]


def _along(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """List points of a chain of Bézier's cubic curves, which share their ends."""
    found = [points[0]]
    for piece in range(0, len(points) - 3, 3):
        four = points[piece : piece + 4]
        for sample in range(1, _SAMPLES + 1):
            t = sample / _SAMPLES
            s = 1.0 - t
            weights = (s * s * s, 3.0 * s * s * t, 3.0 * s * t * t, t * t * t)
            x, y = (sum(w * p[axis] for w, p in zip(weights, four, strict=True)) for axis in (0, 1))
            found.append((x, y))
    return found
