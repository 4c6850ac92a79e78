"""Each function of the table has a curve, whose slope is the derivative that is drawn beside it."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest

from autograd.rule import Rule
from docs.curves import curve, picture
from docs.pages import TABLE


@pytest.mark.parametrize("rule", TABLE.values(), ids=TABLE)
def test_a_curve_agrees_with_its_slope(rule: Rule) -> None:
    pytest.importorskip("scipy")
    found = curve(rule)
    both = [
        math.isfinite(y) and math.isfinite(slope)
        for y, slope in zip(found.ys, found.slopes, strict=True)
    ]
    assert sum(both) > len(both) // 2
    wrong = 0
    for place in range(1, len(found.xs) - 1):
        if all(both[place - 1 : place + 2]):
            rise = found.ys[place + 1] - found.ys[place - 1]
            run = found.xs[place + 1] - found.xs[place - 1]
            around = found.slopes[place - 1 : place + 2]
            margin = 0.1 * (1.0 + max(map(abs, around)))
            wrong += not min(around) - margin <= rise / run <= max(around) + margin
    assert wrong <= len(both) // 20  # at jumps and poles
    ElementTree.fromstring(picture(found))
