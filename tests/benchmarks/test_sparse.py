"""The sparse problems are what they are called, and a report says what was found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks import sparse
from benchmarks.sparse import PROBLEMS

SWEEPS = {
    "Rosenbrock, Hessian": 3,
    "Broyden tridiagonal, Jacobian": 3,
    "arrow, Jacobian": 3,
    "optimal control, Jacobian": 4,
    "bundle adjustment, Jacobian": 8,
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_is_sparse_and_compiles(name: str) -> None:
    stages, numbers = sparse.ours(name, 36, 0.0)
    assert stages["sweeps"] <= SWEEPS[name]
    assert 36 <= len(numbers) < 36 * 36
    assert {"structure", "colours", "recorded", "compile"} <= stages.keys()


def test_a_report_has_both_and_refuses_other_numbers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = {"ours": [1.0, 2.0], "casadi": [1.0, 2.0]}

    def measured(function: Callable[..., Any], *args: Any) -> Any:
        return {"call": 1e-3 if function is sparse.ours else 2e-3}, numbers[function.__name__]

    monkeypatch.setattr(sparse, "in_fresh_process", measured)
    sparse.main(["--quick", "--only", "arrow, Jacobian"])
    assert "2.00x" in capsys.readouterr().out
    numbers["casadi"] = [1.0, 2.5]
    with pytest.raises(ValueError, match=r"2.0, and 2.5 by CasADi"):
        sparse.main(["--quick", "--only", "arrow, Jacobian"])
    numbers["casadi"] = [1.0]
    with pytest.raises(ValueError, match="2 nonzeros, and 1 by CasADi"):
        sparse.main(["--quick", "--only", "arrow, Jacobian"])
