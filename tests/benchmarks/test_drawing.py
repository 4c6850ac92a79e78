from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from shutil import which

import pytest

from autograd import Value, explain
from autograd.graph import topological_order
from benchmarks import drawing
from benchmarks.measure import Task, in_fresh_process
from benchmarks.workloads import OURS, library

needs_dot = pytest.mark.skipif(which("dot") is None, reason="Graphviz has no `dot` on the path")

small = partial(drawing.net_output, 2, 2)


def outcome(task: Task) -> list[float]:
    task.step(lambda phase: None)
    return list(task.outcome())


def outcome_of(make: Callable[[], Task]) -> list[float]:
    return outcome(make())


@pytest.mark.parametrize(
    ("graph", "nodes"),
    [(drawing.net_1000, 1000), (drawing.net_300, 300), (drawing.mlp_1000, 981), (small, 28)],
)
def test_graphs_have_the_nodes_that_the_rows_say(graph: Callable[[], Value], nodes: int) -> None:
    assert len(topological_order(graph())) == nodes


def test_folded_graph_has_a_hundred_thousand_nodes() -> None:
    make = partial(drawing.mlp_loss, drawing.mlp_100_000.args[0])
    one, two = (len(topological_order(make(samples))) for samples in (1, 2))
    samples = drawing.mlp_100_000.args[1]
    assert one + (samples - 1) * (two - one) == pytest.approx(100_000, rel=1e-3)


def test_paths_of_the_net_double_with_each_layer_and_all_carry_something() -> None:
    output, (first, *_) = drawing.net(library(OURS), 3, 6)
    explanation = explain(output, first, limit=100)
    assert explanation.count == 2**6
    assert all(path.contribution for path in explanation.paths)


def test_contenders_draw_the_same_graph() -> None:
    nodes, links = 28, 31
    pictures: list[Callable[[Callable[[], Value]], Task]] = [
        drawing.svg,
        drawing.page,
        partial(drawing.svg, hide_dot=True),
    ]
    if which("dot"):
        pictures.append(drawing.graphviz_alone)
    for picture in pictures:
        assert in_fresh_process(outcome_of, partial(picture, small)) == [nodes, links], picture
    assert outcome(drawing.dot_text(small)) == [links]


@needs_dot
def test_hidden_dot_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"])  # to be put back afterwards
    drawing.svg(small, hide_dot=True)
    assert which("dot") is None


def test_what_is_compared_agrees() -> None:
    assert outcome(drawing.explanation(2, 3)) == outcome(drawing.one_backward(2, 3))
    graph = partial(drawing.mlp_loss, (3, 1), 4)
    assert outcome(drawing.making(graph)) == outcome(drawing.folded_svg(graph))


def test_rows_stand_beside_the_first_contender() -> None:
    contenders = {
        "backward": partial(drawing.one_backward, 2, 2),
        "explain": partial(drawing.explanation, 2, 2),
        "again": partial(drawing.explanation, 2, 2),
    }
    rows = list(drawing.rows_of("net", contenders, drawing.Effort(1, 0.0)))
    assert [(row.what, row.peer) for row in rows] == [("net", "explain"), ("net", "again")]
    wrong = {**contenders, "again": partial(drawing.explanation, 2, 3)}
    with pytest.raises(ValueError, match="outcomes differ"):
        list(drawing.rows_of("net", wrong, drawing.Effort(1, 0.0)))


def test_what_cannot_be_drawn_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    beside: dict[str, list[str]] = {}

    def note(
        what: str, contenders: dict[str, object], *args: object, **kwargs: object
    ) -> list[str]:
        beside[what] = list(contenders)
        return []

    monkeypatch.setattr(drawing, "rows_of", note)
    seen = {}
    for dot in (True, False):
        for built_in in (True, False):
            beside.clear()
            list(drawing.all_rows(drawing.Effort(), dot=dot, built_in=built_in))
            seen[dot, built_in] = {what: list(names) for what, names in beside.items()}
    whole = seen[True, True]
    assert [len(seen[key]) for key in seen] == [6, 6, 4, 2]
    assert whole["draw 1,000 nodes"][-1] == "ours, without `dot`"
    assert seen[True, False] == {**whole, "draw 1,000 nodes": whole["draw 1,000 nodes"][:-1]}
    assert "draw 1,000 nodes" not in seen[False, True]
    assert list(seen[False, False]) == ["DOT text of 1,000 nodes", "backward through 1,000 nodes"]
