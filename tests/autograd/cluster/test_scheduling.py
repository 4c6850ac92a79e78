"""A real cluster of processes, real kills: the bits are those of one process without Dask."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograd import compile, exp, sin, value_and_grad
from autograd.cluster import Rows, Workers, array, normals, npy
from tests.autograd.cluster.mishaps import (
    Mishap,
    Plain,
    Raising,
    devour,
    die,
    hang,
    pids,
    wait_for_an_answer,
)
from tests.peers import require_dask

distributed = require_dask()
# What Dask says of workers that die, and of connections that are lost, is no fault here.
pytestmark = pytest.mark.filterwarnings("ignore")

ROWS, CHUNK = 40_000, 1000


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0",
            memory_limit="700MB", silence_logs=50,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):  # fmt: skip
        yield client


def slope(w: Any, x: Any) -> Any:
    return sin(w * x) + exp(-w * w * x)


def on(workers: Any, **options: Any) -> Any:
    return compile(
        value_and_grad(slope),
        in_axes=(None, 0),
        reduce="sum",
        chunk=CHUNK,
        cluster=workers,
        **options,
    )


EXPECTED: Any = on(None, threads=1)(0.3, Plain(ROWS))


def workers(client: Any, **limits: Any) -> Workers:
    """The cluster, complete again after a kill."""
    try:
        client.wait_for_workers(2, timeout=20)
    except TimeoutError:  # now and then Dask does not start it again
        client.cluster.scale(0)
        client.cluster.scale(2)
        client.wait_for_workers(2, timeout=60)
    return Workers(client, **{"time_limit": 120.0, **limits})


def running(client: Any) -> dict[str, int]:
    """The processes of both workers, by their addresses."""
    found: dict[str, int] = {}
    while len(found) < 2:  # one that was killed may not be missed yet
        found = client.run(os.getpid, on_error="ignore")
    return found


def test_rows_of_every_kind(client: Any, tmp_path: Path) -> None:
    numbers = Plain(ROWS).read(0, ROWS)
    path = tmp_path / "rows.npy"
    np.save(path, numbers)
    import dask.array

    step, kept = on(workers(client)), array(numbers)
    blocks = dask.array.from_array(numbers, chunks=7777)
    persisted = blocks.persist()
    for rows in (Plain(ROWS), numbers, kept, kept, npy(path), blocks, persisted):
        assert step(0.3, rows) == EXPECTED, rows
    assert step.traces == 1
    assert on(None)(0.3, persisted) == EXPECTED


def test_every_row_and_exact_sums(client: Any) -> None:
    rows = normals(3, 5000, 2)
    of_rows = compile(lambda x: exp(x[0]) * x[1], in_axes=0)
    there = compile(of_rows.function, in_axes=0, cluster=workers(client), chunk=700)
    np.testing.assert_array_equal(there(rows), of_rows(rows.read(0, 5000)))
    exact: dict[str, Any] = {"in_axes": 0, "reduce": "mean", "exact": True}
    alone = compile(of_rows.function, **exact)(rows.read(0, 5000))
    assert compile(of_rows.function, **exact, cluster=client)(rows) == alone


@pytest.mark.parametrize("mishap", [die, devour])
def test_a_worker_dies(client: Any, tmp_path: Path, mishap: Any) -> None:
    step = on(workers(client))
    assert step(0.3, Mishap(ROWS, 21_500, tmp_path / "flag", mishap)) == EXPECTED
    assert len(pids(tmp_path / "flag")) == 1


def test_arrays_are_sent_again_when_the_worker_that_had_them_is_killed(client: Any) -> None:
    step, kept = on(workers(client)), array(Plain(ROWS).read(0, ROWS))
    assert step(0.3, kept) == EXPECTED
    address, pid = next(iter(running(client).items()))
    os.kill(pid, signal.SIGKILL)
    while address in client.nthreads():
        time.sleep(0.05)
    assert step(0.3, kept) == EXPECTED


def test_a_worker_hangs(client: Any, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    step = on(workers(client, time_limit=5.0, attempts=20))
    try:
        assert step(0.3, Mishap(ROWS, 5500, flag, hang)) == EXPECTED
    finally:
        os.kill(pids(flag)[0], signal.SIGKILL)


def test_a_worker_hangs_that_is_sent_an_array(client: Any) -> None:
    step = on(workers(client, time_limit=2.0, attempts=20))
    numbers = Plain(ROWS).read(0, ROWS)
    pid = next(iter(running(client).values()))
    os.kill(pid, signal.SIGSTOP)
    try:
        assert step(0.3, numbers) == EXPECTED
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_worker_dies_that_is_sent_an_array(client: Any, monkeypatch: Any) -> None:
    scatter, gone = client.scatter, [KeyError("tcp://10.0.0.1:5"), OSError("the stream is closed")]

    def sent(*arguments: Any, **options: Any) -> Any:
        if gone:
            raise gone.pop()
        return scatter(*arguments, **options)

    step = on(workers(client))
    monkeypatch.setattr(client, "scatter", sent)
    assert step(0.3, Plain(ROWS).read(0, ROWS)) == EXPECTED


def test_the_connection_is_lost_and_made_again(client: Any, tmp_path: Path) -> None:
    flag = tmp_path / "flag"

    def cut() -> None:
        while not flag.exists():
            time.sleep(0.01)
        client.loop.add_callback(client.scheduler_comm.comm.abort)
        flag.with_suffix(".answer").touch()

    thread = threading.Thread(target=cut)
    thread.start()
    assert on(workers(client))(0.3, Mishap(ROWS, 9500, flag, wait_for_an_answer)) == EXPECTED
    thread.join()


@pytest.mark.parametrize(
    ("error", "most"), [(ValueError("spoilt"), 1), (FileNotFoundError("gone"), 2)]
)
def test_rows_that_raise_are_named_at_once(
    client: Any, tmp_path: Path, error: Exception, most: int
) -> None:
    flag = tmp_path / "flag"
    with pytest.raises(type(error), match=rf"rows 5,000 to 5,999: {error}"):
        on(workers(client))(0.3, Raising(ROWS, 5500, flag, error))
    assert len(pids(flag)) == most


def test_an_error_leaves_no_work_behind(client: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="spoilt"):
        on(workers(client))(0.3, Raising(ROWS, 500, tmp_path / "flag", ValueError("spoilt"), 0.5))
    end = time.monotonic() + 1.0
    while any(client.processing().values()):
        assert time.monotonic() < end


def test_a_file_that_is_cut_short(client: Any, tmp_path: Path) -> None:
    path = tmp_path / "rows.npy"
    np.save(path, Plain(ROWS).read(0, ROWS))
    rows: Rows = npy(path)
    with path.open("r+b") as file:
        file.truncate(100_000)
    with pytest.raises(ValueError, match=r"rows 12,000 to 12,999: .*rows.npy is damaged: it ends"):
        on(workers(client))(0.3, rows)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"rows .*rows.npy"):
        on(workers(client))(0.3, rows)


def test_a_closed_client_says_so(client: Any) -> None:
    other = distributed.Client(client.scheduler.address)
    step = on(Workers(other))
    other.close()
    with pytest.raises(ConnectionError, match="connect again"):
        step(0.3, Plain(ROWS))
