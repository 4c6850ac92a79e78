"""Optimisers: how a gradient changes the parameters. The update rules are PyTorch's.

A learning rate is a number or a schedule: a function of the number of steps taken so far.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

from autograd import Value
from autograd.errors import shown, some, wrong_type
from autograd.foreign import lacking, with_advice
from autograd.reals import as_float
from nn import schedules
from nn.foreign import OPTIM, OPTIMISER, OPTIMISER_ARGUMENTS, refuse
from nn.module import Module, adopted, is_frozen
from nn.schedules import (
    Schedule,
    cosine_decay,
    exponential_decay,
    linear_warmup,
    step_decay,
)
from nn.state import to_plain, updated

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Optimiser",
    "Schedule",
    "cosine_decay",
    "exponential_decay",
    "linear_warmup",
    "step_decay",
]


NUMBERS = {"learning_rate", "weight_decay", "momentum", "epsilon"}
"""The options that must be nonnegative numbers."""


class Optimiser:
    """What all optimisers have in common; a subclass defines `step`.

    Args:
        parameters: The parameters to change; duplicates count once.
        learning_rate: A number, or a schedule.
        weight_decay: How strongly parameters are pulled towards 0.

    Attributes:
        parameters: The parameters, without duplicates.
        learning_rate: As given.
        weight_decay: As given.
        steps: The number of steps taken so far; the argument of a schedule.

    Raises:
        TypeError: Something is not a `Parameter`, or not a number.
        ValueError: There is no parameter, or a number is negative or not finite.

    Example:
        >>> from nn import Parameter
        >>> class SignDescent(Optimiser):
        ...     def step(self):
        ...         for parameter in self.parameters:
        ...             parameter.data -= math.copysign(self.rate(), parameter.grad)
        ...         self.steps += 1
        >>> w = Parameter(1.0)
        >>> w.grad = -20.0
        >>> SignDescent([w], learning_rate=0.5).step()
        >>> w.data
        1.5
    """

    @with_advice(**OPTIMISER_ARGUMENTS)
    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float | Schedule,
        weight_decay: float = 0.0,
    ) -> None:
        kind = type(self).__name__
        if isinstance(parameters, Module):
            raise TypeError(
                f"{kind}: parameters must be a list of Parameters, and not a model: pass "
                "model.parameters()"
            )
        if isinstance(parameters, Value) or not isinstance(parameters, Iterable):
            raise wrong_type(
                f"{kind}: parameters",
                parameters,
                "a list of Parameters, such as model.parameters()",
            )
        listed = []
        for parameter in parameters:
            if not adopted(parameter):
                raise TypeError(
                    f"{kind}: parameters must be Parameters, or Values that were not computed from "
                    f"others, got {type(parameter).__name__}: {shown(parameter)}"
                )
            listed.append(parameter)
        self.parameters = list(dict.fromkeys(listed))
        if not self.parameters:
            raise ValueError(f"{kind}: expected at least one parameter, but there are none")
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.steps = 0
        Optimiser._require_options(self)

    def __setattr__(self, name: str, content: Any) -> None:
        # A user's subclass may name its attributes as it likes.
        if type(self).__module__ == __name__:
            if name in OPTIMISER:
                raise lacking(type(self).__name__, name, OPTIMISER, self)
            if name in NUMBERS and not (name == "learning_rate" and callable(content)):
                content = self._checked(name, content)  # now: later, half a step would be taken
            elif name == "betas":
                self._require_betas(content)
        super().__setattr__(name, content)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise lacking(type(self).__name__, name, OPTIMISER, self)

    def _require_options(self) -> None:
        """Raise an error that says what is wrong with the options."""
        if type(self.steps) is not int or self.steps < 0:
            raise ValueError(f"steps must be an integer of at least 0, got {shown(self.steps)}")
        self.weight_decay = self._checked("weight_decay", self.weight_decay)
        self.rate()

    def _require_betas(self, betas: Any) -> None:
        if not (
            hasattr(betas, "__len__")
            and len(betas) == 2
            and all(isinstance(beta, Real) and 0.0 <= float(beta) < 1.0 for beta in betas)
        ):
            raise ValueError(
                f"{type(self).__name__}: betas must be a pair of numbers from 0 to less than 1, "
                f"got {shown(betas)}"
            )

    def _require_one_for_each(self, *names: str) -> None:
        for name in names:
            length = len(getattr(self, f"_{name}"))
            if length != len(self.parameters):
                raise ValueError(f"{name} has length {length}, expected {len(self.parameters)}")

    def rate(self) -> float:
        """Return the learning rate of the next step.

        Raises:
            TypeError: A schedule returned something other than a number.
            ValueError: A schedule returned a negative number, or one that is not finite.

        Example:
            >>> from nn import Parameter
            >>> optimiser = SGD([Parameter(1.0)], exponential_decay(0.5, 0.1))
            >>> rates = [optimiser.rate()]
            >>> optimiser.step()
            >>> [*rates, optimiser.rate()]
            [0.5, 0.05]
        """
        rate = self.learning_rate
        if not callable(rate):
            return self._checked("learning_rate", rate)
        return self._checked("the rate that learning_rate returned", rate(self.steps))

    def _checked(self, name: str, number: Any) -> float:
        if type(number) is float and 0.0 <= number < math.inf:
            return number
        name = f"{type(self).__name__}: {name}"
        number = as_float(number, name, "a real number")
        if not 0.0 <= number < math.inf:
            raise ValueError(f"{name} must be a finite number of at least 0, got {number!r}")
        return number  # type: ignore[no-any-return]

    def step(self) -> None:
        """Change every parameter that is not frozen by its gradient; a subclass defines how.

        Raises:
            NotImplementedError: The subclass does not define it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not define step(): a subclass of Optimiser must"
        )

    def _require_numbers(self) -> None:
        for parameter in self.parameters:
            gradient: object = parameter.grad
            if isinstance(gradient, Value):
                raise TypeError(
                    f"{type(self).__name__}: the gradient of {shown(parameter)} is a node, "
                    "recorded by backward(create_graph=True); before a step call zero_grad() and "
                    "backward()"
                )

    def zero_grad(self) -> None:
        """Set the gradients of the parameters to 0.

        Example:
            >>> from nn import Parameter
            >>> w = Parameter(1.0)
            >>> w.grad = 0.5
            >>> SGD([w], learning_rate=0.1).zero_grad()
            >>> w.grad
            0.0
        """
        for parameter in self.parameters:
            parameter._grad = 0.0

    # --- state -----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Copy what the optimiser holds besides the parameters, as numbers, strings and lists.

        That is the number of steps, the learning rate or its schedule, the other options, and its
        state for each parameter. A subclass that keeps such things in its attributes need do
        nothing. A custom schedule is a function, which the state does not contain; if it has a
        `state_dict` and a `load_state_dict`, its state is kept.

        Returns:
            A dictionary that JSON can write.

        Raises:
            TypeError: A subclass holds something that is not plain data.

        Example:
            >>> from nn import Parameter
            >>> w = Parameter(1.0)
            >>> w.grad = 0.5
            >>> optimiser = SGD([w], step_decay(0.1, every=10), momentum=0.9)
            >>> optimiser.step()
            >>> state = optimiser.state_dict()
            >>> state["steps"], state["learning_rate"]["schedule"], state["velocities"]
            (1, 'step_decay', [0.5])
        """
        kind = type(self).__name__
        state: dict[str, Any] = {"optimiser": kind, "parameters": len(self.parameters)}
        for name, content in self._contents().items():
            place = f"{kind}.state_dict: {name}"
            state[name.lstrip("_")] = (
                schedules.to_data(content)
                if name == "learning_rate"
                else to_plain(content, place, self.parameters)
            )
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where another optimiser was when its `state_dict` was called.

        Args:
            state: The result; the other optimiser was of the same kind, with the same number of
                parameters.

        Raises:
            TypeError: The state is not a mapping.
            ValueError: The state belongs to another kind of optimiser or to other parameters, or is
                damaged. The error lists all that is wrong, and nothing has changed.

        Example:
            >>> from nn import Parameter
            >>> optimiser, other = Adam([Parameter(1.0)]), Adam([Parameter(2.0)], 0.5)
            >>> other.load_state_dict(optimiser.state_dict())
            >>> other.rate()
            0.001
        """
        schedule_state = None
        contents = self._read(state)
        vars(self).update(contents)
        if isinstance(state["learning_rate"], Mapping):
            schedule_state = state["learning_rate"].get("state")
        if schedule_state is not None:
            self.learning_rate.load_state_dict(schedule_state)  # type: ignore[union-attr]

    def _contents(self) -> dict[str, Any]:
        return {name: content for name, content in vars(self).items() if name != "parameters"}

    def _read(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Check a state, and return the attributes that it describes."""
        if not isinstance(state, Mapping):
            raise wrong_type("load_state_dict", state, "what state_dict returned")
        kind, count = type(self).__name__, len(self.parameters)
        if state.get("optimiser") != kind:
            raise ValueError(f"the state is of {shown(state.get('optimiser'))}, not of {kind}")
        if state.get("parameters") != count:
            raise ValueError(
                f"the state is of {shown(state.get('parameters'))} parameters, "
                f"but this {kind} has {count:,}"
            )
        attributes = {name.lstrip("_"): name for name in self._contents()}
        expected = {"optimiser", "parameters", *attributes}
        problems = [f"{name!r} is missing" for name in attributes if name not in state]
        problems += [f"{shown(name)} is unexpected" for name in state if name not in expected]
        trial = copy.copy(self)
        for key, name in attributes.items():
            if key not in state:
                continue
            current, plain = getattr(self, name), state[key]
            try:
                found = (
                    schedules.from_data(plain, current)
                    if key == "learning_rate"
                    else updated(current, plain, key, self.parameters)
                )
                vars(trial)[name] = found
            except ValueError as error:
                problems.append(str(error))
        if not problems:
            try:
                trial._require_options()
            except (TypeError, ValueError) as error:
                problems.append(str(error))
        if problems:
            raise ValueError(
                f"the state does not fit this {kind}:\n  " + some(problems, "\n  ", 20)
            )
        return trial._contents()


def _set(parameter: Value, number: float) -> None:
    """Set a parameter's number, by a fast path if it is a float."""
    if type(number) is float:
        parameter._number = number
    else:  # from a NumPy rate, for example
        parameter.data = number


class SGD(Optimiser):
    """Gradient descent; stochastic if the gradient is that of a mini-batch.

    With g = gradient + weight_decay · p and the velocity v ← momentum · v + g, a step subtracts
    learning_rate · v from a parameter p; with Nesterov's momentum, learning_rate · (g + momentum ·
    v) (I. Sutskever et al., *On the importance of initialization and momentum in deep learning*,
    ICML 2013, describe both).

    Args:
        parameters: The parameters to change.
        learning_rate: A number, or a schedule.
        momentum: How much of the velocity a step keeps.
        nesterov: Whether the gradient is applied ahead of the velocity.
        weight_decay: The factor of the penalty ½ p².

    Raises:
        TypeError: Something is not a `Parameter`, or not a number.
        ValueError: There is no parameter, a number is negative or not finite, or Nesterov's
            momentum is asked for with momentum 0.

    Example:
        >>> from nn import Parameter
        >>> w = Parameter(1.0)
        >>> w.grad = 0.5
        >>> SGD([w], learning_rate=0.1).step()
        >>> w.data
        0.95
    """

    @with_advice(**OPTIMISER_ARGUMENTS)
    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float | Schedule,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay)
        self.momentum, self.nesterov = momentum, nesterov
        self._velocities = [0.0] * len(self.parameters)
        SGD._require_options(self)

    def _require_options(self) -> None:
        super()._require_options()
        self.momentum = self._checked("momentum", self.momentum)
        if self.nesterov and not self.momentum:
            raise ValueError(
                f"{type(self).__name__}: nesterov=True needs a momentum greater than 0, such as 0.9"
            )
        self._require_one_for_each("velocities")

    def step(self) -> None:
        """Change every parameter that is not frozen by its gradient.

        Raises:
            TypeError: A gradient is a node, recorded by `backward(create_graph=True)`.
            ValueError: As for `rate`.
        """
        self._require_numbers()
        rate, momentum, decay = self.rate(), self.momentum, self.weight_decay
        velocities = self._velocities
        for i, parameter in enumerate(self.parameters):
            if is_frozen(parameter):
                continue
            change = gradient = parameter._grad + decay * parameter._number
            if momentum:
                change = velocities[i] = momentum * velocities[i] + gradient
                if self.nesterov:
                    change = gradient + momentum * change
            _set(parameter, parameter._number - rate * change)
        self.steps += 1


