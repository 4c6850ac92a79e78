"""From DOT to a picture: by the system's Graphviz if there is one, else by pygraphviz's own."""

from __future__ import annotations

import shutil
import subprocess
import sys

__all__ = ["RenderingError", "render"]


class RenderingError(RuntimeError):
    """A drawing could not be laid out or rendered; the message says why, and what to do.

    Example:
        >>> render("not DOT", "svg")
        Traceback (most recent call last):
        autograd.drawing.render.RenderingError: ...
    """


TIMEOUT = 120
"""Seconds; a graph that Graphviz has not laid out by then might take it an hour."""

_MISSING = 3  # the exit status if pygraphviz cannot be imported

# pygraphviz runs Graphviz inside the process that calls it. In a process of its own, nothing that
# Graphviz does to a large or odd graph can end the user's session, print into it, or collide with
# other threads.
_PYGRAPHVIZ = """
import sys
form, program, *sys.path = sys.argv[1:]
try:
    import pygraphviz
except Exception as error:
    print(f"cannot import pygraphviz: {error}", file=sys.stderr)
    sys.exit(3)
try:
    graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode("utf-8"))
    sys.stdout.buffer.write(graph.draw(format=form, prog=program))
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def render(source: str, form: str, engine: str = "dot") -> bytes:
    """Render a drawing.

    Args:
        source: The DOT text.
        form: The format: "svg", "png" or "pdf".
        engine: The layout program of Graphviz.

    Returns:
        The picture.

    Raises:
        RenderingError: Neither a system Graphviz nor pygraphviz is installed, or rendering failed.

    Example:
        >>> render("digraph { a -> b }", "svg").rstrip().endswith(b"</svg>")
        True
    """
    if form == "png":  # the usual 96 dots per inch are coarse in print
        source = source.replace("{", "{\n\tgraph [dpi=192]", 1)
    if dot := shutil.which("dot"):
        completed = _run([dot, f"-K{engine}", f"-T{form}"], source)
        program = "Graphviz"
    else:
        script = [sys.executable, "-I", "-c", _PYGRAPHVIZ]
        completed = _run([*script, form, engine, *filter(None, sys.path)], source)
        program = "pygraphviz's Graphviz"
    if completed.returncode == 0 and completed.stdout:
        return completed.stdout
    words = completed.stderr.decode("utf-8", "replace").strip()
    if not dot and completed.returncode == _MISSING:
        raise RenderingError(
            f"{words[-500:]}; and there is no other Graphviz to lay the drawing out. Install it "
            "(https://graphviz.org/download) so that `dot` is on the path, or "
            "`pip install pygraphviz`, whose wheels contain it. The DOT text is available all the "
            "same, as drawing.source, and drawing.save('graph.dot') writes it"
        )
    raise RenderingError(f"{program} failed: {words[-500:] or 'it said nothing'}")


def _run(command: list[str], source: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            command, input=source.encode(), capture_output=True, check=False, timeout=TIMEOUT
        )
    except subprocess.TimeoutExpired:
        raise RenderingError(
            f"Graphviz has not laid the drawing out within {TIMEOUT} seconds: draw less of the "
            "graph, by fold=, within= or between=. drawing.source is the DOT text"
        ) from None
    except OSError as error:
        raise RenderingError(f"Graphviz does not run: {error}") from None
