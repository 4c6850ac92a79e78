"""A derivative as the sum over paths given by the chain rule.

The derivative of an output with respect to a node is a sum over all paths between them, of the
products of the local derivatives along each (F. L. Bauer, *Computational graphs and rounding
error*, SIAM Journal on Numerical Analysis 11, 1974). Written out for every node it would be
unreadable; so the graph is first condensed to *stations*, by default the labelled nodes, and all
that happens between two stations becomes one factor. The number of paths still grows exponentially
with depth: the largest are found by dynamic programming, as the k largest paths to each station,
and no other path is followed.

The numbers are floats. A factor may be too large or too small for one although the derivative is
not; then every node is a station, and the factors are multiplied one after the other as in
`backward()`. And if contributions cancel, only rounding error remains: its possible size is
estimated, and no number within it is presented as a result.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush, nlargest
from sys import float_info
from typing import TypeAlias

from autograd.choices import leaves_out, may_leave_out
from autograd.errors import shown
from autograd.explanation.arguments import values
from autograd.explanation.contributions import rank
from autograd.explanation.notation import (
    LATEX,
    MOST_PATHS,
    TEXT,
    counted_paths,
    latex_factor,
    latex_number,
    latex_percent,
    one_line,
    percent,
    precise,
)
from autograd.formatting import for_output, names
from autograd.graph import adjoints, interior, topological_order
from autograd.value import Value

__all__ = ["Explanation", "Path", "explained"]

CANCELLED = 1e-12
"""A total smaller than this fraction of its contributions' sizes has no shares: they cancel."""


# --- the results ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class Path:
    """A path through stations, from the output to the node it is differentiated with respect to.

    Attributes:
        nodes: The stations on it, from the output on.
        names: Their names.
        factors: The derivative of each station with respect to the next, along links that pass no
            other station.
        contribution: The product of the factors, from the left; a zero stays zero, even times an
            infinite factor, as in `backward()`.
        share: The contribution as a part of the total: negative if it has the opposite sign, above
            1 if others reduce it; nan if the total is 0, infinite or nan, or below 1e-12 of the
            sizes of all contributions, which then cancel.

    Example:
        >>> x = Value(3.0, "x")
        >>> from autograd import explain
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
        parts = [precise(self.contribution) + percent(self.share)]
        if len(self.factors) > 1:
            parts.insert(0, TEXT.factors(self.factors))
        if self.factors:
            parts.insert(0, TEXT.chain(self.names))
        return " = ".join(parts)

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, repr=False)
class Explanation:
    """A derivative as the sum over paths given by the chain rule.

    It prints as text, and a notebook shows it as a formula. The contributions of `paths` and the
    `remainder` always add up to `total`. If all paths are listed, the remainder is the rounding
    error: at most about `rounding`, some units in the last place of Σ|contribution|. That may be
    more than the total, if the contributions cancel.

    Attributes:
        output: The node that was differentiated.
        wrt: The node with respect to which it is differentiated.
        names: The names of these two, as in a drawing of the whole graph.
        total: The derivative, as `backward()` computes it, to the bit.
        count: The number of paths through the stations; `MOST_PATHS + 1` if there are more than
            `MOST_PATHS`.
        paths: The paths with the largest contributions, by size, nan first.
        remainder: `total` minus the contributions of `paths`, correctly rounded: the sum of the
            paths that are not listed, and rounding error. It is nan if `total` is not finite,
            unless all paths are listed and add up to exactly that; then it is 0.
        rounding: How much of total and remainder may be rounding error.

    Example:
        >>> x = Value(3.0, "x")
        >>> y = x.exp() + 2.0 * x
        >>> y.label = "y"
        >>> from autograd import explain
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
        """The derivative with its paths, their factors and shares, on a line, or a line each."""
        output, wrt = self.names
        derivative = TEXT.derivative(output, wrt)
        total = precise(self.total)
        if not self.paths:
            return f"{derivative} = {total}: {one_line(output)} does not depend on {one_line(wrt)}"
        if self._alone:
            path = self.paths[0]
            if len(path.factors) < 2:
                return f"{derivative} = {total}"
            return (
                f"{derivative} = {TEXT.chain(path.names)} = {TEXT.factors(path.factors)} = {total}"
            )
        counted = f"{counted_paths(self.count)} path{'s' if self.count > 1 else ''}"
        if self._unlisted:
            counted += f", the largest {len(self.paths)} of which are"
        lines = [f"{derivative} = {total}, the sum over {counted}:"]
        width = len(str(len(self.paths)))
        lines += [f"  {i:{width}}. {path.text}" for i, path in enumerate(self.paths, start=1)]
        if self._unlisted and self._negligible:
            lines.append(f"  and {self._unlisted}: 0 within rounding")
        elif self._unlisted:
            share = percent(self._share_of_remainder)
            lines.append(f"  and {self._unlisted}: {precise(self.remainder)}{share}")
        elif self._lost:
            lines.append(f"  and {self._lost}: {precise(self.remainder)}")
        return "\n".join(lines)

    @property
    def latex(self) -> str:
        r"""The same in LaTeX; needs the package amsmath, or MathJax.

        Every character of a label that is special to LaTeX is escaped. `w5` is set as w_{5} and
        `out_o1` as \mathrm{out}_{o1}.
        """
        derivative = LATEX.derivative(*self.names)
        total = latex_number(self.total)
        if not self.paths or (self._alone and len(self.paths[0].factors) < 2):
            return f"{derivative} = {total}"
        if self._alone:
            path = self.paths[0]
            chain, factors = LATEX.chain(path.names), LATEX.factors(path.factors)
            return f"{derivative} = {chain} = {factors} = {total}"
        chains = [LATEX.chain(path.names) for path in self.paths]
        products = []
        for path in self.paths:
            below = latex_number(path.contribution) + latex_percent(path.share)
            products.append(rf"\underbrace{{{LATEX.factors(path.factors)}}}_{{{below}}}")
        if self._unlisted:
            chains.append(r"\cdots")
            rest, share = latex_factor(self.remainder), latex_percent(self._share_of_remainder)
            others = self._unlisted.replace("10^15", "}10^{15}\\text{")
            if self._negligible:
                rest, share, others = "0", "", f"{others}, within rounding"
            products.append(rf"\underbrace{{{rest}}}_{{\text{{{others}}}{share}}}")
        elif self._lost:
            rest = latex_factor(self.remainder)
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
        """Describe how the total differs from all paths, if they are listed and it shows."""
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


