"""The ways to run a program: recorded, compiled, as C, in PyTorch and in JAX.

Each gives, for a point, the results of all instructions, the gradient and the Hessian, in one list
of floats. What is compiled is many programs as one function, for machine code has to be made once.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import autograd
from autograd import Value, grad, hessian, hvp, jacobian, jvp, value_and_grad
from autograd.rules import RULES
from autograd.testing.programs import Instruction, RandomProgram, applied
from tests.fuzz.generation import Case

__all__ = [
    "COMPILED", "PEERS", "VARIANTS", "Numbers", "available", "of_c", "of_jax", "of_torch",
    "recorded",
]  # fmt: skip

Numbers = list[float]
"""Results of the instructions, gradient, Hessian by rows."""


def trail(program: RandomProgram, inputs: Sequence[Any]) -> list[Any]:
    """Run a program and give its inputs and every result."""
    numbers = list(inputs)
    for name, operands in program.instructions:
        numbers.append(
            applied(RULES[name], [numbers[x] if isinstance(x, int) else x for x in operands])
        )
    return numbers


def width(case: Case) -> int:
    """How many numbers there are for a point."""
    count = len(case.program.inputs)
    return case.size + count + count * count


# --- recorded ------------------------------------------------------------------------------------


def recorded(program: RandomProgram, point: Sequence[float]) -> Numbers:
    """Record a program; differentiate it by `backward` and by `hessian`."""
    leaves = list(map(Value, point))
    numbers = trail(program, leaves)
    numbers[-1].backward()
    bends = hessian(lambda xs: program(*xs))(list(point))
    return [
        *[y.data for y in numbers[len(leaves) :]],
        *[leaf.grad for leaf in leaves],
        *[x for row in bends for x in row],
    ]


def _twice_backward(
    program: RandomProgram, point: Sequence[float]
) -> tuple[Numbers, list[Numbers]]:
    leaves = list(map(Value, point))
    program(*leaves).backward(create_graph=True)
    slopes = [leaf.grad for leaf in leaves]
    rows = []
    for slope in slopes:
        for leaf in leaves:
            leaf.grad = 0.0
        if isinstance(slope, Value):
            slope.backward()
        rows.append([float(leaf.grad) for leaf in leaves])
    return [float(s.data) if isinstance(s, Value) else s for s in slopes], rows


def _along_axes(program: RandomProgram, point: Sequence[float]) -> tuple[Numbers, list[Numbers]]:
    axes = [[float(i == k) for i in range(len(point))] for k in range(len(point))]
    f = _on_list(program)
    slopes = [jvp(f, (list(point),), (axis,))[1] for axis in axes]
    return slopes, [hvp(f, (list(point),), (axis,)) for axis in axes]


def _nested(program: RandomProgram, point: Sequence[float]) -> tuple[Numbers, list[Numbers]]:
    f = _on_list(program)
    return grad(f)(list(point)), jacobian(grad(f))(list(point))


def _reversed_twice(program: RandomProgram, point: Sequence[float]) -> tuple[Any, list[Numbers]]:
    f = _on_list(program)
    rows = [grad(lambda xs, k=k: grad(f)(xs)[k])(list(point)) for k in range(len(point))]
    return value_and_grad(f)(list(point))[1], rows


def _on_list(program: RandomProgram) -> Callable[[list[Any]], Any]:
    return lambda xs: program(*xs)


VARIANTS: dict[str, Callable[[RandomProgram, Sequence[float]], tuple[Numbers, list[Numbers]]]] = {
    "backward(create_graph)": _twice_backward,
    "jvp, hvp": _along_axes,
    "jacobian(grad)": _nested,
    "grad(grad)": _reversed_twice,
}
"""Other ways to the gradient and the Hessian of a recorded program."""


# --- compiled ------------------------------------------------------------------------------------


def _together(cases: Sequence[Case]) -> Callable[[Any], Any]:
    """All of the programs as one function of all of their inputs."""

    def f(inputs: Any) -> list[Any]:
        found: list[Any] = []
        first = 0
        for case in cases:
            count = len(case.program.inputs)
            xs = [inputs[first + i] for i in range(count)]
            first += count
            if count == 1:
                bend, (numbers, slopes) = grad(_slope(case.program), has_aux=True)(xs)
                found.append([numbers[1:], slopes, [bend]])
            else:
                f = _on_list(case.program)
                found.append([trail(case.program, xs)[count:], grad(f)(xs), hessian(f)(xs)])
        return found

    return f


def _slope(program: RandomProgram) -> Callable[[list[Any]], Any]:
    """The derivative of one input, and besides it all results: so it is traced but once."""

    def traced(xs: list[Any]) -> Any:
        numbers = trail(program, xs)
        return numbers[-1], numbers

    def slope(xs: list[Any]) -> Any:
        gradient, numbers = grad(traced, has_aux=True)(xs)
        return gradient[0], (numbers, gradient)

    return slope


def _apart(cases: Sequence[Case]) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """The results of all instructions, and the derivatives, by another way, without these."""

    def each(inputs: Any, results: Callable[[Case, list[Any]], Any]) -> list[Any]:
        found, first = [], 0
        for case in cases:
            count = len(case.program.inputs)
            found.append(results(case, [inputs[first + i] for i in range(count)]))
            first += count
        return found

    def derivatives(case: Case, xs: list[Any]) -> Any:
        f = _on_list(case.program)
        value, slopes = value_and_grad(f)(xs)
        rows = [grad(lambda xs, k=k: grad(f)(xs)[k])(xs) for k in range(len(xs))]
        return [[value], slopes, rows]

    return (
        lambda inputs: each(inputs, lambda case, xs: trail(case.program, xs)[len(xs) :]),
        lambda inputs: each(inputs, derivatives),
    )


def _points(cases: Sequence[Case]) -> Any:
    return np.array(
        [[x for case in cases for x in case.rows[row]] for row in range(len(cases[0].rows))]
    )


def _flat(result: Any) -> list[Any]:
    values, slopes, bends = result
    return [*values, *slopes, *[x for row in bends for x in row]]


def _compiled(backend: Any, exact: bool, rows: bool) -> Callable[[Sequence[Case]], Any]:
    def run(cases: Sequence[Case]) -> list[list[Numbers]]:
        points = _points(cases)
        options: dict[str, Any] = {"exact": exact, "backend": backend, "threads": 1}
        if not rows and (exact or backend == "numpy"):  # the same bits, whatever is compiled
            values, derivatives = (autograd.compile(f, **options) for f in _apart(cases))
            both = [(values(point), derivatives(point)) for point in points]
            return [
                [
                    [*map(float, results[i]), *map(float, _flat(slopes[i])[1:])]
                    for results, slopes in both
                ]
                for i in range(len(cases))
            ]
        compiled = autograd.compile(_together(cases), 0 if rows else None, **options)
        if rows:
            by_program = [_flat(result) for result in compiled(points)]
            return [
                [[float(x[row]) for x in columns] for row in range(len(points))]
                for columns in by_program
            ]
        each = [compiled(point) for point in points]
        return [
            [[float(x) for x in _flat(results[i])] for results in each] for i in range(len(cases))
        ]

    return run


COMPILED: dict[str, Callable[[Sequence[Case]], list[list[Numbers]]]] = {
    f"{backend}{', exact' if exact else ''}{'' if rows else ', one row'}": _compiled(
        backend, exact, rows
    )
    for backend in ("numpy", "llvm")
    for exact in (False, True)
    for rows in (True, False)
}


def of_c(cases: Sequence[Case]) -> list[list[Numbers] | None]:
    """Write C, have it compiled, and call it; None where there is no C code of a row."""
    wanted = [case for case in cases if all(map(_has_c, {name for name, _ in _instructions(case)}))]
    if not wanted:
        return [None] * len(cases)
    points = _points(wanted)
    program = autograd.compile(_together(wanted), backend="numpy").program(points[0])
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "programs.c"), Path(folder, "programs.so")
        source.write_text(program.to_c("programs"), "utf-8")
        command = ["cc", "-std=c99", "-O0", "-ffp-contract=off", "-shared", "-fPIC"]
        subprocess.run([*command, str(source), "-o", str(library), "-lm"], check=True)
        function = ctypes.CDLL(str(library)).programs
        results = (ctypes.c_double * len(program.outputs))()
        found: dict[int, list[Numbers]] = {id(case): [] for case in wanted}
        for point in points:
            function((ctypes.c_double * len(point))(*point), results)
            first = 0
            for case in wanted:
                found[id(case)].append(list(results[first : first + width(case)]))
                first += width(case)
    return [found.get(id(case)) for case in cases]


def _instructions(case: Case) -> Sequence[Instruction]:
    return case.program.instructions


@functools.cache
def _has_c(name: str) -> bool:
    """Whether a row's second derivatives can be written as C."""
    arity = len(RULES[name].operands)
    one = RandomProgram((0.5,) * arity, (Instruction(name, tuple(range(arity))),))
    f = _together([Case(one, (one.inputs,))])
    try:
        autograd.compile(f, backend="numpy").program(np.array(one.inputs)).to_c()
    except ValueError as error:
        if "no C code" in str(error):
            return False
        raise
    return True


