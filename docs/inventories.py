"""The names of other projects that the book links to, without asking the network for them."""

from __future__ import annotations

import zlib
from pathlib import Path

__all__ = ["mapping"]

SITES = {
    "python": "https://docs.python.org/3",
    "numpy": "https://numpy.org/doc/stable",
    "scipy": "https://docs.scipy.org/doc/scipy",
    "hypothesis": "https://hypothesis.readthedocs.io/en/latest",
}
"""Where these projects are documented."""


def mapping(folder: Path) -> dict[str, tuple[str, str]]:
    """Write an inventory for each project, in Sphinx's format.

    Args:
        folder: Where to write them.

    Returns:
        What Sphinx calls `intersphinx_mapping`: the site and the inventory of each project.

    Example:
        >>> from tempfile import mkdtemp
        >>> site, inventory = mapping(Path(mkdtemp()))["python"]
        >>> Path(inventory).read_bytes()[:23]
        b'# Sphinx inventory vers'
    """
    entries: dict[str, list[str]] = {name: [] for name in SITES}
    names = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")
    for line in names.splitlines():
        if line and not line.startswith("#"):
            project, role, name, page = line.split(" ")
            entries[project].append(f"{name} {role} 1 {page} -\n")
    found = {}
    for name, site in SITES.items():
        path = folder / f"{name}.inv"
        head = f"# Sphinx inventory version 2\n# Project: {name}\n# Version: \n"
        head += "# The remainder of this file is compressed using zlib.\n"
        path.write_bytes(head.encode() + zlib.compress("".join(entries[name]).encode()))
        found[name] = (site, str(path))
    return found
