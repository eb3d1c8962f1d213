"""What readers saw at a past moment, from the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pipelines.cli.app import app
from pipelines.cli.asof import instant
from pipelines.cli.output import Exit

pytestmark = pytest.mark.usefixtures("asked")
NOW = datetime(2026, 6, 16, 6, tzinfo=UTC)


def vitals(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def may(moment: str) -> dict[str, Any]:
    result = vitals("asof", moment, "total_cost", "--grain", "month", "--json")
    assert result.exit_code == Exit.DONE, result.output
    found: dict[str, dict[str, Any]] = {row["period"]: row for row in json.loads(result.stdout)}
    return found["2026-05-01"]


def test_the_value_before_and_after_a_late_row() -> None:
    before, after = may("2026-06-15"), may("2026-06-16")
    assert after["value"] - before["value"] == pytest.approx(1000)
    assert (before["revision"], after["revision"]) == (1, 2)
    assert (after["why"], after["reason"]) == ("restated", "source data changed")
    assert may("now") == after | {"as_of": NOW.isoformat()}


def test_before_the_first_publication_there_is_nothing() -> None:
    assert "nothing was published by 2025-12-31" in vitals("asof", "2025-12-31").output


def test_a_table_for_people_holds_all_metrics() -> None:
    output = vitals("asof", "now", "--grain", "month", "--last", "1").output
    assert output.startswith("As published at 2026-06-16 08:00 CEST")
    for metric in ("tickets_opened", "resolution_rate", "total_cost", "cost_each"):
        assert metric in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("asof", "now", "total_cots"), "did you mean 'total_cost'?"), (("asof", "yesterday"), "no moment")],
)
def test_a_wrong_name_or_moment(arguments: tuple[str, ...], said: str) -> None:
    result = vitals(*arguments)
    assert result.exit_code == Exit.USAGE
    assert said in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("now", "2026-06-16T06:00:00+00:00"),
        ("2026-03-28", "2026-03-28T22:59:59.999999+00:00"),
        ("2026-03-29", "2026-03-29T21:59:59.999999+00:00"),
        ("2026-07-14T08:30", "2026-07-14T06:30:00+00:00"),
        ("2026-07-14T08:30Z", "2026-07-14T08:30:00+00:00"),
    ],
)
def test_moments_are_in_the_companys_zone(text: str, utc: str) -> None:
    assert instant(text, "Europe/Berlin", NOW).isoformat() == utc
