"""Schedules: the learning rate as a function of the number of steps taken so far.

Any such function is a schedule. Those made here can be compared, printed and pickled, and an
optimiser's state includes them: as their name and numbers, not as code.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any

from autograd.errors import shown, whole_number, wrong_type
from autograd.reals import as_float

__all__ = ["Schedule", "cosine_decay", "exponential_decay", "linear_warmup", "step_decay"]

Schedule = Callable[[int], float]
"""A function from the number of steps taken so far to the learning rate of the next one."""


@dataclass(frozen=True)
class StepDecay:
    """What `step_decay` returns."""

    rate: float
    every: int
    factor: float

    def __post_init__(self) -> None:
        _require_real("step_decay", rate=self.rate, factor=self.factor)
        whole_number(self.every, "step_decay: every", 1)

    def __call__(self, step: int) -> float:
        return self.rate * self.factor ** (step // self.every)


@dataclass(frozen=True)
class ExponentialDecay:
    """What `exponential_decay` returns."""

    rate: float
    factor: float

    def __post_init__(self) -> None:
        _require_real("exponential_decay", rate=self.rate, factor=self.factor)

    def __call__(self, step: int) -> float:
        return self.rate * self.factor**step


@dataclass(frozen=True)
class CosineDecay:
    """What `cosine_decay` returns."""

    rate: float
    steps: int
    final: float

    def __post_init__(self) -> None:
        _require_real("cosine_decay", rate=self.rate, final=self.final)
        whole_number(self.steps, "cosine_decay: steps", 1)

    def __call__(self, step: int) -> float:
        wave = math.cos(math.pi * min(step / self.steps, 1.0))
        return self.final + 0.5 * (self.rate - self.final) * (1.0 + wave)


@dataclass(frozen=True)
class LinearWarmup:
    """What `linear_warmup` returns."""

    rate: float | Schedule
    steps: int
    start: float

    def __post_init__(self) -> None:
        if callable(self.rate):
            _require_real("linear_warmup", start=self.start)
        else:
            _require_real("linear_warmup", rate=self.rate, start=self.start)
        whole_number(self.steps, "linear_warmup: steps", 1)

    def __call__(self, step: int) -> float:
        if step < self.steps:
            return (self.start + (1.0 - self.start) * step / self.steps) * self._after(0)
        return self._after(step - self.steps)

    def _after(self, step: int) -> float:
        return self.rate(step) if callable(self.rate) else self.rate


def _require_real(schedule: str, **numbers: Any) -> None:
    for name, number in numbers.items():
        if not isinstance(number, Real):
            raise wrong_type(f"{schedule}: {name}", number, "a number")


def step_decay(rate: float, every: int, factor: float = 0.1) -> Schedule:
    """Multiply the rate by `factor` at regular intervals.

    Args:
        rate: The rate of the first step.
        every: The number of steps from one change of the rate to the next.
        factor: The factor of each change.

    Returns:
        A schedule: a function from the number of steps taken so far to the rate.

    Raises:
        ValueError: `every` is less than 1.

    Example:
        >>> schedule = step_decay(1.0, every=10, factor=0.5)
        >>> [schedule(step) for step in (0, 9, 10, 20)]
        [1.0, 1.0, 0.5, 0.25]
    """
    return StepDecay(rate, every, factor)


def exponential_decay(rate: float, factor: float) -> Schedule:
    """Multiply the rate by `factor` after each step.

    Args:
        rate: The rate of the first step.
        factor: The factor.

    Returns:
        A schedule: a function from the number of steps taken so far to the rate.

    Example:
        >>> [exponential_decay(1.0, 0.5)(step) for step in range(4)]
        [1.0, 0.5, 0.25, 0.125]
    """
    return ExponentialDecay(rate, factor)


def cosine_decay(rate: float, steps: int, final: float = 0.0) -> Schedule:
    """Change the rate from `rate` to `final` along half a cosine wave, then keep it.

    After I. Loshchilov and F. Hutter, *SGDR: stochastic gradient descent with warm restarts*, ICLR
    2017, without the restarts.

    Args:
        rate: The rate of the first step.
        steps: The number of steps until the rate is `final`.
        final: The rate from then on.

    Returns:
        A schedule: a function from the number of steps taken so far to the rate.

    Raises:
        ValueError: `steps` is less than 1.

    Example:
        >>> [round(cosine_decay(1.0, 4)(step), 4) for step in (0, 1, 2, 4, 100)]
        [1.0, 0.8536, 0.5, 0.0, 0.0]
    """
    return CosineDecay(rate, steps, final)


def linear_warmup(rate: float | Schedule, steps: int, start: float = 1.0 / 3.0) -> Schedule:
    """Raise the rate from `start` times its value to its value, then continue with it.

    Args:
        rate: The rate after the warm-up; a schedule begins when the warm-up ends.
        steps: The number of steps in the warm-up.
        start: The factor of the first step.

    Returns:
        A schedule: a function from the number of steps taken so far to the rate.

    Raises:
        ValueError: `steps` is less than 1.

    Example:
        >>> [linear_warmup(1.0, steps=4, start=0.0)(step) for step in range(6)]
        [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """
    return LinearWarmup(rate, steps, start)


# --- as data -------------------------------------------------------------------------------------

KINDS: dict[str, Any] = {
    "step_decay": StepDecay,
    "exponential_decay": ExponentialDecay,
    "cosine_decay": CosineDecay,
    "linear_warmup": LinearWarmup,
}


def to_data(rate: float | Schedule) -> Any:
    """Describe a learning rate: a number, or a schedule by its name and numbers.

    A schedule not made here is described by its own `state_dict()`, if it has one.

    Example:
        >>> to_data(exponential_decay(1.0, 0.5))
        {'schedule': 'exponential_decay', 'rate': 1.0, 'factor': 0.5}
    """
    if not callable(rate):
        return rate if type(rate) is int else as_float(rate, "learning_rate", "a real number")
    for name, kind in KINDS.items():
        if type(rate) is kind:
            numbers = {
                field.name: to_data(getattr(rate, field.name)) for field in fields(KINDS[name])
            }
            return {"schedule": name, **numbers}
    described = {"schedule": "of one's own"}
    return {**described, "state": rate.state_dict()} if hasattr(rate, "state_dict") else described


def from_data(data: Any, current: float | Schedule) -> float | Schedule:
    """Make the learning rate that `to_data` describes.

    Args:
        data: The description.
        current: The current rate: what the description of a custom schedule refers to.

    Returns:
        The rate; a custom schedule as it is, without its state.

    Raises:
        ValueError: It does not describe a rate, or it describes a custom schedule but `current`
            is not one.
    """
    if isinstance(data, (int, float)) and not isinstance(data, bool):
        return data
    if not isinstance(data, dict) or not isinstance(data.get("schedule"), str):
        raise ValueError(f"learning_rate must be a number or a schedule, but is {shown(data)}")
    if data["schedule"] not in KINDS:
        if not callable(current) or type(current) in KINDS.values():
            raise ValueError(
                "learning_rate was a schedule of your own, which a file does not hold: make the "
                "optimiser with that schedule first"
            )
        if hasattr(current, "load_state_dict") != ("state" in data):
            raise ValueError("learning_rate was another schedule of your own: its state differs")
        return current
    numbers = {key: value for key, value in data.items() if key != "schedule"}
    kind: Any = KINDS[data["schedule"]]
    names = [field.name for field in fields(kind)]
    try:
        if sorted(numbers) != sorted(names):
            raise ValueError(f"its numbers must be {', '.join(names)}")
        made: Schedule = kind(
            **{
                name: from_data(number, 0.0)
                if name == "rate" and kind is LinearWarmup
                else _number(number, whole=name in ("every", "steps"))
                for name, number in numbers.items()
            }
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"learning_rate is not a valid {data['schedule']}: {error}") from error
    return made


def _number(value: Any, whole: bool) -> float:
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise TypeError(f"expected {'an integer' if whole else 'a number'}, got {shown(value)}")
    return value
