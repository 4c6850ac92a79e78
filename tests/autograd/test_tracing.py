"""Unknown numbers allow arithmetic; anything else is an error that names the line."""

from __future__ import annotations

import bisect
import copy
import decimal
import fractions
import io
import itertools
import linecache
import math
import operator
import pickle
import statistics
import struct
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import autograd
import autograd.graph
from autograd import Value, exp, maximum, minimum, no_grad, relu, where
from autograd.traced import traced
from autograd.tracing import UNKNOWN, TracingError, is_traced
from nn import losses
from tests.table import TABLE

# --- arithmetic ----------------------------------------------------------------------------------

BINARY = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
    operator.pow,
]  # fmt: skip


@pytest.mark.parametrize("operation", BINARY)
@pytest.mark.parametrize("other", [2.0, 3, UNKNOWN])
def test_arithmetic_on_what_is_unknown_is_unknown(
    operation: Callable[[Any, Any], Any], other: Any
) -> None:
    assert operation(UNKNOWN, other) is UNKNOWN
    assert operation(other, UNKNOWN) is UNKNOWN


@pytest.mark.parametrize("operation", [operator.neg, operator.pos, operator.abs])
def test_a_sign_leaves_it_unknown(operation: Callable[[Any], Any]) -> None:
    assert operation(UNKNOWN) is UNKNOWN


@pytest.mark.parametrize("operation", BINARY)
@pytest.mark.parametrize("other", [2.0, Value(3.0), traced("y")])
def test_operations_on_traced_values_are_recorded(
    operation: Callable[[Any, Any], Any], other: Any
) -> None:
    x = traced()
    for node in (operation(x, other), operation(other, x)):
        assert node.data is UNKNOWN
        assert any(parent is x for parent in node.parents)
        assert len(node.local_derivatives) == 2


@pytest.mark.parametrize("rule", TABLE, ids=lambda rule: rule.name)
def test_every_row_is_recorded_on_traced_operands(rule: Any) -> None:
    function = getattr(autograd.rule.VALUES, rule.name, None)
    if function is None:
        return  # an operator
    plain = rule.fixed if rule.numbers_only else ()
    result = function(
        *[
            [traced(), 2.0] if name.startswith("*") else 1.0 if name in plain else traced()
            for name in rule.operands
        ]
    )
    node = result[0] if rule.name == "softmax" else result
    assert node.data is UNKNOWN
    assert node.op == rule.name


def test_it_is_shown_as_unknown_and_there_is_one() -> None:
    x = traced("x")
    assert repr(UNKNOWN) == f"{x.data!r:>7}" == "UNKNOWN"
    assert repr(x) == "Value(UNKNOWN, grad=0.0, label='x')"
    assert copy.copy(UNKNOWN) is copy.deepcopy(UNKNOWN) is UNKNOWN
    assert pickle.loads(pickle.dumps(UNKNOWN)) is UNKNOWN


def test_whether_a_number_is_traced_can_be_told() -> None:
    assert is_traced(traced())
    assert is_traced(traced() + 1.0)
    assert not is_traced(Value(1.0))
    assert not is_traced(1.0)
    assert not is_traced(None)


def branch(x: Any) -> Any:
    return x if x > 0.0 else -x


def branch_on_equality(x: Any) -> Any:
    return x if x == 0.0 else -x


def while_loop(x: Any) -> Any:
    while x > 1.0:
        x = x / 2.0
    return x


def truth(x: Any) -> Any:
    return x or 1.0


def conjunction(x: Any) -> Any:
    return x > 0.0 and x < 1.0


def disjunction(x: Any) -> Any:
    return x < 0.0 or x > 1.0


def negation(x: Any) -> Any:
    return not x


def chained(x: Any) -> Any:
    return where(0.0 < x < 1.0, x, 1.0)


def assertion(x: Any) -> Any:
    assert x > 0.0
    return x


def membership(x: Any) -> Any:
    return 1.0 if x in [0.0, 1.0] else 2.0


def membership_of_tuples(x: Any) -> Any:
    return 1.0 if (x, 1.0) in [(0.0, 1.0), (1.0, 1.0)] else 2.0


def position(x: Any) -> Any:
    return [0.0, 1.0].index(x)


def count(x: Any) -> Any:
    return [0.0, 1.0].count(x)


