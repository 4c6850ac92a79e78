"""The chain rule on Values: backward passes that are recorded, so that they can be differentiated.

A derivative that is a convention, at a kink, is marked, so that it is nan at the next order; a zero
adjoint contributes nothing; and off the domain of a row, a compiled derivative is nan.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from autograd.calls import CallName, ResultName
from autograd.choices import CHOICES, STEPS, leaves_out, may_leave_out
from autograd.comparing import COMPARISONS
from autograd.graph import dependents, interior, leaves, topological_order
from autograd.helper_rules import CHAIN_PRODUCT, DETACHED, KINKED, MASKED, PRODUCTS
from autograd.kinds import CONSTANT
from autograd.loops import ITEM, Adjoints, LoopName, transposed
from autograd.masks import choice_of, is_mask, is_zero, masked_where
from autograd.off_domain import STEEP, may_leave, showing_nan, within_domain
from autograd.partials import kink, partials
from autograd.rule import FLOATS, LINEAR, VALUES, OwnName, rule_of
from autograd.rules import RULES
from autograd.sums import MANY
from autograd.traced import Traced, node_of, notes_nothing
from autograd.tracing import is_traced
from autograd.value import Value, as_value, record

__all__ = [
    "ChainRule", "added", "at_kink_of", "bent_nodes", "guarded_product", "recorded_adjoints",
    "recorded_gradient", "recorded_pullback",
]  # fmt: skip


def recorded_adjoints(
    root: Value,
    order: Sequence[Value],
    among: Collection[Value],
    seed: Value | float = 1.0,
    *,
    again: bool = True,
) -> dict[Value, Value | float]:
    """Apply the chain rule as `backward` does, and record it.

    Args:
        root: The node to differentiate.
        order: The interior nodes that it depends on, parents first.
        among: The nodes on the way to those that the derivative is taken with respect to.
        seed: The adjoint to start from.
        again: Whether the result, if it is traced, may be differentiated again.

    Returns:
        The adjoint of each node in `among` that is reached: a Value, or a plain number if it does
        not vary.

    Raises:
        KeyError: An operation is not in the table.

    Example:
        >>> x = Value(3.0)
        >>> y = x * x
        >>> recorded_adjoints(y, [y], {x, y})[x].data
        6.0
    """
    nodes = {id(node): node for node in (root, *among)}
    found = _propagated([(root, seed)], order, {*map(id, among)}, again)
    return {nodes[key]: adjoint for key, adjoint in found.items()}


def recorded_gradient(
    root: Value,
    order: Sequence[Value],
    variables: Sequence[Value],
    seed: Value | float = 1.0,
    *,
    again: bool = True,
) -> list[Value | float]:
    """Apply the chain rule as `backward` does, and record it; give the derivatives alone.

    Args:
        root: The node to differentiate.
        order: The interior nodes between it and the variables, parents first.
        variables: The nodes to differentiate with respect to.
        seed: The adjoint to start from.
        again: Whether the result, if it is traced, may be differentiated again.

    Returns:
        The derivative with respect to each variable: a Value, or a plain number if it does not
        vary.

    Raises:
        KeyError: An operation is not in the table.

    Example:
        >>> x = Value(3.0)
        >>> y = x * x
        >>> recorded_gradient(y, [y], [x])[0].data
        6.0
    """
    return _pulled_back([(root, seed)], order, variables, again)


def recorded_pullback(
    seeds: Sequence[tuple[Value | float, Value | float]],
    variables: Sequence[Value],
    again: bool,
    shows: bool = True,
) -> list[Value | float]:
    """Apply the chain rule to several results at once, and record it.

    Args:
        seeds: The results, each with its adjoint; those of one node are added in order.
        variables: The leaves to differentiate with respect to.
        again: Whether the result, if it is traced, may be differentiated again.
        shows: Whether a nan among the results shows in whatever is computed from them.

    Returns:
        The derivative with respect to each variable: a Value, or a plain number if it does not
        vary.

    Raises:
        KeyError: An operation is not in the table.

    Example:
        >>> x = Value(3.0)
        >>> recorded_pullback([(x * x, 1.0), (x, 0.5)], [x], True)[0].data
        6.5
    """
    roots = [(root, seed) for root, seed in seeds if isinstance(root, Value)]
    order = interior(*(root for root, _ in reversed(roots)), stop=variables)
    return _pulled_back(roots, order, variables, again, shows)


def _pulled_back(
    roots: Sequence[tuple[Value, Value | float]],
    order: Sequence[Value],
    variables: Sequence[Value],
    again: bool,
    shows: bool = True,
) -> list[Value | float]:
    """Give the adjoints of the variables from those of roots."""
    reached = {*map(id, variables)}
    unreached = reached.isdisjoint
    for node in order:
        if not unreached(map(id, node.parents)):
            reached.add(id(node))
    found = _propagated(roots, order, reached, again, shows)
    return [found.get(key, 0.0) for key in map(id, variables)]


def _propagated(
    roots: Sequence[tuple[Value, Value | float]],
    order: Sequence[Value],
    reached: set[int],
    again: bool,
    shows: bool = True,
) -> dict[int, Value | float]:
    """Give the adjoints of the nodes that are reached, by their identity, from those of roots.

    By identity, as the hash of a traced node is a function of Python's.
    """
    found: dict[int, Value | float] = {}
    # The adjoint so far of a node: one term, or a list of several.
    waiting: dict[int, Any] = {}
    for root, seed in roots:
        _wait(waiting, id(root), seed)
    passing = showing_nan([root for root, _ in roots], order) if shows else {}
    chain = ChainRule(order, again)
    for node in reversed(order):
        key = id(node)
        if key not in reached or not (key in waiting or key in passing):
            continue
        if type(node.op) is LoopName:
            _propagate_through(node, waiting, reached, chain, key in passing)
            continue
        adjoint = waiting.pop(key, 0.0)
        if type(adjoint) is list:
            adjoint = added(adjoint)
        if node.op == ITEM:
            found[key] = adjoint
            if not is_zero(adjoint):
                loop, place = node.parents
                collected = waiting.setdefault(id(loop), Adjoints())
                collected.numbers[int(place._number)] = adjoint
            continue
        # (Of a call, the adjoints of its results: it has none itself.)
        if key in passing:
            adjoint = within_domain(node, adjoint)
        if type(node.op) is CallName:
            for parent, term in chain.through_call(node, adjoint):
                if id(parent) in reached and not is_zero(term):
                    _wait(waiting, id(parent), term)
            continue
        found[key] = adjoint
        if is_zero(adjoint):
            continue
        if type(node.op) is ResultName:
            waiting.setdefault(id(node.parents[0]), {})[node.op.place] = adjoint, node
            continue
        derivatives = partials(node, again)
        # (A branch that is not taken drops the adjoint, however undefined.)
        if may_leave(node) and (key not in passing or may_leave_out(node.op)):
            factor = within_domain(node, 1.0)
            if isinstance(factor, Value):
                derivatives = [derivative * factor for derivative in derivatives]
        is_plain = chain.is_plain_at(node, adjoint)
        for parent, partial in zip(node.parents, derivatives, strict=True):
            target = id(parent)
            if target not in reached:
                continue
            if is_plain and type(partial) is Traced:
                product: Value | float = node_of(CHAIN_PRODUCT, (adjoint, partial))
            elif is_plain and type(partial) is float and partial == 1.0:
                product = adjoint
            else:
                product = chain.product(adjoint, partial, node, parent)
                if is_zero(product):
                    continue
            _wait(waiting, target, product)
    for key, terms in waiting.items():
        found[key] = added(terms) if type(terms) is list else terms
    return found


def _propagate_through(
    node: Value, waiting: dict[int, Any], reached: set[int], chain: ChainRule, shown: bool
) -> None:
    """Propagate what a loop's numbers have collected, by a loop that runs backwards."""
    collected = waiting.pop(id(node), None)
    if collected is None:
        return

    def taken(operand: Value) -> Value | float:
        terms = waiting.pop(id(operand), 0.0)
        return added(terms) if type(terms) is list else terms

    pullback = functools.partial(recorded_pullback, again=chain.again, shows=shown)
    numbers, columns = transposed(node, collected, reached, taken, pullback)
    # All come from one loop, which depends on a kink before it or does not.
    mark = chain._involvement(numbers[0][1]) if numbers else None
    for operand, product in numbers:
        if not is_zero(product):
            marked = product if mark is None else _marked(product, _constant_of(1.0), mark)
            _wait(waiting, id(operand), marked)
    for other, column, made, number in columns:
        of_other = waiting.setdefault(id(other), Adjoints())
        of_other.columns.setdefault(column, []).append((made, number))


