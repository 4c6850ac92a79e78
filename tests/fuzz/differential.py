"""A differential fuzzer: random programs, run in every way, compared with mpmath and each other.

    python -m tests.fuzz.differential --programs 200000 --seed 1

Every program is recorded, and compiled by the NumPy backend, many programs as one function with
several points as its rows; the other ways take turns, by the batch: `TURNS` says how often. What
disagrees is shrunk, and printed as a program that runs.

What must agree, at a point where

- everything is finite and no row is at a kink: each value, derivative and second derivative with
  the exact one at the numbers that the implementation has computed (see `reference`);
- a row is at a kink: the gradient with what is agreed on there; a second derivative is nan, or
  where the function is smooth after all, right;
- something is infinite or nan: recorded and compiled with each other;
- recording raises, as a row is off its domain: what is compiled is infinite or nan, unless a
  function that chooses has not chosen it;
- recording raises, as a number is too large: what is compiled and finite is right.

Accepted differences are listed in `AGREED`; they are counted and shown, but are no failures.

PyTorch and JAX are held to the recorded program at the points of the first kind; where they differ,
differences over the definitions in mpmath decide who is right. At kinks they are not asked: there
PyTorch agrees with us, and JAX does not everywhere (the derivative of `abs` and `leaky_relu` at 0
is 1, that of `clip` at a bound 0.5).
"""

from __future__ import annotations

import argparse
import collections
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from autograd import Value
from autograd.rules import RULES
from autograd.testing.programs import Instruction, RandomProgram, applied
from tests.fuzz import engines
from tests.fuzz import reference as exactly
from tests.fuzz.engines import COMPILED, PEERS, VARIANTS, Numbers, recorded
from tests.fuzz.formulary import local, mp
from tests.fuzz.generation import Case, operands_of, pruned, seeded
from tests.fuzz.reference import (
    Reference,
    UndefinedError,
    UnknownError,
    reference,
    value_error,
)

__all__ = ["AGREED", "TURNS", "Finding", "Report", "check", "main", "shrunk"]

TURNS: dict[str, int] = {
    "numpy": 2, "numpy, exact": 2, "numpy, one row": 16, "numpy, exact, one row": 16,
    "llvm": 32, "llvm, exact": 32, "llvm, one row": 80, "llvm, exact, one row": 80,
    "c": 16, "torch": 8, "jax": 80,
}  # fmt: skip
"""One batch in so many is run in this way."""

# Rows that give an operand, or nothing, whatever another operand is.
_CHOOSING = {
    "where", "maximum", "minimum", "max", "min", "clip", "**", "sign", "floor", "ceil", "trunc",
    "//", "hypot", "norm", "relu", "leaky_relu", "elu", "copysign",
}  # fmt: skip


# Rows whose bits are those of Python where each operation is rounded on its own.
_EXACT = {
    "+", "-", "*", "/", "neg", "abs", "sqrt", "square", "reciprocal", "relu", "leaky_relu", "sign",
    "floor", "ceil", "trunc", "maximum", "minimum", "clip", "where", "max", "min",
}  # fmt: skip


# Accepted differences: their messages, and why. Everything else fails the tests.
AGREED = {
    "value finite after a pole": "the limit, as IEEE 754 has it; recording raises at the pole",
    "gradient finite after a pole": "likewise",
    "gradient finite after a pole of an operand": "likewise",
    "hessian finite after a pole": "likewise",
    "inf or nan met: gradient not finite, recorded is": "a zero adjoint; an operand that is nan",
    "hessian finite off the domain": "the row's partials are constants; the gradient is nan",
    "gradient wrong where a number is too large": "an adjoint of 0 meets an infinite slope",
    "kink mixed, nan the other way round": "the derivative of a derivative that has no kink itself",
    "inf or nan met: hessian finite, recorded not": "a constant 0 meets nan",
    "inf or nan met: hessian not finite, recorded is": "likewise",
    "infinite slope: gradient not finite, recorded is": "a step, whose 0 meets nan",
    "infinite slope: hessian not finite, recorded is": "nan is always right there",
}


