"""`explain`: a derivative as the chain rule sees it, path by path.

The derivative of an output with respect to a node is a sum over all paths between them, of the
products of the local derivatives along each (F. L. Bauer, *Computational graphs and rounding
error*, SIAM Journal on Numerical Analysis 11, 1974). Written out for every node it tells nobody
anything; so the graph is first condensed to *stations*, the nodes that somebody cared to label, and
all that happens between two stations becomes one factor. The number of paths still grows
exponentially with depth: the largest are found by dynamic programming, as the k best ways to each
station, and no path is followed that is not among them.

Numbers are those of floats. A factor may be too large or too small for one although the derivative
is not; the paths are then told by every node, one multiplication after the other as in
`backward()`. And where contributions cancel, what is left of them is rounding error: how large that
may be is estimated, and no number within it is passed off for one.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush, nlargest
from html import escape
from itertools import islice
from sys import float_info
from typing import Any, TypeAlias, overload

from autograd.errors import shown, whole_number
from autograd.formatting import MINUS, derivative_of, for_output, names, number, operand, width
from autograd.graph import adjoints, interior, leaves, topological_order
from autograd.scopes import folded, leaf_kind, module_of
from autograd.value import Value

__all__ = ["MOST_PATHS", "Contribution", "Contributions", "Explanation", "Path", "explain"]

MOST_PATHS = 10**15
"""Up to here paths are counted; their number may have more digits than a computer has memory."""

LONGEST = 12
"""The most factors that are written out of one path."""

CANCELLED = 1e-12
"""A total smaller than this part of its contributions' sizes has no shares: they cancel."""


