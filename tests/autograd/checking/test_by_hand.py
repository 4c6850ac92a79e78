"""Derivatives as people write them by hand: right ones pass, and the usual mistakes are named."""

from __future__ import annotations

import ctypes
import ctypes.util
import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import integrate, sparse, special

from autograd import gradcheck


class Case(NamedTuple):
    """A function, its right derivative, and wrong ones with the expected words."""

    f: Callable[..., Any]
    inputs: tuple[Any, ...]
    form: str
    right: Any
    wrong: dict[str, tuple[Any, str]]


CASES: dict[str, Case] = {}
random = np.random.default_rng(3)
X, LABELS, W = random.normal(size=(6, 4)), random.integers(0, 3, 6), random.normal(size=(4, 3))
BATCH, GAIN, SHIFT = random.normal(size=(5, 3)), random.normal(size=3), random.normal(size=3)
A, B = random.normal(size=(3, 3)) + 3.0 * np.eye(3), random.normal(size=3)
Q, K, V = (random.normal(size=(3, 2)) for _ in range(3))
SPARSE, SIGNS = sparse.random(30, 10, 0.3, "csr", random_state=1), random.integers(0, 2, 30)
SIGNAL, FILTER = random.normal(size=8), np.array([1.0, 2.0, 0.5])


def cross_entropy(w: Any) -> Any:
    scores = X @ w
    return np.mean(special.logsumexp(scores, 1) - scores[np.arange(6), LABELS])


def its_gradient(w: Any, label: float = 1.0) -> Any:
    errors = special.softmax(X @ w, 1)
    errors[np.arange(6), LABELS] -= label
    return X.T @ errors / 6.0


CASES["softmax cross-entropy"] = Case(
    cross_entropy, (W,), "gradient", its_gradient,
    {
        "a sum for a mean": (lambda w: 6.0 * its_gradient(w), "each is 6 times"),
        "the label forgotten": (lambda w: its_gradient(w, 0.0), ""),
        "the wrong sign": (lambda w: -its_gradient(w), "each has the wrong sign"),
        "transposed": (lambda w: its_gradient(w).T, "with respect to w it is the transpose"),
    },
)  # fmt: skip


def batch_norm(x: Any, gain: Any, shift: Any) -> Any:
    return gain * (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5) + shift


def its_vjp(x: Any, gain: Any, shift: Any, w: Any, through: float = 1.0) -> Any:
    deviation = np.sqrt(x.var(0) + 1e-5)
    normal, pulled = (x - x.mean(0)) / deviation, w * gain
    statistics = pulled.mean(0) + normal * (pulled * normal).mean(0)
    return (pulled - through * statistics) / deviation, (w * normal).sum(0), w.sum(0)


CASES["batch normalisation"] = Case(
    batch_norm, (BATCH, GAIN, SHIFT), "vjp", its_vjp,
    {
        "not through the statistics": (partial(its_vjp, through=0.0), ""),
        "a mean for a sum": (
            lambda *xs: (*its_vjp(*xs)[:2], its_vjp(*xs)[2] / 5.0), "1/5 times"
        ),
        "two arguments swapped": (lambda *xs: tuple(np.array(its_vjp(*xs), object)[[0, 2, 1]]), ""),
    },
)  # fmt: skip


def layer_norm_vjp(x: Any, w: Any, ddof: int = 0) -> Any:
    deviation = np.sqrt(x.var(1, ddof=ddof, keepdims=True) + 1e-5)
    normal = (x - x.mean(1, keepdims=True)) / deviation
    means = w.mean(1, keepdims=True) + normal * (w * normal).mean(1, keepdims=True)
    return (w - means) / deviation


CASES["layer normalisation"] = Case(
    lambda x: (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5),
    (BATCH,), "vjp", layer_norm_vjp,
    {"of another variance": (lambda x, w: layer_norm_vjp(x, w, 1), "")},
)  # fmt: skip


