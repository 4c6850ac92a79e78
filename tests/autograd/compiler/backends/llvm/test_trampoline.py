"""The trampoline gives what a call in Python gives: results bit for bit, and the same errors."""

from __future__ import annotations

import ctypes
import gc
import itertools
import math
import signal
import subprocess
import sys
import sysconfig
import threading
import time
import tracemalloc
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from autograd import Value, compile, exp, grad, log, sin, sqrt, value_and_grad, where
from autograd.compiler import Compiled
from autograd.compiler.backends.llvm import trampoline

inf, nan = math.inf, math.nan

pytestmark = pytest.mark.skipif(
    trampoline._only_trampoline() is None, reason="this interpreter has no trampoline"
)


def warm(f: Compiled, *args: Any) -> Compiled:
    for _ in range(3):
        f(*args)
    return f


def is_fast(f: Compiled) -> bool:
    return type(f._last) is type(len)


def in_python(f: Compiled) -> Compiled:
    """Make all further calls go through Python."""
    f._last = None
    for known in f._known.values():
        known.called, known.next_try = None, 2**60
    return f


def outcome(f: Callable[..., Any], args: Any, kwargs: Any = None) -> Any:
    try:
        return f(*args, **(kwargs or {}))
    except Exception as error:
        return type(error), str(error)


def same(a: Any, b: Any) -> bool:
    """Whether two results are the same, to the bit, in the same structures."""
    if type(a) is not type(b):
        return False
    if isinstance(a, Value):
        return same(a.data, b.data)
    if isinstance(a, np.ndarray) and a.dtype == object:
        return a.shape == b.shape and same(a.tolist(), b.tolist())
    if isinstance(a, float):
        return bool(np.float64(a).tobytes() == np.float64(b).tobytes())
    if isinstance(a, np.ndarray):
        return bool(a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes())
    if isinstance(a, dict):
        return [*a] == [*b] and all(map(same, a.values(), b.values()))
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


# --- any arguments --------------------------------------------------------------------------------

FLOATS = st.floats(-8.0, 8.0) | st.sampled_from([0.0, -0.0, 1.0, inf, -inf, nan, 1e300])
SHAPES = st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple)


@st.composite
def arrays(draw: st.DrawFn, shape: tuple[int, ...]) -> Any:
    size = math.prod(shape)
    numbers = draw(st.lists(st.floats(-4.0, 4.0), min_size=size, max_size=size))
    return np.array(numbers, dtype=float).reshape(shape)


LEAVES = (
    FLOATS
    | FLOATS.map(np.float64)
    | SHAPES.flatmap(arrays)
    | st.integers(-5, 5)
    | st.sampled_from([None, True, "text", 2**60])
)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
        | st.lists(FLOATS, max_size=5)
    ),
    max_leaves=6,
)


def leaves(part: Any) -> list[Any]:
    if isinstance(part, dict):
        part = list(part.values())
    if isinstance(part, (list, tuple)):
        return [leaf for inner in part for leaf in leaves(inner)]
    if isinstance(part, np.ndarray):
        return list(part.flat)
    return [] if part is None or isinstance(part, (bool, str)) else [part]


def mixed(*arguments: Any) -> Any:
    """What looks at everything, and gives a bit of everything."""
    numbers = leaves(list(arguments))
    total: Any = 0.25
    for number in numbers:
        total = total * 0.5 + number
    return {
        "total": total,
        "all": [n * 1.0 for n in numbers],
        "pair": (total * total, None, [3.0, total]),
        "array": np.array([[sin(total * 1.0) if isinstance(total, Value) else 0.0, total]]),
    }


class Own(np.ndarray):
    pass


Pair = namedtuple("Pair", "left right")


def big_endian(array: Any) -> Any:
    return array.astype(">f8")


def unaligned(array: Any) -> Any:
    memory = np.zeros(array.nbytes + 1, "u1")[1:].view(float).reshape(array.shape)
    memory[...] = array
    return memory


def read_only(array: Any) -> Any:
    array = array.copy()
    array.flags.writeable = False
    return array


def spread(array: Any) -> Any:
    return np.repeat(array, 2, axis=-1)[..., ::2]


