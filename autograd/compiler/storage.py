"""Compiled functions in files: programs with their machine code, loaded without compiling again.

A file begins with a line that names its format, and a checksum of what follows: JSON, compressed.
Loading reads data only, and runs no code unless the file is whole. Code of another processor, or
another version of LLVM, is compiled again from the program beside it.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import os
import zlib
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograd.compiler.arguments import Result, Static
from autograd.compiler.execution import Executor, Options
from autograd.compiler.passes import lowered
from autograd.compiler.program import Operation, Program
from autograd.compiler.schedule import Group, Layout
from autograd.rules import OwnName
from autograd.writing import write_whole

if TYPE_CHECKING:
    from autograd.compiler.function import Specialisation

__all__ = ["FORMAT", "content", "read", "restored", "written"]

FORMAT = "scalar-autograd program 1"
KINDS: dict[str, type] = {
    "list": list, "tuple": tuple, "dict": dict, "OrderedDict": OrderedDict,
}  # fmt: skip
PLAIN = (bool, int, float, str, type(None))


# --- files ---------------------------------------------------------------------------------------


def written(path: str | os.PathLike[str], data: dict[str, Any]) -> None:
    """Write a file; it appears whole or not at all.

    Args:
        path: The file; an older one is replaced.
        data: What is to be stored, as JSON has it.
    """
    body = zlib.compress(json.dumps(data).encode(), 6)
    head = f"{FORMAT}\n{hashlib.sha256(body).hexdigest()}\n".encode()
    write_whole(path, head + body)


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a file that `written` wrote.

    Args:
        path: The file.

    Returns:
        What was stored.

    Raises:
        ValueError: The file is damaged, or of another format.
    """
    form, _, rest = Path(path).read_bytes().partition(b"\n")
    if form != FORMAT.encode():
        raise ValueError(
            f"{path} is no file of this format, {FORMAT!r}: it begins with {form[:40]!r}"
        )
    checksum, _, body = rest.partition(b"\n")
    if checksum != hashlib.sha256(body).hexdigest().encode():
        raise ValueError(f"{path} is damaged: its checksum does not fit its content")
    data: dict[str, Any] = json.loads(zlib.decompress(body))
    return data


# --- what is in them -----------------------------------------------------------------------------


def content(key: Hashable, known: Specialisation) -> dict[str, Any]:
    """Describe a program that was compiled for one structure of arguments.

    Args:
        key: The structure.
        known: The program and its code.

    Returns:
        What can be written as JSON.

    Raises:
        TypeError: The structure holds what a file cannot: a model, or an object of a class of the
            user's.
    """
    if known.captured:
        raise TypeError(
            f"save: the function reads {known.captured[0]!r} from outside, which a file cannot: "
            "give it as an argument"
        )
    run = known.run
    return {
        "key": _plain(key),
        "program": _of_program(_without_own(known.program)),
        "executed": _of_program(run.program),
        "result": known.result.described(),
        "groups": [[group.width, group.varies] for group in known.layout.groups],
        "batched": known.layout.batched,
        "positions": None
        if known.positions is None
        else [positions.tolist() for positions in known.positions],
        "constants": [number.hex() for number in known.constants.tolist()],
        "codes": {name: _of_code(code) for name, code in run.codes.items()},
    }


def restored(data: dict[str, Any], options: Options) -> tuple[Hashable, Specialisation]:
    """Make what `content` described.

    Args:
        data: The description.
        options: How it is to be executed.

    Returns:
        The structure of arguments, and the program; compiled again if its code is of another kind
        of machine.
    """
    import numpy

    from autograd.compiler.function import Specialisation

    layout = Layout(tuple(Group(*group) for group in data["groups"]), data["batched"])
    codes = {}
    if options.backend == "llvm":
        from autograd.compiler import llvm

        found = {name: _to_code(code) for name, code in data["codes"].items()}
        codes = {name: code for name, code in found.items() if code.target == llvm.target_name()}
    run = Executor(_to_program(data["executed"]), layout, options, codes)
    positions = data["positions"] and tuple(numpy.array(p, dtype=int) for p in data["positions"])
    constants = numpy.array([float.fromhex(number) for number in data["constants"]])
    result = Result.of_description(data["result"])
    program = _to_program(data["program"])
    known = Specialisation(program, result, layout, run, positions, constants)
    return _hashable(data["key"]), known


def _plain(key: Any) -> Any:
    """Write the structure of arguments as JSON has it: lists that begin with what they are."""
    if isinstance(key, tuple):
        return ["tuple", *map(_plain, key)]
    if key in KINDS.values():
        return ["type", key.__name__]
    if isinstance(key, Static) and _is_literal(key.value):
        return ["static", repr(key.value)]
    if type(key) in PLAIN:
        return ["plain", key]
    raise TypeError(
        f"save: an argument is or holds {key!r}, which a file cannot: only functions of numbers, "
        "arrays, and lists and dictionaries of them can be saved"
    )


def _is_literal(value: Any) -> bool:
    if type(value) is tuple:
        return all(map(_is_literal, value))
    return type(value) in PLAIN


def _hashable(data: Any) -> Any:
    kind, *rest = data
    if kind == "tuple":
        return tuple(map(_hashable, rest))
    if kind == "type":
        return KINDS[rest[0]]
    if kind == "static":
        return Static(ast.literal_eval(rest[0]))
    return rest[0]


def _without_own(program: Program) -> Program:
    """Write a program out where it holds functions of a user's, which a file cannot."""
    is_own = any(isinstance(op, OwnName) for op, _ in program.operations)
    return lowered(program) if is_own else program


def _of_program(program: Program) -> dict[str, Any]:
    return {
        "inputs": program.inputs,
        "constants": [number.hex() for number in program.constants],
        "operations": program.operations,
        "outputs": program.outputs,
    }


def _to_program(data: dict[str, Any]) -> Program:
    return Program(
        tuple(data["inputs"]),
        tuple(map(float.fromhex, data["constants"])),
        tuple(Operation(op, tuple(operands)) for op, operands in data["operations"]),
        tuple(data["outputs"]),
    )


def _of_code(code: Any) -> dict[str, Any]:
    data = asdict(code)
    data["objects"] = [base64.b64encode(content).decode() for content in code.objects]
    data["constants"] = [number.hex() for number in code.constants]
    return data


def _to_code(data: dict[str, Any]) -> Any:
    from autograd.compiler.llvm import Code

    fields: dict[str, Any] = {
        name: tuple(x) if isinstance(x, list) else x for name, x in data.items()
    }
    fields["objects"] = tuple(map(base64.b64decode, data["objects"]))
    fields["constants"] = tuple(map(float.fromhex, data["constants"]))
    return Code(**fields)
