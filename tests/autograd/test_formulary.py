"""The wider formulary: a row is all that it takes, and what its rows are held to besides."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import autograd

ROOT = Path(autograd.__file__).parent.parent

# --- how to add a function -----------------------------------------------------------------------

OF_THE_TABLE = [
    "test_documentation.py", "autograd/test_functions.py", "autograd/test_init.py",
    "autograd/test_names.py", "autograd/test_rules.py", "autograd/compiler/test_c.py",
    "autograd/compiler/test_definitions.py", "autograd/checking/test_definitions.py",
    "autograd/testing/test_domains.py",
]  # fmt: skip


def test_the_recipe_for_a_new_function_works_to_the_letter(tmp_path: Path) -> None:
    copied = ["autograd", "nn", "tests", "conftest.py", "pyproject.toml", "README.md"]
    for name in copied:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "checking_cases", "fuzz", "notebooks")
            shutil.copytree(source, tmp_path / name, ignore=ignored)
        else:
            shutil.copy(source, tmp_path / name)
    recipe = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    recipe = recipe.partition("## How to add a function")[2].partition("\n## ")[0]
    row, command = re.findall(r"```(?:python)?\n(.*?)```", recipe, re.DOTALL)
    path = tmp_path / "autograd" / "formulary.py"
    text = path.read_text(encoding="utf-8")
    assert text.count("\n)\n# fmt: on") == 1
    row = f"{row.rstrip()},\n"
    path.write_text(text.replace("\n)\n# fmt: on", f"\n{row})\n# fmt: on"), encoding="utf-8")
    name = re.findall(r'Rule\(\s*"(\w+)"', row)[0]

    def run(*arguments: str) -> str:
        environment = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(*command.split()[1:])
    chosen = f"{name} or every_row or declared or nothing_else"
    modules = [f"tests/{module}" for module in OF_THE_TABLE]
    output = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, *modules)
    assert int(re.findall(r"(\d+) passed", output)[0]) > 20
    uses = f"import autograd; print(autograd.{name}(0.0), autograd.Value(0.0).{name}().grad)"
    assert run("-c", uses) == "1.0 0.0\n"
