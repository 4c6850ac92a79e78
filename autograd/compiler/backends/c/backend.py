"""A program compiled by the system's C compiler, loaded, and run row by row."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
import weakref
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy

from autograd.compiler.backends.c.source import file_of
from autograd.compiler.backends.contract import Plan, planned, run_alone
from autograd.compiler.cache import found, keep
from autograd.compiler.layout import Layout
from autograd.errors import shown
from autograd.forks import Reopened

__all__ = ["C", "CKernel", "Library", "compiler"]

FLAGS = ("-std=c99", "-O2", "-ffp-contract=off", "-fPIC", "-shared")
NAME = "program"
ROWS = f"""
#include <stddef.h>

void {NAME}_rows(size_t rows, const double *inputs, double *outputs)
{{
    for (size_t row = 0; row < rows; row++)
        {NAME}(inputs + row * {NAME.upper()}_INPUTS, outputs + row * {NAME.upper()}_OUTPUTS);
}}
"""
"""The C function that calls the program for each row."""
MOST_ROWS = 4096
"""How many rows are copied into a contiguous array at once."""


def compiler() -> tuple[str, ...]:
    """Find the system's C compiler: the environment variable CC, or else `cc`, gcc or clang.

    Returns:
        The command; empty if there is none, or if CC names one that does not exist.

    Example:
        >>> isinstance(compiler(), tuple)
        True
    """
    return _command(os.environ.get("CC", "").strip(), os.environ.get("PATH", os.defpath))


@cache
def _command(chosen: str, path: str) -> tuple[str, ...]:
    try:
        commands = [shlex.split(chosen)] if chosen else [["cc"], ["gcc"], ["clang"]]
    except ValueError:  # an unclosed quotation mark
        return ()
    for command in commands:
        if command and (found := shutil.which(command[0], path=path)):
            return (str(Path(found).absolute()), *command[1:])
    return ()


@cache
def _version(command: tuple[str, ...]) -> bytes:
    """Return what a compiler says about itself and the machine it compiles for."""
    said = [
        subprocess.run(
            [*command, option], stdin=subprocess.DEVNULL, capture_output=True, check=False
        ).stdout
        for option in ("--version", "-dumpmachine")
    ]
    machine = [sysconfig.get_platform(), platform.machine(), *platform.libc_ver()]
    return b"\0".join([*said, *(each.encode() for each in machine)])


@dataclass(frozen=True)
class Library:
    """A shared library of one program.

    Attributes:
        content: The content of the file.
        plan: The plan of the program that it computes.
        is_static: Whether it keeps its numbers in a static array: one call at a time.
    """

    content: bytes
    plan: Plan
    is_static: bool


class C:
    """The C backend."""

    name = "c"
    plan = staticmethod(planned)

    def missing(self) -> str:
        """Say what must be installed: a C compiler."""
        if os.name == "nt":
            return "a POSIX system: use 'llvm' or 'numpy' here"
        if compiler():
            return ""
        if chosen := os.environ.get("CC", "").strip():
            return f"a C compiler, and CC names {shown(chosen)}, which is not found"
        return "a C compiler: install gcc or clang, or name one in the environment variable CC"

    def compile(self, plan: Plan) -> Library:
        """Let the C compiler make a library, or find it in the user's cache.

        Raises:
            ValueError: An operation has no C code.
            RuntimeError: The compiler fails.
        """
        text = file_of(plan.program, NAME) + ROWS
        command = (*compiler(), *FLAGS)
        parts = ["\0".join(command).encode(), _version(compiler()), text.encode()]
        key = hashlib.sha256(b"\0".join(parts)).hexdigest()
        # Code for this processor only must not reach another one that shares the folder.
        is_native = any(option.endswith("=native") for option in command)
        content = None if is_native else found(key)
        if content is None:
            content = _built(command, text)
            if not is_native:
                keep(key, content)
        return Library(content, plan, "static double work[" in text)

    def load(self, code: Library) -> CKernel:
        """Load a library.

        Raises:
            OSError: It is not a library for this machine.
        """
        return CKernel(code)


def _built(command: tuple[str, ...], text: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="autograd-c-") as folder:
        source, library = Path(folder, "program.c"), Path(folder, "program.so")
        source.write_text(text, encoding="utf-8")
        whole = [*command, str(source), "-o", str(library), "-lm"]
        done = subprocess.run(
            whole, stdin=subprocess.DEVNULL, capture_output=True, check=False,
            encoding="utf-8", errors="replace",
        )  # fmt: skip
        if done.returncode or not library.exists():
            raise RuntimeError(
                f"compile: the C compiler failed with code {done.returncode}, called as "
                f"{shlex.join(whole)}: {done.stderr[:1000]}"
            )
        return library.read_bytes()


def _unload(handle: int) -> None:
    import _ctypes  # only in CPython on POSIX systems

    _ctypes.dlclose(handle)


class CKernel:
    """A loaded library.

    Args:
        library: The library.
    """

    reduces = False
    block = 1
    cost = 0

    def __init__(self, library: Library) -> None:
        self.layout: Layout = library.plan.layout
        self.inputs = len(library.plan.program.inputs)
        self.outputs = len(library.plan.program.outputs)
        self._lock = Reopened() if library.is_static else nullcontext()
        with tempfile.TemporaryDirectory(prefix="autograd-c-") as folder:
            path = Path(folder, "program.so")
            path.write_bytes(library.content)
            try:
                self._library = ctypes.CDLL(str(path))  # stays loaded when the file is removed
            except OSError as error:
                raise ValueError(
                    f"this code cannot be loaded: it was compiled for another machine, or loading "
                    f"code from {tempfile.gettempdir()} is not allowed ({error})"
                ) from None
        # Python never unloads a library. At exit another thread may be running in it.
        weakref.finalize(self, _unload, self._library._handle).atexit = False
        self._function = getattr(self._library, f"{NAME}_rows")
        self._function.argtypes = [ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p]
        self._function.restype = None

    def run(
        self, arrays: Sequence[Any], first: int, rows: int, out: Any, divisor: float = 1.0
    ) -> None:
        """Run the program on some rows; see `contract.Kernel`."""
        for start in range(first, first + rows, MOST_ROWS):
            self._run(arrays, start, min(MOST_ROWS, first + rows - start), out)

    def _run(self, arrays: Sequence[Any], first: int, rows: int, out: Any) -> None:
        inputs = numpy.empty((rows, self.inputs))
        outputs = numpy.empty((rows, self.outputs))
        start = 0
        for group, array in zip(self.layout.groups, arrays, strict=True):
            part = array[first : first + rows] if group.varies else array
            inputs[:, start : start + group.width] = part
            start += group.width
        with self._lock:
            self._function(rows, inputs.ctypes.data, outputs.ctypes.data)
        out[:, first : first + rows] = outputs.T

    def repeated(self, rows: int, divisor: float) -> Callable[[Sequence[Any]], tuple[Any, Any]]:
        """Make a faster way to run it without rows; see `contract.Kernel`."""
        return run_alone(self)
