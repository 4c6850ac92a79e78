"""Training on rows that no memory holds: batches are runs of rows, read when their turn comes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

from autograd import Value
from autograd.errors import shown
from nn.batches import INDEPENDENT, ONLY_COMPILED, Loss, costs, require_gradient_of, require_numbers
from nn.layers import MLP, Layer, Neuron
from nn.module import Module

__all__ = ["StreamedBatches", "is_streamed"]


def is_streamed(*parts: Any) -> bool:
    """Tell whether samples are read chunk by chunk: rows of `autograd.cluster`, or of Dask.

    Example:
        >>> from autograd.cluster import normals
        >>> is_streamed(normals(1, 10, 2), [0.0] * 10), is_streamed([[1.0]], [0.0])
        (True, False)
    """
    return any(
        hasattr(part, "__dask_graph__") or (hasattr(part, "read") and hasattr(part, "block"))
        for part in parts
    )


class StreamedBatches:
    """Losses and gradients of batches that are runs of rows; a step takes a batch by its number.

    Attributes:
        count: The number of batches.
        held_out: Whether there are rows for validation.

    Args:
        model: The model.
        loss: The loss of one sample.
        X: The rows.
        Y: The targets.
        batch_size: How many rows a batch holds; None for all.
        validation: As for `fit`: a fraction is taken from the end.
        compiled: As for `fit`.
        cluster: As for `fit`.
        refused: Options of `fit` that need all samples in memory, by name: they must be unset.
    """

    def __init__(
        self, model: Module, loss: Loss, X: Any, Y: Any, batch_size: int | None, validation: Any,
        compiled: Any, cluster: Any, **refused: Any,
    ) -> None:  # fmt: skip
        for name, given in refused.items():
            if given is not None and given is not False and given != ():
                raise ValueError(
                    f"fit: {name} needs all samples in memory, and these are read in chunks: "
                    f"leave {name} out"
                )
        if compiled is False:
            raise ValueError(ONLY_COMPILED)
        self.model, self.loss = model, loss
        whole = self._rows(X, Y, "")
        held: list[Any] = []
        if isinstance(validation, Real) and not isinstance(validation, bool):
            aside = round(float(validation) * len(whole[0])) if math.isfinite(validation) else 0
            stay = len(whole[0]) - aside
            if not 0 < stay < len(whole[0]):
                raise ValueError(
                    f"validation={validation} sets aside {aside:,} of {len(whole[0]):,} rows: at "
                    "least one must be set aside, and at least one must stay"
                )
            held, whole = [rows[stay:] for rows in whole], [rows[:stay] for rows in whole]
        elif isinstance(validation, (tuple, list)) and len(validation) == 2:
            held = self._rows(validation[0], validation[1], "validation ")
        elif validation is not None:
            raise TypeError(
                f"validation must be a fraction or (X, Y) for rows that are read in chunks, got "
                f"{shown(validation)}"
            )
        self._parts, self.held_out = [whole, held], bool(held)
        size = min(batch_size or len(whole[0]), len(whole[0]))
        self.count = -(-len(whole[0]) // size)
        # They are made once, as workers keep what they were sent of them.
        self._batches = [
            [rows[number * size : (number + 1) * size] for rows in whole]
            for number in range(self.count)
        ]
        self._cluster = cluster

    def compiled(self, others: Sequence[Value]) -> StreamedBatches:
        """Compile the loss and its gradient.

        Args:
            others: What is trained besides the model.

        Returns:
            This object.

        Raises:
            TypeError: The loss is not a number that depends on what is trained.
        """
        model, loss = self.model, self.loss
        first = [rows.read(0, 1) for rows in self._parts[0]]
        recorded = loss(model(first[0][0].tolist()), first[1][0].tolist())
        require_numbers(loss, recorded)
        if not isinstance(recorded, Value):
            raise TypeError(INDEPENDENT)
        self.parameters = list(dict.fromkeys([*model.parameters(), *others]))

        def cost(x: Any, y: Any) -> Any:
            return loss(model(x), y)

        self._value_and_gradient, self._loss = costs(cost, self.parameters, self._cluster)
        require_gradient_of(recorded, self.parameters, self._value_and_gradient, first)
        return self

    def _rows(self, X: Any, Y: Any, purpose: str) -> list[Any]:
        from autograd.cluster import array
        from autograd.cluster.collections import Collection

        found = [
            Collection(part, 0, f"fit: {purpose}{name}")
            if hasattr(part, "__dask_graph__")
            else part
            if is_streamed(part)
            else array(part)
            for name, part in (("X", X), ("Y", Y))
        ]
        xs, ys = found
        if len(xs) != len(ys):
            raise ValueError(
                f"{purpose}X has {len(xs):,} rows but {purpose}Y has {len(ys):,}: pass one target "
                "for each row"
            )
        if not len(xs):
            raise ValueError(f"there are no rows in {purpose}X: {shown(X)}")
        nin = getattr(self.model, "nin", None)
        if isinstance(self.model, (MLP, Layer, Neuron)) and xs.shape != (nin,):
            raise ValueError(
                f"{purpose}X is {xs!r}, but {self.model!r} takes rows of {nin} numbers"
            )
        return found

    def add_gradient(self, chosen: Sequence[int]) -> float:
        """Add the gradient of the mean loss over batches to the parameters' `grad`.

        Args:
            chosen: The numbers of the batches.

        Returns:
            The mean loss.
        """
        total, count = 0.0, sum(len(self._batches[number][0]) for number in chosen)
        for number in chosen:
            loss, slopes = self._value_and_gradient(*self._batches[number])
            share = len(self._batches[number][0]) / count
            total += share * loss
            for parameter, slope in zip(self.parameters, slopes.tolist(), strict=True):
                parameter.grad += share * slope
        return total

    def measure(self, held_out: bool) -> tuple[float, dict[str, float]]:
        """Average the loss over the training rows, or those for validation."""
        return self._loss(*self._parts[held_out]), {}
