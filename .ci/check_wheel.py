"""Build the package, check what an index would show of it, and use it where its source is not.

    python .ci/check_wheel.py [--outdir dist] [--tag v0.1.0]

Needs the dependency groups `build` and `lint`. With a tag, it also checks that this may be released
under it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from email.parser import BytesParser
from email.policy import compat32
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run(*command: object, cwd: Path = ROOT) -> None:
    """Run a command, and stop at its failure."""
    subprocess.run([str(word) for word in command], check=True, cwd=cwd)


def check_links(wheel: Path) -> None:
    """Check that the long description needs no file beside it, and what it links to is there."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = BytesParser(policy=compat32).parsebytes(archive.read(name))
    text = metadata.get_payload(decode=True).decode("utf-8")
    targets = re.findall(r"\]\(([^)]*)\)|(?:href|src)=[\"']([^\"']*)", text)
    assert targets, "the long description is without links"
    repository = metadata["Project-URL"].partition(", ")[2]
    for target in map("".join, targets):
        assert re.match(r"https?://", target), f"the long description links to {target}"
        of_ours = re.match(rf"{repository}/(?:blob|raw)/v{metadata['Version']}/([^#]+)", target)
        assert of_ours or not target.startswith(repository), target
        assert not of_ours or (ROOT / of_ours[1]).is_file(), f"{target}: there is no such file"
    print(f"the long description: {len(targets)} links, none of them relative")


def check_release(tag: str, wheel: Path) -> None:
    """Check that the tag is that of the version, and that the changelog says when it came out."""
    version = wheel.name.split("-")[1]
    assert tag == f"v{version}", f"the tag is {tag}, and the version {version}"
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = next(line for line in changelog.splitlines() if line.startswith("## "))
    dated = re.fullmatch(rf"## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)", newest)
    assert dated, f"CHANGELOG begins with {newest!r}: {version} needs the date of its release"


def use(wheel: Path, folder: Path) -> None:
    """Install the wheel in a fresh environment in the folder, and use it there."""
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = (python, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "install", "--quiet", wheel)
    run(*pip, "check")
    for script in ("check_install.py", "typed_use.py"):
        shutil.copy(ROOT / ".ci" / script, folder)
    run(python, "-I", "check_install.py", cwd=folder)
    mypy = (sys.executable, "-m", "mypy", "--strict", "--python-executable", python)
    run(*mypy, "typed_use.py", cwd=folder)


def main() -> None:
    """Build into a temporary folder; keep it where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--outdir", type=Path, help="keep what is built in this folder")
    parser.add_argument("--tag", help="what it is to be released under")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run(sys.executable, "-m", "build", "--outdir", folder / "dist")
        built = sorted((folder / "dist").iterdir())
        run(sys.executable, "-m", "twine", "check", "--strict", *built)
        (wheel,) = (path for path in built if path.suffix == ".whl")
        check_links(wheel)
        if given.tag:
            check_release(given.tag, wheel)
        use(wheel, folder)
        if given.outdir:
            shutil.copytree(folder / "dist", given.outdir, dirs_exist_ok=True)


if __name__ == "__main__":
    main()
