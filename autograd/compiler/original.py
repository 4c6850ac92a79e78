"""The function to compile, called for one row: with Values in place of the numbers."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy
import numpy.random  # lazily, NumPy might import it in one thread while another thread forks

from autograd.compiler.arguments import rebuilt
from autograd.compiler.layout import Layout
from autograd.compiler.program import Program
from autograd.compiler.results import Result
from autograd.compiler.trace import call_traced, difference, program_of
from autograd.structure import argument_names
from autograd.traced import traced
from autograd.tracing import UNKNOWN, TracingError
from autograd.value import Value

__all__ = ["CallArguments", "Original", "TracedProgram"]

RETRACED = 4
"""How often a function is traced again to check it."""


def _random_states() -> Any:
    """Return the states of the global random number generators of Python and NumPy."""
    state = numpy.random.get_state(legacy=False)
    parts = state["state"].items()
    numbers = {k: x.tobytes() if isinstance(x, numpy.ndarray) else x for k, x in parts}
    return random.getstate(), {**state, "state": numbers}


class CallArguments(NamedTuple):
    """The arguments of a call.

    Attributes:
        args: Those passed by position.
        kwargs: Those passed by keyword.
        axes: For each, in this order, the axis along which it varies, as for `arguments.taken`.
    """

    args: Sequence[Any]
    kwargs: dict[str, Any]
    axes: Sequence[Any]


class TracedProgram(NamedTuple):
    """The result of tracing the function.

    Attributes:
        program: The program.
        result: The structure of the result.
        captured: The Values from outside that the function read.
        drawn: Whether random numbers were drawn during the trace.
    """

    program: Program
    result: Result
    captured: tuple[Value, ...]
    drawn: bool


class Original(NamedTuple):
    """A function, to be called for one row.

    Attributes:
        called: The function.
        name: Its name, for errors.
        exact: Whether each operation is rounded on its own, as for `compile`.
    """

    called: Callable[..., Any]
    name: str
    exact: bool

    def row(
        self, call: CallArguments, number: Callable[[int, int, str], Value]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Make the arguments of one row.

        Args:
            call: The arguments of all rows.
            number: Makes the Value in place of a number, as for `arguments.rebuilt`.

        Returns:
            Its arguments by position, and by keyword.
        """
        args, kwargs, axes = call
        names = [*argument_names(self.called, args), *kwargs]
        values = rebuilt(names, (*args, *kwargs.values()), axes, number)
        return values[: len(args)], dict(zip(kwargs, values[len(args) :], strict=True))

    def traced(self, call: CallArguments, layout: Layout) -> TracedProgram:
        """Trace the function.

        Args:
            call: The arguments.
            layout: Where their numbers lie.

        Returns:
            The program, and what belongs to it.

        Raises:
            TracingError: The function asked for a number that is not known.
        """
        before = _random_states()
        leaves: list[list[Value]] = [[UNKNOWN] * group.width for group in layout.groups]

        def number(group: int, place: int, path: str) -> Value:
            leaf = leaves[group][place] = traced(path)
            return leaf

        values, keywords = self.row(call, number)
        inputs = [leaf for group in leaves for leaf in group]
        function = functools.partial(self.called, **keywords) if keywords else self.called
        made = call_traced(function, inputs, *values, exact=self.exact)
        result = Result(made.result, self.name)
        captured = tuple(made.captured)
        program = program_of(result.numbers, [*inputs, *captured])
        result.numbers = []  # frees the graph, which has been read
        return TracedProgram(program, result, captured, before != _random_states())

    def require_the_same(self, first: TracedProgram, call: CallArguments, layout: Layout) -> None:
        """Trace the function again, and compare the programs.

        Args:
            first: The first trace.
            call: The arguments.
            layout: Where their numbers lie.

        Raises:
            TracingError: The programs differ.
        """
        found = "it draws random numbers" if first.drawn else ""
        for _ in range(RETRACED):  # two random draws may agree by chance
            if found:
                break
            again = self.traced(call, layout)
            found = difference(first.program, again.program)
            if not found and [*map(id, first.captured)] != [*map(id, again.captured)]:
                found = "it reads other Values from outside"
        if found:
            raise TracingError(
                f"{self.name}: traced twice, the function gave two different programs: {found}. "
                "A random number or a time that it reads would be frozen: pass it as an argument"
            )
