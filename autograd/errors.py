"""The words of errors: which operation failed, on what operands, at which node."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from numbers import Complex, Real
from typing import Any

__all__ = ["outside_domain", "refuse_mask", "shown", "wrong_type"]


def outside_domain(
    error: Exception,
    name: str,
    operand_names: Sequence[str],
    operands: Sequence[Any],
    domain: str = "",
) -> Exception:
    """Say of an arithmetic error which operation raised it, on what operands, at which node.

    Args:
        error: What the evaluation raised.
        name: The operation.
        operand_names: What its operands are called; fewer than operands for an n-ary operation.
        operands: Floats or nodes, in the order of the operation.
        domain: Where the operation is defined, in words.

    Returns:
        An exception of the class of `error`, to be raised in its place.

    Example:
        >>> import math
        >>> try:
        ...     math.log(-1.0)
        ... except ValueError as error:
        ...     print(outside_domain(error, "log", ["x"], [-1.0], "x > 0"))
        log(x) at x = -1.0: math domain error; log is defined for x > 0
    """
    if len(operands) == len(operand_names):
        names = list(operand_names)
    else:
        names = [f"x{position}" for position in range(1, len(operands) + 1)]
    # A dozen operands are readable; of a thousand, the first show what kind they are.
    shown = [
        f"{operand_name} = {_described(operand)}"
        for operand_name, operand in list(zip(names, operands, strict=True))[:12]
    ]
    if len(operands) > len(shown):
        shown.append(f"… ({len(operands)} operands)")
    if name.partition("[")[0].isidentifier():  # one of several results has its place in brackets
        signature = f"{name}({', '.join(operand_names)})"
    else:
        signature = f" {name} ".join(operand_names)
    point = f"at {', '.join(shown)}" if shown else "of no operands"
    reason = error.args[-1] if error.args else error  # of a power, (errno, message)
    message = f"{signature} {point}: {reason}"
    if domain:
        message += f"; {name} is defined for {domain}"
    try:
        return type(error)(message)
    except TypeError:  # a class that is not made from a message alone
        return error


def wrong_type(
    operation: str, operand: object, expected: str = "a Value or a real number"
) -> TypeError:
    """Say that an operand is of a type that the operation does not take.

    Args:
        operation: The operation, or the name of the function.
        operand: What it was given.
        expected: What would have been right.

    Returns:
        The error, to be raised.

    Example:
        >>> print(wrong_type("exp", "1.5"))
        exp: expected a Value or a real number, got str: '1.5'
    """
    message = f"{operation}: expected {expected}, got {type(operand).__name__}"
    message += f": {shown(operand)}"
    if isinstance(operand, Complex) and not isinstance(operand, Real):
        message += "; derivatives are of real functions: pass .real and .imag on their own"
    elif hasattr(operand, "__array__"):
        message += "; for arrays of Values use NumPy's function of that name, and in a compiled "
        message += "function name the axis of the rows: compile(f, in_axes=0)"
    return TypeError(message)


def refuse_mask(what: str, operand: object) -> None:
    """Refuse NumPy's masked arrays and their scalars, of which only the numbers would be read.

    Args:
        what: Who was given it, or where it is.
        operand: Anything.

    Raises:
        TypeError: It has a mask.

    Example:
        >>> import numpy
        >>> refuse_mask("sin", numpy.ma.masked)
        Traceback (most recent call last):
        ...
        TypeError: sin: the mask of a masked array would be ignored: fill in what is masked ...
    """
    if hasattr(operand, "filled") and hasattr(operand, "mask"):
        raise TypeError(
            f"{what}: the mask of a masked array would be ignored: fill in what is masked "
            "(x.filled(0.0)), or leave it out (x.compressed())"
        )


def shown(operand: object) -> str:
    """Write an operand in little space, whatever it is.

    Example:
        >>> shown([10**5000])
        '<list object at 0x...>'
    """
    try:
        return reprlib.repr(operand)
    except Exception:  # its own, or of an int with more digits than Python will write
        return object.__repr__(operand)


def _described(operand: Any) -> str:
    """Write an operand's number and, for a node, where it comes from."""
    if isinstance(operand, float):
        return repr(operand)
    if operand.label is not None:
        return f"{operand.data!r} (node {operand.label!r})"
    if operand.op:
        return f"{operand.data!r} (the result of {operand.op!r})"
    return repr(operand.data)
