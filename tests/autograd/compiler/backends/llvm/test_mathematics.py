"""The elementary functions as machine code, against mpmath and Python's `math`.

A loop over an array is compiled once for each function, width and kind of processor; the tests then
call it with whole arrays.
"""

from __future__ import annotations

import ctypes
import math
import struct
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

np = pytest.importorskip("numpy")
binding = pytest.importorskip("llvmlite.binding")
mpmath = pytest.importorskip("mpmath")

from autograd.compiler.backends.llvm.mathematics import (  # noqa: E402  # needs what is skipped for above
    FUNCTIONS,
    definitions,
    load_libraries,
    symbol,
)
from autograd.compiler.backends.llvm.writer import (  # noqa: E402
    declaration,
    merged,
    type_of,
)

mp: Any = mpmath.mp.clone()
mp.prec = 160

# --- the functions, compiled ---------------------------------------------------------------------

BINARY = frozenset({"**", "arctan2", "//", "%"})
UNARY = sorted(FUNCTIONS - BINARY)
KERNELS = (
    "arctan", "cbrt", "cos", "cosh", "exp", "exp2", "expm1", "log", "log10", "log1p", "log2", "sin",
    "sinh", "tan", "tanh",
)  # fmt: skip
OF_MATH: dict[str, Callable[..., float]] = {
    "arcsin": math.asin,
    "arccos": math.acos,
    "arctan2": math.atan2,
    "arcsinh": math.asinh,
    "arccosh": math.acosh,
    "arctanh": math.atanh,
    "erf": math.erf,
    "erfc": math.erfc,
    "**": math.pow,
}
LANES = (1, 2, 4, 8)
Function = Callable[..., Any]

binding.initialize_native_target()
binding.initialize_native_asmprinter()
load_libraries()


def machine(baseline: bool = False) -> Any:
    """This processor; or, without fused multiplication and wide vectors, the least of its kind."""
    target = binding.Target.from_default_triple()
    if baseline:
        return target.create_target_machine(cpu="generic", opt=2)
    features = binding.get_host_cpu_features().flatten()
    return target.create_target_machine(binding.get_host_cpu_name(), features, opt=2)


def text(op: str, lanes: int, **options: bool) -> str:
    """A function of arrays, `f(results, xs, ys, length)`, the length a multiple of the lanes."""
    kind = type_of(lanes)
    operands = f"{kind} %a, {kind} %b" if op in BINARY else f"{kind} %a"
    loop = f"""
define void @f(ptr %results, ptr %xs, ptr %ys, i64 %length) {{
entry:
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%next, %loop]
  %x = getelementptr double, ptr %xs, i64 %i
  %y = getelementptr double, ptr %ys, i64 %i
  %result = getelementptr double, ptr %results, i64 %i
  %a = load {kind}, ptr %x, align 8
  %b = load {kind}, ptr %y, align 8
  %z = call {kind} {symbol(op, lanes)}({operands})
  store {kind} %z, ptr %result, align 8
  %next = add i64 %i, {lanes}
  %more = icmp ult i64 %next, %length
  br i1 %more, label %loop, label %end
end:
  ret void
}}
"""
    return merged(definitions(lanes, [op], **options), loop)


