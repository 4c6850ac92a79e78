"""Drawings as SVG, read back and compared with the graph; and what `save` writes.

The pictures in `references` are compared by structure. After a change of what drawings show, look
at the new ones, and write the references again: python -m tests.autograd.drawing.test_drawing
"""

from __future__ import annotations

import errno
import inspect
import json
import os
import re
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value, draw, tanh
from autograd.drawing.dot import WIDEST
from autograd.drawing.drawing import Drawing
from autograd.drawing.render import RenderingError
from autograd.graph import topological_order
from nn import MLP
from tests.autograd.drawing.graphs import (
    ANY_TEXT,
    DOTTED,
    HOSTILE,
    NAMESPACE,
    Picture,
    near_graphs,
    neuron,
    parent_links,
    printable,
    read,
    textbook,
)

REFERENCES = Path(__file__).parent / "references"

# --- structure -----------------------------------------------------------------------------------

ELEMENTS = {"svg", "g", "title", "text", "polygon", "polyline", "ellipse", "path"}
ATTRIBUTES = {
    "aria-label", "class", "cx", "cy", "d", "fill", "fill-opacity", "font-family", "font-size",
    "font-weight", "height", "id", "lengthAdjust", "points", "role", "rx", "ry", "stroke",
    "stroke-dasharray", "stroke-opacity", "stroke-width", "text-anchor", "textLength",
    "transform", "viewBox", "width", "x", "y", "{http://www.w3.org/XML/1998/namespace}space",
}  # fmt: skip


def check_safe(picture: Picture) -> None:
    """Neither an element nor an attribute that could run a script or load anything."""
    for element in picture.root.iter():
        assert element.tag.removeprefix(NAMESPACE) in ELEMENTS
        assert set(element.attrib) <= ATTRIBUTES
        for name, value in element.attrib.items():
            if name != "aria-label":
                assert "url(" not in value
                assert "script" not in value


@settings(max_examples=20)
@given(near_graphs(8), st.sampled_from([None, "derivatives", "both"]))
def test_a_group_for_each_node_and_each_link(nodes: list[Value], links: str | None) -> None:
    root = nodes[-1]
    order = topological_order(root)
    drawing = draw(root, links=links)
    picture = read(drawing)
    check_safe(picture)
    assert set(picture.nodes) == {f"n{i}" for i in range(len(order))}
    assert set(picture.links) == {f"e{i}" for i in range(parent_links(order))}
    for i, node in enumerate(order):
        part = picture.nodes[f"n{i}"]
        constant = not node.parents and getattr(node.op, "name", "") == "CONSTANT"
        kind = "operation" if node.parents else getattr(node.op, "name", "input").lower()
        assert part.classes == {"node", kind, *(["root"] if node is root else [])}
        assert f"data {node.data!r}" in part.title
        assert constant or part.title.endswith(f"\ngrad {node.grad!r}")
        if node.label and not node.label.isspace():
            assert part.title.startswith(printable(node.label))
    assert all(part.title for part in picture.links.values())
    places = {id(node): f"n{i}" for i, node in enumerate(order)}
    assert sorted(link.ends for link in picture.links.values()) == sorted(
        (places[id(parent)], places[id(node)]) for node in order for parent in node.parents
    )
    assert draw(root, links=links).svg == drawing.svg


def heading_of(label: str) -> str:
    """What a short label looks like once blanks at its ends and in rows are put aside."""
    return re.sub(r"\s+", "", printable(label))


def check_label(label: str) -> None:
    y = tanh(Value(1.0, label))
    picture = read(draw(y))
    check_safe(picture)
    leaf, root = picture.nodes["n0"], picture.nodes["n1"]
    assert root.texts == ["tanh", "data", "0.7616", "grad", "0"]
    assert leaf.texts[-4:] == ["data", "1", "grad", "0"]
    shown, expected = heading_of("".join(leaf.texts[:-4])), heading_of(label)
    if "…" in shown:
        assert expected.startswith(shown[:WIDEST].partition("…")[0])
        assert len(printable(label).expandtabs(4)) > WIDEST or printable(label).count("\n") > 2
    elif picture.clusters:
        assert expected.endswith(shown)  # the frame has the rest
    else:
        assert shown == expected
    if label and not label.isspace():
        assert leaf.title == printable(f"{label}\ndata 1.0\ngrad 0.0")


