"""Graphs as pictures: from the nodes to DOT, and from there to SVG by Graphviz.

`autograd.draw` is the function; import anything else as in `from autograd.drawing import Drawing`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from autograd.drawing.drawing import Drawing
    from autograd.drawing.render import RenderingError
    from autograd.value import Value

__all__ = ["Drawing", "RenderingError", "draw"]


def draw(
    subject: Any,
    *,
    links: str | None = None,
    fold: int | Literal["auto"] | None = "auto",
    expand: bool | Collection[str] = False,
    between: Iterable[Value] | None = None,
    within: int | None = None,
    direction: str = "auto",
    limit: int | None = None,
    theme: str = "light",
) -> Drawing:
    """Draw the graph of a Value, a program, or a model as textbooks draw it.

    In the drawing of a graph, every node is a box with its label or operation, its data and its
    gradient: inputs are ellipses, parameters square boxes, constants plain, operations rounded, and
    the output has a double border. Nodes whose labels are dotted names, such as models give, are in
    a frame with the module's name. In the drawing of a model, every neuron is a circle, in a column
    for each layer.

    Args:
        subject: A Value; a sequence of them, the outputs of one graph; a compiled function's
            `program`, or anything whose `graph()` gives such outputs; or a model: an object with
            `layers` that have `neurons` that have `weights` and a `bias`, or one of its parts. Of
            a sparse Jacobian or Hessian, or any array of `scipy.sparse`, it shows where the
            nonzeros are; then no other argument applies.
        links: What the links show. In a graph: "derivatives", the local ones; "contributions", what
            flows back along each (the child's gradient times the local derivative), by number,
            width and colour; or "both". In a model: "weights", by default, or "gradients".
        fold: The depth of module names at which each module becomes one box: 0 for the whole model,
            1 for its layers, 2 for their neurons. If many other nodes remain, equivalent ones
            become one box as well. By default a graph with more nodes than the limit is folded to
            the deepest level that is still legible, and the drawing says so; None draws every node,
            or raises.
        expand: Whether to draw nodes with many parents, such as sums and net inputs, as elementary
            operations; or the names of the operations to expand.
        between: Only what lies on paths from these nodes to the outputs is drawn.
        within: Only what is at most this many links from an output is drawn.
        direction: Where the graph flows: "LR", "TB", "RL" or "BT" (from left to right, …); "auto"
            is from left to right, and on a page to step through whichever way it is larger.
        limit: In a graph, the maximum number of boxes, folded or not, by default 1,000; in a model,
            of circles in a layer, by default 12. Without one, the weights of a model that would be
            a hairball of more than 300 links are drawn as matrices.
        theme: The colours: "light", legible on every page, or "dark", for dark ones.

    Returns:
        A `Drawing`, which notebooks display; `save` writes it as SVG, PNG, PDF or DOT, `to_html` as
        a page to step through.

    Raises:
        TypeError: The subject is not a Value, a sequence of them, a program, or such a model; or an
            argument does not apply to it.
        ValueError: There would be more boxes than the limit, even after folding, or with the given
            `fold`; an argument is not one of its choices, or shows numbers that a program does not
            have; or the outputs do not depend on a node in `between`.

    Example:
        >>> from autograd import Value
        >>> w, x, b = Value(0.5, "w"), Value(2.0, "x"), Value(-1.0, "b")
        >>> y = (w * x + b).tanh()
        >>> y.backward()
        >>> draw(y, links="contributions").svg.count('class="node')
        6
    """
    # Imported here, because drawing needs much that would slow `import autograd` down.
    from autograd.drawing.arguments import drawing_of

    return drawing_of(
        subject,
        links=links,
        fold=fold,
        expand=expand,
        between=between,
        within=within,
        direction=direction,
        limit=limit,
        theme=theme,
    )


_HOMES = {"Drawing": "autograd.drawing.drawing", "RenderingError": "autograd.drawing.render"}


if not TYPE_CHECKING:  # or type checkers would accept any name as the module's

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)

    def __dir__() -> list[str]:
        """Also list what is loaded later, for `help` and for completion."""
        return sorted({*globals(), *_HOMES})