@dataclass(frozen=True)
class Finding:
    """Something that disagrees.

    Attributes:
        kind: What is wrong, in a word or two.
        engine: The way of running the program.
        place: Which number: a value, a derivative.
        case: The program, with one point.
        found: The number.
        expected: What it should be.
    """

    kind: str
    engine: str
    place: str
    case: Case
    found: Any
    expected: Any

    def __str__(self) -> str:
        source = str(self.case.program).rsplit("\n", 1)[0].replace(", gradcheck", "")
        source = source.replace("gradcheck, ", "").replace("from autograd import gradcheck\n", "")
        return (
            f"[{self.engine}] {self.kind}: {self.place} is {self.found}, expected {self.expected}\n"
            f"  at {self.case.rows[0]!r}\n    " + "\n    ".join(source.strip().splitlines())
        )


# --- one point -----------------------------------------------------------------------------------


@dataclass
class Point:
    """A program at a point: what recording it gives, and what is exact at given numbers."""

    case: Case
    numbers: Numbers | None = None
    error: Exception | None = None
    known: dict[tuple[float, ...], Reference | None] = field(default_factory=dict)

    @classmethod
    def of(cls, case: Case) -> Point:
        """Record the program."""
        try:
            return cls(case, recorded(case.program, case.rows[0]))
        except (ArithmeticError, ValueError) as error:
            return cls(case, error=error)

    @property
    def off_domain(self) -> bool:
        """Whether recording raises, other than for a number that is too large."""
        return self.error is not None and not isinstance(self.error, OverflowError)

    def reference(self, trail: Sequence[float]) -> Reference | None:
        """What is exact at some results of the instructions; None where that is not defined."""
        key = tuple(trail)
        if key not in self.known:
            try:
                self.known[key] = reference(self.case.program, [*self.case.rows[0], *trail])
            except UndefinedError:
                self.known[key] = None
        return self.known[key]


def _split(case: Case, numbers: Sequence[float]) -> tuple[Numbers, Numbers, list[Numbers]]:
    size, count = case.size, len(case.program.inputs)
    rest = list(numbers[size + count :])
    return (
        list(numbers[:size]),
        list(numbers[size : size + count]),
        [rest[i * count : (i + 1) * count] for i in range(count)],
    )


def findings(engine: str, point: Point, numbers: Numbers) -> Iterator[Finding]:
    """Compare the numbers of a way of running a program with what is right.

    Args:
        engine: The way.
        point: The program at a point.
        numbers: What it gave.

    Yields:
        What is wrong.
    """
    case = point.case
    trail, slopes, bends = _split(case, numbers)
    is_compiled = engine in COMPILED or engine == "c"

    def finding(kind: str, place: str, found: Any, expected: Any) -> Finding:
        return Finding(kind, engine, place, case, found, expected)

    if point.off_domain:
        yield from _off_domain(finding, point, trail, slopes, bends)
        return
    if not _is_finite(case, trail):
        if point.error is not None:
            yield from _overflown(finding, point, trail, slopes)
        yield from _not_finite(finding, point, numbers, is_compiled)
        return
    every = [*case.rows[0], *trail]
    for place, instruction in enumerate(case.program.instructions):
        xs = operands_of(instruction, every)
        try:
            wrong = value_error(instruction.function, xs, trail[place])
        except (ValueError, ZeroDivisionError):
            if point.error is None and _is_border(instruction.function, xs):
                return
            yield finding("defined off the domain", f"y{place + 1}", trail[place], "nan")
            return
        if not wrong and "exact" in engine and instruction.function in _EXACT:
            python = RULES[instruction.function].evaluate(*xs)
            if repr(python) != repr(trail[place]):
                yield finding("bits differ from Python's", f"y{place + 1}", trail[place], python)
                return
        if wrong:
            exact = local(instruction.function, xs).y
            yield finding(f"value {wrong}", f"y{place + 1}", trail[place], mp.nstr(exact, 20))
            return
    exact = point.reference(trail)
    if exact is None:
        return
    if exact.singular:
        yield from _singular(finding, point, exact, numbers, is_compiled)
        return
    for a, slope in enumerate(slopes):
        wrong = exact.wrong(slope, exact.gradient[a], exact.gradient_sizes[a], 1)
        if wrong:
            expected = mp.nstr(exact.gradient[a], 20)
            yield finding(f"gradient {wrong}", f"d/dx{a + 1}", slope, expected)
            return
    if exact.kinks:
        yield from _at_kinks(finding, case, exact, trail, bends)
        return
    for a, row in enumerate(bends):
        for b, bend in enumerate(row):
            wrong = exact.wrong(bend, exact.hessian[a][b], exact.hessian_sizes[a][b], 2)
            if wrong:
                expected = mp.nstr(exact.hessian[a][b], 20)
                yield finding(f"hessian {wrong}", f"d²/dx{a + 1}dx{b + 1}", bend, expected)
                return


