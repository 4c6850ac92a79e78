"""Every planted fault is caught, and no correct function is called wrong."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st

from autograd import Value, gradcheck
from autograd.checking import GradientError
from autograd.rules import RULES
from autograd.testing import check_gradients
from autograd.value import record
from tests.checking_cases.correct import CORRECT, HARD_TO_DECIDE, Correct
from tests.checking_cases.faults import ROWS, Row
from tests.checking_cases.ours import FAULTS, NAMESPACE, Fault, row_function

SEARCHED = [row for row in ROWS if row.domain]


def test_there_are_enough_to_be_evidence() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 60
    assert len({fault.kind for fault in FAULTS}) >= 15
    assert len({case.name for case in CORRECT}) == len(CORRECT)
    assert len({case.function for case in CORRECT}) >= 200
    assert {case.name for case in CORRECT} >= HARD_TO_DECIDE
    assert len(HARD_TO_DECIDE) <= 0.15 * len(CORRECT)


# --- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_is_caught(fault: Fault) -> None:
    with fault.planted() as function, pytest.raises(GradientError) as caught:
        gradcheck(function, *fault.inputs)
    result = caught.value.result
    assert result.outcome == "failed"
    assert "is wrong: " in str(result) or "cannot be checked: " in str(result)
    if fault.op:
        assert result.culprit is not None
        assert result.culprit.op == fault.op


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_healthy_twin_is_not_blamed(fault: Fault) -> None:
    with fault.healthy() as function:
        gradcheck(function, *fault.inputs)


@pytest.mark.no_cover
@pytest.mark.parametrize("row", SEARCHED, ids=lambda row: row.name)
def test_search_finds_where_a_derivative_is_wrong(row: Row) -> None:
    assert row.domain is not None
    faulty, healthy = (row_function(row, faulty=wrong) for wrong in (True, False))

    @settings(phases=[Phase.explicit, Phase.generate])  # what is found is not looked at
    @check_gradients(x=st.floats(*row.domain))
    def find(x: float) -> Value:
        return faulty(x)  # type: ignore[no-any-return]

    @check_gradients(x=st.floats(*row.domain))
    def trust(x: float) -> Value:
        return healthy(x)  # type: ignore[no-any-return]

    with pytest.raises(GradientError):
        find()
    trust()


def test_nothing_stays_planted() -> None:
    backward, rules = Value.backward, {**RULES}
    operators = {name: getattr(Value, name) for name in vars(Value) if name.startswith("__")}
    for fault in FAULTS:
        with fault.planted(), fault.healthy():
            pass
    assert Value.backward is backward
    assert {name: getattr(Value, name) for name in operators} == operators
    assert {name: rule for name, rule in RULES.items() if name in rules} == {
        name: RULES[name] if name.startswith(("planted_", "healthy_")) else rule
        for name, rule in rules.items()
    }
    node = record(RULES["hypot"], (Value(3.0), Value(4.0)))
    assert node.local_derivatives == (0.6, 0.8)


# --- correct functions ---------------------------------------------------------------------------


@pytest.mark.no_cover
@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name, marks=[pytest.mark.slow] if case.heavy else [])
        for case in CORRECT
    ],
)
def test_correct_function_is_not_blamed(case: Correct) -> None:
    for inputs in case.points:
        result = gradcheck(partial(case.function, NAMESPACE), *inputs)
        assert (f" {result.outcome}" in str(result)) == bool(result.derivatives)
        assert result.outcome == "passed" or case.name in HARD_TO_DECIDE, (inputs, result)
