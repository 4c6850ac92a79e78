from __future__ import annotations

import enum
import math
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, NoReturn
from unittest import SkipTest

import numpy as np
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from hypothesis.errors import DeadlineExceeded, FailedHealthCheck, Flaky, Unsatisfiable
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

import autograd
from autograd import Value, custom_function
from autograd.testing import GradientError, check_gradients
from autograd.testing.decorator import _arrays
from nn import MLP

wrong_cube = custom_function(
    "wrong_cube_of_a_test", lambda x: x * x * x, lambda m, y, x: 2.0 * x * x
)


class Side(enum.Enum):
    LEFT = -1.0
    RIGHT = 1.0


def test_arguments_are_drawn_by_their_types() -> None:
    seen: list[tuple[Any, ...]] = []

    @settings(max_examples=5)
    @check_gradients()
    def everything(
        x: float,
        v: Value,
        xs: list[float],
        many: tuple[float, ...],
        pair: tuple[float, Value],
        named: dict[str, float],
        either: float | Value,
        n: int,
        flag: bool,
        text: str,
        side: Side,
        kind: Literal["a", "b"],
        default: float = 3.0,
    ) -> Any:
        seen.append((n, flag, text, side, kind, default))
        total = x + v + autograd.sum(xs) * either + autograd.sum(many) + pair[0] * pair[1]
        return (total + autograd.sum(named.values())) * side.value

    everything()
    assert all(
        type(n) is int
        and type(flag) is bool
        and type(text) is str
        and type(side) is Side
        and kind in ("a", "b")
        and default == 3.0
        for n, flag, text, side, kind, default in seen
    )
    assert len({n for n, *_ in seen}) > 1


def test_strategies_come_before_types_and_defaults() -> None:
    seen: list[Any] = []

    @settings(max_examples=10)
    @check_gradients(w=st.floats(2.0, 3.0), b=st.floats(4.0, 5.0))
    def f(w: float, b: float = 1.0) -> Any:
        seen.extend([w, b])
        return autograd.log(w) * b

    f()
    assert all(1.5 < x < 5.5 for x in seen)  # the check moves them a little
    assert all(isinstance(x, Value) for x in seen)


def test_arrays_and_positional_only_arguments() -> None:
    @settings(max_examples=10)
    @check_gradients(array=st.floats(1.0, 2.0).map(lambda x: np.array([x, -x])))
    def f(x: float, /, array: Any) -> Any:
        return x * array[0] - array[1]

    f()


def test_a_wrong_gradient_is_reported_in_the_users_terms() -> None:
    @settings(derandomize=True, database=None, phases=[Phase.generate, Phase.shrink])
    @check_gradients()
    def loss(weights: tuple[float], scale: int) -> Any:
        return wrong_cube(weights[0]) * 2.0

    with pytest.raises(GradientError) as failure:
        loss()
    assert "weights[0]" in str(failure.value)
    assert failure.value.result.culprit is not None
    notes = "\n".join(getattr(failure.value, "__notes__", []))
    if sys.version_info >= (3, 11):  # elsewhere they are printed
        assert "loss(" in notes
        assert "weights=(1.0,)" in notes
        assert "scale=0" in notes


@pytest.mark.parametrize(
    ("function", "xs"),
    [
        (lambda x: autograd.log(x - 100.0), st.floats(0.0, 1.0)),  # never defined
        (abs, st.just(0.0)),  # always on a kink
    ],
)
def test_a_function_that_can_be_checked_nowhere_fails(
    function: Any, xs: st.SearchStrategy[float]
) -> None:
    def nowhere(x: float) -> Any:
        return function(x)

    with pytest.raises((Unsatisfiable, FailedHealthCheck)):
        check_gradients(x=xs)(nowhere)()


def test_a_function_without_floats_fails() -> None:
    @check_gradients()
    def nothing(n: int) -> Any:
        return Value(float(n))

    with pytest.raises((Unsatisfiable, FailedHealthCheck)):
        nothing()


def test_examples_off_the_domain_are_rejected_and_the_others_checked() -> None:
    seen: list[float] = []

    @settings(max_examples=30, derandomize=True, database=None)
    @check_gradients()
    def f(x: float) -> Any:
        seen.append(x)
        return autograd.sqrt(x)

    f()
    assert min(seen) < 0.0 < max(seen)


def test_errors_of_other_kinds_are_the_users_to_see() -> None:
    @check_gradients()
    def broken(x: float) -> Any:
        raise KeyError("w")

    with pytest.raises(KeyError):
        broken()


def test_an_unknown_order_is_an_error_and_no_rejected_example() -> None:
    def half(x: float) -> Any:
        return x / 2.0

    with pytest.raises(ValueError, match="order must be 1 or 2, got 3"):
        check_gradients(order=3)(half)()


