"""`Drawing`: a graph in DOT, and the pictures and pages made of it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape, unescape
from pathlib import Path
from typing import TypeAlias

from autograd.drawing.dot import clean
from autograd.drawing.page import page
from autograd.drawing.render import RenderingError, render
from autograd.drawing.steps import Step
from autograd.forks import cached_property
from autograd.formatting import cut
from autograd.writing import path_of, write_whole

__all__ = ["Drawing", "Play"]


class Drawing:
    """A drawing of a graph or of a model: shown by itself in a notebook, saved by `save`.

    It is made by `autograd.draw`, and shows the numbers of that moment, whatever becomes of the
    graph. Only when a picture is asked for does Graphviz lay it out. Only `to_html` looks at the
    graph again, which therefore lives as long as the drawing.

    Attributes:
        source: The DOT text.

    Args:
        source: The DOT text.
        engine: The layout program of Graphviz.
        titles: For the id of a node or link in the DOT text, what is shown when the pointer rests
            on it, and read to those who do not see it.
        title: What the whole drawing is called.
        play: Makes what `to_html` steps through: the drawing with the gradients of one backward
            pass, and the steps; or says by a ValueError why there are none.

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
        """The picture as SVG, an `<svg>` element that stands by itself or inside a page.

        Raises:
            RenderingError: There is no Graphviz, or it failed.
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

        # Several drawings may share a page, so ids get a prefix. Graphviz escapes whatever a label
        # holds: `<g` and `<title>` are its own.
        picture = _GROUP.sub(finish, picture)
        name = escape(clean(cut(self._title)), quote=True)
        return picture.replace("<svg ", f'<svg role="img" aria-label="{name}" ', 1)

    def _repr_svg_(self) -> str | None:
        try:
            return self.svg
        except RenderingError:  # of which the bundle below speaks
            return None

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Give a notebook the picture; where nothing can render it, the reason and the DOT text."""
        try:
            return {"image/svg+xml": self.svg, "text/plain": repr(self)}
        except RenderingError as error:
            return {"text/plain": f"{error}\n\n{self.source}"}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the drawing to a file.

        The file appears whole or not at all; an older one of that name is replaced, and keeps its
        permissions.

        Args:
            path: The file; its suffix says what to write: .svg, .png, .pdf, .dot or .html.

        Returns:
            The path.

        Raises:
            ValueError: The suffix is another, or there are no steps for .html.
            RenderingError: There is no Graphviz, or it failed.
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

        One file, which needs no network. Arrow keys, Home, End and a slider move through the steps.

        Args:
            path: The file; its suffix should be .html.

        Returns:
            The path.

        Raises:
            ValueError: The suffix is another, or the drawing shows several nodes as one box,
                several outputs, or a model, which have no steps.
            RenderingError: There is no Graphviz, or it failed.
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
                f"Drawing.to_html: writes a page, and {cut(repr(name), 200)} does not end in .html"
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
"""How many characters of a title are shown, which may name several nodes."""

Play: TypeAlias = tuple[Drawing, Sequence[Step]]

_PROLOG = '<?xml version="1.0" encoding="UTF-8"?>\n'
_GROUP = re.compile(r'<g id="([^"]*)"([^>]*)>(?:\s*<title>([^<]*)</title>)?')
