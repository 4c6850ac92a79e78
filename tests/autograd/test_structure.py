"""Nested arguments: every number is found, under a path that Python itself understands."""

from __future__ import annotations

import functools
import inspect
import math
from decimal import Decimal
from fractions import Fraction
from types import MethodType
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from autograd.structure import (
    argument_names,
    function_name,
    numbers,
    output_numbers,
    outputs,
    rebuilt,
    restored,
)
from nn import MLP


class Line(NamedTuple):
    slope: Any
    intercept: Any


FLOATS = st.floats(allow_nan=False)
LEAVES = FLOATS | FLOATS.map(Value) | st.builds(Value, FLOATS, st.sampled_from(["a", "b"]))
ARRAYS = st.lists(st.lists(FLOATS, min_size=2, max_size=2), max_size=3).map(
    lambda rows: np.array(rows).reshape(len(rows), 2)
)
KEYS = st.text(max_size=3) | st.integers() | st.tuples(st.booleans())


def _collections(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.lists(parts, max_size=3)
        | st.lists(parts, max_size=3).map(tuple)
        | st.dictionaries(KEYS, parts, max_size=3)
        | st.builds(Line, parts, parts)
    )


STRUCTURES = st.recursive(LEAVES | st.none() | ARRAYS, _collections, max_leaves=8)


def looked_up(path: str, x: Any) -> Any:
    """Follow a path as Python would."""
    return eval(path, {}, {"x": x})


def plain(structure: Any) -> Any:
    """Write a structure with its floats alone, in containers of the same types."""
    if isinstance(structure, Value):
        return structure.data
    if isinstance(structure, dict):
        return {key: plain(part) for key, part in structure.items()}
    if isinstance(structure, np.ndarray):
        return ("array", structure.shape, [plain(x) for x in structure.ravel().tolist()])
    if isinstance(structure, (list, tuple)):
        return type(structure).__name__, [plain(part) for part in structure]
    return structure


def kinds(structure: Any) -> Any:
    """Write a structure without its numbers."""
    if isinstance(structure, dict):
        return {key: kinds(part) for key, part in structure.items()}
    if isinstance(structure, np.ndarray):
        return structure.shape
    if isinstance(structure, (list, tuple)):
        return type(structure), [kinds(part) for part in structure]
    return structure is None


@given(STRUCTURES)
def test_paths_are_expressions_for_the_numbers(structure: Any) -> None:
    for path, data in numbers(structure, "x"):
        found = looked_up(path, structure)
        assert data == (found.data if isinstance(found, Value) else found)


class Nodes:
    """Makes nodes, and remembers the paths asked for."""

    def __init__(self) -> None:
        self.made: list[Value] = []
        self.asked: list[tuple[str, float | Value, bool]] = []

    def __call__(self, path: str, stands_for: float | Value, parameter: bool) -> Value:
        self.asked.append((path, stands_for, parameter))
        self.made.append(Value(float(len(self.made)), path))
        if parameter and isinstance(stands_for, Value):
            self.made[-1].op = stands_for.op  # so that a model knows it for a parameter
        return self.made[-1]


@given(STRUCTURES)
def test_a_structure_is_rebuilt_of_the_same_containers_with_a_node_for_each_number(
    structure: Any,
) -> None:
    before = plain(structure)
    nodes = Nodes()
    made = rebuilt(structure, "x", nodes)
    assert plain(structure) == before
    assert kinds(made) == kinds(structure)
    assert [path for path, _, _ in nodes.asked] == [path for path, _ in numbers(structure, "x")]
    for (path, stands_for, parameter), node in zip(nodes.asked, nodes.made, strict=True):
        original = looked_up(path, structure)
        assert looked_up(path, made) is node
        assert original is stands_for or original == stands_for
        assert not parameter


@given(STRUCTURES)
def test_results_are_put_where_the_numbers_were(structure: Any) -> None:
    slots = numbers(structure, "x")
    results = iter([float(i) for i in range(len(slots) + 1)])
    made = restored(structure, results)
    assert next(results) == len(slots)
    assert kinds(made) == kinds(structure)
    assert [data for _, data in numbers(made, "x")] == [float(i) for i in range(len(slots))]


@given(STRUCTURES)
def test_to_restore_the_numbers_gives_the_structure(structure: Any) -> None:
    assert plain(restored(structure, iter([x for _, x in numbers(structure, "x")]))) == plain(
        structure
    )


