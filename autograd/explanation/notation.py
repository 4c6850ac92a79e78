"""How derivatives, paths and numbers are written: as text, and in LaTeX."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from autograd.formatting import MINUS, derivative_of, number, operand

__all__ = [
    "LATEX",
    "MOST_PATHS",
    "TEXT",
    "counted_paths",
    "derivative_in_words",
    "latex_factor",
    "latex_number",
    "latex_percent",
    "one_line",
    "percent",
    "percentage",
    "precise",
]  # fmt: skip

MOST_PATHS = 10**15
"""Paths are counted up to here; their number may have more digits than fit in memory."""

LONGEST = 12
"""The maximum number of factors of one path that are written out."""

# --- in words ------------------------------------------------------------------------------------


def precise(x: float) -> str:
    """Write a number of ordinary size with 10 decimals, any other with 10 significant digits."""
    if 1e-4 <= abs(x) < 1e5:
        return f"{x:.10f}".rstrip("0").rstrip(".").replace("-", MINUS)
    return number(x, 10)


def _factor(x: float) -> str:
    return operand(precise(x))


def percentage(share: float) -> str:
    """Write a share in percent; empty if there is none."""
    return "" if share != share else f"{number(100.0 * share)} %"


def percent(share: float) -> str:
    """The same in parentheses, to follow a number."""
    text = percentage(share)
    return f" ({text})" if text else ""


def counted_paths(count: int) -> str:
    """Write a number of paths."""
    return "more than 10^15" if count > MOST_PATHS else f"{count:,}"


def one_line(name: str) -> str:
    """Put a name on one line, without characters that would control a terminal."""
    return "".join(
        repr(character)[1:-1] if unicodedata.category(character) in {"Cc", "Cs"} else character
        for character in " ".join(name.split())
    )


def derivative_in_words(above: str, below: str) -> str:
    """Write a derivative with two names on one line."""
    return derivative_of(one_line(above), one_line(below))


# --- in LaTeX ------------------------------------------------------------------------------------

# Not within \text: there MathJax knows no escapes other than those of the dollar and of braces.
_SPECIAL = {
    "#": r"\#", "$": r"\$", "%": r"\%", "&": r"\&", "_": r"\_", "{": r"\{", "}": r"\}",
    "\\": r"\backslash{}", "~": r"{\sim}", "^": r"{\wedge}", "<": "{<}", ">": "{>}", "|": "{|}",
}  # fmt: skip
_SUBSCRIPTED = re.compile(r"([A-Za-z]+)_([A-Za-z0-9]+)|([A-Za-z])([0-9]+)")


def _latex_name(name: str) -> str:
    text = one_line(name)
    if match := _SUBSCRIPTED.fullmatch(text):
        base, below = match[1] or match[3], match[2] or match[4]
        return f"{_latex_word(base)}_{{{_latex_word(below)}}}"
    if re.fullmatch(r"[A-Za-z]", text):
        return text
    pieces = re.split(f"([{re.escape(''.join(_SPECIAL))}])", text)
    return "".join(_SPECIAL.get(piece, rf"\text{{{piece}}}") for piece in pieces if piece)


def _latex_word(text: str) -> str:
    """Set a word upright; a letter, or a letter with digits, is a symbol."""
    return rf"\mathrm{{{text}}}" if len(text) > 1 and text.isalpha() else text


def latex_number(x: float) -> str:
    """Write a number in LaTeX."""
    return _latex_digits(precise(x))


def _latex_digits(text: str) -> str:
    text = text.replace(MINUS, "-").replace("inf", r"\infty").replace("nan", r"\mathrm{nan}")
    return re.sub(r"e(-?\d+)", r" \\cdot 10^{\1}", text)


def latex_factor(x: float) -> str:
    """Write a factor, in parentheses if it is negative."""
    return _latex_digits(_factor(x))


def latex_percent(share: float) -> str:
    """Write a share, to follow a number; empty if there is none."""
    return "" if share != share else rf"\ ({_latex_digits(number(100.0 * share))}\,\%)"


def _latex_derivative(above: str, below: str) -> str:
    return rf"\frac{{\partial {_latex_name(above)}}}{{\partial {_latex_name(below)}}}"


# --- paths in either notation --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Notation:
    """How derivatives and their products are written."""

    derivative: Callable[[str, str], str]
    factor: Callable[[float], str]
    dot: str
    cross: str
    dots: Callable[[int], str]
    direct: tuple[str, str]

    def chain(self, names: Sequence[str]) -> str:
        """Write the path through some stations as a product of derivatives."""
        pairs = [*pairwise(names)]
        if len(pairs) == 1:  # not the whole derivative, which would look the same
            return self.derivative(*names).join(self.direct)
        return self._joined(self.dot, self.derivative, pairs)

    def factors(self, numbers: Sequence[float]) -> str:
        """Write it as a product of numbers."""
        return self._joined(self.cross, self.factor, [(x,) for x in numbers])

    def _joined(
        self, sign: str, write: Callable[..., str], parts: Sequence[tuple[Any, ...]]
    ) -> str:
        if len(parts) <= LONGEST:
            return sign.join([write(*part) for part in parts])
        first, last = parts[: LONGEST // 2], parts[1 - LONGEST // 2 :]
        left_out = self.dots(len(parts) - len(first) - len(last))
        return sign.join(
            [*[write(*part) for part in first], left_out, *[write(*part) for part in last]]
        )


TEXT = Notation(
    derivative=derivative_in_words,
    factor=_factor,
    dot=" · ",
    cross=" × ",
    dots=lambda count: f"… {count:,} more …",
    direct=("", " directly"),
)
LATEX = Notation(
    derivative=_latex_derivative,
    factor=latex_factor,
    dot=r" \cdot ",
    cross=r" \times ",
    dots=lambda count: rf"\underbrace{{\cdots}}_{{{count}}}",
    direct=(r"\left. ", r" \right|_{\text{direct}}"),
)
