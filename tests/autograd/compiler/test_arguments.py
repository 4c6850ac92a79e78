"""Arguments taken apart into arrays and put together again; results filled in."""

from __future__ import annotations

import copy
import enum
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from autograd import Value, grad
from autograd.compiler.arguments import HoldsValues, Static, rebuilt, taken
from autograd.compiler.layout import Group
from autograd.transforms import differentiable_variables
from nn import MLP


class Pair(NamedTuple):
    left: Any
    right: Any


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


# --- any structure -------------------------------------------------------------------------------

NUMBERS = st.floats(-100.0, 100.0)


def structures(rows: int | None) -> st.SearchStrategy[Any]:
    """Nested arguments: numbers if nothing varies, else arrays whose first axis runs over rows."""
    if rows is None:
        leaves = NUMBERS | array_shapes(max_dims=3, max_side=3).map(np.ones)
    else:
        shapes = array_shapes(min_dims=0, max_dims=2, max_side=3)
        leaves = shapes.map(
            lambda shape: np.arange(rows * np.prod(shape)).reshape(rows, *shape) + 0.5
        )
    least = 0 if rows is None else 1  # an empty list is no rows
    return st.recursive(
        leaves,
        lambda parts: (
            st.lists(parts, min_size=least, max_size=3)
            | st.lists(parts, min_size=least, max_size=3).map(tuple)
            | st.dictionaries(st.sampled_from(["a", "b", 3]), parts, max_size=3)
            | st.builds(Pair, parts, parts)
            | st.just(None)
        ),
        max_leaves=6,
    )


def of_row(part: Any, row: int | None) -> Any:
    """The arguments of a function for one row, by definition."""
    if isinstance(part, dict):
        return {key: of_row(inner, row) for key, inner in part.items()}
    if isinstance(part, Pair):
        return Pair(of_row(part.left, row), of_row(part.right, row))
    if isinstance(part, (list, tuple)):
        return type(part)(of_row(inner, row) for inner in part)
    if isinstance(part, np.ndarray) and row is not None:
        return part[row] if part.ndim > 1 else float(part[row])
    return part


def equal(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return [*a] == [*b] and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, np.ndarray):
        return bool(a.shape == b.shape and (a == b).all())
    return bool(a == b)


def plain(part: Any) -> Any:
    """Put its number in the place of each Value."""
    if isinstance(part, dict):
        return {key: plain(inner) for key, inner in part.items()}
    if isinstance(part, Pair):
        return Pair(*map(plain, part))
    if isinstance(part, (list, tuple)):
        return type(part)(map(plain, part))
    if isinstance(part, np.ndarray):
        return np.array([x.data for x in part.flat], dtype=float).reshape(part.shape)
    return part.data if isinstance(part, Value) else part


def put_together(arguments: Sequence[Any], axes: Sequence[Any], row: int) -> list[Any]:
    """Take arguments apart, and put those of a row together."""
    found = taken("f", arguments, axes)

    def number(group: int, place: int, path: str) -> Value:
        array = found.arrays[group]
        return Value(float(array[row, place] if array.ndim == 2 else array[place]), path)

    names = [f"x{i}" for i in range(len(arguments))]
    return [plain(part) for part in rebuilt(names, arguments, axes, number)]


@given(st.data(), st.integers(1, 3))
def test_what_is_taken_apart_is_put_together_again(data: st.DataObject, count: int) -> None:
    rows = data.draw(st.integers(1, 3))
    varies = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    arguments = [data.draw(structures(rows if each else None)) for each in varies]
    axes = [0 if each else None for each in varies]
    for row in range(rows):
        expected = [
            of_row(argument, row if each else None)
            for argument, each in zip(arguments, varies, strict=True)
        ]
        assert equal(put_together(arguments, axes, row), expected)


@given(st.data())
def test_every_number_is_taken_once_and_the_layout_says_where(data: st.DataObject) -> None:
    argument = data.draw(structures(None))
    found = taken("f", [argument], [None])
    places: list[tuple[int, int]] = []

    def number(group: int, place: int, path: str) -> Value:
        places.append((group, place))
        return Value(0.0, path)

    rebuilt(["x"], [argument], [None], number)
    assert sorted(places) == found.layout().places()
    assert not found.layout().batched
    assert hash(found.key) == hash(taken("f", [argument], [None]).key)
    assert found.key == taken("f", [argument], [None]).key


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_any_axis_runs_over_the_rows(axis: int) -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    rows = array.shape[axis]
    for row in range(rows):
        (actual,) = put_together([array], [axis], row)
        assert (actual == np.moveaxis(array, axis, 0)[row]).all()
        (listed,) = put_together([array.tolist()], [axis], row)
        assert listed == np.moveaxis(array, axis, 0)[row].tolist()