def at_kink_of(node: Value, of_traced: bool = True) -> Value | None:
    """Tell whether a node is at a kink, as `partials.kink` does; a call's operations are its."""
    if type(node.op) is not CallName:
        return kink(node, of_traced)
    if not node.op.call.at_kink:
        return None
    found: Value = functools.reduce(operator.add, [VALUES.meets(x, x) for x in node.parents])
    return found


def bent_nodes(order: Sequence[Value]) -> list[Value]:
    """List the nodes of operations that may have kinks."""
    bent = {op for op in {node.op for node in order} if _may_bend(op)}
    return [node for node in order if node.op in bent] if bent else []


def _wait(waiting: dict[int, Any], target: int, product: Value | float) -> None:
    """Add a term to the adjoint so far of a node."""
    terms = waiting.get(target)
    if terms is None:
        waiting[target] = product
    elif type(terms) is list:
        terms.append(product)
    else:
        waiting[target] = [terms, product]


def _may_bend(op: str) -> bool:
    """Tell whether an operation may have kinks; custom functions may share a name."""
    if type(op) is CallName:
        return bool(op.call.at_kink)
    rule = rule_of(op)
    return rule is not None and (rule.kinks is not None or isinstance(op, OwnName))


def added(terms: Sequence[Value | float]) -> Value | float:
    """Add adjoints or tangents, and record the sum: a few in order, many with a single rounding.

    Args:
        terms: At least one term.

    Returns:
        A Value, or a plain number if all terms are.

    Example:
        >>> added([0.1] * 10_000)
        1000.0
    """
    if len(terms) > MANY and not any(map(_is_no_number, terms)):
        # (Traced terms remain a chain, which the compiler turns into sums of products.)
        with suppress(ArithmeticError, ValueError):  # infinite: as `+` computes it
            total: Value | float = VALUES.sum(terms)
            return total
    return functools.reduce(operator.add, terms)


