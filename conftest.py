"""What holds for every test and doctest: how long Hypothesis searches, and the cache."""

import contextlib
import functools
import gc
import importlib
import inspect
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy.random
import pytest
from hypothesis import HealthCheck, Phase, control, core, register_random, settings
from hypothesis.internal import entropy
from hypothesis.strategies._internal import core as strategies_core

# Their examples need what continuous integration alone installs.
collect_ignore = [
    f"autograd/testing/{name}.py" for name in ("jax", "torch") if find_spec(name) is None
]

# What JAX is asked for in the tests is small: XLA is to compile it quickly, not to optimise it.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

# How long an example takes says more of the machine than of the code: no deadlines.
_UNHURRIED = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
# The same examples each time, whatever earlier runs found: a run on a fresh machine is like any.
# Their outcome does not change from run to run, so a few suffice; new ones are for the searches.
_REPEATED = settings(_UNHURRIED, derandomize=True, database=None, max_examples=30)

# To search anew: make search, or pytest --hypothesis-profile=search; for hours: make soak.
settings.register_profile("default", _REPEATED)
settings.register_profile("search", _UNHURRIED, derandomize=False, max_examples=200)
settings.register_profile("soak", _UNHURRIED, derandomize=False, max_examples=25_000)
# For `make coverage`: every line is run, not searched.
settings.register_profile("coverage", _REPEATED, max_examples=20)
# For `make mutants`: a mutant has to be noticed, not shrunk.
settings.register_profile(
    "mutants",
    _REPEATED,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("default")

# The seed of a test's examples is a digest of its source, which is read, and taken apart, anew for
# each of its parameters: a fifth of the time of a quick one.
inspect.getsource = functools.lru_cache(maxsize=8)(inspect.getsource)  # type: ignore[assignment]


class NumpysRandom:
    """NumPy's own random numbers, of which Hypothesis keeps the state around each example.

    To read it takes longer than many an example, and to write it as long again. So the generator
    itself is put by, and another one serves in the meantime.
    """

    def __init__(self) -> None:
        self._idle: list[Any] = []

    def getstate(self) -> Any:
        """Give the generator that is in use."""
        return numpy.random.get_bit_generator()

    def seed(self, seed: int) -> None:
        """Have another one take its place."""
        numpy.random.set_bit_generator(self._idle.pop() if self._idle else numpy.random.MT19937())
        numpy.random.seed(seed)

    def setstate(self, generator: Any) -> None:
        """Put it back in its place."""
        self._idle.append(numpy.random.get_bit_generator())
        numpy.random.set_bit_generator(generator)


entropy.NP_RANDOM = NumpysRandom()  # kept there, else it would be registered as it is
register_random(entropy.NP_RANDOM)


class PythonsRandom:
    """Python's own random numbers, put back when a test has ended, and not after each example.

    Their state is 625 numbers: to read and to write it takes a third of the time of a quick test.
    Each example finds them as they are seeded, as ever.
    """

    def __init__(self) -> None:
        self._before: Any = None

    def getstate(self) -> None:
        """Keep the state that they have before the first example."""
        if self._before is None:
            self._before = random.getstate()

    def seed(self, seed: int) -> None:
        """Put them into the state of that seed."""
        random.setstate(_seeded(seed))

    def setstate(self, state: None) -> None:
        """Leave them as they are: another example will seed them."""

    def restore(self) -> None:
        """Put them back into the state before the first example."""
        if self._before is not None:
            random.setstate(self._before)
            self._before = None


@functools.cache
def _seeded(seed: int) -> Any:
    return random.Random(seed).getstate()


@contextlib.contextmanager
def _unwatched(*args: Any) -> Iterator[None]:
    """Draw, without a look at whether a strategy takes of Python's random numbers."""
    yield


_PYTHONS_RANDOM = PythonsRandom()


def _repeat_quickly() -> None:
    """Spare what Hypothesis does around each example for those that are random.

    It reads and writes the state of Python's random numbers, and of its own, and compares them
    before and after each draw. The searches keep all of that.
    """
    managed = entropy.RANDOMS_TO_MANAGE
    for key, generator in list(managed.items()):
        if generator is random:
            managed[key] = _PYTHONS_RANDOM
    local: Any = getattr(core, "threadlocal", None)
    if hasattr(local, "_hypothesis_global_random"):
        local._hypothesis_global_random = random.Random()  # which is not managed
    modules: list[Any] = [control, strategies_core]
    for module in modules:
        if hasattr(module, "deprecate_random_in_strategy"):
            module.deprecate_random_in_strategy = _unwatched


def pytest_configure(config: pytest.Config) -> None:
    """Keep machine code in a folder of this process's own, and of the processes that it starts.

    Tests leave the user's cache alone, and find in theirs what the same module has compiled before.
    """
    gc.disable()  # until all tests are collected
    folder = tempfile.mkdtemp(prefix="autograd-cache-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ["AUTOGRAD_CACHE"] = folder
    os.environ["AUTOGRAD_VERIFY"] = "1"  # each program, after each pass


def pytest_collect_directory(path: Path) -> None:
    """Import a package before pytest imports its files.

    It would import those a second time that the package brings along: two classes `Value`.
    """
    if (path / "__init__.py").exists():
        with contextlib.suppress(ModuleNotFoundError):  # of an extra: its files will say so
            importlib.import_module(".".join(path.relative_to(Path(__file__).parent).parts))


_LONGEST = [
    f"tests/{name}.py"
    for name in (
        "autograd/testing/test_torch", "autograd/testing/test_jax", "autograd/test_rules_higher",
        "autograd/checking/test_claims", "nn/test_sklearn", "nn/test_demo",
        "autograd/checking/test_check", "autograd/checking/test_numerical",
        "autograd/testing/test_decorator", "autograd/compiler/test_function",
        "autograd/compiler/backends/c/test_source", "autograd/test_forks", "autograd/test_rules",
        "benchmarks/test_compiled", "autograd/drawing/test_page", "autograd/test_copying",
        "autograd/testing/test_programs", "test_flooding", "autograd/checking/test_evidence",
    )
]  # fmt: skip
"""The modules that take longest. They are run first: the last is not waited for."""

_SAMPLE = 4
"""Of how many parameters `make coverage` runs a test: as a rule they take the same branches."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the longest modules first, and for `make coverage` a few parameters of each test.

    What is covered by some of the tests is covered by all of them, so the figure is a lower bound.
    """
    ranks = {name: rank for rank, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: ranks.get(item.nodeid.partition("::")[0], len(ranks)))
    if config.getoption("--hypothesis-profile") != "coverage":
        return
    tests: dict[str, list[pytest.Item]] = {}
    for item in items:
        tests.setdefault(item.nodeid.partition("[")[0], []).append(item)
    kept: set[pytest.Item] = set()
    for each in tests.values():
        last = max(_SAMPLE - 1, len(each) - 1)
        places = {round(i * last / (_SAMPLE - 1)) for i in range(_SAMPLE)}
        kept.update(item for place, item in enumerate(each) if place in places)
    left_out = [item for item in items if item not in kept]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item in kept]


def pytest_collection_finish() -> None:
    """Spare the garbage collector thousands of tests: each collection would go through them."""
    if settings().derandomize:
        _repeat_quickly()
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 20, 50)  # a tenth of the time of a test that makes many objects


def pytest_runtest_teardown() -> None:
    """Put Python's random numbers back."""
    _PYTHONS_RANDOM.restore()
