"""An operation, a pass and a backend are added by CONTRIBUTING's recipes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from autograd import compile, grad, tanh
from autograd.compiler import pipeline
from autograd.compiler.backends import BACKENDS
from autograd.compiler.backends.contract import Plan, planned, run_alone
from autograd.compiler.execution import Executor, Options
from autograd.compiler.layout import Group, Layout
from autograd.compiler.primitives import PRIMITIVES, Primitive
from autograd.compiler.program import Operation, Program

LAYOUT = Layout((Group(1, True),), True)


@pytest.mark.parametrize("name", BACKENDS)
def test_an_operation(monkeypatch: pytest.MonkeyPatch, name: Any) -> None:
    if missing := BACKENDS[name].missing():
        pytest.skip(missing)
    nearest = Primitive("nearest", 1, np.rint, library="rint", llvm="llvm.rint")
    monkeypatch.setitem(PRIMITIVES, "nearest", nearest)
    program = Program(("x",), (), (Operation("nearest", (0,)), Operation("+", (0, 1))), (2,))
    executor = Executor(program.checked(), LAYOUT, Options(None, False, 1, name))
    assert executor([np.array([[0.4], [0.6], [2.5]])], 3).tolist() == [[0.4, 1.6, 4.5]]


def test_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def count_operations(program: Program) -> Program:
        seen.append(len(program))
        return program

    monkeypatch.setattr(pipeline, "PASSES", (*pipeline.PASSES, count_operations))
    assert compile(lambda x: x * x + x * x)(3.0) == 18.0
    assert seen == [2]


class Python:
    """Evaluates a program on Python's floats, row by row, backwards, which nobody may notice."""

    name = "python"
    plan = staticmethod(planned)

    def missing(self) -> str:
        return ""

    def compile(self, plan: Plan) -> Plan:
        return plan

    def load(self, code: Plan) -> PythonKernel:
        return PythonKernel(code)


class PythonKernel:
    reduces, block, cost = False, 1, 10**9

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.outputs = len(plan.program.outputs)

    def run(
        self, arrays: Sequence[Any], first: int, rows: int, out: Any, divisor: float = 1.0
    ) -> None:
        program, layout = self.plan.program, self.plan.layout
        for row in reversed(range(first, first + rows)):
            numbers = [
                float(arrays[group][row, place] if layout.groups[group].varies else array[place])
                for group, place in layout.places()
                for array in (arrays[group],)
            ]
            numbers += program.constants
            for op, operands in program.operations:
                numbers.append(float(PRIMITIVES[op].on_arrays(*[numbers[x] for x in operands])))
            out[:, row] = [numbers[slot] for slot in program.outputs]

    def repeated(self, rows: int, divisor: float) -> Callable[[Sequence[Any]], tuple[Any, Any]]:
        return run_alone(self)


def test_a_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKENDS, "python", Python())
    name: Any = "python"
    slope = grad(lambda w, x: tanh(w * x))
    rows = np.linspace(-2.0, 2.0, 33)
    for reduce in (None, "mean"):
        found = compile(slope, (None, 0), reduce, backend=name, threads=3)(0.5, rows)
        assert found == pytest.approx(
            compile(slope, (None, 0), reduce, backend="numpy")(0.5, rows), rel=1e-14
        )
    assert compile(slope, backend=name)(0.5, 2.0) == pytest.approx(slope(0.5, 2.0), rel=1e-14)
