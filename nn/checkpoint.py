"""Checkpoints: a model, its optimiser, and the random numbers that it uses, in one file.

A file holds numbers as arrays, in the safetensors format, and the rest as JSON in its metadata.
Nothing in it is code, and reading it runs none.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import random
from collections.abc import Iterator, Mapping
from typing import Any

from autograd.errors import counted, shown, wrong_type
from autograd.kinds import FROZEN, PARAMETER
from autograd.tree import flatten, map_leaves
from autograd.writing import path_of, write_whole
from nn.files import packages, parsed
from nn.module import Module, is_frozen
from nn.optim import Optimiser
from nn.state import random_state, restored_random, to_plain

__all__ = ["load_checkpoint", "save_checkpoint"]


def save_checkpoint(
    path: str | os.PathLike[str],
    model: Module,
    optimiser: Optimiser | None = None,
    *,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write to a file everything that training needs to continue bit for bit.

    That is the model's numbers, and which parameters are frozen; the optimiser's state, with its
    schedule; and the state of the random generators: Python's, NumPy's, and those that are
    attributes of the model's modules. `fit` needs more, which `nn.callbacks.Checkpoint` writes.

    Args:
        path: The file, which is written whole or not at all; `.safetensors` is the usual suffix.
        model: The model.
        optimiser: Its optimiser, if it is to be saved as well.
        extra: More to save, by name: numbers, texts, None, and lists and dictionaries of these.

    Raises:
        ImportError: NumPy or safetensors is missing.
        OSError: The file cannot be written.
        TypeError: `extra` or the optimiser contains something else; or the arguments are in the
            wrong order.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from nn import Neuron
        >>> from nn.optim import Adam
        >>> neuron, other = Neuron(2, seed=1), Neuron(2, seed=2)
        >>> optimiser, theirs = Adam(neuron.parameters(), 0.1), Adam(other.parameters())
        >>> with TemporaryDirectory() as folder:
        ...     save_checkpoint(f"{folder}/file.safetensors", neuron, optimiser, extra={"epoch": 3})
        ...     load_checkpoint(f"{folder}/file.safetensors", other, theirs)
        {'epoch': 3}
        >>> other.state_dict() == neuron.state_dict(), theirs.rate()
        (True, 0.1)
    """
    _require("save_checkpoint", model, optimiser)
    if not isinstance(extra, Mapping | None):
        raise wrong_type("save_checkpoint: extra", extra, "a dictionary")
    name = path_of(path, "save_checkpoint")
    write(name, snapshot(model, optimiser, {} if extra is None else extra))


def load_checkpoint(
    path: str | os.PathLike[str],
    model: Module,
    optimiser: Optimiser | None = None,
    *,
    random_numbers: bool = True,
) -> dict[str, Any]:
    """Continue training from where it was at the checkpoint. Loading cannot run code.

    Args:
        path: A file of `save_checkpoint`, or of `nn.callbacks.Checkpoint`.
        model: A model like the one that was saved.
        optimiser: An optimiser of the same kind, for its parameters; None to leave it out.
        random_numbers: Whether random numbers continue as well, including those of Python's and
            NumPy's global generators.

    Returns:
        The data that were passed as `extra`.

    Raises:
        ImportError: NumPy or safetensors is missing.
        OSError: The file cannot be read.
        TypeError: The arguments are in the wrong order.
        ValueError: The file is damaged, or has a different format, or belongs to another model or
            optimiser; nothing has changed.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from nn import Neuron
        >>> neuron = Neuron(2)
        >>> with TemporaryDirectory() as folder:
        ...     save_checkpoint(f"{folder}/file.safetensors", neuron)
        ...     neuron.bias.data, first = 1.0, random.random()
        ...     load_checkpoint(f"{folder}/file.safetensors", neuron)
        {}
        >>> neuron.bias.data, random.random() == first
        (0.0, True)
    """
    _require("load_checkpoint", model, optimiser)
    name = path_of(path, "load_checkpoint")
    tree = read(name)
    try:
        return restore(tree, model, optimiser, random_numbers)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def snapshot(
    model: Module, optimiser: Optimiser | None, extra: Mapping[str, Any]
) -> dict[str, Any]:
    """Copy all that a checkpoint holds, as plain data."""
    named = dict(model.named_parameters())
    known = set(named.values())
    others = [p.data for p in optimiser.parameters if p not in known] if optimiser else []
    return {
        "model": model.state_dict(),
        "frozen": [name for name, parameter in named.items() if is_frozen(parameter)],
        "others": others,
        "optimiser": optimiser.state_dict() if optimiser else None,
        "generators": {name: _state_of(g) for name, _, _, g in _generators(model)},
        "random": _global_states(),
        "extra": to_plain(dict(extra), "extra"),
    }


