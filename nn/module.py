"""The base of every model: trainable numbers, and the modules that own them."""

from __future__ import annotations

import copy
import copyreg
import inspect
import operator
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Real
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from autograd import Value, no_grad
from autograd.copying import NodesKept
from autograd.errors import counted, shown, some, wrong_type
from autograd.foreign import lacking
from autograd.kinds import BUFFER, FROZEN, PARAMETER, PARAMETER_KINDS, Kind
from autograd.reals import as_float
from autograd.tree import Opened, flatten
from autograd.writing import path_of
from nn.files import read_arrays, write_arrays
from nn.foreign import MODULE

__all__ = [
    "Buffer", "Module", "Parameter", "adopted", "evaluating", "is_buffer", "is_frozen",
    "is_parameter", "replica",
]  # fmt: skip

P = ParamSpec("P")
ModuleT = TypeVar("ModuleT", bound="Module")


def is_buffer(candidate: object) -> bool:
    """Tell whether something is a buffer.

    Example:
        >>> is_buffer(Buffer(1.0)), is_buffer(Parameter(1.0))
        (True, False)
    """
    return isinstance(candidate, Value) and candidate.op is BUFFER


def is_parameter(candidate: object) -> bool:
    """Tell whether something is a parameter, frozen or not.

    Example:
        >>> is_parameter(Parameter(1.0)), is_parameter(Value(1.0))
        (True, False)
    """
    if isinstance(candidate, Value):
        op = candidate.op
        for kind in PARAMETER_KINDS:
            if op is kind:
                return True
    return False


def _told_by(check: Callable[[object], bool]) -> Callable[[Callable[P, Value]], Callable[P, Value]]:
    """Decorate a function that makes Values of a kind: `isinstance` recognises Values of that kind.

    The result is a class without instances: calling it makes what the function makes.
    """

    class Kinds(type):
        def __instancecheck__(cls, candidate: object) -> bool:
            return check(candidate)

    def decorate(function: Callable[P, Value]) -> Callable[P, Value]:
        def make(cls: type, *args: P.args, **kwargs: P.kwargs) -> Value:
            return function(*args, **kwargs)

        make.__name__, make.__qualname__ = "__new__", f"{function.__qualname__}.__new__"  # for help
        return Kinds(
            function.__name__,
            (),
            {
                "__new__": make,
                "__doc__": function.__doc__,
                "__module__": function.__module__,
                "__signature__": inspect.signature(function),
            },
        )

    return decorate


def _leaf(kind: str, data: Any, label: str | None) -> Value:
    """Make a leaf; its errors name what the user calls."""
    try:
        return Value(data, label)
    except (TypeError, OverflowError, ValueError) as error:
        raise type(error)(str(error).replace("Value:", f"{kind}:", 1)) from None


@_told_by(is_parameter)
def Parameter(data: float, label: str | None = None, *, frozen: bool = False) -> Value:  # noqa: N802
    """Make a parameter: a Value that training changes, unless it is frozen.

    Args:
        data: Its number.
        label: Its name; see `Module.label_parameters`.
        frozen: Whether optimisers leave it as it is. Gradients reach it all the same.

    Returns:
        A leaf whose `op` is the kind `PARAMETER` or `FROZEN` of `autograd.value`.

    Raises:
        TypeError: `data` is not a real number, or `label` is not a string.

    Example:
        >>> w = Parameter(0.5, "w")
        >>> (w * 3.0).backward()
        >>> w.grad, is_frozen(w), isinstance(w, Parameter)
        (3.0, False, True)
    """
    parameter = _leaf("Parameter", data, label)
    parameter.op = FROZEN if frozen else PARAMETER
    return parameter


@_told_by(is_buffer)
def Buffer(data: float, label: str | None = None) -> Value:  # noqa: N802
    """Make a number of a model's state that is not a parameter, such as a running average.

    It is saved and loaded with the parameters, but optimisers do not see it. The model changes it
    by assigning to its `data`.

    Args:
        data: Its number.
        label: Its name; see `Module.label_parameters`.

    Returns:
        A leaf whose `op` is the kind `BUFFER` of `autograd.value`.

    Raises:
        TypeError: `data` is not a real number, or `label` is not a string.

    Example:
        >>> class Centred(Module):
        ...     def __init__(self):
        ...         self.mean = Buffer(0.0)
        ...
        ...     def __call__(self, x):
        ...         if self.training:
        ...             self.mean.data = 0.5 * self.mean.data + 0.5 * x
        ...         return x - self.mean
        >>> centred = Centred()
        >>> _ = centred(4.0)
        >>> centred.predict(5.0), centred.parameters(), centred.state_dict()
        (3.0, [], {'mean': 2.0})
    """
    buffer = _leaf("Buffer", data, label)
    buffer.op = BUFFER
    return buffer


