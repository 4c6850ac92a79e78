from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from autograd.compiler.backends.contract import Plan
from autograd.compiler.backends.llvm.backend import MachineKernel, compiled
from autograd.compiler.backends.llvm.target import VARIABLE, host
from autograd.compiler.layout import Group, Layout
from autograd.compiler.program import Operation, Program

pytest.importorskip("llvmlite")


def test_a_processor_that_llvm_does_not_know_has_no_instruction_sets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from llvmlite import binding

    def unknown() -> Any:
        raise RuntimeError("failed to get host cpu features")

    monkeypatch.setattr(binding, "get_host_cpu_features", unknown)
    assert host.__wrapped__().lanes == 2
    assert host.__wrapped__().features == ""


@pytest.mark.parametrize(
    ("limit", "lanes", "absent"), [("AVX2", 4, "+avx512"), ("SSE4_2", 2, "+avx")]
)
def test_the_environment_limits_the_instruction_set(
    limit: str, lanes: int, absent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, limit)
    target = host.__wrapped__()
    assert target.lanes <= lanes
    assert absent not in target.features
    assert target.machine != host().machine or host().lanes == target.lanes
    program = Program(("x",), (), (Operation("tanh", (0,)), Operation("*", (0, 1))), (2,))
    code = compiled(Plan(program, Layout((Group(1, True),), True)), target)
    kernel = MachineKernel(dataclasses.replace(code, machine=host().machine))
    x, found = np.linspace(-1.0, 1.0, 19).reshape(19, 1), np.empty((1, 24))
    kernel.run([x], 0, 19, found)
    assert found[0, :19] == pytest.approx(x[:, 0] * np.tanh(x[:, 0]), rel=1e-14)


def test_a_limit_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "AVX3")
    with pytest.raises(ValueError, match="AUTOGRAD_MAX_ISA is 'AVX3': set it to AVX512, AVX2"):
        host.__wrapped__()
