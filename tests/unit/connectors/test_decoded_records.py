"""A page parsed straight into what may land says what the plain rules say of it, whatever it holds."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.answer import Answer
from connectors.contract import Column, ColumnType
from connectors.errors import GarbledAnswer
from connectors.landing import Landing
from connectors.listing import ListingReader
from connectors.secret import Secret
from connectors.stream import Cursor, CursorKind, DeleteKind, Deletes, Page, Request, Stream
from tests.unit.connectors.test_projection import CONTRACT, KEY, names, records, wild

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
STRING = ColumnType.STRING
STAMPED = replace(
    CONTRACT,
    columns=(
        *CONTRACT.columns,
        Column("changed", STRING, "fields.changed", optional=True),
        Column("made", STRING, "made", optional=True),
        Column("gone", ColumnType.BOOLEAN, "gone", optional=True),
        Column("part", STRING, "part", optional=True),
        Column("parent", STRING, "parent.id", optional=True),
    ),
)
PLAIN = Stream(name="things", contract=STAMPED, request=Request("GET", ""), cursor=Cursor("fields.changed"))
STREAMS = (
    PLAIN,
    replace(PLAIN, cursor=None),
    replace(PLAIN, cursor=Cursor("fields.changed", fallback="made")),
    replace(PLAIN, cursor=Cursor("made", CursorKind.INTEGER)),
    replace(PLAIN, deletes=Deletes(DeleteKind.FLAG, flag="gone")),
    replace(PLAIN, deletes=Deletes(DeleteKind.FLAG, flag="gone", values=())),
    replace(PLAIN, parent="wholes", parent_field="parent.id"),
    replace(PLAIN, contract=replace(STAMPED, key=("thing_id", "part"))),
    replace(PLAIN, contract=replace(STAMPED, about_people=True)),
)

stamps = st.one_of(
    st.integers(-3, 300).map(lambda m: (NOW - timedelta(minutes=m)).strftime("%Y-%m-%dT%H:%M:%S.000+0000")),
    st.integers(0, 300).map(lambda m: (NOW - timedelta(minutes=m)).strftime("%Y-%m-%dT%H:%M:%SZ")),
    st.sampled_from(["2026-06-15T14:00:00+02:00", "", "soon", "2026-02-30T00:00:00.000+0000"]),
)
numbers = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([2**63, -(2**63) - 1, 2**64, 1e16, 1e22, 5e-324]),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=4), st.just('a\u2028\n"\\é😀\x7f')),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(names, inner, max_size=2)),
    max_leaves=8,
)


@st.composite
def things(draw: st.DrawFn) -> dict[str, Any]:
    """Records that are mostly as usual, so that most pages have a chance."""
    thing: dict[str, Any] = {
        "id": draw(st.text("abc", min_size=1, max_size=2)),
        "part": "p",
        "parent": {"id": draw(names)},
        "fields": {"name": "n", "changed": draw(stamps)},
        "names": [],
        "made": draw(st.integers(0, 9)),
    }
    if draw(st.integers(0, 3)) == 0:
        wilder = draw(records)
        inner = (
            {**thing["fields"], **wilder["fields"]}
            if isinstance(wilder["fields"], dict)
            else wilder["fields"]
        )
        thing |= {**wilder, "fields": inner}
    if draw(st.booleans()):
        thing |= {"tags": draw(values), "gone": draw(st.sampled_from([True, False, None, "true", 1]))}
    if draw(st.integers(0, 5)) == 0:
        thing |= {draw(st.sampled_from(["news", "made", "parent", "part", "id"])): draw(wild)}
    return thing


pages = st.lists(st.lists(things(), max_size=5), min_size=1, max_size=4)


def answer(body: bytes) -> Answer:
    return Answer("GET /things", 200, {}, body)


def land(stream: Stream, bodies: list[bytes], *, decoded: bool) -> tuple[list[Any], dict[str, Any], int]:
    """The lines, everything that was counted, and how many pages came decoded."""
    landing = Landing(stream, future_seconds=60, hash_key=KEY)
    landing.look_back_from("2026-06-15T10:00:00.000000Z")
    reader = ListingReader("data.things", ("data.next",), landing.decoder if decoded else None)
    lines: list[Any] = []
    as_types = 0
    for number, body in enumerate(bodies):
        listing = reader.listing(answer(body))
        as_types += listing.decoded is not None
        page = Page(body, listing.records, decoded=listing.decoded)
        try:
            text = landing.block(page, number, NOW)
        except GarbledAnswer as error:
            lines.append(str(error))
            continue
        assert text.count(b"\n") == len(page.records)
        lines += [orjson.dumps(orjson.loads(line), option=orjson.OPT_SORT_KEYS) for line in text.splitlines()]
    counted = {**asdict(landing.seen), "missing": landing.missing, "recent": landing.recent}
    return lines, counted, as_types


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(STREAMS), pages)
def test_decoded_pages_land_as_the_plain_rules_say(
    stream: Stream, content: list[list[dict[str, Any]]]
) -> None:
    bodies = [
        json.dumps({"data": {"things": page, "next": "t"}}, ensure_ascii=False).encode() for page in content
    ]
    expected, counted, _ = land(stream, bodies, decoded=False)
    found, counted_too, _ = land(stream, bodies, decoded=True)
    assert found == expected
    assert counted_too == counted


USUAL = {
    "id": "7",
    "part": "p",
    "parent": {"id": "w"},
    "fields": {"name": "n", "changed": "2026-06-15T11:00:00.000+0000", "icon": "x", "reporter": {"id": "p"}},
    "tags": [1, {"deep": [None]}],
    "self": "https://x",
    "made": 5,
    "gone": False,
}


@pytest.mark.parametrize("stream", STREAMS)
def test_a_usual_page_comes_decoded(stream: Stream) -> None:
    _, counted, as_types = land(stream, [orjson.dumps({"data": {"things": [USUAL]}})] * 3, decoded=True)
    assert (counted["rows"], as_types) == (3, 3)


def test_undeclared_fields_are_refused_once_and_then_have_a_place() -> None:
    body = orjson.dumps({"data": {"things": [{**USUAL, "fields": {**USUAL["fields"], "news": {"a": [1]}}}]}})  # type: ignore[dict-item]
    lines, counted, as_types = land(PLAIN, [body] * 4, decoded=True)
    assert as_types == 3
    assert counted["unknown"] == {"fields.news"}
    assert all(orjson.loads(line)["data"]["fields"]["news"] == {"a": [1]} for line in lines)


def test_pages_that_are_never_as_declared_are_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    landing = Landing(PLAIN, future_seconds=60, hash_key=KEY)
    body = orjson.dumps({"things": [{**USUAL, "fields": "none"}]})
    found = [landing.decoder.decode(body, "things", ()) for _ in range(20)]
    assert found == [None] * 20
    good = orjson.dumps({"things": [USUAL]})
    assert landing.decoder.decode(good, "things", ()) is None


texts = st.binary(max_size=6)


@settings(max_examples=150, deadline=None)
@example(0, b"\xef\xbb\xbf")
@example(60, b"\\u0000")
@example(60, b"\\ud83d")
@example(60, b"\xff")
@example(400, b"\xff")
@example(10_000, b"  {}")
@given(st.integers(0, 500), texts)
def test_a_broken_body_is_as_garbled_as_ever(place: int, inserted: bytes) -> None:
    body = orjson.dumps({"things": [USUAL, {**USUAL, "odd": "…", "self": "y"}], "next": None})
    body = body[:place] + inserted + body[place:]
    landing = Landing(PLAIN, future_seconds=60, hash_key=Secret("k"))
    results = []
    for decoder in (None, landing.decoder):
        reader = ListingReader("things", ("next",), decoder)
        try:
            reader.check(answer(body))
            results.append(list(reader.listing(answer(body)).records))
        except GarbledAnswer as error:
            results.append(str(error))  # type: ignore[arg-type]
    assert results[0] == results[1]


def test_what_says_how_to_go_on_is_read_beside_the_records() -> None:
    landing = Landing(PLAIN, future_seconds=60, hash_key=KEY)
    body = orjson.dumps(
        {"a": {"things": [USUAL], "page": {"next": "t", "more": True}}, "count": 3, "big": [1]}
    )
    reader = ListingReader(
        "a.things", ("a.page.next", "a.page.more", "count", "nowhere.at_all"), landing.decoder
    )
    listing = reader.listing(answer(body))
    assert listing.body == {"a": {"page": {"next": "t", "more": True}}, "count": 3}
    assert listing.decoded is not None
    assert list(listing.records) == [USUAL]
    assert listing.records[0] == listing.records[0:1][0] == USUAL


def test_a_page_may_be_the_list_itself() -> None:
    landing = Landing(PLAIN, future_seconds=60, hash_key=KEY)
    listing = ListingReader("", ("next",), landing.decoder).listing(answer(orjson.dumps([USUAL])))
    assert listing.decoded is not None
    assert (listing.body, len(listing.records)) == ([], 1)