def adopted(candidate: object) -> bool:
    """Tell whether something is a parameter; a leaf that the user made becomes one.

    This is asked of what attributes hold, and of what an optimiser is given. Constants, buffers,
    and results of operations, recorded or not, are not parameters.

    Example:
        >>> w = Value(1.0)
        >>> adopted(w), is_parameter(w), adopted(w * 2.0), adopted(Buffer(1.0)), adopted(1.0)
        (True, True, False, False, False)
    """
    if is_parameter(candidate):
        return True
    # Nodes of a function that is being traced have another type.
    if type(candidate) is not Value or candidate.parents or isinstance(candidate.op, Kind):
        return False
    candidate.op = PARAMETER
    return True


def is_frozen(parameter: Value) -> bool:
    """Tell whether optimisers leave a parameter as it is.

    Example:
        >>> is_frozen(Parameter(1.0, frozen=True)), is_frozen(Parameter(1.0))
        (True, False)
    """
    if not isinstance(parameter, Value):
        raise wrong_type("is_frozen", parameter, "a Parameter")
    return parameter.op is FROZEN


_evaluating: ContextVar[bool] = ContextVar("evaluating", default=False)


@contextmanager
def evaluating() -> Iterator[None]:
    """Put all modules into evaluation mode within the block, in this thread or task only.

    Returns:
        A context manager.

    Example:
        >>> with evaluating():
        ...     Module().training
        False
    """
    before = _evaluating.set(True)
    try:
        yield
    finally:
        _evaluating.reset(before)


