"""The colours of drawings and of the page: which colour means what, on light pages and on dark.

No colour has two meanings. The hues are Okabe and Ito's, which can be told apart with every kind of
colour vision (M. Okabe and K. Ito, *Color Universal Design*, 2008); what a colour says, a shape, a
dash or a word says as well.

    blue            what is positive: a contribution, a weight
    vermilion       what is negative; dashed
    sky blue        inputs; ellipses
    orange          parameters; square boxes, dashed if they are frozen
    bluish green    outputs; a double border
    reddish purple  backpropagation, on the page
    slate           evaluation, on the page
    yellow          the node and the links whose turn it is, on the page
    grey            everything else
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["DARK", "LIGHT", "PAGE", "PALETTES", "Palette"]


@dataclass(frozen=True, slots=True)
class Palette:
    """What each part of a drawing is coloured with, as `#rrggbb`.

    Attributes:
        ink: Headings and numbers.
        muted: The words beside them.
        note: What stands on no card: notes, captions.
        line: Links that say nothing by their colour; what is zero.
        card: The boxes of operations, and `edge` their borders.
        edge: See `card`.
        frame: The ground of a module.
        pill: The ground of a number on a link, and of constants.
        folded: Boxes that stand for several nodes.
        frozen: The ground of the number of a frozen weight.
        positive: What is positive.
        negative: What is negative.
        input: The borders of inputs, and `input_card` their ground.
        input_card: See `input`.
        parameter: The borders of parameters, and `parameter_card` their ground.
        parameter_card: See `parameter`.
        output: The borders of outputs, and `output_card` their ground.
        output_card: See `output`.
    """

    ink: str
    muted: str
    note: str
    line: str
    card: str
    edge: str
    frame: str
    pill: str
    folded: str
    frozen: str
    positive: str
    negative: str
    input: str
    input_card: str
    parameter: str
    parameter_card: str
    output: str
    output_card: str


LIGHT = Palette(
    ink="#1A1A1A", muted="#5A5A5A", note="#767676", line="#808080",
    card="#FFFFFF", edge="#6E6E6E", frame="#F1F1F1", pill="#F4F4F4", folded="#E6E6E6",
    frozen="#E2E2E2",
    positive="#0072B2", negative="#D55E00",
    input="#1B5478", input_card="#E2F2FB",
    parameter="#7A5C12", parameter_card="#FBE7C6",
    output="#1B9E77", output_card="#D8F0E6",
)  # fmt: skip
"""For light pages; legible on dark ones too, as text stands on cards of its own."""

DARK = Palette(
    ink="#ECEEF0", muted="#B3B9C1", note="#A2A9B2", line="#8B939D",
    card="#22272E", edge="#8B939D", frame="#1A1F25", pill="#2E343C", folded="#343A42",
    frozen="#4A515A",
    positive="#3FA7E0", negative="#F08A45",
    input="#3A86A8", input_card="#163243",
    parameter="#94732A", parameter_card="#3D3012",
    output="#5FE8BC", output_card="#12382C",
)  # fmt: skip

PALETTES = MappingProxyType({"light": LIGHT, "dark": DARK})
"""The palettes by the name of the theme."""

PAGE = MappingProxyType({
    "light": {
        "page": "#f6f7f8", "sheet": "#ffffff", "line": "#d3d7dc", "edge": "#747b84",
        "text": "#1a1a1a", "quiet": "#565b62", "on-phase": "#ffffff", "graph-text": "#4a4f55",
        "forward": "#4f6076", "forward-text": "#3f4e60",
        "backward": "#6a1f52", "backward-text": "#6a1f52",
        "current": "#f0e442", "current-line": "#6d6500", "focus": "#0050c8",
    },
    "dark": {
        "page": "#14171b", "sheet": "#1d2126", "line": "#3a4048", "edge": "#8b939d",
        "text": "#eceef0", "quiet": "#b3b9c1", "on-phase": "#14171b", "graph-text": "#c9ced5",
        "forward": "#9fb2c8", "forward-text": "#b4c4d6",
        "backward": "#e39cc8", "backward-text": "#ebb0d3",
        "current": "#f0e442", "current-line": "#f0e442", "focus": "#ffd75e",
    },
})  # fmt: skip
"""The colours of the page to step through, as variables of its style sheet. Its drawing is the
light one, on cards of its own, in the dark as well."""
