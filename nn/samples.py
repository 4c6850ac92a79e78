"""Samples: what a model is trained on, checked and as plain numbers; their weights, and splits.

A sample is a pair of what a model is called with, and a target. A model of `nn.layers` takes a row
of numbers; a user's model may take a single number, nested sequences, dictionaries of these, or
several arguments.
"""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from autograd.errors import counted, refuse_mask, shown, some
from autograd.reals import as_float
from autograd.tree import Opened, flatten
from nn.layers import MLP, Layer, Neuron
from nn.module import Module

__all__ = [
    "Applied",
    "Data",
    "Named",
    "Samples",
    "Several",
    "applied",
    "balanced",
    "class_weights",
    "classes",
    "prepared",
    "samples",
    "split",
    "weights_of",
]

Samples = list[tuple[Any, Any]]
"""Pairs of inputs and targets, each a number or a structure of numbers."""


class Several(tuple[Any, ...]):
    """The inputs of one sample, for a model that takes several."""

    __slots__ = ()


class Named(dict[str, Any]):
    """The inputs of one sample by the names of the arguments, for a model that takes several."""

    __slots__ = ()


def applied(model: Any, inputs: Any) -> Any:
    """Call a model with the inputs of one sample.

    Example:
        >>> applied(lambda x, y: x - y, Several((5.0, 3.0)))
        2.0
    """
    if type(inputs) is Several:
        return model(*inputs)
    return model(**inputs) if type(inputs) is Named else model(inputs)


class Applied(Module):
    """A model that is called with the inputs of one sample, whatever they are.

    Example:
        >>> class Difference(Module):
        ...     def __call__(self, x, y):
        ...         return x - y
        >>> Applied(Difference()).predict(Several((5.0, 3.0)))
        2.0
    """

    def __init__(self, model: Module) -> None:
        self.model = model

    def __call__(self, inputs: Any) -> Any:
        """Compute the outputs."""
        return applied(self.model, inputs)


def samples(model: Module, X: Any, Y: Any, purpose: str = "") -> Samples:
    """Pair the samples in X with the targets in Y, as plain numbers, none of them missing.

    Args:
        model: The model that takes them.
        X: The inputs, as `fit` takes them.
        Y: The targets.
        purpose: What they are for, which names them in errors.

    Returns:
        A pair for each sample.

    Raises:
        TypeError: Something is not a number; the message says where.
        ValueError: There are no data, or X and Y do not belong together.

    Example:
        >>> samples(Neuron(2), [[1.0, 2.0], [3.0, 4.0]], (0, 1))
        [([1.0, 2.0], 0), ([3.0, 4.0], 1)]
    """
    name, of_targets = f"{purpose}X", f"{purpose}Y"
    if isinstance(model, (MLP, Layer, Neuron)):
        xs, ys = _table(X, name), _table(Y, of_targets)
    else:
        ys = _rows(Y, of_targets)
        xs = _inputs(model, X, name, len(ys))
    if len(xs) != len(ys):
        raise ValueError(
            f"{name} has {counted(len(xs), 'row')} but {of_targets} has {len(ys):,}: pass one "
            "target for each row"
        )
    nin = getattr(model, "nin", None)
    if isinstance(model, (MLP, Layer, Neuron)):
        if not isinstance(xs[0], list):
            raise ValueError(
                f"{name} holds lone numbers, and {shown(model)} takes rows of "
                f"{counted(nin or 0, 'number')}: a row is a list, [[0.5], [1.5], …]"
            )
        if len(xs[0]) != nin:
            raise ValueError(
                f"{name} has rows of {counted(len(xs[0]), 'number')}, but {model!r} takes {nin}"
            )
    return list(zip(xs, ys, strict=True))


# --- inputs of any structure ---------------------------------------------------------------------


