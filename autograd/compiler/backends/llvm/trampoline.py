"""The trampoline: machine code through which Python calls the machine code of programs.

A kernel takes addresses. To find them in Python's objects, and to make objects from the results,
takes Python longer than a small kernel runs. The trampoline (`trampoline.ll`) does it by the C APIs
of CPython and NumPy. A process has one trampoline for all programs: they differ only in the words
that it follows (see `calling.Op`) and in a plan, and both are data.

How objects lie in memory is not assumed, but tried out on a few objects of this interpreter. If
anything unexpected is found (an interpreter other than CPython, one without a GIL, a
subinterpreter), there is no trampoline, and `Compiled` calls kernels in Python.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import sys
import sysconfig
from collections.abc import Callable
from contextlib import suppress
from dataclasses import astuple
from enum import IntEnum, auto
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

import numpy

from autograd.compiler.backends.llvm.emission import CALL
from autograd.compiler.backends.llvm.target import Target, host
from autograd.compiler.cache import found, keep
from autograd.compiler.calling import Callee, Limits, Op, Pattern
from autograd.forks import Reopened, waited_for
from autograd.value import Value
from autograd.version import __version__

__all__ = ["accelerate", "called", "is_at_hand"]


# --- tables ---------------------------------------------------------------------------------------


class _Plan(IntEnum):
    """The words of a plan."""

    block = 0  # the first block of memory in the linked list of those that no call uses
    grow = auto()  # the function that makes another block
    kernel = auto()
    most = auto()
    long = auto()
    mean = auto()
    guards = auto()
    outputs = auto()
    rows = auto()  # whether each row has outputs
    stride = auto()
    beyond = auto()  # how far after the first output the numbers of the result begin
    owner_nd = auto()  # the dimensions of the array that all others are views of; 0 without one
    owner_sizes = auto()
    owner_bytes = auto()
    links = auto()  # how many numbers of the result are outputs
    link = auto()  # the address of their places, and of which outputs they are
    captured = auto()  # how many Values from outside are read
    values = auto()  # their addresses
    takes = auto()
    gives = auto()


class _Block(IntEnum):
    """The words of a block: the memory that one call at a time uses."""

    after = 0  # the next block that no call uses
    fields = auto()  # the address of the kernel's arguments
    loose = auto()  # the address of the numbers that are not in arrays
    out = auto()  # the address of the outputs
    captured = auto()  # the address of the numbers of Values from outside
    count = auto()  # how many arrays are held
    held = auto()  # these arrays


PYTHON_API = (
    "PyDict_New", "PyDict_Next", "PyDict_SetItem", "PyDict_Size", "PyErr_Clear", "PyErr_Occurred",
    "PyEval_RestoreThread", "PyEval_SaveThread", "PyFloat_FromDouble", "PyList_New",
    "PyLong_AsDouble", "PyLong_AsVoidPtr", "PyObject_Call", "PyObject_CallObject", "PyTuple_New",
    "Py_DecRef", "Py_IncRef",
)  # fmt: skip
OBJECTS: dict[str, Any] = {
    "float": float,
    "float64": numpy.float64,
    "int": int,
    "list": list,
    "tuple": tuple,
    "dict": dict,
    "ndarray": numpy.ndarray,
    "double": numpy.dtype(float),
    "NotImplemented": NotImplemented,
    "builtin": type(len),
}
API = (
    *OBJECTS,
    *PYTHON_API,
    "PyArray_NewFromDescr",
    "PyArray_SetBaseObject",
    "definition",
    "python",
)
"""The table of the C API: the addresses of objects and functions."""

ORDERED = 0x0001 | 0x0100
"""NumPy's flags for arrays that are contiguous in C's order, and aligned."""
WRITEABLE = ORDERED | 0x0400
VERSION_PLACE, NEW_PLACE, BASE_PLACE = 0, 94, 282
"""The places of PyArray_GetNDArrayCVersion, PyArray_NewFromDescr and PyArray_SetBaseObject in
NumPy's table of functions; they do not change, so that extensions run with later versions."""
VERSIONS = (0x01000009, 0x02000000)


