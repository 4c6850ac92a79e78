"""Mutation testing: does a test notice a fault? See `python benchmarks/mutants.py --help`.

A mutant is the package with one small fault, made by cosmic-ray (https://cosmic-ray.readthedocs.io)
or by the mutations below. It is judged by the tests of its module, which stop at the first that
fails, and by the tests of its folder if it survives these; one that takes far longer than the sound
code, as an endless loop does, counts as killed. All of this happens in a copy under
`build/mutants/`, with the Hypothesis profile "mutants", which does not shrink what it finds, and
without tests marked as slow.

All mutants take many hours, a sample as long as you like: `--sample 200` judges 200 of them, drawn
by `--seed`; a larger sample contains the smaller. An interrupted run continues where it stopped.
Verdicts are kept in a session of cosmic-ray (for its `cr-html`) until a module's source changes;
`--again` judges the survivors again, after tests have been added. The report lists the rate by
module, and the survivors as diffs.

Not mutated, as no test could or should notice: strings, and whatever goes into the message of an
exception; annotations, overloads and `if TYPE_CHECKING`; the script block of a module. A mutation
that does not compile is none. An operator turns into one or two others that work on the same
operands, since a mutant that dies of a TypeError says nothing about the tests.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cosmic_ray.plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_and_test, mutate_code
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkItem
from parso.python.tree import Keyword
from sqlalchemy.exc import IntegrityError

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "mutants"
NOT_COPIED = (".*", "__pycache__", "build", "dist", "htmlcov")

PYTEST = "-m pytest -x -q --tb=no -p no:cacheprovider -m 'not slow'"
# What programs and operands shrink to is decided here, so these tests shrink.
SHRUNK = Path("autograd/testing")
# Tests in a browser judge the page and its steps alone.
BROWSER = Path("tests/autograd/drawing/test_page.py")

MEMORY = 4 * 2**30
"""Bytes that a mutant's tests may take, before a loop that never ends takes the machine's."""

# --- mutations ------------------------------------------------------------------------------------

BINARY = "Add_Sub Sub_Add Mul_Div Div_Mul FloorDiv_Div Mod_Mul Pow_Mul BitOr_BitAnd BitAnd_BitOr"
COMPARISON = (
    "Eq_NotEq NotEq_Eq Lt_LtE Lt_GtE LtE_Lt LtE_Gt Gt_GtE Gt_LtE GtE_Gt GtE_Lt Is_IsNot IsNot_Is"
)
OTHERS = (
    "AddNot ReplaceTrueWithFalse ReplaceFalseWithTrue ReplaceAndWithOr ReplaceOrWithAnd "
    "ReplaceBreakWithContinue ReplaceContinueWithBreak ExceptionReplacer NumberReplacer "
    "RemoveDecorator ZeroIterationForLoop ReplaceUnaryOperator_Delete_USub "
    "ReplaceUnaryOperator_Delete_Not"
)
OPERATORS = [
    *(f"core/ReplaceBinaryOperator_{name}" for name in BINARY.split()),
    *(f"core/ReplaceComparisonOperator_{name}" for name in COMPARISON.split()),
    *(f"core/{name}" for name in OTHERS.split()),
]

Span = tuple[tuple[int, int], tuple[int, int]]


class DropStatement:
    """A call, `raise`, `+=`, or assignment to an attribute or an item does not happen."""

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        """Find the statements."""
        if node.type == "simple_stmt" and self._acts(node.children[0]):
            yield node.children[0].start_pos, node.children[0].end_pos

    def _acts(self, statement: Any) -> bool:
        if statement.type == "expr_stmt":
            target, sign = statement.children[:2]
            return target.type == "atom_expr" or getattr(sign, "value", "=") != "="
        return statement.type in ("atom_expr", "raise_stmt")

    def mutate(self, node: Any, index: int) -> Any:
        """Put `pass` in the place of a statement."""
        statement = node.children[0]
        prefix = statement.get_first_leaf().prefix
        node.children[0] = Keyword("pass", statement.start_pos, prefix=prefix)
        return node


class PlainAssignment:
    """`x += y` is `x = y`."""

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        """Find the signs."""
        if node.type == "operator" and node.value in ("+=", "-=", "*=", "/=", "|="):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Assign plainly."""
        node.value = "="
        return node


