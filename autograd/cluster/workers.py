"""A Dask cluster, and how long to wait for it."""

from __future__ import annotations

from numbers import Real
from typing import Any

from autograd.errors import shown, whole_number, wrong_type

__all__ = ["Workers", "workers_of"]


class Workers:
    """A Dask cluster, with limits other than the usual ones: for `compile(..., cluster=...)`.

    What a worker has not done when it dies, hangs or is cut off is done again elsewhere, with the
    same bits. An exception that the function or a file raises is no such thing: it is raised at
    once, and names the rows.

    Attributes:
        client: The client.
        time_limit: As given; so is `attempts`.

    Args:
        client: A `distributed.Client`.
        time_limit: After how many seconds a worker that has not done a piece of work is left alone,
            and its work done elsewhere; and how long to wait for a lost connection, or for a first
            worker. A piece is up to 64 chunks. The first includes the time to compile.
        attempts: On how many workers a piece may exceed this limit, or fail for want of memory or
            of a file, before there is an error.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: A number is too small.

    Example:
        >>> Workers("tcp://10.0.0.1:8786")
        Traceback (most recent call last):
        ...
        TypeError: cluster: expected a distributed.Client, got str: 'tcp://10.0.0.1:8786'; ...
    """

    def __init__(self, client: Any, *, time_limit: float = 300.0, attempts: int = 3) -> None:
        if not (hasattr(client, "scheduler_info") and hasattr(client, "submit")):
            error = wrong_type("cluster", client, "a distributed.Client")
            if isinstance(client, str) or hasattr(client, "scheduler_address"):
                error = TypeError(f"{error}; connect first: distributed.Client(...)")
            raise error
        if getattr(client, "asynchronous", False):
            raise TypeError(
                "cluster: the client is asynchronous: make it without asynchronous=True"
            )
        if isinstance(time_limit, bool) or not isinstance(time_limit, Real):
            raise wrong_type("Workers: time_limit", time_limit, "a number of seconds")
        if not time_limit > 0.0:
            raise ValueError(f"Workers: time_limit must be positive, got {shown(time_limit)}")
        self.client: Any = client
        self.time_limit: float = float(time_limit)
        self.blamed: dict[str, float] = {}  # workers that hung, and when
        self.attempts: int = whole_number(attempts, "Workers: attempts", 1)

    def __repr__(self) -> str:
        return f"Workers({self.client!r})"


def workers_of(cluster: Any) -> Workers | None:
    """Take a client or `Workers`; None stays None.

    Raises:
        TypeError: It is something else.

    Example:
        >>> workers_of(None)
    """
    return cluster if cluster is None or isinstance(cluster, Workers) else Workers(cluster)