# --- how objects lie in memory --------------------------------------------------------------------


class Unexpected(Exception):  # noqa: N818 (it is a reason, not an error)
    """This interpreter is not as the trampoline expects."""


def _require(condition: Any, what: str) -> None:
    if not condition:
        raise Unexpected(what)


def _require_interpreter() -> None:
    """Require the main interpreter of a CPython with a GIL.

    Raises:
        Unexpected: This is another interpreter.
    """
    _require(sys.implementation.name == "cpython", "CPython")
    _require(not sysconfig.get_config_var("Py_GIL_DISABLED"), "a GIL")
    _require(ctypes.sizeof(ctypes.c_void_p) == 8, "addresses of 64 bits")
    _require(object.__basicsize__ == 16, "objects that begin with a count and a type")
    python = ctypes.pythonapi
    for name in ("PyInterpreterState_Get", "PyInterpreterState_Main"):
        getattr(python, name).restype = ctypes.c_void_p
    is_main = python.PyInterpreterState_Get() == python.PyInterpreterState_Main()
    _require(is_main, "the main interpreter")


def _word(thing: Any, offset: int) -> int:
    """Read a word of an object."""
    return ctypes.c_size_t.from_address(id(thing) + offset).value


def _offsets() -> dict[str, int]:
    """Find out by experiment where objects hold their data.

    Raises:
        Unexpected: Data are not found, or not at the same place in all objects.
    """
    one, other = object(), object()
    pair, items = (one, other), [one, other]
    by_tuple = [place for place in (24, 32) if place + 16 <= sys.getsizeof(pair)]
    at_tuple = [place for place in by_tuple if _word(pair, place) == id(one)]
    _require(at_tuple and _word(pair, at_tuple[0] + 8) == id(other), "a tuple's items")
    _require(_word(pair, 16) == _word(items, 16) == 2, "the size of a list or tuple")
    first = _word(items, 24)
    spot = [ctypes.c_size_t.from_address(first + 8 * place).value for place in (0, 1)]
    _require(spot == [id(one), id(other)], "a list's items")
    for number in (1.25, -3.5e300, numpy.float64(0.1)):
        _require(_word(number, 8) == id(type(number)), "the type of a number")
        _require(ctypes.c_double.from_address(id(number) + 16).value == number, "a float's value")
    value = Value(1.5)
    numbers = range(16, Value.__basicsize__, 8)
    at_number = [place for place in numbers if _word(value, place) == id(value._number)]
    _require(len(at_number) == 1, "a Value's number")
    callee = Callee()
    callee._last = one.__eq__
    at_called = [
        place
        for place in range(16, Callee.__basicsize__, 8)
        if _word(callee, place) == id(callee._last)
    ]
    _require(len(at_called) == 1, "a slot")
    array = numpy.arange(24.0).reshape(2, 3, 4)
    frozen = numpy.ones(5)
    frozen.flags.writeable = False
    shifted = numpy.zeros(33, "u1")[1:].view(float)
    for probe in (array, array[:, ::2], array.T, array[1:, 0, 0], frozen, shifted, array > 3.0):
        _require(_word(probe, 8) == id(type(probe)), "an array's type")
        _require(_word(probe, 16) == probe.ctypes.data, "an array's data")
        nd = ctypes.c_int.from_address(id(probe) + 24).value
        _require(nd == probe.ndim, "an array's number of dimensions")
        sizes = (ctypes.c_ssize_t * nd).from_address(_word(probe, 32))
        _require(tuple(sizes) == probe.shape, "an array's shape")
        _require(_word(probe, 56) == id(probe.dtype), "an array's dtype")
        flags = ctypes.c_int.from_address(id(probe) + 64).value
        _require(flags == probe.flags.num, "an array's flags")
        is_ordered = probe.flags.c_contiguous and probe.flags.aligned
        _require((flags & ORDERED == ORDERED) == is_ordered, "the meaning of an array's flags")
    return {
        "type": 8, "size": 2, "called": at_called[0], "number": at_number[0],
        "definition": 16, "owned": 24,
        "float_value": 16, "list_items": 24, "tuple_items": at_tuple[0],
        "array_data": 16, "array_nd": 24, "array_shape": 32, "array_dtype": 56, "array_flags": 64,
    }  # fmt: skip


