"""The tree: the same bits in whatever order chunks are done, and however they are shared out."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.cluster.reduction import Reduction, expansion, total

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)


def by_hand(leaves: list[Any]) -> Any:
    """Neighbours are added, then their sums, …; a last one without a neighbour waits."""
    while len(leaves) > 1:
        pairs = [leaves[i : i + 2] for i in range(0, len(leaves), 2)]
        leaves = [pair[0] + pair[1] if len(pair) == 2 else pair[0] for pair in pairs]
    return leaves[0]


@given(st.lists(FINITE, min_size=1, max_size=40), st.data())
def test_any_cut_and_any_order_give_the_same_bits(numbers: list[float], data: Any) -> None:
    leaves = [np.array([x]) for x in numbers]
    with np.errstate(all="ignore"):
        expected = by_hand(leaves)
    cuts = sorted({0, len(leaves), *data.draw(st.lists(st.integers(0, len(leaves))))})
    runs = [*itertools.pairwise(cuts)]
    whole = Reduction(len(leaves))
    for first, last in data.draw(st.permutations(runs)):
        part = Reduction(len(leaves))
        for leaf in data.draw(st.permutations(range(first, last))):
            part.add((0, leaf), leaves[leaf])
        for node, terms in part.nodes.items():
            whole.add(node, terms)
    np.testing.assert_array_equal(whole.root, expected)


def test_little_is_kept_while_chunks_come_in_order() -> None:
    reduction = Reduction(10_000)
    for leaf in range(10_000):
        reduction.add((0, leaf), np.ones(1))
        assert len(reduction.nodes) <= 15
    assert reduction.root == [10_000.0]


def test_an_incomplete_sum_is_refused() -> None:
    reduction = Reduction(3)
    reduction.add((0, 1), np.ones(1))
    with pytest.raises(ValueError, match="over 3 chunks is not complete"):
        _ = reduction.root


@given(st.lists(FINITE, max_size=30))
def test_an_expansion_is_exact(numbers: list[float]) -> None:
    terms = expansion(numbers)
    exact = sum(map(Fraction, numbers))
    if all(map(math.isfinite, terms)):
        assert sum(map(Fraction, terms)) == exact
    else:
        assert len(terms) == 1
        assert sum(map(abs, map(Fraction, numbers))) >= Fraction(2) ** 1023


@given(st.lists(st.lists(FINITE, min_size=1, max_size=5), min_size=1, max_size=9))
def test_exact_sums_are_rounded_once(chunks: list[list[float]]) -> None:
    reduction = Reduction(len(chunks))
    for leaf in random.Random(3).sample(range(len(chunks)), len(chunks)):
        reduction.add((0, leaf), [expansion(chunks[leaf])])
    numbers = [x for chunk in chunks for x in chunk]
    if sum(map(abs, map(Fraction, numbers))) < Fraction(2) ** 1023:
        assert total(reduction.root).tolist() == [math.fsum(numbers)]


@pytest.mark.parametrize("numbers", [[math.inf, 1.0], [math.nan], [1e308, 1e308]])
def test_without_a_finite_sum_there_is_one_term(numbers: list[float]) -> None:
    (term,) = expansion(numbers)
    assert not math.isfinite(term)
