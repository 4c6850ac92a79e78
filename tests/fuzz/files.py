"""Mutated files of compiled functions: refused in words, or functions that compute what they say.

    python -m tests.fuzz.files --mutations 100000 --seed 1

The structure of the data is mutated, most often; bytes of the text, or of the file, now and then.
Then a file is read as a stranger's would be. What must hold:

- it is refused by a `ValueError`, for work and memory that a file of that size may take;
- or what it computes is what its program says, by an evaluation of our own, row after row, at
  arguments made from the file's own description of them. A call may be refused as well: what a
  structure describes need not be what arguments can be.

Mutation `i` of a seed is the same each time: `--first i --mutations 1` runs it alone.
"""

from __future__ import annotations

import argparse
import copy
import functools
import hashlib
import itertools
import json
import math
import os
import sys
import tempfile
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np

from autograd import compile, dot, grad, logsumexp, softmax, tanh, value_and_grad, where
from autograd.compiler import load
from autograd.compiler.storage import FORMAT
from autograd.rules import RULES
from autograd.structure import outputs
from tests.counting import counting

__all__ = ["Outcome", "Report", "check", "main", "mutated", "originals", "sealed"]

MOST_CALLS = 2_000_000
"""More calls of functions than any mutated file may take."""
ROWS = 3
TOO_LARGE = 10_000
"""Arrays of more numbers than that are not made."""
NUMBERS = (0.5, 1.25, -0.75, 2.0, 0.3, 1.7, -1.1, 0.9)


# --- files to begin with -------------------------------------------------------------------------


def _line(w: Any, x: Any, y: Any) -> Any:
    return (tanh(w[0] * x) + w[1] - y) ** 2


def _branches(x: Any, y: Any) -> Any:
    return where(x > y, x * y, x / (1.0 + y * y)), logsumexp([x, y, 1.0]), softmax([x, y])


def _structures(p: Any, a: Any, n: Any, *, scale: Any) -> Any:
    return OrderedDict(
        first=[p["a"] * scale, None, 1.5],
        second={2: a * scale, "b": (p[1.5][0] + n[0], dot(p[1.5], [a[0, 0], 2.0]))},
    )


def _many(x: Any) -> Any:
    return dot(x, x[::-1]) + sum(x[i] * x[i + 1] for i in range(len(x) - 1))


@functools.cache
def originals() -> tuple[str, ...]:
    """Files as `save` writes them, without their first lines."""
    rows = np.linspace(-1.0, 1.0, ROWS)
    calls: list[tuple[Callable[..., Any], dict[str, Any], Sequence[tuple[Any, ...]]]] = [
        (lambda x: x * x + 1.0, {}, [(2.0,)]),
        (lambda x: x * x, {}, [(2.0,), (np.ones(2),)]),
        (value_and_grad(_line), {"in_axes": (None, 0, 0), "reduce": "mean"},
         [([2.0, 0.5], rows, rows)]),
        (_branches, {"in_axes": 0, "exact": True}, [(rows, rows)]),
        (grad(_many), {"in_axes": 1, "reduce": "sum", "exact": True}, [(np.ones((6, ROWS)),)]),
        (_many, {"in_axes": ([0, None],)}, [([rows, 1.0],)]),
        (_many, {"in_axes": 0}, [(np.ones((ROWS, 3)).tolist(),), ([rows, rows],)]),
    ]  # fmt: skip
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f"
        for function, options, arguments in calls:
            compiled = compile(function, backend="numpy", **options)
            for given in arguments:
                compiled(*given)
            compiled.save(path)
            found.append(path.read_text(encoding="utf-8"))
        compiled = compile(_structures, backend="numpy")
        p = {"a": 2.0, 1.5: [1.0, 3.0]}
        compiled(p, np.ones((2, 2)), (3.0, "text", (True, None)), scale=2.0)
        compiled.save(path)
        found.append(path.read_text(encoding="utf-8"))
    return tuple(text.split("\n", 2)[2] for text in found)


# --- mutations -----------------------------------------------------------------------------------


class Raw(str):
    """A piece of JSON that is written as it is."""


def _places(data: Any) -> list[tuple[Any, Any]]:
    """List where there is something in nested lists and objects: what holds it, and its key."""
    found: list[tuple[Any, Any]] = []
    waiting = [data]
    while waiting:
        part = waiting.pop()
        keys: Any = range(len(part)) if isinstance(part, list) else list(part)
        for key in keys:
            found.append((part, key))
            if isinstance(part[key], (list, dict)):
                waiting.append(part[key])
    return found