def _numpy_functions() -> dict[str, int]:
    """Find the functions of NumPy's C API.

    Raises:
        Unexpected: NumPy has another ABI, or a function does not do what is expected.
    """
    core = getattr(numpy, "_core", None) or numpy.core
    capsule = core._multiarray_umath._ARRAY_API
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = ctypes.cast(pointer(capsule, None), ctypes.POINTER(ctypes.c_void_p))
    version = ctypes.PYFUNCTYPE(ctypes.c_uint)(table[VERSION_PLACE] or 0)()
    _require(version in VERSIONS, "NumPy's ABI")
    new = ctypes.PYFUNCTYPE(
        ctypes.py_object, ctypes.py_object, ctypes.py_object, ctypes.c_int,
        ctypes.POINTER(ctypes.c_ssize_t), ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int,
        ctypes.c_void_p,
    )(table[NEW_PLACE] or 0)  # fmt: skip
    set_base = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.py_object)(
        table[BASE_PLACE] or 0
    )
    double, sizes = OBJECTS["double"], (ctypes.c_ssize_t * 2)(3, 5)
    increase = ctypes.pythonapi.Py_IncRef
    increase.argtypes, increase.restype = [ctypes.py_object], None
    increase(double)  # `new` steals the reference
    made = new(numpy.ndarray, double, 2, sizes, None, None, 0, None)
    _require(type(made) is numpy.ndarray and made.shape == (3, 5), "PyArray_NewFromDescr")
    _require(made.dtype is double and made.flags.c_contiguous, "arrays of doubles")
    increase(double)
    data = made.ctypes.data
    view = new(numpy.ndarray, double, 1, sizes, None, data, WRITEABLE, None)
    increase(made)
    _require(set_base(view, made) == 0 and view.base is made, "PyArray_SetBaseObject")
    _require(view.ctypes.data == data and view.flags.num == WRITEABLE | 0x0002, "views")
    return {
        "PyArray_NewFromDescr": table[NEW_PLACE] or 0,
        "PyArray_SetBaseObject": table[BASE_PLACE] or 0,
    }


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


# --- the trampoline -------------------------------------------------------------------------------


class _Definition(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


METH_KEYWORDS, METH_O, METH_FASTCALL = 0x0002, 0x0008, 0x0080


class Trampoline:
    """The trampoline of this process.

    Raises:
        Unexpected: There cannot be one in this interpreter.
    """

    def __init__(self) -> None:
        from llvmlite import binding

        _require_interpreter()
        offsets = _offsets()
        table = {name: id(thing) for name, thing in OBJECTS.items()}
        table |= {name: _address(getattr(ctypes.pythonapi, name)) for name in PYTHON_API}
        table |= _numpy_functions()
        content = _object(_text(offsets), host())
        with waited_for:
            self._engine = binding.create_mcjit_compiler(
                binding.parse_assembly(""), host().description()
            )
            self._engine.add_object_file(binding.ObjectFileRef.from_data(content))
            self._engine.finalize_object()
            of_engine = self._engine.get_function_address
            self._definition = _Definition(b"compiled", of_engine("function"), METH_O, None)
            self._method = _Definition(
                b"__call__", of_engine("method"), METH_FASTCALL | METH_KEYWORDS, None
            )
            place = self._engine.get_global_value_address("table")
        table |= {"definition": ctypes.addressof(self._definition), "python": id(None)}
        self._api = numpy.array([table[name] for name in API], dtype=numpy.int64)
        ctypes.c_void_p.from_address(place).value = self._api.ctypes.data
        python = ctypes.pythonapi
        self._new_function = ctypes.PYFUNCTYPE(
            ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p
        )(("PyCFunction_NewEx", python))
        self._new_method = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.c_void_p)(
            ("PyDescr_NewMethod", python)
        )
        self._written: Any = None
        owned = (self._api,)
        made = self._new_function(ctypes.addressof(self._definition), owned, None)
        _require(type(made) is type(len), "a function")
        _require(_word(made, offsets["definition"]) == table["definition"], "its definition")
        _require(_word(made, offsets["owned"]) == id(owned), "the objects that it owns")

    def function(self, plan: Any, *owned: Any) -> Callable[[tuple[Any, ...]], Any]:
        """Make a function that follows a plan, and owns the plan and all that it refers to."""
        made: Callable[[tuple[Any, ...]], Any] = self._new_function(
            ctypes.addressof(self._definition), (plan, self, *owned), None
        )
        return made

    def accelerate(self, kind: type[Callee]) -> None:
        """Replace a class's `__call__` by a method that falls back to it."""
        with _lock:
            if self._written is not None:
                return
            self._written = written = kind.__call__
            self._api[API.index("python")] = id(written)
            # The class may be used until the interpreter exits, and so may this trampoline.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))  # never released
            self._doc = f"__call__($self, /, *args, **kwargs)\n--\n\n{written.__doc__}".encode()
            self._method.doc = self._doc
            method = self._new_method(kind, ctypes.addressof(self._method))
            kind.__call__ = method  # type: ignore[method-assign]


