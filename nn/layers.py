"""The textbook networks: neurons, layers, multi-layer perceptrons; and dropout."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Mapping, Sequence, Set
from math import sqrt
from numbers import Real
from typing import Any

from autograd import Value, net, tracing
from autograd.errors import counted, shown, whole_number, wrong_type
from autograd.functions import Operands
from autograd.reals import as_float
from autograd.rule import VALUES
from autograd.rules import RULES
from nn.module import Buffer, Module, Parameter, evaluating
from nn.tables import Predictor, is_table

__all__ = ["MLP", "Activation", "Dropout", "Layer", "Neuron"]

Activation = str | Callable[[Value], Value] | None
"""The name of a function of `autograd`, "linear" or None for the identity, or a function."""

# Rectifiers keep about half of the variance, for which He's initialisation compensates.
RECTIFIERS = {"relu", "leaky_relu", "elu", "gelu", "silu", "softplus"}
# Functions of several operands, all but the first with defaults.
WITH_DEFAULTS = {("x", "slope"), ("x", "alpha")}


class OfRows(Module):
    """A model that takes rows of `nin` numbers; its `predict` takes tables of them as well."""

    def predict(self, inputs: Any) -> Any:
        """Compute the outputs for one sample, or for a table, as plain floats; nothing is recorded.

        Args:
            inputs: What the model is called with; or a table with a row for each sample: a list of
                lists, a two-dimensional array, or a pandas frame.

        Returns:
            A float, or a list of floats if there are several outputs; for a table, an array of
            shape (rows, outputs), computed by machine code if the table is long.

        Raises:
            ModuleNotFoundError: The input is a table, and NumPy is missing.
            TypeError: Something is not a number.
            ValueError: The number of inputs, or of columns, is not `nin`.

        Example:
            >>> model = Neuron(2, "linear")
            >>> model.load_state_dict({"weights": [1.0, 2.0], "bias": 0.5})
            >>> model.predict([1.0, 1.0])
            3.5
            >>> model.predict([[1.0, 1.0], [0.0, 0.0]]).tolist()
            [[3.5], [0.5]]
        """
        if not is_table(inputs):
            return super().predict(inputs)
        predictor = vars(self).setdefault("_predictor", Predictor())
        with evaluating():
            return predictor.outputs(self, inputs, parts_of(self))


class Neuron(OfRows):
    """A neuron: `activation(weights · inputs + bias)`.

    The net input is one node of the graph. The weights are drawn from a normal distribution with
    mean 0 and variance 2 / nin for a rectifier (He et al. 2015: relu, leaky_relu, elu, gelu, silu,
    softplus), and 2 / (nin + nout) for any other activation (Glorot and Bengio 2010). The bias
    starts at 0; for a neuron without bias, freeze it.

    Args:
        nin: The number of inputs.
        activation: The name of a function of `autograd`, "linear" or None for the identity, or any
            function from Value to Value.
        bias: A bias shared with other neurons; None gives this one its own.
        nout: The number of neurons with the same inputs.
        seed: A seed for the weights, or a generator to draw them from.

    Raises:
        ValueError: A size is less than 1, or there is no activation of that name.

    Example:
        >>> neuron = Neuron(2, "tanh")
        >>> output = neuron([Value(1.0), Value(-1.0)])
        >>> output.op, output.parents[0].op, len(output.parents[0].parents)
        ('tanh', 'net', 5)
    """

    def __init__(
        self,
        nin: int,
        activation: Activation = "tanh",
        *,
        bias: Value | None = None,
        nout: int = 1,
        seed: int | random.Random = 0,
    ) -> None:
        nin, nout = _size("Neuron: nin", nin), _size("Neuron: nout", nout)
        if bias is not None and not isinstance(bias, Value):
            raise wrong_type("Neuron: bias", bias, "a Parameter, to be shared, or None")
        self.activation = _function("Neuron", activation)
        self.nin = nin
        generator = _generator("Neuron", seed)
        rectifies = _name(self.activation) in RECTIFIERS
        deviation = sqrt(2.0 / (nin if rectifies else nin + nout))
        self.weights = [Parameter(generator.gauss(0.0, deviation)) for _ in range(nin)]
        self.bias = Parameter(0.0) if bias is None else bias
        self.label_parameters()

    def __call__(self, inputs: Sequence[float | Value] | Operands) -> Value:
        """Compute the output for `nin` inputs.

        Args:
            inputs: `nin` numbers or Values.

        Returns:
            The output, labelled `out`, whose parent is the net input, labelled `net`; if a function
            was passed as activation, whatever it returns.

        Raises:
            TypeError: An input is neither a Value nor a real number.
            ValueError: The number of inputs is not `nin`.
        """
        try:
            total = net(self.weights, inputs, self.bias)
        except TypeError:
            _refuse_table(self, inputs)
            raise
        output = self.activation(total)
        # Names for errors and drawings; a user's activation may return anything.
        total._label, label = self._labels
        if output is total or (isinstance(output, Value) and output._label is None):
            output._label = label
        return output

    def _take_name(self, name: str) -> None:
        self._labels = (f"{name}.net", f"{name}.out") if name else ("net", "out")

    def __repr__(self) -> str:
        return f"Neuron({self.nin}, activation={_name(self.activation)})"


class Layer(OfRows):
    """Neurons side by side: all take the same inputs, and none takes another's output.

    Args:
        nin: The number of inputs.
        nout: The number of neurons.
        activation: As for `Neuron`.
        shared_bias: Whether the neurons share one bias.
        seed: As for `Neuron`.

    Raises:
        ValueError: A size is less than 1, or there is no activation of that name.

    Example:
        >>> layer = Layer(3, 2, "relu", shared_bias=True)
        >>> [name for name, _ in layer.named_parameters()][:3]
        ['bias', 'neurons.0.weights.0', 'neurons.0.weights.1']
        >>> len(layer([1.0, 2.0, 3.0]))
        2
    """

    def __init__(
        self,
        nin: int,
        nout: int,
        activation: Activation = "tanh",
        *,
        shared_bias: bool = False,
        seed: int | random.Random = 0,
    ) -> None:
        nin, nout = _size("Layer: nin", nin), _size("Layer: nout", nout)
        activation = _function("Layer", activation)
        generator = _generator("Layer", seed)
        self.nin = nin
        self.bias = Parameter(0.0) if shared_bias else None
        self.neurons = [
            Neuron(nin, activation, bias=self.bias, nout=nout, seed=generator) for _ in range(nout)
        ]
        self.label_parameters()

    def __call__(self, inputs: Sequence[float | Value]) -> list[Value]:
        """Compute each neuron's output.

        Args:
            inputs: `nin` numbers or Values.

        Returns:
            One Value for each neuron.

        Raises:
            TypeError: An input is neither a Value nor a real number.
            ValueError: The number of inputs is not `nin`.
        """
        try:
            operands = Operands(inputs, "Layer")  # examined once for all neurons
        except TypeError:
            _refuse_table(self, inputs)
            raise
        if len(operands.data) != self.nin:
            raise ValueError(
                f"{self!r} takes {counted(self.nin, 'input')}, got {len(operands.data):,}"
            )
        return [neuron(operands) for neuron in self.neurons]

    def __repr__(self) -> str:
        activation = _name(self.neurons[0].activation)
        return f"Layer({self.nin}, {len(self.neurons)}, activation={activation})"


class MLP(OfRows):
    """A multi-layer perceptron: layers in sequence, each taking the outputs of the one before.

    Args:
        nin: The number of inputs.
        sizes: The number of neurons in each layer; those of the last layer are the outputs.
        activation: The activation of the hidden layers, as for `Neuron`.
        output_activation: The activation of the last layer.
        shared_bias: Whether the neurons of a layer share one bias.
        seed: The seed of the weights; the same seed gives the same weights.

    Raises:
        TypeError: A size is not an integer.
        ValueError: There is no layer, a size is less than 1, or there is no activation of that
            name.

    Example:
        >>> model = MLP(2, [16, 16, 1], seed=42)
        >>> model
        MLP(2, [16, 16, 1], activation=relu, output_activation=linear)
        >>> model([0.5, -1.0]).backward()
        >>> model.layers[0].neurons[3].weights[1].label
        'layers.0.neurons.3.weights.1'
    """

    def __init__(
        self,
        nin: int,
        sizes: Sequence[int],
        activation: Activation = "relu",
        output_activation: Activation = "linear",
        *,
        shared_bias: bool = False,
        seed: int | random.Random = 0,
    ) -> None:
        nin, sizes = _size("MLP: nin", nin), _sizes(sizes)
        activation = _function("MLP", activation)
        output_activation = _function("MLP", output_activation, "output_activation")
        generator = _generator("MLP", seed)
        activations = [activation] * (len(sizes) - 1) + [output_activation]
        self.nin = nin
        self.layers = [
            Layer(size_before, size, function, shared_bias=shared_bias, seed=generator)
            for size_before, size, function in zip(
                [nin, *sizes[:-1]], sizes, activations, strict=True
            )
        ]
        self.label_parameters()

    def __call__(self, inputs: Sequence[float | Value]) -> Any:
        """Compute the outputs for one sample.

        Args:
            inputs: `nin` numbers or Values.

        Returns:
            A Value if the last layer has one neuron, a list of Values otherwise.

        Raises:
            TypeError: An input is neither a Value nor a real number.
            ValueError: The number of inputs is not `nin`.
        """
        outputs = inputs
        for layer in self.layers:
            outputs = layer(outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def __repr__(self) -> str:
        sizes = [len(layer.neurons) for layer in self.layers]
        hidden, output = (_name(self.layers[i].neurons[0].activation) for i in (0, -1))
        return f"MLP({self.nin}, {sizes}, activation={hidden}, output_activation={output})"


class Dropout(Module):
    """Drop inputs at random in training, and none in evaluation.

    In training mode each input is set to 0 with probability `p`, and otherwise divided by `1 - p`,
    so that its mean is unchanged (Srivastava et al. 2014); in evaluation mode the inputs pass
    unchanged. `Module.train` and `Module.eval` choose the mode; `predict` evaluates.

    The dropped inputs depend on the seed, the module's name in its model (see
    `Module.label_parameters`), and the number of masks drawn so far, which a `Buffer` counts: so a
    training run that is resumed from a file continues with the same masks.

    Compiled code cannot draw: a mask would be frozen. Draw masks outside, by `mask`, and pass them
    as inputs; without a mask, compiling in training mode is an error.

    Args:
        p: The probability that an input is dropped, from 0 to 1.
        seed: The seed of the masks; give several modules in one model different seeds.

    Raises:
        TypeError: `p` is not a number, or `seed` not an integer.
        ValueError: `p` is not from 0 to 1.

    Example:
        >>> dropout = Dropout(0.5, seed=1)
        >>> dropout([1.0, 2.0, 3.0, 4.0])
        [0.0, 4.0, 6.0, 0.0]
        >>> dropout.predict([1.0, 2.0, 3.0, 4.0])
        [1.0, 2.0, 3.0, 4.0]
        >>> from autograd import compile
        >>> thinned = compile(lambda x, mask: dropout(x, mask), in_axes=0)
        >>> thinned([[1.0, 2.0], [3.0, 4.0]], [dropout.mask(2) for _ in range(2)])
        [array([2., 0.]), array([0., 0.])]
    """

    def __init__(self, p: float = 0.5, seed: int = 0) -> None:
        self.p = as_float(p, "Dropout", "a probability")
        if not 0.0 <= self.p <= 1.0:
            raise ValueError(f"Dropout: p, a probability, must be from 0 to 1, got {p!r}")
        self.seed = whole_number(seed, "Dropout: seed")
        self.drawn = Buffer(0.0)
        self._name = ""
        self.label_parameters()

    def __call__(self, inputs: Any, mask: Any = None) -> Any:
        """Drop some of the inputs, in training mode.

        Args:
            inputs: Numbers or Values; or a single one, and then the output is single too.
            mask: A factor for each input, which is used in both modes; None draws them, in training
                mode.

        Returns:
            The outputs: a list, or a single one if the input is single.

        Raises:
            TypeError: An input is neither a Value nor a real number; or this is being compiled, in
                training mode, without a mask.
            ValueError: The mask has a different length.
        """
        if isinstance(inputs, (Value, Real)):
            (output,) = self([inputs], None if mask is None else _listed(mask))
            return output
        inputs = [*inputs]
        if mask is None:
            if not self.training or self.p == 0.0:
                return inputs
            mask = self.mask(len(inputs))
        factors = [*mask]
        if len(factors) != len(inputs):
            raise ValueError(
                f"{self!r}: the mask has {counted(len(factors), 'factor')} for "
                f"{counted(len(inputs), 'input')}: draw it by mask({len(inputs)})"
            )
        return [x * factor for x, factor in zip(inputs, factors, strict=True)]

    def mask(self, width: int) -> list[float]:
        """Draw the factors for this many inputs: 0 for a dropped one, else `1 / (1 - p)`.

        Args:
            width: The number of inputs.

        Returns:
            The factors.

        Raises:
            TypeError: This is being compiled: the draw would be frozen.

        Example:
            >>> Dropout(0.25).mask(4)
            [1.3333333333333333, 1.3333333333333333, 0.0, 1.3333333333333333]
        """
        if tracing.active.get() is not None:
            raise tracing.TracingError(
                f"{self!r} drops inputs at random, and compiled code would "
                "freeze that: draw masks outside, dropout.mask(width), and pass them as an "
                "argument, dropout(x, mask); or compile in evaluation mode, model.eval(); or train "
                "without compiling, fit(..., compiled=False)"
            )
        # A text, which Python hashes by SHA-512: neighbouring counts give unrelated masks.
        generator = random.Random(f"{self.seed} {self._name} {self.drawn.data:.0f}")
        self.drawn.data += 1.0
        kept = 1.0 / (1.0 - self.p) if self.p < 1.0 else 0.0
        return [0.0 if generator.random() < self.p else kept for _ in range(width)]

    def _take_name(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"Dropout({self.p}, seed={self.seed})"


def _listed(mask: Any) -> Any:
    return [mask] if isinstance(mask, (Value, Real)) else mask


def parts_of(model: Module) -> list[Any] | None:
    """List the parameters and activations of a model that consists of this library's parts.

    What such a model computes depends on nothing else. For any other model, which may, return None.
    """
    if isinstance(model, (MLP, Layer)) and type(model) in (MLP, Layer):
        inner: list[Any] = model.layers if isinstance(model, MLP) else [*model.neurons]
        parts = [parts_of(part) for part in inner]
        return None if None in parts else [x for part in parts if part is not None for x in part]
    if type(model) is not Neuron:
        return None
    named = getattr(VALUES, getattr(model.activation, "__name__", ""), None)
    if model.activation is not linear and model.activation is not named:
        return None
    return [model.activation, *model.weights, model.bias]


def linear(x: Value) -> Value:
    """Return the net input as it is."""
    return x


def _refuse_table(model: Neuron | Layer, inputs: Any) -> None:
    """Say what to do with a table of samples, if the inputs are one."""
    first = inputs[0] if isinstance(inputs, (list, tuple)) and inputs else None
    dimensions = getattr(inputs, "ndim", 0), getattr(first, "ndim", 0) + 1
    if max(dimensions) > 1 or isinstance(first, (list, tuple)):
        raise TypeError(
            f"{model!r} takes one sample of {counted(model.nin, 'number')}, but got a table of "
            f"{counted(len(inputs), 'row')}: model.predict(X), compile(model, in_axes=0)(X), or a "
            "row at a time"
        ) from None
    sample = "[x]" if model.nin == 1 else "[x1, x2]" if model.nin == 2 else "[x1, x2, …]"
    if isinstance(inputs, (Value, Real)) or getattr(inputs, "shape", None) == ():
        raise TypeError(
            f"{model!r} takes a list of {counted(model.nin, 'number')}, but got a single number: "
            f"{shown(inputs)}; write {sample}, and for many samples model.predict(X) with a row "
            "for each"
        ) from None


def _size(what: str, number: int) -> int:
    return _limited(what, whole_number(number, what, 1))


def _limited(what: str, size: int) -> int:
    if size > MOST:
        raise ValueError(f"{what} must be at most {MOST:,}, got {shown(size)}")
    return size


MOST = 10**9
"""More inputs or neurons than fit in any computer's memory."""


