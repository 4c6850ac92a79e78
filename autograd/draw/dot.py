"""From a scene to DOT, the language of Graphviz: shapes, colours, type, and escaping.

The boxes are light cards with dark text and the links mid-grey, so that a drawing is legible on a
white page and on a black one. Kinds of nodes differ in shape as well as in colour, and the colours
are Okabe and Ito's, which every kind of colour vision tells apart (M. Okabe and K. Ito, *Color
Universal Design*, 2008).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from html import escape
from itertools import pairwise
from typing import Any

from autograd.draw.folding import ancestors_of
from autograd.draw.scene import Box, Link, Scene

__all__ = [
    "BLUE", "FONT", "GREY", "INK", "MUTED", "NOTE", "VERMILION",
    "card", "digraph", "notes", "text", "write",
]  # fmt: skip

FONT = "Helvetica,Arial,sans-serif"
INK, MUTED, NOTE, GREY = "#1A1A1A", "#5A5A5A", "#767676", "#808080"
BLUE, VERMILION = "#0072B2", "#D55E00"

STYLES = {
    "input": {"shape": "ellipse", "fillcolor": "#DCEBF7", "color": BLUE, "margin": "0.01,0.01"},
    "parameter": {"shape": "box", "fillcolor": "#FBE7C6", "color": "#B07A00"},
    "frozen": {
        "shape": "box", "fillcolor": "#FBE7C6", "color": "#B07A00", "style": "filled,dashed",
    },
    "constant": {"shape": "box", "fillcolor": "#EEEEEE", "color": "#EEEEEE", "style": "filled"},
    "operation": {
        "shape": "box", "fillcolor": "#FFFFFF", "color": "#6E6E6E", "style": "filled,rounded",
    },
    "folded": {"shape": "folder", "fillcolor": "#E8E4F1", "color": "#6A5A8C"},
    "omitted": {"shape": "plaintext", "fillcolor": "none", "style": ""},
}  # fmt: skip
ROOT = {"fillcolor": "#FBE0D2", "color": VERMILION, "peripheries": "2", "penwidth": "1.2"}
CLUSTERS = ("#F4F4F4", "#EAEAEA")  # by depth, in turns

WIDEST, LINES = 28, 3
"""The most characters of a line, and lines of a label, that are drawn; the title holds all."""


# --- text ----------------------------------------------------------------------------------------

# Whatever XML forbids, controls that would be invisible, and those that reverse what follows them.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def clean(label: str) -> str:
    r"""Replace what cannot be printed.

    Args:
        label: Any text.

    Returns:
        The text with U+FFFD for each character that XML forbids or that would disturb its
        neighbours, and with plain line feeds.

    Example:
        >>> clean("a\r\nb\x00")
        'a\nb�'
    """
    return _UNPRINTABLE.sub("\ufffd", label.replace("\r\n", "\n").replace("\r", "\n"))


def text(label: str) -> str:
    r"""Write a label as text of an HTML-like label of Graphviz: nothing in it can be markup.

    Args:
        label: Any text; long lines are broken, and long labels cut short.

    Returns:
        The escaped text.

    Example:
        >>> text("a < b\nc")
        'a &lt; b<br/>c'
    """
    lines: list[str] = []
    for line in clean(label).expandtabs(4).split("\n"):
        lines += [line[i : i + WIDEST] for i in range(0, len(line), WIDEST)] or [""]
        if len(lines) > LINES:
            lines[LINES - 1 :] = [f"{lines[LINES - 1][: WIDEST - 1]}…"]
            break
    return "<br/>".join(escape(line) or " " for line in lines)


def card(
    heading: str, aside: str = "", rows: Iterable[tuple[str, str]] = (), *, size: int = 12
) -> str:
    """Lay out a box: a heading, and below it words and numbers.

    Args:
        heading: What stands on top, in bold.
        aside: What stands beside it, in grey.
        rows: Pairs of a word, at the left, and a number, at the right.
        size: The heading's size in points.

    Returns:
        An HTML-like label.
    """
    cells = []
    if heading:
        beside = f' <font color="{MUTED}">{text(aside)}</font>' if aside else ""
        bold = f'<font point-size="{size}"><b>{text(heading)}</b></font>'
        cells.append(f'<tr><td colspan="3">{bold}{beside}</td></tr>')
    for word, number in rows:
        if number:
            cells.append(
                f'<tr><td align="left"><font color="{MUTED}">{text(word)}</font></td>'
                f'<td width="6"></td><td align="right">{text(number)}</td></tr>'
            )
        else:
            cells.append(f'<tr><td colspan="3"><font color="{MUTED}">{text(word)}</font></td></tr>')
    table = '<table border="0" cellborder="0" cellspacing="0" cellpadding="1">'
    return f"<{table}{''.join(cells) or '<tr><td> </td></tr>'}</table>>"


def pill(words: str) -> str:
    """Lay out what stands on a link: dark text on a light ground of its own."""
    cell = f'<td bgcolor="#F4F4F4">{text(words)}</td>'
    return f'<<table border="0" cellborder="0" cellpadding="1"><tr>{cell}</tr></table>>'


def notes(lines: Iterable[str]) -> str:
    """Lay out the notes under a drawing, in a grey that is legible on white and on black."""
    written = "".join(f'{escape(clean(line))}<br align="left"/>' for line in lines)
    return f'<<font point-size="9" color="{NOTE}">{written}</font>>' if written else ""


# --- the graph -----------------------------------------------------------------------------------


def digraph(**attributes: str) -> Any:
    """Start a directed graph with this project's defaults.

    Args:
        **attributes: Attributes of the graph.

    Returns:
        A `graphviz.Digraph`.
    """
    import graphviz

    return graphviz.Digraph(
        graph_attr={"bgcolor": "transparent", "fontname": FONT, "pad": "0.1", **attributes},
        node_attr={
            "fontname": FONT, "fontsize": "10", "fontcolor": INK, "style": "filled",
            "margin": "0.06,0.03", "width": "0", "height": "0", "penwidth": "1",
        },
        edge_attr={
            "fontname": FONT, "fontsize": "9", "fontcolor": INK, "color": GREY,
            "arrowsize": "0.6", "penwidth": "1",
        },
    )  # fmt: skip


def write(scene: Scene, *, direction: str = "LR", weighted: bool = False) -> str:
    """Write a scene as DOT.

    Args:
        scene: What is to be drawn.
        direction: Where the graph flows: LR, TB, RL or BT, as Graphviz has it.
        weighted: Whether width, colour and dashes of the links show their weights.

    Returns:
        The DOT text.
    """
    label = notes(scene.notes)
    captions = {"label": label, "labelloc": "b", "labeljust": "l"} if label else {}
    graph = digraph(
        rankdir=direction, newrank="true", nodesep="0.18",
        ranksep=f"{min(0.35 + len(scene.links) / 200, 2.0):.2f}", **captions,
    )  # fmt: skip
    _write_boxes(graph, scene.boxes[::-1])  # Graphviz then places them from the first to the last
    weights = [abs(link.weight) for link in scene.links if link.weight is not None]
    largest = max(filter(math.isfinite, weights), default=0.0)
    with_leaves = {id(link.head) for link in scene.links if _within_module(link)}
    for link in scene.links:
        # Room for the parameters between what feeds a module and the node that takes both: else the
        # parameters stand level with the module before, and the frames one below the other.
        between = id(link.head) in with_leaves and not _within_module(link)
        _write_link(graph, link, largest if weighted else None, minlen="2" if between else "1")
    source: str = graph.source
    return source


def _write_boxes(graph: Any, boxes: Iterable[Box]) -> None:
    """Write the boxes, each in the cluster of its module, and that in the one around it."""
    by_module: dict[str, list[Box]] = {}
    for box in boxes:
        by_module.setdefault(box.module, []).append(box)
    children: dict[str, list[str]] = {}
    for module in by_module:
        around = ["", *ancestors_of(module)]
        for outer, inner in pairwise(around):
            if inner not in children.setdefault(outer, []):
                children[outer].append(inner)

    def fill(cluster: Any, module: str, depth: int) -> None:  # as deep as modules are nested
        for box in by_module.get(module, ()):
            _write_box(cluster, box)
        for inner in children.get(module, ()):
            with cluster.subgraph(name=f"cluster_{inner}") as nested:
                title = text(inner)
                nested.attr(
                    label=f'<<font point-size="10" color="{MUTED}">{title}</font>>',
                    labeljust="l", labelloc="t", style="filled,rounded", margin="8",
                    fillcolor=CLUSTERS[depth % 2], color=CLUSTERS[depth % 2],
                )  # fmt: skip
                fill(nested, inner, depth + 1)

    fill(graph, "", 0)


def _write_box(cluster: Any, box: Box) -> None:
    attributes = {**STYLES[box.kind], **(ROOT if box.root else {})}
    size = 14 if len(box.name) == 1 and not box.name.isalnum() else 12
    label = card(box.name, box.operation, box.rows, size=size)
    if box.kind in {"constant", "omitted"}:
        label = card("", "", [(box.name, "")])
    kind = f"{box.kind} root" if box.root else box.kind
    cluster.node(box.identifier, label, id=box.identifier, **{"class": kind}, **attributes)


def _within_module(link: Link) -> bool:
    """Tell whether a link comes from a leaf in the module of its head, or in one around it."""
    leaf = link.tail.kind in {"parameter", "frozen", "constant", "omitted"}
    return leaf and link.tail.module in ancestors_of(link.head.module)


def _write_link(graph: Any, link: Link, largest: float | None, **attributes: str) -> None:
    attributes |= {"id": link.identifier, "class": "link"}
    if link.text:
        attributes["label"] = pill(link.text)
    if link.tail.kind == "omitted":
        attributes |= {"style": "dotted", "arrowhead": "none"}
    elif largest is not None and link.weight is not None:
        attributes |= weighted(link.weight, largest)
    graph.edge(link.tail.identifier, link.head.identifier, **attributes)


def weighted(weight: float, largest: float) -> dict[str, str]:
    """Choose colour, dashes and width of a link that carries a weight.

    Args:
        weight: What it carries; may be infinite or nan.
        largest: The largest finite size of a weight in the drawing.

    Returns:
        Attributes of an edge: blue for positive, vermilion and dashed for negative, wide for large.

    Example:
        >>> weighted(-1.0, 4.0)
        {'color': '#D55E00', 'style': 'dashed', 'penwidth': '2'}
    """
    if not weight:
        return {"color": GREY, "penwidth": "0.5"}
    if not math.isfinite(weight):
        return {"color": INK, "penwidth": "4"}
    share = (abs(weight) / largest) ** 0.5 if largest else 0.0
    style = {"style": "dashed"} if weight < 0.0 else {}
    return {
        "color": VERMILION if weight < 0.0 else BLUE, **style,
        "penwidth": f"{0.5 + 3.0 * share:.3g}",
    }  # fmt: skip
