"""Gradient checks: is a gradient right, and if not, where does it go wrong?

`gradcheck` compares the gradient of a function at a point with a derivative that has an error
bound. `check_graph` does the same for a graph that is already recorded.
"""

from autograd.checking.check import check_graph, gradcheck
from autograd.checking.report import Culprit, Derivative, GradientCheck, GradientError, Outcome

__all__ = [
    "Culprit",
    "Derivative",
    "GradientCheck",
    "GradientError",
    "Outcome",
    "check_graph",
    "gradcheck",
]