@given(STRUCTURES)
def test_outputs_are_the_numbers_and_nodes_themselves(structure: Any) -> None:
    found = outputs({"": structure}, "f")
    plain = output_numbers({"": structure}, "f")
    assert all(a is b or a == b for a, (_, b) in zip(plain, found, strict=True))
    assert [path for path, _ in found] == [path for path, _ in numbers(structure, "['']")]
    for path, leaf in found:
        original = looked_up("x" + path, {"": structure})
        if isinstance(original, Value):
            assert leaf is original
        else:
            assert type(leaf) is float
            assert leaf == original


def test_a_path_names_indices_of_arrays_keys_and_parameters() -> None:
    model = MLP(1, [1])
    argument = {"w": np.ones((1, 2)), 3: [0.5], "model": model}
    assert [path for path, _ in numbers(argument, "p")] == [
        "p['w'][0, 0]",
        "p['w'][0, 1]",
        "p[3][0]",
        *(f"p['model'].{name}" for name, _ in model.named_parameters()),
    ]


def test_of_a_model_a_copy_is_made_with_the_nodes_for_its_parameters() -> None:
    model = MLP(2, [2, 1], shared_bias=True, seed=1)
    for parameter in model.parameters():
        parameter.grad = 7.0
    before = [(name, id(p), p.data, p.grad) for name, p in model.named_parameters()]
    nodes = Nodes()
    made = rebuilt([model], "m", nodes)[0]
    assert made is not model
    assert [id(p) for _, p in made.named_parameters()] == [id(node) for node in nodes.made]
    assert [(n, id(p), p.data, p.grad) for n, p in model.named_parameters()] == before
    assert nodes.asked == [(f"m[0].{name}", p, True) for name, p in model.named_parameters()]
    assert made([1.0, 2.0]).parents
    assert restored(model, iter(range(100))) == {name: i for i, (name, *_) in enumerate(before)}


def test_results_for_an_array_are_an_array_of_floats_or_of_what_they_are() -> None:
    array = np.array([[1.0, 2.0]])
    assert restored(array, iter([3.0, 4.0])).dtype == float
    nodes = restored(array, iter([Value(3.0), Value(4.0)]))
    assert nodes.dtype == object
    assert nodes.shape == (1, 2)
    assert array.tolist() == [[1.0, 2.0]]


def test_arrays_of_values_and_without_elements() -> None:
    array = np.array([Value(1.0, "a"), Value(2.0)], dtype=object)
    nodes = Nodes()
    made = rebuilt(array, "x", nodes)
    assert nodes.asked == [("x[0]", array[0], False), ("x[1]", array[1], False)]
    assert list(made) == nodes.made
    assert [v.data for v in array] == [1.0, 2.0]
    assert numbers(np.zeros((0, 3)), "x") == []


@pytest.mark.parametrize(
    "real", [np.float64(0.5), np.float32(0.5), np.array(0.5), Fraction(1, 2), Decimal("0.5")]
)
def test_any_real_number_that_is_no_integer_counts_as_a_float(real: Any) -> None:
    assert numbers([real], "x") == [("x[0]", 0.5)]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (3, r"^x: 3 is not a float: write 3\.0 .* lambda x: f\(x, 3\)$"),
        (True, r"^x: True is not a float: write 1\.0 "),
        ([0.5, {"n": 2}], r"^x\[1\]\['n'\]: 2 is not a float"),
        (np.int64(2), r"^x: .*2.* is not a float: write 2\.0"),
        (np.array([[1, 2]]), r"^x\[0, 0\]: 1 is not a float"),
        (np.array([True]), r"^x\[0\]: True is not a float"),
        (("a",), r"^x\[0\]: expected a float, a Value, .*, got str: 'a'"),
        ({1.0}, r"^x: expected a float, .*, got set"),
        (1j, r"^x: expected a float, .*, got complex"),
        (np.array([1j]), r"^x\[0\]: expected a float, .*, got complex"),
        (math.sin, r"^x: expected a float, "),
    ],
)
def test_whatever_is_no_float_is_an_error_that_says_where_it_is(
    argument: Any, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        numbers(argument, "x")
    with pytest.raises(TypeError, match=message):
        rebuilt(argument, "x", Nodes())


@pytest.mark.parametrize("argument", [np.bool_(True), np.array(3), np.array(True)])
def test_integers_and_booleans_of_numpy_are_no_floats_either(argument: Any) -> None:
    with pytest.raises(TypeError):
        numbers(argument, "x")


def test_another_librarys_array_is_a_type_error() -> None:
    class Tensor:
        shape = (2,)

    with pytest.raises(TypeError):
        numbers(Tensor(), "x")


def test_integers_are_outputs_like_any_number() -> None:
    assert outputs({"n": 3, "b": True}, "f") == [("['n']", 3.0), ("['b']", 1.0)]


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("a", r"^f returned: expected a Value or a real number, got str"),
        ([1.0, "a"], r"^f returned, at \[1\]: expected"),
        (1j, r"^f returned: expected .*, got complex"),
    ],
)
def test_an_output_that_is_no_number_is_an_error(result: Any, message: str) -> None:
    for listed in (outputs, output_numbers):
        with pytest.raises(TypeError, match=message):
            listed(result, "f")


