"""The LLVM backend: programs to object code, and object code to functions of arrays."""

from __future__ import annotations

import ctypes
import hashlib
import json
import platform
import struct
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy

import autograd
from autograd.compiler import emission, mathematics
from autograd.compiler import schedule as scheduling
from autograd.compiler.arrays import BY_PYTHON
from autograd.compiler.cache import found, keep
from autograd.compiler.emission import (
    CALL,
    Part,
    Shape,
    kernel_text,
    part_text,
    step_texts,
)
from autograd.compiler.program import Program
from autograd.compiler.schedule import Layout, Place, Straight, cost, scheduled
from autograd.forks import waited_for

__all__ = ["Code", "Kernel", "code_of", "compiled", "target_name"]

THOROUGH_COST = 8000
"""Straight-line code of more elementary operations is compiled ten times as fast, by an LLVM that
thinks less about registers; it takes a third more time to run."""


@dataclass(frozen=True)
class Code:
    """The machine code of a program.

    Attributes:
        target: The processor and the version of LLVM that it was made by.
        objects: Object files.
        outputs: The number of outputs.
        batched: Whether it runs on rows.
        reduces: Whether outputs are added up over the rows.
        rows: How many rows a block has.
        widths: The widths of the arrays of inputs that vary from row to row.
        constants: The numbers that it reads from memory.
        memory: How many numbers it needs memory for: uniform ones, those of a block, and sums.
        cost: How many elementary operations a row takes.
        inputs: The number of arrays of inputs.
    """

    target: str
    objects: tuple[bytes, ...]
    outputs: int
    batched: bool
    reduces: bool
    rows: int
    widths: tuple[int, ...]
    constants: tuple[float, ...]
    memory: tuple[int, int, int]
    cost: int
    inputs: int


# --- machine code that there is already ----------------------------------------------------------

MAKERS = (emission, mathematics, scheduling)
"""The modules that, with this one, decide what the code is."""


def code_of(program: Program, layout: Layout, reduces: bool, exact: bool) -> Code:
    """Find the machine code of a program in the user's cache, or make it, and keep it there.

    Args:
        program: As for `compiled`; so are the others.
        layout: Likewise.
        reduces: Likewise.
        exact: Likewise.

    Returns:
        The code, the same in either case.
    """
    key = _key(program, layout, reduces, exact)
    content = found(key)
    code = None if content is None else _unpacked(content, program, layout, reduces)
    if code is None:
        code = compiled(program, layout, reduces, exact)
        keep(key, _packed(code))
    return code


def _key(program: Program, layout: Layout, reduces: bool, exact: bool) -> str:
    """Hash all that machine code depends on; what the inputs are called is nothing of it."""
    parts = [
        target_name(),
        _lanes(),
        _sources(),
        [_bounds(globals()), *map(_bounds, map(vars, MAKERS))],
        [[group.width, bool(group.varies)] for group in layout.groups],
        [bool(layout.batched), bool(reduces), bool(exact)],
        [len(program.inputs), len(program.constants)],
        program.operations,
        program.outputs,
    ]
    text = json.dumps(parts, default=int).encode()  # NumPy's integers are none of Python's
    constants = struct.pack(f"<{len(program.constants)}d", *program.constants)
    return hashlib.sha256(text + constants).hexdigest()


@cache
def _sources() -> str:
    """Hash what makes the code: between two versions it changes as well."""
    digest = hashlib.sha256()
    for path in (__file__, *(module.__file__ for module in MAKERS)):
        with suppress(OSError):  # where there are only Python's own compiled files
            digest.update(Path(path or "").read_bytes())
    return digest.hexdigest()


def _bounds(names: dict[str, Any]) -> list[tuple[str, int]]:
    """Give the numbers that a module decides by, which may be set by hand."""
    return [(name, x) for name, x in names.items() if name.isupper() and type(x) is int]


