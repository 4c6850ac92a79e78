"""What every model is made of: trainable numbers, and the modules that own them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from numbers import Real
from pathlib import Path
from typing import Any

from autograd import Value, no_grad
from autograd.errors import shown, wrong_type
from autograd.value import FROZEN, PARAMETER, PARAMETER_KINDS, as_float
from autograd.writing import write_whole

__all__ = ["Module", "Parameter", "is_frozen", "is_parameter"]


def Parameter(data: float, label: str | None = None, *, frozen: bool = False) -> Value:  # noqa: N802
    """Make a parameter: a Value that training changes, or, frozen, leaves as it is.

    Args:
        data: Its number.
        label: What it is called; see `Module.label_parameters`.
        frozen: Whether optimisers leave it as it is. Gradients reach it all the same.

    Returns:
        A leaf whose `op` is the kind `PARAMETER` or `FROZEN` of `autograd.value`.

    Raises:
        TypeError: `data` is not a real number, or `label` is not a string.

    Example:
        >>> w = Parameter(0.5, "w")
        >>> (w * 3.0).backward()
        >>> w.grad, is_frozen(w)
        (3.0, False)
    """
    parameter = Value(data, label)
    parameter.op = FROZEN if frozen else PARAMETER
    return parameter


def is_parameter(candidate: object) -> bool:
    """Tell whether something is a parameter, frozen or not.

    Example:
        >>> is_parameter(Parameter(1.0)), is_parameter(Value(1.0))
        (True, False)
    """
    return isinstance(candidate, Value) and any(candidate.op is kind for kind in PARAMETER_KINDS)


def is_frozen(parameter: Value) -> bool:
    """Tell whether optimisers leave a parameter as it is.

    Example:
        >>> is_frozen(Parameter(1.0, frozen=True)), is_frozen(Parameter(1.0))
        (True, False)
    """
    return parameter.op is FROZEN


class Module:
    """A model, or a part of one: an object whose attributes hold parameters and other modules.

    A subclass sets its parameters and modules as attributes, alone or in lists, tuples,
    dictionaries and NumPy's arrays of objects, and defines `__call__`. They are found in the order
    in which they were set; one that is reachable by several ways (a shared weight) counts once,
    under the first of its names.

    Example:
        >>> class Line(Module):
        ...     def __init__(self):
        ...         self.slope, self.intercept = Parameter(2.0), Parameter(1.0)
        ...         self.label_parameters()
        ...
        ...     def __call__(self, x):
        ...         return self.slope * x + self.intercept
        >>> line = Line()
        >>> line.predict(3.0), line.state_dict()
        (7.0, {'slope': 2.0, 'intercept': 1.0})
    """

    def __call__(self, inputs: Any) -> Any:
        """Compute the outputs of one sample; a subclass says how.

        Args:
            inputs: What the subclass takes.

        Returns:
            A Value, or several in a list or tuple, for most losses and for `predict`.

        Raises:
            NotImplementedError: The subclass does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define __call__")

    def predict(self, inputs: Any) -> Any:
        """Compute the outputs of one sample as plain floats, and record nothing.

        Args:
            inputs: What the module is called with.

        Returns:
            A float, or a list of floats where the module returns several Values.

        Example:
            >>> from nn import Neuron
            >>> Neuron(2, "tanh").predict([0.0, 0.0])
            0.0
        """
        with no_grad():
            return to_floats(self(inputs))

    # --- parameters ------------------------------------------------------------------------------

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Walk the parameters with their dotted names, each parameter once.

        Returns:
            An iterator of pairs of a name and a parameter, in the order of their definition.

        Raises:
            TypeError: Parameters are in a set, which has no order.
            ValueError: Two parameters would have the same name.

        Example:
            >>> from nn import Neuron
            >>> [name for name, _ in Neuron(2).named_parameters()]
            ['weights.0', 'weights.1', 'bias']
        """
        found = self._names()
        named = {name: parameter for parameter, name in found.items()}
        if len(named) < len(found):
            twice = next(name for parameter, name in found.items() if named[name] is not parameter)
            raise ValueError(f"two parameters are named {twice!r}: give them different keys")
        return iter(named.items())

    def parameters(self) -> list[Value]:
        """List the parameters, each once, in the order of their definition.

        Raises:
            TypeError: Parameters are in a set, which has no order.

        Example:
            >>> from nn import MLP
            >>> len(MLP(2, [16, 16, 1]).parameters())
            337
        """
        return list(
            dict.fromkeys(p for values in self._values() for p in values if is_parameter(p))
        )

    def label_parameters(self) -> None:
        """Label every parameter with its dotted name, as errors and drawings show it.

        `Neuron`, `Layer` and `MLP` do so when they are built. A module of your own calls it at the
        end of its `__init__`, and so renames the parameters of the modules inside it. Neurons label
        what they compute likewise: `layers.0.neurons.3.net`, the net input, and `….out`.

        Raises:
            TypeError: Parameters are in a set, which has no order.

        Example:
            >>> from nn import Neuron
            >>> class Twice(Module):
            ...     def __init__(self):
            ...         self.inner = Neuron(1)
            ...         self.label_parameters()
            >>> Twice().inner.bias.label
            'inner.bias'
        """
        for parameter, name in self._names().items():
            parameter.label = name
        for name, module in _modules(self, "", set()):
            module._take_name(name)

    def _take_name(self, name: str) -> None:
        """Take note of the module's dotted name in the model that has labelled its parameters."""

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0.

        Example:
            >>> from nn import Neuron
            >>> neuron = Neuron(1, "linear")
            >>> neuron([2.0]).backward()
            >>> neuron.zero_grad()
            >>> neuron.bias.grad
            0.0
        """
        for values in self._values():
            for value in values:
                value.grad = 0.0

    def freeze(self, *names: str) -> None:
        """Have optimisers leave parameters as they are.

        Args:
            *names: Dotted names of parameters, or of what holds them; none for all.

        Raises:
            TypeError: A name is not a string.
            ValueError: Nothing has such a name; no parameter has changed.

        Example:
            >>> from nn import MLP
            >>> model = MLP(2, [3, 1])
            >>> model.freeze("layers.0", "layers.1.neurons.0.bias")
            >>> [name for name, p in model.named_parameters() if not is_frozen(p)][0]
            'layers.1.neurons.0.weights.0'
        """
        for parameter in self._named(names):
            parameter.op = FROZEN

    def unfreeze(self, *names: str) -> None:
        """Have optimisers change parameters again.

        Args:
            *names: As for `freeze`.

        Raises:
            TypeError: As for `freeze`.
            ValueError: As for `freeze`.

        Example:
            >>> from nn import MLP
            >>> model = MLP(2, [3, 1])
            >>> model.freeze()
            >>> model.unfreeze("layers.1")
            >>> [name for name, p in model.named_parameters() if not is_frozen(p)][0]
            'layers.1.neurons.0.weights.0'
        """
        for parameter in self._named(names):
            parameter.op = PARAMETER

    def _named(self, names: tuple[str, ...]) -> list[Value]:
        if not all(isinstance(name, str) for name in names):
            raise TypeError(f"names are strings, one an argument, got {names!r}")
        named = dict(self.named_parameters())
        if not names:
            return [*named.values()]
        chosen = {
            name: [p for full, p in named.items() if f"{full}.".startswith(f"{name}.")]
            for name in names
        }
        if unknown := [name for name, parameters in chosen.items() if not parameters]:
            raise ValueError(f"{self!r} has no parameters named {', '.join(map(repr, unknown))}")
        return [p for parameters in chosen.values() for p in parameters]

    # --- state -----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, float | list[float]]:
        """Copy the parameters' numbers: a float for a lone parameter, a list for a list of them.

        Returns:
            A dictionary by dotted names, in the order of the parameters' definition.

        Example:
            >>> from nn import Neuron
            >>> neuron = Neuron(2)
            >>> neuron.load_state_dict({"weights": [0.5, -1.0], "bias": 2.0})
            >>> neuron.state_dict()
            {'weights': [0.5, -1.0], 'bias': 2.0}
        """
        return {
            name: [parameter.data for parameter in entry] if isinstance(entry, list) else entry.data
            for name, entry in self._entries().items()
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set every parameter from a mapping like the one `state_dict` returns.

        Args:
            state: The numbers by name.

        Raises:
            TypeError: The state is not a mapping.
            ValueError: A name is missing or unexpected, a list has the wrong length, or something
                is not a number. The error lists all of this at once, and no parameter has changed.

        Example:
            >>> from nn import Neuron
            >>> neuron, other = Neuron(2, seed=1), Neuron(2, seed=2)
            >>> other.load_state_dict(neuron.state_dict())
            >>> other.state_dict() == neuron.state_dict()
            True
        """
        if not isinstance(state, Mapping):
            raise wrong_type("load_state_dict", state, "a mapping of names to numbers")
        entries = self._entries()
        problems = [f"{name!r} is missing" for name in entries if name not in state]
        problems += [f"{name!r} is unexpected" for name in state if name not in entries]
        updates: list[tuple[Value, float]] = []
        for name, entry in entries.items():
            if name not in state:
                continue
            numbers = state[name]
            if not isinstance(entry, list):
                entry, numbers = [entry], [numbers]
            else:
                try:
                    if isinstance(numbers, (str, bytes, bytearray, Mapping, Set, Iterator)):
                        raise TypeError
                    numbers = list(numbers)
                except TypeError:
                    problems.append(
                        f"{name!r} should be a list of {len(entry)} numbers: {shown(numbers)}"
                    )
                    continue
            if len(numbers) != len(entry):
                problems.append(f"{name!r} has length {len(numbers)}, expected {len(entry)}")
                continue
            for parameter, number in zip(entry, numbers, strict=True):
                if not isinstance(number, Real) or isinstance(number, bool):
                    problems.append(f"{name!r} holds {shown(number)}, which is not a number")
                    continue
                try:
                    updates.append((parameter, as_float(number, "load_state_dict")))
                except OverflowError:
                    problems.append(f"{name!r} holds a number too large for a float")
                except (TypeError, ValueError):
                    problems.append(f"{name!r} holds {shown(number)}, which is not a number")
        if problems:
            raise ValueError(
                f"the state does not fit this {type(self).__name__}:\n  " + "\n  ".join(problems)
            )
        for parameter, number in updates:
            parameter.data = number

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the parameters to a safetensors file, as arrays of doubles, bit for bit.

        The file appears whole or not at all; an older one of that name is replaced.

        Args:
            path: The file; `.safetensors` is the usual suffix.

        Raises:
            ImportError: NumPy or safetensors is missing.
            OSError: The file cannot be written.

        Example:
            >>> from tempfile import TemporaryDirectory
            >>> from nn import Neuron
            >>> neuron, other = Neuron(2, seed=1), Neuron(2, seed=2)
            >>> with TemporaryDirectory() as folder:
            ...     neuron.save(f"{folder}/neuron.safetensors")
            ...     other.load(f"{folder}/neuron.safetensors")
            >>> other.state_dict() == neuron.state_dict()
            True
        """
        numpy, safetensors = _array_packages()
        arrays = {name: numpy.array(entry) for name, entry in self.state_dict().items()}
        write_whole(path, safetensors.numpy.save(arrays))

    def load(self, path: str | os.PathLike[str]) -> None:
        """Set every parameter from a file that `save` wrote. Loading cannot run code.

        Args:
            path: The file.

        Raises:
            ImportError: NumPy or safetensors is missing.
            OSError: The file cannot be read.
            ValueError: The file is damaged, of another format, or of another model; no parameter
                has changed.

        Example:
            >>> from tempfile import TemporaryDirectory
            >>> from nn import Neuron
            >>> neuron = Neuron(2)
            >>> with TemporaryDirectory() as folder:
            ...     neuron.save(f"{folder}/neuron.safetensors")
            ...     neuron.bias.data = 1.0
            ...     neuron.load(f"{folder}/neuron.safetensors")
            >>> neuron.bias.data
            0.0
        """
        _, safetensors = _array_packages()
        content = Path(path).read_bytes()
        try:
            arrays = safetensors.numpy.load(content)
        except (safetensors.SafetensorError, KeyError) as error:  # KeyError: a type NumPy lacks
            raise ValueError(f"{path} is damaged or not a safetensors file: {error}") from error
        try:
            self.load_state_dict({name: array.tolist() for name, array in arrays.items()})
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def _values(self) -> Iterator[Sequence[Value]]:
        return (values for _, _, values in _groups(self, "", {id(self)}))

    def _names(self) -> dict[Value, str]:
        found: dict[Value, str] = {}
        for prefix, keys, values in _groups(self, "", {id(self)}):
            for key, value in zip(keys, values, strict=True):
                if value not in found and is_parameter(value):
                    found[value] = f"{prefix}{key}"
        return found

    def _entries(self) -> dict[str, Value | list[Value]]:
        """Group the parameters of a list, `weights.0`, `weights.1` …, under the list's name."""
        entries: dict[str, Any] = {}
        for name, parameter in self.named_parameters():
            group, _, key = name.rpartition(".")
            if key.isdecimal():
                entries.setdefault(group, []).append(parameter)
            else:
                entries[name] = parameter
        return entries


