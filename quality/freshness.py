"""Freshness: how far the data of each asset reaches, against what was promised. Pure.

An asset is late when the time since the end of its data is longer than its promise. Where nobody knows how far
the data reaches, the last success stands in for it; an asset that never succeeded is late.
Source: quality rules; published schema, freshness.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from definitions.model import Catalogue

from .lineage import lineage
from .results import CheckResult, Dimension, FreshnessResult, Severity


@dataclass(frozen=True, slots=True)
class LoadState:
    """What is known of the loads of one asset (a staging table). ``sla`` None means the setting's default."""

    source_system: str
    asset: str
    last_success_at: datetime | None
    last_attempt_at: datetime | None = None
    data_through: datetime | None = None
    sla: timedelta | None = None
    rows_last_run: int | None = None
    error: str | None = None


def check_freshness(state: LoadState, now: datetime, default_sla: timedelta) -> FreshnessResult:
    """Judge one asset at ``now`` (aware)."""
    sla = state.sla if state.sla is not None else default_sla
    reaches = state.data_through or state.last_success_at
    return FreshnessResult(
        source_system=state.source_system,
        asset=state.asset,
        last_success_at=state.last_success_at,
        last_attempt_at=state.last_attempt_at,
        data_through=state.data_through,
        sla=sla,
        is_late=reaches is None or now - reaches > sla,
        rows_last_run=state.rows_last_run,
        error=state.error,
    )


def freshness_results(
    catalogue: Catalogue, states: Iterable[LoadState], now: datetime
) -> list[tuple[FreshnessResult, CheckResult]]:
    """Freshness of every asset with its check: late data publishes with a flag (severity warn).

    The promise of an asset is its own, else the closest one of the metrics that rest on it, else the setting.
    """
    traced = lineage(catalogue)
    usual = timedelta(days=catalogue.settings.quality.freshness_days)
    found = []
    for state in sorted(states, key=lambda s: (s.source_system, s.asset)):
        metrics = traced.metrics_of(state.asset)
        promised = [f for m in metrics if (f := catalogue.metrics[m].freshness) is not None]
        closest = min((timedelta(days=span.days) for span in promised), default=usual)
        fresh = check_freshness(state, now, closest)
        found.append((fresh, _as_check(fresh, metrics, now)))
    return found


def _as_check(fresh: FreshnessResult, metrics: tuple[str, ...], now: datetime) -> CheckResult:
    reaches = fresh.data_through or fresh.last_success_at
    age = None if reaches is None else (now - reaches).total_seconds()
    if reaches is None:
        message = f"{fresh.asset} was never loaded" + (f": {fresh.error}" if fresh.error else "")
    else:
        message = f"{fresh.asset} reaches {reaches:%Y-%m-%d %H:%M} UTC, promised within {_spoken(fresh.sla)}"
        if fresh.is_late and fresh.error:
            message += f"; last attempt: {fresh.error}"
    return CheckResult(
        check_id=f"{fresh.asset}.freshness",
        asset=fresh.asset,
        source_system=fresh.source_system,
        metric_ids=metrics,
        dimension=Dimension.FRESHNESS,
        severity=Severity.WARN,
        passed=not fresh.is_late,
        rows_checked=fresh.rows_last_run,
        rows_failed=None,
        observed=age,
        threshold=fresh.sla.total_seconds(),
        message=message,
        blocks_publish=False,
        checked_at=now,
    )


def _spoken(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours / 24:g} days" if hours >= 48 else f"{hours:g} hours"
