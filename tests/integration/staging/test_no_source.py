"""A metric whose source is absent is shown as `no source`, and the rest runs."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from definitions import load_catalogue
from pipelines.installation import Installation
from pipelines.staging import load_models
from pipelines.steps.compute import VALUES, compute
from pipelines.steps.sourceless import no_source_rows, sourceless
from pipelines.steps.stage import stage
from pipelines.warehouse import open_warehouse
from pipelines.workspace import Workspace

CATALOGUE = Workspace.from_environment({}).catalogue


def test_metrics_rest_on_the_systems_that_are_there() -> None:
    catalogue = load_catalogue(CATALOGUE)
    missing = sourceless(catalogue, load_models({"intercom", "jira"}))
    assert "csat" not in missing
    assert "cycle_time" not in missing  # over a table that is derived from the tracker's
    assert missing["win_rate"] == ("crm.opportunities",)
    assert "finance.ledger" in missing["gross_margin"]  # through its inputs
    assert "crm.account_events" in missing["save_rate"] or "crm.account_saves" in missing["save_rate"]
    assert sourceless(catalogue, load_models({"intercom", "jira", "salesforce"})).keys() < missing.keys()


def test_the_row_says_what_is_missing_for_each_grain() -> None:
    catalogue = load_catalogue(CATALOGUE)
    rows = no_source_rows(catalogue, {"nps": ("support.nps_responses",)}, date(2026, 6, 15)).to_pylist()
    assert {row["grain"] for row in rows} == set(catalogue.metrics["nps"].grains)
    assert all(row["value"] is None and row["value_state"] == "no_data" for row in rows)
    assert {row["state_reason"] for row in rows} == {"no source: nothing feeds support.nps_responses"}
    assert all(row["period_end"] < date(2026, 6, 15) for row in rows)


def test_without_any_system_nothing_is_published_as_zero(tmp_path: Path) -> None:
    environment = {"VITALS_HOME": str(tmp_path), "VITALS_NOW": "2026-06-15T06:00:00Z"}
    workspace = Workspace.from_environment(environment)
    installation = Installation.of(workspace, load_catalogue(CATALOGUE), ())
    with open_warehouse(workspace.warehouse_url) as warehouse:
        stage(installation, warehouse)
        told = list(compute(installation, warehouse))
        found = warehouse.query(f"SELECT DISTINCT value, value_state FROM {VALUES}").to_pylist()
    assert found == [{"value": None, "value_state": "no_data"}]
    assert {item.metric for item in told} == set(installation.catalogue.metrics)
    assert all(item.recomputed.startswith("no source: ") for item in told)
