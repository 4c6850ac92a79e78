"""`explain`: a derivative by the chain rule, path by path."""

from __future__ import annotations

from collections.abc import Iterable
from typing import overload

from autograd.calls import written_out
from autograd.errors import whole_number
from autograd.explanation.arguments import values, wrong
from autograd.explanation.contributions import Contribution, Contributions, default_rows, tabulated
from autograd.explanation.notation import MOST_PATHS
from autograd.explanation.paths import Explanation, Path, explained
from autograd.value import Value

__all__ = ["MOST_PATHS", "Contribution", "Contributions", "Explanation", "Path", "explain"]


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
    """Explain where a derivative comes from: through which paths, or from which nodes.

    Given one node, its derivative is written out by the chain rule, as a sum over paths of products
    of factors. Given several, or none, a table shows how much each of them contributes to the
    output's derivatives. No `grad` is needed, and none is changed.

    Args:
        output: The node that is differentiated, such as an error.
        wrt: The node to differentiate with respect to; several for a table; None for a table of the
            parameters that the output depends on, or of its inputs if it has no parameters.
        limit: How many paths, those with the largest contributions, or how many rows are shown.
        through: The stations by which paths are told apart. None stands for the labelled nodes in
            between, or for all nodes in between if none is labelled; `"all"` for all of them. Nodes
            that do not lie in between are ignored. Paths that pass the same stations are added up
            as one. If a factor between stations is too large or too small for a float, so that the
            numbers would differ from those of `backward()`, `"all"` is used whatever was asked for.

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
        raise wrong("output", "a Value", output)
    limit = whole_number(limit, "explain: limit", 1)
    written = written_out([output])
    output = written.get(output, output)
    if written and isinstance(through, Iterable) and not isinstance(through, str):
        through = [written.get(node, node) for node in values("through", "Values", through)]
    if isinstance(wrt, Value):
        wrt = written.get(wrt, wrt)
    if isinstance(wrt, Value):
        return explained(output, wrt, limit, through)
    if through is not None:
        raise ValueError(
            "explain: through= chooses among the paths to one node: pass that node as wrt, not "
            f"{'None' if wrt is None else 'several'}"
        )
    nodes = default_rows(output) if wrt is None else values("wrt", "a Value, or several", wrt)
    return tabulated(output, [written.get(node, node) for node in nodes], limit)
