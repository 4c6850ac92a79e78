"""Rows beyond one memory and one machine: made where they are used, read in chunks, shared out.

A compiled function of rows takes any of these in place of an array: `normals` and `uniforms`, which
are computed where they are needed; files (`npy`, `parquet`); Dask arrays and columns of Dask data
frames. Chunk by chunk they stream through this machine, or go to the workers of a Dask cluster
(`compile(..., cluster=client)`). Sums over the rows are formed over chunks of a fixed size, in a
tree of a fixed shape, so that the result has the same bits wherever it was computed.

Example:
    >>> from autograd import compile, exp
    >>> price = compile(lambda x: exp(0.2 * x), in_axes=0, reduce="mean")
    >>> print("%.3f" % price(normals(7, 100_000)))
    1.020
"""

from autograd.cluster.files import npy, parquet
from autograd.cluster.random_rows import normals, uniforms
from autograd.cluster.rows import Rows, array
from autograd.cluster.workers import Workers

__all__ = ["Rows", "Workers", "array", "normals", "npy", "parquet", "uniforms"]
