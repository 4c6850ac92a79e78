"""Results: every number comes back in its place, for one row or for many."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from autograd import Value
from autograd.compiler.results import Result
from nn import MLP

Pair = namedtuple("Pair", "left right")


def test_results_are_filled_in_order() -> None:
    model = MLP(1, [1], seed=0)
    result = Result(
        (1.0, [Value(2.0), (3.0,)], np.ones((2, 2)), None, {"m": model}, Pair(7.0, [])), "f"
    )
    count = 3 + 4 + 2 + 1
    assert len(result.numbers) == count
    one, (two, (three,)), array, none, models, pair = result.filled(np.arange(count * 1.0))
    assert (one, two, three, none) == (0.0, 1.0, 2.0, None)
    assert array.tolist() == [[3.0, 4.0], [5.0, 6.0]]
    assert models == {"m": {"layers.0.neurons.0.weights.0": 7.0, "layers.0.neurons.0.bias": 8.0}}
    assert pair == Pair(9.0, [])


@given(st.integers(0, 4), array_shapes(max_dims=3, max_side=3) | st.just((0,)) | st.just((2, 0)))
def test_rows_are_the_first_axis_of_every_number(rows: int, shape: tuple[int, ...]) -> None:
    result = Result([1.0, np.ones(shape), [1.0, 2.0]], "f")
    count = 1 + int(np.prod(shape)) + 2
    numbers = np.arange(count * rows * 1.0).reshape(count, rows)
    first, array, others = result.filled(numbers, rows=True)
    assert first.tolist() == numbers[0].tolist()
    assert array.shape == (rows, *shape)
    for row in range(rows):
        assert array[row].ravel().tolist() == numbers[1:-2, row].tolist()
    assert [other.tolist() for other in others] == numbers[-2:].tolist()


@pytest.mark.parametrize("wrong", ["a", [1.0, "a"], object(), 1j, {"a": {1.0}}])
def test_a_result_that_is_no_number_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="f returned"):
        Result(wrong, "f")
