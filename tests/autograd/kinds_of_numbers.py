"""Real numbers of every kind, and objects that are not real numbers."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

NUMBERS: list[Any] = [
    2,
    True,
    2.0,
    Fraction(5, 2),
    Decimal("2.5"),
    np.float64(2.5),
    np.float32(2.5),
    np.float16(2.5),
    np.longdouble(2.5),
    np.int64(2),
    np.uint8(2),
    np.True_,
    np.array(2.5),
    np.array(2),
]
NO_NUMBERS: list[Any] = ["1", b"1", None, [1.0], (1.0,), {}, object(), 1j, np.complex64(1j)]


def described(x: object) -> str:
    return f"{type(x).__name__} {x!r}".partition(" at 0x")[0]
