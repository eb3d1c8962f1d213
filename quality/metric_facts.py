"""What a definition promises about its values: which are ratios, shares of a whole, counts, sums of parts."""

from __future__ import annotations

from dataclasses import dataclass

from definitions.model import (
    Aggregation,
    Balance,
    Catalogue,
    Conversion,
    Cumulative,
    Measure,
    Metric,
    Missing,
    Operand,
    Ratio,
    Retention,
    Simple,
)


@dataclass(frozen=True, slots=True)
class MetricFacts:
    """``is_additive``: the segments' values add up to the total. ``parts_additive``: their numerators and
    denominators do. ``is_share``: the numerator counts some of what the denominator counts."""

    metric: str
    current_version: int
    minimum_sample: int | None
    is_ratio: bool
    is_share: bool
    is_count: bool
    is_additive: bool
    parts_additive: bool


def facts(catalogue: Catalogue) -> list[MetricFacts]:
    """Facts of every metric, by name."""
    return [_facts(metric, catalogue) for _, metric in sorted(catalogue.metrics.items())]


def _facts(metric: Metric, catalogue: Catalogue) -> MetricFacts:
    formula = metric.formula
    rate = isinstance(formula, Conversion | Retention) and formula.calculation == "rate"
    ratio = formula if isinstance(formula, Ratio) else None
    counts = isinstance(formula, Simple | Balance) and formula.measure.agg in (
        Aggregation.COUNT,
        Aggregation.COUNT_DISTINCT,
        Aggregation.SUM_BOOLEAN,
    )
    gaps_carried = metric.missing is Missing.CARRY_FORWARD
    return MetricFacts(
        metric=metric.name,
        current_version=metric.version,
        minimum_sample=metric.minimum_sample,
        is_ratio=ratio is not None or rate,
        is_share=rate or (ratio is not None and _counts_some_of(ratio, catalogue)),
        is_count=counts,
        is_additive=not gaps_carried and _additive(metric, catalogue),
        parts_additive=ratio is not None
        and not gaps_carried
        and _adds_up(ratio.numerator, catalogue)
        and _adds_up(ratio.denominator, catalogue),
    )


def _additive(metric: Metric, catalogue: Catalogue, depth: int = 0) -> bool:
    formula = metric.formula
    if isinstance(formula, Simple | Balance):
        return formula.measure.agg.is_additive and not (isinstance(formula, Balance) and formula.groupings)
    if isinstance(formula, Cumulative) and depth < 8:
        return _adds_up(formula.input, catalogue, depth + 1)
    return False


def _adds_up(operand: Operand, catalogue: Catalogue, depth: int = 0) -> bool:
    if isinstance(operand, Measure):
        return operand.agg.is_additive
    metric = catalogue.metrics.get(operand.metric)
    return (
        metric is not None
        and metric.missing is not Missing.CARRY_FORWARD
        and _additive(metric, catalogue, depth)
    )


def _counts_some_of(ratio: Ratio, catalogue: Catalogue) -> bool:
    """Provably a part of a whole: both sides count rows of one source over one time column, and the whole has
    no filter of its own, or the same one."""
    part, whole = ratio.numerator, ratio.denominator
    if not (isinstance(part, Measure) and isinstance(whole, Measure)) or part.source != whole.source:
        return False
    source = catalogue.sources.get(part.source)
    usual = source.time if source else None
    if (part.time or usual) != (whole.time or usual) or whole.agg is not Aggregation.COUNT or whole.expr:
        return False
    counting = part.agg is Aggregation.COUNT and part.expr is None
    return (counting or part.agg is Aggregation.SUM_BOOLEAN) and whole.filter in (None, part.filter)
