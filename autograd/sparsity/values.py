"""A sparse matrix of Values: what a sparse derivative is while it is traced or differentiated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograd.sparsity.pattern import Pattern

__all__ = ["SparseValues"]


class SparseValues:
    """A sparse matrix whose nonzeros are Values.

    `jacobian` and `hessian` return it with `sparse=True` where they give Values, as `scipy.sparse`
    holds floats only: given Values, inside another derivative, and in a function that is compiled,
    whose result has an array of `scipy.sparse` in its place.

    Attributes:
        nonzeros: The Values, row by row.
        pattern: Where they are.

    Args:
        nonzeros: See above.
        pattern: Likewise.
    """

    __slots__ = ("nonzeros", "pattern")
    __array_ufunc__ = None  # so that NumPy's arrays leave operators to this class

    def __init__(self, nonzeros: Sequence[Any], pattern: Pattern) -> None:
        self.nonzeros = nonzeros
        self.pattern = pattern

    def __repr__(self) -> str:
        height, width = self.pattern.shape
        return f"<SparseValues of {height:,} by {width:,} with {len(self.nonzeros):,} nonzeros>"

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and columns."""
        return self.pattern.shape

    def toarray(self) -> Any:
        """Make a dense array: Values, and 0.0 elsewhere.

        Returns:
            A NumPy array of objects.
        """
        import numpy

        dense = numpy.full(self.pattern.shape, 0.0, dtype=object)
        remaining = iter(self.nonzeros)
        for row, columns in enumerate(self.pattern.rows):
            for column in columns:
                dense[row, column] = next(remaining)
        return dense