class Adam(Optimiser):
    """Adam (Kingma and Ba 2015): steps of a size that does not depend on the gradient's scale.

    With running means m of the gradient and v of its square, both corrected for their start at 0, a
    step subtracts learning_rate · m / (√v + epsilon) from a parameter.

    Args:
        parameters: The parameters to change.
        learning_rate: A number, or a schedule.
        betas: How much of m and of v a step keeps.
        epsilon: Keeps the quotient finite.
        weight_decay: The factor of the penalty ½ p², which enters the gradient.

    Raises:
        TypeError: Something is not a `Parameter`, or not a number.
        ValueError: There is no parameter, a number is negative or not finite, or a beta is not from
            0 to less than 1.

    Example:
        >>> from nn import Parameter
        >>> w = Parameter(1.0)
        >>> w.grad = 1000.0
        >>> Adam([w], learning_rate=0.1).step()
        >>> round(w.data, 6)
        0.9
    """

    @with_advice(**OPTIMISER_ARGUMENTS)
    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float | Schedule = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay)
        self.betas, self.epsilon = betas, epsilon
        count = len(self.parameters)
        self._means, self._squares, self._counts = [0.0] * count, [0.0] * count, [0] * count
        Adam._require_options(self)

    def _require_options(self) -> None:
        super()._require_options()
        self._require_betas(self.betas)
        self.epsilon = self._checked("epsilon", self.epsilon)
        self._require_one_for_each("means", "squares", "counts")
        if not all(type(count) is int and count >= 0 for count in self._counts):
            raise ValueError("counts must be integers of at least 0")
        if not all(square >= 0.0 for square in self._squares if square == square):
            raise ValueError("squares must be at least 0")

    def step(self) -> None:
        """Change every parameter that is not frozen by its gradient.

        Raises:
            TypeError: A gradient is a node, recorded by `backward(create_graph=True)`.
            ValueError: As for `rate`.
        """
        self._require_numbers()
        self._step(self.rate(), penalty=self.weight_decay)

    def _step(self, rate: float, penalty: float) -> None:
        beta1, beta2 = self.betas
        means, squares, counts = self._means, self._squares, self._counts
        for i, parameter in enumerate(self.parameters):
            if is_frozen(parameter):
                continue
            gradient = parameter._grad + penalty * parameter._number
            counts[i] += 1  # separate counts: a parameter may have been frozen for a while
            means[i] += (1.0 - beta1) * (gradient - means[i])
            squares[i] = beta2 * squares[i] + (1.0 - beta2) * gradient * gradient
            mean = means[i] / (1.0 - beta1 ** counts[i])
            square = squares[i] / (1.0 - beta2 ** counts[i])
            step = rate * mean / (math.sqrt(square) + self.epsilon)
            _set(parameter, parameter._number - step)
        self.steps += 1


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019).

    Before each step of Adam, a parameter is multiplied by 1 - learning_rate · weight_decay; the
    decay does not enter the gradient.

    Args:
        parameters: The parameters to change.
        learning_rate: A number, or a schedule.
        betas: How much of m and of v a step keeps.
        epsilon: Keeps the quotient finite.
        weight_decay: How strongly parameters are pulled towards 0.

    Raises:
        TypeError: As for `Adam`.
        ValueError: As for `Adam`.

    Example:
        >>> from nn import Parameter
        >>> w = Parameter(1.0)
        >>> AdamW([w], learning_rate=0.1, weight_decay=0.5).step()
        >>> w.data
        0.95
    """

    @with_advice(**OPTIMISER_ARGUMENTS)
    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float | Schedule = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(
            parameters, learning_rate, betas=betas, epsilon=epsilon, weight_decay=weight_decay
        )

    def step(self) -> None:
        """Change every parameter that is not frozen by its gradient.

        Raises:
            TypeError: A gradient is a node, recorded by `backward(create_graph=True)`.
            ValueError: As for `rate`.
        """
        self._require_numbers()
        rate = self.rate()
        kept = 1.0 - rate * self.weight_decay
        for parameter in self.parameters:
            if not is_frozen(parameter):
                parameter.data *= kept
        self._step(rate, penalty=0.0)


if not TYPE_CHECKING:  # a type checker knows which names exist

    def __getattr__(name: str) -> Any:
        refuse(__name__, name, OPTIM)
