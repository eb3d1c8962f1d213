"""How late an asset is. Source: quality rules, freshness."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from definitions.model import Span
from quality import LoadState, Severity, freshness_results
from tests.integration.quality.small_company import NOW, catalogue

TWO_DAYS = timedelta(days=2)
LOADED = LoadState("salesforce", "crm.opportunities", last_success_at=NOW, data_through=NOW - TWO_DAYS)


def judged(state: LoadState, **metric_changes: object):
    base = catalogue()
    changed = {n: replace(m, **metric_changes) for n, m in base.metrics.items()}  # type: ignore[arg-type]
    return freshness_results(replace(base, metrics=changed), [state], NOW)[0]


def test_data_exactly_at_its_promise_is_not_late() -> None:
    fresh, check = judged(LOADED)
    assert not fresh.is_late
    assert check.passed
    assert fresh.sla == TWO_DAYS


def test_a_second_over_is_late_and_only_warns() -> None:
    fresh, check = judged(replace(LOADED, data_through=NOW - TWO_DAYS - timedelta(seconds=1)))
    assert fresh.is_late
    assert not check.passed
    assert check.severity is Severity.WARN
    assert check.observed == TWO_DAYS.total_seconds() + 1
    assert "won_value" in check.metric_ids


def test_the_closest_promise_of_the_metrics_counts() -> None:
    fresh, _ = judged(LOADED, freshness=Span.parse("6 hours"))
    assert fresh.sla == timedelta(hours=6)
    assert fresh.is_late


def test_an_own_promise_counts_before_the_metrics() -> None:
    fresh, _ = judged(replace(LOADED, sla=timedelta(days=9)), freshness=Span.parse("6 hours"))
    assert not fresh.is_late


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (None, "crm.opportunities was never loaded"),
        ("401 from login", "crm.opportunities was never loaded: 401 from login"),
    ],
)
def test_an_asset_that_never_loaded_is_late(error: str | None, message: str) -> None:
    state = LoadState("salesforce", "crm.opportunities", last_success_at=None, error=error)
    fresh, check = judged(state)
    assert fresh.is_late
    assert check.message == message


def test_without_data_through_the_last_success_stands_in() -> None:
    fresh, _ = judged(LoadState("salesforce", "crm.accounts", last_success_at=NOW - timedelta(days=1)))
    assert not fresh.is_late
