"""The progress of training: a bar with the loss."""

from __future__ import annotations

from typing import Any

from autograd.progress import bar

__all__ = ["Progress"]


class Progress:
    """A progress bar with the loss, if one is wanted; otherwise nothing.

    Args:
        epochs: The number of epochs.
        show: Whether to show a bar; None to show one in a terminal or notebook, if training takes
            more than a second.
        done: The number of epochs completed before.

    Raises:
        TypeError: `show` is not one of the three.
        ImportError: A bar was asked for, and tqdm is missing.

    Example:
        >>> with Progress(3, show=False) as progress:
        ...     progress.advance(0.25)
    """

    def __init__(self, epochs: int, show: bool | None = None, done: int = 0) -> None:
        self._bar: Any = bar("fit", show, epochs, "epoch", done)

    def advance(self, loss: float) -> None:
        """Count an epoch, and show its loss."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
            self._bar.update()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()
