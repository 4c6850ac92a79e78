"""Check the links inside the built book: `python -m docs.links build/docs`."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["broken"]


class _Page(HTMLParser):
    """The links of a page, and the names that links may lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = {""}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the links and names of an element."""
        for name, value in attrs:
            if value and name in ("id", "name"):
                self.names.add(value)
            elif value and name in ("href", "src"):
                self.links.append(value)


def broken(folder: Path) -> list[str]:
    """List the links from page to page that lead nowhere.

    Args:
        folder: Where the pages are.

    Returns:
        A page and a link for each, in words.

    Example:
        >>> from tempfile import mkdtemp
        >>> folder = Path(mkdtemp())
        >>> _ = (folder / "a.html").write_text('<a href="#b">b</a><a href="a.html">a</a>')
        >>> broken(folder)
        ['a.html: #b']
    """
    pages: dict[Path, _Page] = {}
    for path in sorted(folder.rglob("*.html")):
        pages[path.resolve()] = page = _Page()
        page.feed(path.read_text(encoding="utf-8"))
    found = []
    for path, page in pages.items():
        for link in page.links:
            address = urlsplit(link)
            if address.scheme or address.netloc:
                continue
            target = path
            if address.path:
                target = (path.parent / unquote(address.path)).resolve()
            missing = not target.exists()
            if not missing and target in pages:
                missing = unquote(address.fragment) not in pages[target].names
            if missing:
                found.append(f"{path.relative_to(folder.resolve())}: {link}")
    return found


if __name__ == "__main__":
    faults = broken(Path(sys.argv[1]))
    sys.exit("\n".join(["links that lead nowhere:", *faults]) if faults else 0)