def _inputs(model: Module, X: Any, name: str, count: int) -> list[Any]:
    """List what a user's model is called with, one item for each sample."""
    names, required, any_number = _arguments(model)
    if len(required) > 1 and hasattr(X, "columns"):
        X = {column: X[column] for column in X.columns}  # a pandas frame
    if isinstance(X, Mapping):
        columns = _columns(X, name)
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        if len(required) < 2 and not (len(columns) > 1 and set(columns) <= set(names)):
            return rows
        unknown, missing = set(columns) - set(names), set(required) - set(columns)
        if unknown or missing:
            raise ValueError(
                f"{name} has {_listed(columns)}, but {type(model).__name__} takes {_listed(names)}"
            )
        return [Named(row) for row in rows]
    parts: Sequence[Any] = X if isinstance(X, (tuple, list)) else ()
    if len(required) > 1:
        if not len(required) <= len(parts) <= (math.inf if any_number else len(names)):
            raise ValueError(
                f"{type(model).__name__} takes {len(required)} inputs, {_listed(required)}: {name} "
                "must be a tuple with a table for each, or a dictionary by these names, got "
                + (counted(len(parts), "table") if parts else type(X).__name__)
            )
        several = True
    else:
        several = (
            len(parts) not in (0, count)
            and all(hasattr(part, "__len__") and len(part) == count for part in parts)
            and (isinstance(parts, tuple) or all(getattr(part, "ndim", 0) for part in parts))
        )
    if not several:
        return _rows(X, name)
    columns = _columns(dict(enumerate(parts)), name)
    made = Several if len(required) > 1 or any_number else tuple
    return [made(row) for row in zip(*columns.values(), strict=True)]


