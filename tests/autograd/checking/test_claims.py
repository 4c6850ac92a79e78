"""Claimed derivatives of any functions: right ones pass, wrong ones are found and named."""

from __future__ import annotations

import dataclasses
import math
import re
import warnings
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import rosen, rosen_der, rosen_hess, rosen_hess_prod

from autograd import gradcheck, jacobian
from autograd.checking import Derivative, GradientError
from autograd.checking.claimed import Claimed
from autograd.checking.claims import _Search

X = np.array([1.3, 0.7, 0.8, 1.9, 1.2])


def mixed(count: int, seed: int) -> tuple[Callable[[Any], Any], Callable[[Any], Any], Any]:
    """A function of an array to an array of three, its Jacobian, and a point."""
    random = np.random.default_rng(seed)
    weights, slopes = random.normal(size=(3, count)) / math.sqrt(count), random.normal(size=count)

    def f(x: Any) -> Any:
        return (
            np.tanh(weights.astype(x.dtype) @ x)
            + np.sum(np.sin(x) * slopes.astype(x.dtype)) / count
        )

    def jacobian(x: Any) -> Any:
        A, b = weights.astype(x.dtype), slopes.astype(x.dtype)  # noqa: N806
        return (1.0 - np.tanh(A @ x) ** 2)[:, None] * A + np.cos(x) * b / count

    return f, jacobian, random.normal(size=count)


def failed(f: Any, *inputs: Any, **claims: Any) -> Any:
    with pytest.raises(GradientError) as raised:
        gradcheck(f, *inputs, **claims)
    return raised.value.result


# --- right ones ----------------------------------------------------------------------------------


