"""The verdicts of one library's gradient checker on all faults and correct functions, as JSON.

`python benchmarks/judging.py LIBRARY [--every N]`, run by `checkers.py` for each library in the
environment that holds it. HIPS's package has our import name: this folder's parent comes last on
the path, so that an installed `autograd` is found first.

Checkers run with their default arguments. A function that a library cannot evaluate and
differentiate at a point does not count; whatever its checker raises after that is
its verdict.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module, metadata
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).parents[1]))

from tests.checking_cases.correct import CORRECT
from tests.checking_cases.faults import PROGRAMS, ROWS, Program, Row

LIMIT = 60  # seconds for a check

Flat = Callable[..., list[Any]]  # from numbers to numbers, one argument each


@dataclass(frozen=True)
class Verdict:
    """A checker's verdict on a function at a point.

    Attributes:
        name: The case.
        group: "fault", "engine" for a fault that only this library can have, or "correct".
        point: The number of the point.
        said: "right", "wrong", "undecided"; or "cannot run".
        why: The first line of the error, if the function is wrong or cannot run.
        gradient: The library's derivatives, for a correct function.
    """

    name: str
    group: str
    point: int
    said: str
    why: str = ""
    gradient: tuple[float, ...] = ()


class Library(NamedTuple):
    """A library: its mathematics, how to state a row's derivative, to differentiate and to check.

    Attributes:
        namespace: The namespace that functions take as `m`.
        planted: Turns a row into a function with the row's wrong derivative.
        gradient: Returns every derivative of every output at the numbers.
        check: Raises the checker's error; tells whether it came to a decision.
    """

    namespace: SimpleNamespace
    planted: Callable[[Row], Callable[..., Any]]
    gradient: Callable[[Flat, Sequence[float]], list[float]]
    check: Callable[[Flat, Sequence[float]], bool]


# --- inputs and outputs, nested and flat ----------------------------------------------------------


def flattened(nest: Any) -> list[Any]:
    """List the numbers in lists, tuples and dicts."""
    if isinstance(nest, dict):
        nest = nest.values()
    elif not isinstance(nest, (list, tuple)):
        return [nest]
    return list(chain.from_iterable(map(flattened, nest)))


def nested(like: Any, numbers: Iterator[Any]) -> Any:
    """Put the numbers into the structure of `like`."""
    if isinstance(like, dict):
        return {key: nested(part, numbers) for key, part in like.items()}
    if isinstance(like, (list, tuple)):
        return [nested(part, numbers) for part in like]
    return next(numbers)


def flat(function: Callable[..., Any], inputs: tuple[Any, ...]) -> Flat:
    return lambda *numbers: flattened(function(*nested(inputs, iter(numbers))))


# --- the libraries --------------------------------------------------------------------------------

ELEMENTARY = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "square", "reciprocal",
    "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh",
    "arctanh", "sign", "floor", "ceil", "trunc", "abs",
)  # fmt: skip
OF_TWO = ("hypot", "arctan2", "maximum", "minimum")


def elementary(module: Any, names: Sequence[str]) -> dict[str, Callable[..., Any]]:
    """Take the functions that a module has."""
    return {name: getattr(module, name) for name in names if hasattr(module, name)}


def called(
    row: Row, namespace: SimpleNamespace, function: Callable[..., Any]
) -> Callable[..., Any]:
    """Adapt a function of separate operands to the row."""
    if row.of_sequence:
        return partial(row.use, namespace, lambda xs: function(*xs))
    return partial(row.use, namespace, function)


def ours() -> Library:
    autograd, cases = import_module("autograd"), import_module("tests.checking_cases.ours")

    def gradient(function: Flat, numbers: Sequence[float]) -> list[float]:
        inputs = [autograd.Value(x) for x in numbers]
        found: list[float] = []
        for output in function(*inputs):
            for x in inputs:
                x.grad = 0.0
            if isinstance(output, autograd.Value):
                output.backward()
            found += [x.grad for x in inputs]
        return found

    def check(function: Flat, numbers: Sequence[float]) -> bool:
        return bool(autograd.gradcheck(function, *numbers).outcome == "passed")

    return Library(cases.NAMESPACE, partial(cases.row_function, faulty=True), gradient, check)


def pytorch() -> Library:
    torch = import_module("torch")
    torch.set_num_threads(1)
    functional = torch.nn.functional
    tensor = partial(torch.as_tensor, dtype=torch.float64)

    def stack(xs: Sequence[Any]) -> Any:
        return torch.stack([tensor(x) for x in xs])

    def of_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x, y: function(tensor(x), tensor(y))

    namespace = SimpleNamespace(
        **elementary(torch, ELEMENTARY),
        **{name: of_tensors(f) for name, f in elementary(torch, OF_TWO).items()},
        sigmoid=torch.sigmoid,
        relu=torch.relu,
        erf=torch.erf,
        erfc=torch.erfc,
        lgamma=torch.lgamma,
        digamma=torch.digamma,
        softplus=functional.softplus,
        logsigmoid=functional.logsigmoid,
        gelu=functional.gelu,
        silu=functional.silu,
        where=lambda condition, x, y: torch.where(torch.as_tensor(condition), tensor(x), tensor(y)),
        sum=lambda xs: stack(xs).sum(),
        mean=lambda xs: stack(xs).mean(),
        prod=lambda xs: stack(xs).prod(),
        norm=lambda xs: torch.linalg.vector_norm(stack(xs)),
        dot=lambda xs, ys: torch.dot(stack(xs), stack(ys)),
        logsumexp=lambda xs: torch.logsumexp(stack(xs), 0),
        softmax=lambda xs: list(torch.softmax(stack(xs), 0)),
        max=lambda xs: stack(xs).amax(),
        detach=lambda x: tensor(x).detach(),
    )

    def leaves(numbers: Sequence[float]) -> list[Any]:
        return [tensor(x).requires_grad_() for x in numbers]

    def outputs(function: Flat, inputs: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(tensor(y) for y in function(*inputs))

    def planted(row: Row) -> Callable[..., Any]:
        class Planted(torch.autograd.Function):  # type: ignore[misc, name-defined]
            @staticmethod
            def forward(context: Any, *xs: Any) -> Any:
                y = row.evaluate(namespace, *xs)
                context.save_for_backward(y, *xs)
                return y

            @staticmethod
            def backward(context: Any, adjoint: Any) -> Any:
                partials = row.wrong(namespace, *context.saved_tensors)
                return tuple(adjoint * tensor(d) for d in partials)

        return called(row, namespace, Planted.apply)

    def gradient(function: Flat, numbers: Sequence[float]) -> list[float]:
        inputs = leaves(numbers)
        found: list[float] = []
        for y in outputs(function, inputs):
            adjoints = [None] * len(inputs)
            if y.requires_grad:
                adjoints = torch.autograd.grad(y, inputs, allow_unused=True, retain_graph=True)
            found += [0.0 if adjoint is None else float(adjoint) for adjoint in adjoints]
        return found

    def check(function: Flat, numbers: Sequence[float]) -> bool:
        torch.autograd.gradcheck(lambda *xs: outputs(function, xs), leaves(numbers))
        return True

    return Library(namespace, planted, gradient, check)


def jax() -> Library:
    jax, np, test_util = map(import_module, ("jax", "jax.numpy", "jax.test_util"))
    jax.config.update("jax_enable_x64", True)

    def stack(xs: Sequence[Any]) -> Any:
        return np.stack([np.float64(x) for x in xs])

    namespace = SimpleNamespace(
        **elementary(np, ELEMENTARY + OF_TWO),
        where=np.where,
        sigmoid=jax.nn.sigmoid,
        softplus=jax.nn.softplus,
        logsigmoid=jax.nn.log_sigmoid,
        relu=jax.nn.relu,
        gelu=partial(jax.nn.gelu, approximate=False),
        silu=jax.nn.silu,
        erf=jax.scipy.special.erf,
        erfc=jax.scipy.special.erfc,
        lgamma=jax.scipy.special.gammaln,
        digamma=jax.scipy.special.digamma,
        sum=lambda xs: stack(xs).sum(),
        mean=lambda xs: stack(xs).mean(),
        prod=lambda xs: stack(xs).prod(),
        norm=lambda xs: np.linalg.norm(stack(xs)),
        dot=lambda xs, ys: np.dot(stack(xs), stack(ys)),
        logsumexp=lambda xs: jax.nn.logsumexp(stack(xs)),
        softmax=lambda xs: list(jax.nn.softmax(stack(xs))),
        max=lambda xs: stack(xs).max(),
        detach=jax.lax.stop_gradient,
    )

    def outputs(function: Flat) -> Callable[..., Any]:
        return lambda *xs: [np.float64(y) for y in function(*xs)]

    def planted(row: Row) -> Callable[..., Any]:
        function = jax.custom_jvp(lambda *xs: np.float64(row.evaluate(namespace, *xs)))

        @function.defjvp  # type: ignore[untyped-decorator]
        def tangent(xs: Any, tangents: Any) -> Any:
            y = function(*xs)
            partials = row.wrong(namespace, y, *xs)
            return y, sum(d * t for d, t in zip(partials, tangents, strict=True))

        return called(row, namespace, function)

    def gradient(function: Flat, numbers: Sequence[float]) -> list[float]:
        inputs = [np.float64(x) for x in numbers]
        found = jax.jacrev(outputs(function), tuple(range(len(inputs))))(*inputs)
        return [float(d) for d in flattened(found)]

    def check(function: Flat, numbers: Sequence[float]) -> bool:
        inputs = tuple(np.float64(x) for x in numbers)
        test_util.check_grads(outputs(function), inputs, order=1)
        return True

    return Library(namespace, planted, gradient, check)


def hips() -> Library:
    autograd, np, special, extend, test_util, tracer = map(
        import_module,
        (
            "autograd", "autograd.numpy", "autograd.scipy.special", "autograd.extend",
            "autograd.test_util", "autograd.tracer",
        ),
    )  # fmt: skip

    def array(xs: Sequence[Any]) -> Any:
        return np.array(list(xs))

    def detach(x: Any) -> Any:
        while tracer.isbox(x):
            x = tracer.getval(x)
        return x

    namespace = SimpleNamespace(
        **elementary(np, ELEMENTARY + OF_TWO),
        where=np.where,
        sigmoid=special.expit,
        softplus=lambda x: np.logaddexp(x, 0.0),
        logsigmoid=lambda x: -np.logaddexp(-x, 0.0),
        relu=lambda x: np.where(x > 0.0, x, 0.0),
        silu=lambda x: x * special.expit(x),
        erf=special.erf,
        erfc=special.erfc,
        lgamma=special.gammaln,
        digamma=special.digamma,
        sum=lambda xs: np.sum(array(xs)),
        mean=lambda xs: np.mean(array(xs)),
        prod=lambda xs: np.prod(array(xs)),
        norm=lambda xs: np.linalg.norm(array(xs)),
        dot=lambda xs, ys: np.dot(array(xs), array(ys)),
        logsumexp=lambda xs: special.logsumexp(array(xs)),
        max=lambda xs: np.max(array(xs)),
        detach=detach,
    )

    def planted(row: Row) -> Callable[..., Any]:
        function = extend.primitive(lambda *xs: row.evaluate(namespace, *xs))

        def adjoints(argnums: Any, y: Any, xs: Any, named: Any) -> Any:
            partials = row.wrong(namespace, y, *xs)
            return lambda adjoint: tuple(adjoint * partials[i] for i in argnums)

        def tangent(argnums: Any, tangents: Any, y: Any, xs: Any, named: Any) -> Any:
            partials = row.wrong(namespace, y, *xs)
            return sum(t * partials[i] for i, t in zip(argnums, tangents, strict=True))

        extend.defvjp_argnums(function, adjoints)
        extend.defjvp_argnums(function, tangent)
        return called(row, namespace, function)

    def gradient(function: Flat, numbers: Sequence[float]) -> list[float]:
        every = tuple(range(len(numbers)))
        found: list[float] = []
        for i in range(len(function(*numbers))):
            found += autograd.grad(lambda *xs, i=i: function(*xs)[i], every)(*numbers)
        return [float(d) for d in found]

    def check(function: Flat, numbers: Sequence[float]) -> bool:
        def outputs(*xs: Any) -> Any:
            ys = function(*xs)
            return array(ys) if len(ys) > 1 else ys[0]

        test_util.check_grads(outputs, tuple(range(len(numbers))))(*numbers)
        return True

    return Library(namespace, planted, gradient, check)


LIBRARIES: dict[str, Callable[[], Library]] = {
    "ours": ours,
    "PyTorch": pytorch,
    "JAX": jax,
    "HIPS autograd": hips,
}
PACKAGES = {
    "ours": ("mpmath",),
    "PyTorch": ("torch",),
    "JAX": ("jax", "jaxlib"),
    "HIPS autograd": ("autograd", "numpy", "scipy"),
}

# --- judging --------------------------------------------------------------------------------------


class OutOfTime(BaseException):
    """Not an `Exception`, which a checker might mistake for an error of its function."""


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    def stop(number: int, frame: Any) -> None:
        raise OutOfTime(f"more than {seconds} s")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


def first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def judge(
    library: Library,
    name: str,
    group: str,
    make: Callable[[], Callable[..., Any]],
    inputs: tuple[Any, ...],
    point: int = 0,
) -> Verdict:
    """Ask the checker of a library for its verdict on a function at a point."""
    numbers = flattened(inputs)
    gradient: list[float] = []
    try:
        with time_limit(LIMIT):
            gradient = library.gradient(flat(make(), inputs), numbers)
    except (Exception, OutOfTime) as error:
        return Verdict(name, group, point, "cannot run", first_line(error))
    known = tuple(gradient) if group == "correct" else ()
    try:
        with time_limit(LIMIT):
            decided = library.check(flat(make(), inputs), numbers)
    except OutOfTime as error:
        return Verdict(name, group, point, "cannot run", first_line(error))
    except Exception as error:
        return Verdict(name, group, point, "wrong", first_line(error), known)
    return Verdict(name, group, point, "right" if decided else "undecided", "", known)


def judge_engine(check: Callable[[Flat, Sequence[float]], bool], every: int) -> Iterator[Verdict]:
    """Judge our own checker by the faults in our backward pass and recording."""
    portable = {row.name for row in ROWS} | {program.name for program in PROGRAMS}
    faults = import_module("tests.checking_cases.ours").FAULTS
    for fault in [fault for fault in faults if fault.name not in portable][::every]:
        with fault.planted() as function:
            try:
                decided = check(flat(function, fault.inputs), flattened(fault.inputs))
                said, why = "right" if decided else "undecided", ""
            except Exception as error:
                said, why = "wrong", first_line(error)
        yield Verdict(fault.name, "engine", 0, said, why)


def made(program: Program, namespace: SimpleNamespace) -> Callable[..., Any]:
    return partial(program.make(), namespace)


def verdicts(name: str, every: int) -> Iterator[Verdict]:
    library = LIBRARIES[name]()
    for row in ROWS[::every]:
        yield judge(library, row.name, "fault", partial(library.planted, row), row.inputs)
    for program in PROGRAMS[::every]:
        make = partial(made, program, library.namespace)
        yield judge(library, program.name, "fault", make, program.inputs)
    if name == "ours":
        yield from judge_engine(library.check, every)
    for case in CORRECT[::every]:
        make_function = partial(partial, case.function, library.namespace)
        for point, inputs in enumerate(case.points):
            if case.heavy and name in ("JAX", "HIPS autograd"):
                yield Verdict(case.name, "correct", point, "cannot run", "takes minutes to trace")
            else:
                yield judge(library, case.name, "correct", make_function, inputs, point)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("library", choices=LIBRARIES)
    parser.add_argument("--every", type=int, default=1, help="judge by one case of so many")
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore")  # overflows and the like are intended
    start = time.perf_counter()
    found = [asdict(verdict) for verdict in verdicts(given.library, given.every)]
    seconds = time.perf_counter() - start
    packages = {package: metadata.version(package) for package in PACKAGES[given.library]}
    json.dump({"packages": packages, "seconds": seconds, "verdicts": found}, sys.stdout)


if __name__ == "__main__":
    main()
