"""Colours: legible on their grounds, and told apart with every kind of colour vision."""

from __future__ import annotations

import math
from dataclasses import fields
from itertools import combinations

import pytest

from autograd.drawing.palette import DARK, LIGHT, PAGE, PALETTES, Palette

GROUNDS = {"white": "#FFFFFF", "dark": "#1E1E1E", "GitHub's dark": "#0D1117"}


def linear(colour: str) -> list[float]:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def luminance(colour: str) -> float:
    """Relative luminance as the Web Content Accessibility Guidelines define it."""
    red, green, blue = linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a: str, b: str) -> float:
    low, high = sorted([luminance(a), luminance(b)])
    return (high + 0.05) / (low + 0.05)


# --- legible -------------------------------------------------------------------------------------


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_text_is_legible_on_its_ground(palette: Palette) -> None:
    for name in ("input_card", "parameter_card", "output_card", "card", "pill", "frame", "folded"):
        ground = getattr(palette, name)
        assert contrast(palette.ink, ground) >= 7.0, name
        assert contrast(palette.muted, ground) >= 4.5, name
    assert contrast(palette.ink, palette.frozen) >= 4.5


@pytest.mark.parametrize(
    ("palette", "grounds"),
    [(LIGHT, ["white", "dark"]), (DARK, ["dark", "GitHub's dark"])],
    ids=["light", "dark"],
)
def test_what_stands_on_the_page_itself_is_visible(palette: Palette, grounds: list[str]) -> None:
    for ground in grounds:
        for name in ("line", "note", "positive", "negative"):
            assert contrast(getattr(palette, name), GROUNDS[ground]) >= 3.0, name
    for name in ("input", "parameter", "output", "edge"):
        assert contrast(getattr(palette, name), GROUNDS[grounds[0]]) >= 3.0, name


@pytest.mark.parametrize("theme", PAGE)
def test_words_of_the_page_are_legible(theme: str) -> None:
    colours = PAGE[theme]
    for name in ("text", "quiet", "forward-text", "backward-text", "graph-text"):
        for ground in ("page", "sheet"):
            assert contrast(colours[name], colours[ground]) >= 4.5, name
    for phase in ("forward-text", "backward-text"):
        assert contrast(colours["on-phase"], colours[phase]) >= 4.5
        assert contrast(PAGE["light"][phase], LIGHT.output_card) >= 4.5
    assert contrast(colours["current-line"], colours["sheet"]) >= 3.0


# --- told apart ----------------------------------------------------------------------------------

# What a viewer without one kind of cone sees (G. M. Machado, M. M. Oliveira and L. A. F. Fernandes,
# A Physiologically-based Model for Simulation of Color Vision Deficiency, 2009, severity 1).
VISION = {
    "usual": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def seen(colour: str, vision: str) -> tuple[float, float, float]:
    """A colour in Oklab, as it is seen (B. Ottosson, A perceptual color space, 2020)."""
    rgb = linear(colour)
    r, g, b = (
        max(sum(m * c for m, c in zip(row, rgb, strict=True)), 0.0) for row in VISION[vision]
    )
    l = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)  # noqa: E741
    m = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    s = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
        1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
        0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s,
    )


def distance(a: str, b: str, vision: str) -> float:
    pairs = zip(seen(a, vision), seen(b, vision), strict=True)
    return math.sqrt(sum((x - y) ** 2 for x, y in pairs))


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("theme", PALETTES)
def test_meanings_are_told_apart_with_every_kind_of_colour_vision(theme: str, vision: str) -> None:
    palette, page = PALETTES[theme], PAGE["light"]
    meanings = {
        name: getattr(palette, name)
        for name in ("positive", "negative", "input", "parameter", "output")
    }
    if theme == "light":  # the page's drawing is the light one
        meanings |= {"backward": page["backward"], "current": page["current"]}
    assert len(set(meanings.values())) == len(meanings)
    for a, b in combinations(meanings, 2):
        # A difference of 0.02 is just noticed side by side.
        assert distance(meanings[a], meanings[b], vision) >= 0.06, (a, b)


def test_every_colour_is_written_in_the_same_way() -> None:
    for palette in PALETTES.values():
        for field in fields(palette):
            colour = getattr(palette, field.name)
            assert colour == f"#{int(colour[1:], 16):06X}"
    assert PAGE["light"].keys() == PAGE["dark"].keys()
