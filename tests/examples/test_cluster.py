"""The examples at a small size: on one machine and on a cluster, the same bits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples import greeks, logistic
from tests.peers import require_dask

PATHS = 100_000


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    distributed = require_dask()
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0",
            silence_logs=50,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):  # fmt: skip
        yield client


def test_greeks(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    value, slopes = greeks.main([f"--paths={PATHS}"])
    assert "delta" in capsys.readouterr().out
    assert greeks.greeks(PATHS, client) == (value, slopes)
    # By Euler's theorem, the price is homogeneous in spot and strike.
    assert value == pytest.approx(
        greeks.MARKET["spot"] * slopes["spot"] + greeks.MARKET["strike"] * slopes["strike"]
    )
    assert value == pytest.approx(5.62, abs=0.1)
    assert 0.5 < slopes["spot"] < 0.6


@pytest.mark.parametrize("form", ["npy", "parquet"])
def test_logistic_regression(client: Any, tmp_path: Path, form: str) -> None:
    require_dask()
    found, history = logistic.main(["--rows=20000", "--epochs=8", f"--format={form}"])
    np.testing.assert_allclose(found, [*logistic.WEIGHTS, logistic.BIAS], atol=0.15)
    model, again = logistic.regression(*logistic.written(tmp_path, 20_000, form), 8, client)
    assert again.losses == history.losses
    assert [parameter.data for parameter in model.parameters()] == found