def attention(q: Any, k: Any, v: Any) -> Any:
    return special.softmax(q @ k.T / math.sqrt(2.0), 1) @ v


def attention_vjp(q: Any, k: Any, v: Any, w: Any, scale: float = math.sqrt(0.5)) -> Any:
    shares, pulled = special.softmax(q @ k.T / math.sqrt(2.0), 1), w @ v.T
    scores = scale * shares * (pulled - (pulled * shares).sum(1, keepdims=True))
    return scores @ k, scores.T @ q, shares.T @ w


CASES["attention"] = Case(
    attention, (Q, K, V), "vjp", attention_vjp,
    {
        "not scaled": (partial(attention_vjp, scale=1.0), "1.41421 times"),
        "a cotangent ignored": (
            lambda q, k, v, w: attention_vjp(q, k, v, np.ones((3, 2))), "for every vector"
        ),
    },
)  # fmt: skip


def solve_vjp(a: Any, b: Any, w: Any) -> Any:
    pulled = np.linalg.solve(a.T, w)
    return -np.outer(pulled, np.linalg.solve(a, b)), pulled


def transposed(a: Any, b: Any, w: Any) -> Any:
    first, second = solve_vjp(a, b, w)
    return first.T, second


CASES["a linear solve"] = Case(
    lambda a, b: np.linalg.solve(a, b), (A, B), "vjp", solve_vjp,
    {
        "not transposed": (
            lambda a, b, w: (solve_vjp(a, b, w)[0], np.linalg.solve(a, w)), "in another order"
        ),
        "an outer product the other way round": (transposed, "with respect to a it is the transp"),
    },
)  # fmt: skip


def log_determinant(s: Any) -> Any:
    return 2.0 * np.log(np.diag(np.linalg.cholesky((s + s.T) / 2.0))).sum()


CASES["a log-determinant by Cholesky"] = Case(
    log_determinant, (A @ A.T,), "gradient", np.linalg.inv,
    {"its adjugate": (lambda s: np.linalg.det(s) * np.linalg.inv(s), "times what it should be")},
)  # fmt: skip


def logistic(w: Any) -> Any:
    scores = SPARSE @ w
    return np.mean(np.logaddexp(0.0, scores) - SIGNS * scores) + 0.05 * w @ w


def logistic_gradient(w: Any, penalty: float = 0.1) -> Any:
    return SPARSE.T @ (special.expit(SPARSE @ w) - SIGNS) / 30.0 + penalty * w


CASES["logistic regression of sparse data"] = Case(
    logistic, (random.normal(size=10),), "gradient", logistic_gradient,
    {
        "half the penalty": (lambda w: logistic_gradient(w, 0.05), "lacks 0.05 times its input"),
        "no penalty": (lambda w: logistic_gradient(w, 0.0), "lacks 0.1 times its input"),
    },
)  # fmt: skip


def end_of_decay(p: Any) -> Any:
    def decay(t: float, y: Any) -> Any:
        return p[1] - p[0] * y

    return integrate.solve_ivp(decay, (0.0, 1.5), [p[2]], rtol=1e-11, atol=1e-13).y[0, -1]


def sensitivities(p: Any) -> Any:
    rate, source, start = p
    left = math.exp(-1.5 * rate)
    of_rate = -1.5 * left * (start - source / rate) - source / rate**2 * (1.0 - left)
    return [of_rate, (1.0 - left) / rate, left]


CASES["sensitivities of a differential equation"] = Case(
    end_of_decay, (np.array([0.8, 0.3, 1.2]),), "gradient", sensitivities,
    {"of the limit": (lambda p: [*sensitivities(p)[:1], 1.0 / p[0], sensitivities(p)[2]], "")},
)  # fmt: skip


def kalman(slope: float, log_process: float, log_noise: float) -> float:
    return kalman_with_gradient(slope, log_process, log_noise)[0]


