"""A definition changes: refused without approval, restated from the day that it says, the rest untouched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.installation import Installation
from pipelines.publishing import open_reporting
from pipelines.publishing.history import as_of
from tests.desk import Desk, ticket

CHANGE = """filter: priority = 'low'
    version: 2
    changes:
      - {version: 2, on: 2026-06-16, why: Low ones cost too, proposed_by: ana, approved_by: bob@RESTATE}
"""
TOTAL = "total"
TOTAL_COST, REST = "total_cost", {"cost_each", "cost_to_date"}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The desk after a first run on 2026-06-15."""
    desk = Desk(tmp_path)
    for name, value in desk.environment.items():
        monkeypatch.setenv(name, value)
    desk.run("2026-06-15")
    return desk


def approved(desk: Desk, restate: str = ", restate_from: 2026-04-01") -> None:
    desk.change("filter: priority = 'high'\n", CHANGE.replace("@RESTATE", restate))


def months(desk: Desk, metric: str, *, current: bool = True) -> dict[str, dict[str, Any]]:
    rows = desk.published(
        "SELECT v.*, d.version, d.definition_hash FROM kpi_value v JOIN metric_version d USING (metric_version_key)"
        " WHERE v.metric_id = ? AND v.period_grain = 'month' AND v.segment_key = ? AND v.is_current",
        (metric, TOTAL),
    )
    return {row["period_start"][:7]: row for row in rows}


def cost(desk: Desk, priority: str, month: str) -> float:
    return sum(
        float(t["cost"])
        for t in desk.tickets
        if t["priority"] == priority and t["opened_at"].startswith(month)
    )


def test_without_approval_it_is_held_back_with_what_depends_on_it(desk: Desk) -> None:
    before = months(desk, TOTAL_COST)
    in_force = desk.published(
        "SELECT * FROM metric_version WHERE is_current AND metric_id = ?", (TOTAL_COST,)
    )
    desk.change("priority = 'high'", "priority = 'low'")
    desk.tickets.append(ticket(99_001, "2026-06-15", priority="low", cost="77.00"))
    held = desk.run("2026-06-16").decision.blocked
    assert set(held) == {TOTAL_COST, *REST}
    assert (
        "NO_NEW_VERSION: the meaning of 'total_cost' changed, its version is still 1" in held[TOTAL_COST][0]
    )
    assert "Set version: 2 and add an entry to 'changes'." in held[TOTAL_COST][0]
    after = months(desk, TOTAL_COST)
    assert after["2026-05"] == before["2026-05"]
    assert (after["2026-06"]["value_state"], after["2026-06"]["value"]) == ("blocked", None)
    assert after["2026-06"]["last_good_value"] == before["2026-06"]["value"]
    assert (
        desk.published("SELECT * FROM metric_version WHERE is_current AND metric_id = ?", (TOTAL_COST,))
        == in_force
    )
    opened = months(desk, "tickets_opened")["2026-06"]
    assert opened["value"] == len([t for t in desk.tickets if t["opened_at"] >= "2026-06"])
    (told,) = desk.published(
        "SELECT * FROM data_quality_result WHERE check_id = 'definition_approved' AND is_current"
    )
    assert not told["passed"]

    desk.change("priority = 'low'", "priority = 'high'")
    assert desk.run("2026-06-17").decision.blocked == {}
    assert months(desk, TOTAL_COST)["2026-06"]["value"] == pytest.approx(cost(desk, "high", "2026-06"))


