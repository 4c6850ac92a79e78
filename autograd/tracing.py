"""What the engine needs for tracing a function before compilation: unknown numbers.

`autograd.compile` calls a function with Values whose `data` is `UNKNOWN`. Operations record their
nodes as usual, so the graph is the trace; whatever needs to know the number raises.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import Any, NoReturn

from autograd import grad_mode

__all__ = [
    "LIBRARY", "UNKNOWN", "TracingError", "Unknown", "active", "expected", "is_awaited",
    "is_library", "is_outside", "is_traced", "known", "known_gradient", "made", "open_traces",
    "record_traced", "refusals", "refuse",
]  # fmt: skip

LIBRARY = ("autograd", "nn")
"""The packages whose own code may look at traced nodes."""


class TracingError(TypeError):
    """A function that is being traced needed a number that is known only when it runs.

    The message names the line that asked: the innermost frame outside libraries, this one included.

    Example:
        >>> from autograd import compile
        >>> compile(lambda x: x if x > 0.0 else -x)(1.0)
        Traceback (most recent call last):
        ...
        autograd.tracing.TracingError: ... known only when the program runs. A branch, ...
    """

    def __str__(self) -> str:
        if self.args:
            return super().__str__()
        # Imported here, because few programs need them.
        import linecache
        import sysconfig
        from pathlib import Path

        installed = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
        traceback, line = self.__traceback__, ""
        while traceback:
            frame = traceback.tb_frame
            code, number = frame.f_code, traceback.tb_lineno
            ours = frame.f_globals.get("__name__", "").partition(".")[0] in LIBRARY
            if not ours and not (line and code.co_filename.startswith(installed)):
                text = linecache.getline(code.co_filename, number, frame.f_globals).strip()
                line = f"{Path(code.co_filename).name}:{number}, in {code.co_name}"
                line += f": {text}\n" if text else ", "  # a prompt keeps no source
            traceback = traceback.tb_next
        return (
            f"compile: {line}asks for a number that is known only when the program runs. A branch, "
            "loop bound, comparison or conversion would be frozen at one answer: choose by "
            "where(condition, x1, x2), maximum or minimum, join conditions by & and |, use "
            "autograd.sin in place of math.sin, and pass what determines the shape of the program "
            "as an int, bool or str"
        )


refusals: ContextVar[list[TracingError] | None] = ContextVar("refusals", default=None)
"""The errors raised in the function that is being traced, except those that the library expected.
The function cannot suppress them by catching them, because it would continue with one frozen
answer."""


active: ContextVar[Any] = ContextVar("active", default=None)
"""The `autograd.traced.Trace` of the running thread or task; None where nothing is traced."""


open_traces: list[Any] = []
"""The traces of all threads: each notes what other threads create in the meantime."""


def record_traced(data: float, parents: Any, local_derivatives: tuple[float, ...], op: str) -> Any:
    """Make the node of an operation; `autograd.traced` replaces this with its own function."""
    raise NotImplementedError


def refuse(*operands: Any, message: str = "") -> NoReturn:
    """Raise an error, because a number was asked for that is not known.

    Args:
        *operands: The operands of the operation that asks.
        message: What else is wrong, in words.

    Raises:
        TracingError: Always.
    """
    error = TracingError(message) if message else TracingError()
    found = refusals.get()
    if found is not None:
        found.append(error)
    raise error


def expected(error: Exception) -> bool:
    """Tell whether an error is a `TracingError`; if so, the library expected it: forget it."""
    if not isinstance(error, TracingError):
        return False
    found = refusals.get()
    if found and found[-1] is error:
        found.pop()
    return True


# --- what the engine asks of the open trace, if there is one -------------------------------------


def is_outside(value: Any) -> bool:
    """Tell whether a Value existed before the function that is being traced was called."""
    if not grad_mode.open_blocks:
        return False
    trace = active.get()
    return trace is not None and trace.is_outside(value)


def is_awaited(operands: Any) -> bool:
    """Tell whether the result of an operation will be known only when the program runs."""
    trace = active.get() if grad_mode.open_blocks else None
    return trace is not None and trace.read(operands)


def known(value: Any) -> float:
    """Return the number of a Value for a decision; raise for one from outside while tracing."""
    if is_outside(value):
        refuse()
    number: float = value._number
    return number


def known_gradient(value: Any) -> Any:
    """Like `known`, for a gradient; one that the function itself has recorded is a Value."""
    gradient = value._grad
    if is_outside(value) and (not hasattr(gradient, "_number") or is_outside(gradient)):
        refuse()
    return gradient


def made(value: Any) -> None:
    """Report to the open traces a new node whose number is known."""
    trace = active.get()
    if trace is not None:
        trace.made(value)
        return
    for other in tuple(open_traces):  # those of other threads; this one is not tracing
        other.made_elsewhere(value)


def is_library(frame: Any) -> bool:
    """Tell whether a frame runs this library's code rather than a function that it traces."""
    name: str = frame.f_globals.get("__name__", "")
    try:
        return _is_library[name]
    except KeyError:
        _is_library[name] = found = name.partition(".")[0] in LIBRARY
        return found


_is_library: dict[str, bool] = {}  # by the name of a module; looked up whenever a node is read


class Unknown:
    """The data of a traced node. Arithmetic on it returns it; nothing else can be done with it.

    Example:
        >>> UNKNOWN + 1.0
        UNKNOWN
    """

    __slots__ = ()

    __bool__ = __float__ = __int__ = __index__ = __complex__ = refuse
    __round__ = __floor__ = __ceil__ = __trunc__ = refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = refuse
    __hash__ = refuse

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __str__(self) -> str:
        return self.__format__("", 2)

    def __format__(self, specification: str, depth: int = 1) -> str:
        if not is_library(sys._getframe(depth)):
            refuse()
        return "UNKNOWN"

    def __reduce__(self) -> str:
        return "UNKNOWN"


def _stay_unknown(x: Unknown, *others: Any) -> Unknown:
    return x


for _name in ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow"]:
    setattr(Unknown, f"__{_name}__", _stay_unknown)
    setattr(Unknown, f"__r{_name}__", _stay_unknown)
for _name in ["neg", "pos", "abs"]:
    setattr(Unknown, f"__{_name}__", _stay_unknown)

UNKNOWN: Any = Unknown()
"""The only instance; compare by identity."""


def is_traced(number: object) -> bool:
    """Tell whether a number is known only when the program that is being traced runs.

    Input checks use this, because they cannot be made then.

    Example:
        >>> is_traced(2.0)
        False
    """
    return getattr(number, "_number", None) is UNKNOWN