def _is_no_number(term: Any) -> bool:
    """Tell whether a term is traced, or the tangents that a call takes."""
    return is_traced(term) or not isinstance(term, (float, Value))


class ChainRule:
    """The products of one recorded pass, with the marks that kinks leave on them.

    At a kink the first derivative is a convention, and there is no second. So each product that
    comes through a kink is marked: it is recorded as `KINKED`, which has the product's value and a
    derivative of nan. A product with a factor that depends on a node at a kink is marked as well:
    its derivative is nan with respect to whatever that node depends on.

    Args:
        order: The interior nodes of the pass.
        again: Whether its result, if it is traced, may be differentiated again.
        forwards: Whether tangents are propagated, from parents to children.
    """

    def __init__(self, order: Sequence[Value], again: bool, forwards: bool = False) -> None:
        self.again, self.forwards = again, forwards
        operations = {node.op for node in order}
        # Whether a pass has been recorded before this one, among traced nodes.
        self.is_later = not operations.isdisjoint((*PRODUCTS, KINKED))
        self._nodes: set[Value] = set()
        # The conditions of nodes at a kink; of nodes that depend on one; of what came through one.
        self._kinks: dict[Value, Value] = {}
        self._involved: dict[Value, Value] = {}
        self._marks: dict[Value, Value] = {}
        # The same as the last two, for nodes whose values jump, and for what they multiply.
        self._jumping: dict[Value, Value] = {}
        self._jumps: dict[Value, Value] = {}
        self._sources_of: dict[Value, set[Value]] = {}
        self._still: dict[Value, bool] = {}
        bent = {op for op in operations if _may_bend(op)}
        for node in order if bent else ():
            if node.op not in bent and not self._kinks:
                continue
            at_kink = at_kink_of(node, again or self.is_later)
            if at_kink is not None:
                self._kinks[node] = at_kink
            if self._kinks and (again or not is_traced(node)):
                found = _marks_of_operands(node, self._involved)
                marks = dict.fromkeys(mark for mark in (at_kink, *found) if mark is not None)
                if marks:
                    self._involved[node] = functools.reduce(operator.add, marks)
                found = _marks_of_operands(node, self._jumping)
                found.append(at_kink if node.op in JUMPS else None)
                marks = dict.fromkeys(mark for mark in found if mark is not None)
                if marks:
                    self._jumping[node] = functools.reduce(operator.add, marks)
        if self._involved:
            self._nodes = set(order)
        self._is_plain = notes_nothing() and not (forwards or self.is_later or self._kinks)

    def is_plain_at(self, node: Value, flow: Value | float) -> bool:
        """Tell whether the product of a traced flow and a traced derivative needs no mark."""
        if not self._is_plain or type(flow) is not Traced or self._marks:
            return False
        return not ((self.again and node.op in STEEP) or may_leave_out(node.op))

    def product(
        self, flow: Value | float, partial: Value | float, source: Value, target: Value
    ) -> Value | float:
        """Multiply what a node propagates by a local derivative.

        A zero adjoint contributes nothing, whatever the other factor: an unused branch must not
        produce nan. Nor does a local derivative that is constantly 0, such as that of a branch not
        taken.

        Args:
            flow: The adjoint of the source; in forward mode, its tangent.
            partial: The local derivative.
            source: The node that propagates.
            target: The node that it propagates to.

        Returns:
            The product; no node is made if a factor is the number 1.
        """
        may_matter = self._kinks or _is_agreed(flow, partial) or _is_agreed(partial, flow)
        if may_matter and (self._vanishes(flow) or self._vanishes(partial)):
            return 0.0
        node = target if self.forwards else source
        mark = self._marks.get(source) if self._marks else None
        at_kink = self._kinks.get(node) if self._kinks else None
        # The tangent of a mask is 0, except where it jumps; there it contributes nothing either.
        forwards = self.forwards and not (self.is_later and is_mask(source))
        if at_kink is None and not self.forwards:
            if _is_agreed(flow, partial):
                at_kink = as_value(1.0)
            elif self.again and node.op in STEEP and isinstance(flow, Value):
                at_kink = _may_be_agreed(flow, partial)
        # A mask of 0 means that a branch is not taken; the node's own mask is 0 at its jumps too.
        at_kink, mark = _unless_masked(at_kink, flow), _unless_masked(mark, flow, partial)
        if at_kink is None:
            product = self._smooth(flow, partial, mark, node, forwards)
        else:
            product = self._smooth(flow, partial, None, node, forwards)
            if is_traced(at_kink):
                if self.is_later:  # a nan passes through a kink, but not through other choices
                    direct = guarded_product(flow, partial, forwards)
                    product = VALUES.where(at_kink, direct, product)
                if not self.again:
                    return product
            if self.forwards and mark is not None:  # as in _smooth
                product = _marked(product, partial, mark)
            mark = at_kink if mark is None else mark + at_kink
            product = _marked(product, flow, mark)
        if self.forwards and node.op in STEEP and isinstance(flow, Value) and is_traced(flow):
            product = _unless_masked(product, flow)
        if self._jumping and not is_zero(product):
            product = self._after_jumps(product, flow, partial, source, target)
        if mark is not None and not is_zero(product):
            self._note(target, mark)
        return product

    def _note(self, target: Value, mark: Value) -> None:
        """Note that what reaches a node has come through a kink."""
        known = self._marks.get(target)
        self._marks[target] = mark if known is None or known is mark else known + mark

    def through_call(
        self, node: Value, seeds: Mapping[int, tuple[Value | float, Value]]
    ) -> list[tuple[Value, Value | float]]:
        """Propagate adjoints through a call, which differentiates itself.

        Args:
            node: The node of the call.
            seeds: The adjoints of its results, and their nodes, by their places.

        Returns:
            Its operands, and what it contributes to the adjoint of each.
        """
        call: Any = node.op
        adjoints = {place: adjoint for place, (adjoint, _) in seeds.items()}
        pulled = call.call.recorded_pull(node.parents, adjoints)
        flows = [(adjoint, self._marks.get(result)) for adjoint, result in seeds.values()]
        return self._of_call(node, node.parents, pulled, flows)

    def forwards_through_call(
        self, node: Value, found: Mapping[Value, Value | float]
    ) -> dict[int, Value | float]:
        """Propagate tangents through a call, as `through_call` does adjoints.

        Args:
            node: The node of the call.
            found: The tangents of its operands, where they move.

        Returns:
            The tangents of its results, by their places.
        """
        call: Any = node.op
        tangents = {
            place: found[parent] for place, parent in enumerate(node.parents) if parent in found
        }
        pushed = call.call.recorded_push(node.parents, tangents)
        flows = [(found[p], self._marks.get(p)) for p in dict.fromkeys(node.parents) if p in found]
        marked = self._of_call(node, [node] * len(pushed), pushed, flows)
        return {place: product for place, (_, product) in enumerate(marked)}

    def result_of_call(self, result: Value) -> None:
        """Note for a result of a call what was noted for the call, in forward mode."""
        mark = self._marks.get(result.parents[0])
        if mark is not None:
            self._note(result, mark)

    def _of_call(
        self,
        node: Value,
        targets: Sequence[Value],
        products: Sequence[Value | float],
        flows: Sequence[tuple[Value | float, Value | None]],
    ) -> list[tuple[Value, Value | float]]:
        """Mark what a call propagates if it came through a kink, or depends on one."""
        own = self._kinks.get(node)
        found: list[tuple[Value, Value | float]] = []
        for target, product in zip(targets, products, strict=True):
            if not is_zero(product) and (self._marks or self._involved):
                if own is not None:  # what it propagates is already marked
                    self._note(target, own)
                involved = self._involvement(product)
                for flow, mark in flows:
                    if mark is not None:
                        product = _marked(product, flow, mark)
                        self._note(target, mark)
                if involved is not None:
                    product = _marked(product, _constant_of(1.0), involved)
            found.append((target, product))
        return found

    def _smooth(
        self,
        flow: Value | float,
        partial: Value | float,
        mark: Value | None,
        node: Value,
        forwards: bool,
    ) -> Value | float:
        """Multiply, and mark the product if it comes through a kink, or depends on one."""
        # (A traced node is marked anyway.)
        at_kink = bool(self._kinks) and not is_traced(node) and node in self._kinks
        involved = None if at_kink else _unless_masked(self._involvement(partial), flow)
        if type(flow) is float and flow == 1.0 and mark is None and involved is None:
            return partial
        if type(partial) is float:
            if partial == 1.0:
                return flow
            if not partial and (self.forwards or self._is_nothing(flow, node)):
                return 0.0
            if not partial and may_leave_out(node.op) and isinstance(flow, Value):
                return record(RULES[MASKED], (flow, as_value(partial)))
            return guarded_product(flow, partial, forwards)
        choice = choice_of(partial)
        is_first = not self.is_later and mark is None
        may_mask = not forwards and may_leave_out(node.op)
        masks = is_first and may_mask and is_mask(partial)
        if choice is not None and (not is_first or (may_mask and not masks)):
            # As a factor it would let a nan through the branch that is not taken.
            condition, *branches = choice
            x1, x2 = (self._smooth(flow, branch, mark, node, forwards) for branch in branches)
            return VALUES.where(condition, x1, x2)  # type: ignore[no-any-return]
        quotient = self.is_later and isinstance(flow, Value) and _quotient(node, partial)
        if quotient:
            under, over = quotient
            product = guarded_product(guarded_product(flow, under, forwards), over, forwards)
        elif masks and isinstance(flow, Value):
            product = record(RULES[MASKED], (flow, as_value(partial)))
        else:
            product = guarded_product(flow, partial, forwards)
        if mark is not None:
            product = _marked(product, flow, mark)
            if self.forwards:  # what comes through a kink is undefined in its other factors too
                product = _marked(product, partial, mark)
        return product if involved is None else _marked(product, _constant_of(flow), involved)

    def _after_jumps(
        self,
        product: Value | float,
        flow: Value | float,
        partial: Value | float,
        source: Value,
        target: Value,
    ) -> Value | float:
        """Mark a product with a factor that jumps if the others are 0 and vary with the jump.

        If the zero adjoint just contributed nothing, the derivative would be 0; but x sign(x) and x
        ceil(x) have no derivative at 0.
        """
        factors = (
            (self._jumps.get(source), partial),
            (self._involvement(partial, self._jumping), flow),
        )
        for jumping, other in factors:
            jump = _unless_masked(jumping, flow, partial)
            if jump is not None:
                known = self._jumps.get(target)
                self._jumps[target] = jump if known is None or known is jump else known + jump
                if isinstance(other, Value) and _depends_on_any(other, self._sources(jump)):
                    product = _marked(product, 1.0, jump)
        return product

    def _sources(self, jump: Value) -> set[Value]:
        """List what a jump depends on and varies with."""
        if jump not in self._sources_of:
            order = topological_order(jump)
            self._sources_of[jump] = {node for node in order if node.op is not CONSTANT}
        return self._sources_of[jump]

    def _involvement(
        self, partial: Value | float, involved: dict[Value, Value] | None = None
    ) -> Value | None:
        """Tell whether a local derivative is an expression of a node that depends on a kink."""
        of_kinks = involved is None
        involved = self._involved if involved is None else involved
        if not involved or not isinstance(partial, Value):
            return None
        if partial.op == "where" and partial not in self._nodes:
            if is_mask(partial):
                return None
            if is_traced(partial):  # only the branch that is taken counts
                condition, *branches = partial.parents
                found = [
                    self._involvement(branch, None if of_kinks else involved) for branch in branches
                ]
                if found[0] is found[1] is None:
                    return None
                x1, x2 = (0.0 if mark is None else mark for mark in found)
                return VALUES.where(condition, x1, x2)  # type: ignore[no-any-return]
        reached = {partial: None}  # ordered, so that every run is the same
        for node in reversed(interior(partial, stop=self._nodes)):
            if node in reached and not (of_kinks and node.op in STEPS):
                reached.update(dict.fromkeys(_varying(node)))
        marks = [involved[node] for node in reached if node in involved]
        return functools.reduce(operator.add, dict.fromkeys(marks)) if marks else None

    def _vanishes(self, number: Value | float) -> bool:
        """Tell whether a recorded number is 0 near the point, not only there.

        It is then like the number 0, and no derivative of any order comes of it.
        """
        if not isinstance(number, Value) or is_traced(number) or number._number:
            return False
        still = self._still
        for node in interior(number, stop=still):
            still[node] = _is_still(node, still)
        return still.get(number, number.op is CONSTANT)

    def _is_nothing(self, adjoint: Value | float, node: Value) -> bool:
        """Tell whether a local derivative that is constantly 0 contributes nothing.

        It does not if its branch is not taken, and if the adjoint is finite.
        """
        if is_traced(adjoint):
            decides = node.op == "where" and node.parents[0].op != LINEAR  # rather than a variable
            return self.is_later or decides or node.op in COMPARISONS
        number = adjoint._number if isinstance(adjoint, Value) else adjoint
        if number != number and (node.op == "where" or node in self._kinks):
            return False  # as in `choices.leaves_out`
        return math.isfinite(number) or may_leave_out(node.op)


