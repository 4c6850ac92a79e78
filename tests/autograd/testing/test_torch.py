"""PyTorch's gradients: right ones in any precision, planted faults, modules, second derivatives."""

from __future__ import annotations

import os
from typing import Any

import pytest

if os.environ.get("CI"):
    import torch
else:
    torch = pytest.importorskip("torch")

from autograd.checking import GradientError
from autograd.testing.torch import gradcheck

FUNCTIONS: list[Any] = [
    torch.sin,
    torch.tanh,
    lambda x: torch.exp(-x * x),
    lambda x: torch.softmax(x, 0),
    lambda x: (x**3).sum(),
    lambda x: torch.logsumexp(x, 0),
    lambda x: torch.outer(x, x).cumsum(0),
    lambda x: torch.nn.functional.silu(x) * x.mean(),
]


def planted(function: Any, factor: float) -> Any:
    """A function whose backward pass is off by a factor."""

    class Planted(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return function(x)

        @staticmethod
        def backward(ctx: Any, *cotangents: Any) -> Any:
            (x,) = ctx.saved_tensors
            with torch.enable_grad():
                x = x.detach().requires_grad_(True)
                (slope,) = torch.autograd.grad(function(x), x, cotangents)
            return factor * slope

    return Planted.apply


def drawn(seed: int, count: int, dtype: Any) -> Any:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, generator=generator, dtype=torch.float64).to(dtype)


