"""The command line: `python -m autograd draw`, an expression's graph and derivatives; `… cache`."""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from autograd import __version__
from autograd.drawing import RenderingError, draw
from autograd.errors import counted
from autograd.explanation import explain
from autograd.expression import ExpressionError, function_names, parse
from autograd.formatting import for_output, formula, names, number, printable, width
from autograd.graph import interior, topological_order
from autograd.value import Value

SUFFIXES = (".svg", ".png", ".pdf", ".dot", ".html")
STANDARD_OUTPUT = Path("-")

EXAMPLES = r"""
EXPRESSION is Python's arithmetic (+ - * / ** // %), with numbers, pi, e, the NAMEs, and the
functions of the library:

{functions}

  sum, mean, max and the like take their operands one by one, dot and net take lists:
  sum(a, b, c)   dot([w1, w2], [x1, x2])   net([w1, w2], [x1, x2], b)

examples:
  python -m autograd draw "tanh(w*x + b)" w=0.5 x=2 b=-1
  python -m autograd draw "tanh(w*x + b)" w=0.5 x=2 b=-1 -o neuron.svg -o neuron.html
  python -m autograd draw "tanh(w*x + b)" w=0.5 x=2 b=-1 --explain w
  python -m autograd draw "tanh(w*x + b)" w=0.5 x=2 b=-1 -o - > neuron.svg
  python -m autograd cache          where compile keeps machine code, and how much
  python -m autograd cache clear    remove it

An expression that begins with -o, or with two minus signs, goes in parentheses.

exit status: 0; 1 where a file could not be written or drawn; 2 where the arguments or the
expression are wrong; 130 after Ctrl-C.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The arguments after `python -m autograd`; by default those of this process.

    Returns:
        The exit status: 0; 1 if a file could not be written or drawn; 2 if the expression is wrong;
        130 after Ctrl-C.

    Raises:
        SystemExit: The arguments are wrong (with status 2), or ask for help or the version.

    Example:
        >>> main(["draw", "w * x", "w=2", "x=3"])
        w * x = 6.0
        <BLANKLINE>
        name  value  derivative
        w     2.0    3.0
        x     3.0    2.0
        0
    """
    try:
        given = sys.argv[1:] if arguments is None else arguments
        status = _cache(given[1:]) if given and given[0] == "cache" else _draw(given)
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        # The output cannot be written: the reader closed it, as `head` does, or the disk is full.
        if not isinstance(error, BrokenPipeError):
            _say(f"error: {error}", sys.stderr)
        return 1
    return status


def _run() -> int:
    """Run the command line as a whole process."""
    try:
        return main()
    finally:
        try:
            if sys.stdout is not None:
                sys.stdout.flush()
        except OSError:
            # At its end the interpreter would try again, and report it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _draw(arguments: Sequence[str]) -> int:
    parser = _parser()
    options = parser.parse_intermixed_args(_shielded(arguments))
    expression = " ".join(options.expression.split())
    values = _values(parser, options.values)
    for name in options.explain:
        if name not in values:
            parser.error(f"--explain {name}: the names given are {', '.join(values) or 'none'}")
    for path in options.output:
        if path != STANDARD_OUTPUT and path.suffix.lower() not in SUFFIXES:
            parser.error(f"-o {path}: the name must end in one of {' '.join(SUFFIXES)}, or be -")
    if (options.links or options.expand) and not options.output:
        parser.error("--links and --expand affect only a drawing: name its file with -o FILE")
    try:
        output = parse(expression, values)
    except ExpressionError as error:
        _say(f"error: {_pointed(error)}", sys.stderr)
        return 2
    output.backward()
    paragraphs = []
    if options.output or not options.explain:
        paragraphs.append(_table(expression, output, values))
    if options.explain:
        paragraphs.append(_explained(output, [values[name] for name in options.explain]))
    # If the picture goes to standard output, the text goes to standard error.
    beside = sys.stderr if STANDARD_OUTPUT in options.output else sys.stdout
    _say("\n\n".join(paragraphs), beside)
    if not options.output:
        return 0
    _say("", beside)
    try:
        drawing = draw(output, links=options.links, expand=options.expand)
    except ValueError as error:  # the graph is too large
        return _failed(str(error))
    for path in options.output:
        try:
            if path == STANDARD_OUTPUT:
                picture = drawing.svg
            else:
                drawing.save(path)
        except OSError as error:
            return _failed(f"{path} cannot be written: {error.strerror}")
        except (RenderingError, ValueError) as error:
            return _failed(f"{path} cannot be drawn: {error}")
        if path == STANDARD_OUTPUT:
            sys.stdout.flush()
            sys.stdout.buffer.write(f"{picture}\n".encode())  # whatever the terminal's encoding
        else:
            _say(f"written: {path}", beside)
    return 0


def _pointed(error: ExpressionError) -> ExpressionError:
    """Write an error in the terminal's encoding, with its mark still under the right character."""
    encoding = getattr(sys.stderr, "encoding", None)
    problem, expression = printable(error.problem, encoding), printable(error.expression, encoding)
    if error.column is None:
        return ExpressionError(problem)
    before = printable(error.expression[: error.column], encoding)
    return ExpressionError(problem, expression, len(before))


