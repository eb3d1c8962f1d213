"""From what the run found to what people read: the gate, the batch, the alerts that go with it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Engine

from definitions.approval import Published as PublishedDefinition
from definitions.approval import refused
from definitions.compiler import Compiler
from definitions.governance import dropped
from definitions.model import Catalogue
from pipelines import handover
from pipelines.alerts.raising import raise_now, to_publish
from pipelines.alerts.sources import (
    Found,
    anomalies,
    check_ins,
    check_ins_due,
    definitions_changed,
    failed_checks,
    key_results,
    late,
    published,
    red_lines,
    run_succeeded,
)
from pipelines.alerts.sources.series import series_of
from pipelines.installation import Installation
from pipelines.last_good import check_of_files
from pipelines.publishing import BlockedMetric, Publication, PublishResult, Staged, publish
from pipelines.publishing.dictionary import dictionary_rows
from pipelines.publishing.errors import PublicationRefused
from pipelines.publishing.in_force import dropped_before, in_force
from pipelines.publishing.lease import acquire
from pipelines.publishing.records import (
    AnomalyRow,
    CheckInDueRow,
    ContributionRow,
    DictionaryRows,
    FreshnessRow,
    InfluenceRow,
    KeyResultScoreRow,
    ObjectiveScoreRow,
    QualityResultRow,
    SegmentEffectRow,
    SignalRow,
    SuggestionRow,
)
from pipelines.steps import detect, score, stage
from pipelines.steps.assess import coloured_values, keep_as_good, last_complete_day, value_checks
from pipelines.steps.lifecycle import living, readable, with_status
from pipelines.steps.lint import finding_rows
from pipelines.steps.people import nudges, said
from pipelines.steps.reporting import reporting
from pipelines.steps.targets import with_targets_in_force
from pipelines.warehouse import Warehouse
from quality import CheckResult, GateDecision, decide, run_published_checks

DAILY = "daily"


@dataclass(frozen=True)
class Published:
    """A publication and what was held back from it."""

    result: PublishResult
    decision: GateDecision
    alerts: int

    def facts_of(self, name: str) -> dict[str, Any]:
        """What Dagster shows beside a published table."""
        counts = {
            table: f"{count.inserted} inserted, {count.revised} revised, {count.retired} retired"
            for table, count in self.result.tables.items()
            if count.inserted or count.retired
        }
        return {
            "batch": self.result.batch_id,
            "outcome": self.result.outcome.value,
            "held_back": ", ".join(sorted(self.decision.blocked)) or "nothing",
            "flagged": ", ".join(sorted(self.decision.flagged)) or "nothing",
            **(counts if name == "kpi_values" else {}),
        }


def publish_run(
    installation: Installation,
    warehouse: Warehouse,
    *,
    run_id: str,
    job: str = DAILY,
    reason: str | None = None,
    on_audit: Callable[[Sequence[CheckResult]], None] = lambda results: None,
) -> Published:
    """Publish what the steps before left in the warehouse.

    The decision what may be published is read from the check results themselves, not from the orchestrator, so it
    holds as well when a person publishes by hand. When the gate holds everything, the alerts about what is wrong
    are raised all the same. ``reason`` is written to each value that was final and changes.
    ``on_audit`` is told what the last check found, the one of what is staged, also when it refuses the publication.

    Raises:
        PublicationRefused: the gate holds the whole publication; readers keep the last one.
        LeaseHeld, LeaseLost: another run holds the right to publish, or took it over meanwhile.
        DatabaseUnavailable: the reporting database cannot be written; names it.
    """
    now = installation.workspace.now()
    with reporting(installation) as engine:
        # Taken before anything is read: a run that begins to publish later has read what is later, and this one,
        # wherever it slept meanwhile, is fenced.
        lease = acquire(engine, holder=run_id, clock=installation.workspace.clock, term=timedelta(0))
        catalogue = with_targets_in_force(installation, warehouse)
        checks = (*stage.staging_checks(warehouse), *value_checks(warehouse))
        if checks:  # that every file loads says nothing about data that nobody checked
            checks = (*checks, check_of_files(installation.broken, now))
        decision = decide(checks, catalogue)
        if not decision.publish:
            raise_now(engine, _troubles(installation, warehouse, checks), catalogue, now)
            raise PublicationRefused(run_id, ["the gate"], "; ".join(decision.reasons[:3]))
        publication = _publication(installation, catalogue, warehouse, engine, checks, decision, run_id)
        if reason:
            publication = replace(publication, restatement_reason=reason)
        result = publish(
            engine,
            publication,
            clock=installation.workspace.clock,
            run_id=run_id,
            lease=lease,
            audits=(_computed_equals_staged(installation, warehouse, decision, on_audit),),
        )
        changed = result.tables["kpi_value"].inserted if "kpi_value" in result.tables else 0
        told = published(
            publication.publication_id, publication.data_through, changed, now, installation.places
        )
        raise_now(engine, told + run_succeeded(job), catalogue, now)
    keep_as_good(warehouse, {entry.metric for entry in result.blocked})
    return Published(result, decision, len(publication.alerts))


def _troubles(installation: Installation, warehouse: Warehouse, checks: Iterable[CheckResult]) -> Found:
    """What is wrong with the data: failed checks and late sources."""
    catalogue, where = installation.catalogue, installation.places
    fresh = handover.take(warehouse, stage.FRESHNESS, FreshnessRow)
    now = installation.workspace.now()
    return failed_checks([quality_row(check) for check in checks], catalogue, where) + late(
        fresh, catalogue, where, now
    )


def _publication(
    installation: Installation,
    catalogue: Catalogue,
    warehouse: Warehouse,
    engine: Engine,
    checks: Iterable[CheckResult],
    decision: GateDecision,
    run_id: str,
) -> Publication:
    where, now = installation.places, installation.workspace.now()
    take = partial(handover.take, warehouse)
    values = readable(installation, coloured_values(warehouse))
    flags = take(detect.ANOMALIES, AnomalyRow)
    coverage = detect.coverage(warehouse)
    scores = take(score.KEY_RESULTS, KeyResultScoreRow)
    contributions = take(score.CONTRIBUTIONS, ContributionRow)
    fresh = take(stage.FRESHNESS, FreshnessRow)
    results = tuple(quality_row(check) for check in checks)
    spoken = said(installation).check_ins
    messages, dues = nudges(installation, take(score.DUES, CheckInDueRow), spoken)
    charts = series_of(values, flags)
    found: Found = (
        anomalies(flags, coverage, catalogue, where, charts)
        + red_lines(living(installation, values), catalogue, where, charts)
        + key_results(scores, catalogue, where)
        + _troubles(installation, warehouse, checks)
        + check_ins_due(messages, catalogue, where)
        + check_ins(spoken, catalogue, where, now)
        + definitions_changed(catalogue, where, last_complete_day(installation))
    )
    alerts = to_publish(engine, found, catalogue, now, run_id=run_id)
    first, last = _days(values, now.date())
    known = in_force(engine)
    compiler = Compiler(catalogue)
    fallen = dropped(compiler, known, dropped_before(engine))
    approved = _as_approved(
        dictionary_rows(catalogue, installation.hashes, first=first, last=last),
        refused(compiler, known),
        known,
    )
    return Publication(
        publication_id=run_id,
        code_version=importlib.metadata.version("vitals"),
        data_through=last_complete_day(installation),
        dictionary=with_status(installation, approved, fallen),
        values=values,
        blocked=tuple(
            BlockedMetric(metric, "; ".join(reasons[:2]))
            for metric, reasons in sorted(decision.blocked.items())
        ),
        key_result_scores=(*take(score.KEY_RESULT_HISTORY, KeyResultScoreRow), *scores),
        objective_scores=(
            *take(score.OBJECTIVE_HISTORY, ObjectiveScoreRow),
            *take(score.OBJECTIVES, ObjectiveScoreRow),
        ),
        contributions=contributions,
        anomalies=flags,
        anomaly_coverage=coverage,
        quality_results=results,
        freshness=(*fresh, *take(stage.STREAMS, FreshnessRow)),
        check_ins_due=dues,
        suggestions=take(score.SUGGESTIONS, SuggestionRow),
        influences=take(score.INFLUENCES, InfluenceRow),
        segment_effects=take(score.EFFECTS, SegmentEffectRow),
        signals=take(score.SIGNALS, SignalRow),
        findings=finding_rows(installation, catalogue, contributions, fallen),
        alerts=alerts,
    )


def _as_approved(
    dictionary: DictionaryRows, held: Iterable[str], published: Mapping[str, PublishedDefinition]
) -> DictionaryRows:
    """The dictionary with the definitions that stay in force where nobody approved another."""
    kept = {name: published[name] for name in held if name in published}
    return replace(
        dictionary,
        metrics=tuple(
            replace(row, current_version=kept[row.metric_id].version) if row.metric_id in kept else row
            for row in dictionary.metrics
        ),
        versions=tuple(row for row in dictionary.versions if row.metric_id not in kept),
    )


def _days(values: pa.Table, today: date) -> tuple[date, date]:
    """The days that `dim_date` has to reach over: from the first value's year to the end of the next year."""
    starts = pc.min(values.column("period_start")).as_py() or today
    return date(starts.year, 1, 1), date(today.year + 1, 12, 31)


