"""What a drawing shows of a graph, against naive definitions of what it should show."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Value
from autograd.drawing.folding import modules as modules_of
from autograd.drawing.scene import FAR, MOST_ASKED, MOST_LINKS, MOST_TEXTS, Box, Link, Scene, scene
from autograd.formatting import names, number
from autograd.graph import adjoints, topological_order
from autograd.kinds import CONSTANT
from autograd.scopes import ancestors_of, folded
from autograd.value import as_value
from nn import MLP, losses
from tests.autograd.drawing.graphs import (
    MODULES,
    chain,
    graphs,
    near_graphs,
    neuron,
    parent_links,
    textbook,
)

NEAR = 8  # operations


def by_name(shown: Scene) -> dict[str, Box]:
    return {box.name: box for box in shown.boxes}


def pairs(links: Iterable[Link]) -> Counter[tuple[int, int]]:
    return Counter((id(link.tail.of or link.tail), id(link.head)) for link in links)


def count_of(link: Link) -> int:
    """How many parent links a link of a folded drawing stands for, as its title says."""
    return int(re.match(r"([\d,]+) links? ", link.title)[1].replace(",", ""))  # type: ignore[index]


def stubs(shown: Scene) -> dict[int, int]:
    return {
        id(link.head): int(link.tail.name.removeprefix("… ").replace(",", ""))
        for link in shown.links
        if link.tail.kind == "omitted"
    }


# --- the whole graph -----------------------------------------------------------------------------


@given(near_graphs(NEAR))
def test_a_box_for_each_node_and_a_link_for_each_parent(nodes: list[Value]) -> None:
    order = topological_order(nodes[-1])
    shown = scene([nodes[-1]])
    assert [box.nodes for box in shown.boxes] == [[node] for node in order]
    assert all(map(lambda box, node: box.nodes[0] is node, shown.boxes, order))
    box_of = dict(zip(order, shown.boxes, strict=True))
    assert pairs(shown.links) == Counter(
        (id(box_of[parent]), id(box_of[node])) for node in order for parent in node.parents
    )
    assert [box.identifier for box in shown.boxes] == [f"n{i}" for i in range(len(order))]
    assert [link.identifier for link in shown.links] == [f"e{i}" for i in range(len(shown.links))]
    assert [box.nodes[0] for box in shown.boxes if box.root] == [nodes[-1]]
    assert shown.notes == []


@given(near_graphs(NEAR))
def test_a_box_says_kind_label_and_numbers_of_its_node(nodes: list[Value]) -> None:
    called = names(topological_order(nodes[-1]))
    for box in scene([nodes[-1]]).boxes:
        (node,) = box.nodes
        kind = "operation" if node.parents else getattr(node.op, "name", "input").lower()
        assert box.kind == kind
        assert f"\ndata {node.data!r}" in box.title
        label = node.label or ""
        if label.strip():
            assert label in called[node]  # quoted or numbered, where others have it as well
            label = called[node]
        local = label.removeprefix(f"{box.module}." if box.module else "")
        if kind == "constant":
            assert box.rows == [(local, number(node.data)) if local else (number(node.data), "")]
            assert box.name == (local or number(node.data))
            continue
        assert f"\ngrad {node.grad!r}" in box.title
        assert box.rows == [("data", number(node.data)), ("grad", number(node.grad))]
        if node.label:
            assert box.name == local
        else:
            assert bool(box.name) == bool(node.parents)


@given(near_graphs(NEAR))
def test_contributions_add_up_to_the_gradient(nodes: list[Value]) -> None:
    root = nodes[-1]
    root.zero_grad()
    root.backward()
    shown = scene([root], links="contributions")
    for box in shown.boxes:
        weights = [link.weight for link in shown.links if (link.tail.of or link.tail) is box]
        (node,) = box.nodes
        if box.kind == "constant":
            assert weights == [None] * len(weights)
        elif node is not root:
            assert math.fsum(filter(None, weights)) == pytest.approx(node.grad, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("links", "texts"),
    [
        (None, ["", "", "", "", ""]),
        ("derivatives", ["2", "0.5", "1", "1", "0.5966"]),
        ("contributions", ["1.193", "0.2983", "0.5966", "0.5966", "0.5966"]),
        ("both", ["2 (1.193)", "0.5 (0.2983)", "1 (0.5966)", "1 (0.5966)", "0.5966 (0.5966)"]),
    ],
)
def test_numbers_on_links(links: str | None, texts: list[str]) -> None:
    y = neuron()
    y.parents[0].parents[0].label = "product"
    shown = scene([y], links=links)
    found = {(link.tail.name, link.head.name): link for link in shown.links}
    ends = [("w", "product"), ("x", "product"), ("product", "+"), ("b", "+"), ("+", "tanh")]
    assert [found[end].text for end in ends] == texts
    link = found["w", "product"]
    assert link.title == (
        f"∂product/∂w = x = 2.0\ncontribution to ∂output/∂w: {y.parents[0].grad * 2.0!r}"
    )
    assert len(shown.notes) == (links in ("contributions", "both"))


def test_coefficients_of_a_dot_product_with_numbers_stand_on_its_links() -> None:
    ws = [Value(1.0, "a"), Value(2.0, "b"), Value(3.0, "c")]
    shown = scene([autograd.dot(ws, [0.5, 1.0, -2.0])])
    assert [link.text for link in shown.links] == ["× 0.5", "", "× −2"]


def test_before_backward_contributions_say_so() -> None:
    y = neuron()
    y.zero_grad()
    assert scene([y], links="contributions").notes[-1] == (
        "every gradient is 0: has backward() run?"
    )
    assert not any("has backward" in note for note in scene([y], links="derivatives").notes)
    y.backward()
    assert not any("has backward" in note for note in scene([y], links="both").notes)


@pytest.mark.parametrize("fold", [None, 0])
def test_gradients_of_an_earlier_pass_are_no_contributions_to_this_output(fold: int | None) -> None:
    x = Value(1.5, "x")
    y = autograd.sin(x * x) * x
    y.backward(create_graph=True)
    g = as_value(x.grad)
    for links in ("contributions", "both", None):
        shown = scene([g], links=links, fold=fold)
        assert all(link.weight is None for link in shown.links)
        assert not any("contribution" in link.title for link in shown.links)
        assert links != "contributions" or not any("." in link.text for link in shown.links)
        assert bool(links) is any("another pass" in note for note in shown.notes)
    x.zero_grad()
    g.backward()
    after = scene([g], links="contributions", fold=fold)
    assert any(link.weight for link in after.links)
    assert not any("another pass" in note for note in after.notes)


def test_a_zero_adjoint_contributes_nothing_through_an_infinite_derivative() -> None:
    x = Value(0.0, "x")
    y = autograd.sqrt(x) * 0.0 + 1.0
    y.backward()
    links = scene([y], links="both").links
    (link,) = [link for link in links if link.tail.name == "x"]
    assert (link.text, link.weight) == ("inf (0)", 0.0)


@pytest.mark.parametrize("fold", [None, 0])
def test_a_branch_that_is_not_taken_contributes_nothing_to_an_infinite_adjoint(
    fold: int | None,
) -> None:
    x = Value(-1.0, "m.x")
    y = autograd.cbrt(autograd.relu(x))
    y.label = "y"
    y.parents[0].label = "n.relu"
    y.backward()
    links = scene([y], links="both", fold=fold).links
    assert all(link.weight in (0.0, math.inf) for link in links)
    if fold is None:
        assert [link.text for link in links if link.tail.nodes == [x]] == ["0 (0)"]


def test_many_numbers_on_links_are_left_to_the_titles_and_it_is_said() -> None:
    for count, shown_at_all in ((MOST_ASKED, True), (MOST_ASKED + 1, False)):
        y = autograd.sum([Value(1.0, "x") for _ in range(count)])
        shown = scene([y], links="derivatives")
        assert {bool(link.text) for link in shown.links} == {shown_at_all}
        assert any("too many to show" in note for note in shown.notes) is not shown_at_all
        assert all("= 1.0\n" in link.title for link in shown.links)


def test_what_nobody_asked_for_gives_way_earlier() -> None:
    for count, shown_at_all in ((MOST_TEXTS, True), (MOST_TEXTS + 1, False)):
        shown = scene([autograd.dot([2.0] * count, [Value(1.0) for _ in range(count)])])
        assert {link.text for link in shown.links} == {"× 2" if shown_at_all else ""}


def test_at_the_cut_a_node_outside_a_module_stays_outside() -> None:
    x = Value(2.0, "x")
    n = x * 3.0
    n.label = "enc.0.out"
    y = (n - 1.0) ** 2
    for shown in (scene([y]), scene([y], between=[n]), scene([y], within=2)):
        assert {box.name for box in shown.boxes if box.module and box.nodes} <= {"out", "3"}


def test_a_mention_says_which_of_two_leaves_with_one_label_it_is() -> None:
    w, other = Value(0.5, "w"), Value(0.25, "w")
    h = Value(1.0, "h")
    for _ in range(12):
        h = (w * h + other).tanh()
    shown = scene([h])
    mentions = {box.name for box in shown.boxes if box.kind == "mention"}
    assert mentions == {"w", "w (2)"}
    assert {box.name for box in shown.boxes if box.of is None} >= mentions


def test_contributions_of_folded_links_are_added_up() -> None:
    loss = losses.mean_squared_error(MLP(2, [2, 1], seed=1)([0.5, -1.0]), 0.25)
    loss.backward()
    shown = scene([loss], links="contributions", fold=1)
    (between,) = [x for x in shown.links if (x.tail.name, x.head.name) == ("layers.0", "layers.1")]
    (out,) = [node for node in between.head.nodes if node.parents]
    exact = sum(
        out.grad * derivative
        for parent, derivative in zip(out.parents, out.local_derivatives, strict=True)
        if any(parent is node for node in between.tail.nodes)
    )
    assert between.weight == pytest.approx(exact, rel=1e-14)
    assert between.text.startswith("2 links: ")


def test_constants_carry_no_contribution_when_folded_either() -> None:
    v = Value(1.0, "v")
    y = autograd.sum([(v * float(i)) ** 2 for i in range(40)])
    y.backward()
    shown = scene([y], links="contributions", fold=1)
    constants = [x for x in shown.links if "constant" in x.tail.name or x.tail.kind == "constant"]
    assert constants
    assert {link.weight for link in constants} == {None}


def test_without_contributions_nothing_is_said_of_them() -> None:
    for root in (Value(1.0, "x"), as_value(2.0)):
        assert scene([root], links="both").notes == []


def test_a_parent_twice_has_two_links() -> None:
    a = Value(3.0, "a")
    shown = scene([a * a])
    assert [(link.tail.name, link.head.name) for link in shown.links] == [("a", "×")] * 2
    assert set(map(len, shown.ends().values())) == {2}


def test_a_constant_shows_its_number_whatever_it_is_called() -> None:
    half = as_value(0.5)
    half.label = "half"
    shown = scene([Value(2.0, "x") * half * 0.25])
    constants = [box for box in shown.boxes if box.kind == "constant"]
    assert [box.rows for box in constants] == [[("half", "0.5")], [("0.25", "")]]
    assert [box.name for box in constants] == ["half", "0.25"]


# --- frames --------------------------------------------------------------------------------------


@given(near_graphs(12, MODULES), st.sampled_from([None, 0, 1, 2, 3]))
def test_only_innermost_modules_are_framed(nodes: list[Value], fold: int | None) -> None:
    order = topological_order(nodes[-1])
    places = modules_of(order, {node: node.parents for node in order})
    boxes = scene([nodes[-1]], fold=fold).boxes
    lies_in = {}
    for box in boxes:
        if box.is_module:
            around = ancestors_of(folded(places[box.nodes[0]], fold or 0) or "")
            lies_in[box] = around[-2] if len(around) > 1 else ""
        else:
            lies_in[box] = places[box.nodes[0]] or ""
    for box, module in lies_in.items():
        holds_another = any(
            module != other and module in ancestors_of(other) for other in lies_in.values()
        )
        assert box.module == ("" if holds_another else module)
        if not box.is_module and not box.module and box.nodes[0].label:
            assert box.nodes[0].label in box.name  # numbered, where it is the second of that name


def test_a_shared_bias_shows_its_full_label_as_its_layer_has_no_frame() -> None:
    _, error = textbook()
    shown = scene([error])
    for layer in "01":
        assert by_name(shown)[f"layers.{layer}.bias"].module == ""
    assert {box.module for box in shown.boxes} - {""} == {
        f"layers.{layer}.neurons.{neuron}" for layer in "01" for neuron in "01"
    }


# --- a part of it --------------------------------------------------------------------------------


def naive_descendants(order: list[Value], sources: set[Value]) -> set[Value]:
    def reaches(node: Value) -> bool:
        return node in sources or any(map(reaches, node.parents))

    return {node for node in order if reaches(node)}


def distances(root: Value) -> dict[Value, int]:
    """How many links lie on the shortest way from the root to each node."""
    found = {root: 0}
    queue = [root]
    for node in queue:
        for parent in node.parents:
            if parent not in found:
                found[parent] = found[node] + 1
                queue.append(parent)
    return found


def check_left_out(shown: Scene, order: list[Value], drawn: set[Value]) -> None:
    boxes = {box.nodes[0]: box for box in shown.boxes if box.nodes}
    assert boxes.keys() == drawn
    assert stubs(shown) == {
        id(box): missing
        for node, box in boxes.items()
        if (missing := sum(parent not in drawn for parent in node.parents))
    }
    links = [link for link in shown.links if link.tail.kind != "omitted"]
    assert len(links) == sum(parent in drawn for node in drawn for parent in node.parents)
    left_out = [int(re.findall(r"[\d,]+", note)[0].replace(",", "")) for note in shown.notes]
    assert sum(left_out) == len(order) - len(drawn)
    assert all(note.startswith("left out: ") for note in shown.notes)


@given(near_graphs(NEAR), st.data())
def test_between_shows_the_paths_and_says_what_is_left_out(
    nodes: list[Value], data: st.DataObject
) -> None:
    order = topological_order(nodes[-1])
    chosen = data.draw(st.lists(st.sampled_from(order), min_size=1, max_size=3))
    shown = scene([nodes[-1]], between=chosen)
    check_left_out(shown, order, naive_descendants(order, set(chosen)))


@given(near_graphs(NEAR), st.integers(0, 6))
def test_within_shows_the_neighbourhood_and_says_what_is_left_out(
    nodes: list[Value], within: int
) -> None:
    order = topological_order(nodes[-1])
    near = {node for node, distance in distances(nodes[-1]).items() if distance <= within}
    check_left_out(scene([nodes[-1]], within=within), order, near)


@given(near_graphs(NEAR), st.integers(0, 6), st.data())
def test_between_and_within_together(nodes: list[Value], within: int, data: st.DataObject) -> None:
    order = topological_order(nodes[-1])
    chosen = data.draw(st.lists(st.sampled_from(order), min_size=1, max_size=3))
    near = {node for node, distance in distances(nodes[-1]).items() if distance <= within}
    drawn = near & (naive_descendants(order, set(chosen)))
    check_left_out(scene([nodes[-1]], between=chosen, within=within), order, drawn)


def test_left_out_in_words() -> None:
    y = neuron()
    net = y.parents[0]
    assert scene([y], within=1).notes == ["left out: 4 nodes more than 1 link from the output"]
    assert scene([y], within=0).notes == ["left out: 5 nodes more than 0 links from the output"]
    assert scene([y], within=2).notes == ["left out: 2 nodes more than 2 links from the output"]
    assert scene([y], within=9).notes == []
    assert scene([y], between=[net.parents[1]]).notes == [
        "left out: 3 nodes beside the paths between the nodes given"
    ]
    assert scene([y], between=[y]).notes[0].startswith("left out: 5 nodes")


def test_between_what_the_output_does_not_depend_on() -> None:
    stranger = Value(1.0, "stranger")
    with pytest.raises(ValueError, match=r"stranger.*does not depend"):
        scene([neuron()], between=[stranger])


# --- several outputs -----------------------------------------------------------------------------


@given(near_graphs(NEAR), st.data())
def test_several_outputs(nodes: list[Value], data: st.DataObject) -> None:
    roots = data.draw(st.lists(st.sampled_from(nodes), min_size=1, max_size=4, unique_by=id))
    order = topological_order(*roots)
    shown = scene(roots)
    assert {box.nodes[0] for box in shown.boxes if box.root} == set(roots)
    assert len(shown.boxes) == len(order)
    assert len(shown.links) == parent_links(order)


def test_a_leaf_or_a_constant_is_drawn_by_itself() -> None:
    for leaf in (Value(1.0), Value(1.0, "x"), as_value(2.0)):
        shown = scene([leaf])
        assert [(box.root, box.nodes) for box in shown.boxes] == [(True, [leaf])]
        assert shown.links == []
    assert as_value(2.0).op is CONSTANT


# --- leaves used all along -----------------------------------------------------------------------


@pytest.mark.parametrize("steps", [FAR - 1, FAR, FAR + 1, 40])
def test_a_leaf_used_all_along_is_drawn_once_and_mentioned_at_each_use(steps: int) -> None:
    w, x = Value(0.9, "cell.w"), Value(0.5, "x")
    y, uses = x, []
    for _ in range(steps):
        y = y * w
        uses.append(y)
    y = y + x
    y.backward()
    order = topological_order(y)
    shown = scene([y], links="contributions")
    mentions = [box for box in shown.boxes if box.kind == "mention"]
    assert [box.nodes for box in shown.boxes if box not in mentions] == [[node] for node in order]
    assert len(shown.links) == parent_links(order)
    assert len({box.identifier for box in shown.boxes}) == len(shown.boxes)
    # From the first use of w to the last it is a level less than there are uses; of x, one more.
    far = [leaf for leaf, levels in ((w, steps - 1), (x, steps)) if levels > FAR]
    assert Counter(box.of.nodes[0] for box in mentions if box.of) == {
        leaf: {w: steps, x: 2}[leaf] for leaf in far
    }
    for box in mentions:
        assert box.of
        assert (box.name, box.title, box.nodes) == (box.of.name, box.of.title, [])
        (link,) = [link for link in shown.links if link.tail is box]
        assert link.head.module == box.module
        assert shown.ends()[link.head.nodes[0], box.of.nodes[0]] == (link.identifier,)
    assert set(shown.ends()) == {(node, parent) for node in order for parent in node.parents}
    for leaf in (w, x):
        weights = [k.weight for k in shown.links if (k.tail.of or k.tail).nodes == [leaf]]
        assert math.fsum(filter(None, weights)) == pytest.approx(leaf.grad, rel=1e-12)
    said = [note for note in shown.notes if "used all along the graph" in note]
    assert [note.split()[0] for note in said] == ([str(len(far))] if far else [])


def test_a_leaf_without_a_label_has_the_same_name_wherever_it_is_mentioned() -> None:
    w = Value(0.9)
    y = Value(0.5, "x")
    for _ in range(FAR + 2):
        y = y * w
    shown = scene([y])
    assert Counter(
        box.name for box in shown.boxes if {w} & {*box.nodes, *(box.of or box).nodes}
    ) == {"v1": FAR + 3}


# --- folded --------------------------------------------------------------------------------------


def check_title(link: Link, contributions: list[float]) -> None:
    """The title of a bundle names both ends, and tells what flows back along all of it."""
    title = re.fullmatch(
        r"[\d,]+ links? from (.+) to (.+)\ncontribution( of all together)?: (\S+)",
        link.title,
        re.DOTALL,
    )
    assert title
    assert bool(title[3]) == (len(contributions) > 1)
    assert link.weight is not None
    assert title[4] == repr(link.weight)
    assert repr(link.weight) == repr(float(sum(contributions)))


@given(graphs(12, MODULES), st.integers(0, 4))
def test_folding_loses_no_node_and_no_link(nodes: list[Value], fold: int) -> None:
    root = nodes[-1]
    order = topological_order(root)
    places = modules_of(order, {node: node.parents for node in order})
    shown = scene([root], fold=fold)
    drawn = [node for box in shown.boxes for node in box.nodes]
    assert Counter(map(id, drawn)) == Counter(map(id, order))
    box_of = {node: box for box in shown.boxes for node in box.nodes}
    between: dict[tuple[int, int], list[float]] = {}
    for node in order:
        for parent, derivative in zip(node.parents, node.local_derivatives, strict=True):
            if box_of[parent] is not box_of[node]:
                contribution = node.grad * derivative if node.grad else 0.0
                ends = id(box_of[parent]), id(box_of[node])
                between.setdefault(ends, []).append(contribution)
    found: Counter[tuple[int, int]] = Counter()
    for link in shown.links:
        ends = id(link.tail), id(link.head)
        if "folded" in (link.tail.kind, link.head.kind):
            found[ends] += count_of(link)
            assert link.text == (f"{count_of(link):,} links" if count_of(link) > 1 else "")
            check_title(link, between[ends])
        else:
            found[ends] += 1
    assert found == Counter({ends: len(links) for ends, links in between.items()})
    modules = [box for box in shown.boxes if box.is_module]
    count = sum(len(box.nodes) for box in modules)
    by_module = [m for node in order if (m := folded(places[node], fold)) is not None]
    assert (len(modules), count) == (len(set(by_module)), len(by_module))
    assert len(shown.notes) == 1
    if not modules:
        assert shown.notes == ["no module is folded: no label names one at this depth"]
    else:
        inside = f"{count} node{'s' * (count != 1)}"
        assert shown.notes[0].startswith(f"folded: {inside} into {len(modules)} module")
    for box in modules:
        assert box.title.split(": ")[0].startswith(box.module)


@given(graphs(12, MODULES))
def test_the_deeper_the_folding_the_more_boxes(nodes: list[Value]) -> None:
    counts = [len(scene([nodes[-1]], fold=fold).boxes) for fold in range(6)]
    assert counts == sorted(counts)
    assert counts[-1] == len(topological_order(nodes[-1]))


def test_folding_the_worked_example() -> None:
    _, error = textbook()
    shown = scene([error], fold=1)
    assert [box.name for box in shown.boxes if box.is_module] == ["layers.0", "layers.1"]
    assert shown.notes == ["folded: 18 nodes into 2 modules"]
    assert by_name(shown)["layers.0"].rows[:2] == [("5 parameters", ""), ("4 operations", "")]
    (link,) = [link for link in shown.links if link.head.is_module]
    assert link.text == "4 links"
    inner = {node for box in shown.boxes if box.name == "layers.0" for node in box.nodes}
    outs = [node for node in inner if node.label and node.label.endswith(".out")]
    assert link.weight == pytest.approx(sum(out.grad for out in outs), rel=1e-12)
    assert link.title == (
        f"4 links from layers.0 to layers.1\ncontribution of all together: {link.weight!r}"
    )
    assert by_name(scene([error], fold=0))["model"].title == "model: 10 parameters, 8 operations"
    neurons = scene([error], fold=2)
    assert Counter(box.module for box in neurons.boxes if box.is_module) == {
        "layers.0": 2,
        "layers.1": 2,
    }
    biases = [box for box in neurons.boxes if box.name == "bias"]
    assert [(box.kind, box.module) for box in biases] == [
        ("frozen", "layers.0"),
        ("frozen", "layers.1"),
    ]


def test_the_ends_of_a_bundle_are_told_apart_by_their_names() -> None:
    model, _ = textbook()
    titles = [link.title.split("\n")[0] for link in scene(model([Value(0.5), 0.25]), fold=2).links]
    for neuron_ in "01":
        assert f"1 link from v1 to layers.0.neurons.{neuron_}" in titles
        assert f"1 link from 0.25 to layers.0.neurons.{neuron_}" in titles
        assert f"1 link from layers.0.neurons.1 to layers.1.neurons.{neuron_}" in titles
        assert f"1 link from layers.1.bias to layers.1.neurons.{neuron_}" in titles
    assert len(set(titles)) == len(titles)


def test_a_folded_neuron_shows_what_it_gives() -> None:
    _, error = textbook()
    for box in scene([error], fold=2).boxes:
        if box.is_module:
            (out,) = [node for node in box.nodes if (node.label or "").endswith(".out")]
            assert box.rows[2:] == [("data", number(out.data)), ("grad", number(out.grad))]


def twenty_samples() -> tuple[MLP, Value]:
    model = MLP(2, [3, 1], "tanh", seed=1)
    samples = [losses.half_squared_error([model([0.1 * i, 1.0 - i])], [0.3 * i]) for i in range(20)]
    loss = autograd.mean(samples)
    loss.backward()
    return model, loss


@pytest.mark.parametrize(("fold", "modules", "nodes"), [(0, 1, 153), (1, 2, 153), (2, 4, 153)])
def test_the_loss_of_many_samples_folds_into_a_few_boxes(
    fold: int, modules: int, nodes: int
) -> None:
    _, loss = twenty_samples()
    shown = scene([loss], fold=fold)
    assert sum(box.is_module for box in shown.boxes) == modules
    rest = [(box.name, box.operation) for box in shown.boxes if not box.is_module]
    assert rest == [
        ("constant", "40 alike"), ("−", "20 alike"), ("square", "20 alike"), ("×", "20 alike"),
        ("sum", "20 alike"), ("mean", ""),
    ]  # fmt: skip
    assert shown.notes == [
        f"folded: {nodes} nodes into {modules} module{'s' * (modules > 1)}",
        "folded: 121 other nodes, by operation and operands, into 6",
    ]
    assert {link.text for link in shown.links} == {"20 links", "60 links"} - (
        {"60 links"} if fold != 1 else set()
    )


def test_folding_deeper_than_the_modules_go_keeps_them_in_their_frames() -> None:
    _, loss = twenty_samples()
    shown = scene([loss], fold=3)
    for box in shown.boxes:
        labels = {(node.label or "").rpartition(".")[0] for node in box.nodes}
        if len(labels) == 1 and (label := labels.pop()).startswith("layers."):
            assert box.module, f"{box.name} of {label} stands outside its frame"
    assert {box.module for box in shown.boxes} - {""} == {
        *(f"layers.0.neurons.{i}" for i in range(3)), "layers.1.neurons.0",
    }  # fmt: skip
    assert shown.notes == [
        "no module is folded: no label names one at this depth",
        f"folded: 274 other nodes, by operation and operands, into {len(shown.boxes)}",
    ]


def test_a_cell_applied_to_its_own_output_folds_into_one_box() -> None:
    model = MLP(1, [1], "tanh", "tanh", seed=3)
    state = Value(0.1, "state")
    for _ in range(5):
        state = model([state])
    state.backward()
    shown = scene([state], fold=0)
    assert {(box.name, box.root) for box in shown.boxes} == {("model", True), ("state", False)}
    assert len(shown.links) == 1
    assert by_name(shown)["model"].rows == [
        ("2 parameters", ""), ("10 operations", ""), ("data", number(state.data)), ("grad", "1"),
    ]  # fmt: skip
    assert len(scene([state]).boxes) == 13


def test_modules_that_feed_each_other_make_a_circle_of_links() -> None:
    a, b = Value(0.5, "a.w"), Value(0.25, "b.w")
    x = Value(1.0, "x")
    for _ in range(3):
        x = autograd.tanh(b * autograd.tanh(a * x))
        x.label, x.parents[0].parents[1].label = "b.out", "a.out"
    ends = {(link.tail.name, link.head.name): count_of(link) for link in scene([x], fold=1).links}
    assert ends == {("x", "a"): 1, ("a", "b"): 3, ("b", "a"): 2}


def test_nodes_alike_by_operation_where_they_differ_in_operands() -> None:
    shown = scene([chain(2000)], fold=0)
    found = {(box.name, len(box.nodes)) for box in shown.boxes}
    assert found == {("x", 1), ("−", 1999), ("−", 1)}
    assert shown.notes == [
        "no module is folded: no label names one at this depth",
        "folded: 2,001 other nodes, by operation, into 3",
    ]
    loops = [link for link in shown.links if link.tail is link.head]
    assert [link.text for link in loops] == ["1,998 links"]


def test_folding_serves_where_every_leaf_has_a_name_of_its_own() -> None:
    """The refusal advises to fold; folding must then not refuse in turn."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    inputs = [Value(1.0, f"{a}{b}{c}") for a in letters for b in letters for c in letters[:3]]
    shown = scene([autograd.sum(inputs)], fold=1)
    assert len(shown.boxes) < 1000