def test_explicit_examples_and_settings_stack() -> None:
    seen: list[float] = []

    @example(x=1.25)
    @settings(phases=[Phase.explicit])
    @check_gradients()
    def f(x: float) -> Any:
        seen.append(x)
        return x * x

    f()
    assert 1.25 in seen
    assert all(abs(x - 1.25) < 0.5 for x in seen)


def test_settings_below_are_respected_too() -> None:
    @check_gradients()
    @settings(phases=[Phase.explicit])
    def f(x: float) -> Any:
        raise AssertionError("nothing is to be generated")

    with pytest.raises(SkipTest):
        f()


def test_a_network_is_checked_in_an_ordinary_test() -> None:
    """Of 337 weights, on 20 samples: half a second an example."""
    samples = [(i / 10.0 - 1.0, math.sin(i)) for i in range(20)]

    @settings(max_examples=1)
    @check_gradients(model=st.integers(0, 99).map(lambda seed: MLP(2, [16, 16, 1], seed=seed)))
    def loss(model: Any) -> Any:
        errors = [(model([x, 1.0 - x]) - y) ** 2 for x, y in samples]
        return autograd.mean(errors)

    loss()


HURRIED = settings(deadline=timedelta(milliseconds=200), max_examples=3, database=None)
"""As where no profile has said anything of deadlines."""


def slow_function() -> Any:
    naps = iter([0.4])

    def slow(x: float) -> Any:
        time.sleep(next(naps, 0.0))  # in the first of all calls
        return autograd.exp(x)

    return slow


@pytest.fixture
def hurried() -> Iterator[None]:
    settings.register_profile("before the test", settings.default)
    settings.register_profile("hurried", HURRIED)
    settings.load_profile("hurried")
    yield
    settings.load_profile("before the test")


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("place", ["on top", "below", "of the profile"])
def test_there_is_no_deadline_unless_the_user_sets_one(place: str) -> None:
    stacked = settings(max_examples=2)
    if place == "on top":
        test = stacked(check_gradients()(slow_function()))
    elif place == "below":
        test = check_gradients()(stacked(slow_function()))
    else:
        test = check_gradients()(slow_function())
    test()


@pytest.mark.parametrize("deadline", [100, 250, timedelta(milliseconds=300)])
def test_a_deadline_that_the_user_sets_holds(deadline: Any) -> None:
    with pytest.raises((DeadlineExceeded, Flaky)):
        settings(HURRIED, deadline=deadline)(check_gradients()(slow_function()))()


def test_the_same_examples_under_derandomize() -> None:
    runs: list[list[float]] = []
    for _ in range(2):
        seen: list[float] = []

        def f(x: float, seen: list[float] = seen) -> Any:
            seen.append(x)
            return autograd.tanh(x)

        settings(derandomize=True, max_examples=10, database=None)(check_gradients()(f))()
        runs.append(seen)
    assert runs[0] == runs[1]


class TestMethods:
    offset = 2.0

    @settings(max_examples=10)
    @check_gradients()
    def test_an_argument_self_is_the_instance(self, x: float) -> Any:
        return autograd.exp(x) + self.offset


def test_the_function_stays_at_hand() -> None:
    def f(x: float) -> Any:
        """Half of x."""
        return x / 2.0

    test = check_gradients()(f)
    assert test.hypothesis.inner_test.__wrapped__ is f
    assert test.__name__ == "f"
    assert test.__doc__ == "Half of x."


def untyped(x, y: float):  # type: ignore[no-untyped-def]
    return x * y


def anything(x: Any) -> Any:
    return x


def starred(*xs: float) -> Any:
    return autograd.sum(xs)


def unreadable(x: Missing) -> Any:  # type: ignore[name-defined]  # noqa: F821
    return x


