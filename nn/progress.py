"""The progress of training: a bar that tqdm draws, in a terminal or a notebook."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from autograd.errors import shown

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
        if show not in (True, False, None):
            raise TypeError(f"fit: progress must be True, False or None, got {shown(show)}")
        self._bar: Any = None
        if not (in_notebook() or _on_terminal() if show is None else show):
            return
        try:
            with warnings.catch_warnings():  # without widgets, tqdm falls back to characters
                warnings.simplefilter("ignore")
                from tqdm.auto import tqdm
        except ImportError as error:
            if show is None:
                return
            raise ImportError(
                "progress=True: a progress bar needs tqdm: pip install tqdm, or the extra 'train'"
            ) from error
        self._bar = tqdm(
            total=epochs, initial=done, unit="epoch", leave=False, delay=0.0 if show else 1.0
        )

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


def _on_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def in_notebook() -> bool:
    """Tell whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
