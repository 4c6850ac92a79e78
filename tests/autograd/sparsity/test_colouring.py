"""Colourings, held to their definitions on every pair and path of small graphs."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd.sparsity.colouring import covered, distance_two_colours, star_colours
from autograd.sparsity.pattern import Pattern

MANY = settings(max_examples=2 * settings().max_examples)


@st.composite
def patterns(draw: st.DrawFn) -> Pattern:
    width = draw(st.integers(0, 8))
    columns = st.sets(st.integers(0, width - 1)) if width else st.just(set())
    return Pattern([sorted(row) for row in draw(st.lists(columns, max_size=8))], width)


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    count = draw(st.integers(0, 9))
    pairs = [(i, j) for i in range(count) for j in range(i + 1)]
    edges = draw(st.sets(st.sampled_from(pairs))) if pairs else set()
    return [
        sorted({j for i, j in edges if i == vertex} | {i for i, j in edges if j == vertex})
        for vertex in range(count)
    ]


@MANY
@given(patterns())
def test_columns_of_one_colour_have_no_row_in_common(pattern: Pattern) -> None:
    columns = pattern.columns()
    colours = distance_two_colours(columns, len(pattern.rows))
    for one, other in combinations(range(pattern.width), 2):
        if colours[one] == colours[other] >= 0:
            assert not {*columns[one]} & {*columns[other]}
    assert [colour < 0 for colour in colours] == [not rows for rows in columns]


@MANY
@given(patterns())
def test_every_entry_stands_alone_where_it_is_computed(pattern: Pattern) -> None:
    found, columns = covered(pattern), pattern.columns()
    for row, across in enumerate(pattern.rows):
        for column in across:
            if found.is_forwards(row, column):
                assert found.forwards[column] >= 0
                others = [found.forwards[other] for other in across if other != column]
                assert found.forwards[column] not in others
            else:
                assert found.backwards[row] >= 0
                others = [found.backwards[other] for other in columns[column] if other != row]
                assert found.backwards[row] not in others


@MANY
@given(patterns())
def test_both_directions_are_at_least_as_good_as_one(pattern: Pattern) -> None:
    columns = pattern.columns()
    forwards = max(distance_two_colours(columns, len(pattern.rows)), default=-1) + 1
    backwards = max(distance_two_colours(pattern.rows, pattern.width), default=-1) + 1
    assert sum(covered(pattern).colours) <= min(forwards, backwards)


@MANY
@given(graphs())
def test_star_colourings(neighbours: list[list[int]]) -> None:
    colours = star_colours(neighbours)
    for v, around in enumerate(neighbours):
        for w in around:
            assert v == w or colours[v] != colours[w]
            for x in neighbours[w]:
                for y in neighbours[x]:
                    if len({v, w, x, y}) == 4:
                        assert len({colours[v], colours[w], colours[x], colours[y]}) > 2


def band(count: int, *offsets: int) -> list[list[int]]:
    return [[i + k for k in offsets if 0 <= i + k < count] for i in range(count)]


ARROW: Any = [[*range(30)], *([0, place] for place in range(1, 30))]


@pytest.mark.parametrize(
    ("rows", "colours", "stars"),
    [
        (band(30, 0), (0, 1), 1),
        (band(30, -1, 0, 1), (0, 3), 3),
        (band(30, -2, -1, 0, 1, 2), (0, 5), 5),
        (ARROW, (2, 1), 2),
        ([*ARROW[1:], ARROW[0]], (2, 1), None),
        ([[*range(30)]] * 2, (0, 2), None),
        ([[0]] * 30, (1, 0), None),
        ([[*range(5)]] * 5, (0, 5), 5),
        ([], (0, 0), 0),
        ([[]] * 3, (0, 0), 1),
    ],
)
def test_numbers_of_colours_known_by_hand(
    rows: list[list[int]], colours: tuple[int, int], stars: int | None
) -> None:
    width = max((max(row, default=-1) for row in rows), default=-1) + 1
    assert covered(Pattern(rows, width)).colours == colours
    if stars is not None:
        assert max(star_colours(rows), default=-1) + 1 == stars


@pytest.mark.no_cover
def test_dense_rows_do_not_make_it_quadratic() -> None:
    count = 30_000
    arrow = [[*range(count)], *([0, place] for place in range(1, count))]
    assert covered(Pattern(arrow, count)).colours == (2, 1)
    assert max(star_colours(arrow)) == 1
