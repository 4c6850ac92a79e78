"""The steps through a graph: their numbers against `graph.adjoints`, their words by example."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, exp, net, relu, sqrt
from autograd import sum as total
from autograd.drawing.steps import Change, Step, steps
from autograd.formatting import number
from autograd.graph import adjoints, interior, topological_order
from autograd.kinds import CONSTANT


def labelled(node: Value, label: str) -> Value:
    node.label = label
    return node


def drawn(root: Value) -> tuple[dict[Value, str], dict[tuple[Value, Value], tuple[str, ...]]]:
    """Give every node an id, and every link its own, of which there may be two between nodes."""
    order = topological_order(root)
    boxes = {node: f"n{i}" for i, node in enumerate(order)}
    links: dict[tuple[Value, Value], tuple[str, ...]] = {}
    count = 0
    for node in order:
        for parent in node.parents:
            links[node, parent] = (*links.get((node, parent), ()), f"e{count}")
            count += 1
    return boxes, links


def walk(root: Value) -> list[Step]:
    return steps(root, *drawn(root))


def at_the_end(walked: list[Step], phase: str) -> dict[str, str]:
    """Add up what the steps of a phase fill in."""
    known: dict[str, str] = {}
    for step in walked:
        if step.phase == phase:
            known |= {node: change.exact for node, change in step.changes.items()}
    return known


@st.composite
def graphs(draw: st.DrawFn) -> Value:
    """Graphs with shared nodes, constants, parents that come twice, and infinite derivatives."""
    number_of_leaves = draw(st.integers(1, 4))
    nodes = [Value(draw(st.floats(-4, 4)), f"x{i}") for i in range(number_of_leaves)]
    for _ in range(draw(st.integers(0, 15))):
        a, b, c = (draw(st.sampled_from(nodes)) for _ in range(3))
        make = draw(
            st.sampled_from(
                [
                    lambda a, b, c: a + b,
                    lambda a, b, c: a * b,
                    lambda a, b, c: a * a,
                    lambda a, b, c: a - 2.5,
                    lambda a, b, c: 0.0 * a,
                    lambda a, b, c: relu(a),
                    lambda a, b, c: sqrt(relu(b)),
                    lambda a, b, c: net([a, b], [b, c], c),
                    lambda a, b, c: net([a, b], [0.5, -3.0], c),
                ]
            )
        )
        nodes.append(make(a, b, c))
    return nodes[-1]


def assert_same(found: dict[str, str], expected: dict[str, float]) -> None:
    assert found == {node: repr(x) for node, x in expected.items()}


@given(graphs())
def test_numbers_are_those_of_the_graph_to_the_last_bit(root: Value) -> None:
    boxes, _ = drawn(root)
    walked = walk(root)
    assert_same(
        at_the_end(walked, "forward"), {boxes[node]: node.data for node in topological_order(root)}
    )
    assert_same(
        at_the_end(walked, "backward"),
        {boxes[node]: x for node, x in adjoints(root).items() if node.op is not CONSTANT},
    )


@given(graphs())
def test_steps_go_forward_in_topological_order_and_back_in_reverse(root: Value) -> None:
    boxes, links = drawn(root)
    walked = walk(root)
    half = len(walked) // 2
    order = [boxes[node] for node in interior(root)]
    assert [step.phase for step in walked] == ["forward"] * half + ["backward"] * half
    assert [step.node for step in walked[:half]] == ["", *order]
    assert [step.node for step in walked[half:]] == [boxes[root], *reversed(order)]
    assert not any(step.links for step in (walked[0], walked[half]))
    nodes = {identifier: node for node, identifier in boxes.items()}
    for step in [*walked[1:half], *walked[half + 1 :]]:
        node = nodes[step.node]
        expected = {link for parent in node.parents for link in links[node, parent]}
        assert set(step.links) == expected
        assert len(step.links) == len(expected)
    for i, step in enumerate(walked, 1):
        assert step.title.startswith(f"{i} of {len(walked)} · {step.phase}: ")


@given(graphs())
def test_a_gradient_is_whole_when_its_node_hands_it_on(root: Value) -> None:
    boxes, _ = drawn(root)
    nodes = {identifier: node for node, identifier in boxes.items()}
    expected = adjoints(root)
    known: dict[str, Change] = {}
    walked = walk(root)
    for step in walked[len(walked) // 2 :]:
        if step.links:
            assert known[step.node].exact == repr(expected[nodes[step.node]])
        known |= step.changes
    for identifier, change in known.items():
        assert change.text == number(expected[nodes[identifier]])


@given(graphs(), st.data())
def test_nodes_that_are_not_drawn_have_no_step_but_count(root: Value, data: st.DataObject) -> None:
    boxes, links = drawn(root)
    some = data.draw(st.sets(st.sampled_from(list(boxes))))
    part = {node: identifier for node, identifier in boxes.items() if node in some}
    within = {ends: ids for ends, ids in links.items() if some.issuperset(ends)}
    walked = steps(root, part, within)
    inner = [part[node] for node in interior(root) if node in some]
    opening = part.get(root, "")
    assert [step.node for step in walked] == ["", *inner, opening, *reversed(inner)]
    assert at_the_end(walked, "backward") == {
        part[node]: repr(x)
        for node, x in adjoints(root).items()
        if node in some and node.op is not CONSTANT
    }
    assert {link for step in walked for link in step.links} == {
        link for ids in within.values() for link in ids
    }


@given(graphs())
def test_nothing_is_changed(root: Value) -> None:
    before = [(node.data, node.grad) for node in topological_order(root)]
    walk(root)
    assert repr([(node.data, node.grad) for node in topological_order(root)]) == repr(before)


def test_words_of_a_neuron() -> None:
    w, x, b = Value(0.5, "w"), Value(-2.0, "x"), Value(1.5, "b")
    s = labelled(net([w], [x], b), "s")
    y = labelled(s * s, "y")
    walked = walk(y)
    assert [step.title for step in walked] == [
        "1 of 6 · forward: leaves",
        "2 of 6 · forward: s",
        "3 of 6 · forward: y",
        "4 of 6 · backward: ∂y/∂y = 1",
        "5 of 6 · backward: y",
        "6 of 6 · backward: s",
    ]
    assert [(step.formula, step.evaluated) for step in walked] == [
        ("", ""),
        ("s = w·x + b", "= 0.5·(−2) + 1.5 = 0.5"),
        ("y = s·s", "= 0.5·0.5 = 0.25"),
        ("∂y/∂y = 1", ""),
        ("y = s·s", "∂y/∂y = 1"),
        ("s = w·x + b", "∂y/∂s = 1"),
    ]
    assert walked[4].lines == (
        "∂y/∂s += ∂y/∂y · ∂y/∂s = 1 × 0.5 = 0.5; ∂y/∂s = s = 0.5",
        "∂y/∂s += ∂y/∂y · ∂y/∂s = 1 × 0.5 = 0.5, in all 1; ∂y/∂s = s = 0.5",
    )
    assert walked[5].lines == (
        "∂y/∂w += ∂y/∂s · ∂s/∂w = 1 × (−2) = −2; ∂s/∂w = x = −2",
        "∂y/∂x += ∂y/∂s · ∂s/∂x = 1 × 0.5 = 0.5; ∂s/∂x = w = 0.5",
        "∂y/∂b += ∂y/∂s · ∂s/∂b = 1 × 1 = 1",
    )
    boxes, _ = drawn(y)
    assert walked[0].changes == {
        boxes[w]: ("w", "0.5", "0.5"),
        boxes[x]: ("x", "−2", "-2.0"),
        boxes[b]: ("b", "1.5", "1.5"),
    }
    assert walked[3].changes == {boxes[y]: ("y", "1", "1.0")}
    assert walked[4].changes == {boxes[s]: ("s", "1", "1.0")}


def test_constants_are_given_no_gradient() -> None:
    x = Value(3.0, "x")
    y = labelled(x**2, "y")
    last = walk(y)[-1]
    assert last.lines == ("∂y/∂x += ∂y/∂y · ∂y/∂x = 1 × 6 = 6; ∂y/∂x = 2·x = 6",)
    assert list(last.changes) == [drawn(y)[0][x]]


def test_a_zero_adjoint_gives_zero_even_through_an_infinite_derivative() -> None:
    x = Value(0.0, "x")
    root = labelled(sqrt(x), "s")
    y = labelled(root * 0.0, "y")
    last = walk(y)[-1]
    assert root.local_derivatives == (math.inf,)
    assert last.lines == ("∂y/∂s is 0: nothing goes back from here.",)
    assert last.changes == {drawn(y)[0][x]: ("x", "0", "0.0")}


def test_infinite_and_undefined_numbers_are_said() -> None:
    x = Value(0.0, "x")
    y = labelled(sqrt(x) * exp(Value(math.nan, "z")), "y")
    exact = at_the_end(walk(y), "backward")
    boxes, _ = drawn(y)
    assert exact[boxes[x]] == "nan"
    assert walk(sqrt(x))[-1].changes[drawn(sqrt(x))[0][x]].exact == "inf"


def test_a_leaf_by_itself_has_two_steps() -> None:
    x = Value(3.0, "x")
    first, second = steps(x, {x: "n0"}, {})
    assert (first.node, second.node) == ("", "n0")
    assert first.changes == {"n0": ("x", "3", "3.0")}
    assert second.changes == {"n0": ("x", "1", "1.0")}
    assert len(steps(x, {}, {})) == 2


def test_long_lists_of_parents_are_abbreviated_and_hidden_ones_counted() -> None:
    xs = [Value(float(i), f"x{i}") for i in range(128)]
    y = labelled(total(xs), "y")
    boxes, links = drawn(y)
    last = steps(y, boxes, links)[-1]
    assert len(last.lines) == 9
    assert last.lines[7].startswith("∂y/∂x7 += ")
    assert last.lines[8] == "… and 120 more"
    assert len(last.changes) == 128
    some = {node: boxes[node] for node in [*xs[:3], y]}
    among = {ends: ids for ends, ids in links.items() if ends[1] in some}
    last = steps(y, some, among)[-1]
    assert [line[:8] for line in last.lines] == ["∂y/∂x0 +", "∂y/∂x1 +", "∂y/∂x2 +", "… and 12"]
    assert last.lines[3] == "… and 125 to nodes that are not drawn"
    assert len(last.changes) == 3


def test_a_long_chain_takes_linear_time() -> None:
    y = x = Value(1.0, "x")
    for _ in range(4_000):
        y = -y
    boxes, links = drawn(y)
    walked = steps(y, boxes, links)
    assert len(walked) == 2 * 4_001
    assert sum(len(step.changes) for step in walked) == 2 * 4_001
    assert walked[-1].changes[boxes[x]].exact == "1.0"
    # For a much longer one that is drawn folded, only the drawn nodes have steps.
    for _ in range(20_000):
        y = -y
    assert [step.node for step in steps(y, {x: "n0", y: "n1"}, {})] == ["", "n1", "n1", "n1"]


def test_steps_cannot_be_changed() -> None:
    step = walk(Value(1.0) * 2.0)[0]
    with pytest.raises(AttributeError):
        step.title = ""  # type: ignore[misc]


def test_names_that_hold_a_blank_or_a_sign_stand_in_parentheses() -> None:
    a, b = Value(-2.0, "net o1"), Value(3.0, "w-1")
    y = labelled(a * b, "y z")
    forward, last = walk(y)[1], walk(y)[-1]
    assert forward.formula == "y z = (net o1)·(w-1)"
    assert last.formula == "y z = (net o1)·(w-1)"
    assert last.evaluated == "∂(y z)/∂(y z) = 1"
    assert last.lines == (
        (
            "∂(y z)/∂(net o1) += ∂(y z)/∂(y z) · ∂(y z)/∂(net o1) = 1 × 3 = 3; "
            "∂(y z)/∂(net o1) = w-1 = 3"
        ),
        (
            "∂(y z)/∂(w-1) += ∂(y z)/∂(y z) · ∂(y z)/∂(w-1) = 1 × (−2) = −2; "
            "∂(y z)/∂(w-1) = net o1 = −2"
        ),
    )
