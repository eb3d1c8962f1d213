"""Every kind of check exists, says its dimension and severity, and its results fit the published table.

Source: publication rules, data_quality_result; the kinds are those of `docs/quality.md`.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.steps.publication import quality_row
from quality import (
    CheckResult,
    Dimension,
    Judge,
    LoadState,
    Severity,
    freshness_results,
    run_published_checks,
    run_staging_checks,
    run_value_checks,
)
from tests.integration.quality.small_company import NOW, catalogue, query, table, values, warehouse

KINDS = {
    "schema": ("columns.present", Dimension.SCHEMA),
    "volume": ("crm.accounts.volume", Dimension.VOLUME),
    "freshness": ("crm.accounts.freshness", Dimension.FRESHNESS),
    "completeness": ("account_id.not_null", Dimension.COMPLETENESS),
    "uniqueness": ("account_id.unique", Dimension.UNIQUENESS),
    "referential integrity": ("references_crm_accounts_by_account_id", Dimension.CONSISTENCY),
    "validity": ("kpi_value.share_bounded", Dimension.VALIDITY),
    "driver identities": ("kpi_value.drivers_reconcile", Dimension.RECONCILIATION),
    "totals are sums of segments": ("kpi_value.total_is_sum_of_segments", Dimension.RECONCILIATION),
    "published is computed": ("published_kpi_value.equal", Dimension.RECONCILIATION),
    "distribution drift": ("kpi_value.values_drifted", Dimension.VALIDITY),
    "hand-written": ("crm.opportunities.won_is_closed", Dimension.CONSISTENCY),
}


@pytest.fixture(scope="module")
def results(judge: Judge) -> list[CheckResult]:
    """One run of everything over the small company."""
    checked, frame = catalogue(), table(values())
    loaded = [LoadState("salesforce", "crm.accounts", NOW - timedelta(hours=1))]
    return [
        *run_staging_checks(
            checked, query(warehouse(100)), row_counts={"crm.accounts": 90}, now=NOW, judge=judge
        ),
        *run_value_checks(checked, frame, previous=frame, now=NOW, judge=judge),
        *run_published_checks(checked, frame, frame, now=NOW, judge=judge),
        *(check for _, check in freshness_results(checked, loaded, NOW)),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_is_there_with_its_dimension(results: list[CheckResult], kind: str) -> None:
    ending, dimension = KINDS[kind]
    found = [result for result in results if result.check_id.endswith(ending)]
    assert {result.dimension for result in found} == {dimension}, kind


def test_every_dimension_is_covered(results: list[CheckResult]) -> None:
    assert {result.dimension for result in results} == set(Dimension)
    assert {result.severity for result in results} == set(Severity)


def test_every_result_is_a_row_of_the_published_table(results: list[CheckResult]) -> None:
    rows = [quality_row(result) for result in results]
    assert len({(row.check_id, row.asset) for row in rows}) == len(rows)
    assert all(row.rows_checked is not None for row in rows if row.dimension == "uniqueness")


def test_the_page_names_checks_that_exist(results: list[CheckResult]) -> None:
    page = (Path(__file__).parents[3] / "docs" / "quality.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(kpi_value\.[a-z_]+|published_kpi_value\.[a-z_]+)`", page)) - {
        "kpi_value.mrr_movements"
    }
    assert len(named) > 10
    assert named - {result.check_id for result in results} == set()
