"""What a user's type checker must understand of an installed scalar-autograd."""

from __future__ import annotations

import autograd
from autograd import Value

x = Value(2.0, label="x")
recorded: Value = autograd.exp(x) * x + 1
evaluated: float = autograd.exp(2.0)
activated: Value = autograd.mish(x) + x.softsign() + autograd.std([x, 1.0])
logarithm: float = autograd.log(8.0, 2)
gradient: float = x.grad
checked: bool = bool(autograd.gradcheck(autograd.exp, 2.0))
slope: float = autograd.grad(lambda x: x * x)(2.0)
