"""The writer of LLVM's intermediate representation: what it writes is well formed, and runs."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.compiler.backends.llvm.writer import Writer, declaration, literal, merged, type_of

binding = pytest.importorskip("llvmlite.binding")


def run(write: Callable[[Writer], str], *numbers: int, result: str = "i64") -> Any:
    """Write a function of integers `%a`, `%b`, and call it."""
    writer = Writer(1)
    value = write(writer)
    names = "ab"[: len(numbers)]
    head = f"define {result} @f({', '.join(f'i64 %{name}' for name in names)}) {{"
    lines = [*writer.declarations, head, "entry:", *writer.lines, f"  ret {result} {value}", "}"]
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    module = binding.parse_assembly("\n".join(lines))
    module.verify()
    machine = binding.Target.from_default_triple().create_target_machine()
    engine = binding.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    kind = ctypes.c_int64 if result == "i64" else ctypes.c_double
    function = ctypes.CFUNCTYPE(kind, *[ctypes.c_int64] * len(numbers))
    return function(engine.get_function_address("f"))(*numbers)


@given(count=st.integers(1, 50), a=st.integers(-9, 9))
def test_what_is_carried_goes_from_round_to_round(count: int, a: int) -> None:
    def write(writer: Writer) -> str:
        with writer.loop(count, ["%a", "0"], "i64") as loop:
            total, rounds = loop.values
            grown = writer.let(f"add i64 {total}, {loop.counter}")
            loop.carry([grown, writer.let(f"add i64 {rounds}, 1")])
        return writer.let(f"mul i64 {loop.values[0]}, {loop.values[1]}")

    assert run(write, a) == (a + count * (count - 1) // 2) * count


@given(outer=st.integers(1, 5), inner=st.integers(1, 5))
def test_loops_in_loops_carry_their_own(outer: int, inner: int) -> None:
    def write(writer: Writer) -> str:
        with writer.loop(outer, ["0"], "i64") as rows:
            with writer.loop(inner, rows.values, "i64") as columns:
                product = writer.let(f"mul i64 {rows.counter}, {columns.counter}")
                columns.carry([writer.let(f"add i64 {columns.values[0]}, {product}")])
            rows.carry(columns.values)
        return rows.values[0]

    assert run(write) == sum(i * j for i in range(outer) for j in range(inner))


@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_count_that_is_known_when_it_runs_may_be_0(count: int) -> None:
    def write(writer: Writer) -> str:
        writer.lines += ["  %memory = alloca double", "  store double 0.0, ptr %memory"]
        with writer.loop("%a"):
            writer.add_to(literal(0.5), "%memory")
        return writer.load("%memory")

    assert run(write, count, result="double") == 0.5 * count


@given(st.integers(-50, 50), st.integers(0, 5), st.sampled_from(["0", "%b"]))
def test_indices_are_not_computed_where_they_are_known(a: int, factor: int, other: str) -> None:
    def write(writer: Writer) -> str:
        return writer.plus(writer.times("%a", factor), other)

    assert run(write, a, 3) == a * factor + (3 if other == "%b" else 0)
    known = Writer(1)
    assert known.plus(known.times("%a", 1), "0") == "%a"
    assert known.times("%a", 0) == known.plus("0", "0") == "0"
    assert known.lines == []


def test_texts_are_put_together_with_each_declaration_once() -> None:
    declared = declaration(type_of(4), "f", 2)
    assert merged(declared, "x", declared, "y") == f"{declared}\nx\ny\n"
