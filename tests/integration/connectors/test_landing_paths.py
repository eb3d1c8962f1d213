"""From records to the typed table: the fast way and the rules one by one end in the same table, whatever comes.

Records are nested, come twice in a load and again in later ones, newer and older; their values change type, fields
appear and vanish. The fast way is what the pipeline does: the engine reads the lines, a load is merged in pieces.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import connectors.typed as typing_of_lines
from connectors.config import source_from
from connectors.landing import Landing
from connectors.listing import RecordDecoder
from connectors.raw_store import RawStore, StreamId
from connectors.runtime import Runtime
from connectors.stream import Page
from connectors.typed import MERGE_KEYS, NEWEST_BY, empty_table, read_loads, read_row
from pipelines.warehouse import DuckDBWarehouse
from tests.integration.connectors.vendor_bench import VendorBench
from tests.integration.connectors.vendors import VENDORS
from tests.unit.connectors.test_typed_reading import CONTRACT, a_stream, values

BEGAN = datetime(2026, 6, 15, 12, tzinfo=UTC)
STREAM_ID = StreamId("jira", "acme", "things")
STREAM = a_stream()
SOURCE = source_from({"system": "jira", "account": "acme"}, "test")

stamps = st.integers(0, 5).map(
    lambda hours: (BEGAN - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
)
names = [
    "name", "state", "points", "amount", "rate", "share", "open", "due", "signed", "closed", "seen", "tags", "sprints",
    "customfield_1",
]  # fmt: skip
records = st.builds(
    lambda key, stamp, fields: {"id": key, "fields": {"created": stamp, **fields}},
    st.one_of(st.integers(0, 6), st.none()),
    stamps,
    st.dictionaries(st.sampled_from(names), values, max_size=4),
)
loads = st.lists(st.tuples(st.lists(records, min_size=1, max_size=12), st.booleans()), min_size=1, max_size=4)


def land(store: RawStore, things: list[dict[str, Any]], moment: datetime) -> None:
    """One load, four records a page."""
    writer, landing = store.begin(STREAM_ID), Landing(STREAM, future_seconds=300)
    for page in range(0, len(things), 4):
        records = things[page : page + 4]
        writer.append(landing.block(Page(b"", records), page // 4, moment), len(records))
    writer.commit({"drift": {"unknown": sorted(landing.seen.unknown), "missing": []}, "pages": []})


AT_NOON = "2026-06-15T12:00:00.000+0000"


@example(
    [
        (
            [
                {"id": 1, "fields": {"created": AT_NOON}},
                {"id": 2, "fields": {"created": AT_NOON, "state": False}},
            ],
            True,
        )
    ],
    1,
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(loads, st.integers(1, 5))
def test_the_fast_way_ends_in_the_table_that_the_rules_give(
    tmp_path_factory: pytest.TempPathFactory,
    all_loads: list[tuple[list[dict[str, Any]], bool]],
    piece: int,
) -> None:
    now, last, quarantined = [BEGAN], "", set()
    store = RawStore(tmp_path_factory.mktemp("raw"), Runtime(clock=lambda: now[0]))
    with pytest.MonkeyPatch.context() as patch, DuckDBWarehouse(":memory:") as warehouse:
        patch.setattr(typing_of_lines, "BATCH_ROWS", piece)
        warehouse.write("jira.things", empty_table(CONTRACT))
        for number, (things, read_now) in enumerate(all_loads):
            now[0] = BEGAN + timedelta(hours=number)
            land(store, things, now[0])
            if not read_now and number < len(all_loads) - 1:
                continue  # the pipeline finds several loads at once
            for load_id, batches in groupby(read_loads(store, SOURCE, STREAM, last), lambda b: b.load_id):
                pieces = list(batches)
                tables = (batch.table for batch in pieces)
                warehouse.merge_all("jira.things", tables, MERGE_KEYS, NEWEST_BY)
                for batch in pieces:
                    quarantined |= {(row["load_id"], row["sequence"]) for row in batch.quarantine.to_pylist()}
                last = load_id
        rows = warehouse.query("SELECT * FROM jira.things").to_pylist()
    found = {row["_key"]: row for row in rows}
    assert len(found) == len(rows)

    expected: dict[str, tuple[tuple[Any, ...], list[Any]]] = {}
    broken = set()
    for manifest in store.manifests(STREAM_ID):
        for part in manifest.parts:
            for line in typing_of_lines._lines(part.path):
                row, problems = read_row(CONTRACT.typed_columns, line)
                if problems:
                    broken.add((manifest.load_id, line["sequence"]))
                    continue
                rank = (line["cursor"], manifest.load_id, line["sequence"])
                expected[line["key"]] = max(
                    expected.get(line["key"], ((), [])), (rank, row), key=lambda x: x[0]
                )
    assert quarantined == broken
    columns = [column.name for column in CONTRACT.typed_columns]
    assert {key: [row[name] for name in columns] for key, row in found.items()} == {
        key: row for key, (_, row) in expected.items()
    }
    assert {key: (row["_cursor"], row["_load_id"], row["_sequence"]) for key, row in found.items()} == {
        key: rank for key, (rank, _) in expected.items()
    }


DECODED = [("jira", "issues"), ("zendesk", "tickets"), ("zendesk", "ticket_metric_events")]


@pytest.mark.parametrize(("vendor", "stream"), DECODED)
def test_pages_of_large_streams_are_parsed_into_what_may_land(
    vendor: str, stream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever lists a stream here has its pages decoded, and not record by record; both say the same."""
    plain, told = Landing.lines, []

    def lines(landing: Landing, page: Page, number: int, fetched_at: datetime) -> list[bytes]:
        told.append(number)
        return plain(landing, page, number, fetched_at)

    known = VENDORS[vendor]
    with VendorBench(known.fake, tmp_path, monkeypatch, known.source) as bench:
        monkeypatch.setattr(Landing, "lines", lines)
        assert bench.load(stream).rows > 20
        assert told == []
        rows = without_load(bench.rows(stream))
        monkeypatch.setattr(RecordDecoder, "decode", lambda *asked: None)
        bench.reset(stream)
        assert bench.load(stream).rows > 20
        assert told
        assert without_load(bench.rows(stream)) == rows


def without_load(rows: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    own = {"_load_id", "_fetched_at", "_sequence"}
    return {key: {name: row[name] for name in row if name not in own} for key, row in rows.items()}
