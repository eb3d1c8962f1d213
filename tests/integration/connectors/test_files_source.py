"""The files source: every format, incremental by file, rows that vanish, rows that cannot be read."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from connectors.config import SourceConfig, source_from
from connectors.errors import ConfigurationError, ConnectionFailed, GarbledAnswer, NotFound
from connectors.raw_store import RawStore
from connectors.result import LoadResult
from connectors.runtime import Runtime
from connectors.state import StateStore
from connectors.sync import sync_stream
from connectors.typed import read_loads

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
COLUMNS = [
    {"name": "invoice_id", "type": "string", "nullable": False},
    {"name": "amount", "type": "decimal"},
    {"name": "month", "type": "date"},
    {"name": "sent_at", "type": "timestamp"},
]


class Shop:
    """A files source over a folder, loaded and read as the pipeline does it."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "drop"
        self.folder.mkdir()
        self.now = NOW
        self.store = RawStore(root / "home", Runtime(clock=lambda: self.now))
        self.states = StateStore(root / "home" / "state.sqlite")

    def source(self, **stream: Any) -> SourceConfig:
        declared = {"name": "invoices", "path": "*", "key": ["invoice_id"], "columns": COLUMNS, **stream}
        settings = {"folder": str(self.folder), "streams": [declared]}
        return source_from({"system": "files", "account": "acme", "settings": settings}, "test")

    def load(self, **stream: Any) -> LoadResult:
        self.now += timedelta(hours=1)
        return sync_stream(self.source(**stream), "invoices", self.store, self.states, lambda: self.now)

    def rows(self, **stream: Any) -> dict[str, dict[str, Any]]:
        newest: dict[str, dict[str, Any]] = {}
        for batch in read_loads(self.store, self.source(**stream), "invoices"):
            for row in batch.table.to_pylist():
                key = row["_key"]
                rank = (row["_cursor"], row["_load_id"], row["_sequence"])
                if key not in newest or newest[key]["rank"] < rank:
                    newest[key] = {**row, "rank": rank}
        return {key: row for key, row in newest.items() if not row["_deleted"]}

    def refused(self) -> list[dict[str, Any]]:
        return [
            row
            for batch in read_loads(self.store, self.source(), "invoices")
            for row in batch.quarantine.to_pylist()
        ]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


CSV = "invoice_id,amount,month,sent_at\ni1,12.50,2026-06-01,2026-06-15T06:00:00Z\ni2,,2026-06-01,2026-06-15 08:30:00\n"
NDJSON = (
    '{"invoice_id":"i1","amount":"12.50","month":"2026-06-01","sent_at":"2026-06-15T06:00:00Z"}\n'
    '{"invoice_id":"i2","amount":null,"month":"2026-06-01","sent_at":"2026-06-15T08:30:00+00:00"}\n'
)


def as_parquet(path: Path) -> None:
    table = pa.table(
        {
            "invoice_id": ["i1", "i2"],
            "amount": pa.array([Decimal("12.50"), None], pa.decimal128(10, 2)),
            "month": [date(2026, 6, 1)] * 2,
            "sent_at": [
                datetime.fromisoformat("2026-06-15T06:00:00"),
                datetime.fromisoformat("2026-06-15T08:30:00"),
            ],
        }
    )
    pq.write_table(table, path)


def as_workbook(path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["invoice_id", "amount", "month", "sent_at"])
    sheet.append(["i1", 12.5, date(2026, 6, 1), datetime.fromisoformat("2026-06-15T06:00:00")])
    sheet.append(["i2", None, date(2026, 6, 1), datetime.fromisoformat("2026-06-15T08:30:00")])
    book.save(path)


