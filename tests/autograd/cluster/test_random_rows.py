"""Random rows: row k is the same however rows are cut, and the numbers have their distribution."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.cluster import normals, uniforms
from autograd.cluster.random_rows import quantiles


@given(
    st.integers(0, 2**70), st.integers(1, 7), st.integers(0, 10**15), st.integers(1, 40), st.data()
)
def test_rows_do_not_depend_on_the_cut(
    seed: int, columns: int, first: int, count: int, data: Any
) -> None:
    rows = normals(seed, 10**16, columns)
    whole = rows.read(first, count)
    assert whole.shape == (count, columns)
    cut = data.draw(st.integers(0, count))
    parts = [rows.read(first, cut), rows[first + cut :].read(0, count - cut)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@given(st.integers(0, 2**52 - 1))
def test_quantiles_against_mpmath(place: int) -> None:
    p = (place + 0.5) * 2.0**-52
    with mpmath.workdps(30):
        exact = mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(p) - 1)
        error = abs(mpmath.mpf(float(quantiles(np.array([p]))[0])) - exact)
        assert error <= 1e-15 * max(abs(exact), mpmath.mpf(10) ** -3)


@pytest.mark.parametrize("place", [0, 1, 2**30, 2**40, 2**48, 2**52 - 1])
def test_quantiles_in_the_tails(place: int) -> None:
    p = (place + 0.5) * 2.0**-52
    with mpmath.workdps(30):
        exact = mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(p) - 1)
        assert abs(float(quantiles(np.array([p]))[0]) - exact) <= 2e-15 * abs(exact)


def test_the_bits_are_those_of_every_machine() -> None:
    found = [x.hex() for x in normals(7, 10, 2).read(3, 2).ravel().tolist()]
    assert found == HERE


HERE = [
    '-0x1.086eef48e0bfcp-1', '0x1.1912f066fd60dp+1',
    '-0x1.470a139638f5cp+0', '0x1.69f89f31b609ap-1',
]  # fmt: skip


def test_moments() -> None:
    x = normals(1, 200_000).read(0, 200_000)
    for power, moment in enumerate([1.0, 0.0, 1.0, 0.0, 3.0, 0.0, 15.0]):
        spread = np.std(x**power) / len(x) ** 0.5
        assert abs(np.mean(x**power) - moment) <= 5.0 * spread
    u = uniforms(1, 200_000, 2).read(0, 200_000)
    assert 0.0 < u.min() < 1e-4
    assert 1.0 - 1e-4 < u.max() < 1.0
    assert abs(np.corrcoef(u.T)[0, 1]) < 0.02


@pytest.mark.parametrize(
    ("arguments", "error"),
    [((-1, 3), ValueError), ((1.5, 3), TypeError), ((1, -3), ValueError), ((1, 3, 0), ValueError),
     ((1, True), TypeError), (("1", 3), TypeError)],
)  # fmt: skip
def test_wrong_arguments(arguments: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="normals: "):
        normals(*arguments)