@cache
def compiled(op: str, lanes: int, baseline: bool = False, **options: bool) -> Function:
    module = binding.parse_assembly(text(op, lanes, **options))
    module.verify()
    target = machine(baseline)
    builder = binding.create_pass_builder(target, binding.create_pipeline_tuning_options())
    builder.getModulePassManager().run(module, builder)
    engine = binding.create_mcjit_compiler(module, target)
    engine.finalize_object()
    pointers = [ctypes.c_void_p] * 3
    function = ctypes.CFUNCTYPE(None, *pointers, ctypes.c_int64)(engine.get_function_address("f"))

    def evaluate(xs: Any, ys: Any = None) -> Any:
        n = -(-len(xs) // lanes) * lanes
        a, b = (np.resize(np.asarray(v, float), n) for v in (xs, xs if ys is None else ys))
        results = np.empty(n)
        function(results.ctypes.data, a.ctypes.data, b.ctypes.data, n)
        return results[: len(xs)]

    evaluate.engine = engine  # type: ignore[attr-defined]  # which owns the code
    return evaluate


# --- what they ought to be -----------------------------------------------------------------------

EXACT: dict[str, Callable[..., Any]] = {
    "arccos": mp.acos,
    "arccosh": mp.acosh,
    "arcsin": mp.asin,
    "arcsinh": mp.asinh,
    "arctan": mp.atan,
    "arctan2": mp.atan2,
    "arctanh": mp.atanh,
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "cos": mp.cos,
    "cosh": mp.cosh,
    "erf": mp.erf,
    "erfc": mp.erfc,
    "exp": mp.exp,
    "exp2": lambda x: mp.mpf(2) ** x,
    "expm1": mp.expm1,
    "log": mp.log,
    "log10": mp.log10,
    "log1p": mp.log1p,
    "log2": lambda x: mp.log(x, 2),
    "sin": mp.sin,
    "sinh": mp.sinh,
    "tan": mp.tan,
    "tanh": mp.tanh,
    "**": mp.power,
}

LARGEST = 1.7976931348623157e308
INFINITY, NAN = math.inf, math.nan
MAGNITUDES = (
    0.0, 5e-324, 1e-310, 2.2250738585072014e-308, 1e-300, 1e-17, 2.0**-54, 1e-8, 0.1, 0.1733, 0.25,
    0.35, 0.4142135623730951, 0.5, 0.55, 0.6931471805599453, 0.7853981633974483, 1.0 - 2.0**-53,
    1.0, 1.0 + 2.0**-52, 1.4142135623730951, math.pi / 2, 2.0, 2.414213562373095, 2.718281828459045,
    3.0, math.pi, 8.0, 10.0, 19.06154746539849, 22.0, 26.5, 27.5, 36.7368005696771, 37.5, 100.0,
    708.3964185322641, 709.782712893384, 709.7827128933841, 710.4758600739439, 710.475860073944,
    744.4400719213812, 745.1332191019411, 745.1332191019412, 1000.0, 1022.0, 1023.5, 1024.0, 1074.0,
    1074.5, 1075.0, 1076.0, 199_999.9, 200_000.0, 200_000.1, 1e15, 1e22, 1e300, LARGEST, INFINITY,
)  # fmt: skip
EDGES = [*MAGNITUDES, *[-x for x in MAGNITUDES], NAN, *[math.pi / 2 * k for k in range(-40, 41)]]

# The values at infinity, at poles and off the domain, where mpmath has other conventions.
LIMITS: dict[str, dict[float, float]] = {
    "arccos": {},
    "arccosh": {INFINITY: INFINITY},
    "arcsin": {},
    "arcsinh": {INFINITY: INFINITY, -INFINITY: -INFINITY},
    "arctan": {INFINITY: math.pi / 2, -INFINITY: -math.pi / 2},
    "arctanh": {1.0: INFINITY, -1.0: -INFINITY},
    "cbrt": {INFINITY: INFINITY, -INFINITY: -INFINITY},
    "cos": {},
    "cosh": {INFINITY: INFINITY, -INFINITY: INFINITY},
    "erf": {INFINITY: 1.0, -INFINITY: -1.0},
    "erfc": {INFINITY: 0.0, -INFINITY: 2.0},
    "exp": {INFINITY: INFINITY, -INFINITY: 0.0},
    "exp2": {INFINITY: INFINITY, -INFINITY: 0.0},
    "expm1": {INFINITY: INFINITY, -INFINITY: -1.0},
    "log": {INFINITY: INFINITY, 0.0: -INFINITY},
    "log10": {INFINITY: INFINITY, 0.0: -INFINITY},
    "log1p": {INFINITY: INFINITY, -1.0: -INFINITY},
    "log2": {INFINITY: INFINITY, 0.0: -INFINITY},
    "sin": {},
    "sinh": {INFINITY: INFINITY, -INFINITY: -INFINITY},
    "tan": {},
    "tanh": {INFINITY: 1.0, -INFINITY: -1.0},
}
DOMAINS = {
    "arccos": (-1.0, 1.0),
    "arccosh": (1.0, LARGEST),
    "arcsin": (-1.0, 1.0),
    "arctanh": (-1.0, 1.0),
    "log": (0.0, LARGEST),
    "log10": (0.0, LARGEST),
    "log1p": (-1.0, LARGEST),
    "log2": (0.0, LARGEST),
}
ODD = {
    "arcsin", "arcsinh", "arctan", "arctanh", "cbrt", "erf", "expm1", "log1p", "sin", "sinh", "tan",
    "tanh",
}  # fmt: skip


def error(y: float, exact: Any) -> float:
    """The distance in units in the last place of the exact value."""
    if math.isinf(y) or abs(exact) > LARGEST:
        beyond = abs(exact) > mp.mpf(LARGEST) * (1 - mp.mpf(2) ** -50)
        return 0.0 if beyond and abs(y) >= LARGEST and y * exact > 0 else INFINITY
    exponent = max(int(mp.frexp(exact)[1]) - 53, -1074)
    return float(abs(mp.mpf(y) - exact) / mp.ldexp(1, exponent))


@cache
def exact_value(op: str, x: float) -> Any:
    """The value with many digits, or the float that IEEE 754 prescribes."""
    lower, upper = DOMAINS.get(op, (-LARGEST, LARGEST))
    if x in LIMITS[op]:
        return LIMITS[op][x]
    if not lower <= x <= upper:
        return NAN
    if op in ODD and abs(x) < 1e-150:  # mpmath's own would need thousands of bits
        return None if op in ("erf", "cbrt") else mp.mpf(x)
    if op in ("exp", "exp2", "expm1", "cosh", "sinh") and abs(x) > 2000.0:
        x = math.copysign(2000.0, x)
    if op in ("tanh", "erf", "erfc") and abs(x) > 100.0:
        x = math.copysign(100.0, x)
    return EXACT[op](mp.mpf(x))


checked: set[tuple[str, bytes, bytes, float]] = set()
"""Operand, result and bound of what has passed: vectors of other widths mostly give the same."""


def check(op: str, xs: Any, results: Any, bound: float) -> None:
    for each_x, each_y in zip(xs, results, strict=True):
        x, y = float(each_x), float(each_y)
        key = op, struct.pack("d", x), struct.pack("d", y), bound
        if key in checked:
            continue
        exact = exact_value(op, x)
        where = f"{op}({x!r}) = {y!r}"
        if exact is None:
            continue
        if isinstance(exact, float) and not math.isfinite(exact):
            assert y == exact or (math.isnan(exact) and math.isnan(y)), where
        else:
            assert error(y, mp.mpf(exact)) <= bound, f"{where}, {error(y, mp.mpf(exact))} ulp"
        if x == 0.0 and op in ODD:
            assert math.copysign(1.0, y) == math.copysign(1.0, x), where
        checked.add(key)


def bound_of(op: str, lanes: int) -> float:
    """2 for the functions of this package; the C library is a little less accurate for some."""
    return 2.0 if op in KERNELS or (op == "erfc" and lanes > 1) else 4.0


def samples(op: str) -> Any:
    """Numbers of every magnitude within the domain, more of them where the function bends."""
    generator = np.random.default_rng(0)
    uniform = generator.uniform
    sign = generator.choice([-1.0, 1.0], 400)
    xs = np.concatenate(
        [
            uniform(-1.0, 1.0, 400),
            uniform(-5.0, 5.0, 400),
            uniform(-800.0, 800.0, 200),
            sign * 10.0 ** uniform(-18.0, 6.0, 400),
            1.0 + sign * 10.0 ** uniform(-16.0, -0.5, 400),
            sign * 10.0 ** uniform(-16.0, -0.5, 400) - 1.0,
            generator.integers(-127_000, 127_000, 200) * (math.pi / 2),
            sign[:200] * 10.0 ** uniform(-323.0, 308.0, 200),
        ]
    )
    lower, upper = DOMAINS.get(op, (-INFINITY, INFINITY))
    return xs[(lower <= xs) & (xs <= upper)]


# --- accuracy ------------------------------------------------------------------------------------


@pytest.mark.no_cover
@pytest.mark.parametrize("op", UNARY)
def test_functions_are_accurate(op: str) -> None:
    xs = samples(op)
    for lanes in LANES:
        check(op, xs, compiled(op, lanes)(xs), bound_of(op, lanes))


@pytest.mark.parametrize("op", UNARY)
@pytest.mark.parametrize("lanes", LANES)
def test_edges_are_those_of_ieee_754(op: str, lanes: int) -> None:
    check(op, EDGES, compiled(op, lanes)(EDGES), bound_of(op, lanes))


@pytest.mark.parametrize("op", KERNELS)
def test_kernels_need_no_fused_multiplication(op: str) -> None:
    xs = np.concatenate([samples(op), EDGES])
    check(op, xs, compiled(op, 4, baseline=True, vector_library=False)(xs), 2.0)


@pytest.mark.parametrize("op", KERNELS)
def test_kernels_give_the_same_in_vectors_of_every_width(op: str) -> None:
    xs = np.concatenate([samples(op), EDGES])
    far = np.abs(xs) > 200_000.0  # where an angle leaves its neighbours to the C library
    xs = np.where(far | np.isnan(xs), 1.0, xs) if op in ("sin", "cos", "tan") else xs
    expected = compiled(op, 1)(xs)
    for lanes in LANES[1:]:
        np.testing.assert_array_equal(compiled(op, lanes)(xs), expected)
    np.testing.assert_array_equal(compiled(op, 8, inline=False)(xs), expected)


@pytest.mark.no_cover
@pytest.mark.parametrize("op", UNARY)
def test_functions_are_accurate_everywhere(op: str) -> None:
    function = compiled(op, 8)

    @given(st.lists(st.floats(), min_size=1, max_size=8))
    @example([0.0, -0.0, INFINITY, -INFINITY, NAN, 5e-324, -5e-324, 1.0])
    def search(xs: list[float]) -> None:
        check(op, xs, function(xs), bound_of(op, 8))

    search()


# --- the C library -------------------------------------------------------------------------------


def evaluated(function: Callable[..., float], *xs: float) -> float:
    """A function of Python's `math`; nan where it raises an error, whatever C would return."""
    try:
        return function(*xs)
    except (ValueError, OverflowError):
        return NAN


@pytest.mark.parametrize("op", sorted(OF_MATH))
@pytest.mark.parametrize("lanes", LANES)
def test_functions_of_the_c_library_are_those_of_math(op: str, lanes: int) -> None:
    xs, ys = zip(*[(x, y) for x in EDGES[:120:3] for y in EDGES[:120]], strict=True)
    operands = list(zip(xs, ys, strict=True)) if op in BINARY else [(x,) for x in xs]
    expected = [evaluated(OF_MATH[op], *each) for each in operands]
    results = compiled(op, lanes, vector_library=False)(xs, ys)
    defined = ~np.isnan(expected)
    np.testing.assert_array_equal(results[defined], np.array(expected)[defined])
    np.testing.assert_array_equal(np.signbit(results[defined]), np.signbit(expected)[defined])


@pytest.mark.parametrize("lanes", LANES)
def test_the_power_is_accurate(lanes: int) -> None:
    generator = np.random.default_rng(0)
    xs = np.concatenate([10.0 ** generator.uniform(-3, 3, 1000), generator.uniform(0.7, 1.3, 1000)])
    ys = np.concatenate([generator.uniform(-100, 100, 1000), generator.uniform(-1500, 1500, 1000)])
    results = compiled("**", lanes)(xs, ys)
    for x, y, z in zip(xs, ys, results, strict=True):
        assert error(float(z), mp.mpf(x) ** mp.mpf(y)) <= 2.0


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (0.0, 0.0, 1.0),
        (NAN, 0.0, 1.0),
        (1.0, NAN, 1.0),
        (0.0, -1.0, INFINITY),
        (-0.0, -1.0, -INFINITY),
        (-0.0, -2.0, INFINITY),
        (-8.0, 3.0, -512.0),
        (-8.0, 0.5, NAN),
        (10.0, 400.0, INFINITY),
        (-10.0, 401.0, -INFINITY),
        (10.0, -400.0, 0.0),
        (-1.0, INFINITY, 1.0),
        (0.5, -INFINITY, INFINITY),
        (-INFINITY, 3.0, -INFINITY),
    ],
)
def test_the_power_has_the_edges_of_ieee_754(x: float, y: float, expected: float) -> None:
    for lanes in LANES:
        np.testing.assert_array_equal(compiled("**", lanes)([x], [y]), [expected])


