"""The C backend: programs as C99, compiled by the system's C compiler."""

from autograd.compiler.backends.c.backend import C

__all__ = ["C"]