def kalman_with_gradient(
    slope: float, log_process: float, log_noise: float, kept: float = 1.0
) -> tuple[float, Any]:
    process, noise = math.exp(log_process), math.exp(log_noise)
    m, p, total = 0.0, 1.0, 0.0
    dm, dp, slopes = np.zeros(3), np.zeros(3), np.zeros(3)
    for y in SIGNAL:
        dm = slope * dm + np.array([m, 0.0, 0.0])
        dp = slope**2 * dp + np.array([2.0 * kept * slope * p, process, 0.0])
        m, p = slope * m, slope**2 * p + process
        s, error = p + noise, y - m
        ds = dp + np.array([0.0, 0.0, noise])
        total -= 0.5 * (math.log(2.0 * math.pi * s) + error**2 / s)
        slopes -= 0.5 * (ds / s - 2.0 * error * dm / s - error**2 * ds / s**2)
        gain, d_gain = p / s, dp / s - p * ds / s**2
        dm, m = dm + d_gain * error - gain * dm, m + gain * error
        dp, p = dp * (1.0 - gain) - p * d_gain, p * (1.0 - gain)
    return total, slopes


def without_a_term(slope: float, log_process: float, log_noise: float) -> Any:
    return kalman_with_gradient(slope, log_process, log_noise, kept=0.0)[1]


CASES["a Kalman filter's likelihood"] = Case(
    kalman, (0.7, -0.5, 0.2), "gradient", lambda *p: kalman_with_gradient(*p)[1],
    {"a term dropped": (without_a_term, "")},
)  # fmt: skip
CASES["a value with its gradient"] = Case(
    kalman_with_gradient, (0.7, -0.5, 0.2), "gradient", True, {}
)


def power(x: Any) -> Any:
    return np.sum(np.abs(np.fft.fft(x)) ** 2 * np.arange(8.0))


def power_gradient(x: Any) -> Any:
    return 16.0 * np.fft.ifft(np.arange(8.0) * np.fft.fft(x)).real


CASES["a Fourier transform"] = Case(
    power, (SIGNAL,), "gradient", power_gradient,
    {"not scaled": (lambda x: power_gradient(x) / 8.0, "1/8 times what it should be, and there")},
)  # fmt: skip


def convolution_vjp(x: Any, k: Any, w: Any) -> Any:
    return np.convolve(w, k[::-1], "full"), [(w * x[2 - i : 8 - i]).sum() for i in range(3)]


CASES["a convolution"] = Case(
    lambda x, k: np.convolve(x, k, "valid"), (SIGNAL, FILTER), "vjp", convolution_vjp,
    {
        "not flipped": (
            lambda x, k, w: (np.convolve(w, k, "full"), convolution_vjp(x, k, w)[1]),
            "in another order",
        )
    },
)  # fmt: skip
CASES["broadcasting"] = Case(
    lambda x, y: x * y, (BATCH[:, :1], GAIN), "vjp",
    lambda x, y, w: ((w * y).sum(1, keepdims=True), (w * x).sum(0)),
    {
        "a mean over the stretched axis": (
            lambda x, y, w: ((w * y).mean(1, keepdims=True), (w * x).sum(0)), "1/3 times"
        ),
    },
)  # fmt: skip
CASES["an eigenvalue"] = Case(
    lambda s: np.linalg.eigvalsh((s + s.T) / 2.0)[0], (A @ A.T,), "gradient",
    lambda s: np.outer(*(2 * [np.linalg.eigh(s)[1][:, 0]])),
    {"of another one": (lambda s: np.outer(*(2 * [np.linalg.eigh(s)[1][:, 1]])), "")},
)  # fmt: skip
CASES["sorting"] = Case(
    np.sort, (np.array([3.0, 1.0, 2.0]),), "gradient", np.eye(3)[[1, 2, 0]],
    {"as if it were sorted": (np.eye(3), "in another order")},
)  # fmt: skip
CASES["an integral"] = Case(
    lambda a: integrate.quad(lambda t: math.exp(-a * t * t), 0.0, 1.0)[0], (1.3,), "gradient",
    lambda a: -integrate.quad(lambda t: t * t * math.exp(-a * t * t), 0.0, 1.0)[0],
    {"the sign of the inner derivative": (
        lambda a: integrate.quad(lambda t: t * t * math.exp(-a * t * t), 0.0, 1.0)[0], "wrong sign"
    )},
)  # fmt: skip
CASES["in single precision"] = Case(
    special.logsumexp, (SIGNAL.astype(np.float32),), "gradient", special.softmax,
    {"the wrong sign": (lambda x: -special.softmax(x), "each has the wrong sign")},
)  # fmt: skip
CASES["an array without numbers beside one"] = Case(
    lambda x, e: 3.0 * x.sum() + e.sum(), (SIGNAL, np.empty((0, 2))), "gradient",
    lambda x, e: (np.full(8, 3.0), np.empty((0, 2))),
    {"a factor": (lambda x, e: (np.full(8, 2.0), np.empty(0)), "2/3 times")},
)  # fmt: skip
CASES["an array without dimensions"] = Case(
    np.sin, (np.array(0.7),), "gradient", np.cos, {"cut off": (0.0, "it is 0 where it should not")}
)  # fmt: skip


