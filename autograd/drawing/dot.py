"""From a scene to DOT, the language of Graphviz: shapes, colours, type, and escaping.

The boxes are light cards with dark text and the links mid-grey, so that a drawing is legible on
white and on black pages; for black ones there are dark cards too. Kinds of nodes differ in shape as
well as in colour. Which colour means what is in `autograd.drawing.palette`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise
from textwrap import wrap
from typing import Any

from autograd.drawing.palette import LIGHT, Palette
from autograd.drawing.scene import Box, Link, Scene
from autograd.formatting import cut

__all__ = [
    "FONT", "card", "clean", "digraph", "notes", "pill", "root_style", "styles", "text",
    "weighted", "write",
]  # fmt: skip

FONT = "Helvetica,Arial,sans-serif"
LEISURELY = 120
"""Up to this many boxes Graphviz optimises the layout fully; for more that may take minutes."""

ORDERED = 300
"""Up to this many boxes peers are put in order."""

LONGEST = 200
"""The maximum number of characters of a label that are looked at for that."""

_HASTE = {"nslimit": "0.5", "nslimit1": "1", "mclimit": "0.2"}

WIDEST, LINES = 28, 3
"""The maximum length and number of the lines drawn of a label; the title has all of it."""


# --- shapes and colours --------------------------------------------------------------------------


def styles(colours: Palette) -> dict[str, dict[str, str]]:
    """Choose the shape and the colours of each kind of box.

    Args:
        colours: What is coloured how.

    Returns:
        Attributes of nodes, by the kinds of `Box`.

    Example:
        >>> styles(LIGHT)["input"]["shape"]
        'ellipse'
    """
    parameter = {
        "shape": "box", "fillcolor": colours.parameter_card, "color": colours.parameter,
    }  # fmt: skip
    return {
        "input": {
            "shape": "ellipse", "fillcolor": colours.input_card, "color": colours.input,
            "margin": "0.01,0.01",
        },
        "parameter": parameter,
        "frozen": {**parameter, "style": "filled,dashed"},
        "constant": {"shape": "box", "fillcolor": colours.pill, "color": colours.pill},
        "operation": {
            "shape": "box", "fillcolor": colours.card, "color": colours.edge,
            "style": "filled,rounded",
        },
        "folded": {"shape": "folder", "fillcolor": colours.folded, "color": colours.edge},
        "mention": {
            "shape": "box", "fillcolor": colours.pill, "penwidth": "0", "margin": "0.04,0",
        },
        "omitted": {"shape": "plaintext", "fillcolor": "none", "style": ""},
    }  # fmt: skip


def root_style(colours: Palette) -> dict[str, str]:
    """Choose what an output has instead: its colours, and a double border.

    Args:
        colours: What is coloured how.

    Returns:
        Attributes of a node.
    """
    return {
        "fillcolor": colours.output_card, "color": colours.output, "peripheries": "2",
        "penwidth": "1.2",
    }  # fmt: skip


# --- text ----------------------------------------------------------------------------------------

# What XML forbids, control characters that would be invisible, and those that reverse text.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def clean(label: str) -> str:
    r"""Replace characters that cannot be printed.

    Args:
        label: Any text.

    Returns:
        The text, with only line feeds as line breaks, and with U+FFFD for each character that XML
        forbids or that would affect its neighbours.

    Example:
        >>> clean("a\r\nb\x00")
        'a\nb�'
    """
    return _UNPRINTABLE.sub("\ufffd", label.replace("\r\n", "\n").replace("\r", "\n"))


def text(label: str, *, longest: int = WIDEST) -> str:
    r"""Write a label as text of an HTML-like label of Graphviz: nothing in it can be markup.

    Args:
        label: Any text; long lines are broken, between words if possible, and long labels are cut.
        longest: The maximum length of a line.

    Returns:
        The escaped text.

    Example:
        >>> text("a < b\nc")
        'a &lt; b<br/>c'
    """
    lines: list[str] = []
    for line in clean(label).expandtabs(4).split("\n")[: LINES + 1]:
        most = longest * (LINES + 1)  # a line of a million characters takes long to wrap
        lines += wrap(line if len(line) <= most else f"{line[:most]}…", longest) or [""]
    if len(lines) > LINES:
        lines[LINES - 1 :] = [f"{lines[LINES - 1][: longest - 1]}…"]
    # To Graphviz a backslash starts an escape, in HTML-like labels as well.
    return "<br/>".join(escape(line).replace("\\", r"\\") or " " for line in lines)


def card(
    heading: str,
    aside: str = "",
    rows: Iterable[tuple[str, str]] = (),
    *,
    size: int = 12,
    colours: Palette = LIGHT,
) -> str:
    """Lay out a box: a heading, with words and numbers below it.

    Args:
        heading: The first line, in bold.
        aside: The text beside the heading, in grey.
        rows: Pairs of a word, on the left, and a number, on the right.
        size: The heading's size in points.
        colours: What is coloured how.

    Returns:
        An HTML-like label.
    """
    cells = []
    if heading:
        beside = f' <font color="{colours.muted}">{text(aside)}</font>' if aside else ""
        bold = f'<font point-size="{size}"><b>{text(heading)}</b></font>'
        cells.append(f'<tr><td colspan="3">{bold}{beside}</td></tr>')
    for word, number in rows:
        if number:
            cells.append(
                f'<tr><td align="left"><font color="{colours.muted}">{text(word)}</font></td>'
                f'<td width="6"></td><td align="right">{text(number)}</td></tr>'
            )
        else:
            cells.append(
                f'<tr><td colspan="3"><font color="{colours.muted}">{text(word)}</font></td></tr>'
            )
    table = '<table border="0" cellborder="0" cellspacing="0" cellpadding="1">'
    return f"<{table}{''.join(cells) or '<tr><td> </td></tr>'}</table>>"


def pill(words: str, colours: Palette = LIGHT) -> str:
    """Lay out the text on a link, on a background of its own."""
    cell = f'<td bgcolor="{colours.pill}">{text(words)}</td>'
    return f'<<table border="0" cellborder="0" cellpadding="1"><tr>{cell}</tr></table>>'


def notes(lines: Iterable[str], colours: Palette = LIGHT) -> str:
    """Lay out the notes below a drawing, in a grey that is legible on white and on black."""
    written = "".join(f'{text(line, longest=100)}<br align="left"/>' for line in lines)
    return f'<<font point-size="9" color="{colours.note}">{written}</font>>' if written else ""


# --- the graph -----------------------------------------------------------------------------------


def digraph(colours: Palette = LIGHT, **attributes: str) -> Any:
    """Start a directed graph with this project's defaults.

    Args:
        colours: What is coloured how.
        **attributes: Attributes of the graph.

    Returns:
        A `graphviz.Digraph`.
    """
    import graphviz

    return graphviz.Digraph(
        graph_attr={"bgcolor": "transparent", "fontname": FONT, "pad": "0.1", **attributes},
        node_attr={
            "fontname": FONT, "fontsize": "10", "fontcolor": colours.ink, "style": "filled",
            "margin": "0.06,0.03", "width": "0", "height": "0", "penwidth": "1",
        },
        edge_attr={
            "fontname": FONT, "fontsize": "9", "fontcolor": colours.ink, "color": colours.line,
            "arrowsize": "0.6", "penwidth": "1",
        },
    )  # fmt: skip


def write(
    scene: Scene, *, direction: str = "LR", weighted: bool = False, colours: Palette = LIGHT
) -> str:
    """Write a scene as DOT.

    Args:
        scene: What to draw.
        direction: Where the graph flows: LR, TB, RL or BT, in Graphviz's terms.
        weighted: Whether width, colour and dashes of the links show their weights.
        colours: What is coloured how.

    Returns:
        The DOT text.
    """
    label = notes(scene.notes, colours)
    captions = {"label": label, "labelloc": "b", "labeljust": "l"} if label else {}
    density = len(scene.links) / max(len(scene.boxes), 1)  # many links between ranks need room
    graph = digraph(
        colours, rankdir=direction, newrank="true", nodesep="0.18",
        ranksep=f"{min(max(0.1 + 0.12 * density, 0.35), 2.0):.2f}", **captions,
        **(_HASTE if len(scene.boxes) > LEISURELY else {"mclimit": "2"}),
    )  # fmt: skip
    columns = _columns(scene)
    for column in columns:
        with graph.subgraph() as rank:
            rank.attr(rank="same")
            for box in column:
                rank.node(box.identifier)
            for before, after in pairwise(column):
                rank.edge(before.identifier, after.identifier, style="invis", weight="20")
    tops = [next(box for box in column if box.kind == "operation") for column in columns]
    for before, after in pairwise(tops):  # in line, at the height of the first
        graph.edge(before.identifier, after.identifier, style="invis", weight="100", minlen="2")
    column_of = {id(box): place for place, column in enumerate(columns) for box in column}
    if len(scene.boxes) <= ORDERED and not columns:
        for place, row in enumerate(_rows(scene)):
            _write_row(graph, row, f"row{place}")
    # In this order Graphviz tends to place what comes first in the graph first in the drawing too.
    ahead = {"input", "constant"}
    computed = [box for box in reversed(scene.boxes) if box.kind not in ahead]
    _write_boxes(graph, computed + [box for box in scene.boxes if box.kind in ahead], colours)
    weights = [abs(link.weight) for link in scene.links if link.weight is not None]
    largest = max(filter(math.isfinite, weights), default=0.0)
    crowded = {id(x.head) for x in scene.links if _is_own(x) and x.tail.module}
    for link in scene.links:
        # Room for the parameters between a module's inputs and the node that takes both: otherwise
        # they are level with the module before, and the frames lie one below the other.
        between = id(link.head) in crowded and not _is_own(link)
        weight = "1" if link.tail.kind in {"constant", "mention"} else "6"  # straight chains
        ends = column_of.get(id(link.tail)), column_of.get(id(link.head))
        if None not in ends and ends[0] != ends[1]:
            between = True  # room for the leaves of a step before its column
            weight = "0"
        _write_link(
            graph,
            link,
            largest if weighted else None,
            colours,
            minlen="2" if between else "1",
            weight=weight,
        )
    source: str = graph.source
    return source


def _write_row(graph: Any, row: Sequence[Box], name: str) -> None:
    """Have Graphviz place boxes side by side in order, by links that are not drawn."""
    # It ignores an order of what is in frames. So a row of points before them is put in order, and
    # the links from these are such that they would cross in any other.
    framed = any(box.module for box in row)
    chain = [f"{name}_{place}" if framed else box.identifier for place, box in enumerate(row)]
    with graph.subgraph() as rank:
        rank.attr(rank="same")
        if framed:
            for point in chain:
                rank.node(point, "", style="invis", shape="point", width="0.01", height="0.01")
        for before, after in pairwise(chain):
            rank.edge(before, after, style="invis")
    if framed:
        for point, box in zip(chain, row, strict=True):
            for _ in range(4):  # crossings of several count for more than those that are drawn
                graph.edge(point, box.identifier, style="invis")


def _rows(scene: Scene) -> list[list[Box]]:
    """Find boxes that belong side by side, in the order in which a reader looks for them.

    They are peers at one distance from the outputs, whose labels differ in numbers alone: w1 comes
    before w2, and neuron 0 before neuron 1. The leaves of a node come in the order in which it
    takes them, before those of the next peer.
    """
    heads: dict[int, list[Box]] = {}
    tails: dict[int, list[Box]] = {}
    for link in scene.links:
        heads.setdefault(id(link.tail), []).append(link.head)
        tails.setdefault(id(link.head), []).append(link.tail)
    levels = _levels(scene.boxes, heads, tails)
    places = {id(box): place for place, box in enumerate(scene.boxes)}
    peers: dict[tuple[int, str, str], list[Box]] = {}
    for box in scene.boxes:
        stem = _NUMBER.sub("#", _label(box))
        is_leaf = box.kind in {"parameter", "frozen", "constant", "mention", "omitted"}
        if id(box) in levels and "#" in stem and not is_leaf:
            peers.setdefault((levels[id(box)], box.kind, stem), []).append(box)
    rows = [sorted(row, key=lambda box: _numbers(_label(box))) for row in peers.values()]
    for row in rows:
        for place, box in zip(sorted(places[id(box)] for box in row), row, strict=True):
            places[id(box)] = place
    leaves: dict[int, list[tuple[int, int, Box]]] = {}
    taken: set[int] = set()
    for box in sorted(scene.boxes, key=lambda box: places[id(box)]):
        for place, tail in enumerate(tails.get(id(box), ())):
            if tail.kind in {"parameter", "frozen"} and id(tail) not in taken:
                taken.add(id(tail))
                leaves.setdefault(levels.get(id(box), -1), []).append(
                    (places[id(box)], place, tail)
                )
    rows += [[leaf for _, _, leaf in row] for row in leaves.values()]
    return [row for row in rows if len(row) > 1]


def _columns(scene: Scene) -> list[list[Box]]:
    """Find the steps of a recurrence, to be drawn as columns: a step's operations, in their order.

    A leaf that is used all along the graph is used once a step. The leaf whose uses make the
    longest chain counts the steps; what does not depend on it belongs to the step that takes it.
    The first columns begin with such leaves, so that the weights are above.
    """
    heads: dict[int, list[Box]] = {}
    tails: dict[int, list[Box]] = {}
    uses: dict[int, set[int]] = {}
    leaves: dict[int, Box] = {}
    for link in scene.links:
        if link.tail.of is not None:
            leaves[id(link.tail.of)] = link.tail.of
            uses.setdefault(id(link.tail.of), set()).add(id(link.head))
        heads.setdefault(id(link.tail), []).append(link.head)
        tails.setdefault(id(link.head), []).append(link.tail)
    best: tuple[int, int] = (2, 0)
    steps: dict[int, int] = {}
    inner = [box for box in scene.boxes if box.kind == "operation"]
    for using in uses.values():
        counts: dict[int, int] = {}
        for box in inner:
            before = max([counts.get(id(tail), 0) for tail in tails.get(id(box), ())], default=0)
            counts[id(box)] = before + (id(box) in using)
        if (score := (max(counts.values()), sum(counts.values()))) > best:
            best, steps = score, counts
    # Frames have an order of their own; and columns of a box each would only take more room.
    if not steps or len(inner) < 2 * best[0] or any(box.module for box in scene.boxes):
        return []
    for box in reversed(inner):
        if not steps[id(box)]:
            after = [steps[id(head)] for head in heads.get(id(box), ())]
            steps[id(box)] = min(after, default=best[0])
    columns: list[list[Box]] = [[] for _ in range(best[0])]
    for box in inner:
        columns[steps[id(box)] - 1].append(box)
    for place, leaf in enumerate(leaves.values()):
        columns[place % len(columns)].insert(place // len(columns), leaf)
    return [column for column in columns if column]


def _levels(
    boxes: Sequence[Box], heads: Mapping[int, list[Box]], tails: Mapping[int, list[Box]]
) -> dict[int, int]:
    """Count the links from each box to an output, on the longest way; none are on circles."""
    waiting = {id(box): len(heads.get(id(box), ())) for box in boxes}
    levels = {id(box): 0 for box in boxes if not waiting[id(box)]}
    ready = [box for box in boxes if not waiting[id(box)]]
    for box in ready:
        for tail in tails.get(id(box), ()):
            levels[id(tail)] = max(levels.get(id(tail), 0), levels[id(box)] + 1)
            waiting[id(tail)] -= 1
            if not waiting[id(tail)]:
                ready.append(tail)
    return {id(box): levels[id(box)] for box in ready}


_NUMBER = re.compile(r"\d{1,9}")


def _label(box: Box) -> str:
    """Return the label that places a box among its peers; a module's name if it stands for one."""
    if len(box.nodes) == 1 and not box.is_module:
        return cut(box.nodes[0].label or "", LONGEST)
    return cut(f"{box.module}.{box.name}", LONGEST) if box.is_module else ""


