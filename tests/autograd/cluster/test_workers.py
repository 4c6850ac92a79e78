"""The limits of a cluster, checked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from autograd.cluster import Workers
from autograd.cluster.workers import workers_of

CLIENT = SimpleNamespace(scheduler_info=None, submit=None)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"time_limit": 0.0}, ValueError, "time_limit must be positive"),
        ({"time_limit": float("nan")}, ValueError, "time_limit must be positive"),
        ({"time_limit": "1 s"}, TypeError, "time_limit: expected a number of seconds"),
        ({"attempts": 0}, ValueError, "attempts must be a whole number of at least 1"),
    ],
)
def test_limits_are_checked(options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Workers(CLIENT, **options)


def test_what_is_no_client() -> None:
    with pytest.raises(TypeError, match="the client is asynchronous"):
        Workers(SimpleNamespace(**vars(CLIENT), asynchronous=True))
    with pytest.raises(TypeError, match="connect first"):
        workers_of(SimpleNamespace(scheduler_address="tcp://10.0.0.1"))
    workers = Workers(CLIENT)
    assert workers_of(workers) is workers
