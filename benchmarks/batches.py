"""The workloads for compiled functions: value and gradient over rows, for each library.

A function is written at most twice: for one row, in scalars (ours, CasADi), and for all rows at
once, in arrays (JAX, PyTorch). Both take the functions of a library from a `Library`.
"""

from __future__ import annotations

import ctypes
import math
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from benchmarks.by_hand import OBSERVATIONS, WRITTEN_BY_HAND
from benchmarks.derivatives import rosenbrock
from benchmarks.measure import Lap, Task, is_limited_to_avx2
from benchmarks.workloads import OURS, mlp_weights

Function: TypeAlias = Callable[..., Any]
"""`function(library, parameters, *row)`."""


class Library(NamedTuple):
    """The functions that a library offers."""

    exp: Callable[[Any], Any]
    sin: Callable[[Any], Any]
    sqrt: Callable[[Any], Any]
    log: Callable[[Any], Any]
    ndtr: Callable[[Any], Any]
    tanh: Callable[[Any], Any]
    relu: Callable[[Any], Any]
    cross_entropy: Callable[[Any, Any], Any]  # of logits and of the probabilities of the classes
    net: Callable[[Any, Any, Any], Any] = NotImplemented  # in scalars: weights, inputs and bias
    repeat: Callable[[Callable[[Any], Any], Any, int], Any] = NotImplemented
    array: Callable[[Any], Any] = np.asarray  # the library's, of NumPy's


class Batch(NamedTuple):
    """A mean over rows, to be differentiated.

    Attributes:
        parameters: The vector that it is differentiated with respect to.
        rows: The data, a row for each value; none if there is only one value.
        of_row: The function in scalars.
        of_arrays: The function in arrays.
        sizes: For an MLP, its inputs and layers: in arrays, the parameters are its matrices.
    """

    parameters: Any
    rows: tuple[Any, ...]
    of_row: Function
    of_arrays: Function
    sizes: tuple[int, ...] = ()


# --- multilayer perceptrons -----------------------------------------------------------------------


def matrices(parameters: Any, sizes: Sequence[int]) -> list[Any]:
    """Cut the vector of an MLP, neuron by neuron, into each layer's weights and biases."""
    arrays, start = [], 0
    for inputs, size in pairwise(sizes):
        end = start + size * (inputs + 1)
        layer = parameters[start:end].reshape(size, inputs + 1)
        arrays += [layer[:, :-1], layer[:, -1]]
        start = end
    return arrays


def vector(arrays: Sequence[Any]) -> Any:
    """Join the matrices again; pass a single vector on."""
    if len(arrays) == 1:
        return np.asarray(arrays[0])
    layers = zip(arrays[::2], arrays[1::2], strict=True)
    return np.concatenate([np.column_stack(layer).ravel() for layer in layers])


def arrays_in(gradient: Any) -> list[Any]:
    """List the arrays of a gradient, whatever its structure; floats are an array."""
    if not isinstance(gradient, (list, tuple)):
        return [np.asarray(gradient)]
    if all(isinstance(part, float) for part in gradient):
        return [np.array(gradient)]
    return [array for part in gradient for array in arrays_in(part)]


def outputs_of_row(
    parameters: Any, xs: Any, sizes: Sequence[int], m: Library, activation: str
) -> list[Any]:
    """Compute an MLP on one row, in scalars; the last layer is linear."""
    start, last = 0, len(sizes) - 2
    for layer, (inputs, size) in enumerate(pairwise(sizes)):
        ys = []
        for _ in range(size):
            bias = start + inputs
            y = m.net(parameters[start:bias], xs, parameters[bias])
            ys.append(y if layer == last else getattr(m, activation)(y))
            start = bias + 1
        xs = ys
    return list(xs)


def outputs_of_arrays(arrays: Any, X: Any, m: Library, activation: str) -> Any:
    """Compute an MLP on all rows, in matrices."""
    *hidden, (weights, bias) = zip(arrays[::2], arrays[1::2], strict=True)
    for matrix, vector in hidden:
        X = getattr(m, activation)(X @ matrix.T + vector)
    return X @ weights.T + bias


