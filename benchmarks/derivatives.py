"""The cost of derivatives, in one run: `python benchmarks/derivatives.py [--quick]`.

Prints a table and writes `derivatives.json` to `benchmarks/results/`. Every cost is a multiple of
another: of the function, evaluated as each library does without a derivative (plain floats if it
takes them, tensors that record nothing, arrays), of its recorded forward pass, or of a gradient. A
library's multiple is taken within its own process and turn; a ratio above 1
means that ours is the smaller multiple. The first row of a function gives the time of a gradient in
milliseconds, since a multiple of something slow may still be slow.

All libraries run the same scalar code, and nothing counts unless they agree on the value, the
gradient, the Hessian-vector product and the tangent. The size is one that micrograd, which
recurses, and XLA, which compiles scalar code slowly, can handle; how a multiple grows with the
number of inputs is only measured for ours. Rows named "call" compare transforms with `Value` and
`backward()` by hand, in one process, on functions so short that the overhead of a call shows.
"""

from __future__ import annotations

import gc
import math
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import autograd
from autograd import Value, dot, grad, hessian, hvp, jacobian, jvp, no_grad, value_and_grad, vjp
from autograd.graph import interior
from benchmarks.measure import Contest, Lap, Task, in_fresh_process, interleave, machine
from benchmarks.table import Row, agree, compare, options, show, write
from benchmarks.workloads import OURS, SIZES, load, mlp_weights, plain_mlp
from nn import MLP

# The limits for the costs of derivatives, as multiples.
GRADIENT_OF_FUNCTION = 100.0  # of plain floats, which record nothing
GRADIENT_OF_RECORDED = 4.0
PRODUCT_OF_GRADIENT = 6.0  # a Hessian-vector product
TANGENT_OF_FUNCTION = 125.0  # forward mode
INDEPENDENT = 1.5  # from 10 inputs to 1,000, whose graph no longer fits the caches

# --- the functions --------------------------------------------------------------------------------


class Elementary(NamedTuple):
    """The functions that a library offers."""

    relu: Callable[[Any], Any]
    sin: Callable[[Any], Any] = NotImplemented
    exp: Callable[[Any], Any] = NotImplemented
    tanh: Callable[[Any], Any] = NotImplemented


Function: TypeAlias = "Callable[[Sequence[Any], Elementary], Any]"

FLOATS = Elementary(lambda x: max(x, 0.0), math.sin, math.exp, math.tanh)
SAMPLE, TARGET = [0.5, -0.3], 1.0


def rosenbrock(xs: Sequence[Any], m: Elementary) -> Any:
    """Rosenbrock's valley in any number of variables, in operations that all libraries have."""
    total = 0.0
    for x, y in pairwise(xs):
        rise, rest = y - x * x, 1.0 - x
        total = total + 100.0 * (rise * rise) + rest * rest
    return total


def chain(xs: Sequence[Any], m: Elementary) -> Any:
    """Euler's method for y' = tanh(x sin y) exp(-y): elementary functions, one after another.

    Steps as short as they are many keep every derivative far from 0, where work could be spared.
    """
    y, h = xs[0], 1.0 / len(xs)
    for x in xs[1:]:
        y = y + h * (m.tanh(x * m.sin(y)) * m.exp(-y))
    return y


def mlp(xs: Sequence[Any], m: Elementary) -> Any:
    """The squared error of the MLP 2-16-16-1 on a sample, as a function of its parameters."""
    error = plain_mlp(xs, m.relu)(SAMPLE) - TARGET
    return error * error


def point(f: Function, inputs: int) -> tuple[list[float], list[float]]:
    """Where a function is differentiated, and the direction of products and tangents."""
    rng = random.Random(6)
    direction = [rng.uniform(-1.0, 1.0) for _ in range(inputs)]
    if f is mlp:
        return mlp_weights(2, SIZES), direction
    return [rng.uniform(0.5, 1.5) for _ in range(inputs)], direction


# --- the libraries --------------------------------------------------------------------------------

Phases: TypeAlias = dict[str, Callable[[], Any]]
"""By what is computed: a number, a list of them, or None where only the time is of interest."""


def nodes(xs: Sequence[float]) -> list[Value]:
    return [Value(x) for x in xs]


