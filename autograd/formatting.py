"""Nodes in words: what they are called, and the formulas and numbers of their operations.

Drawings, pages and explanations take what they say about a node from here, so that they all say it
in the same way. Numbers are written with a true minus sign and without superfluous digits.
"""

from __future__ import annotations

import ast
import math
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cache

from autograd.errors import counted
from autograd.rules import RULES
from autograd.scopes import leaf_kind
from autograd.tracing import is_traced
from autograd.value import Value

__all__ = [
    "MINUS", "SIGNS", "cut", "derivative_of", "evaluated", "for_output", "formula", "gradient",
    "names", "number", "operand", "printable", "slope", "width",
]  # fmt: skip

MINUS = "\N{MINUS SIGN}"

LONGEST_LABEL = 10_000
"""The maximum number of characters of a label that are shown."""
LONGEST = 8
"""The maximum number of terms or operands that a formula lists without leaving some out."""

_DIGITS = 6
_UNSIGNED = re.compile(r"[\d.]+(e\N{MINUS SIGN}?\d+)?|inf|nan")
_SEPARATOR = re.compile(r"[-+*/%^|·×\s\N{MINUS SIGN}]")

# The sign of an operation alone in a box, and between operands. The two differ if the sign in the
# box would be unclear on a line: a cross between letters looks like another x, and a power or a
# quotient must show which operand is which.
_SIGNS: dict[str, tuple[str, str]] = {
    "+": ("+", " + "),
    "-": (MINUS, f" {MINUS} "),
    "*": ("×", "·"),
    "/": ("÷", "/"),
    "//": ("⌊÷⌋", " // "),
    "%": ("mod", " % "),
    "**": ("xʸ", "^"),
    "<": ("<", " < "),
    "<=": ("≤", " ≤ "),
    "==": ("=", " = "),
    "!=": ("≠", " ≠ "),
    ">": (">", " > "),
    ">=": ("≥", " ≥ "),
    "·": ("·", "·"),
    "neg": (MINUS, ""),
    "abs": ("|x|", ""),
    "sum": ("", " + "),
    "prod": ("", "·"),
}

SIGNS = {op: sign for op, (sign, _) in _SIGNS.items() if sign}
"""The signs of operations, as boxes show them; other operations are shown by their names."""

_INFIX = {op: sign for op, (_, sign) in _SIGNS.items() if sign}

# The closest that ASCII comes to the signs of this library's formulas.
_ASCII = {
    "∂": "d", "·": "*", "×": "*", "÷": "/", MINUS: "-", "–": "-", "±": "+-", "²": "^2", "³": "^3",
    "ʸ": "^y", "½": "1/2", "…": "...", "→": "->", "←": "<-", "≈": "~", "≤": "<=", "≥": ">=",
    "≠": "!=", "∑": "sum", "∞": "inf", "⌊": "", "⌋": "", "✓": "ok", "✗": "NO",
}  # fmt: skip


# --- names and numbers ---------------------------------------------------------------------------


def names(nodes: Iterable[Value]) -> dict[Value, str]:
    """Name each node: by its label, a constant's number, or else v1, v2 and so on.

    If several nodes have the same label, the first keeps it as its name, and the others are
    numbered; a blank label counts as none, and one that looks like a constant's number is put in
    quotes. A label of more than ten thousand characters is cut. Constants with the same number
    share a name.

    Args:
        nodes: The nodes; list parents before children for v1, v2, … to follow the evaluation.

    Returns:
        A dictionary from each node to its name, in the given order.

    Example:
        >>> a, b, c = Value(2.0, "a"), Value(3.0), Value(4.0, "a")
        >>> list(names([a, b, c, b * c]).values())
        ['a', 'v1', 'a (2)', 'v2']
    """
    unique = list(dict.fromkeys(nodes))
    labels = {node: cut(node.label) for node in unique if node.label and not node.label.isspace()}
    taken = set(labels.values())
    constants = {
        number(node.data, _DIGITS)
        for node in unique
        if node not in labels and not node.parents and leaf_kind(node) == "constant"
    }
    used: dict[str, int] = {}
    found: dict[Value, str] = {}
    unnamed = 0
    for node in unique:
        if node in labels:
            name = label = labels[node]
            if label in constants:
                name = label = f"'{label}'"
            count = used.get(label, 0) + 1
            if count > 1:
                while (name := f"{label} ({count})") in taken:
                    count += 1
                taken.add(name)
            used[label] = count
        elif leaf_kind(node) == "constant":
            name = number(node.data, _DIGITS)
        else:
            unnamed += 1
            while (name := f"v{unnamed}") in taken:
                unnamed += 1
        found[node] = name
    return found