@pytest.mark.parametrize("name", ["layers.1.bias", "layers.1.neurons.0.weights.0", "layers.0.bias"])
@pytest.mark.parametrize("fold", [0, 1, 2])
def test_folding_together_with_what_lies_between(name: str, fold: int) -> None:
    model, error = textbook()
    parameter = dict(model.named_parameters())[name]
    shown = scene([error], fold=fold, between=[parameter])
    drawn = naive_descendants(topological_order(error), {parameter})
    box_of = {node: box for box in shown.boxes for node in box.nodes}
    assert box_of.keys() == drawn
    missing: Counter[int] = Counter()
    for node in drawn:
        missing[id(box_of[node])] += sum(parent not in drawn for parent in node.parents)
    assert stubs(shown) == +missing


def test_an_output_beside_the_paths_is_drawn_all_the_same() -> None:
    a, b = Value(2.0, "a"), Value(3.0, "b")
    through, beside = a * 2.0, autograd.tanh(b)
    shown = scene([through, beside], between=[a])
    assert [box.name for box in shown.boxes if box.nodes] == ["a", "×", "tanh"]
    assert sorted(stubs(shown).values()) == [1, 1]
    assert shown.notes == ["left out: 2 nodes beside the paths between the nodes given"]


# --- the limit -----------------------------------------------------------------------------------


