"""The SQL source on SQLite and on a real PostgreSQL: tables and queries, cursors of every kind, deletions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.errors import ConfigurationError, ConnectionFailed, RequestRefused
from tests.integration.connectors.source_bench import SourceBench

COLUMNS = [
    {"name": "invoice_id", "type": "integer", "nullable": False},
    {"name": "customer", "type": "string"},
    {"name": "amount", "type": "decimal"},
    {"name": "due", "type": "date"},
    {"name": "updated_at", "type": "timestamp", "zone": "UTC"},
]


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    sqlite = f"sqlite:///{tmp_path / 'shop.sqlite'}"
    made = sa.create_engine(sqlite if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    yield made
    made.dispose()


@pytest.fixture
def shop(engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SourceBench:
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "CREATE TABLE invoices (invoice_id INTEGER PRIMARY KEY, customer VARCHAR(40),"
                " amount NUMERIC(12, 2), due DATE, updated_at TIMESTAMP, secret VARCHAR(40))"
            )
        )
    monkeypatch.setenv("SHOP_URL", engine.url.render_as_string(hide_password=False))
    return SourceBench(tmp_path, {"system": "shop", "settings": declared()})


def declared(**changes: Any) -> dict[str, Any]:
    stream = {
        "name": "invoices",
        "table": "invoices",
        "key": ["invoice_id"],
        "cursor": {"field": "updated_at"},
        "overlap_seconds": 600,
        "deletes": {"kind": "reconcile", "every_hours": 0},
        "columns": COLUMNS,
        **changes,
    }
    return {"kind": "sql", "url": "env:SHOP_URL", "streams": [stream]}


def write(engine: sa.Engine, *rows: tuple[Any, ...]) -> None:
    with engine.begin() as connection:
        for row in rows:
            connection.execute(sa.text("DELETE FROM invoices WHERE invoice_id = :id"), {"id": row[0]})
            connection.execute(
                sa.text("INSERT INTO invoices VALUES (:id, :customer, :amount, :due, :updated, 'not read')"),
                dict(zip(("id", "customer", "amount", "due", "updated"), row, strict=True)),
            )


def at(text: str) -> str:
    return f"2026-06-{text}"


def test_a_table_is_read_by_its_cursor_and_deletions_are_found(engine: sa.Engine, shop: SourceBench) -> None:
    write(
        engine,
        (1, "Ann & Co", "10.10", "2026-07-01", at("14 10:00:00")),
        (2, None, "0.99", None, at("15 11:30:00")),
    )
    first = shop.load("invoices")
    assert (first.mode, first.rows) == ("full", 2)
    rows = shop.rows("invoices")
    assert rows["1"]["amount"] == Decimal("10.10")
    assert rows["1"]["due"] == date(2026, 7, 1)
    assert rows["2"]["updated_at"] == datetime.fromisoformat("2026-06-15T11:30:00")
    assert "secret" not in rows["1"]

    write(engine, (3, "new", "5", None, at("15 13:30:00")), (1, "changed", "11", None, at("15 13:31:00")))
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM invoices WHERE invoice_id = 2"))
    second = shop.load("invoices")
    assert (second.mode, second.vanished) == ("incremental", 1)
    rows = shop.rows("invoices")
    assert sorted(rows) == ["1", "3"]
    assert rows["1"]["customer"] == "changed"


def test_rows_that_share_the_watermark_are_all_read(engine: sa.Engine, shop: SourceBench) -> None:
    write(engine, (1, "a", "1", None, at("15 12:00:00")))
    shop.load("invoices")
    write(engine, (2, "late twin", "1", None, at("15 12:00:00")))
    shop.load("invoices")
    assert sorted(shop.rows("invoices")) == ["1", "2"]


def test_an_id_can_be_the_cursor(engine: sa.Engine, shop: SourceBench) -> None:
    shop.config["settings"] = declared(
        cursor={"field": "invoice_id", "kind": "integer"}, overlap_rows=1, deletes={"kind": "none"}
    )
    write(engine, *((number, "x", "1", None, at("15 10:00:00")) for number in range(1, 12)))
    assert shop.load("invoices").rows == 11
    write(engine, (12, "y", "1", None, at("15 10:00:00")))
    result = shop.load("invoices")
    assert (result.mode, result.rows, result.late_rows) == ("incremental", 3, 0)
    assert len(shop.rows("invoices")) == 12


def test_a_query_is_wrapped_and_bound(engine: sa.Engine, shop: SourceBench) -> None:
    query = "SELECT invoice_id, customer, amount, due, updated_at FROM invoices WHERE amount > 1"
    shop.config["settings"] = declared(table="", query=query)
    write(engine, (1, "a", "0.50", None, at("15 10:00:00")), (2, "b", "2", None, at("15 10:00:00")))
    shop.load("invoices")
    assert sorted(shop.rows("invoices")) == ["2"]
    assert shop.load("invoices").rows == 1


def test_a_missing_column_is_named_and_nothing_lands(engine: sa.Engine, shop: SourceBench) -> None:
    shop.config["settings"] = declared(columns=[*COLUMNS, {"name": "discount", "type": "decimal"}])
    with pytest.raises(RequestRefused if engine.dialect.name != "sqlite" else Exception, match="discount"):
        shop.load("invoices")
    assert shop.rows("invoices") == {}


def test_an_unreachable_database_is_an_error_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_URL", "postgresql+psycopg2://reader:hunter2-canary@127.0.0.1:1/shop")
    with pytest.raises(ConnectionFailed) as caught:
        SourceBench(tmp_path, {"system": "shop", "settings": declared()}).load("invoices")
    assert "hunter2-canary" not in str(caught.value) + repr(caught.value)
    monkeypatch.setenv("SHOP_URL", "nosuch+driver://x")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        SourceBench(tmp_path, {"system": "shop", "settings": declared()}).load("invoices")


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_a_session_in_another_zone_loses_no_row_of_a_column_with_a_zone(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    """A start without an offset would be read in the session's zone, hours after the rows that are asked for."""
    url = sa.make_url(postgres_url).update_query_dict({"options": "-c timezone=America/New_York"})
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE invoices (invoice_id INTEGER, updated_at TIMESTAMPTZ)"))

    def write_one(number: int, stamp: str) -> None:
        with engine.begin() as connection:
            connection.execute(sa.text("INSERT INTO invoices VALUES (:n, :at)"), {"n": number, "at": stamp})

    monkeypatch.setenv("SHOP_URL", url.render_as_string(hide_password=False))
    settings = declared(columns=[COLUMNS[0], COLUMNS[4]], cursor={"field": "updated_at", "zone": zone})
    shop = SourceBench(tmp_path, {"system": "shop", "settings": settings})
    write_one(1, "2026-06-15T12:50:00Z")
    shop.load("invoices")
    write_one(2, "2026-06-15T13:20:00Z")
    assert shop.load("invoices").mode == "incremental"
    assert sorted(shop.rows("invoices")) == ["1", "2"]
    engine.dispose()


