"""Lengths of texts against Adobe's own metrics, and in a browser whose font is another."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autograd import draw
from autograd.drawing.metrics import fitted, length
from tests.autograd.drawing.graphs import textbook
from tests.browser import open_browser

# --- widths --------------------------------------------------------------------------------------

NAMED = {"multiply": "×", "minus": "−", "divide": "÷", "periodcentered": "·", "ellipsis": "…"}


@pytest.mark.parametrize("bold", [False, True])
def test_widths_are_those_of_adobes_metrics(bold: bool) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    name = "Helvetica-Bold.afm" if bold else "Helvetica.afm"
    path = Path(matplotlib.get_data_path()) / "fonts" / "pdfcorefonts" / name
    found = re.findall(r"C (-?\d+) ; WX (\d+) ; N (\w+)", path.read_text(encoding="latin-1"))
    others = {39: None, 96: None}  # typographic quotes in Adobe's encoding
    for code, width, name in found:
        character = chr(int(code)) if 32 <= int(code) < 127 else NAMED.get(name)
        if character and int(code) not in others:
            assert length(character, 1000.0, bold) == float(width), name


def test_a_text_with_a_character_that_the_font_lacks_is_left_as_it_is() -> None:
    assert length("权", 10.0) is length("w权", 10.0) is None
    assert length("", 10.0) == 0.0
    plain = '<text x="1" font-size="9.00">权</text>'
    assert fitted(plain) == plain
    escaped = fitted('<text font-size="10.00" font-weight="bold">a&lt;b</text>')
    assert f'textLength="{length("a<b", 10.0, bold=True):.4g}"' in escaped
    assert fitted(escaped) == escaped


# --- in another font -----------------------------------------------------------------------------

OUTSIDE = """
return [...document.querySelectorAll("g.node")].flatMap((group) => {
  const card = group.querySelector("polygon, path, ellipse").getBoundingClientRect();
  return [...group.querySelectorAll("text")].filter((text) => {
    const box = text.getBoundingClientRect();
    return text.textContent.trim() && (box.left < card.left || box.right > card.right);
  }).map((text) => text.textContent);
});
"""


def test_numbers_keep_to_their_boxes_in_a_wider_font(tmp_path: Path) -> None:
    picture = draw(textbook()[1], links="contributions").svg
    assert picture.count("textLength") > 50
    with open_browser(tmp_path) as browser:
        for svg, expected in {
            picture: False,
            re.sub(r' textLength="[^"]*"', "", picture): True,  # or the test would see nothing
        }.items():
            page = tmp_path / "picture.html"
            wide = svg.replace("Helvetica,Arial,sans-serif", "DejaVu Sans Mono,monospace")
            page.write_text(f"<!DOCTYPE html><meta charset=utf-8>{wide}", encoding="utf-8")
            browser.get(page.as_uri())
            assert bool(browser.execute_script(OUTSIDE)) is expected