def restore(
    tree: Any,
    model: Module,
    optimiser: Optimiser | None,
    random_numbers: bool = True,
) -> dict[str, Any]:
    """Restore a model and its optimiser from a snapshot; nothing changes if it does not fit.

    Returns:
        The data that were passed as `extra`.

    Raises:
        TypeError: The model is not a Module, or the optimiser is not an Optimiser.
        ValueError: The snapshot belongs to another model or optimiser, or is damaged.
    """
    extra = extra_of(tree)
    named = dict(model.named_parameters())
    if unknown := [name for name in tree["frozen"] if name not in named]:
        raise ValueError(f"the model has no parameter {shown(unknown[0])}, which was frozen")
    known = set(named.values())
    others: list[Any] = []
    if optimiser is not None:
        if tree["optimiser"] is None:
            raise ValueError("it holds no optimiser: pass optimiser=None")
        optimiser._read(tree["optimiser"])
        others = [parameter for parameter in optimiser.parameters if parameter not in known]
        if len(others) != len(tree["others"]) or not all(type(x) is float for x in tree["others"]):
            raise ValueError(
                f"the optimiser has {counted(len(others), 'parameter')} that the model does not "
                f"have, but had {len(tree['others']):,} when it was saved"
            )
    generators = []
    if random_numbers:
        for name, module, key, generator in _generators(model):
            if name not in tree["generators"]:
                raise ValueError(f"it has no state for the random generator {name}")
            generators.append((module, key, _restored(generator, tree["generators"][name], name)))
        python = restored_random(tree["random"].get("python"), "the state of random numbers")
        numpy_state = _numpy_state(tree["random"].get("numpy"))
    model.load_state_dict(tree["model"])
    for name, parameter in named.items():
        parameter.op = FROZEN if name in tree["frozen"] else PARAMETER
    for parameter, number in zip(others, tree["others"], strict=False):
        parameter.data = number
    if optimiser is not None:
        optimiser.load_state_dict(tree["optimiser"])
    if random_numbers:
        for module, key, generator in generators:
            vars(module)[key] = generator
        random.setstate(python.getstate())
        if numpy_state is not None:
            import numpy

            numpy.random.set_state(numpy_state)
    return extra


def extra_of(tree: Any) -> dict[str, Any]:
    """Return what is saved besides model, optimiser and random numbers.

    Raises:
        ValueError: This is not a snapshot.
    """
    if not isinstance(tree, dict) or not set(KINDS) <= set(tree):
        raise ValueError("it is not a checkpoint of a training run")
    for name, kind in KINDS.items():
        if not isinstance(tree[name], kind):
            raise ValueError(f"its part {name!r} is damaged: {shown(tree[name])}")
    return tree["extra"]  # type: ignore[no-any-return]


def _require(function: str, model: Any, optimiser: Any) -> None:
    if not isinstance(model, Module):
        raise TypeError(
            f"{function} takes a path and a Module, in this order; the second is of type "
            f"{type(model).__name__}: {shown(model)}"
        )
    if optimiser is not None and not isinstance(optimiser, Optimiser):
        raise TypeError(
            f"{function}: optimiser must be an optimiser object of nn.optim, got {shown(optimiser)}"
        )


KINDS: dict[str, Any] = {
    "model": dict,
    "frozen": list,
    "others": list,
    "optimiser": (dict, type(None)),
    "generators": dict,
    "random": dict,
    "extra": dict,
}


# --- random numbers ------------------------------------------------------------------------------