OF_ARRAYS: list[Callable[[Any], Any]] = [
    big_endian,
    unaligned,
    read_only,
    spread,
    np.asfortranarray,
    np.copy,
    lambda a: a.view(Own),
    lambda a: a.astype("f4"),
    lambda a: a.astype(int),
    lambda a: a > 0.0,
    lambda a: a.astype(object),
    lambda a: a.astype(complex),
    lambda a: a.astype(str),
    lambda a: a.tolist(),
    lambda a: a[None],
    lambda a: a[0],
    lambda a: a[:0],
    lambda a: np.concatenate([a, a]),
    lambda a: np.ma.masked_array(a, a > 0.0),
    lambda a: memoryview(a),
]
OF_NUMBERS: list[Callable[[Any], Any]] = [
    np.float64,
    np.float32,
    lambda x: np.array(x),
    lambda x: np.array([x]),
    lambda x: Fraction(x) if math.isfinite(x) else x,
    lambda x: int(x) if math.isfinite(x) else x,
    lambda x: True,
    lambda x: None,
    lambda x: str(x),
    lambda x: complex(x),
    lambda x: Value(float(x)),
    lambda x: [x],
    lambda x: 10**400,
    lambda x: -(2**63),
    lambda x: -1,
    lambda x: type("Mine", (float,), {})(x),
    lambda x: x + 1.5,
]
OF_STRUCTURES: list[Callable[[Any], Any]] = [
    tuple,
    list,
    lambda part: [*part, 1.0],
    lambda part: list(part)[:-1],
    lambda part: dict(enumerate(part)),
    lambda part: type("Mine", (list,), {})(part),
    lambda part: Pair(*part) if len(part) == 2 else part,
    lambda part: OrderedDict(part) if isinstance(part, dict) else part,
    lambda part: dict(reversed(part.items())) if isinstance(part, dict) else part,
    lambda part: (
        {"".join(["", key]): x for key, x in part.items()} if isinstance(part, dict) else part
    ),
]


@st.composite
def altered(draw: st.DrawFn, part: Any) -> Any:
    """A structure in which one part is another."""
    choices: list[Any] = []
    if isinstance(part, np.ndarray):
        choices = OF_ARRAYS
    elif isinstance(part, (list, tuple, dict)):
        if len(part) and draw(st.integers(0, 3)):
            items = list(part.items() if isinstance(part, dict) else enumerate(part))
            place = draw(st.integers(0, len(items) - 1))
            items[place] = items[place][0], draw(altered(items[place][1]))
            return type(part)(items) if isinstance(part, dict) else type(part)(x for _, x in items)
        choices = OF_STRUCTURES
    elif isinstance(part, float):
        choices = OF_NUMBERS
    else:
        choices = [lambda x: x, lambda x: 1.5, lambda x: None, lambda x: 7, lambda x: 2**60 + 0]
    return draw(st.sampled_from(choices))(part)


@given(st.lists(TREES, min_size=1, max_size=3), st.data())
def test_any_arguments_give_what_they_give_in_python(args: list[Any], data: st.DataObject) -> None:
    with np.errstate(all="ignore"):
        fast, plain = compile(mixed, threads=1), compile(mixed, threads=1)
        first = outcome(fast, args)
        assert same(first, outcome(plain, args))
        if isinstance(first, tuple):
            return  # it is an error
        warm(fast, *args)
        assert is_fast(fast) or not leaves(args)  # without a number, nothing is computed
        for _ in range(4):
            given = data.draw(altered(args))
            if not isinstance(given, (list, tuple)):
                given = [given]
            for each in (given, args):
                expected = outcome(in_python(plain), each)
                result = outcome(fast, each)
                assert same(result, expected), (each, result, expected)
                assert plain.traces == fast.traces
        warm(fast, *args)
        assert same(outcome(fast, args, {"k": 1.0}), outcome(in_python(plain), args, {"k": 1.0}))


def of_rows(p: Any, x: Any, y: Any) -> Any:
    total = p[0] * sin(x) - y * y
    return {"value": total, "pair": (y * p[1], total), "array": np.array([total, x, 2.0]), "1": 1.0}


