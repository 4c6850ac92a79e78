"""The package of drawing: loaded when something is drawn, and by name before."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import autograd


def test_importing_autograd_does_not_load_what_draws() -> None:
    script = """
import sys
sys.path.insert(0, sys.argv[1])
from autograd import Value, draw
before = {name for name in sys.modules if name.startswith("autograd.drawing.")}
draw(Value(1.0))
from autograd.drawing import Drawing, RenderingError
from autograd import draw as again
print(sorted(before), draw is again, Drawing.__name__, RenderingError.__name__)
"""
    root = str(Path(autograd.__file__).parent.parent)
    command = [sys.executable, "-c", script, root]
    completed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert completed.stdout.split() == ["[]", "True", "Drawing", "RenderingError"]


def test_what_the_package_offers() -> None:
    package = importlib.import_module("autograd.drawing")
    assert [getattr(package, name).__name__ for name in package.__all__] == package.__all__
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = package.nothing