def _text(offsets: dict[str, int]) -> str:
    """Write the module in LLVM's assembly language."""
    names = {f"at_{name}": place for name, place in offsets.items()}
    names |= {f"api_{name}": place for place, name in enumerate(API)}
    names |= {f"plan_{word.name}": int(word) for word in _Plan}
    names |= {f"block_{word.name}": int(word) for word in _Block}
    names |= {f"call_{name}": place for place, name in enumerate(CALL)}
    names |= {f"op_{op.name.lower()}": int(op) for op in Op}
    names |= {"call_inputs": len(CALL), "numpy_ordered": ORDERED}
    names["numpy_writeable"] = WRITEABLE
    source = Path(__file__).with_suffix(".ll").read_text(encoding="utf-8")
    return Template(source).substitute(names)


def _object(text: str, target: Target) -> bytes:
    """Take object code from the user's cache, or make it and keep it there."""
    key = _key(text, target)
    content = found(key)
    if content is None:
        content = _built(text, target)
        keep(key, content)
    return content


def _key(text: str, target: Target) -> str:
    parts = json.dumps(["trampoline", __version__, astuple(target), text])
    return hashlib.sha256(parts.encode()).hexdigest()


def _built(text: str, target: Target) -> bytes:
    """Make object code; further optimisation would save a hundredth of a call."""
    from llvmlite import binding

    with waited_for:
        machine = target.description(1)
        module = binding.parse_assembly(text)
        builder = binding.create_pass_builder(
            machine, binding.create_pipeline_tuning_options(speed_level=0)
        )
        builder.getModulePassManager().run(module, builder)
        code: bytes = machine.emit_object(module)
        return code


_lock = Reopened()

NONE = (Unexpected, AttributeError, ImportError, OSError, RuntimeError)
"""The exceptions that mean that there is no trampoline; LLVM raises some of them."""


@cache
def _trampoline() -> Trampoline | None:
    """Make the trampoline; None if there cannot be one."""
    with suppress(*NONE):
        return Trampoline()
    return None


def _only_trampoline() -> Trampoline | None:
    """Return the one trampoline of this process, even if several threads ask for it at once."""
    with _lock:
        return _trampoline()


def is_at_hand() -> bool:
    """Tell whether the trampoline needs no compiling: it exists, or is in the user's cache."""
    with _lock:
        return _trampoline.cache_info().currsize > 0 or _is_cached()


@cache
def _is_cached() -> bool:
    with suppress(*NONE):
        _require_interpreter()
        return found(_key(_text(_offsets()), host())) is not None
    return True  # there will be none


def accelerate(kind: type[Callee]) -> None:
    """Make calls of a class's objects call `_last` without Python, if there is a trampoline.

    Args:
        kind: The class: always the same. Its `__call__` is called if `_last` returns no result.
    """
    if trampoline := _only_trampoline():
        trampoline.accelerate(kind)