def _is_finite(case: Case, trail: Sequence[float]) -> bool:
    constants = [
        x for _, operands in case.program.instructions for x in operands if isinstance(x, float)
    ]
    return all(map(math.isfinite, (*case.rows[0], *trail, *constants)))


Maker = Callable[[str, str, Any, Any], Finding]


def _is_border(name: str, xs: Sequence[float]) -> bool:
    """Whether mpmath draws the border of a domain elsewhere: 0 ** -1 as an infinity, say."""
    return name == "arctan2" or (name == "**" and not xs[0])


def _off_domain(
    finding: Maker, point: Point, trail: Numbers, slopes: Numbers, bends: list[Numbers]
) -> Iterator[Finding]:
    """What is compiled shows that recording it raises."""
    names = [name for name, _ in point.case.program.instructions]
    off = _first_off_domain(point.case)
    if off is None or _CHOOSING & {*names[off + 1 :]}:
        return
    expected = f"inf or nan: {type(point.error).__name__}: {point.error}"
    where = "after a pole" if math.isinf(trail[off]) else "off the domain"
    if math.isfinite(trail[-1]):
        yield finding(f"value finite {where}", f"y{len(trail)}", trail[-1], expected)
        return
    affected = _inputs_of(point.case.program, off)
    for a in affected:
        if math.isfinite(slopes[a]):
            # The last instruction has the adjoint 1; another may have 0.
            other = "" if off == len(names) - 1 else " of an operand"
            yield finding(f"gradient finite {where}{other}", f"d/dx{a + 1}", slopes[a], expected)
            return
    for a in affected:
        for b in affected:
            if math.isfinite(bends[a][b]):
                place = f"d²/dx{a + 1}dx{b + 1}"
                yield finding(f"hessian finite {where}", place, bends[a][b], expected)
                return


def _first_off_domain(case: Case) -> int | None:
    """The first instruction that raises."""
    numbers: list[Any] = list(map(Value, case.rows[0]))
    for place, (name, operands) in enumerate(case.program.instructions):
        try:
            xs = [numbers[x] if isinstance(x, int) else x for x in operands]
            numbers.append(applied(RULES[name], xs))
        except (ArithmeticError, ValueError):
            return place
    return None


def _inputs_of(program: RandomProgram, place: int) -> list[int]:
    """The inputs that an instruction depends on."""
    count = len(program.inputs)
    needed = {count + place}
    for i in range(place, -1, -1):
        if count + i in needed:
            needed.update(x for x in program.instructions[i].operands if isinstance(x, int))
    return sorted(x for x in needed if x < count)


def _places(case: Case) -> list[str]:
    count = len(case.program.inputs)
    return [
        *[f"y{place + 1}" for place in range(case.size)],
        *[f"d/dx{a + 1}" for a in range(count)],
        *[f"d²/dx{a + 1}dx{b + 1}" for a in range(count) for b in range(count)],
    ]


def _order(case: Case, place: int) -> int:
    """Whether a number is a value, a derivative, or a second one."""
    return (place >= case.size) + (place >= case.size + len(case.program.inputs))


_ORDERS = ("value", "gradient", "hessian")


def _unlike(case: Case, found: float, expected: float, place: int) -> str:
    """Say how a number of a compiled program differs from the recorded one, if it does."""
    order = _order(case, place)
    if math.isfinite(found) and math.isfinite(expected):
        return ""
    if math.isfinite(found):
        return f"{_ORDERS[order]} finite, recorded not"
    if math.isfinite(expected):
        return f"{_ORDERS[order]} not finite, recorded is"
    return f"{_ORDERS[order]} differs" if order < 2 and repr(found) != repr(expected) else ""


