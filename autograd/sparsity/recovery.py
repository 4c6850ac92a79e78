"""From a pattern to the derivatives that are to be computed, and from these to a sparse array."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from copy import copy
from importlib.util import find_spec
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from autograd.sparsity.colouring import covered, star_colours
from autograd.sparsity.pattern import Pattern

__all__ = [
    "Block",
    "Plan",
    "Planner",
    "csr_maker",
    "hessian_plan",
    "jacobian_plan",
    "require_scipy",
]


def require_scipy(name: str) -> None:
    """Check that SciPy is installed.

    Args:
        name: What needs it, for the error.

    Raises:
        ModuleNotFoundError: It is not.
    """
    if find_spec("scipy") is None:
        raise ModuleNotFoundError(
            f"{name} with sparse=True is an array of scipy.sparse, which needs SciPy: pip install "
            "'scalar-autograd[special]'",
            name="scipy",
        )


class Plan(NamedTuple):
    """What is computed, and where the nonzeros of a matrix of m by n are among it.

    Attributes:
        pattern: The places of the nonzeros.
        columns: Groups of columns: the derivative along the sum of each group has m numbers.
        rows: Groups of rows: the gradient of the sum of each group has n numbers.
        places: For each nonzero, row by row, its place in the list of all these numbers.
    """

    pattern: Pattern
    columns: list[list[int]]
    rows: list[list[int]]
    places: list[int]

    def blocks(self, heights: Sequence[int], widths: Sequence[int]) -> list[list[Block]]:
        """Cut the matrix into blocks.

        Args:
            heights: Their numbers of rows.
            widths: Their numbers of columns.

        Returns:
            The blocks, row by row.
        """
        if len(heights) == len(widths) == 1:
            return [[Block(self.pattern, self.places)]]
        rows, starts = self.pattern.rows, [*accumulate(map(len, self.pattern.rows), initial=0)]
        tops, lefts = [*accumulate(heights, initial=0)], [*accumulate(widths, initial=0)]
        found: list[list[Block]] = []
        for top, bottom in pairwise(tops):
            found.append([])
            for left, right in pairwise(lefts):
                inside: list[list[int]] = []
                places: list[int] = []
                for row, start in zip(rows[top:bottom], starts[top:bottom], strict=True):
                    first, last = bisect_left(row, left), bisect_left(row, right)
                    inside.append([column - left for column in row[first:last]])
                    places += self.places[start + first : start + last]
                found[-1].append(Block(Pattern(inside, right - left), places))
        return found


class Block(NamedTuple):
    """A block of the matrix: its pattern, and the places of its nonzeros."""

    pattern: Pattern
    places: list[int]


class Planner:
    """Makes plans, and keeps the last: a function has usually the same pattern at each call.

    Args:
        plan: Makes the plan of a pattern.
    """

    def __init__(self, plan: Callable[[Pattern], Plan]) -> None:
        self._plan = plan
        self._last: Plan | None = None  # replaced as a whole: threads may share it

    def __call__(self, pattern: Pattern) -> Plan:
        """Give the plan of a pattern."""
        last = self._last
        if last is None or last.pattern != pattern:
            last = self._last = self._plan(pattern)
        return last


def jacobian_plan(pattern: Pattern) -> Plan:
    """Plan the computation of a Jacobian: forwards, backwards, or both.

    Args:
        pattern: Where its nonzeros are.

    Example:
        >>> jacobian_plan(Pattern([[0, 1, 2], [1], [2]], 3))[1:]
        ([], [[0], [1, 2]], [0, 1, 2, 4, 5])
    """
    found = covered(pattern)
    height, width = pattern.shape
    forwards, backwards = found.colours
    after = forwards * height
    places = [
        found.forwards[column] * height + row
        if found.is_forwards(row, column)
        else after + found.backwards[row] * width + column
        for row, columns in enumerate(pattern.rows)
        for column in columns
    ]
    columns = _groups(found.forwards, forwards)
    return Plan(pattern, columns, _groups(found.backwards, backwards), places)


def hessian_plan(pattern: Pattern) -> Plan:
    """Plan the computation of a symmetric matrix, whose rows are the gradients of gradients.

    Args:
        pattern: Where its nonzeros are: symmetric.

    Example:
        >>> hessian_plan(Pattern([[0, 1, 2], [0, 1], [0, 2]], 3))[2:]
        ([[0], [1, 2]], [0, 1, 2, 1, 4, 2, 5])
    """
    rows = pattern.rows
    colours = star_colours(rows)
    width = len(rows)
    # By row: of the colours of its columns, those that only one column has.
    alone: list[dict[int, bool]] = []
    for columns in rows:
        once: dict[int, bool] = {}
        for column in columns:
            once[colours[column]] = colours[column] not in once
        alone.append(once)
    places = []
    for row, columns in enumerate(rows):
        for column in columns:
            first, second = min(row, column), max(row, column)  # one place for both of two entries
            if not alone[second][colours[first]]:
                first, second = second, first
            places.append(colours[first] * width + second)
    used = [colour if columns else -1 for colour, columns in zip(colours, rows, strict=True)]
    return Plan(pattern, [], _groups(used, max(used, default=-1) + 1), places)


def _groups(colours: Sequence[int], count: int) -> list[list[int]]:
    groups: list[list[int]] = [[] for _ in range(count)]
    for place, colour in enumerate(colours):
        if colour >= 0:
            groups[colour].append(place)
    return groups


def csr_maker(pattern: Pattern) -> Callable[[Any], Any]:
    """Make what puts nonzeros into a sparse array.

    Args:
        pattern: Where they are.

    Returns:
        A function from an array of the nonzeros, row by row, to a `scipy.sparse.csr_array`, which
        shares nothing with others but the array given.

    Example:
        >>> import numpy as np
        >>> csr_maker(Pattern([[1], [0]], 2))(np.array([3.0, 4.0])).toarray()
        array([[0., 3.],
               [4., 0.]])
    """
    require_scipy("a sparse result")
    import numpy
    from scipy.sparse import csr_array

    count = pattern.count
    kind = numpy.int32 if max(count, *pattern.shape) < 2**31 else numpy.int64
    indices = numpy.fromiter((j for row in pattern.rows for j in row), kind, count)
    starts = numpy.zeros(len(pattern.rows) + 1, dtype=kind)
    numpy.cumsum([*map(len, pattern.rows)], out=starts[1:])
    # Its checks take longer than many a program: they are made once.
    template = csr_array((numpy.zeros(count), indices, starts), shape=pattern.shape)
    template.has_canonical_format = True

    def made(nonzeros: Any) -> Any:
        array = copy(template)
        array.data, array.indices, array.indptr = nonzeros, indices.copy(), starts.copy()
        return array

    return made