def _numbers(label: str) -> list[int]:
    return [int(number) for number in _NUMBER.findall(label)]


def _write_boxes(graph: Any, boxes: Iterable[Box], colours: Palette) -> None:
    """Write the boxes, each in the frame of its module."""
    by_module: dict[str, list[Box]] = {}
    for box in boxes:
        by_module.setdefault(box.module, []).append(box)
    for box in by_module.pop("", ()):
        _write_box(graph, box, colours)
    for module, inside in by_module.items():
        with graph.subgraph(name=f"cluster_{module}") as frame:
            frame.attr(
                label=f'<<font point-size="10" color="{colours.muted}">{text(module)}</font>>',
                labeljust="l", labelloc="t", style="filled,rounded", margin="8",
                fillcolor=colours.frame, color=colours.frame,
            )  # fmt: skip
            for box in sorted(inside, key=_leaves_in_order):
                _write_box(frame, box, colours)


def _leaves_in_order(box: Box) -> tuple[bool, int]:
    """A sort key for the boxes of a frame: operations in their order, then the leaves."""
    leaf = box.kind in {"parameter", "frozen"}
    return leaf, int(box.identifier[1:]) if leaf else 0


def _write_box(cluster: Any, box: Box, colours: Palette) -> None:
    looks = styles(colours)
    attributes = {**looks[box.kind], **(root_style(colours) if box.root else {})}
    size = 14 if len(box.name) == 1 and not box.name.isalnum() else 12
    label = card(box.name, box.operation, box.rows, size=size, colours=colours)
    if box.kind == "constant":
        label = card("", "", box.rows, colours=colours)
    elif box.of:
        label = card("", "", [(box.name, "")], colours=colours)
        attributes["fillcolor"] = looks[box.of.kind]["fillcolor"]
    elif box.kind == "omitted":  # without a background of its own
        label = notes([box.name], colours)
    kind = f"{box.kind} root" if box.root else box.kind
    cluster.node(box.identifier, label, id=box.identifier, **{"class": kind}, **attributes)