def _overflown(finding: Maker, point: Point, trail: Numbers, slopes: Numbers) -> Iterator[Finding]:
    """What is finite although a number on the way to it is too large is right."""
    case = point.case
    found = [trail[-1], *slopes]
    if not any(map(math.isfinite, found)) or not all(map(math.isfinite, case.rows[0])):
        return
    try:
        exact = [exactly.true_value(case.program, case.rows[0])]
        exact += exactly.true_gradient(case.program, case.rows[0])
    except UndefinedError:
        return
    places = [f"y{case.size}", *[f"d/dx{a + 1}" for a in range(len(slopes))]]
    for place, number, true in zip(places, found, exact, strict=True):
        if math.isfinite(number) and abs(number - true) > 1e-6 * max(1, abs(true)):
            order = "gradient" if place.startswith("d") else "value"
            kind = f"{order} wrong where a number is too large"
            yield finding(kind, place, number, mp.nstr(true, 20))
            return


def _not_finite(
    finding: Maker, point: Point, numbers: Numbers, is_compiled: bool
) -> Iterator[Finding]:
    """Recorded and compiled agree where something is infinite or nan."""
    if point.numbers is None or not is_compiled:
        return
    case = point.case
    for place, (found, expected) in enumerate(zip(numbers, point.numbers, strict=True)):
        unlike = _unlike(case, found, expected, place)
        if not unlike and math.isfinite(found):
            off = abs(found - expected) > 1e-9 * max(abs(found), abs(expected), 1e-290)
            order = _order(case, place)
            unlike = f"{_ORDERS[order]} differs" if off and order < 2 else ""
        if unlike:
            text = f"{expected} (recorded)"
            yield finding(f"inf or nan met: {unlike}", _places(case)[place], found, text)
            return


def _singular(
    finding: Maker, point: Point, exact: Reference, numbers: Numbers, is_compiled: bool
) -> Iterator[Finding]:
    """A partial is infinite or nan: recorded and compiled agree, and what is finite is right."""
    case = point.case
    trail, slopes, bends = _split(case, numbers)
    if point.numbers is not None and is_compiled:
        for place, (found, expected) in enumerate(zip(numbers, point.numbers, strict=True)):
            unlike = _unlike(case, found, expected, place)
            if _order(case, place) == 2 and math.isfinite(found):
                continue  # it is held to what is true
            if unlike:
                text = f"{expected} (recorded)"
                yield finding(f"infinite slope: {unlike}", _places(case)[place], found, text)
                return
    for a, slope in enumerate(slopes):
        if mp.isfinite(exact.gradient[a]) and math.isfinite(slope):
            wrong = exact.wrong(slope, exact.gradient[a], exact.gradient_sizes[a], 1)
            if wrong and math.isfinite(exact.gradient_sizes[a]):
                expected_text = mp.nstr(exact.gradient[a], 20)
                yield finding(f"infinite slope: gradient {wrong}", f"d/dx{a + 1}", slope,
                              expected_text)  # fmt: skip
                return
    yield from _at_kinks(finding, case, exact, trail, bends)


def _at_kinks(
    finding: Maker, case: Case, exact: Reference, trail: Numbers, bends: list[Numbers]
) -> Iterator[Finding]:
    """A second derivative at a kink is nan, or where the function is smooth there, right."""
    every = [*case.rows[0], *trail]
    names = [name for name, _ in case.program.instructions]
    at = "+".join(sorted({names[place] for place in exact.kinks})) or "none"
    hits: bool | None = None
    for a, row in enumerate(bends):
        for b, bend in enumerate(row):
            if not math.isfinite(bend) or (a, b) not in exact.pairs:
                continue
            place = f"d²/dx{a + 1}dx{b + 1}"
            if (a, b) not in exact.bent:
                wrong = exact.wrong(bend, exact.hessian[a][b], exact.hessian_sizes[a][b], 2)
                if wrong:
                    expected = mp.nstr(exact.hessian[a][b], 20)
                    yield finding(f"hessian {wrong}, elsewhere a kink", place, bend, expected)
                    return
                continue
            if hits is None:
                hits = exactly.is_exact(case.program, every, exact.kinks)
            if not hits:
                return
            # The derivative of what is agreed on, the other way round.
            mixed = "mixed, nan the other way round" if math.isnan(bends[b][a]) else ""
            try:
                true = exactly.true_hessian(case.program, case.rows[0], a, b)
            except UnknownError:
                continue
            except UndefinedError as error:
                kind = mixed or f"of {at}: finite, undefined"
                yield finding(f"kink {kind}", place, bend, f"nan: {error}")
                return
            size = exact.hessian_sizes[a][b]
            allowed = 1e-9 * abs(true) + mp.mpf(10) ** -30
            if math.isfinite(size):
                allowed += 1e-12 * size
            if abs(bend - true) > allowed and not exact.may_overflow():
                kind = mixed or f"of {at}: wrong"
                yield finding(f"kink {kind}", place, bend, mp.nstr(true, 20))
                return


