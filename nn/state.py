"""State: the contents of an object as plain data that a file can hold, and back.

Plain data are numbers, texts, None, lists, and dictionaries with texts as keys. Nothing in them is
code, and reading them runs none.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

from autograd import Value
from autograd.errors import shown
from autograd.tree import Opened, flatten

__all__ = ["random_state", "restored_random", "to_plain", "updated"]

BY_PARAMETER, RANDOM = "by parameter", "random"


def to_plain(content: Any, place: str, parameters: Sequence[Value] = ()) -> Any:
    """Copy numbers, texts, lists, dictionaries and random generators as plain data.

    Args:
        content: What to copy.
        place: Where it is, for the error.
        parameters: Parameters, which keys of a dictionary may be as well.

    Returns:
        Plain data; a generator becomes its state, and a dictionary by parameters a list.

    Raises:
        TypeError: It contains something else.

    Example:
        >>> to_plain({"steps": 3, "means": (0.5, 0.25)}, "state")
        {'steps': 3, 'means': [0.5, 0.25]}
    """
    leaves, tree = flatten(_Part(content, place, parameters), place, children_of=_children)
    return tree.unflatten(map(_plain, leaves))


class _Part(NamedTuple):
    content: Any
    place: str
    parameters: Sequence[Value] = ()


def _children(part: _Part) -> Opened | None:
    content, place, parameters = part
    if isinstance(content, dict):
        index = {parameter: i for i, parameter in enumerate(parameters)}
        if content and all(isinstance(key, Value) and key in index for key in content):
            pairs = [[index[key], _Part(each, place)] for key, each in content.items()]
            return dict, (BY_PARAMETER,), [_Part(pairs, place)], None
        if wrong := [key for key in content if type(key) is not str]:
            raise TypeError(
                f"{place} has the key {shown(wrong[0])}, but a file holds only dictionaries "
                "whose keys are names (str)"
            )
        named = [_Part(each, f"{place}[{key!r}]", parameters) for key, each in content.items()]
        return dict, tuple(content), named, None
    if hasattr(content, "tolist"):  # an array or number of NumPy's
        content = content.tolist()
    if not isinstance(content, (list, tuple)):
        return None
    parts = [
        each if type(each) is _Part else _Part(each, f"{place}[{i}]", parameters)
        for i, each in enumerate(content)
    ]
    return list, range(len(parts)), parts, None


def _plain(part: _Part) -> Any:
    content = part.content
    if content is None or type(content) in (bool, int, float, str):
        return content
    if isinstance(content, Integral):
        return int(content)
    if isinstance(content, Real):
        return float(content)
    if hasattr(content, "tolist"):
        return _plain(part._replace(content=content.tolist()))
    if type(content) is random.Random:
        return {RANDOM: random_state(content)}
    raise TypeError(
        f"{part.place} is a {type(content).__name__}, which a file cannot hold: if it belongs to "
        "an object of yours, define state_dict and load_state_dict in its class"
    )


def updated(current: Any, plain: Any, place: str, parameters: Sequence[Value] = ()) -> Any:
    """Make from plain data an object of the same kind as an existing one.

    Args:
        current: The existing object, which is not changed.
        plain: The data that `to_plain` made from a similar one.
        place: Where it is, for the error.
        parameters: As for `to_plain`.

    Returns:
        A copy that holds the data.

    Raises:
        ValueError: The data have a different kind or length.

    Example:
        >>> updated((0.9, 0.999), [0.5, 0.25], "betas")
        (0.5, 0.25)
    """
    if type(current) is random.Random:
        return restored_random(plain.get(RANDOM) if isinstance(plain, dict) else None, place)
    if isinstance(current, dict) and isinstance(plain, dict) and set(plain) == {BY_PARAMETER}:
        return _by_parameter(plain[BY_PARAMETER], place, parameters)
    if isinstance(current, (list, tuple)) or hasattr(current, "tolist"):
        of = "a list of numbers" if all(isinstance(x, Real) for x in current) else "a list"
        if not isinstance(plain, list) or (
            of.endswith("numbers") and len(current) > 0 and not all(map(_is_number, plain))
        ):
            raise ValueError(f"{place} should be {of}, got {shown(plain)}")
        if isinstance(current, tuple) and len(plain) != len(current):
            raise ValueError(f"{place} has length {len(plain)}, expected {len(current)}")
        if hasattr(current, "tolist"):
            import numpy

            try:
                array = numpy.array(plain, dtype=current.dtype)
            except (TypeError, ValueError, OverflowError) as error:
                raise ValueError(f"{place} should be an array of {current.dtype}") from error
            return array
        return tuple(plain) if isinstance(current, tuple) else list(plain)
    kinds = {bool: (bool,), int: (int,), float: (int, float), str: (str,), dict: (dict,)}
    allowed = kinds.get(type(current))
    if allowed and (
        not isinstance(plain, allowed) or (type(current) is not bool and plain is True)
    ):
        raise ValueError(
            f"{place} should be of the same kind as {shown(current)}, got {shown(plain)}"
        )
    return plain


def _is_number(plain: Any) -> bool:
    return isinstance(plain, (int, float)) and not isinstance(plain, bool)


def _by_parameter(pairs: Any, place: str, parameters: Sequence[Value]) -> dict[Value, Any]:
    try:
        numbers = {parameters[i] if i >= 0 else None: part for i, part in pairs}
    except (TypeError, ValueError, IndexError):
        numbers = {None: None}
    if None in numbers:
        raise ValueError(f"{place} should be pairs of a parameter's index and what belongs to it")
    return numbers  # type: ignore[return-value]


# --- random generators ---------------------------------------------------------------------------


def random_state(generator: random.Random) -> list[Any]:
    """Copy the state of a generator as plain data.

    Example:
        >>> generator = random.Random(3)
        >>> again = restored_random(random_state(generator), "generator")
        >>> again.random() == generator.random()
        True
    """
    version, numbers, gauss = generator.getstate()
    return [version, list(numbers), gauss]


def restored_random(plain: Any, place: str) -> random.Random:
    """Make a generator with a state that `random_state` copied.

    Raises:
        ValueError: It is not such a state.
    """
    generator = random.Random()
    try:
        version, numbers, gauss = plain
        if gauss is not None and not (_is_number(gauss) and math.isfinite(gauss)):
            raise ValueError
        generator.setstate((version, tuple(numbers), gauss))
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{place} is not the state of a random generator") from None
    return generator
