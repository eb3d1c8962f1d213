"""The last check before publication is a Dagster check: counts and samples, also when it refuses the publication."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines.assets.outcomes import CHECK, PUBLISHED_VALUES, outcome_assets
from pipelines.installation import Installation
from pipelines.steps import publication
from pipelines.steps.assess import assess_values
from pipelines.steps.compute import VALUES
from pipelines.warehouse import open_warehouse
from tests.integration.publishing.installed import computed, installed


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return installed(tmp_path)


def publish(installation: Installation, value: float) -> dg.ExecuteInProcessResult:
    """Assess one value and materialise what is published."""
    with open_warehouse(installation.workspace.warehouse_url) as warehouse:
        warehouse.write(VALUES, computed(installation, value))
        assess_values(installation, warehouse)
    [asset] = [a for a in outcome_assets(installation.catalogue) if PUBLISHED_VALUES in a.keys]
    given = {"installation": dg.ResourceDefinition.hardcoded_resource(installation)}
    return dg.materialize([asset], resources=given, raise_on_error=False)


def evaluation(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    [found] = result.get_asset_check_evaluations()
    assert (found.check_name, found.asset_key) == (CHECK, PUBLISHED_VALUES)
    return found


def test_what_is_published_as_computed_passes(installation: Installation) -> None:
    result = publish(installation, 0.9)
    assert result.success
    assert evaluation(result).passed
    assert evaluation(result).metadata["checks"].value == 4


def test_what_is_not_refuses_the_publication_and_names_the_rows(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert publish(installation, 0.9).success
    honest = publication.run_published_checks

    def lossy(catalogue: Any, values: Any, staged: Any, **more: Any) -> Any:
        return honest(catalogue, values, staged.slice(0, 0), **more)

    monkeypatch.setattr(publication, "run_published_checks", lossy)
    result = publish(installation, 0.5)
    assert not result.success
    found = evaluation(result)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    failures = found.metadata["failures"]
    assert isinstance(failures, dg.TableMetadataValue)
    [row] = [record.data for record in failures.records]
    assert (row["check"], row["rows"]) == ("published_kpi_value.equal", 1)
    assert "metric=csat" in str(row["sample"])
