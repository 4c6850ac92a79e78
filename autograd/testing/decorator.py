"""`check_gradients`: a function becomes a Hypothesis test of its gradient."""

from __future__ import annotations

import inspect
import math
import types
import typing
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import wraps
from typing import Any

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException

from autograd import Value, gradcheck
from autograd.checking import GradientError
from autograd.checking.claimed import Precision
from autograd.checking.claims import require_precision
from autograd.errors import shown
from autograd.testing.domains import REAL
from autograd.tree import flatten

__all__ = ["check_gradients"]

_SEQUENCES = {list, Sequence, Iterable}
_MAPPINGS = {dict, Mapping}
_HYPOTHESIS_DEADLINE = timedelta(milliseconds=200)  # Hypothesis's own, if none is set
_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_SETTINGS = "_hypothesis_internal_use_settings"  # where Hypothesis keeps the settings of a test


def check_gradients(
    function: Callable[..., Any] | None = None,
    /,
    *,
    order: int = 1,
    gradient: Any = None,
    hessian: Any = None,
    vjp: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
    hvp: Callable[..., Any] | None = None,
    precision: Precision | None = None,
    **strategies: st.SearchStrategy[Any],
) -> Callable[..., Any]:
    """Turn a function into a Hypothesis test that checks its gradient on each example.

    The arguments are drawn from the given strategies, or by their type hints: a float is finite and
    of moderate size, and so are those in a list, tuple, dict or NumPy array; what is not made of
    floats (an int, a str, a Literal, an enumeration) is drawn as Hypothesis draws its type, and is
    held fixed while the gradient with respect to the floats is checked. An argument with a default
    keeps it, unless there is a strategy.

    pytest collects the test if its name begins with `test`; it can also be called, without
    arguments. `hypothesis.settings` and `hypothesis.example` can be stacked on top. There is no
    deadline unless they set one that is not Hypothesis's default of 200 ms: how long a check takes
    says nothing about a gradient. Examples at which the function is not defined (it raises
    ValueError or ArithmeticError), that are not finite, or for which the check is undecided (on a
    kink, at a border) are rejected, as by `hypothesis.assume`: a function that can be checked
    nowhere fails. Hypothesis's statistics count the outcomes.

    With `gradient=`, or any of its alternatives in `gradcheck`, it tests a claimed derivative of
    any function, for example one of NumPy's: draw its arguments by `hypothesis.extra.numpy.arrays`.
    The claim is called in the same way as the function: with what has been drawn, in the order of
    the function's parameters. An argument that keeps its default is passed on if the claim has a
    parameter of that name, and so is `self`, for a method.

    Args:
        function: The function, if there are no options: `@check_gradients`.
        order: Which derivatives are checked, as for `gradcheck`; for a claim, `hessian` or `hvp` is
            the second.
        gradient: The claimed gradient or Jacobian: a function of the same arguments. If several
            arguments vary, it returns a sequence, one item for each.
        hessian: The claimed derivative of the gradient.
        vjp: As for `gradcheck`: the vector follows the arguments.
        jvp: As for `gradcheck`, with one vector for each argument that varies.
        hvp: As for `gradcheck`, with vectors as for `jvp`.
        precision: As for `gradcheck`: the precision in which a function with a claim computes.
        **strategies: For arguments by name, the strategies to draw them from.

    Returns:
        A decorator, or the test of the given function. The test's
        `hypothesis.inner_test.__wrapped__` is the function.

    Raises:
        TypeError: Something other than a strategy is given. By the decorator: an argument
            has no strategy, default or type hint to draw it by, or there is a strategy for an
            argument that the function lacks.
        ValueError: `order` is neither 1 nor 2, or is 2 for a claim; `precision` is not a known one,
            or there is no claim; or a Hessian is claimed without a gradient.
        GradientError: By the test: a gradient is wrong.

    Example:
        >>> from autograd import exp, log
        >>> from autograd.testing import operand
        >>> @check_gradients(p=operand("log"))
        ... def test_entropy(p: float, q: float, base: int = 2):
        ...     return -p * log(p) / base + exp(q)
        >>> test_entropy()
    """
    if order not in (1, 2):
        raise ValueError(f"check_gradients: order must be 1 or 2, got {shown(order)}")
    for name, strategy in strategies.items():
        if not isinstance(strategy, st.SearchStrategy):
            raise TypeError(
                f"check_gradients: {name} must be a strategy of hypothesis.strategies, to draw it "
                f"from, got {type(strategy).__name__}: {shown(strategy)}"
            )

    given_claims = {"gradient": gradient, "hessian": hessian, "vjp": vjp, "jvp": jvp, "hvp": hvp}
    claims = {kind: claim for kind, claim in given_claims.items() if claim is not None}
    _require_claims(claims, order, precision)

    def decorate(function: Callable[..., Any]) -> Callable[..., None]:
        signature = inspect.signature(function)
        arguments = _strategies(function, signature, strategies)
        settings_of_check = {"precision": precision} if claims else {"order": order}

        @wraps(function)
        def test(*instance: Any, **drawn: Any) -> None:
            _check(function, signature, instance, drawn, claims, settings_of_check)

        parameters = [
            parameter.replace(kind=parameter.KEYWORD_ONLY, default=parameter.empty)
            if name in arguments
            else parameter
            for name, parameter in signature.parameters.items()
            if name in arguments or _is_instance(function, parameter)
        ]
        test.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=parameters, return_annotation=None
        )
        return _unhurried(given(**arguments)(test))

    return decorate if function is None else decorate(function)


