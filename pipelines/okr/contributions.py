"""The driver trees of the dictionary: edges, and what each driver contributed to its parent's change.

For every node of a tree, every complete period of a grain at which the parent and all of its drivers are computed,
the total first and then each segment they share: the rows of one parent, period and segment add up to the parent's
change from the period before; what the drivers leave is a row `unexplained` under the parent's own name.
Source: scoring rules, "Driver trees and contributions".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import pyarrow as pa

from definitions.model import Catalogue, Drive, Metric, Segment
from definitions.settings import ScoringSettings
from pipelines.okr.series import Observation, SeriesBook
from pipelines.publishing.records import ContributionRow, InfluenceRow
from pipelines.scoring.contributions import Decomposition, decompose
from pipelines.scoring.influence import Correlation, lagged_correlation
from pipelines.scoring.kinds import Operator
from pipelines.scoring.tree import DriverForest, DriverNode

PREVIOUS_PERIOD = "previous_period"
PERIODS_SHOWN = 13

_FINEST_GRAIN_DAYS = {"day": 1, "week": 7, "month": 30, "quarter": 91, "year": 365}


def forest_of(catalogue: Catalogue) -> DriverForest:
    """The arithmetic driver trees of a dictionary.

    Raises:
        TreeError: `cycle`; the loader refuses it first.
    """
    return DriverForest(
        DriverNode(metric.name, Operator(metric.drivers.operator), metric.drivers.inputs)
        for metric in catalogue.metrics.values()
        if metric.drivers is not None
    )


def contribution_rows(
    catalogue: Catalogue,
    values: pa.Table,
    as_of: date,
    *,
    grains: Iterable[str] = ("week", "month", "quarter"),
    periods: int = PERIODS_SHOWN,
) -> tuple[ContributionRow, ...]:
    """Contributions to the change from the period before, for the last complete periods of each grain."""
    forest = forest_of(catalogue)
    book = SeriesBook(values, {m for node in forest.children_first for m in (node.metric, *node.children)})
    settings = catalogue.settings.scoring
    # A segment begins with its first row; before it, a metric that counts gaps as zero had nothing there.
    absent = {name: 0.0 if metric.missing == "zero" else None for name, metric in catalogue.metrics.items()}
    rows: list[ContributionRow] = []
    for node in sorted(forest.children_first, key=lambda node: node.metric):
        for grain in grains:
            for segment in _shared_segments(book, node, grain, catalogue.metrics[node.metric]):
                rows += _of_series(book, node, grain, segment, as_of, periods, settings, absent)
    return tuple(rows)


def influences(catalogue: Catalogue, values: pa.Table, as_of: date) -> tuple[InfluenceRow, ...]:
    """Correlate every metric that says it `drives` another, after its lag, on the coarsest grain with enough periods.

    Correlation, never cause. Ordered by driver and metric.
    """
    claims = [(metric, drive) for metric in catalogue.metrics.values() for drive in metric.drives]
    book = SeriesBook(values, {name for metric, drive in claims for name in (metric.name, drive.metric)})
    settings = catalogue.settings.scoring
    found = []
    for metric, drive in sorted(claims, key=lambda claim: (claim[0].name, claim[1].metric)):
        best: InfluenceRow | None = None
        for grain, days in sorted(_FINEST_GRAIN_DAYS.items(), key=lambda item: -item[1]):
            lag = 0 if drive.lag is None else round(drive.lag.days / days)
            driven = [row for row in book.of(drive.metric, grain) if row.end <= as_of and row.is_final]
            if len(driven) <= lag:
                continue
            drivers = _by_end(book.of(metric.name, grain))
            series = [_value(drivers, row.end) for row in driven]
            item = lagged_correlation(
                series, [row.value for row in driven], lag, drive.expected_sign, settings
            )
            best = _influence(metric.name, drive, grain, item, driven[-1].end)
            if item.reason is None:
                break
        if best is not None:
            found.append(best)
    return tuple(found)


def _influence(driver: str, drive: Drive, grain: str, item: Correlation, through: date) -> InfluenceRow:
    return InfluenceRow(
        driver_metric_id=driver,
        driven_metric_id=drive.metric,
        period_grain=grain,
        lag_periods=item.lag,
        expected_sign=drive.expected_sign,
        pairs=item.pairs,
        correlation=item.changes,
        correlation_of_levels=item.levels,
        reason=item.reason,
        is_sign_as_expected=item.sign_as_expected,
        through_date=through,
    )


def _of_series(
    book: SeriesBook,
    node: DriverNode,
    grain: str,
    segment: Segment,
    as_of: date,
    periods: int,
    settings: ScoringSettings,
    absent: Mapping[str, float | None],
) -> list[ContributionRow]:
    parents = [row for row in book.of(node.metric, grain, segment) if row.end <= as_of]
    children = {child: _by_end(book.of(child, grain, segment)) for child in node.children}
    by_end = _by_end(parents)
    rows: list[ContributionRow] = []
    for row in parents[-periods:]:
        before = by_end.get(row.start - timedelta(1))
        if before is None or before.value is None or row.value is None:
            continue
        then, now = (
            [
                absent[child] if segment and end not in children[child] else _value(children[child], end)
                for child in node.children
            ]
            for end in (before.end, row.end)
        )
        found = decompose(node, (before.value, row.value), list(zip(then, now, strict=True)), settings)
        rows += _rows(node.metric, grain, row.start, segment, found)
    return rows


def _rows(
    metric: str, grain: str, start: date, segment: Segment, found: Decomposition
) -> list[ContributionRow]:
    dimension, value = "|".join(d for d, _ in segment), "|".join(v for _, v in segment)
    return [
        ContributionRow(
            parent_metric_id=metric,
            child_metric_id=metric if part.method == "unexplained" else part.child,
            period_grain=grain,
            period_start=start,
            compare_to=PREVIOUS_PERIOD,
            segment_dimension=dimension,
            segment_value=value,
            child_value=part.now,
            child_compare_value=part.before,
            contribution=part.amount,
            contribution_share=part.share,
            method=str(part.method),
            reconciles=found.reconciles,
        )
        for part in found.parts
    ]


def _shared_segments(book: SeriesBook, node: DriverNode, grain: str, metric: Metric) -> list[Segment]:
    """The total, then every segment in which the parent and all drivers are computed."""
    if not all(book.has(child, grain) for child in node.children):
        return []  # a grain at which a driver is not computed explains nothing
    found: list[Segment] = [()]
    for dimensions in metric.segments:
        found += [
            segment
            for segment in book.segments(node.metric, grain, tuple(sorted(dimensions)))
            if all(book.has(child, grain, segment) for child in node.children)
        ]
    return found


def _by_end(rows: Iterable[Observation]) -> Mapping[date, Observation]:
    return {row.end: row for row in rows}


def _value(rows: Mapping[date, Observation], end: date) -> float | None:
    row = rows.get(end)
    return None if row is None else row.value
