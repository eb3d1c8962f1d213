"""A broken YAML file takes nothing away but itself: its last good text stays, what it breaks is held, and told."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import definitions
from connectors.errors import ConfigurationError
from definitions import CatalogueError
from pipelines.installation import Installation
from pipelines.last_good import check_of_files, load_tolerantly
from pipelines.workspace import Workspace
from quality import decide

SHIPPED = Path(definitions.__file__).parent / "catalogue"
SOURCE = """\
system: files
account: company
settings:
  folder: /tmp
  streams:
    - name: billing_subscriptions
      path: subscriptions.csv
      key: [subscription_id]
      columns:
        - {name: subscription_id, type: string, nullable: false}
"""
NOW = datetime(2026, 6, 15, 6, tzinfo=UTC)
Edit = Callable[[str, str, str], None]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    shutil.copytree(SHIPPED, tmp_path / "catalogue")
    sources = tmp_path / "home" / "sources"
    sources.mkdir(parents=True)
    (sources / "files.yml").write_text(SOURCE)
    made = Workspace.from_environment(
        {"VITALS_HOME": str(tmp_path / "home"), "VITALS_CATALOGUE": str(tmp_path / "catalogue")}
    )
    return replace(made, clock=lambda: NOW)


@pytest.fixture
def edit(workspace: Workspace) -> Edit:
    def change(file: str, old: str, new: str) -> None:
        path = workspace.catalogue / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return change


def names(installation: Installation) -> set[str]:
    return set(installation.catalogue.metrics)


def test_everything_loads_and_is_remembered(workspace: Workspace) -> None:
    first = load_tolerantly(workspace)
    assert first.broken == ()
    kept = {
        path.relative_to(workspace.home / "last_good")
        for path in workspace.home.rglob("last_good/*/**/*.yml")
    }
    assert Path("catalogue/metrics/support.yml") in kept
    assert check_of_files((), NOW).passed


def test_one_wrong_name_holds_one_metric(workspace: Workspace, edit: Edit) -> None:
    before = load_tolerantly(workspace)
    edit("metrics/support.yml", "source: satisfaction_ratings", "source: satisfaction_rating")
    after = load_tolerantly(workspace)
    assert names(after) == names(before)
    (broken,) = after.broken
    assert (broken.file, broken.is_replaced) == ("metrics/support.yml", True)
    assert broken.metrics == ("csat",)
    assert f"metrics/support.yml:{broken.line}:" in broken.problems[0]
    assert "satisfaction_ratings" in broken.problems[0]  # the nearest valid name
    decision = decide([check_of_files(after.broken, NOW)], after.catalogue)
    assert decision.publish
    assert "csat" in decision.blocked
    assert "ticket_volume" not in decision.blocked


def test_broken_syntax_holds_the_metrics_of_the_file(workspace: Workspace, edit: Edit) -> None:
    before = load_tolerantly(workspace)
    edit("metrics/support.yml", "  - name: csat", "  - {name: csat")
    after = load_tolerantly(workspace)
    assert names(after) == names(before)
    (broken,) = after.broken
    here = {
        name for name, one in before.catalogue.metrics.items() if one.location.file == "metrics/support.yml"
    }
    assert set(broken.metrics) == here
    assert "YAML" in broken.problems[0]


def test_a_broken_source_takes_no_metric_with_it(workspace: Workspace, edit: Edit) -> None:
    """Metrics over it do not load either, and are not at fault: their files are as they were."""
    before = load_tolerantly(workspace)
    edit("sources/support.yml", "type: timestamp", "type: timestmp")
    after = load_tolerantly(workspace)
    assert names(after) == names(before)
    assert [(one.file, one.metrics) for one in after.broken] == [("sources/support.yml", ())]
    check = check_of_files(after.broken, NOW)
    assert not check.passed
    assert decide([check], after.catalogue).publish


def test_other_edits_count_while_one_file_is_broken(workspace: Workspace, edit: Edit) -> None:
    load_tolerantly(workspace)
    edit("metrics/support.yml", "source: satisfaction_ratings", "source: satisfaction_rating")
    edit("metrics/sales.yml", "definition: ", "definition: Newly worded. ")
    after = load_tolerantly(workspace)
    assert any(one.definition.startswith("Newly worded.") for one in after.catalogue.metrics.values())
    assert [one.file for one in after.broken] == ["metrics/support.yml"]


def test_mended_is_mended(workspace: Workspace, edit: Edit) -> None:
    load_tolerantly(workspace)
    edit("metrics/support.yml", "source: satisfaction_ratings", "source: satisfaction_rating")
    assert load_tolerantly(workspace).broken
    edit("metrics/support.yml", "source: satisfaction_rating\n", "source: satisfaction_ratings\n")
    assert load_tolerantly(workspace).broken == ()


@pytest.mark.parametrize("was_good", [True, False])
def test_a_new_file_that_never_loaded_is_left_out(workspace: Workspace, was_good: bool) -> None:
    if was_good:
        load_tolerantly(workspace)
    (workspace.catalogue / "metrics" / "newest.yml").write_text("metrics: [")
    after = load_tolerantly(workspace)
    assert [(one.file, one.is_replaced, one.metrics) for one in after.broken] == [
        ("metrics/newest.yml", False, ())
    ]
    assert "csat" in names(after)


def test_nothing_left_is_an_error_that_names_everything(workspace: Workspace) -> None:
    (workspace.catalogue / "teams.yml").write_text("teams: [")
    with pytest.raises(CatalogueError, match=r"teams\.yml:"):
        load_tolerantly(workspace)


def test_a_broken_source_instance_keeps_its_last_good_text(workspace: Workspace) -> None:
    load_tolerantly(workspace)
    path = workspace.sources / "files.yml"
    path.write_text(SOURCE.replace("account: company", "account: [company"))
    after = load_tolerantly(workspace)
    assert [source.config.account for source in after.sources] == ["company"]
    assert [(one.file, one.is_replaced) for one in after.broken] == [("sources/files.yml", True)]


def test_a_source_instance_that_was_never_good_is_refused(workspace: Workspace) -> None:
    """Left out, its tables would be empty and the numbers on them wrong."""
    (workspace.sources / "files.yml").write_text("system: [")
    with pytest.raises(ConfigurationError, match=r"files\.yml"):
        load_tolerantly(workspace)


def test_the_command_line_refuses(workspace: Workspace, edit: Edit) -> None:
    load_tolerantly(workspace)
    edit("metrics/support.yml", "source: satisfaction_ratings", "source: satisfaction_rating")
    with pytest.raises(CatalogueError):
        Installation.load(workspace)
