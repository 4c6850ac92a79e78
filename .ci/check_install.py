"""Check an installed scalar-autograd from outside its source: run with the environment's Python."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import sysconfig
import time
from importlib.resources import files
from pathlib import Path

import autograd
import nn

IMPORT_BUDGET = 0.1  # seconds over starting Python
REPETITIONS = 15


def seconds(code: str) -> float:
    """Return how long a fresh Python takes to run the code."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-c", code], check=True)
    return time.perf_counter() - start


def foreign_modules() -> set[str]:
    """Return the top-level third-party modules that `import autograd` loads."""
    code = (
        "import sys; before = set(sys.modules); import autograd; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    loaded = subprocess.check_output([sys.executable, "-I", "-c", code], text=True).split()
    return set(loaded) - sys.stdlib_module_names - {"autograd"}


def require_extra(extra: str, code: str) -> None:
    """Check that the code fails for want of an extra, and names it."""
    command = [sys.executable, "-I", "-c", code]
    asked = subprocess.run(command, check=False, capture_output=True, text=True)
    assert asked.returncode != 0, f"{code} does without the extra that it is said to need"
    assert f"scalar-autograd[{extra}]" in asked.stderr, asked.stderr


site = Path(sysconfig.get_path("purelib")).resolve()
for package in (autograd, nn):
    where = Path(str(files(package))).resolve()
    assert where.parent == site, f"{package.__name__} was imported from {where}, not from the wheel"
    assert (where / "py.typed").is_file(), f"{package.__name__}/py.typed is not in the wheel"
print(f"autograd and nn, both typed, imported from {site}")

y = autograd.tanh(autograd.Value(0.5, "w") * 2.0)
y.backward()
os.environ["PATH"] = ""  # no Graphviz but the one that comes with the dependencies
drawing = autograd.draw(y)
assert drawing.svg.count('class="node') == 4, drawing.svg
assert "<script>" in drawing.to_html("page.html").read_text(encoding="utf-8")
print("a graph drawn and stepped through, without a system Graphviz")

assert autograd.gradcheck(lambda w: autograd.tanh(w * 2.0), 0.5).method == "numerical"
require_extra("testing", "import autograd.testing")
print("a gradient checked without mpmath; autograd.testing says which extra it needs")

assert not foreign_modules(), f"import autograd loads {', '.join(sorted(foreign_modules()))}"
print("import autograd loads no third-party module")

seconds("import autograd")  # writes the bytecode
runs = [(seconds("pass"), seconds("import autograd")) for _ in range(REPETITIONS)]
cost = statistics.median(with_import - bare for bare, with_import in runs)
assert cost < IMPORT_BUDGET, f"import autograd costs {cost:.3f} s, over {IMPORT_BUDGET} s"
print(f"import autograd costs {1000 * cost:.0f} ms over starting Python (median of {REPETITIONS})")
require_extra("compile", "from autograd import compile; compile(abs)")
print("compile says which extra it needs")
