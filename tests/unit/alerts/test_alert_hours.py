"""Quiet hours and times of day in the organisation's zone, over nights, weekends and clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from definitions.settings import AlertSettings
from pipelines.alerts.hours import local_day, next_time, nudge_time, quiet_until, start_of_day
from pipelines.alerts.model import Severity

INSTANTS = st.integers(0, 6 * 366 * 86_400).map(
    lambda s: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=s)
)
BERLIN = AlertSettings(time_zone="Europe/Berlin")


def test_quiet_hours_follow_the_local_clock_over_both_clock_changes() -> None:
    spring = datetime(2026, 3, 29, 22, 30, tzinfo=UTC)  # Monday 00:30 in Berlin, summer time since hours
    assert quiet_until(spring, Severity.WARNING, BERLIN) == datetime(2026, 3, 30, 5, tzinfo=UTC)
    autumn = datetime(2026, 10, 25, 22, 30, tzinfo=UTC)  # Sunday 23:30, winter time
    assert quiet_until(autumn, Severity.WARNING, BERLIN) == datetime(2026, 10, 26, 6, tzinfo=UTC)


def test_the_edges_of_the_night() -> None:
    settings = AlertSettings()
    at = datetime(2026, 3, 3, 19, 59, 59, tzinfo=UTC)
    assert quiet_until(at, Severity.WARNING, settings) is None
    morning = datetime(2026, 3, 4, 7, tzinfo=UTC)
    assert quiet_until(at + timedelta(seconds=1), Severity.WARNING, settings) == morning
    assert quiet_until(morning, Severity.WARNING, settings) is None


def test_quiet_every_day_is_no_quiet_day() -> None:
    always = AlertSettings(quiet_weekdays=(1, 2, 3, 4, 5, 6, 7))
    assert quiet_until(datetime(2026, 3, 3, 12, tzinfo=UTC), Severity.INFO, always) is None


@given(
    INSTANTS,
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]),
    st.times(),
    st.times(),
    st.sets(st.integers(1, 7), max_size=6),
)
def test_quiet_hours_end_in_the_future_at_a_time_that_is_not_quiet(
    now: datetime, zone: str, start: time, end: time, days: set[int]
) -> None:
    settings = AlertSettings(
        time_zone=zone, quiet_from=start, quiet_until=end, quiet_weekdays=tuple(sorted(days))
    )
    until = quiet_until(now, Severity.WARNING, settings)
    if until is not None:
        assert now < until <= now + timedelta(days=9)
        local = until.astimezone(ZoneInfo(zone))
        # A skipped local time is the only one that may not read as the setting says.
        is_skipped = datetime.combine(local.date(), end, ZoneInfo(zone)).astimezone(UTC) == until
        assert local.time() == end or is_skipped
    assert quiet_until(now, Severity.CRITICAL, settings) is None


@given(
    INSTANTS,
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    st.times(),
)
def test_the_next_time_of_day_is_within_a_day_and_a_clock_change(now: datetime, zone: str, at: time) -> None:
    settings = AlertSettings(time_zone=zone)
    found = next_time(now, at, settings)
    assert now <= found <= now + timedelta(hours=26)
    after = next_time(now, at, settings, after=local_day(now, settings))
    assert local_day(after, settings) > local_day(now, settings)
    assert start_of_day(now, settings) <= now


def test_nudges_skip_quiet_days_and_never_get_lost_in_quiet_hours() -> None:
    settings = AlertSettings()
    friday = datetime(2026, 3, 6, 12, tzinfo=UTC)
    assert nudge_time(friday, Severity.INFO, settings) == datetime(2026, 3, 9, 9, tzinfo=UTC)
    in_the_night = AlertSettings(nudge_at=time(6), quiet_until=time(7), quiet_weekdays=())
    assert nudge_time(friday, Severity.INFO, in_the_night) == datetime(2026, 3, 7, 7, tzinfo=UTC)


def test_nudge_hour_stays_nine_in_the_morning_over_a_clock_change() -> None:
    saturday = datetime(2026, 3, 28, 12, tzinfo=UTC)
    sunday = next_time(saturday, time(9), BERLIN)
    assert sunday == datetime(2026, 3, 29, 7, tzinfo=UTC)
    assert local_day(sunday, BERLIN) == date(2026, 3, 29)
