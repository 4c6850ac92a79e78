"""A table of the shares of nodes in an output's derivatives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import islice

from autograd.errors import whole_number
from autograd.explanation.notation import derivative_in_words, one_line, percentage
from autograd.formatting import for_output, names, number, width
from autograd.graph import adjoints, leaves, topological_order
from autograd.scopes import folded, leaf_kind, module_of
from autograd.value import Value

__all__ = ["Contribution", "Contributions", "default_rows", "rank", "tabulated"]


@dataclass(frozen=True, slots=True)
class Contribution:
    """The contribution of one node to an output's derivatives: a row of `Contributions`.

    Attributes:
        name: The node's name, as in a drawing of the whole graph.
        node: The node.
        data: Its number.
        derivative: The derivative of the output with respect to it.
        share: The derivative's size as a part of the sum of all rows' sizes; nan if one is not
            finite.

    Example:
        >>> w, b = Value(2.0, "w"), Value(1.0, "b")
        >>> from autograd import explain
        >>> row = explain(3.0 * w + b).rows[0]
        >>> row.name, row.data, row.derivative, row.share
        ('w', 2.0, 3.0, 0.75)
    """

    name: str
    node: Value
    data: float
    derivative: float
    share: float


@dataclass(frozen=True, slots=True, repr=False)
class Contributions:
    """A table of how much each of some nodes contributes to an output's derivatives.

    It prints as text, and a notebook shows it as a table.

    Attributes:
        output: The node that was differentiated.
        name: The name of the output.
        rows: A row for each node, the largest share first.
        limit: How many of the rows are shown.

    Example:
        >>> w, b = Value(2.0, "w"), Value(1.0, "b")
        >>> from autograd import explain
        >>> explain(3.0 * w + b).by_module(), explain(3.0 * w + b).limit
        ({None: 1.0}, 10)
    """

    output: Value
    name: str
    rows: tuple[Contribution, ...]
    limit: int

    def by_module(self, depth: int = 1) -> dict[str | None, float]:
        """Add up the shares of each module; the labels' dotted names say which nodes it has.

        The modules are those into which a drawing folds a graph at the same depth.

        Args:
            depth: 0 for the whole model, 1 for its layers, 2 for their neurons, … A node at a
                smaller depth counts towards the innermost module that contains it.

        Returns:
            A dictionary from module to share, the largest first. The model itself has the empty
            name; nodes outside any module are under None.

        Raises:
            ValueError: `depth` is negative.

        Example:
            >>> w, b = Value(0.5, "layers.0.weight"), Value(1.0, "layers.0.bias")
            >>> v = Value(2.0, "layers.1.weight")
            >>> from autograd import explain
            >>> explain(v * (w * 3.0 + b)).by_module()
            {'layers.0': 0.762, 'layers.1': 0.238}
        """
        depth = whole_number(depth, "by_module: depth", 0)
        modules: dict[str | None, list[float]] = {}
        for row in self.rows:
            inner = module_of(row.node.label)
            if inner is None and leaf_kind(row.node) in {"parameter", "frozen"}:
                inner = ""  # a parameter belongs to a model, whatever its label
            outer = folded(inner, depth)
            modules.setdefault(inner if outer is None else outer, []).append(row.share)
        shares = {module: math.fsum(parts) for module, parts in modules.items()}
        return dict(sorted(shares.items(), key=lambda item: rank(item[1]), reverse=True))

    @property
    def text(self) -> str:
        """The table in aligned columns."""
        return _aligned([self._header, *self._cells])

    @property
    def _header(self) -> tuple[str, ...]:
        return ("node", "data", derivative_in_words(self.name, "node"), "share")

    @property
    def _cells(self) -> list[tuple[str, ...]]:
        cells: list[tuple[str, ...]] = [
            (
                one_line(row.name),
                number(row.data, 6),
                number(row.derivative, 6),
                percentage(row.share) or "nan",
            )
            for row in islice(self.rows, self.limit)
        ]
        if others := self.rows[self.limit :]:
            share = percentage(math.fsum(row.share for row in others)) or "nan"
            cells.append((f"{len(others):,} other{'s' if len(others) > 1 else ''}", "", "", share))
        return cells

    def _repr_html_(self) -> str:
        right = ' style="text-align: right"'

        def line(cells: Sequence[str], tag: str) -> str:
            marked = (
                f"<{tag}{right if i else ''}>{escape(cell)}</{tag}>" for i, cell in enumerate(cells)
            )
            return f"<tr>{''.join(marked)}</tr>"

        body = "\n".join(line(cells, "td") for cells in self._cells)
        head = line(self._header, "th")
        return f"<table>\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>\n</table>"

    def __repr__(self) -> str:
        table = [self._header, *self._cells]
        return _aligned([[for_output(cell) for cell in row] for row in table])


def _aligned(table: Sequence[Sequence[str]]) -> str:
    """Align a table in columns: the first to the left, numbers to the right."""
    widths = [max(map(width, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        padded = [
            cell + padding if i == 0 else padding + cell
            for i, (cell, columns) in enumerate(zip(row, widths, strict=True))
            for padding in [" " * (columns - width(cell))]
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def default_rows(output: Value) -> list[Value]:
    """List the parameters of a graph, or its inputs if it has none."""
    inputs = [leaf for leaf in leaves(output) if leaf_kind(leaf) != "constant"]
    parameters = [leaf for leaf in inputs if leaf_kind(leaf) in {"parameter", "frozen"}]
    return parameters or inputs


def tabulated(output: Value, nodes: list[Value], limit: int) -> Contributions:
    """Make the table of some nodes."""
    found = adjoints(output)
    known = names([*topological_order(output), *nodes])
    derivatives = [found.get(node, 0.0) for node in nodes]
    largest = max(map(abs, derivatives), default=0.0)
    if not all(map(math.isfinite, derivatives)):
        shares = [math.nan] * len(nodes)
    elif largest == 0.0:
        shares = [0.0] * len(nodes)
    else:  # divided by the largest first, because the sum may be too large for a float
        parts = [abs(derivative) / largest for derivative in derivatives]
        total = math.fsum(parts)
        shares = [part / total for part in parts]
    rows = [
        Contribution(known[node], node, node.data, derivative, share)
        for node, derivative, share in zip(nodes, derivatives, shares, strict=True)
    ]
    rows.sort(key=lambda row: rank(row.derivative), reverse=True)
    return Contributions(output, known[output], tuple(rows), limit)


def rank(x: float) -> tuple[bool, float]:
    """A sort key for sizes, with nan larger than infinity."""
    return x != x, 0.0 if x != x else abs(x)