def available(name: str) -> bool:
    """Whether what an engine needs is installed."""
    if name == "c":
        return shutil.which("cc") is not None
    needs = {"torch": "torch", "jax": "jax"}.get(name, "llvmlite" if "llvm" in name else "numpy")
    return importlib.util.find_spec(needs) is not None


# --- peers ---------------------------------------------------------------------------------------


# What is called alike in NumPy, in both of the peers and here.
_ALIKE = [
    "abs", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "square",
    "reciprocal", "hypot", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2", "sinh",
    "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "sign", "floor", "ceil", "trunc",
    "maximum", "minimum",
]  # fmt: skip


def of_torch(cases: Sequence[Case]) -> list[list[Numbers] | None]:
    """Run each program in PyTorch, in double precision; None where it lacks a function."""
    torch = importlib.import_module("torch")
    functions = _torch_functions(torch)  # "//" cannot be differentiated there
    found: list[list[Numbers] | None] = []
    for case in cases:
        if any(name not in functions for name, _ in case.program.instructions):
            found.append(None)
            continue
        leaves = [
            torch.tensor([row[i] for row in case.rows], dtype=torch.float64, requires_grad=True)
            for i in range(len(case.program.inputs))
        ]
        numbers = list(leaves)
        for name, operands in case.program.instructions:
            numbers.append(
                functions[name](
                    *[
                        numbers[x]
                        if isinstance(x, int)
                        else torch.full((len(case.rows),), x, dtype=torch.float64)
                        for x in operands
                    ]
                )
            )

        def slopes(y: Any, leaves: Sequence[Any] = leaves) -> list[Any]:
            if not y.requires_grad:
                return [torch.zeros_like(leaf) for leaf in leaves]
            return list(
                torch.autograd.grad(
                    y.sum(), leaves, create_graph=True, allow_unused=True, materialize_grads=True
                )
            )

        first = slopes(numbers[-1])
        columns = [*numbers[len(leaves) :], *first, *[x for y in first for x in slopes(y)]]
        table = torch.stack([column.detach().expand(len(case.rows)) for column in columns])
        found.append(table.T.tolist())
    return found


