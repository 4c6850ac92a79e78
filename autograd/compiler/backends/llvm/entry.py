"""A kernel as a C function, which SciPy and other languages call by its address.

The caller of a kernel provides its memory. The C function takes it from the stack or, if it is
large, from the heap, so that any number of threads may call it at once, and it may call itself.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy

from autograd.compiler.backends.llvm.emission import CALL
from autograd.compiler.backends.llvm.target import host
from autograd.compiler.backends.llvm.writer import literal
from autograd.forks import waited_for

__all__ = ["SIGNATURES", "CFunction", "Signature", "Source", "entry", "signature_of"]

STACK = 2**11
"""The most bytes taken from the stack at once: if stacks grow page by page, code that needs more
than a page must probe the pages."""


@dataclass(frozen=True)
class Source:
    """A kernel that a C function calls.

    Attributes:
        address: Its address.
        constants: The numbers that it reads from memory: an array.
        sizes: How many doubles of memory of each kind it needs, in the order of `CALL`.
        outputs: The number of outputs.
        owner: The object that owns the kernel's code.
    """

    address: int
    constants: Any
    sizes: tuple[int, ...]
    outputs: int
    owner: Any


class Signature(NamedTuple):
    """A C function's type.

    Attributes:
        text: The type as written in C, and by SciPy.
        result: The type of the result, in ctypes.
        arguments: The types of the arguments, in ctypes.
    """

    text: str
    result: Any
    arguments: tuple[Any, ...]


_ARRAY = ctypes.POINTER(ctypes.c_double)
SIGNATURES = (
    Signature("double (double)", ctypes.c_double, (ctypes.c_double,)),
    Signature("double (double, void *)", ctypes.c_double, (ctypes.c_double, ctypes.c_void_p)),
    Signature("double (int, double *)", ctypes.c_double, (ctypes.c_int, _ARRAY)),
    Signature(
        "double (int, double *, void *)", ctypes.c_double, (ctypes.c_int, _ARRAY, ctypes.c_void_p)
    ),
    Signature("void (double *, double *)", None, (_ARRAY, _ARRAY)),
)
"""The types other than a double for each input; SciPy calls the first four."""


def signature_of(text: str, inputs: int, outputs: int) -> Signature:
    """Find a signature, and check that it fits.

    Args:
        text: The type as written in C.
        inputs: The number of inputs.
        outputs: The number of outputs.

    Returns:
        The signature.

    Raises:
        ValueError: There is no such signature, or it is for a different number of inputs or
            outputs.

    Example:
        >>> signature_of("double(double,double)", 2, 1).text
        'double (double, double)'
    """
    plain = Signature(
        f"double ({', '.join(['double'] * inputs)})",
        ctypes.c_double,
        (ctypes.c_double,) * inputs,
    )
    known = {"".join(each.text.split()): each for each in (*SIGNATURES, plain)}
    found = known.get("".join(text.split()))
    if found is None:
        names = ", ".join(dict.fromkeys(each.text for each in known.values()))
        raise ValueError(f"the signature must be one of {names}, got {text!r}")
    if found.result is not None and outputs != 1:
        raise ValueError(
            f"the signature {found.text!r} returns one number, but the function returns "
            f"{outputs:,}: use 'void (double *, double *)'"
        )
    if found.arguments[:1] == (ctypes.c_double,) and found is not plain and inputs != 1:
        raise ValueError(
            f"the signature {found.text!r} takes one number, but the function takes {inputs:,}: "
            "use 'double (int, double *)'"
        )
    return found


class CFunction:
    """A compiled function as a C function; `Compiled.c_function` makes it.

    Its address stays valid as long as this object, or its `ctypes`, exists.

    Attributes:
        signature: Its type, as written in C.
        address: Its address.
        ctypes: The function in `ctypes`, for Python.
    """

    def __init__(self, signature: Signature, address: int, owners: Any) -> None:
        self.signature = signature.text
        self.address = address
        function: Any = ctypes.CFUNCTYPE(signature.result, *signature.arguments)(address)
        function.owners = owners
        self.ctypes = function

    def __repr__(self) -> str:
        return f"<C function {self.signature} at {self.address:#x}>"

    def __call__(self, *args: Any) -> Any:
        """Call it by `ctypes`."""
        return self.ctypes(*args)

    def low_level_callable(self) -> Any:
        """Make a `scipy.LowLevelCallable` of it, which keeps it alive.

        Raises:
            ModuleNotFoundError: SciPy is missing.
        """
        from scipy import LowLevelCallable

        return LowLevelCallable(self.ctypes)


def entry(
    sources: Sequence[Source],
    signature: Signature,
    groups: Sequence[int],
    numbers: Sequence[float | int],
) -> CFunction:
    """Make a C function that calls a kernel.

    Args:
        sources: The kernel, and perhaps another, which is called if an output of the first is nan.
        signature: The function's type.
        groups: How many of the inputs, in their order, lie in each of the kernel's arrays.
        numbers: The numbers of the result: an output, as an int, or a constant, as a float.

    Returns:
        The function.
    """
    from llvmlite import binding

    text = _text(sources, signature, groups, numbers)
    with waited_for:
        engine = binding.create_mcjit_compiler(binding.parse_assembly(text), host().description(1))
        engine.finalize_object()
        address = engine.get_function_address("entry")
    return CFunction(signature, address, (engine, tuple(sources)))


def _pointer(address: int) -> str:
    return f"inttoptr (i64 {address} to ptr)"


def _text(
    sources: Sequence[Source],
    signature: Signature,
    groups: Sequence[int],
    numbers: Sequence[float | int],
) -> str:
    inputs = sum(groups)
    parts = [_kernel(place, source, groups) for place, source in enumerate(sources)]
    outputs = max((source.outputs for source in sources), default=0)
    kinds = {ctypes.c_double: "double", ctypes.c_int: "i32 signext"}
    arguments = [kinds.get(kind, "ptr") for kind in signature.arguments]
    named = ", ".join(f"{kind} %a{place}" for place, kind in enumerate(arguments))
    writes_all = signature.result is None and [*numbers] == [*range(outputs)]
    is_large = not writes_all and 8 * outputs > STACK
    lines = ["entry:"]
    if is_large:
        lines += [
            f"  %out = call ptr {_pointer(_python_function('PyMem_RawMalloc'))}(i64 {8 * outputs})",
            "  %none = icmp eq ptr %out, null",
            "  br i1 %none, label %failed, label %start",
            "failed:",
            *_stored("%a1", [literal(numpy.nan)] * len(numbers), "f"),
            "  ret void",
            "start:",
        ]
    elif not writes_all:
        lines.append(f"  %out = alloca [{max(outputs, 1)} x double], align 64")
    out = "%a1" if writes_all else "%out"
    if signature.arguments[:1] == (ctypes.c_int,):
        lines += [
            f"  %fits = icmp eq i32 %a0, {inputs}",
            "  br i1 %fits, label %ready, label %other",
            "other:",
            f"  ret double {literal(numpy.nan)}",
            "ready:",
        ]
        given = "%a1"
    elif signature.result is None:
        given = "%a0"
    else:
        given = "%in"
        lines.append(f"  %in = alloca [{max(inputs, 1)} x double], align 64")
        for place in range(inputs):
            lines += [
                f"  %i{place} = getelementptr double, ptr %in, i64 {place}",
                f"  store double %a{place}, ptr %i{place}",
            ]
    for place in range(len(sources)):
        if place:
            lines += [
                f"  %again{place} = icmp ne i64 %nan{place - 1}, 0",
                f"  br i1 %again{place}, label %run{place}, label %done",
                f"run{place}:",
            ]
        lines.append(f"  %nan{place} = call i64 @run{place}(ptr {given}, ptr {out})")
    lines += ["  br label %done", "done:"]
    found = []
    for place, number in enumerate(() if writes_all else numbers):
        if isinstance(number, int):
            lines += [
                f"  %o{place} = getelementptr double, ptr %out, i64 {number}",
                f"  %n{place} = load double, ptr %o{place}",
            ]
            found.append(f"%n{place}")
        else:
            found.append(literal(number))
    lines += _stored("%a1", found, "t") if signature.result is None else []
    if is_large:
        lines.append(f"  call void {_pointer(_python_function('PyMem_RawFree'))}(ptr %out)")
    lines.append("  ret void" if signature.result is None else f"  ret double {found[0]}")
    kind = "double" if signature.result else "void"
    return "\n".join([*parts, f"define {kind} @entry({named}) {{", *lines, "}"])


def _stored(array: str, numbers: Sequence[str], name: str) -> list[str]:
    """Write the code that stores numbers in an array."""
    lines = []
    for place, number in enumerate(numbers):
        lines += [
            f"  %{name}{place} = getelementptr double, ptr {array}, i64 {place}",
            f"  store double {number}, ptr %{name}{place}",
        ]
    return lines


def _kernel(number: int, source: Source, groups: Sequence[int]) -> str:
    """Write a function that calls a kernel with memory of its own."""
    fields = len(CALL) + len(groups)
    sizes = [8 * (size // 8 + 1) for size in source.sizes]
    bytes_needed = 8 * sum(sizes) + 64
    on_stack = bytes_needed <= STACK
    lines = [f"  %call = alloca [{fields} x i64], align 64"]
    if on_stack:
        lines.append(f"  %memory = alloca [{bytes_needed} x i8], align 64")
    else:
        allocate = _pointer(_python_function("PyMem_RawMalloc"))
        lines += [
            f"  %memory = call ptr {allocate}(i64 {bytes_needed})",
            "  %none = icmp eq ptr %memory, null",
            "  br i1 %none, label %failed, label %ready",
            "failed:",
            *_stored("%out", [literal(numpy.nan)] * source.outputs, "f"),
            "  ret i64 0",
            "ready:",
        ]
    lines += [
        "  %raw = ptrtoint ptr %memory to i64",
        "  %up = add i64 %raw, 63",
        "  %start = and i64 %up, -64",
        "  %inputs = ptrtoint ptr %in to i64",
        "  %outputs = ptrtoint ptr %out to i64",
    ]
    values = {"constant": str(source.constants.ctypes.data)}
    offset = 0
    for name, size in zip(("uniform", "row", "padded", "sums"), sizes, strict=True):
        lines.append(f"  %{name} = add i64 %start, {8 * offset}")
        values[name] = f"%{name}"
        offset += size
    values |= {"out": "%outputs", "stride": "1", "rows": "1"}
    values["divisor"] = str(numpy.float64(1.0).view(numpy.int64))
    words = [values[name] for name in CALL]
    offset = 0
    for place, width in enumerate(groups):
        lines.append(f"  %group{place} = add i64 %inputs, {8 * offset}")
        words.append(f"%group{place}")
        offset += width
    for place, word in enumerate(words):
        lines += [
            f"  %w{place} = getelementptr i64, ptr %call, i64 {place}",
            f"  store i64 {word}, ptr %w{place}",
        ]
    lines.append(f"  %nan = call i64 {_pointer(source.address)}(ptr %call)")
    if not on_stack:
        lines.append(f"  call void {_pointer(_python_function('PyMem_RawFree'))}(ptr %memory)")
    body = "\n".join([*lines, "  ret i64 %nan"])
    return f"define internal i64 @run{number}(ptr %in, ptr %out) {{\nentry:\n{body}\n}}"


def _python_function(name: str) -> int:
    """Return the address of a function of CPython that needs no GIL."""
    return ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0
