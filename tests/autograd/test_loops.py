"""Compiled loops: one copy of the body, and the numbers and derivatives of the recorded program."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import (
    TracingError,
    Value,
    compile,
    cond,
    exp,
    fori_loop,
    grad,
    hessian,
    jvp,
    log,
    relu,
    scan,
    sin,
    sqrt,
    sum,
    value_and_grad,
    where,
    while_loop,
)
from autograd.compiler import load
from autograd.compiler.backends import BACKENDS
from autograd.compiler.passes import drop_guards
from autograd.compiler.pipeline import optimise
from autograd.compiler.program import ITEM, Operation, Program, Scan
from autograd.traced import traced, tracing_of
from autograd.tree import flatten


def program_of(compiled: Any) -> Program:
    """The program of a function that has been called once."""
    (known,) = compiled._known.values()
    program: Program = known.program
    return program


def loops_of(program: Program) -> list[Scan]:
    return [op for op, _ in program.operations if isinstance(op, Scan)]


# --- the cases -----------------------------------------------------------------------------------


def chain(x: Any) -> Any:
    return fori_loop(0, 5, lambda i, y: sin(y) * (i + 1.0), x)


def predator_and_prey(p: Any) -> Any:
    a, b, start = p

    def step(i: Any, state: Any) -> Any:
        x, y = state["x"], state["y"]
        return {"x": x + 0.1 * (a * x - b * x * y), "y": y + 0.1 * (b * x * y - y)}

    last = fori_loop(0, 6, step, {"x": start, "y": 0.5})
    return last["x"] * last["y"]


def recurrence(p: Any) -> Any:
    w, u, *inputs = p

    def step(h: Any, x: Any) -> Any:
        h = sin(w * h + u * x)
        return h, (h * x, None)

    h, (outputs, _) = scan(step, 0.1, inputs)
    return h + sum([y * y for y in outputs])


def backwards(p: Any) -> Any:
    carry, results = scan(lambda c, x: (c * x + 0.5, c - x), p[0], p, reverse=True)
    again, more = scan(lambda c, pair: (c + pair[0] * pair[1], c), carry, (results, p))
    return again * more[1]


def nested(x: Any) -> Any:
    def inner(i: Any, y: Any) -> Any:
        return lambda j, z: sin(z) * (j + 1.0) + 0.1 * i * y

    return fori_loop(0, 3, lambda i, y: y + 0.1 * fori_loop(0, 4, inner(i, y), y * x), x)


def newton(a: Any) -> Any:
    def goes_on(x: Any) -> Any:
        return abs(x * x - a) > 1e-12 * a

    return while_loop(goes_on, lambda x: 0.5 * (x + a / x), a, max_steps=60)


def choosing(x: Any) -> Any:
    return fori_loop(0, 3, lambda i, y: cond(y > 0.5, log, lambda y: y * y + x, y), x)


def bent(x: Any) -> Any:
    return fori_loop(0, 3, lambda i, y: relu(y - 0.3) + where(y > 0.4, y * x, 0.2), x)


CASES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "chain": (chain, 0.7),
    "predator_and_prey": (predator_and_prey, [1.1, 0.4, 2.0]),
    "recurrence": (recurrence, [0.8, 0.3, 0.5, -1.0, 2.0]),
    "backwards": (backwards, [0.4, -0.3, 1.2]),
    "nested": (nested, 0.6),
    "newton": (newton, 3.0),
    "choosing": (choosing, 0.9),
    "bent": (bent, 0.8),
}
"""Functions that are recorded by Python's own loops, which is what they are compared with."""