def _groups(
    owner: object, prefix: str, seen: set[int]
) -> Iterator[tuple[str, Iterable[object], Sequence[Value]]]:
    """Walk a module or container in order: yield a prefix of names, the keys under it, the Values.

    A list of Values comes in one piece, so that walking a million of them costs little.
    """
    for key, child in _children(owner):
        if isinstance(child, Value):
            yield prefix, (key,), (child,)
        elif isinstance(child, (set, frozenset)) and any(isinstance(x, Value) for x in child):
            raise TypeError(f"{prefix}{key}: a set has no order to name parameters by: use a list")
        elif isinstance(child, (Module, list, tuple, dict)) or _is_object_array(child):
            if id(child) in seen:
                continue
            seen.add(id(child))
            inner = child.ravel().tolist() if _is_object_array(child) else child
            if type(inner) is list and set(map(type, inner)) == {Value}:
                yield f"{prefix}{key}.", range(len(inner)), inner
            else:
                yield from _groups(inner, f"{prefix}{key}.", seen)


def _modules(owner: object, prefix: str, seen: set[int]) -> Iterator[tuple[str, Module]]:
    """Walk the modules in a module or container, itself first, with their dotted names."""
    if id(owner) in seen:
        return
    seen.add(id(owner))
    if isinstance(owner, Module):
        yield prefix, owner
    for key, child in _children(owner):
        if isinstance(child, (Module, list, tuple, dict)) or _is_object_array(child):
            yield from _modules(child, f"{prefix}.{key}" if prefix else f"{key}", seen)


def _children(owner: Any) -> Iterable[tuple[Any, Any]]:
    """Pair the children of a module or container with their keys, in order."""
    if _is_object_array(owner):
        owner = owner.ravel().tolist()
    if isinstance(owner, (list, tuple)):
        return enumerate(owner)
    return (owner if isinstance(owner, dict) else vars(owner)).items()


def _is_object_array(child: Any) -> bool:
    return getattr(getattr(child, "dtype", None), "kind", None) == "O"


def to_floats(outputs: Any) -> Any:
    """Take the numbers out of a Value, or of a sequence of them."""
    if isinstance(outputs, Value):
        return outputs.data
    if hasattr(outputs, "__iter__"):
        return [to_floats(output) for output in outputs]
    return float(outputs)


def _array_packages() -> tuple[Any, Any]:
    try:
        import numpy
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "saving and loading parameters needs NumPy and safetensors: install the extra 'train'"
        ) from error
    return numpy, safetensors
