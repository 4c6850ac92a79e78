"""Fixtures of every test."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import pytest

from autograd import Value, functions
from autograd.rule import EXTENDED, FLOATS, VALUES
from autograd.rules import RULES
from tests.peers import require_torch


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Switch off the garbage collector, which takes longer than a test with millions of nodes."""
    gc.disable()
    yield
    gc.enable()


@contextmanager
def kept_table() -> Iterator[None]:
    """Remove from the table what the block has added to it."""
    spaces = [RULES, vars(FLOATS), vars(EXTENDED), vars(VALUES), functions._own_functions]
    before = [dict(space) for space in spaces]
    attributes = set(vars(Value))
    try:
        yield
    finally:
        for space, kept in zip(spaces, before, strict=True):
            space.clear()
            space.update(kept)
        for name in set(vars(Value)) - attributes:
            delattr(Value, name)


@pytest.fixture
def table() -> Iterator[None]:
    """Remove what a test has added to the table."""
    with kept_table():
        yield


@pytest.fixture(scope="module", autouse=True)
def table_of_a_module() -> Iterator[None]:
    """No module sees what another has added: which come before it is left to chance."""
    with kept_table():
        yield


@pytest.fixture(scope="module", autouse=True)
def collector_of_a_module() -> None:
    """Show the garbage collector only what a module's tests have made, however many it calls."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def torch() -> ModuleType:
    """PyTorch, or a visible skip: see `tests.peers.require_torch`."""
    return require_torch()