def opaque(x: NoReturn) -> Any:
    return x


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (untyped, r"argument x of untyped has no type to draw it by: write x: float"),
        (anything, r"argument x of anything has no type"),
        (starred, r"starred takes any number of arguments as \*xs: .*xs: list\[float\]"),
        (unreadable, r"a type hint of unreadable cannot be read: .*Missing"),
        (opaque, r"argument x of opaque cannot be drawn by its type"),
    ],
)
def test_what_cannot_be_drawn_is_an_error_at_decoration(function: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        check_gradients()(function)


def test_strategies_of_no_use_are_errors() -> None:
    with pytest.raises(TypeError, match="untyped has no argument z"):
        check_gradients(x=st.floats(), z=st.floats())(untyped)
    with pytest.raises(TypeError, match="x must be a strategy"):
        check_gradients(x=float)  # type: ignore[arg-type]


@pytest.mark.no_cover
def test_pytest_collects_and_reports(tmp_path: Path) -> None:
    module = tmp_path / "test_mine.py"
    module.write_text(
        textwrap.dedent(
            """
            from hypothesis import Phase, settings
            from autograd import custom_function, exp
            from autograd.testing import check_gradients

            settings.register_profile("few", max_examples=10)
            settings.load_profile("few")
            wrong = custom_function("wrong", lambda x: x * x, lambda m, y, x: x)

            @check_gradients()
            def test_right(x: float):
                return exp(-x * x)

            class TestMine:
                @check_gradients()
                def test_method(self, scale: float, x: float):
                    return scale * x

            @settings(phases=[Phase.generate, Phase.shrink])
            @check_gradients()
            def test_wrong(speed: float):
                return wrong(speed)
            """
        )
    )
    root = Path(autograd.__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(module)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 failed, 2 passed" in run.stdout
    assert "test_wrong(\n" in run.stdout
    assert "speed=1.0" in run.stdout


def test_without_hypothesis_the_error_names_the_extra() -> None:
    script = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "try:\n    import autograd.testing\n"
        "except ImportError as error:\n    print(error)\n"
    )
    root = Path(autograd.__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert 'pip install "scalar-autograd[testing]"' in run.stdout


def test_it_decorates_without_parentheses() -> None:
    @check_gradients
    def test_square(x: float) -> Any:
        return x * x

    test_square()


@pytest.mark.parametrize("order", [0, 3, None])
def test_an_order_that_there_is_not_is_refused_at_once(order: Any) -> None:
    with pytest.raises(ValueError, match="order must be 1 or 2"):
        check_gradients(order=order)


# --- derivatives that are claimed ----------------------------------------------------------------

VECTORS = arrays(np.float64, 3, elements=st.floats(-2.0, 2.0).map(lambda x: round(x, 3)))


def test_a_claimed_gradient_of_numpy() -> None:
    @settings(max_examples=10)
    @check_gradients(gradient=lambda x: 2.0 * x, hessian=lambda x: 2.0 * np.eye(3), x=VECTORS)
    def right(x: Any) -> Any:
        return x @ x

    right()


def test_a_claimed_gradient_that_is_wrong_is_shrunk() -> None:
    @check_gradients(gradient=lambda x, power: power * x**power, x=VECTORS)
    def wrong(x: Any, power: Literal[2, 3]) -> Any:
        return np.sum(x**power)

    with pytest.raises(GradientError) as raised:
        wrong()
    assert raised.value.result.function == "wrong"
    assert raised.value.result.worst is not None
    assert raised.value.result.worst.input.startswith("x[")
    notes: list[str] = getattr(raised.value, "__notes__", [])
    assert any("power=" in note for note in notes)


def test_claims_of_several_arguments_and_of_products() -> None:
    @settings(max_examples=10)
    @check_gradients(
        gradient=lambda x, n, y: (n * y * np.ones(3), n * np.sum(x)),
        vjp=lambda x, n, y, w: (w * n * y * np.ones(3), w * n * np.sum(x)),
        jvp=lambda x, n, y, v, w: n * (y * np.sum(v) + np.sum(x) * w),
        x=VECTORS,
        y=st.floats(0.5, 2.0),
        n=st.integers(1, 3),
    )
    def product(x: Any, n: int, y: float) -> Any:
        return n * np.sum(x) * y

    product()


def test_of_a_method_the_claim_need_not_take_self() -> None:
    class TestSquares:
        factor = 2.0

        def by_a_method(self, x: Any) -> Any:
            return self.factor * x

        @settings(max_examples=5)
        @check_gradients(gradient=lambda x: 2.0 * x, x=VECTORS)
        def test_without(self, x: Any) -> Any:
            return self.factor / 2.0 * (x @ x)

        @settings(max_examples=5)
        @check_gradients(gradient=by_a_method, x=VECTORS)
        def test_with(self, x: Any) -> Any:
            return self.factor / 2.0 * (x @ x)

        @settings(phases=[Phase.generate])
        @check_gradients(gradient=lambda self, x: 3.0 * x, x=VECTORS)
        def test_wrong(self, x: Any) -> Any:
            return self.factor / 2.0 * (x @ x)

    TestSquares().test_without()
    TestSquares().test_with()
    with pytest.raises(GradientError):
        TestSquares().test_wrong()


# An argument with a default between what is drawn and the vectors, or behind them; by keyword.
@pytest.mark.parametrize(
    "vjp",
    [
        lambda x, w: 3.0 * w * x,
        lambda x, power, w: power * w * x,
        lambda x, w, power=3.0: power * w * x,
        lambda x, w, *, power: power * w * x,
    ],
)
@pytest.mark.parametrize("by_keyword", [False, True])
def test_arguments_with_a_default_do_not_displace_vectors(vjp: Any, by_keyword: bool) -> None:
    if by_keyword:

        @settings(max_examples=3)
        @check_gradients(vjp=vjp, x=VECTORS)
        def product(x: Any, *, power: float = 3.0) -> Any:
            return power * x * x / 2.0

    else:

        @settings(max_examples=3)  # a displaced vector shows in each
        @check_gradients(vjp=vjp, x=VECTORS)
        def product(x: Any, power: float = 3.0) -> Any:
            return power * x * x / 2.0

    product()


def test_a_claim_of_c_has_no_signature() -> None:
    @settings(max_examples=10)
    @check_gradients(gradient=np.sin, x=st.floats(-3.0, 3.0))
    def cosine(x: float, shift: float = 1.0) -> Any:
        return shift - np.cos(x)

    cosine()


def test_precision_is_that_of_what_is_claimed() -> None:
    decorate = check_gradients(
        gradient=lambda x: np.float32(np.cos(np.float32(x))), precision="single", x=st.floats(-2, 2)
    )

    def sine(x: float) -> float:
        return float(np.float32(np.sin(np.float32(x))))

    settings(max_examples=10)(decorate(sine))()


def test_a_claim_has_to_be_a_function() -> None:
    with pytest.raises(TypeError, match="gradient must be a function"):
        check_gradients(gradient=1.0)


@pytest.mark.parametrize(
    ("arguments", "exception", "message"),
    [
        ({"gradient": np.cos, "order": 2}, ValueError, "pass hessian= or hvp= to check the second"),
        ({"hessian": np.cos}, ValueError, "hessian= is the derivative of the gradient"),
        ({"jvp": np.cos, "hvp": np.cos}, ValueError, "hvp= is the derivative of the gradient"),
        ({"vjp": True}, TypeError, "vjp must be a function"),
        ({"gradient": np.cos, "precision": "triple"}, ValueError, "'half', 'bfloat16', got 'tripl"),
        ({"precision": "single"}, ValueError, "for a claimed derivative"),
    ],
)
def test_what_no_example_could_be_checked_by_is_refused_at_decoration(
    arguments: Any, exception: type[Exception], message: str
) -> None:
    with pytest.raises(exception, match=message):
        check_gradients(**arguments)


@pytest.mark.no_cover
def test_arrays_are_drawn_by_their_types() -> None:
    dtypes = set()

    @settings(phases=[Phase.generate])  # what is missing is missing in simpler examples too
    @check_gradients(gradient=lambda x, y, z: (2.0 * x, y**0, z**0))
    def squares(
        x: np.ndarray[Any, Any], y: NDArray[np.float32], z: NDArray[Any], n: NDArray[np.int8]
    ) -> Any:
        dtypes.add((x.dtype, y.dtype, z.dtype, n.dtype))
        return np.sum(x * x) + np.sum(y) + np.sum(z)

    with pytest.raises(TypeError, match="positional argument"):  # n is drawn as well
        squares()
    assert dtypes == {tuple(map(np.dtype, ("float64", "float32", "float64", "int8")))}

    @settings(max_examples=10)
    @check_gradients(gradient=lambda x: 2.0 * x)
    def square(x: np.ndarray) -> Any:
        assert abs(x).max() <= 8.0
        return np.sum(x * x)

    square()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_arrays_hold_normal_numbers_of_their_type(dtype: type[np.floating[Any]]) -> None:
    @given(_arrays(dtype))
    def drawn(x: Any) -> None:
        assert x.dtype == dtype
        assert np.all(np.abs(x) <= 8.0)
        assert np.all((x == 0.0) | (np.abs(x) >= np.finfo(dtype).tiny))

    drawn()


def test_points_that_are_not_finite_are_rejected() -> None:
    parts = st.fixed_dictionaries({"a": st.lists(st.floats(), min_size=1, max_size=1)})
    near = st.floats(-1e3, 1e3) | st.sampled_from([math.inf, math.nan])

    @check_gradients(
        gradient=lambda x, p, v: (2.0 * x, {"a": [0.0]}, np.full(2, 3.0)),
        x=near,
        p=parts,
        v=arrays(np.float64, 2, elements=near),
    )
    def squares(x: Any, p: Any, v: Any) -> Any:
        assert math.isfinite(x)
        assert math.isfinite(p["a"][0])
        assert np.isfinite(v).all()
        return x * x + 3.0 * np.sum(v)

    squares()

    @settings(max_examples=5)
    @check_gradients()
    def negative(x: float) -> Any:
        return -x

    @settings(max_examples=10)
    @check_gradients(x=st.just(math.inf))
    def nowhere(x: float) -> Any:
        return -x

    negative()
    with pytest.raises(Unsatisfiable):
        nowhere()


def test_a_class_method() -> None:
    class TestSquares:
        factor = 2.0

        @classmethod
        @check_gradients(gradient=lambda cls, x: cls.factor * x, x=VECTORS)
        def test_square(cls, x: Any) -> Any:
            return cls.factor / 2.0 * (x @ x)

    TestSquares.test_square()
