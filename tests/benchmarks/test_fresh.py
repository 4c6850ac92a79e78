"""Every contender judges a claimed gradient, and none is mistaken for another's."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from benchmarks import fresh
from benchmarks.faults import FULL, Case, draw


def plain(fault: bool, precision: str = "double") -> Case:
    """The first case in full precision, of an ordinary function, with a plain fault or without."""
    return next(
        case
        for case in (draw(7, number, precision) for number in range(1000))
        if case.evaluation == FULL
        and case.scale == 1.0
        and case.function.family == "exponentials"
        and (case.fault == "sign" and case.excess > 100.0 if fault else not case.fault)
    )


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        *((name, "double") for name in fresh.CONTENDERS),
        *((name, "single") for name in fresh.CONTENDERS if "ours" in name),
    ],
)
def test_contenders_tell_right_from_wrong(name: str, precision: str) -> None:
    contender = fresh.CONTENDERS[name]
    if package := fresh.missing(contender):
        pytest.skip(f"{package} is not installed")
    jax = "JAX" in name and pytest.importorskip("jax")
    wide = jax and jax.config.read("jax_enable_x64")
    try:
        check = contender.make()
        assert fresh.judged(check, plain(True, precision))["said"] == "failed"
        found = fresh.judged(check, plain(False, precision))
        assert found["said"] == "passed", found["why"]
    finally:
        if jax:
            jax.config.update("jax_enable_x64", wide)


def test_a_check_that_raises_has_failed_and_one_without_end_is_undecided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def raises(case: Case) -> str:
        raise ValueError("no\nmore")

    case = plain(True)
    found = fresh.judged(raises, case)
    assert (found["said"], found["why"]) == ("failed", "ValueError: no")
    assert (found["fault"], found["counts"]) == ("sign", True)
    small = dataclasses.replace(case, gradient=case.right * (1.0 + 1e-15))
    assert not fresh.judged(raises, small)["counts"]
    monkeypatch.setattr(fresh, "LIMIT", 1)

    def endless(case: Case) -> str:
        while True:
            np.sin(1.0)

    assert fresh.judged(endless, case)["said"] == "undecided"


def test_what_is_not_installed_is_skipped(
    capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setitem(fresh.CONTENDERS, "SciPy", fresh.Contender(fresh.scipy, ("no-such",)))
    fresh.main(["SciPy", "--count", "1"])
    assert json.loads(capsys.readouterr().out) == {"missing": "no-such"}


def test_verdicts_are_told_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("scipy")
    fresh.main(["SciPy", "--count", "5", "--seed", "3"])
    told = json.loads(capsys.readouterr().out)
    assert [verdict["number"] for verdict in told["verdicts"]] == list(range(5))
    assert told["packages"].keys() == {"scipy"}