def _stranger(random: Random, old: Any) -> Any:
    """Something to put in the place of something else."""
    if isinstance(old, int) and random.random() < 0.7:
        others = (old + 1, old - 1, -old, 2 * old, 0, 1, 2, random.randrange(12))
        return random.choice([*others, 2**31, 2**32 + old, 2**53, 2**62, -(2**63), 10**17, 10**40])
    if isinstance(old, str) and random.random() < 0.7:
        numbers = [
            value.hex() for value in (0.0, -0.0, 1.0, 0.5, 1e308, 5e-324, math.inf, math.nan)
        ]
        numbers += ["0x1p0", "1.0", " 0x1.0p0", "0x1p99999", "0x" + "f" * 400, "-nan", "infinity"]
        kinds = [
            "number",
            "array",
            "rows",
            "stacked",
            "list",
            "tuple",
            "dict",
            "value",
            "float",
            "int",
        ]
        kinds += ["numbers", "OrderedDict", "mean", "sum", "", "\ud800", "x" * 5000, "__class__"]
        return random.choice([random.choice(sorted(RULES)), random.choice(numbers + kinds)])
    return random.choice(
        [
            None, True, False, 0, -1, 10**18, "", "x", [], {}, [[]], ["number"], [0], {"a": 1},
            Raw("1.5"), Raw("1e400"), Raw("NaN"), Raw("-Infinity"), Raw("9" * 5000), Raw("-0"),
            Raw("[" * 60 + "]" * 60), Raw("[" * 100_000 + "]" * 100_000), Raw('{"a":1,"a":2}'),
            ["list", ["number"]], ["array", [2]], ["rows", [2]], ["rows", [2**40]], ["array", [0]],
            ["value", None], ["value", ["int", "0x" + "1" * 99]], ["value", ["tuple", [1, "a"]]],
            ["float", "0x1.0000000000000p+0"], ["dict", [["a", "number"], ["a", "number"]]],
            ["numbers", ["list", 2]], ["numbers", ["list", 10**15]], 1, 2, 3,
        ]
    )  # fmt: skip


def _mutate(data: Any, random: Random) -> None:
    places = _places(data)
    holder, key = random.choice(places)
    old = holder[key]
    kind = random.randrange(10)
    if kind < 4:
        holder[key] = _stranger(random, old)
    elif kind == 4:  # what is elsewhere
        other, place = random.choice(places)
        holder[key] = copy.deepcopy(other[place])
    elif kind == 5:
        del holder[key]
    elif kind == 6 and isinstance(holder, list):
        holder.insert(random.randrange(len(holder) + 1), copy.deepcopy(old))
    elif kind == 7 and isinstance(holder, list):
        other_key = random.randrange(len(holder))
        holder[key], holder[other_key] = holder[other_key], holder[key]
    elif kind == 8 and isinstance(old, list):
        holder[key] = random.choice([old[::-1], [], old * 2, old * 50])
    elif isinstance(holder, dict):
        holder[random.choice(["codes", "groups", "", key.upper(), "x"])] = holder.pop(key)
    else:
        holder[key] = [old]


def _written(data: Any) -> str:
    marks: dict[str, str] = {}

    def marked(part: Any) -> Any:
        if isinstance(part, Raw):
            mark = f"<raw {len(marks)}>"
            marks[f'"{mark}"'] = str(part)
            return mark
        if isinstance(part, list):
            return [marked(inner) for inner in part]
        if isinstance(part, dict):
            return {key: marked(inner) for key, inner in part.items()}
        return part

    text = json.dumps(marked(data), separators=(",", ":"))
    for mark, raw in marks.items():
        text = text.replace(mark, raw)
    return text


def sealed(text: str) -> bytes:
    """Make a file of a text, with the checksum that fits it."""
    body = text.encode("utf-8", "surrogatepass")
    return f"{FORMAT}\n{hashlib.sha256(body).hexdigest()}\n".encode() + body


def mutated(seed: int, number: int) -> bytes:
    """Make a mutated file.

    Args:
        seed: Which sequence of them.
        number: Which one of it.

    Returns:
        What is in it.
    """
    random = Random(f"{seed} {number}")
    text = random.choice(originals())
    kind = random.randrange(20)
    if kind < 17:
        data = [json.loads(text)]
        for _ in range(random.choice([1, 1, 1, 2, 3])):
            if data:
                _mutate(data, random)
        text = _written(data[0]) if data else ""
    elif kind < 19:
        place = random.randrange(len(text))
        piece = random.choice(['"', ",", "[", "]", "{", "}", "0", "-", "é", "\0", "1e5", "\\"])
        text = text[:place] + piece + text[place + random.randrange(3) :]
    content = sealed(text)
    if kind == 19:
        place = random.randrange(len(content))
        if random.random() < 0.5:
            return content[:place]
        return content[:place] + bytes([random.randrange(256)]) + content[place + 1 :]
    return content


