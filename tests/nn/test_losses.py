"""Losses: their values and derivatives against mpmath's, at logits of any size."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from nn import losses

mp = mpmath.mp.clone()
mp.dps = 60

outputs = st.floats(-1e6, 1e6)
logits = st.one_of(
    st.floats(-1000.0, 1000.0),
    st.floats(-40.0, 40.0),
    st.sampled_from([0.0, -0.0, 1e-300, 36.7, -36.7, 709.0, -709.0, 744.0, 1000.0, -1000.0]),
)
probabilities = st.one_of(st.sampled_from([0.0, 1.0, 0.5]), st.floats(0.0, 1.0))
SMALLEST = 5e-324  # where doubles end, each term of a sum is off by half of it


def close(ours: float, exact: Any, relative: float) -> bool:
    """Whether a double is the exact number, to a relative error, where doubles reach."""
    return bool(abs(mp.mpf(ours) - exact) <= relative * abs(exact) + 8 * SMALLEST)


def gradient(loss: Callable[[Any, Any], Any], xs: list[float], target: Any) -> list[float]:
    values = [Value(x) for x in xs]
    loss(values, target).backward()
    return [value.grad for value in values]


# --- formulas ------------------------------------------------------------------------------------

# Exact value and derivative in the output, for one output and its target.
EXACT: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "half_squared_error": (lambda o, t: (o - t) ** 2 / 2, lambda o, t: o - t),
    "mean_squared_error": (lambda o, t: (o - t) ** 2, lambda o, t: 2 * (o - t)),
    "mean_absolute_error": (lambda o, t: abs(o - t), lambda o, t: mp.sign(o - t)),
    "huber": (
        lambda o, t: (o - t) ** 2 / 2 if abs(o - t) <= 1 else abs(o - t) - mp.mpf(1) / 2,
        lambda o, t: o - t if abs(o - t) <= 1 else mp.sign(o - t),
    ),
    "hinge": (lambda o, t: max(0, 1 - t * o), lambda o, t: -t if t * o < 1 else 0),
    "perceptron": (lambda o, t: max(0, -t * o), lambda o, t: -t if t * o <= 0 else 0),
    "binary_cross_entropy": (
        lambda z, t: t * mp.log1p(mp.exp(-z)) + (1 - t) * mp.log1p(mp.exp(z)),
        lambda z, t: (1 - t) / (1 + mp.exp(-z)) - t / (1 + mp.exp(z)),
    ),
}


def targets_of(name: str) -> st.SearchStrategy[float]:
    if name in {"hinge", "perceptron"}:
        return st.sampled_from([-1, 1, -1.0, 1.0])
    return probabilities if name == "binary_cross_entropy" else outputs


@pytest.mark.parametrize("name", EXACT)
@given(data=st.data())
def test_one_output(name: str, data: st.DataObject) -> None:
    loss = getattr(losses, name)
    value, derivative = EXACT[name]
    o = data.draw(logits if name == "binary_cross_entropy" else outputs)
    t = data.draw(targets_of(name))
    exact = value(mp.mpf(o), mp.mpf(t))
    exact_slope = derivative(mp.mpf(o), mp.mpf(t))
    # o - t is rounded once, in proportion to itself; only t σ(-z) - (1 - t) σ(z) is a difference
    # of things that may be larger than it, of at most 1 each.
    assert close(loss(o, t), exact, 3e-15)
    (slope,) = gradient(loss, [o], [t])
    if name == "hinge" and abs(1 - mp.mpf(t) * mp.mpf(o)) < 1e-15:
        return  # 1 - t o is rounded to the kink
    if name == "binary_cross_entropy" and t not in (0.0, 1.0):
        assert abs(slope - exact_slope) < 1e-15
    else:
        assert close(slope, exact_slope, 3e-15)


@pytest.mark.parametrize("name", EXACT)
@given(data=st.data())
def test_several_outputs_count_on_average_and_textbook_error_in_sum(
    name: str, data: st.DataObject
) -> None:
    loss = getattr(losses, name)
    n = data.draw(st.integers(1, 5))
    os = data.draw(st.lists(logits, min_size=n, max_size=n))
    ts = data.draw(st.lists(targets_of(name), min_size=n, max_size=n))
    share = 1 if name == "half_squared_error" else n
    each = [loss(o, t) for o, t in zip(os, ts, strict=True)]
    assert loss(os, ts) == pytest.approx(math.fsum(each) / share, rel=1e-14, abs=1e-320)
    slopes = [gradient(loss, [o], [t])[0] / share for o, t in zip(os, ts, strict=True)]
    assert gradient(loss, os, ts) == pytest.approx(slopes, rel=1e-14, abs=1e-15)
    assert loss(np.array(os), np.array(ts)) == loss(os, ts)
    assert type(loss(os, ts)) is float
    assert loss([Value(o) for o in os], ts).data == loss(os, ts)


@given(outputs, st.floats(1e-3, 1e3))
def test_huber_is_smooth_and_meets_its_pieces(o: float, delta: float) -> None:
    distance = abs(o)
    expected = o * o / 2 if distance <= delta else delta * (distance - delta / 2)
    assert losses.huber(o, 0.0, delta) == pytest.approx(expected, rel=1e-14)
    (slope,) = gradient(lambda xs, t: losses.huber(xs, t, delta), [o], 0.0)
    assert slope == pytest.approx(max(-delta, min(delta, o)), rel=1e-14)


def test_the_perceptron_learns_from_an_output_of_zero() -> None:
    assert gradient(losses.perceptron, [0.0], 1) == [-1.0]
    assert gradient(losses.perceptron, [0.0], -1) == [1.0]


# --- softmax -------------------------------------------------------------------------------------


@given(st.lists(logits, min_size=1, max_size=6), st.data())
def test_softmax_cross_entropy_of_a_class(zs: list[float], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(zs) - 1))
    exact_zs = [mp.mpf(z) for z in zs]
    total = mp.fsum(mp.exp(z) for z in exact_zs)
    rest = mp.fsum(mp.exp(z) for i, z in enumerate(exact_zs) if i != index)
    # A logit's gap to the target's is rounded, by up to half an ulp of 2000; exp magnifies that.
    slack = 4e-15 + 2.0 * math.ulp(max(abs(z - zs[index]) for z in zs))
    exact_loss = mp.log1p(rest / mp.exp(exact_zs[index]))
    assert close(losses.softmax_cross_entropy(zs, index), exact_loss, slack)
    for i, slope in enumerate(gradient(losses.softmax_cross_entropy, zs, index)):
        exact = -rest / total if i == index else mp.exp(exact_zs[i]) / total
        assert close(slope, exact, 2 * slack)


@given(st.lists(st.tuples(logits, st.floats(0.01, 1.0)), min_size=1, max_size=5))
def test_softmax_cross_entropy_of_probabilities(pairs: list[tuple[float, float]]) -> None:
    zs = [z for z, _ in pairs]
    shares = [share / math.fsum(s for _, s in pairs) for _, share in pairs]
    top = mp.log(mp.fsum(mp.exp(mp.mpf(z)) for z in zs))
    exact = mp.fsum(mp.mpf(q) * (top - mp.mpf(z)) for q, z in zip(shares, zs, strict=True))
    assert abs(losses.softmax_cross_entropy(zs, shares) - exact) < 2e-12 * (1 + exact)
    slopes = gradient(losses.softmax_cross_entropy, zs, shares)
    for z, q, slope in zip(zs, shares, slopes, strict=True):
        assert abs(slope - (mp.exp(mp.mpf(z) - top) - mp.mpf(q))) < 2e-12


@given(st.lists(logits, min_size=1, max_size=5), st.data())
def test_a_sure_class_is_its_index(zs: list[float], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(zs) - 1))
    one_hot = [float(i == index) for i in range(len(zs))]
    expected = losses.softmax_cross_entropy(zs, index)
    assert losses.softmax_cross_entropy(zs, one_hot) == expected
    assert losses.softmax_cross_entropy(zs, np.int64(index)) == expected


def test_two_classes_are_binary() -> None:
    for z in (-1000.0, -30.0, -1e-9, 0.0, 2.0, 50.0, 1000.0):
        two = losses.softmax_cross_entropy([0.0, z], 1)
        assert two == pytest.approx(losses.binary_cross_entropy(z, 1), rel=1e-15)


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*EXACT])
def test_lengths_must_agree(name: str) -> None:
    loss = getattr(losses, name)
    with pytest.raises(ValueError, match=f"{name}: got 2 outputs but 1 target"):
        loss([0.5, 0.5], [1])
    with pytest.raises(ValueError, match=f"{name}: got 1 output but 2 targets"):
        loss(Value(0.5), [1, 1])
    with pytest.raises(ValueError, match=f"{name}: .* empty"):
        loss([], [])


@pytest.mark.parametrize("name", [*EXACT, "softmax_cross_entropy"])
@pytest.mark.parametrize("bad", ["1", None, [None], ["1"], 1j])
def test_what_is_not_a_number_is_refused(name: str, bad: Any) -> None:
    with pytest.raises(TypeError, match=name):
        getattr(losses, name)([0.5], bad)
    if not isinstance(bad, str):
        with pytest.raises(TypeError, match=name):
            getattr(losses, name)(bad, 1)


@pytest.mark.parametrize(
    ("loss", "target", "error", "message"),
    [
        (
            losses.hinge,
            0,
            ValueError,
            "hinge: a target must be -1 or 1, got 0; for classes 0 and 1",
        ),
        (losses.hinge, math.nan, ValueError, "hinge: a target must be -1 or 1, got nan"),
        (losses.perceptron, 2, ValueError, "perceptron: a target must be -1 or 1, got 2"),
        (losses.binary_cross_entropy, -0.1, ValueError, "from 0 to 1, got -0.1"),
        (losses.binary_cross_entropy, 2, ValueError, "binary_cross_entropy: .* got 2"),
        (losses.binary_cross_entropy, math.nan, ValueError, "got nan"),
        (losses.softmax_cross_entropy, 1, ValueError, "class index 1 is out of range for 1 logit"),
        (losses.softmax_cross_entropy, -1, ValueError, "class index -1 .* expected 0 to 0"),
        (
            losses.softmax_cross_entropy,
            0.0,
            TypeError,
            "a class index, an integer, .* got float: 0.0",
        ),
        (losses.softmax_cross_entropy, [0.5, 0.5], ValueError, "1 logit but 2 probabilities"),
        (losses.softmax_cross_entropy, [0.9], ValueError, r"add up to 1, got \[0.9\]"),
        (losses.softmax_cross_entropy, [math.nan], ValueError, "add up to 1"),
    ],
)
def test_targets_that_make_no_sense_are_refused(
    loss: Any, target: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        loss([0.5], target)


def test_negative_probabilities_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        losses.softmax_cross_entropy([0.0, 0.0], [-0.5, 1.5])


@pytest.mark.parametrize("delta", [0.0, -1.0, math.nan])
def test_huber_needs_a_positive_delta(delta: float) -> None:
    with pytest.raises(ValueError, match="delta must be a positive number"):
        losses.huber(1.0, 0.0, delta)


def test_a_target_may_be_a_value() -> None:
    z, t = Value(2.0), Value(1.0)
    losses.binary_cross_entropy(z, t).backward()
    assert t.grad == pytest.approx(-2.0)


@pytest.mark.parametrize(("logit", "target"), [(math.inf, 1.0), (-math.inf, 0.0)])
def test_an_infinite_logit_of_the_right_sign_costs_nothing(logit: float, target: float) -> None:
    assert losses.binary_cross_entropy(logit, target) == 0.0
    assert gradient(losses.binary_cross_entropy, [logit], target) == [0.0]