# --- many ----------------------------------------------------------------------------------------


@dataclass
class Report:
    """What has been run, and what was found.

    Attributes:
        programs: How many programs.
        points: How many points.
        runs: How many programs each way of running them has run.
        states: How many points were of each kind.
        found: How many findings, by kind and engine.
        findings: The findings.
    """

    programs: int = 0
    points: int = 0
    runs: collections.Counter[str] = field(default_factory=collections.Counter)
    states: collections.Counter[str] = field(default_factory=collections.Counter)
    found: collections.Counter[tuple[str, str]] = field(default_factory=collections.Counter)
    findings: list[Finding] = field(default_factory=list)

    def add(self, findings: Iterable[Finding]) -> None:
        """Add findings."""
        for finding in findings:
            self.found[finding.kind, finding.engine] += 1
            self.findings.append(finding)

    def take(self) -> list[Finding]:
        """Give the findings since the last time."""
        taken, self.findings = self.findings, []
        return taken

    def __str__(self) -> str:
        lines = [f"{self.programs} programs at {self.points} points"]
        lines += [f"  {count:9} {name}" for name, count in sorted(self.states.items())]
        lines += ["run:", *[f"  {count:9} {name}" for name, count in sorted(self.runs.items())]]
        for agreed in (False, True):
            found = {
                key: count for key, count in self.found.items() if (key[0] in AGREED) is agreed
            }
            lines.append(f"{'agreed on' if agreed else 'wrong'}: {sum(found.values())}")
            lines += [f"  {found[key]:9} {key[0]} [{key[1]}]" for key in sorted(found)]
        return "\n".join(lines)


def _state(point: Point) -> str:
    if point.error is not None:
        return "off the domain" if point.off_domain else "overflow"
    assert point.numbers is not None
    trail = _split(point.case, point.numbers)[0]
    if not _is_finite(point.case, trail):
        return "infinite or nan"
    exact = point.reference(trail)
    if exact is None:
        return "no reference"
    if exact.singular:
        return "vertical tangent"
    if exact.kinks:
        return "kink"
    return "may overflow" if exact.may_overflow() else "regular"


def _run(
    name: str, function: Callable[[Sequence[Case]], Any], cases: Sequence[Case]
) -> tuple[list[Any], list[Finding]]:
    """Run many programs as one; where that fails, find the program that it fails for."""
    try:
        return function(cases), []
    except Exception as error:
        if len(cases) == 1:
            text = f"{type(error).__name__}: {error}"
            return [None], [Finding("fails", name, "all", cases[0].at(0), text, "numbers")]
        half = len(cases) // 2
        results, found = _run(name, function, cases[:half])
        others, more = _run(name, function, cases[half:])
        return results + others, found + more


def check(
    cases: Sequence[Case], ways: Sequence[str], report: Report, variants: Sequence[str] = ()
) -> None:
    """Run programs in several ways, and compare.

    Args:
        cases: Programs of as many points each.
        ways: Names of `COMPILED` and `PEERS`, and "c".
        report: What to add to.
        variants: Names of `VARIANTS`.
    """
    report.programs += len(cases)
    points = [[Point.of(case.at(row)) for row in range(len(case.rows))] for case in cases]
    every = [point for each in points for point in each]
    report.points += len(every)
    report.runs["recorded"] += len(cases)
    for point in every:
        report.states[_state(point)] += 1
        if point.numbers is not None:
            report.add(findings("recorded", point, point.numbers))
        for name in variants:
            report.add(_variant(name, point))
    for name in variants:
        report.runs[name] += len(cases)
    for way in ways:
        function: Any = engines.of_c if way == "c" else COMPILED.get(way) or PEERS[way]
        results, found = _run(way, function, cases)
        report.add(found)
        report.runs[way] += sum(result is not None for result in results)
        for each, result in zip(points, results, strict=True):
            if result is None:
                continue
            for point, numbers in zip(each, result, strict=True):
                compare = _peer if way in PEERS else findings
                report.add(compare(way, point, numbers))