@pytest.mark.parametrize("reduce", [None, "mean", "sum"])
@settings(max_examples=settings().max_examples // 2)
@given(data=st.data())
def test_rows_give_what_they_give_in_python(reduce: Any, data: st.DataObject) -> None:
    def f(p: Any, x: Any, y: Any) -> Any:
        found = of_rows(p, x, y)
        return found if reduce != "sum" else {"value": found["value"], "zero": 0.0}

    axes = ([None, None], 0, 0)
    fast, plain = (compile(f, in_axes=axes, reduce=reduce, threads=1) for _ in range(2))
    warm(fast, [1.5, 2.0], np.ones(3), np.ones(3))
    assert is_fast(fast)
    for _ in range(4):
        rows = data.draw(st.sampled_from([0, 1, 2, 3, 7, 8, 9, 20, 33]))
        p = data.draw(st.sampled_from([[1.5, 2.0], [0.5, 2], (1.0, 2.0), [1.0], [inf, nan]]))
        rng = np.random.default_rng(data.draw(st.integers(0, 9)))
        x, y = rng.normal(size=rows), rng.normal(size=rows)
        if data.draw(st.booleans()):
            x = data.draw(st.sampled_from(OF_ARRAYS))(x) if rows else x
        if data.draw(st.integers(0, 4)) == 0:
            y = y[1:]
        with np.errstate(all="ignore"):
            expected = outcome(in_python(plain), (p, x, y))
            result = outcome(fast, (p, x, y))
        assert same(result, expected), (p, x, y, result, expected)
        warm(fast, [1.5, 2.0], np.ones(3), np.ones(3))


def test_matrices_in_pairs_and_dictionaries_are_taken() -> None:
    def loss(layers: Any, x: Any, y: Any) -> Any:
        for weights, bias in layers:
            x = [sum(w * each for w, each in zip(row, x, strict=True)) + b for row, b in
                 zip(weights, bias["b"], strict=True)]  # fmt: skip
        return (x[0] - y) ** 2

    rng = np.random.default_rng(1)
    layers = [
        (rng.normal(size=(3, 2)), {"b": rng.normal(size=3)}),
        (rng.normal(size=(1, 3)), {"b": rng.normal(size=1)}),
    ]
    x, y = rng.normal(size=(20, 2)), rng.normal(size=20)
    axes = (None, 0, 0)
    fast, plain = (compile(value_and_grad(loss), axes, "mean", threads=1) for _ in range(2))
    warm(fast, layers, x, y)
    assert is_fast(fast)
    assert same(fast(layers, x, y), in_python(plain)(layers, x, y))
    gradient = fast(layers, x, y)[1]
    assert gradient[0][0].flags.writeable
    assert gradient[0][0].base is gradient[1][1]["b"].base


def test_results_are_new_arrays() -> None:
    for f, x in [
        (lambda x: np.array([x, 2.0 * x, 3.0]), 2.0),
        (lambda x: (x, np.array([[x, 2.0 * x]])), 2.0),
        (lambda x: [np.array([x]), np.array([x * x])], 2.0),
    ]:
        fast: Any = warm(compile(f, threads=1), x)
        first, again = fast(x), fast(x)
        plain = in_python(compile(f, threads=1))(x)
        assert same(first, plain)
        arrays = [part for part in (first if isinstance(first, (list, tuple)) else [first])
                  if isinstance(part, np.ndarray)]  # fmt: skip
        for array in arrays:
            array += 1.0
        assert same(again, plain)
    whole = warm(compile(grad(lambda x: sum((x * x).flat)), threads=1), np.ones((2, 3)))
    assert whole(np.ones((2, 3))).flags.owndata


def test_more_rows_than_are_fast_are_added_up_as_ever() -> None:
    f = compile(lambda x: sin(x) * x, in_axes=0, reduce="mean", threads=1)
    plain = compile(lambda x: sin(x) * x, in_axes=0, reduce="mean", threads=1)
    few, many = np.linspace(0.0, 1.0, 5), np.linspace(0.0, 1.0, 40_000)
    warm(f, few)
    assert same(f(many), in_python(plain)(many))
    assert same(f(few), plain(few))
    every = warm(compile(lambda x: x * x, in_axes=0, threads=1), few)
    assert same(every(many), many * many)
    assert same(every(few), few * few)


def test_what_needs_guards_is_computed_with_them() -> None:
    def f(x: Any) -> Any:
        return where(x > 0.0, sqrt(x), 0.0) * 2.0

    fast = warm(compile(grad(f), threads=1), 4.0)
    assert is_fast(fast)
    assert fast(-1.0) == 0.0
    assert fast(0.0) == 0.0
    rows = warm(compile(grad(f), in_axes=0, threads=1), np.array([1.0, 4.0]))
    assert is_fast(rows)
    assert rows(np.array([4.0, 0.0, -1.0])).tolist() == [0.5, 0.0, 0.0]


def test_two_structures_take_turns() -> None:
    f = compile(lambda x: sum(leaves(x)) * 1.0, threads=1)
    for _ in range(8):
        assert f([1.0, 2.0]) == 3.0
        assert f({"a": 1.0}) == 1.0
        assert f(np.ones(3)) == 3.0
    assert f.traces == 3


def test_static_arguments_are_told_apart() -> None:
    f = compile(lambda x, n, name: x * n + (name == "a"), threads=1)
    for _ in range(3):
        assert f(2.0, 3, "a") == 7.0
        assert f(2.0, 3, "b") == 6.0
        assert f(2.0, True, "b") == 2.0
        assert f(2.0, 1, "b") == 2.0
        assert f(2.0, 1.0, "b") == 2.0
    assert f.traces == 5


def test_values_are_recorded_and_captured_values_are_read_anew() -> None:
    f = warm(compile(lambda x: x * x, threads=1), 2.0)
    x = Value(3.0)
    f(x).backward()
    assert x.grad == 6.0
    w = Value(2.0)
    g = warm(compile(lambda x: w * x, threads=1), 2.0)
    w.data = 5.0
    assert g(2.0) == 10.0


@pytest.mark.parametrize("backend", ["llvm", "numpy"])
def test_captured_values_are_recorded_where_they_are_traced_or_differentiated(backend: Any) -> None:
    w, x = Value(2.0), np.array([3.0])
    inner = warm(compile(lambda x: w * x[0], threads=1, backend=backend), x)
    outer = compile(lambda y: y * inner(x), threads=1)
    assert outer(1.0) == 6.0
    w.data = 5.0
    assert (outer(1.0), inner(x)) == (15.0, 15.0)
    assert grad(lambda y: y * inner(x))(2.0) == 15.0


@given(st.lists(FLOATS, min_size=1, max_size=4), st.sampled_from([None, "mean", "sum"]))
def test_captured_values_of_any_number(numbers: list[float], reduce: Any) -> None:
    values = [Value(1.0) for _ in numbers]

    def f(p: Any, x: Any) -> Any:
        return p * x * sum(values) + values[0]

    axes = None if reduce is None else (None, 0)
    fast, plain = (compile(f, axes, reduce, threads=1) for _ in range(2))
    x: Any = 2.0 if reduce is None else np.arange(1.0, 6.0)
    warm(fast, 1.5, x)
    assert type(fast._last).__name__ == "Capturing"
    for value, number in zip(values, numbers, strict=True):
        value.data = number
    with np.errstate(all="ignore"):
        assert same(fast(0.5, x), in_python(plain)(0.5, x))
    values[0].data = 3
    assert same(fast(0.5, x), in_python(plain)(0.5, x))


def test_models_check_and_clear_are_as_ever() -> None:
    checked = warm(compile(lambda x: log(x), check=True, threads=1), 2.0)
    assert not is_fast(checked)
    with pytest.raises(ValueError, match="log"):
        checked(-1.0)
    scale = [2.0]
    f = warm(compile(lambda x: scale[0] * x, threads=1), 1.0)
    scale[0] = 3.0
    assert f(1.0) == 2.0
    f.clear()
    assert f(1.0) == 3.0


def test_a_decorated_method_and_a_subclass_are_called() -> None:
    class Line:
        slope = 3.0

        @compile(threads=1)
        def at(self, x: Any) -> Any:
            return x * self.slope

    line = Line()
    assert [line.at(2.0) for _ in range(4)] == [6.0] * 4

    class Mine(Compiled):
        pass

    f = compile(lambda x: x * x, threads=1)
    mine = Mine(f, None, None, False, False, 1, None)
    assert [mine(3.0) for _ in range(4)] == [9.0] * 4


# --- nothing is lost ------------------------------------------------------------------------------


def test_no_reference_and_no_memory_is_lost() -> None:
    f = compile(
        lambda p, x, s: {"a": [p["w"][0] * x[0], None], "b": (np.array([x[1], x[2]]), s * 1.0)},
        threads=1,
    )
    p, x, s = {"w": [1.5, 2]}, np.ones(3), 0.5
    rows = warm(compile(lambda x: [x, np.array([x, 1.0])], in_axes=0, threads=1), x)
    warm(f, p, x, s)
    assert is_fast(f)
    assert is_fast(rows)
    others = [x[:2], [1.0], np.ones(3, "f4"), {"w": [1.5]}, None]

    def many() -> None:
        for _ in range(300):
            f(p, x, s)
            rows(x)
            f._last((p, others[2], s))  # type: ignore[misc]
            for other in others:
                f._last((other, x, s))  # type: ignore[misc]
                f._last((p, other))  # type: ignore[misc]
                f._last(other)  # type: ignore[arg-type,misc]
            f._last(({"w": [1.5, 10**400]}, x, s))  # type: ignore[misc]

    held = [p, p["w"], x, s, None, NotImplemented, f._last.__self__, "w", "a", "b", *others]  # type: ignore[union-attr]
    many()
    gc.collect()
    counts = [sys.getrefcount(thing) for thing in held]
    tracemalloc.start()
    many()
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    many()
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    # Others may hold None.
    found = [sys.getrefcount(thing) for thing in held]
    assert [abs(a - b) for a, b in zip(found, counts, strict=True) if abs(a - b) > 20] == []
    assert after - before < 2000


@pytest.mark.slow
def test_a_million_calls_take_no_memory() -> None:
    def resident() -> int:
        gc.collect()
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096

    if not sys.platform.startswith("linux"):
        pytest.skip("there is no /proc")
    f = warm(compile(value_and_grad(lambda p, x: p["a"][0] * x), threads=1), {"a": [2.0]}, 3.0)
    p = {"a": [2.0]}
    for _ in range(10_000):
        f(p, 3.0)
    before = resident()
    for _ in range(1_000_000):
        f(p, 3.0)
    assert resident() - before < 2**20


def test_what_a_call_uses_stays_while_it_is_used() -> None:
    f = warm(compile(lambda x: x * x, threads=1), 2.0)
    called = f._last
    assert called is not None
    f.clear()
    del f
    gc.collect()
    assert called((3.0,)) == 9.0
    assert called(()) is NotImplemented
    assert called([3.0]) is NotImplemented  # type: ignore[arg-type]


# --- at once --------------------------------------------------------------------------------------


def test_threads_share_a_function() -> None:
    f = warm(compile(lambda x: [x * x, exp(-x)], threads=1), 2.0)
    chain = compile(lambda p, x: p * sin(sin(x) * x), in_axes=(None, 0), reduce="sum", threads=1)
    rows = [np.random.default_rng(i).normal(size=4096) for i in range(4)]
    expected = [chain(2.0, each) for each in rows]
    warm(chain, 2.0, rows[0])

    def work(number: int) -> bool:
        good = True
        for i in range(200):
            good &= f(float(number))[0] == float(number) ** 2
            if i % 10 == 0:
                good &= chain(2.0, rows[number % 4]) == expected[number % 4]
        return good

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_others_run_while_a_long_kernel_does() -> None:
    def long(x: Any) -> Any:
        for _ in range(3000):
            x = sin(x) + 0.5
        return x

    f = compile(long, in_axes=0, threads=1)
    X = np.ones(16)
    warm(f, X)
    plan = f._last.__self__[0]  # type: ignore[union-attr]
    assert plan[trampoline._Plan.long] <= len(X)
    seen: list[int] = []
    stop = threading.Event()

    def count() -> None:
        while not stop.is_set():
            seen.append(1)
            time.sleep(0.0)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000.0)  # nobody has to let go
    thread = threading.Thread(target=count)
    try:
        thread.start()
        end = time.monotonic() + 20.0
        while len(seen) < 5 and time.monotonic() < end:
            f(X)
    finally:
        sys.setswitchinterval(interval)
        stop.set()
        thread.join()
    assert len(seen) >= 5


