"""Compiled functions of rows that are read chunk by chunk, on one machine."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value, compile, exp, log, sin, value_and_grad
from autograd.cluster import Rows, array, normals
from autograd.cluster.chunked import default_size
from autograd.compiler import load
from autograd.compiler.layout import Group, Layout

ROWS = normals(5, 3000, 2)
NUMBERS = ROWS.read(0, 3000)
OPTIONS: dict[str, Any] = {"in_axes": (None, 0), "reduce": "mean"}


def cost(w: Any, x: Any) -> Any:
    return sin(w[0] * x[0]) + exp(w[1] * x[1])


def step(**options: Any) -> Any:
    return compile(value_and_grad(cost), **OPTIONS, **options)


def bits(result: Any) -> Any:
    loss, slopes = result
    return [loss.hex(), *(slope.hex() for slope in slopes)]


@settings(max_examples=10)
@given(st.integers(1, 4000), st.integers(1, 3000))
def test_threads_and_kinds_of_rows_change_no_bit(chunk: int, count: int) -> None:
    w = [0.3, -0.2]
    expected = bits(ALONE(chunk)(w, NUMBERS[:count]))
    assert bits(SHARED(chunk)(w, ROWS[:count])) == expected
    assert bits(SHARED(chunk)(w, x=NUMBERS[:count].tolist())) == expected
    loss, slopes = PLAIN(w, NUMBERS[:count])
    found = [float.fromhex(x) for x in expected]
    np.testing.assert_allclose(found, [loss, *slopes], rtol=1e-12, atol=1e-13)


PLAIN = step()


def ALONE(chunk: int) -> Any:  # noqa: N802 (compiled once, and cut anew)
    return cut(_alone, chunk, 1)


def SHARED(chunk: int) -> Any:  # noqa: N802
    return cut(_shared, chunk, 3)


_alone: list[Any] = []
_shared: list[Any] = []


def cut(kept: list[Any], chunk: int, threads: int) -> Any:
    """One compiled function, whose rows are cut in another way."""
    if not kept:
        kept.append(step(chunk=100, threads=threads))
    for known in kept[0]._by_chunks.values():
        known.run.size = chunk
    kept[0]._how = (chunk, None, None)
    return kept[0]


def test_exact_sums_do_not_depend_on_the_chunks() -> None:
    w = [0.3, -0.2]
    expected = bits(step(exact=True)(w, NUMBERS))
    for chunk in (700, 3000):
        assert bits(step(exact=True, chunk=chunk)(w, ROWS)) == expected


def test_every_row() -> None:
    of_rows = compile(cost, in_axes=(None, 0))
    expected = of_rows([0.3, 0.1], NUMBERS)
    np.testing.assert_array_equal(of_rows([0.3, 0.1], ROWS), expected)
    assert of_rows([0.3, 0.1], ROWS[:0]).shape == (0,)


def test_no_rows() -> None:
    assert math.isnan(step()([0.3, 0.1], ROWS[:0])[0])
    assert compile(cost, in_axes=(None, 0), reduce="sum")([0.3, 0.1], ROWS[:0]) == 0.0


def test_structures_of_rows_models_and_constants() -> None:
    def f(w: Any, data: Any, k: int) -> Any:
        return [w * data["x"] * data["y"][1] * k, 2.0]

    of_rows = compile(f, in_axes=(None, 0, None), reduce="sum", chunk=100)
    data = {"x": normals(1, 3000), "y": ROWS}
    total, twos = of_rows(0.5, data, 3)
    assert twos == 6000.0
    exact = math.fsum((0.5 * data["x"].read(0, 3000) * NUMBERS[:, 1] * 3).tolist())
    assert total == pytest.approx(exact, rel=1e-12)
    columns = compile(lambda x: x[0] * x[1], in_axes=1, reduce="sum", chunk=7)
    assert columns(NUMBERS.T) == pytest.approx((NUMBERS[:, 0] * NUMBERS[:, 1]).sum())


def test_values_from_outside_are_read_at_each_call() -> None:
    w = Value(2.0)
    total = compile(lambda x: w * x, in_axes=0, reduce="sum")
    rows = array([1.0, 2.0])
    assert total(rows) == 6.0
    w.data = 3.0
    assert total(rows) == 9.0


def test_rows_take_no_memory() -> None:
    total = compile(lambda x: x[0] * x[1], in_axes=0, reduce="mean", threads=1)
    total(ROWS)
    tracemalloc.start()
    total(normals(1, 500_000, 2))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8e6  # and all rows at once take that


def test_errors_name_the_row() -> None:
    total = compile(log, in_axes=0, reduce="sum", check=True, chunk=100)
    x = np.arange(1.0, 1001.0)
    assert total(x) == pytest.approx(math.lgamma(1001.0))
    x[777] = -1.0
    with pytest.raises(ValueError, match=r"in row 777: log\(x\) at x = -1.0"):
        total(x)


class Failing(Rows):
    def read(self, first: int, count: int) -> Any:
        raise KeyboardInterrupt if first else OSError("the disk is gone")


def test_an_error_of_rows_names_them() -> None:
    total = compile(lambda x: x, in_axes=0, reduce="sum", chunk=10)
    with pytest.raises(OSError, match="rows 0 to 9: the disk is gone"):
        total(Failing(100)[:10])
    with pytest.raises(KeyboardInterrupt):
        total(Failing(100)[10:])


def test_programs_are_saved(tmp_path: Any) -> None:
    total = compile(lambda x: x * x, in_axes=0, reduce="sum")
    expected = total(normals(1, 1000))
    total.save(tmp_path / "total")
    again = load(tmp_path / "total")
    assert again(normals(1, 1000)) == expected
    assert total.traces == 1
    total(normals(1, 1000).read(0, 1000))
    assert total.traces == 1


@pytest.mark.parametrize(
    ("options", "arguments", "message"),
    [
        ({}, (ROWS,), "without in_axes none are expected"),
        ({"in_axes": 1}, (ROWS,), "whose rows run along the axis 0, but in_axes has 1"),
        ({"in_axes": (None, 0)}, (ROWS, ROWS), "name the axis of its rows, in_axes=0"),
        ({"in_axes": 0}, (ROWS, ROWS[:5]), "differ in their number of rows: 3,000, 5"),
        ({"in_axes": None, "chunk": 5}, (1.0,), "without in_axes there are none"),
        ({"in_axes": 0, "chunk": 0}, (ROWS,), "chunk must be a whole number of at least 1 or None"),
    ],
)
def test_mistakes(options: Any, arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compile(lambda *x: x[0][0], **options)(*arguments)


@pytest.mark.parametrize("cluster", [3, "tcp://10.0.0.1:8786"])
def test_what_is_no_cluster(cluster: Any) -> None:
    with pytest.raises(TypeError, match=r"cluster: expected a distributed.Client, got"):
        compile(abs, in_axes=0, cluster=cluster)


def test_values_are_refused() -> None:
    with pytest.raises(TypeError, match="the arguments must be numbers, but they hold Values"):
        step(chunk=5)([Value(1.0), 2.0], ROWS)


def test_chunks_fit_into_the_cache() -> None:
    for width in (1, 3, 16, 100, 10_000):
        size = default_size(Layout((Group(2, False), Group(width, True)), True))
        assert size & (size - 1) == 0
        assert size in (256, 32_768) or 2**18 < size * width <= 2**19