def doubled_in_place(x: Any) -> Any:
    x *= 2.0
    return np.sum(x**2)


CASES["a function that writes to its argument"] = Case(
    doubled_in_place, (SIGNAL,), "gradient", lambda x: 8.0 * x,
    {"written to unnoticed": (lambda x: 2.0 * x, "1/4 times")},
)  # fmt: skip


def hypot_of_c() -> Any:
    library = ctypes.CDLL(ctypes.util.find_library("m"))
    library.hypot.restype, library.hypot.argtypes = ctypes.c_double, 2 * [ctypes.c_double]
    return library.hypot


HYPOT = hypot_of_c()
CASES["C by ctypes"] = Case(
    lambda x, y: HYPOT(x, y), (3.0, 4.0), "gradient", lambda x, y: (x / 5.0, y / 5.0),
    {"swapped": (lambda x, y: (y / 5.0, x / 5.0), "in another order")},
)  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_right_passes(name: str) -> None:
    case = CASES[name]
    check = gradcheck(case.f, *case.inputs, **{case.form: case.right}, raise_exception=False)
    assert check, check


@pytest.mark.parametrize(
    ("name", "mistake"), [(name, mistake) for name, case in CASES.items() for mistake in case.wrong]
)
def test_a_mistake_is_told(name: str, mistake: str) -> None:
    case = CASES[name]
    wrong, said = case.wrong[mistake]
    check = gradcheck(case.f, *case.inputs, **{case.form: wrong}, raise_exception=False)
    assert check.outcome == "failed"
    hints = [note for note in check.notes if note.startswith("hint")]
    assert any(said in each for each in hints) if said else not hints, check


def test_a_broadcast_product_without_its_sum_is_refused() -> None:
    with pytest.raises(ValueError, match=r"vjp in x has the shape \(5, 3\).*takes 5 numbers"):
        gradcheck(
            lambda x, y: x * y, BATCH[:, :1], GAIN, vjp=lambda x, y, w: (w * y, (w * x).sum(0))
        )


@pytest.mark.parametrize("argument", [3, np.array([1, 2]), np.array([1.0 + 2.0j]), "1.0"])
def test_what_is_no_float_is_refused(argument: Any) -> None:
    with pytest.raises(TypeError, match="x"):
        gradcheck(lambda x: 2.0 * x, argument, gradient=2.0)


def test_noise_is_no_fault_and_hides_none_that_is_larger() -> None:
    noise = np.random.default_rng(0)

    def f(x: Any) -> Any:
        return np.sum(np.sin(x)) + 1e-6 * noise.normal()

    x = SIGNAL[:3]
    assert gradcheck(f, x, gradient=np.cos, raise_exception=False).outcome != "failed"
    check = gradcheck(f, x, gradient=lambda x: 1.5 * np.cos(x), raise_exception=False)
    assert check.outcome == "failed"