def cut(text: str, longest: int = LONGEST_LABEL) -> str:
    """Cut a text that is too long to show, and say how much is missing.

    Args:
        text: Any text.
        longest: How many characters are kept.

    Returns:
        The text, or its beginning.

    Example:
        >>> cut("abcdef", longest=4), cut("abcd", longest=4)
        ('abcd… (2 characters more)', 'abcd')
    """
    more = len(text) - longest
    if more <= 0:
        return text
    return f"{text[:longest]}… ({counted(more, 'character')} more)"


def gradient(node: Value) -> float:
    """Return the gradient of a node as a number, even if `backward()` has recorded it as a node.

    Example:
        >>> x = Value(2.0)
        >>> (x**3).backward(create_graph=True)
        >>> gradient(x)
        12.0
    """
    found: object = node.grad
    return found.data if isinstance(found, Value) else node.grad


def number(x: float, digits: int = 4) -> str:
    """Write a number for people to read.

    Args:
        x: The number.
        digits: How many significant digits it is rounded to. The integer part of a number below a
            million is always written in full, because it takes no more room than a power of ten.

    Returns:
        Its digits without trailing zeros, with a power of ten if it is small or large.

    Raises:
        ValueError: `digits` is less than 1.

    Example:
        >>> print(number(0.4), number(-0.02260254), number(0.00043857), number(123456.7))
        0.4 −0.0226 4.386e−4 123457
    """
    if digits < 1:
        raise ValueError(f"number: digits must be at least 1, got {digits}")
    if not math.isfinite(x):
        return str(x).replace("-", MINUS)
    if x == 0.0:
        return "0"
    mantissa, exponent = f"{x:.{digits - 1}e}".split("e")
    power = int(exponent)  # of the number after rounding: 0.99996 becomes 1
    if power >= digits and abs(x) < 999_999.5:
        text = f"{x:.0f}"
    elif -4 < power < digits:
        text = _without_zeros(f"{x:.{digits - 1 - power}f}")
    else:
        text = f"{_without_zeros(mantissa)}e{power}"
    return text.replace("-", MINUS)


