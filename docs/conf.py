"""The configuration of Sphinx: `make docs` builds the book with it."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import roles
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.roles import XRefRole

sys.path.insert(0, str(Path(__file__).parent.parent))

import autograd
from docs import inventories, pages
from docs.docstrings import restructured

project = "scalar-autograd"
author = "The scalar-autograd developers"
copyright = author
version = release = autograd.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["*.py", "inventories.txt"]
default_role = "known"
suppress_warnings = ["config.cache"]

# Notebooks are shown as they are stored: `make notebooks` executes them.
nb_execution_mode = "off"
myst_enable_extensions = ["attrs_block", "colon_fence", "dollarmath"]
myst_heading_anchors = 4

autodoc_typehints_format = "short"
autodoc_mock_imports = ["torch", "jax"]
napoleon_use_rtype = False
napoleon_use_ivar = True
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True

# The few names of other projects that docstrings mention, so that no network is needed.
intersphinx_mapping = inventories.mapping(Path(tempfile.mkdtemp()))

html_theme = "furo"
html_title = f"scalar-autograd {version}"
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_math_renderer = "mathml"
html_theme_options = {
    "source_repository": pages.repository(),
    "source_branch": "main",
    "source_directory": "docs/",
}
html_copy_source = html_show_sourcelink = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


# --- names in backquotes --------------------------------------------------------------------------


def known(
    name: str,
    rawtext: str,
    text: str,
    lineno: int,
    inliner: Any,
    options: dict[str, Any] | None = None,
    content: Any = (),
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """Link what stands in backquotes if it is the name of something here; otherwise it is code."""
    if re.fullmatch(r"[A-Za-z_][\w.]*\w", text):
        role = XRefRole()
        found: tuple[list[nodes.Node], list[nodes.system_message]] = role(
            "py:obj", rawtext, text, lineno, inliner, options or {}, content
        )
        return found
    return [nodes.literal(text, text)], []


# --- formulas as MathML, which browsers show without a script -------------------------------------


def _inline(writer: Any, node: Any) -> None:
    writer.body.append(convert(node.astext()))
    raise nodes.SkipNode


def _block(writer: Any, node: Any) -> None:
    writer.body.append(f'<div class="math">{convert(node.astext(), display="block")}</div>')
    raise nodes.SkipNode


def _read(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = restructured(lines)


def _shown(app: Sphinx, name: str, source: list[str]) -> None:
    """Leave out the blank line that ends an example for doctest."""
    source[0] = re.sub(r"(?ms)(^```python\n.*?)\n\n```$", r"\1\n```", source[0])


def setup(app: Sphinx) -> None:
    """Make the generated pages, and register what is said above."""
    pages.make()
    roles.register_local_role("known", known)
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.connect("source-read", _shown)
    app.connect("autodoc-process-docstring", _read, priority=100)  # before napoleon
