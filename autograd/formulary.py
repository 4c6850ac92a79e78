"""The wider formulary: rows as those of `autograd.rules`, of functions used less often.

A row here is all that the library knows of its function: everything else, the public function and
method, the compiler, the checks and their strategies, follows from it. How a row is read, and how
one is added, stands in `autograd.rules` and in CONTRIBUTING.
"""

from __future__ import annotations

import math

from autograd.formulary_special import SPECIAL
from autograd.rules import TABLE, Rule, X, register

__all__ = ["FORMULARY", "ROWS"]

inf, nan = math.inf, math.nan

# fmt: off
FORMULARY: tuple[Rule, ...] = (
    # --- activations ---
    Rule("softsign", X, lambda x: x / (1.0 + abs(x)),
         lambda m, y, x: (1.0 / (1.0 + m.abs(x)) / (1.0 + m.abs(x)),),  # a square may overflow
         "x / (1 + |x|), a sigmoid with heavy tails. Its derivative is `1 / (1 + abs(x))**2`.",
         ((1.0,), 0.5),
         exact=lambda mp, x: x / (1 + abs(x)),
         smooth=(((0.0, inf), (-inf, 0.0)),)),
    *SPECIAL,
)
# fmt: on

ROWS: tuple[Rule, ...] = (*TABLE, *FORMULARY)
"""All the rows of the library."""

for _rule in FORMULARY:
    register(_rule)
