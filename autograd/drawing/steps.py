"""The steps of a computation: forwards through its evaluation, backwards through backpropagation.

This module computes what a page shows step by step, in numbers and words; how it looks is up to the
page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, TypeAlias

from autograd.formatting import derivative_of, evaluated, formula, names, number, operand, slope
from autograd.graph import topological_order
from autograd.scopes import leaf_kind
from autograd.sums import contribution
from autograd.value import Value

__all__ = ["Change", "Phase", "Step", "steps"]

Phase: TypeAlias = Literal["forward", "backward"]

_DIGITS = 6
_LINES = 8
"""The maximum number of contributions that a step lists; the rest are counted."""


class Change(NamedTuple):
    """A number that a step fills in.

    Attributes:
        name: The name of the node.
        text: The number as the drawing shows it.
        exact: The number with every digit, as Python writes a float.
    """

    name: str
    text: str
    exact: str


@dataclass(frozen=True)
class Step:
    """One step through a graph.

    Attributes:
        phase: Whether the graph is being evaluated, or adjoints are propagated back.
        node: The id of the node whose turn it is; empty if there is none.
        links: The ids of the links that the step runs along.
        title: The number of the step, the number of steps, the phase, and the node.
        formula: The formula of the step, with names.
        evaluated: The same with numbers.
        lines: Further text; in a backward step, the contribution to each parent.
        changes: What the step fills in, by the ids of nodes: in a forward step `data`, in a
            backward step the adjoint accumulated so far.
    """

    phase: Phase
    node: str
    links: tuple[str, ...]
    title: str
    formula: str
    evaluated: str
    lines: tuple[str, ...] = ()
    changes: Mapping[str, Change] = field(default_factory=dict)


def steps(
    root: Value, boxes: Mapping[Value, str], links: Mapping[tuple[Value, Value], tuple[str, ...]]
) -> list[Step]:
    """Step forwards through the evaluation of a drawn graph, then backwards to its gradients.

    Leaves have their data from the opening step on; each interior node has a step of its own, in
    topological order. Backwards, the root's adjoint is 1 at first, and each interior node passes
    its contributions on to its parents, in reverse order. Gradients are those of a single pass: the
    floats of `graph.adjoints`, added in the same order, whatever `grad` is. Nodes that are not
    drawn have no step, but the numbers of the others include what flows back through them.

    Args:
        root: The node to differentiate.
        boxes: The drawn nodes, with their ids in the drawing.
        links: The drawn links, as (child, parent), with the ids of all links between the two.

    Returns:
        The steps; their number, and that of all changes in them, is linear in the size of the
        graph.

    Example:
        >>> w, x = Value(0.5, "w"), Value(-2.0, "x")
        >>> y = w * x
        >>> y.label = "y"
        >>> links = {(y, w): ("e0",), (y, x): ("e1",)}
        >>> walk = steps(y, {w: "n0", x: "n1", y: "n2"}, links)
        >>> for step in walk:
        ...     print(step.title)
        1 of 4 · forward: leaves
        2 of 4 · forward: y
        3 of 4 · backward: ∂y/∂y = 1
        4 of 4 · backward: y
        >>> print(walk[1].formula, walk[1].evaluated, sep=", ")
        y = w·x, = 0.5·(−2) = −1
        >>> print(walk[-1].lines[0])
        ∂y/∂w += ∂y/∂y · ∂y/∂w = 1 × (−2) = −2; ∂y/∂w = x = −2
        >>> walk[-1].changes["n0"].exact
        '-2.0'
    """
    order = topological_order(root)
    called = names(order)
    drawn = [node for node in order if node in boxes]
    inner = [node for node in drawn if node.parents]
    count = 2 + 2 * len(inner)
    found = [_leaves(drawn, boxes, called, count)]
    found += [
        _evaluation(node, boxes, links, called, f"{place} of {count}")
        for place, node in enumerate(inner, 2)
    ]
    found += _Backward(root, boxes, links, called).steps(order, count)
    return found


def _leaves(
    drawn: Iterable[Value], boxes: Mapping[Value, str], called: Mapping[Value, str], count: int
) -> Step:
    return Step(
        "forward", "", (), f"1 of {count} · forward: leaves",
        "", "", ("The leaves have their numbers; every other node is computed from them.",),
        {
            boxes[node]: _change(called[node], node.data)
            for node in drawn if not node.parents
        },
    )  # fmt: skip


def _evaluation(
    node: Value,
    boxes: Mapping[Value, str],
    links: Mapping[tuple[Value, Value], tuple[str, ...]],
    called: Mapping[Value, str],
    place: str,
) -> Step:
    name = called[node]
    return Step(
        "forward",
        boxes[node],
        _links(node, links),
        f"{place} · forward: {name}",
        f"{name} = {formula(node, called)}",
        f"= {evaluated(node)} = {number(node.data, _DIGITS)}",
        (),
        {boxes[node]: _change(name, node.data)},
    )


class _Backward:
    """The sweep of `graph.adjoints`, described step by step."""

    def __init__(
        self,
        root: Value,
        boxes: Mapping[Value, str],
        links: Mapping[tuple[Value, Value], tuple[str, ...]],
        called: Mapping[Value, str],
    ) -> None:
        self.root, self.boxes, self.links, self.called = root, boxes, links, called
        self.adjoint: dict[Value, float] = {root: 1.0}
        # What has changed since the last step: nodes that are not drawn pass adjoints on as well.
        self.changed: dict[Value, None] = {root: None}

    def steps(self, order: list[Value], count: int) -> list[Step]:
        root = self.called[self.root]
        place = count // 2 + 1
        seed = f"{derivative_of(root, root)} = 1"
        found = [
            Step(
                "backward", self.boxes.get(self.root, ""), (),
                f"{place} of {count} · backward: {seed}", seed, "",
                (f"{root} changes as fast as itself. From here adjoints go back along the links.",),
                self.take_changes(),
            )
        ]  # fmt: skip
        for node in reversed([node for node in order if node.parents]):
            lines = self.hand_on(node)
            if node in self.boxes:
                place += 1
                name = self.called[node]
                adjoint = number(self.adjoint[node], _DIGITS)
                found.append(
                    Step(
                        "backward", self.boxes[node], _links(node, self.links),
                        f"{place} of {count} · backward: {name}",
                        f"{name} = {formula(node, self.called)}",
                        f"{derivative_of(root, name)} = {adjoint}", lines, self.take_changes(),
                    )
                )  # fmt: skip
        if self.changed:
            # The last nodes are not drawn, but their contributions show at the end.
            last = found[-1]
            found[-1] = replace(last, changes={**last.changes, **self.take_changes()})
        return found

    def hand_on(self, node: Value) -> tuple[str, ...]:
        """Add a node's contributions to its parents; describe those to parents that are drawn."""
        adjoint = self.adjoint[node]
        name, root = self.called[node], self.called[self.root]
        drawn = node in self.boxes
        lines: list[str] = []
        unsaid = hidden = 0
        links = zip(node.parents, node.local_derivatives, strict=True)
        for place, (parent, derivative) in enumerate(links):
            before = self.adjoint.get(parent)
            added = contribution(node, place, adjoint) if adjoint else 0.0
            now = self.adjoint[parent] = (before or 0.0) + added
            self.changed[parent] = None
            if not drawn or not adjoint or leaf_kind(parent) == "constant":
                continue
            if parent not in self.boxes:
                hidden += 1
            elif len(lines) == _LINES:
                unsaid += 1
            else:
                other = self.called[parent]
                line = (
                    f"{derivative_of(root, other)} += "
                    f"{derivative_of(root, name)} · {derivative_of(name, other)} = "
                    f"{operand(number(adjoint))} × {operand(number(derivative))} = "
                    f"{number(added)}"
                )
                line = line if before is None else f"{line}, in all {number(now)}"
                if symbols := slope(node, place, self.called):
                    local = derivative_of(name, other)
                    line += f"; {local} = {symbols} = {number(derivative)}"
                lines.append(line)
        if not adjoint:
            lines.append(f"{derivative_of(root, name)} is 0: nothing goes back from here.")
        if unsaid:
            lines.append(f"… and {unsaid} more")
        if hidden:
            lines.append(f"… and {hidden} to nodes that are not drawn")
        return tuple(lines)

    def take_changes(self) -> dict[str, Change]:
        changes = {
            self.boxes[node]: _change(self.called[node], self.adjoint[node])
            for node in self.changed
            if node in self.boxes and leaf_kind(node) != "constant"
        }
        self.changed.clear()
        return changes


def _links(node: Value, links: Mapping[tuple[Value, Value], tuple[str, ...]]) -> tuple[str, ...]:
    ids = (found for parent in node.parents for found in links.get((node, parent), ()))
    return tuple(dict.fromkeys(ids))


def _change(name: str, x: float) -> Change:
    return Change(name, number(x), repr(x))