def two_class_mlp(activation: str, sizes: tuple[int, ...], rows: int) -> Batch:
    """An MLP with the hinge loss; its first 20 rows are those of `workloads.mlp_step`."""

    def of_row(m: Library, parameters: Any, x: Any, y: Any) -> Any:
        (output,) = outputs_of_row(parameters, x, sizes, m, activation)
        return m.relu(1.0 - y * output)

    def of_arrays(m: Library, arrays: Any, X: Any, Y: Any) -> Any:
        return m.relu(1.0 - Y * outputs_of_arrays(arrays, X, m, activation)[:, 0])

    rng = random.Random(2)
    X = np.array([[rng.uniform(-1.0, 1.0) for _ in range(sizes[0])] for _ in range(rows)])
    Y = np.where(X[:, 0] * X[:, 1] > 0.0, 1.0, -1.0)
    parameters = np.array(mlp_weights(sizes[0], sizes[1:]))
    return Batch(parameters, (X, Y), of_row, of_arrays, sizes)


def digits(rows: int) -> Batch:
    """Handwritten digits, by an MLP with softmax cross-entropy."""
    sizes = (64, 128, 64, 10)

    def of_row(m: Library, parameters: Any, x: Any, shares: Any) -> Any:
        return m.cross_entropy(outputs_of_row(parameters, x, sizes, m, "relu"), shares)

    def of_arrays(m: Library, arrays: Any, X: Any, shares: Any) -> Any:
        return m.cross_entropy(outputs_of_arrays(arrays, X, m, "relu"), shares)

    X, classes = import_module("sklearn.datasets").load_digits(return_X_y=True)
    shares = np.eye(10)[classes]
    parameters = np.array(mlp_weights(sizes[0], sizes[1:]))
    return Batch(parameters, (X[:rows] / 16.0, shares[:rows]), of_row, of_arrays, sizes)


# --- scalar code ----------------------------------------------------------------------------------


def european_call(paths: int) -> Batch:
    """The discounted payoff of a call on simulated paths; its gradient is five Greeks."""

    def payoff(m: Library, parameters: Any, z: Any) -> Any:
        spot, strike, sigma, rate, years = parameters
        drift = (rate - 0.5 * sigma * sigma) * years
        end = spot * m.exp(drift + sigma * m.sqrt(years) * z)
        return m.exp(-rate * years) * m.relu(end - strike)

    normal = np.random.default_rng(5).standard_normal(paths)
    parameters = np.array([100.0, 105.0, 0.2, 0.05, 1.0])
    return Batch(parameters, (normal,), payoff, payoff)


def valley(inputs: int) -> Batch:
    """Rosenbrock's function, at one point."""

    def of_arrays(m: Library, x: Any) -> Any:
        rise, rest = x[1:] - x[:-1] ** 2, 1.0 - x[:-1]
        return (100.0 * rise**2 + rest**2).sum()

    def of_row(m: Library, xs: Any) -> Any:
        return rosenbrock(xs, m)  # type: ignore[arg-type]

    return Batch(np.random.default_rng(6).uniform(0.5, 1.5, inputs), (), of_row, of_arrays)


def price() -> Batch:
    """The price of a call by Black and Scholes's formula; its gradient is five Greeks."""

    def of(m: Library, parameters: Any) -> Any:
        spot, strike, sigma, rate, years = parameters
        spread = sigma * m.sqrt(years)
        d1 = (m.log(spot / strike) + (rate + 0.5 * sigma * sigma) * years) / spread
        return spot * m.ndtr(d1) - strike * m.exp(-rate * years) * m.ndtr(d1 - spread)

    return Batch(np.array([100.0, 105.0, 0.2, 0.05, 1.0]), (), of, of)


def likelihood() -> Batch:
    """The negative logarithm of a Cauchy distribution's likelihood, in centre and width."""
    xs = OBSERVATIONS

    def of_row(m: Library, parameters: Any) -> Any:
        centre, width = parameters
        total = len(xs) * m.log(width)
        for x in xs.tolist():
            z = (x - centre) / width
            total = total + m.log(1.0 + z * z)
        return total

    def of_arrays(m: Library, parameters: Any) -> Any:
        centre, width = parameters
        z = (m.array(xs) - centre) / width
        return len(xs) * m.log(width) + m.log(1.0 + z * z).sum()

    return Batch(np.array([0.8, 1.3]), (), of_row, of_arrays)


def predators(rows: int, steps: int = 1000) -> Batch:
    """Lotka and Volterra's equations by the midpoint rule, in four parameters, to t = 10."""
    h = 10.0 / steps

    def ends(m: Library, parameters: Any, x: Any, y: Any) -> Any:
        birth, hunt, growth, death = parameters

        def rates(x: Any, y: Any) -> tuple[Any, Any]:
            return x * (birth - hunt * y), y * (growth * x - death)

        def step(state: tuple[Any, Any]) -> tuple[Any, Any]:
            x, y = state
            dx, dy = rates(x, y)
            dx, dy = rates(x + 0.5 * h * dx, y + 0.5 * h * dy)
            return x + h * dx, y + h * dy

        x, y = m.repeat(step, (x, y), steps)
        return x + y

    rng = np.random.default_rng(7)
    starts = rng.uniform(0.5, 1.5, rows), rng.uniform(0.5, 1.5, rows)
    return Batch(np.array([1.1, 0.4, 0.1, 0.4]), starts, ends, ends)


