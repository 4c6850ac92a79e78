"""Arithmetic written as text, turned into a graph; parsed, never evaluated as Python.

There are four steps, and none trusts the one before. The text is cut into tokens, and only those of
arithmetic pass: numbers, names, brackets, operators; their nesting is counted, so that the parser's
stack is safe. Python's own `ast` then parses the text, so operators bind as they do in Python. The
tree is walked without recursion, and nodes of the few kinds listed here are computed by operators
and functions of the library. An error points at the place in the text.
"""

from __future__ import annotations

import ast
import inspect
import math
import operator
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from keyword import iskeyword
from typing import Any, NamedTuple

from autograd.errors import outside_domain
from autograd.formatting import width
from autograd.formulary import ROWS
from autograd.helper_rules import MEETS
from autograd.reals import as_float
from autograd.rule import VALUES
from autograd.rules import RULES
from autograd.value import Operand, Value, as_value

__all__ = ["ExpressionError", "function_names", "parse"]

LONGEST = 10_000
"""The maximum length of an expression, in characters."""
DEEPEST = 1_000
"""The deepest nesting of operators and brackets; the C stack has room for many more."""
MOST_BRACKETS = 50
"""The maximum number of open brackets: each takes Python's parser some twenty calls."""
MOST_SHARES = 64
"""The maximum number of operands of softmax, because it has as many links as their square."""

CONSTANTS = {"e": math.e, "pi": math.pi}

OPERATORS: dict[type[ast.operator], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
    ast.Pow: ("**", operator.pow),
}

# Functions that the table names differently from Python's math or a pocket calculator.
OTHER_NAMES = {
    "acos": "arccos",
    "acosh": "arccosh",
    "asin": "arcsin",
    "asinh": "arcsinh",
    "atan": "arctan",
    "atan2": "arctan2",
    "atanh": "arctanh",
    "fabs": "abs",
    "fsum": "sum",
    "ln": "log",
    "logistic": "sigmoid",
}

TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>\.?[0-9](?:[eE][+-]|[\w.])*)"  # with what is joined to it: 0x1f, 2x, 1.2.3
    r"|(?P<name>(?:\w|[^\x00-\x7f])+)"  # \w lacks the vowel signs of some scripts
    r"|(?P<operator>\*\*|//|[-+*/%])"
    r"|(?P<opening>[(\[])"
    r"|(?P<closing>[)\]])"
    r"|(?P<comma>,)"
    r"|(?P<equals>=(?!=))"
    r"|(?P<refused>.)",
    re.DOTALL,
)
DIGITS = "[0-9](?:_?[0-9])*"
NUMBER = re.compile(rf"(?:{DIGITS}\.?(?:{DIGITS})?|\.{DIGITS})(?:[eE][+-]?{DIGITS})?")

# Why a character is refused, where more can be said than that it is not arithmetic.
REFUSED = {
    **dict.fromkeys("'\"`", "strings are not allowed, nor f-strings"),
    **dict.fromkeys("<>!", "comparisons are not allowed"),
    **dict.fromkeys("=", "comparisons are not allowed"),
    **dict.fromkeys("{}", "braces are not allowed: group with ( )"),
    **dict.fromkeys("&|~", "operations on bits are not allowed"),
    "^": "a power is written **, not ^",
    ".": "attributes are not allowed",
    ":": "slices, lambda and := are not allowed",
    "@": "matrix products and decorators are not allowed",
    "#": "comments are not allowed",
    ";": "one expression, not several",
    "\\": "a backslash is not allowed",
    "×": "a product is written *",
    "·": "a product is written *",
    "⋅": "a product is written *",
    "\N{ASTERISK OPERATOR}": "a product is written *",
    "÷": "a quotient is written /",
    "\N{DIVISION SLASH}": "a quotient is written /",
    "−": "a minus is written -",
    "–": "a minus is written -",
    "²": "a power is written **",
    "³": "a power is written **",
}
CONDITION = "conditions are not allowed"
REFUSED_WORDS = {
    **dict.fromkeys(("and", "or", "not", "if", "else"), CONDITION),
    **dict.fromkeys(("in", "is"), "comparisons are not allowed"),
    **dict.fromkeys(("for", "async"), "comprehensions are not allowed"),
    **dict.fromkeys(("True", "False", "None"), "that is not a number"),
    "lambda": "lambda expressions are not allowed",
}
REFUSED_NODES: dict[type[ast.AST], str] = {
    ast.Subscript: "subscripts are not allowed",
    ast.Starred: "starred operands are not allowed",
    ast.Tuple: "a comma separates the operands of a function, nothing else",
    ast.Call: "only a function of the library can be called, by its name",
}