OURSELVES = Elementary(autograd.relu, autograd.sin, autograd.exp, autograd.tanh)


def transforms(f: Function, xs: list[float], direction: list[float]) -> Phases:
    def recorded() -> None:
        f(nodes(xs), OURSELVES)

    def g(xs: Sequence[Any]) -> Any:
        return f(xs, OURSELVES)

    return {
        "function": lambda: f(xs, FLOATS),
        "recorded": recorded,
        "gradient": lambda: value_and_grad(g)(xs)[1],
        "product": lambda: hvp(g, (xs,), (direction,)),
        "tangent": lambda: jvp(g, (xs,), (direction,))[1],
    }


def backward(f: Function, xs: list[float], direction: list[float]) -> Phases:
    """Ours, for people who work with nodes."""

    def gradient() -> list[float]:
        variables = nodes(xs)
        f(variables, OURSELVES).backward()
        return [x.grad for x in variables]

    def product() -> list[float]:
        variables = nodes(xs)
        f(variables, OURSELVES).backward(create_graph=True)
        slopes: list[Any] = [x.grad for x in variables]
        for x in variables:
            x.grad = 0.0
        dot(slopes, direction).backward()
        return [x.grad for x in variables]

    own = transforms(f, xs, direction)
    del own["tangent"]
    return own | {"gradient": gradient, "product": product}


def network(f: Function, xs: list[float], direction: list[float]) -> Phases:
    """Ours, with `nn.MLP`, whose neurons are a node each, in place of scalar code."""
    model = MLP(2, list(SIZES))
    load(model, xs)
    names = [name for name, _ in model.named_parameters()]
    tangents = dict(zip(names, direction, strict=True))

    def error(model: MLP) -> Any:
        difference: Any = model(SAMPLE) - TARGET
        return difference * difference

    def function() -> float:
        with no_grad():
            value: float = error(model).data
        return value

    def recorded() -> None:
        error(model)

    return {
        "function": function,
        "recorded": recorded,
        "gradient": lambda: list(value_and_grad(error)(model)[1].values()),
        "product": lambda: list(hvp(error, (model,), (tangents,)).values()),
        "tangent": lambda: jvp(error, (model,), (tangents,))[1],
    }


def micrograd(f: Function, xs: list[float], direction: list[float]) -> Phases:
    value = import_module("micrograd.engine").Value
    m = Elementary(value.relu)

    def recorded() -> None:
        f([value(x) for x in xs], m)

    def gradient() -> list[float]:
        variables = [value(x) for x in xs]
        f(variables, m).backward()
        return [x.grad for x in variables]

    return {"function": lambda: f(xs, FLOATS), "recorded": recorded, "gradient": gradient}


def pytorch(f: Function, xs: list[float], direction: list[float]) -> Phases:
    torch = import_module("torch")
    forward = import_module("torch.autograd.forward_ad")
    torch.set_num_threads(1)
    m = Elementary(torch.relu, torch.sin, torch.exp, torch.tanh)
    plain, vector = (
        [torch.tensor(x, dtype=torch.float64) for x in numbers] for numbers in (xs, direction)
    )
    variables = [x.clone().requires_grad_() for x in plain]

    def recorded() -> None:
        f(variables, m)

    def product() -> Any:
        slopes = torch.autograd.grad(f(variables, m), variables, create_graph=True)
        return torch.autograd.grad(slopes, variables, vector, materialize_grads=True)

    def tangent() -> Any:
        with forward.dual_level():
            return forward.unpack_dual(f(list(map(forward.make_dual, plain, vector)), m)).tangent

    return {
        "function": lambda: f(plain, m),
        "recorded": recorded,
        "gradient": lambda: torch.autograd.grad(f(variables, m), variables),
        "product": product,
        "tangent": tangent,
    }