# --- division with remainder ---------------------------------------------------------------------


def divided(op: str, x: float, y: float) -> float:
    if y == 0.0:
        with np.errstate(all="ignore"):
            return float(np.float64(x) / y) if op == "//" else NAN
    return x // y if op == "//" else x % y


@pytest.mark.parametrize("op", ["//", "%"])
def test_division_with_remainder_is_pythons(op: str) -> None:
    xs, ys = zip(*[(x, y) for x in EDGES for y in EDGES[::4]], strict=True)
    expected = [divided(op, x, y) for x, y in zip(xs, ys, strict=True)]
    for lanes in LANES:
        results = compiled(op, lanes)(xs, ys)
        np.testing.assert_array_equal(results, expected)
        number = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(results)[number], np.signbit(expected)[number])


@given(st.lists(st.tuples(st.floats(), st.floats()), min_size=1, max_size=8))
@example([(1.0, 0.1), (-1.0, 0.1), (5.0, -3.0), (-5.0, 3.0), (-0.0, 2.0), (1.0, -INFINITY)])
def test_division_with_remainder_is_pythons_everywhere(pairs: list[tuple[float, float]]) -> None:
    xs, ys = zip(*pairs, strict=True)
    for op in ("//", "%"):
        expected = [divided(op, x, y) for x, y in pairs]
        np.testing.assert_array_equal(compiled(op, 8)(xs, ys), expected)


# --- the text ------------------------------------------------------------------------------------


def test_functions_of_several_widths_share_a_module() -> None:
    every = [definitions(lanes, sorted(FUNCTIONS), inline=lanes > 1) for lanes in LANES]
    module = binding.parse_assembly(merged(declaration(type_of(8), "llvm.fabs.v8f64", 1), *every))
    module.verify()
    names = {function.name for function in module.functions}
    assert {symbol(op, lanes)[1:] for op in FUNCTIONS for lanes in LANES} <= names


def test_a_name_that_is_no_function_is_refused() -> None:
    with pytest.raises(KeyError, match="gamma"):
        definitions(4, ["gamma"])


@pytest.mark.parametrize("triple", ["aarch64-apple-darwin", "x86_64-pc-windows-msvc"])
def test_functions_compile_for_other_machines(triple: str) -> None:
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    target = binding.Target.from_triple(triple).create_target_machine()
    module = binding.parse_assembly(
        merged(*[text(op, 4, vector_library=False).replace("@f(", f"@f{i}(")
                 for i, op in enumerate(sorted(FUNCTIONS))])
    )  # fmt: skip
    assert "_ZGV" not in target.emit_assembly(module)
