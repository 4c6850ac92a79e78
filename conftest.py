"""Imports the package before pytest collects it.

`autograd.draw` and `autograd.explain` are functions, and submodules as well. Were a submodule
collected first, pytest would import it by itself and put it in the place of the function.
"""

import autograd  # noqa: F401
