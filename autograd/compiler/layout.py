"""How a program's inputs are laid out: in arrays, either with or without a row for each sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Group", "Layout"]


class Group(NamedTuple):
    """Inputs that stand side by side in one array.

    Attributes:
        width: Their number.
        varies: Whether the array has a row for each row of the batch.
    """

    width: int
    varies: bool


@dataclass(frozen=True)
class Layout:
    """The arrays that hold the inputs of a program.

    Attributes:
        groups: The arrays; inputs are numbered across them.
        batched: Whether the program runs on a batch of rows.
    """

    groups: tuple[Group, ...]
    batched: bool

    def places(self) -> list[tuple[int, int]]:
        """List the group of each input and its place in the group."""
        return [
            (number, place)
            for number, group in enumerate(self.groups)
            for place in range(group.width)
        ]