def _generators(model: Module) -> Iterator[tuple[str, Module, str, Any]]:
    """Visit the random generators that are attributes of a model's modules, with their names."""
    waiting: list[tuple[str, Any]] = [("", model)]
    seen: set[int] = set()
    while waiting:
        name, owner = waiting.pop()
        if id(owner) in seen:
            continue
        seen.add(id(owner))
        if isinstance(owner, Module):
            owned: Mapping[Any, Any] = vars(owner)
        else:
            owned = owner if isinstance(owner, dict) else dict(enumerate(owner))
        for key, part in owned.items():
            place = f"{name}.{key}" if name else f"{key}"
            if isinstance(part, (Module, list, tuple, dict)):
                waiting.append((place, part))
            elif isinstance(owner, Module) and (
                type(part) is random.Random or hasattr(part, "bit_generator")
            ):
                yield place, owner, key, part


def _state_of(generator: Any) -> Any:
    if type(generator) is random.Random:
        return random_state(generator)
    return to_plain(generator.bit_generator.state, "the state of a generator")


def _restored(generator: Any, state: Any, name: str) -> Any:
    if type(generator) is random.Random:
        return restored_random(state, name)
    made = copy.deepcopy(generator)
    try:
        made.bit_generator.state = state
    except (TypeError, ValueError, KeyError, OverflowError, AttributeError) as error:
        raise ValueError(f"{name} is not the state of such a random generator: {error}") from None
    return made


def _global_states() -> dict[str, Any]:
    import numpy

    python = random.Random()
    python.setstate(random.getstate())
    state = numpy.random.get_state()  # a dictionary, unless the generator is a Mersenne Twister
    return {
        "python": random_state(python),
        "numpy": to_plain(state, "random") if isinstance(state, tuple) else None,
    }


def _numpy_state(plain: Any) -> Any:
    if plain is None:
        return None
    import numpy

    trial = numpy.random.RandomState()
    try:
        state = (plain[0], numpy.array(plain[1], dtype=numpy.uint32), *plain[2:])
        trial.set_state(state)
    except (TypeError, ValueError, KeyError, IndexError, OverflowError):
        raise ValueError("the state of NumPy's random numbers is damaged") from None
    return state


# --- files ---------------------------------------------------------------------------------------

KEY = "checkpoint"
TENSOR = "__tensor__"
PURPOSE = "checkpoints need"


def write(path: str | os.PathLike[str], tree: dict[str, Any]) -> None:
    """Write plain data to a file: lists of numbers as arrays, the rest as JSON.

    Raises:
        ImportError: NumPy or safetensors is missing.
        OSError: The file cannot be written.
    """
    numpy, safetensors = packages(PURPOSE)
    arrays: dict[str, Any] = {}

    leaves, structure = flatten(tree, is_leaf=_is_array)
    for i, path_of_leaf in enumerate(structure.paths(step=".{}")):
        if type(leaf := leaves[i]) is list:
            name = path_of_leaf[1:]
            name = name if name not in arrays else f"{name} ({len(arrays)})"  # if keys have dots
            arrays[name] = numpy.array(leaf, dtype=float if type(leaf[0]) is float else "int64")
            leaves[i] = {TENSOR: name}
    text = json.dumps(structure.unflatten(leaves))
    content = safetensors.numpy.save(arrays, metadata={KEY: text, "sha256": _digest(text, arrays)})
    write_whole(path, content)


def read(path: str | os.PathLike[str]) -> Any:
    """Read what `write` has written.

    Raises:
        ImportError: NumPy or safetensors is missing.
        OSError: The file cannot be read.
        ValueError: The file is damaged or has a different format.
    """
    _, safetensors = packages(PURPOSE)
    _, arrays, metadata = parsed(path, safetensors)
    if KEY not in metadata:
        raise ValueError(
            f"{path} is not a checkpoint; if it is a model's file, model.load(path) reads it"
        )
    if metadata.get("sha256") != _digest(metadata[KEY], arrays):
        raise ValueError(f"{path} is damaged: its checksum does not match its content")

    try:
        return map_leaves(
            lambda part: arrays[part[TENSOR]].tolist() if isinstance(part, dict) else part,
            json.loads(metadata[KEY]),
            is_leaf=lambda part: isinstance(part, dict) and set(part) == {TENSOR},
        )
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def _is_array(part: Any) -> bool:
    """Tell whether a part of a tree is a list of numbers of one kind, which an array can hold."""
    kinds = set(map(type, part)) if type(part) is list else set()
    return kinds == {float} or (kinds == {int} and all(-(2**63) <= x < 2**63 for x in part))


def _digest(text: str, arrays: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        digest.update(f"\n{name} {arrays[name].dtype} {arrays[name].shape}\n".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()