def _varying(node: Value) -> tuple[Value, ...]:
    """List the operands that a node varies with: for a choice, the alternatives."""
    if node.op in COMPARISONS:
        return ()
    if node.op in CHOICES and not is_traced(node):
        chosen = zip(node.parents, node.local_derivatives, strict=True)
        return tuple([parent for parent, derivative in chosen if derivative])
    return node.parents[1:] if node.op == "where" else node.parents


def _is_still(node: Value, still: Mapping[Value, bool]) -> bool:
    """Tell whether a node is constant near the point, given the answers for its operands."""
    if is_traced(node) or node.op in (KINKED, DETACHED):
        return False
    rule = rule_of(node.op)
    if rule is not None and rule.kinks is not None:
        operands = [parent._number for parent in node.parents]
        if rule.kinks(FLOATS, node._number, *operands):
            return False

    def stays(operand: Value) -> bool:
        return still.get(operand, operand.op is CONSTANT)

    if node.op in ("*", *PRODUCTS) and math.isfinite(node._number):
        return all(map(stays, node.parents)) or any(
            not factor._number and stays(factor) for factor in node.parents
        )
    if node.op == "/" and not node._number and stays(node.parents[0]):
        return not node.parents[0]._number
    links = enumerate(zip(node.parents, node.local_derivatives, strict=True))
    return all(
        stays(parent) or (not derivative and leaves_out(node, place))
        for place, (parent, derivative) in links
    )