def matching(x: Any) -> Any:
    match x:
        case 0.0:
            return 1.0
    return 2.0


def sorting(x: Any) -> Any:
    return sorted([x, 1.0])


def largest(x: Any) -> Any:
    return max(x, 1.0)


def smallest(x: Any) -> Any:
    return min([1.0, x])


def anything(x: Any) -> Any:
    return any([x > 0.0])


def everything(x: Any) -> Any:
    return all(y > 0.0 for y in [x])


def filtering(x: Any) -> Any:
    return sum(filter(None, [x]))


def bisection(x: Any) -> Any:
    return bisect.bisect([0.0, 1.0], x)


def dropping(x: Any) -> Any:
    return list(itertools.dropwhile(lambda y: y < 0.0, [x]))


def rounding(x: Any) -> Any:
    return round(x)


def rounding_to_digits(x: Any) -> Any:
    return round(x, 2)


def floor(x: Any) -> Any:
    return math.floor(x)


def ceiling(x: Any) -> Any:
    return math.ceil(x)


def truncation(x: Any) -> Any:
    return math.trunc(x)


def float_of_data(x: Any) -> Any:
    return float(x.data)


def int_of_data(x: Any) -> Any:
    return int(x.data)


def complex_of_data(x: Any) -> Any:
    return complex(x.data)


def loop_bound(x: Any) -> Any:
    return [x for _ in range(x.data)]


def index(x: Any) -> Any:
    return [1.0, 2.0][x.data]


def branch_on_data(x: Any) -> Any:
    return 1.0 if x.data > 0.0 else 2.0


def branch_on_data_from_the_right(x: Any) -> Any:
    return 1.0 if x.data == 0.0 else 2.0


def truth_of_data(x: Any) -> Any:
    return 1.0 if x.data else 2.0


def sine_of_data(x: Any) -> Any:
    return math.sin(x.data)


def nan_test(x: Any) -> Any:
    return math.isnan(x.data)


def rounding_of_data(x: Any) -> Any:
    return round(x.data)


def set_membership(x: Any) -> Any:
    return 1.0 if x.data in {0.0, 1.0} else 2.0


def looking_up(x: Any) -> Any:
    return {0.0: 1.0}.get(x.data, 2.0)


def new_leaf(x: Any) -> Any:
    return Value(x.data)


def function_of_data(x: Any) -> Any:
    return exp(x.data)


def backward(x: Any) -> Any:
    y = exp(x * 3.0)
    y.backward()
    return y * x.grad


FREEZING = [
    branch, branch_on_equality, while_loop, truth, conjunction, disjunction, negation, chained,
    assertion, membership, membership_of_tuples, position, count, matching, sorting, largest,
    smallest, anything, everything, filtering, bisection, dropping, rounding, rounding_to_digits,
    floor, ceiling, truncation, float_of_data, int_of_data, complex_of_data, loop_bound, index,
    branch_on_data, branch_on_data_from_the_right, truth_of_data, sine_of_data, nan_test,
    rounding_of_data, set_membership, looking_up, new_leaf, function_of_data,
    backward,
]  # fmt: skip


@pytest.mark.parametrize("f", FREEZING, ids=lambda f: f.__name__)
def test_what_asks_for_the_number_is_refused_and_the_line_named(f: Any) -> None:
    with pytest.raises(TracingError) as caught:
        f(traced())
    message = str(caught.value)
    number = next(
        entry.lineno + 1 for entry in reversed(caught.traceback) if entry.path == Path(__file__)
    )
    line = linecache.getline(__file__, number).strip()
    assert message.startswith(f"compile: {Path(__file__).name}:{number}, in ")
    assert f": {line}\n" in message
    assert "where(condition, x1, x2)" in message
    assert "maximum" in message


@pytest.mark.parametrize(
    "f",
    [
        math.sin, float, int, complex, operator.index, range, statistics.mean, fractions.Fraction,
        decimal.Decimal, lambda x: [1.0][x], lambda x: math.isclose(x, 1.0), lambda x: ~(x > 0.0),
        lambda x: struct.pack("d", x.data), lambda x: x.data.is_integer(), lambda x: x.data.hex(),
        lambda x: x.data.real,
    ],
)  # fmt: skip
def test_what_has_no_answer_for_values_has_none_for_traced_ones(f: Any) -> None:
    with pytest.raises((TypeError, AttributeError, struct.error)):
        f(traced())