class ExpressionError(ValueError):
    """An expression that is not arithmetic, or has no value.

    Attributes:
        problem: What is wrong, in words.
        expression: The text, on one line; empty where it would not help.
        column: The position in it, counted in characters from 0; None if there is no single place.

    Args:
        problem: As above.
        expression: As above.
        column: As above.

    Example:
        >>> print(ExpressionError("a power is written **, not ^", "x ^ 2", 2))
        a power is written **, not ^
          x ^ 2
            ^
    """

    def __init__(self, problem: str, expression: str = "", column: int | None = None) -> None:
        super().__init__(problem, expression, column)
        self.problem = problem
        self.expression = expression
        self.column = column

    def __str__(self) -> str:
        if self.column is None:
            return self.problem
        excerpt, indent = _excerpt(self.expression, self.column)
        return f"{self.problem}\n  {excerpt}\n  {' ' * indent}^"


def parse(text: str, values: Mapping[str, Operand]) -> Value:
    """Build the graph of an arithmetic expression written as text.

    The text is Python's arithmetic: `+ - * / ** // %`, parentheses, numbers, the names of the
    values, `pi` and `e`, and the functions of the library by their names. Functions of a sequence
    take their operands one by one, `sum(a, b, c)`, or as a list, `sum([a, b, c])`; `dot` and `net`
    take lists. Nothing else is understood, and nothing is ever run as Python. All numbers are
    floats; what is computed from numbers alone is a constant of the graph.

    Args:
        text: The expression, of at most 10,000 characters.
        values: What its names stand for. A number becomes a Value labelled with its name; a Value
            is used as it is. Names are compared as Python compares identifiers (by NFKC).

    Returns:
        The node of the whole expression.

    Raises:
        ExpressionError: The text is not such an expression, or leaves the domain of an operation
            (then `__cause__` is the library's error); a name has no value, or is already in use; or
            a value is not used.
        TypeError: The text is not a str, or a value is not a real number.
        OverflowError: A value is an integer too large for a float.

    Example:
        >>> y = parse("tanh(w*x + b)", {"w": 0.5, "x": 2, "b": -1})
        >>> y.data, y.op
        (0.0, 'tanh')
    """
    if not isinstance(text, str):
        raise TypeError(f"parse: an expression is a str, got {type(text).__name__}")
    if not text.strip():
        raise ExpressionError("there is no expression")
    if len(text) > LONGEST:
        raise ExpressionError(f"{len(text):,} characters are too many: at most {LONGEST:,}")
    expression = _Expression(text, _inputs(values))
    expression.check_tokens()
    return expression.evaluate(expression.tree())


def function_names() -> list[str]:
    """List the functions that an expression can call, custom functions included.

    Returns:
        Their names, sorted.

    Example:
        >>> "tanh" in function_names()
        True
    """
    return sorted(filter(_is_function, vars(VALUES)))


def _is_function(name: str) -> bool:
    return name in vars(VALUES) and not name.endswith("_") and name != MEETS