class SwapOperands:
    """`x - y` is `y - x`, and `f(x, y)` is `f(y, x)`."""

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        """Find operations whose operands do not commute, and calls with two arguments."""
        if len(getattr(node, "children", ())) != 3:
            return
        first, sign, second = node.children
        if node.type in ("arith_expr", "term", "power"):
            swappable = getattr(sign, "value", "") in ("-", "/", "//", "%", "**")
        else:
            swappable = node.type == "arglist" and "argument" not in (first.type, second.type)
            called = node.parent.get_previous_leaf().value
            swappable = swappable and called not in ("isinstance", "max", "min")
        if swappable:
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Swap them."""
        node.children.reverse()
        return node


OWN = {cls.__name__: cls for cls in (DropStatement, PlainAssignment, SwapOperands)}
cosmic_ray.plugins.OPERATOR_PROVIDERS["own"] = OWN
OPERATORS += [f"own/{name}" for name in OWN]


# --- mutants --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mutant:
    """One fault in one module."""

    module: Path
    operator: str
    occurrence: int
    span: Span
    source: str

    @property
    def place(self) -> str:
        return f"{self.module}:{self.operator}:{self.occurrence}"

    @property
    def identity(self) -> str:
        """The key of a verdict, which holds as long as the source is the same."""
        return _digest(self.place + self.source)

    @property
    def compiles(self) -> bool:
        operator = cosmic_ray.plugins.get_operator(self.operator)()
        try:
            code = mutate_code(self.source, operator, self.occurrence)
            compile(code, str(self.module), "exec")
        except (AttributeError, SyntaxError):  # cosmic-ray 8.7 fails at `except (a.B, C)`
            return False
        return True

    @property
    def work_item(self) -> WorkItem:
        start, end = self.span
        mutation = MutationSpec(self.module, self.operator, self.occurrence, start, end)
        return WorkItem.single(self.identity, mutation)


def mutants_of(module: Path) -> Iterator[Mutant]:
    """List the mutants of a module."""
    source = module.read_text(encoding="utf-8")
    tree = get_ast(source)
    left_alone = [*_left_alone(source)]
    for name in OPERATORS:
        operator = cosmic_ray.plugins.get_operator(name)()
        spans = (span for node in ast_nodes(tree) for span in operator.mutation_positions(node))
        for occurrence, span in enumerate(spans):
            if not any(start <= span[0] < end for start, end in left_alone):
                yield Mutant(module, name, occurrence, span, source)


def _left_alone(source: str) -> Iterator[Span]:
    """Find code that is not mutated: see the top of this file."""
    lines = source.splitlines()

    def position(line: int, byte: int) -> tuple[int, int]:  # ast counts bytes
        return line, len(lines[line - 1].encode()[:byte].decode())

    for node in ast.walk(ast.parse(source)):
        for part in filter(None, _parts_left_alone(node)):
            line, column = position(part.lineno, part.col_offset)
            # From the character before: the @ of a decorator.
            yield (line, column - 1), position(part.end_lineno, part.end_col_offset)


def _parts_left_alone(node: ast.AST) -> list[Any]:
    if isinstance(node, ast.AnnAssign | ast.arg):
        return [node.annotation]
    if isinstance(node, ast.FunctionDef):
        overloads = [d for d in node.decorator_list if ast.unparse(d) in ("overload", "final")]
        return [node.returns, *([node] if overloads else []), *overloads]
    if isinstance(node, ast.ClassDef):
        return [d for d in node.decorator_list if ast.unparse(d) == "final"]
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        return [*node.exc.args, *node.exc.keywords]
    if isinstance(node, ast.If):
        test = ast.unparse(node.test)
        return [node] if test.startswith(("TYPE_CHECKING", "__name__")) else []
    return []


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# --- tests ----------------------------------------------------------------------------------------


def stages(module: Path) -> list[str]:
    """Return the commands that run the tests of a module's mutants, cheapest first."""
    mirrored = Path("tests", module.parent, f"test_{module.stem.strip('_')}.py")
    room = sorted(Path("tests", module.parent).rglob("test_*.py"))
    room = [file for file in room if file not in (mirrored, BROWSER)]
    # The module itself, for its doctests, after the tests, which import the package as users do.
    own = [mirrored, module] if mirrored.exists() else [*room, module]
    profile = "default" if module.is_relative_to(SHRUNK) else "mutants"
    command = f"{shlex.quote(sys.executable)} {PYTEST} --hypothesis-profile={profile}"
    return [
        f"{command} {' '.join(map(str, files))}"
        for files in ([own, room] if mirrored.exists() else [own])
        if files
    ]