def _variant(name: str, point: Point) -> Iterator[Finding]:
    """Compare another way to differentiate a recorded program with the first."""
    if point.numbers is None:
        return
    trail = _split(point.case, point.numbers)[0]
    try:
        slopes, bends = VARIANTS[name](point.case.program, point.case.rows[0])
    except (ArithmeticError, ValueError) as error:
        text = f"{type(error).__name__}: {error}"
        yield Finding("raises", name, "derivatives", point.case, text, "numbers")
        return
    yield from findings(name, point, [*trail, *slopes, *[x for row in bends for x in row]])


def _peer(way: str, point: Point, numbers: Numbers) -> Iterator[Finding]:
    """Compare with a peer; where it differs, ask the definitions who is right."""
    if point.numbers is None:
        return
    case = point.case
    trail, slopes, bends = _split(case, point.numbers)
    theirs = _split(case, numbers)
    if not _is_finite(case, trail):
        return
    exact = point.reference(trail)
    if exact is None or exact.kinks or exact.singular or exact.growth > 100.0:
        return
    ours = [*slopes, *[x for row in bends for x in row]]
    others = [*theirs[1], *[x for row in theirs[2] for x in row]]
    sizes = [*exact.gradient_sizes, *[x for row in exact.hessian_sizes for x in row]]
    for i, (found, other, size) in enumerate(zip(ours, others, sizes, strict=True)):
        if abs(found - other) <= 1e-6 * size + 1e-200:
            continue
        count = len(slopes)
        try:
            if i < count:
                true = exactly.true_gradient(case.program, case.rows[0])[i]
            else:
                true = exactly.true_hessian(case.program, case.rows[0], *divmod(i - count, count))
        except UndefinedError:
            return
        if abs(found - true) > 1e-6 * abs(true) + 1e-12 * size + 1e-60:
            right = abs(other - true) <= 1e-6 * abs(true)
            kind = "peer is right" if right else "peer differs, neither is right"
            place = _places(case)[case.size + i]
            yield Finding(kind, way, place, case, found, f"{other}; exactly {mp.nstr(true, 20)}")
        return


# --- shrinking -----------------------------------------------------------------------------------


def _again(finding: Finding, case: Case) -> Finding | None:
    """Run a smaller case in the same way; give what is wrong with it, if that is the same."""
    report = Report()
    engine = finding.engine
    ways = [] if engine == "recorded" or engine in VARIANTS else [engine]
    check([case], ways, report, [engine] if engine in VARIANTS else [])
    for found in report.findings:
        if found.engine == engine and found.kind == finding.kind:
            return found
    return None


def _smaller(case: Case) -> Iterator[Case]:
    """Cases that are simpler: fewer instructions, then simpler numbers."""
    program, point = case.program, case.rows[0]
    count = len(point)

    def with_instructions(instructions: Sequence[Instruction], xs: Sequence[float]) -> Case | None:
        kept_instructions, kept = pruned(len(xs), instructions)
        if not kept or not kept_instructions:
            return None
        inputs = tuple(xs[i] for i in kept)
        return Case(RandomProgram(inputs, tuple(kept_instructions)), (inputs,))

    for end in range(1, case.size):  # the first instructions only
        found = with_instructions(program.instructions[:end], point)
        if found:
            yield found
    try:
        numbers = [*point, *recorded(program, point)[: case.size]]
    except (ArithmeticError, ValueError):
        numbers = []
    for place in range(case.size):
        instructions = list(program.instructions)
        index = count + place
        replacements: list[Any] = [x for x in instructions[place].operands if isinstance(x, int)]
        for replacement in replacements:  # an operand in the place of its result
            changed = _substituted(instructions, index, replacement)
            found = with_instructions(changed, point)
            if found and found.size < case.size:
                yield found
        if numbers and place < case.size - 1:  # a new input in the place of a result
            moved = [_shifted(each, count) for each in instructions]
            changed = _substituted(moved, index + 1, count)
            found = with_instructions(changed, [*point, numbers[index]])
            if found and found.size < case.size:
                yield found
            changed = _substituted(instructions, index, numbers[index])
            found = with_instructions(changed, point)
            if found and found.size < case.size:
                yield found
    for i in range(count):
        for other in range(i):  # one input for two
            if repr(point[i]) == repr(point[other]):
                found = with_instructions(_substituted(list(program.instructions), i, other), point)
                if found and len(found.rows[0]) < count:
                    yield found
        if count > 1:  # a constant for an input
            found = with_instructions(_substituted(list(program.instructions), i, point[i]), point)
            if found and all(
                any(isinstance(x, int) for x in each.operands)
                for each in found.program.instructions
            ):
                yield found
        for simpler in _simpler(point[i]):
            inputs = (*point[:i], simpler, *point[i + 1 :])
            yield Case(RandomProgram(inputs, program.instructions), (inputs,))