def test_a_function_that_python_evaluates_calls_again() -> None:
    pytest.importorskip("scipy")
    from autograd import gammainc

    f = compile(lambda x: gammainc(2.0, x) * x, threads=1)
    expected = f(1.5)
    warm(f, 1.5)
    assert is_fast(f)
    assert f(1.5) == expected


def test_a_signal_handler_may_call_in_the_middle() -> None:
    if not hasattr(signal, "setitimer"):
        pytest.skip("there is no timer")
    f = warm(compile(lambda x: x * x, threads=1), 2.0)
    found: list[float] = []
    before = signal.signal(signal.SIGALRM, lambda *_: found.append(f(3.0)))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        while len(found) < 5:
            assert f(2.0) == 4.0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert {*found} == {9.0}


def test_an_interruption_passes_through() -> None:
    f = warm(compile(lambda x: x * x, threads=1), 2.0)

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    if not hasattr(signal, "setitimer"):
        pytest.skip("there is no timer")
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            [f(2.0) for _ in itertools.repeat(signal.setitimer(signal.ITIMER_REAL, 0.01))]
    finally:
        signal.signal(signal.SIGALRM, before)


def test_memory_for_another_call_is_made_where_all_is_in_use() -> None:
    f = warm(compile(lambda x: x * x, threads=1), 2.0)
    called = f._last
    plan, blocks = called.__self__[0], called.__self__[2]  # type: ignore[union-attr]
    taken, plan[trampoline._Plan.block] = int(plan[trampoline._Plan.block]), 0
    assert f(3.0) == 9.0
    assert len(blocks.kept) == 2

    def fail() -> Any:
        raise KeyboardInterrupt

    blocks.memory = fail
    plan[trampoline._Plan.block] = 0
    with pytest.raises(KeyboardInterrupt):
        f(3.0)
    plan[trampoline._Plan.block] = taken
    assert f(3.0) == 9.0


