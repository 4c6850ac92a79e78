"""A function's graph, recorded at a point, and whether it is the same graph at another."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autograd import structure
from autograd.calls import written_out
from autograd.chain_rule import recorded_adjoints
from autograd.graph import dependents, interior
from autograd.rule import LINEAR
from autograd.value import Value, as_value

__all__ = ["Function", "Gradient", "Trace", "bits"]


def bits(x: float) -> bytes:
    """Return the bits of a float: all nans have the same, 0.0 and -0.0 do not."""
    return struct.pack("d", x)


@dataclass(frozen=True, slots=True)
class Trace:
    """What a function recorded at one point.

    Attributes:
        inputs: The nodes that stand for its numbers.
        names: The path to each output.
        outputs: The outputs; a plain number is a node without parents.
        nodes: The interior nodes that the outputs depend on, parents first.
    """

    inputs: list[Value]
    names: list[str]
    outputs: list[Value]
    nodes: list[Value]
    _shape: list[Any] = field(default_factory=list, init=False, repr=False, compare=False)

    def shape(self) -> list[Any]:
        """Describe the graph without its numbers: operations and their operands."""
        if not self._shape:  # it is compared with those of several others
            self._shape.extend(self._described())
        return self._shape

    def _described(self) -> list[Any]:
        places: dict[Value, int] = {node: i for i, node in enumerate(self.inputs)}
        shape: list[Any] = [list(self.names)]
        for node in (*self.nodes, *self.outputs):
            for parent in node.parents:
                places.setdefault(parent, len(places))
            places.setdefault(node, len(places))
        shape += [
            (node.op, places[node], [places[parent] for parent in node.parents])
            for node in self.nodes
        ]
        shape.append([places[output] for output in self.outputs])
        return shape

    def constants(self) -> list[tuple[Value, int, float]]:
        """List its numbers that are not inputs: the node, the place, and the number."""
        inputs = set(self.inputs)
        found = []
        for node in self.nodes:
            if node.op == LINEAR:
                found += [(node, place, c) for place, c in enumerate(node.local_derivatives)]
            for place, parent in enumerate(node.parents):
                if not parent.parents and parent not in inputs:
                    found.append((node, place, parent.data))
        found += [
            (output, 0, output.data)
            for output in self.outputs
            if not output.parents and output not in inputs
        ]
        return found

    def same_shape(self, other: Trace) -> bool:
        """Tell whether another trace has the same operations on the same operands."""
        return len(self.nodes) == len(other.nodes) and self.shape() == other.shape()

    def changed(self, other: Trace) -> list[tuple[Value, int]]:
        """List where a number that is not an input differs in a trace of the same shape."""
        return [
            (node, place)
            for (node, place, number), (_, _, another) in zip(
                self.constants(), other.constants(), strict=True
            )
            if bits(number) != bits(another)
        ]

    def active(self) -> dict[Value, dict[Value, list[int]]]:
        """Map each node that depends on an input to those parents that do, and their places."""
        reached = set(self.inputs)
        links: dict[Value, dict[Value, list[int]]] = {}
        for node in self.nodes:
            parents: dict[Value, list[int]] = {}
            for place, parent in enumerate(node.parents):
                if parent in reached:
                    parents.setdefault(parent, []).append(place)
            if parents:
                reached.add(node)
                links[node] = parents
        return links


class Function:
    """A function of nested arguments, as a function of a list of floats.

    Attributes:
        name: The name of the function.
        paths: The path to each number.
        point: The numbers.

    Args:
        f: The function.
        arguments: Its arguments by name, in order.
    """

    def __init__(self, f: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
        self._f = f
        self._arguments = arguments
        self.name = structure.function_name(f)
        slots = [
            slot
            for name, argument in arguments.items()
            for slot in structure.numbers(argument, name)
        ]
        self.paths = [path for path, _ in slots]
        self.point = [data for _, data in slots]

    def record(self, data: Sequence[float]) -> Trace:
        """Call the function with new nodes for the numbers.

        Args:
            data: The numbers.

        Returns:
            The trace that it recorded.

        Raises:
            TypeError: It returned something other than numbers, or none.
            ValueError: It changed the data of an argument.
        """
        numbers = iter(data)
        inputs: list[Value] = []

        def make(path: str, stands_for: float | Value, parameter: bool) -> Value:
            label = stands_for.label if isinstance(stands_for, Value) else None
            inputs.append(Value(next(numbers), label or path))
            if isinstance(stands_for, Value) and parameter:
                inputs[-1].op = stands_for.op
            return inputs[-1]

        arguments = [
            structure.rebuilt(argument, name, make) for name, argument in self._arguments.items()
        ]
        result = self._f(*arguments)
        for path, node, x in zip(self.paths, inputs, data, strict=True):
            if bits(node.data) != bits(x):
                raise ValueError(f"{self.name} changes the data of its argument {path}")
        found = structure.outputs(result, self.name)
        if not found:
            raise TypeError(f"{self.name} returned no number; is there a return missing?")
        outputs = [y if isinstance(y, Value) else Value(y) for _, y in found]
        written = written_out(outputs)
        outputs = [written.get(y, y) for y in outputs]
        return Trace(inputs, [path for path, _ in found], outputs, interior(*outputs))

    def values(self, data: Sequence[float]) -> list[float]:
        """Return only the outputs."""
        return [output.data for output in self.record(data).outputs]


class Gradient(Function):
    """The gradient of a function, as a function of the same numbers.

    Args:
        function: The function.
    """

    def __init__(self, function: Function) -> None:
        self._function = function
        self.name, self.paths, self.point = function.name, function.paths, function.point

    def record(self, data: Sequence[float]) -> Trace:
        """Record the function, and its backward pass from each output.

        Args:
            data: The numbers.

        Returns:
            The graph of the derivatives.

        Raises:
            KeyError: An operation on the graph of the function is not in the table.
        """
        trace = self._function.record(data)
        names, derivatives = [], []
        within = dependents(trace.nodes, trace.inputs)
        for name, output in zip(trace.names, trace.outputs, strict=True):
            order = interior(output)
            adjoints = recorded_adjoints(output, order, within)
            names += [f"∂{self.name}{name}/∂{path}" for path in self.paths]
            derivatives += [as_value(adjoints.get(node, 0.0)) for node in trace.inputs]
        return Trace(trace.inputs, names, derivatives, interior(*derivatives))
