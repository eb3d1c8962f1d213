"""Typed reading: the engine's fast path and the value-by-value rules agree, and nothing becomes null in silence."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.contract import Column, ColumnType, Contract, Format
from connectors.errors import StoreError
from connectors.landing import Landing
from connectors.raw_store import Manifest, RawStore, StreamId
from connectors.runtime import Runtime
from connectors.stream import Cursor, Page, Reading, Stream
from connectors.typed import TypedBatch, _read_group, read_row, typed_schema
from connectors.typed_sql import fast_sql

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
STREAM_ID = StreamId("test", "acme", "things")

CONTRACT = Contract(
    columns=(
        Column("thing_id", ColumnType.STRING, "id", nullable=False),
        Column("name", ColumnType.STRING, "fields.name"),
        Column("state", ColumnType.STRING, "fields.state.key", allowed=("open", "closed"), optional=True),
        Column("points", ColumnType.INTEGER, "fields.points"),
        Column("amount", ColumnType.DECIMAL, "fields.amount"),
        Column("rate", ColumnType.DECIMAL, "fields.rate", scale=8),
        Column("share", ColumnType.DOUBLE, "fields.share"),
        Column("is_open", ColumnType.BOOLEAN, "fields.open"),
        Column("due", ColumnType.DATE, "fields.due"),
        Column("signed", ColumnType.DATE, "fields.signed", format="%d/%m/%Y", optional=True),
        Column("created_at", ColumnType.TIMESTAMP, "fields.created"),
        Column("closed_at", ColumnType.TIMESTAMP, "fields.closed", format=Format.EPOCH_SECONDS),
        Column("seen_at", ColumnType.TIMESTAMP, "fields.seen", format=Format.EPOCH_MILLIS),
        Column("tags", ColumnType.JSON, "fields.tags"),
        Column("last_sprint", ColumnType.STRING, "fields.sprints[-1].id", optional=True),
        Column("first_tag", ColumnType.STRING, "fields.tags[0]", optional=True),
    ),
    key=("thing_id",),
    open_containers=("", "fields"),
)


def a_stream(contract: Contract = CONTRACT) -> Stream:
    def nothing(connection: Any, reading: Reading) -> Any:
        raise AssertionError("not read")

    return Stream(name="things", contract=contract, reader=nothing, cursor=Cursor("fields.created"))


def land(root: Path, records: list[dict[str, Any]], contract: Contract = CONTRACT) -> Manifest:
    store = RawStore(root, Runtime(clock=lambda: NOW))
    writer = store.begin(STREAM_ID)
    landing = Landing(a_stream(contract), future_seconds=300)
    writer.append(landing.block(Page(b"", records), 0, NOW), len(records))
    unknown = sorted(landing.seen.unknown)
    return writer.commit({"drift": {"unknown": unknown, "missing": list(landing.missing)}, "pages": []})


def typed(manifest: Manifest, contract: Contract = CONTRACT) -> list[TypedBatch]:
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    try:
        return list(_read_group(connection, [manifest], contract))
    finally:
        connection.close()


def rows_of(batches: list[TypedBatch]) -> list[dict[str, Any]]:
    rows = [row for batch in batches for row in batch.table.to_pylist()]
    return sorted(rows, key=lambda row: row["_sequence"])


def record(**fields: Any) -> dict[str, Any]:
    return {"id": "7", "fields": {"created": "2026-06-15T06:00:00.000+0000", **fields}}


def test_a_record_is_read_as_its_contract_says(tmp_path: Path) -> None:
    thing = record(
        name="Ünïcode 'quoted'",
        state={"key": "open", "label": "not declared, does not land"},
        points="3000",
        amount=5000.00,
        rate="0.12345678",
        share=0.1,
        open="false",
        due="2026-02-28",
        signed="03/12/2026",
        created="2026-06-15T06:00:00.123+0200",
        closed=1781503200,
        seen=1781503200123,
        tags=["a", "b"],
        sprints=[{"id": 1}, {"id": 2}],
    )
    (batch,) = typed(land(tmp_path, [thing]))
    (row,) = batch.table.to_pylist()
    assert batch.table.schema == typed_schema(CONTRACT)
    assert row["name"] == "Ünïcode 'quoted'"
    assert row["points"] == 3000
    assert row["amount"] == Decimal("5000.0000")
    assert row["rate"] == Decimal("0.12345678")
    assert row["is_open"] is False
    assert row["due"] == date(2026, 2, 28)
    assert row["signed"] == date(2026, 12, 3)
    assert row["created_at"] == datetime.fromisoformat("2026-06-15T04:00:00.123000")
    assert row["closed_at"] == datetime.fromisoformat("2026-06-15T06:00:00")
    assert row["seen_at"] == datetime.fromisoformat("2026-06-15T06:00:00.123000")
    assert row["tags"] == '["a","b"]'
    assert row["last_sprint"] == "2"
    assert row["first_tag"] == "a"
    assert (row["_account"], row["_key"], row["_deleted"]) == ("acme", "7", False)
    assert row["_cursor"] == "2026-06-15T04:00:00.123000Z"
    assert batch.quarantine.num_rows == 0
    assert batch.last


@pytest.mark.parametrize(
    ("fields", "column", "reason"),
    [
        ({"amount": "12,50"}, "amount", "is no number"),
        ({"amount": 1e15}, "amount", "is too large"),
        ({"points": 1.5}, "points", "is no whole number"),
        ({"points": True}, "points", "is no number"),
        ({"points": "0x1F"}, "points", "is no number"),
        ({"points": "1_000"}, "points", "is no number"),
        ({"share": "nan"}, "share", "is no number"),
        ({"share": "1e999"}, "share", "is too large"),
        ({"open": "maybe"}, "is_open", "is neither true nor false"),
        ({"due": "2026-02-30"}, "due", "is no date"),
        ({"due": "3/12/2026"}, "due", "is no date"),
        ({"due": "2026-06-15T00:00:00Z"}, "due", "is no date"),
        ({"created": "2026-06-15T06:00:00"}, "created_at", "has no offset"),
        ({"created": "yesterday"}, "created_at", "is no instant"),
        ({"closed": 10**15}, "closed_at", "is no instant"),
        ({"name": {"first": "x"}}, "name", "is no text"),
        ({"name": ["x"]}, "name", "is no text"),
        ({"state": {"key": "reopened"}}, "state", "is not one of open, closed"),
        ({"state": "open"}, "state", "is no object"),
        ({"sprints": {"id": 1}}, "last_sprint", "is no list"),
        ({"sprints": ["Sprint 1"]}, "last_sprint", "is no object"),
    ],
)
def test_a_row_that_breaks_its_contract_is_quarantined_with_the_reason(
    tmp_path: Path, fields: dict[str, Any], column: str, reason: str
) -> None:
    good = {**record(), "id": "8"}
    batches = typed(land(tmp_path, [record(**fields), good]))
    assert [row["_key"] for row in rows_of(batches)] == ["8"]
    (refused,) = [row for batch in batches for row in batch.quarantine.to_pylist()]
    assert (refused["key"], refused["column"]) == ("7", column)
    assert reason in refused["reason"]


def test_a_vendors_word_for_nothing_is_null(tmp_path: Path) -> None:
    """RT writes 1970 into stamps that are not set; a sheet says n/a."""
    unset = [
        Column("started_at", ColumnType.TIMESTAMP, "fields.started", nulls=("1970-01-01T00:00:00Z",)),
        Column("score", ColumnType.DOUBLE, "fields.score", nulls=("n/a", "-1")),
    ]
    contract = CONTRACT.with_columns(unset)
    records = [
        record(started="1970-01-01T00:00:00Z", score="n/a"),
        {**record(started="2026-01-01T00:00:00Z", score=-1), "id": "8"},
        # One that the engine is not sure of is read by the rules, with the same result.
        {**record(started="1970-01-01T00:00:00Z", score=-1, points=3.0), "id": "9"},
    ]
    batches = typed(land(tmp_path, records, contract), contract)
    found = {row["_key"]: (row["started_at"], row["score"]) for row in rows_of(batches)}
    assert found == {"7": (None, None), "8": (datetime.fromisoformat("2026-01-01"), None), "9": (None, None)}
    assert all(batch.quarantine.num_rows == 0 for batch in batches)


def test_an_undeclared_field_is_in_extra(tmp_path: Path) -> None:
    manifest = land(tmp_path, [record(customfield_9={"a": 1}), {**record(), "id": "8", "a.b": 2}])
    assert manifest.unknown == ('"a.b"', "fields.customfield_9")
    first, second = rows_of(typed(manifest))
    assert first["_extra"] == '{"fields.customfield_9":{"a":1}}'
    assert second["_extra"] == '{"\\"a.b\\"":2}'


def test_a_field_that_is_declared_later_is_read_from_loads_that_did_not_know_it(tmp_path: Path) -> None:
    manifest = land(tmp_path, [record(customfield_9="5.5")])
    later = CONTRACT.with_columns([Column("effort", ColumnType.DOUBLE, "fields.customfield_9")])
    (row,) = rows_of(typed(manifest, later))
    assert (row["effort"], row["_extra"]) == (5.5, None)


def test_a_deleted_row_is_never_quarantined(tmp_path: Path) -> None:
    store = RawStore(tmp_path, Runtime(clock=lambda: NOW))
    writer = store.begin(STREAM_ID)
    landing = Landing(a_stream(), future_seconds=300)
    writer.append(
        landing.tombstone("7", None, "2026-06-15T00:00:00.000000Z", b'{"fields":{"due":"??"}}', NOW), 1
    )
    manifest = writer.commit({"drift": {"unknown": [], "missing": []}, "pages": []})
    (row,) = rows_of(typed(manifest))
    assert (row["_key"], row["_deleted"], row["due"], row["thing_id"]) == ("7", True, None, None)


def test_a_part_that_lost_bytes_is_refused(tmp_path: Path) -> None:
    manifest = land(tmp_path, [record()])
    part = manifest.parts[0].path
    part.write_bytes(part.read_bytes()[:-4])
    with pytest.raises(StoreError, match="its manifest says"):
        typed(manifest)


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    st.sampled_from(
        ["", "true", "False", "12", "-0", "007", "1e3", "12.50", "-0.00005", " 5", "+5", "nan", "inf"]
    ),
    st.sampled_from(
        ["2026-02-28", "2026-2-8", "28/02/2026", "2026-06-15T06:00:00Z", "2026-06-15 06:00:00+00:00"]
    ),
    st.sampled_from(["2026-06-15T06:00:00.1234567+05:30", "2026-06-15T24:00:00Z", "{x}", "[1]", "null"]),
    st.sampled_from([0, 1781503200, 1781503200.5, 1781503200123, -1, 99999999999999.99995, 0.00005]),
)
values = st.one_of(
    scalars, st.lists(scalars, max_size=2), st.dictionaries(st.sampled_from(["id", "key"]), scalars)
)
names = [
    "name",
    "state",
    "points",
    "amount",
    "rate",
    "share",
    "open",
    "due",
    "signed",
    "created",
    "closed",
    "seen",
]
records = st.fixed_dictionaries(
    {
        "fields": st.dictionaries(
            st.sampled_from([*names, "tags", "sprints", "customfield_1"]), values, max_size=4
        )
    }
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(records, min_size=1, max_size=40))
def test_the_engine_and_the_rules_read_the_same(
    tmp_path_factory: pytest.TempPathFactory, things: list[dict[str, Any]]
) -> None:
    manifest = land(tmp_path_factory.mktemp("raw"), [{**thing, "id": i} for i, thing in enumerate(things)])
    assert fast_sql(CONTRACT, ["x"], manifest.unknown) is not None
    batches = typed(manifest)
    from connectors.typed import _lines

    expected, refused = {}, set()
    for line in _lines(manifest.parts[0].path):
        row, problems = read_row(CONTRACT.typed_columns, line)
        if problems:
            refused.add(line["key"])
        else:
            expected[line["key"]] = dict(zip([c.name for c in CONTRACT.typed_columns], row, strict=True))
    found = {row["_key"]: {name: row[name] for name in expected[row["_key"]]} for row in rows_of(batches)}
    assert found == expected
    assert {row["key"] for batch in batches for row in batch.quarantine.to_pylist()} == refused