def _without_zeros(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def operand(text: str) -> str:
    """Put a name or a number in parentheses if it would be unclear beside a sign.

    Args:
        text: A name, or a number as written by `number`.

    Returns:
        The text, in parentheses if it contains a blank or an operator.

    Example:
        >>> print(operand("w"), operand("a b"), operand("a-b"), operand("−2"), operand("1e−4"))
        w (a b) (a-b) (−2) 1e−4
    """
    return text if _UNSIGNED.fullmatch(text) else _base(text)


def _base(text: str) -> str:
    """The same for the base of a power, where 1e−4 is also unclear."""
    return f"({text})" if _SEPARATOR.search(text) else text


def derivative_of(above: str, below: str) -> str:
    """Write a derivative with the names of its nodes.

    Args:
        above: The name of the node that is differentiated.
        below: The name of the node that it is differentiated with respect to.

    Returns:
        The quotient, with names in parentheses where they need them.

    Example:
        >>> print(derivative_of("E", "w1"), derivative_of("E", "net o1"))
        ∂E/∂w1 ∂E/∂(net o1)
    """
    return f"∂{operand(above)}/∂{operand(below)}"


# --- formulas ------------------------------------------------------------------------------------


def formula(node: Value, names: Mapping[Value, str]) -> str:
    """Write the operation of a node with the names of its parents.

    Args:
        node: The node.
        names: The name of each of its parents.

    Returns:
        The right-hand side of the equation that defines the node; for a leaf, its number. If there
        are more than 8 terms, those in the middle are left out.

    Raises:
        KeyError: A parent that is to be written has no name.

    Example:
        >>> from autograd import net, tanh
        >>> w, b, y = Value(0.5, "w"), Value(-1.0, "b"), Value(3.0, "y")
        >>> known = {w: "w", b: "b", y: "y"}
        >>> print(formula(w * y, known), formula(tanh(b), known), formula(y / b, known), sep=", ")
        w·y, tanh(b), y/b
        >>> print(formula(net([w, y], [0.05, 1.0], b), known))
        w·0.05 + y + b
    """
    return _written(node, names.__getitem__)


def evaluated(node: Value) -> str:
    """Write the operation of a node with the numbers of its parents, to 6 digits.

    Args:
        node: The node.

    Returns:
        As for `formula`, with numbers in place of names, and negative ones in parentheses.

    Example:
        >>> from autograd import net
        >>> w, b = Value(0.5), Value(-1.0)
        >>> print(evaluated(b * w), evaluated(net([w], [0.05], b)), sep=", ")
        (−1)·0.5, 0.5·0.05 + (−1)
    """
    return _written(node, lambda parent: number(parent.data, _DIGITS))


def _written(node: Value, name: Callable[[Value], str]) -> str:
    parents, op = node.parents, node.op
    if not parents:
        return number(node.data, _DIGITS)
    n = len(parents)
    if op in {"dot", "net"}:
        half = n // 2
        bias = parents[2 * half :]

        def product(i: int) -> str:
            if i == half:
                return operand(name(bias[0]))
            return f"{operand(name(parents[i]))}·{operand(name(parents[half + i]))}"

        return _joined(half + len(bias), product, " + ")
    if op == "linear":
        coefficients = node.local_derivatives

        def term(i: int) -> str:
            text = operand(name(parents[i]))
            coefficient = coefficients[i]
            return text if coefficient == 1.0 else f"{text}·{operand(number(coefficient, _DIGITS))}"

        return _joined(n, term, " + ")
    if op == "**":
        base, exponent = map(name, parents)
        return f"{_base(base)}^{operand(exponent)}"
    if op in _INFIX:
        return _joined(n, lambda i: operand(name(parents[i])), _INFIX[op])
    if op == "neg":
        return MINUS + operand(name(parents[0]))
    if op == "abs":
        return f"|{name(parents[0])}|"
    if op == "square":
        return f"{_base(name(parents[0]))}^2"
    if op == "reciprocal":
        return f"1/{operand(name(parents[0]))}"
    return f"{op}({_joined(n, lambda i: name(parents[i]), ', ')})"


# The derivatives of the operations that have a sign, in the form that the table's summaries have.
_SLOPES: dict[str, tuple[str, ...]] = {
    "*": ("x2", "x1"),
    "/": ("1 / x2", "-x1 / x2**2"),
    "**": ("x2 * x1**(x2 - 1)", "x1**x2 * log(x1)"),
}
_QUOTED = re.compile(r"`([^`]*)`")


def slope(node: Value, place: int, names: Mapping[Value, str]) -> str:
    """Write a local derivative of a node as textbooks do, with the names of its parents.

    Args:
        node: The node.
        place: The place of the parent that it is differentiated with respect to.
        names: The name of the node, and of each of its parents.

    Returns:
        The derivative, in terms of the node itself where that is shorter; empty if it is a number,
        or has no short formula.

    Example:
        >>> from autograd import tanh
        >>> x, y = Value(0.5, "x"), Value(2.0, "y")
        >>> square, out = x**2, tanh(x)
        >>> known = {x: "x", y: "y", square: "s", out: "t", square.parents[1]: "2"}
        >>> [slope(square, 0, known), slope(out, 0, known), slope(x + y, 0, known)]
        ['2·x', '1 − t^2', '']
    """
    parents, op = node.parents, node.op
    if op in {"dot", "net"}:
        half = len(parents) // 2
        if place == 2 * half:
            return ""
        return names[parents[place - half if place >= half else place + half]]
    rule = RULES.get(op)
    if rule is None or type(op) is not str or len(rule.operands) != len(parents):
        return ""
    written = _SLOPES.get(op) or tuple(_QUOTED.findall(rule.summary))
    if op == "**" and leaf_kind(parents[1]) == "constant" and not is_traced(parents[1]):
        exponent = parents[1].data
        less = f"**{exponent - 1.0!r}" if exponent != 2.0 else ""
        written = (f"x2 * x1{less}", written[1])
    if len(written) < len(parents) or "where" in written[place]:
        return ""
    known = {name: names[parent] for name, parent in zip(rule.operands, parents, strict=True)}
    own = f"{op}({', '.join(rule.operands)})"
    if written[place] in known:
        return known[written[place]]
    part = _parsed(written[place])
    if not any(isinstance(inner, ast.Name) for inner in ast.walk(part)):
        return ""
    return _textbook(part, known, own, names[node])[0]


@cache
def _parsed(formula: str) -> ast.expr:
    return ast.parse(formula, mode="eval").body


_SUM, _PRODUCT, _POWER, _ATOM = 1, 2, 3, 4  # how tightly a part of a formula binds


def _textbook(part: ast.expr, known: Mapping[str, str], own: str, name: str) -> tuple[str, int]:
    """Write a part of a formula, and tell how tightly it binds.

    Args:
        part: The part, in Python's notation.
        known: The names of the operands that it speaks of.
        own: The function itself, applied to its operands, for which there is a name.
        name: That name.
    """

    def written(part: ast.expr, least: int) -> str:
        text, binds = _textbook(part, known, own, name)
        return text if binds >= least else f"({text})"

    if ast.unparse(part) == own:
        return operand(name), _ATOM
    if isinstance(part, ast.Name):
        return operand(known.get(part.id, part.id)), _ATOM
    if isinstance(part, ast.Constant):
        return number(float(part.value), _DIGITS), _ATOM  # type: ignore[arg-type]
    if isinstance(part, ast.UnaryOp):
        return MINUS + written(part.operand, _PRODUCT), _PRODUCT
    if isinstance(part, ast.Call):
        operands = ", ".join(written(argument, _SUM) for argument in part.args)
        return f"{ast.unparse(part.func)}({operands})", _ATOM
    assert isinstance(part, ast.BinOp)
    if isinstance(part.op, ast.Pow):
        return f"{written(part.left, _ATOM)}^{written(part.right, _ATOM)}", _POWER
    if isinstance(part.op, (ast.Mult, ast.Div)):
        sign = "·" if isinstance(part.op, ast.Mult) else "/"
        signed = isinstance(part.right, ast.UnaryOp)
        least = _POWER if sign == "/" or signed else _PRODUCT
        return f"{written(part.left, _PRODUCT)}{sign}{written(part.right, least)}", _PRODUCT
    sign, least = ("+", _SUM) if isinstance(part.op, ast.Add) else (MINUS, _PRODUCT)
    return f"{written(part.left, _SUM)} {sign} {written(part.right, least)}", _SUM


def _joined(count: int, term: Callable[[int], str], separator: str) -> str:
    """Join terms; of a long series, which may have a million, only the first few and the last."""
    if count <= LONGEST:
        return separator.join(map(term, range(count)))
    return separator.join([*map(term, range(LONGEST - 2)), "…", term(count - 1)])


# --- terminals -----------------------------------------------------------------------------------


def width(text: str) -> int:
    """Count the columns that a text occupies in a terminal.

    Args:
        text: Any text on one line.

    Returns:
        Two for a wide character (Chinese, Japanese, Korean), none for a combining one, else one.

    Example:
        >>> width("w"), width("권중치")
        (1, 6)
    """
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"} or "\u1160" <= character <= "\u11ff":
        return 0  # the latter are the vowels and finals of decomposed Korean syllables
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def printable(text: str, encoding: str | None) -> str:
    """Write a text in a terminal's encoding, with ASCII in place of what the encoding lacks.

    Signs become the closest ones available, Greek letters their names, and accented letters lose
    their accents; letters of other scripts become Python's escapes, which keep them distinct.

    Args:
        text: Any text.
        encoding: The terminal's encoding; None if unknown.

    Returns:
        The text; characters that can be encoded are unchanged.

    Example:
        >>> printable("∂E/∂ω₁ = 2·x²", "ascii")
        'dE/domega1 = 2*x^2'
    """
    known = encoding or "ascii"
    try:
        text.encode(known)
    except UnicodeEncodeError:
        return "".join(_imitation(character, known) for character in text)
    return text


def for_output(text: str) -> str:
    """Write a text so that it can be printed to the current standard output; see `printable`."""
    return printable(text, getattr(sys.stdout, "encoding", None) or "utf-8")


def _imitation(character: str, encoding: str) -> str:
    with suppress(UnicodeEncodeError):
        character.encode(encoding)
        return character
    if character in _ASCII:
        return _ASCII[character]
    base = unicodedata.normalize("NFKD", character)[:1]
    name = unicodedata.name(base, "").split(" ")
    if name[0] == "GREEK" and "LETTER" in name:
        letter = name[name.index("LETTER") + 1 :]  # a final sigma counts as a sigma
        spelt = letter[-1 if letter[0] == "FINAL" else 0].lower()
        return spelt.capitalize() if base.isupper() else spelt
    if base.isascii() and base:
        return base
    if _columns(character) == 0:  # it combines with the letter before it
        return ""
    return character.encode("ascii", "backslashreplace").decode("ascii")
