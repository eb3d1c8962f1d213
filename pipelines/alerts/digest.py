"""The weekly digest of a team before its meeting: what changed, ranked by severity × weight; nothing when nothing did.

    raise_now(engine, digests(engine, catalogue, now), catalogue, now)     any time; told once a week per team

Source: alert rules, 'A weekly digest per team'.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, RowMapping, func, select

from definitions.model import Catalogue
from definitions.settings import AlertSettings
from pipelines import report_links as links
from pipelines.publishing.engine import reading
from pipelines.publishing.schema import (
    key_result,
    key_result_score,
    key_result_terms,
    kpi_value,
    metric,
    objective,
    publish_batch,
)

from . import outbox
from .hours import local_day, next_time
from .incidents import Incident, Memory
from .model import Alert, AlertType, Fact, Severity, Subject
from .sources.base import Found, Places, places

WEEK = timedelta(days=7)
_LEVEL_WEIGHT = {"north_star": 4.0, "supporting": 2.0, "operational": 1.0}
_STATUS_SEVERITY = {
    "red": Severity.CRITICAL,
    "off_track": Severity.CRITICAL,
    "missed": Severity.CRITICAL,
    "amber": Severity.WARNING,
    "at_risk": Severity.WARNING,
    "stale": Severity.WARNING,
}
_RANK = {Severity.INFO: 1, Severity.WARNING: 2, Severity.CRITICAL: 3}


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a digest. ``is_change`` is false for what is open and was so a week ago."""

    team: str
    subject: str
    severity: Severity
    weight: float
    text: str
    is_change: bool = True

    @property
    def score(self) -> float:
        """Severity × weight."""
        return _RANK[self.severity] * self.weight


def digests(engine: Engine, catalogue: Catalogue, now: datetime) -> Found:
    """This week's digests, from the hour they are due until the end of that day; nothing at any other time.

    Raises:
        DatabaseUnavailable: the reporting database cannot be read.
    """
    if due_at(now, catalogue.settings.alerts) is None:
        return Found()
    return preview(engine, catalogue, now)


def preview(engine: Engine, catalogue: Catalogue, now: datetime) -> Found:
    """What the digests would say if they went out now, whatever the day and the hour.

    Raises:
        DatabaseUnavailable: the reporting database cannot be read.
    """
    with reading(engine) as connection:
        items = [
            *incident_items(outbox.recall(connection, now), now),
            *kpi_items(connection, now),
            *key_result_items(connection, now),
        ]
    return compose_digests(items, catalogue, now, places(catalogue))


def due_at(now: datetime, settings: AlertSettings) -> datetime | None:
    """When today's digest went (or goes) out, None where today is not its day or its hour has not come."""
    today = local_day(now, settings)
    if today.isoweekday() != settings.digest_weekday:
        return None
    at = next_time(now - timedelta(days=1), settings.digest_at, settings, after=today - timedelta(days=1))
    return at if at <= now else None


def compose_digests(items: Iterable[Item], catalogue: Catalogue, now: datetime, where: Places) -> Found:
    """One alert per team that has a change to hear of."""
    settings = catalogue.settings.alerts
    by_team: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_team[item.team].append(item)
    return Found(
        tuple(
            _digest(team, found, settings, now, where)
            for team, found in sorted(by_team.items())
            if team in catalogue.teams and any(item.is_change for item in found)
        )
    )


def _digest(team: str, items: list[Item], settings: AlertSettings, now: datetime, where: Places) -> Alert:
    ranked = sorted(items, key=lambda item: (-item.score, not item.is_change, item.subject, item.text))
    shown = ranked[: settings.digest_length]
    changes = sum(item.is_change for item in items)
    facts = [Fact(item.subject, f"{item.text} ({item.severity})") for item in shown]
    if len(ranked) > len(shown):
        facts.append(Fact("More", f"{len(ranked) - len(shown)} further entries in the report"))
    return Alert(
        type=AlertType.DIGEST,
        subject=Subject("team", team),
        severity=Severity.INFO,
        since=due_at(now, settings) or now,
        title=f"Your week: {changes} change{'' if changes == 1 else 's'}",
        team=team,
        facts=tuple(facts),
        audience=(f"team:{team}",),
        links=where.links(links.HOME),
    )


