"""What the log remembers: incidents (open or lately ended episodes), who was told what and when, and silences.

The log is the only memory. Rows of one episode fold into one `Incident`; the latest episode of each identity is
what the next decision looks at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase

from .model import Alert, Notice, Severity, identity_of, since_of

TOLD = ("queued", "sent")

Key = tuple[str, str, str]
"""(deduplication key, recipient, channel): what is told once."""


_OPENINGS = (Notice.FIRING, Notice.WORSENED)


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row of the alert log as decisions read it. ``state``: queued, sent, failed, suppressed."""

    episode: str
    notice: Notice
    step: int
    severity: Severity
    recipient: str
    channel: str
    state: str
    reason: str
    at: datetime
    alert: Alert
    suppressed_by: str | None = None
    acknowledged_by: str | None = None

    @property
    def key(self) -> Key:
        """What is told once."""
        return (self.alert.key(self.notice, self.step), self.recipient, self.channel)


@dataclass(frozen=True, slots=True)
class Incident:
    """One episode: when it began, how bad it was told to be, to whom, and whether someone took it on.

    Attributes:
        alert: as last told (or last suppressed, when nobody was told).
        severity: the worst that was told.
        told: rows that went out or will, other than of its end.
        resolved_at: when it ended, None while open.
        acknowledged_by: who answered for it since it last began or got worse.
        cooling: end and severity of the latest episode of this identity that was told and has ended.
    """

    episode: str
    alert: Alert
    severity: Severity
    told: tuple[LogRow, ...] = ()
    acknowledged_by: str | None = None
    resolved_at: datetime | None = None
    cooling: tuple[datetime, Severity] | None = None

    @property
    def is_open(self) -> bool:
        """Whether the state still lasts as far as the log knows."""
        return self.resolved_at is None

    @property
    def since(self) -> datetime:
        """Start of the episode."""
        return since_of(self.episode)

    def told_from(self, severity: Severity) -> datetime | None:
        """When it was last told to begin, or to get worse, at this severity or above; None when it was not."""
        return max(
            (row.at for row in self.told if row.notice in _OPENINGS and row.severity.rank >= severity.rank),
            default=None,
        )

    @property
    def last_told(self) -> datetime | None:
        """When the last notice was due; None when nobody was told."""
        return max((row.at for row in self.told), default=None)

    @property
    def steps(self) -> Mapping[Notice, int]:
        """The highest step told of each notice."""
        steps: dict[Notice, int] = {}
        for row in self.told:
            steps[row.notice] = max(steps.get(row.notice, 0), row.step)
        return steps

    @property
    def recipients(self) -> tuple[tuple[str, str], ...]:
        """Each (recipient, channel) that was told, in order."""
        return tuple(dict.fromkeys((row.recipient, row.channel) for row in self.told))


@dataclass(frozen=True, slots=True)
class Silence:
    """A person's word that matching alerts are not wanted for a while, with the reason.

    Each pattern takes ``*``; None matches everything. The end is exclusive.
    """

    id: int
    starts_at: datetime
    ends_at: datetime
    reason: str
    alert_type: str | None = None
    subject_id: str | None = None
    team: str | None = None

    def covers(self, alert: Alert, now: datetime) -> bool:
        """Whether this alert is silenced at an instant."""
        return (
            self.starts_at <= now < self.ends_at
            and _matches(self.alert_type, alert.type)
            and _matches(self.subject_id, alert.subject.id)
            and _matches(self.team, alert.team or "")
        )


def _matches(pattern: str | None, text: str) -> bool:
    return pattern is None or fnmatchcase(text, pattern)


@dataclass(frozen=True, slots=True)
class Memory:
    """The log as decisions see it.

    Attributes:
        incidents: the latest episode of each identity.
        keys: notices that are queued or sent.
        muted: notice → reason and cause, where the last word on it was a suppression.
    """

    incidents: Mapping[str, Incident] = field(default_factory=dict)
    keys: frozenset[Key] = frozenset()
    muted: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def remember(rows: Iterable[LogRow]) -> Memory:
    """Fold rows of the log, in order of insertion, into a memory."""
    episodes: dict[str, list[LogRow]] = {}
    keys: set[Key] = set()
    muted: dict[str, tuple[str, str]] = {}
    for row in rows:
        if row.alert.type.is_state:
            episodes.setdefault(row.episode, []).append(row)
        if row.state in TOLD:
            keys.add(row.key)
        if row.state == "suppressed":
            muted[row.key[0]] = (row.reason, row.suppressed_by or "")
        else:
            muted.pop(row.key[0], None)
    return Memory(_latest(episodes), frozenset(keys), muted)


def _latest(episodes: Mapping[str, list[LogRow]]) -> dict[str, Incident]:
    latest: dict[str, Incident] = {}
    for episode in sorted(episodes, key=since_of):
        incident = _incident(episode, episodes[episode])
        earlier = latest.get(identity_of(episode))
        if incident.cooling is None and earlier is not None:
            incident = replace(incident, cooling=earlier.cooling)
        latest[identity_of(episode)] = incident
    return latest


def _incident(episode: str, rows: list[LogRow]) -> Incident:
    openings = [row for row in rows if row.notice is not Notice.RESOLVED]
    told = tuple(row for row in openings if row.state in TOLD)
    ends = [row.at for row in rows if row.notice is Notice.RESOLVED]
    severity = max((row.severity for row in told or rows), key=lambda severity: severity.rank)
    return Incident(
        episode=episode,
        alert=(told or rows)[-1].alert,
        severity=severity,
        told=told,
        acknowledged_by=_acknowledged_by(told),
        resolved_at=ends[-1] if ends else None,
        cooling=(ends[-1], severity) if ends and told else None,
    )


def _acknowledged_by(told: tuple[LogRow, ...]) -> str | None:
    last = next((row.key[0] for row in reversed(told) if row.notice in _OPENINGS), None)
    return next((row.acknowledged_by for row in told if row.key[0] == last and row.acknowledged_by), None)