def sines(operations: int, rows: int) -> Batch:
    """A chain of operations, four a link; short steps keep its derivatives far from 0."""
    links = operations // 4

    def end(m: Library, parameters: Any, x: Any) -> Any:
        a, b = parameters
        return m.repeat(lambda x: x + a * m.sin(b * x), x, links)

    starts = np.random.default_rng(8).uniform(0.5, 1.5, rows)
    return Batch(np.array([2.0 / links, 1.1]), (starts,), end, end)


def straight_line(operations: int) -> Batch:
    """Sums and products of earlier results, some of them much earlier, all of them used."""

    def end(m: Library, parameters: Any) -> Any:
        rng = random.Random(9)
        xs, factors = list(parameters[:10]), parameters[10:]
        while 2 * (len(xs) - 10) < operations:
            reach = len(xs) if rng.random() < 0.1 else 10
            xs.append((xs[-1] + xs[-rng.randint(2, reach)]) * factors[rng.randrange(10)])
        return xs[-1]

    starts = np.random.default_rng(10).uniform(0.5, 1.5, 10)
    return Batch(np.append(starts, np.full(10, 0.5)), (), end, end)


# --- the libraries --------------------------------------------------------------------------------

Call: TypeAlias = Callable[[], tuple[Any, Any]]
"""Computes the value and the gradient, each as the library has it."""


def loop(step: Callable[[Any], Any], state: Any, times: int) -> Any:
    for _ in range(times):
        state = step(state)
    return state


def cost_of_row(batch: Batch) -> Function:
    """Our value and gradient of one row, to be compiled."""
    m = import_module("autograd")
    library = Library(
        m.exp,
        m.sin,
        m.sqrt,
        m.log,
        m.ndtr,
        m.tanh,
        m.relu,
        lambda zs, shares: m.logsumexp(zs) - m.dot(shares, zs),
        m.net,
        loop,
    )
    return m.value_and_grad(partial(batch.of_row, library))  # type: ignore[no-any-return]


def ourselves(batch: Batch, threads: int | None) -> Call:
    m = import_module("autograd")
    f = cost_of_row(batch)
    if batch.rows:
        axes = (None, *[0] * len(batch.rows))
        step = m.compile(f, in_axes=axes, reduce="mean", threads=threads)
    else:
        step = m.compile(f, threads=threads)
    return partial(step, batch.parameters, *batch.rows)


def with_floats(batch: Batch, threads: int | None) -> Call:
    """Ours, called with a list of Python floats, and returning another."""
    step = import_module("autograd").compile(cost_of_row(batch), threads=threads)
    return partial(step, batch.parameters.tolist())


def with_pairs(batch: Batch, threads: int | None) -> Call:
    """Ours, called with a list of pairs: the weight matrix and the biases of each layer."""
    m = import_module("autograd")

    def of_row(library: Library, layers: Any, *row: Any) -> Any:
        neurons = [
            [*weights, bias]
            for matrix, biases in layers
            for weights, bias in zip(matrix, biases, strict=True)
        ]
        return batch.of_row(library, [x for neuron in neurons for x in neuron], *row)

    axes = (None, *[0] * len(batch.rows))
    f = cost_of_row(batch._replace(of_row=of_row))
    step = m.compile(f, in_axes=axes, reduce="mean", threads=threads)
    arrays = [*map(np.ascontiguousarray, matrices(batch.parameters, batch.sizes))]
    return partial(step, [*zip(arrays[::2], arrays[1::2], strict=True)], *batch.rows)