def _simpler(x: float) -> Iterator[float]:
    candidates = [0.0, 1.0, 2.0, 0.5]
    if math.isfinite(x) and x:
        candidates.append(float(f"{x:.0e}"))
        candidates.append(float(f"{x:.1e}"))
        candidates.append(float(f"{x:.3e}"))
        candidates.append(abs(x))

    def weight(y: float) -> tuple[int, float]:
        return len(repr(y)), abs(y)

    yield from (y for y in candidates if weight(y) < weight(x) and y != x)


def _substituted(
    instructions: Sequence[Instruction], index: int, replacement: int | float
) -> list[Instruction]:
    return [
        Instruction(
            name,
            tuple(replacement if isinstance(x, int) and x == index else x for x in operands),
        )
        for name, operands in instructions
    ]


def _shifted(instruction: Instruction, first: int) -> Instruction:
    return Instruction(
        instruction.function,
        tuple(x + 1 if isinstance(x, int) and x >= first else x for x in instruction.operands),
    )


def shrunk(finding: Finding, tries: int = 400) -> Finding:
    """Make the program of a finding as small as it can be made.

    Args:
        finding: The finding.
        tries: The largest number of programs that are run.

    Returns:
        A finding of the same kind.
    """
    if finding.kind == "fails":
        return finding
    best = finding
    progress = True
    while progress and tries > 0:
        progress = False
        for case in _smaller(best.case):
            tries -= 1
            if tries < 0:
                break
            try:
                found = _again(best, case)
            except Exception:
                continue
            if found is not None:
                best, progress = found, True
                break
    return best


def _grouped(findings: Iterable[Finding]) -> dict[tuple[str, str], dict[str, Finding]]:
    """Put together what several ways find in one program."""
    groups: dict[tuple[str, str], dict[str, Finding]] = collections.defaultdict(dict)
    for finding in findings:
        groups[finding.kind, repr(finding.case)].setdefault(finding.engine, finding)
    return groups


# --- by hand -------------------------------------------------------------------------------------


def turns(batch: int) -> list[str]:
    """The ways whose turn it is."""
    return [
        way
        for offset, (way, period) in enumerate(TURNS.items())
        if (batch + offset) % period == 0 and engines.available(way)
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run many programs, and print what was found.

    Args:
        arguments: Those of the command line.

    Returns:
        The exit status: 1 if anything was found.
    """
    parser = argparse.ArgumentParser(
        prog="tests.fuzz.differential",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--programs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--rows", type=int, default=3)
    parser.add_argument("--size", type=int, default=8)
    parser.add_argument("--ways", nargs="*", help="instead of taking turns")
    parser.add_argument("--shrink", type=int, default=5, help="of each kind and way, so many")
    options = parser.parse_args(arguments)
    os.environ.setdefault("AUTOGRAD_CACHE", "off")  # a million programs are not worth keeping
    report, variants = Report(), list(VARIANTS)
    shown: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
    begun = said = time.monotonic()
    for batch in range(-(-options.programs // options.batch)):
        number = options.seed * 10**9 + batch * options.batch
        cases = [
            seeded(number + i, options.rows, options.size)
            for i in range(min(options.batch, options.programs - batch * options.batch))
        ]
        ways = turns(batch) if options.ways is None else options.ways
        check(cases, ways, report, [variants[batch // 3 % len(variants)]] if batch % 3 == 0 else [])
        for (kind, _), ways_found in _grouped(report.take()).items():
            first = next(iter(ways_found.values()))
            key = kind, first.engine
            if len(shown[key]) < (1 if kind in AGREED else options.shrink):
                text = str(shrunk(first))
                if text not in shown[key]:
                    shown[key].append(text)
                    print(f"{{{'; '.join(ways_found)}}}\n{text}", flush=True)
        if time.monotonic() - said > 60:
            said = time.monotonic()
            print(f"--- {report.programs} programs after {said - begun:.0f} s", flush=True)
    print(report)
    return int(any(kind not in AGREED for kind, _ in report.found))


if __name__ == "__main__":
    raise SystemExit(main())
