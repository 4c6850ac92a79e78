"""The methods of `Value` that are made from the table, declared for type checkers."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograd.value import Operand, Value

__all__ = ["Elementary"]

Method: TypeAlias = "Callable[[], Value]"
BinaryMethod: TypeAlias = "Callable[[Operand], Value]"


class Elementary:
    """The elementary functions as methods: one a row of the table, set by `functions.py`."""

    __slots__ = ()

    exp: Method
    exp2: Method
    expm1: Method
    log: Method
    log2: Method
    log10: Method
    log1p: Method
    sqrt: Method
    cbrt: Method
    square: Method
    reciprocal: Method
    hypot: BinaryMethod
    sin: Method
    cos: Method
    tan: Method
    arcsin: Method
    arccos: Method
    arctan: Method
    arctan2: BinaryMethod
    sinh: Method
    cosh: Method
    tanh: Method
    arcsinh: Method
    arccosh: Method
    arctanh: Method
    sigmoid: Method
    softplus: Method
    logsigmoid: Method
    relu: Method
    leaky_relu: Callable[..., Value]
    elu: Callable[..., Value]
    gelu: Method
    silu: Method
    erf: Method
    erfc: Method
    lgamma: Method
    digamma: Method
    sign: Method
    floor: Method
    ceil: Method
    trunc: Method
    maximum: BinaryMethod
    minimum: BinaryMethod
    clip: Callable[..., Value]
    where: Callable[[Operand, Operand], Value]
    abs: Method