def jax(batch: Batch, threads: int | None) -> Call:
    module = import_module("jax")
    module.config.update("jax_enable_x64", True)
    m = module.numpy

    def repeat(step: Callable[[Any], Any], state: Any, times: int) -> Any:
        return module.lax.scan(lambda state, _: (step(state), None), state, length=times)[0]

    def cross_entropy(logits: Any, shares: Any) -> Any:
        return module.nn.logsumexp(logits, axis=-1) - (logits * shares).sum(axis=-1)

    ndtr = module.scipy.special.ndtr
    functions = m.exp, m.sin, m.sqrt, m.log, ndtr, m.tanh, module.nn.relu
    library = Library(*functions, cross_entropy, repeat=repeat, array=m.asarray)

    def cut(parameters: Any) -> Any:
        return matrices(parameters, batch.sizes) if batch.sizes else parameters

    # The faster way: cutting up a small vector costs less than more arguments, a large one more.
    small = len(batch.parameters) < 1000

    def cost(parameters: Any, *rows: Any) -> Any:
        arrays = cut(parameters) if small else parameters
        return batch.of_arrays(library, arrays, *rows).mean()

    parameters = batch.parameters if small else cut(batch.parameters)
    arguments = module.tree.map(m.asarray, (parameters, *batch.rows))
    compiled = module.jit(module.value_and_grad(cost))
    return lambda: module.block_until_ready(compiled(*arguments))


def pytorch(batch: Batch, threads: int | None) -> Call:
    m = import_module("torch")
    if threads:
        m.set_num_threads(threads)

    def cross_entropy(logits: Any, shares: Any) -> Any:
        return m.nn.functional.cross_entropy(logits, shares, reduction="none")

    functions = m.exp, m.sin, m.sqrt, m.log, m.special.ndtr, m.tanh, m.relu
    library = Library(*functions, cross_entropy, repeat=loop, array=m.tensor)
    arrays = matrices(batch.parameters, batch.sizes) if batch.sizes else [batch.parameters]
    leaves = [m.tensor(array, requires_grad=True) for array in arrays]
    rows = [m.tensor(array) for array in batch.rows]

    def call() -> tuple[Any, Any]:
        value = batch.of_arrays(library, leaves if batch.sizes else leaves[0], *rows).mean()
        return value.detach(), m.autograd.grad(value, leaves)

    return call


def casadi(batch: Batch, threads: int | None) -> Call:
    """One row in scalar symbols, evaluated row by row; through buffers, its fastest call."""
    m = import_module("casadi")

    def net(weights: Any, inputs: Any, bias: Any) -> Any:
        return m.dot(m.vertcat(*weights), m.vertcat(*inputs)) + bias

    def cross_entropy(logits: Any, shares: Any) -> Any:
        return m.logsumexp(m.vertcat(*logits)) - net(shares, logits, 0.0)

    def ndtr(x: Any) -> Any:
        return 0.5 * (1.0 + m.erf(math.sqrt(0.5) * x))

    def relu(x: Any) -> Any:
        return m.fmax(x, 0.0)

    library = Library(m.exp, m.sin, m.sqrt, m.log, ndtr, m.tanh, relu, cross_entropy, net, loop)
    parameters = m.SX.sym("p", len(batch.parameters))
    rows = [m.SX.sym("row", *array.shape[1:]) for array in batch.rows]
    scalars = [
        m.vertsplit(row) if array.ndim > 1 else row
        for row, array in zip(rows, batch.rows, strict=True)
    ]
    value = batch.of_row(library, m.vertsplit(parameters), *scalars)
    f = m.Function("f", [parameters, *rows], [value, m.gradient(value, parameters)])
    count = len(batch.rows[0]) if batch.rows else 1
    if count > 1:
        f = f.map(count, [True, *[False] * len(rows)], [True, True])
    arguments: list[Any] = [*map(np.ascontiguousarray, (batch.parameters, *batch.rows))]
    results: list[Any] = [np.zeros(1), np.zeros(len(batch.parameters))]
    total, sums = results
    buffer, evaluate = f.buffer()
    for place, array in enumerate(arguments):
        buffer.set_arg(place, memoryview(array))
    for place, array in enumerate(results):
        buffer.set_res(place, memoryview(array))

    def call(*kept: Any) -> tuple[Any, Any]:
        evaluate()
        return total[0] / count, sums / count

    return partial(call, f, buffer, arguments)  # the buffer holds only their addresses


COMPILER = "g++"
KERNELS = Path(__file__).with_name("simd_mlp.cpp")


@cache
def kernels() -> ctypes.CDLL:
    """The C++ kernels, built for this machine."""
    with tempfile.TemporaryDirectory() as folder:
        compiled, built = Path(folder) / "kernels.o", Path(folder) / "kernels.so"
        # Linked without -ffast-math, which would flush subnormal numbers in the whole process.
        processor = ["-mavx2", "-mfma"] if is_limited_to_avx2() else ["-march=native"]
        flags = ["-O3", *processor, "-ffast-math", "-fPIC", "-c"]
        subprocess.run([COMPILER, *flags, str(KERNELS), "-o", str(compiled)], check=True)
        subprocess.run([COMPILER, "-shared", str(compiled), "-o", str(built)], check=True)
        return ctypes.CDLL(str(built))