# --- what a file says ----------------------------------------------------------------------------


class UnknownError(Exception):
    """Nothing is known of what the file computes: no arguments, or no numbers to compare."""


class _Arguments:
    """Arguments made from a description, and the numbers of each row as the program has them."""

    def __init__(self, described: dict[str, Any], in_axes: Any) -> None:
        self.numbers = itertools.cycle(NUMBERS)
        self.loose: list[float] = []
        self.arrays: list[Any] = []
        parts, keywords = described["arguments"], described["keywords"]
        positional = len(parts) - len(keywords)
        axes = in_axes[1] if isinstance(in_axes, list) else [in_axes] * positional
        made = [
            self.part(*each) for each in zip(parts, [*axes, *[None] * len(keywords)], strict=True)
        ]
        self.args, self.kwargs = (
            made[:positional],
            dict(zip(keywords, made[positional:], strict=True)),
        )

    def part(self, data: Any, axis: Any) -> Any:
        if data == "number":
            self.loose.append(next(self.numbers))
            return self.loose[-1]
        kind, content = data
        if kind == "value":
            return value(content)
        if kind == "stacked":
            name, sizes = content
            array = self.part(["rows", sizes], axis)
            return array.tolist() if name == "list" else tuple(array.tolist())
        if kind in ("array", "rows"):
            shape = (ROWS, *content) if kind == "rows" else tuple(content)
            if math.prod(shape) > TOO_LARGE:
                raise UnknownError("too large")
            drawn = [next(self.numbers) for _ in range(math.prod(shape))]
            array = np.array(drawn).reshape(shape)
            self.arrays.append(array.reshape(ROWS if kind == "rows" else 1, -1))
            if kind == "rows":
                if not -array.ndim <= axis < array.ndim:
                    raise UnknownError("no such axis")
                array = np.ascontiguousarray(np.moveaxis(array, 0, axis))
            return array
        if kind in ("list", "tuple"):
            parts = [self.part(part, _within(axis, i)) for i, part in enumerate(content)]
            return parts if kind == "list" else tuple(parts)
        items = [(value(key), part) for key, part in content]
        made = [(key, self.part(part, _within(axis, key))) for key, part in items]
        return dict(made) if kind == "dict" else OrderedDict(made)

    def rows(self) -> list[list[float]]:
        count = max(map(len, self.arrays), default=1)
        return [
            [*self.loose, *(float(x) for array in self.arrays for x in array[row % len(array)])]
            for row in range(count)
        ]


def _within(axis: Any, key: Any) -> Any:
    if axis is None or isinstance(axis, int):
        return axis
    kind, content = axis
    if kind == "list":
        return content[key]
    return {value(name): inner for name, inner in content}[key]


def value(data: Any) -> Any:
    if not isinstance(data, list):
        return data
    kind, content = data
    if kind == "tuple":
        return tuple(map(value, content))
    return int(content, 16) if kind == "int" else float.fromhex(content)


def _evaluated(program: dict[str, Any], row: list[float]) -> tuple[list[Any], float]:
    """Evaluate a program; give its outputs, and the largest number on the way."""
    slots: list[Any] = [*row, *map(float.fromhex, program["constants"])]
    for op, *operands in program["operations"]:
        numbers = [slots[operand] for operand in operands]
        try:
            if None in numbers:
                raise ValueError("unknown")
            slots.append(float(RULES[op].evaluate(*numbers)))
        except (ArithmeticError, ValueError, TypeError, LookupError):
            slots.append(None)
    known = [abs(x) for x in slots if x is not None]
    return [slots[slot] for slot in program["outputs"]], max(known, default=0.0)


def _expected(data: dict[str, Any], program: dict[str, Any], given: _Arguments) -> Any:
    rows = [_evaluated(program, row) for row in given.rows()]
    largest = max((size for _, size in rows), default=0.0)
    if not largest < 1e6 or any(x is None or x != x for row, _ in rows for x in row):
        raise UnknownError("off a domain, or too large to compare")
    columns = list(zip(*[row for row, _ in rows], strict=True))
    if data["in_axes"] is None:
        return [column[0] for column in columns], largest
    if data["reduce"] is None:
        return [x for column in columns for x in column], largest
    divisor = len(rows) if data["reduce"] == "mean" else 1
    return [math.fsum(column) / divisor for column in columns], largest