def _sizes(sizes: Sequence[int]) -> list[int]:
    try:
        if isinstance(sizes, (str, bytes, bytearray, Mapping, Set)):
            raise TypeError
        found = [operator.index(size) for size in sizes]
    except TypeError:
        raise TypeError(
            "MLP: sizes must be a list of integers, the number of neurons of each layer, such as "
            f"[16, 16, 1], got {shown(sizes)}"
        ) from None
    if not found:
        raise ValueError("MLP: sizes is empty: expected at least one layer, such as [16, 1]")
    for place, size in enumerate(found):
        if size < 1:
            raise ValueError(
                f"MLP: sizes[{place}] must be at least 1, the number of neurons of a layer, got "
                f"{size}"
            )
        _limited(f"MLP: sizes[{place}]", size)
    return found


def _generator(owner: str, seed: Any) -> random.Random:
    if isinstance(seed, random.Random):
        return seed
    try:
        return random.Random(seed)
    except TypeError:
        raise wrong_type(f"{owner}: seed", seed, "an integer or a random.Random") from None


def _function(
    owner: str, activation: Activation, argument: str = "activation"
) -> Callable[[Value], Value]:
    if activation is None or (isinstance(activation, str) and activation == "linear"):
        return linear
    if callable(activation):
        return activation
    if (
        not isinstance(activation, str)
        or activation not in vars(VALUES)
        or not (len(RULES[activation].operands) == 1 or RULES[activation].operands in WITH_DEFAULTS)
        or RULES[activation].of_sequence
    ):
        raise ValueError(
            f"{owner}: {argument} must be a function, 'linear', or the name of one of autograd's "
            f"functions of one operand (relu, tanh, sigmoid, …), got {shown(activation)}"
        )
    function: Callable[[Value], Value] = getattr(VALUES, activation)
    return function


def _name(activation: Callable[[Value], Value]) -> str:
    return getattr(activation, "__name__", repr(activation))