def test_numpy_cannot_look_either() -> None:
    np = pytest.importorskip("numpy")
    x = traced()
    pair = np.array([x, traced("y")], dtype=object)
    looks: list[Callable[[], Any]] = [
        lambda: np.where(pair > 0.0, pair, 1.0),
        lambda: pair[pair > 0.0],
        lambda: pair.max(),
        lambda: np.sort(pair),
        lambda: np.argmax(pair),
        lambda: np.any(pair),
        lambda: np.sign(pair),
        lambda: np.floor(pair),
        lambda: np.array_equal(pair, pair + 1.0),
        lambda: np.allclose(pair, pair + 1.0),
        lambda: np.unique(pair),
        lambda: np.nonzero(pair),
        lambda: np.float64(x.data),
        lambda: np.array([x.data], dtype=float),
        lambda: np.maximum(x.data, 1.0),
        lambda: np.isnan(pair),
        lambda: np.sin(x.data),
        lambda: np.array([x], dtype=float),
    ]
    for look in looks:
        with pytest.raises(TypeError):
            look()


def test_the_line_named_is_the_callers_where_numpy_asks() -> None:
    np = pytest.importorskip("numpy")
    with pytest.raises(TracingError) as caught:
        np.sort(np.array([traced(), traced()], dtype=object))
    assert Path(__file__).name in str(caught.value)


def test_a_line_without_a_source_is_named_by_its_number() -> None:
    names: dict[str, Any] = {}
    exec(compile("\n\ndef f(x): return bool(x)", "<prompt>", "exec"), names)
    with pytest.raises(TracingError, match="compile: <prompt>:3, in f, asks for a number"):
        names["f"](traced())


def test_an_error_that_is_not_raised_still_has_words() -> None:
    assert "known only when the program runs" in str(TracingError())
    assert str(TracingError("words")) == "words"


def test_swallowed_by_the_function_it_is_no_value_error() -> None:
    """`except ValueError` is written for domains: it must not take the place of a branch."""
    assert not issubclass(TracingError, (ValueError, ArithmeticError, LookupError))


def test_choices_that_are_recorded_are_fine() -> None:
    x = traced()
    for node in (
        where(x > 0.0, x, -x),
        where((x > 0.0) & (x < 1.0), x, 0.0),
        where((x < 0.0) | (x > 1.0), x, 0.0),
        maximum(x, 1.0),
        minimum(1.0, x),
        (x > 0.0) * x,
        sum([x > 0.0, x > 1.0]),
        abs(x),
        x // 2.0,
        divmod(x, 2.0)[1],
    ):
        assert is_traced(node)


def test_a_node_is_found_by_identity_before_its_number_is_asked_for() -> None:
    x = traced()
    assert x in [x, 1.0]
    assert [x, 1.0].index(x) == 0
    with pytest.raises(TracingError):
        hash(x)


def test_nothing_is_recorded_in_no_grad_and_the_number_stays_unknown() -> None:
    with no_grad():
        node = traced() * 2.0
    assert node.parents == ()
    assert is_traced(node)


# --- as text, and what is read from outside ------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        str, format, "{}".format, lambda x: f"{x}", lambda x: "%s" % x, lambda x: f"{x:.2f}",  # noqa: UP031
        lambda x: print(x, file=io.StringIO()), lambda x: f"{x.data}", lambda x: str(x.data),
        lambda x: f"{x.data:.2f}",
    ],
)  # fmt: skip
def test_texts_of_what_is_not_known_are_refused(text: Callable[[Any], Any]) -> None:
    w = Value(2.0)
    assert text(w) in (None, repr(w), "2.00", "2.0")

    def of_the_operand(x: Any) -> Any:
        return x * (3.0 if text(x) else 4.0)

    def of_a_value_from_outside(x: Any) -> Any:
        return x * (3.0 if text(w) else 4.0)

    for function in (of_the_operand, of_a_value_from_outside):
        with pytest.raises(TracingError, match=r"test_tracing.py"):
            autograd.compile(function)(1.0)