def _computed_equals_staged(
    installation: Installation,
    warehouse: Warehouse,
    decision: GateDecision,
    on_audit: Callable[[Sequence[CheckResult]], None],
) -> Callable[[Staged], Iterable[QualityResultRow]]:
    """The audit that runs on what is staged in the reporting database, before anything is published."""

    def computed_equals_staged(staged: Staged) -> Iterable[QualityResultRow]:
        results = run_published_checks(
            installation.catalogue,
            readable(installation, coloured_values(warehouse)),
            staged.staged_values(),
            published=staged.published_values(),
            held_back=sorted(decision.blocked),
            now=installation.workspace.now(),
        )
        on_audit(results)
        return [quality_row(result) for result in results]

    return computed_equals_staged


def quality_row(check: CheckResult) -> QualityResultRow:
    """A check's result as it is published."""
    return QualityResultRow(
        check_id=check.check_id,
        asset=check.asset,
        source_system=check.source_system,
        dimension=check.dimension.value,
        severity=check.severity.value,
        passed=check.passed,
        message=check.message,
        blocks_publish=check.blocks_publish,
        checked_at=check.checked_at,
        metric_ids=check.metric_ids,
        rows_checked=check.rows_checked,
        rows_failed=check.rows_failed,
        observed=check.observed,
        threshold=check.threshold,
        sample_keys=tuple(_told(key) for key in check.sample),
    )


def _told(key: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in key.items())
