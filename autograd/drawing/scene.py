"""What a drawing shows of a graph: boxes, the links between them, and what was left out.

A scene is made from a graph in three steps: select the nodes that matter, fold modules and
equivalent nodes into one box each, and describe what remains in words and numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from autograd.drawing.folding import alike, modules
from autograd.errors import counted, shown
from autograd.formatting import SIGNS, derivative_of, formula, names, number, slope
from autograd.formatting import gradient as gradient_of
from autograd.graph import topological_order
from autograd.scopes import ancestors_of, folded, leaf_kind
from autograd.sums import contribution as contribution_of
from autograd.tracing import is_traced
from autograd.value import Value

__all__ = ["Box", "Link", "Scene", "scene"]

CROWD = 60
"""If there are more boxes than this outside the folded modules, equivalent ones become one."""

FAR = 8
"""A leaf whose uses are more than this many levels apart is shown by name at each of them."""

READABLE = 100
"""The number of boxes that is still legible: a graph that is too large is folded to this number."""

MOST_LINKS = 10
"""The maximum number of links per box of the limit; beyond it a drawing is refused."""

MOST_TEXTS, MOST_ASKED = 40, 300
"""The maximum number of texts on links: more would take more room than the graph, so they are only
in the titles, unless they were asked for."""


@dataclass(slots=True, eq=False)
class Box:
    """A box of the drawing: a node, or several that are drawn as one.

    Attributes:
        nodes: The nodes that it stands for.
        kind: "input", "parameter", "frozen", "constant", "operation", "folded", "omitted" (parents
            are left out) or "mention" (of a leaf that is drawn elsewhere).
        name: Its heading.
        operation: The operation, if the heading is a label.
        rows: The lines below the heading: pairs of a word and a number, or text and an empty
            number.
        module: The dotted name of the module that contains it.
        root: Whether it is an output of what is drawn.
        title: All of this in full precision, shown when the pointer rests on it.
        identifier: Its id in the DOT text and the SVG.
        is_module: Whether it stands for a module.
        of: The box of the leaf that this one mentions.
    """

    nodes: list[Value]
    kind: str = "operation"
    name: str = ""
    operation: str = ""
    rows: list[tuple[str, str]] = field(default_factory=list)
    module: str = ""
    root: bool = False
    title: str = ""
    identifier: str = ""
    is_module: bool = False
    of: Box | None = None


@dataclass(slots=True, eq=False)
class Link:
    """A link of the drawing, from a parent to its child; or several, if an end is folded.

    Attributes:
        tail: The parent's box.
        head: The child's box.
        text: The text on it.
        weight: The contribution that flows back along it, which its colour and width may show.
        title: All of this in full precision.
        identifier: Its id in the DOT text and the SVG.
    """

    tail: Box
    head: Box
    text: str = ""
    weight: float | None = None
    title: str = ""
    identifier: str = ""


@dataclass(slots=True)
class Scene:
    """What a drawing shows.

    Attributes:
        boxes: The boxes, parents first.
        links: The links between them.
        notes: What was folded or left out, and the conventions of the drawing.
    """

    boxes: list[Box]
    links: list[Link]
    notes: list[str]

    def ends(self) -> dict[tuple[Value, Value], tuple[str, ...]]:
        """Map each pair of a child and its parent to the identifiers of the links between them."""
        found: dict[tuple[Value, Value], tuple[str, ...]] = {}
        for link in self.links:
            tail = link.tail.of or link.tail
            if tail.nodes:
                ends = link.head.nodes[0], tail.nodes[0]
                found[ends] = (*found.get(ends, ()), link.identifier)
        return found


def scene(
    roots: Sequence[Value],
    *,
    links: str | None = None,
    fold: int | Literal["auto"] | None = None,
    between: Collection[Value] | None = None,
    within: int | None = None,
    limit: int = 1000,
    gradients: Mapping[Value, float] | None = None,
) -> Scene:
    """Decide what a drawing of a graph shows.

    Args:
        roots: The outputs of the graph.
        links: As for `autograd.draw`; so are the arguments that follow.
        fold: The depth of module names at which a module becomes one box; "auto" for the deepest
            that gives a readable picture, if there would be more boxes than the limit.
        between: The nodes from which paths to the outputs are drawn.
        within: The maximum number of links from an output.
        limit: The maximum number of boxes.
        gradients: The gradient of each node; by default, its `grad`.

    Returns:
        The scene.

    Raises:
        ValueError: There would be more boxes than the limit, or the outputs do not depend on a node
            in `between`.

    Example:
        >>> w, x = Value(0.5, "w"), Value(2.0, "x")
        >>> [box.name for box in scene([(w * x).tanh()]).boxes]
        ['w', 'x', '×', 'tanh']
    """
    notes: list[str] = []
    order = topological_order(*roots)
    drawn = _selected(roots, order, between, within, notes)
    if fold is None:
        _check_size(len(drawn), limit, order, fold)
    nodes = [node for node in order if node in drawn]
    parents = {node: tuple([p for p in node.parents if p in drawn]) for node in nodes}
    is_small = len(nodes) <= limit and sum(map(len, parents.values())) <= MOST_LINKS * limit
    if fold == "auto" and is_small:
        fold = None
    # Based on the whole graph: a node at the cut is not a leaf of a module.
    places = modules(order, {node: node.parents for node in order})
    if fold is None:
        keys: dict[Value, Any] = {node: ("node", index) for index, node in enumerate(nodes)}
    else:
        keys, fold = _folded(roots, nodes, parents, places, fold, limit, notes)
        _check_size(len(set(keys.values())), limit, order, fold)
    words = _Words(names(order), gradients or {node: gradient_of(node) for node in nodes})
    boxes = _boxes(roots, nodes, places, keys, words)
    # Of an earlier pass: what it has left would be mistaken for contributions to these outputs.
    stale = not any(words.gradients[root] for root in roots) and any(words.gradients.values())
    found = _links(nodes, boxes, words, links, stale)
    _check_links(len(found), limit)
    result = [*dict.fromkeys(boxes.values()), *_add_stubs(nodes, boxes, found)]
    if fold is None:
        result += _mentions(nodes, parents, found, words.names, notes)
    if links in ("contributions", "both") and any(x.weight is not None for x in found):
        notes.append(
            "contribution along a link: ∂output/∂child · ∂child/∂parent; "
            "wide where it is large, blue if positive, vermilion and dashed if negative"
        )
        if not any(words.gradients.values()):
            notes.append("every gradient is 0: has backward() run?")
    elif links in ("contributions", "both") and stale:
        notes.append(
            "no contributions: the gradients are those of another pass; backward() has not run on "
            "this output"
        )
    if sum(bool(link.text) for link in found) > (MOST_ASKED if links else MOST_TEXTS):
        notes.append("numbers on links: too many to show; each is in the link's title")
        for link in found:
            link.text = ""
    for index, box in enumerate(result):
        box.identifier = f"n{index}"
    for index, link in enumerate(found):
        link.identifier = f"e{index}"
    return Scene(result, found, notes)


def _check_size(count: int, limit: int, order: Sequence[Value], fold: int | None) -> None:
    if count > limit:
        folding = (
            ""
            if fold is not None
            else ("fold modules and nodes alike with fold=1 (fold=0: the whole model is one box), ")
        )
        raise ValueError(
            f"draw: {counted(count, 'box', 'boxes')} would be drawn of a graph of "
            f"{counted(len(order), 'node')}, more than "
            f"the limit of {limit:,}: too many to read, or to lay out in reasonable time. You can "
            f"{folding}draw what is within=3 links of the output, or between=[some, nodes] and the "
            "output, or raise limit="
        )


def _check_links(count: int, limit: int) -> None:
    if count > MOST_LINKS * limit:
        raise ValueError(
            f"draw: {count:,} links would be drawn, more than {MOST_LINKS} times the limit of "
            f"{counted(limit, 'box', 'boxes')}: draw less of it by fold=, within= or between=, or "
            "raise limit="
        )


# --- what is drawn -------------------------------------------------------------------------------


def _selected(
    roots: Sequence[Value],
    order: Sequence[Value],
    between: Collection[Value] | None,
    within: int | None,
    notes: list[str],
) -> set[Value]:
    drawn = set(order)
    if between is not None:
        on_path = set(between)
        if strangers := on_path - drawn:
            raise ValueError(
                f"draw: between holds {shown(next(iter(strangers)))}, on which the output does not "
                "depend"
            )
        on_path.update(roots)
        for node in order:
            if not on_path.isdisjoint(node.parents):
                on_path.add(node)
        _note_left_out(len(drawn) - len(on_path), "beside the paths between the nodes given", notes)
        drawn = on_path
    if within is not None:
        distances = dict.fromkeys(roots, 0)
        for node in reversed(order):  # all of a node's children come before it
            if (distance := distances.get(node, within)) < within:
                for parent in node.parents:
                    distances[parent] = min(distances.get(parent, within), distance + 1)
        near = distances.keys()
        far = len(drawn - near)
        _note_left_out(far, f"more than {counted(within, 'link')} from the output", notes)
        drawn = drawn & near
    return drawn


def _note_left_out(count: int, why: str, notes: list[str]) -> None:
    if count:
        notes.append(f"left out: {counted(count, 'node')} {why}")


# --- what is drawn as one ------------------------------------------------------------------------


def _folded(
    roots: Sequence[Value],
    nodes: Sequence[Value],
    parents: Mapping[Value, Sequence[Value]],
    places: Mapping[Value, str | None],
    fold: int | Literal["auto"],
    limit: int,
    notes: list[str],
) -> tuple[dict[Value, Any], int]:
    """Give each node a key, as `_keys` does, and the depth at which modules are folded."""
    said: list[str] = []
    if fold != "auto":
        keys = _keys(roots, nodes, parents, places, fold, limit, said)
        if not any(key[0] == "module" for key in keys.values()):
            notes.append("no module is folded: no label names one at this depth")
        notes += said
        return keys, fold
    modules = filter(None, {*places.values()})
    deepest = max((len(ancestors_of(module)) for module in modules), default=0)
    for depth in range(deepest, -1, -1):
        keys = _keys(roots, nodes, parents, places, depth, min(limit, 2 * READABLE), said := [])
        if len(set(keys.values())) <= min(limit, READABLE):
            break
    notes.append(
        f"{counted(len(nodes), 'node')} are too many to read: drawn with fold={depth}; within= or "
        "between= draw a part in full"
    )
    notes += said
    return keys, depth


def _keys(
    roots: Sequence[Value],
    nodes: Sequence[Value],
    parents: Mapping[Value, Sequence[Value]],
    places: Mapping[Value, str | None],
    depth: int,
    limit: int,
    notes: list[str],
) -> dict[Value, Any]:
    """Give each node a key, a tuple that starts with its sort; nodes with one key share a box."""
    keys: dict[Value, Any] = {}
    for node in nodes:
        if (module := folded(places[node], depth)) is not None:
            keys[node] = ("module", module)
    count = len(set(keys.values()))
    if keys:
        notes.append(f"folded: {counted(len(keys), 'node')} into {counted(count, 'module')}")
    outside = [node for node in nodes if node not in keys]
    if len(outside) <= CROWD:
        return keys | {node: ("node", index) for index, node in enumerate(outside)}
    if len(roots) <= CROWD:
        keys |= {root: ("root", index) for index, root in enumerate(roots) if root not in keys}
    found = alike(nodes, parents, keys, places, by_operation=False)
    how = "by operation and operands"
    if len(set(found.values())) > max(count + CROWD, limit // 2):
        found = alike(nodes, parents, keys, places, by_operation=True)
        how = "by operation"
    boxes = len({found[node] for node in outside})
    notes.append(f"folded: {counted(len(outside), 'other node')}, {how}, into {boxes:,}")
    return found


# --- how it is drawn -----------------------------------------------------------------------------


class _Words(NamedTuple):
    """What is said about each node: its name, and its gradient."""

    names: Mapping[Value, str]
    gradients: Mapping[Value, float]


def _boxes(
    roots: Sequence[Value],
    nodes: Sequence[Value],
    places: Mapping[Value, str | None],
    keys: Mapping[Value, Any],
    words: _Words,
) -> dict[Value, Box]:
    """Make the boxes; the result also tells which one each node is drawn in."""
    outputs = set(roots)
    by_key: dict[Any, Box] = {}
    for node in nodes:
        box = by_key.get(keys[node]) or by_key.setdefault(keys[node], Box([]))
        box.nodes.append(node)
        box.root = box.root or node in outputs
    for key, box in by_key.items():
        if key[0] == "module":
            box.is_module = True
            box.module = "".join(ancestors_of(key[1])[-2:-1])
        else:
            box.module = places[box.nodes[0]] or ""
    frames = _frames({box.module for box in by_key.values()})
    for key, box in by_key.items():
        box.module = box.module if box.module in frames else ""
        if box.is_module:
            _describe_module(box, key[1], outputs, words)
        elif len(box.nodes) == 1:
            _describe_node(box, words)
        else:
            _describe_copies(box)
    return {node: by_key[keys[node]] for node in nodes}


def _frames(modules: Collection[str]) -> set[str]:
    """Choose the modules that get a frame: those that contain no other.

    Links that cross the frame of a layer would have to go around it, or through all of it, on their
    way to the frame of a neuron.
    """
    around = {outer for module in modules for outer in ancestors_of(module)[:-1]}
    return set(modules) - around - {""}


def _describe_node(box: Box, words: _Words) -> None:
    (node,) = box.nodes
    called, gradient = words.names, words.gradients[node]
    box.kind = "operation" if node.parents else leaf_kind(node)
    # By its name, which numbers the second of two with one label; a blank label does not count.
    named = node.label and not node.label.isspace()
    label = _local(called[node] if named else node.label, box.module)
    sign = SIGNS.get(node.op, node.op)
    box.name, box.operation = (label, sign if sign != label else "") if label else (sign, "")
    if is_traced(node):
        box.title = f"{called[node]} = {formula(node, called)}" if node.parents else called[node]
        return
    box.title = f"{called[node]}\ndata {node.data!r}"
    if box.kind == "constant":
        box.name = label or number(node.data)
        box.rows = [(label, number(node.data))] if label else [(box.name, "")]
        return
    box.rows = [("data", number(node.data)), ("grad", number(gradient))]
    if node.parents:
        box.title = f"{called[node]} = {formula(node, called)}\ndata {node.data!r}"
    box.title += f"\ngrad {gradient!r}"


def _local(label: str | None, module: str) -> str:
    """Shorten a dotted label by the name of the module that the node is drawn in."""
    if not label:
        return ""
    return label.removeprefix(f"{module}.") if module else label


def _describe_module(box: Box, module: str, outputs: Collection[Value], words: _Words) -> None:
    box.kind = "folded"
    box.name = _local(module, box.module) or "model"
    parameters = sum(leaf_kind(node) in {"parameter", "frozen"} for node in box.nodes)
    operations = sum(bool(node.parents) for node in box.nodes)
    box.rows = [(counted(parameters, "parameter"), ""), (counted(operations, "operation"), "")]
    box.title = f"{module or 'model'}: {counted(parameters, 'parameter')}, {box.rows[1][0]}"
    inside = set(box.nodes)
    used = {parent for node in box.nodes for parent in node.parents if parent in inside}
    ends = [node for node in box.nodes if node.parents and (node in outputs or node not in used)]
    if len(ends) == 1 and not is_traced(ends[0]):
        box.rows += [("data", number(ends[0].data)), ("grad", number(words.gradients[ends[0]]))]


def _describe_copies(box: Box) -> None:
    node = box.nodes[0]
    box.kind = "folded"
    copies = len(box.nodes)
    what = SIGNS.get(node.op, node.op) if node.parents else leaf_kind(node)
    stems = {(node.label or "").rstrip("0123456789") for node in box.nodes}
    stem = stems.pop() if len(stems) == 1 else ""
    box.name, box.operation = (f"{stem}…" if stem else what), f"{copies:,} alike"
    box.title = f"{copies:,} nodes drawn as one: {node.op or leaf_kind(node)}"


def _links(
    nodes: Sequence[Value],
    boxes: Mapping[Value, Box],
    words: _Words,
    shown: str | None,
    stale: bool,
) -> list[Link]:
    """Make a link for each parent of a node; one for all of them if an end stands for several.

    If the gradients are stale, no link has a contribution.
    """
    if stale:
        shown = {"both": "derivatives", "contributions": None}.get(str(shown), shown)
    called, gradients = words
    found: list[Link] = []
    bundles: dict[tuple[int, int], list[float | None]] = {}
    for node in nodes:
        head = boxes[node]
        # A constant's derivative is of no interest, and a traced node's is not known.
        unknown = is_traced(node)
        adjoint = 0.0 if unknown else gradients[node]
        for place, (parent, derivative) in enumerate(
            zip(node.parents, node.local_derivatives, strict=True)
        ):
            if parent not in boxes:
                continue
            tail = boxes[parent]
            contribution = contribution_of(node, place, adjoint) if adjoint else 0.0
            if tail.kind == "folded" or head.kind == "folded":
                if tail is not head or not tail.is_module:
                    constant = not parent.parents and leaf_kind(parent) == "constant"
                    bundle = bundles.setdefault((id(tail), id(head)), [])
                    bundle.append(None if constant or unknown or stale else contribution)
                continue
            text = _link_text(node.op, derivative, contribution, None if unknown else shown)
            if unknown or tail.kind == "constant":
                text = text if unknown else ""
                found.append(Link(tail, head, text, title=f"operand of {called[node]}"))
                continue
            symbols = slope(node, place, called)
            title = derivative_of(called[node], called[parent])
            title += f" = {symbols} = {derivative!r}" if symbols else f" = {derivative!r}"
            if stale:
                found.append(Link(tail, head, text, title=title))
                continue
            title += (
                f"\ncontribution to {derivative_of('output', called[parent])}: {contribution!r}"
            )
            found.append(Link(tail, head, text, contribution, title))
    by_id = {id(box): box for box in boxes.values()}
    for (tail_id, head_id), contributions in bundles.items():
        link = Link(by_id[tail_id], by_id[head_id])
        count = len(contributions)
        weights = [contribution for contribution in contributions if contribution is not None]
        link.weight = sum(weights) if weights else None
        link.text = f"{count:,} links" if count > 1 else ""  # a folded end has no derivative
        if shown in ("contributions", "both") and link.weight is not None:
            link.text = f"{link.text}: {number(link.weight)}" if link.text else number(link.weight)
        link.title = (
            f"{counted(count, 'link')} from {_called(link.tail, words)} "
            f"to {_called(link.head, words)}"
        )
        if link.weight is not None:
            link.title += f"\ncontribution{' of all together' * (count > 1)}: {link.weight!r}"
        found.append(link)
    return found


def _called(box: Box, words: _Words) -> str:
    """Name a box in a title: by its node's name, or by its heading and module."""
    if len(box.nodes) == 1 and not box.is_module:
        return words.names[box.nodes[0]]
    return f"{box.module}.{box.name}" if box.module else box.name