# --- the results ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class Path:
    """One path from the output to the node of which the derivative is taken, by way of stations.

    Attributes:
        nodes: The stations on it, the output first.
        names: What they are called.
        factors: The derivative of each station with respect to the next, along links that meet no
            other station.
        contribution: The product of the factors, from the left; a zero stays zero, even times an
            infinite factor, as in `backward()`.
        share: The contribution as a part of the total: negative where it has the other sign, above
            1 where others take away from it; nan of a total that is 0, infinite or nan, or below
            1e-12 of the sizes of all contributions, which then cancel.

    Example:
        >>> x = Value(3.0, "x")
        >>> path = explain(x * x + 2.0 * x, x).paths[0]
        >>> len(path.factors), path.contribution, path.share
        (2, 6.0, 0.75)
    """

    nodes: tuple[Value, ...]
    names: tuple[str, ...]
    factors: tuple[float, ...]
    contribution: float
    share: float

    @property
    def text(self) -> str:
        """The chain rule along the path: in names, in numbers, and the product."""
        parts = [_precise(self.contribution) + _percent(self.share)]
        if len(self.factors) > 1:
            parts.insert(0, _TEXT.factors(self))
        if self.factors:
            parts.insert(0, _TEXT.chain(self))
        return " = ".join(parts)

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, repr=False)
class Explanation:
    """A derivative as the sum over paths that the chain rule makes of it.

    It prints as text, and shows itself in a notebook as a formula. The contributions of `paths` and
    the `remainder` always add up to `total`. Where all paths are listed, the remainder is what
    rounding left over: at most about `rounding`, some units in the last place of Σ|contribution|.
    That may be more than the total, if the contributions cancel.

    Attributes:
        output: The node that was differentiated.
        wrt: The node with respect to which.
        names: What these two are called, among all nodes of the graph as in a drawing of it.
        total: The derivative, as `backward()` computes it, to the bit.
        count: The number of paths by way of stations; `MOST_PATHS + 1` where there are more than
            `MOST_PATHS`.
        paths: The paths of the largest contributions, by size, nan first.
        remainder: `total` less the contributions of `paths`, correctly rounded: what the paths that
            are not listed add up to, and rounding. nan where `total` is not finite, unless it is
            just what all paths, listed, add up to; then 0.
        rounding: How much of total and remainder may be rounding error.

    Example:
        >>> x = Value(3.0, "x")
        >>> y = x.exp() + 2.0 * x
        >>> y.label = "y"
        >>> explanation = explain(y, x)
        >>> explanation.total == sum(path.contribution for path in explanation.paths)
        True
    """

    output: Value
    wrt: Value
    names: tuple[str, str]
    total: float
    count: int
    paths: tuple[Path, ...]
    remainder: float
    rounding: float

    @property
    def text(self) -> str:
        """The derivative, its paths, their factors and shares, on one line or a line a path."""
        output, wrt = self.names
        derivative = _TEXT.derivative(output, wrt)
        total = _precise(self.total)
        if not self.paths:
            return f"{derivative} = {total}: {_plain(output)} does not depend on {_plain(wrt)}"
        if self._alone:
            path = self.paths[0]
            if len(path.factors) < 2:
                return f"{derivative} = {total}"
            return f"{derivative} = {_TEXT.chain(path)} = {_TEXT.factors(path)} = {total}"
        counted = f"{_counted(self.count)} path{'s' if self.count > 1 else ''}"
        if self._unlisted:
            counted += f", the largest {len(self.paths)} of which are"
        lines = [f"{derivative} = {total}, the sum over {counted}:"]
        width = len(str(len(self.paths)))
        lines += [f"  {i:{width}}. {path.text}" for i, path in enumerate(self.paths, start=1)]
        if self._unlisted and self._negligible:
            lines.append(f"  and {self._unlisted}: 0 within rounding")
        elif self._unlisted:
            share = _percent(self._share_of_remainder)
            lines.append(f"  and {self._unlisted}: {_precise(self.remainder)}{share}")
        elif self._lost:
            lines.append(f"  and {self._lost}: {_precise(self.remainder)}")
        return "\n".join(lines)

    @property
    def latex(self) -> str:
        r"""The same in LaTeX's mathematics; needs the package amsmath, or MathJax.

        Every character of a label that is special to LaTeX is escaped. `w5` is set as w_{5} and
        `out_o1` as \mathrm{out}_{o1}.
        """
        derivative = _LATEX.derivative(*self.names)
        total = _latex_number(self.total)
        if not self.paths or (self._alone and len(self.paths[0].factors) < 2):
            return f"{derivative} = {total}"
        if self._alone:
            path = self.paths[0]
            return f"{derivative} = {_LATEX.chain(path)} = {_LATEX.factors(path)} = {total}"
        chains = [_LATEX.chain(path) for path in self.paths]
        products = []
        for path in self.paths:
            below = _latex_number(path.contribution) + _latex_percent(path.share)
            products.append(rf"\underbrace{{{_LATEX.factors(path)}}}_{{{below}}}")
        if self._unlisted:
            chains.append(r"\cdots")
            rest, share = _latex_factor(self.remainder), _latex_percent(self._share_of_remainder)
            others = self._unlisted.replace("10^15", "}10^{15}\\text{")
            if self._negligible:
                rest, share, others = "0", "", f"{others}, within rounding"
            products.append(rf"\underbrace{{{rest}}}_{{\text{{{others}}}{share}}}")
        elif self._lost:
            rest = _latex_factor(self.remainder)
            products.append(rf"\underbrace{{{rest}}}_{{\text{{{self._lost}}}}}")
        glue = " \\\\\n&\\quad {}+ "
        rows = [glue.join(chains), glue.join(products), total]
        equations = " \\\\\n".join(f"&= {row}" for row in rows)
        return f"\\begin{{aligned}}\n{derivative} {equations}\n\\end{{aligned}}"

    @property
    def _alone(self) -> bool:
        return self.count == 1 and not self._lost

    @property
    def _lost(self) -> str:
        """Name what the paths that are listed, all of them, do not add up to, if it shows."""
        shows = not abs(self.remainder) <= 1e-10 * abs(self.total)
        if self._unlisted or not shows or not math.isfinite(self.total):
            return ""
        return "rounding" if math.isfinite(self.remainder) else "overflow"

    @property
    def _negligible(self) -> bool:
        return abs(self.remainder) <= self.rounding

    @property
    def _share_of_remainder(self) -> float:
        return math.nan if math.isnan(self.paths[0].share) else self.remainder / self.total

    @property
    def _unlisted(self) -> str:
        if self.count > MOST_PATHS:
            return "more than 10^15 other paths"
        others = self.count - len(self.paths)
        return f"{others:,} other path{'s' if others > 1 else ''}" if others else ""

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"

    def __repr__(self) -> str:
        return for_output(self.text)


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one node carries of an output's derivatives: a row of `Contributions`.

    Attributes:
        name: What the node is called, among all nodes of the graph as in a drawing of it.
        node: The node.
        data: Its number.
        derivative: The derivative of the output with respect to it.
        share: The derivative's size as a part of all rows' sizes; nan if one of them is not finite.

    Example:
        >>> w, b = Value(2.0, "w"), Value(1.0, "b")
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
    """A table of how much of an output's derivatives each of some nodes carries.

    It prints as text, and shows itself in a notebook as a table.

    Attributes:
        output: The node that was differentiated.
        name: What it is called.
        rows: A row for each node, the largest share first.
        limit: How many of the rows are shown.

    Example:
        >>> w, b = Value(2.0, "w"), Value(1.0, "b")
        >>> explain(3.0 * w + b).by_module(), explain(3.0 * w + b).limit
        ({None: 1.0}, 10)
    """

    output: Value
    name: str
    rows: tuple[Contribution, ...]
    limit: int

    def by_module(self, depth: int = 1) -> dict[str | None, float]:
        """Add up the shares of each module, as the dotted names that are labels tell it.

        Modules are those into which a drawing folds a graph, to the same depth.

        Args:
            depth: 0 for the whole model, 1 for its layers, 2 for their neurons, … A node that lies
                less deep counts to the innermost module that it lies in.

        Returns:
            A dictionary from module to share, the largest first. The model itself has the empty
            name; what lies outside any module is under None.

        Raises:
            ValueError: `depth` is negative.

        Example:
            >>> w, b = Value(0.5, "layers.0.weight"), Value(1.0, "layers.0.bias")
            >>> v = Value(2.0, "layers.1.weight")
            >>> explain(v * (w * 3.0 + b)).by_module()
            {'layers.0': 0.762, 'layers.1': 0.238}
        """
        depth = whole_number(depth, "by_module: depth", 0)
        modules: dict[str | None, list[float]] = {}
        for row in self.rows:
            inner = module_of(row.node.label)
            if inner is None and leaf_kind(row.node) in {"parameter", "frozen"}:
                inner = ""  # a parameter belongs to a model, whatever it is called
            outer = folded(inner, depth)
            modules.setdefault(inner if outer is None else outer, []).append(row.share)
        shares = {module: math.fsum(parts) for module, parts in modules.items()}
        return dict(sorted(shares.items(), key=lambda item: _rank(item[1]), reverse=True))

    @property
    def text(self) -> str:
        """The table in aligned columns."""
        return _aligned([self._header, *self._cells])

    @property
    def _header(self) -> tuple[str, ...]:
        return ("node", "data", _derivative(self.name, "node"), "share")

    @property
    def _cells(self) -> list[tuple[str, ...]]:
        cells: list[tuple[str, ...]] = [
            (
                _plain(row.name),
                number(row.data, 6),
                number(row.derivative, 6),
                _percentage(row.share) or "nan",
            )
            for row in islice(self.rows, self.limit)
        ]
        if others := self.rows[self.limit :]:
            share = _percentage(math.fsum(row.share for row in others)) or "nan"
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
    """Set a table in columns: the first to the left, numbers to the right."""
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


