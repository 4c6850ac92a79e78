"""Numbers lie on the links that they belong to, and nothing else is moved."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from autograd import draw
from autograd.drawing.curves import on_curves
from tests.autograd.drawing.graphs import textbook


def numbers(text: str) -> list[float]:
    return [float(x) for x in re.findall(r"-?\d+(?:\.\d+)?", text)]


def links(svg: str) -> list[str]:
    return re.findall(r'<g id="[^"]*-e\d+" class="edge.*?</g>', svg, re.DOTALL)


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_each_number_is_on_its_link(direction: str) -> None:
    svg = draw(textbook()[1], links="contributions", direction=direction).svg
    labelled = [link for link in links(svg) if "<text" in link]
    assert len(labelled) == 28
    for link in labelled:
        path = re.search(r' d="([^"]*)"', link)
        text = re.search(r'<text [^>]*x="([^"]*)" y="([^"]*)"', link)
        ground = re.search(r'stroke="(?:none|transparent)" points="([^"]*)"', link)
        assert path
        assert text
        assert ground
        corners = numbers(ground[1])
        left, right = min(corners[::2]), max(corners[::2])
        top, bottom = min(corners[1::2]), max(corners[1::2])
        # Some point of the curve, sampled by de Casteljau's algorithm, is in the number's ground.
        flat = numbers(path[1])
        points = [complex(x, y) for x, y in zip(flat[::2], flat[1::2], strict=True)]
        curve = []
        for i in range(0, len(points) - 3, 3):
            for step in range(201):
                four = points[i : i + 4]
                while len(four) > 1:
                    four = [a + (b - a) * step / 200 for a, b in pairwise(four)]
                curve.append(four[0])
        assert any(left < z.real < right and top < z.imag < bottom for z in curve)
        assert left <= float(text[1]) <= right
        assert top <= float(text[2]) <= bottom + 0.01


def test_links_without_a_number_stay_as_they_are() -> None:
    svg = draw(textbook()[1]).svg
    assert on_curves(svg) == svg
