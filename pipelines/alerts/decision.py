"""The words of a decision: candidates, reasons, verdicts, and the world a decision looks at.

`decide` puts them together; `stages` gives the verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from definitions.model import Organisation
from definitions.settings import AlertSettings

from .incidents import Incident, Key, Memory, Silence
from .model import Alert, AlertType, Notice


class Reason(StrEnum):
    """Why an alert is sent, waits, or is dropped."""

    STARTED = "started"
    WORSENED = "worsened"
    REMINDED = "reminded"
    ESCALATED = "escalated"
    ENDED = "ended"
    HAPPENED = "happened"
    UNDELIVERABLE = "undeliverable"

    QUIET_HOURS = "quiet_hours"
    NUDGE_HOUR = "nudge_hour"

    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    INHIBITED = "inhibited"
    SILENCED = "silenced"
    ACKNOWLEDGED = "acknowledged"
    COOLING_DOWN = "cooling_down"
    NEVER_TOLD = "never_told"
    UNROUTED = "unrouted"

    @property
    def is_sent(self) -> bool:
        """Whether it goes out, now or when its time comes."""
        return self in _SENT


_SENT = frozenset(
    {
        Reason.STARTED,
        Reason.WORSENED,
        Reason.REMINDED,
        Reason.ESCALATED,
        Reason.ENDED,
        Reason.HAPPENED,
        Reason.UNDELIVERABLE,
        Reason.QUIET_HOURS,
        Reason.NUDGE_HOUR,
    }
)


@dataclass(frozen=True)
class Covered:
    """What was looked at: an open incident that was looked at and fires no more has ended.

    ``scopes`` holds (type, scope) pairs; a metric's scope is ``metric/grain``, any other subject's is its id.
    """

    scopes: frozenset[tuple[AlertType, str]] = frozenset()

    def __contains__(self, alert: Alert) -> bool:
        return (alert.type, scope(alert)) in self.scopes

    def __or__(self, other: Covered) -> Covered:
        return Covered(self.scopes | other.scopes)


def scope(alert: Alert) -> str:
    """The part of a subject that is looked at as one: every segment of a metric and grain together."""
    if alert.subject.kind == "metric":
        return "/".join(alert.subject.id.split("/", 2)[:2])
    return alert.subject.id


@dataclass(frozen=True)
class World:
    """Everything a decision looks at beside the alerts themselves.

    ``causes`` is filled in by `decide`: for everything broken, the firing alert that explains it.
    """

    now: datetime
    settings: AlertSettings
    organisation: Organisation
    memory: Memory = field(default_factory=Memory)
    silences: tuple[Silence, ...] = ()
    causes: Mapping[str, Alert] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """One notice of one alert, before anything is decided."""

    alert: Alert
    notice: Notice
    step: int = 0
    incident: Incident | None = None


@dataclass(frozen=True)
class Verdict:
    """What a stage says: the reason, what caused it, and when the notice may go out (None: now)."""

    reason: Reason
    by: str = ""
    not_before: datetime | None = None


@dataclass(frozen=True)
class Decision:
    """The end of one notice on one way. ``recipient`` and ``channel`` are empty when it never got a way."""

    alert: Alert
    notice: Notice
    step: int
    reason: Reason
    at: datetime
    recipient: str = ""
    channel: str = ""
    by: str = ""
    why: str = ""

    @property
    def key(self) -> Key:
        """What is told once."""
        return (self.alert.key(self.notice, self.step), self.recipient, self.channel)

    @property
    def is_sent(self) -> bool:
        """Whether it becomes a queued row of the outbox; otherwise a suppressed one."""
        return self.reason.is_sent

    def is_news(self, memory: Memory) -> bool:
        """Whether the log should hold it: not where the log already says the same."""
        if self.reason in (Reason.UNCHANGED, Reason.DUPLICATE, Reason.ACKNOWLEDGED):
            return False
        return self.is_sent or memory.muted.get(self.key[0]) != (self.reason.value, self.by)
