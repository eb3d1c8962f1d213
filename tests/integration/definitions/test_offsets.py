"""Offsets, by every grain and metric type: what is published equals what is asked, and both are the earlier value.

A whole number of periods back is the earlier period as it is; otherwise every day reads the day that far back. Source:
dictionary rules, semantics 4; docs/decisions/query-meaning.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from definitions import load_texts
from definitions.calendars import add_span, period_end, period_start, shift
from definitions.compiler import Compiler
from definitions.compiler.query import query
from definitions.model import Span
from tests.integration.definitions.worlds import (
    METRICS,
    SOURCES,
    TEAMS,
    Postgres,
    Run,
    Tables,
    _metric,
    duckdb_engine,
)

GRAINS = ("day", "week", "month", "quarter", "year")
TODAY = date(2024, 3, 14)
BASES = (
    "events_count", "users", "middle", "ok_share", "open_things", "open_median", "cash", "converted", "returning",
    "last_week", "to_date",
)  # fmt: skip
OFFSETS = ("1 month", "1 quarter", "1 year", "2 weeks")
SPANS = {"month": 1, "quarter": 3, "year": 12}
Key = tuple[date, str]


def _name(base: str, offset: str) -> str:
    return f"{base}_{offset.replace(' ', '_')}_ago"


SHIFTED = [(base, offset) for base in BASES for offset in OFFSETS]
TEXT = METRICS + "".join(
    _metric(
        _name(base, offset),
        f"type: derived, expr: before, inputs: [{{metric: {base}, alias: before, offset: {offset}}}], segments: "
        f"[{'kind' if base == 'cash' else 'team'}]",
        False,
    )
    for base, offset in SHIFTED
)
COMPILER = Compiler(
    load_texts(
        {
            "sources/world.yml": SOURCES,
            "metrics/world.yml": TEXT,
            "teams.yml": TEAMS,
            "calendars.yml": "calendars:\n  - {name: company}\n",
        }
    )
)
CALENDAR = COMPILER.catalogue.calendars["company"]


def _tables() -> Tables:
    """Something on every day around the ends of the months of a leap year and of the year before."""
    days = [
        start + timedelta(days=n)
        for start, count in ((date(2023, 1, 26), 40), (date(2023, 11, 27), 110))
        for n in range(count)
    ]
    events, states, snapshots = [], [], []
    for number, day in enumerate(here for here in days for _ in range(1 + here.day % 2)):
        at = datetime.combine(day, time(number % 24))
        events.append(
            {
                "event_id": number,
                "account_id": None,
                "user_id": f"u{number * 7 % 5}",
                "team": "ab"[number % 3 == 0],
                "amount": Decimal(number % 17),
                "score": None,
                "ok": number % 3 > 0,
                "is_test": False,
                "happened_at": at,
                "done_at": None,
                "on_day": None,
            }
        )
        held = timedelta(days=3 + number * 5 % 41)
        states.append(
            {
                "thing_id": f"t{number}",
                "account_id": None,
                "team": "ab"[number % 4 == 0],
                "amount": Decimal(number * 3 % 23),
                "is_open": number % 5 > 0,
                "valid_from": at,
                "valid_to": None if number % 11 == 0 else at + held,
            }
        )
    for number, day in enumerate(dict.fromkeys(days)):
        if number % 4:
            snapshots.append(
                {"taken_on": day, "holder": "h", "kind": "k", "balance": Decimal(day.toordinal() % 97)}
            )
    return {
        "accounts": [],
        "owners": [],
        "plans": [],
        "events": events,
        "states": states,
        "snapshots": snapshots,
    }


TABLES = _tables()


def framed(run: Run, dialect: str, metrics: list[str]) -> dict[tuple[str, str], dict[Key, float]]:
    """Published values by metric and grain."""
    found: dict[tuple[str, str], dict[Key, float]] = {}
    for batch in COMPILER.batches(metrics, grains=GRAINS, end=TODAY):
        for row in run(batch.sql(dialect)):
            if row["value"] is not None:
                values = found.setdefault((row["metric"], row["grain"]), {})
                values[row["period_start"], row["segment_value"]] = row["value"]
    return found


def asked(run: Run, dialect: str, metrics: list[str]) -> dict[tuple[str, str], dict[Key, float]]:
    """Values of questions by metric and grain, the total and each segment."""
    found: dict[tuple[str, str], dict[Key, float]] = {}
    for grain in GRAINS:
        for dimension in ((), ("kind",) if metrics[0].startswith("cash") else ("team",)):
            statement = query(COMPILER, metrics, by=dimension, grain=grain, end=TODAY, as_of=TODAY)
            for row in run(statement.sql(dialect)):
                begun = row["metric_time"] <= TODAY
                for metric in metrics:
                    if row[metric] is not None and begun:
                        segment = row[dimension[0]] if dimension else ""
                        found.setdefault((metric, grain), {})[row["metric_time"], segment] = row[metric]
    return found


@pytest.fixture(scope="module")
def embedded() -> Run:
    return duckdb_engine(COMPILER.catalogue, TABLES)


@pytest.fixture(scope="module")
def server(postgres_server: Any) -> Iterator[Run]:
    database = Postgres(postgres_server.create_database("offsets"), COMPILER.catalogue)
    yield database.fill(TABLES)
    database.close()
    postgres_server.drop_database("offsets")


def test_what_is_published_is_what_is_asked(embedded: Run) -> None:
    names = [_name(base, offset) for base, offset in SHIFTED if offset == "1 month"]
    published = framed(embedded, "duckdb", names)
    assert published.keys() == {(name, grain) for name in names for grain in GRAINS}
    for group in (
        [n for n in names if n.startswith("cash")],
        [n for n in names if not n.startswith("cash")],
    ):
        for key, values in asked(embedded, "duckdb", group).items():
            assert published[key] == pytest.approx(values, rel=1e-12), key


def test_on_postgres_as_well(server: Run, embedded: Run) -> None:
    """Every way to shift: rows, states, snapshots, events made first, running windows; by the day and by the month."""
    names = [
        _name(base, "1 month")
        for base in ("users", "ok_share", "open_things", "cash", "converted", "returning", "to_date")
    ]
    assert framed(server, "postgres", names) == framed(embedded, "duckdb", names)


@pytest.mark.parametrize("offset", OFFSETS)
def test_a_whole_number_of_periods_back_is_the_earlier_period(embedded: Run, offset: str) -> None:
    span = Span.parse(offset)
    back = {"day": None, "week": 2} if span.unit == "week" else {}
    for grain, months in SPANS.items():
        if span.unit in SPANS and SPANS[span.unit] % months == 0:
            back[grain] = SPANS[span.unit] // months
    published = framed(embedded, "duckdb", [*BASES, *(_name(base, offset) for base in BASES)])
    compared = 0
    for base in BASES:
        for grain, count in back.items():
            earlier = published[base, grain]
            for (start, segment), value in published[_name(base, offset), grain].items():
                read = add_span(start, span, -1) if count is None else shift(CALENDAR, grain, start, count)
                assert value == pytest.approx(earlier.get((read, segment)), rel=1e-12), (base, grain, start)
                compared += 1
    assert compared > 100


@pytest.mark.parametrize("offset", ["1 month", "1 quarter", "1 year"])
def test_otherwise_every_day_reads_the_day_that_far_back(embedded: Run, offset: str) -> None:
    span = Span.parse(offset)
    bases = ("events_count", "open_things", "cash", "last_week", "to_date")
    published = framed(embedded, "duckdb", [*bases, *(_name(base, offset) for base in bases)])
    for base in bases:
        daily = {day: value for (day, segment), value in published[base, "day"].items() if not segment}
        found = {p: v for (p, segment), v in published[_name(base, offset), "day"].items() if not segment}
        last = TODAY if base in ("open_things", "last_week", "to_date") else max(found)
        days = [date(2023, 1, 1) + timedelta(days=n) for n in range((last - date(2023, 1, 1)).days + 1)]
        read = {day: daily[add_span(day, span, -1)] for day in days if add_span(day, span, -1) in daily}
        assert found == pytest.approx(read), base
        weekly: dict[date, dict[date, float]] = {}
        for day, value in read.items():
            weekly.setdefault(period_start(CALENDAR, "week", day), {})[day] = value
        for (week, segment), value in published[_name(base, offset), "week"].items():
            if segment or period_end(CALENDAR, "week", week) > TODAY:
                continue
            values = weekly[week]
            picked = {
                "events_count": sum(values.values()),
                "to_date": sum(values.values()) / len(values),
            }.get(base, values[max(values)])
            assert value == pytest.approx(picked), (base, week)


def test_the_end_of_a_month_is_read_by_the_days_that_lead_back_to_it(embedded: Run) -> None:
    """29, 30 and 31 March read 29 February; nothing reads 30 and 31 January. By the month it is the month before."""
    name = _name("events_count", "1 year")
    published = framed(embedded, "duckdb", [name, "events_count"])
    assert (
        published[name, "day"][date(2024, 2, 29), ""]
        == published["events_count", "day"][date(2023, 2, 28), ""]
    )
    assert (
        published[name, "day"][date(2024, 2, 28), ""]
        == published["events_count", "day"][date(2023, 2, 28), ""]
    )
    assert (
        published[name, "month"][date(2024, 2, 1), ""]
        == published["events_count", "month"][date(2023, 2, 1), ""]
    )


def test_a_running_month_begins_with_the_state_at_the_end_of_the_one_before(embedded: Run) -> None:
    """Not with the state of the same day a month ago: a movement over the month would have the wrong sign."""
    name = _name("open_things", "1 month")
    published = framed(embedded, "duckdb", [name, "open_things"])
    before = published["open_things", "day"]
    assert published[name, "month"][date(2024, 3, 1), ""] == before[date(2024, 2, 29), ""]
    assert before[date(2024, 2, 29), ""] != before[date(2024, 2, 14), ""]
    assert published[name, "week"][date(2024, 3, 11), ""] == before[date(2024, 2, 14), ""]
