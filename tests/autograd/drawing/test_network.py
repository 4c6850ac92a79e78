"""The textbook's picture of a model: positions, widths, colours and texts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from itertools import combinations, pairwise
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value
from autograd.drawing import draw
from autograd.drawing.drawing import Drawing
from autograd.drawing.network import network
from autograd.formatting import number
from nn import MLP, Layer, Neuron, losses
from tests.autograd.drawing.graphs import textbook_model

BLUE, VERMILION, GREY = "#0072b2", "#d55e00", "#808080"
NAMESPACE = "{http://www.w3.org/2000/svg}"
GRADIENTS = {"w1": 0.000438567734474, "w5": 0.0821670405642, "w7": -0.0226025404775}

Box = tuple[float, float, float, float]


class Part:
    """A node or a link of a picture: its title, colours and texts, and the box that it fills."""

    def __init__(self, group: ElementTree.Element) -> None:
        self.id = group.get("id", "").partition("-")[2]
        self.classes = set(group.get("class", "").split())
        self.title = group.findtext(f"{NAMESPACE}title", "")
        self.texts = [text.text or "" for text in group.iter(f"{NAMESPACE}text")]
        self.shapes = [
            element
            for element in group.iter()
            if element.tag.removeprefix(NAMESPACE) in ("ellipse", "path", "polygon")
        ]
        shape = self.shapes[0] if self.shapes else ElementTree.Element("none")
        self.fill, self.stroke = shape.get("fill", ""), shape.get("stroke", "").lower()
        self.width = float(shape.get("stroke-width", "1"))
        self.dashes = shape.get("stroke-dasharray", "")

    @property
    def box(self) -> Box:
        boxes = [_box(shape) for shape in self.shapes]
        lefts, tops, rights, bottoms = zip(*boxes, strict=True)
        return min(lefts), min(tops), max(rights), max(bottoms)

    @property
    def centre(self) -> tuple[float, float]:
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2


def _box(shape: ElementTree.Element) -> Box:
    if shape.tag == f"{NAMESPACE}ellipse":
        cx, cy, rx, ry = (float(shape.get(name, "nan")) for name in ("cx", "cy", "rx", "ry"))
        return cx - rx, cy - ry, cx + rx, cy + ry
    numbers = re.findall(r"-?[\d.]+", shape.get("d") or shape.get("points") or "")
    xs, ys = [float(x) for x in numbers[::2]], [float(y) for y in numbers[1::2]]
    return min(xs), min(ys), max(xs), max(ys)


def overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def parts(picture: str | Drawing, kind: str) -> list[Part]:
    root = ElementTree.fromstring(picture.svg if isinstance(picture, Drawing) else picture)
    found = [Part(group) for group in root.iter(f"{NAMESPACE}g")]
    return [part for part in found if kind in part.classes]


def words(picture: str | Drawing, kind: str = "node") -> list[str]:
    return [text for part in parts(picture, kind) for text in part.texts]


def links(picture: str | Drawing) -> list[Part]:
    """The links in the order of the model; Graphviz writes them in that of their tails."""
    return sorted(parts(picture, "link"), key=lambda link: int(link.id[1:]))


def by_name(picture: Drawing) -> dict[str, list[Part]]:
    found: dict[str, list[Part]] = {}
    for link in links(picture):
        found.setdefault(link.title.partition(" = ")[0], []).append(link)
    return found


def neuron(*weights: Value, bias: Value | None = None, activation: Any = math.tanh) -> Any:
    return SimpleNamespace(weights=list(weights), bias=bias, activation=activation)


def plain(*numbers: float) -> Any:
    return neuron(*map(Value, numbers))


def worked_example() -> MLP:
    model = textbook_model()
    weights = [w for layer in model.layers for unit in layer.neurons for w in unit.weights]
    biases = [layer.bias for layer in model.layers]
    for i, weight in enumerate(weights, 1):
        weight.label = f"w{i}"
    for i, bias in enumerate(biases, 1):
        assert bias is not None
        bias.label = f"b{i}"
    losses.half_squared_error(model([0.05, 0.10]), [0.01, 0.99]).backward()
    return model


# --- the worked example --------------------------------------------------------------------------


def test_worked_example_has_a_circle_for_each_input_neuron_and_bias() -> None:
    picture = network(worked_example())
    assert words(picture, "input") == ["x₁", "x₂"]
    assert [part.title for part in parts(picture, "hidden")] == [
        "layers.0.neurons.0: sigmoid of its net input",
        "layers.0.neurons.1: sigmoid of its net input",
    ]
    assert words(picture, "output") == ["Σ", "sigmoid"] * 2
    assert words(picture, "bias") == ["1", "1"]
    assert words(picture, "caption") == [
        "input", "2 values", "layers.0", "2 neurons · sigmoid", "layers.1", "2 neurons · sigmoid",
    ]  # fmt: skip


def test_links_of_the_worked_example_say_name_number_gradient_and_ends() -> None:
    found = by_name(network(worked_example()))
    assert [(name, len(same)) for name, same in sorted(found.items())] == [
        ("b1", 2), ("b2", 2), *((f"w{i}", 1) for i in range(1, 9)),
    ]  # fmt: skip
    assert found["w6"][0].title == (
        "w6 = 0.45, gradient 0.0826676278475: weight 1 of layers.1.neurons.0, "
        "from layers.0.neurons.1"
    )
    assert found["w3"][0].title.endswith("weight 0 of layers.0.neurons.1, from input x₁")
    assert [link.title.partition(" 0.35, ")[2].partition(", ")[2] for link in found["b1"]] == [
        "frozen: bias of layers.0.neurons.0", "frozen: bias of layers.0.neurons.1",
    ]  # fmt: skip


def test_numbers_of_the_worked_example_stand_on_their_links() -> None:
    picture = network(worked_example())
    written = parts(picture, "number")
    assert [part.texts for part in written] == [
        [text]
        for text in (
            "w1 0.15", "w2 0.2", "b1 0.35", "w3 0.25", "w4 0.3", "b1 0.35",
            "w5 0.4", "w6 0.45", "b2 0.6", "w7 0.5", "w8 0.55", "b2 0.6",
        )
    ]  # fmt: skip
    for part, link in zip(written, links(picture), strict=True):
        assert part.title == link.title
        (x0, y0), (x1, y1) = ends(link)
        x, y = part.centre
        assert abs((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) < 2.0 * math.hypot(x1 - x0, y1 - y0)
        assert x0 < x < x1


def test_gradients_of_the_worked_example() -> None:
    picture = network(worked_example(), links="gradients")
    found = by_name(picture)
    for name, gradient in GRADIENTS.items():
        assert f"gradient {number(gradient, 12)}" in found[name][0].title
        assert f"{name} {number(gradient)}" in words(picture, "number")
    assert {name for name, same in found.items() if same[0].stroke == VERMILION} == {"w7", "w8"}
    widest = max(links(picture), key=lambda link: link.width)
    assert widest.title.startswith("b2")
    assert "width: |gradient|, at most 0.1004" in words(picture, "legend")


def test_frozen_parameters_are_told_apart() -> None:
    picture = network(worked_example())
    for part in parts(picture, "number"):
        frozen = part.texts[0].startswith("b")
        assert (part.fill.lower() == "#e2e2e2", bool(part.dashes)) == (frozen, frozen)
    assert "grey card, dashed frame: frozen" in words(picture, "legend")
    assert not any("frozen" in text for text in words(network(Layer(2, 2))))
    large = MLP(4, [4, 4])
    large.freeze("layers.0")
    assert "20 of them frozen" in words(network(large), "legend")


def ends(link: Part) -> tuple[tuple[float, float], tuple[float, float]]:
    found = [float(x) for x in re.findall(r"-?[\d.]+", link.shapes[0].get("d", ""))]
    return (found[0], found[1]), (found[-2], found[-1])


# --- colours, widths -----------------------------------------------------------------------------


def test_sign_is_told_by_colour_and_by_dashes() -> None:
    positive, negative, zero, other = links(network(plain(2.0, -2.0, 0.0, math.nan)))
    assert (positive.stroke, positive.dashes) == (BLUE, "")
    assert negative.stroke == VERMILION
    assert zero.stroke == other.stroke == GREY
    assert len({positive.dashes, negative.dashes, zero.dashes}) == 3
    assert zero.dashes == other.dashes


@given(st.lists(st.floats(-1e300, 1e300), min_size=2, max_size=8, unique_by=abs))
@settings(max_examples=25)
def test_width_grows_with_size(numbers: list[float]) -> None:
    found = links(network(plain(*numbers)))
    widths = [(abs(x), link.width) for x, link in zip(numbers, found, strict=True) if x]
    for (_, narrow), (_, wide) in pairwise(sorted(widths)):
        assert narrow <= wide
    largest = max(size for size, _ in widths)
    for size, width in widths:
        assert width == pytest.approx(0.5 + 3.5 * (size / largest), abs=0.006)  # two decimals


def test_widths_are_relative_to_the_largest_in_the_drawing_not_in_the_layer() -> None:
    layers = [SimpleNamespace(neurons=[plain(x)]) for x in (1.0, 4.0)]
    small, large = links(network(SimpleNamespace(layers=layers)))
    assert (small.width, large.width) == (1.38, 4.0)


@pytest.mark.parametrize("x", [math.nan, math.inf, -math.inf, 5e-324, 1.7e308])
def test_extreme_numbers(x: float) -> None:
    picture = network(plain(x, 1.0))
    first, second = links(picture)
    assert words(picture, "number") == [number(x), "1"]
    assert 0.0 < first.width <= 4.0
    assert second.width == 4.0 or abs(x) > 1e300
    assert all(math.isfinite(c) for part in parts(picture, "circle") for c in part.box)


def test_legend_explains_what_there_is() -> None:
    def legend(*numbers: float, **options: Any) -> list[str]:
        return words(network(plain(*numbers), **options), "legend")

    assert legend(1.0) == ["positive", "negative", "width: |weight|, at most 1"]
    assert legend(1.0, 0.0)[2] == "0"
    assert legend(1.0, math.nan)[2] == "not a number"
    assert legend(0.0, math.nan)[2] == "0 or not a number"
    assert legend(2.0, -math.inf)[-1] == "width: |weight|, at most 2, or infinite"
    assert legend(2.0, links="gradients")[-1] == "every gradient is 0: has backward() run?"


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [None, "", " ", "bias", "weights.3", "layers.0.neurons.1.bias"])
def test_labels_that_were_not_chosen_are_not_written(label: str | None) -> None:
    assert words(network(neuron(Value(0.5, label))), "number") == ["0.5"]


@pytest.mark.parametrize("label", ["w", "w.1", "weights", "my bias", "bias.x", "권重", "a<b>&\\n"])
def test_labels_that_were_chosen_are_written(label: str) -> None:
    assert words(network(neuron(Value(0.5, label))), "number") == [f"{label} 0.5"]


def test_default_labels_are_in_the_titles() -> None:
    names = [name for name, _ in MLP(2, [2, 1]).named_parameters()]
    assert {*by_name(network(MLP(2, [2, 1])))} == {*names}


@given(st.text(max_size=60), st.text(max_size=60))
@settings(max_examples=settings().max_examples // 4)
def test_labels_and_activations_cannot_inject_or_break_anything(label: str, name: str) -> None:
    function = SimpleNamespace(__name__=name)
    picture = network(neuron(Value(0.5, label), bias=Value(1.0, label), activation=function))
    root = ElementTree.fromstring(picture.svg)
    tags = {element.tag.removeprefix(NAMESPACE) for element in root.iter()}
    assert tags <= {"svg", "g", "title", "text", "ellipse", "path", "polygon"}
    assert not any(key.startswith("on") or "href" in key for e in root.iter() for key in e.attrib)
    assert len(links(picture)) == len(parts(picture, "number")) == 2
    assert len(parts(picture, "circle")) == 3
    assert all(len(part.texts) == 1 for part in parts(picture, "number"))


def test_markup_in_a_label_is_text() -> None:
    picture = network(neuron(Value(0.5, "<b>&amp;"), activation=lambda x: x))
    assert words(picture, "number") == ["<b>&amp; 0.5"]
    assert words(picture, "caption")[-1] == "<lambda>"
    assert words(picture, "output") == ["Σ", "f"]
    assert links(picture)[0].title.startswith("<b>&amp; = 0.5")


def test_a_long_label_is_cut_on_the_link_and_whole_in_the_title() -> None:
    label = "a label of\nmany words " * 20
    picture = network(neuron(Value(0.5, label)))
    assert words(picture, "number") == ["a label o… 0.5"]
    assert label.strip() in links(picture)[0].title


@pytest.mark.parametrize(
    ("activation", "name"),
    [
        (None, "linear"),
        (math.tanh, "tanh"),
        ("not a function", "str"),
        (type("A" * 9, (), {})(), "f"),
    ],
)
def test_activations(activation: Any, name: str) -> None:
    assert words(network(neuron(Value(1.0), activation=activation)), "output") == ["Σ", name]


def test_mixed_activations_are_said_to_be_several() -> None:
    mixed = SimpleNamespace(neurons=[plain(1.0), neuron(Value(1.0), activation=math.sin)])
    assert words(network(mixed), "caption")[-1] == "2 neurons · several activations"
    assert words(network(mixed), "output") == ["Σ", "tanh", "Σ", "sin"]


# --- where things are ----------------------------------------------------------------------------


def columns_of(picture: str | Drawing) -> list[list[Part]]:
    found: dict[float, list[Part]] = {}
    for part in parts(picture, "circle"):
        x = next((x for x in found if abs(x - part.centre[0]) < 1.0), part.centre[0])
        found.setdefault(x, []).append(part)
    return [found[x] for x in sorted(found)]


architectures = st.tuples(st.integers(1, 7), st.lists(st.integers(1, 7), min_size=1, max_size=4))


@given(architectures, st.integers(1, 5), st.booleans())
@settings(max_examples=settings().max_examples // 4)
def test_any_architecture(
    architecture: tuple[int, list[int]], limit: int, shared: bool
) -> None:  # fmt: skip
    nin, sizes = architecture
    model = MLP(nin, sizes, "tanh", shared_bias=shared, seed=1)
    picture = network(model, limit=limit)
    shown = [min(size, limit) for size in (nin, *sizes)]
    columns = columns_of(picture)
    assert [len([p for p in column if "bias" not in p.classes]) for column in columns] == shown
    assert [sum("bias" in p.classes for p in c) for c in columns] == [1] * len(sizes) + [0]
    assert len(links(picture)) == sum((a + 1) * b for a, b in pairwise(shown))
    left_out = [size - limit for size in (nin, *sizes) if size > limit]
    assert words(picture, "omitted") == [
        text for count in left_out for text in ("⋮", f"{count} more")
    ]
    for column in columns:
        ys = [part.centre[1] for part in column]
        assert ys == sorted(ys)
    identifiers = [part.id for kind in ("node", "edge") for part in parts(picture, kind)]
    assert len(identifiers) == len(set(identifiers))
    check_nothing_overlaps(picture)


def check_nothing_overlaps(picture: Drawing) -> None:
    cards = [part.box for kind in ("circle", "number") for part in parts(picture, kind)]
    for a, b in combinations(cards, 2):
        assert not overlap(a, b)
    box = ElementTree.fromstring(picture.svg).get("viewBox", "").split()
    width, height = float(box[2]), float(box[3])
    for left, top, right, bottom in cards:  # in the coordinates of a group that is shifted up
        assert -10 <= left <= right <= width
        assert -height <= top <= bottom <= 10


MODELS: dict[str, Callable[[], Any]] = {
    "the worked example": worked_example,
    "few to few": lambda: Layer(5, 4),
    "one to many": lambda: Layer(1, 12),
    "many to one": lambda: Neuron(20),
    "long labels": lambda: labelled(Layer(4, 4), "a long label indeed"),
    "wide letters": lambda: labelled(Layer(4, 4), "권重권重권重권重권重권重"),
    "30-16-1": lambda: MLP(30, [16, 1]),
    "784-128-10": lambda: MLP(784, [128, 10]),
    "2-16-16-1": lambda: MLP(2, [16, 16, 1]),
    "deep": lambda: MLP(3, [4] * 12),
}


def labelled(model: Layer, label: str) -> Layer:
    for parameter in model.parameters():
        parameter.label = label
        parameter.data = -1.2345e-5
    return model


@pytest.mark.parametrize("name", MODELS)
def test_nothing_overlaps_and_proportions_are_good(name: str) -> None:
    picture = network(MODELS[name]())
    check_nothing_overlaps(picture)
    _, _, width, height = ElementTree.fromstring(picture.svg).get("viewBox", "").split()
    assert name == "deep" or 0.4 < float(width) / float(height) < 2.2


@pytest.mark.parametrize("name", MODELS)
def test_the_two_ways_of_rendering_give_one_picture(name: str) -> None:
    pygraphviz = pytest.importorskip("pygraphviz")
    picture = network(MODELS[name]())
    other = pygraphviz.AGraph(string=picture.source).draw(format="svg", prog="neato").decode()
    places = [relative_places(p) for p in (picture.svg, other)]
    assert [place for column in places[0] for place in column] == pytest.approx(
        [place for column in places[1] for place in column], abs=0.2
    )


def relative_places(picture: str) -> Iterator[tuple[float, float]]:
    centres = [part.centre for part in parts(picture, "circle")]
    for x, y in centres:
        yield x - centres[0][0], y - centres[0][1]


def test_the_middle_of_a_long_column_is_left_out_and_counted() -> None:
    picture = network(MLP(784, [128, 10]))
    assert words(picture, "input")[5:8] == ["x₆", "x₇₇₉", "x₇₈₀"]
    assert words(picture, "omitted") == ["⋮", "772 more", "⋮", "116 more"]
    assert [p.title.partition(":")[0] for p in parts(picture, "hidden")][5:7] == [
        "layers.0.neurons.5", "layers.0.neurons.122",
    ]  # fmt: skip
    assert len(links(picture)) == 13 * 12 + 13 * 10
    assert "286 of 101,770 weights and biases drawn" in words(picture, "legend")
    assert "784 values" in words(picture, "caption")
    assert not parts(picture, "number")
    title = "weights.783 = "
    assert any(title in link.title and "from input x₇₈₄" in link.title for link in links(picture))


@pytest.mark.parametrize(("limit", "expected"), [(1, ["x₁"]), (3, ["x₁", "x₂", "x₇"])])
def test_an_odd_limit_shows_more_of_the_top(limit: int, expected: list[str]) -> None:
    assert words(network(Neuron(7), limit=limit), "input") == expected


def test_numbers_are_written_up_to_24_links() -> None:
    assert len(parts(network(Layer(5, 4)), "number")) == 24
    assert not parts(network(Layer(4, 5)), "number")


# --- models of every kind ------------------------------------------------------------------------


def test_a_layer_and_a_neuron_are_models() -> None:
    assert words(network(Layer(3, 2)), "caption") == [
        "input", "3 values", "layer", "2 neurons · tanh",
    ]  # fmt: skip
    assert words(network(Neuron(1)), "caption") == ["input", "1 value", "neuron", "tanh"]
    assert parts(network(Neuron(1)), "output")[0].title == "the neuron: tanh of its net input"
    assert [link.title.partition(":")[2] for link in links(network(Neuron(1)))] == [
        " weight 0 of the neuron, from input x₁", " bias of the neuron",
    ]  # fmt: skip


def test_neurons_without_bias_have_no_bias_unit() -> None:
    bare = SimpleNamespace(weights=[Value(1.0)])
    assert not parts(network(bare), "bias")
    assert len(links(network(bare))) == 1
    layer = SimpleNamespace(neurons=[plain(1.0), neuron(Value(1.0), bias=Value(2.0))])
    assert len(parts(network(layer), "bias")) == 1
    assert [link.title.partition(" = ")[0] for link in links(network(layer))] == [
        "weight 0", "weight 0", "bias",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            None,
            "a model must have `layers` of `neurons` of `weights`, or be one such.* got NoneType",
        ),
        (Value(1.0), "got Value"),
        (SimpleNamespace(layers=[Layer(1, 1), math.tanh]), "layers.1 is of type builtin_function"),
        (SimpleNamespace(layers=3), "layers must be a sequence, but is 3"),
        (SimpleNamespace(neurons=[Neuron(1), "x"]), "neurons.1 is of type str, and has no `weig"),
        (
            SimpleNamespace(weights=[1.0]),
            "weights and biases must be Values, and the neuron has 1.0",
        ),
        (neuron(Value(1.0), bias=2.0), "Values, and the neuron has 2.0"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_model(model: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        network(model)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (SimpleNamespace(layers=[]), "layers is empty"),
        (SimpleNamespace(layers=[SimpleNamespace(neurons=[])]), r"layers.0.neurons is empty"),
        (SimpleNamespace(weights=[]), "weights is empty"),
        (
            SimpleNamespace(layers=[Layer(2, 3), Layer(2, 1)]),
            "layers.1.neurons.0 has 2 weights, but layers.0 has 3 neurons",
        ),
        (
            SimpleNamespace(neurons=[Neuron(1), Neuron(2)]),
            "neurons.1 has 2 weights, but neurons.0 has 1 weight",
        ),
    ],
)
def test_layers_that_do_not_fit_together(model: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network(model)


def test_arguments_are_checked() -> None:
    with pytest.raises(
        ValueError, match="links of a model must be 'weights' or 'gradients', got 'x'"
    ):
        network(Neuron(1), links="x")
    with pytest.raises(ValueError, match="limit must be a whole number of at least 1, got 0"):
        network(Neuron(1), limit=0)
    with pytest.raises(TypeError):
        network(Neuron(1), limit=2.5)  # type: ignore[arg-type]


def test_the_drawing_is_of_the_moment() -> None:
    model = Neuron(1)
    picture = network(model)
    before = picture.svg
    model.weights[0].data = 7.0
    assert picture.svg == before
    assert network(model).svg != before


def test_circles_have_the_colours_of_the_nodes_that_they_stand_for() -> None:
    def colours(source: str, kind: str) -> set[tuple[str, ...]]:
        found = [
            re.findall(r'\b(?:color|fillcolor)="(#\w+)"', line)
            for line in source.splitlines()
            if re.search(rf'class="?[^"]*\b{kind}\b', line)
        ]
        return {tuple(colours[-2:]) for colours in found if colours}  # after those of letters

    x, w = Value(2.0, "x"), Value(3.0, "w")
    graph = draw((w * x).exp().tanh()).source
    picture = network(MLP(2, [2, 1])).source
    assert colours(picture, "input") == colours(graph, "input") != set()
    assert colours(picture, "output") == colours(graph, "root") != set()
    assert colours(picture, "hidden") == colours(graph, "operation") - colours(graph, "root")


# --- matrices ------------------------------------------------------------------------------------


def test_the_weights_of_a_large_model_are_cells_of_matrices() -> None:
    model = MLP(14, [13, 13, 2], "tanh", seed=0)
    weights = [w for layer in model.layers for unit in layer.neurons for w in unit.weights]
    picture = network(model)
    assert not links(picture)
    assert len(parts(picture, "matrix")) == 3
    for place, (rows, columns) in enumerate([(13, 14), (13, 13), (2, 13)]):
        (matrix,) = [part for part in parts(picture, "matrix") if part.id == f"n{place}"]
        fills = [shape.get("fill", "") for shape in matrix.shapes if shape.get("fill") != "none"]
        assert len(fills) == rows * (columns + 1)  # and a bias
        for i, unit in enumerate(model.layers[place].neurons):
            for j, weight in enumerate(unit.weights):
                red, _, blue = (int(fills[i * (columns + 1) + j][k : k + 2], 16) for k in (1, 3, 5))
                assert weight.data * (blue - red) >= 0.0
    largest = max(abs(weight.data) for weight in weights)
    assert number(largest) in " ".join(words(picture, "graph"))
    # Circles are drawn if they are asked for; a model of fewer links has them anyway.
    assert links(network(model, limit=12))
    assert links(network(MLP(12, [12, 12], "tanh", seed=0)))


def test_matrices_say_what_is_no_finite_number_and_that_nothing_has_run() -> None:
    model = MLP(14, [13, 13, 2], seed=0)
    assert "every gradient is 0: has backward() run?" in words(
        network(model, links="gradients"), "graph"
    )
    first = model.layers[0].neurons[0].weights
    first[0].data, first[1].data = math.nan, math.inf
    legend = " ".join(words(network(model), "graph"))
    assert ", or infinite; grey: not a number" in legend
    assert "gradient is 0" not in legend


def test_cells_of_very_large_matrices_stand_for_blocks() -> None:
    model = MLP(100, [50, 50, 4], "tanh", seed=0)
    model.layers[0].neurons[7].weights[31].data = -9.0
    model.layers[0].neurons[8].bias.data = math.nan
    picture = network(model)
    (matrix,) = [part for part in parts(picture, "matrix") if part.id == "n0"]
    fills = [shape.get("fill", "") for shape in matrix.shapes if shape.get("fill") != "none"]
    assert len(fills) == 17 * (34 + 1)  # blocks of 3 by 3
    assert fills[(7 // 3) * 35 + 31 // 3] == VERMILION
    assert fills[(8 // 3) * 35 + 34] == GREY
    assert any("3 by 3" in text for text in matrix.texts)


def test_links_without_numbers_are_thinner() -> None:
    few, many = network(MLP(2, [2], seed=0)), network(MLP(6, [6], seed=0))
    for picture, most in ((few, 4.0), (many, 2.8)):
        widths = [link.width for link in links(picture)]
        assert max(widths) == pytest.approx(most, abs=0.01)
