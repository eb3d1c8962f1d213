"""Reading the alert log for people: what is open, the life of one alert, and why it was told or not.

for incident in open_incidents(engine, now): ...
life = life_of(engine, "csat/day/total")      # episode, identity, or an unambiguous part of one
for line in explain(life, settings, now): ...
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, RowMapping, func, select

from definitions.settings import AlertSettings
from pipelines.publishing.engine import reading
from pipelines.publishing.schema import alert_log

from . import outbox
from .decision import Reason
from .incidents import Incident, remember
from .model import Alert, Notice, Severity, identity_of, since_of

NEAREST = 5


class UnknownAlert(LookupError):
    """No alert, or more than one, goes by that name; the message offers near ones."""


@dataclass(frozen=True, slots=True)
class Told:
    """One row of an alert's life: a notice on one way, or a suppression without one."""

    alert_key: int
    at: datetime
    notice: str
    severity: str
    recipient: str
    channel: str
    state: str
    reason: str
    by: str
    sent_at: datetime | None
    next_try_at: datetime | None
    attempts: int
    error: str
    acknowledged_by: str
    acknowledged_at: datetime | None


@dataclass(frozen=True)
class Life:
    """One episode with everything that was decided about it, oldest first."""

    episode: str
    alert: Alert
    incident: Incident | None
    rows: tuple[Told, ...]

    @property
    def state(self) -> str:
        """In a word: happened (events), open, acknowledged, resolved."""
        if self.incident is None:
            return "happened"
        if not self.incident.is_open:
            return "resolved"
        return "acknowledged" if self.incident.acknowledged_by else "open"


def open_incidents(engine: Engine, now: datetime) -> tuple[Incident, ...]:
    """Every state that still lasts, the worst and oldest first.

    Raises:
        DatabaseUnavailable: the reporting database cannot be read.
    """
    with reading(engine) as connection:
        found = outbox.recall(connection, now, days=0).incidents.values()
    lasting = (incident for incident in found if incident.is_open)
    return tuple(sorted(lasting, key=lambda one: (-one.severity.rank, one.since, one.episode)))


def life_of(engine: Engine, name: str) -> Life:
    """Everything the log holds about one alert.

    Args:
        name: an episode as it stands in the alert; an identity (its latest episode is meant); or any part that only
            one identity contains, such as ``csat/day/total``.

    Raises:
        UnknownAlert: nothing goes by that name, or several do.
    """
    with reading(engine) as connection:
        episode = _episode(
            name.strip(), list(connection.execute(select(alert_log.c.episode).distinct()).scalars())
        )
        found = (
            connection.execute(
                select(alert_log).where(alert_log.c.episode == episode).order_by(alert_log.c.alert_key)
            )
            .mappings()
            .all()
        )
    readable = [(row, log) for row in found if (log := outbox.log_row(row)) is not None]
    if not readable:
        raise UnknownAlert(f"{episode}: its rows were written by a later version; use that one to read them")
    alert = readable[-1][1].alert
    memory = remember(log for _, log in readable)
    return Life(
        episode, alert, memory.incidents.get(identity_of(episode)), tuple(_told(row) for row, _ in readable)
    )


def _episode(name: str, episodes: list[str]) -> str:
    if name in episodes:
        return name
    matching = [episode for episode in episodes if identity_of(episode) == name]
    matching = matching or [episode for episode in episodes if name and name in episode]
    identities = sorted({identity_of(episode) for episode in matching})
    if len(identities) == 1:
        return max(matching, key=since_of)
    if identities:
        raise UnknownAlert(f"{name!r} could be {_listed(identities)}; write more of it")
    known = sorted({identity_of(episode) for episode in episodes})
    parts = {part: identity for identity in known for part in (identity, identity.split(":", 2)[2])}
    near = list(dict.fromkeys(parts[part] for part in get_close_matches(name, parts, n=NEAREST)))
    hint = f"did you mean {_listed(near)}?" if near else "see them with: vitals alerts list --history"
    raise UnknownAlert(f"there is no alert {name!r}; {hint}")


def _listed(names: list[str]) -> str:
    more = f" or {len(names) - NEAREST} more" if len(names) > NEAREST else ""
    return ", ".join(names[:NEAREST]) + more


def _told(row: RowMapping) -> Told:
    return Told(
        alert_key=row["alert_key"],
        at=row["created_at"],
        notice=row["notice"],
        severity=row["severity"],
        recipient=row["recipient"],
        channel=row["channel"],
        state=row["delivery_state"],
        reason=row["reason"],
        by=row["suppressed_by"] or "",
        sent_at=row["sent_at"],
        next_try_at=row["next_try_at"],
        attempts=row["attempts"],
        error=row["last_error"] or "",
        acknowledged_by=row["acknowledged_by"] or "",
        acknowledged_at=row["acknowledged_at"],
    )


