"""A program compiled by the system's C compiler, loaded, and run row by row."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
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
from autograd.forks import Reopened

__all__ = ["C", "CKernel", "Library", "compiler"]

FLAGS = ("-std=c99", "-O2", "-ffp-contract=off", "-fPIC", "-shared")
NAME = "program"
ROWS = f"""
void {NAME}_rows(long rows, const double *inputs, double *outputs)
{{
    for (long row = 0; row < rows; row++)
        {NAME}(inputs + row * {NAME.upper()}_INPUTS, outputs + row * {NAME.upper()}_OUTPUTS);
}}
"""
"""What calls the function for each row."""


@cache
def compiler() -> tuple[str, ...]:
    """Find the system's C compiler: what the environment variable CC says, or `cc`, gcc, clang.

    Returns:
        The command; empty where there is none.

    Example:
        >>> isinstance(compiler(), tuple)
        True
    """
    chosen = shlex.split(os.environ.get("CC", ""))
    for command in (chosen, ["cc"], ["gcc"], ["clang"]):
        if command and (path := shutil.which(command[0])):
            return (path, *command[1:])
    return ()


@cache
def _version() -> bytes:
    command = [*compiler(), "--version"]
    return subprocess.run(command, capture_output=True, check=False).stdout


@dataclass(frozen=True)
class Library:
    """A shared library of one program.

    Attributes:
        content: The file.
        plan: What it computes.
        is_static: Whether it keeps its numbers in a static array: one call at a time.
    """

    content: bytes
    plan: Plan
    is_static: bool


class C:
    """The backend."""

    name = "c"
    plan = staticmethod(planned)

    def missing(self) -> str:
        """Say what has to be installed: a C compiler."""
        return "" if compiler() else "a C compiler: install gcc or clang, or name one in CC"

    def compile(self, plan: Plan) -> Library:
        """Have the C compiler make a library, or find it in the user's cache.

        Raises:
            ValueError: There is no C of an operation.
            RuntimeError: The compiler fails.
        """
        text = file_of(plan.program, NAME) + ROWS
        parts = ["\0".join((*compiler(), *FLAGS)).encode(), _version(), text.encode()]
        key = hashlib.sha256(b"\0".join(parts)).hexdigest()
        content = found(key)
        if content is None:
            content = _built(text)
            keep(key, content)
        return Library(content, plan, "static double work[" in text)

    def load(self, code: Library) -> CKernel:
        """Load a library.

        Raises:
            OSError: It is no library for this machine.
        """
        return CKernel(code)


def _built(text: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="autograd-c-") as folder:
        source, library = Path(folder, "program.c"), Path(folder, "program.so")
        source.write_text(text, encoding="utf-8")
        command = [*compiler(), *FLAGS, str(source), "-o", str(library), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(
                f"compile: the C compiler fails with code {done.returncode}, called as "
                f"{shlex.join(command)}: {done.stderr[:1000]}"
            )
        return library.read_bytes()


class CKernel:
    """A library that has been loaded.

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
        with tempfile.TemporaryDirectory(
            prefix="autograd-c-", ignore_cleanup_errors=True
        ) as folder:
            path = Path(folder, "program.so")
            path.write_bytes(library.content)
            self._library = ctypes.CDLL(str(path))  # which stays when its name is gone
        self._function = getattr(self._library, f"{NAME}_rows")
        self._function.argtypes = [ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self._function.restype = None

    def run(
        self, arrays: Sequence[Any], first: int, rows: int, out: Any, divisor: float = 1.0
    ) -> None:
        """Run the program on some rows; see `contract.Kernel`."""
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
        """Make a shorter way to run it, without rows; see `contract.Kernel`."""
        return run_alone(self)
