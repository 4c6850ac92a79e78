"""A logistic regression on a file of 10,000,000 rows, which is read in chunks.

    python -m examples.logistic                      on this machine
    python -m examples.logistic --workers 2          on a cluster of local processes
    python -m examples.logistic --format parquet     from Parquet instead of .npy

The file is written first, chunk by chunk, from known weights, which the regression has to find.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy

from autograd.cluster import Rows, normals, npy, parquet, uniforms
from examples.greeks import connected
from nn import Neuron, fit
from nn.losses import binary_cross_entropy
from nn.optim import Adam

WEIGHTS, BIAS = (1.5, -2.0, 0.5, 0.0), 0.25
CHUNK = 100_000


def written(folder: Path, rows: int, form: str) -> tuple[Rows, Rows]:
    """Write inputs and labels to files; no more than a chunk of them is in memory."""
    xs, us = normals(1, rows, len(WEIGHTS)), uniforms(2, rows)

    def chunk(first: int) -> tuple[Any, Any]:
        count = min(CHUNK, rows - first)
        x = xs.read(first, count)
        chance = 1.0 / (1.0 + numpy.exp(-(x @ WEIGHTS + BIAS)))
        return x, (us.read(first, count) < chance).astype(float)

    if form == "npy":
        x_file = numpy.lib.format.open_memmap(
            folder / "x.npy", "w+", dtype=float, shape=(rows, len(WEIGHTS))
        )
        y_file = numpy.lib.format.open_memmap(folder / "y.npy", "w+", dtype=float, shape=(rows,))
        for first in range(0, rows, CHUNK):
            x, y = chunk(first)
            x_file[first : first + len(x)], y_file[first : first + len(x)] = x, y
        x_file.flush()
        y_file.flush()
        return npy(folder / "x.npy"), npy(folder / "y.npy")
    import pyarrow
    import pyarrow.parquet

    names = [f"x{place}" for place in range(len(WEIGHTS))]
    schema = pyarrow.schema([(name, pyarrow.float64()) for name in (*names, "y")])
    path = folder / "rows.parquet"
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for first in range(0, rows, CHUNK):
            x, y = chunk(first)
            writer.write_table(pyarrow.table([*x.T.copy(), y], schema=schema))
    return parquet(path, names), parquet(path, "y")


def regression(x: Rows, y: Rows, epochs: int, client: Any = None) -> Any:
    """Train a neuron on all rows; return it, and the history."""
    model = Neuron(len(WEIGHTS), "linear")  # the loss takes logits
    model.load_state_dict({"weights": [0.0] * len(WEIGHTS), "bias": 0.0})
    history = fit(
        model, binary_cross_entropy, x, y, optimiser=Adam(model.parameters(), 0.1),
        epochs=epochs, batch_size=max(len(x) // 20, 1), cluster=client,
    )  # fmt: skip
    return model, history


def main(arguments: Sequence[str] | None = None) -> Any:
    """Write the file, train, and print what was found."""
    parser = argparse.ArgumentParser(description="A logistic regression on a large file.")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--format", choices=["npy", "parquet"], default="npy")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--scheduler")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        x, y = written(folder, options.rows, options.format)
        client = connected(stack, options.scheduler, options.workers)
        model, history = regression(x, y, options.epochs, client)
    print(history)
    found = [parameter.data for parameter in model.parameters()]
    print("found", ", ".join(f"{number:.3f}" for number in found))
    print("true ", ", ".join(f"{number:.3f}" for number in (*WEIGHTS, BIAS)))
    return found, history


if __name__ == "__main__":
    main()
