"""The life of a definition through publication: certified, changed, in review, certified anew; deprecated, until its
last day and after it; drafts, in the house or published as such."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from definitions.errors import QueryError
from pipelines.cli.app import app
from pipelines.installation import Installation
from pipelines.querying import notices_of, query
from tests.desk import TEXTS, Desk, daily_tickets

COST = "label: Total cost\n"
RATE = "label: Resolution rate\n"
CHANGED = """    changes:
      - {version: 2, on: 2026-06-16, why: Low ones cost too, proposed_by: ana, approved_by: bob}
"""
REVIEWED = "    reviewed_on: 2026-06-18\n    reviewed_by: bob\n"


def desk_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str = "") -> Desk:
    desk = Desk(tmp_path, texts=TEXTS | {"settings.yml": settings}, tickets=daily_tickets("2026-05-01"))
    for name, value in desk.environment.items():
        monkeypatch.setenv(name, value)
    return desk


def lifecycle(desk: Desk, metric: str) -> str:
    (row,) = desk.published("SELECT lifecycle FROM kpi_latest WHERE metric_id = ?", (metric,))
    return str(row["lifecycle"])


def findings(desk: Desk, rule: str) -> list[dict[str, Any]]:
    return desk.published("SELECT * FROM definition_findings WHERE rule_id = ?", (rule,))


def test_a_certified_metric_that_changes_is_in_review_until_it_is_certified_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = desk_of(tmp_path, monkeypatch)
    desk.change(COST, f"{COST}    status: certified\n")
    desk.run("2026-06-15")
    assert lifecycle(desk, "total_cost") == "certified"

    desk.change("priority = 'high'\n", f"priority = 'low'\n    version: 2\n{CHANGED}")
    assert desk.run("2026-06-16").decision.blocked == {}  # the change itself is approved
    assert lifecycle(desk, "total_cost") == "review"
    (told,) = findings(desk, "STILL_CERTIFIED")
    assert told["message"] == (
        "total_cost changed its meaning (version 2) after it was certified: it counts as in review"
    )
    (change,) = desk.published(
        "SELECT version, change_type, change_reason, proposed_by, approved_by, formula_before, formula_after"
        " FROM metric_changes"
    )
    assert list(change.values()) == [
        2,
        "breaking",
        "Low ones cost too",
        "ana",
        "bob",
        "sum(cost) where priority = 'high'",
        "sum(cost) where priority = 'low'",
    ]

    desk.run("2026-06-17")
    assert lifecycle(desk, "total_cost") == "review"  # time alone certifies nothing
    desk.change(CHANGED, f"{CHANGED}{REVIEWED}")
    desk.run("2026-06-18")
    assert lifecycle(desk, "total_cost") == "certified"
    assert findings(desk, "STILL_CERTIFIED") == []
    (row,) = desk.published(
        "SELECT reviewed_date, reviewed_by, review_due_date FROM metric_dictionary"
        " WHERE metric_id = 'total_cost' AND is_current"
    )
    assert list(row.values()) == ["2026-06-18", "bob", "2026-12-18"]


def test_a_deprecated_metric_answers_until_its_day_and_then_names_its_successor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = desk_of(tmp_path, monkeypatch)
    desk.run("2026-06-15")
    gone = "status: deprecated\n    replaced_by: tickets_opened\n    deprecated_on: 2026-06-20\n"
    desk.change(RATE, f"{RATE}    {gone}")
    desk.run("2026-06-20")
    days = (
        "SELECT max(period_start) AS day FROM kpi_value WHERE is_current AND metric_id = 'resolution_rate'"
        " AND period_grain = 'day'"
    )
    assert desk.published(days) == [{"day": "2026-06-20"}]
    assert lifecycle(desk, "resolution_rate") == "deprecated"
    (told,) = findings(desk, "DEPRECATED_IN_USE") or [None]
    assert told is None  # nothing rests on it
    installation = Installation.load(desk.at("2026-06-20"))
    answer = query(installation, ["resolution_rate"], grain="month")
    assert answer.num_rows
    assert notices_of(answer) == (
        "resolution_rate is deprecated and answers until 2026-06-20: use tickets_opened instead",
    )

    desk.tickets = daily_tickets("2026-05-01", "2026-07-09")
    after = desk.run("2026-07-10")
    assert after.decision.blocked == {}
    assert lifecycle(desk, "resolution_rate") == "retired"
    assert desk.published(days) == [{"day": "2026-06-20"}]
    months = desk.published(
        "SELECT period_start, value_state FROM kpi_value WHERE is_current AND metric_id = 'resolution_rate'"
        " AND period_grain = 'month' AND segment_key = 'total' ORDER BY period_start"
    )
    assert [tuple(row.values()) for row in months] == [("2026-05-01", "final"), ("2026-06-01", "final")]
    assert desk.published("SELECT * FROM balanced_scorecard WHERE metric_id = 'resolution_rate'") == []
    assert desk.published("SELECT * FROM open_anomalies WHERE metric_id = 'resolution_rate'") == []
    with pytest.raises(QueryError, match="answered until 2026-06-20: use tickets_opened instead"):
        query(Installation.load(desk.at("2026-07-10")), ["resolution_rate"])
    monkeypatch.setenv("VITALS_NOW", desk.now.isoformat())
    for command in ("query", "sql"):
        refused = CliRunner().invoke(app, [command, "resolution_rate"])
        assert refused.exit_code != 0
        assert "METRIC_RETIRED" in refused.output
    monkeypatch.setenv("VITALS_NOW", "2026-06-20T06:00:00+00:00")
    told_too = CliRunner().invoke(app, ["query", "resolution_rate", "--json"])
    assert told_too.exit_code == 0
    assert "use tickets_opened instead" in told_too.stderr
    assert "instead" not in told_too.stdout


def test_drafts_stay_in_the_house_where_the_settings_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = desk_of(tmp_path, monkeypatch, "governance: {publish_drafts: false}\n")
    desk.change(RATE, f"{RATE}    status: review\n")
    result = desk.run("2026-06-15")
    assert result.decision.blocked == {}
    values = desk.published("SELECT DISTINCT metric_id FROM kpi_value")
    assert values == [{"metric_id": "resolution_rate"}]
    assert lifecycle(desk, "total_cost") == "draft"
    assert desk.published("SELECT value FROM kpi_latest WHERE metric_id = 'total_cost'") == [{"value": None}]
    assert query(Installation.load(desk.at("2026-06-15")), ["total_cost"]).num_rows == 1

    desk.texts["settings.yml"] = ""
    desk.run("2026-06-16")
    drafts = desk.published("SELECT DISTINCT metric_id FROM kpi_value")
    assert len(drafts) == 6
    assert lifecycle(desk, "total_cost") == "draft"
