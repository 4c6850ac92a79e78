"""Fresh cases for gradient checkers are what they say they are."""

from __future__ import annotations

import random
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from benchmarks import faults
from benchmarks.faults import FAMILIES, KINDS, draw


@pytest.mark.parametrize("family", dict.fromkeys(FAMILIES))
def test_the_gradients_are_those_of_pytorch(family: Any, torch: ModuleType) -> None:
    for seed in range(15):
        function = family(random.Random(seed))
        x = torch.tensor(function.x, requires_grad=True)
        constants = [torch.as_tensor(array) for array in function.constants]
        (expected,) = torch.autograd.grad(function.terms(torch, x, constants).sum(), x)
        rows = function.jacobian(function.x)
        assert rows.sum(0) == pytest.approx(expected.numpy(), rel=1e-9, abs=1e-12)
        values = function.terms(np, function.x, function.constants)
        assert values.shape == (len(rows),)


def test_a_case_is_drawn_again_by_its_numbers() -> None:
    first, again, other = draw(7, 3), draw(7, 3), draw(8, 3)
    assert first.function.family == again.function.family
    assert np.array_equal(first.gradient, again.gradient)
    assert first.value(first.x) == again.value(again.x)
    assert not np.array_equal(first.gradient, other.gradient)


# OpenBLAS may also multiply what lies beside a matrix of single precision, and warn of it.
@pytest.mark.filterwarnings("ignore:.*encountered in matmul:RuntimeWarning")
@pytest.mark.parametrize("precision", ["double", "single"])
def test_innocents_are_innocent_and_faults_are_faults(precision: str) -> None:
    cases = [draw(1, number, precision) for number in range(400)]
    for case in cases:
        assert case.x.dtype == case.gradient.dtype == case.value(case.x).dtype
        if case.fault:  # one that the rounding of a gradient to single precision has left
            assert np.any(case.gradient != case.right) or precision == "single"
        else:
            assert case.excess < 1e-2
        # At the point each evaluation is as far off as is said, and no further.
        terms = case.function.terms(np, case.function.x, case.function.constants)
        assert abs(float(case.value(case.x)) - float(terms.sum())) <= 10.0 * case.noise
    assert {case.fault for case in cases} == {"", *KINDS}
    assert {case.evaluation for case in cases} == {faults.FULL, *faults.EVALUATIONS[precision]}
    counted = [case.excess > 1.0 for case in cases if case.fault]
    assert sum(counted) > len(counted) / 2


def test_kinds_of_faults() -> None:
    random_ = random.Random(1)
    assert faults.mistaken(random_, "sign", 2.0) == -2.0
    assert faults.mistaken(random_, "dropped term", 2.0) == 0.0
    assert 1e-9 <= abs(faults.mistaken(random_, "small error", 1.0) - 1.0) <= 0.1 + 1e-15
    assert faults.mistaken(random_, "factor", 1.0) != 1.0
    network = next(
        function
        for function in (faults.network(random.Random(seed)) for seed in range(20))
        if function.flipped
    )
    right = network.jacobian(network.x).sum(0)
    assert np.any(faults.faulty(network, random_, "wrong branch") != right)
    assert faults.faulty(faults.exponentials(random_), random_, "wrong branch") is None


@pytest.mark.parametrize("y", [-30.0, -1.0, 0.0, 0.3, 25.0])
def test_the_inner_solvers_solve(y: float) -> None:
    assert faults.bisected(y) == pytest.approx(y, abs=faults.SOLVED)
    assert faults.newton(y) == pytest.approx(y, abs=1e-12)
