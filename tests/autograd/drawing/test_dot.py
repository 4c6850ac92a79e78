"""DOT: escaping, palette, and that every statement stands where it belongs."""

from __future__ import annotations

import math
import re
from collections import Counter
from html import unescape
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Value, draw
from autograd.drawing import dot
from autograd.drawing.drawing import Drawing
from autograd.drawing.palette import LIGHT
from autograd.drawing.scene import Box, Link, Scene, scene
from autograd.formatting import names
from autograd.graph import topological_order
from nn import MLP
from tests.autograd.drawing.graphs import (
    ANY_TEXT,
    DOTTED,
    HOSTILE,
    Part,
    chain,
    graphs,
    printable,
    read_source,
    textbook,
)
from tests.autograd.drawing.test_palette import contrast

TEXTS = st.sampled_from(HOSTILE) | ANY_TEXT | DOTTED
XML_CHARACTERS = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")

# --- text ----------------------------------------------------------------------------------------


@given(TEXTS)
def test_clean_text_is_what_xml_can_hold(label: str) -> None:
    cleaned = dot.clean(label)
    assert XML_CHARACTERS.fullmatch(cleaned)
    assert cleaned == printable(label)
    assert dot.clean(cleaned) == cleaned


def shown(written: str) -> str:
    """What Graphviz shows of escaped text."""
    assert re.fullmatch(r"([^\\]|\\\\)*", written)  # a backslash alone would start an escape
    return unescape(written.replace("\\\\", "\\"))


@given(TEXTS, st.integers(1, 40))
def test_text_holds_no_markup_and_loses_nothing_that_is_short(label: str, longest: int) -> None:
    written = dot.text(label, longest=longest)
    lines = written.split("<br/>")
    assert 1 <= len(lines) <= dot.LINES
    for line in lines:
        assert not set(line) & set("<>\"'\n\r\t")
        assert re.fullmatch(r"([^&]|&(lt|gt|amp|quot|#\w+);)*", line)
        assert 1 <= len(shown(line)) <= longest
    expected = printable(label).expandtabs(4)
    # Where nothing is broken or cut, the text comes back as it was, but for blanks at its end.
    if "\n" not in expected and len(expected) <= longest:
        assert shown(written).rstrip() == expected.rstrip()
    # Where it is broken, only blanks are lost; where it is cut, that is to be seen.
    letters = "".join(shown("".join(lines)).split())
    if "…" in label or not letters.endswith("…"):
        assert "…" in label or letters == "".join(expected.split())
    else:
        assert len(expected) > longest or expected.count("\n") >= dot.LINES
        assert "".join(expected.split()).startswith(letters[:-1])


@given(st.lists(st.text("abc", min_size=1, max_size=9), min_size=1, max_size=7))
def test_lines_are_broken_between_words(words: list[str]) -> None:
    written = dot.text(" ".join(words))
    if "…" not in written:
        assert written.replace("<br/>", " ").split() == words
    assert len(dot.text(" ".join(words), longest=100).split("<br/>")) == 1


@pytest.mark.parametrize("longest", [dot.WIDEST, 100])
def test_what_comes_after_many_blanks_is_not_lost_unseen(longest: int) -> None:
    assert dot.text("a" + " " * 1000 + "b", longest=longest).endswith("…")


def test_long_labels_are_broken_and_cut_short() -> None:
    assert dot.text("a" * dot.WIDEST) == "a" * dot.WIDEST
    assert dot.text("a" * dot.WIDEST + "b") == "a" * dot.WIDEST + "<br/>b"
    assert dot.text("the quick brown fox jumps over") == "the quick brown fox jumps<br/>over"
    full = "a" * dot.WIDEST * dot.LINES
    assert "…" not in dot.text(full)
    assert dot.text(full + "b").endswith("a…")
    assert dot.text("a\nb\nc") == "a<br/>b<br/>c"
    assert dot.text("a\nb\nc\nd") == "a<br/>b<br/>c…"
    assert len(dot.text("<" * 1_000_000)) < 400


