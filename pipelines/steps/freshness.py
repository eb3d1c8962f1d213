"""How current every neutral table is, from what the load log knows of the streams behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from definitions.model import Catalogue
from pipelines.installation import Installation
from pipelines.publishing.records import FreshnessRow
from pipelines.staging import Model
from pipelines.steps.load_log import StreamLog, read_log
from quality import CheckResult, Dimension, FreshnessResult, LoadState, Severity, freshness_results
from quality.lineage import lineage


@dataclass(frozen=True)
class Freshness:
    """What is known of all neutral tables that a source feeds.

    Attributes:
        states: the loads behind each table.
        rows: as published.
        checks: late tables (warnings), and loads that failed a check of their own (errors).
    """

    states: tuple[LoadState, ...]
    rows: tuple[FreshnessRow, ...]
    checks: tuple[CheckResult, ...]


def freshness(installation: Installation) -> Freshness:
    """Judge the freshness of every table at the installation's now."""
    now = installation.workspace.now()
    logs = stream_logs(installation)
    behind = streams_behind(installation.models, logs)
    states = tuple(_state(table, [logs[name] for name in names]) for table, names in sorted(behind.items()))
    judged = freshness_results(installation.catalogue, states, now)
    return Freshness(
        states=states,
        rows=tuple(_row(fresh, [logs[name] for name in behind[fresh.asset]]) for fresh, _ in judged),
        checks=(*(check for _, check in judged), *_load_checks(installation.catalogue, logs, behind, now)),
    )


def stream_logs(installation: Installation) -> dict[str, StreamLog]:
    """The load log of every stream that was ever tried, by typed table."""
    found = {}
    for source in installation.sources:
        for stream in source.streams:
            log = read_log(installation.workspace.home, source.name, stream.name)
            if log is not None:
                found[source.typed_table(stream.name)] = log
    return found


def streams_behind(models: Iterable[Model], known: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Typed tables behind each neutral table, through derived tables; only those in `known`."""
    typed = set(known)
    behind: dict[str, set[str]] = {}
    for model in models:  # in order of building, so that inputs come first
        found = behind.setdefault(model.table, set())
        for name in model.inputs:
            found |= {name} & typed | behind.get(name, set())
    return {table: tuple(sorted(names)) for table, names in behind.items() if names}


def data_through(installation: Installation, as_of: date) -> dict[str, date]:
    """Up to which day each metric's sources have delivered: the day before the oldest of their last good loads."""
    logs = stream_logs(installation)
    behind = streams_behind(installation.models, logs)
    through: dict[str, date] = {}
    traced = lineage(installation.catalogue)
    for table, names in behind.items():
        moments = [logs[name].last_success_at for name in names]
        complete = [moment for moment in moments if moment is not None]
        day = min(complete).date() - timedelta(days=1) if len(complete) == len(moments) else date.min
        for metric in traced.metrics_of(table):
            through[metric] = min(through.get(metric, as_of), day)
    return through


def _state(table: str, logs: list[StreamLog]) -> LoadState:
    successes = [log.last_success_at for log in logs]
    known = [moment for moment in successes if moment is not None]
    oldest = min(known) if len(known) == len(logs) and known else None
    return LoadState(
        source_system=", ".join(sorted({log.system for log in logs})),
        asset=table,
        last_success_at=oldest,
        last_attempt_at=max(log.last_attempt_at for log in logs),
        data_through=oldest,
        rows_last_run=sum(int(log.facts.get("rows", 0)) for log in logs),
        error="; ".join(f"{log.stream}: {log.error}" for log in logs if log.error) or None,
    )


def _row(fresh: FreshnessResult, logs: list[StreamLog]) -> FreshnessRow:
    drift = sorted(
        {f"{log.stream}.{name}" for log in logs for name in (*log.facts.get("drift_unknown", ()),)}
        | {f"{log.stream}.{name} is missing" for log in logs for name in log.facts.get("drift_missing", ())}
    )
    return FreshnessRow(
        source_system=fresh.source_system,
        asset=fresh.asset,
        sla_seconds=int(fresh.sla.total_seconds()),
        is_late=fresh.is_late,
        last_success_at=fresh.last_success_at,
        last_attempt_at=fresh.last_attempt_at,
        data_through_at=fresh.data_through,
        rows_last_run=fresh.rows_last_run,
        rows_quarantined=sum(int(log.facts.get("quarantined", 0)) for log in logs),
        lateness_seconds=max((int(log.facts.get("lateness_seconds", 0)) for log in logs), default=0),
        drift=", ".join(drift) or None,
        error=fresh.error,
    )


def _load_checks(
    catalogue: Catalogue,
    logs: Mapping[str, StreamLog],
    behind: Mapping[str, tuple[str, ...]],
    now: datetime,
) -> list[CheckResult]:
    """What the connectors themselves found wrong with a load, as results that hold back what rests on it."""
    traced = lineage(catalogue)
    found = []
    for table, names in sorted(behind.items()):
        for name in names:
            for message in logs[name].facts.get("failed_checks", ()):
                found.append(
                    CheckResult(
                        check_id=f"{table}.load.{name}",
                        asset=table,
                        source_system=logs[name].system,
                        metric_ids=traced.metrics_of(table),
                        dimension=Dimension.SCHEMA,
                        severity=Severity.ERROR,
                        passed=False,
                        rows_checked=None,
                        rows_failed=None,
                        observed=None,
                        threshold=None,
                        message=f"{name}: {message}",
                        blocks_publish=False,
                        checked_at=now,
                    )
                )
    return found
