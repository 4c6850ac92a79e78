"""What counts as a real number, and its conversion to a float."""

from __future__ import annotations

import math
from numbers import Complex, Number, Real
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeAlias

from autograd.errors import refuse_mask, wrong_type
from autograd.tracing import Unknown, refuse

if TYPE_CHECKING:
    from decimal import Decimal
    from fractions import Fraction

__all__ = ["Plain", "as_float", "bits", "is_array_scalar", "operand_number"]

Plain: TypeAlias = "float | Fraction | Decimal | SupportsIndex"
"""A real number that is not a Value."""


def as_float(number: object, operation: str, expected: str = "a Value or a real number") -> float:
    """Convert a real number to a float.

    Args:
        number: A `numbers.Real` (int, bool, Fraction, NumPy's scalars) or a Decimal.
        operation: The caller's name, for the error.
        expected: What the caller expects, for the error.

    Returns:
        The float.

    Raises:
        TypeError: It is not a real number; a Value does not count as one.
        OverflowError: It is too large for a float.

    Example:
        >>> from fractions import Fraction
        >>> as_float(Fraction(1, 4), "exp")
        0.25
    """
    if type(number) is float:
        return number
    if (
        isinstance(number, Real)
        or (isinstance(number, Number) and not isinstance(number, Complex))  # Decimal
        or is_array_scalar(number, operation)
    ):
        try:
            return float(number)  # type: ignore[arg-type]
        except (OverflowError, ValueError) as error:  # ValueError: a signalling nan
            raise type(error)(f"{operation}: {error}") from None
        except TypeError:  # NumPy's durations, which it registers as integers
            pass
    if isinstance(number, Unknown):
        refuse()
    raise wrong_type(operation, number, expected)


def is_array_scalar(number: Any, operation: str) -> bool:
    """Tell whether it is a bool of NumPy's, which is not a `numbers.Real`, or a 0-d array."""
    kind = getattr(getattr(number, "dtype", None), "kind", None)
    if isinstance(kind, str) and kind in "biuf" and getattr(number, "shape", None) == ():
        refuse_mask(operation, number)
        return True
    return False


def operand_number(other: Any, operation: str) -> Any:
    """Convert the operand beside a Value to a float.

    Args:
        other: The operand.
        operation: The operator, for the error.

    Returns:
        The float; NotImplemented for an array or a tensor, which may know what to do with a Value.

    Raises:
        TypeError: It is a complex number, or of a built-in type that is not a number.
        OverflowError: It is too large for a float.

    Example:
        >>> operand_number(True, "+")
        1.0
    """
    is_complex = isinstance(other, complex)
    if (isinstance(other, Number) and not is_complex) or is_array_scalar(other, operation):
        return as_float(other, operation)
    if is_complex or type(other).__module__ == "builtins":
        raise wrong_type(operation, other)
    return NotImplemented


def bits(number: float) -> tuple[float, float] | None:
    """Tell floats apart by their bits, except that all nans are alike.

    Example:
        >>> bits(0.0) == bits(-0.0), bits(1.0) == bits(1.0)
        (False, True)
    """
    return (number, math.copysign(1.0, number)) if number == number else None
