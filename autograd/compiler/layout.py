"""Where the inputs of a program lie: in arrays, with a row for each row of a batch or without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Group", "Layout"]


class Group(NamedTuple):
    """Inputs that lie side by side in one array.

    Attributes:
        width: Their number.
        varies: Whether there is a row of them for each row of the batch.
    """

    width: int
    varies: bool


@dataclass(frozen=True)
class Layout:
    """Where the inputs of a program lie.

    Attributes:
        groups: The arrays; inputs are numbered through them.
        batched: Whether the program runs on rows at all.
    """

    groups: tuple[Group, ...]
    batched: bool

    def places(self) -> list[tuple[int, int]]:
        """List for each input its group and its place there."""
        return [
            (number, place)
            for number, group in enumerate(self.groups)
            for place in range(group.width)
        ]