FORMATS: dict[str, Callable[[Path], object]] = {
    "a.csv": lambda path: path.write_text(CSV),
    "bom.csv": lambda path: path.write_bytes(b"\xef\xbb\xbf" + CSV.encode()),
    "utf16.csv": lambda path: path.write_bytes(CSV.encode("utf-16")),
    "a.tsv": lambda path: path.write_text(CSV.replace(",", "\t")),
    "a.csv.gz": lambda path: path.write_bytes(gzip.compress(CSV.encode())),
    "a.csv.bz2": lambda path: path.write_bytes(bz2.compress(CSV.encode())),
    "a.csv.xz": lambda path: path.write_bytes(lzma.compress(CSV.encode())),
    "a.ndjson": lambda path: path.write_text(NDJSON),
    "a.ndjson.zst": lambda path: path.write_bytes(zstandard.compress(NDJSON.encode())),
    "a.json": lambda path: path.write_text("[" + NDJSON.strip().replace("\n", ",") + "]"),
    "a.parquet": as_parquet,
    "a.xlsx": as_workbook,
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_rows(shop: Shop, name: str) -> None:
    FORMATS[name](shop.folder / name)
    result = shop.load()
    assert (result.rows, result.quarantined, result.failed_checks) == (2, 0, ())
    rows = shop.rows()
    assert rows["i1"]["amount"] == Decimal("12.50")
    assert rows["i2"]["amount"] is None
    assert rows["i1"]["month"] == date(2026, 6, 1)
    assert rows["i1"]["sent_at"] == datetime.fromisoformat("2026-06-15T06:00:00")
    assert rows["i2"]["sent_at"] == datetime.fromisoformat("2026-06-15T08:30:00")


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.bz2", "a.csv.xz", "a.ndjson.zst", "a.parquet", "a.xlsx"])
def test_a_file_that_is_cut_off_is_refused_by_name_and_nothing_lands(shop: Shop, name: str) -> None:
    path = shop.folder / name
    FORMATS[name](path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(GarbledAnswer, match=name):
        shop.load()
    assert shop.rows() == {}
    FORMATS[name](path)
    assert shop.load().rows == 2


def test_only_files_that_changed_are_read_again_and_rows_they_lost_are_gone(shop: Shop) -> None:
    (shop.folder / "june.csv").write_text(CSV)
    (shop.folder / "july.csv").write_text(CSV.replace("i1", "j1").replace("i2", "j2"))
    assert shop.load().rows == 4
    assert shop.load().rows == 0
    (shop.folder / "july.csv").write_text("invoice_id,amount,month,sent_at\nj1,99,2026-07-01,\n")
    result = shop.load()
    assert (result.rows, result.vanished) == (2, 1)
    rows = shop.rows()
    assert sorted(rows) == ["i1", "i2", "j1"]
    assert rows["j1"]["amount"] == Decimal(99)


def test_a_removed_file_keeps_its_rows_unless_told_otherwise(shop: Shop) -> None:
    (shop.folder / "june.csv").write_text(CSV)
    shop.load()
    (shop.folder / "june.csv").unlink()
    shop.load()
    assert sorted(shop.rows()) == ["i1", "i2"]
    shop.load(removed_files="delete")
    shop.load(removed_files="delete")
    assert sorted(shop.rows()) == ["i1", "i2"], "a file that nobody remembers cannot be missed"


def test_a_removed_file_takes_its_rows_with_it_where_the_stream_says_so(shop: Shop) -> None:
    (shop.folder / "june.csv").write_text(CSV)
    shop.load(removed_files="delete")
    (shop.folder / "june.csv").unlink()
    assert shop.load(removed_files="delete").vanished == 2
    assert shop.rows(removed_files="delete") == {}


def test_rows_that_cannot_be_read_are_quarantined_with_file_and_line(shop: Shop) -> None:
    lines = [
        b"invoice_id,amount,month,sent_at",
        b"i1,1,2026-06-01,",
        b"i2,1,2026-06-01",
        b"i3,\xff,,",
        b"i4,2,,",
    ]
    (shop.folder / "a.csv").write_bytes(b"\n".join(lines))
    result = shop.load()
    assert (result.rows, result.quarantined) == (4, 2)
    assert sorted(shop.rows()) == ["i1", "i4"]
    assert [row["reason"] for row in shop.refused()] == [
        "a.csv: line 3 has 3 fields, the header 4",
        "a.csv: line 4 is not in the file's encoding",
    ]


def test_broken_lines_of_ndjson_are_quarantined_with_file_and_line(shop: Shop) -> None:
    (shop.folder / "a.ndjson").write_text('{"invoice_id":"i1"}\n{"invoice_id"\n[1]\n\n{"invoice_id":"i2"}\n')
    shop.load()
    assert sorted(shop.rows()) == ["i1", "i2"]
    assert [row["reason"].split(" is ")[0] for row in shop.refused()] == [
        "a.ndjson: line 2",
        "a.ndjson: line 3",
    ]


def test_a_row_that_turned_unreadable_is_not_taken_for_deleted(shop: Shop) -> None:
    (shop.folder / "a.csv").write_text(CSV)
    shop.load()
    (shop.folder / "a.csv").write_text(CSV.replace("i2,", "i2,,"))
    assert shop.load().vanished == 0
    assert sorted(shop.rows()) == ["i1", "i2"]


def test_a_renamed_column_fails_the_check_by_its_name(shop: Shop) -> None:
    (shop.folder / "a.csv").write_text(CSV.replace("amount", "total"))
    result = shop.load()
    assert result.drift.unknown == ("total",)
    assert result.drift.missing == ("amount",)
    assert "amount" in result.failed_checks[0]


def test_a_stream_without_a_key_is_keyed_by_file_and_row(shop: Shop) -> None:
    (shop.folder / "a.csv").write_text(CSV)
    shop.load(key=[])
    assert sorted(shop.rows(key=[])) == ["a.csv|2", "a.csv|3"]


def test_a_file_that_is_named_in_full_and_is_not_there_is_an_error(shop: Shop) -> None:
    with pytest.raises(NotFound, match="there is no such file"):
        shop.load(path="ledger.csv")


def test_nobody_guesses_a_format(shop: Shop) -> None:
    (shop.folder / "ledger").write_text(CSV)
    with pytest.raises(ConfigurationError, match="nobody can tell the format"):
        shop.load()
    assert shop.load(format="csv").rows == 2


def test_a_remote_folder_is_read_through_fsspec(shop: Shop) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("/drop/2026/june.csv", CSV.encode())

    def load() -> LoadResult:
        settings = shop.source(path="2026/*.csv").settings | {"folder": "memory://drop"}
        source = SourceConfig(system="files", account="acme", settings=settings)
        return sync_stream(source, "invoices", shop.store, shop.states, lambda: shop.now)

    assert load().rows == 2
    assert load().rows == 0


def files_read(shop: Shop, folder: str, pattern: str) -> list[str]:
    """The files that a pattern means below a folder."""
    settings = shop.source(path=pattern).settings | {"folder": folder}
    source = SourceConfig(
        system="files", account=folder.partition(":")[0].strip("/").replace("/", "-"), settings=settings
    )
    sync_stream(source, "invoices", shop.store, shop.states, lambda: shop.now)
    batches = read_loads(shop.store, source, "invoices")
    return sorted({row["_parent"] for batch in batches for row in batch.table.to_pylist()})


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("billing/*.csv", ["billing/a.csv"]),
        ("billing/**/*.csv", ["billing/a.csv", "billing/old/b.csv"]),
        ("**/[ab].csv", ["billing/a.csv", "billing/old/b.csv"]),
        ("**/[!a].csv", ["billing/old/b.csv"]),
        ("billing/?ld/*", ["billing/old/b.csv"]),
        ("billing/**", ["billing/a.csv", "billing/old/b.csv"]),
    ],
)
def test_a_pattern_means_the_same_of_a_remote_folder(shop: Shop, pattern: str, files: list[str]) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for path in ("a.csv", "old/b.csv", ".part.csv", "old/.c.csv"):
        memory.pipe(f"/drops/billing/{path}", CSV.encode())
        local = shop.folder / "billing" / path
        local.parent.mkdir(parents=True, exist_ok=True)
        local.write_text(CSV)
    assert files_read(shop, "memory://drops", pattern) == files
    assert files_read(shop, str(shop.folder), pattern) == files


