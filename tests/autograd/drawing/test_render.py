"""Rendering by the system's Graphviz, by pygraphviz's own, and the error if there is neither."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autograd import Value, draw, tanh
from autograd.drawing.render import RenderingError, render
from tests.autograd.drawing.graphs import neuron, read, textbook

DIGRAPH = "digraph { a [id=n0 class=input label=<<b>権重</b> &amp;>]; a -> b [id=e0 class=link] }"
MAGIC = {"svg": b"<", "png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-"}
BROKEN = ["digraph { a -> ", "digraph { a [label=<<b>] }", "not DOT"]

Hide = Callable[..., None]


@pytest.fixture
def system_dot() -> str:
    """Graphviz's `dot`, or a visible skip; continuous integration must not pass without it."""
    path = shutil.which("dot")
    if path is None:
        reason = "the system has no Graphviz: install it so that `dot` is on the path"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture
def without_dot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty path of programs."""
    (tmp_path / "programs").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    assert shutil.which("dot") is None


@pytest.fixture
def pygraphviz_only(without_dot: None) -> None:
    if importlib.util.find_spec("pygraphviz") is None:
        pytest.skip("pygraphviz is not installed: there is no wheel for this machine")


@pytest.fixture
def hide_pygraphviz(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hide:
    """Put a package of the name before the one that is installed, which cannot be imported."""

    def hide(error: str) -> None:
        package = tmp_path / "site" / "pygraphviz"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(f"raise {error}\n")
        monkeypatch.syspath_prepend(package.parent)

    return hide


@pytest.fixture
def neither(without_dot: None, hide_pygraphviz: Hide) -> None:
    hide_pygraphviz("ModuleNotFoundError(\"No module named 'pygraphviz'\")")


# --- by either engine ----------------------------------------------------------------------------


@pytest.fixture(params=["system_dot", "pygraphviz_only"])
def engine(request: pytest.FixtureRequest) -> str:
    request.getfixturevalue(request.param)
    return str(request.param)


@pytest.mark.parametrize("form", MAGIC)
def test_pictures_are_of_the_form_asked_for(
    engine: str, form: str, capfd: pytest.CaptureFixture[str]
) -> None:
    picture = render(DIGRAPH, form)
    assert picture.startswith(MAGIC[form])
    if form == "svg":
        assert "権重</text>" in picture.decode()
    assert capfd.readouterr() == ("", "")


def test_png_has_twice_the_usual_resolution(engine: str) -> None:
    width = int.from_bytes(render("digraph { a }", "png")[16:20], "big")
    assert width > 150


@pytest.mark.parametrize("source", BROKEN)
def test_what_is_no_dot_is_a_clear_error(
    engine: str, source: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RenderingError, match="failed: ") as caught:
        render(source, "svg")
    assert "Traceback" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_labels_of_other_scripts_in_a_plain_locale(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LANG", "LC_CTYPE"):
        monkeypatch.setenv(name, "C")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    monkeypatch.setenv("PYTHONUTF8", "0")
    assert "権重" in render(DIGRAPH, "svg").decode()


def test_drawings_are_rendered_side_by_side_in_threads(engine: str) -> None:
    def picture(i: int) -> str:
        return draw(tanh(Value(float(i), f"x{i}") * 0.5)).svg

    alone = [picture(i) for i in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(picture, range(4))) == alone


def test_one_drawing_asked_for_by_many_threads(engine: str) -> None:
    drawing = draw(neuron())
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: drawing.svg, range(8)))) == 1


def test_a_deep_graph_and_a_wide_one(engine: str) -> None:
    links = " ".join(f"n{i} -> n{i + 1};" for i in range(300))
    fan = " ".join(f"m{i} -> n0;" for i in range(100))
    assert render(f"digraph {{ {links} {fan} }}", "svg").count(b"<g id=") >= 800


# --- both ----------------------------------------------------------------------------------------


def test_both_engines_draw_the_same(
    system_dot: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    _, error = textbook()
    strange = tanh(Value(1.0, "<&\"' 权重 ]]>") * Value(2.0, "a\nb"))

    def pictures() -> list[object]:
        drawings = [
            draw(error), draw(error, fold=1, links="both"), draw(error, expand=True, within=3),
            draw(strange),
        ]  # fmt: skip
        return [read(drawing).structure() for drawing in drawings]

    by_the_system = pictures()
    request.getfixturevalue("pygraphviz_only")
    assert pictures() == by_the_system


# --- neither -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("neither")
def test_without_graphviz_the_error_helps() -> None:
    with pytest.raises(RenderingError) as caught:
        render(DIGRAPH, "svg")
    message = str(caught.value)
    assert message.startswith("cannot import pygraphviz: No module named 'pygraphviz'; ")
    for help_ in ("https://graphviz.org/download", "pip install pygraphviz", ".source", ".dot"):
        assert help_ in message
    assert "Traceback" not in message


@pytest.mark.usefixtures("neither")
def test_without_graphviz_the_dot_text_is_there(tmp_path: Path) -> None:
    drawing = draw(neuron())
    assert drawing.source.startswith("digraph")
    path = drawing.save(tmp_path / "graph.dot")
    assert path.read_text(encoding="utf-8") == drawing.source
    for name in ("graph.svg", "graph.png", "graph.pdf", "graph.html"):
        with pytest.raises(RenderingError):
            drawing.save(tmp_path / name)
    assert sorted(p.name for p in tmp_path.glob("graph*")) == ["graph.dot"]
    assert not list(tmp_path.glob(".*"))


@pytest.mark.usefixtures("neither")
def test_without_graphviz_a_notebook_shows_the_reason_and_the_text() -> None:
    drawing = draw(neuron())
    bundle = drawing._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}
    for help_ in ("https://graphviz.org/download", "pip install pygraphviz"):
        assert help_ in bundle["text/plain"]
    assert drawing.source in bundle["text/plain"]


@pytest.mark.usefixtures("neither")
def test_without_graphviz_nothing_else_that_a_notebook_asks_for_raises() -> None:
    """IPython also calls `_repr_svg_` for the formats that a bundle lacks, and prints errors."""
    assert draw(neuron())._repr_svg_() is None


@pytest.mark.usefixtures("without_dot")
@pytest.mark.parametrize(
    "error",
    [
        'ImportError("libcgraph.so.6: cannot open shared object file: No such file or directory")',
        'ImportError("DLL load failed while importing _graphviz")',
        'ImportError("symbol not found in flat namespace _agattr_label")',
    ],
)
def test_a_pygraphviz_that_does_not_load_is_as_good_as_none(
    hide_pygraphviz: Hide, error: str
) -> None:
    hide_pygraphviz(error)
    with pytest.raises(RenderingError) as caught:
        render(DIGRAPH, "svg")
    message = str(caught.value)
    reason = error.split('"')[1]
    assert message.startswith(f"cannot import pygraphviz: {reason}; ")
    assert "https://graphviz.org/download" in message
    assert ".source" in message
    assert "Traceback" not in message


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
@pytest.mark.usefixtures("pygraphviz_only")
def test_a_dot_that_cannot_be_run_is_as_good_as_none(tmp_path: Path) -> None:
    program = tmp_path / "programs" / "dot"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o644)
    assert render(DIGRAPH, "svg").rstrip().endswith(b"</svg>")


@pytest.mark.skipif(os.name != "posix", reason="a program as a script")
@pytest.mark.usefixtures("without_dot")
def test_a_dot_that_fails_is_not_hidden(tmp_path: Path) -> None:
    program = tmp_path / "programs" / "dot"
    program.write_text("#!/bin/sh\necho 'out of ink' >&2\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(RenderingError, match="Graphviz failed: out of ink"):
        render(DIGRAPH, "svg")


@pytest.mark.skipif(os.name != "posix", reason="a program as a script")
def test_a_layout_that_takes_too_long_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\nexec sleep 30\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(sys.modules[render.__module__], "TIMEOUT", 0.2)
    with pytest.raises(RenderingError, match=r"not laid .* within 0\.2 seconds.*fold="):
        render(DIGRAPH, "svg")


def test_importing_loads_no_graphviz() -> None:
    script = "import autograd, sys; print([m for m in sys.modules if 'graphviz' in m])"
    completed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert completed.stdout.strip() == "[]"