def test_for_programmers_they_are_shown_without_the_number() -> None:
    w, found = Value(2.0, "w"), []

    def function(x: Any) -> Any:
        found.extend([repr(x), f"{w!r}", repr([Value(3.0)])])
        return x * w

    autograd.compile(function)(1.0)
    assert found == [
        "Value(UNKNOWN, grad=0.0, label='x')",
        "Value(UNKNOWN, grad=UNKNOWN, label='w')",
        "[Value(3.0, grad=0.0)]",
    ]


@pytest.mark.parametrize(
    "read",
    [
        copy.copy, copy.deepcopy, lambda w: copy.deepcopy([w])[0],
        lambda w: pickle.loads(pickle.dumps(w)), lambda w: w.grad, lambda w: w.data,
    ],
)  # fmt: skip
def test_copies_and_gradients_of_values_from_outside_would_be_frozen(
    read: Callable[[Value], Any],
) -> None:
    leaf, node = Value(2.0), Value(2.0) * 3.0
    for w in (leaf, node):
        w.grad = 7.0

        def function(x: Any, w: Value = w) -> Any:
            return x * read(w)

        function(Value(1.0))
        with pytest.raises(TracingError, match=r"test_tracing.py"):
            autograd.compile(lambda x: function(x))(1.0)


def test_what_the_function_itself_has_made_may_be_copied_and_its_gradients_read() -> None:
    w = Value(2.0)

    def function(x: Any) -> Any:
        own = copy.copy(Value(3.0))
        (own * own).backward()
        y = x * w
        y.backward(create_graph=True)
        return x * own.grad + w.grad

    f = autograd.compile(function)
    assert f(5.0) == 35.0
    assert copy.copy(w).data == 2.0


@pytest.mark.parametrize("of_operand", [False, True])
@pytest.mark.parametrize("pooled", [False, True])
def test_what_a_thread_computes_for_a_traced_function_is_refused(
    of_operand: bool, pooled: bool
) -> None:
    w = Value(2.0)
    pool = ThreadPoolExecutor(1)
    pool.submit(int).result()

    def function(x: Any) -> Any:
        def work() -> Any:
            return (x if of_operand else 3.0) * w

        if pooled:
            return x + pool.submit(work).result()
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(work()))
        thread.start()
        thread.join()
        return x + found[0]

    assert function(Value(1.0)).data == (3.0 if of_operand else 7.0)
    with pytest.raises(TracingError, match="thread"):
        autograd.compile(function)(1.0)
    pool.shutdown()


def test_other_threads_may_compute_while_a_function_is_traced() -> None:
    w = Value(2.0)
    found: list[float] = []

    def function(x: Any) -> Any:
        thread = threading.Thread(target=lambda: found.append((Value(3.0) * w).data))
        thread.start()
        thread.join()
        return x * w

    assert autograd.compile(function)(5.0) == 10.0
    assert found == [6.0]


# --- nn ------------------------------------------------------------------------------------------


def test_losses_take_traced_targets() -> None:
    x, t = traced(), traced("t")
    for loss in ("binary_cross_entropy", "hinge", "perceptron", "half_squared_error", "huber"):
        assert is_traced(getattr(losses, loss)(x, t))
    assert is_traced(losses.softmax_cross_entropy([x, x * 2.0, 1.0], t))
    assert is_traced(losses.softmax_cross_entropy([x, x * 2.0], [t, 1.0 - t]))


def test_a_module_of_any_name_is_a_users(tmp_path: Path) -> None:
    source = tmp_path / "network.py"
    source.write_text("def f(x):\n    return 1.0 if x > 0.0 else 2.0\n")
    space = SimpleNamespace()
    exec(compile(source.read_text(), str(source), "exec"), {"__name__": "nnetwork"}, vars(space))
    with pytest.raises(TracingError, match=r"network.py:2, in f: return 1.0 if x > 0.0 else 2.0"):
        space.f(traced())


@pytest.mark.parametrize("caught", [TypeError, Exception, TracingError])
def test_a_refusal_that_the_function_catches_is_raised_all_the_same(caught: Any) -> None:
    def swallowing(x: Any) -> Any:
        try:
            factor = 1.0 if x > 0.0 else 2.0
        except caught:
            factor = 3.0
        return factor * relu(x) ** 2.0  # which asks, and expects to be refused

    def converting(x: Any) -> Any:
        try:
            return float(x)
        except caught:
            return 2.0 * x

    for function in (swallowing, converting):
        with pytest.raises(TracingError, match=function.__name__):
            autograd.compile(function)(1.0)