@given(TEXTS, TEXTS, st.lists(st.tuples(TEXTS, TEXTS), max_size=3))
def test_a_card_holds_the_tags_of_its_layout_alone(
    heading: str, aside: str, rows: list[tuple[str, str]]
) -> None:
    label = dot.card(heading, aside, rows)
    assert label.startswith("<<table ")
    assert label.endswith("</table>>")
    tags = Counter(re.findall(r"</?(\w+)", label[1:-1]))
    assert set(tags) <= {"table", "tr", "td", "font", "b", "br"}
    assert label.count("<") == label.count(">")
    for tag in ("table", "tr", "td", "font", "b"):
        assert label.count(f"</{tag}>") == len(re.findall(rf"<{tag}[ >]", label))


def test_notes_are_escaped() -> None:
    assert dot.notes([]) == ""
    assert "a &lt; b &amp; c" in dot.notes(["a < b & c"])
    assert dot.notes(["a\\N"]).count("\\\\N") == 1


STYLES = dot.styles(LIGHT)

# --- shapes --------------------------------------------------------------------------------------


def test_what_stands_for_something_left_out_is_legible_on_light_and_dark() -> None:
    stub = Box([], "omitted", "… 3", identifier="n0")
    source = dot.write(Scene([stub], [], []))
    colours = re.findall(r'font color="(#\w+)"', source)
    ground = STYLES["omitted"]["fillcolor"]
    assert "… 3" in source
    colours += re.findall(r'point-size="9" color="(#\w+)"', source)
    assert colours
    for page in ("#FFFFFF", "#1E1E1E"):
        for colour in colours:
            assert contrast(colour, page if ground == "none" else ground) >= 3.0


def test_kinds_differ_in_shape_or_border_and_not_in_colour_alone() -> None:
    def form(style: dict[str, str]) -> tuple[object, ...]:
        borderless = style["fillcolor"] == style.get("color") or style.get("penwidth") == "0"
        return style["shape"], style.get("style", "filled"), borderless, style.get("peripheries")

    kinds = {**STYLES, "root": STYLES["operation"] | dot.root_style(LIGHT)}
    # The mention of a leaf takes the leaf's colour, and says no more than its name.
    assert form(kinds.pop("mention")) == form(kinds["constant"])
    for a, b in combinations(kinds, 2):
        assert form(kinds[a]) != form(kinds[b]), f"{a} and {b} differ in colour alone"


# --- links ---------------------------------------------------------------------------------------


@given(st.floats(), st.floats(0.0, allow_infinity=False, allow_nan=False))
def test_width_grows_with_size_and_colour_tells_the_sign(weight: float, largest: float) -> None:
    largest = max(largest, abs(weight)) if math.isfinite(weight) else largest
    attributes = dot.weighted(weight, largest)
    width = float(attributes["penwidth"])
    assert 0.5 <= width <= 4.0
    if weight and math.isfinite(weight):
        assert attributes["color"] == (LIGHT.negative if weight < 0.0 else LIGHT.positive)
        assert ("style" in attributes) == (weight < 0.0)
        assert dot.weighted(-weight, largest)["penwidth"] == attributes["penwidth"]
        assert float(dot.weighted(weight / 4.0, largest)["penwidth"]) <= width
    elif not weight:
        assert attributes == {"color": LIGHT.line, "penwidth": "0.5"}


def test_the_widest_link_is_the_largest_contribution() -> None:
    _, error = textbook()
    shown = scene([error], links="contributions")
    statements = dot.write(shown, weighted=True).splitlines()
    widths = {}
    for statement in statements:
        if link := re.search(r"\bid=(e\d+).*penwidth=([\d.]+)", statement):
            widths[link[1]] = float(link[2])
    weights = {link.identifier: abs(link.weight or 0.0) for link in shown.links}
    largest = max(weights.values())
    assert max(widths.values()) == 3.5
    for name, width in widths.items():
        assert (width == 3.5) == (weights[name] == pytest.approx(largest))
    assert "color" not in "".join(
        line for line in dot.write(shown).splitlines() if " -> " in line
    ).replace("bgcolor", "").replace("font color", "")


