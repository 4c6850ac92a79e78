from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest

from benchmarks import derivatives
from benchmarks.derivatives import COSTS, FLOATS, chain, mlp, point, rosenbrock
from benchmarks.measure import Contest, Task, in_fresh_process
from benchmarks.table import agree
from benchmarks.workloads import OURS, SIZES, mlp_weights

PARAMETERS = len(mlp_weights(2, SIZES))


def outcome(task: Task) -> list[float]:
    task.step(lambda phase: None)
    return list(task.outcome())


def found(name: str, f: derivatives.Function, inputs: int) -> list[float]:
    return outcome(derivatives.derivatives(name, f, inputs))


def differences(f: Callable[[list[float]], float], xs: list[float]) -> list[float]:
    h = 1e-5
    steps = [[x + h * (i == j) for j, x in enumerate(xs)] for i in range(len(xs))]
    backs = [[x - h * (i == j) for j, x in enumerate(xs)] for i in range(len(xs))]
    return [(f(up) - f(down)) / (2.0 * h) for up, down in zip(steps, backs, strict=True)]


# --- what a call costs ----------------------------------------------------------------------------


@pytest.mark.parametrize("what", derivatives.PAIRS)
def test_a_transform_finds_what_is_found_by_hand(what: str) -> None:
    (often,) = outcome(derivatives.called(what))  # where it is compared
    assert often >= 1.0


# --- the contenders -------------------------------------------------------------------------------


@pytest.mark.parametrize(("f", "inputs"), [(rosenbrock, 5), (chain, 5), (mlp, PARAMETERS)])
def test_outcome_is_value_gradient_product_and_tangent(
    f: derivatives.Function, inputs: int
) -> None:
    xs, direction = point(f, inputs)
    value, *rest = found(OURS, f, inputs)
    gradient, product, (tangent,) = rest[:inputs], rest[inputs:-1], rest[-1:]
    expected = differences(lambda xs: f(xs, FLOATS), xs)
    assert value == f(xs, FLOATS)
    assert gradient == pytest.approx(expected, rel=1e-6, abs=1e-8)
    assert tangent == pytest.approx(
        sum(g * d for g, d in zip(gradient, direction, strict=True)), rel=1e-12
    )

    def slope(t: float) -> list[float]:
        moved = [x + t * d for x, d in zip(xs, direction, strict=True)]
        return derivatives.backward(f, moved, direction)["gradient"]()  # type: ignore[no-any-return]

    h = 1e-5
    steps = zip(slope(h), slope(-h), strict=True)
    assert product == pytest.approx([(a - b) / (2.0 * h) for a, b in steps], rel=1e-5, abs=1e-6)


def test_our_ways_agree() -> None:
    for f, inputs in ((rosenbrock, 6), (chain, 6), (mlp, PARAMETERS)):
        names = [OURS, "ours, backward()", *["ours, nn.MLP"] * (f is mlp)]
        derivatives.agree_by_parts([found(name, f, inputs) for name in names], inputs)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_pytorch_agrees(torch: ModuleType) -> None:
    for f, inputs in ((rosenbrock, 6), (chain, 6), (mlp, PARAMETERS)):
        both = [found(name, f, inputs) for name in (OURS, "PyTorch scalars")]
        assert len(both[0]) == len(both[1])
        derivatives.agree_by_parts(both, inputs)


def test_jax_agrees() -> None:
    pytest.importorskip("jax", reason="JAX is not installed; to compare with it: pip install jax")
    # Without a compiler XLA compiles each operation, so it is asked for one of both functions.
    for f, names in ((rosenbrock, ["JAX", "JAX, jitted"]), (chain, ["JAX, jitted"])):
        derivatives.agree_by_parts([found(name, f, 4) for name in (OURS, *names)], 4)


def test_derivatives_of_the_chain_stay_far_from_zero() -> None:
    xs, direction = point(chain, 1000)
    slopes = derivatives.backward(chain, xs, direction)["gradient"]()
    assert min(slopes[1:]) > 1e-5


