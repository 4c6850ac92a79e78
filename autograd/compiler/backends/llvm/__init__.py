"""The LLVM backend: programs as machine code.

A program is cut and laid out in memory (`schedule`), written in LLVM's intermediate representation
(`emission`; the elementary functions in `mathematics`), and compiled for a `target`.
"""

from autograd.compiler.backends.llvm.backend import LLVM

__all__ = ["LLVM"]