def test_infinite_contributions_do_not_hide_the_others() -> None:
    a, b, c = (Box([], identifier=f"n{i}") for i in range(3))
    links = [
        Link(a, c, weight=math.inf, identifier="e0"),
        Link(b, c, weight=1.0, identifier="e1"),
        Link(a, b, weight=math.nan, identifier="e2"),
    ]
    source = dot.write(Scene([a, b, c], links, []), weighted=True)
    assert re.search(r"id=e1 .*penwidth=3.5", source)
    assert len(re.findall("penwidth=4", source)) == 2


# --- statements ----------------------------------------------------------------------------------


@given(graphs(8), st.sampled_from(["LR", "TB", "RL", "BT"]), st.booleans())
def test_a_statement_for_each_box_and_link_in_the_cluster_of_its_module(
    nodes: list[Value], direction: str, weighted: bool
) -> None:
    shown = scene([nodes[-1]], links="both")
    source = dot.write(shown, direction=direction, weighted=weighted)
    found = {box.identifier: Part(box.identifier, set(), "", []) for box in shown.boxes}
    links = {link.identifier: Part(link.identifier, set(), "", []) for link in shown.links}
    read_source(source, found, links)
    assert {box.identifier: box.module for box in shown.boxes} == {
        name: part.module for name, part in found.items()
    }
    assert {
        link.identifier: (link.tail.identifier, link.head.identifier) for link in shown.links
    } == {name: part.ends for name, part in links.items()}
    assert f"rankdir={direction}" in source
    assert dot.write(shown, direction=direction, weighted=weighted) == source
    assert "URL" not in source
    assert "href" not in re.sub(r"<<.*>>", "", source)


def test_each_module_of_a_box_is_one_frame_beside_the_others() -> None:
    modules = ["a.0.b.c", "a.0", "d", "", "a.0.b.c", ".".join(f"m{i}" for i in range(31))]
    boxes = [Box([], identifier=f"n{i}", module=m) for i, m in enumerate(modules)]
    source = dot.write(Scene(boxes, [], []))
    opened = re.findall(r'subgraph "?(cluster_[^" ]*)"? ', source)
    assert sorted(opened) == sorted(f"cluster_{m}" for m in set(modules) - {""})
    found: dict[str, Part] = {box.identifier: Part("", set(), "", []) for box in boxes}
    read_source(source, found, {})
    assert [found[box.identifier].module for box in boxes] == [box.module for box in boxes]


@given(graphs(8))
def test_links_of_constants_give_way_to_those_of_chains(nodes: list[Value]) -> None:
    given_first = {"input", "constant"}
    drawn = scene([nodes[-1]])
    statements = dot.write(drawn).splitlines()
    weights = {}
    for statement in statements:
        if link := re.search(r"\bid=(e\d+)\b.*\bweight=(\d+)", statement):
            weights[link[1]] = int(link[2])
    assert weights == {
        link.identifier: 1 if link.tail.kind in ("constant", "mention") else 6
        for link in drawn.links
    }
    # Outside frames, what is computed stands before what is given, and the output first of all.
    kinds = {box.identifier: box.kind in given_first for box in drawn.boxes if not box.module}
    order = [m[1] for s in statements if (m := re.match(r"\t(n\d+) \[", s))]
    assert sorted(order) == sorted(kinds)
    assert [kinds[name] for name in order] == sorted(kinds[name] for name in order)


def test_the_output_of_a_chain_is_written_first() -> None:
    source = dot.write(scene([chain(3)]))
    assert re.findall(r"^\t(n\d+) \[", source, re.MULTILINE) == ["n3", "n2", "n1", "n0"]


# --- order ---------------------------------------------------------------------------------------


def places(drawing: Drawing, axis: int) -> dict[str, float]:
    """Where the heading of each node is, by the node's name."""
    found = {}
    for group in re.findall(r'<g id="[^"]*-n\d+" class="node.*?</g>', drawing.svg, re.DOTALL):
        name = re.search(r"<title>([^\n<]*)", group)
        text = re.search(r'<text [^>]*x="([^"]*)" y="([^"]*)"', group)
        if name and text and 'class="node mention"' not in group:
            found[name[1].partition(" = ")[0]] = float(text[1 + axis])
    return found