# --- explain -------------------------------------------------------------------------------------


@overload
def explain(
    output: Value, wrt: Value, *, limit: int = ..., through: Iterable[Value] | str | None = ...
) -> Explanation: ...
@overload
def explain(
    output: Value, wrt: Iterable[Value] | None = ..., *, limit: int = ..., through: None = ...
) -> Contributions: ...
def explain(
    output: Value,
    wrt: Value | Iterable[Value] | None = None,
    *,
    limit: int = 10,
    through: Iterable[Value] | str | None = None,
) -> Explanation | Contributions:
    """Say where a derivative comes from: by which paths, or from which nodes.

    With one node given, its derivative is written out as the chain rule has it, as a sum over paths
    of products of factors. With several, or none, there is a table of how much each of them carries
    of the output's derivatives. No `grad` is changed, and none is needed.

    Args:
        output: The node that is differentiated: an error, say.
        wrt: The node with respect to which; or several for a table; or None for a table of the
            parameters that the output depends on, or of its inputs if there are no parameters.
        limit: How many paths are listed, those of the largest contributions, or rows shown.
        through: The stations by way of which paths are told apart. None stands for the labelled
            nodes in between, or for all nodes in between if none is labelled, `"all"` for all of
            them. Of nodes that are given, those that do not lie in between are passed over. Paths
            that meet the same stations add up to one. Where that gives other numbers than
            `backward()`, as a factor from station to station is too large or too small for a float,
            it is `"all"` whatever was asked for.

    Returns:
        An `Explanation` for one node, else `Contributions`.

    Raises:
        TypeError: `output` is not a Value, `wrt` neither a Value nor an iterable of Values,
            `through` neither `"all"` nor an iterable of Values, or `limit` not a whole number.
        ValueError: `limit` is less than 1, or `through` is given for a table.

    Example:
        >>> from autograd import tanh
        >>> w, x, b = Value(0.5, "w"), Value(2.0, "x"), Value(-1.0, "b")
        >>> net = w * x + b
        >>> net.label = "net"
        >>> y = tanh(net)
        >>> y.label = "y"
        >>> print(explain(y, w))
        ∂y/∂w = ∂y/∂net · ∂net/∂w = 1 × 2 = 2
        >>> print(explain(y))
        node  data  ∂y/∂node    share
        w      0.5         2  57.14 %
        b       −1         1  28.57 %
        x        2       0.5  14.29 %
    """
    if not isinstance(output, Value):
        raise _wrong("output", "a Value", output)
    limit = whole_number(limit, "explain: limit", 1)
    if isinstance(wrt, Value):
        return _explanation(output, wrt, limit, through)
    if through is not None:
        raise ValueError(
            "explain: through= chooses among the paths to one node: pass that node as wrt, not "
            f"{'None' if wrt is None else 'several'}"
        )
    nodes = _default_rows(output) if wrt is None else _values("wrt", "a Value, or several", wrt)
    return _contributions(output, nodes, limit)