def _marks_of_operands(node: Value, marked: dict[Value, Value]) -> list[Value | None]:
    """List the marks of the operands that a node varies with, traced choices included."""
    varying = _varying(node)
    if node.op not in CHOICES or not is_traced(node) or marked.keys().isdisjoint(varying):
        return [marked.get(operand) for operand in varying]
    found: list[Value | None] = []
    for operand, partial in zip(node.parents, partials(node), strict=True):
        mark = None if is_zero(partial) else marked.get(operand)
        if mark is not None and isinstance(partial, Value):
            mark = VALUES.where(partial == 0.0, 0.0, mark)
        found.append(mark)
    return found


JUMPS = STEPS | {"%", "fmod", "remainder", "copysign"}
"""The operations whose value jumps, not only their derivative."""


def guarded_product(
    flow: Value | float, partial: Value | float, forwards: bool = False
) -> Value | float:
    """Multiply so that a zero adjoint contributes nothing, whatever the other factor.

    Args:
        flow: An adjoint; in forward mode, a tangent.
        partial: A local derivative.
        forwards: Whether instead a zero local derivative contributes nothing.

    Returns:
        The product.

    Example:
        >>> guarded_product(0.0, float("inf"))
        0.0
    """
    x1, x2 = (partial, flow) if forwards else (flow, partial)
    if is_zero(x1):
        return 0.0
    if isinstance(x1, Value):
        data = x2._number if isinstance(x2, Value) else x2
        unknown = is_traced(x2)
        if (unknown or not math.isfinite(data)) and (unknown or is_traced(x1) or not x1._number):
            return record(RULES[CHAIN_PRODUCT], (x1, as_value(x2)))
    return x1 * x2


