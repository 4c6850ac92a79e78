"""How wide a text is in the font that drawings name, so that it keeps to its box in any other.

Graphviz makes a box as wide as its text is in Helvetica, or in a font of the same widths. A viewer
that has none of these shows the text in another, often wider one, and numbers would run out of
their boxes and pills. So each text in an SVG says how long it is, and viewers fit it to that.
"""

from __future__ import annotations

import re
from html import unescape

__all__ = ["fitted", "length"]

# Widths in thousandths of the size, from Adobe's font metrics of Helvetica (the Core 14 AFM files),
# which Arial and Liberation Sans share: of the characters from the blank to the tilde, then signs.
_SIGNS = "−×÷·…²³½°≤≥≠–"
_OF_SIGNS = (584, 584, 584, 278, 1000, 333, 333, 834, 400, 549, 549, 549, 556)
_PLAIN = """
278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556
556 278 278 584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778
722 667 611 722 667 944 667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222
500 222 833 556 556 556 556 333 500 278 556 500 722 500 500 500 334 260 334 584
"""
_BOLD = """
278 333 474 556 556 889 722 238 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556
556 333 333 584 584 584 611 975 722 722 722 722 667 611 778 722 278 556 722 611 833 722 778 667 778
722 667 611 722 667 944 667 667 611 333 278 333 584 556 333 556 611 556 611 556 333 611 611 278 278
556 278 889 611 611 611 611 389 556 333 611 556 778 556 556 500 389 280 389 584
"""


def _widths(plain: str) -> dict[str, int]:
    found = {chr(code): int(width) for code, width in enumerate(plain.split(), start=32)}
    return {**found, **dict(zip(_SIGNS, _OF_SIGNS, strict=True)), "\xa0": found[" "]}


_WIDTHS = {False: _widths(_PLAIN), True: _widths(_BOLD)}
_TEXT = re.compile(r'<text ([^>]*font-size="([\d.]+)"[^>]*)>([^<]+)</text>')


def length(text: str, size: float, bold: bool = False) -> float | None:
    """Return the length of a text in Helvetica.

    Args:
        text: The text, on one line.
        size: The size of the letters.
        bold: Whether they are bold.

    Returns:
        The length, in the unit of the size; None if the font lacks a character.

    Example:
        >>> length("0.5", 10.0), length("权", 10.0)
        (13.9, None)
    """
    widths = _WIDTHS[bold]
    try:
        return sum([widths[character] for character in text]) * size / 1000.0
    except KeyError:
        return None


def fitted(svg: str) -> str:
    """Have each text of a picture say how long it is.

    Args:
        svg: A picture by Graphviz.

    Returns:
        The picture; texts with characters that Helvetica lacks are left as they are.

    Example:
        >>> fitted('<text x="1" font-size="10.00">0.5</text>')
        '<text x="1" font-size="10.00" textLength="13.9" lengthAdjust="spacingAndGlyphs">0.5</text>'
    """
    return _TEXT.sub(_fitted, svg)


def _fitted(found: re.Match[str]) -> str:
    attributes, size, text = found.groups()
    known = length(unescape(text), float(size), 'font-weight="bold"' in attributes)
    if not known or "textLength" in attributes:
        return found[0]
    fit = f'textLength="{known:.4g}" lengthAdjust="spacingAndGlyphs"'
    return f"<text {attributes} {fit}>{text}</text>"
