"""Compiled functions in files: programs and their argument structures, as data.

A file begins with a line that names its format and a checksum, which reveals damage. The rest is
JSON that says what is computed, never how: machine code is not read from a file, but compiled from
the program, or found in the user's own cache (`cache`). So an untrusted file is safe to load. All
of it is checked when it is read, in time and memory bounded by its size; nothing is compressed, as
a short text could then stand for a long one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Hashable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from autograd.compiler.description import (
    arguments,
    axes,
    brief,
    described_arguments,
    described_axes,
    described_result,
    number,
    require_fit,
    result,
    wrong,
)
from autograd.compiler.execution import Options
from autograd.compiler.layout import Layout
from autograd.compiler.passes import lower, with_bodies
from autograd.compiler.program import ITEM, Operation, Program, Scan
from autograd.compiler.results import Result
from autograd.errors import counted
from autograd.helper_rules import DETACHED, KINKED, MEETS
from autograd.rule import OwnName
from autograd.rules import RULES
from autograd.value import Value
from autograd.writing import path_of, write_whole

__all__ = [
    "FORMAT", "LARGEST", "Described", "Stored", "content", "described", "described_program",
    "program_of", "read", "written",
]  # fmt: skip

FORMAT = "scalar-autograd program 2"
OLDER = b"scalar-autograd program 1"
LARGEST = 2**27
"""How many bytes a file may hold: some five million operations."""
MOST_PROGRAMS = 4096
DIGITS = 18
"""How many digits an integer in a file may have."""
FEW = 8
"""Every function of any number of operands accepts at least this many."""
NEVER = {KINKED, DETACHED, MEETS}
"""Operations that matter to derivatives only; programs contain none."""


class Stored(NamedTuple):
    """A program that is not compiled yet.

    Attributes:
        program: The program, as traced.
        result: The structure of the result.
        layout: The arrays that hold the inputs.
        captured: The Values from outside that it reads; none if it comes from a file.
    """

    program: Program
    result: Result
    layout: Layout
    captured: tuple[Value, ...] = ()


class Described(NamedTuple):
    """The content of a file.

    Attributes:
        name: The name of the function.
        in_axes: As for `compile`; so are `reduce` and `exact`.
        programs: A program for each structure of arguments.
    """

    name: str
    in_axes: Any
    reduce: Any
    exact: bool
    programs: dict[Hashable, Stored]


# --- files ---------------------------------------------------------------------------------------


def written(path: str | os.PathLike[str], data: dict[str, Any]) -> None:
    """Write a file; it appears whole or not at all.

    Args:
        path: The file; an older one is replaced.
        data: The data to store, as JSON types.

    Raises:
        ValueError: The data are larger than a file may be.
    """
    body = json.dumps(data, separators=(",", ":"), allow_nan=False).encode()
    if len(body) > LARGEST:
        raise ValueError(f"save: {len(body):,} bytes are more than a file may hold, {LARGEST:,}")
    head = f"{FORMAT}\n{hashlib.sha256(body).hexdigest()}\n".encode()
    write_whole(path, head + body)


def read(path: str | os.PathLike[str]) -> Any:
    """Read a file that `written` wrote.

    Args:
        path: The file.

    Returns:
        What was stored.

    Raises:
        ValueError: The file is damaged, of a different format, or not JSON of strings and integers.
    """
    with Path(path_of(path, "load")).open("rb") as file:
        form = file.readline(80).removesuffix(b"\n")
        if form != FORMAT.encode():
            raise ValueError(f"{path} {_other_format(form)}")
        checksum = file.readline(80).removesuffix(b"\n")
        body = file.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise ValueError(f"{path} holds more than {LARGEST:,} bytes: save writes no such file")
    if checksum != hashlib.sha256(body).hexdigest().encode():
        raise ValueError(f"{path} is damaged: its checksum does not match its content")
    try:
        return json.loads(
            body.decode("ascii"),
            object_pairs_hook=_without_doubles,
            parse_int=_integer,
            parse_float=_no_integer,
            parse_constant=_no_integer,
        )
    except RecursionError:
        raise ValueError(f"{path} is malformed: it is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{path} is malformed: {error}") from None


def _other_format(form: bytes) -> str:
    if form.startswith(FORMAT.rstrip("0123456789").encode()):
        found = brief(form.decode("ascii", "replace"))
        if form == OLDER:
            return (
                f"is of an older format, {found}, which held machine code, and is no longer read: "
                "compile the function and save it again"
            )
        return f"is of a different format, {found}: this version reads {FORMAT!r}"
    return f"is not a file of this format, {FORMAT!r}: it begins with {brief(form[:40])}"


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"a name occurs twice among {brief([name for name, _ in pairs])}")
    return found


def _integer(text: str) -> int:
    if len(text) > DIGITS:
        raise ValueError(f"an integer of {len(text)} characters")
    return int(text)


def _no_integer(text: str) -> float:
    raise ValueError(f"{brief(text)}: numbers are integers, or strings as float.hex writes them")


# --- what is in them -----------------------------------------------------------------------------


def content(
    name: str,
    in_axes: Any,
    options: Options,
    known: dict[Hashable, Stored],
) -> dict[str, Any]:
    """Describe a compiled function.

    Args:
        name: The name of the function.
        in_axes: As for `compile`.
        options: How it is executed.
        known: Its programs, by the structure of their arguments.

    Returns:
        A description that JSON can hold.

    Raises:
        TypeError: A structure contains something that a file cannot hold: a model, or an object of
            a user's class.
        ValueError: There are more programs than a file may hold.
    """
    if len(known) > MOST_PROGRAMS:
        raise ValueError(f"save: {len(known):,} programs are more than a file may hold")
    return {
        "name": name if name.isprintable() else ascii(name),
        "in_axes": described_axes(in_axes),
        "reduce": options.reduce,
        "exact": bool(options.exact),
        "programs": [_described_program(*each) for each in known.items()],
    }


def _described_program(key: Hashable, known: Stored) -> dict[str, Any]:
    if known.captured:
        raise TypeError(
            f"save: the function reads {known.captured[0]!r} from outside, which a file cannot do: "
            "pass it as an argument"
        )
    program = _without_own(known.program)
    if len(set(program.inputs)) < len(program.inputs):
        raise TypeError("save: two inputs have the same name, which a file cannot tell apart")
    for name in program.inputs:
        if not name.isprintable():
            raise TypeError(f"save: an input's name cannot be printed: {brief(name)}")
    return {
        **described_arguments(key),
        "result": described_result(known.result),
        **described_program(program),
    }


def described_program(program: Program) -> dict[str, Any]:
    """Describe a program.

    Args:
        program: The program, as traced.

    Returns:
        A description that JSON can hold.
    """
    program = _without_own(program)
    return {
        "inputs": program.inputs,
        "constants": [constant.hex() for constant in program.constants],
        "operations": _described_operations(program),
        "outputs": program.outputs,
    }


def _described_operations(program: Program) -> list[Any]:
    return [
        (_described_loop(op) if isinstance(op, Scan) else op, *operands)
        for op, operands in program.operations
    ]


def _described_loop(scan: Scan) -> dict[str, Any]:
    body = scan.body
    return {
        "steps": scan.steps,
        "start": scan.start.hex(),
        "reverse": scan.reverse,
        "carried": scan.carried,
        "scanned": scan.scanned,
        "columns": scan.columns,
        "stops": scan.stops,
        "follows": scan.follows,
        "inputs": [name if name.isprintable() else ascii(name) for name in body.inputs],
        "constants": [constant.hex() for constant in body.constants],
        "operations": _described_operations(body),
        "outputs": body.outputs,
    }


def _loop(data: dict[str, Any], what: str) -> Scan:
    """Check and read a loop; the program then checks how it is used."""
    fields = (
        "steps", "start", "reverse", "carried", "scanned", "columns", "stops", "follows", "inputs",
        "constants", "operations", "outputs",
    )  # fmt: skip
    _require_fields(what, data, fields)
    for name in ("steps", "carried", "scanned"):
        if type(data[name]) is not int or data[name] < (name == "steps"):
            raise wrong(f"{what}: {name}", "a number of them", data[name])
    for name in ("reverse", "stops"):
        if type(data[name]) is not bool:
            raise wrong(f"{what}: {name}", "true or false", data[name])
    columns = data["columns"]
    if type(columns) is not list or not all(map(_is_pair, columns)):
        raise wrong(f"{what}: columns", "a list of pairs of numbers", columns)
    if type(data["follows"]) is not int or data["follows"] < -1:
        raise wrong(f"{what}: follows", "the number of a loop, or -1", data["follows"])
    if type(data["start"]) is not str:
        raise wrong(f"{what}: start", "a number", data["start"])
    start = number(data["start"], f"{what}: start")
    body = _body(data)
    constants = len(body.inputs) - 1 - data["carried"] - data["scanned"] - len(columns)
    if constants < 0 or len(body.outputs) < data["carried"] + data["stops"]:
        raise ValueError(f"{what}: its body has too few inputs or outputs")
    return Scan(
        body, data["steps"], start, data["reverse"], constants, data["carried"], data["scanned"],
        tuple((first, second) for first, second in columns), data["stops"], data["follows"],
    )  # fmt: skip


def _is_pair(column: Any) -> bool:
    return (
        type(column) is list
        and len(column) == 2
        and all(type(number) is int and number >= 0 for number in column)
    )


def _without_own(program: Program) -> Program:
    """Lower a program if it contains users' functions, which a file cannot hold."""
    program = with_bodies(program, _without_own)
    is_own = any(isinstance(op, OwnName) for op, _ in program.operations)
    return lower(program) if is_own else program