# --- the paths -----------------------------------------------------------------------------------


class _Region:
    """The nodes between an output and a node: those descendants of it that the output depends on.

    Nodes are identified by their positions in topological order: the node is 0, the output is last.
    """

    def __init__(self, output: Value, wrt: Value) -> None:
        self.nodes = [wrt]
        self.links: list[list[tuple[int, float]]] = [[]]
        places = {wrt: 0}
        for node in interior(output):
            links = [
                (places[parent], _derivative(node, place))
                for place, parent in enumerate(node.parents)
                if parent in places
            ]
            if links:
                places[node] = len(self.nodes)
                self.nodes.append(node)
                self.links.append(links)
        self.connected = output in places

    def stations(self, through: Iterable[Value] | str | None) -> list[bool]:
        """Tell for each position whether it is a station; output and node always are."""
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
            given = set(values("through", "'all' or a list of Values", through))
            chosen = [node in given for node in inner]
        stations = [True, *chosen, True]
        return stations[: len(self.nodes)]

    def magnitudes(self) -> tuple[list[float], list[int]]:
        """Add up the sizes of all contributions to each position, and count operations on the way.

        Returns:
            The sums of |contribution| over all paths from the output, link by link; and how often a
            contribution is rounded on the longest of these paths.
        """
        children = [0] * len(self.nodes)
        for links in self.links:
            for parent, _ in links:
                children[parent] += 1
        sizes, roundings = [0.0] * len(self.nodes), [0] * len(self.nodes)
        sizes[-1] = 1.0
        for place in range(len(self.nodes) - 1, 0, -1):
            for parent, derivative in self.links[place]:
                size = derivative if isinstance(derivative, _NotTaken) else abs(derivative)
                sizes[parent] += _times(sizes[place], size)
                # One product, and as many sums as there are children.
                longest = roundings[place] + 1 + children[parent]
                roundings[parent] = max(roundings[parent], longest)
        return sizes, roundings


class _Condensed:
    """A region reduced to its stations: the factors from each to the next ones below.

    It takes time in proportion to the links below each station, down to the next stations. So a
    link below many stations counts as often; but not if it leads to a single station, as the hidden
    states of a chain all lead to its input: there the factor is computed once, upwards.
    """

    def __init__(self, region: _Region, stations: list[bool]) -> None:
        self.region, self.stations = region, stations
        # For a node that is not a station: the station that all paths down lead to, and the factor.
        # An infinite factor is left to the walk downwards, where a zero adjoint may come before it.
        self.only: list[tuple[int, float] | None] = []
        for links, chosen in zip(region.links, stations, strict=True):
            self.only.append(None if chosen else self._only(links))

    def _only(self, links: list[tuple[int, float]]) -> tuple[int, float] | None:
        target, factor = -1, 0.0
        for parent, derivative in links:
            found = (parent, 1.0) if self.stations[parent] else self.only[parent]
            if found is None or target not in {-1, found[0]}:
                return None
            term = _times(derivative, found[1])
            factor = term if target == -1 else _plus(factor, term)
            target = found[0]
        return (target, factor) if math.isfinite(factor) else None

    def factors(self, station: int) -> dict[int, float]:
        """Differentiate a station with respect to the next ones below, along any links between."""
        sums: dict[int, float] = {}
        pending: list[int] = []  # nodes that are not stations, negated so that the highest is first
        place, adjoint = station, 1.0
        while True:
            for parent, derivative in self.region.links[place]:
                contribution = _times(adjoint, derivative)
                if only := self.only[parent]:
                    parent, contribution = only[0], _times(contribution, only[1])
                if parent in sums:
                    sums[parent] = _plus(sums[parent], contribution)
                else:
                    sums[parent] = contribution
                    if not self.stations[parent]:
                        heappush(pending, -parent)
            if not pending:
                return sums
            place = -heappop(pending)
            adjoint = sums.pop(place)