@pytest.mark.parametrize("links", [None, "both"])
def test_weights_and_neurons_are_drawn_in_their_order(links: str | None) -> None:
    outputs = MLP(3, [4, 2], "tanh", seed=0)([Value(float(i), f"x{i}") for i in (1, 2, 3)])
    loss = outputs[0] * outputs[0] + outputs[1] * outputs[1]
    loss.backward()
    y = places(draw(loss, links=links), axis=1)
    assert y["x1"] < y["x2"] < y["x3"]
    for layer, (neurons, weights) in enumerate([(4, 3), (2, 4)]):
        at = [y[f"layers.{layer}.neurons.{i}.out"] for i in range(neurons)]
        assert at == sorted(at)
        for i in range(neurons):
            own = f"layers.{layer}.neurons.{i}"
            at = [y[f"{own}.weights.{j}"] for j in range(weights)]
            assert [*at, y[f"{own}.bias"]] == sorted([*at, y[f"{own}.bias"]])


def test_labels_with_numbers_are_in_the_order_of_the_numbers() -> None:
    leaves = [Value(1.0, f"w{i}") for i in (10, 9, 2, 1)]
    y = autograd.sum([leaf * 2.0 for leaf in leaves])
    x = places(draw(y, direction="TB"), axis=0)
    assert x["w1"] < x["w2"] < x["w9"] < x["w10"]


def test_modules_that_feed_each_other_have_no_order() -> None:
    x = Value(1.0, "a1.x")
    for label in ("b2.h", "a1.h", "b2.y"):
        x = x * 2.0
        x.label = label
    assert "row0" not in draw(x, fold=1).source


def recurrence(steps: int, *, whole: bool = False) -> Value:
    w, u, b = Value(0.5, "w"), Value(0.3, "u"), Value(0.1, "b")
    h = Value(0.0, "h0")
    for i in range(1, steps + 1):
        x = Value(0.1 * i, f"x{i}")
        h = autograd.tanh(autograd.net([w, u], [x, h], b) if whole else w * x + u * h + b)
        h.label = f"h{i}"
    return h


@pytest.mark.parametrize("whole", [False, True])
def test_a_recurrence_has_a_column_for_each_step_and_its_weights_above(whole: bool) -> None:
    root = recurrence(9, whole=whole)
    drawing = draw(root)
    x, y = places(drawing, axis=0), places(drawing, axis=1)
    names_of = names(topological_order(root))
    columns: list[list[str]] = []
    step = [node for node in topological_order(root) if node.parents]
    for i in range(1, 10):
        end = next(place for place, node in enumerate(step) if node.label == f"h{i}")
        columns.append([names_of[node] for node in step[: end + 1]])
        del step[: end + 1]
    for column in columns:
        assert max(x[name] for name in column) - min(x[name] for name in column) < 40.0
        assert y[column[-1]] == max(y[name] for name in column)
    middles = [x[column[-1]] for column in columns]
    assert all(right - left > 80.0 for left, right in pairwise(middles))
    assert len({round(y[column[-1]]) for column in columns[:-1]}) <= 2  # in line
    top = min(y[name] for column in columns for name in column)
    assert all(y[weight] < top for weight in "wub")


def test_other_graphs_have_no_columns() -> None:
    chain = Value(1.0, "x")
    w = Value(0.9, "w")
    for _ in range(12):
        chain = chain * w
    both = [recurrence(9), Value(1.0, "z") * Value(2.0, "v")]
    assert "weight=100" not in draw(chain).source
    assert "weight=100" in draw(both).source


def test_a_link_without_text_has_no_label() -> None:
    statements = draw(Value(1.0, "x") * Value(2.0, "w")).source.splitlines()
    linked = [statement for statement in statements if "->" in statement and "id=" in statement]
    assert len(linked) == 2
    assert not any("label" in statement for statement in linked)