def _marked(product: Value | float, flow: Value | float, mark: Value) -> Value:
    return record(RULES[KINKED], (as_value(product), as_value(flow), mark))


def _depends_on_any(value: Value, nodes: set[Value]) -> bool:
    walked = interior(value, stop=nodes)
    return value in nodes or any(not nodes.isdisjoint(node.parents) for node in walked)


def _constant_of(flow: Value | float) -> Value:
    """Return the number of an adjoint or tangent, without what it depends on."""
    if isinstance(flow, Value) and is_traced(flow):
        return record(RULES[DETACHED], (flow,))
    return as_value(flow._number if isinstance(flow, Value) else flow)


def _unless_masked(mark: Any, *factors: Value | float) -> Any:
    """Make a number 0 where a factor is 0 because a branch is not taken."""
    for factor in factors:
        if mark is not None and isinstance(factor, Value):
            masked = masked_where(factor)
            mark = mark if masked is None else VALUES.where(masked, 0.0, mark)
    return mark


def _may_be_agreed(adjoint: Value, partial: Value | float) -> Value | None:
    """As `_is_agreed`, for traced nodes: an expression, or None if it cannot be the case."""
    if not isinstance(partial, Value) or not is_traced(partial) or is_mask(adjoint):
        return None
    infinite = VALUES.where(VALUES.abs(partial) < math.inf, 0.0, 1.0)
    return _unless_masked(VALUES.where(adjoint == 0.0, infinite, 0.0), adjoint)  # type: ignore[no-any-return]


