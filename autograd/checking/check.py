"""The judge: is the gradient of a function right, and if not, where does it go wrong?

Four things are compared with what they should be, and each can fail by itself:

1. the function itself: called twice, it gives the same bits, and nearby it records the same graph,
   so that a verdict on the graph is a verdict on the function;
2. each node on the graph: its value, and its local derivatives, by `local`;
3. the sums and products of `backward()`, by the chain rule applied once more, and again when it is
   run twice;
4. the gradient as a whole: by the graph evaluated and differentiated in high precision, or, where
   that is not possible, by numerical differences of the function. Where the chain rule does not
   determine a derivative, or its terms cancel, the graph is evaluated along a line (`along`).

A difference is judged by what is known about both. The exact derivative at the recorded floats,
the exact derivative at the exact intermediate results, and the rounding of each product and sum in
`backward()` determine how far off a correct gradient may be.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeAlias

from autograd.calls import written_out
from autograd.checking.along import derivative_along
from autograd.checking.claimed import Claim, Claimed, Known, Precision
from autograd.checking.claims import check_claims
from autograd.checking.judge import (
    ACCURACY,
    LARGEST,
    SMALLEST,
    Examined,
    Sums,
    chained,
    connected,
    examine,
    gradients,
    path_sizes,
    stalled,
    wrong_sums,
)
from autograd.checking.local import Numerical, Precise, Slope, Unknown, precise_available
from autograd.checking.numerical import EPSILON, Estimate, differentiate
from autograd.checking.report import (
    OUTCOMES,
    Derivative,
    GradientCheck,
    GradientError,
    Outcome,
    summary,
)
from autograd.checking.trace import Function, Gradient, Trace, bits
from autograd.errors import shown, wrong_type
from autograd.foreign import with_advice
from autograd.formatting import names
from autograd.graph import interior, leaves
from autograd.kinds import CONSTANT
from autograd.rule import OwnName
from autograd.structure import argument_names, errors_of, function_name
from autograd.value import Value

__all__ = ["check_graph", "gradcheck", "require_order"]

Method: TypeAlias = Literal["auto", "precise", "numerical"]

_CALLS = 16  # to find out whether a function whose graph varies nearby is deterministic
_NEGLIGIBLE = 1e-6  # of the sum over all paths: a smaller error bound decides
_ILL_CONDITIONED = 1e-3  # of the same: if rounding moves the derivative further, nothing is decided
_VISIBLE = 1e-3  # of a derivative: a larger difference never passes as rounding
_ABSOLUTE = 1e-7  # a smaller error does not count, where derivatives are 0 as far as is known
_ROUNDED = "rounding of intermediate results changes the derivative as much"
_SMOOTH = "but the function as a whole has another derivative there"
_MANY = 16  # from this many derivatives on, differences are taken along directions
_DIRECTIONS = 2
_SMALL_BLOCK = 4  # inputs: fewer are checked one by one
_NEARLY = "it is within rounding of a jump, a pole or a border"
_UNEVALUATED = "it cannot be evaluated in high precision"
_TINY = math.ulp(0.0)  # the error of an underflow
_LARGE = 100_000  # nodes times inputs: above, the graph is not evaluated for each input


_NO_STEP = "no step or tolerance is needed: each derivative is compared within its own error bound"


@with_advice(
    eps=_NO_STEP,
    atol=_NO_STEP,
    rtol=_NO_STEP,
    tol=_NO_STEP,
    step=_NO_STEP,
    nondet_tol=_NO_STEP,
    modes="the gradient is that of reverse mode; for JAX's functions see autograd.testing.jax",
    args="pass the inputs one by one after the function: gradcheck(f, x1, x2)",
)
def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    order: int = 1,
    method: Method = "auto",
    must_depend: bool = False,
    raise_exception: bool = True,
    gradient: Any = None,
    hessian: Any = None,
    vjp: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
    hvp: Callable[..., Any] | None = None,
    precision: Precision | None = None,
) -> GradientCheck:
    """Check the gradient of a function at a point.

    The function is called with Values in place of the floats, and the result of `backward()` is
    compared with a numerical derivative that has an error bound. There are three outcomes:

    - passed: every gradient differs from the derivative by no more than its error bound and the
      rounding of intermediate results explain, and so does every operation on the graph;
    - failed: one does not. That raises a `GradientError`, which shows the worst input and the first
      wrong operation on the graph;
      operation on the graph that is wrong;
    - undecided: the point is on, or within rounding of, a kink, a pole or a border of the domain,
      or the function is noise, or rounding moves the derivative by its own size. The result is
      returned, and is false.

    So a bare call in a test fails if a gradient is wrong, and `assert gradcheck(f, x)` also fails
    if it is not known to be right.

    If mpmath is installed and the function records the same graph nearby, the derivative is that of
    the graph, evaluated in high precision by mpmath's own definitions, and right to 25 digits. A
    custom function in it is differentiated numerically, with a bound. If the graph cannot stand for
    the function, for example because part of it was computed on plain numbers, the function itself
    is differentiated numerically.

    Where a factor of 0 meets a jump or an infinite slope, the chain rule does not determine the
    derivative, and the function as a whole decides: `x * sign(x)` has a kink at 0, which is
    undecided; `cbrt(x) ** 3` has the derivative 1, so the 0 from `backward()` is wrong.

    To check a derivative from another source, pass it as `gradient=` or one of the arguments after
    it. Then `f` may be any function, with NumPy, SciPy, a framework or C: from floats and NumPy
    arrays of floats, in lists, tuples and dictionaries, to numbers and arrays in the same way. With
    up to a dozen inputs and 256 partial derivatives, each of these is compared with differences
    that have an error bound. With more, the derivatives along some directions are compared, and if
    one of them is wrong, it is narrowed down to the wrong partial derivatives; in double precision
    that takes some hundred evaluations of `f`. The message names them, and guesses at the mistake
    if the numbers allow it.

    Args:
        f: The function: of floats and Values, sequences, dictionaries and NumPy arrays of them, and
            of models; it returns a Value or number, or a sequence or dictionary of them. It is
            called some ten times, or, if it must be differentiated as a whole, some 60 times for
            each input or, with many inputs, for each block that one direction can confirm.
        *inputs: Its arguments. Keep arguments of other kinds out of them: `gradcheck(lambda x: f(x,
            3), 1.5)`. They are not changed, nor are the gradients of other Values and models that
            the function uses.
        order: 1 for the gradient; 2 for the gradient, and then the gradient of each derivative,
            as the recorded backward pass computes it.
        method: "precise" for high precision only, "numerical" for differences of the function
            only, "auto" for the better one that is possible.
        must_depend: Whether it is an error that an output does not depend on an input.
        raise_exception: Whether a wrong gradient raises an exception or only gives a result.
        gradient: The claimed gradient or Jacobian of `f`: a function of the same arguments, or the
            numbers. With respect to an array it is an array, whose shape is that of the result
            followed by that of the argument; a SciPy matrix may be sparse. For several arguments it
            is a sequence, with one part for each. True if `f` returns the pair of its value and
            gradient.
        hessian: The derivative of `gradient`, which must be a function, in the same form.
        vjp: `vjp(*inputs, vector)`: the product of a vector, of the structure of the result, with
            the Jacobian.
        jvp: `jvp(*inputs, *vectors)`: the product of the Jacobian with a vector, of the structure
            of the arguments.
        hvp: `hvp(*inputs, *vectors)`: the product of the Hessian with a vector: the Hessian is the
            derivative of `gradient`.
        precision: "double", "single", "half" or "bfloat16": needed if `f` computes in less than
            the types of its arguments and results show.

    Returns:
        The result of the check.

    Raises:
        GradientError: A gradient is wrong.
        ModuleNotFoundError: A derivative is claimed, and NumPy is not installed.
        TypeError: An argument, or what `f` returns, contains anything but real numbers, or there is
            none among the arguments.
        ValueError: `order` or `method` is not one of these, an input is not finite, `f` changes the
            data of its arguments, the precise method was requested and is not possible, or a
            claimed derivative has the wrong number of entries.

    Example:
        >>> from autograd import custom_function, tanh
        >>> print(gradcheck(lambda x, w: tanh(x * w[0] + w[1]), 0.5, [1.0, -2.0]))
        gradcheck: 3 derivatives of f passed (precise)
        >>> gradcheck(abs, 0.0).reason
        'abs: it has a kink: its derivative is -1.0 from below and 1.0 from above'
        >>> from autograd import sign
        >>> gradcheck(lambda x: x * sign(x), 0.0).outcome
        'undecided'
        >>> cube = custom_function("cube", lambda x: x * x * x, lambda m, y, x: 2.0 * x * x)
        >>> gradcheck(cube, 0.5)
        Traceback (most recent call last):
        autograd.checking.report.GradientError: gradcheck: the gradient of cube is wrong: ...
        >>> print(gradcheck(lambda x: x[0] * x[1], [2.0, 3.0], gradient=lambda x: [x[1], x[0]]))
        gradcheck: 2 derivatives of f passed (numerical)
    """
    if not callable(f):
        raise TypeError(f"gradcheck: expected a function, got {type(f).__name__}: {shown(f)}")
    claims = {"gradient": gradient, "hessian": hessian, "vjp": vjp, "jvp": jvp, "hvp": hvp}
    if any(claim is not None for claim in claims.values()):
        if order != 1 or method != "auto" or must_depend:
            raise ValueError(
                "gradcheck: order, method and must_depend are for functions that record a graph; "
                "for a claimed derivative, pass hessian= to check the second order"
            )
        return check_claims(_claimed(f, inputs, claims), precision, raise_exception)
    if precision is not None:
        raise ValueError("gradcheck: precision= is for a claimed derivative: gradient=...")
    require_order(order)
    if not isinstance(method, str) or method not in ("auto", "precise", "numerical"):
        raise ValueError(
            f"gradcheck: method must be 'auto', 'precise' or 'numerical', got {shown(method)}"
        )
    with errors_of("gradcheck"):
        function = Function(f, _named(f, inputs))
    if not function.point:
        raise TypeError("gradcheck: there is no float or Value among the arguments of the function")
    for path, x in zip(function.paths, function.point, strict=True):
        if not math.isfinite(x):
            raise ValueError(f"gradcheck: {path} is {x!r}: a derivative is taken at a finite point")
    result = _checked(function, method, must_depend)
    if order == 2 and result.outcome != "failed" and result.derivatives:
        gradient = Gradient(function)
        result = _recorded_alike(result, gradient.record(function.point))
        if result.outcome != "failed":
            result = _both(result, _checked(gradient, method, False))
    if raise_exception and result.outcome == "failed":
        raise GradientError(result)
    return result


def check_graph(root: Value) -> GradientCheck:
    """Check a recorded graph: each operation on it, and the sums that `backward()` makes of them.

    It does what `gradcheck` does, but cannot tell whether the graph is that of a function.

    Args:
        root: The node whose gradient is checked, with respect to the leaves that it depends on.
            Neither data nor gradients of the graph are changed.

    Returns:
        The result of the check; a wrong gradient raises no exception here.

    Raises:
        TypeError: The root is not a Value.

    Example:
        >>> x = Value(2.0, "x")
        >>> print(check_graph(x * x + 3.0 * x))
        gradcheck: 1 derivative of + passed (precise)
    """
    if not isinstance(root, Value):
        raise wrong_type("check_graph", root, "a Value")
    root = written_out([root]).get(root, root)
    inputs = [leaf for leaf in leaves(root) if leaf.op is not CONSTANT]
    called = names([*inputs, root])
    trace = Trace(inputs, [""], [root], interior(root))
    name = root.label or root.op or called[root]
    return _verdict(trace, name, [called[leaf] for leaf in inputs], _oracle("auto"))


def require_order(order: int) -> None:
    """Refuse an unsupported order.

    Args:
        order: The order of the derivatives to check.

    Raises:
        ValueError: It is neither 1 nor 2.
    """
    if type(order) is not int or order not in (1, 2):
        raise ValueError(f"gradcheck: order must be 1 or 2, got {shown(order)}")


def _named(f: Callable[..., Any], inputs: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(argument_names(f, inputs), inputs, strict=True))


def _claimed(
    f: Callable[..., Any], inputs: Sequence[Any], claims: Mapping[str, Any]
) -> Iterator[Claimed]:
    """Read the claimed derivatives of a function."""
    arguments = _named(f, inputs)
    name = function_name(f)
    gradient = claims["gradient"]
    slope = (lambda *inputs: f(*inputs)[1]) if gradient is True else gradient
    forms: dict[str, Claim] = {"vjp": "vjp", "jvp": "jvp", "hvp": "jvp"}
    are_many = sum(claim is not None for claim in claims.values()) > 1
    known = (Known(), Known()) if are_many else (None, None)  # of the function, and of its gradient
    for kind, claim in claims.items():
        if claim is None:
            continue
        if kind in forms and not callable(claim):
            raise TypeError(f"gradcheck: {kind} must be a function, got {shown(claim)}")
        of_second_order = kind in ("hessian", "hvp")
        if of_second_order and not callable(slope):
            raise ValueError(
                f"gradcheck: {kind}= is the derivative of the gradient: pass the gradient as well, "
                "as a function, gradient=..."
            )
        value = (lambda *inputs: f(*inputs)[0]) if gradient is True and kind != "gradient" else f
        yield Claimed(
            slope if of_second_order else value, arguments, forms.get(kind, "gradient"), claim,
            f"∇{name}" if of_second_order else name, known[of_second_order],
        )  # fmt: skip


def _oracle(method: Method) -> Numerical:
    return Precise() if precise_available() and method != "numerical" else Numerical()


def _recorded_alike(check: GradientCheck, trace: Trace) -> GradientCheck:
    """Compare the gradient from the recorded backward pass with that from the plain one."""
    for derivative, output in zip(check.derivatives, trace.outputs, strict=True):
        allowed = derivative.rounding + ACCURACY * abs(derivative.gradient)
        if not abs(output.data - derivative.gradient) <= allowed and math.isfinite(allowed):
            reason = (
                f"by the recorded backward pass {derivative.quotient(check.function)} is "
                f"{output.data!r}: the partial derivatives of a row differ on floats and on Values"
            )
            return replace(check, outcome="failed", reason=reason)
    return check


def _both(first: GradientCheck, second: GradientCheck) -> GradientCheck:
    """Combine the checks of both orders; a failed one counts most, a passed one least."""
    worse = max(first, second, key=lambda check: OUTCOMES.index(check.outcome))
    return replace(worse, derivatives=first.derivatives + second.derivatives)


# --- the function --------------------------------------------------------------------------------


def _checked(function: Function, method: Method, must_depend: bool) -> GradientCheck:
    trace, again = function.record(function.point), function.record(function.point)
    if difference := _difference(trace, again):
        return _nondeterministic(function, difference)
    if not all(math.isfinite(output.data) for output in trace.outputs):
        reason = "its value is not finite at the point"
        return GradientCheck(function.name, "undecided", "numerical", reason, ())
    fidelity = _fidelity(function, trace)
    if fidelity.obstacle:  # which may come from a function that is not deterministic
        for _ in range(_CALLS):
            again = function.record(function.point)
            if difference := _difference(trace, again):
                return _nondeterministic(function, difference)
    oracle = _oracle(method)
    obstacle = fidelity.obstacle or _obstacle(trace, oracle)
    if method == "precise" and obstacle:
        raise ValueError(f"gradcheck: the precise method cannot be had: {obstacle}")
    return _verdict(
        trace,
        function.name,
        function.paths,
        oracle,
        _Whole(function, fidelity, precise=_is_library(trace)),
        bool(obstacle) or method == "numerical",
        fidelity.nearby,
        must_depend,
    )


def _nondeterministic(function: Function, difference: str) -> GradientCheck:
    reason = f"it is not deterministic: called again, {difference}; seed its random numbers"
    return GradientCheck(function.name, "failed", "numerical", reason, ())


def _obstacle(trace: Trace, oracle: Numerical) -> str:
    """Say why a graph cannot be evaluated in high precision; empty if it can."""
    if not isinstance(oracle, Precise):
        return "mpmath is not installed"
    unknown = [node.op for node in trace.active() if not oracle.knows(node.op)]
    return f"{unknown[0]!r} is not in the table of functions" if unknown else ""


def _is_library(trace: Trace) -> bool:
    """Tell whether all operations are the library's, and so as precise as floats allow."""
    return not any(isinstance(node.op, OwnName) for node in trace.nodes)


