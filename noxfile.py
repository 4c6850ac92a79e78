"""The test matrix on every Python available: `nox`, or `nox -s tests-3.13 -- -k tanh`.

Environments are made by uv. Tests whose packages are too old or not installed are skipped.
"""

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv"

PYTHONS = nox.project.python_versions(nox.project.load_toml("pyproject.toml"))
PROJECT = ("--editable", ".[compile,testing,train]")


def pytest(session: nox.Session, *options: str) -> None:
    """Run all tests, or those named after `--`."""
    chosen = session.posargs or ("-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder")
    session.run("python", "-m", "pytest", *options, *chosen)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Every test, with the newest dependencies that are allowed."""
    session.install(*PROJECT, "--group", "test")
    pytest(session)


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """Every test, with the oldest dependencies that are allowed."""
    session.install("--resolution", "lowest-direct", *PROJECT, "--group", "test")
    pytest(session, "-W", "default")  # old releases warn about what newer ones have fixed


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff."""
    session.install("--group", "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy."""
    session.install(*PROJECT, "--group", "test", "--group", "lint")
    session.run("mypy")


@nox.session
def wheel(session: nox.Session) -> None:
    """The wheel and the sdist for the index, built, checked, installed and used elsewhere."""
    session.install("--group", "build", "--group", "lint")
    session.run("python", ".ci/check_wheel.py", *session.posargs)
