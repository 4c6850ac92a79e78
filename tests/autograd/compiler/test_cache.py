"""The cache of machine code: what is found again, what is left alone, and that nothing fails."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("numpy")

from autograd import clear_compile_cache, compile
from autograd.compiler import cache
from autograd.compiler.cache import State, found, keep, state

ROOT = Path(__file__).parents[3]
KEY, OTHER = "0" * 64, "1" * 64
posix = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are POSIX's")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a test's own cache, which does not exist yet."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "a" / "cache"))
    return tmp_path / "a" / "cache"


def entry(folder: Path, key: str = KEY) -> Path:
    return folder / f"{key}.code"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- what is kept --------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_what_is_kept_is_found(folder: Path, content: bytes) -> None:
    keep(KEY, b"something else")
    keep(KEY, content)
    assert found(KEY) == content
    assert found(OTHER) is None
    assert names(folder) == [f"{KEY}.code"]


def test_nothing_is_made_by_looking(folder: Path) -> None:
    assert found(KEY) is None
    assert state() == State(folder, "")
    assert clear_compile_cache() == 0
    assert not folder.parent.exists()


@posix
def test_folder_and_entries_are_the_users_alone(folder: Path) -> None:
    before = os.umask(0)
    try:
        keep(KEY, b"content")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder.parent, folder, entry(folder))]
    assert modes == [0o700, 0o700, 0o600]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_what_is_damaged_is_not_found_and_is_replaced(folder: Path, data: Any) -> None:
    keep(KEY, b"content")
    content = bytearray(entry(folder).read_bytes())
    if data.draw(st.booleans()):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    else:
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    entry(folder).write_bytes(content)
    assert found(KEY) is None
    keep(KEY, b"content")
    assert found(KEY) == b"content"


def test_an_entry_under_another_name_is_not_found(folder: Path) -> None:
    keep(KEY, b"content")
    entry(folder).rename(entry(folder, OTHER))
    assert found(OTHER) is None


# --- what is not the user's ----------------------------------------------------------------------


@posix
@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777, 0o1777])
def test_a_folder_that_others_may_write_to_is_left_alone(folder: Path, mode: int) -> None:
    keep(KEY, b"content")
    folder.chmod(mode)
    assert found(KEY) is None
    keep(OTHER, b"content")
    assert state().folder is None
    assert "others may write to it" in state().problem
    assert clear_compile_cache() == 0
    assert names(folder) == [f"{KEY}.code"]


@posix
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_an_entry_that_others_may_write_to_is_not_read(folder: Path, mode: int) -> None:
    keep(KEY, b"content")
    entry(folder).chmod(mode)
    assert found(KEY) is None
    keep(KEY, b"content")
    assert found(KEY) == b"content"


@posix
@pytest.mark.skipif("os.geteuid() != 0", reason="only root gives files away")
def test_what_belongs_to_another_user_is_left_alone(folder: Path) -> None:
    keep(KEY, b"content")
    os.chown(entry(folder), 12345, -1)
    assert found(KEY) is None
    keep(KEY, b"content")
    os.chown(folder, 12345, -1)
    assert found(KEY) is None
    assert "belongs to somebody else" in state().problem
    os.chown(folder, 0, -1)
    assert found(KEY) == b"content"
    aside = folder.rename(folder.with_name("aside"))
    folder.symlink_to(aside)
    os.chown(folder, 12345, -1, follow_symlinks=False)
    assert found(KEY) is None


@posix
def test_a_folder_may_be_a_link_of_the_users(folder: Path, tmp_path: Path) -> None:
    folder.parent.mkdir()
    (tmp_path / "large disk").mkdir(0o700)
    folder.symlink_to(tmp_path / "large disk")
    keep(KEY, b"content")
    assert found(KEY) == b"content"


@posix
@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "hole"])
def test_an_entry_is_a_file(folder: Path, tmp_path: Path, kind: str) -> None:
    keep(KEY, b"content")
    aside = entry(folder).rename(tmp_path / "aside")
    if kind == "link":
        entry(folder).symlink_to(aside)
    elif kind == "pipe":
        os.mkfifo(entry(folder))
    elif kind == "folder":
        entry(folder).mkdir()
    else:
        with entry(folder).open("wb") as file:
            file.truncate(10**12)  # and takes no memory
    assert found(KEY) is None
    keep(KEY, b"content")
    assert found(KEY) == (None if kind == "folder" else b"content")
    assert aside.read_bytes()
    assert names(folder) == [f"{KEY}.code"]


# --- where it is ---------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["off", "OFF", " off ", "0", "no", "false"])
def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(cache.VARIABLE, value)
    keep(KEY, b"content")
    assert found(KEY) is None
    assert state() == State(None, f"AUTOGRAD_CACHE is {value.strip()!r}")


@posix
def test_by_default_it_is_where_the_system_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache.VARIABLE, "")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    folder = state().folder
    assert folder is not None
    assert folder.name == "scalar-autograd"
    assert tmp_path in folder.parents
    keep(KEY, b"content")
    assert found(KEY) == b"content"
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))  # a missing home folder is not created
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert "no home folder" in state().problem
    keep(OTHER, b"content")
    assert found(OTHER) is None
    assert not (tmp_path / "nobody").exists()


def test_a_relative_folder_is_one_of_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(cache.VARIABLE, "here")
    keep(KEY, b"content")
    assert state() == State(tmp_path / "here", "", 1, 62)


def test_without_platformdirs_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(cache.VARIABLE)
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    keep(KEY, b"content")
    assert found(KEY) is None
    assert "install scalar-autograd[compile]" in state().problem


# --- never a reason to fail ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "place", ["{file}", "{file}/x", "/proc/nowhere/x", "~nobodyatall/x", "x" * 5000, "{broken}"]
)
def test_where_there_can_be_no_folder_it_compiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    (tmp_path / "broken").symlink_to(tmp_path / "missing")
    place = place.format(file=tmp_path / "file", broken=tmp_path / "broken")
    monkeypatch.setenv(cache.VARIABLE, place)
    assert compile(lambda x: x * x)(3.0) == 9.0
    assert found(KEY) is None
    state()
    assert clear_compile_cache() == 0


@pytest.mark.parametrize("name", ["open", "fdopen", "scandir", "utime", "urandom"])
def test_whatever_the_system_refuses_it_compiles(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    keep(KEY, b"content")

    def refused(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, name, refused)
    monkeypatch.setattr(Path, "replace", refused)
    assert compile(lambda x: x * x)(3.0) == 9.0
    monkeypatch.undo()


def test_where_the_folder_cannot_be_made_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "a" / "b"))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert state() == State(None, f"{tmp_path}/a/b cannot be made: {tmp_path} is read-only")


@posix
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    script = """
import os, resource
from autograd import compile
from autograd.compiler.cache import state
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
print(compile(lambda x: x * x)(3.0), state().entries, os.listdir(state().folder))
"""
    environment = {**os.environ, cache.VARIABLE: str(tmp_path / "cache")}
    command = [sys.executable, "-c", script]
    text = subprocess.check_output(command, env=environment, cwd=ROOT, text=True)
    assert text.split() == ["9.0", "0", "[]"]


# --- how much there is ---------------------------------------------------------------------------


def kept(count: int, size: int) -> list[str]:
    """Keep some entries, of which the first ones are the oldest."""
    keys = [f"{number:064x}" for number in range(count)]
    for age, key in enumerate(keys):
        keep(key, bytes(size))
        folder = state().folder
        assert folder is not None
        if entry(folder, key).exists():
            os.utime(entry(folder, key), (1000.0 + age, 1000.0 + age))
    return keys


def test_what_has_not_been_used_for_the_longest_time_goes_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 1000
    keys = kept(10, size)
    each = entry(folder, keys[0]).stat().st_size
    assert state().bytes == 10 * each
    assert found(keys[0])  # which marks it as used
    monkeypatch.setattr(cache, "MOST_BYTES", 5 * each)
    keep(KEY[:-1] + "f", bytes(size))
    left = [keys[0], *keys[-3:], KEY[:-1] + "f"]
    assert names(folder) == sorted(f"{key}.code" for key in left)
    assert state().bytes == 5 * each
    keep(OTHER, bytes(5 * each))  # which would push out all others
    assert found(OTHER) is None
    assert state().entries == 5


def test_there_are_at_most_so_many(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_ENTRIES", 4)
    keys = kept(10, 10)
    assert names(folder) == [f"{key}.code" for key in keys[-4:]]


def test_of_many_small_programs_there_are_hardly_more(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MOST_ENTRIES", 40)
    for number in range(200):
        keep(hashlib.sha256(bytes([number])).hexdigest(), b"content")
        assert state().entries < 40 + 64
    monkeypatch.setattr(cache, "LARGE", 100)
    keep("7" * 64, bytes(101))
    assert state().entries == 40


def test_what_a_process_that_has_died_left_goes(folder: Path) -> None:
    keep(KEY, b"content")
    dead, alive = folder / f".{'a' * 32}.tmp", folder / f".{'b' * 32}.tmp"
    mine = folder / "notes.txt"
    for path in (dead, alive, mine):
        path.write_bytes(b"")
    os.utime(dead, (1000.0, 1000.0))
    os.utime(mine, (1000.0, 1000.0))
    keep(KEY, b"content")
    assert sorted(folder.iterdir()) == sorted([entry(folder), alive, mine])
    assert clear_compile_cache() == 1
    assert [*folder.iterdir()] == [mine]


# --- many at once --------------------------------------------------------------------------------


def test_threads_get_in_nobodys_way(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_ENTRIES", 3)
    contents = {f"{number:064x}": bytes([number]) * 5000 for number in range(6)}
    barrier = threading.Barrier(6)

    def work(number: int) -> bool:
        barrier.wait()
        for turn in range(40):
            key = f"{(number + turn) % 6:064x}"
            keep(key, contents[key])
            if found(key) not in (None, contents[key]):
                return False
            if turn % 10 == number:
                clear_compile_cache()
        return True

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(work, range(6)))
    keep(KEY, b"content")
    assert found(KEY) == b"content"
    assert state().entries <= 3


SCRIPT = """
import sys
from autograd import compile, tanh, value_and_grad
from autograd.compiler.backends.llvm import backend
if sys.argv[1] == "again":
    def refused(*_): raise AssertionError("compiled again")
    backend.compiled = refused
