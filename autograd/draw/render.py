"""From DOT to a picture: by the system's Graphviz where there is one, else by pygraphviz's own."""

from __future__ import annotations

import os
import subprocess
import sys

__all__ = ["RenderingError", "render"]


class RenderingError(RuntimeError):
    """A drawing could not be laid out or rendered; the message says why, and what to do."""


# pygraphviz works inside the process that calls it: in one of its own, nothing that Graphviz does
# to a large or odd graph can end the user's session, print into it, or meet another thread.
_PYGRAPHVIZ = """
import sys, pygraphviz
form, program = sys.argv[1:]
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode("utf-8"))
sys.stdout.buffer.write(graph.draw(format=form, prog=program))
"""


def render(source: str, form: str, engine: str = "dot") -> bytes:
    """Render a drawing.

    Args:
        source: The DOT text.
        form: What to make of it: "svg", "png" or "pdf".
        engine: The layout program of Graphviz.

    Returns:
        The picture.

    Raises:
        RenderingError: Neither a system Graphviz nor pygraphviz is installed, or it failed.

    Example:
        >>> render("digraph { a -> b }", "svg").rstrip().endswith(b"</svg>")
        True
    """
    import graphviz

    if form == "png":  # the usual 96 dots an inch are coarse in print
        source = source.replace("{", "{\n\tgraph [dpi=192]", 1)
    try:
        picture: bytes = graphviz.Source(source, engine=engine).pipe(format=form, quiet=True)
    except (graphviz.ExecutableNotFound, OSError):  # OSError: a path that cannot be looked at
        return _render_with_pygraphviz(source, form, engine)
    except graphviz.CalledProcessError as error:
        raise RenderingError(f"Graphviz failed: {_last_words(error.stderr)}") from None
    return picture


def _render_with_pygraphviz(source: str, form: str, engine: str) -> bytes:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    completed = subprocess.run(
        [sys.executable, "-c", _PYGRAPHVIZ, form, engine],
        input=source.encode("utf-8"),
        capture_output=True,
        check=False,
        env=environment,
    )
    if completed.returncode == 0 and completed.stdout:
        return completed.stdout
    words = completed.stderr.decode("utf-8", "replace")
    if "No module named" in words or "DLL load failed" in words:
        raise RenderingError(
            "there is no Graphviz to lay the drawing out: install Graphviz "
            "(https://graphviz.org/download) so that `dot` is on the path, or "
            "`pip install pygraphviz`, whose wheels carry it. The DOT text is there all the same, "
            "as drawing.source, and drawing.save('graph.dot') writes it"
        )
    raise RenderingError(f"pygraphviz's Graphviz failed: {_last_words(words)}")


def _last_words(output: bytes | str) -> str:
    words = output.decode("utf-8", "replace") if isinstance(output, bytes) else output
    return words.strip()[-500:] or "it said nothing"
