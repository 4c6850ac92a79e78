"""A derivative that somebody claims for a function, in whatever form it comes.

The function may come from NumPy, SciPy, a framework or C. Its nested arguments and its nested
results are each read as one array of numbers. The claim may be its gradient or Jacobian, as a
function or as numbers, or products of vectors with the Jacobian or Hessian.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal, TypeAlias

from autograd import structure
from autograd.checking.numerical import EPSILON, Estimate
from autograd.errors import counted, refuse_mask, shown
from autograd.tree import flatten

__all__ = [
    "EPSILONS",
    "Claim",
    "Claimed",
    "Known",
    "Point",
    "Precision",
    "numpy",
    "sum_of_products",
]

Precision: TypeAlias = Literal["double", "single", "half", "bfloat16"]
Claim: TypeAlias = Literal["gradient", "vjp", "jvp"]

EPSILONS: dict[str, float] = {
    "double": EPSILON,
    "single": 2.0**-23,
    "half": 2.0**-10,
    "bfloat16": 2.0**-7,
}


# Vectors are multiplied by this, and products divided by it: a product that ignores its vector
# would be right for the vector 1. A power of two loses no digits.
_PROBE = -2.0
_KEPT = 2**20  # numbers of results to keep


def numpy() -> Any:
    """Import NumPy, or raise an error that says what it is needed for."""
    try:
        import numpy as np
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "gradcheck of a claimed derivative needs NumPy: pip install 'scalar-autograd[compile]'",
            name=error.name,
        ) from error
    return np


# --- nested arguments and results as one array ---------------------------------------------------


class Point:
    """The numbers in nested arguments as one array.

    Attributes:
        names: The names of the arguments.
        data: The numbers.
        scales: For each number, the root mean square of those in its array; 1 if that is 0.
        epsilon: The distance from 1 to the next number, in the coarsest type among them.
        are_arrays: Whether each argument is a plain NumPy array.

    Args:
        arguments: The arguments by name, in order: floats and NumPy arrays of floats, in lists,
            tuples and dictionaries, nested in any way. Anything else is a TypeError.
    """

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        np = numpy()
        self._arguments = arguments
        self.are_arrays = all(_is_array(x) for x in arguments.values())
        self.names = list(arguments)
        self.epsilon = EPSILON
        self._starts: list[int] = []
        self._places: list[tuple[str, tuple[int, ...]]] = []
        pieces: list[Any] = []
        count = 0

        def add(path: str, numbers: Any, shape: tuple[int, ...]) -> None:
            nonlocal count
            self._starts.append(count)
            self._places.append((path, shape))
            pieces.append(numbers)
            count += numbers.size

        def number(path: str, x: Any) -> None:
            ((_, data),) = structure.numbers(x.item() if _is_scalar(x) else x, path)
            if _is_scalar(x):
                self.epsilon = max(self.epsilon, float(np.finfo(x.dtype).eps))
            add(path, np.array([data]), ())

        def array(path: str, x: Any) -> None:
            if x.dtype.kind != "f":
                structure.numbers(x, path)  # raises an error that says what is wrong
                raise TypeError(f"gradcheck: {path} must be an array of floats, got {x.dtype}")
            self.epsilon = max(self.epsilon, float(np.finfo(x.dtype).eps))
            add(path, np.asarray(x, float).ravel(), x.shape)

        def model(path: str, x: Any) -> None:
            raise TypeError(
                f"gradcheck: {path} is a model: pass its parameters as separate arguments to check "
                "claimed derivatives"
            )

        for name, argument in arguments.items():
            structure.visited(argument, name, structure.Visit(number, array, model))
        self.data = np.concatenate(pieces) if pieces else np.empty(0)
        self.scales = np.concatenate([np.full(p.size, _scale(p)) for p in pieces] or [np.empty(0)])

    @property
    def matrices(self) -> list[tuple[str, int, tuple[int, int]]]:
        """The matrices among the arguments: the path to each, where it starts, and its shape."""
        return [
            (path, start, (shape[0], shape[1]))
            for start, (path, shape) in zip(self._starts, self._places, strict=True)
            if len(shape) == 2
        ]

    @property
    def is_flat(self) -> bool:
        """Whether there is one argument, made of numbers or an array, but without arrays in it."""
        first, *others = self._arguments.values()
        parts = first if isinstance(first, (list, tuple)) else ()
        return not others and not isinstance(first, Mapping) and _are_numbers(parts)

    def path(self, i: int) -> str:
        """Return the path to a number."""
        part = bisect_right(self._starts, i) - 1
        path, shape = self._places[part]
        if not shape:
            return path
        index = numpy().unravel_index(i - self._starts[part], shape)
        return f"{path}[{', '.join(map(str, index))}]"

    def arguments(self, data: Any) -> list[Any]:
        """Make the arguments again, of the same types, with other numbers."""
        parts = list(self._arguments.values())
        if not self.are_arrays:
            return _refilled(parts, data)
        starts = zip(parts, self._starts, strict=True)  # as above, without walking them
        return [data[i : i + x.size].reshape(x.shape).astype(x.dtype) for x, i in starts]

    def like(self, claimed: Any, rows: int, what: str) -> Any:
        """Read derivatives of some results with respect to all of the numbers.

        Args:
            claimed: The claimed derivatives: for several arguments a sequence, or a dictionary by
                name; for an array an array, with the shape of the results before its own.
            rows: The number of results.
            what: Who claims them, for the error.

        Returns:
            An array, a row for each result.

        Raises:
            ValueError: There are too many numbers, or too few.
            TypeError: It is not made of numbers.
        """
        arguments = list(self._arguments.values())
        if len(arguments) == 1:
            return _block(claimed, arguments[0], rows, what)
        if isinstance(claimed, Mapping) and claimed.keys() == self._arguments.keys():
            claimed = [claimed[name] for name in self.names]
        count = len(arguments)
        _require_length(claimed, count, what, f"derivatives with respect to {count} arguments")
        blocks = [
            _block(part, argument, rows, f"{what} in {name}")
            for part, argument, name in zip(claimed, arguments, self.names, strict=True)
        ]
        return numpy().hstack(blocks)


def _scale(xs: Any) -> float:
    """Return the root mean square, computed so that no square overflows."""
    largest = float(abs(xs).max(initial=0.0))
    if not 0.0 < largest < math.inf:
        return 1.0
    return largest * math.sqrt(float(((xs / largest) ** 2).mean()))


def _is_scalar(x: Any) -> bool:
    """Tell whether something is a NumPy float or an array of floats without dimensions."""
    return getattr(x, "shape", None) == () and x.dtype.kind == "f"


def _is_array(x: Any) -> bool:
    """Tell whether something is a plain NumPy array of floats with at least one dimension."""
    return type(x) is numpy().ndarray and bool(x.shape) and x.dtype.kind == "f"


def _bits(arguments: Sequence[Any]) -> bytes:
    """Return a digest of the bits of some arrays."""
    digest = blake2b(digest_size=16)
    for array in arguments:
        digest.update(array.tobytes())
    return digest.digest()


def _like(x: Any, data: float) -> Any:
    """Make a number of the type of another."""
    if not _is_scalar(x):
        return data
    np = numpy()
    return x.dtype.type(data) if isinstance(x, np.generic) else np.array(data, x.dtype)


def _refilled(parts: list[Any], data: Any) -> list[Any]:
    """Make parts of the same structure and types, with other numbers."""
    place = 0

    def number(path: str, x: Any) -> Any:
        nonlocal place
        place += 1
        return _like(x, float(data[place - 1]))

    def array(path: str, x: Any) -> Any:
        nonlocal place
        place += x.size
        dtype = x.dtype if x.dtype.kind == "f" else float
        return data[place - x.size : place].reshape(x.shape).astype(dtype)

    made: list[Any] = structure.visited(parts, "", structure.Visit(number, array, number))
    return made


def _is_number(x: Any) -> bool:
    return not isinstance(x, (Mapping, list, tuple)) and not getattr(x, "shape", ())


def _size(argument: Any) -> int:
    return sum(math.prod(getattr(leaf, "shape", ())) for leaf in flatten(argument)[0])


def _matched(
    claimed: Any, like: Any, what: str, of: str, is_whole: Callable[[Any], bool]
) -> list[tuple[Any, Any, str]]:
    """Pair the parts of a claim with the parts of the arguments or results that they concern.

    Args:
        claimed: The claim, in the structure of `like`.
        like: The arguments or results.
        what: The name of the claim, for the error.
        of: "argument" or "result".
        is_whole: Tells for a list in `like` whether its claim is one array.

    Returns:
        For each part, the claim, what it concerns, and its path.
    """
    kinds = {"argument": "derivatives with respect to", "result": "the derivatives of"}
    found: list[tuple[Any, Any, str]] = []
    waiting = [(claimed, like, what)]
    while waiting:
        claimed, like, what = waiting.pop()
        if isinstance(like, Mapping):
            _require_keys(claimed, like, what, of)
            parts = [(claimed[key], part, f"{what}[{key!r}]") for key, part in like.items()]
        elif isinstance(like, (list, tuple)) and not is_whole(like):
            if hasattr(claimed, "toarray"):  # a sparse matrix
                claimed = claimed.toarray()
            _require_length(claimed, len(like), what, f"{kinds[of]} {len(like)} {of}s")
            pairs = enumerate(zip(claimed, like, strict=True))
            parts = [(part, each, f"{what}[{i}]") for i, (part, each) in pairs]
        else:
            found.append((claimed, like, what))
            continue
        waiting += reversed(parts)
    return found


def _require_length(claimed: Any, length: int, what: str, holds: str) -> None:
    if not hasattr(claimed, "__len__") or len(claimed) != length:
        raise ValueError(
            f"gradcheck: {what} must hold {holds}, a sequence with one part for each, got "
            f"{shown(claimed)}"
        )


def _require_keys(claimed: Any, like: Mapping[Any, Any], what: str, kind: str) -> None:
    if not isinstance(claimed, Mapping) or claimed.keys() != like.keys():
        raise ValueError(
            f"gradcheck: {what} must be a dictionary with the keys {list(like)}, as the {kind} "
            f"is, got {shown(claimed)}"
        )


def _are_numbers(parts: Any) -> bool:
    return all(map(_is_number, parts))


def _block(claimed: Any, argument: Any, rows: int, what: str) -> Any:
    """Read the derivatives of some results with respect to the numbers of one argument."""
    matched = _matched(claimed, argument, what, "argument", _are_numbers)
    blocks = [_block_of_array(part, each, rows, name) for part, each, name in matched]
    return numpy().hstack(blocks or [numpy().empty((rows, 0))])


def _block_of_array(claimed: Any, argument: Any, rows: int, what: str) -> Any:
    np = numpy()
    if argument is None:
        return np.empty((rows, 0))
    count = _size(argument)
    if hasattr(claimed, "toarray"):  # a sparse matrix
        claimed = claimed.toarray()
    if claimed is None:
        raise TypeError(f"gradcheck: {what} is None; is there a return missing?")
    refuse_mask(what, claimed)
    array = None
    try:
        given = np.asarray(claimed)
        if given.dtype.kind in "fiuO":
            array = np.array(given, dtype=float)  # a copy: the user may write to the original
    except OverflowError:
        raise OverflowError(f"gradcheck: {what} holds a number too large for a float") from None
    except (TypeError, ValueError):
        pass  # reported below
    if array is None:
        raise TypeError(f"gradcheck: {what} must be made of real numbers, got {shown(claimed)}")
    if array.size != rows * count or (
        array.ndim == 2 and rows > 1 and count > 1 and array.shape == (count, rows) != (rows, count)
    ):
        expected = f"{count}" if rows == 1 else f"{rows} x {count}"
        raise ValueError(
            f"gradcheck: {what} has the shape {array.shape}; of {counted(rows, 'result')} and "
            f"{counted(count, 'input')} it takes {expected} numbers"
            + ("; is it transposed?" if array.shape == (count, rows) else "")
        )
    return array.reshape(rows, count)


def _flat(result: Any, what: str) -> Any:
    """Return the numbers of a result as one array."""
    np = numpy()
    pieces: list[Any] = []

    def number(path: str, x: Any) -> None:
        ((_, data),) = structure.outputs(x, what)
        pieces.append(np.array([float(structure.number_of(data))]))

    def array(path: str, x: Any) -> None:
        if x.dtype.kind not in "fiu":
            structure.outputs(x, what)  # raises an error that says what is wrong
        pieces.append(np.asarray(x, float).ravel())

    if _is_array(result):  # as are most results
        return np.asarray(result, float).flatten()
    structure.visited(result, "", structure.Visit(number, array, number))
    return np.concatenate(pieces) if pieces else np.empty(0)


def _epsilon(result: Any) -> float:
    """Return the distance from 1 to the next number, in the coarsest type in a result."""
    dtypes = [getattr(leaf, "dtype", None) for leaf in flatten(result)[0]]
    kinds = {dtype for dtype in dtypes if dtype is not None and dtype.kind == "f"}
    return max([EPSILON, *[float(numpy().finfo(dtype).eps) for dtype in kinds]])


def _rows(claimed: Any, result: Any, point: Point, what: str) -> Any:
    """Read a gradient or Jacobian: a row for each number of the result.

    The parts of the result come first, as in `autograd.jacobian`: a claim has the lists, tuples and
    dictionaries of the result, with those of the arguments in place of each number or array. If
    there is only one argument, of numbers or an array, a list of numbers may have a matrix.
    """
    matched = _matched(
        claimed, result, what, "result", lambda parts: point.is_flat and _are_numbers(parts)
    )
    blocks = [point.like(part, _size(each), name) for part, each, name in matched]
    return numpy().vstack(blocks or [numpy().empty((0, point.data.size))])


# --- claims --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Known:
    """What is known about a function, whatever derivative is claimed for it.

    Attributes:
        values: Its numbers, by the bits of its arguments, if those are arrays.
        estimates: Its partial derivatives by differences, by the numbers of input and result.
    """

    values: dict[bytes, Any] = field(default_factory=dict)
    estimates: dict[tuple[int, int], Estimate] = field(default_factory=dict)


class Claimed:
    """A derivative claimed for a function at a point, in whatever form.

    Attributes:
        point: The point.
        value: The function's numbers there.
        names: The paths to them.
        calls: The number of calls of the function.
        has_rows: Whether the derivatives of one result are available without those of all.
        known: What is known about the function.

    Args:
        f: The function.
        arguments: Its arguments by name.
        kind: "gradient" for a gradient or Jacobian; "vjp" and "jvp" for products with one.
        claim: A function that gives it, of the arguments followed by any vectors; for a gradient,
            also the numbers themselves, or True if `f` returns the pair of both.
        name: The name of the function.
        known: What is known about the function, if it is shared with other claims.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        arguments: Mapping[str, Any],
        kind: Claim,
        claim: Any,
        name: str,
        known: Known | None = None,
    ) -> None:
        with structure.errors_of("gradcheck"):
            self.point = Point(arguments)
        self.name = name
        self.calls = 0
        self._f, self._kind, self._claim = f, kind, claim
        # In coarse arithmetic the same point is often met again.
        self._keeps = self.point.are_arrays and (known is not None or self.point.epsilon > EPSILON)
        self.known = Known() if known is None else known
        self._pair = kind == "gradient" and claim is True
        self.has_rows = kind != "jvp"
        if not self.point.data.size:
            raise TypeError("gradcheck: there is no float among the arguments of the function")
        for i, x in enumerate(self.point.data):
            if not math.isfinite(x):
                raise ValueError(
                    f"gradcheck: {self.point.path(i)} is {float(x)!r}: a derivative is taken at a "
                    "finite point"
                )
        given = self.point.arguments(self.point.data)
        result = f(*given)
        self.calls += 1
        if self._pair:
            if not isinstance(result, (tuple, list)) or len(result) != 2:
                raise TypeError(
                    f"gradcheck: {name} must return its value and gradient, as gradient=True says, "
                    f"got {shown(result)}"
                )
            result, claim = result
        self._result = result
        self.value = _flat(result, name)
        self.names = [path for path, _ in structure.outputs(result, name)]
        if not self.value.size:
            raise TypeError(f"{name} returned no number; is there a return missing?")
        self.epsilon = max(self.point.epsilon, _epsilon(result))
        if kind == "gradient":
            if callable(claim):
                claim = claim(*self.point.arguments(self.point.data))
            self._rows = _rows(claim, result, self.point, "the gradient")

    def at(self, data: Any) -> Any:
        """Return the function's numbers at another point.

        Known numbers need no second call.

        Raises:
            ValueError: It raises an exception there, or returns numbers that differ from those at
                the point.
        """
        given = self.point.arguments(data)
        known = self.known.values
        key = _bits(given) if self._keeps else b""
        if key in known:
            return known[key]
        self.calls += 1
        try:
            with numpy().errstate(all="ignore"):
                result = self._f(*given)
            value = _flat(result[0] if self._pair else result, self.name)
        except Exception as error:  # the function's own, at a point that the user did not pass
            if numpy().array_equal(data, self.point.data):
                raise
            raise ValueError("it is not defined there") from error
        if value.size != self.value.size:
            raise ValueError("it has other numbers there")
        if self._keeps and len(known) * value.size < _KEPT:
            known[key] = value
        return value

    def sizes_along(self, direction: Any) -> Any:
        """Return how much each result changes along a direction by the claim; 0 if unknown."""
        if self._kind == "gradient":
            return abs(self._rows) @ abs(direction)
        return numpy().zeros(self.value.size)

    def row(self, weights: Any) -> Any:
        """Return the claimed gradient of a weighted sum of the results; None for a jvp."""
        if self._kind == "gradient":
            return weights @ self._rows
        return self._pulled_back(weights, _PROBE) if self.has_rows else None

    def column(self, direction: Any) -> Any:
        """Return what a jvp claims along a direction: an array with a number for each result."""
        return self._pushed_forward(direction, _PROBE)

    def _pulled_back(self, weights: Any, probe: float) -> Any:
        """Multiply the Jacobian by the probe times a vector, and divide by the probe."""
        (cotangent,) = _refilled([self._result], probe * weights)
        given = self.point.arguments(self.point.data)
        return self.point.like(self._claim(*given, cotangent), 1, "vjp")[0] / probe

    def _pushed_forward(self, direction: Any, probe: float) -> Any:
        given = self.point.arguments(self.point.data)
        slopes = _flat(self._claim(*given, *self.point.arguments(probe * direction)), "jvp")
        if slopes.size != self.value.size:
            raise ValueError(
                f"gradcheck: jvp returned {slopes.size} numbers for {self.value.size} results"
            )
        return slopes / probe

    @property
    def ignores_vectors(self) -> bool:
        """Whether a product with a vector is the same at any length of the vector."""
        if self._kind == "gradient":
            return False
        product = self._pulled_back if self._kind == "vjp" else self._pushed_forward
        ones = numpy().ones((self.value if self._kind == "vjp" else self.point.data).size)
        first, second = (probe * product(ones, probe) for probe in (1.0, _PROBE))
        return bool(first.any() and (first == second).all())

    def paired(self, weights: Any) -> Callable[[Any], tuple[float, float]]:
        """Return the claimed derivative of a weighted sum of the results along a direction.

        Args:
            weights: A weight for each result.

        Returns:
            A function of the direction: the claimed derivative, and the sum of its terms' sizes.
        """
        row = self.row(weights)
        if row is not None:
            return lambda direction: (
                sum_of_products(row, direction), sum_of_products(abs(row), abs(direction)),
            )  # fmt: skip

        def along(direction: Any) -> tuple[float, float]:
            slopes = self.column(direction)
            size = sum_of_products(abs(weights), abs(slopes))
            return sum_of_products(weights, slopes), math.sqrt(direction.size) * size

        return along


def sum_of_products(xs: Any, ys: Any) -> float:
    """Sum products, where 0 times anything is 0: most of a direction may be 0."""
    used = (xs != 0.0) & (ys != 0.0)
    return float((xs[used] * ys[used]).sum())