def test_axes_may_be_nested() -> None:
    argument = {"w": 2.0, "b": [np.array([1.0, 2.0]), 3.0]}
    axes = {"w": None, "b": [0, None]}
    assert put_together([argument], [axes], 1) == [{"w": 2.0, "b": [2.0, 3.0]}]
    found = taken("f", [argument], [axes])
    assert found.rows == 2
    assert found.layout().groups == (Group(2, False), Group(1, True))


# --- what is a number ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number", [1.5, np.float64(1.5), np.float32(1.5), Fraction(3, 2), Decimal("1.5"), np.array(1.5)]
)
def test_real_numbers_are_taken_as_floats(number: Any) -> None:
    found = taken("f", [number], [None])
    assert found.key == ("number",)
    assert found.arrays[0].tolist() == [1.5]
    assert put_together([number], [None], 0) == [1.5]


def test_integers_in_lists_are_numbers_and_alone_they_are_not() -> None:
    assert put_together([[1, 2.5]], [None], 0) == [[1.0, 2.5]]
    assert taken("f", [3], [None]).arrays == []
    assert put_together([3], [None], 0) == [3]


@pytest.mark.parametrize("static", [3, True, "tanh", b"raw", None, Colour.RED, len, int])
def test_what_is_no_number_is_part_of_the_key(static: Any) -> None:
    found = taken("f", [static, 1.0], [None, None])
    assert len(found.arrays) == 1
    assert found.key == taken("f", [static, 2.0], [None, None]).key
    assert found.key != taken("f", ["another", 1.0], [None, None]).key
    assert put_together([static, 1.0], [None, None], 0)[0] is static


@dataclass(frozen=True)
class Scale:
    """Equal to other objects that a function can distinguish from it."""

    name: str
    factor: float = field(compare=False)


def test_objects_are_told_by_identity() -> None:
    one, two = Scale("s", 2.0), Scale("s", 3.0)
    assert one == two
    assert Static(one) != Static(two)
    assert Static(one) == Static(one)
    assert Static((1, one)) != Static((1, two))
    for put in (lambda x: x, lambda x: [x], lambda x: {"a": x}, lambda x: {x: 1.0}):
        keys = [taken("f", [put(scale)], [None]).key for scale in (one, two, one)]
        assert keys[0] != keys[1]
        assert keys[0] == keys[2]


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from("ab") | st.binary(max_size=1)
    | st.sampled_from([0.0, -0.0, 1.0]) | st.sampled_from([np.int64(1), np.bool_(True)])
    | st.fractions(0, 1, max_denominator=2) | st.builds(range, st.integers(0, 2)),
    lambda parts: st.lists(parts, max_size=2).map(tuple) | st.frozensets(parts, max_size=2),
    max_leaves=3,
)  # fmt: skip


def typed(value: Any) -> Any:
    if isinstance(value, (tuple, frozenset)):
        return type(value), type(value)(map(typed, value))
    return type(value), repr(value)


@given(PLAIN, PLAIN)
def test_plain_values_are_told_by_type_and_value(x: Any, y: Any) -> None:
    assert Static(x) == Static(copy.deepcopy(x))
    assert (Static(x) == Static(y)) == (typed(x) == typed(y))
    assert hash(Static(x)) == hash(Static(copy.deepcopy(x)))


def test_integers_of_another_class_are_plain_where_they_hold_nothing_else() -> None:
    class Named(int):
        name = ""

    assert Static(Colour.RED) != Static(Colour.BLUE)
    assert Static(Named(10**6)) != Static(Named(10**6))


def test_a_default_is_part_of_a_dictionary() -> None:
    keys = [taken("f", [defaultdict(f, a=1.0)], [None]).key for f in (float, int, float)]
    assert keys[0] != keys[1]
    assert keys[0] == keys[2]


