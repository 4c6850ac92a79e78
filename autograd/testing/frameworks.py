"""What `gradcheck` for PyTorch and for JAX have in common: the products that a framework computes.

A framework's function maps arrays to arrays. At one point, reverse and forward mode give products
of vectors with its Jacobian. These products are the claims that are checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from autograd.checking.claimed import Claimed, Known, Precision, numpy

__all__ = ["claims", "coarsest", "weights"]

Arrays: TypeAlias = Sequence[Any]


def weights(shape: tuple[int, ...]) -> Any:
    """Weights for a sum of numbers, so that outputs that always add up to 1 are checked as well.

    Args:
        shape: The shape of the numbers.

    Returns:
        An array of numbers from 0.5 to 2.5.

    Example:
        >>> weights((2,)).round(3).tolist()
        [2.04, 1.084]
    """
    np = numpy()
    count = int(np.prod(shape))
    return (1.5 + np.cos(np.arange(1.0, 1.0 + count))).reshape(shape)


def coarsest(precision: Precision | None, has_bfloat16: bool) -> Precision | None:
    """Return the precision of a function if its arrays do not show it: NumPy has no bfloat16.

    Args:
        precision: The user's choice, if any.
        has_bfloat16: Whether bfloat16 is among its arguments, parameters or results.

    Returns:
        The precision; None if the arrays show it.

    Example:
        >>> coarsest(None, True), coarsest("half", True), coarsest(None, False)
        ('bfloat16', 'half', None)
    """
    return "bfloat16" if precision is None and has_bfloat16 else precision


def claims(
    name: str,
    arguments: Mapping[str, Any],
    evaluate: Callable[[Arrays], Arrays],
    *,
    pulled_back: Callable[[Arrays], Arrays] | None = None,
    pushed_forward: Callable[[Arrays], Arrays] | None = None,
) -> Iterator[Claimed]:
    """Make claims from the results of reverse and forward mode for a function.

    Args:
        name: The name of the function.
        arguments: Its arguments at the point, NumPy arrays, by name.
        evaluate: The function.
        pulled_back: From a vector for each result to the product with the Jacobian at the point, an
            array for each argument.
        pushed_forward: From a vector for each argument to the product, an array for each result.

    Returns:
        The claims, reverse mode first.

    Example:
        >>> import numpy as np
        >>> x = {"x": np.array([1.0, 2.0])}
        >>> square = lambda arrays: [arrays[0] ** 2]
        >>> back = lambda vectors: [2.0 * x["x"] * vectors[0]]
        >>> [claimed.value.tolist() for claimed in claims("f", x, square, pulled_back=back)]
        [[1.0, 4.0]]
    """

    def one_or_many(arrays: Arrays) -> Any:
        return arrays[0] if len(arrays) == 1 else list(arrays)

    # Both modes are compared with the same differences.
    known = Known() if pulled_back is not None and pushed_forward is not None else None
    is_one = len(evaluate(list(arguments.values()))) == 1

    def values(*arrays: Any) -> Any:
        return one_or_many(evaluate(arrays))

    if pulled_back is not None:
        back = pulled_back
        yield Claimed(
            values,
            arguments,
            "vjp",
            lambda *given: one_or_many(back([given[-1]] if is_one else given[-1])),
            name,
            known,
        )
    if pushed_forward is not None:
        forward = pushed_forward
        yield Claimed(
            values,
            arguments,
            "jvp",
            lambda *given: list(forward(given[len(arguments) :])),
            f"{name} (forward mode)",
            known,
        )