class Module:
    """A model, or a part of one: an object whose attributes hold parameters and other modules.

    A subclass sets its parameters and modules as attributes, alone or in lists, tuples,
    dictionaries and NumPy arrays of objects, nested in any way, and defines `__call__`. They are
    found in the order in which they were set; one that is reachable in several ways (a shared
    weight) counts once, under its first name.

    A Value that was not computed from others is a parameter where an attribute holds it, as if
    `Parameter` had made it. Use a `Buffer` for a number that is saved but not trained, and a float
    for one that is neither.

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

    _training = True

    def __setattr__(self, name: str, part: Any) -> None:
        if (
            is_buffer(vars(self).get(name))
            and isinstance(part, (Value, Real))
            and not is_buffer(part)
        ):
            raise TypeError(
                f"{type(self).__name__}.{name} is a Buffer, which this would replace with a "
                f"{type(part).__name__}: assign to its number, self.{name}.data = ..., or a new "
                "Buffer"
            )
        super().__setattr__(name, part)

    if not TYPE_CHECKING:  # a type checker would accept any attribute name

        def __getattr__(self, name: str) -> Any:
            raise lacking(type(self).__name__, name, MODULE, self)

    def __call__(self, inputs: Any) -> Any:
        """Compute the outputs of one sample; a subclass defines how.

        Args:
            inputs: What the subclass takes.

        Returns:
            A Value, or several in a list or tuple, for most losses and for `predict`.

        Raises:
            NotImplementedError: The subclass does not define it.
        """
        also = ": call its forward __call__" if hasattr(self, "forward") else ""
        raise NotImplementedError(f"{type(self).__name__} does not define __call__{also}")

    def predict(self, inputs: Any) -> Any:
        """Compute the outputs of one sample as plain floats, without recording.

        The module and all its parts are in evaluation mode meanwhile: see `eval`.

        Args:
            inputs: What the module takes.

        Returns:
            A float, or a list of floats if the module returns several Values.

        Example:
            >>> from nn import Neuron
            >>> Neuron(2, "tanh").predict([0.0, 0.0])
            0.0
        """
        before = _evaluating.set(True)
        try:
            with no_grad():
                return to_floats(self(inputs))
        finally:
            _evaluating.reset(before)

    # --- modes -----------------------------------------------------------------------------------

    @property
    def training(self) -> bool:
        """Whether the module is in training mode (the default); see `train` and `eval`."""
        return self._training and not _evaluating.get()

    @training.setter
    def training(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise TypeError(
                f"{type(self).__name__}.training must be True or False, got {shown(mode)}"
            )
        vars(self)["_training"] = mode

    def train(self: ModuleT, mode: bool = True) -> ModuleT:
        """Put the module, and every module in it, into training mode.

        What a mode changes is up to each module: `Dropout` drops inputs in training mode only.
        `fit` trains each part in its current mode; `predict`, and `fit` when it measures, use
        evaluation mode. Compiled code keeps the mode in which the module was traced.

        Args:
            mode: False for evaluation mode.

        Returns:
            The module.

        Raises:
            TypeError: `mode` is neither True nor False.

        Example:
            >>> from nn import MLP
            >>> model = MLP(2, [3, 1])
            >>> model.eval().layers[0].training, model.train().layers[0].training
            (False, True)
        """
        for _, module in [*_modules(self)]:
            module.training = mode
        return self

    def eval(self: ModuleT) -> ModuleT:
        """Put the module, and every module in it, into evaluation mode.

        Returns:
            The module.

        Example:
            >>> from nn import Dropout
            >>> Dropout(0.5).eval()([1.0, 2.0])
            [1.0, 2.0]
        """
        return self.train(False)

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
        return iter(self._named(adopted, PARAMETER).items())

    def named_buffers(self) -> Iterator[tuple[str, Value]]:
        """Walk the buffers with their dotted names, each buffer once.

        Returns:
            An iterator of pairs of a name and a buffer, in the order of their definition.

        Raises:
            TypeError: Values are in a set, which has no order.
            ValueError: Two buffers would have the same name.

        Example:
            >>> class Counting(Module):
            ...     def __init__(self):
            ...         self.count = Buffer(0.0)
            >>> [(name, buffer.data) for name, buffer in Counting().named_buffers()]
            [('count', 0.0)]
        """
        return iter(self._named(is_buffer, BUFFER).items())

    def _replica(
        self, nodes_for: Callable[[list[Value]], list[Value]]
    ) -> tuple[list[str], Any] | None:
        """Copy the module with new nodes for its parameters, quickly: see `replica`."""
        if type(self).named_parameters is not Module.named_parameters or (
            "named_parameters" in vars(self)
        ):
            return None
        return replica(self, nodes_for)

    def parameters(self) -> list[Value]:
        """List the parameters, each once, in the order of their definition.

        Raises:
            TypeError: Parameters are in a set, which has no order.

        Example:
            >>> from nn import MLP
            >>> len(MLP(2, [16, 16, 1]).parameters())
            337
        """
        return list(dict.fromkeys(p for values in self._values() for p in values if adopted(p)))

    def label_parameters(self) -> None:
        """Label every parameter and buffer with its dotted name, which errors and drawings show.

        `Neuron`, `Layer` and `MLP` do so when they are built. Call it at the end of the `__init__`
        of your own module; this also renames the parameters of the modules inside it. Neurons
        label their results in the same way: `layers.0.neurons.3.net`, the net input, and `….out`.

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
        for value, name in self._names(_is_state, PARAMETER).items():
            value.label = name
        for name, module in _modules(self):
            module._take_name(name)

    def _take_name(self, name: str) -> None:
        """Note the module's dotted name in the model that labelled its parameters."""

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
        """Freeze parameters: optimisers leave them as they are.

        Args:
            *names: Dotted names of parameters, or of what holds them; without names, all.

        Raises:
            TypeError: A name is not a string.
            ValueError: Nothing has that name; no parameter has changed.

        Example:
            >>> from nn import MLP
            >>> model = MLP(2, [3, 1])
            >>> model.freeze("layers.0", "layers.1.neurons.0.bias")
            >>> [name for name, p in model.named_parameters() if not is_frozen(p)][0]
            'layers.1.neurons.0.weights.0'
        """
        for parameter in self._chosen(names):
            parameter.op = FROZEN

    def unfreeze(self, *names: str) -> None:
        """Unfreeze parameters: optimisers change them again.

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
        for parameter in self._chosen(names):
            parameter.op = PARAMETER

    def _chosen(self, names: tuple[str, ...]) -> list[Value]:
        if not all(isinstance(name, str) for name in names):
            wrong = next(name for name in names if not isinstance(name, str))
            raise TypeError(
                f"{type(self).__name__}: each argument must be the name of parameters, a str, got "
                f"{type(wrong).__name__}: {shown(wrong)}"
            )
        named = dict(self.named_parameters())
        if not names:
            return [*named.values()]
        chosen = {
            name: [p for full, p in named.items() if f"{full}.".startswith(f"{name}.")]
            for name in names
        }
        if unknown := [name for name, parameters in chosen.items() if not parameters]:
            raise ValueError(
                f"{shown(self)} has no parameters named {some(map(shown, unknown))}: their names "
                f"are {some([*named], most=3)}, and any part of these before a dot"
            )
        return [p for parameters in chosen.values() for p in parameters]

    # --- state -----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, float | list[float]]:
        """Copy the numbers of parameters and buffers: a float for a single one, a list for a list.

        Returns:
            A dictionary by dotted names, in the order of definition.

        Raises:
            TypeError: Values are in a set, which has no order.
            ValueError: `parameters()` of a subclass lists what no attribute holds; or two would
                have the same name.

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
        """Set every parameter and buffer from a mapping like the one `state_dict` returns.

        Args:
            state: The numbers by name.

        Raises:
            TypeError: The state is not a mapping.
            ValueError: A name is missing or unexpected, a list has the wrong length, or something
                is not a number. The error lists all of this at once, and no parameter has changed.
                Or `parameters()` of a subclass lists what no attribute holds.

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
        unexpected = [name for name in state if name not in entries]
        problems += [f"{shown(name)} is unexpected" for name in unexpected[:100]]
        problems += [f"… and {len(unexpected) - 100:,} more"] if len(unexpected) > 100 else []
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
                        f"{name!r} should be a list of {counted(len(entry), 'number')}, got "
                        f"{shown(numbers)}"
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
                f"the state does not fit this {type(self).__name__}:\n  "
                + some(problems, "\n  ", 20)
            )
        for parameter, number in updates:
            parameter.data = number

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write parameters and buffers to a safetensors file, as arrays of doubles, bit for bit.

        The file appears whole or not at all; it replaces an older file of that name and keeps its
        permissions. A checksum in the metadata lets `load` detect damage.

        Args:
            path: The file; `.safetensors` is the usual suffix.

        Raises:
            ImportError: NumPy or safetensors is missing.
            OSError: The file cannot be written.
            ValueError: There is nothing to save: no attribute holds a Value. Or `parameters()` of a
                subclass lists what no attribute holds.

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
        state = self.state_dict()
        if not state:
            raise ValueError(
                f"{type(self).__name__} has nothing to save: neither its attributes, nor the "
                "lists, tuples, dictionaries and Modules in them, hold a Value"
            )
        write_arrays(path_of(path, f"{type(self).__name__}.save"), state)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Set every parameter and buffer from a file that `save` wrote. Loading cannot run code.

        Files that other programs write in the safetensors format work too.

        Args:
            path: The file.

        Raises:
            ImportError: NumPy or safetensors is missing.
            OSError: The file cannot be read.
            ValueError: The file is damaged, of a different format, or of another model; no
                parameter has changed.

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
        name = path_of(path, f"{type(self).__name__}.load")
        state = read_arrays(name)
        try:
            self.load_state_dict(state)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    def _values(self) -> Iterator[Sequence[Value]]:
        return (values for _, _, values in _groups(self))

    def _names(self, wanted: Callable[[Value], bool], kind: Kind) -> dict[Value, str]:
        """Name the wanted Values; those of a kind are wanted without a further check."""
        found: dict[Value, str] = {}
        for prefix, keys, values in _groups(self):
            for key, value in zip(keys, values, strict=True):
                if (value.op is kind or wanted(value)) and value not in found:
                    found[value] = f"{prefix}{key}"
        return found

    def _named(self, wanted: Callable[[Value], bool], kind: Kind) -> dict[str, Value]:
        found = self._names(wanted, kind)
        named = dict(zip(found.values(), found, strict=True))
        if len(named) < len(found):
            twice = next(name for value, name in found.items() if named[name] is not value)
            raise ValueError(
                f"{type(self).__name__}: two parameters are named {twice!r}: give them different "
                "keys"
            )
        return named

    def _entries(self) -> dict[str, Value | list[Value]]:
        """Group the parameters of a list, `weights.0`, `weights.1` …, under the list's name.

        They are sorted by index, even if a dictionary holds them in another order.
        """
        named = self._named(_is_state, PARAMETER)
        if type(self).named_parameters is not Module.named_parameters:
            named = {**dict(self.named_parameters()), **self._named(is_buffer, BUFFER)}
        self._require_held(named)
        entries: dict[str, Any] = {}
        for name in named:
            group, _, key = name.rpartition(".")
            entry = entries.setdefault(group, []) if key.isdecimal() else None
            if entry is None and name not in entries:
                entries[name] = named[name]
            elif isinstance(entry, list):
                entry.append((int(key), name))
            else:
                raise ValueError(
                    f"{type(self).__name__}: {name!r} and the items of a list have names that "
                    "cannot be told apart: rename one"
                )
        return {
            group: [named[name] for _, name in sorted(entry)] if isinstance(entry, list) else entry
            for group, entry in entries.items()
        }

    def _require_held(self, named: Mapping[str, Value]) -> None:
        """Refuse a state that lacks parameters which a subclass's `parameters()` lists."""
        others = [
            (place, module)
            for place, module in _modules(self)
            if getattr(module.parameters, "__func__", None) is not Module.parameters
        ]
        held = set(named.values()) if others else set()
        for place, module in others:
            parameters: Any = module.parameters
            listed = list(parameters() if callable(parameters) else parameters)
            missing = [p for p in listed if not isinstance(p, Value) or p not in held]
            if missing:
                examples = [
                    repr(p)[:100] if isinstance(p, Value) else shown(p) for p in missing[:3]
                ]
                whose = f" of {place!r}" if place else ""
                raise ValueError(
                    f"{type(module).__name__}.parameters(){whose} lists what no attribute holds: "
                    f"{', '.join(examples)}{', …' * (len(missing) > 3)} "
                    f"({len(missing)} of {len(listed)}), so a state or file would lack them. Keep "
                    "Values that were not computed from others in attributes, alone or in lists, "
                    "tuples and dictionaries, and let parts that hold them be Modules"
                )