@pytest.mark.parametrize("axis", [None, 0])
def test_masked_arrays_are_refused(axis: Any) -> None:
    masked = np.ma.masked_array([1.0, 2.0], [False, True])
    for argument in (masked, [masked], {"a": masked}, [1.0, np.ma.masked], np.ma.masked):
        with pytest.raises(TypeError, match="the mask of a masked array would be ignored"):
            taken("f", [argument], [axis])


def test_statics_are_equal_if_they_are_of_one_type_and_equal() -> None:
    assert Static(1) == Static(1)
    assert Static(1) != Static(True)
    assert Static(1) != Static(2)
    assert Static("a") == Static("a")
    assert hash(Static(1)) == hash(Static(1))
    with pytest.raises(TypeError, match="set, which may change"):
        Static({1})
    assert repr(Static("a")) == "'a'"


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(3, 2),
        np.arange(6, dtype=np.float32).reshape(3, 2),
        np.arange(6, dtype=np.uint8).reshape(3, 2),
        np.arange(6.0).reshape(2, 3).T,
        np.arange(12.0).reshape(3, 4)[:, ::2],
        np.arange(6.0).reshape(3, 2)[::-1],
        np.asfortranarray(np.arange(6.0).reshape(3, 2)),
        np.arange(6.0).reshape(3, 2).astype(">f8"),
        np.arange(6.0).reshape(3, 2).astype(object),
        np.array([[True, False]] * 3),
    ],
)
@pytest.mark.parametrize("axis", [0, 1, None])
def test_arrays_of_any_kind_are_taken_as_contiguous_doubles(array: Any, axis: int | None) -> None:
    found = taken("f", [array], [axis])
    (given_array,) = found.arrays
    assert given_array.dtype == np.dtype(float)
    assert given_array.dtype.isnative
    assert given_array.flags.c_contiguous
    expected = array.astype(float)
    if axis is None:
        assert (given_array == expected.ravel()).all()
    else:
        assert (given_array == np.moveaxis(expected, axis, 0)).all()


def test_rows_of_doubles_are_not_copied() -> None:
    array = np.ones((3, 2))
    array.flags.writeable = False
    assert taken("f", [array], [0]).arrays[0] is array
    assert np.shares_memory(taken("f", [array[:, 0].copy()], [0]).arrays[0], array) is False


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3)])
def test_empty_arrays_have_shapes(shape: tuple[int, ...]) -> None:
    found = taken("f", [np.zeros(shape)], [0])
    assert found.rows == shape[0]
    assert found.arrays[0].shape == (shape[0], int(np.prod(shape[1:])))


# --- keys ----------------------------------------------------------------------------------------


def test_the_key_depends_on_structure_and_shape_and_not_on_numbers_or_rows() -> None:
    def key(argument: Any, axis: Any = None) -> Any:
        return taken("f", [argument], [axis]).key

    assert key([1.0, 2.0]) == key([3.0, 4.0])
    assert key(np.ones((3, 2)), 0) == key(np.ones((5, 2)), 0)
    different = [
        key(1.0), key([1.0]), key((1.0,)), key([1.0, 2.0]), key({"a": 1.0}), key({"b": 1.0}),
        key(np.ones(1)), key(np.ones((1, 1))), key(np.ones((2, 2)), 0), key(np.ones((2, 3)), 0),
        key(Pair(1.0, 2.0)), key((1.0, 2.0)), key(OrderedDict(a=1.0)), key(None), key([]), key(1),
        key(True), key("a"), key([np.ones(2)]), key([[1.0, 1.0]]),
    ]  # fmt: skip
    assert len(set(different)) == len(different)


def test_models_are_known_by_identity_and_their_parameters_are_numbers() -> None:
    model, other = MLP(2, [1], seed=0), MLP(2, [1], seed=0)
    found = taken("f", [model], [None])
    assert found.arrays[0].tolist() == [parameter.data for parameter in model.parameters()]
    assert found.key == taken("f", [model], [None]).key
    assert found.key != taken("f", [other], [None]).key


# --- Values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "argument",
    [
        Value(1.0),
        [Value(1.0), 1.0],
        {"a": (Value(1.0),)},
        np.array([Value(1.0), 2.0]),
        np.array([[1.0], [Value(1.0)]], dtype=object),
    ],
)
@pytest.mark.parametrize("axis", [None, 0])
def test_values_are_told(argument: Any, axis: int | None) -> None:
    if isinstance(argument, Value) and axis is not None:
        with pytest.raises(TypeError, match="a single number"):
            taken("f", [argument], [axis])
        return
    with pytest.raises(HoldsValues):
        taken("f", [argument], [axis])


