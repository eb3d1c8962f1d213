"""What good numbers may hide, and what a decline suggests: gaming risk, local optima, drafts of objectives.

Reads the KPI value frame after `apply_status`. Source: scoring rules, "Driver trees and contributions".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from definitions.model import Catalogue, Grain, Metric
from pipelines.okr.contributions import forest_of
from pipelines.okr.limits import band_of
from pipelines.okr.series import Observation, SeriesBook
from pipelines.publishing.dictionary import headline_grain
from pipelines.publishing.records import SignalRow, SuggestionRow
from pipelines.scoring.change import relative_gain
from pipelines.scoring.guardrails import GAMING_RISK, LOCAL_OPTIMUM, is_gaming_risk, is_local_optimum
from pipelines.scoring.kinds import KpiStatus
from pipelines.scoring.suggestions import MetricFacts, Suggestion, suggest


def find_signals(catalogue: Catalogue, coloured: pa.Table, as_of: date) -> tuple[SignalRow, ...]:
    """Gaming risks and local optima in the last final period of each metric's headline grain.

    The parents of a local optimum are those of the driver tree, arithmetic and influences alike.
    """
    guarded = {
        name
        for metric in catalogue.metrics.values()
        for guard in metric.guardrails
        for name in (metric.name, guard.metric)
    }
    driven = {name for parent, children in tree_edges(catalogue).items() for name in (parent, *children)}
    book = SeriesBook(_totals(coloured), guarded | driven)
    return tuple(
        sorted(
            [*_gaming(catalogue, book, as_of), *_local_optima(catalogue, book, as_of)],
            key=lambda signal: (signal.signal_kind, signal.metric_id, signal.other_metric_id),
        )
    )


def tree_edges(catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    """Children of every metric that has any: its drivers in their order, then what is said to influence it."""
    found = {node.metric: dict.fromkeys(node.children) for node in forest_of(catalogue).children_first}
    for metric in sorted(catalogue.metrics.values(), key=lambda metric: metric.name):
        for drive in metric.drives:
            found.setdefault(drive.metric, {}).setdefault(metric.name)
    return {parent: tuple(children) for parent, children in found.items()}


def suggestions(catalogue: Catalogue, coloured: pa.Table, as_of: date) -> tuple[SuggestionRow, ...]:
    """Draft objectives for metrics that got worse three weeks in a row; dated by the end of the third week.

    A decline that goes on stays one suggestion, with its reason brought up to date.
    """
    book = SeriesBook(_totals(coloured), set(catalogue.metrics))
    facts, ends = {}, {}
    for metric in catalogue.metrics.values():
        rows = [row for row in book.of(metric.name, Grain.WEEK) if row.end <= as_of]
        if metric.status == "deprecated" or not rows:
            continue
        ends[metric.name] = [row.end for row in rows if row.state != "provisional"]
        facts[metric.name] = MetricFacts(
            name=metric.name,
            label=metric.label,
            direction=metric.direction,
            weeks=tuple(row.value for row in rows if row.state != "provisional"),
            owner=metric.owner.accountable,
            team=metric.owner.team,
            target=rows[-1].target,
            is_actionable=metric.is_actionable,
            is_leading=metric.indicator == "leading",
            band=band_of(metric),
        )
    settings = catalogue.settings.scoring
    return tuple(
        SuggestionRow(
            metric_id=draft.metric,
            raised_date=ends[draft.metric][settings.adverse_weeks - 1 - draft.since],
            reason=draft.reason,
            draft=_document(draft),
        )
        for draft in suggest(facts, tree_edges(catalogue), settings)
    )


def _totals(values: pa.Table) -> pa.Table:
    return values.filter(pc.equal(values["segment_dimension"], ""))


def _gaming(catalogue: Catalogue, book: SeriesBook, as_of: date) -> list[SignalRow]:
    found = []
    for metric in catalogue.metrics.values():
        grain = headline_grain(metric.frequency, metric.grains)
        row, before = _last_two(book, metric, grain, as_of)
        if row is None or before is None:
            continue
        better = _gain(metric, row, before)
        for guard in metric.guardrails:
            counter = catalogue.metrics[guard.metric]
            # A cohort that has not matured looks worse than it will be: only what is final is held against each other.
            other = {item.start: item for item in book.of(counter.name, grain) if item.is_final}
            now, then = other.get(row.start), other.get(before.start)
            if now is None or then is None:
                continue
            change = _gain(counter, now, then)
            if better is None or change is None:
                continue
            tolerance = Decimal(str(guard.tolerance_pct))
            if is_gaming_risk(better, change, tolerance, catalogue.settings.scoring):
                found.append(
                    SignalRow(
                        GAMING_RISK,
                        metric.name,
                        counter.name,
                        grain,
                        row.start,
                        f"{metric.label} improved {better:.1%} while {counter.label} worsened {-change:.1%}",
                    )
                )
    return found


def _local_optima(catalogue: Catalogue, book: SeriesBook, as_of: date) -> list[SignalRow]:
    found = []
    for above_name, children in sorted(tree_edges(catalogue).items()):
        parent = catalogue.metrics[above_name]
        grain = headline_grain(parent.frequency, parent.grains)
        above = [row for row in book.of(parent.name, grain) if row.end <= as_of and row.is_final]
        for name in children:
            below = [row for row in book.of(name, grain) if row.end <= as_of and row.is_final]
            if not above or not below or above[-1].start != below[-1].start:
                continue
            if is_local_optimum(_statuses(below), _statuses(above), catalogue.settings.scoring):
                label = catalogue.metrics[name].label
                found.append(
                    SignalRow(
                        LOCAL_OPTIMUM,
                        name,
                        parent.name,
                        grain,
                        above[-1].start,
                        f"{label} has been green for {catalogue.settings.scoring.local_optimum_periods} periods "
                        f"while {parent.label}, which it drives, is red",
                    )
                )
    return found


def _gain(metric: Metric, now: Observation, before: Observation) -> Decimal | None:
    return relative_gain(metric.direction, now.value, before.value, band_of(metric))


def _last_two(
    book: SeriesBook, metric: Metric, grain: str, as_of: date
) -> tuple[Observation | None, Observation | None]:
    rows = [row for row in book.of(metric.name, grain) if row.end <= as_of and row.is_final][-2:]
    if len(rows) < 2 or rows[0].end + timedelta(1) != rows[1].start:
        return None, None
    return rows[1], rows[0]


def _statuses(rows: Sequence[Observation]) -> list[KpiStatus]:
    return [KpiStatus(row.status or KpiStatus.NO_DATA) for row in rows]


def _document(draft: Suggestion) -> dict[str, object]:
    """A draft as plain data, numbers as text so that no digit is lost."""
    return {
        "title": draft.title,
        "owner": draft.owner,
        "team": draft.team,
        "key_results": [
            {
                "metric": item.metric,
                "statement": item.statement,
                "owner": item.owner,
                "baseline": str(item.baseline),
                "target": str(item.target),
                "is_leading": item.is_leading,
            }
            for item in draft.key_results
        ],
    }