# Each function in both ordinary precisions and in one of the short ones, and each precision with
# one input, a few, and many: PyTorch's share is the same in all of them, and with few digits the
# differences, which tests/autograd/checking/test_claims.py is for, take a hundred times as long.
@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("place", "dtype"),
    [
        (place, dtype)
        for place in range(len(FUNCTIONS))
        for dtype in (
            torch.float64,
            torch.float32,
            torch.bfloat16 if place % 2 else torch.float16,
        )
    ],
)
def test_right_gradients_are_never_called_wrong(place: int, dtype: Any) -> None:
    count = [1, 3, 30][(place + torch.finfo(dtype).bits // 16) % 3]
    check = gradcheck(FUNCTIONS[place], drawn(place, count, dtype))
    if dtype is torch.float64:
        assert check, check


# Both precisions take turns, each of them with a few inputs and with many.
@pytest.mark.parametrize("place", range(len(FUNCTIONS)))
def test_a_planted_factor_is_found(place: int) -> None:
    function = FUNCTIONS[place]
    dtype = [torch.float64, torch.float32][place % 2]
    x = drawn(1, [4, 40][place // 2 % 2], dtype)
    with pytest.raises(GradientError, match=r"the gradient of Planted is wrong"):
        gradcheck(planted(function, 1.5), x)
    assert gradcheck(planted(function, 1.0), x, raise_exception=False).outcome != "failed"


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # by torch.func
def test_a_module_is_checked_in_its_parameters() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    net.double()
    before = [parameter.detach().clone() for parameter in net.parameters()]
    x = drawn(0, 8, torch.float64).reshape(4, 2)
    assert gradcheck(net, x, order=2, forward=True)
    assert all(parameter.grad is None for parameter in net.parameters())
    assert all(map(torch.equal, before, net.parameters()))

    class Cut(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64))

        def forward(self, x: Any) -> Any:
            return x * self.scale.detach() * torch.exp(self.scale)

    check = gradcheck(Cut(), torch.tensor([0.5], dtype=torch.float64), raise_exception=False)
    wrong = [d.input for d in check.derivatives if d.outcome == "failed"]
    assert wrong == ["scale"]


def test_nothing_of_the_users_is_changed() -> None:
    x = torch.tensor([[-1.0, 2.0], [0.5, 3.0]], dtype=torch.float64)
    before = x.clone()
    assert gradcheck(torch.nn.Sequential(torch.nn.ReLU(inplace=True)), x)
    assert torch.equal(x, before)
    norm = torch.nn.BatchNorm1d(1).double()
    assert gradcheck(norm, x[:, :1], raise_exception=False).outcome != "failed"
    assert norm.running_mean.tolist() == [0.0]
    with torch.no_grad():
        assert gradcheck(torch.tanh, x)


def test_a_second_derivative_that_is_wrong() -> None:
    class Square(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, *cotangents: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 2.0 * x.detach() * cotangents[0]

    x = torch.tensor([1.0, 2.0], dtype=torch.float64)
    assert gradcheck(Square.apply, x)
    with pytest.raises(GradientError, match=r"the gradient of ∇Square is wrong"):
        gradcheck(Square.apply, x, order=2)


def test_which_tensors_are_checked() -> None:
    a, b = (torch.tensor([x], dtype=torch.float64) for x in (0.5, 2.0))
    index = torch.tensor([0])
    check = gradcheck(lambda a, i, b: a[i] * b, a, index, b)
    assert {d.input for d in check.derivatives} == {"a[0]", "b[0]"}
    check = gradcheck(lambda a, b: a * b.sign(), a.clone().requires_grad_(True), b)
    assert {d.input for d in check.derivatives} == {"a[0]"}


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # by torch.func
def test_a_parameter_may_have_the_name_of_an_argument() -> None:
    class Scaled(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.x = torch.nn.Parameter(torch.tensor([2.0, 0.5], dtype=torch.float64))

        def forward(self, x: Any) -> Any:
            return x * self.x.detach() ** 2

    x = torch.tensor([0.5, 3.0], dtype=torch.float64)
    check = gradcheck(Scaled(), x, raise_exception=False)
    wrong = {d.input for d in check.derivatives if d.outcome == "failed"}
    assert wrong == {"self.x[0]", "self.x[1]"}
    assert {"x[0]", "x[1]"} <= {
        d.input for d in gradcheck(Scaled(), x, raise_exception=False).derivatives
    }


def test_arguments_and_results_may_be_nested() -> None:
    def f(batch: dict[str, Any], pair: Any, factor: float) -> dict[str, Any]:
        (a, index), b = pair, batch["b"]
        return {"sum": a[index].sum() * factor, "more": [b * a, (b.detach() ** 2 * b,)], "n": 3}

    a, b = (torch.tensor(x, dtype=torch.float64) for x in ([0.5, -1.0], [2.0, 3.0]))
    batch, pair = {"b": b, "name": "of a batch"}, (a, torch.tensor([1]))
    check = gradcheck(f, batch, pair, 3.0, raise_exception=False)
    wrong = {(d.output, d.input) for d in check.derivatives if d.outcome == "failed"}
    assert wrong == {("[2][0]", "batch['b'][0]"), ("[2][1]", "batch['b'][1]")}
    assert {d.input for d in check.derivatives} == {
        "batch['b'][0]", "batch['b'][1]", "pair[0][0]", "pair[0][1]"
    }  # fmt: skip
    assert b.tolist() == [2.0, 3.0]


class Brief(torch.nn.Module):  # type: ignore[misc]
    """A module that computes in bfloat16, but takes and returns another type."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(1.25, dtype=torch.bfloat16), False)

    def forward(self, x: Any) -> Any:
        return torch.tanh(x.to(torch.bfloat16) * self.scale).float()


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # by torch.func
@pytest.mark.parametrize("f", [Brief(), lambda x: torch.tanh(1.25 * x.to(torch.bfloat16))])
@pytest.mark.parametrize("seed", range(2))
def test_bfloat16_is_seen_in_parameters_and_results(f: Any, seed: int) -> None:
    assert gradcheck(f, drawn(seed, 3, torch.float32)).outcome != "failed"


def test_a_kink_is_undecided() -> None:
    check = gradcheck(torch.relu, torch.zeros(1, dtype=torch.float64))
    assert check.outcome == "undecided"
    assert "kink" in check.reason


def test_bad_input() -> None:
    with pytest.raises(TypeError, match="no floating-point tensor among the arguments"):
        gradcheck(torch.neg, torch.tensor([1]))
    with pytest.raises(TypeError, match="returned no floating-point tensor"):
        gradcheck(lambda x: x > 0, torch.ones(2))
    with pytest.raises(ValueError, match=r"\[1\] is inf"):
        gradcheck(torch.neg, torch.tensor([1.0, torch.inf]))
    with pytest.raises(ValueError, match="order must be 1 or 2, got 3"):
        gradcheck(torch.neg, torch.ones(1), order=3)
