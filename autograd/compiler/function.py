"""`compile`: turns a scalar function into machine code, for one row of numbers or for many."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from numbers import Integral
from typing import Any, overload

import numpy

from autograd import structure
from autograd.cluster.collections import is_collection
from autograd.cluster.rows import Rows
from autograd.cluster.workers import Workers, workers_of
from autograd.compiler.arguments import Arguments, HoldsRows, HoldsValues, taken
from autograd.compiler.backends import BACKENDS, BackendName, best_backend
from autograd.compiler.backends.arrays import every_row
from autograd.compiler.backends.llvm.entry import CFunction
from autograd.compiler.calling import Callee
from autograd.compiler.derivatives import (
    CompiledCall,
    Differentiable,
    bends,
    floats_in,
    operands_in,
    unrolled,
)
from autograd.compiler.execution import Options, Reduce, processors
from autograd.compiler.layout import Group, Layout
from autograd.compiler.original import CallArguments, Original
from autograd.compiler.program import Program
from autograd.compiler.results import SparsePlace, output_names
from autograd.compiler.specialisation import Repeated, Specialisation
from autograd.compiler.storage import Stored, content, described, read, written
from autograd.compiler.trace import collector_paused
from autograd.errors import counted, shown, whole_number
from autograd.foreign import with_advice
from autograd.forks import Reopened
from autograd.tracing import active
from autograd.transforms import _live
from autograd.tree import flatten
from autograd.value import Value
from autograd.writing import path_of

__all__ = ["Compiled", "compile", "load"]


@overload
def compile(
    f: Callable[..., Any],
    in_axes: Any = None,
    reduce: Reduce | None = None,
    *,
    exact: bool = False,
    check: bool = False,
    threads: int | None = None,
    backend: BackendName | None = None,
    cluster: Any = None,
    chunk: int | None = None,
    progress: bool | None = None,
) -> Compiled: ...
@overload
def compile(
    f: None = None,
    in_axes: Any = None,
    reduce: Reduce | None = None,
    *,
    exact: bool = False,
    check: bool = False,
    threads: int | None = None,
    backend: BackendName | None = None,
    cluster: Any = None,
    chunk: int | None = None,
    progress: bool | None = None,
) -> Callable[[Callable[..., Any]], Compiled]: ...
@with_advice(
    static_argnums="ints, bools and strings among the arguments are constants of the program",
    static_argnames="ints, bools and strings among the arguments are constants of the program",
    mode="machine code is as fast with the defaults; exact=True keeps the bits of recorded sums",
    fullgraph="a function is compiled as a whole, or refused",
    nopython="a function is compiled as a whole, or refused",
    parallel="use threads=",
)
def compile(
    f: Callable[..., Any] | None = None,
    in_axes: Any = None,
    reduce: Reduce | None = None,
    *,
    exact: bool = False,
    check: bool = False,
    threads: int | None = None,
    backend: BackendName | None = None,
    cluster: Any = None,
    chunk: int | None = None,
    progress: bool | None = None,
) -> Any:
    """Compile a scalar function, or a derivative of one, to machine code.

    The function is called once for each structure of arguments, with Values whose numbers are not
    known yet, and what it records becomes a program. A Value that it reads from outside (from a
    closure, a global or a model) is an input of the program as well: its number is read at each
    call. (If another Value takes its place there, `clear` the programs.) Everything else that it
    reads from outside (floats, random numbers, attributes of a model other than parameters) is
    read once, and never again. A branch or loop that depends on a number is an error: use `where`.

    Machine code is cached in a folder that belongs to the user, and every process that compiles
    the same program finds it there: see `autograd.clear_compile_cache`.

    Args:
        f: The function: plain, or a transformed one such as `grad(f)`, `value_and_grad(f)` or
            `hessian(f)`; or a model. To differentiate with respect to a model's parameters, pass
            the model as an argument: `compile(grad(lambda model, x: model(x)))`. Arguments of the
            function are floats, NumPy arrays, models, and lists, tuples and dictionaries of them.
            Anything else in them, and an int or str passed directly, is a constant, and each of its
            values gets a program of its own (2.0 is a number, 2 is a constant). Other objects are
            distinguished by identity, even if they compare equal, and what the function reads from
            them is read once. Without `f`, `compile` returns a decorator.
        in_axes: None to compute one row. For many rows, the axis of the arguments that runs over
            them, as in `jax.vmap`: an int for all arguments, or a tuple with an int for each, or
            None for an argument that is the same for all rows; for a list or dictionary, it may be
            a list or dictionary of axes. A list of numbers, or of such lists, is an array of rows.
            Keyword arguments are the same for all rows.
        reduce: "mean" or "sum", to return the mean or the sum over the rows instead of every row.
        exact: Whether every operation is rounded separately and in order, so that sums, products,
            quotients and square roots have the same bits as in Python. Otherwise, a product and
            its addition may be rounded once, sums of more than 2,048 terms are added up in parts,
            so that their error does not grow with their length, and sums over rows are added up in
            any order.
        check: Whether to compute the first row with an infinite or nan result again without
            compiling it, so that the error, if there is one, says where it comes from; and whether
            to trace the function twice, which finds out if it draws random numbers or reads a
            clock.
        threads: How many threads share the rows; by default, one for each processor.
        backend: "llvm"; or "numpy", which is slower and needs no LLVM; or "c", which has the
            system's C compiler compile `Program.to_c`, without vectors or threads; it lacks a few
            functions (`gamma` and Bessel's, for example). By default LLVM if llvmlite is installed,
            otherwise NumPy.
        cluster: A `distributed.Client` (extra `cluster`), or `autograd.cluster.Workers`, whose
            workers share the rows. The program goes to each worker once, as data; other arguments
            once a call; sums come back. The bits do not depend on the workers, or on what happens
            to them, as long as their processors are of one kind.
        chunk: How many rows a chunk holds. Sums are formed within chunks, and over them in a tree
            whose shape depends on their number alone. With `chunk` or `cluster`, and for arguments
            of `autograd.cluster` or Dask, this is done for all rows, by default in chunks of up to
            4 MiB, at most 32,768 rows; with the same chunks, the bits are the same everywhere.
        progress: Whether to show a progress bar over the chunks, which needs tqdm; by default, in a
            notebook, or if standard error is a terminal, after a second.

    Returns:
        The compiled function. It returns floats and arrays in the structure of the result of `f`,
        with a first axis of rows if there are rows that are not reduced. Off the domain of the
        function, the result is infinite or nan, and so are the derivatives; what is computed from
        an infinity follows IEEE 754 (its tanh is 1). Called with Values, it is recorded as one
        node, with derivatives of any order that are compiled when they are first asked for. It
        raises a RuntimeError if the C compiler fails.

    Raises:
        TypeError: `f` is not a function, or `in_axes` holds a truth value.
        ValueError: An option is unknown, or `reduce` is given without `in_axes`.
        ModuleNotFoundError: NumPy is missing, or llvmlite or a C compiler, if `backend` needs it.

    Example:
        >>> from autograd import sin, value_and_grad
        >>> slope = compile(value_and_grad(lambda x: x * sin(x)))
        >>> print("%.4f %.4f" % slope(2.0))
        1.8186 0.0770
        >>> line = lambda w, x, y: (w[0] * x + w[1] - y) ** 2
        >>> cost = compile(value_and_grad(line), in_axes=(None, 0, 0), reduce="mean")
        >>> cost([2.0, 0.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
        (4.666666666666667, [9.333333333333334, 4.0])
        >>> from nn import Neuron
        >>> neuron = Neuron(1, "linear")
        >>> outputs = compile(neuron, in_axes=0)
        >>> neuron.load_state_dict({"weights": [2.0], "bias": 1.0})
        >>> outputs([[0.0], [1.0], [2.0]]).tolist()
        [1.0, 3.0, 5.0]
    """
    if f is None:
        options: dict[str, Any] = {
            "exact": exact, "check": check, "threads": threads, "backend": backend,
            "cluster": cluster, "chunk": chunk, "progress": progress,
        }  # fmt: skip
        return lambda function: compile(function, in_axes, reduce, **options)
    if not callable(f):
        raise TypeError(f"compile: expected a function, got {type(f).__name__}: {shown(f)}")
    if reduce not in (None, "mean", "sum"):
        raise ValueError(f"compile: reduce must be 'mean', 'sum' or None, got {shown(reduce)}")
    if reduce is not None and in_axes is None:
        raise ValueError(
            f"compile: reduce={reduce!r} is over rows, and without in_axes there are none: pass "
            "in_axes=0"
        )
    try:
        axes = flatten(in_axes)[0]
    except RecursionError:
        raise ValueError("compile: in_axes is nested too deeply") from None
    for axis in axes:
        if isinstance(axis, bool):
            raise TypeError(
                f"compile: in_axes has {axis}, which is no axis: give the axis of the rows, an "
                "int, or None for what all rows share"
            )
    _checked("compile", threads, backend)
    if chunk is not None:
        chunk = whole_number(chunk, "compile: chunk", 1, " or None")
    if progress not in (True, False, None):
        raise TypeError(f"compile: progress must be True, False or None, got {shown(progress)}")
    how = (chunk, workers_of(cluster), progress)
    if how[:2] != (None, None) and in_axes is None:
        raise ValueError(
            "compile: cluster and chunk are about rows, and without in_axes there are none: pass "
            "in_axes=0"
        )
    return Compiled(f, in_axes, reduce, exact, check, threads, backend, how)


def _checked(name: str, threads: Any, backend: Any) -> None:
    """Check the options for executing a program."""
    if backend is not None:
        if not isinstance(backend, str) or backend not in BACKENDS:
            known = ", ".join(map(repr, BACKENDS))
            raise ValueError(f"{name}: backend must be {known} or None, got {shown(backend)}")
        if missing := BACKENDS[backend].missing():
            raise ModuleNotFoundError(f"{name}: backend={backend!r} needs {missing}")
    if threads is not None and (not isinstance(threads, Integral) or threads < 1):
        raise ValueError(
            f"{name}: threads must be an int of at least 1, or None, got {shown(threads)}"
        )


class Compiled(Callee):
    """A compiled function; `compile` makes it.

    Attributes:
        function: The function that was compiled.
        in_axes: As for `compile`; so are `reduce` and `check`.
        options: The options for executing its programs: `exact`, `threads`, `backend`.
        traces: How often the function has been traced: once for each structure of arguments.

    Example:
        >>> square = compile(lambda x: x * x, in_axes=0)
        >>> square([1.0, 2.0, 3.0]).tolist(), square.traces
        ([1.0, 4.0, 9.0], 1)
    """

    def __init__(
        self,
        function: Callable[..., Any],
        in_axes: Any,
        reduce: Reduce | None,
        exact: bool,
        check: bool,
        threads: int | None,
        backend: BackendName | None,
        how: tuple[int | None, Workers | None, bool | None] = (None, None, None),
    ) -> None:
        if isinstance(function, Compiled):
            function = function.function
        functools.update_wrapper(self, function, updated=())
        self.function: Callable[..., Any] = function
        # A model is the first argument of its own call, so its parameters are inputs.
        is_model = hasattr(function, "named_parameters") and not isinstance(function, type)
        self._model = (function,) if is_model else ()
        self._called = _call if self._model else function
        self.in_axes, self.reduce, self.check = in_axes, reduce, check
        self.options = Options(reduce, exact, threads or processors(), backend or best_backend())
        self.traces = 0
        self._name = f"compile({getattr(function, '__name__', type(function).__name__)})"
        self._known: dict[Hashable, Specialisation] = {}
        self._differentiable: dict[Hashable, Differentiable] = {}
        self._by_chunks: dict[Hashable, Specialisation] = {}
        self._how = how  # chunk, cluster, progress: see `cluster.chunked.How`
        self._stored: dict[Hashable, Stored] = {}  # from a file: compiled when they are called
        self._last = None
        self._lock = Reopened()

    def __repr__(self) -> str:
        return f"<{self._name}, traced {self.traces} times>"

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Copy and pickle the function and its options, without its programs."""
        module = sys.modules.get(self.__module__)
        name = str(getattr(self, "__qualname__", ""))
        if getattr(module, name, None) is self:  # it decorates a function
            return name
        options = self.options
        again = functools.partial(
            compile,
            exact=options.exact,
            check=self.check,
            threads=options.threads,
            backend=options.backend,
            chunk=self._how[0],
            progress=self._how[2],
        )
        return again, (self.function, self.in_axes, self.reduce)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind to the instance, if a method is decorated."""
        return self if instance is None or self._model else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program for these arguments; make it first if it is not known.

        Args:
            *args: The arguments of the function; with `in_axes`, including their rows.
            **kwargs: Keyword arguments of the function; they are the same for all rows.

        Returns:
            Floats and arrays in the structure of the function's result; Values, and arrays of them,
            if there are Values among the arguments.

        Raises:
            TracingError: The function branches on a number, or reads one in another way.
            TypeError: An argument is of a type that cannot be compiled; or `in_axes` is malformed.
            ValueError: `in_axes` does not fit the arguments, or no argument has rows.
            ArithmeticError: With `check=True`: the function leaves its domain, or overflows. It may
                be a ValueError too; the message begins with the row.
        """
        # With a trampoline, it does this itself: see `accelerate`.
        called = self._last
        if called is not None and not kwargs:
            result = called(args)
            if result is not NotImplemented:
                return result
        if self._model:
            args = (*self._model, *args)
        if self._how[:2] != (None, None):
            return self._chunked(args, kwargs)
        positional = (*args, *kwargs.values()) if kwargs else args
        axes = self._axes(args, kwargs)
        try:
            found = taken(self._name, positional, axes)
        except HoldsRows:
            return self._chunked(args, kwargs)
        except HoldsValues:
            return self._recorded(args, kwargs, axes)
        key = (found.key, *kwargs) if kwargs else found.key
        known = self._known.get(key)
        if known is None:
            known = self._specialised(key, CallArguments(args, kwargs, axes), found)
        if known.captured and (_live or active.get() is not None) and known.depends_on_live():
            return self._recorded(args, kwargs, axes)
        rows = found.rows
        if rows is None and self.in_axes is not None:
            raise ValueError(
                f"{self._name}: no argument has rows, as in_axes is {shown(self.in_axes)}: give "
                "one of them an axis, such as 0"
            )
        outputs = known.run(known.given(found.arrays), 1 if rows is None else rows)
        numbers = known.numbers(outputs, rows)
        if self.check and not numpy.isfinite(numbers).all():
            self._check(known, CallArguments(args, kwargs, axes), found, numbers)
        elif not (self.check or kwargs or self._model):
            if known.called is None:
                known.prepare(args, axes, rows is not None and self.reduce is None, Compiled)
            last = known.called
            again = last is None and known.calls > 1 and not any(axes)
            if again and Repeated.applies(known, args, rows):
                last = Repeated(known, args, rows)
            if last is not None:
                with self._lock:
                    if self._known.get(key) is known:  # not cleared in the meantime
                        self._last = last
        return known.result.filled(numbers, rows is not None and self.reduce is None)

    def _recorded(self, args: Sequence[Any], kwargs: dict[str, Any], axes: Sequence[Any]) -> Any:
        """Record a call with Values: as a whole, or while a function is traced, its operations."""
        positional = (*args, *kwargs.values())
        tracing = active.get() is not None
        if tracing and self.in_axes is None:
            return self._called(*args, **kwargs)
        try:
            found = taken(self._name, positional, axes, keep=True)
        except HoldsRows:
            return self._chunked(tuple(args), kwargs)
        if found.is_live and self.in_axes is None:
            return self._called(*args, **kwargs)
        reduce, rows = self.reduce, found.rows
        if rows is None and self.in_axes is not None:
            raise ValueError(
                f"{self._name}: no argument has rows, as in_axes is {shown(self.in_axes)}: give "
                "one of them an axis, such as 0"
            )
        if tracing or found.is_live:
            call = CallArguments(args, kwargs, axes)
            return unrolled(self._original, call, found.arrays, rows, reduce)
        arrays = [*map(floats_in, found.arrays)]
        plain = Arguments(found.key, arrays, rows)
        numbered = [*map(_without_values, positional)]
        by_name = dict(zip(kwargs, numbered[len(args) :], strict=True))
        call = CallArguments(numbered[: len(args)], by_name, axes)
        key = (found.key, *kwargs) if kwargs else found.key
        known = self._known.get(key) or self._specialised(key, call, plain)
        if any(isinstance(place, SparsePlace) for place in known.result.places):
            call = CallArguments(args, kwargs, axes)
            return unrolled(self._original, call, found.arrays, rows, reduce)
        outputs = known.run(known.given(arrays), 1 if rows is None else rows)
        numbers = known.numbers(outputs, rows)
        if self.check and not numpy.isfinite(numbers).all():
            self._check(known, call, plain, numbers)
        operands, places = operands_in(found.arrays)
        wanted = tuple(sorted({place.group for place in places}))
        with self._lock:
            function = self._differentiable.get((key, wanted))
            if function is None:
                function = self._differentiable[key, wanted] = Differentiable(
                    self._original, call, plain.layout(), known.captured,
                    bends(known.program), wanted, reduce, self._alike,
                )  # fmt: skip
        whole = CompiledCall(self._name, function, arrays, rows, places, len(numbers))
        nodes = whole.recorded([*operands, *known.captured], numbers)
        return known.result.filled(nodes, rows is not None and reduce is None)

    def _alike(self, function: Callable[..., Any], in_axes: Any, reduce: Reduce | None) -> Compiled:
        """Compile another function with the same options."""
        options = self.options
        return Compiled(
            function, in_axes, reduce, options.exact, False, options.threads, options.backend
        )

    def _chunked(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the program chunk by chunk, on this machine or by a cluster."""
        from autograd.cluster.chunked import Chunked, How, first_not_finite, separated

        if self.in_axes is None:
            raise ValueError(
                f"{self._name}: an argument has rows, and without in_axes none are expected: pass "
                "in_axes=0 to compile"
            )
        args, kwargs = self._rows_in_place(args, kwargs)
        axes = list(self._axes(args, kwargs))
        for place, value in enumerate(kwargs.values(), start=len(args)):
            axes[place] = 0 if isinstance(value, Rows) or is_collection(value) else None
        try:
            stand_ins, every = separated(self._name, (*args, *kwargs.values()), axes)
            found = taken(self._name, stand_ins, axes)
        except HoldsValues:
            raise TypeError(
                f"{self._name}: with in_axes the arguments must be numbers, but they hold Values: "
                "for derivatives, compile the derivative: compile(value_and_grad(f), in_axes=…)"
            ) from None
        if found.rows is None:
            raise ValueError(
                f"{self._name}: no argument has rows, as in_axes is {shown(self.in_axes)}: give "
                "one of them an axis, such as 0"
            )
        rows = len(every[0])
        call = CallArguments(
            stand_ins[: len(args)], dict(zip(kwargs, stand_ins[len(args) :], strict=True)), axes
        )
        key = (found.key, *kwargs) if kwargs else found.key
        known = self._by_chunks.get(key)
        if known is None:
            with self._lock, collector_paused():
                stored = self._traced(key, call, found)
                how = How(*self._how)
                executed = functools.partial(Chunked, self._name, stored.program, how)
                known = Specialisation.of(stored, self.options, executed)
                self._by_chunks[key] = known
        if known.captured and (_live or active.get() is not None) and known.depends_on_live():
            raise TypeError(
                f"{self._name}: with in_axes, the function reads a Value that is being "
                "differentiated or traced outside it: pass it as an argument of the function"
            )
        left = iter(every)
        given = [next(left) if array.ndim == 2 else array for array in known.given(found.arrays)]
        numbers = known.numbers(known.run(given, rows), rows)
        if self.check and rows and not numpy.isfinite(numbers).all():
            wrong = first_not_finite(known.run.program, known.layout, given, rows)
            if wrong is not None:
                self._evaluate(call, wrong[1], 0, wrong[0])
        return known.result.filled(numbers, self.reduce is None)

    def _rows_in_place(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Pass rows by position that are given by name, where `in_axes` has an axis for each."""
        axes = self.in_axes
        if not (kwargs and isinstance(axes, (tuple, list)) and not self._model):
            return args, kwargs
        try:
            names = list(inspect.signature(self.function).parameters)
        except (TypeError, ValueError):  # of some functions in C
            return args, kwargs
        rest = dict(kwargs)
        while len(args) < min(len(axes), len(names)) and names[len(args)] in rest:
            args = (*args, rest.pop(names[len(args)]))
        return args, rest

    # --- the programs -----------------------------------------------------------------------

    def program(self, *args: Any, **kwargs: Any) -> Program:
        """Return the program for some arguments, as traced.

        Args:
            *args: Arguments of the function.
            **kwargs: Its keyword arguments.

        Returns:
            The program: `print` it, `draw` it, or write it as C code by its method `to_c`.

        Raises:
            TracingError: The function branches on a number, or reads one in another way.
            TypeError: An argument is a Value, or of a type that cannot be compiled.
            ValueError: `in_axes` does not fit the arguments.

        Example:
            >>> print(compile(lambda x: 2.0 * x).program(1.0))
            %0 = input x
            %1 = 2.0
            %2 = * %1 %0
            output %2
        """
        args = (*self._model, *args)
        positional = (*args, *kwargs.values())
        axes = self._axes(args, kwargs)
        try:
            found = taken(self._name, positional, axes)
        except HoldsValues:
            raise TypeError(
                f"{self._name}: program() takes numbers, but the arguments hold Values: pass their "
                ".data"
            ) from None
        key = (found.key, *kwargs) if kwargs else found.key
        known = self._known.get(key) or self._stored.get(key)
        known = known or self._specialised(key, CallArguments(args, kwargs, axes), found)
        names = output_names(self._original.called, known.result, args)
        return dataclasses.replace(known.program, names=tuple(names))

    def c_function(self, *args: Any, signature: str | None = None) -> CFunction:
        """Make a C function that computes one row, to be called by address from other languages.

        Any number of threads may call it at once. It needs no GIL, unless Python evaluates one of
        its operations (`gammainc`, for example). Off the domain, the result is nan or infinite.

        Args:
            *args: Example arguments, as for `program`; by default a float for each parameter of the
                function. The C function takes the numbers in them, in the order of
                `program(*args).inputs`.
            signature: Its type. `"double (double, double)"`, with a double for each number, is the
                default for one result. `"void (double *, double *)"` is the default otherwise: it
                reads all numbers from one array and writes all results to another, which must not
                overlap the first. SciPy calls `"double (double)"`, `"double (double, void *)"`,
                `"double (int, double *)"` and `"double (int, double *, void *)"`; the integer is
                the number of numbers (for any other, the result is nan).

        Returns:
            The function, with its `address`, its `signature`, and its form in `ctypes`. It exists
            as long as that object does.

        Raises:
            TracingError: The function branches on a number, or reads one in another way.
            TypeError: An argument is a Value, or of a type that cannot be compiled.
            ValueError: The signature does not fit; or there are rows (`in_axes`), checks (`check`),
                or a Value that is read from outside; or the backend is not LLVM.

        Example:
            >>> from autograd import value_and_grad
            >>> square = compile(lambda x: x * x).c_function()
            >>> square.signature, square.ctypes(3.0)
            ('double (double)', 9.0)
            >>> import ctypes
            >>> both = compile(value_and_grad(lambda xs: xs[0] * xs[1])).c_function([1.0, 1.0])
            >>> xs, results = (ctypes.c_double * 2)(3.0, 4.0), (ctypes.c_double * 3)()
            >>> both(xs, results)
            >>> both.signature, list(results)
            ('void (double *, double *)', [12.0, 4.0, 3.0])
        """
        return self._c_function("c_function", args, signature)

    def _c_function(self, who: str, args: tuple[Any, ...], signature: str | None) -> CFunction:
        name = f"{self._name}: {who}"
        if signature is not None and not isinstance(signature, str):
            raise TypeError(f"{name}: signature must be a str or None, got {shown(signature)}")
        if self.in_axes is not None:
            raise ValueError(f"{name}: a C function computes one row: compile without in_axes")
        if self.check:
            raise ValueError(
                f"{name}: a C function cannot raise errors: compile without check=True"
            )
        args = args or self._floats(name)
        args = (*self._model, *args)
        axes = self._axes(args, {})
        try:
            found = taken(name, args, axes)
        except HoldsValues:
            raise TypeError(f"{name}: the arguments hold Values: pass their .data") from None
        known = self._known.get(found.key) or self._specialised(
            found.key, CallArguments(args, {}, axes), found
        )
        if known.captured:
            raise ValueError(
                f"{name}: the function reads {shown(known.captured[0])} from outside, which may "
                "change: pass it as an argument"
            )
        try:
            made: CFunction = known.run.c_function(
                signature, known.sources(), for_scipy=who != "c_function"
            )
            return made
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    def _floats(self, name: str) -> tuple[float, ...]:
        """Return a float for each parameter without a default."""
        needed = None
        if not self._model:  # whose inputs are lists
            with suppress(TypeError, ValueError):  # raised for some functions in C
                parameters = inspect.signature(self.function).parameters.values()
                needed = [each for each in parameters if each.default is each.empty]
        if not needed or not all(each.kind in _POSITIONAL for each in needed):
            raise TypeError(
                f"{name}: the function's signature does not say how many floats it takes: pass "
                "example arguments"
            )
        return (1.0,) * len(needed)

    def low_level_callable(self, *args: Any, signature: str | None = None) -> Any:
        """Make a `scipy.LowLevelCallable`, which SciPy's integrators call without Python.

        Args:
            *args: As for `c_function`.
            signature: As for `c_function`; by default `"double (double)"` for a function of one
                number, and `"double (int, double *)"` for others.

        Returns:
            The function, for `scipy.integrate.quad`, `dblquad`, `nquad` and the like.

        Raises:
            ModuleNotFoundError: SciPy is missing.
            ValueError: As for `c_function`; or the function returns more than one number.

        Example:
            >>> from scipy.integrate import quad
            >>> from autograd import exp
            >>> bell = compile(lambda x, scale: exp(-scale * x * x)).low_level_callable()
            >>> print("%.6f" % quad(bell, -3.0, 3.0, args=(1.0,))[0])
            1.772415
        """
        name = f"{self._name}: low_level_callable"
        if importlib.util.find_spec("scipy") is None:
            raise ModuleNotFoundError(f"{name} needs SciPy: install scalar-autograd[special]")
        return self._c_function("low_level_callable", args, signature).low_level_callable()

    @property
    def signatures(self) -> list[Hashable]:
        """The structures of arguments that have a program."""
        return list(self._stored | self._by_chunks | self._known)

    def clear(self) -> None:
        """Forget all programs, so that what the function reads from outside is read again.

        Example:
            >>> scale = [2.0]
            >>> scaled = compile(lambda x: scale[0] * x)
            >>> scaled(1.0), scale.__setitem__(0, 3.0), scaled(1.0), scaled.clear(), scaled(1.0)
            (2.0, None, 2.0, None, 3.0)
        """
        with self._lock:
            self._known.clear()
            self._differentiable.clear()
            self._by_chunks.clear()
            self._stored.clear()
            self._last = None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all programs made so far to a file, as data.

        `autograd.compiler.load` turns the file into a function, in another process, without tracing
        again. Machine code is taken from the user's cache if it is there.

        Args:
            path: The file; it is written whole or not at all, and replaces an older one.

        Raises:
            TypeError: An argument is a model, or holds an object of a user's class.
            ValueError: There is no program yet (call the function first), or the programs are too
                large for a file.
            OSError: The file cannot be written.

        Example:
            >>> from tempfile import TemporaryDirectory
            >>> cube = compile(lambda x: x * x * x)
            >>> cube(2.0)
            8.0
            >>> with TemporaryDirectory() as folder:
            ...     cube.save(f"{folder}/cube")
            ...     load(f"{folder}/cube")(3.0)
            27.0
        """
        with self._lock:
            every = self._stored | {
                key: Stored(known.program, known.result, known.layout, known.captured)
                for key, known in (self._by_chunks | self._known).items()
            }
        # If there is `in_axes` but no argument has rows, there is a program, but calls fail.
        known = {
            key: stored
            for key, stored in every.items()
            if stored.layout.batched or self.in_axes is None
        }
        if not known:
            raise ValueError(
                f"{self._name}: save: there is nothing to save before the function is called: call "
                "it once with each structure of arguments"
            )
        written(
            path_of(path, f"{self._name}: save"),
            content(self._name, self.in_axes, self.options, known),
        )

    # --- tracing -------------------------------------------------------------------------------

    def _axes(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Sequence[Any]:
        axes = self.in_axes
        if self._model:
            args = args[1:]
        elif type(axes) is tuple and len(axes) == len(args) and not kwargs:
            return axes
        if axes is None or isinstance(axes, Integral):
            axes = [axes] * len(args)
        if not isinstance(axes, (tuple, list)):
            raise TypeError(
                f"{self._name}: in_axes must be an int, None, or a tuple with one of these for "
                f"each argument, got {shown(axes)}"
            )
        if len(axes) != len(args):
            raise ValueError(
                f"{self._name}: in_axes has {counted(len(axes), 'entry', 'entries')} for "
                f"{counted(len(args), 'positional argument')}: give one for each"
            )
        return [*([None] * len(self._model)), *axes, *([None] * len(kwargs))]

    @property
    def _original(self) -> Original:
        return Original(self._called, self._name, self.options.exact)

    def _specialised(self, key: Hashable, call: CallArguments, found: Arguments) -> Specialisation:
        with self._lock, collector_paused():
            if key in self._known:  # by another thread, in the meantime
                return self._known[key]
            stored = self._traced(key, call, found)
            known = self._known[key] = Specialisation.of(stored, self.options)
            return known

    def _traced(self, key: Hashable, call: CallArguments, found: Arguments) -> Stored:
        """Trace the function, unless its program is known."""
        for known in (self._known.get(key), self._by_chunks.get(key)):
            if known is not None:
                return Stored(known.program, known.result, known.layout, known.captured)
        stored = self._stored.get(key)
        if stored is not None:
            return stored
        layout = found.layout()
        first = self._original.traced(call, layout)
        self.traces += 1
        if self.check:
            self._original.require_the_same(first, call, layout)
        program, result, captured, _ = first
        if captured:
            layout = Layout((*layout.groups, Group(len(captured), False)), layout.batched)
        return Stored(program, result, layout, captured)

    def require_one_program(self, *args: Any) -> None:
        """Trace the function again and compare the programs; `check=True` does so at each trace.

        Args:
            *args: Arguments of the function.

        Raises:
            TracingError: The programs differ: the function draws random numbers, for example, or
                reads a clock.

        Example:
            >>> compile(lambda x: x * x).require_one_program(2.0)
        """
        call = CallArguments(args, {}, self._axes(args, {}))
        layout = taken(self._name, args, call.axes).layout()
        self._original.require_the_same(self._original.traced(call, layout), call, layout)

    def _check(
        self,
        known: Specialisation,
        call: CallArguments,
        found: Arguments,
        numbers: Any,
    ) -> None:
        """Run the function itself on the first row whose results are not all finite."""
        row = 0
        if found.rows == 0:
            return  # the mean of no rows is nan
        if found.rows is not None:
            if self.reduce:
                given = known.given(found.arrays)
                numbers = every_row(known.run.program, known.layout, given, found.rows)
            row = int(numpy.argmin(numpy.isfinite(numbers).all(axis=0)))
        self._evaluate(call, found.arrays, row, None if found.rows is None else row)

    def _evaluate(
        self, call: CallArguments, arrays: Sequence[Any], row: int, named: int | None
    ) -> None:
        """Run the function itself on a row of arrays, which is named in errors."""

        def number(group: int, place: int, path: str) -> Value:
            array = arrays[group]
            return Value(float(array[row, place] if array.ndim == 2 else array[place]), path)

        values, keywords = self._original.row(call, number)
        try:
            self._called(*values, **keywords)
        except (ArithmeticError, ValueError) as error:
            if named is not None:
                raise type(error)(f"in row {named}: {error}") from None
            raise


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _without_values(argument: Any) -> Any:
    """Put numbers in place of the Values in an argument; a model stays as it is."""
    return structure.visited(
        argument,
        "",
        structure.Visit(
            lambda path, x: structure.number_of(x),
            lambda path, array: floats_in(array) if array.dtype == object else array,
            lambda path, model: model,
        ),
    )


def _call(model: Any, *inputs: Any, **options: Any) -> Any:
    return model(*inputs, **options)


def load(
    path: str | os.PathLike[str], *, threads: int | None = None, backend: BackendName | None = None
) -> Compiled:
    """Load a compiled function that `Compiled.save` wrote.

    Args:
        path: The file. It may come from an untrusted source: it holds programs as data, all of
            which is checked, and no code. At the first call, machine code is made from them, or
            taken from the user's own cache (see `autograd.clear_compile_cache`). What a program
            computes, and how long it takes to compile and run, is up to its author.
        threads: As for `compile`.
        backend: As for `compile`.

    Returns:
        The function, for the structures of arguments that it was called with before it was saved;
        others raise a TypeError.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file is damaged, malformed, or of another version; or an option is unknown.
        ModuleNotFoundError: A package or compiler that `backend` needs is missing.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "square"
        >>> square = compile(lambda x: x * x)
        >>> _ = square(3.0)
        >>> square.save(path)
        >>> load(path)(4.0)
        16.0
    """
    _checked("load", threads, backend)
    name = path_of(path, "load")
    data = read(name)
    try:
        found = described(data)
    except ValueError as error:
        raise ValueError(f"{name} is malformed: {error}") from None

    def unknown(*args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            f"{name}: the file holds no program for arguments of this structure: call the function "
            "with such arguments before you save it, or pass arguments like those at that time"
        )

    compiled = Compiled(unknown, found.in_axes, found.reduce, found.exact, False, threads, backend)
    compiled._name = found.name
    compiled._stored.update(found.programs)
    return compiled