def _is_state(value: Value) -> bool:
    return value.op is BUFFER or adopted(value)


# --- what modules hold ---------------------------------------------------------------------------

SEQUENCES = (list, tuple, deque)
CONTAINERS = (*SEQUENCES, dict, MappingProxyType)


def _groups(owner: Module) -> Iterator[tuple[str, Iterable[object], Sequence[Value]]]:
    """Walk a module in order: yield a name prefix, the keys under it, and the Values.

    A list of Values comes in one piece, so that walking a million of them costs little.
    """
    for prefix, key, part, of_values in _parts(owner):
        if of_values:
            yield f"{prefix}{key}.", range(len(part)), part
        elif isinstance(part, Value):
            yield prefix, (key,), (part,)
        elif isinstance(part, (set, frozenset)) and any(isinstance(x, Value) for x in part):
            raise TypeError(f"{prefix}{key}: a set has no order for naming parameters: use a list")


def _modules(owner: Module) -> Iterator[tuple[str, Module]]:
    """Walk the modules in a module, itself first, with their dotted names."""
    yield "", owner
    for prefix, key, part, _ in _parts(owner):
        if isinstance(part, Module):
            yield f"{prefix}{key}", part


def _parts(owner: Module) -> Iterator[tuple[str, Any, Any, bool]]:
    """Walk what a module holds, outer before inner.

    A container comes once, under its first name; parts that hold nothing are left out.

    Returns:
        For each part, a name prefix, a key, the part, and whether it is a list of Values.
    """
    seen = {id(owner)}
    stack = [("", iter(_children(owner)))]
    while stack:
        prefix, children = stack[-1]
        for key, part in children:
            kind = type(part)
            if kind in PLAIN:
                continue
            kinds: set[type] = set()
            is_array = False
            if kind is list or kind is tuple:
                kinds = {*map(type, part)}
                if kinds <= PLAIN:
                    continue
            elif kind is Value or not (
                isinstance(part, HOLDERS) or (is_array := _is_object_array(part))
            ):
                yield prefix, key, part, False
                continue
            if id(part) in seen:
                continue
            seen.add(id(part))
            if is_array:
                part = part.ravel().tolist()
                kinds = {*map(type, part)}
            of_values = kinds == OF_VALUES and kind is not tuple
            yield prefix, key, part, of_values
            if not of_values:
                stack.append((f"{prefix}{key}.", iter(_children(part))))
                break
        else:
            stack.pop()


