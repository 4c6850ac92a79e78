"""Graphs whose numbers are not known: programs, and functions while they are traced."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("numpy")

import autograd  # needs what is skipped for above
from autograd import Value, compile, draw, grad, no_grad, value_and_grad, where
from autograd.compiler.passes import adjoint
from autograd.compiler.program import Operation, Program
from autograd.compiler.trace import traced_program
from autograd.drawing.drawing import Drawing
from autograd.linear_nodes import linear
from autograd.rule import Rule
from autograd.rules import RULES
from autograd.traced import traced
from autograd.value import as_value
from nn import MLP
from tests.autograd.drawing.graphs import read
from tests.table import NAMES, SAMPLES, call


def program() -> Program:
    return traced_program(lambda x, y: where(x > 0.5, x * y, -y), ["x", "y"])


def test_inputs_constants_operations_and_outputs_are_told_apart() -> None:
    picture = read(draw(program()))
    kinds = Counter(" ".join(sorted(node.classes - {"node"})) for node in picture.nodes.values())
    assert kinds == {"input": 2, "constant": 1, "operation": 3, "operation root": 1}
    headings = {node.heading for node in picture.nodes.values()}
    assert headings == {"x", "y", "0.5", ">", "×", "\N{MINUS SIGN}", "output where"}


def test_titles_give_formulas_without_numbers() -> None:
    picture = read(draw(program()))
    titles = {node.title for node in picture.nodes.values()}
    assert {"x", "y", "output = where(v3, v2, v1)", "v2 = x·y", "v3 = x > 0.5"} <= titles
    assert not any("UNKNOWN" in title or "grad" in title for title in titles)
    assert {link.title for link in picture.links.values()} >= {"operand of v2", "operand of output"}
    assert "UNKNOWN" not in draw(program()).source
    assert not any(link.texts for link in picture.links.values())


def test_what_is_not_a_function_by_name_has_a_sign() -> None:
    comparisons = ("<", "<=", "==", "!=", ">", ">=", "·")
    operations = tuple(Operation(op, (0, 1)) for op in comparisons)
    outputs = tuple(range(2, 2 + len(operations)))
    picture = read(draw(Program(("x", "y"), (), operations, outputs)))
    titles = [node.title.partition(" = ")[2] for node in picture.nodes.values()]
    expected = ["x < y", "x ≤ y", "x = y", "x ≠ y", "x > y", "x ≥ y", "x·y"]
    assert sorted(filter(None, titles)) == sorted(expected)
    assert {"output 0 <", "output 1 ≤", "output 6 ·"} <= {
        node.heading for node in picture.nodes.values()
    }


def test_several_outputs_are_numbered() -> None:
    both = Program(("x",), (3.0,), (Operation("exp", (0,)),), (2, 1, 0, 2))
    picture = read(draw(both))
    roots = [node.heading for node in picture.nodes.values() if "root" in node.classes]
    assert sorted(roots) == ["output 0, 3 exp", "output 13", "x"]


def test_outputs_of_a_compiled_function_are_called_by_what_they_are() -> None:
    def loss(w: Any, x: Any) -> Any:
        return (w[0] * x + w[1]) ** 2

    def roots(f: Any, *args: Any) -> set[str]:
        nodes = read(draw(compile(f).program(*args))).nodes.values()
        return {node.title.partition(" = ")[0] for node in nodes if "root" in node.classes}

    both = value_and_grad(loss)
    assert roots(loss, [1.0, 2.0], 3.0) == {"loss"}
    assert roots(both, [1.0, 2.0], 3.0) == {"loss", "∂loss/∂w[0]", "∂loss/∂w[1]"}
    assert roots(grad(both.__wrapped__, (1, 0)), [1.0, 2.0], 3.0) == {  # type: ignore[attr-defined]
        "∂loss/∂x", "∂loss/∂w[0]", "∂loss/∂w[1]",
    }  # fmt: skip
    assert roots(grad(lambda x: x["a"] ** 2 + x["b"] ** 3), {"a": 1.0, "b": 2.0}) == {
        "∂/∂x['a']", "∂/∂x['b']",
    }  # fmt: skip
    assert roots(lambda x: {"loss": x**2, "all": [x**3, x + 1.0]}, 2.0) == {
        "loss", "all[0]", "all[1]",
    }  # fmt: skip
    model = MLP(1, [1], "linear")
    weights = "m.layers.0.neurons.0.weights.0"
    picture = draw(compile(grad(lambda m, x: m(x) ** 2)).program(model, [2.0])).source
    assert f"∂/∂{weights}" in picture.replace("<br/>", "")
    assert roots(grad(grad(lambda x: x**3)), 2.0) == {"output"}
    assert roots(grad(lambda x: (x**2, x), has_aux=True), 2.0) == {"output[0]", "x"}


@pytest.mark.parametrize("name", NAMES)
def test_every_row_is_drawn_whole_and_expanded(name: str) -> None:
    rule: Rule = RULES[name]
    names = [f"x{i}" for i in range(len(SAMPLES[name]))]
    drawn = traced_program(lambda *xs: call(rule, xs), names)
    assert isinstance(draw(drawn), Drawing)
    picture = read(draw(adjoint(drawn), expand=True))
    if rule.expanded and name != "softmax":
        assert not any(node.heading.split()[-1] == name for node in picture.nodes.values())


def test_a_model_is_framed_and_folded() -> None:
    step = compile(value_and_grad(lambda model, x: model(x)))
    drawn = step.program(MLP(2, [2, 1]), [1.0, 2.0])
    assert {cluster.title for cluster in read(draw(drawn)).clusters} == {
        "model.layers.0.neurons.0", "model.layers.0.neurons.1", "model.layers.1.neurons.0",
    }  # fmt: skip
    folded = read(draw(drawn, fold=2))
    assert {"folded"} <= {kind for node in folded.nodes.values() for kind in node.classes}
    assert not any("contribution" in link.title for link in folded.links.values())


def test_traced_nodes_are_drawn() -> None:
    x = traced("x")
    for node in (x, x * 2.0, linear((2.0, 3.0), (x, as_value(1.0))), autograd.sum([x, x, x])):
        with no_grad():
            picture = read(draw(node))
        assert "x" in {part.title for part in picture.nodes.values()}
    assert "× 2" in draw(linear((2.0,), (x,))).source


def test_what_needs_numbers_is_refused(tmp_path: Path) -> None:
    for links in ("derivatives", "contributions", "both"):
        with pytest.raises(ValueError, match="shows numbers, which a program does not have"):
            draw(program(), links=links)
    with pytest.raises(ValueError, match="to_html steps through numbers"):
        draw(program()).to_html(tmp_path / "page.html")


def test_whatever_gives_a_graph_is_drawn() -> None:
    class Owner:
        def graph(self) -> list[Value]:
            return [Value(1.0, "x") * 2.0]

    assert len(read(draw(Owner())).nodes) == 3
    nothing: list[Any] = [Owner, Program, Program(("x",), (), (), ())]
    for subject in nothing:
        with pytest.raises(TypeError, match="draw: expected"):
            draw(subject)
