"""A sparse matrix of Values."""

from __future__ import annotations

import pytest

from autograd import Value, compile, jacobian
from autograd.compiler.results import Result
from autograd.sparsity.pattern import Pattern
from autograd.sparsity.values import SparseValues
from autograd.structure import outputs, restored


def test_it_shows_its_shape_and_becomes_dense() -> None:
    xs = [Value(1.0), Value(2.0)]
    found = SparseValues(xs, Pattern([[1], [], [0]], 2))
    assert repr(found) == "<SparseValues of 3 by 2 with 2 nonzeros>"
    assert found.shape == (3, 2)
    dense = found.toarray()
    assert dense[0, 1] is xs[0]
    assert dense[2, 0] is xs[1]
    assert dense[1].tolist() == [0.0, 0.0]


def test_its_numbers_are_outputs_and_nothing_is_put_in_their_place() -> None:
    found = SparseValues([Value(1.0), Value(2.0)], Pattern([[0, 1]], 2))
    assert [path for path, _ in outputs({"a": found}, "f")] == [
        "['a'].nonzeros[0]", "['a'].nonzeros[1]",
    ]  # fmt: skip
    with pytest.raises(TypeError, match="sparse array"):
        restored(found, iter([1.0, 2.0]))
    assert len(Result(found, "f").numbers) == 2


def test_dense_parts_of_it_can_be_compiled() -> None:
    dense = compile(lambda xs: jacobian(lambda xs: [xs[0] * xs[1]], sparse=True)(xs).toarray())
    assert dense([2.0, 3.0]).tolist() == [[3.0, 2.0]]
