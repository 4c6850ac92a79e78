"""Schedules: every operation once, after its operands, and no number overwritten that is needed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import compile, value_and_grad
from autograd.compiler.arguments import taken
from autograd.compiler.backends.llvm.schedule import (
    CONSTANT,
    COPY,
    ROW,
    TOTAL,
    Inner,
    KernelSchedule,
    Loop,
    Outer,
    Place,
    Region,
    Straight,
    cost,
    inputs_of,
    scheduled,
)
from autograd.compiler.backends.llvm.target import Target
from autograd.compiler.layout import Group, Layout
from autograd.compiler.pipeline import optimise
from autograd.compiler.program import Operation, Program
from nn import MLP, losses
from tests.counting import counting
from tests.programs import FUNCTIONS, Case, cases, same_bits

TARGET = Target("", "", "", "", 1)


def places_of(case: Case) -> dict[int, Place]:
    places = {
        slot: Place(inputs_of(group), place)
        for slot, (group, place) in enumerate(case.layout.places())
    }
    for index in range(len(case.program.constants)):
        places[len(case.program.inputs) + index] = Place(CONSTANT, index)
    return places


def arranged(
    case: Case, target: Target = TARGET, lasting: Any = (), *, reduces: bool = False
) -> KernelSchedule:
    program = case.program
    first = program.first_result
    varying = [
        slot
        for slot, (group, _) in enumerate(case.layout.places())
        if case.layout.groups[group].varies
    ]
    outputs = {slot: number for number, slot in enumerate(program.outputs)}
    slots = range(first, first + len(program))
    places = places_of(case)
    return scheduled(
        target, program, slots, places, outputs, varying, ROW, lasting, reduces=reduces
    )


def offsets(inner: Inner, terms: int) -> Any:
    """How far each term of a sequence is from the first."""
    return inner if isinstance(inner, tuple) else [inner * term for term in range(terms)]


class Machine:
    """Executes a schedule on one row, step by step, by the words of its data classes."""

    def __init__(self, case: Case, schedule: KernelSchedule, lasting: Any = ()) -> None:
        self.case, self.schedule, self.program = case, schedule, case.program
        arrays = case.arrays(1, seed=3)
        self.regions: dict[Region, Any] = {
            inputs_of(number): (array[0] if array.ndim == 2 else array)
            for number, array in enumerate(arrays)
        }
        self.regions[CONSTANT] = np.array(self.program.constants)
        self.regions[ROW] = np.full(schedule.memory, np.nan)
        self.outputs = np.full(len(self.program.outputs), np.nan)
        self.expected = case.expected(arrays, 1)[:, 0]
        for slot, index in schedule.packed.items():
            group, place = case.layout.places()[slot]
            self.regions[ROW][index] = self.regions[inputs_of(group)][place]

    def read(self, region: Region, index: int) -> float:
        return float(self.regions[region][index])

    def apply(self, op: str, operands: list[float]) -> float:
        if op == COPY:
            return operands[0]
        with np.errstate(all="ignore"):
            return float(FUNCTIONS[op](*map(np.float64, operands)))

    def run(self) -> None:
        for step in self.schedule.steps:
            if isinstance(step, Straight):
                self.straight(step)
            elif isinstance(step, Outer):
                self.outer(step)
            elif step.op == TOTAL:
                self.total(step)
            else:
                self.loop(step)

    def straight(self, piece: Straight) -> None:
        first = self.program.first_result
        registers: dict[int, float] = {}
        for slot in piece.slots:
            if piece.computes:
                op, operands = self.program.operations[slot - first]
                registers[slot] = self.apply(
                    op,
                    [
                        registers[x] if x in registers else self.read(*self.schedule.places[x])
                        for x in operands
                    ],
                )
                if slot in self.schedule.stored:
                    place = self.schedule.places[slot]
                    self.regions[place.region][place.offset] = registers[slot]
            else:
                registers[slot] = self.read(*self.schedule.places[slot])
            for offset in self.schedule.copies.get(slot, ()):
                self.regions[ROW][offset] = registers[slot]
            if slot in self.program.outputs and slot not in self.schedule.totalled:
                self.outputs[self.program.outputs.index(slot)] = registers[slot]

    def loop(self, loop: Loop) -> None:
        for start in loop.starts:
            for step in range(loop.length):
                *indices, result, output = [
                    index + step * stride for index, stride in zip(start, loop.strides, strict=True)
                ]
                operands = []
                for column, (region, index) in enumerate(zip(loop.regions, indices, strict=True)):
                    if column < len(loop.inner):
                        operands += [
                            self.read(region, index + offset)
                            for offset in offsets(loop.inner[column], loop.terms)
                        ]
                    else:
                        operands.append(self.read(region, index))
                number = self.apply(loop.op, operands)
                if start[-2] >= 0:
                    self.regions[ROW][result] = number
                if start[-1] >= 0:
                    self.outputs[output] = number

    def total(self, loop: Loop) -> None:
        for start in loop.starts:
            for step in range(loop.length):
                self.outputs[start[-1] + step * loop.strides[-1]] = self.read(
                    ROW, start[0] + step * loop.strides[0]
                )

    def outer(self, outer: Outer) -> None:
        start, stride = outer.columns
        for factor, output, low, high in outer.lines:
            for column in range(low, high):
                one = [factor + term * outer.inner[0] for term in range(outer.terms)]
                two = [start + column * stride + t * outer.inner[1] for t in range(outer.terms)]
                operands = [self.read(ROW, index) for index in one + two]
                op = "*" if outer.terms == 1 else "dot"
                self.outputs[output + column] = self.apply(op, operands)


# --- any program ---------------------------------------------------------------------------------


@settings(max_examples=3 * settings().max_examples // 2)
@given(
    case=cases(whole=False),
    piece=st.sampled_from([1, 2, 5, 1000]),
    rolls=st.booleans(),
    long=st.sampled_from([1, 3, 64]),
    reduces=st.booleans(),
)
def test_a_schedule_computes_what_the_program_does(
    case: Case, piece: int, rolls: bool, long: int, reduces: bool
) -> None:
    target = replace(
        TARGET,
        straight_cost=0 if rolls else 10**9,
        piece_cost=piece,
        rough_piece_cost=piece,
        uncut_cost=0,
        long_sum=long,
        shortest_loop=2,
        shortest_outer=1,
    )
    schedule = arranged(case, target, reduces=reduces and rolls)
    assert rolls or not schedule.rolled
    machine = Machine(case, schedule)
    machine.run()
    first = case.program.first_result
    computed = [place for place, slot in enumerate(case.program.outputs) if slot >= first]
    assert same_bits(machine.outputs[computed], machine.expected[computed])


@given(case=cases(whole=False), piece=st.sampled_from([1, 3]))
def test_what_is_needed_afterwards_is_in_memory_to_the_end(case: Case, piece: int) -> None:
    first = case.program.first_result
    lasting = {slot for slot in range(first, first + len(case.program)) if slot % 3 == 0}
    for straight in (0, 10**9):
        target = replace(
            TARGET,
            straight_cost=straight,
            piece_cost=piece,
            rough_piece_cost=piece,
            uncut_cost=0,
            long_sum=3,
            shortest_loop=2,
        )
        schedule = arranged(case, target, lasting)
        machine = Machine(case, schedule)
        machine.run()
        everything = Program(
            case.program.inputs,
            case.program.constants,
            case.program.operations,
            (*sorted(lasting),),
        )
        arrays = case.arrays(1, seed=3)
        expected = Case(everything, case.layout, case.whole).expected(arrays, 1)[:, 0]
        actual = [machine.read(*schedule.places[slot]) for slot in sorted(lasting)]
        assert same_bits(np.array(actual), expected)


def test_memory_is_used_again() -> None:
    operations = [Operation("neg", (slot,)) for slot in range(1000)]
    program = Program(("x",), (), tuple(operations), (1000,))
    case = Case(program, Layout((Group(1, True),), True), True)
    schedule = arranged(case, replace(TARGET, piece_cost=10, uncut_cost=0))
    assert len(schedule.steps) == 100
    assert schedule.memory <= 2


# --- pieces and loops ----------------------------------------------------------------------------


def test_a_small_program_is_one_piece() -> None:
    program = Program(("x",), (), (Operation("neg", (0,)), Operation("sqrt", (1,))), (2,))
    schedule = arranged(Case(program, Layout((Group(1, True),), True), False))
    assert schedule.steps == [Straight((1, 2))]
    assert schedule.memory == 0
    assert not schedule.rolled


def test_pieces_are_of_a_bounded_size() -> None:
    program = Program(
        ("x", "y"),
        (),
        tuple(Operation("+-*"[slot % 3], (slot, slot + 1)) for slot in range(9999)),
        (10000,),
    )
    schedule = arranged(Case(program, Layout((Group(2, True),), True), False))
    straight = [step for step in schedule.steps if isinstance(step, Straight)]
    assert all(len(step.slots) <= TARGET.rough_piece_cost for step in straight)
    assert len(schedule.steps) < 9999 / TARGET.rough_piece_cost + 2


def test_irregular_sums_are_cut_into_pieces_by_their_terms() -> None:
    generator = np.random.default_rng(0)
    operations = tuple(
        Operation("dot", tuple(int(x) for x in generator.integers(0, 100, 200))) for _ in range(300)
    )
    program = Program(tuple(f"x{i}" for i in range(100)), (), operations, tuple(range(100, 400)))
    schedule = arranged(Case(program, Layout((Group(100, True),), True), False))
    for step in schedule.steps:
        if isinstance(step, Straight) and step.computes:
            assert cost(program, step.slots) <= TARGET.rough_piece_cost + 100


def dense(inputs: int, neurons: int) -> Program:
    """A layer: a net input for each neuron, and an activation."""
    weights = inputs + np.arange(neurons * (inputs + 1)).reshape(neurons, inputs + 1)
    nets = [
        Operation("net", (*map(int, row[:-1]), *range(inputs), int(row[-1]))) for row in weights
    ]
    count = inputs + neurons * (inputs + 1)
    activations = [Operation("tanh", (count + neuron,)) for neuron in range(neurons)]
    outputs = tuple(range(count + neurons, count + 2 * neurons))
    return Program(tuple(f"x{i}" for i in range(count)), (), (*nets, *activations), outputs)


def test_a_layer_is_a_loop_of_sums_and_a_loop_of_activations() -> None:
    layout = Layout((Group(50, True), Group(90 * 51, False)), True)
    schedule = arranged(Case(dense(50, 90), layout, False))
    assert schedule.rolled
    nets, activations = schedule.steps
    assert isinstance(nets, Loop)
    assert (nets.op, nets.terms, nets.length, nets.regions) == (
        "net", 50, 90, (inputs_of(1), ROW, inputs_of(1)),
    )  # fmt: skip
    assert nets.strides[:4] == (51, 0, 51, 1)
    assert nets.inner == (1, 1)
    assert isinstance(activations, Loop)
    assert (activations.op, activations.length, activations.starts[0][-2]) == ("tanh", 90, -1)


def test_columns_of_a_triangle_are_loops() -> None:
    """Their terms are at growing distances, the same ones in all triangles."""
    size, copies = 12, 6
    width = size * (size + 1) // 2
    place = [i * (i + 1) // 2 for i in range(size)]
    operations = tuple(
        Operation(
            "dot",
            (
                *(copy * width + place[i] + j for i in range(j, size)),
                *range(copies * width + j, copies * width + size),
            ),
        )
        for copy in range(copies)
        for j in range(size - 1)
    )
    count = copies * width + size
    outputs = tuple(range(count, count + len(operations)))
    program = Program(tuple(f"x{i}" for i in range(count)), (), operations, outputs)
    case = Case(program, Layout((Group(count, True),), True), False)
    schedule = arranged(case, replace(TARGET, straight_cost=0))
    assert len(schedule.steps) == size - 1
    assert all(isinstance(step, Loop) and step.length == copies for step in schedule.steps)
    machine = Machine(case, schedule)
    machine.run()
    assert same_bits(machine.outputs, machine.expected)


def test_a_program_without_a_pattern_is_not_rolled() -> None:
    generator = np.random.default_rng(0)
    operations = []
    for slot in range(8000):
        operands = tuple(int(x) for x in generator.integers(0, slot + 2, 2))
        operations.append(Operation("+-*/"[generator.integers(4)], operands))
    program = Program(("x", "y"), (), tuple(operations), (8001,))
    assert not arranged(Case(program, Layout((Group(2, True),), True), False)).rolled


def test_the_cost_counts_terms() -> None:
    program = dense(50, 90)
    assert (
        cost(program, range(program.first_result, program.first_result + len(program))) == 90 * 51
    )


def test_layouts_list_their_places() -> None:
    layout = Layout((Group(2, False), Group(0, True), Group(1, True)), True)
    assert layout.places() == [(0, 0), (0, 1), (2, 0)]


def test_scheduling_is_work_linear_in_the_program() -> None:
    def work(size: int) -> int:
        operations = [Operation("+*"[slot % 2], (slot, slot + 1)) for slot in range(size)]
        program = Program(("x", "y"), (), tuple(operations), (size + 1,))
        case = Case(program, Layout((Group(2, True),), True), False)
        with counting() as count:
            arranged(case)
        return count.calls

    assert work(50_000) < 11 * work(5_000)


@pytest.mark.parametrize(
    ("inputs", "sizes", "rolled"),
    [(2, [16, 16, 1], False), (2, [32, 32, 1], True), (64, [16, 1], True), (30, [16, 1], False)],
)
def test_networks_that_are_large_become_loops(inputs: int, sizes: list[int], rolled: bool) -> None:
    model, X, y = MLP(inputs, sizes), np.ones((3, inputs)), np.ones(3)
    step = compile(value_and_grad(lambda model, x, y: losses.hinge(model(x), y)), (None, 0, 0))
    layout = taken("step", (model, X, y), (None, 0, 0)).layout()
    case = Case(optimise(step.program(model, X, y)), layout, whole=False)
    assert arranged(case).rolled == rolled