_Way: TypeAlias = "tuple[float, float, int, _Way | None]"
"""A path from the output: product, last factor, position, and the path to the station before.

Paths share their beginnings, so that together they take no more room than a tree of links.
"""


def explained(
    output: Value, wrt: Value, limit: int, through: Iterable[Value] | str | None
) -> Explanation:
    """Find the largest paths from an output to a node: the arguments are those of `explain`."""
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
    if not math.isfinite(scale):  # a zero adjoint may have excluded an infinite derivative
        scale = _sum([abs(contribution) for contribution in contributions])
    rounding = roundings[0] * float_info.epsilon * scale if math.isfinite(scale) else 0.0
    remainder = _sum([total, *[-contribution for contribution in contributions]])
    if count == len(ways) and math.isinf(total) and total == _sum(contributions):
        remainder = 0.0
    whole = total if abs(total) > CANCELLED * scale else math.nan
    paths = tuple([_path(way, region, known, whole) for way in ways])
    return Explanation(output, wrt, ends, total, count, paths, remainder, rounding)


def _close(x: float, y: float, slack: float, size: float) -> bool:
    """Compare the sum of the paths with the adjoint of the backward pass."""
    if math.isfinite(x) and math.isfinite(y):
        return abs(x - y) <= slack * (size if math.isfinite(size) else abs(y))
    return x == y or (x != x and y != y)


def _largest_ways(
    region: _Region, stations: list[bool], limit: int
) -> tuple[list[_Way], int, dict[int, float]]:
    """Find the largest paths from the output to position 0, and count and add up all of them.

    Without its last factor, a largest path is a largest path to the station before, because a
    product is monotonic in its factors' sizes, even when rounded. So each station keeps only its
    largest few.

    Returns:
        The paths as `_Way`s, the number of all paths, and the sum of those to each station.
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
            if len(there) > 8 * limit:  # to save memory: a node may have a million children
                there[:] = _largest(there, limit)
            counts[parent] = min(counts.get(parent, 0) + count, MOST_PATHS + 1)
            sums[parent] = sums.get(parent, 0.0) + _times(sums[place], factor)
    return _largest(waiting[0], limit), counts[0], sums


def _largest(ways: list[_Way], limit: int) -> list[_Way]:
    return ways if len(ways) == 1 else nlargest(limit, ways, key=lambda way: rank(way[0]))


def _path(way: _Way, region: _Region, known: dict[Value, str], whole: float) -> Path:
    contribution = float(way[0])
    nodes, factors = [], []
    step: _Way | None = way
    while step is not None:
        _, factor, place, step = step
        nodes.append(region.nodes[place])
        if step is not None:
            factors.append(float(factor))
    nodes.reverse()
    factors.reverse()
    called = tuple([known[node] for node in nodes])
    share = contribution / whole if math.isfinite(whole) else math.nan
    return Path(tuple(nodes), called, tuple(factors), contribution, share)


# --- arithmetic ----------------------------------------------------------------------------------


class _NotTaken(float):
    """The derivative 0 of a branch that is not taken, and any product with it.

    Attributes:
        at_jump: Whether it is the convention at a jump or kink, which says nothing of a nan.
    """

    at_jump = False


class _AtJump(_NotTaken):
    at_jump = True


_NOT_TAKEN, _AT_JUMP = _NotTaken(0.0), _AtJump(0.0)


def _derivative(node: Value, place: int) -> float:
    """Return a local derivative; if it is 0, it tells whether that is a branch not taken."""
    derivative: float = node.local_derivatives[place]
    if derivative or not may_leave_out(node.op) or not leaves_out(node, place):
        return derivative
    return _NOT_TAKEN if leaves_out(node, place, math.nan) else _AT_JUMP


def _times(adjoint: float, derivative: float) -> float:
    """Multiply as `backward()` does: a zero adjoint and a branch not taken contribute nothing."""
    if isinstance(adjoint, _NotTaken):
        return adjoint
    if isinstance(derivative, _NotTaken):
        return math.nan if derivative.at_jump and adjoint != adjoint else derivative
    return adjoint * derivative if adjoint else 0.0


def _plus(x: float, y: float) -> float:
    """Add two products; a branch not taken adds nothing."""
    if isinstance(y, _NotTaken):
        return y if y.at_jump and isinstance(x, _NotTaken) else x
    return y if isinstance(x, _NotTaken) else x + y


def _sum(xs: list[float]) -> float:
    """Add up, correctly rounded."""
    try:
        return math.fsum(xs)
    except ValueError:  # infinities of both signs
        return math.nan
    except OverflowError:  # perhaps only of a partial sum
        scaled = math.fsum([math.ldexp(x, -64) for x in xs])
        return math.ldexp(scaled, 64) if abs(scaled) < 2.0**960 else math.copysign(math.inf, scaled)
