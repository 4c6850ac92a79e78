"""The page that steps through a drawing: one HTML file with everything it needs."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from autograd.drawing.dot import clean
from autograd.drawing.palette import PAGE
from autograd.drawing.steps import Step

__all__ = ["page"]

_PLACE = re.compile(r"<!--@(\w+)-->")
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def page(svg: str, steps: Sequence[Step], title: str) -> str:
    """Write a page that shows a drawing and steps through it, by keyboard, slider and buttons.

    The page loads nothing: styles, script, drawing and numbers are in it, and its
    Content-Security-Policy allows no other script and no request.

    Args:
        svg: The drawing. Nodes and links are groups of classes `node` and `edge`, with ids that end
            in the ids of the steps; a node's numbers follow the texts `data` and `grad`.
        steps: What to step through.
        title: The page's title, plain text.

    Returns:
        The text of the HTML file, to be stored as UTF-8.

    Raises:
        ValueError: There are no steps.

    Example:
        >>> from autograd.drawing.steps import Step
        >>> step = Step("forward", "n0", (), "1 of 1 · forward: y", "y = x", "= 2")
        >>> text = page('<svg><g id="n0" class="node"/></svg>', [step], "x < y")
        >>> text[:15], "<title>x &lt; y</title>" in text
        ('<!DOCTYPE html>', True)
    """
    if not steps:
        raise ValueError("page: there are no steps: expected at least one")
    template = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    script = _SCRIPT.search(template)
    assert script is not None
    digest = hashlib.sha256(script[1].encode()).digest()
    parts = {
        "title": html.escape(clean(title)),
        "script_hash": f"sha256-{base64.b64encode(digest).decode()}",
        **{theme: _variables(colours) for theme, colours in PAGE.items()},
        "forward": PAGE["light"]["forward-text"],  # on the drawing's cards, which are light
        "backward": PAGE["light"]["backward-text"],
        "svg": svg,
        "data": _data(steps),
    }
    # All in one pass, so that what is filled in is not searched for further placeholders.
    return _PLACE.sub(lambda place: parts[place[1]], template)


def _variables(colours: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


def _data(steps: Sequence[Step]) -> str:
    names: dict[str, str] = {}
    graded: set[str] = set()
    for step in steps:
        names |= {node: clean(change.name) for node, change in step.changes.items()}
        if step.phase == "backward":
            graded |= step.changes.keys()
    data = {
        "names": names,
        "leaves": [node for node in steps[0].changes if node in graded],
        "steps": [
            {
                "phase": step.phase,
                "node": step.node,
                "links": step.links,
                "title": clean(step.title),
                "formula": clean(step.formula),
                "evaluated": clean(step.evaluated),
                "lines": [clean(line) for line in step.lines],
                "changes": {
                    node: (change.text, change.exact) for node, change in step.changes.items()
                },
            }
            for step in steps
        ],
    }
    # Written in this way, no name can close the element that contains the data, or open a comment.
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")
