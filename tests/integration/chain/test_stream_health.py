"""What a load finds is visible: in the metadata of the raw assets, and in `data_health`, stream by stream."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from connectors.sandbox.traps import Edit, SchemaEdit, Traps
from pipelines import handover
from pipelines.publishing import Publication, migrations, open_reporting, publish
from pipelines.publishing.records import FreshnessRow
from pipelines.sandboxed import sandbox_installation
from pipelines.steps import stage
from pipelines.steps.extract import extract
from pipelines.warehouse import open_warehouse
from tests.integration.publishing.kit import THROUGH, dictionary

STREAMS = ["teams", "conversations", "contacts"]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Intercom is late and changes its schema twice; three polls, then a publication."""
    home: Path = tmp_path_factory.mktemp("home")
    with sandbox_installation(home, scale=0.15) as running:
        installation = running.load()
        source = next(source for source in installation.sources if source.system == "intercom")
        fake = running.sandbox.intercom
        list(extract(running.workspace, source, STREAMS))
        conversations = sorted(fake.snapshot("conversation"))
        fake.traps = Traps(
            late_index=timedelta(minutes=8),
            schema=(
                SchemaEdit("conversation", "brand_new", Edit.NEW, "surprise"),
                SchemaEdit("conversation", "state", Edit.RETYPED),
            ),
        )
        for key in conversations[:3]:
            fake.touch("conversation", key)
        running.sandbox.advance(seconds=360)
        list(extract(running.workspace, source, STREAMS))
        running.sandbox.advance(seconds=360)
        pulled = {one.stream: one for one in extract(running.workspace, source, STREAMS)}
        with open_warehouse(running.workspace.warehouse_url) as warehouse:
            list(stage.land(installation, warehouse))
            stage.stage(installation, warehouse)
            stage.check_staging(installation, warehouse)
            rows = handover.take(warehouse, stage.STREAMS, FreshnessRow)
        engine = open_reporting(f"sqlite:///{home / 'reporting.db'}")
        migrations.upgrade(engine)
        publication = Publication("p1", "test", THROUGH, dictionary=dictionary(), freshness=rows)
        publish(engine, publication, clock=running.workspace.clock, run_id="p1")
        with engine.connect() as connection:
            found = connection.execute(text("SELECT * FROM data_health")).mappings().all()
        engine.dispose()
        return {"pulled": pulled, "health": {row["asset"]: row for row in found}}


def test_the_raw_assets_metadata_says_what_the_load_found(seen: dict[str, Any]) -> None:
    facts = seen["pulled"]["conversations"].facts
    assert 300 <= facts["lateness_seconds"] <= 900
    assert facts["late_rows"] == 3
    assert facts["drift_unknown"] == "brand_new"
    assert 0 <= facts["quota_used"] <= 1
    assert {"quarantined", "waits", "pages", "watermark_after", "overlap_seconds"} <= set(facts)


def test_data_health_says_it_stream_by_stream(seen: dict[str, Any]) -> None:
    row = seen["health"]["intercom.conversations"]
    assert row["source_system"] == "intercom"
    assert 300 <= row["lateness_seconds"] <= 900
    assert 3 <= row["rows_quarantined"] <= 8, "the three, and what the overlap brought again"
    assert row["drift"] == "brand_new"
    assert 0 <= row["quota_used"] <= 1
    assert row["health"] == "amber"


def test_a_stream_that_is_well_is_green(seen: dict[str, Any]) -> None:
    row = seen["health"]["intercom.teams"]
    assert (row["rows_quarantined"], row["lateness_seconds"], row["drift"], row["health"]) == (
        0,
        0,
        None,
        "green",
    )
