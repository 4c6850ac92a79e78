"""`gradcheck` for PyTorch: functions, `autograd.Function`s and modules, in any precision.

PyTorch's own `torch.autograd.gradcheck` demands double precision, a step and tolerances. This one
takes neither: the derivatives that PyTorch computes are held to differences that know their own
error, which the rounding of the tensors' precision is part of.

Example:
    >>> import torch
    >>> from autograd.testing.torch import gradcheck
    >>> print(gradcheck(torch.tanh, torch.tensor([0.5, -1.0], dtype=torch.float64)))
    gradcheck: 4 derivatives of tanh passed (numerical)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from autograd.checking.claimed import Claimed, Precision
from autograd.checking.claims import check_claims
from autograd.checking.report import GradientCheck
from autograd.structure import argument_names

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
    """Check the gradient that PyTorch computes of a function at a point.

    Args:
        f: A function of tensors to a tensor or a sequence of tensors, the `apply` of an
            `autograd.Function`, or a module, which is checked in its parameters as well. It is to
            be deterministic: put a module with dropout into `eval()`.
        *inputs: Its arguments. Checked are the floating-point tensors among them that require a
            gradient; where none does, all of them. Whatever else there is stays as it is. Neither
            the arguments are changed nor the module: its parameters, buffers and gradients.
        order: 1 for the gradient; 2 for the gradient, and then its own derivative.
        forward: Whether forward mode is checked as well: `torch.func.jvp`.
        precision: What `f` computes in, if it is less than its tensors show.
        raise_exception: Whether a wrong gradient is an exception, or just a result.

    Returns:
        What has been found. Where `f` is at a kink, or has too few digits to tell, it is undecided.

    Raises:
        GradientError: A gradient is wrong.
        TypeError: There is no floating-point tensor among the arguments, or `f` returns none.
        ValueError: An input is not finite, or `order` is neither 1 nor 2.
    """
    if order not in (1, 2) or isinstance(order, bool):
        raise ValueError(f"gradcheck: order must be 1 or 2, got {order!r}")
    function = _Function(f, inputs)
    claims = _claims(function, function.results, function.name, forward)
    if order == 2:
        gradients = _claims(function, function.gradients, f"∇{function.name}", False)
        return check_claims([*claims, *gradients], _coarser(function, precision), raise_exception)
    return check_claims(claims, _coarser(function, precision), raise_exception)


def _coarser(function: _Function, precision: Precision | None) -> Precision | None:
    is_brief = any(tensor.dtype == torch.bfloat16 for tensor in function.tensors)
    return "bfloat16" if precision is None and is_brief else precision


def _claims(
    function: _Function, results: Callable[..., list[Any]], name: str, forward: bool
) -> Iterator[Claimed]:
    """Give what reverse mode, and forward mode if it is asked for, say of a function."""
    is_one = len(results(function.tensors)) == 1

    def values(*arrays: Any) -> Any:
        found = list(map(_array, results(function.made(arrays))))
        return found[0] if is_one else found

    @functools.cache  # it is pulled back from each result, at one point
    def recorded() -> tuple[list[Any], list[Any]]:
        with torch.enable_grad():
            tensors = [tensor.clone().requires_grad_(True) for tensor in function.tensors]
            return tensors, results(tensors)

    def vjp(*arrays: Any) -> list[Any]:
        tensors, found = recorded()
        used = [i for i, y in enumerate(found) if y.requires_grad]
        if not used:
            return [np.zeros(tensor.shape) for tensor in tensors]
        given = [arrays[-1]] if is_one else arrays[-1]
        cotangents = [
            torch.as_tensor(given[i], dtype=found[i].dtype, device=found[i].device) for i in used
        ]
        slopes = torch.autograd.grad(
            [found[i] for i in used], tensors, cotangents, retain_graph=True, allow_unused=True
        )
        return [
            np.zeros(tensor.shape) if slope is None else _array(slope)
            for slope, tensor in zip(slopes, tensors, strict=True)
        ]

    def jvp(*arrays: Any) -> list[Any]:
        half = len(arrays) // 2
        primals, tangents = function.made(arrays[:half]), function.made(arrays[half:])
        slopes = torch.func.jvp(lambda *xs: tuple(results(xs)), tuple(primals), tuple(tangents))[1]
        return list(map(_array, slopes))

    arguments = dict(zip(function.names, map(_array, function.tensors), strict=True))
    single = len(arguments) == 1
    yield Claimed(values, arguments, "vjp", (lambda *xs: vjp(*xs)[0]) if single else vjp, name)
    if forward:
        yield Claimed(values, arguments, "jvp", jvp, f"{name} (forward mode)")


class _Function:
    """A function of tensors, as one of those that are differentiated.

    Attributes:
        name: What it is called.
        names: What the tensors are called.
        tensors: The tensors that it is differentiated in.
    """

    def __init__(self, f: Callable[..., Any], inputs: Sequence[Any]) -> None:
        self._f, self._inputs = f, inputs
        self._parameters: list[str] = []
        self.name = getattr(f, "__name__", type(f).__name__).replace("<lambda>", "f")
        owner = getattr(getattr(f, "__self__", None), "__name__", "")
        if self.name == "apply" and owner:
            self.name = owner
        names = argument_names(f.forward if isinstance(f, torch.nn.Module) else f, inputs)
        named = list(zip(names, inputs, strict=True))
        floating = [
            place
            for place, (_, x) in enumerate(named)
            if isinstance(x, torch.Tensor) and x.is_floating_point()
        ]
        required = [place for place in floating if inputs[place].requires_grad]
        self._places = required or floating
        self.names = [names[place] for place in self._places]
        self.tensors = [inputs[place].detach().clone() for place in self._places]
        if isinstance(f, torch.nn.Module):
            for name, parameter in f.named_parameters():
                if parameter.requires_grad:
                    self._parameters.append(name)
                    self.names.append(name)
                    self.tensors.append(parameter.detach().clone())
        if not self.tensors:
            raise TypeError(
                "gradcheck: there is no floating-point tensor among the arguments of the function"
            )

    def made(self, arrays: Sequence[Any]) -> list[Any]:
        """Make tensors of arrays, of the kinds of those that were given."""
        return [
            torch.as_tensor(array, dtype=tensor.dtype, device=tensor.device)
            for array, tensor in zip(arrays, self.tensors, strict=True)
        ]

    def results(self, tensors: Sequence[Any]) -> list[Any]:
        """Call the function; give its results as a list of tensors."""
        inputs = [x.clone() if isinstance(x, torch.Tensor) else x for x in self._inputs]
        for place, tensor in zip(self._places, tensors, strict=False):
            inputs[place] = tensor * 1  # which may be changed in place
        if isinstance(self._f, torch.nn.Module):
            parameters = dict(zip(self._parameters, tensors[len(self._places) :], strict=True))
            buffers = {name: buffer.clone() for name, buffer in self._f.named_buffers()}
            found = torch.func.functional_call(self._f, {**parameters, **buffers}, tuple(inputs))
        else:
            found = self._f(*inputs)
        results = list(found) if isinstance(found, (tuple, list)) else [found]
        results = [y for y in results if isinstance(y, torch.Tensor) and y.is_floating_point()]
        if not results:
            raise TypeError(f"gradcheck: {self.name} returned no floating-point tensor")
        return results

    def gradients(self, tensors: Sequence[Any]) -> list[Any]:
        """Differentiate a sum of the results, with weights: what adds up to 1 is not to be lost."""
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
    return (1.5 + torch.cos(1.0 + torch.arange(y.numel()))).reshape(y.shape).to(y)


def _array(tensor: Any) -> Any:
    tensor = tensor.detach()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).cpu().numpy()
