"""Compiled functions in files: what is read back, and what is refused, whoever wrote it.

Files whose data is mutated are for `tests/fuzz/test_files.py`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import subprocess
import sys
import zlib
from collections import OrderedDict, namedtuple
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import compile, custom_function, dot, grad, hessian, tanh, value_and_grad, where
from autograd.compiler import Compiled, Operation, Program, load, storage
from autograd.compiler.backends.contract import Plan
from autograd.compiler.backends.llvm import backend as llvm
from autograd.compiler.backends.llvm.target import host
from autograd.compiler.layout import Group, Layout
from autograd.compiler.pipeline import optimise
from autograd.compiler.storage import DIGITS, FORMAT, LARGEST
from autograd.rule import OwnName, Rule
from autograd.rules import RULES
from autograd.testing import programs
from nn import MLP
from tests.counting import counting
from tests.table import NAMES, SAMPLES, TABLE, call

ROOT = Path(__file__).parents[3]


def line(w: Any, x: Any, y: Any) -> Any:
    return (tanh(w[0] * x) + w[1] - y) ** 2


def trained(tmp_path: Path) -> tuple[Compiled, Path, tuple[Any, ...]]:
    compiled = compile(value_and_grad(line), in_axes=(None, 0, 0), reduce="mean")
    arguments = ([2.0, 0.5], np.linspace(-1.0, 1.0, 21), np.linspace(0.0, 1.0, 21))
    compiled(*arguments)
    path = tmp_path / "line.program"
    compiled.save(path)
    return compiled, path, arguments


def test_a_loaded_function_gives_the_same_bits_without_tracing_or_compiling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled, path, arguments = trained(tmp_path)

    def refused(*_: Any) -> Any:
        raise AssertionError("compiled again")

    monkeypatch.setattr(llvm, "compiled", refused)
    loaded = load(path)
    assert loaded(*arguments) == compiled(*arguments)
    assert loaded.traces == 0
    fewer = [np.zeros(3), np.ones(3)]  # another number of rows is another call of the program
    assert loaded([1.0, 2.0], *fewer) == compiled([1.0, 2.0], *fewer)


def test_it_is_loaded_in_another_process_that_does_not_have_the_function(tmp_path: Path) -> None:
    compiled, path, arguments = trained(tmp_path)
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import numpy as np
from autograd.compiler import load
value, slopes = load({str(path)!r})(
    [2.0, 0.5], np.linspace(-1.0, 1.0, 21), np.linspace(0.0, 1.0, 21)
)
print(value.hex(), *[slope.hex() for slope in slopes])
"""
    answer = subprocess.check_output([sys.executable, "-c", script], text=True).split()
    value, slopes = compiled(*arguments)
    assert answer == [value.hex(), *[slope.hex() for slope in slopes]]


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (grad(lambda x: x**3), (2.0,)),
        (hessian(lambda p: p["a"] ** 2 * p["b"][0]), ({"a": 2.0, "b": [3.0, 1.0]},)),
        (lambda x, n: [x**n, (None, 1.0, x), {"k": n * x}], (2.0, 3)),
        (lambda x, kind: tanh(x) if kind == "tanh" else x * 2.0, (np.ones((2, 3))[0, 0], "tanh")),
        (lambda a: a * 2.0, (np.arange(6.0).reshape(2, 3),)),
        (grad(lambda p: p["a"] * p["b"]), (OrderedDict(b=2.0, a=3.0),)),
        (lambda p: [p[1] * 2.0, p["a", (True, None)]], ({1: 2.0, ("a", (True, None)): 3.0},)),
        (lambda x, flag: where(x > 0.0, x, 0.0) if flag else x, (-1.0, True)),
    ],
)
def test_structures_of_arguments_and_results_come_back(
    tmp_path: Path, function: Any, arguments: tuple[Any, ...]
) -> None:
    compiled = compile(function)
    expected = compiled(*arguments)
    compiled.save(tmp_path / "f")
    found = load(tmp_path / "f")(*arguments)
    assert repr(found) == repr(expected)


