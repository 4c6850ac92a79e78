"""`implicit`: derivatives of what a solver finds, by the implicit function theorem.

A root x of F(x, p) = 0 is a function of the parameters p wherever the Jacobian of F in x, ∂F/∂x,
is regular, and its derivative is -(∂F/∂x)⁻¹ ∂F/∂p (S. G. Krantz and H. R. Parks, *The implicit
function theorem*, 2002). It depends on the root alone, and not on how it was found. The derivative
is an expression of the root and the parameters, so it can be differentiated again.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from autograd import structure
from autograd.chain_rule import at_kink_of, bent_nodes, recorded_gradient
from autograd.errors import counted, shown
from autograd.grad_mode import paused, resumed
from autograd.graph import adjoints, interior
from autograd.helper_rules import DETACHED
from autograd.linear_nodes import linked
from autograd.reals import as_float
from autograd.recomputing import filled, opened, read_from_outside, replaced
from autograd.rule import VALUES, XS, OwnName, Rule
from autograd.rules import RULES
from autograd.structure import Visit, visited
from autograd.tracing import UNKNOWN, active, is_traced
from autograd.transforms import _live, differentiable_variables
from autograd.value import Value, as_value, new_node, record

__all__ = ["implicit"]

Number = Value | float

SINGULAR = 4.0 * 2.0**-52
"""The relative size of a pivot, for each row, below which a matrix counts as singular."""
CONVERGED = 1e-8
"""The relative size of Newton's step above which it is examined whether the Jacobian is regular."""