# --- running -------------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """What became of a file.

    Attributes:
        kind: "refused", "agrees", "call refused", "unknown", or what is wrong.
        message: What was said, or what differs.
        calls: What it took, in calls of functions.
    """

    kind: str
    message: str
    calls: int

    @property
    def is_wrong(self) -> bool:
        return self.kind not in ("refused", "agrees", "call refused", "unknown")


def check(content: bytes, path: Path, backend: Any = "numpy") -> Outcome:
    """Read a file as a stranger's, and call what is in it.

    Args:
        content: What is in the file.
        path: Where to write it.
        backend: What is to execute it.

    Returns:
        What became of it.
    """
    path.write_bytes(content)
    with counting() as count:
        try:
            kind, message = _tried(content, path, backend)
        except Exception as error:
            kind, message = f"raises {type(error).__name__}", str(error)
    if count.calls > MOST_CALLS:
        kind = "takes long"
    return Outcome(kind, message, count.calls)


def _tried(content: bytes, path: Path, backend: Any) -> tuple[str, str]:
    try:
        function = load(path, threads=1, backend=backend)
    except ValueError as error:
        message = str(error).removeprefix(str(path))
        if len(message) > 400:
            return "says too much", message
        return "refused", message
    data = json.loads(content.split(b"\n", 2)[2])
    kind, message = "unknown", ""
    for program in data["programs"]:
        expected, largest = None, 0.0
        try:
            given = _Arguments(program, data["in_axes"])
        except UnknownError as reason:
            message = str(reason)
            continue
        try:
            expected, largest = _expected(data, program, given)
        except UnknownError as reason:
            message = str(reason)
        try:
            result = function(*given.args, **given.kwargs)
        except (TypeError, ValueError) as error:
            kind, message = "call refused", str(error)
            continue
        found = _flat(result, data)
        if expected is None:
            continue
        if len(found) != len(expected):
            return "gives other numbers", f"{len(found)} for {len(expected)}"
        for x, y in zip(found, expected, strict=True):
            if not abs(x - y) <= 1e-6 * max(largest, 1e-3):
                return "gives other numbers", f"{found} for {expected}"
        kind = "agrees"
    return kind, message


def _flat(result: Any, data: dict[str, Any]) -> list[float]:
    """List the numbers of a result; each with those of its rows, where there are any."""
    found = [np.asarray(number, dtype=float) for _, number in outputs(result, "result")]
    if data["in_axes"] is not None and data["reduce"] is None:
        return _by_output(result)
    return [float(number) for number in found]


def _by_output(part: Any) -> list[float]:
    if part is None:
        return []
    if isinstance(part, np.ndarray):
        return [float(x) for x in part.reshape(len(part), -1).T.reshape(-1)]
    inner = part.values() if isinstance(part, dict) else part
    return [x for each in inner for x in _by_output(each)]


@dataclass
class Report:
    """What has become of files.

    Attributes:
        counts: How many, by what became of them.
        messages: How many, by the beginning of what was said.
        wrong: What must not be, with the number of the mutation.
        most_calls: What the longest took, in calls of functions.
    """

    counts: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[int, str, Outcome]] = field(default_factory=list)
    most_calls: int = 0

    def run(self, seed: int, numbers: Sequence[int], path: Path, machine_code_every: int) -> None:
        """Check mutations; every so many, also as machine code."""
        for number in numbers:
            content = mutated(seed, number)
            backends = ["numpy", *(["llvm"] if number % machine_code_every == 0 else [])]
            for backend in backends:
                outcome = check(content, path, backend)
                self.counts[f"{outcome.kind} ({backend})"] += 1
                if outcome.kind == "refused":
                    self.messages[outcome.message[:30]] += 1
                self.most_calls = max(self.most_calls, outcome.calls)
                if outcome.is_wrong:
                    self.wrong.append((number, backend, outcome))

    def __str__(self) -> str:
        lines = [f"{count:8,} {kind}" for kind, count in sorted(self.counts.items())]
        lines.append(f"the longest: {self.most_calls:,} calls")
        lines += [
            f"mutation {number} ({backend}): {outcome.kind}: {outcome.message[:300]}"
            for number, backend, outcome in self.wrong[:20]
        ]
        return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Check many mutated files, and print what became of them.

    Args:
        arguments: Those of the command line.

    Returns:
        The exit status: 1 if anything was found.
    """
    parser = argparse.ArgumentParser(
        prog="tests.fuzz.files",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--mutations", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--machine-code-every", type=int, default=10)
    options = parser.parse_args(arguments)
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("AUTOGRAD_CACHE", f"{folder}/cache")
        said = time.monotonic()
        end = options.first + options.mutations
        for first in range(options.first, end, 1000):
            numbers = range(first, min(first + 1000, end))
            report.run(options.seed, numbers, Path(folder) / "f", options.machine_code_every)
            if time.monotonic() - said > 60:
                said = time.monotonic()
                print(f"--- {numbers[-1] + 1 - options.first} mutations\n{report}", flush=True)
    print(report)
    if sys.platform != "win32":
        import resource

        print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    return int(bool(report.wrong))


if __name__ == "__main__":
    sys.exit(main())