HOLDERS = (Module, *CONTAINERS)
"""Containers, apart from arrays of objects."""
PLAIN = {float, int, bool, str, bytes, type(None), type(_parts)}
"""Common types of attributes, which hold neither Values nor modules."""
OF_VALUES = {Value}


def replica(
    model: Module, nodes_for: Callable[[list[Value]], list[Value]]
) -> tuple[list[str], Module] | None:
    """Copy a model with new nodes in place of its parameters, in one walk that also names them.

    `copy.deepcopy` with a memo, and `named_parameters`, would do, but take several times as long as
    the model itself. So the usual parts of models are copied here with the same result: modules
    that do not customise copying, lists, tuples and dictionaries. `deepcopy` copies whatever else a
    module holds; if that might hold parameters, the walk is given up.

    Args:
        model: The model.
        nodes_for: Makes the nodes that stand for the parameters, in their order.

    Returns:
        The names of the parameters and the copy; None if the walk cannot copy this model.

    Example:
        >>> line = Module()
        >>> line.weights = [Parameter(1.0), Parameter(2.0)]
        >>> names, copied = replica(line, lambda parameters: [Value(-p.data) for p in parameters])
        >>> names, [weight.data for weight in copied.weights]
        (['weights.0', 'weights.1'], [-1.0, -2.0])
    """
    walk = _Replica()
    try:
        copied = walk.module(model, "")
    except _NotWalkedError:
        return None
    known = len({*walk.parameters})  # fewer if one is both in a list and elsewhere
    if known < len(walk.parameters) or len({*walk.names}) < len(walk.names):
        return None
    walk.fill(nodes_for(walk.parameters))
    return walk.names, copied