@pytest.mark.parametrize(
    "result",
    [
        np.array([[1, 2], [3, 4]]),
        np.array([1.0, Value(2.0)], dtype=object),
        np.array([[1.0, 2.0], [3.0, 4.0]]).T,
        np.array(2.0),
        np.float32(0.5),
        [True, {"a": np.ones(0)}],
    ],
)
def test_the_numbers_of_an_output_are_the_same_without_their_paths(result: Any) -> None:
    assert output_numbers(result, "f") == [number for _, number in outputs(result, "f")]


def test_a_masked_array_is_no_output() -> None:
    with pytest.raises(TypeError, match="mask"):
        output_numbers(np.ma.masked_array([1.0, 2.0], [True, False]), "f")


def test_the_name_of_a_function() -> None:
    class Squared:
        def __call__(self, x: float) -> float:
            return x * x

    assert function_name(Squared()) == "Squared"
    assert function_name(test_the_name_of_a_function) == "test_the_name_of_a_function"
    assert function_name(lambda x: x) == "f"


# --- what arguments are called -------------------------------------------------------------------


@st.composite
def functions(draw: Any) -> Any:
    """Functions of every kind of parameters, as such, as methods, wrapped, or applied in part."""
    names = iter("abcdefgh")
    before = [next(names) for _ in range(draw(st.integers(0, 2)))]
    usual = [next(names) for _ in range(draw(st.integers(0, 2)))]
    defaults = draw(st.integers(0, len(before) + len(usual)))
    required = len(before) + len(usual) - defaults
    written = [
        f"{name}=0.0" if place >= required else name for place, name in enumerate(before + usual)
    ]
    if before:
        written.insert(len(before), "/")
    others = draw(st.sampled_from(["", "*others", "*"]))
    keywords = ["key", "other=1.0"][: draw(st.integers(int(others == "*"), 2))]
    written += [others] * bool(others) + keywords * bool(others)
    written += ["**more"] * draw(st.booleans())
    scope: dict[str, Any] = {}
    exec(f"def f({', '.join(written)}):\n    local = 1.0\n    return local", scope)
    f = scope["f"]
    kind = draw(st.sampled_from(["plain", "method", "object", "wrapped", "partial", "attribute"]))
    if kind == "method":
        return MethodType(f, Line(1.0, 2.0))
    if kind == "object":
        return type("Callable", (), {"__call__": f})()
    if kind == "wrapped":
        return functools.wraps(f)(lambda *args, **kwargs: f(*args, **kwargs))
    if kind == "partial":
        return functools.partial(f, *range(draw(st.integers(0, 1))))
    if kind == "attribute":
        f.note = "with an attribute"
    return f


def named(f: Any, count: int) -> list[str]:
    """Name the arguments as the signature does."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return [f"argument {place}" for place in range(count)]
    names: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}[{i}]" for i in range(count - len(names))]
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
    return [*names, *[f"argument {place}" for place in range(len(names), count)]][:count]


@given(functions(), st.integers(0, 6))
def test_arguments_have_the_names_that_the_signature_gives(f: Any, count: int) -> None:
    assert argument_names(f, [0.0] * count) == named(f, count)


@pytest.mark.parametrize(
    "f", [math.sin, max, print, dict.get, [].append, int, Line, Value, Value.backward, MLP(1, [1])]
)
def test_arguments_of_builtins_and_classes_are_named_alike(f: Any) -> None:
    assert argument_names(f, [0.0] * 3) == named(f, 3)


def test_a_signature_that_is_told_is_believed() -> None:
    def f(*args: Any) -> None: ...

    f.__signature__ = inspect.signature(lambda x, y: None)  # type: ignore[attr-defined]
    assert argument_names(f, [1.0, 2.0, 3.0]) == ["x", "y", "argument 2"]
    assert argument_names(MethodType(f, 1.0), [1.0, 2.0]) == ["y", "argument 1"]
