"""Files that are written whole or not at all, whoever writes, and whatever was there before."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, compile, draw
from autograd.compiler import load
from autograd.writing import write_whole
from nn import MLP, Neuron

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(os.name != "posix", reason="as POSIX has it")


@pytest.fixture(params=["unnamed", "named"])
def ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to write, the second being that of systems which have no files without a name."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)


pytestmark = pytest.mark.usefixtures("ways")


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0o022)
    os.umask(before)
    yield os.umask
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def model(path: Any) -> None:
    Neuron(2, seed=1).save(path)


def function(path: Any) -> None:
    compiled = compile(lambda x: x * x)
    compiled(2.0)
    compiled.save(path)


def picture(path: Any) -> None:
    draw(Value(1.0)).save(path)


def page(path: Any) -> None:
    draw(Value(1.0) * 2.0).to_html(path)


SAVING: dict[str, Callable[[Any], None]] = {
    "model.safetensors": model, "function": function, "graph.svg": picture, "page.html": page,
}  # fmt: skip
saving = pytest.mark.parametrize("name", SAVING)

# --- content -------------------------------------------------------------------------------------


@given(st.binary(max_size=1000), st.binary(max_size=1000))
def test_the_content_comes_back(
    tmp_path_factory: pytest.TempPathFactory, first: bytes, second: bytes
) -> None:
    path = tmp_path_factory.mktemp("written") / "file"
    for content in (first, second):
        write_whole(path, content)
        assert path.read_bytes() == content
    assert names(path.parent) == ["file"]


@pytest.mark.parametrize("name", ["权重 <&>", ".hidden", "x" * 250, "é" * 120, "a b\n"])
def test_any_name_serves(tmp_path: Path, name: str) -> None:
    write_whole(str(tmp_path / name), b"1")
    write_whole(os.fsencode(tmp_path / name), b"2")  # type: ignore[arg-type]
    assert (tmp_path / name).read_bytes() == b"2"
    assert names(tmp_path) == [name]


def test_a_path_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_whole("file", b"1")
    assert names(tmp_path) == ["file"]


def test_the_disk_has_the_content_before_the_older_file_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []

    def noted(name: str) -> None:
        original = getattr(os, name)

        def noting(*arguments: Any, **options: Any) -> Any:
            happened.append(name)
            return original(*arguments, **options)

        monkeypatch.setattr(os, name, noting)

    noted("fsync")
    noted("replace")
    write_whole(tmp_path / "file", b"1")
    assert happened == ["fsync", "replace"]


# --- what stands there before --------------------------------------------------------------------


@posix
@saving
@pytest.mark.parametrize("permissions", [0o600, 0o640, 0o664, 0o755, 0o200])
def test_permissions_are_kept(tmp_path: Path, name: str, permissions: int) -> None:
    path = tmp_path / name
    path.write_bytes(b"older")
    path.chmod(permissions)
    SAVING[name](path)
    assert mode(path) == permissions
    assert path.stat().st_size != 5


@posix
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o027, 0o077])
def test_a_new_file_has_the_usual_permissions(
    tmp_path: Path, umask: Callable[[int], int], mask: int
) -> None:
    umask(mask)
    write_whole(tmp_path / "file", b"1")
    assert mode(tmp_path / "file") == 0o666 & ~mask


@posix
def test_nobody_reads_in_the_meantime_what_nobody_may_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.touch(0o600)
    seen = []

    def looking(original: Callable[..., None]) -> Callable[..., None]:
        def look(file: int, *arguments: int) -> None:
            seen.append(os.fstat(file))
            original(file, *arguments)

        return look

    monkeypatch.setattr(os, "fsync", looking(os.fsync))
    monkeypatch.setattr(os, "fchmod", looking(os.fchmod))
    write_whole(path, b"secret")
    assert [stat.S_IMODE(status.st_mode) for status in seen] == [0o600, 0o600]


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives away")
def test_the_owner_is_kept_where_the_system_lets_us(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    os.chown(path, 12345, 54321)
    write_whole(path, b"1")
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)


@saving
def test_a_read_only_file_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"older")
    path.chmod(0o444)
    with pytest.raises(PermissionError, match="read-only") as caught:
        SAVING[name](path)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"older"
    assert names(tmp_path) == [name]


@posix
@saving
def test_links_are_followed_to_the_file_that_they_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    target, link = folder / "target", tmp_path / name
    (tmp_path / "another").symlink_to(target)
    link.symlink_to("another")
    SAVING[name](link)  # to a file that is not there yet
    first = target.stat()
    assert first.st_size
    target.write_bytes(b"older")
    target.chmod(0o640)
    SAVING[name](link)
    assert link.is_symlink()
    assert target.stat().st_size == first.st_size
    assert mode(target) == 0o640
    assert names(folder) == ["target"]
    assert names(tmp_path) == sorted(["another", "elsewhere", name])


@posix
@saving
def test_a_circle_of_links_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to("another")
    (tmp_path / "another").symlink_to(name)
    with pytest.raises(OSError, match="symbolic links") as caught:
        SAVING[name](tmp_path / name)
    assert caught.value.errno == errno.ELOOP
    assert (tmp_path / name).is_symlink()


@posix
def test_what_is_planted_under_the_temporary_name_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    monkeypatch.setattr(os, "urandom", bytes)  # as if it could be guessed
    (tmp_path / f".file.{bytes(8).hex()}.tmp").symlink_to(victim)
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "file", b"1")
    assert victim.read_bytes() == b"precious"


def test_temporary_names_are_not_the_same_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[str] = []
    replace = os.replace

    def replacing(temporary: str, target: str) -> None:
        used.append(temporary)
        replace(temporary, target)

    monkeypatch.setattr(os, "replace", replacing)
    for _ in range(20):
        write_whole(tmp_path / "file", b"1")
    assert len({*used}) == 20
    assert str(os.getpid()) not in Path(used[0]).name.split(".")


@posix
def test_a_device_is_written_to_and_stays_one(tmp_path: Path) -> None:
    write_whole("/dev/null", b"1")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)  # noqa: PTH116
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = bytes(range(256)) * 1000
    writer = threading.Thread(target=write_whole, args=(pipe, content))
    writer.start()
    assert pipe.read_bytes() == content
    writer.join()
    assert stat.S_ISFIFO(pipe.stat().st_mode)


# --- errors --------------------------------------------------------------------------------------


@saving
def test_errors_name_the_path_that_was_given(tmp_path: Path, name: str) -> None:
    missing = tmp_path / "missing" / name
    with pytest.raises(FileNotFoundError) as absent:
        SAVING[name](missing)
    assert absent.value.filename == str(missing)
    folder = tmp_path / name
    folder.mkdir()
    with pytest.raises(IsADirectoryError) as directory:
        SAVING[name](folder)
    assert directory.value.filename == str(folder)
    below = tmp_path / "file" / name
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError) as inside:
        SAVING[name](below)
    assert inside.value.filename == str(below)
    long = tmp_path / ("x" * 300 + name)
    with pytest.raises(OSError, match="too long") as lengthy:
        SAVING[name](long)
    assert lengthy.value.filename == str(long)
    assert names(tmp_path) == sorted(["file", name])


def test_no_path_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        write_whole("", b"1")
    with pytest.raises(TypeError):
        write_whole(3, b"1")  # type: ignore[arg-type]


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("kind", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
@saving
def test_what_fails_or_is_interrupted_leaves_the_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, call: str, kind: BaseException
) -> None:
    path = tmp_path / name
    path.write_bytes(b"older")

    def failing(*_: Any) -> None:
        raise kind

    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        with pytest.raises(type(kind)) as caught:
            SAVING[name](path)
    if isinstance(caught.value, OSError):
        assert caught.value.filename == str(path)
    assert path.read_bytes() == b"older"
    assert names(tmp_path) == [name]


# --- many at once --------------------------------------------------------------------------------


def test_threads_that_write_to_one_file_all_succeed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [bytes([i]) * 100_000 for i in range(8)]
    seen = set()

    def writing(content: bytes) -> None:
        write_whole(path, content)
        seen.add(path.read_bytes())

    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            list(pool.map(writing, contents))
    assert seen <= {*contents}
    assert names(tmp_path) == ["file"]


# Each begins when the other is there: an import takes longer than all that is written.
TWO = """
import sys
from autograd.writing import write_whole
print(flush=True)
sys.stdin.readline()
for _ in range(40):
    write_whole(sys.argv[1], sys.argv[2].encode() * 20_000)
