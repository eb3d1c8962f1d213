"""How current every neutral table is, and how the last load of every stream went, from what the load log knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from definitions.model import Catalogue
from pipelines.installation import Installation
from pipelines.publishing.records import FreshnessRow
from pipelines.steps.load_log import StreamLog, read_log
from quality import CheckResult, Dimension, FreshnessResult, LoadState, Severity, freshness_results
from quality.lineage import lineage


@dataclass(frozen=True)
class Freshness:
    """What is known of all neutral tables that a source feeds.

    Attributes:
        states: the loads behind each table.
        rows: as published, one for each table.
        streams: as published, one for each stream: what its last load brought, put aside, and how late.
        checks: late tables (warnings), and loads that failed a check of their own (errors).
    """

    states: tuple[LoadState, ...]
    rows: tuple[FreshnessRow, ...]
    streams: tuple[FreshnessRow, ...]
    checks: tuple[CheckResult, ...]


def freshness(installation: Installation, put_aside: Mapping[str, int] | None = None) -> Freshness:
    """Judge the freshness of every table at the installation's now.

    `put_aside` says how many rows of each stream are in quarantine; what it does not name has what the last load
    itself refused.
    """
    now = installation.workspace.now()
    aside = put_aside or {}
    logs = stream_logs(installation)
    behind = streams_behind(installation, logs)
    states = tuple(_state(table, [logs[name] for name in names]) for table, names in sorted(behind.items()))
    judged = freshness_results(installation.catalogue, states, now)
    return Freshness(
        states=states,
        rows=tuple(
            _row(fresh, {name: logs[name] for name in behind[fresh.asset]}, aside) for fresh, _ in judged
        ),
        streams=_streams(installation, behind, [fresh for fresh, _ in judged], aside),
        checks=(*(check for _, check in judged), *_load_checks(installation.catalogue, logs, behind, now)),
    )


def stream_logs(installation: Installation) -> dict[str, StreamLog]:
    """The load log of every stream that was ever tried, by its asset."""
    found = {}
    for source in installation.sources:
        for stream in source.streams:
            log = read_log(installation.workspace, source.name, stream.name)
            if log is not None:
                found[source.asset(stream.name)] = log
    return found


def streams_behind(installation: Installation, known: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The streams behind each neutral table, of all accounts, through derived tables; only assets in `known`."""
    wanted = set(known)
    filling: dict[str, set[str]] = {}
    for source in installation.sources:
        for stream in source.streams:
            filling.setdefault(source.typed_table(stream.name), set()).add(source.asset(stream.name))
    behind: dict[str, set[str]] = {}
    for model in installation.models:  # in order of building, so that inputs come first
        found = behind.setdefault(model.table, set())
        for name in model.inputs:
            found |= filling.get(name, set()) & wanted | behind.get(name, set())
    return {table: tuple(sorted(names)) for table, names in behind.items() if names}


def data_through(installation: Installation, as_of: date) -> dict[str, date]:
    """Up to which day each metric's sources have delivered: the day before the oldest of their last good loads."""
    logs = stream_logs(installation)
    behind = streams_behind(installation, logs)
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


def _row(fresh: FreshnessResult, logs: Mapping[str, StreamLog], put_aside: Mapping[str, int]) -> FreshnessRow:
    return FreshnessRow(
        source_system=fresh.source_system,
        asset=fresh.asset,
        sla_seconds=int(fresh.sla.total_seconds()),
        is_late=fresh.is_late,
        last_success_at=fresh.last_success_at,
        last_attempt_at=fresh.last_attempt_at,
        data_through_at=fresh.data_through,
        rows_last_run=fresh.rows_last_run,
        rows_quarantined=sum(_put_aside(log, put_aside.get(name)) for name, log in logs.items()),
        lateness_seconds=max((_lateness(log) for log in logs.values()), default=0),
        quota_used=max(filter(None, map(_quota, logs.values())), default=None),
        drift=", ".join(sorted(f"{log.stream}.{name}" for log in logs.values() for name in _drift(log)))
        or None,
        error=fresh.error,
    )


def _streams(
    installation: Installation,
    behind: Mapping[str, tuple[str, ...]],
    tables: Iterable[FreshnessResult],
    put_aside: Mapping[str, int],
) -> tuple[FreshnessRow, ...]:
    """One row for each stream that was ever tried. It is promised what the closest of the tables on it is."""
    usual = timedelta(days=installation.catalogue.settings.quality.freshness_days)
    promised: dict[str, timedelta] = {}
    for fresh in tables:
        for name in behind[fresh.asset]:
            promised[name] = min(promised.get(name, fresh.sla), fresh.sla)
    now = installation.workspace.now()
    rows = []
    for source in installation.sources:
        for stream in source.streams:
            log = read_log(installation.workspace, source.name, stream.name)
            if log is None:
                continue
            asset = source.asset(stream.name)
            sla = promised.get(asset, usual)
            rows.append(
                FreshnessRow(
                    source_system=source.system,
                    asset=asset,
                    sla_seconds=int(sla.total_seconds()),
                    is_late=log.last_success_at is None or now - log.last_success_at > sla,
                    last_success_at=log.last_success_at,
                    last_attempt_at=log.last_attempt_at,
                    data_through_at=log.last_success_at,
                    rows_last_run=int(log.facts.get("rows", 0)),
                    rows_quarantined=_put_aside(log, put_aside.get(asset)),
                    lateness_seconds=_lateness(log),
                    quota_used=_quota(log),
                    drift=", ".join(_drift(log)) or None,
                    error=log.error or None,
                )
            )
    return tuple(rows)


def _put_aside(log: StreamLog, in_quarantine: int | None) -> int:
    return int(log.facts.get("quarantined", 0)) if in_quarantine is None else in_quarantine


def _lateness(log: StreamLog) -> int:
    return int(log.facts.get("lateness_seconds", 0))


def _quota(log: StreamLog) -> Decimal | None:
    used = log.facts.get("quota_used")
    return None if used is None else round(Decimal(str(used)), 6)


def _drift(log: StreamLog) -> list[str]:
    missing = (f"{name} is missing" for name in log.facts.get("drift_missing", ()))
    return sorted({*log.facts.get("drift_unknown", ()), *missing})


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
