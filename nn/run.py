"""The state of training: from epoch to epoch, from call to call, and in a checkpoint."""

from __future__ import annotations

import math
import os
import random
from dataclasses import asdict, dataclass, field
from numbers import Integral
from typing import Any

from autograd import Value
from autograd.errors import counted, shown
from nn import checkpoint
from nn.callbacks import Callbacks, Training
from nn.history import History, history_of
from nn.module import Module
from nn.optim import Optimiser
from nn.state import random_state, restored_random, to_plain

__all__ = ["Order", "Run", "state_of"]

ATTRIBUTE = "_fit"
"""Where a model keeps how it was last trained, so that the next call of `fit` can continue."""


@dataclass
class Order:
    """The order in which samples are taken, and the generator that shuffles them.

    Attributes:
        seed: The seed of the generator.
        generator: The generator that shuffles the samples.
        rows: The order of the last epoch.
        optimiser: The optimiser that `fit` has made, if none was given.
    """

    seed: Any
    generator: random.Random
    rows: list[int] = field(default_factory=list)
    optimiser: Optimiser | None = None

    @classmethod
    def of(cls, model: Module, seed: Any, generator: random.Random) -> Order:
        """Return the model's own order, if the seed is the same; otherwise make a new one.

        Example:
            >>> Order.of(Module(), 3, random.Random(3)).seed
            3
        """
        kept = vars(model).get(ATTRIBUTE)
        if isinstance(kept, Order):
            if kept.seed == seed:
                return kept
            return cls(seed, generator, optimiser=kept.optimiser)
        return cls(seed, generator)

    @staticmethod
    def seed_of(model: Module, seed: Any, state: Any) -> Any:
        """Choose the seed: if None is given, the one used before, or a random one.

        Args:
            model: The model that is trained.
            seed: The given seed.
            state: What `fit` keeps in a checkpoint, if one is resumed.

        Raises:
            TypeError: It is not a seed.

        Example:
            >>> Order.seed_of(Module(), 3, None)
            3
        """
        if isinstance(seed, Integral):
            return int(seed)
        if isinstance(seed, (float, str)):
            return seed
        if seed is not None:
            raise TypeError(f"fit: seed must be an integer, or None for any, got {shown(seed)}")
        if isinstance(state, dict) and isinstance(state.get("seed"), (int, float, str)):
            return state["seed"]
        kept = vars(model).get(ATTRIBUTE)
        return kept.seed if isinstance(kept, Order) else random.SystemRandom().getrandbits(62)

    def begin(self, model: Module, count: int) -> None:
        """Make this the model's order, for this many samples."""
        if len(self.rows) != count:
            self.rows = list(range(count))
        vars(model)[ATTRIBUTE] = self

    def next(self, shuffle: bool) -> list[int]:
        """Return the order for the next epoch."""
        if not shuffle:
            return list(range(len(self.rows)))
        self.generator.shuffle(self.rows)
        return self.rows


def state_of(tree: Any) -> Any:
    """Return what `fit` keeps in a snapshot besides model, optimiser and random numbers.

    Raises:
        ValueError: This is not a snapshot.
    """
    return checkpoint.extra_of(tree).get("fit")


class Run:
    """A training run, with the state needed to keep the best epoch, to stop early, and to resume.

    Attributes:
        training: What callbacks see of it.
        order: The order in which it takes the samples.
        callbacks: The callbacks.
        best: The numbers of the best epoch.
        least: The loss of the best epoch.
        stale: The number of epochs since.
    """

    def __init__(self, training: Training, order: Order, callbacks: Callbacks) -> None:
        self.training, self.order, self.callbacks = training, order, callbacks
        model, optimiser = training.model, training.optimiser
        buffers = [buffer for _, buffer in model.named_buffers()]
        trained = [*model.parameters(), *optimiser.parameters]
        self._values: list[Value] = [*dict.fromkeys([*trained, *buffers])]
        self.best, self.least, self.stale = self.numbers(), math.inf, 0
        training.snapshot = self.snapshot

    def numbers(self) -> list[float]:
        """Copy the numbers of all that is trained, and of the buffers."""
        return [value.data for value in self._values]

    def restore_best(self) -> None:
        """Restore all that is trained, and the buffers, as of the best epoch."""
        for value, number in zip(self._values, self.best, strict=True):
            value.data = number

    def snapshot(self) -> dict[str, Any]:
        """Copy all that is needed to continue, as plain data."""
        training = self.training
        state = {
            "seed": self.order.seed,
            "rows": self.order.rows,
            "generator": random_state(self.order.generator),
            "history": asdict(training.history),
            "best": self.best,
            "least": self.least,
            "stale": self.stale,
            "callbacks": self.callbacks.state_dict(),
        }
        extra = {"fit": to_plain(state, "a checkpoint")}
        return checkpoint.snapshot(training.model, training.optimiser, extra)

    def resume(self, path: str | os.PathLike[str], tree: Any, count: int) -> None:
        """Continue from a snapshot; nothing changes if it does not fit.

        Args:
            path: The file that it comes from, for errors.
            tree: The snapshot.
            count: How many samples there are to train on.

        Raises:
            ValueError: It is damaged, or belongs to another training run.
        """
        try:
            state = state_of(tree)
            found = self._checked(state, count)
            checkpoint.restore(tree, self.training.model, self.training.optimiser)
            self.callbacks.load_state_dict(state["callbacks"])
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        self.best, self.least, self.stale = state["best"], state["least"], state["stale"]
        self.training.history, self.order.generator = found
        self.order.rows = state["rows"]

    def _checked(self, state: Any, count: int) -> tuple[History, random.Random]:
        kinds = {
            "rows": list, "history": dict, "best": list, "least": float, "stale": int,
            "callbacks": list,
        }  # fmt: skip
        if not isinstance(state, dict) or not {*kinds, "seed", "generator"} <= set(state):
            raise ValueError("it is not a checkpoint of fit, which nn.callbacks.Checkpoint writes")
        for name, kind in kinds.items():
            if not isinstance(state[name], kind):
                raise ValueError(f"its part {name!r} is damaged")
        if state["seed"] != to_plain(self.order.seed, "seed"):
            raise ValueError(
                f"it was trained with seed={shown(state['seed'])}, but this is "
                f"seed={shown(self.order.seed)}: pass the same"
            )
        if len(state["rows"]) != count:
            raise ValueError(
                f"it was trained on {counted(len(state['rows']), 'sample')}, and now there are "
                f"{count:,}: pass the same data"
            )
        if set(map(type, state["rows"])) != {int} or sorted(state["rows"]) != list(range(count)):
            raise ValueError("its part 'rows' is damaged")
        if len(state["best"]) != len(self.best):
            raise ValueError(
                f"it is of {counted(len(state['best']), 'parameter')}, and the model has "
                f"{len(self.best):,}"
            )
        if set(map(type, state["best"])) != {float}:
            raise ValueError("its part 'best' is damaged")
        self.callbacks.require_states(state["callbacks"])
        names = list(self.training.history.metrics)
        history = history_of(state["history"])
        if list(history.metrics) != names:
            raise ValueError(
                f"its metrics are {shown(list(history.metrics))}, and those now are "
                f"{shown(names)}: pass the same"
            )
        return history, restored_random(state["generator"], "its generator")
