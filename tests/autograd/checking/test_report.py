"""Results of checks: as data, as truth values, and in words."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autograd import Value, custom_function, exp
from autograd.checking import Culprit, Derivative, GradientCheck, GradientError, gradcheck
from autograd.checking.report import Outcome

OUTCOMES: st.SearchStrategy[Any] = st.sampled_from(["passed", "failed", "undecided"])


def derivative(
    outcome: Outcome = "failed",
    gradient: float = 1.0,
    numerical: float = 2.0,
    name: str = "x",
    output: str = "",
    reason: str = "",
) -> Derivative:
    return Derivative(output, name, gradient, numerical, 1e-9, 1e-16, outcome, reason)


def check(
    outcome: Outcome, *derivatives: Derivative, reason: str = "", culprit: Culprit | None = None
) -> GradientCheck:
    return GradientCheck("f", outcome, "precise", reason, derivatives, culprit)


def culprit(node: Value) -> Culprit:
    return Culprit("*", "a·b = 2·3", 1, -2.0, 3.0, 1e-20, node, "its derivative in x2")


@given(OUTCOMES)
def test_only_what_passed_is_true(outcome: Outcome) -> None:
    assert bool(check(outcome)) == (outcome == "passed")


@given(st.floats(), st.floats())
@example(0.0, math.nan)
@example(math.nan, 0.0)
@example(0.0, 5e-324)
@example(math.inf, math.inf)
def test_relative_differences(gradient: float, numerical: float) -> None:
    found = derivative(gradient=gradient, numerical=numerical)
    relative = found.relative_difference
    if gradient == numerical and math.isfinite(gradient):
        assert found.difference == relative == 0.0
    elif math.isfinite(found.difference):
        assert 0.0 < relative <= 2.0
        mirrored = derivative(gradient=-numerical, numerical=-gradient)
        assert mirrored.relative_difference == relative
    else:
        assert not relative <= 2.0 or (math.isfinite(gradient) and math.isfinite(numerical))


@given(st.lists(st.tuples(OUTCOMES, st.floats(), st.floats())), OUTCOMES)
def test_the_worst_is_the_furthest_off_of_those_that_decided(
    cases: list[tuple[Outcome, float, float]], outcome: Outcome
) -> None:
    derivatives = [derivative(*case) for case in cases]
    result = check(outcome, *derivatives)
    worst = result.worst
    if not derivatives:
        assert worst is None
        return
    assert worst is not None
    alike = [d for d in derivatives if d.outcome == outcome] or derivatives
    assert worst in alike or math.isnan(worst.difference)
    if any(math.isnan(d.relative_difference) for d in alike):
        assert math.isnan(worst.relative_difference)
    else:
        assert all(d.relative_difference <= worst.relative_difference for d in alike)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_nothing_is_worse_than_nan(place: int) -> None:
    derivatives = [derivative("failed", 1.0, 3.0, f"x{i}") for i in range(2)]
    derivatives.insert(place, derivative("failed", math.nan, 1.0, "nan"))
    worst = check("failed", *derivatives).worst
    assert worst is not None
    assert worst.input == "nan"


FLOATS = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, math.nan, math.inf, -math.inf]))


@given(
    OUTCOMES,
    st.lists(
        st.builds(
            Derivative,
            output=st.sampled_from(["", "[1]", "∂f/∂x"]),
            input=st.sampled_from(["x", "w[0]"]),
            gradient=FLOATS,
            numerical=FLOATS,
            bound=FLOATS,
            rounding=FLOATS,
            outcome=OUTCOMES,
            reason=st.sampled_from(["", "a kink"]),
        ),
        max_size=3,
    ),
    st.sampled_from(["", "a kink"]),
    st.sampled_from([None, culprit(Value(6.0))]),
)
@example("undecided", [derivative("undecided", 0.0, math.nan, reason="a border")], "a border", None)
def test_whatever_is_found_can_be_printed(
    outcome: Outcome, derivatives: list[Derivative], reason: str, found: Culprit | None
) -> None:
    result = check(outcome, *derivatives, reason=reason, culprit=found)
    lines = str(result).splitlines()
    assert lines[0].startswith("gradcheck: ")
    assert reason in lines[0] or outcome == "passed"
    assert str(GradientError(result)) == str(result)
    if outcome != "passed" and derivatives:
        assert result.worst is not None
        assert {f"  {'with respect to':<23}{result.worst.input}"} <= set(lines)


def test_passed_in_words() -> None:
    assert (
        str(check("passed", derivative("passed")))
        == "gradcheck: 1 derivative of f passed (precise)"
    )
    many = [derivative("passed")] * 2
    assert str(check("passed", *many)) == "gradcheck: 2 derivatives of f passed (precise)"
    assert str(check("passed")) == "gradcheck: 0 derivatives of f passed (precise)"


def test_failed_in_words() -> None:
    result = check(
        "failed",
        derivative("passed", 1.0, 1.0, "a", "[0]"),
        derivative("failed", -1.0, 2.0, "b", "[0]", "no error bound explains the difference"),
        derivative("failed", 1.0, 1.5, "c", "[1]"),
        reason="*: its derivative in x2",
        culprit=culprit(Value(6.0)),
    )
    assert str(result).splitlines() == [
        "gradcheck: the gradient of f is wrong: *: its derivative in x2",
        "  with respect to        b",
        "  of the output          [0]",
        "  gradient               −1.0",
        "  numerical              2.0 ± 1.0e-09",
        "  relative difference    1.5 (rounding explains 1.0e-16 of 3.0e+00)",
        "  because                no error bound explains the difference",
        "  first wrong operation  a·b = 2·3",
        "    its derivative in x2",
        "    on the graph         −2.0",
        "    numerical            3.0 ± 1.0e-20",
        "  2 of 3 derivatives failed: ∂f[0]/∂b, ∂f[1]/∂c",
    ]


def test_undecided_in_words_says_a_reason_once() -> None:
    text = str(check("undecided", derivative("undecided", reason="a kink"), reason="a kink"))
    assert text.startswith("gradcheck: the gradient of f is undecided: a kink\n")
    assert text.count("a kink") == 1
    assert "1 of" not in text


def test_a_failure_without_derivatives_is_its_reason() -> None:
    result = check("failed", reason="it is not deterministic")
    assert str(result) == "gradcheck: f cannot be checked: it is not deterministic"


@pytest.mark.parametrize("count", [2, 8, 9, 100])
def test_of_many_derivatives_eight_are_named(count: int) -> None:
    failed = [derivative("failed", name=f"x[{i}]") for i in range(count)]
    last = str(check("failed", *failed)).splitlines()[-1]
    assert last.startswith(f"  {count} of {count} derivatives failed: ∂f/∂x[0], ")
    assert last.count("∂f") == min(count, 8)
    assert last.endswith(", …") == (count > 8)


def test_a_culprit_alone_names_no_derivatives() -> None:
    node = Value(6.0)
    result = check("failed", *[derivative("passed", 1.0, 1.0)] * 2, culprit=culprit(node))
    assert "derivatives failed" not in str(result)
    assert "first wrong operation" in str(result)


def test_the_node_of_a_culprit_is_kept_out_of_its_repr() -> None:
    assert "node" not in repr(culprit(Value(6.0)))


def test_results_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        check("passed").outcome = "failed"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        derivative().gradient = 0.0  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        culprit(Value(1.0)).op = "+"  # type: ignore[misc]


def wrong() -> GradientError:
    half = custom_function("report_half", lambda x: 0.5 * x, lambda m, y, x: 0.25 + 0.0 * x)
    with pytest.raises(GradientError) as caught:
        gradcheck(lambda x: half(exp(x)), 1.0)
    return caught.value


def test_an_error_is_an_assertion_with_the_result() -> None:
    error = wrong()
    assert isinstance(error, AssertionError)
    assert str(error) == str(error.result)
    assert error.result.outcome == "failed"
    assert not error.result


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_errors_and_results_survive_pickling_and_copying(protocol: int) -> None:
    error = wrong()
    for twin in (
        pickle.loads(pickle.dumps(error, protocol)),
        copy.deepcopy(error),
        copy.copy(error),
    ):
        assert type(twin) is GradientError
        assert str(twin) == str(error)
        assert twin.result.derivatives == error.result.derivatives
        found, expected = twin.result.culprit, error.result.culprit
        assert found is not None
        assert expected is not None
        assert found.node.op == expected.node.op == "report_half"
        assert repr(found) == repr(expected)
