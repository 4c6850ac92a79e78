"""The command line: what it prints and writes, and how it reports errors."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import autograd
import autograd.__main__ as command_line
from autograd import Value
from autograd.__main__ import main
from autograd.drawing import Drawing, RenderingError, draw

ROOT = Path(autograd.__file__).parents[1]
NEURON = ["tanh(w*x + b)", "w=0.5", "x=2", "b=-1"]
TABLE = """\
tanh(w*x + b) = 0.0

name  value  derivative
w     0.5    2.0
x     2.0    0.5
b     -1.0   1.0
"""
EXPLANATION = """\
v1 = w·x = 1
v2 = v1 + b = 0
v3 = tanh(v2) = 0

∂v3/∂w = ∂v3/∂v2 · ∂v2/∂v1 · ∂v1/∂w = 1 × 1 × 2 = 2
"""


class Outcome:
    """The outcome of a run of the command line."""

    def __init__(self, status: int, output: str, errors: str) -> None:
        self.status, self.output, self.errors = status, output, errors


class Run:
    """Runs the command line in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *arguments: str) -> Outcome:
        try:
            status = main(arguments)
        except SystemExit as stopped:
            status = int(str(stopped.code))
        return Outcome(status, *self.capsys.readouterr())


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(capsys)


def run_apart(
    arguments: Sequence[str], folder: Path, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "autograd", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **environment},
        capture_output=True,
        timeout=60,
        check=False,
    )


# --- what it prints ------------------------------------------------------------------------------


def test_value_and_derivatives_are_a_table(run: Run) -> None:
    done = run("draw", *NEURON)
    assert (done.status, done.output, done.errors) == (0, TABLE, "")


def test_an_explanation_alone(run: Run) -> None:
    done = run("draw", *NEURON, "--explain", "w")
    assert (done.status, done.output, done.errors) == (0, EXPLANATION, "")


def test_several_explanations_and_a_drawing(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "neuron.dot"
    done = run("draw", *NEURON, "--explain", "w", "--explain=x", "-o", str(path))
    second = "∂v3/∂x = ∂v3/∂v2 · ∂v2/∂v1 · ∂v1/∂x = 1 × 1 × 0.5 = 0.5\n"
    assert done.output == f"{TABLE}\n{EXPLANATION}{second}\nwritten: {path}\n"
    assert path.exists()


def test_an_explanation_leaves_the_drawing_as_it_is(run: Run, tmp_path: Path) -> None:
    files = [tmp_path / "a.dot", tmp_path / "b.dot"]
    for file, more in zip(files, ([], ["--explain", "w"]), strict=True):
        run("draw", *NEURON, "-o", str(file), *more)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_an_explanation_calls_no_step_as_an_input_is_called(run: Run) -> None:
    done = run("draw", "v1 * v2 + 1", "v1=2", "v2=3", "--explain", "v2")
    assert "v3 = v1·v2 = 6\nv4 = v3 + 1 = 7\n" in done.output
    assert done.output.endswith("∂v4/∂v2 = ∂v4/∂v3 · ∂v3/∂v2 = 1 × 2 = 2\n")


@pytest.mark.parametrize("infinite", ["inf", "-inf", "+Infinity", " INF "])
def test_an_infinite_number_is_to_be_asked_for(infinite: str, run: Run) -> None:
    done = run("draw", "x", f"x={infinite}")
    assert done.status == 0
    assert done.output.startswith("x = -inf" if "-" in infinite else "x = inf")


def test_an_explanation_names_steps_as_the_page_does(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "n.html"
    values = ["w=0.5", "x=2", "b=-1"]
    done = run("draw", "tanh(w*x + b) * exp(w)", *values, "--explain", "w", "-o", str(path))
    page = path.read_text("utf-8")
    steps = [line.rpartition(" = ")[0] for line in done.output.splitlines() if line[0:1] == "v"]
    assert [step.partition(" = ")[0] for step in steps] == ["v1", "v2", "v3", "v4", "v5"]
    assert all(step in page for step in steps)
    assert "∂v5/∂v4 · ∂v4/∂v3 · ∂v3/∂v2 · ∂v2/∂w" in done.output


def test_an_input_alone_and_a_number_alone(run: Run) -> None:
    assert run("draw", "x", "x=2", "--explain", "x").output == "∂x/∂x = 1\n"
    assert run("draw", "2 * 3").output == "2 * 3 = 6.0\n"


def test_names_and_numbers_of_every_kind_stand_in_columns(run: Run) -> None:
    done = run("draw", "권중치 * 权\n +\té", "권중치=1e-300", "权=inf", "é= -.5 ")
    assert done.output.splitlines() == [
        "권중치 * 权 + é = inf",
        "",
        "name    value   derivative",
        "권중치  1e-300  inf",
        "权      inf     1e-300",
        "é       -0.5    1.0",
    ]


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        (["-x", "x=2"], "-x = -2.0"),
        (["-x*2", "x=2"], "-x*2 = -4.0"),
        (["-2*x", "x=2"], "-2*x = -4.0"),
        (["-2"], "-2 = -2.0"),
        (["-(x + 1)", "x=2"], "-(x + 1) = -3.0"),
        (["-h*2", "h=2"], "-h*2 = -4.0"),
        (["--", "-x", "x=2"], "-x = -2.0"),
        (["--", "--x", "x=2"], "--x = 2.0"),
        (["(-o)", "o=2"], "(-o) = -2.0"),
        (["  x ", "x=2"], "x = 2.0"),
    ],
)
def test_an_expression_may_begin_with_a_minus(arguments: list[str], first: str, run: Run) -> None:
    done = run("draw", *arguments)
    assert done.status == 0
    assert done.output.splitlines()[0] == first


