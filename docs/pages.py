"""The pages that are made at each build: the reference, the lessons, the benchmarks, the gallery.

They are made from what the repository says elsewhere, once: docstrings, notebooks, results.
"""

from __future__ import annotations

import ast
import html
import importlib
import inspect
import json
import os
import re
import shutil
import textwrap
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import autograd
import autograd.formulary_special
from autograd import forks, functions
from autograd.formulary import ROWS
from autograd.rule import Rule
from docs import gallery
from docs.curves import curve, picture

__all__ = ["GENERATED", "GROUPS", "MODULES", "make", "repository", "rewritten"]

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
GENERATED = ("reference", "lessons", "made")
"""The folders that are made here, and that Git ignores."""


def repository() -> str:
    """Return the address of the repository, which only the project's settings know."""
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (address,) = re.findall(r'^Repository = "(.*)"$', settings, re.MULTILINE)
    return str(address)


def make() -> None:
    """Make all pages, and pictures, anew."""
    for name in GENERATED:
        shutil.rmtree(DOCS / name, ignore_errors=True)
    write_reference()
    write_functions()
    write_lessons()
    write_borrowed()
    write_results()
    write_gallery()


def _write(name: str, text: str) -> None:
    path = DOCS / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


# --- links ----------------------------------------------------------------------------------------

LINK = re.compile(r"(!?\[[^\]]*\](?:\([^)]*\)\])?\()([^)#\s]*)(#[^)\s]*)?\)")
LINKED_PICTURE = re.compile(r"\[(!\[[^\]]*\]\([^)]*\))\]\([^)]*\)")
DARK_PICTURE = re.compile(r'<picture>.*?<img src="([^"]*)" alt="([^"]*)"[^>]*></picture>')
FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
BORROWED = {
    "README.zh.md": "made/readme_zh",
    "CHANGELOG.md": "made/changelog",
    "CONTRIBUTING.md": "made/contributing",
    "benchmarks/README.md": "made/benchmarks",
    "notebooks/checking_other_code.md": "made/check_a_gradient",
}
"""Pages of the repository that are pages here, under these names."""

HERE = {"README.md": "index", **BORROWED}


def _target(path: str) -> str:
    """Find a file of the repository as a page, or at the repository."""
    if path in HERE:
        return f"/{HERE[path]}.md"
    if path.startswith("notebooks/") and path.endswith(".ipynb"):
        return f"/lessons/{Path(path).name}"
    kind = "tree" if (ROOT / path).is_dir() else "blob"
    return f"{repository()}/{kind}/main/{path}"


def rewritten(text: str, folder: str) -> str:
    """Turn the links of a page of the repository into links of the book.

    Args:
        text: The page, in Markdown.
        folder: Where it is in the repository.

    Returns:
        The page, whose links lead to pages here, where there are some, or to the repository; and
        whose pictures are those of the repository.

    Example:
        >>> rewritten("[the log](CHANGELOG.md), [it](#it)", "")
        '[the log](/made/changelog.md), [it](#it)'
    """

    def link(match: re.Match[str]) -> str:
        opening, target, anchor = match[1], match[2], match[3] or ""
        if not target or re.match(r"[a-z]+:", target):
            return match[0]
        path = os.path.normpath(f"{folder or '.'}/{target}").replace(os.sep, "/")
        if path.endswith((".svg", ".png")):
            return f"{opening}/../{path})"
        found = _target(path)
        return f"{opening}{found}{anchor})"

    parts = FENCE.split(text)
    parts[::2] = [DARK_PICTURE.sub(r"![\2](\1)", part) for part in parts[::2]]
    parts[::2] = [LINKED_PICTURE.sub(r"\1", part) for part in parts[::2]]
    parts[::2] = [LINK.sub(link, part) for part in parts[::2]]
    return "".join(parts)


def write_borrowed() -> None:
    """Copy the pages that the repository has anyway."""
    for source, name in BORROWED.items():
        if name.startswith("made/") and name != "made/benchmarks":
            text = (ROOT / source).read_text(encoding="utf-8")
            _write(f"{name}.md", rewritten(text, str(Path(source).parent)))


# --- the reference --------------------------------------------------------------------------------

