"""A data engineer's days with a small company: one metric alone, backfills without vendors, a broken edit, sensors."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines.assets.specs import DICTIONARY, metric_key
from pipelines.assets.staging import staging_asset
from pipelines.definitions import build_definitions
from pipelines.installation import Installation
from pipelines.jobs import RESTATE, restatement
from pipelines.last_good import load_tolerantly
from pipelines.running import RunOutcome, dagster_instance, run_job
from pipelines.sandboxed import SandboxInstallation, sandbox_installation
from pipelines.steps.alerts import raise_late
from pipelines.steps.compute import VALUES
from pipelines.warehouse import open_warehouse


@dataclass
class Company:
    """The installation after its first run; its vendors can be taken away."""

    running: SandboxInstallation
    instance: dg.DagsterInstance
    first: RunOutcome
    vendors: ExitStack

    def installation(self, **changes: Any) -> Installation:
        return load_tolerantly(replace(self.running.workspace, **changes))

    def rows(self, sql: str) -> list[dict[str, Any]]:
        path = self.running.workspace.home / "reporting.db"
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql)]

    def values(self, sql: str) -> list[dict[str, Any]]:
        with open_warehouse(self.running.workspace.warehouse_url) as warehouse:
            found: list[dict[str, Any]] = warehouse.query(sql).to_pylist()
            return found

    def change(self, sql: str) -> None:
        with open_warehouse(self.running.workspace.warehouse_url) as warehouse:
            warehouse.execute(sql)

    def made_by(self, run_id: str) -> set[str]:
        events = [entry.dagster_event for entry in self.instance.all_logs(run_id)]
        return {
            event.asset_key.to_user_string()
            for event in events
            if event is not None and event.is_step_materialization and event.asset_key
        }


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    before = dict(os.environ)
    home = tmp_path_factory.mktemp("vitals")
    vendors = ExitStack()
    running = vendors.enter_context(sandbox_installation(home, scale=0.05))
    try:
        with vendors, dagster_instance(home) as instance:
            first = run_job(load_tolerantly(running.workspace), instance)
            yield Company(running, instance, first, vendors)
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_the_first_run_makes_every_asset(company: Company) -> None:
    assert company.first.failures == ()
    keys = {
        key.to_user_string()
        for key in build_definitions(company.installation()).resolve_asset_graph().get_all_asset_keys()
    }
    by_hand = {"backtest"}
    assert company.made_by(company.first.run_id) == keys - by_hand


def test_what_was_made_tells_its_lineage_down_to_the_stream(company: Company) -> None:
    def lineage_of(key: dg.AssetKey) -> dict[str, Any]:
        event = company.instance.get_latest_materialization_event(key)
        assert event is not None
        assert event.asset_materialization is not None
        found = event.asset_materialization.metadata["dagster/column_lineage"].value
        return found.deps_by_column  # type: ignore[no-any-return,union-attr]

    tickets = dg.AssetKey(["support", "satisfaction_ratings"])
    assert dg.TableColumnDep(tickets, "score") in lineage_of(metric_key("csat"))["value"]
    conversations = dg.AssetKey(["raw", "intercom", "conversations"])
    assert dg.TableColumnDep(conversations, "rating") in lineage_of(tickets)["score"]


def test_selecting_one_metric_computes_one(company: Company) -> None:
    before = company.values(f"SELECT * FROM {VALUES} WHERE metric <> 'csat' ORDER BY ALL")
    outcome = run_job(company.installation(), company.instance, assets=["kpi/csat"])
    assert outcome.succeeded
    assert company.made_by(outcome.run_id) == {"kpi/csat"}
    assert company.values(f"SELECT * FROM {VALUES} WHERE metric <> 'csat' ORDER BY ALL") == before


def test_the_schedule_leaves_out_what_is_not_due(company: Company) -> None:
    """Computed by the definition in force, and not due: left out. A new definition is computed whatever the day."""
    installation = company.installation()
    definitions = build_definitions(installation)
    (schedule,) = [one for one in definitions.schedules or [] if one.name == "daily_morning"]

    def asked_for(installation: Installation, at: datetime) -> set[str] | None:
        context = dg.build_schedule_context(
            instance=company.instance,
            scheduled_execution_time=at,
            resources={"installation": installation},
            repository_def=definitions.get_repository_def(),
        )
        result = schedule.evaluate_tick(context)  # type: ignore[union-attr]
        (request,) = result.run_requests or []
        return {key.to_user_string() for key in request.asset_selection} if request.asset_selection else None

    cadence = {name: one.frequency.calculate for name, one in installation.catalogue.metrics.items()}
    tuesday = asked_for(installation, datetime(2026, 6, 16, 6, tzinfo=UTC))
    assert tuesday is not None
    by_cadence = {
        name: {f"kpi/{m}" for m, one in cadence.items() if one == name} for name in set(cadence.values())
    }
    assert by_cadence["daily"] <= tuesday
    assert not by_cadence["monthly"] & tuesday
    assert by_cadence["weekly"] - tuesday  # but those that have not settled are due until they have
    assert {"kpi_values", "published/kpi_values", "raw/jira/issues"} <= tuesday
    monday = asked_for(installation, datetime(2026, 6, 15, 6, tzinfo=UTC))
    assert monday is not None
    assert by_cadence["daily"] | by_cadence["weekly"] <= monday
    new_year = asked_for(installation, datetime(2027, 1, 1, 6, tzinfo=UTC))
    assert new_year is not None
    assert by_cadence["monthly"] | by_cadence["quarterly"] <= new_year
    changed = replace(installation)
    changed.__dict__["hashes"] = {**installation.hashes, "mrr": "another"}
    again = asked_for(changed, datetime(2026, 6, 16, 6, tzinfo=UTC))
    assert again is not None
    assert again - tuesday == ({"kpi/mrr"} if cadence["mrr"] != "daily" else set())


SPOILT = -12345.5


def test_restating_a_window_replays_the_raw_store_and_leaves_the_rest(
    company: Company, tmp_path: Path
) -> None:
    """Typed rows and values are spoilt by hand; the vendors are gone. Inside of the window all is as it was."""
    everything = f"SELECT * FROM {VALUES} ORDER BY ALL"
    good = company.values(everything)
    installation = company.installation(sources=_without_vendors(company, tmp_path))
    tables = [spec.key.to_user_string() for spec in staging_asset(installation).specs]
    chosen = [*tables, *(f"kpi/{name}" for name in installation.catalogue.metrics)]

    def restate(first: date | None, last: date | None) -> RunOutcome:
        config = restatement(first, last)
        del config["ops"]["publish"]  # not selected
        return run_job(installation, company.instance, job=RESTATE, assets=chosen, config=config)

    company.change("DELETE FROM intercom.conversations")
    company.change(f"UPDATE {VALUES} SET value = {SPOILT}")
    outcome = restate(date(2026, 2, 1), date(2026, 3, 31))
    assert outcome.succeeded, outcome.failures
    assert not [key for key in company.made_by(outcome.run_id) if key.startswith("raw/")]
    after = company.values(everything)
    assert [row for row in after if _touches(row)] == [row for row in good if _touches(row)]
    outside = [row["value"] for row in after if not _touches(row)]
    assert outside
    assert set(outside) == {SPOILT}
    whole = restate(None, None)
    assert whole.succeeded, whole.failures
    assert company.values(everything) == good


def _touches(row: dict[str, Any]) -> bool:
    return bool(row["period_start"] <= date(2026, 3, 31) and row["period_end"] >= date(2026, 2, 1))


def _without_vendors(company: Company, folder: Path) -> Path:
    """The same accounts at addresses where nobody answers."""
    sources = folder / "sources"
    shutil.copytree(company.running.workspace.sources, sources)
    for path in sources.glob("*.yml"):
        lines = [
            "base_url: http://127.0.0.1:9" if line.startswith("base_url:") else line
            for line in path.read_text().splitlines()
        ]
        path.write_text("\n".join(lines))
    return sources


def test_a_broken_edit_holds_its_metric_and_the_rest_goes_on(company: Company, tmp_path: Path) -> None:
    folder = tmp_path / "catalogue"
    shutil.copytree(company.running.workspace.catalogue, folder)
    path = folder / "metrics" / "support.yml"
    path.write_text(
        path.read_text().replace("source: satisfaction_ratings", "source: satisfaction_rating", 1)
    )
    installation = company.installation(catalogue=folder)
    definitions = build_definitions(installation)
    graph = definitions.resolve_asset_graph()
    assert "metrics/support.yml:" in graph.get(metric_key("csat")).description
    assert "satisfaction_ratings" in graph.get(DICTIONARY).description
    assert graph.get(metric_key("csat")).tags["vitals/definition"] == "broken"
    good = company.rows("SELECT max(value) AS value FROM kpi_monthly WHERE metric_id = 'csat'")
    outcome = run_job(installation, company.instance, job="recompute")
    assert outcome.succeeded, outcome.failures
    held = {row["metric_id"]: row["reason"] for row in company.rows("SELECT * FROM blocked_metrics")}
    assert "metrics/support.yml:" in held["csat"]
    assert "ticket_volume" not in held
    assert company.rows("SELECT max(value) AS value FROM kpi_monthly WHERE metric_id = 'csat'") == good
    evaluated = company.instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [dg.AssetCheckKey(DICTIONARY, "loads")]
    )
    (record,) = evaluated.values()
    assert record.status.value == "FAILED"
    alerts = company.rows("SELECT message FROM alert_log WHERE subject_id = 'dictionary/dictionary.loads'")
    assert alerts
    assert all("metrics/support.yml:" in row["message"] for row in alerts)


# ── sensors ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_data_that_is_late_is_told_although_no_run_starts(company: Company) -> None:
    fresh = company.installation()
    assert raise_late(fresh)[0] == ()
    clock = company.running.sandbox.clock
    days_later = replace(fresh.workspace, clock=lambda: clock().replace(year=clock().year + 1))
    late = load_tolerantly(days_later)
    state, told = raise_late(late)
    assert told > 0
    assert {one.partition(":")[0] for one in state} >= {"salesforce", "jira", "intercom"}
    assert raise_late(late, state) == (state, 0)
    assert raise_late(fresh, state) == ((), told) or raise_late(fresh, state)[0] == ()
