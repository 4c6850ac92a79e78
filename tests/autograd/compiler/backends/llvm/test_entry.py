"""Compiled functions as C functions: the same numbers, in any thread, as long as they are kept."""

from __future__ import annotations

import ctypes
import gc
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given

pytest.importorskip("llvmlite")

from autograd import Value, compile, exp, gammainc, grad, sin, sqrt, value_and_grad, where
from autograd.testing.programs import RandomProgram as Drawn
from autograd.testing.programs import programs
from nn import MLP


def double(numbers: Any) -> Any:
    return (ctypes.c_double * len(numbers))(*numbers)


def same(a: float, b: float) -> bool:
    return bool(np.float64(a).tobytes() == np.float64(b).tobytes()) or (a != a and b != b)


@given(programs())
def test_any_program_gives_the_same_bits(drawn: Drawn) -> None:
    f = compile(value_and_grad(drawn, argnums=tuple(range(len(drawn.inputs)))), threads=1)
    value, gradient = f(*drawn.inputs)
    results = double([0.0] * (1 + len(gradient)))
    f.c_function(*drawn.inputs)(double(drawn.inputs), results)
    assert all(map(same, results, [value, *gradient]))


@pytest.mark.parametrize(
    ("signature", "call"),
    [
        (None, lambda f, x, y: f(x, y)),
        ("double(double,double)", lambda f, x, y: f(x, y)),
        ("double (int, double *)", lambda f, x, y: f(2, double([x, y]))),
        ("double (int, double *, void *)", lambda f, x, y: f(2, double([x, y]), None)),
        (
            "void (double *, double *)",
            lambda f, x, y: (f(double([x, y]), out := double([0.0])), out[0])[1],
        ),
    ],
)
def test_every_signature(signature: Any, call: Any) -> None:
    f = compile(lambda x, y: x * sin(y), threads=1)
    function = f.c_function(signature=signature)
    for x, y in [(2.0, 3.0), (-1.5, 0.0), (math.inf, 1.0)]:
        assert same(call(function, x, y), f(x, y))
    assert ctypes.cast(function.ctypes, ctypes.c_void_p).value == function.address
    assert function.signature in repr(function)


def test_another_number_of_numbers_is_nan() -> None:
    f = compile(lambda x, y: x * y).c_function(signature="double (int, double *)")
    assert math.isnan(f(3, double([1.0, 2.0, 3.0])))
    assert math.isnan(f(-1, double([1.0])))


def test_nested_arguments_lie_in_the_order_of_inputs() -> None:
    def f(p: Any, k: Any, x: Any) -> Any:
        return p["a"] * x[0] + k * x[1], [p["b"], 3.0, p["b"]]

    g = compile(f, threads=1)
    example = {"a": 2.0, "b": 3.0}, 4.0, np.array([5.0, 6.0])
    names = g.program(*example).inputs
    assert names == ("p['a']", "p['b']", "k", "x[0]", "x[1]")
    results = double([0.0] * 4)
    g.c_function(*example)(double([2.0, 3.0, 4.0, 5.0, 6.0]), results)
    assert list(results) == [34.0, 3.0, 3.0, 3.0]


def test_a_model_is_a_function_of_its_parameters() -> None:
    model = MLP(2, [3, 1], "tanh", seed=1)
    f = compile(model)
    xs = [0.5, -1.0]
    weights = {parameter.label: parameter.data for parameter in model.parameters()}
    numbers = [
        next((w for label, w in weights.items() if name.endswith(f".{label}")), None)
        for name in f.program(xs).inputs
    ]
    assert numbers.count(None) == 2
    rest = iter(xs)
    results = double([0.0])
    function = f.c_function(xs, signature="void (double *, double *)")
    function(double([next(rest) if w is None else w for w in numbers]), results)
    assert results[0] == np.ravel(f(xs))[0]


def test_guards_constants_and_functions_that_python_evaluates() -> None:
    g = compile(grad(lambda x: where(x > 0.0, sqrt(x), 0.0))).c_function()
    assert (g(4.0), g(-1.0)) == (0.25, 0.0)
    assert compile(lambda x: 3.0).c_function()(1.0) == 3.0
    h = compile(lambda x: gammainc(2.0, x)).c_function()
    assert h(1.5) == compile(lambda x: gammainc(2.0, x))(1.5)