def _link_text(op: str, derivative: float, contribution: float, shown: str | None) -> str:
    if shown == "derivatives":
        return number(derivative)
    if shown == "contributions":
        return number(contribution)
    if shown == "both":
        return f"{number(derivative)} ({number(contribution)})"
    # The coefficients of a dot product with plain numbers are operands without a box.
    return f"× {number(derivative)}" if op == "linear" and derivative != 1.0 else ""


def _add_stubs(
    nodes: Sequence[Value],
    boxes: Mapping[Value, Box],
    links: list[Link],
) -> list[Box]:
    """Show where the graph continues: a small box before each one whose parents are left out."""
    missing: dict[int, tuple[Box, int]] = {}
    for node in nodes:
        if count := sum(parent not in boxes for parent in node.parents):
            box, before = missing.get(id(boxes[node]), (boxes[node], 0))
            missing[id(box)] = box, before + count
    stubs = []
    for box, count in missing.values():
        title = f"{counted(count, 'link')} from nodes that are left out"
        stub = Box([], "omitted", f"… {count:,}", title=title, module=box.module)
        stubs.append(stub)
        links.append(Link(stub, box, title=title))
    return stubs


def _mentions(
    nodes: Sequence[Value],
    parents: Mapping[Value, Sequence[Value]],
    links: list[Link],
    called: Mapping[Value, str],
    notes: list[str],
) -> list[Box]:
    """Show a leaf that is used all along the graph by its name at each use.

    Links from one box to each of them would cross the whole drawing, and take Graphviz minutes to
    lay out. The leaf itself, with its numbers, is drawn once.
    """
    levels = dict.fromkeys(nodes, 0)  # distance from an output, by the longest path
    for node in reversed(nodes):
        for parent in parents[node]:
            levels[parent] = max(levels[parent], levels[node] + 1)
    spans: dict[int, tuple[int, int]] = {}
    for link in links:
        if link.tail.nodes and not link.tail.nodes[0].parents:
            level = levels[link.head.nodes[0]]
            nearest, farthest = spans.get(id(link.tail), (level, level))
            spans[id(link.tail)] = min(nearest, level), max(farthest, level)
    found: list[Box] = []
    for link in links:
        nearest, farthest = spans.get(id(link.tail), (0, 0))
        if farthest - nearest > FAR:
            leaf, head = link.tail, link.head
            name = called[leaf.nodes[0]]
            leaf.name = leaf.name or name
            name = _local(name, head.module)
            found.append(Box([], "mention", name, title=leaf.title, module=head.module, of=leaf))
            link.tail = found[-1]
    if found:
        leaves = len({id(box.of) for box in found})
        notes.append(
            f"{leaves:,} {'leaf' if leaves == 1 else 'leaves'} used all along the graph: drawn "
            "once, and shown by name at each use"
        )
    return found
