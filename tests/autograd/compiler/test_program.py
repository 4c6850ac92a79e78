"""`Program`: as data, as text, checked, and as a graph."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import pytest

pytest.importorskip("numpy")

from autograd import draw, no_grad  # needs what is skipped for above
from autograd.compiler.program import DRAWN, LISTED, Operation, Program
from autograd.compiler.trace import program_of, traced_program
from autograd.graph import topological_order
from autograd.kinds import CONSTANT
from autograd.tracing import UNKNOWN

EXAMPLE = Program(
    ("x", "y"),
    (2.0, -0.0),
    (Operation("*", (0, 2)), Operation("where", (1, 4, 3)), Operation("sin", (0,))),
    (5, 3, 1, 5),
)


def chain(length: int) -> Program:
    """The sine of the sine of …."""
    operations = tuple(Operation("sin", (slot,)) for slot in range(length))
    return Program(("x",), (), operations, (length,))


# --- as data -------------------------------------------------------------------------------------


def test_it_is_data() -> None:
    again = Program(*(getattr(EXAMPLE, name) for name in EXAMPLE.__slots__))
    assert again == EXAMPLE
    assert hash(again) == hash(EXAMPLE)
    assert pickle.loads(pickle.dumps(EXAMPLE)) == copy.deepcopy(EXAMPLE) == EXAMPLE
    with pytest.raises(AttributeError):
        EXAMPLE.inputs = ()  # type: ignore[misc]


def test_its_size() -> None:
    assert len(EXAMPLE) == 3
    assert EXAMPLE.first_result == 4
    assert EXAMPLE.counts() == {"*": 1, "where": 1, "sin": 1}


# --- as text -------------------------------------------------------------------------------------


def test_the_text() -> None:
    assert str(EXAMPLE).splitlines() == [
        "%0 = input x", "%1 = input y", "%2 = 2.0", "%3 = -0.0",
        "%4 = * %0 %2", "%5 = where %1 %4 %3", "%6 = sin %0",
        "output %5 %3 %1 %5",
    ]  # fmt: skip


def test_the_text_of_a_program_of_nothing() -> None:
    assert str(Program((), (), (), ())) == "output"


def test_neighbours_are_written_in_short() -> None:
    names = tuple(f"x{i}" for i in range(9))
    operands = (0, 1, 2, 3, 8, 7, 6, 0, 1, 2)
    text = str(Program(names, (), (Operation("sum", operands),), (9,)))
    assert "%9 = sum %0 … %3 %8 %7 %6 %0 %1 %2\n" in text


def test_the_middle_of_a_long_text_is_left_out() -> None:
    program = chain(12_345)
    lines = str(program).splitlines()
    assert len(lines) == 1 + LISTED + 1 + 1
    assert lines[0] == "%0 = input x"
    assert lines[1 + LISTED // 2] == f"… {12_345 - LISTED:,} more operations …"
    assert lines[-2:] == ["%12345 = sin %12344", "output %12345"]
    assert len(str(chain(LISTED)).splitlines()) == 1 + LISTED + 1


def test_long_lists_of_operands_are_cut() -> None:
    names = tuple(f"x{i}" for i in range(3_000))
    operands = tuple(range(0, 3_000, 2))
    program = Program(names, tuple(map(float, range(500))), (Operation("sum", operands),), operands)
    text = str(program)
    assert f"… and {1_500 - LISTED - 1:,} more" in text
    assert "… 2,800 more inputs …" in text
    assert "… 300 more constants …" in text
    assert max(map(len, text.splitlines())) < 2_000


# --- checked -------------------------------------------------------------------------------------


def test_a_sound_program_is_given_back() -> None:
    assert EXAMPLE.checked() is EXAMPLE
    assert chain(1_000).checked()
    operations = (Operation("sum", ()), Operation("dot", ()), Operation("net", (0,)))
    empty = Program((), (), operations, ())
    assert empty.checked() is empty


@pytest.mark.parametrize(
    ("op", "operands", "problem"),
    [
        ("sin", (2,), "%2 = sin %2: reads %2, which is not written yet"),
        ("sin", (3,), "reads %3, which"),
        ("sin", (-1,), "reads %-1, which"),
        ("sine", (0,), "'sine' is not in the table of functions"),
        ("sin", (0, 1), "takes 1 operands, got 2"),
        ("+", (0,), "takes 2 operands, got 1"),
        ("where", (0, 1), "takes 3 operands, got 2"),
        ("·", (0, 0, 0), "takes 2 operands, got 3"),
        ("dot", (0, 1, 0), "takes pairs of operands, got 3"),
        ("net", (0, 1), "takes pairs of operands and a bias, got 2"),
    ],
)
def test_a_malformed_operation(op: str, operands: tuple[int, ...], problem: str) -> None:
    program = Program(("x",), (1.0,), (Operation(op, operands), Operation("exp", (2,))), (2,))
    with pytest.raises(ValueError, match="%2 = ") as error:
        program.checked()
    assert problem in str(error.value)


@pytest.mark.parametrize("output", [-1, 3, 100])
def test_an_output_that_there_is_not(output: int) -> None:
    program = Program(("x",), (1.0,), (Operation("exp", (0,)),), (0, output))
    with pytest.raises(ValueError, match=f"output %{output}: there is no such slot"):
        program.checked()


# --- as a graph ----------------------------------------------------------------------------------


def test_its_graph_has_its_operations() -> None:
    roots = EXAMPLE.graph()
    assert len(roots) == 4
    assert roots[0] is roots[3]
    assert [root.label for root in roots] == ["output 0, 3", "output 1", "y", "output 0, 3"]
    assert [root.op for root in roots] == ["where", CONSTANT, "", "where"]
    condition, product, zero = roots[0].parents
    assert condition is roots[2]
    assert (product.op, zero.data, math.copysign(1.0, zero.data)) == ("*", 0.0, -1.0)
    assert [parent.label for parent in product.parents] == ["x", None]
    unknown = [node for node in topological_order(*roots) if node.data is UNKNOWN]
    assert len(unknown) == 4


def test_its_graph_is_a_trace_of_it() -> None:
    def f(x: Any, y: Any) -> Any:
        return (x * y + 2.0).tanh() / (x - y)

    program = traced_program(f, ["x", "y"])
    with no_grad():
        (root,) = program.graph()
    leaves = {node.label: node for node in topological_order(root) if not node.parents}
    inputs = [leaves[name] for name in program.inputs]
    assert program_of([root], inputs).counts() == program.counts()


def test_a_notebook_shows_its_picture() -> None:
    bundle = EXAMPLE._repr_mimebundle_()
    assert bundle["text/plain"] == str(EXAMPLE)
    assert bundle["image/svg+xml"].count('class="node') == len(topological_order(*EXAMPLE.graph()))


def test_a_notebook_shows_the_text_of_a_large_one() -> None:
    assert [*chain(DRAWN + 1)._repr_mimebundle_()] == ["text/plain"]
    assert [*Program(("x",), (), (), ())._repr_mimebundle_()] == ["text/plain"]
    with pytest.raises(ValueError, match="boxes would be drawn"):
        draw(chain(2_000), fold=None)