def _unhurried(test: Callable[..., None]) -> Callable[..., None]:
    """Remove Hypothesis's default deadline.

    A decorator that the user stacks on top derives its settings from the defaults, deadline
    included, and this cannot be seen before the call: its settings are passed to the test then.
    """

    @wraps(test)
    def without_deadline(*args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        stacked = {k: v for k, v in vars(without_deadline).items() if k != "__wrapped__"}
        if stacked[_SETTINGS].deadline == _HYPOTHESIS_DEADLINE:
            stacked[_SETTINGS] = settings(stacked[_SETTINGS], deadline=None)
        vars(test).update(stacked)
        try:
            test(*args, **kwargs)
        finally:  # among what Hypothesis notes is the seed, which pytest prints
            vars(without_deadline).update(vars(test))

    return without_deadline


def _require_claims(claims: Mapping[str, Any], order: int, precision: str | None) -> None:
    """Refuse claims and options that no example could be checked by."""
    for kind, claim in claims.items():
        if not callable(claim) and not (claim is True and kind == "gradient"):
            raise TypeError(
                f"check_gradients: {kind} must be a function of what is drawn, got {shown(claim)}"
            )
    require_precision("check_gradients", precision)
    if not claims and precision is not None:
        raise ValueError("check_gradients: precision= is for a claimed derivative: gradient=...")
    if claims and order != 1:
        raise ValueError(
            "check_gradients: order=2 is for functions that record a graph; for a claimed "
            "derivative, pass hessian= or hvp= to check the second order"
        )
    for kind in ("hessian", "hvp"):
        if kind in claims and "gradient" not in claims:
            raise ValueError(
                f"check_gradients: {kind}= is the derivative of the gradient: pass that as well, "
                "gradient=..."
            )


# --- one example ---------------------------------------------------------------------------------


def _check(
    function: Callable[..., Any],
    signature: inspect.Signature,
    instance: tuple[Any, ...],
    drawn: dict[str, Any],
    claims: Mapping[str, Any],
    settings_of_check: Mapping[str, Any],
) -> None:
    """Check the gradient at one example, or reject it."""
    names = [name for name, value in drawn.items() if _varies(value)]
    off_domain: list[Exception] = []

    of_instance = signature.bind_partial(*instance).arguments  # once: it is called often
    places = [name for name in signature.parameters if name in drawn]

    def bound_to(inputs: Sequence[Any]) -> inspect.BoundArguments:
        values = {**drawn, **dict(zip(names, inputs, strict=True))}
        arguments = OrderedDict(of_instance)
        arguments.update((name, values[name]) for name in places)
        return inspect.BoundArguments(signature, arguments)

    def varied(*inputs: Any) -> Any:
        bound = bound_to(inputs)
        try:
            return function(*bound.args, **bound.kwargs)
        except (ArithmeticError, ValueError) as error:
            off_domain.append(error)
            raise

    def of_what_varies(claim: Any) -> Any:
        def claimed(*inputs: Any) -> Any:  # and vectors
            bound = bound_to(inputs[: len(names)])
            positional, keywords = _handed_on(claim, signature, bound.arguments, drawn)
            return claim(*positional, *inputs[len(names) :], **keywords)

        return claim if claim is True else claimed

    # The check names the inputs by the parameters of the function that it is given.
    kind = inspect.Parameter.POSITIONAL_ONLY
    varied.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, kind) for name in names]
    )
    varied.__name__ = varied.__qualname__ = function.__name__
    if not names:
        _reject("nothing to differentiate")
    if not all(_is_finite(drawn[name]) for name in names):
        _reject("not at a finite point")
    try:
        result = gradcheck(
            varied,
            *[drawn[name] for name in names],
            raise_exception=False,
            **{kind: of_what_varies(claim) for kind, claim in claims.items()},
            **settings_of_check,
        )
    except (ArithmeticError, ValueError) as error:
        if error not in off_domain:
            raise
        _reject("off the domain")
    event(f"gradient check: {result.outcome}")
    if result.outcome == "failed":
        raise GradientError(result)
    assume(result.outcome == "passed")


