"""Sparse Jacobians and Hessians: the numbers of the dense ones, recorded and compiled."""

from __future__ import annotations

import builtins
import importlib.util
import math
import pickle
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
from autograd import (
    TracingError,
    Value,
    exp,
    grad,
    hessian,
    jacobian,
    jvp,
    no_grad,
    relu,
    sin,
    where,
)  # fmt: skip
from autograd import compile as compiled
from autograd.compiler import load
from autograd.sparsity.pattern import Pattern
from autograd.sparsity.recovery import Plan, csr_maker, hessian_plan, jacobian_plan
from autograd.sparsity.values import SparseValues
from autograd.testing.programs import RandomProgram, programs
from tests.counting import counting

FEW = settings(max_examples=40)


def rosenbrock(xs: Any) -> Any:
    return autograd.sum([100.0 * (y - x * x) ** 2 + (1.0 - x) ** 2 for x, y in pairwise(xs)])


def broyden(xs: Any) -> Any:
    padded = [0.0, *xs, 0.0]
    around = zip(padded[:-2], padded[1:-1], padded[2:], strict=True)
    return [(3.0 - 2.0 * x) * x - before - 2.0 * after + 1.0 for before, x, after in around]


def arrow(xs: Any) -> Any:
    rest = [sin(x) * xs[0] for x in xs[1:]]
    return [autograd.sum([x * x for x in xs]), *rest]


def chain(xs: Any) -> Any:
    """Parts that overlap in an irregular way, some of them not taken, one of them constant."""
    parts = [where(x > y, x * y, exp(y)) for x, y in zip(xs, xs[2:], strict=False)]
    return [*parts, 2.0, xs[0], xs[-1] * relu(parts[0]), xs[-1]]


POINT = np.linspace(0.4, 1.7, 9)
FUNCTIONS: list[Callable[[Any], Any]] = [broyden, arrow, chain]


def same(found: Any, dense: Any) -> None:
    assert type(found) is scipy.sparse.csr_array
    assert found.has_canonical_format
    np.testing.assert_allclose(found.toarray(), np.array(dense), rtol=1e-13, atol=1e-13)


# --- the numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("f", FUNCTIONS)
def test_jacobians_are_those_computed_densely(f: Callable[[Any], Any]) -> None:
    dense = jacobian(f)(POINT.tolist())
    for found in (
        jacobian(f, sparse=True)(POINT),
        jacobian(f, sparse=True)(POINT.tolist()),
        jacobian(lambda xs: np.array(f(xs)), sparse=True)(tuple(POINT)),
        compiled(jacobian(f, sparse=True), backend="numpy")(POINT),
        compiled(jacobian(f, sparse=True))(POINT),
    ):
        same(found, dense)


@pytest.mark.parametrize(
    "f", [rosenbrock, lambda xs: autograd.sum(arrow(xs)), lambda xs: autograd.sum(chain(xs))]
)
def test_hessians_are_those_computed_densely(f: Callable[[Any], Any]) -> None:
    dense = hessian(f)(POINT.tolist())
    for found in (
        hessian(f, sparse=True)(POINT),
        compiled(hessian(f, sparse=True), backend="numpy")(POINT),
    ):
        same(found, dense)
        assert (found != found.T).nnz == 0  # symmetric to the bit


@FEW
@given(programs(max_inputs=4), st.integers(0, 3))
def test_random_programs(program: RandomProgram, shared: int) -> None:
    """A program on overlapping parts of a vector: every row holds one or more of them."""
    width = len(program.inputs)
    xs = [*program.inputs] * 3

    def rows(xs: Any) -> Any:
        parts = [program(*xs[k : k + width]) for k in range(0, 2 * width, max(1, width - shared))]
        return [*parts, autograd.sum(parts)]

    def total(xs: Any) -> Any:
        return autograd.sum(rows(xs)[:-1])

    for sparse, dense in (
        (jacobian(rows, sparse=True), jacobian(rows)),
        (hessian(total, sparse=True), hessian(total)),
    ):
        try:
            expected = np.array(dense(xs))
        except (ArithmeticError, ValueError):  # other windows may leave the domain
            return
        found = sparse(xs)
        scale = np.nanmax(np.abs(expected), initial=1.0, where=np.isfinite(expected))
        np.testing.assert_allclose(found.toarray(), expected, rtol=1e-9, atol=1e-12 * scale)


