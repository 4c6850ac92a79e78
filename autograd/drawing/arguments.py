"""The arguments of `draw`: they are checked, and a drawing is made from them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any, Literal

from autograd.calls import written_out
from autograd.drawing import dot
from autograd.drawing.drawing import Drawing, Play
from autograd.drawing.expansion import expanded
from autograd.drawing.network import network
from autograd.drawing.palette import LIGHT, PALETTES, Palette
from autograd.drawing.scene import Scene, scene
from autograd.drawing.spy import spy
from autograd.drawing.steps import steps
from autograd.errors import shown, whole_number
from autograd.graph import adjoints
from autograd.rule import LINEAR
from autograd.rules import RULES
from autograd.tracing import is_traced
from autograd.value import Value

__all__ = ["drawing_of"]

WEIGHTED = ("contributions", "both")
GRAPH_LINKS = ("derivatives", *WEIGHTED)
LONGEST = 60  # the maximum number of characters of a name in a title
DIRECTIONS = ("auto", "LR", "TB", "RL", "BT")
PANE = (820.0, 620.0)  # of the page to step through, in a window of 1280 by 800


def drawing_of(
    subject: Any,
    *,
    links: str | None,
    fold: int | Literal["auto"] | None,
    expand: bool | Collection[str],
    between: Iterable[Value] | None,
    within: int | None,
    direction: str,
    limit: int | None,
    theme: str,
) -> Drawing:
    """Draw a graph or a model; see `autograd.draw`, whose arguments these are."""
    auto = isinstance(fold, str) and fold == "auto"
    depth: int | Literal["auto"] | None = "auto" if auto else _count("fold", fold)
    within, limit = _count("within", within), _count("limit", limit)
    _require_choice("direction", direction, *DIRECTIONS)
    _require_choice("theme", theme, *PALETTES)
    colours = PALETTES[theme]
    if (picture := spy(subject)) is not None:
        others = {
            "links": links is not None,
            "fold": depth not in (None, "auto"),
            "expand": expand is not False,
            "between": between is not None,
            "within": within is not None,
            "direction": direction not in ("auto", "LR"),
            "limit": limit is not None,
            "theme": theme != "light",
        }
        for name, given in others.items():
            if given:
                raise TypeError(
                    f"draw: {name}= is for graphs and models, not for a sparse array "
                    f"({type(subject).__name__}): leave it out"
                )
        return picture
    roots = _outputs(subject)
    if roots is None:
        graph_only = {
            "fold": depth not in (None, "auto"),
            "expand": expand is not False,
            "between": between is not None,
            "within": within is not None,
            "direction": direction not in ("auto", "LR"),
        }
        for name, given in graph_only.items():
            if given:
                raise TypeError(
                    f"draw: {name}= is for graphs, not for a model ({type(subject).__name__}): "
                    "leave it out, or draw its graph, draw(model(inputs))"
                )
        return network(subject, links=links or "weights", limit=limit, colours=colours)
    _require_choice("links", links, *GRAPH_LINKS, None)
    if links is not None and any(is_traced(root) for root in roots):
        raise ValueError(
            f"draw: links={links!r} shows numbers, which a program does not have: leave it out"
        )
    chosen = None if between is None else _nodes(between)
    if written := written_out(roots):
        roots = [written.get(root, root) for root in roots]
        chosen = None if chosen is None else [written.get(node, node) for node in chosen]
    if operations := _operations(expand):
        counterparts = expanded(roots, operations)
        roots = [counterparts[root] for root in roots]
        chosen = None if chosen is None else [counterparts.get(node, node) for node in chosen]
    scene_of = partial(
        scene,
        roots,
        links=links,
        fold=depth,
        between=chosen,
        within=within,
        limit=1000 if limit is None else limit,
    )
    play = partial(_play, roots, scene_of, links, direction)
    return _drawing(scene_of(), links, direction, play, colours)


def _outputs(subject: Any) -> list[Value] | None:
    """Take the outputs of a graph as a list; None if the subject is a model."""
    if isinstance(subject, Value):
        return [subject]
    if callable(graph := getattr(subject, "graph", None)) and not isinstance(subject, type):
        return _outputs(graph())
    if any(hasattr(subject, name) for name in ("layers", "neurons", "weights")):
        return None
    try:
        roots = list(subject)
    except TypeError:
        roots = []
    if not roots or not all(isinstance(root, Value) for root in roots):
        raise TypeError(
            "draw: expected a Value, a sequence of Values, a program, or a model with layers of "
            "neurons; for any other model, draw its graph, draw(model(inputs)). Got "
            f"{type(subject).__name__}: {shown(subject)}"
        )
    return list(dict.fromkeys(roots))


def _nodes(between: Any) -> list[Value]:
    try:
        nodes = [between] if isinstance(between, Value) else list(between)
    except TypeError:
        nodes = [None]
    if not all(isinstance(node, Value) for node in nodes):
        raise TypeError(
            f"draw: between must be a Value of the graph or a list of them, got {shown(between)}"
        )
    return nodes


def _require_choice(name: str, given: Any, *choices: str | None) -> None:
    if not isinstance(given, str | None) or given not in choices:
        named = f"{', '.join(map(repr, choices[:-1]))} or {choices[-1]!r}"
        raise ValueError(f"draw: {name} must be {named}, got {shown(given)}")


def _operations(expand: Any) -> bool | set[str]:
    """Check what to expand: everything, nothing, or some operations by name."""
    if isinstance(expand, bool):
        return expand
    try:
        operations = {expand} if isinstance(expand, str) else set(expand)
    except TypeError:
        raise TypeError(
            f"draw: expand must be True, False, or the names of operations, got {shown(expand)}"
        ) from None
    possible = {LINEAR, *(name for name, rule in RULES.items() if rule.expanded)}
    if unknown := operations - possible:
        raise ValueError(
            f"draw: expand={shown(next(iter(unknown)))} is not an operation that can be expanded: "
            f"these are {', '.join(sorted(possible))}"
        )
    return operations


def _count(name: str, number: Any) -> int | None:
    if number is None:
        return None
    also = ", None or 'auto'" if name == "fold" else " or None"
    try:
        return min(whole_number(number, f"draw: {name}", 0, also), sys.maxsize)
    except TypeError as error:  # not one of the choices either
        raise ValueError(str(error)) from None


def _drawing(
    shown: Scene,
    links: str | None,
    direction: str,
    play: Callable[[], Play] | None = None,
    colours: Palette = LIGHT,
) -> Drawing:
    weighted = links in WEIGHTED
    flow = "LR" if direction == "auto" else direction
    source = dot.write(shown, direction=flow, weighted=weighted, colours=colours)
    titles = {box.identifier: box.title for box in shown.boxes}
    titles |= {link.identifier: link.title for link in shown.links}
    names = [dot.clean(box.title).partition(" = ")[0] for box in shown.boxes if box.root]
    outputs = [name.partition("\n")[0] for name in names[:3]]
    outputs = [name if len(name) <= LONGEST else f"{name[:LONGEST]}…" for name in outputs]
    title = f"graph of {', '.join(outputs)}" + (" and others" if len(names) > 3 else "")
    return Drawing(source, titles={**titles, "graph0": title}, title=title, play=play)


def _play(
    roots: list[Value], scene_of: Callable[..., Scene], links: str | None, direction: str
) -> Play:
    """Draw the graph with the gradients of one backward pass, and list the steps."""
    if len(roots) > 1:
        raise ValueError(
            f"to_html steps up to one output, and {len(roots):,} are drawn: draw one of them"
        )
    if is_traced(roots[0]):
        raise ValueError(
            "to_html steps through numbers, which a program does not have: draw the Value that the "
            "function returns"
        )
    shown = scene_of(gradients=adjoints(roots[0]))
    if any(box.kind == "folded" for box in shown.boxes):
        raise ValueError(
            "to_html steps from node to node, and here several nodes are drawn as one box: draw "
            "with fold=None, and a part of a large graph by within= or between="
        )
    boxes = {node: box.identifier for box in shown.boxes for node in box.nodes}
    flows = ("LR", "TB") if direction == "auto" else (direction,)
    drawings = [_drawing(shown, links, flow) for flow in flows]
    drawing = drawings[0] if len(drawings) == 1 else max(drawings, key=_scale)
    return drawing, steps(roots[0], boxes, shown.ends())


def _scale(drawing: Drawing) -> float:
    """Tell how large a drawing is shown if all of it is to be seen on the page."""
    size = _SIZE.search(drawing.svg)
    assert size is not None
    return min(PANE[0] / float(size[1]), PANE[1] / float(size[2]))


_SIZE = re.compile(r'<svg [^>]*width="([\d.]+)pt" height="([\d.]+)pt"')