MODULES = (
    "autograd", "autograd.functions", "autograd.transforms", "autograd.checking",
    "autograd.testing", "autograd.testing.torch", "autograd.testing.jax", "autograd.drawing",
    "autograd.explanation", "autograd.compiler", "nn", "nn.losses", "nn.metrics", "nn.optim",
    "nn.schedules", "nn.callbacks", "nn.sklearn", "nn.testing",
)  # fmt: skip
"""The modules that users import from, each of which has a page."""

OPTIONAL = ("autograd.testing.torch", "autograd.testing.jax")
"""Modules for a library that the book is built without: Sphinx imports them with a stand-in."""

BY_NAME = ("abs", "compile", "max", "min", "sum", "clear_compile_cache")
"""Functions of `autograd` that a star does not import."""

TABLE = {rule.name: rule for rule in ROWS if rule.name in functions.__all__}


def _members(cls: type) -> Iterator[str]:
    """List the public methods and properties that a class defines, without the table's."""
    for name, member in vars(cls).items():
        member = getattr(member, "__func__", member)
        if name.startswith("_") and name != "__call__":
            continue
        is_property = isinstance(member, (property, cached_property, forks.cached_property))
        own = inspect.isfunction(member) and member.__qualname__ == f"{cls.__qualname__}.{name}"
        if is_property or own:
            yield name


def _directive(name: str, documented: Any) -> str:
    """Write what has autodoc document an object, under the name that users import it by."""
    if inspect.isclass(documented):
        kind = "autoexception" if issubclass(documented, BaseException) else "autoclass"
        members = ", ".join(_members(documented))
        rest = f"\n   :members: {members}" if members and kind == "autoclass" else ""
        return f".. {kind}:: {name}{rest}\n"
    if inspect.isfunction(documented) or inspect.isbuiltin(documented):
        return f".. autofunction:: {name}\n"
    return f".. autodata:: {name}\n   :no-value:\n"


def _public(module: ModuleType) -> list[str]:
    """List what a module exports, without submodules."""
    names: list[str] = list(module.__all__)
    if module is autograd:
        names += [name for name in BY_NAME if name not in names]
    return [name for name in names if not inspect.ismodule(getattr(module, name))]


def _pages() -> dict[str, list[str]]:
    """Sort the public objects: a page a module, each object once, where users look for it.

    What `autograd` and `nn` export is on the page of the module that it comes from, if that has a
    page.
    """
    pages: dict[str, list[str]] = {name: [] for name in MODULES}
    seen: set[int] = set()
    for module_name in ("autograd", "nn", *MODULES):
        if module_name in OPTIONAL:
            continue
        module = importlib.import_module(module_name)
        for name in _public(module):
            documented = getattr(module, name)
            if name in TABLE or id(documented) in seen:
                continue
            seen.add(id(documented))
            home = str(getattr(documented, "__module__", module_name))
            while home not in pages:
                home = home.rpartition(".")[0] or module_name
            pages[home].append(f"{module_name}.{name}")
    return pages


def write_reference() -> None:
    """Write a page for each public module: its docstring, and those of its objects."""
    pages = _pages()
    for name in MODULES:
        if name == "autograd.functions":
            continue
        if name in OPTIONAL:
            lines = [f".. automodule:: {name}\n   :members:\n"]
        else:
            lines = [f".. automodule:: {name}\n"]
            for each in pages[name]:
                home, _, attribute = each.rpartition(".")
                lines.append(_directive(each, getattr(importlib.import_module(home), attribute)))
        text = f"# `{name}`\n\n```{{eval-rst}}\n" + "\n".join(lines) + "```\n"
        _write(f"reference/{name}.md", text)
    rows = "\n".join(f"{name} <{name}>" for name in MODULES if name != "autograd.functions")
    rows = rows.replace("autograd <autograd>\n", "autograd <autograd>\nfunctions/index\n")
    summary = "\n".join(
        f"| [`{name}`]({'functions/index' if name == 'autograd.functions' else name}.md) "
        f"| {_first_sentence(name)} |"
        for name in MODULES
    )
    _write(
        "reference/index.md",
        "# Reference\n\nWhat the docstrings say, which `help` shows as well: a page a module, and "
        "the functions by subject, each with its curve.\n\n"
        f"| module | what it has |\n| --- | --- |\n{summary}\n\n"
        f"```{{toctree}}\n:hidden:\n{rows}\n```\n",
    )


