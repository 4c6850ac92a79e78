"""The operators of `Value` that are not hot: each applies its row of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self  # known to type checkers without being installed

    from autograd.reals import Plain

__all__ = ["TableOperators"]


class TableOperators:
    """`abs`, `//`, `%`, `divmod`, and powers of plain numbers."""

    __slots__ = ()

    @staticmethod
    def _applied(op: str, *operands: Any) -> Any:
        """Apply a row to operands; return NotImplemented for the types of other libraries."""
        raise NotImplementedError

    def __pos__(self) -> Self:
        return self

    def __abs__(self) -> Self:
        return self._applied("abs", self)  # type: ignore[no-any-return]

    def __floordiv__(self, other: Self | Plain) -> Self:
        return self._applied("//", self, other)  # type: ignore[no-any-return]

    def __rfloordiv__(self, other: Plain) -> Self:
        return self._applied("//", other, self)  # type: ignore[no-any-return]

    def __mod__(self, other: Self | Plain) -> Self:
        return self._applied("%", self, other)  # type: ignore[no-any-return]

    def __rmod__(self, other: Plain) -> Self:
        return self._applied("%", other, self)  # type: ignore[no-any-return]

    def __divmod__(self, other: Self | Plain) -> tuple[Self, Self]:
        return self // other, self % other

    def __rdivmod__(self, other: Plain) -> tuple[Self, Self]:
        return other // self, other % self

    def __rpow__(self, other: Plain) -> Self:
        return self._applied("**", other, self)  # type: ignore[no-any-return]
