"""The names of the table, written where type checkers read them: `autograd/names.py`, `methods.py`.

They follow from the rows. After a row has been added, or its operands changed:

    python -m tests.declared
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill

import autograd
from autograd.formulary import ROWS
from autograd.functions import WRITTEN_OUT
from autograd.rule import VALUES, Rule

__all__ = ["declared"]

PACKAGE = Path(autograd.__file__).parent
NAMES = '''\
"""The functions made from the table, by name: one for each row, declared for type checkers.

`autograd.functions` makes them, and puts them here. Written by `python -m tests.declared`.
"""

from autograd import signatures as of

'''
METHODS = '''\
"""The methods of `Value` that are made from the table, declared for type checkers.

Written by `python -m tests.declared`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self  # known to type checkers without being installed

    from autograd.reals import Plain

__all__ = ["Elementary"]


class Elementary:
    """The elementary functions as methods: one for each row of the table, set by `functions.py`."""

    __slots__ = ()

'''


def public(rule: Rule) -> bool:
    return rule.name in vars(VALUES)


def signature(rule: Rule) -> str:
    if rule.of_sequence:
        return "OfSequence"
    if rule.name == "where":
        return "Choice"
    if rule.defaults or len(rule.operands) > 2:
        return "Parametric"
    return "Unary" if len(rule.operands) == 1 else "Binary"


def method(rule: Rule) -> str:
    if rule.name == "log" or signature(rule) == "Parametric":
        return "Callable[..., Self]"
    return f"Callable[[{'Self | Plain' * (len(rule.operands) - 1)}], Self]"


def natural(name: str) -> list[str]:
    """Sort log2 before log10, as linters do."""
    return [part.zfill(9) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def names() -> Iterator[str]:
    rules = [rule for rule in ROWS if public(rule) and rule.name not in WRITTEN_OUT]
    yield NAMES
    listed = ", ".join(f'"{name}"' for name in sorted((rule.name for rule in rules), key=natural))
    yield fill(listed, 100, initial_indent=" " * 4, subsequent_indent=" " * 4).join(
        ["__all__ = [\n", ",\n]  # fmt: skip\n\n"]
    )
    for rule in rules:
        yield f"{rule.name}: of.{signature(rule)}\n"


def methods() -> Iterator[str]:
    yield METHODS
    for rule in filter(public, ROWS):
        if rule.is_method:
            yield f"    {rule.name}: {method(rule)}\n"


def declared() -> dict[Path, str]:
    """Return the contents of the two files."""
    return {
        PACKAGE / "names.py": "".join(names()),
        PACKAGE / "methods.py": "".join(methods()),
    }


if __name__ == "__main__":
    for path, text in declared().items():
        path.write_text(text, encoding="utf-8")