def described(data: Any) -> Described:
    """Check the whole content of a file.

    Args:
        data: The data that were read.

    Returns:
        The content that was described.

    Raises:
        ValueError: The data are malformed; the message says how.

    Example:
        >>> described({"name": "f", "in_axes": None, "reduce": None, "exact": False})
        Traceback (most recent call last):
        ...
        ValueError: the file lacks 'programs'
    """
    _require_fields("the file", data, ("name", "in_axes", "reduce", "exact", "programs"))
    name, reduce, exact = data["name"], data["reduce"], data["exact"]
    if type(name) is not str or not name.isprintable():
        raise wrong("name", "a text that can be printed", name)
    if not (reduce is None or reduce in ("mean", "sum")):
        raise wrong("reduce", "'mean', 'sum' or null", reduce)
    if type(exact) is not bool:
        raise wrong("exact", "true or false", exact)
    in_axes = axes(data["in_axes"])
    if reduce is not None and in_axes is None:
        raise ValueError("there are no rows to reduce without in_axes")
    if type(data["programs"]) is not list or not data["programs"]:
        raise wrong("programs", "a list of programs", data["programs"])
    if len(data["programs"]) > MOST_PROGRAMS:
        raise ValueError(f"{len(data['programs']):,} programs: at most {MOST_PROGRAMS:,}")
    programs: dict[Hashable, Stored] = {}
    for place, each in enumerate(data["programs"]):
        try:
            key, stored = _stored(each, in_axes)
            if key in programs:
                raise ValueError("it is for the same arguments as one before it")
        except ValueError as error:
            raise ValueError(f"program {place}: {error}") from None
        programs[key] = stored
    return Described(name, in_axes, reduce, exact, programs)