def _arguments(model: Module) -> tuple[list[str], list[str], bool]:
    """List the parameters of a model's call, and those without defaults; say if it takes others."""
    try:
        found = [*inspect.signature(model.__call__).parameters.values()]
    except (TypeError, ValueError):
        return [], [], False
    named = [p for p in found if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    required = [p.name for p in named if p.default is p.empty]
    required += [p.name for p in found if p.kind is p.POSITIONAL_ONLY and p.default is p.empty]
    return [p.name for p in named], required, any(p.kind is p.VAR_POSITIONAL for p in found)


def _columns(X: Mapping[Any, Any], name: str) -> dict[Any, list[Any]]:
    """Make rows of each of several tables of one length."""
    if not X:
        raise ValueError(f"{name} is empty")
    columns = {key: _rows(part, f"{name}[{key!r}]") for key, part in X.items()}
    first, *others = columns
    for key in others:
        if len(columns[key]) != len(columns[first]):
            raise ValueError(
                f"{name}[{first!r}] has {counted(len(columns[first]), 'row')} but {name}[{key!r}] "
                f"has {len(columns[key]):,}"
            )
    return columns


def _listed(names: Iterable[Any]) -> str:
    return some(map(shown, names))


def _rows(data: Any, name: str) -> list[Any]:
    """List what there is for each sample, and check that no number is missing."""
    columns = _column_names(data)
    rows = _list(data, name)
    for i, row in enumerate(rows):
        if isinstance(row, list) and not any(isinstance(part, (list, dict)) for part in row):
            for j, number in enumerate(row):
                if type(number) is not float or not math.isfinite(number):
                    _require_number(number, _place(name, i, j, columns))
        else:
            _require_numbers(row, f"{name}: row {i}")
    return rows


def _require_numbers(part: Any, place: str) -> None:
    leaves, tree = flatten(part, place, is_leaf=lambda part: part is None)
    for leaf, path in zip(leaves, tree.paths(place), strict=True):
        _require_number(leaf, path)


def _require_number(number: Any, place: str) -> None:
    if not isinstance(number, Real):
        raise TypeError(f"{place} is not a number: {shown(number)}")
    try:
        finite = math.isfinite(number)
    except OverflowError:
        raise OverflowError(f"{place} is too large for a float: {shown(number)}") from None
    if not finite:
        raise ValueError(f"{place} is {number}; fill in or drop missing values")


def _place(name: str, i: int, j: int, columns: Sequence[Any]) -> str:
    return f"{name}: row {i}, column {columns[j] if columns else j}"


def _column_names(data: Any) -> list[str]:
    return [repr(column) for column in getattr(data, "columns", [])]  # pandas's


# --- tables --------------------------------------------------------------------------------------


def _table(data: Any, name: str) -> list[Any]:
    """Turn a table into a list with a number, or a list of numbers, for each row."""
    columns = _column_names(data)
    rows = _list(data, name)
    if rows[0] == []:
        raise ValueError(f"{name} is empty")
    for i, row in enumerate(rows):
        if _width(row) != _width(rows[0]):
            raise ValueError(f"{name}: row {i} is {_width(row)}, but row 0 is {_width(rows[0])}")
        if isinstance(row, list):
            for j, number in enumerate(row):
                if type(number) is not float or not math.isfinite(number):
                    _require_number(number, _place(name, i, j, columns))
        else:
            _require_number(row, f"{name}: row {i}")
    return rows


def _width(row: Any) -> str:
    return f"{counted(len(row), 'number')} long" if isinstance(row, list) else "a lone number"


def _list(data: Any, name: str) -> list[Any]:
    try:
        rows = _as_lists(data, name)
    except RecursionError:
        raise ValueError(f"{name} is nested too deeply") from None
    if not isinstance(rows, list):
        raise TypeError(
            f"{name} must be a list of rows, a NumPy array or a pandas frame, "
            f"got {type(data).__name__}: {shown(data)}"
        )
    if not rows:
        raise ValueError(f"{name} is empty")
    return rows


_ALREADY = {float, int, str, bool, type(None)}


def _as_lists(data: Any, name: str) -> Any:
    """Turn the contents of pandas, NumPy or tuples into lists and Python's numbers."""

    def plain(part: Any) -> Any:
        if type(part) in _ALREADY:
            return part
        if hasattr(part, "to_numpy"):
            part = part.to_numpy()
        if hasattr(part, "tolist"):
            refuse_mask(name, part)
            part = part.tolist()
        return part

    def children(part: Any) -> Opened | None:
        part = plain(part)
        if isinstance(part, (list, tuple)) and not {*map(type, part)} <= _ALREADY:
            return list, range(len(part)), part, None
        return (dict, tuple(part), part.values(), None) if isinstance(part, dict) else None

    leaves, tree = flatten(data, name, children_of=children)
    rows = [[*leaf] if isinstance(leaf, (list, tuple)) else leaf for leaf in map(plain, leaves)]
    return tree.unflatten(rows)


# --- classes and weights -------------------------------------------------------------------------


def classes(targets: Sequence[Any], purpose: str) -> list[Any]:
    """Return the class of each target: a number, or the position of the 1 in a row of 0 and 1.

    Args:
        targets: The targets.
        purpose: What needs classes, for the error.

    Returns:
        A number for each target.

    Raises:
        TypeError: A target is neither a number nor such a row.

    Example:
        >>> classes([[0, 0, 1], [1, 0, 0]], "stratify")
        [2, 0]
    """
    found: list[Any] = []
    for i, target in enumerate(targets):
        row = target if isinstance(target, list) else [target]
        if len(row) == 1 and isinstance(row[0], Real):
            found.append(row[0])
        elif all(isinstance(x, Real) for x in row) and sorted(row) == [0] * (len(row) - 1) + [1]:
            found.append(row.index(1))
        else:
            raise TypeError(
                f"{purpose} needs targets that are classes, numbers or rows with one 1 among 0: "
                f"in Y, row {i} is {shown(target)}"
            )
    return found


def balanced(labels: Sequence[Any]) -> dict[Any, float]:
    """Weigh each class by n / (k · its number), for k classes of n samples together.

    After G. King and L. Zeng, *Logistic regression in rare events data*, Political Analysis 9,
    2001; as scikit-learn does.

    Example:
        >>> balanced([0, 0, 0, 1])
        {0: 0.6666666666666666, 1: 2.0}
    """
    counts: dict[Any, int] = {}
    for label in labels:
        counts[label] = counts.get(label, 0) + 1
    return {label: len(labels) / (len(counts) * count) for label, count in counts.items()}


def class_weights(targets: Sequence[Any], given: Any) -> dict[Any, float]:
    """Return the weight of each class that has one.

    Args:
        targets: The targets of all samples.
        given: The weight by class, or "balanced"; None for no weights.

    Returns:
        The weight by class.

    Raises:
        TypeError: It is neither of these, or the targets are not classes.
        ValueError: A weight is negative or not finite, or no target has its class.

    Example:
        >>> class_weights([0, 0, 0, 1], "balanced")
        {0: 0.6666666666666666, 1: 2.0}
    """
    if given is None:
        return {}
    labels = classes(targets, "class_weight")
    if isinstance(given, str) and given == "balanced":
        return balanced(labels)
    if not isinstance(given, Mapping):
        raise TypeError(
            "class_weight must be a dictionary from class to weight, or 'balanced', got "
            f"{type(given).__name__}: {shown(given)}"
        )
    known = set(labels)
    if unknown := [label for label in given if label not in known]:
        raise ValueError(
            f"class_weight: no target is of class {_listed(unknown)}; there are "
            f"{_listed(dict.fromkeys(labels))}"
        )
    return {label: _weight(w, f"class_weight[{label!r}]") for label, w in given.items()}


def weights_of(
    targets: Sequence[Any],
    sample_weight: Any,
    by_class: Mapping[Any, float],
    purpose: str = "",
) -> list[float] | None:
    """Weigh samples: each by its own weight times that of its class.

    Args:
        targets: Their targets.
        sample_weight: A number of at least 0 for each; None for equal ones.
        by_class: The weight of each class; a class without one weighs 1.
        purpose: What the samples are for, which names them in errors.

    Returns:
        A weight for each sample; None if nothing was given.

    Raises:
        TypeError: Something is not a number.
        ValueError: A weight is negative or not finite, the number of weights is not that of the
            samples, or all weights are 0.

    Example:
        >>> weights_of([0, 1, 1], [1, 2, 3], {1: 10.0})
        [1.0, 20.0, 30.0]
    """
    if sample_weight is None and not by_class:
        return None
    weights = [1.0] * len(targets)
    if sample_weight is not None:
        name = f"{purpose}sample_weight"
        given = [
            row[0] if isinstance(row, list) and len(row) == 1 else row
            for row in _list(sample_weight, name)
        ]
        if len(given) != len(targets):
            raise ValueError(
                f"{name} has length {len(given):,}, but there are {counted(len(targets), 'sample')}"
            )
        weights = [_weight(weight, f"{name}[{i}]") for i, weight in enumerate(given)]
    if by_class:
        labels = classes(targets, "class_weight")
        weights = [w * by_class.get(c, 1.0) for w, c in zip(weights, labels, strict=True)]
    if not any(weights):
        raise ValueError(f"the weights of all {purpose}samples are 0: at least one must count")
    return weights


def _weight(weight: Any, place: str) -> float:
    if not isinstance(weight, Real):
        raise TypeError(f"{place} is not a number: {shown(weight)}")
    number = as_float(weight, place, "a number")
    if not 0.0 <= number < math.inf:
        raise ValueError(f"{place} must be a finite number of at least 0, got {number!r}")
    return number


# --- parts ---------------------------------------------------------------------------------------


def split(
    count: int,
    fraction: float,
    generator: random.Random | None,
    labels: Sequence[Any] | None = None,
) -> tuple[list[int], list[int]]:
    """Choose which samples to set aside.

    Args:
        count: The number of samples.
        fraction: The fraction to set aside.
        generator: The generator that draws them; None takes the last ones.
        labels: A class for each sample: the fraction is taken of each class, as nearly as possible.

    Returns:
        The indices of those that are kept, and of those set aside.

    Raises:
        ValueError: One part would be empty, or would lack a class.

    Example:
        >>> split(6, 0.5, None, labels=["a", "a", "a", "a", "b", "b"])
        ([0, 1, 4], [2, 3, 5])
    """
    order = list(range(count))
    if generator:
        order = generator.sample(order, count)
    aside = round(fraction * count) if math.isfinite(fraction) else 0
    if not 0 < aside < count:
        raise ValueError(
            f"validation={fraction} sets aside {aside:,} of {counted(count, 'sample')}: at least "
            "one must be set aside, and at least one must stay"
        )
    if labels is None:
        return order[:-aside], order[-aside:]
    members: dict[Any, list[int]] = {}
    for i in order:
        members.setdefault(labels[i], []).append(i)
    shares = _shares({label: len(rows) for label, rows in members.items()}, aside)
    chosen = {i for label, rows in members.items() for i in rows[len(rows) - shares[label] :]}
    return [i for i in order if i not in chosen], [i for i in order if i in chosen]


def _shares(counts: Mapping[Any, int], aside: int) -> dict[Any, int]:
    """Distribute how many of each class are set aside, by largest remainders, at least one each."""
    count = sum(counts.values())
    for label, number in counts.items():
        if number < 2:
            raise ValueError(
                f"stratify: of class {shown(label)} there is only one sample, and both parts need "
                "one"
            )
    if not len(counts) <= aside <= count - len(counts):
        raise ValueError(
            f"stratify: {aside:,} of {counted(count, 'sample')} would be set aside, and both parts "
            f"need one of each of the {len(counts):,} classes"
        )
    wanted = {label: number * aside / count for label, number in counts.items()}
    shares = {label: min(max(int(wanted[label]), 1), counts[label] - 1) for label in counts}
    while (missing := aside - sum(shares.values())) != 0:
        sign = 1 if missing > 0 else -1
        open_to = [c for c in counts if 1 <= shares[c] + sign <= counts[c] - 1]
        label = max(open_to, key=lambda c: sign * (wanted[c] - shares[c]))
        shares[label] += sign
    return shares


# --- all together --------------------------------------------------------------------------------


@dataclass
class Data:
    """What a model is trained and measured on.

    Attributes:
        training: The samples to train on.
        held_out: The samples for validation.
        weights: How much each sample of both parts counts, with mean 1; None if all count the same.
    """

    training: Samples
    held_out: Samples
    weights: tuple[list[float] | None, list[float] | None]


def prepared(
    model: Module,
    X: Any,
    Y: Any,
    generator: random.Random | None,
    *,
    validation: Any = None,
    stratify: Any = False,
    sample_weight: Any = None,
    class_weight: Any = None,
) -> Data:
    """Check and split the data that `fit` is given.

    Samples of weight 0 are left out, as if they had not been given.

    Args:
        model: The model that is trained.
        X: The inputs.
        Y: The targets.
        generator: The generator that draws the samples to set aside; None takes the last ones.
        validation: As for `fit`; so are the others.
        stratify: May also be a class for each sample.
        sample_weight: The weights of samples.
        class_weight: The weights of classes.

    Returns:
        The data.

    Raises:
        TypeError: As for `fit`.
        ValueError: As for `fit`.
    """
    data = samples(model, X, Y)
    by_class = class_weights([y for _, y in data], class_weight)
    weights = weights_of([y for _, y in data], sample_weight, by_class)
    labels = _labels(data, stratify, validation)
    held_out: Samples = []
    others: list[float] | None = None
    if weights is not None:
        there = [i for i, weight in enumerate(weights) if weight > 0.0]
        data, weights = [data[i] for i in there], [weights[i] for i in there]
        labels = [labels[i] for i in there] if labels is not None else None
    if isinstance(validation, Real):
        fraction = as_float(validation, "validation", "a fraction")
        stay, aside = split(len(data), fraction, generator, labels)
        data, held_out = [data[i] for i in stay], [data[i] for i in aside]
        if weights is not None:
            weights, others = [weights[i] for i in stay], [weights[i] for i in aside]
    elif isinstance(validation, (tuple, list)) and len(validation) in (2, 3):
        held_out = samples(model, validation[0], validation[1], "validation ")
        theirs = validation[2] if len(validation) == 3 else None
        others = weights_of([y for _, y in held_out], theirs, by_class, "validation ")
        if others is not None:
            held_out = [sample for sample, w in zip(held_out, others, strict=True) if w > 0.0]
            others = [weight for weight in others if weight > 0.0]
    elif validation is not None:
        raise TypeError(
            "validation must be a fraction, (X, Y) or (X, Y, weights), got "
            f"{type(validation).__name__}: {shown(validation)}"
        )
    return Data(data, held_out, (_of_mean_1(weights), _of_mean_1(others)))


def _labels(data: Samples, stratify: Any, validation: Any) -> list[Any] | None:
    if stratify is None or (isinstance(stratify, bool) and not stratify):
        return None
    if not isinstance(validation, Real):
        raise ValueError(
            "stratify needs validation to be a fraction, such as validation=0.2, which is then "
            "taken from each class"
        )
    if isinstance(stratify, bool):
        return classes([y for _, y in data], "stratify")
    labels = _list(stratify, "stratify")
    if len(labels) != len(data):
        raise ValueError(
            f"stratify has length {len(labels):,}, but there are {counted(len(data), 'sample')}"
        )
    return labels


def _of_mean_1(weights: list[float] | None) -> list[float] | None:
    if weights is None or len(set(weights)) == 1:
        return None
    scale = max(weights)  # so that no sum overflows
    mean = math.fsum(weight / scale for weight in weights) / len(weights)
    return [weight / scale / mean for weight in weights]