def test_help_and_version(run: Run) -> None:
    done = run("--help")
    assert done.status == 0
    for words in ("EXPRESSION", "--explain", "leaky_relu", ".html", "parentheses"):
        assert words in done.output
    assert done.output.isascii()
    assert max(map(len, done.output.splitlines())) <= 100
    assert run("--version").output == f"scalar-autograd {autograd.__version__}\n"


# --- what it writes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("n.svg", b"<?xml"),
        ("n.png", b"\x89PNG"),
        ("n.pdf", b"%PDF"),
        ("n.dot", b"digraph"),
        ("n.html", b"<!"),
        ("N.SVG", b"<?xml"),
        ("权 重.svg", b"<?xml"),
    ],
)
def test_a_drawing_is_written(name: str, beginning: bytes, run: Run, tmp_path: Path) -> None:
    path = tmp_path / name
    done = run("draw", *NEURON, "-o", str(path))
    assert (done.status, done.errors) == (0, "")
    assert done.output == f"{TABLE}\nwritten: {path}\n"
    assert path.read_bytes().startswith(beginning)
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_standard_output_is_the_picture_alone(tmp_path: Path) -> None:
    file, other = tmp_path / "n.svg", tmp_path / "n.dot"
    done = run_apart(
        ["draw", "tanh(ω*x)", "ω=1", "x=2", "-o", "-", "-o", str(other)],
        tmp_path,
        PYTHONIOENCODING="cp1252",
    )
    assert done.returncode == 0
    assert "ω" in "".join(ET.fromstring(done.stdout).itertext())
    assert b"tanh(omega*x) = 0.96" in done.stderr
    assert b"written: " in done.stderr
    run_apart(["draw", "tanh(ω*x)", "ω=1", "x=2", "-o", str(file)], tmp_path)
    assert file.read_text("utf-8").partition("\n")[2] == done.stdout.decode("utf-8")