FIELDS = ("arguments", "keywords", "result", "inputs", "constants", "operations", "outputs")


def _require_fields(what: str, data: Any, names: Sequence[str]) -> None:
    if type(data) is not dict:
        raise wrong(what, f"an object of {', '.join(names)}", data)
    for name in names:
        if name not in data:
            raise ValueError(f"{what} lacks {name!r}")
    for name in data:
        if name not in names:
            raise ValueError(f"{what} holds {brief(name)}, which is not known")


def _stored(data: Any, in_axes: Any) -> tuple[Hashable, Stored]:
    _require_fields("it", data, FIELDS)
    given = arguments(data["arguments"], data["keywords"])
    require_fit(in_axes, given)
    program = program_of(data)
    widths = sum(group.width for group in given.layout.groups)
    if widths != len(program.inputs):
        raise ValueError(
            f"the arguments hold {brief(widths)} numbers, but the program has "
            f"{len(program.inputs)} inputs"
        )
    returned, numbers = result(data["result"])
    if numbers != len(program.outputs):
        raise ValueError(
            f"the result holds {brief(numbers)} numbers, but the program has "
            f"{len(program.outputs)} outputs"
        )
    return given.key, Stored(program, returned, given.layout)


def program_of(data: dict[str, Any]) -> Program:
    """Check the description of a program.

    Args:
        data: What `described_program` gave, among other fields.

    Returns:
        The program.

    Raises:
        ValueError: It is malformed; the message says how.

    Example:
        >>> data = {"inputs": ["x"], "constants": [], "operations": [["sin", 0]], "outputs": [1]}
        >>> program_of(data).operations
        (Operation(op='sin', operands=(0,)),)
    """
    return _body(data).checked()


