"""What a type checker says to users: `make lint` runs it, and so is this file's test.

Each `type: ignore` names an error that mypy must report: under `strict`, it is an error to ignore
one that there is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import autograd
from autograd import Value, no_grad

if TYPE_CHECKING:
    v = Value(2, label="x")

    # --- right -----------------------------------------------------------------------------------

    a: Value = autograd.exp(v)
    b: float = autograd.exp(2)
    c: Value = 2 ** (1 - v) / v + 3 * -v // 2
    d: Value = autograd.hypot(1.0, v) + autograd.clip(v, 0, upper=1) + autograd.sum([v, v])
    e: float = autograd.sum([1.0, 2]) + autograd.maximum(1, 2)
    f: Value = v.tanh().maximum(1).softsign()
    g: bool = v < 1
    h: float = v.data + v.grad
    i: tuple[Value, ...] = v.parents
    with no_grad():
        v.backward(2)

    @no_grad()
    def predict(x: float) -> Value:
        return v * x

    j: Value = predict(1.0)

    # --- wrong -----------------------------------------------------------------------------------

    _: object = Value("1")  # type: ignore[arg-type]
    _ = v + "a"  # type: ignore[operator]
    _ = v + None  # type: ignore[operator]
    _ = [1] * v  # type: ignore[operator]
    _ = autograd.exp(None)  # type: ignore[call-overload]
    _ = autograd.hypot(v, "a")  # type: ignore[call-overload]
    k: float = autograd.exp(v)  # type: ignore[assignment]
    m: Value = autograd.exp(1.0)  # type: ignore[assignment]
    _ = v.gradient  # type: ignore[attr-defined]
    v.backward("1")  # type: ignore[arg-type]
    v.label = 1  # type: ignore[assignment]

    class Mine(Value):  # type: ignore[misc]
        """Values are no classes to inherit from."""
