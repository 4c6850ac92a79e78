"""Where a sparse matrix is nonzero, as a picture: a square for each nonzero (a spy plot)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from html import escape
from math import ceil
from pathlib import Path
from typing import Any

from autograd.drawing.drawing import Drawing
from autograd.errors import counted
from autograd.sparsity.pattern import Pattern
from autograd.sparsity.values import SparseValues
from autograd.writing import path_of, write_whole

__all__ = ["Spy", "spy"]

SIDE = 400
"""The longest side of the picture; of larger matrices, a square stands for a block."""
SMALLEST = 16
"""How many points the side of a square has at most."""
MARGIN, CAPTION = 8, 24


class Spy(Drawing):
    """A picture of a sparse matrix, which needs no Graphviz.

    Args:
        picture: The SVG element.
        title: What it shows.
    """

    def __init__(self, picture: str, title: str) -> None:
        super().__init__("", title=title)
        self._picture = picture

    @property
    def svg(self) -> str:
        """The picture as SVG: an `<svg>` element, to be used alone or inside a page."""
        return self._picture

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file, whole or not at all.

        Args:
            path: The file; its suffix must be .svg.

        Returns:
            The path.

        Raises:
            ValueError: The suffix is not .svg.
            OSError: The file cannot be written.
        """
        target = Path(path_of(path, "Drawing.save"))
        if target.suffix.lower() != ".svg":
            raise ValueError(
                "Drawing.save: the picture of a sparse array is saved as .svg, and the suffix is "
                f"{target.suffix!r}"
            )
        write_whole(path, f'<?xml version="1.0" encoding="UTF-8"?>\n{self.svg}\n'.encode())
        return target


def spy(subject: Any) -> Spy | None:
    """Draw a sparse matrix.

    Args:
        subject: A `Pattern`, an array of `scipy.sparse` of two dimensions, or a `SparseValues`.

    Returns:
        The picture; None if the subject is something else.

    Example:
        >>> picture = spy(Pattern([[0, 1], [1]], 2))
        >>> picture, picture.svg.count("h")
        (<Drawing of 2 by 2 with 3 nonzeros>, ...)
    """
    if isinstance(subject, SparseValues):
        subject = subject.pattern
    if isinstance(subject, Pattern):
        shape, count = subject.shape, subject.count
        places: Iterable[tuple[int, int]] = (
            (row, column) for row, columns in enumerate(subject.rows) for column in columns
        )
    elif hasattr(subject, "tocoo") and len(getattr(subject, "shape", ())) == 2:
        found = subject.tocoo()
        (height, width), count = found.shape, int(found.nnz)
        shape = int(height), int(width)
        places = zip(found.row.tolist(), found.col.tolist(), strict=True)
    else:
        return None
    return _picture(shape, count, places)


def _picture(shape: tuple[int, int], count: int, places: Iterable[tuple[int, int]]) -> Spy:
    longest = max(*shape, 1)
    block = ceil(longest / SIDE)
    cells = sorted({(row // block, column // block) for row, column in places})
    size = min(SMALLEST, SIDE // ceil(longest / block))
    # Squares side by side are one rectangle.
    runs: list[list[int]] = []
    for row, column in cells:
        if runs and runs[-1][0] == row and sum(runs[-1][1:]) == column:
            runs[-1][2] += 1
        else:
            runs.append([row, column, 1])
    drawn = "".join(
        f"M{size * column} {size * row}h{size * length}v{size}h{-size * length}z"
        for row, column, length in runs
    )
    height, width = (size * ceil(side / block) for side in shape)
    title = f"{shape[0]:,} by {shape[1]:,} with {counted(count, 'nonzero')}"
    each = f"; a square stands for {block:,} by {block:,} entries" if block > 1 else ""
    words = escape(title + each)
    across = max(width, 8 * len(title + each)) + 2 * MARGIN
    down = height + 2 * MARGIN + CAPTION
    picture = (
        f'<svg role="img" aria-label="{words}" xmlns="http://www.w3.org/2000/svg" '
        f'width="{across}" height="{down}" viewBox="{-MARGIN} {-MARGIN} {across} {down}">\n'
        f"<title>{words}</title>\n"
        f'<rect x="{-MARGIN}" y="{-MARGIN}" width="{across}" height="{down}" fill="white"/>\n'
        f'<path d="{drawn}" fill="#1f4e79"/>\n'
        f'<rect width="{width}" height="{height}" fill="none" stroke="#555555"/>\n'
        f'<text y="{height + CAPTION}" font-family="sans-serif" font-size="14">{words}</text>\n'
        "</svg>"
    )
    return Spy(picture, title)
