"""The share of each node in an output's derivatives: numbers, modules, and typesetting."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest

import autograd
from autograd import Value
from autograd.explanation import (
    Contributions,
    explain,
)
from autograd.explanation.contributions import rank
from autograd.graph import leaves
from autograd.kinds import FROZEN, PARAMETER
from autograd.scopes import folded, module_of
from autograd.value import new_node
from nn import MLP
from tests.autograd.explanation.graphs import labelled, rows_of, worked_example


def parameter(data: float, label: str, kind: str = PARAMETER) -> Value:
    node = Value(data, label)
    node.op = kind
    return node


def test_the_parameters_of_the_worked_example() -> None:
    nodes = worked_example()
    for name in ("w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8"):
        nodes[name].op = PARAMETER
    nodes["b1"].op = nodes["b2"].op = FROZEN
    found = explain(nodes["E"], limit=3)
    assert isinstance(found, Contributions)
    assert str(found) == repr(found) == found.text
    assert {row.name for row in found.rows} == {*(f"w{i}" for i in range(1, 9)), "b1", "b2"}
    nodes["E"].backward()
    for row in found.rows:
        assert row.node is nodes[row.name]
        assert row.derivative == row.node.grad
        assert row.data == row.node.data
    sizes = [abs(row.derivative) for row in found.rows]
    assert sizes == sorted(sizes, reverse=True)
    assert [row.share for row in found.rows] == pytest.approx([x / sum(sizes) for x in sizes])
    lines = found.text.splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[0].split() == ["node", "data", "∂E/∂node", "share"]
    assert [line.split()[0] for line in lines[1:]] == ["b2", "w6", "w5", "7"]
    assert lines[-1].split()[:2] == ["7", "others"]
    shown = rows_of(found._repr_html_())
    assert [" ".join(row).split() for row in shown] == [line.split() for line in lines]


def test_inputs_where_there_are_no_parameters() -> None:
    nodes = worked_example()
    found = {row.name for row in explain(nodes["E"]).rows}
    assert found == {leaf.label for leaf in leaves(nodes["E"]) if leaf.label}


def test_nodes_of_ones_own_choice() -> None:
    nodes = worked_example()
    stranger = Value(1.0)
    chosen: Iterable[Value] = (nodes[name] for name in ("out_o1", "out_o2", "out_o1"))
    found = explain(nodes["E"], [*chosen, stranger])
    assert [(row.name, round(row.derivative, 4)) for row in found.rows] == [
        ("out_o1", 0.7414), ("out_o2", -0.2171), ("v19", 0.0)
    ]  # fmt: skip
    assert math.fsum(row.share for row in found.rows) == pytest.approx(1.0)
    assert explain(nodes["E"], []).rows == ()
    assert explain(nodes["E"], []).text.split() == ["node", "data", "∂E/∂node", "share"]


def test_a_leaf_alone_carries_all_of_itself() -> None:
    [row] = explain(Value(2.0, "x")).rows
    assert (row.derivative, row.share) == (1.0, 1.0)


def test_shares_of_derivatives_that_are_zero_huge_or_not_finite() -> None:
    x, y = Value(1.0, "x"), Value(2.0, "y")

    def shares(first: float, second: float) -> list[float]:
        node = new_node(0.0, (x, y), (first, second), "odd")
        return [row.share for row in explain(node).rows]

    assert shares(0.0, 0.0) == [0.0, 0.0]
    assert shares(1.5e308, -1.5e308) == [0.5, 0.5]
    assert shares(5e-324, 5e-324) == [0.5, 0.5]
    for odd in (math.nan, math.inf, -math.inf):
        assert all(map(math.isnan, shares(1.0, odd)))
        node = new_node(0.0, (x, y), (1.0, odd), "odd")
        assert [row.name for row in explain(node).rows] == ["y", "x"]
        assert explain(node, limit=1).text.splitlines()[-1].split() == ["1", "other", "nan"]


def test_labels_are_escaped_and_columns_aligned() -> None:
    labels = ["<script>alert(1)</script>", "a & b", '"q"', "권重", "e\u0301", "a\nb"]
    xs = [Value(float(i + 1), label) for i, label in enumerate(labels)]
    found = explain(labelled(autograd.sum(xs), "<E>"))
    markup = found._repr_html_()
    assert "<script" not in markup
    shown = rows_of(markup)
    assert shown[0][2] == "∂<E>/∂node"
    assert [row[0] for row in shown[1:]] == [*labels[:-1], "a b"]
    ends = {
        len(line) for line in found.text.replace("권重", "wide").replace("e\u0301", "e").split("\n")
    }
    assert len(ends) == 1


def test_modules_add_up() -> None:
    weights = [f"layers.{i}.neurons.{j}.weights.0" for i, j in ((0, 0), (0, 1), (1, 0))]
    labels = [*weights, "layers.0.bias", "bias"]
    nodes = [parameter(1.0, label) for label in labels]
    stranger = Value(1.0, "x")
    found = explain(autograd.dot([*nodes, stranger], [1.0, -2.0, 4.0, 0.5, 0.25, 0.25]), [*nodes])
    with_input = explain(found.output, [*nodes, stranger])

    def rounded(shares: dict[str | None, float]) -> dict[str | None, float]:
        return {module: round(7.75 * share, 9) for module, share in shares.items()}

    # As a drawing folds them: 0 the model, 1 its layers, 2 their neurons.
    assert rounded(found.by_module(0)) == {"": 7.75}
    assert rounded(found.by_module()) == {"layers.1": 4.0, "layers.0": 3.5, "": 0.25}
    neurons = ["layers.1.neurons.0", "layers.0.neurons.1", "layers.0.neurons.0"]
    assert rounded(found.by_module(2)) == dict(
        zip([*neurons, "layers.0", ""], [4.0, 2.0, 1.0, 0.5, 0.25], strict=True)
    )
    assert found.by_module(9) == found.by_module(2)
    assert {*with_input.by_module()} == {"layers.1", "layers.0", "", None}
    assert sum(with_input.by_module().values()) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="depth must be a whole number of at least 0, got -1"):
        found.by_module(-1)


def test_modules_are_those_of_a_drawing() -> None:
    model = MLP(2, [3, 1])
    output = model([Value(1.0), Value(2.0)])
    found = explain(output)
    for depth in range(3):
        inside = {
            module
            for node in model.parameters()
            if (module := folded(module_of(node.label), depth)) is not None
        }
        assert inside <= {*found.by_module(depth)}


def test_a_module_is_read_off_the_label_not_off_the_name() -> None:
    first, second = (parameter(1.0, "layers.0.weights.1") for _ in range(2))
    found = explain(first * 3.0 + second)
    assert [row.name for row in found.rows] == ["layers.0.weights.1", "layers.0.weights.1 (2)"]
    assert found.by_module() == {"layers.0": 1.0}


def test_nan_is_larger_than_infinity() -> None:
    sizes = [0.0, -2.0, math.inf, math.nan]
    assert sorted([math.nan, math.inf, -2.0, 0.0], key=rank)[:3] == sizes[:3]
    assert [rank(x) for x in sizes] == [(False, 0.0), (False, 2.0), (False, math.inf), (True, 0.0)]
