"""The C backend: programs as C99, and as what the system's C compiler makes of it."""

from autograd.compiler.backends.c.backend import C

__all__ = ["C"]