@pytest.mark.parametrize("count", [3, 3000])
def test_much_memory_comes_from_elsewhere(count: int) -> None:
    def f(x: Any) -> Any:
        ys = [sin(x * (k + 1.0)) for k in range(count)]
        return [*ys, ys[0], 2.0, sum(ys)]

    g = compile(f, threads=1)
    results = double([0.0] * (count + 3))
    g.c_function()(double([0.5]), results)
    assert all(map(same, results, g(0.5)))


def test_threads_call_it_at_once() -> None:
    f = compile(lambda x: [sin(x * k) for k in range(100)], threads=1)
    function, n = f.c_function(), 100

    def work(number: int) -> bool:
        results, expected = double([0.0] * n), f(float(number))
        for _ in range(200):
            function(double([float(number)]), results)
            if list(results) != expected:
                return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(8)))


def test_it_stays_for_as_long_as_its_ctypes_function() -> None:
    function = compile(lambda x: exp(x) * x).c_function()
    kept, address = function.ctypes, function.address
    expected = kept(0.5)
    del function
    gc.collect()
    for _ in range(5):
        compile(lambda x: x * x).c_function()
    assert kept(0.5) == expected
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(address)(0.5) == expected


def test_scipy_integrates_it() -> None:
    integrate = pytest.importorskip("scipy.integrate")
    bell = compile(lambda x: exp(-x * x))
    expected = integrate.quad(bell, -2.0, 3.0)
    for signature in (None, "double (double, void *)", "double (int, double *)"):
        low = bell.low_level_callable(signature=signature)
        assert low.signature == (signature or "double (double)")
        gc.collect()
        assert integrate.quad(low, -2.0, 3.0) == expected
    wave = compile(lambda x, k, shift: sin(k * x + shift))
    low = wave.low_level_callable()
    assert low.signature == "double (int, double *)"
    found = integrate.quad(low, 0.0, 1.0, args=(2.0, 0.5))
    assert found == integrate.quad(wave, 0.0, 1.0, args=(2.0, 0.5))
    plane = compile(lambda y, x: x * y * y).low_level_callable()
    assert integrate.dblquad(plane, 0.0, 1.0, 0.0, 2.0)[0] == pytest.approx(4.0 / 3.0)
    listed = compile(lambda xs: xs[0] * xs[1]).low_level_callable([1.0, 1.0])
    assert integrate.nquad(listed, [[0.0, 1.0], [0.0, 2.0]])[0] == pytest.approx(1.0)


WEIGHT = Value(2.0)
REFUSED: list[tuple[Any, tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
    (compile(lambda x, y: x * y), (), {"signature": "double (double)"}, ValueError, "takes 2"),
    (
        compile(lambda x, y: x * y), (), {"signature": "double (double, void *)"},
        ValueError, "takes 2",
    ),
    (compile(lambda x: [x, x]), (), {"signature": "double (double)"}, ValueError, "returns 2"),
    (compile(lambda x: x), (), {"signature": "int (int)"}, ValueError, "one of double"),
    (compile(lambda x: x), (), {"signature": 3}, TypeError, "str or None"),
    (compile(lambda x: x, in_axes=0), (), {}, ValueError, "one row"),
    (compile(lambda x: x, check=True), (), {}, ValueError, "check"),
    (compile(lambda *xs: xs[0]), (), {}, TypeError, "example"),
    (compile(lambda x, *, k: x), (), {}, TypeError, "example"),
    (compile(MLP(2, [1])), (), {}, TypeError, "example"),
    (compile(lambda x: x), (Value(1.0),), {}, TypeError, "Values"),
    (compile(lambda x: x, backend="numpy"), (), {}, ValueError, "llvm"),
    (compile(lambda x: WEIGHT * x), (), {}, ValueError, "outside"),
]  # fmt: skip


@pytest.mark.parametrize(("f", "args", "options", "kind", "words"), REFUSED)
def test_what_does_not_fit_is_refused(
    f: Any, args: Any, options: Any, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        f.c_function(*args, **options)
    if "signature" not in options:
        with pytest.raises(kind, match=words):
            f.low_level_callable(*args)


def test_a_function_of_several_results_is_no_low_level_callable() -> None:
    pytest.importorskip("scipy")
    with pytest.raises(ValueError, match="returns 2"):
        compile(lambda x: [x, x * x]).low_level_callable()