@pytest.mark.parametrize("name", CASES)
def test_a_compiled_loop_is_what_was_recorded(name: str) -> None:
    f, x = CASES[name]
    value, gradient = value_and_grad(f)(x)
    found, slopes = compile(value_and_grad(f))(x)
    assert found == pytest.approx(value, rel=1e-13)
    assert slopes == pytest.approx(gradient, rel=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_so_are_its_derivatives_to_second_order_in_any_mode(name: str) -> None:
    f, x = CASES[name]
    ones = [1.0] * len(x) if isinstance(x, list) else 1.0

    def every(x: Any) -> Any:
        return (
            hessian(f)(x),
            jvp(grad(f), (x,), (ones,)),
            grad(lambda x: jvp(f, (x,), (ones,))[1])(x),
        )

    found, expected = (flatten(f(x))[0] for f in (compile(every, backend="numpy"), every))
    np.testing.assert_allclose(np.hstack(found), np.hstack(expected), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", ["predator_and_prey", "backwards", "nested", "newton"])
def test_the_c_code_does_the_same(name: str) -> None:
    if BACKENDS["c"].missing():
        pytest.skip("there is no C compiler")
    f, x = CASES[name]
    by_c, by_numpy = (compile(value_and_grad(f), backend=b)(x) for b in ("c", "numpy"))
    np.testing.assert_allclose(np.hstack(by_c), np.hstack(by_numpy), rtol=1e-13)


@given(
    st.lists(st.floats(0.1, 1.5), min_size=2, max_size=6),
    st.floats(-1.0, 1.0),
    st.booleans(),
)
@settings(max_examples=20)
def test_exactly_the_bits_of_the_loop_written_by_hand(
    xs: list[float], start: float, reverse: bool
) -> None:
    def step(c: Any, x: Any) -> Any:
        return (c * x + xs_sum / x, sqrt(x) - c)

    def looped(start: Any, xs: Any) -> Any:
        return scan(step, start, xs, reverse=reverse)

    xs_sum = 2.0
    found = compile(looped, exact=True, backend="numpy")(start, xs)
    assert found == looped(start, xs)


def unrolled(
    body: Any, init: Any, xs: Any, steps: int, start: float = 0.0, *, reverse: bool = False,
    stops: bool = False,
) -> Any:  # fmt: skip
    """What `looped` does, without a loop in the program."""
    carry: Any = [*init]
    rows: list[Any] = [[]] * steps
    for t in reversed(range(steps)) if reverse else range(steps):
        carry, rows[t] = body(start + t, carry, xs[t] if xs else [])
    return carry, [] if stops else rows


@pytest.mark.parametrize("name", CASES)
def test_exactly_the_bits_of_the_unrolled_program(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    f, x = CASES[name]
    found = compile(value_and_grad(f), exact=True, backend="numpy")(x)
    monkeypatch.setattr("autograd.control.looped", unrolled)
    value, gradient = compile(value_and_grad(f), exact=True, backend="numpy")(x)
    assert found[0] == value
    # Where several loops read a number, its adjoints may be added in another order.
    nearly = {"backwards": 1e-15, "nested": 1e-14}.get(name, 0.0)
    assert found[1] == pytest.approx(gradient, rel=nearly, abs=0.0)


@pytest.mark.parametrize("name", ["recurrence", "nested", "newton"])
@pytest.mark.parametrize("backend", ["llvm", "numpy"])
def test_rows_are_each_as_if_alone(name: str, backend: Any) -> None:
    f, x = CASES[name]
    alone = compile(value_and_grad(f), backend=backend)
    rows = [np.multiply(x, factor) for factor in (1.0, 0.5, 3.0, 0.01, 7.0)]
    together = compile(value_and_grad(f), in_axes=0, backend=backend)(np.array(rows))
    for row, *found in zip(rows, *together, strict=True):
        given = row.tolist()
        np.testing.assert_allclose(np.hstack(found), np.hstack(alone(given)), rtol=1e-12)
    total = compile(value_and_grad(f), in_axes=0, reduce="sum", backend=backend)(np.array(rows))
    np.testing.assert_allclose(
        np.hstack(total), np.hstack([part.sum(axis=0) for part in together]), rtol=1e-12
    )


def test_what_all_rows_share_is_computed_once() -> None:
    def f(w: Any, x: Any) -> Any:
        shared, powers = scan(lambda c, _: (c * w, c), 1.0, length=4)
        return fori_loop(0, 3, lambda i, y: y * shared + powers[2], x)

    xs = [0.3, -0.7, 1.9]
    found = compile(value_and_grad(f), in_axes=(None, 0))(0.9, xs)
    expected = [value_and_grad(f)(0.9, x) for x in xs]
    np.testing.assert_allclose(np.transpose(found), expected, rtol=1e-13)


def test_a_kink_before_a_loop_has_no_second_derivative_behind_it() -> None:
    def f(x: Any) -> Any:
        return fori_loop(0, 2, lambda i, c: c * x[1], relu(x[0]))

    for x in ([0.0, 2.0], [0.5, 2.0], [-0.5, 2.0]):
        found = compile(hessian(f), backend="numpy")(x)
        np.testing.assert_allclose(found, hessian(f)(x), rtol=1e-13)


# --- one copy of the body ------------------------------------------------------------------------


def test_there_is_one_copy_of_the_body_whatever_the_number_of_steps() -> None:
    def f(steps: int, x: Any) -> Any:
        return fori_loop(0, steps, lambda i, y: y + 1e-3 * sin(y), x)

    programs = []
    for steps in (3, 100_000):
        compiled = compile(value_and_grad(lambda x, steps=steps: f(steps, x)))
        compiled(0.5)
        programs.append(program_of(compiled))
    short, long = programs
    assert len(short) == len(long)
    forward, backward = loops_of(long)
    assert (forward.steps, backward.reverse) == (100_000, True)
    assert len(forward.body) == len(loops_of(short)[0].body) == 3
    text = str(long)
    assert "scan of 100,000 steps, 1 carried" in text
    assert text.count("sin") == 1
    assert "for (" in long.to_c()


def test_only_a_reversal_stores_carries() -> None:
    def memory(f: Callable[[Any], Any]) -> int:
        compiled = compile(f)
        compiled(0.5)
        (known,) = compiled._known.values()
        (code,) = known.run.codes.values()
        return int(code.memory[1])

    def f(x: Any, checkpoint: Any = None) -> Any:
        return fori_loop(0, 1000, lambda i, y: y + 1e-3 * sin(y), x, checkpoint=checkpoint)

    assert memory(f) < 20
    assert memory(lambda x: jvp(f, (x,), (1.0,))) < 20
    assert 1000 <= memory(grad(f)) < 1050
    assert memory(grad(lambda x: f(x, "sqrt"))) < 100
    assert memory(grad(lambda x: f(x, "log"))) < 100


@pytest.mark.parametrize("steps", [1, 3, 7, 23, 1000])
@pytest.mark.parametrize("checkpoint", ["sqrt", "log"])
def test_a_gradient_that_stores_less_is_the_same(checkpoint: Any, steps: int) -> None:
    def f(x: Any, checkpoint: Any = None) -> Any:
        def step(i: Any, y: Any) -> Any:
            return y + sin(y * i) * x / i**2

        return fori_loop(2, 2 + steps, step, x, checkpoint=checkpoint)

    found = compile(value_and_grad(lambda x: f(x, checkpoint)), backend="numpy")(0.5)
    assert found == pytest.approx(compile(value_and_grad(f), backend="numpy")(0.5), rel=1e-12)


@pytest.mark.parametrize("checkpoint", ["sqrt", "log"])
def test_scans_and_while_loops_may_store_less_too(checkpoint: Any) -> None:
    def scanned(xs: Any, checkpoint: Any, reverse: bool) -> Any:
        def step(c: Any, x: Any) -> Any:
            return sin(c * x) + x, c * x

        last, results = scan(step, 0.3, xs, reverse=reverse, checkpoint=checkpoint)
        return last + sum([x * result for x, result in zip(xs, results, strict=True)])

    xs = [0.1 * k for k in range(1, 24)]
    for reverse in (False, True):
        found = compile(
            grad(lambda xs, reverse=reverse: scanned(xs, checkpoint, reverse)), backend="numpy"
        )(xs)
        expected = grad(lambda xs, reverse=reverse: scanned(xs, None, reverse))(xs)
        assert found == pytest.approx(expected, rel=1e-12)

    def root(a: Any) -> Any:
        return while_loop(
            lambda x: abs(x * x - a) > 1e-12 * a, lambda x: 0.5 * (x + a / x), a, 1000,
            checkpoint=checkpoint,
        )  # fmt: skip

    values, slopes = compile(value_and_grad(root), in_axes=0, backend="numpy")([2.0, 3.0, 1e9])
    np.testing.assert_allclose(values, np.sqrt([2.0, 3.0, 1e9]), rtol=1e-12)
    np.testing.assert_allclose(slopes, 0.5 / np.sqrt([2.0, 3.0, 1e9]), rtol=1e-9)


def test_a_while_loop_runs_as_long_as_a_row_needs() -> None:
    def steps(x: Any) -> Any:
        return while_loop(lambda c: c[0] > 1.0, lambda c: [0.5 * c[0], c[1] + 1.0], [x, 0.0], 40)[1]

    for backend in ("llvm", "numpy"):
        counted = compile(steps, in_axes=0, backend=backend)
        assert counted([0.5, 1.0, 2.0, 1e6, 1.5]).tolist() == [0.0, 0.0, 1.0, 20.0, 1.0]
        assert np.isnan(counted([2.0, 1e300])).tolist() == [False, True]
    with pytest.raises(ArithmeticError, match="after 40 steps, which is max_steps"):
        compile(steps, check=True)(1e300)


def test_a_billion_steps_are_allowed_where_few_are_taken() -> None:
    def root(a: Any) -> Any:
        return while_loop(
            lambda x: abs(x * x - a) > 1e-12 * a, lambda x: 0.5 * (x + a / x), a, 10**9
        )

    assert compile(root)(2.0) == pytest.approx(2.0**0.5)


def test_a_branch_that_is_not_taken_may_leave_its_domain() -> None:
    def f(x: Any) -> Any:
        return cond(x > 0.0, lambda x: x * log(x) + sqrt(x), lambda x: -3.0 * x, x)

    for backend in ("llvm", "numpy"):
        values, slopes = compile(value_and_grad(f), in_axes=0, backend=backend)([-2.0, 1.0])
        assert (values.tolist(), slopes.tolist()) == ([6.0, 1.0], [-3.0, 1.5])
        assert compile(grad(grad(f)), backend=backend)(-2.0) == 0.0


def test_a_loop_in_a_branch_that_is_not_taken_may_leave_its_domain() -> None:
    def f(x: Any) -> Any:
        return cond(
            x > 0.0, lambda x: fori_loop(0, 2, lambda i, y: log(y) + 2.0, x), lambda x: -x, x
        )

    values, slopes = compile(value_and_grad(f), in_axes=0, backend="numpy")([-1.0, 2.0])
    assert values.tolist() == [f(-1.0), f(2.0)]
    assert slopes.tolist() == [-1.0, grad(f)(2.0)]
    tangents = compile(lambda x: jvp(f, (x,), (1.0,))[1], in_axes=0, backend="numpy")
    assert tangents([-1.0, 2.0]).tolist() == slopes.tolist()


@pytest.mark.parametrize("of", [grad, lambda f: lambda x: jvp(f, (x,), (1.0,))[1]])
def test_a_loop_that_leaves_its_domain_has_no_derivative(of: Any) -> None:
    def f(x: Any) -> Any:
        return fori_loop(0, 3, lambda i, y: 0.0 * sqrt(y - 0.5) + y * 0.6, x)

    assert np.isnan(compile(of(f), backend="numpy")(0.6))
    assert compile(of(f), backend="numpy")(9.0) == pytest.approx(0.6**3)


def test_a_zero_adjoint_contributes_nothing_through_a_loop() -> None:
    def f(x: Any) -> Any:
        root = fori_loop(0, 2, lambda i, y: sqrt(y), x)  # whose slope at 0 is infinite
        return 0.0 * root + x

    assert compile(grad(f))(0.0) == grad(f)(0.0) == 1.0
    compiled = compile(value_and_grad(chain))
    compiled(0.5)
    plain = drop_guards(optimise(program_of(compiled)))
    assert plain is not None
    assert "·" not in "".join(op for loop in loops_of(plain) for op, _ in loop.body.operations)


# --- around them ---------------------------------------------------------------------------------


def test_a_value_from_outside_is_read_at_each_call() -> None:
    w = Value(0.5)
    compiled = compile(grad(lambda x: fori_loop(0, 3, lambda i, y: y * w + x, x)))
    before = compiled(1.0)
    w.data = 2.0
    assert (before, compiled(1.0)) == (1.875, 15.0)


def test_arrays_and_models_go_through_loops() -> None:
    weights = np.array([[0.2, -0.3], [0.4, 0.1]])

    def f(start: Any, weights: Any) -> Any:
        return fori_loop(0, 4, lambda i, h: np.tanh(weights @ h) + 0.1 * h, start).sum()

    found = compile(value_and_grad(f, argnums=(0, 1)))(np.array([1.0, 2.0]), weights)
    value, (slope, slopes) = value_and_grad(f, argnums=(0, 1))(np.array([1.0, 2.0]), weights)
    assert found[0] == pytest.approx(value)
    np.testing.assert_allclose(found[1][0], slope, rtol=1e-12)
    np.testing.assert_allclose(found[1][1], slopes, rtol=1e-12)


def test_loops_are_saved_and_loaded(tmp_path: Path) -> None:
    for name in ("backwards", "newton", "nested"):
        f, x = CASES[name]
        compiled = compile(value_and_grad(f), backend="numpy")
        expected = compiled(x)
        compiled.save(tmp_path / name)
        assert load(tmp_path / name, backend="numpy")(x) == expected


def test_jax_scans_the_same_numbers() -> None:
    jax = pytest.importorskip("jax")

    def f(p: Any, xs: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            return c * p[0] + x * exp(-c), c * x

        last, results = scan(step, p[1], xs)
        return last + sum([r * r for r in results])

    def theirs(p: Any, xs: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            return c * p[0] + x * jax.numpy.exp(-c), c * x

        last, results = jax.lax.scan(step, p[1], xs)
        return last + (results * results).sum()

    p, xs = [0.7, 0.2], [0.3, -0.1, 0.5, 0.9]
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else _x64(jax):
        arrays = jax.numpy.array(p), jax.numpy.array(xs)
        expected = [np.asarray(part) for part in jax.grad(theirs, (0, 1))(*arrays)]
    found = compile(grad(f, argnums=(0, 1)))(p, xs)
    for ours, slopes in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, slopes, rtol=1e-12)


def _x64(jax: Any) -> Any:
    from jax.experimental import enable_x64

    return enable_x64()


# --- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: fori_loop(0, 3, lambda i, y: [y], x), "has another structure than init"),
        (
            lambda x: scan(lambda c, z: (c, z), x, [1.0, [2.0]])[0],
            "scan: xs, at step 1, has another structure than at step 0",
        ),
        (lambda x: while_loop(lambda y: y > 1.0, lambda y: 0.5 * y, x), "max_steps must say"),
        (lambda x: fori_loop(0, 3, lambda i, y: y if y > 0.0 else -y, x), "known only when"),
        (lambda x: fori_loop(0, 3, lambda i, y: y * [1.0, 2.0, 3.0][i], x), "Traced"),
        (lambda x: cond(x > 1.0, lambda: [x], lambda: x), "both branches return the same"),
    ],
)
def test_mistakes_in_compiled_loops_are_named(f: Callable[[Any], Any], words: str) -> None:
    with pytest.raises((TypeError, TracingError), match=words):
        compile(f)(2.0)


def test_a_malformed_loop_is_found() -> None:
    body = Program(("i", "carry"), (), (), (1,))
    scan_ = Scan(body, steps=2, carried=1)
    good = Program(("x",), (0.0,), ((scan_, (0,)), (ITEM, (2, 1))), (3,))  # type: ignore[arg-type]
    bad = [
        good.__class__(("x",), (0.0,), ((scan_, ()),), (0,)),  # type: ignore[arg-type]
        good.__class__(("x",), (0.0,), ((scan_, (0,)),), (2,)),  # type: ignore[arg-type]
        good.__class__(("x",), (9.0,), ((scan_, (0,)), (ITEM, (2, 1))), (3,)),  # type: ignore[arg-type]
        good.__class__(("x",), (), ((scan_, (0,)), ("sin", (1,))), (2,)),  # type: ignore[arg-type]
        good.__class__(("x",), (), ((Scan(body, steps=2), (0,)),), (0,)),  # type: ignore[arg-type]
    ]
    for program in bad:
        with pytest.raises(ValueError, match=r"^(%|output)"):
            Program(
                program.inputs,
                program.constants,
                tuple(Operation(*operation) for operation in program.operations),
                program.outputs,
            ).checked()


def test_what_a_body_reads_and_does_not_change_is_computed_before_it() -> None:
    x = traced("x")
    with tracing_of():
        y = fori_loop(0, 3, lambda i, y: y * sin(x), x)
    loop = y.parents[0]
    assert [parent.op for parent in loop.parents] == ["sin", ""]


@pytest.mark.parametrize("in_axes", [None, 0])
def test_a_long_carry_is_in_memory(in_axes: int | None) -> None:
    """More numbers than there are registers, some of which change places, some of which stay."""

    def f(xs: Any) -> Any:
        def step(i: Any, xs: Any) -> Any:
            kept, moved, grown = xs[:2], xs[2:6], xs[6:]
            pairs = zip(grown, xs, strict=False)
            return [*kept, *moved[1:], moved[0], *(0.5 * x + xs[0] * y for x, y in pairs)]

        return sum([x * (k + 1.0) for k, x in enumerate(fori_loop(0, 5, step, [*xs]))])

    xs = np.linspace(-1.0, 1.0, 50)
    given = xs.tolist() if in_axes is None else np.array([xs, 2.0 * xs, xs**2])
    found = compile(value_and_grad(f), in_axes)(given)
    rows = [found] if in_axes is None else [*zip(*found, strict=True)]
    for row, x in zip(rows, [xs] if in_axes is None else given, strict=True):
        np.testing.assert_allclose(np.hstack(row), np.hstack(value_and_grad(f)(x.tolist())), 1e-12)


def test_a_loop_is_copied_and_pickled() -> None:
    compiled = compile(grad(chain))
    compiled(0.5)
    program = program_of(compiled)
    assert pickle.loads(pickle.dumps(program)) == copy.deepcopy(program) == program
    assert loops_of(pickle.loads(pickle.dumps(program)))[1].body == loops_of(program)[1].body


# --- random programs -----------------------------------------------------------------------------

STEPS: list[Callable[[Any, Any, Any], Any]] = [
    lambda x, y, z: x + 0.5 * y,
    lambda x, y, z: sin(x * z) - y,
    lambda x, y, z: x * y + z,
    lambda x, y, z: where(x > y, x * z, y + 0.25),
    lambda x, y, z: cond(y > z, lambda: exp(-x * x), lambda: x * y),
    lambda x, y, z: x / (1.0 + y * y),
    lambda x, y, z: 1.0,
    lambda x, y, z: y,
    lambda x, y, z: fori_loop(0, 2, lambda i, u: sin(u + i * y) * z, x),
    lambda x, y, z: while_loop(lambda u: u * u > 0.3, lambda u: 0.5 * u + 0.01 * z, x, 12),
    lambda x, y, z: grad(lambda u: sin(u * y) * u)(x + z),
]
"""What the step of a loop computes of two numbers of the carry, and one from elsewhere."""


@given(
    steps=st.lists(st.integers(0, len(STEPS) - 1), min_size=1, max_size=3),
    length=st.integers(1, 4),
    reverse=st.booleans(),
    numbers=st.lists(st.floats(-1.5, 1.5), min_size=8, max_size=8),
)
@settings(max_examples=25)
def test_random_loops_are_what_was_recorded(
    steps: list[int], length: int, reverse: bool, numbers: list[float]
) -> None:
    def f(p: Any) -> Any:
        outer, init, xs = p[0], p[1:4], p[4 : 4 + length]

        def step(carry: Any, x: Any) -> Any:
            following = [*carry]
            for place, number in enumerate(steps):
                operands = following[place], following[(place + 1) % 3]
                following[place] = STEPS[number](*operands, x if place else outer)
            return following, following[0] * x

        carry, results = scan(step, init, xs, reverse=reverse)
        return sum([*carry, *results])

    value, gradient = value_and_grad(f)(numbers)
    found, slopes = compile(value_and_grad(f), backend="numpy")(numbers)
    assert found == pytest.approx(value, rel=1e-12, abs=1e-13)
    assert slopes == pytest.approx(gradient, rel=1e-9, abs=1e-11)
    tangent = compile(lambda p: jvp(f, (p,), ([1.0] * 8,)), backend="numpy")(numbers)[1]
    assert tangent == pytest.approx(float(np.sum(gradient)), rel=1e-9, abs=1e-10)