def _cache(arguments: Sequence[str]) -> int:
    """Say where machine code is kept, or remove it."""
    parser = argparse.ArgumentParser(
        "python -m autograd cache",
        description="Say where compile keeps machine code, and how much there is. Set the "
        "environment variable AUTOGRAD_CACHE to another folder, or to 'off' to keep none.",
        allow_abbrev=False,
    )
    parser.add_argument("action", nargs="?", choices=["clear"], help="clear: remove all of it")
    options = parser.parse_args(arguments)
    try:
        from autograd.compiler import cache
    except ModuleNotFoundError as error:  # NumPy is an extra
        return _failed(str(error))
    found = cache.state()
    if found.folder is None:
        problem = f"there is no cache: {found.problem}"
        if options.action:
            return _failed(problem)
        _say(problem)
        return 0
    _say(f"folder: {found.folder}")
    if options.action:
        _say(f"removed: {counted(cache.clear_compile_cache(), 'program')}")
    else:
        most = f"{counted(cache.MOST_ENTRIES, 'program')}, {cache.MOST_BYTES / 2**20:.0f} MiB"
        size = f"{counted(found.entries, 'program')}, {found.bytes / 2**20:.2f} MiB"
        _say(f"size: {size} (at most {most})")
    return 0


def _failed(problem: str) -> int:
    _say(f"error: {problem}", sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    lines, line = [], ""
    for name in function_names():
        if len(line) + len(name) > 88:
            lines.append(line)
            line = ""
        line += f"  {name}"
    parser = argparse.ArgumentParser(
        "python -m autograd",
        usage="%(prog)s draw EXPRESSION [NAME=NUMBER ...] [-o FILE] [--explain NAME] [...]",
        description="Evaluate an expression, take its derivatives, and draw its graph.",
        epilog=EXAMPLES.format(functions="\n".join([*lines, line])),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("command", choices=["draw"], metavar="draw", help="what to do; so far the only command")
    add("expression", metavar="EXPRESSION", help='such as "tanh(w*x + b)"')
    add(
        "values",
        metavar="NAME=NUMBER",
        nargs="*",
        default=[],
        help="the number that a name stands for",
    )
    add(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="where to draw the graph: .svg, .png, .pdf, .dot, or .html to step through it; - for "
        "standard output, as SVG; may be given several times",
    )
    add(
        "--explain",
        metavar="NAME",
        action="append",
        default=[],
        help="spell out the chain rule for the derivative with respect to NAME",
    )
    add(
        "--links",
        choices=["derivatives", "contributions", "both"],
        help="what to write on the links of the drawing",
    )
    add("--expand", action="store_true", help="draw functions of many operands as elementary ones")
    add("--version", action="version", version=f"scalar-autograd {__version__}")
    return parser


def _shielded(arguments: Sequence[str]) -> list[str]:
    """Keep argparse from taking an expression such as `-x` for an option."""
    shielded: list[str] = []
    for argument in arguments:
        before = shielded[-1] if shielded else ""
        if before not in {"-o", "--output", "--explain", "--links"} and "--" not in shielded:
            argument = re.sub(r"\A-(?!-|o|h\Z|\Z)", " -", argument)
        shielded.append(argument)
    return shielded


def _values(parser: argparse.ArgumentParser, assignments: Sequence[str]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for assignment in assignments:
        assignment = assignment.strip()
        name, equals, text = assignment.partition("=")
        name = name.strip()
        if not equals:
            parser.error(
                f"{assignment!r} is not of the form NAME=NUMBER; an expression with spaces in it "
                "needs quotes around it"
            )
        if name in values:
            parser.error(f"{name!r} is given twice")
        try:
            values[name] = Value(float(text), name)
        except ValueError:
            parser.error(f"{assignment!r}: {text!r} is not a number")
        if math.isinf(values[name].data) and "inf" not in text.lower():
            parser.error(f"{assignment!r}: the number is too large for a float")
    return values


def _table(expression: str, output: Value, values: dict[str, Value]) -> str:
    rows = [("name", "value", "derivative")]
    rows += [(for_output(name), repr(x.data), repr(x.grad)) for name, x in values.items()]
    wide = [max(map(width, column)) + 2 for column in zip(*rows, strict=True)]
    lines = [f"{expression} = {output.data!r}"]
    if values:
        lines.append("")
        for row in rows:
            cells = [cell + " " * (w - width(cell)) for cell, w in zip(row, wide, strict=True)]
            lines.append("".join(cells).rstrip())
    return "\n".join(lines)


def _explained(output: Value, inputs: Sequence[Value]) -> str:
    """Write the intermediate results and the derivatives, with the names of a drawing."""
    called = names(topological_order(output))
    lines = [
        f"{called[node]} = {formula(node, called)} = {number(node.data, 6)}"
        for node in interior(output)
    ]
    explanations = [str(explain(output, wrt=node)) for node in inputs]
    return "\n".join([*lines, *([""] if lines else []), *explanations])


def _say(text: str, stream: TextIO | None = None) -> None:
    """Print a text, with substitutes for what the terminal's encoding lacks."""
    stream = stream or sys.stdout
    print(printable(text, getattr(stream, "encoding", None)), file=stream)


if __name__ == "__main__":
    sys.exit(_run())