class _NotWalkedError(Exception):
    """A model holds something that the walk cannot copy."""


class _Replica:
    """The walk of `replica`: it copies what holds parameters, and fills the copies at the end.

    Attributes:
        parameters: The parameters met so far.
        names: Their names.
    """

    __slots__ = (
        "_digits", "_later", "_lists", "_lone", "_made", "_originals", "_places", "_simple",
        "names", "parameters",
    )  # fmt: skip

    def __init__(self) -> None:
        self.parameters: list[Value] = []
        self.names: list[str] = []
        self._places: dict[Value, int] = {}  # in `parameters`, of those in no list
        self._lone: list[tuple[Any, Any, int]] = []  # container, key, place in `parameters`
        self._lists: list[tuple[list[Value], int, int]] = []  # copy, start, end in `parameters`
        self._made: dict[int, Any] = {}  # copies by the identity of the original,
        self._originals: list[Any] = []  # which is kept, so that its identity is not reused
        self._later: list[tuple[dict[str, Any], str, Any]] = []
        self._simple: set[type] = set()  # classes of modules known to be simple
        self._digits: list[str] = []

    def fill(self, nodes: list[Value]) -> None:
        """Put nodes in place of the parameters, and copy whatever else the modules hold."""
        for made, start, end in self._lists:
            made += nodes[start:end]
        for container, key, place in self._lone:
            container[key] = nodes[place]
        if self._later:
            memo = NodesKept(self._made)
            memo.update(zip(map(id, self.parameters), nodes, strict=True))
            for attributes, name, original in self._later:
                attributes[name] = copy.deepcopy(original, memo)

    def module(self, original: Module, prefix: str) -> Module:
        """Copy a module; the names of its parts begin with the prefix."""
        kind = type(original)
        if kind not in self._simple:
            if not _is_simple(kind):
                raise _NotWalkedError
            self._simple.add(kind)
        held = vars(original)
        if "__deepcopy__" in held:
            raise _NotWalkedError
        made = kind.__new__(kind)
        self._keep(original, made)
        attributes = vars(made)
        attributes.update(held)
        for name, part in held.items():
            kind = type(part)
            if kind in PLAIN or (kind is tuple and {*map(type, part)} <= PLAIN):
                continue
            if kind in WALKED or isinstance(part, (Module, Value)):
                self._put(attributes, name, part, prefix + name)
            elif isinstance(part, NOT_WALKED) or _is_object_array(part):
                raise _NotWalkedError
            else:
                self._later.append((attributes, name, part))
        return made

    def _put(self, container: Any, key: Any, part: Any, name: str) -> None:
        """Replace a part in a container by its copy."""
        if type(part) is not Value:
            container[key] = self._part(part, name)
            return
        place = self._places.get(part)
        if place is None:
            if part.op is not PARAMETER and not adopted(part):
                return
            place = self._places[part] = len(self.parameters)
            self.parameters.append(part)
            self.names.append(name)
        self._lone.append((container, key, place))

    def _part(self, original: Any, name: str) -> Any:
        kind = type(original)
        if kind in PLAIN:
            return original
        if id(original) in self._made:
            return self._made[id(original)]
        made: Any
        if kind is list:
            if original and _are_parameters(original):
                start, count = len(self.parameters), len(original)
                self.parameters += original
                while len(self._digits) < count:
                    self._digits.append(str(len(self._digits)))
                prefix = f"{name}."
                self.names += [prefix + digits for digits in self._digits[:count]]
                self._keep(original, made := [])
                self._lists.append((made, start, start + count))
                return made
            self._keep(original, made := [*original])
            for i, part in enumerate(original):
                self._put(made, i, part, f"{name}.{i}")
        elif kind is dict:
            if not {*map(type, original)} <= PLAIN:
                raise _NotWalkedError
            self._keep(original, made := {**original})
            for key, part in original.items():
                self._put(made, key, part, f"{name}.{key}")
        elif kind is tuple:
            if {*map(type, original)} <= PLAIN:
                return original
            if any(isinstance(part, Value) for part in original):  # Values are filled in at the end
                raise _NotWalkedError
            parts = [self._part(part, f"{name}.{i}") for i, part in enumerate(original)]
            if id(original) in self._made:  # it contains itself, further down
                return self._made[id(original)]
            if all(map(operator.is_, original, parts)):
                return original
            self._keep(original, made := tuple(parts))
        elif isinstance(original, Module):
            made = self.module(original, f"{name}.")
        else:
            raise _NotWalkedError
        return made

    def _keep(self, original: Any, made: Any) -> None:
        self._made[id(original)] = made
        self._originals.append(original)