def _values(argument: str, expected: str, given: Any) -> list[Value]:
    if isinstance(given, (str, bytes, Value)) or not isinstance(given, Iterable):
        raise _wrong(argument, expected, given)
    nodes = []
    for node in given:
        if not isinstance(node, Value):
            raise _wrong(argument, expected, node)
        nodes.append(node)
    return list(dict.fromkeys(nodes))


def _wrong(argument: str, expected: str, given: object) -> TypeError:
    return TypeError(
        f"explain: {argument} must be {expected}, got {type(given).__name__}: {shown(given)}"
    )


# --- the table -----------------------------------------------------------------------------------


def _default_rows(output: Value) -> list[Value]:
    inputs = [leaf for leaf in leaves(output) if leaf_kind(leaf) != "constant"]
    parameters = [leaf for leaf in inputs if leaf_kind(leaf) in {"parameter", "frozen"}]
    return parameters or inputs


def _contributions(output: Value, nodes: list[Value], limit: int) -> Contributions:
    found = adjoints(output)
    known = names([*topological_order(output), *nodes])
    derivatives = [found.get(node, 0.0) for node in nodes]
    largest = max(map(abs, derivatives), default=0.0)
    if not all(map(math.isfinite, derivatives)):
        shares = [math.nan] * len(nodes)
    elif largest == 0.0:
        shares = [0.0] * len(nodes)
    else:  # divided by the largest first, as the sum may be too large for a float
        parts = [abs(derivative) / largest for derivative in derivatives]
        total = math.fsum(parts)
        shares = [part / total for part in parts]
    rows = [
        Contribution(known[node], node, node.data, derivative, share)
        for node, derivative, share in zip(nodes, derivatives, shares, strict=True)
    ]
    rows.sort(key=lambda row: _rank(row.derivative), reverse=True)
    return Contributions(output, known[output], tuple(rows), limit)


# --- the paths -----------------------------------------------------------------------------------