def test_numbers_in_the_tables_of_code_come_back(tmp_path: Path) -> None:
    """What is frozen in loops lies in a table, which machine code reads at each call."""
    width, random = 60, Random(0)
    weights = [
        [[random.gauss(0.0, 0.2) for _ in range(width)] for _ in range(width)] for _ in range(3)
    ]

    def network(x: Any) -> Any:
        for layer in weights:
            x = [tanh(dot(row, x)) for row in layer]
        return x

    compiled = compile(network)
    point = [math.sin(i) for i in range(width)]
    expected = compiled(point)
    assert expected == pytest.approx(network(point), rel=1e-12)
    codes = next(iter(compiled._known.values())).run.codes
    assert any(len(code.constants) >= 3 * width**2 for code in codes.values())
    compiled.save(tmp_path / "f")
    assert load(tmp_path / "f")(point) == expected


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (lambda p: p[math.inf] * p["x", -0.0], ({math.inf: 1.0, ("x", -0.0): 3.0},)),
        (lambda x, n: x * float(n % 7), (2.0, 10**30)),
        (lambda x: [{"a": [], None: x, (1, True): x}], (2.0,)),
        (lambda a: a.reshape(4)[2:], (np.arange(4.0).reshape(2, 2),)),
        (lambda x: x * math.inf - math.nan, (2.0,)),
    ],
)  # fmt: skip
def test_values_that_json_does_not_have_come_back(
    tmp_path: Path, function: Any, arguments: tuple[Any, ...]
) -> None:
    compiled = compile(function)
    expected = compiled(*arguments)
    compiled.save(tmp_path / "f")
    assert repr(load(tmp_path / "f")(*arguments)) == repr(expected)


@pytest.mark.parametrize("rule", TABLE, ids=NAMES)
def test_every_function_comes_back(tmp_path: Path, rule: Rule) -> None:
    def f(*xs: Any) -> Any:
        return call(rule, xs)

    compiled = compile(f, backend="numpy")
    point = [float(x) for x in SAMPLES[rule.name]]
    expected = compiled(*point)
    compiled.save(tmp_path / "f")
    loaded = load(tmp_path / "f", backend="numpy")
    assert loaded(*point) == expected
    assert str(loaded.program(*point)) == str(compiled.program(*point))


@given(programs(max_size=10))
def test_random_programs_come_back(tmp_path_factory: pytest.TempPathFactory, f: Any) -> None:
    compiled = compile(value_and_grad(lambda xs: f(*xs)), backend="numpy")
    point = [*f.inputs]
    expected = repr(compiled(point))
    path = tmp_path_factory.getbasetemp() / "random"
    compiled.save(path)
    loaded = load(path, backend="numpy")
    assert repr(loaded(point)) == expected
    assert str(loaded.program(point)) == str(compiled.program(point))


def test_axes_of_parts_and_arguments_by_keyword_come_back(tmp_path: Path) -> None:
    def f(p: Any, x: Any, *, scale: Any) -> Any:
        return {"sum": p[1] * x + p["b"][0] * scale}

    compiled = compile(f, in_axes=({1: 0, "b": [None]}, -1))
    arguments = {1: [1.0, 2.0, 3.0], "b": [2.0]}, np.arange(3.0)
    expected = compiled(*arguments, scale=3.0)
    compiled.save(tmp_path / "f")
    assert repr(load(tmp_path / "f")(*arguments, scale=3.0)) == repr(expected)


def test_functions_of_a_users_are_written_out(tmp_path: Path, table: None) -> None:
    twice = custom_function("twice", lambda x: x + x, lambda m, y, x: (2.0,))
    compiled = compile(grad(lambda x: twice(x) * x))
    assert compiled(3.0) == 12.0
    compiled.save(tmp_path / "f")
    assert load(tmp_path / "f")(3.0) == 12.0


def test_a_program_that_no_call_can_run_is_left_out(tmp_path: Path) -> None:
    compiled = compile(lambda p: {name: 2.0 * x for name, x in p.items()}, in_axes=0)
    with pytest.raises(ValueError, match="no argument has rows"):
        compiled({})
    with pytest.raises(ValueError, match="nothing to save"):
        compiled.save(tmp_path / "f")
    expected = repr(compiled({"a": [1.0, 2.0]}))
    compiled.save(tmp_path / "f")
    assert repr(load(tmp_path / "f")({"a": [1.0, 2.0]})) == expected