def test_values_are_kept() -> None:
    x, y = Value(2.0), Value(3.0)
    found = taken("f", [[x, 1.0], np.array([y, 2.0])], [None, 0], keep=True)
    numbers = taken("f", [[2.0, 1.0], np.array([3.0, 2.0])], [None, 0])
    assert found.key == numbers.key
    assert found.rows == 2
    assert [[*map(id, array.flat)] for array in found.arrays] != []
    assert found.arrays[0][0] is x
    assert found.arrays[1][0, 0] is y


def test_a_model_that_is_being_differentiated_holds_values() -> None:
    model = MLP(1, [1], seed=0)
    taken("f", [model], [None])
    seen = []

    def loss(model: Any) -> Any:
        with pytest.raises(HoldsValues):
            taken("f", [model], [None])
        seen.append(model)
        return model([1.0])

    grad(loss)(model)
    assert len(seen) == 1
    with differentiable_variables(model.parameters()), pytest.raises(HoldsValues):
        taken("f", [model], [None])


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "axes", "error", "words"),
    [
        ([[1.0], [1.0, 2.0]], [0, 0], ValueError, "argument 1 has 2 rows, but an argument before"),
        ([np.ones(2), np.ones((3, 1))], [0, 0], ValueError, "argument 1 has 3 rows"),
        ([{"a": np.ones(2), "b": np.ones(3)}], [0], ValueError, r"argument 0\['b'\] has 3 rows"),
        ([1.0], [0], TypeError, "argument 0 is a single number"),
        ([[1.0], 2], [0, 0], TypeError, "argument 1 is a single number"),
        ([np.ones(2)], [1], ValueError, "argument 0 has 1 dimension, .* its axis 1"),
        ([np.ones(2)], [-2], ValueError, "argument 0 has 1 dimension, .* its axis -2"),
        ([[1.0, 2.0]], ["rows"], TypeError, "argument 0: in_axes has 'rows': an axis must be"),
        ([{"a": 1.0}], [1.5], TypeError, "argument 0: in_axes has 1.5: an axis must be an int"),
        ([np.ones(2)], ["rows"], TypeError, "argument 0: in_axes has 'rows' for an array"),
        ([{"a": 1.0}], [{"b": None}], ValueError, "argument 0: in_axes has no axis for its part"),
        ([[1.0, 2.0]], [[None]], ValueError, "argument 0: in_axes has no axis for its part 1"),
        ([1.0, np.array(["a"])], [None, 0], TypeError, "argument 1: expected an array of real num"),
        ([np.array([1j])], [None], TypeError, "argument 0: expected an array of real numbers"),
        ([np.array(["2020-01-01"], dtype="M8[D]")], [0], TypeError, "argument 0: expected"),
        ([np.array(["1.0"], dtype=object)], [None], TypeError, "argument 0: expected an array"),
        ([np.array([1.0, None], dtype=object)], [0], TypeError, "argument 0: expected an array"),
        ([1.0, 1j], [None, None], TypeError, "argument 1: expected a Value or a real number"),
        ([[1.0, 1j]], [None], TypeError, r"argument 0\[1\]: expected a Value or a real number"),
        ([[1.0, 1j]], [0], TypeError, "argument 0 is not an array of real numbers"),
        ([[[1.0], [1.0, 2.0]]], [0], ValueError, "argument 0 is not an array of real numbers"),
        ([MLP(1, [1])], [0], TypeError, "argument 0: a model does not vary from row to row"),
    ],
)  # fmt: skip
def test_errors_name_the_argument(
    arguments: list[Any], axes: list[Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=f"f: {words}"):
        taken("f", arguments, axes)


class Tensor:
    """An array of another library."""

    shape = (3,)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array([1.0, 2.0, 3.0], dtype=dtype)


def test_arrays_of_other_libraries_are_taken_as_arrays() -> None:
    for axis, group in [(None, Group(3, False)), (0, Group(1, True))]:
        found = taken("f", [Tensor()], [axis])
        assert found.arrays[0].ravel().tolist() == [1.0, 2.0, 3.0]
        assert found.layout().groups == (group,)