def test_the_limit_counts_boxes() -> None:
    y = neuron()
    assert len(scene([y], limit=6).boxes) == 6
    with pytest.raises(ValueError, match="6 boxes would be drawn of a graph of 6 nodes") as caught:
        scene([y], limit=5)
    for advice in ("fold=1", "within=3", "between=", "limit="):
        assert advice in str(caught.value)
    assert len(scene([y], limit=2, within=1).boxes) == 3  # with the stub
    _, error = textbook()
    assert len(scene([error], fold=0, limit=12).boxes) == 12
    with pytest.raises(ValueError, match="limit of 3"):
        scene([error], fold=2, limit=3)


def test_the_limit_counts_links_as_well() -> None:
    xs = [Value(float(i), f"x{i}") for i in range(30)]
    y = autograd.sum([autograd.sum(xs) for _ in range(20)])
    boxes, links = 51, 620
    assert len(scene([y], limit=-(-links // MOST_LINKS)).links) == links
    with pytest.raises(ValueError, match=f"{links} links would be drawn, more than {MOST_LINKS}"):
        scene([y], limit=links // MOST_LINKS - 1)
    assert boxes <= links // MOST_LINKS - 1


def test_the_scene_changes_nothing() -> None:
    model, error = textbook()
    before = [(n.data, n.grad, n.op, n.label, n.parents) for n in topological_order(error)]
    for fold in (None, 0, 1, 2):
        scene([error], fold=fold, links="both")
    assert before == [(n.data, n.grad, n.op, n.label, n.parents) for n in topological_order(error)]
    found = adjoints(error)
    assert all(found[p] == p.grad for p in model.parameters())