# --- elsewhere ------------------------------------------------------------------------------------


def test_another_interpreter_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    trampoline._require_interpreter()
    monkeypatch.setattr(sys, "implementation", SimpleNamespace(name="pypy"))
    with pytest.raises(trampoline.Unexpected):
        trampoline._require_interpreter()


def test_one_without_a_gil_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: 1)
    with pytest.raises(trampoline.Unexpected, match="GIL"):
        trampoline._require_interpreter()


def test_without_a_trampoline_calls_are_made_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trampoline, "_only_trampoline", lambda: None)
    f = warm(compile(lambda x: x * x, threads=1), 3.0)
    assert f._last is None
    assert f(3.0) == 9.0
    g = warm(compile(lambda x: x[0] * x[1], threads=1), np.array([2.0, 3.0]))
    assert type(g._last).__name__ == "Repeated"
    assert g(np.array([2.0, 5.0])) == 10.0


def test_an_unexpected_layout_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    original = trampoline._word
    for shift in (8, 16, 24, 32, 56):

        def word(thing: Any, offset: int, shift: int = shift) -> int:
            return original(thing, offset) + (offset == shift)

        monkeypatch.setattr(trampoline, "_word", word)
        with pytest.raises(trampoline.Unexpected):
            trampoline._offsets()