@pytest.mark.parametrize("f", [rosenbrock, chain])
def test_hessian_is_that_of_the_products(f: derivatives.Function) -> None:
    ways = [outcome(derivatives.whole_hessian(f, 4, by_products=way)) for way in (True, False)]
    assert len(ways[0]) == 16
    agree(*ways)


def test_recorded_gradient_has_its_phases_and_takes_memory_in_proportion() -> None:
    phases: list[str] = []
    derivatives.recorded_gradient(3).step(phases.append)
    assert phases == ["record", "backward", "free"]
    small, large = (in_fresh_process(derivatives.recorded_bytes, inputs) for inputs in (50, 500))
    assert 5.0 * small[2] < large[2] < 12.0 * small[2]


# --- the rows -------------------------------------------------------------------------------------


def contest(**phases: float) -> Contest:
    return Contest({}, {OURS: [dict(phases), {name: 2.0 * s for name, s in phases.items()}]})


def test_multiple_is_taken_round_by_round_of_one_evaluation() -> None:
    of_function, of_recorded, *_ = COSTS
    measured = contest(function=10.0, gradient=50.0)
    assert derivatives.evaluations(100) == 10
    assert derivatives.multiples(measured, OURS, of_function, 100) == [50.0, 50.0]
    assert derivatives.multiples(measured, OURS, of_recorded, 100) == []
    measured = contest(recorded=10.0, gradient=50.0)
    assert derivatives.multiples(measured, OURS, of_recorded, 100) == [5.0, 5.0]


def test_each_part_agrees_by_its_own_largest() -> None:
    whole = [1e9, 1.0, 2.0, 3.0, 4.0, 5.0]
    derivatives.agree_by_parts([whole, whole, whole[:3]], 2)
    for place in range(1, 6):
        other = [x + 1e-8 * (i == place) for i, x in enumerate(whole)]
        with pytest.raises(ValueError, match="outcomes differ"):
            derivatives.agree_by_parts([whole, other], 2)


def test_function_is_evaluated_as_often_as_the_clock_needs() -> None:
    calls = 0

    def counted(xs: Sequence[Any], m: derivatives.Elementary) -> Any:
        nonlocal calls
        calls += 1
        return sum(a * b for a, b in pairwise(xs))

    derivatives.derivatives(OURS, counted, 250).step(lambda phase: None)
    assert calls == derivatives.evaluations(250) + 4  # recorded, gradient, product, tangent


def test_target_stands_in_the_first_row_of_a_cost() -> None:
    effort = derivatives.Effort(rounds=1, seconds=0.0)
    peers = ["ours, backward()", "ours, nn.MLP"]
    rows = list(derivatives.peer_rows("MLP", mlp, PARAMETERS, peers, effort))
    assert [(row.what, row.peer) for row in rows] == [
        *[("MLP: gradient", peer) for peer in peers],
        *[(f"MLP: {cost.what}", peer) for cost in COSTS[:3] for peer in peers],
        ("MLP: jvp / function", "ours, nn.MLP"),
    ]
    assert [bool(row.target) for row in rows] == [False, False, *[True, False] * 3, True]


def test_growth_is_from_ten_inputs_to_a_thousand(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(makers: dict[str, partial[Task]], *args: Any, collector: bool) -> Contest:
        few, many = makers
        assert [maker.args for maker in makers.values()] == [
            (OURS, chain, 10),
            (OURS, chain, 1000),
        ]
        phases = dict.fromkeys(("recorded", "gradient", "product", "tangent"), 50.0)
        rounds = {few: [phases | {"function": 100.0}], many: [phases | {"function": 1.0}]}
        return Contest({}, rounds)

    monkeypatch.setattr(derivatives, "interleave", measure)
    rows = list(derivatives.growth_rows("chain", chain, derivatives.Effort()))
    of_function = [row for row in rows if row.what.endswith("/ function")]
    assert len(rows) == 2 * len(COSTS)
    assert len(of_function) == 4
    for row in of_function:
        # A hundred evaluations in 100 s, and one in 1 s: the same multiple.
        assert (row.ours.median, row.theirs.median, row.reached) == (50.0, 50.0, True)
    assert {row.reached for row in rows if row not in of_function} == {None}
