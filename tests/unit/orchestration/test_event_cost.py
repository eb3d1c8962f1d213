"""What makes events cheap changes nothing about them: same records for any reader, all of a batch or none of it."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterEvent, EventLogEntry
from dagster._core.events import AssetMaterializationPlannedData
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from pipelines.assets.wide import WideAssets, wide
from pipelines.event_log import PooledSqliteEventLogStorage

RUN = "0b5e2a4c-0000-4000-8000-000000000000"
KEYS = [dg.AssetKey(["kpi", f"metric_{number}"]) for number in range(20)]


def planned(key: dg.AssetKey, timestamp: float) -> EventLogEntry:
    event = DagsterEvent.build_asset_materialization_planned_event(
        "daily", "compute_kpis", AssetMaterializationPlannedData(key, partition=None, partitions_subset=None)
    )
    return EventLogEntry(
        error_info=None,
        level=10,
        user_message="",
        run_id=RUN,
        timestamp=timestamp,
        step_key="compute_kpis",
        job_name="daily",
        dagster_event=event,
    )


def test_a_batch_reads_as_events_stored_one_by_one(tmp_path: Path) -> None:
    events = [planned(key, 1_750_000_000.0 + number) for number, key in enumerate(KEYS)]
    stock, pooled = (
        SqliteEventLogStorage(str(tmp_path / "stock")),
        PooledSqliteEventLogStorage(str(tmp_path / "own")),
    )
    for event in events:
        stock.store_event(event)
    pooled.store_event_batch(events)
    pooled.dispose()
    reader = SqliteEventLogStorage(str(tmp_path / "own"))
    assert reader.get_logs_for_run(RUN) == stock.get_logs_for_run(RUN) == events
    assert set(reader.all_asset_keys()) == set(stock.all_asset_keys()) == set(KEYS)
    one, other = (
        {
            record.asset_entry.asset_key: record.asset_entry.last_run_id
            for record in storage.get_asset_records(KEYS)
        }
        for storage in (reader, stock)
    )
    assert one == other


def test_a_batch_that_fails_leaves_nothing_so_that_dagster_can_store_its_events_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = PooledSqliteEventLogStorage(str(tmp_path))
    events = [planned(key, 1_750_000_000.0) for key in KEYS]
    store_event, left = storage.store_event, [10]

    def fails_once(event: EventLogEntry) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise sqlite3.OperationalError("disk I/O error")
        store_event(event)

    monkeypatch.setattr(storage, "store_event", fails_once)
    with pytest.raises(sqlite3.OperationalError):
        storage.store_event_batch(events)
    assert storage.get_logs_for_run(RUN) == []
    assert list(storage.all_asset_keys()) == []
    for event in events:
        storage.store_event(event)
    assert storage.get_logs_for_run(RUN) == events


def test_a_wide_operation_and_its_selections_make_what_the_plain_one_makes() -> None:
    specs = [
        dg.AssetSpec(key, skippable=True, tags={"vitals/team": "sales"}, owners=["team:sales"])
        for key in KEYS
    ]

    @dg.multi_asset(name="compute", specs=specs, can_subset=True, pool="warehouse")
    def compute(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        for key in sorted(context.selected_asset_keys):
            yield dg.MaterializeResult(asset_key=key)

    chosen = wide(compute).subset_for(set(KEYS[:3]), None)
    assert isinstance(chosen, WideAssets)
    assert chosen.asset_and_check_keys == set(KEYS[:3])
    assert {spec.key: spec for spec in wide(compute).specs} == {spec.key: spec for spec in compute.specs}
    result = dg.materialize([wide(compute)], selection=KEYS[:3])
    made = {event.asset_key for event in result.get_asset_materialization_events()}
    assert made == set(KEYS[:3])
