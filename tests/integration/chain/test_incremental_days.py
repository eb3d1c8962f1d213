"""Two days of the company, computed by what changed and computed whole: the same values, the same publication."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.installation import Installation
from pipelines.sandboxed import SandboxInstallation, sandbox_installation
from pipelines.steps.compute import VALUES, compute
from pipelines.steps.extract import extract
from pipelines.steps.recompute import EVERYTHING
from pipelines.steps.stage import land, stage
from pipelines.warehouse import Warehouse, open_warehouse
from tests.desk import Desk, ticket


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxInstallation]:
    before = dict(os.environ)
    with sandbox_installation(tmp_path_factory.mktemp("home"), scale=0.08) as running:
        yield running
    os.environ.clear()
    os.environ.update(before)


def pull(installation: Installation, warehouse: Warehouse) -> None:
    for source in installation.sources:
        list(extract(installation.workspace, source))
    list(land(installation, warehouse))
    stage(installation, warehouse)


def test_the_company_over_two_days(sandbox: SandboxInstallation) -> None:
    installation = sandbox.load()
    with open_warehouse(installation.workspace.warehouse_url) as warehouse:
        pull(installation, warehouse)
        assert {made.recomputed for made in compute(installation, warehouse)} == {EVERYTHING}
        for hours in (24,):
            sandbox.sandbox.advance(hours=hours)
            pull(installation, warehouse)
            parts = list(compute(installation, warehouse))
            partly = [made.metric for made in parts if made.recomputed != EVERYTHING]
            assert len(partly) > len(parts) / 2
            by_change = warehouse.query(f"SELECT * FROM {VALUES} ORDER BY ALL")
            whole = list(compute(installation, warehouse, full=True))
            assert warehouse.query(f"SELECT * FROM {VALUES} ORDER BY ALL") == by_change
            assert [made.fingerprint for made in parts] == [made.fingerprint for made in whole]


def rows_of(desk: Desk) -> list[dict[str, Any]]:
    """Every revision of every published value."""
    return desk.published(
        "SELECT metric_id, period_grain, period_start, segment_key, value, numerator, denominator, sample_size,"
        " value_state, state_reason, status, trend, previous_value, revision, revision_kind, revision_reason,"
        " is_current, batch_id, retired_batch_id FROM kpi_value"
        " ORDER BY metric_id, period_grain, period_start, segment_key, revision"
    )


def test_both_ways_publish_the_same_revisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published = []
    for way in ("by change", "whole"):
        desk = Desk(tmp_path / way.replace(" ", "_"))
        for name, value in desk.environment.items():
            monkeypatch.setenv(name, value)
        for day in ("2026-06-15", "2026-06-17"):
            installation = desk.pull(day)
            desk.compute(installation, full=way == "whole")
            desk.publish(installation)
            # Late, deleted and changed rows, and an account that moves.
            desk.tickets.append(ticket(99_000 + desk.runs, "2026-03-15", priority="high"))
            desk.tickets.append(ticket(99_100 + desk.runs, day))
            desk.tickets.pop(40)
            desk.tickets[80]["resolved_at"] = f"{day}T05:00:00Z"
            desk.accounts[1]["region"] = f"apac{desk.runs}"
        published.append(rows_of(desk))
    assert published[0] == published[1]
    assert {row["batch_id"] for row in published[0]} == {1, 2}
    assert {row["revision_kind"] for row in published[0]} >= {"first", "restated", "settled"}
