"""Scalar functions and their derivatives as machine code.

A function is traced (`trace`) to a program (`program`), which goes through a `pipeline` of
`passes`; a backend executes it (`backends`, `execution`): LLVM, NumPy or C. Machine code is kept
in a folder that belongs to the user (`cache`).
"""

try:
    from autograd.compiler.cache import clear_compile_cache
    from autograd.compiler.function import Compiled, compile, load
except ModuleNotFoundError as error:  # pragma: no cover (in an environment of its own)
    if error.name != "numpy":
        raise
    raise ModuleNotFoundError(
        "compile needs NumPy, and llvmlite to be fast: install scalar-autograd[compile]",
        name="numpy",
    ) from None
from autograd.compiler.program import Operation, Program

__all__ = ["Compiled", "Operation", "Program", "clear_compile_cache", "compile", "load"]
