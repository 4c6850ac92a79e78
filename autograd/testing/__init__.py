"""Property-based tests of gradients, with Hypothesis: for functions, losses and layers of your own.

Example:
    >>> from autograd import tanh
    >>> from autograd.testing import check_gradients
    >>> @check_gradients()
    ... def test_softsign(x: float):
    ...     return x / (1.0 + tanh(x) ** 2)
    >>> test_softsign()
"""

try:
    import hypothesis  # noqa: F401
except ImportError as error:
    raise ImportError(
        'autograd.testing needs Hypothesis: pip install "scalar-autograd[testing]"'
    ) from error

from autograd import gradcheck
from autograd.checking import GradientError
from autograd.testing.decorator import check_gradients
from autograd.testing.domains import operand, operands
from autograd.testing.programs import RandomProgram, programs

__all__ = [
    "GradientError",
    "RandomProgram",
    "check_gradients",
    "gradcheck",
    "operand",
    "operands",
    "programs",
]
