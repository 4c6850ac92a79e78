"""`draw`: its arguments and their errors, what it takes, and graphs of every size."""

from __future__ import annotations

import math
from typing import Any

import numpy
import pytest

import autograd
from autograd import Value, draw, no_grad, tanh
from autograd.drawing.drawing import Drawing
from autograd.graph import topological_order
from autograd.value import as_value
from nn import MLP, Layer, Neuron, losses
from tests.autograd.drawing.graphs import chain, neuron, read, textbook

# --- subjects ------------------------------------------------------------------------------------


def test_what_can_be_drawn() -> None:
    a = Value(2.0, "a")
    b = a * 3.0
    subjects: list[Any] = [
        a, b, as_value(2.0), [a], (a, b), [b, b], iter([a, b]), {a: 1}, {a, b},
        numpy.array([a, b], dtype=object), MLP(1, [1]), Layer(1, 2), Neuron(2), b.detach(),
    ]  # fmt: skip
    for subject in subjects:
        assert isinstance(draw(subject), Drawing)
        assert "digraph" in draw(b).source


@pytest.mark.parametrize(
    "subject",
    [None, 2.0, "abc", b"abc", [], (), {}, [1.0], ["a"], [Value(1.0), 2.0], [[Value(1.0)]],
     object(), MLP, Value, draw, 1j, range(3), numpy.array([1.0])],
    ids=lambda subject: type(subject).__name__,
)  # fmt: skip
def test_what_cannot_be_drawn(subject: Any) -> None:
    with pytest.raises(TypeError, match="draw: expected a Value, a sequence of Values, a program"):
        draw(subject)


def test_several_outputs_are_all_marked() -> None:
    a, b = Value(2.0, "a"), Value(3.0, "b")
    s = a * b
    picture = read(draw([s, s + a, a, s]))
    assert len(picture.nodes) == 4
    assert sum("root" in node.classes for node in picture.nodes.values()) == 3
    assert len(picture.links) == 4
    apart = read(draw([a * 2.0, b * 2.0]))
    assert len(apart.nodes) == 6


def test_an_output_that_was_computed_under_no_grad_is_a_leaf() -> None:
    with no_grad():
        y = tanh(Value(0.5, "x") * 2.0)
        picture = read(draw(y))
    assert [node.classes for node in picture.nodes.values()] == [{"node", "input", "root"}]


def test_drawing_inside_no_grad_is_the_same() -> None:
    _, error = textbook()
    outside = draw(error, expand=True).source
    with no_grad():
        assert draw(error, expand=True).source == outside


def test_drawing_changes_nothing_in_the_graph() -> None:
    model, error = textbook()
    order = topological_order(error)
    before = [(n.data, n.grad, n.op, n.label, n.parents, n.local_derivatives) for n in order]
    for options in (
        {"expand": True}, {"fold": 1, "links": "both"}, {"within": 2},
        {"between": model.parameters()[:2]},
    ):  # fmt: skip
        assert draw(error, **options).svg
    after = [(n.data, n.grad, n.op, n.label, n.parents, n.local_derivatives) for n in order]
    assert before == after


def test_the_same_graph_gives_the_same_bytes() -> None:
    def drawings() -> list[str]:
        model, error = textbook()
        weights = model.parameters()
        return [
            draw(error, links="both").svg,
            draw(error, fold=1).svg,
            draw(error, expand=True, between=weights[:2]).svg,
            draw(error, within=3, direction="TB").svg,
        ]

    assert drawings() == drawings()