def incident_items(memory: Memory, now: datetime) -> list[Item]:
    """Alerts that were told: started or ended in the last week, or still open."""
    found: list[Item] = []
    for _, incident in sorted(memory.incidents.items()):
        alert = incident.alert
        if not incident.told or alert.team is None:
            continue
        if incident.resolved_at is not None:
            if incident.resolved_at > now - WEEK:
                found.append(_item(incident, Severity.INFO, f"resolved: {alert.title}", is_change=True))
        else:
            began = incident.told_from(Severity.INFO)
            is_new = began is not None and began > now - WEEK
            since = f"{incident.since.day} {incident.since:%b}"
            text = f"open since {since}: {alert.title}"
            found.append(_item(incident, incident.severity, text, is_change=is_new))
    return found


def _item(incident: Incident, severity: Severity, text: str, *, is_change: bool) -> Item:
    alert = incident.alert
    return Item(alert.team or "", alert.subject.label, severity, alert.weight, text, is_change)


def kpi_items(connection: Connection, now: datetime) -> list[Item]:
    """KPIs whose status at their headline grain changed with the latest final period, published this week."""
    value, batch = kpi_value, publish_batch
    newest = (
        select(
            metric.c.metric_id,
            metric.c.metric_name,
            metric.c.team_key,
            metric.c.hierarchy_level,
            metric.c.focus_weight,
            value.c.status,
            value.c.period_start,
            batch.c.published_at,
            func.row_number()
            .over(partition_by=metric.c.metric_id, order_by=value.c.period_start.desc())
            .label("age"),
        )
        .join(value, value.c.metric_id == metric.c.metric_id)
        .join(batch, batch.c.batch_id == value.c.batch_id)
        .where(
            value.c.is_current,
            value.c.value_state == "final",
            value.c.segment_key == "total",
            value.c.period_grain == metric.c.headline_grain,
            batch.c.state == "published",
        )
        .subquery()
    )
    rows = connection.execute(select(newest).where(newest.c.age <= 2).order_by(newest.c.metric_id)).mappings()
    return [
        Item(
            team=now_row["team_key"],
            subject=now_row["metric_name"],
            severity=_STATUS_SEVERITY.get(now_row["status"], Severity.INFO),
            weight=_LEVEL_WEIGHT.get(now_row["hierarchy_level"], 1.0) * float(now_row["focus_weight"]),
            text=f"{before['status']} → {now_row['status']}",
        )
        for now_row, before in _pairs(rows, "metric_id", "age")
        if now_row["status"] != before["status"] and now_row["published_at"] > now - WEEK
    ]


def key_result_items(connection: Connection, now: datetime) -> list[Item]:
    """Key results whose status is another than a week before."""
    score = key_result_score
    week_ago = (now - WEEK).date()
    is_before = score.c.as_of_date <= week_ago
    newest = (
        select(
            score.c.key_result_key,
            key_result.c.statement,
            objective.c.team_key,
            score.c.published_status,
            key_result_terms.c.weight,
            is_before.label("is_before"),
            func.row_number()
            .over(partition_by=(score.c.key_result_key, is_before), order_by=score.c.as_of_date.desc())
            .label("age"),
        )
        .join(key_result, key_result.c.key_result_key == score.c.key_result_key)
        .join(objective, objective.c.objective_key == key_result.c.objective_key)
        .join(key_result_terms, key_result_terms.c.key_result_key == score.c.key_result_key)
        .where(score.c.is_current, key_result_terms.c.is_current)
        .subquery()
    )
    rows = connection.execute(
        select(newest).where(newest.c.age == 1).order_by(newest.c.key_result_key)
    ).mappings()
    return [
        Item(
            team=now_row["team_key"],
            subject=now_row["statement"],
            severity=_STATUS_SEVERITY.get(now_row["published_status"], Severity.INFO),
            weight=float(now_row["weight"]) * _LEVEL_WEIGHT["supporting"],
            text=f"{before['published_status'].replace('_', ' ')} → "
            f"{now_row['published_status'].replace('_', ' ')}",
        )
        for now_row, before in _pairs(rows, "key_result_key", "is_before")
        if now_row["published_status"] != before["published_status"]
    ]


def _pairs(rows: Iterable[RowMapping], key: str, order: str) -> list[tuple[RowMapping, RowMapping]]:
    """(newest, the one before) of each key that has both."""
    by_key: dict[object, list[RowMapping]] = defaultdict(list)
    for row in rows:
        by_key[row[key]].append(row)
    return [
        (pair[0], pair[1])
        for found in by_key.values()
        if len(pair := sorted(found, key=lambda row: row[order])) == 2
    ]