def test_other_versions_of_numpy_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trampoline._numpy_functions()["PyArray_NewFromDescr"]
    monkeypatch.setattr(trampoline, "VERSIONS", (3,))
    with pytest.raises(trampoline.Unexpected, match="ABI"):
        trampoline._numpy_functions()


SECOND = """
import os, sys
os.environ["AUTOGRAD_CACHE"] = sys.argv[1]
import numpy as np
from autograd import compile
from autograd.compiler.backends.llvm import trampoline
built = trampoline._built
made = []
trampoline._built = lambda *args: made.append(1) or built(*args)
f = compile(lambda x: x[0] * x[0])
x, numbers = np.array([3.0]), [3.0]
found = []
for call in range(300):
    assert f(x) == f(numbers) == 9.0
    found.append(type(f._last).__name__)
print(found.index("builtin_function_or_method"), len(made))
"""


def test_it_is_compiled_after_many_calls_and_found_in_the_cache_at_once(tmp_path: Any) -> None:
    found = [
        subprocess.run(
            [sys.executable, "-c", SECOND, str(tmp_path / "cache")],
            capture_output=True, text=True, check=True,
        ).stdout.split()
        for _ in range(2)
    ]  # fmt: skip
    first, second = ([*map(int, each)] for each in found)
    assert 60 < first[0] < 130
    assert first[1] == 1
    assert second == [1, 0]


WITHOUT = """
import sys
sys.modules["llvmlite"] = sys.modules["llvmlite.binding"] = None
import numpy as np
from autograd import compile
f = compile(lambda x: x[0] * x[0])
for call in range(300):
    assert f(np.array([3.0])) == f([3.0]) == 9.0
print(f.options.backend)
"""


def test_without_llvm_calls_are_made_in_python() -> None:
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == ["numpy"]


def test_the_method_says_what_it_is() -> None:
    f = warm(compile(lambda x: x * x, threads=1), 2.0)
    assert "Run the program" in str(type(f).__call__.__doc__)
    assert ctypes.sizeof(ctypes.c_void_p) == 8
