"""Derivatives of compiled functions: a call is recorded as a whole, with compiled derivatives.

What is differentiated is the function of the numbers in the arguments, which lie in arrays (see
`autograd.compiler.arguments`): from the adjoints of the results to those of these numbers, or from
their tangents to those of the results. Each is a function like any other, and compiled when it is
first asked for. Called with Values, it is recorded in the same way, and so on to any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy

from autograd.calls import Call, recorded_call
from autograd.chain_rule import at_kink_of, bent_nodes
from autograd.compiler.layout import Layout
from autograd.compiler.original import CallArguments, Original
from autograd.compiler.program import Program
from autograd.compiler.results import Result
from autograd.grad_mode import resumed
from autograd.graph import interior
from autograd.rule import VALUES, rule_of
from autograd.structure import number_of, output_numbers
from autograd.transforms import _Function, _record, _Recording
from autograd.value import Value, as_value

__all__ = [
    "CompiledCall", "Differentiable", "bends", "floats_in", "operands_in", "unrolled",
]  # fmt: skip

Compile = Callable[..., Any]


def floats_in(array: Any) -> Any:
    """Return an array of the numbers in an array of floats and Values."""
    if array.dtype != object:
        return array
    return numpy.array([number_of(x) for x in array.flat], dtype=float).reshape(array.shape)


def unrolled(
    original: Original, call: CallArguments, arrays: Sequence[Any], rows: int | None, reduce: Any
) -> Any:
    """Call a function for each row, and record what it does.

    Args:
        original: The function.
        call: Its arguments.
        arrays: The floats and Values in them.
        rows: The number of rows; None if there are none.
        reduce: As for `compile`.

    Returns:
        What the compiled function returns, with Values in place of floats.
    """
    results = []
    for row in range(1 if rows is None else rows):
        given = [array[row] if array.ndim == 2 else array for array in arrays]
        values, keywords = original.row(call, partial(_number_in, given))
        results.append(Result(original.called(*values, **keywords), original.name))
    if not results:
        raise ValueError(f"{original.name}: there are no rows, and Values among the arguments")
    numbers = _filled([[result.numbers[i] for result in results] for i in range(_width(results))])
    if rows is None:
        return results[0].filled(numbers[:, 0])
    if reduce is None:
        return results[0].filled(numbers, True)
    function = VALUES.sum if reduce == "sum" else VALUES.mean
    return results[0].filled(_filled([function([*line]) for line in numbers]))


def _number_in(arrays: Sequence[Any], group: int, place: int, path: str) -> Any:
    return _number(arrays[group][place])


def _width(results: Sequence[Result]) -> int:
    return len(results[0].numbers)


def _filled(numbers: Sequence[Any]) -> Any:
    """Make an array of objects, which NumPy does not examine."""
    shape = (len(numbers), len(numbers[0])) if numbers and isinstance(numbers[0], list) else None
    flat = [x for line in numbers for x in line] if shape else numbers
    array = numpy.empty(len(flat), dtype=object)
    for place, x in enumerate(flat):
        array[place] = x
    return array.reshape(shape) if shape else array


class Operand(NamedTuple):
    """Where a Value lies among the arguments.

    Attributes:
        group: The number of its array.
        row: Its row; None if it is the same for all rows.
        place: Its place there.
    """

    group: int
    row: int | None
    place: int


class Differentiable:
    """A compiled function of some structure of arguments, and its compiled derivatives.

    Args:
        original: The function.
        call: Arguments of this structure, without Values.
        layout: Where their numbers lie.
        captured: The Values from outside that it reads.
        bends: Whether its program has operations with kinks.
        wanted: The numbers of the arrays with respect to which it is differentiated.
        reduce: As for `compile`.
        compile: Compiles a function, given `in_axes` and `reduce`, with the options of the first.
    """

    def __init__(
        self,
        original: Original,
        call: CallArguments,
        layout: Layout,
        captured: Sequence[Value],
        bends: bool,
        wanted: Sequence[int],
        reduce: Any,
        compile: Compile,
    ) -> None:
        self.original, self.call, self.layout, self.captured = original, call, layout, captured
        self.reduce, self.compile, self.bends = reduce, compile, bends
        self.axes = [0 if group.varies else None for group in layout.groups]
        self.shared = [group for group in wanted if self.axes[group] is None]
        self.in_rows = [group for group in wanted if self.axes[group] is not None]
        self._made: dict[str, Any] = {}

    def _numbers(self, *groups: Sequence[Any]) -> list[Any]:
        """Call the function for one row; return the numbers of its result."""
        values, keywords = self.original.row(
            self.call, lambda group, place, path: as_value(groups[group][place])
        )
        return output_numbers(self.original.called(*values, **keywords), self.original.name)

    def _recording(self, groups: Sequence[Any], wanted: Sequence[int], captured: bool) -> Any:
        """Record the function for one row, to be differentiated in some of the arrays."""

        def called(*chosen: Any) -> Any:
            given = [*groups]
            for group, numbers in zip(wanted, chosen, strict=True):
                given[group] = numbers
            return self._numbers(*given)

        chosen = [[*groups[group]] for group in wanted]
        function = _Function(self.original.name, self.original.called, called)
        recording: _Recording = _record(function, chosen, {}, range(len(chosen)))
        if captured:
            recording.variables = [*recording.variables, *self.captured]
        return recording

    def _compiled(self, kind: str, function: Callable[..., Any], *others: Any) -> Any:
        """Compile a derivative when it is first asked for."""
        if kind not in self._made:
            axes = (*self.axes, *others) if self.layout.batched else None
            reduce = None
            if self.layout.batched:
                reduce = {"shared": "sum", "kinks": "sum", "tangents": self.reduce}.get(kind)
            self._made[kind] = self.compile(function, axes, reduce)
        return self._made[kind]

    def at_kink(self, groups: Sequence[Any]) -> bool:
        """Tell whether an operation is at a kink, in any row."""
        if not self.bends:
            return False

        def kinks(*given: Any) -> Any:
            recording = self._recording(given, [*self.shared, *self.in_rows], True)
            order = interior(*recording.outputs(), stop=recording.variables)
            found = [at_kink_of(node) for node in bent_nodes(order)]
            return VALUES.sum([0.0, *(x for x in found if x is not None)])

        return bool(number_of(self._compiled("kinks", kinks)(*groups)))

    def pull(self, groups: Sequence[Any], seeds: Any) -> tuple[list[Any], list[Any]]:
        """Compute the adjoints of the numbers in the arrays, given those of the results.

        Args:
            groups: The arrays.
            seeds: One for each result; in rows, if it varies from row to row.

        Returns:
            The adjoints of those that are the same in each row, the captured Values last; and those
            of the others, an array of rows for each.
        """
        axis = 0 if self.layout.batched and self.reduce is None else None

        def function(wanted: Sequence[int], captured: bool) -> Callable[..., Any]:
            def pulled(*given: Any) -> Any:
                recording = self._recording(given[:-1], wanted, captured)
                with resumed():
                    root = VALUES.dot(recording.outputs(), [*map(as_value, given[-1])])
                return recording.adjoints(root, connected=True)

            pulled.__name__ = f"{self.original.name}'s derivative"
            return pulled

        found: list[list[Any]] = [[], []]
        if self.shared or self.captured:
            made = self._compiled("shared", function(self.shared, True), axis)
            found[0] = made(*groups, seeds)
        if self.in_rows:
            made = self._compiled("rows", function(self.in_rows, False), axis)
            found[1] = made(*groups, seeds)
        return found[0], found[1]

    def push(self, groups: Sequence[Any], tangents: Sequence[Any], of_captured: Any) -> Any:
        """Compute the tangents of the results.

        Args:
            groups: The arrays.
            tangents: The tangents of the arrays that are differentiated, shared ones first.
            of_captured: The tangents of the captured Values.

        Returns:
            A list with the tangent of each result, or an array of rows.
        """
        wanted = [*self.shared, *self.in_rows]

        def pushed(*given: Any) -> Any:
            recording = self._recording(given[: len(groups)], wanted, True)
            directions = [x for each in given[len(groups) :] for x in each]
            recording.connected = True
            return recording.tangents(recording.outputs(), [directions])[0]

        pushed.__name__ = f"{self.original.name}'s derivative"
        others = [self.axes[group] for group in wanted]
        last = [of_captured] if self.captured else []
        made = self._compiled("tangents", pushed, *others, *([None] * len(last)))
        return made(*groups, *tangents, *last)


def bends(program: Program) -> bool:
    """Tell whether a program has operations with kinks."""
    rules = map(rule_of, {step.op for step in program.operations})
    return any(rule is not None and rule.kinks is not None for rule in rules)


class CompiledCall(Call):
    """A call of a compiled function.

    Args:
        name: The name of the function.
        function: The function, and its derivatives.
        arrays: The numbers in the arguments.
        rows: The number of rows; None if there are none.
        places: Where the operands lie, the captured Values excepted.
        width: The number of results in a row.
    """

    __slots__ = ("_at_kink", "arrays", "function", "places", "rows", "width")

    def __init__(
        self,
        name: str,
        function: Differentiable,
        arrays: Sequence[Any],
        rows: int | None,
        places: Sequence[Operand],
        width: int,
    ) -> None:
        self.name = name
        self._at_kink: bool | None = None
        self.function, self.arrays, self.rows = function, arrays, rows
        self.places, self.width = places, width

    @property
    def at_kink(self) -> bool:  # type: ignore[override]
        """Whether an operation in it is at a kink."""
        if self._at_kink is None:
            self._at_kink = self.function.at_kink(self.arrays)
        return self._at_kink

    def recorded(self, operands: Sequence[Value], numbers: Any) -> Any:
        """Record the call: an array of nodes in place of one of numbers."""
        nodes = recorded_call(self, operands, numbers.ravel().tolist())
        return _filled(nodes).reshape(numbers.shape)

    def _in_arrays(self, numbers: dict[int, Any], dtype: Any) -> tuple[dict[int, Any], Any]:
        """Put numbers by the places of operands into arrays, 0 elsewhere."""
        function = self.function
        wanted = [*function.shared, *function.in_rows]
        found = {group: numpy.zeros(self.arrays[group].shape, dtype=dtype) for group in wanted}
        if dtype is object:
            for array in found.values():
                array[...] = 0.0
        for place, (group, row, column) in enumerate(self.places):
            if place in numbers:
                found[group][column if row is None else (row, column)] = numbers[place]
        start = len(self.places)
        return found, [numbers.get(start + i, 0.0) for i in range(len(function.captured))]

    def _seeds(self, seeds: dict[int, Any], dtype: Any) -> Any:
        """Put the adjoints of results into an array, as the program takes them."""
        in_rows = self.rows is not None and self.function.reduce is None
        count = self.width * (self.rows or 0) if in_rows else self.width
        found = numpy.zeros(count, dtype=dtype)
        if dtype is object:
            found[...] = 0.0
        for place, seed in seeds.items():
            found[place] = seed
        if self.function.reduce == "mean":
            found = found / float(self.rows or 1)
        return found.reshape(self.width, -1).T if in_rows else found

    def _pull(self, groups: Sequence[Any], seeds: Any) -> list[Any]:
        shared, in_rows = self.function.pull(groups, seeds)
        starts: dict[int, int] = {}
        count = 0
        for group in self.function.shared:
            starts[group] = count
            count += self.arrays[group].shape[-1]
        captured = shared[count:]
        count = 0
        for group in self.function.in_rows:
            starts[group] = count
            count += self.arrays[group].shape[-1]
        found = []
        for group, row, column in self.places:
            at = starts[group] + column
            found.append(shared[at] if row is None else in_rows[at][row])
        return [*found, *captured]

    def _push(self, groups: Sequence[Any], tangents: dict[int, Any], dtype: Any) -> list[Any]:
        found, of_captured = self._in_arrays(tangents, dtype)
        last = _filled(of_captured) if dtype is object else numpy.array(of_captured, dtype=float)
        pushed = self.function.push(groups, [*found.values()], last)
        if self.rows is None or self.function.reduce:
            return [*pushed]
        return [x for line in pushed for x in line]

    def pulled(self, seeds: dict[int, float]) -> Sequence[float]:
        """Compute the adjoints of the operands."""
        return [float(number_of(x)) for x in self._pull(self.arrays, self._seeds(seeds, float))]

    def pushed(self, tangents: dict[int, float]) -> Sequence[float]:
        """Compute the tangents of the results."""
        return [float(number_of(x)) for x in self._push(self.arrays, tangents, float)]

    def recorded_pull(
        self, operands: Sequence[Value], seeds: dict[int, Value | float]
    ) -> Sequence[Value | float]:
        """Compute the adjoints of the operands, and record that."""
        given = {place: as_value(seed) for place, seed in seeds.items()}
        with resumed():
            found = self._pull(self._groups(operands), self._seeds(given, object))
        return [_number(x) for x in found]

    def recorded_push(
        self, operands: Sequence[Value], tangents: dict[int, Value | float]
    ) -> Sequence[Value | float]:
        """Compute the tangents of the results, and record that."""
        given = {place: as_value(tangent) for place, tangent in tangents.items()}
        with resumed():
            found = self._push(self._groups(operands), given, object)
        return [_number(x) for x in found]

    def _groups(self, operands: Sequence[Value]) -> list[Any]:
        """Put operands in place of their numbers."""
        groups = [*self.arrays]
        for group in {operand.group for operand in self.places}:
            groups[group] = groups[group].astype(object)
        for operand, (group, row, column) in zip(operands, self.places, strict=False):
            groups[group][column if row is None else (row, column)] = operand
        return groups

    def written_out(self, operands: Sequence[Value]) -> Sequence[Value | float]:
        """Record the operations of the function."""
        groups = self._groups(operands)
        found = []
        for row in range(1 if self.rows is None else self.rows):
            given = [array[row] if array.ndim == 2 else array for array in groups]
            found.append(self.function._numbers(*given))
        columns = [[line[i] for line in found] for i in range(self.width)]
        reduce = self.function.reduce
        if reduce:
            function = VALUES.sum if reduce == "sum" else VALUES.mean
            return [function(column) for column in columns]
        return [x for column in columns for x in column]


def _number(x: Any) -> Value | float:
    return x if isinstance(x, Value) else float(x)


def operands_in(arrays: Sequence[Any]) -> tuple[list[Value], list[Operand]]:
    """List the Values in arrays of numbers, and where they lie."""
    operands: list[Value] = []
    places: list[Operand] = []
    for group, array in enumerate(arrays):
        if array.dtype != object:
            continue
        for index, x in numpy.ndenumerate(array):
            if isinstance(x, Value):
                operands.append(x)
                places.append(Operand(group, index[0] if len(index) == 2 else None, index[-1]))
    return operands, places
