"""The demo: every number of the textbook, what it says about real data, and how it fails."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from nn import History, demo, fit

ROOT = Path(demo.__file__).parents[1]
SKLEARN = "sklearn.datasets"

# The textbook's table as the demo has it, written down a second time: the demo checks the engine,
# and this checks what the demo compares it with.
EXAMPLE = {
    "out h1, h2": [0.5932699921071872, 0.596884378259767],
    "out o1, o2": [0.7513650695523157, 0.7729284653214625],
    "E": [0.2983711087600027],
    "factors of ∂E/∂w5": [0.7413650695523157, 0.18681560180895948, 0.5932699921071872],
    "their product": [0.08216704056423077],
    "∂E/∂w1 to w4": [
        0.0004385677344743465, 0.000877135468948693, 0.0004977127352608599, 0.0009954254705217198,
    ],
    "∂E/∂w5 to w8": [
        0.08216704056423077, 0.08266762784753325, -0.02260254047747507, -0.022740242215978222,
    ],
    "w1 to w8 after one step": [
        0.1497807161327628, 0.19956143226552567, 0.24975114363236958, 0.29950228726473915,
        0.35891647971788465, 0.4086661860762334, 0.5113012702387375, 0.5613701211079891,
    ],
    "E after one step": [0.29102777369359933],
    "E, o1, o2 after 10,000 steps": [
        3.510187782978859e-05, 0.01591362044355068, 0.9840642735146238,
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def computed() -> dict[str, float]:
    return demo.worked_example()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, computed: dict[str, float]) -> None:
    """The demo with little training, and no accuracy to reach."""
    monkeypatch.setattr(demo, "worked_example", lambda: computed)
    monkeypatch.setattr(demo, "train_neuron", lambda rule, pair: [0.5] * 99 + [1.0])
    tasks = [task._replace(epochs=1, goal=0.0) for task in demo.TASKS]
    monkeypatch.setattr(demo, "TASKS", tasks)


# --- the worked example --------------------------------------------------------------------------


def structure(svg: Path) -> set[tuple[str, str]]:
    """Read the classes and titles of all nodes and links off a drawing, numbers to 9 digits."""
    groups = ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}g")
    titles = {
        (g.get("class", ""), g.findtext("{http://www.w3.org/2000/svg}title", "")) for g in groups
    }
    # How sums are rounded differs between versions of Python.
    shorter = partial(re.sub, r"\d+\.\d+(e-\d+)?", lambda number: f"{float(number[0]):.9g}")
    return {(kind, shorter(title)) for kind, title in titles}


def test_the_worked_example_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo.show_graph(tmp_path)
    printed = " ".join(capsys.readouterr().out.split())
    assert (
        "∂E/∂w5 = ∂E/∂out_o1 · ∂out_o1/∂net_o1 · ∂net_o1/∂w5 "
        "= 0.7413650696 × 0.1868156018 × 0.5932699921 = 0.0821670406"
    ) in printed
    assert "∂E/∂w1 = 0.0004385677, the sum over 2 paths" in printed
    for name in ("worked_example.svg", "network.svg", "backpropagation.html"):
        assert name in printed
    graph = structure(tmp_path / "worked_example.svg")
    names = ["E", "i1", "b2", "w8", "net_h1", "out_o2"]
    titles = [title for _, title in graph]
    assert all(any(title.split()[0] == name for title in titles if title) for name in names)
    page = (tmp_path / "backpropagation.html").read_text(encoding="utf-8")
    assert repr(demo.textbook_graph()[2]["w5"].grad) in page


@pytest.mark.parametrize(
    "name", ["worked_example.svg", "worked_example_dark.svg", "network.svg", "network_dark.svg"]
)
def test_the_pictures_of_the_readme_are_the_demos(name: str, tmp_path: Path) -> None:
    demo.show_graph(tmp_path)
    assert structure(ROOT / "pictures" / name) == structure(tmp_path / name)


def test_the_textbooks_numbers_come_out_to_12_digits(computed: dict[str, float]) -> None:
    expected = [number for numbers in EXAMPLE.values() for number in numbers]
    assert list(computed.values()) == pytest.approx(expected, rel=0.5e-12, abs=0.0)


def test_the_demo_compares_every_number_with_the_textbooks(computed: dict[str, float]) -> None:
    shown = {name: number for group in demo.TEXTBOOK for name, number in group.items()}
    assert list(shown) == list(computed)
    assert list(shown.values()) == [number for numbers in EXAMPLE.values() for number in numbers]


def test_agreement_is_computed(
    monkeypatch: pytest.MonkeyPatch, computed: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    # One unit in the 13th digit agrees, one in the 12th does not, and nan never does.
    w6 = computed["∂E/∂w6"]
    wrong = {
        **computed,
        "out o1": float("nan"),
        "∂E/∂w5": -computed["∂E/∂w5"],
        "∂E/∂w6": w6 + 1e-13,
    }
    assert 0.01 < w6 < 0.1
    wrong["∂E/∂w7"] += 1e-15
    monkeypatch.setattr(demo, "worked_example", lambda: wrong)
    agree = dict(zip(computed, demo.show_worked_example(), strict=True))
    assert [name for name, agrees in agree.items() if not agrees] == ["out o1", "∂E/∂w5", "∂E/∂w6"]
    output = capsys.readouterr().out
    assert output.count("✗") == 3
    assert "26 of 29 numbers agree to 12 digits." in output


# --- real data -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", demo.RULES)
def test_one_neuron_separates_what_a_hyperplane_can(rule: str) -> None:
    pytest.importorskip(SKLEARN)
    accuracies = demo.train_neuron(rule, "setosa, versicolor", epochs=20)
    assert len(accuracies) == 20
    assert set(accuracies[10:]) == {1.0}


@pytest.mark.no_cover
def test_one_neuron_cannot_separate_the_second_pair() -> None:
    pytest.importorskip(SKLEARN)
    perceptron, adaline = [
        demo.train_neuron(rule, "versicolor, virginica")[80:] for rule in demo.RULES
    ]
    assert len(set(perceptron)) > 1  # each mistake is corrected, at the expense of other samples
    assert max(perceptron + adaline) < 1.0
    assert set(adaline) == {0.98}


@pytest.mark.parametrize("task", demo.TASKS, ids=lambda task: task.name)
def test_networks_are_tested_on_a_stratified_fifth(
    monkeypatch: pytest.MonkeyPatch, task: demo.Task
) -> None:
    pytest.importorskip(SKLEARN)
    seen: dict[str, Any] = {}

    def fit(model: Any, loss: Any, X: Any, Y: Any, **options: Any) -> History:
        seen.update(X=X, Y=Y, validation=options["validation"])
        return History()

    monkeypatch.setattr(demo, "fit", fit)
    result = demo.train_network(task)
    X, Y = getattr(demo.extra(SKLEARN), task.loader)(return_X_y=True)
    X_validation, Y_validation = seen["validation"]
    assert result.held_out + len(seen["X"]) + len(X_validation) == len(X)
    assert result.held_out / len(X) == pytest.approx(0.2, abs=0.005)
    for part in seen["Y"], Y_validation:
        assert abs(part.mean() - Y.mean()) < 0.02
    # Standardised by what the network is trained on, so the validation part is not quite.
    assert abs(seen["X"].mean(axis=0)).max() < 1e-12
    assert abs(seen["X"].std(axis=0) - 1.0).max() < 1e-12
    assert abs(X_validation.mean(axis=0)).max() > 1e-3


@pytest.mark.usefixtures("quick")
def test_an_interruption_ends_the_demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip(SKLEARN)
    monkeypatch.setattr(demo, "fit", lambda *_, **__: History(stopped="interrupted"))
    assert demo.main(["--output", str(tmp_path)]) == 130
    assert "learning_curves.png" not in [path.name for path in tmp_path.iterdir()]


# --- the whole -----------------------------------------------------------------------------------


# Trained in machine code, whose history is that of recorded training (nn/test_batches.py), in a
# fraction of the time. `make demo`, the first step of .ci/run, trains as it is.
@pytest.mark.slow
def test_the_demo_runs(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    computed: dict[str, float],
) -> None:
    pytest.importorskip(SKLEARN)
    pyplot = pytest.importorskip("matplotlib.pyplot")
    compiled = importlib.util.find_spec("llvmlite") is not None
    monkeypatch.setattr(demo, "fit", partial(fit, compiled=compiled))
    monkeypatch.setattr(demo, "worked_example", lambda: computed)
    monkeypatch.chdir(tmp_path)
    assert demo.main([]) == 0
    output, errors = capsys.readouterr()
    assert "[" not in errors  # no progress bar: not a terminal
    lines = output.splitlines()
    assert max(map(len, lines)) <= 80
    assert "   29 of 29 numbers agree to 12 digits." in lines
    assert output.count("✓") == 29 + len(demo.TASKS)
    assert "✗" not in output
    picture = tmp_path / "build" / "demo" / "learning_curves.png"
    assert f"Learning curves: {picture.relative_to(tmp_path)}" in output
    pixels = pyplot.imread(picture)
    assert pixels.shape[:2] == (660, 1620)
    blue, vermilion = [0.0, 0x72 / 255, 0xB2 / 255], [0xD5 / 255, 0x5E / 255, 0.0]
    for half in pixels[:, :810, :3], pixels[:, 810:, :3]:
        assert half.mean() > 0.8  # uncluttered
        for colour in blue, vermilion:
            assert (abs(half - colour).max(axis=-1) < 0.01).sum() > 500


def test_it_is_a_program() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "nn.demo", "--help"],
        cwd=ROOT, env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True, encoding="utf-8", timeout=300, check=False,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("usage: python -m nn.demo")


@pytest.mark.usefixtures("quick")
def test_all_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip(SKLEARN)
    pytest.importorskip("matplotlib")
    assert demo.main(["--output", str(tmp_path / "a" / "b")]) == 0
    assert (tmp_path / "a" / "b" / "learning_curves.png").stat().st_size > 10_000
    output = capsys.readouterr().out
    assert output.index("1. ") < output.index("2. ") < output.index("3. ") < output.index("README")
    assert "epoch 100" in output
    assert "50% – 100%" in output


@pytest.mark.usefixtures("quick")
def test_a_wrong_number_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip(SKLEARN)
    wrong = [{**group} for group in demo.TEXTBOOK]
    wrong[2]["∂E/∂w7"] *= 1.0 + 1e-11
    monkeypatch.setattr(demo, "TEXTBOOK", wrong)
    monkeypatch.setattr(demo, "show_networks", lambda path: [True])
    assert demo.main(["--output", str(tmp_path)]) == 1


@pytest.mark.usefixtures("quick")
def test_an_accuracy_below_its_goal_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip(SKLEARN)
    monkeypatch.setattr(demo, "TASKS", [demo.TASKS[0], demo.TASKS[1]._replace(goal=1.01)])
    monkeypatch.setattr(demo, "draw_learning_curves", lambda results, path: None)
    assert demo.main(["--output", str(tmp_path)]) == 1
    assert capsys.readouterr().out.count("✗") == 1


@pytest.mark.parametrize("missing", ["sklearn", "sklearn.datasets"])
def test_the_worked_example_needs_no_extra(
    missing: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    computed: dict[str, float],
) -> None:
    monkeypatch.setattr(demo, "worked_example", lambda: computed)
    for module in [name for name in sys.modules if name.startswith("sklearn")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SystemExit) as stopped:
        demo.main(["--output", str(tmp_path)])
    assert stopped.value.code == 1
    output, errors = capsys.readouterr()
    assert "29 of 29" in output
    assert 'pip install "scalar-autograd[train]"' in errors


def test_a_folder_that_cannot_be_written_is_an_error_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as stopped:
        demo.main(["--output", str(tmp_path / "file" / "folder")])
    assert stopped.value.code == 1
    output, errors = capsys.readouterr()
    assert output == ""
    assert "file" in errors


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "utf-8"])
def test_any_terminal_can_show_it(
    encoding: str, monkeypatch: pytest.MonkeyPatch, computed: dict[str, float]
) -> None:
    monkeypatch.setattr(demo, "worked_example", lambda: computed)
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    assert all(demo.show_worked_example())
    demo.say("build/démo → 日本")
    sys.stdout.flush()
    output = raw.getvalue().decode(encoding)
    assert ("∂E/∂w5, their product" if encoding == "utf-8" else "dE/dw5, their product") in output
    assert output.count("✓" if encoding == "utf-8" else " ok\n") == 29
