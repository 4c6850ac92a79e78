"""Groups of columns or rows that one derivative computes together, found by colouring graphs.

Columns that have no row in common can be computed by one derivative along their sum (A. R. Curtis,
M. J. D. Powell and J. K. Reid, *On the estimation of sparse Jacobian matrices*, IMA Journal of
Applied Mathematics 13, 1974); so can rows that have no column in common, by one backward pass.
Where a few rows are dense, these are computed backwards and the others forwards, or the other way
around (T. F. Coleman and A. Verma, *The efficient computation of sparse Jacobian matrices using
automatic differentiation*, SIAM Journal on Scientific Computing 19, 1998). A symmetric matrix needs
only that one of two equal entries stands alone: a star colouring (A. H. Gebremedhin, F. Manne and
A. Pothen, *What color is your Jacobian?*, SIAM Review 47, 2005).

All colourings are greedy. The colours that a vertex must not get are the bits of one int, collected
from sets that its neighbours keep, so the time is linear in the number of nonzeros (times that of
colours, divided by that of bits in a word), even where a row is dense.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from autograd.sparsity.pattern import Pattern

__all__ = ["Covered", "covered", "distance_two_colours", "star_colours"]


class Covered(NamedTuple):
    """How the nonzeros of a matrix are computed: some of them forwards, others backwards.

    Attributes:
        forwards: For each column its colour; -1 if it is not computed forwards.
        backwards: For each row its colour; -1 if it is not computed backwards.
        by_column: Whether an entry is computed forwards if its column has a colour; otherwise it is
            computed backwards if its row has one.
    """

    forwards: list[int]
    backwards: list[int]
    by_column: bool

    @property
    def colours(self) -> tuple[int, int]:
        """How many derivatives there are, forwards and backwards."""
        return max(self.forwards, default=-1) + 1, max(self.backwards, default=-1) + 1

    def is_forwards(self, row: int, column: int) -> bool:
        """Tell whether an entry is computed forwards."""
        return self.forwards[column] >= 0 if self.by_column else self.backwards[row] < 0


def distance_two_colours(members: Sequence[Sequence[int]], lines: int) -> list[int]:
    """Colour columns so that two with a row in common have different colours, or rows likewise.

    Args:
        members: For each column its rows; one that has none gets the colour -1.
        lines: The number of rows.

    Returns:
        The colour of each column. Of the order that they are given in, and that from the one with
        most neighbours to the one with fewest, the better.

    Example:
        >>> distance_two_colours([[0], [0, 1], [1, 2], [2]], 3)
        [0, 1, 0, 1]
    """
    degrees = [0] * lines
    for rows in members:
        for row in rows:
            degrees[row] += 1
    fewest = max(degrees, default=0)
    best = _greedy(members, lines, range(len(members)))
    if max(best, default=-1) + 1 > fewest:
        neighbours = [sum(map(degrees.__getitem__, rows)) for rows in members]
        order = sorted(range(len(members)), key=neighbours.__getitem__, reverse=True)
        other = _greedy(members, lines, order)
        if max(other) < max(best):
            best = other
    return best


def _greedy(members: Sequence[Sequence[int]], lines: int, order: Sequence[int]) -> list[int]:
    colours = [-1] * len(members)
    used = [0] * lines  # the colours of each row's columns
    for column in order:
        rows = members[column]
        if not rows:
            continue
        forbidden = 0
        for row in rows:
            forbidden |= used[row]
        colour = ~forbidden & (forbidden + 1)  # the lowest bit that is not set
        for row in rows:
            used[row] |= colour
        colours[column] = colour.bit_length() - 1
    return colours


def covered(pattern: Pattern) -> Covered:
    """Choose how to compute the nonzeros of a matrix by the fewest derivatives.

    Args:
        pattern: Where they are.

    Returns:
        The columns computed forwards and the rows computed backwards, with their colours. With as
        many colours either way, the rows are computed backwards.

    Example:
        >>> arrow = Pattern([[0, 1, 2, 3], [0, 1], [0, 2], [0, 3]], 4)
        >>> covered(arrow)
        Covered(forwards=[0, 1, 1, 1], backwards=[0, -1, -1, -1], by_column=False)
    """
    rows, columns = pattern.rows, pattern.columns()
    of_columns, of_rows = [*map(len, columns)], [*map(len, rows)]
    # Each way with the number of colours that it needs at least: first all rows backwards, all
    # columns forwards; then the dense rows backwards, or the dense columns forwards.
    ways = [(max(of_columns, default=0), 0, True, -1), (max(of_rows, default=0), 1, False, -1)]
    for by_column, degrees, members in ((False, of_rows, rows), (True, of_columns, columns)):
        for least in _thresholds(degrees):
            crossing = [0] * (len(rows) if by_column else len(columns))
            for degree, lines in zip(degrees, members, strict=True):
                if degree > least:
                    for line in lines:
                        crossing[line] += 1
            rest = max(degree for degree in degrees if degree <= least)
            ways.append((max(crossing) + rest, len(ways), by_column, least))
    best: Covered | None = None
    fewest = 0
    for bound, _, by_column, least in sorted(ways):
        if best is not None and bound >= fewest:
            break
        if least < 0:
            is_dense = [False] * len(columns if by_column else rows)
        else:
            is_dense = [degree > least for degree in (of_columns if by_column else of_rows)]
        found = _split(rows, columns, by_column, is_dense)
        count = sum(found.colours)
        if best is None or count < fewest:
            best, fewest = found, count
    assert best is not None
    return best


def _thresholds(degrees: Sequence[int]) -> Iterator[int]:
    """Give numbers of nonzeros above which a row is dense, if there is such a number."""
    if not degrees:
        return
    usual, least = sum(degrees) / len(degrees), max(degrees) // 2
    lowest = min(degrees)
    while least >= max(lowest, 1) and least >= usual / 2:
        yield least
        least //= 2


def _split(
    rows: Sequence[Sequence[int]],
    columns: Sequence[Sequence[int]],
    by_column: bool,
    is_dense: Sequence[bool],
) -> Covered:
    """Compute dense columns forwards and the other columns by rows, or the same of rows."""
    members, lines = (columns, len(rows)) if by_column else (rows, len(columns))
    across = rows if by_column else columns
    dense = [found if flag else () for flag, found in zip(is_dense, members, strict=True)]
    own = distance_two_colours(dense, lines) if any(is_dense) else [-1] * len(members)
    if any(is_dense):
        across = [[line for line in found if not is_dense[line]] for found in across]
    others = distance_two_colours(across, len(members))
    return Covered(own, others, True) if by_column else Covered(others, own, False)


def star_colours(neighbours: Sequence[Sequence[int]]) -> list[int]:
    """Colour a graph so that neighbours differ, and every path of four vertices has three colours.

    Two colours then make stars, in each of which an edge is told by its leaf: of the two equal
    entries of a symmetric matrix, one is alone in its row among the columns of its colour.

    Args:
        neighbours: For each vertex those that it shares an edge with; itself, if it is among them,
            does not count.

    Returns:
        The colour of each vertex: of two orders, as in `distance_two_colours`, the better.

    Example:
        >>> star_colours([[1, 2, 3], [0], [0], [0]])
        [0, 1, 1, 1]
    """
    count = len(neighbours)
    best = _greedy_stars(neighbours, range(count))
    if max(best, default=0) > 1:
        order = sorted(range(count), key=lambda vertex: len(neighbours[vertex]), reverse=True)
        other = _greedy_stars(neighbours, order)
        if max(other) < max(best):
            best = other
    return best


def _greedy_stars(neighbours: Sequence[Sequence[int]], order: Sequence[int]) -> list[int]:
    count = len(neighbours)
    colours = [-1] * count
    around = [0] * count  # the colours of the neighbours
    hubs = [0] * count  # the colours of neighbours with a second neighbour of this vertex's colour
    # For each vertex and each colour among its neighbours: the first of them, -1 if there are more.
    firsts: list[dict[int, int]] = [{} for _ in range(count)]
    for vertex in order:
        mine, several = neighbours[vertex], firsts[vertex]
        forbidden = around[vertex]
        for other in mine:
            theirs = colours[other]
            if theirs >= 0:
                forbidden |= hubs[other]
                if several[theirs] < 0:  # paths with this vertex inside
                    forbidden |= around[other]
        bit = ~forbidden & (forbidden + 1)
        colour = bit.bit_length() - 1
        for other in mine:
            if other == vertex:
                continue
            around[other] |= bit
            theirs = colours[other]
            first = firsts[other].setdefault(colour, vertex)
            if first != vertex:
                firsts[other][colour] = -1
                if theirs >= 0:
                    hubs[vertex] |= 1 << theirs
                    if first >= 0:
                        hubs[first] |= 1 << theirs
            if theirs >= 0 and several[theirs] < 0:
                hubs[other] |= bit
        colours[vertex] = colour
    return colours