def _packed(code: Code) -> bytes:
    """Write what cannot be told from the program."""
    sizes = [*map(len, code.objects)]
    head = json.dumps({"rows": code.rows, "memory": code.memory, "cost": code.cost, "sizes": sizes})
    return b"\n".join([head.encode(), b"".join(code.objects)])


def _unpacked(content: bytes, program: Program, layout: Layout, reduces: bool) -> Code | None:
    """Read what `_packed` wrote; None if that is something else."""
    head, _, body = content.partition(b"\n")
    try:
        data = json.loads(head)
        objects = []
        for size in data["sizes"]:
            objects.append(body[:size])
            body = body[size:]
        uniform, block, sums = data["memory"]
        memory = uniform, block, sums
        return _code(program, layout, reduces, objects, data["rows"], memory, data["cost"])
    except (LookupError, TypeError, ValueError):
        return None


def _code(
    program: Program,
    layout: Layout,
    reduces: bool,
    objects: Sequence[bytes],
    rows: int,
    memory: tuple[int, int, int],
    cost: int,
) -> Code:
    return Code(
        target_name(),
        tuple(objects),
        len(program.outputs),
        layout.batched,
        reduces,
        rows,
        tuple(group.width for group in layout.groups if group.varies),
        program.constants,
        memory,
        cost,
        len(layout.groups),
    )


# --- making machine code -------------------------------------------------------------------------


def compiled(program: Program, layout: Layout, reduces: bool, exact: bool) -> Code:
    """Make the machine code of a program.

    Args:
        program: A program of primitive operations. No output is a constant, or occurs twice.
        layout: Where its inputs lie.
        reduces: Whether outputs are added up over the rows.
        exact: Whether products and sums are rounded each on its own.

    Returns:
        The code, for this machine.
    """
    first = program.first_result
    places: dict[int, Place] = {}
    varying_inputs = []
    for slot, (group, place) in enumerate(layout.places()):
        places[slot] = Place(f"input {group}", place)
        if layout.groups[group].varies:
            varying_inputs.append(slot)
    for index in range(len(program.constants)):
        places[len(program.inputs) + index] = Place("constant", index)
    outputs = {slot: place for place, slot in enumerate(program.outputs)}
    slots = range(first, first + len(program))
    lanes = _lanes() if layout.batched else 1
    prologue = None
    uniform = 0
    row_slots: Sequence[int] = slots
    if layout.batched:
        varies = set(varying_inputs)
        for slot in slots:
            if not varies.isdisjoint(program.operations[slot - first].operands):
                varies.add(slot)
        before = [slot for slot in slots if slot not in varies]
        row_slots = [slot for slot in slots if slot in varies]
        needed = {x for slot in row_slots for x in program.operations[slot - first].operands}
        needed.update(program.outputs)
        lasting = needed.intersection(before)
        if before:
            once = scheduled(program, before, places, {}, region="uniform", lasting=lasting)
            for slot in lasting:
                places[slot] = once.places[slot]
            uniform = once.memory
            shape = Shape(1, 1, reduces=False, exact=exact)
            prologue = Part("prologue", program, layout, once, shape, {}, "uniform")
    schedule = scheduled(program, row_slots, places, outputs, varying_inputs)
    handed = {*row_slots, *schedule.copies}  # with what is copied for a long sum
    if passed := tuple(slot for slot in program.outputs if slot not in handed):
        schedule.steps.append(Straight(passed, computes=False))
    vectors = 4 if schedule.rolled and layout.batched else 1
    # Leaving rows out costs nothing where masks are registers of their own.
    small = cost(program, slots) <= THOROUGH_COST
    doubled = reduces and not exact and not schedule.rolled and lanes == 8 and small
    shape = Shape(2 * lanes if doubled else lanes, vectors, reduces, exact, doubled)
    body = Part("body", program, layout, schedule, shape, outputs)
    level = 2 if small else 0
    texts: list[tuple[str, int, bool]] = []
    for part in (body, prologue) if prologue else (body,):
        straight, loops = step_texts(part)
        texts += [(text, level, False) for text in straight]
        texts += [(text, 2, True) for text in loops]
        texts.append((part_text(part), 2, False))
    texts.append((kernel_text(body, prologue, len(program.outputs)), 2, True))
    sums = len(program.outputs) * lanes if reduces and not schedule.rolled else 0
    objects = [_object(*text) for text in texts]
    memory = uniform, schedule.memory * shape.rows, sums
    row_cost = cost(program, row_slots)
    return _code(program, layout, reduces, objects, shape.rows, memory, row_cost)


