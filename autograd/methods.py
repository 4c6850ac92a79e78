"""The methods of `Value` that are made from the table, declared for type checkers.

Written by `python -m tests.declared`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self  # known to type checkers without being installed

    from autograd.reals import Plain

__all__ = ["Elementary"]


class Elementary:
    """The elementary functions as methods: one for each row of the table, set by `functions.py`."""

    __slots__ = ()

    abs: Callable[[], Self]
    exp: Callable[[], Self]
    exp2: Callable[[], Self]
    expm1: Callable[[], Self]
    log: Callable[..., Self]
    log2: Callable[[], Self]
    log10: Callable[[], Self]
    log1p: Callable[[], Self]
    sqrt: Callable[[], Self]
    cbrt: Callable[[], Self]
    square: Callable[[], Self]
    reciprocal: Callable[[], Self]
    hypot: Callable[[Self | Plain], Self]
    sin: Callable[[], Self]
    cos: Callable[[], Self]
    tan: Callable[[], Self]
    arcsin: Callable[[], Self]
    arccos: Callable[[], Self]
    arctan: Callable[[], Self]
    arctan2: Callable[[Self | Plain], Self]
    sinh: Callable[[], Self]
    cosh: Callable[[], Self]
    tanh: Callable[[], Self]
    arcsinh: Callable[[], Self]
    arccosh: Callable[[], Self]
    arctanh: Callable[[], Self]
    sigmoid: Callable[[], Self]
    softplus: Callable[[], Self]
    logsigmoid: Callable[[], Self]
    relu: Callable[[], Self]
    leaky_relu: Callable[..., Self]
    elu: Callable[..., Self]
    gelu: Callable[[], Self]
    silu: Callable[[], Self]
    erf: Callable[[], Self]
    erfc: Callable[[], Self]
    lgamma: Callable[[], Self]
    digamma: Callable[[], Self]
    sign: Callable[[], Self]
    floor: Callable[[], Self]
    ceil: Callable[[], Self]
    trunc: Callable[[], Self]
    maximum: Callable[[Self | Plain], Self]
    minimum: Callable[[Self | Plain], Self]
    clip: Callable[..., Self]
    logaddexp: Callable[[Self | Plain], Self]
    logaddexp2: Callable[[Self | Plain], Self]
    logit: Callable[[], Self]
    xlogy: Callable[[Self | Plain], Self]
    xlog1py: Callable[[Self | Plain], Self]
    entr: Callable[[], Self]
    rsqrt: Callable[[], Self]
    sinpi: Callable[[], Self]
    cospi: Callable[[], Self]
    sinc: Callable[[], Self]
    degrees: Callable[[], Self]
    radians: Callable[[], Self]
    copysign: Callable[[Self | Plain], Self]
    fmod: Callable[[Self | Plain], Self]
    remainder: Callable[[Self | Plain], Self]
    softsign: Callable[[], Self]
    selu: Callable[[], Self]
    mish: Callable[[], Self]
    hard_tanh: Callable[[], Self]
    ndtr: Callable[[], Self]
    log_ndtr: Callable[[], Self]
    ndtri: Callable[[], Self]
    erfinv: Callable[[], Self]
    erfcinv: Callable[[], Self]
    gamma: Callable[[], Self]
    beta: Callable[[Self | Plain], Self]
    betaln: Callable[[Self | Plain], Self]
    j0: Callable[[], Self]
    j1: Callable[[], Self]
    y0: Callable[[], Self]
    y1: Callable[[], Self]
    i0: Callable[[], Self]
    i1: Callable[[], Self]
    i0e: Callable[[], Self]
    i1e: Callable[[], Self]
    k0: Callable[[], Self]
    k1: Callable[[], Self]