def _are_parameters(values: list[Value]) -> bool:
    for value in values:  # noqa: SIM110 (in a third of the time of `all`)
        if type(value) is not Value or value.op is not PARAMETER:
            return False
    return True


WALKED = {Value, list, tuple, dict}
NOT_WALKED = (*CONTAINERS, set, frozenset)


def _is_simple(kind: type) -> bool:
    """Tell whether `deepcopy` would make an empty module and copy its attributes."""
    return (
        kind.__basicsize__ == Module.__basicsize__  # no slots
        and not any(hasattr(kind, name) for name in _SAYING_HOW)
        and all(getattr(kind, name, None) is getattr(object, name, None) for name in _AS_OF_ALL)
        and getattr(kind, "__getattr__", None) is getattr(Module, "__getattr__", None)
        and kind not in copyreg.dispatch_table
    )


_SAYING_HOW = ("__deepcopy__", "__getnewargs__", "__getnewargs_ex__", "__setstate__")
_AS_OF_ALL = ("__reduce__", "__reduce_ex__", "__getstate__", "__getattribute__")


def _children(owner: Any) -> Iterable[tuple[Any, Any]]:
    """Pair the children of a module or container with their keys, in order."""
    if not isinstance(owner, Module):
        items: Any = enumerate(owner) if isinstance(owner, SEQUENCES) else owner.items()
        return items  # type: ignore[no-any-return]
    if type(owner).__basicsize__ == Module.__basicsize__:  # no slots
        return vars(owner).items()
    slots = {
        name: getattr(owner, name)
        for base in reversed(type(owner).__mro__)
        for name in _slots(base)
        if not name.startswith("__") and hasattr(owner, name)
    }
    return (slots | vars(owner)).items() if slots else vars(owner).items()


def _slots(base: type) -> Iterable[str]:
    slots = vars(base).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else slots


def _is_object_array(child: Any) -> bool:
    return getattr(getattr(child, "dtype", None), "kind", None) == "O"


def to_floats(outputs: Any) -> Any:
    """Return the numbers in a Value, or in a sequence of Values."""
    if isinstance(outputs, Value):
        return outputs.data
    if type(outputs) is list and {*map(type, outputs)} == {Value}:  # as those of most models
        return [output.data for output in outputs]
    leaves, tree = flatten(outputs, children_of=_iterated)
    return tree.unflatten([x.data if isinstance(x, Value) else float(x) for x in leaves])


def _iterated(part: Any) -> Opened | None:
    if isinstance(part, Value) or not hasattr(part, "__iter__"):
        return None
    parts = [*part]
    return list, range(len(parts)), parts, None
