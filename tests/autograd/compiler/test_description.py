"""Structures of arguments and results as JSON: what is read back is what was written."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd.compiler import description
from autograd.compiler.arguments import Static, taken
from autograd.compiler.description import (
    MOST_NESTED,
    arguments,
    axes,
    described_arguments,
    described_axes,
    described_result,
    number,
    require_fit,
    result,
)
from autograd.compiler.results import Result, SparsePlace
from autograd.sparsity.pattern import Pattern
from autograd.sparsity.values import SparseValues
from autograd.value import Value

floats = st.floats(allow_nan=False)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | floats,
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=4,
)
keys = st.text(max_size=3) | plain
statics = st.none() | st.text(max_size=3)


def mappings(parts: Any) -> Any:
    items = st.dictionaries(keys, parts, max_size=3)
    return items | items.map(OrderedDict)


def nested(leaves: Any, least: int = 0) -> Any:
    def around(parts: Any) -> Any:
        lists = st.lists(parts, min_size=least, max_size=3)
        return lists | lists.map(tuple) | mappings(parts)

    return st.recursive(leaves, around, max_leaves=5)


shapes = st.lists(st.integers(0, 3), min_size=1, max_size=3)
arrays = shapes.map(lambda shape: np.zeros(shape))


def rows(shape: list[int]) -> Any:
    return np.zeros((2, *shape))


def through_json(data: Any) -> Any:
    return json.loads(json.dumps(data, allow_nan=False))


FEW = settings().max_examples // 2


@settings(max_examples=FEW)
@given(
    st.lists(nested(floats | arrays | statics | st.booleans()) | st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), nested(floats | arrays), max_size=2),
)
def test_arguments_come_back_with_their_layout(args: list[Any], named: dict[str, Any]) -> None:
    every = [*args, *named.values()]
    found = taken("f", every, [None] * len(every))
    key = (found.key, *named) if named else found.key
    data = through_json(described_arguments(key))
    back = arguments(data["arguments"], data["keywords"])
    assert back.key == key
    assert back.layout == found.layout()
    require_fit(None, back)


@settings(max_examples=FEW)
@given(st.lists(nested(shapes.map(rows) | statics, 1), max_size=3), nested(floats | arrays))
def test_rows_come_back_with_their_layout(args: list[Any], other: Any) -> None:
    each = [*[0] * len(args), None]
    found = taken("f", [*args, other], each)
    data = through_json(described_arguments(found.key))
    back = arguments(data["arguments"], data["keywords"])
    assert back.key == found.key
    assert back.layout == found.layout()
    if found.rows is not None:
        require_fit(axes(through_json(described_axes(tuple(each)))), back)


def test_arguments_of_rows_and_axes_have_to_fit() -> None:
    both = arguments(
        [["dict", [["a", ["rows", [2]]], [["int", "0x20000000000000"], "number"]]]], []
    )
    require_fit([{"a": 1, 2**53: None}], both)
    for wrong in ([0], [None], [{"a": 0}], [{"a": None, 2**53: None}], [{"a": 0, 2**53: 0}]):
        with pytest.raises(ValueError, match="in_axes"):
            require_fit(wrong, both)


@settings(max_examples=FEW)
@given(nested(floats | arrays | st.none()))
def test_results_come_back(returned: Any) -> None:
    if returned is None:
        return
    whole = Result(returned, "f")
    back, count = result(through_json(described_result(whole)))
    assert count == len(whole.numbers)
    numbers = np.arange(float(count))
    assert repr(back.filled(numbers)) == repr(whole.filled(numbers))


@given(st.floats())
def test_every_number_comes_back(x: float) -> None:
    back = number(x.hex(), "x")
    assert (back == x and math.copysign(1.0, back) == math.copysign(1.0, x)) or x != x != back


@pytest.mark.parametrize(
    "text", ["1.0", "0x1p0", " 0x1.0p+0", "0x1.0p+0", "-nan", "INF", "", "0x1p99999", 1.0, None]
)  # fmt: skip
def test_a_number_is_written_in_one_way(text: Any) -> None:
    with pytest.raises(ValueError, match=r"x: expected a number as float.hex writes it"):
        number(text, "x")


def deep(depth: int, part: Any) -> Any:
    for _ in range(depth):
        part = [part]
    return part


def test_what_is_nested_deeply_is_refused_on_both_ways() -> None:
    key = taken("f", [deep(MOST_NESTED, 1.0)], [None]).key
    described = described_arguments(key)
    assert arguments(described["arguments"], []).key == key
    with pytest.raises(ValueError, match="nested more than 100 deep"):
        arguments([["list", described["arguments"]]], [])
    with pytest.raises(TypeError, match="nested more than 100 deep"):
        described_arguments(taken("f", [deep(MOST_NESTED + 1, 1.0)], [None]).key)
    structure = described_result(Result(deep(MOST_NESTED, [1.0]), "f"))
    assert result(structure)[1] == 1
    with pytest.raises(ValueError, match="nested more than 100 deep"):
        result(["list", [structure]])
    with pytest.raises(TypeError, match="nested more than 100 deep"):
        described_result(Result(deep(MOST_NESTED + 1, [1.0]), "f"))
    value: Any = 0
    for _ in range(MOST_NESTED + 1):
        value = (value,)
    with pytest.raises(TypeError, match="which a file cannot"):
        described_arguments((Static(value),))


def test_keys_that_may_collide_are_not_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever chooses the hashes of keys makes a dictionary of them slow."""
    monkeypatch.setattr(description, "MOST_KEYS", 2)
    fine, many = {0.5: 1.0, (1, 2): 1.0, 3: 1.0, "a": 1.0}, {(k,): 1.0 for k in range(3)}
    described = described_arguments(taken("f", [fine], [None]).key)
    assert arguments(described["arguments"], []).layout.groups[0].width == 4
    with pytest.raises(TypeError, match="which a file cannot"):
        described_arguments(taken("f", [many], [None]).key)
    with pytest.raises(ValueError, match="a dictionary of more than 2 keys"):
        result(["dict", [[["tuple", [k]], "number"] for k in range(3)]])


def test_what_is_told_by_its_identity_is_refused() -> None:
    for value in (object(), print, b"bytes", 1j, np.int64(3), frozenset({1})):
        with pytest.raises(TypeError, match="which a file cannot"):
            described_arguments((Static(value),))
    with pytest.raises(TypeError, match="which a file cannot"):
        described_axes({object(): 0})


def test_sparse_results_come_back() -> None:
    made = Result(SparseValues([Value(1.0), Value(2.0)], Pattern([[0, 2], []], 3)), "f")
    found, count = result(json.loads(json.dumps(described_result(made))))
    assert count == 2
    (place,) = found.places
    assert isinstance(place, SparsePlace)
    assert place.pattern == Pattern([[0, 2], []], 3)


@pytest.mark.parametrize(
    "content",
    [3, [3], [-1, []], [3.0, []], [2**61, []], [3, 1], [3, [1]], [3, [[3]]], [3, [[1, 0]]],
     [3, [[0, 0]]], [3, [[-1]]], [3, [[True]]], [3, [["0"]]]],
)  # fmt: skip
def test_malformed_sparse_results_are_refused(content: Any) -> None:
    with pytest.raises(ValueError, match="the result"):
        result(["sparse", content])
