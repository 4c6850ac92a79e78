"""Settings and fixtures of every test."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from types import ModuleType

import pytest
from hypothesis import HealthCheck, Phase, settings

from autograd import Value, functions
from autograd.rules import EXTENDED, FLOATS, RULES, VALUES
from tests.peers import require_torch

# No deadlines: how long an example takes says more of the machine than of the code.
# To search for longer: pytest --hypothesis-profile=soak
settings.register_profile("dev", deadline=None)
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    max_examples=200,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "soak",
    deadline=None,
    max_examples=20_000,
    suppress_health_check=[HealthCheck.too_slow],
)
# For `make mutants`: a mutant has to be noticed, not shrunk.
settings.register_profile(
    "mutants",
    deadline=None,
    derandomize=True,
    max_examples=30,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_collection_finish() -> None:
    """Spare the collector what stays: thousands of tests, visited by each full collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Have no collections, which cost more than the test itself where millions of nodes stay."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def table() -> Iterator[None]:
    """Take what a test adds to the table out again."""
    spaces = [RULES, vars(FLOATS), vars(EXTENDED), vars(VALUES), functions._own_functions]
    before = [dict(space) for space in spaces]
    attributes = set(vars(Value))
    yield
    for space, kept in zip(spaces, before, strict=True):
        space.clear()
        space.update(kept)
    for name in set(vars(Value)) - attributes:
        delattr(Value, name)


@pytest.fixture(scope="session")
def torch() -> ModuleType:
    """PyTorch, or a visible skip: see `tests.peers.require_torch`."""
    return require_torch()