step = compile(value_and_grad(lambda x: tanh(x) * x + x / 3.0), in_axes=0, reduce="sum")
value, slope = step([0.5, 1.5, -2.5])
print(value.hex(), slope.hex())
"""


def outputs_of(*arguments: Sequence[str], folder: Path) -> list[str]:
    environment = {**os.environ, cache.VARIABLE: str(folder)}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *each],
            env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )
        for each in arguments
    ]  # fmt: skip
    return [process.communicate()[0] for process in running]


def test_a_second_process_does_not_compile_again(tmp_path: Path) -> None:
    pytest.importorskip("llvmlite")
    folder = tmp_path / "cache"
    first, at_once = outputs_of(["first"], ["first"], folder=folder)
    again, without = outputs_of(["again"], folder=folder), outputs_of(["first"], folder=Path("off"))
    assert len(first.split()) == 2
    assert {first, at_once, *again, *without} == {first}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_of_a_fork_finds_and_keeps(folder: Path) -> None:
    script = f"""
import os, threading
from autograd.compiler.cache import found, keep
keys = [f"{{number:064x}}" for number in range(1, 21)]
threading.Thread(target=lambda: [keep(key, bytes(10000)) for key in keys], daemon=True).start()
for _ in range(5):
    child = os.fork()
    if not child:
        keep({KEY!r}, b"content")
        os._exit(found({KEY!r}) != b"content")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    command = [sys.executable, "-W", "ignore", "-c", script]
    subprocess.run(command, check=True, cwd=ROOT, timeout=60)


def test_without_a_cache_there_is_nothing_in_it() -> None:
    state = State(None, "why")
    assert (state.entries, state.bytes) == (0, 0)
