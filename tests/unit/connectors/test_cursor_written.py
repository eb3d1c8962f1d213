"""How a window's start is written for systems that do not take ISO 8601: their pattern, their zone, never late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.stream import Cursor

PATTERN = "%Y-%m-%d.%H:%M:%S"


@pytest.mark.parametrize(
    ("zone", "precision", "expected"),
    [
        ("", timedelta(seconds=1), "2026-11-22.01:24:50"),
        ("America/New_York", timedelta(seconds=1), "2026-11-21.20:24:50"),
        ("Asia/Kolkata", timedelta(minutes=1), "2026-11-22.06:54:00"),
    ],
)
def test_the_filter_is_written_in_its_pattern_and_zone(
    zone: str, precision: timedelta, expected: str
) -> None:
    cursor = Cursor("activity", precision=precision, written=PATTERN, written_zone=zone)
    assert cursor.render(datetime(2026, 11, 22, 1, 24, 50, 999_999, tzinfo=UTC)) == expected


def test_without_a_pattern_it_is_iso() -> None:
    assert Cursor("activity").render(datetime(2026, 11, 22, 1, 24, 50, tzinfo=UTC)) == "2026-11-22T01:24:50Z"


ZONES = ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "UTC")
TURNS = (
    datetime(2026, 3, 29, tzinfo=UTC),
    datetime(2026, 4, 4, tzinfo=UTC),
    datetime(2026, 10, 24, tzinfo=UTC),
)


def assert_not_late(instant: datetime, zone: str) -> None:
    """Whichever of two equal wall times the system takes, it is not after the instant that was meant."""
    written = Cursor("x", written=PATTERN, written_zone=zone).render(instant)
    for fold in (0, 1):
        shown = datetime.strptime(str(written), PATTERN).replace(tzinfo=ZoneInfo(zone), fold=fold)
        assert timedelta(0) <= instant - shown.astimezone(UTC) < timedelta(hours=2, seconds=1)


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda at: 1970 < at.year < 2037), st.sampled_from(ZONES))
def test_a_window_never_begins_too_late(instant: datetime, zone: str) -> None:
    assert_not_late(instant, zone)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("turn", TURNS)
def test_nor_does_it_when_clocks_are_turned(zone: str, turn: datetime) -> None:
    for minutes in range(0, 14 * 24 * 60, 10):
        assert_not_late(turn + timedelta(minutes=minutes), zone)