def _handed_on(
    claim: Callable[..., Any],
    signature: inspect.Signature,
    arguments: Mapping[str, Any],
    drawn: Collection[str],
) -> tuple[list[Any], dict[str, Any]]:
    """Choose the arguments for a claim from those of the function."""
    try:
        taken: Mapping[str, inspect.Parameter] = inspect.signature(claim).parameters
    except (TypeError, ValueError):  # a function in C
        taken = {}
    places = [name for name, parameter in taken.items() if parameter.kind in _BY_PLACE]
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        if name not in drawn and name not in taken:
            continue
        value = arguments.get(name, parameter.default)
        by_name = parameter.kind is parameter.KEYWORD_ONLY
        if name not in drawn:
            by_name = name not in places[len(positional) : len(positional) + 1]
        if by_name:
            keywords[name] = value
        else:
            positional.append(value)
    return positional, keywords


def _reject(reason: str) -> None:
    event(f"gradient check: {reason}")
    assume(False)


def _varies(value: Any) -> bool:
    """Tell whether an argument holds floats to differentiate with respect to."""
    return any(
        isinstance(leaf, (float, Value)) or hasattr(leaf, "named_parameters") or _has_floats(leaf)
        for leaf in flatten(value)[0]
    )


def _is_finite(value: Any) -> bool:
    """Tell whether there is a derivative to take at all."""
    for leaf in flatten(value)[0]:
        if isinstance(leaf, (float, Value)):
            numbers = [leaf if isinstance(leaf, float) else leaf.data]
        else:
            numbers = leaf.ravel().tolist() if _has_floats(leaf) else []
        if not all(map(math.isfinite, numbers)):
            return False
    return True


def _has_floats(array: Any) -> bool:
    return getattr(getattr(array, "dtype", None), "kind", None) == "f"


# --- strategies by type --------------------------------------------------------------------------


