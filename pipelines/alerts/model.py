"""What an alert is: its subject, its episode, everything a reader needs to act on it, and its key.

An alert about a *state* (an open anomaly, a late source, a key result at risk) fires while the state lasts and is
resolved when it ends; one such stretch is an episode. An *event* (a check-in, a publication) is told once.

    >>> from datetime import UTC, datetime
    >>> late = Alert(AlertType.LATE, Subject("source", "salesforce"), Severity.WARNING,
    ...              datetime(2026, 3, 2, 6, tzinfo=UTC), "Salesforce data is 9 hours late")
    >>> late.episode
    'late:source:salesforce@2026-03-02T06:00:00Z'
    >>> late.key(Notice.FIRING)
    'late:source:salesforce@2026-03-02T06:00:00Z#firing'
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum


class AlertType(StrEnum):
    """Sources of alerts. Source: alert rules, 'Sources of alerts'."""

    ANOMALY = "anomaly"
    CHECK_FAILED = "check_failed"
    LATE = "late"
    RED_LINE = "red_line"
    BELOW_BASELINE = "below_baseline"
    KEY_RESULT = "key_result"
    PACE = "pace"
    RUN_FAILED = "run_failed"
    CHECK_IN_DUE = "check_in_due"
    CHECK_IN = "check_in"
    PUBLISHED = "published"
    DEFINITION_CHANGED = "definition_changed"
    DIGEST = "digest"

    @property
    def is_state(self) -> bool:
        """True where the alert lasts and is resolved; False where it is told once."""
        return self in _STATES

    @property
    def is_broadcast(self) -> bool:
        """True where everybody concerned is told and nobody has to act."""
        return self in (AlertType.CHECK_IN, AlertType.PUBLISHED, AlertType.DIGEST)


_STATES = frozenset(
    {
        AlertType.ANOMALY,
        AlertType.CHECK_FAILED,
        AlertType.LATE,
        AlertType.RED_LINE,
        AlertType.BELOW_BASELINE,
        AlertType.KEY_RESULT,
        AlertType.PACE,
        AlertType.RUN_FAILED,
    }
)


class Severity(StrEnum):
    """How bad; ordered by `rank`."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 info, 1 warning, 2 critical."""
        return list(Severity).index(self)


class Notice(StrEnum):
    """What a message says about an episode."""

    FIRING = "firing"
    WORSENED = "worsened"
    REMINDER = "reminder"
    ESCALATION = "escalation"
    RESOLVED = "resolved"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Subject:
    """What an alert is about: ``metric``, ``key_result``, ``source``, ``check``, ``job``, ``batch``, ``team``.

    ``id`` is unique within its kind; an anomaly's is ``metric/grain/segment``.
    """

    kind: str
    id: str
    name: str = ""

    @property
    def label(self) -> str:
        """The name for people; the id where there is none."""
        return self.name or self.id


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of evidence: a label, the value as people read it, and the bare number where it is one."""

    label: str
    text: str
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Contributor:
    """A segment or driver that carries the change, with its share in words (``-38 tickets, 71 %``)."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """Where to look next."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Point:
    """One period of a chart: observed and expected values, None where unknown."""

    day: date
    value: float | None
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None
    is_flagged: bool = False


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that someone should know.

    Attributes:
        since: start of the episode, or the instant of the event; aware UTC.
        team, owner: keys in the catalogue; None where nobody is named.
        audience: recipients named outright (``person:ana``, ``team:support``, ``everyone``) instead of the owner.
        rests_on: what the subject is computed from: ``source:salesforce``, ``metric:csat``.
        breaks: what cannot be trusted while this alert fires, in the same words; it inhibits what rests on it.
        weight: importance of the subject, for ranking in digests.
        is_restricted: values must not be shown (metric of restricted visibility); facts and chart are withheld.
    """

    type: AlertType
    subject: Subject
    severity: Severity
    since: datetime
    title: str
    team: str | None = None
    owner: str | None = None
    detail: str = ""
    action: str = ""
    facts: tuple[Fact, ...] = ()
    contributors: tuple[Contributor, ...] = ()
    chart: tuple[Point, ...] = ()
    links: tuple[Link, ...] = ()
    audience: tuple[str, ...] = ()
    rests_on: tuple[str, ...] = ()
    breaks: tuple[str, ...] = ()
    batch_id: int | None = None
    run_id: str | None = None
    weight: float = 1.0
    is_restricted: bool = False

    def __post_init__(self) -> None:
        if self.since.tzinfo is None:
            raise ValueError(
                f"alert {self.identity!r}: since {self.since} has no zone; give an aware UTC instant"
            )

    @property
    def identity(self) -> str:
        """What the alert is about, whichever time round."""
        return f"{self.type}:{self.subject.kind}:{self.subject.id}"

    @property
    def episode(self) -> str:
        """The identity with the start of this stretch: the incident that a page opens and closes."""
        return f"{self.identity}@{stamp(self.since)}"

    def key(self, notice: Notice, step: int = 0) -> str:
        """Deduplication key of one notice of this episode; ``step`` counts reminders and escalations."""
        return f"{self.episode}#{notice}{f'-{step}' if step else ''}"


def stamp(instant: datetime) -> str:
    """An aware instant as it stands in keys: ISO 8601, UTC, whole seconds."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def wire_key(text: str) -> str:
    """A key of our own as receivers take it: 40 hexadecimal digits, whatever it holds and however long it is.

    PagerDuty allows 255 characters in ``dedup_key``, Opsgenie 512 in ``alias``, HTTP headers only ASCII.
    """
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def identity_of(episode: str) -> str:
    """The identity within an episode: ``late:source:jira@2026-…`` → ``late:source:jira``."""
    return episode.rsplit("@", 1)[0]


def since_of(episode: str) -> datetime:
    """The start within an episode, aware UTC."""
    return datetime.strptime(episode.rsplit("@", 1)[1], "%Y-%m-%dT%H:%M:%S%z")
