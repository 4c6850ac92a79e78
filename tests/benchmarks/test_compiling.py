from __future__ import annotations

import pytest

from benchmarks import compiling
from benchmarks.compiling import COLUMNS, FAMILIES, ROOT, STAGES


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_can_be_compiled(family: str) -> None:
    from autograd import compile

    work = FAMILIES[family][0](4)
    compile(work.function, **work.options, backend="numpy")(*work.arguments)


def test_each_stage_takes_its_time() -> None:
    found = compiling.in_checkout(ROOT, "max", 40)
    assert set(COLUMNS) == set(STAGES)
    stages = sum(found[name] for name in COLUMNS)
    assert 0.0 < stages <= found["seconds"] + 0.1
    assert found["operations"] > 40.0
    assert found["call"] > 0.0 < found["bytes"]


def test_sizes_stand_beside_each_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measured(folder: object, family: str, size: int) -> dict[str, float]:
        times = {"seconds": 2.0 * size, "bytes": 1e3 * size, "call": 1e-6}
        return {**times, "nodes": 3.0 * size, "operations": 3.0 * size, "LLVM": 1.0}

    monkeypatch.setattr(compiling, "in_checkout", measured)
    compiling.main(["--only", "sum", "--sizes", "10", "100", "--beside", str(ROOT)])
    said = capsys.readouterr().out
    assert "10.0x the work, 10.0x the time, 10.0x the memory" in said
    assert "theirs over ours: seconds 1.00x, bytes 1.00x, call 1.00x" in said