def test_lists_of_rows_come_back(tmp_path: Path) -> None:
    compiled = compile(lambda p: p[0] + p[-1] * 2.0, in_axes=0)
    table = [[1.0, 2.0], [3.0, 4.0]]
    given = [table, tuple(table), [np.ones(2), np.ones(2)], [np.array(table)]]
    expected = [repr(compiled(each)) for each in given]
    compiled.save(tmp_path / "f")
    loaded = load(tmp_path / "f")
    assert [repr(loaded(each)) for each in given] == expected
    assert len(loaded.signatures) == 4


@pytest.mark.parametrize("backend", ["llvm", "numpy", "c"])
def test_a_file_of_any_backend_runs_on_any(tmp_path: Path, backend: Any) -> None:
    compiled = compile(value_and_grad(lambda x: x * tanh(x)), backend=backend)
    expected = compiled(0.5)
    compiled.save(tmp_path / "f")
    for other in ("llvm", "numpy", "c"):
        assert load(tmp_path / "f", backend=other)(0.5) == pytest.approx(expected, rel=1e-14)


def test_code_of_another_machine_is_compiled_again_from_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled, path, arguments = trained(tmp_path)
    another = replace(host(), software="another LLVM")
    monkeypatch.setattr(llvm, "host", lambda: another)
    loaded = load(path)
    assert loaded(*arguments) == compiled(*arguments)
    code = next(iter(loaded._known.values())).run.codes["plain"]
    assert code.machine == another.machine


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_damaged_file_is_refused(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    compiled = compile(lambda x: x * x, backend="numpy")
    compiled(1.0)
    path = folder / "f"
    compiled.save(path)
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
    else:
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged|not a file of this format"):
        load(path)


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    _, path, _ = trained(tmp_path)
    path.write_bytes(path.read_bytes().replace(FORMAT.encode(), FORMAT.encode()[:-1] + b"9", 1))
    with pytest.raises(ValueError, match=f"a different format, .*: this version reads '{FORMAT}'"):
        load(path)


# --- files that strangers write ------------------------------------------------------------------

RUN = """
@command = private constant [{length} x i8] c"{command}\\00"
declare i32 @system(ptr)
define i64 @kernel(ptr noalias %call) {{
  %status = call i32 @system(ptr @command)
  ret i64 0
}}
"""
SQUARE: dict[str, Any] = {
    "inputs": ["x"], "constants": [], "operations": [["*", [0, 0]]], "outputs": [1]
}  # fmt: skip


def with_machine_code(mark: Path, groups: Any) -> bytes:
    """A file of the first format: of x * x, with code that makes a file."""
    square = Program(("x",), (), (Operation("*", (0, 0)),), (1,))
    code = llvm.compiled(Plan(square, Layout((Group(1, False),), False)), host())
    command = f"touch {mark}"
    text = RUN.format(length=len(command) + 1, command=command)
    described = {
        "target": code.machine,
        "objects": [base64.b64encode(llvm._object(host(), text, 2, "")).decode()],
        "outputs": 1, "batched": False, "reduces": False, "rows": code.rows, "widths": [],
        "constants": [], "memory": code.memory, "cost": 1, "inputs": 1,
    }  # fmt: skip
    program = {
        "key": ["tuple", ["plain", "number"]], "program": SQUARE, "executed": SQUARE,
        "result": ["number", 0], "groups": groups, "batched": False, "positions": None,
        "constants": [], "codes": {"guarded": described} if mark else {},
    }  # fmt: skip
    data = {"name": "f", "in_axes": None, "reduce": None, "exact": False, "programs": [program]}
    body = zlib.compress(json.dumps(data).encode())
    return f"{FORMAT[:-1]}1\n{hashlib.sha256(body).hexdigest()}\n".encode() + body


@pytest.mark.parametrize("groups", [[[1, False]], [[1000000, False]]])
def test_machine_code_in_a_file_is_not_run(tmp_path: Path, groups: Any) -> None:
    """Nor is a width trusted: files of the first format are not read at all."""
    path, mark = tmp_path / "f", tmp_path / "was-run"
    path.write_bytes(with_machine_code(mark, groups))
    with pytest.raises(ValueError, match=r"an older format, .*held machine code.*save it again"):
        load(path)(3.0)
    assert not mark.exists()


def forged(path: Path, change: Any) -> None:
    """Write a file with other data, and the checksum that fits it."""
    form, _, body = path.read_bytes().split(b"\n", 2)
    data = json.loads(body)
    data = change(data) or data
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    path.write_bytes(b"\n".join([form, hashlib.sha256(body).hexdigest().encode(), body]))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return trained(tmp_path)[1]


def of_program(change: Any) -> Any:
    def changed(data: Any) -> Any:
        return change(data["programs"][0])

    return changed


def operation(place: int, *new: Any) -> Any:
    return of_program(lambda program: program["operations"].__setitem__(place, list(new)))


def part(name: str, new: Any) -> Any:
    return of_program(lambda program: program.__setitem__(name, new))


LONG = "9" * 5000
FORGED: list[tuple[Any, str]] = [
    # operations
    (operation(0, "*", 0, 6), "%6 = .* reads %6, which is not written yet"),
    (operation(0, "*", 0, 10**9), "reads %1000000000, which is not written yet"),
    (operation(0, "*", 0, -1), "reads %-1, which is not written yet"),
    (operation(0, "*", 0, True), "operation 0: expected the numbers of slots"),
    (operation(0, "*", 0, "1"), "operation 0: expected the numbers of slots"),
    (operation(0, "*", 0), "takes 2 operands, got 1"),
    (operation(0, "sum"), "there is no 'sum' of 0 operands"),
    (operation(0, "share_covariance_", 0), "there is no 'share_covariance_' of 1 operand"),
    (operation(0, "logsumexp"), "there is no 'logsumexp' of 0 operands"),
    (operation(0, "net", 0, 1), "takes pairs of operands and a bias"),
    (operation(0, "system", 0), "operation 0: there is no 'system'"),
    (operation(0, "linear", 0), "operation 0: there is no 'linear'"),
    (operation(0, "meets", 0, 1), "operation 0: there is no 'meets'"),
    (operation(0), "operation 0: expected a list of a name and slots"),
    (operation(0, ["*"], 0, 1), "operation 0: expected a list of a name and slots"),
    (part("operations", {"0": ["*", 0, 0]}), "operations: expected a list, got {"),
    (part("outputs", [1, 2, 99]), "output %99: there is no such slot"),
    (part("outputs", [1, 2, -1]), "output %-1: there is no such slot"),
    (part("outputs", [1, 2, None]), "outputs: expected a list of slots"),
    (part("outputs", [1]), "the result holds 3 numbers, but the program has 1 outputs"),
    # numbers
    (part("constants", ["0x1.0p+0", "0x1p+1"]), "constant 0: expected a number as float.hex"),
    (part("constants", ["0x" + "f" * 9999, "nan"]), "constant 0: expected a number as float.hex"),
    (part("constants", ["0x1p+99999", "nan"]), "constant 0: expected a number as float.hex"),
    (part("constants", [1, 2]), "constant 0: expected a number as float.hex"),
    (lambda data: json.dumps(data).replace("false", "1.5").encode(), "'1.5': numbers are integers"),
    (lambda data: json.dumps(data).replace("false", "NaN").encode(), "'NaN': numbers are integers"),
    (
        lambda data: json.dumps(data).replace("false", LONG).encode(),
        "an integer of 5000 characters",
    ),
    # names
    (part("inputs", ["w", "w", "x", "y"]), "inputs: a name occurs twice"),
    (part("inputs", ["w", 1, "x", "y"]), "inputs: expected a list of names"),
    (part("inputs", ["w", "\x1b[2J", "x", "y"]), "inputs: expected names that can be printed"),
    (lambda data: data.update(name="a\nb"), "name: expected a text that can be printed"),
    (part("inputs", ["a", "b", "c", "d", "e"]), "hold 4 numbers, but the program has 5 inputs"),
    (lambda data: json.dumps(data).replace('"exact"', '"name"').encode(), "'?name'? occurs twice"),
    # arguments
    (
        part("arguments", [["array", [10**9]], ["rows", []], ["rows", []]]),
        "hold 1000000002 numbers",
    ),
    (part("arguments", [["array", [2**40] * 40], ["rows", []]]), "larger than any memory"),
    (part("arguments", [["array", [-2]], ["rows", []], ["rows", []]]), "the sizes of an array"),
    (part("arguments", [["array", [True]], ["rows", []], ["rows", []]]), "the sizes of an array"),
    (part("arguments", [["array", [1] * 65], ["rows", []]]), "an array of 65 dimensions"),
    (part("arguments", [["code", 1]]), "argument 0: expected a number, an array"),
    (part("arguments", "number"), "arguments: expected a list"),
    (part("arguments", [["dict", [["a", "number"], ["a", "number"]]]]), "the same key twice"),
    (part("arguments", [["array", [2]]]), "in_axes has 3 entries for 1 arguments"),
    (
        part("arguments", [["rows", [2]], ["rows", []], ["rows", []]]),
        "argument 0: in_axes has None",
    ),
    (part("arguments", [["array", [2]], ["array", [1]], ["array", [1]]]), "have other rows"),
    (part("keywords", ["a", "a"]), "keywords"),
    (part("keywords", [1]), "keywords: expected names"),
    # results
    (part("result", ["numbers", ["list", 10**9]]), "the result holds 1000000000 numbers"),
    (part("result", ["numbers", ["list", -3]]), "the result: expected"),
    (part("result", ["array", [10**9, 10**9]]), "the result holds"),
    (part("result", ["dict", [["a", "number"], ["a", "number"]]]), "the same key twice"),
    (part("result", 3), "the result: expected a list of two parts, got 3"),
    # the whole
    (lambda data: data.update(reduce="max"), "reduce: expected 'mean', 'sum' or null, got 'max'"),
    (lambda data: data.update(exact=0), "exact: expected true or false, got 0"),
    (lambda data: data.update(name=None), "name: expected a text that can be printed, got None"),
    (lambda data: data.update(in_axes=None), "no rows to reduce without in_axes"),
    (lambda data: data.update(in_axes=["list", 0]), "in_axes: expected a list, got 0"),
    (
        lambda data: data.update(in_axes=["list", [None, 0, ["list", [0]]]]),
        "argument 2: in_axes has",
    ),
    (lambda data: data.update(programs=[]), "programs: expected a list of programs"),
    (lambda data: data["programs"].append(data["programs"][0]), "program 1: .* same arguments"),
    (lambda data: data.update(programs=[0] * 5000), "5,000 programs: at most 4,096"),
    (lambda data: data.update(codes={}), "the file holds 'codes', which is not known"),
    (part("codes", {}), "it holds 'codes', which is not known"),
    (of_program(lambda program: program.clear()), "it lacks 'arguments'"),
    (lambda data: [data], "the file: expected an object"),
    (lambda data: b" ", "malformed"),
    (lambda data: "{'é'}".encode(), "malformed"),
    (lambda data: json.dumps(data).encode("utf-16"), "malformed"),
    (lambda data: b"[" * 10**6, "malformed"),
    (lambda data: b"[" * 10**5 + b"]" * 10**5, "malformed"),
    (part("result", json.loads('["list",[' * 200 + "]]" * 200)), "nested more than 100 deep"),
]


@pytest.mark.parametrize(("change", "message"), FORGED)
def test_a_forged_file_is_refused_in_words(path: Path, change: Any, message: str) -> None:
    forged(path, change)
    with pytest.raises(ValueError, match=message) as refusal:
        load(path)
    assert str(refusal.value).startswith(f"{path} is malformed: ")
    assert len(str(refusal.value)) < 300 + len(str(path))


def test_functions_of_a_users_are_not_called_by_a_file(path: Path, table: None) -> None:
    def evaluate(x: Any) -> Any:
        raise AssertionError("called")

    custom_function("mine", evaluate, lambda m, y, x: (2.0,))
    forged(path, operation(1, "mine", 0))
    with pytest.raises(ValueError, match="operation 1: there is no 'mine'"):
        load(path)


@pytest.mark.slow
def test_a_bomb_takes_no_memory(tmp_path: Path) -> None:
    """As in format 1, a short text that stands for a long one; and short texts of many parts."""
    resource = pytest.importorskip("resource")
    body = zlib.compress(b"[" + b"0," * 10**7 + b"0]", 9)
    size = 1_900_000
    bodies = [body, b"[" + b"[]," * (size // 3) + b"0]", b"[" * size, b'"' + b"\\u0000" * 10**5]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for each in bodies:
        for form in (FORMAT, f"{FORMAT[:-1]}1"):
            path = tmp_path / "f"
            head = f"{form}\n{hashlib.sha256(each).hexdigest()}\n".encode()
            path.write_bytes(head + each)
            with pytest.raises(ValueError, match=r"malformed|older"):
                load(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


def test_a_program_that_would_take_long_to_compile_is_read_at_once(path: Path) -> None:
    """Each of these operations expands to many; that happens only in a call."""
    outputs = [20_005, 0, 0]
    longest = [["log_ndtr", 0]] * 20_000
    forged(path, of_program(lambda p: p.update(operations=longest, outputs=outputs)))
    with counting() as count:
        loaded = load(path)
    assert count.calls < 30 * len(longest)
    assert loaded.traces == 0
    assert len(loaded.signatures) == 1


OPERATIONS = [name for name, rule in RULES.items() if not isinstance(rule.name, OwnName)]


@pytest.mark.parametrize("op", OPERATIONS)
def test_what_is_read_can_be_compiled(op: str) -> None:
    """No program of a file that is not refused fails at its first call."""
    for count in range(12):
        program = {**SQUARE, "operations": [[op, *[0] * count]]}
        try:
            read = storage.program_of(program)
        except ValueError:
            continue
        assert optimise(read).inputs == ("x",)


def test_what_is_loaded_is_saved_again(tmp_path: Path) -> None:
    compiled = compile(lambda x: x * x)
    compiled(2.0)
    compiled(np.ones(2))
    compiled.save(tmp_path / "f")
    loaded = load(tmp_path / "f")
    assert loaded(3.0) == 9.0
    loaded.save(tmp_path / "g")
    assert (tmp_path / "g").read_bytes() == (tmp_path / "f").read_bytes()
    assert str(load(tmp_path / "g").program(2.0)) == str(compiled.program(2.0))
    loaded.clear()
    assert loaded.signatures == []
    with pytest.raises(TypeError, match="holds no program"):
        loaded(3.0)


def test_names_that_cannot_be_printed_are_not_written(tmp_path: Path) -> None:
    def f(x: Any) -> Any:
        return x

    f.__name__ = "f\n\x1b"
    compiled = compile(f)
    compiled(1.0)
    compiled.save(tmp_path / "f")
    assert repr(load(tmp_path / "f")).isprintable()
    of_names = compile(lambda **named: named["a\n"])
    of_names(**{"a\n": 1.0})
    with pytest.raises(TypeError, match="an input's name cannot be printed"):
        of_names.save(tmp_path / "f")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no such device")
def test_a_file_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="not a file of this format"):
        load("/dev/zero")


def test_a_file_that_is_too_large_is_neither_written_nor_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled, path, _ = trained(tmp_path)
    monkeypatch.setattr("autograd.compiler.storage.LARGEST", 100)
    with pytest.raises(ValueError, match="holds more than 100 bytes"):
        load(path)
    with pytest.raises(ValueError, match="more than a file may hold, 100"):
        compiled.save(path)


def test_a_file_as_large_as_may_be_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, path, _ = trained(tmp_path)
    body = path.read_bytes().split(b"\n", 2)[2]
    monkeypatch.setattr("autograd.compiler.storage.LARGEST", len(body))
    load(path)
    monkeypatch.setattr("autograd.compiler.storage.LARGEST", len(body) - 1)
    with pytest.raises(ValueError, match="holds more than"):
        load(path)


def test_what_is_written_is_data_and_the_same_each_time(tmp_path: Path) -> None:
    compiled, path, _ = trained(tmp_path)
    first = path.read_bytes()
    compiled.save(path)
    assert path.read_bytes() == first
    assert first.isascii()
    assert len(str(2**53)) < DIGITS
    assert len(first) < 1000 < LARGEST


def test_what_a_file_cannot_hold_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "f"
    unsaved = compile(lambda x: x)
    with pytest.raises(ValueError, match="nothing to save"):
        unsaved.save(path)
    of_model = compile(lambda model, x: model([x, x]))
    of_model(MLP(2, [2, 1]), 1.0)
    with pytest.raises(TypeError, match="MLP"):
        of_model.save(path)
    Pair = namedtuple("Pair", "a b")
    of_pair = compile(lambda x: Pair(x, 2.0 * x))
    of_pair(1.0)
    with pytest.raises(TypeError, match="Pair"):
        of_pair.save(path)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_structure_is_refused_by_a_loaded_function(tmp_path: Path) -> None:
    _, path, _ = trained(tmp_path)
    with pytest.raises(TypeError, match="holds no program"):
        load(path)({"w": 1.0}, [1.0], [2.0])


def test_a_failed_save_leaves_the_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled, path, _ = trained(tmp_path)
    before = path.read_bytes()

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compiled.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