def test_kinks_are_nan_and_jumps_of_infinity_stay_where_they_are() -> None:
    def f(xs: Any) -> Any:
        return autograd.sum([abs(x) ** 2 * y for x, y in pairwise(xs)])

    point = [1.0, 0.0, 2.0, 3.0, 4.0]
    np.testing.assert_array_equal(hessian(f, sparse=True)(point).toarray(), hessian(f)(point))
    with pytest.raises(ValueError, match="sqrt"):
        jacobian(lambda xs: [autograd.sqrt(x) for x in xs], sparse=True)([1.0, -1.0])
    roots = jacobian(lambda xs: [autograd.sqrt(x) for x in xs], sparse=True)([0.0, 4.0])
    assert roots.toarray().tolist() == [[math.inf, 0.0], [0.0, 0.25]]


def test_each_nonzero_is_there_even_if_it_is_0() -> None:
    found = jacobian(lambda xs: [where(xs[0] > 0.0, xs[1], xs[2])], sparse=True)([1.0, 2.0, 3.0])
    assert found.nnz == 2
    assert found.data.tolist() == [1.0, 0.0]


# --- what may be passed and returned -------------------------------------------------------------


def test_several_arguments_give_blocks() -> None:
    def f(x: Any, scale: float, y: Any) -> Any:
        return [scale * x[0] * y[1], y[0] ** 2, x[1]]

    args = ([2.0, 3.0], 5.0, [7.0, 11.0])
    left, right = jacobian(f, (0, 2), sparse=True)(*args)
    dense = jacobian(f, (0, 2))(*args)
    same(left, [row[0] for row in dense])
    same(right, [row[1] for row in dense])
    same(jacobian(f, -1, sparse=True)(*args), [row[1] for row in dense])
    blocks = hessian(lambda *args: autograd.sum(f(*args)), (2, 0), sparse=True)(*args)
    dense = hessian(lambda *args: autograd.sum(f(*args)), (2, 0))(*args)
    for i, line in enumerate(blocks):
        for j, block in enumerate(line):
            same(block, [row[j] for row in dense[i]])
    pair = compiled(jacobian(f, (0, 2), sparse=True), backend="numpy")(*args)
    same(pair[0], left.toarray())


def test_single_numbers_are_matrices_too() -> None:
    assert jacobian(lambda x: x**3, sparse=True)(2.0).toarray().tolist() == [[12.0]]
    assert hessian(lambda x, y: x**3 * y, sparse=True)(2.0, 3.0).toarray().tolist() == [[36.0]]
    assert jacobian(lambda x: [], sparse=True)([1.0]).shape == (0, 1)
    assert jacobian(lambda x: [1.0], sparse=True)([]).shape == (1, 0)
    assert hessian(lambda x: 1.0, sparse=True)([]).shape == (0, 0)
    assert hessian(lambda x, k=1.0: k * x[0] ** 2, sparse=True)([1.0], k=4.0).data.tolist() == [8.0]


@pytest.mark.parametrize("argument", [{"a": 1.0}, [[1.0]], np.ones((2, 2)), [np.ones(2)], None])
def test_other_structures_are_refused(argument: Any) -> None:
    for derivative, given_ in (
        (jacobian(lambda x: 1.0, sparse=True), argument),
        (hessian(lambda x: 1.0, sparse=True), argument),
        (jacobian(lambda x: argument, sparse=True), 1.0),
    ):
        with pytest.raises(TypeError, match=r"sparse=True, .* one dimension, or a number, but"):
            derivative(given_)


