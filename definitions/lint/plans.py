"""Rules over normalised plans and driver trees: the same thing twice, almost the same thing, sums of unlike things.

Source: definition lint, 'Warnings' (DUPLICATE, NEAR_DUPLICATE, TREE_UNITS, TREE_DOES_NOT_RECONCILE) and 'Errors'
(unit mismatch).
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations

from sqlglot import exp

from definitions.lint.finding import Found, Rule, Severity, Subject, about
from definitions.model import Derived, Metric


def _duplicate(subject: Subject) -> Found:
    first: dict[str, Metric] = {}
    for plan in subject.plans:
        other = first.setdefault(plan.exact, plan.metric)
        if other is not plan.metric:
            yield (
                about(plan.metric),
                f"{plan.metric.name} computes the same as {other.name} ({other.location})",
            )


def _near_duplicate(subject: Subject) -> Found:
    for one, other in combinations(subject.plans, 2):
        if one.exact == other.exact:
            continue
        first, second = one.metric, other.metric
        if one.loose == other.loose:
            yield (
                about(second),
                f"{second.name} differs from {first.name} ({first.location}) only in gaps, sample, calendar or "
                "spelling",
            )
            continue
        # Names first: they are short, and of many pairs few are alike; every publication asks this.
        if _shared(one.words, other.words) < subject.settings.near_duplicate_name:
            continue
        alike = _likeness(one.leaves, other.leaves)
        if alike >= subject.settings.near_duplicate_plan:
            yield (
                about(second),
                f"{second.name} is named like {first.name} ({first.location}), and its plan is {alike:.0%} the same",
            )


def _shared(one: frozenset[str], other: frozenset[str]) -> float:
    """Dice coefficient of two sets."""
    return 2 * len(one & other) / (len(one) + len(other))


def _likeness(one: Counter[str], other: Counter[str]) -> float:
    """Dice coefficient of two bags: twice what they share over what they hold."""
    total = sum(one.values()) + sum(other.values())
    return 2 * sum((one & other).values()) / total if total else 1.0


def _mixed_units(subject: Subject) -> Found:
    resolver = subject.resolver
    for metric in subject.catalogue.metrics.values():
        if not isinstance(metric.formula, Derived):
            continue
        node, items = resolver.derived(metric)
        metrics = {item.alias: subject.catalogue.metrics[item.metric] for item in items}
        for part in node.find_all(exp.Add, exp.Sub):
            sides = [_metric_of(side, metrics) for side in (part.this, part.expression)]
            left, right = sides
            if left is not None and right is not None and _unit(left) != _unit(right):
                yield (
                    about(metric),
                    f"{metric.name} adds {left.name} ({left.unit}) and {right.name} ({right.unit})",
                )


def _metric_of(node: exp.Expr, metrics: dict[str, Metric]) -> Metric | None:
    while isinstance(node, exp.Paren):
        node = node.this
    return metrics.get(node.name) if isinstance(node, exp.Column) else None


def _unit(metric: Metric) -> tuple[str, str]:
    """What may be added: the same currency, counts of anything, fractions and scores of the same kind."""
    family = metric.unit_family
    return family, metric.currency or "" if family == "currency" else ""


_MONEY, _TIME = (1, 0), (0, 1)
_DIMENSIONS = {"currency": _MONEY, "duration_seconds": _TIME}


def _tree_units(subject: Subject) -> Found:
    for metric in subject.catalogue.metrics.values():
        if metric.drivers is None:
            continue
        inputs = [subject.catalogue.metrics[name] for name in metric.drivers.inputs]
        operator = metric.drivers.operator
        if operator in ("sum", "difference"):
            unlike = [item for item in inputs if _unit(item) != _unit(metric)]
            if unlike:
                shown = ", ".join(f"{item.name} in {item.unit}" for item in unlike)
                yield about(metric), f"{metric.name} in {metric.unit} is the {operator} of {shown}"
            continue
        signs = [1] + [1 if operator == "product" else -1] * (len(inputs) - 1)
        made = tuple(
            sum(
                sign * _DIMENSIONS.get(item.unit_family, (0, 0))[axis]
                for sign, item in zip(signs, inputs, strict=True)
            )
            for axis in (0, 1)
        )
        wanted = _DIMENSIONS.get(metric.unit_family, (0, 0))
        currencies = {item.currency for item in (metric, *inputs) if item.currency}
        if made != wanted or len(currencies) > 1:
            shown = ", ".join(f"{item.name} in {item.unit}" for item in inputs)
            yield about(metric), f"{metric.name} in {metric.unit} cannot be the {operator} of {shown}"


def _tree_gaps(subject: Subject) -> Found:
    for gap in subject.facts.gaps:
        metric = subject.catalogue.metrics.get(gap.metric)
        if metric is not None:
            left = f"{gap.unexplained:,.2f} {metric.unit}"
            yield about(metric), f"the drivers of {gap.metric} leave {left} of {gap.period} unexplained"


RULES: tuple[Rule, ...] = (
    Rule(
        "MIXED_UNITS",
        Severity.ERROR,
        "Only like units are added",
        "Dollars plus tickets is a number that means nothing.",
        "Convert one of the two, or relate them by a ratio or a product.",
        _mixed_units,
    ),
    Rule(
        "DUPLICATE",
        Severity.WARNING,
        "One meaning has one name",
        "Two names for one number are two numbers as soon as one of them is changed.",
        "Keep one and deprecate the other with replaced_by.",
        _duplicate,
    ),
    Rule(
        "NEAR_DUPLICATE",
        Severity.WARNING,
        "Almost the same metric is usually the same metric",
        "Two win rates that differ by a detail nobody remembers end every discussion.",
        "Merge them, or say in both definitions how they differ and silence the rule with that reason.",
        _near_duplicate,
        ("lint.near_duplicate_plan", "lint.near_duplicate_name"),
    ),
    Rule(
        "TREE_UNITS",
        Severity.WARNING,
        "The units of a driver tree fit",
        "Contributions can only be split over inputs that make up the value in its own unit.",
        "Use inputs whose units give the metric's unit under the operator.",
        _tree_units,
    ),
    Rule(
        "TREE_DOES_NOT_RECONCILE",
        Severity.WARNING,
        "A driver tree makes up its value in every period",
        "A tree that does not add up explains a change by what did not cause it.",
        "Look for an input that is missing, filtered or timed differently.",
        _tree_gaps,
        ("scoring.reconcile_tolerance", "scoring.reconcile_rounding"),
    ),
)
