"""The peers that results are compared with, where they are installed."""

from __future__ import annotations

import importlib
import importlib.util
import os
from types import ModuleType

import pytest


def require_torch() -> ModuleType:
    """Return PyTorch; if it is missing, skip the test or the module that asks for it.

    Continuous integration (which sets CI) must not pass without the peer: there the test fails.
    """
    if importlib.util.find_spec("torch") is None:
        reason = "PyTorch is not installed; to compare with it: pip install torch==2.13.0"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason, allow_module_level=True)
    return importlib.import_module("torch")


def require_dask() -> ModuleType:
    """Return `distributed`, with Dask; if it is missing, skip what asks for it, as above."""
    for name in ("dask", "distributed", "pyarrow"):
        if importlib.util.find_spec(name) is None:
            reason = f"{name} is not installed; for a cluster: pip install '.[cluster]'"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason, allow_module_level=True)
    return importlib.import_module("distributed")
