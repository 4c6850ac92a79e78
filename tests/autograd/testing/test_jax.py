"""JAX's gradients: trees of arrays in any precision, custom derivatives with planted faults."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

if os.environ.get("CI"):
    import jax
else:
    jax = pytest.importorskip("jax")

import jax.numpy as jnp

from autograd.checking import GradientError
from autograd.testing.jax import gradcheck


def product_and_sums(x: Any) -> Any:
    return {"product": jnp.prod(x), "sums": [jnp.cumsum(x), x.sum()]}


# XLA compiles a program for each, and for its derivatives, instead of one for each operation.
FUNCTIONS: list[Any] = [
    jnp.sin,
    jax.jit(lambda x: jnp.exp(-x * x)),
    jax.jit(lambda x: jax.nn.softmax(x)),
    jax.jit(lambda x: jax.scipy.special.logsumexp(x)),
    jax.jit(product_and_sums),
]
X = np.random.default_rng(0).normal(size=30)


@pytest.mark.no_cover
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_right_gradients_are_never_called_wrong(function: Any, dtype: Any) -> None:
    gradcheck(function, jnp.asarray(X[:2], dtype))


@pytest.mark.no_cover
def test_right_gradients_along_directions_are_never_called_wrong() -> None:
    def few(x: Any) -> Any:  # of whose results each is checked by itself, in each input
        return {"product": jnp.prod(x), "sums": [jnp.cumsum(x)[-2:], x.sum()]}

    gradcheck(few, jnp.asarray(X[:13], jnp.float16))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_right_gradients_pass_in_double_precision(function: Any) -> None:
    with jax.enable_x64(True):
        assert gradcheck(function, jnp.asarray(X[:2]), order=2)


def with_a_custom_vjp(factor: float) -> Any:
    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def cube(x: Any) -> Any:
        return x**3

    cube.defvjp(lambda x: (x**3, x), lambda x, w: (factor * x**2 * w,))
    return cube


def with_a_custom_jvp(factor: float) -> Any:
    @jax.custom_jvp  # type: ignore[untyped-decorator]
    def cube(x: Any) -> Any:
        return x**3

    cube.defjvp(lambda xs, vs: (xs[0] ** 3, factor * xs[0] ** 2 * vs[0]))
    return cube


@pytest.mark.parametrize("make", [with_a_custom_vjp, with_a_custom_jvp])
@pytest.mark.parametrize("count", [4, 30])
def test_a_custom_derivative_that_is_wrong(make: Any, count: int) -> None:
    x = jnp.asarray(X[:count], jnp.float32)
    with pytest.raises(GradientError, match="is 2/3 times what it should be"):
        gradcheck(make(2.0), x)
    gradcheck(make(3.0), x)


def test_forward_mode_by_itself() -> None:
    x = jnp.asarray(X[:3], jnp.float32)
    with pytest.raises(GradientError, match=r"the gradient of cube \(forward mode\) is wrong"):
        gradcheck(with_a_custom_jvp(2.0), x, mode="forward")
    assert gradcheck(with_a_custom_vjp(3.0), x, raise_exception=False).outcome != "failed"
    with pytest.raises(TypeError, match="custom_vjp"):
        gradcheck(with_a_custom_vjp(3.0), x, mode="forward")


def test_forward_mode_of_what_has_no_reverse_mode() -> None:
    @jax.jit  # type: ignore[untyped-decorator]
    def tripled(x: Any) -> Any:
        return jax.lax.while_loop(lambda y: y[1] < 3, lambda y: (y[0] + x, y[1] + 1), (x, 1))[0]

    @jax.custom_jvp  # type: ignore[untyped-decorator]
    def cube(x: Any) -> Any:
        return (tripled(x) / 3.0) ** 3

    cube.defjvp(lambda xs, vs: (cube(xs[0]), 3.0 * jax.lax.stop_gradient(xs[0]) ** 2 * vs[0]))
    with jax.enable_x64(True):
        x = jnp.asarray([0.5, 1.5])
        assert gradcheck(lambda x: tripled(x) ** 3, x, mode="forward", order=2)
        assert gradcheck(cube, x, mode="forward")
        with pytest.raises(GradientError, match=r"the gradient of ∇cube \(forward mode\) is wrong"):
            gradcheck(cube, x, mode="forward", order=2)


def test_bfloat16_is_seen_in_results() -> None:
    for seed in range(3):
        x = jnp.asarray(np.random.default_rng(seed).normal(size=3), jnp.float32)
        assert gradcheck(lambda x: jnp.tanh(1.25 * x.astype(jnp.bfloat16)), x).outcome != "failed"


def test_trees_have_names() -> None:
    def f(parameters: Any, power: int) -> Any:
        return jax.lax.stop_gradient(parameters["w"][0]) * parameters["b"] ** power

    with jax.enable_x64(True):
        check = gradcheck(f, {"w": (0.5, 7), "b": 2.0}, 3, raise_exception=False)
    assert [d.input for d in check.derivatives if d.outcome == "failed"] == ["parameters['w'][0]"]
    assert {d.input for d in check.derivatives} == {"parameters['w'][0]", "parameters['b']"}


def test_bad_input() -> None:
    with pytest.raises(TypeError, match="no floating-point array among the arguments"):
        gradcheck(jnp.negative, 1)
    with pytest.raises(TypeError, match="returned no floating-point array"):
        gradcheck(lambda x: x > 0.0, 1.0)
    with pytest.raises(ValueError, match="x is nan"):
        gradcheck(lambda x: x, jnp.nan)
    with pytest.raises(ValueError, match="mode must be"):
        gradcheck(jnp.negative, 1.0, mode="back")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="order must be 1 or 2"):
        gradcheck(jnp.negative, 1.0, order=0)