def _body(data: dict[str, Any]) -> Program:
    """Read a program, which is still to be checked as a whole."""
    inputs = data["inputs"]
    if type(inputs) is not list or not all(type(name) is str for name in inputs):
        raise wrong("inputs", "a list of names", inputs)
    for name in inputs:
        if not name.isprintable():
            raise wrong("inputs", "names that can be printed", name)
    if len(set(inputs)) < len(inputs):
        raise ValueError(f"inputs: a name occurs twice in {brief(inputs)}")
    for name in ("constants", "operations", "outputs"):
        if type(data[name]) is not list:
            raise wrong(name, "a list", data[name])
    constants = [number(text, f"constant {i}") for i, text in enumerate(data["constants"])]
    operations = [_operation(each, place) for place, each in enumerate(data["operations"])]
    outputs = data["outputs"]
    if not all(type(slot) is int for slot in outputs):
        raise wrong("outputs", "a list of slots", outputs)
    program = Program(tuple(inputs), tuple(constants), tuple(operations), tuple(outputs))
    for op, count in {(op, len(operands)) for op, operands in program.operations}:
        if isinstance(op, Scan) or op == ITEM:
            continue
        if count < FEW and RULES[op].operands[0].startswith("*") and not _is_defined(op, count):
            raise ValueError(f"there is no {op!r} of {counted(count, 'operand')}")
    return program


@cache
def _is_defined(op: str, count: int) -> bool:
    """Tell whether a function of any number of operands is defined for this few."""
    if not count:
        return op == "dot"
    try:
        lower(Program(("x",), (), (Operation(op, (0,) * count),), (1,)))
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return False
    return True


def _operation(data: Any, place: int) -> Operation:
    kind = type(data[0]) if type(data) is list and data else None
    if kind is not str and kind is not dict:
        raise wrong(f"operation {place}", "a list of a name and slots", data)
    op, *operands = data
    if not all(type(slot) is int for slot in operands):
        raise wrong(f"operation {place}", "the numbers of slots", data)
    if kind is dict:
        return Operation(_loop(op, f"operation {place}"), tuple(operands))
    if op == ITEM:
        return Operation(op, tuple(operands))
    rule = RULES.get(op)
    if rule is None or isinstance(rule.name, OwnName) or op in NEVER:
        raise ValueError(f"operation {place}: there is no {brief(op)} in the table")
    return Operation(op, tuple(operands))