def test_wrong_options_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for transform in (jacobian, hessian):
        with pytest.raises(TypeError, match="sparse must be True or False, got 'csr'"):
            transform(rosenbrock, sparse="csr")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="one number"):
            hessian(broyden, sparse=True)(POINT)
    monkeypatch.setattr("autograd.sparsity.recovery.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"hessian .*scalar-autograd\[special\]"):
        hessian(rosenbrock, sparse=True)
    hessian(rosenbrock)  # needs no SciPy
    assert importlib.util.find_spec("scipy")


def test_it_is_named_and_pickled_as_other_derivatives_are() -> None:
    found = jacobian(broyden, sparse=True)
    assert found.__name__ == "broyden"
    assert "sparse Jacobian" in (found.__doc__ or "")
    same(pickle.loads(pickle.dumps(found))(POINT), jacobian(broyden)(POINT.tolist()))


# --- of Values, within other derivatives, and compiled -------------------------------------------


def test_values_give_values_that_stay_connected() -> None:
    xs = [Value(x, f"x{i}") for i, x in enumerate((2.0, 3.0))]
    found = jacobian(lambda xs: [xs[0] ** 3, xs[0] * xs[1]], sparse=True)(xs)
    assert type(found) is SparseValues
    assert [entry.data for entry in found.nonzeros] == [12.0, 3.0, 2.0]
    found.nonzeros[0].backward()
    assert xs[0].grad == 12.0
    with no_grad():
        assert type(jacobian(broyden, sparse=True)(xs)) is scipy.sparse.csr_array


def test_they_can_be_differentiated_again() -> None:
    def norm(xs: Any) -> Any:
        return autograd.sum([y * y for y in hessian(rosenbrock, sparse=True)(xs).nonzeros])

    def dense(xs: Any) -> Any:
        return autograd.sum([y * y for row in hessian(rosenbrock)(xs) for y in row])

    point = POINT[:4].tolist()
    np.testing.assert_allclose(grad(norm)(point), grad(dense)(point), rtol=1e-12)
    third = jacobian(lambda xs: jacobian(broyden, sparse=True)(xs).toarray())(np.array(point))
    expected = jacobian(lambda xs: jacobian(broyden)(xs))(point)
    np.testing.assert_allclose(third, expected, rtol=1e-13)
    again = jacobian(grad(rosenbrock), sparse=True)
    same(again(point), hessian(rosenbrock)(point))
    with pytest.raises(TypeError, match=r"sparse array of Values.*toarray"):
        jvp(jacobian(broyden, sparse=True), (point,), (point,))


def test_compiled_it_computes_the_nonzeros_only() -> None:
    """The program grows as the number of nonzeros does, and it is traced once."""
    found = compiled(jacobian(broyden, sparse=True), backend="numpy")
    sizes = {n: len(found.program(np.ones(n))) for n in (10, 20, 40)}
    assert sizes[40] - sizes[20] == 2 * (sizes[20] - sizes[10])
    for _ in range(4):
        point = POINT + random.Random(1).random()
        same(found(point), jacobian(broyden)(point.tolist()))
    assert found.traces == 4


def test_compiled_results_share_nothing() -> None:
    found = compiled(hessian(rosenbrock, sparse=True), backend="numpy")
    first = found(POINT)
    first.data[:] = 0.0
    first.eliminate_zeros()
    same(found(POINT), hessian(rosenbrock)(POINT.tolist()))


def test_many_calls_are_made_without_python() -> None:
    """As soon as it pays: with the same results, which share nothing, and the same errors."""
    scale = Value(2.0)
    for function in (lambda xs: broyden(xs), lambda xs: [scale * y for y in broyden(xs)]):
        found = compiled(jacobian(function, sparse=True))
        for _ in range(140):
            last = found(POINT)
        assert any(known.called is not None for known in found._known.values())
        before = last.toarray()
        last.data[:] = 0.0
        np.testing.assert_array_equal(found(POINT).toarray(), before)
        same(found(POINT + 1.0), jacobian(function)((POINT + 1.0).tolist()))
        same(found(POINT[:3]), jacobian(function)(POINT[:3].tolist()))
        with pytest.raises(TypeError):
            found("a")


def test_compiled_with_rows_and_reduced() -> None:
    rows = np.stack([POINT, POINT + 0.5])
    expected = [jacobian(broyden)(row.tolist()) for row in rows]
    each = compiled(jacobian(broyden, sparse=True), in_axes=0, backend="numpy")(rows)
    for found, dense in zip(each, expected, strict=True):
        same(found, dense)
    total = compiled(jacobian(broyden, sparse=True), in_axes=0, reduce="sum", backend="numpy")(rows)
    same(total, np.sum(expected, axis=0))


def test_compiled_with_other_results_and_saved(tmp_path: Any) -> None:
    def both(xs: Any) -> Any:
        return {"value": rosenbrock(xs), "second": hessian(rosenbrock, sparse=True)(xs)}

    function = compiled(both, backend="numpy")
    for _ in range(3):
        found = function(POINT)
    assert found["value"] == pytest.approx(rosenbrock(POINT.tolist()), rel=1e-14)
    same(found["second"], hessian(rosenbrock)(POINT.tolist()))
    function.save(tmp_path / "both")
    again = load(tmp_path / "both", backend="numpy")(POINT)
    assert again["second"].toarray().tolist() == found["second"].toarray().tolist()


def test_a_traced_pattern_may_not_depend_on_numbers() -> None:
    with pytest.raises(TracingError):
        compiled(jacobian(lambda xs: [x if x > 0 else x * x for x in xs], sparse=True))(POINT)


# --- what it costs -------------------------------------------------------------------------------


def test_the_work_grows_as_the_number_of_variables_does() -> None:
    calls = {}
    for n in (200, 400):
        with counting() as count:
            hessian(rosenbrock, sparse=True)(np.linspace(0.5, 1.5, n))
        calls[n] = count.calls
    assert calls[400] < 2.2 * calls[200]


def test_a_pattern_that_stays_is_coloured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[Pattern] = []

    def planned(pattern: Pattern) -> Plan:
        plans.append(pattern)
        return jacobian_plan(pattern)

    monkeypatch.setattr("autograd.sparsity.recovery.jacobian_plan", planned)
    found = jacobian(lambda xs: broyden(xs) if xs[0] > 0.0 else arrow(xs), sparse=True)
    for point in (POINT, POINT + 1.0, -POINT, -POINT, POINT[:4]):
        found(point)
    assert [pattern.shape for pattern in plans] == [(9, 9), (9, 9), (4, 4)]


# --- for scipy.optimize --------------------------------------------------------------------------


def test_scipys_optimisers_take_them() -> None:
    start = np.full(12, -1.2)
    for hess in (hessian(rosenbrock, sparse=True), compiled(hessian(rosenbrock, sparse=True))):
        found = scipy.optimize.minimize(
            lambda xs: float(rosenbrock(xs.tolist())), start, jac=grad(rosenbrock), hess=hess,
            method="trust-constr", options={"gtol": 1e-9},
        )  # fmt: skip
        np.testing.assert_allclose(found.x, 1.0, rtol=1e-6)
    root = scipy.optimize.least_squares(
        lambda xs: np.array(broyden(xs.tolist())), -np.ones(12), jac=jacobian(broyden, sparse=True)
    )
    assert builtins.max(map(abs, broyden(root.x.tolist()))) < 1e-8


# --- plans ---------------------------------------------------------------------------------------


@FEW
@given(st.integers(0, 6), st.integers(0, 6), st.floats(0.0, 1.0), st.integers(0, 10**6))
def test_a_plan_recovers_any_matrix(height: int, width: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    flags = rng.random((height, width)) < share
    dense = np.where(flags, rng.integers(1, 1000, (height, width)), 0.0)
    pattern = Pattern([np.flatnonzero(row).tolist() for row in flags], width)
    plan = jacobian_plan(pattern)
    forwards = [dense[:, group].sum(axis=1) for group in plan.columns]
    backwards = [dense[group].sum(axis=0) for group in plan.rows]
    numbers = np.concatenate([np.zeros(0), *forwards, *backwards])
    assert csr_maker(pattern)(numbers[plan.places]).toarray().tolist() == dense.tolist()
    cut = width // 2
    (blocks,) = plan.blocks([height], [cut, width - cut])
    halves = [csr_maker(pattern)(numbers[places]).toarray() for pattern, places in blocks]
    assert np.hstack(halves).tolist() == dense.tolist()


@FEW
@given(st.integers(0, 8), st.floats(0.0, 1.0), st.integers(0, 10**6))
def test_a_plan_recovers_any_symmetric_matrix(count: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    flags = np.triu(rng.random((count, count)) < share)
    upper = np.where(flags, rng.integers(1, 1000, (count, count)), 0.0)
    dense = np.triu(upper) + np.triu(upper, 1).T
    pattern = Pattern([np.flatnonzero(row).tolist() for row in flags | flags.T], count)
    plan = hessian_plan(pattern)
    numbers = np.concatenate([np.zeros(0), *[dense[group].sum(axis=0) for group in plan.rows]])
    assert csr_maker(pattern)(numbers[plan.places]).toarray().tolist() == dense.tolist()
