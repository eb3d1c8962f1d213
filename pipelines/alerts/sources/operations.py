"""Alerts about the machinery: late sources, failed checks, failed runs, publications, changed definitions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from definitions.model import Catalogue, Change, Metric
from pipelines import report_links as links
from pipelines.alerts.decision import Covered
from pipelines.alerts.model import Alert, AlertType, Fact, Link, Severity, Subject
from pipelines.alerts.routing import EVERYONE
from pipelines.publishing.records import FreshnessRow, QualityResultRow

from .base import Found, Places, midnight

CHANGE_DAYS = 14
"""A definition that changed longer ago is history."""
ASSETS_SHOWN = 8


def late(rows: Iterable[FreshnessRow], catalogue: Catalogue, where: Places, now: datetime) -> Found:
    """Sources whose data is older than it may be: one alert per system, however many of its assets are late.

    Critical once the data is twice as old as it may be. (How late single rows arrive, `lateness_seconds`, is another
    matter: it is held against the overlap of their stream, when they are loaded.) What is late breaks what rests on it:
    the late tables where all of them are known, else the whole system (each one, where a table is put together from
    several).
    """
    by_system: dict[str, list[FreshnessRow]] = defaultdict(list)
    for row in rows:
        by_system[row.source_system].append(row)
    alerts = tuple(
        _late(system, sorted(overdue, key=lambda row: row.asset), len(found), catalogue, where, now)
        for system, found in sorted(by_system.items())
        if (overdue := [row for row in found if row.is_late])
    )
    return Found(alerts, Covered(frozenset((AlertType.LATE, system) for system in by_system)))


def _late(
    system: str, rows: list[FreshnessRow], assets: int, catalogue: Catalogue, where: Places, now: datetime
) -> Alert:
    worst = min(rows, key=_due)
    due = _due(worst)
    # As long overdue again as it may be old: twice as old as it may be.
    is_double = any(now - _due(row) >= timedelta(seconds=row.sla_seconds) for row in rows)
    through = [row.data_through_at for row in rows if row.data_through_at is not None]
    errors = sorted({row.error for row in rows if row.error})
    is_known = all(row.asset in where.tables for row in rows)
    tables, systems = [f"table:{row.asset}" for row in rows], [f"source:{name}" for name in _systems(system)]
    team, owner = _responsible(system, [row.asset for row in rows], catalogue)
    names = ", ".join(row.asset for row in rows[:ASSETS_SHOWN])
    more = f" and {len(rows) - ASSETS_SHOWN} more" if len(rows) > ASSETS_SHOWN else ""
    return Alert(
        type=AlertType.LATE,
        subject=Subject("source", system),
        severity=Severity.CRITICAL if is_double else Severity.WARNING,
        since=due,
        title=f"{system}: data is late ({len(rows)} of {assets} assets)",
        team=team,
        owner=owner,
        detail="; ".join(errors),
        facts=(
            Fact("Late", names + more),
            Fact("Data through", f"{min(through):%Y-%m-%d %H:%M} UTC" if through else "never loaded"),
            Fact("May be old", _span(worst.sla_seconds), float(worst.sla_seconds)),
        ),
        rests_on=tuple(systems),
        breaks=tuple(sorted(tables if is_known else systems)),
        links=where.links(links.HEALTH),
    )


def _due(row: FreshnessRow) -> datetime:
    """When the data became late: its last complete instant plus what it may be old. A source that never loaded is
    late since its first try."""
    base = row.data_through_at or row.last_success_at
    if base is not None:
        return base + timedelta(seconds=row.sla_seconds)
    return row.last_attempt_at or midnight(date(1970, 1, 1))


def _span(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:g} h" if hours < 48 else f"{hours / 24:g} days"


def failed_checks(rows: Iterable[QualityResultRow], catalogue: Catalogue, where: Places) -> Found:
    """Failed quality checks: critical where they hold the publication back, warning on an error, info on a warning.

    An error breaks the metrics it names, or the table and system it looked at.
    """
    alerts: list[Alert] = []
    scopes: set[tuple[AlertType, str]] = set()
    for row in sorted(rows, key=lambda row: (row.asset, row.check_id, row.checked_at)):
        subject = f"{row.asset}/{row.check_id}"
        scopes.add((AlertType.CHECK_FAILED, subject))
        if not row.passed:
            alerts.append(_failed_check(row, subject, catalogue, where))
    return Found(tuple(alerts), Covered(frozenset(scopes)))


def _failed_check(row: QualityResultRow, subject: str, catalogue: Catalogue, where: Places) -> Alert:
    is_error = row.severity == "error"
    team, owner = _responsible(row.source_system, [row.asset], catalogue)
    systems = [f"source:{name}" for name in _systems(row.source_system)]
    severity = Severity.WARNING if is_error else Severity.INFO
    broken = tuple(f"metric:{metric}" for metric in row.metric_ids) or (
        (f"table:{row.asset}",) if row.asset in where.tables else tuple(systems)
    )
    counted = f"{row.rows_failed:,} of {row.rows_checked:,}" if row.rows_failed and row.rows_checked else ""
    facts = [
        Fact("Check", row.check_id),
        Fact("Rows", counted) if counted else None,
        Fact("KPIs held back", ", ".join(row.metric_ids)) if is_error and row.metric_ids else None,
        Fact("Rows to look at", ", ".join(row.sample_keys)) if row.sample_keys else None,
    ]
    return Alert(
        type=AlertType.CHECK_FAILED,
        subject=Subject("check", subject),
        severity=Severity.CRITICAL if is_error and row.blocks_publish else severity,
        since=row.checked_at,
        title=f"{row.asset}: {row.message}",
        team=team,
        owner=owner,
        facts=tuple(fact for fact in facts if fact is not None),
        rests_on=(*systems, f"table:{row.asset}"),
        breaks=tuple(sorted(broken)) if is_error else (),
        links=where.links(links.HEALTH),
    )


def run_failed(
    job: str,
    run_id: str,
    error: str,
    at: datetime,
    *,
    team: str | None = None,
    systems: Iterable[str] = (),
    run_url: str | None = None,
) -> Found:
    """A run that failed. Runs of one job that fail in a row are one incident, until one succeeds.

    Args:
        error: the error in words; the caller has taken secrets out.
        systems: source systems that the run was loading, if it failed there: their KPIs are not believed.
    """
    alert = Alert(
        type=AlertType.RUN_FAILED,
        subject=Subject("job", job),
        severity=Severity.CRITICAL,
        since=at,
        title=f"Run of {job} failed",
        team=team,
        detail=error[:2000],
        facts=(Fact("Run", run_id),),
        breaks=tuple(sorted(f"source:{system}" for system in systems)),
        links=(Link("Run", run_url),) if run_url else (),
        run_id=run_id,
    )
    return Found((alert,), run_succeeded(job).covered)


def run_succeeded(job: str) -> Found:
    """A run that succeeded ends the incident of those that failed before."""
    return Found((), Covered(frozenset({(AlertType.RUN_FAILED, job)})))


def published(publication_id: str, data_through: date, changed: int, at: datetime, where: Places) -> Found:
    """A publication, told to everybody once; nothing when it changed nothing.

    Args:
        changed: how many published values are new or different.
    """
    if not changed:
        return Found()
    alert = Alert(
        type=AlertType.PUBLISHED,
        subject=Subject("batch", publication_id),
        severity=Severity.INFO,
        since=at,
        title=f"Figures are published through {data_through.isoformat()}",
        facts=(Fact("Values new or changed", f"{changed:,}", float(changed)),),
        audience=(EVERYONE,),
        links=where.links(links.HOME),
    )
    return Found((alert,))


def definitions_changed(catalogue: Catalogue, where: Places, today: date) -> Found:
    """Definitions with a new version in the last two weeks, told once per version to owner and team."""
    return Found(
        tuple(
            _definition_changed(metric, change, catalogue, where)
            for _, metric in sorted(catalogue.metrics.items())
            for change in metric.changes
            if change.version == metric.version
            and change.version > 1
            and 0 <= (today - change.on).days < CHANGE_DAYS
        )
    )


def _definition_changed(metric: Metric, change: Change, catalogue: Catalogue, where: Places) -> Alert:
    restated = f"Values since {change.restate_from} are computed anew." if change.restate_from else ""
    people = (Fact("Proposed by", change.proposed_by), Fact("Approved by", change.approved_by))
    return Alert(
        type=AlertType.DEFINITION_CHANGED,
        subject=Subject("metric", f"{metric.name}/v{change.version}", metric.label),
        severity=Severity.INFO,
        since=midnight(change.on),
        title=_what_changed(metric, change),
        team=metric.owner.team,
        owner=metric.owner.accountable,
        detail=" ".join(filter(None, [change.why, restated])),
        facts=(*_instead(metric, change, catalogue), *people),
        audience=(f"person:{metric.owner.accountable}", f"team:{metric.owner.team}"),
        links=where.links(links.metric_page(metric.name)),
    )


def _what_changed(metric: Metric, change: Change) -> str:
    """What a version did to a metric, by the kind of the change."""
    match change.kind:
        case "retire":
            return f"{metric.label} is deprecated"
        case "clarify":
            return f"{metric.label} is worded more clearly (version {change.version}); its values stay as they are"
        case "new":
            return f"{metric.label} is a new metric (version {change.version})"
    return f"{metric.label} is defined anew (version {change.version})"


def _instead(metric: Metric, change: Change, catalogue: Catalogue) -> tuple[Fact, ...]:
    """Of a deprecated metric: its last day, and what to use instead."""
    if change.kind != "retire":
        return ()
    successor = catalogue.metrics.get(metric.replaced_by or "")
    through = (Fact("Computed through", metric.deprecated_on.isoformat()),) if metric.deprecated_on else ()
    return (*through, Fact("Use instead", successor.label)) if successor else through


def _systems(system: str) -> list[str]:
    """The systems of an asset; one that is put together from several names them all: ``intercom, salesforce``."""
    return sorted(filter(None, (name.strip() for name in system.split(","))))


def _responsible(system: str, assets: Iterable[str], catalogue: Catalogue) -> tuple[str | None, str | None]:
    """(team, person) who answers for assets: the owner of most of their tables, else of most of their systems'."""
    chosen, systems = set(assets), set(_systems(system))
    sources = [source for source in catalogue.sources.values() if source.table in chosen]
    sources = sources or [source for source in catalogue.sources.values() if source.system in systems]
    for owner, _ in sorted(
        Counter(source.owner for source in sources).items(), key=lambda pair: (-pair[1], pair[0])
    ):
        if owner in catalogue.teams:
            return owner, None
        if owner in catalogue.people:
            return catalogue.people[owner].team, owner
    return None, None