def by_hand(batch: Batch, threads: int | None, *, kernel: str) -> Call:
    """The C++ kernel. It always uses one thread."""
    function = getattr(kernels(), kernel)
    function.restype = ctypes.c_double
    arrays = [*map(np.ascontiguousarray, (batch.parameters, *batch.rows))]
    gradient = np.zeros(len(batch.parameters))
    parameters, X, Y, found = (ctypes.c_void_p(a.ctypes.data) for a in (*arrays, gradient))
    rows = ctypes.c_long(len(batch.rows[0]))

    def call(kept: Any) -> tuple[Any, Any]:
        return function(parameters, X, Y, rows, found), gradient

    return partial(call, arrays)  # the kernel holds only their addresses


def valley_by_hand(batch: Batch, threads: int | None) -> Call:
    """Rosenbrock's function in C++, called with a list of Python floats, and returning another."""
    function, inputs = kernels().valley, len(batch.parameters)
    function.restype = ctypes.c_double
    numbers = ctypes.c_double * inputs
    xs, found = batch.parameters.tolist(), numbers()
    count = ctypes.c_long(inputs)

    def call() -> tuple[Any, Any]:
        return function(numbers(*xs), count, found), found[:]

    return call


def by_numba(batch: Batch, threads: int | None, *, function: str) -> Call:
    """Value and gradient written by hand, compiled by Numba, and called with an array."""
    compiled = import_module("numba").njit(getattr(import_module("benchmarks.by_hand"), function))
    return partial(compiled, batch.parameters)


OURS_WITH_FLOATS, OURS_WITH_PAIRS = f"{OURS}, floats", f"{OURS}, pairs"
LIBRARIES: dict[str, Callable[[Batch, int | None], Call]] = {
    OURS: ourselves,
    "JAX": jax,
    "PyTorch": pytorch,
    "CasADi": casadi,
    OURS_WITH_FLOATS: with_floats,
    OURS_WITH_PAIRS: with_pairs,
    "C++, valley": valley_by_hand,
    **{f"Numba, {name}": partial(by_numba, function=name) for name in WRITTEN_BY_HAND},
    "C++, relu": partial(by_hand, kernel="hinge_relu"),
    "C++, tanh": partial(by_hand, kernel="hinge_tanh"),
}


# --- the contenders -------------------------------------------------------------------------------


def use_one_core() -> None:
    """Restrict this process, with all threads that a library starts in it, to one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def evaluation(
    library: str,
    make: Callable[[], Batch],
    *,
    calls: int = 1,
    threads: int | None = 1,
    outside: bool = False,
) -> Task:
    """Value and gradient in one library.

    Args:
        library: Its name in `LIBRARIES`.
        make: A picklable function that makes the batch.
        calls: How many calls make a step, as one may be too short for the clock.
        threads: How many threads; None leaves it to the library. One thread has one core.
        outside: Whether to measure elapsed time, as with more than one thread, rather
            than the processor time of this process.
    """
    if threads == 1:
        use_one_core()
    call = LIBRARIES[library](make(), threads)
    result: tuple[Any, Any] = (0.0, [])

    def step(lap: Lap) -> None:
        nonlocal result
        for _ in range(calls):
            result = call()

    def outcome() -> list[float]:
        value, gradient = result
        return [*vector(arrays_in(gradient)).tolist(), float(value)]

    outside = outside or threads != 1
    return Task(step, outcome, time.perf_counter if outside else time.process_time)


class Compilation(NamedTuple):
    """The time and memory for a first result."""

    seconds: float
    megabytes: float  # the most that was in use, above what was in use before


PAGE = 0.004096  # megabytes


def compilation(library: str, make: Callable[[], Batch]) -> Compilation:
    """Set up and call once, in a fresh process."""
    os.environ["AUTOGRAD_CACHE"] = "off"  # or another process would have compiled it
    batch = make()
    LIBRARIES[library](straight_line(20), 1)()  # the library's own start
    before = megabytes("VmRSS")
    start = time.perf_counter()
    LIBRARIES[library](batch, 1)()
    seconds = time.perf_counter() - start
    # A small amount may fit in memory that the process has already; ratios need at least a page.
    return Compilation(seconds, max(megabytes("VmHWM") - before, PAGE))


def megabytes(what: str) -> float:
    """Return this process's memory, now or at its peak; 0 if the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return sum(float(line.split()[1]) / 1e3 for line in lines if line.startswith(what))
