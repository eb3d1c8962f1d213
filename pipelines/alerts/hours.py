"""When a message may go out: quiet hours, and the next time of day, in the organisation's zone.

Quiet hours are local, results are UTC instants: over both nights of a clock change the local time of day is what
counts, so eight in the morning stays eight in the morning.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from definitions.settings import AlertSettings

from .model import Severity


def quiet_until(now: datetime, severity: Severity, settings: AlertSettings) -> datetime | None:
    """The end of the quiet hours that ``now`` falls into, or None when a message of this severity may go out.

    Source: alert rules, 'quiet hours'. From ``quiet_breaks_at`` on, nothing waits.
    """
    if severity.rank >= Severity(settings.quiet_breaks_at).rank:
        return None
    local = now.astimezone(ZoneInfo(settings.time_zone))
    if not _is_quiet(local.date(), local.time(), settings):
        return None
    # At most a week of quiet days plus the night after: each step moves to the next morning.
    for days in range(9):
        day = local.date() + timedelta(days=days)
        morning = _at(day, settings.quiet_until, settings)
        if morning > now and not _is_quiet(day, settings.quiet_until, settings):
            return morning
    return None


def next_time(now: datetime, at: time, settings: AlertSettings, *, after: date | None = None) -> datetime:
    """The next instant at local time of day ``at``: today's if it is still to come, on a later day than ``after``.

    A time that the clocks skip is taken as the same distance after midnight's offset, never lost.
    """
    day = local_day(now, settings)
    if after is not None and after >= day:
        day = after + timedelta(days=1)
    while (instant := _at(day, at, settings)) < now:
        day += timedelta(days=1)
    return instant


def nudge_time(
    now: datetime, severity: Severity, settings: AlertSettings, *, after: date | None = None
) -> datetime:
    """The next hour of nudges that is not quiet, on a later day than ``after``.

    Where the hour of nudges is always quiet, they go out when quiet hours end.
    """
    at = first = next_time(now, settings.nudge_at, settings, after=after)
    for _ in range(8):
        if (until := quiet_until(at, severity, settings)) is None:
            return at
        at = next_time(until, settings.nudge_at, settings)
    return quiet_until(first, severity, settings) or first


def local_day(now: datetime, settings: AlertSettings) -> date:
    """The organisation's calendar day at an instant."""
    return now.astimezone(ZoneInfo(settings.time_zone)).date()


def start_of_day(now: datetime, settings: AlertSettings) -> datetime:
    """The instant at which the organisation's calendar day began."""
    return _at(local_day(now, settings), time(0, 0), settings)


def _is_quiet(day: date, at: time, settings: AlertSettings) -> bool:
    if len(set(settings.quiet_weekdays)) < 7 and day.isoweekday() in settings.quiet_weekdays:
        return True
    start, end = settings.quiet_from, settings.quiet_until
    if start <= end:
        return start <= at < end
    return at >= start or at < end


def _at(day: date, at: time, settings: AlertSettings) -> datetime:
    return datetime.combine(day, at, ZoneInfo(settings.time_zone)).astimezone(UTC)
