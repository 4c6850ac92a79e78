"""`Drawing`: a graph in DOT, and the pictures and pages made of it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape, unescape
from pathlib import Path
from typing import TypeAlias

from autograd.drawing.curves import on_curves
from autograd.drawing.dot import clean
from autograd.drawing.metrics import fitted
from autograd.drawing.page import page
from autograd.drawing.render import RenderingError, render
from autograd.drawing.steps import Step
from autograd.forks import cached_property
from autograd.formatting import cut
from autograd.writing import path_of, write_whole

__all__ = ["Drawing", "Play"]


class Drawing:
    """A drawing of a graph or of a model: a notebook displays it, and `save` writes it.

    `autograd.draw` makes it. It shows the numbers at that moment, whatever happens to the graph
    later. Graphviz lays it out only when a picture is asked for. Only `to_html` looks at the graph
    again, so the graph lives as long as the drawing.

    Attributes:
        source: The DOT text.

    Args:
        source: The DOT text.
        engine: The layout program of Graphviz.
        titles: For the id of a node or link in the DOT text, the text that is shown when the
            pointer rests on it, and that screen readers read.
        title: The title of the whole drawing.
        play: Makes what `to_html` steps through: the drawing with the gradients of one backward
            pass, and the steps; raises a ValueError that says why, if there are none.

    Example:
        >>> from autograd import Value, draw
        >>> drawing = draw(Value(2.0, "x") * 3.0)
        >>> drawing.source.startswith("digraph")
        True
    """

    def __init__(
        self,
        source: str,
        engine: str = "dot",
        titles: Mapping[str, str] | None = None,
        *,
        title: str = "",
        play: Callable[[], Play] | None = None,
    ) -> None:
        self.source = source
        self._engine = engine
        self._titles = dict(titles or {})
        self._title = title
        self._play = play

    def __repr__(self) -> str:
        return f"<Drawing of {self._title or 'a graph'}>"

    @cached_property
    def svg(self) -> str:
        """The picture as SVG: an `<svg>` element, to be used alone or inside a page.

        Raises:
            RenderingError: Graphviz is missing, or it failed.
        """
        picture = render(self.source, "svg", self._engine).decode("utf-8")
        picture = picture[picture.index("<svg") :].rstrip()
        prefix = "d" + hashlib.sha256(picture.encode("utf-8")).hexdigest()[:8]

        def finish(group: re.Match[str]) -> str:
            identifier, attributes, graphviz_title = group.groups()
            title = self._titles.get(identifier, "")
            if identifier.startswith("clust"):
                title = unescape(graphviz_title or "").removeprefix("cluster_")
            words = f"\n<title>{escape(clean(cut(title, MOST_TITLE)))}</title>" if title else ""
            return f'<g id="{prefix}-{identifier}"{attributes}>{words}'

        # Several drawings may share a page, so ids get a prefix. As Graphviz escapes whatever a
        # label contains, `<g` and `<title>` are its own.
        vertical = "rankdir=TB" in self.source or "rankdir=BT" in self.source
        picture = fitted(on_curves(_GROUP.sub(finish, picture), vertical))
        name = escape(clean(cut(self._title)), quote=True)
        return picture.replace("<svg ", f'<svg role="img" aria-label="{name}" ', 1)

    def _repr_svg_(self) -> str | None:
        try:
            return self.svg
        except RenderingError:  # the bundle below reports it
            return None

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Give a notebook the picture; if it cannot be rendered, the reason and the DOT text."""
        try:
            return {"image/svg+xml": self.svg, "text/plain": repr(self)}
        except RenderingError as error:
            return {"text/plain": f"{error}\n\n{self.source}"}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the drawing to a file.

        The file is written whole or not at all; an existing file is replaced, and its permissions
        are kept.

        Args:
            path: The file; its suffix decides what is written: .svg, .png, .pdf, .dot or .html.

        Returns:
            The path.

        Raises:
            ValueError: The suffix is not one of these, or there are no steps for .html.
            RenderingError: Graphviz is missing, or it failed.
            OSError: The file cannot be written.

        Example:
            >>> from tempfile import TemporaryDirectory
            >>> with TemporaryDirectory() as folder:
            ...     Drawing("digraph { x -> y }").save(f"{folder}/graph.dot").read_text()
            'digraph { x -> y }'
        """
        target = Path(path_of(path, "Drawing.save"))
        form = target.suffix.lower()
        if form in (".html", ".htm"):
            content = self._page().encode("utf-8")
        elif form == ".svg":
            content = f"{_PROLOG}{self.svg}\n".encode()
        elif form == ".dot":
            content = self.source.encode("utf-8")
        elif form in (".png", ".pdf"):
            content = render(self.source, form[1:], self._engine)
        else:
            raise ValueError(
                f"Drawing.save: cannot save a drawing as {cut(repr(target.name), 200)}: the suffix "
                "must be .svg, .png, .pdf, .dot or .html"
            )
        write_whole(path, content)
        return target

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write a page that steps through evaluation and backpropagation, node by node.

        One file, which needs no network. The arrow keys, Home, End and a slider move through the
        steps.

        Args:
            path: The file; its suffix should be .html.

        Returns:
            The path.

        Raises:
            ValueError: The suffix is not .html; or the drawing shows several nodes as one box,
                several outputs, or a model, and so has no steps.
            RenderingError: Graphviz is missing, or it failed.
            OSError: The file cannot be written.

        Example:
            >>> from tempfile import TemporaryDirectory
            >>> from autograd import Value, draw
            >>> drawing = draw(Value(2.0, "x") * 3.0)
            >>> with TemporaryDirectory() as folder:
            ...     page = drawing.to_html(f"{folder}/steps.html").read_text(encoding="utf-8")
            >>> page.rstrip().endswith("</html>")
            True
        """
        name = path_of(path, "Drawing.to_html")
        if Path(name).suffix.lower() not in (".html", ".htm"):
            raise ValueError(
                f"Drawing.to_html: writes a page, but {cut(repr(name), 200)} does not end in .html"
            )
        return self.save(path)

    def _page(self) -> str:
        if self._play is None:
            raise ValueError(
                "to_html: there are no steps to go through in this drawing: draw a graph, "
                "draw(y) of a Value y"
            )
        drawing, steps = self._play()
        return page(drawing.svg, steps, self._title)


MOST_TITLE = 100_000
"""The maximum number of characters of a title that are shown; it may name several nodes."""

Play: TypeAlias = tuple[Drawing, Sequence[Step]]

_PROLOG = '<?xml version="1.0" encoding="UTF-8"?>\n'
_GROUP = re.compile(r'<g id="([^"]*)"([^>]*)>(?:\s*<title>([^<]*)</title>)?')