def _excerpt(line: str, column: int, most: int = 72) -> tuple[str, int]:
    """Cut a printable excerpt from a line, and give the position of the column in it."""
    line = "".join(c if c.isprintable() else "\ufffd" for c in line)
    start = max(0, min(column - most // 2, len(line) - most))
    piece = line[start : start + most]
    before, after = "..." * (start > 0), "..." * (start + most < len(line))
    return before + piece + after, len(before) + width(line[start:column])


# --- names ---------------------------------------------------------------------------------------


def _inputs(values: Mapping[str, Operand]) -> dict[str, Value]:
    """Make Values of what the names stand for, under the names as `ast` will report them."""
    inputs: dict[str, Value] = {}
    for given, value in values.items():
        if not isinstance(given, str):
            raise TypeError(f"parse: a name is a str, got {type(given).__name__}")
        name = unicodedata.normalize("NFKC", given)
        if not name.isidentifier():
            raise ExpressionError(f"{_shown(given)} cannot be a name: letters, digits and _ only")
        if iskeyword(name):
            raise ExpressionError(f"{_shown(given)} cannot be a name: it is a keyword of Python")
        if _is_function(name):
            raise ExpressionError(f"{_shown(given)} cannot be a name: it is the name of a function")
        if name in inputs:
            raise ExpressionError(f"{_shown(given)} is given twice, in two spellings of one name")
        if not isinstance(value, Value):
            value = Value(as_float(value, f"parse: {name}"), name)
        inputs[name] = value
    return inputs


def _shown(text: str) -> str:
    """Quote any text, and name the first character that may be mistaken for another."""
    quoted = repr(text if len(text) <= 40 else text[:37] + "...")
    for character in text:
        if not character.isascii():
            name = unicodedata.name(character, "no character of Unicode")
            return f"{quoted} (with U+{ord(character):04X}, {name})"
    return quoted


def _listed(names: Iterable[str], most: int = 100) -> str:
    names = list(names)
    return ", ".join([*names[:most], *["…"][: len(names) > most]]) or "none"


def _usage(name: str) -> str:
    """Write a call of the function: `leaky_relu(x, slope=0.01)`, `dot([xs1], [xs2])`."""
    operands = RULES[name].operands
    if any(operand.startswith("*") for operand in operands):
        if RULES[name].of_sequence:
            return f"{name}(x1, x2, …)"
        shown = [f"[{operand[1:]}]" if operand.startswith("*") else operand for operand in operands]
        return f"{name}({', '.join(shown)})"
    parameters = inspect.signature(getattr(VALUES, name)).parameters
    defaults = {key: p.default for key, p in parameters.items() if p.default is not p.empty}
    shown = [f"{x}={defaults[x]}" if x in defaults else x for x in operands]
    return f"{name}({', '.join(shown)})"


# --- one expression ------------------------------------------------------------------------------


class _Token(NamedTuple):
    """A piece of an expression: its kind (a group of `TOKEN`), and its position."""

    kind: str
    text: str
    column: int


class _Expression:
    """An expression on its way from text to graph."""

    def __init__(self, text: str, inputs: dict[str, Value]) -> None:
        # On one line, so that the column that ast gives is the only coordinate.
        self.line = "".join(" " if c.isspace() else c for c in text)
        self.inputs = inputs
        self.used: set[str] = set()

    def error(self, problem: str, column: int | None) -> ExpressionError:
        return ExpressionError(problem, self.line, column)

    def error_at(self, node: ast.expr, problem: str) -> ExpressionError:
        """Point at a node: at the sign of an operation, at the start of anything else."""
        if not isinstance(node, ast.BinOp):
            return self.error(problem, self.column(node.col_offset))
        # Only spaces and the operand's parentheses can be between an operand and the sign.
        column = self.column(node.left.end_col_offset or 0)
        while self.line[column] in " )":
            column += 1
        return self.error(problem, column)

    def column(self, offset: int) -> int:
        """Turn an offset from `ast`, UTF-8 bytes of the text without indent, into a column."""
        stripped = self.line.lstrip()
        indent = len(self.line) - len(stripped)
        return indent + len(stripped.encode()[:offset].decode())

    # --- tokens ----------------------------------------------------------------------------------

    def check_tokens(self) -> None:
        """Let only the tokens of arithmetic pass, nested no deeper than the parser can handle."""
        open_brackets: list[_Token] = []
        # The depth of the tree: an operator or a bracket adds a level to its surroundings, up to a
        # comma or the end of the brackets. There is one count for each open bracket.
        levels, depth = [0], 0
        last = _Token("start", "", 0)
        for match in TOKEN.finditer(self.line):
            token = _Token(str(match.lastgroup), match[0], match.start())
            if token.kind == "space":
                continue
            self._check_token(token)
            self._check_neighbours(last, token)
            last = token
            if token.kind == "comma":
                depth -= levels[-1]
                levels[-1] = 0
            elif token.kind in {"operator", "opening"}:
                levels[-1] += 1
                depth += 1
            if token.kind == "opening":
                open_brackets.append(token)
                levels.append(0)
            elif token.kind == "closing":
                if not open_brackets or open_brackets.pop().text + token.text not in {"()", "[]"}:
                    raise self.error(f"{token.text} closes no bracket", token.column)
                depth -= levels.pop()
            elif token.kind == "equals" and not open_brackets:
                raise self.error("assignments are not allowed", token.column)
            if depth > DEEPEST or len(open_brackets) > MOST_BRACKETS:
                raise self.error(
                    f"nested too deeply: at most {MOST_BRACKETS} brackets and {DEEPEST:,} "
                    "operators, one around the other; sum(a, b, …) adds up any number",
                    token.column,
                )
        self._check_neighbours(last, _Token("end", "", len(self.line)))
        if open_brackets:
            bracket = open_brackets[-1]
            raise self.error(f"{bracket.text} is never closed", bracket.column)

    def _check_token(self, token: _Token) -> None:
        kind, text, column = token
        if kind == "refused":
            raise self.error(_why_refused(text), column)
        if kind == "number":
            if not NUMBER.fullmatch(text):
                raise self.error(_why_no_number(text), column)
            if math.isinf(float(text)):
                raise self.error("the number is too large for a float", column)
        if kind == "name":
            if iskeyword(text):
                why = REFUSED_WORDS.get(text, "that is a keyword of Python, not arithmetic")
                raise self.error(f"{text}: {why}", column)
            if not text.isidentifier():
                bad = (i for i in range(len(text)) if not f"_{text[: i + 1]}".isidentifier())
                first = next(bad, 0)
                raise self.error(_why_refused(text[first]), column + first)

    def _check_neighbours(self, left: _Token, right: _Token) -> None:
        """Say where an operator or an operand is missing, more clearly than a parser would."""
        if left.kind in {"name", "number", "closing"}:
            if right.kind in {"name", "number"}:
                problem = f"an operator is missing before {_shown(right.text)}"
                raise self.error(problem, right.column)
        elif left.kind == "operator" and right.kind in {"closing", "comma", "equals", "end"}:
            raise self.error(f"an operand is missing after {left.text}", left.column)
        elif right.text in {"*", "**"} and left.kind in {"opening", "comma"}:
            raise self.error("starred operands are not allowed", right.column)
        elif right.text in {"*", "**", "/", "//", "%", ",", "="}:
            raise self.error(f"an operand is missing before {right.text}", right.column)

    # --- the tree --------------------------------------------------------------------------------

    def tree(self) -> ast.expr:
        """Have Python parse the text."""
        try:
            return ast.parse(self.line.lstrip(), mode="eval").body
        except SyntaxError as error:
            indent = len(self.line) - len(self.line.lstrip())
            column = indent + max(0, (error.offset or 1) - 1)
            # Without Python's hints, which are meant for programs: "Maybe you meant '=='".
            problem = re.split(r"[.,;] (?:Did|Maybe|[Pp]erhaps|use) ", error.msg)[0]
            raise self.error(f"this is not arithmetic: {problem}", column) from None
        except (MemoryError, RecursionError, ValueError) as error:
            raise ExpressionError(f"too complex for Python's parser: {error}") from None

    def evaluate(self, tree: ast.expr) -> Value:
        """Compute the tree from its leaves up, without recursion."""
        results: list[Any] = []
        # A node is visited twice: first to push its operands, then, once they are known, itself.
        todo: list[tuple[ast.expr, int | None]] = [(tree, None)]
        while todo:
            node, count = todo.pop()
            if count is None:
                operands = self._operands(node)
                todo.append((node, len(operands)))
                todo.extend((operand, None) for operand in reversed(operands))
            else:
                start = len(results) - count
                results[start:] = [self._result(node, results[start:])]
        (result,) = results
        if isinstance(result, list):
            raise self.error_at(tree, "the expression is a list, where one number is expected")
        if unused := [name for name in self.inputs if name not in self.used]:
            raise ExpressionError(
                f"{', '.join(map(_shown, unused))}: given a value, but not in the expression"
            )
        return as_value(result)

    def _operands(self, node: ast.expr) -> list[ast.expr]:
        """List the operands of a node; refuse the kinds of nodes that are not arithmetic."""
        match node:
            case ast.Constant() | ast.Name():
                return []
            case ast.UnaryOp(op=ast.UAdd() | ast.USub()):
                return [node.operand]
            case ast.BinOp() if type(node.op) in OPERATORS:
                return [node.left, node.right]
            case ast.List():
                return node.elts
            case ast.Call(func=ast.Name()) if all(keyword.arg for keyword in node.keywords):
                return [*node.args, *(keyword.value for keyword in node.keywords)]
        problem = REFUSED_NODES.get(type(node), f"{type(node).__name__} is not arithmetic")
        raise self.error_at(node, problem)

    def _result(self, node: ast.expr, operands: list[Any]) -> Any:
        """Compute one node: a Value, a float if no Value takes part, or a list of these."""
        match node:
            case ast.Constant():
                if type(node.value) not in {int, float}:
                    raise self.error_at(node, f"{type(node.value).__name__} is not a real number")
                return float(node.value)  # type: ignore[arg-type]  # just checked
            case ast.Name():
                return self._named(node)
            case ast.Call(func=ast.Name() as function):
                return self._called(function, node, operands)
        if any(isinstance(operand, list) for operand in operands):
            raise self.error_at(node, "a list can only be the operand of a function")
        match node:
            case ast.UnaryOp():
                return -operands[0] if isinstance(node.op, ast.USub) else operands[0]
            case ast.BinOp():
                sign, apply = OPERATORS[type(node.op)]
                try:
                    return _applied(sign, apply, *operands)
                except (ArithmeticError, ValueError) as error:
                    raise self.error_at(node, str(error)) from error
        return operands

    def _named(self, node: ast.Name) -> Any:
        name = node.id
        if name in self.inputs:
            self.used.add(name)
            return self.inputs[name]
        if name in CONSTANTS:
            return CONSTANTS[name]
        if _is_function(name):
            raise self.error_at(node, f"{name} is a function: {_usage(name)}")
        if signs := [c for c in name if c in REFUSED]:  # w·x is a name to Python
            raise self.error_at(node, f"{_shown(name)} has no value; {REFUSED[signs[0]]}")
        close = get_close_matches(name, self.inputs, 1)
        meant = f"; did you mean {close[0]}?" if close else ""
        raise self.error_at(
            node, f"{_shown(name)} has no value{meant} (given: {_listed(self.inputs)})"
        )

    def _called(self, function: ast.Name, node: ast.Call, operands: list[Any]) -> Any:
        name = function.id
        if not _is_function(name):
            raise self.error_at(node, self._why_no_function(name))
        positional, named = operands[: len(node.args)], operands[len(node.args) :]
        keywords: dict[str, Any] = {}
        for keyword, operand in zip(node.keywords, named, strict=True):
            if keyword.arg in keywords:  # `ast` accepts this
                raise self.error_at(node, f"{name}: {keyword.arg} is given twice")
            keywords[str(keyword.arg)] = operand
        try:
            return getattr(VALUES, name)(*_arranged(name, positional, keywords), **keywords)
        except (ArithmeticError, TypeError, ValueError) as error:
            raise self.error_at(node, str(error)) from error

    def _why_no_function(self, name: str) -> str:
        if name in self.inputs or name in CONSTANTS:
            return f"{name} is a number, not a function; a product is written {name} * (…)"
        if name == "pow":
            return "a power is written x ** y"
        functions = function_names()
        if (
            close := [OTHER_NAMES[name]]
            if name in OTHER_NAMES
            else get_close_matches(name, functions, 1)
        ):
            return f"there is no function {_shown(name)}; did you mean {close[0]}?"
        built_in = [function for function in functions if RULES.get(function) in ROWS]
        return f"there is no function {_shown(name)}; there are {_listed(built_in, len(built_in))}"


def _applied(sign: str, apply: Callable[[Any, Any], Any], left: Operand, right: Operand) -> Operand:
    """Apply an operator; its row, on plain numbers: Python may return a complex number."""
    if isinstance(left, Value) or isinstance(right, Value):
        result: Value = apply(left, right)
        return result
    rule = RULES[sign]
    try:
        return rule.evaluate(left, right)
    except (ArithmeticError, ValueError) as error:
        raise outside_domain(error, sign, rule.operands, (left, right), rule.domain) from None


def _arranged(name: str, positional: list[Any], keywords: dict[str, Any]) -> list[Any]:
    """Check the number and kinds of the operands, and put them in the order of the function."""
    rule = RULES[name]
    if rule.of_sequence and not keywords:
        one_list = len(positional) == 1 and isinstance(positional[0], list)
        positional = positional if one_list else [positional]
        if any(isinstance(x, list) for x in positional[0]):
            raise TypeError(f"{_usage(name)}: pass either operands or one list of them")
        if name == "softmax" and len(positional[0]) > MOST_SHARES:
            raise ValueError(f"softmax: at most {MOST_SHARES} operands in an expression")
        return positional
    lists = [operand.startswith("*") for operand in rule.operands]
    if any(lists):
        if keywords or [isinstance(x, list) for x in positional] != lists:
            raise TypeError(f"the operands must be {_usage(name)}")
        return positional
    if any(isinstance(x, list) for x in [*positional, *keywords.values()]):
        raise TypeError(f"{_usage(name)}: the operands must be numbers, not lists")
    try:
        inspect.signature(getattr(VALUES, name)).bind(*positional, **keywords)
    except TypeError as error:
        raise TypeError(f"{_usage(name)}: {error}") from None
    return positional


# --- words ---------------------------------------------------------------------------------------


def _why_refused(character: str) -> str:
    if character in REFUSED:
        return REFUSED[character]
    return f"{_shown(character)} is not a sign of arithmetic"


def _why_no_number(token: str) -> str:
    problem = f"{_shown(token)} is not a decimal number"
    if re.fullmatch(r"[0-9_.]+(?:[eE][+-]?[0-9]+)?[jJ]", token):
        return f"{problem}: complex numbers are not allowed"
    number = NUMBER.match(token)
    if number and (rest := token[number.end() :]).isidentifier() and token[0] != "0":
        return f"{problem}; a product is written {number[0]} * {rest}"
    return problem
