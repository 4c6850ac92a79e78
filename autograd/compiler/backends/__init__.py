"""The backends that execute programs: machine code by LLVM, NumPy arrays, and C.

Each fulfils the contract `contract.Backend` and is listed here.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from autograd.compiler.backends.arrays import NumPy
from autograd.compiler.backends.c import C
from autograd.compiler.backends.contract import Backend, Kernel
from autograd.compiler.backends.llvm import LLVM

__all__ = ["BACKENDS", "Backend", "BackendName", "Kernel", "best_backend"]

BackendName: TypeAlias = Literal["llvm", "numpy", "c"]

BACKENDS: dict[str, Backend] = {backend.name: backend for backend in (LLVM(), NumPy(), C())}
"""The backends by name, the fastest first."""


def best_backend() -> BackendName:
    """Return the name of the default backend.

    Returns:
        LLVM if llvmlite is installed, else NumPy.

    Example:
        >>> best_backend() in BACKENDS
        True
    """
    return "numpy" if BACKENDS["llvm"].missing() else "llvm"
