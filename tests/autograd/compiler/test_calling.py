"""Patterns: which calls they describe, in which words, and which are too rare."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest

from autograd.compiler.calling import DEPTH, Op, Pattern, pattern
from autograd.compiler.results import Result
from nn import MLP

Pair = namedtuple("Pair", "left right")


def described(*arguments: Any, axes: Any = None, result: Any = 2.0, rows: bool = False) -> Any:
    return pattern(arguments, axes or [None] * len(arguments), Result(result, "f"), rows=rows)


def takes(*arguments: Any, axes: Any = None) -> tuple[int, ...]:
    found: Pattern = described(*arguments, axes=axes)
    return found.takes


def test_numbers_are_numbered_and_an_int_is_one_within_a_structure() -> None:
    assert takes(2.0, np.float64(3.0)) == (2, Op.NUMBER, 0, 0, Op.NUMBER, 1, 0)
    assert takes([2.0, 3]) == (1, Op.LIST, 2, Op.NUMBER, 0, 1, Op.NUMBER, 1, 1)
    assert takes([2.0, 3.0]) == (1, Op.NUMBERS, Op.LIST, 2, 0)
    assert takes(1.0, (2.0, 3.0)) == (2, Op.NUMBER, 0, 0, Op.NUMBERS, Op.TUPLE, 2, 1)


def test_arrays_are_groups_after_that_of_the_numbers() -> None:
    flat, rows = np.ones((2, 3)), np.ones((4, 3))
    assert takes(flat) == (1, Op.ARRAY, 0, 2, 2, 3)
    assert takes(1.0, flat) == (2, Op.NUMBER, 0, 0, Op.ARRAY, 1, 2, 2, 3)
    assert takes(flat, rows, axes=[None, 0]) == (2, Op.ARRAY, 0, 2, 2, 3, Op.ROWS, 1, 2, 4, 3)


def test_constants_and_keys_are_told_by_their_address_and_kept() -> None:
    key, constant = "weight", object()
    found = described({key: 1.0}, 7, constant, None)
    assert found.takes == (
        4, Op.DICTIONARY, 1, id(key), Op.NUMBER, 0, 1, Op.SAME, id(7), Op.SAME, id(constant),
        Op.SAME, id(None),
    )  # fmt: skip
    assert {id(key), id(7), id(constant)} <= {*map(id, found.kept)}


def test_results() -> None:
    array = np.array([[2.0, 3.0]])
    assert described(1.0, result=[2.0, 3.0]).gives == (Op.NUMBERS, Op.LIST, 2, 0)
    assert described(1.0, result=(2.0, None)).gives == (
        Op.TUPLE, 2, Op.NUMBER, 0, Op.SAME, id(None),
    )  # fmt: skip
    found = described(1.0, result=(2.0, array))
    assert found.gives == (Op.TUPLE, 2, Op.NUMBER, 0, Op.ARRAY, 1, 2, 2, 1, 2)
    assert (found.has_arrays, found.whole) == (True, ())
    found = described(1.0, result=array)
    assert (found.gives, found.whole) == ((Op.WHOLE,), (1, 2))


def test_results_of_rows() -> None:
    rows, axes = np.ones(4), [0]
    found = described(rows, axes=axes, result=[2.0, np.ones(3)], rows=True)
    assert found.gives == (Op.LIST, 2, Op.ROWS, 0, 1, 1, 0, Op.ROWS, 1, 3, 2, 0, 3)
    assert not found.has_arrays
    found = described(rows, axes=axes, result=(2.0, 3.0), rows=True)
    assert found.gives == (Op.TUPLE, 2, Op.ROWS, 0, 1, 1, 0, Op.ROWS, 1, 1, 1, 0)


def nested(depth: int) -> Any:
    return [nested(depth - 1), None] if depth else 1.0


@pytest.mark.parametrize(
    ("arguments", "axes"),
    [
        ([MLP(2, [1])], None),
        ([Pair(1.0, 2.0)], None),
        ([OrderedDict(a=1.0)], None),
        ([np.float32(1.0)], None),
        ([np.array(1.0)], None),
        ([[1.0, 2.0]], [0]),
        ([np.ones((2, 3))], [1]),
        ([np.ones((2, 3))], [-1]),
        ([np.ones(3).view(type("Mine", (np.ndarray,), {}))], None),
        ([nested(DEPTH + 1)], None),
        ([[[1.0, None]] * 10_000], None),
    ],
    ids=[
        "model", "named tuple", "ordered dictionary", "single precision", "no dimensions",
        "a list of rows", "the last axis", "an axis from the end", "a subclass", "deep", "long",
    ],
)  # fmt: skip
def test_what_is_rare_has_no_pattern(arguments: Any, axes: Any) -> None:
    assert described(*arguments, axes=axes) is None


@pytest.mark.parametrize("result", [Pair(1.0, 2.0), OrderedDict(a=1.0), nested(DEPTH + 1)])
def test_nor_have_results_that_are_rare(result: Any) -> None:
    assert described(1.0, result=result) is None
    assert described(1.0, result=nested(DEPTH - 1)) is not None
