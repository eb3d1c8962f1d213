"""A small organisation for the tests of alerts: who leads whom, and which channel takes which severity.

    company (cleo) ── support (sam) ── ana, ben
                   └─ data (dora)

Channels: mail (everybody), chat-support, pager (critical only), chat-data, news (company).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from definitions.model import Aggregation as Agg
from definitions.model import (
    Calendar,
    Catalogue,
    Channel,
    Direction,
    Expression,
    Measure,
    Metric,
    MetricType,
    Organisation,
    Owner,
    Person,
    Simple,
    Source,
    Team,
)
from definitions.model.sources import Column, ColumnType
from definitions.settings import AlertSettings, Settings
from pipelines.alerts.decision import World
from pipelines.alerts.incidents import LogRow, Memory, Silence, remember
from pipelines.alerts.model import Alert, AlertType, Notice, Severity, Subject

MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
"""A Monday in business hours."""

SETTINGS = AlertSettings()


def organisation() -> Organisation:
    """The whole of it."""
    people = [
        Person("ana", "Ana Ruiz", "ana@example.com", "support", channels=("mail",)),
        Person("ben", "Ben Ode", "ben@example.com", "support", channels=("mail",)),
        Person("sam", "Sam Lee", "sam@example.com", "support", channels=("mail",)),
        Person("dora", "Dora Kim", "dora@example.com", "data", channels=("mail",)),
        Person("cleo", "Cleo Park", "cleo@example.com", "company", channels=("mail",)),
        Person("gone", "Gone Away", "gone@example.com", "support", active=False, channels=("mail",)),
    ]
    teams = [
        Team("company", "Company", "cleo", level="company", channels=("news",)),
        Team("support", "Support", "sam", parent="company", channels=("chat-support", "pager")),
        Team("data", "Data", "dora", parent="company", channels=("chat-data",)),
    ]
    channels = [
        Channel("mail", "env:MAIL_URL"),
        Channel("chat-support", "env:CHAT_SUPPORT_URL"),
        Channel("chat-data", "env:CHAT_DATA_URL"),
        Channel("pager", "env:PAGER_URL", severities=("critical",)),
        Channel("news", "env:NEWS_URL"),
    ]
    return Organisation(
        {team.key: team for team in teams},
        {person.key: person for person in people},
        {channel.name: channel for channel in channels},
    )


def metric(name: str = "csat", **changes: object) -> Metric:
    """A weekly reviewed ratio of the support team, over the ticket table."""
    made = Metric(
        name=name,
        label=name.replace("_", " ").upper(),
        definition="Share of good ratings.",
        type=MetricType.SIMPLE,
        formula=Simple(Measure("tickets", Agg.AVG, Expression("score"))),
        unit="percent",
        unit_family="ratio",
        direction=Direction.INCREASE,
        owner=Owner("support", "ana"),
        status="certified",
        grains=("day", "week", "month"),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def catalogue(*metrics: Metric, **changes: object) -> Catalogue:
    """A catalogue over one source table, with this organisation."""
    source = Source(
        name="tickets",
        table="support.tickets",
        system="intercom",
        owner="data",
        key=("ticket_id",),
        columns={
            "ticket_id": Column("ticket_id", ColumnType.STRING),
            "created_at": Column("created_at", ColumnType.TIMESTAMP),
            "score": Column("score", ColumnType.DOUBLE),
        },
        time="created_at",
    )
    chosen = metrics or (metric(),)
    made = Catalogue(
        root=Path("catalogue"),
        sources={"tickets": source},
        metrics={each.name: each for each in chosen},
        calendars={"company": Calendar("company")},
        organisation=organisation(),
        settings=Settings(alerts=SETTINGS),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def alert(
    kind: AlertType = AlertType.ANOMALY,
    subject: str = "csat/day/total",
    severity: Severity = Severity.WARNING,
    since: datetime = MONDAY,
    **more: object,
) -> Alert:
    """An alert about the support team's CSAT unless said otherwise."""
    kinds = {
        AlertType.LATE: "source",
        AlertType.RUN_FAILED: "job",
        AlertType.CHECK_FAILED: "check",
        AlertType.CHECK_IN_DUE: "key_result",
        AlertType.KEY_RESULT: "key_result",
        AlertType.PACE: "key_result",
    }
    facts: dict[str, object] = {"team": "support", "owner": "ana", "title": f"{subject} is unusual", **more}
    return Alert(kind, Subject(kinds.get(kind, "metric"), subject), severity, since, **facts)  # type: ignore[arg-type]


def told(
    about: Alert,
    at: datetime,
    notice: Notice = Notice.FIRING,
    *,
    step: int = 0,
    recipient: str = "person:ana",
    channel: str = "mail",
    state: str = "sent",
    reason: str = "started",
    by: str | None = None,
    acknowledged_by: str | None = None,
) -> LogRow:
    """A row of the log."""
    return LogRow(
        about.episode,
        notice,
        step,
        about.severity,
        recipient,
        channel,
        state,
        reason,
        at,
        about,
        by,
        acknowledged_by,
    )


def world(
    *rows: LogRow,
    now: datetime = MONDAY,
    settings: AlertSettings = SETTINGS,
    silences: tuple[Silence, ...] = (),
) -> World:
    """A world whose log holds these rows."""
    memory = remember(rows) if rows else Memory()
    return World(now, settings, organisation(), memory, silences)