def jax(f: Function, xs: list[float], direction: list[float], *, jit: bool = False) -> Phases:
    """JAX's transforms of the scalar code; with `jit`, the function and its gradient, compiled.

    XLA takes minutes to compile a Hessian-vector product in scalar code that runs in 1 ms, and
    compiled functions keep no record.
    """
    module = import_module("jax")
    module.config.update("jax_enable_x64", True)
    m = Elementary(module.nn.relu, module.numpy.sin, module.numpy.exp, module.numpy.tanh)
    variables, vector = ([module.numpy.float64(x) for x in numbers] for numbers in (xs, direction))

    def g(xs: Any) -> Any:
        return f(xs, m)

    def product(xs: Any, vector: Any) -> Any:
        return module.jvp(module.grad(g), (xs,), (vector,))[1]

    def tangent(xs: Any, vector: Any) -> Any:
        return module.jvp(g, (xs,), (vector,))[1]

    def run(transform: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
        called = module.jit(transform) if jit else transform
        return lambda: module.block_until_ready(called(*arguments))

    def recorded() -> None:
        module.block_until_ready(module.vjp(g, variables)[0])

    phases = {"function": run(g, variables), "gradient": run(module.grad(g), variables)}
    if jit:
        return phases
    return phases | {
        "recorded": recorded,
        "product": run(product, variables, vector),
        "tangent": run(tangent, variables, vector),
    }


LIBRARIES: dict[str, Callable[[Function, list[float], list[float]], Phases]] = {
    OURS: transforms,
    "ours, backward()": backward,
    "ours, nn.MLP": network,
    "micrograd": micrograd,
    "PyTorch scalars": pytorch,
    "JAX": jax,
    "JAX, jitted": partial(jax, jit=True),
}


# --- the contenders -------------------------------------------------------------------------------


def evaluations(inputs: int) -> int:
    """How often a turn evaluates the function, as once would be too short for the clock."""
    return max(1, 1000 // inputs)


def derivatives(name: str, f: Function, inputs: int) -> Task:
    """A function and its derivatives in one library, each a phase."""
    phases = LIBRARIES[name](f, *point(f, inputs))
    found: dict[str, Any] = {}

    def step(lap: Lap) -> None:
        for phase, compute in phases.items():
            for _ in range(evaluations(inputs) if phase == "function" else 1):
                result = compute()
            lap(phase)
            if phase != "recorded":
                found[phase] = result

    def outcome() -> list[float]:
        flat: list[float] = []
        for numbers in found.values():
            flat += map(float, numbers if isinstance(numbers, (list, tuple)) else [numbers])
        return flat

    return Task(step, outcome)


def whole_hessian(f: Function, inputs: int, *, by_products: bool) -> Task:
    """The Hessian, or as many products with a vector as it has columns."""
    xs, _ = point(f, inputs)
    rows: list[list[float]] = []

    def g(xs: Sequence[Any]) -> Any:
        return f(xs, OURSELVES)

    def step(lap: Lap) -> None:
        nonlocal rows
        if by_products:
            units = ([float(i == j) for j in range(inputs)] for i in range(inputs))
            rows = [hvp(g, (xs,), (unit,)) for unit in units]
        else:
            rows = hessian(g)(xs)

    return Task(step, lambda: [x for row in rows for x in row])


def recorded_gradient(inputs: int) -> Task:
    """The whole life of a differentiable gradient, together with the function's graph."""
    xs, _ = point(rosenbrock, inputs)
    slope = grad(partial(rosenbrock, m=OURSELVES))

    def step(lap: Lap) -> None:
        slopes = slope(nodes(xs))
        lap("record")
        dot(slopes, xs).backward()
        lap("backward")
        del slopes
        lap("free")

    return Task(step)


def recorded_bytes(inputs: int) -> tuple[float, float, int]:
    """The memory of a node of Rosenbrock's function, also with its gradient; and the peak."""
    variables = nodes(point(rosenbrock, inputs)[0])
    tracemalloc.start()
    output: Value = rosenbrock(variables, OURSELVES)
    gc.collect()
    function = tracemalloc.get_traced_memory()[0] / len(interior(output))
    output.backward(create_graph=True)
    peak = tracemalloc.get_traced_memory()[1]
    gc.collect()
    slopes: list[Any] = [x.grad for x in variables]
    both = tracemalloc.get_traced_memory()[0] / len(interior(output, *slopes))
    return function, both, peak


# --- what a call costs ----------------------------------------------------------------------------


class Pair(NamedTuple):
    """A transform, and the same by hand: `Value`, and one or several calls of `backward()`."""

    transform: Callable[[], Any]
    by_hand: Callable[[], Any]
    at_most: float = math.inf  # times as long


def slope(f: Callable[[Any], Value], number: float) -> float:
    x = Value(number)
    f(x).backward()
    return x.grad


def second(f: Callable[[Any], Value], number: float) -> float:
    x = Value(number)
    f(x).backward(create_graph=True)
    slope: Any = x.grad
    x.grad = 0.0
    slope.backward()
    return x.grad


def rows_of(f: Callable[[list[Any]], list[Value]], xs: list[float]) -> list[list[float]]:
    """Make a Jacobian, with one `backward()` per row."""
    variables = nodes(xs)
    rows = []
    for output in f(variables):
        for x in variables:
            x.grad = 0.0
        output.backward()
        rows.append([x.grad for x in variables])
    return rows


def products(xs: Sequence[Any]) -> list[Any]:
    """Return more results than there are inputs."""
    near = [x * autograd.sin(y) + y for x, y in pairwise([*xs, xs[0]])]
    return [*near, *[x * y for x, y in pairwise(near)]]


def pair(what: str) -> Pair:
    """Make a pair by its name in the table."""
    return PAIRS[what]()


def short(f: Callable[[Any], Any], at_most: float = math.inf) -> Pair:
    gradient = grad(f)
    return Pair(lambda: gradient(3.0), lambda: slope(f, 3.0), at_most)


def square_of(x: Any) -> Any:
    return x * x


def wave(x: Any) -> Any:
    return autograd.sin(x) * x


def of_two() -> Pair:
    def f(x: Any, y: Any) -> Any:
        return x * y + x

    def by_hand() -> tuple[float, float]:
        x, y = Value(3.0), Value(2.0)
        f(x, y).backward()
        return x.grad, y.grad

    gradient = grad(f, (0, 1))
    return Pair(lambda: gradient(3.0, 2.0), by_hand, 2.0)


def of_list() -> Pair:
    xs, _ = point(rosenbrock, 10)
    gradient = grad(partial(rosenbrock, m=OURSELVES))

    def by_hand() -> list[float]:
        variables = nodes(xs)
        rosenbrock(variables, OURSELVES).backward()
        return [x.grad for x in variables]

    return Pair(lambda: gradient(xs), by_hand, 2.0)


def of_model() -> Pair:
    model, both = MLP(2, list(SIZES)), value_and_grad(squared_error)

    def by_hand() -> list[float]:
        parameters = model.parameters()
        for parameter in parameters:
            parameter.grad = 0.0
        squared_error(model).backward()
        return [parameter.grad for parameter in parameters]

    return Pair(lambda: [*both(model)[1].values()], by_hand, 4.0)


def squared_error(model: MLP) -> Any:
    difference: Any = model(SAMPLE) - TARGET
    return difference * difference


def columns() -> Pair:
    xs = [0.1 * i for i in range(28)]
    matrix = jacobian(products)
    return Pair(lambda: matrix(xs), lambda: rows_of(products, xs), 2.0)


def matrix_rows() -> Pair:
    xs = [0.1 * i for i in range(28)]
    matrix = jacobian(lambda xs: products(xs)[:28])
    return Pair(lambda: matrix(xs), lambda: rows_of(lambda xs: products(xs)[:28], xs), 2.0)


PAIRS: dict[str, Callable[[], Pair]] = {
    "grad(x * x)": partial(short, square_of, 2.0),
    "grad(sin(x) * x)": partial(short, wave, 2.0),
    "grad of two numbers": of_two,
    "grad, Rosenbrock 10": of_list,
    "value_and_grad of nn.MLP": of_model,
    "vjp": lambda: Pair(lambda: vjp(wave, 3.0)[1](1.0), lambda: slope(wave, 3.0)),
    "jvp": lambda: Pair(lambda: jvp(wave, (3.0,), (1.0,))[1], lambda: slope(wave, 3.0)),
    "hvp": lambda: Pair(lambda: hvp(wave, (3.0,), (1.0,)), lambda: second(wave, 3.0)),
    "grad(grad)": lambda: Pair(partial(grad(grad(wave)), 3.0), lambda: second(wave, 3.0)),
    "hessian": lambda: Pair(partial(hessian(wave), 3.0), lambda: second(wave, 3.0)),
    "jacobian, 55 by 28": columns,
    "jacobian, 28 by 28": matrix_rows,
}


def called(what: str) -> Task:
    """Measure a transform and the same by hand, each often enough for the clock."""
    chosen = pair(what)
    phases = {"transform": chosen.transform, "by hand": chosen.by_hand}
    start = time.perf_counter()
    chosen.by_hand()
    often = max(1, int(1e-3 / (time.perf_counter() - start)))
    found: dict[str, Any] = {}

    def step(lap: Lap) -> None:
        for phase, compute in phases.items():
            for _ in range(often):
                found[phase] = compute()
            lap(phase)

    def outcome() -> list[float]:
        agree(*[flat(found[phase]) for phase in phases])
        return [float(often)]

    return Task(step, outcome)


def flat(found: Any) -> list[float]:
    if isinstance(found, float):
        return [found]
    return [number for part in found for number in flat(part)]


def call_rows(effort: Effort) -> Iterator[Row]:
    """The cost of a transform compared with the same by hand, in one process."""
    for what in PAIRS:
        contest = interleave({what: partial(called, what)}, effort.rounds, effort.seconds)
        scale = 1e6 / contest.outcomes[what][0]
        ours, by_hand = (contest.seconds(what, phase, scale) for phase in ("transform", "by hand"))
        at_least = 1.0 / pair(what).at_most
        yield compare(f"call: {what}", "us", ours, "by hand", by_hand, at_least=at_least)


# --- the rows -------------------------------------------------------------------------------------


class Effort(NamedTuple):
    """How long to measure."""

    rounds: int = 15
    seconds: float = 0.2  # a turn
    slow_rounds: int = 3  # where a turn takes longer than that
    recorded: int = 1_000  # inputs of the smaller of two recorded gradients


class Cost(NamedTuple):
    """One phase as a multiple of another."""

    what: str
    phase: str
    base: str
    at_most: float


COSTS = (
    Cost("gradient / function", "gradient", "function", GRADIENT_OF_FUNCTION),
    Cost("gradient / recorded pass", "gradient", "recorded", GRADIENT_OF_RECORDED),
    Cost("Hessian-vector / gradient", "product", "gradient", PRODUCT_OF_GRADIENT),
    Cost("jvp / function", "tangent", "function", TANGENT_OF_FUNCTION),
)


def multiples(contest: Contest, name: str, cost: Cost, inputs: int) -> list[float]:
    """Return each round's multiple; none if the library lacks a phase."""
    if not {cost.phase, cost.base} <= contest.rounds[name][0].keys():
        return []
    often = evaluations(inputs) if cost.base == "function" else 1
    pairs = zip(contest.seconds(name, cost.phase), contest.seconds(name, cost.base), strict=True)
    return [often * seconds / base for seconds, base in pairs]


def agree_by_parts(outcomes: Sequence[Sequence[float]], inputs: int) -> None:
    """Compare values, gradients, products and tangents, each by its own largest number."""
    ends = [0, 1, 1 + inputs, 1 + 2 * inputs, 2 + 2 * inputs]
    for start, end in pairwise(ends):
        agree(*[outcome[start:end] for outcome in outcomes if len(outcome) > start])


def peer_rows(
    what: str, f: Function, inputs: int, peers: Sequence[str], effort: Effort
) -> Iterator[Row]:
    """Our multiples compared with those of each other library."""
    makers = {name: partial(derivatives, name, f, inputs) for name in (OURS, *peers)}
    contest = interleave(makers, effort.rounds, effort.seconds)
    agree_by_parts(list(contest.outcomes.values()), inputs)
    ours = contest.seconds(OURS, "gradient", scale=1e3)
    for peer in peers:
        theirs = contest.seconds(peer, "gradient", scale=1e3)
        yield compare(f"{what}: gradient", "ms", ours, peer, theirs)
    for cost in COSTS:
        ours = multiples(contest, OURS, cost, inputs)
        most = cost.at_most  # said once, in the first row
        for peer in peers:
            if theirs := multiples(contest, peer, cost, inputs):
                yield compare(f"{what}: {cost.what}", "x", ours, peer, theirs, ours_at_most=most)
                most = math.inf


def growth_rows(what: str, f: Function, effort: Effort) -> Iterator[Row]:
    """Our multiples at a thousand inputs compared with those at ten.

    Multiples of the function should be the same. Multiples of another derivative are smaller at ten
    inputs, where the overhead of a call weighs on both. With the collector on, its share grows
    faster than the graph, as in `eager.py`.
    """
    few, many = 10, 1000
    makers = {inputs: partial(derivatives, OURS, f, inputs) for inputs in (few, many)}
    for collector in (True, False):
        contest = interleave(
            {str(inputs): make for inputs, make in makers.items()},
            effort.rounds,
            effort.seconds,
            collector=collector,
        )
        for cost in COSTS:
            title = f"{what}, gc {'on' if collector else 'off'}: {cost.what}"
            at_few, at_many = (multiples(contest, str(n), cost, n) for n in makers)
            most = INDEPENDENT if cost.base == "function" else math.inf
            unit, peer = f"x, {few} inputs", f"{many:,} inputs"
            yield compare(title, unit, at_few, peer, at_many, at_most=most)


def hessian_rows(what: str, f: Function, effort: Effort) -> Iterator[Row]:
    """A whole Hessian compared with its columns, one by one: it should cost no more."""
    for inputs in (10, 100):
        makers = {
            "products": partial(whole_hessian, f, inputs, by_products=True),
            "hessian": partial(whole_hessian, f, inputs, by_products=False),
        }
        contest = interleave(makers, effort.slow_rounds, effort.seconds)
        agree(*contest.outcomes.values())
        products, whole = (contest.seconds(name, scale=1e3) for name in makers)
        title = f"{what} {inputs}: {inputs} Hessian-vector products"
        yield compare(title, "ms", products, "hessian", whole, at_most=1.0)


def recorded_rows(effort: Effort) -> Iterator[Row]:
    """A recorded gradient and one of ten times the graph: at most twelve times time and memory."""
    small, large = effort.recorded, 10 * effort.recorded
    makers = {str(inputs): partial(recorded_gradient, inputs) for inputs in (small, large)}
    what, peer = f"recorded gradient {small:,}", f"{large:,} inputs"
    for collector in (True, False):
        contest = interleave(makers, effort.slow_rounds, effort.seconds, collector=collector)
        for phase in ("record", "backward", "free"):
            times = (contest.seconds(name, phase, scale=1e3) for name in makers)
            title = f"{what}: {phase}" if collector else f"{what}, gc off: {phase}"
            yield compare(title, "ms", next(times), peer, next(times), at_most=12.0)
    (function, both, peak), (*_, larger) = (
        in_fresh_process(recorded_bytes, inputs) for inputs in (small, large)
    )
    yield compare(f"{what}: memory", "MB", [peak / 1e6], peer, [larger / 1e6], at_most=12.0)
    peer = "with its gradient"
    yield compare("node of a function", "bytes", [function], peer, [both], at_most=math.inf)


def all_rows(effort: Effort) -> Iterator[Row]:
    yield from call_rows(effort)
    backwards, networks, *peers = tuple(LIBRARIES)[1:]
    without_micrograd = [name for name in peers if name != "micrograd"]
    parameters = len(mlp_weights(2, SIZES))
    yield from peer_rows("Rosenbrock 100", rosenbrock, 100, [backwards, *peers], effort)
    yield from peer_rows("chain 100", chain, 100, [backwards, *without_micrograd], effort)
    yield from peer_rows("MLP 2-16-16-1", mlp, parameters, [backwards, networks, *peers], effort)
    for what, f in (("Rosenbrock", rosenbrock), ("chain", chain)):
        yield from growth_rows(what, f, effort)
    for what, f in (("Rosenbrock", rosenbrock), ("chain", chain)):
        yield from hessian_rows(what, f, effort)
    yield from recorded_rows(effort)


def main(arguments: Sequence[str] | None = None) -> None:
    given = options("Measure what derivatives cost, beside the peers.").parse_args(arguments)
    effort = Effort(rounds=3, seconds=0.02, recorded=100) if given.quick else Effort()
    facts = machine(["jax", "micrograd", "torch"])
    rows = show(facts, all_rows(effort))
    write(given.results / "derivatives.json", facts, effort._asdict(), rows)
    print(f"\nWritten to {given.results}: derivatives.json")


if __name__ == "__main__":
    main()