def target_name() -> str:
    """Name the processor, LLVM, the C library and this one: object code is good for no others.

    Example:
        >>> target_name() == target_name()
        True
    """
    import llvmlite
    from llvmlite import binding

    version = ".".join(map(str, binding.llvm_version_info))
    features = _features().flatten()
    library = " ".join(
        [*platform.libc_ver(), *(["libmvec"] if mathematics.vector_library() else [])]
    )
    processor = f"{binding.get_process_triple()} {binding.get_host_cpu_name()} {features}"
    ours = f"scalar-autograd {autograd.__version__} {' '.join(CALL)}"
    return f"{processor}, LLVM {version} of llvmlite {llvmlite.__version__}, {library}, {ours}"


def _lanes() -> int:
    """How many doubles a vector register of this processor holds."""
    features = _features()
    return 8 if features.get("avx512f") else 4 if features.get("avx") else 2


def _features() -> Any:
    """The instruction sets of this processor; none where LLVM cannot tell."""
    from llvmlite import binding

    try:
        return binding.get_host_cpu_features()
    except RuntimeError:
        return binding.FeatureMap()


def _machine(level: int = 2) -> Any:
    """Describe this machine to LLVM. An engine takes the description over."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_triple(binding.get_process_triple())
    return target.create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=_features().flatten(),
        opt=level,
        codemodel="jitdefault",
        jit=True,
    )


def _object(text: str, level: int, optimise: bool) -> bytes:
    """Compile a module to an object file.

    Straight-line code has been optimised before it was written, so LLVM only allocates registers
    and schedules; loops are also unrolled and, for single rows, vectorised.
    """
    from llvmlite import binding

    with waited_for:
        machine = _machine(level)
        module = binding.parse_assembly(text)
        options = binding.create_pipeline_tuning_options(speed_level=2 if optimise else 0)
        options.loop_vectorization = optimise
        builder = binding.create_pass_builder(machine, options)
        builder.getModulePassManager().run(module, builder)
        code: bytes = machine.emit_object(module)
        return code


# --- running it ----------------------------------------------------------------------------------


class Kernel:
    """Machine code that has been loaded.

    Args:
        code: The code, made on a machine of this kind.

    Raises:
        ValueError: The code was made for another machine.
    """

    def __init__(self, code: Code) -> None:
        from llvmlite import binding

        if code.target != target_name():
            raise ValueError(f"this code was made for another machine: {code.target}")
        self.code = code
        self._constants = numpy.array(code.constants or (0.0,))
        self._local = threading.local()
        with waited_for:
            mathematics.load_libraries()
            _register_callbacks()
            self._engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _machine())
            for content in code.objects:
                self._engine.add_object_file(binding.ObjectFileRef.from_data(content))
            self._engine.finalize_object()
            address = self._engine.get_function_address("kernel")
        self._function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(address)

    def __call__(
        self, arrays: Sequence[Any], first: int, rows: int, out: Any, divisor: float = 1.0
    ) -> None:
        """Run the program on some rows.

        Args:
            arrays: The arrays of inputs, contiguous doubles.
            first: The first row.
            rows: The number of rows.
            out: Where the outputs go: an array for each output, of at least as many elements as
                whole blocks have rows; or, where they are added up, a number for each.
            divisor: What sums are divided by.
        """
        call = self._taken()
        fields = call.fields
        target = _address(out)
        if self.code.reduces:
            call.divisor.value = divisor
        else:
            target += 8 * first
            fields[OUT + 1] = out.strides[0] // 8
        fields[OUT] = target
        fields[OUT + 2] = rows
        place = len(CALL)
        for array in arrays:
            fields[place] = _address(array)
            if first and array.ndim == 2:
                fields[place] += 8 * first * array.shape[1]
            place += 1
        self._function(call.address)
        self._local.free.append(call)

    def repeated(self, rows: int, divisor: float) -> Callable[[Sequence[Any]], tuple[Any, int]]:
        """Make a shorter way to call it, where outputs are numbers.

        Args:
            rows: The number of rows.
            divisor: What sums are divided by.

        Returns:
            A function of the arrays of inputs, which gives the outputs, and whether one is nan.
        """
        function, empty, count = self._function, numpy.empty, self.code.outputs
        local, taken, inputs = self._local, self._taken, len(CALL)
        address = ctypes.addressof
        byte: Callable[[Any], ctypes.c_char] = ctypes.c_char.from_buffer

        def run(arrays: Sequence[Any]) -> tuple[Any, int]:
            call = taken()
            fields = call.fields
            call.divisor.value = divisor
            out = empty(count)
            fields[OUT] = address(byte(out))
            fields[OUT + 1] = 1
            fields[OUT + 2] = rows
            place = inputs
            for array in arrays:
                try:
                    fields[place] = address(byte(array))
                except (TypeError, ValueError):
                    fields[place] = _address(array)
                place += 1
            is_nan = function(call.address)
            local.free.append(call)
            return out, is_nan

        return run

    def _taken(self) -> _Call:
        """Take memory for a call, of this thread's, that no other call uses.

        A signal handler, or a function that Python evaluates, may call in the middle of a call.
        """
        try:
            call: _Call = self._local.free.pop()
        except AttributeError:
            self._local.free = []
        except IndexError:
            pass
        else:
            return call
        return _Call(self.code, self._constants)


OUT = list(CALL).index("out")


class _Call:
    """What a call of a kernel is given, and the memory that belongs to a thread.

    Args:
        code: The code that is called.
        constants: Its constants.
    """

    def __init__(self, code: Code, constants: Any) -> None:
        uniform, block, sums = code.memory
        tile = sum(code.widths) * code.rows
        sizes = [8 * (size // 8 + 1) for size in (uniform, block, tile, sums)]
        self.constants = constants
        self.memory = numpy.zeros(sum(sizes) + 8)
        self.fields = (ctypes.c_int64 * (len(CALL) + code.inputs))()
        self.address = ctypes.addressof(self.fields)
        self.divisor = ctypes.c_double.from_buffer(self.fields, 8 * list(CALL).index("divisor"))
        start = _address(self.memory)
        start += -start % 64
        self.fields[0] = _address(constants)
        for number, size in enumerate(sizes, 1):
            self.fields[number] = start
            start += 8 * size


def _address(array: Any) -> int:
    """Tell where the numbers of a contiguous array lie."""
    try:  # three times as fast as the array's own answer, which the call of a small program notices
        return ctypes.addressof(ctypes.c_char.from_buffer(array))
    except (TypeError, ValueError):  # read-only, or empty
        return int(array.ctypes.data)


@cache
def _register_callbacks() -> list[Any]:
    """Let machine code find the functions that Python evaluates."""
    from llvmlite import binding

    kept = []
    for name, (operands, evaluate) in BY_PYTHON.items():
        callback = ctypes.CFUNCTYPE(ctypes.c_double, *[ctypes.c_double] * operands)(evaluate)
        binding.add_symbol(f"autograd.{name}", ctypes.cast(callback, ctypes.c_void_p).value)
        kept.append(callback)
    return kept
