"""The drawings of the gallery, each with its code: what a function does is shown, and run.

The first line of a docstring is the title, and the rest says what there is to see.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import nn
from autograd import (
    Value,
    draw,
    grad,
    hessian,
    jacobian,
    log,
    logsumexp,
    maximum,
    mean,
    relu,
    sigmoid,
    sin,
    softmax,
    sqrt,
    sum,
    tanh,
    value_and_grad,
    where,
)
from autograd.compiler import compile
from autograd.compiler.passes import drop_guards
from autograd.compiler.pipeline import PASSES
from autograd.compiler.trace import traced_program
from autograd.drawing import Drawing

__all__ = ["DRAWINGS", "passes"]

# --- graphs ---------------------------------------------------------------------------------------


def a_neuron() -> Drawing:
    """A neuron.

    Inputs are ellipses, weights and biases square boxes, operations rounded ones; each with its
    number and, after `backward()`, its gradient.
    """
    x1, x2 = Value(2.0, "x1"), Value(0.0, "x2")
    w1, w2, b = Value(-3.0, "w1"), Value(1.0, "w2"), Value(6.7, "b")
    out = tanh(w1 * x1 + w2 * x2 + b)
    out.backward()
    return draw(out)


def what_flows_back() -> Drawing:
    """What flows back.

    On each link: the child's gradient times the local derivative, as number, width and colour.
    """
    x1, x2 = Value(2.0, "x1"), Value(0.5, "x2")
    w1, w2, b = Value(-3.0, "w1"), Value(1.0, "w2"), Value(6.7, "b")
    out = tanh(w1 * x1 + w2 * x2 + b)
    out.backward()
    return draw(out, links="contributions")


def local_derivatives() -> Drawing:
    """Local derivatives.

    Each operation knows how it changes with its operands, before any gradient is computed.
    """
    a, b = Value(2.0, "a"), Value(3.0, "b")
    return draw(a * b + sin(a), links="derivatives")


def two_paths() -> Drawing:
    """Two paths.

    A number that is used twice gets two contributions, which are added: the sum rule of the chain
    rule.
    """
    x = Value(1.5, "x")
    y = x * sin(x)
    y.backward()
    return draw(y, links="both")


def a_saturated_neuron() -> Drawing:
    """A saturated neuron.

    Where tanh is flat, hardly anything flows back: the links are thin as gradients are small.
    """
    w, x, b = Value(2.0, "w"), Value(3.0, "x"), Value(1.0, "b")
    loss = (tanh(w * x + b) + 1.0) ** 2
    loss.backward()
    return draw(loss, links="contributions")


def a_branch_not_taken() -> Drawing:
    """A branch that is not taken.

    Nothing flows back into it, so its infinite slope does no harm.
    """
    x = Value(0.0, "x")
    y = where(x > 0.0, sqrt(x), 0.5 * x)
    y.backward()
    return draw(y, links="contributions")


def a_tie() -> Drawing:
    """A tie.

    Where both operands of `maximum` are the same, the gradient is shared equally.
    """
    a, b = Value(1.0, "a"), Value(1.0, "b")
    y = maximum(a, b)
    y.backward()
    return draw(y, links="contributions")


def from_top_to_bottom() -> Drawing:
    """From top to bottom.

    `direction` turns the drawing, for a narrow column.
    """
    x, y = Value(1.0, "x"), Value(2.0, "y")
    return draw(log(x * y + 1.0) / y, direction="TB")


# --- many operands --------------------------------------------------------------------------------


def softmax_and_its_loss() -> Drawing:
    """The loss of a classifier.

    The cross-entropy of three scores: what flows back is the probability of each, less 1 for the
    right one.
    """
    scores = [Value(2.0, "s1"), Value(0.5, "s2"), Value(-1.0, "s3")]
    loss = logsumexp(scores) - scores[0]
    loss.label = "loss"
    loss.backward()
    return draw(loss, links="contributions")


def a_sum_as_one_node() -> Drawing:
    """A sum, as one node.

    A function of many operands is recorded as one node, however many operands it has.
    """
    xs = [Value(float(k), f"x{k}") for k in range(1, 5)]
    return draw(mean([x * x for x in xs]))


def a_sum_expanded() -> Drawing:
    """The same sum, expanded.

    `expand=True` writes it out in operations of two operands.
    """
    xs = [Value(float(k), f"x{k}") for k in range(1, 5)]
    return draw(sum([x * x for x in xs]), expand=True)


def several_outputs() -> Drawing:
    """Several outputs.

    A list of outputs is drawn as one graph, and what they have in common is drawn once.
    """
    scores = [Value(1.0, "s1"), Value(0.0, "s2")]
    return draw(softmax(scores))


# --- networks -------------------------------------------------------------------------------------


def a_network() -> Drawing:
    """A network, as textbooks draw it.

    A column of circles for each layer, and a weight on each link.
    """
    return draw(nn.MLP(2, [3, 1], seed=1))


def gradients_of_a_network() -> Drawing:
    """The gradients of a network.

    The same picture with a gradient on each link, after a backward pass.
    """
    model = nn.MLP(2, [3, 1], seed=1)
    ((model([0.5, -1.0]) - 1.0) ** 2).backward()
    return draw(model, links="gradients")


def the_graph_of_a_network() -> Drawing:
    """The graph of a network, folded to its layers.

    `fold=1` makes a box of each layer; `fold=2`, of each neuron.
    """
    model = nn.MLP(2, [3, 1], seed=1)
    loss = (model([0.5, -1.0]) - 1.0) ** 2
    loss.backward()
    return draw(loss, fold=1)


def neurons_as_boxes() -> Drawing:
    """The same graph, folded to its neurons.

    Modules are frames with their names, and what lies outside them is drawn as it is.
    """
    model = nn.MLP(2, [3, 1], seed=1)
    loss = (model([0.5, -1.0]) - 1.0) ** 2
    loss.backward()
    return draw(loss, fold=2, links="contributions")


def a_part_of_a_graph() -> Drawing:
    """A part of a graph.

    `between` leaves only the paths from some nodes to the output: how one weight acts on the loss.
    """
    model = nn.MLP(2, [2, 1], seed=1)
    loss = (model([0.5, -1.0]) - 1.0) ** 2
    loss.backward()
    weight = model.layers[0].neurons[0].weights[0]
    return draw(loss, between=[weight], links="contributions")


# --- beyond first derivatives ---------------------------------------------------------------------


def a_second_derivative() -> Drawing:
    """The graph of a derivative.

    A backward pass that is recorded is a graph like any other, and can be differentiated again.
    """
    x = Value(0.5, "x")
    slope = grad(sigmoid)(x)
    return draw(slope)


def a_sparse_jacobian() -> Drawing:
    """A sparse Jacobian.

    Of differences of neighbours: a square is an entry that may be nonzero.
    """
    differences = jacobian(lambda x: [b - a for a, b in itertools.pairwise(x)], sparse=True)
    return draw(differences([float(k * k) for k in range(12)]))


def a_sparse_hessian() -> Drawing:
    """A sparse Hessian.

    Of Rosenbrock's function in twelve variables, each of which meets its neighbours only.
    """

    def rosenbrock(x: list[Value]) -> Value | float:
        pairs = itertools.pairwise(x)
        return sum([100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2 for a, b in pairs])

    return draw(hessian(rosenbrock, sparse=True)([1.0] * 12))


def a_compiled_program() -> Drawing:
    """A compiled program.

    What `compile` makes of a function and its derivative, before it becomes machine code.
    """
    step = compile(value_and_grad(lambda w, x: relu(w * x) ** 2), backend="numpy")
    return draw(step.program(0.5, 2.0))


DRAWINGS: tuple[Callable[[], Drawing], ...] = (
    a_neuron, what_flows_back, local_derivatives, two_paths, a_saturated_neuron,
    a_branch_not_taken, a_tie, from_top_to_bottom, softmax_and_its_loss, a_sum_as_one_node,
    a_sum_expanded, several_outputs, a_network, gradients_of_a_network, the_graph_of_a_network,
    neurons_as_boxes, a_part_of_a_graph, a_second_derivative, a_sparse_jacobian, a_sparse_hessian,
    a_compiled_program,
)  # fmt: skip


# --- one program through its passes ---------------------------------------------------------------


def loss(w: Any, x: Any) -> Any:
    """Compute the loss whose gradient is compiled in the explanation of compiling."""
    return (tanh(w * x) - 1.0) ** 2


def passes() -> Iterator[tuple[str, Drawing]]:
    """Draw the program of a gradient as it is traced, and after each pass.

    Yields:
        A name of the stage, and its drawing.

    Example:
        >>> [name for name, _ in passes()][:2]
        ['pass_0_traced', 'pass_1_lower']
    """
    program = traced_program(lambda w, x: grad(loss)(w, x), ["w", "x"])
    yield "pass_0_traced", draw(program)
    for place, each in enumerate(PASSES, 1):
        program = each(program)
        yield f"pass_{place}_{each.__name__}", draw(program)
    yield "pass_last", draw(drop_guards(program))