def test_rows_without_a_stamp_are_read_whenever_they_come(engine: sa.Engine, shop: SourceBench) -> None:
    shop.config["settings"] = declared(deletes={"kind": "none"})
    write(engine, (1, "a", "1", None, at("15 12:00:00")))
    shop.load("invoices")
    write(engine, (2, "never edited", "1", None, None))
    shop.load("invoices")
    assert sorted(shop.rows("invoices")) == ["1", "2"]


def test_an_hour_that_clocks_show_twice_loses_nothing(engine: sa.Engine, shop: SourceBench) -> None:
    local = {**COLUMNS[4], "zone": "Europe/Berlin"}
    shop.config["settings"] = declared(
        columns=[*COLUMNS[:4], local],
        cursor={"field": "updated_at", "zone": "Europe/Berlin"},
        deletes={"kind": "none"},
    )
    shop.now = datetime.fromisoformat("2026-10-25T00:00:00+00:00")
    write(engine, (1, "before the clocks go back", "1", None, "2026-10-25 02:55:00"))
    shop.load("invoices")
    write(engine, (2, "a quarter of an hour later", "1", None, "2026-10-25 02:10:00"))
    shop.load("invoices", minutes=20)
    assert sorted(shop.rows("invoices")) == ["1", "2"]


def test_a_colon_in_a_query_is_no_parameter(engine: sa.Engine, shop: SourceBench) -> None:
    query = "SELECT invoice_id, customer, amount, due, updated_at FROM invoices WHERE customer <> ' :a';\n"
    shop.config["settings"] = declared(table="", query=query)
    write(engine, (1, " :a", "1", None, at("15 10:00:00")), (2, "b", "2", None, at("15 10:00:00")))
    shop.load("invoices")
    assert sorted(shop.rows("invoices")) == ["2"]


def test_a_value_that_the_driver_cannot_hold_is_an_error_with_a_name(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_URL", postgres_url)
    query = "SELECT 1 AS invoice_id, TIMESTAMP '0044-03-15 BC' AS updated_at"
    settings = declared(table="", query=query, columns=[COLUMNS[0], COLUMNS[4]])
    with pytest.raises(RequestRefused, match="cannot be read by the driver"):
        SourceBench(tmp_path, {"system": "shop", "settings": settings}).load("invoices")


def test_a_password_that_is_not_escaped_in_its_url_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_URL", "postgresql+psycopg2://reader:c@nary-half@127.0.0.1:1/shop")
    with pytest.raises(ConnectionFailed) as caught:
        SourceBench(tmp_path, {"system": "shop", "settings": declared()}).load("invoices")
    assert "nary-half" not in str(caught.value)
