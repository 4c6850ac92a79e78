"""Pictures of sparse matrices, read back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, draw, jacobian
from autograd.drawing.spy import MARGIN, SIDE, spy
from autograd.sparsity.pattern import Pattern

SVG = "{http://www.w3.org/2000/svg}"


def squares(picture: Any) -> tuple[set[tuple[int, int]], int]:
    """The squares drawn, by row and column, and their size."""
    root = ElementTree.fromstring(picture.svg)
    path = root.find(f"{SVG}path")
    assert path is not None
    found, size = set(), 1
    for x, y, width, height, back in re.findall(
        r"M(\d+) (\d+)h(\d+)v(\d+)h(-\d+)z", path.get("d", "")
    ):
        size = int(height)
        assert int(back) == -int(width)
        for place in range(int(width) // size):
            found.add((int(y) // size, int(x) // size + place))
    return found, size


@given(st.integers(0, 12), st.integers(1, 12), st.floats(0.0, 1.0), st.integers(0, 1000))
def test_each_nonzero_is_a_square(height: int, width: int, share: float, seed: int) -> None:
    flags = np.random.default_rng(seed).random((height, width)) < share
    pattern = Pattern([np.flatnonzero(row).tolist() for row in flags], width)
    for subject in (pattern, scipy.sparse.csc_array(flags.astype(float))):
        found, _ = squares(draw(subject))
        assert found == {(int(i), int(j)) for i, j in np.argwhere(flags)}


def test_large_ones_are_drawn_in_blocks() -> None:
    count = 10 * SIDE
    picture = draw(scipy.sparse.eye_array(count))
    found, size = squares(picture)
    assert found == {(place, place) for place in range(SIDE)}
    assert size == 1
    assert "4,000 by 4,000 with 4,000 nonzeros; a square stands for 10 by 10" in picture.svg
    root = ElementTree.fromstring(picture.svg)
    assert int(root.get("height", "0")) < SIDE + 6 * MARGIN


def test_what_derivatives_return_is_drawn_and_saved(tmp_path: Path) -> None:
    found = jacobian(lambda xs: [xs[0] * xs[1], xs[1]], sparse=True)
    picture = draw(found([1.0, 2.0]))
    assert repr(picture) == "<Drawing of 2 by 2 with 3 nonzeros>"
    assert draw(found([Value(1.0), Value(2.0)])).svg == picture.svg
    assert picture.save(tmp_path / "spy.svg").read_text(encoding="utf-8").endswith("</svg>\n")
    assert picture._repr_mimebundle_()["image/svg+xml"] == picture.svg
    with pytest.raises(ValueError, match=r"saved as \.svg, and the suffix is '\.png'"):
        picture.save(tmp_path / "spy.png")
    with pytest.raises(ValueError, match=r"saved as \.svg"):
        picture.to_html(tmp_path / "spy.html")


def test_other_arguments_and_subjects_are_refused() -> None:
    assert spy(np.ones((2, 2))) is None
    for wrong in ({"fold": 1}, {"links": "weights"}, {"within": 2}, {"limit": 5}):
        with pytest.raises(TypeError, match="is for graphs and models, not for a sparse array"):
            draw(Pattern([[0]], 1), **wrong)
    with pytest.raises(TypeError, match="draw: expected a Value"):
        draw(scipy.sparse.coo_array(np.ones(3)))