class _Region:
    """What lies between an output and a node: the node's descendants that the output depends on.

    Nodes go by their places in topological order: the node is 0, the output comes last.
    """

    def __init__(self, output: Value, wrt: Value) -> None:
        self.nodes = [wrt]
        self.links: list[list[tuple[int, float]]] = [[]]
        places = {wrt: 0}
        for node in interior(output):
            links = [
                (places[parent], derivative)
                for parent, derivative in zip(node.parents, node.local_derivatives, strict=True)
                if parent in places
            ]
            if links:
                places[node] = len(self.nodes)
                self.nodes.append(node)
                self.links.append(links)
        self.connected = output in places

    def stations(self, through: Iterable[Value] | str | None) -> list[bool]:
        """Tell of each place whether it is a station; output and node always are."""
        inner = self.nodes[1:-1]
        chosen: Iterable[bool]
        if isinstance(through, str):
            if through != "all":
                raise ValueError(
                    f"explain: through must be 'all' or a list of Values, got {shown(through)}"
                )
            chosen = [True] * len(inner)
        elif through is None:
            chosen = [bool(node.label and not node.label.isspace()) for node in inner]
            if not any(chosen):
                chosen = [True] * len(inner)
        else:
            given = set(_values("through", "'all' or a list of Values", through))
            chosen = [node in given for node in inner]
        stations = [True, *chosen, True]
        return stations[: len(self.nodes)]

    def magnitudes(self) -> tuple[list[float], list[int]]:
        """Add up the sizes of all contributions to each place, and count operations on the way.

        Returns:
            The sums of |contribution| over all paths from the output, link by link; and on the
            longest of these paths how often its contribution is rounded.
        """
        children = [0] * len(self.nodes)
        for links in self.links:
            for parent, _ in links:
                children[parent] += 1
        sizes, roundings = [0.0] * len(self.nodes), [0] * len(self.nodes)
        sizes[-1] = 1.0
        for place in range(len(self.nodes) - 1, 0, -1):
            for parent, derivative in self.links[place]:
                sizes[parent] += _times(sizes[place], abs(derivative))
                # One product, and as many sums as there are children.
                longest = roundings[place] + 1 + children[parent]
                roundings[parent] = max(roundings[parent], longest)
        return sizes, roundings


class _Condensed:
    """A region as seen by its stations: the factors from each to the next ones below.

    It takes time in proportion to the links below each station, down to the next ones. So links
    that lie below many stations count as often; but not where they lead to a single one, as the
    hidden states of a chain all do to its input: there the factor is worked out once, upwards.
    """

    def __init__(self, region: _Region, stations: list[bool]) -> None:
        self.region, self.stations = region, stations
        # Of a node that is no station, the one that all ways down lead to, and the factor. An
        # infinite one is left to the way down, where a zero adjoint may come before it.
        self.only: list[tuple[int, float] | None] = []
        for links, chosen in zip(region.links, stations, strict=True):
            self.only.append(None if chosen else self._only(links))

    def _only(self, links: list[tuple[int, float]]) -> tuple[int, float] | None:
        target, factor = -1, 0.0
        for parent, derivative in links:
            found = (parent, 1.0) if self.stations[parent] else self.only[parent]
            if found is None or target not in {-1, found[0]}:
                return None
            target = found[0]
            factor += _times(derivative, found[1])
        return (target, factor) if math.isfinite(factor) else None

    def factors(self, station: int) -> dict[int, float]:
        """Differentiate a station with respect to the next ones below, along any links between."""
        sums: dict[int, float] = {}
        pending: list[int] = []  # nodes that are no stations, negated for the highest to come first
        place, adjoint = station, 1.0
        while True:
            for parent, derivative in self.region.links[place]:
                contribution = _times(adjoint, derivative)
                if only := self.only[parent]:
                    parent, contribution = only[0], _times(contribution, only[1])
                if parent in sums:
                    sums[parent] += contribution
                else:
                    sums[parent] = contribution
                    if not self.stations[parent]:
                        heappush(pending, -parent)
            if not pending:
                return sums
            place = -heappop(pending)
            adjoint = sums.pop(place)


_Way: TypeAlias = "tuple[float, float, int, _Way | None]"
"""A way from the output: product, last factor, place, and the way to the station before.

Ways share their beginnings, so that all that are kept take no more room than a tree of links.
"""


def _explanation(
    output: Value, wrt: Value, limit: int, through: Iterable[Value] | str | None
) -> Explanation:
    region = _Region(output, wrt)
    stations = region.stations(through)
    known = names([*topological_order(output), wrt])
    ends = known[output], known[wrt]
    if not region.connected:
        return Explanation(output, wrt, ends, 0.0, 0, (), 0.0, 0.0)
    found = adjoints(output)
    total = found[wrt]
    sizes, roundings = region.magnitudes()
    ways, count, sums = _largest_ways(region, stations, limit)
    if not all(stations):
        slack = [max(CANCELLED, n * float_info.epsilon) for n in roundings]
        pairs = ((i, x, found[region.nodes[i]]) for i, x in sums.items())
        if not all(_close(x, y, slack[i], sizes[i]) for i, x, y in pairs):
            ways, count, _ = _largest_ways(region, [True] * len(stations), limit)
    contributions = [way[0] for way in ways]
    scale = sizes[0]
    if not math.isfinite(scale):  # a zero adjoint may have kept an infinite derivative out
        scale = _sum([abs(contribution) for contribution in contributions])
    rounding = roundings[0] * float_info.epsilon * scale if math.isfinite(scale) else 0.0
    remainder = _sum([total, *[-contribution for contribution in contributions]])
    if count == len(ways) and math.isinf(total) and total == _sum(contributions):
        remainder = 0.0
    whole = total if abs(total) > CANCELLED * scale else math.nan
    paths = tuple([_path(way, region, known, whole) for way in ways])
    return Explanation(output, wrt, ends, total, count, paths, remainder, rounding)