def _source(name: str) -> Path:
    return ROOT / (name.replace(".", "/") + ".py")


def _first_sentence(name: str) -> str:
    if name in OPTIONAL:
        doc = ast.get_docstring(ast.parse(_source(name).read_text(encoding="utf-8"))) or ""
    else:
        doc = inspect.getdoc(importlib.import_module(name)) or ""
    return " ".join(doc.split("\n\n")[0].split())


# --- the functions --------------------------------------------------------------------------------

GROUPS = {
    "abs": "Powers, exponentials, logarithms",
    "sin": "Trigonometric functions",
    "sinh": "Hyperbolic functions",
    "sigmoid": "Activations",
    "erf": "Error and gamma functions",
    "sign": "Steps and choices",
    "sum": "Functions of a sequence",
    "logaddexp": "Further elementary functions",
    "copysign": "Signs and remainders",
    "softsign": "Further activations",
    "var": "Spread",
    "ndtr": "The normal distribution",
    "gamma": "Gamma, beta and zeta functions",
    "j0": "Bessel functions",
}
"""The subjects in the order of the table, each with its first row: a new row needs no entry."""


def _grouped() -> dict[str, list[Rule]]:
    """Sort the rows by subject."""
    found: dict[str, list[Rule]] = {}
    subject = ""
    for name, rule in TABLE.items():
        subject = GROUPS.get(name, subject)
        found.setdefault(subject, []).append(rule)
    return found


def _file(subject: str) -> str:
    return re.sub(r"\W+", "_", subject.lower())


def _figure(rule: Rule) -> str:
    """Write the picture of a row, and what it shows."""
    found = curve(rule)
    wrt = "" if len(found.what.split(",")) == 1 else ", in x"
    domain = html.escape(rule.domain or "every real number")
    ring = "; a ring: the convention at a kink" if found.kinks else ""
    return (
        f'<figure class="curves">{picture(found)}<figcaption>'
        f'<span class="key curve"></span> <code>{html.escape(found.what)}</code> &ensp; '
        f'<span class="key slope"></span> its derivative{wrt}{ring}<br>'
        f"Domain: {domain}</figcaption></figure>"
    )


def write_functions() -> None:
    """Write the pages of functions, with curves, and an index of small ones."""
    index = ["# `autograd.functions`\n", "```{eval-rst}", ".. automodule:: autograd.functions", ""]
    rest = [name for name in _pages()["autograd.functions"] if not name.endswith(".Operands")]
    index += ["```\n"]
    groups = _grouped()
    for subject, rules in groups.items():
        file = _file(subject)
        index.append(f"## [{subject}]({file}.md)\n")
        index.append('<div class="thumbnails">')
        lines = [f"# {subject}\n"]
        for rule in rules:
            name = f"autograd.{rule.name}"
            lines.append(f"```{{eval-rst}}\n.. autofunction:: {name}\n\n   .. raw:: html\n")
            lines.append(f"      {_figure(rule)}\n```\n")
            index.append(
                f'<a href="{file}.html#{name}"><code>{rule.name}</code>{picture(curve(rule))}</a>'
            )
        index.append("</div>\n")
        _write(f"reference/functions/{file}.md", "\n".join(lines))
    index.append("## Functions of one's own, and running sums\n\n```{eval-rst}")
    index += [f".. autofunction:: {name}\n" for name in rest]
    index.append("```\n")
    files = "\n".join(map(_file, groups))
    index.append(f"```{{toctree}}\n:hidden:\n{files}\n```\n")
    _write("reference/functions/index.md", "\n".join(index))


# --- the lessons ----------------------------------------------------------------------------------


