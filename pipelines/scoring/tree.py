"""Driver trees: which metrics make a metric, whether that is a tree, whether it adds up.

A node is additive (its children are added or subtracted) or multiplicative (multiplied or divided). Influences are
no arithmetic and live in `influence`. Source: scoring rules, "Driver trees and contributions".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from definitions.settings import ScoringSettings
from pipelines.scoring.arithmetic import Number, exact, quantise
from pipelines.scoring.bands import DEFAULTS
from pipelines.scoring.errors import TreeError
from pipelines.scoring.kinds import Operator
from pipelines.scoring.units import Unit


@dataclass(frozen=True, slots=True)
class DriverNode:
    """One metric and the children that make it, in order.

    `difference` subtracts every child after the first; `ratio` divides by every child after the first.
    """

    metric: str
    operator: Operator
    children: tuple[str, ...]

    @property
    def is_additive(self) -> bool:
        """Whether children are added or subtracted, rather than multiplied or divided."""
        return self.operator in {Operator.SUM, Operator.DIFFERENCE}

    @property
    def signs(self) -> tuple[int, ...]:
        """+1 for a child that is added or multiplied, −1 for one that is subtracted or divided by."""
        turns = self.operator in {Operator.DIFFERENCE, Operator.RATIO}
        return tuple(-1 if turns and place else 1 for place in range(len(self.children)))

    def value(self, children: Sequence[Number | None]) -> Fraction | None:
        """f(children); None where a child is unknown or a divisor is zero."""
        known = [exact(child) for child in children]
        values = [value for value in known if value is not None]
        if len(values) < len(self.children):
            return None
        return combine(self.is_additive, self.signs, values)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Whether a parent equals what its children make.

    Attributes:
        expected: f(children), None where a child is unknown.
        difference: parent − f(children), None where either is unknown.
        reconciles: |difference| ≤ max(0.5 % of |parent|, rounding); None where it cannot be said.
    """

    expected: Decimal | None
    difference: Decimal | None
    reconciles: bool | None


class DriverForest:
    """All driver trees of a dictionary; checked when made.

    >>> forest = DriverForest([DriverNode("revenue", Operator.PRODUCT, ("customers", "arpc"))])
    >>> forest.roots
    ('revenue',)

    Raises:
        TreeError: `duplicate_parent`, `no_children` or `cycle`.
    """

    def __init__(self, nodes: Iterable[DriverNode]) -> None:
        self._nodes: dict[str, DriverNode] = {}
        for node in nodes:
            if node.metric in self._nodes:
                raise TreeError("duplicate_parent", f"{node.metric} has two sets of drivers; keep one")
            if not node.children:
                raise TreeError("no_children", f"{node.metric} has drivers but no inputs; name at least one")
            self._nodes[node.metric] = node
        self._order = self._sort()

    @property
    def nodes(self) -> Mapping[str, DriverNode]:
        """Nodes by metric."""
        return self._nodes

    @property
    def children_first(self) -> tuple[DriverNode, ...]:
        """Nodes such that a node comes after every node below it."""
        return tuple(self._nodes[name] for name in self._order)

    @property
    def roots(self) -> tuple[str, ...]:
        """Metrics with drivers that drive nothing themselves, sorted."""
        driven = {child for node in self._nodes.values() for child in node.children}
        return tuple(sorted(set(self._nodes) - driven))

    def parents_of(self, metric: str) -> tuple[str, ...]:
        """Metrics that `metric` is a child of, sorted."""
        return tuple(sorted(name for name, node in self._nodes.items() if metric in node.children))

    def paths(self) -> tuple[tuple[str, ...], ...]:
        """Every path from a root downwards, parents before children: the rows of a published tree."""
        found: list[tuple[str, ...]] = []
        pending: list[tuple[str, ...]] = [(root,) for root in reversed(self.roots)]
        while pending:
            path = pending.pop()
            found.append(path)
            node = self._nodes.get(path[-1])
            if node is not None:
                pending += [(*path, child) for child in reversed(node.children)]
        return tuple(found)

    def _sort(self) -> list[str]:
        order: list[str] = []
        done: set[str] = set()
        for start in sorted(self._nodes):
            self._visit(start, (), done, order)
        return order

    def _visit(self, name: str, path: tuple[str, ...], done: set[str], order: list[str]) -> None:
        if name in path:
            raise TreeError("cycle", " → ".join((*path[path.index(name) :], name)))
        if name in done or name not in self._nodes:
            return
        for child in self._nodes[name].children:
            self._visit(child, (*path, name), done, order)
        done.add(name)
        order.append(name)


def combine(is_additive: bool, signs: Sequence[int], values: Sequence[Fraction]) -> Fraction | None:
    """Add up or multiply out; None where a divisor is zero."""
    if is_additive:
        return sum((sign * value for sign, value in zip(signs, values, strict=True)), Fraction(0))
    result = Fraction(1)
    for sign, value in zip(signs, values, strict=True):
        if sign > 0:
            result *= value
        elif value == 0:
            return None
        else:
            result /= value
    return result


def check_units(node: DriverNode, units: Mapping[str, str]) -> None:
    """Refuse a node whose children's units do not make the parent's.

    Raises:
        TreeError: `unit_mismatch`, or `unit_syntax` for a unit that cannot be read.
    """
    parent = Unit.parse(units[node.metric])
    children = [Unit.parse(units[child]) for child in node.children]
    if node.is_additive:
        for name, unit in zip(node.children, children, strict=True):
            if unit != parent:
                raise TreeError(
                    "unit_mismatch",
                    f"{node.metric} is in {parent}, its part {name} in {unit}; a sum needs one unit",
                )
        return
    made = Unit()
    for sign, unit in zip(node.signs, children, strict=True):
        made = made * unit if sign > 0 else made / unit
    if made != parent:
        raise TreeError("unit_mismatch", f"{node.metric} is in {parent}, but its drivers make {made}")


def reconcile(
    node: DriverNode,
    parent: Number | None,
    children: Sequence[Number | None],
    settings: ScoringSettings = DEFAULTS,
) -> Reconciliation:
    """Hold a parent against what its children make in one period.

    >>> node = DriverNode("revenue", Operator.PRODUCT, ("customers", "arpc"))
    >>> reconcile(node, 200_500, [1000, 200]).reconciles
    True
    """
    made, whole = node.value(children), exact(parent)
    if made is None or whole is None:
        return Reconciliation(None if made is None else quantise(made), None, None)
    difference = whole - made
    allowed = max(Fraction(settings.reconcile_tolerance) * abs(whole), Fraction(settings.reconcile_rounding))
    return Reconciliation(quantise(made), quantise(difference), abs(difference) <= allowed)