def test_a_remote_file_is_read_again_where_nobody_says_that_it_changed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An HTTP server's listing tells names and perhaps sizes."""
    import fsspec
    from fsspec.implementations.memory import MemoryFileSystem

    memory = fsspec.filesystem("memory")
    names = {"/plain/june.csv": {"name": "/plain/june.csv", "size": None, "type": "file"}}
    monkeypatch.setattr(MemoryFileSystem, "find", lambda self, path, **more: names)
    settings = shop.source(path="*.csv").settings | {"folder": "memory://plain"}
    source = SourceConfig(system="files", account="plain", settings=settings)
    for amount in ("12.50", "12.51"):
        memory.pipe("/plain/june.csv", CSV.replace("12.50", amount).encode())
        sync_stream(source, "invoices", shop.store, shop.states, lambda: shop.now)
        *_, newest = read_loads(shop.store, source, "invoices")
        amounts = [row["amount"] for row in newest.table.to_pylist() if row["_key"] == "i1"]
        assert amounts[-1] == Decimal(amount)


def test_a_storage_that_cannot_be_listed_is_an_error_without_its_words(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    def failing(*arguments: Any, **more: Any) -> None:
        raise LookupError("no credentials: canary-key")

    monkeypatch.setattr(MemoryFileSystem, "find", failing)
    with pytest.raises(ConnectionFailed, match="LookupError") as caught:
        files_read(shop, "memory://drops", "*.csv")
    assert "canary" not in str(caught.value)


def test_a_field_of_a_megabyte_is_read(shop: Shop) -> None:
    """The library's own limit is 128 KiB, and a whole file would be refused for one long note."""
    (shop.folder / "notes.csv").write_text(CSV + f'i3,1,2026-06-01,"{" " * (1 << 20)}"\n')
    shop.load()
    assert sorted(shop.rows()) == ["i1", "i2"]
    assert [row["key"] for row in shop.refused()] == ["i3"]


def many(count: int) -> str:
    return "invoice_id,amount,month,sent_at\n" + "".join(f"n{i},1,2026-06-01,\n" for i in range(count))


def test_a_file_that_lost_most_of_its_rows_is_a_failed_check_until_it_is_whole_again(shop: Shop) -> None:
    """An export that broke off between two lines looks like a file of which most rows were deleted."""
    path = shop.folder / "ledger.csv"
    path.write_text(many(100))
    shop.load()
    path.write_text(many(10))
    for _ in range(2):
        result = shop.load()
        assert "90 of 100 rows vanished" in result.failed_checks[0]
        assert len(shop.rows()) == 100
    path.write_text(many(95))
    assert shop.load().ok
    assert len(shop.rows()) == 95


def test_a_folder_that_is_suddenly_empty_is_a_failed_check(shop: Shop) -> None:
    (shop.folder / "ledger.csv").write_text(many(100))
    shop.load(removed_files="delete")
    (shop.folder / "ledger.csv").unlink()
    for _ in range(2):
        assert "100 of 100 rows vanished" in shop.load(removed_files="delete").failed_checks[0]
        assert len(shop.rows()) == 100


def test_a_file_that_is_removed_in_any_month_takes_its_rows_with_it(shop: Shop) -> None:
    """A whole reading would know nothing of the files before it."""
    (shop.folder / "june.csv").write_text(CSV)
    (shop.folder / "july.csv").write_text(many(3))
    stream = {"removed_files": "delete", "cursor": "sent_at"}
    shop.load(**stream)
    (shop.folder / "july.csv").unlink()
    shop.now += timedelta(days=40)
    shop.load(**stream)
    assert sorted(shop.rows(**stream)) == ["i1", "i2"]
