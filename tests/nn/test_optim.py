"""Optimisers and schedules: compared with PyTorch's over 100 steps, in double precision."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from autograd.kinds import PARAMETER
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
    with pytest.raises(TypeError, match="must be Parameters"):
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


# --- state ---------------------------------------------------------------------------------------

RATES: dict[str, float | Schedule] = {
    "a number": 0.05,
    "an integer": 0,
    "a number of NumPy's": np.float64(0.05),
    **{name: schedule for name, (schedule, _) in SCHEDULES.items()},
}


class Noisy(Optimiser):
    """A user's optimiser, with whatever state a user may keep."""

    def __init__(self, parameters: list[Value], rate: float | Schedule) -> None:
        super().__init__(parameters, rate)
        self.velocity: dict[Value, float] = {}
        self.generator = random.Random(5)
        self.sizes = np.zeros(len(self.parameters))
        self.recent: list[float] = []

    def step(self) -> None:
        for i, parameter in enumerate(self.parameters):
            self.velocity[parameter] = 0.5 * self.velocity.get(parameter, 0.0) + parameter.grad
            self.sizes[i] = max(self.sizes[i], abs(parameter.grad))
            noise = self.generator.gauss(0.0, 0.01)
            change = self.velocity[parameter] / (1.0 + self.sizes[i]) + noise
            parameter.data -= self.rate() * float(change)
        self.recent.append(self.rate())
        self.steps += 1


def steps(optimiser: Optimiser, first: int, last: int) -> list[float]:
    for step in range(first, last):
        numbers = slope([parameter.data for parameter in optimiser.parameters], step)
        for parameter, number in zip(optimiser.parameters, numbers, strict=True):
            parameter.grad = number
        optimiser.step()
    return [parameter.data for parameter in optimiser.parameters]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("rule", [*RULES, "of a user's"])
def test_an_optimiser_goes_on_from_its_state(rule: str, rate: str) -> None:
    def made(rate: float | Schedule) -> Optimiser:
        parameters = [Parameter(number) for number in START]
        if rule == "of a user's":
            return Noisy(parameters, rate)
        kind, options, _, _ = RULES[rule]
        return kind(parameters, rate, **options)  # type: ignore[no-any-return]

    through, first, second = made(RATES[rate]), made(RATES[rate]), made(123.0)
    expected = steps(through, 0, 20)
    middle = steps(first, 0, 9)
    # Through text, as in a file.
    state = json.loads(json.dumps(first.state_dict()))
    second.load_state_dict(state)
    for parameter, number in zip(second.parameters, middle, strict=True):
        parameter.data = number
    assert second.state_dict() == first.state_dict()
    assert steps(second, 9, 20) == expected
    assert second.state_dict() == through.state_dict()
    assert state == json.loads(json.dumps(state))  # what was loaded is a copy
    assert first.state_dict() == state


def test_a_schedule_of_ones_own_keeps_what_it_remembers() -> None:
    class Halving:
        def __init__(self) -> None:
            self.rate = 1.0

        def __call__(self, step: int) -> float:
            return self.rate

        def state_dict(self) -> dict[str, float]:
            return {"rate": self.rate}

        def load_state_dict(self, state: dict[str, float]) -> None:
            self.rate = state["rate"]

    optimiser, other = SGD([Parameter(1.0)], Halving()), SGD([Parameter(1.0)], Halving())
    optimiser.learning_rate.rate = 0.25  # type: ignore[union-attr]
    other.load_state_dict(optimiser.state_dict())
    assert other.rate() == 0.25
    with pytest.raises(ValueError, match="its state differs"):
        SGD([Parameter(1.0)], lambda step: 0.1).load_state_dict(optimiser.state_dict())


def without(state: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: content for name, content in state.items() if name != key}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: without(state, "means"), "'means' is missing"),
        (lambda state: state | {"mean": 3}, "'mean' is unexpected"),
        (lambda state: state | {3: 3}, "3 is unexpected"),
        (lambda state: state | {"optimiser": "SGD"}, "the state is of 'SGD', not of Adam"),
        (lambda state: state | {"parameters": 3}, "of 3 parameters, but this Adam has 2"),
        (lambda state: state | {"means": [1.0]}, "means has length 1, expected 2"),
        (lambda state: state | {"means": [1.0, "2"]}, "means should be a list of numbers"),
        (lambda state: state | {"means": 2.0}, "means should be a list of numbers"),
        (lambda state: state | {"counts": [1, -1]}, "counts must be integers of at least 0"),
        (lambda state: state | {"counts": [1, 1.5]}, "counts must be integers of at least 0"),
        (lambda state: state | {"squares": [1.0, -1.0]}, "squares must be at least 0"),
        (lambda state: state | {"steps": -1}, "steps must be an integer"),
        (lambda state: state | {"steps": True}, "steps should be of the same kind as 0, got True"),
        (lambda state: state | {"steps": 1.5}, "steps should be of the same kind as 0, got 1.5"),
        (
            lambda state: state | {"betas": [0.9, 1.0]},
            "betas must be a pair of numbers from 0 to less than 1",
        ),
        (lambda state: state | {"betas": [0.9]}, "betas has length 1, expected 2"),
        (lambda state: state | {"epsilon": -1.0}, "epsilon must be a finite number"),
        (lambda state: state | {"epsilon": None}, "epsilon should be of the same kind"),
        (lambda state: state | {"learning_rate": -1.0}, "learning_rate must be a finite number"),
        (lambda state: state | {"learning_rate": "0.1"}, "must be a number or a schedule"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change: Any, message: str) -> None:
    optimiser = Adam([Parameter(1.0), Parameter(2.0)], 0.1)
    steps_before = optimiser.state_dict()
    with pytest.raises(ValueError, match=message):
        optimiser.load_state_dict(change(Adam([Parameter(1.0), Parameter(2.0)]).state_dict()))
    assert optimiser.state_dict() == steps_before
    with pytest.raises(TypeError, match="what state_dict returned"):
        optimiser.load_state_dict([1.0])  # type: ignore[arg-type]


def test_a_subclass_may_call_its_attributes_as_it_likes() -> None:
    class Named(SGD):
        def __init__(self, parameters: list[Value], lr: float) -> None:
            super().__init__(parameters, lr)
            self.lr, self.state = lr, {"a": [1.0]}

    optimiser, other = Named([Parameter(1.0)], 0.5), Named([Parameter(1.0)], 0.25)
    other.load_state_dict(optimiser.state_dict())
    assert (other.lr, other.learning_rate, other.state) == (0.5, 0.5, {"a": [1.0]})


def test_what_is_no_plain_data_is_refused_by_name() -> None:
    optimiser = SGD([Parameter(1.0)], 0.1)
    vars(optimiser)["file"] = object()
    with pytest.raises(TypeError, match=r"SGD\.state_dict: file is a object.*define state_dict"):
        optimiser.state_dict()


@pytest.mark.no_cover
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text() | st.floats(), st.lists))
def test_no_state_breaks_anything_but_by_a_value_error(plain: Any) -> None:
    optimiser = Noisy([Parameter(1.0), Parameter(2.0)], 0.1)
    optimiser.step()
    before = optimiser.state_dict()
    for key in before:
        for damaged in (
            plain, {"random": plain}, {"by parameter": plain}, {"schedule": plain}, [plain, plain]
        ):  # fmt: skip
            try:
                optimiser.load_state_dict({**before, key: damaged})
            except ValueError:
                assert optimiser.state_dict() == before
            else:
                optimiser.load_state_dict(before)
