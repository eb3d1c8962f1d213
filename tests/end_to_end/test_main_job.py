"""The main job, end to end: the embedded company over HTTP, through Dagster, to what readers and receivers see."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from connectors.sandbox.company.stories import BAD_RELEASE, OUTAGES
from connectors.sandbox.traps import Fault, Kind, Traps
from definitions import CatalogueError
from pipelines.definitions import build_definitions
from pipelines.installation import Installation
from pipelines.querying import compiled
from pipelines.running import RunOutcome, dagster_instance, run_job
from pipelines.sandboxed import SandboxInstallation, sandbox_installation
from pipelines.steps.alerts import deliver, raise_run_failed
from pipelines.steps.compute import VALUES
from pipelines.warehouse import open_warehouse
from pipelines.workspace import Workspace


@dataclass(frozen=True)
class Company:
    """The running sandbox after its first run."""

    running: SandboxInstallation
    instance: dg.DagsterInstance
    first: RunOutcome

    def run(self, **changes: Any) -> RunOutcome:
        """Run the daily job, on the installation as it is or with parts of its workspace replaced."""
        workspace = replace(self.running.workspace, **changes)
        return run_job(Installation.load(workspace), self.instance)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Rows of the reporting database, as a BI tool reads it."""
        path = self.running.workspace.home / "reporting.db"
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql)]

    def batches(self) -> int:
        return int(self.rows("SELECT count(*) AS n FROM publish_batch WHERE state = 'published'")[0]["n"])


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    before = dict(os.environ)
    home = tmp_path_factory.mktemp("vitals")
    with sandbox_installation(home) as running, dagster_instance(home) as instance:
        first = run_job(running.load(), instance)
        yield Company(running, instance, first)
    os.environ.clear()
    os.environ.update(before)


def test_the_first_run_publishes_one_batch(company: Company) -> None:
    assert company.first.failures == ()
    assert company.first.succeeded
    assert company.batches() == 1


def test_what_is_planned_for_the_future_raises_no_check(company: Company) -> None:
    """A deadline or a paid-until day lies ahead by nature; an owner must not be alerted of it."""
    failed = company.rows("SELECT message FROM check_results WHERE NOT passed")
    assert failed == []


def test_views_hold_every_metric_with_target_status_and_owner(company: Company) -> None:
    latest = {row["metric_id"]: row for row in company.rows("SELECT * FROM kpi_latest")}
    catalogue = company.running.load().catalogue
    assert set(latest) == set(catalogue.metrics)
    assert latest["csat"]["target_value"] == pytest.approx(0.86)
    assert latest["csat"]["owner_name"] == "Sofia Duarte"
    assert {row["status"] for row in latest.values()} >= {"red", "green", "no_target"}
    assert company.rows("SELECT count(*) AS n FROM kpi_monthly")[0]["n"] > 500
    assert len(company.rows("SELECT * FROM okr_progress")) == 12
    dictionary = {row["metric_id"] for row in company.rows("SELECT metric_id FROM metric_dictionary")}
    assert dictionary == set(catalogue.metrics)
    assert company.rows("SELECT count(*) AS n FROM data_health")[0]["n"] > 20


def test_a_question_answers_what_is_published(company: Company) -> None:
    """Every shipped metric at every grain, and by week and month at every segment: `vitals query` computes the value
    that a run publishes, not another one.

    A value withheld for its small sample is known to the question; a zero may stand where a segment has not begun.
    """
    workspace, catalogue = company.running.workspace, company.running.load().catalogue
    with open_warehouse(workspace.warehouse_url, read_only=True) as warehouse:
        kept = "grain IN ('week', 'month') OR (segment_dimension = '' AND grain NOT LIKE 'trailing%')"
        published = warehouse.query(f"SELECT * FROM {VALUES} WHERE {kept}").to_pandas(date_as_object=False)
        for (grain, dimension), rows in published.groupby(["grain", "segment_dimension"]):
            by = dimension.split("|") if dimension else []
            metrics = sorted(rows["metric"].unique())
            for names in (metrics[at : at + 8] for at in range(0, len(metrics), 8)):
                statement = compiled(catalogue, names, now=workspace.now(), by=by, grain=grain)
                answer = warehouse.query(statement.sql()).to_pandas(date_as_object=False)
                answer["segment_value"] = ["|".join(map(_as_text, row)) for row in answer[by].to_numpy()]
                asked = answer.rename(columns={"metric_time": "period_start"}).melt(
                    ["period_start", "segment_value"], names, "metric", "asked"
                )
                both = rows[rows["metric"].isin(names)].merge(
                    asked, "outer", on=["metric", "period_start", "segment_value"]
                )
                both = both[both["value_state"] != "insufficient_sample"]
                same = np.isclose(both["value"], both["asked"], rtol=1e-9, atol=1e-9, equal_nan=True)
                before_it_begins = both["value_state"].isna() & both["asked"].eq(0)
                assert both[~same & ~before_it_begins].empty, both[~same & ~before_it_begins]