def called(
    kernel: int,
    memory: Callable[[], tuple[Any, int]],
    outputs: int,
    pattern: Pattern,
    limits: Limits,
    owner: Any,
) -> Callable[[tuple[Any, ...]], Any] | None:
    """Make a function that calls a kernel with Python's own objects.

    Args:
        kernel: The kernel's address.
        memory: Makes memory for the kernel's arguments: returns its owner, and its address.
        outputs: The number of outputs.
        pattern: What the arguments must be, and what the result is.
        limits: What all calls have in common.
        owner: The object that owns the kernel's code.

    Returns:
        A function of a tuple of arguments, which returns the result, or NotImplemented if the
        arguments do not fit, or the outputs must be computed with guards. None if there is no
        trampoline.
    """
    trampoline = _only_trampoline()
    if trampoline is None:
        return None
    blocks = _Blocks(memory, outputs, pattern, limits)
    values = [id(value) for value in pattern.captured]
    takes, gives, link, captured = (
        numpy.array(words, dtype=numpy.int64)
        for words in (pattern.takes, pattern.gives, pattern.links or [(0, 0)], values or [0])
    )
    numbers = len(pattern.numbers) or outputs
    shape = pattern.whole or ((numbers,) if pattern.has_arrays else ())
    sizes = numpy.array(shape or (0,), dtype=numpy.int64)
    words = dict.fromkeys(_Plan, 0)
    words |= {
        _Plan.grow: id(blocks),
        _Plan.kernel: kernel,
        _Plan.most: limits.most,
        _Plan.long: limits.long,
        _Plan.mean: limits.is_mean,
        _Plan.guards: limits.guards,
        _Plan.outputs: outputs,
        _Plan.rows: limits.rows,
        _Plan.stride: limits.stride,
        _Plan.beyond: outputs * limits.stride,
        _Plan.owner_nd: len(shape),
        _Plan.owner_sizes: sizes.ctypes.data,
        _Plan.owner_bytes: 8 * numbers,
        _Plan.links: len(pattern.links),
        _Plan.link: link.ctypes.data,
        _Plan.captured: len(values),
        _Plan.values: captured.ctypes.data,
        _Plan.takes: takes.ctypes.data,
        _Plan.gives: gives.ctypes.data,
    }
    plan = numpy.array([words[word] for word in _Plan], dtype=numpy.int64)
    owned = takes, gives, link, captured, sizes, pattern, owner
    return trampoline.function(plan, blocks, *owned)


class _Blocks:
    """Makes memory for calls, and keeps it: a block for each call that was ever made at once.

    Calls overlap in several threads, and if a signal handler, or a function that Python evaluates,
    makes a call during a call. The caller uses the block, then adds it to the list of free blocks.
    """

    def __init__(
        self,
        memory: Callable[[], tuple[Any, int]],
        outputs: int,
        pattern: Pattern,
        limits: Limits,
    ) -> None:
        self.memory, self.pattern = memory, pattern
        self.outputs, self.stride = outputs, limits.stride
        self.kept: list[Any] = []

    def __call__(self) -> int:
        """Make a block, and return its address."""
        pattern, count = self.pattern, self.outputs * self.stride
        owner, address = self.memory()
        groups = len(CALL) + pattern.arrays + bool(pattern.loose)
        fields = (ctypes.c_int64 * (groups + bool(pattern.captured))).from_address(address)
        out = numpy.empty(count + len(pattern.numbers) * self.stride)
        out[count:] = numpy.repeat(pattern.numbers, self.stride)
        loose = numpy.empty(pattern.loose + 1)
        fields[OUT], fields[STRIDE] = out.ctypes.data, self.stride
        if pattern.loose:
            fields[len(CALL)] = loose.ctypes.data
        block = numpy.zeros(_Block.held + pattern.arrays, dtype=numpy.int64)
        block[_Block.fields] = address
        block[_Block.loose] = loose.ctypes.data
        block[_Block.out] = out.ctypes.data
        captured = numpy.empty(len(pattern.captured) + 1)
        block[_Block.captured] = captured.ctypes.data
        if pattern.captured:
            fields[groups] = captured.ctypes.data
        self.kept.append((owner, out, loose, captured, block))
        return int(block.ctypes.data)


OUT, STRIDE = map(list(CALL).index, ("out", "stride"))
