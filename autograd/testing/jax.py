"""`gradcheck` for JAX: functions of trees of arrays, custom derivatives included, in any precision.

JAX's own `jax.test_util.check_grads` needs tolerances, and double precision to be conclusive. This
one needs neither: the derivatives that JAX computes, in reverse and in forward mode, are compared
with differences whose error bounds include the rounding in the arrays' precision.

Example:
    >>> import jax.numpy as jnp
    >>> from autograd.testing.jax import gradcheck
    >>> print(gradcheck(lambda p: jnp.tanh(p["w"] * p["b"]), {"w": 0.5, "b": 2.0}))
    gradcheck: 4 derivatives of f passed (numerical)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

from autograd.checking.check import require_order
from autograd.checking.claimed import Claimed, Precision
from autograd.checking.claims import check_claims
from autograd.checking.report import GradientCheck
from autograd.errors import shown
from autograd.structure import argument_names, function_name
from autograd.testing import frameworks

try:
    import jax
    import jax.numpy as jnp
    import numpy as np
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"autograd.testing.jax is for functions of JAX, which is not installed ({error})",
        name=error.name,
    ) from error

__all__ = ["gradcheck"]

Mode: TypeAlias = Literal["both", "reverse", "forward"]


def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    order: int = 1,
    mode: Mode = "both",
    precision: Precision | None = None,
    raise_exception: bool = True,
) -> GradientCheck:
    """Check the gradient of a function at a point as JAX computes it.

    Args:
        f: A function from trees of arrays to trees of arrays, with or without `custom_vjp` or
            `custom_jvp`.
        *inputs: Its arguments. The floats and floating-point arrays in them are checked; everything
            else is kept as it is.
        order: 1 for the gradient; 2 for the gradient, and then its own derivative.
        mode: Which derivatives are checked. By default both, or only reverse mode for a function
            with a `custom_vjp`, which JAX cannot differentiate in forward mode.
        precision: The precision in which `f` computes, if lower than that of its arrays.
        raise_exception: Whether a wrong gradient raises, or is only reported in the result.

    Returns:
        The result. If `f` is at a kink, or has too few digits to tell, it is undecided.

    Raises:
        GradientError: A gradient is wrong.
        TypeError: There is no floating-point array among the arguments, `f` returns no such array,
            or forward mode was asked for and is not available.
        ValueError: An input is not finite, or `order` or `mode` is not one of these.
    """
    require_order(order)
    if mode not in ("both", "reverse", "forward"):
        raise ValueError(
            f"gradcheck: mode must be 'both', 'reverse' or 'forward', got {shown(mode)}"
        )
    function = _Function(f, inputs)
    claims = [*_claims(function, function.results, function.name, mode)]
    if order == 2:
        # A gradient can be differentiated in any mode that the function can.
        gradients = functools.partial(function.gradients, mode)
        claims += _claims(function, gradients, f"∇{function.name}", mode)
    precision = frameworks.coarsest(precision, function.has_bfloat16)
    return check_claims(claims, precision, raise_exception)


def _claims(
    function: _Function, results: Callable[..., list[Any]], name: str, mode: Mode
) -> Iterator[Claimed]:
    """Make a claim of what each mode gives for a function."""
    evaluate = _compiled(results, function.leaves)

    @functools.cache  # used for each result, at one point
    def recorded() -> Any:
        return jax.vjp(results, *function.leaves)

    def pulled_back(vectors: Sequence[Any]) -> list[Any]:
        found, pull_back = recorded()
        given = [jnp.asarray(w, y.dtype) for w, y in zip(vectors, found, strict=True)]
        return list(map(_array, pull_back(given)))

    def pushed_forward(vectors: Sequence[Any]) -> list[Any]:
        slopes = jax.jvp(results, tuple(function.leaves), tuple(function.made(vectors)))[1]
        return list(map(_array, slopes))

    has_forward = mode == "forward" or (mode == "both" and function.has_forward_mode(results))
    return frameworks.claims(
        name,
        dict(zip(function.names, map(_array, function.leaves), strict=True)),
        lambda arrays: list(map(_array, evaluate(*function.made(arrays)))),
        pulled_back=pulled_back if mode != "forward" else None,
        pushed_forward=pushed_forward if has_forward else None,
    )


def _compiled(results: Callable[..., list[Any]], leaves: Sequence[Any]) -> Callable[..., list[Any]]:
    """Compile a function that is called often, if it can be compiled."""
    compiled: Callable[..., list[Any]] = jax.jit(results)
    try:
        compiled(*leaves)
    except Exception:  # whatever the function does with traced numbers
        return results
    return compiled


class _Function:
    """A function of trees, as a function of the floating-point arrays in them.

    Attributes:
        name: The name of the function.
        names: The paths to the arrays.
        leaves: The arrays.
        has_bfloat16: Whether bfloat16 is among them, or among its results.
    """

    def __init__(self, f: Callable[..., Any], inputs: Sequence[Any]) -> None:
        self._f = f
        self.name = function_name(f)
        paths, self._tree = jax.tree_util.tree_flatten_with_path(list(inputs))
        names = argument_names(f, inputs)
        self._all = [leaf for _, leaf in paths]
        self._places = [i for i, leaf in enumerate(self._all) if _is_floating(leaf)]
        self.names = [
            names[path[0].idx] + jax.tree_util.keystr(path[1:])
            for path, leaf in paths
            if _is_floating(leaf)
        ]
        self.leaves = [jnp.asarray(self._all[i]) for i in self._places]
        if not self.leaves:
            raise TypeError(
                "gradcheck: there is no floating-point array among the arguments of the function"
            )
        every = [*self.leaves, *self.results(*self.leaves)]
        self.has_bfloat16 = any(x.dtype == jnp.bfloat16 for x in every)

    def made(self, arrays: Sequence[Any]) -> list[Any]:
        """Make arrays of the same kinds as those that were given.

        They are NumPy arrays, which compiled functions accept in a tenth of the time that JAX needs
        to make its own.
        """
        return [
            np.asarray(array, leaf.dtype) for array, leaf in zip(arrays, self.leaves, strict=True)
        ]

    def results(self, *leaves: Any) -> list[Any]:
        """Call the function, and return the floating-point arrays in its results."""
        every = list(self._all)
        for place, leaf in zip(self._places, leaves, strict=True):
            every[place] = jnp.asarray(leaf)
        found = jax.tree_util.tree_leaves(self._f(*jax.tree_util.tree_unflatten(self._tree, every)))
        results = [jnp.asarray(y) for y in found if _is_floating(y)]
        if not results:
            raise TypeError(f"gradcheck: {self.name} returned no floating-point array")
        return results

    def gradients(self, mode: Mode, *leaves: Any) -> list[Any]:
        """Differentiate a weighted sum of the results; see `weights`."""

        def total(*leaves: Any) -> Any:
            return sum(jnp.sum(y * _weights(y)) for y in self.results(*leaves))

        differentiate = jax.jacfwd if mode == "forward" else jax.grad
        return list(differentiate(total, argnums=tuple(range(len(leaves))))(*leaves))

    def has_forward_mode(self, results: Callable[..., list[Any]]) -> bool:
        """Tell whether JAX can differentiate a function in forward mode."""
        try:
            jax.jvp(results, tuple(self.leaves), tuple(map(jnp.ones_like, self.leaves)))
        except TypeError:
            return False
        return True


def _weights(y: Any) -> Any:
    return jnp.asarray(frameworks.weights(y.shape), y.dtype)


def _is_floating(leaf: Any) -> bool:
    return isinstance(leaf, float) or (
        hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)
    )


def _array(leaf: Any) -> Any:
    return np.asarray(leaf, np.float32 if leaf.dtype == jnp.bfloat16 else leaf.dtype)