def _as_text(value: object) -> str:
    """A dimension's value as a segment's name."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_ratio_and_progress_are_both_there_and_apart(company: Company) -> None:
    rows = {row["key_result_key"]: row for row in company.rows("SELECT * FROM okr_progress")}
    csat = rows["csat-up"]
    assert csat["ratio"] is not None
    assert csat["progress"] is not None
    assert csat["ratio"] != csat["progress"]


def test_no_published_number_is_nan_or_infinite_and_null_has_a_reason(company: Company) -> None:
    bad = company.rows(
        "SELECT count(*) AS n FROM kpi_monthly WHERE (value IS NULL) <>"
        " (value_state IN ('no_data', 'insufficient_sample', 'blocked'))"
        " OR (value IS NULL AND state_reason IS NULL) OR abs(value) > 1e300"
    )
    assert bad[0]["n"] == 0


def test_mrr_movements_add_up_to_the_cent(company: Company) -> None:
    """Source: catalogue rules, 'MRR movements are defined month-net per account'."""
    rows = company.rows(
        "SELECT metric_id, month_start, value FROM kpi_monthly WHERE metric_id IN ('mrr', 'new_mrr',"
        " 'expansion_mrr', 'reactivation_mrr', 'contraction_mrr', 'churned_mrr') ORDER BY month_start"
    )
    months: dict[str, dict[str, float]] = {}
    for row in rows:
        months.setdefault(row["month_start"], {})[row["metric_id"]] = float(row["value"] or 0)
    ordered = sorted(months)
    checked = 0
    for before, month in itertools.pairwise(ordered):
        now = months[month]
        moved = (
            now.get("new_mrr", 0)
            + now.get("expansion_mrr", 0)
            + now.get("reactivation_mrr", 0)
            - now.get("contraction_mrr", 0)
            - now.get("churned_mrr", 0)
        )
        assert now["mrr"] - months[before]["mrr"] == pytest.approx(moved, abs=0.005)
        checked += 1
    assert checked > 24


def test_the_planted_stories_are_flagged(company: Company) -> None:
    flags = company.rows("SELECT metric_id, period_start, effect FROM open_anomalies")
    metrics = {row["metric_id"] for row in flags}
    outage = OUTAGES[-1].day.isoformat()
    assert any(row["metric_id"] == "ticket_volume" and row["period_start"] == outage for row in flags)
    assert {"csat", "new_bugs"} <= metrics
    release = [row for row in flags if row["metric_id"] == "new_bugs"]
    assert min(row["period_start"] for row in release) >= BAD_RELEASE.start.isoformat()
    assert all(row["effect"] == "unfavourable" for row in release)


def test_alerts_arrive_once(company: Company) -> None:
    company.running.sandbox.advance(hours=3)  # quiet hours end at seven
    report = deliver(company.running.load(), os.environ, 30.0)
    kept = [*company.running.webhook.kept, *company.running.mail.kept]
    assert report.failed == 0
    assert kept
    keys = [arrival.key for arrival in kept]
    assert len(keys) == len(set(keys))
    again = deliver(company.running.load(), os.environ, 30.0)
    assert again.sent == 0
    assert len(company.running.webhook.kept) + len(company.running.mail.kept) == len(kept)


def test_every_metric_is_an_asset_with_owner_lineage_and_line(company: Company) -> None:
    definitions = build_definitions(company.running.load())
    graph = definitions.resolve_asset_graph()
    for name in company.running.load().catalogue.metrics:
        node = graph.get(dg.AssetKey(["kpi", name]))
        assert node.owners
        assert node.description
        assert node.tags["vitals/team"]
        assert "dagster/code_references" in node.metadata
        assert node.parent_keys or name
    csat = graph.get(dg.AssetKey(["kpi", "csat"]))
    assert dg.AssetKey(["support", "satisfaction_ratings"]) in csat.parent_keys
    ratings = graph.get(dg.AssetKey(["support", "satisfaction_ratings"]))
    assert dg.AssetKey(["raw", "intercom", "conversations"]) in ratings.parent_keys
    published = graph.get(dg.AssetKey(["published", "kpi_values"]))
    assert dg.AssetKey("kpi_values") in published.parent_keys
    assert {schedule.name for schedule in definitions.schedules or []} == {"daily_morning", "weekly_review"}


def test_one_metric_can_be_selected_alone(company: Company) -> None:
    outcome = run_job(company.running.load(), company.instance, assets=["kpi/win_rate"])
    assert outcome.succeeded
    events = company.instance.all_logs(outcome.run_id)
    made = {
        entry.dagster_event.asset_key.to_user_string()
        for entry in events
        if entry.dagster_event
        and entry.dagster_event.is_step_materialization
        and entry.dagster_event.asset_key
    }
    assert made == {"kpi/win_rate"}


# ── bad input: a clear error, nothing published, nothing lost ───────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(Kind.UNAUTHORIZED, times=None), "401"),
        (Fault(Kind.THROTTLED, times=None, wait=0.0), "429"),
        (Fault(Kind.SERVER_ERROR, times=None), "500"),
        (Fault(Kind.HTML, times=None), "jira"),
        (Fault(Kind.NOT_UTF8, times=None), "jira"),
        (Fault(Kind.TRUNCATED, times=None), "jira"),
    ],
    ids=lambda value: value.kind.name.lower() if isinstance(value, Fault) else "",
)
def test_a_vendor_that_answers_badly_ends_in_a_clear_error(
    company: Company, fault: Fault, said: str, tmp_path: Path
) -> None:
    sources = tmp_path / "sources"
    shutil.copytree(company.running.workspace.sources, sources)
    jira = sources / "jira.yml"
    jira.write_text(jira.read_text() + "limits: {attempts: 2, backoff_seconds: 0.01, budget_seconds: 5}\n")
    before, raw = company.batches(), _raw_files(company)
    company.running.sandbox.jira.traps = Traps(faults=(fault,))
    try:
        outcome = company.run(sources=sources)
    finally:
        company.running.sandbox.jira.traps = Traps()
    assert not outcome.succeeded
    (step, message), *_ = outcome.failures
    assert step == "pull_jira"
    assert said in message.lower()
    assert "canary" not in message
    assert company.batches() == before
    assert raw <= _raw_files(company)
    systems = ("jira",)
    assert raise_run_failed(company.running.load(), "daily", outcome.run_id, message, systems) >= 0


def _raw_files(company: Company) -> set[Path]:
    return {path for path in company.running.workspace.raw_store.rglob("part-*") if path.is_file()}


def test_an_unwritable_reporting_database_is_named(company: Company) -> None:
    before = company.batches()
    outcome = company.run(reporting_url="sqlite:////proc/nowhere/reporting.db")
    assert not outcome.succeeded
    assert any("/proc/nowhere" in message for _, message in outcome.failures)
    assert company.batches() == before


def test_a_broken_dictionary_is_told_by_line_and_touches_nothing(company: Company, tmp_path: Path) -> None:
    folder = tmp_path / "catalogue"
    shutil.copytree(company.running.workspace.catalogue, folder)
    path = folder / "metrics" / "support.yml"
    path.write_text(
        path.read_text().replace("source: satisfaction_ratings", "source: satisfaction_rating", 1)
    )
    before = company.batches()
    with pytest.raises(CatalogueError) as error:
        company.run(catalogue=folder)
    assert "metrics/support.yml:" in str(error.value)
    assert "satisfaction_ratings" in str(error.value)  # the nearest valid name
    assert company.batches() == before


def test_a_day_later_only_what_changed_is_read_and_the_batch_follows(company: Company) -> None:
    before = company.batches()
    company.running.sandbox.advance(hours=21)
    outcome = company.run()
    assert outcome.succeeded, outcome.failures
    assert company.batches() == before + 1
    newest = company.rows("SELECT max(period_start) AS day FROM kpi_daily WHERE metric_id = 'ticket_volume'")
    assert newest[0]["day"] >= "2026-06-15"


def test_a_failed_error_check_keeps_the_last_good_values_and_says_so(company: Company) -> None:
    """A tier that the dictionary does not know: KPIs that rest on it are held back, the others are published."""
    before = company.batches()
    good = company.rows("SELECT value, month_start FROM kpi_monthly WHERE metric_id = 'csat'"
                        " AND value_state = 'final' ORDER BY month_start DESC LIMIT 1")  # fmt: skip
    # One odd row is a warning; a tenth of them is an error.
    for number in range(180):
        company.running.sandbox.salesforce.put(
            "Account",
            {"Name": f"Odd {number}", "Tier__c": "Platinum", "Region__c": "NA", "Is_Test__c": False},
        )
    company.running.sandbox.advance(hours=1)
    outcome = company.run()
    assert outcome.succeeded, outcome.failures
    assert company.batches() == before + 1
    held = {row["metric_id"]: row for row in company.rows("SELECT * FROM blocked_metrics")}
    assert "csat" in held
    assert "throughput" not in held
    assert good == company.rows(
        "SELECT value, month_start FROM kpi_monthly WHERE metric_id = 'csat'"
        " AND value_state = 'final' ORDER BY month_start DESC LIMIT 1"
    )
    failed = company.rows("SELECT message FROM check_results WHERE NOT passed AND severity = 'error'")
    assert any("tier" in row["message"] for row in failed)


def test_secrets_are_nowhere(company: Company) -> None:
    """Canary tokens of the sandbox in no file that the product wrote. Source: fault rules, 27."""
    home = company.running.workspace.home
    found = [
        path
        for path in home.rglob("*")
        if path.is_file() and "sandbox" not in path.parts and b"canary-" in path.read_bytes()
    ]
    assert found == []


def test_the_clock_variable_is_checked() -> None:
    with pytest.raises(ValueError, match="VITALS_NOW"):
        Workspace.from_environment({"VITALS_NOW": "yesterday"})
