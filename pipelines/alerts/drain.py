"""One drain of the outbox: escalate what is due, send what waits, within a time budget.

    report = drain(engine, Channels.of(catalogue, os.environ), clock, budget_seconds=20)

Nothing is locked while a channel is being waited for: a claim is one short transaction, a mark another. A channel
that fails once is left alone for the rest of the drain, so one that hangs costs one time-out and not sixty.

Source: alert rules, 'Outbox'; faults, 29.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from connectors.errors import ConfigurationError
from connectors.secret import Secret, is_reference, resolve
from definitions.model import Catalogue, Organisation
from definitions.settings import AlertSettings
from pipelines.publishing.engine import writing
from pipelines.publishing.records import AlertRow

from . import outbox
from .acknowledge import carry_feedback
from .batching import Settled, batches, message_key, settle
from .decide import escalate
from .decision import Decision, Reason, World
from .deliver import Address, Outcome, is_incident_channel, send
from .hours import local_day, nudge_time, start_of_day
from .incidents import Memory
from .model import AlertType, Notice, Severity, wire_key
from .outbox import Queued
from .payload import Message, Wording, compose
from .routing import fallback_routes
from .signing import LinkSigner

Clock = Callable[[], datetime]
Send = Callable[[Message, Address, AlertSettings, datetime], Outcome]


@dataclass(frozen=True)
class Channels:
    """Where messages can go: the organisation, the settings, and the variables that channel URLs refer to."""

    organisation: Organisation
    settings: AlertSettings
    environment: Mapping[str, str] = field(repr=False)
    send: Send = send

    @classmethod
    def of(cls, catalogue: Catalogue, environment: Mapping[str, str]) -> Channels:
        """The channels of a catalogue."""
        return cls(catalogue.organisation, catalogue.settings.alerts, environment)

    def address(self, recipient: str, channel: str) -> Address:
        """Where a recipient is reached over a channel.

        Raises:
            ConfigurationError: the channel is gone from the catalogue, or its reference leads nowhere.
        """
        known = self.organisation.channels.get(channel)
        if known is None:
            raise ConfigurationError(
                "is no longer in the catalogue", place=f"channel {channel!r}", hint="put it back in teams.yml"
            )
        kind, _, key = recipient.partition(":")
        team = self.organisation.teams.get(key) if kind == "team" else None
        person = self.organisation.people.get(team.lead if team else key)
        url = resolve(known.url, self.environment) if is_reference(known.url) else Secret(known.url)
        return Address(url, person.email if person else None)

    def signer(self) -> LinkSigner | None:
        """What signs acknowledge links; None where no address or no key is set."""
        base, reference = self.settings.link_base, self.settings.link_key
        if not base or not reference:
            return None
        keys = tuple(key.encode() for key in resolve(reference, self.environment).reveal().split())
        return LinkSigner(keys, base, self.settings.link_days)


@dataclass(frozen=True, slots=True)
class DrainReport:
    """What one drain did, in messages unless said otherwise.

    Attributes:
        sent, retried, failed: messages delivered, to be tried again, given up.
        alerts: rows told by the messages sent.
        escalated, dropped: rows added by escalation; rows that need not be sent any more.
        left: messages that are due and were not begun.
        errors: the last error of each channel that failed, without secrets.
    """

    sent: int
    retried: int
    failed: int
    alerts: int
    escalated: int
    dropped: int
    left: int
    seconds: float
    errors: Mapping[str, str]


def drain(
    engine: Engine, channels: Channels, clock: Clock, budget_seconds: float | None = None
) -> DrainReport:
    """Send what is due, until the budget is spent.

    Args:
        engine: the reporting database.
        channels: organisation, settings and secrets.
        clock: aware UTC; also measures the budget.
        budget_seconds: default ``drain_seconds``. A delivery that has begun is ended by ``send_seconds``.

    Raises:
        DatabaseUnavailable: the reporting database cannot be read or written. Channels never raise.
    """
    return _Drain(engine, channels, clock, budget_seconds or channels.settings.drain_seconds).run()


class _Drain:
    def __init__(self, engine: Engine, channels: Channels, clock: Clock, budget: float) -> None:
        self._engine = engine
        self._channels = channels
        self._settings = channels.settings
        self._clock = clock
        self._begun = clock()
        self._end = self._begun + timedelta(seconds=budget)
        self._counts: Counter[str] = Counter()
        self._errors: dict[str, str] = {}
        self._down: set[str] = set()
        self._signer = self._open_signer()

    def run(self) -> DrainReport:
        waiting = self._prepare()
        messages = batches(waiting, self._begun, self._travels_alone)
        for batch in messages:
            if self._clock() >= self._end:
                break
            if batch[0].log.channel in self._down:
                continue
            self._counts["begun"] += 1
            self._tell(batch)
        counts = self._counts
        return DrainReport(
            sent=counts["sent"],
            retried=counts["retried"],
            failed=counts["failed"],
            alerts=counts["alerts"],
            escalated=counts["escalated"],
            dropped=counts["dropped"],
            left=len(messages) - counts["begun"],
            seconds=(self._clock() - self._begun).total_seconds(),
            errors=dict(self._errors),
        )

    def _open_signer(self) -> LinkSigner | None:
        """What signs links; without it, alerts go out with the command in place of a link."""
        try:
            return self._channels.signer()
        except (ConfigurationError, ValueError) as error:
            self._errors["acknowledge links"] = str(error)
            return None

    # ── before sending ──────────────────────────────────────────────────────────────────────────────────────

    def _prepare(self) -> list[Queued]:
        now, settings = self._begun, self._settings
        with writing(self._engine) as connection:
            outbox.take_over_acknowledgements(connection)
            carry_feedback(connection, now)
            memory = outbox.recall(connection, now, days=0)
            silences = outbox.silences(connection, now)
            world = World(now, settings, self._channels.organisation, memory, silences)
            escalations = outbox.rows(escalate(world), memory, now)
            self._counts["escalated"] = outbox.record(connection, escalations)
            waiting = outbox.queued(connection)
            settled = settle(
                waiting,
                now,
                outbox.sent_ways(connection, {row.log.episode for row in waiting}),
                silences,
                outbox.checked_in(connection),
            )
            for each in settled.dropped:
                outbox.drop(connection, each.row, each.reason.value, each.by)
            self._counts["dropped"] = len(settled.dropped)
            nudged = outbox.nudged_on(connection, start_of_day(now, settings))
            return self._one_nudge_a_day(settled, nudged, connection)

    def _one_nudge_a_day(
        self, settled: Settled, nudged: frozenset[str], connection: Connection
    ) -> list[Queued]:
        """Who was nudged today is nudged again tomorrow. Source: scoring rules, 'Nudges'."""
        now, settings = self._begun, self._settings
        again = [
            row
            for row in settled.rows
            if row.log.alert.type is AlertType.CHECK_IN_DUE and row.is_untried and row.log.recipient in nudged
        ]
        tomorrow = nudge_time(now, Severity.INFO, settings, after=local_day(now, settings))
        outbox.hold(connection, tomorrow, keys=[row.alert_key for row in again])
        return [row for row in settled.rows if row not in again]

    def _travels_alone(self, row: Queued) -> bool:
        try:
            return is_incident_channel(self._channels.address(row.log.recipient, row.log.channel))
        except ConfigurationError:
            return False

    # ── sending ─────────────────────────────────────────────────────────────────────────────────────────────

    def _tell(self, batch: list[Queued]) -> None:
        key, now = message_key(batch), self._clock()
        # A lease outlives the delivery it is for, whatever the settings say.
        seconds = max(self._settings.lease_seconds, 3 * self._settings.send_seconds)
        lease = now + timedelta(seconds=seconds)
        if not self._claim(batch, key, lease):
            return
        outcome = self._deliver(batch, key, now)
        done = self._clock()
        with writing(self._engine) as connection:
            if outcome.is_delivered:
                outbox.mark_sent(connection, batch, done)
                self._counts["sent"] += 1
                self._counts["alerts"] += len(batch)
                return
            channel = batch[0].log.channel
            self._errors[channel] = outcome.error
            if outcome.retry:
                self._down.add(channel)
            if outcome.retry and not self._is_too_old(batch, done):
                outbox.mark_retry(connection, batch, outcome.error, self._next_try(batch, key, outcome, done))
                self._counts["retried"] += 1
            else:
                outbox.mark_failed(connection, batch, outcome.error)
                outbox.record(connection, self._fallback(batch, done))
                self._counts["failed"] += 1
            if outcome.wait:
                outbox.hold(connection, done + timedelta(seconds=outcome.wait), channel=channel)

    def _claim(self, batch: list[Queued], key: str, until: datetime) -> bool:
        try:
            with writing(self._engine) as connection:
                if not outbox.claim(connection, batch, key, until):
                    raise _Taken
        except _Taken:
            return False
        return True

    def _deliver(self, batch: Sequence[Queued], key: str, now: datetime) -> Outcome:
        recipient, channel = batch[0].way
        try:
            address = self._channels.address(recipient, channel)
        except ConfigurationError as error:
            return Outcome(str(error), retry=True)
        wording = Wording(self._channels.organisation, self._settings, self._signer, now)
        message = compose([row.entry for row in batch], recipient, key, wording)
        return self._channels.send(message, address, self._settings, now)

    def _is_too_old(self, batch: Sequence[Queued], now: datetime) -> bool:
        oldest = min(row.created_at for row in batch)
        return now - oldest >= timedelta(hours=self._settings.give_up_hours)

    def _next_try(self, batch: Sequence[Queued], key: str, outcome: Outcome, now: datetime) -> datetime:
        """Doubling back-off, never sooner than the receiver asked, spread by a tenth so that many do not
        return at once."""
        settings = self._settings
        wait = min(settings.retry_seconds * 2.0 ** min(batch[0].attempts, 30), settings.retry_seconds_max)
        spread = int(wire_key(key)[:4], 16) / 0xFFFF * 0.1
        return now + timedelta(seconds=max(wait, outcome.wait or 0.0) * (1 + spread))

    def _fallback(self, batch: Sequence[Queued], now: datetime) -> tuple[AlertRow, ...]:
        """What could not be delivered goes to the fallback, unless that is where it failed."""
        decisions = [
            Decision(
                alert=row.log.alert,
                notice=row.log.notice,
                step=row.log.step,
                reason=Reason.UNDELIVERABLE,
                at=now,
                recipient=route.recipient,
                channel=route.channel,
                by=f"{row.log.recipient} over {row.log.channel}",
            )
            for row in batch
            if row.log.notice is not Notice.RESOLVED
            for route in fallback_routes(row.log.severity, self._channels.organisation, self._settings)
            if route.channel != row.log.channel
        ]
        return outbox.rows(decisions, Memory(), now)


class _Taken(Exception):
    """Another drain was faster."""