def test_several_files_wherever_their_options_stand(run: Run, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.svg", "b.dot", "c.html")]
    a, b, c = map(str, paths)
    done = run("-o", a, "draw", NEURON[0], f"-o{b}", "w=0.5", f"--output={c}", "x=2", "b=-1")
    assert done.output == TABLE + "\n" + "".join(f"written: {path}\n" for path in paths)
    assert all(path.exists() for path in paths)


def test_the_drawing_shows_the_gradients(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "n.svg"
    run("draw", "3 * x * x", "x=7", "-o", str(path))
    words = "".join(ET.parse(path).getroot().itertext())
    assert "x" in words
    assert "147" in words  # the value
    assert "42" in words  # the derivative


def test_links_and_expansion_reach_the_drawing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def draw_and_tell(output: Value, **named: Any) -> Drawing:
        asked.append(named)
        return draw(output, **named)

    monkeypatch.setattr(command_line, "draw", draw_and_tell)
    file = ["-o", str(tmp_path / "n.dot")]
    sources = set()
    for more in ([], ["--expand"], ["--links", "derivatives"], ["--links=both", "--expand"]):
        assert run("draw", "sum(a, b, c*3)", "a=1", "b=2", "c=3", *file, *more).status == 0
        sources.add((tmp_path / "n.dot").read_text("utf-8"))
    assert asked == [
        {"links": None, "expand": False},
        {"links": None, "expand": True},
        {"links": "derivatives", "expand": False},
        {"links": "both", "expand": True},
    ]
    assert len(sources) == 4


# --- how it reports errors -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["usage:", "required: draw, EXPRESSION"]),
        (["draw"], ["usage:", "required: EXPRESSION"]),
        (["paint", "x"], ["'paint'", "draw"]),
        (["draw", "x*y", "x"], ["'x' is not of the form NAME=NUMBER", "quotes"]),
        (["draw", "x", "+", "y"], ["'+' is not of the form NAME=NUMBER", "quotes"]),
        (["draw", "x", "-y"], ["'-y' is not of the form NAME=NUMBER"]),
        (["draw", "x", "x=two"], ["'x=two'", "'two' is not a number"]),
        (["draw", "x", "x="], ["'' is not a number"]),
        (["draw", "x", "x=1+1"], ["'1+1' is not a number"]),
        (["draw", "x", "x=1e999"], ["'x=1e999'", "too large for a float"]),
        (["draw", "x", "x=-1e999"], ["too large for a float"]),
        (["draw", "x", f"x={10**400}"], ["too large for a float"]),
        (["draw", "x", "x=1", "x=2"], ["'x' is given twice"]),
        (["draw", "x", "x=1", "--explain", "y"], ["--explain y", "names given are x"]),
        (["draw", "1", "--explain", "y"], ["names given are none"]),
        (["draw", "x", "x=1", "-o", "x.gif"], ["x.gif", ".svg .png .pdf .dot .html"]),
        (["draw", "x", "x=1", "-o", "noname"], ["noname", ".svg"]),
        (["draw", "-o*2", "o=1"], ["-o *2", ".svg"]),
        (["draw", "x", "x=1", "-o"], ["expected one argument"]),
        (["draw", "x", "x=1", "-o", "-x.svg"], ["expected one argument"]),
        (["draw", "x", "x=1", "--links", "all"], ["'all'", "derivatives"]),
        (["draw", "x", "x=1", "--expand"], ["name its file with -o"]),
        (["draw", "x", "x=1", "--links", "both"], ["name its file with -o"]),
        (["draw", "x", "x=1", "--exp", "x"], ["--exp"]),
        (["draw", "--x", "x=1"], ["--x"]),
        (["draw", "x ^ 2", "x=1"], ["error: a power is written **", "\n  x ^ 2\n    ^\n"]),
        (["draw", "-x ^ 2", "x=1"], ["\n  -x ^ 2\n     ^\n"]),
        (["draw", "x", "x=1", "y=2"], ["error: 'y'", "not in the expression"]),
        (["draw", "x + y", "x=1"], ["'y' has no value", "given: x"]),
        (["draw", "x", "x=1", "2=3"], ["'2' cannot be a name"]),
        (["draw", "x", "=3"], ["'' cannot be a name"]),
        (["draw", "tanh", "tanh=3"], ["function"]),
        (["draw", "1 / x", "x=0"], ["division by zero", "\n  1 / x\n    ^\n"]),
        (["draw", ""], ["no expression"]),
        (["draw", "__import__('os')"], ["strings", "^"]),
        (["draw", "x\udcff", "x=1"], ["'\\udcff'"]),
        (["draw", "x", "x\udcff=1"], ["cannot be a name"]),
        (["draw", "x" * 1_000_000], ["too many"]),
    ],
)
def test_wrong_usage_and_wrong_expressions(
    arguments: list[str],
    words: list[str],
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert (done.status, done.output) == (2, "")
    for word in words:
        assert word in done.errors
    assert len(done.errors) < 2000
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written(run: Run, tmp_path: Path) -> None:
    done = run("draw", *NEURON, "-o", str(tmp_path / "no" / "n.svg"))
    assert done.status == 1
    assert done.output == f"{TABLE}\n"
    assert done.errors.startswith(f"error: {tmp_path / 'no' / 'n.svg'} cannot be written: ")


def test_a_folder_in_the_way(run: Run, tmp_path: Path) -> None:
    (tmp_path / "n.dot").mkdir()
    assert run("draw", *NEURON, "-o", str(tmp_path / "n.dot")).status == 1
    assert [path.name for path in tmp_path.iterdir()] == ["n.dot"]


def test_a_failure_leaves_an_older_file_as_it_was(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Undrawable:
        def save(self, path: Path) -> None:
            raise RenderingError("there is no Graphviz")

    monkeypatch.setattr(command_line, "draw", lambda output, **named: Undrawable())
    path = tmp_path / "n.svg"
    path.write_text("older")
    done = run("draw", *NEURON, "-o", str(path))
    assert (done.status, done.output) == (1, f"{TABLE}\n")
    assert done.errors == f"error: {path} cannot be drawn: there is no Graphviz\n"
    assert path.read_text() == "older"


def test_a_large_graph_is_folded_and_cannot_be_stepped_through(run: Run, tmp_path: Path) -> None:
    path, steps = tmp_path / "n.svg", tmp_path / "n.html"
    terms = "sum(" + "-x," * 1500 + ")"
    assert run("draw", terms, "x=1", "-o", str(path)).status == 0
    assert "1,502 nodes are too many to read" in path.read_text("utf-8")
    done = run("draw", terms, "x=1", "-o", str(steps))
    assert done.status == 1
    assert done.errors.startswith(f"error: {steps} cannot be drawn: ")
    assert not steps.exists()


def test_an_interruption(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line, "parse", interrupt)
    assert run("draw", "x", "x=1").status == 130


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_any_terminal_can_show_it(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    streams = {name: io.BytesIO() for name in ("stdout", "stderr")}
    for name, raw in streams.items():
        monkeypatch.setattr(sys, name, io.TextIOWrapper(raw, encoding=encoding))
    assert main(["draw", "权*x", "权=2", "x=3", "--explain", "权"]) == 0
    assert main(["draw", "权 * x ^ 2", "权=2", "x=3"]) == 2
    sys.stdout.flush()
    sys.stderr.flush()
    output, errors = [raw.getvalue().decode(encoding).splitlines() for raw in streams.values()]
    unicode = encoding == "utf-8"
    assert output[-1] == ("∂v1/∂权 = 3" if unicode else "dv1/d\\u6743 = 3")
    assert errors[1] == ("  权 * x ^ 2" if unicode else "  \\u6743 * x ^ 2")
    assert errors[2] == " " * (9 if unicode else 13) + "^"


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(28, "No space left on device")])
def test_a_call_from_a_program_leaves_file_descriptors_alone(
    error: OSError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(io.StringIO):
        def flush(self) -> None:
            raise error

    def touched(*arguments: object) -> None:
        raise AssertionError("a file descriptor was touched")

    monkeypatch.setattr(os, "dup2", touched)
    monkeypatch.setattr(os, "open", touched)
    monkeypatch.setattr(sys, "stdout", Broken())
    status = main(["draw", "x", "x=1"])
    monkeypatch.undo()
    assert status == 1
    said = "" if isinstance(error, BrokenPipeError) else f"error: {error}\n"
    assert capsys.readouterr().err == said


def test_a_program_whose_output_is_lost_does_not_try_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Broken(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

        def fileno(self) -> int:
            return 1234

    replaced: list[int] = []

    def dup2(null: int, stdout: int) -> None:
        os.close(null)
        replaced.append(stdout)

    monkeypatch.setattr(os, "dup2", dup2)
    monkeypatch.setattr(sys, "argv", ["autograd", "draw", "x", "x=1"])
    monkeypatch.setattr(sys, "stdout", Broken())
    status = command_line._run()
    monkeypatch.setattr(sys, "stdout", None)
    assert command_line._run() == 0
    monkeypatch.undo()
    assert (status, replaced) == (1, [1234])


# --- as a program --------------------------------------------------------------------------------


def test_the_program(tmp_path: Path) -> None:
    done = run_apart(["draw", *NEURON, "-o", "neuron.svg", "-o", "neuron.html"], tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().split() == [
        *TABLE.split(), "written:", "neuron.svg", "written:", "neuron.html",
    ]  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["neuron.html", "neuron.svg"]


def test_the_program_in_an_ascii_terminal(tmp_path: Path) -> None:
    done = run_apart(
        ["draw", "权重*x", "权重=2", "x=1", "--explain", "x"], tmp_path, PYTHONIOENCODING="ascii"
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.split() == rb"v1 = \u6743\u91cd*x = 2 dv1/dx = 2".split()


@pytest.mark.parametrize(
    "expression",
    [
        "x.__class__",
        "__import__('os').system('touch broken_out')",
        "9**9**9",
        "(" * 9000,
        "-" * 9000,
        "f'{x}'",
        pytest.param(
            "x\udcff", marks=pytest.mark.skipif(os.name == "nt", reason="arguments are no bytes")
        ),
    ],
    ids=lambda expression: ascii(expression[:12]),
)
def test_the_program_says_no_without_a_traceback(expression: str, tmp_path: Path) -> None:
    done = run_apart(["draw", expression, "x=1"], tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"error: " in done.stderr
    assert b"Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_the_program_on_a_full_disk(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "autograd", "draw", *NEURON],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: ")
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has other pipes")
def test_the_program_whose_reader_leaves(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "autograd", "draw", *NEURON],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


# --- the cache -----------------------------------------------------------------------------------


def test_the_cache_is_shown_and_cleared(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("llvmlite")
    monkeypatch.setenv("AUTOGRAD_CACHE", str(tmp_path / "cache"))
    place = f"folder: {tmp_path / 'cache'}\n"
    most = "(at most 2,048 programs, 256 MiB)\n"
    assert run("cache").output == f"{place}size: 0 programs, 0.00 MiB {most}"
    autograd.compile(lambda x: x * x)(3.0)
    assert run("cache").output == f"{place}size: 1 program, 0.00 MiB {most}"
    assert run("cache", "clear").output == f"{place}removed: 1 program\n"
    assert [*(tmp_path / "cache").iterdir()] == []


def test_a_cache_that_is_not_there_says_why(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGRAD_CACHE", "off")
    shown, cleared = run("cache"), run("cache", "clear")
    assert (shown.status, shown.output) == (0, "there is no cache: AUTOGRAD_CACHE is 'off'\n")
    assert (cleared.status, cleared.output) == (1, "")
    assert cleared.errors == "error: there is no cache: AUTOGRAD_CACHE is 'off'\n"


def test_without_numpy_there_is_no_cache(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "autograd.compiler", None)
    assert run("cache").status == 1


def test_what_can_be_done_with_the_cache_is_said(run: Run) -> None:
    wrong = run("cache", "empty")
    assert wrong.status == 2
    assert "choose from" in wrong.errors
    assert "AUTOGRAD_CACHE" in run("cache", "--help").output


def test_importing_the_library_does_not_import_the_command_line() -> None:
    listed = "import sys, autograd; print('autograd.expression' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", listed],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
