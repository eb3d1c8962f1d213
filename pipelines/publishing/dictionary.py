"""The dictionary as rows to publish: from a loaded catalogue to the tables of schema kpi_core.

    rows = dictionary_rows(catalogue, definition_hashes(catalogue), first=date(2024, 1, 1), last=date(2027,
    12, 31))

Pure: the same catalogue gives the same rows in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from definitions.compiler.resolve import Resolver
from definitions.compiler.states import settling_of
from definitions.model import (
    Catalogue,
    Direction,
    Frequency,
    Grain,
    Metric,
    Target,
)
from pipelines.publishing.calendar_rows import company_calendar, dates
from pipelines.publishing.formulas import describe, sources_of
from pipelines.publishing.goal_rows import cycle_row, key_result_row, objective_row, segment_names
from pipelines.publishing.records import (
    BenchmarkRow,
    DictionaryRows,
    EdgeRow,
    GuardrailRow,
    MetricAudienceRow,
    MetricChangeRow,
    MetricRow,
    MetricVersionRow,
    PersonRoleRow,
    PersonRow,
    TargetRow,
    TeamRow,
)

FIRST_DEFINITION = "first definition"
ALWAYS = date(1970, 1, 1)
"""In force since ever: a definition whose people wrote down no date."""

_GRAIN_OF_REVIEW = {
    "hourly": Grain.DAY,
    "daily": Grain.DAY,
    "weekly": Grain.WEEK,
    "sprint": Grain.WEEK,
    "monthly": Grain.MONTH,
    "quarterly": Grain.QUARTER,
    "yearly": Grain.YEAR,
}
_GRAIN_PREFERENCE = (Grain.MONTH, Grain.WEEK, Grain.QUARTER, Grain.DAY, Grain.YEAR)
_FRESH_FOR_DAYS = {"hourly": 0.125, "daily": 1.5, "weekly": 8, "sprint": 15, "monthly": 35, "quarterly": 100,
                   "yearly": 400}  # fmt: skip
"""How old data may be where the metric does not say: one period and a margin, by how often it is
calculated."""
_FOCUS_WEIGHT = {"north_star": 3, "supporting": 2, "operational": 1}
_OPERATORS = {
    "sum": ("add", "add"),
    "difference": ("add", "subtract"),
    "product": ("multiply", "multiply"),
    "ratio": ("multiply", "divide"),
}
"""Operator of the first child of a driver tree, and of those after it."""


def dictionary_rows(
    catalogue: Catalogue, hashes: Mapping[str, str], *, first: date, last: date
) -> DictionaryRows:
    """Everything the catalogue says, as rows.

    `hashes` are the definition hashes by metric; `first` and `last` the days that `dim_date` has to reach
    over.
    """
    metrics, resolver = [metric for _, metric in sorted(catalogue.metrics.items())], Resolver(catalogue)
    calendar = company_calendar(catalogue)
    return DictionaryRows(
        dates=tuple(dates(calendar, first, last)),
        teams=tuple(_teams(catalogue)),
        people=tuple(_people(catalogue)),
        metrics=tuple(_metric(metric) for metric in metrics),
        versions=tuple(_version(resolver, metric, hashes[metric.name]) for metric in metrics),
        changes=tuple(_changes(metrics)),
        audiences=tuple(
            MetricAudienceRow(m.name, role) for m in metrics for role in sorted(set(m.restricted_to))
        ),
        roles=tuple(
            PersonRoleRow(person.key, role)
            for _, person in sorted(catalogue.people.items())
            for role in sorted(set(person.roles))
        ),
        edges=tuple(_edges(metrics)),
        guardrails=tuple(_guardrails(metrics)),
        benchmarks=tuple(_benchmarks(metrics)),
        targets=tuple(_target(target) for target in catalogue.targets),
        cycles=tuple(cycle_row(cycle) for cycle in catalogue.cycles),
        objectives=tuple(objective_row(objective) for objective in catalogue.objectives),
        key_results=tuple(key_result_row(objective, kr) for _, objective, kr in catalogue.key_results()),
    )


def _teams(catalogue: Catalogue) -> Iterator[TeamRow]:
    for key, team in sorted(catalogue.teams.items()):
        yield TeamRow(key, team.name, team.parent, team.level, team.lead, team.function, team.kpi_limit)


def _people(catalogue: Catalogue) -> Iterator[PersonRow]:
    for key, person in sorted(catalogue.people.items()):
        yield PersonRow(key, person.name, person.email, person.team, person.active)


def _metric(metric: Metric) -> MetricRow:
    band = metric.band
    return MetricRow(
        metric_id=metric.name,
        metric_name=metric.label,
        short_description=metric.definition,
        category=metric.category,
        team_key=metric.owner.team,
        owner_key=metric.owner.accountable,
        hierarchy_level=metric.level,
        bsc_perspective=metric.perspective,
        indicator_type=metric.indicator,
        purpose=metric.purpose,
        direction="band" if metric.direction is Direction.WITHIN else metric.direction.value,
        unit=metric.unit,
        unit_family=metric.unit_family,
        currency_code=metric.currency,
        display_format=metric.display_format,
        aggregation=metric.aggregation,
        calculation_cadence=metric.frequency.calculate,
        review_cadence=metric.frequency.review,
        headline_grain=headline_grain(metric.frequency, metric.grains),
        is_actionable=metric.is_actionable,
        is_vanity=metric.is_vanity,
        lifecycle=metric.status,
        sensitivity=metric.visibility,
        current_version=metric.version,
        focus_weight=_FOCUS_WEIGHT[metric.level],
        band_low=band.low if band else None,
        band_high=band.high if band else None,
        suggested_actions="\n".join(metric.suggested_actions) or None,
        replaced_by=metric.replaced_by,
        deprecated_date=metric.deprecated_on,
    )


def headline_grain(frequency: Frequency, grains: tuple[str, ...]) -> str:
    """The grain people look at first: that of the review, else the nearest one that is published.

    >>> headline_grain(Frequency("daily", "weekly"), ("day", "week", "month"))
    'week'
    >>> headline_grain(Frequency("daily", "weekly"), ("month", "quarter"))
    'month'
    """
    wanted = _GRAIN_OF_REVIEW.get(frequency.review, Grain.MONTH)
    candidates = (wanted, *_GRAIN_PREFERENCE)
    return next(
        (grain.value for grain in candidates if grain in grains), grains[0] if grains else wanted.value
    )


def _version(resolver: Resolver, metric: Metric, definition_hash: str) -> MetricVersionRow:
    catalogue = resolver.catalogue
    sources = [catalogue.sources[name] for name in sources_of(catalogue, metric)]
    words = describe(catalogue, metric)
    change = next((c for c in metric.changes if c.version == metric.version), None)
    driven_by = sorted(
        m.name for m in catalogue.metrics.values() for d in m.drives if d.metric == metric.name
    )
    return MetricVersionRow(
        metric_id=metric.name,
        version=metric.version,
        definition=metric.definition,
        formula_text=words.formula,
        numerator_sql=words.numerator,
        denominator_sql=words.denominator,
        filters=words.filters,
        time_attribution=words.time,
        time_zone=catalogue.calendars[metric.calendar].time_zone,
        missing_policy=metric.missing.value,
        source_systems=tuple(sorted({source.system for source in sources})),
        source_tables=tuple(sorted({source.table for source in sources})),
        segments=tuple("|".join(segment) for segment in metric.segments),
        minimum_sample=metric.minimum_sample,
        restatement_days=settling_of(resolver, metric.name).days,
        freshness_sla_seconds=_fresh_for(metric),
        known_pitfalls=metric.known_pitfalls or None,
        related_leading=tuple(driven_by),
        related_lagging=tuple(sorted({drive.metric for drive in metric.drives})),
        definition_hash=definition_hash,
        change_type=change.kind if change else "new",
        change_reason=change.why if change else FIRST_DEFINITION,
        proposed_by=change.proposed_by if change else None,
        approved_by=change.approved_by if change else None,
        valid_from=change.on if change else ALWAYS,
        restate_from=change.restate_from if change else None,
        definition_file=metric.location.file or None,
        definition_line=metric.location.line or None,
    )


def _fresh_for(metric: Metric) -> int:
    days = metric.freshness.days if metric.freshness else _FRESH_FOR_DAYS.get(metric.frequency.calculate, 1.5)
    return int(days * 86_400)


def _changes(metrics: list[Metric]) -> Iterator[MetricChangeRow]:
    for metric in metrics:
        for change in sorted({c.version: c for c in metric.changes}.values(), key=lambda c: c.version):
            yield MetricChangeRow(
                metric.name,
                change.version,
                change.kind,
                change.on,
                change.why,
                change.proposed_by,
                change.approved_by,
                change.restate_from,
            )


def _edges(metrics: list[Metric]) -> Iterator[EdgeRow]:
    for metric in metrics:
        if metric.drivers is not None:
            first, rest = _OPERATORS[metric.drivers.operator]
            for order, child in enumerate(metric.drivers.inputs):
                operator = first if order == 0 else rest
                sign = -1 if operator in ("subtract", "divide") else 1
                yield EdgeRow(metric.name, child, operator, order, sign)
    arithmetic = {(m.name, child) for m in metrics if m.drivers is not None for child in m.drivers.inputs}
    orders: dict[str, int] = {}
    for metric in metrics:
        for drive in metric.drives:
            if (drive.metric, metric.name) in arithmetic:
                continue  # the arithmetic says it already
            order = orders[drive.metric] = orders.get(drive.metric, 99) + 1
            lag, grain = (drive.lag.count, drive.lag.unit.value) if drive.lag else (0, None)
            yield EdgeRow(drive.metric, metric.name, "influences", order, drive.expected_sign, lag, grain)


def _guardrails(metrics: list[Metric]) -> Iterator[GuardrailRow]:
    for metric in metrics:
        for guard in metric.guardrails:
            yield GuardrailRow(metric.name, guard.metric, guard.rationale, guard.tolerance_pct)


def _benchmarks(metrics: list[Metric]) -> Iterator[BenchmarkRow]:
    for metric in metrics:
        for mark in metric.benchmarks:
            yield BenchmarkRow(
                metric.name, mark.label, mark.low, mark.high, mark.applies_to or None, mark.source
            )


def _target(target: Target) -> TargetRow:
    dimension, value = segment_names(target.segment)
    band, baseline = target.band, target.baseline
    return TargetRow(
        metric_id=target.metric,
        period_grain=target.grain,
        period_start=target.period_start,
        period_end=target.period_end,
        segment_dimension=dimension,
        segment_value=value,
        comparison=target.comparison,
        target_value=target.target,
        stretch_value=target.stretch,
        band_low=band.low if band else None,
        band_high=band.high if band else None,
        floor_value=band.floor if band else None,
        ceiling_value=band.ceiling if band else None,
        amber_at=target.amber_at,
        red_at=target.red_at,
        baseline_value=baseline.value if baseline else None,
        baseline_as_of=baseline.as_of if baseline else None,
        target_spec=target.spec,
        spec_value=target.spec_value,
        set_by=target.set_by,
        set_date=target.set_on,
        reason=target.reason,
    )