def implicit(solve: Callable[..., Any], residual: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function that a solver evaluates differentiable, given the equations that it solves.

    The solver is called with plain numbers, and may be anything: `scipy.optimize.root`, `brentq` or
    `minimize`, a loop of one's own, a program in another language. What it returns is taken to be
    exact: its derivatives are those of the solution of `residual(solution, ...) = 0`, by the
    implicit function theorem, in forward and reverse mode and to any order.

    - A root: `residual` is the function whose root is found.
    - A fixed point x = g(x, p): `residual` is `lambda x, p: x - g(x, p)`.
    - A minimum or maximum of f(x, p) over x: `residual` is `grad(f)`.

    Args:
        solve: The solver: a function of the parameters that returns the solution, a number, or
            numbers in lists, tuples, dictionaries or arrays. To be compiled, it must be a function
            that `compile` can trace.
        residual: The equations: a function of the solution and the same parameters, which returns
            as many numbers as there are in the solution, all of them 0 there. It must be an
            expression in arithmetic and in this library's functions.

    Returns:
        A function of the same parameters, floats or Values in any structure, that returns the
        solution. Values that the residual reads from outside count as parameters too. If a
        derivative may be taken, it raises a ValueError where there is none: where the Jacobian of
        the residual in the solution is singular (at a double root, for example), or the solution is
        no solution; and a TypeError if the residual has another number of equations than unknowns.
        Compiled, the derivatives there are infinite or nan.

    Raises:
        TypeError: `solve` or `residual` is not a function.

    Example:
        >>> from autograd import grad
        >>> import math
        >>> square_root = implicit(math.sqrt, lambda x, p: x * x - p)
        >>> square_root(4.0), grad(square_root)(4.0), grad(grad(square_root))(4.0)
        (2.0, 0.25, -0.03125)
    """
    for what, given in (("solve", solve), ("residual", residual)):
        if not callable(given):
            raise TypeError(
                f"implicit: {what} must be a function, got {type(given).__name__}: {shown(given)}"
            )

    @functools.wraps(solve, updated=())
    def solved(*args: Any, **kwargs: Any) -> Any:
        return _Solver(solve, residual, (args, kwargs)).solved()

    return solved


class _Solver:
    """A solver with its equations, for parameters of one structure.

    Attributes:
        name: What it is called in errors.
        operands: The Values among the parameters, and those that the equations read from outside.
    """

    def __init__(
        self, solve: Callable[..., Any], residual: Callable[..., Any], arguments: Any
    ) -> None:
        self.name = f"implicit({structure.function_name(solve)})"
        self._solve, self._residual = solve, residual
        self._pattern, self.operands = opened(arguments)
        self._count = len(self.operands)  # without those from outside
        self._live: list[Value] = []  # those from outside that are variables of derivatives
        self._shape: Any = None

    # --- the solution and the equations -----------------------------------------------------------

    def _solution(self, operands: Sequence[Any]) -> list[Any]:
        """Call the solver; note the structure of the solution, and return its numbers."""
        args, kwargs = filled(self._pattern, operands[: self._count])
        if not any(isinstance(x, Value) for x in operands):
            args, kwargs = replaced((args, kwargs), lambda value: value)
            args, kwargs = _of_floats((args, kwargs))
        self._shape = self._solve(*args, **kwargs)
        found = structure.outputs(self._shape, f"{self.name}: solve")
        if not found:
            raise TypeError(f"{self.name}: solve returned no number; is there a return missing?")
        return [x for _, x in found]

    def _whole(self, numbers: Sequence[Any]) -> Any:
        """Put numbers into the structure of the solution."""
        given = iter(numbers)

        def array(path: str, part: Any) -> Any:
            return structure.filled(part, [next(given) for _ in range(part.size)])

        visit = Visit(lambda path, x: next(given), array, lambda path, model: model)
        return visited(self._shape, "", visit)

    def _equations(self, unknowns: Sequence[Value], operands: Sequence[Any]) -> list[Value]:
        """Evaluate the equations on nodes."""
        args, kwargs = filled(self._pattern, operands[: self._count])
        # Derivatives and calls in the residual stay connected to them, at each evaluation.
        variables = [] if active.get() else [*unknowns, *operands[: self._count], *self._live]
        with resumed(), differentiable_variables([x for x in variables if x not in _live]):
            result = self._residual(self._whole(unknowns), *args, **kwargs)
        found = [as_value(x) for x in structure.output_numbers(result, f"{self.name}: residual")]
        if len(found) != len(unknowns):
            raise TypeError(
                f"{self.name}: residual must return one number for each number of the solution, "
                f"which has {len(unknowns):,}, but returned {counted(len(found), 'number')}"
            )
        return found

    def solved(self) -> Any:
        """Solve the equations; record the solution if it depends on Values."""
        if active.get() is not None:
            return self._traced()
        plain = [operand._number for operand in self.operands]
        solution = self._solution(plain)
        if paused():
            return self._shape
        numbers = [as_float(_number(x), f"{self.name}: solve returned") for x in solution]
        unknowns = [Value(x) for x in numbers]
        stand_ins = [Value(operand._number, operand._label) for operand in self.operands]
        equations = self._equations(unknowns, stand_ins)
        known = [*unknowns, *stand_ins]
        outside, _ = read_from_outside(equations, known)
        if not (self.operands or outside):
            return self._shape
        self.operands = [*self.operands, *outside]
        self._live = [x for x in outside if x in _live]
        variables = [*known, *outside]
        rows = self._rows(numbers, equations, variables, check=True)
        order = interior(*equations, stop=variables)
        bends = any(at_kink_of(node) is not None for node in bent_nodes(order))
        application = _Application(self, numbers, rows, 0, bends)
        return self._whole(application.nodes(self.operands))

    def _traced(self) -> Any:
        """Trace the solver, whose own derivative is not taken."""
        nodes = [record(RULES[DETACHED], (operand,)) for operand in self.operands]
        solution = [as_value(x) for x in self._solution(nodes)]
        found = [record(RULES[DETACHED], (x,)) if is_traced(x) else x for x in solution]
        unknowns = [linked(x) for x in found]
        outside, _ = read_from_outside(
            self._equations(unknowns, self.operands), [*unknowns, *self.operands]
        )
        self.operands = [*self.operands, *outside]
        rows = [(UNKNOWN,) * (len(found) + len(self.operands))] * len(found)
        application = _Application(self, [UNKNOWN] * len(found), rows, len(found), False)
        return self._whole(application.nodes([*found, *self.operands]))

    # --- derivatives ------------------------------------------------------------------------------

    def _rows(
        self,
        numbers: Sequence[float],
        equations: Sequence[Value],
        variables: Sequence[Value],
        check: bool = False,
    ) -> list[tuple[float, ...]]:
        """Compute the derivative of each unknown with respect to each parameter."""
        count = len(numbers)
        slopes = []
        for equation in equations:
            found = adjoints(equation, variables=variables)
            slopes.append([found[variable] for variable in variables])
        matrix = [row[:count] for row in slopes]
        sides = [row[count:] for row in slopes]
        residuals = [equation._number for equation in equations]
        if not all(map(math.isfinite, (*residuals, *(x for row in matrix for x in row)))):
            self._refuse(
                numbers, "the residual or its Jacobian in the solution is not finite there"
            )
        try:
            found = _eliminated(
                matrix, [[*side, r] for side, r in zip(sides, residuals, strict=True)]
            )
        except ZeroDivisionError:
            self._refuse(
                numbers,
                "the Jacobian of the residual with respect to the solution is singular there, as "
                "at a double root, or where the equations do not determine the solution",
            )
        if check:
            self._require_root(numbers, [row[-1] for row in found], matrix, variables)
        return [tuple([-x for x in row[:-1]]) for row in found]

    def _require_root(
        self,
        numbers: Sequence[float],
        steps: Sequence[float],
        matrix: Sequence[Sequence[float]],
        variables: Sequence[Value],
    ) -> None:
        """Refuse a solution that Newton's step moves to where the Jacobian is a different one."""
        if max(map(abs, steps)) <= CONVERGED * max(map(abs, numbers)):
            return
        moved = [Value(x - step) for x, step in zip(numbers, steps, strict=True)]
        operands = variables[len(numbers) :]
        largest = max(abs(x) for row in matrix for x in row)
        with suppress(ArithmeticError, ValueError):  # off the domain
            for row, equation in zip(matrix, self._equations(moved, operands), strict=True):
                found = adjoints(equation, variables=moved)
                changes = [abs(found[x] - before) for x, before in zip(moved, row, strict=True)]
                if not max(changes) <= 0.1 * largest:
                    break
            else:
                return
        self._refuse(
            numbers,
            "it is no solution, or not accurate enough for its derivative: Newton's step from "
            "there leads to where the Jacobian of the residual is another one, or is singular",
        )

    def _refuse(self, numbers: Sequence[float], why: str) -> NoReturn:
        raise ValueError(
            f"{self.name}: there is no derivative at the solution "
            f"{shown(self._whole(numbers))}: {why}"
        )

    def floats_at(self, place: int, ys: Sequence[float], xs: Sequence[float]) -> tuple[float, ...]:
        """Compute the derivatives of an unknown."""
        unknowns, operands = [Value(y) for y in ys], [Value(x) for x in xs]
        equations = self._equations(unknowns, operands)
        outside = self.operands[self._count :]
        return self._rows(ys, equations, [*unknowns, *operands[: self._count], *outside])[place]

    def values_at(self, place: int, ys: Sequence[Value], xs: Sequence[Any]) -> list[Number]:
        """Record the derivatives of an unknown, as an expression of the solution."""
        unknowns = [linked(y) for y in ys]
        operands = [linked(as_value(x)) for x in xs[: self._count]]
        outside = self.operands[self._count :]
        equations = self._equations(unknowns, operands)
        variables = [*unknowns, *operands, *outside]
        columns: list[list[Number]] = []
        for equation in equations:
            order = interior(equation, stop=variables)
            columns.append(recorded_gradient(equation, order, unknowns))
        transposed = [[column[i] for column in columns] for i in range(len(unknowns))]
        unit: list[list[Number]] = [[float(i == place)] for i in range(len(unknowns))]
        adjoint = [as_value(-row[0]) for row in _eliminated(transposed, unit)]
        root = VALUES.dot(equations, adjoint)
        order = interior(root, stop=[*variables, *adjoint])
        return recorded_gradient(root, order, [*operands, *outside])

    def evaluated(self, place: int, xs: Sequence[float]) -> float:
        """Solve for other parameters."""
        return as_float(_number(self._solution(xs)[place]), f"{self.name}: solve returned")


class _Application:
    """The solution for some parameters, as nodes.

    Args:
        solver: The solver.
        numbers: The solution.
        rows: The derivatives of each unknown.
        traced: How many of the operands of each node are the traced solution.
        bends: Whether the equations are at a kink.
    """

    def __init__(
        self,
        solver: _Solver,
        numbers: Sequence[float],
        rows: Sequence[tuple[float, ...]],
        traced: int,
        bends: bool,
    ) -> None:
        self._solver, self._numbers, self._rows, self._traced = solver, numbers, rows, traced
        self._names = []
        for place in range(len(numbers)):
            name = _SolutionName(f"{solver.name}[{place}]" if len(numbers) > 1 else solver.name)
            name.place = place
            name.rule = Rule(
                name,
                XS,
                self._evaluate(place),
                functools.partial(self._partials, place),
                kinks=(lambda m, y, *xs: m.meets(y, y)) if bends else None,
            )
            self._names.append(name)

    def nodes(self, operands: Sequence[Value]) -> list[Value]:
        """Make the nodes of the solution."""
        parts = zip(self._numbers, self._rows, self._names, strict=True)
        return [new_node(number, tuple(operands), row, name) for number, row, name in parts]

    def _evaluate(self, place: int) -> Callable[..., float]:
        def evaluate(*xs: float) -> float:
            return self._solver.evaluated(place, xs[self._traced :])

        evaluate.__wrapped__ = lambda *xs: xs[place]  # type: ignore[attr-defined]  # traced
        return evaluate

    def _partials(self, place: int, m: Any, y: Any, *xs: Any) -> tuple[Any, ...]:
        solver, zeros = self._solver, (0.0,) * self._traced
        given = xs[self._traced :]
        if any(isinstance(x, Value) for x in (y, *xs)):
            nodes = [as_value(x) for x in xs]
            return *zeros, *solver.values_at(place, self.nodes(nodes), given)
        floats = [float(x) for x in given]
        ys = [float(_number(x)) for x in solver._solution(floats)]
        return *zeros, *solver.floats_at(place, ys, floats)


class _SolutionName(OwnName):
    """The `op` of a part of a solution."""

    def leaves_out(self, node: Any, place: int) -> bool:
        """Tell that a solution chooses among its parameters in no way that is known."""
        return False

    def __reduce__(self) -> tuple[Any, ...]:
        from pickle import PicklingError

        raise PicklingError(f"{self}: a graph with a solution in it cannot be pickled")


def _number(x: Any) -> Any:
    return x._number if isinstance(x, Value) else x


def _of_floats(part: Any) -> Any:
    """Make arrays of floats of arrays of objects: a solver expects them."""

    def array(path: str, part: Any) -> Any:
        return part.astype(float) if part.dtype == object else part

    visit = Visit(lambda path, x: x, array, lambda path, x: x, lambda path, x: x)
    return visited(part, "", visit)


def _eliminated(matrix: Sequence[Sequence[Any]], sides: Sequence[Sequence[Any]]) -> Any:
    """Solve linear equations by elimination with partial pivoting, of floats or Values.

    Args:
        matrix: The matrix.
        sides: The right sides, as rows of a matrix.

    Returns:
        The solutions, as rows of a matrix.

    Raises:
        ZeroDivisionError: The matrix, of known numbers, is singular.
    """
    count = len(matrix)
    rows = [[*left, *right] for left, right in zip(matrix, sides, strict=True)]
    traced = any(is_traced(x) for row in rows for x in row)
    scales = [1.0] * count
    if not traced:  # equations and unknowns may have any unit
        numbers = [[abs(_number(x)) for x in row[:count]] for row in rows]
        columns = [max(column) for column in zip(*numbers, strict=True)]
        if not all(columns):
            raise ZeroDivisionError
        scales = [max(x / c for x, c in zip(row, columns, strict=True)) or 1.0 for row in numbers]
    for place in range(count):
        if traced:
            for other in range(place + 1, count):
                is_larger = VALUES.abs(rows[other][place]) > VALUES.abs(rows[place][place])
                pairs = [*zip(rows[place], rows[other], strict=True)]
                rows[place] = [VALUES.where(is_larger, y, x) for x, y in pairs]
                rows[other] = [VALUES.where(is_larger, x, y) for x, y in pairs]
        else:
            sizes = [abs(_number(rows[i][place])) / scales[i] for i in range(place, count)]
            largest = max(sizes)
            if not largest > SINGULAR * count * columns[place]:
                raise ZeroDivisionError
            chosen = place + sizes.index(largest)
            rows[place], rows[chosen] = rows[chosen], rows[place]
            scales[place], scales[chosen] = scales[chosen], scales[place]
        pivot = rows[place]
        for other in range(place + 1, count):
            row = rows[other]
            if type(row[place]) is float and not row[place]:
                continue
            factor = row[place] / pivot[place]
            for i in range(place + 1, len(row)):
                row[i] = row[i] - factor * pivot[i]
    found: list[list[Any]] = [[] for _ in range(count)]
    for place in reversed(range(count)):
        row = rows[place]
        values = row[count:]
        for other in range(place + 1, count):
            if not (type(row[other]) is float and not row[other]):
                values = [x - row[other] * y for x, y in zip(values, found[other], strict=True)]
        found[place] = [x / row[place] for x in values]
    return found
