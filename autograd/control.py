"""Loops and choices, for programs that are recorded, differentiated and compiled from one source.

The names are JAX's. Recorded, and on plain numbers, they are Python's loops and branches: the graph
is the one written by hand, and nothing is recorded that is not a Value.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from autograd import tracing
from autograd.errors import counted, shown, some, whole_number
from autograd.functions import where
from autograd.loops import looped
from autograd.reals import as_float
from autograd.structure import filled
from autograd.tracing import is_traced, refuse
from autograd.tree import TreeDef, flatten
from autograd.value import Value

__all__ = ["cond", "fori_loop", "scan", "stop_gradient", "while_loop"]


Checkpoint: TypeAlias = Literal["sqrt", "log"]


def _require_known(name: str, checkpoint: Any) -> None:
    is_known = isinstance(checkpoint, str) and checkpoint in ("sqrt", "log")
    if checkpoint is not None and not is_known:
        raise ValueError(
            f"{name}: checkpoint must be 'sqrt', 'log' or None, got {shown(checkpoint)}"
        )


# --- nested numbers ------------------------------------------------------------------------------


class _Numbers(NamedTuple):
    """The numbers of a nested structure, such as the carry of a loop.

    Attributes:
        numbers: The numbers, as they are.
        leaves: The numbers and arrays that hold them.
        tree: Its containers.
    """

    numbers: list[Any]
    leaves: list[Any]
    tree: TreeDef

    def shapes(self) -> list[tuple[int, ...] | None]:
        """List the shape of each array, and None for each number."""
        return [leaf.shape if _is_array(leaf) else None for leaf in self.leaves]

    def filled(self, numbers: Sequence[Any]) -> Any:
        """Make the structure again, of other numbers."""
        left = iter(numbers)
        return self.tree.unflatten([_refilled(leaf, left) for leaf in self.leaves])


def _refilled(leaf: Any, numbers: Iterator[Any]) -> Any:
    if not _is_array(leaf):
        return next(numbers)
    return filled(leaf, [next(numbers) for _ in range(leaf.size)], leaf.shape)


def _is_array(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and hasattr(leaf, "flat") and bool(leaf.shape)


def _numbers(structure: Any, what: str) -> _Numbers:
    """List the numbers of a structure, and refuse whatever else is in it."""
    try:
        leaves, tree = flatten(structure, what)
    except RecursionError:
        raise ValueError(f"{what} is nested too deeply") from None
    found: list[Any] = []
    for place, leaf in enumerate(leaves):
        if type(leaf) is float or isinstance(leaf, Value):
            found.append(leaf)
        elif _is_array(leaf):
            for element in leaf.flat:
                _require_number(element, tree, place, what)
                found.append(element)
        else:
            _require_number(leaf, tree, place, what)
            found.append(leaf)
    return _Numbers(found, leaves, tree)


def _require_number(leaf: Any, tree: TreeDef, place: int, what: str) -> None:
    if type(leaf) is float or isinstance(leaf, Value):
        return
    path = _path(tree, place, what)
    if hasattr(leaf, "named_parameters"):
        raise TypeError(
            f"{path} is a model: it belongs outside the loop, whose functions may read it"
        )
    as_float(leaf, path, "a number, or a list, tuple, dictionary or array of numbers")


def _path(tree: TreeDef, place: int, what: str) -> str:
    for number, path in enumerate(tree.paths("")):
        if number == place:
            return f"{what}, at {path}," if path else what
    return what


def _require_same(
    first: _Numbers,
    other: _Numbers,
    what: str,
    before: str,
    why: str = "a carry keeps its structure from step to step",
) -> None:
    """Require that a carry has kept its structure, or that two branches return the same one."""
    if first.tree != other.tree:
        place = _difference([*first.tree.paths("")], [*other.tree.paths("")])
        raise TypeError(f"{what} has another structure than {before}{place}: {why}")
    shapes = zip(first.shapes(), other.shapes(), strict=True)
    for number, (one, two) in enumerate(shapes):
        if one != two:
            kinds = ["a number" if x is None else f"an array of shape {x}" for x in (two, one)]
            raise TypeError(
                f"{_path(first.tree, number, what)} is {kinds[0]}, where {before} has {kinds[1]}: "
                f"{why}"
            )


def _difference(first: list[str], other: list[str]) -> str:
    """Name the first place at which two structures differ."""
    for path in sorted({*other} - {*first}):
        return f", which has no {path}" if path else ", which is no single number"
    for path in sorted({*first} - {*other}):
        return f": it has no {path}" if path else ": it is no single number"
    return " (lists and tuples differ)"


def _require_functions(name: str, **functions: Any) -> None:
    for argument, function in functions.items():
        if not callable(function):
            raise TypeError(
                f"{name}: {argument} must be a function, got {type(function).__name__}: "
                f"{shown(function)}"
            )


# --- what a scan runs over -----------------------------------------------------------------------


def _is_sequence(part: Any) -> bool:
    """Tell whether a part of `xs` has an element for each step."""
    return isinstance(part, list) or _is_array(part)


class _Steps:
    """The elements of `xs`, or the results of the steps, step by step.

    Tuples and dictionaries are taken apart; a list or an array has an element for each step.
    """

    def __init__(self, parts: Sequence[Any], tree: TreeDef) -> None:
        self.parts, self.tree = parts, tree

    @classmethod
    def of(cls, xs: Any) -> _Steps:
        """Find the sequences in `xs`."""
        try:
            parts, tree = flatten(xs, "scan: xs", is_leaf=_is_sequence)
        except RecursionError:
            raise ValueError("scan: xs is nested too deeply") from None
        for place, part in enumerate(parts):
            if not _is_sequence(part):
                path = _path(tree, place, "scan: xs")
                raise TypeError(
                    f"{path} must be a list or an array, with an element for each step, or a tuple "
                    f"or dictionary of these, got {type(part).__name__}: {shown(part)}"
                )
        return cls(parts, tree)

    def at(self, step: int) -> Any:
        """Give what the step is passed."""
        return self.tree.unflatten([part[step] for part in self.parts])


def _stacked(results: Sequence[Any]) -> Any:
    """Put the results of the steps together, as `_Steps` takes them apart."""
    trees: list[tuple[list[Any], TreeDef]] = []
    for step, result in enumerate(results):
        try:
            leaves, tree = flatten(result, "scan: a result", is_leaf=_is_sequence)
        except RecursionError:
            raise ValueError("scan: a result is nested too deeply") from None
        if trees and tree != trees[0][1]:
            raise TypeError(
                f"scan: the result of step {step:,} has another structure than that of step 0: "
                f"got {shown(result)}, where step 0 has {shown(results[0])}"
            )
        trees.append((leaves, tree))
    columns = map(list, zip(*(leaves for leaves, _ in trees), strict=True))
    return trees[0][1].unflatten(columns)


# --- the public functions ------------------------------------------------------------------------


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    *,
    reverse: bool = False,
    checkpoint: Checkpoint | None = None,
) -> tuple[Any, Any]:
    """Carry something through a sequence, and collect a result from each step.

    Args:
        f: A function of the carry and of one element of `xs`, which returns the next carry and a
            result, `(carry, y)`. The carry keeps its structure.
        init: The carry of the first step: a number, or numbers in lists, tuples, dictionaries and
            arrays.
        xs: What the steps run over: a list or an array, whose elements they are passed; or a tuple
            or dictionary of such sequences, of which each step is passed a tuple or dictionary of
            elements. None passes None.
        length: The number of steps; it is needed without `xs` only.
        reverse: Whether to begin with the last element. Results keep the places of their elements.
        checkpoint: What a compiled gradient of T steps stores: by default the carry of each step;
            with "sqrt" about 2 sqrt(T) carries, and each step is computed once more; with "log"
            about 4 log(T), and each is computed about log(T) times. The result is the same.

    Returns:
        The last carry; and the results of the steps, in a list, or, if they are tuples or
        dictionaries, in a tuple or dictionary of lists. Without a step they are empty, `[]`.

    Raises:
        TypeError: `f` is not a function, or returns something else; the carry changes its
            structure; or something in it is not a number.
        ValueError: There is neither `xs` nor `length`, sequences differ in length, or `checkpoint`
            is unknown.

    Example:
        >>> scan(lambda total, x: (total + x, total * x), 0.0, [1.0, 2.0, 3.0])
        (6.0, [0.0, 2.0, 9.0])
        >>> scan(lambda x, _: (x * 0.5, None), 8.0, length=3)
        (1.0, None)
    """
    _require_functions("scan", f=f)
    _require_known("scan", checkpoint)
    sequences = _Steps.of(xs)
    lengths = [len(part) for part in sequences.parts]
    if length is not None:
        lengths.append(whole_number(length, "scan: length", 0))
    if not lengths:
        raise ValueError("scan: pass xs, which the steps run over, or length, their number")
    if len({*lengths}) > 1:
        raise ValueError(
            "scan: xs and length must agree on the number of steps, got "
            f"{some(map(shown, dict.fromkeys(lengths)))}"
        )
    first = _numbers(init, "scan: init")
    order = range(lengths[0])
    if len(order) > 1 and tracing.active.get() is not None:
        return _scan_traced(f, first, sequences, len(order), reverse, checkpoint)
    carry = init
    results: list[Any] = []
    for step in reversed(order) if reverse else order:
        carry, result = _pair(f(carry, sequences.at(step)))
        what = f"scan: the carry after step {step:,}"
        _require_same(first, _numbers(carry, what), what, "init")
        results.append(result)
    if not results:
        return carry, []
    return carry, _stacked(results[::-1] if reverse else results)


def fori_loop(
    lower: int,
    upper: int,
    body: Callable[[Any, Any], Any],
    init: Any,
    *,
    checkpoint: Checkpoint | None = None,
) -> Any:
    """Repeat a step for each of the integers from `lower` to `upper`, which is not among them.

    Args:
        lower: The first integer.
        upper: The end of the range.
        body: A function of the integer and of the carry, which returns the next carry. In a
            compiled function the integer is a number that is known only when the program runs; to
            run over the elements of a sequence, use `scan`.
        init: The carry of the first step, as for `scan`.
        checkpoint: What a compiled gradient stores, as for `scan`.

    Returns:
        The last carry; `init` itself if there is no step.

    Raises:
        TypeError: `body` is not a function, `lower` or `upper` is no integer, the carry changes its
            structure, or something in it is not a number.
        ValueError: `checkpoint` is unknown.

    Example:
        >>> fori_loop(1, 5, lambda i, product: product * i, 1.0)
        24.0
    """
    _require_functions("fori_loop", body=body)
    _require_known("fori_loop", checkpoint)
    lower = whole_number(lower, "fori_loop: lower")
    upper = whole_number(upper, "fori_loop: upper")
    first = _numbers(init, "fori_loop: init")
    if upper - lower > 1 and tracing.active.get() is not None:

        def step(i: Value, numbers: list[Any], _: list[Value]) -> tuple[list[Any], list[Any]]:
            following = body(i, first.filled(numbers))
            return _next("fori_loop", first, following), []

        last, _ = _kept(checkpoint)(step, _as_floats(first), (), upper - lower, float(lower))
        return first.filled(last)
    carry = init
    for i in range(lower, upper):
        carry = body(i, carry)
        what = f"fori_loop: the carry after step {i:,}"
        _require_same(first, _numbers(carry, what), what, "init")
    return carry


def while_loop(
    condition: Callable[[Any], Any],
    body: Callable[[Any], Any],
    init: Any,
    max_steps: int | None = None,
    *,
    checkpoint: Checkpoint | None = None,
) -> Any:
    """Repeat a step while a condition holds.

    Args:
        condition: A function of the carry that tells whether there is another step.
        body: A function of the carry, which returns the next carry.
        init: The first carry, as for `scan`.
        max_steps: The most steps there may be. A compiled function needs it; there, a row that
            needs more steps gives nan.
        checkpoint: What a compiled gradient of `max_steps` steps has memory for, as for `scan`.

    Returns:
        The last carry, of which the condition does not hold; `init` itself if there is no step.

    Raises:
        TypeError: `condition` or `body` is not a function, the condition is no truth value, the
            carry changes its structure, or something in it is not a number.
        ValueError: `checkpoint` is unknown.
        ArithmeticError: The condition still holds after `max_steps` steps.

    Example:
        >>> newton = lambda x: 0.5 * (x + 2.0 / x)
        >>> while_loop(lambda x: abs(x * x - 2.0) > 1e-12, newton, 1.0, max_steps=20)
        1.414213562373095
    """
    _require_functions("while_loop", condition=condition, body=body)
    _require_known("while_loop", checkpoint)
    most: Any = None
    if max_steps is not None:
        most = whole_number(max_steps, "while_loop: max_steps", 0, ", or None")
    first = _numbers(init, "while_loop: init")
    carry = init
    step = 0
    while True:
        goes_on = condition(carry)
        if isinstance(goes_on, Value) and _is_unknown(goes_on):
            left = None if max_steps is None else max_steps - step
            return _while_unknown(condition, body, first, carry, left, checkpoint)
        if not _holds("while_loop", goes_on):
            return carry
        if step == most:
            raise ArithmeticError(
                f"while_loop: the condition still holds after {counted(step, 'step')}, which is "
                f"max_steps: the carry is {shown(carry)}"
            )
        carry = body(carry)
        what = f"while_loop: the carry after step {step:,}"
        _require_same(first, _numbers(carry, what), what, "init")
        step += 1


def _while_unknown(
    condition: Callable[[Any], Any],
    body: Callable[[Any], Any],
    first: _Numbers,
    carry: Any,
    steps: int | None,
    checkpoint: Checkpoint | None,
) -> Any:
    """Repeat a step while a condition holds that is known only when the program runs.

    Rows that have finished keep their carry; one that needs more steps than there are becomes nan.
    """
    if steps is None:
        refuse(
            message="while_loop: in a compiled function, max_steps must say how many steps there "
            "may be, as the derivative needs memory for each: a row that needs more gives nan"
        )

    def step(i: Value, numbers: list[Any], _: list[Value]) -> tuple[list[Any], list[Any]]:
        now = first.filled(numbers)
        goes_on = condition(now)
        following = _next("while_loop", first, body(now))
        return [
            x if x is y else where(goes_on, x, y) for x, y in zip(following, numbers, strict=True)
        ], [goes_on]

    start = _numbers(carry, "while_loop: the carry")
    if steps:
        last, _ = _kept(checkpoint)(step, _as_floats(start), (), steps, stops=True)
        carry = first.filled(last)
    goes_on = condition(carry)
    last = _numbers(carry, "while_loop: the carry").numbers
    return first.filled([where(goes_on, math.nan, number) for number in last])


def cond(
    condition: Any,
    if_true: Callable[..., Any],
    if_false: Callable[..., Any],
    *operands: Any,
) -> Any:
    """Call one of two functions, as a condition says.

    Only the branch that is taken is evaluated, so the other one may be off its domain. In a
    compiled function whose condition depends on numbers, both are computed, and what the branch
    that is not taken gives, be it infinite or nan, goes neither into the result nor into its
    derivatives.

    Args:
        condition: The condition: a bool, a number, of which 0 is false, or a comparison of Values.
        if_true: The function that is called if it holds.
        if_false: The other function; where a compiled condition decides, both must return results
            of one structure.
        *operands: What the function is passed.

    Returns:
        What the function returns.

    Raises:
        TypeError: `if_true` or `if_false` is not a function, the condition is no truth value, or
            compiled branches return different structures.

    Example:
        >>> from autograd import grad, sqrt
        >>> root = lambda x: cond(x > 0.0, sqrt, lambda x: 0.0 * x, x)
        >>> root(4.0), root(-4.0), grad(root)(-4.0)
        (2.0, -0.0, 0.0)
    """
    _require_functions("cond", if_true=if_true, if_false=if_false)
    if isinstance(condition, Value) and _is_unknown(condition):
        return _chosen(condition, if_true(*operands), if_false(*operands), "cond")
    return if_true(*operands) if _holds("cond", condition) else if_false(*operands)


def stop_gradient(x: Any) -> Any:
    """Cut numbers off from the derivative: they are constants to whatever is computed from them.

    Args:
        x: A number, or numbers in lists, tuples, dictionaries and arrays.

    Returns:
        The same, with a constant of the same number in place of each Value.

    Raises:
        TypeError: Something in it is not a number.

    Example:
        >>> from autograd import grad
        >>> grad(lambda x: x * stop_gradient(x))(3.0)
        3.0
    """
    found = _numbers(x, "stop_gradient: x")
    if not any(isinstance(number, Value) for number in found.numbers):
        return x
    return found.filled([y.detach() if isinstance(y, Value) else y for y in found.numbers])


# --- compiled loops ------------------------------------------------------------------------------


def _as_floats(carry: _Numbers) -> list[Value | float]:
    return [x if isinstance(x, Value) else as_float(x, "init") for x in carry.numbers]


def _next(name: str, first: _Numbers, carry: Any) -> list[Value | float]:
    """List the numbers of the carry that the body of a compiled loop returns."""
    what = f"{name}: the carry after a step"
    found = _numbers(carry, what)
    _require_same(first, found, what, "init")
    return _as_floats(found)


def _kept(checkpoint: Checkpoint | None) -> Callable[..., tuple[list[Any], list[list[Any]]]]:
    """Give the function that makes a loop: `loops.looped`, or one that makes loops of loops."""
    return looped if checkpoint is None else functools.partial(_blocks, checkpoint)


def _blocks(
    checkpoint: Checkpoint,
    body: Callable[[Any, list[Any], list[Any]], tuple[list[Any], list[Any]]],
    init: Sequence[Any],
    xs: Sequence[Sequence[Any]],
    steps: int,
    start: float = 0.0,
    *,
    reverse: bool = False,
    stops: bool = False,
) -> tuple[list[Any], list[list[Any]]]:
    """Make a loop over blocks of steps, each of which is a loop, as `loops.looped` does.

    A gradient stores the carries that the blocks begin with, and those within one block at a time.
    """
    count = BLOCKS if checkpoint == "log" else math.isqrt(steps)
    size = steps // count if count > 1 else 0
    if size < 2:
        return looped(body, init, xs, steps, start, reverse=reverse, stops=stops)
    inside = _kept(checkpoint if checkpoint == "log" and size > BLOCKS else None)

    def block(i: Any, carry: list[Any], row: list[Any]) -> tuple[list[Any], list[Any]]:
        before = i * float(size) + start
        width = len(row) // size
        rows = [row[t * width : (t + 1) * width] for t in range(size)] if width else ()
        last: list[Any] = []  # what the last step of a block tells

        def step(j: Any, carry: list[Any], row: list[Any]) -> tuple[list[Any], list[Any]]:
            return body(before + j, carry, row)

        following, results = inside(step, carry, rows, size, reverse=reverse, stops=stops)
        if stops:
            last = body(before, following, [])[1][-1:]
        return following, [*(number for row in results for number in row), *last]

    def blocks(carry: Sequence[Any]) -> tuple[list[Any], list[list[Any]]]:
        rows = [
            [number for row in xs[t * size : (t + 1) * size] for number in row]
            for t in range(count if xs else 0)
        ]
        following, results = looped(block, carry, rows, count, reverse=reverse, stops=stops)
        width = len(results[0]) // size if results else 0
        return following, [
            row[t * width : (t + 1) * width] for row in results for t in range(size if width else 0)
        ]

    def rest(carry: Sequence[Any]) -> tuple[list[Any], list[list[Any]]]:
        done = count * size
        if done == steps:
            return [*carry], []
        left = xs[done:]
        return looped(body, carry, left, steps - done, start + done, reverse=reverse, stops=stops)

    if reverse:
        carry, last = rest(init)
        carry, first = blocks(carry)
    else:
        carry, first = blocks(init)
        carry, last = rest(carry)
    return carry, [*first, *last]


BLOCKS = 4
"""In how many blocks "log" cuts a loop, and each of these."""


def _scan_traced(
    f: Callable[[Any, Any], Any],
    first: _Numbers,
    sequences: _Steps,
    steps: int,
    reverse: bool,
    checkpoint: Checkpoint | None,
) -> tuple[Any, Any]:
    """Make a loop of a scan in a function that is being compiled."""
    rows: list[list[Any]] = []
    for t in range(steps):
        what = f"scan: xs, at step {t:,}"
        found = _numbers(sequences.at(t), what)
        if not rows:
            x = found
        elif x.tree != found.tree or x.shapes() != found.shapes():
            raise TypeError(
                f"{what}, has another structure than at step 0: in a compiled function all steps "
                "are passed the same"
            )
        rows.append(_as_floats(found))
    kept: list[_Numbers] = []

    def step(i: Value, carry: list[Any], row: list[Value]) -> tuple[list[Any], list[Any]]:
        following, result = _pair(f(first.filled(carry), x.filled(row)))
        kept.append(_numbers(result, "scan: a result"))
        return _next("scan", first, following), _as_floats(kept[-1])

    last, results = _kept(checkpoint)(step, _as_floats(first), rows, steps, reverse=reverse)
    handed: list[list[Any]] = [*results] or [[]] * steps
    return first.filled(last), _stacked([kept[0].filled(row) for row in handed])


def _pair(found: Any) -> tuple[Any, Any]:
    if not (isinstance(found, tuple) and len(found) == 2):
        raise TypeError(
            "scan: f must return a pair, (carry, result), but returned "
            f"{type(found).__name__}: {shown(found)}"
        )
    return found


# --- conditions ----------------------------------------------------------------------------------


def _is_unknown(condition: Value) -> bool:
    """Tell whether a condition is known only when a program runs."""
    trace = tracing.active.get()
    return is_traced(condition) or (trace is not None and trace.is_outside(condition))


def _holds(name: str, condition: Any) -> bool:
    """Take a truth value: a bool, or a number."""
    if condition is True or condition is False:
        return condition
    if isinstance(condition, Value):
        return bool(condition)
    if getattr(getattr(condition, "dtype", None), "kind", "") == "b" and not condition.shape:
        return bool(condition)  # NumPy's
    what = f"{name}: condition"
    return as_float(condition, what, "a bool, a number or a comparison of Values") != 0.0


def _chosen(condition: Value, one: Any, other: Any, name: str) -> Any:
    """Choose between two structures, number by number."""
    first = _numbers(one, f"{name}: the result of if_true")
    second = _numbers(other, f"{name}: the result of if_false")
    why = "where a program decides, both branches return the same structure"
    _require_same(first, second, f"{name}: the result of if_false", "that of if_true", why)
    pairs = zip(first.numbers, second.numbers, strict=True)
    return first.filled([x if x is y else where(condition, x, y) for x, y in pairs])