def test_with_approval_it_is_restated_from_its_day_and_the_old_values_stay(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = desk.now
    before = {name: months(desk, name) for name in (TOTAL_COST, "cost_each", "tickets_opened")}
    approved(desk)
    assert desk.run("2026-06-16").decision.blocked == {}
    monkeypatch.setenv("VITALS_NOW", desk.now.isoformat())
    after = {name: months(desk, name) for name in before}
    for month in ("2026-01", "2026-02", "2026-03"):
        assert after[TOTAL_COST][month] == before[TOTAL_COST][month]
        assert after["cost_each"][month] == before["cost_each"][month]
    for month in ("2026-04", "2026-05", "2026-06"):
        row = after[TOTAL_COST][month]
        assert row["value"] == pytest.approx(cost(desk, "low", month))
        assert (row["version"], row["revision"], row["revision_kind"]) == (2, 2, "redefined")
        each = after["cost_each"][month]
        assert each["value"] == pytest.approx(row["value"] / after["tickets_opened"][month]["value"])
        assert (each["version"], each["revision_kind"]) == (1, "redefined")
        assert each["definition_hash"] != before["cost_each"][month]["definition_hash"]
    for month in ("2026-01", "2026-04", "2026-05"):
        assert after["tickets_opened"][month] == before["tickets_opened"][month]

    (entry,) = desk.published(
        "SELECT change_reason, proposed_by, approved_by, restate_from FROM metric_version"
        " WHERE metric_id = 'total_cost' AND version = 2 AND is_current"
    )
    assert list(entry.values()) == ["Low ones cost too", "ana", "bob", "2026-04-01"]
    told = after[TOTAL_COST]["2026-04"]["revision_reason"]
    assert told == "computed by another definition: version 2, Low ones cost too"
    inherited = after["cost_each"]["2026-04"]["revision_reason"]
    assert inherited == "computed by another definition of what it is computed from"
    shown = CliRunner().invoke(app, ["asof", "now", TOTAL_COST, "--grain", "month", "--json"]).stdout
    reasons = {row["period"][:7]: row["reason"] for row in json.loads(shown)}
    assert reasons["2026-04"] == told
    assert reasons["2026-03"] is None

    engine = open_reporting(f"sqlite:///{desk.home}/home/reporting.db")
    then = as_of(engine, first, metrics=[TOTAL_COST], grain="month", segments=False).to_pylist()
    engine.dispose()
    assert {row["period_start"].isoformat()[:7]: row["value"] for row in then} == {
        month: row["value"] for month, row in before[TOTAL_COST].items()
    }
    assert {row["version"] for row in then} == {1}


def test_the_days_after_change_nothing_more_even_from_an_empty_warehouse(desk: Desk) -> None:
    approved(desk)
    desk.run("2026-06-16")
    settled = (
        "SELECT * FROM kpi_value WHERE is_current AND period_end < '2026-06-01' AND value_state = 'final'"
        " ORDER BY kpi_value_key"
    )
    before = desk.published(settled)
    desk.run("2026-06-17")
    assert desk.published(settled) == before
    for path in (desk.home / "home").glob("warehouse.duckdb*"):
        path.unlink()
    desk.run("2026-06-18")
    assert desk.published(settled) == before


def test_without_restatement_the_past_stays(desk: Desk) -> None:
    before = months(desk, TOTAL_COST)
    approved(desk, restate="")
    desk.run("2026-06-16")
    after = months(desk, TOTAL_COST)
    assert {month: row["version"] for month, row in after.items()} == dict.fromkeys(before, 1) | {
        "2026-06": 2
    }
    assert after["2026-05"] == before["2026-05"]


def test_what_was_provisional_settles_by_its_old_definition(desk: Desk) -> None:
    day = "SELECT v.value_state, d.version FROM kpi_value v JOIN metric_version d USING (metric_version_key) WHERE"
    day += " v.metric_id = 'total_cost' AND period_grain = 'day' AND period_start = '2026-06-13' AND v.is_current"
    assert desk.published(day) == [{"value_state": "provisional", "version": 1}]
    approved(desk, restate="")
    desk.run("2026-06-16")
    assert desk.published(day) == [{"value_state": "provisional", "version": 1}]
    desk.run("2026-06-19")
    assert desk.published(day) == [{"value_state": "final", "version": 1}]


def test_publishing_alone_puts_no_unapproved_definition_in_force(desk: Desk) -> None:
    in_force = (
        "SELECT metric_id, version, definition_hash FROM metric_version WHERE is_current ORDER BY metric_id"
    )
    before = desk.published(in_force)
    desk.change("priority = 'high'", "priority = 'low'")
    desk.publish(Installation.load(desk.at("2026-06-16")))
    assert desk.published(in_force) == before
    assert TOTAL_COST in desk.run("2026-06-17").decision.blocked


def test_on_postgresql_the_past_stays_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    desk = Desk(tmp_path, reporting_url=postgres_url)
    for name, value in desk.environment.items():
        monkeypatch.setenv(name, value)
    desk.run("2026-06-15")
    approved(desk)
    desk.run("2026-06-16")
    engine = open_reporting(postgres_url)
    found = as_of(engine, desk.now, metrics=[TOTAL_COST], grain="month", segments=False).to_pylist()
    engine.dispose()
    for row in found:
        month = row["period_start"].isoformat()[:7]
        priority = "low" if month >= "2026-04" else "high"
        assert row["value"] == pytest.approx(cost(desk, priority, month))
        assert row["version"] == (2 if month >= "2026-04" else 1)
