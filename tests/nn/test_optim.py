"""Optimisers and schedules: held to PyTorch's over 100 steps, in double precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from autograd.value import PARAMETER
from nn import Neuron, Parameter
from nn.optim import (
    SGD,
    Adam,
    AdamW,
    Optimiser,
    Schedule,
    cosine_decay,
    exponential_decay,
    linear_warmup,
    step_decay,
)

STEPS = 100
START = [1.5, -0.7, 0.3, 2.0]


def slope(values: list[Any], step: int) -> list[Any]:
    """The gradient of a bent valley, which turns a little with each step."""
    a, b, c, d = values
    wave = math.sin(0.7 * step)
    return [3.0 * a + b + wave, 2.0 * b * b * b - c + a, c - d * wave, 0.01 * d + 1e-3 * wave]


def our_path(optimiser: Callable[[list[Value]], Optimiser]) -> list[list[float]]:
    parameters = [Parameter(number) for number in START]
    ours = optimiser(parameters)
    path = []
    for step in range(STEPS):
        numbers = slope([parameter.data for parameter in parameters], step)
        for parameter, number in zip(parameters, numbers, strict=True):
            parameter.grad = number
        ours.step()
        path.append([parameter.data for parameter in parameters])
    return path


def torch_path(
    torch: ModuleType, optimiser: Callable[[list[Any]], Any], scheduler: Any = None
) -> list[list[float]]:
    parameters = [torch.nn.Parameter(torch.tensor(number, dtype=torch.float64)) for number in START]
    theirs = optimiser(parameters)
    schedule = scheduler(theirs) if scheduler else None
    path = []
    for step in range(STEPS):
        values = [parameter.item() for parameter in parameters]
        for parameter, number in zip(parameters, slope(values, step), strict=True):
            parameter.grad = torch.tensor(number, dtype=torch.float64)
        theirs.step()
        if schedule:
            schedule.step()
        path.append([parameter.item() for parameter in parameters])
    return path


def assert_same(ours: list[list[float]], theirs: list[list[float]]) -> None:
    assert len(ours) == len(theirs) == STEPS
    for mine, others in zip(ours, theirs, strict=True):
        # Relative to the parameters' own size; they pass through 0 on their way.
        assert mine == pytest.approx(others, rel=1e-12, abs=1e-12)
    assert max(abs(mine - start) for mine, start in zip(ours[-1], START, strict=True)) > 0.1


RULES: dict[str, tuple[Any, dict[str, Any], str, dict[str, Any]]] = {
    "gradient descent": (SGD, {}, "SGD", {}),
    "weight decay": (SGD, {"weight_decay": 0.1}, "SGD", {"weight_decay": 0.1}),
    "momentum": (SGD, {"momentum": 0.9}, "SGD", {"momentum": 0.9}),
    "Nesterov": (
        SGD,
        {"momentum": 0.8, "nesterov": True, "weight_decay": 0.05},
        "SGD",
        {"momentum": 0.8, "nesterov": True, "weight_decay": 0.05},
    ),
    "Adam": (Adam, {}, "Adam", {}),
    "Adam with decay": (Adam, {"weight_decay": 0.1}, "Adam", {"weight_decay": 0.1}),
    "Adam with betas": (
        Adam,
        {"betas": (0.7, 0.9), "epsilon": 1e-3},
        "Adam",
        {"betas": (0.7, 0.9), "eps": 1e-3},
    ),
    "AdamW": (AdamW, {}, "AdamW", {}),
    "AdamW with decay": (AdamW, {"weight_decay": 0.3}, "AdamW", {"weight_decay": 0.3}),
}


@pytest.mark.parametrize("name", RULES)
def test_optimisers_are_those_of_pytorch(name: str, torch: ModuleType) -> None:
    ours, options, theirs, their_options = RULES[name]
    assert_same(
        our_path(lambda ps: ours(ps, 0.05, **options)),
        torch_path(torch, lambda ps: getattr(torch.optim, theirs)(ps, 0.05, **their_options)),
    )


def test_default_rates_are_those_of_pytorch(torch: ModuleType) -> None:
    for ours, theirs in (Adam, torch.optim.Adam), (AdamW, torch.optim.AdamW):
        mine, others = ours([Parameter(1.0)]), theirs([torch.zeros(1)])
        defaults = others.defaults
        assert mine.rate() == defaults["lr"]
        assert (mine.betas, mine.epsilon, mine.weight_decay) == (
            defaults["betas"],
            defaults["eps"],
            defaults["weight_decay"],
        )


SCHEDULES: dict[str, tuple[Schedule, Callable[[Any], Callable[[Any], Any]]]] = {
    "steps": (
        step_decay(0.05, every=7, factor=0.8),
        lambda lr: lambda o: lr.StepLR(o, step_size=7, gamma=0.8),
    ),
    "exponential": (
        exponential_decay(0.05, 0.97),
        lambda lr: lambda o: lr.ExponentialLR(o, gamma=0.97),
    ),
    "cosine": (
        cosine_decay(0.05, STEPS, final=0.002),
        lambda lr: lambda o: lr.CosineAnnealingLR(o, T_max=STEPS, eta_min=0.002),
    ),
    "warm-up": (linear_warmup(0.05, 5), lambda lr: lambda o: lr.LinearLR(o)),
    "warm-up, then cosine": (
        linear_warmup(cosine_decay(0.05, 80), 20, start=0.1),
        lambda lr: (
            lambda o: lr.SequentialLR(
                o,
                [
                    lr.LinearLR(o, start_factor=0.1, total_iters=20),
                    lr.CosineAnnealingLR(o, T_max=80),
                ],
                milestones=[20],
            )
        ),
    ),
}


@pytest.mark.parametrize("rule", ["momentum", "AdamW"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_those_of_pytorch(name: str, rule: str, torch: ModuleType) -> None:
    schedule, theirs = SCHEDULES[name]
    optimiser, options, their_name, their_options = RULES[rule]
    assert_same(
        our_path(lambda ps: optimiser(ps, schedule, **options)),
        torch_path(
            torch,
            lambda ps: getattr(torch.optim, their_name)(ps, 0.05, **their_options),
            theirs(torch.optim.lr_scheduler),
        ),
    )


# --- closed forms, without PyTorch ---------------------------------------------------------------


@given(st.floats(0.01, 0.9), st.floats(0.0, 0.5), st.integers(1, 30))
def test_gradient_descent_on_a_parabola_is_geometric(rate: float, decay: float, steps: int) -> None:
    w = Parameter(2.0)
    optimiser = SGD([w], rate, weight_decay=decay)
    for _ in range(steps):
        w.grad = w.data
        optimiser.step()
    kept = 1.0 - rate * (1.0 + decay)
    assert w.data == pytest.approx(2.0 * kept**steps, rel=1e-12, abs=1e-15)


@given(st.floats(0.0, 0.99), st.integers(1, 40))
def test_momentum_adds_up_a_geometric_series(momentum: float, steps: int) -> None:
    w = Parameter(0.0)
    optimiser = SGD([w], 0.5, momentum=momentum)
    for _ in range(steps):
        w.grad = 1.0
        optimiser.step()
    distance = math.fsum(momentum**j for i in range(steps) for j in range(i + 1))
    assert w.data == pytest.approx(-0.5 * distance, rel=1e-12)


@given(st.floats(1e-6, 1e6), st.integers(1, 30))
def test_adam_does_not_see_the_scale_of_a_constant_gradient(scale: float, steps: int) -> None:
    w = Parameter(0.0)
    optimiser = Adam([w], 0.1, epsilon=0.0)
    for _ in range(steps):
        w.grad = scale
        optimiser.step()
    assert w.data == pytest.approx(-0.1 * steps, rel=1e-9)


# --- frozen, shared and plain parameters ---------------------------------------------------------

KINDS: list[Callable[[list[Value]], Optimiser]] = [
    lambda ps: SGD(ps, 0.1, momentum=0.9, weight_decay=0.1),
    lambda ps: Adam(ps, 0.1, weight_decay=0.1),
    lambda ps: AdamW(ps, 0.1, weight_decay=0.1),
]


@pytest.mark.parametrize("kind", KINDS)
def test_frozen_parameters_stay_as_they_are(kind: Callable[[list[Value]], Optimiser]) -> None:
    free, frozen = Parameter(0.3), Parameter(0.3, frozen=True)
    optimiser = kind([free, frozen])
    for _ in range(3):
        free.grad = frozen.grad = 1.0
        optimiser.step()
    assert free.data != 0.3
    assert frozen.data == 0.3
    # Once free, it starts as if it were new.
    frozen.op, fresh = PARAMETER, Parameter(0.3)
    fresh_optimiser = kind([fresh])
    frozen.grad = fresh.grad = 1.0
    optimiser.step()
    fresh_optimiser.step()
    assert frozen.data == fresh.data


def test_a_parameter_given_twice_is_changed_once() -> None:
    w = Parameter(1.0)
    w.grad = 1.0
    optimiser = SGD([w, w], 0.5)
    optimiser.step()
    assert w.data == 0.5
    optimiser.zero_grad()
    assert w.grad == 0.0


def test_the_learning_rate_may_be_changed_between_steps() -> None:
    w = Parameter(1.0)
    optimiser = SGD((parameter for parameter in [w]), lambda step: 0.5 if step == 0 else 0.25)
    w.grad = 1.0
    optimiser.step()
    assert (w.data, optimiser.steps, optimiser.rate()) == (0.5, 1, 0.25)
    optimiser.learning_rate = 0.125
    optimiser.step()
    assert w.data == 0.375


@given(st.floats(0.001, 1.0), st.floats(0.0, 0.001), st.integers(1, 50))
def test_decays_fall_from_the_rate_to_the_end(rate: float, final: float, steps: int) -> None:
    cosine = cosine_decay(rate, steps, final)
    rates = [cosine(step) for step in range(steps + 5)]
    assert rates[0] == pytest.approx(rate)
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(final, abs=1e-15)
    warm = linear_warmup(rate, steps)
    rising = [warm(step) for step in range(steps + 5)]
    assert rising == sorted(rising)
    assert rising[steps:] == [rate] * 5


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf])
def test_options_out_of_range_are_refused(bad: float) -> None:
    w = [Parameter(1.0)]
    for build in (
        lambda: SGD(w, bad),
        lambda: SGD(w, lambda step: bad),
        lambda: SGD(w, 0.1, momentum=bad),
        lambda: SGD(w, 0.1, weight_decay=bad),
        lambda: Adam(w, 0.1, epsilon=bad),
        lambda: AdamW(w, weight_decay=bad),
    ):
        with pytest.raises(ValueError, match="must be a finite number of at least 0"):
            build()
    with pytest.raises(ValueError, match="betas"):
        Adam(w, betas=(0.9, bad))


def test_other_mistakes_are_refused() -> None:
    w = [Parameter(1.0)]
    with pytest.raises(ValueError, match="momentum greater than 0"):
        SGD(w, 0.1, nesterov=True)
    with pytest.raises(ValueError, match="betas"):
        Adam(w, betas=(1.0, 0.9))
    with pytest.raises(ValueError, match="at least one parameter"):
        SGD([], 0.1)
    with pytest.raises(TypeError, match=r"nn\.Parameter"):
        SGD([*Neuron(1).parameters(), 1.0], 0.1)  # type: ignore[list-item]
    with pytest.raises(NotImplementedError, match="Optimiser does not define step"):
        Optimiser(w, 0.1).step()
    for schedule in (step_decay, cosine_decay, linear_warmup):
        with pytest.raises(ValueError, match="at least 1"):
            schedule(0.1, 0)


def test_an_optimiser_takes_numbers_and_parameters_only() -> None:
    neuron: Any = Neuron(1)
    with pytest.raises(TypeError, match=r"model\.parameters\(\)"):
        SGD(neuron, 0.1)
    rate: Any = Value(0.1)
    with pytest.raises(TypeError, match="learning_rate: expected a real number"):
        SGD(neuron.parameters(), rate)


def test_a_step_decay_takes_a_tenth_where_nothing_else_is_said() -> None:
    assert step_decay(1.0, every=10)(10) == 0.1
