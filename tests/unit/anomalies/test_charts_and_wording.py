"""Charts are deterministic and readable without colour; words are the same in every locale."""

from __future__ import annotations

import struct
from datetime import date, timedelta

import pytest

from pipelines.anomalies.charts import Annotation, BandPoint, band_chart_spec, render_png, render_svg
from pipelines.anomalies.flags import end_of
from pipelines.anomalies.wording import say, say_change, say_period, say_range

START = date(2026, 5, 1)


def points() -> list[BandPoint]:
    made = [BandPoint(START + timedelta(days=n), 100.0 + n % 7, 103.0, 95.0, 111.0) for n in range(40)]
    made[20] = BandPoint(START + timedelta(days=20), None, 103.0, 95.0, 111.0)
    made[30] = BandPoint(START + timedelta(days=30), 60.0, 103.0, 95.0, 111.0, "point")
    made[35] = BandPoint(START + timedelta(days=35), 120.0, 103.0, 95.0, 111.0, "level_shift")
    return made


def test_the_picture_is_the_same_every_time_and_has_its_title_as_text() -> None:
    spec = band_chart_spec(
        points(),
        title="Tickets opened",
        subtitle="42 tickets on Tue 9 Jun, expected 88–131",
        kind="count",
        unit="tickets",
        annotations=[Annotation(START, START + timedelta(days=3), "Release 2.14")],
    )
    svg = render_svg(spec)
    assert svg == render_svg(spec)
    for text in ("Tickets opened", "42 tickets on Tue 9 Jun", "Release 2.14"):
        assert text in svg
    png = render_png(spec)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    assert width > 1200
    assert height > 400


def test_flags_are_told_apart_by_shape_and_gaps_stay_gaps() -> None:
    values = band_chart_spec(points(), title="x")["data"]["values"]
    assert values[20]["value"] is None
    assert (values[30]["side"], values[35]["side"]) == ("low", "other")


def test_the_description_tells_a_screen_reader_what_was_flagged() -> None:
    told = band_chart_spec(points(), title="Tickets")["description"]
    assert told == "Tickets. 40 days, 2 flagged, the last on Fri 5 Jun 2026"


def test_durations_are_drawn_in_a_readable_unit() -> None:
    made = [BandPoint(START + timedelta(days=n), 7200.0 + n) for n in range(10)]
    spec = band_chart_spec(made, title="First reply", kind="duration", unit="seconds")
    assert spec["data"]["values"][0]["value"] == 2.0


def test_an_empty_series_makes_an_empty_picture() -> None:
    assert "<svg" in render_svg(band_chart_spec([], title="Nothing yet"))


@pytest.mark.parametrize(
    ("value", "kind", "unit", "words"),
    [
        (42, "count", "tickets", "42 tickets"),
        (1234567.0, "money", "EUR", "1,234,567 EUR"),
        (19.99, "money", "EUR", "19.99 EUR"),
        (0.4167, "ratio", "", "41.7 %"),
        (5400, "duration", "seconds", "1 h 30 min"),
        (3600, "duration", "seconds", "1 h"),
        (-7.895, "score", "", "-7.895"),
        (1.2456, "level", "customers", "1.2 customers"),
        (0.0, "level", "", "0"),
        (float("nan"), "count", "", "unknown"),
    ],
)
def test_values_in_words(value: float, kind: str, unit: str, words: str) -> None:
    assert say(value, kind, unit) == words


def test_ranges_changes_and_periods_in_words() -> None:
    assert say_range(87.3, 131.9, "count") == "88–131"
    assert say_range(0.4, 0.4, "count") == "0–1"
    assert say_range(0.84, 0.91, "ratio") == "84 %–91 %"
    assert say_change(0.24) == "24 % higher"
    assert say_change(-0.4) == "40 % lower"
    assert say_change(1.5) == "2.5 times as high"
    assert say_period(date(2026, 11, 3), "day") == "Tue 3 Nov 2026"
    assert say_period(date(2026, 11, 2), "week") == "the week of 2 Nov 2026"
    assert say_period(date(2026, 4, 1), "quarter") == "Q2 2026"
    assert say_period(date(2026, 5, 16), "trailing_30d") == "the 30 days from 16 May 2026"


@pytest.mark.parametrize(
    ("grain", "end"),
    [
        ("day", date(2026, 12, 1)),
        ("week", date(2026, 12, 7)),
        ("month", date(2026, 12, 31)),
        ("quarter", date(2027, 2, 28)),
        ("trailing_30d", date(2026, 12, 30)),
    ],
)
def test_last_day_of_a_period(grain: str, end: date) -> None:
    assert end_of(date(2026, 12, 1), grain) == end