def _torch_functions(torch: Any) -> dict[str, Callable[..., Any]]:
    names = [*_ALIKE, "sigmoid", "relu", "erf", "erfc", "lgamma", "digamma"]
    nn = torch.nn.functional
    return {name: getattr(torch, name) for name in names} | {
        **_shared(torch.stack, torch.where, torch.logsumexp),
        "**": torch.pow,
        "%": torch.remainder,
        "gelu": nn.gelu,
        "silu": nn.silu,
        "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
        "logsigmoid": nn.logsigmoid,
        "leaky_relu": lambda x, slope: torch.where(x > 0.0, x, slope * x),
        "clip": torch.clamp,
        "norm": lambda *xs: torch.linalg.vector_norm(torch.stack(xs), dim=0),
        "max": lambda *xs: torch.amax(torch.stack(xs), dim=0),
        "min": lambda *xs: torch.amin(torch.stack(xs), dim=0),
        "prod": lambda *xs: torch.prod(torch.stack(xs), dim=0),
        "softmax": lambda *xs: torch.softmax(torch.stack(xs), dim=0)[0],
    }


_MOST_FOR_JAX = 8  # of a batch: to compile one takes it half a second


def of_jax(cases: Sequence[Case]) -> list[list[Numbers] | None]:
    """Run the first programs in JAX, in double precision; None where it lacks a function."""
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    np_ = importlib.import_module("jax.numpy")
    functions = _jax_functions(jax, np_)
    wanted = [
        case for case in cases if all(name in functions for name, _ in case.program.instructions)
    ][:_MOST_FOR_JAX]
    if not wanted:
        return [None] * len(cases)

    def single(case: Case, xs: Any) -> list[Any]:
        numbers = list(xs)
        for name, operands in case.program.instructions:
            numbers.append(
                functions[name](
                    *[numbers[x] if isinstance(x, int) else np_.float64(x) for x in operands]
                )
            )
        return numbers[len(xs) :]

    def every(inputs: Any) -> list[Any]:
        found, first = [], 0
        for case in wanted:
            count = len(case.program.inputs)
            xs = [inputs[first + i] for i in range(count)]
            first += count

            def f(xs: Any, case: Case = case) -> Any:
                return single(case, xs)[-1]

            bends = jax.hessian(f)(xs)
            found.append([*single(case, xs), *jax.grad(f)(xs), *[x for row in bends for x in row]])
        return found

    results = iter(jax.jit(jax.vmap(every))(_points(wanted)))
    kept = {id(case) for case in wanted}
    return [
        np.array([np.asarray(x) for x in next(results)]).T.tolist() if id(case) in kept else None
        for case in cases
    ]


