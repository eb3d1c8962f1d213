"""What a setting would have flagged: by `vitals backtest` and as a Dagster asset, on the shipped dictionary."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

import definitions
from pipelines.assets.backtest import BACKTEST, backtest_asset
from pipelines.assets.cadence import company_calendar
from pipelines.cli.app import app
from pipelines.definitions import build_definitions
from pipelines.installation import Installation
from pipelines.jobs import build_jobs
from pipelines.publishing import open_reporting
from pipelines.publishing.migrations import upgrade
from pipelines.steps.assess import COLOURED
from pipelines.warehouse import open_warehouse
from pipelines.workspace import Workspace
from tests.integration.anomalies.value_frames import AS_OF, DAYS, FIRST, frame, tickets

CLEAR, EDGE = DAYS - 100, DAYS - 65
"""Days of a spike that any setting flags, and of one that only a loose one does."""

Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation whose values are computed, with nothing said yet."""
    folder = tmp_path_factory.mktemp("vitals")
    workspace = Workspace.from_environment({"VITALS_HOME": str(folder)})
    engine = open_reporting(workspace.reporting_url)
    upgrade(engine)
    engine.dispose()
    (folder / "sources").mkdir()
    with open_warehouse(workspace.warehouse_url) as warehouse:
        warehouse.write(COLOURED, frame(tickets({CLEAR: 90, EDGE: 18})))
    return folder


@pytest.fixture
def environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITALS_HOME", str(home))
    monkeypatch.setenv("VITALS_NOW", f"{AS_OF + timedelta(days=1)}T06:00:00Z")
    monkeypatch.delenv("VITALS_SOURCES", raising=False)
    return home


@pytest.fixture
def run(environment: Path) -> Run:
    def invoke(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["backtest", *arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output

    return invoke


def document(output: str) -> dict[str, Any]:
    (found,) = json.loads(output)
    return dict(found)


def test_last_year_is_replayed_as_each_day_would_have_judged(run: Run) -> None:
    code, output = run("ticket_volume", "--json")
    assert code == 0
    found = document(output)
    assert (found["from"], found["to"]) == ("2025-04-01", "2026-03-31")
    (series,) = found["series"]
    assert (series["metric"], series["grain"], series["tested"]) == ("ticket_volume", "day", 365)
    assert len(found["flags"]) == 1, found["flags"]
    (flag,) = found["flags"]
    assert flag["period"] == (FIRST + timedelta(days=CLEAR)).isoformat()
    assert flag["kind"] == "point"
    assert " tickets on " in flag["explanation"]
    assert flag["detector_version"].startswith("course-")


def test_another_setting_is_compared_with_the_one_in_force(run: Run) -> None:
    code, output = run("ticket_volume", "--set", "detection.point_alarm=2.5", "--json")
    found = document(output)
    assert code == 0
    raised = {(row["raised_by"], row["period"]) for row in found["differences"]}
    assert ("tried", (FIRST + timedelta(days=EDGE)).isoformat()) in raised
    assert not [by for by, _ in raised if by == "now"]
    assert found["series"][0]["flags"] > found["series"][0]["flags_now"] == 1


def test_two_settings_are_compared_with_each_other(run: Run) -> None:
    strict = ("--against", "point_alarm=30", "--against", "burst_alarm=30")
    found = document(run("ticket_volume", *strict, "--set", "point_alarm=3.5", "--json")[1])
    assert [row["raised_by"] for row in found["differences"]] == ["tried"]


def test_a_stretch_outside_of_which_nothing_counts(run: Run) -> None:
    first = FIRST + timedelta(days=CLEAR + 1)
    found = document(run("--from", first.isoformat(), "--to", "2026-03-01", "--json")[1])
    assert found["flags"] == []
    assert found["series"][0]["tested"] == (AS_OF - first).days + 1 - 30


@pytest.mark.parametrize(("name", "begins"), [("t.png", b"\x89PNG"), ("t.svg", b"<svg")])
def test_one_series_is_drawn_into_a_file(run: Run, tmp_path: Path, name: str, begins: bytes) -> None:
    code, output = run("ticket_volume", "--picture", str(tmp_path / name))
    assert code == 0
    assert name in output
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_a_folder_gets_a_picture_per_series(run: Run, tmp_path: Path) -> None:
    assert run("--picture", str(tmp_path / "pictures"))[0] == 0
    (picture,) = (tmp_path / "pictures").iterdir()
    assert picture.name == "ticket_volume_day.svg"
    assert "1 flagged of 365 tested days" in picture.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ticket_volum",), "did you mean 'ticket_volume'"),
        (("--set", "detection.pint_alarm=4"), "did you mean 'detection.point_alarm'"),
        (("--set", "point_alarm=high"), "point_alarm: Input should be a valid number"),
        (("--set", "point_alarm"), "write detection.point_alarm=4"),
        (("--grain", "hour"), "day, week, month, quarter"),
        (("--from", "2026-03-02", "--to", "2026-03-01"), "out of order"),
        (("--picture", "tickets.pdf"), "pictures are .png or .svg"),
        (("csat",), "csat: no values between"),
    ],
)
def test_what_cannot_be_replayed_says_what_to_write(run: Run, arguments: tuple[str, ...], told: str) -> None:
    code, output = run(*arguments)
    assert code == 2
    assert told in " ".join(output.split())


# ── in Dagster ──────────────────────────────────────────────────────────────────────────────────────────────────


def materialize(config: dict[str, Any]) -> dg.ExecuteInProcessResult:
    installation = Installation.load(Workspace.from_environment())
    return dg.materialize(
        [backtest_asset()],
        resources={"installation": installation},
        run_config={"ops": {"backtest": {"config": config}}},
        raise_on_error=False,
    )


def test_the_asset_shows_flags_differences_and_pictures(environment: Path) -> None:
    result = materialize({"metrics": ["ticket_volume"], "changes": ["detection.point_alarm=2.5"]})
    assert result.success
    (event,) = result.asset_materializations_for_node("backtest")
    found = event.metadata
    assert found["days"].value == "2025-04-01 to 2026-03-31"
    assert int(str(found["flags"].value)) > int(str(found["flags_now"].value)) == 1
    flagged = found["flagged"]
    assert isinstance(flagged, dg.TableMetadataValue)
    assert {record.data["metric"] for record in flagged.records} == {"ticket_volume"}
    only = found["only_one_raises"]
    assert isinstance(only, dg.TableMetadataValue)
    assert {record.data["raised_by"] for record in only.records} == {"tried"}
    assert "data:image/png;base64,iVBOR" in str(found["pictures"].value)
    assert (environment / "backtest" / "ticket_volume_day.png").read_bytes().startswith(b"\x89PNG")


def test_a_configuration_that_names_nothing_known_fails_with_the_nearest_name(environment: Path) -> None:
    result = materialize({"metrics": ["ticket_volum"]})
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "did you mean 'ticket_volume'" in str(failure.step_failure_data.error)


def test_the_asset_is_there_for_people_and_in_no_job(environment: Path) -> None:
    workspace = Workspace.from_environment()
    installation = Installation.load(workspace)
    graph = build_definitions(installation).resolve_asset_graph()
    assert BACKTEST in graph.get_all_asset_keys()
    for job in build_jobs(company_calendar(installation.catalogue), workspace.now()):
        assert BACKTEST not in job.selection.resolve(graph), job.name
    assert Path(definitions.__file__).parent / "catalogue" == workspace.catalogue
