"""A `Value` where Python wants a plain number: comparisons, truth and rounding use its data."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from numbers import Number
from typing import TYPE_CHECKING, Any, NoReturn

from autograd.errors import shown
from autograd.reals import is_array_scalar
from autograd.tracing import known

if TYPE_CHECKING:
    from typing_extensions import Self  # type checkers know it; it need not be installed

    from autograd.reals import Plain

__all__ = ["COMPARISONS", "NumberLike", "comparable"]

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


class NumberLike:
    """The operators that return plain numbers and booleans."""

    __slots__ = ()

    _number: float

    def _compared(self, sign: str, other: Any) -> bool:
        raise NotImplementedError

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self._compared("==", other)

    def __ne__(self, other: object) -> bool:
        return self._compared("!=", other)

    def __lt__(self, other: Self | Plain) -> bool:
        return self._compared("<", other)

    def __le__(self, other: Self | Plain) -> bool:
        return self._compared("<=", other)

    def __gt__(self, other: Self | Plain) -> bool:
        return self._compared(">", other)

    def __ge__(self, other: Self | Plain) -> bool:
        return self._compared(">=", other)

    def __bool__(self) -> bool:
        return bool(known(self))

    def __round__(self, digits: int | None = None) -> float:
        return round(known(self), digits)

    def __floor__(self) -> int:
        return math.floor(known(self))

    def __ceil__(self) -> int:
        return math.ceil(known(self))

    def __trunc__(self) -> int:
        return math.trunc(known(self))

    def __float__(self) -> NoReturn:
        raise TypeError(
            f"{shown(self)} is not converted to a plain number, which would lose the gradient: use "
            "autograd's function (autograd.sin(v), not math.sin(v)), or v.data where you want the "
            "number"
        )

    __int__ = __complex__ = __float__

    def conjugate(self) -> Self:
        """Return the node itself, as it is real; NumPy's `var` and `vdot` call this method.

        Example:
            >>> from autograd import Value
            >>> x = Value(2.0)
            >>> x.conjugate() is x
            True
        """
        return self


def comparable(other: object, operation: str) -> bool:
    """Tell whether something is a number or a Value, as operations take."""
    return isinstance(other, (NumberLike, Number)) or is_array_scalar(other, operation)