# --- arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "argument",
    [
        {"links": ""}, {"links": "weights"}, {"links": True}, {"links": 1}, {"links": ["both"]},
        {"direction": "lr"}, {"direction": ""}, {"direction": None}, {"direction": "LR;x"},
        {"fold": -1}, {"within": -1}, {"limit": -1},
        {"fold": 1.0}, {"within": 1.5}, {"limit": math.inf}, {"fold": math.nan},
        {"fold": "1"}, {"within": "all"}, {"limit": "none"},
        {"fold": True}, {"within": True}, {"limit": True},
        {"within": False},
        {"between": 5}, {"between": [1.0]}, {"between": "ab"}, {"between": [Value(1.0)]},
        {"between": [None]},
        {"expand": 1}, {"expand": "nonsense"}, {"expand": ["nonsense"]},
        {"expand": ["sum", "tahn"]},
    ],
    ids=repr,
)  # fmt: skip
def test_arguments_that_are_wrong_are_refused_by_name(argument: dict[str, Any]) -> None:
    (name,) = argument
    with pytest.raises((TypeError, ValueError), match=rf"^draw: {name}( must be |=| holds )"):
        draw(neuron(), **argument)


@pytest.mark.parametrize(
    "argument",
    [
        {"links": "both"}, {"links": "derivatives"}, {"links": 1}, {"limit": -1}, {"limit": 0},
        {"limit": 1.5}, {"direction": "XX"}, {"direction": None}, {"fold": 0}, {"fold": 1},
        {"within": 1}, {"between": []}, {"between": [Value(1.0)]}, {"expand": True},
        {"expand": ["sum"]},
    ],
    ids=repr,
)  # fmt: skip
def test_arguments_that_are_wrong_for_a_model_are_refused(argument: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^draw: .*{next(iter(argument))}"):
        draw(MLP(2, [2, 1]), **argument)


@pytest.mark.parametrize("direction", ["TB", "RL", "BT"])
def test_a_direction_that_a_model_does_not_take_is_not_ignored(direction: str) -> None:
    with pytest.raises(TypeError, match=r"^draw: direction= is for graphs, not for a model"):
        draw(MLP(2, [2, 1]), direction=direction)


def test_whole_numbers_of_other_libraries_are_numbers() -> None:
    y = neuron()
    assert draw(y, within=numpy.int64(1), limit=numpy.int32(50)).source == draw(y, within=1).source
    _, error = textbook()
    assert draw(error, fold=numpy.int64(1)).source == draw(error, fold=1).source


def test_a_single_node_or_operation_may_be_named_by_itself() -> None:
    y = neuron()
    weight: Any = topological_order(y)[0]
    assert draw(y, between=weight).source == draw(y, between=[weight]).source
    total = autograd.sum([autograd.logsumexp([Value(1.0), Value(2.0)]), y])
    assert draw(total, expand="logsumexp").source == draw(total, expand=["logsumexp"]).source
    assert draw(total, expand="logsumexp").source != draw(total).source


@pytest.mark.parametrize("direction", ["LR", "TB", "RL", "BT"])
def test_the_graph_flows_in_the_direction_asked_for(direction: str) -> None:
    drawing = draw(chain(3), direction=direction)
    picture = read(drawing)
    places = []
    for name in ("n0", "n3"):
        (group,) = [g for g in picture.root.iter() if g.get("id") == f"{picture.prefix}-{name}"]
        (text,) = [t for t in group.iter() if t.text == "data"]
        places.append((float(text.get("x", "nan")), float(text.get("y", "nan"))))
    (x0, y0), (x1, y1) = places
    flow = {"LR": x1 - x0, "RL": x0 - x1, "TB": y1 - y0, "BT": y0 - y1}
    assert flow[direction] == max(flow.values()) > 100


def test_expansion_and_what_lies_between_go_together() -> None:
    model, error = textbook()
    weight = model.layers[0].neurons[0].weights[0]
    drawing = draw(error, expand=True, between=[weight], links="contributions")
    picture = read(drawing)
    assert any("left out: " in note for note in picture.notes)
    operations = {n.heading for n in picture.nodes.values() if "operation" in n.classes}
    assert {"net +", "×", "+", "square"} <= operations
    assert not {"net", "net net", "net linear", "sum"} & operations
    hidden = error.parents[0].parents[1].parents[0]
    assert read(draw(error, expand=["sum"], between=[hidden])).nodes


def test_expand_only_some_operations() -> None:
    xs = [Value(float(i), f"x{i}") for i in range(3)]
    y = autograd.mean([autograd.sum(xs), autograd.prod(xs)])
    headings = {node.heading for node in read(draw(y, expand=["sum"])).nodes.values()}
    assert {"+", "prod", "mean"} <= headings
    assert "sum" not in headings


# --- numbers of every kind -----------------------------------------------------------------------


@pytest.mark.parametrize("x", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none(x: float) -> None:
    y = Value(x, "x") * Value(2.0, "w")
    y.backward()
    for links in (None, "derivatives", "contributions", "both"):
        picture = read(draw(y, links=links))
        assert picture.nodes["n0"].texts[:3] == ["x", "data", str(x).replace("-", "−")]
    assert read(draw(y, expand=True, fold=1)).nodes


def test_gradients_that_are_none() -> None:
    x = Value(0.0, "x")
    y = autograd.sqrt(x)
    y.backward()
    y.grad = math.nan
    picture = read(draw(y, links="both"))
    assert picture.nodes["n0"].texts[-1] == "inf"
    assert picture.nodes["n1"].texts[-1] == "nan"
    assert picture.links["e0"].texts == ["inf (nan)"]


# --- graphs of every size ------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.no_cover
@pytest.mark.usefixtures("without_collector")
def test_a_chain_of_twenty_thousand_nodes() -> None:
    y = chain(20_000)
    with pytest.raises(ValueError, match=r"20,001 boxes would be drawn.*fold=1.*within=3"):
        draw(y, fold=None)
    whole = read(draw(y))
    assert len(whole.nodes) == 3
    assert whole.notes[0].startswith("20,001 nodes are too many to read: drawn with fold=0")
    near = read(draw(y, within=3))
    assert (len(near.nodes), len(near.links)) == (5, 4)
    assert near.notes == ["left out: 19,997 nodes more than 3 links from the output"]


@pytest.mark.no_cover
@pytest.mark.usefixtures("without_collector")
def test_a_long_chain_folded() -> None:
    folded = read(draw(chain(10_000), fold=1))
    assert len(folded.nodes) == 3
    assert folded.notes == [
        "no module is folded: no label names one at this depth",
        "folded: 10,001 other nodes, by operation, into 3",
    ]


def test_a_long_chain_written_out() -> None:
    y = Value(0.5, "x")
    for _ in range(20_000):
        y = autograd.sum([y, y, y])
        y.data = 0.5
    assert len(read(draw(y, expand=True, within=2)).nodes) < 10


def twenty_thousand() -> Value:
    model = MLP(2, [16, 16, 1], "tanh", seed=1)
    samples = [
        losses.half_squared_error([model([0.01 * i, -0.02 * i])], [0.005 * i]) for i in range(300)
    ]
    loss: Value = autograd.mean(samples)
    return loss


@pytest.mark.slow
@pytest.mark.no_cover
@pytest.mark.usefixtures("without_collector")
def test_a_loss_of_twenty_thousand_nodes() -> None:
    loss = twenty_thousand()
    loss.backward()
    count = len(topological_order(loss))
    assert count > 20_000
    with pytest.raises(ValueError, match=rf"{count:,} boxes would be drawn.*fold=1"):
        draw(loss, fold=None)
    assert read(draw(loss)).notes[0].startswith(f"{count:,} nodes are too many to read")
    picture = read(draw(loss, fold=1))
    assert len(picture.nodes) == 9
    assert [note.split(":")[0] for note in picture.notes[:2]] == ["folded", "folded"]


def test_a_wide_graph() -> None:
    y = autograd.sum([Value(1.0, f"x{i}") for i in range(20_000)])
    picture = read(draw(y, fold=0))
    assert sorted(node.heading for node in picture.nodes.values()) == ["sum", "x… 20,000 alike"]
    with pytest.raises(ValueError, match="20,001 boxes"):
        draw(y, fold=None)
    by_itself = read(draw(y))
    assert len(by_itself.nodes) == 2
    assert by_itself.notes[1] == "folded: 20,001 other nodes, by operation and operands, into 2"


def test_a_large_model_is_folded_as_deep_as_can_be_read() -> None:
    model = MLP(8, [8, 8, 4], "tanh", seed=1)
    few, many = model([0.1] * 8), MLP(30, [40, 40, 4], "tanh", seed=1)([0.1] * 30)
    assert not any("too many to read" in note for note in read(draw(few)).notes)
    picture = read(draw(many))
    assert picture.notes[0].startswith("3,208 nodes are too many to read: drawn with fold=2")
    assert len(picture.nodes) == 84  # a box a neuron
    layers = read(draw(MLP(30, [60, 60, 4], "tanh", seed=1)([0.1] * 30)))
    assert "drawn with fold=1" in layers.notes[0]
    assert len(layers.nodes) == 3
    small = read(draw(few, limit=50))
    assert len(small.nodes) <= 50
    assert "drawn with fold=2" in small.notes[0]
    with pytest.raises(ValueError, match="boxes would be drawn"):
        draw(few, limit=50, fold=None)
    assert len(read(draw(few, limit=2)).nodes) == 1
    with pytest.raises(ValueError, match="more than the limit of 0"):
        draw(few, limit=0)
    with pytest.raises(ValueError, match="draw with fold=None"):
        draw(many[0]).to_html("never.html")
    with pytest.raises(ValueError, match=r"fold must be a whole number.*'auto'"):
        draw(few, fold="deep")  # type: ignore[arg-type]


def test_few_nodes_of_many_links_are_folded_as_well() -> None:
    xs = [Value(float(i), f"x{i}") for i in range(200)]
    y = autograd.sum([autograd.sum(xs) for _ in range(60)])
    assert "too many" in read(draw(y)).notes[0]
    with pytest.raises(ValueError, match="links would be drawn"):
        draw(y, fold=None)


def test_a_thousand_nodes_in_one_drawing() -> None:
    y = Value(0.5, "x")
    for _ in range(333):
        y = tanh(y * 1.5)
    assert len(read(draw(y)).nodes) == 1000


# --- a neuron by itself --------------------------------------------------------------------------


def test_a_neuron_without_a_layer_folds_at_depth_0() -> None:
    """fold=0 is the whole model in one box, and a model may be a single neuron."""
    cell = Neuron(1, "tanh", seed=3)
    state = Value(0.1, "state")
    for _ in range(5):
        state = cell([state])
    picture = read(draw(state, fold=0))
    assert {node.heading for node in picture.nodes.values()} == {
        "model2 parameters9 operations", "state", "out (5) tanh",
    }  # fmt: skip
    assert picture.notes == ["folded: 11 nodes into 1 module"]
    deeper = read(draw(state, fold=1))
    assert len(deeper.nodes) == 13
    assert deeper.notes == ["no module is folded: no label names one at this depth"]


def test_the_title_names_three_outputs_at_most_and_cuts_long_names() -> None:
    outputs = [Value(1.0, "x") * 2.0 for _ in range(4)]
    for place, output in enumerate(outputs):
        output.label = "abcd"[place]
    assert repr(draw(outputs[:3])) == "<Drawing of graph of a, b, c>"
    assert repr(draw(outputs)) == "<Drawing of graph of a, b, c and others>"
    outputs[0].label = "l" * 60
    assert repr(draw(outputs[0])) == f"<Drawing of graph of {'l' * 60}>"
    outputs[0].label = "l" * 61
    assert repr(draw(outputs[0])) == f"<Drawing of graph of {'l' * 60}…>"


def test_colours_are_chosen_by_a_theme() -> None:
    y = Value(1.0, "x") * 2.0
    for subject in (y, MLP(2, [1])):
        assert draw(subject).source == draw(subject, theme="light").source
        assert draw(subject, theme="dark").source != draw(subject).source
        for theme in ("Dark", "", None, 1):
            with pytest.raises(ValueError, match=r"^draw: theme must be 'light' or 'dark', got"):
                draw(subject, theme=theme)  # type: ignore[arg-type]