def write_lessons() -> None:
    """Copy the notebooks, with their stored outputs, as chapters."""
    titles = []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = rewritten("".join(cell["source"]), "notebooks")
        text = json.dumps(notebook, ensure_ascii=False)
        _write(f"lessons/{path.name}", text)
        title = re.search(r"^# (.*)$", "".join(notebook["cells"][0]["source"]), re.MULTILINE)
        titles.append((path.name, title[1] if title else path.stem))
    numbered = [name for name, _ in titles if name[0].isdigit()]
    others = [name for name, _ in titles if not name[0].isdigit()]
    lines = [
        "# Lessons\n",
        (
            "Each lesson is a notebook that runs in less than a minute; `make lessons` opens all "
            "of them in JupyterLab, and here they are with their outputs. Begin with the first.\n"
        ),
        "```{toctree}\n:maxdepth: 1\n" + "\n".join(numbered) + "\n```\n",
        "## Applications\n",
        "```{toctree}\n:maxdepth: 1\n" + "\n".join(others) + "\n```\n",
    ]
    _write("lessons/index.md", "\n".join(lines))


# --- the benchmarks -------------------------------------------------------------------------------


def _number(x: float) -> str:
    return f"{x:,.0f}" if abs(x) >= 100.0 else f"{x:.3g}"


def _cells(row: dict[str, Any]) -> list[str]:
    """Write a row of results that compares two contenders."""
    ratio = row["ratio"]
    spread = f"{_number(ratio['low'])} to {_number(ratio['high'])}"
    return [
        row["what"],
        f"{_number(row['ours']['median'])} {row['unit']}",
        row["peer"],
        _number(row["theirs"]["median"]),
        f"{_number(ratio['median'])}x",
        spread,
    ]


def write_results() -> None:
    """Write the page of benchmarks: what is measured, and every committed figure."""
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    parts = [rewritten(text, "benchmarks"), "\n## Every figure\n"]
    parts.append(
        "These tables are made from the committed results. The ratio is the median, over rounds, "
        "of the peer's figure divided by ours; beside it are its quartiles.\n"
    )
    for path in sorted((ROOT / "benchmarks" / "results").glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        rows = [row for row in record["rows"] if "ratio" in row]
        if not rows:
            continue
        parts.append(f"### `{path.name}`\n")
        facts = record.get("machine", {})
        said = "; ".join(f"{name}: {fact}" for name, fact in facts.items() if fact)
        parts.append(f"{said}\n")
        header = ["what", "ours", "beside", "theirs", "ratio", "quartiles"]
        lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
        lines += [
            "| " + " | ".join(cell.replace("|", "\\|") for cell in _cells(row)) + " |"
            for row in rows
        ]
        parts.append("\n".join(lines) + "\n")
    _write("made/benchmarks.md", "\n".join(parts))


# --- the gallery ----------------------------------------------------------------------------------


def body(function: Callable[..., Any]) -> str:
    """Return the code of a function, without its docstring, as one would type it.

    Example:
        >>> def example():
        ...     return 1 + 1
        >>> body(gallery.a_neuron).splitlines()[-1]
        'draw(out)'
    """
    source = textwrap.dedent(inspect.getsource(function))
    definition = ast.parse(source).body[0]
    if not isinstance(definition, ast.FunctionDef):
        raise TypeError(f"body: {function!r} is no function")
    first = definition.body[1].lineno - 1
    code = textwrap.dedent("\n".join(source.splitlines()[first:]))
    return re.sub(r"^return ", "", code, flags=re.MULTILINE).rstrip()


def write_gallery() -> None:
    """Make the drawings of the gallery, and those of other pages, and the page that shows them."""
    lines = [
        "# Gallery\n",
        (
            "Drawings with the code that makes them; each is made anew when this page is built. "
            "[](/howto/draw.md) explains the arguments, and how to save them.\n"
        ),
    ]
    for function in gallery.DRAWINGS:
        title, _, about = (inspect.getdoc(function) or "").partition("\n\n")
        name = function.__name__
        path = DOCS / "made" / "pictures" / f"{name}.svg"
        path.parent.mkdir(parents=True, exist_ok=True)
        function().save(path)
        about = " ".join(about.split())
        lines.append(f"## {title.rstrip('.')}\n\n{about}\n")
        lines.append(f"![{title.rstrip('.')}](/made/pictures/{name}.svg)\n")
        lines.append(f"```python\n{body(function)}\n```\n")
    for name, drawing in gallery.passes():
        drawing.save(DOCS / "made" / "pictures" / f"{name}.svg")
    _write("made/gallery.md", "\n".join(lines))
