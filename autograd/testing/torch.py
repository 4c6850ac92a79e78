"""`gradcheck` for PyTorch: functions, `autograd.Function`s and modules, in any precision.

PyTorch's own `torch.autograd.gradcheck` needs double precision, a step and tolerances. This one
needs none of them: the derivatives that PyTorch computes are compared with differences whose error
bounds include the rounding in the tensors' precision.

Example:
    >>> import torch
    >>> from autograd.testing.torch import gradcheck
    >>> print(gradcheck(torch.tanh, torch.tensor([0.5, -1.0], dtype=torch.float64)))
    gradcheck: 4 derivatives of tanh passed (numerical)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

from autograd.checking.check import require_order
from autograd.checking.claimed import Claimed, Precision
from autograd.checking.claims import check_claims
from autograd.checking.report import GradientCheck
from autograd.structure import Visit, argument_names, function_name, visited
from autograd.testing import frameworks

try:
    import numpy as np
    import torch
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"autograd.testing.torch is for functions of PyTorch, which is not installed ({error})",
        name=error.name,
    ) from error

__all__ = ["gradcheck"]


def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    order: int = 1,
    forward: bool = False,
    precision: Precision | None = None,
    raise_exception: bool = True,
) -> GradientCheck:
    """Check the gradient of a function at a point as PyTorch computes it.

    Args:
        f: A function from tensors to tensors, alone or in lists, tuples and dictionaries, the
            `apply` of an `autograd.Function`, or a module, which is checked in its parameters as
            well. It must be deterministic: put a module with dropout into `eval()`.
        *inputs: Its arguments, nested in the same way. The floating-point tensors among them that
            require a gradient are checked; if none does, all of them. Everything else is kept as it
            is. Neither the arguments nor the module's parameters, buffers and gradients are
            changed.
        order: 1 for the gradient; 2 for the gradient, and then its own derivative.
        forward: Whether forward mode is checked as well: `torch.func.jvp`.
        precision: The precision in which `f` computes, if lower than that of its tensors.
        raise_exception: Whether a wrong gradient raises, or is only reported in the result.

    Returns:
        The result. If `f` is at a kink, or has too few digits to tell, it is undecided.

    Raises:
        GradientError: A gradient is wrong.
        TypeError: There is no floating-point tensor among the arguments, or `f` returns no such
            tensor.
        ValueError: An input is not finite, or `order` is neither 1 nor 2.
    """
    require_order(order)
    function = _Function(f, inputs)
    claims = [*_claims(function, function.results, function.name, forward)]
    if order == 2:
        claims += _claims(function, function.gradients, f"∇{function.name}", False)
    precision = frameworks.coarsest(precision, function.has_bfloat16)
    return check_claims(claims, precision, raise_exception)


def _claims(
    function: _Function, results: Callable[..., list[Any]], name: str, forward: bool
) -> Iterator[Claimed]:
    """Make claims of what reverse mode, and on request forward mode, give for a function."""

    @functools.cache  # used for each result, at one point
    def recorded() -> tuple[list[Any], list[Any]]:
        with torch.enable_grad():
            tensors = [tensor.clone().requires_grad_(True) for tensor in function.tensors]
            return tensors, results(tensors)

    def pulled_back(vectors: Sequence[Any]) -> list[Any]:
        tensors, found = recorded()
        used = [(y, w) for y, w in zip(found, vectors, strict=True) if y.requires_grad]
        slopes = [None] * len(tensors)
        if used:
            ys = [y for y, _ in used]
            cotangents = [torch.as_tensor(w, dtype=y.dtype, device=y.device) for y, w in used]
            slopes = torch.autograd.grad(
                ys, tensors, cotangents, retain_graph=True, allow_unused=True
            )
        return [
            np.zeros(tensor.shape) if slope is None else _array(slope)
            for slope, tensor in zip(slopes, tensors, strict=True)
        ]

    def pushed_forward(vectors: Sequence[Any]) -> list[Any]:
        primals, tangents = map(tuple, (function.tensors, function.made(vectors)))
        slopes = torch.func.jvp(lambda *xs: tuple(results(xs)), primals, tangents)[1]
        return list(map(_array, slopes))

    return frameworks.claims(
        name,
        dict(zip(function.names, map(_array, function.tensors), strict=True)),
        lambda arrays: list(map(_array, results(function.made(arrays)))),
        pulled_back=pulled_back,
        pushed_forward=pushed_forward if forward else None,
    )


class _Function:
    """A function of tensors, as a function of those that are differentiated.

    Attributes:
        name: The name of the function.
        names: The names of the tensors.
        tensors: The tensors with respect to which it is differentiated.
        has_bfloat16: Whether bfloat16 is among its arguments, parameters and results.
    """

    def __init__(self, f: Any, inputs: Sequence[Any]) -> None:
        self._f, self._inputs = f, inputs
        self.name = function_name(f)
        owner = getattr(getattr(f, "__self__", None), "__name__", "")
        if self.name == "apply" and owner:
            self.name = owner
        self._is_module = isinstance(f, torch.nn.Module)
        names = argument_names(f.forward if self._is_module else f, inputs)
        named = [
            (path, x)
            for name, x in zip(names, inputs, strict=True)
            for path, x in _tensors(x, name)
        ]
        floating = [place for place, (_, x) in enumerate(named) if x.is_floating_point()]
        required = [place for place in floating if named[place][1].requires_grad]
        self._places = required or floating
        self._parameters = dict(f.named_parameters()) if self._is_module else {}
        dtypes = {x.dtype for x in (*(x for _, x in named), *self._parameters.values())}
        self._parameters = {k: v for k, v in self._parameters.items() if v.requires_grad}
        arguments = {path for path, _ in named}
        self.names = [named[place][0] for place in self._places]
        self.names += [f"self.{k}" if k in arguments else k for k in self._parameters]
        differentiated = [*(named[place][1] for place in self._places), *self._parameters.values()]
        self.tensors = [x.detach().clone() for x in differentiated]
        if not self.tensors:
            raise TypeError(
                "gradcheck: there is no floating-point tensor among the arguments of the function"
            )
        dtypes |= {y.dtype for y in self.results(self.tensors)}
        self.has_bfloat16 = torch.bfloat16 in dtypes

    def made(self, arrays: Sequence[Any]) -> list[Any]:
        """Make tensors from arrays, of the same kinds as those that were given."""
        return [
            torch.as_tensor(array, dtype=tensor.dtype, device=tensor.device)
            for array, tensor in zip(arrays, self.tensors, strict=True)
        ]

    def results(self, tensors: Sequence[Any]) -> list[Any]:
        """Call the function, and return its results as a list of tensors."""
        places = count()
        given = dict(zip(self._places, tensors, strict=False))

        def renewed(path: str, x: Any) -> Any:
            if not isinstance(x, torch.Tensor):
                return x
            place = next(places)
            return given[place] * 1 if place in given else x.clone()  # may be changed in place

        inputs = tuple(
            renewed("", x)  # most of all arguments
            if isinstance(x, torch.Tensor)
            else visited(x, "", Visit(renewed, _as_it_is, _as_it_is))
            for x in self._inputs
        )
        if self._is_module:
            parameters = dict(zip(self._parameters, tensors[len(self._places) :], strict=True))
            buffers = {name: buffer.clone() for name, buffer in self._f.named_buffers()}
            found = torch.func.functional_call(self._f, {**parameters, **buffers}, inputs)
        else:
            found = self._f(*inputs)
        results = [y for _, y in _tensors(found, "") if y.is_floating_point()]
        if not results:
            raise TypeError(f"gradcheck: {self.name} returned no floating-point tensor")
        return results

    def gradients(self, tensors: Sequence[Any]) -> list[Any]:
        """Differentiate a weighted sum of the results; see `weights`."""
        with torch.enable_grad():
            tensors = [x if x.requires_grad else x.detach().requires_grad_(True) for x in tensors]
            total = sum((y * _weights(y)).sum() for y in self.results(tensors))
            if not total.requires_grad:
                return [torch.zeros_like(tensor) for tensor in tensors]
            slopes = torch.autograd.grad(total, tensors, create_graph=True, allow_unused=True)
        return [
            torch.zeros_like(tensor) if slope is None else slope
            for slope, tensor in zip(slopes, tensors, strict=True)
        ]


def _weights(y: Any) -> Any:
    return torch.as_tensor(frameworks.weights(tuple(y.shape))).to(y)


def _tensors(structure: Any, path: str) -> list[tuple[str, Any]]:
    """List the tensors in nested lists, tuples and dictionaries, each with its path."""
    if isinstance(structure, torch.Tensor):
        return [(path, structure)]
    found: list[tuple[str, Any]] = []

    def look(path: str, x: Any) -> Any:
        if isinstance(x, torch.Tensor):
            found.append((path, x))

    visited(structure, path, Visit(look, _as_it_is, _as_it_is))
    return found


def _as_it_is(path: str, x: Any) -> Any:
    return x


def _array(tensor: Any) -> Any:
    tensor = tensor.detach()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).cpu().numpy()