def _is_own(link: Link) -> bool:
    """Tell whether a link comes from a leaf that is drawn beside its head."""
    return link.tail.kind in {"parameter", "frozen", "constant", "omitted", "mention"}


def _write_link(
    graph: Any, link: Link, largest: float | None, colours: Palette, **attributes: str
) -> None:
    attributes |= {"id": link.identifier, "class": "link"}
    if link.text:
        attributes["label"] = pill(link.text, colours)
    if link.tail.kind == "omitted":
        attributes |= {"style": "dotted", "arrowhead": "none"}
    elif largest is not None and link.weight is not None:
        attributes |= weighted(link.weight, largest, colours)
    graph.edge(link.tail.identifier, link.head.identifier, **attributes)


def weighted(weight: float, largest: float, colours: Palette = LIGHT) -> dict[str, str]:
    """Choose colour, dashes and width of a link that carries a weight.

    Args:
        weight: The weight; may be infinite or nan.
        largest: The largest size of a finite weight in the drawing.
        colours: What is coloured how.

    Returns:
        Attributes of an edge: blue for positive, vermilion and dashed for negative, wide for large.

    Example:
        >>> weighted(-1.0, 4.0)
        {'color': '#D55E00', 'style': 'dashed', 'penwidth': '2'}
    """
    if not weight:
        return {"color": colours.line, "penwidth": "0.5"}
    if not math.isfinite(weight):
        return {"color": colours.ink, "penwidth": "4"}
    share = (abs(weight) / largest) ** 0.5 if largest else 0.0
    style = {"style": "dashed"} if weight < 0.0 else {}
    return {
        "color": colours.negative if weight < 0.0 else colours.positive, **style,
        "penwidth": f"{0.5 + 3.0 * share:.3g}",
    }  # fmt: skip