def _difference(trace: Trace, again: Trace) -> str:
    """Say how two traces at the same point differ."""
    if not trace.same_shape(again):
        return "it records other operations"
    for name, first, second in zip(trace.names, trace.outputs, again.outputs, strict=True):
        if bits(first.data) != bits(second.data):
            return f"its result{name} is {first.data!r} and {second.data!r}"
    if changed := trace.changed(again):
        return f"another number enters {changed[0][0].op!r}"
    return ""


@dataclass(frozen=True, slots=True)
class _Fidelity:
    """Whether the graph stands for the function around the point.

    Attributes:
        obstacle: Why it does not; empty if it does.
        cut: Where a number enters the graph as a constant, but changes with the inputs.
        nearby: The same graph at points nearby.
    """

    obstacle: str = ""
    cut: tuple[tuple[Value, int], ...] = ()
    nearby: tuple[Trace, ...] = ()


def _fidelity(function: Function, trace: Trace) -> _Fidelity:
    """Record the function on both sides of the point, ever closer, until the graph is the same."""
    generator = random.Random(0)
    directions = [generator.choice((-1.0, 1.0)) * generator.uniform(0.5, 1.0) for _ in trace.inputs]
    for distance in (2.0**-8, 2.0**-20, 2.0**-32, 2.0**-44):
        sides = []
        for sign in (1.0, -1.0):
            nearby = [
                x + sign * distance * direction * (abs(x) or 1.0)
                for x, direction in zip(function.point, directions, strict=True)
            ]
            try:
                sides.append(function.record(nearby))
            except Exception:  # the function's own, at a point that the user did not pass
                break
        if len(sides) == 2 and all(map(trace.same_shape, sides)):
            changed = [link for side in sides for link in trace.changed(side)]
            if changed:
                return _Fidelity("a number on its graph changes with the inputs", tuple(changed))
            return _Fidelity(nearby=tuple(sides))
    return _Fidelity("nearby it records another graph, or none")


