"""Cursors sort as their instants do, whatever shape the vendor writes them in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.cursors import cursor_text, cursor_texts, cursor_writer, instant_of, sortable, value_reader
from connectors.stream import Cursor, CursorKind

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1), timezones=zones)  # noqa: DTZ001


@given(
    instants,
    st.sampled_from(["milliseconds", "seconds", "microseconds"]),
    st.sampled_from(["Z", "+0000", "own"]),
)
def test_every_way_to_write_an_instant_gives_the_same_cursor(
    instant: datetime, digits: str, end: str
) -> None:
    moment = instant if end == "own" else instant.astimezone(UTC)
    text = moment.isoformat(timespec=digits)
    text = text if end == "own" else text.removesuffix("+00:00") + end
    written = cursor_writer(Cursor("at"))({"at": text})
    assert written == sortable(datetime.fromisoformat(text))
    assert instant_of(written) == datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    "text",
    ["", "2026-13-01T00:00:00Z", "2026-01-31T25:00:00.000+0000", "yesterday at noon, or soT12:00Z", 5.5, []],
)
def test_what_is_no_instant_has_no_cursor(text: object) -> None:
    assert cursor_writer(Cursor("at"))({"at": text}) == ""


@pytest.mark.parametrize("text", ["2026-W05-2T07:00:29.331+0000", "2026-01-30T070029.33133+0000"])
def test_a_stamp_in_another_of_the_standard_s_forms_sorts_with_the_others(text: str) -> None:
    assert cursor_writer(Cursor("at"))({"at": text}) == sortable(datetime.fromisoformat(text))


usual = instants.map(
    lambda i: i.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")
)
odd = st.sampled_from(
    [None, 5, "", "soon", "2026-01-31T12:00:00Z", "2026-W05-2T07:00:29.331+0000", "2026-02-30T00:00:00.000+0000",
     "2026-01-30T070029.33133+0000", "2026-01-30\nT07:00:29.31+0000", "2026-01-30T07:00:2\n.331+0000"]
)  # fmt: skip


@given(st.lists(st.one_of(usual, usual, usual, odd), max_size=6))
def test_cursors_written_together_are_those_written_one_by_one(values: list[object]) -> None:
    cursor = Cursor("at")
    assert cursor_texts(cursor)(values) == list(map(cursor_text(cursor), values))


@given(st.lists(usual, max_size=6))
def test_so_are_usual_ones(values: list[str]) -> None:
    assert cursor_texts(Cursor("at"))(values) == [sortable(datetime.fromisoformat(value)) for value in values]


def test_a_fallback_counts_while_the_first_field_is_null() -> None:
    write = cursor_writer(Cursor("write_date", fallback="create_date"))
    assert write({"write_date": None, "create_date": "2026-01-31T12:00:00Z"}) == "2026-01-31T12:00:00.000000Z"


def test_numbers_are_padded_so_that_they_sort() -> None:
    write = cursor_writer(Cursor("id", CursorKind.INTEGER))
    assert write({"id": 9}) < write({"id": "10"})
    assert write({"id": True}) == write({"id": "x"}) == ""


def test_a_value_is_found_at_its_path_or_is_none() -> None:
    record = {"a": {"b": [{"c": 1}]}, "x": "text"}
    assert value_reader(("a",))(record) == {"b": [{"c": 1}]}
    assert value_reader(("a", "b"))(record) == [{"c": 1}]
    assert value_reader(("a", "b", 0, "c"))(record) == 1
    assert value_reader(("x", "b"))(record) is None
