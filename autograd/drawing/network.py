"""The textbook picture of a model: columns of circles, joined by links with weights.

The circles are positioned here, and Graphviz only draws: its layouts would order a column by its
links, while a reader looks for the third neuron in the third place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import Any

from autograd.drawing.dot import clean, digraph, notes, root_style, styles
from autograd.drawing.drawing import Drawing
from autograd.drawing.palette import LIGHT, Palette
from autograd.errors import counted, whole_number
from autograd.errors import shown as brief
from autograd.formatting import cut, gradient, number, width
from autograd.scopes import leaf_kind
from autograd.value import Value

__all__ = ["network"]

# In inches, except for the sizes of letters, which are in points.
CIRCLE = 0.58
PITCH, WIDE_PITCH, FEW = 0.7, 0.95, 6  # from circle to circle; wide for a few of them
GAP, NUMBERED_GAP, WIDEST_GAP = 2.2, 2.9, 4.8  # from column to column
PILL, LETTER = 0.26, 0.075  # the height of a number with the space around it; a letter's width
LETTERS, SMALL, TINY = 12, 9, 7

NUMBERED = 24
"""The maximum number of links that have their numbers written on them."""

DASHES = {"positive": "solid", "negative": "dashed", "line": "dotted"}
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
DEFAULT_LABEL = re.compile(r"(.*\.)?(weights\.\d+|bias)", re.DOTALL)


MOST_LINES = 300
"""If there would be more links than this, weights are drawn as cells of matrices."""

CELLS = 48
"""The maximum number of rows and of columns of a matrix; beyond it, cells stand for blocks."""


def network(
    model: Any, *, links: str = "weights", limit: int | None = None, colours: Palette = LIGHT
) -> Drawing:
    """Draw a model as textbooks do: its layers as columns of circles, linked by weights.

    If that would be more than 300 links, and no limit is given, the weights of each layer are drawn
    as a matrix instead: a row for each neuron, a column for each input, and the biases beside them.

    A link is blue if its weight is positive, vermilion and dashed if it is negative, and wider the
    larger it is. The circles marked 1 at the foot of the columns are bias units: the links from
    them are the biases. If there are few links, each has its number written on it, after its label
    if it has one.

    Args:
        model: An object with `layers`, one such layer with `neurons`, or one such neuron with
            `weights`, a `bias` or None, and an `activation`. Each neuron must have a weight for
            every neuron of the layer before.
        links: What the links show: "weights", or the "gradients" that `backward()` has left in
            them.
        limit: The maximum number of circles in a column, by default 12; those in the middle are
            left out, and counted.
        colours: What is coloured how.

    Returns:
        The drawing.

    Raises:
        TypeError: The model does not have this form.
        ValueError: The layers do not fit together, `links` is neither of the two, or `limit` is
            less than 1.

    Example:
        >>> from types import SimpleNamespace
        >>> weights = [Value(0.5, "w1"), Value(-1.5, "w2")]
        >>> neuron = SimpleNamespace(weights=weights, bias=Value(1.0, "b"), activation=math.tanh)
        >>> drawing = network(neuron)
        >>> "w2 = −1.5, gradient 0: weight 1 of the neuron, from input x₂" in drawing.svg
        True
    """
    if not isinstance(links, str) or links not in ("weights", "gradients"):
        raise ValueError(
            f"draw: links of a model must be 'weights' or 'gradients', got {brief(links)}"
        )
    most = 12 if limit is None else whole_number(limit, "draw: limit", 1)
    layers = _layers(model)
    drawn = [_shown(size, most) for size in _sizes(layers)]
    if limit is None and sum(len(a) * len(b) for a, b in pairwise(drawn)) > MOST_LINES:
        return _matrices(layers, links, colours)
    found = _links(layers, drawn, links)
    picture = _Picture(colours)
    numbered = len(found) <= NUMBERED
    columns = _columns(layers, drawn, found if numbered else None)
    for column in columns:
        for circle in column.circles:
            picture.circle(circle)
        if column.left_out:
            y = column.left_out_y
            picture.words(column.x, y + 0.08, "omitted", "⋮", LETTERS + 4)
            picture.words(column.x, y - 0.14, "omitted", f"{column.left_out:,} more")
    ends = {circle.key: circle for column in columns for circle in column.circles}
    largest = max((abs(link.number) for link in found if math.isfinite(link.number)), default=0.0)
    for link in found:
        picture.link(link, _width(link.number, largest) * (1.0 if numbered else 0.7))
    if numbered:
        for link in found:
            tail, head = ends[link.tail], ends[link.head]
            t = _place_of_numbers(columns[link.tail[0]].rows, columns[link.head[0]].neurons)
            picture.pill(link, (1 - t) * tail.x + t * head.x, (1 - t) * tail.y + t * head.y)
    top = max(circle.y for circle in ends.values()) + 0.75
    for column in columns:
        name, contents = column.caption
        picture.words(column.x, top, "caption", name, LETTERS - 1)
        picture.words(column.x, top - 0.19, "caption", contents)
    total = sum(len(n.weights) + (n.bias is not None) for layer in layers for n in layer.neurons)
    foot = min(circle.y for circle in ends.values()) - 0.65
    _add_legend(picture, found, total, links, columns[-1].x / 2, foot)
    title = f"network of {'-'.join(map(str, _sizes(layers)))} neurons"
    return Drawing(picture.source(), "neato", {**picture.titles, "graph0": title}, title=title)


def _shown(size: int, limit: int) -> list[int]:
    """Choose which circles of a column to draw: all, or equally many from its top and its foot."""
    if size <= limit:
        return [*range(size)]
    return [*range((limit + 1) // 2), *range(size - limit // 2, size)]


# --- reading the model ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Neuron:
    name: str
    weights: Sequence[Value]
    bias: Value | None
    activation: str


@dataclass(frozen=True, slots=True)
class _Layer:
    name: str
    neurons: list[_Neuron]


def _layers(model: Any) -> list[_Layer]:
    """Read the layers of a model, and check that they fit together."""
    if hasattr(model, "layers"):
        layers = [
            _layer(layer, f"layers.{i}") for i, layer in enumerate(_items(model.layers, "layers"))
        ]
    elif hasattr(model, "neurons"):
        layers = [_layer(model, "")]
    elif hasattr(model, "weights"):
        layers = [_Layer("", [_neuron(model, "")])]
    else:
        raise TypeError(
            "draw: a model must have `layers` of `neurons` of `weights`, or be one such layer or "
            f"neuron, got {type(model).__name__}"
        )
    inputs = _sizes(layers)[0]
    before = f"{layers[0].neurons[0].name or 'the neuron'} has {counted(inputs, 'weight')}"
    for layer in layers:
        for neuron in layer.neurons:
            if len(neuron.weights) != inputs:
                raise ValueError(
                    f"draw: {neuron.name} has {counted(len(neuron.weights), 'weight')}, but "
                    f"{before}"
                )
        inputs = len(layer.neurons)
        before = f"{layer.name} has {counted(inputs, 'neuron')}"
    return layers


def _sizes(layers: Sequence[_Layer]) -> list[int]:
    """Count the inputs, and the neurons of each layer."""
    return [len(layers[0].neurons[0].weights), *(len(layer.neurons) for layer in layers)]


def _layer(layer: Any, name: str) -> _Layer:
    if not hasattr(layer, "neurons"):
        raise TypeError(f"draw: {name} is of type {type(layer).__name__}, and has no `neurons`")
    inside = f"{name}.neurons".lstrip(".")
    neurons = _items(layer.neurons, inside)
    return _Layer(name, [_neuron(neuron, f"{inside}.{i}") for i, neuron in enumerate(neurons)])


def _neuron(neuron: Any, name: str) -> _Neuron:
    of = f"{name} is" if name else "the neuron is"
    if not hasattr(neuron, "weights"):
        raise TypeError(f"draw: {of} of type {type(neuron).__name__}, and has no `weights`")
    weights = _items(neuron.weights, f"{name}.weights".lstrip("."))
    bias = getattr(neuron, "bias", None)
    for parameter in weights if bias is None else [*weights, bias]:
        if not isinstance(parameter, Value):
            raise TypeError(
                f"draw: weights and biases must be Values, and {name or 'the neuron'} has "
                f"{brief(parameter)}"
            )
    activation = getattr(neuron, "activation", None)
    if activation is None:
        called = "linear"
    else:
        called = getattr(activation, "__name__", None) or type(activation).__name__
    return _Neuron(name, weights, bias, str(called))


def _items(container: Any, name: str) -> list[Any]:
    try:
        items = list(container)
    except TypeError:
        raise TypeError(f"draw: {name} must be a sequence, but is {brief(container)}") from None
    if not items:
        raise ValueError(f"draw: {name} is empty")
    return items


# --- links ---------------------------------------------------------------------------------------

BIAS = -1
"""The position of the bias unit in a column, in the keys of circles."""


@dataclass(slots=True)
class _Link:
    tail: tuple[int, int]  # column and position
    head: tuple[int, int]
    number: float
    label: str
    frozen: bool
    title: str
    identifier: str


def _links(layers: Sequence[_Layer], drawn: Sequence[Sequence[int]], what: str) -> list[_Link]:
    found: list[_Link] = []
    for column, layer in enumerate(layers):
        for j in drawn[column + 1]:
            neuron = layer.neurons[j]
            ends: list[tuple[int, Value]] = [(i, neuron.weights[i]) for i in drawn[column]]
            if neuron.bias is not None:
                ends.append((BIAS, neuron.bias))
            for i, parameter in ends:
                label = cut(parameter.label or "")
                own = "" if DEFAULT_LABEL.fullmatch(label) or label.isspace() else label
                numbers = (
                    f"{number(parameter.data, 12)}, gradient {number(gradient(parameter), 12)}"
                )
                frozen = leaf_kind(parameter) == "frozen"
                part = "bias" if i == BIAS else f"weight {i}"
                source = "" if i == BIAS else f", from {_name(layers, column, i)}"
                found.append(
                    _Link(
                        tail=(column, i),
                        head=(column + 1, j),
                        number=parameter.data if what == "weights" else gradient(parameter),
                        label=own,
                        frozen=frozen,
                        title=f"{own or label or part} = {numbers}{', frozen' * frozen}: "
                        f"{part} of {neuron.name or 'the neuron'}{source}",
                        identifier=f"e{len(found)}",
                    )
                )
    return found


def _name(layers: Sequence[_Layer], column: int, i: int) -> str:
    if column == 0:
        return f"input {_subscripted('x', i)}"
    return layers[column - 1].neurons[i].name or "the neuron"


def _subscripted(letter: str, i: int) -> str:
    return letter + str(i + 1).translate(SUBSCRIPTS)


# --- places --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Circle:
    key: tuple[int, int]
    kind: str
    x: float
    y: float
    words: str
    title: str


@dataclass(slots=True)
class _Column:
    caption: tuple[str, str]
    neurons: int  # positions in it: of neurons or inputs, and of the dots for those left out
    rows: int  # the same, with that of the bias unit
    left_out: int
    left_out_y: float = 0.0
    x: float = 0.0
    circles: list[_Circle] = field(default_factory=list)


def _columns(
    layers: Sequence[_Layer], drawn: Sequence[Sequence[int]], numbered: Sequence[_Link] | None
) -> list[_Column]:
    """Position every circle, with room for the numbers of the links if links are given."""
    columns = []
    for c, (shown, size) in enumerate(zip(drawn, _sizes(layers), strict=True)):
        neurons = len(shown) + (size > len(shown))
        biased = c < len(layers) and any(n.bias is not None for n in layers[c].neurons)
        caption = _caption(layers[c - 1]) if c else ("input", counted(size, "value"))
        columns.append(_Column(caption, neurons, neurons + biased, size - len(shown)))
    pitch, gap = _distances(columns, numbered)
    for c, (shown, column) in enumerate(zip(drawn, columns, strict=True)):
        column.x = c * gap
        ys = [pitch * ((column.neurons - 1) / 2 - row) for row in range(column.rows)]
        hole = (len(shown) + 1) // 2
        if column.left_out:
            column.left_out_y = ys.pop(hole)
        places = zip(shown, ys[: len(shown)], strict=True)
        column.circles += [_circle(layers, c, i, column.x, y) for i, y in places]
        if column.rows > column.neurons:
            title = f"the bias unit of {layers[c].name or 'the neuron'}: always 1"
            column.circles.append(_Circle((c, BIAS), "bias", column.x, ys[-1], "1", title))
    return columns


def _distances(columns: Sequence[_Column], numbered: Sequence[_Link] | None) -> tuple[float, float]:
    """Choose the distance between circles, and the one between columns.

    The distance between columns makes the whole about as wide as it is high, within limits.
    """
    rows = max(column.rows for column in columns)
    gaps = [*pairwise(columns)]
    pitch, narrowest = PITCH, GAP
    if numbered is not None:
        pitch = WIDE_PITCH if rows < FEW else PITCH
        crowd = max(min(tail.rows, head.neurons) for tail, head in gaps)
        pitch = max(pitch, PILL * (max(crowd, 2) + 1))
        longest = max(width(_written(link)) for link in numbered)
        places = [_place_of_numbers(tail.rows, head.neurons) for tail, head in gaps]
        room = CIRCLE / 2 + LETTER * (longest + 2) / 2 + 0.1
        narrowest = max(NUMBERED_GAP, room / min(min(t, 1 - t) for t in places))
    return pitch, max(narrowest, min(pitch * (rows + 1) / len(gaps), WIDEST_GAP))


def _circle(layers: Sequence[_Layer], c: int, i: int, x: float, y: float) -> _Circle:
    if c == 0:
        name = _subscripted("x", i)
        return _Circle((c, i), "input", x, y, name, f"input {name}")
    neuron = layers[c - 1].neurons[i]
    # A name that does not fit in the circle is in the caption and in the title.
    fits = len(neuron.activation) <= 8 and neuron.activation.isidentifier()
    words = neuron.activation if fits else "f"
    title = f"{neuron.name or 'the neuron'}: {neuron.activation} of its net input"
    return _Circle((c, i), "output" if c == len(layers) else "hidden", x, y, words, title)


def _caption(layer: _Layer) -> tuple[str, str]:
    activations = list(dict.fromkeys(neuron.activation for neuron in layer.neurons))
    called = _line(activations[0], 16) if len(activations) == 1 else "several activations"
    if not layer.neurons[0].name:
        return "neuron", called
    return layer.name or "layer", f"{counted(len(layer.neurons), 'neuron')} · {called}"


def _place_of_numbers(rows: int, neurons: int) -> float:
    """Choose how far along the links between two columns their numbers are placed.

    Links fan out from their tails and into their heads. If the distances from tail and head are in
    the ratio of 1 to the number of heads, the links pass one another at equal distances, an (n +
    1)-th of that between circles, so that no number hides another; and likewise from the other
    side, if there are fewer tails.
    """
    if neurons <= rows:
        return 1 / (max(neurons, 2) + 1)
    return 1 - 1 / (max(rows, 2) + 1)


def _written(link: _Link) -> str:
    return f"{_line(link.label, 10)} {number(link.number)}".strip()


def _line(words: str, length: int) -> str:
    """Put a label on one line of limited length."""
    words = " ".join(clean(words).split())
    return words if len(words) <= length else words[: length - 1] + "…"


# --- the picture ---------------------------------------------------------------------------------


class _Picture:
    """The DOT text, as it grows, and the titles of its elements."""

    def __init__(self, colours: Palette) -> None:
        self.colours = colours
        kinds = styles(colours)
        # Fills and borders: those of the nodes of a graph that the circles stand for.
        self._fills = {
            "input": kinds["input"],
            "hidden": kinds["operation"],
            "output": root_style(colours),
            "bias": {**kinds["constant"], "color": colours.edge},
        }
        self.titles: dict[str, str] = {}
        self._names: dict[tuple[int, int], str] = {}
        self._nodes = 0
        self._edges = 0
        # Links end at the circles, but pass below the numbers.
        self._graph = digraph(colours, splines="line", outputorder="edgesfirst", overlap="true")

    def source(self) -> str:
        return str(self._graph.source)

    def circle(self, circle: _Circle) -> None:
        look = self._fills[circle.kind]
        label = escape(circle.words)
        if circle.kind in ("hidden", "output"):
            label = f'<Σ<BR/><FONT POINT-SIZE="{TINY}">{label}</FONT>>'
        ringed = circle.kind == "output"
        self._names[circle.key] = self._node(
            circle.x, circle.y, label, f"circle {circle.kind}", circle.title, shape="circle",
            width=f"{CIRCLE - 0.08 * ringed:.2f}", fixedsize="true", fontsize=str(LETTERS),
            fillcolor=look["fillcolor"], color=look["color"], peripheries=str(1 + ringed),
            margin="0",
        )  # fmt: skip

    def words(self, x: float, y: float, kind: str, words: str, size: int = SMALL) -> None:
        self._node(
            x,
            y,
            _one_line(words),
            kind,
            shape="plain",
            style="",
            fontcolor=self.colours.note,
            fontsize=str(size),
        )

    def link(self, link: _Link, share: float) -> None:
        self._edge(
            self._names[link.tail], self._names[link.head], "link", _sign(link.number),
            share, link.title,
        )  # fmt: skip

    def pill(self, link: _Link, x: float, y: float) -> None:
        colours = self.colours
        self._node(
            x, y, _one_line(_written(link)), "number", link.title, shape="box", fontsize=str(SMALL),
            style=f"rounded,filled{',dashed' * link.frozen}",
            color=getattr(colours, _sign(link.number)),
            fillcolor=colours.frozen if link.frozen else colours.card, penwidth="0.8",
            margin="0.05,0.02",
        )  # fmt: skip

    def sample(self, x: float, y: float, length: float, sign: str) -> None:
        a, b = (
            self._node(end, y, "", "legend", shape="point", style="invis", width="0.01")
            for end in (x, x + length)
        )
        self._edge(a, b, "legend", sign, 1.8)

    def _node(
        self, x: float, y: float, label: str, kind: str, title: str = "", **attributes: str
    ) -> str:
        name = f"n{self._nodes}"
        self._nodes += 1
        self._graph.node(
            name, label, id=name, pos=f"{x:.3f},{y:.3f}!", **{"class": kind}, **attributes
        )
        if title:
            self.titles[name] = title
        return name

    def _edge(
        self, tail: str, head: str, kind: str, sign: str, penwidth: float, title: str = ""
    ) -> None:
        name = f"e{self._edges}"
        self._edges += 1
        self._graph.edge(
            tail, head, id=name, color=getattr(self.colours, sign), style=DASHES[sign],
            penwidth=f"{penwidth:.3f}",
            arrowhead="none", **{"class": kind},
        )  # fmt: skip
        if title:
            self.titles[name] = title


def _one_line(words: str) -> str:
    """Write a plain label, whose lines an SVG viewer centres in whatever font it uses."""
    import graphviz

    return str(graphviz.escape(escape(words)))


def _sign(x: float) -> str:
    """Name the colour of a number, among those of a palette."""
    return "positive" if x > 0.0 else "negative" if x < 0.0 else "line"


def _width(x: float, largest: float) -> float:
    """Choose the width of a link: in proportion, but never too thin to be seen."""
    if not math.isfinite(x):
        return 4.0
    if not x:
        return 1.2  # dots need this
    return 0.5 + 3.5 * (abs(x) / largest if largest else 0.0)


def _add_legend(
    picture: _Picture, links: Sequence[_Link], total: int, what: str, middle: float, y: float
) -> None:
    """Explain colours and widths, and say how much is not drawn."""
    entries = [("positive", "positive"), ("negative", "negative")]
    zero = any(link.number == 0.0 for link in links)
    nan = any(math.isnan(link.number) for link in links)
    if zero or nan:
        entries.append(("line", " or ".join(["0"] * zero + ["not a number"] * nan)))
    line, space, between = 0.42, 0.08, 0.3
    rooms = [line + space + LETTER * len(words) for _, words in entries]
    x = middle - (sum(rooms) + between * (len(rooms) - 1)) / 2
    for (sign, words), room in zip(entries, rooms, strict=True):
        picture.sample(x, y, line, sign)
        picture.words(x + (line + space + room) / 2, y, "legend", words)
        x += room + between
    largest = max((abs(link.number) for link in links if math.isfinite(link.number)), default=0.0)
    beyond = ", or infinite" if any(math.isinf(link.number) for link in links) else ""
    lines = [f"width: |{what.removesuffix('s')}|, at most {number(largest)}{beyond}"]
    if not any(link.number for link in links) and what == "gradients":
        lines = ["every gradient is 0: has backward() run?"]
    if frozen := sum(link.frozen for link in links):
        few = len(links) <= NUMBERED
        lines.append("grey card, dashed frame: frozen" if few else f"{frozen:,} of them frozen")
    if len(links) < total:
        lines.insert(1, f"{len(links):,} of {total:,} weights and biases drawn")
    for words in lines:
        y -= 0.22
        picture.words(middle, y, "legend", words)


# --- matrices ------------------------------------------------------------------------------------


def _matrices(layers: Sequence[_Layer], what: str, colours: Palette) -> Drawing:
    """Draw the weights of each layer as a matrix of coloured cells."""
    graph = digraph(colours, rankdir="LR", nodesep="0.3", ranksep="0.5")

    def shown(parameter: Value) -> float:
        return parameter.data if what == "weights" else gradient(parameter)

    weights = [[[shown(w) for w in n.weights] for n in layer.neurons] for layer in layers]
    offsets = [
        [None if n.bias is None else shown(n.bias) for n in layer.neurons] for layer in layers
    ]
    every = [x for rows in weights for row in rows for x in row]
    every += [x for biases in offsets for x in biases if x is not None]
    largest = max((abs(x) for x in every if math.isfinite(x)), default=0.0)
    titles: dict[str, str] = {}
    inputs = _sizes(layers)[0]
    for place, (layer, rows, biases) in enumerate(zip(layers, weights, offsets, strict=True)):
        block = math.ceil(max(len(rows), inputs) / CELLS)
        name, contents = _caption(layer)
        lines = [contents, f"{counted(inputs, 'input')} in columns"]
        if block > 1:
            lines.append(f"a cell shows the largest of {block} by {block}")
        table = _table(rows, biases, block, largest, colours)
        words = "".join(
            f'<tr><td><font point-size="{SMALL}">{escape(line)}</font></td></tr>' for line in lines
        )
        head = (
            f'<font color="{colours.note}" point-size="{LETTERS}">{escape(_line(name, 40))}</font>'
        )
        label = (
            '<<table border="0" cellborder="0" cellspacing="2" cellpadding="0">'
            f"<tr><td>{head}</td></tr>{words}<tr><td>{table}</td></tr></table>>"
        )
        key = f"n{place}"
        graph.node(
            key,
            label,
            id=key,
            shape="plain",
            style="",
            fontcolor=colours.note,
            **{"class": "matrix"},
        )
        titles[key] = f"{layer.name or 'the layer'}: {contents}, {lines[1]}"
        if place:
            graph.edge(f"n{place - 1}", key, **{"class": "legend"})
        inputs = len(rows)
    total = len(every)
    beyond = ", or infinite" if any(math.isinf(x) for x in every) else ""
    beyond += "; grey: not a number" * any(math.isnan(x) for x in every)
    legend = [
        f"{what}: blue if positive, vermilion if negative; the larger, the stronger the colour",
        f"at most {number(largest)}{beyond}"
        if what == "weights" or any(every)
        else "every gradient is 0: has backward() run?",
        f"{total:,} weights and biases; biases in the last column; limit= draws circles",
    ]
    graph.attr(label=notes(legend, colours), labelloc="b", labeljust="l")
    title = f"network of {'-'.join(map(str, _sizes(layers)))} neurons"
    return Drawing(graph.source, titles={**titles, "graph0": title}, title=title)


def _table(
    rows: Sequence[Sequence[float]],
    biases: Sequence[float | None],
    block: int,
    largest: float,
    colours: Palette,
) -> str:
    size = 5 if max(len(rows), len(rows[0])) > CELLS // 2 else 9

    def cell(numbers: Sequence[float]) -> str:
        x = max(numbers, key=lambda x: (x != x, abs(x)))
        ground = _shade(x, largest, colours)
        return f'<td bgcolor="{ground}" width="{size}" height="{size}" fixedsize="true"></td>'

    written = []
    for top in range(0, len(rows), block):
        band = rows[top : top + block]
        cells = [
            cell([x for row in band for x in row[left : left + block]])
            for left in range(0, len(rows[0]), block)
        ]
        own = [x for x in biases[top : top + block] if x is not None]
        if any(x is not None for x in biases):
            cells.append(f'<td width="{size}"></td>')
            cells.append(cell(own) if own else "<td></td>")
        written.append(f"<tr>{''.join(cells)}</tr>")
    frame = f'border="1" color="{colours.line}" cellborder="0" cellspacing="0" cellpadding="0"'
    return f"<table {frame}>{''.join(written)}</table>"


def _shade(x: float, largest: float, colours: Palette) -> str:
    """Mix the colour of a number's sign with the ground, the more of it the larger the number."""
    if x != x:
        return colours.line
    share = min(abs(x) / largest, 1.0) if largest else 0.0 if not x else 1.0
    full = colours.negative if x < 0.0 else colours.positive
    mixed = [
        round(int(colours.card[i : i + 2], 16) * (1.0 - share) + int(full[i : i + 2], 16) * share)
        for i in (1, 3, 5)
    ]
    return "#" + "".join(f"{channel:02X}" for channel in mixed)