@pytest.mark.no_cover
@settings(max_examples=settings().max_examples // 6)
@given(
    seed=st.integers(0, 10**6),
    count=st.sampled_from([1, 3, 20]),
    dtype=st.sampled_from([np.float64, np.float32]),
    factor=st.sampled_from([1.0, 1.5]),
)
def test_claims_are_judged_together_as_each_by_itself(
    seed: int, count: int, dtype: Any, factor: float
) -> None:
    f, jacobian, x = mixed(count, seed)
    claims: dict[str, Any] = {
        "gradient": jacobian,
        "vjp": lambda x, w: factor * w @ jacobian(x),
        "jvp": lambda x, v: jacobian(x) @ v,
    }
    x = x.astype(dtype)
    calls: list[int] = []

    def counted(x: Any) -> Any:
        calls[-1] += 1
        return f(x)

    checks = []
    for kind in claims:
        calls.append(0)
        checks.append(gradcheck(counted, x, raise_exception=False, **{kind: claims[kind]}))
    calls.append(0)
    together = gradcheck(counted, x, raise_exception=False, **claims)
    if factor == 1.0:
        derivatives = [repr(d) for check in checks for d in check.derivatives]
        assert [repr(d) for d in together.derivatives] == derivatives
    else:
        assert together.outcome == checks[1].outcome == "failed"
        assert list(map(repr, together.derivatives)) == list(map(repr, checks[1].derivatives))
    if count <= 12:  # beyond, directions are drawn anew
        assert calls[-1] <= calls[0] + 4


@pytest.mark.no_cover
@pytest.mark.parametrize("count", [1, 2, 5, 12, 13, 40, 1000])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@settings(max_examples=settings().max_examples // 15)
@given(seed=st.integers(0, 10**6))
def test_a_right_jacobian_is_never_called_wrong(count: int, dtype: Any, seed: int) -> None:
    f, jacobian, x = mixed(count, seed)
    check = gradcheck(f, x.astype(dtype), gradient=jacobian)
    if dtype is np.float64:
        assert check, check


@pytest.mark.parametrize("count", [3, 40])
def test_every_form_of_one_claim_passes(count: int) -> None:
    f, jacobian, x = mixed(count, 1)
    forms: list[dict[str, Any]] = [
        {"gradient": jacobian},
        {"gradient": jacobian(x)},
        {"gradient": jacobian(x).tolist()},
        {"gradient": lambda x: sparse.csr_array(jacobian(x))},
        {"vjp": lambda x, w: w @ jacobian(x)},
        {"jvp": lambda x, v: jacobian(x) @ v},
    ]
    for form in forms:
        assert gradcheck(f, x, **form), form


def test_the_pairs_of_scipy_are_taken_as_they_are() -> None:
    assert gradcheck(rosen, X, gradient=rosen_der, hessian=rosen_hess, hvp=rosen_hess_prod)
    assert gradcheck(lambda x: (rosen(x), rosen_der(x)), X, gradient=True, hessian=rosen_hess)
    wrong = failed(rosen, X, gradient=rosen_der, hessian=lambda x: rosen_hess(x) + np.eye(5))
    assert wrong.function == "∇rosen"
    wrong = failed(rosen, X, gradient=rosen_der, hvp=lambda x, v: 2.0 * rosen_hess_prod(x, v))
    assert "each is 2 times what it should be" in str(wrong)


def test_arguments_may_be_nested() -> None:
    def loss(w: Any, parameters: dict[str, Any], scale: float) -> Any:
        residual = w @ np.array([1.0, 2.0]) + parameters["b"]
        return scale * np.sum(residual**2) + parameters["more"][0] * parameters["more"][1]

    def gradient(w: Any, parameters: dict[str, Any], scale: float) -> Any:
        residual = w @ np.array([1.0, 2.0]) + parameters["b"]
        more = parameters["more"]
        return (
            2.0 * scale * residual[:, None] * np.array([1.0, 2.0]),
            {"b": 2.0 * scale * residual, "more": [more[1], more[0]]},
            np.sum(residual**2),
        )

    point = (np.ones((3, 2)), {"b": np.zeros(3), "more": [1.5, -2.0]}, 2.0)
    assert gradcheck(loss, *point, gradient=gradient)
    by_name = {"w": 0, "parameters": 1, "scale": 2}
    assert gradcheck(
        loss, *point, gradient=lambda *xs: {k: gradient(*xs)[i] for k, i in by_name.items()}
    )

    def without(*xs: Any) -> Any:
        w, parameters, scale = gradient(*xs)
        return w, {**parameters, "more": [0.0, parameters["more"][1]]}, scale

    wrong = failed(loss, *point, gradient=without)
    assert wrong.worst.input == "parameters['more'][0]"
    assert wrong.worst.numerical == pytest.approx(-2.0)
    assert "it is 0 where it should not be" in str(wrong)


def test_results_may_be_nested() -> None:
    def f(x: Any) -> dict[str, Any]:
        return {"a": x[0] * x[1], "b": [np.sin(x), x[0] ** 2]}

    def jacobian(x: Any) -> dict[str, Any]:
        return {"a": [x[1], x[0]], "b": [np.diag(np.cos(x)), [2.0 * x[0], 0.0]]}

    x = np.array([0.5, -1.5])
    assert gradcheck(f, x, gradient=jacobian)
    wrong = failed(f, x, gradient=lambda x: {**jacobian(x), "a": [x[1], -x[0]]})
    assert (wrong.worst.output, wrong.worst.input) == ("['a']", "x[1]")


# Functions to results and of arguments of every structure: the Jacobian has the form that our own
# `jacobian` gives it.
@pytest.mark.parametrize(
    ("f", "arguments"),
    [
        (lambda x, y: x * y**2, (2.0, 3.0)),
        (lambda x, y: [x * y, x + y, x / y], (2.0, 3.0)),
        (lambda x, y: (x * y, x + y), (2.0, 3.0)),
        (lambda x, y: {"a": x * y, "b": [x, y**2]}, (2.0, 3.0)),
        (lambda x, y: [x * y, {"b": (x**3, y)}], (2.0, 3.0)),
        (lambda p: [p["a"][0] * p["b"], p["b"] ** 2], ({"a": [1.0, 2.0], "b": 3.0},)),
        (lambda x: [x[0] * x[1], x[1] ** 2, x[0]], ([1.0, 2.0],)),
        (lambda x: [x[0] * x[1], x[1] ** 2, x[0]], (np.array([1.0, 2.0]),)),
        (lambda x, y: [x[0] * y, x[1] * x[0] * y], (np.array([1.0, 2.0]), 3.0)),
        (lambda x, y: [x[0] * y[1], x[1] * y[0]], ([1.0, 2.0], (3.0, 4.0))),
        (lambda x: [x[0][0] * x[1], x[0][1] ** 2], ([(1.0, 2.0), 3.0],)),
        (lambda x: x * x[::-1], (np.array([1.0, 2.0, 3.0]),)),
    ],
)
def test_a_jacobian_has_the_form_that_our_own_has(f: Any, arguments: tuple[Any, ...]) -> None:
    places = 0 if len(arguments) == 1 else tuple(range(len(arguments)))
    own = jacobian(f, places)
    assert gradcheck(f, *arguments, gradient=own), gradcheck(f, *arguments, gradient=own)
    if len(arguments) > 1 or isinstance(arguments[0], dict):
        named = failed(f, *arguments, gradient=lambda *xs: doubled(own(*xs)))
        assert "each is 2 times what it should be" in str(named)


def doubled(structure: Any) -> Any:
    if isinstance(structure, dict):
        return {key: doubled(part) for key, part in structure.items()}
    if isinstance(structure, (list, tuple)):
        return [doubled(part) for part in structure]
    return 2.0 * structure


@pytest.mark.parametrize("make", [np.float32, lambda x: np.array(x, np.float32)])
def test_numbers_of_numpy_stay_of_their_kind(make: Any) -> None:
    kinds = set()

    def f(x: Any) -> Any:
        kinds.add((type(x), x.dtype))
        return x * x

    x = make(1.5)
    assert gradcheck(f, x, gradient=3.0)
    assert kinds == {(type(x), x.dtype)}


def test_floats_without_arrays() -> None:
    assert gradcheck(lambda x, y: x * y**2, 3.0, 2.0, gradient=lambda x, y: (y * y, 2.0 * x * y))
    assert gradcheck(math.exp, 1.0, gradient=math.exp)
    assert failed(math.exp, 1.0, gradient=2.0).worst.numerical == pytest.approx(math.e)


# --- wrong ones ----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["gradient", "vjp", "jvp"])
@pytest.mark.parametrize("count", [5, 100])
@settings(max_examples=settings().max_examples // 4)
@given(seed=st.integers(0, 10**6), data=st.data())
def test_one_wrong_entry_is_named(form: str, count: int, seed: int, data: st.DataObject) -> None:
    f, jacobian, x = mixed(count, seed)
    i, j = data.draw(st.integers(0, count - 1)), data.draw(st.integers(0, 2))
    right = jacobian(x)
    factor = data.draw(st.sampled_from([-1.0, 0.5, 2.0, 1.001]))
    if abs(right[j, i]) < 1e-3:
        return

    def wrong(x: Any) -> Any:
        claimed = jacobian(x)
        claimed[j, i] *= factor
        return claimed

    claims: dict[str, Any] = {
        "gradient": wrong,
        "vjp": lambda x, w: w @ wrong(x),
        "jvp": lambda x, v: wrong(x) @ v,
    }
    check = failed(f, x, **{form: claims[form]})
    named = [d for d in check.derivatives if d.outcome == "failed" and d.output]
    assert [(d.output, d.input) for d in named] == [(f"[{j}]", f"x[{i}]")]
    assert named[0].gradient == pytest.approx(factor * right[j, i])
    assert abs(named[0].numerical - right[j, i]) <= named[0].bound + 1e-12


@pytest.mark.no_cover
def test_a_wrong_entry_among_a_hundred_thousand_takes_some_hundred_evaluations() -> None:
    random = np.random.default_rng(0)
    x, calls = random.normal(size=100_000), 0

    def f(x: Any) -> Any:
        nonlocal calls
        calls += 1
        return np.sum(np.sin(x) * x)

    def gradient(x: Any) -> Any:
        claimed = np.sin(x) + x * np.cos(x)
        claimed[77_777] *= 1.001
        return claimed

    assert failed(f, x, gradient=gradient).worst.input == "x[77777]"
    assert calls < 400


@pytest.mark.parametrize("count", [2, 20])
def test_how_many_evaluations_it_took_is_said(count: int) -> None:
    calls = 0

    def f(x: Any) -> Any:
        nonlocal calls
        calls += 1
        return np.sum(x**2)

    check = failed(f, np.linspace(0.5, 1.5, count), gradient=lambda x: 3.0 * x)
    assert f"found in {calls} evaluations of f" in str(check)


def test_several_wrong_entries_are_named() -> None:
    f, jacobian, x = mixed(50, 3)

    def wrong(x: Any) -> Any:
        claimed = jacobian(x)
        claimed[:, [7, 31]] = 0.0
        return claimed

    check = failed(f, x, gradient=wrong)
    assert {d.input for d in check.derivatives if d.output} == {"x[7]", "x[31]"}
    assert "it is 0 where it should not be" in str(check)
    assert "found by halving a direction (1) through all 50 inputs" in str(check)


@settings(max_examples=settings().max_examples // 10)
@given(seed=st.integers(0, 10**6))
def test_single_precision_finds_what_its_digits_show(seed: int) -> None:
    f, jacobian, x = mixed(6, seed)
    single = x.astype(np.float32)
    check = gradcheck(f, single, gradient=lambda x: 1.5 * jacobian(x), raise_exception=False)
    assert check.outcome == "failed"


@pytest.mark.no_cover
def test_results_that_are_tiny_do_not_leave_the_range_of_half_precision() -> None:
    def f(x: Any) -> Any:
        return x * np.logspace(-6.0, 0.0, 16).astype(x.dtype)

    def vjp(x: Any, w: Any) -> Any:
        assert np.isfinite(w).all()
        assert w.dtype == x.dtype
        return w * np.logspace(-6.0, 0.0, 16).astype(x.dtype)

    x = np.linspace(0.5, 1.5, 16).astype(np.float16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert gradcheck(f, x, vjp=vjp).outcome != "failed"


def test_precision_may_be_given() -> None:
    def f(x: float) -> float:
        return float(np.float32(np.sin(np.float32(x))))

    assert gradcheck(f, 0.5, gradient=lambda x: np.float32(np.cos(x)), precision="single")
    with pytest.raises(ValueError, match=r"'single'.*got 'triple'"):
        gradcheck(f, 0.5, gradient=1.0, precision="triple")  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [3, 30])
@pytest.mark.parametrize("form", ["vjp", "jvp"])
def test_a_product_that_ignores_its_vector_is_wrong(count: int, form: str) -> None:
    x = np.linspace(0.5, 1.5, count)
    claims: dict[str, Any] = {"vjp": lambda x, w: 2.0 * x, "jvp": lambda x, v: np.sum(2.0 * x)}
    check = failed(lambda x: np.sum(x * x), x, **{form: claims[form]})
    assert "the same for every vector that it should be multiplied by" in str(check)


@pytest.mark.parametrize("form", ["gradient", "vjp", "jvp"])
def test_what_is_left_of_terms_that_cancel_is_no_fault(form: str) -> None:
    def f(x: Any) -> Any:
        return x[0] - x[1]

    residue = np.array([1.0, -1.0, 1e-17])
    claims: dict[str, Any] = {
        "gradient": residue, "vjp": lambda x, w: w * residue, "jvp": lambda x, v: residue @ v
    }  # fmt: skip
    x = np.array([1.0, 2.0, 3.0])
    assert gradcheck(f, x, **{form: claims[form]})
    residue[2] = 1e-12
    assert failed(f, x, **{form: claims[form]}).worst.input == "x[2]"


@pytest.mark.parametrize("scale", [1e-9, 1e-6])
def test_what_adds_as_much_as_the_others_is_no_residue(scale: float) -> None:
    def f(large: float, small: float) -> float:
        return large * scale + small

    assert gradcheck(f, 1.0 / scale, 1.0, gradient=(scale, 1.0))
    assert failed(f, 1.0 / scale, 1.0, gradient=(1.001 * scale, 1.0)).worst.input == "large"


def test_inputs_that_are_small_beside_others_like_them_are_told_in_single_precision() -> None:
    x = np.random.default_rng(1).normal(size=1_000).astype(np.float32)
    x[17] = 1e-5

    def f(x: Any) -> Any:
        return np.sum(np.sin(x))

    assert gradcheck(f, x, gradient=np.cos(x))
    wrong = np.cos(x)
    wrong[17] = 0.0
    assert failed(f, x, gradient=wrong).worst.input == "x[17]"


@pytest.mark.parametrize("seed", range(2))
def test_where_single_precision_does_not_tell_one_input_its_neighbours_are_named(seed: int) -> None:
    random = np.random.default_rng(seed)
    x, j = random.normal(size=3_000).astype(np.float32), int(random.integers(3_000))

    def f(x: Any) -> Any:
        return np.log(np.sum(np.exp(x)))

    wrong = np.exp(x) / np.exp(x).sum()
    wrong[j] *= -1.0
    check = failed(f, x, gradient=wrong)
    named = next(d for d in check.derivatives if d.outcome == "failed")
    first, last = (2 * [int(each) for each in re.findall(r"x\[(\d+)\]", named.input)])[:2]
    assert first <= j <= last


# --- functions that are evaluated badly ---------------------------------------------------------


@pytest.mark.no_cover
@settings(max_examples=settings().max_examples // 6)
@given(st.floats(-1.0, 1.0), st.sampled_from([4, 5, 6]))
def test_noise_does_not_hide_what_is_above_it(x: float, decimals: int) -> None:
    def f(x: float) -> float:
        return round(math.sin(x) + 2.0 * x, decimals)

    right = math.cos(x) + 2.0
    assert gradcheck(f, x, gradient=right).outcome == "passed"
    for wrong in (-right, 0.0, 1.5 * right):
        assert failed(f, x, gradient=wrong).outcome == "failed"


def test_a_bound_that_is_as_large_as_the_derivative_decides_nothing() -> None:
    def f(x: float) -> float:
        return round(1e-4 * math.sin(x) + 3.0, 4)

    assert gradcheck(f, 0.5, gradient=0.0).outcome == "undecided"


@pytest.mark.no_cover
@pytest.mark.parametrize("seed", range(8))
def test_in_single_precision_a_flat_derivative_is_decided_beside_steep_ones(seed: int) -> None:
    random = np.random.default_rng(seed)
    slopes = (10.0 ** random.uniform(-3.0, 0.0, 6)).astype(np.float32)
    x = random.uniform(0.5, 2.0, 6).astype(np.float32)

    def f(x: Any) -> Any:
        return np.sum(np.tanh(slopes * x))

    right = slopes / np.cosh(slopes * x) ** 2
    assert gradcheck(f, x, gradient=right), gradcheck(f, x, gradient=right)
    right[2] *= -1.0
    # A derivative can be told from its opposite unless it is practically 0 in this arithmetic.
    check = gradcheck(f, x, gradient=right, raise_exception=False)
    assert check.outcome == ("failed" if abs(right[2]) > 1e-2 else check.outcome)


@pytest.mark.no_cover
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("scale", [2.0**-13, 2.0**-9, 1.0, 2.0**13])
@pytest.mark.parametrize("count", [4, 40])
def test_in_single_precision_the_inputs_may_be_of_any_scale(
    seed: int, scale: float, count: int
) -> None:
    random = np.random.default_rng(seed)
    matrix = random.uniform(-1.0, 1.0, (5, count)).astype(np.float32)
    x = (scale * random.uniform(-2.0, 2.0, count)).astype(np.float32)
    x[1] = 0.0

    def f(x: Any) -> Any:
        return 0.5 * np.sum((matrix @ (x / np.float32(scale)) - 1.0) ** 2)

    right = (matrix @ (x / np.float32(scale)) - 1.0) @ matrix / scale
    assert gradcheck(f, x, gradient=right), gradcheck(f, x, gradient=right)


@pytest.mark.parametrize("x", [5e-324, 1e-300, 1e300, 1.7e308])
def test_inputs_at_the_ends_of_the_range_are_no_error(x: float) -> None:
    def f(x: float) -> float:
        return float(np.float32(np.tanh(x)))

    right = 1.0 if x < 1.0 else 0.0
    assert gradcheck(f, x, gradient=right, raise_exception=False).outcome != "failed"
    many = np.append(np.full(20, x), 1.0)
    assert gradcheck(
        lambda xs: np.sum(np.tanh(xs).astype(np.float32)), many,
        gradient=np.append(np.full(20, right), 1.0 / math.cosh(1.0) ** 2), raise_exception=False,
    ).outcome != "failed"  # fmt: skip


def test_where_every_direction_meets_kinks_each_input_is_looked_at() -> None:
    x = np.concatenate([[0.5], 1.0 + 10.0 ** -np.linspace(2.0, 12.0, 19)])

    def f(x: Any) -> Any:
        return float(np.sin(x[0]) + np.abs(x[1:] - 1.0).sum())

    right = np.ones(20)
    right[0] = math.cos(0.5)
    directions = gradcheck(f, x, gradient=right).derivatives
    assert len(directions) == 20, "one of them was decided"
    right[0] *= 1.01
    check = failed(f, x, gradient=right)
    assert [d.input for d in check.derivatives if d.outcome == "failed"] == ["x[0]"]


# Fourteen inputs, one of them far smaller than the others, or far larger.
@pytest.mark.parametrize("odd", [1e-12, 1e-6, 1e6])
@pytest.mark.parametrize("place", [0, 3])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_an_input_that_is_small_beside_the_others_does_not_pass_unseen(
    odd: float, place: int, dtype: Any
) -> None:
    x, g = np.ones(14, dtype), np.ones(14)
    x[0], g[place] = odd, 5.0
    check = gradcheck(np.sum, x, gradient=g, raise_exception=False)
    assert check.outcome == "failed" or (check.outcome == "undecided" and dtype is np.float32)
    assert gradcheck(np.sum, x, gradient=np.ones(14), raise_exception=False).outcome != "failed"


def test_a_result_that_is_nothing_but_rounding_does_not_hide_the_others() -> None:
    def f(x: Any) -> Any:
        return np.append(x * x, x[0] - 1.0 - 1e-14)

    last = np.eye(13)[:1]
    assert gradcheck(f, np.ones(13), gradient=np.vstack([2.0 * np.eye(13), last]))
    failed(f, np.ones(13), gradient=np.vstack([6.0 * np.eye(13), last]))


@pytest.mark.no_cover
def test_no_two_errors_make_up_for_each_other() -> None:
    for i, j in combinations(range(14), 2):
        g = np.ones(14)
        g[[i, j]] += 0.5, -0.5
        check = gradcheck(np.sum, np.ones(14), gradient=g, raise_exception=False)
        assert check.outcome == "failed", (i, j)


def test_in_single_precision_thousands_of_inputs_of_any_size_pass() -> None:
    x = np.random.default_rng(1).normal(size=4_000).astype(np.float32)
    check = gradcheck(lambda x: np.mean(x * x), x, gradient=lambda x: 2.0 * x / x.size)
    assert check, check


def flat(bound: float, reason: str, outcome: Any = "undecided", x: str = "x") -> Derivative:
    return Derivative("", x, 0.0, 0.25 * bound, bound, 0.0, outcome, reason)


# What is undecided is as good as 0 beside a derivative of 1, by what it adds to the result.
@pytest.mark.parametrize(
    ("x", "other", "is_settled"),
    [
        (1.0, flat(1e-3, "noise"), True),
        (0.1, flat(1e-3, "noise"), True),
        (2.0, flat(1e-3, "noise"), False),
        (1.0, flat(1.1e-3, "noise"), False),
        (1.0, flat(1e-6, "there is a kink"), False),
        (1.0, flat(1e-6, "at a border"), False),
        (1.0, Derivative("", "x", 1e-5, 0.0, 1e-6, 0.0, "undecided", "noise"), False),
        (1.0, Derivative("", "x", 1e-5, 0.0, 1e-6, 1e-5, "undecided", "noise"), True),
        (1.0, Derivative("", "x", 1e-5, 0.0, 1e-6, 1e-5, "failed", "noise"), False),
    ],
)
def test_what_is_as_good_as_0_beside_the_largest(
    x: float, other: Derivative, is_settled: bool
) -> None:
    claimed = Claimed(np.sum, {"x": np.array([1.0, x])}, "gradient", np.ones(2), "f")
    search = _Search(claimed, 2.0**-23, np.random.default_rng(0))
    largest = Derivative("", "x", 1.0, -1.0, 1e-9, 0.0, "passed")
    first, second = search.settled([largest, other])
    assert first == largest
    assert (second.outcome == "passed" and not second.reason) == is_settled
    alone = search.settled([dataclasses.replace(largest, outcome="undecided", reason="?"), other])
    assert alone[1] == other


def test_a_zero_among_thousands_is_seen_in_single_precision() -> None:
    x, g = np.ones(2_000, np.float32), np.ones(2_000)
    g[7] = 0.0
    failed(np.sum, x, gradient=g)


def test_a_kink_beside_a_steep_derivative_is_undecided() -> None:
    x, g = np.array([1.0, 0.0]), np.array([1e4, 0.9])
    check = gradcheck(lambda x: 1e4 * x[0] + abs(x[1]), x, gradient=g)
    assert check.outcome == "undecided"


def test_a_gradient_in_a_buffer_that_is_used_again() -> None:
    buffer = np.empty(3)

    def pair(x: Any) -> Any:
        buffer[:] = 2.0 * x
        return float(x @ x), buffer

    assert gradcheck(pair, np.array([1.0, 2.0, 3.0]), gradient=True)


def test_a_pair_beside_products() -> None:
    claims: dict[str, Any] = {"vjp": lambda x, w: w * 2 * x, "jvp": lambda x, v: v * 2 * x}
    assert gradcheck(lambda x: (x * x, 2.0 * x), 2.0, gradient=True, **claims)


def test_an_exception_at_the_point_itself_is_the_users() -> None:
    calls = iter([1.0])

    def f(x: float) -> float:
        return next(calls)

    with pytest.raises(StopIteration):
        gradcheck(f, 2.0, gradient=0.0)


# --- where there is nothing to say ---------------------------------------------------------------


def test_a_kink_is_undecided() -> None:
    check = gradcheck(abs, 0.0, gradient=lambda x: 0.0)
    assert check.outcome == "undecided"
    assert "kink" in check.reason
    assert "kink" in str(check)


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        (-1.0, "is right from below"),
        (3.0, "is right from above"),
        (0.0, "lies between"),
        (4.0, "is neither"),
        (-1.1, "is neither"),
    ],
)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_which_side_of_a_kink_is_claimed_is_said(claim: float, said: str, sign: float) -> None:
    def f(x: float) -> float:
        return sign * (3.0 * x if x > 0.0 else -x)

    check = gradcheck(f, 0.0, gradient=sign * claim)
    assert check.outcome == "undecided"
    assert check.reason.endswith(f"the claim {said}")


def test_a_value_that_is_not_finite_is_undecided() -> None:
    assert gradcheck(lambda x: math.inf, 0.0, gradient=0.0).outcome == "undecided"


def test_a_claim_of_nan_is_wrong() -> None:
    check = failed(math.exp, 0.0, gradient=math.nan)
    assert "it is not finite where the function has a derivative" in str(check)


def test_the_arguments_stay_as_they_are() -> None:
    x = np.array([1.0, 2.0])

    def f(x: Any) -> Any:
        x += 1.0
        return np.sum(x**2)

    assert gradcheck(f, x, gradient=lambda x: 2.0 * (x + 1.0))
    assert x.tolist() == [1.0, 2.0]


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "exception", "message"),
    [
        ({"gradient": [1.0]}, ValueError, r"the gradient has the shape \(1,\).*takes 5 numbers"),
        ({"gradient": "a"}, TypeError, "the gradient must be made of real numbers, got 'a'"),
        ({"gradient": lambda x: None}, TypeError, "is None; is there a return missing"),
        ({"gradient": lambda x: x + 1j}, TypeError, "made of real numbers"),
        ({"gradient": np.ma.masked_less(X, 1.0)}, TypeError, "mask"),
        ({"vjp": 1.0}, TypeError, "vjp must be a function"),
        ({"hessian": rosen_hess}, ValueError, "hessian= is the derivative of the gradient"),
        ({"gradient": rosen_der(X), "hvp": rosen_hess_prod}, ValueError, "as a function"),
        ({"gradient": rosen_der, "order": 2}, ValueError, "hessian="),
        ({"gradient": True}, TypeError, "as gradient=True says"),
        ({"precision": "single"}, ValueError, "for a claimed derivative"),
        ({"jvp": lambda x, v: [1.0, 2.0]}, ValueError, "jvp returned 2 numbers for 1 results"),
    ],
)
def test_bad_claims(claims: Any, exception: type[Exception], message: str) -> None:
    with pytest.raises(exception, match=message):
        gradcheck(rosen, X, **claims)


@pytest.mark.parametrize(
    ("f", "inputs", "gradient", "exception", "message"),
    [
        (np.sum, (np.array([1, 2]),), np.ones(2), TypeError, "1 is not a float"),
        (np.sum, (np.array([1.0, math.nan]),), np.ones(2), ValueError, r"\[1\] is nan"),
        (np.sum, (), np.ones(2), TypeError, "no float among the arguments"),
        (lambda x: None, (1.0,), 1.0, TypeError, "returned no number"),
        (lambda x, y: x * y, (1.0, 2.0), 2.0, ValueError, "2 arguments"),
        (lambda p: p["a"], ({"a": 1.0},), [1.0], ValueError, "keys"),
        (lambda x: {"y": x}, (1.0,), [1.0], ValueError, "keys"),
        (
            lambda x, y: [x, y, x * y],
            (1.0, 2.0),
            [1.0, 0.0],
            ValueError,
            "of 3 results, a sequence",
        ),
        (lambda x: [np.ones(2) * x, x], (1.0,), 1.0, ValueError, "of 2 results, a sequence"),
        (lambda x: x @ np.ones((3, 2)), (np.ones(3),), np.ones((3, 2)), ValueError, "transposed"),
    ],
)
def test_bad_input(
    f: Any, inputs: Any, gradient: Any, exception: type[Exception], message: str
) -> None:
    with pytest.raises(exception, match=message):
        gradcheck(f, *inputs, gradient=gradient)
