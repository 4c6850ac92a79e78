"""Random programs, run in every way; and whether planted faults are noticed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numpy")
pytest.importorskip("mpmath")

from autograd.rule import Rule
from autograd.rules import RULES
from autograd.testing.programs import Instruction, RandomProgram
from tests import oracle
from tests.fuzz import engines
from tests.fuzz.differential import AGREED, Finding, Point, Report, check, main, shrunk
from tests.fuzz.differential import findings as compared
from tests.fuzz.formulary import DEFINITIONS, is_kink, local, mp
from tests.fuzz.generation import DRAWN, Case, cases, seeded
from tests.table import tame

COUNT = 25


def findings(
    given: Sequence[Case], ways: Sequence[str] = (), variants: Sequence[str] = ()
) -> list[Finding]:
    report = Report()
    check(given, ways, report, variants)
    return [finding for finding in report.take() if finding.kind not in AGREED]


def shown(found: Sequence[Finding]) -> str:
    return "\n".join(str(shrunk(finding)) for finding in found[:3])


# --- what must agree -----------------------------------------------------------------------------


@given(cases(rows=2, max_size=4))
@settings(max_examples=settings().max_examples // 2)
def test_programs(case: Case) -> None:
    found = findings([case], ["numpy"])
    assert not found, shown(found)


@pytest.mark.parametrize("way", [*engines.COMPILED, "c", *engines.PEERS])
def test_programs_in_every_way(way: str) -> None:
    if not engines.available(way):
        pytest.skip(f"{way}: not installed")
    count = 3 if way == "jax" else COUNT  # each is compiled by XLA
    found = findings([seeded(seed) for seed in range(count)], [way])
    assert not found, shown(found)


@pytest.mark.parametrize("variant", engines.VARIANTS)
def test_programs_differentiated_in_every_way(variant: str) -> None:
    found = findings([seeded(1000 + seed) for seed in range(COUNT)], variants=[variant])
    assert not found, shown(found)


# --- the reference -------------------------------------------------------------------------------


BESSEL = ["j0", "j1", "y0", "y1", "i0", "i1", "k0", "k1"]


@pytest.mark.parametrize("name", [name for name in BESSEL if name in DRAWN])
@pytest.mark.parametrize("x", [1.25, 3.5])
def test_the_reference_has_the_derivatives_of_bessel_functions(name: str, x: float) -> None:
    row = local(name, (x,))
    assert float(row.p[0]) == pytest.approx(float(mp.diff(DEFINITIONS[name], x)), rel=1e-14)
    assert float(row.q[0][0]) == pytest.approx(float(mp.diff(DEFINITIONS[name], x, 2)), rel=1e-14)


@pytest.mark.parametrize(
    "rule", [RULES[name] for name in DRAWN if name not in BESSEL], ids=lambda rule: rule.name
)
@given(st.data())
@settings(max_examples=max(5, settings().max_examples // 20))
def test_the_reference_has_the_derivatives_of_the_definitions(
    rule: Rule, data: st.DataObject
) -> None:
    xs = data.draw(tame(rule))
    try:
        row = local(rule.name, xs)
    except (ValueError, ZeroDivisionError):
        return
    if is_kink(rule.name, xs) or (rule.name == "**" and xs[0] <= 0.0):
        return
    close = pytest.approx
    for p, exact in zip(row.p, oracle.derivatives(rule.name, xs), strict=True):
        assert float(p) == close(float(exact), rel=1e-14, abs=1e-14)
    for i, line in enumerate(row.q):
        for j, q in enumerate(line):
            exact = oracle.derivative(rule.name, xs, [i, j])
            assert float(q) == close(float(exact), rel=1e-14, abs=1e-14)


def test_the_reference_keeps_its_digits_at_the_edges() -> None:
    assert float(local("tanh", (1e-17,)).q[0][0]) == pytest.approx(-2e-17, rel=1e-15, abs=0.0)
    assert float(local("hypot", (1.0, 1e9)).q[1][1]) == pytest.approx(1e-27, rel=1e-15, abs=0.0)
    assert float(local("sigmoid", (1e-60,)).q[0][0]) == pytest.approx(-1.25e-61, rel=1e-15, abs=0.0)
    assert mp.isinf(local("sqrt", (0.0,)).p[0])


# --- planted faults ------------------------------------------------------------------------------


@contextmanager
def planted(name: str, **changes: Any) -> Iterator[None]:
    """Replace a row for a while."""
    rule = RULES[name]
    before = {field: getattr(rule, field) for field in changes}
    for field, changed in changes.items():
        object.__setattr__(rule, field, changed)
    try:
        yield
    finally:
        for field, kept in before.items():
            object.__setattr__(rule, field, kept)


FAULTS: dict[str, tuple[str, str, Callable[..., Any] | None]] = {
    "a sign": ("-", "partials", lambda m, y, x1, x2: (1.0, 1.0)),
    "a factor": ("square", "partials", lambda m, y, x: (2.0000000001 * x,)),
    "a term dropped": ("silu", "partials", lambda m, y, x: (m.sigmoid(x),)),
    "a term too many": ("sin", "partials", lambda m, y, x: (m.cos(x) + 1e-12,)),
    "no second derivative": ("exp", "partials", lambda m, y, x: (m.exp(x.detach()),)),
    "partials exchanged": ("*", "partials", lambda m, y, x1, x2: (x1, x2)),
    "cancellation": ("sigmoid", "partials", lambda m, y, x: (y * (1.0 - y),)),
    "no end of the domain": ("log", "within", None),
    "no kink": ("abs", "kinks", None),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_noticed(fault: str) -> None:
    name, field, changed = FAULTS[fault]
    small = (seeded(seed, 2, 3) for seed in itertools.count())
    count = 12 if field == "partials" else 30  # few points are at an end
    given = list(itertools.islice((each for each in small if name in names(each)), count))
    before = {(each.kind, repr(each.case)) for each in findings(given, ["numpy"])}
    with planted(name, **{field: changed}):
        found = findings(given, ["numpy"])
    assert {(each.kind, repr(each.case)) for each in found} - before


@pytest.mark.parametrize("place", range(8))
def test_an_error_of_1e_11_is_noticed_in_every_number(place: int) -> None:
    point = Point.of(Case(PROGRAM, (PROGRAM.inputs,)))
    assert point.numbers is not None
    assert not list(compared("recorded", point, point.numbers))
    numbers = list(point.numbers)
    numbers[place] *= 1.0 + 1e-11
    assert len(list(compared("recorded", point, numbers))) == 1
    numbers[place] = math.nan
    assert len(list(compared("numpy", point, numbers))) == 1


PROGRAM = RandomProgram((0.7, 1.3), (Instruction("/", (0, 1)), Instruction("sin", (2,))))


def names(case: Case) -> list[str]:
    return [name for name, _ in case.program.instructions]


def test_a_fault_is_shrunk_to_the_row_and_printed_as_a_program() -> None:
    square = Instruction("square", (2,))
    program = RandomProgram(
        (3.7, 0.1), (Instruction("*", (0, 1)), square, Instruction("exp", (3,)))
    )
    with planted("square", partials=lambda m, y, x: (3.0 * x,)):
        found = findings([Case(program, ((3.7, 0.1),))])
        assert found[0].kind == "hessian wrong"
        small = shrunk(found[0])
    assert names(small.case) == ["square"]
    assert "y1 = square(x1)" in str(small)


def test_a_way_that_fails_is_told_for_the_program_it_fails_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(given: Sequence[Case]) -> list[Any]:
        if any("tan" in names(case) for case in given):
            raise RuntimeError("no tangents")
        return [None] * len(given)

    monkeypatch.setitem(engines.COMPILED, "broken", fails)
    report = Report()
    program = RandomProgram((0.5,), (Instruction("tan", (0,)),))
    other = RandomProgram((0.5,), (Instruction("sin", (0,)),))
    check([Case(other, ((0.5,),)), Case(program, ((0.5,),))], ["broken"], report)
    (found,) = report.take()
    assert (found.kind, names(found.case)) == ("fails", ["tan"])
    assert "no tangents" in found.found


# --- what is drawn -------------------------------------------------------------------------------


def test_edges_are_drawn_as_often_as_the_interior() -> None:
    numbers = [x for seed in range(500) for row in seeded(seed).rows for x in row]
    assert 0.02 < sum(not math.isfinite(x) for x in numbers) / len(numbers) < 0.1
    assert sum(x == 0.0 for x in numbers) / len(numbers) > 0.03
    assert sum(0.0 < abs(x) < 1e-100 for x in numbers) / len(numbers) > 0.005
    drawn = {name for seed in range(2000) for name in names(seeded(seed))}
    assert drawn == {*DRAWN}


def test_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--programs", "20", "--seed", "7", "--batch", "10", "--ways", "numpy", "--shrink", "0"])
    text = capsys.readouterr().out
    assert "20 programs at 60 points" in text
    assert "20 numpy" in text
