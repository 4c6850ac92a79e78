"""Whether another package's files lie among ours: HIPS's `autograd` has the same import name.

Installed one over the other, the two share a folder. pip does not notice.
"""

from __future__ import annotations

import os
import warnings

__all__ = ["ADVICE", "warn_of_others"]

OTHERS = frozenset({
    "builtins.py", "core.py", "differential_operators.py", "extend.py", "misc", "numpy", "scipy",
    "test_util.py", "tracer.py", "util.py", "wrap_util.py",
    # from earlier versions
    "basic_ops.py", "container_types.py", "convenience_wrappers.py", "cupy", "fmap_util.py",
    "node_types.py", "optimizers.py", "vspace.py",
})  # fmt: skip
"""The names in the folder of HIPS's package that ours lacks."""

ADVICE = (
    "scalar-autograd and HIPS's autograd have the same import name, and cannot be installed in one "
    "environment. Remove both, with whatever is left of the folder, and install the one that you "
    "want: pip uninstall autograd scalar-autograd"
)


def warn_of_others(folder: str) -> None:
    """Warn if files of HIPS's package lie in a folder.

    It costs one listing of the folder.

    Args:
        folder: The folder of this package.

    Example:
        >>> warn_of_others("/nowhere")
    """
    try:
        found = OTHERS.intersection(os.listdir(folder))  # noqa: PTH208  pathlib takes long to load
    except OSError:  # the package is in an archive
        return
    if found:
        warnings.warn(
            f"files of another package lie in {folder}, where scalar-autograd is installed: "
            f"{', '.join(sorted(found))}. {ADVICE}",
            RuntimeWarning,
            stacklevel=3,
        )
