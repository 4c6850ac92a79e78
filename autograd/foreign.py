"""The names that other libraries use, and what they are called here: for errors that newcomers see.

Users who come from micrograd, PyTorch, Keras or JAX type the names that they know. If this library
has no such name, the error says what it is called here, or why it does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import NoReturn, ParamSpec, TypeVar

__all__ = ["PACKAGE", "ForeignNames", "lacking", "with_advice"]

P = ParamSpec("P")
T = TypeVar("T")

_NUMBER = "the number of a Value is its .data"
_SCALAR = "a Value is one number; an array of Values is NumPy's: np.array([x1, x2])"
_SEQUENCE = "it is a function of a sequence, autograd.{}([x1, x2])"
_EVERY = "every Value records how it was made: autograd.no_grad() computes without recording"

# micrograd's, PyTorch's and TensorFlow's.
_VALUE = {
    "item": _NUMBER,
    "numpy": _NUMBER,
    "tolist": _NUMBER,
    "value": _NUMBER,
    "val": _NUMBER,
    "primal": _NUMBER,
    "gradient": "after backward() the derivative is .grad",
    "backwards": "use backward()",
    "backprop": "use backward()",
    "_prev": "the operands are .parents",
    "_children": "the operands are .parents",
    "children": "the operands are .parents",
    "_op": "the name of the operation is .op",
    "grad_fn": "the name of the operation is .op",
    "name": "the name of a Value is its .label",
    "_backward": "a node holds .local_derivatives, which backward() multiplies",
    "requires_grad": _EVERY,
    "requires_grad_": _EVERY,
    "retain_grad": "every node keeps its .grad",
    "is_leaf": "a leaf has no .parents",
    "clone": "copy.copy(x) copies a node",
    "assign": "set .data",
    "pow": "write x1 ** x2",
    "add": "write x1 + x2",
    "sub": "write x1 - x2",
    "mul": "write x1 * x2",
    "div": "write x1 / x2",
    "neg": "write -x",
    "matmul": "autograd.dot(xs1, xs2) is the sum of products",
    "sum": _SEQUENCE.format("sum"),
    "mean": _SEQUENCE.format("mean"),
    "max": _SEQUENCE.format("max") + "; of two numbers, x1.maximum(x2)",
    "min": _SEQUENCE.format("min") + "; of two numbers, x1.minimum(x2)",
    "softmax": _SEQUENCE.format("softmax"),
    "shape": _SCALAR,
    "size": _SCALAR,
    "ndim": _SCALAR,
    "dtype": "a Value is one number in double precision",
    "T": _SCALAR,
    "reshape": _SCALAR,
    "to": "a Value lives in Python's memory, in double precision",
    "cuda": "a Value lives in Python's memory, in double precision",
    "cpu": "a Value lives in Python's memory, in double precision",
}

# PyTorch's, JAX's, HIPS's and TensorFlow's.
PACKAGE = {
    "tensor": "a scalar is a Value, an array is NumPy's, with Values in it",
    "Tensor": "a scalar is a Value, an array is NumPy's, with Values in it",
    "Variable": "use Value",
    "Scalar": "use Value",
    "Dual": "jvp differentiates along a tangent",
    "numpy": "NumPy's own functions take arrays of Values: import numpy as np",
    "engine": "use `from autograd import Value`",
    "nn": "nn is a package of its own: import nn",
    "jit": "use compile",
    "GradientTape": "whatever is computed from Values is recorded: y.backward(), or grad(f)",
    "tape": "whatever is computed from Values is recorded: y.backward(), or grad(f)",
    "backward": "it is a method of the output: y.backward()",
    "elementwise_grad": "use grad of the sum: grad(lambda x: np.sum(f(x)))",
    "derivative": "use grad",
    "gradient": "use grad",
    "hessian_vector_product": "use hvp",
    "jacfwd": "use jacobian",
    "jacrev": "use jacobian",
    "jacobian_vector_product": "use jvp",
    "check_grads": "use gradcheck for one point, and autograd.testing.check_gradients for many",
    "remat": "use checkpoint",
    "custom_root": "use implicit",
    "primitive": "use custom_function",
    "Function": "use custom_function",
    "custom_vjp": "use custom_function",
    "custom_jvp": "use custom_function",
    "draw_dot": "use draw",
    "make_dot": "use draw",
    "cross_entropy": "losses are in nn.losses",
    "acos": "use arccos", "asin": "use arcsin", "atan": "use arctan",
    "acosh": "use arccosh", "asinh": "use arcsinh", "atanh": "use arctanh",
    "atan2": "use arctan2", "pow": "write x1 ** x2", "ln": "use log", "fabs": "use abs",
    "mod": "write x1 % x2", "rectified_linear": "use relu", "expit": "use sigmoid",
    "logistic": "use sigmoid", "swish": "use silu", "heaviside": "use where(x > 0, 1, 0)",
    "lse": "use logsumexp", "average": "use mean", "product": "use prod",
}  # fmt: skip


def lacking(owner: str, name: str, advice: Mapping[str, str], of: object = None) -> AttributeError:
    """Make the error for a missing attribute, with what to write instead, if that is known.

    Args:
        owner: The object that was asked, in words.
        name: The attribute.
        advice: What to write here, by the name in other libraries.
        of: The object that was asked; Python searches it for similarly spelt names.

    Returns:
        The error, to be raised.

    Example:
        >>> print(lacking("Value", "item", {"item": "the number of a Value is its .data"}))
        Value has no attribute 'item': the number of a Value is its .data
    """
    told = advice.get(name)
    return AttributeError(
        f"{owner} has no attribute {name!r}" + (f": {told}" if told else ""), name=name, obj=of
    )


def with_advice(**advice: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorate a function so that another library's name for one of its arguments is explained.

    Args:
        **advice: What to write here, by the keyword in other libraries.

    Returns:
        The decorator; the function that it returns raises a TypeError at such a keyword.

    Example:
        >>> @with_advice(lr="the learning rate is learning_rate=")
        ... def train(*, learning_rate: float) -> float:
        ...     return learning_rate
        >>> train(lr=0.1)
        Traceback (most recent call last):
        ...
        TypeError: train has no argument lr=: the learning rate is learning_rate=
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        name = function.__qualname__.removesuffix(".__init__")

        @wraps(function)
        def advised(*args: P.args, **kwargs: P.kwargs) -> T:
            for keyword in kwargs:
                if keyword in advice:
                    raise TypeError(f"{name} has no argument {keyword}=: {advice[keyword]}")
            return function(*args, **kwargs)

        return advised

    return decorate


class _ForeignName:
    """An attribute that only other libraries have: reading or setting it is an error."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type | None = None) -> NoReturn:
        raise lacking("Value", self.name, _VALUE, instance)

    def __set__(self, instance: object, value: object) -> NoReturn:
        raise lacking("Value", self.name, _VALUE, instance)


class ForeignNames:
    """A Value's answers to the names that other libraries use.

    One attribute each, and no `__getattr__`: NumPy asks every Value that it meets for a dozen names
    that do not exist, and each answer would cost time.
    """

    __slots__ = ()

    def __dir__(self) -> list[str]:
        """Leave these names out, for completion."""
        return sorted(set(super().__dir__()) - _VALUE.keys())


for _name in _VALUE:
    setattr(ForeignNames, _name, _ForeignName(_name))