def _is_agreed(adjoint: Value | float, partial: Value | float) -> bool:
    """Tell whether a variable adjoint that is 0 meets an infinite derivative."""
    if not isinstance(adjoint, Value) or is_traced(adjoint) or adjoint._number:
        return False
    data = partial._number if isinstance(partial, Value) else partial
    return not is_traced(partial) and not math.isfinite(data)


def _quotient(node: Value, partial: Value | float) -> tuple[Value, Value] | None:
    """Split a traced derivative that is a quotient into two factors, a reciprocal first.

    The derivative of 1 / x contains 1 / x**2, whose square may leave the range of floats although
    the whole does not: log(x) has the second derivative x'' / x - (x' / x)**2. For recorded nodes
    the numbers are known, and `formulas.over` takes care of it.
    """
    if not is_traced(node) or not isinstance(partial, Value):
        return None
    if node.op in ("/", "reciprocal") and partial.op == "/":
        over, under = partial.parents
        return None if over.op is CONSTANT else (1.0 / under, over)
    if node.op == "**" and partial.op == "*":
        base, exponent = node.parents
        if exponent.op is CONSTANT and exponent._number < 0.0:  # others may be 0 times inf
            return 1.0 / base, exponent._number * node
    return None


def _record_backward(root: Value, nodes: Sequence[Value], seed: float) -> None:
    variables = [leaf for leaf in leaves(root) if leaf.op is not CONSTANT]
    found = recorded_adjoints(root, nodes, dependents(nodes, variables), seed)
    for node in (*nodes, *variables):
        adjoint: Any = as_value(found.get(node, 0.0))
        is_set = node.parents or (type(node._grad) is float and not node._grad)
        node._grad = adjoint if is_set else node._grad + adjoint


Value._record_backward = _record_backward  # type: ignore[method-assign, assignment]  # which stands below
