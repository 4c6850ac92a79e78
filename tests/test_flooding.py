"""Whatever is passed to a public function, its error is short, cheap, and names the function.

For every parameter of every public function: a text and bytes of two million characters, a list of
twenty thousand, lists in lists five times as deep, a number of thousands of digits, nan, and
objects that cannot write themselves, or write a book.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import autograd
import nn
from autograd import Value
from autograd.errors import counted, shown, some, whole_number
from autograd.rules import RULES
from tests.counting import counting

LONGEST = 2000
"""The most characters of an error."""
MOST_CALLS = 200_000
"""The most calls of functions on the way to it: some for each of twenty thousand items."""


class Mute:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class Loud:
    def __repr__(self) -> str:
        return "loud " * 400_000


@functools.cache
def hostile() -> dict[str, Any]:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    return {
        "a long text": "x" * 2_000_000,
        "long bytes": b"\0" * 2_000_000,
        "a long list": ["a"] * 20_000,
        "a deep list": deep,
        "a large dictionary": dict.fromkeys(range(10_000), "a"),
        "a large set": {str(place) for place in range(10_000)},
        "a large integer": 10**5000,
        "nan": math.nan,
        "a mute object": Mute(),
        "a loud object": Loud(),
        "a mute object in a list": [Mute()],
        "a complex number": 1j,
        "None": None,
    }


def square(x: Any) -> Any:
    return x * x


def model() -> nn.MLP:
    return nn.MLP(1, [2, 1], seed=1)


def optimiser(**options: Any) -> Callable[[Path], dict[str, Any]]:
    return lambda folder: {"parameters": [nn.Parameter(1.0)], "learning_rate": 0.1, **options}


ROWS = {"X": [[0.0], [1.0], [2.0]], "Y": [0.0, 1.0, 2.0]}
SIZES = {"activation": "tanh", "shared_bias": False, "seed": 0}
OF_GRAPHS = {
    "links": None, "fold": "auto", "expand": False, "between": None, "within": None,
    "direction": "LR", "limit": None,
}  # fmt: skip
PARTIALS = {"evaluate": lambda x: x * x, "partials": lambda m, y, x: 2.0 * x}

# What each function may be called with: each argument in turn is then replaced.
CALLS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "autograd.Value": lambda folder: {"data": 2.0, "label": "x"},
    "autograd.custom_function": lambda folder: {
        "name": "flooded", **PARTIALS, "results": None, "summary": "", "domain": "",
    },
    "autograd.dot": lambda folder: {"xs1": [1.0], "xs2": [2.0]},
    "autograd.net": lambda folder: {"weights": [1.0], "inputs": [2.0], "bias": 3.0},
    "autograd.log": lambda folder: {"x": 2.0, "base": 3.0},
    "autograd.draw": lambda folder: {"subject": Value(2.0) * 3.0, **OF_GRAPHS},
    "autograd.explain": lambda folder: {
        "output": (x := Value(2.0)) * x, "wrt": x, "limit": 10, "through": None,
    },
    "autograd.grad": lambda folder: {"f": square, "argnums": 0},
    "autograd.value_and_grad": lambda folder: {"f": square, "argnums": 0},
    "autograd.jacobian": lambda folder: {"f": square, "argnums": 0},
    "autograd.hessian": lambda folder: {"f": square, "argnums": 0},
    "autograd.jvp": lambda folder: {"f": square, "primals": (1.0,), "tangents": (1.0,)},
    "autograd.hvp": lambda folder: {"f": square, "primals": (1.0,), "tangents": (1.0,)},
    "autograd.vjp": lambda folder: {"f": square, "primals": 1.0},
    "autograd.cond": lambda folder: {
        "condition": True, "if_true": lambda x: 1.0, "if_false": lambda x: 2.0,
        "operands": 2.0,
    },
    "autograd.fori_loop": lambda folder: {
        "lower": 0, "upper": 3, "body": lambda i, x: x * i, "init": 1.0,
        "checkpoint": None,
    },
    "autograd.scan": lambda folder: {
        "f": lambda total, x: (total, 1.0), "init": 0.0, "xs": [1.0, 2.0], "length": None,
        "reverse": False, "checkpoint": None,
    },
    "autograd.stop_gradient": lambda folder: {"x": 1.0},
    "autograd.while_loop": lambda folder: {
        "condition": lambda x: x < 3.0, "body": lambda x: x + 1.0, "init": 0.0, "max_steps": None,
        "checkpoint": None,
    },
    "autograd.checkpoint": lambda folder: {"f": square},
    "autograd.implicit": lambda folder: {
        "solve": lambda a: a**0.5, "residual": lambda x, a: x * x - a,
    },
    "autograd.vmap": lambda folder: {"f": square, "in_axes": 0},
    "autograd.compile": lambda folder: {
        "f": square, "in_axes": None, "reduce": None, "backend": None, "threads": None,
    },
    "nn.Parameter": lambda folder: {"data": 1.0, "label": "w"},
    "nn.Buffer": lambda folder: {"data": 1.0, "label": "b"},
    "nn.Dropout": lambda folder: {"p": 0.5, "seed": 0},
    "nn.Neuron": lambda folder: {
        "nin": 1, "activation": "relu", "bias": None, "nout": 1, "seed": 0,
    },
    "nn.Layer": lambda folder: {"nin": 1, "nout": 1, **SIZES},
    "nn.MLP": lambda folder: {"nin": 1, "sizes": [1], "output_activation": "tanh", **SIZES},
    "nn.is_frozen": lambda folder: {"parameter": nn.Parameter(1.0)},
    "nn.fit": lambda folder: {
        "model": model(), "loss": nn.losses.mean_squared_error, **ROWS, "epochs": 1,
        "optimiser": None, "batch_size": 32, "seed": 0, "validation": None, "patience": None,
        "stratify": False, "sample_weight": None, "class_weight": None, "metrics": None,
        "callbacks": (), "progress": False, "compiled": False, "resume": None,
    },
    "nn.save_checkpoint": lambda folder: {
        "path": folder / "a", "model": model(), "optimiser": None, "extra": None,
    },
    "nn.load_checkpoint": lambda folder: {
        "path": folder / "none", "model": model(), "optimiser": None,
    },
    "nn.losses.huber": lambda folder: {"outputs": [1.0], "targets": [1.0], "delta": 1.0},
    "nn.losses.softmax_cross_entropy": lambda folder: {"logits": [1.0, 2.0], "target": 1},
    "nn.losses.binary_cross_entropy": lambda folder: {"logits": [1.0], "targets": [1.0]},
    "nn.metrics.accuracy": lambda folder: {"outputs": [1.0], "target": [1.0]},
    "nn.optim.Optimiser": optimiser(weight_decay=0.0),
    "nn.optim.SGD": optimiser(momentum=0.0, weight_decay=0.0),
    "nn.optim.Adam": optimiser(betas=(0.9, 0.9), epsilon=1e-8, weight_decay=0.0),
    "nn.optim.AdamW": optimiser(betas=(0.9, 0.9), epsilon=1e-8, weight_decay=0.0),
    "nn.schedules.step_decay": lambda folder: {"rate": 0.1, "every": 2, "factor": 0.1},
    "nn.schedules.exponential_decay": lambda folder: {"rate": 0.1, "factor": 0.1},
    "nn.schedules.cosine_decay": lambda folder: {"rate": 0.1, "steps": 2, "final": 0.1},
    "nn.schedules.linear_warmup": lambda folder: {"rate": 0.1, "steps": 2, "start": 0.1},
    "nn.callbacks.CSVLog": lambda folder: {"path": folder / "a"},
    "nn.callbacks.Checkpoint": lambda folder: {"path": folder / "a", "every": 1},
    "nn.callbacks.ClipNorm": lambda folder: {"limit": 1.0},
    "nn.callbacks.ClipValue": lambda folder: {"limit": 1.0},
    "nn.callbacks.Log": lambda folder: {"logger": None, "level": 20, "every": 1},
    "nn.callbacks.RateRangeTest": lambda folder: {"low": 1e-6, "high": 1.0, "steps": 5},
    "nn.callbacks.Callback": lambda folder: {},
    "nn.callbacks.Training": lambda folder: {},  # which fit makes
    "nn.Module": lambda folder: {},
    "nn.History": lambda folder: {},
    "autograd.no_grad": lambda folder: {},
    "autograd.gradcheck": lambda folder: {
        "f": square, "inputs": 1.0, "order": 1, "method": "auto", "must_depend": False,
        "precision": None,
    },
    "autograd.gradcheck of a claim": lambda folder: {
        "f": square, "inputs": 1.0, "gradient": lambda x: 2.0 * x, "hessian": lambda x: 2.0,
        "precision": "double", "order": 1, "method": "auto", "raise_exception": False,
    },
    "autograd.gradcheck of products": lambda folder: {
        "f": square, "inputs": 1.0, "vjp": lambda x, v: 2.0 * x * v,
        "jvp": lambda x, t: 2.0 * x * t, "gradient": lambda x: 2.0 * x, "hvp": lambda x, t: 2.0 * t,
        "raise_exception": False,
    },
}  # fmt: skip
for _name in {*nn.losses.__all__} - {"huber", "softmax_cross_entropy", "binary_cross_entropy"}:
    CALLS[f"nn.losses.{_name}"] = lambda folder: {"outputs": [1.0], "targets": [1.0]}
for _name in ("step_decay", "exponential_decay", "cosine_decay", "linear_warmup"):
    CALLS[f"nn.optim.{_name}"] = CALLS[f"nn.schedules.{_name}"]
for _name in {*autograd.__all__, "abs", "max", "min", "sum"} & {*RULES, "cumsum", "cumprod"}:
    _of = inspect.signature(getattr(autograd, _name)).parameters
    _call = {name: [0.5] if name == "xs" else 0.5 for name in _of}
    CALLS.setdefault(f"autograd.{_name}", functools.partial(lambda call, folder: dict(call), _call))

MODULES = {"autograd": autograd, "nn": nn, "nn.losses": nn.losses, "nn.optim": nn.optim}
MODULES |= {"nn.schedules": nn.schedules, "nn.callbacks": nn.callbacks, "nn.metrics": nn.metrics}


def named(name: str) -> Any:
    module, _, last = name.partition(" ")[0].rpartition(".")
    return getattr(MODULES[module], last)


def called(name: str, arguments: dict[str, Any]) -> Any:
    """Call a function by position where it takes its arguments so."""
    function = named(name)
    parameters = inspect.signature(function).parameters
    kinds = {each.kind for each in parameters.values()}
    by_place: set[Any] = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL}
    if inspect.Parameter.VAR_POSITIONAL in kinds:  # which others come before
        by_place.add(inspect.Parameter.POSITIONAL_OR_KEYWORD)
    positional = [arguments.pop(n) for n, each in parameters.items() if each.kind in by_place]
    result = function(*positional, **arguments)
    if name in ("autograd.grad", "autograd.jacobian", "autograd.hessian", "autograd.compile"):
        result(1.0)
    return result


def test_every_public_function_is_flooded() -> None:
    public = {
        f"{module}.{name}"
        for module, found in MODULES.items()
        for name in found.__all__
        if callable(getattr(found, name)) and not name.endswith("Error")
    }
    types = {"nn.schedules.Schedule", "nn.optim.Schedule", "nn.metrics.Metric"}
    assert public - types - {*CALLS} == set()


@pytest.mark.parametrize("name", sorted(CALLS))
def test_an_error_is_short_and_little_work_and_names_the_function(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a text may be a path
    left_out = {
        ("nn.fit", "epochs", "a large integer"),  # takes forever, as requested
        ("autograd.fori_loop", "upper", "a large integer"),
        *((f"autograd.{name}", "init", "None") for name in ("fori_loop", "scan", "while_loop")),
        ("autograd.vjp", "primals", "None"),  # no number: the error is the function's own
    }
    for parameter in CALLS[name](tmp_path):
        for kind, argument in hostile().items():
            if (name, parameter, kind) in left_out:
                continue
            arguments = {**CALLS[name](tmp_path), parameter: argument}
            with counting() as count:
                error = raised(functools.partial(called, name, arguments))
            if error is None:  # it may be right
                continue
            what = f"{name}({parameter}={kind}): {type(error).__name__}: {str(error)[:300]}"
            assert type(error).__module__ == "builtins", what
            assert isinstance(error, (TypeError, ValueError, OverflowError, OSError)), what
            assert len(str(error)) <= LONGEST, what
            words = {name.partition(" ")[0].rpartition(".")[2], parameter}
            assert isinstance(error, OSError) or any(word in str(error) for word in words), what
            assert count.calls < MOST_CALLS, what


def raised(call: Callable[[], Any]) -> Exception | None:
    try:
        call()
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("kind", sorted(hostile()))
def test_whatever_it_is_an_operand_is_shown_on_one_short_line(kind: str) -> None:
    argument = hostile()[kind]
    with counting() as count:
        text = shown(argument)
    assert 0 < len(text) <= 201
    assert "\n" not in text
    assert count.calls < 10_000


def test_things_are_counted_in_words() -> None:
    assert [counted(count, "row") for count in (0, 1, 2, 1000)] == [
        "0 rows", "1 row", "2 rows", "1,000 rows",
    ]  # fmt: skip
    assert counted(2, "entry", "entries") == "2 entries"
    assert some(["a", "b", "c"], most=2) == "a, b, … and 1 more"


@pytest.mark.parametrize("given", [True, 1.0, "1", None, Value(1.0), [1]])
def test_a_whole_number_is_an_integer(given: Any) -> None:
    with pytest.raises(TypeError, match=r"f: n must be a whole number of at least 1, got "):
        whole_number(given, "f: n", 1)
