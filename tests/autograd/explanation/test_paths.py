"""The chain rule spelled out, against an enumeration of every path in exact arithmetic."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from fractions import Fraction
from itertools import accumulate
from operator import mul
from types import SimpleNamespace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import autograd
from autograd import Value, no_grad, relu, sqrt
from autograd.explanation import (
    MOST_PATHS,
    Explanation,
    Path,
    explain,
)
from autograd.explanation.notation import LONGEST
from autograd.formatting import names
from autograd.graph import topological_order
from autograd.value import new_node
from tests.autograd.explanation.graphs import check_latex, labelled, worked_example
from tests.autograd.naive import Program, programs

# --- the worked example --------------------------------------------------------------------------


def test_w5_of_the_worked_example() -> None:
    nodes = worked_example()
    found = explain(nodes["E"], nodes["w5"])
    assert str(found) == repr(found) == found.text
    assert found.text == (
        "∂E/∂w5 = ∂E/∂out_o1 · ∂out_o1/∂net_o1 · ∂net_o1/∂w5 "
        "= 0.7413650696 × 0.1868156018 × 0.5932699921 = 0.0821670406"
    )
    assert found.latex == (
        r"\frac{\partial E}{\partial w_{5}} = "
        r"\frac{\partial E}{\partial \mathrm{out}_{o1}} \cdot "
        r"\frac{\partial \mathrm{out}_{o1}}{\partial \mathrm{net}_{o1}} \cdot "
        r"\frac{\partial \mathrm{net}_{o1}}{\partial w_{5}} = "
        r"0.7413650696 \times 0.1868156018 \times 0.5932699921 = 0.0821670406"
    )
    assert found._repr_latex_() == rf"$\displaystyle {found.latex}$"
    [path] = found.paths
    assert path.names == ("E", "out_o1", "net_o1", "w5")
    assert [*map(id, path.nodes)] == [id(nodes[name]) for name in path.names]
    assert path.factors == pytest.approx(
        (0.7413650695523157, 0.18681560180895948, 0.5932699921071872), rel=1e-15
    )
    assert path.contribution == pytest.approx(0.08216704056423077, rel=1e-14)
    assert path.share == pytest.approx(1.0)
    assert found.count == 1
    assert abs(found.remainder) <= found.rounding < 1e-14 * found.total


def test_w1_of_the_worked_example() -> None:
    nodes = worked_example()
    found = explain(nodes["E"], nodes["w1"])
    assert found.text == (
        "∂E/∂w1 = 0.0004385677, the sum over 2 paths:\n"
        "  1. ∂E/∂out_o1 · ∂out_o1/∂net_o1 · ∂net_o1/∂out_h1 · ∂out_h1/∂net_h1 · ∂net_h1/∂w1 = "
        "0.7413650696 × 0.1868156018 × 0.4 × 0.2413007086 × 0.05 = 0.000668396 (152.4 %)\n"
        "  2. ∂E/∂out_o2 · ∂out_o2/∂net_o2 · ∂net_o2/∂out_h1 · ∂out_h1/∂net_h1 · ∂net_h1/∂w1 = "
        "(−0.2170715347) × 0.1755100528 × 0.5 × 0.2413007086 × 0.05 = −0.0002298283 (−52.4 %)"
    )
    assert found.total == pytest.approx(0.0004385677344743465, rel=1e-13)
    assert math.fsum(path.share for path in found.paths) == pytest.approx(1.0, rel=1e-12)
    assert repr(found.paths[1]) in found.text
    rows = found.latex.splitlines()
    assert rows[0] == r"\begin{aligned}"
    assert rows[3].startswith(r"&= \underbrace{0.7413650696 \times 0.1868156018")
    assert rows[4].endswith(r"\times 0.05}_{-0.0002298283\ (-52.4\,\%)} \\")
    assert rows[5:] == ["&= 0.0004385677", r"\end{aligned}"]


def test_the_stations_can_be_chosen() -> None:
    nodes = worked_example()
    error, bias = nodes["E"], nodes["b2"]
    assert explain(error, nodes["w1"], through=[]).text == "∂E/∂w1 = 0.0004385677"
    stations = (nodes[name] for name in ("net_o1", "w1", "out_h1"))  # but one lies in between
    found = explain(error, bias, through=stations)
    assert [path.names for path in found.paths] == [("E", "net_o1", "b2"), ("E", "b2")]
    assert "\n  2. ∂E/∂b2 directly = −0.0380982365 (−37.95 %)" in found.text
    direct = r"\left. \frac{\partial E}{\partial b_{2}} \right|_{\text{direct}}"
    assert direct in found.latex
    everything = explain(error, bias, through="all")
    assert [len(path.nodes) for path in everything.paths] == [7, 7]
    assert everything.paths[0].names[:2] == ("E", "v18")
    called = names(topological_order(error))
    for path in everything.paths:
        assert path.names == tuple([called[node] for node in path.nodes])
    assert everything.total == found.total


# --- against every path --------------------------------------------------------------------------


def every_path(
    output: Value, wrt: Value, stations: set[Value]
) -> dict[tuple[Value, ...], list[Fraction]]:
    """Follow every path, and collect its exact product under the stations that it meets."""
    found: dict[tuple[Value, ...], list[Fraction]] = {}
    steps = 0

    def follow(node: Value, met: tuple[Value, ...], product: Fraction) -> None:
        nonlocal steps
        steps += 1
        assume(steps < 5_000)
        if node is wrt:
            found.setdefault((*met, node), []).append(product)
            return
        if not met or node in stations:
            met = (*met, node)
        for parent, derivative in zip(node.parents, node.local_derivatives, strict=True):
            follow(parent, met, product * Fraction(derivative))

    follow(output, (), Fraction(1))
    return found


functions = SimpleNamespace(**vars(autograd.functions))


@st.composite
def questions(draw: st.DrawFn) -> tuple[Value, Value, set[Value] | None]:
    """A graph with some labels, two nodes of it, and perhaps stations."""
    program: Program = draw(programs(max_size=9))
    values = program.run(functions, [Value(leaf) for leaf in program.leaves])
    nodes = topological_order(*values[-3:])
    for node in nodes:
        node.label = draw(st.none() | st.sampled_from(["", "a", "b", "x_1"]))
    output, wrt = values[-1], draw(st.sampled_from(values))
    stations = draw(st.none() | st.sets(st.sampled_from(nodes), max_size=5))
    return output, wrt, stations


@given(questions(), st.integers(1, 12))
def test_the_largest_paths_of_random_graphs(
    question: tuple[Value, Value, set[Value] | None], limit: int
) -> None:
    output, wrt, through = question
    found = explain(output, wrt, limit=limit, through=through)
    before = wrt.grad
    output.zero_grad()
    output.backward()
    assert before == 0.0
    assert found.total == wrt.grad  # to the bit

    everything = every_path(output, wrt, {*topological_order(output)})
    between = {node for path in everything for node in path} - {output, wrt}
    stations = through if through is not None else {node for node in between if node.label}
    if through is None and not stations:
        stations = between
    expected = every_path(output, wrt, stations)
    assert found.count == len(expected)
    assert len(found.paths) == min(found.count, limit)
    assert len({path.nodes for path in found.paths}) == len(found.paths)

    scale = float(sum(sum(map(abs, products)) for products in expected.values()))
    slack = 1e-12 * scale + 1e-300
    for path in found.paths:
        assert path.contribution == pytest.approx(float(sum(expected[path.nodes])), abs=slack)
        assert [*accumulate(path.factors, mul, initial=1.0)][-1] == path.contribution
        assert len(path.nodes) == len(path.names) == len(path.factors) + 1
        if abs(found.total) > slack:
            assert path.share == path.contribution / found.total
    sizes = [abs(path.contribution) for path in found.paths]
    assert sizes == sorted(sizes, reverse=True)
    largest = sorted((abs(float(sum(p))) for p in expected.values()), reverse=True)
    assert sizes == pytest.approx(largest[:limit], abs=slack)

    listed = math.fsum(path.contribution for path in found.paths)
    assert listed + found.remainder == pytest.approx(found.total, abs=slack)
    assert math.fsum([listed, found.remainder]) == pytest.approx(found.total, rel=1e-12, abs=slack)
    if found.count <= limit:
        assert abs(found.remainder) <= found.rounding
    assert found.rounding <= slack
    check_text(found)
    check_latex(found.latex)


@given(questions())
def test_derivatives_along_every_node_multiply_to_the_paths(
    question: tuple[Value, Value, set[Value] | None],
) -> None:
    output, wrt, _ = question
    expected = every_path(output, wrt, {*topological_order(output)})
    found = explain(output, wrt, limit=5_000, through="all")
    assert {path.nodes for path in found.paths} == {*expected}
    assert abs(found.remainder) <= found.rounding


def check_text(found: Explanation) -> None:
    lines = found.text.splitlines()
    if found.count < 2:
        assert len(lines) == 1
    else:
        rest = found.count > len(found.paths) or lines[-1].startswith("  and rounding: ")
        assert len(lines) == 1 + len(found.paths) + rest
        assert f"the sum over {found.count} paths" in lines[0]
    assert "-" not in found.text  # but a minus sign


# --- many paths, and long ones -------------------------------------------------------------------


def diamonds(x: Value, count: int, *sides: float) -> Value:
    for _ in range(count):
        x = autograd.sum([x * side for side in sides])
    return x


def test_a_chain_of_diamonds_has_too_many_paths_to_list() -> None:
    x = Value(2.0, "x")
    found = explain(diamonds(x, 60, 0.5, 0.25), x, limit=62)
    assert found.count == MOST_PATHS + 1
    assert len(found.paths) == 62
    contributions = [path.contribution for path in found.paths]
    assert contributions == [0.5**60] + [0.5**61] * 60 + [0.5**62]
    assert len({path.nodes for path in found.paths}) == 62
    assert found.total == pytest.approx(0.75**60)
    assert math.fsum([*contributions, found.remainder]) == pytest.approx(found.total, rel=1e-12)
    lines = found.text.splitlines()
    heading = ", the sum over more than 10^15 paths, the largest 62 of which are:"
    assert lines[0].endswith(heading)
    assert lines[-1] == "  and more than 10^15 other paths: 3.18915629e−8 (100 %)"
    assert "… 109 more …" in lines[1]
    assert r"\underbrace{\cdots}_{109}" in found.latex
    assert r"{\text{more than }10^{15}\text{ other paths}\ (100\,\%)}" in found.latex
    check_latex(found.latex)


@pytest.mark.parametrize(("count", "said"), [(9, "1,024"), (49, "more than 10^15")])
def test_paths_are_counted_up_to_a_limit(count: int, said: str) -> None:
    x = Value(2.0, "x")
    found = explain(diamonds(x, count + 1, 0.5, 0.5), x, limit=3)
    assert found.count == min(2 ** (count + 1), MOST_PATHS + 1)
    assert f"the sum over {said} paths, the largest 3 of which are:" in found.text
    assert ("and 1,021 other paths: 0.9970703125 (99.71 %)" in found.text) == (count == 9)


def test_one_other_path() -> None:
    x = Value(2.0, "x")
    found = explain(diamonds(x, 1, 0.5, 0.25), x, limit=1)
    assert found.text.splitlines()[-1] == "  and 1 other path: 0.25 (33.33 %)"


@pytest.mark.no_cover
def test_counting_does_not_build_huge_numbers() -> None:
    x = Value(1.0, "x")
    found = explain(diamonds(x, 5_000, 0.5, 0.5), x, limit=2)
    assert found.count == MOST_PATHS + 1
    assert (found.total, found.remainder) == (1.0, 1.0)
    assert len(found.paths[0].factors) == 10_000


def test_a_node_of_many_children_keeps_the_largest_only() -> None:
    x = Value(1.0, "x")
    coefficients = [((7919 * i) % 10_007) / 1000 for i in range(10_007)]
    found = explain(autograd.sum([x * c for c in coefficients]), x, limit=5)
    assert found.count == 10_007
    assert [path.contribution for path in found.paths] == sorted(coefficients)[:-6:-1]


def test_ties_are_listed_in_the_order_in_which_they_are_found() -> None:
    x = Value(1.0, "x")
    output = autograd.sum([x * 2.0 for _ in range(500)])
    first = [path.names for path in explain(output, x, limit=3).paths]
    assert first == [path.names for path in explain(output, x, limit=400).paths][:3]


@pytest.mark.slow
@pytest.mark.no_cover
@pytest.mark.usefixtures("without_collector")
def test_a_chain_of_tens_of_thousands_of_nodes() -> None:
    x = Value(1.0, "x")
    y = x
    for _ in range(20_000):
        y = y + 1.0
    found = explain(y, x)
    assert (found.total, found.count) == (1.0, 1)
    assert len(found.paths[0].factors) == 20_000
    assert len(found.text) < 1_000
    assert "∂v19995/∂v19994 · … 19,989 more … · ∂v5/∂v4" in found.text
    assert len(found.latex) < 2_000
    assert found.paths[0].text.endswith("× 1 = 1 (100 %)")


def test_two_stations_with_a_long_way_between_them() -> None:
    x = y = Value(1.0, "x")
    for _ in range(5_000):
        y = y + 1.0
    y = labelled(labelled(y, "end") * 2.0, "y")
    assert explain(y, x).text == "∂y/∂x = ∂y/∂end · ∂end/∂x = 2 × 1 = 2"


@pytest.mark.parametrize("length", [LONGEST, LONGEST + 1])
def test_long_paths_are_abbreviated(length: int) -> None:
    x = y = Value(1.0, "x")
    for _ in range(length):
        y = y * 3.0
    text = explain(y, x).text
    assert ("…" in text) == (length > LONGEST)
    assert text.count("∂v") + text.count("∂x") == 2 + 2 * length - 2 * (length > LONGEST) * 2


def test_the_work_is_restricted_to_what_lies_in_between() -> None:
    x, other = Value(1.0, "x"), Value(1.0, "other")
    found = explain(diamonds(other, 100, 0.5, 0.5) * (x * 3.0), x)
    assert (found.count, found.total) == (1, 3.0)
    assert len(found.paths[0].nodes) == 3


# --- odd cases -----------------------------------------------------------------------------------


def test_a_node_with_respect_to_itself() -> None:
    y = labelled(Value(2.0, "x") * 3.0, "y")
    found = explain(y, y)
    assert found.paths == (Path((y,), ("y",), (), 1.0, 1.0),)
    assert found.text == "∂y/∂y = 1"
    assert found.paths[0].text == "1 (100 %)"
    assert explain(Value(2.0), Value(2.0)).count == 0


def test_no_dependence() -> None:
    y, z = labelled(Value(2.0, "x") * 3.0, "y"), Value(1.0, "z")
    found = explain(y, z)
    assert (found.paths, found.count, found.total, found.remainder) == ((), 0, 0.0, 0.0)
    assert found.text == "∂y/∂z = 0: y does not depend on z"
    assert found.latex == r"\frac{\partial y}{\partial z} = 0"
    with no_grad():
        paused = z * 2.0
    assert explain(paused, z).count == 0


def test_a_constant() -> None:
    square = labelled(Value(3.0, "x") ** 2, "y")
    assert explain(square, square.parents[1]).text == "∂y/∂2 = 0"
    product = labelled(Value(3.0, "x") * 2.0, "y")
    assert explain(product, product.parents[1]).text == "∂y/∂2 = 3"


def test_parallel_links_are_one_factor() -> None:
    a = Value(3.0, "a")
    assert explain(a * a, a).paths[0].factors == (6.0,)


def test_an_interior_node() -> None:
    x = Value(3.0, "x")
    h = labelled(x * 2.0, "h")
    y = labelled(h * h, "y")
    assert explain(y, h).text == "∂y/∂h = 12"
    assert explain(y, x).text == "∂y/∂x = ∂y/∂h · ∂h/∂x = 12 × 2 = 24"


def test_zero_times_infinity_is_zero_as_in_backward() -> None:
    x = Value(0.0, "x")
    root = labelled(sqrt(x), "root")
    y = labelled(root * 0.0 + x * 2.0, "y")
    found = explain(y, x)
    y.backward()
    assert found.total == x.grad == 2.0
    assert [path.contribution for path in found.paths] == [2.0, 0.0]
    assert found.paths[1].factors == (0.0, math.inf)
    assert found.text.endswith("∂y/∂root · ∂root/∂x = 0 × inf = 0 (0 %)")
    assert r"0 \times \infty" in found.latex
    # The other way round it is nan, there as here.
    z = sqrt(x * 0.0)
    z.backward()
    assert math.isnan(x.grad)
    assert math.isnan(explain(z, x).total)


LINKS: dict[str, Callable[[Value], Value]] = {  # choices, infinite slopes, a 0 that varies
    "cbrt": autograd.cbrt,
    "relu": relu,
    "leaky_relu": autograd.leaky_relu,
    "sign": autograd.sign,
    "maximum": lambda x: autograd.maximum(x, Value(0.5)),
    "where": lambda x: autograd.where(x > 0.0, x, Value(0.0)),
    "times 2": lambda x: x * 2.0,
    "times 0": lambda x: x * Value(0.0),
    "times nan": lambda x: new_node(0.0, (x,), (math.nan,), "odd"),
}


@given(
    st.sampled_from([-1.0, 0.0, 1.0]),
    st.lists(st.sampled_from([*LINKS]), min_size=2, max_size=6),
    st.sets(st.integers(0, 5)),
)
def test_a_branch_that_is_not_taken_contributes_nothing_as_in_backward(
    start: float, chosen: list[str], stations: set[int]
) -> None:
    nodes = [Value(start, "x")]
    for name in chosen:
        nodes.append(LINKS[name](nodes[-1]))
    nodes[-1].backward()
    for through in ("all", [nodes[i] for i in stations if i < len(nodes)]):
        found = explain(nodes[-1], nodes[0], through=through)
        [path] = found.paths
        same = pytest.approx(nodes[0].grad, rel=1e-14, abs=0.0, nan_ok=True)  # in another order
        assert path.contribution == same
        assert found.total == same
        assert "overflow" not in found.text
        assert {type(x) for x in (*path.factors, path.contribution)} == {float}


def test_branches_that_meet_at_a_station_contribute_nothing() -> None:
    x = Value(-1.0, "x")
    inner = labelled(relu(x) + relu(x * 2.0), "inner")
    y = labelled(autograd.cbrt(inner), "y")
    found = explain(y, x)
    assert (found.total, found.remainder) == (0.0, 0.0)
    assert [(path.factors, path.contribution) for path in found.paths] == [((math.inf, 0.0), 0.0)]
    # Not so where one of them varies, or at a kink, which says nothing of nan.
    varying = labelled(relu(x) + x * Value(0.0), "varying")
    assert math.isnan(explain(labelled(autograd.cbrt(varying), "y"), x).paths[0].contribution)
    kink = Value(0.0, "k")
    both = labelled(relu(kink) + relu(kink - 1.0), "both")
    for output in (autograd.cbrt(both), new_node(0.0, (both,), (math.nan,), "odd")):
        found = explain(labelled(output, "y"), kink)
        assert str(found.paths[0].contribution) == str(found.total)


@pytest.mark.parametrize("derivative", [math.nan, math.inf, -math.inf, 1e-300])
def test_stations_are_kept_where_their_sum_is_the_total(derivative: float) -> None:
    x = Value(1.0, "x")
    a = x * 2.0
    b = labelled(new_node(1.0, (a,), (derivative,), "odd"), "b")
    found = explain(labelled(b * 3.0, "y"), x, through=[b])
    assert [len(path.factors) for path in found.paths] == [2]  # through b, and not through a
    assert str(found.paths[0].contribution) == str(found.total)


def test_infinite_and_nan_contributions_come_first() -> None:
    x = Value(0.0, "x")
    root = labelled(sqrt(x), "root")
    odd = labelled(new_node(0.0, (x,), (math.nan,), "odd"), "odd")
    y = labelled(x * 1e300 + root + odd - root * 2.0, "y")
    found = explain(y, x, limit=2)
    assert {*map(str, [path.contribution for path in found.paths])} == {"nan", "-inf"}
    assert math.isnan(found.total)
    assert math.isnan(found.remainder)
    assert math.isnan(found.paths[0].share)
    assert "%" not in found.text
    assert "nan" in found.text
    check_latex(found.latex)
    assert math.isnan(explain(root - sqrt(x), x, limit=1, through="all").remainder)


def test_infinities_of_both_signs_that_are_listed() -> None:
    x = Value(0.0, "x")
    found = explain(sqrt(x) - sqrt(x) + x * 2.0, x, limit=2)
    assert {path.contribution for path in found.paths} == {math.inf, -math.inf}
    assert math.isnan(found.total)
    assert math.isnan(found.remainder)


def test_nothing_is_a_share_of_infinity() -> None:
    x = Value(0.0, "x")
    found = explain(sqrt(x) + x * 2.0, x)
    assert found.total == math.inf
    assert [path.contribution for path in found.paths] == [math.inf, 2.0]
    assert all(math.isnan(path.share) for path in found.paths)
    assert found.remainder == 0.0
    assert math.isnan(explain(found.output, x, limit=1).remainder)


def test_paths_that_cancel_have_no_shares() -> None:
    x = Value(1.0, "x")
    found = explain(x * 2.0 - x * 2.0, x)
    assert (found.total, found.count) == (0.0, 2)
    assert "%" not in found.text
    assert "= 0, the sum over 2 paths" in found.text


def test_paths_through_a_dead_unit_are_paths() -> None:
    x = Value(-1.0, "x")
    found = explain(relu(x) + x * 3.0, x)
    assert [path.contribution for path in found.paths] == [3.0, 0.0]


def test_results_are_plain_data() -> None:
    x = Value(1.0, "x")
    found = explain(x * 2.0, x)
    assert isinstance(found, Explanation)
    with pytest.raises(AttributeError):
        found.total = 3.0  # type: ignore[misc]
    copied = pickle.loads(pickle.dumps(found))
    assert copied.text == found.text
    assert x.grad == 0.0


# --- names ---------------------------------------------------------------------------------------


@given(questions())
def test_a_node_has_the_same_name_everywhere(
    question: tuple[Value, Value, set[Value] | None],
) -> None:
    output, wrt, through = question
    called = names([*topological_order(output), wrt])
    found = explain(output, wrt, through=through)
    assert found.names == (called[output], called[wrt])
    for path in found.paths:
        assert path.names == tuple([called[node] for node in path.nodes])
    table = explain(output, [wrt])
    assert (table.name, table.rows[0].name) == found.names


# --- factors that a float cannot hold ------------------------------------------------------------


def test_a_factor_that_overflows_between_stations_is_taken_apart() -> None:
    x = Value(1e-300, "x")
    a = labelled(x * 1.0, "a")
    b = labelled((a * 1e200) * 1e200, "b")
    found = explain(labelled(b * 1e-200, "E"), x)
    assert found.text == (
        "∂E/∂x = ∂E/∂b · ∂b/∂v1 · ∂v1/∂a · ∂a/∂x = 1e−200 × 1e200 × 1e200 × 1 = 1e200"
    )
    assert found.paths[0].contribution == found.total == 1e200


@pytest.mark.parametrize("through", ["labels", "given"])
@pytest.mark.parametrize(
    ("above", "between"),
    [
        (1e300, (1e-200, 1e-200)),
        (1e300, (1e-160, 1e-160)),
        (1e300, (1e-200, 1e-120, 1.5)),
        (1e-100, (1e-200, 1e200, 1e200)),
        (-1e-100, (1e200, 1e200, -1e-200)),
        (1e100, (1e-200, 1e-200, 1e200)),
    ],
)
def test_a_factor_that_a_float_cannot_hold_is_taken_apart(
    through: str, above: float, between: tuple[float, ...]
) -> None:
    x = y = labelled(Value(1.0, "x") * 1.0, "a")
    for factor in between:
        y = y * factor
    y = labelled(labelled(y, "b") * above, "E")
    stations = None if through == "labels" else [y.parents[0]]
    found = explain(y, x, through=stations)
    y.backward()
    assert found.total == x.grad
    assert math.isfinite(found.total)
    [path] = found.paths
    assert path.contribution == pytest.approx(found.total, rel=1e-14)
    assert path.share == pytest.approx(1.0)
    assert {0.0, math.inf}.isdisjoint(path.factors)


def test_a_derivative_that_overflows_is_not_told_as_a_product_that_does_not() -> None:
    x = Value(1.0, "x")
    b = labelled(x * 1e-200 * 1e-200 * 1e200, "b")
    found = explain(labelled(b * 1e300, "E"), x)
    assert found.text.endswith(" = 1e300 × 1e200 × 1e−200 × 1e−200 = inf")


def test_of_several_paths_too_each_is_taken_apart() -> None:
    x = Value(1.0, "x")
    lost = labelled((x * 1e-199) * 1e-199, "lost")
    kept = labelled(x * 3e-99, "kept")
    found = explain(labelled(lost * 1e300 + kept, "E"), x, limit=1)
    [path] = found.paths
    assert path.contribution == pytest.approx(1e-98)  # the larger one
    assert found.total == pytest.approx(1.3e-98)
    assert found.remainder == pytest.approx(3e-99)


def test_a_factor_that_underflows_in_the_backward_pass_too_is_zero() -> None:
    x = Value(1.0, "x")
    y = labelled(labelled((x * 1e-200) * 1e-200, "b") * 1.0, "E")
    found = explain(y, x)
    assert found.text == "∂E/∂x = ∂E/∂b · ∂b/∂x = 1 × 0 = 0"


def test_what_no_stations_can_mend_is_said() -> None:
    x = Value(1.0, "x")
    square = labelled(new_node(0.0, (x, x), (1e308, 1e308), "odd"), "s")
    text = explain(labelled(square * 1e-100, "E"), x).text
    assert text.splitlines() == [
        "∂E/∂x = 2e208, the sum over 1 path:",
        "  1. ∂E/∂s · ∂s/∂x = 1e−100 × inf = inf (inf %)",
        "  and overflow: −inf",
    ]


# --- what rounding does --------------------------------------------------------------------------


def test_a_rest_within_rounding_is_said_to_be_nothing() -> None:
    x = Value(1.0, "x")
    large = [x * (0.1 * i) for i in range(1, 11)]
    small = [x * 1e-17 for _ in range(3)]
    found = explain(labelled(autograd.sum([*large, *small]), "y"), x, limit=10)
    listed = [path.contribution for path in found.paths]
    assert found.remainder == math.fsum([found.total, *(-c for c in listed)])
    assert abs(found.remainder) <= found.rounding < 1e-13
    assert found.text.splitlines()[-1] == "  and 3 other paths: 0 within rounding"
    assert r"\underbrace{0}_{\text{3 other paths, within rounding}}" in found.latex
    check_latex(found.latex)


def test_a_small_rest_that_is_more_than_rounding_is_told() -> None:
    x = Value(1.0, "x")
    found = explain(x * 1.0 + x * 1e-12, x, limit=1)
    assert found.text.splitlines()[-1].startswith("  and 1 other path: 1.0000")
    assert found.rounding < 1e-14


def test_rounding_is_relative_to_the_contributions_not_to_their_sum() -> None:
    x = Value(1.0, "x")
    y = labelled(autograd.sum([x * 0.1, x * 0.2, x * -0.3]), "y")
    found = explain(y, x)
    y.backward()
    assert found.total == x.grad
    assert 0.0 < abs(found.total) < 1e-15
    listed = [path.contribution for path in found.paths]
    assert math.fsum([*listed, found.remainder]) == found.total
    assert abs(found.remainder) <= found.rounding < 1e-14
    assert all(math.isnan(path.share) for path in found.paths)
    assert "%" not in found.text
    assert found.text.splitlines()[-1].startswith("  and rounding: ")
    assert r"_{\text{rounding}}" in found.latex
    check_latex(found.latex)


def test_there_are_shares_of_a_total_that_is_merely_small() -> None:
    x = Value(1.0, "x")
    found = explain(x * 1.0 - x * (1.0 - 1e-9), x)
    assert found.paths[0].share == pytest.approx(1e9)
    assert "%" in found.text


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=5))
def test_listed_paths_and_remainder_add_up(limit: int, coefficients: list[float]) -> None:
    x = Value(1.0, "x")
    found = explain(autograd.sum([x * c for c in coefficients]), x, limit=limit)
    listed = [path.contribution for path in found.paths]
    scale = math.fsum(map(abs, coefficients))
    assert found.remainder == math.fsum([found.total, *(-c for c in listed)])
    assert abs(math.fsum([*listed, found.remainder]) - found.total) <= 1e-15 * scale


def test_contributions_whose_sum_overflows_on_the_way() -> None:
    x = Value(1.0, "x")
    found = explain(autograd.sum([x * c for c in (1.5e308, -1.4e308, 1.6e308, -1.3e308)]), x)
    assert found.total == pytest.approx(0.4e308)
    assert abs(found.remainder) <= found.rounding
    assert "overflow" not in found.text
    # Two of them alone are more than a float can hold.
    assert explain(found.output, x, limit=2).remainder == -math.inf


# --- speed ---------------------------------------------------------------------------------------


@pytest.mark.no_cover
def test_many_labelled_outputs_over_one_chain_take_linear_time() -> None:
    x = h = Value(1.0, "x")
    outputs = []
    for i in range(5_000):
        h = h * 1.0
        outputs.append(labelled(h * 2.0, f"o{i}"))
    found = explain(labelled(autograd.sum(outputs), "E"), x, limit=2)
    assert (found.total, found.count) == (10_000.0, 5_000)
    assert [path.factors for path in found.paths] == [(1.0, 2.0)] * 2


def test_derivatives_that_cancel_before_an_infinite_one() -> None:
    x = Value(0.0, "x")
    root = sqrt(x)
    a = labelled(root * 1.0 - root * 1.0, "a")
    found = explain(labelled(a * 2.0 + x, "y"), x)
    assert found.total == 1.0
    assert sorted(path.contribution for path in found.paths) == [0.0, 1.0]
    assert found.paths[0].share == 1.0
    assert explain(found.output, x, limit=1).text.endswith("1 other path: 0 within rounding")
    more = labelled(a * 2.0 + x + labelled(x * 4.0, "b"), "y")
    assert explain(more, x, limit=1).text.endswith("2 other paths: 1 (20 %)")


def test_nan_comes_before_infinity() -> None:
    x = Value(0.0, "x")
    odd = [new_node(0.0, (x,), (d,), "odd") for d in (1.0, math.inf, math.nan, -math.inf, math.nan)]
    for i, node in enumerate(odd):
        node.label = f"n{i}"
    paths = explain(autograd.sum(odd), x).paths
    assert [str(path.contribution) for path in paths] == ["nan", "nan", "inf", "-inf", "1.0"]
    output = new_node(0.0, tuple(odd[:3]), (1.0, math.inf, math.nan), "odd")
    rows = explain(output, odd[:3]).rows
    assert [str(row.derivative) for row in rows] == ["nan", "inf", "1.0"]
