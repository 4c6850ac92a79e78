"""Docstrings as Sphinx reads them: the source's are plain text with names in backquotes."""

from __future__ import annotations

import re

__all__ = ["restructured"]

SECTION = re.compile(r" *(Args|Attributes|Example|Raises|Returns):")
SPECIAL = re.compile(r"([*|\\]|(?<=\w)_(?!\w))")
CODE = re.compile(r"(`[^`]*`)")


def restructured(lines: list[str]) -> list[str]:
    r"""Rewrite a docstring as reStructuredText.

    Signs that have a meaning there (`*`, `|` and a last `_`) are escaped outside backquotes, and a
    block that is set off under a colon becomes literal, so that its lines stay apart. Examples and
    the headings of sections are left as they are.

    Args:
        lines: The docstring's lines, without its common indentation.

    Returns:
        As many lines, of which some are changed.

    Example:
        >>> restructured(["`x_` times |y|, as here:", "", "    a * b", "", "so x_."])
        ['`x_` times \\|y\\|, as here::', '', '    a * b', '', 'so x\\_.']
    """
    found: list[str] = []
    literal: int | None = None  # the indentation that a literal block is deeper than
    example = False
    for place, line in enumerate(lines):
        indentation = len(line) - len(line.lstrip())
        if literal is not None and line.strip() and indentation <= literal:
            literal = None
        example = bool(line.strip()) and (example or line.lstrip().startswith(">>> "))
        if literal is not None or example or SECTION.fullmatch(line):
            found.append(line)
            continue
        parts = CODE.split(line)
        parts[::2] = [SPECIAL.sub(r"\\\1", part) for part in parts[::2]]
        parts[2::2] = [re.sub(r"^(?=\w)", r"\\ ", part) for part in parts[2::2]]  # of `Value`s
        text = "".join(parts)
        if line.endswith(":") and _set_off(lines[place + 1 :], indentation):
            text, literal = f"{text}:", indentation
        found.append(text)
    return found


def _set_off(rest: list[str], indentation: int) -> bool:
    """Tell whether what follows is a blank line and then a deeper block that is not a list."""
    if len(rest) < 2 or rest[0].strip():
        return False
    following = rest[1]
    deeper = len(following) - len(following.lstrip()) > indentation
    return deeper and not following.lstrip().startswith((">>> ", "- "))
