"""What is wrong with the arguments of `explain` is said."""

from __future__ import annotations

import re
from typing import Any

import pytest

from autograd import Value
from autograd.explanation import (
    explain,
)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((2.0,), TypeError, "explain: output must be a Value, got float: 2.0"),
        ((Value(1.0), 2.0), TypeError, "explain: wrt must be a Value, or several, got float: 2.0"),
        ((Value(1.0), "w"), TypeError, "explain: wrt must be a Value, or several, got str: 'w'"),
        ((Value(1.0), [Value(2.0), 3]), TypeError, "wrt must be a Value, or several, got int: 3"),
    ],
)
def test_wrong_types(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)) as raised:
        explain(*arguments)
    assert "complex" not in str(raised.value)
    assert ".real" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"limit": 0}, ValueError, "limit must be a whole number of at least 1, got 0"),
        (
            {"limit": 1.5},
            TypeError,
            "explain: limit must be a whole number of at least 1, got float: 1.5",
        ),
        (
            {"limit": "3"},
            TypeError,
            "explain: limit must be a whole number of at least 1, got str: '3'",
        ),
        ({"through": "some"}, ValueError, "through must be 'all' or a list of Values, got 'some'"),
        ({"through": 3}, TypeError, "through must be 'all' or a list of Values, got int: 3"),
        ({"through": [3]}, TypeError, "through must be 'all' or a list of Values, got int: 3"),
    ],
)
def test_wrong_options(options: Any, error: type[Exception], message: str) -> None:
    x = Value(1.0)
    for output in (x * 2.0, x, Value(2.0)):
        with pytest.raises(error, match=re.escape(message)):
            explain(output, x, **options)


def test_stations_do_not_go_with_a_table() -> None:
    untyped: Any = explain
    with pytest.raises(ValueError, match="through= chooses among the paths to one node"):
        untyped(Value(1.0), through="all")