@pytest.mark.parametrize("label", HOSTILE, ids=lambda label: ascii(label[:20]))
def test_labels_come_out_as_text(label: str) -> None:
    check_label(label)


@given(ANY_TEXT | DOTTED)
def test_labels_of_any_characters_come_out_as_text(label: str) -> None:
    check_label(label)


LONG: dict[str, Callable[[int], str]] = {
    "a word": lambda n: "x" * n,
    "lines": lambda n: "x\n" * (n // 2),
    "blanks at its end": lambda n: "x" + " " * n,
    "markup": lambda n: "<&" * (n // 2),
    "a path": lambda n: "m." + "x" * n,
    "a module": lambda n: "x" * n + ".w",
    "many modules": lambda n: "ab." * (n // 3) + "w",
    "quotes": lambda n: '"\\' * (n // 2),
    "beyond the plane": lambda n: "\U0001f600" * n,
}


@pytest.mark.parametrize("kind", LONG)
@pytest.mark.parametrize("options", [{}, {"fold": 1}, {"links": "both"}, {"expand": True}])
def test_a_long_label_is_cut_and_says_so(
    tmp_path: Path, kind: str, options: dict[str, Any]
) -> None:
    label = LONG[kind](500_000)
    y = tanh(Value(1.0, label) * 2.0)
    y.label = label
    drawing = draw(y, **options)
    picture = read(drawing)
    check_safe(picture)
    assert len(drawing.source) < 200_000
    assert len(drawing.svg) < 400_000
    if options != {"fold": 1}:
        assert f"… ({len(label) - 10_000:,} characters more)" in picture.nodes["n0"].title
        assert len(picture.root.get("aria-label", "")) < 200
        assert drawing.to_html(tmp_path / "page.html").stat().st_size < 2_000_000


def test_a_label_of_ten_thousand_characters_is_whole() -> None:
    label = "x" * 10_000
    assert label in read(draw(Value(1.0, label))).nodes["n0"].title
    cut = read(draw(Value(1.0, label + "y"))).nodes["n0"].title
    assert f"{label}… (1 character more)" in cut


def test_a_model_with_a_long_label_is_drawn() -> None:
    model = MLP(2, [2, 1])
    model.layers[0].neurons[0].weights[0].label = "w" * 2_000_000
    assert len(draw(model).svg) < 400_000


def test_a_hostile_label_in_each_place_at_once() -> None:
    label = "a.x</title></g><script>alert('&')</script>"
    w, x = Value(1.0, label), Value(2.0, "]]><!--")
    y = w * x
    y.label = '" onload="alert(1)'
    y.backward()
    for options in ({"links": "both"}, {"fold": 0}, {"expand": True}, {"within": 0}):
        drawing = draw(y, **options)
        check_safe(read(drawing))
        assert "<script" not in drawing.svg
    named = read(draw(y)).root.get("aria-label", "")
    assert '" onload="alert(1)' in named


def test_the_svg_stands_by_itself_and_inside_a_page() -> None:
    svg = draw(neuron()).svg
    assert svg.startswith("<svg ")
    assert svg.endswith("</svg>")
    assert 'role="img"' in svg
    assert 'aria-label="graph of v3"' in svg
    assert "<!DOCTYPE" not in svg
    picture = read(draw(neuron()))
    assert re.fullmatch(r"d[0-9a-f]{8}", picture.prefix)
    other = read(draw(tanh(Value(1.0))))
    assert other.prefix != picture.prefix
    assert picture.root.find(f"{NAMESPACE}g/{NAMESPACE}title").text == "graph of v3"  # type: ignore[union-attr]


def test_clusters_have_the_names_of_the_modules() -> None:
    _, error = textbook()
    picture = read(draw(error))
    assert sorted(cluster.title for cluster in picture.clusters) == [
        "layers.0.neurons.0", "layers.0.neurons.1", "layers.1.neurons.0", "layers.1.neurons.1",
    ]  # fmt: skip
    for cluster in picture.clusters:
        assert "".join(cluster.texts) == cluster.title


def test_modules_of_other_scripts() -> None:
    w = Value(1.0, "模型.层.0.权重")
    picture = read(draw(w * 2.0))
    assert [cluster.title for cluster in picture.clusters] == ["模型.层.0"]
    assert picture.nodes["n0"].heading == "权重"


def test_notes_are_written_in_the_drawing() -> None:
    _, error = textbook()
    assert read(draw(error, fold=1)).notes == ["folded: 18 nodes into 2 modules"]
    notes = read(draw(error, within=2, links="contributions")).notes
    assert notes[0].startswith("left out: ")
    assert " ".join(notes[1:]).startswith(
        "contribution along a link: ∂output/∂child · ∂child/∂parent; wide where it is large, blue"
    )
    assert read(draw(error)).notes == []


@pytest.mark.parametrize("x", [float("nan"), float("inf"), -float("inf"), 1e308, 5e-324, -0.0])
def test_numbers_at_the_ends(x: float) -> None:
    y = Value(x, "x") * 1.0
    y.grad = x
    for links in ("derivatives", "contributions", "both"):
        picture = read(draw(y, links=links))
        assert picture.nodes["n2"].title.endswith(f"data {y.data!r}\ngrad {x!r}")


def test_a_drawing_shows_the_numbers_of_its_moment() -> None:
    y = neuron()
    drawing, same = draw(y), draw(y).svg
    y.parents[0].data, y.label = 99.0, "changed"
    y.zero_grad()
    assert drawing.svg == same


# --- references ----------------------------------------------------------------------------------


def by_neuron() -> Drawing:
    return draw(neuron(), links="both")


def textbook_drawing(**options: Any) -> Callable[[], Drawing]:
    def drawing() -> Drawing:
        model, error = textbook()
        if options.get("between"):
            options["between"] = [model.layers[0].neurons[0].weights[0]]
        return draw(error, **options)

    return drawing


DRAWINGS: dict[str, Callable[[], Drawing]] = {
    "neuron": lambda: draw(neuron()),
    "neuron_both": by_neuron,
    "textbook": textbook_drawing(),
    "textbook_fold_0": textbook_drawing(fold=0),
    "textbook_fold_1": textbook_drawing(fold=1),
    "textbook_fold_2": textbook_drawing(fold=2),
    "textbook_expand": textbook_drawing(expand=True),
    "textbook_both": textbook_drawing(links="both"),
    "textbook_within_2": textbook_drawing(within=2),
    "textbook_between_w1": textbook_drawing(between=True, links="contributions"),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings_are_as_stored(name: str) -> None:
    stored = json.loads((REFERENCES / f"{name}.json").read_text(encoding="utf-8"))
    assert read(DRAWINGS[name]()).structure() == stored


def test_each_reference_has_its_drawing() -> None:
    assert {path.stem for path in REFERENCES.iterdir()} == set(DRAWINGS)


def write_references() -> None:
    for name, drawing in DRAWINGS.items():
        text = json.dumps(read(drawing()).structure(), ensure_ascii=False, indent=1)
        (REFERENCES / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "magic"),
    [
        ("graph.svg", b'<?xml version="1.0" encoding="UTF-8"?>\n<svg '),
        ("GRAPH.SVG", b'<?xml version="1.0" encoding="UTF-8"?>\n<svg '),
        ("graph.png", b"\x89PNG\r\n\x1a\n"),
        ("graph.pdf", b"%PDF-"),
        ("graph.dot", b"digraph {"),
        ("graph.html", b"<!DOCTYPE html>"),
        ("graph.htm", b"<!DOCTYPE html>"),
        ("权重 <&>.tar.svg", b"<?xml"),
    ],
)
@pytest.mark.parametrize("kind", [str, Path])
def test_save_writes_what_the_suffix_says(
    tmp_path: Path, name: str, magic: bytes, kind: Callable[[Path], Any]
) -> None:
    written = draw(neuron()).save(kind(tmp_path / name))
    assert written == tmp_path / name
    assert written.read_bytes().startswith(magic)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_saved_svg_is_the_drawing_itself(tmp_path: Path) -> None:
    w = Value(1.0, "权重 \ud800\x00")
    drawing = draw(w * 2.0)
    path = drawing.save(tmp_path / "graph.svg")
    text = path.read_text(encoding="utf-8")
    assert text.removeprefix('<?xml version="1.0" encoding="UTF-8"?>\n') == f"{drawing.svg}\n"
    assert "权重" in text
    assert draw(w).save(tmp_path / "graph.dot").read_text(encoding="utf-8") == draw(w).source


@pytest.mark.parametrize(
    "name", ["graph", "graph.txt", "graph.jpg", "graph.", ".svg", "graph.svgz"]
)
def test_other_suffixes_are_refused_and_those_that_serve_are_named(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(ValueError, match=r"\.svg, \.png, \.pdf, \.dot or \.html"):
        draw(neuron()).save(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["page.html", "page.HTML", "page.htm"])
def test_to_html_takes_the_suffixes_that_it_says(tmp_path: Path, name: str) -> None:
    path = draw(neuron()).to_html(str(tmp_path / name))
    assert path.read_bytes().startswith(b"<!DOCTYPE html>")


@pytest.mark.parametrize("name", ["page.svg", "page", "html"])
def test_to_html_writes_nothing_but_pages(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="html"):
        draw(neuron()).to_html(tmp_path / name)


def test_only_a_drawing_of_one_output_node_by_node_has_steps(tmp_path: Path) -> None:
    y = neuron()
    model, error = textbook()
    for drawing in (draw([y, y.parents[0]]), draw(error, fold=1), draw(model)):
        with pytest.raises(ValueError, match=r"step"):
            drawing.to_html(tmp_path / "page.html")
    assert not list(tmp_path.iterdir())
    for drawing in (draw(error, within=2), draw(error, expand=True), draw(y, links="both")):
        drawing.to_html(tmp_path / "page.html")


def broken() -> Drawing:
    return Drawing("digraph { a -> ")


@pytest.mark.parametrize("name", ["graph.svg", "graph.png", "graph.pdf"])
def test_an_error_leaves_the_older_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("older")
    with pytest.raises(RenderingError):
        broken().save(tmp_path / name)
    assert (tmp_path / name).read_text() == "older"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_disk_that_fails_leaves_the_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "graph.svg"
    target.write_text("older")
    drawing = draw(neuron())
    assert drawing.svg

    def fail(file: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="no space left"):
            drawing.save(target)
    assert target.read_text() == "older"
    assert len(list(tmp_path.iterdir())) == 1
    drawing.save(target)
    assert target.read_text(encoding="utf-8").startswith("<?xml")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing.graph\.svg"):  # the file asked for
        draw(neuron()).save(tmp_path / "missing" / "graph.svg")


@pytest.mark.skipif(os.name != "posix", reason="links need a privilege elsewhere")
def test_a_link_stays_one_and_the_file_that_it_names_is_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    target = tmp_path / "folder" / "figure.svg"
    target.write_text("older")
    link = tmp_path / "graph.svg"
    link.symlink_to(target)
    assert draw(neuron()).save(link) == link
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8").startswith("<?xml")
    assert [path.name for path in target.parent.iterdir()] == ["figure.svg"]


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
def test_a_file_gets_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    path = draw(neuron()).save(tmp_path / "graph.svg")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


def test_threads_may_save_to_one_file(tmp_path: Path) -> None:
    drawing = draw(neuron())
    assert drawing.svg
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: drawing.save(tmp_path / "graph.svg"), range(64)))
    assert [path.name for path in tmp_path.iterdir()] == ["graph.svg"]


# --- notebooks -----------------------------------------------------------------------------------


def test_a_notebook_shows_the_picture() -> None:
    drawing = draw(neuron())
    bundle = drawing._repr_mimebundle_()
    assert bundle["image/svg+xml"] == drawing.svg
    assert bundle["text/plain"] == repr(drawing) == "<Drawing of graph of v3>"
    assert drawing._repr_mimebundle_(include=["image/svg+xml"], exclude=None)
    assert drawing._repr_mimebundle_(None, {"text/plain"})
    parameters = inspect.signature(Drawing._repr_mimebundle_).parameters
    assert list(parameters) == ["self", "include", "exclude"]
    json.dumps(bundle).encode()


def test_a_notebook_shows_text_that_it_can_send() -> None:
    drawing = draw(Value(1.0, "\ud800") * 1.0)
    for text in drawing._repr_mimebundle_().values():
        text.encode("utf-8")
    root = Value(1.0, "\ud800\x00")
    for text in draw(root)._repr_mimebundle_().values():
        text.encode("utf-8")


def test_a_value_shows_itself_as_its_repr() -> None:
    for value in (Value(1.0), neuron()):
        assert not [name for name in dir(value) if re.fullmatch(r"_(repr_\w+|ipython\w*)_", name)]


def test_a_model_shows_itself_as_its_repr() -> None:
    assert not [name for name in dir(MLP(1, [1])) if re.fullmatch(r"_(repr_\w+|ipython\w*)_", name)]


if __name__ == "__main__":
    write_references()