def _jax_functions(jax: Any, np_: Any) -> dict[str, Callable[..., Any]]:
    names = [*_ALIKE, "cbrt"]
    nn, special = jax.nn, jax.scipy.special
    return {name: getattr(np_, name) for name in names} | {
        **_shared(np_.stack, np_.where, special.logsumexp),
        "**": np_.power,
        "%": np_.remainder,
        "//": np_.floor_divide,
        "sigmoid": nn.sigmoid,
        "relu": nn.relu,
        "gelu": lambda x: nn.gelu(x, approximate=False),
        "silu": nn.silu,
        "softplus": nn.softplus,
        "logsigmoid": nn.log_sigmoid,
        "leaky_relu": lambda x, slope: np_.where(x > 0.0, x, slope * x),
        "erf": special.erf,
        "erfc": special.erfc,
        "lgamma": special.gammaln,
        "digamma": special.digamma,
        "clip": np_.clip,
        "norm": lambda *xs: np_.linalg.norm(np_.stack(xs), axis=0),
        "max": lambda *xs: np_.max(np_.stack(xs), axis=0),
        "min": lambda *xs: np_.min(np_.stack(xs), axis=0),
        "prod": lambda *xs: np_.prod(np_.stack(xs), axis=0),
        "softmax": lambda *xs: nn.softmax(np_.stack(xs), axis=0)[0],
    }


def _shared(stack: Any, where: Any, logsumexp: Any) -> dict[str, Callable[..., Any]]:
    def dot(xs: Sequence[Any]) -> Any:
        half = len(xs) // 2
        return sum(a * b for a, b in zip(xs[:half], xs[half:], strict=True))

    return {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b,
        "neg": lambda a: -a,
        "where": lambda condition, a, b: where(condition != 0.0, a, b),
        "sum": lambda *xs: sum(xs),
        "mean": lambda *xs: sum(xs) / len(xs),
        "logsumexp": lambda *xs: logsumexp(stack(xs), 0),
        "dot": lambda *xs: dot(xs),
        "net": lambda *xs: dot(xs[:-1]) + xs[-1],
    }


PEERS: dict[str, Callable[[Sequence[Case]], list[list[Numbers] | None]]] = {
    "torch": of_torch,
    "jax": of_jax,
}
