"""The wording of errors: which operation failed, on what operands, at which node."""

from __future__ import annotations

import operator
import reprlib
from collections.abc import Iterable, Sequence
from itertools import islice
from numbers import Complex, Real
from typing import Any

__all__ = [
    "counted",
    "outside_domain",
    "refuse_mask",
    "shown",
    "some",
    "whole_number",
    "wrong_type",
]


def outside_domain(
    error: Exception,
    name: str,
    operand_names: Sequence[str],
    operands: Sequence[Any],
    domain: str = "",
) -> Exception:
    """Extend an arithmetic error with the operation that raised it, its operands and its node.

    Args:
        error: The error that the evaluation raised.
        name: The operation.
        operand_names: The names of its operands; fewer than the operands, for an n-ary operation.
        operands: Floats or nodes, in order.
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
    # A dozen operands can be read; of a thousand, the first few show what they are like.
    described = [
        f"{operand_name} = {_described(operand)}"
        for operand_name, operand in list(zip(names, operands, strict=True))[:12]
    ]
    if len(operands) > len(described):
        described.append(f"… ({len(operands):,} operands)")
    if name.partition("[")[0].isidentifier():  # one of several results has its index in brackets
        signature = f"{name}({', '.join(operand_names)})"
    else:
        signature = f" {name} ".join(operand_names)
    reason = error.args[-1] if error.args else error  # for a power, (errno, message)
    if reason == "float modulo":  # Python's wording
        reason = "modulo by zero"
    if not operands and domain == "at least one operand":
        reason = "expected at least one operand, and the sequence is empty"
    point = f"{signature} at {', '.join(described)}" if described else name
    message = f"{point}: {reason}"
    if domain and described:
        message += f"; {name} is defined for {domain}"
    try:
        return type(error)(message)
    except TypeError:  # a class that cannot be made from a message alone
        return error


def wrong_type(
    operation: str, operand: object, expected: str = "a Value or a real number"
) -> TypeError:
    """Make the error for an operand of a type that the operation does not take.

    Args:
        operation: The operation, or the name of the function.
        operand: The operand.
        expected: What the operation expects.

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
    elif isinstance(operand, dict) and "sequence" in expected:
        message += "; pass its values: list(d.values())"
    elif hasattr(operand, "__array__") and operation.startswith("Value"):
        message += "; a Value holds one number: for an array of them, "
        message += "np.array([Value(x) for x in xs])"
    elif hasattr(operand, "__array__"):
        message += "; for arrays of Values use NumPy's function of that name, and in a compiled "
        message += "function name the axis of the rows: compile(f, in_axes=0)"
    return TypeError(message)


def refuse_mask(what: str, operand: object) -> None:
    """Refuse NumPy's masked arrays and their scalars, whose masks would be ignored.

    Args:
        what: The function that was given it, or where it is.
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
    """Write an operand briefly, on one line, whatever it is.

    Example:
        >>> shown([10**5000])
        '[<int of 16,610 bits>]'
        >>> len(shown("text " * 10**6)) < 50
        True
    """
    try:
        text = _SHORT.repr(operand)
    except Exception:  # a class whose repr fails, inside a container
        text = object.__repr__(operand)
    if not text.isprintable():
        text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


LONGEST = 200
"""The maximum number of characters of an operand that an error shows."""


class _Short(reprlib.Repr):
    """Python's `reprlib`, with further limits on what it would write in full, or slowly."""

    def __init__(self) -> None:
        super().__init__()
        self.maxother = 60

    def repr_int(self, x: int, level: int) -> str:
        if x.bit_length() > 10_000:  # Python refuses to write thousands of digits
            return f"<int of {x.bit_length():,} bits>"
        return super().repr_int(x, level)

    def repr_bytes(self, x: bytes, level: int) -> str:
        return repr(x) if len(x) <= 16 else f"{x[:16]!r}… ({len(x):,} bytes)"

    repr_bytearray = repr_bytes

    def repr_dict(self, x: dict[object, object], level: int) -> str:
        first = dict(islice(x.items(), self.maxdict + 1))  # the rest is not written anyway
        return super().repr_dict(first, level)

    def repr_set(self, x: set[object], level: int) -> str:
        return super().repr_set(set(islice(x, self.maxset + 1)), level)

    def repr_frozenset(self, x: frozenset[object], level: int) -> str:
        return super().repr_frozenset(frozenset(islice(x, self.maxfrozenset + 1)), level)


_SHORT = _Short()


def counted(count: int, noun: str, plural: str = "") -> str:
    """Write a number of things in words, in the singular or the plural.

    Args:
        count: How many there are.
        noun: The word for one of them.
        plural: The word for several, if it is not the noun and an s.

    Example:
        >>> counted(1, "input"), counted(1000, "input"), counted(0, "leaf", "leaves")
        ('1 input', '1,000 inputs', '0 leaves')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def some(items: Iterable[str], separator: str = ", ", most: int = 10) -> str:
    """Join the first few of some texts, and say how many more there are.

    Args:
        items: The texts.
        separator: What to put between them.
        most: How many are written out.

    Example:
        >>> some(["a", "b"]), some("abcdefghijklm", most=2)
        ('a, b', 'a, b, … and 11 more')
    """
    texts = list(items)
    more = [f"… and {len(texts) - most:,} more"] if len(texts) > most else []
    return separator.join([*texts[:most], *more])


def whole_number(number: Any, what: str, least: int | None = None, also: str = "") -> int:
    """Take an integer, or what Python accepts in place of one.

    Args:
        number: What was given.
        what: The function and its argument, for the error.
        least: The smallest value allowed.
        also: What else is allowed, for the error.

    Returns:
        The integer.

    Raises:
        TypeError: It is not an integer.
        ValueError: It is smaller than allowed.

    Example:
        >>> whole_number(2.5, "step_decay: every", 1)
        Traceback (most recent call last):
        ...
        TypeError: step_decay: every must be a whole number of at least 1, got float: 2.5
    """
    wanted = "a whole number" if least is None else f"a whole number of at least {least}"
    try:
        if isinstance(number, bool):
            raise TypeError
        integer = operator.index(number)
    except TypeError:
        raise TypeError(
            f"{what} must be {wanted}{also}, got {type(number).__name__}: {shown(number)}"
        ) from None
    if least is not None and integer < least:
        raise ValueError(f"{what} must be {wanted}{also}, got {shown(number)}")
    return integer


def _described(operand: Any) -> str:
    """Write an operand's number and, for a node, where it comes from."""
    if isinstance(operand, float):
        return repr(operand)
    if operand.label is not None:  # in full, as its owner searches for it, unless it is very long
        label = repr(operand.label)
        label = label if len(label) <= LONGEST else f"{label[:LONGEST]}…"
        return f"{operand.data!r} (node {label})"
    if operand.op:
        return f"{operand.data!r} (the result of {operand.op!r})"
    return repr(operand.data)