def _close(x: float, y: float, slack: float, size: float) -> bool:
    """Compare what paths add up to with the adjoint of the backward pass."""
    if math.isfinite(x) and math.isfinite(y):
        return abs(x - y) <= slack * (size if math.isfinite(size) else abs(y))
    return x == y or (x != x and y != y)


def _largest_ways(
    region: _Region, stations: list[bool], limit: int
) -> tuple[list[_Way], int, dict[int, float]]:
    """Find the largest ways from the output down to place 0, count all, and add all up.

    A largest way is a largest way to its last station but one, and one factor more: a product
    grows with its parts, also when it is rounded. So each station need only keep its largest few.

    Returns:
        The ways, how many there are, and what those to each station add up to.
    """
    condensed = _Condensed(region, stations)
    last = len(region.nodes) - 1
    waiting: dict[int, list[_Way]] = {last: [(1.0, 1.0, last, None)]}
    counts = {last: 1}
    sums = {last: 1.0}
    for place in range(last, 0, -1):
        if not stations[place]:
            continue
        ways = _largest(waiting.pop(place), limit)
        count = counts.pop(place)
        for parent, factor in condensed.factors(place).items():
            there = waiting.setdefault(parent, [])
            there += [(_times(way[0], factor), factor, parent, way) for way in ways]
            if len(there) > 8 * limit:  # of a node with a million children, for the memory
                there[:] = _largest(there, limit)
            counts[parent] = min(counts.get(parent, 0) + count, MOST_PATHS + 1)
            sums[parent] = sums.get(parent, 0.0) + _times(sums[place], factor)
    return _largest(waiting[0], limit), counts[0], sums


def _largest(ways: list[_Way], limit: int) -> list[_Way]:
    return ways if len(ways) == 1 else nlargest(limit, ways, key=lambda way: _rank(way[0]))


def _path(way: _Way, region: _Region, known: dict[Value, str], whole: float) -> Path:
    contribution = way[0]
    nodes, factors = [], []
    step: _Way | None = way
    while step is not None:
        _, factor, place, step = step
        nodes.append(region.nodes[place])
        if step is not None:
            factors.append(factor)
    nodes.reverse()
    factors.reverse()
    called = tuple([known[node] for node in nodes])
    share = contribution / whole if math.isfinite(whole) else math.nan
    return Path(tuple(nodes), called, tuple(factors), contribution, share)


# --- arithmetic ----------------------------------------------------------------------------------


def _times(adjoint: float, derivative: float) -> float:
    """Multiply as `backward()` does: a zero adjoint contributes nothing."""
    return adjoint * derivative if adjoint else 0.0


def _rank(x: float) -> tuple[bool, float]:
    """A key for an order by size in which nan is larger than infinity."""
    return x != x, 0.0 if x != x else abs(x)


def _sum(xs: list[float]) -> float:
    """Add up, correctly rounded."""
    try:
        return math.fsum(xs)
    except ValueError:  # infinities of both signs
        return math.nan
    except OverflowError:  # perhaps on the way only
        scaled = math.fsum([math.ldexp(x, -64) for x in xs])
        return math.ldexp(scaled, 64) if abs(scaled) < 2.0**960 else math.copysign(math.inf, scaled)


# --- in words ------------------------------------------------------------------------------------


def _precise(x: float) -> str:
    """Write a number of ordinary size with 10 decimals, any other with 10 significant digits."""
    if 1e-4 <= abs(x) < 1e5:
        return f"{x:.10f}".rstrip("0").rstrip(".").replace("-", MINUS)
    return number(x, 10)


def _factor(x: float) -> str:
    return operand(_precise(x))


def _percentage(share: float) -> str:
    return "" if share != share else f"{number(100.0 * share)} %"


def _percent(share: float) -> str:
    percentage = _percentage(share)
    return f" ({percentage})" if percentage else ""


