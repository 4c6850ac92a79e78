"""Checkpoints: resumed training gives the same as uninterrupted training, bit for bit."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value
from nn import (
    MLP,
    Buffer,
    Dropout,
    Layer,
    Module,
    Neuron,
    Parameter,
    fit,
    load_checkpoint,
    losses,
    save_checkpoint,
)
from nn.callbacks import Callback, Checkpoint, CSVLog, Training
from nn.checkpoint import read, write
from nn.optim import SGD, Adam, AdamW, Optimiser
from nn.schedules import cosine_decay, exponential_decay, linear_warmup, step_decay

pytest.importorskip("safetensors")

generator = random.Random(0)
X = [[generator.uniform(-1, 1), generator.uniform(-1, 1)] for _ in range(14)]
Y = [a * b + generator.gauss(0, 0.1) for a, b in X]

OPTIMISERS: dict[str, Callable[[list[Value], Any], Optimiser]] = {
    "SGD": lambda ps, rate: SGD(ps, rate, weight_decay=0.01),
    "momentum": lambda ps, rate: SGD(ps, rate, momentum=0.9),
    "Nesterov": lambda ps, rate: SGD(ps, rate, momentum=0.9, nesterov=True),
    "Adam": lambda ps, rate: Adam(ps, rate),
    "AdamW": lambda ps, rate: AdamW(ps, rate),
}
RATES: dict[str, Any] = {
    "a number": 0.02,
    "steps": step_decay(0.05, 3, 0.5),
    "exponential": exponential_decay(0.05, 0.9),
    "cosine": cosine_decay(0.05, 12),
    "warm-up": linear_warmup(cosine_decay(0.05, 9), 4),
    "of one's own": lambda step: 0.05 / (1 + step),
}


def bits(model: Module) -> list[str]:
    return [parameter.data.hex() for parameter in model.parameters()]


# Compiled, each with one of the others: optimisers do not see how a gradient is computed.
@pytest.mark.parametrize(
    ("kind", "rate", "compiled"),
    [
        (kind, rate, compiled)
        for kind in OPTIMISERS
        for rate in RATES
        for compiled in (False, True)
        if not compiled or kind == "momentum" or rate == "warm-up"
    ],
)
def test_resumed_is_straight_through(kind: str, rate: str, compiled: bool, tmp_path: Path) -> None:
    def trained(epochs: int, seed: int = 1, **options: Any) -> tuple[Any, ...]:
        model = Neuron(2, "tanh", seed=seed)  # a small one: it is compiled again and again
        optimiser = OPTIMISERS[kind](model.parameters(), RATES[rate])
        history = fit(
            model, losses.mean_squared_error, X, Y, optimiser=optimiser, epochs=epochs,
            batch_size=4, validation=0.2, patience=3, seed=5,
            compiled=compiled, **options,
        )  # fmt: skip
        return bits(model), optimiser.state_dict(), history

    path = tmp_path / "file.safetensors"
    expected = trained(5)
    trained(2, callbacks=[Checkpoint(path)])
    # The new one has other weights, which do not matter.
    assert trained(5, seed=2, resume=path) == expected


@settings(max_examples=15)
@given(
    st.integers(0, 1000), st.integers(1, 5), st.booleans(), st.sampled_from([None, 2, 5]),
    st.sampled_from([None, 1, 2, 4]), st.floats(0.01, 3.0),
)  # fmt: skip
def test_resumed_at_any_epoch(
    seed: int, middle: int, shuffle: bool, size: int | None, patience: int | None, rate: float
) -> None:
    # Rates that are too large make the loss rise, and early stopping act.
    def trained(epochs: int, **options: Any) -> tuple[Any, ...]:
        model = MLP(2, [2, 1], "tanh", seed=1)
        optimiser = SGD(model.parameters(), rate, momentum=0.5)
        history = fit(
            model, losses.huber, X, Y, optimiser=optimiser, epochs=epochs, batch_size=size,
            patience=patience, seed=seed, shuffle=shuffle, validation=0.2, compiled=False,
            **options,
        )  # fmt: skip
        return bits(model), history

    def keep(training: Training) -> None:
        if training.epoch + 1 == middle:
            trees.append(json.loads(json.dumps(training.snapshot())))

    trees: list[Any] = []
    expected = trained(6, callbacks=[keep])
    if trees:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("nn.checkpoint.read", lambda path: trees[0])
            assert trained(6, resume="file") == expected


class Noisy(Module):
    """A model that draws random numbers in every way there is."""

    def __init__(self) -> None:
        self.inner = MLP(2, [3, 1], "tanh", seed=1)
        self.inner.layers[0].own = random.Random(3)
        self.numpys = np.random.default_rng(4)
        self.older = np.random.Generator(np.random.MT19937(5))

    def __call__(self, x: Any) -> Any:
        own: random.Random = self.inner.layers[0].own  # type: ignore[attr-defined]
        noise = random.gauss(0, 0.1) + own.gauss(0, 0.1) + float(self.numpys.normal(0, 0.1))
        noise += float(self.older.normal(0, 0.1)) + float(np.random.normal(0, 0.1))
        return self.inner([part + noise for part in x])


def test_random_numbers_go_on(tmp_path: Path) -> None:
    def trained(epochs: int, **options: Any) -> tuple[Any, ...]:
        random.seed(7)
        np.random.seed(7)
        model = Noisy()
        history = fit(model, losses.mean_squared_error, X, Y, epochs=epochs, **options)
        return bits(model), history, random.random(), np.random.normal()

    path = tmp_path / "file.safetensors"
    expected = trained(4)
    trained(2, callbacks=[Checkpoint(path)])
    assert trained(4, resume=path) == expected
    before = random.getstate()
    load_checkpoint(path, Noisy(), random_numbers=False)
    assert random.getstate() == before


class Thinned(Module):
    """Has buffers: of Dropout, and a running mean of its own."""

    def __init__(self) -> None:
        self.first, self.drop, self.last = Layer(2, 3, seed=1), Dropout(0.4, seed=2), Neuron(3)
        self.mean = Buffer(0.0)
        self.label_parameters()

    def __call__(self, x: Any) -> Any:
        if self.training:
            self.mean.data = 0.9 * self.mean.data + 0.1 * x[0]
        return self.last(self.drop(self.first([x[0] - self.mean.data, x[1]])))


def test_buffers_go_on_and_are_those_of_the_best_epoch(tmp_path: Path) -> None:
    def trained(epochs: int, **options: Any) -> tuple[Any, ...]:
        model = Thinned()
        optimiser = SGD(model.parameters(), 0.3)
        history = fit(
            model, losses.mean_squared_error, X, Y, epochs=epochs, optimiser=optimiser, patience=6,
            **options,
        )  # fmt: skip
        return model.state_dict(), history

    path = tmp_path / "file.safetensors"
    expected = trained(6)
    trained(2, callbacks=[Checkpoint(path)])
    assert trained(6, resume=path) == expected
    kept: list[Any] = []
    state, history = trained(6, callbacks=[lambda t: kept.append(t.model.state_dict())])
    assert state == kept[history.best_epoch]
    assert state["drop.drawn"] == 14 * (history.best_epoch + 1)


def test_frozen_parameters_and_those_outside_of_the_model_come_back(tmp_path: Path) -> None:
    def made() -> tuple[MLP, Optimiser, Value]:
        model, scale = MLP(2, [2, 1], seed=1), Parameter(1.0)
        return model, SGD([*model.parameters(), scale], 0.1, momentum=0.9), scale

    model, optimiser, scale = made()
    model.freeze("layers.0")
    scale.data = 3.5
    path = tmp_path / "file.safetensors"
    save_checkpoint(path, model, optimiser, extra={"a": [1, 2.5, None, {"b": "c", "": [1.0]}]})
    other, theirs, their_scale = made()
    found = load_checkpoint(path, other, theirs)
    assert found == {"a": [1, 2.5, None, {"b": "c", "": [1.0]}]}
    assert their_scale.data == 3.5
    assert [p.op for p in other.parameters()] == [p.op for p in model.parameters()]


def test_callbacks_go_on(tmp_path: Path) -> None:
    class Plateau(Callback):
        def __init__(self) -> None:
            self.seen: list[float] = []

        def on_epoch(self, training: Training) -> None:
            self.seen.append(training.history.losses[-1])
            training.optimiser.learning_rate = 0.1 / len(self.seen)

        def state_dict(self) -> dict[str, Any]:
            return {"seen": self.seen}

        def load_state_dict(self, state: dict[str, Any]) -> None:
            self.seen = state["seen"]

    def trained(epochs: int, *more: Any, **options: Any) -> tuple[Any, ...]:
        model, log = MLP(2, [2, 1], seed=1), CSVLog(tmp_path / "log.csv")
        history = fit(
            model, losses.huber, X, Y, epochs=epochs,
            callbacks=[Plateau(), log, *more], **options,
        )  # fmt: skip
        return bits(model), history, (tmp_path / "log.csv").read_text()

    path = tmp_path / "file.safetensors"
    expected = trained(5)
    trained(3, Checkpoint(path))
    assert trained(5, resume=path) == expected
    with pytest.raises(ValueError, match="the states of 1 callback, but 0 of those now have"):
        fit(MLP(2, [2, 1]), losses.huber, X, Y, resume=path)


def test_what_is_done_is_done(tmp_path: Path) -> None:
    def trained(**options: Any) -> tuple[Any, ...]:
        model = MLP(2, [2, 1], seed=1)
        history = fit(model, losses.huber, X, Y, epochs=3, **options)
        return bits(model), history

    path = tmp_path / "file.safetensors"
    assert trained(callbacks=[Checkpoint(path)]) == trained(resume=path)


def test_files_are_written_when_they_should(tmp_path: Path) -> None:
    def trained(*names: str, epochs: int = 5, **options: Any) -> set[str]:
        fit(
            Neuron(2, "linear"), losses.huber, X, Y, epochs=epochs,
            optimiser=None, callbacks=[Checkpoint(tmp_path / names[0], **options)],
        )  # fmt: skip
        found = {path.name for path in tmp_path.iterdir()}
        for path in tmp_path.iterdir():
            path.unlink()
        return found

    assert trained("{epoch}.file") == {f"{i}.file" for i in range(5)}
    assert trained("{epoch}.file", every=2) == {"1.file", "3.file", "4.file"}
    assert trained("file") == {"file"}
    with pytest.raises(ValueError, match="every must be a whole number of at least 1"):
        Checkpoint("file", every=0)


def test_the_best_epoch_alone(tmp_path: Path) -> None:
    model = Neuron(1, "linear", seed=2)
    history = fit(
        model, losses.mean_squared_error, [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0],
        optimiser=SGD(model.parameters(), step_decay(0.05, every=5, factor=20.0)),
        epochs=8, batch_size=None, callbacks=[Checkpoint(tmp_path / "{epoch}", best_only=True)],
    )  # fmt: skip
    assert history.best_epoch is not None
    assert history.best_epoch < 7
    written = sorted(int(path.name) for path in tmp_path.iterdir())
    assert written == list(range(history.best_epoch + 1))


# --- what does not fit ---------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file.safetensors"
    model = MLP(2, [2, 1], seed=1)
    fit(model, losses.huber, X, Y, epochs=2, seed=3, callbacks=[Checkpoint(path)])
    return path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 4}, "trained with seed=3, but this is seed=4: pass the same"),
        ({"Y": Y[:10], "X": X[:10]}, "trained on 14 samples, and now there are 10"),
        ({"metrics": ["huber"]}, r"its metrics are \[\], and those now are \['huber'\]"),
        ({"optimiser": SGD}, "the state is of 'Adam', not of SGD"),
        ({"model": MLP(2, [3, 1])}, "it is of 9 parameters, and the model has 13"),
    ],
)
def test_another_training_is_refused(options: Any, message: str, path: Path) -> None:
    model = options.get("model") or MLP(2, [2, 1], seed=2)
    before = bits(model)
    options = {"X": X, "Y": Y, "seed": 3, "epochs": 5, **options}
    options.pop("model", None)
    if "optimiser" in options:
        options["optimiser"] = SGD(model.parameters(), 0.1)
    with pytest.raises(ValueError, match=message):
        fit(model, losses.huber, resume=path, **options)
    assert bits(model) == before


def test_a_seed_that_was_drawn_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    measured: list[frozenset[float]] = []

    def trained(epochs: int, model: Module, **options: Any) -> Any:
        seen: set[float] = set()

        def loss(output: Any, target: Any) -> Any:
            if isinstance(output, Value):
                seen.add(target)
            return losses.huber(output, target)

        history = fit(
            model, loss, X, Y, epochs=epochs, validation=0.3, seed=None, compiled=False, **options
        )
        measured.append(frozenset(seen))
        return bits(model), history

    model = MLP(2, [2, 1], seed=1)
    trained(2, model, callbacks=[Checkpoint(path)])
    further, _ = trained(2, model)
    resumed, _ = trained(4, MLP(2, [2, 1], seed=5), resume=path)
    assert further == resumed
    assert len(set(measured)) == 1  # what was held out stays so
    with pytest.raises(TypeError, match="seed must be an integer"):
        fit(model, losses.huber, X, Y, seed=[1])  # type: ignore[arg-type]
    fit(model, losses.huber, X, Y, seed=np.int64(3), epochs=1)


def test_arguments_in_another_order_are_refused(tmp_path: Path) -> None:
    model: Any = MLP(2, [2, 1])
    path: Any = tmp_path / "file"
    with pytest.raises(TypeError, match="a path and a Module, in this order"):
        save_checkpoint(model, path)
    with pytest.raises(TypeError, match=r"optimiser must be an optimiser object"):
        save_checkpoint(path, model, Adam)  # type: ignore[arg-type]


def test_other_files_are_refused(path: Path, tmp_path: Path) -> None:
    model = MLP(2, [2, 1], seed=2)
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "missing", model)
    model.save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"model is not a checkpoint; .*model.load\(path\)"):
        load_checkpoint(tmp_path / "model", model)
    save_checkpoint(tmp_path / "own", model, SGD(model.parameters(), 0.1))
    with pytest.raises(ValueError, match=r"own: it is not a checkpoint of fit"):
        fit(model, losses.huber, X, Y, resume=tmp_path / "own")
    with pytest.raises(TypeError, match=r"extra\['f'\] is a function"):
        save_checkpoint(tmp_path / "own", model, extra={"f": test_other_files_are_refused})
    save_checkpoint(tmp_path / "bare", model)
    with pytest.raises(ValueError, match="it holds no optimiser"):
        load_checkpoint(tmp_path / "bare", model, SGD(model.parameters(), 0.1))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file, which is not changed, in a folder for others."""
    path = tmp_path_factory.mktemp("damaged") / "whole"
    fit(MLP(2, [2, 1], seed=1), losses.huber, X, Y, epochs=1, callbacks=[Checkpoint(path)])
    return path