def recent_rows(
    engine: Engine, since: datetime, *, state: str | None = None, limit: int = 100
) -> list[RowMapping]:
    """Rows of the log decided since an instant, newest first; of one delivery state where one is named."""
    wanted = select(alert_log).where(alert_log.c.created_at >= since)
    if state is not None:
        wanted = wanted.where(alert_log.c.delivery_state == state)
    with reading(engine) as connection:
        return list(
            connection.execute(wanted.order_by(alert_log.c.alert_key.desc()).limit(limit)).mappings().all()
        )


def waiting(engine: Engine) -> int:
    """How many rows wait to be sent."""
    with reading(engine) as connection:
        return int(
            connection.execute(
                select(func.count()).select_from(alert_log).where(alert_log.c.delivery_state == "queued")
            ).scalar_one()
        )


# ── why ─────────────────────────────────────────────────────────────────────────────────────────────────────

BECAUSE = {
    Reason.STARTED: "it began",
    Reason.WORSENED: "it got worse",
    Reason.REMINDED: "it is still open, and nobody took it on",
    Reason.ESCALATED: "nobody acknowledged it",
    Reason.ENDED: "it is over",
    Reason.HAPPENED: "it happened",
    Reason.UNDELIVERABLE: "it could not be delivered elsewhere",
    Reason.QUIET_HOURS: "it came within quiet hours and waits for their end",
    Reason.NUDGE_HOUR: "reminders of a day go out together at their hour",
    Reason.UNCHANGED: "it was told before and is no worse",
    Reason.DUPLICATE: "this very notice was told already",
    Reason.INHIBITED: "something else explains it",
    Reason.SILENCED: "a person asked for silence",
    Reason.ACKNOWLEDGED: "someone took it on",
    Reason.COOLING_DOWN: "it ended a moment ago",
    Reason.NEVER_TOLD: "nobody was told that it began",
    Reason.UNROUTED: "nobody can be reached: mend teams.yml",
}


def explain(life: Life, settings: AlertSettings, now: datetime) -> Iterator[str]:
    """Why each notice was sent, waits or was dropped, and what comes next if nothing changes; in lines."""
    for row in life.rows:
        yield f"{_when(row.at, settings)}: {_said(row, settings)}"
    yield from _ahead(life, settings, now)


def _said(row: Told, settings: AlertSettings) -> str:
    because = BECAUSE.get(Reason(row.reason), row.reason) if row.reason in set(Reason) else row.reason
    cause = f" ({row.by})" if row.by else ""
    if row.state == "suppressed":
        return f"{row.notice} not sent: {because}{cause}"
    way = f"{row.notice} to {row.recipient} over {row.channel}, because {because}{cause}"
    if row.state == "sent" and row.sent_at is not None:
        tries = f" at try {row.attempts}" if row.attempts > 1 else ""
        return f"{way}; delivered {_when(row.sent_at, settings)}{tries}"
    if row.state == "failed":
        return f"{way}; given up after {row.attempts} tries: {row.error}"
    due = f"; due {_when(row.next_try_at, settings)}" if row.next_try_at else ""
    return f"{way}{due}" + (f"; last try: {row.error}" if row.error else "")


def _ahead(life: Life, settings: AlertSettings, now: datetime) -> Iterator[str]:
    incident = life.incident
    if incident is None or not incident.is_open:
        return
    if incident.acknowledged_by:
        yield f"ahead: {incident.acknowledged_by} took it on, so only worse news and its end are told"
        return
    began = incident.told_from(Severity(settings.escalate_from))
    if began is not None:
        done = sum(row.notice is Notice.ESCALATION and row.at >= began for row in incident.told)
        for minutes in settings.escalate_after_minutes[done:]:
            at = max(began + timedelta(minutes=minutes), now)
            yield f"ahead: {_when(at, settings)} it goes to the next lead, unless someone acknowledges"
    hours = {
        Severity.CRITICAL: settings.remind_critical_hours,
        Severity.WARNING: settings.remind_warning_hours,
    }.get(incident.alert.severity)
    if hours is not None and incident.last_told is not None:
        at = incident.last_told + timedelta(hours=hours)
        yield f"ahead: from {_when(at, settings)} the next publication reminds of it"


def _when(instant: datetime, settings: AlertSettings) -> str:
    return f"{instant.astimezone(ZoneInfo(settings.time_zone)):%a %Y-%m-%d %H:%M %Z}"
