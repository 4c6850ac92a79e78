"""What frameworks compute, as claims: of one array or several, to one array or several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from autograd.checking.claims import check_claims
from autograd.testing import frameworks

A, B = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, -1.5])
FUNCTIONS: dict[tuple[int, int], Any] = {
    (1, 1): lambda a: [a**2],
    (1, 2): lambda a: [a**2, a.sum(0)],
    (2, 1): lambda a, b: [a @ b],
    (2, 2): lambda a, b: [a @ b, np.array(b.sum())],
}


def products(count: int, results: int, factor: float) -> tuple[Any, Any, list[Any]]:
    """Give the products of the right Jacobian, times a factor, found by complex steps."""
    arrays = [A, B][:count]
    f = FUNCTIONS[count, results]

    def pushed_forward(vectors: Sequence[Any]) -> list[Any]:
        moved = [x + 1e-30j * v for x, v in zip(arrays, vectors, strict=True)]
        return [factor * y.imag / 1e-30 for y in f(*moved)]

    def pulled_back(vectors: Sequence[Any]) -> list[Any]:
        found = [np.empty(x.shape) for x in arrays]
        for array, slopes in zip(arrays, found, strict=True):
            for place in np.ndindex(array.shape):
                unit = [np.zeros(x.shape) for x in arrays]
                next(u for u, x in zip(unit, arrays, strict=True) if x is array)[place] = 1.0
                pushed = pushed_forward(unit)
                slopes[place] = sum(np.sum(w * y) for w, y in zip(vectors, pushed, strict=True))
        return found

    return pulled_back, pushed_forward, arrays


@pytest.mark.parametrize(("count", "results"), FUNCTIONS)
@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_both_modes_are_claims(count: int, results: int, factor: float) -> None:
    pulled_back, pushed_forward, arrays = products(count, results, factor)

    def evaluate(arrays: Sequence[Any]) -> Any:
        return FUNCTIONS[count, results](*arrays)

    named = dict(zip("ab", arrays, strict=False))
    for mode in ({"pulled_back": pulled_back}, {"pushed_forward": pushed_forward}):
        (claimed,) = frameworks.claims("f", named, evaluate, **mode)
        assert claimed.name == ("f" if "pulled_back" in mode else "f (forward mode)")
        check = check_claims([claimed], raise_exception=False)
        assert check.outcome == ("passed" if factor == 1.0 else "failed"), check
    both = frameworks.claims(
        "f", named, evaluate, pulled_back=pulled_back, pushed_forward=pushed_forward
    )
    assert [claimed.name for claimed in both] == ["f", "f (forward mode)"]
    assert [*frameworks.claims("f", named, evaluate)] == []


def test_both_modes_are_held_to_the_same_differences() -> None:
    pulled_back, pushed_forward, (a,) = products(1, 1, 1.0)
    seen: list[bytes] = []

    def evaluate(arrays: Sequence[Any]) -> Any:
        seen.append(arrays[0].tobytes())
        return FUNCTIONS[1, 1](*arrays)

    both = [
        *frameworks.claims(
            "f", {"a": a}, evaluate, pulled_back=pulled_back, pushed_forward=pushed_forward
        )
    ]
    seen.clear()
    assert check_claims(both)
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3), (0,)])
def test_weights_are_apart_and_of_the_shape(shape: tuple[int, ...]) -> None:
    found = frameworks.weights(shape)
    assert found.shape == shape
    assert np.unique(found).size == found.size
    assert ((found >= 0.5) & (found <= 2.5)).all()


@pytest.mark.parametrize("precision", [None, "double", "half"])
@pytest.mark.parametrize("has_bfloat16", [False, True])
def test_what_the_user_says_of_precision_holds(precision: Any, has_bfloat16: bool) -> None:
    seen = "bfloat16" if has_bfloat16 else None
    assert frameworks.coarsest(precision, has_bfloat16) == (precision or seen)
