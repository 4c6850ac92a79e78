"""Scalar reverse-mode automatic differentiation.

A `Value` records how it was computed; `backward()` applies the chain rule from the output to the
inputs.

Example:
    >>> from autograd import Value, tanh
    >>> w, x, b = Value(0.5, "w"), Value(2.0, "x"), Value(-1.0, "b")
    >>> y = tanh(w * x + b)
    >>> y.backward()
    >>> w.grad
    2.0

What there is, by what to ask `help` for:

    Value                   a number that records how it was made: arithmetic, `backward`
    autograd.functions      exp, tanh, sum, …, and `custom_function` for one of your own
    draw, explain           a graph as a picture; a derivative by its paths
    autograd.transforms     grad, jacobian, hessian, …: derivatives of plain functions, to any order
    autograd.control        scan, while_loop, cond, …: loops and choices, recorded and compiled
    gradcheck               is a gradient right? `autograd.testing` makes tests of it
    compile                 a function, or its derivative, as machine code
    checkpoint, vmap        a function that is recomputed, not kept; a function of many rows
    implicit                derivatives of what a solver finds
    no_grad                 computing without recording
    nn                      neurons, layers, perceptrons, losses, optimisers, training

To read the engine, begin with `autograd.value`, `autograd.graph` and `autograd.rules`.
"""

from typing import TYPE_CHECKING

from autograd import names
from autograd.drawing import draw
from autograd.functions import cumprod, cumsum, custom_function, dot, log, net, softmax
from autograd.grad_mode import no_grad
from autograd.installation import warn_of_others as _warn_of_others
from autograd.names import *  # noqa: F403  the functions of the table
from autograd.names import abs as abs
from autograd.names import max as max
from autograd.names import min as min
from autograd.names import sum as sum
from autograd.tracing import TracingError
from autograd.value import Value
from autograd.version import __version__ as __version__

if TYPE_CHECKING:
    from autograd.checking import GradientError, gradcheck
    from autograd.compiler import clear_compile_cache as clear_compile_cache
    from autograd.compiler import compile as compile
    from autograd.control import cond, fori_loop, scan, stop_gradient, while_loop
    from autograd.drawing import RenderingError
    from autograd.explanation import explain
    from autograd.implicit_functions import implicit
    from autograd.mapping import vmap
    from autograd.recomputing import checkpoint
    from autograd.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
else:
    _HOMES = {
        "GradientError": "autograd.checking",
        "checkpoint": "autograd.recomputing",
        "implicit": "autograd.implicit_functions",
        "vmap": "autograd.mapping",
        "RenderingError": "autograd.drawing",
        "explain": "autograd.explanation",
        **dict.fromkeys(
            ("cond", "fori_loop", "scan", "stop_gradient", "while_loop"), "autograd.control"
        ),
        "gradcheck": "autograd.checking",
        **dict.fromkeys(
            ("grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"),
            "autograd.transforms",
        ),
    }
    _COMPILER = ("clear_compile_cache", "compile")

    def __getattr__(name: str) -> object:
        """Load large parts on first use, so that `import autograd` stays light.

        Raises:
            ImportError: It needs an extra that is not installed.
        """
        from importlib import import_module

        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        if name in _COMPILER:
            try:
                from autograd.compiler import clear_compile_cache, compile
            except ModuleNotFoundError as error:  # NumPy is an extra: reported on the call
                reason = str(error)

                def compile(*args: object, **kwargs: object) -> object:
                    """Compile a function; this needs the extra `compile`."""
                    raise ModuleNotFoundError(reason)

                def clear_compile_cache() -> int:
                    """Remove what `compile` keeps; this needs the extra `compile`."""
                    raise ModuleNotFoundError(reason)

            return compile if name == "compile" else clear_compile_cache
        if name in ("compiler", "testing", "transforms"):
            return import_module(f"autograd.{name}")
        from autograd.foreign import PACKAGE, lacking

        raise lacking(f"module {__name__!r}", name, PACKAGE)

    def __dir__() -> list[str]:
        """Also list what is loaded on first use, for `help` and completion."""
        return sorted({*globals(), *_HOMES, *_COMPILER})


del TYPE_CHECKING  # not part of the library
_warn_of_others(__path__[0])  # noqa: F405  which every package has

__all__ = [
    "GradientError", "RenderingError", "TracingError", "Value", "checkpoint", "cond", "cumprod",
    "cumsum", "custom_function", "dot", "draw", "explain", "fori_loop", "grad", "gradcheck",
    "hessian", "hvp", "implicit", "jacobian", "jvp", "log", "net", "no_grad", "scan", "softmax",
    "stop_gradient", "value_and_grad", "vjp", "vmap", "while_loop",
]  # fmt: skip
__all__ += names.__all__
# Names that would hide a builtin, such as `compile`, are imported by name, not by a star.
__all__.remove("abs")
__all__.remove("max")
__all__.remove("min")
__all__.remove("sum")