class _Whole:
    """The function as a black box, differentiated with respect to one input at a time."""

    def __init__(self, function: Function, fidelity: _Fidelity, *, precise: bool) -> None:
        self._function = function
        self._fidelity = fidelity
        self._differentiate = partial(differentiate, precise=precise)

    def judged(
        self,
        derivatives: Sequence[Derivative],
        chosen: Iterable[int],
        noises: Sequence[float],
        stalls: Mapping[int, str],
        *,
        graph_is_right: bool,
    ) -> list[Derivative]:
        """Compare gradients with differences of the function.

        Args:
            derivatives: What is known about them: for each output, with respect to all inputs.
            chosen: The places of those to compare with differences.
            noises: How far off each output may be.
            stalls: The derivatives that the chain rule does not determine, and why.
            graph_is_right: Whether nothing wrong was found on the graph.

        Returns:
            The same derivatives with new verdicts.
        """
        count = len(self._function.point)
        known: dict[tuple[int, float], Sequence[float]] = {}
        held = list(derivatives)
        one_by_one = list(chosen)
        if len(one_by_one) > _MANY and not self._fidelity.obstacle:
            settled = self._together(derivatives, one_by_one, noises)
            one_by_one = [i for i in one_by_one if i not in settled]
        for place in range(len(noises)):
            of_output = [i for i in one_by_one if i // count == place]
            if len(of_output) > _MANY:
                in_blocks = self._in_blocks(held, of_output, place, noises[place])
                one_by_one = [i for i in one_by_one if i not in in_blocks]
                for i, derivative in in_blocks.items():
                    held[i] = derivative
        for i in one_by_one:
            place, position = divmod(i, count)
            output = partial(self._output, known, place, position)
            held[i] = self._held(
                held[i], output, position, noises[place], graph_is_right, stalls.get(i, "")
            )
        return held

    def _together(
        self, derivatives: Sequence[Derivative], chosen: Sequence[int], noises: Sequence[float]
    ) -> set[int]:
        """List those that differences along directions between the inputs confirm.

        The graph stands for the function, as far as is known, and each derivative agrees with the
        derivatives of its operations. Directions show whether this is the derivative of the whole
        function: a single number that is not on the graph shows in any of them.
        """
        point, generator = self._function.point, random.Random(0)
        known: list[dict[float, Sequence[float]]] = [{} for _ in range(_DIRECTIONS)]
        directions = [
            [generator.choice((-1.0, 1.0)) * generator.uniform(0.5, 1.0) for _ in point]
            for _ in range(_DIRECTIONS)
        ]
        settled: set[int] = set()
        for place, noise in enumerate(noises):
            count, first = len(point), place * len(point)
            all_of_it = derivatives[first : first + count]
            if not all(map(_is_certain, all_of_it)):
                continue
            for found, direction in zip(known, directions, strict=True):
                values = partial(self._moved, found, direction, place)
                estimate = self._differentiate(values, 0.0, noise=noise)
                terms = [d.numerical * rate for d, rate in zip(all_of_it, direction, strict=True)]
                error = estimate.bound + math.fsum(d.bound + d.rounding for d in all_of_it)
                size = math.hypot(*terms)
                if (
                    estimate.reason
                    or abs(math.fsum(terms) - estimate.value) > error
                    or error > max(_ABSOLUTE, _NEGLIGIBLE * size)
                ):
                    break
            else:
                settled.update(i for i in chosen if first <= i < first + count)
        return settled

    def _in_blocks(
        self, derivatives: Sequence[Derivative], chosen: Sequence[int], place: int, noise: float
    ) -> dict[int, Derivative]:
        """Settle smaller and smaller blocks of inputs, each confirmed by one direction.

        A block is confirmed if the error is small compared with the contribution of each input, so
        that none hides behind the others. The remaining inputs are checked one by one.
        """
        generator, settled = random.Random(0), {}
        first = place * len(self._function.point)
        blocks = [sorted(chosen, key=lambda i: abs(derivatives[i].gradient))]
        while blocks:
            block = blocks.pop()
            if len(block) < _SMALL_BLOCK:
                continue
            direction = [0.0] * len(self._function.point)
            for i in block:
                direction[i - first] = generator.choice((-1.0, 1.0)) * generator.uniform(0.5, 1.0)
            terms = {i: derivatives[i].gradient * direction[i - first] for i in block}
            error = math.inf
            if all(map(math.isfinite, terms.values())):
                values = partial(self._moved, {}, direction, place)
                estimate = self._differentiate(values, 0.0, noise=noise)
                error = estimate.bound + math.fsum(derivatives[i].rounding for i in block)
                if estimate.reason or abs(math.fsum(terms.values()) - estimate.value) > error:
                    error = math.inf
            if error <= min(_VISIBLE * abs(term) if term else _ABSOLUTE for term in terms.values()):
                for i in block:
                    derivative = derivatives[i]
                    settled[i] = replace(
                        derivative,
                        numerical=derivative.gradient,
                        bound=error / abs(direction[i - first]),
                        outcome="passed",
                        reason="",
                    )
            else:
                half = len(block) // 2
                blocks += [block[:half], block[half:]]
        return settled

    def _moved(
        self,
        known: dict[float, Sequence[float]],
        direction: Sequence[float],
        place: int,
        distance: float,
    ) -> float:
        """Evaluate one output with all inputs moved along a direction."""
        if distance not in known:
            data = [
                x + distance * rate for x, rate in zip(self._function.point, direction, strict=True)
            ]
            try:
                known[distance] = self._function.values(data)
            except Exception:  # the function's own, at a point that the user did not pass
                raise ValueError("it is not defined there") from None
        if place >= len(known[distance]):
            raise ValueError("it has fewer outputs there")
        return known[distance][place]

    def _output(
        self, known: dict[tuple[int, float], Sequence[float]], place: int, position: int, x: float
    ) -> float:
        """Evaluate one output with one input changed; `known` keeps all outputs."""
        if (position, x) not in known:
            data = list(self._function.point)
            data[position] = x
            try:
                known[position, x] = self._function.values(data)
            except Exception:  # the function's own, at a point that the user did not pass
                raise ValueError("it is not defined there") from None
        if place >= len(known[position, x]):
            raise ValueError("it has fewer outputs there")
        return known[position, x][place]

    def _held(
        self,
        derivative: Derivative,
        output: Callable[[float], float],
        position: int,
        noise: float,
        graph_is_right: bool,
        stall: str,
    ) -> Derivative:
        x, gradient = self._function.point[position], derivative.gradient
        if derivative.outcome == "undecided" and not math.isfinite(gradient):
            return derivative

        def excess(estimate: Estimate) -> float:
            return abs(estimate.value - gradient) - estimate.bound - derivative.rounding

        estimate = self._differentiate(output, x, noise=noise)
        if not estimate.reason and not excess(estimate) <= 0.0:
            # Before a gradient is called wrong, the derivative is taken again with other steps.
            second = self._differentiate(output, x, noise=noise, first_step=0.1331)
            estimate = min(estimate, second, key=excess)
        if estimate.reason:
            outcome: Outcome = "undecided"
            reason = f"as a function of {derivative.input}, {estimate.reason}"
        elif excess(estimate) <= 0.0:
            outcome, reason = "passed", ""
            error = estimate.bound + derivative.rounding
            alike = not _visible(gradient, estimate.value)
            if gradient == estimate.value == 0.0:  # the error says whether they are known
                alike = not _visible(0.0, error, _steepness(output(x), x, noise))
            if not (alike or error <= _ABSOLUTE):
                outcome, reason = "undecided", _ROUNDED
        elif stall:
            outcome, reason = "failed", f"{stall}, {_SMOOTH}"
        elif self._fidelity.obstacle or not graph_is_right:
            outcome, reason = "failed", self._blame(derivative)
        else:
            # A verdict on the graph is a verdict on the function, and the graph is right: otherwise
            # one of its operations, or backward(), would have been found wrong.
            outcome = "undecided"
            reason = "differences of the function disagree, though each operation is right"
        return replace(
            derivative,
            numerical=estimate.value,
            bound=estimate.bound,
            outcome=outcome,
            reason=reason,
        )

    def _blame(self, derivative: Derivative) -> str:
        if self._fidelity.cut:
            node, place = self._fidelity.cut[0]
            what = f"operand {place + 1} of {node.op!r}" if node.op else "the result"
            return (
                f"{what} changes with the inputs and is a constant on the graph: .data, detach() "
                "or no_grad cut it off"
            )
        if not derivative.connected:
            return "the output changes with this input, but does not depend on it on the graph"
        return "no error bound explains the difference"


# --- the verdict ---------------------------------------------------------------------------------


def _verdict(
    trace: Trace,
    function: str,
    paths: Sequence[str],
    oracle: Numerical,
    whole: _Whole | None = None,
    differences: bool = False,
    nearby: Sequence[Trace] = (),
    must_depend: bool = False,
) -> GradientCheck:
    """Judge the graph and each derivative, by the graph or by differences of the function."""
    number, nodes = oracle.number, trace.nodes
    examined = examine(trace, oracle)
    for node, culprit_there in wrong_sums(trace, nearby, oracle).items():
        examined.wrong.setdefault(node, culprit_there)
    grads, sums, wrong_backward = gradients(trace, examined.recorded, oracle)
    scales = [path_sizes(nodes, root, examined.sizes) for root in trace.outputs]
    relevant = {node for node in nodes if any(scale.get(node) for scale in scales)}
    wrong = [examined.wrong[node] for node in nodes if node in examined.wrong and node in relevant]
    culprit = wrong[0] if wrong else wrong_backward
    derivatives: list[Derivative] = []
    stalls: dict[int, str] = {}
    for place, root in enumerate(trace.outputs):
        reached = connected(nodes, root, examined.recorded)
        concerned = reached & relevant
        why = _first_reason(examined, [n for n in examined.doubtful if n in concerned])
        infinite = _first_infinite(node for node in nodes if node in reached)
        recomputed = exact = chained(nodes, root, examined.recomputed, number(1.0), dot=oracle.dot)
        if examined.exact != examined.recomputed:
            exact = chained(nodes, root, examined.exact, number(1.0), dot=oracle.dot)
        blind = _blind(nodes, reached, examined, sums[place], recomputed, exact)
        inputs = {node: len(derivatives) + i for i, node in enumerate(trace.inputs)}
        for position, node in enumerate(trace.inputs):
            zero = number(0.0)
            evidence = _Evidence(
                gradient=grads[place][position],
                recorded=sums[place].value.get(node, zero),
                rounding=sums[place].bound.get(node, 0.0),
                recomputed=recomputed.value.get(node, zero),
                exact=exact.value.get(node, zero),
                bound=exact.bound.get(node, 0.0),
                scale=scales[place].get(node, 0.0),
                rows_are_right=not examined.wrong,
            )
            outcome, reason = evidence.outcome(why)
            if outcome == "failed" and infinite and not math.isfinite(evidence.gradient):
                outcome, reason = "undecided", infinite
            derivative = Derivative(
                trace.names[place], paths[position], evidence.gradient, float(evidence.exact),
                evidence.bound, evidence.explained, outcome, reason, node in reached,
            )  # fmt: skip
            derivatives.append(derivative)
        stalls.update((inputs[node], blind[node]) for node in inputs if node in blind)
        if isinstance(oracle, Precise) and not differences:
            line = _Line(trace, root, oracle, _noise(nodes, scales[place]))
            judged = line.judged({node: derivatives[i] for node, i in inputs.items()}, blind)
            derivatives[-len(inputs) :] = judged.values()
    noises = [_noise(nodes, scale) for scale in scales]
    if whole is not None:
        everything = range(len(derivatives))
        open_ = [i for i in everything if differences or derivatives[i].reason == _UNEVALUATED]
        derivatives = whole.judged(
            derivatives, open_, noises, stalls, graph_is_right=culprit is None
        )
    if must_depend:
        derivatives = list(map(_depending, derivatives))
    outcome, reason = summary(derivatives)
    if culprit is not None:
        outcome, reason = "failed", f"{culprit.op}: {culprit.problem}"
    method: Literal["precise", "numerical"] = (
        "precise" if isinstance(oracle, Precise) and not differences else "numerical"
    )
    return GradientCheck(function, outcome, method, reason, tuple(derivatives), culprit)


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What is known about one derivative, found in different ways.

    Attributes:
        gradient: The result of `backward()`.
        recorded: The derivative from the recorded local derivatives, computed exactly.
        rounding: How far the gradient may be from `recorded`, because of rounding in `backward()`.
        recomputed: The derivative from the right local derivatives at the recorded operands.
        exact: The derivative from the right local derivatives at the exact operands.
        bound: How far off `exact` may be.
        scale: The sum of the sizes of the products over all paths.
        rows_are_right: Whether all local derivatives are right, within rounding.
    """

    gradient: float
    recorded: Any
    rounding: float
    recomputed: Any
    exact: Any
    bound: float
    scale: float
    rows_are_right: bool

    @property
    def conditioning(self) -> float:
        """How far the rounding of intermediate results moves the derivative."""
        return abs(float(self.exact - self.recomputed))

    @property
    def explained(self) -> float:
        """How far rounding may move the gradient from the derivative; infinite if unknown."""
        of_rows = abs(float(self.recorded - self.recomputed))
        if not self.rows_are_right:
            of_rows = min(of_rows, ACCURACY * self.scale)
        explained = self.rounding + self.conditioning + of_rows + SMALLEST
        return explained if explained == explained else math.inf

    def outcome(self, why: str) -> tuple[Outcome, str]:
        """Judge; `why` says what is known about a kink or pole."""
        scale = max(self.scale, abs(float(self.exact)))
        if abs(self.exact) >= LARGEST:
            return "undecided", "the derivative is too large for a float"
        if not (scale < math.inf and self.bound < math.inf):
            return "undecided", why or "its local derivatives are infinite"
        if why and self.bound > _NEGLIGIBLE * scale:
            return "undecided", why
        if not self.conditioning <= _ILL_CONDITIONED * scale:
            return "undecided", _ROUNDED
        if abs(self.gradient - self.exact) <= self.bound + self.explained:
            return "passed", ""
        return "failed", "no error bound explains the difference"


def _visible(gradient: float, derivative: Any, scale: float = 0.0) -> bool:
    """Tell whether two derivatives differ by more than rounding can excuse."""
    difference = abs(gradient - derivative)
    scale = max(scale, abs(gradient), abs(derivative))
    return bool(difference > _VISIBLE * scale and difference > 8.0 * SMALLEST)


def _is_certain(derivative: Derivative) -> bool:
    """Tell whether a gradient was compared with a derivative that is known well."""
    size = max(abs(derivative.gradient), abs(derivative.numerical))
    error = derivative.bound + derivative.rounding
    return derivative.outcome != "undecided" and error <= max(_ABSOLUTE, _NEGLIGIBLE * size)


def _steepness(y: float, x: float, noise: float) -> float:
    """Return the steepness of a function that changes by its value when its input does.

    Errors that are small compared with it do no harm. It is 0 for a value that is noise.
    """
    known = x and noise <= _VISIBLE * abs(y)
    return _finite(abs(y) / abs(x)) if known else 0.0


def _blind(
    nodes: Sequence[Value],
    reached: Container[Value],
    examined: Examined,
    recorded: Sums,
    recomputed: Sums,
    exact: Sums,
) -> dict[Value, str]:
    """Map nodes that the chain rule does not differentiate through to the reason.

    They must be the same at the recorded and the exact operands, or else nothing is known.
    """
    reasons: dict[Value, str] = {}
    doubtful = examined.doubtful
    stalls = stalled(doubtful, reached, examined.recomputed, recorded, recomputed)
    if exact is not recomputed:
        at_exact = stalled(doubtful, reached, examined.exact, recorded, exact)
        if at_exact != stalls:
            stalls += at_exact
            reasons = dict.fromkeys((node for node, _ in stalls), _NEARLY)
    below: dict[Value, str] = {}
    for node, parent in stalls:
        slopes = (examined.recomputed[node][parent], examined.exact[node][parent])
        reason = next(slope.reason for slope in slopes if slope.bound == math.inf)
        below.setdefault(parent, reasons.get(node) or f"{node.op}: {reason}, and a factor of 0")
    for node in reversed(nodes):
        if node in below:
            for parent in examined.recorded.get(node, {}):
                below.setdefault(parent, below[node])
    return below


class _Line:
    """The derivatives of one output that the chain rule leaves open, from the graph as a whole.

    Args:
        trace: The graph.
        root: The output.
        oracle: The oracle that evaluates its operations.
        noise: How far rounding moves its value.
    """

    def __init__(self, trace: Trace, root: Value, oracle: Precise, noise: float) -> None:
        self._nodes, self._root, self._oracle = trace.nodes, root, oracle
        self._noise = noise

    def judged(
        self, derivatives: Mapping[Value, Derivative], blind: Mapping[Value, str]
    ) -> dict[Value, Derivative]:
        """Judge the open derivatives, and leave the rest.

        Args:
            derivatives: With respect to each input.
            blind: The nodes that the chain rule does not differentiate through, and why.

        Returns:
            The same derivatives, with new verdicts for the open ones.
        """
        held = dict(derivatives)
        open_ = {
            node: blind[node]
            for node, derivative in derivatives.items()
            if node in blind and derivative.outcome != "undecided"
        }
        many = len(open_) * len(self._nodes) > _LARGE
        for node, reason in open_.items():
            held[node] = self._where_stalled(derivatives[node], node, reason, many)
        passed = [node for node in open_ if held[node].outcome == "passed"]
        if passed and (reason := self._jointly(held)):
            held.update((n, replace(held[n], outcome="undecided", reason=reason)) for n in passed)
        rounded = [
            node
            for node, derivative in held.items()
            if node not in blind
            and derivative.outcome == "passed"
            and self._is_open(derivative, node)
        ]
        many = len(rounded) * len(self._nodes) > _LARGE
        for node in rounded:
            held[node] = self._where_rounded(held[node], node, many)
        return held

    def _is_open(self, derivative: Derivative, node: Value) -> bool:
        """Tell whether a gradient differs, or may differ, from the known derivative."""
        gradient, exact = derivative.gradient, derivative.numerical
        scale = _steepness(self._root.data, node.data, self._noise)
        return _visible(gradient, exact, scale) or (
            gradient == exact == 0.0 and _visible(0.0, derivative.bound, scale)
        )

    def _along(self, direction: Mapping[Value, float], *, smooth: bool = False) -> Slope:
        return derivative_along(self._nodes, self._root, direction, self._oracle, smooth=smooth)

    def _where_stalled(
        self, derivative: Derivative, node: Value, reason: str, many: bool
    ) -> Derivative:
        if reason == _NEARLY:
            return replace(derivative, outcome="undecided", reason=reason)
        if many:  # checked together, in one direction
            return replace(derivative, outcome="passed", reason="")
        try:
            slope = self._along({node: 1.0})
        except Unknown:
            return replace(derivative, outcome="undecided", reason=_UNEVALUATED)
        gradient = derivative.gradient
        if slope.reason:
            reason = f"{reason}: as a function of {derivative.input}, {slope.reason}"
            return replace(derivative, outcome="undecided", reason=reason)
        outcome: Outcome = "passed"
        if abs(gradient - slope.value) <= slope.bound + derivative.rounding:
            reason = ""
            if abs(slope.value) > slope.bound and _visible(gradient, slope.value):
                outcome, reason = "undecided", _ROUNDED
        else:
            outcome, reason = "failed", f"{reason}, {_SMOOTH}"
        numerical = float(slope.value)
        return replace(
            derivative, numerical=numerical, bound=slope.bound, outcome=outcome, reason=reason
        )

    def _jointly(self, held: Mapping[Value, Derivative]) -> str:
        """Say why a function with partial derivatives is not differentiable; empty if it is."""
        nodes = [node for node, derivative in held.items() if derivative.outcome == "passed"]
        generator = random.Random(0)
        direction = {
            node: generator.choice((-1.0, 1.0)) * generator.uniform(0.5, 1.0) for node in nodes
        }
        try:
            slope = self._along(direction)
        except Unknown:
            return _UNEVALUATED
        if slope.reason:
            return f"along a direction between the axes, {slope.reason}"
        terms = [rate * held[node].gradient for node, rate in direction.items()]
        errors = [
            held[node].bound + held[node].rounding + ACCURACY * abs(held[node].gradient)
            for node in nodes
        ]
        if abs(math.fsum(terms) - slope.value) <= slope.bound + math.fsum(errors):
            return ""
        return "its derivative along a direction between the axes is not that of its gradient"

    def _where_rounded(self, derivative: Derivative, node: Value, many: bool) -> Derivative:
        """Judge whether the explained rounding is small compared with the derivative itself."""
        gradient, exact = derivative.gradient, derivative.numerical
        undecided = replace(derivative, outcome="undecided", reason=_ROUNDED)
        if abs(exact) > derivative.bound or many:
            return undecided
        try:
            slope = self._along({node: 1.0}, smooth=True)
        except Unknown:
            error = derivative.bound + derivative.rounding
            return derivative if error <= _ABSOLUTE else undecided
        known = float(slope.value)
        is_0 = abs(known) <= slope.bound + SMALLEST
        scale = _steepness(self._root.data, node.data, self._noise)
        if slope.reason or (not is_0 and _visible(gradient, known, scale)):
            return undecided
        # The derivative is 0 in floats: then the size of the value, or 1, says what is small.
        return (
            derivative if abs(gradient) <= _VISIBLE * max(abs(self._root.data), 1.0) else undecided
        )


def _first_reason(examined: Examined, nodes: Iterable[Value]) -> str:
    """Say what is wrong with the first node whose derivative is not known."""
    for node in nodes:
        for found in (examined.recomputed, examined.exact):
            for slope in found.get(node, {}).values():
                if slope.reason:
                    return f"{node.op}: {slope.reason}"
    return ""


def _first_infinite(nodes: Iterable[Value]) -> str:
    """Name the first node with a local derivative that is not finite."""
    for node in nodes:
        if not all(map(math.isfinite, node.local_derivatives)):
            return f"{node.op}: it has an infinite derivative there, and infinity times 0 is nan"
    return ""


def _noise(nodes: Sequence[Value], scale: Mapping[Value, float]) -> float:
    """Bound the rounding errors in an output to first order, by the derivative in each node."""
    sizes = [scale.get(node, 0.0) * abs(node.data) for node in nodes]
    underflow = _TINY * sum(scale.get(node, 0.0) for node in nodes)
    return _finite(EPSILON * sum(size for size in sizes if math.isfinite(size)) + underflow)


def _finite(x: float) -> float:
    return x if math.isfinite(x) else 0.0


def _depending(derivative: Derivative) -> Derivative:
    if derivative.connected or derivative.outcome == "failed":
        return derivative
    return replace(derivative, outcome="failed", reason="the output does not depend on this input")