@settings(max_examples=2 * settings().max_examples)
@given(data=st.data())
def test_damage_is_an_error(whole: Path, data: st.DataObject) -> None:
    model = MLP(2, [2, 1], seed=2)
    optimiser = Adam(model.parameters(), 0.1)
    before = bits(model), optimiser.state_dict(), random.getstate()
    content = bytearray(whole.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    damaged = whole.with_name("damaged")
    damaged.write_bytes(content[:place] if data.draw(st.booleans()) else content)
    with pytest.raises(ValueError, match=r"damaged|no checkpoint|of a training"):
        load_checkpoint(damaged, model, optimiser)
    assert (bits(model), optimiser.state_dict(), random.getstate()) == before


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


def places(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    if isinstance(tree, dict):
        for key, part in tree.items():
            found += places(part, (*at, key))
    elif isinstance(tree, list):
        for i, part in enumerate(tree[:3]):
            found += places(part, (*at, i))
    return found


@pytest.mark.no_cover
@settings(max_examples=2 * settings().max_examples)
@given(data=st.data())
def test_a_forged_file_is_a_value_error_and_changes_nothing(
    whole: Path, data: st.DataObject
) -> None:
    # Of a right checksum: what is in it must be checked.
    tree = read(whole)
    *way, last = data.draw(st.sampled_from(places(tree)))
    part = tree
    for key in way:
        part = part[key]
    if data.draw(st.booleans()):
        part[last] = data.draw(plain)
    else:
        del part[last]
    forged = whole.with_name("forged")
    write(forged, tree)
    model = MLP(2, [2, 1], seed=2)
    before, drawn = bits(model), random.getstate()
    try:
        fit(model, losses.huber, X, Y, epochs=1, resume=forged)
    except ValueError:
        assert bits(model) == before
        assert random.getstate() == drawn


def test_files_of_plain_data_come_back(tmp_path: Path) -> None:
    tree = {
        "a": {"b": [1.0, -0.0, math.inf], "b.c": [2.0]},
        "a.b": [3.0],
        "ints": [1, 2**62, -(2**63)],
        "long": [2**70, 1],
        "mixed": [1, 2.0, None, True, "x", [], {}, [[1.0, 2.0], [3.0]]],
        "bools": [True, False],
    }
    write(tmp_path / "file", tree)
    found = read(tmp_path / "file")
    assert json.dumps(found) == json.dumps(tree)
