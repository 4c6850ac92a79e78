"""The pipeline: the passes that a traced program goes through, in order."""

from __future__ import annotations

import os
from collections.abc import Callable

from autograd.compiler.passes import (
    eliminate_common_subexpressions,
    eliminate_dead_code,
    fold_constants,
    lower,
    with_bodies,
)
from autograd.compiler.program import Program

__all__ = ["PASSES", "VERIFY", "optimise"]

PASSES: tuple[Callable[[Program], Program], ...] = (
    lower,
    fold_constants,
    eliminate_common_subexpressions,
    eliminate_dead_code,
)
"""The passes that every program goes through before a backend plans it. After them,
`passes.drop_guards` makes a second, faster version of a program that has guards, and
`passes.fuse_sums`, given what the backend may reorder, is the first step of the backend's plan
(`backends.contract.planned`)."""

VERIFY = "AUTOGRAD_VERIFY"
"""The environment variable that, set to 1, makes `optimise` check the program after each pass, as
in the tests."""


def optimise(program: Program) -> Program:
    """Lower a program, fold its constants, and remove repeated and dead operations.

    Args:
        program: A program as traced.

    Returns:
        A program of primitive operations.

    Raises:
        TracingError: The evaluation of a user's function cannot be traced.

    Example:
        >>> from autograd.compiler.trace import traced_program
        >>> print(optimise(traced_program(lambda x: x.square() + x.square(), ["x"])))
        %0 = input x
        %1 = * %0 %0
        %2 = + %1 %1
        output %2
    """
    program = with_bodies(program, optimise)
    verified = os.environ.get(VERIFY) == "1"
    for each in PASSES:
        program = each(program)
        if verified:
            _verify(program, each.__name__)
    return program


def _verify(program: Program, name: str) -> None:
    try:
        program.checked()
    except ValueError as error:
        raise AssertionError(f"the pass {name} made a malformed program: {error}") from error
