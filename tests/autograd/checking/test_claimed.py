"""Nested arguments as one array, and derivatives that are claimed in any form as rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.checking.claimed import EPSILONS, Claimed, Point, sum_of_products

NESTED: dict[str, Any] = {
    "x": 1.5,
    "w": np.array([[1.0, -2.0, 2.0], [0.0, 4.0, -4.0]]),
    "p": {"a": [3.0, np.float32(4.0)], "b": (np.array(5.0), None, np.empty(0))},
}


def test_the_numbers_of_nested_arguments_and_their_paths() -> None:
    point = Point(NESTED)
    assert point.names == ["x", "w", "p"]
    assert point.data.tolist() == [1.5, 1.0, -2.0, 2.0, 0.0, 4.0, -4.0, 3.0, 4.0, 5.0]
    assert [point.path(i) for i in range(10)] == [
        "x", "w[0, 0]", "w[0, 1]", "w[0, 2]", "w[1, 0]", "w[1, 1]", "w[1, 2]",
        "p['a'][0]", "p['a'][1]", "p['b'][0]",
    ]  # fmt: skip
    assert point.matrices == [("w", 1, (2, 3))]
    assert point.epsilon == 2.0**-23


def test_how_large_numbers_are_where_they_stand() -> None:
    scales = Point(NESTED).scales
    assert scales[[0, 7, 8, 9]].tolist() == [1.5, 3.0, 4.0, 5.0]
    assert scales[1:7] == pytest.approx(math.sqrt(41.0 / 6.0))
    zeros = Point({"x": np.zeros(3), "y": 0.0, "z": np.array([1e-200, 1e-200])}).scales
    assert zeros.tolist() == [1.0, 1.0, 1.0, 1.0, 1e-200, 1e-200]
    assert Point({"x": np.array([math.nan, 1.0])}).scales.tolist() == [1.0, 1.0]


def test_arguments_are_made_anew_of_their_kinds() -> None:
    x, w, p = Point(NESTED).arguments(np.arange(10.0))
    assert (x, type(x)) == (0.0, float)
    assert w.tolist() == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    assert p["a"] == [7.0, 8.0]
    assert [type(each) for each in p["a"]] == [float, np.float32]
    assert isinstance(p["b"], tuple)
    assert (p["b"][0].shape, p["b"][0].item(), p["b"][1]) == ((), 9.0, None)


@pytest.mark.parametrize(
    ("arguments", "is_flat"),
    [
        ({"x": 1.0}, True),
        ({"x": [1.0, 2.0]}, True),
        ({"x": np.ones((2, 2))}, True),
        ({"x": np.array(1.0)}, True),
        ({"x": [np.ones(2)]}, False),
        ({"x": [[1.0]]}, False),
        ({"x": {"a": 1.0}}, False),
        ({"x": 1.0, "y": 2.0}, False),
    ],
)
def test_one_argument_of_numbers_is_flat(arguments: Any, is_flat: bool) -> None:
    assert Point(arguments).is_flat is is_flat


@pytest.mark.parametrize("bad", [np.array([1, 2]), np.array([1j]), [True], "x", 3])
def test_what_is_no_float_is_refused(bad: Any) -> None:
    with pytest.raises(TypeError, match="x"):
        Point({"x": bad})


def test_models_are_refused() -> None:
    class Model:
        def named_parameters(self) -> Any:
            return iter(())

    with pytest.raises(TypeError, match="x is a model: pass its parameters as separate arguments"):
        Point({"x": Model()})


# --- claims --------------------------------------------------------------------------------------

JACOBIAN = np.array([[1.0, -2.0, 0.5], [3.0, 0.0, 4.0]])
DATA = np.array([1.0, 2.0, 3.0])


def linear(x: Any) -> Any:
    return JACOBIAN @ x


def claimed(kind: str) -> Claimed:
    claims: dict[str, Any] = {
        "gradient": lambda x: JACOBIAN,
        "vjp": lambda x, w: w @ JACOBIAN,
        "jvp": lambda x, v: JACOBIAN @ v,
    }
    return Claimed(linear, {"x": DATA}, kind, claims[kind], "f")  # type: ignore[arg-type]


vectors = st.lists(st.integers(-8, 8).map(float), min_size=3, max_size=3).map(np.array)


@pytest.mark.parametrize("kind", ["gradient", "vjp", "jvp"])
@given(direction=vectors, weights=vectors)
def test_every_form_gives_the_same_products(kind: str, direction: Any, weights: Any) -> None:
    claim, weights = claimed(kind), weights[:2]
    found, size = claim.paired(weights)(direction)
    assert found == weights @ JACOBIAN @ direction
    assert size >= abs(found)
    if kind == "jvp":
        assert claim.row(weights) is None
        assert not claim.has_rows
        assert claim.column(direction).tolist() == (JACOBIAN @ direction).tolist()
    else:
        assert claim.has_rows
        assert claim.row(weights).tolist() == (weights @ JACOBIAN).tolist()
    assert not claim.ignores_vectors


@pytest.mark.parametrize("kind", ["gradient", "vjp", "jvp"])
def test_what_a_claim_tells_of_sizes(kind: str) -> None:
    sizes = claimed(kind).sizes_along(np.array([-1.0, 1.0, 2.0]))
    assert sizes.tolist() == ([4.0, 11.0] if kind == "gradient" else [0.0, 0.0])


@pytest.mark.parametrize(("kind", "form"), [("vjp", np.ones((1, 3))), ("jvp", np.ones(2))])
def test_products_that_ignore_their_vectors(kind: Any, form: Any) -> None:
    def constant(x: Any, vector: Any) -> Any:
        return form

    def nothing(x: Any, vector: Any) -> Any:
        return 0.0 * form

    assert Claimed(linear, {"x": DATA}, kind, constant, "f").ignores_vectors
    assert not Claimed(linear, {"x": DATA}, kind, nothing, "f").ignores_vectors


def test_the_function_elsewhere() -> None:
    claim = claimed("gradient")
    assert claim.value.tolist() == (JACOBIAN @ DATA).tolist()
    assert claim.names == ["[0]", "[1]"]
    assert claim.at(np.zeros(3)).tolist() == [0.0, 0.0]
    assert claim.calls == 2

    def f(x: Any) -> Any:
        if x[0] > 1.0:
            raise OSError("no solution")
        return x[: int(x[1])]

    claim = Claimed(f, {"x": DATA}, "gradient", np.eye(3)[:2], "f")
    with pytest.raises(ValueError, match="not defined there"):
        claim.at(np.array([2.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match="other numbers"):
        claim.at(np.array([1.0, 3.0, 3.0]))


def test_a_function_that_returns_both() -> None:
    claim = Claimed(lambda x: (linear(x), JACOBIAN), {"x": DATA}, "gradient", True, "f")
    assert claim.value.tolist() == (JACOBIAN @ DATA).tolist()
    assert claim.row(np.array([1.0, 0.0])).tolist() == JACOBIAN[0].tolist()
    assert claim.at(2.0 * DATA).tolist() == (2.0 * JACOBIAN @ DATA).tolist()
    for bad in (1.0, (1.0,), (1.0, 2.0, 3.0)):
        with pytest.raises(TypeError, match="as gradient=True says"):
            Claimed(lambda x, bad=bad: bad, {"x": DATA}, "gradient", True, "f")


@pytest.mark.parametrize(
    ("f", "epsilon"),
    [
        (lambda x: x[0], 2.0**-52),
        (lambda x: np.float32(x[0]), 2.0**-23),
        (lambda x: [x[0], x.astype(np.float16)], 2.0**-10),
        (lambda x: {"a": np.float32(x[0])}, 2.0**-23),
        (lambda x: 3, 2.0**-52),
        (lambda x: np.array([1, 2]), 2.0**-52),
    ],
)
def test_the_coarsest_kind_of_number_among_results(f: Any, epsilon: float) -> None:
    assert Claimed(f, {"x": DATA}, "vjp", None, "f").epsilon == epsilon


@pytest.mark.parametrize(
    "result", [1j, np.array([1.0, 1j]), "a", np.array(["a"]), [1.0, {"b": "a"}]]
)
def test_results_that_are_no_real_numbers_are_refused(result: Any) -> None:
    with pytest.raises(TypeError, match=r"^the_function returned"):
        Claimed(lambda x: result, {"x": DATA}, "vjp", None, "the_function")


def test_a_matrix_may_lie_down_where_there_is_but_one_input() -> None:
    for claim in (np.ones((3, 1)), np.ones((1, 3)), np.ones(3)):
        found = Claimed(lambda x: x * np.ones(3), {"x": 2.0}, "gradient", claim, "f")
        assert found.row(np.arange(3.0)).tolist() == [3.0]
    with pytest.raises(ValueError, match=r"is it transposed\?"):
        Claimed(linear, {"x": DATA}, "gradient", JACOBIAN.T, "f")


def test_the_precisions() -> None:
    kinds: dict[str, Any] = {"double": np.float64, "single": np.float32, "half": np.float16}
    assert {k: EPSILONS[k] for k in kinds} == {k: float(np.finfo(v).eps) for k, v in kinds.items()}
    assert EPSILONS["bfloat16"] == 2.0**-7  # seven bits behind the point


def test_zero_times_anything_is_0() -> None:
    xs, ys = np.array([0.0, 2.0, math.inf]), np.array([math.nan, 3.0, 0.0])
    assert sum_of_products(xs, ys) == 6.0


@given(
    xs=st.lists(st.floats(-10.0, 10.0), min_size=1, max_size=30),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_arguments_that_coarse_numbers_cannot_tell_apart_are_evaluated_once(
    xs: list[float], dtype: Any
) -> None:
    seen: list[bytes] = []

    def f(x: Any) -> Any:
        seen.append(x.tobytes())
        return np.tanh(x) * [1.0, 2.0]

    claim = Claimed(f, {"x": np.ones(1, dtype)}, "vjp", None, "f")
    seen.clear()
    for x in xs * 2:
        given = np.array([x]).astype(dtype)
        assert claim.at(np.array([x])).tolist() == (np.tanh(given) * [1.0, 2.0]).tolist()
    rounded = {np.array([x]).astype(dtype).tobytes() for x in xs}
    assert set(seen) == rounded
    assert len(seen) == (2 * len(xs) if dtype is np.float64 else len(rounded))
    assert claim.calls == len(seen) + 1


def test_what_is_not_defined_is_asked_again() -> None:
    def f(x: Any) -> float:
        return 1.0 / math.sqrt(x.item())

    claim = Claimed(f, {"x": np.ones(1, np.float32)}, "vjp", None, "f")
    for _ in range(2):
        with pytest.raises(ValueError, match="it is not defined there"):
            claim.at(np.array([-1.0]))
    assert claim.calls == 3


@pytest.mark.no_cover
def test_what_is_kept_takes_little_memory() -> None:
    def f(x: Any) -> Any:
        return np.full(2**19, x.item())

    claim = Claimed(f, {"x": np.ones(1, np.float32)}, "vjp", None, "f")
    for _ in range(2):
        for x in (2.0, 3.0, 4.0):
            assert claim.at(np.array([x]))[0] == x
    assert claim.calls == 1 + 3 + 1
