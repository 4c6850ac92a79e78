"""HIPS's `autograd` and this package in one folder, in either order."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import autograd
from autograd.installation import OTHERS

ROOT = Path(autograd.__file__).parents[1]
# What a release of HIPS's package has: names alone, as none of its code is needed here.
FILES = [
    "__init__.py", "builtins.py", "core.py", "differential_operators.py", "extend.py",
    "misc/__init__.py", "misc/flatten.py", "numpy/__init__.py", "numpy/linalg.py",
    "scipy/__init__.py", "test_util.py", "tracer.py", "util.py", "wrap_util.py",
]  # fmt: skip


def install_ours(folder: Path) -> None:
    for package in ("autograd", "nn"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, folder / package, ignore=ignored, dirs_exist_ok=True)


def install_theirs(folder: Path) -> None:
    for name in FILES:
        path = folder / "autograd" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("def grad(f): ...\n")


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python with that folder, and without what is installed for the tests."""
    return subprocess.run(
        [sys.executable, "-S", *command], env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True, text=True, check=False, cwd=folder if folder.is_dir() else None,
    )  # fmt: skip


def test_our_own_files_are_none_of_theirs() -> None:
    assert OTHERS.isdisjoint(os.listdir(ROOT / "autograd"))  # noqa: PTH208
    assert {name.partition("/")[0] for name in FILES} - {"__init__.py"} <= OTHERS


def test_alone_nothing_is_said(tmp_path: Path) -> None:
    install_ours(tmp_path)
    done = run(tmp_path, "-W", "error", "-c", "import autograd, nn; print(autograd.__path__[0])")
    assert (done.stdout.strip(), done.stderr) == (str(tmp_path / "autograd"), "")


def test_ours_over_theirs_warns_at_the_line_that_imports(tmp_path: Path) -> None:
    install_theirs(tmp_path)
    install_ours(tmp_path)
    (tmp_path / "user.py").write_text("\nimport autograd\nprint(autograd.Value(1.0).data)\n")
    done = run(tmp_path, "user.py")
    assert done.stdout == "1.0\n"
    for words in ("user.py:2: RuntimeWarning", "core.py", "numpy", "pip uninstall autograd scalar"):
        assert words in done.stderr
    assert str(tmp_path / "autograd") in done.stderr


@pytest.mark.parametrize("remains", [True, False])
def test_theirs_over_ours_is_an_error_of_nn_that_says_what_to_do(
    tmp_path: Path, remains: bool
) -> None:
    install_ours(tmp_path)
    install_theirs(tmp_path)
    if not remains:  # pip uninstall autograd takes the file that both have
        for name in FILES:
            (tmp_path / "autograd" / name).unlink()
    done = run(tmp_path, "-c", "import nn")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: nn needs scalar-autograd")
    assert "pip uninstall autograd scalar-autograd" in last
    assert str(tmp_path / "autograd") in last


def test_other_errors_of_import_are_as_they_were(tmp_path: Path) -> None:
    install_ours(tmp_path)
    (tmp_path / "nn" / "losses.py").write_text("import a_module_that_is_missing")
    done = run(tmp_path, "-c", "import nn")
    assert "ModuleNotFoundError: No module named 'a_module_that_is_missing'" in done.stderr
    assert "HIPS" not in done.stderr.splitlines()[-1]


def test_in_an_archive_nothing_is_looked_for(tmp_path: Path) -> None:
    install_ours(tmp_path)
    with zipfile.ZipFile(tmp_path / "packages.zip", "w") as archive:
        for path in (tmp_path / "autograd").rglob("*.py"):
            archive.write(path, path.relative_to(tmp_path))
    shutil.rmtree(tmp_path / "autograd")
    script = "import sys; del sys.path[0]; import autograd; print(autograd.__file__)"
    done = run(tmp_path / "packages.zip", "-W", "error", "-c", script)
    assert "packages.zip" in done.stdout, done.stderr