def _counted(count: int) -> str:
    return "more than 10^15" if count > MOST_PATHS else f"{count:,}"


def _plain(name: str) -> str:
    """Put a name on one line, without characters that would do something to a terminal."""
    return "".join(
        repr(character)[1:-1] if unicodedata.category(character) in {"Cc", "Cs"} else character
        for character in " ".join(name.split())
    )


def _derivative(above: str, below: str) -> str:
    return derivative_of(_plain(above), _plain(below))


# --- in LaTeX ------------------------------------------------------------------------------------

# Not within \text: MathJax takes no escapes there other than those of the dollar and of braces.
_SPECIAL = {
    "#": r"\#", "$": r"\$", "%": r"\%", "&": r"\&", "_": r"\_", "{": r"\{", "}": r"\}",
    "\\": r"\backslash{}", "~": r"{\sim}", "^": r"{\wedge}", "<": "{<}", ">": "{>}", "|": "{|}",
}  # fmt: skip
_SUBSCRIPTED = re.compile(r"([A-Za-z]+)_([A-Za-z0-9]+)|([A-Za-z])([0-9]+)")


def _latex_name(name: str) -> str:
    text = _plain(name)
    if match := _SUBSCRIPTED.fullmatch(text):
        base, below = match[1] or match[3], match[2] or match[4]
        return f"{_latex_word(base)}_{{{_latex_word(below)}}}"
    if re.fullmatch(r"[A-Za-z]", text):
        return text
    pieces = re.split(f"([{re.escape(''.join(_SPECIAL))}])", text)
    return "".join(_SPECIAL.get(piece, rf"\text{{{piece}}}") for piece in pieces if piece)


def _latex_word(text: str) -> str:
    """Set a word upright; a letter, or a letter with digits, is a symbol."""
    return rf"\mathrm{{{text}}}" if len(text) > 1 and text.isalpha() else text


def _latex_number(x: float) -> str:
    return _latex_digits(_precise(x))


def _latex_digits(text: str) -> str:
    text = text.replace(MINUS, "-").replace("inf", r"\infty").replace("nan", r"\mathrm{nan}")
    return re.sub(r"e(-?\d+)", r" \\cdot 10^{\1}", text)


def _latex_factor(x: float) -> str:
    return _latex_digits(_factor(x))


def _latex_percent(share: float) -> str:
    return "" if share != share else rf"\ ({_latex_digits(number(100.0 * share))}\,\%)"


def _latex_derivative(above: str, below: str) -> str:
    return rf"\frac{{\partial {_latex_name(above)}}}{{\partial {_latex_name(below)}}}"


# --- paths in either notation --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Notation:
    """How derivatives and their products are put down."""

    derivative: Callable[[str, str], str]
    factor: Callable[[float], str]
    dot: str
    cross: str
    dots: Callable[[int], str]
    direct: tuple[str, str]

    def chain(self, path: Path) -> str:
        """Write a path as a product of derivatives."""
        pairs = [*zip(path.names, path.names[1:], strict=False)]
        if len(pairs) == 1:  # not the whole derivative, which would look the same
            return self.derivative(*path.names).join(self.direct)
        return self._joined(self.dot, self.derivative, pairs)

    def factors(self, path: Path) -> str:
        """Write a path as a product of numbers."""
        return self._joined(self.cross, self.factor, [(x,) for x in path.factors])

    def _joined(
        self, sign: str, write: Callable[..., str], parts: Sequence[tuple[Any, ...]]
    ) -> str:
        if len(parts) <= LONGEST:
            return sign.join([write(*part) for part in parts])
        first, last = parts[: LONGEST // 2], parts[1 - LONGEST // 2 :]
        left_out = self.dots(len(parts) - len(first) - len(last))
        return sign.join(
            [*[write(*part) for part in first], left_out, *[write(*part) for part in last]]
        )


_TEXT = _Notation(
    derivative=_derivative,
    factor=_factor,
    dot=" · ",
    cross=" × ",
    dots=lambda count: f"… {count:,} more …",
    direct=("", " directly"),
)
_LATEX = _Notation(
    derivative=_latex_derivative,
    factor=_latex_factor,
    dot=r" \cdot ",
    cross=r" \times ",
    dots=lambda count: rf"\underbrace{{\cdots}}_{{{count}}}",
    direct=(r"\left. ", r" \right|_{\text{direct}}"),
)
