"""The verdicts of one gradient checker on cases drawn at random, as JSON.

`python benchmarks/fresh.py CONTENDER --count N --seed S [--precision single]`, run by
`checkers.py --fresh` for each contender in the environment that holds it. The cases are those of
`faults.py`. Every checker gets the gradient as a claim about a function: as a function of
NumPy's arrays beside it, as the backward pass of an `autograd.Function`, as a `custom_vjp`, or as a
`primitive` with a `defvjp`. Checkers run with their default arguments; if there is no default
for what counts as right, a comment at the number gives the reason.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NamedTuple

# HIPS's package has our import name: in its environment, it must be found first.
sys.path.insert(99 if "HIPS autograd" in sys.argv else 0, str(Path(__file__).parents[1]))

import numpy as np

from benchmarks.faults import Case, draw
from benchmarks.judging import LIMIT, OutOfTime, first_line, time_limit

Check = Callable[[Case], str]  # "passed", "undecided", "failed", or the error that it raises

MANY = 20  # calls, from which on it pays to compile a function
SCIPY = 1e-6  # above what check_grad gives in SciPy's own tests and examples


class Contender(NamedTuple):
    """A checker: the function that makes it, and the packages that it needs."""

    make: Callable[[], Check]
    packages: tuple[str, ...]


# --- the contenders -------------------------------------------------------------------------------


def ours() -> Check:
    autograd = import_module("autograd")

    def check(case: Case) -> str:
        found = autograd.gradcheck(
            case.value, case.x, gradient=case.gradient, raise_exception=False
        )
        return str(found.outcome)

    return check


def planted_in_pytorch(case: Case) -> tuple[Any, Any]:
    """Make an `autograd.Function` of a case; return it with the point."""
    torch = import_module("torch")
    constants = [torch.as_tensor(array) for array in case.constants()]

    class Planted(torch.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(context: Any, x: Any) -> Any:
            terms = case.terms(torch, x.detach(), constants)
            return torch.as_tensor(case.summed(terms.numpy()), dtype=x.dtype)

        @staticmethod
        def backward(context: Any, adjoint: Any) -> Any:
            return adjoint * torch.as_tensor(case.gradient)

    return Planted.apply, torch.tensor(case.x, requires_grad=True)


def pytorch() -> Check:
    torch = import_module("torch")
    torch.set_num_threads(1)

    def check(case: Case) -> str:
        torch.autograd.gradcheck(*planted_in_pytorch(case))
        return "passed"

    return check


def ours_on_pytorch() -> Check:
    gradcheck = import_module("autograd.testing.torch").gradcheck
    import_module("torch").set_num_threads(1)
    return lambda case: str(gradcheck(*planted_in_pytorch(case), raise_exception=False).outcome)


def planted_in_jax(case: Case, calls: int) -> tuple[Any, Any]:
    """Make a `custom_vjp` of a case, for so many calls; return it with the point."""
    jax, jnp = import_module("jax"), import_module("jax.numpy")
    jax.config.update("jax_enable_x64", case.precision == "double")
    constants = [jnp.asarray(array) for array in case.constants()]

    def terms(x: Any) -> Any:
        return case.terms(jnp, x, constants)

    terms = jax.jit(terms) if calls > MANY else terms
    shape = jax.ShapeDtypeStruct((), case.x.dtype)

    def called(x: Any) -> Any:
        return case.summed(np.asarray(terms(x))).astype(case.x.dtype)

    def value(x: Any) -> Any:
        return jax.pure_callback(called, shape, x) if isinstance(x, jax.core.Tracer) else called(x)

    def forward(x: Any) -> Any:
        return value(x), None

    def backward(_: None, adjoint: Any) -> Any:
        return (adjoint * jnp.asarray(case.gradient),)

    function = jax.custom_vjp(value)
    function.defvjp(forward, backward)
    return function, jnp.asarray(case.x)


def jax() -> Check:
    test_util = import_module("jax.test_util")

    def check(case: Case) -> str:
        function, x = planted_in_jax(case, 3)
        # A custom_vjp has no forward mode, and this gradient no derivative.
        test_util.check_grads(function, (x,), order=1, modes=("rev",))
        return "passed"

    return check


def ours_on_jax() -> Check:
    gradcheck = import_module("autograd.testing.jax").gradcheck
    return lambda case: str(
        gradcheck(*planted_in_jax(case, MANY + 1), raise_exception=False).outcome
    )


def hips() -> Check:
    extend, test_util = map(import_module, ("autograd.extend", "autograd.test_util"))

    def check(case: Case) -> str:
        function = extend.primitive(case.value)
        extend.defvjp(function, lambda y, x: lambda adjoint: adjoint * case.gradient)
        test_util.check_grads(function, modes=["rev"], order=1)(case.x)
        return "passed"

    return check


def numdifftools() -> Check:
    gradient_of = import_module("numdifftools").Gradient

    def check(case: Case) -> str:
        found = np.atleast_1d(gradient_of(case.value)(case.x))
        return "passed" if np.allclose(case.gradient, found) else "failed"

    return check


def scipy() -> Check:
    check_grad = import_module("scipy.optimize").check_grad

    def check(case: Case) -> str:
        error = check_grad(case.value, lambda x: case.gradient, case.x)
        return "passed" if error < SCIPY else "failed"

    return check


CONTENDERS: dict[str, Contender] = {
    "ours": Contender(ours, ("numpy",)),
    "ours, on PyTorch": Contender(ours_on_pytorch, ("torch",)),
    "ours, on JAX": Contender(ours_on_jax, ("jax", "jaxlib")),
    "PyTorch": Contender(pytorch, ("torch",)),
    "JAX": Contender(jax, ("jax", "jaxlib")),
    "HIPS autograd": Contender(hips, ("autograd", "numpy")),
    "numdifftools": Contender(numdifftools, ("numdifftools",)),
    "SciPy": Contender(scipy, ("scipy",)),
}

# --- judging --------------------------------------------------------------------------------------


def judged(check: Check, case: Case) -> dict[str, Any]:
    """Ask a checker for its verdict on a case."""
    why = ""
    try:
        with time_limit(LIMIT):
            said = check(case)
    except OutOfTime as error:
        said, why = "undecided", first_line(error)
    except Exception as error:
        said, why = "failed", first_line(error)
    return {
        "number": case.number,
        "family": case.function.family,
        "evaluation": case.evaluation,
        "fault": case.fault,
        "counts": case.excess > 1.0,
        "relative": case.relative,
        "said": said,
        "why": why,
    }


def missing(contender: Contender) -> str:
    """Name a package that a contender needs and is not installed; empty if there is none."""
    for package in contender.packages:
        try:
            metadata.version(package)
        except metadata.PackageNotFoundError:
            return package
    return ""


def verdicts(check: Check, seed: int, count: int, precision: str) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield judged(check, draw(seed, number, precision))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--precision", choices=("double", "single"), default="double")
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    contender = CONTENDERS[given.contender]
    told: dict[str, Any] = {"missing": missing(contender)}
    if not told["missing"]:
        start = time.perf_counter()
        check = contender.make()
        told["verdicts"] = list(verdicts(check, given.seed, given.count, given.precision))
        told["seconds"] = time.perf_counter() - start
        told["packages"] = {name: metadata.version(name) for name in contender.packages}
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
