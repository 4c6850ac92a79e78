"""Progress bars, which tqdm draws, in a terminal or a notebook."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from autograd.errors import shown

__all__ = ["bar", "in_notebook"]


def bar(name: str, show: bool | None, total: int, unit: str, done: int = 0) -> Any:
    """Make a progress bar of tqdm, if one is wanted.

    Args:
        name: The function that shows it, for errors.
        show: Whether to show it; None to show it in a terminal or notebook, if it takes more than a
            second.
        total: How much there is to do.
        unit: The unit of this.
        done: How much has been done before.

    Returns:
        The bar, or None.

    Raises:
        TypeError: `show` is not one of the three.
        ImportError: A bar was asked for, and tqdm is missing.

    Example:
        >>> bar("fit", False, 3, "epoch")
    """
    if show not in (True, False, None):
        raise TypeError(f"{name}: progress must be True, False or None, got {shown(show)}")
    if not (in_notebook() or _on_terminal() if show is None else show):
        return None
    try:
        with warnings.catch_warnings():  # without widgets, tqdm falls back to characters
            warnings.simplefilter("ignore")
            from tqdm.auto import tqdm
    except ImportError as error:
        if show is None:
            return None
        raise ImportError(
            "progress=True: a progress bar needs tqdm: pip install tqdm, or the extra 'train'"
        ) from error
    return tqdm(total=total, initial=done, unit=unit, leave=False, delay=0.0 if show else 1.0)


def _on_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def in_notebook() -> bool:
    """Tell whether this process is the kernel of a notebook.

    Example:
        >>> in_notebook()
        False
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