@cache
def time_limit(command: str) -> float:
    """Run tests on the sound code, which must pass, and allow a mutant several times as long."""
    began = time.perf_counter()
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the tests fail without any mutation:\n{command}\n{done.stdout}{done.stderr}")
    return 10.0 + 3.0 * (time.perf_counter() - began)


def judge(mutant: Mutant, session: WorkDB) -> TestOutcome:
    """Run a mutant's tests, and keep the verdict."""
    for command in stages(mutant.module):
        limit = time_limit(command)
        result = mutate_and_test(mutant.work_item.mutations, command, limit)
        if result.test_outcome is not TestOutcome.SURVIVED:
            break
    with suppress(IntegrityError):  # it is there already: a survivor judged again
        session.add_work_item(mutant.work_item)
    session.set_result(mutant.identity, result)
    return result.test_outcome


# --- the report -----------------------------------------------------------------------------------


def report(mutants: list[Mutant], session: WorkDB, introduction: str) -> str:
    """Write the rate by module, and the survivors as diffs."""
    results = dict(session.results)
    counts: dict[Path, Counter[str]] = {mutant.module: Counter() for mutant in mutants}
    survivors = []
    for mutant in mutants:
        count = counts[mutant.module]
        count["mutants"] += 1
        if (result := results.get(mutant.identity)) is None:
            continue
        count["judged"] += 1
        if result.test_outcome is TestOutcome.SURVIVED:
            count["survived"] += 1
            survivors.append(f"### {mutant.place}\n\n```diff\n{_hunks(result.diff)}\n```\n")
        elif result.output == "timeout":
            count["out of time"] += 1
    columns = ["mutants", "judged", "out of time", "survived"]
    lines = [
        "# Mutants\n",
        f"{introduction}\n",
        f"| module | {' | '.join(columns)} | killed |",
        "| --- " + "| ---: " * (len(columns) + 1) + "|",
    ]
    for name, count in [*counts.items(), ("all", sum(counts.values(), Counter()))]:
        judged = count["judged"]
        rate = f"{1 - count['survived'] / judged:.1%}" if judged else "–"
        lines.append(f"| {name} | {' | '.join(str(count[c]) for c in columns)} | {rate} |")
    return "\n".join([*lines, "", "## Survivors", "", *survivors])


def _hunks(diff: str) -> str:
    return "\n".join(line for line in diff.splitlines() if not line.startswith(("---", "+++")))


# --- command line ---------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description="Mutation testing of autograd/ and nn/.")
    parser.add_argument("--sample", type=int, metavar="N", help="judge N mutants, not all of them")
    parser.add_argument("--seed", type=int, default=0, help="what the sample is drawn by")
    parser.add_argument(
        "--modules", nargs="+", default=["autograd", "nn"], metavar="PATH",
        help="only these, such as autograd/graph.py or nn",
    )  # fmt: skip
    parser.add_argument("--again", action="store_true", help="judge known survivors anew")
    options = parser.parse_args()

    tree = BUILD / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*NOT_COPIED))
    os.chdir(tree)
    os.environ["PYTHONPATH"] = str(tree)
    os.environ.pop("CI", None)  # a missing peer is no failure
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))

    files = [file for room in ("autograd", "nn") for file in sorted(Path(room).rglob("*.py"))]
    chosen = [f for f in files if any(f.is_relative_to(path) for path in options.modules)]
    mutants = [mutant for file in chosen for mutant in mutants_of(file)]
    drawn = sorted(mutants, key=lambda mutant: _digest(f"{options.seed}:{mutant.place}"))
    drawn = drawn[: options.sample]

    with use_db(str(BUILD / "session.sqlite")) as session:
        known = dict(session.results)
        try:
            for number, mutant in enumerate(drawn, start=1):
                result = known.get(mutant.identity)
                survived = result is not None and result.test_outcome is TestOutcome.SURVIVED
                if not mutant.compiles or (result is not None and not (survived and options.again)):
                    continue
                outcome = judge(mutant, session)
                print(f"{number}/{len(drawn)} {outcome.value:9} {mutant.place}", flush=True)
        except KeyboardInterrupt:
            print("interrupted; the next run goes on from here")
        introduction = f"A sample of {len(drawn)}, drawn by seed {options.seed}."
        text = report(mutants, session, introduction)
    (BUILD / "report.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