def _strategies(
    function: Callable[..., Any],
    signature: inspect.Signature,
    given_strategies: Mapping[str, st.SearchStrategy[Any]],
) -> dict[str, st.SearchStrategy[Any]]:
    """Find a strategy for each argument that is to be drawn."""
    name = function.__name__
    unknown = given_strategies.keys() - signature.parameters.keys()
    if unknown:
        raise TypeError(
            f"check_gradients: {name} has no argument {', '.join(sorted(unknown))}, for which "
            "a strategy is given"
        )
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise TypeError(f"check_gradients: a type hint of {name} cannot be read: {error}") from None
    strategies: dict[str, st.SearchStrategy[Any]] = {}
    for argument, parameter in signature.parameters.items():
        if argument in given_strategies:
            strategies[argument] = given_strategies[argument]
        elif parameter.default is not parameter.empty or _is_instance(function, parameter):
            continue
        elif parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(
                f"check_gradients: {name} takes any number of arguments as {parameter}; let it "
                f"take one list, such as {argument}: list[float]"
            )
        else:
            strategies[argument] = _drawable(name, argument, hints.get(argument, Any))
    return strategies


def _is_instance(function: Callable[..., Any], parameter: inspect.Parameter) -> bool:
    """Tell whether this is the first parameter of a method, which is not drawn."""
    in_class = function.__qualname__.rpartition(".")[0].rpartition(".")[2] not in ("", "<locals>")
    return in_class and parameter.name in ("self", "cls")


def _drawable(function: str, argument: str, hint: Any) -> st.SearchStrategy[Any]:
    advice = (
        f"write {argument}: float (or list[float], tuple[float, float], dict[str, float], …), or "
        f"give a strategy: check_gradients({argument}=...)"
    )
    if hint in (Any, object):
        raise TypeError(
            f"check_gradients: argument {argument} of {function} has no type to draw it by: "
            f"{advice}"
        )
    try:
        strategy = _of_type(hint)
        strategy.validate()
    except (HypothesisException, TypeError) as error:
        raise TypeError(
            f"check_gradients: argument {argument} of {function} cannot be drawn by its type "
            f"{hint!r} ({error}): {advice}"
        ) from None
    return strategy


def _is_array(hint: Any) -> bool:
    return (getattr(hint, "__module__", ""), getattr(hint, "__name__", "")) == ("numpy", "ndarray")


def _arrays(dtype: Any) -> st.SearchStrategy[Any]:
    """Draw small arrays, with floats of moderate size unless something else is asked for."""
    import numpy as np
    from hypothesis.extra.numpy import array_shapes, arrays

    if dtype in (Any, np.generic, np.number, np.inexact, np.floating):
        dtype = np.float64
    elements: st.SearchStrategy[float] | None = None
    if np.issubdtype(dtype, np.floating):
        (ends,), bits = REAL.intervals, 8 * np.dtype(dtype).itemsize
        width: Any = min(bits, 64)  # so that no number is rounded
        elements = st.floats(*ends, width=width, allow_subnormal=False)
    return arrays(dtype, array_shapes(max_dims=2, max_side=3), elements=elements)


def _of_type(hint: Any) -> st.SearchStrategy[Any]:
    """Draw values of a type, with floats of moderate size."""
    if hint is float:
        return REAL.floats
    if hint is Value:
        return REAL.floats.map(Value)
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if _is_array(origin or hint):  # the arguments of NDArray[np.float32] are a shape and a dtype
        return _arrays((*typing.get_args(parts[1] if parts else Any), Any)[0])
    if origin in _SEQUENCES:
        return st.lists(_of_type(parts[0]), min_size=1, max_size=4)
    if origin is tuple and parts[1:] == (...,):
        return st.lists(_of_type(parts[0]), min_size=1, max_size=4).map(tuple)
    if origin is tuple:
        return st.tuples(*map(_of_type, parts))
    if origin in _MAPPINGS:
        keys = st.text("abcxyz", min_size=1, max_size=2) if parts[0] is str else _of_type(parts[0])
        return st.dictionaries(keys, _of_type(parts[1]), min_size=1, max_size=4)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(_of_type, parts))
    return st.from_type(hint)
