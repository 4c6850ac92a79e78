"""Check an installed scalar-autograd from outside its source: run with the environment's Python."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import autograd
import nn

# Of Python's and of ours, over those that it starts with. How long they take is measured by
# benchmarks/eager.py.
MODULES_BUDGET = 90


def loaded_modules() -> set[str]:
    """Return the modules that `import autograd` loads."""
    code = (
        "import sys; before = set(sys.modules); import autograd; print(*set(sys.modules) - before)"
    )
    return set(subprocess.check_output([sys.executable, "-I", "-c", code], text=True).split())


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
assert autograd.__version__ == version("scalar-autograd")
print(f"autograd and nn {autograd.__version__}, both typed, imported from {site}")

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

loaded = loaded_modules()
foreign = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names - {"autograd"}
assert not foreign, f"import autograd loads {', '.join(sorted(foreign))}"
assert len(loaded) <= MODULES_BUDGET, f"import autograd loads {len(loaded)} modules: {loaded}"
print(f"import autograd loads {len(loaded)} modules, none of them of a third party")

require_extra("compile", "from autograd import compile; compile(abs)")
print("compile says which extra it needs")
