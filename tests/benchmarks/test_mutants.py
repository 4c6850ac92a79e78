"""What is mutated, what is not, and by which tests a mutant is judged."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import Phase, settings

pytest.importorskip("cosmic_ray", reason="cosmic-ray is not installed: make mutants installs it")

from cosmic_ray.mutating import mutate_code

from benchmarks import mutants


def made_by(operator: type, code: str) -> list[str]:
    """All mutations of some code, in order."""
    found: list[str] = []
    while (mutated := mutate_code(code, operator(), len(found))) is not None:
        found.append(mutated)
    return found


@pytest.mark.parametrize(
    ("operator", "code", "expected"),
    [
        (mutants.DropStatement, "if x:\n    f(x)  # why\n", "if x:\n    pass  # why\n"),
        (mutants.DropStatement, "raise ValueError\n", "pass\n"),
        (mutants.DropStatement, "x.y = 1\n", "pass\n"),
        (mutants.DropStatement, "x[0] = 1\n", "pass\n"),
        (mutants.DropStatement, "x += 1\n", "pass\n"),
        (mutants.PlainAssignment, "x += 1\n", "x = 1\n"),
        (mutants.SwapOperands, "z = (x-y)\n", "z = (y-x)\n"),
        (mutants.SwapOperands, "z = f(x,y)\n", "z = f(y,x)\n"),
    ],
)
def test_mutations(operator: type, code: str, expected: str) -> None:
    assert made_by(operator, code) == [expected]


@pytest.mark.parametrize(
    ("operator", "code"),
    [
        (mutants.DropStatement, '"""A docstring."""\nx = 1\nreturn x\n'),
        (mutants.PlainAssignment, "x = 1\nx == 1\n"),
        (mutants.SwapOperands, "x + y\nf(x)\nf(x, y=1)\nf(*x, y)\nisinstance(x, y)\nmax(x, y)\n"),
    ],
)
def test_what_no_mutation_touches(operator: type, code: str) -> None:
    assert made_by(operator, code) == []


def test_what_is_left_alone(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        '"""1 + 1."""\n'
        "if TYPE_CHECKING:\n"
        "    x = 1 + 1\n"
        "@overload\n"
        "def f(x: int | None, y: Literal[1] = 2) -> int | str: ...\n"
        "def f(x: int | None) -> int | str:\n"
        '    raise ValueError(f"−×… {1 + 1}") from None\n'
        "y: int | None\n"
        'if __name__ == "__main__":\n'
        "    f(1 + 1)\n",
        encoding="utf-8",
    )
    assert [mutant.operator for mutant in mutants.mutants_of(module)] == ["own/DropStatement"]


def test_mutants_are_known_by_their_place_and_source(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("x = y < 1\n")
    first = list(mutants.mutants_of(module))
    assert len({mutant.identity for mutant in first}) == len(first) == 4  # two signs, two numbers
    assert all(mutant.compiles for mutant in first)
    module.write_text("x = y < 1  # now\n")
    second = list(mutants.mutants_of(module))
    assert [m.place for m in first] == [m.place for m in second]
    assert not {m.identity for m in first} & {m.identity for m in second}


def test_what_does_not_compile_is_no_mutant(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("def f(x, /, *, y): ...\n")
    assert not any(mutant.compiles for mutant in mutants.mutants_of(module))


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("autograd/graph.py", "tests/autograd/test_graph.py autograd/graph.py"),
        ("autograd/__main__.py", "tests/autograd/test_main.py autograd/__main__.py"),
        ("autograd/drawing/dot.py", "tests/autograd/drawing/test_dot.py autograd/drawing/dot.py"),
        ("nn/layers.py", "tests/nn/test_layers.py nn/layers.py"),
    ],
)
def test_the_tests_of_a_module_come_first(
    module: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mutants.ROOT)
    first, second = mutants.stages(Path(module))
    assert first.endswith(expected)
    assert expected.split()[0] not in second
    assert "test_page" not in second


@pytest.mark.parametrize("module", ["autograd/methods.py", "autograd/testing/__init__.py"])
def test_a_module_without_tests_of_its_own_is_judged_by_its_room(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mutants.ROOT)
    (command,) = mutants.stages(Path(module))
    assert f"tests/{Path(module).parent}/test_" in command
    assert command.endswith(module)


@pytest.mark.parametrize("path", ["autograd/graph.py", "tests/autograd/test_graph.py"])
def test_the_profile_is_found_whatever_is_collected(path: str) -> None:
    command = mutants.stages(Path("autograd/graph.py"))[0].split(" tests/")[0]
    done = subprocess.run(
        [*shlex.split(command), "--collect-only", path],
        capture_output=True, text=True, check=False, cwd=mutants.ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_where_shrinking_is_tested_there_is_shrinking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mutants.ROOT)
    for module in Path("autograd").rglob("*.py"):
        profiles = {settings.get_profile(_profile(command)) for command in mutants.stages(module)}
        shrinks = {Phase.shrink in profile.phases for profile in profiles}
        assert shrinks == {module.parent.name == "testing"}
        assert all(profile.derandomize for profile in profiles)


def _profile(command: str) -> str:
    (option,) = (word for word in shlex.split(command) if word.startswith("--hypothesis-profile"))
    return option.partition("=")[2]