"""


def test_processes_that_write_to_one_file_all_succeed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    command = [sys.executable, "-c", TWO, str(path)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    running = [subprocess.Popen([*command, letter], cwd=ROOT, **pipes) for letter in "ab"]
    for process in running:
        assert process.stdout
        with process.stdout as there:
            assert there.readline().strip() == b""
    for process in running:
        assert process.stdin
        process.stdin.close()
    seen = set()
    while any(process.poll() is None for process in running):
        if path.exists():
            seen.add(path.read_bytes())
        time.sleep(0.0005)  # what they take counts, and not how often one looks
    assert [process.returncode for process in running] == [0, 0]
    assert seen <= {b"a" * 20_000, b"b" * 20_000}
    assert names(tmp_path) == ["file"]


@pytest.mark.no_cover
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process cannot be forked here")
def test_a_process_that_is_killed_leaves_the_older_file_or_the_newer_one(
    request: pytest.FixtureRequest,
) -> None:
    """Ten of them for each kind of file; of three hundred: python -m tests.autograd.killed."""
    pytest.importorskip("safetensors")
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "tests.autograd.killed"]
    named = ["--named"] if "[named" in request.node.name else []
    done = subprocess.run(
        [*command, "--kills", "10", *named],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    if hasattr(os, "O_TMPFILE"):  # between getting a name and taking the place: microseconds
        assert all(int(left) <= 1 for left in done.stdout.split())


def test_what_is_saved_over_another_file_loads(tmp_path: Path) -> None:
    path = tmp_path / "file"
    MLP(2, [3, 1], seed=1).save(path)
    function(path)
    assert load(path)(3.0) == 9.0
