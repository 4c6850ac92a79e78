"""Predictions for tables: many samples at once, compiled if that saves time."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from autograd.errors import refuse_mask, shown

__all__ = ["Predictor", "is_table"]

WORTH_COMPILING = 2_000_000
"""The product of samples and weights from which compiling saves more time than it takes."""


def is_table(inputs: Any) -> bool:
    """Tell whether inputs are rows of a table rather than numbers.

    Example:
        >>> is_table([[1.0, 2.0], [3.0, 4.0]]), is_table([1.0, 2.0])
        (True, False)
    """
    if hasattr(inputs, "ndim"):  # NumPy's or pandas's
        return bool(inputs.ndim == 2)
    first = inputs[0] if isinstance(inputs, (list, tuple)) and inputs else None
    return isinstance(first, (list, tuple)) or getattr(first, "ndim", 0) == 1


class Predictor:
    """Computes the outputs for the rows of a table, and keeps the code that it has compiled.

    A copied or pickled one starts without code.
    """

    def __init__(self) -> None:
        self._code: tuple[list[Any], Callable[[Any], Any]] | None = None

    def __reduce__(self) -> tuple[type[Predictor], tuple[()]]:
        return Predictor, ()

    def outputs(self, model: Any, table: Any, made_of: list[Any] | None) -> Any:
        """Compute the outputs for each row.

        Args:
            model: The model, which takes rows of `nin` numbers.
            table: The rows.
            made_of: The parameters and functions that its outputs depend on; None if they are not
                known, and then nothing is compiled.

        Returns:
            An array of shape (rows, outputs).

        Raises:
            ModuleNotFoundError: NumPy is missing.
            TypeError: Something in the table is not a number.
            ValueError: The rows do not have the width that the model takes.
        """
        import numpy

        name = f"{type(model).__name__}.predict"
        if hasattr(table, "to_numpy"):
            table = table.to_numpy()
        refuse_mask(name, table)
        try:
            array = numpy.array(table, dtype=float)
        except (TypeError, ValueError, OverflowError) as error:
            raise TypeError(
                f"{name}: expected a table of numbers, rows of one length, got "
                f"{type(table).__name__}: {shown(table)} ({error})"
            ) from None
        if array.ndim != 2 or array.shape[1] != model.nin:
            raise ValueError(
                f"{name}: expected a table of shape (rows, {model.nin}), got one of shape "
                f"{array.shape}"
            )
        code = self._code_for(model, made_of, len(array))
        if code is None:
            found = numpy.array([model.predict(row) for row in array.tolist()], dtype=float)
        else:
            found = numpy.array(code(array), dtype=float)
            found = found.T if found.ndim == 2 else found  # several outputs come one by one
        return found.reshape(len(array), -1) if len(array) else found.reshape(0, 0)

    def _code_for(
        self, model: Any, made_of: list[Any] | None, rows: int
    ) -> Callable[[Any], Any] | None:
        """Return compiled code for the outputs, if there is any, or if compiling pays."""
        if made_of is None:
            return None
        if self._code is not None:
            of, code = self._code
            if [*map(id, of)] == [*map(id, made_of)]:
                return code
        if (
            rows * (len(made_of) + 60) < WORTH_COMPILING * (1.0 + len(made_of) / 20_000)
            or find_spec("llvmlite") is None
        ):
            return None
        from autograd.compiler import compile

        code = compile(lambda x: model(x), in_axes=0)
        self._code = made_of, code
        return code
